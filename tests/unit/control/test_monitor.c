/* SPDX-License-Identifier: MIT */
/* The monitor's commands, on a machine that stands. */
#include "control/monitor/expr.h"
#include "control/monitor/monitor.h"
#include "control/monitor/paging.h"
#include "tests/unit/control/session_bench.h"
#include "tests/unit/suites.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct SessionBench bench;
static char *text;
static unsigned cpu; /* that is looked at */

static void setup(void) {
    session_bench_new(&bench, false);
    text = NULL;
    cpu = 0;
}

static void teardown(void) {
    free(text);
    session_bench_free(&bench);
}

static const char *run(const char *line) {
    free(text);
    long n = monitor_run_text(bench.s, &cpu, line, &text);
    ck_assert_int_ge(n, 0);
    ck_assert_uint_eq((size_t)n, strlen(text));
    return text;
}

static void poke(uint64_t gpa, const void *data, size_t size) { twin86_write_memory(bench.machine, gpa, data, size); }

static void poke64(uint64_t gpa, uint64_t v) { poke(gpa, &v, 8); }
static void poke32(uint64_t gpa, uint32_t v) { poke(gpa, &v, 4); }

/* ---- expressions ---- */

static const struct {
    const char *text;
    uint64_t value;
} expressions[] = {
    {"0", 0},
    {"10", 10},
    {"0x1F", 0x1f},
    {"017", 15},
    {"'A'", 65},
    {" 1 + 2 * 3 ", 7},
    {"(1+2)*3", 9},
    {"10-3-2", 5},
    {"100/7%4", 2},
    {"1|6&3^1", 3}, /* as in C: 1 | ((6 & 3) ^ 1) */
    {"1<<4+1", 32},
    {"0x100>>4", 16},
    {"1<<64", 0},
    {"-1", ~0ull},
    {"~0", ~0ull},
    {"!5", 0},
    {"--5", 5},
    {"+5", 5},
    {"18446744073709551615", ~0ull},
    {"$rax", 0x1122334455667788},
    {"$EAX", 0x55667788},
    {"$ax", 0x7788},
    {"$ah", 0x77},
    {"$al", 0x88},
    {"$rip", 0x7c00},
    {"$pc", 0x17c00},
    {"$cs", 0x1000},
    {"$cs.base+$rip", 0x17c00},
    {"$sp", 0x8000},
    {"$r8d", 0xddccbbaa},
    {"$cr0&1", 0},
    {"((((((((((1))))))))))", 1},
};

static void set_registers(void) {
    CPUX86State *env = &machine_cpu(bench.m, 0)->env;
    env->gpr[REG_AX] = 0x1122334455667788;
    env->gpr[REG_SP] = 0x8000;
    env->gpr[8] = 0xffeeddccbbaa;
    env->rip = 0x7c00;
    env->seg[SEG_CS].selector = 0x1000;
    env->seg[SEG_CS].base = 0x10000;
}

START_TEST(expressions_have_values) {
    uint64_t v = 0;
    char why[100] = "";
    const char *at = expressions[_i].text;
    set_registers();
    ck_assert_msg(expr_eval(&machine_cpu(bench.m, 0)->env, NULL, &at, &v, why, sizeof(why)) == 0, "%s: %s",
                  expressions[_i].text, why);
    ck_assert_str_eq(at, "");
    ck_assert_msg(v == expressions[_i].value, "%s is %#llx", expressions[_i].text, (unsigned long long)v);
}
END_TEST

static const struct {
    const char *text, *why;
} bad_expressions[] = {
    {"", "incomplete"},
    {"1+", "incomplete"},
    {"(1", "')'"},
    {"1/0", "division"},
    {"1%0", "division"},
    {"$foo", "unknown"},
    {"$", "unknown"},
    {"0x", "digit"},
    {"12x", "digit"},
    {"089", "digit"},
    {")", "unexpected"},
    {"'A", "'A'"},
    {"'", "'A'"},
    {"99999999999999999999", "64 bits"},
    {"\x80", "80h"},
    {"$raxraxraxraxraxraxraxraxraxraxrax", "unknown"},
    {"*5", "unexpected"},
    {"start_kernel", "unknown symbol 'start_kernel'"},
    {"(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1", "deep"},
    {"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~1", "deep"},
};

