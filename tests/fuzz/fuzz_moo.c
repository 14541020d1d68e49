/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the reader of MOO files (SingleStepTests): whatever their bytes are, each test is either read or refused with
 * one line of text, and nothing outside of the file is looked at.
 *
 * With WITH_LIBFUZZER this is a libFuzzer target (see moo.sh). Otherwise it is a plain program that mutates a seed with
 * a fixed random sequence, or replays the files that it is given (as AFL wants it): fuzz_moo [ROUNDS]      mutate the
 * seed, 200000 rounds unless told fuzz_moo --seed FILE   write the seed, for a corpus fuzz_moo FILE...       replay
 */
#include "diff/import/moo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Each byte that a test refers to is read, so that sanitizers see where it is. */
static unsigned touch(const void *p, size_t n) {
    unsigned sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += ((const uint8_t *)p)[k];
    return sum;
}

static void one_input(const uint8_t *data, size_t size) {
    volatile unsigned sum = 0;
    struct MooFile m;
    struct MooTest t;
    char why[256] = "";
    int r = moo_open(&m, "input", data, size, why, sizeof(why));
    unsigned long tests = 0;
    while (r == 0 && (r = moo_next(&m, &t, why, sizeof(why))) == 1) {
        sum += touch(t.name, t.name_size) + touch(t.bytes, t.size);
        for (uint32_t k = 0; k < t.before.ram.n; k++)
            sum += moo_address(&t.before.ram, k) + moo_byte(&t.before.ram, k);
        for (uint32_t k = 0; k < t.after.ram.n; k++)
            sum += moo_address(&t.after.ram, k) + moo_byte(&t.after.ram, k);
        r = 0;
        if (++tests > size) /* each takes bytes of the file */
            abort();
    }
    if (r < 0 && (why[0] == '\0' || strchr(why, '\n') != NULL))
        abort();
}

#ifdef WITH_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    one_input(data, size);
    return 0;
}
#else

enum { MAX_SEED = 1024 };

/** A file in the making. */
struct Maker {
    uint8_t bytes[MAX_SEED];
    size_t n;
};

static void put(struct Maker *m, const void *p, size_t n) {
    memcpy(m->bytes + m->n, p, n);
    m->n += n;
}
static void put32(struct Maker *m, uint32_t v) { put(m, &v, 4); }

/** Begin a chunk; its size is told by end_chunk. */
static size_t begin_chunk(struct Maker *m, const char *id) {
    put(m, id, 4);
    put32(m, 0);
    return m->n;
}
static void end_chunk(struct Maker *m, size_t from) {
    uint32_t size = (uint32_t)(m->n - from);
    memcpy(m->bytes + from - 4, &size, 4);
}

static void put_state(struct Maker *m, const char *id) {
    static const uint16_t regs[] = {3, 0x1234, 0x5678}; /* AX, BX */
    static const uint8_t ram[] = {0, 4, 0, 0, 0x90, 1, 4, 0, 0, 0xcc};
    size_t state = begin_chunk(m, id), part = begin_chunk(m, "REGS");
    put(m, regs, sizeof(regs));
    end_chunk(m, part);
    part = begin_chunk(m, "RG32");
    put32(m, 1 << 2 | 1u << 31);
    put32(m, 7);
    put32(m, 8);
    end_chunk(m, part);
    part = begin_chunk(m, "RAM ");
    put32(m, 2);
    put(m, ram, sizeof(ram));
    end_chunk(m, part);
    end_chunk(m, state);
}

/** Every kind of chunk that there is, in two tests. */
static void make_seed(struct Maker *m) {
    static const uint8_t head[12] = {1, 1, 0, 0, 2, 0, 0, 0, '3', '8', '6', 'E'};
    static const uint16_t mask[] = {1 << 13, 0xf8d5};
    size_t chunk = begin_chunk(m, "MOO "), test, part;
    put(m, head, sizeof(head));
    end_chunk(m, chunk);
    chunk = begin_chunk(m, "RMSK");
    put(m, mask, sizeof(mask));
    end_chunk(m, chunk);
    for (uint32_t k = 0; k < 2; k++) {
        test = begin_chunk(m, "TEST");
        put32(m, k);
        part = begin_chunk(m, "NAME");
        put32(m, 3);
        put(m, "nop", 3);
        end_chunk(m, part);
        part = begin_chunk(m, "BYTS");
        put32(m, 1);
        put(m, "\x90", 1);
        end_chunk(m, part);
        put_state(m, "INIT");
        put_state(m, "FINA");
        part = begin_chunk(m, "EXCP");
        put(m, "\x0d\x00\x04\x00\x00", 5);
        end_chunk(m, part);
        end_chunk(m, test);
    }
}

static uint64_t rnd(uint64_t *s) { /* xorshift64* */
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * 0x2545f4914f6cdd1d;
}

static void mutate(const struct Maker *seed, uint64_t *random) {
    static const uint32_t sizes[] = {0, 1, 4, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 0x33333334};
    struct Maker m = *seed;
    m.n -= (rnd(random) & 3) ? 0 : rnd(random) % m.n;
    for (unsigned k = (unsigned)(rnd(random) & 3) + 1; k > 0 && m.n >= 4; k--) {
        size_t at = rnd(random) % (m.n - 3);
        bool size = rnd(random) & 1;
        uint32_t v = size ? sizes[rnd(random) % (sizeof(sizes) / sizeof(sizes[0]))] : (uint32_t)rnd(random);
        memcpy(m.bytes + at, &v, (rnd(random) & 1) ? 1 : 4);
    }
    uint8_t *exact = malloc(m.n + 1); /* so that what is beyond the end is found */
    if (exact == NULL)
        exit(1);
    memcpy(exact, m.bytes, m.n);
    one_input(exact, m.n);
    free(exact);
}

static int replay(const char *path) {
    uint8_t *data = malloc(1 << 24);
    FILE *f = fopen(path, "rb");
    if (data == NULL || f == NULL)
        return fprintf(stderr, "fuzz_moo: %s can't be read\n", path), 1;
    size_t n = fread(data, 1, 1 << 24, f);
    fclose(f);
    one_input(data, n);
    free(data);
    return 0;
}

int main(int argc, char **argv) {
    struct Maker seed = {.n = 0};
    uint64_t random = 0x7477696e3836;
    char *end = NULL;
    make_seed(&seed);
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        FILE *f = fopen(argv[2], "wb");
        return f == NULL || fwrite(seed.bytes, 1, seed.n, f) != seed.n || fclose(f) != 0;
    }
    unsigned long rounds = argc > 1 ? strtoul(argv[1], &end, 0) : 200000;
    if (end != NULL && *end != '\0') {
        int failed = 0;
        for (int k = 1; k < argc; k++)
            failed |= replay(argv[k]);
        return failed;
    }
    one_input(seed.bytes, seed.n);
    for (unsigned long k = 0; k < rounds; k++)
        mutate(&seed, &random);
    printf("fuzz_moo: %lu inputs\n", rounds);
    return 0;
}
#endif
