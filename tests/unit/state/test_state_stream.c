/* SPDX-License-Identifier: MIT */
/* Saved states: every device takes part, and no stream does harm. */
#include "tests/unit/state/state_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everything that there is, as far as it goes together. */
static Twin86Config config(void) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 1 << 20;
    c.icount = true;
    c.debug_exit = c.debugcon = c.pvpanic = c.pc_testdev = true;
    return c;
}

/* ---- every device takes part ---- */

/* Whatever can be accessed of a machine beside RAM and ROM. */
struct Places {
    unsigned ports, regions;
    struct {
        uint16_t first, last;
    } port[128];
    struct {
        uint64_t base, size;
    } region[32];
};

static void add_ports(void *opaque, uint16_t first, uint16_t last, const char *name) {
    struct Places *p = opaque;
    (void)name;
    ck_assert_uint_lt(p->ports, 128);
    p->port[p->ports].first = first;
    p->port[p->ports++].last = last;
}

static void add_region(void *opaque, const struct BusMapping *m, uint64_t offset) {
    struct Places *p = opaque;
    (void)offset;
    if (m->region->kind == REGION_RAM)
        return; /* ROM may be a flash chip, which takes commands */
    ck_assert_uint_lt(p->regions, 32);
    p->region[p->regions].base = m->base;
    p->region[p->regions++].size = m->size;
}

static struct Places places(struct Machine *m) {
    struct Places p = {0};
    bus_for_each_ports(m->bus, add_ports, &p);
    bus_for_each(m->bus, add_region, &p);
    return p;
}

/* What a guest might do, but executed by nobody. */
struct Access {
    bool port, write;
    uint64_t address, value;
    unsigned size;
    int64_t ns; /* so much later */
};

/* Registers lie at the beginning of regions, mostly at multiples of 4. */
static struct Access random_access(const struct Places *p) {
    struct Access a = {.port = bench_number(3) != 0, .write = bench_number(2) != 0, .size = 1u << bench_number(3)};
    a.value = bench_number(2) != 0 ? bench_number(256) : bench_seed >> 8;
    a.ns = bench_number(4) == 0 ? (int64_t)bench_number(2000000) : 0;
    if (a.port) {
        unsigned i = (unsigned)bench_number(p->ports);
        a.address = p->port[i].first + bench_number(p->port[i].last - p->port[i].first + 1u);
    } else {
        unsigned i = (unsigned)bench_number(p->regions);
        uint64_t size = bench_number(2) != 0 && p->region[i].size > 0x200 ? 0x200 : p->region[i].size;
        a.address = p->region[i].base + (bench_number(size) & ~3ull);
        a.size = 4;
    }
    return a;
}

static uint64_t do_access(struct Machine *m, const struct Access *a) {
    uint64_t value = 0;
    pthread_mutex_lock(&m->lock);
    clock_advance_to(m->clock, clock_now(m->clock) + a->ns);
    clock_run(m->clock);
    if (a->port && a->write)
        bus_port_write(m->bus, (uint16_t)a->address, (uint32_t)a->value, a->size);
    else if (a->port)
        value = bus_port_read(m->bus, (uint16_t)a->address, a->size);
    else if (a->write)
        bus_write_uint(m->bus, a->address, a->value, a->size);
    else
        value = bus_read_uint(m->bus, a->address, a->size);
    pthread_mutex_unlock(&m->lock);
    return value;
}

enum { BEFORE = 200, AFTER = 200 };

/* Do this and that to one machine, restore it in another, and go on with both: false, with `text`, when they differ. */
static bool go_together(Twin86Machine *a, Twin86Machine *b, char *text, size_t n) {
    struct Places p = places(machine_of(a));
    for (unsigned i = 0; i < BEFORE; i++) {
        struct Access access = random_access(&p);
        do_access(machine_of(a), &access);
    }
    struct SavedState s = bench_save(a);
    bench_restore(b, &s);
    free(s.data);
    bench_same(a, b);
    for (unsigned i = 0; i < AFTER; i++) {
        struct Access access = random_access(&p);
        uint64_t read[2] = {do_access(machine_of(a), &access), do_access(machine_of(b), &access)};
        snprintf(text, n, "%s %llxh reads %llx, %llx", access.port ? "port" : "memory",
                 (unsigned long long)access.address, (unsigned long long)read[0], (unsigned long long)read[1]);
        if (read[0] != read[1] || bench_differ(a, b, text, n))
            return false;
    }
    return true;
}

