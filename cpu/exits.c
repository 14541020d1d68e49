/* SPDX-License-Identifier: MIT */
/* An open-addressed hash table of rows. See exits.h. */
#include "cpu/exits.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Beyond so many rows RIPs are no longer told apart: rows without RIP are few, for a guest has few ports and MSRs, and
 * addresses of devices. If it makes up more of them, they share one row. */
enum { ROWS_AT_FIRST = 1 << 10, ROWS_WITH_RIP = 1 << 17, ROWS_MOST = 1 << 18 };

struct ExitStats {
    pthread_mutex_t mutex;
    struct ExitRow *rows; /* count == 0: free */
    size_t size, used;    /* size: a power of two, at least twice `used` */
    size_t open;          /* row on whose account host time runs, if `running` */
    bool running;
    int64_t since;
    uint64_t merged;
};

static const char *const reason_names[EXIT_REASONS] = {
    [EXIT_EXCEPTION_NMI] = "Exception or NMI",
    [EXIT_EXTERNAL_INTERRUPT] = "External interrupt",
    [EXIT_TRIPLE_FAULT] = "Triple fault",
    [EXIT_INTERRUPT_WINDOW] = "Interrupt window",
    [EXIT_NMI_WINDOW] = "NMI window",
    [EXIT_TASK_SWITCH] = "Task switch",
    [EXIT_CPUID] = "CPUID",
    [EXIT_HLT] = "HLT",
    [EXIT_INVD] = "INVD",
    [EXIT_INVLPG] = "INVLPG",
    [EXIT_RDPMC] = "RDPMC",
    [EXIT_RDTSC] = "RDTSC",
    [EXIT_VMCALL] = "VMCALL",
    [EXIT_VMCLEAR] = "VMCLEAR",
    [EXIT_VMPTRLD] = "VMPTRLD",
    [EXIT_VMPTRST] = "VMPTRST",
    [EXIT_VMREAD] = "VMREAD",
    [EXIT_VMWRITE] = "VMWRITE",
    [EXIT_VMXOFF] = "VMXOFF",
    [EXIT_VMXON] = "VMXON",
    [EXIT_CR_ACCESS] = "Control-register access",
    [EXIT_MOV_DR] = "MOV DR",
    [EXIT_IO] = "I/O instruction",
    [EXIT_RDMSR] = "RDMSR",
    [EXIT_WRMSR] = "WRMSR",
    [EXIT_MWAIT] = "MWAIT",
    [EXIT_MONITOR] = "MONITOR",
    [EXIT_PAUSE] = "PAUSE",
    [EXIT_TPR_BELOW_THRESHOLD] = "TPR below threshold",
    [EXIT_GDTR_IDTR] = "GDTR or IDTR access",
    [EXIT_LDTR_TR] = "LDTR or TR access",
    [EXIT_EPT_VIOLATION] = "EPT violation",
    [EXIT_EPT_MISCONFIG] = "EPT misconfiguration",
    [EXIT_RDTSCP] = "RDTSCP",
    [EXIT_WBINVD] = "WBINVD",
    [EXIT_XSETBV] = "XSETBV",
    [EXIT_RDRAND] = "RDRAND",
    [EXIT_INVPCID] = "INVPCID",
    [EXIT_XSAVES] = "XSAVES",
    [EXIT_XRSTORS] = "XRSTORS",
};

const char *exit_reason_name(int reason) { return reason >= 0 && reason < EXIT_REASONS ? reason_names[reason] : NULL; }

const char *exit_class_name(enum ExitClass c) {
    static const char *const names[EXIT_CLASSES] = {"exit", "privileged", "sensitive"};
    return names[c];
}

const char *exit_place_name(enum ExitPlace p) {
    static const char *const names[EXIT_PLACES] = {"", "port", "address", "msr", "leaf", "vector", "cr", "dr"};
    return names[p];
}

struct ExitStats *exits_new(void) {
    struct ExitStats *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->size = ROWS_AT_FIRST;
    s->rows = calloc(s->size, sizeof(*s->rows));
    if (s->rows == NULL) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->mutex, NULL);
    return s;
}

void exits_free(struct ExitStats *s) {
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->mutex);
    free(s->rows);
    free(s);
}

static int64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* ---- rows ---- */

static bool same(const struct ExitKey *a, const struct ExitKey *b) {
    return a->rip == b->rip && a->place == b->place && a->reason == b->reason && a->kind == b->kind &&
           a->class == b->class && a->write == b->write && a->no_rip == b->no_rip && a->name == b->name;
}

static size_t hash(const struct ExitKey *k) {
    uint64_t h = k->rip * 0x9e3779b97f4a7c15ull;
    h = (h ^ k->place ^ (uint64_t)(uint16_t)k->reason << 40 ^ (uint64_t)k->write << 62 ^ (uintptr_t)k->name) *
        0xc2b2ae3d27d4eb4full;
    return (size_t)(h >> 24);
}

