/* SPDX-License-Identifier: MIT */
/*
 * A debugger's breakpoints, watchpoints and steps (cpu/debug.h). What costs nothing without them: blocks end before an
 * address with a breakpoint and begin there with a pseudo-instruction; pages with watched bytes have slow tags; a step
 * is a mode.
 *
 * Blocks are found by physical address, breakpoints are linear ones. So a block ends at every address that has a
 * breakpoint's offset in its page, and whether the breakpoint is there is looked at when execution comes by.
 */
#include "accel/tcg-lite/watch/debugger.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"

static void follow_breakpoints(struct Tcg *t) {
    const struct CpuDebug *d = &t->cpu->debug;
    uint64_t map[64] = {0};
    for (unsigned k = 0; k < d->count; k++) {
        uint64_t at = d->point[k].address;
        if (d->point[k].kind == CPU_BREAKPOINT)
            map[(at >> 6) & 63] |= 1ull << (at & 63);
    }
    bool changed = false;
    for (unsigned k = 0; k < 64; k++) {
        uint64_t now = map[k];
        map[k] ^= t->break_map[k];
        t->break_map[k] = now;
        changed |= map[k] != 0;
    }
    if (changed)
        tcg_blocks_cut_at(t, map);
}

/** Fused instructions would be executed to the last before a stop. */
static void follow_watchpoints(struct Tcg *t) {
    bool watching = t->cpu->debug.watchpoints != 0;
    if (!watching && !t->debug_watching)
        return;
    if (watching != t->debug_watching)
        tcg_blocks_flush(t);
    t->debug_watching = watching;
    tcg_tlb_flush(t);
}

void tcg_debug_follow(struct Tcg *t) {
    const struct CpuDebug *d = &t->cpu->debug;
    if (UNLIKELY(t->debug_generation != d->generation)) {
        t->debug_generation = d->generation;
        follow_breakpoints(t);
        follow_watchpoints(t);
    }
    if (UNLIKELY(t->stepping != d->step)) {
        t->stepping = d->step;
        tcg_update_mode(t);
    }
}

void tcg_debug_access(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, bool write) {
    struct CpuDebug *d = &t->cpu->debug;
    const struct CpuPoint *p = cpu_watchpoint_at(d, linear, size, write);
    if (p == NULL || (t->exit_requested && t->exit == VCPU_EXIT_DEBUG))
        return;
    cpu_hit_point(d, p, linear - p->address < p->length ? linear : p->address);
    tcg_request_exit(t, VCPU_EXIT_DEBUG);
    if (i != NULL)
        tcg_block_cut(t, i);
}
