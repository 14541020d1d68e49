/* SPDX-License-Identifier: MIT */
/**
 * pc-testdev, QEMU's device for test suites of x86 kernels and hypervisors (kvm-unit-tests):
 *
 *   ports E0h to E3h     four bytes that keep what was written, accessed as 1, 2 or 4 bytes
 *   ports E4h to E7h     a guest-physical address, whose page a hypervisor shall map anew; nothing to be seen
 *   ports E8h to EBh     the same four bytes, one at a time: a wider access is cut into bytes
 *   ports 2000h to 2017h the level of interrupt line n, by any value but 0 at 2000h + n: ISA interrupts 0 to 15, then
 * the I/O APIC's pins 16 to 23 memory FF000000h     64 KiB that keep what was written, though each access is an exit
 */
#ifndef TWIN86_DEVICES_PC_TESTDEV_H
#define TWIN86_DEVICES_PC_TESTDEV_H

#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define PC_TESTDEV_PORTS 0xe0
#define PC_TESTDEV_IRQ_PORTS 0x2000
#define PC_TESTDEV_BASE 0xff000000ull

enum { PC_TESTDEV_LINES = 24, PC_TESTDEV_MEMORY = 0x10000 };

struct PcTestdevState {
    uint32_t data; /* ports E0h, E8h */
    uint8_t level[PC_TESTDEV_LINES];
    uint8_t memory[PC_TESTDEV_MEMORY];
};

struct PcTestdev {
    struct PcTestdevState state;
    struct IrqWire line[PC_TESTDEV_LINES];
    struct Region region;
};

/** Its interrupt lines are the caller's to set before the guest runs. */
void pc_testdev_init(struct PcTestdev *t);
/** Power-up: all bytes 0, all lines low. */
void pc_testdev_reset(struct PcTestdev *t);
extern const struct StateTable pc_testdev_state_table;
/** Map ports and memory. 0 or -errno of the bus. */
int pc_testdev_map(struct PcTestdev *t, struct Bus *bus);

#endif
