/* SPDX-License-Identifier: MIT */
/* The library's public interface, with guests of a few bytes. */
#include "include/twin86.h"
#include "machine/machine.h"
#include "machine/sha256.h"
#include "tests/unit/machine/boot_images.h"
#include "tests/unit/machine/short_config.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Twin86Config config(void) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    return c;
}

static Twin86Machine *machine(const Twin86Config *c) {
    Twin86Machine *m = NULL;
    char why[300] = "";
    ck_assert_msg(twin86_create(&m, c, why, sizeof(why)) == 0, "%s", why);
    return m;
}

/* Real-mode code at 0000:7C00, where the CPU is set to start. */
static void put_code(Twin86Machine *m, const void *code, size_t size) {
    twin86_write_memory(m, 0x7c00, code, size);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0x7c00), 0);
}
#define CODE(m, ...)                                                                                                   \
    do {                                                                                                               \
        static const uint8_t code_[] = {__VA_ARGS__};                                                                  \
        put_code(m, code_, sizeof(code_));                                                                             \
    } while (0)

static uint64_t reg(Twin86Machine *m, enum Twin86Reg r) {
    uint64_t v = 0;
    ck_assert_int_eq(twin86_read_reg(m, 0, r, &v), 0);
    return v;
}

static Twin86Event wait_event(Twin86Machine *m) {
    Twin86Event e = {0};
    ck_assert_int_eq(twin86_wait(m, 20000, &e), 0);
    return e;
}

START_TEST(budget_counts_instructions) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    CODE(m, 0x40, 0xeb, 0xfd); /* INC AX; JMP */
    ck_assert_int_eq(twin86_run(m, 1000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    Twin86Stats s;
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.instructions, 1000);
    ck_assert_uint_eq(reg(m, TWIN86_RAX), 500);
    ck_assert_int_eq(twin86_run(m, 1, &e), 0);
    ck_assert_uint_eq(reg(m, TWIN86_RAX), 501);
    twin86_destroy(m);
}
END_TEST

/* The handler of #UD is UD2: exceptions are delivered for ever, and no instruction is completed. */
START_TEST(budget_counts_exceptions) {
    Twin86Config c = config();
    c.icount = true;
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    Twin86Stats s;
    CODE(m, 0xb8, 0x00, 0x10, 0x8e, 0xd0, 0x0f, 0x0b); /* MOV SS, 1000h, where the stack may wrap; UD2 */
    twin86_write_memory(m, 6 * 4, (const uint8_t[]){5, 0x7c, 0, 0}, 4);
    ck_assert_int_eq(twin86_start(m, 1000), 0);
    e = wait_event(m);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.instructions, 2);
    ck_assert_uint_eq(s.guest_ns, 1000); /* 1 ns each */
    ck_assert_int_eq(twin86_run(m, 1, &e), 0);
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.guest_ns, 1001);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    twin86_pause(m);
    twin86_destroy(m);
}
END_TEST

/* A triple fault, a reset, and so on: the budget is used up. */
START_TEST(budget_counts_through_resets) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    Twin86Stats s;
    char why[200];
    Twin86Guest g = {.bios = "budget_resets.rom"};
    uint8_t rom[0x10000] = {0};
    static const uint8_t code[] = {0x2e, 0x0f, 0x01, 0x1e, 0, 0, 0xcc}; /* LIDT CS:[0]: limit 0; INT3 */
    memcpy(rom + 0xfff0, code, sizeof(code));
    FILE *f = fopen(g.bios, "wb");
    ck_assert(f != NULL && fwrite(rom, 1, sizeof(rom), f) == sizeof(rom) && fclose(f) == 0);
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    remove(g.bios);
    ck_assert_int_eq(twin86_start(m, 100), 0);
    e = wait_event(m);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    twin86_stats(m, &s);
    ck_assert_uint_ge(s.resets, 10);
    twin86_destroy(m);
}
END_TEST

