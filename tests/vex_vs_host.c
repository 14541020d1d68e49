/* SPDX-License-Identifier: MIT */
/*
 * vex-vs-host [ROUNDS [SEED]]: every VEX encoding (map, prefix, opcode, L, W, vvvv, ModRM with register and memory, in
 * 64- and 32-bit code) on the host CPU: it raises #UD where the decoder says so, and nowhere else, and instructions
 * have the same length. What the host has and twin86 has not is listed in beyond().
 */
#include "accel/tcg-lite/run/tcg.h"
#include "diff/diff.h"
#include "diff/run/host_here.h"
#include "isa/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE = 0x80000, CODE_SIZE = 0x1000, DATA = 0x200000, DATA_SIZE = 0x4000, MAX_REPORTS = 40 };

static uint64_t seed = 0x7477696e3836ull;
static uint64_t rnd(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

struct Encoding {
    unsigned map, prefix, opcode, l, w;
    bool vvvv, memory, code32;
    uint8_t bytes[16];
};

static void encode(struct Encoding *e) {
    uint8_t *b = e->bytes;
    uint64_t v = rnd();
    memset(b, 0, 16);
    unsigned vvvv = e->vvvv ? (v >> 8) & 15 : 15;
    b[0] = 0xc4;
    b[1] = (uint8_t)(e->map | (e->code32 ? 0xc0 | (v & 0x20) : v & 0xe0));
    b[2] = (uint8_t)(e->w << 7 | vvvv << 3 | e->l << 2 | e->prefix);
    b[3] = (uint8_t)e->opcode;
    if (e->memory) { /* mostly base, index, and a small displacement: what VSIB wants */
        b[4] = (uint8_t)((v >> 16 & 0x38) | ((v >> 24 & 7) ? 0x44 : 0x43));
        b[5] = (uint8_t)(v >> 32);
        b[6] = (uint8_t)(v >> 40 & 0x7f);
        b[7] = (uint8_t)(v >> 48);
    } else {
        b[4] = (uint8_t)((v >> 16) | 0xc0);
        b[5] = (uint8_t)(v >> 48);
    }
}

/** Instructions of the host that twin86 does not have: AVX-512's on mask registers, AVX-VNNI and its kin. */
static bool beyond(const struct Encoding *e) {
    static const uint8_t masks[] = {0x41, 0x42, 0x44, 0x45, 0x46, 0x47, 0x4a, 0x4b, 0x90, 0x91, 0x92, 0x93, 0x98, 0x99};
    if (e->map == 1)
        return memchr(masks, (int)e->opcode, sizeof(masks)) != NULL;
    if (e->map == 2)
        return (e->opcode >= 0x50 && e->opcode <= 0x53) || e->opcode == 0xb4 || e->opcode == 0xb5 ||
               e->opcode == 0xb0 || e->opcode == 0xb1 || e->opcode == 0x72 || (e->opcode & 0xfa) == 0xd2 ||
               e->opcode == 0xda || e->opcode == 0x49 || e->opcode == 0x4b ||
               (e->opcode >= 0x5c && e->opcode <= 0x5e) || e->opcode >= 0xe0;
    if (e->opcode <= 0x01 && e->prefix == 1 && e->l && !e->w)
        return true; /* VPERMQ and VPERMPD with W = 0, which AMD family 19h executes; the manuals know W = 1 only */
    return e->opcode >= 0x30 && e->opcode <= 0x33;
}

static struct HostHere *here;
static unsigned long failures, compared, undefined;

static void complain(const struct Encoding *e, const struct Decoded *d, const struct DiffState *s, unsigned length) {
    if (failures++ >= MAX_REPORTS)
        return;
    printf("%s", e->code32 ? "32-bit" : "64-bit");
    for (unsigned k = 0; k < 8; k++)
        printf(" %02x", e->bytes[k]);
    printf(": decoded as %s %s, length %u; on the host exception %u after %d bytes\n", x86_rows[d->row].mnemonic,
           x86_rows[d->row].operands, length, s->vector, (int)(s->rip - CODE));
}

static void one_encoding(const struct CpuModel *model, struct Encoding *e) {
    struct Decoded d;
    struct DiffState s, out;
    uint8_t *code = (uint8_t *)(uintptr_t)CODE;
    uint32_t mode =
        (e->code32 ? MODE_CODE32 : MODE_CODE64) | MODE_STACK32 | MODE_USER | MODE_SSE | MODE_AVX | MODE_FLAT;
    encode(e);
    if (x86_decode(model, mode, e->bytes, 15, &d) != DECODE_OK)
        return;
    bool bad = d.row == 0;
    if (bad && beyond(e))
        return;
    memset(code, 0xcc, 32);
    memcpy(code, e->bytes, bad ? 15 : d.insn.len);
    diff_state_init(&s);
    s.rip = CODE;
    for (unsigned k = 0; k < 16; k++)
        s.gpr[k] = k == 4 || (rnd() & 7) ? DATA / 2 : 0; /* twice that for base and index */
    host_here_run(here, e->code32, &s, &out);
    compared++;
    undefined += bad;
    bool host_bad = out.vector == VEC_UD;
    if (host_bad != bad || (out.vector == VEC_BP && out.rip - 1 != (uint64_t)CODE + d.insn.len))
        complain(e, &d, &out, bad ? 0 : d.insn.len);
}

int main(int argc, char **argv) {
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 4;
    struct CpuModel model;
    char why[256];
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0);
    bool parsed = diff_model_parse(&model, NULL, why, sizeof(why)) == 0;
    diff_host_model(&model);
    if (!parsed || !cpu_has(&model, CPUID_AVX2) || host_here_map(CODE, CODE_SIZE) || host_here_map(DATA / 2, 0x4000) ||
        host_here_map(DATA, DATA_SIZE) || (here = host_here_open()) == NULL) {
        fprintf(stderr, "vex-vs-host: SKIP: the host has no AVX2, or the test's pages can't be mapped\n");
        return 77;
    }
    bool code32 = host_here_has_code32();
    if (!code32)
        printf("SKIP 32-bit code: this host's kernel runs none\n");
    for (unsigned long n = 0; n < rounds; n++)
        for (unsigned k = 0; k < 3 * 4 * 256 * 2 * 2 * 2 * 2 * 2; k++) {
            struct Encoding e = {.map = 1 + (k >> 15),
                                 .prefix = k >> 5 & 3,
                                 .opcode = k >> 7 & 255,
                                 .l = k & 1,
                                 .w = k >> 1 & 1,
                                 .vvvv = k >> 2 & 1,
                                 .memory = k >> 3 & 1,
                                 .code32 = k >> 4 & 1};
            if (!e.code32 || code32)
                one_encoding(&model, &e);
        }
    printf("vex-vs-host: %lu encodings, %lu of them undefined, %lu differ\n", compared, undefined, failures);
    return failures != 0;
}
