/* SPDX-License-Identifier: MIT */
/* CPU models and CPUID leaves. */
#include "cpu/cpuid.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

static struct CpuModel model(const char *spec) {
    struct CpuModel m;
    char why[300] = "";
    ck_assert_msg(cpu_model_parse(&m, spec, why, sizeof(why)) == 0, "%s: %s", spec, why);
    return m;
}

static void refused(const char *spec, const char *words) {
    struct CpuModel m;
    char why[300] = "";
    ck_assert_int_eq(cpu_model_parse(&m, spec, why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, words) != NULL, "%s: '%s' lacks '%s'", spec, why, words);
    ck_assert_ptr_null(strchr(why, '\n'));
}

START_TEST(models) {
    struct CpuModel v1 = model("x86-64-v1"), p3 = model("pentium3"), max = model("max"), p5 = model("pentium");
    ck_assert(cpu_has(&v1, CPUID_LM) && cpu_has(&v1, CPUID_SSE2) && cpu_has(&v1, CPUID_SYSCALL) &&
              cpu_has(&v1, CPUID_FPU));
    ck_assert(!cpu_has(&v1, CPUID_SMAP) && !cpu_has(&v1, CPUID_SSE3));
    ck_assert(cpu_has(&p3, CPUID_SSE) && !cpu_has(&p3, CPUID_SSE2) && !cpu_has(&p3, CPUID_LM));
    ck_assert(cpu_has(&max, CPUID_SMAP) && cpu_has(&max, CPUID_SMEP) && cpu_has(&max, CPUID_LM));
    ck_assert(!cpu_has(&p5, CPUID_CMOV) && !cpu_has(&p5, CPUID_PAE));
    struct CpuModel intel = model("max,vendor=GenuineIntel"); /* some features are one vendor's */
    for (unsigned i = 0; cpu_feature_name(i) != NULL; i++) {
        enum X86Feature f = cpu_feature_by_name(cpu_feature_name(i));
        ck_assert_msg(cpu_has(&max, f) || cpu_has(&intel, f), "%s", cpu_feature_name(i));
    }
}
END_TEST

/* Of each of Intel's models something that it has, something that came with the next, and its signature. */
START_TEST(intel_models) {
    static const struct {
        const char *name;
        uint32_t signature;
        enum X86Feature has, lacks;
    } row[] = {{"Westmere", 0x206c1, CPUID_AES, CPUID_AVX},
               {"Haswell", 0x306c1, CPUID_INVPCID, CPUID_ADX},
               {"Skylake-Client", 0x506e3, CPUID_XSAVEC, CPUID_SHA}};
    for (unsigned k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
        struct CpuModel m = model(row[k].name);
        uint32_t r[4];
        ck_assert_int_eq(m.vendor, VENDOR_INTEL);
        ck_assert(cpu_has(&m, row[k].has) && !cpu_has(&m, row[k].lacks) && cpu_has(&m, CPUID_LM));
        ck_assert(!cpu_has(&m, CPUID_MMXEXT) && !cpu_has(&m, CPUID_CR8_LEGACY) && !cpu_has(&m, CPUID_VMX));
        cpu_model_cpuid(&m, 1, 0, r);
        ck_assert_uint_eq(r[0], row[k].signature);
    }
}
END_TEST

START_TEST(items) {
    struct CpuModel m = model("x86-64-v1,+smap,smep=on,-apic,vendor=GenuineIntel");
    ck_assert(cpu_has(&m, CPUID_SMAP) && cpu_has(&m, CPUID_SMEP) && !cpu_has(&m, CPUID_APIC));
    ck_assert_msg(!cpu_has(&m, CPUID_X2APIC) && !cpu_has(&m, CPUID_TSC_DEADLINE), "what builds on apic goes with it");
    ck_assert_int_eq(m.vendor, VENDOR_INTEL);
    m = model("max,lm=off");
    ck_assert(!cpu_has(&m, CPUID_LM) && !cpu_has(&m, CPUID_PCID) && !cpu_has(&m, CPUID_LAHF_LM));
    m = model("x86-64-v1,+smap,-smap");
    ck_assert(!cpu_has(&m, CPUID_SMAP));
}
END_TEST

START_TEST(refusals) {
    refused("foo", "known are x86-64-v1");
    refused("max,+la57", "la57");
    refused("Haswell,+vmx", "needs vmx, which no engine implements yet");
    refused("x86-64-v1,+avx512f", "unknown CPU feature 'avx512f'");
    refused("x86-64-v1,+avx2", "needs");
    refused("x86-64-v1,smap", "not understood");
    refused("x86-64-v1,smap=maybe", "smap=maybe");
    refused("x86-64-v1,vendor=Cyrix", "AuthenticAMD");
    refused("x86-64-v1,-apic,+x2apic", "needs 'apic'");
    refused("", "unknown CPU model ''");
    char big[1000];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    refused(big, "longer than");
}
END_TEST

START_TEST(names) {
    ck_assert_int_eq(cpu_feature_by_name("sse2"), CPUID_SSE2);
    ck_assert_int_eq(cpu_feature_by_name("sse3"), CPUID_SSE3);
    ck_assert_int_eq(cpu_feature_by_name("sse4.2"), CPUID_SSE42);
    ck_assert_int_eq(cpu_feature_by_name("nope"), CPUID_NONE);
    ck_assert(cpu_feature_implemented(CPUID_SSE2));
    ck_assert(!cpu_feature_implemented(CPUID_LA57));
    ck_assert(!cpu_feature_implemented(CPUID_OSXSAVE));
}
END_TEST

