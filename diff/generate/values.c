/* SPDX-License-Identifier: MIT */
#include "diff/generate/values.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

uint64_t diff_integer(struct DiffRng *r) {
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x100,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x10000,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     1ull << 32,
                                     31,
                                     32,
                                     33,
                                     63,
                                     64,
                                     65,
                                     ~0ull >> 1,
                                     1ull << 63,
                                     ~0ull,
                                     ~1ull,
                                     0x0101010101010101,
                                     0x5555555555555555,
                                     0xaaaaaaaaaaaaaaaa,
                                     0x00000000ffffff80,
                                     0xffffffffffff8000,
                                     0xffffffff80000000};
    uint64_t v = diff_rnd(r);
    switch (v & 7) {
    case 0:
    case 1: return edges[(v >> 8) % COUNT(edges)];
    case 2: return diff_rnd(r) >> (v >> 8 & 63);
    case 3: return 0 - (diff_rnd(r) >> (v >> 8 & 63));
    case 4: return (1ull << (v >> 8 & 63)) - (v >> 16 & 1);
    default: return diff_rnd(r);
    }
}

uint32_t diff_float32(struct DiffRng *r) {
    static const uint32_t edges[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0xffc00000, 0x7fa00001, 0xff800001, 1,          0x807fffff, 0x00800000, 0x7f7fffff,
                                     0x4f000000, 0xcf000000, 0x3effffff, 0x40490fdb, 0x5f000000, 0xdf000000, 0x4b000000,
                                     0x477fe000, 0x47800000, 0x38800000, 0x33800000, 0x3f000000, 0x3fffffff};
    uint64_t v = diff_rnd(r);
    switch (v & 3) {
    case 0:
    case 1: return edges[(v >> 8) % COUNT(edges)];
    case 2: return (uint32_t)((v >> 32 & 0x807fffff) | (115 + (v >> 8 & 31)) << 23);
    default: return (uint32_t)(v >> 32);
    }
}

uint64_t diff_float64(struct DiffRng *r) {
    static const uint64_t edges[] = {0,
                                     0x8000000000000000,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0x7ff4000000000001,
                                     0xfff0000000000001,
                                     1,
                                     0x800fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0x41e0000000000000,
                                     0xc1e0000000000000,
                                     0x43e0000000000000,
                                     0x3fe0000000000000,
                                     0x38100000a0000000,
                                     0x47efffffe0000000,
                                     0x47f0000000000000,
                                     0x3690000000000000,
                                     0x41dfffffffe00000,
                                     0x43dfffffffffffff,
                                     0x4330000000000001,
                                     0x3fefffffffffffff};
    uint64_t v = diff_rnd(r);
    switch (v & 3) {
    case 0:
    case 1: return edges[(v >> 8) % COUNT(edges)];
    case 2: return (diff_rnd(r) & 0x800fffffffffffff) | (995 + (v >> 8 & 63)) << 52;
    default: return diff_rnd(r);
    }
}

void diff_float80(struct DiffRng *r, uint8_t out[10]) {
    static const struct {
        uint64_t m;
        uint16_t se;
    } edges[] = {{0, 0},
                 {0, 0x8000},
                 {1ull << 63, 0x3fff},
                 {1ull << 63, 0xbfff},
                 {1ull << 63, 0x7fff},
                 {1ull << 63, 0xffff},
                 {3ull << 62, 0x7fff},
                 {3ull << 62, 0xffff},
                 {0xa000000000000001, 0x7fff},
                 {1, 0},
                 {1ull << 63, 0},      /* pseudo-denormal */
                 {1ull << 62, 0x3fff}, /* unnormal */
                 {0, 0x7fff},          /* pseudo-infinity */
                 {5, 0x7fff},          /* pseudo-NaN */
                 {~0ull, 0x7ffe},
                 {1ull << 63, 1},
                 {0xc90fdaa22168c235, 0x4000},
                 {1ull << 63, 0x403e},
                 {1ull << 63, 0x4040},
                 {3ull << 62, 0x3ffe},
                 {1ull << 63, 0x3f00},
                 {0xfffffffffffffc00, 0x403d},
                 {0xffffff8000000000, 0x407e},
                 {0xfffffffffffff800, 0x43fe}};
    uint64_t v = diff_rnd(r), m = diff_rnd(r) | 1ull << 63;
    uint16_t se = (uint16_t)((0x3ff0 + (v >> 8 & 31)) | (v >> 20 & 0x8000));
    switch (v % 5) {
    case 0:
    case 1: m = edges[(v >> 32) % COUNT(edges)].m, se = edges[(v >> 32) % COUNT(edges)].se; break;
    case 2: se = (uint16_t)(v >> 40); break;
    case 3: m = diff_integer(r) | 1ull << 63, se = (uint16_t)((0x3fff + (v >> 8) % 70) | (v >> 20 & 0x8000)); break;
    default: break;
    }
    memcpy(out, &m, 8);
    memcpy(out + 8, &se, 2);
}

static void fill_integers(struct DiffRng *r, uint8_t *out, unsigned n) {
    static const uint64_t bytes[] = {0x80007f01ff000000, 0x7f7f7f7f80808080, 0x00ff00ff00ff00ff, 0x0102030405060708};
    for (unsigned k = 0; k < n; k += 8) {
        uint64_t v = diff_rnd(r), q;
        switch (v & 7) {
        case 0: q = bytes[v >> 8 & 3]; break;
        case 1: q = 0x0101010101010101 * (v >> 8 & 0xff); break;
        case 2: q = 0x0001000100010001 * (v >> 8 & 0xffff); break;
        case 3: q = diff_integer(r) & 0xffffffff, q |= diff_integer(r) << 32; break;
        case 4: q = diff_integer(r); break;
        case 5: q = (v >> 8 & 0x7f) % 70; break; /* shift counts, lengths, selectors */
        default: q = diff_rnd(r); break;
        }
        memcpy(out + k, &q, 8);
    }
}

void diff_fill(struct DiffRng *r, enum DiffClass c, uint8_t *out, unsigned n) {
    switch (c) {
    case CLASS_INTEGERS: fill_integers(r, out, n); return;
    case CLASS_SINGLE:
        for (unsigned k = 0; k < n; k += 4) {
            uint32_t f = diff_float32(r);
            memcpy(out + k, &f, 4);
        }
        return;
    case CLASS_DOUBLE:
        for (unsigned k = 0; k < n; k += 8) {
            uint64_t f = diff_float64(r);
            memcpy(out + k, &f, 8);
        }
        return;
    case CLASS_EXTENDED:
        for (unsigned k = 0; k + 16 <= n; k += 16) {
            uint64_t v = diff_rnd(r);
            fill_integers(r, out + k, 16);
            if (v & 1)
                diff_float80(r, out + k);
            else if (v & 2) /* packed BCD; now and then a digit that is none */
                for (unsigned b = 0; b < 9; b++)
                    out[k + b] = (uint8_t)((diff_rnd(r) >> 32) % 10 | ((diff_rnd(r) >> 32) % (v & 4 ? 10 : 16)) << 4);
        }
        return;
    default:
        for (unsigned k = 0; k < n; k += 8) {
            uint64_t v = diff_rnd(r);
            memcpy(out + k, &v, 8);
        }
    }
}
