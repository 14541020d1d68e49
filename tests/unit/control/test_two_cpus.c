/* SPDX-License-Identifier: MIT */
/* Two CPUs as those see them who look: gdb, monitor, QMP, traces, exit statistics. */
#include "control/gdb/gdb.h"
#include "control/monitor/monitor.h"
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/suites.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_JSON_C
#include "control/qmp/command.h"
#endif

static Twin86Machine *machine;
static struct Machine *m;
static struct Session *session;

/* INC EAX; JMP and INC EBX; INC EBX; JMP */
static void setup_with(void (*more)(Twin86Config *c)) {
    machine = two_cpus_new(more);
    m = machine_of(machine);
    TWO_CPUS_CODE(machine, 0, 0x66, 0x40, 0xeb, 0xfc);
    TWO_CPUS_CODE(machine, 1, 0x66, 0x43, 0x66, 0x43, 0xeb, 0xfa);
    session = session_new(m);
    ck_assert_ptr_nonnull(session);
}

static void setup(void) { setup_with(NULL); }

static void teardown(void) {
    session_free(session);
    twin86_destroy(machine);
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }
#define HAS(text, part) ck_assert_msg(has(text, part), "no '%s' in\n%s", part, text)
#define HAS_NOT(text, part) ck_assert_msg(!has(text, part), "'%s' in\n%s", part, text)

static void until_stopped(void) {
    for (unsigned i = 0; i < 600 && session_state(session) == SESSION_RUNNING; i++)
        session_poll(session, 100000);
    ck_assert_int_ne(session_state(session), SESSION_RUNNING);
}

/* ---- monitor ---- */

static unsigned cpu;
static char *text;

static const char *run(const char *line) {
    free(text);
    ck_assert_int_ge(monitor_run_text(session, &cpu, line, &text), 0);
    return text;
}

START_TEST(monitor) {
    cpu = 0;
    HAS(run("info cpus"), "* CPU #0: pc=0x0000000000007c00 thread_id=");
    HAS(text, "\n  CPU #1: pc=0x0000000000009000 thread_id=");
    ck_assert_str_eq(run("cpu 1"), "");
    ck_assert_uint_eq(cpu, 1);
    ck_assert_str_eq(run("cpu"), "CPU #1\n");
    HAS(run("info cpus"), "  CPU #0: pc=0x0000000000007c00");
    HAS(text, "\n* CPU #1: pc=0x0000000000009000");
    HAS(run("print $rip"), "0x9000");
    HAS(run("x/1i $pc"), "inc");
    HAS(run("step"), "=> 0000:9002");
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 1);
    HAS(run("step 7"), "=> 0000:9004");
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 6);
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), 0); /* it stood */
    HAS(run("info registers"), "CPU#1\n");
    HAS_NOT(text, "CPU#0\n");
    HAS(run("info registers -a"), "CPU#0\n");
    HAS(text, "CPU#1\n");
    HAS(run("info registers 0"), "one word too many");
    HAS(run("info lapic"), "state for CPU 1\n");
    HAS_NOT(text, ", BSP");
    HAS(run("info lapic 0"), "state for CPU 0\n");
    HAS(text, ", BSP");
    ck_assert_str_eq(run("cpu 2"), "there is no CPU '2'; 0 to 1 are\n");
    ck_assert_str_eq(run("info lapic -1"), "there is no CPU with APIC id '-1'\n");
    ck_assert_str_eq(run("info lapic 2"), "there is no CPU with APIC id '2'\n");
    HAS(run("cpu x"), "there is no CPU 'x'");
    HAS(run("cpu 0 1"), "one word too many");
    ck_assert_uint_eq(cpu, 1);
    machine_cpu(m, 1)->wait_for_sipi = true;
    HAS(run("info cpus"), "* CPU #1: pc=0x0000000000009004 (waits for SIPI)");
    run("");
}
END_TEST

static Twin86CpuStats stats_of(unsigned index) {
    Twin86CpuStats s;
    ck_assert_int_eq(twin86_cpu_stats(machine, index, &s), 0);
    return s;
}

