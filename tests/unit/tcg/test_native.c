/* SPDX-License-Identifier: MIT */
/*
 * tcg-lite against the host CPU, instruction by instruction: for every opcode of the one-byte, 0F, 0F38 and 0F3A maps
 * with every mandatory prefix, random ModRM, operands and states; registers, flags, x87, SSE, memory and exceptions
 * must agree.
 *
 * TWIN86_NATIVE_ROUNDS, TWIN86_NATIVE_SEED and TWIN86_NATIVE_ONLY=MNEMONIC change what is run; TWIN86_NATIVE_STRICT
 * compares undefined flags too, TWIN86_NATIVE_COVERAGE lists the rows that were not reached.
 */
#include "base/bytes.h"
#include "cpu/xsave.h"
#include "isa/isa.h"
#include "tests/host_features.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/tcg/native.h"

#include <cpuid.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 60, SHOWN = 40 };

static uint64_t seed;
static struct CpuModel host; /* what it has */

static uint64_t rnd(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1d;
}
static uint64_t below(uint64_t n) { return (rnd() >> 33) % n; }
static bool one_in(unsigned n) { return below(n) == 0; }

/* ---- operands ---- */

static uint64_t integer(void) {
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x7fffffffffffffff,
                                     0x8000000000000000,
                                     ~0ull,
                                     31,
                                     32,
                                     33,
                                     63,
                                     64,
                                     65};
    switch (below(4)) {
    case 0: return edges[below(sizeof(edges) / sizeof(edges[0]))];
    case 1: return rnd() >> below(64);
    case 2: return (uint64_t) - (int64_t)(rnd() >> below(64));
    default: return rnd();
    }
}

static uint32_t float32(void) {
    static const uint32_t edges[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0xffc00000, 0x7fa00001, 0xff800001, 1,          0x807fffff, 0x00800000, 0x7f7fffff,
                                     0x4f000000, 0xcf000000, 0x3effffff, 0x40490fdb, 0x5f000000};
    if (one_in(2))
        return edges[below(sizeof(edges) / sizeof(edges[0]))];
    if (one_in(2))
        return (uint32_t)((rnd() & 0x807fffff) | (120 + below(16)) << 23);
    return (uint32_t)rnd();
}

static uint64_t float64(void) {
    static const uint64_t edges[] = {0,
                                     0x8000000000000000,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0x7ff4000000000001,
                                     0xfff0000000000001,
                                     1,
                                     0x800fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0x41e0000000000000,
                                     0xc1e0000000000000,
                                     0x43e0000000000000,
                                     0x3fe0000000000000,
                                     0x38100000a0000000};
    if (one_in(2))
        return edges[below(sizeof(edges) / sizeof(edges[0]))];
    if (one_in(2))
        return (rnd() & 0x800fffffffffffff) | (1000 + below(48)) << 52;
    return rnd();
}

static void float80(uint8_t out[10]) {
    static const struct {
        uint64_t m;
        uint16_t se;
    } edges[] = {{0, 0},
                 {0, 0x8000},
                 {1ull << 63, 0x3fff},
                 {1ull << 63, 0xbfff},
                 {1ull << 63, 0x7fff},
                 {1ull << 63, 0xffff},
                 {3ull << 62, 0x7fff},
                 {3ull << 62, 0xffff},
                 {0xa000000000000001, 0x7fff},
                 {1, 0},
                 {1ull << 63, 0}, /* pseudo-denormal */
                 {1ull << 62, 0x3fff},
                 /* unnormal */ {0, 0x7fff},
                 /* pseudo-infinity */ {~0ull, 0x7ffe},
                 {1ull << 63, 1},
                 {0xc90fdaa22168c235, 0x4000},
                 {1ull << 63, 0x403e},
                 {1ull << 63, 0x4040},
                 {3ull << 62, 0x3ffe},
                 {1ull << 63, 0x3f00}};
    uint64_t m = rnd() | 1ull << 63;
    uint16_t se = (uint16_t)(0x3ff0 + below(32) + (one_in(2) ? 0x8000 : 0));
    switch (below(5)) {
    case 0:
    case 1: {
        unsigned k = (unsigned)below(sizeof(edges) / sizeof(edges[0]));
        m = edges[k].m, se = edges[k].se;
        break;
    }
    case 2: se = (uint16_t)rnd(); break;
    case 3:
        m = (uint64_t)integer() | 1ull << 63;
        se = (uint16_t)(0x3fff + below(70));
        break;
    default: break;
    }
    memcpy(out, &m, 8);
    memcpy(out + 8, &se, 2);
}

