/* SPDX-License-Identifier: MIT */
#include "diff/run/frame.h"

#include <string.h>

bool diff_in_handler(const struct DiffSpace *s, const CPUX86State *env) {
    uint64_t linear = env->rip + (x86_long_mode(env) ? 0 : env->seg[SEG_CS].base);
    return linear - (s->sys + DIFF_SYS_HANDLERS) < 256 * DIFF_HANDLER;
}

uint32_t diff_handler_vector(const struct DiffSpace *s, const CPUX86State *env) {
    uint64_t base = x86_long_mode(env) ? 0 : env->seg[SEG_CS].base;
    return (uint32_t)((env->rip + base - s->sys - DIFF_SYS_HANDLERS) / DIFF_HANDLER);
}

/** A byte of the space's memory; 0 where there is none. */
static uint8_t byte_at(const struct DiffSpace *s, uint64_t linear) {
    if (s->mode == DIFF_REAL16)
        return (linear &= s->a20_mask) < s->ram.size ? s->ram.host[linear] : 0;
    if (linear - s->sys < DIFF_SYS_SIZE)
        return s->ram.host[s->sys_phys + (linear - s->sys)];
    const uint8_t *p = diff_space_at(s, linear);
    return p != NULL ? *p : 0;
}

/** A handler's stack, from its top. */
struct Stack {
    const struct DiffSpace *s;
    uint64_t base, sp, mask;
    unsigned size;
};

static uint64_t pop(struct Stack *k) {
    uint64_t v = 0;
    for (unsigned n = 0; n < k->size; n++)
        v |= (uint64_t)byte_at(k->s, k->base + ((k->sp + n) & k->mask)) << (8 * n);
    k->sp += k->size;
    return v;
}

static struct Stack stack_of(const struct DiffSpace *s, const CPUX86State *env) {
    bool wide = x86_long_mode(env), real = !x86_protected(env);
    const struct X86Segment *ss = &env->seg[SEG_SS];
    return (struct Stack){s, wide ? 0 : ss->base, env->gpr[REG_SP],
                          wide                    ? UINT64_MAX
                          : (ss->ar & AR_DB) != 0 ? UINT32_MAX
                                                  : UINT16_MAX,
                          wide   ? 8
                          : real ? 2
                                 : 4};
}

/** Data segments, which v8086 mode leaves on the stack. */
static void pop_v8086(struct Stack *k, CPUX86State *env) {
    static const uint8_t order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned n = 0; n < sizeof(order); n++) {
        uint16_t selector = (uint16_t)pop(k);
        env->seg[order[n]] = (struct X86Segment){selector, 0xf3, 0xffff, (uint64_t)selector << 4};
    }
}

void diff_frame_read(const struct DiffSpace *s, CPUX86State *env, struct DiffState *out, struct DiffFrame *frame) {
    struct Stack k = stack_of(s, env);
    const struct Stack start = k;
    out->error = k.size != 2 && diff_has_error(out->vector) ? (uint32_t)pop(&k) : 0;
    out->rip = pop(&k);
    frame->cs = pop(&k) & 0xffff;
    uint64_t flags = pop(&k);
    out->rflags = k.size == 2 ? (env->rflags & ~0xffffull) | flags : flags;
    bool vm = k.size == 4 && (flags & FLAG_VM);
    if (k.size == 8 || (k.size == 4 && (vm || (frame->cs & 3)))) {
        out->gpr[REG_SP] = pop(&k);
        frame->ss = pop(&k) & 0xffff;
    } else {
        out->gpr[REG_SP] = (env->gpr[REG_SP] & ~k.mask) | (k.sp & k.mask);
        frame->ss = env->seg[SEG_SS].selector;
    }
    frame->base = start.base, frame->sp = start.sp, frame->mask = start.mask;
    frame->bytes = (unsigned)(k.sp - start.sp);
    if (vm) {
        pop_v8086(&k, env);
        out->fs_base = env->seg[SEG_FS].base;
        out->gs_base = env->seg[SEG_GS].base;
    }
    out->cr2 = out->vector == VEC_PF ? env->cr2 : 0;
    out->dr6 = out->vector == VEC_DB ? env->dr[6] & DIFF_DR6 : 0;
}

