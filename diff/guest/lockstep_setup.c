/* SPDX-License-Identifier: MIT */
/* Making leader and follower. See lockstep_follow.h. */
#include "diff/guest/lockstep_follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the local APIC's part that is not on the bus ---- */

static int leader_acknowledge(void *opaque) {
    struct Follow *f = opaque;
    return f->devices->acknowledge(f->devices_opaque);
}

static uint64_t get_base(void *opaque) {
    struct Follow *f = opaque;
    return f->devices->get_base(f->devices_opaque);
}

static bool leader_set_base(void *opaque, uint64_t value) {
    struct Follow *f = opaque;
    return f->devices->set_base(f->devices_opaque, value);
}

static uint8_t get_cr8(void *opaque) {
    struct Follow *f = opaque;
    return f->devices->get_cr8(f->devices_opaque);
}

static void leader_set_cr8(void *opaque, uint8_t value) {
    struct Follow *f = opaque;
    f->devices->set_cr8(f->devices_opaque, value);
}

static bool leader_read_msr(void *opaque, uint32_t msr, uint64_t *value) {
    struct Follow *f = opaque;
    bool ok = f->devices->read_msr(f->devices_opaque, msr, value);
    if (ok)
        lock_log_note(&f->log, LOG_MSR, false, msr, value, sizeof(*value));
    return ok;
}

static bool leader_write_msr(void *opaque, uint32_t msr, uint64_t value) {
    struct Follow *f = opaque;
    bool ok = f->devices->write_msr(f->devices_opaque, msr, value);
    if (ok)
        lock_log_note(&f->log, LOG_MSR, true, msr, &value, sizeof(value));
    return ok;
}

static void leader_tsc_changed(void *opaque) {
    struct Follow *f = opaque;
    f->devices->tsc_changed(f->devices_opaque);
}

static int follower_acknowledge(void *opaque) { return ((struct Follow *)opaque)->inject; }
static bool follower_set_base(void *opaque, uint64_t value) { return (void)opaque, (void)value, true; }
static void follower_set_cr8(void *opaque, uint8_t value) { (void)opaque, (void)value; }
static void follower_tsc_changed(void *opaque) { (void)opaque; }

/* One that raises #GP on the leader has left nothing in the log. */
static bool follower_read_msr(void *opaque, uint32_t msr, uint64_t *value) {
    struct Follow *f = opaque;
    return f->log.taken < f->log.count && lock_log_take(&f->log, LOG_MSR, false, msr, value, sizeof(*value));
}

static bool follower_write_msr(void *opaque, uint32_t msr, uint64_t value) {
    struct Follow *f = opaque;
    return f->log.taken < f->log.count && lock_log_take(&f->log, LOG_MSR, true, msr, &value, sizeof(value));
}

static void wrap_apic(struct Follow *f) {
    struct CPUState *leader = machine_cpu(f->leader, 0), *follower = machine_cpu(f->follower, 0);
    const struct CpuApicOps *d = leader->apic;
    f->devices = d;
    f->devices_opaque = leader->apic_opaque;
    f->leader_apic = (struct CpuApicOps){
        .acknowledge = leader_acknowledge,
        .get_base = d->get_base != NULL ? get_base : NULL,
        .set_base = d->set_base != NULL ? leader_set_base : NULL,
        .get_cr8 = d->get_cr8 != NULL ? get_cr8 : NULL,
        .set_cr8 = d->set_cr8 != NULL ? leader_set_cr8 : NULL,
        .read_msr = d->read_msr != NULL ? leader_read_msr : NULL,
        .write_msr = d->write_msr != NULL ? leader_write_msr : NULL,
        .tsc_changed = d->tsc_changed != NULL ? leader_tsc_changed : NULL,
    };
    f->follower_apic = (struct CpuApicOps){
        .acknowledge = follower_acknowledge,
        .get_base = f->leader_apic.get_base,
        .set_base = d->set_base != NULL ? follower_set_base : NULL,
        .get_cr8 = f->leader_apic.get_cr8,
        .set_cr8 = d->set_cr8 != NULL ? follower_set_cr8 : NULL,
        .read_msr = d->read_msr != NULL ? follower_read_msr : NULL,
        .write_msr = d->write_msr != NULL ? follower_write_msr : NULL,
        .tsc_changed = d->tsc_changed != NULL ? follower_tsc_changed : NULL,
    };
    leader->apic = &f->leader_apic;
    leader->apic_opaque = f;
    follower->apic = &f->follower_apic;
    follower->apic_opaque = f;
}

/* ---- tables ---- */

static bool applies(const char *whom, const char *engine) {
    size_t n = strcspn(engine, ",");
    return whom == NULL || (strlen(whom) == n && strncmp(whom, engine, n) == 0);
}

static uint64_t flag_bits(uint8_t fb) {
    return (fb & FB_C ? FLAG_CF : 0) | (fb & FB_P ? FLAG_PF : 0) | (fb & FB_A ? FLAG_AF : 0) |
           (fb & FB_Z ? FLAG_ZF : 0) | (fb & FB_S ? FLAG_SF : 0) | (fb & FB_O ? FLAG_OF : 0);
}

