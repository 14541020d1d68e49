/* SPDX-License-Identifier: MIT */
/*
 * One line for each function of the C library that has versions by instruction set, with a hash over its results for
 * many lengths, alignments and places beside an unmapped page; and for loops that the compiler vectorises. The same
 * lines have to come out on every correct processor.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <wchar.h>

enum { SIZE = 4096, ROUNDS = 400 };

static uint64_t seed = 1;
static uint64_t rnd(void) {
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

static uint64_t hash;
static void add(uint64_t v) { hash = (hash ^ v) * 0x100000001b3ull; }
static void add_bytes(const void *p, size_t n) {
    for (size_t k = 0; k < n; k++)
        add(((const uint8_t *)p)[k]);
}

/* Two buffers that end where nothing is mapped. */
static char *end[2];

static char *buffer(void) {
    char *p = mmap(NULL, 3 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || munmap(p + 2 * SIZE, SIZE) != 0)
        exit(2);
    return p + 2 * SIZE;
}

/** A string of n letters out of few, with its end at most 64 bytes before the unmapped page in half of the cases. */
static char *string(unsigned which, size_t n) {
    char *p = end[which] - n - 1 - (rnd() & 1 ? 0 : rnd() % 64);
    for (size_t k = 0; k < n; k++)
        p[k] = (char)('a' + (rnd() & 7 ? 0 : rnd() % 26));
    p[n] = 0;
    return p;
}

static size_t length(void) { return rnd() & 3 ? rnd() % 100 : rnd() % 3000; }
static uint64_t place(const void *p, const void *base) {
    return p ? (uint64_t)((const char *)p - (const char *)base) : ~0ull;
}
static uint64_t sign(int v) { return v < 0 ? 1 : v > 0 ? 2 : 0; }

static void line(const char *name) {
    printf("%-12s %016llx\n", name, (unsigned long long)hash);
    hash = 0xcbf29ce484222325ull;
}

typedef int (*Compare)(const char *, const char *);
static void compare(const char *name, Compare f) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        size_t n = length();
        char *a = string(0, n), *b = string(1, n);
        memcpy(b, a, n);
        if (n && (rnd() & 1))
            b[rnd() % n] ^= (char)(rnd() & 0x21);
        add(sign(f(a, b)));
    }
    line(name);
}

static int strncmp_some(const char *a, const char *b) { return strncmp(a, b, 40); }
static int strncasecmp_some(const char *a, const char *b) { return strncasecmp(a, b, 70); }
static int memcmp_all(const char *a, const char *b) { return memcmp(a, b, strlen(a)); }

typedef char *(*Search)(const char *, int);
static void search(const char *name, Search f) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        char *a = string(0, length());
        add(place(f(a, 'a' + (int)(rnd() % 27)), a));
    }
    line(name);
}

static char *memchr_all(const char *a, int c) { return memchr(a, c, strlen(a)); }
static char *memrchr_all(const char *a, int c) { return memrchr(a, c, strlen(a)); }
static char *rawmemchr_end(const char *a, int c) { return rawmemchr(a, (c, 0)); }
static char *strpbrk_some(const char *a, int c) {
    const char set[] = {(char)c, 'x', 'q', 0};
    return strpbrk(a, set);
}
static char *strstr_some(const char *a, int c) {
    const char what[] = {'a', (char)c, 'a', 0};
    return strstr(a, what);
}

static void copies(void) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        size_t n = length(), at = rnd() % 64;
        char *a = string(0, n), *to = end[1] - n - at;
        memcpy(to, a, n);
        add_bytes(to, n);
    }
    line("memcpy");
    for (unsigned k = 0; k < ROUNDS; k++) {
        size_t n = length(), shift = rnd() % 80;
        char *a = string(0, n + 80);
        memmove(rnd() & 1 ? a + shift : a, rnd() & 1 ? a + 40 : a, n);
        add_bytes(a, n + 80);
    }
    line("memmove");
    for (unsigned k = 0; k < ROUNDS; k++) {
        size_t n = length();
        char *to = end[1] - n - rnd() % 64;
        memset(to, (int)rnd(), n);
        add_bytes(to, n);
    }
    line("memset");
    for (unsigned k = 0; k < ROUNDS; k++) {
        char *a = string(0, length()), *to = end[1] - strlen(a) - 1 - 20;
        add(place(stpcpy(to, a), to));
        add_bytes(to, strlen(a) + 1);
    }
    line("stpcpy");
}

