/* SPDX-License-Identifier: MIT */
/* The structures, in the order of their types; clause numbers are DSP0134's. */
#include "base/bytes.h"
#include "cpu/topology.h"
#include "machine/acpi/aml.h"
#include "machine/firmware/smbios_values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAJOR = 2, MINOR = 8, STRINGS_MAX = 8, HEADER_SIZE = 4, LENGTH = 1 };
enum {
    HANDLE_BIOS = 0x000,
    HANDLE_SYSTEM = 0x100,
    HANDLE_CHASSIS = 0x300,
    HANDLE_CPU = 0x400,
    HANDLE_MEMORY = 0x1000,
    HANDLE_DIMM = 0x1100,
    HANDLE_RANGE = 0x1300,
    HANDLE_BOOT = 0x2000,
    HANDLE_END = 0x7f00,
};
enum { NO_HANDLE = 0xffff, NO_ERROR_HANDLE = 0xfffe };
#define DIMM_MOST (16ull << 30)

struct Builder {
    struct Aml out; /* bytes are appended to it */
    const struct SmbiosConfig *config;
    size_t start;                  /* of the structure under construction */
    const char *text[STRINGS_MAX]; /* its strings, which follow behind it */
    unsigned texts, count;
    size_t largest;
};

static void u8(struct Builder *b, uint8_t v) { aml_u8(&b->out, v); }
static void u16(struct Builder *b, uint16_t v) { aml_u16(&b->out, v); }
static void u32(struct Builder *b, uint32_t v) { aml_u32(&b->out, v); }
static void u64(struct Builder *b, uint64_t v) { aml_u64(&b->out, v); }

static void begin(struct Builder *b, uint8_t type, uint16_t handle) {
    b->start = b->out.len;
    b->texts = 0;
    u8(b, type);
    u8(b, 0); /* length: end() */
    u16(b, handle);
}

/* The number of a string; an empty one is none (6.1.3). */
static void string(struct Builder *b, const char *text) {
    if (text == NULL || text[0] == '\0') {
        u8(b, 0);
        return;
    }
    b->text[b->texts++] = text;
    u8(b, (uint8_t)b->texts);
}

static void property(struct Builder *b, enum SmbiosProperty which, const char *otherwise) {
    const char *given = b->config->options->value[which];
    string(b, given != NULL ? given : otherwise);
}

static uint64_t number(const struct Builder *b, enum SmbiosProperty which, uint64_t otherwise) {
    const char *given = b->config->options->value[which];
    return given != NULL ? strtoull(given, NULL, 0) : otherwise;
}

static void end(struct Builder *b) {
    if (!b->out.overflow)
        b->out.buf[b->start + LENGTH] = (uint8_t)(b->out.len - b->start);
    for (unsigned i = 0; i < b->texts; i++)
        aml_bytes(&b->out, b->text[i], strlen(b->text[i]) + 1);
    if (b->texts == 0)
        u8(b, 0);
    u8(b, 0);
    b->count++;
    size_t size = b->out.len - b->start;
    b->largest = size > b->largest ? size : b->largest;
}

/* ---- 7.1 BIOS ---- */

static void bios(struct Builder *b) {
    enum { NOT_SUPPORTED = 1 << 3, TARGETED_CONTENT = 1 << 2, UEFI = 1 << 3, VIRTUAL = 1 << 4 };
    const char *release = b->config->options->value[SMBIOS_BIOS_RELEASE];
    const char *uefi = b->config->options->value[SMBIOS_BIOS_UEFI];
    uint8_t major = 0, minor = 0;
    if (release != NULL)
        smbios_release(release, &major, &minor);
    begin(b, 0, HANDLE_BIOS);
    property(b, SMBIOS_BIOS_VENDOR, "twin86");
    property(b, SMBIOS_BIOS_VERSION, b->config->version);
    u16(b, 0xe800); /* segment */
    property(b, SMBIOS_BIOS_DATE, "01/01/2026");
    u8(b, 0); /* of 64 KiB */
    u64(b, NOT_SUPPORTED);
    u8(b, 0);
    u8(b, TARGETED_CONTENT | VIRTUAL | (uefi != NULL && strcmp(uefi, "on") == 0 ? UEFI : 0));
    u8(b, major);
    u8(b, minor);
    u16(b, 0xffff); /* embedded controller: none */
    end(b);
}

