/* SPDX-License-Identifier: MIT */
/* twin86 diff guest: it finds what was planted, names the instruction, and stays silent otherwise. */
#include "accel/tcg-lite/run/block.h"
#include "diff/guest/lockstep_follow.h"
#include "tests/unit/machine/short_config.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a guest of a few bytes ---- */

/* A firmware ROM of 64 KiB with this real-mode code at F000:0000. */
static char *rom_path(const void *code, size_t size) {
    static const uint8_t reset[] = {0xea, 0x00, 0x00, 0x00, 0xf0}; /* JMP F000:0000 */
    static uint8_t rom[65536];
    char *path = strdup("/tmp/twin86-lockstep-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    memset(rom, 0xf4, sizeof(rom));
    memcpy(rom, code, size);
    memcpy(rom + 0xfff0, reset, sizeof(reset));
    ck_assert_int_eq(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
    return path;
}

struct Bench {
    Twin86Guest guest;
    struct LockConfig config;
    struct LockResult result;
    char *text;
    size_t text_size;
};

static void bench_init(struct Bench *b) {
    *b = (struct Bench){0};
    twin86_config_init(&b->config.machine);
    b->config.machine.ram_size = 4 << 20;
    b->config.guest = &b->guest;
    b->config.engine[0] = "tcg-lite";
    b->config.engine[1] = "tcg-lite,plain=on";
    b->config.every = 1000;
    b->config.history = 10;
    b->config.timeout_ms = 20000;
    b->config.report = open_memstream(&b->text, &b->text_size);
}

static void bench_run(struct Bench *b) {
    lock_run_pair(&b->config, &b->result);
    fflush(b->config.report);
    ck_assert_msg(b->result.outcome != LOCK_FAILED, "%s", b->result.why);
}

static void bench_free(struct Bench *b) {
    fclose(b->config.report);
    free(b->text);
}

/* RIP when the guest's progress is `count`; with `instructions`, before the instruction that `count` others precede. */
static uint64_t rip_after(struct Bench *b, uint64_t count, bool instructions) {
    struct Machine *m = lock_machine_new(&b->config, "tcg-lite", true, false, &b->result);
    Twin86Event event;
    ck_assert_ptr_nonnull(m);
    for (;;) {
        uint64_t done = instructions ? machine_cpu(m, 0)->insn_count : cpu_progress(machine_cpu(m, 0));
        if (done == count)
            break;
        ck_assert_int_eq(machine_start(m, count - done), 0);
        ck_assert_int_eq(machine_wait(m, -1, &event), 0);
    }
    uint64_t rip = machine_cpu(m, 0)->env.rip;
    lock_machine_free(m);
    return rip;
}

/* ---- all of env ---- */

/* A field that is added to env must be added to the table too. */
START_TEST(the_table_has_all_of_env) {
    enum { PADDING_AND_ZERO = 156 }; /* 8 bytes are `zero` */
    static uint8_t seen[sizeof(CPUX86State)];
    unsigned missing = 0;
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < env_field_count; i++) {
        for (unsigned k = 0; k < env_fields[i].size; k++)
            ck_assert_uint_eq(seen[env_fields[i].offset + k]++, 0);
        ck_assert_ptr_eq(env_field_find(env_fields[i].name), &env_fields[i]);
    }
    for (unsigned i = 0; i < sizeof(seen); i++)
        missing += seen[i] == 0;
    ck_assert_uint_eq(missing, PADDING_AND_ZERO);
}
END_TEST

/* ---- nothing planted ---- */

START_TEST(the_embedded_guest_runs_alike) {
    struct Bench b;
    bench_init(&b);
    b.config.every = 100;
    bench_run(&b);
    ck_assert_int_eq(b.result.outcome, LOCK_SAME);
    ck_assert_int_eq(b.result.end.kind, TWIN86_EVENT_POWEROFF);
    ck_assert_uint_gt(b.result.instructions, 10000);
    ck_assert_uint_gt(b.result.compares, 100);
    ck_assert_uint_eq(b.text_size, 0);
    bench_free(&b);
}
END_TEST

/* The option arrives: or else fast paths would be compared with themselves. */
START_TEST(plain_is_plain) {
    struct Bench b;
    bench_init(&b);
    for (unsigned side = 0; side < 2; side++) {
        struct Machine *m = lock_machine_new(&b.config, b.config.engine[side], true, false, &b.result);
        Twin86Event event;
        ck_assert_ptr_nonnull(m);
        machine_start(m, 16000); /* in 64-bit mode */
        ck_assert_int_eq(machine_wait(m, -1, &event), 0);
        const struct Tcg *t = machine_cpu(m, 0)->engine;
        ck_assert_int_eq(t->plain, side == 1);
        ck_assert_uint_eq(t->mode & (MODE_STEP | MODE_FLAT), side == 1 ? MODE_STEP : MODE_FLAT);
        lock_machine_free(m);
    }
    bench_free(&b);
}
END_TEST

START_TEST(a_limit_is_kept) {
    struct Bench b;
    bench_init(&b);
    b.config.limit = 2500;
    bench_run(&b);
    ck_assert_int_eq(b.result.outcome, LOCK_SAME);
    ck_assert_uint_eq(b.result.instructions, 2500);
    ck_assert_uint_eq(b.result.compares, 3);
    bench_free(&b);
}
END_TEST

/* ---- a state that is turned over at some instruction ---- */

struct Flip {
    const char *field; /* NULL: RAM */
    uint64_t gpa;
};

static void flip(void *opaque, struct Machine *m) {
    const struct Flip *what = opaque;
    if (what->field == NULL) {
        uint8_t v = (uint8_t)bus_read_uint(m->bus, what->gpa, 1) ^ 0x10;
        bus_write(m->bus, what->gpa, &v, 1);
        return;
    }
    const struct EnvField *f = env_field_find(what->field);
    ck_assert_ptr_nonnull(f);
    ((uint8_t *)&machine_cpu(m, 0)->env)[f->offset] ^= 1;
    cpu_state_changed(machine_cpu(m, 0));
}

static const struct {
    struct Flip flip;
    const char *told;
    unsigned side;
    uint64_t at;
} flips[] = {
    {{"kernel_gs_base", 0}, "kernel_gs_base", 0, 1},
    {{"kernel_gs_base", 0}, "kernel_gs_base", 1, 7777},
    {{"ymm5", 0}, "ymm5", 1, 3000},
    {{"r15", 0}, "r15", 0, 3001},
    {{"mtrr3.mask", 0}, "mtrr3.mask", 1, 12345},
    {{"fpr6", 0}, "fpr6", 0, 2999},
    {{NULL, 0x3ff000}, "RAM 00003ff000", 1, 4321},
    {{NULL, 0x300008}, "RAM 0000300008", 0, 16000},
};

START_TEST(a_flip_is_found) {
    struct Bench b;
    struct Flip what = flips[_i].flip;
    char where[64];
    bench_init(&b);
    b.config.plant = (struct LockPlant){.side = flips[_i].side, .at = flips[_i].at, .apply = flip, .opaque = &what};
    bench_run(&b);
    ck_assert_int_eq(b.result.outcome, LOCK_DIFFERENT);
    ck_assert_uint_eq(b.result.first, flips[_i].at - 1);
    ck_assert_uint_eq(b.result.block, 0);
    ck_assert_uint_eq(b.result.rip, rip_after(&b, flips[_i].at - 1, false));
    snprintf(where, sizeof(where), "differ after instruction %u:", (unsigned)flips[_i].at - 1);
    ck_assert_ptr_nonnull(strstr(b.text, where));
    ck_assert_ptr_nonnull(strstr(b.text, flips[_i].told));
    bench_free(&b);
}
END_TEST

/* RAM that is wrong first, and a register long after it because of that: the first one is told. */
START_TEST(wrong_memory_is_found_before_what_it_does) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8,       /* xor ax, ax; mov ds, ax */
        0xb9, 0x2c, 0x01,             /* mov cx, 300 */
        0xc7, 0x06, 0x00, 0x50, 5, 0, /* mov word [5000h], 5 */
        0xe2, 0xfe,                   /* loop $ */
        0x8b, 0x1e, 0x00, 0x50,       /* mov bx, [5000h] */
        0xc7, 0x06, 0x00, 0x50, 7, 0, /* mov word [5000h], 7 */
        0xfa, 0x40, 0xeb, 0xfd,       /* cli; inc ax; jmp */
    };
    struct Bench b;
    struct Flip what = {.field = NULL, .gpa = 0x5000};
    bench_init(&b);
    b.guest.bios = rom_path(code, sizeof(code));
    b.config.limit = 3000;
    b.config.plant = (struct LockPlant){.side = 1, .at = 100, .apply = flip, .opaque = &what};
    bench_run(&b);
    ck_assert_int_eq(b.result.outcome, LOCK_DIFFERENT);
    ck_assert_uint_eq(b.result.first, 99);
    ck_assert_ptr_nonnull(strstr(b.text, "RAM 0000005000"));
    ck_assert_ptr_nonnull(strstr(b.text, "loop"));
    unlink(b.guest.bios);
    free((char *)b.guest.bios);
    bench_free(&b);
}
END_TEST

