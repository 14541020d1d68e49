#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's side of virtio.sh: virtio.py FOLDER KERNEL TWIN86 [OPTION...]"""
import json
import os
import socket
import struct
import subprocess
import sys
import time

tmp, kernel, *twin86 = sys.argv[1:]
MIB = 1 << 20
passed = failed = 0


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen}")


def connect(name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(240)
    while True:
        try:
            s.connect(os.path.join(tmp, name))
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            if p.poll() is not None:
                sys.exit(f"twin86 has ended: {p.communicate()}")
            time.sleep(0.1)


def server(name):
    return f"path={os.path.join(tmp, name)},server=on,wait=off"


events = []


def ask(word):
    port.write(word + "\n")
    port.flush()
    return port.readline().strip()


def qmp(command, **arguments):
    monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    monitor.flush()
    while True:
        answer = json.loads(monitor.readline())
        if "event" not in answer:
            return answer.get("return", answer.get("error"))
        events.append(answer)


def hmp(line):
    return qmp("human-monitor-command", **{"command-line": line})


def resident():
    with open(f"/proc/{p.pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


def until(fn, good, tries=200):
    for _ in range(tries):
        seen = fn()
        if good(seen):
            break
        time.sleep(0.1)
    return seen


args = twin86 + ["-m", "192M", "-kernel", kernel, "-initrd", os.path.join(tmp, "initrd"), "-append", "console=ttyS0 quiet panic=-1",
                 "-serial", f"file:{os.path.join(tmp, 'serial')}", "-qmp", f"unix:{os.path.join(tmp, 'qmp')},server,nowait",
                 "-object", "rng-random,id=r", "-device", "virtio-rng-pci,rng=r",
                 "-device", "virtio-keyboard-pci", "-device", "virtio-mouse-pci", "-device", "virtio-tablet-pci",
                 "-device", "virtio-balloon-pci,id=b,free-page-reporting=on", "-device", "virtio-serial-pci,id=vs",
                 "-chardev", f"socket,id=c,{server('hvc')}", "-device", "virtconsole,chardev=c,bus=vs.0",
                 "-chardev", f"socket,id=p,{server('port')}", "-device", "virtserialport,chardev=p,name=org.twin86.test"]
p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
try:
    port = connect("port").makefile("rw", newline="\n")
    monitor = connect("qmp").makefile("rw")
    monitor.readline()
    qmp("qmp_capabilities")
    check("the named port: the guest speaks", port.readline() == "ready\n")

    numbers = [ask("rng").split()[-1] for _ in range(2)]
    check("hwrng gives bytes", all(len(n) == 64 and set(n) != {"0"} for n in numbers), numbers)
    check("hwrng gives others", numbers[0] != numbers[1], numbers)
    check("hwrng is virtio's", "virtio_rng" in ask("current"))

    hvc = connect("hvc").makefile("rw", newline="\n")
    port.write("hvc\n")
    port.flush()
    hvc.write("what the host typed\n")
    hvc.flush()
    seen = hvc.readline().strip()
    if seen == "what the host typed":  # an echo, from before the guest had switched it off
        seen = hvc.readline().strip()
    check("hvc0", seen == "hvc0 heard what the host typed", seen)
    check("hvc0: done", port.readline() == "done\n")

    def heard(kind, sent, expected):
        """What evdev gives of a kind of device after these events: type, code, value of each."""
        check(f"{kind}: a driver", ask(f"hear {len(expected)} {kind}") == "hearing")
        check(f"{kind}: sent", qmp("input-send-event", events=sent) == {})
        data = bytes.fromhex(ask("heard").split()[-1])
        seen = [struct.unpack_from("<HHi", data, at + 16) for at in range(0, len(data), 24)]
        check(f"{kind}: heard", seen == expected, seen)

    def event(kind, **data):
        return {"type": kind, "data": data}

    syn, key, rel, absolute, left, wheel = (0, 0, 0), 1, 2, 3, 0x110, 8
    heard("keyboard", [event("key", down=True, key={"type": "qcode", "data": "a"}),
                       event("key", down=False, key={"type": "qcode", "data": "a"}),
                       event("key", down=True, key={"type": "qcode", "data": "up"}),
                       event("key", down=False, key={"type": "qcode", "data": "up"})],
          [(key, 30, 1), syn, (key, 30, 0), syn, (key, 103, 1), syn, (key, 103, 0), syn])
    heard("tablet", [event("abs", axis="x", value=1000), event("abs", axis="y", value=32767),
                     event("btn", down=True, button="left"), event("btn", down=False, button="left"),
                     event("btn", down=True, button="wheel-up")],
          [(absolute, 0, 1000), (absolute, 1, 32767), (key, left, 1), syn, (key, left, 0), (rel, wheel, 1), syn])
    heard("mouse", [event("rel", axis="x", value=-3), event("rel", axis="y", value=4)], [(rel, 0, -3), (rel, 1, 4), syn])
    refusal = qmp("input-send-event", events=[event("abs", axis="x", value=32768)])
    check("a position beyond the edge", "a position is" in refusal.get("desc", ""), refusal)

    def memory():
        return int(ask("memory").split()[1]) // 1024

    before = memory()
    check("filled", ask("fill") == "filled")
    full = resident()
    check("query-balloon", qmp("query-balloon") == {"actual": 192 * MIB}, qmp("query-balloon"))
    check("balloon", qmp("balloon", value=112 * MIB) == {})
    actual = until(lambda: qmp("query-balloon"), lambda a: a["actual"] == 112 * MIB)
    check("it grows", actual == {"actual": 112 * MIB}, actual)
    small = memory()
    check("the guest has less", before - small >= 75, (before, small))
    less = resident()
    check("the host has more", full - less > 30 * MIB, (full // MIB, less // MIB))
    hmp("info balloon")
    text = until(lambda: hmp("info balloon"), lambda t: "stat-free-memory=" in t)

    def free(stats):
        return 0 < stats["stats"]["stat-free-memory"] < 112 * MIB

    # Each look asks the guest anew: what it said before it gave its memory is the first answer.
    told = until(lambda: qmp("qom-get", path="/machine/peripheral/b", property="guest-stats"), free)
    check("guest-stats", free(told), told)
    check("guest-stats: when", abs(time.time() - told["last-update"]) < 300, told)
    check("info balloon", "balloon: actual=112" in text and "stat-total-memory=" in text, text)

    def told_changes():  # one a second
        qmp("query-status")
        return [e["data"]["actual"] for e in events if e["event"] == "BALLOON_CHANGE"]

    changes = until(told_changes, lambda all: all[-1:] == [112 * MIB])
    check("BALLOON_CHANGE", changes[-1:] == [112 * MIB], changes)
    hmp("balloon 192")
    actual = until(lambda: qmp("query-balloon"), lambda a: a["actual"] == 192 * MIB)
    check("it shrinks", actual == {"actual": 192 * MIB}, actual)
    changes = until(told_changes, lambda all: all[-1:] == [192 * MIB])
    check("BALLOON_CHANGE: filled", changes[-1] == 192 * MIB, changes)
    check("the guest has it back", memory() == before, (before, memory()))
    check("filled again", ask("fill") == "filled")
    port.write("end\n")
    port.flush()
    check("the guest powers off", p.wait(timeout=120) == 0, p.returncode)
finally:
    if p.poll() is None:
        p.kill()
    if failed:
        print(open(os.path.join(tmp, "serial"), errors="replace").read()[-3000:])
        print(p.stderr.read().decode()[-1000:])
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
