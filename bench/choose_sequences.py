#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Choose sequences of instructions for accel/tcg-lite/run/fuse_measured.tab from what guests executed.

    twin86 -accel tcg-lite,profile=FILE ...
    python3 bench/choose_sequences.py FILE[:WEIGHT]... > lines

Of all sequences in the blocks that were executed, those that leave the fewest jumps from one exec function to another for
the room they take, counting what the ones before have saved already; the blocks are cut into sequences as fuse.c does it.
"""
import argparse
import bisect
import collections
import heapq
import re
import sys
import zlib

FIXED = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"]
NONE, IP, REGISTERS = 128, 136, 16
JUMP, INSN, NAMED = 8, 2, 1  # as in fuse.c
USES_MAX = 192  # as in fuse.h


class Insn:
    """One of a block: how often it was executed, what of it a sequence depends on."""
    __slots__ = ("count", "mark", "name", "fields", "implicit")

    def __init__(self, line):
        count, name, fields, implicit, *values = line.split()
        self.count = int(count)
        self.mark = name[0]
        self.name = sys.intern(name[1:])
        value = dict(zip(("reg", "rm", "base", "index", "vreg"), map(int, values)))
        self.fields = []
        for f in fields.split(",") if fields != "-" else []:
            field, _, kind = f.partition(".")
            self.fields.append((kind, value[field]))
        self.implicit = int(implicit, 16)


def read(path, weight):
    """[[Insn, ...]], the blocks."""
    blocks, whole = [], False
    with open(path) as f:
        for line in f:
            if line == "block\n":
                blocks.append([])
            elif line == "end\n":
                whole = True
            elif line[0] != "#":
                insn = Insn(line)
                insn.count *= weight
                blocks[-1].append(insn)
    if not whole:
        sys.exit(f"{path} has no end: was twin86 stopped before it had written it?")
    return blocks


def named(insns):
    """The sequence with names for registers, as fuse.tab has it; None where that can't be said."""
    implicit = 0
    for i in insns:
        implicit |= i.implicit
    letters, words, vectors = {}, [], {}
    for i in insns:
        names = []
        for kind, v in i.fields:
            if kind == "v":
                names.append(vectors.setdefault(v, chr(ord("A") + len(vectors))))
            elif v >= NONE:
                if v not in (NONE, IP):
                    return None
                names.append("-" if v == NONE else "IP")
            elif implicit >> (v >> 3) & 1:
                if v >> 3 >= len(FIXED):
                    return None
                names.append(FIXED[v >> 3] + (".h" if v & 7 else ""))
            else:
                names.append(letters.setdefault(v >> 3, chr(ord("a") + len(letters))) + (".h" if v & 7 else ""))
        words.append(i.name + (f"({','.join(names)})" if names else ""))
    return " ".join(words)


def windows(block, longest):
    """Where sequences may be: (first, length)."""
    for k, first in enumerate(block):
        if first.mark != "-":
            continue
        for n in range(2, min(longest, len(block) - k) + 1):
            mark = block[k + n - 1].mark
            if mark == "!":
                break
            yield k, n
            if mark == "|":
                break


def texts(block, k, n):
    """The sequence with and without registers."""
    part = block[k:k + n]
    with_names = named(part) if sum(len(i.fields) for i in part) <= USES_MAX else None
    plain = " ".join(i.name for i in part)
    return [(plain, False)] + ([(with_names, True)] if with_names and with_names != plain else [])


def expansions(text):
    """A line of fuse.tab without its {this,that}."""
    braces = re.search(r"\{([^{}]*)\}", text)
    if not braces:
        return [text]
    return [e for word in braces[1].split(",") for e in expansions(text[:braces.start()] + word + text[braces.end():])]


def table(paths):
    """The sequences that these files have."""
    lines = []
    for path in paths:
        with open(path) as f:
            lines += [" ".join(line.split("#")[0].split()) for line in f]
    return {e for line in lines if line and line[0] != "%" for e in expansions(line)}


class Cutter:
    """The blocks, and what it costs to execute them with the sequences there are so far."""

    def __init__(self, blocks, longest, there):
        self.blocks = blocks
        self.found = [collections.defaultdict(list) for _ in blocks]  # [block][first] = [(length, named)]
        for b, block in enumerate(blocks if there else []):
            for k, n in windows(block, longest):
                self.found[b][k] += [(n, has_names) for text, has_names in texts(block, k, n) if text in there]
        self.cost = [self.cost_of(b) for b in range(len(blocks))]

    def cut(self, b, more=()):
        """[(first, length, named)], as fuse_pick does it."""
        n = len(self.blocks[b])
        best, pick, found = [0] * (n + 1), [None] * n, self.found[b]
        extra = collections.defaultdict(list)
        for k, length, has_names in more:
            extra[k].append((length, has_names))
        for k in range(n - 1, -1, -1):
            best[k], pick[k] = best[k + 1] + JUMP + INSN, (1, False)
            for length, has_names in found.get(k, []) + extra.get(k, []):
                cost = best[k + length] + JUMP + length * (NAMED if has_names else INSN)
                if cost < best[k]:
                    best[k], pick[k] = cost, (length, has_names)
        k, out = 0, []
        while k < n:
            out.append((k, *pick[k]))
            k += pick[k][0]
        return out

    def cost_of(self, b, more=()):
        block = self.blocks[b]
        return sum(JUMP * block[k].count + sum(i.count for i in block[k:k + n]) * (NAMED if has_names else INSN)
                   for k, n, has_names in self.cut(b, more))

    def jumps(self):
        return sum(self.blocks[b][k].count for b in range(len(self.blocks)) for k, _, _ in self.cut(b))

    def add(self, places, has_names):
        for b, ks in places.items():
            for k, n in ks:
                self.found[b][k].append((n, has_names))
            self.cost[b] = self.cost_of(b)

    def gain(self, places, has_names):
        return sum(self.cost[b] - self.cost_of(b, [(k, n, has_names) for k, n in ks]) for b, ks in places.items())