static void lengths(void) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        char *a = string(0, length());
        add(strlen(a));
        add(strnlen(a, 50));
        add(strspn(a, "abc"));
        add(strcspn(a, "xyz"));
    }
    line("strlen");
    for (unsigned k = 0; k < ROUNDS; k++) {
        size_t n = rnd() % 300;
        wchar_t *w = (wchar_t *)end[0] - n - 1;
        wmemset(w, L'a', n);
        w[n] = 0;
        if (n)
            w[rnd() % n] = L'b';
        add(wcslen(w));
        add(place(wcschr(w, L'b'), w));
        add(place(wmemchr(w, L'b', n), w));
    }
    line("wcslen");
}

/* The C library has versions with FMA. */
static void functions(void) {
    static const struct {
        const char *name;
        double (*f)(double);
    } list[] = {{"exp", exp}, {"log", log}, {"sin", sin}, {"cos", cos}, {"tan", tan}, {"atan", atan}, {"exp2", exp2}};
    for (unsigned k = 0; k < sizeof list / sizeof list[0]; k++) {
        for (unsigned n = 0; n < ROUNDS; n++) {
            double x = (double)(rnd() >> 11) / (1ull << 48), y = list[k].f(x);
            add_bytes(&y, sizeof y);
            float s = (float)x, t = sinf(s) + expf(s / 8);
            add_bytes(&t, sizeof t);
        }
        line(list[k].name);
    }
    for (unsigned n = 0; n < ROUNDS; n++) {
        double x = (double)(rnd() >> 11) / (1ull << 50), y = pow(x, 1.5) + atan2(x, 0.3) + fma(x, x, -1) + rint(x);
        add_bytes(&y, sizeof y);
    }
    line("pow");
}

/* What a compiler makes of plain loops for x86-64-v3, where the processor says that it has all of that. */
#define CLONES __attribute__((noinline, target_clones("arch=haswell", "default")))
static uint32_t words[1024];
static double reals[512];

CLONES static uint64_t mix_words(void) {
    uint64_t sum = 0;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned k = 0; k < 1024; k++) {
            words[k] = words[k] * 2654435761u + (words[k] >> 7) + k;
            words[k] ^= words[k] << (k & 15);
            sum += words[k] > 0x80000000u ? words[k] >> 3 : (uint64_t)words[k] * 5;
        }
    return sum;
}
CLONES static void mix_reals(void) {
    for (unsigned round = 0; round < 20; round++)
        for (unsigned k = 0; k < 512; k++)
            reals[k] = sqrt(reals[k]) > 1 ? reals[k] / 3 : reals[k] * 7 + (double)(int32_t)k;
}
CLONES static uint64_t gather_words(void) {
    uint64_t sum = 0;
    for (unsigned k = 0; k < 1024; k++)
        sum += (uint64_t)words[words[k] & 1023] << (k & 7);
    return sum;
}

int main(void) {
    end[0] = buffer();
    end[1] = buffer();
    hash = 0xcbf29ce484222325ull;
    copies();
    lengths();
    compare("strcmp", strcmp);
    compare("strncmp", strncmp_some);
    compare("strcasecmp", strcasecmp);
    compare("strncasecmp", strncasecmp_some);
    compare("memcmp", memcmp_all);
    search("strchr", (Search)strchr);
    search("strrchr", (Search)strrchr);
    search("strchrnul", (Search)strchrnul);
    search("memchr", memchr_all);
    search("memrchr", memrchr_all);
    search("rawmemchr", rawmemchr_end);
    search("strpbrk", strpbrk_some);
    search("strstr", strstr_some);
    functions();
    for (unsigned k = 0; k < 1024; k++)
        words[k] = (uint32_t)rnd();
    for (unsigned k = 0; k < 512; k++)
        reals[k] = (double)(rnd() >> 40);
    add(mix_words());
    add(gather_words());
    line("words");
    mix_reals();
    add_bytes(reals, sizeof reals);
    line("reals");
    return 0;
}