/* Threads of the host: what /proc says of them, and what the guest's memory does. */
START_TEST(scheduling) {
    static const uint64_t told = 123456789;
    cpu = 1;
    two_cpus_run(machine);
    for (unsigned i = 0; i < 2; i++) {
        Twin86CpuStats s = stats_of(i);
        for (unsigned k = 0; k < 5000 && s.voluntary_switches <= 0; k++, s = stats_of(i))
            usleep(1000); /* a thread may be on its way to sleep still */
        ck_assert_int_eq(s.thread_id, vcpu_thread_id(machine_cpu(m, i)));
        ck_assert(s.core == i && s.socket == 0 && s.die == 0 && s.thread == 0 && s.apic_id == i);
        ck_assert(s.cpu_ns > 0 && s.voluntary_switches > 0 && s.involuntary_switches >= 0 && s.host_cpu >= 0);
        ck_assert(s.exits == -1 && s.steal_ns == -1 && s.halted_ns == 0);
    }
    machine_cpu(m, 1)->env.kvm_steal_time = 0x2000 | 1;
    twin86_write_memory(machine, 0x2000, &told, sizeof(told));
    ck_assert(stats_of(0).steal_ns == -1 && stats_of(1).steal_ns == (int64_t)told);
    machine_cpu(m, 0)->env.kvm_steal_time = 0xfffffff000000000 | 1; /* no memory */
    ck_assert_int_eq(stats_of(0).steal_ns, -1);
    HAS(run("info cpus -v"), "* CPU #1: pc=0x");
    HAS(text, "\nCPU   thread  on ");
    HAS(text, " 123.456 ");
    HAS(run("info cpus -x"), "one word too many");
    Twin86CpuStats unused;
    ck_assert_int_eq(twin86_cpu_stats(machine, 2, &unused), -EINVAL);
    run("");
}
END_TEST

/* Sleep in HLT is counted while it lasts, and stays when it is over. */
START_TEST(halted_time) {
    TWO_CPUS_CODE(machine, 0, 0xf4);
    ck_assert_int_eq(twin86_start(machine, 0), 0);
    for (unsigned i = 0; i < 60000 && stats_of(0).halted_ns < 2000000; i++)
        usleep(1000);
    int64_t running = stats_of(0).halted_ns;
    ck_assert_int_eq(stats_of(0).steal_ns, -1);
    twin86_pause(machine);
    int64_t ended = stats_of(0).halted_ns;
    ck_assert(running >= 2000000 && ended >= running);
    usleep(2000);
    ck_assert_int_eq(stats_of(0).halted_ns, ended);
    ck_assert_int_eq(stats_of(1).halted_ns, 0);
}
END_TEST

/* A core has the registers of both, as threads 1 and 2. */
START_TEST(core) {
    static const char name[] = "two_cpus.core";
    static uint8_t core[1 << 16];
    cpu = 0;
    ck_assert_str_eq(run("dump-guest-memory two_cpus.core"), "");
    FILE *f = fopen(name, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(core, 1, sizeof(core), f), sizeof(core));
    fclose(f);
    remove(name);
    const Elf32_Phdr *p = (const Elf32_Phdr *)(core + ((const Elf32_Ehdr *)core)->e_phoff);
    ck_assert_uint_eq(p->p_type, PT_NOTE);
    uint32_t pids[2], eips[2];
    unsigned count = 0;
    for (uint32_t at = p->p_offset, end = at + p->p_filesz; at < end;) {
        const Elf32_Nhdr *n = (const Elf32_Nhdr *)(core + at);
        uint32_t data = at + (uint32_t)sizeof(*n) + ((n->n_namesz + 3) & ~3u);
        if (n->n_type == NT_PRSTATUS && count < 2) {
            memcpy(&pids[count], core + data + 24, 4);
            memcpy(&eips[count++], core + data + 72 + 12 * 4, 4);
        }
        at = data + ((n->n_descsz + 3) & ~3u);
    }
    ck_assert_uint_eq(count, 2);
    ck_assert(pids[0] == 1 && pids[1] == 2 && eips[0] == 0x7c00 && eips[1] == 0x9000);
    run("");
}
END_TEST

/* ---- gdb ---- */

static struct Gdb *gdb;
static char answer[70000];
static size_t used;

static void collect(void *opaque, const void *data, size_t size) {
    const char *s = data;
    (void)opaque;
    if (size == 1) /* '+' */
        return;
    ck_assert_uint_lt(used + size, sizeof(answer));
    memcpy(answer + used, s + 1, size - 4);
    used += size - 4;
    answer[used] = '\0';
}

