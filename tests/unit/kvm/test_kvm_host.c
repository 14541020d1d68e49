/* SPDX-License-Identifier: MIT */
/* Small guests on the host's own KVM, whichever module provides it. */
#include "tests/unit/suites.h"

#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"
#include "include/twin86.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Firmware of 64 KiB: `code` at F000:0000, and the jump to it where every PC starts. */
static char *make_rom(const uint8_t *code, size_t n) {
    static char path[] = "/tmp/twin86-kvm-XXXXXX";
    static uint8_t rom[65536];
    strcpy(path, "/tmp/twin86-kvm-XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "wb");
    memset(rom, 0xf4, sizeof(rom));
    memcpy(rom, code, n);
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5); /* jmp F000:0000 */
    ck_assert_uint_eq(fwrite(rom, 1, sizeof(rom), f), sizeof(rom));
    fclose(f);
    return path;
}

static char output[256];
static size_t output_used;
static void collect(void *opaque, const uint8_t *data, size_t size) {
    (void)opaque;
    for (size_t i = 0; i < size && output_used < sizeof(output) - 1; i++)
        output[output_used++] = (char)data[i];
}

static bool kernel_irqchip;
static bool test_lines; /* pc-testdev in place of the debug console, whose port it has */

static Twin86Machine *machine_with(const uint8_t *code, size_t n) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    char why[512];
    twin86_config_init(&c);
    c.ram_size = 16 << 20;
    c.accel = "kvm";
    c.cpu = "x86-64-v1,+x2apic";
    c.kernel_irqchip = kernel_irqchip;
    c.debugcon = !test_lines;
    c.pc_testdev = test_lines;
    c.debugcon_port = 0xe9;
    c.debugcon_output = collect;
    c.debug_exit = true;
    c.debug_exit_port = 0xf4;
    c.debug_exit_ports = 4;
    memset(output, 0, sizeof(output));
    output_used = 0;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    Twin86Guest g = {.bios = make_rom(code, n)};
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    remove(g.bios);
    return m;
}

/* Real mode: OUT, REP OUTSB, an MMIO read (the IOAPIC's window), RAM, then the end by isa-debug-exit. */
START_TEST(host_real_mode) {
    static const uint8_t code[] = {
        0xb0, 'o',                                                                 /* mov al, 'o' */
        0xe6, 0xe9,                                                                /* out e9h, al */
        0x8c, 0xc8, 0x8e, 0xd8,                                                    /* mov ax, cs; mov ds, ax */
        0xbe, 0x30, 0x00,                                                          /* mov si, 30h */
        0xb9, 0x03, 0x00,                                                          /* mov cx, 3 */
        0xba, 0xe9, 0x00,                                                          /* mov dx, e9h */
        0xf3, 0x6e,                                                                /* rep outsb */
        0x31, 0xc0, 0x8e, 0xd8,                                                    /* xor ax, ax; mov ds, ax */
        0xc6, 0x06, 0x00, 0x05, '!',                                               /* mov byte [500h], '!' */
        0xa0, 0x00, 0x05,                                                          /* mov al, [500h] */
        0xe6, 0xe9,                                                                /* out e9h, al */
        0xb8, 0x15, 0x00,                                                          /* mov ax, 15h */
        0xe7, 0xf4,                                                                /* out f4h, ax */
        0xf4, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 'k', 'a', 'y', /* at 30h */
    };
    _Static_assert(sizeof(code) == 0x30 + 3, "the text is at 30h");
    Twin86Event event = {0};
    Twin86Machine *m = machine_with(code, sizeof(code));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_str_eq(output, "okay!");
    twin86_destroy(m);
}
END_TEST

/* x87 in real mode is what KVM's emulator can't do on some hosts; where it can, nothing is assisted. */
START_TEST(host_assist) {
    static const uint8_t code[] = {
        0xdb, 0xe3,             /* fninit */
        0xd9, 0xe8, 0xd8, 0xc0, /* fld1; fadd st0, st0 */
        0x31, 0xc0, 0x8e, 0xd8, /* xor ax, ax; mov ds, ax */
        0xdf, 0x1e, 0x00, 0x05, /* fistp word [500h] */
        0xa0, 0x00, 0x05,       /* mov al, [500h] */
        0x04, '0',              /* add al, '0' */
        0xe6, 0xe9,             /* out e9h, al */
        0xe7, 0xf4, 0xf4,       /* out f4h, ax; hlt */
    };
    Twin86Event event = {0};
    Twin86Machine *m = machine_with(code, sizeof(code));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_str_eq(output, "2");
    twin86_destroy(m);
}
END_TEST

