/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <stdarg.h>

enum { COM1 = 0x3f8, EXIT_PORT = 0xf4, MSR_APIC_BASE = 0x1b, MSR_X2APIC = 0x800, APIC_BASE = 0xfee00000 };
enum { TRAMPOLINE_PAGE = 8, CMDLINE_AT = 24, FAILURES_SAID = 10 };

extern uint64_t start_info;
extern uint8_t vector_stubs[];
extern uint64_t idt[512], page_tables[4][512];
void on_interrupt(struct Frame *frame);
_Noreturn void main(void);
_Noreturn void other_cpu_main(unsigned cpu);

/* What one processor is told and tells; a line of its own, so that waiting for one disturbs no other. */
static struct Cpu {
    volatile uint32_t job, done, starts;
    uint32_t random;
} __attribute__((aligned(LINE))) cpus[MAX_CPUS];

unsigned cpu_count;
static void (*volatile work_now)(unsigned cpu);
static Handler *volatile handlers[256];
static bool idle_by_pause;

/* ---- what compilers call by themselves ---- */

void *memcpy(void *to, const void *from, uint64_t n) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
    return start;
}

void *memset(void *to, int c, uint64_t n) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return start;
}

/* ---- the command line ---- */

static const char *value_of(const char *name) {
    for (const char *p = *(const char **)(start_info + CMDLINE_AT); p != 0 && *p != '\0';) {
        const char *n = name;
        while (*n != '\0' && *p == *n)
            p++, n++;
        if (*n == '\0' && *p == '=')
            return p + 1;
        while (*p != '\0' && *p++ != ' ')
            ;
    }
    return 0;
}

uint64_t option(const char *name, uint64_t otherwise) {
    const char *p = value_of(name);
    uint64_t n = 0;
    if (p == 0)
        return otherwise;
    for (; *p >= '0' && *p <= '9'; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    return n;
}

bool option_is(const char *name, const char *value) {
    const char *p = value_of(name);
    while (p != 0 && *value != '\0' && *p == *value)
        p++, value++;
    return p != 0 && *value == '\0' && (*p == '\0' || *p == ' ');
}

/* ---- reports ---- */

static volatile uint32_t printing;
static volatile uint32_t failures;

static void put(char c) { out8(COM1, (uint8_t)c); }

static void put_number(uint64_t n, unsigned base) {
    if (n >= base)
        put_number(n / base, base);
    put("0123456789abcdef"[n % base]);
}

static void print(const char *format, va_list ap) {
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *s = va_arg(ap, const char *); *s != '\0'; s++)
                put(*s);
            break;
        case 'u': put_number(va_arg(ap, uint64_t), 10); break;
        case 'x': put_number(va_arg(ap, uint64_t), 16); break;
        default: put(*format);
        }
    }
}

static void print_line(const char *before, const char *format, va_list ap, const char *after) {
    uint64_t flags;
    __asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags)::"memory");
    while (__atomic_exchange_n(&printing, 1, __ATOMIC_ACQUIRE))
        pause();
    while (*before != '\0')
        put(*before++);
    print(format, ap);
    while (*after != '\0')
        put(*after++);
    __atomic_store_n(&printing, 0, __ATOMIC_RELEASE);
    __asm__ volatile("push %0\n\tpopf" ::"r"(flags) : "memory");
}

void say(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    print_line("", format, ap, "");
    va_end(ap);
}

void fail(const char *format, ...) {
    va_list ap;
    if (__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED) > FAILURES_SAID)
        return;
    va_start(ap, format);
    print_line("  ", format, ap, "\n");
    va_end(ap);
}

static _Noreturn void end(uint8_t code) {
    out8(EXIT_PORT, code);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void give_up(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    print_line("FAIL ", format, ap, "\n");
    va_end(ap);
    end(1);
}

/* ---- waiting ---- */

void wait_turn(uint64_t *turn, const char *what) {
    enum { TURNS = 1024 };
    static const uint64_t ticks = 400000000000; /* minutes */
    static uint64_t began[MAX_CPUS];
    pause();
    if (++*turn % TURNS != 0)
        return;
    if (*turn == TURNS)
        began[this_cpu()] = tsc();
    else if (tsc() - began[this_cpu()] > ticks)
        give_up("processor %u waits for ever: %s", (uint64_t)this_cpu(), what);
}

void wait_for(const volatile uint32_t *value, uint32_t want, const char *what) {
    for (uint64_t turn = 0; __atomic_load_n(value, __ATOMIC_ACQUIRE) != want;)
        wait_turn(&turn, what);
}

void barrier(unsigned n) {
    static volatile uint32_t count __attribute__((aligned(LINE))), generation __attribute__((aligned(LINE)));
    uint32_t mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&count, 1, __ATOMIC_ACQ_REL) == n) {
        count = 0;
        __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    } else {
        wait_for(&generation, mine + 1, "a barrier");
    }
}

