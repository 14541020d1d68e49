/* SPDX-License-Identifier: MIT */
/*
 * VM entry's checks (SDM vol. 3, chapter 27): a VMCS that passes all of them, and for each check one in which a field
 * or two differ, so that this check is the first that it breaks.
 */
#include "accel/tcg-lite/vmx/checks.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <string.h>

enum { REGION = 0x301000, SHADOW = 0x302000, TABLES = 0x303000 };
enum Kind { CONTROLS, HOST, GUEST };
enum { MOST = 4 };

static const struct VmxCheckRow {
    const char *what; /* words of what is wrong; NULL: nothing is */
    enum Kind kind;
    enum VmxControl on[MOST]; /* controls that are set beside those of the good VMCS */
    struct {
        enum VmcsEncoding field;
        uint64_t value;
    } set[MOST]; /* until a field that is 0: there is none but VPID, which comes first if at all */
    unsigned qualification;
} rows[] = {
#define SET(f, v) {VMCS_##f, v}
#define ON(c) VMX_CONTROL_##c
#define EVENT(type, vector) (1ull << 31 | (type) << 8 | (vector))
    {NULL, CONTROLS, {0}, {{0}}, 0},
    {"pin-based", CONTROLS, {0}, {SET(PIN_CONTROLS, 0)}, 0},
    {"primary", CONTROLS, {0}, {SET(PROC_CONTROLS, 0x0401e170)}, 0},
    {"VM-exit controls", CONTROLS, {0}, {SET(EXIT_CONTROLS, 0)}, 0},
    {"VM-entry controls", CONTROLS, {0}, {SET(ENTRY_CONTROLS, 0)}, 0},
    {"CR3-target", CONTROLS, {0}, {SET(CR3_TARGET_COUNT, 5)}, 0},
    {NULL, CONTROLS, {0}, {SET(CR3_TARGET_COUNT, 4)}, 0},
    {"an I/O bitmap", CONTROLS, {ON(IO_BITMAPS)}, {SET(IO_BITMAP_A, 0x1800)}, 0},
    {"an I/O bitmap", CONTROLS, {ON(IO_BITMAPS)}, {SET(IO_BITMAP_B, 1ull << 40)}, 0},
    {NULL, CONTROLS, {0}, {SET(IO_BITMAP_B, 1ull << 40)}, 0},
    {"MSR bitmaps", CONTROLS, {ON(MSR_BITMAPS)}, {SET(MSR_BITMAPS, 4)}, 0},
    {"need NMI exiting", CONTROLS, {ON(VIRTUAL_NMIS)}, {{0}}, 0},
    {"needs virtual NMIs", CONTROLS, {ON(NMI_WINDOW)}, {{0}}, 0},
    {NULL, CONTROLS, {ON(NMI_WINDOW), ON(VIRTUAL_NMIS), ON(NMIS)}, {{0}}, 0},
    {"VPID 0", CONTROLS, {ON(SECONDARY), ON(VPID)}, {{0}}, 0},
    {NULL, CONTROLS, {ON(VPID)}, {{0}}, 0}, /* without secondary controls they count as 0 */
    {"needs EPT", CONTROLS, {ON(SECONDARY), ON(UNRESTRICTED)}, {{0}}, 0},
    {"preemption timer", CONTROLS, {ON(SAVE_TIMER)}, {{0}}, 0},
    {"MSR-store list", CONTROLS, {0}, {SET(EXIT_MSR_STORE_COUNT, 1), SET(EXIT_MSR_STORE, 8)}, 0},
    {"MSR-load list", CONTROLS, {0}, {SET(EXIT_MSR_LOAD_COUNT, 2), SET(EXIT_MSR_LOAD, (1ull << 40) - 16)}, 0},
    {NULL, CONTROLS, {0}, {SET(EXIT_MSR_LOAD_COUNT, 1), SET(EXIT_MSR_LOAD, (1ull << 40) - 16)}, 0},
    {"VM-entry MSR-load", CONTROLS, {0}, {SET(ENTRY_MSR_LOAD_COUNT, 1), SET(ENTRY_MSR_LOAD, 1ull << 40)}, 0},
    {NULL, CONTROLS, {0}, {SET(ENTRY_MSR_LOAD, 1ull << 40)}, 0},
    {"SMM", CONTROLS, {ON(TO_SMM)}, {{0}}, 0},
    {"SMM", CONTROLS, {ON(NO_DUAL_MONITOR)}, {{0}}, 0},
    {"type does not exist", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(1, 0))}, 0},
    {"vector", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(2, 3))}, 0},
    {"vector", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(3, 32))}, 0},
    {"vector", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(7, 1))}, 0},
    {"error code, or none", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(3, VEC_GP))}, 0},
    {"error code, or none", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(3, VEC_UD) | 1 << 11)}, 0},
    {"error code, or none", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(0, VEC_GP) | 1 << 11)}, 0},
    {NULL, CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(3, VEC_GP) | 1 << 11)}, 0},
    {"event has reserved", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(0, 32) | 1 << 13)}, 0},
    {"error code has reserved",
     CONTROLS,
     {0},
     {SET(ENTRY_INTERRUPTION, EVENT(3, VEC_PF) | 1 << 11), SET(ENTRY_ERROR_CODE, 1 << 16)},
     0},
    {"no length", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(4, 0x80))}, 0},
    {"no length", CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(6, 3)), SET(ENTRY_LENGTH, 16)}, 0},
    {NULL, CONTROLS, {0}, {SET(ENTRY_INTERRUPTION, EVENT(6, 3)), SET(ENTRY_LENGTH, 1)}, 0},

    {"host CR0", HOST, {0}, {SET(HOST_CR0, CR0_PG | CR0_PE)}, 0},
    {"host CR4", HOST, {0}, {SET(HOST_CR4, CR4_PAE)}, 0},
    {"host CR4", HOST, {0}, {SET(HOST_CR4, CR4_PAE | CR4_VMXE | 1 << 12)}, 0},
    {"host CR3", HOST, {0}, {SET(HOST_CR3, 1ull << 40)}, 0},
    {"SYSENTER_ESP", HOST, {0}, {SET(HOST_SYSENTER_ESP, 1ull << 47)}, 0},
    {"SYSENTER_EIP", HOST, {0}, {SET(HOST_SYSENTER_EIP, 1ull << 63)}, 0},
    {"RPL or TI", HOST, {0}, {SET(HOST_DS_SELECTOR, 0x2b)}, 0},
    {"RPL or TI", HOST, {0}, {SET(HOST_TR_SELECTOR, 0x44)}, 0},
    {"host CS", HOST, {0}, {SET(HOST_CS_SELECTOR, 0)}, 0},
    {"host TR", HOST, {0}, {SET(HOST_TR_SELECTOR, 0)}, 0},
    {NULL, HOST, {0}, {SET(HOST_SS_SELECTOR, 0)}, 0},
    {"host base", HOST, {0}, {SET(HOST_IDTR_BASE, 1ull << 62)}, 0},
    {"address-space size", HOST, {0}, {SET(EXIT_CONTROLS, 0x36dff)}, 0},
    {"no PAE", HOST, {0}, {SET(HOST_CR4, CR4_VMXE)}, 0},
    {"host RIP", HOST, {0}, {SET(HOST_RIP, 1ull << 48)}, 0},
    {"IA32_PAT", HOST, {ON(EXIT_LOAD_PAT)}, {SET(HOST_PAT, 2)}, 0},
    {"IA32_EFER has", HOST, {ON(EXIT_LOAD_EFER)}, {SET(HOST_EFER, EFER_LMA | EFER_LME | 2)}, 0},
    {"IA32_EFER is not", HOST, {ON(EXIT_LOAD_EFER)}, {SET(HOST_EFER, EFER_LME)}, 0},

    {"CR0 has bits", GUEST, {0}, {SET(GUEST_CR0, CR0_PE | CR0_PG)}, 0},
    {"CR0 has bits", GUEST, {0}, {SET(GUEST_CR0, CR0_PE | CR0_PG | CR0_NE | 1ull << 32)}, 0},
    {"without protection", GUEST, {ON(SECONDARY), ON(UNRESTRICTED)}, {SET(GUEST_CR0, CR0_PG | CR0_NE)}, 0},
    {"CR4 has bits", GUEST, {0}, {SET(GUEST_CR4, CR4_PAE)}, 0},
    {"DEBUGCTL", GUEST, {0}, {SET(GUEST_DEBUGCTL, 4)}, 0},
    {"without paging", GUEST, {ON(SECONDARY), ON(UNRESTRICTED)}, {SET(GUEST_CR0, CR0_PE | CR0_NE)}, 0},
    {"without PAE", GUEST, {0}, {SET(GUEST_CR4, CR4_VMXE)}, 0},
    {"PCIDE outside", GUEST, {0}, {SET(ENTRY_CONTROLS, 0x11ff), SET(GUEST_CR4, CR4_VMXE | CR4_PAE | CR4_PCIDE)}, 0},
    {"CR3 is beyond", GUEST, {0}, {SET(GUEST_CR3, 1ull << 40)}, 0},
    {"DR7", GUEST, {0}, {SET(GUEST_DR7, 1ull << 32)}, 0},
    {"SYSENTER_ESP", GUEST, {0}, {SET(GUEST_SYSENTER_ESP, 1ull << 47)}, 0},
    {"SYSENTER_EIP", GUEST, {0}, {SET(GUEST_SYSENTER_EIP, 1ull << 47)}, 0},
    {"IA32_PAT", GUEST, {ON(LOAD_PAT)}, {SET(GUEST_PAT, 0x0300)}, 0},
    {"EFER has reserved", GUEST, {ON(LOAD_EFER)}, {SET(GUEST_EFER, 1 << 9)}, 0},
    {"not what the entry says", GUEST, {ON(LOAD_EFER)}, {SET(GUEST_EFER, 0)}, 0},
    {"go with LME", GUEST, {ON(LOAD_EFER)}, {SET(GUEST_EFER, EFER_LMA)}, 0},

    {"TR's selector", GUEST, {0}, {SET(GUEST_TR_SELECTOR, 0x44)}, 0},
    {"TR's base", GUEST, {0}, {SET(GUEST_TR_BASE, 1ull << 47)}, 0},
    {"TR's type", GUEST, {0}, {SET(GUEST_TR_RIGHTS, 0x83)}, 0},
    {"TR is no system", GUEST, {0}, {SET(GUEST_TR_RIGHTS, 0x9b)}, 0},
    {"TR is not present", GUEST, {0}, {SET(GUEST_TR_RIGHTS, 0x0b)}, 0},
    {"TR's access rights", GUEST, {0}, {SET(GUEST_TR_RIGHTS, 0x1008b)}, 0},
    {"TR's access rights", GUEST, {0}, {SET(GUEST_TR_RIGHTS, 0x18b)}, 0},
    {"TR's limit", GUEST, {0}, {SET(GUEST_TR_LIMIT, 0x100067)}, 0},
    {"LDTR's selector", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x82), SET(GUEST_LDTR_SELECTOR, 0x4c)}, 0},
    {NULL, GUEST, {0}, {SET(GUEST_LDTR_SELECTOR, 0x4c)}, 0},
    {"LDTR's base", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x82), SET(GUEST_LDTR_BASE, 1ull << 63)}, 0},
    {"LDTR's type", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x83)}, 0},
    {"LDTR is no system", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x92)}, 0},
    {"LDTR is not present", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x02)}, 0},
    {"LDTR's access rights", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x20082)}, 0},
    {"LDTR's limit", GUEST, {0}, {SET(GUEST_LDTR_RIGHTS, 0x8082), SET(GUEST_LDTR_LIMIT, 0xffe)}, 0},
    {"SS's RPL", GUEST, {0}, {SET(GUEST_CS_SELECTOR, 0x0b)}, 0},
    {"SS's type", GUEST, {0}, {SET(GUEST_SS_RIGHTS, 0xc091)}, 0},
    {"SS's DPL is not its", GUEST, {0}, {SET(GUEST_SS_RIGHTS, 0xc0f3)}, 0},
    {"DPL is not 0 in real",
     GUEST,
     {ON(SECONDARY), ON(UNRESTRICTED)},
     {SET(GUEST_CS_RIGHTS, 0x93), SET(GUEST_CS_LIMIT, 0xffff), SET(GUEST_SS_RIGHTS, 0xc0f3)},
     0},
    {"CS's base", GUEST, {0}, {SET(GUEST_CS_BASE, 1ull << 32)}, 0},
    {"CS's type", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa093)}, 0},
    {"CS is a system", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa08b)}, 0},
    {"CS's DPL is not 0", GUEST, {ON(SECONDARY), ON(UNRESTRICTED)}, {SET(GUEST_CS_RIGHTS, 0xc0b3)}, 0},
    {"CS's DPL is not SS's", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa0fb)}, 0},
    {"CS's DPL is above", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa0ff)}, 0},
    {"CS is not present", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa01b)}, 0},
    {"CS's access rights", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xa19b)}, 0},
    {"both L and D", GUEST, {0}, {SET(GUEST_CS_RIGHTS, 0xe09b)}, 0},
    {"CS's limit", GUEST, {0}, {SET(GUEST_CS_LIMIT, 0xfffffffe)}, 0},
    {"FS's or GS's", GUEST, {0}, {SET(GUEST_GS_BASE, 1ull << 47)}, 0},
    {"data segment's base", GUEST, {0}, {SET(GUEST_DS_BASE, 1ull << 32)}, 0},
    {NULL, GUEST, {0}, {SET(GUEST_DS_BASE, 1ull << 32), SET(GUEST_DS_RIGHTS, AR_UNUSABLE)}, 0},
    {"not accessed", GUEST, {0}, {SET(GUEST_ES_RIGHTS, 0xc092)}, 0},
    {"not readable", GUEST, {0}, {SET(GUEST_ES_RIGHTS, 0xc099)}, 0},
    {"data segment is a system", GUEST, {0}, {SET(GUEST_FS_RIGHTS, 0xc083)}, 0},
    {"DPL is below", GUEST, {0}, {SET(GUEST_DS_SELECTOR, 0x13)}, 0},
    {"data segment is not present", GUEST, {0}, {SET(GUEST_SS_RIGHTS, 0xc013)}, 0},
    {"data segment's access rights", GUEST, {0}, {SET(GUEST_GS_RIGHTS, 0xc293)}, 0},
    {"data segment's limit", GUEST, {0}, {SET(GUEST_ES_LIMIT, 0xffe)}, 0},
    {"16 times", GUEST, {0}, {SET(ENTRY_CONTROLS, 0x11ff), SET(GUEST_RFLAGS, FLAG_VM | 2), SET(GUEST_ES_BASE, 4)}, 0},

    {"GDTR's base", GUEST, {0}, {SET(GUEST_GDTR_BASE, 1ull << 47)}, 0},
    {"IDTR's base", GUEST, {0}, {SET(GUEST_IDTR_BASE, 1ull << 47)}, 0},
    {"GDTR's limit", GUEST, {0}, {SET(GUEST_GDTR_LIMIT, 0x10000)}, 0},
    {"IDTR's limit", GUEST, {0}, {SET(GUEST_IDTR_LIMIT, 0x10000)}, 0},
    {"RIP is not canonical", GUEST, {0}, {SET(GUEST_RIP, 1ull << 48)}, 0},
    {"RIP is beyond", GUEST, {0}, {SET(GUEST_RIP, 1ull << 32), SET(GUEST_CS_RIGHTS, 0xc09b)}, 0},
    {"RFLAGS has reserved", GUEST, {0}, {SET(GUEST_RFLAGS, 0)}, 0},
    {"RFLAGS has reserved", GUEST, {0}, {SET(GUEST_RFLAGS, 2 | 8)}, 0},
    {"RFLAGS has reserved", GUEST, {0}, {SET(GUEST_RFLAGS, 2 | 1 << 22)}, 0},
    {"RFLAGS.IF", GUEST, {0}, {SET(ENTRY_INTERRUPTION, EVENT(0, 32))}, 0},
    {NULL, GUEST, {0}, {SET(ENTRY_INTERRUPTION, EVENT(0, 32)), SET(GUEST_RFLAGS, FLAG_IF | 2)}, 0},

    {"activity state", GUEST, {0}, {SET(GUEST_ACTIVITY, 2)}, 0}, /* the test's processor has HLT alone */
    {"activity state", GUEST, {0}, {SET(GUEST_ACTIVITY, 4)}, 0},
    {NULL, GUEST, {0}, {SET(GUEST_ACTIVITY, 1)}, 0},
    {"not at privilege",
     GUEST,
     {ON(SECONDARY), ON(UNRESTRICTED)},
     {SET(GUEST_ACTIVITY, 1), SET(GUEST_SS_RIGHTS, 0xc0f3), SET(GUEST_CS_RIGHTS, 0xa0fb)},
     0},
    {"not active in an",
     GUEST,
     {0},
     {SET(GUEST_ACTIVITY, 1), SET(GUEST_INTERRUPTIBILITY, 1), SET(GUEST_RFLAGS, FLAG_IF | 2)},
     0},
    {"does not wake", GUEST, {0}, {SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTERRUPTION, EVENT(3, VEC_UD))}, 0},
    {NULL, GUEST, {0}, {SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTERRUPTION, EVENT(2, 2))}, 0},
    {"interruptibility has", GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 32)}, 0},
    {"both STI", GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 3), SET(GUEST_RFLAGS, FLAG_IF | 2)}, 0},
    {"STI while", GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 1)}, 0},
    {"in an interrupt shadow",
     GUEST,
     {0},
     {SET(GUEST_INTERRUPTIBILITY, 2), SET(GUEST_RFLAGS, FLAG_IF | 2), SET(ENTRY_INTERRUPTION, EVENT(0, 32))},
     0},
    {"while MOV SS", GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 2), SET(ENTRY_INTERRUPTION, EVENT(2, 2))}, 0},
    {"outside of SMM", GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 4)}, 0},
    {"while one blocks",
     GUEST,
     {ON(VIRTUAL_NMIS)},
     {SET(GUEST_INTERRUPTIBILITY, 8), SET(ENTRY_INTERRUPTION, EVENT(2, 2))},
     0},
    {NULL, GUEST, {0}, {SET(GUEST_INTERRUPTIBILITY, 8), SET(ENTRY_INTERRUPTION, EVENT(2, 2))}, 0},
    {"exceptions have reserved", GUEST, {0}, {SET(GUEST_PENDING_DEBUG, 16)}, 0},
    {"BS where", GUEST, {0}, {SET(GUEST_PENDING_DEBUG, 1 << 14), SET(GUEST_INTERRUPTIBILITY, 2)}, 0},
    {"BS where", GUEST, {0}, {SET(GUEST_RFLAGS, FLAG_TF | 2), SET(GUEST_INTERRUPTIBILITY, 2)}, 0},
    {NULL,
     GUEST,
     {0},
     {SET(GUEST_RFLAGS, FLAG_TF | 2), SET(GUEST_INTERRUPTIBILITY, 2), SET(GUEST_PENDING_DEBUG, 1 << 14)},
     0},
    {"no address of a page", GUEST, {0}, {SET(LINK_POINTER, 8)}, VMX_FAILS_LINK},
    {"not that of such", GUEST, {0}, {SET(LINK_POINTER, TABLES)}, VMX_FAILS_LINK},
    {"is the current", GUEST, {0}, {SET(LINK_POINTER, REGION)}, VMX_FAILS_LINK},
    {NULL, GUEST, {0}, {SET(LINK_POINTER, SHADOW)}, 0},
    {"not that of such", GUEST, {ON(SECONDARY), ON(VMCS_SHADOWING)}, {SET(LINK_POINTER, SHADOW)}, VMX_FAILS_LINK},
    {"a PDPTE",
     GUEST,
     {0},
     {SET(ENTRY_CONTROLS, 0x11ff), SET(GUEST_CS_RIGHTS, 0xc09b), SET(GUEST_CR3, TABLES)},
     VMX_FAILS_PDPTE},
    {"a PDPTE",
     GUEST,
     {ON(SECONDARY), ON(EPT)},
     {SET(ENTRY_CONTROLS, 0x11ff), SET(GUEST_CS_RIGHTS, 0xc09b), SET(GUEST_PDPTE3, 3)},
     VMX_FAILS_PDPTE},
    {NULL, GUEST, {0}, {SET(GUEST_CR3, TABLES)}, 0},
