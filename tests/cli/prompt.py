#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""twin86 on a terminal: the monitor's line editor survives every sequence of bytes, and edits; the terminal is as it
should be after stops, however they come; nobody reading it makes twin86 deaf. Python's standard library only."""
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

twin86 = os.environ.get("TWIN86", "./twin86")
tmp = tempfile.mkdtemp()
passed = failed = 0


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen!r}")


def rom(name, code):
    """A 64 KiB firmware whose code lies at F000:FF00."""
    path = os.path.join(tmp, name)
    code = bytes.fromhex(code)
    with open(path, "wb") as f:
        f.write(bytes(0xFF00) + code + bytes(0xF0 - len(code)) + bytes.fromhex("e90dff") + bytes(13))
    return path


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *args, term="xterm"):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = term
            for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(s, signal.SIG_DFL)
            os.execvp(args[0], args)
        self.text = b""
        self.rc = None

    def type(self, data):
        os.write(self.fd, data)

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.text += os.read(self.fd, 65536)
            except OSError:  # nobody has the other end any more
                time.sleep(0.05)

    def wait_for(self, pattern, seconds=20):
        """Wait for it, and drop what came up to its end."""
        end = time.time() + seconds
        while True:
            m = re.search(pattern, self.text, re.S)
            if m:
                self.text = self.text[m.end():]
                return True
            if time.time() > end or self.ended():
                return False
            self.read(0.2)

    def ended(self):
        if self.rc is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.rc = os.waitstatus_to_exitcode(status)
        return self.rc is not None

    def wait_end(self, seconds=20, read=True):
        end = time.time() + seconds
        while not self.ended() and time.time() < end:
            if read:
                self.read(0.05)
            else:
                time.sleep(0.05)
        return self.rc

    def close(self):
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            self.rc = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def monitor(**kw):
    t = Terminal(twin86, "-S", "-monitor", "stdio", "-serial", "null", **kw)
    check("the prompt comes", t.wait_for(rb"\(twin86\) "), t.text)
    return t


def answers(t, what):
    """After whatever was typed: Ctrl-C discards the line, and a command works."""
    t.type(b"\x03\x03")
    t.type(b"print 0x1234+1\r")
    check(what + ": alive", t.wait_for(rb"0x1235"), t.text)


# ---- every sequence ----
ALT_X = [b"\x1bx'\r", b'\xf8"\r', b"\x16a", b"\x1b'\x1b\"", b"\x1b[200~abc\x1b[201~", b"\x1b[", b"\x1bO", b"\x1b[999999999999;1H",
         b"\x1b[" + b";" * 5000 + b"A", b"\x1b[3;5~", b"\x1a", b"\x1c", b"\x13\x11", b"\x18\x18", b"\x1b\x1b\x1b[A",
         b"\x00", b"\xff" * 100, b"\xc3\xa9\xe2\x82\xac\x1b[D\x7f", b"\x80\x1b[D\x1b[D\x7f\x7f", b"x" * 5000 + b"\r",
         b"\xe2\x82" * 3000 + b"\x01\x05\x15", b"\t\t\ti\t\tinfo \t\t", b"\x1b[A" * 300 + b"\x1b[B" * 300, b"\x04\x04",
         b"abc def\x17\x17\x17\x0b\x15", b"\x1bb\x1bf\x1bd\x1bx", b"\x0c"]
t = monitor()
for keys in ALT_X:
    t.type(keys)
    answers(t, repr(keys[:20]))
t.close()

