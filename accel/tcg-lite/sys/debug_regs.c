/* SPDX-License-Identifier: MIT */
/* Matching of breakpoints in the debug registers. See debug_regs.h. */
#include "accel/tcg-lite/sys/debug_regs.h"

static bool enabled(const CPUX86State *env, unsigned n) { return (env->dr[7] >> (2 * n)) & 3; }
static unsigned kind_of(const CPUX86State *env, unsigned n) { return (env->dr[7] >> (16 + 4 * n)) & 3; }

/* The LEN field: 1, 2, 8 or 4 bytes. */
static unsigned length_of(const CPUX86State *env, unsigned n) {
    static const uint8_t length[4] = {1, 2, 8, 4};
    return length[(env->dr[7] >> (18 + 4 * n)) & 3];
}

/* DRn's range is aligned to its length: the low address bits don't take part (SDM vol. 3, 18.2.5). */
static bool overlaps(const CPUX86State *env, unsigned n, uint64_t first, unsigned size) {
    unsigned length = length_of(env, n);
    uint64_t start = env->dr[n] & ~(uint64_t)(length - 1);
    return first - start < length || start - first < size;
}

bool dr_any(const CPUX86State *env, unsigned kind) {
    for (unsigned n = 0; n < 4; n++)
        if (enabled(env, n) && kind_of(env, n) == kind)
            return true;
    return false;
}

uint32_t dr_match_data(const CPUX86State *env, uint64_t linear, unsigned size, bool write) {
    uint32_t hits = 0;
    for (unsigned n = 0; n < 4; n++) {
        unsigned kind = kind_of(env, n);
        if (enabled(env, n) && (kind == DR7_ACCESS || (kind == DR7_WRITE && write)) && overlaps(env, n, linear, size))
            hits |= 1u << n;
    }
    return hits;
}

uint32_t dr_match_exec(const CPUX86State *env, uint64_t linear) {
    uint32_t hits = 0;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(env, n) && kind_of(env, n) == DR7_EXEC && length_of(env, n) == 1 && env->dr[n] == linear)
            hits |= 1u << n;
    return hits;
}

uint32_t dr_match_io(const CPUX86State *env, uint16_t port, unsigned size) {
    uint32_t hits = 0;
    if (!(env->cr4 & CR4_DE)) /* R/W = 10b is undefined then */
        return 0;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(env, n) && kind_of(env, n) == DR7_IO && overlaps(env, n, port, size))
            hits |= 1u << n;
    return hits;
}