/* ---- 7.2 System ---- */

/* The first three fields are little-endian here (7.2.1). */
static void put_uuid(struct Builder *b, const uint8_t *uuid) {
    static const uint8_t from[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < 16; i++)
        u8(b, uuid != NULL ? uuid[from[i]] : 0); /* zeroes: not present */
}

static void system_information(struct Builder *b) {
    enum { WAKE_UP_POWER_SWITCH = 6 };
    const char *given = b->config->options->value[SMBIOS_SYSTEM_UUID];
    uint8_t uuid[16];
    begin(b, 1, HANDLE_SYSTEM);
    property(b, SMBIOS_SYSTEM_MANUFACTURER, "twin86");
    property(b, SMBIOS_SYSTEM_PRODUCT, "PC (i440FX + PIIX, 1996)");
    property(b, SMBIOS_SYSTEM_VERSION, b->config->version);
    property(b, SMBIOS_SYSTEM_SERIAL, NULL);
    put_uuid(b, given != NULL && uuid_parse(given, uuid) ? uuid : b->config->uuid);
    u8(b, WAKE_UP_POWER_SWITCH);
    property(b, SMBIOS_SYSTEM_SKU, NULL);
    property(b, SMBIOS_SYSTEM_FAMILY, NULL);
    end(b);
}

/* ---- 7.4 Chassis ---- */

static void chassis(struct Builder *b) {
    enum { OTHER = 1, UNKNOWN = 2, SAFE = 3 };
    begin(b, 3, HANDLE_CHASSIS);
    property(b, SMBIOS_CHASSIS_MANUFACTURER, "twin86");
    u8(b, OTHER);
    property(b, SMBIOS_CHASSIS_VERSION, b->config->version);
    property(b, SMBIOS_CHASSIS_SERIAL, NULL);
    property(b, SMBIOS_CHASSIS_ASSET, NULL);
    for (unsigned i = 0; i < 3; i++)
        u8(b, SAFE); /* at boot; power; temperature */
    u8(b, UNKNOWN);  /* security */
    u32(b, 0);
    for (unsigned i = 0; i < 4; i++)
        u8(b, 0); /* height, power cords, contained elements and their size */
    property(b, SMBIOS_CHASSIS_SKU, NULL);
    end(b);
}

/* ---- 7.5 Processor: a socket each ---- */

/* How many of its logical processors are there. */
static unsigned present_in(const struct SmbiosConfig *c, unsigned socket) {
    unsigned each = cpu_topology_per_socket(&c->topology), before = socket * each;
    return c->cpus <= before ? 0 : c->cpus - before < each ? c->cpus - before : each;
}

