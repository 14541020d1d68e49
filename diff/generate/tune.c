/* SPDX-License-Identifier: MIT */
#include "diff/generate/tune.h"

#include "isa/x86_ids.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/** A set of enum X86Group, and whether a row is in it. */
#define IN(group) (1u << (group))
static bool in(const struct X86Row *row, uint32_t groups) {
    return row->group != GROUP_NONE && (groups >> row->group & 1);
}

/* ---- what is left out ---- */

/** Even where the cases' system is the test's own. */
static const char *left_out_always(const struct X86Row *r) {
    bool saves = in(r, IN(GROUP_XSAVE) | IN(GROUP_XRSTOR)); /* a case knows what XCR0 is to them */
    bool others = r->outside != 0 || ((r->reads & (X86_REGS_MSR | X86_REGS_XCR)) && !saves);
    if (r->group == GROUP_SYSCALL)
        return "leaves the program; what it does is the system's choice";
    if (others && !r->privileged)
        return "its result is not a function of the case";
    if (r->exit == EXIT_IO)
        return "an access to a device";
    if (r->exit == EXIT_MONITOR || r->exit == EXIT_MWAIT)
        return "waits";
    if (r->exit == EXIT_VMCALL)
        return "calls the hypervisor below";
    return NULL;
}

const char *gen_left_out(unsigned row, bool system) {
    const struct X86Row *r = &x86_rows[row];
    const char *always = left_out_always(r);
    bool masks = in(r, IN(GROUP_XSAVE) | IN(GROUP_XRSTOR));
    if (row == 0)
        return "is no instruction";
    if (always != NULL || system || r->privileged || in(r, IN(GROUP_FAR) | IN(GROUP_FAR_RET) | IN(GROUP_INT)))
        return always;
    if (((r->reads | r->writes) & X86_REGS_PKRU) && !masks)
        return "whether there are protection keys, and which, is the system's choice";
    if (r->reads & X86_REGS_TABLES)
        return r->writes & X86_REGS_SEG ? "loads a segment register from the system's tables"
                                        : "tells of the system's tables";
    if (r->sensitive && (r->reads & (X86_REGS_CR | X86_REGS_SEG)))
        return "tells of the system's registers";
    return NULL;
}

/** EDX:EAX say which components: they can't be addresses. */
static bool uses_mask(const struct X86Insn *i) {
    return i->base == REG_AX * 8 || i->base == REG_DX * 8 || i->index == REG_AX * 8 || i->index == REG_DX * 8;
}

bool tune_vex_l(const uint8_t *bytes) {
    while (*bytes != 0xc4 && *bytes != 0xc5)
        bytes++;
    return bytes[*bytes == 0xc5 ? 1 : 2] >> 2 & 1;
}

bool tune_allowed(const struct DiffEncode *e, const struct DiffInsn *insn, bool system) {
    struct CpuModel all = *e->model;
    struct DiffInsn i = *insn;
    if (i.d.row != 0 && gen_left_out(i.d.row, system))
        return false;
    if (e->qemu && i.d.row == 0 && memchr(i.bytes, 0xf0, i.len) != NULL)
        return false; /* LOCK BTR with a register: "tcg fatal error" of QEMU's (7.2) */
    const struct X86Row *row = &x86_rows[i.d.row];
    if (e->qemu && (row->id == ID_VROUNDSS || row->id == ID_VROUNDSD) && tune_vex_l(i.bytes))
        return false; /* an assertion of QEMU's (7.2) */
    if (i.d.insn.mem && in(row, IN(GROUP_XSAVE) | IN(GROUP_XRSTOR)) && uses_mask(&i.d.insn))
        return false;
    const struct X86Insn *n = &i.d.insn; /* a bit offset that is an address as well would lead far away */
    if (n->mem && row->group == GROUP_BT && (n->reg == n->base || n->reg == n->index))
        return false;
    memset(all.feature, 0xff, sizeof(all.feature));
    struct DiffEncode wide = *e;
    wide.model = &all;
    return diff_redecode(&wide, insn->d.row, &i);
}

/* ---- code ---- */

static void set_bytes(const struct DiffEncode *e, struct DiffInsn *i, unsigned at, uint64_t v, unsigned size) {
    struct DiffInsn old = *i;
    put_le(i->bytes + at, v, size);
    if (!diff_redecode(e, old.d.row, i))
        *i = old;
}

