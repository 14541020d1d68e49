/* SPDX-License-Identifier: MIT */
/* What the SDM says of INIT and start-up IPIs, and KVM of its clock, must hold under every engine. */
#include "include/twin86.h"
#include "machine/machine.h"
#include "tests/unit/suites.h"

#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"

#include <sys/ioctl.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *accel;
    bool irqchip;
} engines[] = {{"tcg-lite", false}, {"kvm", false}, {"kvm", true}};
enum { ENGINES = sizeof(engines) / sizeof(engines[0]) };

static char output[64];
static size_t output_used;
static void collect(void *opaque, const uint8_t *data, size_t size) {
    (void)opaque;
    for (size_t i = 0; i < size && output_used < sizeof(output) - 1; i++)
        output[output_used++] = (char)data[i];
}

/* Firmware of 64 KiB: the code at F000:0000, and the jump to it where every PC starts. */
static void write_rom(char *path, const uint8_t *code, const uint8_t *end) {
    static uint8_t rom[65536];
    strcpy(path, "/tmp/twin86-engines-XXXXXX");
    int fd = mkstemp(path);
    memset(rom, 0xf4, sizeof(rom));
    memcpy(rom, code, (size_t)(end - code));
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5); /* jmp F000:0000 */
    ck_assert_int_eq(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
}

static Twin86Machine *make(int engine, const uint8_t *code, const uint8_t *end) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    char why[512], path[64];
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.accel = engines[engine].accel;
    c.kernel_irqchip = engines[engine].irqchip;
    c.cpu = "x86-64-v1,+x2apic";
    c.debugcon = c.debug_exit = c.pvpanic = true;
    c.debugcon_output = collect;
    memset(output, 0, sizeof(output));
    output_used = 0;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    write_rom(path, code, end);
    Twin86Guest g = {.bios = path};
    int r = twin86_load(m, &g, why, sizeof(why));
    remove(path);
    ck_assert_msg(r == 0, "%s", why);
    return m;
}

static struct Machine *inside(Twin86Machine *m) { return (struct Machine *)m; } /* its first member */

/* Wait until it writes to isa-debug-exit. */
static void wait_stop(Twin86Machine *m) {
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)event.kind, event.message);
}

static void run(Twin86Machine *m) {
    ck_assert_int_eq(twin86_start(m, 0), 0);
    wait_stop(m);
}

static void sleep_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

/* ---- INIT ---- */

/*
 * Real mode. The first time it fills registers of all kinds and sends itself an INIT, by its APIC id (the SDM forbids
 * the shorthand "self"). That starts it anew, and it stores what it finds at 600h.
 */
__asm__(
    ".pushsection .rodata\n"
    ".code16\n"
    "engines_init:\n"
    "  cli\n  xor %ax, %ax\n  mov %ax, %ds\n  mov %ax, %ss\n  mov $0x7000, %sp\n"
    "  incw 0x500\n  cmpw $2, 0x500\n  je 2f\n"
    "  mov $0x1b, %ecx\n  rdmsr\n  or $0xc00, %eax\n  wrmsr\n" /* x2APIC mode */
    "  xor %edx, %edx\n  mov $0x80f, %ecx\n  mov $0x1ff, %eax\n  wrmsr\n"
    "  mov $0x808, %ecx\n  mov $0x20, %eax\n  wrmsr\n"
    "  mov $0x174, %ecx\n  mov $0x1234, %eax\n  wrmsr\n" /* SYSENTER_CS */
    "  mov $0x5000, %eax\n  mov %eax, %dr3\n"
    "  mov %cr4, %eax\n  or $0x208, %eax\n  mov %eax, %cr4\n"       /* OSFXSR, DE */
    "  mov %cr0, %eax\n  and $0x9fffffff, %eax\n  mov %eax, %cr0\n" /* CD, NW */
    "  mov $0x11223344, %esi\n  movd %esi, %xmm3\n  fninit\n  fld1\n"
    "  mov $0x830, %ecx\n  xor %edx, %edx\n  mov $0x4500, %eax\n  wrmsr\n"
    "1: hlt\n  jmp 1b\n"
    "2: mov %esi, 0x600\n  mov %edx, 0x604\n"
    "  mov %dr3, %eax\n  mov %eax, 0x608\n  mov %cr4, %eax\n  mov %eax, 0x60c\n  mov %cr0, %eax\n  mov %eax, 0x610\n"
    "  mov $0x1b, %ecx\n  rdmsr\n  mov %eax, 0x614\n"
    "  mov $0x80f, %ecx\n  rdmsr\n  mov %eax, 0x618\n"
    "  mov $0x808, %ecx\n  rdmsr\n  mov %eax, 0x61c\n"
    "  mov $0x174, %ecx\n  rdmsr\n  mov %eax, 0x620\n"
    "  mov %cr4, %eax\n  or $0x200, %eax\n  mov %eax, %cr4\n  movd %xmm3, 0x624\n  fistpl 0x628\n"
    "  out %ax, $0xf4\n"
    "3: hlt\n  jmp 3b\n"
    "engines_init_end:\n"
    ".code64\n"
    ".popsection\n");
