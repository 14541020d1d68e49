/* SPDX-License-Identifier: MIT */
/*
 * Local APIC registers: the xAPIC page and the x2APIC MSRs show the same ones, numbered here by page offset / 16 =
 * MSR - 800h (SDM vol. 3, tables 11-1 and 11-6).
 */
#include "devices/apic/lapic_internal.h"

enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_RRD = 0x0c,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_INITIAL = 0x38,
    REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
    REG_COUNT = 0x40,
};

/* Who may do what: 1 = xAPIC, 2 = x2APIC. */
enum { R1 = 1, W1 = 2, R2 = 4, W2 = 8, RW = R1 | W1 | R2 | W2, RO = R1 | R2 };

struct RegInfo {
    uint8_t access;
    uint32_t writable; /* bits a write may set; in x2APIC mode others raise #GP */
};

enum { LVT_LOCAL = LVT_VECTOR | LVT_MODE | LVT_MASKED, LVT_PIN = LVT_LOCAL | LVT_ACTIVE_LOW | LVT_LEVEL };

static const struct RegInfo reg_info[REG_COUNT] = {
    [REG_ID] = {R1 | W1 | R2, 0xff000000},
    [REG_VERSION] = {RO, 0},
    [REG_TPR] = {RW, 0xff},
    [REG_APR] = {R1, 0},
    [REG_PPR] = {RO, 0},
    [REG_EOI] = {W1 | W2, 0},
    [REG_RRD] = {R1, 0},
    [REG_LDR] = {R1 | W1 | R2, 0xff000000},
    [REG_DFR] = {R1 | W1, 0xf0000000},
    [REG_SVR] = {RW, SVR_ENABLE | 0xff},
    [REG_ISR... REG_ISR + 7] = {RO, 0},
    [REG_TMR... REG_TMR + 7] = {RO, 0},
    [REG_IRR... REG_IRR + 7] = {RO, 0},
    [REG_ESR] = {RW, 0},
    [REG_ICR] = {RW, 0x000ccfff},
    [REG_ICR_HIGH] = {R1 | W1, 0xff000000},
    [REG_LVT + LAPIC_LVT_TIMER] = {RW, LVT_VECTOR | LVT_MASKED | LVT_TIMER},
    [REG_LVT + LAPIC_LVT_THERMAL] = {RW, LVT_LOCAL},
    [REG_LVT + LAPIC_LVT_PERF] = {RW, LVT_LOCAL},
    [REG_LVT + LAPIC_LVT_LINT0] = {RW, LVT_PIN},
    [REG_LVT + LAPIC_LVT_LINT1] = {RW, LVT_PIN},
    [REG_LVT + LAPIC_LVT_ERROR] = {RW, LVT_VECTOR | LVT_MASKED},
    [REG_INITIAL] = {RW, UINT32_MAX},
    [REG_CURRENT] = {RO, 0},
    [REG_DIVIDE] = {RW, 0xb},
    [REG_SELF_IPI] = {W2, 0xff},
};

enum { MSR_X2APIC = 0x800, MSR_X2APIC_END = 0x8ff, MSR_TSC_DEADLINE = 0x6e0 };

#define VERSION (LAPIC_VERSION | (LAPIC_LVT_COUNT - 1u) << 16)

/* Read-only bits of the pins' entries, which a guest writes back as it read them. */
static uint32_t read_only_bits(unsigned reg) {
    return reg == REG_LVT + LAPIC_LVT_LINT0 || reg == REG_LVT + LAPIC_LVT_LINT1 ? LVT_REMOTE_IRR : 0;
}

static uint32_t writable_bits(const struct Lapic *l, unsigned reg) {
    uint32_t bits = reg_info[reg].writable;
    if (reg == REG_LVT + LAPIC_LVT_TIMER && !l->config.tsc_deadline)
        bits &= ~(TIMER_TSC_DEADLINE << LVT_TIMER_SHIFT);
    return bits;
}

static uint32_t x2apic_ldr(const struct Lapic *l) {
    return (l->config.id >> 4 & 0xffff) << 16 | 1u << (l->config.id & 15);
}

