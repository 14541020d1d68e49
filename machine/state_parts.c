/* SPDX-License-Identifier: MIT */
/* The parts of a saved state that are no RAM: clock, vCPUs, devices, and work on its way to them. See state.h. */
#include "base/bytes.h"
#include "cpu/env_check.h"
#include "cpu/env_fields.h"
#include "machine/machine.h"
#include "machine/state.h"
#include "machine/state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

struct ClockSaved {
    int64_t now, wall_seconds, wall_ns;
};

static const char *check_clock(const void *state) {
    const struct ClockSaved *c = state;
    bool ok = c->now >= 0 && c->now < CLOCK_END && c->wall_seconds >= 0 && c->wall_seconds <= CLOCK_WALL_LAST &&
              c->wall_ns >= 0 && c->wall_ns < NS_PER_SEC;
    return ok ? NULL : "a time that can't be";
}

static const struct StateTable clock_table = {
    .name = "clock",
    .size = sizeof(struct ClockSaved),
    .version = 1,
    .check = check_clock,
    .field =
        (const struct StateField[]){
            STATE_FIELD(ClockSaved, now), STATE_FIELD(ClockSaved, wall_seconds), STATE_FIELD(ClockSaved, wall_ns), {0}},
};

/* What a vCPU is beside its registers. */
struct VcpuSaved {
    uint64_t insn_count, event_count, random_count;
    int64_t icount_offset;
    uint32_t events; /* CPU_EVENT_*, those in SAVED_EVENTS */
    uint8_t sipi_vector;
    bool halted, shut_down, wait_for_sipi, reset_wanted;
    bool has_turn;
    uint16_t turn_left; /* instructions */
    uint8_t unused[4];
};

#define SAVED_EVENTS (CPU_EVENT_INTR | CPU_EVENT_NMI | CPU_EVENT_INIT | CPU_EVENT_SIPI | CPU_EVENT_UNHALT)

/* Counts to which a budget can be added. */
static const char *check_vcpu(const void *state) {
    const struct VcpuSaved *v = state;
    if (v->insn_count >= UINT64_MAX / 4 || v->event_count >= UINT64_MAX / 4)
        return "it has executed more instructions than there is time for";
    return v->icount_offset >= 0 && v->icount_offset <= CLOCK_END ? NULL : "it has slept for a time that can't be";
}

static const struct StateTable vcpu_table = {
    .name = "vcpu",
    .size = sizeof(struct VcpuSaved),
    .version = 2,
    .check = check_vcpu,
    .field =
        (const struct StateField[]){
            STATE_FIELD(VcpuSaved, insn_count),
            STATE_FIELD(VcpuSaved, event_count),
            STATE_FIELD(VcpuSaved, random_count),
            STATE_FIELD(VcpuSaved, icount_offset),
            STATE_FIELD(VcpuSaved, events, .max = SAVED_EVENTS),
            STATE_FIELD(VcpuSaved, sipi_vector),
            STATE_FIELD(VcpuSaved, halted),
            STATE_FIELD(VcpuSaved, shut_down),
            STATE_FIELD(VcpuSaved, wait_for_sipi),
            STATE_FIELD(VcpuSaved, reset_wanted),
            STATE_FIELD(VcpuSaved, has_turn, .since = 2),
            STATE_FIELD(VcpuSaved, turn_left, .since = 2, .max = VCPU_TURN_INSNS),
            STATE_PADDING(VcpuSaved, unused),
            {0},
        },
};

/* Posted, and not begun while the machine stood still. What of it comes first makes no difference. */
struct PostedSaved {
    bool power, nmi, serial, wake;
};

static const struct StateTable posted_table = {
    .name = "posted",
    .size = sizeof(struct PostedSaved),
    .version = 2,
    .field = (const struct StateField[]){STATE_FIELD(PostedSaved, power),
                                         STATE_FIELD(PostedSaved, nmi),
                                         STATE_FIELD(PostedSaved, serial),
                                         STATE_FIELD(PostedSaved, wake, .since = 2),
                                         {0}},
};

