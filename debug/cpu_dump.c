/* SPDX-License-Identifier: MIT */
#include "debug/cpu_dump.h"

#include <inttypes.h>
#include <string.h>

/* A bit and its name. */
struct BitName {
    uint32_t bit;
    char name[12];
};

static const struct BitName flag_names[] = {
    {FLAG_ID, "ID"}, {FLAG_VIP, "VIP"}, {FLAG_VIF, "VIF"}, {FLAG_AC, "AC"}, {FLAG_VM, "VM"}, {FLAG_RF, "RF"},
    {FLAG_NT, "NT"}, {FLAG_OF, "OF"},   {FLAG_DF, "DF"},   {FLAG_IF, "IF"}, {FLAG_TF, "TF"}, {FLAG_SF, "SF"},
    {FLAG_ZF, "ZF"}, {FLAG_AF, "AF"},   {FLAG_PF, "PF"},   {FLAG_CF, "CF"}, {0, ""},
};

static const struct BitName cr0_names[] = {
    {CR0_PG, "PG"}, {CR0_CD, "CD"}, {CR0_NW, "NW"}, {CR0_AM, "AM"}, {CR0_WP, "WP"}, {CR0_NE, "NE"},
    {CR0_ET, "ET"}, {CR0_TS, "TS"}, {CR0_EM, "EM"}, {CR0_MP, "MP"}, {CR0_PE, "PE"}, {0, ""},
};

static const struct BitName cr4_names[] = {
    {CR4_PKE, "PKE"},
    {CR4_SMAP, "SMAP"},
    {CR4_SMEP, "SMEP"},
    {CR4_OSXSAVE, "OSXSAVE"},
    {CR4_PCIDE, "PCIDE"},
    {CR4_FSGSBASE, "FSGSBASE"},
    {CR4_VMXE, "VMXE"},
    {CR4_LA57, "LA57"},
    {CR4_UMIP, "UMIP"},
    {CR4_OSXMMEXCPT, "OSXMMEXCPT"},
    {CR4_OSFXSR, "OSFXSR"},
    {CR4_PCE, "PCE"},
    {CR4_PGE, "PGE"},
    {CR4_MCE, "MCE"},
    {CR4_PAE, "PAE"},
    {CR4_PSE, "PSE"},
    {CR4_DE, "DE"},
    {CR4_TSD, "TSD"},
    {CR4_PVI, "PVI"},
    {CR4_VME, "VME"},
    {0, ""},
};

static const struct BitName efer_names[] = {
    {EFER_FFXSR, "FFXSR"}, {EFER_SVME, "SVME"}, {EFER_NXE, "NXE"}, {EFER_LMA, "LMA"},
    {EFER_LME, "LME"},     {EFER_SCE, "SCE"},   {0, ""},
};

static void print_bits(uint64_t value, const struct BitName *b, FILE *f) {
    const char *space = "";
    for (; b->bit != 0; b++) {
        if ((value & b->bit) != 0) {
            fprintf(f, "%s%s", space, b->name);
            space = " ";
        }
    }
}

void cpu_print_flags(uint64_t rflags, FILE *f) {
    print_bits(rflags, flag_names, f);
    unsigned iopl = (rflags & FLAG_IOPL) >> FLAG_IOPL_SHIFT;
    if (iopl != 0)
        fprintf(f, " IOPL=%u", iopl);
}

const char *cpu_exception_name(uint8_t vector) {
    static const char names[][5] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "CSO", "#TS",
        "#NP", "#SS", "#GP", "#PF", "",    "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
    };
    return vector < sizeof(names) / sizeof(names[0]) && names[vector][0] != '\0' ? names[vector] : NULL;
}

void cpu_print_far(const CPUX86State *env, uint16_t selector, uint64_t offset, FILE *f) {
    if (x86_long_mode(env))
        fprintf(f, "%04x:%016" PRIx64, selector, offset);
    else if (!x86_protected(env) && offset <= 0xffff)
        fprintf(f, "%04x:%04" PRIx64, selector, offset);
    else
        fprintf(f, "%04x:%08" PRIx64, selector, offset);
}

/* ---- segments ---- */

static const char *system_type(uint32_t ar, bool long_mode) {
    switch (ar & AR_TYPE) {
    case 0x1: return "TSS16";
    case 0x2: return "LDT";
    case 0x3: return "TSS16-busy";
    case 0x9: return long_mode ? "TSS64" : "TSS32";
    case 0xb: return long_mode ? "TSS64-busy" : "TSS32-busy";
    default: return "?";
    }
}

/* "DPL=0 CS64 [RA]": size by L and D/B; readable or writable, conforming or expand-down, accessed. */
static void print_rights(const CPUX86State *env, uint32_t ar, FILE *f) {
    if ((ar & AR_UNUSABLE) != 0) {
        fputs(" (null)", f);
        return;
    }
    fprintf(f, " DPL=%u ", (ar & AR_DPL) >> AR_DPL_SHIFT);
    if ((ar & AR_S) == 0) {
        fputs(system_type(ar, x86_long_mode(env)), f);
    } else {
        bool code = (ar & AR_CODE) != 0;
        unsigned bits = code && (ar & AR_L) != 0 && x86_long_mode(env) ? 64 : ar & AR_DB ? 32 : 16;
        fprintf(f, "%s%u [%c%c%c]", code ? "CS" : "DS", bits, ar & AR_CONFORMING ? (code ? 'C' : 'E') : '-',
                ar & AR_WRITABLE ? (code ? 'R' : 'W') : '-', ar & AR_ACCESSED ? 'A' : '-');
    }
    if ((ar & AR_P) == 0)
        fputs(" not present", f);
}

