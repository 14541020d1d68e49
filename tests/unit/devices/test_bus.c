/* SPDX-License-Identifier: MIT */
#include "memory/bus.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A device that logs what it is asked, e.g. "r4@10 w2@0=beef"; reads give bytes that name their offset. */
struct Probe {
    char log[512];
    pthread_mutex_t *lock;
};

static void note(struct Probe *p, const char *text) {
    ck_assert_uint_lt(strlen(p->log) + strlen(text) + 2, sizeof(p->log));
    if (p->log[0])
        strcat(p->log, " ");
    strcat(p->log, text);
}

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size) {
    char text[64];
    snprintf(text, sizeof(text), "r%u@%llx", size, (unsigned long long)offset);
    note(opaque, text);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)((offset + i) & 0xff) << (8 * i);
    return value;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    char text[64];
    snprintf(text, sizeof(text), "w%u@%llx=%llx", size, (unsigned long long)offset, (unsigned long long)value);
    note(opaque, text);
}

static const struct IoOps ops_default = {probe_read, probe_write, 0, 0}, ops_4 = {probe_read, probe_write, 4, 4},
                          ops_1_8 = {probe_read, probe_write, 1, 8}, ops_2_4 = {probe_read, probe_write, 2, 4},
                          ops_1_4 = {probe_read, probe_write, 1, 4}, ops_silent = {NULL, NULL, 0, 0};

static pthread_mutex_t lock;
static struct Bus *bus;
static struct Region ram, rom, mmio;
static struct Probe probe;

static void setup(void) {
    bus_lock_init(&lock);
    bus = bus_new(&lock);
    memset(&probe, 0, sizeof(probe));
    ck_assert_int_eq(region_init_ram(&ram, "ram", 16 * 4096), 0);
    for (unsigned i = 0; i < ram.size; i++)
        ram.host[i] = (uint8_t)(i * 7 + (i >> 8));
    ck_assert_int_eq(region_init_rom(&rom, "rom", "ROM!", 4, 8192), 0);
}

static void teardown(void) {
    bus_free(bus);
    region_destroy(&ram);
    region_destroy(&rom);
}

static void map_mmio(uint64_t base, uint64_t size, const struct IoOps *ops) {
    region_init_mmio(&mmio, "mmio", size, ops, &probe);
    ck_assert_int_eq(bus_map(bus, base, &mmio), 0);
}

static void expect_log(const char *log) {
    ck_assert_str_eq(probe.log, log);
    probe.log[0] = 0;
}

/* --- Mapping and lookup --- */

static void expect_find(uint64_t gpa, struct Region *region, uint64_t offset, uint64_t avail) {
    uint64_t o, a;
    struct Region *r = bus_find(bus, gpa, &o, &a);
    ck_assert_msg(r == region, "%llx: %s", (unsigned long long)gpa, r ? r->name : "hole");
    ck_assert_uint_eq(a, avail);
    if (region)
        ck_assert_uint_eq(o, offset);
}

START_TEST(empty_bus) {
    uint64_t value = 0;
    expect_find(0, NULL, 0, UINT64_MAX);
    expect_find(UINT64_MAX, NULL, 0, 1);
    bus_read(bus, 0x1234, &value, 8);
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfffffff0, 2), 0xffff);
    bus_write(bus, 0x1234, &value, 8);
    ck_assert_uint_eq(bus_port_read(bus, 0x80, 4), 0xffffffff);
    bus_port_write(bus, 0x80, 1, 1);
    ck_assert_ptr_null(bus_ram_ptr(bus, 0, 1));
}
END_TEST

START_TEST(find_ranges_and_holes) {
    ck_assert_int_eq(bus_map(bus, 0x10000, &ram), 0);
    ck_assert_int_eq(bus_map(bus, 0x40000, &rom), 0);
    expect_find(0, NULL, 0, 0x10000);
    expect_find(0xffff, NULL, 0, 1);
    expect_find(0x10000, &ram, 0, 0x10000);
    expect_find(0x1ffff, &ram, 0xffff, 1);
    expect_find(0x20000, NULL, 0, 0x20000);
    expect_find(0x41000, &rom, 0x1000, 0x1000);
    expect_find(0x42000, NULL, 0, UINT64_MAX - 0x42000 + 1);
}
END_TEST

