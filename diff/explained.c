/* SPDX-License-Identifier: MIT */
/*
 * Differences between tcg-lite and hardware that are no bugs: each with the SDM's section or what was measured. The
 * report counts them by name. Flags that the SDM leaves undefined are in x86.tab, not here.
 */
#include "diff/compare.h"
#include "diff/diff.h"
#include "diff/generate/tune.h"
#include "isa/x86_ids.h"

#include <string.h>
#include <unistd.h>

static bool is(const struct CompareInsn *i, enum X86Id id) { return i->row->id == id; }
static bool in_group(const struct CompareInsn *i, enum X86Group group) { return i->row->group == group; }
static const struct X86Form *form(const struct CompareInsn *i) { return &x86_forms[i->row - x86_rows]; }

/** Whether a prefix stands before the opcode. */
static bool has_prefix(const struct Comparison *c, const struct CompareInsn *i, uint8_t prefix) {
    static const uint8_t legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    for (unsigned at = 0; at < i->insn->len; at++) {
        bool rex = c->mode == DIFF_LONG64 && (i->bytes[at] & 0xf0) == 0x40;
        if (i->bytes[at] == prefix)
            return true;
        if (!rex && memchr(legacy, i->bytes[at], sizeof(legacy)) == NULL)
            return false;
    }
    return false;
}

static bool canonical(uint64_t v) { return (uint64_t)((int64_t)(v << 16) >> 16) == v; }

static bool has_rex_w(const struct Comparison *c, const struct CompareInsn *i) {
    for (uint8_t rex = 0x48; rex < 0x50; rex++)
        if (has_prefix(c, i, rex))
            return c->mode == DIFF_LONG64;
    return false;
}

/** Linear address of the memory operand. */
static uint64_t operand(const struct Comparison *c, const struct CompareInsn *i) {
    uint64_t base = i->insn->seg == SEG_FS ? c->in->fs_base : i->insn->seg == SEG_GS ? c->in->gs_base : 0;
    return base + x86_ea_offset(i->insn, c->in->gpr, i->rip);
}

/** Bytes that the hardware has stored as 0. */
static void forget_zeros(struct Comparison *c, uint64_t linear, unsigned n) {
    for (unsigned k = 0; k < c->ranges; k++) {
        struct CompareRange *m = &c->range[k];
        for (unsigned j = 0; j < n; j++)
            if (linear + j - m->linear < m->n && m->b[linear + j - m->linear] == 0)
                m->a[linear + j - m->linear] = 0;
    }
}

/** The fault becomes the hardware's, and so does everything else: what a case does after another fault means nothing.
 */
static void take_all(struct Comparison *c) {
    for (unsigned k = 0; k < c->ranges; k++)
        memcpy(c->range[k].a, c->range[k].b, c->range[k].n);
    c->a = c->b;
    c->system_a = c->system_b;
}

static bool saves_x87(const struct CompareInsn *i) {
    return in_group(i, GROUP_FXSAVE) || (in_group(i, GROUP_XSAVE) && !i->row->privileged);
}

static bool loads_x87(const struct CompareInsn *i) {
    return in_group(i, GROUP_FXRSTOR) || (in_group(i, GROUP_XRSTOR) && !i->row->privileged);
}

/** MOV, POP. */
static bool loads_segment(const struct CompareInsn *i) {
    return i->row->group == GROUP_NONE && (i->row->writes & X86_REGS_SEG) && (i->row->reads & X86_REGS_TABLES);
}

/** Where they are in DiffState. */
static bool no_pointers(const struct DiffState *s) {
    return get_le16(s->fx + FXSAVE_FOP) == 0 && get_le64(s->fx + FXSAVE_FIP) == 0 && get_le64(s->fx + FXSAVE_FDP) == 0;
}

static void pointers_lost(struct Comparison *c, const struct CompareInsn *i) {
    if (no_pointers(&c->b)) {
        memset(c->a.fx + FXSAVE_FOP, 0, 2);
        memset(c->a.fx + FXSAVE_FIP, 0, 16);
    }
    if (get_le64(c->b.fx + FXSAVE_FDP) == 0)
        memset(c->a.fx + FXSAVE_FDP, 0, 8);
    if (in_group(i, GROUP_FNSAVE)) {
        bool small = i->insn->osize == 1;
        forget_zeros(c, operand(c, i) + (small ? 6 : 12), small ? 8 : 16);
    }
}

static void qemu_pointers(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    if (c->qemu && get_le64(c->b.fx + FXSAVE_FIP) == 0)
        memset(c->a.fx + FXSAVE_FIP, 0, 8);
}

/** Under QEMU: RF is not set in what a fault pushes; the fault of a read-modify-write is its read's. */
static void qemu_faults(struct Comparison *c, const struct CompareInsn *i) {
    if (c->qemu && (is(i, ID_PAUSE) || is(i, ID_STI) || is(i, ID_HLT)) && c->a.vector == VEC_DB &&
        c->b.vector == DIFF_NO_FAULT)
        take_all(c);
    if (!c->qemu || c->a.vector != c->b.vector)
        return;
    if (c->a.vector != DIFF_NO_FAULT && !(c->b.rflags & FLAG_RF))
        c->a.rflags &= ~(uint64_t)FLAG_RF;
    if (c->a.vector != DIFF_NO_FAULT && is(i, ID_VCVTPS2PH))
        memcpy(c->a.fx + FXSAVE_MXCSR, c->b.fx + FXSAVE_MXCSR, 4);
    if (c->a.vector == VEC_PF && (is(i, ID_RCL) || is(i, ID_RCR)))
        c->a.rflags = (c->a.rflags & ~(uint64_t)FLAG_ARITH) | (c->b.rflags & FLAG_ARITH);
    if (c->a.vector == VEC_PF && c->a.error == (c->b.error | PF_W) && c->a.cr2 == c->b.cr2)
        c->a.error = c->b.error;
}

