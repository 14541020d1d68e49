/* SPDX-License-Identifier: MIT */
/* The decoder: fields, lengths, prefixes, legality and gating by mode and feature. */
#include "accel/tcg-lite/run/functions.h"
#include "accel/tcg-lite/run/tcg.h"
#include "tests/unit/suites.h"

#include <string.h>

static struct CpuModel model;
static struct Decoded d;
static struct TcgDecoded x; /* the same with functions */

enum {
    M16 = MODE_CODE16 | MODE_SSE,
    M32 = MODE_CODE32 | MODE_SSE | MODE_FLAT,
    M64 = MODE_CODE64 | MODE_SSE | MODE_FLAT
};

/* Functions for simple addresses and unread flags (configure --disable-variants). */
static bool has_variants(void) {
#ifdef WITH_VARIANTS
    return true;
#else
    return false;
#endif
}

static void setup(void) { memset(model.feature, 0xff, sizeof(model.feature)); }

static enum DecodeStatus decode_n(uint32_t mode, size_t n, const char *hex) {
    uint8_t bytes[32] = {0};
    size_t k = 0;
    for (const char *p = hex; *p && k < sizeof(bytes);) {
        unsigned v = 0;
        for (int digit = 0; digit < 2; digit++, p++)
            v = v * 16 + (unsigned)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
        bytes[k++] = (uint8_t)v;
        while (*p == ' ')
            p++;
    }
    enum DecodeStatus s = tcg_decode(&model, mode, bytes, n ? n : k, &x);
    d = x.isa;
    return s;
}

/** Decode exactly these bytes; the mnemonic and the length must come out. "" for #UD. */
static void expect(uint32_t mode, const char *hex, const char *mnemonic, unsigned len) {
    enum DecodeStatus s = decode_n(mode, 15, hex);
    ck_assert_msg(s == DECODE_OK, "%s: status %d", hex, s);
    ck_assert_msg(!strcmp(x86_rows[d.row].mnemonic, *mnemonic ? mnemonic : "(bad)"), "%s is %s, not %s", hex,
                  x86_rows[d.row].mnemonic, mnemonic);
    ck_assert_msg(!len || d.insn.len == len, "%s: length %u, not %u", hex, d.insn.len, len);
}

START_TEST(modrm_32) {
    expect(M32, "01 d8", "ADD", 2);
    ck_assert(!d.insn.mem && d.insn.rm == REG_AX * 8 && d.insn.reg == REG_BX * 8 && d.insn.osize == 2);
    expect(M32, "8b 44 8d f4", "MOV", 4); /* mov eax, [ebp + ecx*4 - 12] */
    ck_assert(d.insn.mem && d.insn.base == REG_BP * 8 && d.insn.index == REG_CX * 8 && d.insn.scale == 2);
    ck_assert(d.insn.disp == -12 && d.insn.seg == SEG_SS && d.insn.asize == 2);
    expect(M32, "8b 04 24", "MOV", 3); /* [esp] */
    ck_assert(d.insn.base == REG_SP * 8 && d.insn.index == INSN_REG_NONE && d.insn.seg == SEG_SS);
    expect(M32, "8b 05 78 56 34 12", "MOV", 6);
    ck_assert(d.insn.base == INSN_REG_NONE && d.insn.disp == 0x12345678 && d.insn.seg == SEG_DS && !d.rip_relative);
    expect(M32, "8b 04 8d 78 56 34 12", "MOV", 7); /* [ecx*4 + disp32] */
    ck_assert(d.insn.base == INSN_REG_NONE && d.insn.index == REG_CX * 8);
    expect(M32, "65 8b 00", "MOV", 3);
    ck_assert(d.insn.seg == SEG_GS);
    expect(M32, "26 64 8b 00", "MOV", 4); /* the last override wins */
    ck_assert(d.insn.seg == SEG_FS);
    expect(M32, "00 e0", "ADD", 2); /* add al, ah */
    ck_assert(d.insn.reg == 1 && d.insn.rm == 0 && d.insn.osize == 0);
    expect(M32, "66 81 00 34 12", "ADD", 5);
    ck_assert(d.insn.osize == 1 && d.insn.imm == 0x1234);
    expect(M32, "83 c0 ff", "ADD", 3);
    ck_assert(d.insn.imm == -1);
}
END_TEST