START_TEST(pause_and_continue) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    uint64_t v;
    CODE(m, 0x66, 0x40, 0xeb, 0xfc); /* INC EAX; JMP */
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        ck_assert(twin86_running(m));
        ck_assert_int_eq(twin86_start(m, 0), -EBUSY);
        ck_assert_int_eq(twin86_read_reg(m, 0, TWIN86_RAX, &v), -EBUSY);
        usleep(1000);
        twin86_pause(m);
        twin86_pause(m);
        ck_assert(!twin86_running(m));
        (void)reg(m, TWIN86_RAX);
        ck_assert_int_eq(twin86_wait(m, 0, &e), -ETIMEDOUT);
    }
    ck_assert_uint_ne(reg(m, TWIN86_RAX), 0);
    twin86_destroy(m);
}
END_TEST

START_TEST(quit_from_another_thread) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    CODE(m, 0xf4, 0xeb, 0xfd); /* HLT; JMP */
    struct pollfd p = {.fd = twin86_event_fd(m), .events = POLLIN};
    twin86_start(m, 0);
    ck_assert_int_eq(poll(&p, 1, 10), 0);
    twin86_quit(m);
    ck_assert_int_eq(poll(&p, 1, 20000), 1);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    ck_assert(!twin86_running(m));
    twin86_quit(m); /* while stopped: of the next run */
    twin86_start(m, 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
    twin86_start(m, 0); /* and of that alone */
    ck_assert_int_eq(poll(&p, 1, 20), 0);
    twin86_destroy(m); /* while running */
}
END_TEST

static uint64_t seven(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)opaque, (void)size;
    return (cpu == TWIN86_NO_CPU ? 0x70 : 7) + offset;
}

static void note(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)size;
    ck_assert_uint_eq(cpu, 0);
    *(uint64_t *)opaque = value;
}

/* A quit that comes before the start ends the run that then begins: once. */
START_TEST(quit_before_start) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    CODE(m, 0x40, 0xeb, 0xfd);
    twin86_quit(m);
    ck_assert_int_eq(twin86_wait(m, 0, &e), -ETIMEDOUT); /* there is no run yet */
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
    ck_assert(!twin86_running(m));
    ck_assert_uint_eq(reg(m, TWIN86_RAX), 0);
    ck_assert_int_eq(twin86_run(m, 10, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    ck_assert_uint_eq(reg(m, TWIN86_RAX), 5);
    twin86_quit(m); /* between two runs, and of a step too */
    ck_assert_int_eq(twin86_step(m, 0), 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
    twin86_destroy(m);
}
END_TEST

static void *quit_soon(void *arg) {
    twin86_quit(arg);
    return NULL;
}

START_TEST(quit_races_with_start) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    CODE(m, 0xeb, 0xfe);
    for (unsigned i = 0; i < 200; i++) {
        pthread_t t;
        ck_assert_int_eq(pthread_create(&t, NULL, quit_soon, m), 0);
        ck_assert_int_eq(twin86_start(m, 0), 0);
        ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
        pthread_join(t, NULL);
    }
    twin86_destroy(m);
}
END_TEST

/* ---- a guest's processor that does not come back ---- */

static _Atomic bool let_go, entered;

static uint64_t never_answers(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)size;
    atomic_store(&entered, true);
    while (!atomic_load(&let_go))
        usleep(1000);
    return 0;
}

/* In the device at port 80h, with the machine's lock held. */
static void start_stuck(Twin86Machine *m) {
    static const Twin86Hook hook = {.read = never_answers};
    ck_assert_int_eq(twin86_hook_ports(m, 0x80, 1, &hook), 0);
    CODE(m, 0xe4, 0x80, 0x40, 0xeb, 0xfd); /* IN AL,80h; INC AX; JMP to it */
    atomic_store(&let_go, false);
    atomic_store(&entered, false);
}

static void wait_entered(void) {
    while (!atomic_load(&entered))
        usleep(1000);
}

START_TEST(pause_gives_up) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    start_stuck(m);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    wait_entered();
    ck_assert_int_eq(twin86_try_pause(m, 50), -ETIMEDOUT);
    ck_assert(twin86_running(m));
    twin86_reset(m); /* waits for nobody either */
    twin86_power_button(m);
    ck_assert_uint_eq(twin86_serial_input(m, "x", 1), 1);
    atomic_store(&let_go, true);
    usleep(20000);
    ck_assert(twin86_running(m)); /* the pause that was given up does not come later */
    ck_assert_int_eq(twin86_try_pause(m, 20000), 0);
    ck_assert(!twin86_running(m));
    ck_assert_int_eq(twin86_try_pause(m, 0), 0);
    twin86_destroy(m);
}
END_TEST