/* ---- an engine whose block is wrong ---- */

/* In the block at RIP, instruction 2 gets the function of instruction 1. Blocks of one instruction stay right. */
static void break_block(void *opaque, struct Machine *m) {
    struct Tcg *t = machine_cpu(m, 0)->engine;
    struct Block *b = tcg_block_find(t, t->mode, NULL);
    ck_assert_uint_ge(b->count, 4);
    b->insn[2].fn = b->insn[1].fn;
    (*(unsigned *)opaque)++;
}

START_TEST(a_wrong_block_is_found) {
    static const uint8_t code[] = {
        0x31, 0xc0, 0x31, 0xdb,       /* xor ax, ax; xor bx, bx */
        0xba, 0x01, 0x80,             /* mov dx, 8001h */
        0xb9, 0xe8, 0x03, 0xeb, 0x00, /* mov cx, 1000; jmp 0ch */
        0x90,                         /* 0ch: nop */
        0x01, 0xd0,                   /* 0dh: add ax, dx */
        0x11, 0xc3,                   /* 0fh: adc bx, ax: runs as ADD */
        0x49, 0x75, 0xf8,             /* 11h: dec cx; jnz 0ch */
        0xfa, 0x40, 0xeb, 0xfd,       /* cli; inc ax; jmp */
    };
    struct Bench b;
    unsigned applied = 0;
    bench_init(&b);
    b.guest.bios = rom_path(code, sizeof(code));
    b.config.every = 500;
    b.config.limit = 3000;
    /* after six instructions and 20 rounds: at 0ch */
    b.config.plant = (struct LockPlant){.side = 0, .at = 6 + 5 * 20, .apply = break_block, .opaque = &applied};
    ck_assert_uint_eq(rip_after(&b, b.config.plant.at, false), 0xc);
    bench_run(&b);
    ck_assert_uint_gt(applied, 1);
    ck_assert_int_eq(b.result.outcome, LOCK_DIFFERENT);
    ck_assert_uint_gt(b.result.block, 1);
    ck_assert_msg(b.result.rip == 0xf, "%s", b.text);
    ck_assert_ptr_nonnull(strstr(b.text, "as a block"));
    ck_assert_ptr_nonnull(strstr(b.text, "adc bx, ax"));
    unlink(b.guest.bios);
    free((char *)b.guest.bios);
    bench_free(&b);
}
END_TEST

