/* SPDX-License-Identifier: MIT */
/* Statistics: they stick at their most, and reading clears them, those of 64 bits with the upper half (13.7). */
#include "devices/net/e1000_internal.h"

static bool is_wide(unsigned index) {
    return index == STAT_GORC || index == STAT_GOTC || index == STAT_TOR || index == STAT_TOT;
}

void e1000_count(struct E1000 *e, enum E1000Statistic which, uint64_t by) {
    uint32_t *s = &e->state.statistics[which];
    uint64_t before = is_wide(which) ? s[0] | (uint64_t)s[1] << 32 : s[0], after;
    uint64_t most = is_wide(which) ? UINT64_MAX : UINT32_MAX;
    if (__builtin_add_overflow(before, by, &after) || after > most)
        after = most;
    s[0] = (uint32_t)after;
    if (is_wide(which))
        s[1] = (uint32_t)(after >> 32);
}

uint32_t e1000_read_statistic(struct E1000 *e, unsigned index) {
    uint32_t *s = &e->state.statistics[index], value = *s;
    if (is_wide(index))
        return value; /* goes with its upper half */
    *s = 0;
    if (index > 0 && is_wide(index - 1))
        s[-1] = 0;
    return value;
}

/* 64; 65 to 127; to 255; to 511; to 1023; more: counters that follow each other. */
static unsigned size_class(size_t n) {
    static const uint16_t most[] = {64, 127, 255, 511, 1023};
    unsigned i = 0;
    while (i < sizeof(most) / sizeof(most[0]) && n > most[i])
        i++;
    return i;
}

static bool is_broadcast(const uint8_t *frame) {
    return get_le32(frame) == UINT32_MAX && get_le16(frame + 4) == UINT16_MAX;
}

/* `n` without FCS; counters are with it. */
void e1000_count_received(struct E1000 *e, const uint8_t *frame, size_t n) {
    e1000_count(e, STAT_PRC64 + size_class(n + FCS), 1);
    e1000_count(e, STAT_GPRC, 1);
    e1000_count(e, STAT_GORC, n + FCS);
    if (is_broadcast(frame))
        e1000_count(e, STAT_BPRC, 1);
    else if (frame[0] & 1)
        e1000_count(e, STAT_MPRC, 1);
}

void e1000_count_sent(struct E1000 *e, const uint8_t *frame, size_t n) {
    e1000_count(e, STAT_TPT, 1);
    e1000_count(e, STAT_TOT, n + FCS);
    e1000_count(e, STAT_PTC64 + size_class(n + FCS), 1);
    if (n >= ETHERNET_LEAST) {
        e1000_count(e, STAT_GPTC, 1);
        e1000_count(e, STAT_GOTC, n + FCS);
    }
    if (is_broadcast(frame))
        e1000_count(e, STAT_BPTC, 1);
    else if (frame[0] & 1)
        e1000_count(e, STAT_MPTC, 1);
}
