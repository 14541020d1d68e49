/* SPDX-License-Identifier: MIT */
/*
 * tcg-lite behind the engine interface: life-cycle, kicks, state sync, what the bus announces.
 */
#include "accel/tcg-lite/engine.h"
#include "accel/cases.h"
#include "accel/follow.h"
#include "accel/look.h"
#include "accel/tcg-lite/exec/vec/approx.h"
#include "accel/tcg-lite/jit/jit.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/links.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/watch/watch.h"
#include "base/why.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MiB for host code at most; decoded blocks get half as much. Memory is taken by need. */
enum { TB_SIZE_DEFAULT = 160, TB_SIZE_MAX = 4096 };
/* MiB that host code takes at most: jumps in it reach 2 GiB. */
enum { JIT_SIZE_MAX = 1024 };

static int probe(char *why, size_t n) {
    (void)why, (void)n;
    return 0;
}

/* Machine-wide: what the options say. */
struct Options {
    bool plain;
    enum AccelThreads threads;
    enum { JIT_OFF, JIT_ON, JIT_EAGER } jit;
    bool jit_miss;
    unsigned tb_size; /* MiB */
};

static bool set_plain(struct Options *o, const char *value) {
    o->plain = strcmp(value, "on") == 0;
    return o->plain || strcmp(value, "off") == 0;
}

static bool set_threads(struct Options *o, const char *value) {
    o->threads = strcmp(value, "single") == 0 ? ACCEL_THREADS_SINGLE : ACCEL_THREADS_MULTI;
    return o->threads == ACCEL_THREADS_SINGLE || strcmp(value, "multi") == 0;
}

static bool set_jit(struct Options *o, const char *value) {
    static const char *const names[] = {[JIT_OFF] = "off", [JIT_ON] = "on", [JIT_EAGER] = "eager"};
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
        if (strcmp(value, names[k]) == 0) {
            o->jit = k;
            return true;
        }
    return false;
}

static bool set_jit_miss(struct Options *o, const char *value) {
    o->jit_miss = strcmp(value, "on") == 0;
    return o->jit_miss || strcmp(value, "off") == 0;
}

static bool set_tb_size(struct Options *o, const char *value) {
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    o->tb_size = (unsigned)n;
    return isdigit((unsigned char)value[0]) && *end == '\0' && n >= 1 && n <= TB_SIZE_MAX;
}

static const struct {
    const char *name, *values;
    bool (*set)(struct Options *o, const char *value);
} known_options[] = {{"plain", "on|off", set_plain},
                     {"thread", "single|multi", set_threads},
                     {"jit", "on|off|eager", set_jit},
                     {"jit-miss", "on|off", set_jit_miss},
                     {"tb-size", "MIB (1 to 4096)", set_tb_size}};
enum { KNOWN_OPTIONS = sizeof(known_options) / sizeof(known_options[0]) };

/* One option, "NAME=VALUE". */
static int parse_one(struct Options *o, char *text, char *why, size_t n) {
    char *value = strchr(text, '=');
    size_t len = value != NULL ? (size_t)(value - text) : strlen(text);
    for (size_t k = 0; k < KNOWN_OPTIONS; k++) {
        if (strlen(known_options[k].name) != len || memcmp(known_options[k].name, text, len) != 0)
            continue;
        if (value != NULL && known_options[k].set(o, value + 1))
            return 0;
        return why_set(why, n, -EINVAL, "-accel tcg-lite: '%s' should be %s=%s", text, known_options[k].name,
                       known_options[k].values);
    }
    why_set(why, n, 0, "-accel tcg-lite: unknown option '%s'; there are", text);
    for (size_t k = 0; k < KNOWN_OPTIONS; k++) {
        const char *before = k == 0 ? "" : k == KNOWN_OPTIONS - 1 ? " and" : ",";
        why_add(why, n, "%s %s=%s", before, known_options[k].name, known_options[k].values);
    }
    return -EINVAL;
}

static int parse(struct Options *o, const char *options, char *why, size_t n) {
    for (const char *s = options; *s != '\0' && *s != ':';) {
        size_t len = strcspn(s, ",:");
        char *one = strndup(s, len);
        int r = one != NULL ? parse_one(o, one, why, n) : why_errno(why, n, -ENOMEM, "-accel tcg-lite");
        free(one);
        if (r != 0)
            return r;
        s += len;
        if (*s == ',')
            s++;
    }
    return 0;
}

static void destroy(struct Accel *accel) {
    free(accel->data);
    accel->data = NULL;
}

static int init(struct Accel *accel, char *why, size_t n) {
    struct Options *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return -ENOMEM;
    o->tb_size = TB_SIZE_DEFAULT;
    o->jit = JIT_ON;
    int r = parse(o, accel->options, why, n);
    accel->data = o;
    accel->threads = o->threads;
    if (r != 0)
        destroy(accel);
    return r;
}

static void kick(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;
    if (t != NULL)
        atomic_store(&t->limit, 0);
}

