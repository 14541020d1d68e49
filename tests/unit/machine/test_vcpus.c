/* SPDX-License-Identifier: MIT */
/* A machine with two CPUs that run different code: run, pause, reset, interrupts between them, what they share. */
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/suites.h"

#include <errno.h>

static const char *engine;

static void on_tcg_lite(void) { engine = "tcg-lite"; }
static void in_one_thread(void) { engine = "tcg-lite,thread=single"; }
static void on_kvm(void) { engine = "kvm"; }
static void with_engine(Twin86Config *c) { c->accel = engine; }

/* INC EAX; JMP and INC EBX; JMP */
static void count_both(Twin86Machine *machine) {
    TWO_CPUS_CODE(machine, 0, 0x66, 0x40, 0xeb, 0xfc);
    TWO_CPUS_CODE(machine, 1, 0x66, 0x43, 0xeb, 0xfc);
}

START_TEST(users_get_many) {
    Twin86Machine *machine = NULL;
    Twin86Config c;
    char why[200] = "";
    twin86_config_init(&c);
    c.cpus = TWIN86_CPUS_MAX + 1;
    ck_assert_int_eq(twin86_create(&machine, &c, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, "-smp: 65 is too many; a machine has 1 to 64 processors");
    c.cpus = TWIN86_CPUS_MAX;
    ck_assert_int_eq(twin86_create(&machine, &c, why, sizeof(why)), 0);
    ck_assert_uint_eq(twin86_cpu_count(machine), TWIN86_CPUS_MAX);
    twin86_destroy(machine);
}
END_TEST

static void gap_in_ids(Twin86Config *c) {
    with_engine(c);
    c->cpus = 6;
    c->sockets = 2;
}

/* Two sockets of three cores: CPU 3 has the APIC id 4, wherever it looks. */
START_TEST(ids_follow_topology) {
    static const uint8_t cpuid[] = {0x66, 0xb8, 0x01, 0, 0, 0, 0x0f, 0xa2}; /* MOV EAX, 1; CPUID */
    Twin86Machine *machine = two_cpus_new(gap_in_ids);
    struct Machine *m = machine_of(machine);
    Twin86Event e;
    ck_assert_uint_eq(m->cpus[3].lapic.config.id, 4);
    two_cpus_code(machine, 3, cpuid, sizeof(cpuid));
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(twin86_step(machine, 3), 0);
        ck_assert_int_eq(twin86_wait(machine, 20000, &e), 0);
    }
    ck_assert_uint_eq(two_cpus_reg(machine, 3, TWIN86_RBX) >> 16, 0x0403);
    twin86_destroy(machine);
}
END_TEST

START_TEST(both_run) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    Twin86Stats s;
    ck_assert_uint_eq(twin86_cpu_count(machine), 2);
    count_both(machine);
    two_cpus_run(machine);
    uint64_t a = two_cpus_reg(machine, 0, TWIN86_RAX), b = two_cpus_reg(machine, 1, TWIN86_RBX);
    ck_assert_uint_ne(a, 0);
    ck_assert_uint_ne(b, 0);
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RBX), 0);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RAX), 0);
    ck_assert_int_eq(twin86_write_reg(machine, 2, TWIN86_RAX, 0), -EINVAL);
    twin86_stats(machine, &s);
    ck_assert_uint_eq(s.instructions, machine_cpu(machine_of(machine), 0)->insn_count +
                                          machine_cpu(machine_of(machine), 1)->insn_count);
    two_cpus_run(machine); /* both go on */
    ck_assert_uint_ne(two_cpus_reg(machine, 0, TWIN86_RAX), a);
    ck_assert_uint_ne(two_cpus_reg(machine, 1, TWIN86_RBX), b);
    twin86_destroy(machine);
}
END_TEST

