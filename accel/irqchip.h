/* SPDX-License-Identifier: MIT */
/**
 * An engine's own interrupt controllers.
 */
#ifndef TWIN86_ACCEL_IRQCHIP_H
#define TWIN86_ACCEL_IRQCHIP_H

#include "accel/accel.h"

/**
 * Lines into an engine's own interrupt controllers, which are the PC's: two 8259s and an I/O APIC. A line holds the
 * level that was set last.
 */
enum {
    ACCEL_IRQ_ISA = 0, /* and the 15 that follow: ISA interrupt, to the 8259s and to the I/O APIC's pin of that number,
                          0 to pin 2; 2 goes nowhere */
    ACCEL_IRQ_IOAPIC = 16, /* and the 7 that follow: the I/O APIC's pins 16 to 23 */
    ACCEL_IRQ_PIC = 24,    /* and the 15 that follow: the 8259s' inputs alone */
    ACCEL_IRQ_LINES = 40,
};

/**
 * An engine's own interrupt controllers, local APICs included, in place of the machine's. The engine then also keeps
 * HLT to itself (CPUState.halted is brought up to date with env), and sets CPUState.apic.
 */
struct AccelIrqchipOps {
    /** Drive a line. Machine lock held; any thread. */
    void (*set_line)(struct Accel *accel, int line, bool level);
    /** A device's message signaled interrupt: its write of `data` to `address` FEExxxxxh. Machine lock held;
     *  any thread.
     */
    void (*send_msi)(struct Accel *accel, uint64_t address, uint32_t data);
    /** Everything as PC firmware leaves it after power-up: all masked, virtual wire mode. Parked, or in the vCPU's
     * thread. */
    void (*reset)(struct CPUState *cpu);
    /** Copy the state of what all vCPUs share, or of one's local APIC, to `buf` if it fits in `n` bytes; the number of
     *  bytes. `counts`: counts that go on while nobody runs, too. Parked. */
    size_t (*save)(struct Accel *accel, void *buf, size_t n);
    size_t (*save_cpu)(struct CPUState *cpu, bool counts, void *buf, size_t n);
    /** Take over what these have saved, of another machine perhaps, first what is shared. The bytes may be anything. 0,
     *  or -errno: the controllers may be half restored. Parked. */
    int (*restore)(struct Accel *accel, const void *buf, size_t n);
    int (*restore_cpu)(struct CPUState *cpu, const void *buf, size_t n);
};

#endif
