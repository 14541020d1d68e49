/* SPDX-License-Identifier: MIT */
/**
 * CPUID models: what `-cpu NAME,+feat,-feat` means, computed once. Engines and the decoder ask features here.
 */
#ifndef TWIN86_CPU_CPUID_H
#define TWIN86_CPU_CPUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Feature words, one for each CPUID register that holds feature bits. */
enum FeatureWord {
    FEAT_1_EDX,
    FEAT_1_ECX,
    FEAT_7_EBX,
    FEAT_7_ECX,
    FEAT_7_EDX,
    FEAT_7_1_EAX,
    FEAT_8000_0001_EDX,
    FEAT_8000_0001_ECX,
    FEAT_8000_0008_EBX,
    FEAT_XSAVE /* 0Dh.1 EAX */,
    FEAT_ARAT /* 6 EAX */,
    FEAT_KVM /* 40000001h EAX: paravirtual interfaces of KVM; only the kvm engine gives them */,
    FEAT_WORDS
};

#define X86_FEATURE(word, bit) ((word)*32 + (bit))

/* clang-format off */
/** Features by name; the value is word * 32 + bit. Names as in /proc/cpuinfo and QEMU where those agree. */
enum X86Feature {
    CPUID_FPU = X86_FEATURE(FEAT_1_EDX, 0), CPUID_VME = X86_FEATURE(FEAT_1_EDX, 1), CPUID_DE = X86_FEATURE(FEAT_1_EDX, 2),
    CPUID_PSE = X86_FEATURE(FEAT_1_EDX, 3), CPUID_TSC = X86_FEATURE(FEAT_1_EDX, 4), CPUID_MSR = X86_FEATURE(FEAT_1_EDX, 5),
    CPUID_PAE = X86_FEATURE(FEAT_1_EDX, 6), CPUID_MCE = X86_FEATURE(FEAT_1_EDX, 7), CPUID_CX8 = X86_FEATURE(FEAT_1_EDX, 8),
    CPUID_APIC = X86_FEATURE(FEAT_1_EDX, 9), CPUID_SEP = X86_FEATURE(FEAT_1_EDX, 11), CPUID_MTRR = X86_FEATURE(FEAT_1_EDX, 12),
    CPUID_PGE = X86_FEATURE(FEAT_1_EDX, 13), CPUID_MCA = X86_FEATURE(FEAT_1_EDX, 14), CPUID_CMOV = X86_FEATURE(FEAT_1_EDX, 15),
    CPUID_PAT = X86_FEATURE(FEAT_1_EDX, 16), CPUID_PSE36 = X86_FEATURE(FEAT_1_EDX, 17), CPUID_CLFSH = X86_FEATURE(FEAT_1_EDX, 19),
    CPUID_MMX = X86_FEATURE(FEAT_1_EDX, 23), CPUID_FXSR = X86_FEATURE(FEAT_1_EDX, 24), CPUID_SSE = X86_FEATURE(FEAT_1_EDX, 25),
    CPUID_SSE2 = X86_FEATURE(FEAT_1_EDX, 26), CPUID_SS = X86_FEATURE(FEAT_1_EDX, 27),

