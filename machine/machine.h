/* SPDX-License-Identifier: MIT */
/**
 * The PC: memory map, devices, interrupt routes, vCPUs, wired explicitly in wiring.c. Two machines can live in one
 * process; nothing here is global.
 *
 * Locks, outermost first: the machine lock (recursive; devices, clock, bus callbacks), then leaf mutexes (the vCPU
 * thread's, the serial queue's, the event slot's), which are held over no call.
 */
#ifndef TWIN86_MACHINE_MACHINE_H
#define TWIN86_MACHINE_MACHINE_H

#include "accel/irqchip.h"
#include "accel/look.h"
#include "accel/registry.h"
#include "cpu/cpu.h"
#include "cpu/exclusive.h"
#include "cpu/exits.h"
#include "cpu/sched.h"
#include "cpu/vcpu.h"
#include "debug/trace.h"
#include "devices/acpi_pm.h"
#include "devices/apic/apic_bus.h"
#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "devices/debugcon.h"
#include "devices/dma.h"
#include "devices/firmware/fw_cfg.h"
#include "devices/floppy/fdc.h"
#include "devices/hpet.h"
#include "devices/ide/piix3_ide.h"
#include "devices/input/i8042.h"
#include "devices/isa_debug_exit.h"
#include "devices/pc_testdev.h"
#include "devices/pci/pci.h"
#include "devices/pci/piix4_pm.h"
#include "devices/pic.h"
#include "devices/pit.h"
#include "devices/port92.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "include/twin86.h"
#include "machine/boot/boot.h"
#include "machine/boot/e820.h"
#include "machine/chardev/chardev.h"
#include "machine/chardev/serial_ports.h"
#include "machine/display/display.h"
#include "machine/display/input.h"
#include "machine/firmware/firmware.h"
#include "machine/loop.h"
#include "machine/net/net.h"
#include "machine/news.h"
#include "machine/sha256.h"
#include "machine/storage/storage.h"
#include "machine/virtio/virtio.h"

#define GUEST_TSC_HZ 1000000000 /* the guest's TSC counts nanoseconds */

enum {
    MACHINE_IOAPIC_ID = 1,   /* the local APIC has 0 */
    MACHINE_PIT_GSI = 2,     /* IOAPIC pin of ISA interrupt 0 */
    MACHINE_PIRQ_GSI = 16,   /* of PIRQA; B, C, D follow */
    MACHINE_PM_BASE = 0x600, /* ports of the ACPI block where no firmware chooses them */
};
/** The ISA interrupt that PIRQ n is routed to for guests without IOAPIC: as SeaBIOS and OVMF do it. */
static inline uint8_t machine_pirq_irq(unsigned n) { return n < 2 ? 10 : 11; }

enum { SERIAL_QUEUE_SIZE = 65536 };

/** Bytes of the program that has the machine, on their way to the device that has the character device stdio. */
struct SerialQueue {
    pthread_mutex_t mutex;
    struct Chardev *front; /* the character device; NULL: no device has one */
    size_t head, count;
    uint8_t data[SERIAL_QUEUE_SIZE];
};

/** The one event that may wait to be taken by twin86_wait. */
struct EventSlot {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    Twin86Event event; /* kind NONE: empty */
    int fd;            /* eventfd, readable while an event waits */
};

/** An MMIO region or port range of the library's user. */
struct Hook {
    struct Hook *next;
    struct Machine *machine;
    Twin86Hook user;
    struct IoOps ops;
    struct Region region; /* MMIO only */
};

/** An engine that has been made. It keeps what it holds (a VM, decoded code) while another one runs the guest. */
struct Engine {
    struct Engine *next;
    struct Accel accel;
    bool ready;  /* accel.ops->init has succeeded */
    void **vcpu; /* its part of each vCPU: cpu.engine while it is in use */
    char item[]; /* "kvm,assist=off": what was asked for; accel.options points into it */
};

