/* SPDX-License-Identifier: MIT */
/* CPUID's view of the topology: SDM vol. 2, CPUID, and vol. 3, 9.9; AMD APM vol. 3, E.3, E.4 and E.5. */
#include "cpu/cpuid_topology.h"
#include "cpu/topology.h"

enum { EAX, EBX, ECX, EDX };
enum { HTT = 1 << 28, CMP_LEGACY = 1 << 1 };

bool cpuid_has_v2_topology(const struct CpuModel *m) {
    return m->vendor == VENDOR_INTEL && cpu_has(m, CPUID_X2APIC) && m->topology.dies > 1;
}

bool cpuid_has_topoext(const struct CpuModel *m) {
    return m->vendor == VENDOR_AMD && cpu_has(m, CPUID_LM) && cpu_has(m, CPUID_TOPOEXT);
}

/* How many logical processors a package has; more than one is what HTT tells (on AMD's with CmpLegacy). */
static void package(const struct CpuModel *m, uint32_t out[4]) {
    unsigned count = cpu_topology_per_socket(&m->topology);
    if (count <= 1)
        return;
    out[EBX] = (out[EBX] & ~0x00ff0000u) | count << 16;
    out[EDX] |= HTT;
}

/* Each core has its caches for itself. SDM: ids that can be addressed, powers of two. */
static void cache_sharing_intel(const struct CpuTopology *t, uint32_t out[4]) {
    unsigned core = cpu_topology_core_shift(t), cores = cpu_topology_socket_shift(t) - core;
    if ((out[EAX] & 0x1f) != 0)
        out[EAX] |= ((1u << core) - 1) << 14 | ((1u << cores) - 1) << 26;
}

/* APM: those that there are. */
static void cache_sharing_amd(const struct CpuTopology *t, uint32_t out[4]) {
    if ((out[EAX] & 0x1f) != 0)
        out[EAX] |= (t->threads - 1) << 14;
}

struct Level {
    uint8_t type;
    uint8_t shift;  /* from an x2APIC id to what is unique for the next larger one */
    uint16_t count; /* logical processors in that */
};

/* Levels from the smallest on; behind them nothing but the number that was asked for. */
static void levels(const struct Level *level, unsigned n, uint32_t subleaf, uint32_t out[4]) {
    out[EAX] = out[EBX] = 0;
    out[ECX] = subleaf & 0xff;
    if (subleaf >= n)
        return;
    out[EAX] = level[subleaf].shift;
    out[EBX] = level[subleaf].count;
    out[ECX] |= (uint32_t)level[subleaf].type << 8;
}

enum { LEVEL_SMT = 1, LEVEL_CORE = 2, LEVEL_DIE = 5 };

/* It knows no dies: cores are told of with all of the package. */
static void leaf_b(const struct CpuTopology *t, uint32_t subleaf, uint32_t out[4]) {
    const struct Level level[] = {
        {LEVEL_SMT, (uint8_t)cpu_topology_core_shift(t), (uint16_t)t->threads},
        {LEVEL_CORE, (uint8_t)cpu_topology_socket_shift(t), (uint16_t)cpu_topology_per_socket(t)},
    };
    levels(level, sizeof(level) / sizeof(level[0]), subleaf, out);
}

static void leaf_1f(const struct CpuTopology *t, uint32_t subleaf, uint32_t out[4]) {
    const struct Level level[] = {
        {LEVEL_SMT, (uint8_t)cpu_topology_core_shift(t), (uint16_t)t->threads},
        {LEVEL_CORE, (uint8_t)cpu_topology_die_shift(t), (uint16_t)(t->cores * t->threads)},
        {LEVEL_DIE, (uint8_t)cpu_topology_socket_shift(t), (uint16_t)cpu_topology_per_socket(t)},
    };
    levels(level, sizeof(level) / sizeof(level[0]), subleaf, out);
}

void cpuid_add_topology(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    const struct CpuTopology *t = &m->topology;
    bool amd = m->vendor == VENDOR_AMD, many = cpu_topology_per_socket(t) > 1;
    switch (leaf) {
    case 1: package(m, out); break;
    case 4: cache_sharing_intel(t, out); break;
    case 0xb: leaf_b(t, subleaf, out); break;
    case CPUID_V2_TOPOLOGY:
        if (cpuid_has_v2_topology(m))
            leaf_1f(t, subleaf, out);
        break;
    case 0x80000001:
        if (amd && many)
            out[ECX] |= CMP_LEGACY;
        break;
    case 0x80000008:
        if (amd && many) /* bits of an APIC id within a package; logical processors, less one */
            out[ECX] = cpu_topology_socket_shift(t) << 12 | (cpu_topology_per_socket(t) - 1);
        break;
    case 0x8000001d: cache_sharing_amd(t, out); break;
    default: break;
    }
}

/* AMD: the core's number in its socket and how many threads it has; the die's number, and how many the socket has. */
static void leaf_8000001e(const struct CpuTopology *t, uint32_t id, uint32_t out[4]) {
    enum { NODES_MOST = 8 };
    unsigned core = cpu_topology_core_shift(t), socket = cpu_topology_socket_shift(t);
    unsigned nodes = t->dies < NODES_MOST ? t->dies : NODES_MOST;
    out[EAX] = id;
    out[EBX] = (t->threads - 1) << 8 | (id & ((1u << socket) - 1)) >> core;
    out[ECX] = (nodes - 1) << 8 | (id >> cpu_topology_die_shift(t) & 0xff);
}

void cpuid_add_apic_id(const struct CpuModel *m, uint32_t apic_id, uint32_t leaf, uint32_t out[4]) {
    switch (leaf) {
    case 1: out[EBX] = (out[EBX] & 0x00ffffff) | apic_id << 24; break;
    case 0xb: out[EDX] = apic_id; break;
    case CPUID_V2_TOPOLOGY:
        if (cpuid_has_v2_topology(m))
            out[EDX] = apic_id;
        break;
    case 0x8000001e:
        if (cpuid_has_topoext(m))
            leaf_8000001e(&m->topology, apic_id, out);
        break;
    default: break;
    }
}
