/* SPDX-License-Identifier: MIT */
/* FXSAVE, the XSAVE family, LDMXCSR and STMXCSR (SDM vol. 1, 10.5 and 13.7 to 13.12). */
#include "accel/tcg-lite/fpu_host.h"
#include "accel/tcg-lite/help_x87.h"
#include "accel/tcg-lite/helpers.h"
#include "cpu/cpu.h"
#include "cpu/xsave.h"

enum { MXCSR_INIT = 0x1f80 };

static void gp(struct Tcg *t, const struct Insn *i) { tcg_raise_error(t, i, VEC_GP, 0); }

static uint64_t area(struct Tcg *t, const struct Insn *i, unsigned size, unsigned align, enum Access access) {
    uint64_t linear = mem_linear(t, i, i->seg, ea_offset(t->env, i), size, access);
    if (linear & (align - 1))
        gp(t, i);
    return linear;
}

static bool code64(const struct Tcg *t) { return (t->mode & MODE_CODE) == MODE_CODE64; }
static unsigned xmm_count(const struct Tcg *t) { return code64(t) ? 16 : 8; }

void h_ldmxcsr(struct Tcg *t, const struct Insn *i) {
    uint32_t v = (uint32_t)mem_load(t, i, area(t, i, 4, 1, ACCESS_READ), 4);
    if (v & ~tcg_mxcsr_mask(t))
        gp(t, i);
    tcg_set_mxcsr(t, v);
    tcg_update_mode(t);
}

void h_stmxcsr(struct Tcg *t, const struct Insn *i) {
    mem_store(t, i, area(t, i, 4, 1, ACCESS_WRITE), 4, tcg_mxcsr(t));
}

/* ---- pieces of an image ---- */

/** Bytes 0-23 and ST(0)-ST(7). AMD's processors show the pointers only while an exception is pending. */
static void put_x87(const struct Tcg *t, unsigned osize, uint8_t *p) {
    const CPUX86State *env = t->env;
    memset(p, 0, FXSAVE_MXCSR);
    host_store(p + FXSAVE_FCW, 2, env->fcw);
    host_store(p + FXSAVE_FSW, 2, env->fsw);
    p[FXSAVE_FTW] = env->ftw;
    if ((env->fsw & FSW_ES) || t->cpu->model.vendor != VENDOR_AMD) {
        host_store(p + FXSAVE_FOP, 2, env->fop & 0x7ff);
        if (osize == 3) {
            host_store(p + FXSAVE_FIP, 8, env->fip);
            host_store(p + FXSAVE_FDP, 8, env->fdp);
        } else {
            host_store(p + FXSAVE_FIP, 8, (uint32_t)env->fip | (uint64_t)env->fcs << 32);
            host_store(p + FXSAVE_FDP, 8, (uint32_t)env->fdp | (uint64_t)env->fds << 32);
        }
    }
    memset(p + FXSAVE_ST, 0, 128);
    for (unsigned k = 0; k < 8; k++) {
        const struct X87Reg *r = &env->fpr[((env->fsw >> FSW_TOP_SHIFT) + k) & 7];
        host_store(p + FXSAVE_ST + 16 * k, 8, r->mantissa);
        host_store(p + FXSAVE_ST + 16 * k + 8, 2, r->sign_exp);
    }
}

static void take_x87(struct Tcg *t, unsigned osize, const uint8_t *p) {
    CPUX86State *env = t->env;
    env->fsw = (uint16_t)host_load(p + FXSAVE_FSW, 2);
    env->ftw = p[FXSAVE_FTW];
    env->fop = host_load(p + FXSAVE_FOP, 2) & 0x7ff;
    env->fip = host_load(p + FXSAVE_FIP, osize == 3 ? 8 : 4);
    env->fdp = host_load(p + FXSAVE_FDP, osize == 3 ? 8 : 4);
    if (osize != 3) {
        env->fcs = (uint16_t)host_load(p + FXSAVE_FIP + 4, 2);
        env->fds = (uint16_t)host_load(p + FXSAVE_FDP + 4, 2);
    } else {
        env->fcs = env->fds = 0;
    }
    for (unsigned k = 0; k < 8; k++) {
        struct X87Reg *r = &env->fpr[((env->fsw >> FSW_TOP_SHIFT) + k) & 7];
        r->mantissa = host_load(p + FXSAVE_ST + 16 * k, 8);
        r->sign_exp = (uint16_t)host_load(p + FXSAVE_ST + 16 * k + 8, 2);
    }
    tcg_set_fcw(t, (uint16_t)host_load(p + FXSAVE_FCW, 2)); /* settles ES too */
}

static void put_mxcsr(const struct Tcg *t, uint8_t *p) {
    host_store(p + FXSAVE_MXCSR, 4, tcg_mxcsr(t));
    host_store(p + FXSAVE_MXCSR_MASK, 4, tcg_mxcsr_mask(t));
}