#undef SET
#undef ON
#undef EVENT
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void put(struct CpuBench *b, enum VmcsEncoding f, uint64_t v) { vmcs_write(b->cpu.bus, REGION, f, v); }

/* 64-bit host and guest, the least of controls. */
static void good_vmcs(struct CpuBench *b) {
    uint32_t revision = VMCS_REVISION;
    memset(b->mem + REGION, 0, VMCS_REGION_SIZE);
    memcpy(b->mem + REGION, &revision, 4);
    put(b, VMCS_PIN_CONTROLS, 0x16);
    put(b, VMCS_PROC_CONTROLS, 0x0401e172);
    put(b, VMCS_EXIT_CONTROLS, 0x36dff | 1 << 9);
    put(b, VMCS_ENTRY_CONTROLS, 0x11ff | 1 << 9);
    put(b, VMCS_HOST_CR0, CR0_PE | CR0_NE | CR0_PG);
    put(b, VMCS_HOST_CR4, CR4_PAE | CR4_VMXE);
    put(b, VMCS_HOST_CS_SELECTOR, BENCH_CS64);
    put(b, VMCS_HOST_SS_SELECTOR, BENCH_DS0);
    put(b, VMCS_HOST_TR_SELECTOR, BENCH_TR);
    put(b, VMCS_GUEST_CR0, CR0_PE | CR0_NE | CR0_PG);
    put(b, VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE);
    put(b, VMCS_GUEST_RFLAGS, FLAG_ONE);
    put(b, VMCS_LINK_POINTER, VMCS_NO_POINTER);
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        put(b, (enum VmcsEncoding)(VMCS_GUEST_ES_SELECTOR + 2 * n), n == SEG_CS ? BENCH_CS64 : BENCH_DS0);
        put(b, (enum VmcsEncoding)(VMCS_GUEST_ES_LIMIT + 2 * n), 0xffffffff);
        put(b, (enum VmcsEncoding)(VMCS_GUEST_ES_RIGHTS + 2 * n), n == SEG_CS ? 0xa09b : 0xc093);
    }
    put(b, VMCS_GUEST_LDTR_RIGHTS, AR_UNUSABLE);
    put(b, VMCS_GUEST_TR_SELECTOR, BENCH_TR);
    put(b, VMCS_GUEST_TR_RIGHTS, 0x8b);
    put(b, VMCS_GUEST_TR_LIMIT, 0x67);
}

