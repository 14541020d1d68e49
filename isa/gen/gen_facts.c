/* SPDX-License-Identifier: MIT */
/** x86gen: what a row says beyond operands and flags: registers, faults, VM exits, privilege, group. */
#include "isa/gen/gen.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/** A word and what it stands for. */
struct Name {
    const char *name;
    uint32_t value;
};

static const struct Name registers[] = {
    {"ax", 1 << REG_AX},     {"cx", 1 << REG_CX},     {"dx", 1 << REG_DX},     {"bx", 1 << REG_BX},
    {"sp", 1 << REG_SP},     {"bp", 1 << REG_BP},     {"si", 1 << REG_SI},     {"di", 1 << REG_DI},
    {"r11", 1 << 11},        {"all", 0xff},           {"seg", X86_REGS_SEG},   {"tab", X86_REGS_TABLES},
    {"cr", X86_REGS_CR},     {"dr", X86_REGS_DR},     {"msr", X86_REGS_MSR},   {"xcr", X86_REGS_XCR},
    {"pkru", X86_REGS_PKRU}, {"task", X86_REGS_TASK}, {"dest", X86_REGS_DEST}, {NULL, 0},
};

static const struct Name vectors[] = {
    {"de", VEC_DE}, {"db", VEC_DB}, {"bp", VEC_BP}, {"of", VEC_OF}, {"br", VEC_BR}, {"ud", VEC_UD},
    {"nm", VEC_NM}, {"ts", VEC_TS}, {"np", VEC_NP}, {"ss", VEC_SS}, {"gp", VEC_GP}, {NULL, 0},
};

static const struct Name groups[] = {
    {"branch", GROUP_BRANCH},
    {"ret", GROUP_RET},
    {"far", GROUP_FAR},
    {"far_ret", GROUP_FAR_RET},
    {"int", GROUP_INT},
    {"syscall", GROUP_SYSCALL},
    {"frame", GROUP_FRAME},
    {"xlat", GROUP_XLAT},
    {"div", GROUP_DIV},
    {"idiv", GROUP_IDIV},
    {"bt", GROUP_BT},
    {"flush", GROUP_FLUSH},
    {"movdir", GROUP_MOVDIR},
    {"selector", GROUP_SELECTOR},
    {"load_far", GROUP_LOAD_FAR},
    {"ldmxcsr", GROUP_LDMXCSR},
    {"maskmov", GROUP_MASKMOV},
    {"vzero", GROUP_VZERO},
    {"fnsave", GROUP_FNSAVE},
    {"frstor", GROUP_FRSTOR},
    {"fxsave", GROUP_FXSAVE},
    {"fxrstor", GROUP_FXRSTOR},
    {"xsave", GROUP_XSAVE},
    {"xrstor", GROUP_XRSTOR},
    {NULL, 0},
};

static const struct Name images[] = {
    {"push", IMAGE_PUSHED}, {"pop", IMAGE_POPPED}, {"to_r11", IMAGE_TO_R11}, {"from_r11", IMAGE_FROM_R11}, {NULL, 0}};

