/* SPDX-License-Identifier: MIT */
/* gdb's registers: one table for names, order, description and access. See registers.h. */
#include "control/gdb/registers.h"
#include "cpu/cpuid.h"

#include <string.h>

enum Feature { CORE, SSE, AVX, SEGMENTS, SYSTEM, FEATURES };

enum Kind {
    GPR,
    PC,
    FLAGS,
    SELECTOR,
    ST,
    X87, /* index: enum X87Part */
    XMM,
    MXCSR,
    YMM_HIGH,
    BASE,
    KERNEL_GS,
    CR, /* index: 0, 2, 3, 4, 8 */
    EFER,
};

enum X87Part { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };

/* One register, or as many as `count` says, numbered from 0. */
struct Row {
    const char *name, *suffix;
    uint8_t kind, index, size, feature;
    uint8_t count64, count32; /* with 64-bit and with 32-bit registers; 0: not there, 1: without a number */
    const char *type;
};

#define GPR64(text, reg) {text, "", GPR, reg, 8, CORE, 1, 0, "int64"}
#define GPR32(text, reg) {text, "", GPR, reg, 4, CORE, 0, 1, "int32"}
#define SEL(text, seg) {text, "", SELECTOR, seg, 4, CORE, 1, 1, "int32"}
#define FPU(text, part) {text, "", X87, part, 4, CORE, 1, 1, "int"}
/* 64-bit registers, then 32-bit ones, each in gdb's order */
static const struct Row rows[] = {
    GPR64("rax", REG_AX),
    GPR64("rbx", REG_BX),
    GPR64("rcx", REG_CX),
    GPR64("rdx", REG_DX),
    GPR64("rsi", REG_SI),
    GPR64("rdi", REG_DI),
    {"rbp", "", GPR, REG_BP, 8, CORE, 1, 0, "data_ptr"},
    {"rsp", "", GPR, REG_SP, 8, CORE, 1, 0, "data_ptr"},
    GPR64("r8", 8),
    GPR64("r9", 9),
    GPR64("r10", 10),
    GPR64("r11", 11),
    GPR64("r12", 12),
    GPR64("r13", 13),
    GPR64("r14", 14),
    GPR64("r15", 15),
    {"rip", "", PC, 0, 8, CORE, 1, 0, "code_ptr"},
    GPR32("eax", REG_AX),
    GPR32("ecx", REG_CX),
    GPR32("edx", REG_DX),
    GPR32("ebx", REG_BX),
    {"esp", "", GPR, REG_SP, 4, CORE, 0, 1, "data_ptr"},
    {"ebp", "", GPR, REG_BP, 4, CORE, 0, 1, "data_ptr"},
    GPR32("esi", REG_SI),
    GPR32("edi", REG_DI),
    {"eip", "", PC, 0, 4, CORE, 0, 1, "code_ptr"},
    {"eflags", "", FLAGS, 0, 4, CORE, 1, 1, "i386_eflags"},
    SEL("cs", SEG_CS),
    SEL("ss", SEG_SS),
    SEL("ds", SEG_DS),
    SEL("es", SEG_ES),
    SEL("fs", SEG_FS),
    SEL("gs", SEG_GS),
    {"st", "", ST, 0, 10, CORE, 8, 8, "i387_ext"},
    FPU("fctrl", FCTRL),
    FPU("fstat", FSTAT),
    FPU("ftag", FTAG),
    FPU("fiseg", FISEG),
    FPU("fioff", FIOFF),
    FPU("foseg", FOSEG),
    FPU("fooff", FOOFF),
    FPU("fop", FOP),
    {"xmm", "", XMM, 0, 16, SSE, 16, 8, "vec128"},
    {"mxcsr", "", MXCSR, 0, 4, SSE, 1, 1, "i386_mxcsr"},
    {"ymm", "h", YMM_HIGH, 0, 16, AVX, 16, 8, "uint128"},
    {"fs_base", "", BASE, SEG_FS, 8, SEGMENTS, 1, 0, "data_ptr"},
    {"gs_base", "", BASE, SEG_GS, 8, SEGMENTS, 1, 0, "data_ptr"},
    {"k_gs_base", "", KERNEL_GS, 0, 8, SYSTEM, 1, 0, "data_ptr"},
    {"cs_base", "", BASE, SEG_CS, 4, SYSTEM, 0, 1, "data_ptr"},
    {"ss_base", "", BASE, SEG_SS, 4, SYSTEM, 0, 1, "data_ptr"},
    {"ds_base", "", BASE, SEG_DS, 4, SYSTEM, 0, 1, "data_ptr"},
    {"es_base", "", BASE, SEG_ES, 4, SYSTEM, 0, 1, "data_ptr"},
    {"fs_base", "", BASE, SEG_FS, 4, SYSTEM, 0, 1, "data_ptr"},
    {"gs_base", "", BASE, SEG_GS, 4, SYSTEM, 0, 1, "data_ptr"},
    {"cr0", "", CR, 0, 8, SYSTEM, 1, 1, "x86_cr0"},
    {"cr2", "", CR, 2, 8, SYSTEM, 1, 1, "uint64"},
    {"cr3", "", CR, 3, 8, SYSTEM, 1, 1, "uint64"},
    {"cr4", "", CR, 4, 8, SYSTEM, 1, 1, "x86_cr4"},
    {"cr8", "", CR, 8, 8, SYSTEM, 1, 1, "uint64"},
    {"efer", "", EFER, 0, 8, SYSTEM, 1, 1, "x86_efer"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- what there is ---- */

enum GdbArch gdb_arch(const CPUX86State *env) {
    if (x86_long_mode(env))
        return GDB_X86_64;
    return env->seg[SEG_CS].ar & AR_DB ? GDB_I386 : GDB_I8086;
}

enum GdbArch gdb_guest_arch(unsigned kernel_bits, const CPUX86State *env) {
    enum GdbArch now = gdb_arch(env), least = kernel_bits == 64 ? GDB_X86_64 : kernel_bits == 32 ? GDB_I386 : GDB_I8086;
    return now > least ? now : least;
}

const char *gdb_arch_name(enum GdbArch arch) {
    static const char *const names[GDB_ARCHES] = {"i8086", "i386", "i386:x86-64"};
    return names[arch];
}

static unsigned count(const struct CPUState *cpu, enum GdbArch arch, const struct Row *r) {
    if (r->feature == AVX && !cpu_has(&cpu->model, CPUID_AVX))
        return 0;
    return arch == GDB_X86_64 ? r->count64 : r->count32;
}

unsigned gdb_register_count(const struct CPUState *cpu, enum GdbArch arch) {
    unsigned n = 0;
    for (unsigned i = 0; i < ROWS; i++)
        n += count(cpu, arch, &rows[i]);
    return n;
}

/* The n-th register's row, and its index. */
static const struct Row *find(const struct CPUState *cpu, enum GdbArch arch, unsigned n, unsigned *index) {
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned here = count(cpu, arch, &rows[i]);
        if (n < here) {
            *index = rows[i].index + n;
            return &rows[i];
        }
        n -= here;
    }
    return NULL;
}

unsigned gdb_register_size(const struct CPUState *cpu, enum GdbArch arch, unsigned n) {
    unsigned index;
    const struct Row *r = find(cpu, arch, n, &index);
    return r != NULL ? r->size : 0;
}

/* ---- x87 ---- */

static unsigned fpu_top(const CPUX86State *env) { return env->fsw >> 11 & 7; }

/* As FSTENV says it: two bits for each physical register (SDM vol. 1, 8.1.7). */
static uint32_t tag_word(const CPUX86State *env) {
    uint32_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        const struct X87Reg *r = &env->fpr[i];
        unsigned exponent = r->sign_exp & 0x7fff, tag = 0;
        if (!(env->ftw >> i & 1))
            tag = 3;
        else if (exponent == 0 && r->mantissa == 0)
            tag = 1;
        else if (exponent == 0 || exponent == 0x7fff || !(r->mantissa >> 63))
            tag = 2;
        word |= tag << 2 * i;
    }
    return word;
}

