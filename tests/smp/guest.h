/* SPDX-License-Identifier: MIT */
/**
 * What the tests of this folder stand on: a guest without an operating system whose processors, started by INIT and
 * start-up IPIs, run functions at the same time. 64-bit code at CPL 0; the first GiB is mapped to itself.
 */
#ifndef TWIN86_TESTS_SMP_GUEST_H
#define TWIN86_TESTS_SMP_GUEST_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MAX_CPUS = 64,
    LINE = 64,
    PAGE = 4096,
    LARGE_PAGE = 2 << 20,
};

/** Physical memory that tests do with what they like. */
enum { ARENA = 16 << 20, ARENA_SIZE = 8 << 20 };

enum Vector {
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_WAKE = 0x40, /* wakes a processor that has nothing to do; handled here */
    VECTOR_TEST = 0x50, /* this one and those above it are the tests' own */
    VECTOR_SPURIOUS = 0xff,
};

/** The interrupted registers, as the stubs in start.S and the processor push them. */
struct Frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

void *memcpy(void *to, const void *from, uint64_t n);
void *memset(void *to, int c, uint64_t n);

/* ---- the command line: "cpus=4 test=litmus rounds=1000000 percent=10 idle=pause" ---- */

/** The number after `name=`, or `otherwise`. */
uint64_t option(const char *name, uint64_t otherwise);
/** Whether `name=value` is there. */
bool option_is(const char *name, const char *value);

/* ---- reports, on COM1 ---- */

/** Print; knows %s, %u, %x (both 64 bits wide) and %%. Any processor, one at a time. */
void say(const char *format, ...);
/** As say, as a line of the running test's failures; after ten of them it says no more. */
void fail(const char *format, ...);
/** End the machine at once, with what went wrong, because nothing after it could be trusted. Any processor. */
_Noreturn void give_up(const char *format, ...);

/* ---- processors ---- */

/** How many there are; they are numbered from 0, by their APIC's ids. */
extern unsigned cpu_count;
unsigned this_cpu(void);

/** Run `work` on processors 0 to n - 1 (the caller is 0) with interrupts enabled; return when all have. */
void on_cpus(unsigned n, void (*work)(unsigned cpu));

/** Have processors 1 to n - 1 begin it, and do not wait: for work that never returns, but ends by start_cpu. */
void post_work(unsigned n, void (*work)(unsigned cpu));

/** Send INIT, then start-up IPIs until it runs. Returns how many start-up IPIs that took. */
unsigned start_cpu(unsigned cpu);
/** How often `cpu` has come out of the start-up code. */
uint32_t starts_of(unsigned cpu);

/** All processors of an on_cpus(n) wait for each other. Interrupts stay enabled. */
void barrier(unsigned n);

/** Wait until *value is `want`; gives up, saying `what`, after a time that no host is too slow for. */
void wait_for(const volatile uint32_t *value, uint32_t want, const char *what);
/** One turn of a loop that waits: PAUSE; `turn` counts up from 0 and leads to giving up as above. */
void wait_turn(uint64_t *turn, const char *what);

/** Pseudo-random numbers, a sequence for each processor. */
uint32_t random_below(uint32_t n);

/* ---- interrupts ---- */

typedef void Handler(struct Frame *frame);
/** Call `handler` for `vector` on every processor; NULL: an exception is the end of the test, an interrupt ignored. */
void handle(unsigned vector, Handler *handler);
/** Tell the local APIC that an interrupt has been handled. */
void end_of_interrupt(void);

enum Apic {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_TIMER = 0x320,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0
};
enum Icr {
    ICR_FIXED = 0,
    ICR_LOWEST = 1 << 8,
    ICR_NMI = 4 << 8,
    ICR_INIT = 5 << 8,
    ICR_STARTUP = 6 << 8,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_SELF = 1 << 18,
    ICR_ALL = 2 << 18,
    ICR_OTHERS = 3 << 18
};
uint32_t apic_read(unsigned reg);
void apic_write(unsigned reg, uint32_t value);
/** Send an IPI; `destination` is an APIC id, or what the mode in `icr` makes of it. */
void send_ipi(uint32_t destination, uint32_t icr);
/** Turn this processor's APIC to x2APIC mode. */
void enter_x2apic(void);
/** And back, by way of none. */
void leave_x2apic(void);

/* ---- page tables ---- */

/** Addresses at which the arena is seen, too: by 4 KiB pages, and by one large page after the other. */
#define SMALL_ALIAS 0x8000000000
#define LARGE_ALIAS 0x10000000000

enum { PTE_P = 1, PTE_W = 2, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100, PTE_SOFTWARE = 0x200 };

/** The entry that maps `address` within SMALL_ALIAS (a page's) or LARGE_ALIAS (a large page's). */
volatile uint64_t *entry_of(uint64_t address);

/* ---- instructions ---- */

static inline void pause(void) { __builtin_ia32_pause(); }
static inline uint64_t tsc(void) { return __builtin_ia32_rdtsc(); }
static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
/** Interrupts on, and asleep until one comes: none can come in between. */
static inline void sti_hlt(void) { __asm__ volatile("sti\n\thlt" ::: "memory"); }
static inline void invlpg(const volatile void *p) { __asm__ volatile("invlpg (%0)" ::"r"(p) : "memory"); }
static inline void flush_tlb(void) {
    uint64_t cr3;
    __asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(cr3)::"memory");
}
static inline void out8(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (uint64_t)high << 32;
}
static inline void wrmsr(uint32_t msr, uint64_t v) {
    __asm__ volatile("wrmsr" ::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr) : "memory");
}
struct Cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct Cpuid cpuid(uint32_t leaf) {
    struct Cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0) : "memory");
    return r;
}

static inline void *at(uint64_t address) { return (void *)address; }

/* ---- the tests ---- */

/** A test's function is told how much to do: `rounds` of the command line, or `percent` of its own. */
struct Test {
    const char *name;
    void (*run)(uint64_t rounds);
    uint64_t rounds;
    unsigned cpus; /* the least it takes */
};
extern const struct Test litmus_tests[], atomic_tests[], paging_tests[], code_tests[], interrupt_tests[], lock_tests[];

#endif