/** Reasons, and what tells instructions of one reason apart (SDM vol. 3, 28.2). */
static const struct {
    const char *name;
    enum ExitReason reason;
    uint8_t kind;
} exits[] = {
    {"cpuid", EXIT_CPUID, 0},
    {"hlt", EXIT_HLT, 0},
    {"invd", EXIT_INVD, 0},
    {"invlpg", EXIT_INVLPG, 0},
    {"rdpmc", EXIT_RDPMC, 0},
    {"rdtsc", EXIT_RDTSC, 0},
    {"cr:to", EXIT_CR_ACCESS, EXIT_CR_TO},
    {"cr:from", EXIT_CR_ACCESS, EXIT_CR_FROM},
    {"cr:clts", EXIT_CR_ACCESS, EXIT_CR_CLTS},
    {"cr:lmsw", EXIT_CR_ACCESS, EXIT_CR_LMSW},
    {"dr:to", EXIT_MOV_DR, EXIT_DR_TO},
    {"dr:from", EXIT_MOV_DR, EXIT_DR_FROM},
    {"io", EXIT_IO, 0},
    {"rdmsr", EXIT_RDMSR, 0},
    {"wrmsr", EXIT_WRMSR, 0},
    {"mwait", EXIT_MWAIT, 0},
    {"monitor", EXIT_MONITOR, 0},
    {"pause", EXIT_PAUSE, 0},
    {"gdtr_idtr:sgdt", EXIT_GDTR_IDTR, EXIT_SGDT},
    {"gdtr_idtr:sidt", EXIT_GDTR_IDTR, EXIT_SIDT},
    {"gdtr_idtr:lgdt", EXIT_GDTR_IDTR, EXIT_LGDT},
    {"gdtr_idtr:lidt", EXIT_GDTR_IDTR, EXIT_LIDT},
    {"ldtr_tr:sldt", EXIT_LDTR_TR, EXIT_SLDT},
    {"ldtr_tr:str", EXIT_LDTR_TR, EXIT_STR},
    {"ldtr_tr:lldt", EXIT_LDTR_TR, EXIT_LLDT},
    {"ldtr_tr:ltr", EXIT_LDTR_TR, EXIT_LTR},
    {"rdtscp", EXIT_RDTSCP, 0},
    {"vmcall", EXIT_VMCALL, 0},
    {"vmclear", EXIT_VMCLEAR, 0},
    {"vmptrld", EXIT_VMPTRLD, 0},
    {"vmptrst", EXIT_VMPTRST, 0},
    {"vmread", EXIT_VMREAD, 0},
    {"vmwrite", EXIT_VMWRITE, 0},
    {"vmxoff", EXIT_VMXOFF, 0},
    {"vmxon", EXIT_VMXON, 0},
    {"wbinvd", EXIT_WBINVD, 0},
    {"xsetbv", EXIT_XSETBV, 0},
    {"rdrand", EXIT_RDRAND, 0},
    {"invpcid", EXIT_INVPCID, 0},
    {"rdseed", EXIT_RDSEED, 0},
    {"xsaves", EXIT_XSAVES, 0},
    {"xrstors", EXIT_XRSTORS, 0},
};

/** Words with commas between them, as the sum of what they stand for; `bits`: they are numbers of bits. */
static uint32_t sum(struct Gen *g, const struct Row *r, const char *words, const struct Name *names, bool bits) {
    uint32_t v = 0;
    for (const char *p = words; *p != '\0'; p += *p == ',') {
        size_t n = strcspn(p, ",");
        const struct Name *k = names;
        while (k->name && (strlen(k->name) != n || memcmp(k->name, p, n)))
            k++;
        if (k->name)
            v |= bits ? 1u << k->value : k->value;
        else
            gen_error(g, r->line, "'%.*s' is unknown here", (int)n, p);
        p += n;
    }
    return v;
}

static void parse_exit(struct Gen *g, struct Row *r, const char *name) {
    unsigned k = 0;
    while (k < COUNT(exits) && strcmp(exits[k].name, name))
        k++;
    if (k == COUNT(exits)) {
        gen_error(g, r->line, "unknown exit '%s'", name);
        return;
    }
    r->fact.exit = (int8_t)exits[k].reason;
    r->fact.exit_kind = exits[k].kind;
}