/** Halves of vector registers between env and an image: half 0 is XMM, half 1 what AVX adds. */
static void put_halves(const struct Tcg *t, unsigned half, uint8_t *p) {
    for (unsigned k = 0; k < xmm_count(t); k++)
        memcpy(p + 16 * k, &t->env->vec[k].q[2 * half], 16);
}
static void take_halves(struct Tcg *t, unsigned half, const uint8_t *p) {
    for (unsigned k = 0; k < xmm_count(t); k++) {
        if (p != NULL)
            memcpy(&t->env->vec[k].q[2 * half], p + 16 * k, 16);
        else
            memset(&t->env->vec[k].q[2 * half], 0, 16);
    }
}

/* ---- FXSAVE, FXRSTOR ---- */

void h_fxsave(struct Tcg *t, const struct Insn *i) {
    uint8_t image[FXSAVE_WRITTEN];
    uint64_t linear = area(t, i, FXSAVE_SIZE, 16, ACCESS_WRITE);
    put_x87(t, i->osize, image);
    put_mxcsr(t, image);
    put_halves(t, 0, image + FXSAVE_XMM);
    mem_store_bytes(t, i, linear, image, FXSAVE_XMM + 16 * xmm_count(t));
}

void h_fxrstor(struct Tcg *t, const struct Insn *i) {
    uint8_t image[FXSAVE_SIZE];
    mem_load_bytes(t, i, area(t, i, FXSAVE_SIZE, 16, ACCESS_READ), image, FXSAVE_SIZE);
    uint32_t mxcsr = (uint32_t)host_load(image + FXSAVE_MXCSR, 4);
    if (mxcsr & ~tcg_mxcsr_mask(t))
        gp(t, i);
    take_x87(t, i->osize, image);
    tcg_set_mxcsr(t, mxcsr);
    take_halves(t, 0, image + FXSAVE_XMM);
    tcg_update_mode(t);
}

/* ---- XSAVE and its kin ---- */

static void check_xsave(struct Tcg *t, const struct Insn *i) {
    if (!(t->env->cr4 & CR4_OSXSAVE))
        tcg_raise(t, i, VEC_UD);
    if (t->env->cr0 & CR0_TS)
        tcg_raise(t, i, VEC_NM);
}

static uint64_t requested(const struct Tcg *t) { return (uint32_t)t->env->gpr[REG_AX] | t->env->gpr[REG_DX] << 32; }

static bool halves_in_use(const struct Tcg *t, unsigned half) {
    uint64_t any = 0;
    for (unsigned k = 0; k < xmm_count(t); k++)
        any |= t->env->vec[k].q[2 * half] | t->env->vec[k].q[2 * half + 1];
    return any != 0;
}

static bool x87_in_use(const CPUX86State *env) {
    uint64_t any = env->fsw | env->ftw | env->fop | env->fcs | env->fds | env->fip | env->fdp;
    for (unsigned k = 0; k < 8; k++)
        any |= env->fpr[k].mantissa | env->fpr[k].sign_exp;
    return env->fcw != FCW_INIT || any != 0;
}

/** XINUSE: components that are not in their initial state. */
static uint64_t in_use(const struct Tcg *t) {
    return (x87_in_use(t->env) ? XCR0_X87 : 0) | (halves_in_use(t, 0) ? XCR0_SSE : 0) |
           (halves_in_use(t, 1) ? XCR0_AVX : 0);
}

struct Save {
    uint64_t rfbm;   /* components asked for and enabled */
    uint64_t stored; /* those whose data is written */
    bool compacted;
};

/** Write an area: data of s->stored, MXCSR, header. Nothing is written if any byte of it may not be. */
static void save(struct Tcg *t, const struct Insn *i, uint64_t linear, const struct Save *s) {
    uint8_t image[XSAVE_MAX_SIZE] = {0};
    mem_probe_write(t, i, linear, xsave_size(s->rfbm, s->compacted));
    if (s->stored & XCR0_X87) {
        put_x87(t, i->osize, image);
        mem_store_bytes(t, i, linear, image, FXSAVE_MXCSR);
        mem_store_bytes(t, i, linear + FXSAVE_ST, image + FXSAVE_ST, 128);
    }
    if (s->compacted ? s->stored & XCR0_SSE : s->rfbm & (XCR0_SSE | XCR0_AVX)) {
        put_mxcsr(t, image);
        mem_store_bytes(t, i, linear + FXSAVE_MXCSR, image + FXSAVE_MXCSR, 8);
    }
    if (s->stored & XCR0_SSE) {
        put_halves(t, 0, image + FXSAVE_XMM);
        mem_store_bytes(t, i, linear + FXSAVE_XMM, image + FXSAVE_XMM, 16 * xmm_count(t));
    }
    if (s->stored & XCR0_AVX) {
        put_halves(t, 1, image + XSAVE_AVX_OFFSET);
        mem_store_bytes(t, i, linear + XSAVE_AVX_OFFSET, image + XSAVE_AVX_OFFSET, 16 * xmm_count(t));
    }
    if (s->compacted) {
        host_store(image + XSAVE_XSTATE_BV, 8, s->stored);
        host_store(image + XSAVE_XCOMP_BV, 8, s->rfbm | XSAVE_COMPACTED);
        mem_store_bytes(t, i, linear + XSAVE_HEADER, image + XSAVE_HEADER, XSAVE_HEADER_SIZE);
    } else {
        uint64_t old = mem_load(t, i, linear + XSAVE_XSTATE_BV, 8);
        mem_store(t, i, linear + XSAVE_XSTATE_BV, 8, (old & ~s->rfbm) | (in_use(t) & s->rfbm));
    }
}

