/* SPDX-License-Identifier: MIT */
/* Virtio's 9P transport: messages through its ring, buffers that can't be, what becomes of a session. */
#include "devices/virtio/virtio_9p.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE = 0x400000, REPLY = 0x500000, STATUS = VB_BAR + 0x14 };

static struct VirtioBench b;
static struct Virtio9p p9;
static struct Fs9p *server;
static char folder[32];

static void wake(void *opaque) { (void)opaque; }

static void open_p9(void) {
    static const struct VirtioPciId id = {"virtio-9p-pci", VIRTIO_TYPE_9P, 0x000200};
    static const struct Fs9pHost host = {wake, NULL};
    char why[200] = "";
    strcpy(folder, "./fs9p-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const struct Fs9pOptions o = {.path = folder, .security = FS9P_NONE};
    ck_assert_msg(fs9p_open(&server, &o, &host, why, sizeof(why)) == 0, "%s", why);
    virtio_bench_open(&b, &id);
    ck_assert_int_eq(virtio_9p_init(&p9, &b.pci.pci, server, "share"), 0);
    virtio_bench_show(&b, &p9.virtio);
}

static void close_p9(void) {
    virtio_bench_close(&b);
    fs9p_close(server);
    virtio_9p_destroy(&p9);
    rmdir(folder);
}

static void offer(unsigned i, uint32_t readable, uint32_t writable) {
    vb_descriptor(&b, 0, 2 * i, MESSAGE + 0x1000 * i, readable, VB_NEXT, 2 * i + 1);
    vb_descriptor(&b, 0, 2 * i + 1, REPLY + 0x1000 * i, writable, VB_WRITE, 0);
    vb_offer(&b, 0, 2 * i);
}

static const uint8_t version[] = {21, 0, 0, 0, 100, 1, 0, 0, 32, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
static const uint8_t attach[] = {23, 0, 0, 0, 104, 2, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0};

static void put(unsigned i, const uint8_t *message, size_t n) {
    memcpy(b.ram.host + MESSAGE + 0x1000 * i, message, n);
    offer(i, (uint32_t)n, 0x1000);
}

static void mount(void) {
    put(0, version, sizeof(version));
    virtio_9p_drain(&p9);
    put(1, attach, sizeof(attach));
    virtio_9p_drain(&p9);
}

START_TEST(messages) {
    open_p9();
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10091af4);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG, 2), 5); /* the tag, and its length before it */
    ck_assert_int_eq(memcmp((char[]){(char)vb_get(&b, VB_CONFIG + 2, 1), (char)vb_get(&b, VB_CONFIG + 6, 1)}, "se", 2),
                     0);
    vb_start(&b, 1, 1);
    mount();
    ck_assert_int_eq(vb_used(&b, 0), sizeof(version)); /* Rversion, with the same msize */
    ck_assert_uint_eq(vb_get(&b, REPLY, 4), sizeof(version));
    ck_assert_uint_eq(vb_get(&b, REPLY + 4, 1), 101);
    ck_assert_int_eq(vb_used(&b, 0), 20);
    ck_assert_uint_eq(vb_get(&b, REPLY + 0x1004, 1), 105);
    ck_assert(b.pirq.level);
    for (unsigned i = 2; i < 8; i++) /* several at once; none has such a fid */
        put(i, (uint8_t[]){11, 0, 0, 0, 120, (uint8_t)i, 0, 99, 0, 0, 0}, 11);
    virtio_9p_drain(&p9);
    for (unsigned i = 2; i < 8; i++)
        ck_assert_int_eq(vb_used(&b, 0), 11);
    ck_assert_uint_eq(vb_get(&b, REPLY + 0x2004, 1), 7);
    ck_assert_uint_eq(vb_get(&b, REPLY + 0x2007, 4), 9); /* EBADF */
    close_p9();
}
END_TEST

START_TEST(wrong_buffers) {
    static const uint32_t sizes[][2] = {{6, 100}, {0, 100}, {20, 10}, {20, 0}, {FS9P_MESSAGE + 1, 100}};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        open_p9();
        vb_start(&b, 0, 1);
        offer(0, sizes[i][0], sizes[i][1]);
        ck_assert_uint_eq(vb_get(&b, STATUS, 1) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
        put(1, version, sizeof(version)); /* nothing happens until it is reset */
        virtio_9p_drain(&p9);
        ck_assert_int_eq(vb_used(&b, 0), -1);
        vb_start(&b, 0, 1);
        put(0, version, sizeof(version));
        virtio_9p_drain(&p9);
        ck_assert_int_eq(vb_used(&b, 0), sizeof(version));
        close_p9();
    }
}
END_TEST

/* Memory that is none, and a reset while messages are on their way. */
START_TEST(resets) {
    open_p9();
    vb_start(&b, 0, 1);
    vb_descriptor(&b, 0, 0, 0xfff00000000, 0x1000, VB_NEXT, 1);
    vb_descriptor(&b, 0, 1, 0xfff00000000, 0x1000, VB_WRITE, 0);
    vb_offer(&b, 0, 0);
    virtio_9p_drain(&p9);
    ck_assert_int_eq(vb_used(&b, 0), 11); /* a message of FFh bytes is an error */
    for (unsigned i = 0; i < 8; i++)
        put(i, version, sizeof(version));
    vb_put(&b, STATUS, 0, 1);
    virtio_9p_drain(&p9);
    ck_assert(!fs9p_mounted(server));
    vb_start(&b, 0, 1);
    mount();
    ck_assert_int_eq(vb_used(&b, 0), sizeof(version));
    ck_assert(fs9p_mounted(server));
    close_p9();
}
END_TEST

/* What is mounted is the host's files: no state has them, and none can be saved. */
START_TEST(mounted) {
    open_p9();
    vb_start(&b, 0, 1);
    ck_assert_ptr_null(virtio_9p_state_table.check(&p9.state));
    mount();
    ck_assert_ptr_nonnull(strstr(virtio_9p_state_table.check(&p9.state), "mounted"));
    put(2, (uint8_t[]){11, 0, 0, 0, 120, 3, 0, 0, 0, 0, 0}, 11); /* Tclunk */
    virtio_9p_drain(&p9);
    ck_assert_ptr_null(virtio_9p_state_table.check(&p9.state));
    virtio_9p_restored(&p9);
    put(3, attach, sizeof(attach)); /* which begins with Tversion */
    virtio_9p_drain(&p9);
    ck_assert_uint_eq(vb_get(&b, REPLY + 0x3004, 1), 7);
    close_p9();
}
END_TEST

Suite *virtio_9p_suite(void) {
    Suite *s = suite_create("virtio_9p");
    TCase *t = tcase_create("core");
    tcase_add_test(t, messages);
    tcase_add_test(t, wrong_buffers);
    tcase_add_test(t, resets);
    tcase_add_test(t, mounted);
    suite_add_tcase(s, t);
    return s;
}
