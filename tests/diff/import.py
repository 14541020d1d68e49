#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`twin86 diff import`: MOO files that this program makes itself, whole, odd and damaged."""

import gzip
import os
import random
import struct
import subprocess
import sys
import tempfile

TWIN86 = "./twin86"
ORDER16 = "ax bx cx dx cs ss ds es sp bp si di ip flags".split()
ORDER32 = "cr0 cr3 ax bx cx dx si di bp sp cs ds es fs gs ss ip flags dr6 dr7".split()
failed = passed = 0


def check(what, ok, shown=""):
    global failed, passed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {what}\n{shown}")


# ---- making files ----

def chunk(name, data):
    return name.encode() + struct.pack("<I", len(data)) + data


def regs(values, wide):
    order, size, word = (ORDER32, 4, "<I") if wide else (ORDER16, 2, "<H")
    bits = sum(1 << k for k, name in enumerate(order) if name in values)
    data = bits.to_bytes(size, "little")
    return data + b"".join(struct.pack(word, values[name]) for name in order if name in values)


def ram(memory):
    return struct.pack("<I", len(memory)) + b"".join(struct.pack("<IB", a, v) for a, v in memory.items())


def state(name, values, memory, wide, extra=b""):
    return chunk(name, chunk("RG32" if wide else "REGS", regs(values, wide)) + extra + chunk("RAM ", ram(memory)) +
                 chunk("QUEU", struct.pack("<I", 0)))


def text(data):
    return struct.pack("<I", len(data)) + data


def test(index, name, code, before, after, wide=False, exception=None, extra=b""):
    """before, after: (registers, memory)."""
    data = struct.pack("<I", index) + chunk("NAME", text(name.encode())) + chunk("BYTS", text(code))
    data += chunk("XXXX", b"a chunk that nobody knows") + state("INIT", *before, wide)
    data += state("FINA", *after, wide, extra) + chunk("CYCL", struct.pack("<I", 0))
    if exception:
        data += chunk("EXCP", struct.pack("<BI", *exception))
    return chunk("TEST", data + chunk("HASH", bytes(20)))


def moo(cpu, tests, top=b"", count=None):
    head = struct.pack("<BBHI4s", 1, 1, 0, len(tests) if count is None else count, cpu.ljust(4).encode())
    return chunk("MOO ", head) + chunk("META", bytes(30)) + top + b"".join(tests)


def registers(wide=False, **values):
    r = {name: 0 for name in (ORDER32 if wide else ORDER16)}
    r.update(cs=0x1234, ds=0x2000, ss=0x3000, es=0x4000, ip=0x100, sp=0x800, flags=2)
    if wide:
        r.update(fs=0x5000, gs=0x6000)
    r.update(values)
    return r


def memory(r, code, **more):
    m = {r["cs"] * 16 + r["ip"] + k: v for k, v in enumerate(code)}
    m.update(more.get("also", {}))
    return m


# ---- running ----

def run(data, *options, name="00.MOO"):
    """Exit code, cases, messages of import; exit code and report of vectors."""
    with tempfile.TemporaryDirectory() as d:
        path, cases = os.path.join(d, name), os.path.join(d, "out.case")
        with open(path, "wb") as f:
            f.write(data)
        p = subprocess.run([TWIN86, "diff", "import", "--output", cases, *options, path], capture_output=True, timeout=60)
        out = open(cases).read() if os.path.exists(cases) else ""
        v = subprocess.run([TWIN86, "diff", "vectors", "--show", "all", cases], capture_output=True, timeout=60)
        return p.returncode, out, (p.stdout + p.stderr).decode(), v.returncode, (v.stdout + v.stderr).decode()


def good(what, data, count, *wanted, options=()):
    e, cases, log, v, report = run(data, *options)
    ok = e == 0 and v == 0 and report.endswith(f"{count} cases, 0 failed\n") and all(w in cases for w in wanted)
    check(what, ok, cases + log + report)


def bad_vector(what, data, wanted):
    """What the file says is wrong, and is found out."""
    e, cases, log, v, report = run(data)
    check(what, e == 0 and v == 1 and wanted in report, cases + log + report)


def refused(what, data, message, code=2):
    e, cases, log, _, _ = run(data)
    check(what, e == code and message in log and log.count("\n") <= 3, log)


# ---- whole files ----