bool gen_parse_fact(struct Gen *g, struct Row *r, const char *a) {
    struct X86Row *f = &r->fact;
    const char *value = strchr(a, '=');
    size_t n = value ? (size_t)(value++ - a) : strlen(a);
    const struct {
        const char *name;
        uint32_t *set;
        const struct Name *names;
        bool bits;
    } sets[] = {{"reads", &f->reads, registers, false},
                {"writes", &f->writes, registers, false},
                {"addr", &f->address, registers, false},
                {"outside", &f->outside, registers, false},
                {"fault", &f->faults, vectors, true}};
    for (unsigned k = 0; value && k < COUNT(sets); k++)
        if (strlen(sets[k].name) == n && !memcmp(sets[k].name, a, n)) {
            *sets[k].set |= sum(g, r, value, sets[k].names, sets[k].bits);
            return true;
        }
    if (value && !strncmp(a, "exit=", 5))
        parse_exit(g, r, value);
    else if (value && !strncmp(a, "group=", 6))
        f->group = (uint8_t)sum(g, r, value, groups, false);
    else if (value && !strncmp(a, "image=", 6))
        f->image = (uint8_t)sum(g, r, value, images, false);
    else if (!strcmp(a, "priv"))
        f->privileged = true;
    else if (!strcmp(a, "sens"))
        f->sensitive = true;
    else if (!strcmp(a, "stores"))
        f->stores = true;
    else if (!strcmp(a, "push") || !strcmp(a, "pop")) {
        f->address |= 1 << REG_SP;
        f->writes |= 1 << REG_SP;
        f->stores |= a[1] == 'u';
    } else
        return false;
    return true;
}

/** Operands that are in memory without a ModRM byte: X at rSI, Y at rDI. */
static void string_operands(struct Row *r) {
    for (int k = 0; k < r->operand_count; k++) {
        uint32_t reg = r->operand[k][0] == 'X' && r->operand[k][1] != 'M' ? 1u << REG_SI
                       : r->operand[k][0] == 'Y'                          ? 1u << REG_DI
                                                                          : 0;
        r->fact.address |= reg;
        r->fact.writes |= reg;
        r->fact.stores |= k == 0 && r->operand[k][0] == 'Y';
    }
}

static uint32_t vector_bit(enum X86Vector v) { return 1u << v; }

void gen_finish_facts(struct Gen *g, struct Row *r) {
    struct X86Row *f = &r->fact;
    uint32_t attr = r->form.attr;
    string_operands(r);
    if (attr & ATTR_REP) { /* where there is a repeat prefix */
        f->reads |= 1 << REG_CX;
        f->writes |= 1 << REG_CX;
    }
    f->reads |= f->address;
    if (r->cpl0) {
        f->privileged = true;
        f->faults |= vector_bit(VEC_GP);
    }
    if (attr & ATTR_IO)
        f->faults |= vector_bit(VEC_GP);
    if (attr & (ATTR_X87 | ATTR_MMX | ATTR_WAIT))
        f->faults |= vector_bit(VEC_MF);
    if (r->xmchk)
        f->faults |= vector_bit(VEC_XM);
    if (f->address || (f->reads & X86_REGS_TABLES)) /* memory that no operand names */
        f->faults |= vector_bit(VEC_PF) | vector_bit(VEC_GP) | vector_bit(VEC_SS) | vector_bit(VEC_AC);
    if (f->privileged && f->sensitive)
        gen_error(g, r->line, "%s: what is privileged is not sensitive beside", r->mnemonic);
    if ((f->outside & X86_REGS_DEST) && r->form.rm_kind != KIND_GPR)
        gen_error(g, r->line, "%s: outside=dest needs an operand R", r->mnemonic);
    if (f->outside & ~(f->writes | X86_REGS_DEST))
        gen_error(g, r->line, "%s: registers in outside= that are not in writes=", r->mnemonic);
    if ((attr & ATTR_IO) != 0 && f->exit != EXIT_IO)
        gen_error(g, r->line, "%s: I/O exits", r->mnemonic);
}

void gen_emit_fact(const struct Row *r, FILE *o) {
    const struct X86Row *f = &r->fact;
    fprintf(o, ".reads = 0x%x, .writes = 0x%x, .address = 0x%x, .outside = 0x%x, .faults = 0x%x, ", f->reads, f->writes,
            f->address, f->outside, f->faults);
    fprintf(o, ".exit = %d, .exit_kind = %u, .group = %u, .image = %u, ", f->exit, f->exit_kind, f->group, f->image);
    fprintf(o, ".stores = %d, .privileged = %d, .sensitive = %d", f->stores, f->privileged, f->sensitive);
}