uint32_t random_below(uint32_t n) {
    uint32_t *r = &cpus[this_cpu()].random;
    *r = *r * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)*r * n) >> 32);
}

/* ---- local APIC ---- */

static volatile uint32_t x2apic_on; /* on all or on none, but for moments in which none sends */

uint32_t apic_read(unsigned reg) {
    if (x2apic_on)
        return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
    return *(volatile uint32_t *)at(APIC_BASE + reg);
}

void apic_write(unsigned reg, uint32_t value) {
    if (x2apic_on)
        wrmsr(MSR_X2APIC + reg / 16, value);
    else
        *(volatile uint32_t *)at(APIC_BASE + reg) = value;
}

void send_ipi(uint32_t destination, uint32_t icr) {
    uint64_t flags;
    if (x2apic_on) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* WRMSR to an x2APIC does not order earlier stores */
        wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)destination << 32 | icr | ICR_ASSERT);
        return;
    }
    __asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags)::"memory");
    while (apic_read(APIC_ICR) & 1 << 12)
        pause();
    apic_write(APIC_ICR_HIGH, destination << 24);
    apic_write(APIC_ICR, icr | ICR_ASSERT);
    __asm__ volatile("push %0\n\tpopf" ::"r"(flags) : "memory");
}

void end_of_interrupt(void) { apic_write(APIC_EOI, 0); }

static void enable_apic(void) { apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS); }

void enter_x2apic(void) {
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 3 << 10);
    x2apic_on = 1;
}

void leave_x2apic(void) {
    uint64_t off = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(3 << 10);
    wrmsr(MSR_APIC_BASE, off);
    x2apic_on = 0;
    wrmsr(MSR_APIC_BASE, off | 1 << 11);
    enable_apic();
}

/* ---- interrupts ---- */

static void fill_idt(void) {
    for (unsigned i = 0; i < 256; i++) {
        uint64_t stub = (uint64_t)(vector_stubs + i * 16);
        idt[i * 2] = (stub & 0xffff) | 24 << 16 | 0x8eULL << 40 | (stub >> 16) << 48;
        idt[i * 2 + 1] = stub >> 32;
    }
}

void handle(unsigned vector, Handler *handler) { handlers[vector] = handler; }

void on_interrupt(struct Frame *f) {
    Handler *handler = handlers[f->vector];
    if (handler != 0)
        handler(f);
    else if (f->vector == VECTOR_WAKE)
        end_of_interrupt();
    else if (f->vector < 32) {
        uint64_t cr2;
        __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
        give_up("processor %u: exception %u, error code %x, rip %x, cr2 %x", (uint64_t)this_cpu(), f->vector, f->error,
                f->rip, cr2);
    } else if (f->vector != VECTOR_SPURIOUS)
        end_of_interrupt();
}

/* ---- page tables ---- */

enum { TABLES = ARENA_SIZE / LARGE_PAGE };
static uint64_t alias_tables[4 + TABLES][512] __attribute__((aligned(PAGE)));

static void map_aliases(void) {
    enum { SMALL_PDPT, SMALL_PD, LARGE_PDPT, LARGE_PD, SMALL_PT };
    page_tables[0][SMALL_ALIAS >> 39] = (uint64_t)alias_tables[SMALL_PDPT] | PTE_P | PTE_W;
    page_tables[0][LARGE_ALIAS >> 39] = (uint64_t)alias_tables[LARGE_PDPT] | PTE_P | PTE_W;
    alias_tables[SMALL_PDPT][0] = (uint64_t)alias_tables[SMALL_PD] | PTE_P | PTE_W;
    alias_tables[LARGE_PDPT][0] = (uint64_t)alias_tables[LARGE_PD] | PTE_P | PTE_W;
    for (unsigned i = 0; i < TABLES; i++) {
        alias_tables[SMALL_PD][i] = (uint64_t)alias_tables[SMALL_PT + i] | PTE_P | PTE_W;
        alias_tables[LARGE_PD][i] = (ARENA + (uint64_t)i * LARGE_PAGE) | PTE_P | PTE_W | PTE_PS;
    }
    for (unsigned i = 0; i < TABLES * 512; i++)
        alias_tables[SMALL_PT][i] = (ARENA + (uint64_t)i * PAGE) | PTE_P | PTE_W;
}

volatile uint64_t *entry_of(uint64_t address) {
    if (address >= LARGE_ALIAS)
        return &alias_tables[3][(address - LARGE_ALIAS) / LARGE_PAGE];
    return &alias_tables[4][(address - SMALL_ALIAS) / PAGE];
}

/* ---- processors ---- */

