/* SPDX-License-Identifier: MIT */
/* tcg-lite executes what the kvm engine can't: one instruction on the shared env, counted by name. */
#include "tests/unit/suites.h"

#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"
#include "include/twin86.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- without KVM ---- */

static struct {
    struct CPUState cpu;
    struct Accel accel;
    struct KvmVm vm;
    struct KvmVcpu vcpu;
    struct kvm_run run;
    struct Region ram;
    pthread_mutex_t lock;
} b;

static void setup(void) {
    char why[128];
    memset(&b, 0, sizeof(b));
    bus_lock_init(&b.lock);
    b.cpu.lock = &b.lock;
    b.cpu.bus = bus_new(&b.lock);
    b.cpu.clock = clock_new(CLOCK_HOST);
    ck_assert_int_eq(region_init_ram(&b.ram, "ram", 1 << 20), 0);
    ck_assert_int_eq(bus_map(b.cpu.bus, 0, &b.ram), 0);
    ck_assert_int_eq(cpu_model_parse(&b.cpu.model, "x86-64-v1", why, sizeof(why)), 0);
    cpu_reset(&b.cpu, false);
    b.cpu.env.seg[SEG_CS].selector = 0x100;
    b.cpu.env.seg[SEG_CS].base = 0x1000;
    b.cpu.env.rip = 0;
    b.cpu.insn_limit = UINT64_MAX;
    b.accel = (struct Accel){.ops = &kvm_ops, .bus = b.cpu.bus, .clock = b.cpu.clock, .lock = &b.lock, .data = &b.vm};
    b.cpu.accel = &b.accel;
    b.cpu.engine = &b.vcpu;
    b.vm.assist = true;
    b.vcpu = (struct KvmVcpu){.vm = &b.vm, .cpu = &b.cpu, .fd = -1, .run = &b.run};
}

static void teardown(void) {
    kvm_assist_destroy(&b.vcpu);
    bus_free(b.cpu.bus);
    clock_free(b.cpu.clock);
    region_destroy(&b.ram);
    pthread_mutex_destroy(&b.lock);
}

/* An emulation failure: what the engine makes of it, up to the point where KVM would get the registers back. */
static enum VcpuExit fail_at(const void *code, size_t n) {
    enum VcpuExit exit = VCPU_EXIT_KICK;
    memcpy(b.ram.host + 0x1000 + b.cpu.env.rip, code, n);
    b.run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
    b.run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
    ck_assert_int_eq(kvm_handle_exit(&b.cpu, &b.run, &exit), KVM_ACTION_ASSIST);
    ck_assert_int_eq(kvm_assist(&b.cpu, &exit), KVM_ACTION_LEAVE);
    return exit;
}

START_TEST(one_instruction) {
    b.cpu.env.gpr[REG_AX] = 0xae; /* 79h + 35h */
    b.cpu.env.rflags |= FLAG_SF;
    ck_assert_int_eq(fail_at("\x27\x40", 2), VCPU_EXIT_ERROR); /* daa; inc ax. There is no KVM to take registers */
    ck_assert_msg(strstr(b.cpu.error, "refused") != NULL, "%s", b.cpu.error);
    ck_assert_uint_eq(b.cpu.env.gpr[REG_AX], 0x14);
    ck_assert_uint_ne(b.cpu.env.rflags & FLAG_CF, 0);
    ck_assert_uint_eq(b.cpu.env.rip, 1);
    ck_assert_uint_eq(b.cpu.stats.assists, 1);
    ck_assert_str_eq(b.cpu.stats.assisted[0].mnemonic, "DAA");
    ck_assert_ptr_eq(b.cpu.engine, &b.vcpu);
    ck_assert_uint_eq(b.cpu.insn_limit, UINT64_MAX);
}
END_TEST

/* Code that has been overwritten since the last assist is decoded anew. */
START_TEST(changed_code) {
    b.cpu.env.fcw = 0x37f;
    b.cpu.env.ftw = 0;
    fail_at("\xd9\xe8", 2); /* fld1 */
    b.cpu.env.rip = 0;
    fail_at("\xd9\xee", 2); /* fldz */
    ck_assert_uint_eq(b.cpu.env.fpr[6].mantissa, 0);
    ck_assert_uint_eq(b.cpu.env.fpr[7].mantissa, 1ull << 63);
}
END_TEST

