/* SPDX-License-Identifier: MIT */
#include "machine/acpi/acpi_tables.h"
#include "base/bytes.h"
#include "cpu/topology.h"
#include "devices/acpi_pm.h"
#include "machine/acpi/aml.h"

#include <errno.h>
#include <string.h>

enum { HEADER_SIZE = 36, CHECKSUM = 9, LENGTH = 4, FACS_SIZE = 64, FADT_SIZE = 268 };

/* The image under construction. */
struct Builder {
    struct Aml out; /* only used to append bytes */
    const struct AcpiConfig *config;
    struct AcpiImage *image;
};

static void zeroes(struct Builder *b, size_t n) {
    while (n--)
        aml_u8(&b->out, 0);
}

static void align(struct Builder *b, size_t n) {
    while (b->out.len % n && !b->out.overflow)
        aml_u8(&b->out, 0);
}

static uint32_t here(const struct Builder *b) { return b->config->tables_base + b->out.len; }

/* A guest-physical address within the image; a firmware may have to change it. */
static void pointer(struct Builder *b, uint32_t target, unsigned size) {
    struct AcpiImage *im = b->image;
    if (im->pointers == ACPI_POINTERS_MAX) {
        b->out.overflow = true;
        return;
    }
    im->pointer[im->pointers].offset = b->out.len;
    im->pointer[im->pointers++].size = size;
    if (size == 4)
        aml_u32(&b->out, target);
    else
        aml_u64(&b->out, target);
}

/* The standard header (5.2.6); length and checksum follow in end_table. Returns the table's offset. */
static size_t begin_table(struct Builder *b, const char *signature, uint8_t revision) {
    align(b, 16);
    size_t at = b->out.len;
    aml_bytes(&b->out, signature, 4);
    aml_u32(&b->out, 0);
    aml_u8(&b->out, revision);
    aml_u8(&b->out, 0);
    aml_bytes(&b->out, "TWIN86", 6);
    aml_bytes(&b->out, "TWIN86PC", 8);
    aml_u32(&b->out, 1);
    aml_bytes(&b->out, "TW86", 4);
    aml_u32(&b->out, 1);
    return at;
}

static void end_table(struct Builder *b, size_t at) {
    struct AcpiImage *im = b->image;
    if (im->tables == ACPI_TABLES_MAX)
        b->out.overflow = true;
    if (b->out.overflow)
        return;
    uint8_t *p = b->out.buf + at;
    uint32_t size = b->out.len - at;
    for (unsigned i = 0; i < 4; i++)
        p[LENGTH + i] = size >> 8 * i;
    p[CHECKSUM] = checksum_8(p, size);
    im->table[im->tables].offset = at;
    im->table[im->tables++].size = size;
}

static uint32_t facs(struct Builder *b) {
    align(b, 64);
    uint32_t at = here(b);
    aml_bytes(&b->out, "FACS", 4);
    aml_u32(&b->out, FACS_SIZE);
    zeroes(b, 24); /* hardware signature, waking vector, global lock, flags, 64-bit vector */
    aml_u8(&b->out, 2);
    zeroes(b, FACS_SIZE - 33);
    return at;
}

static uint32_t dsdt(struct Builder *b) {
    size_t at = begin_table(b, "DSDT", 2);
    acpi_dsdt(&b->out, b->config);
    end_table(b, at);
    return b->config->tables_base + at;
}

/* ---- FADT (5.2.9) ---- */

enum { SPACE_MEMORY, SPACE_IO };
enum { FADT_REVISION = 5, PROFILE_DESKTOP = 1, NO_C2 = 0xfff, NO_C3 = 0xfff };
enum {
    FADT_WBINVD = 1 << 0,
    FADT_C1 = 1 << 2,
    FADT_NO_SLEEP_BUTTON = 1 << 5,
    FADT_TIMER_32BIT = 1 << 8,
    FADT_RESET = 1 << 10
};
enum { BOOT_LEGACY_DEVICES = 1 << 0, BOOT_8042 = 1 << 1, BOOT_NO_VGA = 1 << 2, BOOT_NO_CMOS_RTC = 1 << 5 };

/* Generic address structure; `bytes` wide. */
static void gas(struct Builder *b, uint8_t space, uint64_t address, unsigned bytes) {
    unsigned access = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
    aml_u8(&b->out, space);
    aml_u8(&b->out, bytes * 8);
    aml_u8(&b->out, 0);
    aml_u8(&b->out, access);
    aml_u64(&b->out, address);
}

