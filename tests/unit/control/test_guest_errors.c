/* SPDX-License-Identifier: MIT */
/* What a guest does wrong with devices, and the line that -d guest_errors has for it. */
#include "machine/machine.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char lines[4096];

static void collect(void *opaque, const uint8_t *data, size_t size) {
    size_t used = strlen(lines);
    (void)opaque;
    if (size < sizeof(lines) - used)
        memcpy(lines + used, data, size);
}

static Twin86Machine *machine;
static struct Machine *m;

static void setup(void) {
    Twin86Config c;
    char why[300] = "";
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.icount = true;
    c.pvpanic = true;
    c.trace = "guest_errors";
    c.trace_output = collect;
    ck_assert_msg(twin86_create(&machine, &c, why, sizeof(why)) == 0, "%s", why);
    m = machine_of(machine);
    ck_assert_int_eq(twin86_load(machine, &(Twin86Guest){0}, why, sizeof(why)), 0);
    piix4_pm_set_base(&m->piix4_pm, MACHINE_PM_BASE); /* as the guest will */
    memset(lines, 0, sizeof(lines));
}

static void teardown(void) { twin86_destroy(machine); }

/* Accesses, separated by spaces: "43=d1" a byte to a port, "cf8=80000000l" a long, "43?" a read of a byte,
 * "@a0000?w" memory. */
static void poke(const char *at) {
    while (*at != '\0') {
        bool memory = *at == '@';
        char *end;
        uint64_t address = strtoul(at + memory, &end, 16), value = 0;
        bool write = *end == '=';
        ck_assert_msg(write || *end == '?', "%s", at);
        if (write)
            value = strtoul(end + 1, &end, 16);
        else
            end++;
        unsigned size = *end == 'l' ? 4 : *end == 'w' ? 2 : 1;
        if (memory && write)
            bus_write_uint(m->bus, address, value, size);
        else if (memory)
            bus_read_uint(m->bus, address, size);
        else if (write)
            bus_port_write(m->bus, (uint16_t)address, (uint32_t)value, size);
        else
            bus_port_read(m->bus, (uint16_t)address, size);
        at = end + (size > 1);
        at += strspn(at, " ");
    }
}

static const struct {
    const char *pokes, *line;
} wrong[] = {
    {"1234=1", "write to unassigned port 1234h, size 1"},
    {"1234?w", "read of unassigned port 1234h, size 2"},
    {"@d0000000=1l", "write to unassigned memory d0000000h, size 4"},
    {"@d0000000?", "read of unassigned memory d0000000h, size 1"},
    {"@fffffff0=1", "write to ROM fffffff0h, size 1"},
    {"@a1234?", "display adapter: there is none; read at a1234h"},
    {"@b7ffe=720w", "display adapter: there is none; write at b7ffeh"},
    {"20=19", "PIC: level-triggered mode is the ELCR's here, ICW1 19h"},
    {"20=11 20=20", "PIC: command in the middle of initialization 20h"},
    {"20=20", "PIC: EOI with nothing in service 20h"},
    {"a0=63", "PIC: EOI with nothing in service 63h"},
    {"20=11 21=20 21=4 21=0", "PIC: ICW4 for another processor, or with reserved bits, 0h"},
    {"4d0=ff", "PIC: ELCR: these lines are always edge-triggered, 7h"},
    {"43?", "PIT: read of the control word, which is write-only, port 43h"},
    {"43=c3", "PIT: read-back command with its reserved bit c3h"},
    {"43=b6 42=1 42=0", "PIT: count 1 is illegal in mode 3h"},
    {"43=b1 42=0 42=a0", "PIT: a BCD count with other digits a000h"},
    {"70=c 71=0", "RTC: write to a read-only register, ch"},
    {"70=a 71=6", "RTC: divider for another crystal, register A 6h"},
    {"70=b 71=82 70=8 71=13", "RTC: no such time or date: register << 8 | value is 813h"},
    {"70=b 71=82 70=0 71=5a", "RTC: no such time or date: register << 8 | value is 5ah"},
    {"70=b 71=86 70=4 71=18", "RTC: no such time or date: register << 8 | value is 418h"},
    {"3fe=1", "UART: write to a read-only register, 6h"},
    {"3fd=1", "UART: write to a read-only register, 5h"},
    {"3f9=81", "UART: reserved bits of the interrupt enable register, 80h"},
    {"3fc=4b", "UART: reserved bits of the modem control register, 40h"},
    {"3fb=83 3f8=0 3f9=0 3fb=3", "UART: divisor 0h"},
    {"8=1", "DMA: memory-to-memory transfers are not there, command 1h"},
    {"d2=6", "DMA: software request: nothing is there to transfer, channel 6h"},
    {"b?", "DMA: read of a write-only register, chip << 4 | register is bh"},
    {"d4?", "DMA: read of a write-only register, chip << 4 | register is 1ah"},
    {"604=2c01w", "ACPI: there is no sleep type 3h"},
    {"602=80w", "ACPI: reserved bits of PM1 enable, 80h"},
    {"608=0l", "ACPI: write to the timer, which is read-only, 0h"},
    {"cf9=80", "reset control: reserved bits, 80h"},
    {"cf8=0l cfc?l", "PCI: data without an address in CF8h, port cfch"},
    {"cf8=0l cfe=1w", "PCI: data without an address in CF8h, port cfeh"},
    {"cf8=81000000l", "PCI: reserved bits in the configuration address 81000000h"},
    {"cf8=80w", "PCI: the address register takes double words only, port cf8h"},
    {"@fed00030=1l", "HPET: write of no register, offset 30h"},
    {"@fed00030?l", "HPET: read of no register, offset 30h"},
    {"@fed00100=200l", "HPET: a timer can't reach I/O APIC input 1h"},
    {"@fec00050=1l", "I/O APIC: write of no register, offset 50h"},
    {"@fec00000=99l @fec00010=0l", "I/O APIC: write of no register, number 99h"},
    {"64=c5", "i8042: unknown command c5h"},
    {"60=e7", "i8042: the keyboard does not know e7h"},
    {"60=f0 60=3", "i8042: the keyboard does not know 3h"},
    {"510=0w 511=1", "fw_cfg: write of no register or of a wrong size, port offset 1h"},
    {"505=4", "pvpanic: unknown event 4h"},
    {"505=1", "pvpanic: the guest's kernel has panicked, event 1h"},
    {"505=2", "pvpanic: the guest's kernel has panicked, event 2h"},
};

