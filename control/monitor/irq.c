/* SPDX-License-Identifier: MIT */
/* info pic, lapic, ioapic and irq: the interrupt controllers of the machine. */
#include "control/monitor/command.h"
#include "devices/apic/lapic_internal.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const delivery_modes[] = {"fixed", "lowest", "SMI", "reserved", "NMI", "INIT", "SIPI", "ExtINT"};

/* With kernel-irqchip=on the host's kernel has them, and what is here is not what the guest sees. */
static bool ours(struct Monitor *mon, const char *args) {
    if (!monitor_no_more(mon, args))
        return false;
    if (!mon->m->config.kernel_irqchip)
        return true;
    fputs("the interrupt controllers are the host kernel's (kernel-irqchip=on), which can't be shown\n", mon->out);
    return false;
}

/* ---- 8259 ---- */

static uint8_t requests(const struct PicChipState *c) {
    return (uint8_t)((c->latch & ~c->elcr) | (c->lines & c->elcr));
}

void monitor_info_pic(struct Monitor *mon, char *args) {
    if (!ours(mon, args))
        return;
    for (unsigned i = 0; i < 2; i++) {
        const struct PicChipState *c = &mon->m->pic.state.chip[i];
        fprintf(mon->out, "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u elcr=%02x fnm=%u\n", i,
                requests(c), c->imr, c->isr, (c->lowest + 1u) & 7, c->base, c->read_isr, c->elcr, c->icw4 >> 4 & 1);
    }
}

/* ---- local APIC ---- */

static void print_vectors(FILE *f, const char *name, const uint32_t bits[8], const uint32_t level[8]) {
    bool any = false;
    fprintf(f, "%s\t", name);
    for (unsigned v = 0; v < 256; v++) {
        if (bits[v / 32] >> v % 32 & 1) {
            fprintf(f, " %u%s", v, level[v / 32] >> v % 32 & 1 ? "(level)" : "");
            any = true;
        }
    }
    fputs(any ? "\n" : " (none)\n", f);
}

static void print_lvt(FILE *f, const char *name, uint32_t lvt, const char *more) {
    fprintf(f, "%s\t 0x%08x %s %-5s %s%s %s (vec %u)\n", name, lvt, lvt & LVT_ACTIVE_LOW ? "active-lo" : "active-hi",
            lvt & LVT_LEVEL ? "level" : "edge", lvt & LVT_MASKED ? "masked" : "", more,
            delivery_modes[(lvt & LVT_MODE) >> LVT_MODE_SHIFT], lvt & LVT_VECTOR);
}

static void print_timer(FILE *f, const struct Lapic *l) {
    static const char *const modes[] = {" one-shot", " periodic", " tsc-deadline", ""};
    unsigned divide = (l->state.timer_divide & 3) | (l->state.timer_divide >> 1 & 4);
    print_lvt(f, "Timer", l->state.lvt[LAPIC_LVT_TIMER], modes[lapic_timer_mode(l)]);
    fprintf(f, "\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", l->state.timer_divide,
            1u << ((divide + 1) & 7), l->state.timer_initial, lapic_timer_current(l));
    if (lapic_timer_mode(l) == TIMER_TSC_DEADLINE)
        fprintf(f, "\t deadline = %" PRIu64 "\n", l->state.tsc_deadline);
}

static void print_lapic(FILE *f, unsigned cpu, const struct Lapic *l) {
    const struct LapicState *s = &l->state;
    static const struct {
        const char *name;
        unsigned index;
    } lvts[] = {
        {"LVT0", LAPIC_LVT_LINT0},   {"LVT1", LAPIC_LVT_LINT1},      {"LVTPC", LAPIC_LVT_PERF},
        {"LVTERR", LAPIC_LVT_ERROR}, {"LVTTHMR", LAPIC_LVT_THERMAL},
    };
    fprintf(f, "dumping local APIC state for CPU %u\n\n", cpu);
    for (unsigned i = 0; i < sizeof(lvts) / sizeof(lvts[0]); i++)
        print_lvt(f, lvts[i].name, s->lvt[lvts[i].index], "");
    print_timer(f, l);
    fprintf(f, "SPIV\t 0x%08x APIC %s, spurious vec %u\n", s->svr, s->svr & SVR_ENABLE ? "enabled" : "disabled",
            s->svr & 0xff);
    fprintf(f, "BASE\t 0x%016" PRIx64 " %s%s\n", s->base,
            !lapic_enabled(l) ? "off"
            : lapic_x2apic(l) ? "x2APIC"
                              : "xAPIC",
            s->base & APIC_BASE_BSP ? ", BSP" : "");
    fprintf(f, "ICR\t 0x%08x %s, to 0x%08x\n", s->icr_low, delivery_modes[s->icr_low >> 8 & 7], s->icr_high);
    fprintf(f, "ESR\t 0x%08x\n", s->esr);
    print_vectors(f, "ISR", s->isr, s->tmr);
    print_vectors(f, "IRR", s->irr, s->tmr);
    fprintf(f, "\nID 0x%02x TPR 0x%02x PPR 0x%02x DFR 0x%08x LDR 0x%08x\n", lapic_x2apic(l) ? l->config.id : s->id,
            s->tpr, lapic_priority(l), s->dfr, s->ldr);
}

