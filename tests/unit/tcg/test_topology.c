/* SPDX-License-Identifier: MIT */
/* Where processors sit, and what CPUID says of it. */
#include "cpu/cpuid.h"
#include "cpu/topology.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };

/* cpus, maxcpus, sockets, dies, cores, threads: as given, and as QEMU 7.2 completes them. */
START_TEST(completed) {
    static const struct {
        struct CpuSmp given, expected;
    } rows[] = {
        {{0, 0, {0}}, {1, 1, {1, 1, 1, 1}}},
        {{1, 0, {0}}, {1, 1, {1, 1, 1, 1}}},
        {{4, 0, {0}}, {4, 4, {1, 1, 4, 1}}},
        {{4, 8, {0}}, {4, 8, {1, 1, 8, 1}}},
        {{0, 8, {0}}, {8, 8, {1, 1, 8, 1}}},
        {{8, 0, {2, 0, 0, 0}}, {8, 8, {2, 1, 4, 1}}},
        {{8, 0, {0, 0, 0, 2}}, {8, 8, {1, 1, 4, 2}}},
        {{8, 0, {0, 0, 2, 0}}, {8, 8, {4, 1, 2, 1}}},
        {{8, 0, {2, 0, 2, 0}}, {8, 8, {2, 1, 2, 2}}},
        {{8, 0, {0, 2, 0, 0}}, {8, 8, {1, 2, 4, 1}}},
        {{8, 0, {0, 2, 2, 0}}, {8, 8, {2, 2, 2, 1}}},
        {{0, 0, {2, 0, 0, 0}}, {2, 2, {2, 1, 1, 1}}},
        {{0, 0, {0, 0, 3, 2}}, {6, 6, {1, 1, 3, 2}}},
        {{5, 0, {0, 0, 5, 0}}, {5, 5, {1, 1, 5, 1}}},
        {{2, 12, {2, 2, 3, 1}}, {2, 12, {2, 2, 3, 1}}},
        {{64, 0, {0}}, {64, 64, {1, 1, 64, 1}}},
    };
    char why[200];
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct CpuSmp s = rows[i].given;
        ck_assert_msg(cpu_smp_complete(&s, why, sizeof(why)) == 0, "row %u: %s", i, why);
        ck_assert_msg(memcmp(&s, &rows[i].expected, sizeof(s)) == 0, "row %u: %u of %u: %u %u %u %u", i, s.cpus,
                      s.max_cpus, s.topology.sockets, s.topology.dies, s.topology.cores, s.topology.threads);
    }
}
END_TEST