START_TEST(bad_expressions_are_refused) {
    uint64_t v = 0;
    char why[100] = "";
    const char *at = bad_expressions[_i].text;
    ck_assert_int_lt(expr_eval(&machine_cpu(bench.m, 0)->env, NULL, &at, &v, why, sizeof(why)), 0);
    ck_assert_msg(strstr(why, bad_expressions[_i].why) != NULL, "'%s': %s", bad_expressions[_i].text, why);
}
END_TEST

/* ---- lines ---- */

/* On a machine that stands at 1000:7C00 with "ABCDEFGH" at 17D00h. */
static const struct {
    const char *line, *output; /* the whole of it; with "..." in front: a part */
} lines[] = {
    {"", ""},
    {"   \t ", ""},
    {"nonsense", "unknown command: 'nonsense'; 'help' lists what there is\n"},
    {"/x", "unknown command: '/'; 'help' lists what there is\n"},
    {"stopx", "...unknown command"},
    {"print 6*7", "0x2a\n"},
    {"p/d -1", "-1\n"},
    {"p/u -1", "18446744073709551615\n"},
    {"p/o 8", "010\n"},
    {"p/c 65", "'A'\n"},
    {"p/c 10", "'\\n'\n"},
    {"print", "the expression is incomplete\n"},
    {"print 1 2", "'2' is one word too many\n"},
    {"print/z 1", "...'z' is no format"},
    {"x/8xb 0x17d00", "0000000000017d00: 0x41 0x42 0x43 0x44 0x45 0x46 0x47 0x48\n"},
    {"x/2xh 0x17d00", "0000000000017d00: 0x4241 0x4443\n"},
    {"x 0x17d00", "0000000000017d00: 0x44434241\n"},
    {"x/xg $cs.base + 0x7d00", "0000000000017d00: 0x4847464544434241\n"},
    {"x/4c 0x17d00", "0000000000017d00: 'A' 'B' 'C' 'D'\n"},
    {"x/2db 0x17d00", "0000000000017d00:  65  66\n"},
    {"x/ob 0x17d00", "0000000000017d00: 0101\n"},
    {"x/9xb 0x17d00", "0000000000017d00: 0x41 0x42 0x43 0x44 0x45 0x46 0x47 0x48\n0000000000017d08: 0x00\n"},
    {"x/2i $pc", "0x00017c00:  40                      inc ax\n0x00017c01:  eb fd                   jmp 0x7c00\n"},
    {"xp/2i 0x17c00", "0x00017c00:  40                      inc ax\n0x00017c01:  eb fd                   jmp 0x7c00\n"},
    {"xp/xw 0x17d00", "0000000000017d00: 0x44434241\n"},
    {"xp/xw 0xfee00030", "0000000000000000fee00030"}, /* replaced below: the local APIC's version */
    {"x/xw 0xfee00030", "00000000fee00030: Cannot access memory\n"},
    {"xp/xw 0x100000000", "0000000100000000: Cannot access memory\n"},
    {"x/i 0xd0000000", "0xd0000000:  Cannot access memory\n"},
    {"x", "the expression is incomplete\n"},
    {"x/", "the expression is incomplete\n"},
    {"x/0x 1", "...the count must be"},
    {"x/99999999999999999999x 1", "...the count must be"},
    {"x/65537x 1", "...the count must be"},
    {"x/4 1 2", "...one word too many"},
    {"i 0x61", "...portb[0x0061] = 0x"},
    {"i/h 0x80", "...portw[0x0080] = 0x"},
    {"i/w 0xcf8", "...portl[0x0cf8] = 0x"},
    {"i/g 0x80", "...ports are"},
    {"i 0x10000", "...ports are"},
    {"i/w 0xffff", "...ports are"},
    {"o 0x80", "the expression is incomplete\n"},
    {"o 0x80 1 2", "...one word too many"},
    {"o/w 0xcf8 0x80000000", ""},
    {"info", "...info registers [-a] -- "},
    {"info nonsense", "...unknown info 'nonsense'"},
    {"info/x registers", "...unknown info"},
    {"info registers", "...EAX=55667788"},
    {"info registers", "...XMM15="},
    {"info registers now", "...one word too many"},
    {"info status", "VM status: paused (prelaunch)\n"},
    {"info version", "...."},
    {"info block", "this machine has no disks\n"},
    {"info balloon", "there is no balloon; -device virtio-balloon-pci puts one in\n"},
    {"balloon 64", "there is no balloon; -device virtio-balloon-pci puts one in\n"},
    {"balloon", "balloon needs a number of MiB that the guest shall have, such as: balloon 128\n"},
    {"balloon -1", "balloon needs a number of MiB that the guest shall have, such as: balloon 128\n"},
    {"info cpus", "...* CPU #0: pc=0x0000000000007c00 thread_id="},
    {"info mem", "PG disabled\n"},
    {"info tlb", "PG disabled\n"},
    {"info mtree", "...  0000000000000000-000000000009ffff (prio 0, ram): ram\n"},
    {"info mtree", "...  00000000000003f8-00000000000003ff (prio 0, i/o): uart\n"},
    {"info pic", "...pic1: irr=00 imr=ff isr=00 hprio=0 irq_base=00"},
    {"info lapic", "...BASE\t 0x00000000fee00900 xAPIC, BSP\n"},
    {"info lapic", "...IRR\t (none)\n"},
    {"info ioapic", "...  pin 23 0x0000000000010000 dest=0 "},
    {"info irq", "...23  low   -"},
    {"info irq x", "...one word too many"},
    {"help", "...dump-guest-memory [-p] FILE -- "},
    {"?", "...quit|q -- "},
    {"help x", "...x/FMT ADDR -- memory at a linear address"},
    {"help info", "...info tlb -- "},
    {"help nonsense", "...unknown command"},
    {"info exits", "nothing is counted; start twin86 with -exit-stats\n"},
    {"info exits x", "...one word too many"},
    {"info jit", "...instructions            0 have host code"},
    {"info jit x", "...one word too many"},
    {"info trace", "...no instructions are kept"},
    {"info trace 0", "...no number of instructions"},
    {"info trace -1", "...no number of instructions"},
    {"info trace 5 5", "...no number of instructions"},
    {"log", "...(nothing is logged)\n"},
    {"log exec", "nobody takes the log\n"},
    {"log exec,", "...unknown item ''"},
    {"log none", ""},
    {"accel", "tcg-lite\n"},
    {"accel nonsense", "...nonsense"},
    {"stop", ""},
    {"stop now", "...one word too many"},
    {"cont/x", "cont takes no /FMT\n"},
    {"nmi 3", "...one word too many"},
    {"system_reset 3", "...one word too many"},
    {"system_powerdown 3", "...one word too many"},
    {"quit 3", "...one word too many"},
    {"step x", "...no number of instructions"},
    {"step -1", "...no number of instructions"},
    {"step 0", "...no number of instructions"},
    {"step 99999999999999999999", "...no number of instructions"},
    {"dump-guest-memory", "usage: dump-guest-memory [-p] FILE\n"},
    {"dump-guest-memory -p", "usage: dump-guest-memory [-p] FILE\n"},
    {"dump-guest-memory -z x", "usage: dump-guest-memory [-p] FILE\n"},
    {"dump-guest-memory \"x", "...closing quote"},
    {"dump-guest-memory /nonexistent/x", "/nonexistent/x can't be written: No such file or directory\n"},
    {"dump-guest-memory /dev/null", "/dev/null can't be written: it is no plain file\n"},
    {"dump-guest-memory x y", "...one word too many"},
};

