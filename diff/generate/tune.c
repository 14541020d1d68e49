/* SPDX-License-Identifier: MIT */
#include "diff/generate/tune.h"

#include "accel/tcg-lite/run/tcg.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool named(const struct X86Row *row, const char *list) {
    size_t n = strlen(row->mnemonic);
    for (const char *p = strstr(list, row->mnemonic); p != NULL; p = strstr(p + 1, row->mnemonic))
        if (p[-1] == ' ' && p[n] == ' ')
            return true;
    return false;
}

/* ---- what is left out ---- */

const char *gen_left_out(unsigned row, bool system) {
    static const struct {
        const char *names, *why;
        bool system; /* left out there, too */
    } list[] = {
        {" CPUID RDTSC RDTSCP RDPMC RDPID XGETBV RDRAND RDSEED ", "its result is not a function of the case", true},
        {" SYSCALL SYSENTER SYSRET SYSEXIT ", "leaves the program; what it does is the system's choice", true},
        {" SGDT SIDT SLDT STR SMSW LAR LSL VERR VERW ", "tells of the system's tables", false},
        {" IN OUT INS OUTS ", "an access to a device", true},
        {" LDS LES LSS LFS LGS ", "loads a segment register from the system's tables", false},
        {" MONITOR MWAIT ", "waits", true},
        {" VMCALL VMMCALL ", "calls the hypervisor below", true},
    };
    const struct X86Row *r = &x86_rows[row];
    for (unsigned k = 0; k < COUNT(list); k++)
        if (named(r, list[k].names) && (list[k].system || !system))
            return list[k].why;
    if (system)
        return r->mnemonic[0] == '(' ? "is no instruction" : NULL;
    if (x86_forms[row].attr & ATTR_SEG_DEST || (r->operands[1] == 'S' && r->operands[2] == 0 && r->mnemonic[0] == 'P'))
        return "loads a segment register from the system's tables";
    if (r->mnemonic[0] == '(')
        return "is no instruction";
    return NULL;
}

#define XSAVES_AND_XRSTORS " XSAVE XSAVEOPT XSAVEC XSAVES XRSTOR XRSTORS "

/** EDX:EAX say which components: they can't be addresses. */
static bool uses_mask(const struct Insn *i) {
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
    if (e->qemu && named(&x86_rows[i.d.row], " VROUNDSS VROUNDSD ") && tune_vex_l(i.bytes))
        return false; /* an assertion of QEMU's (7.2) */
    if (i.d.insn.mem && named(&x86_rows[i.d.row], XSAVES_AND_XRSTORS) && uses_mask(&i.d.insn))
        return false;
    const struct Insn *n = &i.d.insn; /* a bit offset that is an address as well would lead far away */
    if (n->mem && named(&x86_rows[i.d.row], " BT BTS BTR BTC ") && (n->reg == n->base || n->reg == n->index))
        return false;
    memset(all.feature, 0xff, sizeof(all.feature));
    struct DiffEncode wide = *e;
    wide.model = &all;
    return diff_redecode(&wide, insn->d.row, &i);
}

/* ---- code ---- */

static void set_bytes(const struct DiffEncode *e, struct DiffInsn *i, unsigned at, uint64_t v, unsigned size) {
    struct DiffInsn old = *i;
    diff_put(i->bytes + at, v, size);
    if (!diff_redecode(e, old.d.row, i))
        *i = old;
}

