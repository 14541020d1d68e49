#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The thread that executes the guest does not come back (ptrace keeps it from running): SIGTERM, -timeout and QMP's quit end
twin86 nevertheless, with a line that says so, and QMP's stop answers with an error. Python's standard library only."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

PTRACE_SEIZE, PTRACE_DETACH, PTRACE_INTERRUPT, WALL = 0x4206, 17, 0x4207, 0x40000000
twin86 = os.environ.get("TWIN86", "./twin86")
tmp = tempfile.mkdtemp()
passed = failed = 0
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen!r}")


def finish():
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


rom = os.path.join(tmp, "spin.rom")
with open(rom, "wb") as f:
    f.write(bytes(0xFF00) + b"\xeb\xfe" + bytes(0xEE) + bytes.fromhex("e90dff") + bytes(13))
path = os.path.join(tmp, "qmp")


class Run:
    """A guest whose vCPU thread stands still."""

    def __init__(self, *args):
        self.p = subprocess.Popen([twin86, "-bios", rom, "-serial", "null", "-qmp", f"unix:{path},server,nowait", *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        for _ in range(400):
            try:
                self.s.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.f = self.s.makefile("rwb")
        self.f.readline()
        self.ask("qmp_capabilities")
        self.tid = self.ask("query-cpus-fast")["return"][0]["thread-id"]
        self.traced = libc.ptrace(PTRACE_SEIZE, self.tid, None, None) == 0
        if self.traced:
            libc.ptrace(PTRACE_INTERRUPT, self.tid, None, None)
            libc.waitpid(self.tid, None, WALL)

    def send(self, command, **arguments):
        self.f.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.f.flush()

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        while True:
            answer = json.loads(self.f.readline())
            if "event" not in answer:
                return answer

    def end(self, what, code):
        end = time.time() + 20
        while self.p.poll() is None and time.time() < end:
            libc.waitpid(self.tid, None, WALL | os.WNOHANG)  # a thread that is traced is gone when its tracer knows
            time.sleep(0.02)
        rc = self.p.returncode
        self.p.kill()
        err = self.p.stderr.read().decode()
        check(f"{what}: exit code {code}", rc == code, (rc, err))
        check(f"{what}: one line", err.count("\n") == 1 and "does not answer" in err, err)
        check(f"{what}: the socket has gone", not os.path.exists(path))
        self.s.close()


r = Run()
if not r.traced:
    print("SKIP stuck vCPU: ptrace is not allowed here")
    r.p.kill()
    finish()
answer = r.ask("stop")
check("QMP stop", "does not answer" in answer.get("error", {}).get("desc", ""), answer)
check("QMP query-status", r.ask("query-status")["return"]["status"] == "running")
answer = r.ask("human-monitor-command", **{"command-line": "info registers"})
check("info registers", "does not answer" in answer.get("return", ""), answer)
answer = r.ask("human-monitor-command", **{"command-line": "stop"})
check("monitor stop", "does not answer" in answer.get("return", ""), answer)
answer = r.ask("set-action", reboot="shutdown")
check("QMP set-action", "does not answer" in answer.get("error", {}).get("desc", ""), answer)
for command in ("system_reset", "system_powerdown", "inject-nmi"):
    check(f"QMP {command}", "return" in r.ask(command))
r.send("quit")
r.end("QMP quit", 6)

r = Run()
os.kill(r.p.pid, signal.SIGTERM)
r.end("SIGTERM", -signal.SIGTERM)

r = Run("-timeout", "1.5")
r.end("-timeout", 6)

# one that comes back in the end goes on as if nothing had been asked
r = Run()
check("stop", "error" in r.ask("stop"))
libc.ptrace(PTRACE_DETACH, r.tid, None, None)
time.sleep(0.2)
check("it runs on", r.ask("query-status")["return"]["status"] == "running")
check("stop, later", "return" in r.ask("stop"))
check("it has stopped", r.ask("query-status")["return"]["status"] == "paused")
r.send("quit")
check("quit", r.p.wait(20) == 0, r.p.stderr.read())
for f in os.listdir(tmp):
    os.unlink(os.path.join(tmp, f))
os.rmdir(tmp)
finish()
