# SPDX-License-Identifier: MIT
# What a Python program may do: one line of results for each kind of work. With an argument: the files that it imports.
import sys
import hashlib, json, math, random, re, struct, zlib, decimal, fractions, collections, itertools, binascii, base64

def line(name, value):
    print(name, hashlib.sha256(repr(value).encode()).hexdigest()[:32])

rng = random.Random(86)
data = rng.randbytes(100000)
for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "shake_128", "blake2b", "blake2s"):
    h = hashlib.new(name, data)
    line(name, h.hexdigest(32) if name.startswith("shake") else h.hexdigest())
line("pbkdf2", hashlib.pbkdf2_hmac("sha256", b"twin", b"salt", 500))
packed = zlib.compress(data + bytes(50000), 6)
line("zlib", (packed, zlib.decompress(packed) == data + bytes(50000), zlib.crc32(data), zlib.adler32(data)))
line("base64", (base64.b64encode(data), binascii.crc_hqx(data, 0)))
a, b = rng.getrandbits(4000), rng.getrandbits(3000) | 1
line("integers", (a * b, a // b, a % b, pow(a, 65537, b), math.gcd(a, b), math.isqrt(a), str(a)))
reals = [rng.gauss(0, 100) for _ in range(5000)]
line("reals", [struct.pack("<d", v) for v in (math.fsum(reals), sum(reals), math.prod(reals[:20]), math.hypot(*reals))])
line("functions", [struct.pack("<d", f(abs(v) / 50)) for v in reals[:500] for f in (math.sin, math.exp, math.sqrt, math.atan)])
line("decimal", str(decimal.getcontext().divide(decimal.Decimal(2) ** 200, decimal.Decimal(7) ** 31)))
line("fractions", str(sum(fractions.Fraction(1, n) for n in range(1, 200))))
line("sorting", sorted(reals) + sorted(map(str, reals), key=lambda s: s[::-1]))
words = re.findall(r"[a-f]+\d*|x", data.hex())
line("regex", (len(words), collections.Counter(words).most_common(20), re.sub(r"(\d)([a-f])", r"\2\1", data.hex()[:5000])))
line("json", json.loads(json.dumps({"r": reals[:300], "s": data[:200].hex(), "n": [None, True, -1]})))
line("permutations", sum(p[0] * p[-1] for p in itertools.permutations(range(8))))
line("unicode", "".join(chr(rng.randrange(32, 0x3000)) for _ in range(2000)).upper().encode("utf-8"))

if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as f:
        for m in list(sys.modules.values()):
            if getattr(m, "__file__", None):
                print(m.__file__, file=f)