static const char *ask(const char *packet) {
    static struct GdbOut out;
    const char *bytes;
    used = 0;
    answer[0] = '\0';
    gdb_out_begin(&out);
    gdb_out_binary(&out, packet, strlen(packet));
    size_t n = gdb_out_end(&out, &bytes);
    gdb_input(gdb, (const uint8_t *)bytes, n);
    return answer;
}

static const char *wait_answer(void) {
    for (unsigned i = 0; i < 600 && used == 0; i++)
        session_poll(session, 100000);
    return answer;
}

static const char *stop(const char *packet) {
    ask(packet);
    return wait_answer();
}

#define IS(is, wanted) ck_assert_str_eq(is, wanted)

static void attach(void) {
    setup();
    gdb = calloc(1, sizeof(*gdb));
    ck_assert_int_eq(gdb_attach(gdb, session, NULL, collect, NULL), 0);
}

static void detach(void) {
    gdb_detach(gdb);
    free(gdb);
    teardown();
}

START_TEST(gdb_threads) {
    IS(ask("qfThreadInfo"), "m1,2");
    IS(ask("qsThreadInfo"), "l");
    IS(ask("qC"), "QC1");
    IS(ask("T1"), "OK");
    IS(ask("T2"), "OK");
    IS(ask("T3"), "E03");
    IS(ask("Hg3"), "E03");
    IS(ask("Hx1"), "E03");
    IS(ask("qThreadExtraInfo,2"), "4350552331");
    IS(ask("qThreadExtraInfo,3"), "E03");
    IS(ask("p8"), "007c0000");
    IS(ask("Hg2"), "OK");
    IS(ask("p8"), "00900000");
    IS(ask("Hg0"), "OK"); /* any: this one */
    IS(ask("p8"), "00900000");
    IS(ask("P3=78563412"), "OK"); /* EBX */
    IS(ask("Hg1"), "OK");
    IS(ask("p3"), "00000000");
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 0x12345678);
}
END_TEST

/* What goes, and what stands. */
START_TEST(gdb_runs) {
    ask("qSupported:swbreak+;hwbreak+");
    IS(stop("vCont;s:2"), "T05thread:2;");
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), 0);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 1);
    IS(ask("p8"), "02900000"); /* its registers are shown from now on */
    IS(ask("Z0,9004,1"), "OK");
    IS(stop("vCont;c:2"), "T05thread:2;swbreak:;"); /* the other one stands */
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), 0);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 2);
    IS(stop("vCont;c"), "T05thread:2;swbreak:;"); /* both go */
    IS(ask("z0,9004,1"), "OK");
    uint64_t b = two_cpus_reg(machine, 1, TWIN86_RBX);
    IS(stop("vCont;s:1;t"), "T05thread:1;");
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), b);
    two_cpus_start_at(machine, 0, TWO_CPUS_CODE0);
    IS(stop("vCont;s:1;c:2"), "T05thread:1;"); /* a step of one while the other runs */
    IS(ask("p8"), "027c0000");
    IS(ask("vCont;t"), "OK");
    IS(ask("vCont;c:3"), "E22");
    IS(ask("Hc2"), "OK");
    uint64_t a = two_cpus_reg(machine, 0, TWIN86_RAX);
    two_cpus_start_at(machine, 1, TWO_CPUS_CODE1);
    IS(stop("s"), "T05thread:2;");
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), a);
    IS(ask("Z1,9002,1"), "OK");
    IS(stop("c"), "T05thread:2;hwbreak:;"); /* Hc's alone */
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), a);
    IS(ask("z1,9002,1"), "OK");
    IS(ask("Hc-1"), "OK");
    ask("c");
    gdb_input(gdb, (const uint8_t *)"\x03", 1);
    IS(wait_answer(), "T02thread:2;");
}
END_TEST

/* Whoever makes the access is told of; one watchpoint is for all. */
START_TEST(gdb_watchpoints) {
    TWO_CPUS_CODE(machine, 0, 0xa0, 0x01, 0x20, 0xeb, 0xfb); /* MOV AL, [2001h]; JMP */
    TWO_CPUS_CODE(machine, 1, 0xa2, 0x00, 0x20, 0xeb, 0xfb); /* MOV [2000h], AL; JMP */
    IS(ask("Z2,2000,1"), "OK");
    IS(stop("vCont;c"), "T05thread:2;watch:2000;");
    IS(ask("Hg1"), "OK");
    IS(stop("vCont;c"), "T05thread:2;watch:2000;");
    IS(ask("z2,2000,1"), "OK");
    IS(ask("Z3,2001,1"), "OK");
    IS(stop("vCont;c"), "T05thread:1;rwatch:2001;");
    IS(stop("vCont;c:1"), "T05thread:1;rwatch:2001;");
    IS(ask("z3,2001,1"), "OK");
}
END_TEST

