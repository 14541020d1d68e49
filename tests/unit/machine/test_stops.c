/* SPDX-License-Identifier: MIT */
/* A debugger's breakpoints, watchpoints and steps, on every engine that is to be had here: guests of a few bytes in
 * real mode, in a ROM that begins at F000:0000. */
#include "include/twin86.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BASE = 0xf0000, RAM_CODE = 0x1000 };

static const char *engine;

/* Firmware of 64 KiB that copies `code` to 0:1000h and goes there with all segments 0; steps and events begin there. */
static void write_rom(const char *path, const uint8_t *code, size_t n) {
    static uint8_t rom[65536];
    static const uint8_t start[] = {
        0x8c, 0xc8, 0x8e, 0xd8, 0x31, 0xc0, 0x8e, 0xc0, 0x8e, 0xd0, /* mov ax, cs; ds = ax; xor ax, ax; es = ss = ax */
        0xbe, 0x00, 0x01, 0xbf, 0x00, 0x10, 0xb9, 0x00, 0x02,       /* mov si, 100h; mov di, 1000h; mov cx, 200h */
        0xf3, 0xa4, 0x8e, 0xd8, 0xbc, 0x00, 0x80,                   /* rep movsb; ds = ax; mov sp, 8000h */
        0xea, 0x00, 0x10, 0x00, 0x00,                               /* jmp 0:1000h */
    };
    memset(rom, 0xf4, sizeof(rom));
    memcpy(rom, start, sizeof(start));
    memcpy(rom + 0x100, code, n);
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(rom, 1, sizeof(rom), f), sizeof(rom));
    fclose(f);
}

static void insert(Twin86Machine *m, enum Twin86PointKind kind, uint64_t address, uint64_t length) {
    char why[256] = "";
    Twin86Point p = {kind, address, length};
    ck_assert_msg(twin86_point_insert(m, &p, why, sizeof(why)) == 0, "%llx: %s", (unsigned long long)address, why);
}

static void take_out(Twin86Machine *m, enum Twin86PointKind kind, uint64_t address, uint64_t length) {
    Twin86Point p = {kind, address, length};
    ck_assert_int_eq(twin86_point_remove(m, &p), 0);
}

/* Until the debugger's stop. */
static Twin86Stop stopped(Twin86Machine *m) {
    Twin86Event event = {0};
    Twin86Stop stop = {0};
    ck_assert_msg(twin86_wait(m, 20000, &event) == 0, "it does not stop");
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG, "event %d: %s", (int)event.kind, event.message);
    ck_assert_str_ne(event.message, "");
    ck_assert_int_eq(twin86_debug_stop(m, 0, &stop), 0);
    return stop;
}

static Twin86Stop go(Twin86Machine *m) {
    ck_assert_int_eq(twin86_start(m, 0), 0);
    return stopped(m);
}

static Twin86Stop step(Twin86Machine *m) {
    ck_assert_int_eq(twin86_step(m, 0), 0);
    Twin86Stop s = stopped(m);
    ck_assert(s.step);
    return s;
}

static uint64_t reg(Twin86Machine *m, enum Twin86Reg r) {
    uint64_t v = 0;
    ck_assert_int_eq(twin86_read_reg(m, 0, r, &v), 0);
    return v;
}

static void ends(Twin86Machine *m, uint32_t value) {
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
    ck_assert_uint_eq(event.value, value);
}

/* At 0:1000h, where the code is. */
static Twin86Machine *machine_with(const uint8_t *code, size_t n) {
    char path[] = "/tmp/twin86-stops-XXXXXX", why[512] = "";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    write_rom(path, code, n);
    Twin86Config c;
    Twin86Machine *m = NULL;
    twin86_config_init(&c);
    c.ram_size = 16 << 20;
    c.accel = engine;
    c.debug_exit = true;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    Twin86Guest g = {.bios = path};
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    remove(path);
    insert(m, TWIN86_BREAKPOINT, BASE + 0x1a, 0); /* the jump: the code is there now, where kvm may have to patch it */
    ck_assert_uint_eq(go(m).address, BASE + 0x1a);
    take_out(m, TWIN86_BREAKPOINT, BASE + 0x1a, 0);
    insert(m, TWIN86_BREAKPOINT, RAM_CODE, 0);
    Twin86Stop s = go(m);
    ck_assert(!s.step && s.address == RAM_CODE && s.point.address == RAM_CODE);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), RAM_CODE);
    take_out(m, TWIN86_BREAKPOINT, RAM_CODE, 0);
    return m;
}