START_TEST(pauses) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    count_both(machine);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(twin86_start(machine, 0), 0);
        ck_assert_int_eq(twin86_start(machine, 0), -EBUSY);
        if (i % 3 == 0)
            usleep(500);
        twin86_pause(machine);
        ck_assert(!twin86_running(machine));
        (void)two_cpus_reg(machine, i % 2, TWIN86_RAX);
    }
    twin86_destroy(machine);
}
END_TEST

static _Atomic bool let_go, entered;

static void stays(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)value, (void)size;
    atomic_store(&entered, true);
    while (!atomic_load(&let_go))
        usleep(1000);
}

/* What a guest is writing: between it and this thread there is no order for the thread sanitizer to see. */
__attribute__((no_sanitize("thread"))) static uint16_t peek(const volatile uint16_t *ram) { return *ram; }

/* The second one is in a device that does not come back: the pause gives up, the first one has not parked either, and
 * when the second one comes back, both run. */
START_TEST(all_or_none_pause) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    Twin86Hook hook = {.write = stays};
    const volatile uint16_t *count = (void *)(machine_of(machine)->ram.host + 0x600);
    atomic_store(&let_go, false);
    atomic_store(&entered, false);
    twin86_hook_ports(machine, 0x80, 1, &hook);
    TWO_CPUS_CODE(machine, 0, 0xff, 0x06, 0x00, 0x06, 0x40, 0xeb, 0xf9); /* INC WORD [600h]; INC AX; JMP */
    TWO_CPUS_CODE(machine, 1, 0xe6, 0x80, 0x66, 0x43, 0xeb, 0xfc);       /* OUT 80h, AL; INC EBX; JMP */
    ck_assert_int_eq(twin86_start(machine, 0), 0);
    while (!atomic_load(&entered))
        usleep(1000);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(twin86_try_pause(machine, 20), -ETIMEDOUT);
        ck_assert(vcpu_running(machine_cpu(machine_of(machine), 0)));
    }
    atomic_store(&let_go, true);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t before = peek(count);
        for (unsigned k = 0; k < 60000 && peek(count) == before; k++)
            usleep(1000);
        ck_assert_uint_ne(peek(count), before);
    }
    ck_assert_int_eq(twin86_try_pause(machine, 60000), 0);
    ck_assert(!twin86_running(machine));
    two_cpus_run(machine);
    twin86_destroy(machine);
}
END_TEST

/* A step is one CPU's; the other stands still. */
START_TEST(one_steps) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    Twin86Event e;
    Twin86Stop stop;
    count_both(machine);
    ck_assert_int_eq(twin86_step(machine, 2), -EINVAL);
    ck_assert_int_eq(twin86_step(machine, 1), 0);
    ck_assert_int_eq(twin86_wait(machine, 20000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG);
    ck_assert_uint_eq(e.cpu, 1);
    ck_assert_int_eq(twin86_debug_stop(machine, 1, &stop), 0);
    ck_assert(stop.step);
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), 0);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), 1);
    twin86_destroy(machine);
}
END_TEST

/* Who meets a breakpoint stops both. */
START_TEST(breakpoint_stops_both) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    Twin86Event e;
    Twin86Stop stop;
    char why[200];
    Twin86Point p = {.kind = TWIN86_BREAKPOINT, .address = TWO_CPUS_CODE1 + 2};
    count_both(machine);
    ck_assert_int_eq(twin86_point_insert(machine, &p, why, sizeof(why)), 0);
    for (unsigned i = 1; i <= 5; i++) {
        ck_assert_int_eq(twin86_run(machine, 0, &e), 0);
        ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG);
        ck_assert_uint_eq(e.cpu, 1);
        ck_assert_int_eq(twin86_debug_stop(machine, 1, &stop), 0);
        ck_assert_uint_eq(stop.address, p.address);
        ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), i);
        ck_assert_int_eq(twin86_debug_stop(machine, 0, &stop), -ENOENT);
    }
    twin86_destroy(machine);
}
END_TEST