START_TEST(later_mappings_shadow_and_reappear) {
    ck_assert_int_eq(bus_map(bus, 0, &ram), 0);
    ck_assert_int_eq(bus_map(bus, 0x4000, &rom), 0);
    map_mmio(0x5800, 0x400, &ops_default);
    expect_find(0, &ram, 0, 0x4000);
    expect_find(0x4000, &rom, 0, 0x1800);
    expect_find(0x5900, &mmio, 0x100, 0x300);
    expect_find(0x5c00, &rom, 0x1c00, 0x400);
    expect_find(0x6000, &ram, 0x6000, 0xa000);
    ck_assert_int_eq(bus_map_part(bus, 0x3000, &ram, 0x8000, 0x4000), 0); /* covers rom and mmio wholly */
    expect_find(0x2000, &ram, 0x2000, 0x1000);
    expect_find(0x5000, &ram, 0xa000, 0x2000);
    expect_find(0x7000, &ram, 0x7000, 0x9000);
    bus_unmap(bus, &ram);
    expect_find(0x3000, NULL, 0, 0x1000);
    expect_find(0x4000, &rom, 0, 0x1800);
    expect_find(0x5800, &mmio, 0, 0x400);
    bus_unmap(bus, &mmio);
    expect_find(0x4000, &rom, 0, 0x2000);
    bus_unmap(bus, &mmio); /* not mapped: nothing happens */
    bus_unmap(bus, &rom);
    expect_find(0, NULL, 0, UINT64_MAX);
}
END_TEST

START_TEST(bad_mappings_are_refused) {
    ck_assert_int_eq(bus_map(bus, 0x800, &ram), -EINVAL);
    ck_assert_int_eq(bus_map(bus, UINT64_MAX - 0xffff + 0x1000, &ram), -EINVAL); /* wraps */
    ck_assert_int_eq(bus_map(bus, 0ull - 0x10000, &ram), 0);                     /* ends with the address space */
    expect_find(UINT64_MAX, &ram, 0xffff, 1);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, 0, 0), -EINVAL);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, 0x800, 0x1000), -EINVAL);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, 0xf000, 0x2000), -EINVAL);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, 0x11000, 0x1000), -EINVAL);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, UINT64_MAX - 0xfff, 0x2000), -EINVAL);
    region_init_mmio(&mmio, "odd", 24, &ops_default, &probe);
    ck_assert_int_eq(bus_map(bus, 0x3f8, &mmio), 0);
    expect_find(0x400, &mmio, 8, 16);
}
END_TEST

static void list_mapping(void *opaque, const struct BusMapping *m, uint64_t offset) {
    char text[64];
    snprintf(text, sizeof(text), "%s:%llx+%llx@%llx", m->region->name, (unsigned long long)m->base,
             (unsigned long long)m->size, (unsigned long long)offset);
    note(opaque, text);
}

START_TEST(for_each_goes_in_address_order) {
    ck_assert_int_eq(bus_map(bus, 0x8000, &ram), 0);
    ck_assert_int_eq(bus_map(bus, 0xa000, &rom), 0);
    ck_assert_int_eq(bus_map_part(bus, 0, &ram, 0x1000, 0x1000), 0);
    bus_for_each(bus, list_mapping, &probe);
    expect_log("ram:0+1000@1000 ram:8000+2000@0 rom:a000+2000@0 ram:c000+c000@4000");
}
END_TEST

