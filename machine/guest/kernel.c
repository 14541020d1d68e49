/* SPDX-License-Identifier: MIT */
/*
 * A kernel small enough to read over a cup of tea: interrupts, timers, a page fault, system calls, power off.
 * Freestanding C: no library, no start values for variables (they lie in RAM, the program in ROM).
 */
#include "layout.h"

#include <stddef.h>
#include <stdint.h>

/* ---- The processor's special instructions ---- */

static inline void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }

static inline uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void wrmsr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void cpuid(uint32_t leaf, uint32_t out[4]) {
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* ---- Printing, one character after the other ---- */

static void print(const char *text) {
    for (; *text != '\0'; text++) {
        while (!(inb(COM1_LSR) & LSR_CAN_SEND))
            ;
        outb(COM1, (uint8_t)*text);
    }
}

static void print_number(uint64_t value, unsigned base) {
    char digits[24];
    unsigned i = sizeof(digits);

    digits[--i] = '\0';
    do {
        digits[--i] = "0123456789ABCDEF"[value % base];
        value /= base;
    } while (value != 0);
    print(digits + i);
}

/* ---- Tables the processor reads ---- */

struct Gate { /* 64-bit interrupt gate (SDM vol. 3, figure 6-8) */
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
} __attribute__((packed));

struct Tss { /* 64-bit task state segment (SDM vol. 3, figure 8-11): the stacks to switch to */
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct Pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

enum {
    GATE_INTERRUPT = 0x8e, /* present, ring 0 */
    GATE_USER = 0xee,      /* ring 3 may call it with INT n */
    PAGE_PRESENT = 1,
    PAGE_WRITABLE = 2,
    PAGE_USER = 4,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_PIT = 0x20,
    VECTOR_APIC_TIMER = 0x30,
    VECTOR_SPURIOUS = 0xff,
    VECTOR_SYSCALL = 0x80,
};

extern const uint64_t gdt_rom[GDT_SLOTS]; /* start.S */
extern const char interrupt_stubs[];      /* entry.S */
void syscall_entry(void);
void enter_user(uint64_t rip, uint64_t rsp);
_Noreturn void leave_user(void);
extern const char user_load[], user_size[]; /* addresses and sizes from guest.ld */

static uint64_t gdt[GDT_SLOTS];
static struct Gate idt[256];
static struct Tss tss;
static uint8_t lazy_page[4096] __attribute__((aligned(4096)));
static uint8_t user_stack[4096] __attribute__((aligned(4096)));
static volatile unsigned pit_ticks, apic_ticks;

static void load_tables(void) {
    for (unsigned i = 0; i < GDT_SLOTS; i++)
        gdt[i] = gdt_rom[i];
    uint64_t base = (uint64_t)&tss;
    gdt[TASK_STATE / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[TASK_STATE / 8 + 1] = base >> 32;
    tss.rsp[0] = KERNEL_STACK_TOP - 0x2000; /* for interrupts that come in ring 3 */
    tss.ist[0] = FAULT_STACK_TOP;
    tss.io_map = sizeof(tss); /* none: ring 3 may use no port */

    for (unsigned i = 0; i < 256; i++) {
        uint64_t stub = (uint64_t)interrupt_stubs + i * 16;
        idt[i] = (struct Gate){.offset_low = (uint16_t)stub,
                               .selector = KERNEL_CODE,
                               .type = GATE_INTERRUPT,
                               .offset_middle = (uint16_t)(stub >> 16),
                               .offset_high = (uint32_t)(stub >> 32)};
    }
    idt[VECTOR_SYSCALL].type = GATE_USER;
    idt[VECTOR_PF].ist = 1; /* page faults get their own stack, as if ours could be broken */

    struct Pointer gdt_pointer = {sizeof(gdt) - 1, (uint64_t)gdt}, idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lgdt %0; lidt %1" ::"m"(gdt_pointer), "m"(idt_pointer));
    __asm__ volatile("ltr %w0" ::"r"(TASK_STATE));
}

/* ---- Interrupts ---- */

struct Frame { /* what entry.S and the processor pushed, lowest address first */
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

static volatile uint32_t *const apic = (uint32_t *)0xfee00000;
enum {
    APIC_EOI = 0x0b0,
    APIC_SPURIOUS = 0x0f0,
    APIC_TIMER = 0x320,
    APIC_LINT0 = 0x350,
    APIC_COUNT = 0x380,
    APIC_DIVIDE = 0x3e0,
};

static void map_user_page(uint64_t virt, uint64_t phys, unsigned flags) {
    uint64_t *table = (uint64_t *)PT_USER;
    table[virt >> 12 & 511] = phys | PAGE_PRESENT | PAGE_USER | flags;
    __asm__ volatile("invlpg (%0)" ::"r"(virt) : "memory");
}

_Noreturn static void power_off(void) {
    outl(PCI_ADDRESS, PM_PMBA);
    outl(PCI_DATA, PM_BASE);
    outl(PCI_ADDRESS, PM_PMREGMISC);
    outb(PCI_DATA, 1);
    outw(PM_CONTROL, PM_SOFT_OFF);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* Also ends twin86 with exit code 3: the command puts an isa-debug-exit device at that port. */
_Noreturn static void give_up(const struct Frame *f) {
    print("unexpected      exception ");
    print_number(f->vector, 10);
    print(", error code ");
    print_number(f->error, 16);
    print("h, at ");
    print_number(f->rip, 16);
    print("h\r\n");
    outb(0xf4, 1);
    power_off();
}

static void page_fault(struct Frame *f) {
    uint64_t addr;
    __asm__ volatile("mov %%cr2, %0" : "=r"(addr));

    if (addr >> 12 != USER_LAZY_ADDR >> 12)
        give_up(f);
    print("page fault      at ");
    print_number(addr, 16);
    print("h, error code ");
    print_number(f->error, 16);
    print("h (user, write, not present): a page is mapped there\r\n");
    map_user_page(addr, (uint64_t)lazy_page, PAGE_WRITABLE);
}

uint64_t system_call(uint64_t argument, uint64_t number);

void interrupt(struct Frame *f);
void interrupt(struct Frame *f) {
    switch (f->vector) {
    case VECTOR_PIT:
        pit_ticks++;
        outb(0x20, 0x20); /* end of interrupt, to the 8259 */
        break;
    case VECTOR_APIC_TIMER:
        apic_ticks++;
        apic[APIC_EOI / 4] = 0;
        break;
    case VECTOR_SPURIOUS: break;
    case VECTOR_PF: page_fault(f); break;
    case VECTOR_GP:
        if ((f->cs & 3) != 3)
            give_up(f);
        print("protection      ring 3 tried HLT: general protection exception, instruction skipped\r\n");
        f->rip++;
        break;
    case VECTOR_SYSCALL: f->rax = system_call(f->rdi, f->rax); break;
    default: give_up(f);
    }
}

/* ---- System calls: both doors lead here ---- */

uint64_t system_call(uint64_t argument, uint64_t number) {
    switch (number) {
    case CALL_PRINT:
        /* A real kernel checks every address it gets from user mode. So do we. */
        if (argument < USER_CODE_ADDR || argument >= USER_CODE_ADDR + (uint64_t)user_size)
            return (uint64_t)-1;
        print((const char *)argument);
        return 0;
    case CALL_NUMBER:
        print_number(argument, 10);
        print("\r\n");
        return 0;
    case CALL_EXIT: leave_user();
    default: return (uint64_t)-1;
    }
}

/* ---- The steps ---- */

static void show_cpu(void) {
    uint32_t id[4];
    union {
        uint32_t word[12];
        char text[49];
    } brand;

    print("processor       ");
    cpuid(0x80000000, id);
    brand.text[0] = brand.text[48] = '\0';
    for (uint32_t i = 0; id[0] >= 0x80000004 && i < 3; i++)
        cpuid(0x80000002 + i, brand.word + 4 * i);
    print(brand.text);
    print("\r\n");
}

static void wait_for(volatile unsigned *ticks, unsigned count) {
    while (*ticks < count) {
        /* STI takes effect after the next instruction, so no interrupt can slip in between the two. */
        __asm__ volatile("sti; hlt; cli");
    }
}

/* The timer of 1981: 8254 channel 0 at 1193182 Hz / 11932, through the 8259 interrupt controllers, moved from vectors
 * 8h and 70h, which exceptions and BIOS took, to 20h and 28h. */
static void pit_demo(void) {
    /* The 8259's wire enters the processor through its local APIC, at LINT0. The APIC passes it on as it is ("ExtINT";
     * SDM vol. 3, 11.5.1) once firmware, and that is us, has said so. */
    wrmsr(0x1b, rdmsr(0x1b) | 0x800);                  /* IA32_APIC_BASE: enable */
    apic[APIC_SPURIOUS / 4] = 0x100 | VECTOR_SPURIOUS; /* and enable once more */
    apic[APIC_LINT0 / 4] = 0x700;                      /* ExtINT */

    static const uint8_t setup[][2] = {
        {0x20, 0x11},       {0xa0, 0x11}, /* ICW1: edge, cascade, ICW4 follows */
        {0x21, VECTOR_PIT}, {0xa1, VECTOR_PIT + 8},
        {0x21, 4},          {0xa1, 2},    /* ICW3: the second is at input 2 of the first */
        {0x21, 1},          {0xa1, 1},    /* ICW4: 8086 mode */
        {0x21, 0xfe},       {0xa1, 0xff}, /* only input 0 */
        {0x43, 0x34},       {0x40, 11932 & 0xff},
        {0x40, 11932 >> 8}, /* channel 0, mode 2: 100 Hz */
    };
    for (unsigned i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        outb(setup[i][0], setup[i][1]);

    wait_for(&pit_ticks, 5);
    outb(0x21, 0xff);
    print("interrupts      IDT loaded; 5 ticks of the PIT (100 Hz) through the PIC, sleeping in HLT between them\r\n");
}

/* Its successor: a timer in every processor's own local APIC. Here it fires once for each count we give it. */
static void apic_demo(void) {
    apic[APIC_DIVIDE / 4] = 3;                /* by 16 */
    apic[APIC_TIMER / 4] = VECTOR_APIC_TIMER; /* one-shot */
    for (unsigned i = 1; i <= 3; i++) {
        apic[APIC_COUNT / 4] = 100000;
        wait_for(&apic_ticks, i);
    }
    print("                3 ticks of the local APIC's timer\r\n");
}

static void user_demo(void) {
    for (uint64_t i = 0; i < (uint64_t)user_size; i += 4096)
        map_user_page(USER_CODE_ADDR + i, (uint64_t)user_load + i, 0);
    map_user_page(USER_STACK_TOP - 4096, (uint64_t)user_stack, PAGE_WRITABLE);

    wrmsr(0xc0000081, (uint64_t)(USER_DATA - 8) << 48 | (uint64_t)KERNEL_CODE << 32); /* STAR: selectors */
    wrmsr(0xc0000082, (uint64_t)syscall_entry);                                       /* LSTAR: entry */
    wrmsr(0xc0000084, 0x700); /* FMASK: TF, IF and DF are cleared on entry */
    enter_user(USER_CODE_ADDR, USER_STACK_TOP);
    print("                the program has ended; back in ring 0\r\n");
}

_Noreturn void kernel_main(void);
_Noreturn void kernel_main(void) {
    print("long mode       page tables, CR4.PAE, EFER.LME, CR0.PG, far jump: 64-bit code\r\n");
    show_cpu();
    load_tables();
    pit_demo();
    apic_demo();
    user_demo();
    print("power off       SLP_EN in the ACPI PM1 control register. Good night.\r\n");
    power_off();
}
