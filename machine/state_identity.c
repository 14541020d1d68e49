/* SPDX-License-Identifier: MIT */
/* What a machine was made and loaded with, as far as its guest can tell: a state goes on in a machine that is the same
 * in that. See state.h. */
#include "machine/machine.h"
#include "machine/state_file.h"

#include <errno.h>
#include <string.h>

static const char section[] = "machine";

/* Packed: no padding between members of any size. */
struct MachineIdentity {
    uint64_t ram_size, tsc_hz;
    uint32_t cpus, icount_shift;
    uint32_t cpu_vendor, cpu_signature, cpu_phys_bits, cpu_virt_bits, cpu_pkru_offset;
    uint64_t cpu_intel_rules;
    uint32_t cpu_feature[FEAT_WORDS];
    uint8_t cpu_brand[sizeof(((struct CpuModel *)0)->brand)];
    uint16_t debug_exit_port, debug_exit_ports, debugcon_port, pvpanic_port;
    uint8_t pvpanic_events;
    bool icount, kernel_irqchip, kvm, no_hpet, no_acpi, debug_exit, debugcon, pvpanic, pc_testdev;
    uint32_t max_cpus, sockets, dies, cores, threads, vga_memory_mib;
    uint8_t guest[32]; /* SHA-256 of what a reset would load, and of what firmware is told */
} __attribute__((packed));

#define F(m, ...) STATE_FIELD(MachineIdentity, m, ##__VA_ARGS__)
const struct StateTable machine_identity_table = {
    .name = section,
    .size = sizeof(struct MachineIdentity),
    .version = 3,
    .field =
        (const struct StateField[]){
            F(ram_size),
            F(tsc_hz),
            F(cpus),
            F(icount_shift),
            F(cpu_vendor),
            F(cpu_signature),
            F(cpu_phys_bits),
            F(cpu_virt_bits),
            F(cpu_pkru_offset),
            F(cpu_intel_rules),
            STATE_ARRAY(MachineIdentity, cpu_feature),
            STATE_ARRAY(MachineIdentity, cpu_brand),
            F(debug_exit_port),
            F(debug_exit_ports),
            F(debugcon_port),
            F(pvpanic_port),
            F(pvpanic_events),
            F(icount),
            F(kernel_irqchip),
            F(kvm),
            F(no_hpet),
            F(no_acpi),
            F(debug_exit),
            F(debugcon),
            F(pvpanic),
            F(pc_testdev),
            F(max_cpus, .since = 2),
            F(sockets, .since = 2),
            F(dies, .since = 2),
            F(cores, .since = 2),
            F(threads, .since = 2),
            F(vga_memory_mib, .since = 3),
            STATE_ARRAY(MachineIdentity, guest),
            {0},
        },
};
#undef F

static void hash_bytes(struct Sha256 *s, const void *data, size_t size) {
    uint64_t n = size;
    sha256_update(s, &n, sizeof(n));
    if (size != 0)
        sha256_update(s, data, size);
}

static void hash_string(struct Sha256 *s, const char *text) { hash_bytes(s, text, text != NULL ? strlen(text) : 0); }

static void hash_file(struct Sha256 *s, const struct BootFile *f) {
    hash_bytes(s, f->data, f->data != NULL ? f->size : 0);
    hash_string(s, f->args);
}

static void hash_guest(const struct Machine *m, uint8_t digest[32]) {
    const struct BootInput *in = &m->boot;
    struct Sha256 s;
    sha256_init(&s);
    if (m->has_guest) {
        hash_file(&s, &in->kernel);
        hash_file(&s, &in->firmware);
        for (unsigned i = 0; i < in->module_count; i++)
            hash_file(&s, &in->module[i]);
        hash_string(&s, in->cmdline);
    }
    for (unsigned key = 0; key < FW_CFG_KEYS; key++)
        hash_bytes(&s, m->fw_cfg.item[key].data, m->fw_cfg.item[key].size);
    for (unsigned key = 0; key < FW_CFG_ARCH_KEYS; key++)
        hash_bytes(&s, m->fw_cfg.arch[key].data, m->fw_cfg.arch[key].size);
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++) {
        const struct Pflash *p = &m->fw.flash[i].device;
        hash_bytes(&s, p->array.host, p->size);
    }
    for (const struct PciRom *rom = m->fw.roms; rom != NULL; rom = rom->next)
        hash_bytes(&s, rom->region.host, rom->region.size);
    sha256_final(&s, digest);
}

static void identify(const struct Machine *m, struct MachineIdentity *id) {
    const Twin86Config *c = &m->config;
    const struct CPUState *cpu = machine_cpu(m, 0);
    const struct CpuModel *model = &cpu->model;
    *id = (struct MachineIdentity){
        .ram_size = c->ram_size,
        .tsc_hz = cpu->tsc_hz,
        .cpus = m->cpu_count,
        .icount_shift = c->icount_shift,
        .cpu_vendor = model->vendor,
        .cpu_signature = model->signature,
        .cpu_phys_bits = model->phys_bits,
        .cpu_virt_bits = model->virt_bits,
        .cpu_pkru_offset = cpu_has(model, CPUID_PKU) ? model->pkru_offset : 0,
        .cpu_intel_rules = model->intel_rules,
        .debug_exit_port = c->debug_exit ? c->debug_exit_port : 0,
        .debug_exit_ports = c->debug_exit ? c->debug_exit_ports : 0,
        .debugcon_port = c->debugcon ? c->debugcon_port : 0,
        .pvpanic_port = c->pvpanic ? c->pvpanic_port : 0,
        .pvpanic_events = c->pvpanic ? c->pvpanic_events : 0,
        .icount = c->icount,
        .kernel_irqchip = c->kernel_irqchip,
        .kvm = model->kvm_wanted,
        .no_hpet = c->no_hpet,
        .no_acpi = c->no_acpi,
        .debug_exit = c->debug_exit,
        .debugcon = c->debugcon,
        .pvpanic = c->pvpanic,
        .pc_testdev = c->pc_testdev,
        .max_cpus = c->max_cpus,
        .sockets = c->sockets,
        .dies = c->dies,
        .cores = c->cores,
        .threads = c->threads,
        .vga_memory_mib = m->display.plugged ? m->display.vga.config.memory_mib : 0,
    };
    memcpy(id->cpu_feature, model->feature, sizeof(id->cpu_feature));
    memcpy(id->cpu_brand, model->brand, sizeof(id->cpu_brand));
    hash_guest(m, id->guest);
}

int state_put_identity(struct StateFile *s, struct Machine *m) {
    struct MachineIdentity id;
    identify(m, &id);
    return state_file_put(s, section, 0, &machine_identity_table, &id);
}

int state_expect_identity(struct StateFile *s, struct Machine *m) {
    struct MachineIdentity mine, saved;
    struct StateDifference d;
    identify(m, &mine);
    saved = mine;
    int r = state_file_get(s, section, 0, &machine_identity_table, &saved);
    if (r != 0 || !state_differ(&machine_identity_table, &saved, &mine, &d))
        return r;
    if (d.offset >= offsetof(struct MachineIdentity, guest))
        return state_file_fail(s, -EINVAL, "the state is of a machine with another guest; load the same files");
    return state_file_fail(s, -EINVAL, "the state is of another machine: its %s is %s, this one's %s", d.name,
                           d.value[0], d.value[1]);
}