/** Under QEMU: encodings that it does not know. */
static void qemu_encodings(struct Comparison *c, const struct CompareInsn *i) {
    unsigned at = 0;
    while (at < i->insn->len && i->bytes[at] != 0xf6 && i->bytes[at] != 0xf7)
        at++;
    bool test = is(i, ID_TEST) && at + 1 < i->insn->len && (i->bytes[at + 1] >> 3 & 7) == 1;
    bool lock = c->a.vector == VEC_UD && c->b.vector != VEC_UD && i->row == &x86_rows[0];
    if ((((test || is(i, ID_NOP) || is(i, ID_INT1)) && c->b.vector == VEC_UD) || lock) && c->qemu)
        take_all(c);
}

static void qemu_x87(struct Comparison *c, const struct CompareInsn *i) {
    bool state = saves_x87(i) || loads_x87(i) || is(i, ID_MOVDQ2Q);
    if (c->qemu && (state || (form(i)->attr & (ATTR_X87 | ATTR_MMX)) || strstr(i->row->operands, "pi") != NULL))
        take_all(c);
}

/** Exceptions of SSE and AVX. */
static void qemu_simd(struct Comparison *c, const struct CompareInsn *i) {
    bool fault = c->a.vector == VEC_XM || c->a.vector == VEC_GP;
    if (c->qemu && fault && c->b.vector != c->a.vector && ((form(i)->attr & (ATTR_SSE | ATTR_VEX))))
        take_all(c);
}

/** Limits and types of segments. */
static void qemu_segments(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    bool limit = c->a.vector == VEC_GP || c->a.vector == VEC_SS;
    bool stack = c->a.vector == VEC_SS && c->b.vector == VEC_GP && c->b.error == 0;
    bool both = c->a.vector == DIFF_TRIPLE_FAULT && c->b.vector == DIFF_TRIPLE_FAULT; /* but what went before? */
    if (c->qemu && both && c->mode != DIFF_LONG64 && i->insn->mem && i->insn->seg == SEG_CS)
        take_all(c);
    bool narrow = c->mode == DIFF_REAL16 || c->mode == DIFF_PROT16; /* a handler's stack, too */
    bool of_sp = i->insn->reg == REG_SP * 8 || i->insn->rm == REG_SP * 8 || (uint16_t)(c->b.gpr[REG_SP] + 16) < 32;
    if (c->qemu && narrow && c->a.vector == DIFF_TRIPLE_FAULT && of_sp)
        take_all(c);
    bool later = c->insns > 1 && c->a.rip != c->b.rip; /* a fault of another instruction */
    if (c->qemu && (c->mode != DIFF_LONG64 ? limit && (c->b.vector != c->a.vector || later) : stack))
        take_all(c);
}

static void qemu_operand_size(struct Comparison *c, const struct CompareInsn *i) {
    bool concerned = is(i, ID_MOVBE) || is(i, ID_CRC32) || is(i, ID_BSWAP) || is(i, ID_SHLD) || is(i, ID_SHRD);
    bool narrow = i->insn->osize == 1 || (is(i, ID_MOVBE) && has_prefix(c, i, 0x66));
    bool mode16 = c->mode != DIFF_PROT32 && c->mode != DIFF_COMPAT32 && c->mode != DIFF_LONG64;
    if (c->qemu && mode16 && (is(i, ID_MOVBE) || is(i, ID_CRC32)))
        take_all(c);
    bool no_stack = c->a.vector == DIFF_TRIPLE_FAULT || c->b.vector == DIFF_TRIPLE_FAULT; /* of SP */
    if (c->qemu && concerned && narrow && (c->a.vector == c->b.vector || no_stack))
        take_all(c);
}

static void qemu_flags(struct Comparison *c, const struct CompareInsn *i) {
    bool blsi = is(i, ID_BLSI) && (c->a.rflags ^ c->b.rflags) == FLAG_CF;
    bool wide =
        (is(i, ID_PCMPESTRI) || is(i, ID_PCMPESTRM) || is(i, ID_VPCMPESTRI) || is(i, ID_VPCMPESTRM)) && has_rex_w(c, i);
    if (c->qemu && wide && c->a.vector == c->b.vector)
        take_all(c);
    if (c->qemu && (blsi || is(i, ID_ADCX) || is(i, ID_ADOX)) && c->a.vector == c->b.vector)
        c->a.rflags = c->b.rflags;
}

/** Prefixes before branches: F2 and F3 of LOOPcc, 66 of near branches in 64-bit code. The engine `host` is the judge.
 */
static void qemu_branch_prefix(struct Comparison *c, const struct CompareInsn *i) {
    bool loop = (is(i, ID_LOOPE) || is(i, ID_LOOPNE)) && (has_prefix(c, i, 0xf2) || has_prefix(c, i, 0xf3));
    bool near_branch = in_group(i, GROUP_BRANCH) || in_group(i, GROUP_RET) || in_group(i, GROUP_FAR);
    bool short_rip = c->mode == DIFF_LONG64 && near_branch && has_prefix(c, i, 0x66);
    if (c->qemu && (loop || short_rip))
        take_all(c);
}