/** A processor of the board, and what belongs to it alone. */
struct MachineCpu {
    struct CPUState cpu;
    struct Lapic lapic;
    struct Machine *machine;
    _Atomic uint64_t instructions; /* as of the last stop */
    bool inside_sandbox;           /* its thread is locked in */
};

enum { MACHINE_CPUS_MAX = TWIN86_CPUS_MAX };

struct Machine {
    Twin86Config config; /* strings in it are not kept */
    char *name;          /* NULL: it has none */
    bool has_uuid;
    uint8_t uuid[16];
    struct Engine *engines;
    struct Engine *_Atomic engine; /* in use */
    _Atomic uint64_t handovers;
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
    bool one_thread;         /* all vCPUs take turns in it */
    struct MachineCpu *cpus; /* cpu_count of them; the first is the bootstrap processor */
    unsigned cpu_count;
    struct CpuGroup cpu_group;
    unsigned running; /* under the machine lock: vCPUs that have not parked since the last start */
    struct Sandbox sandbox;
    _Atomic int sandbox_error;       /* -errno with which a thread could not be locked in; 0: none */
    enum SandboxThread vcpu_sandbox; /* what the vCPUs' threads are, by the engines that there may be */
    struct Loop loop;                /* runs timers (CLOCK_HOST); what the host has for the guest enters here */
    struct Trace trace;
    uint64_t wire_levels[3]; /* TRACE_IRQ: of the wires that are traced (wiring.c) */
    bool symbols_tried;      /* the kernel's own symbols were looked for */

    struct RamLayout layout;
    struct Region ram, vga_hole, firmware;
    const struct DeviceLog *hole_log; /* NULL: nobody looks */

    struct ApicBus apic_bus;
    struct ApicPage apic_page[MACHINE_CPUS_MAX];
    struct Ioapic ioapic;
    struct Pic pic;
    struct Pit pit;
    struct Rtc rtc;
    struct SerialPort com[SERIAL_PORTS];
    struct Hpet hpet;
    struct AcpiPm acpi_pm;
    struct PciHost pci;
    struct Piix4Pm piix4_pm;
    struct Piix3Ide piix3_ide;
    struct Storage storage;
    struct VirtioDevices virtio;
    struct MachineNet net;
    struct MachineDisplay display;
    struct MachineInput input;
    struct FwCfg fw_cfg;
    struct Firmware fw;
    struct I8042 i8042;
    struct Port92 port92;
    struct Dma dma;
    struct Fdc fdc;
    struct Debugcon debugcon;
    struct IsaDebugExit debug_exit;
    struct Pvpanic pvpanic;
    struct PcTestdev testdev;

    struct BootInput boot;
    char *guest_strings[4]; /* what the caller named: boot keeps pointers into them */
    bool has_guest;

    struct Hook *hooks;
    struct Chardevs chardevs;
    struct SerialQueue serial;
    struct EventSlot slot;
    struct NewsQueue news;
    int reset_fd;              /* eventfd: resets since it was last read */
    int sleep_fd;              /* the same for going to sleep, and for waking up: one after the other */
    Twin86Event pending;       /* under the machine lock: the event that the stop on its way will report */
    struct LoopWork wake_work; /* sleep.c */
    struct LoopWork serial_work, power_work, nmi_work, output_work; /* serial.c */
    _Atomic unsigned held;      /* 1 << enum Twin86OutputKind: the host can't take more */
    _Atomic bool asleep;        /* as machine_sleep_changed saw it last */
    _Atomic bool reset_pressed; /* the next reset is no wake-up */
    _Atomic bool quit;          /* machine_quit was called, and no run has ended since */
    _Atomic uint64_t resets;
    _Atomic int64_t run_ns, started_ns; /* host time spent running: finished runs; start of this one */
    _Atomic uint64_t instructions;      /* as of the last stop, of all */
};

/** How its processors sit in the board, those included that it only has room for (config.max_cpus). */
static inline struct CpuTopology machine_topology(const struct Machine *m) {
    const Twin86Config *c = &m->config;
    return (struct CpuTopology){c->sockets, c->dies, c->cores, c->threads};
}