/* A guest that never exits by itself, and one that sleeps: both stop whenever they are told to. */
START_TEST(host_kicks) {
    static const uint8_t spin[] = {0xeb, 0xfe}, sleep[] = {0xfb, 0xf4, 0xeb, 0xfc};
    for (unsigned kind = 0; kind < 2; kind++) {
        Twin86Machine *m = kind ? machine_with(sleep, sizeof(sleep)) : machine_with(spin, sizeof(spin));
        for (unsigned i = 0; i < 200; i++) {
            ck_assert_int_eq(twin86_start(m, 0), 0);
            struct timespec ts = {.tv_nsec = (i % 10) * 50000};
            nanosleep(&ts, NULL);
            twin86_pause(m);
            ck_assert(!twin86_running(m));
            Twin86Event event;
            twin86_wait(m, 0, &event);
        }
        twin86_destroy(m);
    }
}
END_TEST

/* An instruction budget, exact though hardware does not count. */
START_TEST(host_budget) {
    static const uint8_t code[] = {
        0xb0, 'a',              /* mov al, 'a' */
        0xe6, 0xe9, 0xfe, 0xc0, /* out e9h, al; inc al */
        0xeb, 0xfa,             /* jmp back */
    };
    static const struct {
        uint64_t run;
        const char *output;
    } rows[] = {{2, ""}, {1, "a"}, {3, "ab"}, {6, "abcd"}};
    uint64_t total = 0;
    Twin86Machine *m = machine_with(code, sizeof(code));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        Twin86Event event = {0};
        Twin86Stats stats;
        ck_assert_int_eq(twin86_run(m, rows[i].run, &event), 0);
        ck_assert_msg(event.kind == TWIN86_EVENT_BUDGET, "event %d: %s", (int)event.kind, event.message);
        twin86_stats(m, &stats);
        total += rows[i].run;
        ck_assert_uint_eq(stats.instructions, total);
        ck_assert_str_eq(output, rows[i].output);
    }
    twin86_destroy(m);
}
END_TEST

static void ends_with(Twin86Machine *m, const char *want) {
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_str_eq(output, want);
}

static uint64_t hooked;
static uint64_t read_hooked(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)opaque, (void)cpu, (void)size;
    return 'p' + offset;
}
static void write_hooked(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)size;
    hooked = value;
}

/* A device of 4 bytes in the middle of a page of RAM, which is then no memory slot any more: an access reaches RAM, the
 * device, or half of each. */
START_TEST(host_device_within_a_page) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,                   /* xor ax, ax; mov ds, ax */
        0xc6, 0x06, 0xff, 0x6f, 'a',              /* mov byte [6fffh], 'a': the page before */
        0xc6, 0x06, 0x0f, 0x70, 'b',              /* mov byte [700fh], 'b': RAM in front of the device */
        0xc6, 0x06, 0x14, 0x70, 'c',              /* mov byte [7014h], 'c': RAM behind it */
        0xc7, 0x06, 0x10, 0x70, 0x34, 0x12,       /* mov word [7010h], 1234h: the device */
        0xa0, 0xff, 0x6f, 0xe6, 0xe9,             /* mov al, [6fffh]; out e9h, al */
        0xa1, 0x0f, 0x70, 0xe6, 0xe9,             /* mov ax, [700fh]; out e9h, al: half of each */
        0x88, 0xe0, 0xe6, 0xe9,                   /* mov al, ah; out e9h, al */
        0xa0, 0x13, 0x70, 0xe6, 0xe9,             /* mov al, [7013h]; out e9h, al */
        0xa0, 0x14, 0x70, 0xe6, 0xe9, 0xe7, 0xf4, /* mov al, [7014h]; out e9h, al; out f4h, ax */
    };
    const Twin86Hook hook = {read_hooked, write_hooked, NULL};
    Twin86Machine *m = machine_with(code, sizeof(code));
    ck_assert_int_eq(twin86_hook_mmio(m, 0x7010, 4, &hook), 0);
    ends_with(m, "abpsc");
    ck_assert_uint_eq(hooked, 0x1234);
    twin86_destroy(m);
}
END_TEST

