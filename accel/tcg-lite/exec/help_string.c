/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Repetitions go on until the count is used up, the condition fails, or an event is due; registers
 * are up to date after each, so faults and interrupts find them as the SDM says (vol. 2, REP). Forward moves and fills
 * run a page at a time through host memory.
 */
#include "accel/tcg-lite/exec/shapes_string.h"

#include <string.h>

/** The operands of one string instruction, unpacked once. */
struct StringOp {
    struct Tcg *t;
    const struct Insn *i;
    unsigned size;  /* bytes of an element */
    unsigned width; /* bits of rSI, rDI, rCX */
    int step;       /* +size or -size */
    bool rep;
};

static struct StringOp unpack(struct Tcg *t, const struct Insn *i) {
    unsigned size = 1u << i->osize;
    return (struct StringOp){
        .t = t,
        .i = i,
        .size = size,
        .width = 8u << i->asize,
        .step = t->env->rflags & FLAG_DF ? -(int)size : (int)size,
        .rep = i->rep != 0,
    };
}

static uint64_t reg_get(const struct StringOp *s, enum X86Reg r) { return gpr_read(s->t->env, r * 8, s->width); }
static void reg_add(const struct StringOp *s, enum X86Reg r, int64_t n) {
    gpr_write(s->t->env, r * 8, s->width, reg_get(s, r) + (uint64_t)n);
}

static uint64_t source(const struct StringOp *s) {
    return mem_linear(s->t, s->i, s->i->seg, reg_get(s, REG_SI), s->size, ACCESS_READ);
}
static uint64_t target(const struct StringOp *s, enum Access access) {
    return mem_linear(s->t, s->i, SEG_ES, reg_get(s, REG_DI), s->size, access);
}

/** Elements from `offset` on that fit in its page and do not wrap the index register. */
static uint64_t room(const struct StringOp *s, uint64_t linear, uint64_t offset) {
    uint64_t bytes = 4096 - (linear & 0xfff);
    uint64_t to_wrap = s->width == 64 ? UINT64_MAX : (1ull << s->width) - offset;
    return (bytes < to_wrap ? bytes : to_wrap) / s->size;
}

/** Whole pages may be done at once: forward, many, and no segment whose limit could lie inside. */
static bool bulk_possible(const struct StringOp *s) {
    return s->rep && s->step > 0 && (s->t->mode & MODE_FLAT) && !(s->t->mode & MODE_STEP);
}

/** 67 with a repeat prefix in 64-bit code: the count and these index registers lose their upper halves at once, not
 * with the first iteration. */
static void cut_registers(const struct StringOp *s, bool source, bool target) {
    struct Tcg *t = s->t;
    if (LIKELY(s->width != 32) || !s->rep || (t->mode & MODE_CODE) != MODE_CODE64 ||
        !tcg_as_intel(t, RULE_REP_ADDRESS_SIZE))
        return;
    gpr_write(t->env, REG_CX * 8, 32, t->env->gpr[REG_CX]);
    if (source)
        gpr_write(t->env, REG_SI * 8, 32, t->env->gpr[REG_SI]);
    if (target)
        gpr_write(t->env, REG_DI * 8, 32, t->env->gpr[REG_DI]);
}

/** As many elements as one page of source and target allow; returns how many, 0 when host memory can't be had. */
static uint64_t bulk_move(const struct StringOp *s, uint64_t count) {
    uint64_t from = source(s), n = room(s, from, reg_get(s, REG_SI));
    const uint8_t *src = mem_host_read(s->t, from, 1);
    if (src == NULL || n == 0) /* it may fault, and that comes before anything of the target */
        return 0;
    uint64_t to = target(s, ACCESS_WRITE), m = room(s, to, reg_get(s, REG_DI));
    uint8_t *dst = mem_host_write(s->t, to, 1);
    n = n < m ? n : m;
    n = n < count ? n : count;
    if (dst == NULL || n == 0)
        return 0;
    size_t bytes = n * s->size;
    if ((uintptr_t)dst - (uintptr_t)src >= bytes) {
        memmove(dst, src, bytes);
    } else { /* the target runs after the source: what is read was written just before */
        for (size_t k = 0; k < bytes; k += s->size)
            memmove(dst + k, src + k, s->size);
    }
    reg_add(s, REG_SI, (int64_t)bytes);
    reg_add(s, REG_DI, (int64_t)bytes);
    return n;
}

static uint64_t bulk_fill(const struct StringOp *s, uint64_t count) {
    uint64_t to = target(s, ACCESS_WRITE), n = room(s, to, reg_get(s, REG_DI)), v = s->t->env->gpr[REG_AX];
    uint8_t *dst = mem_host_write(s->t, to, 1);
    n = n < count ? n : count;
    if (dst == NULL || n == 0)
        return 0;
    if (s->size == 1) {
        memset(dst, (int)(v & 0xff), n);
    } else {
        for (uint64_t k = 0; k < n; k++)
            host_store(dst + k * s->size, s->size, v);
    }
    reg_add(s, REG_DI, (int64_t)(n * s->size));
    return n;
}

