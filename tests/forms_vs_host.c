/* SPDX-License-Identifier: MIT */
/*
 * forms-vs-host: which encodings are instructions? Every opcode of the one-byte, 0F, 0F 38 and 0F 3A maps with every
 * mandatory prefix and ModRM byte that can matter, and the same of VEX, in 64- and 32-bit code, given to the host CPU
 * in user mode and to the decoder. One must raise #UD where the other does, but for explain() below. The forms' results
 * are those of `twin86 diff insn`.
 */
#include "accel/tcg-lite/run/tcg.h"
#include "diff/diff.h"
#include "diff/run/host_here.h"
#include "isa/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE = 0x100000, DATA = 0x200000, MAX_REPORTS = 60 };

static struct CpuModel model, host; /* what is implemented here; what of it the host has */
static struct HostHere *here;
static unsigned long cases, explained, differences;
static unsigned long disturbed; /* a virtual machine's processor, asked again, said something else */

/** One encoding: what stands before the opcode, and where that is. */
struct Form {
    bool code32, vex;
    unsigned map;    /* 0 to 3: one-byte, 0F, 0F38, 0F3A */
    unsigned prefix; /* 0 none, 1 66, 2 F3, 3 F2 */
    uint8_t opcode, modrm;
    uint8_t bytes[16];
};

/* ---- what is left out, and what may differ ---- */

static bool between(unsigned v, unsigned first, unsigned last) { return v >= first && v <= last; }

/** Prefixes, and what would carry the test away: branches, interrupts, segment registers, the flags. */
static bool left_out(const struct Form *f) {
    unsigned op = f->opcode, reg = (f->modrm >> 3) & 7;
    if (f->vex || f->map > 1)
        return false;
    if (f->map == 1) {
        static const uint8_t ops[] = {0x05, 0x07, 0x34, 0x35, 0x38, 0x3a, 0xa1, 0xa9, 0xb2, 0xb4, 0xb5};
        bool bases = op == 0xae && reg < 4 && f->modrm >= 0xc0;
        return memchr(ops, (int)op, sizeof(ops)) != NULL || between(op, 0x80, 0x8f) || bases;
    }
    static const uint8_t ops[] = {0x0f, 0x62, 0x64, 0x65, 0x66, 0x67, 0x07, 0x17, 0x1f, 0x26, 0x2e, 0x36,
                                  0x3e, 0x8e, 0x8f, 0x9a, 0x9d, 0xc2, 0xc3, 0xc4, 0xc5, 0xca, 0xcb, 0xcc,
                                  0xcd, 0xce, 0xcf, 0xe8, 0xe9, 0xea, 0xeb, 0xf0, 0xf1, 0xf2, 0xf3};
    bool rex = !f->code32 && between(op, 0x40, 0x4f);
    return rex || memchr(ops, (int)op, sizeof(ops)) != NULL || between(op, 0x70, 0x7f) || between(op, 0xe0, 0xe3) ||
           (op == 0xff && between(reg, 2, 5));
}

static bool vex_beyond(const struct Form *f) {
    static const struct {
        uint8_t map, first, last;
    } list[] = {
        {1, 0x41, 0x4b}, {1, 0x90, 0x93}, {1, 0x98, 0x99}, {3, 0x30, 0x33}, /* AVX-512's mask registers */
        {2, 0x49, 0x49}, {2, 0x4b, 0x4b}, {2, 0x5c, 0x5f},                  /* AMX */
        {2, 0x50, 0x53}, {2, 0xd2, 0xd3}, {2, 0xb4, 0xb5},                  /* AVX-VNNI and its kin, AVX-IFMA */
        {2, 0xb0, 0xb1}, {2, 0x72, 0x72}, {2, 0xe0, 0xef},                  /* AVX-NE-CONVERT, CMPccXADD */
        {2, 0xda, 0xda}, {2, 0xcb, 0xcd},                                   /* SM3, SM4, SHA512 */
    };
    for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]); k++)
        if (f->map == list[k].map && between(f->opcode, list[k].first, list[k].last))
            return true;
    return false;
}