/* Resets while both run: each leaves the first CPU at the reset vector (where FFh, FFh raise #UD, and so on: it resets
 * itself) and the second one waiting for SIPI. */
START_TEST(resets) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    struct Machine *m = machine_of(machine);
    Twin86Stats s;
    for (unsigned i = 0; i < 40; i++) {
        count_both(machine);
        ck_assert(!machine_cpu(m, 1)->wait_for_sipi);
        ck_assert_int_eq(twin86_start(machine, 0), 0);
        if (i % 2 == 0)
            usleep(300);
        uint64_t before = atomic_load(&m->resets);
        twin86_reset(machine);
        for (unsigned k = 0; k < 20000 && atomic_load(&m->resets) == before; k++)
            usleep(100);
        twin86_pause(machine);
        machine_sync_state(m);
        const struct CPUState *ap = machine_cpu(m, 1);
        ck_assert(ap->wait_for_sipi);
        ck_assert_uint_eq(ap->env.rip, 0xfff0);
        ck_assert_uint_eq(ap->env.gpr[REG_BX], 0);
        ck_assert_uint_eq(ap->env.rflags, FLAG_ONE);
        bool own_tsc = strcmp(engine, "kvm") != 0 || !suite_on_pvm(); /* there it is the host's */
        ck_assert(!own_tsc || ap->env.tsc_offset == machine_cpu(m, 0)->env.tsc_offset);
    }
    twin86_stats(machine, &s);
    ck_assert_uint_ge(s.resets, 40);
    twin86_destroy(machine);
}
END_TEST

/* ---- interrupts from one to the other ---- */

struct Report {
    _Atomic bool done;
    _Atomic unsigned value[2];
};

static void report(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Report *r = opaque;
    (void)offset, (void)size;
    atomic_store(&r->value[cpu], (unsigned)value);
    if (cpu == 1 && value == 0x42)
        atomic_store(&r->done, true);
}

/* MOV ECX, register; MOV EDX, high; MOV EAX, low; WRMSR */
#define WRMSR_CODE(reg, high, low)                                                                                     \
    0x66, 0xb9, (reg) & 0xff, (reg) >> 8, 0, 0, 0x66, 0xba, high, 0, 0, 0, 0x66, 0xb8, (low) & 0xff,                   \
        (low) >> 8 & 0xff, (low) >> 16 & 0xff, (low) >> 24 & 0xff, 0x0f, 0x30

/* INIT and SIPI start the second CPU, which then sleeps, and a fixed interrupt wakes it. */
START_TEST(first_starts_second) {
    Twin86Machine *machine = two_cpus_new(with_engine);
    struct Report r = {0};
    Twin86Hook hook = {.write = report, .opaque = &r};
    twin86_hook_ports(machine, 0x80, 1, &hook);
    TWO_CPUS_CODE(machine, 0, WRMSR_CODE(0x1b, 0, 0xfee00d00), /* x2APIC */
                  WRMSR_CODE(0x80f, 0, 0x1ff), WRMSR_CODE(0x830, 1, 0x4500), WRMSR_CODE(0x830, 1, 0x4609),
                  WRMSR_CODE(0x830, 1, 0x40), /* again and again: the first ones find its local APIC off */
                  0xeb, 0xea);                /* JMP to the last one */
    /* CLI; SS:SP = 0:8800h; x2APIC, on; STI; HLT; JMP */
    static const uint8_t code[] = {
        0xfa, 0x31, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x88, WRMSR_CODE(0x1b, 0, 0xfee00c00), WRMSR_CODE(0x80f, 0, 0x1ff),
        0xfb, 0xf4, 0xeb, 0xfc};
    /* MOV AL, 42h; OUT 80h, AL; CLI; HLT */
    static const uint8_t handler[] = {0xb0, 0x42, 0xe6, 0x80, 0xfa, 0xf4};
    static const uint8_t vector[] = {0x00, 0xa0, 0x00, 0x00};
    twin86_write_memory(machine, 0x9000, code, sizeof(code));
    twin86_write_memory(machine, 0xa000, handler, sizeof(handler));
    twin86_write_memory(machine, 0x40 * 4, vector, sizeof(vector));
    ck_assert(machine_cpu(machine_of(machine), 1)->wait_for_sipi);
    two_cpus_run_until(machine, &r.done);
    ck_assert(!machine_cpu(machine_of(machine), 1)->wait_for_sipi);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_CS), 0);
    twin86_destroy(machine);
}
END_TEST

