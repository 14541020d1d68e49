/* SPDX-License-Identifier: MIT */
/* What -d logs. The hooks are called by hand, as an engine would. */
#include "debug/cpu_dump.h"
#include "debug/trace.h"
#include "tests/unit/control/debug_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>

struct Log {
    struct Trace trace;
    char text[1 << 17];
    size_t used;
    unsigned writes;
};

static void collect(void *opaque, const uint8_t *data, size_t size) {
    struct Log *log = opaque;
    ck_assert_uint_lt(log->used + size, sizeof(log->text));
    memcpy(log->text + log->used, data, size);
    log->used += size;
    log->text[log->used] = '\0';
    log->writes++;
}

static struct Log *open_log(const char *items) {
    struct Log *log = calloc(1, sizeof(*log));
    char why[200];
    unsigned mask;
    ck_assert_ptr_nonnull(log);
    ck_assert_int_eq(trace_parse(items, &mask, why, sizeof(why)), 0);
    struct TraceConfig config = {.items = mask, .output = collect, .opaque = log};
    ck_assert_int_eq(trace_init(&log->trace, &config), 0);
    return log;
}

static void close_log(struct Log *log) {
    trace_destroy(&log->trace);
    free(log);
}

static void insn(struct Log *log, struct DebugBench *b) { log->trace.hooks.insn(log->trace.hooks.opaque, &b->cpu); }

static void fault(struct Log *log, struct DebugBench *b, uint8_t vector, bool has_error, uint32_t error) {
    const struct CpuEvent e = {.vector = vector, .has_error = has_error, .error = error};
    log->trace.hooks.event(log->trace.hooks.opaque, &b->cpu, &e);
}

static void interrupt(struct Log *log, struct DebugBench *b, uint8_t vector, bool software) {
    const struct CpuEvent e = {.vector = vector, .external = !software, .software = software, .between = !software};
    log->trace.hooks.event(log->trace.hooks.opaque, &b->cpu, &e);
}

static bool has(const struct Log *log, const char *part) { return strstr(log->text, part) != NULL; }

/* ---- items ---- */

START_TEST(items_parse) {
    char why[200] = "";
    unsigned mask;
    ck_assert_int_eq(trace_parse("exec,int", &mask, why, sizeof(why)), 0);
    ck_assert_uint_eq(mask, TRACE_EXEC | TRACE_INT);
    ck_assert_int_eq(trace_parse(NULL, &mask, why, sizeof(why)), 0);
    ck_assert_uint_eq(mask, 0);
    for (unsigned i = 0; trace_item_name(i) != NULL; i++) {
        ck_assert_int_eq(trace_parse(trace_item_name(i), &mask, why, sizeof(why)), 0);
        ck_assert_uint_ne(mask, 0);
        ck_assert_ptr_nonnull(trace_item_description(i));
    }
    static const char *const wrong[] = {"exe", "exec,", ",exec", "exec,,int", "int,foo", "EXEC"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(trace_parse(wrong[i], &mask, why, sizeof(why)), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "there are exec"));
    }
    for (unsigned i = 0; trace_item_name(i) != NULL; i++) /* the message names them all */
        ck_assert_ptr_nonnull(strstr(why, trace_item_name(i)));
}
END_TEST

START_TEST(only_instruction_items_step) {
    struct Log *log = open_log("int,cpu_reset");
    ck_assert_ptr_null(log->trace.hooks.insn);
    ck_assert_ptr_nonnull(log->trace.hooks.event);
    close_log(log);
    log = open_log("");
    ck_assert_ptr_null(log->trace.hooks.insn);
    ck_assert_ptr_null(log->trace.file);
    close_log(log);
    log = open_log("regs");
    ck_assert_ptr_nonnull(log->trace.hooks.insn);
    close_log(log);
}
END_TEST

/* ---- instructions ---- */

