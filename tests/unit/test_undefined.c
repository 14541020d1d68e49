/* SPDX-License-Identifier: MIT */
/*
 * What the decoder calls undefined with every feature on, the host CPU must call undefined too: over all opcodes of the
 * maps without VEX, with each mandatory prefix, REX.W and every ModRM.reg. So no instruction has been forgotten, but
 * for the extensions named below.
 */
#include "accel/tcg-lite/decode.h"
#include "tests/unit/cpu_bench.h"
#include "tests/unit/native.h"
#include "tests/unit/suites.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

struct Encoding {
    uint8_t map; /* 0: one byte, 0x0f, 0x38, 0x3a */
    uint8_t prefix;
    bool rexw;
    uint8_t opcode, modrm;
};

/* Extensions of AMD's processors that no model has. */
static bool extension(const struct Encoding *e) {
    static const struct {
        uint8_t map, opcode, modrm_first, modrm_last;
    } known[] = {
        {0x0f, 0x01, 0xc1, 0xc1}, /* VMCALL: VMX, which a hypervisor may answer */
        {0x0f, 0x01, 0xd8, 0xdf}, /* SVM */
        {0x0f, 0x01, 0xfa, 0xfb}, /* MONITORX, MWAITX */
        {0x0f, 0x01, 0xfc, 0xfd}, /* CLZERO, RDPRU */
        {0x0f, 0x01, 0xfe, 0xff}, /* INVLPGB, TLBSYNC; PSMASH and its kin */
        {0x0f, 0x2b, 0x00, 0xbf}, /* MOVNTSS, MOVNTSD: SSE4A, which has EXTRQ and INSERTQ too */
        {0x0f, 0x78, 0xc0, 0xff}, {0x0f, 0x79, 0xc0, 0xff},
    };
    for (unsigned k = 0; k < sizeof known / sizeof known[0]; k++)
        if (e->map == known[k].map && e->opcode == known[k].opcode && e->modrm >= known[k].modrm_first &&
            e->modrm <= known[k].modrm_last)
            return true;
    return false;
}

static unsigned encode(const struct Encoding *e, uint8_t bytes[15]) {
    unsigned n = 0;
    memset(bytes, 0, 15);
    if (e->prefix)
        bytes[n++] = e->prefix;
    if (e->rexw)
        bytes[n++] = 0x48;
    if (e->map)
        bytes[n++] = 0x0f;
    if (e->map > 0x0f)
        bytes[n++] = e->map;
    bytes[n++] = e->opcode;
    bytes[n++] = e->modrm;
    return n;
}

/** Prefixes, escapes, VEX, EVEX and XOP. */
static bool no_opcode(const struct Encoding *e) {
    uint8_t op = e->opcode;
    if (e->map == 0)
        return (op & 0xf0) == 0x40 || (op & 0xe7) == 0x26 || (op >= 0x64 && op <= 0x67) || op == 0xf0 || op == 0xf2 ||
               op == 0xf3 || op == 0x0f || op == 0xc4 || op == 0xc5 || op == 0x62 || op == 0x8f;
    return e->map == 0x0f && (op == 0x38 || op == 0x3a || op == 0x0f /* 3DNow! */);
}

static unsigned long tried, wrong;

static void try_one(const struct CpuModel *model, const struct Encoding *e) {
    static struct NativeState in, out;
    uint8_t bytes[15];
    struct Decoded d;
    encode(e, bytes);
    if (x86_decode(model, MODE_CODE64 | MODE_USER | MODE_SSE | MODE_AVX | MODE_FLAT, bytes, 15, &d) != DECODE_OK ||
        d.row != 0 || extension(e))
        return;
    memset(&in, 0, sizeof in);
    memcpy(in.fx, &(uint16_t){0x37f}, 2);
    memcpy(in.fx + 24, &(uint32_t){0x1f80}, 4);
    in.rflags = 0x202;
    for (unsigned k = 0; k < 16; k++)
        in.gpr[k] = NATIVE_WINDOW + 0x800;
    native_run(bytes, sizeof bytes, &in, &out);
    tried++;
    if (out.vector != VEC_UD && wrong++ < 40)
        fprintf(stderr, "%02x%s map %02x opcode %02x ModRM %02x: undefined here, but the host says %d\n", e->prefix,
                e->rexw ? " REX.W" : "", e->map, e->opcode, e->modrm, (int)out.vector);
}

START_TEST(as_host) {
    static const uint8_t maps[] = {0, 0x0f, 0x38, 0x3a}, prefixes[] = {0, 0x66, 0xf3, 0xf2};
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG_USER);
    ck_assert(native_init());
    tried = wrong = 0;
    for (unsigned k = 0; k < 4 * 4 * 2 * 256; k++) {
        struct Encoding e = {maps[k & 3], prefixes[k >> 2 & 3], k >> 4 & 1, (uint8_t)(k >> 5), 0};
        if (no_opcode(&e))
            continue;
        bool groups = (e.map == 0x0f && (e.opcode == 1 || e.opcode == 0xae || e.opcode == 0xc7)) ||
                      (e.map == 0 && (e.opcode & 0xf8) == 0xd8);
        for (unsigned reg = 0; reg < 8; reg++) {
            e.modrm = (uint8_t)(reg << 3 | 3); /* [rbx] */
            try_one(&b->cpu.model, &e);
            for (unsigned rm = groups ? 0 : reg; rm < (groups ? 8 : reg + 1); rm++) {
                e.modrm = (uint8_t)(0xc0 | reg << 3 | rm);
                try_one(&b->cpu.model, &e);
            }
        }
    }
    fprintf(stderr, "undefined: %lu encodings, %lu of them not undefined on the host\n", tried, wrong);
    cpu_bench_free(b);
    ck_assert_uint_gt(tried, 10000);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/** Zen to Zen 4: what later and other processors have beyond the models is not known here. */
static bool host_is_known(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || !__get_cpuid(1, &a, &b, &c, &d))
        return false;
    unsigned family = ((a >> 8) & 15) + ((a >> 20) & 0xff);
    return family >= 0x17 && family <= 0x19;
}

Suite *undefined_suite(void) {
    Suite *s = suite_create("undefined");
    TCase *tc = tcase_create("opcodes");
    tcase_set_timeout(tc, 120);
    if (!host_is_known())
        suite_skip("undefined", 1, "the host is no AMD processor of family 17h to 19h");
    else if (!native_possible())
        suite_skip("undefined", 1, "the addresses that its code and data need are taken in this process");
    else
        tcase_add_test(tc, as_host);
    suite_add_tcase(s, tc);
    return s;
}