void tune_code(struct DiffRng *r, const struct DiffEncode *e, const struct GenGroup *q, struct DiffInsn *i,
               uint64_t at) {
    const struct X86Row *row = &x86_rows[i->d.row];
    unsigned imm = i->imm_at, size = i->len - imm, kind = x86_forms[i->d.row].imm_kind;
    bool user = e->cpl == 3, paragraphs = (e->mode & (MODE_REAL | MODE_VM86)) != 0;
    if (kind == IMM_JB || kind == IMM_JZ) { /* to a pad; rarely to INT3, or to where nothing is */
        uint64_t to = q->pad[diff_below(r, GEN_MAX_PADS)], next = at + i->len;
        if (diff_one_in(r, 32))
            to = q->pad[0] + DIFF_PAD_SIZE;
        if (size > 1 && diff_one_in(r, 32))
            to = next + (diff_rnd(r) | 0x20000000);
        set_bytes(e, i, imm, to - next, size);
    } else if (kind == IMM_WB && !diff_one_in(r, 16)) { /* ENTER */
        set_bytes(e, i, imm, diff_below(r, 128), 2);
        set_bytes(e, i, imm + 2, diff_below(r, 8) | (diff_rnd(r) >> 32 & 0xe0), 1);
    } else if (row->group == GROUP_RET && kind == IMM_W && !diff_one_in(r, 8)) {
        set_bytes(e, i, imm, diff_below(r, 64), 2);
    } else if (kind == IMM_FAR && size > 2) { /* offset, selector */
        set_bytes(e, i, imm, q->pad[diff_below(r, GEN_MAX_PADS)] - q->cs_base, size - 2);
        if (!diff_one_in(r, paragraphs ? 16 : 8))
            set_bytes(e, i, imm + size - 2, q->cs, 2);
    } else if (row->group == GROUP_INT && kind == IMM_B && !user) {
        if (diff_has_error(i->bytes[imm]) || i->bytes[imm] == VEC_BP) /* from software they push no error code */
            set_bytes(e, i, imm, 0x40, 1);
    } else if (row->group == GROUP_INT && kind == IMM_B) { /* Linux gives programs these gates */
        if (i->bytes[imm] == 0x80)
            set_bytes(e, i, imm, 0x40, 1);
    }
}

/* ---- memory ---- */

/** Whether n bytes lie in a window of the case, where they are contiguous in the batch as well. */
static bool inside(uint64_t linear, unsigned n, uint64_t window) {
    return linear - window < GEN_WINDOW && linear - window + n <= GEN_WINDOW;
}

void tune_poke(struct Tune *t, uint64_t linear, const void *bytes, unsigned n) {
    if (inside(linear, n, t->own) || inside(linear, n, t->window)) {
        memcpy((uint8_t *)gen_window_before(t->b, linear), bytes, n);
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        bool mine = linear + k - t->window < GEN_WINDOW || linear + k - t->own < GEN_WINDOW;
        uint8_t *p = mine ? (uint8_t *)gen_window_before(t->b, linear + k) : NULL;
        if (p != NULL)
            *p = ((const uint8_t *)bytes)[k];
    }
}

static uint64_t segment_base(const struct Tune *t) {
    unsigned seg = t->insn->d.insn.seg;
    return seg == SEG_FS ? t->s->fs_base : seg == SEG_GS ? t->s->gs_base : t->base[seg];
}

/** What an offset of this address size holds. */
static uint64_t offset_mask(const struct X86Insn *i) {
    return i->asize == 1 ? 0xffff : i->asize == 2 ? 0xffffffff : ~0ull;
}

/** 1/n modulo 2^64 for odd n (Newton). */
static uint64_t inverse(uint64_t n) {
    uint64_t x = n;
    for (unsigned k = 0; k < 6; k++)
        x *= 2 - n * x;
    return x;
}

/** Register `off` (a byte offset into gpr) becomes v; what stands above the address size does not matter. */
static void set_address(struct Tune *t, unsigned off, uint64_t v) {
    uint64_t mask = offset_mask(&t->insn->d.insn), wide = t->b->mode == DIFF_LONG64 ? ~0ull : 0xffffffff;
    uint64_t above = !diff_one_in(t->r, 4) ? diff_rnd(t->r) & ~mask & wide : 0;
    t->s->gpr[off / 8] = (v & mask) | above;
}

static uint16_t register_bit(unsigned off) { return off < INSN_REG_NONE ? (uint16_t)(1u << off / 8) : 0; }

