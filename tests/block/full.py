#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's disk is full while a guest writes: with werror=enospc (and stop) the guest stands, terminal and QMP tell of it, and
it goes on when there is room; with werror=report it is told, and tries again. Full is what may not grow (RLIMIT_FSIZE) and, where
user namespaces can be had, a small tmpfs."""
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from journal_guest import Journal  # noqa: E402

passed = failed = skipped = 0


def check(what, good, said=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAIL: {what}: {said}")


class Qmp:
    def __init__(self, path):
        for _ in range(200):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")
        self.events = []
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            o = json.loads(self.file.readline())
            if "event" not in o:
                return o.get("return", o)
            self.events.append(o)

    def status(self):
        return self.call("query-status")["status"]


class Limited:
    """Full: files may have so many bytes."""

    name = "RLIMIT_FSIZE"

    def __init__(self, folder):
        self.folder = folder

    def options(self):
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))}

    def make_room(self, guest):
        resource.prlimit(guest.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


class Small:
    """Full: a file system of memory has 16 MiB, and so little of it left that half the journal's pages go in. Another file in
    it goes to make room."""

    name = "tmpfs"

    def __init__(self, folder):
        self.folder = os.path.join(folder, "small")
        os.mkdir(self.folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "tmpfs", self.folder], check=True)

    def options(self):
        free = os.statvfs(self.folder)
        with open(os.path.join(self.folder, "filler"), "wb") as f:
            f.write(b"x" * (free.f_bavail * free.f_bsize - (400 << 10)))
        return {}

    def make_room(self, _guest):
        os.unlink(os.path.join(self.folder, "filler"))


def image_in(full, form):
    image = os.path.join(full.folder, "image")
    subprocess.run(["qemu-img", "create", "-q", "-f", form, image, "8M"], check=True)
    return image


def look(image, form, number, what):
    r = subprocess.run(["./block-tool", "verify", image, str(number), f"readonly=on,format={form}"], capture_output=True, text=True)
    check(f"{what}: all of it is there", r.returncode == 0, r.stderr)
    if form == "qcow2":
        r = subprocess.run(["qemu-img", "check", image], capture_output=True, text=True)
        check(f"{what}: qemu-img check", r.returncode in (0, 3), r.stdout + r.stderr)
    os.unlink(image)


def stands(full, folder, form, werror):
    """It stops, tells, and goes on."""
    what, path = f"{full.name}, {form}, werror={werror}", os.path.join(folder, "qmp")
    image = image_in(full, form)
    options = full.options()
    guest = Journal(folder, 1, "-drive", f"file={image},format={form},if=ide,werror={werror}", "-qmp", f"unix:{path},server,nowait",
                    **options)
    q = Qmp(path)
    check(f"{what}: the guest stands", guest.until(lambda: q.status() == "io-error"), q.status())
    error = next((e["data"] for e in q.events if e["event"] == "BLOCK_IO_ERROR"), {})
    check(f"{what}: BLOCK_IO_ERROR", (error.get("device"), error.get("operation"), error.get("action"), error.get("nospace")) ==
          ("ide0-hd0", "write", "stop", True), error)
    check(f"{what}: STOP", any(e["event"] == "STOP" for e in q.events), q.events)
    check(f"{what}: io-status", q.call("query-block")[0]["io-status"] == "nospace")
    before = guest.number
    q.call("cont")
    check(f"{what}: it is still full", guest.until(lambda: q.status() == "io-error") and guest.number <= before + 7, guest.number)
    full.make_room(guest)
    q.call("cont")
    check(f"{what}: it goes on", guest.until(lambda: guest.number > before + 50), (before, guest.number, q.status()))
    check(f"{what}: the guest was not told", guest.errors == 0, guest.errors)
    check(f"{what}: io-status is ok again", q.call("query-block")[0]["io-status"] == "ok")
    said = guest.kill()
    check(f"{what}: a line on the terminal", said.count("the guest has stopped (io-error): drive ide0-hd0: writing: No space left") == 2,
          said)
    look(image, form, guest.number, what)


def told(full, folder, form):
    """The guest hears of it, and tries again."""
    what = f"{full.name}, {form}, werror=report"
    image = image_in(full, form)
    options = full.options()
    guest = Journal(folder, 1, "-drive", f"file={image},format={form},if=ide,werror=report", **options)
    check(f"{what}: it is told", guest.until(lambda: guest.errors == 1), guest.number)
    before = guest.number
    full.make_room(guest)
    guest.say()
    check(f"{what}: it goes on", guest.until(lambda: guest.number > before + 50), (before, guest.number, guest.errors))
    guest.kill()
    look(image, form, guest.number, what)


def run(full, folder):
    for form in "qcow2", "raw":
        stands(full, folder, form, "enospc")
        stands(full, folder, form, "stop")
        told(full, folder, form)


def main():
    global skipped
    if shutil.which("qemu-img") is None:
        print("SKIP: qemu-img is missing (Debian package: qemu-utils)")
        sys.exit(77)
    if "no QMP" in subprocess.run(["./twin86", "-S", "-serial", "null", "-qmp", "unix:/nonexistent/x", "-timeout", "0.01"],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL).stderr:
        print("SKIP: built without json-c")
        sys.exit(77)
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/var/tmp"), prefix="twin86-full-")
    try:
        if "--tmpfs" in sys.argv:
            run(Small(folder), folder)
        else:
            run(Limited(folder), folder)
            print(f"{passed} passed, {failed} failed, 0 skipped", flush=True)
            inner = ["unshare", "-rm", sys.executable, os.path.abspath(__file__), "--tmpfs"]
            if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode == 0:
                sys.exit(subprocess.run(inner).returncode or failed > 0)
            print("SKIP tmpfs: there are no user namespaces here\n0 passed, 0 failed, 1 skipped")
            sys.exit(failed > 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


main()
