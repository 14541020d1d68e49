/* SPDX-License-Identifier: MIT */
/* The CPU model as KVM gets it: what of it the host can give. */
#include "accel/kvm/kvm.h"
#include "cpu/xsave.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { EAX, EBX, ECX, EDX };

/* Where the feature words are in CPUID. */
static const struct {
    uint32_t leaf, subleaf;
    unsigned reg;
} words[FEAT_WORDS] = {
    [FEAT_1_EDX] = {1, 0, EDX},
    [FEAT_1_ECX] = {1, 0, ECX},
    [FEAT_7_EBX] = {7, 0, EBX},
    [FEAT_7_ECX] = {7, 0, ECX},
    [FEAT_7_EDX] = {7, 0, EDX},
    [FEAT_7_1_EAX] = {7, 1, EAX},
    [FEAT_8000_0001_EDX] = {0x80000001, 0, EDX},
    [FEAT_8000_0001_ECX] = {0x80000001, 0, ECX},
    [FEAT_8000_0008_EBX] = {0x80000008, 0, EBX},
    [FEAT_XSAVE] = {0xd, 1, EAX},
    [FEAT_ARAT] = {6, 0, EAX},
    [FEAT_KVM] = {0x40000001, 0, EAX},
};

/* Given by us or computed by KVM, whatever its list says. */
#define BIT(f) (1u << ((f) % 32))
static const uint32_t always[FEAT_WORDS] = {
    [FEAT_1_EDX] = BIT(CPUID_APIC) | BIT(CPUID_SS),
    [FEAT_1_ECX] = BIT(CPUID_HYPERVISOR) | BIT(CPUID_OSXSAVE),
    [FEAT_7_ECX] = BIT(CPUID_OSPKE),
    [FEAT_8000_0001_ECX] = BIT(CPUID_TOPOEXT), /* leaves of ours */
    [FEAT_ARAT] = BIT(CPUID_ARAT_BIT),         /* the local APIC's timer is ours */
};
#undef BIT

uint32_t kvm_supported(const struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf, unsigned reg) {
    for (unsigned i = 0; i < list->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &list->entries[i];
        if (e->function == leaf && (e->index == subleaf || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
            return (const uint32_t[]){e->eax, e->ebx, e->ecx, e->edx}[reg];
    }
    return 0;
}

static int get_supported(struct KvmVcpu *v) {
    for (unsigned n = 128; n <= 1024; n *= 2) { /* 75 entries on a processor of today */
        struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + n * sizeof(list->entries[0]));
        if (list == NULL)
            return -ENOMEM;
        list->nent = n;
        if (ioctl(v->vm->dev_fd, KVM_GET_SUPPORTED_CPUID, list) == 0) {
            v->supported = list;
            return 0;
        }
        int e = errno;
        free(list);
        if (e != E2BIG)
            return -e;
    }
    return -E2BIG;
}

static void name_feature(unsigned f, char *buf, size_t n) {
    for (unsigned i = 0; cpu_feature_name(i) != NULL; i++) {
        if (cpu_feature_by_name(cpu_feature_name(i)) == (enum X86Feature)f) {
            snprintf(buf, n, "%s", cpu_feature_name(i));
            return;
        }
    }
    snprintf(buf, n, "CPUID %x.%u bit %u", words[f / 32].leaf, words[f / 32].subleaf, f % 32);
}

static void drop(struct CpuModel *m, unsigned f, char *dropped, size_t n) {
    size_t used = strlen(dropped);
    char name[48];
    m->feature[f / 32] &= ~(1u << (f % 32));
    name_feature(f, name, sizeof(name));
    if (used + strlen(name) + 2 < n)
        snprintf(dropped + used, n - used, "%s%s", used != 0 ? " " : "", name);
}

/* KVM's paravirtual interfaces that its list may have, and the guest shall not: those that want its local APIC, and but
 * for kvm=on those that say something only where vCPUs wait for each other. */
static uint32_t missing_interfaces(const struct KvmVcpu *v) {
    uint32_t bits = 0;
    if (!v->vm->irqchip)
        bits |= 1u << (CPUID_KVM_PV_EOI % 32) | 1u << (CPUID_KVM_PV_IPI % 32) | 1u << (CPUID_KVM_PV_UNHALT % 32);
    if (!v->cpu->model.kvm_wanted)
        bits |= 1u << (CPUID_KVM_STEAL_TIME % 32) | 1u << (CPUID_KVM_PV_IPI % 32) | 1u << (CPUID_KVM_PV_UNHALT % 32) |
                1u << (CPUID_KVM_PV_SCHED_YIELD % 32);
    return bits;
}

static void intersect(struct KvmVcpu *v, char *dropped, size_t n) {
    struct CpuModel *m = &v->cpu->model;
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        uint32_t has = kvm_supported(v->supported, words[w].leaf, words[w].subleaf, words[w].reg) | always[w];
        if (w == FEAT_1_ECX) {
            /* not with a local APIC of ours: on many hosts (Linux 5.8 and later) KVM takes WRMSR to that MSR in a fast
             * path, before any filter that would send it to us, and drops it */
            has &= ~(1u << (CPUID_TSC_DEADLINE % 32));
            if (v->vm->irqchip && v->vm->caps.tsc_deadline)
                has |= 1u << (CPUID_TSC_DEADLINE % 32); /* KVM's list leaves it out, for those without such a timer */
            if (!v->vm->irqchip && !v->vm->caps.user_space_msr)
                has &= ~(1u << (CPUID_X2APIC % 32));
        }
        if (w == FEAT_7_ECX && !(v->xcr0_supported & XCR0_PKRU))
            has &= ~(1u << (CPUID_PKU % 32));
        uint32_t missing = m->feature[w] & ~has;
        if (w == FEAT_KVM) { /* nobody misses them: guests do without */
            m->feature[w] &= has & ~missing_interfaces(v);
            continue;
        }
        for (; missing != 0; missing &= missing - 1)
            drop(m, w * 32 + (unsigned)__builtin_ctz(missing), dropped, n);
    }
    unsigned bits = kvm_supported(v->supported, 0x80000008, 0, EAX) & 0xff;
    if (bits >= 32 && bits < m->phys_bits) {
        size_t used = strlen(dropped);
        snprintf(dropped + used, n - used, "%s%u-bit physical addresses", used != 0 ? " " : "", m->phys_bits);
        m->phys_bits = bits;
    }
}