def add_286(**change):
    """add [bx+10h], al; hlt: as a 286 does it, unless a change says otherwise."""
    code = bytes([0x00, 0x47, 0x10, 0xf4])
    r = registers(bx=0x20, ax=0x12f0, flags=0xf003)
    at = 0x20000 + 0x30
    after = {"ip": r["ip"] + 4, "flags": 3 | change.get("flags", 0)}
    after.update(change.get("regs", {}))
    m = {at: change.get("value", 0x10)}
    return test(7, "add [bx+10h],al", code, (r, memory(r, code, also={at: 0x20})), (after, m))


good("286: an addition", moo("C286", [add_286()]), 1, "case 00-7 # add [bx+10h],al", "mode real16 0",
     "expect mem 0x20030 10", "expect rest registers")
bad_vector("286: another sum is found", moo("C286", [add_286(value=0x11)]), "0x20030 expected 11, got 10")
bad_vector("286: another register is found", moo("C286", [add_286(regs={"di": 5})]), "rdi     expected 0x5, got 0x0")
bad_vector("286: another flag is found", moo("C286", [add_286(flags=0x40)]), "rflags")
good("286: undefined flags by a mask", moo("C286", [add_286(flags=0x40)], chunk("RMSK", regs({"flags": 0xffbf}, False))), 1,
     "mask rflags 0xf95")
good("cpu line", moo("C286", [add_286()]), 1, "cpu max,vendor=GenuineIntel\n", options=["--cpu", "max,vendor=GenuineIntel"])


def divide_286():
    """div bl by 0: #DE, IP of the instruction, an injected HLT at the handler."""
    code = bytes([0xf6, 0xf3, 0xf4])
    r = registers(ax=0x1234, flags=0x46)
    frame = 0x30000 + r["sp"] - 6
    vector = {0: 0x34, 1: 0x12, 2: 0x00, 3: 0x70}
    pushed = dict(zip(range(frame, frame + 6), [0x00, 0x01, 0x34, 0x12, 0x46, 0x00]))
    pushed[frame + 4] = 0x47  # CF is undefined
    return test(0, "div bl", code, (r, memory(r, code, also=vector)),
                ({"sp": r["sp"] - 6, "cs": 0x7000, "ip": 0x1235}, pushed), exception=(0, frame + 4),
                extra=chunk("RMSK", regs({"flags": 0xf72a}, False)))


good("286: a division by 0", moo("C286", [divide_286()]), 1, "expect fault 0", "expect rip 0x100", "expect rsp 0x800",
     "expect cs 0x1234")

hlt = registers()
good("286: HLT ends itself", moo("C286", [test(0, "hlt", b"\xf4", (hlt, memory(hlt, b"\xf4")), ({"ip": 0x101}, {}))]), 1)

jump = registers(ax=0x10)
good("286: a branch ends behind a HLT that is not in memory",
     moo("C286", [test(0, "jmp ax", b"\xff\xe0\xf4", (jump, memory(jump, b"\xff\xe0\xf4")), ({"ip": 0x11}, {}))]), 1,
     "expect rip 0x10")


def interrupt_286():
    """int 21h through memory that the test names: page 0 is the case's own."""
    code = bytes([0xcd, 0x21, 0xf4])
    r = registers()
    frame = 0x30000 + r["sp"] - 6
    vector = {0x84: 0x00, 0x85: 0x20, 0x86: 0x00, 0x87: 0xf0}
    pushed = dict(zip(range(frame, frame + 6), [0x02, 0x01, 0x34, 0x12, 0x02, 0x00]))
    return test(0, "int 21h", code, (r, memory(r, code, also=vector)),
                ({"sp": r["sp"] - 6, "cs": 0xf000, "ip": 0x2001}, pushed), exception=(0x21, frame + 4))


good("286: a software interrupt", moo("C286", [interrupt_286()]), 1, "expect fault 33", "expect rip 0x102")


def high_286():
    """The case's memory is where the tool's tables would lie: F0000h, 0, and the last bytes of all."""
    code = bytes([0x88, 0x07, 0xf4])
    tests = []
    for k, (ds, bx) in enumerate([(0xf000, 0x4000), (0xf400, 0x10), (0, 0), (0, 0x84), (0xffff, 0xfff0), (0xf000, 0x7fff)]):
        r = registers(ax=0x5a, ds=ds, bx=bx)
        at = ds * 16 + bx
        tests.append(test(k, "mov [bx],al", code, (r, memory(r, code, also={at: 0x11})), ({"ip": 0x103}, {at: 0x5a})))
    r = registers(cs=0xf400)
    tests.append(test(9, "nop", b"\x90\xf4", (r, memory(r, b"\x90\xf4")), ({"ip": 0x102}, {})))
    r = registers(cs=0x100, ip=0x2f0, ax=0x10)  # to what would be a handler
    far = bytes([0xea, 0x00, 0x40, 0x00, 0xf0, 0xf4])
    tests.append(test(10, "jmp far", far, (r, memory(r, far)), ({"cs": 0xf000, "ip": 0x4001}, {})))
    return moo("C286", tests)


