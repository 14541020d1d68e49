/* SPDX-License-Identifier: MIT */
/** Conditions of Jcc, SETcc, CMOVcc as kernels; the kernel `cond` of a row with `+c` becomes one of these. */
#ifndef TWIN86_TCG_KERNELS_COND_H
#define TWIN86_TCG_KERNELS_COND_H

#include "accel/tcg-lite/exec/cc.h"

typedef bool (*CondFn)(const struct Cc *cc);

ALWAYS_INLINE bool kernel_cond_o(const struct Cc *cc) { return cc_cond(cc, 0); }
ALWAYS_INLINE bool kernel_cond_no(const struct Cc *cc) { return cc_cond(cc, 1); }
ALWAYS_INLINE bool kernel_cond_b(const struct Cc *cc) { return cc_cond(cc, 2); }
ALWAYS_INLINE bool kernel_cond_ae(const struct Cc *cc) { return cc_cond(cc, 3); }
ALWAYS_INLINE bool kernel_cond_e(const struct Cc *cc) { return cc_cond(cc, 4); }
ALWAYS_INLINE bool kernel_cond_ne(const struct Cc *cc) { return cc_cond(cc, 5); }
ALWAYS_INLINE bool kernel_cond_be(const struct Cc *cc) { return cc_cond(cc, 6); }
ALWAYS_INLINE bool kernel_cond_a(const struct Cc *cc) { return cc_cond(cc, 7); }
ALWAYS_INLINE bool kernel_cond_s(const struct Cc *cc) { return cc_cond(cc, 8); }
ALWAYS_INLINE bool kernel_cond_ns(const struct Cc *cc) { return cc_cond(cc, 9); }
ALWAYS_INLINE bool kernel_cond_p(const struct Cc *cc) { return cc_cond(cc, 10); }
ALWAYS_INLINE bool kernel_cond_np(const struct Cc *cc) { return cc_cond(cc, 11); }
ALWAYS_INLINE bool kernel_cond_l(const struct Cc *cc) { return cc_cond(cc, 12); }
ALWAYS_INLINE bool kernel_cond_ge(const struct Cc *cc) { return cc_cond(cc, 13); }
ALWAYS_INLINE bool kernel_cond_le(const struct Cc *cc) { return cc_cond(cc, 14); }
ALWAYS_INLINE bool kernel_cond_g(const struct Cc *cc) { return cc_cond(cc, 15); }

#endif
