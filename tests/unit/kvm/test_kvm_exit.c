/* SPDX-License-Identifier: MIT */
/* The kvm engine without KVM: invented exits, register conversions; and with the host's KVM where there is one. */
#include "tests/unit/suites.h"

#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"
#include "cpu/vcpu.h"
#include "cpu/xsave.h"
#include "include/twin86.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- a CPU with RAM, ROM and two devices that remember ---- */

enum { RAM_SIZE = 1 << 20, ROM_AT = 0x200000, MMIO_AT = 0x300000, PORT = 0x100 };

struct Access {
    bool write;
    uint64_t offset, value;
    unsigned size;
};

struct Log {
    struct Access access[64];
    unsigned count;
    uint64_t next; /* what reads give; counts up */
};

static uint64_t log_read(void *opaque, uint64_t offset, unsigned size) {
    struct Log *l = opaque;
    l->access[l->count++ % 64] = (struct Access){false, offset, l->next, size};
    return l->next++;
}

static void log_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Log *l = opaque;
    l->access[l->count++ % 64] = (struct Access){true, offset, value, size};
}

static const struct IoOps port_ops = {.read = log_read, .write = log_write, .min_size = 1, .max_size = 4};
static const struct IoOps mmio_ops = {.read = log_read, .write = log_write, .min_size = 1, .max_size = 8};

static struct {
    struct CPUState cpu;
    struct Region ram, rom, mmio;
    pthread_mutex_t lock;
    struct Log ports, pages;
    uint8_t run[2 * 4096] __attribute__((aligned(4096)));
} b;

static uint64_t msr_value;
static bool read_msr(void *opaque, uint32_t msr, uint64_t *value) {
    (void)opaque;
    *value = msr_value;
    return msr != 0x8ff;
}
static bool write_msr(void *opaque, uint32_t msr, uint64_t value) {
    (void)opaque;
    msr_value = value;
    return msr != 0x8ff;
}
/* As a local APIC's: x2APIC mode is entered from xAPIC mode, and left by switching off (SDM vol. 3, 11.12.5). */
static uint64_t apic_base;
static unsigned apic_offs;
static bool set_base(void *opaque, uint64_t value) {
    unsigned from = apic_base >> 10 & 3, to = value >> 10 & 3;
    (void)opaque;
    if (to == 1 || (to == 3 && from == 0) || (to == 2 && from == 3))
        return false;
    apic_offs += from != 0 && to == 0;
    apic_base = value;
    return true;
}
static const struct CpuApicOps apic_ops = {.read_msr = read_msr, .write_msr = write_msr, .set_base = set_base};

static void setup(void) {
    char why[128];
    uint8_t rom[4096] = {0xaa};
    memset(&b, 0, sizeof(b));
    bus_lock_init(&b.lock);
    b.cpu.lock = &b.lock;
    b.cpu.bus = bus_new(&b.lock);
    b.cpu.clock = clock_new(CLOCK_ICOUNT);
    b.cpu.apic = &apic_ops;
    ck_assert_int_eq(region_init_ram(&b.ram, "ram", RAM_SIZE), 0);
    ck_assert_int_eq(region_init_rom(&b.rom, "rom", rom, sizeof(rom), sizeof(rom)), 0);
    region_init_mmio(&b.mmio, "device", 4096, &mmio_ops, &b.pages);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0, &b.ram), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, ROM_AT, &b.rom), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, MMIO_AT, &b.mmio), 0);
    ck_assert_int_eq(bus_map_ports(b.cpu.bus, PORT, 4, "device", &port_ops, &b.ports), 0);
    ck_assert_int_eq(cpu_model_parse(&b.cpu.model, "max", why, sizeof(why)), 0);
    cpu_reset(&b.cpu, false);
}

static void teardown(void) {
    bus_free(b.cpu.bus);
    clock_free(b.cpu.clock);
    region_destroy(&b.ram);
    region_destroy(&b.rom);
    pthread_mutex_destroy(&b.lock);
}

static struct kvm_run *invent(uint32_t reason) {
    memset(b.run, 0, sizeof(b.run));
    struct kvm_run *run = (struct kvm_run *)b.run;
    run->exit_reason = reason;
    return run;
}

static enum VcpuExit left;
static enum KvmAction handle(struct kvm_run *run) {
    left = (enum VcpuExit) - 1;
    b.cpu.error[0] = '\0';
    return kvm_handle_exit(&b.cpu, run, &left);
}

/* ---- exits ---- */

static struct kvm_run *invent_io(bool out, unsigned size, unsigned count) {
    struct kvm_run *run = invent(KVM_EXIT_IO);
    run->io.direction = out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
    run->io.port = PORT;
    run->io.size = (uint8_t)size;
    run->io.count = count;
    run->io.data_offset = 4096;
    return run;
}

