/* SPDX-License-Identifier: MIT */
/* FXSAVE, the XSAVE family, LDMXCSR and STMXCSR (SDM vol. 1, 10.5 and 13.7 to 13.12). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/exec/x87/help_x87.h"
#include "accel/tcg-lite/run/area.h"
#include "accel/tcg-lite/run/mode.h"
#include "cpu/cpu.h"
#include "cpu/xsave.h"

enum { MXCSR_INIT = 0x1f80 };
enum { FIP_BITS = 57 }; /* what is kept of a 64-bit FIP that is loaded (RULE_X87_FIP_RESTORED) */

static void gp(struct Tcg *t, const struct Insn *i) { tcg_raise_error(t, i, VEC_GP, 0); }

static bool code64(const struct Tcg *t) { return (t->mode & MODE_CODE) == MODE_CODE64; }

/** #GP, in whose place #AC may come (SDM vol. 2, FXSAVE, XSAVE): it does when doublewords are not aligned, for FXSAVE
 *  and FXRSTOR, on Intel's processors for all (RULE_AC_XSAVE). */
static void misaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned align) {
    bool ac = t->mmu == MMU_ALIGN && (linear & 3) && (align == 16 || tcg_as_intel(t, RULE_AC_XSAVE));
    tcg_raise_error(t, i, ac ? VEC_AC : VEC_GP, 0);
}

/** The memory operand. #GP for alignment comes before #SS or #GP for the address; outside of 64-bit code only where the
 *  first four bytes lie within the segment (measured on Intel's processors). */
static struct MemArea area(struct Tcg *t, const struct Insn *i, unsigned size, unsigned align, enum Access access) {
    const CPUX86State *env = t->env;
    uint64_t linear = ea_offset(env, i) + (i->seg >= SEG_FS ? env->seg[i->seg].base : 0);
    if (!code64(t))
        linear = mem_part(t, i, 0, 4, access);
    if (linear & (align - 1))
        misaligned(t, i, linear, align);
    return mem_area(t, i, PARTS_SAVE, size, access);
}

/* ---- what Intel's processors look at before anything else of an area (RULE_SAVE_AREA_ACCESS) ---- */

/** FXSAVE, FXRSTOR: the last byte of 512, then the first. */
static void probe_fxsave(struct Tcg *t, const struct Insn *i, const struct MemArea *a, bool write) {
    if (!tcg_as_intel(t, RULE_SAVE_AREA_ACCESS))
        return;
    mem_area_probe_byte(t, i, a, FXSAVE_SIZE - 1, write);
    mem_area_probe_byte(t, i, a, 0, write);
}

/** XSAVE and XRSTOR: the last byte of `size`, then the first that `legacy` (components) asks for. */
static void probe_xsave(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned size, uint64_t legacy,
                        bool write) {
    if (!tcg_as_intel(t, RULE_SAVE_AREA_ACCESS))
        return;
    mem_area_probe_byte(t, i, a, size - 1, write);
    if (legacy & (XCR0_X87 | XCR0_SSE | XCR0_AVX))
        mem_area_probe_byte(t, i, a, legacy & XCR0_X87 ? 0 : FXSAVE_MXCSR, write);
}

static unsigned xmm_count(const struct Tcg *t) { return code64(t) ? 16 : 8; }

void helper_ldmxcsr(struct Tcg *t, const struct Insn *i) {
    uint32_t v = (uint32_t)mem_load(t, i, ea_linear(t->env, i, t, EA_FULL, 4, ACCESS_READ), 4);
    if (v & ~tcg_mxcsr_mask(t))
        gp(t, i);
    tcg_set_mxcsr(t, v);
    t->env->xinuse |= XCR0_SSE;
    tcg_update_mode(t);
}

void helper_stmxcsr(struct Tcg *t, const struct Insn *i) {
    mem_store(t, i, ea_linear(t->env, i, t, EA_FULL, 4, ACCESS_WRITE), 4, tcg_mxcsr(t));
}