START_TEST(modrm_16) {
    expect(M16, "8b 42 f0", "MOV", 3); /* [bp + si - 16] */
    ck_assert(d.insn.base == REG_BP * 8 && d.insn.index == REG_SI * 8 && d.insn.disp == -16 && d.insn.seg == SEG_SS);
    ck_assert(d.insn.asize == 1 && d.insn.osize == 1);
    expect(M16, "8b 0e 34 12", "MOV", 4);
    ck_assert(d.insn.base == INSN_REG_NONE && d.insn.disp == 0x1234 && d.insn.seg == SEG_DS);
    expect(M16, "8b 87 00 80", "MOV", 4);
    ck_assert(d.insn.base == REG_BX * 8 && d.insn.disp == -0x8000);
    expect(M16, "67 66 8b 04 24", "MOV", 5);
    ck_assert(d.insn.asize == 2 && d.insn.osize == 2);
    expect(M32, "67 8b 44 05", "MOV", 4); /* 16-bit addressing in 32-bit code: [si + 5] */
    ck_assert(d.insn.base == REG_SI * 8 && d.insn.disp == 5);
}
END_TEST

START_TEST(modrm_64) {
    expect(M64, "48 01 d8", "ADD", 3);
    ck_assert(d.insn.osize == 3);
    expect(M64, "4f 8b 44 a5 08", "MOV", 5); /* mov r8, [r13 + r12*4 + 8] */
    ck_assert(d.insn.reg == 64 && d.insn.base == 13 * 8 && d.insn.index == 12 * 8 && d.insn.seg == SEG_DS);
    expect(M64, "8b 05 10 00 00 00", "MOV", 6);
    ck_assert(d.rip_relative && d.insn.base == INSN_REG_RIP && d.insn.disp == 0x16);
    expect(M64, "81 05 10 00 00 00 01 02 03 04", "ADD", 10); /* RIP is that after the immediate */
    ck_assert(d.insn.disp == 0x1a && d.insn.imm == 0x04030201);
    expect(M64, "67 8b 05 10 00 00 00", "MOV", 7);
    ck_assert(d.rip_relative && d.insn.asize == 2);
    expect(M64, "8b 05 ff ff ff 7f", "MOV", 6); /* the sum does not fit a displacement */
    ck_assert((int64_t)d.insn.disp + d.insn.more_disp == 0x80000005);
    expect(M64, "8b 04 25 10 00 00 00", "MOV", 7); /* absolute */
    ck_assert(!d.rip_relative && d.insn.base == INSN_REG_NONE);
    expect(M64, "2e 3e 26 36 8b 00", "MOV", 6); /* ignored overrides */
    ck_assert(d.insn.seg == SEG_DS);
    expect(M64, "64 2e 8b 00", "MOV", 4);
    ck_assert(d.insn.seg == SEG_FS);
    expect(M64, "40 00 e0", "ADD", 3); /* with REX, 4 is SPL */
    ck_assert(d.insn.reg == REG_SP * 8);
    expect(M64, "48 66 01 d8", "ADD", 4); /* a REX that is not last counts for nothing */
    ck_assert(d.insn.osize == 1);
    expect(M64, "66 48 01 d8", "ADD", 4);
    ck_assert(d.insn.osize == 3);
    expect(M64, "48 b8 88 77 66 55 44 33 22 11", "MOV", 10);
    ck_assert(d.insn.uimm == 0x1122334455667788);
    expect(M64, "48 c7 c0 ff ff ff ff", "MOV", 7);
    ck_assert(d.insn.imm == -1);
    expect(M64, "a1 88 77 66 55 44 33 22 11", "MOV", 9);
    ck_assert(d.insn.uimm == 0x1122334455667788);
    expect(M64, "67 a1 44 33 22 11", "MOV", 6);
    expect(M64, "63 c8", "MOVSXD", 2);
    expect(M64, "41 50", "PUSH", 2);
    ck_assert(d.insn.reg == 64 && d.insn.osize == 3);
    expect(M64, "66 50", "PUSH", 2);
    ck_assert(d.insn.osize == 1);
    expect(M64, "e8 01 00 00 00", "CALL", 5);
    ck_assert(d.insn.osize == 3 && d.insn.imm == 1 && d.flow);
    expect(M64, "66 e8 01 00", "CALL", 4); /* AMD: 16 bits; Intel ignores the prefix */
    ck_assert(d.insn.osize == 1);
    model.intel_rules = vendor_intel_rules(VENDOR_INTEL);
    expect(M64, "66 e8 01 00 00 00", "CALL", 6);
    ck_assert(d.insn.osize == 3);
    model.intel_rules = vendor_intel_rules(VENDOR_AMD);
}
END_TEST

