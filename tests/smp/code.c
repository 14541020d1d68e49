/* SPDX-License-Identifier: MIT */
/*
 * Code that one processor changes while others execute it: with the handshake of SDM vol. 3, 9.1.3, after which the new
 * code is what runs; by Linux's way, with INT3 in front; without any of it by one aligned store, where the old or the
 * new instruction runs, never a mixture. And a page of code that every processor changes a part of for itself.
 */
#include "guest.h"

static uint8_t code_page[PAGE] __attribute__((aligned(PAGE)));
static volatile uint32_t over;
static uint64_t rounds_wanted;

typedef uint32_t Function(void);

/* mov $value, %eax; ret, with the immediate aligned for a store of a dword */
enum { IMMEDIATE = 64, FUNCTION = IMMEDIATE - 1 };
/* The page by another linear address than its own, if `alias`: stores there must be noticed all the same. */
static uint8_t *writable_code(bool alias) { return alias ? at(SMALL_ALIAS + 32 * PAGE) : code_page; }
static void prepare_code(void) {
    *entry_of(SMALL_ALIAS + 32 * PAGE) = (uint64_t)code_page | PTE_P | PTE_W;
    memset(code_page, 0xc3, PAGE);
    code_page[FUNCTION] = 0xb8;
    memset(code_page + IMMEDIATE, 0, 4);
}
static void forget_alias(unsigned cpu) {
    (void)cpu;
    invlpg(at(SMALL_ALIAS + 32 * PAGE));
}
static void prepare_all(uint64_t rounds) {
    over = 0, rounds_wanted = rounds;
    prepare_code();
    on_cpus(cpu_count, forget_alias);
}

/* ---- the handshake: store, tell; the other sees that, executes a serializing instruction and then the code ---- */

static volatile uint32_t published, executed;

static void hand_shake(unsigned cpu) {
    Function *function = (Function *)(code_page + FUNCTION);
    for (uint32_t round = 1; round <= rounds_wanted; round++) {
        if (cpu == 0) {
            uint8_t *code = writable_code(round % 2) + IMMEDIATE;
            if (round % 3 == 0)
                memcpy(code, &round, 4); /* byte by byte */
            else
                *(volatile uint32_t *)code = round;
            __atomic_store_n(&executed, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&published, round, __ATOMIC_RELEASE);
            wait_for(&executed, cpu_count - 1, "processors that execute new code");
            continue;
        }
        wait_for(&published, round, "new code");
        cpuid(0);
        uint32_t is = function();
        if (is != round)
            fail("after the handshake processor %u executes %x, not %x", (uint64_t)cpu, (uint64_t)is, (uint64_t)round);
        __atomic_add_fetch(&executed, 1, __ATOMIC_ACQ_REL);
    }
}

static void handshake(uint64_t rounds) {
    prepare_all(rounds);
    published = executed = 0;
    on_cpus(cpu_count, hand_shake);
}

/* ---- no synchronization: the immediate by a store of a dword, a whole instruction by one of a quadword ---- */

enum { WHOLE = 128 };
/* Instructions of one length that give EAX different values, each in a quadword with RET and NOPs. */
static const uint8_t whole[][8] = {
    {0xb8, 0x11, 0x11, 0x11, 0x11, 0xc3, 0x90, 0x90}, /* mov $0x11111111, %eax */
    {0x0d, 0x22, 0x22, 0x22, 0x22, 0xc3, 0x90, 0x90}, /* or $0x22222222, %eax */
    {0x35, 0x44, 0x44, 0x44, 0x44, 0xc3, 0x90, 0x90}, /* xor $0x44444444, %eax */
    {0x2d, 0x78, 0x77, 0x77, 0x77, 0xc3, 0x90, 0x90}, /* sub $0x77777778, %eax: -0x77777778 is 0x88888888 */
};
static const uint32_t whole_gives[] = {0x11111111, 0x22222222, 0x44444444, 0x88888888};

static void store_or_execute(unsigned cpu) {
    Function *function = (Function *)(code_page + FUNCTION);
    if (cpu == 0) {
        for (uint32_t round = 1; round <= rounds_wanted; round++) {
            uint64_t instruction;
            memcpy(&instruction, whole[round % 4], 8);
            *(volatile uint32_t *)(writable_code(round % 2) + IMMEDIATE) = 0x01010101 * (round & 0x7f);
            *(volatile uint64_t *)(writable_code(round / 2 % 2) + WHOLE) = instruction;
            for (uint32_t i = random_below(20); i > 0; i--)
                pause();
        }
        over = 1;
        return;
    }
    while (!over) {
        uint32_t is = function(), other = 0;
        if (is != 0x01010101 * (is & 0xff))
            fail("processor %u executes a mixture of old and new code, %x", (uint64_t)cpu, (uint64_t)is);
        __asm__ volatile("call *%1" : "+a"(other) : "r"(code_page + WHOLE) : "cc", "memory");
        bool known = false;
        for (unsigned i = 0; i < 4; i++)
            known = known || other == whole_gives[i];
        if (!known)
            fail("processor %u executes a mixture of two instructions, %x", (uint64_t)cpu, (uint64_t)other);
    }
}

