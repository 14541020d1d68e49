#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks: Debian's fio in a guest, under twin86 and QEMU's TCG in turn, with the same kernel, image and options.

Prints medians of the process's CPU seconds (all threads) for each job, and the first engine's ratio to the others.
docs/performance.md explains the table; bench/disk/init has the jobs.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from guest_run import ROOT, Failed, debian, run

HERE = os.path.join(ROOT, "bench", "disk")
JOBS = ["read", "write", "randread", "randwrite"]
SIZE, PIECE = 1 << 30, 32 << 20


def engines(args):
    """{name: command}: "twin86", "qemu", or NAME=PROGRAM for another twin86."""
    found = {}
    for engine in args.engines.split(","):
        name, _, program = engine.partition("=")
        if name == "qemu":
            found[name] = [args.qemu, "-accel", "tcg", "-machine", "pc", "-nic", "none"]
        elif program or name == "twin86":
            found[name] = [program or args.twin86, "-accel", "tcg-lite"]
        else:
            sys.exit(f"--engines: {name} is none; there are twin86, qemu and NAME=PROGRAM")
    return found


def make_disk(path, form):
    """A full image: none of its space is yet to be found."""
    subprocess.run(["qemu-img", "create", "-q", "-f", form, path, str(SIZE)], check=True)
    fill = [f"write -q -P 165 {at} {PIECE}" for at in range(0, SIZE, PIECE)]
    subprocess.run(["qemu-io", "-t", "unsafe", "-f", form] + [a for f in fill for a in ("-c", f)] + [path], check=True)


class Guest:
    def __init__(self, args, folder):
        guest = debian()
        made = os.path.join(os.path.dirname(guest), "bench-disk")
        subprocess.run([os.path.join(HERE, "make-image.sh"), os.path.join(guest, "busybox"), made], check=True)
        self.disk = os.path.join(folder, "disk.img")
        self.jobs = args.only.split(",")
        make_disk(self.disk, args.format)
        options = f",{args.drive}" if args.drive else ""
        drive = ["-drive", f"file={self.disk},format={args.format},if={args.interface}{options}"]
        name = "vda" if args.interface == "virtio" else "sda"
        self.rest = ["-m", "512M", "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
                     "-initrd", os.path.join(made, "initramfs"), *drive,
                     "-append", f"console=ttyS0 quiet panic=-1 JOBS={args.only} DISK={name}"]

    def run(self, command, limit):
        result = run(command + self.rest, limit)
        for job in self.jobs:
            kib = sum(int(n) for n in result.sums.get(job, "0;0").split(";"))
            if kib < 64 << 10:
                raise Failed(f"{job}: fio moved {kib} KiB only")
        return result


def table(times, jobs, names):
    print(f"{'CPU s':12}" + "".join(f"{n:>10}" for n in names) + "".join(f"{'/ ' + n:>10}" for n in names[1:]))
    for job in jobs:
        m = [statistics.median(times[n][job]) for n in names]
        print(f"{job:12}" + "".join(f"{s:10.2f}" for s in m) + "".join(f"{m[0] / s:10.2f}" for s in m[1:]))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"))
    p.add_argument("--qemu", default="qemu-system-x86_64")
    p.add_argument("--engines", default="twin86,qemu", help="in this order: twin86, qemu, NAME=PROGRAM")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default=",".join(JOBS), help="some of " + ",".join(JOBS))
    p.add_argument("--interface", default="virtio", choices=["virtio", "ide"])
    p.add_argument("--format", default="raw", choices=["raw", "qcow2"])
    p.add_argument("--drive", default="", help="more for -drive, such as cache=none,aio=io_uring")
    p.add_argument("--folder", default="/var/tmp", help="where the image is made")
    p.add_argument("--limit", type=float, default=600, help="seconds for a guest")
    args = p.parse_args()
    commands = engines(args)
    jobs = args.only.split(",")
    times = {n: {j: [] for j in jobs} for n in commands}
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="twin86-disk-") as folder:
        guest = Guest(args, folder)
        for _ in range(args.rounds):
            for name, command in commands.items():
                try:
                    result = guest.run(command, args.limit)
                except (Failed, OSError) as e:
                    sys.exit(f"{name}: {e}")
                for job in jobs:
                    times[name][job].append(result.cpu[job])
                print(name, " ".join(f"{j} {result.cpu[j]:.2f}" for j in jobs), file=sys.stderr, flush=True)
    print(f"{args.interface}, {args.format}{', ' + args.drive if args.drive else ''}; medians of {args.rounds}")
    table(times, jobs, list(commands))


if __name__ == "__main__":
    main()