void tune_aim(struct Tune *t, uint16_t *fixed) {
    struct DiffInsn *n = t->insn;
    const struct X86Insn *i = &n->d.insn;
    if (!i->mem)
        return;
    uint16_t before = *fixed;
    *fixed |= register_bit(i->base) | register_bit(i->index);
    bool narrow = i->asize != 3, index = i->index != INSN_REG_NONE;
    if (narrow && i->seg >= SEG_FS && t->b->mode == DIFF_LONG64) /* the base must leave the address within reach */
        t->s->fs_base &= 0xfffffff, t->s->gs_base &= 0xfffffff;
    uint64_t ea = t->target - segment_base(t);
    if (t->form->imm_kind == IMM_MOFFS) {
        set_bytes(t->e, n, n->imm_at, ea & offset_mask(i), 1u << i->asize);
    } else if (i->base == INSN_REG_RIP) {
        set_bytes(t->e, n, n->disp_at, ea - (t->at + n->len), 4);
    } else if (i->base == INSN_REG_NONE && !index) {
        set_bytes(t->e, n, n->disp_at, ea & offset_mask(i), n->disp_size);
    } else if (i->base == INSN_REG_NONE) {
        set_address(t, i->index, (ea - (uint64_t)(int64_t)i->disp) >> i->scale);
    } else if (i->base == i->index) {
        uint64_t sum = ea - (uint64_t)(int64_t)i->disp;
        set_address(t, i->base, i->scale == 0 ? sum >> 1 : sum * inverse(1 + (1ull << i->scale)));
    } else {
        if (index && diff_rnd(t->r) >> 63 && !(before & register_bit(i->index)))
            t->s->gpr[i->index / 8] = diff_below(t->r, 64);
        uint64_t part = index ? t->s->gpr[i->index / 8] << i->scale : 0;
        set_address(t, i->base, ea - part - (uint64_t)(int64_t)i->disp);
    }
}

/** An address that is not canonical, or nearly, in place of the target. */
static void misplace(struct Tune *t) {
    static const uint64_t odd[] = {
        0,     0x0000800000000000, 0x00007ffffffffffc, 0xffff7fffffffffff, 0xffff800000000000, 0x8000000000000000,
        ~0ull, 0xfffffffffffffff8, 0x00007fffffffffff};
    t->target = odd[diff_below(t->r, COUNT(odd))];
}

/* ---- single instructions ---- */

/** Somewhere a branch may go: a pad; rarely anywhere. */
static uint64_t branch_target(struct Tune *t) {
    return diff_one_in(t->r, 64) ? diff_integer(t->r) : t->q->pad[diff_below(t->r, GEN_MAX_PADS)] - t->q->cs_base;
}

/** Linear address of the stack's top. */
static uint64_t stack(const struct Tune *t) { return t->base[SEG_SS] + t->s->gpr[REG_SP]; }

static void poke_operand(struct Tune *t, const void *bytes, unsigned n) { tune_poke(t, t->target, bytes, n); }
static void poke_stack(struct Tune *t, const void *bytes, unsigned n) { tune_poke(t, stack(t), bytes, n); }

static void tune_ret(struct Tune *t) {
    uint64_t v = branch_target(t);
    poke_stack(t, &v, 8);
}

/** A code segment: the program's own; rarely none. Segments of other modes would take the case out of 64-bit code. */
static uint16_t far_selector(struct Tune *t) {
    if (t->b->mode == DIFF_REAL16 || t->b->mode == DIFF_V8086)
        return t->q->cs;
    static const uint16_t others[] = {0, 1, 2, 3, DIFF_CS64_3 & ~3, DIFF_DS_3, DIFF_DS_0, DIFF_CS64_0, DIFF_CS32_0};
    return diff_one_in(t->r, 16) ? others[diff_below(t->r, COUNT(others))] : t->q->cs;
}

/** A far pointer in memory: offset, selector. */
static void tune_far(struct Tune *t) {
    if (!t->insn->d.insn.mem)
        return;
    uint64_t v = branch_target(t), selector = far_selector(t);
    unsigned size = 1u << t->insn->d.insn.osize;
    if (size == 8 && !diff_one_in(t->r, 4)) /* for AMD's processors */
        size = 4;
    uint8_t bytes[10];
    memcpy(bytes, &v, 8);
    memcpy(bytes + size, &selector, 2);
    poke_operand(t, bytes, size + 2);
}