static void post_ipis(Twin86Machine *machine, bool init, unsigned first, unsigned second, bool init_after) {
    struct Machine *m = machine_of(machine);
    struct CPUState *ap = machine_cpu(m, 1);
    pthread_mutex_lock(&m->lock);
    if (init)
        cpu_post_init(ap);
    if (first != 0)
        cpu_post_sipi(ap, (uint8_t)first);
    if (second != 0)
        cpu_post_sipi(ap, (uint8_t)second);
    if (init_after)
        cpu_post_init(ap);
    pthread_mutex_unlock(&m->lock);
    two_cpus_run(machine);
}

/* What comes before the CPU has looked counts in the order in which it came. */
START_TEST(init_and_sipi_in_order) {
    Twin86Machine *machine = two_cpus_new(NULL);
    const struct CPUState *ap = machine_cpu(machine_of(machine), 1);
    static const uint8_t spin[] = {0xeb, 0xfe};
    count_both(machine);
    twin86_write_memory(machine, 0xa000, spin, sizeof(spin));
    post_ipis(machine, false, 0x0a, 0, false); /* SIPI to one that does not wait for it */
    ck_assert(!ap->wait_for_sipi);
    ck_assert_uint_eq(ap->env.seg[SEG_CS].selector, 0);
    post_ipis(machine, true, 0, 0, false);
    ck_assert(ap->wait_for_sipi);
    post_ipis(machine, true, 0x0a, 0x09, false); /* the first SIPI starts it, the second finds it running */
    ck_assert(!ap->wait_for_sipi);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_CS), 0xa00);
    post_ipis(machine, true, 0x09, 0, true);
    ck_assert(ap->wait_for_sipi);
    post_ipis(machine, false, 0x0a, 0, true); /* an INIT withdraws what came before it, here too */
    ck_assert(ap->wait_for_sipi);
    twin86_destroy(machine);
}
END_TEST

static bool apic_at(struct Machine *m, uint64_t at) {
    uint64_t offset, avail;
    const struct Region *r = bus_find(m->bus, at, &offset, &avail);
    return r != NULL && r->kind == REGION_MMIO && strcmp(r->name, "local APIC") == 0;
}

/* Each local APIC is where its CPU has moved it, and nowhere when it is off. */
START_TEST(apics_move) {
    Twin86Machine *machine = two_cpus_new(NULL);
    struct Machine *m = machine_of(machine);
    const uint64_t there = 0xfe000000, here = LAPIC_DEFAULT_BASE;
    pthread_mutex_lock(&m->lock);
    ck_assert(apic_at(m, here) && !apic_at(m, there));
    ck_assert(lapic_set_base(&m->cpus[1].lapic, there | APIC_BASE_ENABLE));
    ck_assert(apic_at(m, here) && apic_at(m, there));
    ck_assert(lapic_set_base(&m->cpus[0].lapic, there | APIC_BASE_ENABLE | APIC_BASE_BSP));
    ck_assert(!apic_at(m, here) && apic_at(m, there));
    ck_assert(lapic_set_base(&m->cpus[1].lapic, there));
    ck_assert(lapic_set_base(&m->cpus[0].lapic, here | APIC_BASE_ENABLE | APIC_BASE_BSP));
    ck_assert(apic_at(m, here) && !apic_at(m, there));
    pthread_mutex_unlock(&m->lock);
    twin86_destroy(machine);
}
END_TEST

