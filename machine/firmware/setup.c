/* SPDX-License-Identifier: MIT */
/* What firmware finds: fw_cfg's items, the order to boot in, shadow RAM. See firmware.h. */
#include "cpu/topology.h"
#include "machine/firmware/mptable.h"
#include "machine/machine.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- configuration ---- */

static int copy_dirs(struct Firmware *f, const char *const *dirs) {
    size_t count = 0;
    while (dirs != NULL && dirs[count] != NULL)
        count++;
    f->dirs = calloc(count + 1, sizeof(*f->dirs));
    for (size_t i = 0; f->dirs != NULL && i < count; i++)
        if ((f->dirs[i] = strdup(dirs[i])) == NULL)
            return -ENOMEM;
    return f->dirs == NULL ? -ENOMEM : 0;
}

static bool has_any(const char *const *list) { return list != NULL && list[0] != NULL; }

int firmware_configure(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    struct Firmware *f = &m->fw;
    f->boot = (struct BootOptions){.order = "cad", .splash_ms = -1, .retry_ms = -1};
    f->wanted = config->boot != NULL || has_any(config->option_roms) || has_any(config->drives);
    int r = copy_dirs(f, config->firmware_dirs);
    if (r != 0)
        snprintf(why, n, "out of memory");
    if (r == 0 && config->boot != NULL)
        r = boot_options_parse(&f->boot, config->boot, why, n);
    for (const char *const *s = config->smbios; r == 0 && s != NULL && *s != NULL; s++)
        r = smbios_parse(&f->smbios, *s, why, n);
    return r;
}

void firmware_destroy(struct Machine *m) {
    struct Firmware *f = &m->fw;
    for (char **dir = f->dirs; dir != NULL && *dir != NULL; dir++)
        free(*dir);
    free(f->dirs);
    smbios_free(&f->smbios);
    firmware_destroy_flash(m);
    firmware_destroy_pci_roms(m);
    shadow_destroy(&f->shadow);
}

/* ---- shadow RAM ---- */

void firmware_shadow_changed(void *opaque) {
    struct Machine *m = opaque;
    for (unsigned i = 0; m->fw.shadow.bus != NULL && i < SHADOW_SEGMENTS; i++)
        shadow_route(&m->fw.shadow, i, pci_shadow(&m->pci, i));
}

void firmware_show_rom(struct Machine *m) {
    const struct Pflash *flash = &m->fw.flash[0].device;
    if (firmware_in_flash(&m->fw))
        shadow_set_rom(&m->fw.shadow, flash->array.host, flash->size);
    else
        shadow_set_rom(&m->fw.shadow, m->boot.firmware.data, m->boot.firmware.size);
}

/* ---- the order to boot in ---- */

/* CMOS 3Dh has the first two of three devices, 38h the third: 1 floppy, 2 disk, 3 CD, 4 network. What is not in 38h's
 * lower half is whether a floppy's boot sector is looked at before it is started: bit 0 says no. */
static void set_boot_order(struct Machine *m, const char *order) {
    static const char letters[] = "?acdn"; /* by their codes; b is another floppy */
    enum { FIRST_TWO = 0x3d, THIRD = 0x38 };
    uint8_t code[FIRMWARE_BOOT_DEVICES] = {0};
    for (unsigned i = 0; i < FIRMWARE_BOOT_DEVICES && order[i] != '\0'; i++)
        code[i] = order[i] == 'b' ? 1 : (uint8_t)(strchr(letters, order[i]) - letters);
    rtc_set_cmos(&m->rtc, FIRST_TWO, (uint8_t)(code[0] | code[1] << 4));
    rtc_set_cmos(&m->rtc, THIRD, (uint8_t)(code[2] << 4));
}

void firmware_reset(struct Machine *m, bool again) {
    const struct BootOptions *o = &m->fw.boot;
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++)
        if (m->fw.flash[i].device.size != 0)
            pflash_reset(&m->fw.flash[i].device);
    set_boot_order(m, o->once[0] != '\0' && !again ? o->once : o->order);
}

/* ---- SMBIOS ---- */