/* Only where the registers' upper halves, which 32-bit code does not have, are not 0. */
static void qemu_branch_register(struct Comparison *c, const struct CompareInsn *i) {
    bool code32 = c->mode != DIFF_LONG64;
    bool near_branch = (is(i, ID_JMP) || is(i, ID_CALL)) && i->row->operands[0] == 'E' && !i->insn->mem;
    if (c->qemu && code32 && near_branch && c->a.rip == (uint32_t)c->b.rip)
        c->b.rip = c->a.rip;
}

static void qemu_operands(struct Comparison *c, const struct CompareInsn *i) {
    bool zero = (is(i, ID_BSF) || is(i, ID_BSR)) && (c->b.rflags & FLAG_ZF) && i->insn->osize == 2;
    if (!c->qemu)
        return;
    if (zero && c->a.vector == c->b.vector)
        c->a.gpr[i->insn->reg / 8] = c->b.gpr[i->insn->reg / 8];
    if ((is(i, ID_SHLD) || is(i, ID_SHRD)) && i->insn->mem && i->insn->base == INSN_REG_RIP)
        take_all(c);
    bool went_on = c->b.vector == DIFF_NO_FAULT || c->b.vector == DIFF_TRIPLE_FAULT;
    if (is(i, ID_ENTER) && c->a.vector != DIFF_NO_FAULT && went_on)
        take_all(c);
    if ((is(i, ID_WRFSBASE) || is(i, ID_WRGSBASE)) && has_prefix(c, i, 0x66) && c->a.vector == c->b.vector)
        c->a.fs_base = c->b.fs_base, c->a.gs_base = c->b.gs_base;
    if (is(i, ID_CALL) && c->a.vector == VEC_PF && c->b.vector == VEC_PF && c->a.error == (c->b.error | PF_U))
        c->a.error = c->b.error;
}

/** An operand that begins at a canonical address and ends at none. */
static bool crosses_canonical(const struct Comparison *c) {
    bool fault = (c->a.vector == VEC_GP || c->a.vector == VEC_SS) && c->a.error == 0 && c->b.vector == VEC_PF;
    return fault && c->a.rip == c->b.rip && canonical(c->b.cr2) && !canonical(c->b.cr2 + 127);
}

static void qemu_canonical_end(struct Comparison *c, const struct CompareInsn *i) {
    if (c->qemu && i->insn->mem && crosses_canonical(c))
        take_all(c);
}

/** x87 operands of more than 8 bytes, which are read and written in parts. */
static void x87_parts(struct Comparison *c, const struct CompareInsn *i) {
    bool environment = in_group(i, GROUP_FNSAVE) || in_group(i, GROUP_FRSTOR);
    bool parts = environment || !strcmp(i->row->operands, "Mt");
    if (parts && crosses_canonical(c) && c->b.cr2 == operand(c, i))
        take_all(c);
}

/** Where a branch leads beyond CS.limit, or nowhere. */
static void qemu_branch_target(struct Comparison *c, const struct CompareInsn *i) {
    bool branch = in_group(i, GROUP_BRANCH) || in_group(i, GROUP_RET) || in_group(i, GROUP_FAR) || is(i, ID_IRET);
    if (c->qemu && branch && c->a.vector == VEC_GP && c->b.vector == VEC_GP && c->a.rip == i->rip && c->b.rip != i->rip)
        take_all(c);
}

/** Reserved bits of control registers. */
static void qemu_control(struct Comparison *c, const struct CompareInsn *i) {
    bool control = i->row->exit == EXIT_CR_ACCESS && i->row->exit_kind == EXIT_CR_TO;
    if (c->qemu && control && c->a.vector == VEC_GP && c->a.error == 0 && c->b.vector == DIFF_NO_FAULT)
        take_all(c);
}

/** Gathers that fault, or whose index is in register 4, which as a general register means none. */
static void qemu_gather(struct Comparison *c, const struct CompareInsn *i) {
    bool gather = form(i)->attr & ATTR_VSIB;
    bool fault = c->a.vector != DIFF_NO_FAULT || c->b.vector != DIFF_NO_FAULT;
    if (c->qemu && gather && (fault || i->insn->index == 4))
        take_all(c);
}

/** The upper byte of the base in 16-bit form. */
static void qemu_tables(struct Comparison *c, const struct CompareInsn *i) {
    bool tables = i->row->exit == EXIT_GDTR_IDTR, loads = tables && i->row->privileged, stores = tables && !loads;
    if (c->qemu && loads && c->mode == DIFF_LONG64 && has_prefix(c, i, 0x66))
        take_all(c);
    if (c->qemu && stores && i->insn->osize == 1)
        forget_zeros(c, operand(c, i) + 5, 1);
}

static void qemu_int_error(struct Comparison *c, const struct CompareInsn *i) {
    bool gate = c->mode >= DIFF_COMPAT16 && c->a.vector == VEC_GP && c->b.vector == VEC_GP;
    bool doubled = c->b.error - 2 == 2 * (c->a.error - 2);
    bool cut = c->a.error == 0 && c->b.error == 16u * i->bytes[i->insn->len - 1] + 2; /* by a limit, unknown to QEMU */
    if (c->qemu && gate && is(i, ID_INT) && (doubled || cut))
        c->a.error = c->b.error;
}

/** The trap of an instruction that loads SS, where INT3 is the next. */
static void qemu_shadow(struct Comparison *c, const struct CompareInsn *i) {
    bool loads = loads_segment(i) && (form(i)->reg_kind == KIND_SEG || !strcmp(i->row->operands, "SS"));
    if (c->qemu && loads && (c->in->rflags & FLAG_TF) && c->a.vector == VEC_DB && c->b.vector == DIFF_NO_FAULT)
        take_all(c);
}

