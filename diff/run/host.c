/* SPDX-License-Identifier: MIT */
/* What the host's processor has: models are cut down to it before they are compared with it. */
#include "diff/diff.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE (1 << 1)
#endif

#ifndef signature_HYGON_ebx
#define signature_HYGON_ebx 0x6f677948 /* "Hygo" of HygonGenuine: AMD's Zen */
#endif

bool diff_host_is_qemu(void) {
    unsigned a, b = 0, c = 0, d = 0;
    __cpuid(0x40000000, a, b, c, d);
    return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
}

bool diff_host_is_paravirtual(void) {
    unsigned a, b = 0, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1) && !(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE);
}

enum CpuVendor diff_host_vendor(void) {
    unsigned a, b = 0, c = 0, d = 0;
    __cpuid(0, a, b, c, d);
    return b == signature_AMD_ebx || b == signature_HYGON_ebx ? VENDOR_AMD : VENDOR_INTEL;
}

char *diff_model_spec(const char *spec) {
    const char *vendor = diff_host_vendor() == VENDOR_AMD ? ",vendor=AuthenticAMD" : ",vendor=GenuineIntel";
    if (spec == NULL)
        spec = "max";
    size_t n = strlen(spec) + strlen(vendor) + 1;
    char *text = malloc(n);
    if (text != NULL)
        snprintf(text, n, "%s%s", spec, strstr(spec, ",vendor=") == NULL ? vendor : "");
    return text;
}

int diff_model_parse(struct CpuModel *m, const char *spec, char *why, size_t n) {
    char *text = diff_model_spec(spec);
    if (text == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    int r = cpu_model_parse(m, text, why, n);
    free(text);
    return r;
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