static void print_segment(const CPUX86State *env, const char *name, const struct X86Segment *s, FILE *f) {
    fprintf(f, "%-3s=%04x %0*" PRIx64 " %08x %05x", name, s->selector, x86_long_mode(env) ? 16 : 8, s->base, s->limit,
            s->ar);
    print_rights(env, s->ar, f);
    fputc('\n', f);
}

static void print_segments(const CPUX86State *env, FILE *f) {
    static const char names[SEG_COUNT][3] = {"ES", "CS", "SS", "DS", "FS", "GS"};
    int width = x86_long_mode(env) ? 16 : 8;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        print_segment(env, names[i], &env->seg[i], f);
    print_segment(env, "LDT", &env->ldt, f);
    print_segment(env, "TR", &env->tr, f);
    fprintf(f, "GDT=     %0*" PRIx64 " %08x\n", width, env->gdt.base, env->gdt.limit);
    fprintf(f, "IDT=     %0*" PRIx64 " %08x\n", width, env->idt.base, env->idt.limit);
}

/* ---- general, control and debug registers ---- */

static void print_general(const CPUX86State *env, FILE *f) {
    static const struct {
        char name[4];
        uint8_t reg;
    } order[] = {
        {"AX", REG_AX}, {"BX", REG_BX}, {"CX", REG_CX}, {"DX", REG_DX}, {"SI", REG_SI}, {"DI", REG_DI},
        {"BP", REG_BP}, {"SP", REG_SP}, {"8 ", 8},      {"9 ", 9},      {"10", 10},     {"11", 11},
        {"12", 12},     {"13", 13},     {"14", 14},     {"15", 15},
    };
    bool wide = x86_long_mode(env);
    for (unsigned i = 0; i < (wide ? 16 : 8); i++)
        fprintf(f, "%c%s=%0*" PRIx64 "%c", wide ? 'R' : 'E', order[i].name, wide ? 16 : 8,
                wide ? env->gpr[order[i].reg] : (uint32_t)env->gpr[order[i].reg], i % 4 == 3 ? '\n' : ' ');
    fprintf(f, "%cIP=%0*" PRIx64 " %cFL=%08x [", wide ? 'R' : 'E', wide ? 16 : 8, env->rip, wide ? 'R' : 'E',
            (uint32_t)env->rflags);
    cpu_print_flags(env->rflags, f);
    fprintf(f, "] CPL=%u", x86_cpl(env));
    if (env->int_shadow != SHADOW_NONE)
        fputs(env->int_shadow == SHADOW_STI ? " shadow=STI" : " shadow=MOV-SS", f);
    if (env->nmi_blocked)
        fputs(" NMI-blocked", f);
    fputc('\n', f);
}

static void print_named(const char *name, uint64_t value, const struct BitName *names, FILE *f) {
    fprintf(f, "%s=%08" PRIx64 " [", name, value);
    print_bits(value, names, f);
    fputs("]\n", f);
}

static void print_control(const CPUX86State *env, FILE *f) {
    int width = x86_long_mode(env) ? 16 : 8;
    fprintf(f, "CR2=%0*" PRIx64 " CR3=%0*" PRIx64 "\n", width, env->cr2, width, env->cr3);
    print_named("CR0", env->cr0, cr0_names, f);
    print_named("CR4", env->cr4, cr4_names, f);
    print_named("EFER", env->efer, efer_names, f);
    for (unsigned i = 0; i < 4; i++)
        fprintf(f, "DR%u=%0*" PRIx64 "%c", i, width, env->dr[i], i == 3 ? '\n' : ' ');
    fprintf(f, "DR6=%08" PRIx64 " DR7=%08" PRIx64 "\n", env->dr[6], env->dr[7]);
}

void cpu_dump(const CPUX86State *env, FILE *f) {
    print_general(env, f);
    print_segments(env, f);
    print_control(env, f);
}

/* ---- x87 and SSE ---- */

void cpu_dump_fpu(const CPUX86State *env, FILE *f) {
    unsigned top = (env->fsw >> 11) & 7;
    fprintf(f, "FCW=%04x FSW=%04x [top=%u] FTW=%02x FOP=%03x FIP=%016" PRIx64 " FDP=%016" PRIx64 " MXCSR=%08x\n",
            env->fcw, env->fsw, top, env->ftw, env->fop, env->fip, env->fdp, env->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        unsigned physical = (top + i) & 7;
        const struct X87Reg *r = &env->fpr[physical];
        fprintf(f, "ST%u=%04x %016" PRIx64 " %s%c", i, r->sign_exp, r->mantissa,
                env->ftw >> physical & 1 ? "     " : "empty", i % 2 == 1 ? '\n' : ' ');
    }
    for (unsigned i = 0; i < 16; i++)
        fprintf(f, "XMM%-2u=%016" PRIx64 "%016" PRIx64 "%c", i, env->vec[i].q[1], env->vec[i].q[0],
                i % 2 == 1 ? '\n' : ' ');
}