static void qemu_dr7(struct Comparison *c, const struct CompareInsn *i) {
    enum { DR7 = 23, RESERVED = 0xd800 };
    if (c->qemu && c->system && i->row->exit == EXIT_MOV_DR && i->row->exit_kind == EXIT_DR_TO)
        c->system_a.v[DR7] = (c->system_a.v[DR7] & ~(uint64_t)RESERVED) | (c->system_b.v[DR7] & RESERVED);
}

/** SYSENTER's addresses. */
static void kvm_sysenter(struct Comparison *c, const struct CompareInsn *i) {
    enum { CS = 29, ESP = 30, EIP = 31 };
    if (!c->system || i->row->exit != EXIT_WRMSR || strcmp(c->oracle, "kvm") != 0)
        return;
    if (c->qemu && c->system_b.v[CS] == (uint16_t)c->system_a.v[CS])
        c->system_a.v[CS] = c->system_b.v[CS];
    for (unsigned k = ESP; k <= EIP; k++)
        if (c->system_b.v[k] == (uint32_t)c->system_a.v[k])
            c->system_a.v[k] = c->system_b.v[k];
}

/** G of a segment below 1 MiB. */
static void kvm_granularity(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    if (!c->system || strcmp(c->oracle, "kvm") != 0)
        return;
    for (unsigned k = 0; k < DIFF_SYSTEM; k++) {
        const char *part = strrchr(diff_system_names[k], '_');
        if (part != NULL && !strcmp(part, "_ar") && c->system_a.v[k] == (c->system_b.v[k] | AR_G))
            c->system_a.v[k] = c->system_b.v[k];
    }
}

static void qemu_null_ss(struct Comparison *c, const struct CompareInsn *i) {
    enum { SS = 1 };
    bool loads = is(i, ID_LSS) || is(i, ID_MOV) || is(i, ID_POP);
    if (c->qemu && loads && c->system && c->mode == DIFF_LONG64 && c->a.vector == VEC_GP && c->a.error == 0 &&
        c->b.vector == DIFF_NO_FAULT && (c->system_b.v[SS] & ~3ull) == 0)
        take_all(c);
}

/** CR3 that points to nowhere. */
static void kvm_no_tables(struct Comparison *c, const struct CompareInsn *i) {
    bool cr3 = i->row->exit == EXIT_CR_ACCESS && i->row->exit_kind == EXIT_CR_TO && i->insn->reg == 3;
    if (cr3 && c->a.vector == DIFF_TRIPLE_FAULT && c->b.vector == DIFF_NO_END && !strcmp(c->oracle, "kvm"))
        take_all(c);
}

static void lar_limit(struct Comparison *c, const struct CompareInsn *i) {
    if (is(i, ID_LAR)) {
        uint64_t *a = &c->a.gpr[i->insn->reg / 8], b = c->b.gpr[i->insn->reg / 8];
        *a = (*a & ~0xf0000ull) | (b & 0xf0000);
    }
}

static void qemu_vex(struct Comparison *c, const struct CompareInsn *i) {
    bool register4 =
        (is(i, ID_VPBLENDVB) || is(i, ID_VBLENDVPS) || is(i, ID_VBLENDVPD)) && (i->bytes[i->insn->len - 1] & 0x80);
    if (c->qemu && register4 && c->mode != DIFF_LONG64 && c->a.vector == c->b.vector)
        take_all(c);
    bool mode16 = c->mode == DIFF_PROT16 || c->mode == DIFF_COMPAT16, vex = form(i)->attr & ATTR_VEX;
    bool scalar = strstr(i->row->operands, "ss") != NULL || strstr(i->row->operands, "sd") != NULL;
    bool wide_scalar = vex && scalar && tune_vex_l(i->bytes);
    if (c->qemu && vex &&
        ((c->b.vector == VEC_UD && mode16) || (wide_scalar && (c->b.vector == VEC_UD || c->b.vector == c->a.vector))))
        take_all(c);
}

/** The upper halves of 256-bit AES. */
static void qemu_vaes(struct Comparison *c, const struct CompareInsn *i) {
    bool aes = is(i, ID_VAESENC) || is(i, ID_VAESENCLAST) || is(i, ID_VAESDEC) || is(i, ID_VAESDECLAST);
    if (c->qemu && aes && tune_vex_l(i->bytes) && c->a.vector == c->b.vector)
        memcpy(c->a.ymmh, c->b.ymmh, sizeof(c->a.ymmh));
}

/** Vector registers that 32-bit code does not have. */
static void qemu_vzero(struct Comparison *c, const struct CompareInsn *i) {
    if (!c->qemu || c->mode == DIFF_LONG64 || !in_group(i, GROUP_VZERO))
        return;
    memcpy(c->a.fx + FXSAVE_XMM + 8 * 16, c->b.fx + FXSAVE_XMM + 8 * 16, 8 * 16);
    memcpy(c->a.ymmh[8], c->b.ymmh[8], 8 * 16);
}

/** Addresses that are looked at, whether or not something is stored there. */
static void qemu_touch(struct Comparison *c, const struct CompareInsn *i) {
    bool flush = in_group(i, GROUP_FLUSH);
    bool masked = in_group(i, GROUP_MASKMOV);
    bool fault = c->a.vector == VEC_PF || c->a.vector == VEC_GP || c->a.vector == VEC_SS;
    if (c->qemu && fault &&
        ((flush && c->b.vector == DIFF_NO_FAULT) ||
         (masked && (c->b.vector == DIFF_NO_FAULT || c->b.vector == VEC_PF))))
        take_all(c);
}

static void qemu_alignment(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    if (c->qemu && c->a.vector == VEC_AC)
        take_all(c);
}

