/* SPDX-License-Identifier: MIT */
/*
 * Page tables that change while all processors use them. After a shootdown (everybody has executed INVLPG or loaded
 * CR3, and has said so) nobody may read, write or execute through the old mapping; accessed and dirty bits, which
 * processors set by locked operations, never get lost, nor does what software does to the same entry at the same time
 * (SDM vol. 3, 4.8, 4.10.4, 4.10.5). And the accessed and busy bits of descriptors.
 */
#include "guest.h"

enum { WORDS = PAGE / 8, FRAMES = 16, POISON = 0xdead };
/* The page that everybody uses, and frames it may show. Frames are written by their own addresses. */
#define THE_PAGE ((uint64_t)SMALL_ALIAS + 64 * PAGE)
#define LARGE_FRAME(i) ((uint64_t)ARENA + (1 + (i)) * LARGE_PAGE)
#define SMALL_FRAME(i) ((uint64_t)ARENA + (128 + (i)) * PAGE)

static volatile uint32_t over;
static uint64_t rounds_wanted;

/* ---- shootdown ---- */

enum Flush { FLUSH_INVLPG, FLUSH_CR3 };
static struct {
    volatile uint32_t acknowledged;
    uint64_t address;
    enum Flush how;
} shootdown;

static void flush_here(void) {
    if (shootdown.how == FLUSH_INVLPG)
        invlpg(at(shootdown.address));
    else
        flush_tlb();
}

static void on_shootdown(struct Frame *f) {
    (void)f;
    flush_here();
    end_of_interrupt();
    __atomic_add_fetch(&shootdown.acknowledged, 1, __ATOMIC_ACQ_REL);
}

static void shoot_down(uint64_t address, enum Flush how) {
    shootdown.address = address;
    shootdown.how = how;
    __atomic_store_n(&shootdown.acknowledged, 0, __ATOMIC_RELEASE);
    send_ipi(0, ICR_FIXED | ICR_OTHERS | VECTOR_TEST);
    flush_here();
    wait_for(&shootdown.acknowledged, cpu_count - 1, "everybody's answer to a shootdown");
}

static void forget_page(unsigned cpu) {
    (void)cpu;
    invlpg(at(shootdown.address));
}

/* Before a test: an entry, and no processor that remembers another. */
static void set_before_all(uint64_t address, uint64_t entry) {
    *entry_of(address) = entry;
    shootdown.address = address;
    on_cpus(cpu_count, forget_page);
}

/* ---- ways to change a mapping ---- */

struct Change {
    const char *name;
    uint64_t page;  /* the linear address that is used */
    uint64_t flags; /* of its entry */
    enum Flush how;
    bool goes_away; /* is not present for a while; the others' page faults wait */
    bool is_large;
};
static const struct Change changes[] = {
    {"INVLPG", THE_PAGE, PTE_P | PTE_W, FLUSH_INVLPG, false, false},
    {"CR3", THE_PAGE, PTE_P | PTE_W, FLUSH_CR3, false, false},
    {"INVLPG, global", THE_PAGE, PTE_P | PTE_W | PTE_G, FLUSH_INVLPG, false, false},
    {"INVLPG, not present between", THE_PAGE, PTE_P | PTE_W, FLUSH_INVLPG, true, false},
    {"INVLPG, large page", LARGE_ALIAS + 3ULL * LARGE_PAGE, PTE_P | PTE_W | PTE_PS, FLUSH_INVLPG, false, true},
    {"CR3, large page, not present between", LARGE_ALIAS + 3ULL * LARGE_PAGE, PTE_P | PTE_W | PTE_PS, FLUSH_CR3, true,
     true},
};
enum { CHANGES = sizeof(changes) / sizeof(changes[0]) };
static const struct Change *change;

static uint64_t frame(unsigned i) { return change->is_large ? LARGE_FRAME(i % 2) : SMALL_FRAME(i % FRAMES); }

/* A frame's first words: what it holds; code that returns that; and a word for each processor to write. */
enum { TAG, CODE = 8, OWN = 64 };

static void fill(uint64_t physical, uint32_t tag) {
    volatile uint64_t *p = at(physical);
    uint8_t *code = at(physical + CODE * 8);
    code[0] = 0xb8; /* mov $tag, %eax; ret */
    memcpy(code + 1, &tag, 4);
    code[5] = 0xc3;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        p[OWN + i] = tag;
    p[TAG] = tag;
}