START_TEST(out_of_every_width) {
    static const uint32_t want[] = {[1] = 0x44, [2] = 0x3344, [4] = 0x11223344};
    for (unsigned size = 1; size <= 4; size *= 2) {
        struct kvm_run *run = invent_io(true, size, 1);
        memcpy(b.run + 4096, &(uint32_t){0x11223344}, 4);
        b.ports.count = 0;
        ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
        ck_assert_uint_eq(b.ports.count, 1);
        ck_assert(b.ports.access[0].write);
        ck_assert_uint_eq(b.ports.access[0].size, size);
        ck_assert_uint_eq(b.ports.access[0].value, want[size]);
    }
}
END_TEST

START_TEST(in_writes_what_was_asked_for) {
    for (unsigned size = 1; size <= 4; size *= 2) {
        struct kvm_run *run = invent_io(false, size, 1);
        uint32_t got, want = 0xeeeeeeee;
        memset(b.run + 4096, 0xee, 8);
        b.ports.next = 0x99aabbcc;
        memcpy(&want, &b.ports.next, size);
        ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
        memcpy(&got, b.run + 4096, 4);
        ck_assert_uint_eq(got, want);
    }
}
END_TEST

/* REP OUTSW and REP INSB: data advances, the port does not. */
START_TEST(string_io) {
    struct kvm_run *run = invent_io(true, 2, 5);
    for (unsigned i = 0; i < 5; i++)
        memcpy(b.run + 4096 + 2 * i, &(uint16_t){(uint16_t)(0x100 * i + 7)}, 2);
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.ports.count, 5);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(b.ports.access[i].offset, 0);
        ck_assert_uint_eq(b.ports.access[i].value, 0x100 * i + 7);
    }
    run = invent_io(false, 1, 4);
    b.ports.next = 0x40;
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_int_eq(memcmp(b.run + 4096, "\x40\x41\x42\x43\0", 5), 0);
}
END_TEST

START_TEST(unmapped_port_reads_ones) {
    struct kvm_run *run = invent_io(false, 4, 1);
    run->io.port = 0x9000;
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_int_eq(memcmp(b.run + 4096, "\xff\xff\xff\xff\0", 5), 0);
}
END_TEST

static struct kvm_run *invent_mmio(uint64_t gpa, bool write, unsigned len, uint64_t data) {
    struct kvm_run *run = invent(KVM_EXIT_MMIO);
    run->mmio.phys_addr = gpa;
    run->mmio.is_write = write;
    run->mmio.len = len;
    memcpy(run->mmio.data, &data, 8);
    return run;
}

START_TEST(mmio) {
    for (unsigned len = 1; len <= 8; len *= 2) {
        b.pages.count = 0;
        ck_assert_int_eq(handle(invent_mmio(MMIO_AT + 0x18, true, len, 0x1122334455667788)), KVM_ACTION_RUN);
        ck_assert_uint_eq(b.pages.count, 1);
        ck_assert_uint_eq(b.pages.access[0].size, len);
        ck_assert_uint_eq(b.pages.access[0].offset, 0x18);
        ck_assert_uint_eq(b.pages.access[0].value, 0x1122334455667788 & (~0ull >> (64 - 8 * len)));
    }
    b.pages.next = 0x0102030405060708;
    struct kvm_run *run = invent_mmio(MMIO_AT, false, 8, 0);
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_int_eq(memcmp(run->mmio.data, "\x08\x07\x06\x05\x04\x03\x02\x01", 8), 0);
    run = invent_mmio(0xd0000000, false, 4, 0);
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_int_eq(memcmp(run->mmio.data, "\xff\xff\xff\xff", 4), 0);
    bus_set_a20(b.cpu.bus, false); /* bit 20 of the address goes: 200000h is ROM */
    b.pages.count = 0;
    run = invent_mmio(MMIO_AT, false, 1, 0);
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.pages.count, 0);
    ck_assert_uint_eq(run->mmio.data[0], 0xaa);
}
END_TEST