/** The guest begins at the reset vector: in a ROM, or in a flash chip. */
static inline bool machine_runs_firmware(const struct Machine *m) {
    return m->boot.firmware.name != NULL || firmware_in_flash(&m->fw);
}

static inline struct CPUState *machine_cpu(const struct Machine *m, unsigned index) { return &m->cpus[index].cpu; }

/** What the public handle stands for (api.c). */
struct Machine *machine_of(Twin86Machine *machine);
/** A caller's configuration with defaults for what is NULL or lies beyond its struct_size: an older caller's is shorter
 *  than ours. Whoever is given a Twin86Config begins with this, and copies none as a whole. */
Twin86Config machine_whole_config(const Twin86Config *config);
/** twin86_create for any number of processors: what the public function refuses is not ready for users. */
int machine_new(Twin86Machine **machine, const Twin86Config *config, char *why, size_t n);

/* ---- wiring.c ---- */

/** Guest RAM. 0 or -errno. */
int machine_wire_memory(struct Machine *m);
/** All devices, their addresses and interrupts; RAM is mapped. 0 or -errno. */
int machine_wire_devices(struct Machine *m);
/** ISA interrupt `line`, for devices that options put in. */
struct IrqWire machine_isa_wire(struct Machine *m, int line);
/** Tell the devices what of the CPU model the engines could give. Before the first reset. */
void machine_fit_devices(struct Machine *m);
/** Every device to its power-up state. Lock held. */
void machine_reset_devices(struct Machine *m);
/** The same as the machine wakes from S3: what keeps its power in sleep stays as it is. Lock held. */
void machine_wake_devices(struct Machine *m);
/** Every device's state (machine_device_states) was restored: what follows from them does. Lock held. */
void machine_restored_devices(struct Machine *m);

/* ---- machine.c ---- */

/** Build it. `m` is zeroed. 0 or -errno with one line in `why`; machine_destroy cleans up in either case. */
int machine_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void machine_destroy(struct Machine *m);

/** Everything to its power-up state, and the guest loaded anew. Lock held; in a vCPU's thread or parked. */
int machine_reset(struct Machine *m, char *why, size_t n);
/** Read a guest's files and reset into it. Parked. On failure no guest is loaded. */
int machine_load(struct Machine *m, const Twin86Guest *guest, char *why, size_t n);

/* ---- all vCPUs (cpus.c) ---- */

/** Make the array, without threads and engines. 0 or -errno with `why`. */
int machine_create_cpus(struct Machine *m, char *why, size_t n);
void machine_destroy_cpus(struct Machine *m);
/** Power-on state, of which the engines hear. Lock held, none runs. */
void machine_reset_cpus(struct Machine *m);
/** Some vCPU runs. Any thread; with the lock held the answer holds. */
bool machine_running(const struct Machine *m);
/** Bring env up to date / say that it was changed (cpu_sync_state, cpu_state_changed), of all. Parked. */
void machine_sync_state(struct Machine *m);
void machine_state_changed(struct Machine *m);
/** cpu_post to all. Any thread. */
void machine_post(struct Machine *m, uint32_t events);
/** The one of this machine's vCPUs that the calling thread executes, or NULL. Any thread. */
struct MachineCpu *machine_current_cpu(struct Machine *m);

/* ---- engines (engines.c) ---- */

/** Make the engine that `config->accel` asks for, or with config->handover all that it names, and settle the CPU model.
 *  0, or -errno with `why`; on success `why` may hold a note. */