static void on_page_fault(struct Frame *f) {
    if (!change->goes_away || (f->error & 1) != 0)
        give_up("processor %u: page fault, error code %x, rip %x", (uint64_t)this_cpu(), f->error, f->rip);
    pause(); /* and try again */
}

static void use_page(unsigned cpu) {
    volatile uint64_t *page = at(change->page);
    uint32_t (*code)(void) = (uint32_t (*)(void))(change->page + CODE * 8);
    for (uint64_t turn = 0; !over; turn++) {
        if (page[TAG] == POISON)
            fail("%s: processor %u reads by a mapping that is gone", change->name, (uint64_t)cpu);
        if (code() == POISON)
            fail("%s: processor %u executes by a mapping that is gone", change->name, (uint64_t)cpu);
        page[OWN + cpu] = turn;
        if (turn % 64 == 0)
            pause();
    }
}

static void poison(unsigned round, uint64_t physical) {
    fill(physical, POISON);
    if (round % 2)
        pause();
}

/* Whether a frame that nobody has a mapping of is as it was left. */
static void check_untouched(uint64_t physical) {
    volatile uint64_t *p = at(physical);
    for (unsigned i = 0; i < cpu_count; i++)
        if (p[OWN + i] != POISON)
            fail("%s: processor %u has written by a mapping that is gone", change->name, (uint64_t)i);
}

static void change_page(void) {
    volatile uint64_t *entry = entry_of(change->page);
    for (unsigned round = 1; round <= rounds_wanted; round++) {
        uint64_t old = frame(round - 1), new = frame(round);
        if (round > 1)
            check_untouched(new);
        fill(new, round);
        if (change->goes_away) {
            *entry = 0;
            shoot_down(change->page, change->how);
        }
        *entry = new | change->flags;
        if (!change->goes_away)
            shoot_down(change->page, change->how);
        poison(round, old);
    }
    over = 1;
}

static void change_or_use(unsigned cpu) {
    if (cpu == 0)
        change_page();
    else
        use_page(cpu);
}

static void global_pages(unsigned cpu) {
    (void)cpu;
    __asm__ volatile("mov %%cr4, %%rax\n\tor $0x80, %%rax\n\tmov %%rax, %%cr4" ::: "rax", "memory");
}

static void mappings(uint64_t rounds) {
    handle(VECTOR_TEST, on_shootdown);
    handle(VECTOR_PAGE_FAULT, on_page_fault);
    on_cpus(cpu_count, global_pages);
    for (change = changes; change < changes + CHANGES; change++) {
        over = 0;
        rounds_wanted = rounds;
        for (unsigned i = 0; i < FRAMES; i++)
            poison(0, frame(i));
        fill(frame(0), 0);
        set_before_all(change->page, frame(0) | change->flags);
        on_cpus(cpu_count, change_or_use);
    }
    handle(VECTOR_PAGE_FAULT, 0);
}

/* ---- write protection, as copy-on-write has it: what is shot down is not written any more ---- */

static volatile uint32_t writable;

static void on_write_fault(struct Frame *f) {
    if ((f->error & 3) != 3)
        give_up("processor %u: page fault, error code %x, rip %x", (uint64_t)this_cpu(), f->error, f->rip);
    for (uint64_t turn = 0; !writable && !over;) {
        sti(); /* shootdowns go on */
        wait_turn(&turn, "a page that can be written");
        cli();
    }
}

static void protect(unsigned cpu) {
    volatile uint64_t *page = at(THE_PAGE), *same = at(SMALL_FRAME(0)), *entry = entry_of(THE_PAGE);
    if (cpu != 0) {
        for (uint64_t n = 0; !over; n++)
            page[OWN + cpu] = n;
        return;
    }
    for (unsigned round = 0; round < rounds_wanted; round++) {
        uint64_t before[MAX_CPUS];
        writable = 0;
        __atomic_and_fetch(entry, ~(uint64_t)PTE_W, __ATOMIC_SEQ_CST);
        shoot_down(THE_PAGE, FLUSH_INVLPG);
        for (unsigned i = 1; i < cpu_count; i++)
            before[i] = same[OWN + i];
        for (unsigned i = 0; i < 50; i++)
            pause();
        for (unsigned i = 1; i < cpu_count; i++)
            if (same[OWN + i] != before[i])
                fail("processor %u writes to a page that can't be written", (uint64_t)i);
        __atomic_or_fetch(entry, PTE_W, __ATOMIC_SEQ_CST);
        writable = 1;
    }
    over = 1;
}

