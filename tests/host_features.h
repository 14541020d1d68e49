/* SPDX-License-Identifier: MIT */
/** What the host CPU's CPUID says, in the terms of CPU models: tests leave out what can't be compared here. */
#ifndef TWIN86_TESTS_HOST_FEATURES_H
#define TWIN86_TESTS_HOST_FEATURES_H

#include "cpu/cpuid.h"

#include <cpuid.h>
#include <string.h>

/** Fill in m->feature; nothing else of *m is of use. */
static inline void host_model(struct CpuModel *m) {
    enum { A, B, C, D };
    static const struct {
        uint8_t word, reg;
        unsigned leaf, subleaf;
    } where[] = {
        {FEAT_1_EDX, D, 1, 0},
        {FEAT_1_ECX, C, 1, 0},
        {FEAT_7_EBX, B, 7, 0},
        {FEAT_7_ECX, C, 7, 0},
        {FEAT_7_EDX, D, 7, 0},
        {FEAT_7_1_EAX, A, 7, 1},
        {FEAT_8000_0001_EDX, D, 0x80000001, 0},
        {FEAT_8000_0001_ECX, C, 0x80000001, 0},
        {FEAT_8000_0008_EBX, B, 0x80000008, 0},
        {FEAT_XSAVE, A, 0xd, 1},
        {FEAT_ARAT, A, 6, 0},
    };
    memset(m, 0, sizeof *m);
    for (unsigned k = 0; k < sizeof where / sizeof where[0]; k++) {
        unsigned r[4] = {0};
        if (__get_cpuid_count(where[k].leaf, where[k].subleaf, &r[A], &r[B], &r[C], &r[D]))
            m->feature[where[k].word] = r[where[k].reg];
    }
}

/** The model of everything that does as this host's processor where vendors differ. */
static inline const char *host_model_name(void) {
    return __builtin_cpu_is("intel") ? "max,vendor=GenuineIntel" : "max,vendor=AuthenticAMD";
}

static inline bool host_model_has(const struct CpuModel *m, unsigned feature) {
    return feature == CPUID_NONE || cpu_has(m, (enum X86Feature)feature);
}

#endif
