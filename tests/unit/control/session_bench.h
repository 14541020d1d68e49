/* SPDX-License-Identifier: MIT */
/** A small machine with a session, for tests of run control, monitor and gdb stub. */
#ifndef TWIN86_TESTS_SESSION_BENCH_H
#define TWIN86_TESTS_SESSION_BENCH_H

#include "control/session/session.h"

#include <check.h>

struct SessionBench {
    Twin86Machine *machine;
    struct Machine *m;
    struct Session *s;
};

/** 4 MiB of RAM, tcg-lite, stopped in real mode. */
static inline void session_bench_new(struct SessionBench *b, bool no_reboot) {
    Twin86Config c;
    char why[300] = "";
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.no_reboot = no_reboot;
    c.pvpanic = true;
    ck_assert_msg(twin86_create(&b->machine, &c, why, sizeof(why)) == 0, "%s", why);
    b->m = machine_of(b->machine);
    b->s = session_new(b->m);
    ck_assert_ptr_nonnull(b->s);
}

static inline void session_bench_free(struct SessionBench *b) {
    session_free(b->s);
    twin86_destroy(b->machine);
}

/** Real-mode code at 0000:7C00, where the CPU is set to start. */
static inline void session_bench_code(struct SessionBench *b, const void *code, size_t size) {
    twin86_write_memory(b->machine, 0x7c00, code, size);
    ck_assert_int_eq(twin86_write_reg(b->machine, 0, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(b->machine, 0, TWIN86_RIP, 0x7c00), 0);
}
#define SESSION_BENCH_CODE(b, ...)                                                                                     \
    do {                                                                                                               \
        static const uint8_t code_[] = {__VA_ARGS__};                                                                  \
        session_bench_code(b, code_, sizeof(code_));                                                                   \
    } while (0)

/** Poll until that state is reached, for some seconds at most. */
static inline void session_bench_until(struct SessionBench *b, enum SessionState state) {
    for (unsigned i = 0; i < 200 && session_state(b->s) != state; i++)
        session_poll(b->s, 100000);
    ck_assert_int_eq(session_state(b->s), state);
}

#endif