/* What KVM's emulator makes of MOVUPS, FXSAVE or an access across pages: any length up to 8, anywhere. */
START_TEST(mmio_of_odd_sizes) {
    for (unsigned len = 1; len <= 8; len++) {
        for (unsigned at = 0; at < 8; at++) {
            b.pages.count = 0;
            ck_assert_int_eq(handle(invent_mmio(MMIO_AT + 0x10 + at, true, len, 0x1122334455667788)), KVM_ACTION_RUN);
            uint64_t next = 0x10 + at, got = 0;
            for (unsigned i = 0; i < b.pages.count; i++) { /* aligned pieces that follow each other */
                const struct Access *a = &b.pages.access[i];
                ck_assert(a->write && a->offset == next && a->offset % a->size == 0);
                got |= (a->value & (~0ull >> (64 - 8 * a->size))) << 8 * (a->offset - 0x10 - at);
                next += a->size;
            }
            ck_assert_uint_eq(next, 0x10 + at + len);
            ck_assert_uint_eq(got, 0x1122334455667788 & (~0ull >> (64 - 8 * len)));
        }
    }
    b.pages.count = 0;
    b.pages.next = 0x0201;
    struct kvm_run *run = invent_mmio(MMIO_AT + 0xffe, false, 6, 0); /* the last two bytes, then nothing */
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.pages.count, 1);
    ck_assert_int_eq(memcmp(run->mmio.data, "\x01\x02\xff\xff\xff\xff\0\0", 8), 0);
}
END_TEST

/* Memory slots show what A20 does; what is no slot must obey it, too. */
START_TEST(mmio_obeys_a20) {
    struct kvm_run *run = invent_mmio(MMIO_AT, false, 1, 0);
    bus_set_a20(b.cpu.bus, false); /* 300000h becomes 200000h */
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(run->mmio.data[0], 0xaa);
    ck_assert_int_eq(handle(invent_mmio(MMIO_AT, true, 4, 0)), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.pages.count, 0);
}
END_TEST

/* ---- memory slots ---- */

static void expect_slot(const struct KvmSlot *s, uint64_t gpa, uint64_t size, const struct Region *r, uint64_t offset) {
    ck_assert_uint_eq(s->gpa, gpa);
    ck_assert_uint_eq(s->size, size);
    ck_assert_ptr_eq(s->host, r->host + offset);
    ck_assert_int_eq(s->readonly, r->kind == REGION_ROM);
    ck_assert_ptr_eq(s->page_flags, r->page_flags == NULL ? NULL : r->page_flags + offset / 4096);
    ck_assert_int_eq(s->log, r->kind == REGION_RAM && bus_dirty_logging(b.cpu.bus));
}

START_TEST(slots_of_ram_and_rom) {
    struct KvmSlot s[8];
    ck_assert_uint_eq(kvm_wanted_slots(b.cpu.bus, true, s, 8), 2);
    expect_slot(&s[0], 0, RAM_SIZE, &b.ram, 0);
    expect_slot(&s[1], ROM_AT, 4096, &b.rom, 0);
    ck_assert_uint_eq(kvm_wanted_slots(b.cpu.bus, false, s, 8), 1);
    bus_set_dirty_logging(b.cpu.bus, true);
    ck_assert_uint_eq(kvm_wanted_slots(b.cpu.bus, true, s, 1), 2); /* more than there is room for */
    expect_slot(&s[0], 0, RAM_SIZE, &b.ram, 0);
}
END_TEST

/* A device in the middle of a page: that page exits as a whole. */
START_TEST(slots_around_a_small_device) {
    struct KvmSlot s[8];
    struct Region small, wide;
    region_init_mmio(&small, "small", 8, &mmio_ops, &b.pages);
    region_init_mmio(&wide, "wide", 0x1010, &mmio_ops, &b.pages);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0x5008, &small), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0x7ff8, &wide), 0); /* three pages have some of it */
    ck_assert_uint_eq(kvm_wanted_slots(b.cpu.bus, true, s, 8), 4);
    expect_slot(&s[0], 0, 0x5000, &b.ram, 0);
    expect_slot(&s[1], 0x6000, 0x1000, &b.ram, 0x6000);
    expect_slot(&s[2], 0xa000, RAM_SIZE - 0xa000, &b.ram, 0xa000);
    struct kvm_run *run = invent_mmio(0x5004, true, 8, 0x1122334455667788); /* RAM, then the device */
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_int_eq(memcmp(b.ram.host + 0x5004, "\x88\x77\x66\x55\0", 5), 0);
    ck_assert_uint_eq(b.pages.count, 1);
    ck_assert_uint_eq(b.pages.access[0].value, 0x11223344);
}
END_TEST

START_TEST(slots_without_a20) {
    struct KvmSlot s[8];
    struct Region more;
    ck_assert_int_eq(region_init_ram(&more, "more", 4 << 20), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0, &more), 0); /* over RAM, ROM and device */
    bus_set_a20(b.cpu.bus, false);
    ck_assert_uint_eq(kvm_wanted_slots(b.cpu.bus, true, s, 8), 3);
    expect_slot(&s[0], 0, 1 << 20, &more, 0);
    expect_slot(&s[1], 1 << 20, 1 << 20, &more, 0);
    expect_slot(&s[2], 2 << 20, 2 << 20, &more, 2 << 20);
    bus_unmap(b.cpu.bus, &more);
    region_destroy(&more);
}
END_TEST

