/* SPDX-License-Identifier: MIT */
/* Several vCPUs under kvm: what they have in common without any KVM, then small guests on the host's, with either kind
 * of interrupt controllers. */
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/suites.h"

#ifdef HAVE_KVM
#include "accel/kvm/kvm.h"
#include "accel/registry.h"
#include "tests/unit/state/state_bench.h"

#include <stdlib.h>

/* ---- invented vCPUs ---- */

enum { VCPUS = 3 };

static struct {
    struct KvmVm vm;
    struct KvmVcpu vcpu[VCPUS];
    struct CPUState cpu[VCPUS];
    struct kvm_run run[VCPUS];
} b;

static void setup(void) {
    memset(&b, 0, sizeof(b));
    kvm_time_init(&b.vm.time);
    kvm_gate_init(&b.vm.gate);
    for (unsigned i = 0; i < VCPUS; i++) {
        b.vcpu[i] = (struct KvmVcpu){.vm = &b.vm, .cpu = &b.cpu[i], .run = &b.run[i], .fd = -1};
        pthread_mutex_init(&b.vcpu[i].kick_lock, NULL);
        b.vm.vcpu[i] = &b.vcpu[i];
    }
}

static void teardown(void) {
    for (unsigned i = 0; i < VCPUS; i++)
        pthread_mutex_destroy(&b.vcpu[i].kick_lock);
    kvm_gate_destroy(&b.vm.gate);
    kvm_time_destroy(&b.vm.time);
}

/* As kvm_put_time does it, without KVM. */
static uint64_t place(unsigned i, uint64_t epoch, uint64_t sample) {
    uint64_t wanted = b.cpu[i].env.tsc_offset;
    bool shared;
    uint64_t kvm = kvm_place_tsc(&b.vm, wanted, epoch, sample, &shared);
    b.vcpu[i].tsc =
        (struct KvmTsc){.kvm = kvm, .env = wanted, .placed = wanted, .placed_kvm = kvm, .epoch = epoch, .known = true};
    return kvm;
}

/* As kvm_get_time. */
static void look(unsigned i, uint64_t epoch, uint64_t sample) {
    b.vcpu[i].tsc.env = b.cpu[i].env.tsc_offset = b.vcpu[i].tsc.kvm + sample;
    b.vcpu[i].tsc.kvmclock = b.cpu[i].env.kvm_clock_offset = sample / 2;
    b.vm.time.tsc_sample = sample;
    b.vm.time.kvmclock = sample / 2;
    b.vm.time.sample_epoch = epoch;
    b.vm.time.sampled = true;
}

/* Those with the same TSC are given the same offset, however late; one with another keeps its distance. */
START_TEST(tscs_that_are_one) {
    b.cpu[0].env.tsc_offset = b.cpu[1].env.tsc_offset = 5000, b.cpu[2].env.tsc_offset = 7000;
    ck_assert_uint_eq(place(0, 1, 100), 4900);
    ck_assert_uint_eq(place(2, 1, 103), 6897);
    ck_assert_uint_eq(place(1, 1, 250), 4900);
    /* the clock has stood still meanwhile, so what was given before says nothing */
    ck_assert_uint_eq(place(1, 2, 60), 4940);
    ck_assert_uint_eq(place(0, 2, 70), 4940);
}
END_TEST