def bound(block, k, n, has_names):
    """What a sequence saves at most in this place."""
    part = block[k:k + n]
    return sum(i.count for i in part[1:]) * JUMP + (sum(i.count for i in part) if has_names else 0)


def candidates(blocks, longest, least):
    """{text: (named, length, {block: [(first, length)]})} of those that could save `least`."""
    sums = collections.Counter()
    for block in blocks:
        for k, n in windows(block, longest):
            for text, has_names in texts(block, k, n):
                sums[zlib.crc32(text.encode()) << 8 | n] += bound(block, k, n, has_names)
    out = {}
    for b, block in enumerate(blocks):
        for k, n in windows(block, longest):
            for text, has_names in texts(block, k, n):
                if sums[zlib.crc32(text.encode()) << 8 | n] >= least:
                    places = out.setdefault(text, (has_names, n, {}))[2]
                    places.setdefault(b, []).append((k, n))
    return out


def choose(blocks, args):
    total = sum(i.count for block in blocks for i in block)
    cutter = Cutter(blocks, args.longest, table(args.keep))
    print(f"jumps in an instruction: {cutter.jumps() / total:.3f}", file=sys.stderr)
    found = candidates(blocks, args.longest, total * args.least)
    print(f"{len(found)} candidates", file=sys.stderr)
    heap = []
    for text, (has_names, n, places) in found.items():
        most = sum(bound(blocks[b], k, m, has_names) for b, ks in places.items() for k, m in ks)
        heap.append((-most / (n + args.extra), text))
    heapq.heapify(heap)
    chosen, room = [], args.room
    while heap and room > 0:
        score, text = heapq.heappop(heap)
        has_names, n, places = found[text]
        gain = cutter.gain(places, has_names)
        now = -gain / (n + args.extra)
        if gain < total * args.least:
            continue
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, text))
            continue
        cutter.add(places, has_names)
        chosen.append((text, gain / total))
        room -= n
        if len(chosen) % 200 == 0:
            print(f"{len(chosen)} sequences, jumps in an instruction: {cutter.jumps() / total:.3f}", file=sys.stderr)
    print(f"{len(chosen)} sequences of {args.room - room} instructions, jumps in an instruction: "
          f"{cutter.jumps() / total:.3f}", file=sys.stderr)
    return chosen


def hottest(blocks, share):
    blocks = sorted(blocks, key=lambda block: -sum(i.count for i in block))
    wanted = share * sum(i.count for block in blocks for i in block)
    sums, s = [], 0
    for block in blocks:
        s += sum(i.count for i in block)
        sums.append(s)
    return blocks[:bisect.bisect_left(sums, wanted) + 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profiles", nargs="+", metavar="FILE[:WEIGHT]", help="what profile= wrote")
    parser.add_argument("--room", type=int, default=9000, help="instructions in all sequences together (9000)")
    parser.add_argument("--longest", type=int, default=64, help="instructions in one sequence (64)")
    parser.add_argument("--least", type=float, default=1e-4, help="what a sequence has to save, in parts of an instruction's cost")
    parser.add_argument("--extra", type=float, default=2, help="what a sequence takes beside its instructions, in instructions")
    parser.add_argument("--share", type=float, default=0.97, help="how much of the instructions to look at (0.97)")
    parser.add_argument("--keep", action="append", default=[], metavar="FUSE.TAB",
                        help="choose what is worth having beside these (can be given again)")
    parser.add_argument("--units", type=int, default=5, help="how many C files to spread them over (5)")
    parser.add_argument("--gains", action="store_true", help="say beside each what it saves")
    args = parser.parse_args()

    blocks = []
    for profile in args.profiles:
        path, _, weight = profile.partition(":")
        blocks += read(path, float(weight or 1))
    blocks = hottest(blocks, args.share)
    print(f"{len(blocks)} blocks", file=sys.stderr)
    chosen = sorted(choose(blocks, args))
    room, done, unit = sum(len(text.split()) for text, _ in chosen), 0, 0
    for text, gain in chosen:
        if done * args.units // room + 1 != unit:
            unit = done * args.units // room + 1
            print(f"%unit fuse_hot{unit}")
        done += len(text.split())
        print(text + (f"  # {gain:.5f}" if args.gains else ""))


if __name__ == "__main__":
    main()
