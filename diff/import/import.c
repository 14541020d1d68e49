/* SPDX-License-Identifier: MIT */
/*
 * `twin86 diff import`: the tests of MOO files as cases.
 *
 * A test is one instruction in real-address mode: all registers and the bytes that it will read; afterwards the
 * registers and bytes that have changed. The 286's and the 386's tests end behind a HLT at the next instruction, a
 * branch's target or a handler, so that their IP is one too high; of an exception they tell where it has pushed FLAGS
 * (READMEs of github.com/SingleStepTests/80286 and 80386).
 */
#include "diff/case_text.h"
#include "diff/diff.h"
#include "diff/import/moo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REAL_TOP = 0x110000, MAX_BYTES = 8192 };

/* FLAGS bits that an old processor has in common with today's. IOPL and NT can't be set in real-address mode of a 286
 * (80286 README), and read as ones from an 8086. */
enum {
    FLAGS_8086 = FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF,
    FLAGS_386 = FLAGS_8086 | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM
};

/** What goes by the processor. */
static const struct ImportCpu {
    const char *id;  /* in the file's head */
    uint32_t flags;  /* bits of FLAGS that count */
    bool halts;      /* tests end behind a HLT, and tell of exceptions */
    bool has_cr0;
    bool address20;  /* 20 bits of address */
} cpus[] = {
    {"8088", FLAGS_8086, false, false, true}, {"8086", FLAGS_8086, false, false, true},
    {"V20", FLAGS_8086, false, false, true},  {"V30", FLAGS_8086, false, false, true},
    {"186", FLAGS_8086, false, false, true},  {"C286", FLAGS_8086, true, false, false},
    {"386E", FLAGS_386, true, true, false},
};

/** A byte of memory. */
struct Byte {
    uint32_t at, order;
    uint8_t v;
};

/** A test under way. */
struct Import {
    const struct ImportCpu *cpu;
    const struct MooTest *t;
    struct DiffCase *c;
    struct Byte before[MAX_BYTES], after[MAX_BYTES]; /* by address, each once */
    unsigned before_n, after_n;
    const char *reason; /* why the test can't be a case */
};

static int left_out(struct Import *m, const char *reason) {
    m->reason = reason;
    return -ENOTSUP;
}

/* ---- instructions ---- */

/** Where the opcode is, behind prefixes; t->size: nowhere. */
static uint32_t opcode_at(const struct MooTest *t) {
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf1, 0xf2, 0xf3};
    uint32_t k = 0;
    while (k < t->size && memchr(prefixes, t->bytes[k], sizeof(prefixes)) != NULL)
        k++;
    return k;
}

static bool is_hlt(const struct MooTest *t) {
    uint32_t k = opcode_at(t);
    return k < t->size && t->bytes[k] == 0xf4;
}

/** The interrupt that the instruction raises, or can raise. False: none. */
static bool own_vector(const struct MooTest *t, uint8_t *vector) {
    uint32_t k = opcode_at(t);
    uint8_t op = k < t->size ? t->bytes[k] : 0x90;
    bool divides = op == 0xd4 || ((op & 0xfe) == 0xf6 && k + 1 < t->size && (t->bytes[k + 1] & 0x30) == 0x30);
    *vector = op == 0xcc ? 3 : op == 0xce ? 4 : op == 0xcd && k + 1 < t->size ? t->bytes[k + 1] : 0;
    return divides || (op >= 0xcc && op <= 0xce);
}

/* ---- memory ---- */

static int by_address(const void *a, const void *b) {
    const struct Byte *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : (x->order > y->order) - (x->order < y->order);
}

/** A list of addresses and bytes, sorted; of several bytes for one address the last counts. -1: too many. */
static int sort_bytes(const struct MooRam *ram, struct Byte *out) {
    unsigned kept = 0;
    if (ram->n > MAX_BYTES)
        return -1;
    for (uint32_t k = 0; k < ram->n; k++)
        out[k] = (struct Byte){moo_address(ram, k), k, moo_byte(ram, k)};
    qsort(out, ram->n, sizeof(*out), by_address);
    for (uint32_t k = 0; k < ram->n; k++)
        if (kept > 0 && out[kept - 1].at == out[k].at)
            out[kept - 1] = out[k];
        else
            out[kept++] = out[k];
    return (int)kept;
}

