/* SPDX-License-Identifier: MIT */
/* Four CPUs: the first starts the others, each takes a number by an atomic instruction and tells it to a hook, which
 * knows who it is; then the registers of each are read, and what its thread has cost. */
#include <twin86.h>

#include <stdio.h>

enum { CPUS = 4, START = 0x7c00, COMMON = 0x8000 };

struct Heard {
    Twin86Machine *machine;
    unsigned from[CPUS], count; /* what each CPU said last; how many have spoken */
};

/* Called with the machine's lock held: one CPU at a time. */
static void port_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Heard *h = opaque;
    (void)offset, (void)size;
    printf("CPU %u has number %u\n", cpu, (unsigned)value);
    h->from[cpu] = (unsigned)value;
    if (++h->count == CPUS)
        twin86_quit(h->machine);
}

/* The first CPU: x2APIC mode; INIT and start-up IPIs to all others; then what they do. */
static const uint8_t start[] = {
    0x66, 0xb9, 0x1b,         0x00, 0x00,         0x00, /* mov ecx, 1bh: IA32_APIC_BASE */
    0x0f, 0x32,                                         /* rdmsr */
    0x66, 0x0d, 0x00,         0x0c, 0x00,         0x00, /* or eax, 0c00h */
    0x0f, 0x30,                                         /* wrmsr */
    0x66, 0xb9, 0x30,         0x08, 0x00,         0x00, /* mov ecx, 830h: the interrupt command register */
    0x66, 0x31, 0xd2,                                   /* xor edx, edx */
    0x66, 0xb8, 0x00,         0x45, 0x0c,         0x00, /* mov eax, 0c4500h: INIT, all but self */
    0x0f, 0x30,                                         /* wrmsr */
    0x66, 0xb8, COMMON >> 12, 0x46, 0x0c,         0x00, /* mov eax, 0c4608h: start at page 8 */
    0x0f, 0x30,                                         /* wrmsr */
    0xea, 0x00, 0x00,         0x00, COMMON >> 12,       /* jmp 0800:0000 */
};

static const uint8_t common[] = {
    0x66, 0xb8, 0x01, 0x00, 0x00, 0x00,       /* mov eax, 1 */
    0xf0, 0x66, 0x0f, 0xc1, 0x06, 0x00, 0x05, /* lock xadd [500h], eax */
    0xe6, 0x80,                               /* out 80h, al */
    0xf4, 0xeb, 0xfd,                         /* hlt; jmp to it */
};

/* Every number was taken once, and stands in the register of the CPU that told it. */
static int check(Twin86Machine *machine, const struct Heard *h) {
    unsigned seen = 0;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        Twin86CpuStats s;
        uint64_t rax = 0;
        twin86_read_reg(machine, cpu, TWIN86_RAX, &rax);
        twin86_cpu_stats(machine, cpu, &s);
        printf("CPU %u: core %u, APIC id %u, RAX %u, %s host CPU time\n", cpu, s.core, (unsigned)s.apic_id,
               (unsigned)rax, s.cpu_ns > 0 ? "some" : "no");
        if (rax != h->from[cpu] || s.core != cpu)
            return 1;
        seen |= 1u << rax;
    }
    return seen == (1u << CPUS) - 1 ? 0 : 1;
}

int main(void) {
    struct Heard heard = {0};
    Twin86Hook hook = {NULL, port_write, &heard};
    Twin86Config config;
    Twin86Event event;
    char why[256];

    twin86_config_init(&config);
    config.ram_size = 1 << 20;
    config.cpus = CPUS;
    if (twin86_create(&heard.machine, &config, why, sizeof(why)) != 0) {
        fprintf(stderr, "smp: %s\n", why);
        return 1;
    }
    twin86_hook_ports(heard.machine, 0x80, 1, &hook);
    twin86_write_memory(heard.machine, START, start, sizeof(start));
    twin86_write_memory(heard.machine, COMMON, common, sizeof(common));
    twin86_write_reg(heard.machine, 0, TWIN86_CS, 0); /* real mode: 0000:7C00; the others wait for their start-up IPI */
    twin86_write_reg(heard.machine, 0, TWIN86_RIP, START);
    twin86_run(heard.machine, 0, &event);
    int r = event.kind == TWIN86_EVENT_QUIT ? check(heard.machine, &heard) : 1;
    twin86_destroy(heard.machine);
    return r;
}