START_TEST(session_of_a_stuck_guest) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    char text[300];
    start_stuck(m);
    Twin86Session *s = twin86_session_new(m);
    ck_assert_ptr_nonnull(s);
    twin86_session_start(s, false);
    wait_entered();
    ck_assert_int_eq(twin86_session_stop(s), -ETIMEDOUT);
    ck_assert_str_eq(twin86_session_state(s), "running");
    FILE *f = fmemopen(text, sizeof(text), "w");
    twin86_monitor(s, NULL, "info registers", f);
    fclose(f);
    ck_assert_msg(strstr(text, "does not answer") != NULL, "%s", text);
    ck_assert_int_eq(twin86_session_set_accel(s, "tcg-lite", text, sizeof(text)), -ETIMEDOUT);
    ck_assert_msg(strstr(text, "does not answer") != NULL, "%s", text);
    twin86_session_quit(s);
    ck_assert(twin86_session_ended(s, &e));
    ck_assert_int_eq(e.kind, TWIN86_EVENT_STUCK);
    ck_assert_msg(strstr(e.message, "does not answer") != NULL, "%s", e.message);
    twin86_session_free(s); /* does not wait */
    ck_assert(twin86_running(m));
    atomic_store(&let_go, true);
    twin86_destroy(m);
}
END_TEST

/* ---- output that the host does not take ---- */

static _Atomic unsigned bytes_out;

static void count_output(void *opaque, const uint8_t *data, size_t size) {
    (void)opaque, (void)data;
    atomic_fetch_add(&bytes_out, (unsigned)size);
}

static void expect_silence(void) {
    usleep(20000); /* what is under way */
    unsigned n = atomic_load(&bytes_out);
    usleep(20000);
    ck_assert_uint_eq(atomic_load(&bytes_out), n);
}

static void expect_output(void) {
    for (unsigned n = atomic_load(&bytes_out), i = 0; atomic_load(&bytes_out) == n; i++) {
        ck_assert_uint_lt(i, 20000);
        usleep(1000);
    }
}

/* COM1: the guest runs on, and sees a transmitter that is not empty. It counts in BX how often. */
START_TEST(held_serial) {
    Twin86Config c = config();
    c.serial_output = count_output;
    Twin86Machine *m = machine(&c);
    /* L: MOV DX,3FDh; IN AL,DX; TEST AL,20h; JNZ out; INC EBX; JMP L; out: MOV DX,3F8h; OUT DX,AL; JMP L */
    CODE(m, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x75, 0x04, 0x66, 0x43, 0xeb, 0xf4, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xee);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_output();
    twin86_hold_output(m, TWIN86_OUTPUT_SERIAL, true);
    expect_silence();
    twin86_pause(m);
    ck_assert_uint_gt(reg(m, TWIN86_RBX), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    twin86_hold_output(m, TWIN86_OUTPUT_SERIAL, false);
    expect_output();
    twin86_destroy(m);
}
END_TEST

/* The debug console, and with icount COM1: the guest stands, and can be paused and quit. */
static void held_guest(bool icount, enum Twin86OutputKind kind) {
    Twin86Config c = config();
    c.icount = icount;
    c.debugcon = true;
    c.serial_output = c.debugcon_output = count_output;
    Twin86Machine *m = machine(&c);
    uint64_t before;
    if (kind == TWIN86_OUTPUT_SERIAL)
        CODE(m, 0xba, 0xf8, 0x03, 0x66, 0x43, 0xee, 0xeb, 0xfb); /* MOV DX,3F8h; L: INC EBX; OUT DX,AL; JMP L */
    else
        CODE(m, 0xba, 0xe9, 0x00, 0x66, 0x43, 0xee, 0xeb, 0xfb);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_output();
    twin86_hold_output(m, kind, true);
    expect_silence();
    twin86_pause(m);
    before = reg(m, TWIN86_RBX);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    usleep(20000);
    ck_assert(twin86_running(m));
    twin86_pause(m);
    ck_assert_uint_eq(reg(m, TWIN86_RBX), before);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    twin86_reset(m); /* is served meanwhile */
    twin86_quit(m);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_QUIT);
    Twin86Stats s;
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.resets, 1);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0x7c00), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    twin86_hold_output(m, kind, false);
    expect_output();
    twin86_destroy(m);
}