/** 16 bytes of whatever vectors hold. */
static void vector(uint8_t *out) {
    unsigned kind = (unsigned)below(4);
    for (unsigned k = 0; k < 16; k += kind == 1 ? 4 : 8) {
        uint32_t f = float32();
        uint64_t q = kind == 0 ? rnd() : kind == 2 ? float64() : integer();
        memcpy(out + k, kind == 1 ? (void *)&f : (void *)&q, kind == 1 ? 4 : 8);
    }
}

static void random_fpu(uint8_t *fx) {
    memset(fx, 0, 512);
    uint16_t fcw = 0x40 | (one_in(4) ? (uint16_t)below(64) : 0x3f) | (uint16_t)(below(4) << 10) |
                   (uint16_t)((one_in(2) ? 3 : below(4)) << 8);
    uint16_t fsw = (uint16_t)((below(8) << 11) | (rnd() & 0x4700));
    if (one_in(4))
        fsw |= (uint16_t)(rnd() & (one_in(4) ? 0x7f : fcw & 0x3f)); /* now and then something is pending */
    if (fsw & ~fcw & 0x3f)
        fsw |= 0x8080;
    put_le16(fx + FXSAVE_FCW, fcw);
    put_le16(fx + FXSAVE_FSW, fsw);
    fx[FXSAVE_FTW] = one_in(4) ? (uint8_t)rnd() : one_in(3) ? 0xff : (uint8_t)(0xff00 >> below(9));
    if (one_in(2)) { /* as after pushes: registers from TOP on are in use */
        unsigned top = fsw >> 11 & 7, n = (unsigned)below(7) + 1;
        fx[FXSAVE_FTW] = 0;
        for (unsigned k = 0; k < n; k++)
            fx[FXSAVE_FTW] |= (uint8_t)(1u << ((top + k) & 7));
    }
    uint32_t mxcsr = (one_in(4) ? (uint32_t)(rnd() & 0x1f80) : 0x1f80) | (uint32_t)(below(4) << 13) |
                     (one_in(3) ? (uint32_t)(rnd() & 0x803f) : 0) | (one_in(4) ? 0x40 : 0);
    put_le32(fx + FXSAVE_MXCSR, mxcsr);
    for (unsigned k = 0; k < 8; k++)
        float80(fx + FXSAVE_ST + 16 * k);
    for (unsigned k = 0; k < 16; k++)
        vector(fx + FXSAVE_XMM + 16 * k);
}

static void random_window(uint8_t *w) {
    for (unsigned k = 0; k < NATIVE_WINDOW_SIZE; k += 16) {
        if (one_in(4))
            float80(w + k);
        else
            vector(w + k);
    }
}

/* ---- one case ---- */

enum { SEQUENCE = 8 };

struct Case {
    uint8_t insn[15 * SEQUENCE];
    unsigned len, count;      /* bytes, instructions */
    const struct X86Row *row; /* of the last */
    struct X86Insn decoded;
    struct NativeState in, native, guest;
    uint64_t target; /* of the memory operand */
    uint8_t window[NATIVE_WINDOW_SIZE], window_guest[NATIVE_WINDOW_SIZE];
};

/* Rows that leave user mode, tell of the machine, or go elsewhere. */
static bool left_out(const struct X86Row *row) {
    static const char *const names[] = {
        "CPUID",  "RDTSC",  "RDTSCP", "RDPMC",  "RDPID",    "SYSCALL",  "SYSENTER", "SYSRET",   "SYSEXIT",
        "INT",    "INT3",   "INT1",   "INTO",   "IRET",     "RETF",     "RET",      "JMP",      "CALL",
        "LAR",    "LSL",    "VERR",   "VERW",   "SLDT",     "STR",      "SGDT",     "SIDT",     "SMSW",
        "LSS",    "LFS",    "LGS",    "PUSHF",  "POPF",     "RDFSBASE", "RDGSBASE", "WRFSBASE", "WRGSBASE",
        "XGETBV", "XSETBV", "XSAVE",  "XRSTOR", "XSAVEOPT", "XSAVEC",   "XSAVES",   "XRSTORS",  "MONITOR",
        "MWAIT",  "IN",     "OUT",    "INS",    "OUTS",     "CLI",      "STI",      "HLT",      "LLDT",
        "LTR",    "LGDT",   "LIDT",   "LMSW",   "INVLPG",   "CLTS",     "RDMSR",    "WRMSR",    "INVD",
        "WBINVD", "STAC",   "CLAC",   "SWAPGS", "POP ",     "UD2",      "PAUSE",    "INVPCID",  "LOOP",
        "LOOPE",  "LOOPNE", "JCXZ",   "JRCXZ",  "RDRAND",   "RDSEED",   "RDPKRU",   "WRPKRU"};
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
        if (!strcmp(names[k], row->mnemonic))
            return true;
    if (row->mnemonic[0] == 'J' || !strncmp(row->mnemonic, "UD", 2))
        return true;
    /* segment, control and debug registers; absolute addresses */
    return strstr(row->operands, "Sw") || strstr(row->operands, "Cd") || strstr(row->operands, "Dd") ||
           strstr(row->operands, "FS") || strstr(row->operands, "GS") || row->operands[0] == 'O' ||
           strstr(row->operands, ",O");
}

