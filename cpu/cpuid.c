/* SPDX-License-Identifier: MIT */
/* CPU models and the CPUID leaves they give (SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). See cpuid.h. */
#include "cpu/cpuid.h"
#include "cpu/cpuid_topology.h"
#include "cpu/xsave.h"
#include "isa/vendor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- features ---- */

/* Every feature by name, and whether the engines implement it. A model that needs a feature marked `no` is refused. */
static const struct FeatureRow {
    char name[20];
    uint16_t feature;
    bool implemented;
} features[] = {
    {"fpu", CPUID_FPU, true},
    {"vme", CPUID_VME, true},
    {"de", CPUID_DE, true},
    {"pse", CPUID_PSE, true},
    {"tsc", CPUID_TSC, true},
    {"msr", CPUID_MSR, true},
    {"pae", CPUID_PAE, true},
    {"mce", CPUID_MCE, true},
    {"cx8", CPUID_CX8, true},
    {"apic", CPUID_APIC, true},
    {"sep", CPUID_SEP, true},
    {"mtrr", CPUID_MTRR, true},
    {"pge", CPUID_PGE, true},
    {"mca", CPUID_MCA, true},
    {"cmov", CPUID_CMOV, true},
    {"pat", CPUID_PAT, true},
    {"pse36", CPUID_PSE36, true},
    {"clflush", CPUID_CLFSH, true},
    {"mmx", CPUID_MMX, true},
    {"fxsr", CPUID_FXSR, true},
    {"sse", CPUID_SSE, true},
    {"sse2", CPUID_SSE2, true},
    {"ss", CPUID_SS, false},
    {"pni", CPUID_SSE3, true}, /* /proc/cpuinfo's name; "sse3" is understood too */
    {"pclmulqdq", CPUID_PCLMULQDQ, true},
    {"monitor", CPUID_MONITOR, true},
    {"vmx", CPUID_VMX, false},
    {"ssse3", CPUID_SSSE3, true},
    {"fma", CPUID_FMA, true},
    {"cx16", CPUID_CX16, true},
    {"pcid", CPUID_PCID, true},
    {"sse4_1", CPUID_SSE41, true},
    {"sse4_2", CPUID_SSE42, true},
    {"x2apic", CPUID_X2APIC, true},
    {"movbe", CPUID_MOVBE, true},
    {"popcnt", CPUID_POPCNT, true},
    {"tsc_deadline", CPUID_TSC_DEADLINE, true},
    {"aes", CPUID_AES, true},
    {"xsave", CPUID_XSAVE, true},
    {"avx", CPUID_AVX, true},
    {"f16c", CPUID_F16C, true},
    {"rdrand", CPUID_RDRAND, true},
    {"hypervisor", CPUID_HYPERVISOR, true},
    {"fsgsbase", CPUID_FSGSBASE, true},
    {"tsc_adjust", CPUID_TSC_ADJUST, true},
    {"bmi1", CPUID_BMI1, true},
    {"avx2", CPUID_AVX2, true},
    {"fdp_excptn_only", CPUID_FDP_EXCPTN_ONLY, true}, /* QEMU's names for these two */
    {"zero_fcs_fds", CPUID_ZERO_FCS_FDS, true},
    {"smep", CPUID_SMEP, true},
    {"bmi2", CPUID_BMI2, true},
    {"erms", CPUID_ERMS, true},
    {"invpcid", CPUID_INVPCID, true},
    {"rdseed", CPUID_RDSEED, true},
    {"adx", CPUID_ADX, true},
    {"smap", CPUID_SMAP, true},
    {"clflushopt", CPUID_CLFLUSHOPT, true},
    {"clwb", CPUID_CLWB, true},
    {"sha_ni", CPUID_SHA, true},
    {"umip", CPUID_UMIP, true},
    {"pku", CPUID_PKU, true},
    {"gfni", CPUID_GFNI, true},
    {"vaes", CPUID_VAES, true},
    {"vpclmulqdq", CPUID_VPCLMULQDQ, true},
    {"la57", CPUID_LA57, false},
    {"rdpid", CPUID_RDPID, true},
    {"movdiri", CPUID_MOVDIRI, true},
    {"movdir64b", CPUID_MOVDIR64B, true},
    {"fsrm", CPUID_FSRM, true},
    {"serialize", CPUID_SERIALIZE, true},
    {"spec_ctrl", CPUID_SPEC_CTRL, false},
    {"arch_capabilities", CPUID_ARCH_CAPABILITIES, false},
    {"syscall", CPUID_SYSCALL, true},
    {"nx", CPUID_NX, true},
    {"mmxext", CPUID_MMXEXT, true},
    {"fxsr_opt", CPUID_FXSR_OPT, true},
    {"pdpe1gb", CPUID_PDPE1GB, true},
    {"rdtscp", CPUID_RDTSCP, true},
    {"lm", CPUID_LM, true},
    {"3dnowext", CPUID_3DNOWEXT, false},
    {"3dnow", CPUID_3DNOW, false},
    {"lahf_lm", CPUID_LAHF_LM, true},
    {"cr8_legacy", CPUID_CR8_LEGACY, true},
    {"abm", CPUID_ABM, true},
    {"misalignsse", CPUID_MISALIGNSSE, true},
    {"topoext", CPUID_TOPOEXT, true},
    {"3dnowprefetch", CPUID_3DNOWPREFETCH, true},
    {"wbnoinvd", CPUID_WBNOINVD, true},
    {"xsaveopt", CPUID_XSAVEOPT, true},
    {"xsavec", CPUID_XSAVEC, true},
    {"xgetbv1", CPUID_XGETBV1, true},
    {"xsaves", CPUID_XSAVES, true},
    {"arat", CPUID_ARAT_BIT, true},
    {"kvmclock", CPUID_KVMCLOCK, true},
    {"kvmclock_stable", CPUID_KVMCLOCK_STABLE, true},
    {"kvm_nopiodelay", CPUID_KVM_NOPIODELAY, true},
    {"kvm_steal_time", CPUID_KVM_STEAL_TIME, true},
    {"kvm_pv_eoi", CPUID_KVM_PV_EOI, true},
    {"kvm_pv_unhalt", CPUID_KVM_PV_UNHALT, true},
    {"kvm_pv_ipi", CPUID_KVM_PV_IPI, true},
    {"kvm_pv_sched_yield", CPUID_KVM_PV_SCHED_YIELD, true},
};

