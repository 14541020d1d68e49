#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an idle guest costs: idle.py PROGRAM [ARGS...]   (a guest with tests/boot/init-shell)

Waits for the prompt, then measures for ten seconds: at most 3 % of a host core, and at most 64 MiB of memory beyond the
guest RAM that the guest has touched.
"""
import os
import select
import subprocess
import sys
import time

BOOT_LIMIT, SETTLE, MEASURE = 240, 3, 10
CPU_LIMIT, MEMORY_LIMIT = 3.0, 64 << 10


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    """(guest RAM, which is the largest mapping, the rest); a page that is mapped twice, as code is, counts once"""
    mappings = []
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            if line.startswith("Size:"):
                mappings.append([int(line.split()[1]), 0])
            elif line.startswith("Pss:"):
                mappings[-1][1] = int(line.split()[1])
    mappings.sort()
    return mappings[-1][1], sum(size for _, size in mappings[:-1])


def main():
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        text = b""
        end = time.monotonic() + BOOT_LIMIT
        while b"~ # " not in text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                sys.exit("no prompt came:\n" + text.decode(errors="replace")[-2000:])
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                sys.exit("the program ended:\n" + text.decode(errors="replace")[-2000:])
            text += data
        time.sleep(SETTLE)
        before = cpu_seconds(child.pid)
        time.sleep(MEASURE)
        percent = 100 * (cpu_seconds(child.pid) - before) / MEASURE
        guest, rest = resident_kib(child.pid)
    finally:
        child.kill()
        child.wait()
    print(f"idle: {percent:.1f} % of a core (limit {CPU_LIMIT:g} %)")
    print(f"memory: {rest / 1024:.1f} MiB beyond {guest / 1024:.1f} MiB of guest RAM (limit {MEMORY_LIMIT >> 10} MiB)")
    failed = (percent > CPU_LIMIT) + (rest > MEMORY_LIMIT)
    print(f"{2 - failed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
