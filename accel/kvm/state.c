/* SPDX-License-Identifier: MIT */
/* env <-> KVM: conversions that need no KVM, then the calls. */
#include "accel/kvm/kvm.h"
#include "base/bytes.h"
#include "cpu/exclusive.h"
#include "cpu/xsave.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- general registers ---- */

/* In encoding order. */
static const size_t gpr_at[REG_COUNT] = {
    offsetof(struct kvm_regs, rax), offsetof(struct kvm_regs, rcx), offsetof(struct kvm_regs, rdx),
    offsetof(struct kvm_regs, rbx), offsetof(struct kvm_regs, rsp), offsetof(struct kvm_regs, rbp),
    offsetof(struct kvm_regs, rsi), offsetof(struct kvm_regs, rdi), offsetof(struct kvm_regs, r8),
    offsetof(struct kvm_regs, r9),  offsetof(struct kvm_regs, r10), offsetof(struct kvm_regs, r11),
    offsetof(struct kvm_regs, r12), offsetof(struct kvm_regs, r13), offsetof(struct kvm_regs, r14),
    offsetof(struct kvm_regs, r15),
};

void kvm_regs_from_env(struct kvm_regs *r, const CPUX86State *env) {
    for (unsigned i = 0; i < REG_COUNT; i++)
        memcpy((uint8_t *)r + gpr_at[i], &env->gpr[i], 8);
    r->rip = env->rip;
    r->rflags = env->rflags | FLAG_ONE;
}

void kvm_regs_to_env(const struct kvm_regs *r, CPUX86State *env) {
    for (unsigned i = 0; i < REG_COUNT; i++)
        memcpy(&env->gpr[i], (const uint8_t *)r + gpr_at[i], 8);
    env->rip = r->rip;
    env->rflags = r->rflags;
}

/* ---- segments, control registers ---- */

static struct kvm_segment segment_from(const struct X86Segment *s) {
    return (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .type = s->ar & AR_TYPE,
        .s = (s->ar & AR_S) != 0,
        .dpl = (s->ar & AR_DPL) >> AR_DPL_SHIFT,
        .present = (s->ar & AR_P) != 0,
        .avl = (s->ar & AR_AVL) != 0,
        .l = (s->ar & AR_L) != 0,
        .db = (s->ar & AR_DB) != 0,
        .g = (s->ar & AR_G) != 0,
        .unusable = (s->ar & AR_UNUSABLE) != 0,
    };
}

static struct X86Segment segment_to(const struct kvm_segment *k) {
    struct X86Segment s = {.selector = k->selector, .base = k->base, .limit = k->limit};
    s.ar = (k->type & AR_TYPE) | (k->s ? AR_S : 0) | (uint32_t)(k->dpl & 3) << AR_DPL_SHIFT | (k->present ? AR_P : 0) |
           (k->avl ? AR_AVL : 0) | (k->l ? AR_L : 0) | (k->db ? AR_DB : 0) | (k->g ? AR_G : 0) |
           (k->unusable ? AR_UNUSABLE : 0);
    return s;
}

static const size_t segment_at[SEG_COUNT] = {
    offsetof(struct kvm_sregs, es), offsetof(struct kvm_sregs, cs), offsetof(struct kvm_sregs, ss),
    offsetof(struct kvm_sregs, ds), offsetof(struct kvm_sregs, fs), offsetof(struct kvm_sregs, gs),
};

void kvm_sregs_from_env(struct kvm_sregs *s, const CPUX86State *env) {
    for (unsigned i = 0; i < SEG_COUNT; i++)
        *(struct kvm_segment *)((uint8_t *)s + segment_at[i]) = segment_from(&env->seg[i]);
    s->ldt = segment_from(&env->ldt);
    s->tr = segment_from(&env->tr);
    s->gdt = (struct kvm_dtable){.base = env->gdt.base, .limit = env->gdt.limit};
    s->idt = (struct kvm_dtable){.base = env->idt.base, .limit = env->idt.limit};
    s->cr0 = env->cr0;
    s->cr2 = env->cr2;
    s->cr3 = env->cr3;
    s->cr4 = env->cr4;
    s->efer = env->efer;
    memset(s->interrupt_bitmap, 0, sizeof(s->interrupt_bitmap)); /* kvm_vcpu_events has it */
}

