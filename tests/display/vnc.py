#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# -vnc, by an RFB client of our own (RFC 6143): pictures, keys, two viewers, another size, hostile bytes: vnc.py TWIN86
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import glyphs
import screen

LIMIT = 60
# Boot sector: types what it reads from the keyboard; an m changes to mode 13h.
SECTOR = bytes.fromhex("30e4cd163c6d7505b81300cd10b40ecd10ebed").ljust(510, b"\0") + b"\x55\xaa"
RAW, DESKTOP_SIZE = 0, -223
passed = failed = 0


def check(what, right):
    global passed, failed
    passed, failed = passed + bool(right), failed + (not right)
    print(("ok " if right else "FAIL ") + what, flush=True)


def encrypted(challenge, password):
    """DES, with the bits of each byte of the key the other way round (RFC 6143, 7.2.2, and its errata)."""
    key = "".join(f"{int(f'{b:08b}'[::-1], 2):02x}" for b in password.encode()[:8].ljust(8, b"\0"))
    return subprocess.run(["openssl", "enc", "-des-ecb", "-K", key, "-nopad", "-provider", "legacy", "-provider",
                           "default"], input=challenge, stdout=subprocess.PIPE, check=True).stdout


class Refused(Exception):
    pass


class Viewer:
    def __init__(self, path, password=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.version = self.take(12)
        self.socket.sendall(b"RFB 003.008\n")
        self.security = self.take(self.take(1)[0])
        self.socket.sendall(b"\x01" if password is None else b"\x02")
        if password is not None:
            self.socket.sendall(encrypted(self.take(16), password))
        if self.take(4) != bytes(4):
            raise Refused(self.security)
        self.socket.sendall(b"\x01")  # others may look, too
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.take(16)
        self.name = self.take(struct.unpack(">I", self.take(4))[0])
        # 32 bits, 24 deep, little endian, true colour: 00RRGGBBh
        self.socket.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.socket.sendall(struct.pack(">BxHii", 2, 2, RAW, DESKTOP_SIZE))
        self.pixels = bytearray(4 * self.width * self.height)
        self.updates = 0
        threading.Thread(target=self.read, daemon=True).start()

    def take(self, count):
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def read(self):
        """As viewers do, always: after a change of size there are more updates than were asked for."""
        try:
            while True:
                self.take_update()
                self.updates += 1
        except (EOFError, OSError):
            pass

    def update(self, changes):
        seen, end = self.updates, time.monotonic() + LIMIT
        self.socket.sendall(struct.pack(">BBHHHH", 3, changes, 0, 0, self.width, self.height))
        while self.updates == seen and time.monotonic() < end:
            time.sleep(0.01)

    def take_update(self):
        while (kind := self.take(1)[0]) != 0:
            assert kind == 2, kind  # a bell
        count = struct.unpack(">xH", self.take(3))[0]
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.take(12))
            if encoding == DESKTOP_SIZE:
                self.width, self.height, self.pixels = w, h, bytearray(4 * w * h)
                continue
            assert encoding == RAW, encoding
            data = self.take(4 * w * h)
            for row in range(h):
                at = 4 * ((y + row) * self.width + x)
                self.pixels[at:at + 4 * w] = data[4 * w * row:4 * w * (row + 1)]

    def ppm(self):
        rgb = bytearray(3 * self.width * self.height)
        for i in range(3):
            rgb[i::3] = self.pixels[2 - i::4]
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + bytes(rgb)

    def press(self, text):
        for c in text:
            for down in 1, 0:
                self.socket.sendall(struct.pack(">BBxxI", 4, down, ord(c)))

    def text(self, folder):
        with open(folder + "/vnc.ppm", "wb") as f:
            f.write(self.ppm())
        return glyphs.text(glyphs.read_ppm(folder + "/vnc.ppm"), screen.GLYPHS)

    def shows(self, text, folder):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            self.update(0)
            if text in self.text(folder):
                return True
            time.sleep(0.03)
        print(self.text(folder))
        return False


def same_as_screendump(guest, viewer):
    """The cursor blinks: soon, not at once."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        guest.run("screendump", filename=guest.dump)
        viewer.update(0)
        if open(guest.dump, "rb").read() == viewer.ppm():
            return True
    return False


def hostile(path):
    """What no viewer says. The server closes the connection or ignores it."""
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"RFB 003.008\n\x01\x01" + b"\xff" * 64, b"RFB 999.999\n",
                 b"RFB 003.008\n\x01\x01\x06\0\0\0\xff\xff\xff\xff", b"RFB 003.008\n\x01\x01\x02\0\xff\xff" + bytes(64),
                 b"RFB 003.008\n\x01\x01\x03\0" + b"\xff" * 8, b"RFB 003.008\n\x01\x01\0\0\0\0" + b"\xff" * 16):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        try:
            s.sendall(data)
        except OSError:
            pass
        s.close()


def is_shut_for_pages(path):
    """A page of any site may open a WebSocket to the host's own ports. True: the connection ends."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(path)
    s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
              b"Sec-WebSocket-Protocol: binary\r\nOrigin: http://localhost\r\n\r\n")
    try:
        while s.recv(4096):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    finally:
        s.close()


