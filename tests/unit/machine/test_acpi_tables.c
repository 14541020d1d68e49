/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "machine/acpi/acpi_tables.h"
#include "machine/acpi/aml.h"
#include "tests/unit/suites.h"

#define BASE 0x7fe0000u

static uint8_t buf[65536];
static struct AcpiImage image;

static struct AcpiConfig config(void) {
    return (struct AcpiConfig){
        .tables_base = BASE,
        .cpus = 2,
        .topology = {1, 1, 2, 1},
        .lapic_base = 0xfee00000,
        .ioapic_base = 0xfec00000,
        .ioapic_id = 2,
        .sci_irq = 9,
        .pm_base = 0x600,
        .hpet_base = 0xfed00000,
        .hpet_id = 0x8086a201,
        .mmio_base = 0xc0000000,
        .mmio_end = 0xfec00000,
        .pci_gsi_base = 16,
        .fw_cfg_base = 0x510,
        .century = 0x32,
        .com = {{0x3f8, 4}},
        .rtc = true,
        .keyboard = true,
        .mouse = true,
    };
}

static uint64_t get(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n--)
        s += *p++;
    return s;
}

/* The table at a guest address; checks that it lies within the image and has a good checksum. */
static const uint8_t *table(uint64_t gpa, const char *signature) {
    ck_assert_uint_ge(gpa, BASE);
    ck_assert_uint_lt(gpa + 36, BASE + image.size);
    const uint8_t *p = buf + (gpa - BASE);
    ck_assert_mem_eq(p, signature, 4);
    uint32_t size = get(p + 4, 4);
    ck_assert_uint_le(gpa + size, BASE + image.size);
    ck_assert_uint_eq(sum(p, size), 0);
    return p;
}

static const uint8_t *from_xsdt(const char *signature) {
    const uint8_t *xsdt = table(get(image.rsdp + 24, 8), "XSDT");
    for (size_t at = 36; at < get(xsdt + 4, 4); at += 8) {
        uint64_t gpa = get(xsdt + at, 8);
        if (memcmp(buf + (gpa - BASE), signature, 4) == 0)
            return table(gpa, signature);
    }
    return NULL;
}

START_TEST(roots) {
    struct AcpiConfig c = config();
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    ck_assert_mem_eq(image.rsdp, "RSD PTR ", 8);
    ck_assert_uint_eq(sum(image.rsdp, 20), 0);
    ck_assert_uint_eq(sum(image.rsdp, 36), 0);
    ck_assert_uint_eq(image.rsdp[15], 2);
    const uint8_t *rsdt = table(get(image.rsdp + 16, 4), "RSDT"), *xsdt = table(get(image.rsdp + 24, 8), "XSDT");
    ck_assert_uint_eq(get(rsdt + 4, 4), 36 + 3 * 4);
    ck_assert_uint_eq(get(xsdt + 4, 4), 36 + 3 * 8);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(get(rsdt + 36 + 4 * i, 4), get(xsdt + 36 + 8 * i, 8));
    ck_assert_ptr_nonnull(from_xsdt("FACP"));
    ck_assert_ptr_nonnull(from_xsdt("APIC"));
    ck_assert_ptr_nonnull(from_xsdt("HPET"));
}
END_TEST