START_TEST(refused) {
    static const struct {
        struct CpuSmp given;
        const char *why;
    } rows[] = {
        {{65, 0, {0}}, "65 is too many"},
        {{0, 0, {0, 0, 65536, 65536}}, "65536 is too many"},
        {{0, 0, {64, 64, 64, 64}}, "16777216 is too many"},
        {{0, 0, {0, 0, 13, 5}}, "65 is too many"},
        {{4, 2, {0}}, "maxcpus=2 is less than the 4"},
        {{3, 0, {2, 0, 0, 0}}, "make 2 processors, and there is to be room for 3"},
        {{2, 0, {4, 0, 0, 0}}, "cores=0"},
        {{4, 0, {1, 1, 1, 1}}, "make 1 processors, and there is to be room for 4"},
        {{4, 8, {1, 1, 4, 1}}, "make 4 processors, and there is to be room for 8"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[300] = "";
        struct CpuSmp s = rows[i].given;
        ck_assert_int_eq(cpu_smp_complete(&s, why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, rows[i].why) != NULL && strncmp(why, "-smp: ", 6) == 0, "row %u: %s", i, why);
    }
}
END_TEST

/* Every topology of up to 64: ids are different, in ascending order, and take apart into the place by their fields. */
START_TEST(ids_are_places) {
    for (unsigned n = 0; n < 1u << 16; n++) {
        struct CpuTopology t = {1 + (n & 15), 1 + (n >> 4 & 15), 1 + (n >> 8 & 15), 1 + (n >> 12)};
        if (cpu_topology_count(&t) > CPU_TOPOLOGY_MAX)
            continue;
        unsigned core = cpu_topology_core_shift(&t), die = cpu_topology_die_shift(&t);
        unsigned socket = cpu_topology_socket_shift(&t);
        for (unsigned i = 0; i < cpu_topology_count(&t); i++) {
            struct CpuPlace p = cpu_topology_place(&t, i);
            uint32_t id = cpu_topology_apic_id(&t, i);
            if ((id & ((1u << core) - 1)) != p.thread || (id & ((1u << die) - 1)) >> core != p.core ||
                (id & ((1u << socket) - 1)) >> die != p.die || id >> socket != p.socket || p.thread >= t.threads ||
                p.core >= t.cores || p.die >= t.dies || p.socket >= t.sockets || id >= 255 ||
                (i > 0 && id <= cpu_topology_apic_id(&t, i - 1)))
                ck_abort_msg("%u,%u,%u,%u: CPU %u has id %x", t.sockets, t.dies, t.cores, t.threads, i, id);
        }
    }
}
END_TEST

static struct CpuModel model(const char *spec, struct CpuTopology t) {
    struct CpuModel m;
    char why[200] = "";
    ck_assert_msg(cpu_model_parse(&m, spec, why, sizeof(why)) == 0, "%s", why);
    m.topology = t;
    return m;
}

struct Asked {
    uint32_t leaf, subleaf;
    uint32_t mask[4], expected[4]; /* bits that are looked at; what they are */
};

static void check(const struct CpuModel *m, uint32_t id, const struct Asked *a) {
    uint32_t out[4];
    cpu_cpuid(m, id, a->leaf, a->subleaf, out);
    for (unsigned r = 0; r < 4; r++)
        ck_assert_msg((out[r] & a->mask[r]) == a->expected[r], "leaf %x.%u, register %u: %x", a->leaf, a->subleaf, r,
                      out[r]);
}

#define ALL 0xffffffffu
#define CHECK_ALL(m, id, rows)                                                                                         \
    for (unsigned i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++)                                                 \
    check(m, id, &(rows)[i_])

/* One processor: nothing tells of others. */
START_TEST(one) {
    static const struct Asked rows[] = {
        {1, 0, {0, 0xffff0000, 0, 1u << 28}, {0, 0x00010000, 0, 0}},
        {0xb, 0, {ALL, ALL, ALL, ALL}, {0, 1, 1 << 8, 0}},
        {0xb, 1, {ALL, ALL, ALL, ALL}, {0, 1, 2 << 8 | 1, 0}},
        {0xb, 2, {ALL, ALL, ALL, ALL}, {0, 0, 2, 0}},
        {0x1f, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0x80000001, 0, {0, 0, 1 << 1 | 1 << 22, 0}, {0, 0, 1 << 22, 0}},
        {0x80000008, 0, {0, 0, ALL, 0}, {0, 0, 0, 0}},
        {0x8000001e, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
    };
    struct CpuModel m = model("max", (struct CpuTopology){1, 1, 1, 1});
    CHECK_ALL(&m, 0, rows);
}
END_TEST

/* Two sockets of three cores of two threads; the last processor: its id is socket 1, core 2, thread 1. */
START_TEST(amd) {
    static const struct Asked rows[] = {
        {1, 0, {0, 0xffff0000, 0, 1u << 28}, {0, 0x0d060000, 0, 1u << 28}},
        {4, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0xb, 0, {ALL, ALL, ALL, ALL}, {1, 2, 1 << 8, 13}},
        {0xb, 1, {ALL, ALL, ALL, ALL}, {3, 6, 2 << 8 | 1, 13}},
        {0xb, 0x102, {ALL, ALL, ALL, ALL}, {0, 0, 2, 13}},
        {0x80000000, 0, {ALL, 0, 0, 0}, {0x8000001e, 0, 0, 0}},
        {0x80000001, 0, {0, 0, 1 << 1 | 1 << 22, 0}, {0, 0, 1 << 1 | 1 << 22, 0}},
        {0x80000008, 0, {0, 0, ALL, 0}, {0, 0, 3 << 12 | 5, 0}},
        {0x8000001d, 0, {ALL, ALL, ALL, ALL}, {1 | 1 << 5 | 1 << 8 | 1 << 14, 63 | 7u << 22, 63, 0}},
        {0x8000001d, 2, {ALL, 0, ALL, ALL}, {3 | 2 << 5 | 1 << 8 | 1 << 14, 0, 1023, 0}},
        {0x8000001d, 3, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0x8000001e, 0, {ALL, ALL, ALL, ALL}, {13, 1 << 8 | 2, 1, 0}},
    };
    struct CpuTopology t = {2, 1, 3, 2};
    struct CpuModel m = model("max", t);
    ck_assert_uint_eq(cpu_topology_apic_id(&t, 11), 13);
    CHECK_ALL(&m, 13, rows);
}
END_TEST

START_TEST(amd_dies) {
    static const struct Asked rows[] = {
        {0, 0, {ALL, 0, 0, 0}, {0xd, 0, 0, 0}}, /* Intel's leaf 1Fh is not there */
        {0x1f, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0xb, 1, {ALL, ALL, ALL, ALL}, {3, 8, 2 << 8 | 1, 6}},
        {0x80000008, 0, {0, 0, ALL, 0}, {0, 0, 3 << 12 | 7, 0}},
        {0x8000001e, 0, {ALL, ALL, ALL, ALL}, {6, 6, 3 << 8 | 3, 0}},
    };
    struct CpuModel m = model("max", (struct CpuTopology){1, 4, 2, 1});
    CHECK_ALL(&m, 6, rows);
}
END_TEST

START_TEST(amd_without) {
    static const struct Asked rows[] = {
        {0x80000000, 0, {ALL, 0, 0, 0}, {0x80000008, 0, 0, 0}},
        {0x80000001, 0, {0, 0, 1 << 1 | 1 << 22, 0}, {0, 0, 1 << 1, 0}},
        {0x8000001d, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0x8000001e, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
    };
    struct CpuModel m = model("max,-topoext", (struct CpuTopology){1, 1, 4, 1});
    CHECK_ALL(&m, 3, rows);
}
END_TEST

START_TEST(intel) {
    static const struct Asked rows[] = {
        {0, 0, {ALL, 0, 0, 0}, {0xd, 0, 0, 0}},
        {1, 0, {0, 0xffff0000, 0, 1u << 28}, {0, 0x0d060000, 0, 1u << 28}},
        {4, 0, {ALL, ALL, ALL, ALL}, {1 | 1 << 5 | 1 << 8 | 1 << 14 | 3 << 26, 63 | 7u << 22, 63, 0}},
        {4, 2, {ALL, 0, ALL, 0}, {3 | 2 << 5 | 1 << 8 | 1 << 14 | 3 << 26, 0, 1023, 0}},
        {4, 3, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {0xb, 0, {ALL, ALL, ALL, ALL}, {1, 2, 1 << 8, 13}},
        {0xb, 1, {ALL, ALL, ALL, ALL}, {3, 6, 2 << 8 | 1, 13}},
        {0x80000001, 0, {0, 0, 1 << 1 | 1 << 22, 0}, {0, 0, 0, 0}},
        {0x80000008, 0, {0, 0, ALL, 0}, {0, 0, 0, 0}},
        {0x80000000, 0, {ALL, 0, 0, 0}, {0x80000008, 0, 0, 0}},
        {0x8000001e, 0, {ALL, 0, 0, 0}, {7, 0, 0, 0}}, /* beyond the end: the last basic leaf, XCR0 */
    };
    struct CpuModel m = model("max,vendor=GenuineIntel,-pku", (struct CpuTopology){2, 1, 3, 2});
    CHECK_ALL(&m, 13, rows);
}
END_TEST

START_TEST(intel_dies) {
    static const struct Asked rows[] = {
        {0, 0, {ALL, 0, 0, 0}, {0x1f, 0, 0, 0}},
        {0x1e, 0, {ALL, ALL, ALL, ALL}, {0, 0, 0, 0}},
        {4, 0, {0xffffc000, 0, 0, 0}, {1 << 14 | 15u << 26, 0, 0, 0}},
        {0xb, 1, {ALL, ALL, ALL, ALL}, {5, 18, 2 << 8 | 1, 0x15}},
        {0x1f, 0, {ALL, ALL, ALL, ALL}, {1, 2, 1 << 8, 0x15}},
        {0x1f, 1, {ALL, ALL, ALL, ALL}, {3, 6, 2 << 8 | 1, 0x15}},
        {0x1f, 2, {ALL, ALL, ALL, ALL}, {5, 18, 5 << 8 | 2, 0x15}},
        {0x1f, 3, {ALL, ALL, ALL, ALL}, {0, 0, 3, 0x15}},
        {0x7777, 2, {ALL, ALL, ALL, ALL}, {5, 18, 5 << 8 | 2, 0x15}}, /* the last basic leaf, this processor's */
    };
    struct CpuModel m = model("max,vendor=GenuineIntel", (struct CpuTopology){1, 3, 3, 2});
    ck_assert_uint_eq(cpu_topology_apic_id(&m.topology, 17), 0x15);
    CHECK_ALL(&m, 0x15, rows);
}
END_TEST

Suite *topology_suite(void) {
    Suite *s = suite_create("topology");
    TCase *t = tcase_create("topology");
    tcase_add_test(t, completed);
    tcase_add_test(t, refused);
    tcase_add_test(t, ids_are_places);
    tcase_add_test(t, one);
    tcase_add_test(t, amd);
    tcase_add_test(t, amd_dies);
    tcase_add_test(t, amd_without);
    tcase_add_test(t, intel);
    tcase_add_test(t, intel_dies);
    suite_add_tcase(s, t);
    return s;
}
