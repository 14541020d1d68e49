/* SPDX-License-Identifier: MIT */
/* S3 under each engine: a ROM that puts the machine to sleep and, where CMOS says so, goes on after it. */
#include "machine/acpi/acpi_tables.h"
#include "machine/machine.h"
#include "tests/unit/machine/boot_images.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *engine;
static void on_tcg_lite(void) { engine = "tcg-lite"; }
static void on_kvm(void) { engine = "kvm"; }

/* Words of RAM: what the ROM takes and leaves. */
enum {
    MARK = 0x500,   /* a byte, MARKED before it sleeps */
    ENABLE = 0x502, /* for PM1 enable */
    REG_B = 0x504,  /* for the RTC's register B; the alarm's registers match any time */
    COUNT = 0x506,  /* counts if it does not sleep */
    STATUS = 0x508, /* of PM1, after waking up */
};
enum { MARKED = 0x5a, HOURS_24 = 2, ALARM = 0x20, PM1_BUTTON = 1 << 8, PM1_RTC = 1 << 10, PM1_WAKE = 1 << 15 };

static const uint8_t code[] = {
    0xb0, 0x0f, 0xe6, 0x70, 0xe4,   0x71, 0x50,       /* MOV AL, 0Fh; OUT 70h, AL; IN AL, 71h; PUSH AX */
    0x66, 0xb8, 0x40, 0x0b, 0x00,   0x80,             /* MOV EAX, 80000B40h: PMBA ... */
    0x66, 0xbb, 0x01, 0x06, 0x00,   0x00,             /* MOV EBX, 601h */
    0xe8, 0x5c, 0x00,                                 /* CALL config */
    0x66, 0xb8, 0x80, 0x0b, 0x00,   0x80,             /* MOV EAX, 80000B80h: ... and its enable */
    0xb3, 0x01, 0xe8, 0x51, 0x00,                     /* MOV BL, 1; CALL config */
    0x58, 0x3c, 0xfe, 0x74, 0x34,                     /* POP AX; CMP AL, FEh; JE woken */
    0xba, 0x02, 0x06, 0xa1, 0x02,   0x05, 0xef,       /* MOV DX, 602h; MOV AX, [ENABLE]; OUT DX, AX */
    0xbb, 0xc0, 0xc0, 0xb0, 0x01,   0xe8, 0x4b, 0x00, /* MOV BX, C0C0h; MOV AL, 1; CALL cmos */
    0xb0, 0x03, 0xe8, 0x46, 0x00,                     /* MOV AL, 3; CALL cmos */
    0xb0, 0x05, 0xe8, 0x41, 0x00,                     /* MOV AL, 5; CALL cmos */
    0xb0, 0x0b, 0x8a, 0x1e, 0x04,   0x05,             /* MOV AL, 0Bh; MOV BL, [REG_B] */
    0xe8, 0x38, 0x00,                                 /* CALL cmos */
    0xc6, 0x06, 0x00, 0x05, MARKED,                   /* MOV BYTE [MARK], MARKED */
    0xba, 0x04, 0x06, 0xb8, 0x00,   0x24, 0xef,       /* MOV DX, 604h; MOV AX, 2400h; OUT DX, AX: SLP_EN, S3 */
    0xff, 0x06, 0x06, 0x05, 0xeb,   0xfa,             /* INC WORD [COUNT]; JMP */
    0xba, 0x00, 0x06, 0xed, 0xa3,   0x08, 0x05,       /* woken: MOV DX, 600h; IN AX, DX; MOV [STATUS], AX */
    0xb0, 0x0f, 0xb3, 0x00, 0xe8,   0x18, 0x00,       /* MOV AL, 0Fh; MOV BL, 0; CALL cmos */
    0xa0, 0x00, 0x05, 0xba, 0xf4,   0x00, 0xee,       /* MOV AL, [MARK]; MOV DX, F4h; OUT DX, AL: isa-debug-exit */
    0xf4, 0xeb, 0xfd,                                 /* HLT; JMP */
    0xba, 0xf8, 0x0c, 0x66, 0xef,                     /* config: MOV DX, CF8h; OUT DX, EAX */
    0xba, 0xfc, 0x0c, 0x66, 0x89,   0xd8, 0x66, 0xef, /* MOV DX, CFCh; MOV EAX, EBX; OUT DX, EAX */
    0xc3,                                             /* RET */
    0xe6, 0x70, 0x88, 0xd8, 0xe6,   0x71, 0xc3,       /* cmos: OUT 70h, AL; MOV AL, BL; OUT 71h, AL; RET */
};
static const uint8_t reset_vector[] = {0xea, 0x00, 0x00, 0x00, 0xf0}; /* JMP F000h:0000h */

