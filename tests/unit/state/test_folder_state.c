/* SPDX-License-Identifier: MIT */
/* Shared folders and saved machines: what is mounted is in no state. */
#include "tests/unit/state/state_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const devices[] = {"virtio-9p-pci,fsdev=f,mount_tag=share", NULL};

static Twin86Machine *machine_with(const char *folder) {
    static char fsdev[100];
    const char *const fsdevs[] = {fsdev, NULL};
    Twin86Config c;
    twin86_config_init(&c);
    snprintf(fsdev, sizeof(fsdev), "local,id=f,path=%s,security_model=none", folder);
    c.ram_size = 1 << 20;
    c.fsdevs = fsdevs;
    c.devices = devices;
    return bench_empty(&c);
}

static void done(void *opaque) { (void)opaque; }

/* A message in the place of the guest's; the reply's type. */
static uint8_t say(struct Machine *m, const uint8_t *bytes, size_t n) {
    static uint8_t message[64], reply[256];
    struct VirtioFolderDevice *d = &m->virtio.folder[0];
    memcpy(message, bytes, n);
    struct Fs9pRequest r = {.message = message, .size = n, .reply = reply, .room = sizeof(reply), .done = done};
    pthread_mutex_lock(&m->lock);
    fs9p_submit(d->server, &r);
    virtio_9p_drain(&d->p9);
    pthread_mutex_unlock(&m->lock);
    return reply[4];
}

static int save(struct Machine *m, char *why, size_t n) {
    char *data = NULL;
    size_t size;
    FILE *f = open_memstream(&data, &size);
    int r = machine_save(m, f, why, n);
    fclose(f);
    free(data);
    return r;
}

START_TEST(mounted) {
    static const uint8_t version[] = {21, 0, 0,   0,   100, 1,   0,   0,   32,  0,  0,
                                      8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L'},
                         attach[] = {23, 0, 0, 0, 104, 2, 0, 1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0},
                         clunk[] = {11, 0, 0, 0, 120, 3, 0, 1, 0, 0, 0};
    char folder[] = "./folder-XXXXXX", why[300] = "";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    Twin86Machine *m = machine_with(folder), *other = machine_with(folder);
    struct SavedState s = bench_save(m);
    ck_assert_uint_eq(say(machine_of(m), version, sizeof(version)), 101);
    ck_assert_uint_eq(say(machine_of(m), attach, sizeof(attach)), 105);
    ck_assert_int_eq(save(machine_of(m), why, sizeof(why)), -EBUSY);
    ck_assert_msg(strstr(why, "shared folder mounted") != NULL && strchr(why, '\n') == NULL, "%s", why);
    ck_assert_uint_eq(say(machine_of(m), clunk, sizeof(clunk)), 121);
    ck_assert_int_eq(save(machine_of(m), why, sizeof(why)), 0);
    ck_assert_uint_eq(say(machine_of(other), version, sizeof(version)), 101);
    ck_assert_uint_eq(say(machine_of(other), attach, sizeof(attach)), 105);
    bench_restore(other, &s); /* whose guest has nothing mounted */
    ck_assert(!fs9p_mounted(machine_of(other)->virtio.folder[0].server));
    free(s.data);
    twin86_destroy(m);
    twin86_destroy(other);
    rmdir(folder);
}
END_TEST

Suite *folder_state_suite(void) {
    Suite *s = suite_create("folder_state");
    TCase *t = tcase_create("core");
    tcase_add_test(t, mounted);
    suite_add_tcase(s, t);
    return s;
}
