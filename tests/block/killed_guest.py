#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""twin86 is killed (SIGKILL) at random moments while a guest writes a journal with cache flushes: what the guest knew to be
flushed is there, and qemu-img check finds no corruption (leaks are told, not counted).

    killed_guest.py [KILLS [IMAGE...]]      for each kind of image, or those of these names; 4 by default
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from journal_guest import Journal  # noqa: E402

# name, format, qemu-img create -o, -drive
IMAGES = [
    ("qcow2", "qcow2", "", ""),
    ("qcow2 of small clusters, O_DIRECT", "qcow2", "cluster_size=4k", "cache=none"),
    ("qcow2, writethrough", "qcow2", "refcount_bits=64", "cache=writethrough"),
    ("raw", "raw", "", ""),
    ("raw, O_DIRECT", "raw", "", "cache=none"),
]
SIZE = 64 << 20


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Counts:
    passed = failed = leaks = 0

    def check(self, what, good, said):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL: {what}: {said}")


def once(counts, folder, image, name, form, drive, number, kill):
    options = f"file={image},format={form},if=ide" + (f",{drive}" if drive else "")
    guest = Journal(folder, number + 1, "-drive", options)
    started = guest.until(lambda: guest.number > number)
    guest.go_on(random.uniform(0, 0.3))
    said = guest.kill()
    what = f"{name}, kill {kill}"
    counts.check(f"{what}: it writes", started, said)
    verified = run("./block-tool", "verify", image, str(guest.number), f"readonly=on,format={form}")
    counts.check(f"{what}: what was flushed up to {guest.number} is there", verified.returncode == 0, verified.stdout)
    if form == "qcow2":
        checked = run("qemu-img", "check", image)
        counts.leaks += checked.returncode == 3
        counts.check(f"{what}: qemu-img check", checked.returncode in (0, 3), checked.stdout)
    return guest.number


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    if shutil.which("qemu-img") is None:
        print("SKIP: qemu-img is missing, which tells whether images are right (Debian package: qemu-utils)")
        sys.exit(77)
    counts = Counts()
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/var/tmp"), prefix="twin86-killed-")
    try:
        for name, form, create, drive in [i for i in IMAGES if len(sys.argv) < 3 or i[0] in sys.argv[2:]]:
            image, number, leaks = os.path.join(folder, "image"), 0, counts.leaks
            subprocess.run(["qemu-img", "create", "-q", "-f", form] + (["-o", create] if create else []) +
                           [image, str(SIZE)], check=True)
            for kill in range(1, kills + 1):
                number = once(counts, folder, image, name, form, drive, number, kill)
            print(f"{name}: {kills} kills, {number} records, {counts.leaks - leaks} times with leaks", flush=True)
            os.unlink(image)
    finally:
        shutil.rmtree(folder)
    print(f"{counts.passed} passed, {counts.failed} failed, 0 skipped")
    sys.exit(counts.failed > 0)


main()
