/* SPDX-License-Identifier: MIT */
#include "diff/run/host_segments.h"

#include <errno.h>
#include <string.h>

_Static_assert((int)SEG_COUNT == HOST_SEGMENTS, "");

enum { PRIVILEGE = 3, LOCAL = 4 }; /* of a selector */
static const char *const names[SEG_COUNT] = {"ES", "CS", "SS", "DS", "FS", "GS"};

static bool is_null(const struct X86Segment *g) { return (g->ar & AR_UNUSABLE) || (g->selector & ~PRIVILEGE) == 0; }

/** Linux's own. */
static bool is_global(const struct X86Segment *g) {
    enum { DATA = AR_S | AR_P | AR_DPL | AR_WRITABLE | AR_ACCESSED | AR_DB | AR_G, CODE = DATA | AR_CODE };
    return g->base == 0 && g->limit == UINT32_MAX &&
           ((g->selector == HOST_DS && g->ar == DATA) || (g->selector == HOST_CS32 && g->ar == CODE));
}

/** Why this segment register can't hold that, or NULL. */
static const char *unfit(const struct X86Segment *g, unsigned which) {
    bool code = g->ar & AR_CODE;
    if (is_null(g))
        return which == SEG_CS || which == SEG_SS ? "is null" : NULL;
    if (which == SEG_CS ? !code : which == SEG_SS ? code || !(g->ar & AR_WRITABLE) : code && !(g->ar & AR_READABLE))
        return "is of a type that this register does not take";
    if (is_global(g))
        return NULL;
    if ((g->selector & (LOCAL | PRIVILEGE)) != (LOCAL | PRIVILEGE) || g->selector / 8 >= HOST_LDT_ENTRIES)
        return "has a selector other than null, Linux's 23h and 2Bh, and 07h to 1FFh of the local table (steps of 8)";
    if ((g->ar & (AR_S | AR_P | AR_DPL)) != (AR_S | AR_P | AR_DPL) || (g->ar & AR_L) ||
        (code && (g->ar & AR_CONFORMING)))
        return "is not present, not of privilege level 3, 64-bit code or conforming";
    if (g->base > UINT32_MAX || (g->ar & AR_G ? (~g->limit & 0xfff) != 0 : g->limit > 0xfffff))
        return "has a base or limit that no descriptor has";
    return NULL;
}

static struct user_desc entry(const struct X86Segment *g) {
    enum { DATA, EXPAND_DOWN, CODE }; /* of `contents`: a descriptor's bits 11 and 10 */
    bool code = g->ar & AR_CODE;
    struct user_desc d;
    memset(&d, 0, sizeof(d)); /* as compared by bytes */
    d.entry_number = g->selector / 8;
    d.base_addr = (unsigned)g->base;
    d.limit = g->ar & AR_G ? g->limit >> 12 : g->limit;
    d.seg_32bit = (g->ar & AR_DB) != 0;
    d.contents = code ? CODE : g->ar & AR_EXPAND_DOWN ? EXPAND_DOWN : DATA;
    d.read_exec_only = !(g->ar & AR_WRITABLE);
    d.limit_in_pages = (g->ar & AR_G) != 0;
    d.useable = (g->ar & AR_AVL) != 0;
    return d;
}

int diff_host_segments(const struct X86Segment seg[SEG_COUNT], struct HostSegments *out, char *why, size_t n) {
    memset(out, 0, sizeof(*out));
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        const char *reason = unfit(&seg[k], k);
        out->selector[k] = is_null(&seg[k]) ? seg[k].selector & PRIVILEGE : seg[k].selector;
        if (reason == NULL && (out->selector[k] & LOCAL)) {
            out->entry[k] = entry(&seg[k]);
            out->local |= (uint16_t)(1 << k);
        }
        for (unsigned j = 0; j < k && reason == NULL; j++)
            if ((out->local >> k & 1) && (out->local >> j & 1) && out->selector[j] == out->selector[k] &&
                memcmp(&out->entry[j], &out->entry[k], sizeof(out->entry[k])) != 0)
                reason = "has the selector of another one that is not the same";
        if (reason != NULL)
            return snprintf(why, n, "host: segment %s %s", names[k], reason), -EINVAL;
    }
    return 0;
}