static void qemu_far(struct Comparison *c, const struct CompareInsn *i) {
    bool call = in_group(i, GROUP_FAR) || is(i, ID_CALL) || is(i, ID_JMP);
    bool pointer = call && i->insn->mem && i->insn->osize == 3;
    bool frees = (is(i, ID_RETF) || is(i, ID_RET)) && (i->insn->imm & 0x8000);
    if (c->qemu && (pointer || frees))
        take_all(c);
}

static void qemu_msr(struct Comparison *c, const struct CompareInsn *i) {
    bool base = is(i, ID_WRMSR) || is(i, ID_WRFSBASE) || is(i, ID_WRGSBASE);
    if (c->qemu && base && c->a.vector == VEC_GP && c->b.vector == DIFF_NO_FAULT)
        take_all(c);
}

static void misaligned_stack_operand(struct Comparison *c, const struct CompareInsn *i) {
    bool legacy = i->row->feature >= CPUID_SSE && i->insn->mem && i->insn->seg == SEG_SS;
    uint64_t at = legacy ? operand(c, i) : 0;
    if (legacy && c->a.vector == VEC_SS && c->b.vector == VEC_GP && !(canonical(at) && canonical(at + 15)) && (at & 15))
        take_all(c);
}

/** An operand that goes beyond a flat segment's last byte. */
static void flat_wrap(struct Comparison *c, const struct CompareInsn *i) {
    bool flat = c->mode == DIFF_PROT32 || c->mode == DIFF_COMPAT32;
    uint32_t a = c->a.vector, b = c->b.vector;
    if (!flat || !i->insn->mem || a == b || c->a.rip != c->b.rip)
        return;
    bool limit = a == VEC_GP || a == VEC_SS || b == VEC_GP || b == VEC_SS;
    if (limit && (uint32_t)operand(c, i) >= 0u - FXSAVE_SIZE)
        take_all(c);
}

/** RETF to an inner level, which must not be: the stack pointer of an outer one is read first. */
static void retf_outer_stack(struct Comparison *c, const struct CompareInsn *i) {
    if (is(i, ID_RETF) && c->a.vector == VEC_GP && (c->b.vector == VEC_PF || c->b.vector == VEC_AC) &&
        c->a.rip == c->b.rip)
        take_all(c);
}

/** Selectors whose descriptors are not those of the host's system: error codes name them. */
static void host_selectors(struct Comparison *c, const struct CompareInsn *i) {
    enum { OWN = DIFF_CS16_0 };
    bool far = in_group(i, GROUP_FAR) || in_group(i, GROUP_FAR_RET);
    bool a = (c->a.vector == VEC_GP || c->a.vector == VEC_NP) && c->a.error >= OWN,
         b = (c->b.vector == VEC_GP || c->b.vector == VEC_NP) && c->b.error >= OWN;
    if (far && (a || b) && !c->system && c->a.rip == c->b.rip)
        take_all(c);
}

static void fxsave_last_byte(struct Comparison *c, const struct CompareInsn *i) {
    bool fx = in_group(i, GROUP_FXSAVE) || in_group(i, GROUP_FXRSTOR);
    if (fx && c->a.vector == VEC_PF && c->b.vector == VEC_PF && c->a.cr2 == operand(c, i) &&
        c->b.cr2 == c->a.cr2 + FXSAVE_SIZE - 1)
        c->a.cr2 = c->b.cr2;
}

static void cmps_order(struct Comparison *c, const struct CompareInsn *i) {
    bool a = c->a.vector == VEC_PF || c->a.vector == VEC_AC, b = c->b.vector == VEC_PF || c->b.vector == VEC_AC;
    if (is(i, ID_CMPS) && a && b && (c->a.vector != c->b.vector || c->a.cr2 != c->b.cr2))
        take_all(c);
}

/** Where the flags of a repeated comparison are those of a later iteration. */
static void interrupted_comparison(struct Comparison *c, const struct CompareInsn *i) {
    bool compares = (is(i, ID_CMPS) || is(i, ID_SCAS)) && i->insn->rep;
    if (compares && c->a.vector == VEC_PF && c->b.vector == VEC_PF)
        c->a.rflags = c->b.rflags;
}

/** Instructions that AMD's processors have and the table has not, as (prefix, opcode after 0F, ModRM) with 0 for any.
 */
static void not_in_table(struct Comparison *c, const struct CompareInsn *i) {
    static const struct {
        uint8_t prefix, opcode, modrm;
    } list[] = {{0xf3, 0x2b, 0}, {0xf2, 0x2b, 0}, {0x66, 0x78, 0}, {0xf2, 0x78, 0}, {0x66, 0x79, 0},
                {0xf2, 0x79, 0}, {0, 0x01, 0xfc}, {0, 0x01, 0xfd}, {0, 0x01, 0xfa}, {0, 0x01, 0xfb}};
    if (c->a.vector != VEC_UD || i->row != &x86_rows[0])
        return;
    unsigned at = 0;
    while (at < 12 && i->bytes[at] != 0x0f && i->bytes[at] != 0x62 && i->bytes[at] != 0x8f)
        at++;
    bool other_map = i->bytes[at] != 0x0f && at < 12; /* EVEX, XOP */
    for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]) && !other_map; k++)
        other_map = i->bytes[at + 1] == list[k].opcode && (!list[k].modrm || i->bytes[at + 2] == list[k].modrm) &&
                    (!list[k].prefix || memchr(i->bytes, list[k].prefix, at) != NULL);
    if (other_map)
        take_all(c);
}

static void int1_rip(struct Comparison *c, const struct CompareInsn *i) {
    if (is(i, ID_INT1) && c->a.vector == VEC_DB && c->b.vector == VEC_DB)
        c->b.rip = c->a.rip;
}