static void tune_branch(struct Tune *t) {
    uint64_t v = branch_target(t);
    const struct X86Insn *i = &t->insn->d.insn;
    if (t->form->imm_kind == IMM_JB || t->form->imm_kind == IMM_JZ)
        return;
    if (i->mem)
        poke_operand(t, &v, 8);
    else
        t->s->gpr[i->rm / 8] = v;
}

/** A frame of words of the operand size: RIP, CS and for IRET RFLAGS, RSP, SS. */
static void tune_far_return(struct Tune *t) {
    bool iret = t->row->image == IMAGE_POPPED;
    const uint64_t frame[5] = {
        branch_target(t), far_selector(t),
        (t->s->rflags & ~(uint64_t)FLAG_TF) ^ (diff_rnd(t->r) & (FLAG_ARITH | FLAG_DF | FLAG_AC)),
        t->window + 64 + diff_below(t->r, 512) - t->base[SEG_DS], t->cpl == 3 ? DIFF_DS_3 : DIFF_DS_0};
    unsigned size = 1u << t->insn->d.insn.osize;
    for (unsigned k = 0; k < (iret ? 5u : 2u); k++)
        tune_poke(t, stack(t) + k * size, &frame[k], size);
}

/** No single-step trap: it would come at a pad. */
static void tune_popf(struct Tune *t) {
    uint64_t v = diff_rnd(t->r) & ~(uint64_t)(FLAG_TF | FLAG_VM);
    if (!diff_one_in(t->r, 8))
        v &= ~(uint64_t)FLAG_AC;
    poke_stack(t, &v, 8);
}

static void tune_frame(struct Tune *t) {
    t->s->gpr[REG_BP] = t->own + 128 + (diff_rnd(t->r) & 0x1ff) - t->base[SEG_SS];
}

static void tune_xlat(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t base = t->target - (uint8_t)t->s->gpr[REG_AX] - segment_base(t);
    t->s->gpr[REG_BX] = base & offset_mask(i);
}

/** Implicit memory at (R)DI. */
static void tune_di(struct Tune *t) {
    uint64_t base = t->target - segment_base(t);
    t->s->gpr[REG_DI] = base & offset_mask(&t->insn->d.insn);
}

/** A quotient that fits, most of the time. */
static void tune_divide(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t *g = t->s->gpr, v = diff_rnd(t->r);
    bool is_signed = t->row->group == GROUP_IDIV;
    unsigned bits = 8u << i->osize;
    if ((v & 7) == 0)
        return;
    uint64_t top = (v & 0x18) == 0 ? v >> 8 & 3 : 0;
    if (is_signed && (v & 0x20))
        top = ~top;
    if (bits == 8)
        g[REG_AX] = (g[REG_AX] & ~0xff00ull) | (top & 0xff) << 8;
    else
        g[REG_DX] = top;
}

static void tune_bit_offset(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    if (i->mem && !diff_one_in(t->r, 16))
        t->s->gpr[i->reg / 8] = (uint64_t)((int64_t)diff_below(t->r, 4096) - 2048);
    if (i->mem)
        t->target = t->window + 384 + diff_below(t->r, 256);
}

/** MXCSR in memory: seldom with reserved bits. */
static void tune_ldmxcsr(struct Tune *t) {
    uint32_t v = (uint32_t)diff_rnd(t->r) & (diff_one_in(t->r, 16) ? 0xffffffff : 0xffff);
    poke_operand(t, &v, 4);
}

enum { AREA_SIZE = XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE }; /* all that a case's components need */

/** Room for a long operand. */
static void tune_area(struct Tune *t, unsigned size, unsigned align) {
    unsigned room = GEN_WINDOW - size;
    t->target = t->own + diff_below(t->r, room + 1);
    if (!diff_one_in(t->r, 32))
        t->target &= ~(uint64_t)(align - 1);
}