enum { FEATURE_COUNT = sizeof(features) / sizeof(features[0]) };

static const struct {
    char alias[20], name[20];
} aliases[] = {
    {"sse3", "pni"},
    {"sse4.1", "sse4_1"},
    {"sse4.2", "sse4_2"},
    {"sse4-1", "sse4_1"},
    {"sse4-2", "sse4_2"},
    {"lahf-lm", "lahf_lm"},
    {"lzcnt", "abm"},
    {"clfsh", "clflush"},
    {"sha-ni", "sha_ni"},
    {"tsc-deadline", "tsc_deadline"},
    {"fdp-excptn-only", "fdp_excptn_only"},
    {"zero-fcs-fds", "zero_fcs_fds"},
    {"tsc-adjust", "tsc_adjust"},
    {"mmx-ext", "mmxext"},
    {"spec-ctrl", "spec_ctrl"},
    {"kvmclock-stable-bit", "kvmclock_stable"},
    {"kvm-nopiodelay", "kvm_nopiodelay"},
    {"kvm-pv-eoi", "kvm_pv_eoi"},
    {"kvm-steal-time", "kvm_steal_time"},
    {"kvm-pv-unhalt", "kvm_pv_unhalt"},
    {"kvm-pv-ipi", "kvm_pv_ipi"},
    {"kvm-pv-sched-yield", "kvm_pv_sched_yield"},
};

