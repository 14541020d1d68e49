/* SPDX-License-Identifier: MIT */
#include "cpu/env_fields.h"

#include <string.h>

#define FIELD_UP_TO(group, name, f, max) {name, offsetof(CPUX86State, f), sizeof(((CPUX86State *)0)->f), group, max}
#define FIELD(group, name, f) FIELD_UP_TO(group, name, f, 0)
#define SEGMENT(name, f)                                                                                               \
    FIELD(ENV_SEGMENT, name, f.selector), FIELD(ENV_SEGMENT, name ".rights", f.ar),                                    \
        FIELD(ENV_SEGMENT, name ".limit", f.limit), FIELD(ENV_SEGMENT, name ".base", f.base)
#define TABLE(name, f) FIELD(ENV_SEGMENT, name ".base", f.base), FIELD(ENV_SEGMENT, name ".limit", f.limit)
#define X87(n) FIELD(ENV_FPU, "fpr" #n, fpr[n].mantissa), FIELD(ENV_FPU, "fpr" #n ".exp", fpr[n].sign_exp)
#define VEC(n) FIELD(ENV_VECTOR, "ymm" #n, vec[n])
#define MTRR(n) FIELD(ENV_MSR, "mtrr" #n ".base", mtrr_var[n].base), FIELD(ENV_MSR, "mtrr" #n ".mask", mtrr_var[n].mask)
#define FIXED(n) FIELD(ENV_MSR, "mtrr_fixed" #n, mtrr_fixed[n])
#define MSR(f) FIELD(ENV_MSR, #f, f)