static void processor(struct Builder *b, unsigned n) {
    enum { CENTRAL = 3, OTHER = 1, EMPTY = 0, POPULATED_ENABLED = 0x41, CACHES = 3, MHZ = 2000 };
    enum { UNKNOWN = 1 << 1, MULTI_CORE = 1 << 3, HARDWARE_THREAD = 1 << 4 };
    const struct SmbiosConfig *c = b->config;
    const struct CpuTopology *t = &c->topology;
    unsigned cores = t->dies * t->cores, present = present_in(c, n), enabled = (present + t->threads - 1) / t->threads;
    const char *prefix = c->options->value[SMBIOS_CPU_SOCKET];
    char socket[64];
    snprintf(socket, sizeof(socket), "%s%4x", prefix != NULL ? prefix : "CPU", n);
    begin(b, 4, (uint16_t)(HANDLE_CPU + n));
    string(b, socket);
    u8(b, CENTRAL);
    u8(b, OTHER); /* family */
    property(b, SMBIOS_CPU_MANUFACTURER, c->cpu_vendor);
    u64(b, number(b, SMBIOS_CPU_ID, (uint64_t)c->cpu_edx << 32 | c->cpu_eax));
    property(b, SMBIOS_CPU_VERSION, c->version);
    u8(b, 0);  /* voltage */
    u16(b, 0); /* external clock */
    u16(b, (uint16_t)number(b, SMBIOS_CPU_MAX_SPEED, MHZ));
    u16(b, (uint16_t)number(b, SMBIOS_CPU_SPEED, MHZ));
    u8(b, present == 0 ? EMPTY : POPULATED_ENABLED);
    u8(b, OTHER); /* upgrade */
    for (unsigned i = 0; i < CACHES; i++)
        u16(b, NO_HANDLE);
    property(b, SMBIOS_CPU_SERIAL, NULL);
    property(b, SMBIOS_CPU_ASSET, NULL);
    property(b, SMBIOS_CPU_PART, NULL);
    u8(b, (uint8_t)cores);
    u8(b, (uint8_t)enabled);
    u8(b, (uint8_t)(cores * t->threads)); /* of the socket */
    u16(b,
        cores > 1 || t->threads > 1 ? (cores > 1 ? MULTI_CORE : 0) | (t->threads > 1 ? HARDWARE_THREAD : 0) : UNKNOWN);
    u16(b, OTHER); /* family, again */
    end(b);
}

/* ---- 7.17 Memory array, 7.18 Memory devices, 7.20 Mapped addresses ---- */

static uint64_t ram_size(const struct Builder *b) { return b->config->below_4g + b->config->above_4g; }

static unsigned dimm_count(const struct Builder *b) { return (unsigned)((ram_size(b) + DIMM_MOST - 1) / DIMM_MOST); }

static void memory_array(struct Builder *b) {
    enum { OTHER = 1, SYSTEM_MEMORY = 3, MULTI_BIT_ECC = 6 };
    uint64_t kib = ram_size(b) >> 10;
    bool large = kib >= 1u << 31;
    begin(b, 16, HANDLE_MEMORY);
    u8(b, OTHER);
    u8(b, SYSTEM_MEMORY);
    u8(b, MULTI_BIT_ECC);
    u32(b, large ? 1u << 31 : (uint32_t)kib);
    u16(b, NO_ERROR_HANDLE);
    u16(b, (uint16_t)dimm_count(b));
    u64(b, large ? ram_size(b) : 0);
    end(b);
}

static void dimm(struct Builder *b, unsigned n) {
    enum { DIMM = 9, RAM = 7, OTHER_DETAIL = 1 << 1, SIZE_EXTENDED = 0x7fff, KIB = 0x8000 };
    const char *prefix = b->config->options->value[SMBIOS_DIMM_LOCATOR];
    uint64_t left = ram_size(b) - n * DIMM_MOST, size = left < DIMM_MOST ? left : DIMM_MOST, mib = size >> 20;
    uint16_t speed = (uint16_t)number(b, SMBIOS_DIMM_SPEED, 0);
    char locator[64];
    snprintf(locator, sizeof(locator), "%s %u", prefix != NULL ? prefix : "DIMM", n);
    begin(b, 17, (uint16_t)(HANDLE_DIMM + n));
    u16(b, HANDLE_MEMORY);
    u16(b, NO_ERROR_HANDLE);
    u16(b, 0xffff); /* widths: unknown */
    u16(b, 0xffff);
    if (size % (1 << 20) != 0 && size >> 10 < KIB)
        u16(b, (uint16_t)(KIB | size >> 10));
    else
        u16(b, mib < SIZE_EXTENDED ? (uint16_t)mib : SIZE_EXTENDED);
    u8(b, DIMM);
    u8(b, 0); /* of no set */
    string(b, locator);
    property(b, SMBIOS_DIMM_BANK, NULL);
    u8(b, RAM);
    u16(b, OTHER_DETAIL);
    u16(b, speed);
    property(b, SMBIOS_DIMM_MANUFACTURER, "twin86");
    property(b, SMBIOS_DIMM_SERIAL, NULL);
    property(b, SMBIOS_DIMM_ASSET, NULL);
    property(b, SMBIOS_DIMM_PART, NULL);
    u8(b, 0); /* rank: unknown */
    u32(b, mib < SIZE_EXTENDED ? 0 : (uint32_t)mib);
    u16(b, speed);
    for (unsigned i = 0; i < 3; i++)
        u16(b, 0); /* voltages: unknown */
    end(b);
}