/* The memory map changes under the guest's feet: with A20 off FFFF:0510 is 0:0500, with A20 on it is not. */
START_TEST(host_a20) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,             /* xor ax, ax; mov ds, ax */
        0x48, 0x8e, 0xc0,                   /* dec ax; mov es, ax */
        0xb9, 0x03, 0x00,                   /* mov cx, 3 */
        0xb0, 0x02, 0xe6, 0x92,             /* 0ah: mov al, 2; out 92h, al: on */
        0x26, 0xc6, 0x06, 0x10, 0x05, '1',  /* mov byte [es:510h], '1' */
        0xc6, 0x06, 0x00, 0x05, '0',        /* mov byte [500h], '0' */
        0x26, 0xa0, 0x10, 0x05, 0xe6, 0xe9, /* mov al, [es:510h]; out e9h, al */
        0xb0, 0x00, 0xe6, 0x92,             /* mov al, 0; out 92h, al: off */
        0x26, 0xa0, 0x10, 0x05, 0xe6, 0xe9, /* mov al, [es:510h]; out e9h, al */
        0x26, 0xc6, 0x06, 0x10, 0x05, '2',  /* mov byte [es:510h], '2' */
        0xa0, 0x00, 0x05, 0xe6, 0xe9,       /* mov al, [500h]; out e9h, al */
        0xe2, 0xd4, 0xe7, 0xf4,             /* loop 0ah; out f4h, ax */
    };
    Twin86Machine *m = machine_with(code, sizeof(code));
    ends_with(m, "102102102");
    twin86_destroy(m);
}
END_TEST

/* The guest sends itself an NMI, and another one from the handler: that waits for IRET. Interrupts are masked all the
 * time. */
START_TEST(host_nmi) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0,       /* xor ax, ax; mov ds, ax; mov ss, ax */
        0xbc, 0x00, 0x70,                         /* mov sp, 7000h */
        0xc7, 0x06, 0x08, 0x00, 0x50, 0x00,       /* mov word [8], 50h: vector 2 */
        0x8c, 0x0e, 0x0a, 0x00,                   /* mov [10], cs */
        0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00,       /* mov ecx, 1bh */
        0x0f, 0x32, 0x80, 0xcc, 0x0c, 0x0f, 0x30, /* rdmsr; or ah, 0ch; wrmsr: x2APIC */
        0xb3, 0x02, 0xe8, 0x13, 0x00,             /* mov bl, 2; call 38h */
        0xb9, 0xa0, 0x0f, 0xe2, 0xfe,             /* mov cx, 4000; loop to itself: kvm_pvm's emulator takes its time */
        0xb0, 'e',  0xe6, 0xe9, 0xe7, 0xf4,       /* out e9h, 'e'; out f4h, ax */
        0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, /* room */
        0x66, 0xb9, 0x30, 0x08, 0x00, 0x00,             /* 38h: mov ecx, 830h: ICR */
        0x66, 0x31, 0xd2,                               /* xor edx, edx */
        0x66, 0xb8, 0x00, 0x44, 0x00, 0x00,             /* mov eax, 4400h: NMI */
        0x0f, 0x30, 0xc3,                               /* wrmsr; ret */
        0x90, 0x90, 0x90, 0x90, 0x90, 0x90,             /* room */
        0xb0, 'n',  0xe6, 0xe9,                         /* 50h: out e9h, 'n' */
        0xfe, 0xcb, 0x74, 0x07,                         /* dec bl; jz 5fh */
        0xe8, 0xdd, 0xff,                               /* call 38h */
        0xb0, 'm',  0xe6, 0xe9,                         /* out e9h, 'm' */
        0xcf,                                           /* 5fh: iret */
    };
    _Static_assert(sizeof(code) == 0x60, "the handler is at 50h");
    kernel_irqchip = _i;
    Twin86Machine *m = machine_with(code, sizeof(code));
    ends_with(m, "nmne");
    twin86_destroy(m);
    kernel_irqchip = false;
}
END_TEST

/* Which pages the guest has written: KVM notes it, the bus's flags say it. */
START_TEST(host_dirty_log) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,    /* xor ax, ax; mov ds, ax */
        0xc6, 0x06, 0x00, 0x50, 1, /* mov byte [5000h], 1 */
        0xe7, 0xf4,                /* out f4h, ax */
        0xc6, 0x06, 0x23, 0x91, 2, /* mov byte [9123h], 2 */
        0xe7, 0xf4,                /* out f4h, ax */
        0xc6, 0x06, 0x00, 0x60, 3, /* mov byte [6000h], 3 */
        0xe7, 0xf4,                /* out f4h, ax */
    };
    Twin86Machine *m = machine_with(code, sizeof(code));
    struct Machine *machine = (struct Machine *)m; /* its first member */
    uint8_t *flags = machine->ram.page_flags;
    for (unsigned page = 0; page < 16; page++)
        ck_assert_uint_eq(flags[page] & PAGE_FLAG_DIRTY, 0);
    bus_set_dirty_logging(machine->bus, true);
    ends_with(m, "");
    bus_sync_dirty(machine->bus);
    ck_assert_uint_ne(flags[5] & PAGE_FLAG_DIRTY, 0);
    ck_assert_uint_eq((flags[4] | flags[6] | flags[9]) & PAGE_FLAG_DIRTY, 0);
    flags[5] = 0;
    ends_with(m, "");
    bus_set_dirty_logging(machine->bus, false); /* what was not asked for yet is not lost */
    ck_assert_uint_eq(flags[5] & PAGE_FLAG_DIRTY, 0);
    ck_assert_uint_ne(flags[9] & PAGE_FLAG_DIRTY, 0);
    ends_with(m, "");
    bus_sync_dirty(machine->bus);
    ck_assert_uint_eq(flags[6] & PAGE_FLAG_DIRTY, 0);
    twin86_destroy(m);
}
END_TEST