/* `monitor` looks at the thread that gdb shows. */
START_TEST(gdb_monitor) {
    IS(ask("Hg2"), "OK");
    ask("qRcmd,637075"); /* cpu */
    HAS(answer, "4350552023310a");
}
END_TEST

/* ---- QMP ---- */

#ifdef HAVE_JSON_C

static struct json_object *call(const char *name, const char *arguments, struct QmpCall *c) {
    *c = (struct QmpCall){.session = session, .arguments = arguments != NULL ? json_tokener_parse(arguments) : NULL};
    for (const struct QmpCommand *q = qmp_commands; q->name != NULL; q++) {
        if (strcmp(q->name, name) != 0)
            continue;
        struct json_object *r = q->run(c);
        json_object_put(c->arguments);
        return r;
    }
    ck_abort_msg("no %s", name);
}

START_TEST(qmp) {
    struct QmpCall c;
    struct json_object *list = call("query-cpus-fast", NULL, &c);
    ck_assert_uint_eq(json_object_array_length(list), 2);
    for (int i = 0; i < 2; i++) {
        struct json_object *o = json_object_array_get_idx(list, (size_t)i);
        ck_assert_int_eq(json_object_get_int(json_object_object_get(o, "cpu-index")), i);
        ck_assert_int_eq(json_object_get_int(json_object_object_get(o, "thread-id")),
                         vcpu_thread_id(machine_cpu(m, i)));
        ck_assert_int_eq(json_object_get_int(json_object_object_get(json_object_object_get(o, "props"), "core-id")), i);
    }
    json_object_put(list);
    struct json_object *r = call("human-monitor-command", "{'command-line': 'print $rip', 'cpu-index': 1}", &c);
    HAS(json_object_get_string(r), "0x9000");
    json_object_put(r);
    r = call("human-monitor-command", "{'command-line': 'print $rip'}", &c);
    HAS(json_object_get_string(r), "0x7c00");
    json_object_put(r);
    ck_assert_ptr_null(call("human-monitor-command", "{'command-line': 'cpu', 'cpu-index': 2}", &c));
    ck_assert(c.failed);
    ck_assert_str_eq(c.why, "Parameter 'cpu-index' expects a CPU number from 0 to 1");
    ck_assert_ptr_null(call("human-monitor-command", "{'command-line': 'cpu', 'cpu-index': 'x'}", &c));
    ck_assert(c.failed);
}
END_TEST

static void twelve_places(Twin86Config *c) {
    c->max_cpus = 12;
    c->sockets = 2;
    c->dies = 2;
}

static void setup_places(void) { setup_with(twelve_places); }

static int number(struct json_object *o, const char *key) {
    ck_assert_msg(json_object_object_get_ex(o, key, NULL), "no %s", key);
    return json_object_get_int(json_object_object_get(o, key));
}

START_TEST(qmp_places) {
    struct QmpCall c;
    struct json_object *list = call("query-hotpluggable-cpus", NULL, &c);
    ck_assert_uint_eq(json_object_array_length(list), 12);
    for (int i = 0; i < 12; i++) {
        struct json_object *o = json_object_array_get_idx(list, (size_t)i), *props = json_object_object_get(o, "props");
        ck_assert_str_eq(json_object_get_string(json_object_object_get(o, "type")), "max-x86_64-cpu");
        ck_assert_int_eq(number(o, "vcpus-count"), 1);
        ck_assert(number(props, "socket-id") == i / 6 && number(props, "die-id") == i / 3 % 2 &&
                  number(props, "core-id") == i % 3 && number(props, "thread-id") == 0);
        ck_assert_int_eq(json_object_object_get_ex(o, "qom-path", NULL), i < 2);
    }
    json_object_put(list);
    list = call("query-cpus-fast", NULL, &c);
    ck_assert_uint_eq(json_object_array_length(list), 2);
    ck_assert_int_eq(number(json_object_object_get(json_object_array_get_idx(list, 1), "props"), "core-id"), 1);
    json_object_put(list);
}
END_TEST

#endif