/* A processor on which every control can be 1, and that can be halted. */
static void make_entry(struct CpuBench *b, struct VmxEntry *e) {
    vmx_entry_read(e, b->cpu.bus, &b->cpu.model, REGION, true);
    for (unsigned w = 0; w < VMX_WORDS; w++)
        e->capability[w] |= 0xffffffffull << 32;
    e->activities = 1 << 1;
}

static void set_controls(struct CpuBench *b, const enum VmxControl *on) {
    static const enum VmcsEncoding field[VMX_WORDS] = {[VMX_PIN] = VMCS_PIN_CONTROLS,
                                                       [VMX_PROC] = VMCS_PROC_CONTROLS,
                                                       [VMX_PROC2] = VMCS_PROC2_CONTROLS,
                                                       [VMX_EXIT] = VMCS_EXIT_CONTROLS,
                                                       [VMX_ENTRY] = VMCS_ENTRY_CONTROLS};
    uint32_t words[VMX_WORDS] = {0};
    for (unsigned k = 0; k < MOST && on[k] != VMX_CONTROL_ALWAYS; k++)
        vmx_set_control(words, on[k]);
    for (unsigned w = 0; w < VMX_WORDS; w++)
        put(b, field[w], vmcs_read(b->cpu.bus, REGION, field[w]) | words[w]);
}