extern const uint8_t engines_init[], engines_init_end[];

/* SDM vol. 3, table 10-1 and 11.12.5.1: INIT keeps the caches' mode, the APIC's mode, x87, SSE and MSRs. */
START_TEST(guest_sends_itself_init) {
    Twin86Machine *m = make(_i, engines_init, engines_init_end);
    run(m);
    const struct {
        const char *name;
        uint32_t at, want;
    } found[] = {
        {"ESI", 0x600, 0},
        {"EDX", 0x604, machine_cpu(inside(m), 0)->model.signature},
        {"DR3", 0x608, 0},
        {"CR4", 0x60c, 0},
        {"CR0", 0x610, 0x10},
        {"APIC base", 0x614, 0xfee00d00},
        {"SVR", 0x618, 0xff},
        {"TPR", 0x61c, 0},
        {"SYSENTER_CS", 0x620, 0x1234},
        {"XMM3", 0x624, 0x11223344},
        {"ST(0)", 0x628, 1},
    };
    for (unsigned i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        uint32_t is;
        if (engines[_i].irqchip && found[i].at == 0x620)
            continue; /* KVM clears it on some hosts */
        twin86_read_memory(m, found[i].at, &is, sizeof(is));
        ck_assert_msg(is == found[i].want, "%s is %x instead of %x", found[i].name, is, found[i].want);
    }
    Twin86Stats stats;
    twin86_stats(m, &stats);
    ck_assert_uint_eq(stats.resets, 0);
    twin86_destroy(m);
}
END_TEST

/* ---- a processor that waits for SIPI ---- */

/* Started anywhere it prints a letter that says where, and stops; when it goes on, it prints the next but one. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "engines_ap:\n"
        "  mov %cs, %ax\n  mov %ah, %al\n  add $'A' - 8, %al\n  out %al, $0xe9\n"
        "  out %ax, $0xf4\n"
        "  add $2, %al\n  out %al, $0xe9\n"
        "  out %ax, $0xf4\n"
        "1: jmp 1b\n"
        "engines_ap_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t engines_ap[], engines_ap_end[];

static void send_sipi(Twin86Machine *m, uint8_t vector) {
    machine_cpu(inside(m), 0)->sipi_vector = vector;
    cpu_post(machine_cpu(inside(m), 0), CPU_EVENT_SIPI);
}

/* SDM vol. 3, 9.4: no PC of ours has an application processor yet, so this one is made to be one. */
START_TEST(application_processor) {
    Twin86Machine *m = make(_i, engines_ap, engines_ap_end);
    const size_t n = (size_t)(engines_ap_end - engines_ap);
    machine_cpu(inside(m), 0)->bootstrap = false;
    twin86_reset(m);
    twin86_write_memory(m, 0x8000, engines_ap, n);
    twin86_write_memory(m, 0x9000, engines_ap, n);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    cpu_post(machine_cpu(inside(m), 0), CPU_EVENT_NMI);  /* not in this state */
    cpu_post(machine_cpu(inside(m), 0), CPU_EVENT_INIT); /* changes nothing */
    sleep_ms(20);
    ck_assert_str_eq(output, "");
    send_sipi(m, 8);
    wait_stop(m);
    ck_assert_str_eq(output, "A");
    send_sipi(m, 9); /* it does not wait for one: ignored */
    run(m);
    ck_assert_str_eq(output, "AC");
    ck_assert_int_eq(twin86_start(m, 0), 0);
    sleep_ms(5);
    cpu_post(machine_cpu(inside(m), 0), CPU_EVENT_INIT); /* now it waits again */
    sleep_ms(20);
    twin86_pause(m);
    ck_assert(machine_cpu(inside(m), 0)->wait_for_sipi);
    cpu_post(machine_cpu(inside(m), 0), CPU_EVENT_INIT);
    send_sipi(m, 9); /* both at once: the INIT came first */
    run(m);
    ck_assert_str_eq(output, "ACB");
    twin86_destroy(m);
}
END_TEST

/* ---- panics ---- */

/* Tells of a crash kernel, of a panic, and goes on. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "engines_panic:\n"
        "  mov $0x505, %dx\n  in %dx, %al\n  mov %al, %bl\n"
        "  mov $2, %al\n  out %al, %dx\n  mov $'a', %al\n  out %al, $0xe9\n"
        "  mov $1, %al\n  out %al, %dx\n  mov $'b', %al\n  out %al, $0xe9\n"
        "  mov %bl, %al\n  out %al, $0xf4\n"
        "1: hlt\n  jmp 1b\n"
        "engines_panic_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t engines_panic[], engines_panic_end[];

START_TEST(guest_panics) {
    Twin86Machine *m = make(_i, engines_panic, engines_panic_end);
    static const char *const written[] = {"", "a"};
    for (unsigned i = 0; i < 2; i++) {
        Twin86Event event = {0};
        ck_assert_int_eq(twin86_start(m, 0), 0);
        ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
        ck_assert_msg(event.kind == TWIN86_EVENT_PANIC, "event %d: %s", (int)event.kind, event.message);
        ck_assert_uint_eq(event.value, 2 - i);
        ck_assert_ptr_nonnull(strstr(event.message, "pvpanic"));
        ck_assert_str_eq(output, written[i]);
    }
    ck_assert_int_eq(twin86_start(m, 0), 0);
    Twin86Event event = {0};
    ck_assert_int_eq(twin86_wait(m, 20000, &event), 0);
    ck_assert_int_eq(event.kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(event.value, 7);
    ck_assert_str_eq(output, "ab");
    twin86_destroy(m);
}
END_TEST

/* ---- kvmclock ---- */

