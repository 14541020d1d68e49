#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Pictures of modes.S in all modes by twin86 and by QEMU: modes.py IMAGE TWIN86 QEMU. They are the same but for what
# docs/display.md tells of: colours differ by 3 where six bits became eight, by 7 with 15 bits a pixel (QEMU shifts them
# up); QEMU repeats the eighth dot of characters B0h to BFh, too, which IBM's does for C0h to DFh alone.
import os
import socket
import subprocess
import sys
import tempfile
import time

import glyphs

LIMIT = 60
NAMES = ["03h", "01h", "04h", "06h", "0Dh", "0Eh", "10h", "12h", "13h", "320x240 unchained", "640x480x8",
         "640x480x15", "640x480x16", "640x480x24"]


def connect(path):
    end = time.monotonic() + LIMIT
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            s.settimeout(LIMIT)
            return s
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


# A line, and what comes up to the next prompt.
def command(monitor, line):
    seen = b""
    if line:
        monitor.sendall(line.encode() + b"\n")
    while not seen.endswith(b") "):
        seen += monitor.recv(65536)


def pictures(program, image, folder):
    os.mkdir(folder)
    serial, monitor = folder + "/serial", folder + "/monitor"
    process = subprocess.Popen([*program, "-m", "32M", "-vga", "std", "-display", "none", "-drive",
                                f"file={image},format=raw", "-serial", f"unix:{serial},server=on,wait=off",
                                "-monitor", f"unix:{monitor},server=on,wait=off", "-no-reboot"],
                               stdin=subprocess.DEVNULL)
    found = []
    try:
        line, prompt = connect(serial), connect(monitor)
        command(prompt, "")
        seen = b""
        while len(found) < len(NAMES):
            more = line.recv(4096)
            if not more:
                break
            seen += more
            if seen.endswith(bytes([len(found), 0xff])):
                path = f"{folder}/{len(found)}.ppm"
                command(prompt, f"screendump {path}")
                found.append(glyphs.read_ppm(path))
                line.sendall(b"\n")
                seen = b""
    finally:
        process.kill()
        process.wait()
    return found


# Pixel n of a 80-column screen of 9-dot characters is the ninth dot of one from B0h to BFh: see `fill` in modes.S.
def is_repeated_by_qemu(x, y):
    at = 2 * (y // 16 * 80 + x // 9)
    return x % 9 == 8 and 0xb0 <= (at ^ at >> 8) & 0xff <= 0xbf


# Where a picture of ours differs, or None.
def difference(name, ours, theirs):
    width, height, pixels = ours
    if (width, height) != theirs[:2]:
        return "%ux%u, not %ux%u" % (width, height, *theirs[:2])
    far = 7 if name.endswith("x15") else 3
    for i, (a, b) in enumerate(zip(pixels, theirs[2])):
        if a != b and abs(a - b) > far:
            x, y = i // 3 % width, i // 3 // width
            if not (name == "03h" and is_repeated_by_qemu(x, y)):
                return "byte %u of x=%u y=%u: %u, not %u" % (i % 3, x, y, a, b)
    return None


# Characters of 18 dots, of which QEMU draws 16.
def narrow(picture):
    width, height, pixels = picture
    return width * 8 // 9, height, b"".join(pixels[at:at + 48] for at in range(0, len(pixels), 54))


def main():
    image, twin86, qemu = sys.argv[1:4]
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        ours = pictures([twin86, "-nic", "none"], image, tmp + "/ours")
        theirs = pictures([qemu, "-nic", "none"], image, tmp + "/theirs")
    for n, name in enumerate(NAMES):
        wrong = "no picture" if n >= min(len(ours), len(theirs)) else \
            difference(name, narrow(ours[n]) if name == "01h" else ours[n], theirs[n])
        failed += wrong is not None
        print(f"{'ok  ' if wrong is None else 'FAIL'} mode {name}{': ' + wrong if wrong else ''}")
    print(f"{len(NAMES) - failed} passed, {failed} failed, 0 skipped")
    return failed != 0


sys.exit(main())
