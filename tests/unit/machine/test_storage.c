/* SPDX-License-Identifier: MIT */
/* -drive and -device: what becomes of them in the machine, what is refused, media that change, errors that stop it. */
#include "block/internal.h"
#include "machine/doorbells.h"
#include "machine/machine.h"
#include "memory/doorbell.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 1 << 20 };

static char disk[] = "/tmp/storage-disk-XXXXXX", cd[] = "/tmp/storage-cd-XXXXXX";
static char why[BLOCK_WHY];
static Twin86Machine *handle;
static struct Machine *m;
static const char *const *blockdevs; /* of the next machine */

static void make_file(char *path) {
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, SIZE), 0);
    close(fd);
}

static void setup(void) {
    strcpy(disk + strlen(disk) - 6, "XXXXXX");
    strcpy(cd + strlen(cd) - 6, "XXXXXX");
    make_file(disk);
    make_file(cd);
    handle = NULL;
    blockdevs = NULL;
}

static void teardown(void) {
    twin86_destroy(handle);
    unlink(disk);
    unlink(cd);
}

/* "DISK" and "CD" in an option stand for the files. */
static void put_option(char *to, size_t n, const char *text) {
    const char *d = strstr(text, "DISK") != NULL ? strstr(text, "DISK") : strstr(text, "BIG"), *c = strstr(text, "CD"),
               *at = d != NULL ? d : c;
    if (at == NULL)
        snprintf(to, n, "%s", text);
    else
        snprintf(to, n, "%.*s%s%s", (int)(at - text), text, d != NULL ? disk : cd,
                 at + (d == NULL   ? 2
                       : *d == 'D' ? 4
                                   : 3));
}