#ifdef HAVE_KVM
/* The first time it has KVM keep the time at 2000h, the second time it only looks whether KVM still thinks so. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "engines_clock:\n"
        "  xor %ax, %ax\n  mov %ax, %ds\n  mov $0x4b564d01, %ecx\n"
        "  incw 0x500\n  cmpw $2, 0x500\n  je 1f\n"
        "  mov $0x2001, %eax\n  xor %edx, %edx\n  wrmsr\n"
        "1: rdmsr\n  mov %eax, 0x600\n"
        "  out %ax, $0xf4\n"
        "2: jmp 2b\n"
        "engines_clock_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t engines_clock[], engines_clock_end[];

/* By how much KVM's clock is ahead of the machine's. */
static int64_t clock_ahead(Twin86Machine *m) {
    const struct KvmVm *vm = machine_cpu(inside(m), 0)->accel->data;
    struct kvm_clock_data c;
    ck_assert_int_eq(ioctl(vm->fd, KVM_GET_CLOCK, &c), 0);
    return (int64_t)c.clock - clock_now(inside(m)->clock);
}

static void for_a_while(Twin86Machine *m, long ms) {
    ck_assert_int_eq(twin86_start(m, 0), 0);
    sleep_ms(ms);
    twin86_pause(m);
}

/* It stands still while the machine does. Half of what it would gain otherwise is left for a busy host. */
START_TEST(kvmclock_pauses) {
    Twin86Machine *m = make(_i, engines_clock, engines_clock_end);
    run(m);
    for_a_while(m, 5);
    int64_t before = clock_ahead(m);
    for (unsigned i = 0; i < 3; i++) {
        sleep_ms(200);
        for_a_while(m, 5);
    }
    int64_t gained = clock_ahead(m) - before;
    ck_assert_msg(gained > -300000000 && gained < 300000000, "gained %lld ns", (long long)gained);
    twin86_destroy(m);
}
END_TEST

/* After a reset KVM must not write to where the last system had it. */
START_TEST(kvmclock_ends_with_reset) {
    Twin86Machine *m = make(_i, engines_clock, engines_clock_end);
    uint8_t page[32];
    uint32_t msr, version;
    run(m);
    for_a_while(m, 5);
    twin86_read_memory(m, 0x600, &msr, sizeof(msr));
    twin86_read_memory(m, 0x2000, &version, sizeof(version));
    ck_assert_uint_eq(msr, 0x2001);
    ck_assert_uint_ne(version, 0);
    twin86_reset(m);
    memset(page, 0xaa, sizeof(page));
    twin86_write_memory(m, 0x2000, page, sizeof(page));
    run(m);
    for (unsigned i = 0; i < 3; i++)
        for_a_while(m, 2);
    twin86_read_memory(m, 0x600, &msr, sizeof(msr));
    twin86_read_memory(m, 0x2000, page, sizeof(page));
    ck_assert_uint_eq(msr, 0);
    for (unsigned i = 0; i < sizeof(page); i++)
        ck_assert_uint_eq(page[i], 0xaa);
    twin86_destroy(m);
}
END_TEST

static bool has_kvmclock(void) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    twin86_config_init(&c);
    c.accel = "kvm";
    bool has = twin86_create(&m, &c, NULL, 0) == 0 && cpu_has(&machine_cpu(inside(m), 0)->model, CPUID_KVMCLOCK);
    if (m != NULL)
        twin86_destroy(m);
    return has;
}
#endif

Suite *engines_suite(void) {
    Suite *s = suite_create("engines");
    TCase *tc = tcase_create("engines");
    int usable = 1;
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++)
        if (strcmp(twin86_accel_name(i), "kvm") == 0 && twin86_accel_probe(i, NULL, 0) == 0)
            usable = ENGINES;
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, guest_sends_itself_init, 0, usable);
    tcase_add_loop_test(tc, application_processor, 0, usable == 1 ? 1 : 2); /* KVM's APICs wait by themselves */
    tcase_add_loop_test(tc, guest_panics, 0, usable);
    if (usable == 1)
        suite_skip("INIT, SIPI, panics and the clock under kvm", 9, "kvm is not usable here");
#ifdef HAVE_KVM
    else if (!has_kvmclock())
        suite_skip("KVM's clock", 4, "this KVM has none");
    else {
        tcase_add_loop_test(tc, kvmclock_pauses, 1, usable);
        tcase_add_loop_test(tc, kvmclock_ends_with_reset, 1, usable);
    }
#endif
    suite_add_tcase(s, tc);
    return s;
}