/* The flattened map must agree with the definition: the last mapping that covers an address owns it. */
START_TEST(random_maps_agree_with_the_definition) {
    enum { REGIONS = 12, PAGES = 64, ROUNDS = 400 };
    struct Region r[REGIONS];
    struct {
        int region;
        unsigned base, offset, pages;
    } model[ROUNDS];
    unsigned count = 0, seed = 12345;
    for (int i = 0; i < REGIONS; i++)
        region_init_mmio(&r[i], "m", PAGES * 4096, &ops_silent, NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int which = rand_r(&seed) % REGIONS;
        if (rand_r(&seed) % 8 == 0) {
            bus_unmap(bus, &r[which]);
            unsigned kept = 0;
            for (unsigned i = 0; i < count; i++)
                if (model[i].region != which)
                    model[kept++] = model[i];
            count = kept;
        } else {
            model[count].region = which;
            model[count].base = rand_r(&seed) % PAGES;
            model[count].offset = rand_r(&seed) % (PAGES / 2);
            model[count].pages = 1 + rand_r(&seed) % (PAGES / 2);
            ck_assert_int_eq(bus_map_part(bus, model[count].base * 4096ull, &r[which], model[count].offset * 4096ull,
                                          model[count].pages * 4096ull),
                             0);
            count++;
        }
        for (unsigned page = 0; page < 2 * PAGES; page++) {
            int owner = -1;
            uint64_t want = 0, offset, avail;
            for (unsigned i = 0; i < count; i++) {
                if (page >= model[i].base && page < model[i].base + model[i].pages) {
                    owner = model[i].region;
                    want = (model[i].offset + page - model[i].base) * 4096ull;
                }
            }
            struct Region *got = bus_find(bus, page * 4096ull, &offset, &avail);
            ck_assert_ptr_eq(got, owner < 0 ? NULL : &r[owner]);
            ck_assert_uint_ge(avail, 4096);
            if (got)
                ck_assert_uint_eq(offset, want);
        }
    }
}
END_TEST

/* --- RAM and ROM --- */

START_TEST(ram_reads_and_writes) {
    ck_assert_int_eq(bus_map(bus, 0x100000000, &ram), 0);
    static const unsigned sizes[] = {1, 2, 4, 8};
    for (unsigned s = 0; s < 4; s++) {
        for (unsigned at = 0xffa; at < 0x1006; at++) {
            uint64_t value = 0;
            memcpy(&value, ram.host + at, sizes[s]);
            ck_assert_uint_eq(bus_read_uint(bus, 0x100000000 + at, sizes[s]), value);
            bus_write_uint(bus, 0x100000000 + at, ~value, sizes[s]);
            ck_assert_uint_eq(bus_read_uint(bus, 0x100000000 + at, sizes[s]),
                              sizes[s] == 8 ? ~value : ~value & ((1ull << (8 * sizes[s])) - 1));
        }
    }
    uint8_t before = ram.host[0x2001];
    bus_write_uint(bus, 0x100002000, 0xffff, 1); /* nothing beyond the size */
    ck_assert_uint_eq(ram.host[0x2001], before);
    ck_assert_ptr_eq(bus_ram_ptr(bus, 0x100000010, 0xfff0), ram.host + 0x10);
    ck_assert_ptr_null(bus_ram_ptr(bus, 0x100000010, 0xfff1));
}
END_TEST

START_TEST(rom_ignores_writes) {
    ck_assert_int_eq(bus_map(bus, 0xf0000, &rom), 0);
    bus_write(bus, 0xf0000, "xxxx", 4);
    bus_write_uint(bus, 0xf0000, 0, 4);
    ck_assert_int_eq(memcmp(rom.host, "ROM!", 4), 0);
    ck_assert_uint_eq(bus_read_uint(bus, 0xf0000, 4), 0x214d4f52);
    ck_assert_ptr_null(bus_ram_ptr(bus, 0xf0000, 4));
    rom.ops = &ops_default; /* like a flash chip: writes are commands */
    rom.opaque = &probe;
    bus_write_uint(bus, 0xf0010, 0x90, 1);
    bus_write_uint(bus, 0xf0020, 0x1122334455667788, 8);
    expect_log("w1@10=90 w4@20=55667788 w4@24=11223344");
    ck_assert_int_eq(memcmp(rom.host, "ROM!", 4), 0);
}
END_TEST

START_TEST(accesses_that_cross_ranges_are_split) {
    ck_assert_int_eq(bus_map(bus, 0, &ram), 0);
    ck_assert_int_eq(bus_map(bus, 0x10000, &rom), 0);
    memset(ram.host + 0xfffe, 0xab, 2);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfffe, 4), 0x4f52abab);
    bus_write_uint(bus, 0xfffe, 0x01020304, 4); /* half RAM, half ROM */
    ck_assert_uint_eq(ram.host[0xfffe], 4);
    ck_assert_uint_eq(ram.host[0xffff], 3);
    ck_assert_uint_eq(bus_read_uint(bus, 0x11ffe, 4), 0xffff0000); /* ROM's end, hole */
    map_mmio(0x12000, 0x100, &ops_default);
    ck_assert_uint_eq(bus_read_uint(bus, 0x11fff, 2), 0x0000);
    expect_log("r1@0");
    uint8_t all[0x24000];
    bus_read(bus, 0, all, sizeof(all));
    ck_assert_int_eq(memcmp(all, ram.host, 0x10000), 0);
    ck_assert_uint_eq(all[0x10000], 'R');
    ck_assert_uint_eq(all[0x20000], 0xff);
}
END_TEST