/* A fault of the instruction goes to the guest. */
START_TEST(fault) {
    memcpy(b.ram.host + 6 * 4, "\x34\x12\x00\x20", 4); /* #UD: 2000:1234 */
    b.cpu.env.gpr[REG_SP] = 0x8000;
    fail_at("\x0f\x0b", 2);
    ck_assert_uint_eq(b.cpu.env.seg[SEG_CS].selector, 0x2000);
    ck_assert_uint_ge(b.cpu.env.rip, 0x1234);
}
END_TEST

START_TEST(switched_off) {
    b.vm.assist = false;
    ck_assert_int_eq(fail_at("\xdb\xe3", 2), VCPU_EXIT_ERROR);
    ck_assert_msg(strstr(b.cpu.error, "assist=off") != NULL, "%s", b.cpu.error);
    ck_assert_msg(strstr(b.cpu.error, "0100:0") != NULL, "%s", b.cpu.error);
    ck_assert_msg(strstr(b.cpu.error, "db e3") != NULL, "%s", b.cpu.error);
    ck_assert_uint_eq(b.cpu.env.rip, 0);
    ck_assert_uint_eq(b.cpu.stats.assists, 0);
}
END_TEST

START_TEST(counts) {
    static struct CpuStats s;
    static char names[CPU_ASSIST_KINDS + 20][8];
    char text[200];
    memset(&s, 0, sizeof(s));
    cpu_describe_assists(&s, text, sizeof(text));
    ck_assert_str_eq(text, "");
    for (unsigned i = 0; i < 5; i++)
        cpu_count_assist(&s, i % 2 ? "FLD" : "FADD");
    cpu_describe_assists(&s, text, sizeof(text));
    ck_assert_str_eq(text, "FADD 3, FLD 2");
    for (unsigned i = 0; i < CPU_ASSIST_KINDS + 20; i++) {
        snprintf(names[i], sizeof(names[i]), "X%u", i);
        cpu_count_assist(&s, names[i]);
    }
    ck_assert_uint_eq(s.assists, 5 + CPU_ASSIST_KINDS + 20);
    cpu_describe_assists(&s, text, sizeof(text));
    ck_assert_str_eq(text, "FADD 3, FLD 2, X0 1, X1 1, X2 1, X3 1, X4 1, X5 1, 62 others");
    for (size_t n = 0; n < sizeof(text); n += 7) {
        memset(text, 'z', sizeof(text));
        cpu_describe_assists(&s, text, n);
        ck_assert(n == 0 || memchr(text, '\0', n) != NULL);
        ck_assert_int_eq(text[n], 'z');
    }
}
END_TEST

/* ---- on the host's KVM: where it can execute all this itself, nothing is assisted, and the results are the same ----
 */

__asm__(".pushsection .rodata\n"
        ".code16\n"
        "assist_guest:\n"
        "  xor %ax, %ax\n  mov %ax, %ds\n  mov %ax, %ss\n  mov $0x7000, %sp\n"
        "  mov %cr4, %eax\n  or $0x600, %eax\n  mov %eax, %cr4\n"
        "  mov $0x600, %di\n"
        "  mov $0x79, %al\n  add $0x35, %al\n  daa\n  lahf\n  and $0xd5, %ah\n  mov %ax, (%di)\n"
        "  mov $0x0705, %ax\n  sub $8, %al\n  aas\n  mov %ax, 2(%di)\n"
        "  mov $0x007b, %ax\n  aam\n  mov %ax, 4(%di)\n"
        "  mov $0x0709, %ax\n  aad\n  mov %ax, 6(%di)\n"
        "  movl $0x00050001, 0x500\n  mov $3, %ax\n  bound %ax, 0x500\n"
        "  fninit\n  fldpi\n  fstpl 8(%di)\n"
        "  movl $2, 0x500\n  fildl 0x500\n  fsqrt\n  fstpl 16(%di)\n"
        "  cvtsi2sdl 0x500, %xmm1\n  sqrtsd %xmm1, %xmm0\n  movsd %xmm0, 24(%di)\n"
        "  addsd %xmm0, %xmm0\n  cvttsd2si %xmm0, %eax\n  mov %eax, 32(%di)\n"
        "  pcmpeqd %xmm2, %xmm2\n  psrlw $9, %xmm2\n  pmullw %xmm2, %xmm2\n  movq %xmm2, 36(%di)\n"
        "  mov $1, %ax\n  out %ax, $0xf4\n  hlt\n"
        "assist_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t assist_guest[], assist_guest_end[];

static const uint8_t results[44] = {
    0x14, 0x15,                                     /* daa: 14h; CF, AF, PF */
    0x07, 0x06,                                     /* aas of 5 - 8 with AH = 7 */
    0x03, 0x0c,                                     /* aam of 123 */
    0x4f, 0x00,                                     /* aad of 7, 9 */
    0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40, /* pi */
    0xcd, 0x3b, 0x7f, 0x66, 0x9e, 0xa0, 0xf6, 0x3f, /* sqrt 2, by x87 */
    0xcd, 0x3b, 0x7f, 0x66, 0x9e, 0xa0, 0xf6, 0x3f, /* and by SSE2 */
    0x02, 0x00, 0x00, 0x00,                         /* trunc of twice that */
    0x01, 0x3f, 0x01, 0x3f, 0x01, 0x3f, 0x01, 0x3f, /* 127 * 127 */
};

/* The firmware with that guest at F000:0000, run to its end; the machine is the caller's. */
static Twin86Machine *run(const char *accel, Twin86Event *event) {
    static uint8_t rom[65536];
    char path[] = "/tmp/twin86-assist-XXXXXX", why[512];
    Twin86Machine *m = NULL;
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.cpu = "x86-64-v1,kvm=off"; /* one that every engine has, so that the guest can change over */
    c.accel = accel;
    c.debug_exit = true;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    memcpy(rom, assist_guest, (size_t)(assist_guest_end - assist_guest));
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5);
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
    Twin86Guest g = {.bios = path};
    int r = twin86_load(m, &g, why, sizeof(why));
    remove(path);
    ck_assert_msg(r == 0, "%s", why);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wait(m, 20000, event), 0);
    return m;
}

