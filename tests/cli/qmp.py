#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QMP and the monitor over sockets, as programs drive them; Python's standard library only. Run in the build tree."""
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
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


spin = rom("spin.rom", "ebfe")
halt = rom("halt.rom", "fa f4 ebfc")
triple = rom("triple.rom", "2e0f011e0000 cc f4")
reset = rom("reset.rom", "b0fe e664 f4 ebfd")
# puts the ACPI block at 600h (00:01.3, registers 40h and 80h), and sleeps in S3; waking up it does that again
sleepy = rom("sleepy.rom", "66b8400b0080 baf80c 66ef bafc0c 66b801060000 66ef 66b8800b0080 baf80c 66ef bafc0c b001 ee"
             "ba0406 b80024 ef ebfe")
# the same with S4, which is power-off
hibernating = rom("hibernating.rom", "66b8400b0080 baf80c 66ef bafc0c 66b801060000 66ef 66b8800b0080 baf80c 66ef bafc0c"
                  "b001 ee ba0406 b80028 ef ebfe")
# writes to COM2 for ever
speaks = rom("speaks.rom", "baf802 b02e ee b9ffff e2fe ebf6")
# writes 6 (unknown, crash kernel), then 1 (panic) to pvpanic; what it reads there to isa-debug-exit
panic = rom("panic.rom", "ba0505 b006 ee b001 ee ec e6f4 ebfe")
path = os.path.join(tmp, "socket")