/* The keyboard controller's reset line; RAM keeps what tells the second start from the first. */
START_TEST(host_reset) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,             /* xor ax, ax; mov ds, ax */
        0x80, 0x3e, 0x00, 0x05, 'x',        /* cmp byte [500h], 'x' */
        0x74, 0x0c,                         /* je 17h */
        0xc6, 0x06, 0x00, 0x05, 'x',        /* mov byte [500h], 'x' */
        0xb0, 0xfe, 0xe6, 0x64,             /* out 64h, feh */
        0xf4, 0xeb, 0xfd,                   /* hlt; jmp to it */
        0xb0, 'R',  0xe6, 0xe9, 0xe7, 0xf4, /* out e9h, 'R'; out f4h, ax */
        0xf4,
    };
    Twin86Event event = {0};
    Twin86Machine *m = machine_with(code, sizeof(code));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_str_eq(output, "R");
    twin86_destroy(m);
}
END_TEST

/* A triple fault that KVM has yet to report stays while the guest's state does, and goes with it. */
START_TEST(host_triple_fault_in_flight) {
    static const uint8_t code[] = {0xe7, 0xf4, 0xe7, 0xf4, 0xe7, 0xf4, 0xeb, 0xfe}; /* out f4h, ax, three times */
    for (unsigned reset = 0; reset < 2; reset++) {
        Twin86Machine *m = machine_with(code, sizeof(code));
        struct CPUState *cpu = machine_cpu(((struct Machine *)m), 0);
        struct KvmVcpu *v = cpu->engine;
        struct kvm_vcpu_events e;
        ends_with(m, "");
        ck_assert_int_eq(ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e), 0);
        e.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
        e.triple_fault.pending = 1;
        if (v->vm->caps.triple_fault) { /* else this KVM has no call for it */
            ck_assert_int_eq(ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e), 0);
            cpu->engine_owns_state = true;
            cpu_sync_state(cpu);
        }
        if (reset)
            twin86_reset(m);
        ends_with(m, "");
        Twin86Stats stats;
        twin86_stats(m, &stats);
        ck_assert_uint_eq(stats.resets, v->vm->caps.triple_fault ? 1 : reset); /* that, or the triple fault's */
        twin86_destroy(m);
    }
}
END_TEST

/* A debug trap that MOV SS holds back, as another engine may leave it behind: one more instruction, then the handler.
 */
START_TEST(host_trap_behind_mov_ss) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,             /* xor ax, ax; mov ds, ax */
        0x8e, 0xd0, 0xbc, 0x00, 0x70,       /* mov ss, ax; mov sp, 7000h */
        0xc7, 0x06, 0x04, 0x00, 0x24, 0x00, /* mov word [4], 24h */
        0x8c, 0x0e, 0x06, 0x00,             /* mov [6], cs */
        0xb3, '0',  0xe7, 0xf4,             /* mov bl, '0'; out f4h, ax */
        0xb3, '1',  0xb3, '2',              /* mov bl, '1'; mov bl, '2' */
        0xb3, '3',  0xeb, 0xfe,             /* mov bl, '3'; jmp to itself */
        0x90, 0x90, 0x90, 0x90, 0x90,       /* at 24h */
        0x88, 0xd8, 0xe6, 0xe9, 0xe7, 0xf4, /* mov al, bl; out e9h, al; out f4h, ax */
        0xf4,
    };
    _Static_assert(sizeof(code) == 0x24 + 7, "the handler is at 24h");
    Twin86Machine *m = machine_with(code, sizeof(code));
    struct CPUState *cpu = machine_cpu(((struct Machine *)m), 0);
    ends_with(m, "");
    cpu_sync_state(cpu);
    cpu->env.pending_db = 1;
    cpu->env.int_shadow = SHADOW_MOV_SS;
    ck_assert_int_eq(kvm_put_state(cpu), 0);
    kvm_get_state(cpu); /* looking changes nothing */
    ck_assert_uint_eq(cpu->env.pending_db, 1);
    ck_assert_int_eq(cpu->env.int_shadow, SHADOW_MOV_SS);
    ck_assert_uint_eq(cpu->env.dr[6] & 1, 0);
    ends_with(m, "1");
    cpu_sync_state(cpu);
    ck_assert_uint_eq(cpu->env.dr[6] & 1, 1);
    ck_assert_uint_eq(cpu->env.pending_db, 0);
    twin86_destroy(m);
}
END_TEST

