/* SPDX-License-Identifier: MIT */
/* All of a CPU's state as a thing of its own, and the modes that a CPU may be put in without a guest's help. */
#include "cpu/env_check.h"
#include "cpu/env_fields.h"
#include "include/twin86_cpu.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Twin86Context {
    CPUX86State env;
    bool halted, shut_down, wait_for_sipi;
    uint64_t cr4_sse; /* bits of CR4 that the model has for SSE */
};

/* ---- modes ---- */

static const struct ModeRow {
    uint32_t code;  /* rights of CS beyond those of any code */
    uint32_t data;  /* ... of the data segments */
    uint32_t limit; /* of all */
    bool protected, long_mode;
} modes[TWIN86_MODE_COUNT] = {
    [TWIN86_MODE_REAL16] = {0, 0, 0xffff, false, false},
    [TWIN86_MODE_PROT16] = {0, 0, 0xffff, true, false},
    [TWIN86_MODE_PROT32] = {AR_DB | AR_G, AR_DB | AR_G, UINT32_MAX, true, false},
    [TWIN86_MODE_COMPAT32] = {AR_DB | AR_G, AR_DB | AR_G, UINT32_MAX, true, true},
    [TWIN86_MODE_LONG64] = {AR_L | AR_G, AR_DB | AR_G, UINT32_MAX, true, true},
};

enum { CODE_SELECTOR = 0x10, DATA_SELECTOR = 0x18 };

static void set_segments(CPUX86State *env, const struct ModeRow *mode, unsigned cpl) {
    const uint32_t any = AR_P | AR_S | AR_ACCESSED | AR_WRITABLE | cpl << AR_DPL_SHIFT;
    const struct X86Segment flat = {.limit = mode->limit, .ar = any | mode->data};
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        env->seg[i] = flat;
        env->seg[i].selector = mode->protected ? DATA_SELECTOR | cpl : 0;
    }
    struct X86Segment *cs = &env->seg[SEG_CS];
    cs->selector = mode->protected ? CODE_SELECTOR | cpl : 0;
    cs->ar = any | AR_CODE | mode->code;
    env->ldt = (struct X86Segment){.ar = AR_UNUSABLE};
    env->tr = (struct X86Segment){.limit = 0xffff, .ar = AR_P | 0xb}; /* a busy TSS, 32 or 64 bits by mode */
}

/* Nothing is on its way or blocked. */
static void clear_events(CPUX86State *env) {
    env->int_shadow = SHADOW_NONE;
    env->nmi_blocked = env->init_blocked = false;
    env->pending_db = 0;
    memset(&env->exception, 0, sizeof(env->exception));
    memset(&env->interrupt, 0, sizeof(env->interrupt));
    env->vmx = VMX_OFF;
    env->vmxon_pointer = env->vmcs_pointer = 0;
}

int twin86_context_mode(Twin86Context *context, enum Twin86Mode mode, unsigned cpl, uint64_t cr3) {
    if ((unsigned)mode >= TWIN86_MODE_COUNT || cpl > 3)
        return -EINVAL;
    const struct ModeRow *row = &modes[mode];
    if (!row->protected && (cpl != 0 || cr3 != 0))
        return -EINVAL;
    CPUX86State *env = &context->env;
    bool paging = row->long_mode || cr3 != 0;
    clear_events(env);
    context->halted = context->shut_down = context->wait_for_sipi = false;
    env->rflags = FLAG_ONE;
    env->cr0 = CR0_ET | CR0_NE | CR0_MP | (row->protected ? CR0_PE : 0) | (paging ? CR0_PG | CR0_WP : 0);
    env->cr3 = cr3;
    env->cr4 = context->cr4_sse | (row->long_mode ? CR4_PAE : 0);
    env->efer = row->long_mode ? EFER_LME | EFER_LMA | EFER_SCE : 0;
    set_segments(env, row, cpl);
    return 0;
}

