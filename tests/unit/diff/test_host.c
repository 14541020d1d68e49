/* SPDX-License-Identifier: MIT */
/* The engine `host`: whatever a case does to the process that runs it, the others of its batch come out right. */
#include "diff/diff.h"
#include "diff/insn.h"
#include "diff/run/host_segments.h"
#include "diff/run/runner.h"
#include "diff/run/stub_layout.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CODE = 0x10000000, DATA = 0x10400000, SLOT = 64, ANY = 0 /* of what may come out: anything that is an end */ };

/** Code, and what becomes of it: a vector, DIFF_NO_END, DIFF_GONE. */
struct Hostile {
    const char *what;
    uint8_t code[24], size;
    uint32_t vector;
};

#define CODE_BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
static const struct Hostile hostile[] = {
    {"jump to itself", CODE_BYTES(0xeb, 0xfe), DIFF_NO_END},
    {"exit_group", CODE_BYTES(0xb8, 231, 0, 0, 0, 0x0f, 0x05), DIFF_GONE},
    {"exit of 32-bit programs", CODE_BYTES(0xb8, 1, 0, 0, 0, 0xcd, 0x80), ANY}, /* #GP where there are none */
    {"rt_sigreturn", CODE_BYTES(0xb8, 15, 0, 0, 0, 0x0f, 0x05), DIFF_GONE},
    {"write to every descriptor", CODE_BYTES(0xb8, 1, 0, 0, 0, 0xff, 0xc7, 0x0f, 0x05, 0xeb, 0xf5), DIFF_GONE},
    /* movl $0, the number of the record in use */
    {"no record", CODE_BYTES(0xc7, 0x04, 0x25, 0x00, 0x10, 0x00, 0x20, 0, 0, 0, 0), DIFF_GONE},
    {"another record", CODE_BYTES(0xc7, 0x04, 0x25, 0x00, 0x10, 0x00, 0x20, 0x00, 0x0c, 0x01, 0x20), ANY},
    {"too many records", CODE_BYTES(0xc7, 0x04, 0x25, 0x30, 0x10, 0x00, 0x20, 0xff, 0xff, 0xff, 0x7f), ANY},
    {"no more records", CODE_BYTES(0xc7, 0x04, 0x25, 0x30, 0x10, 0x00, 0x20, 1, 0, 0, 0), ANY},
    /* mov $records, %edi; mov $all of them, %ecx; rep stosb */
    {"all records", CODE_BYTES(0xbf, 0, 0, 1, 0x20, 0xb9, 0, 0, 0x40, 0, 0xb0, 0xa5, 0xf3, 0xaa), ANY},
    {"control page and stack", CODE_BYTES(0xbf, 0, 0x10, 0, 0x20, 0xb9, 0, 0x10, 0, 0, 0xb0, 0xa5, 0xf3, 0xaa), ANY},
    {"jump into the stub", CODE_BYTES(0xb8, 0, 0, 0, 0x20, 0xff, 0xe0), DIFF_NO_END},
    {"jump to nowhere", CODE_BYTES(0xb8, 0, 0, 0, 0x60, 0xff, 0xe0), VEC_PF},
    {"jump to no address", CODE_BYTES(0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xe0), VEC_GP},
    /* a jump to itself, and before it pushq $0x23; lea it(%rip), %rax; push %rax; lretq */
    {"endless 32-bit code",
     CODE_BYTES(0xeb, 2, 0xeb, 0xfe, 0x6a, 0x23, 0x48, 0x8d, 0x05, 0xf5, 0xff, 0xff, 0xff, 0x50, 0x48, 0xcb),
     ANY}, /* #GP likewise */
    {"FS and GS anywhere", CODE_BYTES(0xf3, 0x48, 0x0f, 0xae, 0xd3, 0xf3, 0x48, 0x0f, 0xae, 0xdb, 0x0f, 0x0b), VEC_UD},
    {"no stack", CODE_BYTES(0x31, 0xe4, 0x0f, 0x0b), VEC_UD},
    {"single-stepping", CODE_BYTES(0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x90, 0x90), VEC_DB},
    {"alignment checks", CODE_BYTES(0x9c, 0x80, 0x4c, 0x24, 0x02, 0x04, 0x9d, 0x90), DIFF_NO_FAULT},
};
enum { HOSTILE = sizeof(hostile) / sizeof(hostile[0]), CASES = 2 * HOSTILE + 1 };

static struct DiffState in[CASES], out[CASES];

