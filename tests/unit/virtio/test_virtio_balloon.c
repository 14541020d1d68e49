/* SPDX-License-Identifier: MIT */
/* Virtio's balloon: pages that go, whose code becomes stale; statistics, reports of free pages, long and hostile
 * buffers. */
#include "base/bytes.h"
#include "devices/virtio/virtio_balloon.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <string.h>

enum { PAGE = VIRTIO_BALLOON_PAGE, LIST = 0x100000, VICTIMS = 0x400000 };
enum { INFLATE, DEFLATE, STATS, REPORTING_CLOSE, REPORTING };

static struct VirtioBench b;
static struct VirtioBalloon balloon;
static unsigned calls, turns;
static uint64_t stale; /* where code was announced to be stale */

static void discard(void *opaque, uint64_t gpa, uint64_t size) {
    (void)opaque;
    calls++;
    bus_discard(b.dev.bus, gpa, size);
}

static void more(void *opaque) {
    (void)opaque;
    turns++;
}

static void code_written(void *opaque, uint64_t gpa, uint64_t size) {
    (void)opaque, (void)size;
    stale = gpa;
}

static void open_balloon(struct VirtioBalloonConfig config) {
    static const struct VirtioBalloonOps ops = {.discard = discard, .more = more};
    static const struct VirtioPciId id = {"virtio-balloon-pci", VIRTIO_TYPE_BALLOON, 0x00ff00};
    calls = turns = 0;
    virtio_bench_open(&b, &id);
    virtio_balloon_init(&balloon, &b.pci.pci, &config, &ops, NULL);
    virtio_bench_show(&b, &balloon.virtio);
    memset(b.ram.host + VICTIMS, 0xaa, VB_RAM - VICTIMS);
}

static void give_pages(unsigned n, const uint32_t *pfn, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        vb_put(&b, LIST + 4 * i, pfn[i], 4);
    vb_descriptor(&b, n, 0, LIST, 4 * count, 0, 0);
    vb_offer(&b, n, 0);
}

static uint8_t at(uint64_t gpa) { return (uint8_t)vb_get(&b, gpa, 1); }

START_TEST(pages_go) {
    open_balloon((struct VirtioBalloonConfig){0});
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10021af4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_SUBSYSTEM, 2), 5);
    vb_start(&b, 1 << 1, 3);
    struct BusListener listener = {.code_written = code_written};
    ck_assert_int_eq(bus_add_listener(b.dev.bus, &listener), 0);
    b.ram.page_flags[0x401] |= PAGE_FLAG_CODE;
    const uint32_t pfn[] = {0x402, 0x401, 0x400, 0x403, 0x500, 0x401};
    give_pages(INFLATE, pfn, 6);
    ck_assert_int_eq(vb_used(&b, INFLATE), 0);
    ck_assert_uint_eq(calls, 3); /* neighbours went together, in either order */
    ck_assert_uint_eq(at(0x400000) | at(0x401000) | at(0x402fff) | at(0x403000) | at(0x500000), 0);
    ck_assert_uint_eq(at(0x404000), 0xaa);
    ck_assert_uint_eq(at(0x4fffff), 0xaa);
    ck_assert_uint_eq(stale, 0x401000);
    vb_put(&b, 0x402000, 0x55, 1); /* and come back as they are touched */
    give_pages(DEFLATE, pfn, 3);
    ck_assert_int_eq(vb_used(&b, DEFLATE), 0);
    ck_assert_uint_eq(at(0x402000), 0x55);
    virtio_bench_close(&b);
}
END_TEST

