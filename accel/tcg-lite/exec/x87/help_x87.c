/* SPDX-License-Identifier: MIT */
/* x87 control instructions and the FSTENV, FSAVE images (SDM vol. 1, 8.1.10 and figures 8-9 to 8-12). */
#include "accel/tcg-lite/exec/x87/help_x87.h"
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/area.h"

static uint64_t operand(struct Tcg *t, const struct Insn *i, unsigned size, enum Access access) {
    return mem_linear(t, i, i->seg, ea_offset(t->env, i), size, access);
}

static void wait(struct Tcg *t, const struct Insn *i) {
    if ((t->env->fsw & FSW_ES) && (t->env->cr0 & CR0_NE))
        tcg_raise(t, i, VEC_MF);
}

void helper_fwait(struct Tcg *t, const struct Insn *i) { wait(t, i); }

/** FENI, FDISI, FSETPM do nothing since the 387. */
void helper_x87_obsolete(struct Tcg *t, const struct Insn *i) { (void)t, (void)i; }

void helper_fldcw(struct Tcg *t, const struct Insn *i) {
    wait(t, i);
    tcg_set_fcw(t, (uint16_t)mem_load(t, i, operand(t, i, 2, ACCESS_READ), 2));
}

void helper_fnstcw(struct Tcg *t, const struct Insn *i) {
    mem_store(t, i, operand(t, i, 2, ACCESS_WRITE), 2, t->env->fcw);
}

void helper_fnstsw(struct Tcg *t, const struct Insn *i) {
    if (i->mem)
        mem_store(t, i, operand(t, i, 2, ACCESS_WRITE), 2, t->env->fsw);
    else
        gpr_write(t->env, REG_AX * 8, 16, t->env->fsw);
}

void helper_fnclex(struct Tcg *t, const struct Insn *i) {
    (void)i;
    t->env->fsw &= (uint16_t)~(FSW_FLAGS | FSW_SF | FSW_ES | FSW_B);
    host_clear_x87();
}

void x87_init(struct Tcg *t) {
    CPUX86State *env = t->env;
    env->fsw = 0;
    env->ftw = 0;
    x87_set_pointers(t, (struct X87Pointers){0});
    tcg_set_fcw(t, FCW_INIT);
}

void helper_fninit(struct Tcg *t, const struct Insn *i) {
    (void)i;
    x87_init(t);
}

/** The two-bit tags that FSTENV stores. */
static uint16_t full_tags(const CPUX86State *env) {
    uint16_t tags = 0;
    for (unsigned r = 0; r < 8; r++) {
        const struct X87Reg *f = &env->fpr[r];
        unsigned exp = f->sign_exp & 0x7fff, tag;
        if (!(env->ftw >> r & 1))
            tag = 3;
        else if (exp == 0 && f->mantissa == 0)
            tag = 1;
        else if (exp == 0 || exp == 0x7fff || !(f->mantissa >> 63))
            tag = 2;
        else
            tag = 0;
        tags |= (uint16_t)(tag << (r * 2));
    }
    return tags;
}

static bool real_format(const struct Tcg *t) { return t->mode & (MODE_REAL | MODE_VM86); }

/** The environment as memory holds it; returns its size, 14 or 28. */
static unsigned make_env(const struct Tcg *t, unsigned osize, uint8_t *out) {
    const CPUX86State *env = t->env;
    uint16_t tags = full_tags(env);
    const struct X87Pointers at = x87_pointers(t);
    uint32_t ip = (uint32_t)at.fip, dp = (uint32_t)at.fdp;
    if (real_format(t)) {
        ip += (uint32_t)at.fcs << 4;
        dp += (uint32_t)at.fds << 4;
    }
    if (osize == 1) {
        uint16_t w[7] = {env->fcw, env->fsw, tags, (uint16_t)ip, at.fcs, (uint16_t)dp, at.fds};
        if (real_format(t)) {
            w[4] = (uint16_t)(at.fop | (ip >> 16 & 15) << 12);
            w[6] = (uint16_t)((dp >> 16 & 15) << 12);
        }
        memcpy(out, w, sizeof(w));
        return sizeof(w);
    }
    uint32_t d[7] = {
        0xffff0000u | env->fcw, 0xffff0000u | env->fsw, 0xffff0000u | tags, ip, at.fcs | (uint32_t)at.fop << 16, dp,
        0xffff0000u | at.fds};
    if (real_format(t)) {
        d[3] = 0xffff0000u | (ip & 0xffff);
        d[4] = at.fop | (ip >> 16) << 12;
        d[5] = 0xffff0000u | (dp & 0xffff);
        d[6] = (dp >> 16) << 12;
    }
    memcpy(out, d, sizeof(d));
    return sizeof(d);
}