static void unsynchronized(uint64_t rounds) {
    prepare_all(rounds);
    memcpy(code_page + WHOLE, whole[0], 8);
    on_cpus(cpu_count, store_or_execute);
}

/* ---- INT3 over the first byte, then the rest, then the first byte; everybody serializes between the steps ---- */

enum { POKED = 256 };
static volatile uint32_t serialized;
static volatile uint64_t breakpoints;

static void on_serialize(struct Frame *f) {
    (void)f;
    cpuid(0);
    end_of_interrupt();
    __atomic_add_fetch(&serialized, 1, __ATOMIC_ACQ_REL);
}

static void on_breakpoint(struct Frame *f) {
    if (f->rip != (uint64_t)code_page + POKED + 1)
        give_up("processor %u: breakpoint at %x", (uint64_t)this_cpu(), f->rip);
    f->rip += 4;
    f->rax = 0x33333333;
    __atomic_add_fetch(&breakpoints, 1, __ATOMIC_RELAXED);
    pause(); /* the one who changes the code may wait for this host processor */
}

static void serialize_all(void) {
    __atomic_store_n(&serialized, 0, __ATOMIC_RELEASE);
    send_ipi(0, ICR_FIXED | ICR_OTHERS | VECTOR_TEST);
    wait_for(&serialized, cpu_count - 1, "everybody's answer to an IPI");
}

static void poke_or_execute(unsigned cpu) {
    Function *function = (Function *)(code_page + POKED);
    volatile uint8_t *code = writable_code(true) + POKED;
    if (cpu == 0) {
        for (uint32_t round = 1; round <= rounds_wanted; round++) {
            const uint8_t *new = whole[round % 2 * 3]; /* mov or sub */
            code[0] = 0xcc;
            serialize_all();
            for (unsigned i = 1; i < 5; i++)
                code[i] = new[i];
            serialize_all();
            code[0] = new[0];
            serialize_all();
        }
        over = 1;
        return;
    }
    while (!over) {
        uint32_t is = 0;
        __asm__ volatile("call *%1" : "+a"(is) : "r"(function) : "cc", "memory");
        if (is != 0x11111111 && is != 0x88888888 && is != 0x33333333)
            fail("processor %u executes half a change, %x", (uint64_t)cpu, (uint64_t)is);
    }
}

static void int3(uint64_t rounds) {
    prepare_all(rounds);
    memcpy(code_page + POKED, whole[0], 8);
    handle(VECTOR_TEST, on_serialize);
    handle(VECTOR_BREAKPOINT, on_breakpoint);
    on_cpus(cpu_count, poke_or_execute);
    handle(VECTOR_BREAKPOINT, 0);
    say("code-int3: %u breakpoints\n", breakpoints);
}

/* ---- everybody changes its own code in the same page, and sees that at once ---- */

static void change_own(unsigned cpu) {
    uint8_t *mine = code_page + cpu * (PAGE / MAX_CPUS);
    Function *function = (Function *)mine;
    mine[0] = 0xb8;
    mine[5] = 0xc3;
    for (uint32_t round = 1; round <= rounds_wanted; round++) {
        uint32_t value = round << 8 | cpu;
        memcpy((round % 2 ? writable_code(true) + cpu * (PAGE / MAX_CPUS) : mine) + 1, &value, 4);
        if (round % 2)
            cpuid(0); /* by another linear address it takes that */
        uint32_t is = function();
        if (is != value)
            fail("processor %u executes %x, though it has stored %x there itself", (uint64_t)cpu, (uint64_t)is,
                 (uint64_t)value);
    }
}

static void own_code(uint64_t rounds) {
    prepare_all(rounds);
    on_cpus(cpu_count, change_own);
}

const struct Test code_tests[] = {
    {"code-handshake", handshake, 500, 2},
    {"code-unsynchronized", unsynchronized, 5000, 2},
    {"code-int3", int3, 200, 2},
    {"code-own", own_code, 2000, 2},
    {0},
};