static void protection(uint64_t rounds) {
    handle(VECTOR_TEST, on_shootdown);
    handle(VECTOR_PAGE_FAULT, on_write_fault);
    over = 0, writable = 1, rounds_wanted = rounds;
    set_before_all(THE_PAGE, SMALL_FRAME(0) | PTE_P | PTE_W);
    on_cpus(cpu_count, protect);
    handle(VECTOR_PAGE_FAULT, 0);
}

/* ---- dirty bits: an entry that is taken away clean means that nobody has written ---- */

static void on_absent(struct Frame *f) {
    if ((f->error & 1) != 0)
        give_up("processor %u: page fault, error code %x, rip %x", (uint64_t)this_cpu(), f->error, f->rip);
    sti();
    pause();
    cli();
}

static void write_and_take(unsigned cpu) {
    volatile uint64_t *page = at(THE_PAGE), *same = at(SMALL_FRAME(0)), *entry = entry_of(THE_PAGE);
    uint64_t dirty = 0;
    if (cpu != 0) {
        for (uint64_t n = 1; !over; n++) {
            page[OWN + cpu] = n;
            for (uint32_t i = random_below(40); i > 0; i--)
                pause();
        }
        return;
    }
    for (unsigned round = 0; round < rounds_wanted; round++) {
        uint64_t before[MAX_CPUS];
        for (unsigned i = 1; i < cpu_count; i++)
            before[i] = same[OWN + i]; /* nobody has a mapping now */
        *entry = SMALL_FRAME(0) | PTE_P | PTE_W;
        uint64_t turn = 0;
        while (round % 4 == 0 && same[OWN + 1] == before[1])
            wait_turn(&turn, "a processor that writes to a page");
        for (uint32_t i = random_below(30); i > 0; i--)
            pause();
        uint64_t taken = __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST);
        shoot_down(THE_PAGE, FLUSH_INVLPG);
        dirty += (taken & PTE_D) != 0;
        for (unsigned i = 1; i < cpu_count; i++)
            if (same[OWN + i] != before[i] && !(taken & PTE_D))
                fail("processor %u has written to a page whose entry was taken away clean, %x", (uint64_t)i, taken);
        if (*entry != 0)
            fail("an entry that is not present has become %x", *entry);
    }
    over = 1;
    *entry = SMALL_FRAME(0) | PTE_P | PTE_W;
    say("dirty: %u of %u rounds\n", dirty, rounds_wanted);
}

static void dirty_bits(uint64_t rounds) {
    handle(VECTOR_TEST, on_shootdown);
    handle(VECTOR_PAGE_FAULT, on_absent);
    over = 0, rounds_wanted = rounds;
    set_before_all(THE_PAGE, 0);
    on_cpus(cpu_count, write_and_take);
    handle(VECTOR_PAGE_FAULT, 0);
}

/* ---- accessed and dirty bits of 64 entries that software counts in, in bits 9 to 11, at the same time ---- */

enum { COUNTED = 64, COUNT_MASK = 7 * PTE_SOFTWARE };
#define COUNTED_PAGE(i) ((uint64_t)SMALL_ALIAS + (256 + (i)) * PAGE)