int machine_create_engines(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void machine_destroy_engines(struct Machine *m);
/** Go on in another engine (one item or several, as config->accel). Parked, lock held. On failure nothing changes. */
int machine_set_engine(struct Machine *m, const char *list, char *why, size_t n);

/* ---- those who look (observe.c) ---- */

/** The trace and the exit statistics, as the configuration asks for. Before devices and engines. 0 or -errno with
 *  `why`. */
int machine_create_observers(struct Machine *m, char *why, size_t n);
/** Let the devices tell. They are wired. */
void machine_wire_observers(struct Machine *m);
/** Log these items ("exec,int"; "": none) from now on. Parked, lock held, env up to date. 0 or -errno with `why`. */
int machine_set_trace(struct Machine *m, const char *list, char *why, size_t n);
/** Names of addresses: those of -symbols, else those in the kernel file, if it has any. */
void machine_find_symbols(struct Machine *m);
void machine_destroy_observers(struct Machine *m);
/** Exit statistics so far, as JSON or as a table. 0, -ENODATA (not wanted), -ENOMEM. Any thread. */
int machine_print_exits(struct Machine *m, bool json, FILE *f);
/** What the engine's translator has made, of each vCPU. False: it has none. Parked, or while the guest is held. */
bool machine_print_translator(const struct Machine *m, FILE *f);
/** Host time of all runs so far, in ns. Any thread. */
uint64_t machine_run_ns(const struct Machine *m);
/** What the host's scheduler has made of a vCPU (host/schedule.c); what the guest was told of it only while it is
 *  parked. Any thread. */
void machine_vcpu_sched(struct Machine *m, unsigned cpu, struct VcpuSched *s);
/** The same of all vCPUs, to be freed; NULL: out of memory. */
struct VcpuSched *machine_sched(struct Machine *m);
/** The last instructions of a vCPU, at most `n`. False: none are kept, or the engine sees none. Parked. */
bool machine_print_last(struct Machine *m, unsigned cpu, unsigned n, FILE *f);

/* ---- power and events (events.c) ---- */

int event_slot_init(struct EventSlot *s);
void event_slot_destroy(struct EventSlot *s);

/** End the run with this event; the first one asked for wins. Any thread. Does nothing while parked. */
void machine_stop(struct Machine *m, enum Twin86EventKind kind, uint32_t value);
/** The guest (not the reset button) asks for a reset: `opaque` is the machine. Lock held. */
void machine_guest_reset(void *opaque);
/** Soft-off: `opaque` is the machine. Lock held. */
void machine_guest_poweroff(void *opaque);

/** End the run, or if there is none the next one as it begins, with TWIN86_EVENT_QUIT. Any thread, any lock held. */
void machine_quit(struct Machine *m);

/** What a vCPU does in a run. */
enum MachineGo { MACHINE_STAND, MACHINE_RUN, MACHINE_STEP /* one step (cpu/debug.h), which ends the run */ };

/** Let all vCPUs run, each for `instructions` at most (0: no limit). 0 or -EBUSY. */
int machine_start(struct Machine *m, uint64_t instructions);
/** Let each do what `go` has for it, enum MachineGo by index; one at least does not stand. As machine_start. */
int machine_go(struct Machine *m, const uint8_t *go, uint64_t instructions);
/** A step of that vCPU; the others stand. As machine_start. */
int machine_step(struct Machine *m, unsigned cpu);
/** Stop all vCPUs, and wait until they stand, for `timeout_ms` at most (negative: for ever). 0, or -ETIMEDOUT: one has
 *  not come back, and all run on. Any thread but a vCPU's, lock not held. */
int machine_pause(struct Machine *m, int timeout_ms);
/** Reset before the next instruction. Any thread. */
void machine_request_reset(struct Machine *m);
/** The reset button: soon when it runs, at once when it is parked. Any thread. */
void machine_press_reset(struct Machine *m);
int machine_wait(struct Machine *m, int timeout_ms, Twin86Event *event);
/** What the loop of a vCPU calls. */
struct VcpuOps machine_vcpu_ops(struct MachineCpu *c);

/** A thread could not be locked into the sandbox: the run ends with an error. sandbox_set_failed's; any lock held. */
void machine_sandbox_failed(void *opaque, int error);

/* ---- the sandbox (host/confine.c) ---- */

/** What vCPU threads are that may come to any engine of this list, as of Twin86Config.accel. */
enum SandboxThread machine_sandbox_for(const char *accel);
/** Whether vCPU threads may execute by this engine; false with a line. */
bool machine_sandbox_allows(const struct Machine *m, const struct AccelOps *ops, char *why, size_t n);
/** See twin86_sandbox_close. */
int machine_confine(struct Machine *m, const struct SandboxOptions *o, char *why, size_t n);

/* ---- sleep (sleep.c) ---- */

/** 0 or -errno; machine_destroy cleans up. */
int machine_init_sleep(struct Machine *m);
/** What the ACPI block asks for (devices/acpi_pm.h). `opaque` is the machine. Lock held. */
void machine_guest_sleep(void *opaque);
void machine_guest_wake(void *opaque);
/** S4 is power-off to the machine. */
void machine_guest_hibernate(void *opaque);
/** The guest sleeps in S3. Any thread. */
bool machine_asleep(const struct Machine *m);
/** Wake it without a device's doing: soon. False: it does not sleep. Any thread. */
bool machine_wake(struct Machine *m);
/** In place of a reset, if that was asked for by a wake event: RAM and what is in the resume well stay, and firmware
 *  goes on where the guest told it to; where firmware is skipped, the guest itself. False: that was not, or there is
 *  nowhere to go on. Lock held, the world stopped. */
bool machine_wake_up(struct Machine *m);
/** Whether it sleeps may have changed with the state of devices: vCPUs follow. Lock held. */
void machine_sleep_changed(struct Machine *m);

/* ---- a debugger's stops (stops.c) ---- */

/** Stop there; the engine in use must be able to. Parked. 0 or -errno with `why`. */
int machine_insert_point(struct Machine *m, const struct CpuPoint *p, char *why, size_t n);
/** 0 or -ENOENT. Parked. */
int machine_remove_point(struct Machine *m, const struct CpuPoint *p);
/** How the last stop of a vCPU came about, as one line; "" if not by a debugger. Parked. */
void machine_describe_stop(const struct CPUState *cpu, char *text, size_t n);

/* ---- ACPI tables (acpi_setup.c) ---- */

/** Write them to guest RAM and tell m->boot where. Lock held; before boot_load. 0 or -errno. */
int machine_acpi_to_ram(struct Machine *m);
/** Offer them to firmware. 0 or -errno. */
int machine_acpi_to_fw_cfg(struct Machine *m);

/* ---- host input (serial.c) ---- */

void machine_init_input(struct Machine *m);
size_t machine_serial_input(struct Machine *m, const void *data, size_t size);
/** As twin86_hold_output. */
void machine_hold_output(struct Machine *m, enum Twin86OutputKind kind, bool on);
/** The program takes more serial output. Any thread. */
bool machine_serial_can_write(const struct Machine *m);
/** Give the device that has stdio as much as it takes. Lock held. */
void machine_feed_serial(struct Machine *m);
/** The ACPI power button: soon. Any thread. */
void machine_press_power(struct Machine *m);
/** The NMI button, which is wired to the local APIC's LINT1 as on real boards: soon when it runs, at once when it is
 *  parked. Any thread. */
void machine_press_nmi(struct Machine *m);

/* ---- state hash (hash.c) ---- */

/** The guest-visible state of each device: plain structs without pointers. */
struct DeviceState {
    const char *name;
    const struct StateTable *table;
    size_t offset; /* in struct Machine, or of_cpu: in struct MachineCpu */
    bool of_cpu;
};
extern const struct DeviceState machine_device_states[];
extern const unsigned machine_device_state_count;
/** State `i` of vCPU `cpu`, which is of no consequence for what all share. */
static inline const void *machine_device_state(const struct Machine *m, unsigned i, unsigned cpu) {
    const struct DeviceState *d = &machine_device_states[i];
    return (d->of_cpu ? (const uint8_t *)&m->cpus[cpu] : (const uint8_t *)m) + d->offset;
}

/** SHA-256 over registers, RAM and device states. Parked. */
void machine_hash(struct Machine *m, uint8_t digest[32]);

#endif
