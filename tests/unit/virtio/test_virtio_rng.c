/* SPDX-License-Identifier: MIT */
/* Virtio's entropy device: buffers and sources that run dry, the limit in a period, states that go on elsewhere. */
#include "devices/virtio/virtio_rng.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <stdlib.h>
#include <string.h>

enum { DATA = 0x400000, MS = 1000000 };

static struct VirtioBench b;
static struct VirtioRng rng;
static size_t there; /* bytes that the source has */
static uint8_t next;

static size_t source(void *opaque, uint8_t *to, size_t n) {
    (void)opaque;
    n = n < there ? n : there;
    there -= n;
    for (size_t i = 0; i < n; i++)
        to[i] = ++next == 0 ? ++next : next;
    return n;
}

static void open_rng(struct VirtioRngConfig config) {
    static const struct VirtioRngOps ops = {source};
    static const struct VirtioPciId id = {"virtio-rng-pci", VIRTIO_TYPE_ENTROPY, 0x00ff00};
    there = SIZE_MAX;
    next = 0;
    virtio_bench_open(&b, &id);
    virtio_rng_init(&rng, &b.pci.pci, b.dev.clock, &config, &ops, NULL);
    virtio_bench_show(&b, &rng.virtio);
}

static void ask(unsigned i, uint32_t bytes) {
    vb_descriptor(&b, 0, i, DATA + 0x10000 * i, bytes, VB_WRITE, 0);
    vb_offer(&b, 0, i);
}

START_TEST(bytes) {
    open_rng((struct VirtioRngConfig){0});
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10051af4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_SUBSYSTEM, 2), 4);
    for (unsigned at = pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_CAPABILITIES, 1); at != 0;
         at = pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, at + 1, 1)) /* Linux complains of one for nothing */
        ck_assert(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, at, 1) != 9 ||
                  pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, at + 3, 1) != 4);
    vb_start(&b, 0, 1);
    ask(0, 5);
    ck_assert_int_eq(vb_used(&b, 0), 5);
    ck_assert_uint_eq(vb_get(&b, DATA, 4), 0x04030201);
    ck_assert_uint_eq(vb_get(&b, DATA + 4, 2), 5); /* and no more than was asked for */
    ck_assert(b.pirq.level);
    ask(1, 0x8000); /* in part */
    int64_t got = vb_used(&b, 0);
    ck_assert_int_gt(got, 0);
    ck_assert_int_le(got, VIRTIO_RNG_POOL);
    ck_assert_uint_eq(vb_get(&b, DATA + 0x10000, 1), 6);
    ask(2, 0);
    ck_assert_int_eq(vb_used(&b, 0), 0);
    virtio_bench_close(&b);
}
END_TEST

START_TEST(legacy) {
    open_rng((struct VirtioRngConfig){0});
    vb_start_legacy(&b, 0, 1);
    ask(0, 16);
    ck_assert_int_eq(vb_used(&b, 0), 16);
    ck_assert_uint_eq(vb_get(&b, DATA + 8, 4), 0x0c0b0a09);
    virtio_bench_close(&b);
}
END_TEST

START_TEST(dry_source) {
    open_rng((struct VirtioRngConfig){0});
    there = 0;
    vb_start(&b, 0, 1);
    ask(0, 8);
    ask(1, 8);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    there = 3;
    virtio_rng_ready(&rng);
    ck_assert_int_eq(vb_used(&b, 0), 3);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    vb_put(&b, VB_BAR + 0x14, 0, 1); /* what waits is forgotten with the driver */
    there = 100;
    virtio_rng_ready(&rng);
    ck_assert_uint_eq(vb_get(&b, DATA + 0x10000, 8), 0);
    virtio_bench_close(&b);
}
END_TEST

START_TEST(limit) {
    open_rng((struct VirtioRngConfig){.max_bytes = 10, .period_ms = 20});
    vb_start(&b, 0, 1);
    ask(0, 8);
    ask(1, 8);
    ask(2, 8);
    ck_assert_int_eq(vb_used(&b, 0), 8);
    ck_assert_int_eq(vb_used(&b, 0), 2);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    vb_start(&b, 0, 1); /* resetting it brings no more */
    ask(0, 8);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    bench_run_to(&b.dev, 19 * MS);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    bench_run_to(&b.dev, 20 * MS);
    ck_assert_int_eq(vb_used(&b, 0), 8);
    bench_run_to(&b.dev, 100 * MS); /* what was not taken is not added up */
    ask(1, 100);
    ck_assert_int_eq(vb_used(&b, 0), 10);
    virtio_bench_close(&b);
}
END_TEST

/* The same bytes in two runs, and in a run that is saved in its middle and goes on in another device. */
START_TEST(repeatable) {
    uint8_t first[2][64], *saved;
    size_t n = state_size(&virtio_rng_state_table, 1);
    char why[100];
    for (unsigned run = 0; run < 2; run++) {
        open_rng((struct VirtioRngConfig){.repeatable = true});
        vb_start(&b, 0, 1);
        ask(0, 20);
        if (run == 1) {
            saved = malloc(n);
            struct VirtioRngState s = {0};
            state_save(&virtio_rng_state_table, &rng.state, saved);
            memset(rng.pool, 0xff, sizeof rng.pool);
            ck_assert_int_eq(state_load(&virtio_rng_state_table, 1, saved, n, &s, why, sizeof why), 0);
            rng.state = s;
            virtio_rng_restored(&rng);
            free(saved);
        }
        ask(1, 44);
        ck_assert_int_eq(vb_used(&b, 0), 20);
        ck_assert_int_eq(vb_used(&b, 0), 44);
        memcpy(first[run], b.ram.host + DATA, 20);
        memcpy(first[run] + 20, b.ram.host + DATA + 0x10000, 44);
        virtio_bench_close(&b);
    }
    ck_assert_mem_eq(first[0], first[1], 64);
    ck_assert_mem_ne(first[0], first[0] + 24, 20);
}
END_TEST

/* Buffers that wait and a period that runs are there after a restore. */
START_TEST(restored) {
    struct VirtioRngState s;
    open_rng((struct VirtioRngConfig){.max_bytes = 8, .period_ms = 20});
    vb_start(&b, 0, 1);
    ask(0, 8);
    ask(1, 8);
    ck_assert_int_eq(vb_used(&b, 0), 8);
    s = rng.state;
    ck_assert_ptr_null(virtio_rng_state_table.check(&s));
    timer_cancel(&rng.timer);
    memset(&rng.state, 0, sizeof rng.state);
    rng.count = 0;
    rng.state = s;
    virtio_rng_restored(&rng);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    bench_run_to(&b.dev, 20 * MS);
    ck_assert_int_eq(vb_used(&b, 0), 8);
    virtio_bench_close(&b);
}
END_TEST

Suite *virtio_rng_suite(void) {
    Suite *s = suite_create("virtio_rng");
    TCase *t = tcase_create("virtio_rng");
    tcase_add_test(t, bytes);
    tcase_add_test(t, legacy);
    tcase_add_test(t, dry_source);
    tcase_add_test(t, limit);
    tcase_add_test(t, repeatable);
    tcase_add_test(t, restored);
    suite_add_tcase(s, t);
    return s;
}
