/* SPDX-License-Identifier: MIT */
/* The state hash: SHA-256 over registers, RAM and device states, for tests of repeatability. */
#include "cpu/env_fields.h"
#include "machine/machine.h"

#include <stddef.h>
#include <string.h>

#define PAGE_SIZE 4096

static void put(struct Sha256 *s, uint64_t v) { sha256_update(s, &v, sizeof(v)); }

static void put_env(struct Sha256 *s, const CPUX86State *env) {
    for (unsigned i = 0; i < env_field_count; i++)
        sha256_update(s, env_field_at(env, &env_fields[i]), env_fields[i].size);
}

/* Pages with something in them, each behind its number; pages that were never touched are skipped unread. */
static void put_ram(struct Sha256 *s, const struct Region *ram) {
    static const uint8_t zero[PAGE_SIZE];
    for (uint64_t at = 0, end; region_next_touched(ram, &at, &end); at = end) {
        for (; at < end; at += PAGE_SIZE) {
            if (memcmp(ram->host + at, zero, PAGE_SIZE) == 0)
                continue;
            put(s, at);
            sha256_update(s, ram->host + at, PAGE_SIZE);
        }
    }
}

#define STATE(device, table) {#device, &table, offsetof(struct Machine, device.state), false}
#define VIRTIO(n)                                                                                                      \
    {"virtio" #n, &virtio_pci_state_table, offsetof(struct Machine, storage.virtio[n].pci.state), false}, {            \
        "virtio-blk" #n, &virtio_blk_state_table, offsetof(struct Machine, storage.virtio[n].blk.state), false         \
    }
#define E1000(n) {"e1000" #n, &e1000_state_table, offsetof(struct Machine, net.e1000[n].card.state), false}
#define NIC(n)                                                                                                         \
    {"nic" #n, &virtio_pci_state_table, offsetof(struct Machine, net.virtio[n].pci.state), false}, {                   \
        "virtio-net" #n, &virtio_net_state_table, offsetof(struct Machine, net.virtio[n].net.state), false             \
    }
#define FOLDER(n)                                                                                                      \
    {"virtio-9p" #n, &virtio_pci_state_table, offsetof(struct Machine, virtio.folder[n].pci.state), false}, {          \
        "shared-folder" #n, &virtio_9p_state_table, offsetof(struct Machine, virtio.folder[n].p9.state), false         \
    }
#define INPUT(n)                                                                                                       \
    {"virtio-input" #n, &virtio_pci_state_table, offsetof(struct Machine, virtio.input[n].pci.state), false}, {        \
        "input" #n, &virtio_input_state_table, offsetof(struct Machine, virtio.input[n].input.state), false            \
    }
const struct DeviceState machine_device_states[] = {
    STATE(pic, pic_state_table),
    STATE(pit, pit_state_table),
    STATE(rtc, rtc_state_table),
    {"com1", &uart_state_table, offsetof(struct Machine, com[0].uart.state), false},
    {"com2", &uart_state_table, offsetof(struct Machine, com[1].uart.state), false},
    {"com3", &uart_state_table, offsetof(struct Machine, com[2].uart.state), false},
    {"com4", &uart_state_table, offsetof(struct Machine, com[3].uart.state), false},
    STATE(i8042, i8042_state_table),
    STATE(port92, port92_state_table),
    STATE(dma, dma_state_table),
    STATE(fdc, fdc_state_table),
    {"lapic", &lapic_state_table, offsetof(struct MachineCpu, lapic.state), true},
    STATE(ioapic, ioapic_state_table),
    STATE(hpet, hpet_state_table),
    STATE(acpi_pm, acpi_pm_state_table),
    STATE(pci, pci_state_table),
    STATE(piix4_pm, piix4_pm_state_table),
    STATE(piix3_ide, piix3_ide_state_table),
    {"ide0", &ide_channel_state_table, offsetof(struct Machine, piix3_ide.ide.channel[0].state), false},
    {"ide1", &ide_channel_state_table, offsetof(struct Machine, piix3_ide.ide.channel[1].state), false},
    VIRTIO(0),
    VIRTIO(1),
    VIRTIO(2),
    VIRTIO(3),
    VIRTIO(4),
    VIRTIO(5),
    VIRTIO(6),
    VIRTIO(7),
    NIC(0),
    NIC(1),
    NIC(2),
    NIC(3),
    E1000(0),
    E1000(1),
    E1000(2),
    E1000(3),
    {"virtio-rng", &virtio_pci_state_table, offsetof(struct Machine, virtio.rng.pci.state), false},
    STATE(virtio.rng.rng, virtio_rng_state_table),
    {"virtio-serial", &virtio_pci_state_table, offsetof(struct Machine, virtio.serial.pci.state), false},
    STATE(virtio.serial.serial, virtio_serial_state_table),
    {"virtio-balloon", &virtio_pci_state_table, offsetof(struct Machine, virtio.balloon.pci.state), false},
    STATE(virtio.balloon.balloon, virtio_balloon_state_table),
    INPUT(0),
    INPUT(1),
    INPUT(2),
    FOLDER(0),
    FOLDER(1),
    FOLDER(2),
    FOLDER(3),
    {"vga", &vga_state_table, offsetof(struct Machine, display.vga.state), false},
    STATE(fw_cfg, fw_cfg_state_table),
    {"pflash0", &pflash_state_table, offsetof(struct Machine, fw.flash[0].device.state), false},
    {"pflash1", &pflash_state_table, offsetof(struct Machine, fw.flash[1].device.state), false},
    STATE(testdev, pc_testdev_state_table),
};
#undef STATE
#undef VIRTIO
#undef NIC
#undef E1000
#undef FOLDER
_Static_assert(STORAGE_VIRTIO == 8 && NET_CARDS == 4 && SERIAL_PORTS == 4 && VIRTIO_FOLDERS == 4, "a row for each");
const unsigned machine_device_state_count = sizeof(machine_device_states) / sizeof(machine_device_states[0]);

/* The engine's own interrupt controllers. */
static void put_irqchip(struct Sha256 *s, struct Machine *m) {
    const struct AccelIrqchipOps *ops = m->engine->accel.ops->irqchip;
    uint8_t state[8192];
    sha256_update(s, state, ops->save(&m->engine->accel, state, sizeof(state)));
    for (unsigned i = 0; i < m->cpu_count; i++)
        sha256_update(s, state, ops->save_cpu(machine_cpu(m, i), false, state, sizeof(state)));
}

static void put_cpu(struct Sha256 *s, const struct CPUState *cpu) {
    put_env(s, &cpu->env);
    put(s, cpu->insn_count);
    put(s, cpu->event_count);
    put(s, cpu->halted);
    put(s, cpu->random_count);
}

void machine_hash(struct Machine *m, uint8_t digest[32]) {
    struct Sha256 s;
    sha256_init(&s);
    for (unsigned i = 0; i < m->cpu_count; i++)
        put_cpu(&s, machine_cpu(m, i));
    put(&s, m->config.icount ? (uint64_t)clock_now(m->clock) : 0);
    put_ram(&s, &m->ram);
    if (m->display.plugged)
        put_ram(&s, &m->display.vga.memory);
    for (unsigned i = 0; i < machine_device_state_count; i++)
        for (unsigned cpu = 0; cpu < (machine_device_states[i].of_cpu ? m->cpu_count : 1); cpu++)
            sha256_update(&s, machine_device_state(m, i, cpu), machine_device_states[i].table->size);
    if (m->config.kernel_irqchip)
        put_irqchip(&s, m);
    sha256_final(&s, digest);
}