/* What is no instruction has a length, too: more bytes are wanted until it is complete, then it is #UD. */
START_TEST(undefined_lengths) {
    static const struct {
        const char *bytes;   /* of 64-bit code, with the last one missing */
        unsigned amd, intel; /* how long it is */
    } list[] = {
        {"9a 00 00 00 00 00 00", 7, 7},
        {"66 ea 00 00 00 00", 6, 6},
        {"d4 0a", 2, 2},
        {"82 05 00 00 00 00 00", 7, 7},
        {"fe 15 00 00 00 00", 6, 6},
        {"c6 0d 00 00 00 00 00", 7, 7},
        {"0f 38 0c 44 24 00", 6, 6},
        {"0f 3a 00 05 00 00 00 00 00", 9, 9},
        {"0f ba 05 00 00 00 00 00", 8, 8},
        {"66 c4 e1 79 10 05 00 00 00 00", 10, 10},
        {"f2 c5 78 77", 4, 4},
        {"c4 e4 79 00 05 00 00 00 00", 9, 9},
        {"c4 e1 79 39 c0", 4, 5},
        {"0f 39 05 00 00 00 00", 2, 7},
        {"0f 3f 41 00", 2, 4},
        {"0f a6 c0", 2, 3},
        {"0f b9 05 00 00 00 00", 2, 7},
        {"0f ff 05 00 00 00 00", 2, 7},
        {"0f 0f c0 00", 4, 2},
        {"0f 78 c0 00 00", 5, 3},
        {"0f 04", 2, 2},
        {"06", 1, 1},
        {"d6", 1, 1},
        {"8f c8", 2, 2},
        {"67 0f ff 04 25 00 00 00 00", 3, 9},
    };
    model.feature[CPUID_VMX / 32] &= ~(1u << CPUID_VMX % 32); /* VMREAD */
    for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
        for (int vendor = VENDOR_AMD; vendor <= VENDOR_INTEL; vendor++) {
            unsigned len = vendor == VENDOR_AMD ? list[k].amd : list[k].intel;
            model.intel_rules = vendor_intel_rules((enum CpuVendor)vendor);
            ck_assert_msg(decode_n(M64, 15, list[k].bytes) == DECODE_OK, "%s", list[k].bytes);
            ck_assert_msg(d.insn.len == len, "%s: length %u, not %u", list[k].bytes, d.insn.len, len);
            for (unsigned n = 1; n < len; n++)
                ck_assert_msg(decode_n(M64, n, list[k].bytes) == DECODE_MORE, "%u bytes of %s", n, list[k].bytes);
        }
    }
    model.intel_rules = vendor_intel_rules(VENDOR_AMD);
}
END_TEST

/* Rows that one vendor's processors have. */
START_TEST(vendor_rows) {
    model.intel_rules = vendor_intel_rules(VENDOR_INTEL);
    expect(M64, "f3 e0 00", "LOOPNE", 3);
    expect(M64, "f3 41 90", "PAUSE", 3);
    expect(M64, "f3 f2 41 90", "XCHG", 4);
    expect(M64, "0f 0d c8", "NOP", 3);
    expect(M64, "f0 0f 0d c8", "", 4);
    expect(M32 | MODE_AVX, "c4 e3 f9 16 c1 00", "VPEXTRD", 6);
    expect(M32 | MODE_AVX, "c4 e3 f9 22 c1 00", "VPINSRD", 6);
    model.intel_rules = vendor_intel_rules(VENDOR_AMD);
    expect(M64, "f3 e0 00", "LOOPE", 3);
    expect(M64, "f3 41 90", "XCHG", 3);
    expect(M64, "0f 0d c8", "", 3);
    expect(M64, "0f 0d 08", "PREFETCHW", 3);
    expect(M32 | MODE_AVX, "c4 e3 f9 16 c1 00", "", 6);
    expect(M32 | MODE_AVX, "c4 e3 f9 22 c1 00", "", 6);
}
END_TEST

