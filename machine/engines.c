/* SPDX-License-Identifier: MIT */
/*
 * The engines of one machine, and hand-over: the guest leaves one engine and goes on in another.
 *
 * That is possible because env, the bus and the devices are the whole truth while a vCPU is parked: the old engine
 * has finished the instruction it was in (a device access included) and has stored registers, events on their way and
 * the TSC in env; the new one loads them. Timers and interrupt controllers belong to the machine and notice nothing.
 */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char kernel_irqchip_stays[] =
    "with kernel-irqchip=on the interrupt controllers are the engine's, and can't go to another one";

static const char statistics_stay[] = "exit statistics are of one engine; -exit-stats and -handover don't go together";

/* ---- making ---- */

static struct Engine *new_engine(struct Machine *m, const struct AccelOps *ops, const char *options) {
    size_t name = strlen(ops->name), more = strcspn(options, ":");
    struct Engine *e = calloc(1, sizeof(*e) + name + 1 + more + 1);
    if (e == NULL || (e->vcpu = calloc(m->cpu_count, sizeof(*e->vcpu))) == NULL) {
        free(e);
        return NULL;
    }
    memcpy(e->item, ops->name, name);
    if (more > 0) {
        e->item[name] = ',';
        memcpy(e->item + name + 1, options, more);
    }
    e->accel = (struct Accel){
        .ops = ops, .bus = m->bus, .clock = m->clock, .lock = &m->lock, .irqchip = m->config.kernel_irqchip};
    e->accel.options = e->item + name + (more > 0);
    return e;
}

static void free_engine(struct Engine *e) {
    free(e->vcpu);
    free(e);
}

/* Let `e`, or NULL: nothing, be what executes all vCPUs. */
static void set_engine(struct Machine *m, struct Engine *e) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_set_engine(machine_cpu(m, i), e != NULL ? &e->accel : NULL, e != NULL ? e->vcpu[i] : NULL);
}

static void destroy_engine(struct Machine *m, struct Engine *e) {
    const struct AccelOps *ops = e->accel.ops;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct CPUState *cpu = machine_cpu(m, i);
        if (e->vcpu[i] == NULL || ops->vcpu_destroy == NULL)
            continue;
        cpu_set_engine(cpu, NULL, e->vcpu[i]);
        ops->vcpu_destroy(cpu);
    }
    set_engine(m, NULL);
    if (e->ready && ops->destroy != NULL)
        ops->destroy(&e->accel);
    free_engine(e);
}

/* Its part of a vCPU, which afterwards has no engine. cpu->error may hold a note. */
static int init_vcpu(struct Engine *e, struct CPUState *cpu, char *why, size_t n) {
    const struct AccelOps *ops = e->accel.ops;
    cpu->error[0] = '\0';
    cpu_set_engine(cpu, NULL, NULL); /* nobody kicks what is half made */
    int r = ops->vcpu_init(cpu, &e->accel);
    e->vcpu[cpu->index] = cpu->engine;
    cpu_set_engine(cpu, NULL, NULL);
    if (r == 0)
        return 0;
    if (cpu->error[0] == '\0')
        return why_errno(why, n, r, ops->name);
    snprintf(why, n, "%s", cpu->error);
    return r;
}

/* Its own parts, and its parts of the vCPUs: all get what the engine has left of the first one's model. */
static int init_engine(struct Machine *m, struct Engine *e, char *why, size_t n) {
    const struct AccelOps *ops = e->accel.ops;
    int r = ops->init != NULL ? ops->init(&e->accel, why, n) : 0;
    if (r != 0)
        return r;
    e->ready = true;
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++) {
        machine_cpu(m, i)->model = machine_cpu(m, 0)->model;
        machine_cpu(m, i)->tsc_hz = machine_cpu(m, 0)->tsc_hz;
        r = init_vcpu(e, machine_cpu(m, i), why, n);
    }
    return r;
}

static int settle_model(struct Machine *m, struct Engine *e, char *why, size_t n) {
    int r = 0;
    for (unsigned i = 0; i < m->cpu_count && r == 0 && e->accel.ops->set_model != NULL; i++) {
        struct CPUState *cpu = machine_cpu(m, i);
        cpu->model = machine_cpu(m, 0)->model;
        cpu_set_engine(cpu, NULL, e->vcpu[i]);
        r = e->accel.ops->set_model(cpu);
        cpu_set_engine(cpu, NULL, NULL);
        if (r != 0)
            snprintf(why, n, "%s", cpu->error);
    }
    return r;
}

static struct Engine *find(const struct Machine *m, const char *item) {
    struct Engine *e = m->engines;
    while (e != NULL && strcmp(e->item, item) != 0)
        e = e->next;
    return e;
}

/* ---- threads ---- */