static const struct Byte *find_byte(const struct Byte *list, unsigned n, uint32_t at) {
    const struct Byte key = {at, 0, 0};
    unsigned low = 0, high = n;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (list[mid].at < key.at)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && list[low].at == at ? &list[low] : NULL;
}

/** The byte at this address in the end. False: the test does not tell. */
static bool final_byte(const struct Import *m, uint32_t at, uint8_t *v) {
    const struct Byte *b = find_byte(m->after, m->after_n, at);
    if (b == NULL)
        b = find_byte(m->before, m->before_n, at);
    if (b != NULL)
        *v = b->v;
    return b != NULL;
}

/** Bytes that follow one another as one piece each. */
static int add_memory(struct Import *m, const struct Byte *list, unsigned n, bool expected) {
    struct DiffCase *c = m->c;
    uint8_t run[256];
    for (unsigned k = 0, used; k < n; k += used) {
        if (list[k].at >= REAL_TOP)
            return left_out(m, "it uses memory that real-address mode does not reach");
        used = 0;
        while (k + used < n && used < sizeof(run) && list[k + used].at == list[k].at + used) {
            run[used] = list[k + used].v;
            used++;
        }
        if (!case_add_bytes(c, list[k].at, run, used, expected) || !case_add_default_pages(c, list[k].at, used, false))
            return left_out(m, "it uses too much memory");
    }
    return 0;
}

/** The instruction's bytes as the case's code; the list without them. */
static int add_code(struct Import *m) {
    const struct MooTest *t = m->t;
    uint32_t ip = t->before.regs.v[MOO_IP] & 0xffff, at = (t->before.regs.v[MOO_CS] & 0xffff) * 16 + ip;
    unsigned kept = 0, size = t->size < 0x10000 - ip ? t->size : 0x10000 - ip; /* then it goes on at offset 0 */
    struct DiffCase *c = m->c;
    if (m->cpu->address20)
        at &= 0xfffff;
    if (m->cpu->address20 && size > 0x100000 - at)
        size = 0x100000 - at;
    c->code = at;
    c->code_bytes = size;
    if (size == 0 || size > 64 || !case_add_bytes(c, at, t->bytes, size, false) ||
        !case_add_default_pages(c, at, size, true))
        return left_out(m, "its instruction has no bytes, or very many");
    for (unsigned k = 0; k < m->before_n; k++)
        if (m->before[k].at - at >= size)
            m->before[kept++] = m->before[k];
    return add_memory(m, m->before, kept, false);
}

/* ---- registers ---- */

static const uint8_t segment_reg[SEG_COUNT] = {MOO_ES, MOO_CS, MOO_SS, MOO_DS, MOO_FS, MOO_GS};

static bool has(const struct MooRegs *r, unsigned reg) { return r->present >> reg & 1; }

/** A register in the end. */
static uint32_t final_reg(const struct MooTest *t, unsigned reg) {
    return has(&t->after.regs, reg) ? t->after.regs.v[reg] : t->before.regs.v[reg];
}

static int load_registers(struct Import *m) {
    const struct MooRegs *r = &m->t->before.regs;
    struct DiffCase *c = m->c;
    for (unsigned k = 0; k <= MOO_FLAGS; k++)
        if (!has(r, k) && k != MOO_FS && k != MOO_GS)
            return left_out(m, "it does not say what all registers hold before");
    for (unsigned k = 0; k < 8; k++) /* MOO_AX ... are in encoding order, as REG_AX ... */
        c->in.gpr[k] = r->v[k];
    c->system.any = true;
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        c->system.segments |= (uint8_t)(1 << k);
        c->system.seg[k] = case_paragraph_segment(DIFF_REAL16, k, (uint16_t)r->v[segment_reg[k]]);
    }
    c->in.fs_base = c->system.seg[SEG_FS].base;
    c->in.gs_base = c->system.seg[SEG_GS].base;
    c->in.rip = r->v[MOO_IP] & 0xffff;
    c->in.rflags = (r->v[MOO_FLAGS] & m->cpu->flags) | FLAG_ONE;
    if (m->cpu->has_cr0 && ((r->v[MOO_CR0] & (CR0_EM | CR0_TS)) || has(&m->t->after.regs, MOO_CR0))) {
        c->system.has_cr0 = true;
        c->system.cr0 = CR0_ET | (r->v[MOO_CR0] & (CR0_MP | CR0_EM | CR0_TS));
    }
    return 0;
}

