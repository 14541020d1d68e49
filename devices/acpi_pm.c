/* SPDX-License-Identifier: MIT */
#include "devices/acpi_pm.h"

#include <string.h>

/* PM1 status and enable (ACPI 6.4, tables 4.9 and 4.10). */
enum { PM1_TIMER = 1 << 0, PM1_GLOBAL = 1 << 5, PM1_POWER_BUTTON = 1 << 8, PM1_RTC = 1 << 10, PM1_WAKE = 1 << 15 };
enum {
    PM1_STATUS_BITS = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC | PM1_WAKE,
    PM1_ENABLE_BITS = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC,
    PM1_ENABLE_RESERVED = 0xb8de,
};

/* PM1 control (table 4.11). */
enum { CTL_SCI_EN = 1 << 0, CTL_BM_RLD = 1 << 1, CTL_SLP_TYP_SHIFT = 10, CTL_SLP_TYP = 7 << 10, CTL_SLP_EN = 1 << 13 };

/* Reset control: bit 2 starts the reset on its rise, bit 1 chooses a hard one. */
enum { RC_HARD = 1 << 1, RC_RESET = 1 << 2, RC_FULL = 1 << 3 };

/* The timer's top bit is bit 31: it changes every 2^31 ticks, about ten minutes. */
#define HALF_TICKS (1ll << 31)

static int64_t ns_to_ticks(int64_t ns) { return (int64_t)((__int128)ns * ACPI_PM_TIMER_HZ / NS_PER_SEC); }

/* The first nanosecond that belongs to `tick`. */
static int64_t ticks_to_ns(int64_t tick) {
    __int128 ns = ((__int128)tick * NS_PER_SEC + ACPI_PM_TIMER_HZ - 1) / ACPI_PM_TIMER_HZ;
    return ns > CLOCK_END ? CLOCK_END : (int64_t)ns;
}

uint32_t acpi_pm_timer(const struct AcpiPm *pm) { return (uint32_t)ns_to_ticks(clock_now(pm->clock)); }

static void next_overflow(struct AcpiPm *pm) {
    int64_t tick = ns_to_ticks(clock_now(pm->clock));
    pm->state.overflow_ns = ticks_to_ns((tick / HALF_TICKS + 1) * HALF_TICKS);
}

static void check_overflow(struct AcpiPm *pm) {
    if (clock_now(pm->clock) < pm->state.overflow_ns)
        return;
    pm->state.status |= PM1_TIMER;
    next_overflow(pm);
}

static void update(struct AcpiPm *pm) {
    struct AcpiPmState *s = &pm->state;
    check_overflow(pm);
    bool level = s->status & s->enable & PM1_ENABLE_BITS || s->gpe_status & s->gpe_enable;
    if (level != s->sci) {
        s->sci = level;
        irq_set(&pm->sci, level);
    }
    if (s->enable & PM1_TIMER && !(s->status & PM1_TIMER))
        timer_arm(&pm->timer, s->overflow_ns);
    else
        timer_cancel(&pm->timer);
}

static void timer_expired(void *opaque) {
    struct AcpiPm *pm = opaque;
    if (clock_at_end(pm->clock))
        pm->state.status |= PM1_TIMER;
    update(pm);
}

/* ---- sleep and wake events ---- */

static void wake(struct AcpiPm *pm) {
    if (pm->state.sleep != ACPI_ASLEEP)
        return;
    pm->state.sleep = ACPI_WAKING;
    if (pm->ops->wake)
        pm->ops->wake(pm->opaque);
}

/* A wake event that is enabled and pending already lets nobody fall asleep. The button's is always enabled (82371AB
 * data sheet, 7.3.1: PWRBTN_EN is about the SCI). */
static void fall_asleep(struct AcpiPm *pm) {
    struct AcpiPmState *s = &pm->state;
    if (s->sleep != ACPI_AWAKE) /* another CPU has said so, and it may be waking up already */
        return;
    s->sleep = ACPI_ASLEEP;
    if (pm->ops->suspend)
        pm->ops->suspend(pm->opaque);
    if (s->status & (PM1_POWER_BUTTON | (s->enable & PM1_RTC)) || s->gpe_status & s->gpe_enable)
        wake(pm);
}

void acpi_pm_power_button(struct AcpiPm *pm) {
    pm->state.status |= PM1_POWER_BUTTON;
    update(pm);
    wake(pm);
}

void acpi_pm_rtc_alarm(void *opaque, int line, bool level) {
    struct AcpiPm *pm = opaque;
    (void)line;
    if (!level)
        return;
    pm->state.status |= PM1_RTC;
    update(pm);
    if (pm->state.enable & PM1_RTC)
        wake(pm);
}

bool acpi_pm_wake(struct AcpiPm *pm) {
    if (pm->state.sleep == ACPI_AWAKE)
        return false;
    pm->state.status |= PM1_POWER_BUTTON;
    wake(pm);
    return true;
}

void acpi_pm_woken(struct AcpiPm *pm) {
    pm->state.sleep = ACPI_AWAKE;
    pm->state.status |= PM1_WAKE;
    pm->state.control &= ~CTL_SLP_TYP;
    pm->state.reset_control = 0;
    pm->state.sci = false; /* interrupt controllers were reset */
    update(pm);
}

/* ---- registers: bytes of a block ---- */