static void with_kvm(Twin86Config *c) { c->cpu = "max,vendor=GenuineIntel,kvm=on"; }

/* KVM's hypercall ends an HLT with interrupts off; one that comes before the HLT does it, too, once. */
START_TEST(kick_ends_hlt) {
    Twin86Machine *machine = two_cpus_new(with_kvm);
    struct Report r = {0};
    Twin86Hook hook = {.write = report, .opaque = &r};
    twin86_hook_ports(machine, 0x80, 1, &hook);
    TWO_CPUS_CODE(machine, 0, 0x66, 0xb8, 5, 0, 0, 0, 0x66, 0x31, 0xdb,  /* MOV EAX, KVM_HC_KICK_CPU; XOR EBX, EBX */
                  0x66, 0xb9, 1, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xf4);       /* MOV ECX, 1; VMCALL; HLT */
    TWO_CPUS_CODE(machine, 1, 0xfa, 0xf4, 0xb0, 0x42, 0xe6, 0x80, 0xf4); /* CLI; HLT; MOV AL, 42h; OUT 80h, AL; HLT */
    two_cpus_run_until(machine, &r.done);
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RAX), 0);
    ck_assert_uint_eq(atomic_load(&machine_cpu(machine_of(machine), 1)->events) & CPU_EVENT_UNHALT, 0);
    atomic_store(&r.done, false);
    two_cpus_start_at(machine, 1, TWO_CPUS_CODE1);
    cpu_post(machine_cpu(machine_of(machine), 1), CPU_EVENT_UNHALT);
    two_cpus_run_until(machine, &r.done);
    twin86_destroy(machine);
}
END_TEST

/* ---- code ---- */

struct Shared {
    _Atomic bool running, stored, done;
    _Atomic unsigned told, old_values, new_values;
};

/* Port 80h of the second CPU: what it has in AL. */
static void value_told(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Shared *s = opaque;
    (void)offset, (void)size;
    ck_assert_uint_eq(cpu, 1);
    if (atomic_load(&s->stored))
        atomic_fetch_add(value == 2 ? &s->new_values : &s->old_values, 1);
    if (atomic_fetch_add(&s->told, 1) == 100) /* it is in a block that it decoded a while ago */
        atomic_store(&s->running, true);
    if (atomic_load(&s->new_values) + atomic_load(&s->old_values) >= 20)
        atomic_store(&s->done, true);
}

/* Port 81h of the first CPU: may it store? It has stored. */
static uint64_t may_store(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    struct Shared *s = opaque;
    (void)offset, (void)size, (void)cpu;
    return atomic_load(&s->running);
}

static void has_stored(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Shared *s = opaque;
    (void)offset, (void)size, (void)value;
    ck_assert_uint_eq(cpu, 0);
    atomic_store(&s->stored, true);
}

/* The first CPU stores data to the page in which the second one's code lies, then into that code. Once the store is
 * over, the second one executes what was stored. */