static int make(const char *const *drives, const char *const *devices, bool snapshot) {
    static char text[8][200], node[4][200];
    const char *d[5] = {NULL}, *v[4] = {NULL}, *b[5] = {NULL};
    Twin86Config c;
    for (unsigned i = 0; drives != NULL && drives[i] != NULL; i++) {
        put_option(text[i], sizeof(text[i]), drives[i]);
        d[i] = text[i];
    }
    for (unsigned i = 0; devices != NULL && devices[i] != NULL; i++)
        v[i] = devices[i];
    for (unsigned i = 0; blockdevs != NULL && blockdevs[i] != NULL; i++) {
        put_option(node[i], sizeof(node[i]), blockdevs[i]);
        b[i] = node[i];
    }
    twin86_config_init(&c);
    c.blockdevs = b;
    c.ram_size = 4 << 20;
    c.drives = d;
    c.devices = v;
    c.snapshot = snapshot;
    why[0] = '\0';
    int r = twin86_create(&handle, &c, why, sizeof(why));
    m = r == 0 ? machine_of(handle) : NULL;
    return r;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct IdeDriveConfig *place(unsigned channel, unsigned drive) {
    return &m->piix3_ide.ide.channel[channel].drive[drive].config;
}

static const char *info(void) {
    static char text[2000];
    memset(text, 0, sizeof(text));
    FILE *f = fmemopen(text, sizeof(text) - 1, "w");
    pthread_mutex_lock(&m->lock);
    storage_print(m, NULL, false, f);
    pthread_mutex_unlock(&m->lock);
    fclose(f);
    return text;
}

START_TEST(places) {
    ck_assert_msg(
        make(LIST("file=DISK,format=raw", "media=cdrom,file=CD", "if=ide,index=3,media=cdrom"), NULL, false) == 0, "%s",
        why);
    ck_assert_int_eq(place(0, 0)->kind, IDE_DISK);
    ck_assert_int_eq(place(0, 1)->kind, IDE_CD);
    ck_assert_int_eq(place(1, 0)->kind, IDE_NONE);
    ck_assert_int_eq(place(1, 1)->kind, IDE_CD);
    ck_assert_str_eq(place(0, 0)->serial, "TW00001");
    ck_assert_int_eq(place(0, 0)->write_error, BLOCK_ERROR_ENOSPC);
    ck_assert(m->fw.wanted);
    const char *text = info();
    ck_assert_msg(strstr(text, "ide0-hd0 (#ide0-hd0): /tmp/") && strstr(text, "ide0-cd1 (#ide0-cd1): /tmp/") &&
                      strstr(text, "read-only") && strstr(text, "ide1-cd1: [not inserted]"),
                  "%s", text);
}
END_TEST

START_TEST(devices) {
    ck_assert_msg(
        make(LIST("file=DISK,format=raw,if=none,id=d,werror=stop,rerror=stop", "if=none,id=c,file=CD,media=cdrom"),
             LIST("ide-hd,drive=d,bus=ide.1,unit=0,serial=S,,1,model=M", "ide-cd,drive=c,id=the-cd", "ide-cd"),
             false) == 0,
        "%s", why);
    ck_assert_int_eq(place(1, 0)->kind, IDE_DISK);
    ck_assert_str_eq(place(1, 0)->serial, "S,1");
    ck_assert_str_eq(place(1, 0)->model, "M");
    ck_assert_int_eq(place(1, 0)->write_error, BLOCK_ERROR_STOP);
    ck_assert_int_eq(place(0, 0)->kind, IDE_CD);
    ck_assert_int_eq(place(0, 1)->kind, IDE_CD);
    ck_assert_ptr_eq(storage_find(m, "the-cd"), storage_find(m, "c"));
}
END_TEST

static const struct {
    const char *drives[3], *device, *words;
} refusals[] = {
    {{"file=/no/such/file"}, NULL, "/no/such/file"},
    {{"if=ide"}, NULL, "file= is missing"},
    {{"media=cdrom,if=virtio"}, NULL, "if=virtio is for disks"},
    {{"file=DISK,format=raw,if=none,id=x"}, "virtio-blk-pci,drive=x,addr=1", "from 2 to 1f"},
    {{"file=DISK,format=raw,if=none,id=x"}, "virtio-blk-pci,drive=x,num-queues=9", "from 1 to 8"},
    {{"file=DISK,format=raw,id=x"}, "virtio-blk-pci,drive=x", "has a device already"},
    {{"media=cdrom,if=none,id=x"}, "virtio-blk-pci,drive=x", "ide-cd shows it"},
    {{NULL}, "virtio-blk-pci", "needs drive=ID"},
    {{"if=floppy,index=2"}, NULL, "index=0 and 1"},
    {{"if=floppy,index=1", "if=floppy,unit=1"}, NULL, "floppy drive 1 is taken"},
    {{"if=floppy,media=cdrom"}, NULL, "if=floppy is for disks"},
    {{"if=floppy,werror=stop"}, NULL, "leave werror= and rerror= out"},
    {{"if=floppy,rerror=ignore"}, NULL, "leave werror= and rerror= out"},
    {{"file=BIG,if=floppy,format=raw"}, NULL, "is no floppy disk"},
    {{"file=/dev/null,if=floppy,format=raw"}, NULL, ""},
    {{NULL}, "floppy,drive=x", "there is no drive 'x'"},
    {{"if=floppy,id=x"}, "floppy,drive=x", "has a device already"},
    {{"media=cdrom,if=none,id=x"}, "floppy,drive=x", "ide-cd shows it"},
    {{NULL}, "floppy,unit=2", "unit=2 is not right"},
    {{NULL}, "floppy,bootindex=x", "bootindex=x is not right"},
    {{NULL}, "ide-cd,bootindex=-2", "bootindex=-2 is not right"},
    {{NULL}, "floppy,bus=floppy-bus.1", "floppy-bus.0 is there"},
    {{NULL}, "floppy,serial=1", "has no property 'serial'"},
    {{NULL}, "virtio-rng-pci,bootindex=1", "bootindex=1 is not right"},
    {{NULL}, "virtio-rng-pci,romfile=/no/such/rom", "/no/such/rom"},
    {{NULL}, "virtio-rng-pci,romfile=/dev/null", "is no option ROM"},
    {{NULL}, "floppy,bootindex=1;ide-cd,bootindex=1", "bootindex=1 is taken"},
    {{NULL}, "floppy,drive-type=8", "drive-type=8 is not right"},
    {{"file=DISK,index=4"}, NULL, "4 places"},
    {{"media=cdrom,index=1", "media=cdrom,index=1"}, NULL, "ide.0 unit 1 is taken"},
    {{"media=cdrom,id=a", "media=cdrom,id=a"}, NULL, "there is a drive 'a' already"},
    {{"file=/dev/null,format=raw"}, NULL, ""},
    {{NULL}, "ide-hd", "needs drive=ID"},
    {{NULL}, "ide-hd,drive=x", "there is no drive 'x'"},
    {{"media=cdrom,if=none,id=x"}, "ide-hd,drive=x", "ide-cd shows it"},
    {{"media=cdrom,id=x"}, "ide-cd,drive=x", "has a device already"},
    {{NULL}, "ide-cd,bus=ide.2", "ide.0 and ide.1 are there"},
    {{NULL}, "ide-cd,unit=2", "from 0 to 1"},
    {{NULL}, "ide-cd,colour=red", "has no property 'colour'; the nearest is"},
    {{NULL}, "ide-cd,serial=123456789012345678901", "20 characters are the most"},
};

START_TEST(refused) {
    char text[100] = "", *rest = text;
    const char *device[] = {NULL, NULL, NULL};
    if (refusals[_i].device != NULL) {
        snprintf(text, sizeof(text), "%s", refusals[_i].device);
        device[0] = strsep(&rest, ";");
        device[1] = rest;
    }
    if (refusals[_i].drives[0] != NULL && strstr(refusals[_i].drives[0], "BIG") != NULL)
        ck_assert_int_eq(truncate(disk, 4 << 20), 0);
    int r = make(refusals[_i].drives, device, false);
    ck_assert_int_lt(r, 0);
    ck_assert_msg(why[0] != '\0' && strchr(why, '\n') == NULL && strstr(why, refusals[_i].words) != NULL, "%s", why);
}
END_TEST

START_TEST(snapshot) {
    ck_assert_msg(make(LIST("file=DISK,format=raw", "media=cdrom,file=CD"), NULL, true) == 0, "%s", why);
    char byte = 0;
    pthread_mutex_lock(&m->lock);
    ck_assert_int_eq(block_sync(m->storage.drives->block, BLOCK_WRITE, 0, "x", 1), 0);
    ck_assert_int_eq(block_sync(m->storage.drives->block, BLOCK_READ, 0, &byte, 1), 0);
    pthread_mutex_unlock(&m->lock);
    ck_assert_int_eq(byte, 'x');
    FILE *f = fopen(disk, "r");
    ck_assert_int_eq(fgetc(f), 0);
    fclose(f);
}
END_TEST

static void count_bell(void *opaque, struct BusDoorbell *d) {
    unsigned *count = opaque;
    uint64_t gpa;
    ck_assert_int_ge(d->fd, 0);
    ck_assert(!bus_find_doorbell(m->bus, d, &gpa)); /* no firmware has run: BARs are nowhere */
    ++*count;
}

static void ring_bell(void *opaque, struct BusDoorbell *d) {
    uint64_t one = 1;
    (void)opaque;
    ck_assert_int_eq(write(d->fd, &one, sizeof(one)), sizeof(one));
}

static void is_silent(void *opaque, struct BusDoorbell *d) {
    uint64_t times;
    (void)opaque;
    ck_assert_int_lt(read(d->fd, &times, sizeof(times)), 0);
}

/* If an engine wants them: one for each queue. A machine that stands has heard all when its state is looked at. */
START_TEST(doorbells) {
    unsigned count = 0;
    ck_assert_msg(make(LIST("file=DISK,format=raw,if=none,id=d"), LIST("virtio-blk-pci,drive=d,num-queues=4"), false) ==
                      0,
                  "%s", why);
    bus_for_each_doorbell(m->bus, count_bell, &count);
    ck_assert_uint_eq(count, 0); /* tcg-lite */
    bus_want_doorbells(m->bus);
    ck_assert_int_eq(machine_wire_doorbells(m), 0);
    bus_for_each_doorbell(m->bus, count_bell, &count);
    ck_assert_uint_eq(count, 4);
    bus_for_each_doorbell(m->bus, ring_bell, NULL);
    machine_sync_state(m);
    bus_for_each_doorbell(m->bus, is_silent, NULL);
}
END_TEST

static bool tell_later(void) {
    pthread_mutex_lock(&m->lock);
    bool later = storage_tell_later(&m->storage.virtio[0]);
    pthread_mutex_unlock(&m->lock);
    return later;
}

static bool all_told(void) { return atomic_load(&m->storage.untold) == 0; }

/* Interrupts wait for a vCPU that halts, or some time; not those of requests that come one at a time. */
START_TEST(interrupts_wait) {
    enum { ALONE = 4, PROBE = 16 };
    ck_assert_msg(make(LIST("file=DISK,format=raw,if=virtio"), NULL, false) == 0, "%s", why);
    ck_assert(tell_later() && tell_later());
    ck_assert(!all_told());
    storage_vcpu_idle(m);
    ck_assert(all_told());
    for (unsigned n = 0; n < 3 * PROBE; n++) {
        ck_assert_int_eq(tell_later(), n < ALONE || n % PROBE == 0);
        storage_vcpu_idle(m);
    }
    ck_assert(tell_later() && tell_later()); /* no longer alone */
    usleep(5000);
    ck_assert(!all_told()); /* the machine stands still */
    pthread_mutex_lock(&m->lock);
    loop_set_active(&m->loop, true);
    pthread_mutex_unlock(&m->lock);
    for (int n = 0; n < 10000 && !all_told(); n++)
        usleep(1000);
    ck_assert(all_told());
    ck_assert(tell_later() && tell_later());
    pthread_mutex_lock(&m->lock);
    storage_drain(m); /* as before it is saved */
    pthread_mutex_unlock(&m->lock);
    ck_assert(all_told());
    m->config.icount = true;
    ck_assert(!tell_later());
    m->config.icount = false;
}
END_TEST

START_TEST(virtio_disks) {
    ck_assert_msg(make(LIST("file=DISK,format=raw,if=virtio", "file=CD,format=raw,if=none,id=d"),
                       LIST("virtio-blk-pci,drive=d,addr=0x10,num-queues=4,serial=S"), false) == 0,
                  "%s", why);
    pthread_mutex_lock(&m->lock);
    ck_assert_uint_eq(pci_config_read(&m->pci, 0, 2 << 3, 0, 4), 0x10011af4);
    ck_assert_uint_eq(pci_config_read(&m->pci, 0, 0x10 << 3, 0, 4), 0x10011af4);
    pthread_mutex_unlock(&m->lock);
    ck_assert_uint_eq(m->storage.virtio[1].blk.virtio.queues, 4);
    ck_assert_str_eq(m->storage.virtio[1].blk.config.serial, "S");
    ck_assert_ptr_nonnull(strstr(info(), "virtio0 (#virtio0): /tmp/"));
}
END_TEST

START_TEST(nodes) {
    blockdevs = LIST("driver=file,node-name=f,filename=DISK,cache.direct=off",
                     "{\"driver\": \"raw\", \"node-name\": \"r\", \"file\": \"f\"}",
                     "driver=raw,node-name=c,file.filename=CD,file.node-name=cf,read-only=on,detect-zeroes=on");
    ck_assert_msg(make(NULL,
                       LIST("virtio-blk-pci,drive=r,id=v,write-cache=off,werror=stop,logical_block_size=4096,"
                            "physical_block_size=16K,min_io_size=8192",
                            "ide-cd,drive=c"),
                       false) == 0,
                  "%s", why);
    const struct VirtioBlk *v = &m->storage.virtio[0].blk;
    ck_assert_ptr_eq(v->config.block, storage_find(m, "r")->block);
    ck_assert_ptr_eq(storage_find(m, "v"), storage_find(m, "r"));
    ck_assert_int_eq(v->config.write_error, BLOCK_ERROR_STOP);
    ck_assert(!block_write_cache(v->config.block));
    pthread_mutex_lock(&m->lock);
    storage_reset(m);
    pthread_mutex_unlock(&m->lock);
    ck_assert_uint_eq(v->space[20] | v->space[21] << 8, 4096);
    ck_assert_uint_eq(v->space[24], 2); /* 2^2 blocks are a physical one */
    ck_assert_uint_eq(v->space[26], 2);
    ck_assert_int_eq(place(0, 0)->kind, IDE_CD);
    ck_assert_ptr_eq(place(0, 0)->block, storage_find(m, "c")->block);
    const char *text = info();
    ck_assert_msg(strstr(text, "r: /tmp/") && strstr(text, "Detect zeroes:    on") && strstr(text, "writethrough"),
                  "%s", text);
}
END_TEST

static const struct {
    const char *nodes[4], *device, *words;
} node_refusals[] = {
    {{"driver=raw,node-name=a,file=b"}, NULL, "there is no node 'b'"},
    {{"driver=file,node-name=a,filename=DISK", "driver=file,node-name=a,filename=CD"}, NULL, "node 'a' already"},
    {{"driver=file,node-name=a,filename=/no/such"}, NULL, "/no/such"},
    {{"driver=host_device,node-name=a,filename=DISK"}, NULL, "is no block device"},
    {{"driver=file,node-name=f,filename=DISK", "driver=raw,node-name=a,file=f", "driver=raw,node-name=b,file=f"},
     NULL,
     "part of node 'a' already"},
    {{"driver=file,node-name=f,filename=DISK", "driver=raw,node-name=a,file=f"},
     "virtio-blk-pci,drive=f",
     "node 'f' is part of node 'a'"},
    {{"driver=qcow2,node-name=a,file.filename=DISK,backing=b", "driver=qcow2,node-name=b,file.filename=CD,backing=a"},
     NULL,
     "is behind itself"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "virtio-blk-pci,drive=a,logical_block_size=2M", "no multiple"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "virtio-blk-pci,drive=a,logical_block_size=1000", "a power of 2"},
    {{"driver=raw,node-name=a,file.filename=DISK"},
     "virtio-blk-pci,drive=a,logical_block_size=4K,physical_block_size=512",
     "more than physical_block_size"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "ide-hd,drive=a,logical_block_size=4096", "not for IDE"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "virtio-blk-pci,drive=a,num-queue=2", "nearest is 'num-queues'"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "virtio-blk-pci,drive=a,write-cache=offf", "write-cache=off"},
    {{"driver=raw,node-name=a,file.filename=DISK"}, "virtio-blk-pci,drive=a,werror=halt", "werror=halt is not right"},
    {{"driver=raw,node-name=0123456789012345678901234567890x,file.filename=DISK"}, NULL, "31 characters"},
};

START_TEST(nodes_refused) {
    const char *device[] = {node_refusals[_i].device, NULL};
    blockdevs = node_refusals[_i].nodes;
    int r = make(NULL, device, false);
    ck_assert_int_lt(r, 0);
    ck_assert_msg(strchr(why, '\n') == NULL && strstr(why, node_refusals[_i].words) != NULL, "%s", why);
}
END_TEST

START_TEST(resized) {
    blockdevs = LIST("driver=raw,node-name=v,file.filename=DISK", "driver=raw,node-name=i,file.filename=CD");
    ck_assert_msg(make(NULL, LIST("virtio-blk-pci,drive=v", "ide-hd,drive=i"), false) == 0, "%s", why);
    struct VirtioBlk *v = &m->storage.virtio[0].blk;
    pthread_mutex_lock(&m->lock);
    unsigned generation = v->state.virtio.generation;
    ck_assert_int_eq(storage_resize(m, "v", 2 * SIZE, why, sizeof(why)), 0);
    ck_assert_int_eq(storage_resize(m, "i", 2 * SIZE, why, sizeof(why)), 0);
    ck_assert_int_eq(storage_resize(m, "i", 1000, why, sizeof(why)), -EINVAL);
    ck_assert_int_eq(storage_resize(m, "x", SIZE, why, sizeof(why)), -ENOENT);
    ck_assert_int_eq(storage_commit(m, "i", why, sizeof(why)), -ENOTSUP);
    pthread_mutex_unlock(&m->lock);
    ck_assert_uint_eq(v->state.virtio.generation, generation + 1);
    ck_assert_uint_eq((unsigned)(v->space[0] | v->space[1] << 8), 2 * SIZE / 512);
    ck_assert_uint_eq(m->piix3_ide.ide.channel[0].drive[0].sectors, 2 * SIZE / 512);
}
END_TEST

/* As a monitor does it, with the lock held here. */
static int eject(const char *id, bool force) {
    struct Block *out;
    int r = storage_eject(m, id, force, &out, why, sizeof(why));
    block_close(out);
    return r;
}

static int change(const char *id, const char *file, const char *format) {
    struct Block *block;
    pthread_mutex_unlock(&m->lock);
    int r = storage_open_medium(m, id, file, format, &block, why, sizeof(why));
    pthread_mutex_lock(&m->lock);
    if (r == 0)
        r = storage_change(m, id, &block, false, why, sizeof(why));
    block_close(block);
    return r;
}

START_TEST(media) {
    ck_assert_msg(make(LIST("file=DISK,format=raw", "media=cdrom,file=CD,id=c"), NULL, false) == 0, "%s", why);
    struct IdeDriveState *s = &m->piix3_ide.ide.channel[0].state.drive[1];
    pthread_mutex_lock(&m->lock);
    ck_assert_int_eq(eject("x", false), -ENOENT);
    ck_assert_int_eq(eject("ide0-hd0", false), -ENOTSUP);
    s->locked = true;
    ck_assert_int_eq(eject("c", false), -EBUSY);
    ck_assert_ptr_nonnull(place(0, 1)->block);
    ck_assert_int_eq(eject("c", true), 0);
    ck_assert_ptr_null(place(0, 1)->block);
    ck_assert(s->tray_open);
    ck_assert_int_eq(eject("c", false), 0); /* again: nothing */
    ck_assert_int_lt(change("c", "/no/such/file", NULL), 0);
    ck_assert_ptr_nonnull(strstr(why, "/no/such/file"));
    ck_assert_int_eq(change("c", cd, "raw"), 0);
    ck_assert_ptr_nonnull(place(0, 1)->block);
    ck_assert(!s->tray_open && s->changed);
    pthread_mutex_unlock(&m->lock);
    ck_assert_ptr_nonnull(strstr(info(), "c (#c): /tmp/storage-cd"));
}
END_TEST

static uint8_t cmos(unsigned index) { return rtc_get_cmos(&m->rtc, index); }

START_TEST(floppies) {
    ck_assert_int_eq(truncate(disk, 360 << 10), 0);
    ck_assert_msg(make(LIST("file=DISK,format=raw,if=floppy,index=1,readonly=on"), LIST("floppy,id=a"), false) == 0,
                  "%s", why);
    ck_assert(m->fw.wanted);
    ck_assert_uint_eq(cmos(0x10), 0x51); /* 2.88 MB, as nothing is in it; 360 KB */
    ck_assert_uint_eq(cmos(0x14), 0x47);
    const char *text = info();
    ck_assert_msg(strstr(text, "floppy0 (#floppy0): /tmp/") && strstr(text, "floppy-bus.0, unit 1, 360 KB") &&
                      strstr(text, "a: [not inserted]"),
                  "%s", text);
    pthread_mutex_lock(&m->lock);
    ck_assert_int_eq(truncate(cd, 1440 << 10), 0);
    ck_assert_int_eq(change("floppy0", cd, "raw"), -EFBIG);
    ck_assert_ptr_nonnull(strstr(why, "does not go into a drive of 360 KB"));
    ck_assert_ptr_nonnull(m->fdc.drive[1].config.block);
    m->fdc.state.drive[0].changed = false;
    ck_assert_int_eq(change("a", cd, "raw"), 0);
    ck_assert(m->fdc.state.drive[0].changed);
    ck_assert_uint_eq(m->fdc.drive[0].medium.sectors, 18);
    ck_assert(!block_readonly(m->fdc.drive[0].config.block));
    ck_assert_int_eq(eject("a", false), 0);
    ck_assert_ptr_null(m->fdc.drive[0].config.block);
    ck_assert_int_eq(eject("floppy0", false), 0);
    pthread_mutex_unlock(&m->lock);
    ck_assert_ptr_nonnull(strstr(info(), "floppy0: [not inserted]"));
}
END_TEST

START_TEST(floppy_drive_types) {
    ck_assert_msg(make(LIST("if=floppy", "file=DISK,if=none,id=d,format=raw"),
                       LIST("floppy,drive=d,drive-type=144,unit=1,bus=floppy-bus.0"), false) == 0,
                  "%s", why);
    ck_assert_uint_eq(cmos(0x10), 0x54);
}
END_TEST

/* bootorder, as firmware reads it: by index, not as they were given. */
START_TEST(boot_order) {
    uint32_t size = 0;
    ck_assert_msg(make(LIST("file=DISK,format=raw,if=none,id=d", "file=CD,format=raw,if=none,id=v", "if=floppy,id=f0",
                            "if=none,media=cdrom,id=c"),
                       LIST("virtio-blk-pci,drive=v,addr=0x1f,bootindex=7", "ide-cd,drive=c,bus=ide.1,bootindex=0",
                            "floppy,bootindex=3"),
                       false) == 0,
                  "%s", why);
    const char *text = (const char *)fw_cfg_file(&m->fw_cfg, "bootorder", &size);
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, "/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/isa@1/fdc@03f0/floppy@1\n"
                           "/pci@i0cf8/scsi@1f/disk@0,0");
    ck_assert_uint_eq(size, strlen(text) + 1);
}
END_TEST