START_TEST(lines_have_answers) {
    static const uint8_t code[] = {0x40, 0xeb, 0xfd};
    const char *want = lines[_i].output;
    if (strcmp(lines[_i].line, "xp/xw 0xfee00030") == 0)
        want = "00000000fee00030: 0x00050014\n";
    set_registers();
    poke(0x17c00, code, sizeof(code));
    poke(0x17d00, "ABCDEFGH", 8);
    const char *got = run(lines[_i].line);
    bool part = strncmp(want, "...", 3) == 0;
    ck_assert_msg(part ? strstr(got, want + 3) != NULL : strcmp(got, want) == 0, "'%s' says '%s', not '%s'",
                  lines[_i].line, got, want);
    ck_assert(got[0] == '\0' || got[strlen(got) - 1] == '\n');
    ck_assert_int_eq(session_state(bench.s), SESSION_PRELAUNCH);
}
END_TEST

START_TEST(the_kernels_controllers_are_not_shown) {
    static const char *const shown[] = {"info pic", "info lapic", "info ioapic", "info irq"};
    bench.m->config.kernel_irqchip = true;
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(strstr(run(shown[i]), "can't be shown"));
    bench.m->config.kernel_irqchip = false;
}
END_TEST

START_TEST(long_lines_are_refused) {
    static char line[2 * MONITOR_LINE_MAX];
    memset(line, '(', sizeof(line) - 1);
    memcpy(line, "print ", 6);
    ck_assert_ptr_nonnull(strstr(run(line), "too long"));
    line[MONITOR_LINE_MAX - 1] = '\0';
    ck_assert_ptr_nonnull(strstr(run(line), "nested too deeply"));
}
END_TEST

