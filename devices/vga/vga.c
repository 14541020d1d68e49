/* SPDX-License-Identifier: MIT */
/* The card as a whole: made, mapped, reset, saved. See vga.h. */
#include "devices/vga/vga_internal.h"

#include <errno.h>
#include <string.h>

enum { VENDOR = 0x1234, DEVICE = 0x1111, REVISION = 2, CLASS_VGA = 0x030000 };
enum { QEMU_SUBSYSTEM_VENDOR = 0x1af4, QEMU_SUBSYSTEM = 0x1100 };
enum { BAR_MEMORY = 0, BAR_REGISTERS = 2, REGISTERS_SIZE = 4096 };
enum { WINDOW = 0xa0000, WINDOW_SIZE = 0x20000, FIRST_PORT = 0x3b0, PORTS = 0x30 };
enum { DISPI_PORT = 0x1ce, DISPI_PORTS = 3, X_DEFAULT = 1280, Y_DEFAULT = 800 };

static int init_regions(struct Vga *v) {
    int r = region_init_ram(&v->memory, "vga memory", (uint64_t)v->config.memory_mib << 20);
    if (r != 0)
        return r;
    region_init_mmio(&v->registers, "vga registers", REGISTERS_SIZE, &vga_register_ops, v);
    region_init_mmio(&v->window, "vga window", WINDOW_SIZE, &vga_window_ops, v);
    v->plain = v->memory;
    v->plain.name = "vga memory at A0000h";
    return 0;
}

int vga_init(struct Vga *v, struct Clock *clock, const struct VgaConfig *config) {
    uint32_t mib = config->memory_mib;
    memset(v, 0, sizeof(*v));
    if (mib < VGA_MEMORY_LEAST || mib > VGA_MEMORY_MOST || (mib & (mib - 1)) != 0)
        return -EINVAL;
    v->config = *config;
    v->clock = clock;
    int r = init_regions(v);
    if (r != 0)
        return r;
    vga_make_edid(v->edid, config->x_pref != 0 ? config->x_pref : X_DEFAULT,
                  config->y_pref != 0 ? config->y_pref : Y_DEFAULT);
    pci_device_init(&v->pci, &v->state.pci, "VGA", VENDOR, DEVICE, CLASS_VGA, REVISION);
    pci_device_set_subsystem(&v->pci, QEMU_SUBSYSTEM_VENDOR, QEMU_SUBSYSTEM);
    if ((r = pci_device_add_bar(&v->pci, BAR_MEMORY, &v->memory, PCI_BAR_PREFETCH)) == 0)
        r = pci_device_add_bar(&v->pci, BAR_REGISTERS, &v->registers, 0);
    vga_reset(v);
    return r;
}

void vga_destroy(struct Vga *v) {
    if (vga_exists(v))
        region_destroy(&v->memory);
}

int vga_map(struct Vga *v, struct Bus *bus) {
    v->bus = bus;
    int r = bus_map(bus, WINDOW, &v->window);
    if (r == 0)
        r = bus_map_ports(bus, FIRST_PORT, PORTS, "vga", &vga_port_ops, v);
    return r != 0 ? r : bus_map_ports(bus, DISPI_PORT, DISPI_PORTS, "vga-dispi", &vga_dispi_port_ops, v);
}

void vga_reset(struct Vga *v) {
    struct PciDeviceState pci = v->state.pci;
    memset(&v->state, 0, sizeof(v->state));
    v->state.pci = pci;
    v->state.pel_mask = 0xff;
    vga_dispi_reset(v);
    v->changes++;
    vga_memory_mode_changed(v);
}

void vga_restored(struct Vga *v) {
    vga_ports_restored(&v->state);
    vga_dispi_fit(v);
    v->changes++;
    vga_memory_mode_changed(v);
}

/* The compiler has no array of arrays for STATE_ARRAY. */
#define DAC_FIELD                                                                                                      \
    {.name = "dac",                                                                                                    \
     .offset = offsetof(struct VgaState, dac),                                                                         \
     .count = VGA_DAC_ENTRIES * 3,                                                                                     \
     .size = 1,                                                                                                        \
     .kind = STATE_UNSIGNED}

const struct StateTable vga_state_table = {
    .name = "vga",
    .size = sizeof(struct VgaState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VgaState, pci, &pci_device_state_table),
            STATE_FIELD(VgaState, misc),
            STATE_FIELD(VgaState, feature),
            STATE_FIELD(VgaState, seq_index),
            STATE_ARRAY(VgaState, seq),
            STATE_FIELD(VgaState, crt_index),
            STATE_ARRAY(VgaState, crt),
            STATE_FIELD(VgaState, gfx_index),
            STATE_ARRAY(VgaState, gfx),
            STATE_FIELD(VgaState, attr_index),
            STATE_ARRAY(VgaState, attr),
            STATE_FIELD(VgaState, attr_data),
            STATE_FIELD(VgaState, latch),
            STATE_FIELD(VgaState, pel_mask),
            STATE_FIELD(VgaState, dac_state),
            STATE_FIELD(VgaState, dac_write),
            STATE_FIELD(VgaState, dac_read),
            STATE_FIELD(VgaState, dac_part, .max = 2),
            STATE_ARRAY(VgaState, dac_new),
            DAC_FIELD,
            STATE_FIELD(VgaState, dispi_low),
            STATE_PADDING(VgaState, unused),
            STATE_FIELD(VgaState, dispi_index),
            STATE_ARRAY(VgaState, dispi),
            {0},
        },
};