START_TEST(leaves) {
    struct CpuModel m = model("x86-64-v1");
    uint32_t r[4];
    cpu_model_cpuid(&m, 0, 0, r);
    ck_assert_uint_ge(r[0], 7);
    ck_assert(memcmp(&r[1], "Auth", 4) == 0 && memcmp(&r[3], "enti", 4) == 0 && memcmp(&r[2], "cAMD", 4) == 0);
    cpu_model_cpuid(&m, 1, 0, r);
    ck_assert_uint_eq(r[0], m.signature);
    ck_assert_uint_eq(r[3], m.feature[FEAT_1_EDX]);
    ck_assert_uint_eq(r[2] >> 31, 1);
    ck_assert_uint_eq(r[1], 1 << 16 | 8 << 8);
    cpu_model_cpuid(&m, 0x80000001, 0, r);
    ck_assert_uint_eq(r[3] >> 29 & 1, 1);
    ck_assert_uint_eq(r[3] & 1, 1); /* AMD repeats fpu here */
    cpu_model_cpuid(&m, 0x80000008, 0, r);
    ck_assert_uint_eq(r[0], 48 << 8 | 40);
    cpu_model_cpuid(&m, 0x40000000, 0, r);
    ck_assert_uint_eq(r[0], 0x40000001);
    ck_assert(memcmp(&r[1], "KVMKVMKVM\0\0\0", 12) == 0);
    cpu_model_cpuid(&m, 0x40000001, 0, r);
    ck_assert_uint_eq(r[0], 1u << 1 | 1u << 3 | 1u << 6 | 1u << 24);
    m.feature[FEAT_KVM] = 0; /* as an engine that has none of them leaves it */
    cpu_model_cpuid(&m, 0x40000000, 0, r);
    ck_assert_uint_eq(r[0], 0x40000000);
    ck_assert(memcmp(&r[1], "twin86twin86", 12) == 0);
    cpu_model_cpuid(&m, 0x40000001, 0, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
    cpu_model_cpuid(&m, 0x80000009, 0, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
    cpu_model_cpuid(&m, 0x12345, 0, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
    m = model("x86-64-v1,-hypervisor");
    cpu_model_cpuid(&m, 0x40000000, 0, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
}
END_TEST

START_TEST(xsave_leaf) {
    struct CpuModel m = model("max");
    uint32_t r[4], avx = 1u << (CPUID_AVX % 32);
    m.feature[FEAT_1_ECX] &= ~avx;
    cpu_model_cpuid(&m, 0xd, 0, r);
    ck_assert_uint_eq(r[0], 3 | 1 << 9);
    ck_assert_uint_eq(r[1], 576);
    ck_assert_uint_eq(r[2], 2688 + 8);
    cpu_model_cpuid(&m, 0xd, 2, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
    cpu_model_cpuid(&m, 0xd, 9, r);
    ck_assert_uint_eq(r[0], 8);
    ck_assert_uint_eq(r[1], 2688);
    ck_assert_uint_eq(r[2], 0);
    m.pkru_offset = 2432;
    cpu_model_cpuid(&m, 0xd, 9, r);
    ck_assert_uint_eq(r[1], 2432);
    cpu_model_cpuid(&m, 0xd, 0, r);
    ck_assert_uint_eq(r[2], 2432 + 8);
    m.feature[FEAT_1_ECX] |= avx;
    cpu_model_cpuid(&m, 0xd, 0, r);
    ck_assert_uint_eq(r[0], 7 | 1 << 9);
    cpu_model_cpuid(&m, 0xd, 2, r);
    ck_assert_uint_eq(r[0], 256);
    ck_assert_uint_eq(r[1], 576);
    cpu_model_cpuid(&m, 0xd, 1, r);
    ck_assert_uint_eq(r[0], 15);
    m.feature[FEAT_7_ECX] &= ~(1u << (CPUID_PKU % 32));
    cpu_model_cpuid(&m, 0xd, 0, r);
    ck_assert_uint_eq(r[0], 7);
    ck_assert_uint_eq(r[2], 832);
    m = model("x86-64-v1");
    ck_assert_uint_eq(cpu_model_xcr0(&m), 0);
    cpu_model_cpuid(&m, 0xd, 0, r);
    ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
}
END_TEST

START_TEST(intel_corners) {
    struct CpuModel m = model("x86-64-v1,vendor=GenuineIntel");
    uint32_t r[4], last[4];
    cpu_model_cpuid(&m, 0x80000001, 0, r);
    ck_assert_uint_eq(r[3] & 1, 0);
    cpu_model_cpuid(&m, 4, 3, r);
    ck_assert_uint_eq(r[0] & 0x1f, 0);
    cpu_model_cpuid(&m, 4, 0, r);
    ck_assert_uint_eq(r[0], 1 | 1 << 5 | 1 << 8);
    cpu_model_cpuid(&m, 0, 0, r);
    cpu_model_cpuid(&m, r[0], 0, last);
    cpu_model_cpuid(&m, 0x7777, 0, r);
    ck_assert_mem_eq(r, last, sizeof(r));
}
END_TEST

Suite *cpuid_suite(void) {
    Suite *s = suite_create("cpuid");
    TCase *t = tcase_create("cpuid");
    tcase_add_test(t, models);
    tcase_add_test(t, intel_models);
    tcase_add_test(t, items);
    tcase_add_test(t, refusals);
    tcase_add_test(t, names);
    tcase_add_test(t, leaves);
    tcase_add_test(t, xsave_leaf);
    tcase_add_test(t, intel_corners);
    suite_add_tcase(s, t);
    return s;
}
