/* SPDX-License-Identifier: MIT */
/**
 * SMBIOS tables of the machine (DMTF DSP0134, "System Management BIOS Reference Specification", 2.8): what a guest is
 * told of the computer that it runs on. Plain computation; firmware gets them through fw_cfg, and guests without any
 * find them in RAM.
 */
#ifndef TWIN86_MACHINE_SMBIOS_H
#define TWIN86_MACHINE_SMBIOS_H

#include "isa/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SMBIOS_ANCHOR_SIZE = 31, SMBIOS_TABLES_MAX = 0xffff, SMBIOS_VALUES = 36 };

/** What a person asked for: one value a property, in smbios.c's order; NULL: not given. */
struct SmbiosOptions {
    char *value[SMBIOS_VALUES];
    uint32_t types; /* 1 << type: something was said of it */
};

/** What the tables tell. */
struct SmbiosConfig {
    const struct SmbiosOptions *options;
    const char *version;       /* of the machine */
    const uint8_t *uuid;       /* as RFC 4122 writes it; NULL: it has none */
    uint32_t cpu_eax, cpu_edx; /* CPUID leaf 1 */
    const char *cpu_vendor;
    unsigned cpus;               /* that are there */
    struct CpuTopology topology; /* a structure for each socket */
    uint64_t below_4g, above_4g; /* bytes of RAM */
    bool no_firmware;            /* nobody else adds a table of type 0 */
};

/** Take "type=1,manufacturer=x,..." into account. 0, or -errno with one line in `why`, which begins with the option. */
int smbios_parse(struct SmbiosOptions *o, const char *text, char *why, size_t n);
void smbios_free(struct SmbiosOptions *o);

/**
 * Build the tables into `buf`, which are to lie at guest-physical `base`, and the entry point ("anchor"). Returns their
 * size, or -ENOSPC when they are more than `n` bytes or SMBIOS_TABLES_MAX.
 */
int smbios_build(const struct SmbiosConfig *c, uint32_t base, uint8_t *buf, size_t n,
                 uint8_t anchor[SMBIOS_ANCHOR_SIZE]);

#endif