void kvm_sregs_to_env(const struct kvm_sregs *s, CPUX86State *env) {
    for (unsigned i = 0; i < SEG_COUNT; i++)
        env->seg[i] = segment_to((const struct kvm_segment *)((const uint8_t *)s + segment_at[i]));
    env->ldt = segment_to(&s->ldt);
    env->tr = segment_to(&s->tr);
    env->gdt = (struct X86Table){.base = s->gdt.base, .limit = s->gdt.limit};
    env->idt = (struct X86Table){.base = s->idt.base, .limit = s->idt.limit};
    env->cr0 = s->cr0;
    env->cr2 = s->cr2;
    env->cr3 = s->cr3;
    env->cr4 = s->cr4;
    env->efer = s->efer;
}

/* struct kvm_sregs2 is kvm_sregs with the pointers where that has the interrupt bitmap. */
void kvm_sregs2_from(struct kvm_sregs2 *two, const struct kvm_sregs *s, const CPUX86State *env) {
    _Static_assert(offsetof(struct kvm_sregs2, flags) == offsetof(struct kvm_sregs, interrupt_bitmap), "same layout");
    memset(two, 0, sizeof(*two));
    memcpy(two, s, offsetof(struct kvm_sregs, interrupt_bitmap));
    two->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
    memcpy(two->pdptrs, env->pdpte, sizeof(two->pdptrs));
}

static bool pae_paging(const CPUX86State *env) {
    return (env->cr0 & CR0_PG) != 0 && (env->cr4 & CR4_PAE) != 0 && !x86_long_mode(env);
}

/* ---- x87, SSE, AVX, PKRU ---- */

static unsigned fpu_top(const CPUX86State *env) { return env->fsw >> 11 & 7; }

/* The kernel saves with REX.W: 64-bit instruction and data pointers, no selectors. */
void kvm_xsave_from_env(struct kvm_xsave *x, const CPUX86State *env, uint64_t components, unsigned pkru_at) {
    uint8_t *p = (uint8_t *)x->region;
    memset(x, 0, sizeof(*x));
    put_le16(p + FXSAVE_FCW, env->fcw);
    put_le16(p + FXSAVE_FSW, env->fsw);
    p[FXSAVE_FTW] = env->ftw;
    put_le16(p + FXSAVE_FOP, env->fop);
    put_le64(p + FXSAVE_FIP, env->fip);
    put_le64(p + FXSAVE_FDP, env->fdp);
    put_le32(p + FXSAVE_MXCSR, env->mxcsr);
    put_le32(p + FXSAVE_MXCSR_MASK, 0xffff);
    for (unsigned i = 0; i < 8; i++) {
        const struct X87Reg *r = &env->fpr[(fpu_top(env) + i) & 7];
        put_le64(p + FXSAVE_ST + 16 * i, r->mantissa);
        put_le16(p + FXSAVE_ST + 16 * i + 8, r->sign_exp);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(p + FXSAVE_XMM + 16 * i, env->vec[i].b, 16);
        if (components & XCR0_AVX)
            memcpy(p + XSAVE_AVX_OFFSET + 16 * i, env->vec[i].b + 16, 16);
    }
    if (components & XCR0_PKRU)
        put_le32(p + pkru_at, env->pkru);
    put_le64(p + XSAVE_XSTATE_BV, components);
}