/* --- MMIO splitting and widening --- */

START_TEST(mmio_default_takes_up_to_4) {
    map_mmio(0xfe000000, 0x100, &ops_default);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfe000010, 1), 0x10);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfe000010, 2), 0x1110);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfe000010, 4), 0x13121110);
    expect_log("r1@10 r2@10 r4@10");
    ck_assert_uint_eq(bus_read_uint(bus, 0xfe000010, 8), 0x1716151413121110);
    expect_log("r4@10 r4@14");
    ck_assert_uint_eq(bus_read_uint(bus, 0xfe000011, 4), 0x14131211);
    expect_log("r1@11 r2@12 r1@14");
    bus_write_uint(bus, 0xfe000012, 0xaabbccdd, 4);
    expect_log("w2@12=ccdd w2@14=aabb");
    bus_write_uint(bus, 0xfe0000fe, 0xaabbccdd, 4); /* the end falls off */
    expect_log("w2@fe=ccdd");
}
END_TEST

START_TEST(mmio_of_only_4_is_widened) {
    map_mmio(0xfee00000, 0x1000, &ops_4);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfee00022, 1), 0x22);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfee00021, 2), 0x2221);
    expect_log("r4@20 r4@20");
    ck_assert_uint_eq(bus_read_uint(bus, 0xfee00023, 2), 0x2423);
    expect_log("r4@20 r4@24");
    bus_write_uint(bus, 0xfee00032, 0xab, 1);
    expect_log("w4@30=ab0000");
    bus_write_uint(bus, 0xfee00030, 0x1122334455667788, 8);
    expect_log("w4@30=55667788 w4@34=11223344");
}
END_TEST

START_TEST(mmio_of_8_and_of_2_to_4) {
    map_mmio(0xfed00000, 0x400, &ops_1_8);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfed00008, 8), 0x0f0e0d0c0b0a0908);
    bus_write_uint(bus, 0xfed0000c, 0x1122334455667788, 8);
    expect_log("r8@8 w4@c=55667788 w4@10=11223344");
    bus_unmap(bus, &mmio);
    map_mmio(0xfed00000, 0x400, &ops_2_4);
    ck_assert_uint_eq(bus_read_uint(bus, 0xfed00001, 4), 0x04030201);
    expect_log("r2@0 r2@2 r2@4");
    bus_write_uint(bus, 0xfed00001, 0xcc, 1);
    expect_log("w2@0=cc00");
}
END_TEST

START_TEST(mmio_block_and_silent) {
    uint8_t buf[7];
    map_mmio(0x1000, 0x100, &ops_default);
    bus_read(bus, 0x1001, buf, sizeof(buf));
    for (unsigned i = 0; i < sizeof(buf); i++)
        ck_assert_uint_eq(buf[i], i + 1);
    expect_log("r1@1 r2@2 r4@4");
    bus_unmap(bus, &mmio);
    map_mmio(0x1000, 0x100, &ops_silent);
    ck_assert_uint_eq(bus_read_uint(bus, 0x1000, 8), UINT64_MAX);
    bus_write_uint(bus, 0x1000, 1, 8);
}
END_TEST

static uint64_t lock_probe_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset;
    (void)size;
    /* Another thread must find the lock taken. */
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, opaque, NULL);
    pthread_join(t, &result);
    return result != NULL;
}

static void *try_lock(void *arg) {
    (void)arg;
    if (pthread_mutex_trylock(&lock) == 0) {
        pthread_mutex_unlock(&lock);
        return NULL;
    }
    return &lock;
}

