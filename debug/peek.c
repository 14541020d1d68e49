/* SPDX-License-Identifier: MIT */
#include "debug/peek.h"
#include "cpu/pagewalk.h"

uint64_t peek_linear(const CPUX86State *env, enum X86Seg seg, uint64_t offset) {
    if (!x86_code64(env))
        return (uint32_t)(env->seg[seg].base + offset);
    return seg == SEG_FS || seg == SEG_GS ? env->seg[seg].base + offset : offset;
}

/* Up to `n` bytes at a physical address, as far as one mapping goes. */
static size_t read_physical(struct Bus *bus, uint64_t phys, void *buf, size_t n) {
    uint64_t offset, avail;
    struct Region *region = bus_find(bus, phys, &offset, &avail);
    if (region == NULL || region->host == NULL)
        return 0;
    if (n > avail)
        n = avail;
    bus_read(bus, phys, buf, n);
    return n;
}

bool peek_translate(struct CPUState *cpu, uint64_t linear, uint64_t *phys) {
    const CPUX86State *env = &cpu->env;
    struct WalkResult r;
    if (x86_long_mode(env) && !x86_canonical(env, linear))
        return false;
    if (!x86_walk(env, &cpu->model, cpu->bus, x86_long_mode(env) ? linear : (uint32_t)linear, WALK_PEEK, &r))
        return false;
    *phys = r.phys;
    return true;
}

size_t peek_memory(struct CPUState *cpu, uint64_t linear, void *buf, size_t n) {
    bool wide = x86_long_mode(&cpu->env);
    size_t done = 0;
    while (done < n) {
        uint64_t at = wide ? linear + done : (uint32_t)(linear + done), phys;
        if (!peek_translate(cpu, at, &phys))
            break;
        size_t in_page = 4096 - (at & 4095), want = n - done < in_page ? n - done : in_page;
        size_t got = read_physical(cpu->bus, phys, (uint8_t *)buf + done, want);
        done += got;
        if (got < want)
            break;
    }
    return done;
}