/* ---- traces ---- */

static char log_text[1 << 20];
static size_t log_used;

static void log_lines(void *opaque, const uint8_t *data, size_t size) {
    (void)opaque;
    size = size < sizeof(log_text) - 1 - log_used ? size : sizeof(log_text) - 1 - log_used;
    memcpy(log_text + log_used, data, size);
    log_used += size;
    log_text[log_used] = '\0';
}

static void with_traces(Twin86Config *c) {
    c->trace = "exec,regs,int,pio,cpu_reset";
    c->trace_output = log_lines;
    c->trace_last = 100;
    c->exit_stats = true;
}

static void setup_traces(void) {
    log_used = 0;
    setup_with(with_traces);
}

/* Each line says whose it is, and what changed is told apart. */
START_TEST(trace_lines) {
    char why[200];
    TWO_CPUS_CODE(machine, 0, 0x66, 0x40, 0xe6, 0x80, 0xcd, 0x20);       /* INC EAX; OUT 80h, AL; INT 20h */
    TWO_CPUS_CODE(machine, 1, 0x66, 0x43, 0xe4, 0x60, 0xcd, 0x21, 0x90); /* INC EBX; IN AL, 60h; INT 21h */
    for (unsigned i = 0; i < 6; i++) {                                   /* in turn */
        ck_assert_int_eq(session_single_step(session, i % 2, why, sizeof(why)), 0);
        until_stopped();
    }
    ck_assert_int_eq(machine_set_trace(m, "", why, sizeof(why)), 0);
    HAS(log_text, "[0]            0  0000:7c00  66 40                    inc eax\n");
    HAS(log_text, "[1]            0  0000:9000  66 43                    inc ebx\n");
    HAS(log_text, "[0]               eax=00000001\n");
    HAS(log_text, "[1]               ebx=00000001\n");
    HAS(log_text, "[0] pio: out 0080 size=1 value=01");
    HAS(log_text, "at 0000:7c02");
    HAS(log_text, "[1] pio: in  0060 size=1 value=");
    HAS(log_text, "at 0000:9002");
    HAS(log_text, "[0]      0: v=20 e=0000 i=1");
    HAS(log_text, "[1]      1: v=21 e=0000 i=1");
    HAS_NOT(log_text, "eax=00000000");
}
END_TEST

/* Both at once: lines stay whole. */
START_TEST(trace_of_both) {
    unsigned lines[2] = {0};
    two_cpus_run(machine);
    trace_flush(&m->trace);
    for (char *rest = log_text, *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        ck_assert_msg(strncmp(line, "[0] ", 4) == 0 || strncmp(line, "[1] ", 4) == 0, "'%s'", line);
        bool second = line[1] == '1';
        ck_assert_msg(!has(line, second ? "eax" : "ebx"), "'%s'", line);
        lines[second]++;
    }
    ck_assert(lines[0] > 100 && lines[1] > 100);
}
END_TEST

static char *printed(int (*print)(FILE *f)) {
    char *t = NULL;
    size_t n;
    FILE *f = open_memstream(&t, &n);
    ck_assert_int_eq(print(f), 0);
    fclose(f);
    return t;
}

static int last_of_second(FILE *f) { return twin86_trace_last(machine, 1, 3, f); }
static int crash(FILE *f) { return twin86_crash_report(machine, f); }

START_TEST(last_instructions) {
    two_cpus_run(machine);
    char *t = printed(last_of_second);
    HAS(t, "0000:9000");
    HAS(t, "inc ebx");
    HAS_NOT(t, "7c00");
    free(t);
    t = printed(crash);
    HAS(t, "CPU 0\n");
    HAS(t, "CPU 1\n");
    HAS(t, "inc eax");
    HAS(t, "inc ebx");
    free(t);
    ck_assert_int_eq(twin86_trace_last(machine, 2, 3, stderr), -EINVAL);
}
END_TEST

/* ---- exit statistics ---- */

static int exits_text(FILE *f) { return twin86_exit_stats(machine, TWIN86_EXITS_TEXT, f); }