START_TEST(host_create_and_destroy) {
    static const uint8_t spin[] = {0xeb, 0xfe};
    for (unsigned i = 0; i < 20; i++) {
        Twin86Machine *m = machine_with(spin, sizeof(spin));
        ck_assert_int_eq(twin86_start(m, 0), 0);
        twin86_destroy(m);
    }
    int fd = dup(0); /* were descriptors leaked, it would be a high one */
    ck_assert_int_lt(fd, 40);
    close(fd);
}
END_TEST
/* ---- interrupts: the machine's controllers, and the kernel's ---- */

static const bool irqchips[] = {false, true};

/* Wait for its isa-debug-exit. */
static void run_to_end(Twin86Machine *m) {
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
}

/* Three ticks of the PIT at 100 Hz, each after a HLT; the third one's handler ends it, however late it comes. */
static const uint8_t ticks[] = {
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0,                   /* cli; xor ax, ax; mov ds, ax; mov ss, ax */
    0xbc, 0x00, 0x70,                                           /* mov sp, 7000h */
    0xc7, 0x06, 0x80, 0x00, 0x3f, 0x00,                         /* mov word [80h], handler */
    0xc7, 0x06, 0x82, 0x00, 0x00, 0xf0,                         /* mov word [82h], f000h */
    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21,             /* out 20h, 11h; out 21h, 20h */
    0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,             /* out 21h, 4; out 21h, 1 */
    0xb0, 0xfe, 0xe6, 0x21,                                     /* out 21h, feh */
    0xb0, 0x34, 0xe6, 0x43, 0xb0, 0x9c, 0xe6, 0x40, 0xb0, 0x2e, /* channel 0, mode 2, 11932 */
    0xe6, 0x40, 0xc6, 0x06, 0x00, 0x05, 0x00,                   /* mov byte [500h], 0 */
    0xfb, 0xf4, 0xeb, 0xfd,                                     /* sti; hlt; jmp to it */
    0xfe, 0x06, 0x00, 0x05, 0xb0, '.',  0xe6, 0xe9,             /* handler: inc byte [500h]; out e9h, '.' */
    0xb0, 0x20, 0xe6, 0x20,                                     /* out 20h, 20h */
    0x80, 0x3e, 0x00, 0x05, 0x03, 0x73, 0x01, 0xcf,             /* cmp byte [500h], 3; jae to the next; iret */
    0xe7, 0xf4, 0xf4,                                           /* out f4h, ax; hlt */
};

START_TEST(host_ticks) {
    kernel_irqchip = irqchips[_i];
    Twin86Machine *m = machine_with(ticks, sizeof(ticks));
    run_to_end(m);
    ck_assert_str_eq(output, "...");
    twin86_destroy(m);
}
END_TEST

/* What the first run did to the interrupt controllers is gone after a reset: the second run is like it. */
START_TEST(host_ticks_after_reset) {
    kernel_irqchip = irqchips[_i];
    Twin86Machine *m = machine_with(ticks, sizeof(ticks));
    run_to_end(m);
    twin86_reset(m);
    run_to_end(m);
    ck_assert_str_eq(output, "......");
    twin86_destroy(m);
}
END_TEST

/* A level-triggered line that is still high after the EOI interrupts again, and one that has fallen does not:
 * pc-testdev's IRQ 5, which the handler lowers at the third time. */
START_TEST(host_level_triggered_line) {
    static const uint8_t code[] = {
        0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0,       /* cli; xor ax, ax; mov ds, ax; mov ss, ax */
        0xbc, 0x00, 0x70,                               /* mov sp, 7000h */
        0xc7, 0x06, 0x94, 0x00, 0x50, 0x00,             /* mov word [94h], handler */
        0xc7, 0x06, 0x96, 0x00, 0x00, 0xf0,             /* mov word [96h], f000h */
        0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, /* out 20h, 11h; out 21h, 20h */
        0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, /* out 21h, 4; out 21h, 1 */
        0xb0, 0xdf, 0xe6, 0x21,                         /* out 21h, dfh */
        0xba, 0xd0, 0x04, 0xb0, 0x20, 0xee,             /* out 4d0h, 20h: IRQ 5 is level-triggered */
        0xc6, 0x06, 0x00, 0x05, 0x00,                   /* mov byte [500h], 0 */
        0xba, 0x05, 0x20, 0xb0, 0x01, 0xee,             /* out 2005h, 1 */
        0xfb,                                           /* sti */
        0x80, 0x3e, 0x00, 0x05, 0x03, 0x72, 0xf9,       /* cmp byte [500h], 3; jb to it */
        0xb9, 0x00, 0x10, 0xe2, 0xfe,                   /* mov cx, 1000h; loop to itself */
        0xa0, 0x00, 0x05, 0xb4, 0x00, 0xe7, 0xf4, 0xf4, /* mov al, [500h]; mov ah, 0; out f4h, ax; hlt */
        0xfe, 0x06, 0x00, 0x05, 0xb0, 0x20, 0xe6, 0x20, /* handler: inc byte [500h]; out 20h, 20h */
        0x80, 0x3e, 0x00, 0x05, 0x03, 0x72, 0x06,       /* cmp byte [500h], 3; jb to the iret */
        0x30, 0xc0, 0xba, 0x05, 0x20, 0xee, 0xcf,       /* out 2005h, 0; iret */
    };
    _Static_assert(sizeof(code) == 0x50 + 22, "the handler is at 50h");
    Twin86Event event = {0};
    kernel_irqchip = irqchips[_i];
    test_lines = true;
    Twin86Machine *m = machine_with(code, sizeof(code));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_uint_eq(event.value, 3 << 1 | 1);
    twin86_destroy(m);
    test_lines = kernel_irqchip = false;
}
END_TEST

