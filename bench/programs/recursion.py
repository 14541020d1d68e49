# SPDX-License-Identifier: MIT
"""Calls, small integers, lists: Fibonacci, Ackermann, the queens' problem."""
import sys

sys.setrecursionlimit(10000)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def ackermann(m, n):
    if m == 0:
        return n + 1
    return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))


def queens(n, row=0, columns=0, left=0, right=0):
    if row == n:
        return 1
    found = 0
    for c in range(n):
        if not (columns >> c & 1 or left >> (row + c) & 1 or right >> (row - c + n) & 1):
            found += queens(n, row + 1, columns | 1 << c, left | 1 << (row + c), right | 1 << (row - c + n))
    return found


print(fib(25), ackermann(2, 200), queens(8))