/* ---- pads ---- */

static const uint8_t trap_pad[4] = {0xcc, 'P', 'A', 'D'};

void diff_trap_pad(uint8_t *at) { memcpy(at, trap_pad, sizeof(trap_pad)); }

bool diff_at_trap_pad(const struct DiffSpace *s, uint64_t linear) {
    const uint8_t *p = diff_space_at(s, linear);
    return p != NULL && (linear & 0xfff) <= 4096 - sizeof(trap_pad) && memcmp(p, trap_pad, sizeof(trap_pad)) == 0;
}

/* ---- system registers ---- */

const char diff_system_names[DIFF_SYSTEM][12] = {
    "cs",       "ss",        "cr0",   "cr3",      "cr4",       "efer",    "xcr0",     "gdt_base", "gdt_limit",
    "idt_base", "idt_limit", "ldt",   "ldt_base", "ldt_limit", "ldt_ar",  "tr",       "tr_base",  "tr_limit",
    "tr_ar",    "dr0",       "dr1",   "dr2",      "dr3",       "dr7",     "star",     "lstar",    "cstar",
    "fmask",    "kernel_gs", "se_cs", "se_esp",   "se_eip",    "pat",     "tsc_aux",  "es",       "es_base",
    "es_limit", "es_ar",     "ds",    "ds_base",  "ds_limit",  "ds_ar",   "fs",       "fs_limit", "fs_ar",
    "gs",       "gs_limit",  "gs_ar", "cs_base",  "cs_ar",     "ss_base", "ss_limit", "ss_ar",    "pkru",
};

/** Base, limit and attributes of a segment that can't be used mean nothing (SDM vol. 3, 25.4.1), nor do those of data
 *  segments to 64-bit code. */
static void put_segment(uint64_t *v, const struct X86Segment *s, bool base) {
    bool usable = !(s->ar & AR_UNUSABLE) && (s->ar & AR_P);
    *v++ = s->selector;
    if (base)
        *v++ = usable ? s->base : 0;
    *v++ = usable ? s->limit : 0;
    *v = usable ? s->ar : AR_UNUSABLE;
}

void diff_system_read(const CPUX86State *env, const struct DiffFrame *frame, struct DiffSystem *out) {
    const uint64_t first[] = {frame->cs, frame->ss,     env->cr0,       env->cr3,      env->cr4,      env->efer,
                              env->xcr0, env->gdt.base, env->gdt.limit, env->idt.base, env->idt.limit};
    uint64_t *v = out->v;
    memset(out, 0, sizeof(*out));
    memcpy(v, first, sizeof(first));
    put_segment(v + 11, &env->ldt, true);
    put_segment(v + 15, &env->tr, true);
    const uint64_t middle[] = {env->dr[0],       env->dr[1],        env->dr[2],        env->dr[3], env->dr[7],
                               env->star,        env->lstar,        env->cstar,        env->fmask, env->kernel_gs_base,
                               env->sysenter_cs, env->sysenter_esp, env->sysenter_eip, env->pat,   env->tsc_aux};
    memcpy(v + 19, middle, sizeof(middle));
    put_segment(v + 34, &env->seg[SEG_ES], true);
    put_segment(v + 38, &env->seg[SEG_DS], true);
    put_segment(v + 42, &env->seg[SEG_FS], false);
    put_segment(v + 45, &env->seg[SEG_GS], false);
    v[53] = env->pkru;
}

void diff_system_read_own(const CPUX86State *env, struct DiffSystem *out) {
    uint64_t cs[4], ss[4];
    put_segment(cs, &env->seg[SEG_CS], true);
    put_segment(ss, &env->seg[SEG_SS], true);
    const uint64_t own[] = {cs[1], cs[3], ss[1], ss[2], ss[3]};
    memcpy(out->v + 48, own, sizeof(own));
}