/* A feature without what it builds on is senseless: it goes when its base is taken away, and can't be added alone. */
static const struct {
    uint16_t feature, needs;
} dependencies[] = {
    {CPUID_SSE, CPUID_FXSR},
    {CPUID_SSE2, CPUID_SSE},
    {CPUID_MISALIGNSSE, CPUID_SSE},
    {CPUID_SSE3, CPUID_SSE2},
    {CPUID_SSSE3, CPUID_SSE3},
    {CPUID_SSE41, CPUID_SSSE3},
    {CPUID_SSE42, CPUID_SSE41},
    {CPUID_AES, CPUID_SSE2},
    {CPUID_PCLMULQDQ, CPUID_SSE2},
    {CPUID_SHA, CPUID_SSE2},
    {CPUID_MMX, CPUID_FPU},
    {CPUID_MMXEXT, CPUID_MMX},
    {CPUID_FXSR, CPUID_FPU},
    {CPUID_XSAVE, CPUID_FXSR},
    {CPUID_XSAVEOPT, CPUID_XSAVE},
    {CPUID_XSAVEC, CPUID_XSAVE},
    {CPUID_XGETBV1, CPUID_XSAVE},
    {CPUID_XSAVES, CPUID_XSAVEC},
    {CPUID_AVX, CPUID_XSAVE},
    {CPUID_AVX, CPUID_SSE42},
    {CPUID_AVX2, CPUID_AVX},
    {CPUID_FMA, CPUID_AVX},
    {CPUID_F16C, CPUID_AVX},
    {CPUID_VAES, CPUID_AVX},
    {CPUID_VPCLMULQDQ, CPUID_AVX},
    {CPUID_PKU, CPUID_XSAVE},
    {CPUID_X2APIC, CPUID_APIC},
    {CPUID_TSC_DEADLINE, CPUID_APIC},
    {CPUID_ARAT_BIT, CPUID_APIC},
    {CPUID_TSC_DEADLINE, CPUID_TSC},
    {CPUID_TSC_ADJUST, CPUID_TSC},
    {CPUID_RDTSCP, CPUID_TSC},
    {CPUID_PGE, CPUID_PSE},
    {CPUID_NX, CPUID_PAE},
    {CPUID_LM, CPUID_PAE},
    {CPUID_LM, CPUID_PSE},
    {CPUID_LM, CPUID_MSR},
    {CPUID_LM, CPUID_SYSCALL},
    {CPUID_LM, CPUID_FXSR},
    {CPUID_LAHF_LM, CPUID_LM},
    {CPUID_TOPOEXT, CPUID_LM},
    {CPUID_PDPE1GB, CPUID_LM},
    {CPUID_PCID, CPUID_LM},
    {CPUID_FSGSBASE, CPUID_LM},
    {CPUID_LA57, CPUID_LM},
    {CPUID_CX16, CPUID_LM},
    {CPUID_CX16, CPUID_CX8},
    {CPUID_MCA, CPUID_MCE},
    {CPUID_MTRR, CPUID_MSR},
    {CPUID_APIC, CPUID_MSR},
    {CPUID_KVMCLOCK, CPUID_TSC},
    {CPUID_KVMCLOCK, CPUID_HYPERVISOR},
    {CPUID_KVMCLOCK_STABLE, CPUID_KVMCLOCK},
    {CPUID_KVM_PV_EOI, CPUID_APIC},
    {CPUID_KVM_PV_EOI, CPUID_HYPERVISOR},
    {CPUID_KVM_NOPIODELAY, CPUID_HYPERVISOR},
    {CPUID_KVM_STEAL_TIME, CPUID_HYPERVISOR},
    {CPUID_KVM_PV_UNHALT, CPUID_HYPERVISOR},
    {CPUID_KVM_PV_IPI, CPUID_APIC},
    {CPUID_KVM_PV_IPI, CPUID_HYPERVISOR},
    {CPUID_KVM_PV_SCHED_YIELD, CPUID_HYPERVISOR},
};

static void set_feature(uint32_t *words, unsigned f, bool on) {
    if (on)
        words[f / 32] |= 1u << (f % 32);
    else
        words[f / 32] &= ~(1u << (f % 32));
}

/* Append `name` to a comma-separated list; what does not fit is left out. */
static void list_add(char *list, size_t n, const char *name) {
    size_t used = strlen(list), len = strlen(name);
    if (used + len + 3 > n)
        return;
    if (used > 0) {
        memcpy(list + used, ", ", 2);
        used += 2;
    }
    memcpy(list + used, name, len + 1);
}

static const struct FeatureRow *feature_row(unsigned f) {
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        if (features[i].feature == f)
            return &features[i];
    return NULL;
}

bool cpu_feature_implemented(enum X86Feature f) {
    const struct FeatureRow *row = feature_row(f);
    return row != NULL && row->implemented;
}

enum X86Feature cpu_feature_by_name(const char *name) {
    for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(name, aliases[i].alias) == 0)
            name = aliases[i].name;
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        if (strcmp(name, features[i].name) == 0)
            return features[i].feature;
    return CPUID_NONE;
}

const char *cpu_feature_name(unsigned index) {
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        if (features[i].implemented && index-- == 0)
            return features[i].name;
    return NULL;
}

/* ---- models ---- */

#define END CPUID_NONE