START_TEST(rom_writes_are_dropped) {
    ck_assert_int_eq(handle(invent_mmio(ROM_AT, true, 4, 0)), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.rom.host[0], 0xaa);
}
END_TEST

START_TEST(exits_that_leave) {
    static const struct {
        uint32_t reason;
        enum VcpuExit exit;
    } rows[] = {{KVM_EXIT_HLT, VCPU_EXIT_HALT},
                {KVM_EXIT_SHUTDOWN, VCPU_EXIT_SHUTDOWN},
                {KVM_EXIT_SYSTEM_EVENT, VCPU_EXIT_SHUTDOWN},
                {KVM_EXIT_DEBUG, VCPU_EXIT_DEBUG}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(handle(invent(rows[i].reason)), KVM_ACTION_LEAVE);
        ck_assert_int_eq(left, rows[i].exit);
        ck_assert_str_eq(b.cpu.error, "");
    }
}
END_TEST

START_TEST(exits_that_go_on) {
    static const uint32_t reasons[] = {KVM_EXIT_INTR, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_SET_TPR, KVM_EXIT_NMI};
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        ck_assert_int_eq(handle(invent(reasons[i])), KVM_ACTION_RUN);
    ck_assert_uint_eq(b.ports.count + b.pages.count, 0);
}
END_TEST

/* Reason in words, where, and the bytes there. */
START_TEST(unexpected_exits_explain) {
    static const struct {
        uint32_t reason;
        const char *words;
    } rows[] = {{KVM_EXIT_FAIL_ENTRY, "refuses to enter"},  {KVM_EXIT_UNKNOWN, "does not know"},
                {KVM_EXIT_EXCEPTION, "exception"},          {KVM_EXIT_HYPERCALL, "HYPERCALL"},
                {KVM_EXIT_DIRTY_RING_FULL, "DIRTY_RING"},   {12345, "unknown kind"},
                {KVM_EXIT_INTERNAL_ERROR, "internal error"}};
    b.cpu.env.seg[SEG_CS].base = 0x1000;
    b.cpu.env.rip = 0x234;
    memcpy(b.ram.host + 0x1234, "\x0f\x0b\xcd\x80", 4);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kvm_run *run = invent(rows[i].reason);
        if (rows[i].reason == KVM_EXIT_INTERNAL_ERROR)
            run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
        ck_assert_int_eq(handle(run), KVM_ACTION_LEAVE);
        ck_assert_int_eq(left, VCPU_EXIT_ERROR);
        ck_assert_msg(strstr(b.cpu.error, rows[i].words) != NULL, "%s", b.cpu.error);
        ck_assert_msg(strstr(b.cpu.error, ":234") != NULL, "%s", b.cpu.error);
        ck_assert_msg(strstr(b.cpu.error, "0f 0b cd 80") != NULL, "%s", b.cpu.error);
    }
    b.cpu.env.seg[SEG_CS].base = 0xd0000000;
    ck_assert_int_eq(handle(invent(KVM_EXIT_FAIL_ENTRY)), KVM_ACTION_LEAVE);
    ck_assert_msg(strstr(b.cpu.error, "unreadable") != NULL, "%s", b.cpu.error);
}
END_TEST

START_TEST(emulation_failure_asks_for_assist) {
    struct kvm_run *run = invent(KVM_EXIT_INTERNAL_ERROR);
    run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
    ck_assert_int_eq(handle(run), KVM_ACTION_ASSIST);
}
END_TEST

START_TEST(msrs) {
    struct kvm_run *run = invent(KVM_EXIT_X86_WRMSR);
    run->msr.index = 0x830;
    run->msr.data = 0x123456789;
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(run->msr.error, 0);
    ck_assert_uint_eq(msr_value, 0x123456789);
    run = invent(KVM_EXIT_X86_RDMSR);
    run->msr.index = 0x802;
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    ck_assert_uint_eq(run->msr.data, 0x123456789);
    static const uint32_t bad[] = {0x8ff, 0x7ff, 0x900, 0xc0010131};
    for (unsigned i = 0; i < 4; i++) {
        run = invent(i % 2 ? KVM_EXIT_X86_RDMSR : KVM_EXIT_X86_WRMSR);
        run->msr.index = bad[i];
        ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
        ck_assert_uint_ne(run->msr.error, 0);
    }
}
END_TEST

static bool write_apic_base(uint64_t value) {
    struct kvm_run *run = invent(KVM_EXIT_X86_WRMSR);
    run->msr.index = 0x1b;
    run->msr.data = value;
    ck_assert_int_eq(handle(run), KVM_ACTION_RUN);
    return !run->msr.error;
}

