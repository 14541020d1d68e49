/* SPDX-License-Identifier: MIT */
/* A guest goes from engine to engine and must not notice. */
#include "include/twin86.h"
#include "machine/machine.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- a guest that keeps state in every kind of register, for as long as ROUNDS rounds take ---- */

enum { ROUNDS = 400, STEPS = 60, FILLED = 0x20000, RESULTS = 0x600, RAM_SIZE = 8 << 20 };

/*
 * Real mode, timer interrupts on. A linear congruential generator in ESI fills the 64 KiB at 20000h; XMM7 gathers what
 * it gives, ST(0) counts the rounds, MXCSR and FCW stay as set once. Each round prints a letter and stops the machine
 * at isa-debug-exit, which is in the middle of an instruction as far as the engine is concerned.
 */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "handover_guest:\n"
        "  cli\n  xor %ax, %ax\n  mov %ax, %ds\n  mov %ax, %ss\n  mov $0x7000, %sp\n"
        "  mov $0x2000, %ax\n  mov %ax, %es\n"
        "  movw $handover_tick - handover_guest, 8 * 4\n  movw $0xf000, 8 * 4 + 2\n"
        "  movl $0, 0x500\n"
        "  mov $0x11, %al\n  out %al, $0x20\n  mov $8, %al\n  out %al, $0x21\n  mov $4, %al\n  out %al, $0x21\n"
        "  mov $1, %al\n  out %al, $0x21\n  mov $0xfe, %al\n  out %al, $0x21\n" /* PIC: only IRQ 0, as INT 8 */
        "  mov $0x34, %al\n  out %al, $0x43\n  mov $2400 & 0xff, %al\n  out %al, $0x40\n" /* PIT: 500 Hz */
        "  mov $2400 >> 8, %al\n  out %al, $0x40\n"
        "  mov %cr4, %eax\n  or $0x600, %eax\n  mov %eax, %cr4\n" /* OSFXSR, OSXMMEXCPT */
        "  fninit\n  fldz\n  pxor %xmm7, %xmm7\n"
        "  movl $0x5f80, 0x510\n  ldmxcsr 0x510\n" /* round down */
        "  mov $12345, %esi\n  xor %di, %di\n  xor %ebp, %ebp\n  sti\n"
        "1: fld1\n  faddp\n"
        "  mov $60, %cx\n"
        "2: imul $1664525, %esi, %esi\n  add $1013904223, %esi\n"
        "  mov %esi, %es:(%di)\n  add $4, %di\n  loop 2b\n"
        "  movd %esi, %xmm0\n  paddq %xmm0, %xmm7\n"
        "  mov %bp, %ax\n  and $15, %al\n  add $'a', %al\n  out %al, $0xe9\n"
        "  mov %bp, %ax\n  out %ax, $0xf4\n"
        "  inc %bp\n  cmp $400, %bp\n  jb 1b\n"
        "3: cmpl $3, 0x500\n  jb 3b\n" /* at least 6 ms in all */
        "  cli\n"
        "  mov %esi, 0x600\n  fistpl 0x604\n  movups %xmm7, 0x608\n  stmxcsr 0x618\n  fnstcw 0x61c\n  mov %sp, 0x620\n"
        "  mov $0xfff, %ax\n  out %ax, $0xf4\n"
        "4: hlt\n  jmp 4b\n"
        "handover_tick:\n"
        "  push %ax\n  incl %cs:0\n" /* ROM: changes nothing */
        "  push %ds\n  xor %ax, %ax\n  mov %ax, %ds\n  incl 0x500\n  pop %ds\n"
        "  mov $0x20, %al\n  out %al, $0x20\n  pop %ax\n  iret\n"
        "handover_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t handover_guest[], handover_guest_end[];

struct Outcome {
    char output[ROUNDS + 1];
    size_t used;
    uint8_t filled[0x10000], results[0x22];
    uint32_t ticks;
    uint64_t handovers;
};

static void collect(void *opaque, const uint8_t *data, size_t size) {
    struct Outcome *o = opaque;
    for (size_t i = 0; i < size && o->used < ROUNDS; i++)
        o->output[o->used++] = (char)data[i];
}