/* The vCPUs' threads are made once, for all engines: can `e` do with them? */
static int check_threads(const struct Machine *m, const struct Engine *e, char *why, size_t n) {
    const struct Accel *a = &e->accel;
    if (m->config.icount && a->threads == ACCEL_THREADS_MULTI)
        return why_set(why, n, -EINVAL, "-icount: processors take turns in one thread; leave thread=multi out");
    if (m->cpu_count == 1)
        return 0;
    if (m->one_thread && !a->ops->software)
        return why_set(why, n, -EINVAL,
                       "thread=single is for engines that are software; %s needs a thread for each processor",
                       a->ops->name);
    if (a->threads == (m->one_thread ? ACCEL_THREADS_MULTI : ACCEL_THREADS_SINGLE))
        return why_set(why, n, -EINVAL,
                       "the machine's processors have %s, whatever engine runs them; leave thread= out",
                       m->one_thread ? "one thread" : "a thread each");
    return 0;
}

/* ---- at the machine's creation ---- */

/* One more note, behind what there is. */
static void append(char *why, size_t n, const char *note) {
    if (note[0] != '\0')
        why_add(why, n, "%s%s", why[0] != '\0' ? "; " : "", note);
}

/* The first of `list` that works here. */
static int add_engine(struct Machine *m, const char *list, char *why, size_t n) {
    const struct AccelOps *ops;
    const char *options;
    int r = accel_choose(list, &ops, &options, why, n);
    if (r != 0)
        return r;
    if (m->config.kernel_irqchip && ops->irqchip == NULL) {
        snprintf(why, n, "-machine kernel-irqchip=on needs -accel kvm; %s has no interrupt controllers", ops->name);
        return -EINVAL;
    }
    struct Engine *e = new_engine(m, ops, options);
    if (e == NULL)
        return why_errno(why, n, -ENOMEM, ops->name);
    if (find(m, e->item) != NULL) { /* named twice */
        free_engine(e);
        return 0;
    }
    struct Engine **end = &m->engines;
    while (*end != NULL)
        end = &(*end)->next;
    *end = e; /* whatever happens now, machine_destroy_engines finds it */
    r = init_engine(m, e, why, n);
    struct CPUState *cpu = machine_cpu(m, 0);
    if (r == 0 && strcmp(cpu->model.name, "max") != 0) /* "max" promises nothing */
        append(why, n, cpu->error);
    cpu->error[0] = '\0';
    if (r == 0 && ops->look != NULL && ops->look->caveat != NULL) {
        char caveat[256];
        ops->look->caveat(caveat, sizeof(caveat));
        append(why, n, caveat);
    }
    return r;
}

/* Each engine of `list`. */
static int add_engines(struct Machine *m, const char *list, char *why, size_t n) {
    char *copy = strdup(list), *rest = copy, *item;
    int r = copy == NULL ? why_errno(why, n, -ENOMEM, "engines") : 0;
    why[0] = '\0';
    while (r == 0 && (item = strsep(&rest, ":")) != NULL) {
        char line[512];
        r = add_engine(m, item, line, sizeof(line));
        if (r != 0)
            snprintf(why, n, "%s", line);
        else
            append(why, n, line);
    }
    free(copy);
    return r;
}

int machine_create_engines(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    if (config->handover && config->exit_stats) {
        snprintf(why, n, "%s", statistics_stay);
        return -EINVAL;
    }
    if (config->handover && config->kernel_irqchip) {
        snprintf(why, n, "%s", kernel_irqchip_stays);
        return -EINVAL;
    }
    m->vcpu_sandbox = machine_sandbox_for(config->accel);
    int r = config->handover ? add_engines(m, config->accel, why, n) : add_engine(m, config->accel, why, n);
    m->one_thread = m->config.icount || (r == 0 && m->engines->accel.threads == ACCEL_THREADS_SINGLE);
    for (struct Engine *e = m->engines; r == 0 && e != NULL; e = e->next)
        if ((r = check_threads(m, e, why, n)) == 0)
            r = settle_model(m, e, why, n);
    if (r != 0)
        return r;
    m->engine = m->engines;
    set_engine(m, m->engine);
    return 0;
}

void machine_destroy_engines(struct Machine *m) {
    for (struct Engine *e = m->engines, *next; e != NULL; e = next) {
        next = e->next;
        destroy_engine(m, e);
    }
    m->engines = m->engine = NULL;
}

/* ---- hand-over ---- */

/* The guest has seen its CPU: an engine that can't give all of it is refused. */
static int check_promises(const struct CPUState *cpu, const struct CpuModel *model, uint64_t tsc_hz, const char *name,
                          char *why, size_t n) {
    static const char remedy[] = "only a machine made for both engines can change to it";
    if (cpu->model.feature[FEAT_KVM] != model->feature[FEAT_KVM]) {
        snprintf(why, n,
                 "%s can't give KVM's paravirtual interfaces, which the guest has been promised; %s, or one made "
                 "without them (-cpu ...,kvm=off)",
                 name, remedy);
        return -EINVAL;
    }
    bool same = memcmp(cpu->model.feature, model->feature, sizeof(model->feature)) == 0 &&
                cpu->model.phys_bits == model->phys_bits;
    if (!same)
        snprintf(why, n, "%s, which the guest has been promised; %s", cpu->error, remedy);
    else if (cpu_has(model, CPUID_PKU) && cpu->model.pkru_offset != model->pkru_offset)
        snprintf(why, n, "%s: this host has PKRU elsewhere in XSAVE areas than the guest has been told; %s", name,
                 remedy);
    else if (cpu->tsc_hz != tsc_hz)
        snprintf(why, n, "%s: the guest's time stamp counter runs at %.3f MHz, but this host's at %.3f MHz; %s", name,
                 (double)tsc_hz / 1e6, (double)cpu->tsc_hz / 1e6, remedy);
    else
        return 0;
    return -EINVAL;
}