START_TEST(callbacks_hold_the_lock) {
    static const struct IoOps ops = {.read = lock_probe_read};
    region_init_mmio(&mmio, "lock", 16, &ops, (void *)try_lock);
    ck_assert_int_eq(bus_map(bus, 0, &mmio), 0);
    ck_assert_int_eq(bus_map_ports(bus, 0x10, 1, "lock", &ops, (void *)try_lock), 0);
    ck_assert_uint_eq(bus_read_uint(bus, 0, 1), 1);
    ck_assert_uint_eq(bus_port_read(bus, 0x10, 1), 1);
    ck_assert_ptr_null(try_lock(NULL));
}
END_TEST

/* What is to happen before a device answers: before each access, but not within one. */
static unsigned befores;

static void before(void *opaque) {
    (void)opaque;
    befores++;
    ck_assert_uint_eq(lock_probe_read((void *)try_lock, 0, 1), 1); /* held */
}

static uint64_t read_other(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque;
    return bus_read_uint(bus, 0x1000 + offset, size) + bus_port_read(bus, 0x20, 1);
}

START_TEST(before_an_answer) {
    static const struct IoOps ops = {.read = read_other};
    static struct Region other;
    befores = 0;
    region_init_mmio(&mmio, "outer", 16, &ops, NULL);
    region_init_mmio(&other, "inner", 16, &ops_default, &probe);
    ck_assert_int_eq(bus_map(bus, 0, &mmio), 0);
    ck_assert_int_eq(bus_map(bus, 0x1000, &other), 0);
    ck_assert_int_eq(bus_map(bus, 0x10000, &ram), 0);
    ck_assert_int_eq(bus_map_ports(bus, 0x10, 1, "outer", &ops, NULL), 0);
    bus_read_uint(bus, 0, 4);
    ck_assert_uint_eq(befores, 0);
    bus_set_before(bus, before, NULL);
    bus_read_uint(bus, 0, 4);
    ck_assert_uint_eq(befores, 1);
    bus_write_uint(bus, 0x1000, 4, 4);
    ck_assert_uint_eq(befores, 2);
    bus_port_read(bus, 0x10, 1);
    ck_assert_uint_eq(befores, 3);
    bus_port_write(bus, 0x10, 1, 1);
    ck_assert_uint_eq(befores, 4);
    bus_read_uint(bus, 0x10000, 4); /* RAM does not ask */
    ck_assert_uint_eq(befores, 4);
}
END_TEST

/* --- Ports --- */

START_TEST(port_sizes) {
    ck_assert_int_eq(bus_map_ports(bus, 0x3f8, 8, "uart", &ops_default, &probe), 0);
    ck_assert_uint_eq(bus_port_read(bus, 0x3fa, 1), 2);
    ck_assert_uint_eq(bus_port_read(bus, 0x3fa, 2), 0x0302);
    ck_assert_uint_eq(bus_port_read(bus, 0x3fe, 4), 0xffff0706);
    expect_log("r1@2 r1@2 r1@3 r1@6 r1@7");
    bus_port_write(bus, 0x3f7, 0x44332211, 4);
    expect_log("w1@0=22 w1@1=33 w1@2=44");
    ck_assert_int_eq(bus_map_ports(bus, 0xcf8, 8, "pci", &ops_1_4, &probe), 0);
    ck_assert_uint_eq(bus_port_read(bus, 0xcfc, 4), 0x07060504);
    bus_port_write(bus, 0xcfe, 0xbeef, 2);
    bus_port_write(bus, 0xcfd, 0xbeef, 2);
    expect_log("r4@4 w2@6=beef w1@5=ef w1@6=be");
    ck_assert_int_eq(bus_map_ports(bus, 0x600, 4, "wide", &ops_2_4, &probe), 0);
    ck_assert_uint_eq(bus_port_read(bus, 0x601, 1), 1);
    bus_port_write(bus, 0x601, 0x55, 1);
    expect_log("r2@0 w2@0=5500");
    ck_assert_uint_eq(bus_port_read(bus, 0xffff, 4), 0xffffffff); /* wraps */
}
END_TEST

