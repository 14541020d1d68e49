/* SPDX-License-Identifier: MIT */
/* MC146818 RTC and CMOS. */
#include "devices/rtc.h"

#include <string.h>

enum {
    REG_SECONDS,
    REG_SECONDS_ALARM,
    REG_MINUTES,
    REG_MINUTES_ALARM,
    REG_HOURS,
    REG_HOURS_ALARM,
    REG_WEEKDAY,
    REG_DAY,
    REG_MONTH,
    REG_YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
};

enum { A_RATE = 0x0f, A_DIVIDER = 0x70, A_DIVIDER_32K = 0x20, A_DIVIDER_RESET = 0x60, A_UIP = 0x80 };
enum { B_24H = 0x02, B_BINARY = 0x04, B_SQWE = 0x08, B_UIE = 0x10, B_AIE = 0x20, B_PIE = 0x40, B_SET = 0x80 };
enum { C_UF = 0x10, C_AF = 0x20, C_PF = 0x40, C_IRQF = 0x80, C_EVENTS = C_UF | C_AF | C_PF };
enum { D_VRT = 0x80 };

#define HOUR_PM 0x80
#define ALARM_ANY 0xc0 /* both top bits set: the alarm register matches everything */

/* The divider chain runs at 32768 Hz; the update cycle is announced 244 us ahead and takes 1984 us (table 5). */
#define DIVIDER_HZ 32768
#define UIP_NS ((244 + 1984) * 1000LL)

#define SECONDS_PER_DAY 86400
#define WEEKDAY_OF_EPOCH 4 /* 1970-01-01 was a Thursday; 0 is Sunday */

struct Date {
    int64_t year; /* with century */
    int month, day, hour, minute, second;
};

/* ---- calendar ---- */

/* Days since 1970-01-01 in the Gregorian calendar. Years are counted from March so that leap days come last. */
static int64_t days_from_date(int64_t year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t month_from_march = (month + 9) % 12;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * month_from_march + 2) / 5 + day - 1 - 719468;
}

static struct Date date_from_seconds(int64_t seconds) {
    int64_t days = seconds / SECONDS_PER_DAY, rest = seconds % SECONDS_PER_DAY, year;
    struct Date d;

    year = 1970 + days / 366;
    while (days_from_date(year + 1, 1, 1) <= days)
        year++;
    d.year = year;
    d.month = 1;
    while (d.month < 12 && days_from_date(year, d.month + 1, 1) <= days)
        d.month++;
    d.day = days - days_from_date(year, d.month, 1) + 1;
    d.hour = rest / 3600;
    d.minute = rest / 60 % 60;
    d.second = rest % 60;
    return d;
}

/* ---- register formats ---- */

static uint8_t encode(const struct RtcState *s, unsigned v) {
    return (s->cmos[REG_B] & B_BINARY) ? v : v / 10 % 10 << 4 | v % 10;
}

static int decode(const struct RtcState *s, uint8_t v) {
    return (s->cmos[REG_B] & B_BINARY) ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct RtcState *s, int hour) {
    if (s->cmos[REG_B] & B_24H)
        return encode(s, hour);
    return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct RtcState *s, uint8_t v) {
    if (s->cmos[REG_B] & B_24H)
        return decode(s, v);
    return decode(s, v & ~HOUR_PM) % 12 + ((v & HOUR_PM) ? 12 : 0);
}

/* ---- time ---- */