def look(twin86, folder):
    path, disk = folder + "/vnc", folder + "/disk"
    with open(disk, "wb") as f:
        f.write(SECTOR.ljust(1 << 20, b"\0"))
    guest = screen.Guest(twin86, folder, "-drive", f"file={disk},format=raw", "-vnc", f"unix:{path}")
    check("the socket is its owner's alone", os.stat(path).st_mode & 0o777 == 0o600)
    one = Viewer(path)
    check("the handshake", one.version == b"RFB 003.008\n" and 1 in one.security and one.name == b"twin86")
    check("the guest's text", one.shows("Booting from Hard Disk", folder))
    one.press("abcXYZ-09")
    check("keys reach the guest", one.shows("abcxyz-09", folder))
    check("the picture is screendump's", same_as_screendump(guest, one))
    two = Viewer(path)
    two.press("two")
    check("a second viewer's keys, seen by the first", one.shows("abcxyz-09two", folder))
    check("and by itself", two.shows("abcxyz-09two", folder))
    hostile(path)
    check("hostile bytes: the viewers stay", one.shows("abcxyz-09two", folder))
    check("web pages don't get in", is_shut_for_pages(path))
    two.press("m")
    end = time.monotonic() + LIMIT
    while (one.width, one.height) != (640, 400) and time.monotonic() < end:
        one.update(0)
    check("another size", (one.width, one.height) == (640, 400) and same_as_screendump(guest, one))
    one.socket.close()
    guest.end()
    check("the socket goes with it", guest.process.returncode == 0 and not os.path.exists(path))


def enters(path, password):
    try:
        Viewer(path, password).socket.shutdown(socket.SHUT_RDWR)  # its thread reads: close would wait for that
        return True
    except (Refused, EOFError, ConnectionError):
        return False


def passwords(twin86, folder):
    path, disk = folder + "/vnc2", folder + "/disk"  # look's
    guest = screen.Guest(twin86, folder, "-drive", f"file={disk},format=raw", "-display",
                         f"vnc=unix:{path},password=on")
    status = guest.run("query-vnc")["return"]
    check("query-vnc", status["enabled"] and status["auth"] == "vnc" and status["host"] == path and
          status["family"] == "unix" and status["clients"] == [])
    check("nobody enters before a password is set", not enters(path, "") and not enters(path, "secret"))
    check("nor without one", not enters(path, None))
    guest.run("set_password", protocol="vnc", password="secret")
    check("the right one", enters(path, "secret"))
    check("wrong ones", not enters(path, "Secret") and not enters(path, "secre") and not enters(path, ""))
    guest.run("change-vnc-password", password="longer than eight")
    check("eight bytes count", enters(path, "longer thing") and not enters(path, "secret"))
    one = Viewer(path, "longer t")
    end, shown = time.monotonic() + LIMIT, ""
    while shown.count("Client: ") != 1 and time.monotonic() < end:  # those that have gone are forgotten soon
        shown = guest.run("human-monitor-command", **{"command-line": "info vnc"})["return"]
    check("info vnc", f"Server: {path} (unix)" in shown and "Auth: vnc" in shown and shown.count("Client: ") == 1)
    guest.run("expire_password", protocol="vnc", time="now")
    check("expired", not enters(path, "longer t"))
    one.update(0)
    check("who is there stays", one.updates > 0)
    guest.run("human-monitor-command", **{"command-line": "expire_password vnc +1000"})
    check("from the monitor", enters(path, "longer t"))
    guest.run("human-monitor-command", **{"command-line": "expire_password vnc 1000"})
    check("a time long ago", not enters(path, "longer t"))
    for line, says in (("expire_password vnc soon", "is no time"), ("set_password spice x", "needs vnc"),
                       ("set_password vnc", "needs vnc")):
        check(line, says in guest.run("human-monitor-command", **{"command-line": line})["return"])
    guest.end()


def refused(twin86, word, line):
    p = subprocess.run([twin86, "-vnc", word], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(f"refused: -vnc {word}", p.returncode == 2 and line in p.stderr and p.stderr.count("\n") == 1)


if __name__ == "__main__":
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        if "libvncserver" in subprocess.run([program, "-vnc", f"unix:{scratch}/no/x"], capture_output=True, text=True,
                                            stdin=subprocess.DEVNULL).stderr:
            print("SKIP VNC: built without libvncserver\n0 passed, 0 failed, 1 skipped")
            sys.exit(0)
        refused(program, "nowhere", "neither [HOST]:DISPLAY nor unix:PATH")
        refused(program, ":70000", "neither [HOST]:DISPLAY nor unix:PATH")
        refused(program, ":1,password=secret", "'password=secret' is not supported")
        look(program, scratch)
        passwords(program, scratch)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed != 0)