/* ---- run control ---- */

START_TEST(the_guest_is_steered) {
    Twin86Event e;
    SESSION_BENCH_CODE(&bench, 0x40, 0x40, 0xeb, 0xfc); /* INC AX; INC AX; JMP */
    ck_assert_str_eq(run("step"), "=> 0000:7c01  inc ax\n");
    ck_assert_str_eq(run("step 4"), "=> 0000:7c02  jmp 0x7c00\n");
    ck_assert_str_eq(run("print $ax"), "0x4\n");
    ck_assert_str_eq(run("info status"), "VM status: paused\n");
    ck_assert_str_eq(run("c"), "");
    ck_assert_str_eq(run("info status"), "VM status: running\n");
    ck_assert_ptr_nonnull(strstr(run("step"), "running; stop it first"));
    ck_assert_ptr_nonnull(strstr(run("info registers"), "EIP=")); /* stands still for it, and goes on */
    ck_assert(vcpu_running(machine_cpu(bench.m, 0)));
    ck_assert_str_eq(run("s"), "");
    ck_assert(!vcpu_running(machine_cpu(bench.m, 0)));
    ck_assert_str_eq(run("system_powerdown"), "");
    ck_assert_str_eq(run("system_reset"), "");
    ck_assert_str_eq(run("print $cs"), "0xf000\n");
    ck_assert(!session_ended(bench.s, &e));
    ck_assert_str_eq(run("q"), "");
    ck_assert(session_ended(bench.s, &e));
    ck_assert_ptr_nonnull(strstr(run("c"), "over"));
}
END_TEST

START_TEST(nmi_reaches_the_guest) {
    SESSION_BENCH_CODE(&bench, 0xf4, 0xeb, 0xfd);  /* HLT; JMP */
    static const uint8_t handler[] = {0x40, 0xcf}; /* INC AX; IRET */
    poke(0x7e00, handler, sizeof(handler));
    poke32(4 * 2, 0x7e00);
    CPUX86State *env = &machine_cpu(bench.m, 0)->env;
    env->gpr[REG_SP] = 0x7000;
    ck_assert_str_eq(run("nmi"), "");
    ck_assert_str_eq(run("step 3"), "=> 0000:7c00  hlt\n"); /* NMI, whose delivery is one, INC, IRET */
    ck_assert_uint_eq(env->gpr[REG_AX], 1);
}
END_TEST

START_TEST(hlt_does_not_stop_the_monitor) {
    SESSION_BENCH_CODE(&bench, 0xfa, 0xf4); /* CLI; HLT */
    ck_assert_str_eq(run("step"), "=> 0000:7c01  hlt\n");
    run("step");
    ck_assert_ptr_nonnull(strstr(run("step 2"), "not done yet"));
    ck_assert_ptr_nonnull(strstr(run("info cpus"), "(halted)"));
    run("stop");
    ck_assert_str_eq(run("info status"), "VM status: paused\n");
}
END_TEST

/* ---- page tables ---- */

enum { TABLE = 0x100000 };