/** XSAVEC and XSAVES count MXCSR as part of SSE's state (SDM vol. 1, 13.6). */
static uint64_t in_use_compacted(const struct Tcg *t) {
    return in_use(t) | (tcg_mxcsr(t) != MXCSR_INIT ? XCR0_SSE : 0);
}

static void save_instruction(struct Tcg *t, const struct Insn *i, uint64_t enabled, bool compacted, bool optimized) {
    check_xsave(t, i);
    uint64_t linear = area(t, i, XSAVE_EXTENDED, 64, ACCESS_WRITE);
    struct Save s = {.rfbm = requested(t) & enabled, .compacted = compacted};
    s.stored = s.rfbm & (compacted ? in_use_compacted(t) : optimized ? in_use(t) : ~0ull);
    save(t, i, linear, &s);
}

void h_xsave(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, false, false); }
void h_xsaveopt(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, false, true); }
void h_xsavec(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, true, true); }
void h_xsaves(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0 | t->env->xss, true, true); }

/** The header, or #GP(0) where the SDM wants one (vol. 1, 13.8 and 13.12). True: compacted. */
static bool check_header(struct Tcg *t, const struct Insn *i, const uint8_t *image, uint64_t enabled, bool supervisor) {
    uint64_t bv = host_load(image + XSAVE_XSTATE_BV, 8), comp = host_load(image + XSAVE_XCOMP_BV, 8);
    bool compacted = comp & XSAVE_COMPACTED;
    if (compacted && !cpu_has(&t->cpu->model, CPUID_XSAVEC))
        gp(t, i);
    if (!compacted && (supervisor || comp != 0))
        gp(t, i);
    if (bv & ~enabled)
        gp(t, i);
    if (compacted && ((comp & ~XSAVE_COMPACTED & ~enabled) || (bv & ~comp)))
        gp(t, i);
    unsigned reserved = XSAVE_XCOMP_BV + 8, end = compacted ? XSAVE_HEADER + XSAVE_HEADER_SIZE : reserved + 8;
    for (; reserved < end; reserved++)
        if (image[reserved] != 0)
            gp(t, i);
    return compacted;
}

static void restore_instruction(struct Tcg *t, const struct Insn *i, uint64_t enabled, bool supervisor) {
    check_xsave(t, i);
    uint8_t image[XSAVE_MAX_SIZE] = {0};
    uint64_t linear = area(t, i, XSAVE_EXTENDED, 64, ACCESS_READ);
    mem_load_bytes(t, i, linear, image, XSAVE_EXTENDED);
    bool compacted = check_header(t, i, image, enabled, supervisor);
    uint64_t bv = host_load(image + XSAVE_XSTATE_BV, 8), rfbm = requested(t) & enabled, from = rfbm & bv;
    if (from & XCR0_AVX)
        mem_load_bytes(t, i, linear + XSAVE_AVX_OFFSET, image + XSAVE_AVX_OFFSET, XSAVE_AVX_SIZE);
    uint32_t mxcsr = (uint32_t)host_load(image + FXSAVE_MXCSR, 4);
    /* The standard format loads MXCSR whatever XSTATE_BV says; the compacted one treats it as part of SSE. */
    bool load_mxcsr = compacted ? from & XCR0_SSE : rfbm & (XCR0_SSE | XCR0_AVX);
    if (load_mxcsr && (mxcsr & ~tcg_mxcsr_mask(t)))
        gp(t, i);
    if (from & XCR0_X87) {
        take_x87(t, i->osize, image);
    } else if (rfbm & XCR0_X87) {
        x87_init(t);
        memset(t->env->fpr, 0, sizeof(t->env->fpr));
    }
    if (load_mxcsr)
        tcg_set_mxcsr(t, mxcsr);
    else if (compacted && (rfbm & XCR0_SSE))
        tcg_set_mxcsr(t, MXCSR_INIT);
    if (rfbm & XCR0_SSE)
        take_halves(t, 0, from & XCR0_SSE ? image + FXSAVE_XMM : NULL);
    if (rfbm & XCR0_AVX)
        take_halves(t, 1, from & XCR0_AVX ? image + XSAVE_AVX_OFFSET : NULL);
    tcg_update_mode(t);
}

void h_xrstor(struct Tcg *t, const struct Insn *i) { restore_instruction(t, i, t->env->xcr0, false); }
void h_xrstors(struct Tcg *t, const struct Insn *i) { restore_instruction(t, i, t->env->xcr0 | t->env->xss, true); }