static void random_state(struct Case *c) {
    struct NativeState *s = &c->in;
    memset(s, 0, sizeof(*s));
    random_fpu(s->fx);
    for (unsigned k = 0; k < 16; k++)
        s->gpr[k] = integer();
    s->rflags = 0x202 | (rnd() & (FLAG_ARITH | FLAG_DF));
    static const unsigned pointers[] = {REG_SP, REG_SI, REG_DI, REG_BX, REG_BP};
    for (unsigned k = 0; k < sizeof(pointers) / sizeof(pointers[0]); k++)
        s->gpr[pointers[k]] = NATIVE_WINDOW + 0x800 + below(0x1000);
    s->gpr[REG_SP] &= ~7ull;
    if (one_in(2))
        s->gpr[REG_CX] = below(40);
}

/** Make the memory operand lie in the window (now and then across its end). */
static bool aim(struct Case *c) {
    const struct X86Insn *i = &c->decoded;
    if (!i->mem)
        return true;
    if (i->base >= INSN_REG_NONE || i->base == i->index || i->base == REG_SP * 8)
        return false;
    if (!strncmp(c->row->mnemonic, "BT", 2) && strstr(c->row->operands, "Gv")) {
        /* the bit offset reaches beyond the operand: no further than what is known to be mapped, or not, on both */
        if (i->reg == i->base || i->reg == i->index)
            return false;
        c->in.gpr[i->reg / 8] = below(0x4000) - 0x2000;
    }
    uint64_t target = NATIVE_WINDOW + 0x400 + below(0x1800);
    if (one_in(3) || strstr(c->row->operands, "ps") || strstr(c->row->operands, "dq") || strstr(c->row->operands, "pd"))
        target &= one_in(16) ? ~0ull : ~15ull;
    if (!strncmp(c->row->mnemonic, "FX", 2) && c->row->operands[0] == 'M')
        target = (NATIVE_WINDOW + 0x400 + below(0x1000)) & ~15ull;
    if (one_in(64))
        target = NATIVE_WINDOW + NATIVE_WINDOW_SIZE - below(20);
    uint64_t index = i->index >= INSN_REG_NONE ? 0 : c->in.gpr[i->index / 8];
    uint64_t base = target - (index << i->scale) - (uint64_t)(int64_t)i->disp;
    c->in.gpr[i->base / 8] = base;
    c->target = target;
    return true;
}

static void set_env(CPUX86State *env, const struct NativeState *s) {
    memcpy(env->gpr, s->gpr, sizeof(env->gpr));
    env->rflags = s->rflags;
    env->fcw = get_le16(s->fx + FXSAVE_FCW);
    env->fsw = get_le16(s->fx + FXSAVE_FSW);
    env->ftw = s->fx[FXSAVE_FTW];
    env->fop = env->fcs = env->fds = 0;
    env->fip = env->fdp = 0;
    env->mxcsr = get_le32(s->fx + FXSAVE_MXCSR);
    for (unsigned k = 0; k < 8; k++)
        memcpy(&env->fpr[((env->fsw >> 11) + k) & 7], s->fx + FXSAVE_ST + 16 * k, 10);
    for (unsigned k = 0; k < 16; k++)
        memcpy(&env->vec[k], s->fx + FXSAVE_XMM + 16 * k, 16);
}

static void get_env(const CPUX86State *env, struct NativeState *s) {
    memset(s, 0, sizeof(*s));
    memcpy(s->gpr, env->gpr, sizeof(env->gpr));
    s->rflags = env->rflags;
    put_le16(s->fx + FXSAVE_FCW, env->fcw);
    put_le16(s->fx + FXSAVE_FSW, env->fsw);
    s->fx[FXSAVE_FTW] = env->ftw;
    put_le32(s->fx + FXSAVE_MXCSR, env->mxcsr);
    for (unsigned k = 0; k < 8; k++)
        memcpy(s->fx + FXSAVE_ST + 16 * k, &env->fpr[((env->fsw >> 11) + k) & 7], 10);
    for (unsigned k = 0; k < 16; k++)
        memcpy(s->fx + FXSAVE_XMM + 16 * k, &env->vec[k], 16);
    s->fpu_env[3] = (uint32_t)env->fip;
    s->fpu_env[4] = (uint32_t)env->fop << 16;
    s->fpu_env[5] = (uint32_t)env->fdp;
    s->vector = -1;
}

