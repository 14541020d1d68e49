#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot the same kernel and initramfs under twin86 and under QEMU's TCG, in turn, and compare.

Times are taken on the host, when the guest's lines arrive on its serial port, so no guest clock has to be trusted.
The guest is tests/boot/init-bench: it says that it is up, then does known amounts of work.
"""
import argparse
import os
import statistics
import sys
import tempfile

from guest_run import ROOT, Failed, boot_image, debian, run


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

    guest = debian(args.arch)
    with tempfile.TemporaryDirectory() as folder:
        initrd = boot_image(guest, folder)
        common = ["-m", args.m, "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
                  "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"]
        commands = {"twin86": [args.twin86, "-accel", args.accel, "-d", "stats"] + common}
        if args.qemu != "none":
            commands["qemu"] = [args.qemu, "-accel", "tcg", "-machine", "pc", "-nic", "none"] + common
        results = {name: [] for name in commands}
        for i in range(args.n):
            for name, command in commands.items():
                try:
                    result = run(command, args.limit)
                except (Failed, OSError) as e:
                    sys.exit(f"{name}: {e}\n  {' '.join(command)}")
                times = result.wall
                results[name].append(times)
                stats = "  ".join(line for line in result.said.splitlines() if "instructions" in line or "MIPS" in line)
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
