/* SPDX-License-Identifier: MIT */
/**
 * ACPI fixed hardware (ACPI specification 6.4, section 4.8): PM1a events and control, the power management timer, an
 * empty GPE0 block; and the reset control register at CF9h (Intel 82371SB data sheet, "RC").
 *
 * There is no legacy mode and no SMI command port: the FADT says SMI_CMD = 0, and SCI_EN always reads 1 (4.8.2.5).
 *
 * Sleep: SLP_EN with the type of S3 puts the machine to sleep until a wake event; then ops->wake asks for the reset by
 * which it wakes up, which ends in acpi_pm_woken. The registers but the sleep type are in the chip's resume well
 * (82371AB data sheet, 3.3): they stay.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_ACPI_PM_H
#define TWIN86_DEVICES_ACPI_PM_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define ACPI_PM_TIMER_HZ 3579545

/** Offsets of the blocks within its ports, which are laid out as a PIIX4's (82371AB data sheet, 7.3): what is not here
 *  reads as 0. */
enum {
    ACPI_PM_PORTS = 64,
    ACPI_PM1_EVENT = 0,   /* 4 bytes: status, enable */
    ACPI_PM1_CONTROL = 4, /* 2 bytes */
    ACPI_PM_TIMER = 8,    /* 4 bytes */
    ACPI_PM_GPE0 = 12,    /* 4 bytes: status, enable */
    ACPI_RESET_PORT = 0xcf9,
    ACPI_RESET_VALUE = 0x06, /* hard reset */
    ACPI_SLP_TYP_S5 = 0,     /* what the \_S5 package must say; as QEMU's firmware interface has them, */
    ACPI_SLP_TYP_S3 = 1,     /* the \_S3 package, */
    ACPI_SLP_TYP_S4 = 2,     /* and the \_S4 package */
};

enum AcpiSleep {
    ACPI_AWAKE,
    ACPI_ASLEEP, /* in S3 */
    ACPI_WAKING, /* a wake event came: the reset is on its way */
};

struct AcpiPmState {
    int64_t overflow_ns; /* when the timer's top bit changes next; CLOCK_NEVER before the first reset */
    uint16_t status, enable, control;
    uint16_t gpe_status, gpe_enable;
    uint8_t reset_control; /* CF9h */
    uint8_t sci;           /* level of the wire */
    uint8_t sleep;         /* enum AcpiSleep */
    uint8_t unused[3];
};

struct AcpiPmOps {
    void (*poweroff)(void *opaque);         /* SLP_EN with the S5 type */
    void (*hibernate)(void *opaque);        /* with the S4 type: off, the guest has kept what it needs on its disk */
    void (*suspend)(void *opaque);          /* SLP_EN with the S3 type: nothing is to be executed from now on */
    void (*wake)(void *opaque);             /* a wake event: reset into acpi_pm_woken */
    void (*reset)(void *opaque, bool hard); /* CF9h */
};

struct AcpiPm {
    struct AcpiPmState state;
    struct Clock *clock;
    struct Timer timer; /* armed while the overflow interrupt is enabled */
    struct IrqWire sci;
    const struct AcpiPmOps *ops;
    void *opaque;
    bool no_s3, no_s4;           /* that sleep type is not there */
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** `sci`: level-triggered. Pointers in `ops` may be NULL. */
void acpi_pm_init(struct AcpiPm *pm, struct Clock *clock, struct IrqWire sci, const struct AcpiPmOps *ops,
                  void *opaque);
void acpi_pm_reset(struct AcpiPm *pm);
extern const struct StateTable acpi_pm_state_table;
/** The state was restored: the timer follows. */
void acpi_pm_restored(struct AcpiPm *pm);
/** Its ACPI_PM_PORTS ports, wherever PMBA puts them (devices/pci/piix4_pm.h); `opaque` is the struct AcpiPm. */
extern const struct IoOps acpi_pm_ops;

/** The person pressed the power button, which wakes it, too. */
void acpi_pm_power_button(struct AcpiPm *pm);
/** The RTC's alarm, an IrqWire's end (`opaque` is the struct AcpiPm): as it rises it sets RTC_STS, and wakes the
 * machine if RTC_EN is set. */
void acpi_pm_rtc_alarm(void *opaque, int line, bool level);
/** Wake it up without a device's doing; the guest sees the power button as the cause. False: it does not sleep. */
bool acpi_pm_wake(struct AcpiPm *pm);
/** In place of acpi_pm_reset, when the reset comes of ops->wake: awake, WAK_STS is set. */
void acpi_pm_woken(struct AcpiPm *pm);

/** The 32-bit power management timer now. */
uint32_t acpi_pm_timer(const struct AcpiPm *pm);

/** The reset control register, one byte at offset 0: `opaque` is the struct AcpiPm. */
extern const struct IoOps acpi_pm_reset_ops;

#endif
