/* SPDX-License-Identifier: MIT */
/* What a machine's configuration brings into fw_cfg, CMOS, flash and low memory; and what of it is refused. */
#include "include/twin86.h"
#include "machine/machine.h"
#include "tests/unit/machine/boot_images.h"
#include "tests/unit/suites.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Twin86Config config(void) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 16 << 20;
    return c;
}

static Twin86Machine *make(const Twin86Config *c) {
    Twin86Machine *m = NULL;
    char why[300] = "";
    ck_assert_msg(twin86_create(&m, c, why, sizeof(why)) == 0, "%s", why);
    return m;
}

static void refused(const Twin86Config *c, const char *part) {
    Twin86Machine *m = NULL;
    char why[400] = "";
    ck_assert_int_lt(twin86_create(&m, c, why, sizeof(why)), 0);
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" lacks \"%s\"", why, part);
    ck_assert_ptr_null(strchr(why, '\n'));
}

static void write_file(const char *name, const void *data, size_t size) {
    FILE *f = fopen(name, "wb");
    ck_assert(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static void file_is(Twin86Machine *t, const char *name, const void *data, size_t size) {
    uint32_t n = 0;
    const uint8_t *p = fw_cfg_file(&machine_of(t)->fw_cfg, name, &n);
    ck_assert_msg(p != NULL, "no %s", name);
    ck_assert_uint_eq(n, size);
    ck_assert_mem_eq(p, data, size);
}

START_TEST(items) {
    static const char *const list[] = {"name=opt/a,string=one,,two", "opt/b,file=fw_items.tmp", NULL};
    Twin86Config c = config();
    write_file("fw_items.tmp", "\0\1\2", 3);
    c.fw_cfg = list;
    Twin86Machine *m = make(&c);
    file_is(m, "opt/a", "one,two", 7);
    file_is(m, "opt/b", "\0\1\2", 3);
    file_is(m, "etc/boot-fail-wait", "\xff\xff\xff\xff", 4);
    file_is(m, "etc/system-states", "\x80\0\0\x81\x82\x80", 6);
    ck_assert_ptr_null(fw_cfg_file(&machine_of(m)->fw_cfg, "bootorder", NULL));
    ck_assert_ptr_null(fw_cfg_file(&machine_of(m)->fw_cfg, "etc/boot-menu-wait", NULL));
    twin86_destroy(m);
    remove("fw_items.tmp");
}
END_TEST

START_TEST(wrong_items) {
    static const struct {
        const char *item, *why;
    } wrong[] = {
        {"opt/a", "one of file=PATH and string=TEXT"},
        {"opt/a,file=x,string=y", "one of file=PATH and string=TEXT"},
        {"string=y", "one of file=PATH and string=TEXT"},
        {"opt/a,gen_id=x", "'gen_id' is not known"},
        {"opt/a,file=/nonexistent", "/nonexistent: No such file"},
        {"opt/a,file=/", "Is a directory"},
        {"etc/e820,string=x", "there is an item 'etc/e820' already"},
        {"opt/0123456789012345678901234567890123456789012345678901234567890,string=x", "is no name"},
        {"name=,string=x", "is no name"},
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const list[] = {wrong[i].item, NULL};
        Twin86Config c = config();
        c.fw_cfg = list;
        refused(&c, wrong[i].why);
    }
    char names[70][32];
    const char *many[71] = {0};
    for (unsigned i = 0; i < 70; i++) {
        snprintf(names[i], sizeof(names[i]), "opt/%u,string=x", i);
        many[i] = names[i];
    }
    Twin86Config c = config();
    c.fw_cfg = many;
    refused(&c, "items are the most");
}
END_TEST

static uint8_t cmos(Twin86Machine *m, unsigned i) { return rtc_get_cmos(&machine_of(m)->rtc, i); }

START_TEST(boot_order) {
    Twin86Config c = config();
    Twin86Machine *m = make(&c);
    ck_assert_uint_eq(cmos(m, 0x3d), 0x12); /* disk, floppy, CD */
    ck_assert_uint_eq(cmos(m, 0x38), 0x30);
    twin86_destroy(m);
    c.boot = "dn,menu=on,splash-time=1500,reboot-timeout=70,strict=on,once=c";
    m = make(&c);
    ck_assert_uint_eq(cmos(m, 0x3d), 0x02); /* once: the disk alone */
    ck_assert_uint_eq(cmos(m, 0x38), 0x00);
    file_is(m, "etc/boot-menu-wait", "\xdc\5", 2);
    file_is(m, "etc/boot-fail-wait", "\x46\0\0\0", 4);
    file_is(m, "bootorder", "HALT", 5);
    ck_assert_uint_eq(machine_of(m)->fw_cfg.item[FW_CFG_BOOT_MENU].data[0], 1);
    /* it has run, and is reset */
    Twin86Event e;
    const uint8_t loop[] = {0xeb, 0xfe};
    twin86_write_memory(m, 0x7c00, loop, sizeof(loop));
    twin86_write_reg(m, 0, TWIN86_CS, 0);
    twin86_write_reg(m, 0, TWIN86_RIP, 0x7c00);
    ck_assert_int_eq(twin86_run(m, 1000, &e), 0);
    twin86_reset(m);
    ck_assert_uint_eq(cmos(m, 0x3d), 0x43);
    twin86_destroy(m);
}
END_TEST

START_TEST(wrong_boot_options) {
    static const struct {
        const char *boot, *why;
    } wrong[] = {
        {"x", "-boot: order=x is not right"},  {"cc", "order=cc is not right"},
        {"cdna", "order=cdna is not right"},   {"order=", "order= is not right"},
        {"once=e", "once=e is not right"},     {"menu=maybe", "on or off"},
        {"menu", "order=menu is not right"},   {"c,menu", "'menu' is not known"},
        {"splash-time=65536", "0 to 65535"},   {"reboot-timeout=-2", "0 to 65535"},
        {"splash=x.bmp", "there is none yet"}, {"colour=red", "'colour' is not known"},
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Twin86Config c = config();
        c.boot = wrong[i].boot;
        refused(&c, wrong[i].why);
    }
}
END_TEST

START_TEST(option_roms) {
    static const char *const list[] = {"fw_items.rom,bootindex=3", "./fw_items2.rom,bootindex=1", NULL};
    static const char *const twice[] = {"fw_items.rom,bootindex=3", "fw_items2.rom,bootindex=3", NULL};
    static const char *const same[] = {"fw_items.rom", "./fw_items.rom", NULL};
    static const char *const none[] = {"fw_items.bad", NULL}, *const nowhere[] = {"nonexistent.rom", NULL};
    uint8_t rom[1024] = {0x55, 0xaa, 2};
    Twin86Config c = config();
    write_file("fw_items.rom", rom, sizeof(rom));
    write_file("fw_items2.rom", rom, sizeof(rom));
    rom[2] = 3; /* longer than the file */
    write_file("fw_items.bad", rom, sizeof(rom));
    rom[2] = 2;
    c.option_roms = list;
    Twin86Machine *m = make(&c);
    file_is(m, "genroms/fw_items.rom", rom, sizeof(rom));
    static const char order[] = "/rom@genroms/fw_items2.rom\n/rom@genroms/fw_items.rom";
    file_is(m, "bootorder", order, sizeof(order));
    twin86_destroy(m);
    c.option_roms = twice;
    refused(&c, "bootindex=3 is taken");
    c.option_roms = same;
    refused(&c, "already");
    c.option_roms = none;
    refused(&c, "is no option ROM");
    c.option_roms = nowhere;
    refused(&c, "nonexistent.rom: there is no such firmware");
    remove("fw_items.rom"), remove("fw_items2.rom"), remove("fw_items.bad");
}
END_TEST

static uint8_t memory(Twin86Machine *m, uint64_t at) {
    uint8_t v = 0;
    bus_read(machine_of(m)->bus, at, &v, 1);
    return v;
}

START_TEST(flash_files) {
    enum { CODE = 0x30000, VARS = 0x2000 };
    uint8_t *code = calloc(1, CODE), vars[VARS] = {0x5a}, got[2] = {0};
    code[0] = 0x11, code[CODE - 1] = 0x22, code[CODE - 0x20000] = 0x33;
    write_file("fw_code.tmp", code, CODE);
    write_file("fw_vars.tmp", vars, VARS);
    Twin86Config c = config();
    c.flash[0] = (Twin86Flash){"fw_code.tmp", true};
    c.flash[1] = (Twin86Flash){"fw_vars.tmp", false};
    Twin86Machine *m = make(&c);
    char why[300];
    Twin86Guest guest = {0};
    ck_assert_msg(twin86_load(m, &guest, why, sizeof(why)) == 0, "%s", why);
    ck_assert_uint_eq(memory(m, 0x100000000 - CODE), 0x11);
    ck_assert_uint_eq(memory(m, 0xffffffff), 0x22);
    ck_assert_uint_eq(memory(m, 0xe0000), 0x33); /* while shadow RAM is off */
    ck_assert_uint_eq(memory(m, 0xfffff), 0x22);
    ck_assert_uint_eq(memory(m, 0x100000000 - CODE - VARS), 0x5a);
    struct Bus *bus = machine_of(m)->bus;
    bus_write(bus, 0x100000000 - CODE - VARS, "\x40\x12\xff", 1);
    bus_write(bus, 0x100000000 - CODE - VARS, "\x12", 1);
    refused(&c, "is in use by another machine");
    guest.bios = "x";
    ck_assert_int_eq(twin86_load(m, &guest, why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "the firmware in the flash chip is what starts"));
    int fd = open("fw_vars.tmp", O_RDONLY); /* it is there at once */
    ck_assert_int_eq(pread(fd, got, 2, 0), 2);
    close(fd);
    ck_assert_uint_eq(got[0], 0x5a & 0x12);
    twin86_destroy(m);

    c.flash[1].readonly = true; /* many may read */
    m = make(&c);
    Twin86Machine *other = make(&c);
    twin86_destroy(other);
    twin86_destroy(m);
    c.flash[0].file = NULL;
    refused(&c, "there is no first");
    c.flash[0].file = "/nonexistent/x";
    refused(&c, "/nonexistent/x: can't open");
    write_file("fw_code.tmp", code, 100);
    c.flash[0].file = "fw_code.tmp";
    refused(&c, "a multiple of 4 KiB");
    remove("fw_code.tmp"), remove("fw_vars.tmp");
    free(code);
}
END_TEST

/* A kernel that starts without firmware finds what it leaves behind. */
START_TEST(bios_state) {
    Twin86Config c = config();
    static const char *const serials[] = {"null", "none", "null", "null", NULL};
    static const char *const devices[] = {"isa-serial,index=1,iobase=0x300,chardev=c", NULL};
    static const char *const chardevs[] = {"null,id=c", NULL};
    c.kernel_firmware = TWIN86_KERNEL_FIRMWARE_OFF;
    c.serials = serials;
    c.devices = devices; /* not where firmware looks */
    c.chardevs = chardevs;
    Twin86Machine *m = make(&c);
    struct Image k = image_elf(false, true, false, 1 << 20, 1 << 20);
    Twin86Guest guest = {.kernel = "fw_kernel.tmp"};
    char why[300];
    write_file(guest.kernel, k.data, k.size);
    ck_assert_msg(twin86_load(m, &guest, why, sizeof(why)) == 0, "%s", why);
    struct Bus *bus = machine_of(m)->bus;
    for (unsigned i = 0; i < 256; i++)
        ck_assert_uint_eq(bus_read_uint(bus, 4 * i, 4), 0xf000ff53);
    ck_assert_uint_eq(memory(m, 0xfff53), 0xcf);
    ck_assert_uint_eq(bus_read_uint(bus, 0x400, 2), 0x3f8);
    ck_assert_uint_eq(bus_read_uint(bus, 0x402, 2), 0x3e8);
    ck_assert_uint_eq(bus_read_uint(bus, 0x404, 2), 0x2e8);
    ck_assert_uint_eq(bus_read_uint(bus, 0x406, 2), 0);
    ck_assert_uint_eq(bus_read_uint(bus, 0x47c, 4), 0x010101);
    ck_assert_uint_eq(bus_read_uint(bus, 0x40e, 2), 0x9fc0);
    ck_assert_uint_eq(bus_read_uint(bus, 0x410, 2), 0x606);
    ck_assert_uint_eq(bus_read_uint(bus, 0x413, 2), 639);
    ck_assert_uint_eq(memory(m, 0x9fc00), 1);
    ck_assert_uint_eq(bus_port_read(bus, 0x21, 1), 0xf8);
    ck_assert_uint_eq(bus_port_read(bus, 0xa1, 1), 0xee);
    ck_assert_uint_eq(bus_read_uint(bus, 0xf0000, 4), 0x5f4d535f); /* SMBIOS */
    ck_assert_uint_eq(bus_read_uint(bus, 0xe0000, 4), 0x20445352); /* ACPI */
    remove(guest.kernel);
    free(k.data);
    twin86_destroy(m);
}
END_TEST

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n--)
        s += *p++;
    return s;
}

