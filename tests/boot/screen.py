#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What stands on the text screen of a guest that has no display adapter: screen.py LOG, of -d mmio. Characters are the
even bytes from B8000h on, 80 to a line; each write to them is a line of the log."""
import re
import sys

BASE, COLUMNS, LINES = 0xB8000, 80, 25
cells = bytearray(b" " * (COLUMNS * LINES * 2))
with open(sys.argv[1], errors="replace") as log:
    for line in log:
        m = re.match(r"mmio: write ([0-9a-f]+) size=(\d) value=([0-9a-f]+)", line)
        if m is None:
            continue
        at, size, value = int(m[1], 16) - BASE, int(m[2]), int(m[3], 16)
        for i in range(size):
            if 0 <= at + i < len(cells):
                cells[at + i] = value >> 8 * i & 0xFF
text = bytes(cells[::2]).decode("cp437", "replace").replace("\0", " ")
for y in range(LINES):
    print(text[y * COLUMNS : (y + 1) * COLUMNS].rstrip())