START_TEST(code_of_another) {
    Twin86Machine *machine = two_cpus_new(NULL);
    struct Shared s = {0};
    Twin86Hook tell = {.write = value_told, .opaque = &s}, ask = {may_store, has_stored, &s};
    twin86_hook_ports(machine, 0x80, 1, &tell);
    twin86_hook_ports(machine, 0x81, 1, &ask);
    TWO_CPUS_CODE(machine, 0, 0xb8, 0x00, 0x09, 0x8e, 0xd8, /* MOV DS, 900h */
                  0xc6, 0x06, 0x00, 0x08, 0x05,             /* MOV BYTE [800h], 5 */
                  0xe4, 0x81, 0x84, 0xc0, 0x74, 0xf5,       /* IN AL, 81h; TEST AL, AL; JZ to that */
                  0xc6, 0x06, 0x01, 0x00, 0x02, 0xe6, 0x81, /* MOV BYTE [1], 2; OUT 81h, AL */
                  0xeb, 0xfe);
    two_cpus_run(machine);                                         /* alone: its TLB knows the page as data */
    TWO_CPUS_CODE(machine, 1, 0xb0, 0x01, 0xe6, 0x80, 0xeb, 0xfa); /* MOV AL, 1; OUT 80h, AL; JMP */
    two_cpus_run_until(machine, &s.done);
    ck_assert_uint_le(atomic_load(&s.old_values), 1); /* an MOV may have come before */
    ck_assert_uint_ge(atomic_load(&s.new_values), 19);
    uint8_t flags = machine_of(machine)->ram.page_flags[TWO_CPUS_CODE1 >> 12];
    ck_assert_uint_ne(flags & PAGE_FLAG_CODE, 0);
    twin86_destroy(machine);
}
END_TEST

/* Both have code in one page: what one of them writes to it leaves the other's under guard. */
START_TEST(page_of_both) {
    Twin86Machine *machine = two_cpus_new(NULL);
    static const uint8_t second[] = {0x66, 0x43, 0xeb, 0xfc}, other[] = {0x66, 0x45, 0xeb, 0xfc}; /* INC EBX, EBP */
    /* INC EAX; MOV BYTE [7c80h], NOP; JMP */
    TWO_CPUS_CODE(machine, 0, 0x66, 0x40, 0xc6, 0x06, 0x80, 0x7c, 0x90, 0xeb, 0xf7);
    twin86_write_memory(machine, 0x7d00, second, sizeof(second));
    two_cpus_start_at(machine, 1, 0x7d00);
    two_cpus_run(machine);
    ck_assert_uint_ne(two_cpus_reg(machine, 0, TWIN86_RAX), 0);
    ck_assert_uint_ne(two_cpus_reg(machine, 1, TWIN86_RBX), 0);
    two_cpus_start_at(machine, 1, 0x7d00);
    uint64_t decoded = machine_of(machine)->ram.page_code[7]; /* for each 64 bytes; CPU 0 stores beside them */
    ck_assert_uint_eq(decoded, 1ull << (0xc00 / 64) | 1ull << (0xd00 / 64));
    twin86_write_memory(machine, 0x7d00, other, sizeof(other)); /* a debugger's write */
    uint64_t before = two_cpus_reg(machine, 1, TWIN86_RBX);
    two_cpus_run(machine);
    ck_assert_uint_eq(two_cpus_reg(machine, 1, TWIN86_RBX), before);
    ck_assert_uint_ne(two_cpus_reg(machine, 1, TWIN86_RBP), 0);
    twin86_destroy(machine);
}
END_TEST

/* ---- the memory map ---- */

struct Window {
    struct Machine *m;
    struct Region rom;
    _Atomic bool done;
    _Atomic unsigned changes, seen[2];
};

/* Port 82h of the first CPU: 1 puts ROM over the page at A000h, 0 takes it away. */
static void change_map(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Window *w = opaque;
    (void)offset, (void)size;
    ck_assert_uint_eq(cpu, 0);
    if (value != 0)
        ck_assert_int_eq(bus_map(w->m->bus, 0xa000, &w->rom), 0);
    else
        bus_unmap(w->m->bus, &w->rom);
    if (atomic_fetch_add(&w->changes, 1) >= 200 && atomic_load(&w->seen[0]) > 0 && atomic_load(&w->seen[1]) > 0)
        atomic_store(&w->done, true);
}

/* Port 83h of the second CPU: what it reads there. */
static void see(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Window *w = opaque;
    (void)offset, (void)size;
    ck_assert_uint_eq(cpu, 1);
    ck_assert(value == 0x11 || value == 0x22);
    atomic_fetch_add(&w->seen[value == 0x22], 1);
}

