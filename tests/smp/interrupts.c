/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between processors: every mode and shorthand, storms, races of HLT with what wakes it, NMIs, INIT and
 * start-up IPIs in loops, APICs that are switched off and on, and x2APIC mode. None may get lost, none come twice.
 */
#include "guest.h"

static uint64_t rounds_wanted;
static struct {
    volatile uint32_t count;
} __attribute__((aligned(LINE))) received[MAX_CPUS];

static void on_ipi(struct Frame *f) {
    (void)f;
    __atomic_add_fetch(&received[this_cpu()].count, 1, __ATOMIC_ACQ_REL);
    end_of_interrupt();
}

static void on_nmi(struct Frame *f) {
    (void)f;
    __atomic_add_fetch(&received[this_cpu()].count, 1, __ATOMIC_ACQ_REL);
}

static uint32_t count_of(unsigned cpu) { return __atomic_load_n(&received[cpu].count, __ATOMIC_ACQUIRE); }

static void start_over(uint64_t rounds) {
    rounds_wanted = rounds;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        received[i].count = 0;
    handle(VECTOR_TEST, on_ipi);
}

/* All others are in here, asleep or not but with interrupts enabled, while the first does something. */
static volatile uint32_t over;
static void (*volatile first_does)(void);

static void first_or_wait(unsigned cpu) {
    uint64_t turn = 0;
    bool sleeps = cpu % 4 != 1 && !option_is("idle", "pause");
    barrier(cpu_count);
    if (cpu == 0) {
        first_does();
        over = 1;
        send_ipi(0, ICR_FIXED | ICR_OTHERS | VECTOR_WAKE);
    }
    while (!over)
        if (sleeps) {
            cli();
            if (!over)
                sti_hlt();
            sti();
        } else {
            wait_turn(&turn, "the first processor");
        }
}

static void while_others_wait(void (*what)(void)) {
    over = 0;
    first_does = what;
    on_cpus(cpu_count, first_or_wait);
}

/* ---- storms ---- */

static void self_storm(unsigned cpu) {
    for (uint32_t i = 1; i <= rounds_wanted; i++) {
        send_ipi(cpu, ICR_FIXED | (i % 2 ? ICR_SELF : 0) | VECTOR_TEST);
        wait_for(&received[cpu].count, i, "an IPI to oneself");
    }
}

static void self(uint64_t rounds) {
    start_over(rounds);
    on_cpus(cpu_count, self_storm);
    for (unsigned i = 0; i < cpu_count; i++)
        if (count_of(i) != rounds)
            fail("processor %u got %u IPIs from itself, not %u", (uint64_t)i, (uint64_t)count_of(i), rounds);
}

/* Each sends to its neighbour, and goes on when its own has come: no two of one vector can merge. */
static void ring_storm(unsigned cpu) {
    for (uint32_t i = 1; i <= rounds_wanted; i++) {
        send_ipi((cpu + 1) % cpu_count, ICR_FIXED | VECTOR_TEST);
        wait_for(&received[cpu].count, i, "a neighbour's IPI");
        barrier(cpu_count);
    }
}

static void ring(uint64_t rounds) {
    start_over(rounds);
    on_cpus(cpu_count, ring_storm);
}

/* ---- destinations ---- */

/* Send one; exactly the processors of `who` (bits) get it, and they get one. */
static void expect(uint32_t destination, uint32_t icr, uint64_t who, const char *what) {
    uint32_t before[MAX_CPUS];
    for (unsigned i = 0; i < cpu_count; i++)
        before[i] = count_of(i);
    send_ipi(destination, icr | VECTOR_TEST);
    for (unsigned i = 0; i < cpu_count; i++)
        if (who & 1ULL << i)
            wait_for(&received[i].count, before[i] + 1, what);
    for (unsigned i = 0; i < cpu_count; i++)
        if (!(who & 1ULL << i) && count_of(i) != before[i])
            fail("%s: processor %u got it, too", what, (uint64_t)i);
}

static uint64_t everybody(void) { return cpu_count == 64 ? UINT64_MAX : (1ULL << cpu_count) - 1; }

static void set_flat(unsigned cpu) {
    apic_write(APIC_DFR, 0xffffffff);
    apic_write(APIC_LDR, cpu < 8 ? 1U << (24 + cpu) : 0);
}

/* Clusters of four: processor 5 is bit 1 of cluster 1. */
static void set_cluster(unsigned cpu) {
    apic_write(APIC_DFR, 0x0fffffff);
    apic_write(APIC_LDR, cpu < 60 ? (cpu / 4 << 4 | 1U << cpu % 4) << 24 : 0);
}

static void send_physical(void) {
    for (uint64_t n = 0; n < rounds_wanted; n++) {
        for (unsigned i = 0; i < cpu_count; i++)
            expect(i, ICR_FIXED, 1ULL << i, "physical destination");
        expect(0, ICR_FIXED | ICR_SELF, 1, "self");
        expect(0, ICR_FIXED | ICR_ALL, everybody(), "all");
        expect(0, ICR_FIXED | ICR_OTHERS, everybody() & ~1ULL, "all but self");
        expect(0xff, ICR_FIXED, everybody(), "physical broadcast");
    }
}