/* ---- what is expected ---- */

static void expect_field(struct DiffCase *c, const char *name, uint64_t v) {
    unsigned k = (unsigned)diff_field_find(name, strlen(name));
    case_add(&c->expected, k);
    memcpy((uint8_t *)&c->out + diff_fields[k].offset, &v, diff_fields[k].size);
}

static unsigned system_number(const char *name) {
    unsigned k = 0;
    while (strcmp(diff_system_names[k], name) != 0)
        k++;
    return k;
}

static void expect_system(struct DiffCase *c, const char *name, uint64_t v) {
    unsigned k = system_number(name);
    c->expected_system |= 1ull << k;
    c->out_system.v[k] = v;
}

/** Segment registers that have changed; what FS and GS have as a base is a register of its own in cases. */
static void expect_segments(struct Import *m, bool handler) {
    static const char *const names[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
    static const char *const bases[SEG_COUNT] = {"es_base", "cs_base", "ss_base", "ds_base", "fs_base", "gs_base"};
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        uint32_t v = m->t->after.regs.v[segment_reg[k]] & 0xffff;
        if (!has(&m->t->after.regs, segment_reg[k]) || (handler && k == SEG_CS))
            continue;
        expect_system(m->c, names[k], v);
        if (k == SEG_FS || k == SEG_GS)
            expect_field(m->c, bases[k], v * 16u);
        else if (!(handler && k == SEG_SS))
            expect_system(m->c, bases[k], v * 16u);
    }
}

/** The bits of FLAGS that the processor defines. */
static uint64_t defined_flags(const struct Import *m) {
    const struct MooRegs *mask = &m->t->mask;
    return m->cpu->flags & (has(mask, MOO_FLAGS) ? mask->v[MOO_FLAGS] : UINT32_MAX);
}

static void expect_general(struct Import *m, bool handler) {
    const struct MooRegs *after = &m->t->after.regs, *mask = &m->t->mask;
    struct DiffCase *c = m->c;
    for (unsigned k = 0; k < 8; k++) {
        if (has(mask, k))
            c->mask.gpr[k] = mask->v[k];
        if (!has(after, k) || (handler && k == MOO_SP))
            continue;
        case_add(&c->expected, k);
        c->out.gpr[k] = after->v[k];
    }
    c->mask.rflags = defined_flags(m);
    /* CR0 counts where the test sets it; debug registers are others. */
    if (has(after, MOO_CR0) && c->system.has_cr0) {
        expect_system(c, "cr0", after->v[MOO_CR0] & (CR0_PE | CR0_MP | CR0_EM | CR0_TS));
        c->mask_system.v[system_number("cr0")] = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    } else {
        c->mask_system.v[system_number("cr0")] = 0;
    }
    if (has(after, MOO_CR3))
        expect_system(c, "cr3", after->v[MOO_CR3]);
    static const char *const debug[] = {"dr0", "dr1", "dr2", "dr3", "dr7"};
    for (unsigned k = 0; k < 5; k++)
        c->mask_system.v[system_number(debug[k])] = 0;
}

/** The instruction completes. */
static void expect_completion(struct Import *m) {
    uint32_t ip = final_reg(m->t, MOO_IP), hlt = m->cpu->halts && !is_hlt(m->t) ? 1 : 0;
    expect_field(m->c, "rip", m->cpu->has_cr0 ? ip - hlt : (ip - hlt) & 0xffff);
    if (has(&m->t->after.regs, MOO_FLAGS))
        expect_field(m->c, "rflags", (m->t->after.regs.v[MOO_FLAGS] & m->cpu->flags) | FLAG_ONE);
    expect_segments(m, false);
    expect_general(m, false);
}