/* ---- pieces of an image ---- */

/** Bytes 0-23 and ST(0)-ST(7). AMD's processors show the pointers only while an exception is pending. */
static void put_x87(const struct Tcg *t, unsigned osize, uint8_t *p) {
    const CPUX86State *env = t->env;
    memset(p, 0, FXSAVE_MXCSR);
    host_store(p + FXSAVE_FCW, 2, env->fcw);
    host_store(p + FXSAVE_FSW, 2, env->fsw);
    p[FXSAVE_FTW] = env->ftw;
    if ((env->fsw & FSW_ES) || tcg_as_intel(t, RULE_X87_POINTERS_SAVED)) {
        const struct X87Pointers at = x87_pointers(t);
        host_store(p + FXSAVE_FOP, 2, at.fop);
        host_store(p + FXSAVE_FIP, 8, osize == 3 ? at.fip : (uint32_t)at.fip | (uint64_t)at.fcs << 32);
        host_store(p + FXSAVE_FDP, 8, osize == 3 ? at.fdp : (uint32_t)at.fdp | (uint64_t)at.fds << 32);
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
    struct X87Pointers at = {.fop = (uint16_t)host_load(p + FXSAVE_FOP, 2)};
    at.fip = host_load(p + FXSAVE_FIP, osize == 3 ? 8 : 4);
    at.fdp = host_load(p + FXSAVE_FDP, osize == 3 ? 8 : 4);
    if (osize != 3) {
        at.fcs = (uint16_t)host_load(p + FXSAVE_FIP + 4, 2);
        at.fds = (uint16_t)host_load(p + FXSAVE_FDP + 4, 2);
    } else if (tcg_as_intel(t, RULE_X87_FIP_RESTORED)) {
        at.fip = (uint64_t)((int64_t)(at.fip << (64 - FIP_BITS)) >> (64 - FIP_BITS));
    }
    x87_set_pointers(t, at);
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

/** AMD's EFER.FFXSR: the vector registers are left out at CPL 0 in 64-bit mode (APM vol. 2, 3.1.7). */
static bool fast_fxsave(const struct Tcg *t) {
    return (t->env->efer & EFER_FFXSR) && code64(t) && x86_cpl(t->env) == 0;
}

void helper_fxsave(struct Tcg *t, const struct Insn *i) {
    uint8_t image[FXSAVE_WRITTEN];
    struct MemArea to = area(t, i, FXSAVE_SIZE, 16, ACCESS_WRITE);
    probe_fxsave(t, i, &to, true);
    put_x87(t, i->osize, image);
    put_mxcsr(t, image);
    put_halves(t, 0, image + FXSAVE_XMM);
    mem_area_store(t, i, &to, 0, image, fast_fxsave(t) ? FXSAVE_XMM : FXSAVE_XMM + 16 * xmm_count(t));
}

void helper_fxrstor(struct Tcg *t, const struct Insn *i) {
    uint8_t image[FXSAVE_SIZE];
    struct MemArea from = area(t, i, FXSAVE_SIZE, 16, ACCESS_READ);
    probe_fxsave(t, i, &from, false);
    mem_area_load(t, i, &from, 0, image, FXSAVE_SIZE);
    uint32_t mxcsr = (uint32_t)host_load(image + FXSAVE_MXCSR, 4);
    if (mxcsr & ~tcg_mxcsr_mask(t))
        gp(t, i);
    take_x87(t, i->osize, image);
    tcg_set_mxcsr(t, mxcsr);
    if (!fast_fxsave(t))
        take_halves(t, 0, image + FXSAVE_XMM);
    t->env->xinuse |= XCR0_SSE;
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

static bool x87_in_use(const struct Tcg *t) {
    const CPUX86State *env = t->env;
    const struct X87Pointers at = x87_pointers(t);
    uint64_t any = env->fsw | env->ftw | at.fop | at.fcs | at.fds | at.fip | at.fdp;
    for (unsigned k = 0; k < 8; k++)
        any |= env->fpr[k].mantissa | env->fpr[k].sign_exp;
    return env->fcw != FCW_INIT || any != 0;
}

/**
 * XINUSE (SDM vol. 1, 13.6): AMD's processors compare with the initial state. Intel's follow what is written; of that
 * env->xinuse has what values don't show, but for vector instructions: one that writes zeros to a component that was
 * not in use is not noticed, since no write to a vector register costs anything for XINUSE's sake.
 */
static uint64_t in_use(const struct Tcg *t) {
    uint64_t values = (x87_in_use(t) ? XCR0_X87 : 0) | (halves_in_use(t, 0) ? XCR0_SSE : 0) |
                      (halves_in_use(t, 1) ? XCR0_AVX : 0) | (t->env->pkru != 0 ? XCR0_PKRU : 0);
    return tcg_as_intel(t, RULE_XINUSE) ? values | (t->env->xinuse & t->env->xcr0) : values;
}

uint64_t tcg_xinuse(const struct Tcg *t) { return in_use(t) | (tcg_mxcsr(t) != MXCSR_INIT ? XCR0_SSE : 0); }

/** An area as it shall be, and which parts of it are written. */
struct Save {
    uint64_t rfbm;   /* components asked for and enabled */
    uint64_t stored; /* those whose data is written */
    bool compacted;
    struct {
        uint16_t at, n;
    } part[8];
    unsigned parts;
    uint8_t image[XSAVE_MAX_SIZE];
};

static void add_part(struct Save *s, unsigned at, unsigned n) {
    s->part[s->parts].at = (uint16_t)at;
    s->part[s->parts++].n = (uint16_t)n;
}

static void compose_legacy(const struct Tcg *t, const struct Insn *i, struct Save *s) {
    if (s->stored & XCR0_X87) {
        put_x87(t, i->osize, s->image);
        add_part(s, 0, FXSAVE_MXCSR);
        add_part(s, FXSAVE_ST, 128);
    }
    if (s->compacted ? s->stored & XCR0_SSE : s->rfbm & (XCR0_SSE | XCR0_AVX)) {
        put_mxcsr(t, s->image);
        add_part(s, FXSAVE_MXCSR, 8);
    }
    if (s->stored & XCR0_SSE) {
        put_halves(t, 0, s->image + FXSAVE_XMM);
        add_part(s, FXSAVE_XMM, 16 * xmm_count(t));
    }
}

static void compose_extended(const struct Tcg *t, struct Save *s) {
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++) {
        const struct XsaveComponent *c = &xsave_components[k];
        unsigned at = xsave_offset(&t->cpu->model, c, s->rfbm, s->compacted);
        if (!(s->stored & c->mask))
            continue;
        if (c->mask == XCR0_AVX)
            put_halves(t, 1, s->image + at);
        else
            host_store(s->image + at, 8, t->env->pkru);
        add_part(s, at, c->mask == XCR0_AVX ? 16 * xmm_count(t) : c->size);
    }
}

/** Of the header only XSTATE_BV and in the compacted format XCOMP_BV are written. */
static void compose_header(struct Tcg *t, const struct Insn *i, const struct MemArea *a, struct Save *s) {
    uint64_t bv = s->stored;
    if (!s->compacted) {
        mem_area_probe_write(t, i, a, XSAVE_XSTATE_BV, 8);
        mem_area_load(t, i, a, XSAVE_XSTATE_BV, &bv, 8);
        bv = (bv & ~s->rfbm) | (in_use(t) & s->rfbm);
    }
    host_store(s->image + XSAVE_XSTATE_BV, 8, bv);
    host_store(s->image + XSAVE_XCOMP_BV, 8, s->rfbm | XSAVE_COMPACTED);
    add_part(s, XSAVE_XSTATE_BV, s->compacted ? 16 : 8);
}

/**
 * XSAVE and its kin. What is in use is known, what was modified since the last XRSTOR is not: every component counts as
 * modified (SDM vol. 1, 13.6 leaves that to the processor). Nothing is written if any byte of it may not be.
 */
static void save_instruction(struct Tcg *t, const struct Insn *i, uint64_t enabled, bool compacted, bool optimized) {
    check_xsave(t, i);
    struct Save s; /* most of the image is never looked at */
    s.rfbm = requested(t) & enabled;
    s.compacted = compacted;
    s.parts = 0;
    unsigned size = xsave_size(&t->cpu->model, s.rfbm, compacted);
    struct MemArea a = area(t, i, size, 64, ACCESS_WRITE);
    probe_xsave(t, i, &a, size, compacted ? s.rfbm & (XCR0_X87 | XCR0_SSE) : s.rfbm, true);
    if (!tcg_as_intel(t, RULE_SAVE_AREA_ACCESS)) /* where AMD's processors begin, whatever is stored (measured) */
        mem_area_probe_byte(t, i, &a, 0, true);
    s.stored = s.rfbm & (compacted ? tcg_xinuse(t) : optimized ? in_use(t) : ~0ull);
    compose_header(t, i, &a, &s);
    compose_legacy(t, i, &s);
    compose_extended(t, &s);
    for (unsigned k = 0; k < s.parts; k++)
        mem_area_probe_write(t, i, &a, s.part[k].at, s.part[k].n);
    for (unsigned k = 0; k < s.parts; k++)
        mem_area_store(t, i, &a, s.part[k].at, s.image + s.part[k].at, s.part[k].n);
}

void helper_xsave(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, false, false); }
void helper_xsaveopt(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, false, true); }
void helper_xsavec(struct Tcg *t, const struct Insn *i) { save_instruction(t, i, t->env->xcr0, true, true); }
void helper_xsaves(struct Tcg *t, const struct Insn *i) {
    save_instruction(t, i, t->env->xcr0 | t->env->xss, true, true);
}

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

