#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that exchange frames over the host's sockets, and what goes wrong with them. Runs in the build tree."""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

twin86 = os.environ.get("TWIN86", "./twin86")
kernel = "tests/net/frames.elf"
tmp = tempfile.mkdtemp()
passed = failed = 0


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen}")


def start(netdev, mac, *more, word="", fds=()):
    return subprocess.Popen([twin86, "-kernel", kernel, "-append", word, "-m", "16M", "-nographic", "-monitor", "none",
                             "-device", "isa-debug-exit", "-netdev", netdev + ",id=n",
                             "-device", f"e1000,netdev=n,mac={mac}", *more],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            pass_fds=fds)


def ended(p):
    out, err = p.communicate(timeout=60)
    return p.returncode, out.strip(), err.strip()


def port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


A, B = "52:54:00:00:00:0a", "52:54:00:00:00:0b"


def pair(what, first, second, word="", fds=((), ()), more=()):
    """Two guests that hear each other."""
    a = start(first, A, *more, word=word, fds=fds[0])
    b = start(second, B, word=word, fds=fds[1])
    many = 2000 if word else 0
    for p, other in ((a, B), (b, A)):
        seen = ended(p)
        want = f"heard {other.replace(':', '')} many {many} wrong 0"
        check(what, seen == (3, want, ""), seen)


def path(name):
    return os.path.join(tmp, name)


def frames_of(stream):
    """Frames that come over a stream."""
    while True:
        head = stream.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return
        yield stream.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL)


def hello(kind):
    body = bytearray(60)
    body[0:6] = b"\xff" * 6
    body[6:12] = bytes.fromhex("525400000099")
    body[12:15] = bytes((0x88, 0xb5, kind))
    body[15:] = bytes((i + 60) & 255 for i in range(15, 60))
    return bytes(body)


def packed(*frames):
    return b"".join(struct.pack(">I", len(f)) + f for f in frames)


def accept(listener):
    listener.settimeout(30)
    return listener.accept()[0]


def listen(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path(name))
    s.listen(1)
    return s


# ---- two guests ----

s = path("stream")
dump = path("dump.pcap")
pair("unix stream, 2,000 frames each way", f"stream,server=on,addr.type=unix,addr.path={s}",
     f"stream,reconnect=1,addr.type=unix,addr.path={s}", word="flood",
     more=("-object", f"filter-dump,id=d,netdev=n,file={dump}"))
check("the socket's file has gone", not os.path.exists(s))
n = port()
pair("tcp stream; the client is first", f"stream,reconnect=1,addr.type=inet,addr.host=127.0.0.1,addr.port={n}",
     f"stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={n}")
x, y = socket.socketpair()
pair("descriptors", f"stream,addr.type=fd,addr.str={x.fileno()}", f"stream,addr.type=fd,addr.str={y.fileno()}",
     fds=((x.fileno(),), (y.fileno(),)))
x, y = path("x"), path("y")
pair("unix datagrams", f"dgram,local.type=unix,local.path={x},remote.type=unix,remote.path={y}",
     f"dgram,local.type=unix,local.path={y},remote.type=unix,remote.path={x}", word="flood")
n, o = port(socket.SOCK_DGRAM), port(socket.SOCK_DGRAM)
udp = "dgram,local.type=inet,local.host=127.0.0.1,local.port={},remote.type=inet,remote.host=127.0.0.1,remote.port={}"
pair("udp", udp.format(n, o), udp.format(o, n))
n, o = port(socket.SOCK_DGRAM), port(socket.SOCK_DGRAM)
pair("socket and dgram", f"socket,udp=127.0.0.1:{n},localaddr=127.0.0.1:{o}", udp.format(n, o))

# ---- what filter-dump wrote ----

data = open(dump, "rb").read()
check("pcap: header", data[:24] == struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65536, 1), data[:24])
at, lengths = 24, []
while at + 16 <= len(data):
    seconds, micro, here, whole = struct.unpack("=IIII", data[at:at + 16])
    if here != whole or micro > 999999 or abs(time.time() - seconds) > 3600:
        break
    lengths.append(here)
    at += 16 + here
check("pcap: all of it", at == len(data) and lengths.count(1514) == 4000, (at, len(data), len(lengths)))

# ---- one guest, and this program at the other end ----

