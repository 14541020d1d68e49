# SPDX-License-Identifier: MIT
"""A virtual machine that is lived in: its serial console and its QMP, shared by debian_disk.py and install.py."""
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time

ESCAPES = re.compile(r"\x1b\[[?=0-9;]*[a-zA-Z]|\x1b[()][A-Z0-9]")  # of terminals
RECENT = 8192  # characters of the console among which is what was waited for


class Failure(Exception):
    pass


class Guest:
    """A twin86, or a QEMU, that runs. limit: how many seconds each wait may take; log: a file for what the console says."""

    def __init__(self, program, *options, limit=600, log=os.devnull):
        self.limit = limit
        self.log = open(log, "ab", buffering=0)
        self.folder = tempfile.mkdtemp()
        path = os.path.join(self.folder, "qmp")
        command = [*program, "-nographic", "-qmp", f"unix:{path},server=on,wait=off", *options]
        self.seen = self.before = ""
        self.events = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.qmp = socket.socket(socket.AF_UNIX)
        while self.process.poll() is None:
            try:
                self.qmp.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.replies = self.qmp.makefile("rb")
        self.replies.readline()  # the greeting
        self.command("qmp_capabilities")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def command(self, name):
        """What QMP returns; events that come before are kept."""
        self.qmp.sendall(json.dumps({"execute": name}).encode())
        while True:
            reply = self.next_reply()
            if "event" not in reply:
                return reply

    def next_reply(self):
        line = self.replies.readline()
        if not line:
            raise Failure("QMP has closed")
        reply = json.loads(line)
        if "event" in reply:
            self.events.append(reply["event"])
        return reply

    def wait_event(self, name):
        self.qmp.settimeout(self.limit)
        while name not in self.events:
            self.next_reply()
        self.events = self.events[self.events.index(name) + 1:]

    def expect(self, pattern, limit=None):
        """Wait until the console shows `pattern`; what comes after it is for the next, what came before in `before`."""
        end = time.monotonic() + (limit or self.limit)
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.before = self.seen[:match.start()]
                self.seen = self.seen[match.end():]
                return match
            self.seen = self.seen[-RECENT:]
            data = self.read(end)
            if data is None:
                raise Failure(f"no {pattern!r} came")
            if not data:
                raise Failure(f"the machine ended before {pattern!r} came")
            text = data.decode("utf-8", "replace").replace("\r", "")
            self.seen = ESCAPES.sub("", self.seen + text)  # a sequence may come in two parts
            if "Kernel panic" in self.seen:
                raise Failure("the guest's kernel panicked")

    def read(self, end):
        """What the console says next: nothing at the end of the machine, None if none came until `end`."""
        if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            return None
        data = os.read(self.process.stdout.fileno(), 65536)
        self.log.write(data)
        return data

    def send(self, text):
        self.process.stdin.write(text.encode())

    def shell(self, command, answer):
        """A command whose output, not its echo, holds `answer`."""
        self.send(command + "; echo done:$?\n")
        text = self.expect(r"done:[0-9]+\n").string
        if not re.search(r"(?m)^" + answer, text):
            raise Failure(f"{command}: no {answer!r} came")
        self.expect(r"# ")

    def expect_awake(self):
        """Type until it is heard: what comes before the guest has its serial port again is lost."""
        self.wait_event("WAKEUP")
        end = time.monotonic() + self.limit
        while True:
            self.send("\necho is awa''ke\n")
            try:
                self.expect(r"is awake\n(?s:.*)# ", 5)
                return
            except Failure:
                if time.monotonic() > end:
                    raise

    def log_in(self):
        """As root on Debian's login, with the password of all our disks."""
        self.expect(r"debian login: ")
        self.send("root\n")
        self.expect(r"Password: ")
        self.send("twin86\n")
        self.expect(r"root@debian:~# ")

    def wait_end(self):
        """The exit code."""
        end = time.monotonic() + self.limit
        while True:
            data = self.read(end)
            if data is None:
                raise Failure("the machine does not end")
            if not data:
                return self.process.wait(60)
            self.seen = (self.seen + data.decode("utf-8", "replace"))[-RECENT:]

    def power_off(self):
        self.send("poweroff\n")
        code = self.wait_end()
        if code != 0:
            raise Failure(f"exit code {code} after poweroff")


class Report:
    """How many tests passed, failed and were skipped."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def fail(self, name, why, guest):
        self.failed += 1
        print(f"FAIL {name}: {why}")
        print("  | ".join(("\n" + guest.seen).splitlines(True)[-40:]) if guest else "")

    def skip(self, what, why):
        self.skipped += 1
        print(f"SKIP {what}: {why}")

    def end(self):
        """The exit code of the program."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return self.failed != 0


class Timer:
    """Prints how long parts take, and counts them in a report."""

    def __init__(self, report, name):
        self.report = report
        self.name = name
        self.began = time.monotonic()

    def done(self, what):
        self.report.passed += 1
        now = time.monotonic()
        print(f"ok {self.name}: {what}, {now - self.began:.1f} s", flush=True)
        self.began = now