START_TEST(other_operands) {
    expect(M32, "ea 78 56 34 12 10 00", "JMP", 7);
    ck_assert(d.insn.uimm == (0x10ull << 32 | 0x12345678));
    expect(M16, "9a 34 12 00 f0", "CALL", 5);
    ck_assert(d.insn.uimm == (0xf000ull << 32 | 0x1234));
    expect(M32, "c8 34 12 05", "ENTER", 4);
    ck_assert(d.insn.uimm == (5 << 16 | 0x1234));
    expect(M32, "c2 fc ff", "RET", 3);
    ck_assert(d.insn.imm == 0xfffc);
    expect(M32, "0f 22 d8", "MOV", 3);
    ck_assert(d.insn.reg == 3 && d.insn.rm == 0);
    expect(M32, "0f 22 18", "MOV", 3); /* mod is ignored */
    ck_assert(!d.insn.mem && d.insn.reg == 3);
    expect(M64, "44 0f 20 c0", "MOV", 4);
    ck_assert(d.insn.reg == 8);
    expect(M32, "f0 0f 20 c0", "MOV", 4); /* AMD's CR8 */
    ck_assert(d.insn.reg == 8);
    expect(M32, "8e d8", "MOV", 2);
    ck_assert(d.insn.reg == SEG_DS);
    expect(M32, "f3 a4", "MOVS", 2);
    ck_assert(d.insn.rep == 3 && d.insn.seg == SEG_DS);
    expect(M32, "f3 f2 2e a6", "CMPS", 4);
    ck_assert(d.insn.rep == 2 && d.insn.seg == SEG_CS);
    expect(M32, "d1 e0", "SHL", 2);
    ck_assert(d.insn.imm == 1);
}
END_TEST

START_TEST(prefix_selects_row) {
    expect(M64, "90", "NOP", 1);
    expect(M64, "f3 90", "PAUSE", 2);
    expect(M64, "e1 05", "LOOPE", 2); /* F2 and F3, the last of them, decide */
    expect(M64, "f2 e1 05", "LOOPNE", 3);
    expect(M64, "f2 f3 e0 05", "LOOPE", 4);
    expect(M64, "f3 f2 e0 05", "LOOPNE", 4);
    expect(M64, "41 90", "XCHG", 2);
    expect(M64, "f3 41 90", "XCHG", 3);
    expect(M64, "0f bd c0", "BSR", 3);
    expect(M64, "f3 0f bd c0", "LZCNT", 4);
    expect(M64, "66 f3 0f bd c0", "LZCNT", 5);
    model.feature[FEAT_8000_0001_ECX] &= ~(1u << (CPUID_ABM & 31));
    expect(M64, "f3 0f bd c0", "BSR", 4);
    expect(M64, "f3 0f b8 c0", "POPCNT", 4);
    expect(M64, "0f b8 c0", "", 0);
    expect(M64, "f3 0f 1e fa", "NOP", 4); /* ENDBR64 */
    expect(M64, "0f 01 f8", "SWAPGS", 3);
    expect(M32, "0f 01 f8", "", 0);
    expect(M32, "0f 01 38", "INVLPG", 3);
    expect(M32, "c5 00", "LDS", 2);
    expect(M16 | MODE_REAL, "c5 c0", "", 2); /* LDS with a register, not VEX */
    expect(M32, "82 c0 01", "ADD", 3);
    expect(M64, "82 c0 01", "", 0);
    expect(M32, "40", "INC", 1);
}
END_TEST