/* What the guest must come to. */
static void compute(struct Outcome *o) {
    uint32_t x = 12345, rounds = ROUNDS, mxcsr = 0x5f80;
    uint64_t sum = 0;
    memset(o, 0, sizeof(*o));
    for (unsigned r = 0, at = 0; r < ROUNDS; r++) {
        for (unsigned i = 0; i < STEPS; i++, at = (at + 4) & 0xffff) {
            x = x * 1664525 + 1013904223;
            memcpy(o->filled + at, &x, 4);
        }
        sum += x;
        o->output[r] = (char)('a' + r % 16);
    }
    memcpy(o->results, &x, 4);
    memcpy(o->results + 4, &rounds, 4);
    memcpy(o->results + 8, &sum, 8);
    memcpy(o->results + 0x18, &mxcsr, 4);
    memcpy(o->results + 0x1c, "\x7f\x03", 2);
    memcpy(o->results + 0x20, "\x00\x70", 2);
}

static void write_rom(char *path) {
    static uint8_t rom[65536];
    size_t n = (size_t)(handover_guest_end - handover_guest);
    strcpy(path, "/tmp/twin86-handover-XXXXXX");
    int fd = mkstemp(path);
    memcpy(rom, handover_guest, n);
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5); /* jmp F000:0000 */
    ck_assert_int_eq(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
}

static Twin86Machine *make(const char *accel, bool handover, struct Outcome *o) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    char why[512], path[64];
    twin86_config_init(&c);
    c.ram_size = RAM_SIZE;
    c.accel = accel;
    c.handover = handover;
    c.cpu = handover ? "x86-64-v1" : "x86-64-v1,kvm=off"; /* tcg-lite can't keep KVM's own interfaces */
    c.debugcon = c.debug_exit = true;
    c.debugcon_output = collect;
    c.opaque = o;
    memset(o, 0, sizeof(*o));
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    write_rom(path);
    Twin86Guest g = {.bios = path};
    int r = twin86_load(m, &g, why, sizeof(why));
    remove(path);
    ck_assert_msg(r == 0, "%s", why);
    return m;
}

/* The other engine that this host has beside tcg-lite. */
static const char *other;

static void change(Twin86Machine *m) {
    char why[512];
    const char *to = strcmp(twin86_engine(m), "tcg-lite") == 0 ? other : "tcg-lite";
    ck_assert_msg(twin86_set_accel(m, to, why, sizeof(why)) == 0, "%s", why);
    ck_assert_str_eq(why, "");
    ck_assert_str_eq(twin86_engine(m), to);
}

static void finish(Twin86Machine *m, struct Outcome *o) {
    Twin86Stats stats;
    twin86_read_memory(m, FILLED, o->filled, sizeof(o->filled));
    twin86_read_memory(m, RESULTS, o->results, sizeof(o->results));
    twin86_read_memory(m, 0x500, &o->ticks, sizeof(o->ticks));
    twin86_stats(m, &stats);
    o->handovers = stats.handovers;
    twin86_destroy(m);
}

static void check(const struct Outcome *o) {
    static struct Outcome want;
    compute(&want);
    ck_assert_str_eq(o->output, want.output);
    ck_assert_int_eq(memcmp(o->filled, want.filled, sizeof(want.filled)), 0);
    for (unsigned i = 0; i < sizeof(want.results); i++)
        ck_assert_msg(o->results[i] == want.results[i], "results + %u: %02x, not %02x", i, o->results[i],
                      want.results[i]);
    ck_assert_uint_ge(o->ticks, 3);
}

/* Run to the end. Where the guest stops, the engine changes when `change_at_exits` is set; every `slice_ns` at most it
 * is stopped and changes as well (0: never), until it has done so SLICES_MAX times: how far a guest comes in a slice is
 * the host's affair. */
static void run(Twin86Machine *m, bool change_at_exits, unsigned slice_ns) {
    enum { SLICES_MAX = 2000 };
    unsigned seed = 1;
    for (unsigned slices = 0;; slices++) {
        if (slices == SLICES_MAX)
            slice_ns = 0;
        Twin86Event event = {0};
        ck_assert_int_eq(twin86_start(m, 0), 0);
        if (slice_ns != 0) {
            struct timespec ts = {.tv_nsec = (long)(rand_r(&seed) % slice_ns)};
            nanosleep(&ts, NULL);
            twin86_pause(m);
            if (twin86_wait(m, 0, &event) != 0) {
                change(m);
                continue;
            }
        } else {
            ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
        }
        ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
        if (event.value == (0xfff << 1 | 1))
            return;
        if (change_at_exits)
            change(m);
    }
}

static struct Outcome outcome;