/** What hosts have beyond the features that can be advertised here. */
static bool beyond(const struct Form *f) {
    unsigned op = f->opcode, fixed = f->modrm;
    /* VPERMQ and VPERMPD want VEX.W = 1 (SDM vol. 2); AMD's processors do not look at it */
    if (f->vex && f->map == 3 && op <= 1 && !(f->bytes[2] & 0x80))
        return true;
    if (f->vex)
        return vex_beyond(f);
    if (f->map == 0 && (op == 0xc6 || op == 0xc7)) /* XABORT and XBEGIN, which may be there though CPUID has no RTM */
        return fixed == 0xf8;
    if (f->map == 1 && op == 0x01) /* VMX, SVM, SGX, TSX, CET, MONITORX, CLZERO, RDPRU, INVLPGB, SEV, WRMSRNS ... */
        return fixed >= 0xc0 && fixed != 0xf8 && fixed != 0xf9;
    if (f->map == 1 && (op == 0x78 || op == 0x79 || op == 0x2b)) /* SSE4a; VMREAD, VMWRITE */
        return f->prefix != 0 || op != 0x2b;
    if (f->map == 1 && (op == 0x0e || op == 0x0f)) /* 3DNow! */
        return true;
    if (f->map == 1 && op == 0x0d) /* PREFETCH of a register: a NOP on Intel's processors */
        return fixed >= 0xc0;
    if (f->map == 1 && op == 0xc7) /* VMX, SENDUIPI */
        return true;
    if (f->map == 1 && op == 0xae) /* CET, PTWRITE, TPAUSE, UMONITOR, UMWAIT */
        return f->prefix != 0;
    return f->map >= 2 && f->prefix != 0 && between(op, 0xd8, 0xfc); /* Key Locker, ENQCMD, CET, AMX ... */
}

static bool explain(const struct Form *f, unsigned row, bool host_runs) {
    static const char *const at_cpl0[] = {"CLAC", "STAC", "MONITOR", "MWAIT"}; /* #UD elsewhere, when executed */
    if (host_runs)
        return beyond(f);
    for (unsigned k = 0; k < sizeof(at_cpl0) / sizeof(at_cpl0[0]); k++)
        if (!strcmp(x86_rows[row].mnemonic, at_cpl0[k]))
            return true;
    unsigned feature = x86_rows[row].feature;
    return feature != CPUID_NONE && !cpu_has(&host, (enum X86Feature)feature);
}

/* ---- encodings ---- */

static void encode(struct Form *f, bool rex_w, unsigned vex_l, unsigned vvvv) {
    static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    uint8_t *p = f->bytes;
    memset(p, 0, sizeof(f->bytes));
    if (f->vex) {
        *p++ = 0xc4;
        *p++ = (uint8_t)(0xe0 | f->map);
        *p++ = (uint8_t)(rex_w << 7 | (~vvvv & 15) << 3 | vex_l << 2 | f->prefix);
    } else {
        if (f->prefix)
            *p++ = prefixes[f->prefix];
        if (rex_w)
            *p++ = 0x48;
        if (f->map)
            *p++ = 0x0f;
        if (f->map > 1)
            *p++ = f->map == 2 ? 0x38 : 0x3a;
    }
    *p++ = f->opcode;
    *p++ = f->modrm;
    *p++ = 0x23; /* SIB: rBX and no index, or vector 4 */
    *p = 1;
}

static void report(const struct Form *f, unsigned row, uint32_t vector) {
    if (differences++ >= MAX_REPORTS)
        return;
    printf("%s-bit", f->code32 ? "32" : "64");
    for (unsigned k = 0; k < 9; k++)
        printf(" %02x", f->bytes[k]);
    printf(": host %s, here %s\n", vector == VEC_UD ? "#UD" : "runs it", row ? x86_rows[row].mnemonic : "#UD");
}

