#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the files that work.sh works on, always the same bytes: data.py FOLDER"""
import os
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


def main():
    whole = text(4 << 20)
    for name, data in (("text", whole), ("small", whole[:1000]), ("lines", lines(60000))):
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(data)


main()