START_TEST(alone) {
    static const char *const engines[] = {"tcg-lite", NULL};
    for (unsigned i = 0; i < 2; i++) {
        const char *engine = engines[i] != NULL ? engines[i] : other;
        if (engine == NULL)
            break;
        Twin86Machine *m = make(engine, false, &outcome);
        run(m, false, 0);
        finish(m, &outcome);
        check(&outcome);
        ck_assert_uint_eq(outcome.handovers, 0);
    }
}
END_TEST

/* The guest says when, in the middle of an OUT. */
START_TEST(at_device_accesses) {
    char list[64];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(list, sizeof(list), i == 0 ? "tcg-lite:%s" : "%s:tcg-lite", other);
        Twin86Machine *m = make(list, true, &outcome);
        run(m, true, 0);
        finish(m, &outcome);
        check(&outcome);
        ck_assert_uint_eq(outcome.handovers, ROUNDS);
    }
}
END_TEST

/* The host says when: anywhere. */
START_TEST(at_any_time) {
    char list[64];
    snprintf(list, sizeof(list), "%s:tcg-lite", other);
    uint64_t total = 0;
    for (unsigned i = 0; i < 4; i++) {
        Twin86Machine *m = make(list, true, &outcome);
        run(m, true, 300000);
        finish(m, &outcome);
        check(&outcome);
        total += outcome.handovers;
    }
    printf("handover: %llu hand-overs at any time\n", (unsigned long long)total);
    ck_assert_uint_ge(total, 4 * ROUNDS);
}
END_TEST

/* ---- refusals: the guest goes on where it is ---- */

START_TEST(refused_and_unchanged) {
    char why[512];
    Twin86Machine *m = make("tcg-lite", false, &outcome);
    ck_assert_int_eq(twin86_set_accel(m, "bochs", why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, "unknown engine 'bochs'") != NULL, "%s", why);
    ck_assert_int_lt(twin86_set_accel(m, "tcg-lite,speed=9", why, sizeof(why)), 0);
    ck_assert_msg(strstr(why, "speed=9") != NULL, "%s", why);
    ck_assert_int_eq(twin86_set_accel(m, "tcg-lite", NULL, 0), 0);
    ck_assert_str_eq(twin86_engine(m), "tcg-lite");
    run(m, false, 0);
    finish(m, &outcome);
    check(&outcome);
    ck_assert_uint_eq(outcome.handovers, 0);
}
END_TEST

START_TEST(refused_while_running) {
    char why[512];
    Twin86Machine *m = make("tcg-lite", false, &outcome);
    twin86_write_memory(m, 0, "\xeb\xfe", 2); /* jmp to itself */
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_set_accel(m, "tcg-lite", why, sizeof(why)), -EBUSY);
    ck_assert_str_eq(why, "the machine is running");
    twin86_destroy(m);
}
END_TEST

/* A machine that was made for tcg-lite alone has promised its guest what KVM can't give: its TSC's rate, if not more.
 */
START_TEST(promises_are_kept) {
    char why[512];
    Twin86Machine *m = make("tcg-lite", false, &outcome);
    int r = twin86_set_accel(m, "kvm", why, sizeof(why));
    ck_assert_int_eq(r, -EINVAL);
    ck_assert_msg(strstr(why, " tsc_deadline ") != NULL, "%s", why);
    ck_assert_msg(strstr(why, "promised") != NULL, "%s", why);
    ck_assert_str_eq(twin86_engine(m), "tcg-lite");
    run(m, false, 0);
    finish(m, &outcome);
    check(&outcome);
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = RAM_SIZE;
    c.accel = "tcg-lite";
    c.cpu = "pentium,-vme,-de";
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), 0);
    ck_assert_int_eq(twin86_set_accel(m, "kvm", why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, "time stamp counter") != NULL || strstr(why, "promised") != NULL, "%s", why);
    twin86_destroy(m);
}
END_TEST

/* One that began in KVM may leave it and come back. */
START_TEST(there_and_back_without_handover) {
    Twin86Machine *m = make("kvm", false, &outcome);
    run(m, true, 0);
    finish(m, &outcome);
    check(&outcome);
    ck_assert_uint_eq(outcome.handovers, ROUNDS);
}
END_TEST

/* ---- time ---- */