static const uint16_t pentium_features[] = {CPUID_FPU, CPUID_VME, CPUID_DE,  CPUID_PSE,  CPUID_TSC,
                                            CPUID_MSR, CPUID_MCE, CPUID_CX8, CPUID_APIC, END};
static const uint16_t pentium3_features[] = {CPUID_PAE, CPUID_SEP,   CPUID_MTRR, CPUID_PGE,  CPUID_MCA, CPUID_CMOV,
                                             CPUID_PAT, CPUID_PSE36, CPUID_MMX,  CPUID_FXSR, CPUID_SSE, END};
/* Beyond the ABI's v1 only system features: those that cost a software engine nothing. */
static const uint16_t v1_features[] = {CPUID_CLFSH,
                                       CPUID_SSE2,
                                       CPUID_HYPERVISOR,
                                       CPUID_SYSCALL,
                                       CPUID_NX,
                                       CPUID_MMXEXT,
                                       CPUID_RDTSCP,
                                       CPUID_PDPE1GB,
                                       CPUID_LM,
                                       CPUID_LAHF_LM,
                                       CPUID_X2APIC,
                                       CPUID_ARAT_BIT,
                                       CPUID_TSC_DEADLINE,
                                       CPUID_3DNOWPREFETCH,
                                       CPUID_CR8_LEGACY,
                                       CPUID_TOPOEXT,
                                       CPUID_ERMS,
                                       CPUID_TSC_ADJUST,
                                       CPUID_KVMCLOCK,
                                       CPUID_KVMCLOCK_STABLE,
                                       CPUID_KVM_NOPIODELAY,
                                       CPUID_KVM_PV_EOI,
                                       END};
static const uint16_t v2_features[] = {CPUID_SSE3,   CPUID_SSSE3, CPUID_SSE41, CPUID_SSE42,
                                       CPUID_POPCNT, CPUID_CX16,  END};
static const uint16_t v3_features[] = {CPUID_AVX, CPUID_AVX2, CPUID_BMI1,  CPUID_BMI2,  CPUID_F16C,
                                       CPUID_FMA, CPUID_ABM,  CPUID_MOVBE, CPUID_XSAVE, END};

/* Intel's, as QEMU has them; Haswell and Skylake-Client are those without TSX. */
static const uint16_t westmere_features[] = {CPUID_CLFSH,
                                             CPUID_SSE2,
                                             CPUID_HYPERVISOR,
                                             CPUID_SYSCALL,
                                             CPUID_NX,
                                             CPUID_LM,
                                             CPUID_LAHF_LM,
                                             CPUID_SSE3,
                                             CPUID_SSSE3,
                                             CPUID_SSE41,
                                             CPUID_SSE42,
                                             CPUID_POPCNT,
                                             CPUID_CX16,
                                             CPUID_AES,
                                             CPUID_PCLMULQDQ,
                                             CPUID_X2APIC,
                                             CPUID_ARAT_BIT,
                                             CPUID_KVMCLOCK,
                                             CPUID_KVMCLOCK_STABLE,
                                             CPUID_KVM_NOPIODELAY,
                                             CPUID_KVM_PV_EOI,
                                             END};
static const uint16_t haswell_features[] = {
    CPUID_AVX,    CPUID_XSAVE, CPUID_XSAVEOPT,     CPUID_MOVBE,  CPUID_FMA,  CPUID_F16C,
    CPUID_RDRAND, CPUID_PCID,  CPUID_TSC_DEADLINE, CPUID_RDTSCP, CPUID_ABM,  CPUID_FSGSBASE,
    CPUID_BMI1,   CPUID_AVX2,  CPUID_SMEP,         CPUID_BMI2,   CPUID_ERMS, CPUID_INVPCID,
    END};
static const uint16_t skylake_features[] = {CPUID_3DNOWPREFETCH, CPUID_RDSEED,  CPUID_ADX, CPUID_SMAP,
                                            CPUID_XSAVEC,        CPUID_XGETBV1, END};