START_TEST(held_debugcon) { held_guest(false, TWIN86_OUTPUT_DEBUGCON); }
END_TEST
START_TEST(held_serial_of_icount) { held_guest(true, TWIN86_OUTPUT_SERIAL); }
END_TEST

/* ---- timers that are due ---- */

/*
 * A guest that sees the PIT's OUT sees its request in the 8259, however late the loop is: here it never comes. First
 * both PICs are set up and all is masked; then channel 0 counts 4096 in mode 0; OUT is polled by read-back; IRR is
 * read.
 */
static void irr_follows_out(bool icount) {
    Twin86Config c = config();
    c.icount = icount;
    c.debug_exit = true;
    Twin86Machine *m = machine(&c);
    CODE(m, 0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x08, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, /* ICWs */
         0xb0, 0xff, 0xe6, 0x21,                                                                            /* mask */
         0xb0, 0x30, 0xe6, 0x43, 0xb0, 0x00, 0xe6, 0x40, 0xb0, 0x10, 0xe6, 0x40, /* mode 0, 1000h */
         0xb0, 0xe2, 0xe6, 0x43, 0xe4, 0x40, 0xa8, 0x80, 0x74, 0xf6,             /* read back until OUT is high */
         0xb0, 0x0a, 0xe6, 0x20, 0xe4, 0x20,                                     /* IRR */
         0xe6, 0xf4);
    loop_stop(&machine_of(m)->loop);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    Twin86Event e = wait_event(m);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(e.value >> 1 & 1, 1);
    twin86_destroy(m);
}

START_TEST(due_timers_run_before_an_answer) {
    irr_follows_out(false);
    irr_follows_out(true);
}
END_TEST

START_TEST(hooks) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    uint64_t port = 0, mmio = 0;
    Twin86Event e;
    ck_assert_int_eq(twin86_hook_ports(m, 0x80, 4, &(Twin86Hook){seven, note, &port}), 0);
    ck_assert_int_eq(twin86_hook_ports(m, 0xffff, 2, &(Twin86Hook){seven, note, &port}), -EINVAL);
    ck_assert_int_eq(twin86_hook_mmio(m, 0xb8000, 0x1000, &(Twin86Hook){seven, note, &mmio}), 0);
    /* IN AL,81h; OUT 80h,AL; MOV DX,B800h; MOV DS,DX; MOV AL,[2]; MOV [0],AL; HLT */
    CODE(m, 0xe4, 0x81, 0xe6, 0x80, 0xba, 0x00, 0xb8, 0x8e, 0xda, 0xa0, 0x02, 0x00, 0xa2, 0x00, 0x00, 0xf4);
    ck_assert_int_eq(twin86_run(m, 7, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    ck_assert_uint_eq(port, 8);
    ck_assert_uint_eq(mmio, 9);
    uint8_t byte;
    twin86_read_memory(m, 0xb8001, &byte, 1); /* by no CPU */
    ck_assert_uint_eq(byte, 0x71);
    twin86_destroy(m);
}
END_TEST

START_TEST(registers) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    uint64_t v;
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0xfff0);
    ck_assert_uint_eq(reg(m, TWIN86_CS_BASE), 0xffff0000);
    for (unsigned i = 0; i < TWIN86_REG_COUNT; i++) {
        ck_assert_ptr_nonnull(twin86_reg_name(i));
        ck_assert_uint_eq(twin86_reg_by_name(twin86_reg_name(i)), i);
        ck_assert_int_eq(twin86_read_reg(m, 0, i, &v), 0);
    }
    ck_assert_ptr_null(twin86_reg_name(TWIN86_REG_COUNT));
    ck_assert_int_eq(twin86_reg_by_name("foo"), TWIN86_REG_COUNT);
    ck_assert_int_eq(twin86_read_reg(m, 0, TWIN86_REG_COUNT, &v), -EINVAL);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CR0, 1), -EPERM);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_DS, 0x1234), 0);
    ck_assert_uint_eq(reg(m, TWIN86_DS_BASE), 0x12340);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_DS, 0x12345), -EPERM);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RFLAGS, ~0ull), 0);
    ck_assert_uint_eq(reg(m, TWIN86_RFLAGS) & (1 << 17 | 1 << 3 | 2), 2);
    twin86_destroy(m);
}
END_TEST