/* A component whose bit in XSTATE_BV is clear is in its initial state (SDM vol. 1, 13.6). */
void kvm_xsave_to_env(const struct kvm_xsave *x, CPUX86State *env, unsigned pkru_at) {
    const uint8_t *p = (const uint8_t *)x->region;
    uint64_t bv = get_le64(p + XSAVE_XSTATE_BV);
    bool x87 = (bv & XCR0_X87) != 0;
    env->fcw = x87 ? get_le16(p + FXSAVE_FCW) : 0x37f;
    env->fsw = x87 ? get_le16(p + FXSAVE_FSW) : 0;
    env->ftw = x87 ? p[FXSAVE_FTW] : 0;
    env->fop = x87 ? get_le16(p + FXSAVE_FOP) : 0;
    env->fip = x87 ? get_le64(p + FXSAVE_FIP) : 0;
    env->fdp = x87 ? get_le64(p + FXSAVE_FDP) : 0;
    env->fcs = env->fds = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct X87Reg *r = &env->fpr[(fpu_top(env) + i) & 7];
        r->mantissa = x87 ? get_le64(p + FXSAVE_ST + 16 * i) : 0;
        r->sign_exp = x87 ? get_le16(p + FXSAVE_ST + 16 * i + 8) : 0;
    }
    /* MXCSR belongs to SSE and to AVX */
    env->mxcsr = bv & (XCR0_SSE | XCR0_AVX) ? get_le32(p + FXSAVE_MXCSR) : 0x1f80;
    env->pkru = bv & XCR0_PKRU ? get_le32(p + pkru_at) : 0;
    for (unsigned i = 0; i < 16; i++) {
        memset(&env->vec[i], 0, sizeof(env->vec[i]));
        if (bv & XCR0_SSE)
            memcpy(env->vec[i].b, p + FXSAVE_XMM + 16 * i, 16);
        if (bv & XCR0_AVX)
            memcpy(env->vec[i].b + 16, p + XSAVE_AVX_OFFSET + 16 * i, 16);
    }
}

/* ---- events on their way ---- */

uint32_t kvm_held_db(const CPUX86State *env) { return env->int_shadow == SHADOW_MOV_SS ? env->pending_db : 0; }

void kvm_events_from_env(struct kvm_vcpu_events *e, const CPUX86State *env) {
    *e = (struct kvm_vcpu_events){.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW};
    if (env->exception.pending) {
        e->exception.injected = 1;
        e->exception.nr = env->exception.vector;
        e->exception.has_error_code = env->exception.has_error;
        e->exception.error_code = env->exception.error;
    }
    if (env->interrupt.pending) {
        e->interrupt.injected = 1;
        e->interrupt.nr = env->interrupt.vector;
    }
    e->interrupt.shadow = env->int_shadow == SHADOW_STI      ? KVM_X86_SHADOW_INT_STI
                          : env->int_shadow == SHADOW_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS
                                                             : 0;
    e->nmi.masked = env->nmi_blocked;
    if (env->pending_db != 0 && !env->exception.pending && kvm_held_db(env) == 0) {
        e->exception.injected = 1;
        e->exception.nr = VEC_DB;
    }
}

/* SVM knows one kind of shadow and reports both. */
void kvm_events_to_env(const struct kvm_vcpu_events *e, CPUX86State *env) {
    env->exception.pending = e->exception.injected != 0;
    env->exception.vector = e->exception.injected ? e->exception.nr : 0;
    env->exception.has_error = e->exception.injected && e->exception.has_error_code;
    env->exception.error = env->exception.has_error ? e->exception.error_code : 0;
    env->interrupt.pending = e->interrupt.injected && !e->interrupt.soft;
    env->interrupt.vector = env->interrupt.pending ? e->interrupt.nr : 0;
    env->int_shadow = e->interrupt.shadow & KVM_X86_SHADOW_INT_STI      ? SHADOW_STI
                      : e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? SHADOW_MOV_SS
                                                                        : SHADOW_NONE;
    env->nmi_blocked = e->nmi.masked != 0;
    env->pending_db = 0;
}

/* KVM blocks further NMIs when it begins to deliver one, so behind one that is `injected` nothing was blocked yet. */
bool kvm_events_take_nmi(struct kvm_vcpu_events *e) {
    if (!e->nmi.injected && !e->nmi.pending)
        return false;
    if (e->nmi.injected)
        e->nmi.masked = 0;
    e->nmi.injected = e->nmi.pending = 0;
    e->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    return true;
}