/* Each model has the features of `base` (another row, or -1) and its own. */
static const struct ModelRow {
    const char *name, *description;
    enum CpuVendor vendor;
    uint32_t signature;
    uint8_t phys_bits, virt_bits;
    int8_t base;
    const uint16_t *features; /* NULL: all that is implemented */
} models[] = {
    {"x86-64-v1", "64-bit, SSE2", VENDOR_AMD, 0x60fb1, 40, 48, 4, v1_features},
    {"x86-64-v2", "v1 and SSE4.2, POPCNT, CMPXCHG16B", VENDOR_AMD, 0x60fb1, 40, 48, 0, v2_features},
    {"x86-64-v3", "v2 and AVX2, BMI, FMA, MOVBE", VENDOR_AMD, 0x60fb1, 40, 48, 1, v3_features},
    {"max", "what is implemented, and under kvm the host has (the default)", VENDOR_AMD, 0x60fb1, 40, 48, -1, NULL},
    {"pentium3", "32-bit, PAE, SSE", VENDOR_INTEL, 0x673, 36, 32, 5, pentium3_features},
    {"pentium", "32-bit, no PAE, no CMOV", VENDOR_INTEL, 0x543, 32, 32, -1, pentium_features},
    {"Westmere", "Intel of 2010: SSE4.2, AES", VENDOR_INTEL, 0x206c1, 40, 48, 4, westmere_features},
    {"Haswell", "Intel of 2013: Westmere and AVX2, BMI, FMA, no TSX", VENDOR_INTEL, 0x306c1, 40, 48, 6,
     haswell_features},
    {"Skylake-Client", "Intel of 2015: Haswell and ADX, SMAP, XSAVEC", VENDOR_INTEL, 0x506e3, 40, 48, 7,
     skylake_features},
};

enum { MODEL_COUNT = sizeof(models) / sizeof(models[0]) };

const char *cpu_model_name(unsigned index) { return index < MODEL_COUNT ? models[index].name : NULL; }
const char *cpu_model_description(unsigned index) { return index < MODEL_COUNT ? models[index].description : NULL; }

static void add_features(struct CpuModel *m, const struct ModelRow *row) {
    if (row->base >= 0)
        add_features(m, &models[row->base]);
    if (row->features != NULL) {
        for (const uint16_t *f = row->features; *f != END; f++)
            set_feature(m->feature, *f, true);
        return;
    }
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        if (features[i].implemented)
            set_feature(m->feature, features[i].feature, true);
}

static int find_model(struct CpuModel *m, const char *name, char *why, size_t n) {
    for (unsigned i = 0; i < MODEL_COUNT; i++) {
        const struct ModelRow *row = &models[i];
        if (strcmp(row->name, name) != 0)
            continue;
        memset(m, 0, sizeof(*m));
        snprintf(m->name, sizeof(m->name), "%s", row->name);
        snprintf(m->brand, sizeof(m->brand), "twin86 %s", row->name);
        m->vendor = row->vendor;
        m->signature = row->signature;
        m->phys_bits = row->phys_bits;
        m->virt_bits = row->virt_bits;
        m->pkru_offset = XSAVE_PKRU_OFFSET;
        m->topology = (struct CpuTopology){1, 1, 1, 1};
        add_features(m, row);
        return 0;
    }
    char list[160] = "";
    for (unsigned i = 0; i < MODEL_COUNT; i++)
        list_add(list, sizeof(list), models[i].name);
    snprintf(why, n, "unknown CPU model '%s'; known are %s", name, list);
    return -EINVAL;
}

static int set_vendor(struct CpuModel *m, const char *value, char *why, size_t n) {
    if (strcmp(value, "AuthenticAMD") == 0)
        m->vendor = VENDOR_AMD;
    else if (strcmp(value, "GenuineIntel") == 0)
        m->vendor = VENDOR_INTEL;
    else {
        snprintf(why, n, "unknown CPU vendor '%s'; known are AuthenticAMD, GenuineIntel", value);
        return -EINVAL;
    }
    return 0;
}