/* HLT with nothing to wake it, paused and continued; then a reset gets it out. */
START_TEST(host_pause_in_hlt) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,      /* xor ax, ax; mov ds, ax */
        0x80, 0x3e, 0x00, 0x05, 'x', /* cmp byte [500h], 'x' */
        0x74, 0x08,                  /* je 13h */
        0xc6, 0x06, 0x00, 0x05, 'x', /* mov byte [500h], 'x' */
        0xf4, 0xeb, 0xfd,            /* hlt; jmp to it */
        0xe7, 0xf4, 0xf4,            /* out f4h, ax; hlt */
    };
    kernel_irqchip = irqchips[_i];
    Twin86Machine *m = machine_with(code, sizeof(code));
    uint8_t hash[2][32];
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        twin86_pause(m);
    }
    uint64_t rip;
    ck_assert_int_eq(twin86_read_reg(m, 0, TWIN86_RIP, &rip), 0);
    ck_assert_uint_eq(rip, 0x11); /* behind the HLT */
    ck_assert_int_eq(twin86_state_hash(m, hash[0]), 0);
    ck_assert_int_eq(twin86_state_hash(m, hash[1]), 0);
    ck_assert_int_eq(memcmp(hash[0], hash[1], 32), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    twin86_reset(m);
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_int_eq(event.kind, TWIN86_EVENT_DEBUG_EXIT);
    twin86_destroy(m);
}
END_TEST

/* ---- the kernel's controllers, seen from the engine's side ---- */

static struct {
    pthread_mutex_t lock;
    struct CPUState cpu;
    struct Accel accel;
} e;

static void open_engine(void) {
    char why[256];
    memset(&e, 0, sizeof(e));
    bus_lock_init(&e.lock);
    e.cpu.bootstrap = true;
    e.cpu.lock = &e.lock;
    e.cpu.bus = bus_new(&e.lock);
    e.cpu.clock = clock_new(CLOCK_HOST);
    e.accel = (struct Accel){.ops = &kvm_ops, .bus = e.cpu.bus, .clock = e.cpu.clock, .lock = &e.lock, .options = ""};
    e.accel.irqchip = true;
    ck_assert_int_eq(cpu_model_parse(&e.cpu.model, "x86-64-v1", why, sizeof(why)), 0);
    ck_assert_msg(kvm_ops.init(&e.accel, why, sizeof(why)) == 0, "%s", why);
    e.cpu.accel = &e.accel;
    ck_assert_msg(kvm_ops.vcpu_init(&e.cpu, &e.accel) == 0, "%s", e.cpu.error);
    ck_assert_msg(kvm_ops.set_model(&e.cpu) == 0, "%s", e.cpu.error);
    kvm_irqchip_ops.reset(&e.cpu);
}

static void close_engine(void) {
    kvm_ops.vcpu_destroy(&e.cpu);
    kvm_ops.destroy(&e.accel);
    bus_free(e.cpu.bus);
    clock_free(e.cpu.clock);
    pthread_mutex_destroy(&e.lock);
}

/* Which inputs have seen a request: the 8259s' in bits 0-15, the I/O APIC's from bit 16 on. */
static uint64_t requests(void) {
    const struct KvmVm *vm = e.accel.data;
    uint64_t bits = 0;
    for (unsigned i = 0; i < KVM_NR_IRQCHIPS; i++) {
        struct kvm_irqchip c = {.chip_id = i};
        ck_assert_int_eq(ioctl(vm->fd, KVM_GET_IRQCHIP, &c), 0);
        bits |= i == KVM_IRQCHIP_IOAPIC ? (uint64_t)c.chip.ioapic.irr << 16 : (uint64_t)c.chip.pic.irr << 8 * i;
    }
    return bits;
}