    CPUID_SSE3 = X86_FEATURE(FEAT_1_ECX, 0), CPUID_PCLMULQDQ = X86_FEATURE(FEAT_1_ECX, 1), CPUID_MONITOR = X86_FEATURE(FEAT_1_ECX, 3),
    CPUID_SSSE3 = X86_FEATURE(FEAT_1_ECX, 9), CPUID_FMA = X86_FEATURE(FEAT_1_ECX, 12), CPUID_CX16 = X86_FEATURE(FEAT_1_ECX, 13),
    CPUID_PCID = X86_FEATURE(FEAT_1_ECX, 17), CPUID_SSE41 = X86_FEATURE(FEAT_1_ECX, 19), CPUID_SSE42 = X86_FEATURE(FEAT_1_ECX, 20),
    CPUID_X2APIC = X86_FEATURE(FEAT_1_ECX, 21), CPUID_MOVBE = X86_FEATURE(FEAT_1_ECX, 22), CPUID_POPCNT = X86_FEATURE(FEAT_1_ECX, 23),
    CPUID_TSC_DEADLINE = X86_FEATURE(FEAT_1_ECX, 24), CPUID_AES = X86_FEATURE(FEAT_1_ECX, 25), CPUID_XSAVE = X86_FEATURE(FEAT_1_ECX, 26),
    CPUID_OSXSAVE = X86_FEATURE(FEAT_1_ECX, 27), CPUID_AVX = X86_FEATURE(FEAT_1_ECX, 28), CPUID_F16C = X86_FEATURE(FEAT_1_ECX, 29),
    CPUID_RDRAND = X86_FEATURE(FEAT_1_ECX, 30), CPUID_HYPERVISOR = X86_FEATURE(FEAT_1_ECX, 31),

    CPUID_FSGSBASE = X86_FEATURE(FEAT_7_EBX, 0), CPUID_TSC_ADJUST = X86_FEATURE(FEAT_7_EBX, 1), CPUID_BMI1 = X86_FEATURE(FEAT_7_EBX, 3),
    CPUID_AVX2 = X86_FEATURE(FEAT_7_EBX, 5), CPUID_SMEP = X86_FEATURE(FEAT_7_EBX, 7), CPUID_BMI2 = X86_FEATURE(FEAT_7_EBX, 8),
    CPUID_ERMS = X86_FEATURE(FEAT_7_EBX, 9), CPUID_INVPCID = X86_FEATURE(FEAT_7_EBX, 10), CPUID_RDSEED = X86_FEATURE(FEAT_7_EBX, 18),
    CPUID_ADX = X86_FEATURE(FEAT_7_EBX, 19), CPUID_SMAP = X86_FEATURE(FEAT_7_EBX, 20), CPUID_CLFLUSHOPT = X86_FEATURE(FEAT_7_EBX, 23),
    CPUID_CLWB = X86_FEATURE(FEAT_7_EBX, 24), CPUID_SHA = X86_FEATURE(FEAT_7_EBX, 29),

    CPUID_UMIP = X86_FEATURE(FEAT_7_ECX, 2), CPUID_PKU = X86_FEATURE(FEAT_7_ECX, 3), CPUID_OSPKE = X86_FEATURE(FEAT_7_ECX, 4),
    CPUID_GFNI = X86_FEATURE(FEAT_7_ECX, 8), CPUID_VAES = X86_FEATURE(FEAT_7_ECX, 9), CPUID_VPCLMULQDQ = X86_FEATURE(FEAT_7_ECX, 10),
    CPUID_LA57 = X86_FEATURE(FEAT_7_ECX, 16), CPUID_RDPID = X86_FEATURE(FEAT_7_ECX, 22), CPUID_MOVDIRI = X86_FEATURE(FEAT_7_ECX, 27),
    CPUID_MOVDIR64B = X86_FEATURE(FEAT_7_ECX, 28),

    CPUID_FSRM = X86_FEATURE(FEAT_7_EDX, 4), CPUID_SERIALIZE = X86_FEATURE(FEAT_7_EDX, 14), CPUID_SPEC_CTRL = X86_FEATURE(FEAT_7_EDX, 26),
    CPUID_ARCH_CAPABILITIES = X86_FEATURE(FEAT_7_EDX, 29),

    CPUID_SYSCALL = X86_FEATURE(FEAT_8000_0001_EDX, 11), CPUID_NX = X86_FEATURE(FEAT_8000_0001_EDX, 20),
    CPUID_MMXEXT = X86_FEATURE(FEAT_8000_0001_EDX, 22), CPUID_FXSR_OPT = X86_FEATURE(FEAT_8000_0001_EDX, 25),
    CPUID_PDPE1GB = X86_FEATURE(FEAT_8000_0001_EDX, 26), CPUID_RDTSCP = X86_FEATURE(FEAT_8000_0001_EDX, 27),
    CPUID_LM = X86_FEATURE(FEAT_8000_0001_EDX, 29), CPUID_3DNOWEXT = X86_FEATURE(FEAT_8000_0001_EDX, 30),
    CPUID_3DNOW = X86_FEATURE(FEAT_8000_0001_EDX, 31),

