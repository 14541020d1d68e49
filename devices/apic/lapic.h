/* SPDX-License-Identifier: MIT */
/**
 * The local APIC (SDM vol. 3, chapter 11): xAPIC page and x2APIC MSRs, timer with TSC deadline, IPIs, local vector
 * table. Modelled on a Pentium 4 or later: version 14h, six LVT entries, no EOI-broadcast suppression.
 *
 * The timer's input clock is 1 GHz: one count is (divide) nanoseconds.
 *
 * All functions: machine lock held. Those that take `void *` fit cpu/cpu.h's CpuApicOps; `opaque` is the struct Lapic.
 */
#ifndef TWIN86_DEVICES_LAPIC_H
#define TWIN86_DEVICES_LAPIC_H

#include "devices/apic/apic_bus.h"
#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"

#define LAPIC_DEFAULT_BASE 0xfee00000u
#define LAPIC_VERSION 0x14u

/** Bits of IA32_APIC_BASE (SDM vol. 3, 11.4.4). */
enum {
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
};

enum {
    LAPIC_LVT_TIMER,
    LAPIC_LVT_THERMAL,
    LAPIC_LVT_PERF,
    LAPIC_LVT_LINT0,
    LAPIC_LVT_LINT1,
    LAPIC_LVT_ERROR,
    LAPIC_LVT_COUNT
};

struct LapicState {
    uint64_t base;         /* IA32_APIC_BASE */
    uint64_t tsc_deadline; /* IA32_TSC_DEADLINE; 0: not armed */
    int64_t timer_start;   /* virtual ns at which the timer last held the initial count */
    int64_t timer_expiry;  /* virtual ns at which it reaches 0; CLOCK_NEVER: stopped */
    int64_t timer_due;     /* virtual ns at which the timer is looked at next; CLOCK_NEVER: not by itself */
    uint32_t isr[8], irr[8], tmr[8];
    uint32_t id; /* xAPIC id, 8 bits; the x2APIC id is the initial one */
    uint32_t tpr, svr;
    uint32_t ldr, dfr;    /* xAPIC formats */
    uint32_t esr, errors; /* as read; collected since the last write */
    uint32_t icr_low, icr_high;
    uint32_t lvt[LAPIC_LVT_COUNT];
    uint32_t timer_initial, timer_divide;
    uint8_t lint;           /* levels of LINT0 and LINT1 */
    uint8_t extint_message; /* an ExtINT message came over the bus and waits for acknowledgement */
    uint8_t intr;           /* level of the output to the CPU */
    uint8_t pv_eoi;         /* the guest may end the interrupt in service by clearing the flag in its memory */
    uint8_t unused[8];
};

/** What the local APIC does to its CPU and asks of the board. Any pointer may be NULL. */
struct LapicCpuOps {
    void (*set_intr)(void *opaque, bool level); /* an interrupt waits; called on changes only */
    void (*nmi)(void *opaque);
    void (*init)(void *opaque); /* INIT; the local APIC has reset itself already */
    void (*sipi)(void *opaque, uint8_t vector);
    void (*kick)(void *opaque);                        /* KVM's hypercall KVM_HC_KICK_CPU */
    uint64_t (*read_tsc)(void *opaque);                /* the guest's TSC now */
    int (*pic_acknowledge)(void *opaque);              /* INTA to the 8259s: a vector, or -1 */
    void (*base_changed)(void *opaque, uint64_t base); /* IA32_APIC_BASE was written: remap the page */
};

struct LapicConfig {
    uint32_t id; /* initial APIC id; over 254 only reachable in x2APIC mode */
    bool bsp;
    bool one_of_many;  /* logs tell it from the others, by its id */
    bool x2apic;       /* CPUID.1:ECX[21]; without it bit 10 of IA32_APIC_BASE is reserved */
    bool tsc_deadline; /* CPUID.1:ECX[24]; needs read_tsc; without it MSR 6E0h raises #GP */
    uint8_t phys_bits; /* MAXPHYADDR, 32..52 */
    uint64_t tsc_hz;
};

