# SPDX-License-Identifier: MIT
"""Dictionaries and strings: count words, sort, join, replace, format."""
import sys

rows = [line.split() for line in sys.stdin]
count, where = {}, {}
for number, row in enumerate(rows):
    for word in row:
        count[word] = count.get(word, 0) + 1
        where.setdefault(word[-2:], []).append(number)
best = sorted(count.items(), key=lambda item: (-item[1], item[0]))[:500]
text = ",".join(f"{word}={n:05d}" for word, n in best)
seen = {word.upper().replace("A", "-").strip("-") for word in count}
longest = max(where, key=lambda k: (len(where[k]), k))
print(len(count), len(seen), longest, sum(where[longest]), text[:2000], sorted(seen)[:200])
