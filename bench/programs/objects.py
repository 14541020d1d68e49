# SPDX-License-Identifier: MIT
"""Text to objects and back, regular expressions, classes, generators."""
import json
import re
import sys


class Row:
    def __init__(self, line):
        self.id, self.weight, self.tag, self.other = line.split()

    def as_dict(self):
        return {"id": int(self.id), "weight": int(self.weight) / 7, "tag": self.tag, "other": [int(c) for c in self.other]}


rows = [Row(line).as_dict() for _, line in zip(range(6000), sys.stdin)]
packed = json.dumps(rows, sort_keys=True)
again = json.loads(packed)
pattern = re.compile(r'"tag": "([0-9a-f])\1([0-9a-f])"')
found = sorted({m.group(2) + m.group(1) for m in pattern.finditer(packed)})
total = sum(sum(row["other"]) for row in again if row["weight"] > 1000)
print(len(packed), again == rows, total, "".join(found), max(rows, key=lambda row: (row["weight"], row["id"])))