static enum AccelStepFlags step_flags(const struct X86Row *row) {
    switch (row->image) {
    case IMAGE_PUSHED: return STEP_FLAGS_PUSHED;
    case IMAGE_TO_R11: return STEP_FLAGS_TO_R11;
    case IMAGE_FROM_R11: return STEP_FLAGS_FROM_R11;
    default: return STEP_FLAGS_STAY;
    }
}

static void describe_row(struct LockRow *w, const struct X86Row *row, const struct X86Form *form, const char *engine) {
    w->undefined = flag_bits(row->flags_undefined);
    w->string = form->attr & ATTR_REP;
    w->halts = row->exit == EXIT_HLT;
    w->flags = step_flags(row);
    w->system = ((row->reads | row->writes) & X86_REGS_SYSTEM) != 0 || row->exit == EXIT_MOV_DR;
    w->given = row->outside;
    w->given_flags = row->outside & X86_REGS_DEST; /* whether there was one */
    for (unsigned i = 0; i < explained_insn_count; i++) {
        if (row->id != explained_insns[i].id || !applies(explained_insns[i].engine, engine))
            continue;
        w->given |= explained_insns[i].gprs;
        w->given_flags |= explained_insns[i].flags;
    }
}

static bool make_tables(struct Follow *f) {
    f->rows = calloc(x86_row_count, sizeof(*f->rows));
    f->never = calloc(env_field_count, sizeof(*f->never));
    f->step_ignore = calloc(env_field_count, sizeof(*f->step_ignore));
    f->trail = calloc(LOCK_TRAIL, sizeof(*f->trail));
    if (f->rows == NULL || f->never == NULL || f->step_ignore == NULL || f->trail == NULL)
        return false;
    for (unsigned i = 1; i < x86_row_count; i++)
        describe_row(&f->rows[i], &x86_rows[i], &x86_forms[i], f->c->engine[1]);
    for (unsigned i = 0; i < explained_field_count; i++) {
        const struct EnvField *field = env_field_find(explained_fields[i].field);
        if (field != NULL && applies(explained_fields[i].engine, f->c->engine[1]))
            f->never[field - env_fields] |= explained_fields[i].bits;
    }
    f->never_mask.ignore = f->never;
    f->mask.ignore = f->step_ignore;
    f->gpr_field = (unsigned)(env_field_find("rax") - env_fields);
    f->rflags_field = (unsigned)(env_field_find("rflags") - env_fields);
    f->cr2_field = (unsigned)(env_field_find("cr2") - env_fields);
    f->dr6_field = (unsigned)(env_field_find("dr6") - env_fields);
    return true;
}

/* ---- machines ---- */

/* The follower first: it may be the one that can't give all of the CPU model, and then the leader must not either. */
static bool make_machines(struct Follow *f, bool output) {
    struct LockResult *r = f->r;
    f->follower = lock_machine_new(f->c, f->c->engine[1], false, false, r);
    if (f->follower == NULL)
        return false;
    if (machine_cpu(f->follower, 0)->accel->ops->follow == NULL) {
        r->error = -EINVAL;
        snprintf(r->why, sizeof(r->why), "engine %s can't follow another one", f->c->engine[1]);
        return false;
    }
    f->leader = lock_machine_new(f->c, f->c->engine[0], true, output, r);
    if (f->leader == NULL)
        return false;
    machine_cpu(f->leader, 0)->model = machine_cpu(f->follower, 0)->model;
    return true;
}

static void connect(struct Follow *f) {
    f->hooks = lock_follow_hooks;
    f->hooks.opaque = f;
    machine_cpu(f->leader, 0)->trace = &f->hooks;
    cpu_state_changed(machine_cpu(f->leader, 0)); /* the engine looks at the hooks when it is given state */
    wrap_apic(f);
    lock_log_init(&f->log);
    bus_set_tap(f->leader->bus, &f->log.leader);
    bus_set_tap(f->follower->bus, &f->log.follower);
}

bool lock_follow_init(struct Follow *f, const struct LockConfig *c, struct LockResult *r, bool output) {
    *f = (struct Follow){.c = c, .r = r, .inject = -1, .disas = disas_new()};
    bool ok = make_tables(f) && lock_history_init(&f->history, c->history) == 0;
    if (!ok) {
        r->error = -ENOMEM;
        snprintf(r->why, sizeof(r->why), "out of memory");
    }
    ok = ok && make_machines(f, output);
    if (ok)
        connect(f);
    else
        r->outcome = LOCK_FAILED;
    return ok;
}

void lock_follow_destroy(struct Follow *f) {
    if (f->leader != NULL)
        machine_cpu(f->leader, 0)->trace = &f->leader->trace.hooks;
    lock_machine_free(f->leader);
    lock_machine_free(f->follower);
    lock_log_destroy(&f->log);
    lock_history_destroy(&f->history);
    free(f->rows);
    free(f->trail);
    free(f->never);
    free(f->step_ignore);
    disas_free(f->disas);
}
