/* SPDX-License-Identifier: MIT */
/**
 * What a loader would put into RAM, written down for an option ROM that does it after the BIOS: plan_layout.h has the
 * form, machine/firmware/kernel.c gives it to fw_cfg.
 */
#ifndef TWIN86_MACHINE_PLAN_H
#define TWIN86_MACHINE_PLAN_H

#include "machine/boot/boot.h"
#include "machine/boot/plan_layout.h"

/** A file, or a part of one, that fw_cfg shows as an item: what comes from it is not copied. */
struct PlanSource {
    uint16_t key;
    const uint8_t *data;
    size_t size;
};

struct BootPlan {
    struct PlanSource source[BOOT_MODULE_MAX + 2];
    unsigned sources;
    uint8_t *pieces; /* what is in no file; item PLAN_KEY_PIECES */
    size_t pieces_size;
    uint8_t *bytes; /* head, start information, steps; item PLAN_KEY */
    size_t steps;
};

/** 0 or -ENOMEM. */
int plan_init(struct BootPlan *p);
/** Safe on a zeroed one. */
void plan_free(struct BootPlan *p);
/** Bytes `data` of a file are found in item `key`. No more than there is room for. */
void plan_add_source(struct BootPlan *p, uint16_t key, const void *data, size_t size);
/** Copy `size` bytes to guest-physical `to`, below 4 GiB; `data` NULL: zeroes. 0 or -ENOMEM. */
int plan_copy(struct BootPlan *p, uint64_t to, const void *data, uint64_t size);
/** Set a 32-bit field of the head. */
void plan_set(struct BootPlan *p, unsigned field, uint32_t value);
/** The start information, PLAN_INFO_SIZE bytes that may be written. */
uint8_t *plan_info(struct BootPlan *p);
/** How many bytes p->bytes are. */
size_t plan_size(const struct BootPlan *p);

#endif