    CPUID_LAHF_LM = X86_FEATURE(FEAT_8000_0001_ECX, 0), CPUID_CR8_LEGACY = X86_FEATURE(FEAT_8000_0001_ECX, 4),
    CPUID_ABM = X86_FEATURE(FEAT_8000_0001_ECX, 5), CPUID_3DNOWPREFETCH = X86_FEATURE(FEAT_8000_0001_ECX, 8),

    CPUID_WBNOINVD = X86_FEATURE(FEAT_8000_0008_EBX, 9),

    CPUID_XSAVEOPT = X86_FEATURE(FEAT_XSAVE, 0), CPUID_XSAVEC = X86_FEATURE(FEAT_XSAVE, 1), CPUID_XGETBV1 = X86_FEATURE(FEAT_XSAVE, 2),
    CPUID_XSAVES = X86_FEATURE(FEAT_XSAVE, 3),

    CPUID_ARAT_BIT = X86_FEATURE(FEAT_ARAT, 2),

    CPUID_KVM_NOPIODELAY = X86_FEATURE(FEAT_KVM, 1), CPUID_KVMCLOCK = X86_FEATURE(FEAT_KVM, 3),
    CPUID_KVM_PV_EOI = X86_FEATURE(FEAT_KVM, 6), CPUID_KVMCLOCK_STABLE = X86_FEATURE(FEAT_KVM, 24),

    CPUID_NONE = 0xffff,
};
/* clang-format on */

enum CpuVendor { VENDOR_AMD, VENDOR_INTEL };

struct CpuModel {
    char name[32];
    enum CpuVendor vendor; /* decides the few corners in which the vendors' architectures differ */
    uint32_t signature;    /* CPUID.1:EAX: family, model, stepping */
    char brand[49];
    uint32_t feature[FEAT_WORDS];
    unsigned phys_bits, virt_bits;
    unsigned pkru_offset; /* where PKRU lies in an XSAVE area of the standard format: processors differ */
};

static inline bool cpu_has(const struct CpuModel *m, enum X86Feature f) { return (m->feature[f / 32] >> (f % 32)) & 1; }

/** Whether the feature's instructions exist: PREFETCH and PREFETCHW come with long mode too (AMD APM vol. 3, PREFETCH),
 *  and 64-bit kernels use them without asking. */
static inline bool cpu_has_insn(const struct CpuModel *m, enum X86Feature f) {
    return cpu_has(m, f) || (f == CPUID_3DNOWPREFETCH && cpu_has(m, CPUID_LM));
}

/**
 * Build a model from "NAME[,+feat|-feat|feat=on|feat=off|vendor=AuthenticAMD|GenuineIntel]...". Features that no engine
 * implements are refused. Returns 0, or -EINVAL with one line in `why`.
 */
int cpu_model_parse(struct CpuModel *m, const char *spec, char *why, size_t n);

/** The static part of CPUID (leaf, subleaf) for this model; the caller adds what depends on CR4, XCR0 and APIC id. */
void cpu_model_cpuid(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/** The bits that XCR0 can have with this model. */
uint64_t cpu_model_xcr0(const struct CpuModel *m);

/** Iterate names for `-cpu help`; NULL ends. */
const char *cpu_model_name(unsigned index);
/** What that model is, in a few words. */
const char *cpu_model_description(unsigned index);
/** Names of the features that engines implement, index 0, 1, ... until NULL. */
const char *cpu_feature_name(unsigned index);
/** True when every engine of this build implements the feature. */
bool cpu_feature_implemented(enum X86Feature f);
/** The feature called `name` (as in /proc/cpuinfo), or CPUID_NONE. */
enum X86Feature cpu_feature_by_name(const char *name);

#endif
