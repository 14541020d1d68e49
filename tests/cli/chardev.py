#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Character devices as programs meet them at their other side: serial ports and monitors on sockets, pseudo-terminals,
FIFOs, files and ring buffers. Python's standard library only. Run in the build tree."""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

twin86 = os.environ.get("TWIN86", "./twin86")
tmp = tempfile.mkdtemp()
passed = failed = 0
running = []


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen}")


def rom(name, code):
    """A 64 KiB firmware whose code lies at F000:FF00."""
    path = os.path.join(tmp, name)
    code = bytes.fromhex(code)
    with open(path, "wb") as f:
        f.write(bytes(0xFF00) + code + bytes(0xF0 - len(code)) + bytes.fromhex("e90dff") + bytes(13))
    return path


def echo_rom(name, page):
    """Sends back what comes, at ports 3F8h (page 3) or 2F8h (page 2)."""
    return rom(name, f"bafb0{page} b003 ee bafd0{page} ec a801 74fb b2f8 ec 88c4 b2fd ec a820 74fb 88e0 b2f8 ee b2fd ebe6")


echo, echo2 = echo_rom("echo.rom", 3), echo_rom("echo2.rom", 2)
# writes for ever, without or with a look whether the port takes more
chatty = rom("chatty.rom", "bafb03 b003 ee b2f8 b041 ee ebfd")
polite = rom("polite.rom", "bafb03 b003 ee b2fd ec a820 74fb b2f8 b042 ee ebf2")
# Hi, then halts; and the same at the debug console's port E9h
hello = rom("hello.rom", "bafb03 b003 ee b2f8 b048 ee b069 ee f4 ebfd")
debug = rom("debug.rom", "b048 e6e9 b069 e6e9 f4 ebfd")


def name(s):
    return os.path.join(tmp, s)


def start(*args, stdin=subprocess.DEVNULL):
    p = subprocess.Popen([twin86, *args], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.append(p)
    return p


def end(p, what):
    p.send_signal(signal.SIGTERM)
    try:
        err = p.communicate(timeout=20)[1].decode()
        check(f"{what}: ends upon SIGTERM", p.returncode == -signal.SIGTERM, (p.returncode, err))
        return err
    except subprocess.TimeoutExpired:
        check(f"{what}: ends upon SIGTERM", False)
        p.kill()
        return ""


def connect(path):
    s = socket.socket(socket.AF_UNIX if isinstance(path, str) else socket.AF_INET)
    s.settimeout(20)
    for _ in range(400):
        try:
            s.connect(path)
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.05)
    sys.exit(f"nobody listens at {path}")


def receive(s, n):
    data = b""
    while len(data) < n:
        try:
            more = s.recv(n - len(data))
        except (TimeoutError, ConnectionResetError):
            break
        if not more:
            break
        data += more
    return data


def talks(what, s, text=b"hello, port\xff\x00"):
    s.sendall(b"\0")  # what comes before the guest has set its port to 8 bits loses its upper ones
    receive(s, 1)
    s.sendall(text)
    got = receive(s, len(text))
    check(f"{what}: what was sent comes back", got == text, got)


class Qmp:
    def __init__(self, s):
        self.f = s.makefile("rw")
        self.greeting = json.loads(self.f.readline())
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.f.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.f.flush()
        while True:
            answer = json.loads(self.f.readline())
            if "event" not in answer:
                return answer.get("return", answer.get("error"))

    def hmp(self, line):
        return self.call("human-monitor-command", **{"command-line": line})


def until(fn):
    for _ in range(400):
        if fn():
            return True
        time.sleep(0.05)
    return False