START_TEST(vex_prefixes) {
    enum { AVX = MODE_SSE | MODE_AVX };
    expect(M64, "c4 e2 78 f2 c1", "ANDN", 5); /* vvvv = rAX, L = 0, W = 0 */
    ck_assert_uint_eq(d.insn.osize, 2);
    ck_assert_uint_eq(d.insn.vreg, 0);
    expect(M64, "c4 42 a8 f2 c1", "ANDN", 5); /* R, B, W */
    ck_assert_uint_eq(d.insn.osize, 3);
    ck_assert_uint_eq(d.insn.reg, 8 * 8);
    ck_assert_uint_eq(d.insn.rm, 9 * 8);
    ck_assert_uint_eq(d.insn.vreg, 10 * 8);
    expect(M64, "c4 22 a8 f2 04 88", "ANDN", 6); /* X */
    ck_assert_uint_eq(d.insn.index, 9 * 8);
    expect(M64, "c4 e2 7c f2 c1", "", 0); /* L = 1 */
    expect(M64, "c4 e2 79 f2 c1", "", 0); /* 66 */
    expect(M64, "c4 e2 fb f0 c1", "", 0); /* no CRC32, no MOVBE there */
    expect(M64, "c4 e0 78 f2 c1", "", 0); /* maps 0 and 4 */
    expect(M64, "c4 e4 78 f2 c1", "", 0);
    expect(M64, "c4 e3 7b f0 c1 05", "RORX", 6);
    expect(M64, "c4 e3 73 f0 c1 05", "", 0); /* vvvv is no operand and not 1111 */
    /* what may not stand before VEX, and what may */
    expect(M64, "66 c4 e2 78 f2 c1", "", 0);
    expect(M64, "f2 c4 e2 78 f2 c1", "", 0);
    expect(M64, "f3 c4 e2 78 f2 c1", "", 0);
    expect(M64, "f0 c4 e2 78 f2 01", "", 0);
    expect(M64, "48 c4 e2 78 f2 c1", "", 0);
    expect(M64, "40 c4 e2 78 f2 c1", "", 0);
    expect(M64, "67 64 c4 e2 78 f2 01", "ANDN", 7);
    /* outside of 64-bit mode: LES and LDS unless R and X are 1; B and the high bit of vvvv count for nothing */
    expect(M32, "c4 02", "LES", 2);
    expect(M32, "c4 a2 78 f2 c1", "LES", 6);
    expect(M32, "c4 c2 78 f2 c1", "ANDN", 5);
    ck_assert_uint_eq(d.insn.rm, 1 * 8);
    expect(M32, "c4 e2 38 f2 c1", "ANDN", 5);
    ck_assert_uint_eq(d.insn.vreg, 0);
    expect(M32, "c4 e3 7b f0 c1 05", "RORX", 6);
    expect(M32, "c4 e3 3b f0 c1 05", "", 0);  /* vvvv is no operand: all of it has to be 1 (see vex-vs-host) */
    expect(M32, "c4 e2 f8 f2 c1", "ANDN", 5); /* W */
    ck_assert_uint_eq(d.insn.osize, 2);
    expect(M16, "c4 e2 78 f2 c1", "ANDN", 5);
    ck_assert_uint_eq(d.insn.osize, 2);
    expect(M16 | MODE_REAL, "c4 e2 78 f2 c1", "", 0);
    expect(M16 | MODE_VM86, "c4 e2 78 f2 c1", "", 0);
    expect(M16 | MODE_REAL, "c4 07", "LES", 2);
    /* the CPU model's part; general registers need no OSXSAVE */
    expect(M64 | AVX, "c4 e2 78 f2 c1", "ANDN", 5);
    expect(M64 | MODE_EM | MODE_TS, "c4 e2 78 f2 c1", "ANDN", 5);
    model.feature[FEAT_7_EBX] &= ~(1u << (CPUID_BMI1 & 31));
    expect(M64, "c4 e2 78 f2 c1", "", 0);
    expect(M64, "c4 e2 78 f5 c1", "BZHI", 5);
    model.feature[FEAT_7_EBX] &= ~(1u << (CPUID_BMI2 & 31));
    expect(M64, "c4 e2 78 f5 c1", "", 0);
}
END_TEST