static struct SmbiosConfig describe(const struct Machine *m, bool no_firmware) {
    uint32_t out[4];
    cpu_cpuid(&machine_cpu(m, 0)->model, machine_cpu(m, 0)->apic_id, 1, 0, out);
    return (struct SmbiosConfig){
        .options = &m->fw.smbios,
        .version = PACKAGE_VERSION,
        .uuid = m->has_uuid ? m->uuid : NULL,
        .cpu_eax = out[0],
        .cpu_edx = out[3],
        .cpu_vendor = machine_cpu(m, 0)->model.vendor == VENDOR_INTEL ? "GenuineIntel" : "AuthenticAMD",
        .cpus = m->cpu_count,
        .topology = machine_topology(m),
        .below_4g = m->layout.below_4g,
        .above_4g = m->layout.above_4g,
        .no_firmware = no_firmware,
    };
}

static int smbios_to_fw_cfg(struct Machine *m) {
    uint8_t anchor[SMBIOS_ANCHOR_SIZE], *buf = malloc(SMBIOS_TABLES_MAX);
    struct SmbiosConfig c = describe(m, false);
    int r = buf == NULL ? -ENOMEM : smbios_build(&c, 0, buf, SMBIOS_TABLES_MAX, anchor);
    if (r > 0)
        r = fw_cfg_add_file(&m->fw_cfg, "etc/smbios/smbios-tables", buf, (uint32_t)r);
    if (r == 0)
        r = fw_cfg_add_file(&m->fw_cfg, "etc/smbios/smbios-anchor", anchor, sizeof(anchor));
    free(buf);
    return r;
}

int machine_smbios_to_ram(struct Machine *m) {
    enum { ANCHOR = 0xf0000, TABLES = 0xf0020, TABLES_END = 0xff000 }; /* where those look who are not told (5.2) */
    uint8_t anchor[SMBIOS_ANCHOR_SIZE], *buf = malloc(TABLES_END - TABLES);
    struct SmbiosConfig c = describe(m, true);
    int r = buf == NULL ? -ENOMEM : smbios_build(&c, TABLES, buf, TABLES_END - TABLES, anchor);
    if (r > 0) {
        bus_write(m->bus, TABLES, buf, (size_t)r);
        bus_write(m->bus, ANCHOR, anchor, sizeof(anchor));
    }
    free(buf);
    return r < 0 ? r : 0;
}

/* ---- Intel's MultiProcessor tables ---- */

int machine_mptable_to_ram(struct Machine *m) {
    enum { TABLES = 0xff000 }; /* behind SMBIOS's, where those look who are not told (chapter 4) */
    uint8_t buf[MPTABLE_MAX];
    uint32_t cpuid[4];
    if (!cpu_has(&machine_cpu(m, 0)->model, CPUID_APIC))
        return 0;
    cpu_cpuid(&machine_cpu(m, 0)->model, machine_cpu(m, 0)->apic_id, 1, 0, cpuid);
    struct MpConfig c = {
        .cpus = m->cpu_count,
        .topology = machine_topology(m),
        .cpu_eax = cpuid[0],
        .cpu_edx = cpuid[3],
        .lapic_base = LAPIC_DEFAULT_BASE,
        .lapic_version = LAPIC_VERSION,
        .ioapic_base = IOAPIC_DEFAULT_BASE,
        .ioapic_version = IOAPIC_VERSION,
        .ioapic_id = MACHINE_IOAPIC_ID,
        .pit_pin = MACHINE_PIT_GSI,
        .pirq_pin = MACHINE_PIRQ_GSI,
    };
    int r = mptable_build(&c, TABLES, buf, sizeof(buf));
    if (r > 0)
        bus_write(m->bus, TABLES, buf, (size_t)r);
    return r < 0 ? r : 0;
}

/* ---- fw_cfg ---- */

