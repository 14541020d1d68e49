#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Operands of several parts at the end of the address size: each part wraps by itself (accel/tcg-lite/run/area.h).

Cases are made of a table of instructions and of the parts that their operands have, at every place where the end can
lie between two parts or within one, in real, 16-bit and 32-bit protected mode, and in 64-bit code with 32-bit
addresses, where a part across the end goes on above 4 GiB. With --cases they are printed and not run; those of 64-bit
code (--only '*.long64.*') are for a processor, too: `twin86 diff replay --engines tcg-lite,host`.
"""

import re
import struct
import subprocess
import sys
import tempfile

TWIN86 = "./twin86"
PAGE = 4096

# ---- parts and images ----

X87_16 = [2] * 7
X87_32 = [4] * 7
REGISTERS = [8, 2] * 8
FXSAVE = [8, 8, 8, 4, 4] + [8, 8] * 8 + [16] * 22
XSAVE = FXSAVE + [8] * 8 + [32] * 8
XMM = [bytes((16 * n + k) & 0xff for k in range(16)) for n in range(8)]
YMMH = [bytes(0xff - b for b in x) for x in XMM]
ST = [struct.pack("<QH", 0x8000000000000001 + (n << 8), 0x3fff + n) for n in range(8)]
BCD = bytes.fromhex("21436587092143658780")  # 18 digits and a sign
BCD_VALUE = -int("".join(f"{b:02x}" for b in reversed(BCD[:9])))


def number(data):
    return f"0x{int.from_bytes(data, 'little'):x}"


def x87_integer(n):
    """The 80 bits of an integer."""
    sign, n = (0x8000, -n) if n < 0 else (0, n)
    shift = 64 - n.bit_length()
    return struct.pack("<QH", n << shift, sign | (0x3fff + 63 - shift))


def environment(word, real):
    """FCW = 37Fh, FSW = 0, tags of registers that are all valid, no pointers; in 32-bit words ones above (SDM vol. 1,
    figures 8-9 to 8-12)."""
    if word == 2:
        return struct.pack("<7H", 0x37f, 0, 0, 0, 0, 0, 0)
    ones = 0xffff0000
    if real:
        return struct.pack("<7I", 0x37f | ones, ones, ones, ones, 0, ones, 0)
    return struct.pack("<7I", 0x37f | ones, ones, ones, 0, 0, 0, ones)


def legacy_area(vendor):
    """As FXSAVE writes it in code that has eight vector registers. MXCSR has MM on AMD's processors."""
    mask = 0x2ffff if vendor == "AuthenticAMD" else 0xffff
    image = struct.pack("<HHBBH", 0x37f, 0, 0xff, 0, 0) + bytes(16) + struct.pack("<II", 0x1f80, mask)
    return image + b"".join(r + bytes(6) for r in ST) + b"".join(XMM)


def xsave_area(vendor):
    """With zeros where nothing is written."""
    legacy = legacy_area(vendor)
    return legacy + bytes(512 - len(legacy)) + struct.pack("<Q", 7) + bytes(56) + b"".join(YMMH)


STACK = [f"st{n} {number(r)}" for n, r in enumerate(ST)] + ["ftw 0xff"]
VECTORS = [f"xmm{n} {number(x)}" for n, x in enumerate(XMM)]
UPPER = [f"ymmh{n} {number(x)}" for n, x in enumerate(YMMH)]
COMPONENTS = ["rax 7"]  # of XSAVE: x87, SSE, AVX
IN_USE = ["ftw 0x80", "fsw 0x3800"]  # ST(0)


class Op:
    """An instruction whose operand is [bx] in 16-bit code, [edi] in other code: the same ModRM byte. `image` is in
    memory before a load, after a store; `blank` is what a store finds there (not given: other bytes). `first` are
    instructions before it, by bits of code."""

    def __init__(self, name, code, parts, image, store=False, setup=(), after=(), align=1, blank=None, first=None,
                 modes="real16 prot16 prot32 long64", word=0):
        self.name, self.code, self.parts, self.image, self.store = name, bytes.fromhex(code), parts, image, store
        self.setup, self.after, self.align, self.modes, self.word = list(setup), list(after), align, modes.split(), word
        self.blank, self.first = blank or b"\xa5" * len(image), first or {}