/* ---- MSRs ---- */

#define AT(f) offsetof(CPUX86State, f)
static const struct {
    uint32_t msr;
    size_t at;
} msrs[] = {
    {0xc0000081, AT(star)},
    {0xc0000082, AT(lstar)},
    {0xc0000083, AT(cstar)},
    {0xc0000084, AT(fmask)},
    {0xc0000102, AT(kernel_gs_base)},
    {0xc0000103, AT(tsc_aux)},
    {0x174, AT(sysenter_cs)},
    {0x175, AT(sysenter_esp)},
    {0x176, AT(sysenter_eip)},
    {0x277, AT(pat)},
    {0x1a0, AT(misc_enable)},
    {0x48, AT(spec_ctrl)},
    {0x1d9, AT(debugctl)},
    {0x17a, AT(mcg_status)},
    {0x250, AT(mtrr_fixed[0])},
    {0x258, AT(mtrr_fixed[1])},
    {0x259, AT(mtrr_fixed[2])},
    {0x268, AT(mtrr_fixed[3])},
    {0x269, AT(mtrr_fixed[4])},
    {0x26a, AT(mtrr_fixed[5])},
    {0x26b, AT(mtrr_fixed[6])},
    {0x26c, AT(mtrr_fixed[7])},
    {0x26d, AT(mtrr_fixed[8])},
    {0x26e, AT(mtrr_fixed[9])},
    {0x26f, AT(mtrr_fixed[10])},
    {0x200, AT(mtrr_var[0].base)},
    {0x201, AT(mtrr_var[0].mask)},
    {0x202, AT(mtrr_var[1].base)},
    {0x203, AT(mtrr_var[1].mask)},
    {0x204, AT(mtrr_var[2].base)},
    {0x205, AT(mtrr_var[2].mask)},
    {0x206, AT(mtrr_var[3].base)},
    {0x207, AT(mtrr_var[3].mask)},
    {0x208, AT(mtrr_var[4].base)},
    {0x209, AT(mtrr_var[4].mask)},
    {0x20a, AT(mtrr_var[5].base)},
    {0x20b, AT(mtrr_var[5].mask)},
    {0x20c, AT(mtrr_var[6].base)},
    {0x20d, AT(mtrr_var[6].mask)},
    {0x20e, AT(mtrr_var[7].base)},
    {0x20f, AT(mtrr_var[7].mask)},
    {0x2ff, AT(mtrr_def_type)},
    {0x4b564d00, AT(kvm_wall_clock)},
    {0x4b564d01, AT(kvm_clock)},
    {0x4b564d03, AT(kvm_steal_time)},
    {0x4b564d04, AT(kvm_pv_eoi)},
};
#undef AT
enum { MSR_ROWS = sizeof(msrs) / sizeof(msrs[0]) };
_Static_assert(MSR_ROWS + 2 <= KVM_MSR_LIST_MAX, "the table outgrew its users");

/* Room for a kvm_msrs with that many entries. */
union MsrList {
    struct kvm_msrs m;
    uint8_t bytes[sizeof(struct kvm_msrs) + KVM_MSR_LIST_MAX * sizeof(struct kvm_msr_entry)];
};

static uint64_t *msr_field(CPUX86State *env, unsigned row) { return (uint64_t *)((uint8_t *)env + msrs[row].at); }

bool kvm_one_msr(struct KvmVcpu *v, unsigned long request, uint32_t msr, uint64_t *value) {
    union {
        struct kvm_msrs m;
        uint8_t bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
    } list = {.m = {.nmsrs = 1}};
    list.m.entries[0] = (struct kvm_msr_entry){.index = msr, .data = *value};
    if (ioctl(v->fd, request, &list) != 1)
        return false;
    *value = list.m.entries[0].data;
    return true;
}