/* ---- leader and follower ---- */

static void follow_run(struct Bench *b, const char *engine) {
    b->config.engine[1] = engine;
    lock_run_follow(&b->config, &b->result);
    fflush(b->config.report);
    ck_assert_msg(b->result.outcome != LOCK_FAILED, "%s", b->result.why);
}

START_TEST(a_follower_does_as_the_leader) {
    static const char *const engines[] = {"tcg-lite", "tcg-lite,plain=on"};
    struct Bench b;
    bench_init(&b);
    b.config.exits = _i >= 2;
    follow_run(&b, engines[_i % 2]);
    ck_assert_uint_eq(b.result.returns, 0);
    if (b.config.exits)
        ck_assert_uint_lt(b.result.meetings, b.result.instructions / 3);
    else
        ck_assert_uint_ge(b.result.meetings, b.result.instructions);
    ck_assert_msg(b.result.outcome == LOCK_SAME, "%s", b.text);
    ck_assert_int_eq(b.result.end.kind, TWIN86_EVENT_POWEROFF);
    ck_assert_uint_gt(b.result.instructions, 10000);
    ck_assert_uint_gt(b.result.compares, 10);
    bench_free(&b);
}
END_TEST

/* Registers at once; RAM that the instruction did not write when it is compared as a whole, and then from which
 * instruction on. */