/* Each write to IA32_APIC_BASE by itself, where KVM shows them. */
START_TEST(apic_base_writes) {
    enum { X2APIC = 0xfee00c00, XAPIC = 0xfee00800, OFF = 0xfee00000 };
    apic_base = XAPIC;
    ck_assert(write_apic_base(X2APIC));
    ck_assert(!write_apic_base(XAPIC));
    ck_assert(write_apic_base(OFF));
    ck_assert(!write_apic_base(X2APIC));
    ck_assert(write_apic_base(XAPIC));
    ck_assert(!write_apic_base(1ull << 60 | XAPIC));
    ck_assert_uint_eq(apic_base, XAPIC);
}
END_TEST

/* Where only the sum of several writes is seen, the local APIC gets there all the same. */
START_TEST(apic_base_moves) {
    static const uint64_t mode[] = {0xfee00000, 0xfee00800, 0xfee00c00};
    for (unsigned from = 0; from < 3; from++)
        for (unsigned to = 0; to < 3; to++) {
            apic_base = mode[from], apic_offs = 0;
            kvm_move_apic(&b.cpu, mode[to]);
            ck_assert_uint_eq(apic_base, mode[to]);
            if (from == 2 && to == 1)
                ck_assert_uint_eq(apic_offs, 1); /* so it has forgotten what was set up */
        }
}
END_TEST

/* ---- conversions ---- */

/* Every byte of `p` different, so that a swapped field shows. */
static void fill(void *p, size_t n, uint8_t seed) {
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(seed + 37 * i);
}

START_TEST(general_registers_there_and_back) {
    CPUX86State in = {0}, out = {0};
    struct kvm_regs r;
    fill(in.gpr, sizeof(in.gpr), 5);
    in.rip = 0xfedcba9876543210;
    in.rflags = FLAG_ONE | FLAG_IF | FLAG_ZF;
    kvm_regs_from_env(&r, &in);
    ck_assert_uint_eq(r.rbx, in.gpr[REG_BX]);
    ck_assert_uint_eq(r.rsp, in.gpr[REG_SP]);
    ck_assert_uint_eq(r.r15, in.gpr[15]);
    kvm_regs_to_env(&r, &out);
    ck_assert_int_eq(memcmp(&in, &out, sizeof(in)), 0);
}
END_TEST

START_TEST(segments_there_and_back) {
    static const uint32_t ars[] = {0x9b, 0xa09b, 0xc0f3, 0x8b, 0x82, 0x10000, 0x1c093, 0xd0f7};
    CPUX86State in = {0}, out = {0};
    struct kvm_sregs s = {0};
    struct X86Segment *all[] = {&in.seg[0], &in.seg[1], &in.seg[2], &in.seg[3],
                                &in.seg[4], &in.seg[5], &in.ldt,    &in.tr};
    for (unsigned i = 0; i < 8; i++)
        *all[i] = (struct X86Segment){(uint16_t)(0x10 + 9 * i), ars[i], 0xfffff - i, 0x123456789a00 + i};
    in.gdt = (struct X86Table){0xffff800000001000, 0x7f};
    in.idt = (struct X86Table){0x2000, 0xfff};
    in.cr0 = 0x80050033, in.cr2 = 0x1234, in.cr3 = 0x5000, in.cr4 = 0x6b0, in.efer = 0xd01;
    kvm_sregs_from_env(&s, &in);
    ck_assert_uint_eq(s.cs.l, 1);
    ck_assert_uint_eq(s.ss.dpl, 3);
    ck_assert_uint_eq(s.fs.selector, in.seg[SEG_FS].selector);
    kvm_sregs_to_env(&s, &out);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        ck_assert_uint_eq(out.seg[i].ar, in.seg[i].ar);
        ck_assert_uint_eq(out.seg[i].base, in.seg[i].base);
        ck_assert_uint_eq(out.seg[i].limit, in.seg[i].limit);
        ck_assert_uint_eq(out.seg[i].selector, in.seg[i].selector);
    }
    ck_assert_uint_eq(out.tr.ar, in.tr.ar);
    ck_assert_uint_eq(out.ldt.base, in.ldt.base);
    ck_assert_uint_eq(out.gdt.base, in.gdt.base);
    ck_assert_uint_eq(out.idt.limit, in.idt.limit);
    ck_assert_uint_eq(out.cr4, in.cr4);
    ck_assert_uint_eq(out.efer, in.efer);
}
END_TEST