static void fadt_legacy_blocks(struct Builder *b, uint16_t pm) {
    aml_u32(&b->out, pm + ACPI_PM1_EVENT);
    aml_u32(&b->out, 0);
    aml_u32(&b->out, pm + ACPI_PM1_CONTROL);
    aml_u32(&b->out, 0);
    aml_u32(&b->out, 0); /* PM2 */
    aml_u32(&b->out, pm + ACPI_PM_TIMER);
    aml_u32(&b->out, pm + ACPI_PM_GPE0);
    aml_u32(&b->out, 0);
    const uint8_t lengths[] = {4, 2, 0, 4, 4, 0, 0, 0}; /* ... GPE1 length and base, _CST */
    aml_bytes(&b->out, lengths, sizeof lengths);
}

static void fadt_extended_blocks(struct Builder *b, uint16_t pm) {
    gas(b, SPACE_IO, pm + ACPI_PM1_EVENT, 4);
    zeroes(b, 12);
    gas(b, SPACE_IO, pm + ACPI_PM1_CONTROL, 2);
    zeroes(b, 24); /* PM1b, PM2 */
    gas(b, SPACE_IO, pm + ACPI_PM_TIMER, 4);
    gas(b, SPACE_IO, pm + ACPI_PM_GPE0, 4);
    zeroes(b, 36); /* GPE1, sleep control and status */
}

static uint32_t fadt(struct Builder *b, uint32_t facs_at, uint32_t dsdt_at) {
    const struct AcpiConfig *c = b->config;
    struct Aml *a = &b->out;
    size_t at = begin_table(b, "FACP", FADT_REVISION);
    pointer(b, facs_at, 4);
    pointer(b, dsdt_at, 4);
    aml_u8(a, 0);
    aml_u8(a, PROFILE_DESKTOP);
    aml_u16(a, c->sci_irq);
    aml_u32(a, 0); /* SMI_CMD: always in ACPI mode */
    zeroes(b, 4);
    fadt_legacy_blocks(b, c->pm_base);
    aml_u16(a, NO_C2);
    aml_u16(a, NO_C3);
    zeroes(b, 6); /* flush size and stride, duty cycle */
    aml_u8(a, 0); /* day and month alarm */
    aml_u8(a, 0);
    aml_u8(a, c->century);
    aml_u16(a, BOOT_LEGACY_DEVICES | (c->vga ? 0 : BOOT_NO_VGA) | (c->keyboard ? BOOT_8042 : 0) |
                   (c->rtc ? 0 : BOOT_NO_CMOS_RTC));
    aml_u8(a, 0);
    aml_u32(a, FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP_BUTTON | FADT_TIMER_32BIT | FADT_RESET);
    gas(b, SPACE_IO, ACPI_RESET_PORT, 1);
    aml_u8(a, ACPI_RESET_VALUE);
    zeroes(b, 3);  /* ARM flags, minor version */
    aml_u64(a, 0); /* X_FIRMWARE_CTRL: the 32-bit field counts */
    pointer(b, dsdt_at, 8);
    fadt_extended_blocks(b, c->pm_base);
    end_table(b, at);
    return c->tables_base + at;
}

/* ---- MADT (5.2.12) ---- */

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4, MADT_X2APIC = 9, MADT_X2APIC_NMI = 10 };
enum { MADT_PCAT_COMPAT = 1, LAPIC_ENABLED = 1, INTI_CONFORMS = 0, INTI_LEVEL_HIGH = 0xd, PIT_GSI = 2, LINT_NMI = 1 };
enum { XAPIC_IDS = 255 };

/* Those that are not there are told of, too: a guest makes room for them. */
static void madt_cpu(struct Builder *b, unsigned index) {
    uint32_t id = cpu_topology_apic_id(&b->config->topology, index),
             flags = index < b->config->cpus ? LAPIC_ENABLED : 0;
    if (id < XAPIC_IDS) {
        aml_u8(&b->out, MADT_LAPIC);
        aml_u8(&b->out, 8);
        aml_u8(&b->out, index); /* _UID */
        aml_u8(&b->out, id);
        aml_u32(&b->out, flags);
    } else {
        aml_u8(&b->out, MADT_X2APIC);
        aml_u8(&b->out, 16);
        aml_u16(&b->out, 0);
        aml_u32(&b->out, id);
        aml_u32(&b->out, flags);
        aml_u32(&b->out, index);
    }
}

