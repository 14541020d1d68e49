/* SPDX-License-Identifier: MIT */
/* A machine's life: made, loaded, reset, destroyed. See machine.h. */
#include "machine/machine.h"
#include "base/why.h"
#include "cpu/topology.h"
#include "machine/doorbells.h"
#include "machine/firmware/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define PAGE_SIZE 4096

/* ---- life ---- */

/* Untouched RAM costs nothing, but a guest may touch all of it. */
static int check_host_memory(uint64_t size, char *why, size_t n) {
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return 0;
    uint64_t host = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
    if (size <= host)
        return 0;
    snprintf(why, n, "%llu MiB of guest RAM are more than this host's %llu MiB of RAM and swap; give it less",
             (unsigned long long)(size >> 20), (unsigned long long)(host >> 20));
    return -EINVAL;
}

static int check_config(const Twin86Config *c, char *why, size_t n) {
    const char *wrong = NULL;
    if (c->ram_size < RAM_SIZE_MIN || c->ram_size > RAM_SIZE_MAX || c->ram_size % PAGE_SIZE != 0)
        wrong = "RAM must be a multiple of 4 KiB from 1 MiB to 1 TiB";
    else if (c->icount_shift > 10)
        wrong = "the icount shift must be 0 to 10";
    else if (c->debug_exit && (c->debug_exit_ports < 1 || c->debug_exit_ports > 4))
        wrong = "isa-debug-exit takes 1 to 4 ports";
    if (wrong != NULL) {
        snprintf(why, n, "%s", wrong);
        return -EINVAL;
    }
    return check_host_memory(c->ram_size, why, n);
}

/* The processors that are asked for, and what follows from that. */
static int settle_topology(Twin86Config *c, char *why, size_t n) {
    struct CpuSmp smp = {c->cpus, c->max_cpus, {c->sockets, c->dies, c->cores, c->threads}};
    int r = cpu_smp_complete(&smp, why, n);
    c->cpus = smp.cpus;
    c->max_cpus = smp.max_cpus;
    c->sockets = smp.topology.sockets;
    c->dies = smp.topology.dies;
    c->cores = smp.topology.cores;
    c->threads = smp.topology.threads;
    return r;
}

static void notify_icount(void *opaque) { vcpu_deadline_changed(opaque); }

/* Lock, bus, clock. */
static int create_base(struct Machine *m) {
    m->bus = bus_new(&m->lock);
    m->clock = clock_new(m->config.icount ? CLOCK_ICOUNT : CLOCK_HOST);
    if (m->bus == NULL || m->clock == NULL)
        return -ENOMEM;
    clock_stop(m->clock); /* until machine_start */
    if (m->config.rtc_start != INT64_MIN)
        clock_set_wall_start(m->clock, m->config.rtc_start);
    return 0;
}

/* Who the machine is, as its owner calls it. */
static int create_identity(struct Machine *m, const Twin86Config *config) {
    m->has_uuid = config->uuid != NULL;
    if (m->has_uuid)
        memcpy(m->uuid, config->uuid, sizeof(m->uuid));
    if (config->name != NULL && (m->name = strdup(config->name)) == NULL)
        return -ENOMEM;
    return 0;
}

/* The engines and the vCPUs' threads. */
static int start_cpus(struct Machine *m, char *why, size_t n) {
    int r = machine_create_engines(m, &m->config, why, n);
    if (r != 0)
        return r;
    machine_fit_devices(m);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct VcpuOps ops = machine_vcpu_ops(&m->cpus[i]);
        bool beside = m->one_thread && i > 0;
        if ((r = beside ? vcpu_create_beside(machine_cpu(m, i), &ops, machine_cpu(m, 0))
                        : vcpu_create(machine_cpu(m, i), &ops)) != 0)
            return why_errno(why, n, r, "a vCPU's thread could not be started");
    }
    return 0;
}

/* The loop's thread may be late, on a busy host by much: what is due is seen by the guest that looks. A machine that
 * stands still stays as it is, whoever looks. */