START_TEST(xsave_there_and_back) {
    static CPUX86State in, out;
    static struct kvm_xsave x;
    for (unsigned top = 0; top < 8; top++) {
        memset(&in, 0, sizeof(in));
        memset(&out, 0xff, sizeof(out));
        in.fcw = 0x27f, in.fsw = (uint16_t)(top << 11 | 0x41), in.ftw = 0xa5, in.fop = 0x123;
        in.fip = 0x7fff12345678, in.fdp = 0x7ffe87654321, in.mxcsr = 0x1fa0;
        for (unsigned i = 0; i < 8; i++)
            in.fpr[i] = (struct X87Reg){0x8000000000000001ull * (i + 1), (uint16_t)(0x3fff + i)};
        for (unsigned i = 0; i < 16; i++)
            fill(&in.vec[i], 32, (uint8_t)(3 * i));
        in.pkru = 0x55555554;
        kvm_xsave_from_env(&x, &in, 7 | XCR0_PKRU, 0x980);
        ck_assert_uint_eq(*(uint64_t *)((uint8_t *)x.region + FXSAVE_ST), in.fpr[top].mantissa);
        ck_assert_uint_eq(*(uint32_t *)((uint8_t *)x.region + 0x980), in.pkru);
        kvm_xsave_to_env(&x, &out, 0x980);
        ck_assert_uint_eq(out.pkru, in.pkru);
        ck_assert_int_eq(memcmp(in.vec, out.vec, sizeof(in.vec)), 0);
        for (unsigned i = 0; i < 8; i++) {
            ck_assert_uint_eq(in.fpr[i].mantissa, out.fpr[i].mantissa);
            ck_assert_uint_eq(in.fpr[i].sign_exp, out.fpr[i].sign_exp);
        }
        ck_assert_uint_eq(out.fcw, in.fcw);
        ck_assert_uint_eq(out.fsw, in.fsw);
        ck_assert_uint_eq(out.ftw, in.ftw);
        ck_assert_uint_eq(out.fop, in.fop);
        ck_assert_uint_eq(out.fip, in.fip);
        ck_assert_uint_eq(out.fdp, in.fdp);
        ck_assert_uint_eq(out.mxcsr, in.mxcsr);
    }
}
END_TEST

START_TEST(components_that_are_not_saved_are_initial) {
    static CPUX86State out;
    static struct kvm_xsave x;
    memset(x.region, 0xcc, sizeof(x.region));
    memset((uint8_t *)x.region + XSAVE_XSTATE_BV, 0, 8);
    out.pkru = 1;
    kvm_xsave_to_env(&x, &out, 0x980);
    ck_assert_uint_eq(out.pkru, 0);
    ck_assert_uint_eq(out.fcw, 0x37f);
    ck_assert_uint_eq(out.ftw, 0);
    ck_assert_uint_eq(out.mxcsr, 0x1f80);
    ck_assert_uint_eq(out.vec[15].q[3] | out.vec[0].q[0] | out.fpr[0].mantissa, 0);
}
END_TEST

START_TEST(events_there_and_back) {
    CPUX86State in = {0}, out = {0};
    struct kvm_vcpu_events e;
    in.exception.pending = in.exception.has_error = true;
    in.exception.vector = VEC_PF;
    in.exception.error = 6;
    in.interrupt.pending = true;
    in.interrupt.vector = 0x31;
    in.int_shadow = SHADOW_MOV_SS;
    in.nmi_blocked = true;
    kvm_events_from_env(&e, &in);
    kvm_events_to_env(&e, &out);
    ck_assert_int_eq(memcmp(&in, &out, sizeof(in)), 0);
    in = (CPUX86State){.int_shadow = SHADOW_STI};
    kvm_events_from_env(&e, &in);
    ck_assert_uint_eq(e.exception.injected | e.interrupt.injected | e.nmi.masked, 0);
    kvm_events_to_env(&e, &out);
    ck_assert_int_eq(memcmp(&in, &out, sizeof(in)), 0);
}
END_TEST

/* A debug trap is KVM's to deliver, but for one that waits until the instruction behind MOV SS is done. */
START_TEST(debug_trap_on_its_way) {
    CPUX86State env = {.pending_db = 1 << 14};
    struct kvm_vcpu_events e;
    for (unsigned shadow = SHADOW_NONE; shadow <= SHADOW_MOV_SS; shadow++) {
        bool held = shadow == SHADOW_MOV_SS;
        env.int_shadow = (enum IntShadow)shadow;
        kvm_events_from_env(&e, &env);
        ck_assert_uint_eq(e.exception.injected, !held);
        ck_assert_uint_eq(e.exception.nr, held ? 0 : VEC_DB);
        ck_assert_uint_eq(kvm_held_db(&env), held ? 1 << 14 : 0);
    }
}
END_TEST