static void madt_override(struct Builder *b, uint8_t irq, uint32_t gsi, uint16_t flags) {
    aml_u8(&b->out, MADT_OVERRIDE);
    aml_u8(&b->out, 10);
    aml_u8(&b->out, 0); /* ISA */
    aml_u8(&b->out, irq);
    aml_u32(&b->out, gsi);
    aml_u16(&b->out, flags);
}

static void madt_nmi(struct Builder *b) {
    aml_u8(&b->out, MADT_LAPIC_NMI);
    aml_u8(&b->out, 6);
    aml_u8(&b->out, 0xff); /* all processors */
    aml_u16(&b->out, INTI_CONFORMS);
    aml_u8(&b->out, LINT_NMI);
    const struct CpuTopology *t = &b->config->topology;
    if (cpu_topology_apic_id(t, cpu_topology_count(t) - 1) < XAPIC_IDS)
        return;
    aml_u8(&b->out, MADT_X2APIC_NMI);
    aml_u8(&b->out, 12);
    aml_u16(&b->out, INTI_CONFORMS);
    aml_u32(&b->out, UINT32_MAX);
    aml_u8(&b->out, LINT_NMI);
    zeroes(b, 3);
}

static uint32_t madt(struct Builder *b) {
    const struct AcpiConfig *c = b->config;
    size_t at = begin_table(b, "APIC", 3);
    aml_u32(&b->out, c->lapic_base);
    aml_u32(&b->out, MADT_PCAT_COMPAT);
    for (unsigned i = 0; i < cpu_topology_count(&c->topology); i++)
        madt_cpu(b, i);
    aml_u8(&b->out, MADT_IOAPIC);
    aml_u8(&b->out, 12);
    aml_u8(&b->out, c->ioapic_id);
    aml_u8(&b->out, 0);
    aml_u32(&b->out, c->ioapic_base);
    aml_u32(&b->out, 0);
    madt_override(b, 0, PIT_GSI, INTI_CONFORMS);
    madt_override(b, c->sci_irq, c->sci_irq, INTI_LEVEL_HIGH);
    madt_nmi(b);
    end_table(b, at);
    return c->tables_base + at;
}

/* IA-PC HPET specification 1.0a, 3.2.4 */
static uint32_t hpet(struct Builder *b) {
    size_t at = begin_table(b, "HPET", 1);
    aml_u32(&b->out, b->config->hpet_id);
    aml_u8(&b->out, SPACE_MEMORY);
    aml_u8(&b->out, 64);
    aml_u16(&b->out, 0);
    aml_u64(&b->out, b->config->hpet_base);
    aml_u8(&b->out, 0);
    aml_u16(&b->out, 100); /* least period in ticks without losing interrupts */
    aml_u8(&b->out, 0);
    end_table(b, at);
    return b->config->tables_base + at;
}

/* RSDT and XSDT: the list of the others, `width` bytes a pointer. */
static uint32_t root_table(struct Builder *b, const char *signature, unsigned width, const uint32_t *list, unsigned n) {
    size_t at = begin_table(b, signature, 1);
    for (unsigned i = 0; i < n; i++)
        pointer(b, list[i], width);
    end_table(b, at);
    return b->config->tables_base + at;
}

/* 5.2.5.3 */
static void rsdp(uint8_t out[ACPI_RSDP_SIZE], uint32_t rsdt, uint64_t xsdt) {
    struct Aml a;
    aml_init(&a, out, ACPI_RSDP_SIZE);
    aml_bytes(&a, "RSD PTR ", 8);
    aml_u8(&a, 0);
    aml_bytes(&a, "TWIN86", 6);
    aml_u8(&a, 2);
    aml_u32(&a, rsdt);
    aml_u32(&a, ACPI_RSDP_SIZE);
    aml_u64(&a, xsdt);
    aml_u32(&a, 0);
    out[8] = checksum_8(out, 20);
    out[32] = checksum_8(out, ACPI_RSDP_SIZE);
}

static bool is_possible(const struct AcpiConfig *c, size_t n) {
    unsigned room = cpu_topology_count(&c->topology);
    return c->cpus >= 1 && c->cpus <= room && room <= ACPI_CPUS_MAX && c->tables_base % 64 == 0 &&
           n <= UINT32_MAX - c->tables_base && c->mmio_base < c->mmio_end && c->mmio_end <= 1ull << 32 &&
           c->sci_irq < 16;
}

