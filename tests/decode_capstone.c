/* SPDX-License-Identifier: MIT */
/*
 * decode-vs-capstone [STRINGS [SEED]]: the decoder against capstone over random and structured byte strings in 16-, 32-
 * and 64-bit mode. Lengths and mnemonics must agree; every kind of difference that is not an error of ours is explained
 * in explain() below. Exits 1 when there is one that is not.
 */
#include "accel/tcg-lite/run/tcg.h"
#include "isa/isa.h"

#include <capstone/capstone.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_KINDS = 4000 };
#ifdef TWIN86_SANITIZERS
enum { DEFAULT_STRINGS = 1200000 };
#else
enum { DEFAULT_STRINGS = 12000000 };
#endif

struct Kind {
    char what[96], example[64];
    unsigned long count;
};

struct Mode {
    const char *name;
    cs_mode cs;
    uint32_t mode;
    csh handle;
};

struct Run {
    struct CpuModel model;
    struct Mode mode[3];
    cs_insn *insn;
    uint64_t seed;
    unsigned long compared, agreed, both_bad, explained;
    struct Kind kind[MAX_KINDS];
    unsigned kinds;
    int8_t beyond[4096]; /* by capstone's id: 0 unknown, 1 belongs to an extension we lack, -1 does not */
};

static uint64_t rnd(struct Run *r) { /* xorshift64* */
    r->seed ^= r->seed >> 12;
    r->seed ^= r->seed << 25;
    r->seed ^= r->seed >> 27;
    return r->seed * 0x2545f4914f6cdd1dull;
}

/** Structured strings: a few prefixes, an opcode of any map, plausible ModRM and SIB bytes, random rest. */
static void make_string(struct Run *r, uint8_t *s) {
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    for (unsigned k = 0; k < 16; k += 8) {
        uint64_t v = rnd(r);
        memcpy(s + k, &v, 8);
    }
    uint64_t v = rnd(r);
    if ((v & 3) == 0)
        return; /* a quarter is plain noise */
    unsigned n = 0, count = (v >> 2) & 15;
    for (count = count < 6 ? 0 : count < 13 ? 1 : count < 15 ? 2 : 3; count; count--)
        s[n++] = prefixes[rnd(r) % sizeof(prefixes)];
    if ((v >> 6) & 1)
        s[n++] = 0x40 | ((v >> 7) & 15);
    if ((v >> 16 & 7) == 0) { /* VEX: mostly of a map that exists, and vvvv = 1111 */
        s[n++] = v >> 19 & 1 ? 0xc4 : 0xc5;
        if (v >> 20 & 1)
            s[n + (s[n - 1] == 0xc4)] |= 0x78;
        if (s[n - 1] == 0xc4 && (v >> 21 & 7))
            s[n] = (uint8_t)((s[n] & 0xe0) | (1 + (v >> 24) % 3));
        return;
    }
    unsigned map = (v >> 12) & 7;
    if (map >= 4)
        s[n++] = 0x0f;
    if (map == 7)
        s[n++] = (v >> 15) & 1 ? 0x38 : 0x3a;
}

/* ---- names ---- */

/** Our mnemonic in capstone's spelling, which has the size in some names. */
static const char *capstone_name(const struct Decoded *d, char *buf, size_t n) {
    static const struct {
        const char *ours, *theirs;
    } same[] = {
        {"SAHF", "sahf"},  {"INT1", "int1"}, {"RETF", "retf"},   {"UD2", "ud2"},       {"XLAT", "xlatb"},
        {"FWAIT", "wait"}, {"SALC", "salc"}, {"LOOPE", "loope"}, {"LOOPNE", "loopne"},
    };
    static const struct {
        const char *ours, *bases[4];
    } by_size[] = {
        {"CBW", {"", "cbw", "cwde", "cdqe"}},           {"CWD", {"", "cwd", "cdq", "cqo"}},
        {"PUSHF", {"", "pushf", "pushfd", "pushfq"}},   {"POPF", {"", "popf", "popfd", "popfq"}},
        {"PUSHA", {"", "pushaw", "pushal", ""}},        {"POPA", {"", "popaw", "popal", ""}},
        {"IRET", {"", "iret", "iretd", "iretq"}},       {"MOVS", {"movsb", "movsw", "movsd", "movsq"}},
        {"CMPS", {"cmpsb", "cmpsw", "cmpsd", "cmpsq"}}, {"STOS", {"stosb", "stosw", "stosd", "stosq"}},
        {"LODS", {"lodsb", "lodsw", "lodsd", "lodsq"}}, {"SCAS", {"scasb", "scasw", "scasd", "scasq"}},
        {"INS", {"insb", "insw", "insd", "insd"}},      {"OUTS", {"outsb", "outsw", "outsd", "outsd"}},
    };
    const char *m = x86_rows[d->row].mnemonic;
    for (unsigned k = 0; k < sizeof(same) / sizeof(same[0]); k++)
        if (!strcmp(m, same[k].ours))
            return same[k].theirs;
    for (unsigned k = 0; k < sizeof(by_size) / sizeof(by_size[0]); k++)
        if (!strcmp(m, by_size[k].ours))
            return by_size[k].bases[d->insn.osize];
    if (!strcmp(m, "JCXZ"))
        return d->insn.asize == 1 ? "jcxz" : d->insn.asize == 2 ? "jecxz" : "jrcxz";
    size_t k = 0;
    for (; m[k] && k + 1 < n; k++)
        buf[k] = (char)tolower((unsigned char)m[k]);
    buf[k] = 0;
    return buf;
}