static bool devices_go_together(unsigned rounds, const Twin86Hook *hook_a, const Twin86Hook *hook_b, char *text,
                                size_t n) {
    Twin86Config c = config();
    bool ok = true;
    char path[] = "/tmp/twin86-flash-XXXXXX";
    static const uint8_t contents[8192] = {1, 2, 3};
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, contents, sizeof(contents)), sizeof(contents));
    close(fd);
    c.flash[0] = (Twin86Flash){path, true}; /* both may have it */
    Twin86Machine *a = bench_empty(&c), *b = bench_empty(&c);
    remove(path);
    if (hook_a != NULL) {
        twin86_hook_ports(a, 0x3000, 4, hook_a);
        twin86_hook_ports(b, 0x3000, 4, hook_b);
    }
    for (bench_seed = 1; rounds > 0 && ok; rounds--)
        ok = go_together(a, b, text, n);
    twin86_destroy(a);
    twin86_destroy(b);
    return ok;
}

START_TEST(devices_take_part) {
    char text[200];
    ck_assert_msg(devices_go_together(150, NULL, NULL, text, sizeof(text)), "%s", text);
}
END_TEST

static uint64_t read_hidden(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)cpu, (void)offset, (void)size;
    return *(uint8_t *)opaque;
}

static void write_hidden(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)cpu, (void)offset, (void)size;
    *(uint8_t *)opaque ^= value;
}

/* A device that no table knows is found: so the test above would. */
START_TEST(devices_that_do_not_are_found) {
    uint8_t hidden[2] = {0};
    Twin86Hook a = {.read = read_hidden, .write = write_hidden, .opaque = &hidden[0]}, b = a;
    char text[200];
    b.opaque = &hidden[1];
    ck_assert(!devices_go_together(150, &a, &b, text, sizeof(text)));
    ck_assert_msg(strncmp(text, "port 300", 8) == 0, "%s", text);
}
END_TEST

/* ---- what is on its way ---- */

START_TEST(requests_and_buttons_are_kept) {
    Twin86Config c = config();
    Twin86Machine *a = bench_machine(&c, NULL), *b = bench_machine(&c, NULL);
    struct Machine *ma = machine_of(a), *mb = machine_of(b);
    Twin86Stats stats;
    Twin86Event e;
    vcpu_request_reset(machine_cpu(ma, 0));
    cpu_post(machine_cpu(ma, 0), CPU_EVENT_NMI);
    machine_press_power(ma);
    twin86_serial_input(a, "input", 5);
    twin86_serial_input(b, "other", 5);
    struct SavedState s = bench_save(a);
    bench_restore(b, &s);
    ck_assert(vcpu_reset_wanted(machine_cpu(mb, 0)));
    ck_assert(atomic_load(&machine_cpu(mb, 0)->events) & CPU_EVENT_NMI);
    ck_assert(loop_posted(&mb->power_work) && !loop_posted(&mb->nmi_work) && loop_posted(&mb->serial_work));
    ck_assert_uint_eq(mb->serial.count, 5);
    ck_assert_int_eq(memcmp(mb->serial.data, "input", 5), 0);
    ck_assert_int_eq(twin86_run(b, 10, &e), 0);
    twin86_stats(b, &stats);
    ck_assert_uint_eq(stats.resets, 1);
    /* and of a machine in which nothing waits */
    struct SavedState quiet = bench_save(b);
    bench_restore(a, &quiet);
    ck_assert(!vcpu_reset_wanted(machine_cpu(ma, 0)) && !loop_posted(&ma->power_work));
    ck_assert(!(atomic_load(&machine_cpu(ma, 0)->events) & CPU_EVENT_NMI));
    free(s.data), free(quiet.data);
    twin86_destroy(a);
    twin86_destroy(b);
}
END_TEST