/* An expansion ROM is behind its BAR, in a size that is a power of 2. */
START_TEST(romfile) {
    uint8_t rom[4608] = {0x55, 0xaa, 9, [4607] = 0x5a};
    FILE *f = fopen("storage.rom", "wb");
    ck_assert_uint_eq(fwrite(rom, 1, sizeof(rom), f), sizeof(rom));
    fclose(f);
    ck_assert_msg(make(NULL, LIST("virtio-rng-pci,romfile=storage.rom,addr=5", "virtio-balloon-pci,romfile="), false) ==
                      0,
                  "%s", why);
    remove("storage.rom");
    ck_assert(m->fw.wanted);
    pthread_mutex_lock(&m->lock);
    pci_config_write(&m->pci, 0, 5 << 3, PCI_ROM, 0xfffffffe, 4);
    ck_assert_uint_eq(pci_config_read(&m->pci, 0, 5 << 3, PCI_ROM, 4), 0xffffe000);
    pci_config_write(&m->pci, 0, 5 << 3, PCI_ROM, 0xe0000001, 4);
    pci_config_write(&m->pci, 0, 5 << 3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    ck_assert_uint_eq(bus_read_uint(m->bus, 0xe0000000, 2), 0xaa55);
    ck_assert_uint_eq(bus_read_uint(m->bus, 0xe0000000 + 4607, 1), 0x5a);
    ck_assert_uint_eq(bus_read_uint(m->bus, 0xe0000000 + 4608, 1), 0);
    pci_config_write(&m->pci, 0, 2 << 3, PCI_ROM, 0xfffffffe, 4);
    ck_assert_uint_eq(pci_config_read(&m->pci, 0, 2 << 3, PCI_ROM, 4), 0);
    pthread_mutex_unlock(&m->lock);
}
END_TEST

/* REP INSW of one sector from disk to 0000:0600; then the guest halts. */
static const uint8_t read_sector[] = {
    0xba, 0xf6, 0x01, 0xb0, 0xe0, 0xee,             /* device: LBA */
    0xba, 0xf2, 0x01, 0xb0, 0x01, 0xee,             /* count 1 */
    0x42, 0x30, 0xc0, 0xee, 0x42, 0xee, 0x42, 0xee, /* LBA 0 */
    0xba, 0xf7, 0x01, 0xb0, 0x20, 0xee,             /* READ SECTORS */
    0xec, 0xa8, 0x08, 0x74, 0xfb,                   /* until DRQ */
    0xba, 0xf0, 0x01, 0xb9, 0x00, 0x01,             /* 256 words */
    0x31, 0xff, 0x8e, 0xc7, 0xbf, 0x00, 0x06, 0xf3, 0x6d, 0xf4,
};

static void put_code(void) {
    twin86_write_memory(handle, 0x7c00, read_sector, sizeof(read_sector));
    twin86_write_reg(handle, 0, TWIN86_CS, 0);
    twin86_write_reg(handle, 0, TWIN86_RIP, 0x7c00);
}

static void write_disk(void) {
    FILE *f = fopen(disk, "r+");
    for (unsigned i = 0; i < 512; i++)
        fputc(i % 251, f);
    fclose(f);
}

/* The guest reads while the machine's own threads do the rest. */
START_TEST(a_guest_reads) {
    uint8_t got[512] = {0};
    Twin86Event e;
    write_disk();
    ck_assert_msg(make(LIST("file=DISK,format=raw"), NULL, false) == 0, "%s", why);
    put_code();
    ck_assert_int_eq(twin86_start(handle, 0), 0);
    for (unsigned i = 0; i < 2000 && got[511] != 511 % 251; i++) {
        ck_assert_int_eq(twin86_wait(handle, 10, &e), -ETIMEDOUT);
        twin86_pause(handle);
        twin86_read_memory(handle, 0x600, got, sizeof(got));
        ck_assert_int_eq(twin86_start(handle, 0), 0);
    }
    for (unsigned i = 0; i < 512; i++)
        ck_assert_uint_eq(got[i], i % 251);
}
END_TEST

static int fail_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    (void)n, (void)offset, (void)bytes, (void)v;
    return -EIO;
}