/** A word of an interrupt's frame, at this offset from FLAGS. False: the test does not tell. */
static bool frame_word(const struct Import *m, uint32_t flags_at, int offset, uint32_t *v) {
    uint32_t base = (final_reg(m->t, MOO_SS) & 0xffff) * 16, at = flags_at - base + (uint32_t)offset;
    uint32_t wrap = m->cpu->address20 ? 0xfffff : UINT32_MAX;
    uint8_t low, high;
    if (!final_byte(m, (base + (at & 0xffff)) & wrap, &low) ||
        !final_byte(m, (base + ((at + 1) & 0xffff)) & wrap, &high))
        return false;
    *v = low | (uint32_t)high << 8;
    return true;
}

/** It ends in an interrupt: what the frame holds is expected, whatever the handler's address is. */
static void expect_interrupt(struct Import *m, uint8_t vector, uint32_t flags_at) {
    struct DiffCase *c = m->c;
    uint32_t v, sp = final_reg(m->t, MOO_SP);
    c->fault = FAULT_IS;
    c->out.vector = vector;
    if (frame_word(m, flags_at, -4, &v))
        expect_field(c, "rip", v);
    if (frame_word(m, flags_at, -2, &v))
        expect_system(c, "cs", v);
    if (frame_word(m, flags_at, 0, &v))
        expect_field(c, "rflags", (v & m->cpu->flags) | FLAG_ONE);
    expect_field(c, "rsp", (sp & 0xffff0000) | ((sp + 6) & 0xffff));
    expect_segments(m, true);
    expect_general(m, true);
}

/** Of the pushed FLAGS undefined bits don't count, nor do those that are others now. */
static void mask_frame(struct Import *m, uint32_t flags_at) {
    uint64_t flags = defined_flags(m);
    case_mask_byte(m->c, flags_at, (uint8_t)flags);
    case_mask_byte(m->c, flags_at + 1, (uint8_t)(flags >> 8));
}

/** The vector of an interrupt of which the test does not tell by itself: the instruction can raise one, SP has made
 *  room for a frame, and CS:IP is where the vector leads. */
static bool find_interrupt(const struct Import *m, uint8_t *vector, uint32_t *flags_at) {
    const struct MooTest *t = m->t;
    uint32_t sp = final_reg(t, MOO_SP) & 0xffff, ss = final_reg(t, MOO_SS) & 0xffff, entry = 0;
    if (!own_vector(t, vector) || ((t->before.regs.v[MOO_SP] - 6) & 0xffff) != sp)
        return false;
    for (unsigned k = 0; k < 4; k++) {
        const struct Byte *b = find_byte(m->before, m->before_n, 4u * *vector + k);
        if (b == NULL)
            return false;
        entry |= (uint32_t)b->v << (8 * k);
    }
    *flags_at = (ss * 16 + ((sp + 4) & 0xffff)) & 0xfffff;
    return entry == ((final_reg(t, MOO_CS) & 0xffff) << 16 | (final_reg(t, MOO_IP) & 0xffff));
}

static int add_expectations(struct Import *m) {
    uint8_t vector = m->t->vector;
    uint32_t flags_at = m->t->flags_at;
    bool interrupt = m->t->interrupt || (!m->cpu->halts && find_interrupt(m, &vector, &flags_at));
    case_expect_begin(m->c);
    m->c->rest = REST_REGISTERS;
    int r = add_memory(m, m->after, m->after_n, true);
    if (r != 0)
        return r;
    if (interrupt) {
        expect_interrupt(m, vector, flags_at);
        mask_frame(m, flags_at);
    } else {
        expect_completion(m);
    }
    return 0;
}

/* ---- files ---- */

