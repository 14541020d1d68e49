# SPDX-License-Identifier: MIT
"""Text on a picture of the screen, by comparing what is there with the 8x16 glyphs of the video BIOS."""

VIDEO_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"
CAPITAL_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")


def read_ppm(path):
    with open(path, "rb") as f:
        magic, size, most, pixels = f.read().split(b"\n", 3)
    width, height = size.split()
    assert magic == b"P6" and most == b"255"
    return int(width), int(height), pixels


def font():
    """Rows of a glyph, as 16 bytes: its character."""
    with open(VIDEO_BIOS, "rb") as f:
        rom = f.read()
    start = rom.index(CAPITAL_A) - 16 * ord("A")
    return {rom[start + 16 * c:start + 16 * c + 16]: chr(c) for c in range(126, 31, -1)}


def text(picture, glyphs):
    """Lines of 80 characters of a text mode's picture; what is no ASCII character is a question mark."""
    width, height, pixels = picture
    cell = width // 80
    lines = []
    for top in range(0, height - 15, 16):
        line = ""
        for left in range(0, 80 * cell, cell):
            rows = [pixels[3 * ((top + y) * width + left):3 * ((top + y) * width + left + 8)] for y in range(16)]
            colours = {row[i:i + 3] for row in rows for i in range(0, 24, 3)}
            found = [glyphs.get(bits(rows, ink), "?") for ink in colours] if len(colours) > 1 else [" "]
            line += min(found, key=lambda c: c == "?")
        lines.append(line.rstrip())
    return "\n".join(lines)


def bits(rows, ink):
    return bytes(sum(128 >> x for x in range(8) if row[3 * x:3 * x + 3] == ink) for row in rows)
