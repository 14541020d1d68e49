/* SPDX-License-Identifier: MIT */
/* VM entry's checks of the guest state (SDM vol. 3, 27.3.1). */
#include "accel/tcg-lite/vmx/checks.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"

#define FIRST_BROKEN(rules) vmx_first_broken(rules, sizeof(rules) / sizeof((rules)[0]))

/* What most of these checks ask for. */
struct Guest {
    const struct VmxEntry *e;
    uint64_t cr0, cr3, cr4, flags;
    bool wide, v8086, unrestricted; /* IA-32e mode; RFLAGS.VM */
    bool code64;
};

/* ---- control registers, MSRs (27.3.1.1) ---- */

static const char *check_registers(const struct Guest *g) {
    const struct VmxEntry *e = g->e;
    uint64_t fixed = vmx_cr0_fixed() & ~(uint64_t)(g->unrestricted ? CR0_PE | CR0_PG : 0);
    bool debug = vmx_set(e, VMX_CONTROL_LOAD_DEBUG);
    const struct VmxRule rules[] = {
        {~g->cr0 & fixed || g->cr0 >> 32, "CR0 has bits that can't be so"},
        {g->cr0 & CR0_PG && !(g->cr0 & CR0_PE), "CR0 has paging without protection"},
        {~g->cr4 & vmx_cr4_fixed() || g->cr4 & ~cpu_model_cr4(e->model), "CR4 has bits that can't be so"},
        {debug && vmx_field(e, VMCS_GUEST_DEBUGCTL) & ~3ull, "IA32_DEBUGCTL has reserved bits"},
        {g->wide && !(g->cr0 & CR0_PG), "it is in IA-32e mode without paging"},
        {g->wide && !(g->cr4 & CR4_PAE), "it is in IA-32e mode without PAE"},
        {!g->wide && g->cr4 & CR4_PCIDE, "CR4 has PCIDE outside of IA-32e mode"},
        {g->cr3 >> e->model->phys_bits, "CR3 is beyond the physical address"},
        {debug && vmx_field(e, VMCS_GUEST_DR7) >> 32, "DR7 has reserved bits"},
        {!vmx_canonical(vmx_field(e, VMCS_GUEST_SYSENTER_ESP)), "IA32_SYSENTER_ESP is not canonical"},
        {!vmx_canonical(vmx_field(e, VMCS_GUEST_SYSENTER_EIP)), "IA32_SYSENTER_EIP is not canonical"},
        {vmx_set(e, VMX_CONTROL_LOAD_PAT) && vmx_bad_pat(vmx_field(e, VMCS_GUEST_PAT)),
         "IA32_PAT has a type that does not exist"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_efer(const struct Guest *g) {
    uint64_t efer = vmx_field(g->e, VMCS_GUEST_EFER);
    bool lma = efer & EFER_LMA, lme = efer & EFER_LME;
    if (!vmx_set(g->e, VMX_CONTROL_LOAD_EFER))
        return NULL;
    const struct VmxRule rules[] = {
        {efer & ~cpu_model_efer(g->e->model), "IA32_EFER has reserved bits"},
        {lma != g->wide, "IA32_EFER.LMA is not what the entry says"},
        {g->cr0 & CR0_PG && lma != lme, "IA32_EFER.LMA does not go with LME"},
    };
    return FIRST_BROKEN(rules);
}

/* ---- segments (27.3.1.2) ---- */

/* A segment register as the VMCS has it. */
struct Segment {
    uint16_t selector;
    uint32_t limit, rights;
    uint64_t base;
    unsigned type, dpl, rpl;
    bool usable;
};

enum { SEGMENT_LDTR = SEG_COUNT, SEGMENT_TR };

/* All four rows of fields are in this order. */
static struct Segment segment(const struct VmxEntry *e, unsigned n) {
    struct Segment s = {
        .selector = (uint16_t)vmx_field(e, (enum VmcsEncoding)(VMCS_GUEST_ES_SELECTOR + 2 * n)),
        .limit = (uint32_t)vmx_field(e, (enum VmcsEncoding)(VMCS_GUEST_ES_LIMIT + 2 * n)),
        .rights = (uint32_t)vmx_field(e, (enum VmcsEncoding)(VMCS_GUEST_ES_RIGHTS + 2 * n)),
        .base = vmx_field(e, (enum VmcsEncoding)(VMCS_GUEST_ES_BASE + 2 * n)),
    };
    s.type = s.rights & AR_TYPE;
    s.dpl = (s.rights & AR_DPL) >> AR_DPL_SHIFT;
    s.rpl = s.selector & 3;
    s.usable = !(s.rights & AR_UNUSABLE);
    return s;
}

/* The granularity that its limit can have: with pages the low 12 bits are ones, without them it is below 1 MiB. */
static bool bad_granularity(const struct Segment *s) {
    bool pages = s->rights & AR_G;
    return pages ? (s->limit & 0xfff) != 0xfff : s->limit >> 20 != 0;
}

static bool reserved_rights(const struct Segment *s) { return s->rights & 0xfffe0f00; }

static const char *check_v8086(const struct VmxEntry *e) {
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        struct Segment s = segment(e, n);
        const struct VmxRule rules[] = {
            {s.base != (uint64_t)s.selector << 4, "in v8086 mode a base is not 16 times the selector"},
            {s.limit != 0xffff, "in v8086 mode a limit is not FFFFh"},
            {s.rights != 0xf3, "in v8086 mode access rights are not F3h"},
        };
        const char *wrong = FIRST_BROKEN(rules);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static const char *check_cs(const struct Guest *g, const struct Segment *cs, const struct Segment *ss) {
    bool data = cs->type == 3, code = cs->type == 9 || cs->type == 11, conforming = cs->type == 13 || cs->type == 15;
    const struct VmxRule rules[] = {
        {cs->base >> 32, "CS's base is beyond 32 bits"},
        {!code && !conforming && !(data && g->unrestricted), "CS's type is none of accessed code"},
        {!(cs->rights & AR_S), "CS is a system segment"},
        {data && cs->dpl != 0, "CS's DPL is not 0, and its type 3"},
        {code && cs->dpl != ss->dpl, "CS's DPL is not SS's"},
        {conforming && cs->dpl > ss->dpl, "CS's DPL is above SS's"},
        {!(cs->rights & AR_P), "CS is not present"},
        {reserved_rights(cs), "CS's access rights have reserved bits"},
        {g->wide && cs->rights & AR_L && cs->rights & AR_DB, "CS has both L and D"},
        {bad_granularity(cs), "CS's limit does not go with its granularity"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_ss(const struct Guest *g, const struct Segment *ss, const struct Segment *cs) {
    const struct VmxRule rules[] = {
        {!g->unrestricted && ss->rpl != cs->rpl, "SS's RPL is not CS's"},
        {ss->usable && ss->type != 3 && ss->type != 7, "SS's type is none of accessed writable data"},
        {!g->unrestricted && ss->dpl != ss->rpl, "SS's DPL is not its RPL"},
        {ss->dpl != 0 && (cs->type == 3 || !(g->cr0 & CR0_PE)), "SS's DPL is not 0 in real mode"},
    };
    return FIRST_BROKEN(rules);
}

/* ES, DS, FS, GS, and what SS has in common with them. */
static const char *check_data(const struct Guest *g, const struct Segment *s, unsigned n) {
    bool fs_gs = n == SEG_FS || n == SEG_GS;
    const struct VmxRule rules[] = {
        {fs_gs && !vmx_canonical(s->base), "FS's or GS's base is not canonical"},
        {s->usable && !fs_gs && s->base >> 32, "a data segment's base is beyond 32 bits"},
        {s->usable && n != SEG_SS && !(s->type & AR_ACCESSED), "a data segment is not accessed"},
        {s->usable && n != SEG_SS && s->type & AR_CODE && !(s->type & AR_READABLE), "a data segment is not readable"},
        {s->usable && !(s->rights & AR_S), "a data segment is a system segment"},
        {s->usable && n != SEG_SS && !g->unrestricted && s->type < 12 && s->dpl < s->rpl,
         "a data segment's DPL is below its RPL"},
        {s->usable && !(s->rights & AR_P), "a data segment is not present"},
        {s->usable && reserved_rights(s), "a data segment's access rights have reserved bits"},
        {s->usable && bad_granularity(s), "a data segment's limit does not go with its granularity"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_system(const struct Guest *g) {
    struct Segment ldtr = segment(g->e, SEGMENT_LDTR), tr = segment(g->e, SEGMENT_TR);
    bool ldt = ldtr.usable;
    const struct VmxRule rules[] = {
        {tr.selector & 4, "TR's selector has TI"},
        {ldt && ldtr.selector & 4, "LDTR's selector has TI"},
        {!vmx_canonical(tr.base), "TR's base is not canonical"},
        {ldt && !vmx_canonical(ldtr.base), "LDTR's base is not canonical"},
        {tr.type != 11 && (tr.type != 3 || g->wide), "TR's type is none of a busy TSS"},
        {tr.rights & AR_S, "TR is no system segment"},
        {!(tr.rights & AR_P), "TR is not present"},
        {!tr.usable || reserved_rights(&tr), "TR's access rights have reserved bits"},
        {bad_granularity(&tr), "TR's limit does not go with its granularity"},
        {ldt && ldtr.type != 2, "LDTR's type is not that of an LDT"},
        {ldt && ldtr.rights & AR_S, "LDTR is no system segment"},
        {ldt && !(ldtr.rights & AR_P), "LDTR is not present"},
        {ldt && reserved_rights(&ldtr), "LDTR's access rights have reserved bits"},
        {ldt && bad_granularity(&ldtr), "LDTR's limit does not go with its granularity"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_segments(const struct Guest *g) {
    struct Segment cs = segment(g->e, SEG_CS), ss = segment(g->e, SEG_SS);
    const char *wrong = check_system(g);
    if (wrong != NULL)
        return wrong;
    if (g->v8086)
        return check_v8086(g->e);
    if ((wrong = check_ss(g, &ss, &cs)) != NULL || (wrong = check_cs(g, &cs, &ss)) != NULL)
        return wrong;
    for (unsigned n = 0; n < SEG_COUNT && wrong == NULL; n++) {
        struct Segment s = segment(g->e, n);
        wrong = n == SEG_CS ? NULL : check_data(g, &s, n);
    }
    return wrong;
}

/* ---- tables, RIP, RFLAGS (27.3.1.3, 27.3.1.4) ---- */

static const char *check_tables_and_rip(const struct Guest *g) {
    const uint64_t flags_reserved = ~0x3fffffull | 1 << 15 | 1 << 5 | 1 << 3;
    const struct VmxEntry *e = g->e;
    uint64_t rip = vmx_field(e, VMCS_GUEST_RIP);
    const struct VmxRule rules[] = {
        {!vmx_canonical(vmx_field(e, VMCS_GUEST_GDTR_BASE)), "GDTR's base is not canonical"},
        {!vmx_canonical(vmx_field(e, VMCS_GUEST_IDTR_BASE)), "IDTR's base is not canonical"},
        {vmx_field(e, VMCS_GUEST_GDTR_LIMIT) >> 16, "GDTR's limit is beyond 16 bits"},
        {vmx_field(e, VMCS_GUEST_IDTR_LIMIT) >> 16, "IDTR's limit is beyond 16 bits"},
        {!g->code64 && rip >> 32, "RIP is beyond 32 bits"},
        {g->code64 && !vmx_canonical(rip), "RIP is not canonical"},
        {g->flags & flags_reserved || !(g->flags & FLAG_ONE), "RFLAGS has reserved bits"},
        {g->v8086 && (g->wide || !(g->cr0 & CR0_PE)), "RFLAGS has VM in another mode"},
        {vmx_injected(e) == VMX_EVENT_INTERRUPT && !(g->flags & FLAG_IF),
         "an interrupt is injected while RFLAGS.IF is clear"},
    };
    return FIRST_BROKEN(rules);
}

/* ---- what is no register (27.3.1.5) ---- */

enum { BLOCK_STI = 1 << 0, BLOCK_MOV_SS = 1 << 1, BLOCK_SMI = 1 << 2, BLOCK_NMI = 1 << 3, BLOCKS = 0xf };
enum { ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_SIPI };

/* Whether that event may come to a processor that is not active. */
static bool wakes(unsigned activity, enum VmxEvent type, unsigned vector) {
    if (activity == ACTIVE || type == VMX_EVENT_NONE)
        return true;
    bool machine_check = type == VMX_EVENT_HARDWARE && vector == VEC_MC;
    if (activity == ACTIVITY_HLT)
        return type == VMX_EVENT_INTERRUPT || type == VMX_EVENT_NMI || machine_check || type == VMX_EVENT_OTHER ||
               (type == VMX_EVENT_HARDWARE && vector == VEC_DB);
    return activity == ACTIVITY_SHUTDOWN && (type == VMX_EVENT_NMI || machine_check);
}

static const char *check_activity(const struct Guest *g) {
    const struct VmxEntry *e = g->e;
    uint64_t activity = vmx_field(e, VMCS_GUEST_ACTIVITY), block = vmx_field(e, VMCS_GUEST_INTERRUPTIBILITY);
    struct Segment ss = segment(e, SEG_SS);
    bool exists = activity == ACTIVE || (activity <= ACTIVITY_SIPI && e->activities >> activity & 1);
    const struct VmxRule rules[] = {
        {!exists, "the activity state does not exist"},
        {activity == ACTIVITY_HLT && ss.dpl != 0, "it is halted, but not at privilege level 0"},
        {activity != ACTIVE && block & (BLOCK_STI | BLOCK_MOV_SS), "it is not active in an interrupt shadow"},
        {!wakes((unsigned)activity, vmx_injected(e), vmx_field(e, VMCS_ENTRY_INTERRUPTION) & 0xff),
         "an event is injected that does not wake it"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_interruptibility(const struct Guest *g) {
    uint64_t block = vmx_field(g->e, VMCS_GUEST_INTERRUPTIBILITY);
    enum VmxEvent type = vmx_injected(g->e);
    bool virtual_nmis = vmx_set(g->e, VMX_CONTROL_VIRTUAL_NMIS), sti = block & BLOCK_STI, ss = block & BLOCK_MOV_SS;
    const struct VmxRule rules[] = {
        {block & ~(uint64_t)BLOCKS, "interruptibility has reserved bits"},
        {sti && ss, "blocking by both STI and MOV SS"},
        {sti && !(g->flags & FLAG_IF), "blocking by STI while RFLAGS.IF is clear"},
        {(sti || ss) && type == VMX_EVENT_INTERRUPT, "an interrupt is injected in an interrupt shadow"},
        {ss && type == VMX_EVENT_NMI, "an NMI is injected while MOV SS blocks"},
        {block & BLOCK_SMI, "blocking by SMI outside of SMM"},
        {virtual_nmis && block & BLOCK_NMI && type == VMX_EVENT_NMI, "an NMI is injected while one blocks"},
    };
    return FIRST_BROKEN(rules);
}

/* BS goes with TF where the trap would have come, had it not been held back. */
static const char *check_pending_debug(const struct Guest *g) {
    enum { PENDING_BITS = 0xf | 1 << 12 | 1 << 14, BTF = 1 << 1 };
    uint64_t pending = vmx_field(g->e, VMCS_GUEST_PENDING_DEBUG), block = vmx_field(g->e, VMCS_GUEST_INTERRUPTIBILITY);
    bool held = block & (BLOCK_STI | BLOCK_MOV_SS) || vmx_field(g->e, VMCS_GUEST_ACTIVITY) == ACTIVITY_HLT;
    bool step = g->flags & FLAG_TF && !(vmx_field(g->e, VMCS_GUEST_DEBUGCTL) & BTF), bs = pending & DR6_BS;
    const struct VmxRule rules[] = {
        {pending & ~(uint64_t)PENDING_BITS, "pending debug exceptions have reserved bits"},
        {held && bs != step, "pending debug exceptions have BS where TF says otherwise"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_link(const struct Guest *g) {
    const struct VmxEntry *e = g->e;
    uint64_t link = vmx_field(e, VMCS_LINK_POINTER);
    if (link == VMCS_NO_POINTER)
        return NULL;
    bool bad = vmx_bad_address(e, link, VMCS_REGION_SIZE);
    uint32_t shadow = vmx_set(e, VMX_CONTROL_VMCS_SHADOWING) ? VMCS_SHADOW_INDICATOR : 0;
    const struct VmxRule rules[] = {
        {bad, "the VMCS link pointer is no address of a page"},
        {!bad && bus_read_uint(e->bus, link, 4) != (VMCS_REVISION | shadow),
         "the VMCS link pointer is not that of such a VMCS"},
        {link == e->region, "the VMCS link pointer is the current VMCS"},
    };
    return FIRST_BROKEN(rules);
}

/* ---- PDPTEs (27.3.1.6) ---- */

static const char *check_pdptes(const struct Guest *g) {
    const struct VmxEntry *e = g->e;
    uint64_t reserved = 0x1e6 | ~((1ull << e->model->phys_bits) - 1);
    if (!(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE) || g->wide)
        return NULL;
    for (unsigned k = 0; k < 4; k++) {
        uint64_t entry = vmx_set(e, VMX_CONTROL_EPT) ? vmx_field(e, (enum VmcsEncoding)(VMCS_GUEST_PDPTE0 + 2 * k))
                                                     : bus_read_uint(e->bus, (g->cr3 & 0xffffffe0) + 8 * k, 8);
        if (entry & 1 && entry & reserved)
            return "a PDPTE has reserved bits";
    }
    return NULL;
}

/* ---- all ---- */

static void guest_read(struct Guest *g, const struct VmxEntry *e) {
    *g = (struct Guest){
        .e = e,
        .cr0 = vmx_field(e, VMCS_GUEST_CR0),
        .cr3 = vmx_field(e, VMCS_GUEST_CR3),
        .cr4 = vmx_field(e, VMCS_GUEST_CR4),
        .flags = vmx_field(e, VMCS_GUEST_RFLAGS),
        .wide = vmx_set(e, VMX_CONTROL_GUEST_IA32E),
        .unrestricted = vmx_set(e, VMX_CONTROL_UNRESTRICTED),
    };
    g->v8086 = g->flags & FLAG_VM;
    g->code64 = g->wide && vmx_field(e, VMCS_GUEST_CS_RIGHTS) & AR_L;
}

const char *vmx_check_guest(const struct VmxEntry *e, unsigned *qualification) {
    static const struct {
        const char *(*check)(const struct Guest *g);
        uint8_t qualification;
    } checks[] = {
        {check_registers, VMX_FAILS_OTHER},     {check_efer, VMX_FAILS_OTHER},
        {check_segments, VMX_FAILS_OTHER},      {check_tables_and_rip, VMX_FAILS_OTHER},
        {check_activity, VMX_FAILS_OTHER},      {check_interruptibility, VMX_FAILS_OTHER},
        {check_pending_debug, VMX_FAILS_OTHER}, {check_link, VMX_FAILS_LINK},
        {check_pdptes, VMX_FAILS_PDPTE},
    };
    struct Guest g;
    guest_read(&g, e);
    for (unsigned k = 0; k < sizeof(checks) / sizeof(checks[0]); k++) {
        const char *wrong = checks[k].check(&g);
        *qualification = checks[k].qualification;
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}