static bool divider_stopped(const struct RtcState *s) { return (s->cmos[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET; }

/* The calendar does not advance, and its registers hold what is in cmos[]. */
static bool frozen(const struct RtcState *s) { return (s->cmos[REG_B] & B_SET) || divider_stopped(s); }

static int64_t seconds_at(const struct RtcState *s, int64_t ns) {
    return s->base_seconds + (ns - s->base_ns) / NS_PER_SEC;
}

static int64_t ns_of_second(const struct RtcState *s, int64_t second) {
    return clock_after_many(s->base_ns, second - s->base_seconds, NS_PER_SEC);
}

/* Store the calendar of now in cmos[]. */
static void calendar_to_cmos(struct RtcState *s, int64_t now) {
    int64_t seconds = seconds_at(s, now);
    struct Date d = date_from_seconds(seconds);

    s->cmos[REG_SECONDS] = encode(s, d.second);
    s->cmos[REG_MINUTES] = encode(s, d.minute);
    s->cmos[REG_HOURS] = encode_hour(s, d.hour);
    s->cmos[REG_WEEKDAY] = 1 + (seconds / SECONDS_PER_DAY + WEEKDAY_OF_EPOCH + s->weekday_offset) % 7;
    s->cmos[REG_DAY] = encode(s, d.day);
    s->cmos[REG_MONTH] = encode(s, d.month);
    s->cmos[REG_YEAR] = encode(s, d.year % 100);
    s->cmos[RTC_CENTURY] = encode(s, d.year / 100);
}

static int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* Take the calendar from cmos[], nonsense included. The phase within the second is kept. */
static void calendar_from_cmos(struct RtcState *s, int64_t now) {
    int64_t year = decode(s, s->cmos[RTC_CENTURY]) * 100 + decode(s, s->cmos[REG_YEAR]), days;
    int month = clamp(decode(s, s->cmos[REG_MONTH]), 1, 12), day = clamp(decode(s, s->cmos[REG_DAY]), 1, 31);
    int weekday = decode(s, s->cmos[REG_WEEKDAY]);

    days = days_from_date(year < 1970 ? 1970 : year, month, day);
    s->base_seconds = days * SECONDS_PER_DAY + clamp(decode_hour(s, s->cmos[REG_HOURS]), 0, 23) * 3600 +
                      clamp(decode(s, s->cmos[REG_MINUTES]), 0, 59) * 60 +
                      clamp(decode(s, s->cmos[REG_SECONDS]), 0, 59);
    s->base_ns = now - (now - s->base_ns) % NS_PER_SEC;
    s->weekday_offset = (weekday - 1 - (days + WEEKDAY_OF_EPOCH) % 7 + 14) % 7;
}

/* ---- events ---- */

static bool alarm_field_matches(uint8_t reg, int decoded, int value) {
    return (reg & ALARM_ANY) == ALARM_ANY || decoded == value;
}

/* The first second after `after` that matches the alarm, looking one day ahead; or CLOCK_NEVER. */
static int64_t next_alarm(const struct RtcState *s, int64_t after) {
    const uint8_t *c = s->cmos;
    int hour = decode_hour(s, c[REG_HOURS_ALARM]);
    int minute = decode(s, c[REG_MINUTES_ALARM]), second = decode(s, c[REG_SECONDS_ALARM]);
    int64_t t = after + 1, end = after + SECONDS_PER_DAY;

    while (t <= end) {
        if (!alarm_field_matches(c[REG_HOURS_ALARM], hour, t / 3600 % 24))
            t = (t / 3600 + 1) * 3600;
        else if (!alarm_field_matches(c[REG_MINUTES_ALARM], minute, t / 60 % 60))
            t = (t / 60 + 1) * 60;
        else if (!alarm_field_matches(c[REG_SECONDS_ALARM], second, t % 60))
            t++;
        else
            return t;
    }
    return CLOCK_NEVER;
}

/* Table 4: period of the periodic interrupt in ticks of the divider chain, 0 for none. */
static int64_t periodic_ticks(const struct RtcState *s) {
    unsigned rate = s->cmos[REG_A] & A_RATE;

    if (rate == 0 || divider_stopped(s))
        return 0;
    return 1LL << (rate <= 2 ? rate + 6 : rate - 1);
}

/* Virtual ns of the first periodic event after `ns`, or CLOCK_NEVER. */
static int64_t next_periodic(const struct RtcState *s, int64_t ns) {
    int64_t period = periodic_ticks(s), since = ns - s->base_ns, tick;

    if (period == 0)
        return CLOCK_NEVER;
    tick = since / NS_PER_SEC * DIVIDER_HZ + since % NS_PER_SEC * DIVIDER_HZ / NS_PER_SEC;
    tick = (tick / period + 1) * period;
    int64_t whole = clock_after_many(s->base_ns, tick / DIVIDER_HZ, NS_PER_SEC);
    return clock_after(whole, (tick % DIVIDER_HZ * NS_PER_SEC + DIVIDER_HZ - 1) / DIVIDER_HZ);
}

static int64_t next_update(const struct RtcState *s, int64_t ns) {
    return frozen(s) ? CLOCK_NEVER : ns_of_second(s, seconds_at(s, ns) + 1);
}

static int64_t next_alarm_ns(const struct RtcState *s, int64_t ns) {
    int64_t second = frozen(s) ? CLOCK_NEVER : next_alarm(s, seconds_at(s, ns));

    return second == CLOCK_NEVER ? CLOCK_NEVER : ns_of_second(s, second);
}

/* Note in register C what happened since the last look. */
static void sync_flags(struct RtcState *s, int64_t now) {
    if (next_periodic(s, s->synced_ns) <= now)
        s->cmos[REG_C] |= C_PF;
    if (next_update(s, s->synced_ns) <= now) {
        s->cmos[REG_C] |= C_UF;
        if (next_alarm_ns(s, s->synced_ns) <= now)
            s->cmos[REG_C] |= C_AF;
    }
    s->synced_ns = now;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Drive the interrupt and arm the timer for the next event that could change it. */
static void update_irq(struct Rtc *r) {
    struct RtcState *s = &r->state;
    uint8_t enabled = s->cmos[REG_B] & C_EVENTS; /* PIE, AIE, UIE sit where PF, AF, UF do */
    uint8_t awaited = enabled & ~s->cmos[REG_C];
    bool irq = enabled & s->cmos[REG_C];
    int64_t wake = CLOCK_NEVER;

    s->cmos[REG_C] = (s->cmos[REG_C] & C_EVENTS) | (irq ? C_IRQF : 0);
    if (irq != s->irq) {
        s->irq = irq;
        irq_set(&r->irq, irq);
    }
    bool alarm = enabled & s->cmos[REG_C] & C_AF;
    if (alarm != s->alarm) {
        s->alarm = alarm;
        irq_set(&r->alarm, alarm);
    }
    if (!irq) {
        if (awaited & C_PF)
            wake = earlier(wake, next_periodic(s, s->synced_ns));
        if (awaited & C_UF)
            wake = earlier(wake, next_update(s, s->synced_ns));
    }
    if (awaited & C_AF)
        wake = earlier(wake, next_alarm_ns(s, s->synced_ns));
    if (wake != CLOCK_NEVER)
        timer_arm(&r->timer, wake);
    else if (timer_armed(&r->timer))
        timer_cancel(&r->timer);
}

static void timer_fired(void *opaque) {
    struct Rtc *r = opaque;

    sync_flags(&r->state, clock_at_end(r->clock) ? CLOCK_END : clock_now(r->clock));
    update_irq(r);
}

/* ---- registers ---- */

static bool is_calendar(unsigned index) {
    return index == REG_SECONDS || index == REG_MINUTES || index == REG_HOURS || index == RTC_CENTURY ||
           (index >= REG_WEEKDAY && index <= REG_YEAR);
}

static bool update_in_progress(const struct RtcState *s, int64_t now) {
    return !frozen(s) && next_update(s, now) - now <= UIP_NS;
}

static uint8_t read_register(struct Rtc *r, unsigned index) {
    struct RtcState *s = &r->state;
    int64_t now = clock_now(r->clock);
    uint8_t value;

    if (is_calendar(index) && !frozen(s))
        calendar_to_cmos(s, now);
    switch (index) {
    case REG_A: return s->cmos[REG_A] | (update_in_progress(s, now) ? A_UIP : 0);
    case REG_C:
        sync_flags(s, now);
        update_irq(r); /* sets IRQF if an event came before its timer */
        value = s->cmos[REG_C];
        s->cmos[REG_C] = 0;
        update_irq(r);
        return value;
    case REG_D: return D_VRT;
    default: return s->cmos[index];
    }
}

/* Registers A and B together decide whether the calendar runs; carry it over the change. */
static void write_control(struct RtcState *s, unsigned index, uint8_t value, int64_t now) {
    bool was_frozen = frozen(s), was_stopped = divider_stopped(s);

    if (!was_frozen)
        calendar_to_cmos(s, now);
    if (index == REG_A) {
        s->cmos[REG_A] = value & ~A_UIP;
    } else {
        if (value & B_SET)
            value &= ~B_UIE; /* "the SET bit going high clears UIE" */
        s->cmos[REG_B] = value;
        if (!was_frozen && !frozen(s))
            calendar_to_cmos(s, now); /* a new format for the same time */
    }
    if (was_frozen && !frozen(s))
        calendar_from_cmos(s, now);
    if (was_stopped && !divider_stopped(s))
        s->base_ns = now - NS_PER_SEC / 2; /* "the first update cycle begins one-half second later" */
}

/* What the data sheet does not allow. */
static void check_write(const struct Rtc *r, unsigned index, uint8_t value) {
    static const uint8_t low[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 0}, high[] = {59, 59, 59, 59, 23, 23, 7, 31, 12, 99};
    const struct RtcState *s = &r->state;
    bool alarm = index == REG_SECONDS_ALARM || index == REG_MINUTES_ALARM || index == REG_HOURS_ALARM;
    bool hour = index == REG_HOURS || index == REG_HOURS_ALARM;
    if (index == REG_C || index == REG_D) {
        device_error(r->log, "RTC", "write to a read-only register,", index);
    } else if (index == REG_A && (value & A_DIVIDER) != A_DIVIDER_32K && (value & A_DIVIDER_RESET) != A_DIVIDER_RESET) {
        device_error(r->log, "RTC", "divider for another crystal, register A", value);
    } else if (index <= REG_YEAR && !(alarm && (value & ALARM_ANY) == ALARM_ANY)) {
        int v = hour ? decode_hour(s, value) : decode(s, value);
        bool digits = (s->cmos[REG_B] & B_BINARY) || ((value & 15) <= 9 && (value >> 4 & (hour ? 7 : 15)) <= 9);
        if (v < low[index] || v > high[index] || !digits)
            device_error(r->log, "RTC", "no such time or date: register << 8 | value is", index << 8 | value);
    }
}

static void write_register(struct Rtc *r, unsigned index, uint8_t value) {
    struct RtcState *s = &r->state;
    int64_t now = clock_now(r->clock);

    if (r->log != NULL)
        check_write(r, index, value);
    if (index > REG_D && index != RTC_CENTURY) {
        s->cmos[index] = value;
        return;
    }
    sync_flags(s, now);
    if (index == REG_A || index == REG_B) {
        write_control(s, index, value, now);
    } else if (is_calendar(index)) {
        if (!frozen(s))
            calendar_to_cmos(s, now);
        s->cmos[index] = value;
        if (!frozen(s))
            calendar_from_cmos(s, now);
    } else if (index < REG_A) {
        s->cmos[index] = value; /* alarm */
    }
    update_irq(r);
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size) {
    struct Rtc *r = opaque;

    (void)size;
    return offset == 0 ? r->state.index : read_register(r, r->state.index % RTC_CMOS_SIZE);
}

static void rtc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Rtc *r = opaque;

    (void)size;
    if (offset == 0)
        r->state.index = value;
    else
        write_register(r, r->state.index % RTC_CMOS_SIZE, value);
}

static const struct IoOps rtc_ops = {.read = rtc_read, .write = rtc_write, .min_size = 1, .max_size = 1};

void rtc_set_cmos(struct Rtc *r, unsigned index, uint8_t value) {
    if (index > REG_D && index < RTC_CMOS_SIZE && index != RTC_CENTURY)
        r->state.cmos[index] = value;
}

uint8_t rtc_get_cmos(const struct Rtc *r, unsigned index) {
    return index < RTC_CMOS_SIZE ? r->state.cmos[index] : 0xff;
}

bool rtc_nmi_masked(const struct Rtc *r) { return r->state.index & 0x80; }

void rtc_reset(struct Rtc *r) {
    struct RtcState *s = &r->state;

    sync_flags(s, clock_now(r->clock));
    s->cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    s->cmos[REG_C] = 0;
    s->index = 0;
    update_irq(r);
}

/* Starts as PC firmware leaves it: 32 kHz divider, 1024 Hz rate, BCD, 24 hours. */
void rtc_init(struct Rtc *r, struct Clock *clock, struct IrqWire irq) {
    struct RtcState *s = &r->state;

    memset(r, 0, sizeof(*r));
    r->clock = clock;
    r->irq = irq;
    timer_init(&r->timer, clock, timer_fired, r);
    s->cmos[REG_A] = 0x26;
    s->cmos[REG_B] = B_24H;
    s->base_seconds = clock_wall_seconds(clock);
    if (s->base_seconds < 0)
        s->base_seconds = 0; /* the calendar starts in 1970 */
    s->base_ns = s->synced_ns = clock_now(clock);
    calendar_to_cmos(s, s->base_ns);
    rtc_reset(r);
}

int rtc_map(struct Rtc *r, struct Bus *bus, uint16_t base) { return bus_map_ports(bus, base, 2, "rtc", &rtc_ops, r); }

/* ---- saved state ---- */

/* Within 10,000 years and 292 of virtual time, so that no sum overflows. */
static const char *check_state(const void *state) {
    const struct RtcState *s = state;
    bool ok = s->base_seconds >= 0 && s->base_seconds <= 10000LL * 366 * SECONDS_PER_DAY && s->base_ns >= -NS_PER_SEC &&
              s->base_ns <= INT64_MAX / 4 && s->synced_ns >= 0 && s->synced_ns <= INT64_MAX / 4;
    return ok ? NULL : "a time beyond all time";
}

const struct StateTable rtc_state_table = {
    .name = "rtc",
    .size = sizeof(struct RtcState),
    .version = 2,
    .check = check_state,
    .field =
        (const struct StateField[]){
            STATE_FIELD(RtcState, base_seconds),
            STATE_FIELD(RtcState, base_ns),
            STATE_FIELD(RtcState, synced_ns),
            STATE_ARRAY(RtcState, cmos),
            STATE_FIELD(RtcState, index),
            STATE_FIELD(RtcState, weekday_offset, .max = 6),
            STATE_FIELD(RtcState, irq),
            STATE_FIELD(RtcState, alarm),
            STATE_PADDING(RtcState, unused),
            {0},
        },
};

void rtc_restored(struct Rtc *r) { update_irq(r); }