listener = listen("peer")
p = start(f"stream,addr.type=unix,addr.path={path('peer')},reconnect=1", A)
peer = accept(listener)
frame = next(frames_of(peer))
check("a frame has 60 bytes", len(frame) == 60 and frame[6:12] == bytes.fromhex(A.replace(":", "")), frame)
peer.send(struct.pack(">I", 1 << 30) + b"no frame is that long")
check("a length that can't be ends the connection", all(True for _ in frames_of(peer)))
peer = accept(listener)  # and the guest connects again
stream = packed(b"short", b"", b"\0" * 13, b"\xff" * 65553, hello(0), hello(1))
for i in range(0, len(stream), 7001):
    peer.send(stream[i:i + 7001])
check("in pieces", ended(p)[:2] == (3, "heard 525400000099 many 0 wrong 0"))
peer.close()

# A peer that reads nothing: the guest is held, and goes on.
listener = listen("slow")
p = start(f"stream,addr.type=unix,addr.path={path('slow')}", A, word="flood")
peer = accept(listener)
next(frames_of(peer))  # it is up
peer.send(packed(hello(0)))
time.sleep(0.3)
check("it is held", p.poll() is None)
got, answered = 0, False
for f in frames_of(peer):
    got += f[14] == 2
    if got == 2000 and not answered:
        answered = True
        peer.send(packed(*[f] * 2000))
        peer.send(packed(hello(1)))
check("nothing is lost", got == 2000, got)
check("it goes on", ended(p)[:2] == (3, "heard 525400000099 many 2000 wrong 0"))

# ---- refused ----


def refused(words, *args):
    r = subprocess.run([twin86, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    good = r.returncode == 2 and r.stdout == "" and r.stderr.count("\n") == 1 and words in r.stderr
    check(f"refused: {args}", good, (r.returncode, r.stdout, r.stderr))


refused("addr.type=: unix, inet and fd are there", "-netdev", "stream,id=n")
refused("addr.path= is for addr.type=unix", "-netdev", "stream,id=n,addr.type=unix")
refused("needs both", "-netdev", "stream,id=n,addr.type=inet,addr.host=::1")
refused("the nearest is 'addr.path'", "-netdev", "stream,id=n,addr.pth=x")
refused("reconnect=SECONDS waits", "-netdev", f"stream,id=n,addr.type=unix,addr.path={path('none')}")
refused("for one that connects", "-netdev", f"stream,id=n,server=on,reconnect=1,addr.type=unix,addr.path={path('none')}")
refused("is no number", "-netdev", "stream,id=n,addr.type=fd,addr.str=x")
refused("is no stream socket", "-netdev", "stream,id=n,addr.type=fd,addr.str=0")
open(path("file"), "w").close()
refused("is not a socket", "-netdev", f"stream,id=n,server=on,addr.type=unix,addr.path={path('file')}")
refused("is in use", "-netdev", f"stream,id=n,server=on,addr.type=unix,addr.path={path('slow')}")
refused("107", "-netdev", f"stream,id=n,server=on,addr.type=unix,addr.path={'x' * 108}")
refused("remote.type=: unix, inet and fd", "-netdev", "dgram,id=n")
refused("local.type= and its address", "-netdev", "dgram,id=n,remote.type=unix,remote.path=/x")
refused("group's address", "-netdev", "dgram,id=n,remote.type=inet,remote.host=230.0.0.1,remote.port=1")
refused("one of listen=", "-netdev", "socket,id=n")
refused("HOST:PORT is", "-netdev", "socket,id=n,connect=1234")
refused("go together", "-netdev", "socket,id=n,udp=127.0.0.1:1")
refused("script=x is not supported; only script=no is", "-netdev", "tap,id=n,script=x")
refused("only vhost=off is", "-netdev", "tap,id=n,vhost=on")
refused("is no tap device", "-netdev", "tap,id=n,fd=0")
refused("don't go together", "-netdev", "tap,id=n,fd=0,ifname=x")
refused("there is no netdev 'n'", "-object", f"filter-dump,id=d,netdev=n,file={dump}")
refused("needs id=NAME", "-object", "filter-dump,netdev=n")
refused("maxlen=0 is not right", "-object", "filter-dump,maxlen=0")

subprocess.run(["rm", "-r", tmp], check=True)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