static void paging_on(uint64_t cr4, uint64_t efer) {
    CPUX86State *env = &machine_cpu(bench.m, 0)->env;
    env->cr0 |= CR0_PE | CR0_PG;
    env->cr3 = TABLE;
    env->cr4 = cr4;
    env->efer = efer;
}

START_TEST(tlb_of_32_bit_paging) {
    poke32(TABLE + 0, (TABLE + 0x1000) | 0x007);
    poke32(TABLE + 4, 0x00400083 | 1 << 13); /* 4 MiB, at 1_0040_0000h by PSE-36 */
    poke32(TABLE + 0x1000, 0x00001067);
    poke32(TABLE + 0x1004, 0x00002025);
    poke32(TABLE + 0x1000 + 4 * 1023, 0x00003105);
    paging_on(CR4_PSE, 0);
    ck_assert_str_eq(run("info tlb"), "00000000: 0000000000001000 ---DA--UW\n"
                                      "00001000: 0000000000002000 ----A--U-\n"
                                      "003ff000: 0000000000003000 -G-----U-\n"
                                      "00400000: 0000000100400000 --P-----W\n");
    ck_assert_str_eq(run("info mem"), "00000000-00001000 00001000 urw\n"
                                      "00001000-00002000 00001000 ur-\n"
                                      "003ff000-00400000 00001000 ur-\n"
                                      "00400000-00800000 00400000 -rw\n");
    ck_assert_str_eq(run("gva2gpa 0x3ff123"), "gpa: 0x3123\n");
    ck_assert_str_eq(run("gva2gpa 0x500000 + 1"), "gpa: 0x100500001\n");
    ck_assert_str_eq(run("gva2gpa 0x2000"), "Unmapped\n");
    ck_assert_str_eq(run("gva2gpa 0x800000000"), "gpa: 0x1000\n"); /* there are 32 bits of it */
    ck_assert_ptr_null(strstr(run("gva2gpa"), "gpa"));
    paging_on(0, 0); /* without PSE the entry is a table, in a hole here */
    ck_assert_ptr_null(strstr(run("info tlb"), "00400000:"));
}
END_TEST

START_TEST(tlb_of_pae_paging) {
    machine_cpu(bench.m, 0)->env.pdpte[3] = (TABLE + 0x1000) | 1;
    poke64(TABLE + 0x1000, 0x00200083);
    poke64(TABLE + 0x1000 + 8 * 511, (TABLE + 0x2000) | 3);
    poke64(TABLE + 0x2000 + 8 * 511, 0x5001 | 1ull << 63);
    paging_on(CR4_PAE, EFER_NXE);
    ck_assert_str_eq(run("info tlb"), "c0000000: 0000000000200000 --P-----W\n"
                                      "fffff000: 0000000000005000 X--------\n");
}
END_TEST

START_TEST(tlb_of_4_and_5_levels) {
    bool five = _i == 1;
    uint64_t top = TABLE;
    if (five) {
        poke64(TABLE + 8 * 511, 0x110003); /* the last PML4 */
        top = 0x110000;
    }
    poke64(top + 8 * 511, 0x111007);
    poke64(0x111000 + 8 * 510, 0x40000083); /* 1 GiB */
    poke64(0x111000 + 8 * 511, 0x112007 | 1ull << 63);
    poke64(0x112000, 0x00200087); /* 2 MiB, not to be executed by the level above */
    poke64(0x112008, 0x113003);
    poke64(0x113000, 0x0000901f | 1ull << 8);
    paging_on(CR4_PAE | (five ? CR4_LA57 : 0), EFER_LME | EFER_LMA | EFER_NXE);
    ck_assert_str_eq(run("info tlb"), "ffffffff80000000: 0000000040000000 --P-----W\n"
                                      "ffffffffc0000000: 0000000000200000 --P----UW\n"
                                      "ffffffffc0200000: 0000000000009000 -G---CTUW\n");
    const char *mem = run("info mem");
    const char *want_user = five ? "-rw" : "urw"; /* the PML5 entry has no U */
    char want[300];
    snprintf(want, sizeof(want),
             "ffffffff80000000-ffffffffc0000000 0000000040000000 -rw\n"
             "ffffffffc0000000-ffffffffc0200000 0000000000200000 %s\n"
             "ffffffffc0200000-ffffffffc0201000 0000000000001000 -rw\n",
             want_user);
    if (five) /* neighbours with equal rights are one */
        snprintf(want, sizeof(want), "ffffffff80000000-ffffffffc0201000 0000000040201000 -rw\n");
    ck_assert_str_eq(mem, want);
}
END_TEST