/* Input that the receiver has refused goes on waiting until the guest has made enough room. */
START_TEST(refused_input_goes_on_waiting) {
    Twin86Config c = config();
    Twin86Machine *a = bench_machine(&c, NULL), *b = bench_machine(&c, NULL);
    struct Machine *ma = machine_of(a), *mb = machine_of(b);
    Twin86Event e;
    bus_port_write(ma->bus, 0x3fb, 3, 1); /* 8 bits */
    bus_port_write(ma->bus, 0x3fa, 1, 1); /* FIFO of 16 */
    twin86_serial_input(a, "0123456789abcdefghij", 20);
    ck_assert_int_eq(twin86_run(a, 1, &e), 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(bus_port_read(ma->bus, 0x3f8, 1), "0123"[i]);
    ck_assert_uint_eq(ma->com[0].uart.state.rx_count, 12);
    struct SavedState s = bench_save(a);
    bench_restore(b, &s);
    ck_assert_int_eq(twin86_run(b, 1, &e), 0);
    ck_assert_uint_eq(mb->com[0].uart.state.rx_count, 12);
    for (unsigned i = 4; i < 20; i++)
        ck_assert_uint_eq(bus_port_read(mb->bus, 0x3f8, 1), "0123456789abcdefghij"[i]);
    ck_assert_uint_eq(mb->serial.count, 0);
    free(s.data);
    twin86_destroy(a);
    twin86_destroy(b);
}
END_TEST

START_TEST(running_machines_are_left_alone) {
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL);
    struct SavedState s = bench_save(m);
    char why[200] = "", *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    twin86_write_memory(m, 0x7c00, "\xeb\xfe", 2);
    twin86_write_reg(m, 0, TWIN86_CS, 0);
    twin86_write_reg(m, 0, TWIN86_RIP, 0x7c00);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(machine_save(machine_of(m), f, why, sizeof(why)), -EBUSY);
    ck_assert_str_eq(why, "the machine is running");
    ck_assert_int_eq(bench_load(m, s.data, s.size, why, sizeof(why)), -EBUSY);
    twin86_pause(m);
    fclose(f);
    free(text), free(s.data);
    twin86_destroy(m);
}
END_TEST

/* ---- streams that are none ---- */

/* Where the name of a section begins, as its head has it; the head is 16 bytes before. */
static size_t section(const struct SavedState *s, const char *name) {
    char padded[16] = {0};
    strncpy(padded, name, 15);
    char *at = memmem(s->data, s->size, padded, sizeof(padded));
    ck_assert_msg(at != NULL, "%s", name);
    return (size_t)(at - s->data);
}

enum { HEAD_END = 16 }; /* from the name on */