int twin86_identity_tables(Twin86Machine *machine, uint64_t at, unsigned gib) {
    enum { PAGE = 4096, ENTRIES = 512, GIB_MAX = 512, POINTER = 7, LARGE = 0x87 }; /* present, writable, user; PS */
    uint64_t ram = machine_of(machine)->layout.below_4g;
    if (at % PAGE != 0 || gib == 0 || gib > GIB_MAX || at >= ram || (ram - at) / PAGE < 2 + gib)
        return -EINVAL;
    uint64_t table[ENTRIES] = {(at + PAGE) | POINTER};
    twin86_write_memory(machine, at, table, PAGE);
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = i < gib ? (at + (2 + i) * (uint64_t)PAGE) | POINTER : 0;
    twin86_write_memory(machine, at + PAGE, table, PAGE);
    for (unsigned g = 0; g < gib; g++) {
        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = ((uint64_t)g << 30 | (uint64_t)i << 21) | LARGE;
        twin86_write_memory(machine, at + (2 + g) * (uint64_t)PAGE, table, PAGE);
    }
    return 0;
}

/* ---- from and to a CPU ---- */

Twin86Context *twin86_context_new(void) { return calloc(1, sizeof(Twin86Context)); }

void twin86_context_free(Twin86Context *context) { free(context); }

static int stopped_cpu(Twin86Machine *machine, unsigned index, struct CPUState **cpu) {
    struct Machine *m = machine_of(machine);
    if (index >= m->cpu_count)
        return -EINVAL;
    if (machine_running(m))
        return -EBUSY;
    *cpu = machine_cpu(m, index);
    cpu_sync_state(*cpu);
    return 0;
}

int twin86_context_save(Twin86Machine *machine, unsigned index, Twin86Context *context) {
    struct CPUState *cpu;
    int r = stopped_cpu(machine, index, &cpu);
    if (r == 0)
        *context = (Twin86Context){cpu->env, cpu->halted, cpu->shut_down, cpu->wait_for_sipi,
                                   cpu_model_cr4(&cpu->model) & (CR4_OSFXSR | CR4_OSXMMEXCPT)};
    return r;
}

int twin86_context_restore(Twin86Machine *machine, unsigned index, const Twin86Context *context, char *why,
                           size_t why_size) {
    struct CPUState *cpu;
    int r = stopped_cpu(machine, index, &cpu);
    const char *wrong = r == -EINVAL  ? "the machine has no such CPU"
                        : r == -EBUSY ? "the machine is running"
                                      : cpu_env_check(&context->env, &cpu->model);
    if (why_size > 0)
        snprintf(why, why_size, "%s%s", r == 0 && wrong != NULL ? "registers: " : "", wrong != NULL ? wrong : "");
    if (wrong != NULL)
        return r != 0 ? r : -EINVAL;
    cpu->env = context->env;
    cpu->halted = context->halted;
    cpu->shut_down = context->shut_down;
    cpu->wait_for_sipi = context->wait_for_sipi;
    cpu_state_changed(cpu);
    return 0;
}

/* ---- fields ---- */

const char *twin86_field_name(unsigned index, size_t *size) {
    if (index >= env_field_count)
        return NULL;
    *size = env_fields[index].size;
    return env_fields[index].name;
}

static int find(const char *name, size_t size, const struct EnvField **f) {
    *f = env_field_find(name);
    return *f == NULL ? -ENOENT : (*f)->size != size ? -EINVAL : 0;
}

int twin86_context_get(const Twin86Context *context, const char *name, void *value, size_t size) {
    const struct EnvField *f;
    int r = find(name, size, &f);
    if (r == 0)
        memcpy(value, env_field_at(&context->env, f), size);
    return r;
}

int twin86_context_set(Twin86Context *context, const char *name, const void *value, size_t size) {
    const struct EnvField *f;
    int r = find(name, size, &f);
    if (r == 0)
        memcpy((uint8_t *)&context->env + f->offset, value, size);
    return r;
}
