/* SPDX-License-Identifier: MIT */
#include "tests/stress/chain.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    PORT = 0x500, /* +0 in/out, +4 the guest starts, +8 string, +12 echo */
    MMIO = 0xa0000,
    WORDS = 8,
    /* One round of the guest. */
    STEP_IN = 0,
    STEP_MMIO_WRITE,
    STEP_MMIO_READ,
    STEP_OUT,
    STEP_INS,
    STEP_OUTS = STEP_INS + WORDS,
    STEPS = STEP_OUTS + WORDS,
};

static void expect(struct Chain *c, bool right, const char *what, uint64_t got) {
    if (right || atomic_load(&c->is_broken))
        return;
    snprintf(c->broken, sizeof(c->broken), "round %llu, step %u of %d: %s (got %#llx, last value %#x)",
             (unsigned long long)atomic_load(&c->rounds), c->step, STEPS, what, (unsigned long long)got, c->value);
    atomic_store(&c->is_broken, true);
}

static uint64_t answer(struct Chain *c, unsigned step, const char *what) {
    expect(c, c->step == step, what, 0);
    c->step++;
    return ++c->value;
}

static void take(struct Chain *c, unsigned step, uint64_t value, uint32_t want, const char *what) {
    expect(c, c->step == step && value == want, what, value);
    c->step++;
}

static uint64_t port_read(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    struct Chain *c = opaque;
    (void)cpu;
    expect(c, size == 4, "a read that is not 4 bytes", size);
    if (offset == 0)
        return answer(c, STEP_IN, "IN");
    expect(c, c->step >= STEP_INS && c->step < STEP_OUTS, "INS", 0);
    unsigned word = (c->step - STEP_INS) % WORDS;
    return c->words[word] = (uint32_t)answer(c, STEP_INS + word, "INS");
}

static void start(struct Chain *c) {
    c->step = STEP_IN;
    atomic_fetch_add(&c->starts, 1);
}

static void echo(struct Chain *c, uint8_t byte) {
    uint64_t n = atomic_load(&c->echoes);
    if (c->echo_in_order)
        expect(c, byte == (uint8_t)n, "a serial byte out of order", byte);
    atomic_store(&c->echoes, n + 1);
}

static void string_out(struct Chain *c, uint64_t value) {
    unsigned word = (c->step - STEP_OUTS) % WORDS;
    take(c, STEP_OUTS + word, value, c->words[word], "OUTS");
    if (c->step == STEPS) {
        c->step = STEP_IN;
        atomic_fetch_add(&c->rounds, 1);
    }
}

static void port_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Chain *c = opaque;
    (void)cpu;
    expect(c, size == (offset == 12 ? 1 : 4), "a write of another size", size);
    switch (offset) {
    case 0: take(c, STEP_OUT, value, c->value, "OUT"); break;
    case 4: start(c); break;
    case 8: string_out(c, value); break;
    case 12: echo(c, (uint8_t)value); break;
    default: expect(c, false, "a port that the guest does not have", offset);
    }
}

static uint64_t mmio_read(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)cpu;
    expect(opaque, offset == 0 && size == 4, "an MMIO read elsewhere", offset);
    return answer(opaque, STEP_MMIO_READ, "MMIO read");
}

static void mmio_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Chain *c = opaque;
    (void)cpu;
    expect(c, offset == 4 && size == 4, "an MMIO write elsewhere", offset);
    take(c, STEP_MMIO_WRITE, value, c->value, "MMIO write");
}

Twin86Machine *chain_machine(struct Chain *chain, const struct Engine *engine, const char *rom, char *why, size_t n) {
    Twin86Config config;
    Twin86Machine *m = NULL;
    memset(chain, 0, sizeof(*chain));
    twin86_config_init(&config);
    config.ram_size = 2 << 20;
    config.accel = engine->accel;
    config.kernel_irqchip = engine->kernel_irqchip;
    if (twin86_create(&m, &config, why, n) != 0)
        return NULL;
    const Twin86Hook ports = {port_read, port_write, chain}, pages = {mmio_read, mmio_write, chain};
    const Twin86Guest guest = {.bios = rom};
    if (twin86_hook_ports(m, PORT, 16, &ports) == 0 && twin86_hook_mmio(m, MMIO, 4096, &pages) == 0 &&
        twin86_load(m, &guest, why, n) == 0)
        return m;
    twin86_destroy(m);
    return NULL;
}

bool chain_reaches(const _Atomic uint64_t *counter, uint64_t want, double seconds) {
    const struct timespec pause = {.tv_nsec = 200000};
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += (long)((seconds - (long)seconds) * 1e9);
    end.tv_sec += (long)seconds + end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    while (atomic_load(counter) < want) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec > end.tv_nsec))
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}