void tune_code(struct DiffRng *r, const struct DiffEncode *e, const struct GenGroup *q, struct DiffInsn *i,
               uint64_t at) {
    const struct X86Row *row = &x86_rows[i->d.row];
    unsigned imm = i->imm_at, size = i->len - imm;
    if (row->operands[0] == 'J') { /* to a pad; rarely to INT3, or to where nothing is */
        uint64_t to = q->pad[diff_below(r, GEN_MAX_PADS)], next = at + i->len;
        if (diff_one_in(r, 32))
            to = q->pad[0] + DIFF_PAD_SIZE;
        if (size > 1 && diff_one_in(r, 32))
            to = next + (diff_rnd(r) | 0x20000000);
        set_bytes(e, i, imm, to - next, size);
    } else if (!strcmp(row->mnemonic, "ENTER") && !diff_one_in(r, 16)) {
        set_bytes(e, i, imm, diff_below(r, 128), 2);
        set_bytes(e, i, imm + 2, diff_below(r, 8) | (diff_rnd(r) >> 32 & 0xe0), 1);
    } else if (!strcmp(row->mnemonic, "RET") && size == 2 && !diff_one_in(r, 8)) {
        set_bytes(e, i, imm, diff_below(r, 64), 2);
    } else if (!strncmp(row->operands, "Ap", 2) && size > 2) { /* far: offset, selector */
        set_bytes(e, i, imm, q->pad[diff_below(r, GEN_MAX_PADS)] - q->cs_base, size - 2);
        if ((e->mode & (MODE_REAL | MODE_VM86)) && !diff_one_in(r, 16))
            set_bytes(e, i, imm + size - 2, q->cs_base >> 4, 2);
        else if (!diff_one_in(r, 8))
            set_bytes(e, i, imm + size - 2,
                      e->mode & MODE_USER ? ((e->mode & MODE_CODE) == MODE_CODE16 ? DIFF_CS16_3 : DIFF_CS32_3)
                                          : ((e->mode & MODE_CODE) == MODE_CODE16 ? DIFF_CS16_0 : DIFF_CS32_0),
                      2);
    } else if (!strcmp(row->mnemonic, "INT") && !(e->mode & MODE_USER)) {
        if (diff_has_error(i->bytes[imm]) || i->bytes[imm] == VEC_BP) /* from software they push no error code */
            set_bytes(e, i, imm, 0x40, 1);
    } else if (!strcmp(row->mnemonic, "INT")) { /* Linux gives programs these gates */
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
static uint64_t offset_mask(const struct Insn *i) {
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
    const struct Insn *i = &n->d.insn;
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
    static const uint16_t own[DIFF_MODES][2] = {[DIFF_PROT16] = {DIFF_CS16_0, DIFF_CS16_3},
                                                [DIFF_PROT32] = {DIFF_CS32_0, DIFF_CS32_3},
                                                [DIFF_COMPAT16] = {DIFF_CS16_0, DIFF_CS16_3},
                                                [DIFF_COMPAT32] = {DIFF_CS32_0, DIFF_CS32_3},
                                                [DIFF_LONG64] = {DIFF_CS64_0, DIFF_CS64_3}};
    uint16_t mine = own[t->b->mode][t->cpl == 3];
    if (mine == 0)
        return (uint16_t)(t->q->cs_base >> 4);
    static const uint16_t others[] = {0, 1, 2, 3, DIFF_CS64_3 & ~3, DIFF_DS_3, DIFF_DS_0, DIFF_CS64_0, DIFF_CS32_0};
    return diff_one_in(t->r, 16) ? others[diff_below(t->r, COUNT(others))] : mine;
}

/** A far pointer: offset, selector. */
static void tune_far(struct Tune *t) {
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
    if (!strcmp(t->row->operands, "Mp")) {
        tune_far(t);
        return;
    }
    uint64_t v = branch_target(t);
    const struct Insn *i = &t->insn->d.insn;
    if (t->form->imm_kind == IMM_JB || t->form->imm_kind == IMM_JZ)
        return;
    if (i->mem)
        poke_operand(t, &v, 8);
    else
        t->s->gpr[i->rm / 8] = v;
}

/** A frame of words of the operand size: RIP, CS and for IRET RFLAGS, RSP, SS. */
static void tune_far_return(struct Tune *t) {
    bool iret = !strcmp(t->row->mnemonic, "IRET");
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
    const struct Insn *i = &t->insn->d.insn;
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
    const struct Insn *i = &t->insn->d.insn;
    uint64_t *g = t->s->gpr, v = diff_rnd(t->r);
    bool is_signed = t->row->mnemonic[0] == 'I';
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
    const struct Insn *i = &t->insn->d.insn;
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
    bool xsave = t->row->mnemonic[0] == 'X';
    tune_area(t, xsave ? AREA_SIZE : FXSAVE_SIZE, xsave ? 64 : 16);
    uint32_t mxcsr = (uint32_t)diff_rnd(t->r) & 0xffff;
    if (!diff_one_in(t->r, 16))
        tune_poke(t, t->target + FXSAVE_MXCSR, &mxcsr, 4);
    if (!xsave)
        return;
    uint8_t header[XSAVE_HEADER_SIZE] = {t->s->xheader[0] & (uint8_t)diff_below(t->r, 8)};
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

/** To segment, control and debug registers. */
static void tune_mov(struct Tune *t) {
    char to = t->row->operands[0];
    if (to == 'C')
        tune_control_register(t);
    else if (to == 'D')
        tune_debug_register(t);
    else if (to == 'S')
        tune_selector(t);
}

static void tune_pop(struct Tune *t) {
    if (t->row->operands[1] == 'S' && t->row->operands[2] == '\0')
        tune_pop_selector(t);
}

static const struct {
    const char *names;
    void (*tune)(struct Tune *t);
} special[] = {
    {" CALL JMP ", tune_branch},
    {" RET ", tune_ret},
    {" RETF IRET ", tune_far_return},
    {" POPF ", tune_popf},
    {" ENTER LEAVE ", tune_frame},
    {" XLAT ", tune_xlat},
    {" MASKMOVQ MASKMOVDQU VMASKMOVDQU ", tune_di},
    {" DIV IDIV ", tune_divide},
    {" BT BTS BTR BTC ", tune_bit_offset},
    {" LDMXCSR VLDMXCSR ", tune_ldmxcsr},
    {" FXRSTOR FXRSTOR64 ", tune_fxrstor},
    {" FXSAVE FXSAVE64 ", tune_fxsave},
    {" XRSTOR XRSTORS XRSTOR64 ", tune_xrstor},
    {" XSAVE XSAVEOPT XSAVEC XSAVES XSAVE64 ", tune_xsave},
    {" FNSAVE FRSTOR FNSTENV FLDENV ", tune_fpu_area},
    {" MOVDIR64B ", tune_reg_address},
    {" MOV ", tune_mov},
    {" POP ", tune_pop},
    {" LLDT LTR LAR LSL VERR VERW ", tune_selector},
    {" LDS LES LSS LFS LGS ", tune_load_far},
    {" LGDT LIDT ", tune_table},
    {" WRMSR RDMSR ", tune_msr},
    {" XSETBV ", tune_xsetbv},
    {" INVPCID ", tune_invpcid},
    {" LMSW ", tune_lmsw},
};

/** Operand codes X and Y: strings; repeat counts stay small. */
static void tune_string(struct Tune *t) {
    const struct Insn *i = &t->insn->d.insn;
    bool x = strchr(t->row->operands, 'X') != NULL && strncmp(t->row->operands, "XMM", 3),
         y = strchr(t->row->operands, 'Y') != NULL;
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

uint8_t tune_special(const struct X86Row *row) {
    uint8_t k = 0;
    while (k < COUNT(special) && !named(row, special[k].names))
        k++;
    return k < COUNT(special) ? k : TUNE_PLAIN;
}

void tune_case(struct Tune *t) {
    const char *op = t->row->operands;
    if ((strchr(op, 'X') != NULL || strchr(op, 'Y') != NULL) && (t->form->attr & ATTR_REP))
        tune_string(t);
    if (t->insn->d.insn.mem && diff_one_in(t->r, 256))
        misplace(t);
    uint8_t k = t->special[t->row - x86_rows];
    if (k != TUNE_PLAIN)
        special[k].tune(t);
}

/* ---- sequences ---- */

#define STRINGS " MOVS CMPS STOS LODS SCAS "
#define STACK " PUSH POP PUSHF POPF PUSHA POPA ENTER LEAVE CALL RET RETF IRET "
#define SAVES " FXSAVE FXSAVE64 XSAVE XSAVEOPT XSAVEC XSAVES XSAVE64 FNSAVE FNSTENV "

static bool is_special(const struct X86Row *row) { return tune_special(row) != TUNE_PLAIN; }

static bool is_gpr(unsigned kind) { return kind == KIND_GPR || kind == KIND_GPR8; }

struct TuneUse tune_use(const struct DiffInsn *d) {
    const struct Insn *i = &d->d.insn;
    const struct X86Form *f = &x86_forms[d->d.row];
    const struct X86Row *row = &x86_rows[d->d.row];
    struct TuneUse u = {.changed = 1 << REG_AX | 1 << REG_CX | 1 << REG_DX}; /* named by none, changed by many */
    if (is_gpr(f->reg_kind))
        u.changed |= register_bit(i->reg);
    if (is_gpr(f->rm_kind) && !i->mem)
        u.changed |= register_bit(i->rm);
    if (is_gpr(f->vvvv_kind))
        u.changed |= register_bit(i->vreg);
    if (strchr(row->operands, 'Z') != NULL) /* the register that the opcode names */
        u.changed |= register_bit(i->reg) | register_bit(i->rm);
    if (!i->mem && named(row, " CALL JMP "))
        u.address |= register_bit(i->rm);
    if (i->mem && named(row, " BT BTS BTR BTC "))
        u.address |= register_bit(i->reg);
    if (i->mem)
        u.address |= register_bit(i->base) | register_bit(i->index);
    if (named(row, STRINGS))
        u.changed |= 1 << REG_SI | 1 << REG_DI, u.address |= 1 << REG_SI | 1 << REG_DI | 1 << REG_CX;
    if (named(row, " MASKMOVQ MASKMOVDQU VMASKMOVDQU "))
        u.address |= 1 << REG_DI;
    if (named(row, " XLAT CMPXCHG8B CMPXCHG16B "))
        u.address |= 1 << REG_BX;
    if (named(row, STACK))
        u.address |= 1 << REG_SP;
    if (named(row, " ENTER LEAVE POPA "))
        u.changed = 0xffff, u.address |= 1 << REG_BP;
    return u;
}

bool tune_follows(const struct DiffInsn *i) {
    const struct X86Row *row = &x86_rows[i->d.row];
    return (!is_special(row) || named(row, " DIV IDIV BT BTS BTR BTC CALL JMP RET LDMXCSR VLDMXCSR ") ||
            (named(row, " MOV POP ") && !strchr("CDS", row->operands[0]) && !strchr("CDS", row->operands[1]))) &&
           !named(row, STRINGS) && i->d.row != 0;
}

bool tune_leads(const struct DiffInsn *i) {
    const struct X86Row *row = &x86_rows[i->d.row];
    return !i->d.flow && !named(row, SAVES) && i->d.row != 0;
}