static uint32_t reg_read(const struct Lapic *l, unsigned reg) {
    const struct LapicState *s = &l->state;
    switch (reg) {
    case REG_ID: return lapic_x2apic(l) ? l->config.id : s->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return s->tpr;
    case REG_APR: /* arbitration priority: nothing arbitrates on a bus like this */
    case REG_PPR: return lapic_priority(l);
    case REG_LDR: return lapic_x2apic(l) ? x2apic_ldr(l) : s->ldr;
    case REG_DFR: return s->dfr;
    case REG_SVR: return s->svr;
    case REG_ISR ... REG_ISR + 7: return s->isr[reg - REG_ISR];
    case REG_TMR ... REG_TMR + 7: return s->tmr[reg - REG_TMR];
    case REG_IRR ... REG_IRR + 7: return s->irr[reg - REG_IRR];
    case REG_ESR: return s->esr;
    case REG_ICR: return s->icr_low;
    case REG_ICR_HIGH: return s->icr_high;
    case REG_LVT ... REG_LVT + LAPIC_LVT_COUNT - 1: return s->lvt[reg - REG_LVT];
    case REG_INITIAL: return s->timer_initial;
    case REG_CURRENT: return lapic_timer_current(l);
    case REG_DIVIDE: return s->timer_divide;
    default: return 0;
    }
}

static void write_lvt(struct Lapic *l, unsigned lvt, uint32_t value) {
    if (!(l->state.svr & SVR_ENABLE))
        value |= LVT_MASKED; /* can't be cleared while software-disabled (SDM vol. 3, 11.4.7.2) */
    if (lvt == LAPIC_LVT_TIMER) {
        lapic_timer_set_lvt(l, value);
        return;
    }
    value |= l->state.lvt[lvt] & LVT_REMOTE_IRR;
    if (!(value & LVT_LEVEL))
        value &= ~LVT_REMOTE_IRR;
    l->state.lvt[lvt] = value;
    if (lvt == LAPIC_LVT_LINT0 || lvt == LAPIC_LVT_LINT1)
        lapic_lint_unmasked(l, lvt);
}

static void write_svr(struct Lapic *l, uint32_t value) {
    l->state.svr = value;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT && !(value & SVR_ENABLE); i++)
        write_lvt(l, i, l->state.lvt[i]);
    lapic_update(l);
}

static void write_tpr(struct Lapic *l, uint32_t value) {
    l->state.tpr = value;
    lapic_update(l);
}

/* `value` holds writable bits only. */
static void reg_write(struct Lapic *l, unsigned reg, uint32_t value) {
    struct LapicState *s = &l->state;
    switch (reg) {
    case REG_ID: s->id = value >> 24; break;
    case REG_TPR: write_tpr(l, value); break;
    case REG_EOI: lapic_eoi(l); break;
    case REG_LDR: s->ldr = value; break;
    case REG_DFR: s->dfr = value | 0x0fffffff; break;
    case REG_SVR: write_svr(l, value); break;
    case REG_ESR: /* a write shows what was collected since the last one (SDM vol. 3, 11.5.3) */
        s->esr = s->errors;
        s->errors = 0;
        break;
    case REG_ICR:
        s->icr_low = value;
        lapic_send_ipi(l, value, lapic_x2apic(l) ? s->icr_high : s->icr_high >> 24);
        break;
    case REG_ICR_HIGH: s->icr_high = value; break;
    case REG_LVT ... REG_LVT + LAPIC_LVT_COUNT - 1: write_lvt(l, reg - REG_LVT, value); break;
    case REG_INITIAL: lapic_timer_set_initial(l, value); break;
    case REG_DIVIDE: lapic_timer_set_divide(l, value); break;
    case REG_SELF_IPI: lapic_send_ipi(l, value | 1 << ICR_SHORTHAND_SHIFT, 0); break;
    }
}

/* ---- xAPIC page ---- */

uint64_t lapic_page(const struct Lapic *l) {
    return lapic_enabled(l) && !lapic_x2apic(l) ? l->state.base & ~0xfffull : 0;
}

uint32_t lapic_mmio_read(struct Lapic *l, uint64_t offset) {
    lapic_pv_eoi_settle(l);
    if (!lapic_enabled(l) || lapic_x2apic(l))
        return UINT32_MAX;
    unsigned reg = offset >> 4;
    if (offset & 15)
        return 0; /* only the first 4 of each 16 bytes are defined */
    if (reg >= REG_COUNT || !(reg_info[reg].access & (R1 | W1))) {
        lapic_error(l, ESR_REGISTER);
        return 0;
    }
    return reg_info[reg].access & R1 ? reg_read(l, reg) : 0;
}