/* One item behind the model's name. Features asked for by name are noted in `wanted`. */
static int apply_item(struct CpuModel *m, uint32_t *wanted, char *item, char *why, size_t n) {
    char *value = strchr(item, '=');
    if (value != NULL)
        *value++ = '\0';
    if (value != NULL && strcmp(item, "vendor") == 0)
        return set_vendor(m, value, why, n);
    if (value != NULL && strcmp(item, "kvm") == 0 && (strcmp(value, "off") == 0 || strcmp(value, "on") == 0)) {
        m->kvm_wanted = strcmp(value, "on") == 0;
        m->feature[FEAT_KVM] = wanted[FEAT_KVM] = 0;
        for (unsigned i = 0; m->kvm_wanted && i < FEATURE_COUNT; i++)
            if (features[i].feature / 32 == FEAT_KVM)
                set_feature(m->feature, features[i].feature, true);
        return 0;
    }
    bool on;
    if (value == NULL && (item[0] == '+' || item[0] == '-'))
        on = *item++ == '+';
    else if (value != NULL && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
        on = strcmp(value, "on") == 0;
    else {
        snprintf(
            why, n,
            "CPU option '%s%s%s' is not understood; use +FEATURE, -FEATURE, FEATURE=on|off, vendor=NAME or kvm=on|off",
            item, value != NULL ? "=" : "", value != NULL ? value : "");
        return -EINVAL;
    }
    enum X86Feature f = cpu_feature_by_name(item);
    if (f == CPUID_NONE) {
        snprintf(why, n, "unknown CPU feature '%s'; `-cpu help` lists those that exist", item);
        return -EINVAL;
    }
    set_feature(m->feature, f, on);
    set_feature(wanted, f, on);
    return 0;
}

/* Drop what lost its base; refuse what was asked for without it. */
static int settle_dependencies(struct CpuModel *m, const uint32_t *wanted, char *why, size_t n) {
    for (bool again = true; again;) {
        again = false;
        for (unsigned i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++) {
            unsigned f = dependencies[i].feature, needs = dependencies[i].needs;
            if (!cpu_has(m, f) || cpu_has(m, needs))
                continue;
            if ((wanted[f / 32] >> (f % 32) & 1) != 0) {
                snprintf(why, n, "CPU feature '%s' needs '%s', which this model does not have; add +%s",
                         feature_row(f)->name, feature_row(needs)->name, feature_row(needs)->name);
                return -EINVAL;
            }
            set_feature(m->feature, f, false);
            again = true;
        }
    }
    return 0;
}

/* What one vendor's processors have only: the model of another gets it by name alone. */
static void drop_vendor_features(struct CpuModel *m, const uint32_t *wanted) {
    static const struct {
        uint16_t feature;
        uint8_t vendor;
    } own[] = {{CPUID_MISALIGNSSE, VENDOR_AMD},
               {CPUID_TOPOEXT, VENDOR_AMD},
               {CPUID_FDP_EXCPTN_ONLY, VENDOR_INTEL},
               {CPUID_ZERO_FCS_FDS, VENDOR_INTEL}};
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i].vendor != m->vendor && !(wanted[own[i].feature / 32] >> (own[i].feature % 32) & 1))
            set_feature(m->feature, own[i].feature, false);
}

static int check_implemented(const struct CpuModel *m, char *why, size_t n) {
    char list[160] = "";
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        if (cpu_has(m, features[i].feature) && !features[i].implemented)
            list_add(list, sizeof(list), features[i].name);
    if (list[0] == '\0')
        return 0;
    snprintf(why, n, "CPU '%s' needs %s, which no engine implements yet; use x86-64-v1 or max", m->name, list);
    return -EINVAL;
}

int cpu_model_parse(struct CpuModel *m, const char *spec, char *why, size_t n) {
    char buf[512];
    uint32_t wanted[FEAT_WORDS] = {0};
    if ((size_t)snprintf(buf, sizeof(buf), "%s", spec) >= sizeof(buf)) {
        snprintf(why, n, "the CPU description is longer than %zu characters", sizeof(buf) - 1);
        return -EINVAL;
    }
    char *rest = buf, *name = strsep(&rest, ",");
    int r = find_model(m, name, why, n);
    while (r == 0 && rest != NULL)
        r = apply_item(m, wanted, strsep(&rest, ","), why, n);
    if (r == 0)
        drop_vendor_features(m, wanted);
    if (r == 0)
        r = settle_dependencies(m, wanted, why, n);
    if (r == 0)
        r = check_implemented(m, why, n);
    if (r == 0)
        m->intel_rules = vendor_model_rules(m);
    return r;
}

/* ---- leaves ---- */

enum { EAX, EBX, ECX, EDX };

/* Bits of leaf 1 EDX that AMD repeats in leaf 80000001h EDX. */
#define AMD_REPEATED 0x0183f3ffu

/* The caches that are told of: 32 KiB 8-way L1s, 512 KiB 8-way L2, 64-byte lines. */

static uint32_t max_basic(const struct CpuModel *m) {
    if (cpuid_has_v2_topology(m))
        return CPUID_V2_TOPOLOGY;
    if (cpu_has(m, CPUID_XSAVE))
        return 0xd;
    if (cpu_has(m, CPUID_X2APIC))
        return 0xb;
    if (m->feature[FEAT_7_EBX] != 0 || m->feature[FEAT_7_ECX] != 0)
        return 7;
    return m->vendor == VENDOR_INTEL ? 2 : 1;
}

