#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where twin86's CPU time goes while bench/programs.py's guest boots and works: samples of perf, by workload.

perf (Debian: linux-perf) samples with the CPU clock, so it needs no performance counters. The guest's lines say when each
workload begins and ends, on the clock that perf is told to use.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

from guest_run import ROOT, SETS, Failed, debian, programs_image, run

# The first pattern that a function's name matches says what it belongs to.
GROUPS = [(name, re.compile(pattern)) for name, pattern in (
    ("branches, calls, returns", r"exec_(JMP|CALL|RET|LOOP|J[A-Z]+_J)"),
    ("moves, addresses, stack", r"exec_(MOV|MOVZX|MOVSX|MOVSXD|LEA|CMOV[A-Z]+|XCHG|BSWAP|PUSH|POP|LEAVE)_"),
    ("x87", r"exec_F[A-Z0-9]+_"),
    ("vectors, floating point", r"exec_\w+_(128|256)_|exec_\w*[SP][SD]_V"),
    ("integer arithmetic", r"exec_"),
    ("finding and linking blocks", r"tcg_(block_find|exec_link|exec_lookup|exec_fallthrough|exec_page|links|follow)|lookup|follow"),
    ("page walks, TLB", r"x86_walk|tcg_tlb|bus_ram_ptr|bus_find|entry_"),
    ("memory, slow paths", r"mem_|load$|store|probe_write|bus_|tcg_code_written|page_written"),
    ("decoding, building blocks", r"x86_decode|decode|liveness|tcg_blocks|build|fetch|place"),
    ("copies and fills of strings", r"__mem(cpy|move|set)"),
    ("system, events, strings", r"helper_|tcg_|edge|deliver|kernel_|bulk_|serve|raise|must_pause|.*_one$"),
    ("devices, timers, event loop", r"timer|clock|apic|pit|uart|loop_|epoll|hpet|ioapic|pic_"),
)]
OTHERS = "the host's kernel and others"


def group_of(symbol):
    return next((name for name, pattern in GROUPS if pattern.match(symbol)), OTHERS)


def samples(data):
    """[(seconds, symbol)]"""
    script = subprocess.Popen(["perf", "script", "-i", data, "-F", "time,ip,sym"], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL)
    for line in script.stdout:
        found = re.match(r"\s*(\d+\.\d+):\s+[0-9a-f]+\s+(\S+)", line)
        if found:
            yield float(found[1]), found[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--twin86", default=os.path.join(ROOT, "build", "twin86"), help="program to look at")
    parser.add_argument("--cpu", help="its -cpu")
    parser.add_argument("--set", default="main", choices=SETS, help="the workloads, as in bench/programs.py")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these workloads")
    parser.add_argument("--top", type=int, default=15, help="functions to list for each workload (15)")
    parser.add_argument("--limit", type=float, default=600, help="seconds it may take")
    args = parser.parse_args()

    guest = debian()
    initrd = os.path.join(programs_image(guest, args.set), "initramfs")
    if not os.path.exists(initrd):
        sys.exit(f"run bench/programs.py --set {args.set} once: it makes the guest")
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        command = ["perf", "record", "-q", "-k", "CLOCK_MONOTONIC", "-F", "1500", "-e", "cpu-clock", "-o", data, "--",
                   args.twin86, "-m", "1G", "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
                   "-initrd", initrd, "-append", f"console=ttyS0 quiet panic=-1 WORK={args.only}"]
        try:
            result = run(command + (["-cpu", args.cpu] if args.cpu else []), args.limit)
        except (Failed, OSError) as e:
            sys.exit(f"{e}\n  {' '.join(command)}")
        spans = [("boot", result.start, result.start + result.wall["boot"])]
        spans += [(name, result.start + began[0], result.start + began[0] + result.wall[name])
                  for name, began in result.began.items()]
        counts = {name: collections.Counter() for name, _, _ in spans}
        for when, symbol in samples(data):
            for name, begin, end in spans:
                if begin <= when <= end:
                    counts[name][symbol] += 1

    share = {name: collections.Counter() for name in counts}
    for name, count in counts.items():
        for symbol, n in count.items():
            share[name][group_of(symbol)] += 100 * n / count.total()
    groups = collections.Counter()
    for name in share:
        for g, v in share[name].items():
            groups[g] += v / len(share)
    print("Share of CPU time in percent; the first column is the mean over all workloads, each weighing the same.\n")
    print(f"{'':30}{'mean':>6}" + "".join(f"{name[:7]:>8}" for name in share))
    for g, v in groups.most_common():
        print(f"{g:30}{v:6.1f}" + "".join(f"{share[name][g]:8.1f}" for name in share))
    for name, count in counts.items():
        print(f"\n{name}")
        for symbol, n in count.most_common(args.top):
            print(f"  {100 * n / count.total():5.1f}  {symbol}")


if __name__ == "__main__":
    main()
