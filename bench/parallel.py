#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a second processor is worth: programs with two threads or processes on -smp 1 and on -smp 2.

bench/programs/set-smp.sh has the workloads (xz -T2, sort --parallel=2, make -j2 with gcc). twin86 and QEMU's TCG in
turn, medians; the factor is two processors' time by one's: 0.5 would be perfect. Each output has to be the host's.
"""
import argparse
import os
import statistics
import subprocess
import sys

from guest_run import ROOT, Failed, debian, programs_image, run
from programs import HERE, on_host


def main():
    parser = argparse.ArgumentParser(description="Compare two processors with one, on twin86 and on QEMU's TCG.")
    parser.add_argument("-n", type=int, default=3, help="runs of each (3)")
    parser.add_argument("-m", default="1G", help="guest RAM (1G)")
    parser.add_argument("--cpus", default="1,2", help="the two numbers of processors (1,2)")
    parser.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"), help="program to measure")
    parser.add_argument("--accel", default="tcg-lite", help="its engine; options too")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="its peer")
    parser.add_argument("--engines", default="twin86,qemu", help="which to run in turn (twin86,qemu)")
    parser.add_argument("--only", metavar="NAME,...", help="these workloads")
    parser.add_argument("--limit", type=float, default=900, help="seconds a run may take")
    args = parser.parse_args()

    guest = debian()
    image = programs_image(guest, "smp")
    subprocess.run([os.path.join(HERE, "make-image.sh"), "smp", os.path.join(guest, "busybox"), image], check=True)
    only = args.only.split(",") if args.only else []
    host = on_host(os.path.join(image, "jobs"), only)
    engines = {"twin86": [args.twin86, "-accel", args.accel], "qemu": [args.qemu, "-accel", "tcg,thread=multi",
                                                                       "-nic", "none"]}
    engines = {e: engines[e] for e in args.engines.split(",")}
    cpus = args.cpus.split(",")
    seconds = {(e, c): {w: [] for w in host} for e in engines for c in cpus}
    busy = {key: {w: [] for w in host} for key in seconds}
    differ = []
    for i in range(args.n):
        for (engine, n), times in seconds.items():
            command = engines[engine] + ["-smp", n, "-m", args.m, "-nographic", "-no-reboot", "-kernel",
                                         os.path.join(guest, "vmlinuz"), "-initrd", os.path.join(image, "initramfs"),
                                         "-append", f"console=ttyS0 quiet panic=-1 WORK={','.join(host)}"]
            try:
                result = run(command, args.limit)
            except Failed as e:
                sys.exit(f"{e}\n  {' '.join(command)}")
            for what in host:
                times[what].append(result.wall[what])
                busy[engine, n][what].append(result.cpu[what])
                if result.sums.get(what) != host[what]:
                    differ.append(f"{engine}, {n} processors: {what} printed {result.sums.get(what, 'nothing')}, "
                                  f"on the host {host[what]}")
            print(f"run {i + 1}  {engine:8} {n} " + "".join(f" {w} {times[w][-1]:.2f}" for w in host), flush=True)

    print(f"\nmedian of {args.n}: seconds with {cpus[0]} and {cpus[1]} processors, factor; the same of CPU seconds "
          f"(host processors: {os.cpu_count()}, load {os.getloadavg()[0]:.1f})")
    print(f"{'':8}" + "".join(f"{e:>46}" for e in engines))
    for what in host:
        text = f"{what:8}"
        for e in engines:
            for kind in seconds, busy:
                one, more = (statistics.median(kind[e, c][what]) for c in cpus)
                text += f"{one:9.2f}{more:8.2f}{more / one:6.2f}"
        print(text)
    if differ:
        sys.exit("\n".join(differ))


if __name__ == "__main__":
    main()
