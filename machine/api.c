/* SPDX-License-Identifier: MIT */
/* The public interface: include/twin86.h over machine.h. */
#include "cpu/pagewalk.h"
#include "debug/cpu_dump.h"
#include "machine/machine.h"
#include "machine/regs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct Twin86Machine {
    struct Machine m;
};

struct Machine *machine_of(Twin86Machine *machine) { return &machine->m; }

const char *twin86_version(void) { return PACKAGE_VERSION; }

/** The fields that both know; what a newer caller has beyond them is 0. */
void twin86_config_init_size(Twin86Config *config, size_t size) {
    Twin86Config whole = {
        .struct_size = size,
        .ram_size = 256u << 20,
        .cpu = "max",
        .accel = "tcg-lite",
        .rtc_start = INT64_MIN,
        .debug_exit_port = ISA_DEBUG_EXIT_IOBASE,
        .debug_exit_ports = ISA_DEBUG_EXIT_IOSIZE,
        .debugcon_port = DEBUGCON_PORT,
        .pvpanic_port = PVPANIC_IOPORT,
        .pvpanic_events = PVPANIC_EVENTS,
        .cpus = 1,
    };
    memset(config, 0, size);
    memcpy(config, &whole, size < sizeof(whole) ? size : sizeof(whole));
}

const char *twin86_cpu_name(unsigned index) { return cpu_model_name(index); }
const char *twin86_cpu_description(unsigned index) { return cpu_model_description(index); }
const char *twin86_cpu_feature_name(unsigned index) { return cpu_feature_name(index); }

const char *twin86_accel_name(unsigned index) {
    for (unsigned i = 0; accel_engines[i] != NULL; i++)
        if (i == index)
            return accel_engines[i]->name;
    return NULL;
}

const char *twin86_trace_item_name(unsigned index) { return trace_item_name(index); }
const char *twin86_trace_item_description(unsigned index) { return trace_item_description(index); }

int twin86_accel_probe(unsigned index, char *why, size_t why_size) {
    if (why_size > 0)
        why[0] = '\0';
    for (unsigned i = 0; accel_engines[i] != NULL; i++)
        if (i == index)
            return accel_engines[i]->probe != NULL ? accel_engines[i]->probe(why, why_size) : 0;
    return -EINVAL;
}

int twin86_doctor(unsigned index, FILE *f) {
    char why[256] = "";
    int r = twin86_accel_probe(index, why, sizeof(why));
    const char *name = twin86_accel_name(index);
    if (name == NULL)
        return -EINVAL;
    fprintf(f, "%s: %s%s\n", name, r == 0 ? "usable" : "not usable: ", r == 0 ? "" : why);
    const struct AccelOps *ops = accel_find(name);
    if (ops->look != NULL && ops->look->doctor != NULL)
        ops->look->doctor(f);
    return r;
}

int twin86_sandbox_probe(char *why, size_t why_size) { return sandbox_probe(why, why_size); }

int twin86_sandbox_close(Twin86Machine *machine, const Twin86Sandbox *s, char *why, size_t why_size) {
    const struct SandboxOptions o = {.obsolete = s->obsolete,
                                     .elevate_privileges = s->elevate_privileges,
                                     .spawn = s->spawn,
                                     .resource_control = s->resource_control,
                                     .log_fd = s->log_fd};
    return machine_confine(&machine->m, &o, why, why_size);
}

bool twin86_chardev_note(Twin86Machine *machine, unsigned index, char *text, size_t size) {
    struct Machine *m = machine_of(machine);
    pthread_mutex_lock(&m->lock);
    bool there = chardev_note(m, index, text, size);
    pthread_mutex_unlock(&m->lock);
    return there;
}

/* ---- life ---- */

int machine_new(Twin86Machine **machine, const Twin86Config *config, char *why, size_t n) {
    size_t bytes = (sizeof(struct Twin86Machine) + 63) & ~(size_t)63;
    struct Twin86Machine *t = aligned_alloc(64, bytes);
    if (t == NULL) {
        snprintf(why, n, "out of memory");
        return -ENOMEM;
    }
    memset(t, 0, bytes);
    int r = machine_create(&t->m, config, why, n);
    if (r != 0) {
        machine_destroy(&t->m);
        free(t);
        return r;
    }
    *machine = t;
    return 0;
}

Twin86Config machine_whole_config(const Twin86Config *config) {
    Twin86Config whole, defaults;
    twin86_config_init(&defaults);
    whole = defaults;
    size_t known = config->struct_size < sizeof(whole) ? config->struct_size : sizeof(whole);
    memcpy(&whole, config, known);
    whole.struct_size = sizeof(whole);
    whole.cpu = whole.cpu != NULL ? whole.cpu : defaults.cpu;
    whole.accel = whole.accel != NULL ? whole.accel : defaults.accel;
    return whole;
}