const struct EnvField env_fields[] = {
    FIELD(ENV_GENERAL, "rax", gpr[REG_AX]),
    FIELD(ENV_GENERAL, "rcx", gpr[REG_CX]),
    FIELD(ENV_GENERAL, "rdx", gpr[REG_DX]),
    FIELD(ENV_GENERAL, "rbx", gpr[REG_BX]),
    FIELD(ENV_GENERAL, "rsp", gpr[REG_SP]),
    FIELD(ENV_GENERAL, "rbp", gpr[REG_BP]),
    FIELD(ENV_GENERAL, "rsi", gpr[REG_SI]),
    FIELD(ENV_GENERAL, "rdi", gpr[REG_DI]),
    FIELD(ENV_GENERAL, "r8", gpr[8]),
    FIELD(ENV_GENERAL, "r9", gpr[9]),
    FIELD(ENV_GENERAL, "r10", gpr[10]),
    FIELD(ENV_GENERAL, "r11", gpr[11]),
    FIELD(ENV_GENERAL, "r12", gpr[12]),
    FIELD(ENV_GENERAL, "r13", gpr[13]),
    FIELD(ENV_GENERAL, "r14", gpr[14]),
    FIELD(ENV_GENERAL, "r15", gpr[15]),
    FIELD(ENV_GENERAL, "rip", rip),
    FIELD(ENV_GENERAL, "rflags", rflags),

    SEGMENT("es", seg[SEG_ES]),
    SEGMENT("cs", seg[SEG_CS]),
    SEGMENT("ss", seg[SEG_SS]),
    SEGMENT("ds", seg[SEG_DS]),
    SEGMENT("fs", seg[SEG_FS]),
    SEGMENT("gs", seg[SEG_GS]),
    SEGMENT("ldt", ldt),
    SEGMENT("tr", tr),
    TABLE("gdt", gdt),
    TABLE("idt", idt),

    FIELD(ENV_CONTROL, "cr0", cr0),
    FIELD(ENV_CONTROL, "cr2", cr2),
    FIELD(ENV_CONTROL, "cr3", cr3),
    FIELD(ENV_CONTROL, "cr4", cr4),
    FIELD(ENV_CONTROL, "pdpte0", pdpte[0]),
    FIELD(ENV_CONTROL, "pdpte1", pdpte[1]),
    FIELD(ENV_CONTROL, "pdpte2", pdpte[2]),
    FIELD(ENV_CONTROL, "pdpte3", pdpte[3]),
    FIELD(ENV_CONTROL, "xcr0", xcr0),
    FIELD(ENV_CONTROL, "efer", efer),
    FIELD(ENV_CONTROL, "dr0", dr[0]),
    FIELD(ENV_CONTROL, "dr1", dr[1]),
    FIELD(ENV_CONTROL, "dr2", dr[2]),
    FIELD(ENV_CONTROL, "dr3", dr[3]),
    FIELD(ENV_CONTROL, "dr6", dr[6]),
    FIELD(ENV_CONTROL, "dr7", dr[7]),

    X87(0),
    X87(1),
    X87(2),
    X87(3),
    X87(4),
    X87(5),
    X87(6),
    X87(7),
    FIELD(ENV_FPU, "fcw", fcw),
    FIELD(ENV_FPU, "fsw", fsw),
    FIELD(ENV_FPU, "ftw", ftw),
    FIELD(ENV_FPU, "fop", fop),
    FIELD(ENV_FPU, "fcs", fcs),
    FIELD(ENV_FPU, "fds", fds),
    FIELD(ENV_FPU, "fip", fip),
    FIELD(ENV_FPU, "fdp", fdp),
    FIELD(ENV_FPU, "mxcsr", mxcsr),
    FIELD(ENV_FPU, "xinuse", xinuse),

    VEC(0),
    VEC(1),
    VEC(2),
    VEC(3),
    VEC(4),
    VEC(5),
    VEC(6),
    VEC(7),
    VEC(8),
    VEC(9),
    VEC(10),
    VEC(11),
    VEC(12),
    VEC(13),
    VEC(14),
    VEC(15),

    MSR(star),
    MSR(lstar),
    MSR(cstar),
    MSR(fmask),
    MSR(kernel_gs_base),
    MSR(sysenter_cs),
    MSR(sysenter_esp),
    MSR(sysenter_eip),
    MSR(pat),
    MSR(misc_enable),
    MSR(tsc_aux),
    MSR(tsc_adjust),
    MSR(tsc_offset),
    MSR(spec_ctrl),
    MSR(debugctl),
    MSR(mcg_status),
    MSR(xss),
    MSR(kvm_clock),
    MSR(kvm_clock_offset),
    MSR(kvm_wall_clock),
    MSR(kvm_pv_eoi),
    MSR(kvm_steal_time),
    MSR(mtrr_def_type),
    FIXED(0),
    FIXED(1),
    FIXED(2),
    FIXED(3),
    FIXED(4),
    FIXED(5),
    FIXED(6),
    FIXED(7),
    FIXED(8),
    FIXED(9),
    FIXED(10),
    MTRR(0),
    MTRR(1),
    MTRR(2),
    MTRR(3),
    MTRR(4),
    MTRR(5),
    MTRR(6),
    MTRR(7),
    MSR(pkru),
    MSR(feature_control),

    FIELD_UP_TO(ENV_CONTROL, "vmx", vmx, VMX_ROOT),
    FIELD_UP_TO(ENV_CONTROL, "vmx.init_blocked", init_blocked, true),
    FIELD(ENV_CONTROL, "vmx.vmxon_pointer", vmxon_pointer),
    FIELD(ENV_CONTROL, "vmx.vmcs_pointer", vmcs_pointer),

    FIELD_UP_TO(ENV_EVENT, "int_shadow", int_shadow, SHADOW_MOV_SS),
    FIELD_UP_TO(ENV_EVENT, "nmi_blocked", nmi_blocked, true),
    FIELD(ENV_EVENT, "pending_db", pending_db),
    FIELD_UP_TO(ENV_EVENT, "exc.pending", exception.pending, true),
    FIELD_UP_TO(ENV_EVENT, "exc.has_error", exception.has_error, true),
    FIELD_UP_TO(ENV_EVENT, "exc.vector", exception.vector, 31),
    FIELD(ENV_EVENT, "exc.error", exception.error),
    FIELD_UP_TO(ENV_EVENT, "intr.pending", interrupt.pending, true),
    FIELD(ENV_EVENT, "intr.vector", interrupt.vector),
};

const unsigned env_field_count = sizeof(env_fields) / sizeof(env_fields[0]);

uint64_t env_field_read(const CPUX86State *env, const struct EnvField *f) {
    uint64_t v = 0;
    memcpy(&v, env_field_at(env, f), f->size < 8 ? f->size : 8);
    return v;
}

const struct EnvField *env_field_find(const char *name) {
    for (unsigned i = 0; i < env_field_count; i++)
        if (strcmp(env_fields[i].name, name) == 0)
            return &env_fields[i];
    return NULL;
}