void kvm_probe_msrs(struct KvmVcpu *v) {
    for (unsigned first = 0; first < MSR_ROWS;) { /* one that KVM does not have stops the list: go on behind it */
        union MsrList list = {.m = {.nmsrs = MSR_ROWS - first}};
        for (unsigned i = first; i < MSR_ROWS; i++)
            list.m.entries[i - first].index = msrs[i].msr;
        int got = ioctl(v->fd, KVM_GET_MSRS, &list);
        for (int i = 0; i < got; i++)
            v->msr[v->msr_count++] = (uint8_t)(first + (unsigned)i);
        first += (unsigned)(got < 0 ? 0 : got) + 1;
    }
}

static void get_msrs(struct KvmVcpu *v, CPUX86State *env) {
    union MsrList list = {.m = {.nmsrs = v->msr_count}};
    for (unsigned i = 0; i < v->msr_count; i++)
        list.m.entries[i].index = msrs[v->msr[i]].msr;
    int got = ioctl(v->fd, KVM_GET_MSRS, &list);
    for (int i = 0; i < got; i++)
        *msr_field(env, v->msr[i]) = list.m.entries[i].data;
}

/*
 * Those that have another value than KVM has; some writes have effects even if the value is the old one. One that is
 * refused stops the list: go on behind it. The value then stays as it was, as after a WRMSR with #GP. False: some were.
 */
static bool put_msrs(struct KvmVcpu *v, CPUX86State *env) {
    uint8_t row[KVM_MSR_LIST_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < v->msr_count; i++)
        if (!v->known || *msr_field(&v->got, v->msr[i]) != *msr_field(env, v->msr[i]))
            row[count++] = v->msr[i];
    bool all = true;
    for (unsigned first = 0; first < count;) {
        union MsrList list = {.m = {.nmsrs = count - first}};
        for (unsigned i = first; i < count; i++)
            list.m.entries[i - first] =
                (struct kvm_msr_entry){.index = msrs[row[i]].msr, .data = *msr_field(env, row[i])};
        int set = ioctl(v->fd, KVM_SET_MSRS, &list);
        all = all && set == (int)(count - first);
        if (set < 0)
            break;
        first += (unsigned)set + 1;
    }
    return all;
}

/* ---- the whole ---- */

static bool triple_fault_waits(const struct kvm_vcpu_events *e) {
    return (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) != 0 && e->triple_fault.pending;
}

static void get_events(struct KvmVcpu *v) {
    struct kvm_vcpu_events e;
    if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e) < 0)
        return;
    v->triple_fault = triple_fault_waits(&e);
    if (kvm_events_take_nmi(&e) && ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e) == 0)
        cpu_post(v->cpu, CPU_EVENT_NMI); /* back to where every engine finds it */
    kvm_events_to_env(&e, &v->cpu->env);
}

/* The page-directory pointers that PAE paging keeps in the processor. Old kernels don't tell; there memory is asked. */
static void get_pdptes(struct KvmVcpu *v) {
    CPUX86State *env = &v->cpu->env;
    struct kvm_sregs2 sregs;
    if (!pae_paging(env))
        return;
    if (v->vm->caps.sregs2 && ioctl(v->fd, KVM_GET_SREGS2, &sregs) == 0 &&
        (sregs.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) != 0)
        memcpy(env->pdpte, sregs.pdptrs, sizeof(env->pdpte));
    else
        bus_read(v->cpu->bus, env->cr3 & 0xffffffe0, env->pdpte, sizeof(env->pdpte));
}

static void get_fpu(struct KvmVcpu *v) {
    CPUX86State *env = &v->cpu->env;
    struct kvm_xsave xsave;
    struct kvm_xcrs xcrs;
    if (ioctl(v->fd, KVM_GET_XSAVE, &xsave) == 0)
        kvm_xsave_to_env(&xsave, env, v->pkru_at);
    if (v->vm->caps.xcrs && ioctl(v->fd, KVM_GET_XCRS, &xcrs) == 0)
        for (unsigned i = 0; i < xcrs.nr_xcrs; i++)
            if (xcrs.xcrs[i].xcr == 0)
                env->xcr0 = xcrs.xcrs[i].value;
}