static void mapped_range(struct Builder *b, unsigned n, uint64_t base, uint64_t size) {
    uint64_t last = base + size - 1;
    bool large = last >> 10 >= UINT32_MAX;
    begin(b, 19, (uint16_t)(HANDLE_RANGE + n));
    u32(b, large ? UINT32_MAX : (uint32_t)(base >> 10));
    u32(b, large ? UINT32_MAX : (uint32_t)(last >> 10));
    u16(b, HANDLE_MEMORY);
    u8(b, 1); /* width of the partition */
    u64(b, large ? base : 0);
    u64(b, large ? last : 0);
    end(b);
}

static void memory(struct Builder *b) {
    memory_array(b);
    for (unsigned i = 0; i < dimm_count(b); i++)
        dimm(b, i);
    mapped_range(b, 0, 0, b->config->below_4g);
    if (b->config->above_4g != 0)
        mapped_range(b, 1, 1ull << 32, b->config->above_4g);
}

/* ---- 7.33 System boot, 7.45 End of table ---- */

static void last_structures(struct Builder *b) {
    enum { RESERVED = 6, NO_ERRORS = 0 };
    begin(b, 32, HANDLE_BOOT);
    for (unsigned i = 0; i < RESERVED; i++)
        u8(b, 0);
    u8(b, NO_ERRORS);
    end(b);
    begin(b, 127, HANDLE_END);
    end(b);
}

/* ---- the entry point (5.2.1) ---- */

static void fill_anchor(const struct Builder *b, uint32_t base, uint8_t anchor[SMBIOS_ANCHOR_SIZE]) {
    enum { SUM = 4, SECOND = 16, SECOND_SUM = 21 };
    static const uint8_t formatted[5];
    struct Aml a;
    aml_init(&a, anchor, SMBIOS_ANCHOR_SIZE);
    aml_bytes(&a, "_SM_", 5); /* and room for the sum */
    aml_u8(&a, SMBIOS_ANCHOR_SIZE);
    aml_u8(&a, MAJOR);
    aml_u8(&a, MINOR);
    aml_u16(&a, (uint16_t)b->largest);
    aml_u8(&a, 0);
    aml_bytes(&a, formatted, sizeof(formatted));
    aml_bytes(&a, "_DMI_", 6);
    aml_u16(&a, (uint16_t)b->out.len);
    aml_u32(&a, base);
    aml_u16(&a, (uint16_t)b->count);
    aml_u8(&a, MAJOR << 4 | MINOR);
    anchor[SECOND_SUM] = checksum_8(anchor + SECOND, SMBIOS_ANCHOR_SIZE - SECOND);
    anchor[SUM] = checksum_8(anchor, SMBIOS_ANCHOR_SIZE);
}

int smbios_build(const struct SmbiosConfig *c, uint32_t base, uint8_t *buf, size_t n,
                 uint8_t anchor[SMBIOS_ANCHOR_SIZE]) {
    struct Builder b = {.config = c};
    aml_init(&b.out, buf, n < SMBIOS_TABLES_MAX ? n : SMBIOS_TABLES_MAX);
    if (c->no_firmware || c->options->types & 1)
        bios(&b);
    system_information(&b);
    chassis(&b);
    for (unsigned i = 0; i < c->topology.sockets; i++)
        processor(&b, i);
    memory(&b);
    last_structures(&b);
    if (b.out.overflow)
        return -ENOSPC;
    fill_anchor(&b, base, anchor);
    return (int)b.out.len;
}