static uint32_t max_extended(const struct CpuModel *m) {
    return !cpu_has(m, CPUID_LM) ? 0x80000004 : cpuid_has_topoext(m) ? 0x8000001e : 0x80000008;
}

static void put_vendor(const struct CpuModel *m, uint32_t out[4]) {
    const char *s = m->vendor == VENDOR_INTEL ? "GenuineIntel" : "AuthenticAMD";
    memcpy(&out[EBX], s, 4);
    memcpy(&out[EDX], s + 4, 4);
    memcpy(&out[ECX], s + 8, 4);
}

/* Each cache by itself: Intel's leaf 4, AMD's 8000001Dh. */
static void caches(uint32_t subleaf, uint32_t out[4]) {
    static const struct {
        uint8_t type, level;
        uint16_t sets;
    } cache[] = {{1, 1, 64}, {2, 1, 64}, {3, 2, 1024}};
    if (subleaf >= sizeof(cache) / sizeof(cache[0]))
        return;
    out[EAX] = cache[subleaf].type | cache[subleaf].level << 5 | 1 << 8;
    out[EBX] = 63 | 7u << 22; /* line size and ways, less one */
    out[ECX] = cache[subleaf].sets - 1;
}

uint64_t cpu_model_xcr0(const struct CpuModel *m) {
    if (!cpu_has(m, CPUID_XSAVE))
        return 0;
    return XCR0_X87 | XCR0_SSE | (cpu_has(m, CPUID_AVX) ? XCR0_AVX : 0) | (cpu_has(m, CPUID_PKU) ? XCR0_PKRU : 0);
}

/* XSAVE areas (SDM vol. 1, 13.2 and 13.4.3). EBX of 0 and 1 is for XCR0 = x87 and SSE. */
static void leaf_d(const struct CpuModel *m, uint32_t subleaf, uint32_t out[4]) {
    uint64_t xcr0 = cpu_model_xcr0(m);
    if (xcr0 == 0)
        return;
    if (subleaf == 0) {
        out[EAX] = (uint32_t)xcr0;
        out[EBX] = XSAVE_EXTENDED;
        out[ECX] = xsave_size(m, xcr0, false);
        out[EDX] = (uint32_t)(xcr0 >> 32);
    } else if (subleaf == 1) {
        out[EAX] = m->feature[FEAT_XSAVE];
        if (cpu_has(m, CPUID_XSAVEC) || cpu_has(m, CPUID_XSAVES))
            out[EBX] = XSAVE_EXTENDED;
    }
    for (unsigned k = 0; k < XSAVE_COMPONENT_COUNT; k++) {
        const struct XsaveComponent *c = &xsave_components[k];
        if (subleaf < 32 && c->mask == 1u << subleaf && (xcr0 & c->mask)) {
            out[EAX] = c->size;
            out[EBX] = xsave_offset(m, c, xcr0, false);
        }
    }
}

static void basic_leaf(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    bool intel = m->vendor == VENDOR_INTEL;
    switch (leaf) {
    case 0:
        out[EAX] = max_basic(m);
        put_vendor(m, out);
        break;
    case 1:
        out[EAX] = m->signature;
        out[EBX] = cpu_has(m, CPUID_CLFSH) ? 8 << 8 | 1 << 16 : 1 << 16; /* CLFLUSH quadwords, logical processors */
        out[ECX] = m->feature[FEAT_1_ECX] & ~(1u << (CPUID_OSXSAVE % 32));
        out[EDX] = m->feature[FEAT_1_EDX];
        break;
    case 2:
        if (intel) { /* L1 data 32 KiB, L1 code 32 KiB, L2 512 KiB; 64-byte lines */
            out[EAX] = 0x01;
            out[EDX] = 0x2c307f;
        }
        break;
    case 4:
        if (intel)
            caches(subleaf, out);
        break;
    case 5:
        if (cpu_has(m, CPUID_MONITOR)) {
            out[EAX] = out[EBX] = 64; /* smallest and largest monitored line */
            out[ECX] = 3;             /* extensions are listed; interrupts break even when masked */
        }
        break;
    case 6: out[EAX] = m->feature[FEAT_ARAT]; break;
    case 7:
        if (subleaf == 0) {
            out[EAX] = m->feature[FEAT_7_1_EAX] != 0;
            out[EBX] = m->feature[FEAT_7_EBX];
            out[ECX] = m->feature[FEAT_7_ECX] & ~(1u << (CPUID_OSPKE % 32));
            out[EDX] = m->feature[FEAT_7_EDX];
        } else if (subleaf == 1)
            out[EAX] = m->feature[FEAT_7_1_EAX];
        break;
    case 0xd: leaf_d(m, subleaf, out); break;
    default: break;
    }
}