START_TEST(nonsense_tables_do_not_hang) {
    for (unsigned i = 0; i < 512; i++)
        poke64(TABLE + 8 * i, TABLE | 7); /* its own child, everywhere */
    paging_on(CR4_PAE, EFER_LME | EFER_LMA);
    ck_assert_ptr_nonnull(strstr(run("info tlb"), "there is more)"));
    run("info mem");
    for (unsigned i = 0; i < 512; i++)
        poke64(TABLE + 8 * i, TABLE | (i < 500 ? 7 : 0)); /* at the last level: pages; some missing */
    run("info mem");
    machine_cpu(bench.m, 0)->env.cr3 = 0xfee00000; /* a device */
    ck_assert_str_eq(run("info tlb"), "");
    machine_cpu(bench.m, 0)->env.cr3 = 0xffffffffff000; /* a hole */
    ck_assert_str_eq(run("info mem"), "");
}
END_TEST

static bool count_page(void *opaque, const struct GuestPage *p) {
    (void)p;
    ++*(unsigned *)opaque;
    return true;
}

START_TEST(walks_end) {
    unsigned pages = 0;
    for (unsigned i = 0; i < 512; i++)
        poke64(TABLE + 8 * i, TABLE | 7);
    paging_on(CR4_PAE, EFER_LME | EFER_LMA);
    ck_assert_int_eq(guest_pages(bench.m, &machine_cpu(bench.m, 0)->env, count_page, &pages), PAGE_WALK_TOO_LONG);
    ck_assert_uint_lt(pages, 1 << 26);
}
END_TEST

/* ---- core files ---- */

static void read_at(int fd, void *data, size_t size, uint64_t at) {
    ck_assert_int_eq(pread(fd, data, size, (off_t)at), size);
}

static uint64_t touched(void) {
    uint64_t sum = 0;
    for (uint64_t at = 0, end; region_next_touched(&bench.m->ram, &at, &end); at = end)
        sum += end - at;
    return sum;
}