static struct CpuBench *bench(void) {
    struct CpuBench *b = cpu_bench_new("max,vendor=GenuineIntel", BENCH_LONG);
    uint32_t revision = VMCS_REVISION;
    uint64_t entry = 3; /* a PDPTE with a reserved bit */
    b->cpu.model.feature[CPUID_VMX / 32] |= 1u << CPUID_VMX % 32;
    memcpy(b->mem + SHADOW, &revision, 4);
    memcpy(b->mem + TABLES + 8, &entry, 8);
    good_vmcs(b);
    return b;
}

START_TEST(each_check) {
    const struct VmxCheckRow *r = &rows[_i];
    struct CpuBench *b = bench();
    struct VmxEntry e;
    unsigned qualification = 0;
    set_controls(b, r->on);
    for (unsigned k = 0; k < MOST && r->set[k].field != 0; k++)
        put(b, r->set[k].field, r->set[k].value);
    make_entry(b, &e);
    const char *wrong = r->kind == CONTROLS ? vmx_check_controls(&e)
                        : r->kind == HOST   ? vmx_check_host(&e)
                                            : vmx_check_guest(&e, &qualification);
    if (r->what == NULL)
        ck_assert_msg(wrong == NULL, "row %d: %s", _i, wrong);
    else
        ck_assert_msg(wrong != NULL && strstr(wrong, r->what) != NULL, "row %d: %s, not %s", _i, wrong, r->what);
    ck_assert_msg(r->what == NULL || qualification == r->qualification, "row %d: %u", _i, qualification);
    cpu_bench_free(b);
}
END_TEST