/** Case k: an addition when k is even, else one of the above; with a pad behind it. */
static void put_case(struct DiffRunner *r, unsigned k) {
    static const uint8_t add[] = {0x48, 0x01, 0xd8};
    const uint8_t *code = k & 1 ? hostile[k / 2].code : add;
    unsigned size = k & 1 ? hostile[k / 2].size : sizeof(add);
    uint64_t at = CODE + k * SLOT;
    uint8_t *p = diff_space_at(&r->space, at);
    memcpy(p, code, size);
    r->ops->pad(r, p + size, at + size);
    diff_state_init(&in[k]);
    in[k].rip = at;
    in[k].gpr[REG_AX] = 1000 + k;
    in[k].gpr[REG_BX] = k;
    in[k].gpr[REG_SP] = DATA + 0x800;
}

static void check_case(unsigned k) {
    const struct DiffState *o = &out[k];
    if (k & 1) {
        const struct Hostile *h = &hostile[k / 2];
        ck_assert_msg(h->vector == ANY || o->vector == h->vector, "%s: vector %u, expected %u", h->what, o->vector,
                      h->vector);
        return;
    }
    ck_assert_msg(o->vector == DIFF_NO_FAULT && o->gpr[REG_AX] == 1000 + 2 * k && o->rip == CODE + k * SLOT + 3u,
                  "the case after '%s': vector %u, RAX %llu, RIP %#llx", k > 0 ? hostile[k / 2 - 1].what : "nothing",
                  o->vector, (unsigned long long)o->gpr[REG_AX], (unsigned long long)o->rip);
}

START_TEST(hostile_cases) {
    static const struct DiffPage page[] = {{CODE, DIFF_PAGE_USER}, {DATA, DIFF_PAGE_USER | DIFF_PAGE_WRITE}};
    struct DiffRunner *r;
    struct CpuModel model;
    char why[256];
    uint16_t which[CASES];
    ck_assert_int_eq(diff_model_parse(&model, NULL, why, sizeof(why)), 0);
    diff_host_model(&model);
    int e = diff_host_runner.open(&r, &(struct DiffSetup){DIFF_LONG64, 3, &model, page, 2, true}, why, sizeof(why));
    if (e != 0) {
        suite_skip("hostile cases", 1, why);
        return;
    }
    _Static_assert(CASES * SLOT <= 4096, "one page of code");
    for (unsigned k = 0; k < CASES; k++) {
        put_case(r, k);
        which[k] = (uint16_t)k;
    }
    r->ops->code_changed(r);
    ck_assert_msg(r->ops->run(r, in, out, which, CASES, why, sizeof(why)) == 0, "%s", why);
    for (unsigned k = 0; k < CASES; k++)
        check_case(k);
    r->ops->close(r);
}
END_TEST

/* ---- 32- and 16-bit code ---- */

enum { DATA_AR = AR_S | AR_P | AR_DPL | AR_WRITABLE | AR_ACCESSED, WINDOW = DATA - 0x800 }; /* memory from 800h on */

/** A case of its own: what DS is, and what comes of it. */
struct Program {
    const char *what;
    enum DiffMode mode;
    struct DiffSegment data, ss;
    uint8_t code[8], size;
    uint32_t vector;
    bool limits; /* it tests what QEMU's emulation does not check */
};

static const struct Program programs[] = {
    {"add eax, ebx", DIFF_COMPAT32, {0}, {0}, CODE_BYTES(0x01, 0xd8), DIFF_NO_FAULT, false},
    {"add ax, bx", DIFF_COMPAT16, {0}, {0}, CODE_BYTES(0x01, 0xd8), DIFF_NO_FAULT, false},
    {"jump to itself", DIFF_COMPAT32, {0}, {0}, CODE_BYTES(0xeb, 0xfe), DIFF_NO_END, false},
    {"exit of 32-bit programs", DIFF_COMPAT32, {0}, {0}, CODE_BYTES(0xcd, 0x80), DIFF_GONE, false},
    {"INTO, OF = 0", DIFF_COMPAT32, {0}, {0}, CODE_BYTES(0xce), DIFF_NO_FAULT, false},
    {"DIV by 0", DIFF_COMPAT16, {0}, {0}, CODE_BYTES(0x31, 0xc9, 0xf7, 0xf1), VEC_DE, false},
    {"mov al, [800h] through DS",
     DIFF_COMPAT32,
     {WINDOW, 0x800, DATA_AR, 0},
     {0},
     CODE_BYTES(0xa0, 0, 8, 0, 0),
     DIFF_NO_FAULT,
     false},
    {"the byte behind DS.limit",
     DIFF_COMPAT32,
     {WINDOW, 0x800, DATA_AR, 0},
     {0},
     CODE_BYTES(0xa0, 1, 8, 0, 0),
     VEC_GP,
     true},
    {"the same in 16-bit code", DIFF_COMPAT16, {WINDOW, 0x800, DATA_AR, 0}, {0}, CODE_BYTES(0xa0, 1, 8), VEC_GP, true},
    {"expand-down, at the limit",
     DIFF_COMPAT16,
     {WINDOW, 0x900, DATA_AR | AR_EXPAND_DOWN, 0},
     {0},
     CODE_BYTES(0xa0, 0, 9),
     VEC_GP,
     true},
    {"expand-down, above it",
     DIFF_COMPAT16,
     {WINDOW, 0x900, DATA_AR | AR_EXPAND_DOWN, 0},
     {0},
     CODE_BYTES(0xa0, 1, 9),
     DIFF_NO_FAULT,
     true},
    {"a store to read-only data",
     DIFF_COMPAT32,
     {WINDOW, 0xfff, DATA_AR & ~AR_WRITABLE, 0},
     {0},
     CODE_BYTES(0xa2, 0, 8, 0, 0),
     VEC_GP,
     true},
    {"a push below the stack's limit",
     DIFF_COMPAT16,
     {0},
     {WINDOW, 0xa00, DATA_AR | AR_EXPAND_DOWN, 0},
     CODE_BYTES(0x50),
     VEC_SS,
     true},
    {"SP of 16 bits in 32-bit code",
     DIFF_COMPAT32,
     {0},
     {WINDOW, 0xffff, DATA_AR, 0},
     CODE_BYTES(0x50),
     DIFF_NO_FAULT,
     false},
};