/** The test as a case. 0, or -ENOTSUP with m->reason. */
static int make_case(struct Import *m) {
    int before = sort_bytes(&m->t->before.ram, m->before), after = sort_bytes(&m->t->after.ram, m->after);
    if (before < 0 || after < 0)
        return left_out(m, "it uses too much memory");
    m->before_n = (unsigned)before;
    m->after_n = (unsigned)after;
    case_init(m->c, DIFF_REAL16, 0);
    m->c->a20_off = m->cpu->address20;
    int r = load_registers(m);
    if (r == 0)
        r = add_code(m);
    return r == 0 ? add_expectations(m) : r;
}

/** Cases are called as their file, and by number. */
static void name_case(struct DiffCase *c, const char *path, const struct MooTest *t) {
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    int length = (int)strcspn(base, ".");
    const char *dot = strchr(base, '.');
    if (dot != NULL && dot[1] >= '0' && dot[1] <= '9') /* 80.4.MOO */
        length += (int)strcspn(dot + 1, ".") + 1;
    snprintf(c->name, sizeof(c->name), "%.*s-%u", length < 40 ? length : 40, base, t->index);
    for (char *p = c->name; *p != '\0'; p++)
        if (*p <= ' ' || *p == '#' || *p == 0x7f)
            *p = '_';
    snprintf(c->note, sizeof(c->note), "%.*s", (int)(t->name_size < 80 ? t->name_size : 80), t->name);
}

/** All tests of a file. 0, or -EINVAL with a line: it is damaged, or holds another number of them than it says. */
static int import_tests(struct Import *m, struct MooFile *moo, FILE *out, FILE *log, char *why, size_t n) {
    struct MooTest t;
    uint64_t tests = 0, cases = 0;
    int r;
    m->t = &t;
    while ((r = moo_next(moo, &t, why, n)) > 0) {
        tests++;
        if (make_case(m) != 0) {
            fprintf(log, "%s: test %u is left out: %s\n", moo->file, t.index, m->reason);
            continue;
        }
        name_case(m->c, moo->file, &t);
        case_write(m->c, out);
        cases++;
    }
    fprintf(log, "%s: %s, %llu cases, %llu left out\n", moo->file, m->cpu->id, (unsigned long long)cases,
            (unsigned long long)(tests - cases));
    if (r == 0 && tests != moo->tests)
        return snprintf(why, n, "%s: it holds %llu tests, and says that there are %u", moo->file,
                        (unsigned long long)tests, moo->tests),
               -EINVAL;
    return r;
}

static int import_file(struct Import *m, const char *path, FILE *out, FILE *log, char *why, size_t n) {
    struct MooFile moo;
    size_t size;
    char *data = diff_read_file(path, &size, why, n);
    if (data == NULL)
        return -EINVAL;
    int r = moo_open(&moo, path, (const uint8_t *)data, size, why, n);
    m->cpu = NULL;
    for (unsigned k = 0; r == 0 && k < sizeof(cpus) / sizeof(cpus[0]); k++)
        if (strcmp(cpus[k].id, moo.cpu) == 0)
            m->cpu = &cpus[k];
    if (r == 0 && m->cpu == NULL)
        r = (snprintf(why, n, "%s: tests of a processor '%.4s' are not known; those of 8088, 8086, V20, V30, 186, "
                      "C286 and 386E are", path, moo.cpu), -EINVAL);
    if (r == 0)
        r = import_tests(m, &moo, out, log, why, n);
    free(data);
    return r;
}

int twin86_diff_import(const Twin86DiffImport *o, FILE *out, FILE *log, char *why, size_t why_size) {
    struct Import *m = calloc(1, sizeof(*m));
    if (m != NULL)
        m->c = malloc(sizeof(*m->c));
    int r = 0;
    if (m == NULL || m->c == NULL)
        r = (snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM);
    if (r == 0 && o->cpu != NULL)
        fprintf(out, "cpu %s\n", o->cpu);
    for (unsigned k = 0; r == 0 && k < o->files; k++)
        r = import_file(m, o->file[k], out, log, why, why_size);
    if (r == 0 && (fflush(out) != 0 || ferror(out)))
        r = (snprintf(why, why_size, "the cases can't be written: %s", strerror(errno)), -EIO);
    if (m != NULL)
        free(m->c);
    free(m);
    return r;
}
