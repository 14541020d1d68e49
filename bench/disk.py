#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks: Debian's fio in a guest, under twin86 and QEMU's TCG in turn, with the same kernel, image and options.

Prints medians of the process's CPU seconds (all threads) for each job, and the first engine's ratio to the others.
docs/performance.md explains the table; bench/disk/init has the jobs.
"""
import argparse
import os
import subprocess
import sys
import tempfile

from guest_run import Failed, add_options, debian, engine_commands, run, run_in_turn, table, tools_image

JOBS = ["read", "write", "randread", "randwrite"]
SIZE, PIECE = 1 << 30, 32 << 20


def make_disk(path, form):
    """A full image: none of its space is yet to be found."""
    subprocess.run(["qemu-img", "create", "-q", "-f", form, path, str(SIZE)], check=True)
    fill = [f"write -q -P 165 {at} {PIECE}" for at in range(0, SIZE, PIECE)]
    subprocess.run(["qemu-io", "-t", "unsafe", "-f", form] + [a for f in fill for a in ("-c", f)] + [path], check=True)


class Guest:
    def __init__(self, args, folder):
        guest = debian()
        self.disk = os.path.join(folder, "disk.img")
        self.jobs = args.only.split(",")
        make_disk(self.disk, args.format)
        options = f",{args.drive}" if args.drive else ""
        drive = ["-drive", f"file={self.disk},format={args.format},if={args.interface}{options}"]
        name = "vda" if args.interface == "virtio" else "sda"
        self.rest = ["-m", "512M", "-nic", "none", "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
                     "-initrd", tools_image(guest, "disk"), *drive,
                     "-append", f"console=ttyS0 quiet panic=-1 JOBS={args.only} DISK={name}"]

    def run(self, command, limit):
        result = run(command + self.rest, limit)
        for job in self.jobs:
            kib = sum(int(n) for n in result.sums.get(job, "0;0").split(";"))
            if kib < 64 << 10:
                raise Failed(f"{job}: fio moved {kib} KiB only")
        return result


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_options(p, JOBS)
    p.add_argument("--interface", default="virtio", choices=["virtio", "ide"])
    p.add_argument("--format", default="raw", choices=["raw", "qcow2"])
    p.add_argument("--drive", default="", help="more for -drive, such as cache=none,aio=io_uring")
    p.add_argument("--folder", default="/var/tmp", help="where the image is made")
    args = p.parse_args()
    jobs = args.only.split(",")
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="twin86-disk-") as folder:
        guest = Guest(args, folder)
        times = run_in_turn(engine_commands(args), args.rounds, jobs, lambda command: guest.run(command, args.limit))
    print(f"{args.interface}, {args.format}{', ' + args.drive if args.drive else ''}; medians of {args.rounds}")
    table(times, jobs)


if __name__ == "__main__":
    main()