static Twin86Config config(void) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.accel = engine;
    c.debug_exit = true;
    c.debug_exit_port = 0xf4;
    c.debug_exit_ports = 1;
    return c;
}

static void put_word(Twin86Machine *m, uint16_t at, uint16_t value) {
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    twin86_write_memory(m, at, bytes, sizeof(bytes));
}

static uint16_t word(Twin86Machine *m, uint16_t at) {
    uint8_t bytes[2];
    twin86_read_memory(m, at, bytes, sizeof(bytes));
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* A machine whose ROM sleeps with these in PM1 enable and in the RTC's register B. */
static Twin86Machine *machine(const Twin86Config *c, uint16_t enable, uint8_t reg_b) {
    static uint8_t rom[0x10000];
    Twin86Machine *m = NULL;
    Twin86Guest g = {.bios = "sleep.rom"};
    char why[300] = "";
    memcpy(rom, code, sizeof(code));
    memcpy(rom + 0xfff0, reset_vector, sizeof(reset_vector));
    FILE *f = fopen(g.bios, "wb");
    ck_assert(f != NULL && fwrite(rom, 1, sizeof(rom), f) == sizeof(rom) && fclose(f) == 0);
    ck_assert_msg(twin86_create(&m, c, why, sizeof(why)) == 0, "%s", why);
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    remove(g.bios);
    put_word(m, ENABLE, enable);
    put_word(m, REG_B, reg_b);
    return m;
}

static Twin86Event wait_event(Twin86Machine *m) {
    Twin86Event e = {0};
    ck_assert_int_eq(twin86_wait(m, 60000, &e), 0);
    return e;
}

static void expect_asleep(Twin86Machine *m) {
    for (unsigned i = 0; i < 20000 && !twin86_asleep(m); i++)
        usleep(1000);
    ck_assert(twin86_asleep(m));
    ck_assert(twin86_running(m));
}

/* It came back to the ROM with its RAM, by no reset, and PM1 status says why. */
static void expect_woken(Twin86Machine *m, uint16_t status) {
    Twin86Event e = wait_event(m);
    Twin86Stats s;
    twin86_stats(m, &s);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(e.value, MARKED << 1 | 1);
    ck_assert_uint_eq(s.resets, 0);
    ck_assert_uint_eq(word(m, STATUS), status);
    ck_assert(!twin86_asleep(m));
    twin86_destroy(m);
}

START_TEST(alarm_wakes) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, PM1_RTC, HOURS_24 | ALARM);
    ck_assert_int_eq(twin86_wakeup(m), -EALREADY);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_woken(m, PM1_WAKE | PM1_RTC);
}
END_TEST

START_TEST(alarm_wakes_by_instruction_count) {
    Twin86Config c = config();
    c.icount = true;
    c.rtc_start = 1000000000;
    Twin86Machine *m = machine(&c, PM1_RTC, HOURS_24 | ALARM);
    Twin86Stats s;
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_DEBUG_EXIT);
    twin86_stats(m, &s);
    ck_assert_uint_gt(s.guest_ns, 900000000); /* time went on while nothing was executed */
    ck_assert_uint_lt(s.guest_ns, 1100000000);
    ck_assert_uint_lt(s.instructions, 10000);
    twin86_destroy(m);
}
END_TEST

