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

/* One CPU loads ES again and again, which sets the descriptor's accessed bit; the other clears that, and turns the
 * writable bit of the same byte over, which must stay as it has left it. */
START_TEST(accessed_bit) {
    enum { GDTR = 0x3100, DESCRIPTOR = 0x3208, LOST = 0x3002 };
    static const uint8_t gdtr[] = {0x0f, 0x00, 0x00, 0x32, 0x00, 0x00};
    static const uint8_t descriptor[] = {0xff, 0xff, 0, 0, 0, 0x92, 0, 0};
    Twin86Machine *m = two_cpus_new(NULL);
    uint8_t done = 0;
    uint16_t lost = 1;
    twin86_write_memory(m, GDTR, gdtr, sizeof(gdtr));
    twin86_write_memory(m, DESCRIPTOR, descriptor, sizeof(descriptor));
    TWO_CPUS_CODE(m, 0, 0x0f, 0x01, 0x16, 0x00, 0x31,              /* LGDT [3100h] */
                  0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0,  /* CR0.PE = 1 */
                  0xb8, 0x08, 0x00, 0x8e, 0xc0,                    /* again: MOV ES, 8 */
                  0x80, 0x3e, 0x00, 0x30, 0x00, 0x74, 0xf4, 0xf4); /* CMP BYTE [3000h], 0; JE again; HLT */
    TWO_CPUS_CODE(m, 1, 0x31, 0xd2, 0xb9, 0x60, 0xea, 0xb3, 0x02,  /* DX = 0; CX = 60000; BL = 2 */
                  0xf0, 0x0f, 0xba, 0x36, 0x0d, 0x32, 0x00,        /* again: LOCK BTR [320dh], 0 */
                  0xf0, 0x0f, 0xba, 0x3e, 0x0d, 0x32, 0x01,        /* LOCK BTC [320dh], 1 */
                  0x80, 0xf3, 0x02, 0xa0, 0x0d, 0x32, 0x24, 0x02,  /* XOR BL, 2; AL = [320dh] & 2 */
                  0x38, 0xd8, 0x74, 0x03, 0x42, 0x88, 0xc3,        /* if AL != BL then DX++, BL = AL */
                  0xe2, 0xe1, 0x89, 0x16, 0x02, 0x30,              /* LOOP again; MOV [3002h], DX */
                  0xc6, 0x06, 0x00, 0x30, 0x01, 0xf4);             /* MOV BYTE [3000h], 1; HLT */
    ck_assert_int_eq(twin86_start(m, 0), 0);
    for (unsigned k = 0; k < 60000 && done == 0; k++, usleep(1000))
        twin86_read_memory(m, 0x3000, &done, 1);
    twin86_pause(m);
    ck_assert_uint_eq(done, 1);
    twin86_read_memory(m, LOST, &lost, sizeof(lost));
    ck_assert_uint_eq(lost, 0);
    twin86_destroy(m);
}
END_TEST

/* One CPU stores 16 aligned bytes that are all the same, each time after a TLB miss; the other one loads them so, and
 * never finds half of them: on processors with AVX these are single accesses. */
START_TEST(sixteen_bytes) {
    static const uint8_t store[] = {
        0x0f, 0x20, 0xe0, 0x66, 0x0d, 0x00, 0x02, 0x00, 0x00, 0x0f, 0x22, 0xe0, /* CR4.OSFXSR = 1 */
        0x66, 0x0f, 0x76, 0xc0, 0x66, 0x0f, 0xef, 0xc9, 0xb9, 0x20, 0x4e,       /* XMM0 = -1; XMM1 = 0; CX = 20000 */
        0x0f, 0x01, 0x3e, 0x00, 0x20, 0x66, 0x0f, 0x7f, 0x06, 0x00, 0x20, /* INVLPG [2000h]; MOVDQA [2000h], XMM0 */
        0x0f, 0x01, 0x3e, 0x00, 0x20, 0x66, 0x0f, 0x7f, 0x0e, 0x00, 0x20, /* INVLPG [2000h]; MOVDQA [2000h], XMM1 */
        0xe2, 0xe8, 0xc6, 0x06, 0x00, 0x30, 0x01, 0xf4};                  /* LOOP; MOV BYTE [3000h], 1; HLT */
    static const uint8_t load[] = {
        0x0f, 0x20, 0xe0, 0x66, 0x0d, 0x00, 0x02, 0x00, 0x00, 0x0f, 0x22, 0xe0, /* CR4.OSFXSR = 1 */
        0x31, 0xd2, 0x0f, 0x01, 0x3e, 0x00, 0x20,                               /* DX = 0; INVLPG [2000h] */
        0x66, 0x0f, 0x6f, 0x16, 0x00, 0x20, 0x66, 0x0f, 0x6f, 0xda,             /* MOVDQA XMM2, [2000h]; XMM3 = XMM2 */
        0x66, 0x0f, 0x73, 0xdb, 0x08, 0x66, 0x0f, 0x7e, 0xd3,                   /* PSRLDQ XMM3, 8; EBX = XMM2 */
        0x66, 0x0f, 0x7e, 0xd8, 0x66, 0x39, 0xd8, 0x74, 0x01, 0x42,             /* if XMM3 != EBX then DX++ */
        0x80, 0x3e, 0x00, 0x30, 0x00, 0x74, 0xd7,                               /* while [3000h] = 0 */
        0x89, 0x16, 0x02, 0x30, 0xc6, 0x06, 0x01, 0x30, 0x01, 0xf4};            /* [3002h] = DX; [3001h] = 1; HLT */
    Twin86Machine *m = two_cpus_new(NULL);
    uint8_t done[2] = {0, 0};
    uint16_t torn = 1;
    two_cpus_code(m, 0, store, sizeof(store));
    two_cpus_code(m, 1, load, sizeof(load));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    for (unsigned k = 0; k < 60000 && done[1] == 0; k++, usleep(1000))
        twin86_read_memory(m, 0x3000, done, 2);
    twin86_pause(m);
    ck_assert_uint_eq(done[1], 1);
    twin86_read_memory(m, 0x3002, &torn, sizeof(torn));
    ck_assert_uint_eq(torn, 0);
    twin86_destroy(m);
}
END_TEST

Suite *locked_suite(void) {
    Suite *s = suite_create("locked");
    TCase *t = tcase_create("locked");
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, none_is_lost, 0, FORMS);
    tcase_add_test(t, accessed_bit);
    tcase_add_test(t, sixteen_bytes);
    suite_add_tcase(s, t);
    return s;
}
