/* SPDX-License-Identifier: MIT */
/* Processor state after power-up, RESET and INIT: SDM vol. 3, 10.1 and table 10-1. */
#include "cpu/cpu.h"

#include <string.h>

static void set_segment(struct X86Segment *s, uint16_t selector, uint64_t base, uint32_t ar) {
    s->selector = selector;
    s->base = base;
    s->limit = 0xffff;
    s->ar = ar;
}

/* What RESET and INIT have in common. */
static void reset_core(struct CPUState *cpu) {
    CPUX86State *env = &cpu->env;
    memset(env->gpr, 0, sizeof(env->gpr));
    env->gpr[REG_DX] = cpu->model.signature;
    env->zero = 0;
    env->rip = 0xfff0;
    env->rflags = FLAG_ONE;
    for (int i = 0; i < SEG_COUNT; i++)
        set_segment(&env->seg[i], 0, 0, AR_P | AR_S | AR_WRITABLE | AR_ACCESSED);
    set_segment(&env->seg[SEG_CS], 0xf000, 0xffff0000, AR_P | AR_S | AR_CODE | AR_READABLE | AR_ACCESSED);
    set_segment(&env->ldt, 0, 0, AR_P | 2);  /* LDT */
    set_segment(&env->tr, 0, 0, AR_P | 0xb); /* busy 32-bit TSS */
    env->gdt.base = env->idt.base = 0;
    env->gdt.limit = env->idt.limit = 0xffff;
    env->cr2 = env->cr3 = env->cr4 = env->efer = 0;
    memset(env->pdpte, 0, sizeof(env->pdpte));
    memset(env->dr, 0, sizeof(env->dr));
    env->dr[6] = 0xffff0ff0;
    env->dr[7] = 0x400;
    env->kernel_gs_base = 0;
    env->int_shadow = SHADOW_NONE;
    env->nmi_blocked = false;
    env->pending_db = 0;
    env->exception.pending = env->exception.has_error = false;
    env->exception.vector = 0;
    env->exception.error = 0;
    env->interrupt.pending = false;
    env->interrupt.vector = 0;
    env->vmx = VMX_OFF;
    env->init_blocked = false;
    env->vmxon_pointer = env->vmcs_pointer = 0;
}

/* What only power-up and RESET do. */
static void reset_full(CPUX86State *env) {
    memset(env->fpr, 0, sizeof(env->fpr));
    memset(env->vec, 0, sizeof(env->vec));
    env->fcw = 0x40;
    env->fsw = 0;
    env->ftw = 0xff; /* tag word 5555h: every register is valid and +0 */
    env->fop = env->fcs = env->fds = 0;
    env->fip = env->fdp = 0;
    env->mxcsr = 0x1f80;
    env->xcr0 = XCR0_X87;
    env->xss = 0;
    env->star = env->lstar = env->cstar = env->fmask = 0;
    env->sysenter_cs = env->sysenter_esp = env->sysenter_eip = 0;
    env->pat = 0x0007040600070406;
    env->misc_enable = 1; /* fast strings */
    env->tsc_aux = env->tsc_adjust = env->spec_ctrl = env->debugctl = env->mcg_status = 0;
    env->mtrr_def_type = 0;
    memset(env->mtrr_fixed, 0, sizeof(env->mtrr_fixed));
    memset(env->mtrr_var, 0, sizeof(env->mtrr_var));
    env->pkru = 0;
    env->feature_control = 0;
    /* KVM must not write to where the last system was */
    env->kvm_clock = env->kvm_wall_clock = env->kvm_pv_eoi = env->kvm_steal_time = 0;
}

void cpu_reset(struct CPUState *cpu, bool init) {
    CPUX86State *env = &cpu->env;
    /* INIT keeps CD and NW; RESET sets both */
    uint64_t cache = init ? env->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;
    reset_core(cpu);
    env->cr0 = cache | CR0_ET;
    if (!init) {
        reset_full(env);
        cpu->has_turn = cpu->turn_over = false;
        env->tsc_offset = -(cpu_read_tsc(cpu) - env->tsc_offset); /* the TSC starts at 0 */
    }
    cpu->halted = cpu->shut_down = false;
    cpu->wait_for_sipi = !cpu->bootstrap;
    uint32_t gone = CPU_EVENT_NMI | CPU_EVENT_UNHALT | (init ? 0 : CPU_EVENT_INIT | CPU_EVENT_SIPI);
    cpu_retract(cpu, gone);
}

void cpu_start_ap(struct CPUState *cpu, uint8_t vector) {
    struct X86Segment *cs = &cpu->env.seg[SEG_CS];
    cs->selector = vector << 8;
    cs->base = (uint64_t)vector << 12;
    cpu->env.rip = 0;
    cpu->halted = false;
    cpu->wait_for_sipi = false;
}