extern const struct StateTable machine_identity_table; /* state_identity.c */
const struct StateTable *const machine_state_tables[] = {&machine_identity_table, &clock_table, &vcpu_table,
                                                         &posted_table, NULL};

/* ---- memory for what is read ---- */

struct Bytes {
    uint8_t *data;
    size_t size;
};

struct SavedCpu {
    CPUX86State env;
    struct VcpuSaved run;
    struct Bytes irqchip; /* the engine's local APIC */
};

struct SavedMachine {
    struct ClockSaved clock;
    struct PostedSaved posted;
    struct Bytes serial, irqchip;
    unsigned cpus, devices;
    struct SavedCpu *cpu;
    void **device; /* machine_device_states, each for as many vCPUs as it is of, in this order */
};

static int out_of_memory(struct StateFile *s) { return state_file_fail(s, -ENOMEM, "%s", strerror(ENOMEM)); }

static unsigned instances(const struct Machine *m, unsigned device) {
    return machine_device_states[device].of_cpu ? m->cpu_count : 1;
}

/* For each state of a device: the number of the device, of the vCPU, and of the state. */
#define FOR_EACH_STATE(m, d, c, k)                                                                                     \
    for (unsigned d = 0, k = 0; d < machine_device_state_count; d++)                                                   \
        for (unsigned c = 0; c < instances(m, d); c++, k++)

static int new_parts(struct StateFile *s, const struct Machine *m, struct SavedMachine **saved) {
    struct SavedMachine *p = *saved = calloc(1, sizeof(*p));
    if (p == NULL)
        return out_of_memory(s);
    for (unsigned d = 0; d < machine_device_state_count; d++)
        p->devices += instances(m, d);
    size_t bytes = m->cpu_count * sizeof(*p->cpu); /* a multiple of the type's alignment */
    p->cpu = aligned_alloc(_Alignof(struct SavedCpu), bytes);
    p->device = calloc(p->devices, sizeof(*p->device));
    if (p->cpu == NULL || p->device == NULL)
        return out_of_memory(s);
    memset(p->cpu, 0, bytes);
    p->cpus = m->cpu_count;
    return 0;
}

void state_free_parts(struct SavedMachine *p) {
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->cpus; i++)
        free(p->cpu[i].irqchip.data);
    for (unsigned i = 0; i < p->devices && p->device != NULL; i++)
        free(p->device[i]);
    free(p->serial.data);
    free(p->irqchip.data);
    free(p->cpu);
    free(p->device);
    free(p);
}

/* ---- bytes that have no table ---- */

static int put_bytes(struct StateFile *s, const char *name, unsigned instance, const void *data, size_t n) {
    int r = state_file_section(s, name, instance, 1, (int64_t)n);
    return r == 0 ? state_file_write(s, data, n) : r;
}

static int get_bytes(struct StateFile *s, const char *name, unsigned instance, size_t max, struct Bytes *b) {
    unsigned version;
    int64_t size;
    int r = state_file_expect(s, name, instance, 1, (int64_t)max, &version, &size);
    if (r != 0)
        return r;
    b->size = (size_t)size;
    b->data = malloc(b->size + 1);
    return b->data == NULL ? out_of_memory(s) : state_file_read(s, b->data, b->size);
}

/* ---- registers: each with its name and its size, so that none is taken for another ---- */

static const char env_section[] = "env";
enum { ENV_BYTES_MAX = 65536 };

static int put_env(struct StateFile *s, unsigned cpu, const CPUX86State *env) {
    uint8_t bytes[ENV_BYTES_MAX], *at = bytes;
    for (unsigned i = 0; i < env_field_count; i++) {
        const struct EnvField *f = &env_fields[i];
        uint8_t name = (uint8_t)strlen(f->name);
        *at++ = name;
        *at++ = f->size;
        memcpy(at, f->name, name);
        memcpy(at + name, env_field_at(env, f), f->size);
        at += name + f->size;
    }
    return put_bytes(s, env_section, cpu, bytes, (size_t)(at - bytes));
}