static void kvm_int1(struct Comparison *c, const struct CompareInsn *i) {
    bool traps = is(i, ID_INT1) && (c->in->rflags & FLAG_TF) && c->a.vector == VEC_DB;
    if (traps && c->b.vector == VEC_UD && !strcmp(c->oracle, "kvm"))
        take_all(c);
}

static bool on_pvm(const struct Comparison *c) {
    return !strcmp(c->oracle, "kvm") && access("/sys/module/kvm_pvm", F_OK) == 0;
}

static void upper_half(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    bool faults = c->a.vector == VEC_PF && c->b.vector == VEC_PF && c->a.cr2 == c->b.cr2;
    if (faults && (int64_t)c->b.cr2 < 0 && on_pvm(c))
        c->b.error &= ~(uint32_t)(PF_P | PF_RSVD);
}

/** kvm_pvm: #GP, #SS and #UD of a program go to an emulator first, which knows few instructions and finds faults of its
 * own. */
static void emulated(struct Comparison *c, const struct CompareInsn *i) {
    uint32_t v = c->a.vector;
    bool far = in_group(i, GROUP_FAR) || in_group(i, GROUP_FAR_RET); /* which it executes after all */
    bool here = c->a.rip == c->b.rip || c->b.vector == DIFF_NO_FAULT || far;
    if ((v == VEC_GP || v == VEC_SS || v == VEC_UD) && here && on_pvm(c))
        take_all(c);
}

static bool on_paravirtual_host(const struct Comparison *c) {
    return !strcmp(c->oracle, "host") && diff_host_is_paravirtual();
}

/** An instruction of a sequence, but the last, has RSP among its operands: it may have been no address for a while. */
static bool stack_within(const struct Comparison *c) {
    bool found = false;
    for (unsigned k = 0; k + 1 < c->insns; k++)
        found |= c->insn[k].insn->reg == REG_SP * 8 || c->insn[k].insn->rm == REG_SP * 8;
    return found;
}

/** Programs under a paravirtual hypervisor: no event can come to them while RSP is no address. */
static void paravirtual_stack(struct Comparison *c, const struct CompareInsn *i) {
    (void)i;
    bool stack = !canonical(c->in->gpr[REG_SP]) || !canonical(c->a.gpr[REG_SP]);
    bool died = c->b.vector == DIFF_GONE && stack_within(c);
    if ((stack || died) && c->a.vector != c->b.vector && on_paravirtual_host(c))
        take_all(c);
}

/** The hypervisor's own gates. */
static void paravirtual_gate(struct Comparison *c, const struct CompareInsn *i) {
    uint8_t vector = i->bytes[i->insn->len - 1];
    bool own = vector == 0x17 || (vector >= 0x19 && vector <= 0x1b);
    if (is(i, ID_INT) && own && c->a.vector == VEC_GP && on_paravirtual_host(c))
        take_all(c);
}

/** An #AC for which RFLAGS.AC is 0 when Linux looks. */
static void split_lock(struct Comparison *c, const struct CompareInsn *i) {
    bool hardware = !strcmp(c->oracle, "host") || on_pvm(c);
    if (is(i, ID_IRET) && c->a.vector == VEC_AC && c->b.vector == DIFF_NO_END && hardware)
        take_all(c);
}

/** A locked operand over the end of a cache line: the processor tells the kernel or the hypervisor, which may hold the
 *  program up for longer than a case lasts. The kernel's trap comes first, so that its IRET finds a RIP beyond
 * CS.limit.
 */
static void bus_lock(struct Comparison *c, const struct CompareInsn *i) {
    bool locks = i->insn->mem && (has_prefix(c, i, 0xf0) || is(i, ID_XCHG));
    bool in_line = c->mode == DIFF_LONG64 && (operand(c, i) & 63) <= 64 - 16;
    if (!locks || in_line || strcmp(c->oracle, "host") != 0)
        return;
    if (c->b.vector == DIFF_NO_END)
        take_all(c);
    bool later = c->a.vector == VEC_GP && c->b.vector == VEC_GP && c->a.rip == c->b.rip && c->a.rip != i->rip;
    if (later)
        c->a.rflags = (c->a.rflags & ~(uint64_t)FLAG_RF) | (c->b.rflags & FLAG_RF);
}