/* An instruction of each feature: there with its bit, and without it what the bytes then are. */
START_TEST(features) {
    static const struct {
        uint16_t feature;
        const char *bytes, *with, *without;
    } rows[] = {
        {CPUID_TSC, "0f 31", "RDTSC", ""},
        {CPUID_MSR, "0f 32", "RDMSR", ""},
        {CPUID_CX8, "0f c7 0b", "CMPXCHG8B", ""},
        {CPUID_SEP, "0f 34", "SYSENTER", ""},
        {CPUID_CMOV, "0f 44 c1", "CMOVE", ""},
        {CPUID_FPU, "d9 e8", "FLD1", ""},
        {CPUID_MMX, "0f fc c1", "PADDB", ""},
        {CPUID_FXSR, "0f ae 03", "FXSAVE", ""},
        {CPUID_SSE, "0f 58 c1", "ADDPS", ""},
        {CPUID_SSE2, "66 0f 58 c1", "ADDPD", ""},
        {CPUID_CLFSH, "0f ae 3b", "CLFLUSH", ""},
        {CPUID_MONITOR, "0f 01 c8", "MONITOR", ""},
        {CPUID_CX16, "48 0f c7 0b", "CMPXCHG16B", ""},
        {CPUID_MOVBE, "0f 38 f0 03", "MOVBE", ""},
        {CPUID_MOVBE, "66 0f 38 f1 03", "MOVBE", ""},
        {CPUID_POPCNT, "f3 0f b8 c1", "POPCNT", ""},
        {CPUID_XSAVE, "0f ae 23", "XSAVE", ""},
        {CPUID_XSAVE, "0f ae 2b", "XRSTOR", ""},
        {CPUID_XSAVE, "0f 01 d0", "XGETBV", ""},
        {CPUID_XSAVEOPT, "0f ae 33", "XSAVEOPT", ""},
        {CPUID_XSAVEC, "0f c7 23", "XSAVEC", ""},
        {CPUID_XSAVES, "0f c7 2b", "XSAVES", ""},
        {CPUID_XSAVES, "0f c7 1b", "XRSTORS", ""},
        {CPUID_RDRAND, "0f c7 f0", "RDRAND", ""},
        {CPUID_RDRAND, "66 48 0f c7 f0", "RDRAND", ""},
        {CPUID_RDSEED, "66 0f c7 f8", "RDSEED", ""},
        {CPUID_FSGSBASE, "f3 48 0f ae c0", "RDFSBASE", ""},
        {CPUID_BMI1, "f3 0f bc c1", "TZCNT", "BSF"},
        {CPUID_BMI1, "c4 e2 78 f2 c1", "ANDN", ""},
        {CPUID_BMI1, "c4 e2 78 f7 c1", "BEXTR", ""},
        {CPUID_BMI1, "c4 e2 78 f3 c9", "BLSR", ""},
        {CPUID_BMI2, "c4 e2 78 f5 c1", "BZHI", ""},
        {CPUID_BMI2, "c4 e2 fb f6 c1", "MULX", ""},
        {CPUID_BMI2, "c4 e2 7b f5 c1", "PDEP", ""},
        {CPUID_BMI2, "c4 e2 7a f5 c1", "PEXT", ""},
        {CPUID_BMI2, "c4 e2 79 f7 c1", "SHLX", ""},
        {CPUID_ABM, "f3 0f bd c1", "LZCNT", "BSR"},
        {CPUID_ADX, "66 0f 38 f6 c1", "ADCX", ""},
        {CPUID_ADX, "f3 0f 38 f6 c1", "ADOX", ""},
        {CPUID_SMAP, "0f 01 ca", "CLAC", ""},
        {CPUID_INVPCID, "66 0f 38 82 03", "INVPCID", ""},
        {CPUID_CLFLUSHOPT, "66 0f ae 3b", "CLFLUSHOPT", ""},
        {CPUID_CLWB, "66 0f ae 33", "CLWB", ""},
        {CPUID_PKU, "0f 01 ee", "RDPKRU", ""},
        {CPUID_PKU, "0f 01 ef", "WRPKRU", ""},
        {CPUID_RDPID, "f3 0f c7 f8", "RDPID", ""},
        {CPUID_MOVDIRI, "0f 38 f9 03", "MOVDIRI", ""},
        {CPUID_MOVDIR64B, "66 0f 38 f8 03", "MOVDIR64B", ""},
        {CPUID_SERIALIZE, "0f 01 e8", "SERIALIZE", ""},
        {CPUID_SYSCALL, "0f 05", "SYSCALL", ""},
        {CPUID_RDTSCP, "0f 01 f9", "RDTSCP", ""},
        {CPUID_LAHF_LM, "9f", "LAHF", ""},
        {CPUID_LAHF_LM, "9e", "SAHF", ""},
        {CPUID_3DNOWPREFETCH, "0f 0d 0b", "PREFETCHW", "PREFETCHW"}, /* LM brings it too */
        {CPUID_WBNOINVD, "f3 0f 09", "WBNOINVD", "WBINVD"},
        {CPUID_VMX, "f3 0f c7 33", "VMXON", ""},
        {CPUID_VMX, "0f 79 c2", "VMWRITE", ""},
    };
    const struct CpuModel all = model;
    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        uint16_t f = rows[k].feature;
        expect(M64 | MODE_SSE, rows[k].bytes, rows[k].with, 0);
        model.feature[f / 32] &= ~(1u << f % 32);
        expect(M64 | MODE_SSE, rows[k].bytes, rows[k].without, 0);
        model = all;
    }
    model.feature[CPUID_3DNOWPREFETCH / 32] &= ~(1u << CPUID_3DNOWPREFETCH % 32);
    model.feature[CPUID_LM / 32] &= ~(1u << CPUID_LM % 32);
    expect(M32, "0f 0d 0b", "", 0);
    model = all;
}
END_TEST