#define MACHINE(...)                                                                                                   \
    ({                                                                                                                 \
        static const uint8_t code_[] = {__VA_ARGS__};                                                                  \
        machine_with(code_, sizeof(code_));                                                                            \
    })
/* out f4h, al */
#define END_AL 0xe6, 0xf4, 0xf4

/* Once set and after having run there; each time round; not any more when taken out. */
START_TEST(break_in_loop) {
    Twin86Machine *m = MACHINE(0xb9, 0x05, 0x00, /* 1000: mov cx, 5 */
                               0x31, 0xc0,       /* 1003: xor ax, ax */
                               0x40, 0x90,       /* 1005: inc ax; nop */
                               0xe2, 0xfc,       /* 1007: loop 1005 */
                               END_AL);
    insert(m, TWIN86_BREAKPOINT, 0x1005, 0);
    for (uint64_t k = 0; k < 3; k++) {
        Twin86Stop s = go(m);
        ck_assert_uint_eq(s.address, 0x1005);
        ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1005);
        ck_assert_uint_eq(reg(m, TWIN86_RAX) & 0xffff, k);
    }
    insert(m, TWIN86_BREAKPOINT, 0x1006, 0); /* behind an instruction that has run as part of something longer */
    ck_assert_uint_eq(go(m).address, 0x1006);
    ck_assert_uint_eq(go(m).address, 0x1005);
    take_out(m, TWIN86_BREAKPOINT, 0x1005, 0);
    ck_assert_uint_eq(go(m).address, 0x1006);
    take_out(m, TWIN86_BREAKPOINT, 0x1006, 0);
    ends(m, 5 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* Six of them are more than a processor's debug registers hold. */
START_TEST(many_breaks) {
    Twin86Machine *m = MACHINE(0x31, 0xc0,                                     /* 1000: xor ax, ax */
                               0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, /* 1002: inc ax, eight times */
                               0x89, 0xc3,                                     /* 100a: mov bx, ax */
                               0xa0, 0x08, 0x10, 0x2c, 0x40, 0x00, 0xd8, /* mov al, [1008]; sub al, 40h; add al, bl */
                               END_AL);
    for (uint64_t at = 0x1003; at <= 0x1008; at++)
        insert(m, TWIN86_BREAKPOINT, at, 0);
    for (uint64_t at = 0x1003; at <= 0x1008; at++) {
        ck_assert_uint_eq(go(m).address, at);
        uint8_t byte = 0;
        twin86_read_memory(m, at, &byte, 1);
        ck_assert_uint_eq(byte, 0x40); /* whatever stood there meanwhile */
    }
    for (uint64_t at = 0x1005; at <= 0x1008; at++) /* in debug registers at most, so that the guest reads its code */
        take_out(m, TWIN86_BREAKPOINT, at, 0);
    ends(m, 8 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* The guest's own INT3 and single-step trap come to it, with six breakpoints of ours elsewhere. */
START_TEST(guests_own) {
    Twin86Machine *m =
        MACHINE(0xc7, 0x06, 0x0c, 0x00, 0x80, 0x10,             /* 1000: word [0ch] = 1080h: INT3 */
                0xc7, 0x06, 0x0e, 0x00, 0x00, 0x00,             /* 1006: word [0eh] = 0 */
                0xc7, 0x06, 0x04, 0x00, 0x80, 0x10,             /* 100c: word [4] = 1080h: #DB */
                0xc7, 0x06, 0x06, 0x00, 0x00, 0x00,             /* 1012: word [6] = 0 */
                0x31, 0xc0, 0xcc,                               /* 1018: xor ax, ax; int3 */
                0x9c, 0x5b, 0x81, 0xcb, 0x00, 0x01, 0x53, 0x9d, /* 101b: pushf; pop bx; or bx, 100h; push bx; popf */
                0x90,                                           /* 1023: nop; #DB behind it */
                0x81, 0xe3, 0xff, 0xfe, 0x53, 0x9d,             /* 1024: and bx, feffh; push bx; popf */
                END_AL,                                         /* 102a */
                [0x80] = 0x40, 0xcf, 0x90, 0x90, 0x90, 0x90);   /* 1080: inc ax; iret */
    for (uint64_t at = 0x1082; at < 0x1086; at++)
        insert(m, TWIN86_BREAKPOINT, at, 0);
    insert(m, TWIN86_BREAKPOINT, 0x1024, 0);
    insert(m, TWIN86_BREAKPOINT, 0x102a, 0);
    Twin86Stop s = go(m);
    ck_assert_uint_eq(s.address, 0x1024);
    ck_assert_uint_eq(reg(m, TWIN86_RAX) & 0xffff, 2); /* INT3, and #DB behind the nop */
    s = go(m);
    ck_assert_uint_eq(s.address, 0x102a);
    ck_assert_uint_eq(reg(m, TWIN86_RAX) & 0xffff, 5); /* behind each of and, push, popf */
    ends(m, 5 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

START_TEST(steps) {
    Twin86Machine *m = MACHINE(0xb8, 0x07, 0x00,  /* 1000: mov ax, 7 */
                               0x9c, 0x5b,        /* 1003: pushf; pop bx: no TF there */
                               0xe8, 0x01, 0x00,  /* 1005: call 1009 */
                               0x90,              /* 1008 */
                               0xb9, 0x03, 0x00,  /* 1009: mov cx, 3 */
                               0xbf, 0x00, 0x50,  /* 100c: mov di, 5000h */
                               0xf3, 0xaa,        /* 100f: rep stosb */
                               0xf6, 0xc7, 0x01,  /* 1011: test bh, 1 */
                               0x74, 0x01, 0x40,  /* 1014: je 1017; inc ax */
                               0xe6, 0xf4, 0xf4); /* 1017 */
    static const uint16_t rip[] = {0x1003, 0x1004, 0x1005, 0x1009, 0x100c, 0x100f,
                                   0x100f, 0x100f, 0x1011, 0x1014, 0x1017};
    insert(m, TWIN86_BREAKPOINT, 0x1003, 0); /* a step stops there anyway, and goes on from there */
    for (unsigned k = 0; k < sizeof(rip) / sizeof(rip[0]); k++) {
        step(m);
        ck_assert_msg(reg(m, TWIN86_RIP) == rip[k], "step %u: %llx, not %x", k, (unsigned long long)reg(m, TWIN86_RIP),
                      rip[k]);
    }
    ck_assert_uint_eq(reg(m, TWIN86_RBX) & 0x100, 0);
    ck_assert_uint_eq(reg(m, TWIN86_RFLAGS) & 0x100, 0);
    ends(m, 7 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* INT n leads to its handler; a step of HLT stands behind it, the next one is its interrupt. */
START_TEST(step_into_handlers) {
    Twin86Machine *m =
        MACHINE(0xc7, 0x06, 0x80, 0x00, 0x40, 0x10, /* 1000: word [80h] = 1040h: INT 20h */
                0xc7, 0x06, 0x82, 0x00, 0x00, 0x00, /* 1006: word [82h] = 0 */
                0xc7, 0x06, 0x20, 0x00, 0x50, 0x10, /* 100c: word [20h] = 1050h: IRQ 0 as the PIC has it */
                0xc7, 0x06, 0x22, 0x00, 0x00, 0x00, /* 1012: word [22h] = 0 */
                0xcd, 0x20,                         /* 1018: int 20h */
                0xb0, 0x11, 0xe6, 0x20,             /* 101a: ICW1 */
                0xb0, 0x08, 0xe6, 0x21,             /* 101e: ICW2: 8 */
                0xb0, 0x04, 0xe6, 0x21,             /* 1022: ICW3 */
                0xb0, 0x01, 0xe6, 0x21,             /* 1026: ICW4 */
                0xb0, 0xfe, 0xe6, 0x21,             /* 102a: IRQ 0 alone */
                0xb0, 0x34, 0xe6, 0x43,             /* 102e: PIT: mode 2 */
                0x31, 0xc0, 0xe6, 0x40,             /* 1032: xor ax, ax; out 40h, al */
                0xe6, 0x40, 0xfb, 0xf4,             /* 1036: out 40h, al; sti; hlt */
                END_AL, 0x90, 0x90, 0x90,           /* 103a */
                0xcf,                               /* 1040: iret */
                [0x50] = 0xb0, 0x21, 0xcf);         /* 1050: mov al, 21h; iret */
    insert(m, TWIN86_BREAKPOINT, 0x1018, 0);
    insert(m, TWIN86_BREAKPOINT, 0x1038, 0);
    go(m);
    step(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1040);
    step(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x101a);
    ck_assert_uint_eq(go(m).address, 0x1038);
    step(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1039);
    step(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x103a);
    step(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1050);
    ends(m, 0x21 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* Exactly behind the access; other bytes of that page are the guest's business. */
START_TEST(watch) {
    Twin86Machine *m = MACHINE(0xb0, 0x05,             /* 1000: mov al, 5 */
                               0xa2, 0x03, 0x50,       /* 1002: mov [5003h], al */
                               0xa2, 0x04, 0x50,       /* 1005: mov [5004h], al */
                               0x90,                   /* 1008 */
                               0x8b, 0x1e, 0x04, 0x50, /* 1009: mov bx, [5004h] */
                               0xa3, 0x03, 0x50,       /* 100d: mov [5003h], ax: reaches 5004h */
                               0x90,                   /* 1010 */
                               0xff, 0x06, 0x04, 0x50, /* 1011: inc word [5004h] */
                               0xe6, 0xf4, 0xf4);      /* 1015 */
    insert(m, TWIN86_WATCH_WRITE, 0x5004, 1);
    static const uint16_t rip[] = {0x1008, 0x1010, 0x1015};
    for (unsigned k = 0; k < 3; k++) {
        Twin86Stop s = go(m);
        ck_assert(!s.step && s.point.kind == TWIN86_WATCH_WRITE && s.address == 0x5004);
        ck_assert_uint_eq(reg(m, TWIN86_RIP), rip[k]);
    }
    take_out(m, TWIN86_WATCH_WRITE, 0x5004, 1);
    ends(m, 5 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

START_TEST(watch_access) {
    Twin86Machine *m = MACHINE(0xb8, 0x05, 0x00,       /* 1000: mov ax, 5 */
                               0xa3, 0x04, 0x50,       /* 1003: mov [5004h], ax */
                               0x90,                   /* 1006 */
                               0x8b, 0x1e, 0x04, 0x50, /* 1007: mov bx, [5004h] */
                               0x90,                   /* 100b */
                               END_AL);                /* 100c */
    insert(m, TWIN86_WATCH_ACCESS, 0x5004, 2);
    go(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1006);
    Twin86Stop s = go(m);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x100b);
    ck_assert_int_eq(s.point.kind, TWIN86_WATCH_ACCESS);
    ck_assert_uint_eq(reg(m, TWIN86_RBX) & 0xffff, 5);
    ends(m, 5 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* A long range, reads alone, the midst of a repeated move, the stack: what tcg-lite can do beyond debug registers. */
START_TEST(watch_more) {
    Twin86Machine *m = MACHINE(0xb9, 0x00, 0x10,       /* 1000: mov cx, 1000h */
                               0xbf, 0x00, 0x50,       /* 1003: mov di, 5000h */
                               0xf3, 0xaa,             /* 1006: rep stosb */
                               0xb8, 0x09, 0x00, 0x50, /* 1008: mov ax, 9; push ax */
                               0xa0, 0x00, 0x60,       /* 100c: mov al, [6000h] */
                               0xa2, 0x00, 0x60,       /* 100f: mov [6000h], al */
                               0xa0, 0x02, 0x60,       /* 1012: mov al, [6002h] */
                               0x58, 0xe6, 0xf4, 0xf4  /* 1015: pop ax; out; hlt */
    );
    insert(m, TWIN86_WATCH_WRITE, 0x5123, 1);
    Twin86Stop s = go(m);
    ck_assert_uint_eq(s.address, 0x5123);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1006);
    ck_assert_uint_eq(reg(m, TWIN86_RDI) & 0xffff, 0x5124);
    ck_assert_uint_eq(reg(m, TWIN86_RCX) & 0xffff, 0x1000 - 0x124);
    insert(m, TWIN86_WATCH_ACCESS, 0x7ff0, 16);
    ck_assert_uint_eq(go(m).address, 0x7ffe);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x100c);
    take_out(m, TWIN86_WATCH_ACCESS, 0x7ff0, 16);
    insert(m, TWIN86_WATCH_READ, 0x6000, 3);
    ck_assert_uint_eq(go(m).address, 0x6000);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x100f);
    s = go(m);
    ck_assert_uint_eq(s.address, 0x6002);
    ck_assert_int_eq(s.point.kind, TWIN86_WATCH_READ);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0x1015);
    ends(m, 9 * 2 + 1);
    twin86_destroy(m);
}
END_TEST

/* What can't be had is refused in words. */
START_TEST(refusals) {
    Twin86Machine *m = MACHINE(0xeb, 0xfe);
    char why[256] = "";
    Twin86Point none = {TWIN86_WATCH_WRITE, 0x5000, 0}, odd = {(enum Twin86PointKind)9, 0x5000, 1};
    ck_assert_int_eq(twin86_point_insert(m, &none, why, sizeof(why)), -EINVAL);
    ck_assert_str_ne(why, "");
    ck_assert_int_eq(twin86_point_insert(m, &odd, why, sizeof(why)), -EINVAL);
    ck_assert_int_eq(twin86_point_remove(m, &none), -ENOENT);
    Twin86Stop stop;
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_step(m, 0), -EBUSY);
    ck_assert_int_eq(twin86_point_insert(m, &none, why, sizeof(why)), -EBUSY);
    ck_assert_int_eq(twin86_debug_stop(m, 0, &stop), -EBUSY);
    twin86_pause(m);
    ck_assert_int_eq(twin86_debug_stop(m, 0, &stop), -ENOENT);
    twin86_destroy(m);
}
END_TEST

START_TEST(watch_limits) {
    Twin86Machine *m = MACHINE(0xeb, 0xfe);
    char why[256] = "";
    unsigned k = 0;
    for (; k < 1000; k++) {
        Twin86Point p = {TWIN86_WATCH_WRITE, 0x5000 + 8 * k, 8};
        int r = twin86_point_insert(m, &p, why, sizeof(why));
        if (r != 0) {
            ck_assert_int_eq(r, -ENOSPC);
            break;
        }
        ck_assert_int_eq(twin86_point_insert(m, &p, why, sizeof(why)), 0); /* twice is once */
    }
    ck_assert_uint_eq(k, strcmp(engine, "kvm") == 0 ? 4 : 64);
    twin86_destroy(m);
}
END_TEST

/* ---- tcg-lite, on a bench ---- */

/* A step waits with interrupts; a run goes past the breakpoint where it began before it lets them in. */
static int acknowledge(void *opaque) {
    cpu_retract(opaque, CPU_EVENT_INTR);
    return 0x30;
}

START_TEST(interrupts_wait) {
    static const struct CpuApicOps apic = {.acknowledge = acknowledge};
    static const uint8_t code[] = {0xfb, 0x90, 0x90, 0x90, 0x90, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->cpu.apic = &apic;
    b->cpu.apic_opaque = &b->cpu;
    cpu_bench_code(b, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 2), VCPU_EXIT_BUDGET);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    cpu_debug_begin(&b->cpu, true);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_DEBUG);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 3);
    cpu_debug_end(&b->cpu);
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = BENCH_CODE + 3};
    ck_assert_int_eq(cpu_point_insert(&b->cpu.debug, &p), 0);
    cpu_debug_begin(&b->cpu, false);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), 0x30);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 4);
    cpu_bench_free(b);
}
END_TEST

/* The step of an instruction that faults ends at the handler's first one. */
START_TEST(step_into_fault) {
    static const uint8_t code[] = {0x0f, 0x0b};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    cpu_debug_begin(&b->cpu, true);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_DEBUG);
    ck_assert_uint_eq(b->env->rip, BENCH_HANDLERS + 16 * VEC_UD);
    ck_assert_uint_eq(cpu_bench_frame(b, 2) & FLAG_TF, 0);
    cpu_bench_free(b);
}
END_TEST