START_TEST(lines_of_the_irqchip) {
    open_engine();
    for (int line = 0; line < ACCEL_IRQ_LINES; line++) {
        int n = line % 8 + (line >= ACCEL_IRQ_PIC ? (line - ACCEL_IRQ_PIC) / 8 * 8 : line / 8 * 8);
        uint64_t pic = n < 16 && n != 2 ? 1ull << n : 0, ioapic = n == 2 ? 0 : 1ull << (16 + (n == 0 ? 2 : n));
        uint64_t want = line < ACCEL_IRQ_IOAPIC ? pic | ioapic : line < ACCEL_IRQ_PIC ? ioapic : pic;
        kvm_irqchip_ops.reset(&e.cpu);
        ck_assert_uint_eq(requests(), 0);
        kvm_irqchip_ops.set_line(&e.accel, line, true);
        ck_assert_msg(requests() == want, "line %d: %llx instead of %llx", line, (unsigned long long)requests(),
                      (unsigned long long)want);
        kvm_irqchip_ops.set_line(&e.accel, line, false);
    }
    kvm_irqchip_ops.set_line(&e.accel, -1, true); /* ignored */
    kvm_irqchip_ops.set_line(&e.accel, ACCEL_IRQ_LINES, true);
    close_engine();
}
END_TEST

/* The local APIC has a request for the vector. */
static bool requested(unsigned vector) {
    enum { IRR = 0x200 };
    const struct KvmVcpu *v = e.cpu.engine;
    struct kvm_lapic_state s;
    uint32_t word;
    ck_assert_int_eq(ioctl(v->fd, KVM_GET_LAPIC, &s), 0);
    memcpy(&word, s.regs + IRR + vector / 32 * 16, sizeof(word));
    return word >> vector % 32 & 1;
}

/* Whatever vector the guest programs, as often as it does, more than a table of routes would hold; what is for no CPU
 * that there is is lost; and a reset leaves nothing. */
START_TEST(messages_to_the_irqchip) {
    enum { PROGRAMMED = 10000, VECTORS = 0x100 - 0x20 };
    open_engine();
    for (unsigned i = 0; i < PROGRAMMED; i++) {
        unsigned vector = 0x20 + i % VECTORS;
        if (i % VECTORS == 0) {
            kvm_irqchip_ops.reset(&e.cpu);
            ck_assert(!requested(0x20) && !requested(0xff));
        }
        kvm_irqchip_ops.send_msi(&e.accel, 0xfee01000, vector); /* CPU 1 */
        if (i < 2 * VECTORS)
            ck_assert(!requested(vector));
        kvm_irqchip_ops.send_msi(&e.accel, 0xfee00000, vector);
        if (i < 2 * VECTORS || i > PROGRAMMED - VECTORS)
            ck_assert(requested(vector));
    }
    close_engine();
}
END_TEST

START_TEST(state_of_the_irqchip_is_saved) {
    static uint8_t before[8192], after[8192];
    open_engine();
    size_t n = kvm_irqchip_ops.save(&e.accel, before, sizeof(before));
    ck_assert_uint_le(n, sizeof(before));
    ck_assert_uint_eq(kvm_irqchip_ops.save(&e.accel, after, sizeof(after)), n);
    ck_assert_int_eq(memcmp(before, after, n), 0);
    kvm_irqchip_ops.set_line(&e.accel, 3, true);
    kvm_irqchip_ops.save(&e.accel, after, sizeof(after));
    ck_assert_int_ne(memcmp(before, after, n), 0);
    kvm_irqchip_ops.set_line(&e.accel, 3, false);
    kvm_irqchip_ops.reset(&e.cpu);
    kvm_irqchip_ops.save(&e.accel, after, sizeof(after));
    ck_assert_int_eq(memcmp(before, after, n), 0);
    ck_assert_uint_eq(kvm_irqchip_ops.save(&e.accel, after, 1), n); /* too small: nothing is written behind it */
    ck_assert_int_eq(after[1], before[1]);
    close_engine();
}
END_TEST

