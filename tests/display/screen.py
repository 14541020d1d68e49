#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# What SeaBIOS and GRUB show on the VGA, read from screendumps, and what they make of keys: screen.py TWIN86
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import glyphs

LIMIT = 60
GRUB = "/usr/lib/grub-rescue/grub-rescue-floppy.img"


class Guest:
    def __init__(self, twin86, folder, *args):
        self.dump, path = folder + "/screen.ppm", folder + "/qmp"
        self.process = subprocess.Popen([twin86, "-m", "64M", "-nic", "none", "-vga", "std", "-serial", "null", "-qmp",
                                         f"unix:{path},server=on,wait=off", *args], stdin=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.02)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(LIMIT)
        self.answers = self.socket.makefile()
        self.answers.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.answers.readline())
            if "return" in answer or "error" in answer:
                return answer

    def screen(self):
        self.run("screendump", filename=self.dump)
        return glyphs.text(glyphs.read_ppm(self.dump), GLYPHS)

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while text not in (screen := self.screen()):
            if time.monotonic() > end:
                print(screen)
                return False
            time.sleep(0.05)
        return True

    def press(self, *names):
        for name in names:
            keys = [{"type": "qcode", "data": key} for key in name.split("-")]
            assert "return" in self.run("send-key", keys=keys, **{"hold-time": 10})

    def end(self):
        self.run("quit")
        self.process.wait()


def seabios(twin86, tmp):
    guest = Guest(twin86, tmp, "-boot", "menu=on,splash-time=60000")
    yield "SeaBIOS greets", guest.wait_for("Press ESC for boot menu")
    guest.press("esc")
    yield "Esc opens its menu", guest.wait_for("Select boot device:")
    guest.end()


def grub(twin86, tmp):
    guest = Guest(twin86, tmp, "-fda", GRUB)
    yield "GRUB has a menu", guest.wait_for("*GNU/Linux")
    guest.press("down", "down")
    yield "in which the cursor moves", guest.wait_for("*FreeBSD")
    guest.press("c")
    yield "and a prompt", guest.wait_for("grub>")
    guest.press(*"echo", "spc", "shift-a", *"b1", "shift-1", "ret")
    yield "what is typed is on the screen", guest.wait_for("grub> echo Ab1!")
    yield "and what GRUB answers", guest.wait_for("\nAb1!")
    guest.end()


def main():
    passed = failed = skipped = 0
    for steps, needs in ((seabios, glyphs.VIDEO_BIOS), (grub, GRUB)):
        if not os.path.exists(needs):
            print(f"SKIP {steps.__name__}: there is no {needs}")
            skipped += 1
            continue
        with tempfile.TemporaryDirectory() as tmp:
            for name, good in steps(sys.argv[1], tmp):
                print(("ok   " if good else "FAIL ") + name)
                passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


GLYPHS = glyphs.font() if os.path.exists(glyphs.VIDEO_BIOS) else {}
if __name__ == "__main__":
    sys.exit(main())
