/* SPDX-License-Identifier: MIT */
/**
 * Exit statistics: how often the guest did what leaves it under hardware virtualization, by the SDM's basic exit reason
 * (vol. 3, appendix C), what was accessed, and the RIP; with the host time until the guest went on.
 *
 * The kvm engine counts real exits, tcg-lite what would be one (accel/tcg-lite/watch/exits.c says under which
 * controls). The vCPU's thread counts; any thread may take a copy.
 */
#ifndef TWIN86_CPU_EXITS_H
#define TWIN86_CPU_EXITS_H

#include "isa/arch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "I/O instruction"; NULL for a number that has no name here. */
const char *exit_reason_name(int reason);

enum ExitClass {
    EXIT_CLASS_EXIT,       /* leaves the guest under VT-x as KVM sets it up */
    EXIT_CLASS_PRIVILEGED, /* does not, but would trap if the guest's kernel were run at CPL 3 without VT-x */
    EXIT_CLASS_SENSITIVE,  /* would not trap there either, and do something else than at CPL 0 */
    EXIT_CLASSES
};
/** "exit", "privileged", "sensitive" */
const char *exit_class_name(enum ExitClass c);

/** What ExitKey.place is. */
enum ExitPlace {
    EXIT_PLACE_NONE,
    EXIT_PLACE_PORT,
    EXIT_PLACE_ADDRESS, /* guest-physical */
    EXIT_PLACE_MSR,
    EXIT_PLACE_LEAF, /* of CPUID */
    EXIT_PLACE_VECTOR,
    EXIT_PLACE_CR,
    EXIT_PLACE_DR,
    EXIT_PLACES
};
/** "port", "address" ...; "" for none. */
const char *exit_place_name(enum ExitPlace p);

struct ExitKey {
    const char *name; /* a static string: the reason's name, or the instruction's mnemonic */
    int16_t reason;   /* enum ExitReason, or EXIT_NONE */
    uint8_t class;    /* enum ExitClass */
    uint8_t kind;     /* enum ExitPlace */
    bool write;       /* to `place` */
    bool no_rip;      /* rip is not known */
    uint64_t place, rip;
};

struct ExitRow {
    struct ExitKey key;
    uint64_t count, ns; /* host time */
};

struct ExitStats;

/** NULL when out of memory. */
struct ExitStats *exits_new(void);
void exits_free(struct ExitStats *s);

/** `n` events of this kind, now: host time runs on their account until exits_end or the next exits_begin. */
void exits_begin(struct ExitStats *s, const struct ExitKey *key, uint64_t n);
/** The guest goes on. Does nothing when it does already. */
void exits_end(struct ExitStats *s);
/** The usual key of an exit. */
static inline struct ExitKey exit_key(enum ExitReason reason, enum ExitPlace kind, uint64_t place, bool write) {
    return (struct ExitKey){.name = exit_reason_name(reason),
                            .reason = (int16_t)reason,
                            .kind = (uint8_t)kind,
                            .write = write,
                            .place = place};
}

/** Add a copy of all rows to the *count in *rows (NULL and 0 at first), which is to be freed in any case; by class,
 * reason, place, RIP. To *merged is added the number of events whose RIP was not kept because there were too many rows.
 * 0 or -ENOMEM: nothing was added. Any thread. */
int exits_copy(struct ExitStats *s, struct ExitRow **rows, size_t *count, uint64_t *merged);

/** Add rows up that differ in nothing but RIP. In place; returns how many are left. They are sorted as exits_copy does.
 */
size_t exits_without_rip(struct ExitRow *rows, size_t count);
/** Order of rows, RIP excepted: negative, 0, positive. */
int exits_compare_kinds(const struct ExitKey *a, const struct ExitKey *b);

#endif