class Client:
    """Lines of a socket."""

    def __init__(self, address=path, family=socket.AF_UNIX):
        self.s = socket.socket(family, socket.SOCK_STREAM)
        self.s.settimeout(20)
        for _ in range(200):
            try:
                self.s.connect(address)
                break
            except (BlockingIOError, ConnectionRefusedError):  # the backlog is full; not listening yet
                time.sleep(0.01)
        self.f = self.s.makefile("rwb")

    def send(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        return self.f.readline().decode()

    def until(self, text):
        """Bytes up to and with `text`."""
        got = b""
        while not got.endswith(text.encode()):
            c = self.f.read(1)
            if not c:
                break
            got += c
        return got.decode()

    def close(self):
        self.f.close()
        self.s.close()


class Qmp(Client):
    def __init__(self, *args, negotiate=True):
        super().__init__(*args)
        self.greeting = json.loads(self.line())
        self.events = []
        if negotiate:
            self.call("qmp_capabilities")

    def answer(self):
        while True:
            line = self.line()
            if not line:
                return {}
            o = json.loads(line)
            if "event" not in o:
                return o
            self.events.append(o)

    def call(self, command, **arguments):
        request = {"execute": command, "id": [command, 1]}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.send(json.dumps(request))
        o = self.answer()
        check(f"{command}: id", o.get("id") == [command, 1], o)
        return o

    def hmp(self, line):
        return self.call("human-monitor-command", command_line=line).get("return")

    def event(self, name):
        """Wait for that event, and take all up to it."""
        while True:
            while self.events:
                e = self.events.pop(0)
                if e["event"] == name:
                    return e
            line = self.line()
            if not line:
                return {}
            o = json.loads(line)
            if "event" in o:
                self.events.append(o)


def start(*args):
    p = subprocess.Popen([twin86, "-serial", "null", *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    running.append(p)
    for _ in range(400):
        if os.path.exists(path) or p.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.05)
    return p


def end(p, code, what):
    try:
        p.wait(20)
    except subprocess.TimeoutExpired:
        p.kill()
    p.stderr.close()
    check(f"{what}: exit code", p.returncode == code, p.returncode)
    check(f"{what}: the socket is gone", not os.path.exists(path))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def error_class(o):
    return o.get("error", {}).get("class")


def test_qmp():
    p = start("-bios", spin, "-qmp", f"unix:{path},server,nowait")
    mode = os.stat(path).st_mode
    check("mode 0600", stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode))
    q = Qmp(negotiate=False)
    check("greeting", set(q.greeting["QMP"]) == {"version", "capabilities"} and
          set(q.greeting["QMP"]["version"]["qemu"]) == {"major", "minor", "micro"}, q.greeting)
    q.send('{"execute":"query-status","id":7}')
    o = q.answer()
    check("before negotiation", error_class(o) == "CommandNotFound" and o["id"] == 7 and "qmp_capabilities" in o["error"]["desc"], o)
    check("negotiation", q.call("qmp_capabilities") == {"return": {}, "id": ["qmp_capabilities", 1]})
    check("only once", error_class(q.call("qmp_capabilities")) == "CommandNotFound")
    check("unknown command", error_class(q.call("no-such-command")) == "CommandNotFound")
    check("status", q.call("query-status")["return"] == {"running": True, "status": "running"})
    cpus = q.call("query-cpus-fast")["return"]
    check("cpus", len(cpus) == 1 and cpus[0]["cpu-index"] == 0 and os.path.exists(f"/proc/{p.pid}/task/{cpus[0]['thread-id']}"), cpus)
    check("version", q.call("query-version")["return"] == q.greeting["QMP"]["version"])
    names = {c["name"] for c in q.call("query-commands")["return"]}
    check("commands", {"query-status", "stop", "cont", "quit", "human-monitor-command", "inject-nmi"} <= names, names)
    check("name", q.call("query-name")["return"] == {})
    check("kvm", set(q.call("query-kvm")["return"]) == {"enabled", "present"})

    other = Qmp()  # two clients see the same machine
    q.call("stop")
    check("STOP", "timestamp" in q.event("STOP"))
    check("STOP for the other", "timestamp" in other.event("STOP"))
    check("stopped", other.call("query-status")["return"] == {"running": False, "status": "paused"})
    a, b = q.hmp("info registers"), q.hmp("info registers")
    check("stands still", a == b and "EIP=0000ff00" in a, a)
    check("hmp", q.hmp("print 6*7") == "0x2a\n")
    check("hmp without a line", error_class(q.call("human-monitor-command")) == "GenericError")
    check("hmp of a number", error_class(q.call("human-monitor-command", command_line=5)) == "GenericError")
    check("unknown parameter", error_class(q.call("stop", force=True)) == "GenericError")
    check("high bytes", "unknown command" in q.hmp("\u00e4\u00f6" * 40))
    q.call("cont")
    check("RESUME", q.event("RESUME")["event"] == "RESUME")
    q.call("system_powerdown")
    check("POWERDOWN", q.event("POWERDOWN")["event"] == "POWERDOWN")
    q.call("inject-nmi")
    q.call("system_reset")
    check("RESET", q.event("RESET")["data"] == {"guest": False, "reason": "host-qmp-system-reset"})

    # what is wrong is answered, and the next line works
    for bad in ("{]\n", "nonsense\n", "[1]\n", '"x"\n', "5 \n", "null\n", "{}\n", '{"execute":5}\n', '{"execute":"stop","x":1}\n',
                '{"execute":"stop","arguments":[]}\n', "[" * 100 + "\n", b'{"execute":"\xff"}\n', b"\0\n", '{"execute":"stop","id":NaN}\n', "{'execute':'stop\"}\n", "{'execute':'st\n",
                '{"execute":"' + "x" * 70000 + '"}\n'):
        q.send(bad)
        o = q.answer()
        check("a wrong request is refused", error_class(o) == "GenericError", (bad[:30], o))
        check("and the next one works", q.call("query-status").get("return", {}).get("running") is True, bad[:30])
    for c in '{"execute": "query-status", "id": {"a": [1, null]}}\n':  # byte by byte
        q.send(c)
        time.sleep(0.001)
    o = q.answer()
    check("in pieces", o.get("id") == {"a": [1, None]} and o["return"]["running"], o)
    q.send('{"execute":"query-status"}{"execute":"query-status"} {"execute":"query-name"}')
    check("three at once", [q.answer().get("return") is not None for _ in range(3)] == [True] * 3)

    for text in ("{'execute':'query-status','id':'a\\'b\"c'}\n", "{'execute':\"query-status\",\"id\":'a\\'b\\\"c'}\n",
                 '{"execute":"query-status","id":"a\\\'b\\"c"}\n'):  # QEMU's single quotes
        for pieces in ([text], text):
            for c in pieces:
                q.send(c)
            o = q.answer()
            check("single quotes", o.get("id") == "a'b\"c" and o["return"]["running"], (text, o))

    other.send('{"execute": "query-')  # goes in the middle of a line
    other.close()
    third = Qmp()
    check("after another has gone", third.call("query-status")["return"]["running"])
    third.close()
    check("quit", q.call("quit") == {"return": {}, "id": ["quit", 1]})
    check("SHUTDOWN", q.event("SHUTDOWN").get("data") == {"guest": False, "reason": "host-qmp-quit"})
    end(p, 0, "quit")
    q.close()


def test_input_and_screen():
    p = start("-qmp", f"unix:{path},server,nowait", "-S", "-bios", panic, "-vga", "std")
    q = Qmp()
    picture = f"{tmp}/screen.png"
    key = {"type": "qcode", "data": "a"}
    good = (("screendump", {"filename": f"{tmp}/screen.ppm"}), ("send-key", {"keys": [key, {"type": "number", "data": 30}]}),
            ("send-key", {"keys": [key], "hold-time": 5}),
            ("input-send-event", {"events": [{"type": "key", "data": {"down": True, "key": key}},
                                             {"type": "btn", "data": {"down": True, "button": "left"}},
                                             {"type": "btn", "data": {"down": True, "button": "wheel-up"}},
                                             {"type": "rel", "data": {"axis": "y", "value": -7}}]}))
    bad = (("screendump", {}), ("screendump", {"filename": picture, "format": "gif"}),
           ("screendump", {"filename": picture, "device": "other"}), ("screendump", {"filename": picture, "head": 1}),
           ("send-key", {}), ("send-key", {"keys": []}), ("send-key", {"keys": [{"type": "qcode", "data": "A"}]}),
           ("send-key", {"keys": [{"type": "number", "data": 256}]}), ("send-key", {"keys": [key], "hold-time": 0}),
           ("send-key", {"keys": [key] * 17}), ("input-send-event", {"events": 5}),
           ("input-send-event", {"events": [{"type": "abs", "data": {"axis": "x", "value": 1}}]}),
           ("input-send-event", {"events": [{"type": "btn", "data": {"down": True, "button": "fourth"}}]}),
           ("input-send-event", {"events": [{"type": "rel", "data": {"axis": "z", "value": 1}}]}),
           ("input-send-event", {"events": [{}]}))
    for name, arguments in good:
        answer = q.call(name, **arguments)
        check(f"{name} {arguments}", answer.get("return") == {}, answer)
    for name, arguments in bad:
        answer = q.call(name, **arguments)
        check(f"{name} {arguments} is refused", "error" in answer, answer)
    with open(f"{tmp}/screen.ppm", "rb") as f:
        check("screendump: a picture", f.read(15) == b"P6\n640 480\n255\n")
    q.call("quit")
    q.close()
    end(p, 0, "input and screen")


def test_identity():
    uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    p = start("-bios", spin, "-qmp", f"unix:{path},server,nowait", "-name", "guest=web,process=web1",
              "-uuid", uuid.upper())
    q = Qmp()
    check("name", q.call("query-name")["return"] == {"name": "web"})
    check("uuid", q.call("query-uuid")["return"] == {"UUID": uuid})
    check("info name", q.hmp("info name") == "web\n")
    check("info uuid", q.hmp("info uuid") == uuid + "\n")
    with open(f"/proc/{p.pid}/comm") as f:
        check("process name", f.read() == "web1\n")
    q.call("quit")
    end(p, 0, "identity")
    q.close()


def test_panic():
    p = start("-S", "-no-reboot", "-no-shutdown", "-bios", triple, "-qmp", f"unix:{path},server,nowait")
    q = Qmp()
    check("prelaunch", q.call("query-status")["return"] == {"running": False, "status": "prelaunch"})
    q.call("cont")
    check("GUEST_PANICKED", q.event("GUEST_PANICKED").get("data") == {"action": "pause"})
    check("SHUTDOWN by panic", q.event("SHUTDOWN").get("data") == {"guest": True, "reason": "guest-panic"})
    q.event("STOP")
    check("panicked", q.call("query-status")["return"]["status"] == "guest-panicked")
    check("it can be looked at", "triple fault" in q.hmp("info status") and "EIP" in q.hmp("info registers"))
    check("no going on", error_class(q.call("cont")) == "GenericError")
    q.call("system_reset")
    check("but after a reset", "return" in q.call("cont"))
    check("again", q.event("GUEST_PANICKED").get("event") == "GUEST_PANICKED")
    q.call("set-action", reboot="reset")
    q.call("system_reset")
    q.call("cont")
    q.events.clear()
    reset = q.event("RESET").get("data")
    if reset and not reset["guest"]:  # system_reset's own
        reset = q.event("RESET").get("data")
    check("now it is a reset", reset == {"guest": True, "reason": "guest-reset"})
    q.call("quit")
    end(p, 0, "panic")
    q.close()


def test_pvpanic():
    """What the guest says by pvpanic, under each -action; and it goes on behind it."""
    qmp = ("-qmp", f"unix:{path},server,nowait", "-device", "isa-debug-exit", "-S", "-bios", panic)
    for action, told, reason, code in (("shutdown", "poweroff", "guest-panic", 4), ("exit-failure", "poweroff", "guest-panic", 4),
                                       ("pause", "pause", "guest-shutdown", 7), ("none", "run", "guest-shutdown", 7)):
        p = start(*qmp, "-device", "pvpanic", "-action", f"panic={action}")
        q = Qmp()
        q.send('{"execute":"cont"}')
        check("GUEST_CRASHLOADED", q.event("GUEST_CRASHLOADED").get("data") == {"action": "run"})
        check(f"GUEST_PANICKED: {action}", q.event("GUEST_PANICKED").get("data") == {"action": told})
        if action == "pause":
            q.event("STOP")
            check("panicked", q.call("query-status")["return"]["status"] == "guest-panicked")
            check("it can be looked at", "pvpanic" in q.hmp("info status") and "EIP=0000ff09" in q.hmp("info registers"),
                  q.hmp("info status") + q.hmp("info registers"))
            q.send('{"execute":"cont"}')
        check(f"SHUTDOWN: {action}", q.event("SHUTDOWN").get("data") == {"guest": True, "reason": reason})
        end(p, code, f"panic={action}")
        q.close()
    p = start(*qmp, "-device", "pvpanic,events=1", "-no-shutdown")
    q = Qmp()
    q.send('{"execute":"cont"}')
    check("as -no-shutdown has it", q.event("GUEST_PANICKED").get("data") == {"action": "pause"})
    check("no crash kernel", not q.events, q.events)
    q.call("system_reset")
    for wrong in ({"panic": "stop"}, {"reboot": 1}, {"shutdown": "pause", "panic": None}, {"watchdog": "none"}):
        check("a wrong action", error_class(q.call("set-action", **wrong)) == "GenericError", wrong)
    check("set-action", "return" in q.call("set-action", panic="none", shutdown="poweroff", reboot="shutdown"))
    check("set-action", "return" in q.call("set-action", panic="pause"))
    check("set-action of nothing", "return" in q.call("set-action"))
    q.send('{"execute":"cont"}')
    check("the same after a reset", q.event("GUEST_PANICKED").get("data") == {"action": "pause"})
    q.send('{"execute":"cont"}')
    end(p, 3, "its events")  # it reads 1
    q.close()


def test_guest_reset_and_waiting():
    p = start("-bios", reset, "-qmp", f"unix:{path},server")  # waits for us
    time.sleep(0.2)
    q = Qmp()
    check("RESET by the guest", q.event("RESET").get("data") == {"guest": True, "reason": "guest-reset"})
    q.send('{"execute":"quit"}')
    end(p, 0, "reset")
    q.close()
    p = start("-S", "-bios", triple, "-no-reboot", "-qmp", f"unix:{path},server")
    q = Qmp()
    q.send('{"execute":"cont"}')
    check("a panic that ends it", q.event("GUEST_PANICKED").get("data") == {"action": "poweroff"})
    end(p, 4, "panic without -no-shutdown")
    q.close()
    p = start("-bios", reset, "-no-reboot", "-qmp", f"unix:{path},server")
    time.sleep(0.5)
    check("waits for a client", p.poll() is None)
    q = Client()
    check("greeting", "QMP" in q.line())
    end(p, 0, "started by the client")
    q.close()
    p = start("-S", "-bios", reset, "-no-reboot", "-qmp", f"unix:{path},server")
    q = Qmp()
    q.send('{"execute":"cont"}')
    check("SHUTDOWN by reset", q.event("SHUTDOWN").get("data") == {"guest": True, "reason": "guest-reset"})
    end(p, 0, "wait")
    q.close()


def test_sleep():
    p = start("-bios", sleepy, "-qmp", f"unix:{path}")
    q = Qmp()
    while not q.call("query-status")["return"]["status"] == "suspended":
        time.sleep(0.01)
    check("asleep", q.call("query-status")["return"] == {"running": False, "status": "suspended"})
    check("info status", q.hmp("info status") == "VM status: paused (suspended)\n")
    q.call("stop")
    check("paused", q.call("query-status")["return"] == {"running": False, "status": "paused"})
    q.call("cont")
    check("wakes", q.call("system_wakeup").get("return") == {})
    check("WAKEUP", q.event("WAKEUP")["event"] == "WAKEUP")
    check("SUSPEND", q.event("SUSPEND")["event"] == "SUSPEND")
    check("no RESET", all(e["event"] != "RESET" for e in q.events), q.events)
    q.send('{"execute":"quit"}')
    end(p, 0, "quit in sleep")
    q.close()
    p = start("-bios", spin, "-qmp", f"unix:{path}")
    q = Qmp()
    check("awake", error_class(q.call("system_wakeup")) == "GenericError")
    check("awake, says the monitor", q.hmp("system_wakeup") == "the guest does not sleep (S3)\n")
    q.send('{"execute":"quit"}')
    end(p, 0, "awake")
    q.close()


def test_hibernation():
    p = start("-S", "-bios", hibernating, "-qmp", f"unix:{path}")
    q = Qmp()
    check("current machine", q.call("query-current-machine")["return"] == {"wakeup-suspend-support": True})
    q.send('{"execute":"cont"}')
    check("SUSPEND_DISK", q.event("SUSPEND_DISK").get("event") == "SUSPEND_DISK")
    check("SHUTDOWN follows", q.event("SHUTDOWN").get("data") == {"guest": True, "reason": "guest-shutdown"})
    end(p, 0, "hibernation")
    q.close()


def test_trays():
    disc = os.path.join(tmp, "disc.iso")
    with open(disc, "wb") as f:
        f.write(bytes(65536))
    p = start("-bios", spin, "-drive", f"file={disc},if=none,id=d,media=cdrom,format=raw",
              "-device", "ide-cd,drive=d,id=cd", "-global", "PIIX4_PM.disable_s3=1", "-qmp", f"unix:{path}")
    q = Qmp()
    check("no S3", q.call("query-current-machine")["return"] == {"wakeup-suspend-support": False})

    def moved():
        seen = [e["data"] for e in q.events if e["event"] == "DEVICE_TRAY_MOVED"]
        q.events.clear()
        return seen

    out, into = ({"device": "d", "id": "cd", "tray-open": o} for o in (True, False))
    q.call("eject", id="cd")
    check("eject", moved() == [out])
    q.call("eject", device="d")
    check("eject an open one", moved() == [])
    q.call("blockdev-change-medium", id="cd", filename=disc)
    check("change an open one", moved() == [into])
    q.hmp(f"change d {disc} raw")
    check("change", moved() == [out, into])
    for place, name, words in (("peripheral/b", "guest-stats", "there is no balloon"), ("", "type", "one property")):
        refused = q.call("qom-get", path=f"/machine/{place}", property=name)["error"]["desc"]
        check(f"qom-get {name}", words in refused, refused)
    q.send('{"execute":"quit"}')
    end(p, 0, "trays")
    q.close()


def test_monitor():
    port = free_port()
    p = start("-bios", spin, "-monitor", f"unix:{path},server,nowait", "-monitor", f"tcp::{port}")
    m, t = Client(), Client(("127.0.0.1", port), socket.AF_INET)
    for c in (m, t):
        check("prompt", c.until("(twin86) ").startswith("twin86 "))
    m.send("info status\n")
    check("status", m.until("(twin86) ") == "VM status: running\n(twin86) ")
    m.send("info ver")  # another one talks in the middle of our line
    t.send("stop\r\n")
    check("CR LF", t.until("(twin86) ") == "(twin86) ")
    m.send("sion\ninfo status\n")
    check("version", re.match(r"\d+\.\d+\.\d+\n\(twin86\) $", m.until("(twin86) ")))
    check("stopped by the other", "paused" in m.until("(twin86) "))
    m.send("x" * 9000 + "\nprint 1\n")
    check("a long line", "too long" in m.until("(twin86) "))
    check("and the next", m.until("(twin86) ") == "0x1\n(twin86) ")
    t.send("info re")
    t.close()  # in the middle of a line
    m.send("info status\n")
    check("after that", "paused" in m.until("(twin86) "))
    clients = [Client() for _ in range(12)]
    said = [c.until("(twin86) ") for c in clients]
    check("eight at a time", [bool(s) for s in said] == [True] * 7 + [False] * 5, said)
    for c in clients:
        c.close()
    listening = subprocess.run(["ss", "-ltn"], capture_output=True, text=True).stdout if os.path.exists("/bin/ss") else ""
    if f":{port}" in listening:
        check("loopback only", f"127.0.0.1:{port}" in listening, listening)
    m.send("quit\n")
    end(p, 0, "monitor")
    m.close()


def test_gdbserver():
    """A guest that was started without gdb."""
    p = start("-bios", spin, "-qmp", f"unix:{path},server,nowait")
    q = Qmp()
    where = os.path.join(tmp, "gdb")
    for wrong in ("nonsense", f"unix:{path}", "tcp::0", f"unix:{where},arch=z80", "none"):
        check("gdbserver refuses", not q.hmp(f"gdbserver {wrong}").startswith("Waiting"), wrong)
    check("gdbserver", q.hmp(f"gdbserver unix:{where}") == f"Waiting for gdb connection on device 'unix:{where}'\n")
    check("mode 0600", stat.S_IMODE(os.stat(where).st_mode) == 0o600)
    g = Client(where)
    g.send("+$?#3f")
    check("gdb is answered", re.match(r"\+\$T05thread:1;", g.until("#")))
    check("stopped by gdb", q.call("query-status")["return"]["status"] == "paused")
    check("not twice", "in use" in q.hmp(f"gdbserver unix:{where}"))
    q.call("quit")
    end(p, 0, "gdbserver")
    check("its socket is gone", not os.path.exists(where))
    g.close()
    q.close()


def test_drives():
    """Answers about drives have QEMU's shapes; images change their size."""
    disk, node = os.path.join(tmp, "disk"), os.path.join(tmp, "node")
    for name in disk, node:
        with open(name, "wb") as f:
            f.truncate(1 << 20)
    p = start("-S", "-drive", f"file={disk},format=raw,if=virtio", "-blockdev",
              json.dumps({"driver": "raw", "node-name": "n", "read-only": True, "detect-zeroes": "on",
                          "file": {"driver": "file", "filename": node, "node-name": "f"}}),
              "-device", "ide-cd,drive=n,id=cd", "-qmp", f"unix:{path},server,nowait")
    q = Qmp()
    n, d = q.call("query-block")["return"]
    check("query-block: a drive", (d["device"], d["removable"], d["io-status"], d["type"]) == ("virtio0", False, "ok", "unknown"), d)
    i = d["inserted"]
    check("query-block: its image", (i["file"], i["drv"], i["ro"], i["backing_file_depth"]) == (disk, "raw", False, 0), i)
    check("query-block: the cache", i["cache"] == {"writeback": True, "direct": False, "no-flush": False}, i)
    check("query-block: the size", (i["image"]["virtual-size"], i["image"]["format"]) == (1 << 20, "raw"), i)
    check("query-block: a node", (n["device"], n["qdev"], n["tray_open"], n["inserted"]["node-name"],
                                  n["inserted"]["ro"], n["inserted"]["detect_zeroes"]) == ("", "cd", False, "n", True, "on"), n)
    names = [x["node-name"] for x in q.call("query-named-block-nodes")["return"]]
    check("query-named-block-nodes", names == ["n", "f", "#virtio0", "#virtio0-file"], names)
    s = q.call("query-blockstats")["return"][1]
    check("query-blockstats", (s["device"], s["stats"]["rd_operations"], s["stats"]["timed_stats"]) == ("virtio0", 0, []), s)
    check("block_resize", "return" in q.call("block_resize", device="virtio0", size=2 << 20) and os.path.getsize(disk) == 2 << 20)
    check("block_resize: read-only", "read-only" in q.call("block_resize", node_name="n", size=2 << 20)["error"]["desc"])
    check("block_resize: no drive", "no drive" in q.call("block_resize", device="x", size=2 << 20)["error"]["desc"])
    check("block_resize: no size", "size" in q.call("block_resize", device="virtio0", size=-1)["error"]["desc"])
    check("block_resize in the monitor", q.hmp("block_resize virtio0 3") == "" and os.path.getsize(disk) == 3 << 20)
    check("commit", "no backing file" in q.hmp("commit virtio0") and q.hmp("commit all") == "")
    check("info block -v", "virtual size: 3145728 bytes" in q.hmp("info block -v virtio0"))
    check("info blockstats", "n: rd_bytes=0" in q.hmp("info blockstats"))
    check("eject", "return" in q.call("eject", id="cd") and "[not inserted]" in q.hmp("info block n"))
    check("change", "return" in q.call("blockdev-change-medium", id="cd", filename=node, format="raw"))
    q.call("quit")
    end(p, 0, "drives")
    q.close()


def test_silent_server():
    """While a server of an image says nothing, the guest goes on: QMP and the monitor wait without it."""
    spoken, nbd = os.path.join(tmp, "spoken"), os.path.join(tmp, "nbd")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(spoken)
    listener.listen()
    server = socket.socket(socket.AF_UNIX)
    server.bind(nbd)
    server.listen()
    server.settimeout(20)
    p = start("-bios", speaks, "-serial", f"unix:{spoken}", "-drive", "media=cdrom,id=cd", "-qmp",
              f"unix:{path},server,nowait")
    com2 = listener.accept()[0]
    com2.settimeout(9)  # twin86 waits longer for the server
    q = Qmp()
    for name, request in (("blockdev-change-medium", {"id": "cd", "filename": f"nbd:unix:{nbd}"}),
                          ("human-monitor-command", {"command-line": f"change cd nbd:unix:{nbd}"})):
        q.send(json.dumps({"execute": name, "arguments": request}))
        try:
            silent = server.accept()[0]
        except TimeoutError:
            check(f"{name}: built without libnbd", "libnbd" in json.dumps(q.answer()))
            continue
        com2.setblocking(False)
        while True:  # what is from before
            try:
                com2.recv(65536)
            except BlockingIOError:
                break
        com2.settimeout(9)
        try:
            said = sum(len(com2.recv(1)) for _ in range(16))
        except TimeoutError:
            said = 0
        check(f"{name}: the guest goes on", said == 16)
        silent.close()
        answer = q.answer()
        check(f"{name}: what was wrong is said", "nbd:unix" in json.dumps(answer), answer)
    q.call("quit")
    end(p, 0, "silent server")
    for s in server, listener, com2:
        s.close()
    q.close()


def test_loopback():
    """Another address of this host is not listened at."""
    port = free_port()
    p = start("-bios", spin, "-monitor", f"tcp::{port}", "-qmp", f"unix:{path},server,nowait")
    with open("/proc/net/tcp") as f:
        local = [line.split()[1] for line in f if line.split()[3] == "0A"]
    check("loopback", f"0100007F:{port:04X}" in local and f"00000000:{port:04X}" not in local, local)
    p.send_signal(signal.SIGTERM)
    end(p, -15, "SIGTERM")


def test_stale():
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.close()  # leaves the file
    p = start("-bios", spin, "-qmp", f"unix:{path},server,nowait")
    time.sleep(0.3)
    q = Qmp()
    r = subprocess.run([twin86, "-serial", "null", "-bios", spin, "-qmp", f"unix:{path}"], capture_output=True, text=True)
    check("in use", r.returncode == 2 and "in use" in r.stderr and r.stderr.count("\n") == 1, r)
    check("the first still works", q.call("query-status")["return"]["running"])
    q.call("quit")
    end(p, 0, "stale")
    q.close()


def test_no_descriptors():
    """Clients who come when there are no descriptors wait; they don't keep the loop busy, and are served in the end."""
    p = start("-bios", halt, "-qmp", f"unix:{path},server,nowait")
    q = Qmp()
    used = len(os.listdir(f"/proc/{p.pid}/fd"))
    resource.prlimit(p.pid, resource.RLIMIT_NOFILE, (used + 2, used + 2))
    clients = [Client() for _ in range(5)]
    for c in clients[:2]:
        check("there is one left", "QMP" in c.line())

    def ticks():
        with open(f"/proc/{p.pid}/stat") as f:
            return sum(int(t) for t in f.read().split()[13:15])
    before = ticks()
    time.sleep(1)
    spent = (ticks() - before) / os.sysconf("SC_CLK_TCK")
    check("the loop sleeps", spent < 0.5, spent)
    check("those who came are served", q.call("query-status")["return"]["running"])
    for c in clients[:2]:
        c.close()
    for c in clients[2:4]:
        check("served in the end", "QMP" in c.line())
    q.call("quit")
    end(p, 0, "no descriptors")
    for c in clients[2:]:
        c.close()
    q.close()


def test_browser():
    """What a page in a browser posts is not taken for commands, in whatever pieces it comes; others' lines are."""
    monitor, gdb = os.path.join(tmp, "monitor"), os.path.join(tmp, "gdb")
    p = start("-bios", halt, "-qmp", f"unix:{path},server,nowait", "-monitor", f"unix:{monitor},server,nowait", "-gdb",
              f"unix:{gdb},server,nowait")
    q = Qmp()
    head = "POST / HTTP/1.1\r\nHost: localhost:4444\r\nContent-Type: text/plain\r\n\r\n"
    bodies = ((path, '{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n'), (monitor, "quit\n"), (gdb, "$k#6b"))
    for at, body in bodies:
        for pieces in ((head + body,), (head[:2], head[2:] + body), ("GET / HTTP/1.1\r\n", body)):
            c = Client(at)
            for piece in pieces:
                try:
                    c.send(piece)
                except BrokenPipeError:
                    pass
                time.sleep(0.05)
            try:
                while c.s.recv(4096):
                    pass
                ended = True
            except ConnectionResetError:
                ended = True
            except TimeoutError:
                ended = False
            c.close()
            check(f"{os.path.basename(at)}: {pieces[0][:6]!r}: the connection ends", ended)
    check("nobody has quit", "return" in q.call("query-status"))  # gdb stops the guest
    m = Client(monitor)
    m.until("(twin86) ")
    m.send("GET\n")
    check("another line is a line", "GET" in m.line())
    m.close()
    q.call("quit")
    end(p, 0, "browser")
    q.close()


def main():
    if "no QMP" in subprocess.run([twin86, "-S", "-serial", "null", "-qmp", f"unix:{path}", "-timeout", "0.01"],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL).stderr:
        print("SKIP qmp.py: built without json-c")
        sys.exit(77)
    try:
        for test in (test_qmp, test_input_and_screen, test_identity, test_panic, test_pvpanic, test_guest_reset_and_waiting, test_sleep, test_hibernation, test_trays, test_monitor, test_gdbserver, test_drives, test_silent_server, test_loopback, test_stale,
                     test_no_descriptors, test_browser):
            began = time.time()
            test()
            print(f"{test.__name__}: {time.time() - began:.1f} s")
    finally:
        for p in running:
            if p.poll() is None:
                p.kill()
        shutil.rmtree(tmp)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


main()