static void run_guest(struct CpuBench *b, const CPUX86State *fresh, struct Case *c) {
    uint8_t code[15 * SEQUENCE + 16];
    *b->env = *fresh;
    set_env(b->env, &c->in);
    memcpy(b->mem + NATIVE_WINDOW, c->window, NATIVE_WINDOW_SIZE);
    memset(code, 0xf4, sizeof(code));
    memcpy(code, c->insn, c->len);
    cpu_bench_code(b, code, sizeof(code));
    bool rep = c->decoded.rep != 0;
    cpu_bench_run(b, c->count);
    for (unsigned k = 0; rep && k < 100 && b->env->rip == BENCH_CODE && x86_cpl(b->env) == 3; k++)
        cpu_bench_run(b, 1);
    get_env(b->env, &c->guest);
    memcpy(c->window_guest, b->mem + NATIVE_WINDOW, NATIVE_WINDOW_SIZE);
    if (x86_cpl(b->env) == 0) {
        c->guest.vector = (int64_t)((b->env->rip - BENCH_HANDLERS) / 16);
        uint64_t frame = b->env->gpr[REG_SP];
        bool error = c->guest.vector == VEC_GP || c->guest.vector == VEC_PF || c->guest.vector == VEC_SS;
        memcpy(&c->guest.fault_rip, b->mem + frame + (error ? 8 : 0), 8);
        memcpy(&c->guest.gpr[REG_SP], b->mem + frame + (error ? 32 : 24), 8);
        memcpy(&c->guest.rflags, b->mem + frame + (error ? 24 : 16), 8);
    }
}

/* ---- comparing ---- */

static char report[4096];
static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...) {
    va_list ap;
    size_t n = strlen(report);
    va_start(ap, fmt);
    vsnprintf(report + n, sizeof(report) - n, fmt, ap);
    va_end(ap);
}

static void compare_bytes(const char *what, unsigned k, const uint8_t *native, const uint8_t *guest, unsigned n,
                          const uint8_t *was) {
    if (!memcmp(native, guest, n))
        return;
    note("    %s%u native ", what, k);
    for (unsigned j = n; j-- > 0;)
        note("%02x", native[j]);
    note(" guest ");
    for (unsigned j = n; j-- > 0;)
        note("%02x", guest[j]);
    note(" was ");
    for (unsigned j = n; j-- > 0;)
        note("%02x", was[j]);
    note("\n");
}

static bool strict; /* compare undefined flags too: they follow AMD family 19h */