static void extended_leaf(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    bool amd = m->vendor == VENDOR_AMD;
    switch (leaf) {
    case 0x80000000:
        out[EAX] = max_extended(m);
        if (amd)
            put_vendor(m, out);
        break;
    case 0x80000001:
        out[EAX] = amd ? m->signature : 0;
        out[ECX] = m->feature[FEAT_8000_0001_ECX];
        out[EDX] = m->feature[FEAT_8000_0001_EDX] | (amd ? m->feature[FEAT_1_EDX] & AMD_REPEATED : 0);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: memcpy(out, m->brand + (leaf - 0x80000002) * 16, 16); break;
    case 0x80000005: /* L1: TLBs of 64 full entries; caches of 32 KiB, 8 ways, 1 line per tag, 64 bytes a line */
        if (amd) {
            out[EAX] = out[EBX] = 0xff40ff40;
            out[ECX] = out[EDX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
        }
        break;
    case 0x80000006:
        if (amd)
            out[EAX] = out[EBX] = 0x42004200; /* L2 TLBs: 512 entries, 4 ways */
        out[ECX] = 512u << 16 | 6 << 12 | 1 << 8 | 64;
        break;
    case 0x80000007:
        out[EDX] = cpu_has(m, CPUID_TSC) ? 1 << 8 : 0; /* the TSC's rate never changes */
        break;
    case 0x80000008:
        out[EAX] = m->phys_bits | m->virt_bits << 8;
        out[EBX] = m->feature[FEAT_8000_0008_EBX];
        break;
    case 0x8000001d: caches(subleaf, out); break;
    default: break;
    }
}

/* Guests find KVM's interfaces by its name (Documentation/virt/kvm/x86/cpuid.rst of the Linux kernel). */
static void hypervisor_leaf(const struct CpuModel *m, uint32_t leaf, uint32_t out[4]) {
    bool kvm = m->feature[FEAT_KVM] != 0;
    if (leaf == 0x40000000) {
        out[EAX] = kvm ? 0x40000001 : 0x40000000;
        memcpy(&out[EBX], kvm ? "KVMKVMKVM\0\0\0" : "twin86twin86", 12);
    } else if (leaf == 0x40000001 && kvm) {
        out[EAX] = m->feature[FEAT_KVM];
    }
}

/* Beyond the end Intel gives the last basic leaf, AMD zeros. */
uint32_t cpu_model_leaf(const struct CpuModel *m, uint32_t leaf) {
    bool extended = leaf >= 0x80000000 && leaf <= max_extended(m);
    bool hypervisor = (leaf & 0xffffff00) == 0x40000000 && cpu_has(m, CPUID_HYPERVISOR);
    return extended || hypervisor || leaf <= max_basic(m) || m->vendor != VENDOR_INTEL ? leaf : max_basic(m);
}

void cpu_model_cpuid(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    memset(out, 0, 4 * sizeof(out[0]));
    leaf = cpu_model_leaf(m, leaf);
    if (leaf >= 0x80000000 && leaf <= max_extended(m))
        extended_leaf(m, leaf, subleaf, out);
    else if ((leaf & 0xffffff00) == 0x40000000 && cpu_has(m, CPUID_HYPERVISOR))
        hypervisor_leaf(m, leaf, out);
    else if (leaf <= max_basic(m))
        basic_leaf(m, leaf, subleaf, out);
    else
        return;
    cpuid_add_topology(m, leaf, subleaf, out);
}

void cpu_cpuid(const struct CpuModel *m, uint32_t apic_id, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    cpu_model_cpuid(m, leaf, subleaf, out);
    leaf = cpu_model_leaf(m, leaf);
    if (leaf <= max_basic(m) || (leaf >= 0x80000000 && leaf <= max_extended(m)))
        cpuid_add_apic_id(m, apic_id, leaf, out);
}