static void run_program(const struct Program *p, struct DiffRunner *r) {
    static const uint16_t first[1];
    const struct DiffSegments own = {
        .given = 1,
        .cs = {CODE & (p->mode == DIFF_COMPAT16 ? ~0u : 0), 0, 0, 0},
        .ss = p->ss.ar != 0 ? p->ss : (struct DiffSegment){.base = p->mode == DIFF_COMPAT16 ? WINDOW : 0},
        .data = p->data};
    uint8_t *at = diff_space_at(&r->space, CODE);
    struct DiffState s, o;
    char why[256];
    memset(at, 0xcc, 64);
    memcpy(at, p->code, p->size);
    r->ops->pad(r, at + p->size, CODE + p->size);
    r->ops->code_changed(r);
    diff_state_init(&s);
    s.rip = own.cs.base != 0 ? 0 : CODE;
    s.gpr[REG_AX] = 5;
    s.gpr[REG_BX] = 7;
    s.gpr[REG_SP] = own.ss.base != 0 ? 0xa00 : DATA + 0x200;
    diff_segments_put(&s, &own);
    ck_assert_msg(r->ops->run(r, &s, &o, first, 1, why, sizeof(why)) == 0, "%s: %s", p->what, why);
    ck_assert_msg(o.vector == p->vector, "%s: vector %u, expected %u", p->what, o.vector, p->vector);
    ck_assert_msg(p->vector != DIFF_NO_FAULT || o.rip == s.rip + p->size, "%s: RIP %#llx", p->what,
                  (unsigned long long)o.rip);
}

/** Each program on the processor, where there is a kernel for it, and on tcg-lite. */
static unsigned run_programs(const struct DiffRunnerOps *engine, enum DiffMode mode, char *why, size_t n) {
    static const struct DiffPage page[] = {{CODE, DIFF_PAGE_USER}, {DATA, DIFF_PAGE_USER | DIFF_PAGE_WRITE}};
    struct DiffRunner *r;
    struct CpuModel model;
    bool host = engine == &diff_host_runner;
    unsigned ran = 0;
    ck_assert_int_eq(diff_model_parse(&model, NULL, why, n), 0);
    int e = engine->open(&r, &(struct DiffSetup){mode, 3, &model, page, 2, true}, why, n);
    ck_assert_msg(e == 0 || (host && e == -ENOTSUP && strncmp(why, "host: this kernel ", 18) == 0), "%s", why);
    if (e != 0)
        return 0;
    for (unsigned k = 0; k < sizeof(programs) / sizeof(programs[0]); k++) {
        const struct Program *p = &programs[k];
        bool endless = p->vector == DIFF_NO_END || p->vector == DIFF_GONE;
        if (p->mode != mode || (host ? p->limits && diff_host_is_qemu() : endless))
            continue;
        run_program(p, r);
        ran++;
    }
    r->ops->close(r);
    return ran;
}

START_TEST(programs_of_32_and_16_bits) {
    for (enum DiffMode mode = DIFF_COMPAT16; mode <= DIFF_COMPAT32; mode++) {
        char why[256] = "";
        ck_assert_uint_gt(run_programs(&diff_tcg_runner, mode, why, sizeof(why)), 0);
        if (run_programs(&diff_host_runner, mode, why, sizeof(why)) == 0)
            suite_skip(diff_mode_names[mode], 1, why);
    }
}
END_TEST

