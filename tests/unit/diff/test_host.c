/* SPDX-License-Identifier: MIT */
/* The engine `host`: whatever a case does to the process that runs it, the others of its batch come out right. */
#include "diff/diff.h"
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

Suite *host_suite(void) {
    Suite *s = suite_create("host");
    TCase *c = tcase_create("hostile cases");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, hostile_cases);
    suite_add_tcase(s, c);
    return s;
}