static void refused(Twin86Machine *m, const void *data, size_t size, const char *words) {
    char why[300] = "";
    uint8_t before[32], after[32];
    twin86_state_hash(m, before);
    ck_assert_int_eq(bench_load(m, data, size, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, words);
    twin86_state_hash(m, after);
    ck_assert_int_eq(memcmp(before, after, 32), 0);
}

/* With one byte changed. */
static void changed(Twin86Machine *m, struct SavedState *s, size_t at, uint8_t value, const char *words) {
    uint8_t was = (uint8_t)s->data[at];
    s->data[at] = (char)value;
    refused(m, s->data, s->size, words);
    s->data[at] = (char)was;
}

START_TEST(bad_streams_are_refused) {
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL);
    struct SavedState s = bench_save(m);
    size_t machine = section(&s, "machine"), pit = section(&s, "pit"), env = section(&s, "env"),
           ram = section(&s, "ram");
    refused(m, s.data, 0, "the state ends too early");
    refused(m, s.data, ram - 20, "the state ends too early");
    refused(m, s.data, pit + HEAD_END + 5, "the state ends too early");
    changed(m, &s, 3, 'X', "this is no state of a machine that twin86 has saved");
    changed(m, &s, pit, 'P', "the state has 'Pit' where 'pit' should be");
    changed(m, &s, pit - 8, 1, "the state has number 1 of 'pit' where 0 should be");
    changed(m, &s, pit - 4, 2, "pit: the state is of version 2; versions 1 to 1 are known");
    changed(m, &s, pit - 9, 1, "pit: no size that it can have");
    changed(m, &s, pit - 16, (uint8_t)(s.data[pit - 16] - 1), "pit: the state has 148 bytes instead of 149");
    changed(m, &s, machine + HEAD_END + 2, 0x20,
            "the state is of another machine: its ram_size is 0x200000, this "
            "one's 0x100000");
    changed(m, &s, env + HEAD_END + 1, 7, "env: a register that does not exist, at byte 0");
    changed(m, &s, env + HEAD_END + 2, 'R', "env: a register that does not exist, at byte 0");
    changed(m, &s, ram - 16, 0, "ram: no size that it can have");
    free(s.data);
    twin86_destroy(m);
}
END_TEST

/* Registers that no processor could have, by name. */
START_TEST(bad_registers_are_refused) {
    static const struct {
        const char *name;
        unsigned byte;
        uint8_t value;
        const char *words;
    } rows[] = {
        {"cr0", 2, 0x02, "env: CR0 has reserved bits"},
        {"cr0", 3, 0x80, "env: CR0 has paging without protection"},
        {"cr0", 3, 0x20, "env: CR0 has NW without CD"},
        {"cr4", 3, 0x80, "env: CR4 has bits that the CPU model lacks"},
        {"efer", 7, 1, "env: EFER has bits that the CPU model lacks"},
        {"efer", 1, 4, "env: EFER.LMA does not go with EFER.LME and CR0.PG"},
        {"cr3", 7, 1, "env: CR3 has bits beyond the physical address"},
        {"xcr0", 0, 0, "env: XCR0 has bits that the CPU model lacks"},
        {"mxcsr", 3, 1, "env: MXCSR has bits that the CPU model lacks"},
        {"dr7", 4, 1, "env: DR6 or DR7 has reserved bits"},
        {"rflags", 0, 0, "env: RFLAGS has reserved bits"},
        {"rflags", 2, 2, "env: it is in v8086 mode and in another one"},
        {"ss.rights", 0, 0xf3, "env: it is in real mode, but not at CPL 0"},
        {"cs.rights", 2, 2, "env: a segment has rights that do not exist"},
        {"nmi_blocked", 0, 2, "env: an event on its way is none that there is"},
        {"exc.vector", 0, 32, "env: an event on its way is none that there is"},
        {"int_shadow", 0, 3, "env: an event on its way is none that there is"},
    };
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL);
    struct SavedState s = bench_save(m);
    size_t env = section(&s, "env");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].name);
        char *at = s.data + env;
        do
            at = memmem(at + 1, (size_t)(s.data + s.size - at - 1), rows[i].name, n);
        while (at != NULL && (uint8_t)at[-2] != n);
        ck_assert_ptr_nonnull(at);
        changed(m, &s, (size_t)(at - s.data) + n + rows[i].byte, rows[i].value, rows[i].words);
    }
    free(s.data);
    twin86_destroy(m);
}
END_TEST