void lapic_mmio_write(struct Lapic *l, uint64_t offset, uint32_t value) {
    lapic_pv_eoi_settle(l);
    if (!lapic_enabled(l) || lapic_x2apic(l) || offset & 15)
        return;
    unsigned reg = offset >> 4;
    if (reg >= REG_COUNT || !(reg_info[reg].access & (R1 | W1)))
        lapic_error(l, ESR_REGISTER);
    else if (reg_info[reg].access & W1)
        reg_write(l, reg, value & writable_bits(l, reg));
}

/* ---- MSRs ---- */

/* MSRs are not on the bus, which otherwise sees to it that what is due happens before the guest looks. */
static void run_due(struct Lapic *l) {
    if (clock_is_due(l->clock))
        clock_run(l->clock);
}

bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value) {
    struct Lapic *l = opaque;
    run_due(l);
    lapic_pv_eoi_settle(l);
    if (msr == MSR_TSC_DEADLINE) {
        *value = l->state.tsc_deadline;
        return l->config.tsc_deadline;
    }
    unsigned reg = msr - MSR_X2APIC;
    if (!lapic_enabled(l) || !lapic_x2apic(l) || reg >= REG_COUNT || !(reg_info[reg].access & R2))
        return false;
    *value = reg_read(l, reg);
    if (reg == REG_ICR)
        *value |= (uint64_t)l->state.icr_high << 32;
    return true;
}

bool lapic_write_msr(void *opaque, uint32_t msr, uint64_t value) {
    struct Lapic *l = opaque;
    run_due(l);
    lapic_pv_eoi_settle(l);
    if (msr == MSR_TSC_DEADLINE) {
        if (l->config.tsc_deadline)
            lapic_timer_set_deadline(l, value);
        return l->config.tsc_deadline;
    }
    unsigned reg = msr - MSR_X2APIC;
    if (!lapic_enabled(l) || !lapic_x2apic(l) || reg >= REG_COUNT || !(reg_info[reg].access & W2))
        return false;
    uint32_t low = (uint32_t)value;
    if (reg != REG_ICR && value >> 32)
        return false;
    if (low & ~(writable_bits(l, reg) | read_only_bits(reg)))
        return false;
    if (reg == REG_ICR)
        l->state.icr_high = value >> 32;
    reg_write(l, reg, low & writable_bits(l, reg));
    return true;
}

/* ---- IA32_APIC_BASE, CR8 ---- */

uint64_t lapic_get_base(void *opaque) {
    const struct Lapic *l = opaque;
    return l->state.base;
}

/* SDM vol. 3, 11.12.5: the mode goes off -> xAPIC -> x2APIC -> off, and xAPIC -> off; nothing else. */
static bool is_legal_transition(uint64_t from, uint64_t to) {
    const uint64_t mask = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    from &= mask;
    to &= mask;
    if (to == APIC_BASE_X2APIC)
        return false; /* x2APIC without APIC */
    if (to == mask)
        return from != 0;
    return !(to == APIC_BASE_ENABLE && from == mask);
}

bool lapic_set_base(void *opaque, uint64_t value) {
    struct Lapic *l = opaque;
    uint64_t allowed = ((1ull << l->config.phys_bits) - 1) & ~0xfffull;
    allowed |= APIC_BASE_BSP | APIC_BASE_ENABLE | (l->config.x2apic ? APIC_BASE_X2APIC : 0);
    if (value & ~allowed || !is_legal_transition(l->state.base, value))
        return false;
    bool switched_off = lapic_enabled(l) && !(value & APIC_BASE_ENABLE);
    bool to_x2apic = !lapic_x2apic(l) && value & APIC_BASE_X2APIC;
    l->state.base = value;
    if (switched_off) { /* everything set up before is lost */
        l->state.id = l->config.id & 0xff;
        lapic_clear(l);
    }
    if (to_x2apic)
        l->state.icr_high = 0; /* another format */
    lapic_update(l);
    if (l->ops->base_changed)
        l->ops->base_changed(l->opaque, value);
    return true;
}

uint8_t lapic_get_cr8(void *opaque) {
    const struct Lapic *l = opaque;
    return l->state.tpr >> 4;
}

void lapic_set_cr8(void *opaque, uint8_t value) {
    lapic_pv_eoi_settle(opaque);
    write_tpr(opaque, (value & 15u) << 4);
}