/** What Intel's processors look at in an area to load: XCOMP_BV, then its ends, by the format that was found. */
static struct MemArea probe_xrstor(struct Tcg *t, const struct Insn *i, const struct MemArea *header, uint64_t rfbm) {
    uint64_t comp;
    mem_area_probe_byte(t, i, header, XSAVE_XCOMP_BV, false);
    mem_area_load(t, i, header, XSAVE_XCOMP_BV, &comp, 8);
    bool compacted = comp & XSAVE_COMPACTED;
    unsigned size = XSAVE_EXTENDED;
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++) {
        const struct XsaveComponent *c = &xsave_components[k];
        if (rfbm & c->mask && (!compacted || comp & c->mask))
            size = xsave_offset(&t->cpu->model, c, comp, compacted) + c->size;
    }
    struct MemArea a = area(t, i, size, 64, ACCESS_READ);
    probe_xsave(t, i, &a, size, compacted ? rfbm & comp & (XCR0_X87 | XCR0_SSE) : rfbm, false);
    return a;
}

/** An area that is loaded. */
struct Restore {
    uint64_t rfbm, from; /* components asked for and enabled; those of them that the area holds */
    bool compacted;
    unsigned at[XSAVE_COMPONENT_COUNT];
    uint8_t image[XSAVE_MAX_SIZE];
};