good("286: memory at F0000h, 0 and FFFFFh", high_286(), 8)


def wide_386():
    code = bytes([0x66, 0x01, 0xd8, 0xf4])  # add eax, ebx
    r = registers(True, ax=0xffffffff, bx=0x80000001, flags=0xfffc0002, cr0=0x7fffffe0)
    fs = bytes([0x8e, 0xe0, 0xf4])  # mov fs, ax
    s = registers(True, ax=0x7000, flags=0xfffc0002, cr0=0x7fffffe0)
    return moo("386E", [
        test(0, "add eax,ebx", code, (r, memory(r, code)), ({"ax": 0x80000000, "ip": 0x104, "flags": 0xfffc0097}, {}), True),
        test(1, "mov fs,ax", fs, (s, memory(s, fs)), ({"fs": 0x7000, "ip": 0x103}, {}), True)])


good("386: 32-bit registers, FS", wide_386(), 2, "expect fs 0x7000", "expect fs_base 0x70000")


def wrap_8088():
    """20 bits of address: mov al, [bx] at FFFF:0020 is at 00010h."""
    code = bytes([0x8a, 0x07])
    r = registers(ds=0xffff, bx=0x20, flags=0xf002)
    return test(0, "mov al,[bx]", code, (r, memory(r, code, also={0x10: 0x77})), ({"ax": 0x77, "ip": 0x102}, {}))


good("8088: addresses wrap", moo("8088", [wrap_8088()]), 1, "a20 off", "expect rip 0x102")


def int3_8088():
    """No word of the interrupt: it is known by its vector in memory."""
    code = bytes([0x26, 0xcc])
    r = registers(flags=0xf002)
    frame = 0x30000 + r["sp"] - 6
    vector = {12: 0x00, 13: 0x04, 14: 0x00, 15: 0x00}
    pushed = dict(zip(range(frame, frame + 6), [0x02, 0x01, 0x34, 0x12, 0x02, 0xf0]))
    return test(0, "int3", code, (r, memory(r, code, also=vector)), ({"sp": r["sp"] - 6, "cs": 0, "ip": 0x400}, pushed))


good("8088: INT3", moo("8088", [int3_8088()]), 1, "expect fault 3", "expect rip 0x102")

everything = moo("C286", [add_286(), divide_286(), interrupt_286()])

# ---- odd and damaged ones ----

refused("an empty file", b"", "no MOO file")
refused("text", b"case a\n" * 100, "no MOO file")
refused("another version", chunk("MOO ", struct.pack("<BBHI4s", 2, 0, 0, 0, b"C286")), "version 2.0")
refused("an unknown processor", moo("Z80", []), "'Z80'")
refused("fewer tests than it says", moo("C286", [add_286()], count=2), "says that there are 2")
packed = gzip.compress(everything)
e, cases, log, v, report = run(packed)
if "built without zlib" in log:
    check("a file that gzip has packed, without zlib", e == 2 and "gunzip unpacks it" in log, log)
else:
    check("a file that gzip has packed", e == 0 and cases.count("\ncase ") == run(everything)[1].count("\ncase ") > 0, log)
    refused("a packed file that is cut off", packed[:-20], "cut off")
    refused("a packed file that is damaged", packed[:20] + bytes(len(packed) - 20), "gzip's data are")
far_away = registers()
e, cases, log, v, report = run(moo("C286", [test(0, "nop", b"\x90\xf4", (far_away, {0x900000: 1}), ({"ip": 0x102}, {})), add_286()]))
check("memory beyond 1 MiB is left out, with a word", e == 0 and "test 0 is left out: it uses memory" in log and "1 cases, 0 failed" in report, log + report)

random.seed(1)
for n in range(60):
    data = bytearray(everything if n & 1 else high_286())
    if n % 3 == 0:
        del data[random.randrange(len(data)):]
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(max(1, len(data) - 4))
        piece = random.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", random.randbytes(4), b"RAM ", b"TEST", struct.pack("<I", len(data))])
        data[at:at + 4] = piece
    with tempfile.NamedTemporaryFile(suffix=".MOO") as f:
        f.write(data)
        f.flush()
        p = subprocess.run([TWIN86, "diff", "import", "--output", os.devnull, f.name], capture_output=True, timeout=60)
        if p.returncode not in (0, 2):
            check(f"damaged file {n}", False, p.stderr.decode())
passed += 1

print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