static uint8_t abridged(uint32_t word) {
    uint8_t ftw = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((word >> 2 * i & 3) != 3)
            ftw |= (uint8_t)(1 << i);
    return ftw;
}

static uint32_t x87_get(const CPUX86State *env, enum X87Part part) {
    bool wide = x86_code64(env);
    switch (part) {
    case FCTRL: return env->fcw;
    case FSTAT: return env->fsw;
    case FTAG: return tag_word(env);
    case FISEG: return wide ? (uint32_t)(env->fip >> 32) : env->fcs;
    case FIOFF: return (uint32_t)env->fip;
    case FOSEG: return wide ? (uint32_t)(env->fdp >> 32) : env->fds;
    case FOOFF: return (uint32_t)env->fdp;
    case FOP: return env->fop;
    }
    return 0;
}

static void set_half(uint64_t *v, bool high, uint32_t half) {
    *v = high ? (uint32_t)*v | (uint64_t)half << 32 : (*v & ~0xffffffffull) | half;
}

static void x87_set(CPUX86State *env, enum X87Part part, uint32_t v) {
    bool wide = x86_code64(env);
    switch (part) {
    case FCTRL: env->fcw = (uint16_t)((v & 0x1f3f) | 0x40); break;
    case FSTAT: env->fsw = (uint16_t)v; break;
    case FTAG: env->ftw = abridged(v); break;
    case FISEG:
        if (wide)
            set_half(&env->fip, true, v);
        else
            env->fcs = (uint16_t)v;
        break;
    case FIOFF: set_half(&env->fip, false, v); break;
    case FOSEG:
        if (wide)
            set_half(&env->fdp, true, v);
        else
            env->fds = (uint16_t)v;
        break;
    case FOOFF: set_half(&env->fdp, false, v); break;
    case FOP: env->fop = (uint16_t)(v & 0x7ff); break;
    }
}

