/* SPDX-License-Identifier: MIT */
/* What the host's processor has: models are cut down to it before they are compared with it. */
#include "diff/diff.h"

#include <cpuid.h>

bool diff_host_is_qemu(void) {
    unsigned a, b = 0, c = 0, d = 0;
    __cpuid(0x40000000, a, b, c, d);
    return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
}

void diff_host_model(struct CpuModel *m) {
    static const struct {
        uint32_t leaf, subleaf;
        unsigned reg; /* EAX EBX ECX EDX */
    } words[FEAT_WORDS] = {
        [FEAT_1_EDX] = {1, 0, 3},
        [FEAT_1_ECX] = {1, 0, 2},
        [FEAT_7_EBX] = {7, 0, 1},
        [FEAT_7_ECX] = {7, 0, 2},
        [FEAT_7_EDX] = {7, 0, 3},
        [FEAT_7_1_EAX] = {7, 1, 0},
        [FEAT_8000_0001_EDX] = {0x80000001, 0, 3},
        [FEAT_8000_0001_ECX] = {0x80000001, 0, 2},
        [FEAT_8000_0008_EBX] = {0x80000008, 0, 1},
        [FEAT_XSAVE] = {0xd, 1, 0},
        [FEAT_ARAT] = {6, 0, 0},
    };
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        unsigned r[4] = {0, 0, 0, 0};
        __get_cpuid_count(words[w].leaf, words[w].subleaf, &r[0], &r[1], &r[2], &r[3]);
        m->feature[w] &= r[words[w].reg];
    }
}