/* One field of `n` bytes that are left; how many it has, or 0: it is none. */
static size_t get_field(const uint8_t *in, size_t n, CPUX86State *env, bool *seen) {
    char name[sizeof(((struct EnvField *)0)->name)] = {0};
    if (n < 2 || in[0] >= sizeof(name) || n < 2u + in[0] + in[1])
        return 0;
    memcpy(name, in + 2, in[0]);
    const struct EnvField *f = env_field_find(name);
    if (f == NULL || f->size != in[1] || seen[f - env_fields])
        return 0;
    seen[f - env_fields] = true;
    memcpy((uint8_t *)env + f->offset, in + 2 + in[0], f->size);
    return 2u + in[0] + in[1];
}

static int get_env(struct StateFile *s, unsigned cpu, const struct CpuModel *model, CPUX86State *env) {
    bool seen[256] = {0};
    struct Bytes b = {0};
    int r = get_bytes(s, env_section, cpu, ENV_BYTES_MAX, &b);
    for (size_t at = 0, n; r == 0 && at < b.size; at += n)
        if ((n = get_field(b.data + at, b.size - at, env, seen)) == 0)
            r = state_file_fail(s, -EINVAL, "env: a register that does not exist, at byte %zu", at);
    free(b.data);
    for (unsigned i = 0; r == 0 && i < env_field_count; i++)
        if (!seen[i])
            r = state_file_fail(s, -EINVAL, "env: %s is not there", env_fields[i].name);
    const char *wrong = r == 0 ? cpu_env_check(env, model) : NULL;
    return wrong != NULL ? state_file_fail(s, -EINVAL, "env: %s", wrong) : r;
}

/* ---- vCPUs ---- */

static uint16_t turn_left(const struct CPUState *cpu) {
    uint64_t now = cpu_progress(cpu);
    return cpu->turn_over || cpu->turn_end <= now ? 0 : (uint16_t)(cpu->turn_end - now);
}

static void save_vcpu(const struct CPUState *cpu, struct VcpuSaved *v) {
    *v = (struct VcpuSaved){
        .insn_count = cpu->insn_count,
        .event_count = cpu->event_count,
        .random_count = cpu->random_count,
        .icount_offset = cpu->icount_offset,
        .events = atomic_load(&cpu->events) & SAVED_EVENTS,
        .sipi_vector = cpu->sipi_vector,
        .halted = cpu->halted,
        .shut_down = cpu->shut_down,
        .wait_for_sipi = cpu->wait_for_sipi,
        .reset_wanted = vcpu_reset_wanted(cpu),
        .has_turn = cpu->has_turn,
        .turn_left = turn_left(cpu),
    };
}

static void apply_vcpu(struct CPUState *cpu, const struct SavedCpu *saved) {
    const struct VcpuSaved *v = &saved->run;
    cpu->env = saved->env;
    cpu->insn_count = v->insn_count;
    cpu->event_count = v->event_count;
    cpu->random_count = v->random_count;
    cpu->icount_offset = v->icount_offset;
    cpu->has_turn = v->has_turn;
    cpu->turn_over = false;
    cpu->turn_end = cpu_progress(cpu) + v->turn_left;
    cpu->sipi_vector = v->sipi_vector;
    cpu->halted = v->halted;
    cpu->shut_down = v->shut_down;
    cpu->wait_for_sipi = v->wait_for_sipi;
    cpu_retract(cpu, SAVED_EVENTS);
    vcpu_forget_reset(cpu);
    if (v->reset_wanted)
        vcpu_request_reset(cpu);
    cpu_post(cpu, v->events | CPU_EVENT_CODE | CPU_EVENT_MAP); /* RAM and A20 are others */
    cpu_state_changed(cpu);
}