def ops(real, vendor):
    one = [f"st0 {number(ST[0])}"]
    bcd = [f"st0 {number(x87_integer(BCD_VALUE))}"]
    yield Op("fld80", "db2f", [8, 2], ST[0], after=one)
    yield Op("fstp80", "db3f", [8, 2], ST[0], True, setup=one + IN_USE)
    yield Op("fbld", "df27", [8, 2], BCD, after=bcd)
    yield Op("fbstp", "df37", [8, 2], BCD, True, setup=bcd + IN_USE)
    for word, parts in ((2, X87_16), (4, X87_32)):
        env, regs = environment(word, real), b"".join(ST)
        yield Op(f"fnstenv{word}", "d937", parts, env, True, setup=STACK, word=word)
        yield Op(f"fldenv{word}", "d927", parts, env, setup=["fcw 0x27f"], after=["fcw 0x37f", "ftw 0xff"], word=word)
        yield Op(f"fnsave{word}", "dd37", parts + REGISTERS, env + regs, True, setup=STACK, word=word)
        yield Op(f"frstor{word}", "dd27", parts + REGISTERS, env + regs, after=STACK, word=word)
    legacy, area = legacy_area(vendor), xsave_area(vendor)
    yield Op("fxsave", "0fae07", FXSAVE, legacy, True, setup=STACK + VECTORS, align=16)
    yield Op("fxrstor", "0fae0f", FXSAVE, legacy + bytes(512 - len(legacy)), after=STACK + VECTORS, align=16)
    yield Op("xsave", "0fae27", XSAVE, area, True, setup=COMPONENTS + STACK + VECTORS + UPPER, align=64,
             blank=bytes(len(area)))
    yield Op("xrstor", "0fae2f", XSAVE, area, setup=COMPONENTS, after=STACK + VECTORS + UPPER, align=64)
    all_of = "80" * 16
    yield Op("maskmovdqu", "660ff7c1", [1] * 16, XMM[3], True, setup=["xmm1 0x" + all_of, f"xmm0 {number(XMM[3])}"])
    yield Op("maskmovq", "0ff7c1", [1] * 8, XMM[3][:8], True, setup=[
        f"st0 0xffff{int.from_bytes(XMM[3][:8], 'little'):016x}", "st1 0xffff" + all_of[:16]])
    table = bytes.fromhex("341278563400")
    lidt = {16: bytes.fromhex("0f011e0010"), 32: bytes.fromhex("0f011d00100000")}  # [1000h]
    yield Op("lidt", "0f011f", [2, 8], table, after=["idt_base 0x345678", "idt_limit 0x1234"],
             modes="real16 prot16 prot32")
    yield Op("sidt", "0f010f", [2, 4], table, True, first=lidt, modes="real16 prot16 prot32")
    yield Op("les", "c407", [2, 2], bytes.fromhex("3412a5a5"), after=["rax 0x1234", "es 0xa5a5"], modes="real16")
    yield Op("bound", "6207", [2, 2], bytes.fromhex("00000010"), setup=["rax 0x800"], modes="real16 prot16")
    yield Op("movups", "0f1007", [16], XMM[5], after=[f"xmm0 {number(XMM[5])}"])


# ---- cases ----

class Mode:
    """Where code is, the address of offset 0, the end, and the address where a part goes on that lies across the end
    (None: it faults)."""

    def __init__(self, name, line, bits, code, base, beyond, prefix=""):
        self.name, self.line, self.bits, self.code, self.base = name, line, bits, code, base
        self.end, self.beyond, self.prefix = 1 << bits, beyond, bytes.fromhex(prefix)


MODES = [Mode("real16", "real16 0", 16, 0x20000, 0x40000, None),
         Mode("prot16", "prot16 0", 16, 0x8000, 0, None),
         Mode("prot32", "prot32 0", 32, 0x10000000, 0, 0),
         Mode("long64", "long64 3", 32, 0x10000000, 0, 1 << 32, "67")]