static size_t slot_of(const struct ExitStats *s, const struct ExitKey *k) {
    size_t at = hash(k) & (s->size - 1);
    while (s->rows[at].count != 0 && !same(&s->rows[at].key, k))
        at = (at + 1) & (s->size - 1);
    return at;
}

static bool grow(struct ExitStats *s) {
    struct ExitRow *old = s->rows;
    size_t n = s->size;
    struct ExitRow *rows = calloc(n * 2, sizeof(*rows));
    if (rows == NULL)
        return false;
    s->rows = rows;
    s->size = n * 2;
    for (size_t i = 0; i < n; i++)
        if (old[i].count != 0)
            rows[slot_of(s, &old[i].key)] = old[i];
    free(old);
    return true;
}

/* There is room for one more row, perhaps after growing. */
static bool room(struct ExitStats *s, size_t most) { return s->used < most && (s->used + 1 <= s->size / 2 || grow(s)); }

static void stop_clock(struct ExitStats *s) {
    if (s->running)
        s->rows[s->open].ns += (uint64_t)(now_ns() - s->since);
    s->running = false;
}

void exits_begin(struct ExitStats *s, const struct ExitKey *key, uint64_t n) {
    struct ExitKey k = *key;
    if (n == 0)
        return;
    if (k.no_rip)
        k.rip = 0;
    pthread_mutex_lock(&s->mutex);
    stop_clock(s);
    size_t at = slot_of(s, &k);
    if (s->rows[at].count == 0 && !room(s, ROWS_WITH_RIP)) {
        k.no_rip = true;
        k.rip = 0;
        s->merged += n;
        if (s->rows[slot_of(s, &k)].count == 0 && !room(s, ROWS_MOST))
            k.kind = EXIT_PLACE_NONE, k.place = 0;
    }
    at = slot_of(s, &k); /* after growing it is elsewhere; the table is never more than half full */
    if (s->rows[at].count == 0) {
        s->rows[at].key = k;
        s->used++;
    }
    s->rows[at].count += n;
    s->open = at;
    s->running = true;
    s->since = now_ns();
    pthread_mutex_unlock(&s->mutex);
}

void exits_end(struct ExitStats *s) {
    if (!s->running)
        return;
    pthread_mutex_lock(&s->mutex);
    stop_clock(s);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- copies ---- */

static int order(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

int exits_compare_kinds(const struct ExitKey *a, const struct ExitKey *b) {
    int r = order(a->class, b->class);
    if (r == 0)
        r = order((uint64_t)(uint16_t)a->reason, (uint64_t)(uint16_t)b->reason);
    if (r == 0)
        r = strcmp(a->name, b->name);
    if (r == 0)
        r = order(a->kind, b->kind);
    if (r == 0)
        r = order(a->place, b->place);
    return r != 0 ? r : order(a->write, b->write);
}

static int compare(const void *a, const void *b) {
    const struct ExitKey *x = &((const struct ExitRow *)a)->key, *y = &((const struct ExitRow *)b)->key;
    int r = exits_compare_kinds(x, y);
    return r != 0 ? r : order(x->rip, y->rip);
}

/* Sorted rows: those of one kind are added up. Returns how many are left. */
static size_t add_up(struct ExitRow *rows, size_t count, int (*compare_rows)(const void *a, const void *b)) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || compare_rows(&rows[n - 1], &rows[i]) != 0) {
            rows[n++] = rows[i];
            continue;
        }
        rows[n - 1].count += rows[i].count;
        rows[n - 1].ns += rows[i].ns;
    }
    return n;
}

int exits_copy(struct ExitStats *s, struct ExitRow **rows, size_t *count, uint64_t *merged) {
    pthread_mutex_lock(&s->mutex);
    struct ExitRow *all = realloc(*rows, (*count + s->used + 1) * sizeof(*all));
    for (size_t i = 0; all != NULL && i < s->size; i++)
        if (s->rows[i].count != 0)
            all[(*count)++] = s->rows[i];
    *merged += s->merged;
    pthread_mutex_unlock(&s->mutex);
    if (all == NULL)
        return -ENOMEM;
    qsort(all, *count, sizeof(*all), compare);
    *count = add_up(all, *count, compare);
    *rows = all;
    return 0;
}

static int compare_without_rip(const void *a, const void *b) {
    return exits_compare_kinds(&((const struct ExitRow *)a)->key, &((const struct ExitRow *)b)->key);
}

size_t exits_without_rip(struct ExitRow *rows, size_t count) {
    size_t n = add_up(rows, count, compare_without_rip);
    for (size_t i = 0; i < n; i++) {
        rows[i].key.no_rip = true;
        rows[i].key.rip = 0;
    }
    return n;
}