/* The host has them back: no page of theirs is in memory. */
START_TEST(the_host_has_them) {
    uint64_t from = VICTIMS, end;
    open_balloon((struct VirtioBalloonConfig){0});
    vb_start_legacy(&b, 0, 2);
    ck_assert(region_next_touched(&b.ram, &from, &end));
    ck_assert_uint_eq(from, VICTIMS);
    for (unsigned i = 0; i < 1024; i++)
        vb_put(&b, LIST + 4 * i, 0x400 + i, 4);
    vb_descriptor(&b, INFLATE, 0, LIST, 4096, 0, 0);
    vb_offer(&b, INFLATE, 0);
    ck_assert_int_eq(vb_used(&b, INFLATE), 0);
    ck_assert_uint_eq(calls, 1); /* neighbours all of them */
    ck_assert(!region_next_touched(&b.ram, &from, &end));
    virtio_bench_close(&b);
}
END_TEST

START_TEST(wrong_pages) {
    open_balloon((struct VirtioBalloonConfig){0});
    vb_start(&b, 1 << 1, 3);
    const uint32_t pfn[] = {0x800, 0xffffffff, 0xd0000, 0};
    b.ram.host[0] = 1;
    give_pages(INFLATE, pfn, 4); /* beyond RAM, nowhere, a BAR: nothing happens; page 0 is as good as any */
    ck_assert_int_eq(vb_used(&b, INFLATE), 0);
    ck_assert_uint_eq(at(0), 0);
    vb_descriptor(&b, INFLATE, 0, LIST, 7, 0, 0); /* half a number */
    vb_offer(&b, INFLATE, 0);
    ck_assert_int_eq(vb_used(&b, INFLATE), 0);
    vb_descriptor(&b, INFLATE, 0, 0xe0000000, 4096, 0, 0);
    vb_offer(&b, INFLATE, 0);
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x14, 1) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
    ck_assert(!balloon.state.busy);
    virtio_bench_close(&b);
}
END_TEST

/* A buffer of more pages than a turn handles: the machine goes on between turns, and may be saved there. */
START_TEST(turns_end) {
    enum { COUNT = VIRTIO_BALLOON_TURN + 1000 };
    open_balloon((struct VirtioBalloonConfig){0});
    vb_start(&b, 1 << 1, 3);
    for (unsigned i = 0; i < COUNT; i++)
        vb_put(&b, LIST + 4 * i, i == COUNT - 1 ? 0x700 : 0x10000, 4);
    vb_descriptor(&b, INFLATE, 0, LIST, 4 * COUNT, 0, 0);
    vb_offer(&b, INFLATE, 0);
    vb_offer(&b, DEFLATE, 0);
    ck_assert_uint_eq(turns, 1);
    ck_assert_int_eq(vb_used(&b, INFLATE), -1);
    ck_assert_uint_eq(at(0x700000), 0xaa);
    struct VirtioBalloonState s = balloon.state;
    memset(&balloon.state, 0, sizeof(balloon.state));
    balloon.state = s;
    virtio_balloon_restored(&balloon);
    ck_assert_uint_eq(turns, 2);
    virtio_balloon_continue(&balloon);
    ck_assert_uint_eq(turns, 2);
    ck_assert_int_eq(vb_used(&b, INFLATE), 0);
    ck_assert_int_eq(vb_used(&b, DEFLATE), 0);
    ck_assert_uint_eq(at(0x700000), 0);
    virtio_balloon_continue(&balloon); /* too often does nothing */
    virtio_bench_close(&b);
}
END_TEST

START_TEST(target) {
    open_balloon((struct VirtioBalloonConfig){.deflate_on_oom = true});
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 4, 4) & 0x3f, 6);
    vb_start(&b, 6, 3);
    virtio_balloon_set_pages(&balloon, 0x123);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG, 4), 0x123);
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x15, 1), 1); /* another generation */
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x1000, 1), 3);
    vb_put(&b, VB_CONFIG + 4, 0x100, 4);
    ck_assert_uint_eq(balloon.state.actual, 0x100);
    vb_put(&b, VB_CONFIG, 5, 4); /* not the driver's */
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG, 4), 0x123);
    vb_put(&b, VB_CONFIG + 12, 5, 4);
    ck_assert_uint_eq(balloon.state.poison, 0); /* was not negotiated */
    vb_put(&b, VB_BAR + 0x14, 0, 1);
    ck_assert_uint_eq(balloon.state.actual, 0);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG, 4), 0x123); /* still wanted */
    virtio_bench_close(&b);
}
END_TEST