/* A breakpoint is linear: the same code at another address is not concerned. */
START_TEST(break_is_linear) {
    static const uint8_t code[] = {0xff, 0xc0, 0xff, 0xc0, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    uint64_t alias = 0xa0000000ull, entry = 0x83; /* a second view of the bench's first GiB at 2.5 GiB */
    memcpy(b->mem + BENCH_PDPT + 16, &(uint64_t){0x7000 | 7}, 8);
    for (unsigned k = 0; k < 512; k++, entry += 2 << 20)
        memcpy(b->mem + 0x7000 + 8 * ((k + 256) % 512), &entry, 8);
    cpu_bench_code(b, code, sizeof(code));
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = BENCH_CODE + 2};
    ck_assert_int_eq(cpu_point_insert(&b->cpu.debug, &p), 0);
    b->env->rip = alias + BENCH_CODE;
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 2);
    b->env->rip = BENCH_CODE;
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_DEBUG);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 2);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 3);
    cpu_bench_free(b);
}
END_TEST

/* Code that overwrites itself where a breakpoint is runs the new bytes. */
START_TEST(self_modifying) {
    static const uint8_t code[] = {
        0xc6, 0x05, 0x02, 0x00, 0x00, 0x00, 0xc8, /* mov byte [rip + 2], c8h: dec eax */
        0x90, 0xff, 0xc0, 0xf4,                   /* nop; inc eax; hlt */
    };
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = BENCH_CODE + 8};
    ck_assert_int_eq(cpu_point_insert(&b->cpu.debug, &p), 0);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_DEBUG);
    cpu_debug_begin(&b->cpu, false);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_uint_eq((uint32_t)b->env->gpr[REG_AX], 0xffffffff);
    cpu_bench_free(b);
}
END_TEST