START_TEST(fadt) {
    struct AcpiConfig c = config();
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    const uint8_t *f = from_xsdt("FACP");
    ck_assert_uint_eq(get(f + 4, 4), 268);
    ck_assert_uint_eq(f[8], 5);
    uint64_t facs = get(f + 36, 4);
    ck_assert_uint_eq(facs % 64, 0);
    ck_assert_mem_eq(buf + (facs - BASE), "FACS", 4);
    ck_assert_uint_eq(get(buf + (facs - BASE) + 4, 4), 64);
    ck_assert_uint_eq(get(f + 40, 4), get(f + 140, 8));
    table(get(f + 140, 8), "DSDT");
    ck_assert_uint_eq(get(f + 46, 2), 9);
    ck_assert_uint_eq(get(f + 48, 4), 0); /* no SMI_CMD */
    ck_assert_uint_eq(get(f + 56, 4), 0x600);
    ck_assert_uint_eq(get(f + 64, 4), 0x604);
    ck_assert_uint_eq(get(f + 76, 4), 0x608);
    ck_assert_uint_eq(get(f + 80, 4), 0x60c);
    ck_assert_uint_eq(f[108], 0x32);
    ck_assert_uint_eq(get(f + 116, 4), 0x01000801);
    ck_assert_uint_eq(get(f + 120, 8), 0xcf9);
    ck_assert_uint_eq(f[128], 6);
    ck_assert_uint_eq(get(f + 148 + 4, 8), 0x600);
    ck_assert_uint_eq(get(f + 172 + 4, 8), 0x604);
    ck_assert_uint_eq(get(f + 208 + 4, 8), 0x608);
    ck_assert_uint_eq(get(f + 220 + 4, 8), 0x60c);
}
END_TEST

START_TEST(madt) {
    struct AcpiConfig c = config();
    c.cpus = 299;
    c.topology = (struct CpuTopology){1, 1, 300, 1};
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    const uint8_t *m = from_xsdt("APIC");
    ck_assert_uint_eq(get(m + 36, 4), 0xfee00000);
    unsigned count[16] = {0};
    for (size_t at = 44; at < get(m + 4, 4); at += m[at + 1]) {
        const uint8_t *e = m + at;
        ck_assert_uint_lt(e[0], 16);
        ck_assert_uint_ge(e[1], 6);
        if (e[0] == 0)
            ck_assert(e[3] == count[0] && e[2] == e[3] && get(e + 4, 4) == 1);
        if (e[0] == 9)
            ck_assert(get(e + 4, 4) == 255 + count[9] && get(e + 12, 4) == get(e + 4, 4) &&
                      get(e + 8, 4) == (count[9] < 44));
        if (e[0] == 1)
            ck_assert(e[2] == 2 && get(e + 4, 4) == 0xfec00000);
        if (e[0] == 2 && e[3] == 0)
            ck_assert(get(e + 4, 4) == 2 && get(e + 8, 2) == 0);
        if (e[0] == 2 && e[3] == 9)
            ck_assert(get(e + 4, 4) == 9 && get(e + 8, 2) == 0xd);
        count[e[0]]++;
    }
    ck_assert(count[0] == 255 && count[9] == 45 && count[1] == 1 && count[2] == 2 && count[4] == 1 && count[10] == 1);
}
END_TEST

/* Ids have gaps where counts are no powers of two; processors that are not there are told of, and off. */
START_TEST(topology) {
    static const uint8_t ids[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14};
    struct AcpiConfig c = config();
    c.cpus = 7;
    c.topology = (struct CpuTopology){2, 2, 3, 1};
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    const uint8_t *m = from_xsdt("APIC");
    unsigned n = 0;
    for (size_t at = 44; at < get(m + 4, 4) && m[at] == 0; at += m[at + 1], n++)
        ck_assert(m[at + 2] == n && m[at + 3] == ids[n] && get(m + at + 4, 4) == (n < 7));
    ck_assert_uint_eq(n, 12);
    const uint8_t *d = table(get(from_xsdt("FACP") + 140, 8), "DSDT");
    static const uint8_t absent[] = "C00B\x08_HID\x0d"
                                    "ACPI0007\0\x08_UID\x0a\x0b\x08_STA";
    ck_assert_ptr_nonnull(memmem(d, get(d + 4, 4), absent, sizeof(absent) - 1));
    const uint8_t *there = memmem(d, get(d + 4, 4), "C006", 4);
    ck_assert_ptr_nonnull(there);
    ck_assert_ptr_null(memmem(there, 32, "_STA", 4));
    c.cpus = 13;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), -EINVAL);
}
END_TEST