/* It sleeps through an alarm that RTC_EN does not let through, and through a pause; nothing is executed meanwhile. */
START_TEST(sleeps_until_woken) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, 0, HOURS_24 | ALARM);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    twin86_pause(m);
    uint16_t count = word(m, COUNT);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    usleep(1200000);
    ck_assert(twin86_asleep(m));
    twin86_pause(m);
    ck_assert_uint_eq(word(m, COUNT), count);
    ck_assert_uint_eq(word(m, STATUS), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(twin86_wakeup(m), 0);
    expect_woken(m, PM1_WAKE | PM1_BUTTON | PM1_RTC);
}
END_TEST

START_TEST(button_wakes) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, 0, HOURS_24);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    twin86_power_button(m);
    expect_woken(m, PM1_WAKE | PM1_BUTTON);
}
END_TEST

/* Woken while it is paused: that is seen when it runs. */
START_TEST(woken_while_paused) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, 0, HOURS_24);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    twin86_pause(m);
    ck_assert_int_eq(twin86_wakeup(m), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_woken(m, PM1_WAKE | PM1_BUTTON);
}
END_TEST

/* Firmware sets these up when it starts a machine alone, and systems rely on them: shadow RAM, IDE's channels. */
START_TEST(chipset_stays_set_up) {
    static const struct {
        unsigned devfn, offset, size;
        uint32_t value;
    } set_up[] = {{0, 0x5a, 2, 0x3311}, /* but not where this ROM is */
                  {0, 0x5c, 4, 0x13113322},
                  {PIIX3_IDE_DEVFN, 0x40, 4, 0x8000a307},
                  {PIIX3_IDE_DEVFN, 0x44, 1, 0x0b}};
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, 0, HOURS_24);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    twin86_pause(m);
    for (unsigned i = 0; i < sizeof(set_up) / sizeof(set_up[0]); i++)
        pci_config_write(&machine_of(m)->pci, 0, set_up[i].devfn, set_up[i].offset, set_up[i].value, set_up[i].size);
    ck_assert_int_eq(twin86_wakeup(m), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_int_eq(wait_event(m).kind, TWIN86_EVENT_DEBUG_EXIT);
    for (unsigned i = 0; i < sizeof(set_up) / sizeof(set_up[0]); i++)
        ck_assert_uint_eq(pci_config_read(&machine_of(m)->pci, 0, set_up[i].devfn, set_up[i].offset, set_up[i].size),
                          set_up[i].value);
    twin86_destroy(m);
}
END_TEST

/* The reset button makes it a new start: it sleeps again. */
START_TEST(reset_while_asleep) {
    Twin86Config c = config();
    Twin86Machine *m = machine(&c, 0, HOURS_24);
    Twin86Stats s;
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    rtc_set_cmos(&machine_of(m)->rtc, 0x0f, 0); /* as a firmware's power-on test does it */
    twin86_reset(m);
    for (unsigned i = 0; i < 20000 && (twin86_stats(m, &s), s.resets == 0); i++)
        usleep(1000);
    expect_asleep(m);
    twin86_pause(m);
    twin86_reset(m);
    ck_assert(!twin86_asleep(m));
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.resets, 2);
    twin86_destroy(m);
}
END_TEST

