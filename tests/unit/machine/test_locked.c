/* SPDX-License-Identifier: MIT */
/* Locked instructions of two CPUs where no host atomic is at hand at once: behind a TLB miss, across pages, in a page
 * that holds code. Each form counts, or guards a count that is not locked; none may be lost. */
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/suites.h"

enum { ROUNDS = 20000, DONE = 0x3000 };

/* BX: the counter, with a lock word 7 or 8 bytes behind it. Each adds one to the counter. */
static const struct LockedForm {
    const char *name;
    uint8_t size;
    uint8_t code[48];
} forms[] = {
    /* invlpg (%bx); lock incl (%bx) */
    {"LOCK INC", 7, {0x0f, 0x01, 0x3f, 0x66, 0xf0, 0xff, 0x07}},
    /* invlpg (%bx); lock addl $1,(%bx) */
    {"LOCK ADD", 8, {0x0f, 0x01, 0x3f, 0x66, 0xf0, 0x83, 0x07, 0x01}},
    /* movl $-1,%eax; invlpg (%bx); lock subl %eax,(%bx) */
    {"LOCK SUB", 13, {0x66, 0xb8, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01, 0x3f, 0x66, 0xf0, 0x29, 0x07}},
    /* movl $1,%eax; invlpg (%bx); lock xaddl %eax,(%bx) */
    {"LOCK XADD", 14, {0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x01, 0x3f, 0x66, 0xf0, 0x0f, 0xc1, 0x07}},
    /* movl (%bx),%eax; again: leal 1(%eax),%ecx; invlpg (%bx); lock cmpxchgl %ecx,(%bx); jnz again */
    {"LOCK CMPXCHG",
     18,
     {0x66, 0x8b, 0x07, 0x67, 0x66, 0x8d, 0x48, 0x01, 0x0f, 0x01, 0x3f, 0x66, 0xf0, 0x0f, 0xb1, 0x0f, 0x75, 0xf1}},
    /* mov %bx,%bp; movl (%bp),%eax; movl 4(%bp),%edx; again: leal 1(%eax),%ebx; movl %edx,%ecx; invlpg (%bp); lock
       cmpxchg8b (%bp); jnz again; mov %bp,%bx */
    {"LOCK CMPXCHG8B", 31, {0x89, 0xdd, 0x66, 0x8b, 0x46, 0x00, 0x66, 0x8b, 0x56, 0x04, 0x67,
                            0x66, 0x8d, 0x58, 0x01, 0x66, 0x89, 0xd1, 0x0f, 0x01, 0x7e, 0x00,
                            0xf0, 0x0f, 0xc7, 0x4e, 0x00, 0x75, 0xed, 0x89, 0xeb}},
    /* again: mov $1,%ax; invlpg 8(%bx); xchgw %ax,7(%bx); test %ax,%ax; jnz again; incl (%bx); movw $0,7(%bx) */
    {"XCHG", 22, {0xb8, 0x01, 0x00, 0x0f, 0x01, 0x7f, 0x08, 0x87, 0x47, 0x07, 0x85,
                  0xc0, 0x75, 0xf2, 0x66, 0xff, 0x07, 0xc7, 0x47, 0x07, 0x00, 0x00}},
    /* again: invlpg 8(%bx); lock btsl $5,8(%bx); jc again; incl (%bx); invlpg 8(%bx); lock btrl $5,8(%bx) */
    {"LOCK BTS, LOCK BTR", 27, {0x0f, 0x01, 0x7f, 0x08, 0x66, 0xf0, 0x0f, 0xba, 0x6f, 0x08, 0x05, 0x72, 0xf3, 0x66,
                                0xff, 0x07, 0x0f, 0x01, 0x7f, 0x08, 0x66, 0xf0, 0x0f, 0xba, 0x77, 0x08, 0x05}},
    /* again: invlpg 8(%bx); lock btsl $5,8(%bx); jc again; incl (%bx); invlpg 8(%bx); lock orl $64,8(%bx); invlpg
       8(%bx); lock andl $~32,8(%bx) */
    {"LOCK OR, LOCK AND", 36, {0x0f, 0x01, 0x7f, 0x08, 0x66, 0xf0, 0x0f, 0xba, 0x6f, 0x08, 0x05, 0x72,
                               0xf3, 0x66, 0xff, 0x07, 0x0f, 0x01, 0x7f, 0x08, 0x66, 0xf0, 0x83, 0x4f,
                               0x08, 0x40, 0x0f, 0x01, 0x7f, 0x08, 0x66, 0xf0, 0x83, 0x67, 0x08, 0xdf}},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* Within a page; the counter across two; the lock word across two; beside the code of CPU 0. */
static const uint16_t places[] = {0x1500, 0x1ffe, 0x1ff6, 0x1ff8, TWO_CPUS_CODE0 + 0x300};

static void put(uint8_t *code, size_t *n, const void *bytes, size_t size) {
    memcpy(code + *n, bytes, size);
    *n += size;
}

static void put_program(Twin86Machine *m, unsigned cpu, const struct LockedForm *form, uint16_t counter) {
    uint8_t begin[] = {0xbb, counter & 0xff, counter >> 8, 0x66, 0xbe, ROUNDS & 0xff, ROUNDS >> 8, 0, 0};
    uint8_t end[] = {0x66, 0x4e, 0x75, 0, 0xc6, 0x06, DONE & 0xff, DONE >> 8, 1, 0xfa, 0xf4, 0xeb, 0xfd};
    uint8_t code[100];
    size_t n = 0;
    end[3] = (uint8_t)-(form->size + 4);     /* dec esi; jnz to the form */
    end[6] = (uint8_t)((DONE & 0xff) + cpu); /* mov byte [done + cpu], 1; cli; hlt; jmp to the hlt */
    put(code, &n, begin, sizeof(begin));     /* mov bx, counter; mov esi, ROUNDS */
    put(code, &n, form->code, form->size);
    put(code, &n, end, sizeof(end));
    two_cpus_code(m, cpu, code, n);
}

static bool both_done(Twin86Machine *m) {
    uint8_t done[2];
    twin86_read_memory(m, DONE, done, 2);
    return done[0] != 0 && done[1] != 0;
}

static void count_at(const struct LockedForm *form, uint16_t place) {
    Twin86Machine *m = two_cpus_new(NULL);
    uint32_t count;
    put_program(m, 0, form, place);
    put_program(m, 1, form, place);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    for (unsigned k = 0; k < 60000 && !both_done(m); k++)
        usleep(1000);
    twin86_pause(m);
    ck_assert_msg(both_done(m), "%s at %xh does not end", form->name, place);
    twin86_read_memory(m, place, &count, sizeof(count));
    ck_assert_msg(count == 2 * ROUNDS, "%s at %xh: %u of %u", form->name, place, count, 2 * ROUNDS);
    twin86_destroy(m);
}

START_TEST(none_is_lost) {
    for (unsigned k = 0; k < sizeof(places) / sizeof(places[0]); k++)
        count_at(&forms[_i], places[k]);
}
END_TEST

Suite *locked_suite(void) {
    Suite *s = suite_create("locked");
    TCase *t = tcase_create("locked");
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, none_is_lost, 0, FORMS);
    suite_add_tcase(s, t);
    return s;
}