START_TEST(what_is_not_there) {
    struct AcpiConfig c = config();
    c.hpet_base = c.ioapic_base = c.lapic_base = c.fw_cfg_base = 0;
    c.com[0].base = 0;
    c.rtc = c.keyboard = c.mouse = c.vga = false;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    ck_assert_ptr_null(from_xsdt("HPET"));
    ck_assert_ptr_null(from_xsdt("APIC"));
    ck_assert_uint_eq(get(from_xsdt("FACP") + 109, 2), 1 | 4 | 32);
    c.cpus = 0;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), -EINVAL);
    c = config();
    c.tables_base = 0x1010;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), -EINVAL);
}
END_TEST

/* Any size that is too small is refused, and nothing behind it is touched. */
START_TEST(too_small) {
    struct AcpiConfig c = config();
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    size_t need = image.size;
    for (size_t n = 0; n < need; n += n < 200 ? 1 : 37) {
        memset(buf, 0xee, sizeof buf);
        ck_assert_int_eq(acpi_build(&c, buf, n, &image), -ENOSPC);
        bool untouched = true;
        for (size_t i = n; i < need + 16; i++)
            untouched &= buf[i] == 0xee;
        ck_assert(untouched);
    }
    ck_assert_int_eq(acpi_build(&c, buf, need, &image), 0);
}
END_TEST

/* Walk the package structure of the AML: every length must fit its surroundings exactly. */
static size_t package_length(const uint8_t *p, unsigned *bytes) {
    *bytes = 1 + (p[0] >> 6);
    size_t n = *bytes == 1 ? p[0] & 0x3f : p[0] & 15;
    for (unsigned i = 1; i < *bytes; i++)
        n |= (size_t)p[i] << (8 * i - 4);
    return n;
}

START_TEST(aml_encodings) {
    static const struct {
        size_t body;
        unsigned bytes;
    } lengths[] = {{0, 1}, {61, 1}, {62, 1}, {63, 2}, {4093, 2}, {4094, 3}, {5000, 3}};
    struct Aml a;
    unsigned bytes;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        aml_init(&a, buf, sizeof buf);
        size_t mark = aml_begin_if(&a);
        for (size_t n = 0; n < lengths[i].body; n++)
            aml_u8(&a, n);
        aml_end(&a, mark);
        ck_assert(!a.overflow);
        ck_assert_uint_eq(package_length(buf + 1, &bytes), a.len - 1);
        ck_assert_uint_eq(bytes, lengths[i].bytes);
        ck_assert_uint_eq(a.len, 1 + bytes + lengths[i].body);
        if (lengths[i].body)
            ck_assert_uint_eq(buf[1 + bytes], 0);
    }
    aml_init(&a, buf, sizeof buf);
    aml_name_string(&a, "\\_SB.PCI0");
    aml_name_string(&a, "^A.B.CDE");
    aml_name_string(&a, "\\");
    ck_assert_mem_eq(buf,
                     "\\\x2e_SB_PCI0^\x2f\x03"
                     "A___B___CDE_\\\0",
                     a.len);
    aml_init(&a, buf, sizeof buf);
    aml_integer(&a, 0);
    aml_integer(&a, 1);
    aml_integer(&a, 0xff);
    aml_integer(&a, 0x100);
    aml_integer(&a, 0x10000);
    aml_integer(&a, 1ull << 32);
    ck_assert_mem_eq(buf, "\0\1\x0a\xff\x0b\0\1\x0c\0\0\1\0\x0e\0\0\0\0\1\0\0\0", 21);
    aml_init(&a, buf, sizeof buf);
    aml_eisa_id(&a, "PNP0A03");
    ck_assert_mem_eq(buf, "\x0c\x41\xd0\x0a\x03", 5);
    aml_init(&a, buf, sizeof buf);
    size_t res = aml_begin_resources(&a);
    aml_res_io(&a, 0x3f8, 8);
    aml_res_irq(&a, 4);
    aml_end_resources(&a, res);
    ck_assert_mem_eq(buf, "\x11\x11\x0b\x0d\0\x47\1\xf8\3\xf8\3\1\x08\x22\x10\0\x79\0", a.len);
}
END_TEST