/* The three stop one after the other, so they are looked at at different times; the third one has never run. */
START_TEST(tscs_stay_one) {
    for (unsigned i = 0; i < VCPUS; i++)
        b.cpu[i].env.tsc_offset = 5000;
    place(0, 1, 100);
    place(1, 1, 101);
    look(0, 1, 103);
    look(1, 1, 98);
    ck_assert_uint_ne(b.cpu[0].env.tsc_offset, b.cpu[1].env.tsc_offset);
    kvm_settle_time(&b.vm);
    for (unsigned i = 0; i < VCPUS; i++) {
        ck_assert_uint_eq(b.cpu[i].env.tsc_offset, 4998);
        ck_assert_uint_eq(b.vcpu[i].tsc.known, i < 2);
    }
    ck_assert_uint_eq(b.cpu[0].env.kvm_clock_offset, b.cpu[1].env.kvm_clock_offset);
    kvm_settle_time(&b.vm); /* looking again changes nothing */
    ck_assert_uint_eq(b.cpu[0].env.tsc_offset, 4998);
    ck_assert_uint_eq(place(2, 1, 400), 4900); /* begins late, and is in time */
    ck_assert_uint_eq(place(0, 1, 300), 4900);
}
END_TEST

/* One sleeps from one pause to the next: KVM's idea of its TSC is of the time before. */
START_TEST(tsc_of_a_sleeper) {
    b.cpu[0].env.tsc_offset = b.cpu[1].env.tsc_offset = 5000;
    place(0, 1, 100);
    place(1, 1, 100);
    look(0, 1, 100);
    look(1, 1, 100);
    kvm_settle_time(&b.vm);
    place(0, 3, 20); /* 80 have gone by */
    look(0, 3, 23);
    kvm_settle_time(&b.vm);
    ck_assert_uint_eq(b.cpu[0].env.tsc_offset, 5003);
    ck_assert_uint_eq(b.cpu[1].env.tsc_offset, 5003);
    place(1, 3, 23);
    ck_assert_uint_eq(b.vcpu[1].tsc.kvm, b.vcpu[0].tsc.kvm);
}
END_TEST

/* The guest has set one TSC: the distance stays as it is. What somebody else has put into env stays, too. */
START_TEST(tscs_that_differ) {
    b.cpu[0].env.tsc_offset = b.cpu[1].env.tsc_offset = b.cpu[2].env.tsc_offset = 5000;
    for (unsigned i = 0; i < VCPUS; i++)
        place(i, 1, 100);
    b.vcpu[1].tsc.kvm += 777;
    for (unsigned i = 0; i < VCPUS; i++)
        look(i, 1, 100 + i);
    b.cpu[2].env.tsc_offset = 1, b.cpu[2].env.kvm_clock_offset = 2; /* a restored state */
    kvm_settle_time(&b.vm);
    ck_assert_uint_eq(b.cpu[1].env.tsc_offset - b.cpu[0].env.tsc_offset, 777);
    ck_assert_uint_eq(b.cpu[2].env.tsc_offset, 1);
    ck_assert_uint_eq(b.cpu[2].env.kvm_clock_offset, 2);
}
END_TEST

/* Who waits for a SIPI must be in the state in which KVM hears one. */
START_TEST(mp_states) {
    static const struct {
        uint32_t from;
        bool halted, waits;
        uint32_t to;
    } rows[] = {
        {KVM_MP_STATE_RUNNABLE, false, false, KVM_MP_STATE_RUNNABLE},
        {KVM_MP_STATE_HALTED, true, false, KVM_MP_STATE_HALTED},
        {KVM_MP_STATE_UNINITIALIZED, false, true, KVM_MP_STATE_INIT_RECEIVED},
        {KVM_MP_STATE_INIT_RECEIVED, false, true, KVM_MP_STATE_INIT_RECEIVED},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kvm_mp_state_to_cpu(rows[i].from, &b.cpu[0]);
        ck_assert_uint_eq(b.cpu[0].halted, rows[i].halted);
        ck_assert_uint_eq(b.cpu[0].wait_for_sipi, rows[i].waits);
        ck_assert_uint_eq(kvm_mp_state_from_cpu(&b.cpu[0]), rows[i].to);
    }
}
END_TEST

/* ---- the gate ---- */

static struct {
    _Atomic bool end;
    _Atomic unsigned inside, entered[VCPUS];
} g;