/* The first CPU changes the map all the time and looks at it, while the second one reads there. */
START_TEST(map_changes) {
    static const uint8_t rom[4096] = {0x22}, ram = 0x11;
    Twin86Machine *machine = two_cpus_new(with_engine);
    struct Window w = {.m = machine_of(machine)};
    Twin86Hook change = {.write = change_map, .opaque = &w}, look = {.write = see, .opaque = &w};
    ck_assert_int_eq(region_init_rom(&w.rom, "rom", rom, sizeof(rom), sizeof(rom)), 0);
    twin86_write_memory(machine, 0xa000, &ram, 1);
    twin86_hook_ports(machine, 0x82, 1, &change);
    twin86_hook_ports(machine, 0x83, 1, &look);
    TWO_CPUS_CODE(machine, 0, 0xb0, 0x01, 0xe6, 0x82,        /* MOV AL, 1; OUT 82h, AL */
                  0x80, 0x3e, 0x00, 0xa0, 0x22, 0x75, 0x0d,  /* CMP BYTE [0a000h], 22h; JNE wrong */
                  0xb0, 0x00, 0xe6, 0x82,                    /* MOV AL, 0; OUT 82h, AL */
                  0x80, 0x3e, 0x00, 0xa0, 0x11, 0x74, 0xea,  /* CMP BYTE [0a000h], 11h; JE to the beginning */
                  0x90, 0x90, 0xbb, 0x01, 0x00, 0xeb, 0xfe); /* wrong: MOV BX, 1; JMP $ */
    TWO_CPUS_CODE(machine, 1, 0xa0, 0x00, 0xa0, 0xe6, 0x83, 0xeb, 0xf9); /* MOV AL, [0a000h]; OUT 83h, AL; JMP */
    two_cpus_run_until(machine, &w.done);
    ck_assert_uint_eq(two_cpus_reg(machine, 0, TWIN86_RBX), 0);
    bus_unmap(w.m->bus, &w.rom);
    twin86_destroy(machine);
    region_destroy(&w.rom);
}
END_TEST

static void add_each_engine(TCase *t) {
    tcase_set_timeout(t, 120);
    tcase_add_test(t, ids_follow_topology);
    tcase_add_test(t, both_run);
    tcase_add_test(t, pauses);
    tcase_add_test(t, all_or_none_pause);
    tcase_add_test(t, one_steps);
    tcase_add_test(t, breakpoint_stops_both);
    tcase_add_test(t, resets);
    tcase_add_test(t, first_starts_second);
}

static void add_kvm(Suite *s) {
    enum { TESTS = 8 };
    const struct AccelOps *kvm = accel_find("kvm");
    char why[200] = "built without kvm";
    if (kvm == NULL || kvm->probe(why, sizeof(why)) != 0) {
        suite_skip("two CPUs under kvm", TESTS, why);
        return;
    }
    TCase *t = tcase_create("kvm");
    tcase_add_unchecked_fixture(t, on_kvm, NULL);
    add_each_engine(t);
    tcase_add_test(t, map_changes);
    suite_add_tcase(s, t);
}

Suite *vcpus_suite(void) {
    Suite *s = suite_create("vcpus");
    TCase *t = tcase_create("tcg-lite");
    tcase_add_unchecked_fixture(t, on_tcg_lite, NULL);
    add_each_engine(t);
    tcase_add_test(t, map_changes);
    tcase_add_test(t, users_get_many);
    tcase_add_test(t, init_and_sipi_in_order);
    tcase_add_test(t, apics_move);
    tcase_add_test(t, kick_ends_hlt);
    tcase_add_test(t, code_of_another);
    tcase_add_test(t, page_of_both);
    suite_add_tcase(s, t);
    t = tcase_create("one thread");
    tcase_add_unchecked_fixture(t, in_one_thread, NULL);
    add_each_engine(t);
    suite_add_tcase(s, t);
    add_kvm(s);
    return s;
}