def sockets():
    p = start("-bios", echo, "-serial", f"unix:{name('a')},server=on,wait=off")
    for turn in ("first client", "second client"):  # one after the other
        s = connect(name("a"))
        talks(f"unix server, {turn}", s)
        s.close()
    end(p, "unix server")
    check("the socket is taken away", not os.path.exists(name("a")))

    p = start("-bios", echo2, "-serial", "null", "-chardev", f"socket,id=x,path={name('b')},server,nowait", "-serial",
              "chardev:x")
    talks("COM2", connect(name("b")), bytes(range(256)) * 40)
    end(p, "COM2")

    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    server.settimeout(20)
    port = server.getsockname()[1]
    p = start("-bios", echo, "-chardev", f"socket,id=x,host=127.0.0.1,port={port},reconnect=1,nodelay=on", "-device",
              "isa-serial,chardev=x")
    for turn in ("at first", "again"):
        s, _ = server.accept()
        s.settimeout(20)
        talks(f"tcp client, {turn}", s)
        s.close()
    end(p, "tcp client")
    server.close()


def waits():
    """The guest does not start before somebody has come."""
    p = start("-bios", hello, "-serial", f"unix:{name('w')},server", "-qmp", f"unix:{name('q')},server,nowait")
    q = Qmp(connect(name("q")))
    check("wait: prelaunch", q.call("query-status")["status"] == "prelaunch")
    s = connect(name("w"))
    check("wait: the guest begins with its client", receive(s, 2) == b"Hi")
    check("wait: running", q.call("query-status")["status"] == "running")
    check("wait: it says for whom", "waiting for connection on: disconnected:unix:" in end(p, "wait"))


def line_of(p):
    return p.stderr.readline().decode()


def terminals():
    p = start("-bios", echo, "-serial", "pty")
    m = re.search(r"char device redirected to (/dev/pts/\d+) \(label serial0\)", line_of(p))
    check("pty: it says which", m)
    for turn in ("first", "second") if m else ():
        fd = os.open(m.group(1), os.O_RDWR | os.O_NOCTTY)
        data, text = b"", b"terminal\r\n"
        for _ in range(100):  # what is sent before the other side was noticed may come back late, or not at all
            os.write(fd, text)
            if select.select([fd], [], [], 0.2)[0]:
                data += os.read(fd, 4096)
            if text in data:
                break
        check(f"pty: {turn} time", text in data, data)
        os.close(fd)
    end(p, "pty")


def fifos():
    os.mkfifo(name("p.in"))
    os.mkfifo(name("p.out"))
    p = start("-bios", echo, "-serial", f"pipe:{name('p')}")
    with open(name("p.in"), "wb", buffering=0) as to, open(name("p.out"), "rb", buffering=0) as back:
        to.write(b"\0")
        data = back.read(1)[1:]
        to.write(b"through pipes")
        while len(data) < 13:
            data += back.read(13)
        check("pipe", data == b"through pipes", data)
    end(p, "pipe")


def files():
    with open(name("f"), "w") as f:
        f.write("before ")
    for k in range(2):
        p = start("-bios", hello, "-chardev", f"file,id=f,path={name('f')},append=on,logfile={name('log')},logappend=on",
                  "-serial", "chardev:f")
        check("file: append", until(lambda: open(name("f")).read() == "before " + "Hi" * (k + 1)), open(name("f")).read())
        end(p, "file")
    check("logfile", open(name("log")).read() == "HiHi")
    p = start("-bios", debug, "-chardev", f"file,id=f,path={name('d')}", "-device", "isa-debugcon,chardev=f", "-serial", "null")
    check("file: debug console", until(lambda: os.path.exists(name("d")) and open(name("d")).read() == "Hi"))
    end(p, "debug console")
    p = start("-bios", chatty, "-chardev", "file,id=f,path=/dev/full", "-serial", "chardev:f")
    err = p.communicate(timeout=20)[1].decode()
    check("file: a full device ends the run", p.returncode == 6 and "/dev/full can't be written" in err, (p.returncode, err))