START_TEST(a_flip_of_the_follower_is_found) {
    struct Bench b;
    struct Flip what = flips[_i].flip;
    bench_init(&b);
    b.config.plant = (struct LockPlant){.side = 1, .at = flips[_i].at, .apply = flip, .opaque = &what};
    follow_run(&b, "tcg-lite");
    ck_assert_int_eq(b.result.outcome, LOCK_DIFFERENT);
    ck_assert_msg(b.result.first == flips[_i].at - 1, "%lu: %s", b.result.first, b.text);
    ck_assert_uint_eq(b.result.rip, rip_after(&b, flips[_i].at - 1, true));
    ck_assert_ptr_nonnull(strstr(b.text, flips[_i].told));
    bench_free(&b);
}
END_TEST

/* From exit to exit: something goes wrong in the midst of thousands of instructions. */
static void break_follower(void *opaque, struct Machine *m) {
    (*(unsigned *)opaque)++;
    machine_cpu(m, 0)->env.gpr[REG_BX] ^= 1;
    cpu_state_changed(machine_cpu(m, 0));
}

START_TEST(from_exit_to_exit_the_instruction_is_found) {
    static const uint8_t code[] = {
        0xb9, 0xe8, 0x03,             /* mov cx, 1000 */
        0x43, 0x43, 0x49, 0x75, 0xfb, /* inc bx; inc bx; dec cx; jnz */
        0x88, 0xd8, 0xe6, 0x80,       /* mov al, bl; out 80h, al */
        0xeb, 0xf2,                   /* jmp */
    };
    struct Bench b;
    unsigned applied = 0;
    bench_init(&b);
    b.guest.bios = rom_path(code, sizeof(code));
    b.config.limit = 30000;
    b.config.exits = true;
    b.config.plant = (struct LockPlant){.side = 1, .at = 6011, .apply = break_follower, .opaque = &applied};
    follow_run(&b, "tcg-lite");
    ck_assert_int_eq(b.result.outcome, LOCK_DIFFERENT);
    ck_assert_uint_eq(b.result.first, 6010);
    ck_assert_uint_eq(b.result.returns, 1);
    ck_assert_uint_eq(applied, 2);
    ck_assert_uint_eq(b.result.rip, rip_after(&b, 6010, true));
    unlink(b.guest.bios);
    free((char *)b.guest.bios);
    bench_free(&b);
}
END_TEST

/* What it takes from a device must be what the leader took. */
START_TEST(accesses_of_the_follower_are_checked) {
    struct LockLog log;
    struct LockDiffs d;
    uint32_t value = 0x11223344, got = 0;
    lock_log_init(&log);
    lock_diffs_clear(&d);
    lock_log_note(&log, LOG_PORT, false, 0x60, &value, 2);
    lock_log_note(&log, LOG_MEMORY, true, 0xfee00300, &value, 4);
    ck_assert(lock_log_take(&log, LOG_PORT, false, 0x60, &got, 2));
    ck_assert_uint_eq(got, 0x3344);
    ck_assert(lock_log_take(&log, LOG_MEMORY, true, 0xfee00300, &value, 2)); /* in two pieces */
    ck_assert(lock_log_take(&log, LOG_MEMORY, true, 0xfee00302, (uint8_t *)&value + 2, 2));
    lock_log_finish(&log, &d);
    ck_assert_uint_eq(d.total, 0);

    lock_log_note(&log, LOG_PORT, true, 0x80, &value, 1);
    got = 0x45;
    ck_assert(!lock_log_take(&log, LOG_PORT, true, 0x80, &got, 1)); /* another value */
    lock_log_finish(&log, &d);
    ck_assert_uint_eq(d.total, 2);
    ck_assert_str_eq(d.item[0].value[0], "writes port 80: 44");
    ck_assert_str_eq(d.item[0].value[1], "writes port 80: 45");

    lock_diffs_clear(&d);
    ck_assert(!lock_log_take(&log, LOG_MEMORY, false, 0xa0000, &got, 1)); /* the leader did nothing */
    ck_assert_uint_eq(got & 0xff, 0xff);
    lock_log_note(&log, LOG_MSR, false, 0x80b, &value, 4); /* the follower does nothing */
    lock_log_finish(&log, &d);
    ck_assert_uint_ge(d.total, 2);
    ck_assert_str_eq(d.item[0].value[0], "nothing");
    lock_log_destroy(&log);
}
END_TEST