const struct Explanation explanations[] = {
    {"x87-pointers-lost",
     "for the same reason the host's kernel loses them when it switches tasks: all three are 0 (measured)",
     pointers_lost},
    {"qemu-x87-pointer", "QEMU's emulation does not keep FIP (measured, 7.2)", qemu_pointers},
    {"qemu-faults",
     "QEMU's emulation does not set RF in the frames of faults (SDM vol. 3, 18.3.1.1), says of the page fault of a "
     "read-modify-write that it was a read, changes the flags of RCL and RCR and of VCVTPS2PH before their store "
     "faults, and does not "
     "single-step PAUSE, STI and HLT (SDM vol. 3, 6.8.3: MOV and POP to SS only) (measured, 7.2)",
     qemu_faults},
    {"qemu-encodings",
     "QEMU does not know TEST as F6 /1 and F7 /1 (SDM vol. 2, table A-6) and INT1 without a debugger, and "
     "takes LOCK and other prefixes where they "
     "are "
     "#UD (measured, 7.2)",
     qemu_encodings},
    {"qemu-segments",
     "QEMU does not check limits and types of segments (SDM vol. 3, 5.3), and raises #GP for stack addresses that are "
     "not canonical, not #SS (SDM vol. 1, 3.3.7.1) (measured, 7.2)",
     qemu_segments},
    {"qemu-simd",
     "QEMU does not raise #XM, nor #GP for misaligned operands (SDM vol. 3, table 6-1; vol. 2, 2.4; measured, 7.2)",
     qemu_simd},
    {"qemu-x87",
     "QEMU's x87 has no C1, FOP and stack faults as processors have them, its MMX leaves exponents as they are, and "
     "what it "
     "saves leaves out reserved bytes (measured, 7.2); the engine `host` is the judge",
     qemu_x87},
    {"qemu-operand-size",
     "QEMU takes 16-bit MOVBE, CRC32, BSWAP for 32-bit ones in 16-bit code, and shifts SHLD and SHRD of words by more "
     "than "
     "16 otherwise than AMD's processors (undefined: SDM vol. 2; measured, 7.2)",
     qemu_operand_size},
    {"qemu-vex",
     "QEMU raises #UD for BMI's instructions in 16-bit protected mode, and for scalar ones with VEX.L, or keeps upper "
     "halves (SDM vol. 2, 3.1.1.2: LIG), and takes bit 7 of the register in VPBLENDVB's immediate in 32-bit code (SDM "
     "vol. 2, "
     "VPBLENDVB: it is ignored) (measured, 7.2)",
     qemu_vex},
    {"qemu-vaes",
     "QEMU's 256-bit VAESENC and its kin make other upper halves than processors (`host` in 64-bit code is the "
     "judge; measured, 7.2)",
     qemu_vaes},
    {"qemu-vzero",
     "QEMU's VZEROALL and VZEROUPPER clear all 16 registers in 32-bit code (SDM vol. 2, VZEROUPPER: 8; measured, 7.2)",
     qemu_vzero},
    {"qemu-touch",
     "QEMU's CLFLUSH does not look at the address (SDM vol. 2, CLFLUSH: #PF as a load), its MASKMOVQ and MASKMOVDQU "
     "look at selected bytes only (measured by `host`: at all) (measured, 7.2)",
     qemu_touch},
    {"qemu-alignment", "QEMU does not check alignment (measured, 7.2)", qemu_alignment},
    {"qemu-far",
     "far CALL and JMP with REX.W take 8 + 2 bytes there as on Intel's processors; RET and RETF take their operand for "
     "a signed "
     "one "
     "(SDM vol. 2, RET; measured, 7.2)",
     qemu_far},
    {"qemu-flags",
     "QEMU's BLSI clears CF (SDM vol. 2, BLSI: CF is set when the source is not 0); its ADCX and ADOX change all of "
     "RFLAGS; its PCMPESTRI and PCMPESTRM take 32-bit lengths with REX.W (SDM vol. 2) (measured, 7.2)",
     qemu_flags},
    {"qemu-branch-prefix",
     "QEMU ignores REP and REPNE before LOOPE and LOOPNE, and in 64-bit code the operand size of near branches, as "
     "Intel's processors do; AMD's take the former for the condition and cut RIP to 16 bits (APM vol. 3, 1.2.2 and "
     "table 1-4; measured)",
     qemu_branch_prefix},
    {"qemu-branch-target",
     "near branches and IRET beyond CS.limit, or to an address that is not canonical: QEMU's #GP comes at the target "
     "(SDM vol. 2, Jcc, CALL, IRET: at the branch; measured, 7.2)",
     qemu_branch_target},
    {"qemu-branch-register",
     "in 32-bit code under long mode QEMU's JMP and CALL through a register do not cut RIP to 32 bits (SDM vol. 1, "
     "3.5.1; measured, 7.2)",
     qemu_branch_register},
    {"qemu-gather",
     "QEMU's gathers take another register where the index is XMM4 or YMM4; when they fault, 67 has not cut addresses "
     "to 32 bits, elements before the fault are not kept, checks come in another order (SDM vol. 2, VPGATHERDD; ours "
     "as `host`)",
     qemu_gather},
    {"qemu-operands",
     "QEMU's BSF and BSR of 0 clear the upper half of the register (undefined: SDM vol. 2; `host` leaves it); SHLD and "
     "SHRD with RIP-relative operands leave the immediate out of the address (SDM vol. 2, 2.2.1.6); ENTER does not "
     "look at the new stack's top (SDM vol. 2, ENTER); WRFSBASE and WRGSBASE with 66 are others (`host` ignores it); "
     "page faults of far CALL's pushes are the supervisor's (SDM vol. 3, 4.7) (measured, 7.2)",
     qemu_operands},
    {"qemu-canonical-end",
     "QEMU looks at the first byte only to see whether an operand is canonical (SDM vol. 1, 3.3.7.1; measured, 7.2)",
     qemu_canonical_end},
    {"x87-parts",
     "an x87 operand of 10 bytes or more that begins at a canonical address and ends at none: the SDM names #PF and "
     "#GP "
     "without an order (vol. 2, FLD); AMD's processors access parts of 8 bytes at most, and #PF of the first comes "
     "first (measured)",
     x87_parts},
    {"qemu-control", "QEMU ignores reserved bits of control registers (SDM vol. 2, MOV: #GP(0); measured, 7.2)",
     qemu_control},
    {"qemu-tables",
     "QEMU's SGDT and SIDT with 16-bit operands store 24 bits of the base; processors store all (APM vol. 3, SGDT: "
     "operand-size prefixes are ignored). Its LGDT and LIDT take 24 bits of it in 64-bit code, where the operand size "
     "is fixed (SDM vol. 2, LGDT) (measured, 7.2)",
     qemu_tables},
    {"qemu-int-error",
     "the error code of INT n through a gate of another level is 16 times the vector there, in long mode (SDM vol. 3, "
     "6.13: 8 times; measured, 7.2)",
     qemu_int_error},
    {"qemu-shadow",
     "the single-step trap of MOV and POP to SS waits for the next instruction to end, and comes in the handler where "
     "that is INT3 (SDM vol. 3, 6.8.3); QEMU drops it (measured, 7.2)",
     qemu_shadow},
    {"qemu-dr7", "QEMU keeps reserved bits of DR7 (SDM vol. 3, 18.2.4; measured, 7.2)", qemu_dr7},
    {"kvm-sysenter",
     "KVM for AMD's processors keeps 32 bits of IA32_SYSENTER_ESP and _EIP, which are 64 bits wide, and QEMU 16 of "
     "_CS, "
     "which is 32 (SDM vol. 4, table 2-2; measured)",
     kvm_sysenter},
    {"kvm-granularity",
     "KVM on AMD tells G by the limit, so that it is 0 for a limit in pages below 1 MiB (measured); what is allowed is "
     "the "
     "same",
     kvm_granularity},
    {"qemu-null-ss",
     "QEMU loads a null selector into SS at CPL 0 whatever its RPL (SDM vol. 2, MOV: #GP if RPL is not CPL; measured, "
     "7.2)",
     qemu_null_ss},
    {"kvm-no-tables",
     "MOV to CR3 with an address where no memory is: a triple fault, for nothing can be translated (SDM vol. 3, 6.15); "
     "KVM without nested hardware support for that address runs on without end (measured)",
     kvm_no_tables},
    {"lar-limit", "LAR: bits 19:16 are undefined for segments (SDM vol. 2, LAR); AMD's have the limit's (measured)",
     lar_limit},
    {"qemu-msr",
     "QEMU's WRMSR, WRFSBASE and WRGSBASE do not check addresses and reserved bits (SDM vol. 2, WRMSR, WRFSBASE; "
     "measured, 7.2)",
     qemu_msr},
    {"misaligned-stack-operand",
     "an aligned vector operand through RSP or RBP that is neither canonical nor aligned: the SDM names #SS and #GP "
     "without "
     "an order (vol. 2, 2.4); measured #GP",
     misaligned_stack_operand},
    {"flat-wrap",
     "an operand that goes beyond the last byte of a segment of 4 GiB: exceptions may or may not come (SDM vol. 3, "
     "5.3)",
     flat_wrap},
    {"retf-outer-stack",
     "RETF with a selector whose RPL is not CPL: AMD's processors read the outer stack's SS:RSP, and fault there, "
     "before "
     "they find that RPL is less than CPL (SDM vol. 2, RET: #GP first; measured)",
     retf_outer_stack},
    {"host-selectors",
     "a far branch with a selector from 0x38 on: the host's descriptors there "
     "are others (measured)",
     host_selectors},
    {"fxsave-last-byte",
     "FXSAVE and FXRSTOR where nothing is mapped: CR2 is the address of the area's last byte now and then, in place of "
     "the "
     "first one's (measured on AMD); the SDM (vol. 3, 4.7) asks for an address that caused the fault",
     fxsave_last_byte},
    {"cmps-order",
     "when neither operand of CMPS can be read, or one is misaligned with alignment checks, the SDM does not say which "
     "fault is raised; measured on AMD: sometimes the one, sometimes the other",
     cmps_order},
    {"interrupted-comparison",
     "a page fault in REP CMPS and SCAS shows the flags from before the instruction (SDM vol. 2, REP); when an "
     "interrupt "
     "had come between, those of the iterations up to then (measured)",
     interrupted_comparison},
    {"not-in-table",
     "the host's processor has instructions that are not in the table: SSE4a, XOP, EVEX, CLZERO, MONITORX, RDPRU",
     not_in_table},
    {"int1-rip",
     "INT1 is a trap (SDM vol. 3, table 6-1: RIP of the next instruction); under a hypervisor that intercepts #DB the "
     "handler finds INT1's own RIP (measured under KVM on AMD)",
     int1_rip},
    {"kvm-int1",
     "INT1 while single-stepping: KVM intercepts #DB then, goes on in its emulator and raises #UD (SDM vol. 2, INT1: "
     "#DB; measured)",
     kvm_int1},
    {"kvm-pvm-emulated",
     "under kvm_pvm a program's #GP, #SS and #UD are not the processor's: KVM's emulator executes the instruction "
     "again, "
     "and raises #UD for those that it does not know, or another fault, or none (measured); the engine `host` is not "
     "concerned",
     emulated},
    {"host-paravirtual-stack",
     "where Linux is the guest of a paravirtual hypervisor, no exception or interrupt can come to a program whose RSP "
     "is "
     "not canonical: it gets another, or dies (measured under PVM)",
     paravirtual_stack},
    {"host-paravirtual-gate",
     "there INT 17h, 19h, 1Ah and 1Bh are the hypervisor's own: they raise no #GP, or another one (measured under PVM)",
     paravirtual_gate},
    {"host-split-lock",
     "Intel's IRET checks alignment by the AC that it has loaded, but pushes the AC from before; Linux takes such an "
     "#AC "
     "for a split lock and tries again for ever (measured)",
     split_lock},
    {"host-bus-lock",
     "a locked operand over the end of a cache line traps to the host's kernel or hypervisor, which may hold the "
     "program "
     "up for longer than a case lasts; where CS ends behind it, #GP is the kernel's IRET's, with RF = 0 (measured)",
     bus_lock},
    {"kvm-pvm-upper-half",
     "under kvm_pvm the upper half of the address space is the hypervisor's own: #PF there says P and RSVD (measured)",
     upper_half},
};
const unsigned explanation_count = sizeof(explanations) / sizeof(explanations[0]);
