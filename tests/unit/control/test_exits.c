/* SPDX-License-Identifier: MIT */
/* Exit statistics: the table, the reports, and what the kvm engine makes of the exits of KVM_RUN. */
#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"
#endif
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/exits.h"
#include "debug/exit_report.h"
#include "machine/machine.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ExitKey port(uint64_t at, bool write, uint64_t rip) {
    struct ExitKey k = exit_key(EXIT_IO, EXIT_PLACE_PORT, at, write);
    k.rip = rip;
    return k;
}

static void count(struct ExitStats *s, struct ExitKey k, uint64_t n) { exits_begin(s, &k, n); }

START_TEST(rows_by_place_and_rip) {
    struct ExitStats *s = exits_new();
    struct ExitRow *rows = NULL;
    size_t n = 0;
    uint64_t merged = 0;
    count(s, port(0x3f8, true, 100), 1);
    count(s, port(0x3f8, true, 200), 2);
    count(s, port(0x3f8, false, 100), 4);
    count(s, port(0x3f8, true, 100), 8);
    count(s, exit_key(EXIT_CPUID, EXIT_PLACE_LEAF, 1, false), 16);
    count(s, (struct ExitKey){.name = "CLI", .reason = EXIT_NONE, .class = EXIT_CLASS_PRIVILEGED}, 32);
    count(s, port(1, true, 1), 0); /* nothing happened */
    exits_end(s);
    exits_end(s);
    ck_assert_int_eq(exits_copy(s, &rows, &n, &merged), 0);
    ck_assert_uint_eq(n, 5);
    ck_assert_uint_eq(merged, 0);
    static const uint64_t counts[] = {16, 4, 9, 2, 32}; /* by class, reason, place, direction, RIP */
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(rows[i].count, counts[i]);
    n = exits_without_rip(rows, n);
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(rows[2].count, 11);
    ck_assert(rows[2].key.no_rip);
    free(rows);
    exits_free(s);
}
END_TEST

/* Those of several vCPUs in one table. */
START_TEST(rows_of_two_are_added_up) {
    struct ExitStats *a = exits_new(), *b = exits_new();
    struct ExitRow *rows = NULL;
    size_t n = 0;
    uint64_t merged = 0;
    count(a, port(1, true, 100), 1);
    count(a, port(2, true, 100), 2);
    count(b, port(2, true, 100), 4);
    count(b, port(2, true, 200), 8);
    ck_assert_int_eq(exits_copy(a, &rows, &n, &merged), 0);
    ck_assert_int_eq(exits_copy(b, &rows, &n, &merged), 0);
    static const uint64_t counts[] = {1, 6, 8};
    ck_assert_uint_eq(n, 3);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(rows[i].count, counts[i]);
    free(rows);
    exits_free(a);
    exits_free(b);
}
END_TEST