/** Its header and what is to be loaded of it. */
static void read_area(struct Tcg *t, const struct Insn *i, uint64_t enabled, bool supervisor, struct Restore *r) {
    const bool intel = tcg_as_intel(t, RULE_SAVE_AREA_ACCESS);
    struct MemArea a = area(t, i, XSAVE_EXTENDED, 64, ACCESS_READ);
    r->rfbm = requested(t) & enabled;
    if (intel)
        a = probe_xrstor(t, i, &a, r->rfbm);
    if (!intel)
        mem_area_load(t, i, &a, 0, r->image, XSAVE_HEADER);
    mem_area_load(t, i, &a, XSAVE_HEADER, r->image + XSAVE_HEADER, XSAVE_HEADER_SIZE);
    r->compacted = check_header(t, i, r->image, enabled, supervisor);
    r->from = r->rfbm & host_load(r->image + XSAVE_XSTATE_BV, 8);
    uint64_t comp = r->compacted ? host_load(r->image + XSAVE_XCOMP_BV, 8) : 0;
    if (intel && (r->compacted ? r->rfbm & comp & (XCR0_X87 | XCR0_SSE) : r->rfbm & (XCR0_X87 | XCR0_SSE | XCR0_AVX)))
        mem_area_load(t, i, &a, 0, r->image, XSAVE_HEADER);
    if (!intel)
        a = area(t, i, xsave_size(&t->cpu->model, r->compacted ? comp : r->from, r->compacted), 64, ACCESS_READ);
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++) {
        const struct XsaveComponent *c = &xsave_components[k];
        r->at[k] = xsave_offset(&t->cpu->model, c, comp, r->compacted);
        if (r->from & c->mask)
            mem_area_load(t, i, &a, r->at[k], r->image + r->at[k], c->size);
    }
}