static int put_vcpu(struct StateFile *s, struct Machine *m, unsigned i) {
    const struct CPUState *cpu = machine_cpu(m, i);
    struct VcpuSaved v;
    save_vcpu(cpu, &v);
    int r = state_file_put(s, "vcpu", i, &vcpu_table, &v);
    return r == 0 ? put_env(s, i, &cpu->env) : r;
}

static int get_vcpu(struct StateFile *s, struct Machine *m, unsigned i, struct SavedCpu *saved) {
    const struct CPUState *cpu = machine_cpu(m, i);
    save_vcpu(cpu, &saved->run);
    int r = state_file_get(s, "vcpu", i, &vcpu_table, &saved->run);
    return r == 0 ? get_env(s, i, &cpu->model, &saved->env) : r;
}

/* ---- an engine's own interrupt controllers ---- */

enum { IRQCHIP_BYTES_MAX = 8192 };

static const struct AccelIrqchipOps *irqchip(const struct Machine *m) {
    return m->config.kernel_irqchip ? m->engine->accel.ops->irqchip : NULL;
}

static int put_irqchip(struct StateFile *s, struct Machine *m) {
    const struct AccelIrqchipOps *ops = irqchip(m);
    uint8_t bytes[IRQCHIP_BYTES_MAX];
    if (ops == NULL)
        return 0;
    int r = put_bytes(s, "irqchip", 0, bytes, ops->save(&m->engine->accel, bytes, sizeof(bytes)));
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = put_bytes(s, "irqchip-cpu", i, bytes, ops->save_cpu(machine_cpu(m, i), true, bytes, sizeof(bytes)));
    return r;
}

static int get_irqchip(struct StateFile *s, struct Machine *m, struct SavedMachine *p) {
    if (irqchip(m) == NULL)
        return 0;
    int r = get_bytes(s, "irqchip", 0, IRQCHIP_BYTES_MAX, &p->irqchip);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = get_bytes(s, "irqchip-cpu", i, IRQCHIP_BYTES_MAX, &p->cpu[i].irqchip);
    return r;
}

static int apply_irqchip(struct StateFile *s, struct Machine *m, const struct SavedMachine *p) {
    const struct AccelIrqchipOps *ops = irqchip(m);
    if (ops == NULL)
        return 0;
    int r = ops->restore(&m->engine->accel, p->irqchip.data, p->irqchip.size);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = ops->restore_cpu(machine_cpu(m, i), p->cpu[i].irqchip.data, p->cpu[i].irqchip.size);
    return r == 0
               ? 0
               : state_file_fail(s, r, "the engine's interrupt controllers do not take their state: %s", strerror(-r));
}

/* ---- devices, and what is on its way to them ---- */

/* What could not be restored is not saved: a device may wait for something of the host. */
static int put_device(struct StateFile *s, const struct DeviceState *d, unsigned cpu, const void *state) {
    const char *wrong = d->table->check != NULL ? d->table->check(state) : NULL;
    if (wrong != NULL)
        return state_file_fail(s, -EBUSY, "%s can't be saved now: %s", d->name, wrong);
    return state_file_put(s, d->name, cpu, d->table, state);
}

static int put_devices(struct StateFile *s, struct Machine *m) {
    int r = 0;
    FOR_EACH_STATE(m, d, c, k) {
        if (r == 0)
            r = put_device(s, &machine_device_states[d], c, machine_device_state(m, d, c));
    }
    return r;
}

static int get_devices(struct StateFile *s, struct Machine *m, struct SavedMachine *p) {
    int r = 0;
    FOR_EACH_STATE(m, d, c, k) {
        const struct StateTable *t = machine_device_states[d].table;
        if (r != 0)
            break;
        p->device[k] = malloc(t->size);
        if (p->device[k] == NULL)
            return out_of_memory(s);
        memcpy(p->device[k], machine_device_state(m, d, c), t->size);
        r = state_file_get(s, machine_device_states[d].name, c, t, p->device[k]);
    }
    return r;
}