START_TEST(time_runs_until_the_end) {
    struct ExitStats *s = exits_new();
    struct ExitRow *rows = NULL;
    size_t n = 0;
    uint64_t merged = 0;
    count(s, port(1, true, 0), 1);
    usleep(2000);
    count(s, port(2, true, 0), 1); /* ends the first */
    exits_end(s);
    usleep(20000);
    exits_end(s);
    ck_assert_int_eq(exits_copy(s, &rows, &n, &merged), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_ge(rows[0].ns, 2000000);
    ck_assert_uint_lt(rows[1].ns, 20000000); /* the guest's own time is not counted */
    free(rows);
    exits_free(s);
}
END_TEST

/* A guest may make up any number of places: memory stays bounded, and no event is lost. */
START_TEST(too_many_rows) {
    struct ExitStats *s = exits_new();
    struct ExitRow *rows = NULL;
    size_t n = 0;
    uint64_t merged = 0, sum = 0;
    const uint64_t events = 300000;
    for (uint64_t i = 0; i < events; i++) {
        struct ExitKey k = exit_key(EXIT_EPT_MISCONFIG, EXIT_PLACE_ADDRESS, i * 4, false);
        k.rip = i;
        count(s, k, 1);
    }
    exits_end(s);
    ck_assert_int_eq(exits_copy(s, &rows, &n, &merged), 0);
    for (size_t i = 0; i < n; i++)
        sum += rows[i].count;
    ck_assert_uint_eq(sum, events);
    ck_assert_uint_le(n, (1 << 18) + 1);
    ck_assert_uint_ge(merged, events - (1 << 17));
    free(rows);
    exits_free(s);
}
END_TEST

/* ---- reports ---- */

static const struct ExitRow some_rows[] = {
    {{.name = "CPUID", .reason = EXIT_CPUID, .kind = EXIT_PLACE_LEAF, .place = 7, .rip = 0x1000}, 5, 500},
    {{.name = "I/O instruction",
      .reason = EXIT_IO,
      .kind = EXIT_PLACE_PORT,
      .place = 0x3f8,
      .write = true,
      .rip = 0xffffffff81000000},
     30,
     3000000},
    {{.name = "I/O instruction",
      .reason = EXIT_IO,
      .kind = EXIT_PLACE_PORT,
      .place = 0x3f8,
      .write = true,
      .no_rip = true},
     10,
     1000000},
    {{.name = "PUSHF", .reason = EXIT_NONE, .class = EXIT_CLASS_SENSITIVE, .rip = 1}, 3, 30},
};

static struct VcpuSched some_thread = {.thread_id = 1234,
                                       .host_cpu = 3,
                                       .cpu_ns = 1500000999,
                                       .wait_ns = 20001000,
                                       .halted_ns = 0,
                                       .voluntary = 11,
                                       .involuntary = 7,
                                       .migrations = -1,
                                       .steal_ns = -1,
                                       .exits = 90};

static struct ExitReport some_report(void) {
    struct ExitReport r = {.engine = "kvm",
                           .real = true,
                           .run_ns = 2000000000,
                           .cpus = 1,
                           .sched = &some_thread,
                           .all = {.rows = (struct ExitRow *)some_rows, .count = 4, .merged = 2}};
    r.all.kernel[r.all.kernel_count++] = (struct ExitKernel){"irq_exits", EXIT_EXTERNAL_INTERRUPT, 77};
    return r;
}

static char *to_text(void (*report)(const struct ExitReport *r, FILE *f)) {
    struct ExitReport r = some_report();
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    report(&r, f);
    fclose(f);
    return text;
}

static void has(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

START_TEST(text_report) {
    char *text = to_text(exit_report_text);
    has(text, "Exit statistics of kvm: real exits to user space; 2.000 s\n");
    has(text, "Exits: 45\n");
    has(text, "30 I/O instruction                        40  88.89       4.000  99.99   100.000\n");
    has(text, "     out port 3f8                         40  88.89       4.000  99.99   100.000  ffffffff81000000 75 % "
              "of 2\n");
    has(text, "     leaf 7 ");
    has(text, "   PUSHF");
    has(text, "irq_exits                              77  1 External interrupt\n");
    has(text, "The RIPs of 2 events were not kept");
    has(text,
        "\nCPU on the host\nCPU   thread  on      run ms  waited ms   halted ms  voluntary involuntary migrations "
        "  steal ms      exits   exits/s\n"
        "  0     1234   3    1500.000     20.001       0.000         11           7          -          -"
        "         90        45\n");
    free(text);
}
END_TEST

START_TEST(json_report) {
    char *text = to_text(exit_report_json);
    has(text, "{\"format\":\"twin86-exits\",\"version\":1,\n\"engine\":\"kvm\",\"real\":true,\n");
    has(text, "{\"class\":\"exit\",\"name\":\"I/O instruction\",\"reason\":30,\"kind\":\"port\",\"place\":\"0x3f8\","
              "\"direction\":\"write\",\"rip\":\"0xffffffff81000000\",\"count\":30,\"ns\":3000000}");
    has(text, "\"rip\":null,\"count\":10");
    has(text,
        "\"scheduling\":[{\"cpu\":0,\"thread_id\":1234,\"host_cpu\":3,\"cpu_ns\":1500000999,\"wait_ns\":20001000,"
        "\"halted_ns\":0,\"voluntary\":11,\"involuntary\":7,\"migrations\":null,\"steal_ns\":null,\"exits\":90}]");
    has(text, "\"reason\":null,\"kind\":null,\"place\":null,\"direction\":null,\"rip\":\"0x1\"");
    free(text);
}
END_TEST

static int write_file(char path[32], const char *text, size_t n) {
    strcpy(path, "/tmp/test_exits.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
    return close(fd);
}

START_TEST(side_by_side) {
    char *json = to_text(exit_report_json), *text = NULL, path[32], why[300] = "";
    size_t n, length = strlen(json);
    write_file(path, json, length);
    FILE *f = open_memstream(&text, &n);
    int r = exit_compare((const char *const[]){path, path}, false, false, f, why, sizeof(why));
    fclose(f);
    if (r == -ENOTSUP) {
        suite_skip("exits side by side", 1, "built without json-c");
    } else {
        ck_assert_msg(r == 0, "%s", why);
        has(text, "     out port 3f8                             40  88.89       4.000  |          40  88.89       "
                  "4.000  |     1.000\n");
        has(text, " 1 External interrupt ");
    }
    free(text);
    unlink(path);
    free(json);
}
END_TEST

/* Whatever happens to a file: a message, or a table, and nothing else. */
START_TEST(broken_files) {
    char *json = to_text(exit_report_json), path[32], why[300];
    size_t length = strlen(json);
    FILE *sink = fopen("/dev/null", "w");
    srandom(7);
    for (unsigned i = 0; i < 400; i++) {
        char *copy = strdup(json);
        size_t n = i % 3 == 0 ? (size_t)random() % length : length;
        for (unsigned k = 0; k < 1 + i % 4; k++)
            copy[(size_t)random() % length] = "{}[],:\"0x9-nulltrue\\\x80"[random() % 20];
        write_file(path, copy, n);
        why[0] = '\0';
        int r = exit_compare((const char *const[]){path, path}, i % 2 != 0, i % 5 == 0, sink, why, sizeof(why));
        ck_assert((r == 0) == (why[0] == '\0'));
        ck_assert(strchr(why, '\n') == NULL);
        unlink(path);
        free(copy);
    }
    fclose(sink);
    free(json);
}
END_TEST

/* ---- what tcg-lite counts ---- */

/* Whether a row of x86.tab with that mnemonic, and operands that begin so, is counted. */
static bool counted(const char *mnemonic, const char *operands) {
    bool any = false, yes = true;
    for (unsigned row = 1; row < x86_row_count; row++) {
        if (strcmp(x86_rows[row].mnemonic, mnemonic) != 0 ||
            strncmp(x86_rows[row].operands, operands, strlen(operands)) != 0)
            continue;
        any = true;
        yes = yes && tcg_exit_counts(&x86_rows[row]);
    }
    ck_assert_msg(any, "x86.tab has no row %s %s", mnemonic, operands);
    return yes;
}

START_TEST(rows_that_count) {
    static const char *const yes[][2] = {
        {"CPUID", ""},
        {"HLT", ""},
        {"MONITOR", ""},
        {"MWAIT", ""},
        {"INVD", ""},
        {"WBINVD", ""},
        {"XSETBV", ""},
        {"RDPMC", ""},
        {"RDMSR", ""},
        {"WRMSR", ""},
        {"LMSW", ""},
        {"CLTS", ""},
        {"INVLPG", ""},
        {"INVPCID", ""},
        {"LGDT", ""},
        {"LIDT", ""},
        {"LLDT", ""},
        {"LTR", ""},
        {"SWAPGS", ""},
        {"SYSRET", ""},
        {"SYSEXIT", ""},
        {"CLI", ""},
        {"STI", ""},
        {"CLAC", ""},
        {"STAC", ""},
        {"XSAVES", ""},
        {"XRSTORS", ""},
        {"MOV", "R,Cd"},
        {"MOV", "Cd,"},
        {"MOV", "R,Dd"},
        {"MOV", "Dd,"},
        /* Robin and Irvine's 17, and IRET */
        {"SGDT", ""},
        {"SIDT", ""},
        {"SLDT", ""},
        {"SMSW", ""},
        {"PUSHF", ""},
        {"POPF", ""},
        {"LAR", ""},
        {"LSL", ""},
        {"VERR", ""},
        {"VERW", ""},
        {"POP", "SS"},
        {"PUSH", "CS"},
        {"CALL", "Ap"},
        {"JMP", "Mp"},
        {"INT", "Ib"},
        {"RETF", ""},
        {"STR", ""},
        {"MOV", "Sw,"},
        {"MOV", "Ev,Sw"},
        {"IRET", ""},
    };
    static const char *const no[][2] = {{"ADD", ""},   {"NOP", ""},  {"POP", "Zv"}, {"CALL", "Jz"},
                                        {"JMP", "Jb"}, {"RET", "F"}, {"RDTSC", ""}, {"PAUSE", ""},
                                        {"IN", ""},    {"OUTS", ""}, {"INT3", ""},  {"SYSCALL", ""}};
    for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        ck_assert_msg(counted(yes[i][0], yes[i][1]), "%s %s is not counted", yes[i][0], yes[i][1]);
    for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert_msg(!counted(no[i][0], no[i][1]), "%s %s is counted", no[i][0], no[i][1]);
}
END_TEST

/* ---- interrupts on tcg-lite ---- */

enum { IRQ_VECTOR = 9, HANDLER = 0x600, NMI_HANDLER = 0x610, CODE = 0x7c00 };

/*
 * Real-mode code, of which `before` instructions run; then an interrupt (IRQ 1) or NMI comes, and `after` run. What
 * that makes: exits by reason 1 (external interrupt), 7 (interrupt window), 8 (NMI window). The handlers are IRET.
 */
static const struct {
    const char *name, *code;
    size_t size;
    bool nmi;
    unsigned before, after;
    uint64_t count[3];
} arrivals[] = {
#define CODE_OF(text) text, sizeof(text) - 1
    {"the guest takes it", CODE_OF("\xfb\x90\x90\x90\x90\x90"), false, 3, 4, {1, 0, 0}},
    {"IF is clear", CODE_OF("\xfa\x90\x90\x90\x90\x90"), false, 3, 3, {1, 0, 0}},
    {"IF is clear, then set", CODE_OF("\xfa\x90\x90\x90\xfb\x90\x90"), false, 2, 7, {1, 1, 0}},
    {"after an exit, IF is clear, then set", CODE_OF("\xfa\xe6\x80\x90\xfb\x90\x90"), false, 2, 6, {0, 1, 0}},
    {"after an exit", CODE_OF("\xfb\x90\xe6\x80\x90\x90"), false, 3, 3, {0, 0, 0}},
    {"in the shadow of STI", CODE_OF("\xfa\xfb\x90\x90\x90"), false, 2, 4, {1, 1, 0}},
    {"in the shadow of MOV SS", CODE_OF("\xfb\x90\x8e\xd1\x90\x90"), false, 3, 4, {1, 1, 0}},
    {"the guest sleeps", CODE_OF("\xfb\x90\xf4\x90\x90"), false, 3, 3, {0, 0, 0}},
    {"NMI", CODE_OF("\xfa\x90\x90\x90"), true, 2, 3, {1, 0, 0}},
    {"NMI in the shadow of MOV SS", CODE_OF("\xfa\x8e\xd1\x90\x90\x90"), true, 2, 4, {1, 0, 1}},
    /* INT 2 goes to the NMI's handler and blocks nothing; IRET there has nothing to end */
    {"NMI in an INT 2", CODE_OF("\xcd\x02\x90\x90\x90"), true, 1, 3, {1, 0, 0}},
};

static void run_for(struct Machine *m, unsigned instructions) {
    Twin86Event event = {0};
    ck_assert_int_eq(machine_start(m, instructions), 0);
    ck_assert_int_eq(machine_wait(m, 10000, &event), 0);
    ck_assert_msg(event.kind == TWIN86_EVENT_BUDGET, "event %d: %s", (int)event.kind, event.message);
}

static Twin86Machine *counting_machine(const void *code, size_t size) {
    static const uint8_t pic[][2] = {{0x20, 0x11}, {0x21, IRQ_VECTOR - 1}, {0x21, 4}, {0x21, 3}, {0x21, 0xfd}};
    static const uint16_t vectors[][2] = {{IRQ_VECTOR, HANDLER}, {VEC_NMI, NMI_HANDLER}};
    Twin86Config c;
    Twin86Machine *machine = NULL;
    char why[300] = "";
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.icount = c.exit_stats = true;
    ck_assert_msg(twin86_create(&machine, &c, why, sizeof(why)) == 0, "%s", why);
    struct Machine *m = machine_of(machine);
    for (unsigned i = 0; i < sizeof(pic) / sizeof(pic[0]); i++)
        bus_port_write(m->bus, pic[i][0], pic[i][1], 1);
    for (unsigned i = 0; i < 2; i++)
        twin86_write_memory(machine, vectors[i][0] * 4, &vectors[i][1], 2);
    twin86_write_memory(machine, HANDLER, "\xcf", 1);
    twin86_write_memory(machine, NMI_HANDLER, "\xcf", 1);
    twin86_write_memory(machine, CODE, code, size);
    twin86_write_reg(machine, 0, TWIN86_CS, 0);
    twin86_write_reg(machine, 0, TWIN86_RIP, CODE);
    twin86_write_reg(machine, 0, TWIN86_RSP, 0x7000);
    return machine;
}

static uint64_t count_of(struct Machine *m, int reason) {
    struct ExitRow *rows = NULL;
    size_t n = 0;
    uint64_t merged = 0, sum = 0;
    ck_assert_int_eq(exits_copy(machine_cpu(m, 0)->exits, &rows, &n, &merged), 0);
    for (size_t i = 0; i < n; i++)
        sum += rows[i].key.class == EXIT_CLASS_EXIT && rows[i].key.reason == reason ? rows[i].count : 0;
    free(rows);
    return sum;
}

static void check_counts(struct Machine *m, const char *name, const uint64_t count[3]) {
    static const int reasons[3] = {EXIT_EXTERNAL_INTERRUPT, EXIT_INTERRUPT_WINDOW, EXIT_NMI_WINDOW};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t n = count_of(m, reasons[i]);
        ck_assert_msg(n == count[i], "%s: reason %d %u times, not %u", name, reasons[i], (unsigned)n,
                      (unsigned)count[i]);
    }
}

START_TEST(interrupts_arrive) {
    Twin86Machine *machine = counting_machine(arrivals[_i].code, arrivals[_i].size);
    struct Machine *m = machine_of(machine);
    run_for(m, arrivals[_i].before);
    if (arrivals[_i].nmi)
        machine_press_nmi(m);
    else
        pic_set_irq(&m->pic, 1, true);
    run_for(m, arrivals[_i].after);
    check_counts(m, arrivals[_i].name, arrivals[_i].count);
    twin86_destroy(machine);
}
END_TEST

/* A second NMI waits until the first one's handler is done. */
START_TEST(nmi_window) {
    Twin86Machine *machine = counting_machine("\xfa\x90\x90\x90\x90", 5);
    struct Machine *m = machine_of(machine);
    twin86_write_memory(machine, NMI_HANDLER, "\x90\x90\x90\xcf", 4);
    run_for(m, 1);
    machine_press_nmi(m);
    run_for(m, 2); /* in its handler */
    check_counts(m, "the first", (const uint64_t[]){1, 0, 0});
    machine_press_nmi(m);
    run_for(m, 1);
    check_counts(m, "the second waits", (const uint64_t[]){2, 0, 0});
    run_for(m, 2);
    check_counts(m, "the second", (const uint64_t[]){2, 0, 1});
    run_for(m, 5);
    check_counts(m, "done", (const uint64_t[]){2, 0, 1});
    twin86_destroy(machine);
}
END_TEST

#ifdef HAVE_KVM

/* One invented exit of KVM_RUN, counted; `expected` is the row it makes. */
static void kvm_makes(struct kvm_run *run, const char *expected) {
    static struct CPUState cpu;
    struct ExitReport r = {.engine = "kvm"};
    char *text = NULL;
    size_t n;
    cpu.exits = exits_new();
    cpu.access = (struct CpuAccess){.rip = 0x1234, .known = true};
    kvm_count_exit(&cpu, run);
    exits_end(cpu.exits);
    ck_assert_int_eq(exits_copy(cpu.exits, &r.all.rows, &r.all.count, &r.all.merged), 0);
    for (size_t i = 0; i < r.all.count; i++)
        r.all.rows[i].ns = 0;
    FILE *f = open_memstream(&text, &n);
    exit_report_json(&r, f);
    fclose(f);
    has(text, expected);
    free(text);
    free(r.all.rows);
    exits_free(cpu.exits);
    cpu.exits = NULL;
}

START_TEST(exits_of_kvm) {
    struct kvm_run run = {.exit_reason = KVM_EXIT_IO,
                          .io = {.port = 0x3f8, .direction = KVM_EXIT_IO_OUT, .size = 1, .count = 7}};
    kvm_makes(
        &run,
        "\"reason\":30,\"kind\":\"port\",\"place\":\"0x3f8\",\"direction\":\"write\",\"rip\":\"0x1234\",\"count\":7,");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_MMIO, .mmio = {.phys_addr = 0xfee000b0, .is_write = 0, .len = 4}};
    kvm_makes(&run, "\"reason\":49,\"kind\":\"address\",\"place\":\"0xfee000b0\",\"direction\":\"read\"");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_X86_WRMSR, .msr = {.index = 0x830}};
    kvm_makes(&run, "\"name\":\"WRMSR\",\"reason\":32,\"kind\":\"msr\",\"place\":\"0x830\",\"direction\":\"write\"");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_HLT};
    kvm_makes(&run, "\"name\":\"HLT\",\"reason\":12,\"kind\":null,\"place\":null");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN};
    kvm_makes(&run, "\"reason\":7,");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_SHUTDOWN};
    kvm_makes(&run, "\"reason\":2,");
    run = (struct kvm_run){.exit_reason = KVM_EXIT_INTERNAL_ERROR};
    kvm_makes(&run, "\"name\":\"(KVM can't emulate)\",\"reason\":null");
    run = (struct kvm_run){.exit_reason = 12345};
    kvm_makes(&run, "\"reason\":null");
}
END_TEST

#endif

START_TEST(names) {
    ck_assert_str_eq(exit_reason_name(EXIT_IO), "I/O instruction");
    ck_assert_ptr_null(exit_reason_name(-1));
    ck_assert_ptr_null(exit_reason_name(5));
    ck_assert_ptr_null(exit_reason_name(EXIT_REASONS));
}
END_TEST

Suite *exits_suite(void) {
    Suite *s = suite_create("exits");
    TCase *t = tcase_create("exits");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, rows_by_place_and_rip);
    tcase_add_test(t, rows_of_two_are_added_up);
    tcase_add_test(t, time_runs_until_the_end);
    tcase_add_test(t, too_many_rows);
    tcase_add_test(t, text_report);
    tcase_add_test(t, json_report);
    tcase_add_test(t, side_by_side);
    tcase_add_test(t, broken_files);
    tcase_add_test(t, names);
    tcase_add_test(t, rows_that_count);
    tcase_add_loop_test(t, interrupts_arrive, 0, sizeof(arrivals) / sizeof(arrivals[0]));
    tcase_add_test(t, nmi_window);
#ifdef HAVE_KVM
    tcase_add_test(t, exits_of_kvm);
#endif
    suite_add_tcase(s, t);
    return s;
}