/* Reads its TSC over and over: the last value at 700h, at 708h how often one was lower than the one before. */
static const uint8_t tsc_reader[] = {
    0x31, 0xdb, 0x31, 0xed,                   /* xor bx, bx; xor bp, bp; DS = 0 after reset */
    0x0f, 0x31,                               /* 4: rdtsc */
    0x66, 0x39, 0xea, 0x75, 0x03,             /* cmp edx, ebp; jne 0eh */
    0x66, 0x39, 0xd8,                         /* cmp eax, ebx */
    0x73, 0x05,                               /* 0eh: jae 15h */
    0x66, 0xff, 0x06, 0x08, 0x07,             /* inc dword [708h] */
    0x66, 0x89, 0xd5, 0x66, 0x89, 0xc3,       /* 15h: mov ebp, edx; mov ebx, eax */
    0x66, 0xa3, 0x00, 0x07,                   /* mov [700h], eax */
    0x66, 0x89, 0x16, 0x04, 0x07, 0xeb, 0xde, /* mov [704h], edx; jmp 4 */
};

struct Times {
    uint64_t tsc, guest_ns;
    uint32_t backwards;
};

static struct Times slice(Twin86Machine *m, long ms) {
    struct timespec ts = {.tv_nsec = ms * 1000000};
    struct Times t;
    Twin86Stats stats;
    ck_assert_int_eq(twin86_start(m, 0), 0);
    nanosleep(&ts, NULL);
    twin86_pause(m);
    twin86_stats(m, &stats);
    t.guest_ns = stats.guest_ns;
    twin86_read_memory(m, 0x700, &t.tsc, sizeof(t.tsc));
    twin86_read_memory(m, 0x708, &t.backwards, sizeof(t.backwards));
    return t;
}

/* While the guest stands its TSC stands, whether it then goes on in the same engine or in another; and it never goes
 * back. The lower bound is far off, for a busy host may stop long after the guest's last look; with the pauses in it
 * the TSC would be at seven times the upper one. kvm_pvm can't give a guest another TSC than the host's: there it only
 * must not go back. */
START_TEST(tsc_goes_on) {
    char list[64];
    snprintf(list, sizeof(list), "%s:tcg-lite", other);
    Twin86Machine *m = make(list, true, &outcome);
    twin86_write_memory(m, 0x1000, tsc_reader, sizeof(tsc_reader));
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0x100), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0), 0);
    const double rate =
        (double)machine_cpu(((struct Machine *)m), 0)->tsc_hz / 1e9; /* the machine is its first member */
    struct Times first = slice(m, 100), last = first;
    bool own = (double)first.tsc < 4 * rate * (double)first.guest_ns; /* both began at 0 */
    ck_assert_msg(own || suite_on_pvm(), "TSC %llu, %llu ns", (unsigned long long)first.tsc,
                  (unsigned long long)first.guest_ns);
    for (unsigned i = 0; i < 12; i++) {
        const struct timespec pause = {.tv_nsec = 100000000};
        if (i % 3 != 0)
            change(m);
        nanosleep(&pause, NULL);
        last = slice(m, 5);
    }
    double most = rate * (double)last.guest_ns;
    ck_assert_uint_eq(last.backwards, 0);
    ck_assert_msg(!own || ((double)last.tsc > 0.2 * most && (double)last.tsc < 1.1 * most), "TSC %llu of at most %.0f",
                  (unsigned long long)last.tsc, most);
    twin86_destroy(m);
}
END_TEST

/* ---- page tables that change where KVM does not see it ---- */

enum { PAGING_ROUNDS = 16 };

/*
 * Loaded at 8000h. (User code may use ports by IOPL and by the TSS: kvm_pvm forgets the one, and QEMU 7.2's emulation
 * the other when the TSS was loaded busy.) 64-bit user code prints the byte at 4 MiB, stops, calls its kernel, which
 * maps other memory there, and stops again. The kernel changes the page's own entry and uses INVLPG, from the 9th round
 * on the table above and CR3.
 */