static void take_env(struct Tcg *t, unsigned osize, const uint8_t *in) {
    CPUX86State *env = t->env;
    uint32_t v[7];
    for (unsigned k = 0; k < 7; k++)
        v[k] = (uint32_t)host_load(in + k * (osize == 1 ? 2 : 4), osize == 1 ? 2 : 4);
    env->ftw = 0;
    for (unsigned r = 0; r < 8; r++)
        if ((v[2] >> (r * 2) & 3) != 3)
            env->ftw |= (uint8_t)(1u << r);
    struct X87Pointers at = {0};
    if (real_format(t)) {
        at.fip = (v[3] & 0xffff) | (osize == 1 ? (v[4] >> 12) << 16 : (v[4] >> 12 & 0xffff) << 16);
        at.fdp = (v[5] & 0xffff) | (osize == 1 ? (v[6] >> 12) << 16 : (v[6] >> 12 & 0xffff) << 16);
        at.fop = v[4] & 0x7ff;
    } else {
        at.fip = v[3];
        at.fcs = (uint16_t)v[4];
        at.fdp = v[5];
        at.fds = (uint16_t)v[6];
        at.fop = osize == 1 ? 0 : v[4] >> 16 & 0x7ff;
    }
    x87_set_pointers(t, at);
    env->fsw = (uint16_t)v[1];
    tcg_set_fcw(t, (uint16_t)v[0]); /* settles ES too */
}

/** The operand of n bytes, an environment or more: where Intel's processors look first (RULE_SAVE_AREA_ACCESS). */
static struct MemArea area(struct Tcg *t, const struct Insn *i, unsigned n, enum Access access) {
    struct MemArea a = mem_area(t, i, i->osize == 1 ? PARTS_X87_16 : PARTS_X87_32, n, access);
    if (tcg_as_intel(t, RULE_SAVE_AREA_ACCESS)) {
        mem_check_alignment(t, i, a.linear, n);
        mem_area_probe_byte(t, i, &a, 0, access == ACCESS_WRITE);
        mem_area_probe_byte(t, i, &a, n - 1, access == ACCESS_WRITE);
    }
    return a;
}

static void save(struct Tcg *t, const struct Insn *i, const uint8_t *image, unsigned n) {
    struct MemArea a = area(t, i, n, ACCESS_WRITE);
    mem_area_store(t, i, &a, 0, image, n);
}

static void restore(struct Tcg *t, const struct Insn *i, uint8_t *image, unsigned n) {
    struct MemArea a = area(t, i, n, ACCESS_READ);
    mem_area_load(t, i, &a, 0, image, n);
}

void helper_fnstenv(struct Tcg *t, const struct Insn *i) {
    uint8_t image[28];
    save(t, i, image, make_env(t, i->osize, image));
    tcg_set_fcw(t, t->env->fcw | FSW_FLAGS);
}

void helper_fldenv(struct Tcg *t, const struct Insn *i) {
    wait(t, i);
    uint8_t image[28];
    restore(t, i, image, i->osize == 1 ? 14 : 28);
    take_env(t, i->osize, image);
}

void helper_fnsave(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint8_t image[108];
    unsigned n = make_env(t, i->osize, image);
    for (unsigned k = 0; k < 8; k++, n += 10) {
        const struct X87Reg *r = &env->fpr[((env->fsw >> FSW_TOP_SHIFT) + k) & 7];
        host_store(image + n, 8, r->mantissa);
        host_store(image + n + 8, 2, r->sign_exp);
    }
    save(t, i, image, n);
    x87_init(t);
}

void helper_frstor(struct Tcg *t, const struct Insn *i) {
    wait(t, i);
    CPUX86State *env = t->env;
    uint8_t image[108];
    unsigned n = i->osize == 1 ? 14 : 28;
    restore(t, i, image, n + 80);
    take_env(t, i->osize, image);
    for (unsigned k = 0; k < 8; k++, n += 10) {
        struct X87Reg *r = &env->fpr[((env->fsw >> FSW_TOP_SHIFT) + k) & 7];
        r->mantissa = host_load(image + n, 8);
        r->sign_exp = (uint16_t)host_load(image + n + 8, 2);
    }
}

void helper_emms(struct Tcg *t, const struct Insn *i) {
    wait(t, i);
    t->env->fsw &= (uint16_t)~FSW_TOP;
    t->env->ftw = 0;
    t->env->xinuse |= XCR0_X87;
}