/* rerror=report and ignore: the guest goes on, and who watches is told. */
START_TEST(an_error_is_told) {
    bool report = _i == 0;
    struct News news;
    Twin86Event e;
    write_disk();
    const char *const *drives =
        report ? LIST("file=DISK,format=raw,id=d") : LIST("file=DISK,format=raw,id=d,rerror=ignore");
    ck_assert_msg(make(drives, NULL, false) == 0, "%s", why);
    struct BlockNode *root = m->storage.drives->block->root;
    struct BlockDriver broken = *root->driver;
    const struct BlockDriver *driver = root->driver;
    broken.read = fail_read;
    broken.begin = NULL;
    root->driver = &broken;
    put_code();
    ck_assert_int_eq(twin86_start(handle, 0), 0);
    bool told = false;
    for (unsigned i = 0; i < 2000 && !told; i++) {
        ck_assert_int_eq(twin86_wait(handle, 10, &e), -ETIMEDOUT);
        pthread_mutex_lock(&m->lock);
        told = news_take(&m->news, &news);
        pthread_mutex_unlock(&m->lock);
    }
    twin86_pause(handle);
    root->driver = driver;
    ck_assert(told);
    ck_assert_int_eq(news.kind, NEWS_IO_ERROR);
    ck_assert_int_eq(news.action, report ? BLOCK_ERROR_REPORT : BLOCK_ERROR_IGNORE);
    ck_assert(!news.write && news.error == -EIO);
    ck_assert_str_eq(news.drive, "d");
    ck_assert_str_eq(news.node, "#d");
    ck_assert(!news_take(&m->news, &news));
}
END_TEST