/* One more engine for a machine that has its CPU model. It takes no part in it yet. */
static int make_later(struct Machine *m, struct Engine *e, char *why, size_t n) {
    struct CPUState *first = machine_cpu(m, 0);
    struct CpuModel model = first->model;
    uint64_t tsc_hz = first->tsc_hz;
    int r = init_engine(m, e, why, n);
    if (r == 0)
        r = check_threads(m, e, why, n);
    if (r == 0)
        r = check_promises(first, &model, tsc_hz, e->accel.ops->name, why, n);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct CPUState *cpu = machine_cpu(m, i);
        cpu->model = model;
        cpu->tsc_hz = tsc_hz;
        cpu->error[0] = '\0';
    }
    return r != 0 ? r : settle_model(m, e, why, n);
}

/* Let `e` load the env of a vCPU that is `e`'s now. */
static int load_env(struct Engine *e, struct CPUState *cpu, char *why, size_t n) {
    int r = e->accel.ops->put_state != NULL ? e->accel.ops->put_state(cpu) : 0;
    if (r != 0)
        snprintf(why, n, "%s", cpu->error);
    cpu->error[0] = '\0';
    return r;
}

/* VT-x that the guest was given by software is the software engine's: no other one can go on with it. */
static int check_vmx(struct Machine *m, const struct Engine *e, char *why, size_t n) {
    for (unsigned i = 0; i < m->cpu_count && !e->accel.ops->software; i++)
        if (machine_cpu(m, i)->env.vmx != VMX_OFF)
            return why_set(
                why, n, -EBUSY,
                "%s can't go on with processor %u, which is in VMX operation; end the guest's hypervisor first",
                e->accel.ops->name, i);
    return 0;
}

/* Let `e` load all there is. If it can't, the engine that is in use still has it. */
static int hand_over(struct Machine *m, struct Engine *e, char *why, size_t n) {
    struct Engine *old = m->engine;
    int r = 0;
    machine_sync_state(m);
    r = check_vmx(m, e, why, n);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = accel_check_points(e->accel.ops, machine_cpu(m, i), e->vcpu[i], &machine_cpu(m, i)->debug, why, n);
    if (r != 0)
        return r;
    set_engine(m, e);
    for (unsigned i = 0; i < m->cpu_count && r == 0; i++)
        r = load_env(e, machine_cpu(m, i), why, n);
    if (r != 0) {
        set_engine(m, old);
        return r;
    }
    m->engine = e;
    m->handovers++;
    trace_engine(&m->trace, e->accel.ops->name, e->accel.ops->software);
    for (unsigned i = 0; i < m->cpu_count; i++)
        machine_cpu(m, i)->env_changed = false;
    /* while it was away, code and page tables may have changed without its notice */
    machine_post(m, CPU_EVENT_CODE | CPU_EVENT_MAP);
    return 0;
}

int machine_set_engine(struct Machine *m, const char *list, char *why, size_t n) {
    const struct AccelOps *ops;
    const char *options;
    if (list == NULL) {
        snprintf(why, n, "no engine is named");
        return -EINVAL;
    }
    int r = accel_choose(list, &ops, &options, why, n);
    if (r != 0)
        return r;
    if (!machine_sandbox_allows(m, ops, why, n))
        return -EPERM;
    struct Engine *made = new_engine(m, ops, options), *known = made != NULL ? find(m, made->item) : NULL;
    if (made == NULL)
        return why_errno(why, n, -ENOMEM, ops->name);
    if (known != NULL) {
        free_engine(made);
        return known == m->engine ? 0 : hand_over(m, known, why, n);
    }
    if (m->config.exit_stats) {
        free_engine(made);
        snprintf(why, n, "%s", statistics_stay);
        return -EINVAL;
    }
    if (m->config.kernel_irqchip) {
        free_engine(made);
        snprintf(why, n, "%s", kernel_irqchip_stays);
        return -EINVAL;
    }
    struct Engine *old = m->engine;
    machine_sync_state(m); /* before the vCPUs are without engine */
    r = make_later(m, made, why, n);
    if (r == 0)
        r = hand_over(m, made, why, n);
    if (r != 0) {
        destroy_engine(m, made);
        set_engine(m, old);
        return r;
    }
    made->next = m->engines->next; /* the list begins with the first one */
    m->engines->next = made;
    return 0;
}