START_TEST(legality) {
    expect(M32, "f0 01 18", "ADD", 3);
    ck_assert(d.insn.lock);
    expect(M32, "f0 01 d8", "", 0); /* LOCK wants memory */
    expect(M32, "f0 8b 18", "", 0);
    expect(M32, "f0 03 18", "", 0);
    expect(M32, "f0 39 18", "", 0);
    expect(M32, "f0 0f ba 20 01", "", 0);
    expect(M32, "f0 0f ba 28 01", "BTS", 5);
    expect(M32, "8e c8", "", 0); /* MOV CS */
    expect(M32, "8e f0", "", 0);
    expect(M32, "8c c8", "MOV", 2);
    expect(M32, "0f 22 c8", "", 0);    /* CR1 */
    expect(M64, "44 0f 23 c0", "", 0); /* DR8 */
    expect(M32, "8d c0", "", 0);
    expect(M64, "06", "", 0);
    expect(M64, "27", "", 0);
    expect(M64, "9a", "", 0);
    expect(M64, "f0 48 0f c7 08", "CMPXCHG16B", 5);
    expect(M64, "0f c7 08", "CMPXCHG8B", 3);
    expect(M64, "0f c7 c8", "", 0);
    expect(M32 | MODE_VM86, "0f 00 c0", "", 0); /* SLDT */
    expect(M32, "0f 00 c0", "SLDT", 3);
    expect(M32, "0f 0b", "UD2", 2);
    expect(M32, "0f a2", "CPUID", 2);
    model.feature[FEAT_1_EDX] = 0;
    expect(M32, "0f 31", "", 0);    /* RDTSC */
    expect(M32, "0f 44 c0", "", 0); /* CMOV */
}
END_TEST

