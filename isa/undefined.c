/* SPDX-License-Identifier: MIT */
/*
 * How long is what is no instruction? Processors fetch all of it before they raise #UD, so a page fault of its last
 * bytes comes first (SDM vol. 3, 6.9). Lengths as measured on processors of AMD's family 1Ah and on Intel's.
 */
#include "isa/undefined.h"

/** Opcodes after 0F that have more bytes: without rows, where others end with the opcode, or than their rows have. */
static const struct {
    uint8_t first, last;
    uint8_t sides; /* BIT_CLEAR: AMD's processors, BIT_SET: Intel's */
    struct X86Tail tail;
} tails[] = {
    {0x0f, 0x0f, BIT_CLEAR, {true, 1}}, /* 3DNow! */
    {0x39, 0x39, BIT_SET, {true, 0}},
    {0x3b, 0x3f, BIT_SET, {true, 0}},
    {0x78, 0x78, BIT_CLEAR, {true, 2}}, /* SSE4a, not VMREAD */
    {0x7a, 0x7b, BIT_SET, {true, 0}},
    {0xa6, 0xa7, BIT_SET, {true, 0}},
};

static unsigned immediate_bytes(unsigned kind) {
    switch (kind) {
    case IMM_B:
    case IMM_JB: return 1;
    case IMM_W:
    case IMM_BB: return 2;
    case IMM_WB: return 3;
    case IMM_Z:
    case IMM_JZ: return TAIL_Z;
    case IMM_FAR: return TAIL_FAR;
    default: return 0;
    }
}

/** As the opcode's other forms: members of a group, forms with another prefix, in another mode, of another feature. */
static struct X86Tail as_neighbours(enum X86Map map, uint8_t opcode) {
    const struct X86Form *f = &x86_forms[x86_candidates[x86_slots[map][opcode].first]];
    if (f->attr & ATTR_MODREG) /* ModRM that never means memory */
        return (struct X86Tail){false, 1};
    return (struct X86Tail){(f->attr & ATTR_MODRM) != 0, (uint8_t)immediate_bytes(f->imm_kind)};
}

struct X86Tail x86_undefined_tail(const struct CpuModel *model, enum X86Map map, uint8_t opcode) {
    unsigned side = cpu_as_intel(model, RULE_UNDEFINED_OPCODE_FETCH) ? BIT_SET : BIT_CLEAR;
    if (map == MAP_VEX_0F && x86_slots[map][opcode].count == 0) /* then it is as long as without VEX */
        map = MAP_0F;
    if (map == MAP_0F3A || map == MAP_VEX_0F3A)
        return (struct X86Tail){true, 1};
    if (map > MAP_0F && map != MAP_VEX_0F)
        return (struct X86Tail){true, 0};
    for (unsigned k = 0; k < sizeof(tails) / sizeof(tails[0]) && map == MAP_0F; k++)
        if (tails[k].first <= opcode && opcode <= tails[k].last && (tails[k].sides & side))
            return tails[k].tail;
    if (x86_slots[map][opcode].count > 0)
        return as_neighbours(map, opcode);
    return (struct X86Tail){false, 0};
}

unsigned x86_modrm_bytes(uint8_t modrm, uint8_t sib, bool address16) {
    unsigned mod = modrm >> 6, rm = modrm & 7;
    if (mod == 3)
        return 1;
    if (address16)
        return mod == 1 ? 2 : mod == 2 || rm == 6 ? 3 : 1;
    unsigned n = rm == 4 ? 2 : 1, base = rm == 4 ? sib & 7 : rm;
    return mod == 1 ? n + 1 : mod == 2 || base == 5 ? n + 4 : n;
}