/* A vCPU whose KVM_RUN lasts until immediate_exit is set. */
static void *run_in_gate(void *opaque) {
    struct KvmVcpu *v = opaque;
    while (!atomic_load(&g.end)) {
        __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        kvm_gate_enter(v);
        atomic_fetch_add(&g.inside, 1);
        atomic_fetch_add(&g.entered[v - b.vcpu], 1);
        while (__atomic_load_n(&v->run->immediate_exit, __ATOMIC_SEQ_CST) == 0 && !atomic_load(&g.end))
            usleep(10);
        atomic_fetch_sub(&g.inside, 1);
        kvm_gate_leave(v);
    }
    return NULL;
}

START_TEST(gate_keeps_all_out) {
    enum { TIMES = 200 };
    pthread_t thread[VCPUS];
    memset(&g, 0, sizeof(g));
    for (unsigned i = 0; i < VCPUS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, run_in_gate, &b.vcpu[i]), 0);
    for (unsigned i = 0; i < TIMES; i++) {
        unsigned before[VCPUS];
        kvm_gate_close(&b.vm);
        ck_assert_uint_eq(atomic_load(&g.inside), 0);
        if (i % 50 == 0)
            usleep(500);
        ck_assert_uint_eq(atomic_load(&g.inside), 0);
        for (unsigned k = 0; k < VCPUS; k++)
            before[k] = atomic_load(&g.entered[k]);
        kvm_gate_open(&b.vm);
        for (unsigned k = 0; k < VCPUS; k++) /* nobody is left behind */
            for (unsigned n = 0; n < 100000 && atomic_load(&g.entered[k]) == before[k]; n++)
                usleep(100);
        for (unsigned k = 0; k < VCPUS; k++)
            ck_assert_uint_ne(atomic_load(&g.entered[k]), before[k]);
    }
    atomic_store(&g.end, true);
    for (unsigned i = 0; i < VCPUS; i++)
        pthread_join(thread[i], NULL);
}
END_TEST

/* ---- guests on the host's KVM ---- */

static bool kernel_irqchip;
static void with_pic(void) { kernel_irqchip = false; }
static void with_irqchip(void) { kernel_irqchip = true; }

static void on_kvm(Twin86Config *c) {
    c->accel = "kvm";
    c->kernel_irqchip = kernel_irqchip;
}

static void four_on_kvm(Twin86Config *c) {
    on_kvm(c);
    c->cpus = 4;
}

static void on_both(Twin86Config *c) {
    c->accel = "kvm:tcg-lite";
    c->handover = true;
}

/* Each with LOCK at 500h takes the TSC, compares it with the last one of all at 508h, and counts at 510h + BX; those
 * that are behind are counted at 520h. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "tsc_guest:\n"
        "  cli\n  xor %ax, %ax\n  mov %ax, %ds\n"
        "1: mov $1, %al\n"
        "2: xchg %al, 0x500\n  test %al, %al\n  jz 3f\n  pause\n  jmp 2b\n"
        "3: rdtsc\n"
        "  cmp 0x50c, %edx\n  jb 5f\n  ja 4f\n  cmp 0x508, %eax\n  jb 5f\n"
        "4: mov %eax, 0x508\n  mov %edx, 0x50c\n  movb $0, 0x500\n"
        "  incl 0x510(%bx)\n  jmp 1b\n"
        "5: incl 0x520\n  jmp 4b\n"
        "tsc_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t tsc_guest[], tsc_guest_end[];

/* What the guest has read last lies between what env said before and what it says now: it tells the truth, and time
 * that the machine stands does not count. */
static void check_tsc(Twin86Machine *machine, uint64_t before) {
    struct CPUState *cpu = machine_cpu(machine_of(machine), 0);
    uint64_t last = 0, slack = cpu->tsc_hz / 1000, now = cpu_read_tsc(cpu);
    twin86_read_memory(machine, 0x508, &last, sizeof(last));
    ck_assert_uint_le(before, last + slack);
    ck_assert_uint_le(last, now + slack);
}