/* With the kernel's local APIC HLT and the wait for SIPI are the kernel's. KVM tells two kinds of the latter apart, and
 * hears a SIPI in one only: INIT_RECEIVED. A processor waits for it after RESET as well as after INIT (SDM vol. 3,
 * 9.4.1), so that is the one that KVM gets. */
void kvm_mp_state_to_cpu(uint32_t mp_state, struct CPUState *cpu) {
    cpu->halted = mp_state == KVM_MP_STATE_HALTED;
    cpu->wait_for_sipi = mp_state == KVM_MP_STATE_UNINITIALIZED || mp_state == KVM_MP_STATE_INIT_RECEIVED;
}

uint32_t kvm_mp_state_from_cpu(const struct CPUState *cpu) {
    if (cpu->wait_for_sipi)
        return KVM_MP_STATE_INIT_RECEIVED;
    return cpu->halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE;
}

static void get_mp_state(struct KvmVcpu *v) {
    struct kvm_mp_state s;
    if (ioctl(v->fd, KVM_GET_MP_STATE, &s) == 0)
        kvm_mp_state_to_cpu(s.mp_state, v->cpu);
}

/* False: KVM has not left them in run->s, or has yet to store there what a pending event does to CR2 and DR6. */
static bool get_regs_from_run(struct KvmVcpu *v) {
    const struct kvm_sync_regs *s = &v->run->s.regs;
    CPUX86State *env = &v->cpu->env;
    if (!v->regs_in_run || s->events.exception.injected || s->events.exception.pending || s->events.nmi.injected ||
        s->events.nmi.pending || triple_fault_waits(&s->events))
        return false;
    kvm_events_to_env(&s->events, env);
    kvm_regs_to_env(&s->regs, env);
    kvm_sregs_to_env(&s->sregs, env);
    return true;
}

static void get_regs(struct KvmVcpu *v) {
    CPUX86State *env = &v->cpu->env;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    get_events(v); /* first: on the way KVM stores what a pending exception does to CR2 and DR6 */
    if (ioctl(v->fd, KVM_GET_REGS, &regs) == 0)
        kvm_regs_to_env(&regs, env);
    if (ioctl(v->fd, KVM_GET_SREGS, &sregs) == 0)
        kvm_sregs_to_env(&sregs, env);
}

void kvm_get_state(struct CPUState *cpu) {
    struct KvmVcpu *v = cpu->engine;
    CPUX86State *env = &cpu->env;
    struct kvm_debugregs dr;
    if (v->vm->irqchip) { /* first: on the way KVM does to the registers what an INIT or SIPI that waits says */
        get_mp_state(v);
        v->regs_in_run = false;
    }
    if (!get_regs_from_run(v))
        get_regs(v);
    if (v->held_db != 0) {
        env->pending_db = v->held_db;
        env->int_shadow = SHADOW_MOV_SS;
    }
    get_pdptes(v);
    get_fpu(v);
    if (v->vm->caps.debugregs && ioctl(v->fd, KVM_GET_DEBUGREGS, &dr) == 0) {
        memcpy(env->dr, dr.db, sizeof(dr.db));
        env->dr[6] = dr.dr6;
        env->dr[7] = dr.dr7;
    }
    get_msrs(v, env);
    kvm_get_time(v);
    env->zero = 0;
    v->got = *env;
    v->known = true;
}

/* 0, or -errno with the reason in cpu->error: KVM would run something else than env. */
static int put(struct KvmVcpu *v, unsigned long request, void *arg, const char *what) {
    if (ioctl(v->fd, request, arg) >= 0)
        return 0;
    int e = errno;
    snprintf(v->cpu->error, sizeof(v->cpu->error), "kvm: the %s of this guest are refused: %s", what, strerror(e));
    return -e;
}

static int put_mp_state(struct KvmVcpu *v) {
    struct kvm_mp_state s = {.mp_state = kvm_mp_state_from_cpu(v->cpu)};
    return put(v, KVM_SET_MP_STATE, &s, "run state");
}