START_TEST(pae_pointers) {
    CPUX86State env = {.pdpte = {0x1001, 0x2001, 0, 0x3019}, .cr0 = 0x80000011, .cr3 = 0x5020, .cr4 = 0x20};
    struct kvm_sregs one;
    struct kvm_sregs2 two;
    fill(&one, sizeof(one), 7);
    kvm_sregs_from_env(&one, &env);
    one.cr8 = 5, one.apic_base = 0xfee00900;
    kvm_sregs2_from(&two, &one, &env);
    ck_assert_int_eq(memcmp(&two.cs, &one.cs, sizeof(one.cs)), 0);
    ck_assert_int_eq(memcmp(&two.idt, &one.idt, sizeof(one.idt)), 0);
    ck_assert_uint_eq(two.cr3, 0x5020);
    ck_assert_uint_eq(two.cr8, 5);
    ck_assert_uint_eq(two.apic_base, 0xfee00900);
    ck_assert_uint_eq(two.flags, KVM_SREGS2_FLAGS_PDPTRS_VALID);
    ck_assert_int_eq(memcmp(two.pdptrs, env.pdpte, sizeof(env.pdpte)), 0);
}
END_TEST

/* A hand-over that comes while KVM delivers an NMI: the next engine delivers it, so it must not find it blocked. */
START_TEST(nmi_on_its_way) {
    struct kvm_vcpu_events none = {.nmi.masked = 1}, begun = {.nmi = {.injected = 1, .masked = 1}};
    struct kvm_vcpu_events waits = {.nmi = {.pending = 1, .masked = 1}};
    CPUX86State env = {0};
    ck_assert(!kvm_events_take_nmi(&none));
    ck_assert_uint_eq(none.nmi.masked, 1);
    ck_assert(kvm_events_take_nmi(&begun));
    kvm_events_to_env(&begun, &env);
    ck_assert(!env.nmi_blocked);
    ck_assert_uint_eq(begun.nmi.injected | begun.nmi.pending | begun.nmi.masked, 0);
    ck_assert_uint_ne(begun.flags & KVM_VCPUEVENT_VALID_NMI_PENDING, 0);
    ck_assert(kvm_events_take_nmi(&waits));
    kvm_events_to_env(&waits, &env);
    ck_assert(env.nmi_blocked);
    ck_assert_uint_eq(waits.nmi.pending, 0);
}
END_TEST

/* Two vCPUs with a breakpoint in one byte: it stands there until both have left, and hides what the guest has. */
START_TEST(patches_are_of_all) {
    enum { AT = 0x1234, BYTE = 0x90, HLT = 0xf4 };
    static struct KvmVcpu v[2];
    static struct KvmVm vm;
    struct KvmDebug none = {0}, wanted;
    struct CpuDebug d = {0};
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = AT};
    uint8_t *host = b.ram.host + AT;
    memset(v, 0, sizeof(v));
    vm = (struct KvmVm){.vcpu = {&v[0], &v[1]}};
    pthread_mutex_init(&vm.patch_lock, NULL);
    for (unsigned i = 0; i < 2; i++)
        v[i].vm = &vm, v[i].cpu = &b.cpu, v[i].known = true;
    ck_assert_int_eq(cpu_point_insert(&d, &p), 0);
    ck_assert(kvm_debug_allot(&wanted, &d, true, 0));
    ck_assert_uint_eq(wanted.patches, 1);
    *host = BYTE;
    for (unsigned first = 0; first < 2; first++) { /* who leaves first makes no difference */
        kvm_patches_set(&v[0], &wanted);
        ck_assert_uint_eq(*host, HLT);
        kvm_patches_set(&v[1], &wanted);
        ck_assert_uint_eq(*host, HLT);
        kvm_patches_clear(&v[first]);
        ck_assert_uint_eq(*host, HLT);
        kvm_patches_set(&v[first], &none);
        kvm_patches_clear(&v[!first]);
        ck_assert_uint_eq(*host, BYTE);
    }
    for (unsigned first = 0; first < 2; first++) {
        *host = BYTE;
        kvm_patches_set(&v[0], &wanted);
        *host = 0x55; /* the guest's own store */
        kvm_patches_set(&v[1], &wanted);
        kvm_patches_clear(&v[first]);
        kvm_patches_clear(&v[!first]);
        ck_assert_uint_eq(*host, 0x55);
    }
    pthread_mutex_destroy(&vm.patch_lock);
}
END_TEST