/* Its own DR0 and ours at once: the guest gets its #DB, we get our stop, DR6 tells of its own only. */
START_TEST(guests_debug_registers) {
    static const uint8_t code[] = {0x90, 0x90, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    b->env->dr[0] = BENCH_CODE + 1;
    b->env->dr[7] = 0x402;
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = BENCH_CODE + 1};
    ck_assert_int_eq(cpu_point_insert(&b->cpu.debug, &p), 0);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_DEBUG);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 1);
    ck_assert_uint_eq(b->env->dr[6] & 1, 0);
    cpu_debug_begin(&b->cpu, false);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_DB);
    ck_assert_uint_eq(b->env->dr[6] & 1, 1);
    cpu_bench_free(b);
}
END_TEST

/* ---- the suite ---- */

static void use_tcg(void) { engine = "tcg-lite"; }
static void use_kvm(void) { engine = "kvm"; }

static const TTest **const any[] = {&break_in_loop, &many_breaks, &refusals};
static const TTest **const stepping[] = {&guests_own, &steps, &step_into_handlers};
static const TTest **const watching[] = {&watch, &watch_access, &watch_limits};
enum { ANY = sizeof(any) / sizeof(any[0]), STEPPING = 3, WATCHING = 3 };

static void add(Suite *s, const char *name, void (*use)(void), const TTest **const *tests, unsigned count) {
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, use, NULL);
    for (unsigned k = 0; k < count; k++)
        tcase_add_test(c, *tests[k]);
    suite_add_tcase(s, c);
}