START_TEST(port_overlays) {
    struct Probe other = {.log = ""};
    ck_assert_int_eq(bus_map_ports(bus, 0x100, 4, "below", &ops_1_4, &probe), 0);
    ck_assert_int_eq(bus_map_ports(bus, 0x101, 1, "above", &ops_1_4, &other), 0);
    bus_port_write(bus, 0x100, 0x44332211, 4);
    expect_log("w1@0=11 w2@2=4433");
    ck_assert_str_eq(other.log, "w1@0=22");
    bus_unmap_ports(bus, 0x100, 4, &probe);
    bus_port_write(bus, 0x100, 0x44332211, 4);
    ck_assert_str_eq(probe.log, "");
    ck_assert_str_eq(other.log, "w1@0=22 w1@0=22");
    ck_assert_int_eq(bus_map_ports(bus, 0x100, 4, "again", &ops_1_4, &probe), 0);
    bus_unmap_ports(bus, 0x101, 1, &other);
    bus_unmap_ports(bus, 0x101, 1, &other);
    bus_port_write(bus, 0x100, 0x44332211, 4);
    expect_log("w4@0=44332211");
    ck_assert_int_eq(bus_map_ports(bus, 0xfffe, 3, "wrap", &ops_1_4, &probe), -EINVAL);
    ck_assert_int_eq(bus_map_ports(bus, 0xfffe, 0, "none", &ops_1_4, &probe), -EINVAL);
    ck_assert_int_eq(bus_map_ports(bus, 0, 65536, "all", &ops_1_4, &probe), 0);
    ck_assert_uint_eq(bus_port_read(bus, 0xffff, 1), 0xff);
    for (int i = 0; i < 1000; i++) { /* a guest that moves a BAR about */
        ck_assert_int_eq(bus_map_ports(bus, 0xc000, 64, "bar", &ops_1_4, &other), 0);
        bus_unmap_ports(bus, 0xc000, 64, &other);
    }
}
END_TEST

/* --- Announcements --- */

static void log_mapping(void *opaque, uint64_t gpa, uint64_t size) {
    char text[64];
    snprintf(text, sizeof(text), "map:%llx+%llx", (unsigned long long)gpa, (unsigned long long)size);
    note(opaque, text);
}

static void log_code(void *opaque, uint64_t gpa, uint64_t size) {
    char text[64];
    snprintf(text, sizeof(text), "code:%llx+%llx", (unsigned long long)gpa, (unsigned long long)size);
    note(opaque, text);
}

START_TEST(listeners_hear_of_code_and_maps) {
    struct BusListener l = {.mapping_changed = log_mapping, .code_written = log_code, .opaque = &probe};
    ck_assert_int_eq(bus_add_listener(bus, &l), 0);
    ck_assert_int_eq(bus_map(bus, 0x10000, &ram), 0);
    expect_log("map:10000+10000");
    bus_write_uint(bus, 0x11000, 1, 4);
    expect_log("");
    ram.page_flags[1] = PAGE_FLAG_CODE;
    ram.page_flags[2] = PAGE_FLAG_CODE;
    ram.page_flags[4] = PAGE_FLAG_CODE;
    bus_write_uint(bus, 0x11008, 1, 4);
    bus_write_uint(bus, 0x10ffe, 1, 4);
    expect_log("code:11008+4 code:11000+2");
    uint8_t buf[0x4000] = {0};
    bus_write(bus, 0x10800, buf, sizeof(buf));
    expect_log("code:11000+1000 code:12000+1000 code:14000+800");
    bus_read(bus, 0x11000, buf, 16);
    expect_log("");
    bus_unmap(bus, &ram);
    expect_log("map:10000+10000");
    bus_remove_listeners(bus, &probe);
    ck_assert_int_eq(bus_map(bus, 0, &ram), 0);
    expect_log("");
}
END_TEST

START_TEST(dirty_flags_only_while_on) {
    struct BusListener l = {.mapping_changed = log_mapping, .opaque = &probe};
    ck_assert_int_eq(bus_map(bus, 0, &ram), 0);
    ck_assert_int_eq(bus_add_listener(bus, &l), 0);
    bus_write_uint(bus, 0x1000, 1, 8);
    ck_assert_uint_eq(ram.page_flags[1], 0);
    bus_set_dirty_logging(bus, true);
    bus_set_dirty_logging(bus, true);
    expect_log("map:0+ffffffffffffffff");
    ck_assert(bus_dirty_logging(bus));
    bus_write_uint(bus, 0x1ffc, 1, 8);
    bus_write(bus, 0x5000, "x", 1);
    for (unsigned page = 0; page < 16; page++)
        ck_assert_uint_eq(ram.page_flags[page], page == 1 || page == 2 || page == 5 ? PAGE_FLAG_DIRTY : 0);
    bus_set_dirty_logging(bus, false);
    bus_write_uint(bus, 0x7000, 1, 8);
    ck_assert_uint_eq(ram.page_flags[7], 0);
}
END_TEST