static uint32_t word_at(Twin86Machine *m, uint64_t at) {
    uint32_t v = 0;
    twin86_read_memory(m, at, &v, sizeof(v));
    return v;
}

static void put_all_at(Twin86Machine *m, const uint8_t *code, const uint8_t *end) {
    twin86_write_memory(m, TWO_CPUS_CODE0, code, (size_t)(end - code));
    for (unsigned i = 0; i < twin86_cpu_count(m); i++) {
        two_cpus_start_at(m, i, TWO_CPUS_CODE0);
        twin86_write_reg(m, i, TWIN86_RBX, 4 * i);
    }
}

/* They run until the counters at `at` of all of them have moved on by `by`; then they stand. */
static void run_all(Twin86Machine *m, uint64_t at, uint32_t by) {
    uint32_t before[8];
    unsigned count = twin86_cpu_count(m), moved = 0;
    for (unsigned i = 0; i < count; i++)
        before[i] = word_at(m, at + 4 * i);
    for (unsigned k = 0; k < 20000 && moved < count; k++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        usleep(500);
        twin86_pause(m);
        moved = 0;
        for (unsigned i = 0; i < count; i++)
            moved += word_at(m, at + 4 * i) - before[i] >= by;
    }
    ck_assert_uint_eq(moved, count);
}

static void same_times(Twin86Machine *machine) {
    struct Machine *m = machine_of(machine);
    machine_sync_state(m);
    for (unsigned i = 1; i < m->cpu_count; i++) {
        ck_assert_uint_eq(machine_cpu(m, i)->env.tsc_offset, machine_cpu(m, 0)->env.tsc_offset);
        ck_assert_uint_eq(machine_cpu(m, i)->env.kvm_clock_offset, machine_cpu(m, 0)->env.kvm_clock_offset);
    }
}

/* No vCPU's TSC is ever behind what another one has read, through pauses. */
START_TEST(tsc_is_one) {
    Twin86Machine *m = two_cpus_new(four_on_kvm);
    put_all_at(m, tsc_guest, tsc_guest_end);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t before = cpu_read_tsc(machine_cpu(machine_of(m), 0));
        usleep(20000);
        run_all(m, 0x510, 20);
        ck_assert_uint_eq(word_at(m, 0x520), 0);
        same_times(m);
        check_tsc(m, before);
        if (i % 3 == 2)
            machine_state_changed(machine_of(m)); /* all is put anew */
    }
    twin86_destroy(m);
}
END_TEST

/* And through engines. */
START_TEST(tsc_is_one_everywhere) {
    Twin86Machine *m = two_cpus_new(on_both);
    char why[200];
    put_all_at(m, tsc_guest, tsc_guest_end);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t before = cpu_read_tsc(machine_cpu(machine_of(m), 0));
        usleep(20000);
        run_all(m, 0x510, 20);
        ck_assert_uint_eq(word_at(m, 0x520), 0);
        same_times(m);
        check_tsc(m, before);
        ck_assert_msg(twin86_set_accel(m, i % 2 ? "kvm" : "tcg-lite", why, sizeof(why)) == 0, "%s", why);
        same_times(m);
    }
    twin86_destroy(m);
}
END_TEST

/* A reset while all run: their TSCs begin together. */
START_TEST(tsc_after_reset) {
    Twin86Machine *machine = two_cpus_new(four_on_kvm);
    struct Machine *m = machine_of(machine);
    for (unsigned i = 0; i < 10; i++) {
        put_all_at(machine, tsc_guest, tsc_guest_end);
        ck_assert_int_eq(twin86_start(machine, 0), 0);
        usleep(200);
        uint64_t before = atomic_load(&m->resets);
        twin86_reset(machine);
        for (unsigned k = 0; k < 200000 && atomic_load(&m->resets) == before; k++)
            usleep(100);
        twin86_pause(machine);
        same_times(machine);
        for (unsigned k = 1; k < m->cpu_count; k++)
            ck_assert(machine_cpu(m, k)->wait_for_sipi);
    }
    twin86_destroy(machine);
}
END_TEST