static void tell_stats(uint64_t free_bytes) {
    put_le16(b.ram.host + LIST, 4);
    put_le64(b.ram.host + LIST + 2, free_bytes);
    put_le16(b.ram.host + LIST + 10, 99); /* of a later driver */
    put_le64(b.ram.host + LIST + 12, 1);
    vb_descriptor(&b, STATS, 0, LIST, 23, 0, 0); /* and half of another one */
    vb_offer(&b, STATS, 0);
}

START_TEST(statistics) {
    open_balloon((struct VirtioBalloonConfig){0});
    vb_start(&b, 1 << 1, 3);
    ck_assert(!virtio_balloon_ask_stats(&balloon));
    tell_stats(1000);
    ck_assert_int_eq(vb_used(&b, STATS), -1);
    ck_assert_uint_eq(balloon.state.stats_known, 1 << 4);
    ck_assert_uint_eq(balloon.state.stat[4], 1000);
    ck_assert(virtio_balloon_ask_stats(&balloon));
    ck_assert_int_eq(vb_used(&b, STATS), 0);
    ck_assert(!virtio_balloon_ask_stats(&balloon)); /* it is at work */
    tell_stats(2000);
    ck_assert_uint_eq(balloon.state.stat[4], 2000);
    ck_assert_uint_eq(balloon.state.stats_told, 2);
    tell_stats(3000); /* a second buffer: the first goes back */
    ck_assert_int_eq(vb_used(&b, STATS), 0);
    ck_assert_int_eq(vb_used(&b, STATS), -1);
    virtio_bench_close(&b);
}
END_TEST

/* By either number of the queue. */
START_TEST(reports) {
    open_balloon((struct VirtioBalloonConfig){.reporting = true});
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x12, 2), 5);
    for (unsigned n = REPORTING_CLOSE; n <= REPORTING; n++) {
        uint64_t page = VICTIMS + 0x80000 * n;
        vb_start(&b, 0x32, 5);
        vb_descriptor(&b, n, 0, page, 4 * PAGE, VB_WRITE | VB_NEXT, 1);
        vb_descriptor(&b, n, 1, page + 8 * PAGE, PAGE + 5, VB_WRITE | VB_NEXT, 2);
        vb_descriptor(&b, n, 2, page + 16 * PAGE + 1, PAGE, VB_WRITE, 0);
        vb_offer(&b, n, 0);
        ck_assert_int_eq(vb_used(&b, n), 0);
        ck_assert_uint_eq(at(page) | at(page + 4 * PAGE - 1) | at(page + 8 * PAGE), 0);
        ck_assert_uint_eq(at(page + 4 * PAGE) & at(page + 9 * PAGE) & at(page + 16 * PAGE + 1), 0xaa);
    }
    vb_put(&b, VB_CONFIG + 12, 0xaaaaaaaa, 4); /* free pages that are to keep what is in them */
    calls = 0;
    vb_offer(&b, REPORTING, 0);
    ck_assert_int_eq(vb_used(&b, REPORTING), 0);
    ck_assert_uint_eq(calls, 0);
    virtio_bench_close(&b);
}
END_TEST

Suite *virtio_balloon_suite(void) {
    Suite *s = suite_create("virtio_balloon");
    TCase *t = tcase_create("virtio_balloon");
    tcase_add_test(t, pages_go);
    tcase_add_test(t, the_host_has_them);
    tcase_add_test(t, wrong_pages);
    tcase_add_test(t, turns_end);
    tcase_add_test(t, target);
    tcase_add_test(t, statistics);
    tcase_add_test(t, reports);
    suite_add_tcase(s, t);
    return s;
}
