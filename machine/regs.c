/* SPDX-License-Identifier: MIT */
/* Registers by number and name. See regs.h. */
#include "machine/regs.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum RegKind { KIND_PLAIN, KIND_READ_ONLY, KIND_RFLAGS, KIND_SELECTOR };

static const struct RegRow {
    char name[16];
    uint16_t offset; /* in CPUX86State */
    uint8_t size;    /* bytes */
    uint8_t kind;
} regs[TWIN86_REG_COUNT] = {
#define FIELD(f) offsetof(CPUX86State, f), sizeof(((CPUX86State *)0)->f)
#define GPR(id, text, index) [TWIN86_##id] = {text, offsetof(CPUX86State, gpr) + 8 * (index), 8, KIND_PLAIN}
    GPR(RAX, "rax", 0),
    GPR(RCX, "rcx", 1),
    GPR(RDX, "rdx", 2),
    GPR(RBX, "rbx", 3),
    GPR(RSP, "rsp", 4),
    GPR(RBP, "rbp", 5),
    GPR(RSI, "rsi", 6),
    GPR(RDI, "rdi", 7),
    GPR(R8, "r8", 8),
    GPR(R9, "r9", 9),
    GPR(R10, "r10", 10),
    GPR(R11, "r11", 11),
    GPR(R12, "r12", 12),
    GPR(R13, "r13", 13),
    GPR(R14, "r14", 14),
    GPR(R15, "r15", 15),
    [TWIN86_RIP] = {"rip", FIELD(rip), KIND_PLAIN},
    [TWIN86_RFLAGS] = {"rflags", FIELD(rflags), KIND_RFLAGS},
    [TWIN86_ES] = {"es", FIELD(seg[SEG_ES].selector), KIND_SELECTOR},
    [TWIN86_CS] = {"cs", FIELD(seg[SEG_CS].selector), KIND_SELECTOR},
    [TWIN86_SS] = {"ss", FIELD(seg[SEG_SS].selector), KIND_SELECTOR},
    [TWIN86_DS] = {"ds", FIELD(seg[SEG_DS].selector), KIND_SELECTOR},
    [TWIN86_FS] = {"fs", FIELD(seg[SEG_FS].selector), KIND_SELECTOR},
    [TWIN86_GS] = {"gs", FIELD(seg[SEG_GS].selector), KIND_SELECTOR},
    [TWIN86_ES_BASE] = {"es.base", FIELD(seg[SEG_ES].base), KIND_PLAIN},
    [TWIN86_CS_BASE] = {"cs.base", FIELD(seg[SEG_CS].base), KIND_PLAIN},
    [TWIN86_SS_BASE] = {"ss.base", FIELD(seg[SEG_SS].base), KIND_PLAIN},
    [TWIN86_DS_BASE] = {"ds.base", FIELD(seg[SEG_DS].base), KIND_PLAIN},
    [TWIN86_FS_BASE] = {"fs.base", FIELD(seg[SEG_FS].base), KIND_PLAIN},
    [TWIN86_GS_BASE] = {"gs.base", FIELD(seg[SEG_GS].base), KIND_PLAIN},
    [TWIN86_GDT_BASE] = {"gdt.base", FIELD(gdt.base), KIND_PLAIN},
    [TWIN86_GDT_LIMIT] = {"gdt.limit", FIELD(gdt.limit), KIND_PLAIN},
    [TWIN86_IDT_BASE] = {"idt.base", FIELD(idt.base), KIND_PLAIN},
    [TWIN86_IDT_LIMIT] = {"idt.limit", FIELD(idt.limit), KIND_PLAIN},
    [TWIN86_CR0] = {"cr0", FIELD(cr0), KIND_READ_ONLY},
    [TWIN86_CR2] = {"cr2", FIELD(cr2), KIND_PLAIN},
    [TWIN86_CR3] = {"cr3", FIELD(cr3), KIND_READ_ONLY},
    [TWIN86_CR4] = {"cr4", FIELD(cr4), KIND_READ_ONLY},
    [TWIN86_EFER] = {"efer", FIELD(efer), KIND_READ_ONLY},
    [TWIN86_DR0] = {"dr0", FIELD(dr[0]), KIND_READ_ONLY},
    [TWIN86_DR1] = {"dr1", FIELD(dr[1]), KIND_READ_ONLY},
    [TWIN86_DR2] = {"dr2", FIELD(dr[2]), KIND_READ_ONLY},
    [TWIN86_DR3] = {"dr3", FIELD(dr[3]), KIND_READ_ONLY},
    [TWIN86_DR6] = {"dr6", FIELD(dr[6]), KIND_READ_ONLY},
    [TWIN86_DR7] = {"dr7", FIELD(dr[7]), KIND_READ_ONLY},
    [TWIN86_KERNEL_GS_BASE] = {"kernel_gs_base", FIELD(kernel_gs_base), KIND_PLAIN},
    [TWIN86_MXCSR] = {"mxcsr", FIELD(mxcsr), KIND_READ_ONLY},
    [TWIN86_FCW] = {"fcw", FIELD(fcw), KIND_READ_ONLY},
    [TWIN86_FSW] = {"fsw", FIELD(fsw), KIND_READ_ONLY},
#undef GPR
#undef FIELD
};

/* Flags that a debugger may change: all but VM, which would need other segments. */
#define RFLAGS_WRITABLE                                                                                                \
    (FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID)

const char *reg_name(enum Twin86Reg reg) { return (unsigned)reg < TWIN86_REG_COUNT ? regs[reg].name : NULL; }

enum Twin86Reg reg_by_name(const char *name) {
    unsigned i = 0;
    while (i < TWIN86_REG_COUNT && strcmp(regs[i].name, name) != 0)
        i++;
    return i;
}

int reg_read(const CPUX86State *env, enum Twin86Reg reg, uint64_t *value) {
    if ((unsigned)reg >= TWIN86_REG_COUNT)
        return -EINVAL;
    *value = 0;
    memcpy(value, (const uint8_t *)env + regs[reg].offset, regs[reg].size);
    return 0;
}

int reg_write(CPUX86State *env, enum Twin86Reg reg, uint64_t value) {
    if ((unsigned)reg >= TWIN86_REG_COUNT)
        return -EINVAL;
    const struct RegRow *row = &regs[reg];
    if (row->kind == KIND_READ_ONLY)
        return -EPERM;
    if (row->kind == KIND_SELECTOR) { /* loads the hidden base, as the CPU does in real mode */
        if (x86_protected(env) || value > 0xffff)
            return -EPERM;
        env->seg[reg - TWIN86_ES].base = value << 4;
    }
    if (row->kind == KIND_RFLAGS)
        value = (env->rflags & ~(uint64_t)RFLAGS_WRITABLE) | (value & RFLAGS_WRITABLE) | FLAG_ONE;
    memcpy((uint8_t *)env + row->offset, &value, row->size);
    return 0;
}
