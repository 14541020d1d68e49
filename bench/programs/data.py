#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the files that work.sh works on, always the same bytes: data.py FOLDER NAME..."""
import os
import struct
import sys


class Random:
    """A generator of our own, so that the bytes do not depend on Python's version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def text(size):
    """Words with the frequencies of a language, more or less, and some bytes without order."""
    r = Random(86)
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    words = ["".join(letters[min(r.below(26), r.below(26))] for _ in range(2 + r.below(8))) for _ in range(4000)]
    out, length = [], 0
    while length < size:
        word = words[min(r.below(4000), r.below(4000), r.below(4000))]
        if r.below(12) == 0:
            word += ".\n"
        elif r.below(60) == 0:
            word = f"{r.below(2**31):x}"
        out.append(word)
        length += len(word) + 1
    return " ".join(out).encode()[:size]


def lines(count):
    r = Random(7)
    return "".join(f"{i * 7919 % 65537} {r.below(100000)} {r.below(4096):03x} {r.below(10**9)}\n" for i in range(count)).encode()


def sound(seconds):
    """A WAV file: chords that fade, and noise."""
    r, rate, frames = Random(3), 44100, []
    for n in range(seconds * rate):
        chord = (220, 277, 330, 392)[n // (rate // 4) % 4]
        fade = 1 - n % (rate // 4) / (rate // 4)
        # A triangle, so that no library's sine decides about bytes.
        v = sum(abs(n * chord * k % rate / rate * 4 - 2) - 1 for k in (1, 2, 3)) / 3 * fade * 20000 + r.below(800) - 400
        frames.append(struct.pack("<hh", int(v), int(v / 2)))
    data = b"".join(frames)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, rate, rate * 4, 4, 16,
                       b"data", len(data)) + data


def picture(width, height):
    """YUV 4:2:0: a slope, circles and noise."""
    r = Random(5)
    luma = bytes((x + y + (60 if (x * x + y * y) // 900 % 2 else 0) + r.below(16)) % 256 for y in range(height) for x in range(width))
    chroma = bytes((x * 2 + y + r.below(4)) % 256 for y in range(height // 2) for x in range(width // 2))
    return luma + chroma + chroma[::-1]


def program(functions):
    """A C program without includes, for a compiler to work on."""
    r, out = Random(11), ["struct node { struct node *next; int key; double weight; char name[16]; };"]
    for f in range(functions):
        out.append(f"""
int f{f}(struct node *n, const int *v, unsigned count) {{
    int sum = {r.below(100)};
    for (unsigned i = 0; i < count; i++) {{
        switch (v[i] % {3 + r.below(6)}) {{
        case 0: sum += v[i] * {r.below(1000)}; break;
        case 1: sum ^= v[i] << {r.below(8)}; break;
        case 2: sum -= {f"f{r.below(f)}(n, v, i)" if f else "1"}; break;
        default: sum = sum * {r.below(50)} + (int)i;
        }}
    }}
    for (; n; n = n->next)
        if (n->key > sum && n->weight * {r.below(9)}.5 < count)
            n->name[count % sizeof(n->name)] = (char)(sum >> {r.below(16)});
    return sum;
}}""")
    return "\n".join(out).encode()


FILES = {
    "text": lambda: text(4 << 20),
    "small": lambda: text(4 << 20)[:1000],
    "lines": lambda: lines(60000),
    "sound.wav": lambda: sound(8),
    "picture": lambda: picture(640, 480),
    "program.c": lambda: program(12),
}


def main():
    folder, *names = sys.argv[1:]
    for name in names:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(FILES[name]())


main()