/* ---- differences ---- */

/** What is known of one string when the two disagree. */
struct Case {
    const struct Decoded *d;
    const char *ours, *theirs; /* mnemonics; theirs is "" when capstone sees no instruction */
    unsigned our_len, their_len;
    bool bad; /* we raise #UD */
    bool code64;
    unsigned id; /* capstone's instruction */
    const uint8_t *bytes;
};

static struct Case examine(struct Run *r, const struct Mode *m, const uint8_t *bytes, struct Decoded *d, char *buf,
                           size_t n);
static bool explain(struct Run *r, const struct Mode *m, const struct Case *c);
static bool agree(const struct Case *c) {
    return c->bad ? !*c->theirs : c->our_len == c->their_len && !strcmp(c->ours, c->theirs);
}

#include "tests/decode_differences.h"

static void note(struct Run *r, const struct Mode *m, const struct Case *c) {
    char what[96], example[64];
    snprintf(what, sizeof(what), "%s: %s(%u) vs %s(%u)", m->name, c->bad ? "(bad)" : c->ours, c->our_len,
             *c->theirs ? c->theirs : "(bad)", c->their_len);
    if (c->bad || !*c->theirs || strcmp(c->ours, c->theirs))
        snprintf(what, sizeof(what), "%s: %s vs %s", m->name, c->bad ? "(bad)" : c->ours,
                 *c->theirs ? c->theirs : "(bad)");
    for (unsigned k = 0; k < r->kinds; k++)
        if (!strcmp(r->kind[k].what, what)) {
            r->kind[k].count++;
            return;
        }
    if (r->kinds == MAX_KINDS)
        return;
    size_t n = 0;
    for (unsigned k = 0; k < 15; k++)
        n += (size_t)snprintf(example + n, sizeof(example) - n, "%02x ", c->bytes[k]);
    struct Kind *k = &r->kind[r->kinds++];
    memcpy(k->what, what, sizeof(what));
    memcpy(k->example, example, sizeof(example));
    k->count = 1;
}

static struct Case examine(struct Run *r, const struct Mode *m, const uint8_t *bytes, struct Decoded *d, char *buf,
                           size_t n) {
    enum DecodeStatus status = x86_decode(&r->model, m->mode, bytes, 15, d);
    const uint8_t *p = bytes;
    size_t left = 15;
    uint64_t address = 0x1000;
    bool theirs = cs_disasm_iter(m->handle, &p, &left, &address, r->insn);
    struct Case c = {.d = d, .bytes = bytes, .code64 = (m->mode & MODE_CODE) == MODE_CODE64};
    c.bad = status != DECODE_OK || d->row == 0;
    c.our_len = status == DECODE_OK ? d->insn.len : 15;
    c.ours = c.bad ? "" : capstone_name(d, buf, n);
    c.id = theirs ? r->insn->id : 0;
    c.theirs = theirs ? cs_insn_name(m->handle, c.id) : "";
    c.their_len = theirs ? r->insn->size : 0;
    return c;
}

static void compare(struct Run *r, const struct Mode *m, const uint8_t *bytes) {
    struct Decoded d;
    char buf[32];
    struct Case c = examine(r, m, bytes, &d, buf, sizeof(buf));
    r->compared++;
    if (c.bad && !*c.theirs)
        r->both_bad++;
    else if (agree(&c))
        r->agreed++;
    else if (explain(r, m, &c))
        r->explained++;
    else
        note(r, m, &c);
}

static int by_count(const void *a, const void *b) {
    const struct Kind *x = a, *y = b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

int main(int argc, char **argv) {
    static struct Run run;
    struct Run *r = &run;
    const uint32_t common = MODE_SSE | MODE_AVX | MODE_FLAT;
    unsigned long strings = argc > 1 ? strtoul(argv[1], NULL, 0) : DEFAULT_STRINGS;
    r->seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x7477696e3836ull;
    memset(r->model.feature, 0xff, sizeof(r->model.feature));
    r->mode[0] = (struct Mode){.name = "16", .cs = CS_MODE_16, .mode = MODE_CODE16 | common};
    r->mode[1] = (struct Mode){.name = "32", .cs = CS_MODE_32, .mode = MODE_CODE32 | common};
    r->mode[2] = (struct Mode){.name = "64", .cs = CS_MODE_64, .mode = MODE_CODE64 | common};
    for (unsigned k = 0; k < 3; k++)
        if (cs_open(CS_ARCH_X86, r->mode[k].cs, &r->mode[k].handle) != CS_ERR_OK) {
            fprintf(stderr, "decode-vs-capstone: capstone does not open\n");
            return 2;
        }
    r->insn = cs_malloc(r->mode[0].handle);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned long k = 0; k < strings; k++) {
        uint8_t s[16];
        make_string(r, s);
        compare(r, &r->mode[k % 3], s);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    qsort(r->kind, r->kinds, sizeof(r->kind[0]), by_count);
    for (unsigned k = 0; k < r->kinds && k < 4000; k++)
        printf("%8lu  %-40s %s\n", r->kind[k].count, r->kind[k].what, r->kind[k].example);
    printf("decode-vs-capstone: %lu strings, %lu agree, %lu invalid to both, %lu explained, %u kinds of difference "
           "unexplained; "
           "%.2f million per second\n",
           r->compared, r->agreed, r->both_bad, r->explained, r->kinds, (double)r->compared / seconds * 1e-6);
    cs_free(r->insn, 1);
    for (unsigned k = 0; k < 3; k++)
        cs_close(&r->mode[k].handle);
    return r->kinds ? 1 : 0;
}
