# SPDX-License-Identifier: MIT
"""The guest of journal16.S under twin86, for killed_guest.py and full.py. Run from the build's folder."""
import os
import select
import subprocess
import time

ROM = "tests/block/journal16.rom"
FIRST = 0x40  # where its first number stands


class Journal:
    """One run, from `first` on. number: the last that the guest has said to be flushed; errors: how many it was told of."""

    def __init__(self, folder, first, *options, **popen):
        rom = os.path.join(folder, "journal.rom")
        with open(ROM, "rb") as f:
            data = bytearray(f.read())
        data[FIRST:FIRST + 4] = first.to_bytes(4, "little")
        with open(rom, "wb") as f:
            f.write(data)
        self.number, self.errors, self.text = first - 1, 0, b""
        self.process = subprocess.Popen(["./twin86", "-bios", rom, "-m", "4M", "-serial", "stdio", "-monitor", "none", *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)

    def _take(self, wait, answer):
        """Lines that come within `wait` seconds. False: the end."""
        if not select.select([self.process.stdout], [], [], wait)[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        *lines, self.text = (self.text + data).split(b"\n")
        for line in lines:
            if line.strip() == b"E":
                self.errors += 1
            else:
                self.number = int(line)
            if answer and line.strip() != b"E":
                self.say()
        return bool(data)

    def say(self):
        """The byte for which the guest waits."""
        try:
            self.process.stdin.write(b".")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def go_on(self, seconds):
        """Let it write for that long."""
        end = time.monotonic() + seconds
        while end > time.monotonic() and self._take(max(0, end - time.monotonic()), True):
            pass

    def until(self, done, seconds=60):
        """Let it write until done(); whether that came."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end and self._take(0.05, True):
            pass
        return done()

    def kill(self):
        """SIGKILL; what it had said is taken."""
        self.process.kill()
        while self._take(1, False):
            pass
        self.process.wait()
        return self.process.stderr.read().decode()