int twin86_create(Twin86Machine **machine, const Twin86Config *config, char *why, size_t why_size) {
    Twin86Config full = machine_whole_config(config);
    char unused[1];
    if (why_size == 0)
        why = unused, why_size = sizeof(unused);
    why[0] = '\0';
    return machine_new(machine, &full, why, why_size);
}

void twin86_destroy(Twin86Machine *machine) {
    if (machine == NULL)
        return;
    machine_destroy(&machine->m);
    free(machine);
}

unsigned twin86_cpu_count(const Twin86Machine *machine) { return machine->m.cpu_count; }

const char *twin86_engine(const Twin86Machine *machine) { return machine->m.engine->accel.ops->name; }

int twin86_set_accel(Twin86Machine *machine, const char *accel, char *why, size_t why_size) {
    struct Machine *m = &machine->m;
    char unused[1];
    if (why_size == 0)
        why = unused, why_size = sizeof(unused);
    why[0] = '\0';
    if (machine_running(m)) {
        snprintf(why, why_size, "the machine is running");
        return -EBUSY;
    }
    pthread_mutex_lock(&m->lock);
    int r = machine_set_engine(m, accel, why, why_size);
    pthread_mutex_unlock(&m->lock);
    return r;
}

int twin86_load(Twin86Machine *machine, const Twin86Guest *guest, char *why, size_t why_size) {
    char unused[1];
    if (why_size == 0)
        why = unused, why_size = sizeof(unused);
    why[0] = '\0';
    if (machine_running(&machine->m)) {
        snprintf(why, why_size, "the machine is running");
        return -EBUSY;
    }
    return machine_load(&machine->m, guest, why, why_size);
}

/* ---- running ---- */

int twin86_start(Twin86Machine *machine, uint64_t instructions) { return machine_start(&machine->m, instructions); }

int twin86_wait(Twin86Machine *machine, int timeout_ms, Twin86Event *event) {
    return machine_wait(&machine->m, timeout_ms, event);
}

int twin86_run(Twin86Machine *machine, uint64_t instructions, Twin86Event *event) {
    int r = machine_start(&machine->m, instructions);
    return r != 0 ? r : machine_wait(&machine->m, -1, event);
}

int twin86_event_fd(const Twin86Machine *machine) { return machine->m.slot.fd; }
void twin86_pause(Twin86Machine *machine) { machine_pause(&machine->m, -1); }
int twin86_try_pause(Twin86Machine *machine, int timeout_ms) { return machine_pause(&machine->m, timeout_ms); }

/* ---- debugging ---- */

static struct CpuPoint cpu_point(const Twin86Point *p) {
    bool valid = (unsigned)p->kind <= TWIN86_WATCH_ACCESS;
    return (struct CpuPoint){.address = p->address, .length = p->length, .kind = valid ? (uint8_t)p->kind : UINT8_MAX};
}

int twin86_point_insert(Twin86Machine *machine, const Twin86Point *point, char *why, size_t why_size) {
    struct CpuPoint p = cpu_point(point);
    if (!machine_running(&machine->m))
        return machine_insert_point(&machine->m, &p, why, why_size);
    snprintf(why, why_size, "the guest is running");
    return -EBUSY;
}

int twin86_point_remove(Twin86Machine *machine, const Twin86Point *point) {
    struct CpuPoint p = cpu_point(point);
    return machine_running(&machine->m) ? -EBUSY : machine_remove_point(&machine->m, &p);
}

/* That vCPU of a stopped machine, its env up to date. 0, -EINVAL or -EBUSY. */
static int stopped_cpu(Twin86Machine *machine, unsigned index, struct CPUState **cpu) {
    if (index >= machine->m.cpu_count)
        return -EINVAL;
    if (machine_running(&machine->m))
        return -EBUSY;
    *cpu = machine_cpu(&machine->m, index);
    cpu_sync_state(*cpu);
    return 0;
}

int twin86_step(Twin86Machine *machine, unsigned cpu) {
    return cpu < machine->m.cpu_count ? machine_step(&machine->m, cpu) : -EINVAL;
}

int twin86_debug_stop(Twin86Machine *machine, unsigned index, Twin86Stop *stop) {
    struct CPUState *cpu;
    int r = stopped_cpu(machine, index, &cpu);
    if (r != 0)
        return r;
    const struct CpuDebug *d = &cpu->debug;
    if (d->hit.kind == CPU_HIT_NONE)
        return -ENOENT;
    const struct CpuPoint *p = &d->hit.point;
    *stop = (Twin86Stop){.step = d->hit.kind == CPU_HIT_STEP};
    if (!stop->step) {
        stop->point = (Twin86Point){(enum Twin86PointKind)p->kind, p->address, p->length};
        stop->address = d->hit.address;
    }
    return 0;
}