/* What firmware is offered of a kernel, and that it is taken back with it. */
START_TEST(offered_kernel) {
    static const char *const rom_list[] = {"fw_rom.tmp,bootindex=1", NULL};
    static const char first[] = "/rom@genroms/kernel.rom\n/rom@genroms/fw_rom.tmp";
    Twin86Config c = config();
    struct Image k = image_elf(false, true, false, 1 << 20, 1 << 20), bios = image_firmware();
    uint8_t option[512] = {0x55, 0xaa, 1};
    char why[300];
    uint32_t n = 0;
    write_file("fw_rom.tmp", option, sizeof(option));
    write_file("fw_kernel.tmp", k.data, k.size);
    write_file("fw_bios.tmp", bios.data, bios.size);
    c.option_roms = rom_list;
    Twin86Machine *m = make(&c);
    struct FwCfg *f = &machine_of(m)->fw_cfg;
    unsigned files = f->files;
    Twin86Guest guest = {.kernel = "fw_kernel.tmp", .append = "a b", .bios = "fw_bios.tmp"};
    for (unsigned i = 0; i < 2; i++) { /* again: nothing is left of the first time */
        ck_assert_msg(twin86_load(m, &guest, why, sizeof(why)) == 0, "%s", why);
        ck_assert_uint_eq(f->files, files + 1);
        file_is(m, "bootorder", first, sizeof(first));
        const uint8_t *rom = fw_cfg_file(f, "genroms/kernel.rom", &n);
        ck_assert_uint_eq(rom[2] * 512u, n);
        ck_assert_uint_eq(sum(rom, n), 0);
        ck_assert_uint_eq(sum(rom + rom[0x1a], 32), 0);
        ck_assert_str_eq((const char *)f->item[FW_CFG_CMDLINE_DATA].data, "a b");
        ck_assert_uint_eq(f->item[FW_CFG_KERNEL_DATA].size, k.size);
        ck_assert_uint_eq(bus_read_uint(machine_of(m)->bus, 1 << 20, 4), 0); /* RAM is the firmware's */
        ck_assert_uint_eq(machine_cpu(machine_of(m), 0)->env.rip, 0xfff0);
    }
    guest = (Twin86Guest){.bios = "fw_bios.tmp"};
    ck_assert_msg(twin86_load(m, &guest, why, sizeof(why)) == 0, "%s", why);
    ck_assert_uint_eq(f->files, files);
    file_is(m, "bootorder", "/rom@genroms/fw_rom.tmp", 24);
    ck_assert_uint_eq(f->item[FW_CFG_KERNEL_DATA].size, 0);
    twin86_destroy(m);
    remove("fw_rom.tmp"), remove("fw_kernel.tmp"), remove("fw_bios.tmp");
    free(k.data);
    free(bios.data);
}
END_TEST

Suite *fw_items_suite(void) {
    Suite *s = suite_create("fw_items");
    TCase *t = tcase_create("fw_items");
    tcase_add_test(t, items);
    tcase_add_test(t, wrong_items);
    tcase_add_test(t, boot_order);
    tcase_add_test(t, wrong_boot_options);
    tcase_add_test(t, option_roms);
    tcase_add_test(t, flash_files);
    tcase_add_test(t, bios_state);
    tcase_add_test(t, offered_kernel);
    suite_add_tcase(s, t);
    return s;
}