/* More than anybody fetches are lost, the last ones. */
START_TEST(news_are_bounded) {
    struct News news;
    unsigned count = 0;
    ck_assert_msg(make(LIST("file=DISK,format=raw"), NULL, false) == 0, "%s", why);
    pthread_mutex_lock(&m->lock);
    news_plain(&m->news, NEWS_BALLOON);
    news_plain(&m->news, NEWS_BALLOON);
    for (int i = 0; i < 3 * NEWS_MOST; i++)
        storage_failed(m->storage.drives, true, -1 - i, BLOCK_ERROR_REPORT);
    ck_assert(news_take(&m->news, &news) && news.kind == NEWS_BALLOON);
    while (news_take(&m->news, &news))
        ck_assert_int_eq(news.error, -1 - (int)count++);
    ck_assert_uint_eq(count, NEWS_MOST - 1);
    pthread_mutex_unlock(&m->lock);
}
END_TEST

/* rerror=stop: the machine stops and says why; when it goes on, the guest gets its data. */
START_TEST(an_error_stops_it) {
    uint8_t got[512] = {0};
    Twin86Event e;
    write_disk();
    ck_assert_msg(make(LIST("file=DISK,format=raw,rerror=stop"), NULL, false) == 0, "%s", why);
    struct BlockNode *root = m->storage.drives->block->root;
    const struct BlockDriver *driver = root->driver;
    struct BlockDriver broken = *driver;
    broken.read = fail_read;
    broken.begin = NULL;
    root->driver = &broken;
    put_code();
    ck_assert_int_eq(twin86_start(handle, 0), 0);
    ck_assert_int_eq(twin86_wait(handle, 20000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_IO_ERROR);
    ck_assert_str_eq(e.message, "drive ide0-hd0: reading: Input/output error");
    root->driver = driver;
    ck_assert_int_eq(twin86_start(handle, 0), 0);
    for (unsigned i = 0; i < 2000 && got[511] != 511 % 251; i++) {
        ck_assert_int_eq(twin86_wait(handle, 10, &e), -ETIMEDOUT);
        twin86_pause(handle);
        twin86_read_memory(handle, 0x600, got, sizeof(got));
        ck_assert_int_eq(twin86_start(handle, 0), 0);
    }
    ck_assert_uint_eq(got[511], 511 % 251);
}
END_TEST

Suite *storage_suite(void) {
    Suite *s = suite_create("storage");
    TCase *t = tcase_create("storage");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, places);
    tcase_add_test(t, devices);
    tcase_add_loop_test(t, refused, 0, sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(t, snapshot);
    tcase_add_test(t, virtio_disks);
    tcase_add_test(t, interrupts_wait);
    tcase_add_test(t, nodes);
    tcase_add_loop_test(t, nodes_refused, 0, sizeof(node_refusals) / sizeof(node_refusals[0]));
    tcase_add_test(t, resized);
    tcase_add_test(t, doorbells);
    tcase_add_test(t, media);
    tcase_add_test(t, floppies);
    tcase_add_test(t, boot_order);
    tcase_add_test(t, romfile);
    tcase_add_test(t, floppy_drive_types);
    tcase_add_test(t, a_guest_reads);
    tcase_add_test(t, an_error_stops_it);
    tcase_add_loop_test(t, an_error_is_told, 0, 2);
    tcase_add_test(t, news_are_bounded);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
