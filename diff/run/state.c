/* SPDX-License-Identifier: MIT */
#include "diff/run/state.h"

#include <string.h>

void diff_state_init(struct DiffState *s) {
    memset(s, 0, sizeof(*s));
    put_le(s->fx + FXSAVE_FCW, 0x37f, 2);
    put_le(s->fx + FXSAVE_MXCSR, 0x1f80, 4);
    put_le(s->fx + FXSAVE_MXCSR_MASK, 0xffff, 4);
    s->xheader[0] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    s->rflags = FLAG_ONE | FLAG_IF;
    s->vector = DIFF_NO_FAULT;
    s->insns = 1;
}

void diff_state_to_env(const struct DiffState *s, CPUX86State *env) {
    const uint8_t *fx = s->fx;
    memcpy(env->gpr, s->gpr, sizeof(env->gpr));
    env->rip = s->rip;
    env->rflags = s->rflags;
    env->seg[SEG_FS].base = s->fs_base;
    env->seg[SEG_GS].base = s->gs_base;
    env->fcw = get_le16(fx + FXSAVE_FCW);
    env->fsw = diff_x87_status(get_le16(fx + FXSAVE_FSW), env->fcw);
    env->ftw = fx[FXSAVE_FTW];
    env->fop = get_le16(fx + FXSAVE_FOP);
    env->fip = get_le64(fx + FXSAVE_FIP);
    env->fdp = get_le64(fx + FXSAVE_FDP);
    env->fcs = env->fds = 0;
    env->mxcsr = get_le32(fx + FXSAVE_MXCSR);
    unsigned top = env->fsw >> 11;
    for (unsigned k = 0; k < 8; k++) {
        struct X87Reg *r = &env->fpr[(top + k) & 7];
        r->mantissa = get_le64(fx + FXSAVE_ST + 16 * k);
        r->sign_exp = get_le16(fx + FXSAVE_ST + 16 * k + 8);
    }
    for (unsigned k = 0; k < 16; k++) {
        memcpy(env->vec[k].b, fx + FXSAVE_XMM + 16 * k, 16);
        memcpy(env->vec[k].b + 16, s->ymmh[k], 16);
    }
}

void diff_state_from_env(struct DiffState *s, const CPUX86State *env) {
    uint8_t *fx = s->fx;
    memcpy(s->gpr, env->gpr, sizeof(env->gpr));
    s->rip = env->rip;
    s->rflags = env->rflags;
    s->fs_base = env->seg[SEG_FS].base;
    s->gs_base = env->seg[SEG_GS].base;
    put_le(fx + FXSAVE_FCW, env->fcw, 2);
    put_le(fx + FXSAVE_FSW, env->fsw, 2);
    put_le(fx + FXSAVE_FTW, env->ftw, 2);
    put_le(fx + FXSAVE_FOP, env->fop, 2);
    put_le(fx + FXSAVE_FIP, env->fip, 8);
    put_le(fx + FXSAVE_FDP, env->fdp, 8);
    put_le(fx + FXSAVE_MXCSR, env->mxcsr, 4);
    unsigned top = env->fsw >> 11;
    for (unsigned k = 0; k < 8; k++) {
        const struct X87Reg *r = &env->fpr[(top + k) & 7];
        put_le(fx + FXSAVE_ST + 16 * k, r->mantissa, 8);
        put_le(fx + FXSAVE_ST + 16 * k + 8, r->sign_exp, 8);
    }
    for (unsigned k = 0; k < 16; k++) {
        memcpy(fx + FXSAVE_XMM + 16 * k, env->vec[k].b, 16);
        memcpy(s->ymmh[k], env->vec[k].b + 16, 16);
    }
}

void diff_own_system_load(const struct DiffOwnSystem *y, CPUX86State *env) {
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if (y->segments >> k & 1)
            env->seg[k] = y->seg[k];
    env->cr0 = y->has_cr0 ? y->cr0 : env->cr0;
    env->cr4 = y->has_cr4 ? y->cr4 : env->cr4;
    env->efer = y->has_efer ? y->efer : env->efer;
    env->xcr0 = y->has_xcr0 ? y->xcr0 : env->xcr0;
}
