/* SPDX-License-Identifier: MIT */
#include "diff/fields.h"

#include <string.h>

const struct DiffField diff_fields[DIFF_FIELDS] = {
    {"rax", DIFF_AT_GPR + 0, 8},
    {"rcx", DIFF_AT_GPR + 8, 8},
    {"rdx", DIFF_AT_GPR + 16, 8},
    {"rbx", DIFF_AT_GPR + 24, 8},
    {"rsp", DIFF_AT_GPR + 32, 8},
    {"rbp", DIFF_AT_GPR + 40, 8},
    {"rsi", DIFF_AT_GPR + 48, 8},
    {"rdi", DIFF_AT_GPR + 56, 8},
    {"r8", DIFF_AT_GPR + 64, 8},
    {"r9", DIFF_AT_GPR + 72, 8},
    {"r10", DIFF_AT_GPR + 80, 8},
    {"r11", DIFF_AT_GPR + 88, 8},
    {"r12", DIFF_AT_GPR + 96, 8},
    {"r13", DIFF_AT_GPR + 104, 8},
    {"r14", DIFF_AT_GPR + 112, 8},
    {"r15", DIFF_AT_GPR + 120, 8},
    {"rip", DIFF_AT_RIP, 8},
    {"rflags", DIFF_AT_RFLAGS, 8},
    {"fs_base", DIFF_AT_FS_BASE, 8},
    {"gs_base", DIFF_AT_GS_BASE, 8},
    {"fcw", FXSAVE_FCW, 2},
    {"fsw", FXSAVE_FSW, 2},
    {"ftw", FXSAVE_FTW, 1},
    {"fop", FXSAVE_FOP, 2},
    {"fip", FXSAVE_FIP, 8},
    {"fdp", FXSAVE_FDP, 8},
    {"mxcsr", FXSAVE_MXCSR, 4},
    {"st0", FXSAVE_ST + 0, 10},
    {"st1", FXSAVE_ST + 16, 10},
    {"st2", FXSAVE_ST + 32, 10},
    {"st3", FXSAVE_ST + 48, 10},
    {"st4", FXSAVE_ST + 64, 10},
    {"st5", FXSAVE_ST + 80, 10},
    {"st6", FXSAVE_ST + 96, 10},
    {"st7", FXSAVE_ST + 112, 10},
    {"xmm0", FXSAVE_XMM + 0, 16},
    {"xmm1", FXSAVE_XMM + 16, 16},
    {"xmm2", FXSAVE_XMM + 32, 16},
    {"xmm3", FXSAVE_XMM + 48, 16},
    {"xmm4", FXSAVE_XMM + 64, 16},
    {"xmm5", FXSAVE_XMM + 80, 16},
    {"xmm6", FXSAVE_XMM + 96, 16},
    {"xmm7", FXSAVE_XMM + 112, 16},
    {"xmm8", FXSAVE_XMM + 128, 16},
    {"xmm9", FXSAVE_XMM + 144, 16},
    {"xmm10", FXSAVE_XMM + 160, 16},
    {"xmm11", FXSAVE_XMM + 176, 16},
    {"xmm12", FXSAVE_XMM + 192, 16},
    {"xmm13", FXSAVE_XMM + 208, 16},
    {"xmm14", FXSAVE_XMM + 224, 16},
    {"xmm15", FXSAVE_XMM + 240, 16},
    {"ymmh0", XSAVE_AVX_OFFSET + 0, 16},
    {"ymmh1", XSAVE_AVX_OFFSET + 16, 16},
    {"ymmh2", XSAVE_AVX_OFFSET + 32, 16},
    {"ymmh3", XSAVE_AVX_OFFSET + 48, 16},
    {"ymmh4", XSAVE_AVX_OFFSET + 64, 16},
    {"ymmh5", XSAVE_AVX_OFFSET + 80, 16},
    {"ymmh6", XSAVE_AVX_OFFSET + 96, 16},
    {"ymmh7", XSAVE_AVX_OFFSET + 112, 16},
    {"ymmh8", XSAVE_AVX_OFFSET + 128, 16},
    {"ymmh9", XSAVE_AVX_OFFSET + 144, 16},
    {"ymmh10", XSAVE_AVX_OFFSET + 160, 16},
    {"ymmh11", XSAVE_AVX_OFFSET + 176, 16},
    {"ymmh12", XSAVE_AVX_OFFSET + 192, 16},
    {"ymmh13", XSAVE_AVX_OFFSET + 208, 16},
    {"ymmh14", XSAVE_AVX_OFFSET + 224, 16},
    {"ymmh15", XSAVE_AVX_OFFSET + 240, 16},
};

int diff_field_find(const char *name, size_t n) {
    for (unsigned k = 0; k < DIFF_FIELDS; k++)
        if (diff_fields[k].name[0] == name[0] && !strncmp(diff_fields[k].name, name, n) &&
            diff_fields[k].name[n < sizeof(diff_fields[k].name) ? n : 0] == '\0')
            return (int)k;
    return -1;
}

bool diff_state_equal(const struct DiffState *a, const struct DiffState *b) {
    enum { END = offsetof(struct DiffState, insns), LANES = FXSAVE_WRITTEN - FXSAVE_XMM };
    if (memcmp(a->gpr, b->gpr, END - DIFF_AT_GPR) || memcmp(a->fx + FXSAVE_XMM, b->fx + FXSAVE_XMM, LANES) ||
        memcmp(a->ymmh, b->ymmh, sizeof(a->ymmh)) || memcmp(a->fx, b->fx, FXSAVE_FTW + 1) ||
        memcmp(a->fx + FXSAVE_FOP, b->fx + FXSAVE_FOP, FXSAVE_MXCSR_MASK - FXSAVE_FOP))
        return false;
    for (unsigned k = 0; k < 8; k++)
        if (memcmp(a->fx + FXSAVE_ST + 16 * k, b->fx + FXSAVE_ST + 16 * k, 10))
            return false;
    return true;
}

void diff_field_print(const struct DiffField *f, const struct DiffState *s, char *out) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = diff_field_at(s, f);
    unsigned n = f->size;
    while (n > 1 && p[n - 1] == 0)
        n--;
    *out++ = '0';
    *out++ = 'x';
    if (p[n - 1] >> 4)
        *out++ = digits[p[n - 1] >> 4];
    *out++ = digits[p[n - 1] & 15];
    while (--n > 0) {
        *out++ = digits[p[n - 1] >> 4];
        *out++ = digits[p[n - 1] & 15];
    }
    *out = '\0';
}