START_TEST(exec_line) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("exec");
    debug_bench_code(b, 0x7c00, "\x31\xc0", 2);
    b->cpu.insn_count = 42;
    insn(log, b);
    ck_assert_str_eq(log->text, ""); /* buffered */
    trace_flush(&log->trace);
    if (disas_has_text())
        ck_assert_str_eq(log->text, "          42  0000:7c00  31 c0                    xor ax, ax\n");
    debug_bench_long(b);
    debug_bench_code(b, 0x8000, "\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11", 10);
    log->used = 0;
    insn(log, b);
    trace_flush(&log->trace);
    if (disas_has_text())
        ck_assert_str_eq(log->text, "          42  0008:0000000000008000  48 b8 88 77 66 55 44 33 22 11  movabs rax, "
                                    "0x1122334455667788\n");
    b->cpu.env.rip = 0x9000;
    insn(log, b);
    trace_flush(&log->trace);
    ck_assert(has(log, "(unreadable)"));
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(hlt_writes_out) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("exec");
    debug_bench_code(b, 0x7c00, "\x90\xf4", 2);
    insn(log, b);
    ck_assert_uint_eq(log->writes, 0);
    b->cpu.env.rip++;
    insn(log, b);
    ck_assert_uint_eq(log->writes, 1);
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(regs_show_changes) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("regs");
    CPUX86State *env = &b->cpu.env;
    debug_bench_long(b);
    insn(log, b);
    insn(log, b);
    env->gpr[REG_AX] = 5;
    env->gpr[12] = ~0ull;
    env->rflags |= FLAG_ZF | FLAG_CF;
    insn(log, b);
    trace_flush(&log->trace);
    ck_assert_str_eq(log->text, "              rax=0000000000000005 r12=ffffffffffffffff flags=00000043 [ZF CF]\n");
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(cpu_dumps) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("cpu,fpu");
    debug_bench_code(b, 0x7c00, "\x90", 1);
    b->cpu.env.gpr[REG_BX] = 0x12345678;
    b->cpu.env.seg[SEG_FS].ar = AR_UNUSABLE;
    insn(log, b);
    trace_flush(&log->trace);
    static const char *const parts[] = {"EAX=00000000 EBX=12345678",
                                        "EIP=00007c00 EFL=00000002 [] CPL=0",
                                        "CS16 [-RA]",
                                        "CR0=00000010 [ET]",
                                        "DR7=",
                                        "FS =0000 00000000 0000ffff 10000 (null)",
                                        "XMM15="};
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        ck_assert_msg(has(log, parts[i]), "'%s' is missing in\n%s", parts[i], log->text);
    debug_bench_long(b);
    log->used = 0;
    b->cpu.env.rflags = 0x246 | 3 << FLAG_IOPL_SHIFT;
    insn(log, b);
    trace_flush(&log->trace);
    static const char *const wide[] = {
        "R15=0000000000000000\n", "RFL=00003246 [IF ZF PF IOPL=3]", "CS64 [-RA]", "EFER=00000500 [LMA LME]",
        "CR4=00000020 [PAE]",     "CR0=80000011 [PG ET PE]"};
    for (unsigned i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        ck_assert_msg(has(log, wide[i]), "'%s' is missing in\n%s", wide[i], log->text);
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(buffer_is_written_when_full) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("exec");
    debug_bench_code(b, 0x7c00, "\x90", 1);
    for (unsigned i = 0; i < 1500; i++)
        insn(log, b);
    ck_assert_uint_gt(log->writes, 0);
    ck_assert_uint_lt(log->writes, 5);
    close_log(log);
    debug_bench_free(b);
}
END_TEST

/* ---- exceptions and interrupts ---- */

