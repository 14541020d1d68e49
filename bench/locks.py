#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How often a second a ticket lock changes hands (tests/smp/locks.c), with up to more processors than the host has.

twin86 and QEMU's TCG in turn, medians. Where waiters that PAUSE keep the lock's next owner from running, the figure
collapses as soon as the guest has more processors than the host.
"""
import argparse
import os
import select
import statistics
import subprocess
import sys
import time

from guest_run import ROOT

ENGINES = {
    "twin86": "{twin86} -accel {accel} -nographic -device isa-debug-exit",
    "qemu": "{qemu} -accel tcg,thread=multi -nodefaults -display none -serial stdio "
            "-device isa-debug-exit,iobase=0xf4,iosize=4",
}


def turns_per_second(command, rounds, limit):
    """From the guest's first line to its last; 0 where it is not done within the limit."""
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text, began, end = b"", None, time.monotonic() + limit
    try:
        while b"lock: end" not in text:
            if not select.select([guest.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return 0
            data = os.read(guest.stdout.fileno(), 4096)
            if not data:
                sys.exit(f"{' '.join(command)}\n{text.decode(errors='replace')}")
            text += data
            if began is None and b"lock: begin" in text:
                began = time.monotonic()
        return rounds / (time.monotonic() - began)
    finally:
        guest.kill()
        guest.wait()


def main():
    parser = argparse.ArgumentParser(description="Turns of a contended ticket lock in a second.")
    parser.add_argument("-n", type=int, default=3, help="runs of each (3)")
    parser.add_argument("--cpus", default="1,2,4,8,16", help="how many processors the guest has (1,2,4,8,16)")
    parser.add_argument("--rounds", type=int, default=200000, help="turns (200000)")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a run may take (60)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with twin86 and tests/smp/smp.elf")
    parser.add_argument("--accel", default="tcg-lite", help="twin86's engine")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="its peer")
    parser.add_argument("--engines", default="twin86,qemu", help="which to run in turn")
    args = parser.parse_args()

    image = os.path.join(args.build, "tests/smp/smp.elf")
    engines = args.engines.split(",")
    print(f"host processors: {os.cpu_count()}; median of {args.n}: thousand turns in a second")
    print(f"{'processors':>10}" + "".join(f"{e:>12}" for e in engines))
    for cpus in args.cpus.split(","):
        rates = {e: [] for e in engines}
        for _ in range(args.n):
            for e in engines:
                command = ENGINES[e].format(twin86=os.path.join(args.build, "twin86"), accel=args.accel, qemu=args.qemu)
                command = command.split() + ["-m", "64", "-no-reboot", "-smp", cpus, "-kernel", image, "-append",
                                             f"cpus={cpus} test=lock rounds={args.rounds}"]
                rates[e].append(turns_per_second(command, args.rounds, args.limit))
        print(f"{cpus:>10}" + "".join(f"{statistics.median(rates[e]) / 1e3:12.1f}" for e in engines), flush=True)


if __name__ == "__main__":
    main()
