#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the table of litmus tests in litmus.c against the x86-TSO machine, by trying every execution of each shape.

The machine: each thread has a FIFO of stores; a load takes its own newest store to that address, or memory's value; a
fence waits until the FIFO is empty; a locked instruction does, and nobody else runs until what it stores is in memory.
An access that is split is one access for each part, and those may be done in any order. No outcome that the table calls
forbidden may be reachable, each that it calls allowed must be.

tso.py [LITMUS.C]
"""
import itertools
import os
import re
import sys

ROW = re.compile(r'^    \{"([^"]+)", \{((?:"[^"]*"(?:, )?)+)\}, "([^"]*)", "([^"]*)", "([^"]*)", (\w+), (\w+)\},$')


def rows(path):
    for line in open(path):
        match = ROW.match(line)
        if match:
            name, threads, forbidden, fenced, allowed, _, whole = match.groups()
            yield name, re.findall(r'"([^"]*)"', threads), forbidden, fenced, allowed, whole == "true"


def orders(steps, parts):
    """Every order in which one thread's accesses can be begun: in program order, but for an access's parts."""
    choices = []
    for step in steps:
        if step == "-":
            choices.append([[step]])
        else:
            choices.append([[(step, part) for part in order] for order in itertools.permutations(range(parts))])
    for choice in itertools.product(*choices):
        yield tuple(access for accesses in choice for access in accesses)


def outcomes(threads, parts, variant):
    """All final states: frozensets of (term, part) such as ("0a1", 0) and ("x2", 1)."""
    found = set()
    for programs in itertools.product(*(list(orders(t.split(), parts)) for t in threads)):
        seen = set()
        start = (tuple(0 for _ in programs), tuple(() for _ in programs), frozenset(), frozenset())
        stack = [start]
        while stack:
            state = stack.pop()
            if state not in seen:
                seen.add(state)
                stack += successors(programs, state, variant)
                at, buffers, memory, registers = state
                if all(a == len(p) for a, p in zip(at, programs)) and not any(buffers):
                    values = dict(memory)
                    final = {(f"{w}{values.get((w, p), 0)}", p) for w in "xy" for p in range(parts)}
                    found.add(frozenset(final | registers))
    return found


def successors(programs, state, variant):
    at, buffers, memory, registers = state
    for t, program in enumerate(programs):
        if buffers[t]:
            where, value = buffers[t][0]
            yield (at, buffers[:t] + (buffers[t][1:],) + buffers[t + 1:], stored(memory, where, value), registers)
        if at[t] == len(program):
            continue
        step = program[at[t]]
        after = at[:t] + (at[t] + 1,) + at[t + 1:]
        if step == "-":
            if variant != "fences" or not buffers[t]:
                yield after, buffers, memory, registers
        elif step[0][0] in "xy":
            (where, value), part = step[0], step[1]
            if variant != "locked stores":
                store = ((where, part), int(value))
                yield after, buffers[:t] + (buffers[t] + (store,),) + buffers[t + 1:], memory, registers
            elif not buffers[t]:
                yield after, buffers, stored(memory, (where, part), int(value)), registers
        elif variant != "locked loads" or not buffers[t]:
            (register, where), part = step[0], step[1]
            own = [v for w, v in buffers[t] if w == (where, part)]
            value = own[-1] if own else dict(memory).get((where, part), 0)
            yield after, buffers, memory, registers | {(f"{t}{register}{value}", part)}


def stored(memory, where, value):
    return frozenset({**dict(memory), where: value}.items())


def reachable(outcome, states):
    """Whether a state has all terms, each in one part or the other, as litmus.c judges."""
    terms = outcome.split()
    return any(all(any(term == t for t, _ in state) for term in terms) for state in states)


def check(name, threads, forbidden, fenced, allowed, whole):
    """What is wrong with a row, as lines."""
    for parts in (1,) if whole else (1, 2):
        if parts == 2 and sum(len(t.split()) for t in threads) > 8:
            continue  # too many orders; the shape is a chain of its smaller ones
        plain = outcomes(threads, parts, "plain")
        for outcome in filter(None, forbidden.split(";")):
            if reachable(outcome, plain):
                yield f"{name}: {outcome} is forbidden in the table, but can happen (parts: {parts})"
        for outcome in filter(None, allowed.split(";")):
            if not reachable(outcome, plain):
                yield f"{name}: {outcome} is allowed in the table, but can't happen (parts: {parts})"
        for variant in ("fences", "locked stores", "locked loads"):
            if parts == 2 and variant != "fences":
                continue  # a locked instruction is never split
            states = outcomes(threads, parts, variant)
            for outcome in filter(None, (forbidden + ";" + fenced).split(";")):
                if reachable(outcome, states):
                    yield f"{name}: {outcome} is forbidden in the table, but can happen with {variant} (parts: {parts})"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "litmus.c")
    table, failed = list(rows(path)), 0
    for row in table:
        wrong = list(check(*row))
        for line in wrong:
            print("FAIL", line)
        failed += bool(wrong)
    if len(table) < 16:
        print(f"FAIL {path}: only {len(table)} rows of its table could be read")
        failed += 1
    print(f"{len(table) - failed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
