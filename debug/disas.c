/* SPDX-License-Identifier: MIT */
#include "debug/disas.h"
#include "debug/peek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum DisasMode disas_mode(const CPUX86State *env) {
    if (x86_code64(env))
        return DISAS_64;
    return env->seg[SEG_CS].ar & AR_DB ? DISAS_32 : DISAS_16;
}

#ifdef HAVE_CAPSTONE

#include <capstone.h>

struct Disas {
    csh handle[3]; /* by DisasMode; 0: not opened yet */
    cs_insn *insn;
};

struct Disas *disas_new(void) {
    static const uint8_t nop = 0x90;
    struct Disas *d = calloc(1, sizeof(*d));
    struct DisasLine line;
    for (unsigned mode = DISAS_16; d != NULL && mode <= DISAS_64; mode++)
        disas_bytes(d, (enum DisasMode)mode, 0, &nop, 1, &line); /* capstone sorts its tables now, not in a sandbox */
    return d;
}

void disas_free(struct Disas *d) {
    if (d == NULL)
        return;
    if (d->insn != NULL)
        cs_free(d->insn, 1);
    for (unsigned i = 0; i < 3; i++)
        if (d->handle[i] != 0)
            cs_close(&d->handle[i]);
    free(d);
}

bool disas_has_text(void) { return true; }

static bool prepare(struct Disas *d, enum DisasMode mode) {
    static const cs_mode modes[] = {[DISAS_16] = CS_MODE_16, [DISAS_32] = CS_MODE_32, [DISAS_64] = CS_MODE_64};
    if (d->handle[mode] == 0 && cs_open(CS_ARCH_X86, modes[mode], &d->handle[mode]) != CS_ERR_OK) {
        d->handle[mode] = 0;
        return false;
    }
    if (d->insn == NULL)
        d->insn = cs_malloc(d->handle[mode]);
    return d->insn != NULL;
}

/* Length of the instruction at `bytes`, its text in line->text; 0: no instruction. */
static unsigned decode(struct Disas *d, enum DisasMode mode, const uint8_t *bytes, size_t n, struct DisasLine *line) {
    uint64_t address = line->address;
    if (!prepare(d, mode) || !cs_disasm_iter(d->handle[mode], &bytes, &n, &address, d->insn))
        return 0;
    const char *operands = d->insn->op_str;
    snprintf(line->text, sizeof(line->text), "%s%s%s", d->insn->mnemonic, operands[0] != '\0' ? " " : "", operands);
    return d->insn->size;
}

#else

struct Disas {
    char unused;
};

struct Disas *disas_new(void) {
    return calloc(1, sizeof(struct Disas));
}
void disas_free(struct Disas *d) { free(d); }
bool disas_has_text(void) { return false; }

/* Lengths are not known either: show what an instruction seldom exceeds. */
static unsigned decode(struct Disas *d, enum DisasMode mode, const uint8_t *bytes, size_t n, struct DisasLine *line) {
    (void)d, (void)mode, (void)bytes;
    line->text[0] = '\0';
    return n < 8 ? (unsigned)n : 8;
}

#endif

unsigned disas_bytes(struct Disas *d, enum DisasMode mode, uint64_t address, const uint8_t *bytes, size_t n,
                     struct DisasLine *line) {
    line->address = address;
    line->size = 0;
    if (n == 0) {
        snprintf(line->text, sizeof(line->text), "(unreadable)");
        return 0;
    }
    if (n > DISAS_MAX_INSN)
        n = DISAS_MAX_INSN;
    unsigned size = decode(d, mode, bytes, n, line);
    if (size == 0) {
        snprintf(line->text, sizeof(line->text), "(bad)");
        size = 1;
    }
    memcpy(line->bytes, bytes, size);
    return line->size = (uint8_t)size;
}

unsigned disas_at(struct Disas *d, struct CPUState *cpu, uint64_t rip, struct DisasLine *line) {
    uint8_t bytes[DISAS_MAX_INSN];
    size_t n = peek_memory(cpu, peek_linear(&cpu->env, SEG_CS, rip), bytes, sizeof(bytes));
    return disas_bytes(d, disas_mode(&cpu->env), rip, bytes, n, line);
}