START_TEST(other_machines_are_refused) {
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL);
    struct SavedState s = bench_save(m);
    struct {
        Twin86Config config;
        const char *words;
    } other[6];
    for (unsigned i = 0; i < 6; i++)
        other[i].config = c;
    other[0].config.icount_shift = 3;
    other[0].words = "the state is of another machine: its icount_shift is 0x0, this one's 0x3";
    other[1].config.icount = false;
    other[1].words = "the state is of another machine: its icount is 1, this one's 0";
    other[2].config.pc_testdev = false;
    other[2].words = "the state is of another machine: its pc_testdev is 1, this one's 0";
    other[3].config.debugcon_port = 0x402;
    other[3].words = "the state is of another machine: its debugcon_port is 0xe9, this one's 0x402";
    other[4].config.no_hpet = true;
    other[4].words = "the state is of another machine: its no_hpet is 0, this one's 1";
    other[5].config.cpu = "max,vendor=GenuineIntel";
    other[5].words = NULL; /* whatever of it comes first */
    for (unsigned i = 0; i < 6; i++) {
        char why[300] = "";
        Twin86Machine *o = bench_machine(&other[i].config, NULL);
        if (other[i].words != NULL)
            refused(o, s.data, s.size, other[i].words);
        else
            ck_assert_int_eq(bench_load(o, s.data, s.size, why, sizeof(why)), -EINVAL);
        twin86_destroy(o);
    }
    Twin86Machine *empty = NULL;
    char why[300] = "";
    ck_assert_int_eq(twin86_create(&empty, &c, why, sizeof(why)), 0);
    refused(empty, s.data, s.size, "the state is of a machine with another guest; load the same files");
    twin86_destroy(empty);
    free(s.data);
    twin86_destroy(m);
}
END_TEST

/* Devices and drives, their places and what shapes their states. */
static const struct {
    const char *saved[3], *mine[3], *words;
} device_pairs[] = {
    {{"virtio-rng-pci"}, {NULL}, "the state is of a machine with \"virtio-rng-pci: 0 bytes in 65536 ms\""},
    {{NULL},
     {"ide-cd,bus=ide.1"},
     "the state is of a machine without \"ide.1 unit 0: CD-ROM, empty, serial 'TW00003', "
     "model '', version '', sectors of 512 bytes\""},
#define RNG " virtio-rng-pci, 1af4:1005, BAR 128, BAR 4096, BAR 16384"
#define EMPTY_CD(serial) "ide.0 unit 1: CD-ROM, empty, serial '" serial "', model '', version '', sectors of 512 bytes"
    {{"virtio-rng-pci,addr=5"},
     {"virtio-rng-pci,addr=6"},
     "the state is of a machine with \"PCI 05.0:" RNG "\"; this one has \"PCI 06.0:" RNG "\""},
    {{"ide-cd,unit=0,serial=A", "ide-cd,unit=1,serial=A"},
     {"ide-cd,unit=0,serial=A", "ide-cd,unit=1,serial=B"},
     "the state is of a machine with \"" EMPTY_CD("A") "\"; this one has \"" EMPTY_CD("B") "\""},
    {{"floppy,drive-type=144"},
     {"floppy,drive-type=288"},
     "the state is of a machine with \"floppy drive 0 of 1.44 MB, 3.5 inches: empty\"; this one has \"floppy drive 0 "
     "of 2.88 MB, 3.5 "
     "inches: empty\""},
    {{"virtio-serial-pci", "virtserialport,chardev=c,nr=2,name=a"},
     {"virtio-serial-pci", "virtserialport,chardev=c,nr=2,name=b"},
     "the state is of a machine with \"virtserialport 2: 'a'\"; this one has \"virtserialport 2: 'b'\""},
    {{"isa-serial,chardev=c,index=1"},
     {"isa-serial,chardev=c,index=1,irq=5"},
     "the state is of a machine with \"COM2 at 2f8h, IRQ 3\"; this one has \"COM2 at 2f8h, IRQ 5\""},
#undef RNG
#undef EMPTY_CD
};

START_TEST(other_devices_are_refused) {
    static const char *const chardevs[] = {"null,id=c", NULL};
    Twin86Config c = config();
    c.chardevs = chardevs;
    c.devices = device_pairs[_i].saved;
    Twin86Machine *m = bench_machine(&c, NULL), *same = bench_machine(&c, NULL);
    struct SavedState s = bench_save(m);
    bench_restore(same, &s);
    twin86_destroy(same);
    c.devices = device_pairs[_i].mine;
    Twin86Machine *other = bench_machine(&c, NULL);
    refused(other, s.data, s.size, device_pairs[_i].words);
    twin86_destroy(other);
    free(s.data);
    twin86_destroy(m);
}
END_TEST

