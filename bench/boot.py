#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot the same kernel and initramfs under twin86 and under QEMU's TCG, in turn, and compare.

Times are taken on the host, when the guest's lines arrive on its serial port, so no guest clock has to be trusted.
The guest is tests/boot/init-bench: it says that it is up, then does known amounts of work.
"""
import argparse
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


def run(command, limit):
    """Run one guest to its end. Returns {what: seconds} and what the program said on its standard error."""
    with tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
        try:
            times, began, text = {}, {}, b""
            while True:
                left = start + limit - time.monotonic()
                if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                    raise Failed(f"not done after {limit} s")
                data = os.read(child.stdout.fileno(), 65536)
                now = time.monotonic()
                if not data:
                    break
                text += data
                *lines, last = text.split(b"\n")
                text = last
                for line in lines:
                    note = re.search(rb"bench: (\w+) ?(\w*)", line)
                    if not note:
                        continue
                    what, name = note[1].decode(), note[2].decode()
                    if what == "up":
                        times["boot"] = now - start
                    elif what == "begin":
                        began[name] = now
                    elif what == "end":
                        times[name] = now - began[name]
            status = child.wait(timeout=10)
        finally:
            child.kill()
            child.wait()
        err.seek(0)
        said = err.read().decode(errors="replace")
        times["total"] = time.monotonic() - start
    if status != 0 or "boot" not in times:
        raise Failed(f"exit code {status}; it said: {said.strip()[-500:] or 'nothing'}")
    return times, said


def main():
    parser = argparse.ArgumentParser(description="Compare twin86 with qemu-system-x86_64 -accel tcg.")
    parser.add_argument("-n", type=int, default=5, help="runs of each (5)")
    parser.add_argument("-m", default="512M", help="guest RAM (512M)")
    parser.add_argument("--arch", default="amd64", choices=["amd64", "i386"], help="the guest's kernel")
    parser.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"), help="program to measure")
    parser.add_argument("--accel", default="tcg-lite", help="its engine")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="its peer; 'none' for no comparison")
    parser.add_argument("--limit", type=float, default=600, help="seconds a run may take")
    parser.add_argument("--max-ratio", type=float, help="exit code 1 if boot takes longer than this times the peer's")
    args = parser.parse_args()

    guest = subprocess.run([os.path.join(BOOT, "fetch-debian.sh"), args.arch], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.split("\n")[-2]
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.gz")
        subprocess.run([os.path.join(BOOT, "make-initramfs.sh"), os.path.join(guest, "busybox"),
                        os.path.join(BOOT, "init-bench"), initrd], check=True)
        common = ["-m", args.m, "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
                  "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"]
        commands = {"twin86": [args.twin86, "-accel", args.accel, "-d", "stats"] + common}
        if args.qemu != "none":
            commands["qemu"] = [args.qemu, "-accel", "tcg", "-machine", "pc", "-nic", "none"] + common
        results = {name: [] for name in commands}
        for i in range(args.n):
            for name, command in commands.items():
                try:
                    times, said = run(command, args.limit)
                except (Failed, OSError) as e:
                    sys.exit(f"{name}: {e}\n  {' '.join(command)}")
                results[name].append(times)
                stats = "  ".join(line for line in said.splitlines() if "instructions" in line or "MIPS" in line)
                print(f"run {i + 1}  {name:7} boot {times['boot']:6.2f} s  total {times['total']:6.2f} s  {stats}",
                      flush=True)

    print(f"\n{'median of ' + str(args.n):14}" + "".join(f"{name:>10}" for name in commands)
          + ("     ratio" if len(commands) > 1 else ""))
    ratio = {}
    for what in results["twin86"][0]:
        medians = [statistics.median(r[what] for r in results[name]) for name in commands]
        row = f"{what:14}" + "".join(f"{m:8.2f} s" for m in medians)
        if len(medians) > 1:
            ratio[what] = medians[0] / medians[1]
            row += f"{ratio[what]:10.2f}"
        print(row)
    if args.max_ratio and ratio.get("boot", 0) > args.max_ratio:
        sys.exit(f"boot takes {ratio['boot']:.2f} times as long as under the peer; {args.max_ratio} is the limit")


if __name__ == "__main__":
    main()