/* ---- control registers ---- */

/* The task priority is the local APIC's. */
static uint64_t cr8_get(struct CPUState *cpu) {
    uint64_t v = 0;
    if (cpu->apic == NULL || cpu->apic->get_cr8 == NULL)
        return 0;
    pthread_mutex_lock(cpu->lock);
    v = cpu->apic->get_cr8(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    return v;
}

static bool cr8_set(struct CPUState *cpu, uint64_t v) {
    if (v > 15 || cpu->apic == NULL || cpu->apic->set_cr8 == NULL)
        return false;
    pthread_mutex_lock(cpu->lock);
    cpu->apic->set_cr8(cpu->apic_opaque, (uint8_t)v);
    pthread_mutex_unlock(cpu->lock);
    return true;
}

static uint64_t cr_get(struct CPUState *cpu, unsigned n) {
    const CPUX86State *env = &cpu->env;
    return n == 0 ? env->cr0 : n == 2 ? env->cr2 : n == 3 ? env->cr3 : n == 4 ? env->cr4 : cr8_get(cpu);
}

static bool cr_set(struct CPUState *cpu, unsigned n, uint64_t v) {
    CPUX86State *env = &cpu->env;
    if (n == 8)
        return cr8_set(cpu, v);
    if (n == 2)
        env->cr2 = v;
    else if (n == 3 && v >> cpu->model.phys_bits == 0)
        env->cr3 = v;
    else
        return false;
    return true;
}

/* ---- access ---- */

static uint64_t word_get(struct CPUState *cpu, const struct Row *r, unsigned index) {
    const CPUX86State *env = &cpu->env;
    switch (r->kind) {
    case GPR: return x86_long_mode(env) ? env->gpr[index] : index < 8 ? (uint32_t)env->gpr[index] : 0;
    case PC: return cpu_linear_rip(cpu);
    case FLAGS: return env->rflags;
    case SELECTOR: return env->seg[index].selector;
    case X87: return x87_get(env, (enum X87Part)index);
    case MXCSR: return env->mxcsr;
    case BASE: return env->seg[index].base;
    case KERNEL_GS: return env->kernel_gs_base;
    case CR: return cr_get(cpu, index);
    default: return env->efer;
    }
}

unsigned gdb_register_get(struct CPUState *cpu, enum GdbArch arch, unsigned n, uint8_t bytes[GDB_REGISTER_MAX]) {
    const CPUX86State *env = &cpu->env;
    unsigned index;
    const struct Row *r = find(cpu, arch, n, &index);
    if (r == NULL)
        return 0;
    if (r->kind == ST) {
        const struct X87Reg *st = &env->fpr[(fpu_top(env) + index) & 7];
        memcpy(bytes, &st->mantissa, 8);
        memcpy(bytes + 8, &st->sign_exp, 2);
    } else if (r->kind == XMM || r->kind == YMM_HIGH) {
        memcpy(bytes, env->vec[index].b + (r->kind == YMM_HIGH ? 16 : 0), 16);
    } else {
        uint64_t v = word_get(cpu, r, index);
        memcpy(bytes, &v, r->size);
    }
    return r->size;
}

static bool pc_set(CPUX86State *env, uint64_t linear) {
    uint64_t rip = x86_code64(env) ? linear : (uint32_t)(linear - env->seg[SEG_CS].base);
    if (!x86_code64(env) && rip > env->seg[SEG_CS].limit)
        return false;
    env->rip = rip;
    return true;
}

/* With 32-bit registers the upper halves stay. */
static uint64_t merge(uint64_t old, uint64_t v, unsigned size) {
    return size == 8 ? v : (old & ~0xffffffffull) | (uint32_t)v;
}

#define FLAGS_WRITABLE                                                                                                 \
    (FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID)

static bool word_set(struct CPUState *cpu, const struct Row *r, unsigned index, uint64_t v) {
    CPUX86State *env = &cpu->env;
    switch (r->kind) {
    case GPR:
        if (!x86_long_mode(env) && index >= 8)
            return false;
        env->gpr[index] = merge(env->gpr[index], v, x86_long_mode(env) ? r->size : 4);
        break;
    case PC: return pc_set(env, v);
    case FLAGS:
        if ((v ^ env->rflags) & FLAG_VM)
            return false;
        env->rflags = (env->rflags & ~(uint64_t)FLAGS_WRITABLE) | (v & FLAGS_WRITABLE) | FLAG_ONE;
        break;
    case SELECTOR:
        if (x86_protected(env) || v > 0xffff)
            return false;
        env->seg[index].selector = (uint16_t)v;
        env->seg[index].base = v << 4;
        break;
    case X87: x87_set(env, (enum X87Part)index, (uint32_t)v); break;
    case MXCSR:
        if (v > 0xffff)
            return false;
        env->mxcsr = (uint32_t)v;
        break;
    case BASE:
        if (r->size == 4 || !x86_long_mode(env) || (index != SEG_FS && index != SEG_GS))
            return false;
        env->seg[index].base = v;
        break;
    case KERNEL_GS: env->kernel_gs_base = v; break;
    case CR: return cr_set(cpu, index, v);
    default: return false;
    }
    return true;
}

bool gdb_register_set(struct CPUState *cpu, enum GdbArch arch, unsigned n, const uint8_t *bytes) {
    CPUX86State *env = &cpu->env;
    uint8_t now[GDB_REGISTER_MAX];
    unsigned index;
    const struct Row *r = find(cpu, arch, n, &index);
    if (r == NULL)
        return false;
    gdb_register_get(cpu, arch, n, now);
    if (memcmp(now, bytes, r->size) == 0)
        return true;
    if (r->kind == ST) {
        struct X87Reg *st = &env->fpr[(fpu_top(env) + index) & 7];
        memcpy(&st->mantissa, bytes, 8);
        memcpy(&st->sign_exp, bytes + 8, 2);
    } else if (r->kind == XMM || r->kind == YMM_HIGH) {
        memcpy(env->vec[index].b + (r->kind == YMM_HIGH ? 16 : 0), bytes, 16);
    } else {
        uint64_t v = 0;
        memcpy(&v, bytes, r->size);
        if (!word_set(cpu, r, index, v))
            return false;
    }
    cpu_state_changed(cpu);
    return true;
}

/* ---- the description ---- */

/* Names of bits, lowest first, as "bit:NAME". */
static const struct FlagsType {
    const char *id;
    uint8_t feature, size;
    const char *fields;
} flags_types[] = {
    {"i386_eflags", CORE, 4,
     "0:CF 1: 2:PF 4:AF 6:ZF 7:SF 8:TF 9:IF 10:DF 11:OF 14:NT 16:RF 17:VM 18:AC 19:VIF 20:VIP 21:ID"},
    {"i386_mxcsr", SSE, 4, "0:IE 1:DE 2:ZE 3:OE 4:UE 5:PE 6:DAZ 7:IM 8:DM 9:ZM 10:OM 11:UM 12:PM 15:FZ"},
    {"x86_cr0", SYSTEM, 8, "0:PE 1:MP 2:EM 3:TS 4:ET 5:NE 16:WP 18:AM 29:NW 30:CD 31:PG"},
    {"x86_cr4", SYSTEM, 8,
     "0:VME 1:PVI 2:TSD 3:DE 4:PSE 5:PAE 6:MCE 7:PGE 8:PCE 9:OSFXSR 10:OSXMMEXCPT 11:UMIP 12:LA57 13:VMXE "
     "16:FSGSBASE 17:PCIDE 18:OSXSAVE 20:SMEP 21:SMAP 22:PKE"},
    {"x86_efer", SYSTEM, 8, "0:SCE 8:LME 10:LMA 11:NXE 12:SVME 14:FFXSR"},
};

static void describe_flags(const struct FlagsType *t, FILE *f) {
    fprintf(f, "<flags id=\"%s\" size=\"%u\">", t->id, t->size);
    for (const char *s = t->fields; *s != '\0'; s += *s == ' ') {
        unsigned bit = 0;
        for (; *s != ':'; s++)
            bit = bit * 10 + (unsigned)(*s - '0');
        size_t n = strcspn(++s, " ");
        fprintf(f, "<field name=\"%.*s\" start=\"%u\" end=\"%u\"/>", (int)n, s, bit, bit);
        s += n;
    }
    fputs("</flags>\n", f);
}

static const char vec128[] = "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n"
                             "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n"
                             "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n"
                             "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>\n"
                             "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n"
                             "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
                             "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
                             "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
                             "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
                             "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
                             "</union>\n";

static void describe_row(const struct CPUState *cpu, enum GdbArch arch, const struct Row *r, FILE *f) {
    unsigned n = count(cpu, arch, r);
    for (unsigned i = 0; i < n; i++) {
        char number[12] = "";
        if (n > 1)
            snprintf(number, sizeof(number), "%u", i);
        fprintf(f, "<reg name=\"%s%s%s\" bitsize=\"%u\" type=\"%s\"%s/>\n", r->name, number, r->suffix, r->size * 8u,
                r->type, r->kind == X87 ? " group=\"float\"" : "");
    }
}

static void describe_feature(const struct CPUState *cpu, enum GdbArch arch, enum Feature feature, FILE *f) {
    static const char *const names[FEATURES] = {"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.avx",
                                                "org.gnu.gdb.i386.segments", "org.twin86.system"};
    unsigned n = 0;
    for (unsigned i = 0; i < ROWS; i++)
        n += rows[i].feature == feature ? count(cpu, arch, &rows[i]) : 0;
    if (n == 0)
        return;
    fprintf(f, "<feature name=\"%s\">\n", names[feature]);
    for (unsigned i = 0; i < sizeof(flags_types) / sizeof(flags_types[0]); i++)
        if (flags_types[i].feature == feature)
            describe_flags(&flags_types[i], f);
    if (feature == SSE)
        fputs(vec128, f);
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].feature == feature)
            describe_row(cpu, arch, &rows[i], f);
    fputs("</feature>\n", f);
}

void gdb_describe(const struct CPUState *cpu, enum GdbArch arch, FILE *f) {
    fputs("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n", f);
    fprintf(f, "<architecture>%s</architecture>\n", gdb_arch_name(arch));
    if (arch == GDB_I8086) /* gdb expects none of the usual ones to be 16-bit, and says so */
        fputs("<osabi>none</osabi>\n", f);
    for (unsigned i = 0; i < FEATURES; i++)
        describe_feature(cpu, arch, (enum Feature)i, f);
    fputs("</target>\n", f);
}