START_TEST(exits) {
    char why[200];
    TWO_CPUS_CODE(machine, 0, 0xe6, 0x80, 0xe6, 0x80, 0xe6, 0x80); /* OUT 80h, AL: three of them */
    TWO_CPUS_CODE(machine, 1, 0xe6, 0x80, 0x0f, 0xa2);             /* OUT 80h, AL; CPUID */
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(session_single_step(session, i >= 3, why, sizeof(why)), 0);
        until_stopped();
    }
    char *t = printed(exits_text);
    const char *first = strstr(t, "\nCPU 0 alone, 3 instructions\n"),
               *second = strstr(t, "\nCPU 1 alone, 2 instructions\n");
    HAS(t, ", 2 CPUs together, 5 instructions\n\nExits: 5\n");
    ck_assert_msg(first != NULL && second != NULL && first < second, "%s", t);
    HAS(first, "Exits: 3\n");
    HAS(second, "Exits: 2\n");
    HAS(second, "10 CPUID");
    HAS(second, "\nCPUs on the host\n");
    ck_assert(stats_of(0).exits == 3 && stats_of(1).exits == 2);
    free(t);
}
END_TEST

#ifdef HAVE_JSON_C

static int exits_json(FILE *f) { return twin86_exit_stats(machine, TWIN86_EXITS_JSON, f); }

static uint64_t all_counts(struct json_object *o) {
    struct json_object *rows = json_object_object_get(o, "rows");
    uint64_t sum = 0;
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        sum += json_object_get_uint64(json_object_object_get(json_object_array_get_idx(rows, i), "count"));
    return sum;
}

START_TEST(exits_as_json) {
    TWO_CPUS_CODE(machine, 0, 0xe6, 0x80, 0xeb, 0xfc); /* OUT 80h, AL; JMP */
    TWO_CPUS_CODE(machine, 1, 0x0f, 0xa2, 0xeb, 0xfc); /* CPUID; JMP */
    two_cpus_run(machine);
    char *t = printed(exits_json);
    struct json_object *o = json_tokener_parse(t), *cpus = json_object_object_get(o, "cpus");
    ck_assert_ptr_nonnull(cpus);
    ck_assert_uint_eq(json_object_array_length(cpus), 2);
    struct json_object *threads = json_object_object_get(o, "scheduling");
    ck_assert_uint_eq(json_object_array_length(threads), 2);
    for (int i = 0; i < 2; i++) {
        struct json_object *c = json_object_array_get_idx(threads, (size_t)i);
        ck_assert_int_eq(json_object_get_int(json_object_object_get(c, "cpu")), i);
        ck_assert_int_eq(json_object_get_int(json_object_object_get(c, "thread_id")), stats_of((unsigned)i).thread_id);
        ck_assert_int_gt(json_object_get_int64(json_object_object_get(c, "cpu_ns")), 0);
        ck_assert_int_gt(json_object_get_int64(json_object_object_get(c, "exits")), 0);
        ck_assert(json_object_object_get_ex(c, "steal_ns", NULL) && json_object_object_get(c, "steal_ns") == NULL);
    }
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        struct json_object *c = json_object_array_get_idx(cpus, (size_t)i);
        ck_assert_int_eq(json_object_get_int(json_object_object_get(c, "cpu")), i);
        ck_assert_uint_gt(all_counts(c), 0);
        sum += all_counts(c);
    }
    ck_assert_uint_eq(all_counts(o), sum);
    json_object_put(o);
    free(t);
}
END_TEST

#endif

static TCase *group(Suite *s, const char *name, SFun before, SFun after) {
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, before, after);
    suite_add_tcase(s, t);
    return t;
}

Suite *two_cpus_suite(void) {
    Suite *s = suite_create("two_cpus");
    TCase *t = group(s, "monitor", setup, teardown);
    tcase_add_test(t, monitor);
    tcase_add_test(t, core);
    tcase_add_test(t, scheduling);
    tcase_add_test(t, halted_time);
#ifdef HAVE_JSON_C
    tcase_add_test(t, qmp);
    t = group(s, "places", setup_places, teardown);
    tcase_add_test(t, qmp_places);
#endif
    t = group(s, "gdb", attach, detach);
    tcase_add_test(t, gdb_threads);
    tcase_add_test(t, gdb_runs);
    tcase_add_test(t, gdb_watchpoints);
    tcase_add_test(t, gdb_monitor);
    t = group(s, "observers", setup_traces, teardown);
    tcase_add_test(t, trace_lines);
    tcase_add_test(t, trace_of_both);
    tcase_add_test(t, last_instructions);
    tcase_add_test(t, exits);
#ifdef HAVE_JSON_C
    tcase_add_test(t, exits_as_json);
#endif
    return s;
}