/** The exception that ends what stands at CODE. */
static uint32_t host_vector(bool code32) {
    struct DiffState s, out;
    diff_state_init(&s);
    s.rip = CODE;
    for (unsigned k = 0; k < 16; k++)
        s.gpr[k] = DATA + 0x1000;
    s.gpr[REG_CX] = s.gpr[REG_DX] = 0;
    s.gpr[REG_AX] = 3;
    s.fx[FXSAVE_FTW] = 0xff;
    host_here_run(here, code32, &s, &out);
    return out.vector;
}

static void try(struct Form *f, bool rex_w, unsigned vex_l, unsigned vvvv) {
    uint32_t mode =
        (f->code32 ? MODE_CODE32 : MODE_CODE64) | MODE_STACK32 | MODE_USER | MODE_SSE | MODE_AVX | MODE_FLAT;
    uint8_t *code = (uint8_t *)(uintptr_t)CODE;
    struct Decoded d;
    encode(f, rex_w, vex_l, vvvv);
    if (left_out(f) || x86_decode(&model, mode, f->bytes, 15, &d) != DECODE_OK)
        return;
    unsigned row = !strncmp(x86_rows[d.row].mnemonic, "UD", 2) ? 0 : d.row;
    if (x86_rows[row].exit == EXIT_VMCALL) /* the host's hypervisor has its own opinion */
        return;
    memcpy(code, f->bytes, 16);
    memset(code + d.insn.len, 0xcc, 32);
    uint32_t vector = host_vector(f->code32);
    cases++;
    if ((vector == VEC_UD) != (row == 0) && host_vector(f->code32) != vector) {
        disturbed++;
        vector = host_vector(f->code32);
    }
    if ((vector == VEC_UD) == (row == 0))
        return;
    if (explain(f, row, row == 0))
        explained++;
    else
        report(f, row, vector);
}

/** ModRM bytes: all registers where whole bytes have a meaning, else one of each group; memory by rBX and by SIB. */
static bool useful_modrm(unsigned m, unsigned map, bool vex) {
    if (m >= 0xc0)
        return (!vex && map < 2) || (m & 7) == 1;
    return m < 0x40 && ((m & 7) == 4 || (!vex && (m & 7) == 3));
}

static void walk(bool code32, bool vex) {
    for (unsigned map = vex; map < 4; map++)
        for (unsigned n = 0; n < 256 * 4 * 256; n++) {
            struct Form f = {code32, vex, map, (n >> 8) & 3, (uint8_t)(n >> 10), (uint8_t)n, {0}};
            if (!useful_modrm(n & 0xff, map, vex))
                continue;
            unsigned variants = !vex ? 1 : f.modrm >= 0xc0 ? 4 : 2; /* VEX.L, and with registers a VEX.vvvv */
            for (unsigned w = 0; w < (code32 ? 1 : 2); w++)
                for (unsigned v = 0; v < variants; v++)
                    try(&f, w, v & 1, v & 2 ? 5 : 0);
        }
}

int main(void) {
    char why[200];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (diff_model_parse(&model, NULL, why, sizeof(why)) != 0 || host_here_map(CODE, 0x1000) ||
        host_here_map(DATA, 0x4000) || (here = host_here_open()) == NULL) {
        printf("SKIP forms-vs-host: the test's pages can't be mapped\n");
        return 77;
    }
    host = model;
    diff_host_model(&host);
    walk(false, false);
    bool code32 = host_here_has_code32();
    if (code32)
        walk(true, false);
    else
        printf("SKIP 32-bit code: this host's kernel runs none\n");
    bool vex = cpu_has(&model, CPUID_AVX2) && cpu_has(&host, CPUID_AVX2);
    if (vex) {
        walk(false, true);
        if (code32)
            walk(true, true);
    } else {
        printf("SKIP forms-vs-host: VEX, since host or CPU model has no AVX2\n");
    }
    printf("forms-vs-host: %lu encodings, %lu explained, %lu asked twice, %lu differ\n", cases, explained, disturbed,
           differences);
    return differences != 0;
}