def rings():
    p = start("-bios", hello, "-chardev", "ringbuf,id=r,size=16", "-serial", "chardev:r", "-chardev", "null,id=n", "-qmp",
              f"unix:{name('r')},server,nowait")
    q = Qmp(connect(name("r")))
    got = []
    until(lambda: got.append(q.call("ringbuf-read", device="r", size=1)) or "".join(map(str, got)) == "Hi")
    check("ringbuf: read", "".join(map(str, got)) == "Hi", got)
    q.call("ringbuf-write", device="r", data=b"0123456789abcdefXY".decode())
    check("ringbuf: the newest stay", q.call("ringbuf-read", device="r", size=100) == "23456789abcdefXY")
    q.call("ringbuf-write", device="r", data="/wBBw6Q=", format="base64")
    check("ringbuf: base64", q.call("ringbuf-read", device="r", size=2, format="base64") == "/wA=")
    check("ringbuf: utf8", q.call("ringbuf-read", device="r", size=9) == "A\u00e4")
    q.call("ringbuf-write", device="r", data="/0E=", format="base64")
    check("ringbuf: what is no text", q.call("ringbuf-read", device="r", size=9) == "\ufffdA")
    check("ringbuf: bad base64", "base64" in str(q.call("ringbuf-write", device="r", data="abc", format="base64")))
    check("ringbuf: monitor", q.hmp("ringbuf_write r \"a\\\\b\"") == "" and "a" in q.hmp("ringbuf_read r 10"))
    check("ringbuf: another kind", "is not a ringbuf" in str(q.call("ringbuf-read", device="n", size=1)))
    check("ringbuf: none", "there is no" in str(q.call("ringbuf-read", device="z", size=1)))
    check("query-chardev", {"label": "r", "filename": "ringbuf", "frontend-open": True} in q.call("query-chardev"),
          q.call("query-chardev"))
    check("info chardev", "r: filename=ringbuf, COM1\n" in q.hmp("info chardev"), q.hmp("info chardev"))
    check("chardev-add", q.hmp(f"chardev-add socket,id=s,path={name('s')},server=on,wait=off") == "")
    connect(name("s")).close()
    for side in ("server=on,wait=off", "server=off"):
        refused = q.hmp(f"chardev-add socket,id=x,host=host.example,port=1,{side}")
        check(f"chardev-add: no names, {side}", "addresses and localhost are" in refused, refused)
    check("chardev-add, again", "already" in q.hmp("chardev-add null,id=s"))
    check("chardev-add, wrong", "not supported" in q.hmp("chardev-add udp,id=u"))
    qmp_chardev_add(q)
    check("chardev-remove, in use", "belongs to COM1" in q.hmp("chardev-remove r"))
    check("chardev-remove", q.hmp("chardev-remove s") == "" and not os.path.exists(name("s")))
    check("chardev-remove by QMP", q.call("chardev-remove", id="n") == {})
    check("chardev-remove, none", "there is no" in str(q.call("chardev-remove", id="n")))
    end(p, "ringbuf")


def qmp_chardev_add(q):
    def add(type_, **data):
        return q.call("chardev-add", id="q", backend={"type": type_, "data": data})

    def names():
        return {c["label"]: c["filename"] for c in q.call("query-chardev")}

    def remove():
        check("chardev-add by QMP: it is there", q.call("chardev-remove", id="q") == {})

    check("chardev-add null", add("null") == {})
    remove()
    address = {"type": "unix", "data": {"path": name("q,comma")}}
    check("chardev-add socket listens, and waits for nobody", add("socket", addr=address) == {})
    check("chardev-add socket", names()["q"].endswith(f"unix:{name('q,comma')},server=on"), names()["q"])
    connect(name("q,comma")).close()
    remove()
    address = {"type": "inet", "data": {"host": "host.example", "port": "1"}}
    for server in (True, False):
        refused = str(add("socket", addr=address, server=server))
        check(f"chardev-add socket: no names, {server}", "addresses and localhost are" in refused, refused)
    check("chardev-add file", add("file", out=name("out"), append=True, logfile=name("log")) == {})
    remove()
    check("chardev-add pty", add("pty")["pty"].startswith("/dev/pts/"))
    remove()
    check("chardev-add ringbuf", add("ringbuf", size=4096) == {})
    remove()
    for wrong, data in (("udp", {}), ("null,id=x", {}), ("file", {"out": name("out"), "in": name("in")}), ("file", {}),
                        ("socket", {"addr": {"type": "vsock", "data": {}}}), ("socket", {"addr": 1}), ("socket", {}),
                        ("ringbuf", {"size": [1]}), ("null", {"logfile": "x" * 20000})):
        refused = str(add(wrong, **data))
        check(f"chardev-add {wrong[:9]} {str(data)[:40]}", "GenericError" in refused, refused)
    check("chardev-add: no backend", "backend" in str(q.call("chardev-add", id="q")))