/* Sizes, counts, and where RAM lies. */
static int add_machine(struct Machine *m) {
    struct CpuTopology topology = machine_topology(m);
    /* what SeaBIOS takes for the number of processors that there could be is one more than the largest id, as QEMU's */
    uint32_t apic_ids = cpu_topology_apic_id(&topology, m->config.max_cpus - 1) + 1;
    struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) ram[] = {
        {0, m->layout.below_4g, E820_RAM},
        {HIGH_RAM_BASE, m->layout.above_4g, E820_RAM},
    };
    const struct {
        uint16_t key;
        uint8_t size;
        uint64_t value;
    } numbers[] = {
        {FW_CFG_RAM_SIZE, 8, m->layout.below_4g}, {FW_CFG_NOGRAPHIC, 2, 1}, /* so SeaBIOS writes to COM1 and reads keys
                                                                               from there */
        {FW_CFG_NB_CPUS, 2, m->cpu_count},        {FW_CFG_MAX_CPUS, 2, apic_ids}, {FW_CFG_NUMA, 8, 0},
        {FW_CFG_BOOT_MENU, 2, m->fw.boot.menu},   {FW_CFG_IRQ0_OVERRIDE, 1, 1},
    };
    struct FwCfg *f = &m->fw_cfg;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        r = fw_cfg_add_int(f, numbers[i].key, numbers[i].value, numbers[i].size);
    if (r == 0)
        r = fw_cfg_add_bytes(f, FW_CFG_UUID, m->uuid, sizeof(m->uuid)); /* zeroes: it has none */
    return r != 0 ? r : fw_cfg_add_file(f, "etc/e820", ram, m->layout.above_4g != 0 ? sizeof(ram) : sizeof(ram[0]));
}

/* Six bytes, of S0 to S5; bit 7: it is there, the rest is its SLP_TYP. */
static int add_sleep_states(struct Machine *m) {
    const uint8_t there = 0x80, s3 = m->config.no_s3 ? 0 : there, s4 = m->config.no_s4 ? 0 : there;
    const uint8_t states[6] = {there, 0, 0, s3 | ACPI_SLP_TYP_S3, s4 | ACPI_SLP_TYP_S4, there | ACPI_SLP_TYP_S5};
    return fw_cfg_add_file(&m->fw_cfg, "etc/system-states", states, sizeof(states));
}

static int add_boot_options(struct Machine *m) {
    const struct BootOptions *o = &m->fw.boot;
    uint16_t wait = htole16((uint16_t)o->splash_ms);
    uint32_t retry = htole32((uint32_t)o->retry_ms); /* -1: no retries */
    int r = o->splash_ms < 0 ? 0 : fw_cfg_add_file(&m->fw_cfg, "etc/boot-menu-wait", &wait, sizeof(wait));
    return r != 0 ? r : fw_cfg_add_file(&m->fw_cfg, "etc/boot-fail-wait", &retry, sizeof(retry));
}

static int wire_fw_cfg(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    struct FwCfg *f = &m->fw_cfg;
    int r = fw_cfg_init(f, m->bus);
    if (r == 0)
        r = add_machine(m);
    if (r == 0)
        r = machine_acpi_to_fw_cfg(m);
    if (r == 0)
        r = add_sleep_states(m);
    if (r == 0)
        r = add_boot_options(m);
    if (r == 0 && m->config.pvpanic)
        r = fw_cfg_add_file(f, "etc/pvpanic-port", &m->config.pvpanic_port, sizeof(m->config.pvpanic_port));
    if (r == 0 && (r = smbios_to_fw_cfg(m)) == -ENOSPC) {
        snprintf(why, n, "-smbios: the tables are longer than 64 KiB; shorter texts would be right");
        return r;
    }
    if (r == 0)
        r = fw_cfg_map(f, FW_CFG_BASE);
    if (r != 0)
        snprintf(why, n, "fw_cfg: %s", strerror(-r));
    return r != 0 ? r : firmware_add_items(m, config, why, n);
}

int firmware_wire(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = shadow_init(&m->fw.shadow, m->bus, &m->ram);
    if (r != 0) {
        snprintf(why, n, "shadow RAM: %s", strerror(-r));
        return r;
    }
    r = firmware_create_flash(m, config, why, n);
    return r != 0 ? r : wire_fw_cfg(m, config, why, n);
}