START_TEST(without_s3) {
    Twin86Config c = config();
    c.no_s3 = true;
    Twin86Machine *m = machine(&c, 0, HOURS_24);
    Twin86Event e;
    ck_assert_int_eq(twin86_run(m, 100000, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    ck_assert(!twin86_asleep(m));
    ck_assert_uint_gt(word(m, COUNT), 100);
    twin86_destroy(m);
}
END_TEST

/* Where firmware is skipped the guest goes on at the FACS's waking vector; without one the machine is reset. */
static void sleep_without_firmware(uint32_t vector) {
    /* MOV DX, 604h; MOV AX, 2400h; OUT DX, AX; JMP $ */
    static const uint8_t sleeping[] = {0xba, 0x04, 0x06, 0xb8, 0x00, 0x24, 0xef, 0xeb, 0xfe};
    /* CALL next; next: POP AX; MOV DX, F4h; OUT DX, AL: isa-debug-exit with IP's low byte; HLT */
    static const uint8_t woken[] = {0xe8, 0, 0, 0x58, 0xba, 0xf4, 0x00, 0xee, 0xf4};
    Twin86Config c = config();
    Twin86Machine *m = NULL;
    Twin86Guest g = {.kernel = "sleep.bin"};
    Twin86Stats s;
    char why[300] = "";
    struct Image image = image_multiboot_flat(1 << 20);
    FILE *f = fopen(g.kernel, "wb");
    ck_assert(f != NULL && fwrite(image.data, 1, image.size, f) == image.size && fclose(f) == 0);
    c.ram_size = 16 << 20;
    c.kernel_firmware = TWIN86_KERNEL_FIRMWARE_OFF;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    uint64_t facs = machine_of(m)->boot.acpi_base, rip;
    cpu_reset(machine_cpu(machine_of(m), 0), false); /* back to real mode */
    cpu_state_changed(machine_cpu(machine_of(m), 0));
    twin86_write_memory(m, 0x7c00, sleeping, sizeof(sleeping));
    twin86_write_memory(m, 0x8123, woken, sizeof(woken));
    twin86_write_memory(m, facs + ACPI_FACS_WAKING_VECTOR, &vector, 4);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(m, 0, TWIN86_RIP, 0x7c00), 0);
    ck_assert_int_eq(twin86_start(m, 0), 0);
    expect_asleep(m);
    ck_assert_int_eq(twin86_wakeup(m), 0);
    if (vector == 0x8123) {
        Twin86Event e = wait_event(m);
        ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
        ck_assert_uint_eq(e.value, 6 << 1 | 1);
        ck_assert_int_eq(twin86_read_reg(m, 0, TWIN86_CS, &rip), 0);
        ck_assert_uint_eq(rip, 0x812);
    }
    for (unsigned i = 0; i < 20000 && twin86_asleep(m); i++)
        usleep(1000);
    twin86_pause(m);
    twin86_stats(m, &s);
    ck_assert_uint_eq(s.resets != 0, vector != 0x8123);
    twin86_destroy(m);
    remove(g.kernel);
    free(image.data);
}

START_TEST(without_firmware) {
    sleep_without_firmware(0x8123);
    sleep_without_firmware(0);
    sleep_without_firmware(0x100000);
}
END_TEST

static void add_each_engine(TCase *t) {
    tcase_set_timeout(t, 120);
    tcase_add_test(t, alarm_wakes);
    tcase_add_test(t, sleeps_until_woken);
    tcase_add_test(t, button_wakes);
    tcase_add_test(t, woken_while_paused);
    tcase_add_test(t, chipset_stays_set_up);
    tcase_add_test(t, reset_while_asleep);
    tcase_add_test(t, without_firmware);
}

static void add_kvm(Suite *s) {
    enum { TESTS = 7 };
    const struct AccelOps *kvm = accel_find("kvm");
    char why[200] = "built without kvm";
    if (kvm == NULL || kvm->probe(why, sizeof(why)) != 0) {
        suite_skip("sleep under kvm", TESTS, why);
        return;
    }
    TCase *t = tcase_create("kvm");
    tcase_add_checked_fixture(t, on_kvm, NULL);
    add_each_engine(t);
    suite_add_tcase(s, t);
}

Suite *sleep_suite(void) {
    Suite *s = suite_create("sleep");
    TCase *t = tcase_create("tcg-lite");
    tcase_add_checked_fixture(t, on_tcg_lite, NULL);
    add_each_engine(t);
    tcase_add_test(t, alarm_wakes_by_instruction_count);
    tcase_add_test(t, without_s3);
    suite_add_tcase(s, t);
    add_kvm(s);
    return s;
}