static bool add(const struct CpuModel *m, unsigned apic_id, uint32_t leaf, uint32_t subleaf, bool indexed,
                struct kvm_cpuid_entry2 *e) {
    uint32_t out[4];
    cpu_cpuid(m, apic_id, leaf, subleaf, out);
    *e = (struct kvm_cpuid_entry2){.function = leaf,
                                   .index = subleaf,
                                   .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
                                   .eax = out[EAX],
                                   .ebx = out[EBX],
                                   .ecx = out[ECX],
                                   .edx = out[EDX]};
    return (out[EAX] | out[EBX] | out[ECX] | out[EDX]) != 0;
}

/* How many subleaves the leaf can have; 0: it takes none. */
static unsigned subleaves(uint32_t leaf) {
    switch (leaf) {
    case 4:
    case 7:
    case 0xb:
    case 0x14:
    case 0x1f:
    case 0x8000001d: return 4;
    case 0xd: return 10;
    default: return 0;
    }
}

unsigned kvm_cpuid_table(const struct CpuModel *m, unsigned apic_id, struct kvm_cpuid_entry2 *entry, unsigned max) {
    static const uint32_t bases[] = {0, 0x40000000, 0x80000000};
    unsigned n = 0;
    for (unsigned b = 0; b < sizeof(bases) / sizeof(bases[0]); b++) {
        uint32_t top[4];
        cpu_model_cpuid(m, bases[b], 0, top);
        for (uint32_t leaf = bases[b]; leaf <= top[EAX] && leaf - bases[b] < 64 && n < max; leaf++) {
            unsigned count = subleaves(leaf);
            if (count == 0)
                add(m, apic_id, leaf, 0, false, &entry[n++]);
            for (unsigned s = 0; s < count && n < max; s++)
                if (add(m, apic_id, leaf, s, true, &entry[n]) || s == 0)
                    n++;
        }
    }
    return n;
}

int kvm_fit_model(struct KvmVcpu *v, char *dropped, size_t n) {
    dropped[0] = '\0';
    int r = get_supported(v);
    if (r != 0)
        return r;
    v->xcr0_supported = kvm_supported(v->supported, 0xd, 0, EAX) | (uint64_t)kvm_supported(v->supported, 0xd, 0, EDX)
                                                                       << 32;
    /* areas are the hardware's: it says where PKRU is */
    v->pkru_at = kvm_supported(v->supported, 0xd, XSAVE_PKRU_INDEX, EBX);
    if (v->pkru_at >= XSAVE_EXTENDED && v->pkru_at <= XSAVE_MAX_SIZE - XSAVE_PKRU_SIZE)
        v->cpu->model.pkru_offset = v->pkru_at;
    else
        v->xcr0_supported &= ~(uint64_t)XCR0_PKRU;
    v->xcr0_supported = (v->xcr0_supported & XSAVE_USER_COMPONENTS) | XCR0_X87 | XCR0_SSE;
    intersect(v, dropped, n);
    return 0;
}

int kvm_set_cpuid(struct KvmVcpu *v) {
    struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + KVM_CPUID_ENTRIES * sizeof(list->entries[0]));
    if (list == NULL)
        return -ENOMEM;
    list->nent = kvm_cpuid_table(&v->cpu->model, v->cpu->apic_id, list->entries, KVM_CPUID_ENTRIES);
    int r = ioctl(v->fd, KVM_SET_CPUID2, list) < 0 ? -errno : 0;
    free(list);
    return r;
}