__asm__(".pushsection .rodata\n"
        "paging_guest:\n"
        ".code16\n"
        "  cli\n  lgdtl %cs:paging_gdtr - paging_guest\n"
        "  mov %cr0, %eax\n  or $1, %al\n  mov %eax, %cr0\n"
        "  .byte 0x66, 0xea\n  .long paging_32 - paging_guest + 0x8000\n  .word 0x08\n" /* ljmp */
        ".code32\n"
        "paging_32:\n"
        "  mov $0x10, %eax\n  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %ss\n  mov $0x15000, %esp\n"
        "  movl $0x11007, 0x10000\n  movl $0x12007, 0x11000\n"
        "  movl $0x87, 0x12000\n  movl $0x400087, 0x12010\n"
        "  movl $0x87, 0x17000\n  movl $0x600087, 0x17010\n"
        "  mov %cr4, %eax\n  or $0x20, %eax\n  mov %eax, %cr4\n" /* PAE */
        "  mov $0x10000, %eax\n  mov %eax, %cr3\n"
        "  mov $0xc0000080, %ecx\n  rdmsr\n  or $0x100, %eax\n  wrmsr\n" /* LME */
        "  mov %cr0, %eax\n  or $0x80000000, %eax\n  mov %eax, %cr0\n"
        "  .byte 0xea\n  .long paging_64 - paging_guest + 0x8000\n  .word 0x18\n"
        ".code64\n"
        "paging_64:\n"
        "  movl $0x15000, 0x13004\n  movw $0x68, 0x13066\n" /* TSS: RSP0, all ports allowed */
        "  mov $0x30, %eax\n  ltr %ax\n"
        "  movl $0x180000 + paging_kernel - paging_guest + 0x8000, 0x16800\n  movl $0xee00, 0x16804\n" /* INT 80h */
        "  lidt paging_idtr - paging_guest + 0x8000\n"
        "  push $0x23\n  push $0x14000\n  push $0x3002\n  push $0x2b\n"
        "  push $paging_user - paging_guest + 0x8000\n  iretq\n"
        "paging_user:\n"
        "  mov 0x400000, %al\n  out %al, $0xe9\n"
        "  mov $1, %eax\n  out %ax, $0xf4\n"
        "  int $0x80\n"
        "  mov $2, %eax\n  out %ax, $0xf4\n"
        "  jmp paging_user\n"
        "paging_kernel:\n"
        "  incl 0x700\n  cmpl $8, 0x700\n  ja 1f\n"
        "  xorl $0x400000 ^ 0x600000, 0x12010\n  invlpg 0x400000\n  iretq\n"
        "1: xorl $0x12000 ^ 0x17000, 0x11000\n  mov %cr3, %rax\n  mov %rax, %cr3\n  iretq\n"
        "  .balign 8\n"
        "paging_gdt:\n"
        "  .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff\n"
        "  .quad 0x00cff2000000ffff, 0x00affa000000ffff, 0x00008901300000ff, 0\n"
        "paging_gdtr: .word 0x3f\n  .long paging_gdt - paging_guest + 0x8000\n"
        "paging_idtr: .word 0xfff\n  .quad 0x16000\n"
        "paging_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t paging_guest[], paging_guest_end[];

/* The software engine runs the kernel, KVM the user. KVM must not go by what it knew of the page tables: neither by its
 * own copy, where it has one (kvm_pvm, and others without nested paging), nor by the processor's TLB. */
START_TEST(translations_are_forgotten) {
    char list[64], want[PAGING_ROUNDS + 1] = "";
    snprintf(list, sizeof(list), "%s:tcg-lite", other);
    Twin86Machine *m = make(list, true, &outcome);
    twin86_write_memory(m, 0x8000, paging_guest, (size_t)(paging_guest_end - paging_guest));
    twin86_write_memory(m, 4 << 20, "A", 1);
    twin86_write_memory(m, 6 << 20, "B", 1);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0x800), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0), 0);
    for (unsigned i = 0; i < 2 * PAGING_ROUNDS; i++) {
        Twin86Event event = {0};
        ck_assert_int_eq(twin86_start(m, 0), 0);
        ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
        ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
        ck_assert_msg(event.value == ((i % 2 + 1) << 1 | 1), "stop %u is %u; output %s", i, event.value,
                      outcome.output);
        change(m);
        want[i / 2] = "AB"[i / 2 % 2];
    }
    ck_assert_str_eq(outcome.output, want);
    twin86_destroy(m);
}
END_TEST

static bool usable(const char *name) {
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++)
        if (strcmp(twin86_accel_name(i), name) == 0)
            return twin86_accel_probe(i, NULL, 0) == 0;
    return false;
}

Suite *handover_suite(void) {
    Suite *s = suite_create("handover");
    TCase *tc = tcase_create("handover");
    other = usable("kvm") ? "kvm" : NULL;
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, alone);
    tcase_add_test(tc, refused_and_unchanged);
    tcase_add_test(tc, refused_while_running);
    if (other != NULL) {
        tcase_add_test(tc, at_device_accesses);
        tcase_add_test(tc, at_any_time);
        tcase_add_test(tc, promises_are_kept);
        tcase_add_test(tc, there_and_back_without_handover);
        tcase_add_test(tc, tsc_goes_on);
        tcase_add_test(tc, translations_are_forgotten);
    } else {
        suite_skip("handover between engines", 6, "kvm is not usable here");
    }
    suite_add_tcase(s, tc);
    return s;
}