/* The good VMCS passes all; not on a processor that lacks its controls. */
START_TEST(good_passes) {
    struct CpuBench *b = bench();
    struct VmxEntry e;
    unsigned qualification;
    make_entry(b, &e);
    ck_assert_ptr_null(vmx_check_controls(&e));
    ck_assert_ptr_null(vmx_check_host(&e));
    ck_assert_ptr_null(vmx_check_guest(&e, &qualification));
    vmx_entry_read(&e, b->cpu.bus, &b->cpu.model, REGION, true);
    ck_assert(vmx_has_control(VMX_CONTROL_HOST_64) || vmx_check_controls(&e) != NULL);
    cpu_bench_free(b);
}
END_TEST

/* Whatever is in it, and whatever controls there are. */
START_TEST(random_contents) {
    struct CpuBench *b = bench();
    uint64_t seed = 19;
    for (unsigned k = 0; k < suite_rounds(20000); k++) {
        struct VmxEntry e;
        unsigned qualification = 0;
        if (k % 8 == 0)
            good_vmcs(b);
        for (unsigned n = 0; n < 3; n++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            uint64_t value = n == 0 ? seed ^ seed >> 31 : 1ull << (seed >> 40) % 64;
            put(b, vmcs_fields[(seed >> 48) % vmcs_field_count].encoding, value);
        }
        make_entry(b, &e);
        const char *wrong = vmx_check_controls(&e);
        const char *host = vmx_check_host(&e), *guest = vmx_check_guest(&e, &qualification);
        ck_assert((wrong == NULL || *wrong) && (host == NULL || *host) && (guest == NULL || *guest));
        ck_assert_uint_le(qualification, VMX_FAILS_LINK);
    }
    cpu_bench_free(b);
}
END_TEST

Suite *vmx_checks_suite(void) {
    Suite *s = suite_create("vmx_checks");
    TCase *t = tcase_create("vmx_checks");
    tcase_add_test(t, good_passes);
    tcase_add_loop_test(t, each_check, 0, ROWS);
    tcase_add_test(t, random_contents);
    suite_add_tcase(s, t);
    return s;
}
