# SPDX-License-Identifier: MIT
"""Floating point in loops: planets, the Mandelbrot set, a spectral norm."""
import math


def planets(steps):
    bodies = [[math.cos(i) * (i + 1), math.sin(i) * (i + 1), 0.1 * i, 0.01 * i, 0.02, -0.01 * i, 1.0 / (i + 1)] for i in range(5)]
    for _ in range(steps):
        for i, a in enumerate(bodies):
            for b in bodies[i + 1:]:
                x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
                pull = 0.001 * (x * x + y * y + z * z + 0.01) ** -1.5
                for k, d in ((3, x), (4, y), (5, z)):
                    a[k] -= d * b[6] * pull
                    b[k] += d * a[6] * pull
        for a in bodies:
            for k in range(3):
                a[k] += 0.001 * a[k + 3]
    return [v.hex() for a in bodies for v in a]


def mandelbrot(size):
    inside = 0
    for py in range(size):
        for px in range(size):
            cx, cy, x, y = px * 3.0 / size - 2.0, py * 2.0 / size - 1.0, 0.0, 0.0
            for _ in range(40):
                x, y = x * x - y * y + cx, 2.0 * x * y + cy
                if x * x + y * y > 4.0:
                    break
            else:
                inside += 1
    return inside


def norm(n):
    v = [1.0] * n
    for _ in range(2):
        v = [sum(v[j] / ((i + j) * (i + j + 1) / 2 + i + 1) for j in range(n)) for i in range(n)]
    return math.sqrt(sum(x * x for x in v)).hex()


print(planets(2500), mandelbrot(100), norm(200))