static int put_serial(struct StateFile *s, struct Machine *m) {
    struct SerialQueue *q = &m->serial;
    uint8_t *bytes = malloc(SERIAL_QUEUE_SIZE);
    if (bytes == NULL)
        return out_of_memory(s);
    pthread_mutex_lock(&q->mutex);
    size_t n = q->count;
    for (size_t i = 0; i < n; i++)
        bytes[i] = q->data[(q->head + i) % SERIAL_QUEUE_SIZE];
    pthread_mutex_unlock(&q->mutex);
    int r = put_bytes(s, "serial", 0, bytes, n);
    free(bytes);
    return r;
}

static void apply_serial(struct Machine *m, const struct Bytes *b) {
    struct SerialQueue *q = &m->serial;
    pthread_mutex_lock(&q->mutex);
    q->head = 0;
    q->count = b->size;
    if (b->size != 0)
        memcpy(q->data, b->data, b->size);
    pthread_mutex_unlock(&q->mutex);
}

static void post(struct Machine *m, struct LoopWork *w, bool on) {
    loop_cancel(&m->loop, w);
    if (on)
        loop_post(&m->loop, w);
}

/* ---- all ---- */

int state_put_parts(struct StateFile *s, struct Machine *m) {
    struct ClockWall wall = clock_wall_start(m->clock);
    struct ClockSaved clock = {clock_now(m->clock), wall.seconds, wall.ns};
    struct PostedSaved posted = {loop_posted(&m->power_work), loop_posted(&m->nmi_work), loop_posted(&m->serial_work),
                                 loop_posted(&m->wake_work)};
    int r = state_file_put(s, "clock", 0, &clock_table, &clock);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = put_vcpu(s, m, i);
    if (r == 0 && (r = put_devices(s, m)) == 0 && (r = put_irqchip(s, m)) == 0 &&
        (r = state_file_put(s, "posted", 0, &posted_table, &posted)) == 0)
        r = put_serial(s, m);
    return r;
}

int state_get_parts(struct StateFile *s, struct Machine *m, struct SavedMachine **saved) {
    int r = new_parts(s, m, saved);
    struct SavedMachine *p = *saved;
    if (r == 0)
        r = state_file_get(s, "clock", 0, &clock_table, &p->clock);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = get_vcpu(s, m, i, &p->cpu[i]);
    if (r == 0 && (r = get_devices(s, m, p)) == 0 && (r = get_irqchip(s, m, p)) == 0 &&
        (r = state_file_get(s, "posted", 0, &posted_table, &p->posted)) == 0)
        r = get_bytes(s, "serial", 0, SERIAL_QUEUE_SIZE, &p->serial);
    return r;
}

int state_apply_parts(struct StateFile *s, struct Machine *m, const struct SavedMachine *p) {
    static const struct Bytes nothing = {0};
    uint64_t instructions = 0;
    clock_restore(m->clock, p->clock.now, (struct ClockWall){p->clock.wall_seconds, p->clock.wall_ns});
    FOR_EACH_STATE(m, d, c, k) {
        memcpy((void *)machine_device_state(m, d, c), p->device[k], machine_device_states[d].table->size);
    }
    for (unsigned i = 0; i < m->cpu_count; i++) {
        apply_vcpu(machine_cpu(m, i), &p->cpu[i]);
        instructions += machine_cpu(m, i)->insn_count;
    }
    atomic_store(&m->instructions, instructions);
    apply_serial(m, &nothing); /* what was there was for the guest that was there */
    machine_restored_devices(m);
    apply_serial(m, &p->serial);
    post(m, &m->serial_work, p->posted.serial);
    post(m, &m->power_work, p->posted.power);
    post(m, &m->nmi_work, p->posted.nmi);
    post(m, &m->wake_work, p->posted.wake);
    atomic_store(&m->reset_pressed, false); /* that was for the guest that was there */
    return apply_irqchip(s, m, p);
}