int acpi_build(const struct AcpiConfig *config, uint8_t *buf, size_t n, struct AcpiImage *image) {
    if (!is_possible(config, n))
        return -EINVAL;
    struct Builder b = {.config = config, .image = image};
    uint32_t list[3];
    unsigned count = 0;
    memset(image, 0, sizeof *image);
    aml_init(&b.out, buf, n);
    uint32_t facs_at = facs(&b), dsdt_at = dsdt(&b);
    list[count++] = fadt(&b, facs_at, dsdt_at);
    if (config->ioapic_base && config->lapic_base)
        list[count++] = madt(&b);
    if (config->hpet_base)
        list[count++] = hpet(&b);
    uint32_t rsdt = root_table(&b, "RSDT", 4, list, count), xsdt = root_table(&b, "XSDT", 8, list, count);
    if (b.out.overflow)
        return -ENOSPC;
    rsdp(image->rsdp, rsdt, xsdt);
    image->size = b.out.len;
    return 0;
}

/* ---- etc/table-loader ---- */

/* Commands of 128 bytes (QEMU documentation, "BIOS linker loader"): file names are 56 bytes. */
enum { RSDP_CHECKSUM = 8, RSDP_EXTENDED_CHECKSUM = 32 };
enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER, CMD_ADD_CHECKSUM, CMD_SIZE = 128, NAME_SIZE = 56, ZONE_HIGH = 1, ZONE_FSEG };

static const char tables_file[] = "etc/acpi/tables", rsdp_file[] = "etc/acpi/rsdp";

static void file_name(struct Aml *a, const char *name) {
    char padded[NAME_SIZE] = {0};
    memcpy(padded, name, strlen(name));
    aml_bytes(a, padded, sizeof padded);
}

static void pad_command(struct Aml *a) {
    while (a->len % CMD_SIZE && !a->overflow)
        aml_u8(a, 0);
}

static void allocate(struct Aml *a, const char *file, uint32_t alignment, uint8_t zone) {
    aml_u32(a, CMD_ALLOCATE);
    file_name(a, file);
    aml_u32(a, alignment);
    aml_u8(a, zone);
    pad_command(a);
}

static void add_pointer(struct Aml *a, const char *in, uint32_t offset, uint8_t size) {
    aml_u32(a, CMD_ADD_POINTER);
    file_name(a, in);
    file_name(a, tables_file);
    aml_u32(a, offset);
    aml_u8(a, size);
    pad_command(a);
}

static void add_checksum(struct Aml *a, const char *file, uint32_t at, uint32_t start, uint32_t size) {
    aml_u32(a, CMD_ADD_CHECKSUM);
    file_name(a, file);
    aml_u32(a, at);
    aml_u32(a, start);
    aml_u32(a, size);
    pad_command(a);
}

void acpi_clear_checksums(struct AcpiImage *image, uint8_t *buf) {
    for (unsigned i = 0; i < image->tables; i++)
        buf[image->table[i].offset + CHECKSUM] = 0;
    image->rsdp[RSDP_CHECKSUM] = image->rsdp[RSDP_EXTENDED_CHECKSUM] = 0;
}

int acpi_loader_script(const struct AcpiImage *image, uint8_t *buf, size_t n) {
    struct Aml a;
    aml_init(&a, buf, n);
    allocate(&a, tables_file, 64, ZONE_HIGH);
    allocate(&a, rsdp_file, 16, ZONE_FSEG);
    for (unsigned i = 0; i < image->pointers; i++)
        add_pointer(&a, tables_file, image->pointer[i].offset, image->pointer[i].size);
    for (unsigned i = 0; i < image->tables; i++) {
        uint32_t at = image->table[i].offset;
        add_checksum(&a, tables_file, at + CHECKSUM, at, image->table[i].size);
    }
    add_pointer(&a, rsdp_file, 16, 4);
    add_pointer(&a, rsdp_file, 24, 8);
    add_checksum(&a, rsdp_file, RSDP_CHECKSUM, 0, 20);
    add_checksum(&a, rsdp_file, RSDP_EXTENDED_CHECKSUM, 0, ACPI_RSDP_SIZE);
    return a.overflow ? -ENOSPC : (int)a.len;
}