/* ---- running ---- */

bool twin86_running(const Twin86Machine *machine) { return machine_running(&machine->m); }
void twin86_quit(Twin86Machine *machine) { machine_quit(&machine->m); }

void twin86_reset(Twin86Machine *machine) { machine_press_reset(&machine->m); }

void twin86_power_button(Twin86Machine *machine) { machine_press_power(&machine->m); }
int twin86_wakeup(Twin86Machine *machine) { return machine_wake(&machine->m) ? 0 : -EALREADY; }
bool twin86_asleep(const Twin86Machine *machine) { return machine_asleep(&machine->m); }

void twin86_hold_output(Twin86Machine *machine, enum Twin86OutputKind kind, bool held) {
    machine_hold_output(&machine->m, kind, held);
}

size_t twin86_serial_input(Twin86Machine *machine, const void *data, size_t size) {
    return machine_serial_input(&machine->m, data, size);
}

/* ---- registers and memory ---- */

const char *twin86_reg_name(enum Twin86Reg reg) { return reg_name(reg); }
enum Twin86Reg twin86_reg_by_name(const char *name) { return reg_by_name(name); }

int twin86_read_reg(Twin86Machine *machine, unsigned index, enum Twin86Reg reg, uint64_t *value) {
    struct CPUState *cpu;
    int r = stopped_cpu(machine, index, &cpu);
    return r != 0 ? r : reg_read(&cpu->env, reg, value);
}

int twin86_write_reg(Twin86Machine *machine, unsigned index, enum Twin86Reg reg, uint64_t value) {
    struct CPUState *cpu;
    int r = stopped_cpu(machine, index, &cpu);
    if (r == 0 && (r = reg_write(&cpu->env, reg, value)) == 0)
        cpu_state_changed(cpu);
    return r;
}

int twin86_dump_registers(Twin86Machine *machine, unsigned index, bool fpu, char *text, size_t size) {
    struct CPUState *cpu;
    char *dump = NULL;
    size_t length = 0;
    int r = stopped_cpu(machine, index, &cpu);
    if (r != 0)
        return r;
    FILE *f = open_memstream(&dump, &length);
    if (f == NULL)
        return -ENOMEM;
    cpu_dump(&cpu->env, f);
    if (fpu)
        cpu_dump_fpu(&cpu->env, f);
    if (fclose(f) != 0) {
        free(dump);
        return -ENOMEM;
    }
    if (size > 0)
        snprintf(text, size, "%s", dump);
    free(dump);
    return (int)length;
}

int twin86_read_xmm(Twin86Machine *machine, unsigned index, unsigned xmm, uint8_t value[16]) {
    struct CPUState *cpu;
    int r = xmm < 16 ? stopped_cpu(machine, index, &cpu) : -EINVAL;
    if (r == 0)
        memcpy(value, cpu->env.vec[xmm].b, 16);
    return r;
}

void twin86_read_memory(Twin86Machine *machine, uint64_t gpa, void *data, size_t size) {
    bus_read(machine->m.bus, gpa, data, size);
}

void twin86_write_memory(Twin86Machine *machine, uint64_t gpa, const void *data, size_t size) {
    bus_write(machine->m.bus, gpa, data, size);
}

/* Page by page, so that each piece is contiguous in physical memory. */
static int access_virtual(Twin86Machine *machine, unsigned index, uint64_t address, void *data, size_t size,
                          bool write) {
    struct Bus *bus = machine->m.bus;
    struct CPUState *cpu;
    uint8_t *p = data;
    int r = stopped_cpu(machine, index, &cpu);
    if (r != 0)
        return r;
    while (size > 0) {
        struct WalkResult w;
        size_t room = 4096 - (address & 4095), n = size < room ? size : room;
        if (!x86_canonical(&cpu->env, address) ||
            !x86_walk(&cpu->env, &cpu->model, bus, address, WALK_PEEK | (write ? WALK_WRITE : 0), &w))
            return -EFAULT;
        if (write)
            bus_write(bus, w.phys, p, n);
        else
            bus_read(bus, w.phys, p, n);
        address += n, p += n, size -= n;
    }
    return 0;
}

int twin86_read_virtual(Twin86Machine *machine, unsigned cpu, uint64_t address, void *data, size_t size) {
    return access_virtual(machine, cpu, address, data, size, false);
}