/* Doorbells follow the memory map, and are where a region's part with them is. */
START_TEST(doorbells_where_they_are_mapped) {
    struct BusDoorbell one = {.region = &b.mmio, .offset = 0x40, .fd = 7},
                       last = {.region = &b.mmio, .offset = 0xffe, .fd = 8};
    struct BusDoorbell beyond = {.region = &b.mmio, .offset = 0xfff, .fd = 9};
    struct KvmBell bell[4];
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 4), 0);
    bus_add_doorbell(b.cpu.bus, &one);
    bus_add_doorbell(b.cpu.bus, &last);
    bus_add_doorbell(b.cpu.bus, &beyond);
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 4), 2);
    ck_assert_uint_eq(bell[0].gpa, MMIO_AT + 0xffe);
    ck_assert_int_eq(bell[0].fd, 8);
    ck_assert_uint_eq(bell[1].gpa, MMIO_AT + 0x40);
    ck_assert_int_eq(bell[1].fd, 7);
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 1), 1); /* no room */
    bus_unmap(b.cpu.bus, &b.mmio);
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 4), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0x500000, &b.mmio), 0);
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 4), 2);
    ck_assert_uint_eq(bell[1].gpa, 0x500040);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0x500000, &b.rom), 0); /* covers it */
    ck_assert_uint_eq(kvm_wanted_bells(b.cpu.bus, bell, 4), 0);
    ck_assert_ptr_eq(bus_take_doorbell(b.cpu.bus), &beyond);
    ck_assert_ptr_eq(bus_take_doorbell(b.cpu.bus), &last);
    ck_assert_ptr_eq(bus_take_doorbell(b.cpu.bus), &one);
    ck_assert_ptr_null(bus_take_doorbell(b.cpu.bus));
}
END_TEST

START_TEST(cpuid_table) {
    static struct kvm_cpuid_entry2 e[KVM_CPUID_ENTRIES];
    unsigned n = kvm_cpuid_table(&b.cpu.model, 3, e, KVM_CPUID_ENTRIES);
    bool leaf7 = false, brand = false;
    ck_assert_uint_gt(n, 10);
    ck_assert_uint_lt(n, KVM_CPUID_ENTRIES);
    for (unsigned i = 0; i < n; i++) {
        uint32_t out[4];
        cpu_cpuid(&b.cpu.model, 3, e[i].function, e[i].index, out);
        ck_assert_uint_eq(e[i].eax, out[0]);
        ck_assert_uint_eq(e[i].ecx, out[2]);
        leaf7 = leaf7 || e[i].function == 7;
        brand = brand || e[i].function == 0x80000004;
        if (e[i].function == 1)
            ck_assert_uint_eq(e[i].ebx >> 24, 3);
    }
    ck_assert(leaf7 && brand);
    struct CpuModel largest = b.cpu.model; /* with all leaves there are */
    largest.vendor = VENDOR_INTEL;
    largest.topology = (struct CpuTopology){1, 2, 16, 2};
    n = kvm_cpuid_table(&largest, 3, e, KVM_CPUID_ENTRIES);
    ck_assert_uint_lt(n, KVM_CPUID_ENTRIES);
    unsigned levels = 0;
    for (unsigned i = 0; i < n; i++)
        levels += e[i].function == 0x1f && e[i].edx == 3;
    ck_assert_uint_eq(levels, 4);
    ck_assert_uint_eq(kvm_cpuid_table(&b.cpu.model, 0, e, 5), 5);
}
END_TEST

#endif

Suite *kvm_suite(void) {
    Suite *s = suite_create("kvm");
#ifdef HAVE_KVM
    const TTest *const exits[] = {out_of_every_width,
                                  in_writes_what_was_asked_for,
                                  string_io,
                                  unmapped_port_reads_ones,
                                  mmio,
                                  mmio_of_odd_sizes,
                                  mmio_obeys_a20,
                                  slots_of_ram_and_rom,
                                  slots_around_a_small_device,
                                  slots_without_a20,
                                  rom_writes_are_dropped,
                                  exits_that_leave,
                                  exits_that_go_on,
                                  unexpected_exits_explain,
                                  emulation_failure_asks_for_assist,
                                  msrs,
                                  apic_base_writes,
                                  apic_base_moves,
                                  patches_are_of_all,
                                  doorbells_where_they_are_mapped,
                                  cpuid_table};
    const TTest *const state[] = {general_registers_there_and_back,
                                  segments_there_and_back,
                                  xsave_there_and_back,
                                  components_that_are_not_saved_are_initial,
                                  events_there_and_back,
                                  nmi_on_its_way,
                                  debug_trap_on_its_way,
                                  pae_pointers};
    TCase *tc = tcase_create("exits");
    tcase_add_checked_fixture(tc, setup, teardown);
    for (unsigned i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
        tcase_add_test(tc, exits[i]);
    suite_add_tcase(s, tc);
    tc = tcase_create("state");
    for (unsigned i = 0; i < sizeof(state) / sizeof(state[0]); i++)
        tcase_add_test(tc, state[i]);
    suite_add_tcase(s, tc);
#endif
    return s;
}