START_TEST(results_are_right) {
    static const char *const engines[] = {"tcg-lite", "kvm"};
    for (unsigned e = 0; e < 2; e++) {
        Twin86Event event = {0};
        uint8_t got[sizeof(results)];
        char which[256];
        Twin86Machine *m = run(engines[e], &event);
        ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
        twin86_read_memory(m, 0x600, got, sizeof(got));
        for (unsigned i = 0; i < sizeof(got); i++)
            ck_assert_msg(got[i] == results[i], "%s: results + %u: %02x, not %02x", engines[e], i, got[i], results[i]);
        uint64_t assists = twin86_assists(m, which, sizeof(which));
        if (e == 0 || !suite_on_pvm()) {
            ck_assert_uint_eq(assists, 0);
            ck_assert_str_eq(which, "");
        } else { /* all but the ordinary instructions, and AAM and AAD, which KVM's emulator has */
            ck_assert_uint_ge(assists, 10);
            ck_assert_msg(strstr(which, " 1") != NULL, "%s", which);
            printf("assists: %llu (%s)\n", (unsigned long long)assists, which);
        }
        twin86_destroy(m);
    }
}
END_TEST

START_TEST(off_is_an_error_that_says_where) {
    Twin86Event event = {0};
    char which[64];
    Twin86Machine *m = run("kvm,assist=off", &event);
    if (suite_on_pvm()) {
        ck_assert_int_eq(event.kind, TWIN86_EVENT_ERROR);
        ck_assert_msg(strstr(event.message, "assist=off") != NULL && strstr(event.message, "; at f000:") != NULL, "%s",
                      event.message);
        /* what one engine can't do the other can */
        ck_assert_int_eq(twin86_set_accel(m, "tcg-lite", NULL, 0), 0);
        ck_assert_int_eq(twin86_start(m, 0), 0);
        ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    }
    uint8_t got[sizeof(results)];
    ck_assert_int_eq(event.kind, TWIN86_EVENT_DEBUG_EXIT);
    twin86_read_memory(m, 0x600, got, sizeof(got));
    ck_assert_int_eq(memcmp(got, results, sizeof(got)), 0);
    ck_assert_uint_eq(twin86_assists(m, which, sizeof(which)), 0);
    twin86_destroy(m);
}
END_TEST
#endif

Suite *assist_suite(void) {
    Suite *s = suite_create("assist");
#ifdef HAVE_KVM
    TCase *tc = tcase_create("assist");
    const TTest *const tests[] = {one_instruction, changed_code, fault, switched_off, counts};
    tcase_add_checked_fixture(tc, setup, teardown);
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    tc = tcase_create("host");
    tcase_set_timeout(tc, 60);
    char why[256];
    if (kvm_ops.probe(why, sizeof(why)) == 0) {
        tcase_add_test(tc, results_are_right);
        tcase_add_test(tc, off_is_an_error_that_says_where);
    } else {
        suite_skip("assist on this host", 2, why);
    }
    suite_add_tcase(s, tc);
#endif
    return s;
}