/* NULL, or why kvm can't do it here. */
static const char *kvm_lacks(bool watchpoints) {
    static char why[512];
    Twin86Config c;
    Twin86Machine *m = NULL;
    Twin86Point p = {watchpoints ? TWIN86_WATCH_WRITE : TWIN86_BREAKPOINT, 0x5000, 1};
    twin86_config_init(&c);
    c.accel = "kvm";
    c.ram_size = 16 << 20;
    if (twin86_create(&m, &c, why, sizeof(why)) != 0)
        return why;
    int r = twin86_point_insert(m, &p, why, sizeof(why));
    twin86_destroy(m);
    return r != 0 ? why : NULL;
}

static void add_kvm(Suite *s, const char *name, bool watchpoints, const TTest **const *tests, unsigned count) {
    const char *why = kvm_lacks(watchpoints);
    if (why == NULL)
        add(s, name, use_kvm, tests, count);
    else
        suite_skip(name, count, why);
}

Suite *stops_suite(void) {
    static const TTest **const more[] = {&watch_more};
    Suite *s = suite_create("stops");
    add(s, "tcg-lite", use_tcg, any, ANY);
    add(s, "tcg-lite: steps", use_tcg, stepping, STEPPING);
    add(s, "tcg-lite: watchpoints", use_tcg, watching, WATCHING);
    add(s, "tcg-lite: more", use_tcg, more, 1);
    TCase *bench = tcase_create("bench");
    tcase_add_test(bench, interrupts_wait);
    tcase_add_test(bench, step_into_fault);
    tcase_add_test(bench, break_is_linear);
    tcase_add_test(bench, self_modifying);
    tcase_add_test(bench, guests_debug_registers);
    suite_add_tcase(s, bench);
    add_kvm(s, "stops on kvm", false, any, ANY);
    if (suite_on_pvm())
        suite_skip("steps on kvm", STEPPING, "kvm_pvm's single steps are incomplete");
    else
        add_kvm(s, "steps on kvm", false, stepping, STEPPING);
    add_kvm(s, "watchpoints on kvm", true, watching, WATCHING);
    return s;
}