def monitors():
    server = socket.socket(socket.AF_UNIX)
    server.bind(name("m"))
    server.listen(1)
    server.settimeout(20)
    p = start("-S", "-serial", "null", "-chardev", f"socket,id=m,path={name('m')}", "-mon", "chardev=m,mode=control",
              "-monitor", "pty")
    s, _ = server.accept()
    s.settimeout(20)
    q = Qmp(s)
    check("QMP at a socket that connects", q.call("query-status")["status"] == "prelaunch" and "QMP" in q.greeting)
    m = re.search(r"(/dev/pts/\d+) \(label compat_monitor", line_of(p))
    check("monitor at a pty: it says which", m)
    if m:
        fd = os.open(m.group(1), os.O_RDWR | os.O_NOCTTY)
        data = b""
        while b"(twin86) " not in data and select.select([fd], [], [], 20)[0]:
            data += os.read(fd, 4096)
        os.write(fd, b"info status\n")
        while b"prelaunch" not in data and select.select([fd], [], [], 20)[0]:
            data += os.read(fd, 4096)
        check("monitor at a pty", b"prelaunch" in data, data)
        os.close(fd)
    end(p, "monitors")
    server.close()


def stuck():
    """Whoever does not read holds nobody but the line."""
    for guest in (chatty, polite):
        for more in ([], ["-icount", "shift=0"]):
            what = f"a client that does not read, {os.path.basename(guest)} {' '.join(more)}"
            p = start("-bios", guest, "-serial", f"unix:{name('k')},server=on,wait=off", "-qmp",
                      f"unix:{name('kq')},server,nowait", *more)
            s = connect(name("k"))
            q = Qmp(connect(name("kq")))
            time.sleep(0.3)  # in which its line fills
            check(f"{what}: stop", q.call("stop") == {} and q.call("query-status")["status"] == "paused")
            check(f"{what}: cont", q.call("cont") == {} and q.call("query-status")["status"] == "running")
            end(p, what)
            s.close()
    p = start("-bios", chatty, "-serial", f"unix:{name('k')},server=on,wait=off", "-timeout", "0.5")
    s = connect(name("k"))
    check("-timeout with a client that does not read", p.wait(timeout=20) == 8)


def kept_back():
    """A polite guest loses nothing to a client that reads late."""
    p = start("-bios", polite, "-serial", f"unix:{name('l')},server=on,wait=on", "-qmp", f"unix:{name('lq')},server,nowait")
    s = connect(name("l"))
    q = Qmp(connect(name("lq")))
    time.sleep(0.3)
    data = receive(s, 3 << 20)
    check("late reader: it goes on", data == b"B" * (3 << 20), len(data))
    check("late reader: nothing is lost", "lost" not in q.hmp("info chardev"), q.hmp("info chardev"))
    end(p, "late reader")


try:
    for test in (sockets, waits, terminals, fifos, files, rings, monitors, stuck, kept_back):
        test()
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
    shutil.rmtree(tmp)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