/* apic_base and CR8 are the local APIC's. */
static void get_apic(struct KvmVcpu *v, uint64_t *base, uint8_t *cr8) {
    struct CPUState *cpu = v->cpu;
    *base = v->apic_base;
    *cr8 = 0;
    if (cpu->apic == NULL || cpu->apic->get_base == NULL)
        return;
    pthread_mutex_lock(cpu->lock);
    *base = cpu->apic->get_base(cpu->apic_opaque);
    *cr8 = cpu->apic->get_cr8(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
}

/* What KVM_GET_REGS and its likes would give for that env; comparable bytes. */
static void pack(struct kvm_sync_regs *s, const CPUX86State *env, uint64_t apic_base, uint8_t cr8) {
    memset(s, 0, sizeof(*s));
    kvm_regs_from_env(&s->regs, env);
    kvm_sregs_from_env(&s->sregs, env);
    kvm_events_from_env(&s->events, env);
    s->sregs.apic_base = apic_base;
    s->sregs.cr8 = cr8;
}

static int put_sregs(struct KvmVcpu *v, struct kvm_sregs *s) {
    static const char what[] = "segment and control registers";
    struct kvm_sregs2 two;
    if (!v->vm->caps.sregs2 || !pae_paging(&v->cpu->env))
        return put(v, KVM_SET_SREGS, s, what);
    kvm_sregs2_from(&two, s, &v->cpu->env);
    return put(v, KVM_SET_SREGS2, &two, what);
}

static bool same_sregs(const struct KvmVcpu *v, const struct kvm_sync_regs *a, const struct kvm_sync_regs *b) {
    return memcmp(&a->sregs, &b->sregs, sizeof(a->sregs)) == 0 &&
           (!pae_paging(&v->cpu->env) || memcmp(v->cpu->env.pdpte, v->got.pdpte, sizeof(v->got.pdpte)) == 0);
}

/* General, segment and control registers, and events on their way: those that KVM does not have. */
static int put_regs(struct KvmVcpu *v, bool soon) {
    struct kvm_sync_regs want, have;
    bool known = v->known && v->run->kvm_dirty_regs == 0;
    uint64_t apic_base;
    uint8_t cr8;
    int r = 0;
    v->held_db = kvm_held_db(&v->cpu->env);
    get_apic(v, &apic_base, &cr8);
    pack(&want, &v->cpu->env, apic_base, cr8);
    pack(&have, &v->got, v->apic_base, v->cr8);
    v->run->apic_base = v->apic_base = apic_base;
    v->run->cr8 = v->cr8 = cr8;
    if (soon) {
        v->run->s.regs = want;
        v->run->kvm_dirty_regs = KVM_SYNC_X86_VALID_FIELDS;
        v->regs_in_run = true;
        return 0;
    }
    v->regs_in_run = false;
    v->run->kvm_dirty_regs = 0;
    if (!known || !same_sregs(v, &want, &have))
        r = put_sregs(v, &want.sregs);
    if (r == 0 && (!known || memcmp(&want.regs, &have.regs, sizeof(want.regs)) != 0))
        r = put(v, KVM_SET_REGS, &want.regs, "general registers");
    if (v->triple_fault) /* of a state that is no more: the guest was reset, or went on in another engine */
        want.events.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
    if (r == 0 && (!known || memcmp(&want.events, &have.events, sizeof(want.events)) != 0))
        r = put(v, KVM_SET_VCPU_EVENTS, &want.events, "pending events");
    v->triple_fault = v->triple_fault && r != 0;
    return r;
}

int kvm_flush_regs(struct KvmVcpu *v) {
    struct kvm_sync_regs *s = &v->run->s.regs;
    if (v->run->kvm_dirty_regs == 0)
        return 0;
    v->run->kvm_dirty_regs = 0;
    int r = put(v, KVM_SET_SREGS, &s->sregs, "segment and control registers");
    if (r == 0)
        r = put(v, KVM_SET_REGS, &s->regs, "general registers");
    if (r == 0)
        r = put(v, KVM_SET_VCPU_EVENTS, &s->events, "pending events");
    return r;
}

static bool same_fpu(const CPUX86State *a, const CPUX86State *b) {
    const size_t first = offsetof(CPUX86State, fpr), end = offsetof(CPUX86State, vec) + sizeof(a->vec);
    return memcmp((const uint8_t *)a + first, (const uint8_t *)b + first, end - first) == 0 && a->xcr0 == b->xcr0 &&
           a->pkru == b->pkru;
}

static int put_fpu(struct KvmVcpu *v) {
    const CPUX86State *env = &v->cpu->env;
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = env->xcr0}}};
    struct kvm_xsave xsave;
    int r = 0;
    if (v->known && same_fpu(env, &v->got))
        return 0;
    kvm_xsave_from_env(&xsave, env, v->xcr0_supported, v->pkru_at);
    if (v->vm->caps.xcrs && cpu_has(&v->cpu->model, CPUID_XSAVE))
        r = put(v, KVM_SET_XCRS, &xcrs, "XCR0");
    return r != 0 ? r : put(v, KVM_SET_XSAVE, &xsave, "floating-point and vector registers");
}