int twin86_write_virtual(Twin86Machine *machine, unsigned cpu, uint64_t address, const void *data, size_t size) {
    return access_virtual(machine, cpu, address, (void *)data, size, true);
}

/* ---- hooks ---- */

/* Who accesses it. */
static unsigned accessor(const struct Hook *h) {
    const struct MachineCpu *c = machine_current_cpu(h->machine);
    return c != NULL ? c->cpu.index : TWIN86_NO_CPU;
}

static uint64_t hook_read(void *opaque, uint64_t offset, unsigned size) {
    const struct Hook *h = opaque;
    return h->user.read != NULL ? h->user.read(h->user.opaque, accessor(h), offset, size) : ~0ull;
}

static void hook_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    const struct Hook *h = opaque;
    if (h->user.write != NULL)
        h->user.write(h->user.opaque, accessor(h), offset, value, size);
}

static struct Hook *hook_new(struct Machine *m, const Twin86Hook *user, unsigned max_size) {
    struct Hook *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->machine = m;
    h->user = *user;
    h->ops = (struct IoOps){.read = hook_read, .write = hook_write, .min_size = 1, .max_size = max_size};
    h->next = m->hooks; /* freed with the machine, mapped or not */
    m->hooks = h;
    return h;
}

int twin86_hook_ports(Twin86Machine *machine, uint16_t port, unsigned count, const Twin86Hook *hook) {
    struct Machine *m = &machine->m;
    if (count == 0 || count > 0x10000u - port)
        return -EINVAL;
    if (machine_running(m))
        return -EBUSY;
    struct Hook *h = hook_new(m, hook, 4);
    return h == NULL ? -ENOMEM : bus_map_ports(m->bus, port, count, "hook", &h->ops, h);
}

int twin86_hook_mmio(Twin86Machine *machine, uint64_t gpa, uint64_t size, const Twin86Hook *hook) {
    struct Machine *m = &machine->m;
    if (size == 0 || gpa + size - 1 < gpa)
        return -EINVAL;
    if (machine_running(m))
        return -EBUSY;
    struct Hook *h = hook_new(m, hook, 8);
    if (h == NULL)
        return -ENOMEM;
    region_init_mmio(&h->region, "hook", size, &h->ops, h);
    return bus_map(m->bus, gpa, &h->region);
}

/* ---- looking ---- */

void twin86_stats(Twin86Machine *machine, Twin86Stats *stats) {
    struct Machine *m = &machine->m;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t started = atomic_load(&m->started_ns);
    *stats = (Twin86Stats){
        .instructions = atomic_load(&m->instructions),
        .guest_ns = (uint64_t)clock_now(m->clock),
        .run_ns = (uint64_t)atomic_load(&m->run_ns),
        .resets = atomic_load(&m->resets),
        .handovers = m->handovers,
    };
    for (unsigned i = 0; i < m->cpu_count; i++)
        stats->cpu_ns += (uint64_t)vcpu_cpu_time(machine_cpu(m, i));
    if (started != 0)
        stats->run_ns += (uint64_t)(ts.tv_sec * NS_PER_SEC + ts.tv_nsec - started);
}

void twin86_engine_stats(Twin86Machine *machine, char *buf, size_t size) {
    struct Machine *m = &machine->m;
    if (size == 0)
        return;
    buf[0] = '\0';
    if (machine_running(m))
        return;
    size_t used = 0;
    for (const struct Engine *e = m->engines; e != NULL; e = e->next) {
        const struct AccelLookOps *look = e->accel.ops->look;
        for (unsigned i = 0; i < m->cpu_count && look != NULL && look->describe != NULL; i++) {
            char line[4096] = "", cpu[16] = "";
            look->describe(e->vcpu[i], line, sizeof(line));
            if (m->cpu_count > 1)
                snprintf(cpu, sizeof(cpu), "CPU %u: ", i);
            if (line[0] != '\0' && used < size)
                used += (size_t)snprintf(buf + used, size - used, "%s: %s%s\n", e->item, cpu, line);
        }
    }
}

uint64_t twin86_assists(Twin86Machine *machine, char *buf, size_t size) {
    if (size > 0)
        buf[0] = '\0';
    if (machine_running(&machine->m))
        return 0;
    struct CpuStats all = {0};
    for (unsigned i = 0; i < machine->m.cpu_count; i++)
        cpu_add_assists(&all, &machine_cpu(&machine->m, i)->stats);
    cpu_describe_assists(&all, buf, size);
    return all.assists;
}

int twin86_state_hash(Twin86Machine *machine, uint8_t hash[32]) {
    if (machine_running(&machine->m))
        return -EBUSY;
    machine_sync_state(&machine->m);
    machine_hash(&machine->m, hash);
    return 0;
}