static void compare(struct Case *c) {
    struct NativeState *n = &c->native, *g = &c->guest;
    const uint8_t *was = c->in.fx;
    if (n->vector != g->vector)
        note("    exception native %d guest %d\n", (int)n->vector, (int)g->vector);
    else if (n->vector >= 0 && n->fault_rip != g->fault_rip)
        note("    fault at native %llx guest %llx\n", (unsigned long long)n->fault_rip,
             (unsigned long long)g->fault_rip);
    for (unsigned k = 0; k < 16; k++)
        if (n->gpr[k] != g->gpr[k])
            note("    gpr %u native %llx guest %llx was %llx\n", k, (unsigned long long)n->gpr[k],
                 (unsigned long long)g->gpr[k], (unsigned long long)c->in.gpr[k]);
    uint64_t flags = FLAG_ARITH | FLAG_DF;
    static const uint16_t flag_bits[6] = {FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF, FLAG_OF};
    for (unsigned k = 0; k < 6; k++)
        if ((c->row->flags_undefined >> k & 1) && !strict)
            flags &= ~(uint64_t)flag_bits[k];
    if ((n->rflags ^ g->rflags) & flags)
        note("    flags native %03x guest %03x was %03x\n", (unsigned)n->rflags & 0xcd5, (unsigned)g->rflags & 0xcd5,
             (unsigned)c->in.rflags & 0xcd5);
    compare_bytes("fcw", 0, n->fx, g->fx, 2, was);
    compare_bytes("fsw", 0, n->fx + 2, g->fx + 2, 2, was + 2);
    compare_bytes("ftw", 0, n->fx + 4, g->fx + 4, 1, was + 4);
    compare_bytes("mxcsr", 0, n->fx + 24, g->fx + 24, 4, was + 24);
    for (unsigned k = 0; k < 8; k++)
        compare_bytes("st", k, n->fx + FXSAVE_ST + 16 * k, g->fx + FXSAVE_ST + 16 * k, 10, was + FXSAVE_ST + 16 * k);
    for (unsigned k = 0; k < 16; k++)
        compare_bytes("xmm", k, n->fx + FXSAVE_XMM + 16 * k, g->fx + FXSAVE_XMM + 16 * k, 16,
                      was + FXSAVE_XMM + 16 * k);
    if (n->vector < 0 && g->vector < 0) {
        static const uint32_t mask[3] = {~0u, 0x7ff0000, ~0u};
        for (unsigned k = 0; k < 3; k++) /* a task switch of the host loses them: all, or those set before it */
            if (n->fpu_env[3 + k] && ((n->fpu_env[3 + k] ^ g->fpu_env[3 + k]) & mask[k]))
                note("    %s native %x guest %x\n",
                     k == 0   ? "fip"
                     : k == 1 ? "fop"
                              : "fdp",
                     n->fpu_env[3 + k] & mask[k], g->fpu_env[3 + k] & mask[k]);
    }
    const uint8_t *w = native_window();
    if (!strcmp(c->row->mnemonic, "FXSAVE")) /* the host may have more MXCSR bits */
        memcpy(native_window() + (c->guest.vector < 0 ? c->target + FXSAVE_MXCSR_MASK - NATIVE_WINDOW : 0),
               c->window_guest + (c->guest.vector < 0 ? c->target + FXSAVE_MXCSR_MASK - NATIVE_WINDOW : 0), 4);
    for (unsigned k = 0; k < NATIVE_WINDOW_SIZE; k += 8)
        compare_bytes("memory ", NATIVE_WINDOW + k, w + k, c->window_guest + k, 8, c->window + k);
}

/* ---- the walk over opcodes ---- */

struct Totals {
    unsigned long cases, bad;
    unsigned *row_cases; /* by index into x86_rows */
    unsigned shown;
};

static void show(const struct Case *c) {
    fprintf(stderr, "%s %s:", c->row->mnemonic, c->row->operands);
    for (unsigned k = 0; k < c->len; k++)
        fprintf(stderr, " %02x", c->insn[k]);
    fprintf(stderr, "  fcw %04x fsw %04x ftw %02x mxcsr %04x flags %03x\n%s", get_le16(c->in.fx),
            get_le16(c->in.fx + 2), c->in.fx[4], get_le32(c->in.fx + 24), (unsigned)c->in.rflags & 0xcd5, report);
}

enum Escape { ESCAPE_NONE, ESCAPE_0F, ESCAPE_0F38, ESCAPE_0F3A, ESCAPES };

static unsigned put_escape(uint8_t *p, enum Escape escape) {
    static const uint8_t second[ESCAPES] = {0, 0, 0x38, 0x3a};
    if (escape == ESCAPE_NONE)
        return 0;
    p[0] = 0x0f;
    p[1] = second[escape];
    return second[escape] ? 2 : 1;
}