static int put_debugregs(struct KvmVcpu *v) {
    const CPUX86State *env = &v->cpu->env;
    uint32_t due = env->pending_db & ~v->held_db;
    struct kvm_debugregs dr = {.dr6 = due != 0 ? x86_dr6_after(env->dr[6], due) : env->dr[6], .dr7 = env->dr[7]};
    if (v->known && env->pending_db == v->got.pending_db && v->held_db == kvm_held_db(&v->got) &&
        memcmp(env->dr, v->got.dr, sizeof(env->dr)) == 0)
        return 0;
    memcpy(dr.db, env->dr, sizeof(dr.db));
    return v->vm->caps.debugregs ? put(v, KVM_SET_DEBUGREGS, &dr, "debug registers") : 0;
}

static int put_all(struct CPUState *cpu, bool soon) {
    struct KvmVcpu *v = cpu->engine;
    CPUX86State *env = &cpu->env;
    kvm_look_for_observers(v);
    if (!v->vm->assist && kvm_held_db(env) != 0)
        env->int_shadow = SHADOW_NONE; /* nobody could execute the instruction that the trap waits for */
    int r = put_regs(v, soon);
    if (r == 0)
        r = put_fpu(v);
    if (r == 0)
        r = put_debugregs(v);
    bool msrs_taken = r == 0 && put_msrs(v, env);
    if (r == 0)
        kvm_put_time(v);
    if (r == 0 && v->vm->irqchip)
        r = put_mp_state(v);
    v->known = r == 0 && msrs_taken;
    if (r != 0)
        return r;
    v->got = *env;
    v->run->ready_for_interrupt_injection = 0; /* was said of the state before */
    v->run->if_flag = (env->rflags & FLAG_IF) != 0;
    return 0;
}

int kvm_put_state(struct CPUState *cpu) { return put_all(cpu, false); }

/* With the kernel's local APICs an INIT, SIPI or NMI may have reached a vCPU after it had stopped, from one that had
 * not: it is KVM's, and not in env yet. */
static void get_sent(struct KvmVm *vm) {
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        if (vm->vcpu[i]->known && !vm->vcpu[i]->cpu->env_changed)
            kvm_get_state(vm->vcpu[i]->cpu);
}

void kvm_settle(struct Accel *accel) {
    struct KvmVm *vm = accel->data;
    if (!atomic_exchange(&vm->ran, false))
        return;
    if (vm->irqchip && vm->vcpu[0] != NULL && !cpu_is_alone(vm->vcpu[0]->cpu))
        get_sent(vm);
    kvm_settle_time(vm);
}

/* Where one instruction needs help, more will: their registers come with the exits. (run->s has no room for PAE's
 * pointers.) */
int kvm_put_state_soon(struct CPUState *cpu) {
    enum { RUNS = 64 };
    struct KvmVcpu *v = cpu->engine;
    if (v->vm->caps.sync_regs)
        v->sync_runs = RUNS;
    return put_all(cpu, v->vm->caps.sync_regs && !pae_paging(&cpu->env));
}
