# SPDX-License-Identifier: MIT
"""A chart of ratios as SVG: bars to both sides of 1 on a logarithmic scale."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, STEP, TOP = 800, 130, 60, 24, 54
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def draw(path, title, rows):
    """rows: (name, ratio). Below 1 is better."""
    low = min([0.5] + [r for _, r in rows]) / 1.1
    high = max([2.0] + [r for _, r in rows]) * 1.1
    scale = (WIDTH - LEFT - RIGHT) / math.log(high / low)

    def x(ratio):
        return LEFT + math.log(ratio / low) * scale

    height = TOP + STEP * len(rows) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>']
    for tick in TICKS:
        if low <= tick <= high:
            color = "#333" if tick == 1 else "#ccc"
            out += [f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 6}" y2="{height - 8}" stroke="{color}"/>',
                    f'<text x="{x(tick):.1f}" y="{TOP - 10}" text-anchor="middle" fill="#555">{tick:g}</text>']
    for i, (name, ratio) in enumerate(rows):
        y = TOP + i * STEP
        a, b = sorted((x(1), x(ratio)))
        color = "#2a7" if ratio <= 1 else "#47a" if ratio <= 1.75 else "#c73"
        out += [f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{a:.1f}" y="{y + 2}" width="{b - a:.1f}" height="{STEP - 8}" fill="{color}"/>',
                f'<text x="{b + 5:.1f}" y="{y + 14}">{ratio:.2f}</text>']
    with open(path, "w") as f:
        f.write("\n".join(out + ["</svg>", ""]))