START_TEST(memory) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    char out[16] = "hello, memory!!", in[16] = "";
    twin86_write_memory(m, 0x1ffff8, out, sizeof(out));
    twin86_read_memory(m, 0x1ffff8, in, sizeof(in));
    ck_assert_str_eq(in, out);
    ck_assert_int_eq(twin86_read_virtual(m, 0, 0x1ffff8, in, sizeof(in)), 0); /* no paging: the same */
    ck_assert_str_eq(in, out);
    twin86_read_memory(m, 0x80000000, in, 2);
    ck_assert_uint_eq((uint8_t)in[0], 0xff);
    twin86_destroy(m);
}
END_TEST

START_TEST(resets) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c);
    Twin86Event e;
    Twin86Stats s;
    CODE(m, 0xb0, 0xfe, 0xe6, 0x64, 0xf4); /* the keyboard controller resets: then code of FFh bytes, which faults */
    ck_assert_int_eq(twin86_run(m, 1000, &e), 0);
    twin86_stats(m, &s);
    ck_assert_uint_ge(s.resets, 1);
    uint64_t n = s.resets;
    twin86_reset(m);
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.resets, n + 1);
    ck_assert_uint_eq(reg(m, TWIN86_RIP), 0xfff0);
    twin86_destroy(m);

    c.no_reboot = true;
    m = machine(&c);
    CODE(m, 0xb0, 0xfe, 0xe6, 0x64, 0xf4);
    ck_assert_int_eq(twin86_run(m, 1000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_RESET);
    twin86_destroy(m);
}
END_TEST

START_TEST(triple_fault_and_debug_exit) {
    Twin86Config c = config();
    Twin86Event e;
    c.no_reboot = c.debug_exit = true;
    Twin86Machine *m = machine(&c);
    CODE(m, 0x0f, 0x01, 0x1e, 0x00, 0x7d, 0xcc); /* LIDT [7D00h], limit 0; INT3 */
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_TRIPLE_FAULT);
    twin86_reset(m);
    CODE(m, 0xb0, 0x10, 0xe6, 0xf4, 0xf4);
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(e.value, 0x21);
    twin86_destroy(m);
}
END_TEST

struct Output {
    _Atomic size_t used;
    char data[65536];
};

static void serial_output(void *opaque, const uint8_t *data, size_t size) {
    struct Output *o = opaque;
    for (size_t i = 0; i < size && o->used < sizeof(o->data) - 1; i++)
        o->data[o->used++] = (char)data[i];
}

START_TEST(serial_echo) {
    static struct Output o;
    Twin86Config c = config();
    c.serial_output = serial_output;
    c.opaque = &o;
    Twin86Machine *m = machine(&c);
    char text[5000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    /* 8 bits; say R; then: wait for a byte, send it back; after '!' end (PM1 control) */
    CODE(m, 0xba, 0xfb, 0x03, 0xb0, 0x03, 0xee, 0xba, 0xf8, 0x03, 0xb0, 'R', 0xee, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01,
         0x74, 0xfb, 0xba, 0xf8, 0x03, 0xec, 0xee, 0x3c, '!', 0x75, 0xef, 0xb8, 0x00, 0x20, 0xba, 0x04, 0x06, 0xef,
         0xf4);
    twin86_start(m, 0);
    for (int i = 0; i < 20000 && o.used == 0; i++)
        usleep(1000);
    ck_assert_uint_eq(twin86_serial_input(m, text, sizeof(text)), sizeof(text));
    ck_assert_uint_eq(twin86_serial_input(m, "!", 1), 1);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_POWEROFF);
    ck_assert_uint_eq(o.used, 1 + sizeof(text) + 1);
    ck_assert_mem_eq(o.data + 1, text, sizeof(text));
    twin86_destroy(m);
}
END_TEST

/* A kernel that was told nothing of COM1's state, and does not set it up, can use it: 9600 baud, 8N1. A firmware, for
 * which nobody did that, finds the chip's own state. */