START_TEST(a20) {
    struct BusListener l = {.mapping_changed = log_mapping, .opaque = &probe};
    ck_assert_int_eq(bus_add_listener(bus, &l), 0);
    ck_assert(bus_a20(bus));
    ck_assert_uint_eq(bus_a20_mask(bus), UINT64_MAX);
    bus_set_a20(bus, true);
    expect_log("");
    bus_set_a20(bus, false);
    expect_log("map:0+ffffffffffffffff");
    ck_assert_uint_eq(0x1234567 & bus_a20_mask(bus), 0x1234567 & ~0x100000);
    ck_assert_uint_eq(0x100000 & bus_a20_mask(bus), 0);
}
END_TEST

/* --- Readers against a writer --- */

static atomic_bool stop_reading;
static atomic_uint reads;

static void *reader(void *arg) {
    (void)arg;
    while (!atomic_load(&stop_reading)) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, 0x8000, &offset, &avail);
        if (r != &ram || offset != 0x8000 || avail < 0x1000) /* always mapped so, whatever else moves */
            return &ram;
        r = bus_find(bus, 0x100000, &offset, &avail);
        if (r != NULL && (r != &rom || offset != 0 || avail != 0x2000))
            return &rom;
        atomic_fetch_add(&reads, 1);
    }
    return NULL;
}

START_TEST(lookups_race_with_changes) {
    enum { MOVERS = 40 };
    struct Region movers[MOVERS];
    for (int i = 0; i < MOVERS; i++)
        region_init_mmio(&movers[i], "mover", 0x100, &ops_silent, NULL);
    ck_assert_int_eq(bus_map(bus, 0, &ram), 0);
    atomic_store(&stop_reading, false);
    pthread_t t[2];
    pthread_create(&t[0], NULL, reader, NULL);
    pthread_create(&t[1], NULL, reader, NULL);
    for (unsigned round = 0; round < 300 || atomic_load(&reads) < 1000; round++) {
        ck_assert_int_eq(bus_map(bus, 0x100000, &rom), 0);
        for (int i = 0; i < MOVERS; i++)
            ck_assert_int_eq(bus_map(bus, (i % 2 ? 0x200000 : 0x1000) + 0x200u * (i + round % 3), &movers[i]), 0);
        for (int i = 0; i < MOVERS; i++)
            bus_unmap(bus, &movers[i]);
        bus_unmap(bus, &rom);
    }
    atomic_store(&stop_reading, true);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(t[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

Suite *bus_suite(void) {
    Suite *s = suite_create("bus");
    const struct {
        const char *name;
        const TTest *tests[9];
    } cases[] = {
        {"map",
         {empty_bus, find_ranges_and_holes, later_mappings_shadow_and_reappear, bad_mappings_are_refused,
          for_each_goes_in_address_order, random_maps_agree_with_the_definition, lookups_race_with_changes}},
        {"access",
         {ram_reads_and_writes, rom_ignores_writes, accesses_that_cross_ranges_are_split, mmio_default_takes_up_to_4,
          mmio_of_only_4_is_widened, mmio_of_8_and_of_2_to_4, mmio_block_and_silent, callbacks_hold_the_lock,
          before_an_answer}},
        {"ports", {port_sizes, port_overlays}},
        {"announce", {listeners_hear_of_code_and_maps, dirty_flags_only_while_on, a20}},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        TCase *tc = tcase_create(cases[i].name);
        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_set_timeout(tc, 30);
        for (unsigned j = 0; j < 9 && cases[i].tests[j]; j++)
            tcase_add_test(tc, cases[i].tests[j]);
        suite_add_tcase(s, tc);
    }
    return s;
}
