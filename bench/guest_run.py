# SPDX-License-Identifier: MIT
"""Run a guest that says on its serial port what it begins and ends: shared by boot.py and programs.py.

Lines are "bench: up" and "bench: WHAT NAME REST". Times are taken on the host when the lines arrive, so that no guest
clock has to be trusted.
"""
import glob
import os
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOT = os.path.join(ROOT, "tests", "boot")


class Failed(Exception):
    pass


def debian(arch="amd64"):
    """The folder with Debian's kernel and busybox; they are fetched when they are not there."""
    return subprocess.run([os.path.join(BOOT, "fetch-debian.sh"), arch], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split("\n")[-2]


SETS = ("main", "other", "smp")  # bench/programs/set-*.sh


def programs_image(guest, name):
    """The folder that bench/programs/make-image.sh fills for this set."""
    return os.path.join(os.path.dirname(guest), f"bench-{name}")


def boot_image(guest, folder):
    """An initramfs of busybox and tests/boot/init-bench."""
    initrd = os.path.join(folder, "initrd.gz")
    subprocess.run([os.path.join(BOOT, "make-initramfs.sh"), os.path.join(guest, "busybox"),
                    os.path.join(BOOT, "init-bench"), initrd], check=True)
    return initrd


def cpu_seconds(pid):
    """CPU time of the process's threads that live, in seconds."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except (OSError, IndexError):
            pass  # a thread that has just ended
    return total / 1e9


class Result:
    """start: when the process began (time.monotonic); wall, cpu: seconds by name ("boot": from the start of the process,
    "total": until the guest said its last); sums: what it printed for each name; clock: guest's clock around it, in
    microseconds; said: standard error; flags: of /proc/cpuinfo; began: wall, cpu and clock at which each began."""

    def __init__(self):
        self.wall, self.cpu, self.sums, self.clock, self.said, self.flags = {}, {}, {}, {}, "", []
        self.began, self.start = {}, 0

    def line(self, line, wall, cpu):
        note = re.search(r"bench: (\w+) ?(\S*) ?(.*)", line)
        if not note:
            return
        what, name, rest = note[1], note[2], note[3].strip()
        if what == "up":
            self.wall["boot"], self.cpu["boot"] = wall, cpu
        elif what == "begin":
            self.began[name] = wall, cpu, rest
        elif what == "end" and name in self.began:
            w, c, t = self.began[name]
            self.wall[name], self.cpu[name] = wall - w, cpu - c
            if rest and t:
                self.clock[name] = int(rest) - int(t)
        elif what == "sum":
            self.sums[name] = rest
        elif what == "flags":
            self.flags = [name] + rest.split()
        elif what == "there":
            raise Failed(line.strip())
        self.wall["total"], self.cpu["total"] = wall, cpu


def run(command, limit):
    """Run one guest to its end and return its Result."""
    result = Result()
    with tempfile.TemporaryFile() as err:
        start = result.start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
        text = b""
        try:
            while True:
                left = start + limit - time.monotonic()
                if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                    raise Failed(f"not done after {limit:g} s")
                data = os.read(child.stdout.fileno(), 65536)
                now = time.monotonic() - start
                if not data:
                    break
                *lines, text = (text + data).split(b"\n")
                cpu = cpu_seconds(child.pid) if lines else 0
                for line in lines:
                    result.line(line.decode(errors="replace"), now, cpu)
            status = child.wait(timeout=10)
        finally:
            child.kill()
            child.wait()
        err.seek(0)
        result.said = err.read().decode(errors="replace")
    if status != 0 or "boot" not in result.wall:
        raise Failed(f"exit code {status}; it said: {result.said.strip()[-500:] or 'nothing'}")
    return result


def add_options(parser, jobs):
    """Of benchmarks that let engines do the same jobs in turn."""
    parser.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"))
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--engines", default="twin86,qemu", help="in this order: twin86, interpreter, qemu, NAME=PROGRAM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(jobs), help="some of " + ",".join(jobs))
    parser.add_argument("--limit", type=float, default=600, help="seconds for a guest")


def tools_image(guest, name):
    """The initramfs of bench/NAME."""
    made = os.path.join(os.path.dirname(guest), "bench-" + name)
    subprocess.run([os.path.join(ROOT, "bench", "make-image.sh"), name, os.path.join(guest, "busybox"), made], check=True)
    return os.path.join(made, "initramfs")


def engine_commands(args):
    """{name: command} of --engines: twin86, interpreter (the same without translator), qemu, NAME=PROGRAM (another twin86)."""
    found = {}
    for engine in args.engines.split(","):
        name, _, program = engine.partition("=")
        if name == "qemu":
            found[name] = [args.qemu, "-accel", "tcg", "-machine", "pc"]
        elif program or name in ("twin86", "interpreter"):
            accel = "tcg-lite,jit=off" if name == "interpreter" else "tcg-lite"
            found[name] = [program or args.twin86, "-accel", accel]
        else:
            sys.exit(f"--engines: {name} is none; there are twin86, interpreter, qemu and NAME=PROGRAM")
    return found


def run_in_turn(commands, rounds, jobs, one):
    """{engine: {job: [CPU seconds]}} of so many rounds, in each of which every engine runs once: one(command)."""
    times = {n: {j: [] for j in jobs} for n in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            try:
                result = one(command)
            except (Failed, OSError) as e:
                sys.exit(f"{name}: {e}")
            for job in jobs:
                times[name][job].append(result.cpu[job])
            print(name, " ".join(f"{j} {result.cpu[j]:.2f}" for j in jobs), file=sys.stderr, flush=True)
    return times


def table(times, jobs):
    """Medians, and the first engine's ratio to the others."""
    names = list(times)
    print(f"{'CPU s':12}" + "".join(f"{n:>14}" for n in names) + "".join(f"{'/ ' + n:>14}" for n in names[1:]))
    for job in jobs:
        m = [statistics.median(times[n][job]) for n in names]
        print(f"{job:12}" + "".join(f"{s:14.2f}" for s in m) + "".join(f"{m[0] / s:14.2f}" for s in m[1:]))