static void send_flat(void) {
    unsigned n = cpu_count < 8 ? cpu_count : 8;
    for (uint32_t set = 1; set < 1U << n; set++)
        expect(set, ICR_FIXED | ICR_LOGICAL, set, "logical destination, flat");
}

static void send_cluster(void) {
    unsigned n = cpu_count < 60 ? cpu_count : 60;
    for (unsigned cluster = 0; cluster * 4 < n; cluster++)
        for (uint32_t set = 1; set < 16; set++) {
            uint64_t who = ((uint64_t)set << cluster * 4) & everybody();
            expect(cluster << 4 | set, ICR_FIXED | ICR_LOGICAL, who, "logical destination, cluster");
        }
}

/* One of those that are named gets it, whichever. */
static void send_lowest(void) {
    unsigned n = cpu_count < 8 ? cpu_count : 8;
    for (uint64_t round = 1; round <= rounds_wanted; round++) {
        uint64_t turn = 0, got = 0;
        send_ipi(n < 8 ? (1U << n) - 1 : 0xff, ICR_LOWEST | ICR_LOGICAL | VECTOR_TEST);
        while (got < round) {
            wait_turn(&turn, "one of all to get an IPI with lowest priority");
            got = 0;
            for (unsigned i = 0; i < cpu_count; i++)
                got += count_of(i);
        }
        if (got > round)
            fail("%u IPIs with lowest priority came, %u were sent", got, round);
    }
}

static void destinations(uint64_t rounds) {
    start_over(rounds);
    while_others_wait(send_physical);
    on_cpus(cpu_count, set_flat);
    while_others_wait(send_flat);
    start_over(rounds);
    while_others_wait(send_lowest);
    on_cpus(cpu_count, set_cluster);
    while_others_wait(send_cluster);
    on_cpus(cpu_count, set_flat);
}

/* ---- NMI ---- */

static void send_nmis(void) {
    for (uint32_t n = 1; n <= rounds_wanted; n++) {
        send_ipi(n % 2 ? 0 : 1, ICR_NMI | (n % 2 ? ICR_OTHERS : 0));
        for (unsigned i = 1; i < (n % 2 ? cpu_count : 2); i++)
            wait_for(&received[i].count, i == 1 ? n : (n + 1) / 2, "an NMI");
    }
}

static void nmi(uint64_t rounds) {
    start_over(rounds);
    handle(VECTOR_NMI, on_nmi);
    while_others_wait(send_nmis);
    handle(VECTOR_NMI, 0);
}

/* ---- HLT: what is sent between the last look and HLT must wake it ---- */

static struct {
    volatile uint32_t turn;
} __attribute__((aligned(LINE))) ball;

static void ping_pong(unsigned cpu) {
    for (uint32_t i = cpu; i < rounds_wanted * cpu_count; i += cpu_count) {
        for (;;) {
            cli();
            if (__atomic_load_n(&ball.turn, __ATOMIC_ACQUIRE) == i)
                break;
            sti_hlt();
        }
        sti();
        for (uint32_t d = random_below(30); d > 0; d--)
            pause();
        __atomic_store_n(&ball.turn, i + 1, __ATOMIC_RELEASE);
        send_ipi((cpu + 1) % cpu_count, ICR_FIXED | VECTOR_TEST);
    }
}

static void halt(uint64_t rounds) {
    if (option_is("idle", "pause")) {
        say("SKIP halt: idle=pause\n");
        return;
    }
    start_over(rounds);
    ball.turn = 0;
    on_cpus(cpu_count, ping_pong);
}

/* One-shot timers wake everybody, while others' IPIs do, too. */
static void timer_naps(unsigned cpu) {
    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_TIMER, VECTOR_TEST);
    for (uint32_t i = 1; i <= rounds_wanted; i++) {
        apic_write(APIC_TIMER_INITIAL, 1 + random_below(20000));
        for (;;) {
            cli();
            if (count_of(cpu) == i)
                break;
            sti_hlt();
        }
        sti();
        send_ipi(random_below(cpu_count), ICR_FIXED | VECTOR_WAKE);
    }
    apic_write(APIC_TIMER, 1 << 16);
}

static void timers(uint64_t rounds) {
    if (option_is("idle", "pause")) {
        say("SKIP timers: idle=pause\n");
        return;
    }
    start_over(rounds);
    on_cpus(cpu_count, timer_naps);
}

/* ---- INIT and start-up ---- */

/* Processors begin anew out of HLT with interrupts off, a loop, an interrupt handler and a locked loop. */
static volatile uint64_t locked_word;
static void stray(unsigned cpu) {
    if (cpu == 0)
        return;
    __atomic_add_fetch(&over, 1, __ATOMIC_ACQ_REL);
    if (cpu % 3 == 0)
        for (;;)
            __asm__ volatile("cli\n\thlt");
    if (cpu % 3 == 1)
        for (;;)
            __asm__ volatile("");
    for (;;)
        __atomic_add_fetch(&locked_word, 1, __ATOMIC_RELAXED);
}