START_TEST(wrong_accesses) {
    char want[200];
    snprintf(want, sizeof(want), "guest_error: %s\n", wrong[_i].line);
    poke(wrong[_i].pokes);
    ck_assert_msg(strcmp(lines, want) == 0, "'%s' gave\n%swanted\n%s", wrong[_i].pokes, lines, want);
}
END_TEST

/* As drivers use them: no line. */
static const char *const right[] = {
    "20=11 21=20 21=4 21=1 a0=11 a1=28 a1=2 a1=1 21=fb a1=ff 20=b 20? 21? 4d0=20 4d1=c 4d0?w",
    "43=34 40=9c 40=2e 40? 40? 43=0 40? 40? 43=e2 40? 43=b6 42=2 42=0 61=1 61? 43=35 40=99 40=99",
    "70=b 71=2 70=0 71? 70=8 71=12 70=4 71=23 70=1 71=ff 70=3 71=c0 70=a 71=26 70=c 71? 70=32 71=20 70=5f 71=ff",
    "70=b 71=0 70=4 71=92",
    "3fb=83 3f8=1 3f9=0 3fb=3 3f9=f 3fc=b 3fa=c7 3fa? 3fd? 3fe? 3f8? 3f8=41 3ff=5a",
    "d=0 c=0 4=0 4=10 5=ff 5=1 b=58 a=2 81=12 8? d? f? d0? da? c4? 80=aa",
    "600?w 602=100w 604?w 608?l 60c=ffffl cf9=6 cf9=e",
    "cf8=80000000l cfc?l cff? cf8=8000080al cfe?w cf8=0l cf8?l",
    "@fed00000?l @fed00010=3l @fed000f0?l @fed00100=2804l @fed00108=1000l @fed00020=1l @fed00100=0l",
    "@fec00000=1l @fec00010?l @fec00000=10l @fec00010=10000l",
    "64? 60? 64=20 60? 64=60 60=47 60=f4 60? 60=ed 60=2 60=f0 60=2 60=ff 60? 60? 64=ae 92? 92=2",
    "510=0w 511? 505? 505=0",
    "@1000=12345678l @1000?l @fffffff0?l",
};

START_TEST(right_accesses) {
    poke(right[_i]);
    ck_assert_msg(lines[0] == '\0', "'%s' gave\n%s", right[_i], lines);
}
END_TEST

Suite *guest_errors_suite(void) {
    Suite *s = suite_create("guest_errors");
    TCase *tc = tcase_create("guest_errors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, wrong_accesses, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_loop_test(tc, right_accesses, 0, sizeof(right) / sizeof(right[0]));
    suite_add_tcase(s, tc);
    return s;
}