START_TEST(com1_without_firmware) {
    static struct Output o;
    static const uint8_t code[] = {0xba, 0xf8, 0x03, 0,    0, 0xb0, 'z',  0xee,
                                   0xb0, 0xf6, 0xee, 0xb0, 0, 0xe6, 0xf4, 0xf4};
    char path[] = "/tmp/twin86-kernel-XXXXXX", why[300];
    struct Image image = image_multiboot_flat(1 << 20);
    Twin86Config c = config();
    memcpy(image.data + 64, code, 3);
    image.data[67] = 0x00, image.data[68] = 0x00; /* mov edx, 3f8h is 5 bytes long in 32-bit code */
    memcpy(image.data + 69, code + 5, sizeof(code) - 5);
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, image.data, image.size), (ssize_t)image.size);
    close(fd);
    o.used = 0;
    c.serial_output = serial_output;
    c.debug_exit = true;
    c.kernel_firmware = TWIN86_KERNEL_FIRMWARE_OFF;
    c.opaque = &o;
    Twin86Machine *m = machine(&c);
    ck_assert_msg(twin86_load(m, &(Twin86Guest){.kernel = path}, why, sizeof(why)) == 0, "%s", why);
    twin86_start(m, 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(o.used, 2);
    ck_assert_mem_eq(o.data, "z\xf6", 2);
    unlink(path);
    free(image.data);
    twin86_destroy(m);
}
END_TEST

/* The embedded guest: everything from the reset vector to power-off. */
static void run_embedded(bool icount, struct Output *o, uint8_t hash[32], Twin86Stats *s) {
    Twin86Config c = config();
    char why[300] = "";
    c.icount = icount;
    c.serial_output = serial_output;
    c.opaque = o;
    Twin86Machine *m = machine(&c);
    ck_assert_msg(twin86_load(m, &(Twin86Guest){0}, why, sizeof(why)) == 0, "%s", why);
    twin86_start(m, 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_POWEROFF);
    ck_assert_int_eq(twin86_state_hash(m, hash), 0);
    twin86_stats(m, s);
    twin86_destroy(m);
}

START_TEST(icount_runs_repeat) {
    static struct Output o[2];
    uint8_t hash[2][32];
    Twin86Stats s[2];
    for (int i = 0; i < 2; i++)
        run_embedded(true, &o[i], hash[i], &s[i]);
    ck_assert_str_eq(o[0].data, o[1].data);
    ck_assert_ptr_nonnull(strstr(o[0].data, "power off"));
    ck_assert_uint_eq(s[0].instructions, s[1].instructions);
    ck_assert_uint_eq(s[0].guest_ns, s[1].guest_ns);
    ck_assert_mem_eq(hash[0], hash[1], 32);
}
END_TEST

static void *one_of_many(void *opaque) {
    uint8_t hash[32];
    Twin86Stats s;
    run_embedded(false, opaque, hash, &s);
    return NULL;
}