/** An area of FXRSTOR or XRSTOR: as random as memory is, but for what would fault. */
static void tune_fxrstor(struct Tune *t) {
    bool xsave = t->row->group == GROUP_XRSTOR;
    tune_area(t, xsave ? AREA_SIZE : FXSAVE_SIZE, xsave ? 64 : 16);
    uint32_t mxcsr = (uint32_t)diff_rnd(t->r) & 0xffff;
    if (!diff_one_in(t->r, 16))
        tune_poke(t, t->target + FXSAVE_MXCSR, &mxcsr, 4);
    if (!xsave)
        return;
    enum { XCOMP = XSAVE_XCOMP_BV - XSAVE_HEADER, FIRST_UNKNOWN = 20 }; /* no processor has components from there on */
    uint64_t all = t->s->xheader[0], in_use = all & diff_below(t->r, 8), compact = 0;
    uint8_t header[XSAVE_HEADER_SIZE] = {0};
    if (cpu_has(t->e->model, CPUID_XSAVEC) && diff_one_in(t->r, 2)) /* mostly all that is in use is in the area */
        compact = XSAVE_COMPACTED | (diff_one_in(t->r, 4) ? all & diff_below(t->r, 8) : all);
    if (diff_one_in(t->r, 16))
        *(diff_one_in(t->r, 2) ? &in_use : &compact) |= 1ull << (FIRST_UNKNOWN + diff_below(t->r, 43));
    put_le(header, in_use, 8);
    put_le(header + XCOMP, compact, 8);
    if (diff_one_in(t->r, 32))
        header[diff_below(t->r, sizeof(header))] = 1;
    tune_poke(t, t->target + XSAVE_HEADER, header, sizeof(header));
}

static void tune_xsave_mask(struct Tune *t) {
    t->s->gpr[REG_AX] = diff_integer(t->r) & t->s->xheader[0];
    t->s->gpr[REG_DX] = 0;
}

static void tune_xsave(struct Tune *t) {
    static const uint8_t zero[XSAVE_HEADER_SIZE];
    tune_area(t, AREA_SIZE, 64);
    tune_poke(t, t->target + XSAVE_HEADER, zero, sizeof(zero));
    tune_xsave_mask(t);
}

static void tune_xrstor(struct Tune *t) {
    tune_fxrstor(t);
    tune_xsave_mask(t);
}

static void tune_fxsave(struct Tune *t) { tune_area(t, FXSAVE_SIZE, 16); }
static void tune_fpu_area(struct Tune *t) { tune_area(t, 108, 4); }

/** The register operand is an address: MOVDIR64B. */
static void tune_reg_address(struct Tune *t) {
    uint64_t at = (t->own + 64 + diff_below(t->r, 512)) & ~63ull;
    t->s->gpr[t->insn->d.insn.reg / 8] = at - t->base[SEG_ES];
}

/* ---- what which row wants ---- */

typedef void TuneFn(struct Tune *t);

static TuneFn *of_group(const struct X86Row *row) {
    static TuneFn *const list[] = {
        [GROUP_BRANCH] = tune_branch,
        [GROUP_FAR] = tune_far,
        [GROUP_RET] = tune_ret,
        [GROUP_FAR_RET] = tune_far_return,
        [GROUP_FRAME] = tune_frame,
        [GROUP_XLAT] = tune_xlat,
        [GROUP_DIV] = tune_divide,
        [GROUP_IDIV] = tune_divide,
        [GROUP_BT] = tune_bit_offset,
        [GROUP_LDMXCSR] = tune_ldmxcsr,
        [GROUP_FXRSTOR] = tune_fxrstor,
        [GROUP_FXSAVE] = tune_fxsave,
        [GROUP_XRSTOR] = tune_xrstor,
        [GROUP_XSAVE] = tune_xsave,
        [GROUP_FNSAVE] = tune_fpu_area,
        [GROUP_FRSTOR] = tune_fpu_area,
        [GROUP_MOVDIR] = tune_reg_address,
        [GROUP_SELECTOR] = tune_selector,
        [GROUP_LOAD_FAR] = tune_load_far,
    };
    return row->group < COUNT(list) ? list[row->group] : NULL;
}

static TuneFn *of_exit(const struct X86Row *row) {
    switch (row->exit) {
    case EXIT_CR_ACCESS:
        return row->exit_kind == EXIT_CR_TO ? tune_control_register : row->exit_kind == EXIT_CR_LMSW ? tune_lmsw : NULL;
    case EXIT_MOV_DR: return row->exit_kind == EXIT_DR_TO ? tune_debug_register : NULL;
    case EXIT_GDTR_IDTR: return row->exit_kind == EXIT_LGDT || row->exit_kind == EXIT_LIDT ? tune_table : NULL;
    case EXIT_RDMSR:
    case EXIT_WRMSR: return tune_msr;
    case EXIT_XSETBV: return tune_xsetbv;
    case EXIT_INVPCID: return tune_invpcid;
    default: return NULL;
    }
}

static bool uses_stack(const struct X86Row *row) { return row->address >> REG_SP & 1; }