/* The list of what may differ names fields that exist, instructions that exist, and a reason. */
START_TEST(explanations_explain) {
    for (unsigned i = 0; i < explained_field_count; i++) {
        ck_assert_msg(env_field_find(explained_fields[i].field) != NULL, "%s", explained_fields[i].field);
        ck_assert_uint_ne(explained_fields[i].bits, 0);
        ck_assert_uint_gt(strlen(explained_fields[i].why), 5);
    }
    for (unsigned i = 0; i < explained_insn_count; i++) {
        ck_assert_uint_ne(explained_insns[i].id, 0);
        ck_assert_uint_gt(strlen(explained_insns[i].why), 5);
    }
    ck_assert(explained_word(0x1063, 0x1003));  /* accessed and dirty */
    ck_assert(!explained_word(0x1063, 0x2063)); /* another page */
    ck_assert(!explained_word(0x1060, 0x1000)); /* not present: no page table entry */
    ck_assert(!explained_word(0x00af9b000000ffff, 0x00af92000000ffff));
    ck_assert(explained_word(0x00af9b000000ffff, 0x00af9a000000ffff));  /* a code descriptor: accessed */
    ck_assert(!explained_word(0x00af93000000ffff, 0x00af92000000ffff)); /* data */
    ck_assert(explained_frame_word(0x10202, 0x202));
    ck_assert(!explained_frame_word(0x10302, 0x202));
}
END_TEST

/* ---- the interface ---- */

START_TEST(wrong_engines_are_refused) {
    static const struct {
        const char *engines, *told;
    } wrong[] = {
        {"tcg-lite", "two are compared"},
        {"tcg-lite,tcg-lite,tcg-lite", "two are compared"},
        {"tcg-lite,", "two are compared"},
        {"", "two are compared"},
        {"plain=on", "two are compared"},
        {"kvm,kvm", "one of the two must be tcg-lite"},
        {"tcg-lite,tcg-lite,fast=1", "unknown option 'fast=1'"},
    };
    Twin86Config config;
    Twin86Guest guest = {0};
    char why[256];
    twin86_config_init(&config);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Twin86DiffGuest options = {.engines = wrong[i].engines, .timeout_ms = -1};
        ck_assert_int_lt(twin86_diff_guest(&config, &guest, &options, stderr, why, sizeof(why)), 0);
        ck_assert_msg(strstr(why, wrong[i].told) != NULL, "%s: %s", wrong[i].engines, why);
    }
}
END_TEST

START_TEST(the_interface_runs_it) {
    Twin86Config config;
    Twin86Guest guest = {0};
    Twin86DiffGuest options = {.timeout_ms = 20000};
    char why[256] = "", *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    twin86_config_init(&config);
    ck_assert_int_eq(twin86_diff_guest(&config, &guest, &options, f, why, sizeof(why)), 0);
    fclose(f);
    ck_assert_msg(strstr(text, "no difference in") != NULL && strstr(text, "powered off") != NULL, "%s", text);
    free(text);
}
END_TEST

START_TEST(an_older_caller_has_a_shorter_config) {
    Twin86Config whole;
    twin86_config_init(&whole);
    const Twin86Config *config = short_config_new(&whole);
    Twin86Guest guest = {0};
    Twin86DiffGuest options = {.instructions = 1000, .timeout_ms = 20000};
    char why[256] = "";
    FILE *f = tmpfile();
    ck_assert_msg(twin86_diff_guest(config, &guest, &options, f, why, sizeof(why)) == 0, "%s", why);
    fclose(f);
    short_config_free(config);
}
END_TEST

Suite *lockstep_suite(void) {
    Suite *s = suite_create("lockstep");
    TCase *t = tcase_create("pair");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_table_has_all_of_env);
    tcase_add_test(t, the_embedded_guest_runs_alike);
    tcase_add_test(t, plain_is_plain);
    tcase_add_test(t, a_limit_is_kept);
    tcase_add_loop_test(t, a_flip_is_found, 0, sizeof(flips) / sizeof(flips[0]));
    tcase_add_test(t, wrong_memory_is_found_before_what_it_does);
    tcase_add_test(t, a_wrong_block_is_found);
    tcase_add_loop_test(t, a_follower_does_as_the_leader, 0, 4);
    tcase_add_loop_test(t, a_flip_of_the_follower_is_found, 0, sizeof(flips) / sizeof(flips[0]));
    tcase_add_test(t, from_exit_to_exit_the_instruction_is_found);
    tcase_add_test(t, accesses_of_the_follower_are_checked);
    tcase_add_test(t, explanations_explain);
    tcase_add_test(t, wrong_engines_are_refused);
    tcase_add_test(t, the_interface_runs_it);
    tcase_add_test(t, an_older_caller_has_a_shorter_config);
    suite_add_tcase(s, t);
    return s;
}