START_TEST(machines_side_by_side) {
    static struct Output o[3];
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, one_of_many, &o[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(strstr(o[i].data, "power off"));
}
END_TEST

/* Pauses must not show: a run chopped into pieces ends like one that was left alone. */
START_TEST(icount_survives_pauses) {
    uint8_t whole[32], chopped[32];
    static struct Output o[2];
    Twin86Stats s;
    run_embedded(true, &o[0], whole, &s);
    Twin86Config c = config();
    c.icount = true;
    c.serial_output = serial_output;
    c.opaque = &o[1];
    Twin86Machine *m = machine(&c);
    Twin86Event e = {0};
    ck_assert_int_eq(twin86_load(m, &(Twin86Guest){0}, NULL, 0), 0);
    for (int i = 0; e.kind != TWIN86_EVENT_POWEROFF; i++) {
        ck_assert_int_lt(i, 100000);
        if (i % 3 == 0) {
            ck_assert_int_eq(twin86_run(m, 97, &e), 0);
        } else {
            twin86_start(m, 0);
            twin86_pause(m);
            twin86_wait(m, 0, &e);
        }
    }
    twin86_state_hash(m, chopped);
    ck_assert_str_eq(o[0].data, o[1].data);
    ck_assert_mem_eq(whole, chopped, 32);
    twin86_destroy(m);
}
END_TEST

START_TEST(bad_configs) {
    Twin86Machine *m = NULL;
    char why[300];
    Twin86Config c = config();
    c.ram_size = 12345;
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "RAM"));
    c = config();
    c.cpu = "nope";
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    c = config();
    c.accel = "nope";
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    ck_assert_int_eq(twin86_create(&m, &c, NULL, 0), -EINVAL);
    c = config();
    c.cpu = c.accel = NULL; /* the defaults */
    m = machine(&c);
    ck_assert_str_eq(twin86_engine(m), "tcg-lite");
    ck_assert_int_eq(twin86_set_accel(m, NULL, why, sizeof(why)), -EINVAL);
    twin86_destroy(m);
    c = config();
    c.accel = "kvm:tcg-lite";
    m = machine(&c);
    ck_assert_ptr_nonnull(twin86_engine(m));
    ck_assert_int_eq(twin86_load(m, &(Twin86Guest){.kernel = "/nonexistent"}, why, sizeof(why)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent"));
    twin86_destroy(m);
    twin86_destroy(NULL);
}
END_TEST

START_TEST(an_older_caller_has_a_shorter_config) {
    Twin86Config whole = config();
    const Twin86Config *c = short_config_new(&whole);
    twin86_config_init_size((Twin86Config *)(uintptr_t)c, c->struct_size); /* nothing behind it is written */
    ck_assert_uint_eq(c->struct_size, SHORT_CONFIG_SIZE);
    ck_assert_str_eq(c->cpu, "max");
    Twin86Machine *m = machine(c);
    ck_assert_uint_eq(twin86_cpu_count(m), 1);
    twin86_destroy(m);
    short_config_free(c);
}
END_TEST

START_TEST(a_newer_caller_has_a_longer_config) {
    struct {
        Twin86Config known;
        uint64_t later[4];
    } c = {.later = {1, 2, 3, 4}};
    twin86_config_init_size(&c.known, sizeof(c));
    ck_assert_uint_eq(c.known.struct_size, sizeof(c));
    ck_assert_uint_eq(c.known.cpus, 1);
    for (unsigned k = 0; k < 4; k++)
        ck_assert_uint_eq(c.later[k], 0);
    twin86_destroy(machine(&c.known));
}
END_TEST

START_TEST(sha256) {
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct Sha256 s;
        uint8_t digest[32];
        char hex[65];
        sha256_init(&s);
        for (const char *p = cases[i].text; *p != '\0'; p++)
            sha256_update(&s, p, 1);
        sha256_final(&s, digest);
        for (int j = 0; j < 32; j++)
            sprintf(hex + 2 * j, "%02x", digest[j]);
        ck_assert_str_eq(hex, cases[i].hex);
    }
}
END_TEST

Suite *machine_suite(void) {
    Suite *s = suite_create("machine");
    TCase *t = tcase_create("interface");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, budget_counts_instructions);
    tcase_add_test(t, budget_counts_exceptions);
    tcase_add_test(t, budget_counts_through_resets);
    tcase_add_test(t, pause_and_continue);
    tcase_add_test(t, quit_from_another_thread);
    tcase_add_test(t, quit_before_start);
    tcase_add_test(t, quit_races_with_start);
    tcase_add_test(t, pause_gives_up);
    tcase_add_test(t, session_of_a_stuck_guest);
    tcase_add_test(t, held_serial);
    tcase_add_test(t, held_debugcon);
    tcase_add_test(t, held_serial_of_icount);
    tcase_add_test(t, due_timers_run_before_an_answer);
    tcase_add_test(t, hooks);
    tcase_add_test(t, registers);
    tcase_add_test(t, memory);
    tcase_add_test(t, resets);
    tcase_add_test(t, triple_fault_and_debug_exit);
    tcase_add_test(t, serial_echo);
    tcase_add_test(t, com1_without_firmware);
    tcase_add_test(t, icount_runs_repeat);
    tcase_add_test(t, machines_side_by_side);
    tcase_add_test(t, icount_survives_pauses);
    tcase_add_test(t, bad_configs);
    tcase_add_test(t, an_older_caller_has_a_shorter_config);
    tcase_add_test(t, a_newer_caller_has_a_longer_config);
    tcase_add_test(t, sha256);
    suite_add_tcase(s, t);
    return s;
}