struct Lapic {
    struct LapicState state;
    struct LapicConfig config;
    const struct LapicCpuOps *ops;
    void *opaque;
    struct ApicBus *bus;
    struct Clock *clock;
    struct Timer timer;
    _Atomic uint8_t *pv_eoi_flag; /* KVM's paravirtual EOI: guest memory; NULL: not wanted */
    struct Lapic *next;           /* on the bus */
    const struct DeviceLog *log;  /* NULL: nobody looks */
    char name[24];                /* for the log */
};

/** Make it and add it to `bus`. */
void lapic_init(struct Lapic *l, const struct LapicConfig *config, struct ApicBus *bus, struct Clock *clock,
                const struct LapicCpuOps *ops, void *opaque);
/** Power-on reset. INIT does the same but keeps IA32_APIC_BASE and the id; it comes as a message. */
void lapic_reset(struct Lapic *l);
extern const struct StateTable lapic_state_table;
/** The state was restored: timer, page and the request to the CPU follow. */
void lapic_restored(struct Lapic *l);
/** What PC firmware leaves behind on the bootstrap CPU: enabled, LINT0 = ExtINT, LINT1 = NMI (MP specification 1.4,
 *  3.6.2.1). For machines that boot a kernel without firmware; call after lapic_reset. */
void lapic_set_virtual_wire(struct Lapic *l);

/** LINT0, where the 8259's INTR arrives. */
struct IrqWire lapic_extint_wire(struct Lapic *l);
/** LINT1, the NMI button's pin. */
struct IrqWire lapic_nmi_wire(struct Lapic *l);
/** An IrqWire's `set`: `line` is 0 for LINT0, 1 for LINT1. */
void lapic_set_lint(void *opaque, int line, bool level);

/* CpuApicOps */
int lapic_acknowledge(void *opaque); /* vector to deliver now, or -1 if the request went away */
uint64_t lapic_get_base(void *opaque);
bool lapic_set_base(void *opaque, uint64_t value); /* false: #GP */
uint8_t lapic_get_cr8(void *opaque);
void lapic_set_cr8(void *opaque, uint8_t value);
bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value); /* 800h-8FFh and 6E0h; false: #GP */
bool lapic_write_msr(void *opaque, uint32_t msr, uint64_t value);

/** KVM's paravirtual EOI: the byte in guest memory, which stays, or NULL. */
void lapic_set_pv_eoi(void *opaque, _Atomic uint8_t *flag);
/** KVM's hypercall: a message as `icr` says to each APIC whose id is first + n, for each bit n; how many took it. */
unsigned lapic_send_ipis(void *opaque, const uint64_t bits[2], uint32_t first, uint32_t icr);

/** KVM's hypercall: tell the CPU with that APIC id. */
void lapic_kick(void *opaque, uint32_t id);

/** The guest's TSC was set or its offset changed: re-arm a TSC deadline. */
void lapic_tsc_changed(void *opaque);

/** The address of the xAPIC page; 0: there is none in x2APIC mode, nor while it is disabled. */
uint64_t lapic_page(const struct Lapic *l);
/* That page: 32-bit registers at multiples of 16. */
uint32_t lapic_mmio_read(struct Lapic *l, uint64_t offset);
void lapic_mmio_write(struct Lapic *l, uint64_t offset, uint32_t value);

/* For the APIC bus. */
bool lapic_matches(const struct Lapic *l, const struct ApicMessage *msg);
bool lapic_accepts_fixed(const struct Lapic *l);                    /* enabled by base and SVR */
unsigned lapic_priority(const struct Lapic *l);                     /* the processor priority (PPR) */
unsigned lapic_settled_priority(struct Lapic *l);                   /* the same, to choose one by */
bool lapic_receive(struct Lapic *l, const struct ApicMessage *msg); /* false: not accepted */

#endif