def places(op, mode):
    """(offset of the operand, whether the end lies within a part)."""
    for k, size in enumerate(op.parts):
        at = sum(op.parts[:k])
        if 0 < at < len(op.image) and at % op.align == 0:
            yield mode.end - at, False
        for inside in sorted({1, size // 2, size - 1} - {0, size}):
            if op.align == 1 and at + inside < len(op.image) and not op.first:
                yield mode.end - at - inside, True


def addresses(op, mode, offset):
    """Where each byte of the operand is; None: nowhere."""
    at = 0
    for size in op.parts:
        start = (offset + at) % mode.end
        for byte in range(start, start + size):
            if byte < mode.end:
                yield mode.base + byte
            else:
                yield None if mode.beyond is None else mode.beyond + byte - mode.end
        at += size


def memory(word, data):
    """Lines for {address: byte}, neighbours in one."""
    runs = []
    for address in sorted(data):
        if runs and runs[-1][0] + len(runs[-1][1]) == address:
            runs[-1][1].append(data[address])
        else:
            runs.append((address, bytearray([data[address]])))
    return [f"{word} 0x{address:x} {run.hex()}" for address, run in runs]


def case(op, mode, offset, across):
    where = list(addresses(op, mode, offset))[:len(op.image)]
    wide = b"\x66" if op.word and (op.word == 2) != (mode.name in ("real16", "prot16")) else b""
    first = op.first.get(mode.bits, b"")
    lines = [f"case {op.name}.{mode.name}.{mode.end - offset}", f"mode {mode.line}",
             f"code 0x{mode.code:x} {(first + mode.prefix + wide + op.code).hex()}"]
    if first:
        lines += [f"mem 0x{mode.base + 0x1000:x} {op.image.hex()}", "insns 2"]
    lines += memory("mem", {a: b for a, b in zip(where, op.blank if op.store else op.image) if a is not None})
    if mode.base == 0:
        pages = {0, mode.end - PAGE, mode.beyond or 0}
        lines += [f"page 0x{page:x} write user" for page in sorted(pages)]
    lines += op.setup + [f"rbx 0x{offset:x}", f"rdi 0x{offset:x}"]
    if across and mode.beyond is None:
        return lines + ["expect fault 13", "end"]
    lines.append("expect fault none")
    if op.store:
        lines += memory("expect mem", dict(zip(where, op.image)))
    return lines + ["expect " + a for a in op.after] + ["end"]


def cases(vendor):
    for mode in MODES:
        for op in ops(mode.name == "real16", vendor):
            if mode.name in op.modes:
                for offset, across in places(op, mode):
                    yield case(op, mode, offset, across)


def text(vendor):
    made = list(cases(vendor))
    return "\n".join([f"cpu max,vendor={vendor}"] + [line for c in made for line in c]) + "\n"


def main():
    if "--cases" in sys.argv:
        print(text("AuthenticAMD"), end="")
        return 0
    some = ["replay", "--engines", "tcg-lite,plain", "--only", "*.9,*.64,*.100"]
    runs = [("AuthenticAMD", ["vectors"], " 0 failed"), ("GenuineIntel", ["vectors"], " 0 failed"),
            ("AuthenticAMD", some, " 0 differ")]
    failed = 0
    for vendor, command, said in runs:
        with tempfile.NamedTemporaryFile("w", suffix=".case") as f:
            f.write(text(vendor))
            f.flush()
            r = subprocess.run([TWIN86, "diff", *command, f.name], capture_output=True, text=True, check=False)
            count = re.search(r"^(\d+) cases," + said, r.stdout, re.M)
            if r.returncode != 0 or count is None or int(count[1]) < 20:
                failed += 1
                print(f"FAIL {vendor}: diff {' '.join(command)}:\n{r.stdout[-20000:]}{r.stderr}")
    print(f"{len(runs) - failed} passed, {failed} failed, 0 skipped")
    return int(failed > 0)


sys.exit(main())