static unsigned random_insn(uint8_t *p, unsigned prefix, enum Escape escape, unsigned opcode) {
    static const uint8_t mandatory[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned n = 0;
    if (one_in(24))
        p[n++] = 0xf0;
    if (one_in(12))
        p[n++] = 0x67;
    if (prefix)
        p[n++] = mandatory[prefix];
    if (one_in(2))
        p[n++] = (uint8_t)(0x40 | below(16));
    n += put_escape(p + n, escape);
    p[n++] = (uint8_t)opcode;
    while (n < 15)
        p[n++] = (uint8_t)rnd();
    return n;
}

static void one_case(struct CpuBench *b, const CPUX86State *fresh, struct Case *c, unsigned prefix, enum Escape escape,
                     unsigned opcode, const char *only, struct Totals *sum) {
    struct Decoded d;
    random_insn(c->insn, prefix, escape, opcode);
    uint32_t mode = MODE_CODE64 | MODE_USER | MODE_SSE | MODE_FLAT;
    if (x86_decode(&b->cpu.model, mode, c->insn, 15, &d) != DECODE_OK || d.row == 0)
        return;
    c->row = &x86_rows[d.row];
    c->decoded = d.insn;
    c->len = d.insn.len;
    c->count = 1;
    if (left_out(c->row) || !host_model_has(&host, x86_forms[d.row].feature) ||
        (only && strcmp(only, c->row->mnemonic)))
        return;
    if (!strncmp(c->row->mnemonic, "BS", 2) && memchr(c->insn, 0xf3, c->len))
        return; /* TZCNT or LZCNT on the host */
    random_state(c);
    if (c->decoded.rep)
        c->in.gpr[REG_CX] = below(40);
    if (!aim(c))
        return;
    random_window(c->window);
    memcpy(native_window(), c->window, NATIVE_WINDOW_SIZE);
    native_run(c->insn, c->len, &c->in, &c->native);
    run_guest(b, fresh, c);
    report[0] = 0;
    compare(c);
    sum->cases++;
    sum->row_cases[d.row]++;
    if (report[0] == 0)
        return;
    sum->bad++;
    if (sum->shown++ < SHOWN)
        show(c);
}

/* ---- sequences of floating-point and vector instructions: what one leaves behind the next must find ---- */

static bool in_sequences(const struct X86Row *row) {
    const char *op = row->operands;
    if (!strcmp(row->mnemonic, "FLDENV") || !strcmp(row->mnemonic, "FRSTOR"))
        return true;
    return !left_out(row) && op[0] != 'G' && op[0] != 'E' && op[0] != 'R' && strcmp(row->mnemonic, "FXSAVE") &&
           strcmp(row->mnemonic, "MASKMOVQ") && strcmp(row->mnemonic, "MASKMOVDQU") && !(op[0] == 'M' && op[1] == 0);
}

static bool append_random(struct CpuBench *b, struct Case *c, bool x87) {
    static const uint8_t mandatory[4] = {0, 0x66, 0xf3, 0xf2};
    uint8_t *p = c->insn + c->len;
    unsigned n = 0, prefix = x87 ? 0 : (unsigned)below(4);
    struct Decoded d;
    if (prefix)
        p[n++] = mandatory[prefix];
    if (!x87)
        n += put_escape(p + n, one_in(3) ? ESCAPE_0F38 : one_in(3) ? ESCAPE_0F3A : ESCAPE_0F);
    p[n++] = (uint8_t)(x87 ? 0xd8 + below(8) : rnd());
    p[n++] =
        one_in(3) ? (uint8_t)(0x43 | below(8) << 3) : (uint8_t)(0xc0 | below(64)); /* [rbx + disp8], or a register */
    p[n++] = (uint8_t)(one_in(4) ? below(128) : below(8) * 16);
    p[n++] = (uint8_t)rnd();
    if (x86_decode(&b->cpu.model, MODE_CODE64 | MODE_USER | MODE_SSE | MODE_FLAT, p, n, &d) != DECODE_OK ||
        d.row == 0 || !in_sequences(&x86_rows[d.row]) || !host_model_has(&host, x86_forms[d.row].feature))
        return false;
    bool vector = strpbrk(x86_rows[d.row].operands, "PQNVWU") != NULL, fpu = p[0] >= 0xd8 && p[0] <= 0xdf;
    if (!vector && !fpu)
        return false;
    c->row = &x86_rows[d.row];
    c->decoded = d.insn;
    c->len += d.insn.len;
    c->count++;
    return true;
}

static void one_sequence(struct CpuBench *b, const CPUX86State *fresh, struct Case *c, struct Totals *sum) {
    unsigned kind = (unsigned)below(3);
    c->len = c->count = 0;
    while (c->count < SEQUENCE)
        append_random(b, c, kind == 0 || (kind == 1 && one_in(2)));
    random_state(c);
    c->in.gpr[REG_BX] = NATIVE_WINDOW + 0x800;
    c->decoded.rep = 0;
    random_window(c->window);
    run_guest(b, fresh, c);
    report[0] = 1;
    for (unsigned tries = 0; tries < 3 && report[0]; tries++) { /* a task switch of the host loses x87 pointers */
        memcpy(native_window(), c->window, NATIVE_WINDOW_SIZE);
        native_run(c->insn, c->len, &c->in, &c->native);
        report[0] = 0;
        compare(c);
    }
    sum->cases++;
    if (report[0] == 0)
        return;
    sum->bad++;
    if (sum->shown++ < SHOWN)
        show(c);
}

static unsigned setting(const char *name, unsigned otherwise) {
    const char *v = getenv(name);
    return v ? (unsigned)strtoul(v, NULL, 0) : otherwise;
}

/** User code sees the code page and the window, as native code does; the tables below 2 MiB are the supervisor's. */
static void map_like_native(struct CpuBench *b) {
    enum { LOW = 0x50000, HIGH = 0x51000, PRESENT = 1, WRITABLE = 2, USER = 4 };
    uint64_t *low = (uint64_t *)(b->mem + LOW), *high = (uint64_t *)(b->mem + HIGH),
             *pd = (uint64_t *)(b->mem + BENCH_PD);
    for (unsigned k = 0; k < 512; k++) {
        low[k] = (k << 12) | PRESENT | WRITABLE | (k << 12 == NATIVE_CODE ? USER : 0);
        high[k] = k << 12 < NATIVE_WINDOW_SIZE ? (NATIVE_WINDOW + (k << 12)) | PRESENT | WRITABLE | USER : 0;
        pd[k] = 0;
    }
    pd[0] = LOW | PRESENT | WRITABLE | USER;
    pd[1] = HIGH | PRESENT | WRITABLE | USER;
}

START_TEST(against_host) {
    ck_assert(native_init());
    host_model(&host);
    struct CpuBench *b = cpu_bench_new(host_model_name(), BENCH_LONG_USER);
    b->env->xinuse = XCR0_X87 | XCR0_SSE; /* the host loads them by FXRSTOR */
    map_like_native(b);
    CPUX86State fresh = *b->env;
    struct Case *c = calloc(1, sizeof(*c));
    struct Totals sum = {.row_cases = calloc(x86_row_count, sizeof(unsigned))};
    unsigned rounds = setting("TWIN86_NATIVE_ROUNDS", ROUNDS), shown = 0;
    const char *only = getenv("TWIN86_NATIVE_ONLY");
    strict = getenv("TWIN86_NATIVE_STRICT") != NULL;
    seed = setting("TWIN86_NATIVE_SEED", 1) * 0x9e3779b97f4a7c15ull + 1;
    for (enum Escape escape = 0; escape < ESCAPES; escape++)
        for (unsigned op = 0; op < 256; op++)
            for (unsigned prefix = 0; prefix < 4; prefix++) {
                if (!escape && ((op & 0xf0) == 0x40 || op == 0x0f || (op >= 0x64 && op <= 0x67) || op == 0xf0 ||
                                op == 0xf2 || op == 0xf3 || op == 0x26 || op == 0x2e || op == 0x36 || op == 0x3e))
                    continue;
                unsigned n = !escape && op >= 0xd8 && op <= 0xdf ? (prefix ? 0 : rounds * 24) : rounds;
                sum.shown = shown < SHOWN ? SHOWN - 3 : SHOWN; /* a few of each */
                for (unsigned k = 0; k < n; k++)
                    one_case(b, &fresh, c, prefix, escape, op, only, &sum);
                shown += sum.shown > SHOWN - 3 && shown < SHOWN;
            }
    fprintf(stderr, "native: %lu cases, %lu differ\n", sum.cases, sum.bad);
    if (getenv("TWIN86_NATIVE_COVERAGE"))
        for (unsigned k = 1; k < x86_row_count; k++)
            if (sum.row_cases[k] == 0)
                fprintf(stderr, "native: not run: %s %s %s%s\n", x86_rows[k].opcode, x86_rows[k].mnemonic,
                        x86_rows[k].operands, left_out(&x86_rows[k]) ? " (left out)" : "");
    ck_assert_uint_eq(sum.bad, 0);
    free(sum.row_cases);
    free(c);
    cpu_bench_free(b);
}
END_TEST

START_TEST(sequences_against_host) {
    ck_assert(native_init());
    host_model(&host);
    struct CpuBench *b = cpu_bench_new(host_model_name(), BENCH_LONG_USER);
    b->env->xinuse = XCR0_X87 | XCR0_SSE; /* the host loads them by FXRSTOR */
    map_like_native(b);
    CPUX86State fresh = *b->env;
    struct Case *c = calloc(1, sizeof(*c));
    struct Totals sum = {0};
    seed = setting("TWIN86_NATIVE_SEED", 1) * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned n = setting("TWIN86_NATIVE_ROUNDS", ROUNDS) * 300; n > 0; n--)
        one_sequence(b, &fresh, c, &sum);
    fprintf(stderr, "native: %lu sequences, %lu differ\n", sum.cases, sum.bad);
    ck_assert_uint_eq(sum.bad, 0);
    free(c);
    cpu_bench_free(b);
}
END_TEST