/* The stack says which it is. */
unsigned this_cpu(void) {
    extern uint8_t stacks_of_cpus[] __asm__("stacks");
    uint64_t rsp;
    __asm__("mov %%rsp, %0" : "=r"(rsp));
    return (unsigned)((rsp - 1 - (uint64_t)stacks_of_cpus) >> 13);
}

static void prepare_cpu(unsigned cpu) {
    cpus[cpu].random = 1 + cpu * 0x9e3779b9;
    enable_apic();
    struct Cpuid features = cpuid(1);
    if (features.ecx & 1 << 26) { /* XSAVE */
        __asm__ volatile("mov %%cr4, %%rax\n\tor $0x40000, %%rax\n\tmov %%rax, %%cr4" ::: "rax");
        if (features.ecx & 1 << 28) /* AVX */
            __asm__ volatile("xsetbv" ::"a"(7), "d"(0), "c"(0));
    }
}

void other_cpu_main(unsigned cpu) {
    struct Cpu *me = &cpus[cpu];
    uint32_t done = me->job;
    prepare_cpu(cpu);
    me->done = done;
    __atomic_add_fetch(&me->starts, 1, __ATOMIC_ACQ_REL);
    for (;; __atomic_store_n(&me->done, ++done, __ATOMIC_RELEASE)) {
        for (;;) {
            cli();
            if (__atomic_load_n(&me->job, __ATOMIC_ACQUIRE) != done)
                break;
            if (idle_by_pause) {
                sti();
                pause();
            } else {
                sti_hlt();
            }
        }
        sti();
        work_now(cpu);
    }
}

uint32_t starts_of(unsigned cpu) { return __atomic_load_n(&cpus[cpu].starts, __ATOMIC_ACQUIRE); }

unsigned start_cpu(unsigned cpu) {
    static const uint64_t again = 200000000; /* ticks, a tenth of a second or so, if the first should be lost */
    uint32_t before = starts_of(cpu);
    uint64_t turn = 0;
    send_ipi(cpu, ICR_INIT);
    for (uint64_t t = tsc(); tsc() - t < 200000;)
        pause();
    for (unsigned n = 1;; n++) {
        send_ipi(cpu, ICR_STARTUP | TRAMPOLINE_PAGE);
        for (uint64_t t = tsc(); tsc() - t < again; wait_turn(&turn, "a processor that starts"))
            if (starts_of(cpu) != before)
                return n;
    }
}

void post_work(unsigned n, void (*work)(unsigned cpu)) {
    work_now = work;
    for (unsigned i = 1; i < n; i++) {
        __atomic_add_fetch(&cpus[i].job, 1, __ATOMIC_ACQ_REL);
        if (!idle_by_pause)
            send_ipi(i, ICR_FIXED | VECTOR_WAKE);
    }
}

void on_cpus(unsigned n, void (*work)(unsigned cpu)) {
    post_work(n, work);
    work(0);
    for (unsigned i = 1; i < n; i++)
        wait_for(&cpus[i].done, cpus[i].job, "a processor that should come back from its work");
}

/* ---- all ---- */

/* "test=atomic" is all whose names begin so. */
static bool is_wanted(const char *name) {
    const char *p = value_of("test");
    while (p != 0 && *p != '\0' && *p != ' ')
        if (*p++ != *name++)
            return false;
    return true;
}

static bool run_test(const struct Test *test, uint64_t rounds) {
    failures = 0;
    test->run(rounds);
    say("%s %s\n", failures == 0 ? "ok" : "FAIL", test->name);
    return failures == 0;
}

/* All tests that are wanted. False: one has failed, or there was none. */
static bool run_tests(void) {
    static const struct Test *const groups[] = {litmus_tests, atomic_tests,    paging_tests,
                                                code_tests,   interrupt_tests, lock_tests};
    uint64_t passed = 0, failed = 0, skipped = 0;
    for (unsigned g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
        for (const struct Test *t = groups[g]; t->name != 0; t++) {
            if (!is_wanted(t->name))
                continue;
            if (cpu_count < t->cpus) {
                say("SKIP %s: it takes %u processors\n", t->name, (uint64_t)t->cpus);
                skipped++;
                continue;
            }
            bool good = run_test(t, option("rounds", (t->rounds * option("percent", 100) + 99) / 100));
            passed += good, failed += !good;
        }
    say("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed == 0 && passed > 0;
}

void main(void) {
    out8(0x21, 0xff); /* no interrupts by the 8259s */
    out8(0xa1, 0xff);
    fill_idt();
    map_aliases();
    prepare_cpu(0);
    idle_by_pause = option_is("idle", "pause");
    cpu_count = (unsigned)option("cpus", 1);
    for (unsigned i = 1; i < cpu_count; i++)
        start_cpu(i);
    sti();
    bool good;
    do
        good = run_tests();
    while (good && option("loop", 0) != 0);
    end(!good);
}