/** What modify_ldt can't give is refused before it is tried, in a line that names the register. */
START_TEST(segments_that_programs_have) {
    static const struct X86Segment flat = {HOST_DS, 0xc0f3, UINT32_MAX, 0}, code = {0x07, 0xfb, 0xffff, 0x1000};
    static const struct {
        unsigned which;
        struct X86Segment segment;
        const char *word; /* NULL: it can be had */
    } list[] = {
        {SEG_DS, {0x17, 0xf7, 0xff, 0x1234}, NULL},
        {SEG_DS, {0, AR_UNUSABLE, 0, 0}, NULL},
        {SEG_SS, {0, AR_UNUSABLE, 0, 0}, "SS is null"},
        {SEG_SS, {0x0f, 0xf1, 0xffff, 0}, "SS is of a type"},
        {SEG_DS, {0x17, 0xf9, 0xffff, 0}, "DS is of a type"}, /* execute-only */
        {SEG_CS, {0x07, 0xf3, 0xffff, 0}, "CS is of a type"},
        {SEG_ES, {0x63, 0xf3, 0xffff, 0}, "ES has a selector"},
        {SEG_ES, {HOST_DS, 0xf3, 0xffff, 0}, "ES has a selector"},
        {SEG_ES, {0x16, 0xf3, 0xffff, 0}, "ES has a selector"}, /* RPL 2 */
        {SEG_FS, {0x1f, 0x93, 0xffff, 0}, "FS is not present"}, /* DPL 0 */
        {SEG_CS, {0x07, 0xff, 0xffff, 0}, "CS is not present"}, /* conforming */
        {SEG_GS, {0x27, 0xf3, 0x100000, 0}, "GS has a base or limit"},
        {SEG_GS, {0x27, 0x80f3, 0x1234, 0}, "GS has a base or limit"},
        {SEG_GS, {0x07, 0xf3, 0xffff, 0}, "GS has the selector of another"},
    };
    for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
        struct X86Segment seg[SEG_COUNT] = {flat, code, flat, flat, flat, flat};
        struct HostSegments out;
        char why[256] = "";
        seg[list[k].which] = list[k].segment;
        int e = diff_host_segments(seg, &out, why, sizeof(why));
        ck_assert_int_eq(e, list[k].word == NULL ? 0 : -EINVAL);
        ck_assert_msg(list[k].word == NULL || strstr(why, list[k].word) != NULL, "%u: %s", k, why);
    }
}
END_TEST

/* ---- an oracle that says something else the second time ---- */

static struct DiffRunnerOps fickle; /* tcg-lite, but for some answers to a whole batch */
static bool always;                 /* or to any question */

static int run_fickle(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
                      unsigned count, char *why, size_t n) {
    int e = diff_tcg_runner.run(r, in, out, which, count, why, n);
    for (unsigned k = 0; k < count && (count > 1 || always); k++) {
        out[which[k]].gpr[REG_AX] ^= which[k] % 64 == 0;
        out[which[k]].disturbed = which[k] % 64 == 1;
    }
    return e;
}

static int open_fickle(struct DiffRunner **r, const struct DiffSetup *setup, char *why, size_t n) {
    int e = diff_tcg_runner.open(r, setup, why, n);
    if (e == 0)
        (*r)->ops = &fickle;
    return e;
}

START_TEST(asked_again) {
    const Twin86DiffInsn o = {.forms = "ADD", .cases = 4000, .seed = 1, .cpl = 3};
    fickle = diff_tcg_runner;
    fickle.open = open_fickle;
    fickle.run = run_fickle;
    for (unsigned k = 0; k < 2; k++) {
        char *text, why[256] = "";
        size_t size;
        FILE *f = open_memstream(&text, &size);
        always = k == 1;
        int e = diff_insn_run(&o, &diff_tcg_runner, &fickle, f, why, sizeof(why));
        fclose(f);
        ck_assert_msg(e == (int)k, "%d %s\n%s", e, why, text);
        ck_assert_msg(strstr(text, "asked again: ") != NULL, "%s", text);
        ck_assert_msg((strstr(text, " 0 differ") != NULL) == (k == 0), "%s", text);
        free(text);
    }
}
END_TEST

Suite *host_suite(void) {
    Suite *s = suite_create("host");
    TCase *c = tcase_create("hostile cases");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, hostile_cases);
    tcase_add_test(c, programs_of_32_and_16_bits);
    tcase_add_test(c, segments_that_programs_have);
    tcase_add_test(c, asked_again);
    suite_add_tcase(s, c);
    return s;
}
