#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's own programs in a guest: twin86 and QEMU's TCG in turn, with the same kernel and initramfs.

bench/programs/set-*.sh have the workloads. Each one's output has to be the host's. docs/performance.md explains the table.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile

import chart
from guest_run import ROOT, SETS, Failed, boot_image, debian, programs_image, run

HERE = os.path.join(ROOT, "bench", "programs")
# What a level is called: twin86's -cpu, QEMU's. None: what one gets without -cpu: all that is implemented, and SSE2.
V3 = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+xsave,+avx,+avx2,+bmi1,+bmi2,+fma,+f16c,+abm,+movbe,+xsaveopt"
CPUS = {"default": (None, None), "sse2": ("x86-64-v1", "qemu64"), "v3": ("x86-64-v3", V3), "max": ("max", "max")}


def commands(args):
    """{engine: its command line, without a guest}. "twin86" and "qemu" by name, NAME=PROGRAM is another twin86."""
    found = {}
    twin86_cpu, qemu_cpu = CPUS.get(args.cpu, (args.cpu, args.cpu))
    for engine in args.engines.split(","):
        name, _, program = engine.partition("=")
        if name == "native":
            found[name] = None
            continue
        if name == "qemu":
            found[name] = [args.qemu, "-accel", "tcg", "-machine", "pc", "-nic", "none"]
            cpu = qemu_cpu
        elif program or name == "twin86":
            found[name] = [program or args.twin86, "-accel", args.accel, "-d", "stats"]
            cpu = twin86_cpu
        else:
            sys.exit(f"--engines: {name} is none; there are twin86, qemu, native and NAME=PROGRAM")
        found[name] += ["-cpu", cpu] if cpu else []
    return found


class Native:
    """What the host itself computes: {workload: hash}, and in which time."""

    def __init__(self, output):
        self.sums = dict(re.findall(r"^bench: sum (\S+) (\S+)$", output, re.M))
        self.cpu = {name: int(ms) / 1000 for name, ms in re.findall(r"^bench: cpu (\S+) (\d+)$", output, re.M)}
        times = {at: dict(re.findall(rf"^bench: {at} (\S+) (\d+)$", output, re.M)) for at in ("begin", "end")}
        self.wall = {name: (int(end) - int(times["begin"][name])) / 1e6 for name, end in times["end"].items()}
        self.flags = []


def on_host(work, names):
    with tempfile.NamedTemporaryFile() as scratch:
        said = subprocess.run(["/bin/bash", os.path.join(work, "work.sh"), work] + names, stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, BENCH_CPU=scratch.name))
    native = Native(said.stdout)
    sums = native.sums
    failed = [n for n, s in sums.items() if s == "failed"]
    if said.returncode or failed or not sums:
        sys.exit(f"on the host: {' '.join(failed)}\n{said.stdout[-1000:]}")
    return native


class Guests:
    """The two guests: busybox alone, for the boot, and the programs."""

    def __init__(self, args, folder):
        guest = debian()
        image = programs_image(guest, args.set)
        subprocess.run([os.path.join(HERE, "make-image.sh"), args.set, os.path.join(guest, "busybox"), image], check=True)
        self.work = os.path.join(image, "jobs")
        self.boot = boot_image(guest, folder)
        self.programs = os.path.join(image, "initramfs")
        self.common = ["-m", args.m, "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz")]
        self.limit = args.limit

    def run(self, command, initrd, work):
        command = command + self.common + ["-initrd", initrd, "-append", f"console=ttyS0 quiet panic=-1 WORK={work}"]
        try:
            return run(command, self.limit)
        except (Failed, OSError) as e:
            sys.exit(f"{e}\n  {' '.join(command)}")


class Bench:
    """seconds[engine][what] = {"wall": [...], "cpu": [...]}, instructions[what], differ: what had another result."""

    def __init__(self, engines, only):
        self.engines = engines
        self.only = only
        self.seconds = {e: {} for e in engines}
        self.instructions = {}
        self.flags = {}
        self.differ = []

    def add(self, engine, result, names):
        for what in names:
            entry = self.seconds[engine].setdefault(what, {"wall": [], "cpu": []})
            entry["wall"].append(result.wall[what])
            entry["cpu"].append(result.cpu[what])

    def once(self, engine, command, guests, host):
        names = [n for n in self.only if n != "boot"]
        if "boot" in self.only and command is not None:
            self.add(engine, guests.run(command, guests.boot, "none"), ["boot"])
        if not names:
            return
        if command is None:
            result = on_host(guests.work, names)
        else:
            result = guests.run(command, guests.programs, ",".join(names))
        self.flags[engine] = result.flags
        for name in names:
            if result.sums.get(name) != host[name]:
                self.differ.append(f"{engine}: {name} printed {result.sums.get(name, 'nothing')}, on the host {host[name]}")
        self.add(engine, result, [n for n in names if n in result.wall])

    def count(self, command, guests):
        """Executed instructions: with -icount shift=0 one instruction is a nanosecond of the guest's clock."""
        command = command + ["-icount", "shift=0"]
        names = [n for n in self.only if n != "boot"]
        if "boot" in self.only:
            said = guests.run(command, guests.boot, "none").said
            self.instructions["boot"] = int(re.search(r"(\d+) instructions", said)[1])
        if names:
            for name, us in guests.run(command, guests.programs, ",".join(names)).clock.items():
                self.instructions[name] = us * 1000

    def median(self, engine, what, kind):
        return statistics.median(self.seconds[engine][what][kind])

    def rows(self):
        """One dict for each workload: medians, ratios of the first engine to each other one, MIPS."""
        first, *others = self.engines
        rows = []
        for what in self.seconds[first]:
            row = {"name": what, "instructions": self.instructions.get(what)}
            for e in self.engines:
                row[e] = {k: self.median(e, what, k) for k in ("wall", "cpu")}
                row[e]["mips"] = row["instructions"] / row[e]["cpu"] / 1e6 if row["instructions"] else None
            for e in others:
                row[e]["ratio"] = {k: row[first][k] / row[e][k] for k in ("wall", "cpu")}
            rows.append(row)
        return rows


def mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def summary(bench, rows):
    """Over all workloads: geometric means of the ratios, and instructions by time."""
    first, *others = bench.engines
    total = {"instructions": sum(r["instructions"] or 0 for r in rows)}
    for e in bench.engines:
        total[e] = {k: sum(r[e][k] for r in rows) for k in ("wall", "cpu")}
        total[e]["mips"] = total["instructions"] / total[e]["cpu"] / 1e6 if total["instructions"] else None
    for e in others:
        total[e]["ratio"] = {k: mean([r[e]["ratio"][k] for r in rows]) for k in ("wall", "cpu")}
    return total


def print_table(bench, rows, total, n):
    first, *others = bench.engines
    print(f"\nmedian of {n}: seconds (CPU seconds), million instructions in a CPU second; ratios of seconds (CPU seconds)")
    print(f"{'':14}{'10^6 insns':>11}" + "".join(f"{e:>17}{'MIPS':>6}" for e in bench.engines)
          + "".join(f"{first + '/' + e:>17}" for e in others))
    for row in rows + [dict(total, name="all")]:
        text = f"{row['name']:14}" + (f"{row['instructions'] / 1e6:11.0f}" if row["instructions"] else f"{'':11}")
        for e in bench.engines:
            text += f"{row[e]['wall']:8.2f} ({row[e]['cpu']:6.2f})" + (f"{row[e]['mips']:6.0f}" if row[e]["mips"] else f"{'':6}")
        for e in others:
            text += f"{row[e]['ratio']['wall']:8.2f} ({row[e]['ratio']['cpu']:6.2f})"
        print(text)
    if others:
        print("In the line \"all\" the ratios are geometric means.")
    for e in others:
        print(f"worst against {e}: " + ", ".join(f"{r['name']} {r[e]['ratio']['cpu']:.2f}"
              for r in sorted(rows, key=lambda r: -r[e]["ratio"]["cpu"])[:3]) + " (CPU seconds)")
    for e in others:
        a, b = (set(bench.flags.get(x, [])) for x in (first, e))
        if a and b:
            print(f"/proc/cpuinfo: only {first}: {' '.join(sorted(a - b)) or '-'}; only {e}: {' '.join(sorted(b - a)) or '-'}")


def main():
    parser = argparse.ArgumentParser(description="Compare twin86 with qemu-system-x86_64 -accel tcg on Debian's programs.")
    parser.add_argument("-n", type=int, default=5, help="runs of each (5)")
    parser.add_argument("-m", default="1G", help="guest RAM (1G)")
    parser.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"), help="program to measure")
    parser.add_argument("--accel", default="tcg-lite", help="its engine; options too")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="its peer")
    parser.add_argument("--engines", default="twin86,qemu", metavar="NAME,...",
                        help="which to run in turn (twin86,qemu); native: the host itself; NAME=PROGRAM is another twin86, such as "
                             "an older one")
    parser.add_argument("--cpu", default="default", help="default, sse2, v3 (AVX2 on both), max, or a name both know")
    parser.add_argument("--set", default="main", choices=SETS,
                        help="main: what the project measures itself by; other: what else people run; smp: with two threads")
    parser.add_argument("--only", metavar="NAME,...", help="these workloads (boot is one, too)")
    parser.add_argument("--no-count", action="store_true", help="leave out the run that counts instructions")
    parser.add_argument("--json", metavar="FILE", help="the same as JSON, with every run's seconds")
    parser.add_argument("--svg", metavar="FILE", help="a chart of the ratios")
    parser.add_argument("--limit", type=float, default=600, help="seconds a run may take")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        guests = Guests(args, folder)
        only = args.only.split(",") if args.only else []
        named = [n for n in only if n != "boot"]
        host = on_host(guests.work, named).sums if named or not only else {}
        engines = commands(args)
        boot = args.set == "main" and None not in engines.values()  # the host does not boot for us
        bench = Bench(list(engines), only or ["boot"] * boot + list(host))
        for i in range(args.n):
            for engine, command in engines.items():
                bench.once(engine, command, guests, host)
                print(f"run {i + 1}  {engine:8}" + "".join(
                    f" {what} {s['wall'][-1]:.2f} ({s['cpu'][-1]:.2f})" for what, s in bench.seconds[engine].items()), flush=True)
        counter = next((c for e, c in engines.items() if e not in ("qemu", "native")), None)
        if counter and not args.no_count:
            bench.count(counter, guests)

    rows = bench.rows()
    total = summary(bench, rows)
    print_table(bench, rows, total, args.n)
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"runs": args.n, "cpu": args.cpu, "rows": rows, "all": total, "seconds": bench.seconds,
                       "flags": bench.flags}, f, indent=1)
    if args.svg and len(bench.engines) > 1:
        other = bench.engines[1]
        chart.draw(args.svg, f"{bench.engines[0]}: times as long as {other} (CPU seconds)",
                   [(r["name"], r[other]["ratio"]["cpu"]) for r in rows]
                   + [("geometric mean", total[other]["ratio"]["cpu"])])
    if bench.differ:
        sys.exit("\n".join(bench.differ))
    if host:
        print(f"{len(bench.engines) * len(host)} results as on the host")


if __name__ == "__main__":
    main()