/* Field unit PEPT at that port, in a device that only such a machine has. */
START_TEST(pvpanic_device) {
    static const uint8_t region[] = "\x5b\x80PEOR\x01\x0b\x05\x05\x01\x5b\x81\x0bPEOR\x01PEPT\x08"
                                    "\x14\x0bRDPT\x00\xa4PEPT\x14\x0cWRPT\x01\x70\x68PEPT";
    struct AcpiConfig c = config();
    for (unsigned there = 0; there < 2; there++) {
        c.pvpanic_port = there ? 0x505 : 0;
        ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
        const uint8_t *d = table(get(from_xsdt("FACP") + 140, 8), "DSDT");
        const uint8_t *device = memmem(d, get(d + 4, 4), "QEMU0001", 9);
        ck_assert_int_eq(device != NULL, there);
        if (there)
            ck_assert_ptr_nonnull(memmem(device, 100, region, sizeof(region) - 1));
    }
}
END_TEST

/* Devices that may be there, by their names. */
START_TEST(optional_devices) {
    struct AcpiConfig c = config();
    for (unsigned there = 0; there < 2; there++) {
        c.floppy = there;
        for (unsigned i = 1; i < 4; i++)
            c.com[i].base = there ? 0x2f8 - 8 * i : 0;
        ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
        const uint8_t *d = table(get(from_xsdt("FACP") + 140, 8), "DSDT");
        static const char *const names[] = {"COM2", "COM3", "COM4", "FDC0"};
        ck_assert_ptr_nonnull(memmem(d, get(d + 4, 4), "COM1", 4));
        for (unsigned i = 0; i < 4; i++)
            ck_assert_int_eq(memmem(d, get(d + 4, 4), names[i], 4) != NULL, there);
    }
}
END_TEST

/* Link devices with the ISA bridge's registers behind them. */
START_TEST(link_devices) {
    static const uint8_t possible[] = {0x23, 0x20, 0x0c, 0x18, 0x79, 0}, region[] = "PIRQ\x02\x0a\x60\x0a\x04";
    struct AcpiConfig c = config();
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    const uint8_t *d = table(get(from_xsdt("FACP") + 140, 8), "DSDT");
    size_t size = get(d + 4, 4);
    ck_assert_ptr_nonnull(memmem(d, size, region, sizeof(region) - 1));
    for (unsigned n = 0; n < 4; n++) {
        char name[] = "LNKA\x08_HID\x0c\x41\xd0\x0c\x0f";
        name[3] += n;
        const uint8_t *device = memmem(d, size, name, sizeof(name) - 1);
        ck_assert_ptr_nonnull(device);
        ck_assert_ptr_nonnull(memmem(device, 60, possible, sizeof(possible)));
    }
    /* slot 1, pin A is PIRQA: in the one table GSI 16, in the other the link */
    static const uint8_t gsi[] = {0x0c, 0xff, 0xff, 1, 0, 0, 0, 0x0a, 16};
    static const uint8_t link[] = {0x0c, 0xff, 0xff, 1, 0, 0, '\\', 0x2e, '_', 'S', 'B', '_', 'L', 'N', 'K', 'A', 0};
    ck_assert_ptr_nonnull(memmem(d, size, gsi, sizeof(gsi)));
    ck_assert_ptr_nonnull(memmem(d, size, link, sizeof(link)));
}
END_TEST