static uint64_t image(const struct AcpiPm *pm, unsigned word) {
    const struct AcpiPmState *s = &pm->state;
    switch (word) {
    case ACPI_PM1_EVENT / 4: return s->status | (uint32_t)s->enable << 16;
    case ACPI_PM1_CONTROL / 4: return s->control | CTL_SCI_EN;
    case ACPI_PM_TIMER / 4: return acpi_pm_timer(pm);
    case ACPI_PM_GPE0 / 4: return s->gpe_status | (uint32_t)s->gpe_enable << 16;
    default: return 0;
    }
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size) {
    struct AcpiPm *pm = opaque;
    (void)size;
    if (offset / 4 == ACPI_PM1_EVENT / 4)
        update(pm); /* shows an overflow that nobody waited for */
    return image(pm, offset / 4) >> offset % 4 * 8;
}

static void turn_off(struct AcpiPm *pm, void (*fn)(void *opaque)) {
    if (fn)
        fn(pm->opaque);
}

static void write_control(struct AcpiPm *pm, uint16_t value) {
    unsigned type = (value & CTL_SLP_TYP) >> CTL_SLP_TYP_SHIFT;
    pm->state.control = value & (CTL_BM_RLD | CTL_SLP_TYP); /* SLP_EN reads 0; GBL_RLS has nobody to hear it */
    if (!(value & CTL_SLP_EN))
        return;
    if (type == ACPI_SLP_TYP_S3 && !pm->no_s3)
        fall_asleep(pm);
    else if (type == ACPI_SLP_TYP_S4 && !pm->no_s4)
        turn_off(pm, pm->ops->hibernate);
    else if (type != ACPI_SLP_TYP_S5)
        device_error(pm->log, "ACPI", "there is no sleep type", type);
    else
        turn_off(pm, pm->ops->poweroff);
}

/* `mask`: the bits of the 32-bit word that the access reaches. */
static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct AcpiPm *pm = opaque;
    struct AcpiPmState *s = &pm->state;
    unsigned shift = offset % 4 * 8;
    uint32_t mask = (uint32_t)((1ull << 8 * size) - 1) << shift, v = (uint32_t)value << shift & mask;
    uint16_t high_mask = mask >> 16, high = v >> 16;
    switch (offset & ~3ull) {
    case ACPI_PM1_EVENT:
        check_overflow(pm);
        if (high & PM1_ENABLE_RESERVED)
            device_error(pm->log, "ACPI", "reserved bits of PM1 enable,", high & PM1_ENABLE_RESERVED);
        s->status &= ~(v & PM1_STATUS_BITS);
        s->enable = ((s->enable & ~high_mask) | high) & PM1_ENABLE_BITS;
        break;
    case ACPI_PM1_CONTROL:
        if (mask & 0xffff)
            write_control(pm, (s->control & ~mask) | v);
        break;
    case ACPI_PM_TIMER: device_error(pm->log, "ACPI", "write to the timer, which is read-only,", value); break;
    case ACPI_PM_GPE0:
        s->gpe_status &= ~v;
        s->gpe_enable = (s->gpe_enable & ~high_mask) | high;
        break;
    }
    update(pm);
}

const struct IoOps acpi_pm_ops = {.read = pm_read, .write = pm_write, .min_size = 1, .max_size = 4};

/* ---- CF9h ---- */

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned size) {
    const struct AcpiPm *pm = opaque;
    (void)offset, (void)size;
    return pm->state.reset_control;
}

static void reset_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct AcpiPm *pm = opaque;
    (void)offset, (void)size;
    if (value & ~(uint64_t)(RC_HARD | RC_RESET | RC_FULL))
        device_error(pm->log, "reset control", "reserved bits,", value);
    bool rises = value & RC_RESET && !(pm->state.reset_control & RC_RESET);
    pm->state.reset_control = value & (RC_HARD | RC_RESET);
    if (rises && pm->ops->reset)
        pm->ops->reset(pm->opaque, value & RC_HARD);
}

const struct IoOps acpi_pm_reset_ops = {.read = reset_read, .write = reset_write, .min_size = 1, .max_size = 1};

/* ---- life ---- */

void acpi_pm_reset(struct AcpiPm *pm) {
    memset(&pm->state, 0, sizeof(pm->state));
    timer_cancel(&pm->timer);
    irq_set(&pm->sci, false);
    next_overflow(pm);
}

void acpi_pm_init(struct AcpiPm *pm, struct Clock *clock, struct IrqWire sci, const struct AcpiPmOps *ops,
                  void *opaque) {
    memset(pm, 0, sizeof(*pm));
    pm->clock = clock;
    pm->sci = sci;
    pm->ops = ops;
    pm->opaque = opaque;
    timer_init(&pm->timer, clock, timer_expired, pm);
    next_overflow(pm);
}

/* ---- saved state ---- */

const struct StateTable acpi_pm_state_table = {
    .name = "acpi_pm",
    .size = sizeof(struct AcpiPmState),
    .version = 2,
    .field =
        (const struct StateField[]){
            STATE_FIELD(AcpiPmState, overflow_ns),
            STATE_FIELD(AcpiPmState, status),
            STATE_FIELD(AcpiPmState, enable),
            STATE_FIELD(AcpiPmState, control),
            STATE_FIELD(AcpiPmState, gpe_status),
            STATE_FIELD(AcpiPmState, gpe_enable),
            STATE_FIELD(AcpiPmState, reset_control),
            STATE_FIELD(AcpiPmState, sci, .max = 1),
            STATE_FIELD(AcpiPmState, sleep, .max = ACPI_WAKING),
            STATE_PADDING(AcpiPmState, unused),
            {0},
        },
};

void acpi_pm_restored(struct AcpiPm *pm) {
    const struct AcpiPmState *s = &pm->state;
    timer_arm(&pm->timer, s->enable & PM1_TIMER && !(s->status & PM1_TIMER) ? s->overflow_ns : CLOCK_NEVER);
}