/* RAM is bad, or ends: the machine is reset, and works. */
START_TEST(half_restored_machines_are_reset) {
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL), *fresh = bench_machine(&c, NULL);
    char why[300] = "";
    uint64_t rip[2];
    Twin86Event e;
    ck_assert_int_eq(twin86_run(m, 10000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    struct SavedState s = bench_save(m);
    size_t page = section(&s, "ram") + HEAD_END;
    ck_assert_int_eq(bench_load(m, s.data, s.size - 1, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, "the state ends too early");
    twin86_read_reg(m, 0, TWIN86_RIP, &rip[0]);
    twin86_read_reg(fresh, 0, TWIN86_RIP, &rip[1]);
    ck_assert_uint_eq(rip[0], rip[1]);
    s.data[page] = 1;
    ck_assert_int_eq(bench_load(m, s.data, s.size, why, sizeof(why)), -EINVAL);
    ck_assert_msg(strncmp(why, "ram: no page can be at", 22) == 0, "%s", why);
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_POWEROFF);
    free(s.data);
    twin86_destroy(m);
    twin86_destroy(fresh);
}
END_TEST

/* For a moment: it may sleep for ever. */
static void run_on(Twin86Machine *m) {
    Twin86Event e;
    ck_assert_int_eq(twin86_start(m, 500), 0);
    twin86_wait(m, 5, &e);
    twin86_pause(m);
    twin86_wait(m, 0, &e);
}

/* Bytes changed anywhere, mostly before RAM: refused or not, the machine can be run, and be restored again. */
START_TEST(mutated_streams_do_no_harm) {
    Twin86Config c = config();
    Twin86Machine *m = bench_machine(&c, NULL);
    Twin86Event e;
    unsigned taken = 0;
    ck_assert_int_eq(twin86_run(m, 10000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    struct SavedState s = bench_save(m);
    size_t ram = section(&s, "ram"), testdev = section(&s, "testdev");
    char *bad = malloc(s.size);
    bench_seed = 7;
    for (unsigned i = 0; i < 600; i++) {
        char why[300] = "";
        size_t size = bench_number(20) == 0 ? bench_number(s.size) : s.size;
        memcpy(bad, s.data, s.size);
        for (unsigned k = 1 + (unsigned)bench_number(6); k > 0; k--) {
            size_t range = bench_number(8) != 0 ? testdev : bench_number(8) != 0 ? ram + 64 : s.size;
            size_t at = 16 + bench_number(range - 16);
            bad[at] = bench_number(3) != 0 ? (char)bench_number(256) : (char)(bad[at] ^ 1 << bench_number(8));
        }
        int r = bench_load(m, bad, size, why, sizeof(why));
        ck_assert_int_eq(r == 0, why[0] == '\0');
        taken += r == 0;
        run_on(m);
    }
    ck_assert_uint_ge(taken, 50);
    bench_restore(m, &s);
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_POWEROFF);
    free(bad), free(s.data);
    twin86_destroy(m);
}
END_TEST

Suite *state_stream_suite(void) {
    Suite *s = suite_create("state_stream");
    TCase *t = tcase_create("state_stream");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, devices_take_part);
    tcase_add_test(t, devices_that_do_not_are_found);
    tcase_add_test(t, requests_and_buttons_are_kept);
    tcase_add_test(t, refused_input_goes_on_waiting);
    tcase_add_test(t, running_machines_are_left_alone);
    tcase_add_test(t, bad_streams_are_refused);
    tcase_add_test(t, bad_registers_are_refused);
    tcase_add_test(t, other_machines_are_refused);
    tcase_add_loop_test(t, other_devices_are_refused, 0, sizeof(device_pairs) / sizeof(device_pairs[0]));
    tcase_add_test(t, half_restored_machines_are_reset);
    tcase_add_test(t, mutated_streams_do_no_harm);
    suite_add_tcase(s, t);
    return s;
}