START_TEST(dsdt_is_well_formed) {
    struct AcpiConfig c = config();
    c.no_s3 = _i & 1;
    c.no_s4 = _i >> 1;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    ck_assert_uint_eq(get(from_xsdt("FACP") + 112, 4) & 1 << 6, 0); /* the RTC's alarm is in PM1 status */
    const uint8_t *d = table(get(from_xsdt("FACP") + 140, 8), "DSDT");
    size_t size = get(d + 4, 4), at = 36;
    unsigned bytes, scopes = 0, sleeps = 0;
    /* the outermost level: a name, a method, packages of sleep states, a scope */
    while (at < size) {
        if (d[at] == 0x08 && memcmp(d + at + 1, "\\PICF", 5) == 0) {
            at += 7;
        } else if (d[at] == 0x08 && d[at + 1] == '\\' && memcmp(d + at + 2, "_S", 2) == 0 && d[at + 6] == 0x12) {
            static const uint8_t types[][6] = {{4, 0x01, 0x01}, {4, 0x0a, 2, 0x0a, 2}, {4}}; /* of PM1a and PM1b */
            ck_assert_mem_eq(d + at + 8, types[d[at + 4] - '3'], 5);
            sleeps += d[at + 4] - '0';
            at += 7 + package_length(d + at + 7, &bytes);
        } else {
            ck_assert(d[at] == 0x10 || d[at] == 0x14);
            scopes++;
            at += 1 + package_length(d + at + 1, &bytes);
        }
    }
    ck_assert_uint_eq(at, size);
    ck_assert_uint_eq(scopes, 2);
    ck_assert_uint_eq(sleeps, (c.no_s3 ? 0 : 3) + (c.no_s4 ? 0 : 4) + 5);
}
END_TEST

/* What firmware does with the script: place the files, add their addresses, mend checksums. */
START_TEST(loader_script) {
    static uint8_t script[8192], placed_rsdp[ACPI_RSDP_SIZE];
    struct AcpiConfig c = config();
    c.tables_base = 0;
    ck_assert_int_eq(acpi_build(&c, buf, sizeof buf, &image), 0);
    int n = acpi_loader_script(&image, script, sizeof script);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(n % 128, 0);
    acpi_clear_checksums(&image, buf);
    memcpy(placed_rsdp, image.rsdp, sizeof placed_rsdp);
    unsigned allocated = 0;
    for (const uint8_t *p = script; p < script + n; p += 128) {
        bool rsdp = strcmp((const char *)p + 4, "etc/acpi/rsdp") == 0;
        uint8_t *file = rsdp ? placed_rsdp : buf;
        const uint8_t *arg = p + 60;
        if (!rsdp)
            ck_assert_str_eq((const char *)p + 4, "etc/acpi/tables");
        switch (p[0]) {
        case 1: allocated++; break;
        case 2: {
            ck_assert_str_eq((const char *)p + 60, "etc/acpi/tables");
            uint8_t *at = file + get(p + 116, 4);
            uint64_t value = get(at, p[120]) + BASE;
            for (unsigned i = 0; i < p[120]; i++)
                at[i] = value >> 8 * i;
            break;
        }
        case 3: {
            uint32_t at = get(arg, 4), start = get(arg + 4, 4), size = get(arg + 8, 4);
            file[at] = -sum(file + start, size); /* as OVMF: with what was there before in the sum */
            break;
        }
        default: ck_abort_msg("command %u", p[0]);
        }
    }
    ck_assert_uint_eq(allocated, 2);
    /* now it must be what building it in place gives */
    static uint8_t direct[sizeof buf];
    struct AcpiImage direct_image;
    size_t size = image.size;
    c.tables_base = BASE;
    ck_assert_int_eq(acpi_build(&c, direct, sizeof direct, &direct_image), 0);
    ck_assert_uint_eq(direct_image.size, size);
    ck_assert_mem_eq(direct, buf, size);
    ck_assert_mem_eq(direct_image.rsdp, placed_rsdp, sizeof placed_rsdp);
    ck_assert_int_eq(acpi_loader_script(&image, script, 1000), -ENOSPC);
}
END_TEST

Suite *acpi_tables_suite(void) {
    Suite *s = suite_create("acpi_tables");
    TCase *t = tcase_create("acpi_tables");
    tcase_add_test(t, roots);
    tcase_add_test(t, fadt);
    tcase_add_test(t, madt);
    tcase_add_test(t, topology);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, too_small);
    tcase_add_test(t, aml_encodings);
    tcase_add_test(t, optional_devices);
    tcase_add_test(t, link_devices);
    tcase_add_loop_test(t, dsdt_is_well_formed, 0, 4);
    tcase_add_test(t, pvpanic_device);
    tcase_add_test(t, loader_script);
    suite_add_tcase(s, t);
    return s;
}