/* With BX = 0 it changes the memory map all the time by port 82h; the others count at 610h + BX, and all of them with
 * LOCK at 600h, in the memory that the map puts elsewhere. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "lock_guest:\n"
        "  cli\n  xor %ax, %ax\n  mov %ax, %ds\n"
        "  test %bx, %bx\n  jz 2f\n"
        "1: lock incl 0x600\n  incl 0x610(%bx)\n  jmp 1b\n"
        "2: xor $1, %al\n  out %al, $0x82\n  incl 0x610(%bx)\n  jmp 2b\n"
        "lock_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t lock_guest[], lock_guest_end[];

struct Window {
    struct Machine *m;
    struct Region rom;
};

static void change_map(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Window *w = opaque;
    (void)offset, (void)size, (void)cpu;
    if (value != 0)
        ck_assert_int_eq(bus_map(w->m->bus, 0xa000, &w->rom), 0);
    else
        bus_unmap(w->m->bus, &w->rom);
}

START_TEST(lock_while_memory_moves) {
    static const uint8_t rom[4096];
    Twin86Machine *m = two_cpus_new(four_on_kvm);
    struct Window w = {.m = machine_of(m)};
    Twin86Hook hook = {.write = change_map, .opaque = &w};
    ck_assert_int_eq(region_init_rom(&w.rom, "rom", rom, sizeof(rom), sizeof(rom)), 0);
    twin86_hook_ports(m, 0x82, 1, &hook);
    put_all_at(m, lock_guest, lock_guest_end);
    run_all(m, 0x610, 100);
    uint32_t sum = word_at(m, 0x614) + word_at(m, 0x618) + word_at(m, 0x61c), all = word_at(m, 0x600);
    ck_assert_msg(all >= sum && all - sum <= 3, "%u counted, %u in all", sum, all); /* each may be between its two */
    twin86_destroy(m);
    region_destroy(&w.rom);
}
END_TEST

struct Steps {
    _Atomic bool initialized, started;
};

/* Port 80h: the first one has sent INIT, the second one has begun. */
static void step_done(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Steps *s = opaque;
    (void)offset, (void)value, (void)size;
    atomic_store(cpu == 0 ? &s->initialized : &s->started, true);
}

static Twin86Machine *moved(Twin86Machine *from, const Twin86Hook *hook) {
    Twin86Machine *to = two_cpus_new(on_kvm);
    struct SavedState s = bench_save(from);
    bench_restore(to, &s);
    free(s.data);
    twin86_destroy(from);
    twin86_hook_ports(to, 0x80, 1, hook);
    return to;
}

/* x2APIC mode; INIT to the second one, and that is told. Then, begun anew, a SIPI to A000h. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "sipi_guest:\n"
        "  mov $0x1b, %ecx\n  mov $0xfee00d00, %eax\n  xor %edx, %edx\n  wrmsr\n"
        "  mov $0x80f, %ecx\n  mov $0x1ff, %eax\n  wrmsr\n"
        "  mov $0x830, %ecx\n  mov $1, %edx\n  mov $0x4500, %eax\n  wrmsr\n"
        "  out %al, $0x80\n"
        "1: jmp 1b\n"
        "sipi_guest_sends:\n"
        "  mov $0x460a, %eax\n  wrmsr\n"
        "2: jmp 2b\n"
        "sipi_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t sipi_guest[], sipi_guest_sends[], sipi_guest_end[];

/* Between INIT and SIPI the machine stands, and is looked at; then all registers are given to KVM anew; then it is
 * another machine. The SIPI is heard in each case. */