static void run_due_timers(void *opaque) {
    struct Machine *m = opaque;
    if (clock_is_due(m->clock) && machine_running(m))
        clock_run(m->clock);
}

static void run_posted(void *opaque) { loop_run_posted(opaque); }

/* With CLOCK_ICOUNT what the host has for the guest happens between two instructions, too. */
static void divert_to_vcpu(void *opaque) {
    struct Machine *m = opaque;
    vcpu_request_work(machine_cpu(m, 0), run_posted, &m->loop);
}

/* Timers run in the loop, or with CLOCK_ICOUNT in the vCPU's thread. */
static int create_loop(struct Machine *m) {
    int r = loop_init(&m->loop, &m->lock);
    if (r != 0)
        return r;
    loop_set_sandbox(&m->loop, &m->sandbox);
    if (m->config.icount) {
        clock_set_notify(m->clock, notify_icount, machine_cpu(m, 0));
        loop_divert(&m->loop, divert_to_vcpu, m);
    } else {
        clock_set_notify(m->clock, loop_deadline_changed, &m->loop);
        loop_set_clock(&m->loop, m->clock);
    }
    bus_set_before(m->bus, run_due_timers, m);
    loop_set_active(&m->loop, false);
    return loop_start(&m->loop);
}

int machine_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    m->config = *config;
    m->slot.fd = m->reset_fd = m->sleep_fd = m->news.fd = -1;
    bus_lock_init(&m->lock);
    machine_init_input(m);
    int r = event_slot_init(&m->slot);
    if (r == 0 && (m->reset_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        r = -errno;
    if (r == 0)
        r = machine_init_sleep(m);
    if (r == 0)
        r = news_init(&m->news);
    if (r != 0)
        return why_errno(why, n, r, "event descriptor");
    if ((r = settle_topology(&m->config, why, n)) != 0 || (r = check_config(&m->config, why, n)) != 0)
        return r;
    if ((r = create_identity(m, config)) != 0)
        return why_errno(why, n, r, "name");
    if ((r = create_base(m)) != 0)
        return why_errno(why, n, r, "machine");
    if ((r = firmware_configure(m, config, why, n)) != 0 || (r = machine_create_cpus(m, why, n)) != 0 ||
        (r = machine_create_observers(m, why, n)) != 0)
        return r;
    if ((r = machine_wire_memory(m)) != 0)
        return why_errno(why, n, r, "guest RAM");
    if ((r = machine_wire_devices(m)) != 0)
        return why_errno(why, n, r, "devices");
    if ((r = display_create(m, why, n)) != 0 || (r = chardevs_create(m, config, why, n)) != 0 ||
        (r = serial_ports_create(m, config, why, n)) != 0 || (r = debugcon_create(m, config, why, n)) != 0 ||
        (r = virtio_create_objects(m, config, why, n)) != 0 || (r = virtio_create_exports(m, config, why, n)) != 0 ||
        (r = net_create(m, config, why, n)) != 0 || (r = storage_create(m, config, why, n)) != 0 ||
        (r = net_create_cards(m, config, why, n)) != 0 || (r = net_create_dumps(m, config, why, n)) != 0)
        return r;
    if ((r = serial_ports_finish(m)) != 0)
        return why_errno(why, n, r, "COM1");
    if ((r = firmware_wire(m, config, why, n)) != 0)
        return r;
    machine_wire_observers(m);
    if ((r = start_cpus(m, why, n)) != 0)
        return r;
    if ((r = create_loop(m)) != 0 || (r = machine_wire_doorbells(m)) != 0)
        return why_errno(why, n, r, "event loop");
    char note[sizeof(m->pending.message)];
    pthread_mutex_lock(&m->lock); /* the loop's thread is there already */
    if ((r = chardevs_start(m, why, n)) == 0 && (r = virtio_start(m, why, n)) == 0 && (r = net_start(m, why, n)) == 0)
        r = machine_reset(m, note, sizeof(note));
    pthread_mutex_unlock(&m->lock);
    return r;
}

static void unload(struct Machine *m) {
    if (m->firmware.host != NULL) {
        bus_unmap(m->bus, &m->firmware);
        region_destroy(&m->firmware);
        m->firmware = (struct Region){0};
    }
    kernel_withdraw(m);
    boot_close(&m->boot);
    for (unsigned i = 0; i < sizeof(m->guest_strings) / sizeof(m->guest_strings[0]); i++) {
        free(m->guest_strings[i]);
        m->guest_strings[i] = NULL;
    }
    m->has_guest = false;
}

void machine_destroy(struct Machine *m) {
    virtio_folders_silence(m);
    for (unsigned i = 0; i < m->cpu_count; i++)
        vcpu_destroy(machine_cpu(m, i));
    loop_destroy(&m->loop);
    machine_destroy_engines(m);
    machine_destroy_observers(m);
    machine_destroy_cpus(m);
    unload(m);
    storage_destroy(m);
    virtio_destroy(m);
    net_destroy(m);
    display_destroy(m);
    machine_destroy_doorbells(m);
    chardevs_destroy(m);
    firmware_destroy(m);
    fw_cfg_destroy(&m->fw_cfg);
    if (m->bus != NULL)
        bus_free(m->bus);
    if (m->ram.host != NULL)
        region_destroy(&m->ram);
    for (struct Hook *h = m->hooks, *next; h != NULL; h = next) {
        next = h->next;
        free(h);
    }
    if (m->clock != NULL)
        clock_free(m->clock);
    free(m->name);
    event_slot_destroy(&m->slot);
    if (m->reset_fd >= 0)
        close(m->reset_fd);
    if (m->sleep_fd >= 0)
        close(m->sleep_fd);
    news_destroy(&m->news);
    sandbox_destroy(&m->sandbox);
    pthread_mutex_destroy(&m->serial.mutex);
    input_destroy(m);
    pthread_mutex_destroy(&m->lock);
}

/* ---- guests ---- */

/* Where there is no firmware: its tables, and what else it leaves in RAM and devices. */
static int stand_in_for_firmware(struct Machine *m, char *why, size_t n) {
    machine_set_bios_state(m);
    int r = machine_acpi_to_ram(m);
    if (r != 0)
        return why_errno(why, n, r, "ACPI tables");
    if ((r = machine_smbios_to_ram(m)) != 0)
        return why_errno(why, n, r, "SMBIOS tables");
    return (r = machine_mptable_to_ram(m)) != 0 ? why_errno(why, n, r, "MultiProcessor tables") : 0;
}

static int load_guest(struct Machine *m, char *why, size_t n) {
    int r = 0;
    if (!m->has_guest)
        return 0;
    if (!machine_runs_firmware(m))
        r = stand_in_for_firmware(m, why, n);
    if (r == 0 && !firmware_in_flash(&m->fw))
        r = boot_load(&m->boot, m->bus, &machine_cpu(m, 0)->env, why, n);
    cpu_state_changed(machine_cpu(m, 0));
    return r;
}

/* The names of the guest's files, as long as it is loaded; a firmware's becomes its path. 0 or -errno. */
static int keep_names(struct Machine *m, const Twin86Guest *g, char *why, size_t n) {
    const char *named[] = {g->kernel, g->initrd, g->append};
    const char *bios = g->bios == NULL && g->kernel == NULL && m->fw.wanted ? FIRMWARE_BIOS : g->bios;
    for (unsigned i = 0; i < 3; i++)
        if (named[i] != NULL && (m->guest_strings[i] = strdup(named[i])) == NULL)
            return why_errno(why, n, -ENOMEM, "guest");
    if (bios == NULL || firmware_in_flash(&m->fw))
        return 0;
    return (m->guest_strings[3] = firmware_find(m, bios, why, n)) != NULL ? 0 : -ENOENT;
}

/* With flash chips: the firmware in them is what starts. */
static int check_flash(const struct Machine *m, const Twin86Guest *g, char *why, size_t n) {
    if (!firmware_in_flash(&m->fw) ||
        (g->bios == NULL && (g->kernel != NULL || g->append == NULL) && (g->kernel != NULL || g->initrd == NULL)))
        return 0;
    return why_set(why, n, -EINVAL, "%s: the firmware in the flash chip is what starts; leave it out",
                   g->bios != NULL     ? g->bios
                   : g->initrd != NULL ? g->initrd
                                       : "-append");
}

/* Whether firmware is to start the kernel, and which: 0, or -errno with `why`. */
static int choose_way(struct Machine *m, char *why, size_t n) {
    struct BootInput *in = &m->boot;
    enum Twin86KernelFirmware how = m->config.kernel_firmware;
    if (in->kernel.name == NULL)
        return 0;
    bool given = in->firmware.name != NULL || firmware_in_flash(&m->fw);
    enum BootKind kind = boot_kernel_kind(in, why, n);
    if (given && how == TWIN86_KERNEL_FIRMWARE_OFF)
        return why_set(why, n, -EINVAL, "%s: there is a firmware to start it, and kernel-firmware=off; use one of them",
                       in->kernel.name);
    if (how == TWIN86_KERNEL_FIRMWARE_OFF || (!given && how != TWIN86_KERNEL_FIRMWARE_ON && kind != BOOT_MULTIBOOT))
        return 0;
    in->after_firmware = true;
    if (given)
        return 0;
    char reason[256];
    m->guest_strings[3] = firmware_find(m, FIRMWARE_BIOS, reason, sizeof(reason));
    if (m->guest_strings[3] == NULL)
        return why_set(why, n, -ENOENT,
                       "%s: this %s starts after a BIOS, and there is no " FIRMWARE_BIOS
                       "; install Debian's package seabios, or start it without (-machine kernel-firmware=off)",
                       in->kernel.name, boot_kind_name(kind));
    return boot_add_firmware(in, m->guest_strings[3], why, n);
}

static int open_guest(struct Machine *m, const Twin86Guest *g, char *why, size_t n) {
    bool flash = firmware_in_flash(&m->fw);
    int r = check_flash(m, g, why, n);
    if (r == 0)
        r = keep_names(m, g, why, n);
    char *const *s = m->guest_strings;
    if (r != 0 || (r = boot_open(&m->boot, m->config.ram_size, s[0], s[1], s[2], s[3], why, n)) != 0)
        return r;
    if (s[0] == NULL && s[3] == NULL && !flash)
        boot_use_embedded(&m->boot);
    m->boot.ram_size = m->config.ram_size;
    m->boot.long_mode = cpu_has(&machine_cpu(m, 0)->model, CPUID_LM);
    if ((r = choose_way(m, why, n)) != 0)
        return r;
    if (!flash && boot_kind(&m->boot, why, n) == BOOT_UNKNOWN)
        return -EINVAL;
    if (m->boot.after_firmware && (r = kernel_offer(m, why, n)) != 0)
        return r;
    firmware_show_rom(m);
    return boot_map_firmware(&m->boot, m->bus, &m->firmware, why, n);
}

int machine_reset(struct Machine *m, char *why, size_t n) {
    /* not what a new machine begins with */
    bool again = atomic_load(&m->started_ns) != 0 || atomic_load(&m->run_ns) != 0;
    for (unsigned i = 0; i < m->cpu_count && again; i++)
        trace_reset(&m->trace, machine_cpu(m, i));
    machine_reset_devices(m);
    firmware_reset(m, again);
    machine_reset_cpus(m);
    return load_guest(m, why, n);
}

int machine_load(struct Machine *m, const Twin86Guest *guest, char *why, size_t n) {
    pthread_mutex_lock(&m->lock);
    unload(m);
    int r = open_guest(m, guest, why, n);
    if (r == 0) {
        m->has_guest = true;
        m->symbols_tried = false;
        if (m->trace.file != NULL)
            machine_find_symbols(m);
        r = machine_reset(m, why, n);
    }
    if (r != 0) {
        char unused[8];
        unload(m);
        machine_reset(m, unused, sizeof(unused));
    }
    pthread_mutex_unlock(&m->lock);
    return r;
}
