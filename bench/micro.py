#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small loops in a bare guest (bench/guests/micro.S): twin86 and QEMU's TCG in turn. docs/performance.md explains them.

Both run bench/guests/micro.rom and are told through the serial port which test to do how often. That number is doubled
until a batch takes long enough for what is around it not to matter. The time is the CPU time of the emulator.
"""
import argparse
import json
import math
import os
import select
import statistics
import subprocess
import sys
import time

import chart
from guest_run import ROOT, cpu_seconds


class Failed(Exception):
    pass


class Guest:
    """An emulator with the guest in it, waiting for commands."""

    def __init__(self, name, command):
        self.name = name
        self.seconds = {}
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def close(self):
        self.child.kill()
        self.child.wait()

    def until(self, last, limit=60):
        text, end = b"", time.monotonic() + limit
        while not text.endswith(last):
            if not select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"{self.name}: no answer within {limit} s")
            data = os.read(self.child.stdout.fileno(), 4096)
            if not data:
                raise Failed(f"{self.name} has ended: {self.child.stderr.read().decode(errors='replace').strip()[-500:]}")
            text += data.replace(b"\r", b"")
        return text.decode(errors="replace")

    def send(self, text):
        try:
            self.child.stdin.write(text)
            self.child.stdin.flush()
        except OSError:
            pass  # `until` says why

    def tests(self):
        """[(name, instructions in an iteration, or 0 where the processor can't do it)]"""
        self.until(b"R\n")
        self.send(b"?")
        lines = self.until(b"\n\n").split("\n")
        return [(line.split()[0], int((line.split() + [0])[1])) for line in lines if line]

    def batch(self, index, count):
        """CPU seconds that `count` iterations take."""
        before = cpu_seconds(self.child.pid)
        self.send(b"%c%08x" % (ord("a") + index, count))
        self.until(b"E")
        return cpu_seconds(self.child.pid) - before

    def calibrate(self, index, seconds):
        """Iterations that take about so long. A batch that is long by chance (translation, another thread) is run again."""
        count = 1024
        while True:
            took = self.batch(index, count)
            if took >= seconds / 2:
                took = min(took, self.batch(index, count))
            if took >= seconds / 4 or count >= 1 << 31:
                return max(1, min(int(count * seconds / max(took, 1e-6)), 0xffffffff))
            count = min(count * (8 if took < seconds / 16 else 2), 1 << 31)


def main():
    parser = argparse.ArgumentParser(description="Small loops: twin86 beside qemu-system-x86_64 -accel tcg.")
    parser.add_argument("-n", type=int, default=5, help="batches of each (5)")
    parser.add_argument("--seconds", type=float, default=0.2, help="CPU time of a batch (0.2)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder; `make bench` there first")
    parser.add_argument("--twin86", help="program to measure (BUILD/twin86)")
    parser.add_argument("--accel", default="tcg-lite", help="its engine; options too")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="its peer")
    parser.add_argument("--engines", default="twin86,qemu", metavar="NAME,...", help="which; NAME=PROGRAM is another twin86")
    parser.add_argument("--cpu", help="-cpu of all")
    parser.add_argument("--only", metavar="NAME,...", help="these tests")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--svg", metavar="FILE", help="a chart of the ratios")
    args = parser.parse_args()

    rom = os.path.join(args.build, "bench", "guests", "micro.rom")
    if not os.path.exists(rom):
        sys.exit(f"{rom} is not there: make bench in {args.build}")
    common = ["-m", "64", "-display", "none", "-serial", "stdio", "-bios", rom] + (["-cpu", args.cpu] if args.cpu else [])
    guests, rows = [], []
    try:
        for engine in args.engines.split(","):
            name, _, program = engine.partition("=")
            if name == "qemu":
                command = [args.qemu, "-accel", "tcg", "-machine", "pc", "-nic", "none"]
            else:
                command = [program or args.twin86 or os.path.join(args.build, "twin86"), "-accel", args.accel]
            guests.append(Guest(name, command + common))
        tests = [(t[0][0], min(n for _, n in t)) for t in zip(*(g.tests() for g in guests))]
        only = args.only.split(",") if args.only else [name for name, insns in tests if insns]
        unknown = set(only) - {name for name, _ in tests}
        if unknown:
            sys.exit(f"--only: there is no {' '.join(unknown)}; there are: {' '.join(name for name, _ in tests)}")
        first, *others = guests
        print(f"CPU ns an iteration, median of {args.n}\n{'':16}{'insns':>6}" + "".join(f"{g.name:>11}{'MIPS':>6}" for g in guests)
                + "".join(f"{first.name + '/' + g.name:>13}" for g in others), flush=True)
        for index, (name, insns) in enumerate(tests):
            if name not in only:
                continue
            if insns == 0:
                sys.exit(f"{name} needs what this processor has not; try --cpu max")
            counts = [g.calibrate(index, args.seconds) for g in guests]
            times = [[] for _ in guests]
            for _ in range(args.n):
                for k, g in enumerate(guests):
                    times[k].append(g.batch(index, counts[k]) / counts[k] * 1e9)
            row = {"name": name, "instructions": insns}
            for k, g in enumerate(guests):
                ns = statistics.median(times[k])
                row[g.name] = {"ns": ns, "mips": insns / ns * 1e3}
            for g in others:
                row[g.name]["ratio"] = row[first.name]["ns"] / row[g.name]["ns"]
            rows.append(row)
            print(f"{name:16}{insns:6}" + "".join(f"{row[g.name]['ns']:11.2f}{row[g.name]['mips']:6.0f}" for g in guests)
                  + "".join(f"{row[g.name]['ratio']:13.2f}" for g in others), flush=True)
    except (Failed, OSError) as e:
        sys.exit(str(e))
    finally:
        for g in guests:
            g.close()
    for g in others:
        geo = math.exp(statistics.fmean(math.log(r[g.name]["ratio"]) for r in rows))
        print(f"geometric mean {first.name}/{g.name}: {geo:.2f}")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"runs": args.n, "rows": rows}, f, indent=1)
    if args.svg and others:
        chart.draw(args.svg, f"{first.name}: times as long as {others[0].name} (CPU seconds)",
                   [(r["name"], r[others[0].name]["ratio"]) for r in rows])


if __name__ == "__main__":
    main()