START_TEST(sipi_after_a_pause) {
    static const uint8_t second[] = {0xe6, 0x80, 0xeb, 0xfe}, spin[] = {0xeb, 0xfe}; /* OUT 80h, AL; JMP $ */
    struct Steps s = {0};
    Twin86Hook hook = {.write = step_done, .opaque = &s};
    Twin86Machine *m = two_cpus_new(on_kvm);
    twin86_hook_ports(m, 0x80, 1, &hook);
    two_cpus_code(m, 0, sipi_guest, (size_t)(sipi_guest_end - sipi_guest));
    two_cpus_code(m, 1, spin, sizeof(spin));
    twin86_write_memory(m, 0xa000, second, sizeof(second));
    two_cpus_run_until(m, &s.initialized);
    machine_sync_state(machine_of(m));
    if (_i == 1)
        machine_state_changed(machine_of(m));
    if (_i == 2)
        m = moved(m, &hook);
    const struct CPUState *ap = machine_cpu(machine_of(m), 1);
    ck_assert(ap->wait_for_sipi || (atomic_load(&ap->events) & CPU_EVENT_INIT) != 0);
    two_cpus_start_at(m, 0, (uint16_t)(TWO_CPUS_CODE0 + (sipi_guest_sends - sipi_guest)));
    two_cpus_run_until(m, &s.started);
    machine_sync_state(machine_of(m));
    ck_assert(!machine_cpu(machine_of(m), 1)->wait_for_sipi);
    twin86_destroy(m);
}
END_TEST

/* More than the host's KVM gives are refused, in words. */
START_TEST(too_many) {
    struct CPUState cpu = {.index = 2};
    struct KvmVm vm = {.caps = {.vcpus = 2, .vcpu_ids = 2}};
    struct Accel accel = {.data = &vm};
    ck_assert_int_eq(kvm_vcpu_init(&cpu, &accel), -EINVAL);
    ck_assert_str_eq(cpu.error,
                     "kvm: this host's KVM gives a guest 2 processors at most; -accel tcg-lite has no such limit");
    cpu.index = 1;
    cpu.apic_id = 2; /* of a topology whose ids have gaps */
    ck_assert_int_eq(kvm_vcpu_init(&cpu, &accel), -EINVAL);
    ck_assert_str_eq(cpu.error, "kvm: this host's KVM has APIC ids below 2, and a processor is to have 2; use numbers "
                                "of cores and threads that are powers of two");
}
END_TEST

static void add_guests(Suite *s) {
    char why[200] = "";
    if (kvm_probe(why, sizeof(why)) != 0) {
        suite_skip("several CPUs under kvm", 13, why);
        return;
    }
    const bool pvm = suite_on_pvm();
    for (unsigned chip = 0; chip < 2; chip++) {
        TCase *t = tcase_create(chip ? "kernel-irqchip=on" : "kernel-irqchip=off");
        tcase_set_timeout(t, 120);
        tcase_add_unchecked_fixture(t, chip ? with_irqchip : with_pic, NULL);
        tcase_add_test(t, lock_while_memory_moves);
        if (!pvm) {
            tcase_add_test(t, tsc_is_one);
            tcase_add_test(t, tsc_after_reset);
            tcase_add_loop_test(t, sipi_after_a_pause, 0, 3);
            if (chip == 0)
                tcase_add_test(t, tsc_is_one_everywhere);
        }
        suite_add_tcase(s, t);
    }
    if (pvm)
        suite_skip("times and SIPIs of several CPUs", 11,
                   "kvm_pvm's guests have the host's TSC, and its vCPUs do not always show an INIT before they run");
}

#endif

Suite *kvm_smp_suite(void) {
    Suite *s = suite_create("kvm-smp");
#ifdef HAVE_KVM
    const TTest *const tests[] = {tscs_that_are_one, tscs_stay_one, tsc_of_a_sleeper,  tscs_that_differ,
                                  mp_states,         too_many,      gate_keeps_all_out};
    TCase *t = tcase_create("invented");
    tcase_add_checked_fixture(t, setup, teardown);
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    add_guests(s);
#endif
    return s;
}