/** What tune_case does for a row beyond what it does for all; NULL: nothing. */
static TuneFn *special(const struct X86Row *row) {
    if (row->group != GROUP_NONE && of_group(row) != NULL)
        return of_group(row);
    if (row->exit != EXIT_NONE)
        return of_exit(row);
    if (row->image == IMAGE_POPPED)
        return tune_popf;
    if ((row->writes & X86_REGS_SEG) && (row->reads & X86_REGS_TABLES)) /* POP, MOV */
        return uses_stack(row) ? tune_pop_selector : tune_selector;
    return row->group == GROUP_MASKMOV && row->address != 0 ? tune_di : NULL;
}

/** Operand codes X and Y: strings; repeat counts stay small. */
static void tune_string(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    bool x = t->row->address >> REG_SI & 1, y = t->row->address >> REG_DI & 1;
    uint64_t mask = offset_mask(i), near = t->window + 320 + diff_below(t->r, 384);
    if (i->asize == 2 && t->b->mode == DIFF_LONG64)
        t->s->fs_base &= 0xfffffff, t->s->gs_base &= 0xfffffff;
    if (x)
        t->s->gpr[REG_SI] = (near - segment_base(t)) & mask;
    if (y)
        t->s->gpr[REG_DI] =
            ((diff_one_in(t->r, 2) ? near + diff_below(t->r, 33) - 16 : t->window + 320 + diff_below(t->r, 384)) -
             t->base[SEG_ES]) &
            mask;
    if (x && y && diff_one_in(t->r, 2)) { /* equal operands keep REPE going */
        uint8_t same[96];
        memset(same, (int)(diff_rnd(t->r) & 3), sizeof(same));
        same[diff_below(t->r, 90) + 4] ^= 1;
        tune_poke(t, near - 32, same, sizeof(same));
    }
    if (i->rep)
        t->s->gpr[REG_CX] = diff_below(t->r, i->osize == 3 ? 36 : 70) | (t->b->mode == DIFF_LONG64 ? mask + 1 : 0);
}

void tune_case(struct Tune *t) {
    if (t->form->attr & ATTR_REP)
        tune_string(t);
    if (t->insn->d.insn.mem && diff_one_in(t->r, 256))
        misplace(t);
    TuneFn *tune = special(t->row);
    if (tune != NULL)
        tune(t);
}

/* ---- sequences ---- */

static bool is_gpr(unsigned kind) { return kind == KIND_GPR || kind == KIND_GPR8; }

struct TuneUse tune_use(const struct DiffInsn *d) {
    const struct X86Insn *i = &d->d.insn;
    const struct X86Form *f = &x86_forms[d->d.row];
    const struct X86Row *row = &x86_rows[d->d.row];
    struct TuneUse u = {.changed = (uint16_t)(row->writes | 1 << REG_AX), /* AX is an operand by name of many */
                        .address = (uint16_t)row->address};
    if (is_gpr(f->reg_kind) || (f->attr & ATTR_OPREG))
        u.changed |= register_bit(i->reg);
    if ((is_gpr(f->rm_kind) || (f->attr & ATTR_OPREG)) && !i->mem)
        u.changed |= register_bit(i->rm);
    if (is_gpr(f->vvvv_kind))
        u.changed |= register_bit(i->vreg);
    if (!i->mem && in(row, IN(GROUP_BRANCH)) && is_gpr(f->rm_kind))
        u.address |= register_bit(i->rm);
    if (i->mem && row->group == GROUP_BT)
        u.address |= register_bit(i->reg);
    if (i->mem)
        u.address |= register_bit(i->base) | register_bit(i->index);
    if (f->attr & ATTR_REP)
        u.address |= 1 << REG_CX;
    return u;
}

bool tune_follows(const struct DiffInsn *i) {
    const struct X86Row *row = &x86_rows[i->d.row];
    const uint32_t registers_alone = IN(GROUP_DIV) | IN(GROUP_IDIV) | IN(GROUP_BT) | IN(GROUP_BRANCH) | IN(GROUP_FAR) |
                                     IN(GROUP_RET) | IN(GROUP_LDMXCSR);
    return i->d.row != 0 && (special(row) == NULL || in(row, registers_alone)) &&
           !(x86_forms[i->d.row].attr & ATTR_REP);
}

bool tune_leads(const struct DiffInsn *i) {
    const uint32_t saves = IN(GROUP_FXSAVE) | IN(GROUP_XSAVE) | IN(GROUP_FNSAVE);
    return i->d.row != 0 && !i->d.flow && !in(&x86_rows[i->d.row], saves);
}