/* The processor with that initial APIC id; NULL, and it was said: there is none. */
static const struct CPUState *with_apic_id(struct Monitor *mon, const char *word) {
    char *end;
    unsigned long id = strtoul(word, &end, 0);
    for (unsigned i = 0; word[0] >= '0' && word[0] <= '9' && *end == '\0' && i < mon->m->cpu_count; i++)
        if (machine_cpu(mon->m, i)->apic_id == id)
            return machine_cpu(mon->m, i);
    fprintf(mon->out, "there is no CPU with APIC id '%.40s'\n", word);
    return NULL;
}

void monitor_info_lapic(struct Monitor *mon, char *args) {
    char *word = monitor_word(mon, &args);
    if (!ours(mon, args))
        return;
    const struct CPUState *cpu = word != NULL ? with_apic_id(mon, word) : mon->cpu;
    if (cpu == NULL)
        return;
    if (cpu_has(&cpu->model, CPUID_APIC))
        print_lapic(mon->out, cpu->index, &mon->m->cpus[cpu->index].lapic);
    else
        fputs("this CPU model has no local APIC\n", mon->out);
}

/* ---- I/O APIC ---- */

enum { REDIR_LEVEL = 1 << 15, REDIR_REMOTE_IRR = 1 << 14, REDIR_ACTIVE_LOW = 1 << 13, REDIR_MASKED = 1 << 16 };

static void print_pin(FILE *f, unsigned pin, uint64_t r) {
    fprintf(f, "  pin %-2u 0x%016" PRIx64 " dest=%-3u vec=%-3u %s %-5s %s %s %s%s\n", pin, r, (unsigned)(r >> 56),
            (unsigned)(r & 0xff), r & REDIR_ACTIVE_LOW ? "active-lo" : "active-hi", r & REDIR_LEVEL ? "level" : "edge",
            r & REDIR_MASKED ? "masked" : "      ", delivery_modes[r >> 8 & 7], r >> 11 & 1 ? "logical" : "physical",
            r & REDIR_REMOTE_IRR ? " remote-IRR" : "");
}

static void print_pins(FILE *f, const char *name, uint32_t pins) {
    fprintf(f, "  %s\t", name);
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        if (pins >> i & 1)
            fprintf(f, " %u", i);
    fputs(pins != 0 ? "\n" : " (none)\n", f);
}

void monitor_info_ioapic(struct Monitor *mon, char *args) {
    const struct Ioapic *io = &mon->m->ioapic;
    uint32_t remote = 0;
    if (!ours(mon, args))
        return;
    fprintf(mon->out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", IOAPIC_VERSION, io->state.id, io->state.select);
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        print_pin(mon->out, i, io->state.redirection[i]);
        remote |= (uint32_t)(io->state.redirection[i] & REDIR_REMOTE_IRR ? 1 : 0) << i;
    }
    print_pins(mon->out, "IRR", io->state.asserted);
    print_pins(mon->out, "Remote IRR", remote);
}

/* ---- both ways of an interrupt ---- */

/* IRQ 0 arrives at pin 2 (the MADT says so). */
static unsigned pin_of(unsigned irq) { return irq == 0 ? 2 : irq; }

void monitor_info_irq(struct Monitor *mon, char *args) {
    const struct Machine *m = mon->m;
    if (!ours(mon, args))
        return;
    fputs("IRQ line  8259           I/O APIC\n", mon->out);
    for (unsigned irq = 0; irq < IOAPIC_PINS; irq++) {
        const struct PicChipState *c = &m->pic.state.chip[irq / 8 & 1];
        unsigned bit = irq % 8, pin = pin_of(irq);
        uint64_t r = m->ioapic.state.redirection[pin];
        if (irq == 2)
            continue; /* the cascade */
        fprintf(mon->out, "%-3u %-5s ", irq, m->ioapic.state.asserted >> pin & 1 ? "high" : "low");
        if (irq < 16)
            fprintf(mon->out, "vec %02x %-7s ", c->base + bit, c->imr >> bit & 1 ? "masked" : "open");
        else
            fprintf(mon->out, "-              ");
        fprintf(mon->out, "vec %02x %s\n", (unsigned)(r & 0xff), r & REDIR_MASKED ? "masked" : "open");
    }
}