/* ---- XSAVE areas: x87 and SSE, which every host has, both in use ---- */

enum { AREA = NATIVE_WINDOW + 0x400 };

/** A component that no processor has, or that the host's system has not enabled. */
static uint64_t no_component(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    uint64_t enabled = low | (uint64_t)high << 32, bit;
    do
        bit = 1ull << (8 + below(48));
    while (bit & enabled);
    return bit;
}

/** An area for XRSTOR: a good header mostly, now and then one that is #GP. */
static void random_area(uint8_t *area) {
    uint64_t bv = below(4), comp = one_in(2) ? XSAVE_COMPACTED | (one_in(4) ? below(4) : 3) : 0;
    random_fpu(area);
    memset(area + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);
    if (one_in(8))
        bv |= no_component();
    if (one_in(16))
        comp |= no_component();
    memcpy(area + XSAVE_XSTATE_BV, &bv, 8);
    memcpy(area + XSAVE_XCOMP_BV, &comp, 8);
    if (one_in(8))
        area[XSAVE_XCOMP_BV + 8 + below(48)] = 1;
    if (one_in(16))
        put_le32(area + FXSAVE_MXCSR, 1u << (18 + below(14))); /* AMD has bit 17 */
}

static void one_area(struct CpuBench *b, const CPUX86State *fresh, struct Case *c, struct Totals *sum) {
    static const uint8_t insns[][4] = {{0x0f, 0xae, 0x23}, {0x0f, 0xae, 0x33}, {0x0f, 0xc7, 0x23}, {0x0f, 0xae, 0x2b}};
    unsigned kind = (unsigned)below(4), n = 0;
    struct Decoded d;
    if (one_in(2))
        c->insn[n++] = 0x48;
    memcpy(c->insn + n, insns[kind], 3);
    if (x86_decode(&b->cpu.model, MODE_CODE64 | MODE_USER | MODE_SSE | MODE_FLAT, c->insn, 15, &d) != DECODE_OK)
        return;
    c->row = &x86_rows[d.row];
    c->decoded = d.insn;
    c->len = d.insn.len;
    c->count = 1;
    random_state(c);
    random_window(c->window);
    c->target = c->in.gpr[REG_BX] = AREA + (one_in(16) ? below(64) : 0);
    c->in.gpr[REG_AX] = (rnd() << 32) | below(4) | (one_in(4) ? 0x40000000 : 0);
    c->in.gpr[REG_DX] = one_in(2) ? 0x30000000 : rnd() << 32;
    if (kind == 3)
        random_area(c->window + (AREA - NATIVE_WINDOW));
    memcpy(native_window(), c->window, NATIVE_WINDOW_SIZE);
    native_run(c->insn, c->len, &c->in, &c->native);
    run_guest(b, fresh, c);
    report[0] = 0;
    if (kind != 3 && c->native.vector < 0) /* the host may have more MXCSR bits */
        memcpy(native_window() + (AREA - NATIVE_WINDOW) + FXSAVE_MXCSR_MASK,
               c->window_guest + (AREA - NATIVE_WINDOW) + FXSAVE_MXCSR_MASK, 4);
    compare(c);
    sum->cases++;
    if (report[0] == 0)
        return;
    sum->bad++;
    if (sum->shown++ < SHOWN)
        show(c);
}