/* The load's faults come before those of the target's address (measured on both vendors' processors). */
static void move_one(const struct StringOp *s) {
    uint64_t v = mem_load(s->t, s->i, source(s), s->size);
    mem_store(s->t, s->i, target(s, ACCESS_WRITE), s->size, v);
    reg_add(s, REG_SI, s->step);
    reg_add(s, REG_DI, s->step);
}

static void fill_one(const struct StringOp *s) {
    mem_store(s->t, s->i, target(s, ACCESS_WRITE), s->size, s->t->env->gpr[REG_AX]);
    reg_add(s, REG_DI, s->step);
}

static void load_one(const struct StringOp *s) {
    uint64_t v = mem_load(s->t, s->i, source(s), s->size);
    gpr_write(s->t->env, REG_AX * 8, s->size * 8, v);
    reg_add(s, REG_SI, s->step);
}

/** Between two repetitions: single steps are wanted, or an event is due (which has set the limit to 0). */
static inline bool must_pause(const struct Tcg *t) {
    if (LIKELY(atomic_load_explicit(&t->limit, memory_order_relaxed) != 0))
        return false;
    return (t->mode & MODE_STEP) || tcg_event_due(t);
}

/** Repeat `one` (and `bulk`, which may be NULL) as the prefix says. */
ALWAYS_INLINE bool repeat(const struct StringOp *s, void (*one)(const struct StringOp *),
                          uint64_t (*bulk)(const struct StringOp *, uint64_t)) {
    if (!s->rep) {
        one(s);
        return true;
    }
    bool fast = bulk != NULL && bulk_possible(s);
    uint64_t left = reg_get(s, REG_CX);
    while (left > 0) {
        uint64_t n = fast ? bulk(s, left) : 0;
        if (n == 0) {
            one(s);
            n = 1;
        }
        left -= n;
        gpr_write(s->t->env, REG_CX * 8, s->width, left);
        if (left > 0 && must_pause(s->t))
            return false;
    }
    return true;
}

bool kernel_movs(struct Tcg *t, const struct Insn *i) {
    struct StringOp s = unpack(t, i);
    cut_registers(&s, true, true);
    return repeat(&s, move_one, bulk_move);
}

bool kernel_stos(struct Tcg *t, const struct Insn *i) {
    struct StringOp s = unpack(t, i);
    cut_registers(&s, false, true);
    return repeat(&s, fill_one, bulk_fill);
}

bool kernel_lods(struct Tcg *t, const struct Insn *i) {
    struct StringOp s = unpack(t, i);
    cut_registers(&s, false, false);
    return repeat(&s, load_one, NULL);
}

static uint64_t compare_source(const struct StringOp *s) { return mem_load(s->t, s->i, source(s), s->size); }
static uint64_t compare_target(const struct StringOp *s) {
    return mem_load(s->t, s->i, target(s, ACCESS_READ), s->size);
}

/** CMPS and SCAS: compare until REPE or REPNE ends. The flags change only when the instruction is left in order: a
 *  fault shows those from before it; so does, on Intel's processors, what comes between two iterations. */
ALWAYS_INLINE bool compare(const struct StringOp *s, bool with_source, bool target_first) {
    struct Tcg *t = s->t;
    unsigned bits = s->size * 8;
    cut_registers(s, false, false);
    uint64_t left = s->rep ? reg_get(s, REG_CX) : 1;
    struct Cc cc = t->cc;

    while (left > 0) {
        uint64_t b = target_first ? compare_target(s) : 0;
        uint64_t a = with_source ? compare_source(s) : gpr_read(t->env, REG_AX * 8, bits);
        b = target_first ? b : compare_target(s);
        cc_set_sub(&cc, b, a - b, bits);
        if (with_source)
            reg_add(s, REG_SI, s->step);
        reg_add(s, REG_DI, s->step);
        left--;
        if (s->rep)
            gpr_write(t->env, REG_CX * 8, s->width, left);
        if (s->rep && (a == b) != (s->i->rep == 3))
            break;
        if (left > 0 && must_pause(t)) {
            if (!tcg_as_intel(t, RULE_REP_TRAP_FLAGS))
                t->cc = cc;
            return false;
        }
    }
    t->cc = cc;
    return true;
}

bool kernel_cmps(struct Tcg *t, const struct Insn *i) {
    struct StringOp s = unpack(t, i);
    return tcg_as_intel(t, RULE_CMPS_ORDER) ? compare(&s, true, true) : compare(&s, true, false);
}

bool kernel_scas(struct Tcg *t, const struct Insn *i) {
    struct StringOp s = unpack(t, i);
    return compare(&s, false, true);
}
