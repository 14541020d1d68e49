/* SPDX-License-Identifier: MIT */
/*
 * insns-vs-host [CASES [SEED [MNEMONIC]]]: every row of x86.tab that a user program may execute in 64- and 32-bit code,
 * with random operands, once by tcg-lite and once by the host CPU. Registers, flags, vector and x87 state, memory and
 * faults must come out the same; flags that the SDM leaves undefined count on AMD Zen hosts only.
 */
#include "accel/tcg-lite/run/mem.h"
#include "isa/isa.h"
#include "tests/host_features.h"
#include "tests/host_insn.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same linear addresses in both worlds; an instruction may cross a page. */
enum { CODE = BENCH_CODE, CODE_SIZE = 0x4000, DATA = BENCH_DATA, DATA_SIZE = 0x4000, MAX_REPORTS = 40 };

static uint64_t seed = 0x7477696e3836ull;
static uint64_t rnd(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

/** A value near a boundary, or anything. */
static uint64_t value(void) {
    static const uint64_t edges[] = {0,
                                     1,
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
                                     ~0ull};
    uint64_t v = rnd();
    switch (v & 7) {
    case 0:
    case 1: return edges[(v >> 8) % (sizeof edges / sizeof edges[0])];
    case 2: return 1ull << ((v >> 8) & 63);
    case 3: return (v >> 8) & 0xff;
    case 4: return (uint64_t)(int64_t)(int8_t)(v >> 8);
    default: return rnd();
    }
}

/** A double or two floats of every class. */
static uint64_t float_value(void) {
    static const uint64_t classes[] = {0,
                                       1ull << 63,
                                       0x3ff0000000000000,
                                       0xbff0000000000000,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff4000000000001,
                                       1,
                                       0x000fffffffffffff,
                                       0x7fefffffffffffff,
                                       0x41dfffffffc00000,
                                       0xc1e0000000000000,
                                       0x43e0000000000000,
                                       0x3f8000003f800000,
                                       0xbf80000000000000,
                                       0x7f800000ff800000,
                                       0x7fc000007fa00000,
                                       0x0000000100400000,
                                       0x4f000000cf000000,
                                       0x3f0000003f800001};
    uint64_t v = rnd();
    if ((v & 3) == 0)
        return classes[(v >> 8) % (sizeof classes / sizeof classes[0])];
    if ((v & 3) == 1) { /* doubles and floats of a moderate size */
        double d = (double)(int64_t)rnd() / (double)(1ull << ((v >> 8) & 63));
        float f[2] = {(float)d, (float)(v >> 40)};
        uint64_t bits;
        if (v & 4)
            memcpy(&bits, &d, 8);
        else
            memcpy(&bits, f, 8);
        return bits;
    }
    return value();
}

/* ---- which rows ---- */

static bool in_list(const char *name, const char *list) {
    char pattern[40];
    snprintf(pattern, sizeof pattern, " %s ", name);
    return strstr(list, pattern) != NULL;
}

/** Rows whose result depends on the system around them, or that would do damage to the test. */
static bool excluded(const struct X86Row *r) {
    if (in_list(r->mnemonic,
                " (bad) INT INT1 INT3 INTO SYSCALL SYSENTER SYSEXIT SYSRET IRET RETF RDTSC RDTSCP CPUID RDPID "
                "RDPMC XGETBV XSETBV LAR LSL VERR VERW SGDT SIDT SLDT STR SMSW PUSHF POPF CLAC STAC MONITOR MWAIT "
                "LSS LFS LGS RDFSBASE RDGSBASE WRFSBASE WRGSBASE FXSAVE FXRSTOR XSAVE XRSTOR XSAVEOPT XSAVEC XSAVES "
                "XRSTORS RDRAND RDSEED FNSTENV FNSAVE FLDENV FRSTOR UD0 UD1 HLT FNSETPM LDMXCSR "
                "VLDMXCSR INS OUTS IN OUT "))
        return true;
    if (strstr(r->operands, "Sw") || strstr(r->operands, "Cd") || strstr(r->operands, "Dd") ||
        (strstr(r->operands, "Mp") && !strstr(r->operands, "Mps") && !strstr(r->operands, "Mpd")))
        return true;
    if (strstr(r->operands, "Ap") || in_list(r->operands, " FS GS CS "))
        return true;
    return !strcmp(r->mnemonic, "POP") && in_list(r->operands, " ES SS DS ");
}

/* ---- an instruction ---- */

struct Test {
    bool code32;
    uint32_t mode;
    uint8_t bytes[16];
    unsigned disp_at, imm_at, n; /* offsets in bytes; disp_at 0: no 32-bit displacement */
    struct Decoded d;
    const struct X86Row *row;
    struct HostState start;
};

/** vex.lz.66.0f38.w0 and the like: the prefix bytes, with random registers, at p; what the row leaves open is random.
 */
static unsigned encode_vex(uint8_t *p, const char *rule, bool code32, bool vvvv) {
    char part[64], *save;
    unsigned map = 1, pp = 0, l = rnd() & 1, w = rnd() & 1;
    snprintf(part, sizeof part, "%.*s", (int)strcspn(rule, " "), rule);
    strtok_r(part, ".", &save);
    for (char *s; (s = strtok_r(NULL, ".", &save));) {
        static const char *const prefixes[] = {"np", "66", "f3", "f2"}, *const maps[] = {"0f", "0f38", "0f3a"};
        for (unsigned k = 0; k < 4; k++)
            pp = strcmp(s, prefixes[k]) ? pp : k;
        for (unsigned k = 0; k < 3; k++)
            map = strcmp(s, maps[k]) ? map : k + 1;
        l = in_list(s, " 128 lz ") ? 0 : !strcmp(s, "256") ? 1 : l;
        w = !strcmp(s, "w0") ? 0 : !strcmp(s, "w1") ? 1 : w;
    }
    unsigned rxb = code32 ? 0xc0 | (rnd() & 0x20) : rnd() & 0xe0; /* inverted */
    unsigned last = (vvvv ? rnd() & (code32 ? 7 : 15) : 0) << 3;
    last = (~last & 0x78) | l << 2 | pp;
    if (map == 1 && (rnd() & 1)) {
        p[0] = 0xc5;
        p[1] = (uint8_t)((rxb & 0x80) | last);
        return 2;
    }
    p[0] = 0xc4;
    p[1] = (uint8_t)(rxb | map);
    p[2] = (uint8_t)(w << 7 | last);
    return 3;
}

/** Encode row r with random operands. */
static void encode(struct Test *t, const struct X86Row *r, bool code32) {
    char opcode[64], *save;
    uint8_t prefix = 0, modrm = (uint8_t)rnd(), rex = 0; /* prefix 1: none may be there */
    unsigned n = 0, bytes[8], count = 0;
    bool have_op = false, vex = false;
    snprintf(opcode, sizeof opcode, "%s", r->opcode);
    for (char *w = strtok_r(opcode, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        unsigned v = (unsigned)strtoul(w, NULL, 16);
        if (!strncmp(w, "vex", 3))
            vex = true;
        else if (!strcmp(w, "np"))
            prefix = 1;
        else if (!strcmp(w, "mem"))
            modrm &= 0x7f;
        else if (!strcmp(w, "reg"))
            modrm |= 0xc0;
        else if (w[0] == '/')
            modrm = (uint8_t)((modrm & ~0x38) | (w[1] - '0') << 3);
        else if (!have_op && !vex && count == 0 && (v == 0x66 || v == 0xf2 || v == 0xf3))
            prefix = (uint8_t)v;
        else if (have_op) /* a whole ModRM byte */
            modrm = (uint8_t)v;
        else {
            bytes[count++] = w[2] == '+' && w[3] == 'r' ? v + (unsigned)(rnd() & 7)
                             : w[2] == '+'              ? v + (unsigned)(rnd() & 15)
                                                        : v;
            have_op = vex || (v != 0x0f && !((v == 0x38 || v == 0x3a) && count == 2));
        }
    }
    if (strstr(r->mnemonic, "GATHER"))
        modrm = (uint8_t)((modrm & ~7) | 4); /* only with SIB */
    memset(t, 0, sizeof *t);
    t->row = r;
    t->code32 = t->start.code32 = code32;
    t->mode =
        (code32 ? MODE_CODE32 : MODE_CODE64) | MODE_STACK32 | MODE_USER | MODE_SSE | MODE_AVX | MODE_MP | MODE_FLAT;
    for (unsigned k = 0; k < 16; k++)
        t->bytes[k] = (uint8_t)rnd();
    bool rare = (rnd() & 255) == 0; /* prefixes that VEX forbids */
    if (prefix > 1 && !vex)
        t->bytes[n++] = prefix;
    else if (prefix == 0 && (rnd() & 7) == 0 && (!vex || rare))
        t->bytes[n++] = 0x66;
    if ((rnd() & 31) == 0)
        t->bytes[n++] = 0x67;
    if ((rnd() & 7) == 0 && (modrm >> 6) != 3 && (!vex || rare))
        t->bytes[n++] = 0xf0;
    if (prefix == 0 && (in_list(r->mnemonic, " MOVS STOS LODS CMPS SCAS ")) && (rnd() & 1))
        t->bytes[n++] = rnd() & 1 ? 0xf2 : 0xf3;
    if (!code32 && (rnd() & 1))
        rex = 0x40 | (rnd() & 15);
    if (rex && (!vex || rare))
        t->bytes[n++] = rex;
    if (vex) {
        bool vvvv = strchr(r->operands, 'B') || strchr(r->operands, 'H') || (rnd() & 63) == 0;
        n += encode_vex(t->bytes + n, strstr(r->opcode, "vex"), code32, vvvv);
    }
    for (unsigned k = 0; k < count; k++)
        t->bytes[n++] = (uint8_t)bytes[k];
    t->bytes[n] = modrm;
    t->n = n;
}

/** Where displacement and immediate are: the decoder knows the length, the rest follows from ModRM and SIB. */
static void find_fields(struct Test *t) {
    uint8_t modrm = t->bytes[t->n];
    unsigned at = t->n + 1;
    t->disp_at = 0;
    if ((modrm >> 6) == 3)
        return;
    bool sib = (modrm & 7) == 4;
    uint8_t base = sib ? t->bytes[at] & 7 : modrm & 7;
    at += sib;
    if ((modrm >> 6) == 2 || ((modrm >> 6) == 0 && base == 5))
        t->disp_at = at;
}

static bool is_vex(const struct X86Row *r) { return !strncmp(r->opcode, "vex", 3); }
static bool is_gather(const struct X86Row *r) { return strstr(r->mnemonic, "GATHER") != NULL; }

/** Indexes that reach a little beyond both sides of what is there. */
static void place_indexes(struct Test *t) {
    uint64_t *lo = t->start.fx.xmm[t->d.insn.index], *hi = t->start.ymm[t->d.insn.index];
    bool wide = t->row->mnemonic[strlen(t->row->mnemonic) - 2] == 'Q' || strstr(t->row->mnemonic, "GATHERQ");
    int64_t range = (rnd() & 15) ? 0x800 >> t->d.insn.scale : 0x4000 >> t->d.insn.scale;
    for (unsigned k = 0; k < 4; k++) {
        int64_t v = (int64_t)(rnd() % (uint64_t)(2 * range)) - range,
                w = (int64_t)(rnd() % (uint64_t)(2 * range)) - range;
        uint64_t both = wide ? (uint64_t)v : (uint32_t)v | (uint64_t)w << 32;
        *(k < 2 ? &lo[k] : &hi[k - 2]) = both;
    }
}

/** Let the memory operand lie in the data pages. False: it can't. */
static bool place_operand(struct Test *t) {
    const struct X86Insn *i = &t->d.insn;
    uint64_t *g = t->start.gpr, target = DATA + 0x1000 - 64 + rnd() % 0x2000;
    if (rnd() & 1)
        target &= ~63ull;
    if (is_vex(t->row) && (rnd() & 15) == 0)
        target = rnd() & 1 ? DATA - rnd() % 64 : DATA + DATA_SIZE - rnd() % 64; /* what lies beyond is not mapped */
    if (i->seg >= SEG_FS || (t->code32 && (i->seg == SEG_CS || i->asize == 1)))
        return false;
    if (t->row->operands[0] == 'O' || strstr(t->row->operands, ",O")) {
        unsigned size = i->asize == 3 ? 8 : 4;
        memcpy(t->bytes + i->len - size, &target, size);
        return true;
    }
    bool no_index = i->index == INSN_REG_NONE || is_gather(t->row);
    if (t->d.rip_relative || (i->base == INSN_REG_NONE && no_index)) {
        if (is_gather(t->row))
            place_indexes(t);
        int32_t disp = (int32_t)(t->d.rip_relative ? target - (t->start.rip + i->len) : target);
        if (!t->disp_at)
            return false;
        memcpy(t->bytes + t->disp_at, &disp, 4);
        return true;
    }
    unsigned base = i->base / 8, index = i->index / 8;
    if (is_gather(t->row)) {
        place_indexes(t);
        g[base] = target - (uint64_t)(int64_t)i->disp;
    } else if (i->base == INSN_REG_NONE) {
        g[index] = (target - (uint64_t)(int64_t)i->disp) >> i->scale;
    } else if (base == index) {
        g[base] = (uint64_t)((int64_t)(target - (uint64_t)(int64_t)i->disp) / (1 + (1ll << i->scale)));
    } else {
        uint64_t part = i->index == INSN_REG_NONE ? 0 : g[index] << i->scale;
        g[base] = target - (uint64_t)(int64_t)i->disp - part;
    }
    return true;
}

static void random_fx(struct HostFx *fx) {
    memset(fx, 0, sizeof *fx);
    fx->fcw = 0x37f;
    if ((rnd() & 3) == 0)
        fx->fcw = (uint16_t)((rnd() & 0xf00) | 0x7f);
    fx->fsw = (uint16_t)(rnd() & 0x7f00 & ~0x8000u);
    fx->ftw = rnd() & 1 ? 0xff : (uint8_t)rnd();
    fx->mxcsr = 0x1f80;
    if ((rnd() & 3) == 0)
        fx->mxcsr |= rnd() & 0xe07f; /* rounding, flush and denormal modes, sticky flags */
    if ((rnd() & 7) == 0)
        fx->mxcsr &= ~(rnd() & 0x1f80); /* unmasked exceptions */
    for (unsigned k = 0; k < 8; k++) {
        uint64_t v = rnd();
        fx->st[k].mantissa = v & 8 ? rnd() : rnd() | 1ull << 63;
        fx->st[k].sign_exp = (uint16_t)(v & 3 ? 0x3fff - 40 + (v >> 8) % 80 : v >> 8) | (uint16_t)((v >> 40) & 0x8000);
        if ((v & 0x70) == 0x70) {
            static const struct {
                uint64_t m;
                uint16_t e;
            } special[] = {{0, 0},
                           {0, 0x8000},
                           {1ull << 63, 0x7fff},
                           {1ull << 63, 0xffff},
                           {3ull << 62, 0xffff},
                           {(1ull << 63) | 5, 0x7fff},
                           {1ull << 62, 0},
                           {1ull << 63, 0x3fff}};
            unsigned s = (v >> 16) & 7;
            fx->st[k].mantissa = special[s].m;
            fx->st[k].sign_exp = special[s].e;
        }
    }
    for (unsigned k = 0; k < 16; k++)
        for (unsigned h = 0; h < 2; h++)
            fx->xmm[k][h] = rnd() & 3 ? float_value() : value();
}

static void random_ymm(uint64_t ymm[16][2]) {
    for (unsigned k = 0; k < 16; k++)
        for (unsigned h = 0; h < 2; h++)
            ymm[k][h] = rnd() & 3 ? float_value() : value();
}

/** Fill in registers that make sense for the instruction. False: not this one. */
static bool prepare(struct Test *t) {
    struct HostState *s = &t->start;
    const struct X86Insn *i = &t->d.insn;
    const char *m = t->row->mnemonic;
    unsigned native = t->code32 ? 2 : 3; /* operand size of branches */
    for (unsigned k = 0; k < 16; k++)
        s->gpr[k] = t->code32 ? (uint32_t)value() : value();
    s->gpr[REG_SP] = DATA + 0x1800 + (rnd() & 0xff);
    s->rip = CODE + (rnd() & 7 ? 0x2000 - 400 : 0x2000 - rnd() % 16);
    s->rflags = (rnd() & (FLAG_ARITH | FLAG_DF)) | FLAG_ONE | FLAG_IF;
    random_fx(&s->fx);
    if (host_insn_has_avx())
        random_ymm(s->ymm);
    if (in_list(m, " MOVS STOS LODS CMPS SCAS MASKMOVQ MASKMOVDQU VMASKMOVDQU XLAT ")) {
        if (i->seg >= SEG_FS || (t->code32 && (i->asize == 1 || i->seg == SEG_CS)))
            return false;
        s->gpr[REG_SI] = DATA + 0x2000 - 128 + rnd() % 256;
        s->gpr[REG_DI] = rnd() & 1 ? s->gpr[REG_SI] + rnd() % 32 : DATA + 0x2000 - 128 + rnd() % 256;
        s->gpr[REG_BX] = DATA + 0x1000 + rnd() % 0x1000;
        if (i->rep)
            s->gpr[REG_CX] = rnd() % 70;
        return true;
    }
    if (t->row->operands[0] == 'J') { /* targets within the code pages */
        if (i->osize != native)
            return false;
        int32_t d = (int32_t)(rnd() & 0x7f); /* forwards: not into the instruction itself */
        memcpy(t->bytes + i->len - (t->row->operands[1] == 'z' ? 4 : 1), &d, t->row->operands[1] == 'z' ? 4 : 1);
        return true;
    }
    if (in_list(m, " RET CALL JMP ") && i->osize != native)
        return false;
    if (!strcmp(m, "LEAVE"))
        s->gpr[REG_BP] = DATA + 0x1000 + (rnd() & 0xfff);
    if (!strcmp(m, "ENTER")) {
        t->bytes[i->len - 2] &= 1;
        t->bytes[i->len - 1] &= 7;
        s->gpr[REG_BP] = DATA + 0x1000 + (rnd() & 0xfff);
    }
    bool bit_string = m[0] == 'B' && m[1] == 'T' && strstr(t->row->operands, "Gv");
    if (bit_string && i->mem)
        s->gpr[i->reg / 8] = (uint64_t)((int64_t)(rnd() & 0x1fff) - 0x1000);
    if (i->mem && strcmp(m, "LEA") && !place_operand(t))
        return false;
    if (in_list(m, " PUSH POP CALL ") && s->gpr[REG_SP] - DATA > DATA_SIZE - 64)
        return false; /* the operand's address made the stack be anywhere */
    if (bit_string && i->mem && (i->reg == i->base || i->reg == i->index))
        return false;
    if (in_list(m, " CALL JMP ") && !i->mem && i->rm == REG_SP * 8)
        return false;
    if (in_list(m, " CALL JMP ") && !i->mem)
        s->gpr[i->rm / 8] = CODE + 0x100 + (rnd() & 0xff);
    return true;
}

/* ---- both worlds ---- */

static uint8_t *host_data(void) {
    static uint8_t *volatile at = (uint8_t *)(uintptr_t)DATA; /* the compiler need not know */
    return at;
}

static void to_bench(struct CpuBench *b, const struct HostState *s) {
    CPUX86State *env = b->env;
    static const struct X86Segment data = {.selector = BENCH_DS3, .ar = 0xc0f3, .limit = 0xffffffff};
    memcpy(env->gpr, s->gpr, sizeof s->gpr);
    env->rip = s->rip;
    env->rflags = s->rflags;
    for (unsigned k = 0; k < SEG_COUNT; k++)
        env->seg[k] = data;
    env->seg[SEG_CS] = s->code32 ? (struct X86Segment){BENCH_CS32_3, 0xc0fb, 0xffffffff, 0}
                                 : (struct X86Segment){BENCH_CS64_3, 0xa0fb, 0xffffffff, 0};
    env->fcw = s->fx.fcw;
    env->fsw = s->fx.fsw;
    env->ftw = s->fx.ftw;
    env->mxcsr = s->fx.mxcsr;
    env->xinuse = XCR0_X87 | XCR0_SSE | XCR0_AVX; /* the host loads them by XRSTOR */
    unsigned top = (s->fx.fsw >> 11) & 7;
    for (unsigned k = 0; k < 8; k++)
        env->fpr[(top + k) & 7] = (struct X87Reg){s->fx.st[k].mantissa, s->fx.st[k].sign_exp};
    for (unsigned k = 0; k < 16; k++) {
        env->vec[k].q[0] = s->fx.xmm[k][0];
        env->vec[k].q[1] = s->fx.xmm[k][1];
        env->vec[k].q[2] = s->ymm[k][0];
        env->vec[k].q[3] = s->ymm[k][1];
    }
    b->cpu.halted = false;
}

static void from_bench(struct CpuBench *b, struct HostState *s) {
    CPUX86State *env = b->env;
    memset(s, 0, sizeof *s);
    memcpy(s->gpr, env->gpr, sizeof s->gpr);
    s->rip = env->rip;
    s->rflags = env->rflags;
    s->vector = -1;
    if (x86_cpl(env) == 0) { /* a fault: the handler has not run yet, the frame is on its stack */
        uint64_t handler = s->rip - BENCH_HANDLERS;
        s->vector = (int)(handler / 16);
        bool error = s->vector == VEC_GP || s->vector == VEC_PF || s->vector == VEC_SS || s->vector == VEC_AC;
        uint64_t frame[6];
        memcpy(frame, b->mem + env->gpr[REG_SP], sizeof frame);
        s->error = error ? (uint32_t)frame[0] : 0;
        s->cr2 = env->cr2;
        s->rip = frame[error];
        s->rflags = frame[error + 2];
        s->gpr[REG_SP] = frame[error + 3];
    }
    s->fx.fcw = env->fcw;
    s->fx.fsw = env->fsw;
    s->fx.ftw = env->ftw;
    s->fx.mxcsr = env->mxcsr;
    unsigned top = (env->fsw >> 11) & 7;
    for (unsigned k = 0; k < 8; k++) {
        s->fx.st[k].mantissa = env->fpr[(top + k) & 7].mantissa;
        s->fx.st[k].sign_exp = env->fpr[(top + k) & 7].sign_exp;
    }
    for (unsigned k = 0; k < 16; k++) {
        s->fx.xmm[k][0] = env->vec[k].q[0];
        s->fx.xmm[k][1] = env->vec[k].q[1];
        s->ymm[k][0] = env->vec[k].q[2];
        s->ymm[k][1] = env->vec[k].q[3];
    }
}

/** What the host says, in the bench's terms: INT3 after the instruction is no fault. */
static void normalize_host(struct HostState *s, const struct Test *t) {
    if (s->vector == VEC_BP) {
        s->rip--;
        s->vector = -1;
    } else if (s->vector == VEC_PF && s->rip != t->start.rip) {
        s->vector = -1; /* a jump to where nothing is */
    }
}

/* ---- comparison ---- */

static bool zen;
static unsigned long failures, reports;

static void report(const struct Test *t, const char *what, uint64_t start, uint64_t host, uint64_t ours) {
    failures++;
    if (reports++ >= MAX_REPORTS)
        return;
    printf("%s%s %s [", t->code32 ? "32-bit " : "", t->row->mnemonic, t->row->operands);
    for (unsigned k = 0; k < t->d.insn.len; k++)
        printf("%s%02x", k ? " " : "", t->bytes[k]);
    printf("]: %s from %#llx: host %#llx, tcg-lite %#llx\n", what, (unsigned long long)start, (unsigned long long)host,
           (unsigned long long)ours);
}

static bool differ(const struct Test *t, const char *what, uint64_t start, uint64_t host, uint64_t ours,
                   uint64_t mask) {
    if (((host ^ ours) & mask) == 0)
        return false;
    report(t, what, start, host, ours);
    return true;
}

static uint32_t flag_bits(uint8_t fb) {
    return (fb & FB_C ? FLAG_CF : 0) | (fb & FB_P ? FLAG_PF : 0) | (fb & FB_A ? FLAG_AF : 0) |
           (fb & FB_Z ? FLAG_ZF : 0) | (fb & FB_S ? FLAG_SF : 0) | (fb & FB_O ? FLAG_OF : 0);
}

static bool compare_fx(const struct Test *t, const struct HostState *h, const struct HostState *o) {
    const struct HostFx *s = &t->start.fx;
    if (differ(t, "FCW", s->fcw, h->fx.fcw, o->fx.fcw, ~0ull) ||
        differ(t, "FSW", s->fsw, h->fx.fsw, o->fx.fsw, ~0ull) ||
        differ(t, "FTW", s->ftw, h->fx.ftw, o->fx.ftw, ~0ull) ||
        differ(t, "MXCSR", s->mxcsr, h->fx.mxcsr, o->fx.mxcsr, ~0ull))
        return true;
    for (unsigned k = 0; k < 8; k++) {
        char name[16];
        snprintf(name, sizeof name, "ST%u", k);
        if (differ(t, name, s->st[k].mantissa, h->fx.st[k].mantissa, o->fx.st[k].mantissa, ~0ull))
            return true;
        snprintf(name, sizeof name, "ST%u exponent", k);
        if (differ(t, name, s->st[k].sign_exp, h->fx.st[k].sign_exp, o->fx.st[k].sign_exp, ~0ull))
            return true;
    }
    for (unsigned k = 0; k < (t->code32 ? 16 : 32); k++) {
        char name[16];
        snprintf(name, sizeof name, "YMM%u.%u", k / 2, 2 + k % 2);
        if (differ(t, name, t->start.ymm[k / 2][k % 2], h->ymm[k / 2][k % 2], o->ymm[k / 2][k % 2], ~0ull))
            return true;
        snprintf(name, sizeof name, "XMM%u.%u", k / 2, k % 2);
        if (differ(t, name, s->xmm[k / 2][k % 2], h->fx.xmm[k / 2][k % 2], o->fx.xmm[k / 2][k % 2], ~0ull))
            return true;
    }
    return false;
}

static void compare(const struct Test *t, const struct HostState *h, const struct HostState *o, const uint8_t *guest) {
    static const char *const names[16] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                          "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};
    if (differ(t, "exception", 0, (uint64_t)(int64_t)h->vector, (uint64_t)(int64_t)o->vector, ~0ull) ||
        differ(t, "RIP", t->start.rip, h->rip, o->rip, ~0ull))
        return;
    if (h->vector == VEC_PF && is_vex(t->row) &&
        (differ(t, "CR2", 0, h->cr2, o->cr2, ~0ull) || differ(t, "error code", 0, h->error, o->error, ~0ull)))
        return;
    for (unsigned k = 0; k < (t->code32 ? 8 : 16); k++)
        if (differ(t, names[k], t->start.gpr[k], h->gpr[k], o->gpr[k], t->code32 ? 0xffffffff : ~0ull))
            return;
    uint32_t undefined = zen ? 0 : flag_bits(t->row->flags_undefined);
    if (differ(t, "RFLAGS", t->start.rflags, h->rflags, o->rflags, (FLAG_ARITH | FLAG_DF) & ~undefined))
        return;
    if (compare_fx(t, h, o))
        return;
    for (unsigned k = 0; k < DATA_SIZE; k += 8) {
        uint64_t x, y;
        memcpy(&x, host_data() + k, 8);
        memcpy(&y, guest + k, 8);
        if (differ(t, "memory", DATA + k, x, y, ~0ull))
            return;
    }
}

static void refill(struct CpuBench *b) {
    for (unsigned k = 0; k < DATA_SIZE; k += 8) {
        uint64_t v = rnd() & 1 ? float_value() : value();
        memcpy(host_data() + k, &v, 8);
    }
    bus_write(b->cpu.bus, DATA, host_data(), DATA_SIZE);
}

/** Branches that read their target from memory find one in the code pages there. */
static bool place_target(struct CpuBench *b, const struct Test *t) {
    bool ret = !strcmp(t->row->mnemonic, "RET");
    if (!ret && !(in_list(t->row->mnemonic, " CALL JMP ") && t->d.insn.mem))
        return true;
    uint64_t target = CODE + 0x100 + (rnd() & 0xff), at = t->start.gpr[REG_SP];
    if (!ret)
        at = x86_ea_offset(&t->d.insn, t->start.gpr, t->start.rip);
    at = t->code32 ? (uint32_t)at : at;
    if (at < DATA || at > DATA + DATA_SIZE - 8)
        return false;
    memcpy(host_data() + (at - DATA), &target, 8);
    bus_write(b->cpu.bus, at, &target, 8);
    return true;
}

/* On some virtual machines the kernel can't deliver an exception while RSP is not canonical. */
static bool any_stack;

static bool canonical(uint64_t v) { return (uint64_t)((int64_t)(v << 16) >> 16) == v; }

static bool host_takes_any_stack(void) {
    struct HostState s = {.rip = CODE, .rflags = FLAG_ONE, .fx = {.fcw = 0x37f, .mxcsr = 0x1f80}};
    s.gpr[REG_SP] = 1ull << 63;
    host_insn_run(&s); /* INT3 is there */
    return s.vector == VEC_BP;
}

/** A case of row r; false when it could not be made. */
static bool one_case(struct CpuBench *b, unsigned row, bool code32) {
    struct Test t;
    encode(&t, &x86_rows[row], code32);
    if (x86_decode(&b->cpu.model, t.mode, t.bytes, 15, &t.d) != DECODE_OK || t.d.row != row)
        return false;
    find_fields(&t);
    if (!prepare(&t) || x86_decode(&b->cpu.model, t.mode, t.bytes, 15, &t.d) != DECODE_OK || t.d.row != row)
        return false;
    uint8_t *code = (uint8_t *)(uintptr_t)t.start.rip;
    if (!any_stack && !canonical(t.start.gpr[REG_SP]))
        return false;
    if (!place_target(b, &t))
        return false;
    memset(code, 0xcc, 32);
    memcpy(code, t.bytes, t.d.insn.len);
    bus_write(b->cpu.bus, t.start.rip, code, 32);
    to_bench(b, &t.start);
    struct HostState host = t.start, ours;
    cpu_bench_run(b, 1);
    from_bench(b, &ours);
    host_insn_run(&host);
    normalize_host(&host, &t);
    memset(code, 0xcc, 32);
    unsigned long before = failures;
    compare(&t, &host, &ours, b->mem + DATA);
    if (failures != before || (rnd() & 255) == 0)
        refill(b);
    return true;
}

static bool host_is_zen(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx)
        return false;
    __get_cpuid(1, &a, &b, &c, &d);
    return ((a >> 8) & 15) + ((a >> 20) & 0xff) >= 0x17;
}

#ifdef TWIN86_SANITIZERS
static unsigned long cases = 30000;
#else
static unsigned long cases = 300000;
#endif
static const char *only; /* a mnemonic, or NULL */

/** User code sees the code and data pages and nothing else near them, as on the host. */
static void map_like_host(struct CpuBench *b) {
    enum { LOW = 0x50000, HIGH = 0x51000, PRESENT = 1, WRITABLE = 2, USER = 4 };
    uint64_t *low = (uint64_t *)(b->mem + LOW), *high = (uint64_t *)(b->mem + HIGH),
             *pd = (uint64_t *)(b->mem + BENCH_PD);
    for (uint64_t k = 0; k < 512; k++) {
        bool code = k << 12 >= CODE && k << 12 < CODE + CODE_SIZE;
        low[k] = code ? k << 12 | PRESENT | WRITABLE | USER : k << 12 < CODE ? k << 12 | PRESENT | WRITABLE : 0;
        high[k] = k << 12 < DATA_SIZE ? (DATA + (k << 12)) | PRESENT | WRITABLE | USER : 0;
        pd[k] = 0;
    }
    pd[0] = LOW | PRESENT | WRITABLE | USER;
    pd[DATA >> 21] = HIGH | PRESENT | WRITABLE | USER;
}

/* The bench wants to be inside a test of libcheck. */
START_TEST(instructions_match_host) {
    static unsigned per_row[4096];
    struct CpuModel host;
    host_model(&host);
    unsigned long done = 0, skipped = 0;
    bool code32 = host_insn_has_code32();
    if (!code32)
        printf("SKIP 32-bit code: this host's kernel runs none\n");
    struct CpuBench *b = cpu_bench_new(host_model_name(), BENCH_LONG_USER);
    map_like_host(b);
    b->env->cr4 |= CR4_OSXSAVE;
    b->env->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    memset(b->mem + CODE, 0xcc, CODE_SIZE);
    refill(b);
    while (done < cases && skipped < 100 * cases + 100000) {
        unsigned row = 1 + (unsigned)(rnd() % (x86_row_count - 1));
        if (excluded(&x86_rows[row]) || !host_model_has(&host, x86_forms[row].feature) ||
            (only && strcmp(only, x86_rows[row].mnemonic)) || !one_case(b, row, code32 && (rnd() & 1))) {
            skipped++;
            continue;
        }
        per_row[row]++;
        done++;
    }
    unsigned rows = 0;
    for (unsigned k = 0; k < x86_row_count; k++)
        rows += per_row[k] != 0;
    printf("insns-vs-host: %lu cases over %u of %u rows, %lu differ\n", done, rows, x86_row_count - 1, failures);
    cpu_bench_free(b);
    ck_assert_uint_eq(failures, 0);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1)
        cases = strtoul(argv[1], NULL, 0);
    if (argc > 2 && strtoull(argv[2], NULL, 0))
        seed = strtoull(argv[2], NULL, 0);
    only = argc > 3 ? argv[3] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zen = host_is_zen();
    if (host_map(CODE, CODE_SIZE) || host_map(DATA, DATA_SIZE)) {
        fprintf(stderr, "insns-vs-host: cannot map the test's pages\n");
        return 77; /* skipped */
    }
    memset((void *)(uintptr_t)CODE, 0xcc, CODE_SIZE);
    host_insn_init();
    any_stack = host_takes_any_stack();
    if (!any_stack)
        printf("SKIP stack pointers that are not canonical: this host's kernel takes no exception there\n");
    Suite *s = suite_create("instructions against the host");
    TCase *c = tcase_create("user mode");
    tcase_set_timeout(c, 0);
    tcase_add_test(c, instructions_match_host);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