static void init_loop(uint64_t rounds) {
    uint64_t tries = 0, started = 0;
    for (uint64_t n = 0; n < rounds; n++) {
        over = 0;
        post_work(cpu_count, stray);
        wait_for(&over, cpu_count - 1, "everybody to stray");
        for (unsigned i = 1; i < cpu_count; i++) {
            tries += start_cpu(i);
            started++;
        }
    }
    say("init: %u starts by %u start-up IPIs\n", started, tries);
    start_over(1);
    on_cpus(cpu_count, self_storm);
}

/* ---- APICs off and on ---- */

static void off_and_on(unsigned cpu) {
    for (uint32_t i = 1; i <= rounds_wanted; i++) {
        apic_write(APIC_SVR, VECTOR_SPURIOUS); /* off: takes no fixed interrupts, and masks its entries */
        barrier(cpu_count);
        uint32_t before = count_of(cpu);
        send_ipi((cpu + 1) % cpu_count, ICR_FIXED | VECTOR_TEST);
        barrier(cpu_count);
        for (unsigned n = 0; n < 20; n++)
            pause();
        if (count_of(cpu) != before)
            fail("processor %u, whose APIC is off, got an interrupt", (uint64_t)cpu);
        barrier(cpu_count);
        apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
        barrier(cpu_count);
        if (count_of(cpu) != before)
            fail("processor %u got what was sent while its APIC was off", (uint64_t)cpu);
        before = count_of(cpu);
        barrier(cpu_count);
        send_ipi((cpu + 1) % cpu_count, ICR_FIXED | VECTOR_TEST);
        wait_for(&received[cpu].count, before + 1, "an interrupt after its APIC was switched on");
        barrier(cpu_count);
    }
}

static void apic_off(uint64_t rounds) {
    start_over(rounds);
    on_cpus(cpu_count, off_and_on);
}

/* ---- x2APIC ---- */

static void to_x2apic(unsigned cpu) {
    barrier(cpu_count);
    enter_x2apic();
    barrier(cpu_count);
    if (apic_read(APIC_ID) != cpu)
        fail("processor %u has the x2APIC id %u", (uint64_t)cpu, (uint64_t)apic_read(APIC_ID));
    if (apic_read(APIC_LDR) != ((cpu >> 4) << 16 | 1U << (cpu & 15)))
        fail("processor %u has the logical x2APIC id %x", (uint64_t)cpu, (uint64_t)apic_read(APIC_LDR));
}

static void send_x2apic(void) {
    for (uint64_t n = 0; n < rounds_wanted; n++) {
        for (unsigned i = 0; i < cpu_count; i++) {
            expect(i, ICR_FIXED, 1ULL << i, "x2APIC, physical destination");
            expect((i >> 4) << 16 | 1U << (i & 15), ICR_FIXED | ICR_LOGICAL, 1ULL << i, "x2APIC, logical destination");
        }
        expect(0xffffffff, ICR_FIXED, everybody(), "x2APIC, broadcast");
        expect(0, ICR_FIXED | ICR_OTHERS, everybody() & ~1ULL, "x2APIC, all but self");
        expect(0, ICR_FIXED | ICR_ALL, everybody(), "x2APIC, all");
        expect(0xffff, ICR_FIXED | ICR_LOGICAL, everybody() & 0xffff, "x2APIC, a whole cluster");
        uint32_t before = count_of(0);
        apic_write(APIC_SELF_IPI, VECTOR_TEST);
        wait_for(&received[0].count, before + 1, "x2APIC, SELF IPI");
    }
}

static void from_x2apic(unsigned cpu) {
    cli();
    barrier(cpu_count);
    leave_x2apic();
    barrier(cpu_count);
    sti();
    if (apic_read(APIC_ID) >> 24 != cpu)
        fail("processor %u has the APIC id %u after x2APIC mode", (uint64_t)cpu, (uint64_t)(apic_read(APIC_ID) >> 24));
}

static void x2apic(uint64_t rounds) {
    if (!(cpuid(1).ecx & 1 << 21)) {
        say("SKIP x2apic: the processor has none\n");
        return;
    }
    start_over(rounds);
    on_cpus(cpu_count, to_x2apic);
    while_others_wait(send_x2apic);
    on_cpus(cpu_count, from_x2apic);
    start_over(rounds);
    while_others_wait(send_physical);
}

const struct Test interrupt_tests[] = {
    {"ipi-self", self, 2000, 2},
    {"ipi-ring", ring, 300, 2},
    {"ipi-destinations", destinations, 20, 2},
    {"ipi-nmi", nmi, 300, 2},
    {"halt-ring", halt, 500, 2},
    {"halt-timers", timers, 100, 2},
    {"init-loop", init_loop, 10, 2},
    {"apic-off", apic_off, 50, 2},
    {"x2apic", x2apic, 20, 2},
    {0},
};