static void mapping_changed(void *opaque, uint64_t gpa, uint64_t size) {
    struct Tcg *t = opaque;
    (void)gpa, (void)size;
    cpu_post(t->cpu, CPU_EVENT_MAP);
}

static void code_written(void *opaque, uint64_t gpa, uint64_t size) { tcg_code_announce(opaque, gpa, size); }

/* Another engine's guest writes what nobody hears of: no range says all. */
static void code_written_somewhere(void *opaque, uint64_t gpa, uint64_t size) {
    struct Tcg *t = opaque;
    (void)gpa, (void)size;
    cpu_post(t->cpu, CPU_EVENT_CODE);
}

static void code_begins(void *opaque, uint64_t gpa) { tcg_tlb_protect_code(opaque, gpa); }
static bool code_stored(void *opaque, uint64_t gpa, uint64_t size) { return tcg_code_forget(opaque, gpa, size); }

/* Without it the interpreter does all of the work. */
static void begin_translator(struct Tcg *t, const struct Options *o) {
    unsigned size = o->tb_size < JIT_SIZE_MAX ? o->tb_size : JIT_SIZE_MAX;
    t->jit = jit_new((size_t)size << 20, o->jit == JIT_EAGER, o->jit_miss);
    if (t->jit == NULL)
        fprintf(stderr, "twin86: -accel tcg-lite,jit=on: no memory for code: %s; going on without\n", strerror(errno));
}

static int vcpu_init(struct CPUState *cpu, struct Accel *accel) {
    const struct Options *o = accel != NULL ? accel->data : NULL; /* NULL: this is for another engine */
    struct Tcg *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->links = links_new();
    t->blocks = tcg_blocks_new((size_t)(o != NULL ? o->tb_size : TB_SIZE_DEFAULT) << 20 >> 1);
    if (t->links == NULL || t->blocks == NULL) {
        links_free(t->links);
        tcg_blocks_free(t->blocks);
        free(t);
        return -ENOMEM;
    }
    if (accel != NULL && !cpu->model.kvm_wanted)
        cpu->model.feature[FEAT_KVM] = 0; /* a guest that finds KVM believes that it runs at a processor's speed */
    t->cpu = cpu;
    t->env = &cpu->env;
    t->delivering = -1;
    t->host_approximates = approx_host_is(cpu->model.vendor);
    t->plain = o != NULL && o->plain;
    t->leave.fn = tcg_exec_leave;
    t->lookup.fn = tcg_exec_lookup;
    t->link.fn = tcg_exec_link;
    t->edge.fn = tcg_exec_edge;
    cpu->engine = t;
    if (o != NULL && o->jit && !o->plain)
        begin_translator(t, o);
    if (tcg_watch_init(t, accel != NULL) != 0)
        return -ENOMEM;
    tcg_tlb_init(t);
    const struct BusListener listener = {.mapping_changed = mapping_changed,
                                         .code_written = accel != NULL ? code_written : code_written_somewhere,
                                         .code_begins = code_begins,
                                         .code_stored = code_stored,
                                         .opaque = t};
    return bus_add_listener(cpu->bus, &listener);
}

static void vcpu_destroy(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;
    if (t == NULL)
        return;
    bus_remove_listeners(cpu->bus, t);
    tcg_blocks_free(t->blocks);
    jit_free(t->jit);
    tcg_watch_free(t);
    links_free(t->links);
    free(t);
    cpu->engine = NULL;
}

static void get_state(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;
    cpu->env.rflags = tcg_rflags(t);
}

/* As put_state, but for what the TLB has. */
static void put_registers(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;
    cc_load(&t->cc, (uint32_t)cpu->env.rflags);
    cpu->env.zero = 0;
    t->insn = NULL;
    t->tf_armed = t->shadow_running = t->repeating = false;
    t->held_db = 0;
    tcg_update_mode(t);
}

static int put_state(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;
    tcg_tlb_flush(t);
    put_registers(cpu);
    t->kvm_pv_stale = true;
    return 0;
}

static void memory_changed(struct CPUState *cpu, uint64_t gpa, uint64_t size) {
    if (size == UINT64_MAX)
        tcg_blocks_flush(cpu->engine);
    else
        tcg_code_written(cpu->engine, gpa, size);
}

static void tables_changed(struct CPUState *cpu) { tcg_tlb_flush_non_global(cpu->engine); }

static const struct AccelFollowOps follow = {.step = tcg_step};
static const struct AccelLookOps look = {
    .doctor = tcg_doctor, .describe = tcg_describe, .translator = tcg_info, .history = tcg_history};
static const struct AccelCaseOps cases = {
    .put_registers = put_registers, .memory_changed = memory_changed, .tables_changed = tables_changed};

const struct AccelOps tcg_lite_ops = {
    .name = "tcg-lite",
    .software = true,
    .counts_instructions = true,
    .probe = probe,
    .init = init,
    .destroy = destroy,
    .vcpu_init = vcpu_init,
    .vcpu_destroy = vcpu_destroy,
    .exec = tcg_exec,
    .kick = kick,
    .get_state = get_state,
    .put_state = put_state,
    .follow = &follow,
    .look = &look,
    .cases = &cases,
};