static void touch_or_count(unsigned cpu) {
    for (unsigned round = 0; round < rounds_wanted; round++) {
        barrier(cpu_count);
        for (unsigned i = 0; i < COUNTED; i++)
            invlpg(at(COUNTED_PAGE(i)));
        barrier(cpu_count);
        for (unsigned n = 0; n < COUNTED; n++) {
            unsigned i = (n + cpu / 2 * 7) % COUNTED;
            volatile uint64_t *entry = entry_of(COUNTED_PAGE(i));
            volatile uint32_t *word = at(COUNTED_PAGE(i) + cpu * 4);
            if (cpu % 2 == 0) { /* add 1 modulo 8 */
                uint64_t old = *entry;
                while (!__atomic_compare_exchange_n(entry, &old,
                                                    (old & ~(uint64_t)COUNT_MASK) | ((old + PTE_SOFTWARE) & COUNT_MASK),
                                                    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                    ;
            } else if (n % 2) {
                *word = round;
            } else {
                (void)*word;
            }
        }
        barrier(cpu_count);
        if (cpu != 0)
            continue;
        for (unsigned i = 0; i < COUNTED; i++) {
            volatile uint64_t *entry = entry_of(COUNTED_PAGE(i));
            uint64_t e = *entry, counters = (cpu_count + 1) / 2;
            if (((e ^ counters * PTE_SOFTWARE) & COUNT_MASK) != 0)
                fail("a page table's entry is %x: software has counted to %u", e, counters);
            if (!(e & PTE_A) || (cpu_count == 2 && i % 2 && !(e & PTE_D)))
                fail("a page table's entry is %x: a processor's bit got lost", e);
            *entry = e & ~(uint64_t)(COUNT_MASK | PTE_A | PTE_D);
        }
    }
}

static void entry_bits(uint64_t rounds) {
    rounds_wanted = rounds;
    for (unsigned i = 0; i < COUNTED; i++)
        *entry_of(COUNTED_PAGE(i)) &= ~(uint64_t)(COUNT_MASK | PTE_A | PTE_D);
    on_cpus(cpu_count, touch_or_count);
}

/* ---- descriptors ---- */

extern volatile uint64_t gdt[];
enum { DATA_SELECTOR = 32, TSS_SELECTOR = 40, DATA = DATA_SELECTOR / 8, TSS = TSS_SELECTOR / 8 };
static const uint64_t accessed = 1ULL << 40, available = 1ULL << 52, busy = 1ULL << 41;

/* A segment is loaded, which sets its descriptor's accessed bit, while others change the bit that is software's. */
static void load_or_flip(unsigned cpu) {
    for (unsigned round = 0; round < rounds_wanted; round++) {
        barrier(cpu_count);
        if (cpu % 2)
            __asm__ volatile("mov %0, %%fs\n\tmov %1, %%fs" ::"r"(DATA_SELECTOR), "r"(0));
        else
            for (unsigned i = 0; i < 5; i++)
                __atomic_xor_fetch(&gdt[DATA], available, __ATOMIC_SEQ_CST);
        barrier(cpu_count);
        if (cpu != 0)
            continue;
        bool set = round % 2 == 0 && (cpu_count + 1) / 2 % 2;
        if (!(gdt[DATA] & accessed))
            fail("a descriptor's accessed bit got lost: %x", gdt[DATA]);
        if ((cpu_count + 1) / 2 % 2 && ((gdt[DATA] & available) != 0) != set)
            fail("what software did to a descriptor got lost: %x", gdt[DATA]);
        gdt[DATA] &= ~accessed;
    }
}

static void accessed_bits(uint64_t rounds) {
    rounds_wanted = rounds;
    gdt[DATA] = 0x00cf92000000ffff;
    on_cpus(cpu_count, load_or_flip);
}

/* LTR tests and sets the busy bit at once: of all that load the same task register, one succeeds. */
static volatile uint32_t loaded, refused;

static void on_protection(struct Frame *f) {
    if (f->error != TSS_SELECTOR)
        give_up("processor %u: #GP, error code %x, rip %x", (uint64_t)this_cpu(), f->error, f->rip);
    f->rax = 1;
    f->rip += 3; /* ltr %cx */
}

static void load_task(unsigned cpu) {
    for (unsigned round = 0; round < rounds_wanted; round++) {
        uint64_t was_refused = 0;
        barrier(cpu_count);
        __asm__ volatile("ltr %%cx" : "+a"(was_refused) : "c"(TSS_SELECTOR) : "memory");
        __atomic_add_fetch(was_refused ? &refused : &loaded, 1, __ATOMIC_SEQ_CST);
        barrier(cpu_count);
        if (cpu != 0)
            continue;
        if (loaded != 1 || refused != cpu_count - 1)
            fail("%u processors have loaded the same task register, %u were refused", (uint64_t)loaded,
                 (uint64_t)refused);
        loaded = refused = 0;
        gdt[TSS] &= ~busy;
    }
}

static void busy_bits(uint64_t rounds) {
    rounds_wanted = rounds;
    loaded = refused = 0;
    gdt[TSS] = 0x0000890000000067 | (uint64_t)(SMALL_FRAME(0) & 0xffffff) << 16 | (SMALL_FRAME(0) >> 24) << 56;
    gdt[TSS + 1] = 0;
    handle(VECTOR_GENERAL_PROTECTION, on_protection);
    on_cpus(cpu_count, load_task);
    handle(VECTOR_GENERAL_PROTECTION, 0);
}

const struct Test paging_tests[] = {
    {"paging-mappings", mappings, 100, 2},
    {"paging-protection", protection, 200, 2},
    {"paging-dirty", dirty_bits, 300, 2},
    {"paging-entries", entry_bits, 100, 2},
    {"descriptors-accessed", accessed_bits, 200, 2},
    {"descriptors-busy", busy_bits, 200, 2},
    {0},
};