START_TEST(areas_against_host) {
    ck_assert(native_init());
    struct CpuBench *b = cpu_bench_new(host_model_name(), BENCH_LONG_USER);
    b->env->xinuse = XCR0_X87 | XCR0_SSE; /* the host loads them by FXRSTOR */
    map_like_native(b);
    b->env->cr4 |= CR4_OSXSAVE;
    b->env->xcr0 = XCR0_X87 | XCR0_SSE;
    CPUX86State fresh = *b->env;
    struct Case *c = calloc(1, sizeof(*c));
    struct Totals sum = {0};
    seed = setting("TWIN86_NATIVE_SEED", 1) * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned n = setting("TWIN86_NATIVE_ROUNDS", ROUNDS) * 200; n > 0; n--)
        one_area(b, &fresh, c, &sum);
    fprintf(stderr, "native: %lu XSAVE areas, %lu differ\n", sum.cases, sum.bad);
    ck_assert_uint_eq(sum.bad, 0);
    free(c);
    cpu_bench_free(b);
}
END_TEST

/** XSAVE, XSAVEOPT and XSAVEC, enabled by the host's system. */
static bool host_has_xsavec(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 3) == 3;
}

Suite *native_suite(void) {
    Suite *s = suite_create("native");
    TCase *tc = tcase_create("instructions");
    tcase_set_timeout(tc, 600);
    if (native_possible()) {
        tcase_add_test(tc, against_host);
        tcase_add_test(tc, sequences_against_host);
        if (host_has_xsavec())
            tcase_add_test(tc, areas_against_host);
        else
            suite_skip("native", 1, "the host's processor has no XSAVEC");
    } else {
        suite_skip("native", 3, "the addresses that its code and data need are taken in this process");
    }
    suite_add_tcase(s, tc);
    return s;
}