/** Components beyond XMM: the initial state (p == NULL), or the image's. */
static void take_component(struct Tcg *t, uint32_t mask, const uint8_t *p) {
    if (mask == XCR0_AVX)
        take_halves(t, 1, p);
    else
        tcg_set_pkru(t, p != NULL ? (uint32_t)host_load(p, 4) : 0);
}

/** Initial state of the x87: XSTATE_BV has not its bit. */
static void init_x87(struct Tcg *t) {
    x87_init(t);
    memset(t->env->fpr, 0, sizeof(t->env->fpr));
}

/** Initial states of components, and the legacy region's loaded. */
static void take_first(struct Tcg *t, const struct Insn *i, const struct Restore *r) {
    const uint64_t init = r->rfbm & ~r->from;
    if (r->from & XCR0_X87)
        take_x87(t, i->osize, r->image);
    else if (init & XCR0_X87)
        init_x87(t);
    if (r->rfbm & XCR0_SSE)
        take_halves(t, 0, r->from & XCR0_SSE ? r->image + FXSAVE_XMM : NULL);
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++)
        if (init & xsave_components[k].mask)
            take_component(t, xsave_components[k].mask, NULL);
    t->env->xinuse = (uint32_t)((t->env->xinuse & ~init) | (r->from & (XCR0_X87 | XCR0_SSE)));
}

static void restore_instruction(struct Tcg *t, const struct Insn *i, uint64_t enabled, bool supervisor) {
    check_xsave(t, i);
    struct Restore r;
    read_area(t, i, enabled, supervisor, &r);
    /* The standard format loads MXCSR whatever XSTATE_BV says; the compacted one treats it as part of SSE. */
    bool load_mxcsr = r.compacted ? r.from & XCR0_SSE : r.rfbm & (XCR0_SSE | XCR0_AVX);
    uint32_t mxcsr = load_mxcsr ? (uint32_t)host_load(r.image + FXSAVE_MXCSR, 4) : 0;
    bool bad = load_mxcsr && (mxcsr & ~tcg_mxcsr_mask(t));
    if (bad && !(r.compacted && tcg_as_intel(t, RULE_XRSTOR_MXCSR)))
        gp(t, i);
    take_first(t, i, &r);
    if (bad)
        gp(t, i);
    if (load_mxcsr)
        tcg_set_mxcsr(t, mxcsr);
    else if (r.compacted && (r.rfbm & XCR0_SSE))
        tcg_set_mxcsr(t, MXCSR_INIT);
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++)
        if (r.from & xsave_components[k].mask)
            take_component(t, xsave_components[k].mask, r.image + r.at[k]);
    t->env->xinuse |= (uint32_t)r.from;
    tcg_update_mode(t);
}

void helper_xrstor(struct Tcg *t, const struct Insn *i) { restore_instruction(t, i, t->env->xcr0, false); }
void helper_xrstors(struct Tcg *t, const struct Insn *i) {
    restore_instruction(t, i, t->env->xcr0 | t->env->xss, true);
}