/* What is restored is what was saved, a line that is high included; other bytes are refused. */
START_TEST(state_of_the_irqchip_is_restored) {
    static uint8_t shared[2][8192], own[2][8192];
    open_engine();
    kvm_irqchip_ops.reset(&e.cpu);
    kvm_irqchip_ops.set_line(&e.accel, 3, true);
    size_t n = kvm_irqchip_ops.save(&e.accel, shared[0], sizeof(shared[0]));
    size_t n_own = kvm_irqchip_ops.save_cpu(&e.cpu, false, own[0], sizeof(own[0]));
    kvm_irqchip_ops.set_line(&e.accel, 3, false);
    kvm_irqchip_ops.set_line(&e.accel, 5, true);
    ck_assert_int_eq(kvm_irqchip_ops.restore(&e.accel, shared[0], n), 0);
    ck_assert_int_eq(kvm_irqchip_ops.restore_cpu(&e.cpu, own[0], n_own), 0);
    kvm_irqchip_ops.save(&e.accel, shared[1], sizeof(shared[1]));
    kvm_irqchip_ops.save_cpu(&e.cpu, false, own[1], sizeof(own[1]));
    ck_assert_int_eq(memcmp(shared[0], shared[1], n), 0);
    ck_assert_int_eq(memcmp(own[0], own[1], n_own), 0);
    ck_assert_int_eq(kvm_irqchip_ops.restore(&e.accel, shared[0], n - 1), -EINVAL);
    ck_assert_int_eq(kvm_irqchip_ops.restore_cpu(&e.cpu, own[0], n_own + 1), -EINVAL);
    kvm_irqchip_ops.set_line(&e.accel, 3, false);
    close_engine();
}
END_TEST

/* PAE's pointers are the processor's: what memory holds there by now (here: nothing) does not count. */
START_TEST(host_pae_pointers) {
    static const uint64_t pointers[] = {0x4001, 0x5001, 0, 0x7001};
    open_engine();
    if (((struct KvmVm *)e.accel.data)->caps.sregs2) { /* older kernels take no pointers */
        cpu_reset(&e.cpu, false);
        e.cpu.env.cr0 |= CR0_PE | CR0_PG;
        e.cpu.env.cr4 |= CR4_PAE;
        e.cpu.env.cr3 = 0x3000;
        memcpy(e.cpu.env.pdpte, pointers, sizeof(pointers));
        for (unsigned i = 0; i < 2; i++) {
            ck_assert_msg(kvm_put_state(&e.cpu) == 0, "%s", e.cpu.error);
            memset(e.cpu.env.pdpte, 0, sizeof(e.cpu.env.pdpte));
            kvm_get_state(&e.cpu);
            ck_assert_int_eq(memcmp(e.cpu.env.pdpte, pointers, sizeof(pointers)), 0);
        }
    }
    close_engine();
}
END_TEST

/* An engine without interrupt controllers, and hand-over, are refused. */
START_TEST(irqchip_is_refused) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    char why[512];
    twin86_config_init(&c);
    c.kernel_irqchip = true;
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "needs -accel kvm"));
    c.accel = "kvm:tcg-lite";
    c.handover = true;
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "can't go to another"));
    c.accel = "kvm";
    c.handover = false;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(twin86_set_accel(m, "tcg-lite", why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "can't go to another"));
    twin86_destroy(m);
}
END_TEST
#endif

Suite *kvm_host_suite(void) {
    Suite *s = suite_create("kvm-host");
#ifdef HAVE_KVM
    const TTest *const once[] = {host_real_mode,
                                 host_assist,
                                 host_kicks,
                                 host_budget,
                                 host_reset,
                                 host_triple_fault_in_flight,
                                 host_trap_behind_mov_ss,
                                 host_create_and_destroy,
                                 irqchip_is_refused,
                                 lines_of_the_irqchip,
                                 messages_to_the_irqchip,
                                 state_of_the_irqchip_is_saved,
                                 state_of_the_irqchip_is_restored,
                                 host_device_within_a_page,
                                 host_a20,
                                 host_dirty_log};
    const TTest *const each[] = {host_ticks, host_ticks_after_reset, host_level_triggered_line, host_pause_in_hlt,
                                 host_nmi};
    const unsigned once_count = sizeof(once) / sizeof(once[0]), each_count = sizeof(each) / sizeof(each[0]);
    char why[256];
    bool usable = kvm_ops.probe(why, sizeof(why)) == 0;
    TCase *tc = tcase_create("host");
    tcase_set_timeout(tc, 60);
    for (unsigned i = 0; usable && i < once_count; i++)
        tcase_add_test(tc, once[i]);
    char pvm[256];
    kvm_caveat(pvm, sizeof(pvm));
    if (usable && pvm[0] == '\0')
        tcase_add_test(tc, host_pae_pointers);
    else
        suite_skip("PAE pointers of kvm", 1, usable ? "kvm_pvm has no PAE paging" : why);
    for (unsigned i = 0; usable && i < each_count; i++)
        tcase_add_loop_test(tc, each[i], 0, 2);
    suite_add_tcase(s, tc);
    if (!usable)
        suite_skip("kvm on this host", once_count + 2 * each_count, why);
#endif
    return s;
}