seed = int(os.environ.get("PROMPT_SEED", "1"))
r = random.Random(seed)
words = [b"info registers\r", b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\t", b"\x7f", b"\x1b[3~", b"\x1b[1~", b"\x17", b"\x15",
         b"\xc3\xa9", b"\x1b", b"help\r", b"x" * 80, b"\x03", b"\x1b[4~"]
t = monitor()
for i in range(60):
    keys = b""
    for _ in range(r.randrange(1, 30)):
        keys += r.choice(words) if r.random() < 0.7 else bytes([r.randrange(256)])
    # Ctrl-A is twin86's own key, and 'q' could be a command that ends it: the rest is the editor's
    keys = keys.replace(b"\x01", b"").replace(b"q", b"")
    t.resize(r.randrange(1, 50), r.randrange(1, 200))
    t.type(keys)
    answers(t, f"random keys {i} of seed {seed}")
    if t.ended():
        break
t.close()

# ---- editing ----
t = monitor()
for keys, line in [
    (b"print 12\x7f3\r", b"0xd"),  # backspace
    (b"rint 7\x1b[1~p\r", b"0x7"),  # Home
    (b"prit 7\x1b[D\x1b[D\x1b[Dn\r", b"0x7"),
    (b"print 78\x1b[D\x1b[3~\r", b"0x7"),  # Delete
    (b"nonsense\x15print 9\r", b"0x9"),
    (b"print nonsense\x17 10\r", b"0xa"),
    (b"print 11 nonsense\x1bb\x1b[D\x0b\r", b"0xb"),
    (b"x\x1b[A\r", b"0xb"),  # history
    (b"\x1b[A\x1b[A\x1b[B\r", b"0xb"),
    (b"\x10\x10\x10\x0e\r", b"0xa"),
    (b"prin\t 12\r", b"0xc"),
]:
    t.type(keys)
    check(f"editing {keys!r}", t.wait_for(line + rb"\r\n\(twin86\) "), t.text)
t.resize(24, 30)
t.type(b"print 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1\x1b[1~\x1b[4~+1\r")
check("a line longer than the terminal", t.wait_for(rb"0x13\r\n"), t.text)
t.type(b"quit\r")
check("quit", t.wait_end() == 0, t.rc)
t.close()
for term in ("dumb", ""):
    t = monitor(term=term)
    t.type(b"prinz\x7ft 1+1\r")
    check(f"TERM={term}: a plain line", t.wait_for(rb"0x2\r\n\(twin86\) "), t.text)
    check(f"TERM={term}: no escapes", b"\x1b" not in t.text, t.text)
    t.close()

# ---- a terminal that nobody reads ----
chatty = rom("chatty.rom", "bafb03 b003 ee baf803 b078 ee ebfd")
for args, how in [(("-timeout", "1"), None), ((), signal.SIGTERM), ((), b"\x01x")]:
    t = Terminal(twin86, "-bios", chatty, *args)
    time.sleep(0.7)
    if isinstance(how, bytes):
        t.type(how)
    elif how is not None:
        os.kill(t.pid, how)
    rc = t.wait_end(read=False)
    check(f"a terminal that nobody reads, {args or how}", rc == (8 if args else 0 if isinstance(how, bytes) else -how), rc)
    t.close()

# ---- stopped and continued ----
spin = rom("spin.rom", "ebfe")
t = Terminal("bash", "--norc", "--noediting", "-i")
t.type(b"PS1='#'\r")
t.wait_for(rb"#$")
t.type(f"{twin86} -bios {spin}; echo en''ded\r".encode())


def child():
    try:
        with open(f"/proc/{t.pid}/task/{t.pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def until(condition):
    end = time.time() + 20
    while not condition() and time.time() < end:
        t.read(0.05)
    return condition()


check("raw at first", until(t.raw))
pids = child()
if pids:
    for sig in (signal.SIGTSTP, signal.SIGSTOP, signal.SIGTSTP):
        os.kill(pids[0], sig)
        check(f"{sig.name}: the shell has its terminal", until(lambda: not t.raw()))
        t.wait_for(rb"#$", 5)
        t.type(b"fg\r")
        check(f"{sig.name}, fg: raw again", until(t.raw))
    os.kill(pids[0], signal.SIGSTOP)
    until(lambda: not t.raw())
    t.wait_for(rb"#$", 5)
    t.type(b"bg\r")
    time.sleep(0.5)
    check("bg: the terminal stays the shell's", not t.raw())
    t.type(b"fg\r")
    check("bg, fg: raw again", until(t.raw))
    t.type(b"\x01x")
    check("quit: the prompt is back", t.wait_for(rb"#$"), t.text)
    check("as it was", until(lambda: not t.raw()))
else:
    print("SKIP stops: /proc has no children of a task here")
t.close()

for f in os.listdir(tmp):
    os.unlink(os.path.join(tmp, f))
os.rmdir(tmp)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
