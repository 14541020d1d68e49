#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What stands on the text screen of a guest that has no display: screen.py SOCKET, where its monitor listens. Characters
are the even bytes from B8000h on, 80 to a line."""
import re
import socket
import sys

BASE, COLUMNS, LINES = 0xB8000, 80, 25
WORDS = COLUMNS * LINES // 2
said = ""
with socket.socket(socket.AF_UNIX) as monitor:
    monitor.settimeout(20)
    monitor.connect(sys.argv[1])
    monitor.sendall(f"xp/{WORDS}xw {BASE:#x}\n".encode())
    while len(re.findall("0x[0-9a-f]{8}\\b", said)) < WORDS:
        piece = monitor.recv(65536)
        if not piece:
            sys.exit("the monitor has gone")
        said += piece.decode()
words = re.findall("0x([0-9a-f]{8})\\b", said)[-WORDS:]
cells = b"".join(int(w, 16).to_bytes(4, "little") for w in words)
text = cells[::2].decode("cp437").replace("\0", " ")
for y in range(LINES):
    print(text[y * COLUMNS : (y + 1) * COLUMNS].rstrip())