START_TEST(lengths) {
    /* one byte short: more is wanted, for each prefix of an instruction */
    static const char *const whole = "64 66 81 84 8d 78 56 34 12 ff 7f";
    for (size_t n = 1; n < 11; n++)
        ck_assert_int_eq(decode_n(M64, n, whole), DECODE_MORE);
    ck_assert_int_eq(decode_n(M64, 11, whole), DECODE_OK);
    ck_assert_uint_eq(d.insn.len, 11);
    ck_assert_int_eq(decode_n(M64, 0, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"), DECODE_OK);
    ck_assert_uint_eq(d.insn.len, 15);
    ck_assert_int_eq(decode_n(M64, 0, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"), DECODE_TOO_LONG);
    ck_assert_int_eq(decode_n(M64, 0, "66 66 66 66 66 66 66 66 66 66 66 66 66 81 c0 01 02"), DECODE_TOO_LONG);
    ck_assert_int_eq(decode_n(M64, 0, "66 66 66 66 66 66 66 66 66 66 66 66 66 66"), DECODE_MORE);
    /* #UD needs no more bytes than it takes to see it */
    ck_assert_int_eq(decode_n(M64, 1, "06"), DECODE_OK);
    ck_assert_int_eq(decode_n(M64, 2, "0f 04"), DECODE_OK);
    ck_assert_int_eq(decode_n(M64, 1, "0f"), DECODE_MORE);
}
END_TEST

START_TEST(liveness_facts) {
    expect(M32, "01 d8", "ADD", 2);
    ck_assert(d.flags_written == FB_ALL && d.flags_maybe == 0 && d.flags_read == 0);
    ck_assert((x.fn_no_flags != x.insn.fn) == has_variants());
    expect(M32, "11 d8", "ADC", 2);
    ck_assert(d.flags_read == FB_C);
    expect(M32, "40", "INC", 1);
    ck_assert(d.flags_written == (FB_ALL & ~FB_C));
    expect(M32, "d3 e0", "SHL", 2);
    ck_assert(d.flags_written == 0 && d.flags_maybe == FB_ALL);
    expect(M32, "c1 e0 03", "SHL", 3);
    ck_assert(d.flags_written == FB_ALL && d.flags_maybe == 0);
    expect(M32, "c1 e0 20", "SHL", 3); /* the count is taken modulo 32 */
    ck_assert(d.flags_written == 0 && d.flags_maybe == FB_ALL);
    expect(M32, "74 00", "JE", 2);
    ck_assert(d.flags_read == FB_Z && d.jcc && !d.flow);
    expect(M32, "0f 4f c1", "CMOVG", 3);
    ck_assert(d.flags_read == (FB_Z | FB_S | FB_O));
    expect(M32, "f7 e1", "MUL", 2);
    ck_assert(d.flags_written == (FB_C | FB_O));
    expect(M32, "89 d8", "MOV", 2);
    ck_assert(x.fn_no_flags == x.insn.fn);
}
END_TEST

/** CR0.EM, CR0.TS, CR4.OSFXSR: #UD, or #NM under the instruction's own name. */
START_TEST(gating_by_mode) {
    expect(M64, "0f 0b", "UD2", 2);
    expect(M64 | MODE_TS, "d9 e8", "FLD1", 2);
    ExecFn not_available = x.insn.fn;
    ck_assert(d.flow && d.fault == VEC_NM);
    expect(M64, "d9 e8", "FLD1", 2);
    ck_assert(x.insn.fn != not_available && d.fault < 0);
    expect(M64 | MODE_EM, "d9 e8", "FLD1", 2);
    ck_assert(x.insn.fn == not_available);
    expect(M64 | MODE_EM, "0f ef c0", "", 0); /* PXOR */
    expect(M64 | MODE_TS, "0f ef c0", "PXOR", 3);
    ck_assert(x.insn.fn == not_available);
    expect(M64 | MODE_EM, "0f 58 c1", "", 0); /* ADDPS */
    expect(M64 & ~MODE_SSE, "0f 58 c1", "", 0);
    expect(M64 | MODE_TS, "0f 58 c1", "ADDPS", 3);
    ck_assert(x.insn.fn == not_available);
    expect((M64 & ~MODE_SSE) | MODE_TS | MODE_EM, "0f c3 08", "MOVNTI", 3); /* touches no vector register */
    expect(M64 | MODE_TS | MODE_MP, "9b", "FWAIT", 1);
    ck_assert(x.insn.fn == not_available);
    expect(M64 | MODE_TS, "9b", "FWAIT", 1);
    ck_assert(x.insn.fn != not_available);
}
END_TEST

/** Flat, 32-bit flat and full memory forms have functions of their own. */
START_TEST(address_kinds) {
    expect(M64, "8b 00", "MOV", 2);
    ExecFn flat = x.insn.fn;
    expect(M64, "65 8b 00", "MOV", 3);
    ExecFn full = x.insn.fn;
    expect(M64, "67 8b 00", "MOV", 3);
    ExecFn flat32 = x.insn.fn;
    ck_assert(flat != full && flat32 != full && flat != flat32);
    expect(M32, "8b 00", "MOV", 2);
    ck_assert(x.insn.fn == flat32);
    expect(M32, "2e 8b 00", "MOV", 3);
    ck_assert(x.insn.fn == full);
    expect(M32 & ~MODE_FLAT, "8b 00", "MOV", 2);
    ck_assert(x.insn.fn == full);
    expect(M32, "67 8b 00", "MOV", 3);
    ck_assert(x.insn.fn != flat32);
}
END_TEST

Suite *decode_suite(void) {
    Suite *s = suite_create("decode");
    TCase *c = tcase_create("decode");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, modrm_32);
    tcase_add_test(c, modrm_16);
    tcase_add_test(c, modrm_64);
    tcase_add_test(c, other_operands);
    tcase_add_test(c, undefined_lengths);
    tcase_add_test(c, vendor_rows);
    tcase_add_test(c, prefix_selects_row);
    tcase_add_test(c, features);
    tcase_add_test(c, legality);
    tcase_add_test(c, vex_prefixes);
    tcase_add_test(c, lengths);
    tcase_add_test(c, liveness_facts);
    tcase_add_test(c, gating_by_mode);
    if (has_variants())
        tcase_add_test(c, address_kinds);
    else
        suite_skip("decode: functions by addresses", 1, "this build was made without variants");
    suite_add_tcase(s, c);
    return s;
}