START_TEST(cores_are_elf) {
    char path[64], line[100];
    Elf32_Ehdr h;
    Elf32_Phdr p[8];
    struct stat st;
    uint8_t bytes[8];
    snprintf(path, sizeof(path), "/tmp/twin86-core-%d", (int)getpid());
    snprintf(line, sizeof(line), "dump-guest-memory \"file:%s\"", path);
    set_registers();
    poke(0x17d00, "ABCDEFGH", 8);
    uint64_t before = touched();
    ck_assert_str_eq(run(line), "");
    ck_assert_uint_eq(touched(), before); /* and so do they in the host's memory */
    ck_assert_uint_lt(before, bench.m->ram.size);
    int fd = open(path, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_lt(st.st_blocks * 512, 1 << 20); /* holes stay holes */
    read_at(fd, &h, sizeof(h), 0);
    ck_assert_mem_eq(h.e_ident, ELFMAG, SELFMAG);
    ck_assert_int_eq(h.e_ident[EI_CLASS], ELFCLASS32);
    ck_assert_int_eq(h.e_type, ET_CORE);
    ck_assert_int_eq(h.e_machine, EM_386);
    ck_assert_int_ge(h.e_phnum, 3);
    ck_assert_int_le(h.e_phnum, 8);
    read_at(fd, p, h.e_phnum * sizeof(p[0]), h.e_phoff);
    ck_assert_int_eq(p[0].p_type, PT_NOTE);
    ck_assert_int_eq(p[1].p_type, PT_LOAD);
    ck_assert_uint_eq(p[1].p_paddr, 0);
    ck_assert_uint_eq(p[1].p_filesz, 0xa0000);
    read_at(fd, bytes, 8, p[1].p_offset + 0x17d00);
    ck_assert_mem_eq(bytes, "ABCDEFGH", 8);
    close(fd);
    unlink(path);
}
END_TEST

/* Tens of thousands of segments: more than an ELF header can count. */
START_TEST(cores_of_many_segments) {
    char path[64], line[100];
    Elf64_Ehdr h;
    Elf64_Shdr s;
    Elf64_Phdr p;
    uint8_t byte;
    snprintf(path, sizeof(path), "/tmp/twin86-core-%d", (int)getpid());
    snprintf(line, sizeof(line), "dump-guest-memory -p %s", path);
    poke64(TABLE, (TABLE + 0x1000) | 3);
    poke64(TABLE + 0x1000, (TABLE + 0x2000) | 3);
    for (uint64_t i = 0; i < 160; i++) {
        poke64(TABLE + 0x2000 + 8 * i, (TABLE + 0x10000 + (i << 12)) | 3);
        for (uint64_t k = 0; k < 512; k++) /* backwards, so that nothing can be joined */
            poke64(TABLE + 0x10000 + (i << 12) + 8 * k, ((159 - (k + i) % 160) << 12) | 3);
    }
    poke(0x5000, "x", 1);
    paging_on(CR4_PAE, EFER_LME | EFER_LMA);
    ck_assert_str_eq(run(line), "");
    int fd = open(path, O_RDONLY);
    read_at(fd, &h, sizeof(h), 0);
    ck_assert_int_eq(h.e_ident[EI_CLASS], ELFCLASS64);
    ck_assert_int_eq(h.e_machine, EM_X86_64);
    ck_assert_int_eq(h.e_phnum, PN_XNUM);
    read_at(fd, &s, sizeof(s), h.e_shoff);
    ck_assert_uint_gt(s.sh_info, 80000);
    ck_assert_uint_le(s.sh_info, 160 * 512 + 1);
    read_at(fd, &p, sizeof(p), h.e_phoff + (1 + 154) * sizeof(p)); /* linear page 154 shows 5000h */
    ck_assert_uint_eq(p.p_vaddr, 154 << 12);
    ck_assert_uint_eq(p.p_paddr, 0x5000);
    read_at(fd, &byte, 1, p.p_offset);
    ck_assert_int_eq(byte, 'x');
    close(fd);
    unlink(path);
}
END_TEST

/* ---- completion ---- */

static void append(void *opaque, const char *word) {
    strcat(opaque, word);
    strcat(opaque, " ");
}

static const struct {
    const char *line, *words;
} completions[] = {
    {"sys", "system_reset system_powerdown system_wakeup "},
    {"  qu", "quit "},
    {"info p", "pic "},
    {"info  lap", "lapic "},
    {"help dump", "dump-guest-memory "},
    {"? dump", "dump-guest-memory "},
    {"zzz", ""},
    {"info zzz", ""},
    {"log ex", "exec "},
    {"info tlb x", ""},
    {"print $r", ""},
};

START_TEST(words_are_completed) {
    char words[1000] = "";
    monitor_complete(completions[_i].line, append, words);
    ck_assert_str_eq(words, completions[_i].words);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *monitor_suite(void) {
    Suite *s = suite_create("monitor");
    TCase *t = tcase_create("monitor");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, expressions_have_values, 0, COUNT(expressions));
    tcase_add_loop_test(t, bad_expressions_are_refused, 0, COUNT(bad_expressions));
    tcase_add_loop_test(t, lines_have_answers, 0, COUNT(lines));
    tcase_add_test(t, the_kernels_controllers_are_not_shown);
    tcase_add_test(t, long_lines_are_refused);
    tcase_add_test(t, the_guest_is_steered);
    tcase_add_test(t, nmi_reaches_the_guest);
    tcase_add_test(t, hlt_does_not_stop_the_monitor);
    tcase_add_test(t, tlb_of_32_bit_paging);
    tcase_add_test(t, tlb_of_pae_paging);
    tcase_add_loop_test(t, tlb_of_4_and_5_levels, 0, 2);
    tcase_add_test(t, nonsense_tables_do_not_hang);
    tcase_add_test(t, walks_end);
    tcase_add_test(t, cores_are_elf);
    tcase_add_test(t, cores_of_many_segments);
    tcase_add_loop_test(t, words_are_completed, 0, COUNT(completions));
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