START_TEST(int_lines) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("int");
    CPUX86State *env = &b->cpu.env;
    debug_bench_long(b);
    env->rip = 0x8000;
    env->gpr[REG_SP] = 0x7000;
    env->cr2 = 0x1234;
    b->cpu.insn_count = 99;
    fault(log, b, VEC_PF, true, PF_W);
    ck_assert_str_eq(log->text, "     0: v=0e e=0002 i=0 cpl=0 IP=0008:0000000000008000 SP=0010:0000000000007000 "
                                "CR2=0000000000001234 n=99  #PF (kernel write, not present)\n");
    log->used = 0;
    fault(log, b, VEC_PF, true, PF_P | PF_U | PF_I);
    ck_assert(has(log, "     1: ") && has(log, "(user fetch, not allowed)\n"));
    fault(log, b, VEC_GP, true, 0x2b);
    ck_assert(has(log, "#GP (IDT vector 05h, external)\n"));
    fault(log, b, VEC_NP, true, 0x18);
    ck_assert(has(log, "#NP (GDT selector 18h)\n"));
    fault(log, b, VEC_UD, false, 0);
    ck_assert(has(log, "RAX=0000000000000000 n=99  #UD\n"));
    interrupt(log, b, 0x80, true);
    ck_assert(has(log, "v=80 e=0000 i=1") && has(log, "  INT 80h\n"));
    interrupt(log, b, 0x0e, true);
    ck_assert(has(log, "  INT 0eh\n"));
    interrupt(log, b, 0x30, false);
    ck_assert(has(log, "  interrupt 30h\n"));
    interrupt(log, b, 8, false); /* a PC's timer in real mode */
    ck_assert(has(log, "  interrupt 08h\n"));
    interrupt(log, b, VEC_NMI, false);
    ck_assert(has(log, "  NMI\n"));
    close_log(log);
    debug_bench_free(b);
}
END_TEST

/* ---- resets and triple faults ---- */

START_TEST(triple_fault_tells_the_chain) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log(""); /* known without any item */
    char text[256];
    debug_bench_long(b);
    b->cpu.env.rip = 0x7000;
    fault(log, b, VEC_UD, false, 0); /* handled long ago */
    b->cpu.env.rip = 0x8000;
    b->cpu.env.cr2 = 8;
    b->cpu.insn_count = 7;
    fault(log, b, VEC_PF, true, PF_W);
    fault(log, b, VEC_DF, true, 0);
    trace_triple_fault(&log->trace, &b->cpu, text, sizeof(text));
    ck_assert_str_eq(text,
                     "triple fault at 0008:0000000000008000, instruction 7: #PF at 8h (kernel write, not present), "
                     "then #DF could not be delivered");
    char small[20];
    trace_triple_fault(&log->trace, &b->cpu, small, sizeof(small));
    ck_assert_str_eq(small, "triple fault at 000");
    trace_reset(&log->trace, &b->cpu);
    trace_triple_fault(&log->trace, &b->cpu, text, sizeof(text));
    ck_assert_str_eq(text, "triple fault at 0008:0000000000008000, instruction 7");
    ck_assert_uint_eq(log->writes, 0);
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(reset_is_logged) {
    struct DebugBench *b = debug_bench_new();
    struct Log *log = open_log("cpu_reset");
    char text[256];
    trace_reset(&log->trace, &b->cpu);
    ck_assert(has(log, "CPU 0 reset; the registers were\nEAX=")); /* of an engine that counts no instructions */
    trace_triple_fault(&log->trace, &b->cpu, text, sizeof(text));
    ck_assert_str_eq(text, "triple fault at 0000:0000");
    b->cpu.insn_count = 1000;
    trace_triple_fault(&log->trace, &b->cpu, text, sizeof(text));
    trace_reset(&log->trace, &b->cpu);
    ck_assert(has(log, "CPU 0: triple fault at 0000:0000, instruction 1000\n"));
    ck_assert(has(log, "CPU 0 reset at n=1000; the registers were\nEAX="));
    close_log(log);
    debug_bench_free(b);
}
END_TEST

START_TEST(exception_names) {
    ck_assert_str_eq(cpu_exception_name(VEC_DE), "#DE");
    ck_assert_str_eq(cpu_exception_name(VEC_XM), "#XM");
    ck_assert_ptr_null(cpu_exception_name(15));
    ck_assert_ptr_null(cpu_exception_name(22));
    ck_assert_ptr_null(cpu_exception_name(255));
}
END_TEST

Suite *trace_suite(void) {
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("trace");
    tcase_add_test(t, items_parse);
    tcase_add_test(t, only_instruction_items_step);
    tcase_add_test(t, exec_line);
    tcase_add_test(t, hlt_writes_out);
    tcase_add_test(t, regs_show_changes);
    tcase_add_test(t, cpu_dumps);
    tcase_add_test(t, buffer_is_written_when_full);
    tcase_add_test(t, int_lines);
    tcase_add_test(t, triple_fault_tells_the_chain);
    tcase_add_test(t, reset_is_logged);
    tcase_add_test(t, exception_names);
    suite_add_tcase(s, t);
    return s;
}
