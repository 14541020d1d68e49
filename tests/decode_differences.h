/* SPDX-License-Identifier: MIT */
/*
 * The one list of differences between our decoder and capstone 4.0.2, each with its reason: see decode_capstone.c.
 * Rules name both sides where they can, so that a new difference is not swallowed. "" is an invalid instruction.
 */
#ifndef TWIN86_TESTS_DECODE_DIFFERENCES_H
#define TWIN86_TESTS_DECODE_DIFFERENCES_H

/** The byte after the legacy prefixes and REX; *prefixes gets a set of PRE_*. */
enum { PRE_66 = 1, PRE_F0 = 2, PRE_F2 = 4, PRE_F3 = 8, PRE_67 = 16, PRE_REX = 32 };
static unsigned opcode_at(const struct Case *c, unsigned *prefixes) {
    unsigned n = 0;
    *prefixes = 0;
    for (; n < 14; n++) {
        uint8_t b = c->bytes[n];
        if (b == 0x66)
            *prefixes |= PRE_66;
        else if (b == 0x67)
            *prefixes |= PRE_67;
        else if (b == 0xf0)
            *prefixes |= PRE_F0;
        else if (b == 0xf2)
            *prefixes |= PRE_F2;
        else if (b == 0xf3)
            *prefixes |= PRE_F3;
        else if (c->code64 && (b & 0xf0) == 0x40)
            *prefixes |= PRE_REX;
        else if (b != 0x26 && b != 0x2e && b != 0x36 && b != 0x3e && b != 0x64 && b != 0x65)
            break;
    }
    return n;
}

static bool is_one_of(const char *s, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(s, *list))
            return true;
    return false;
}

/** The last of F2 and F3, or 0. */
static uint8_t last_rep(const struct Case *c, unsigned op) {
    uint8_t rep = 0;
    for (unsigned k = 0; k < op; k++)
        if (c->bytes[k] == 0xf2 || c->bytes[k] == 0xf3)
            rep = c->bytes[k];
    return rep;
}

/** The same instruction under another name, with the same length. */
static bool other_name(const struct Case *c) {
    static const struct {
        const char *ours, *theirs;
    } names[] = {
        {"mov", "movabs"}, /* 64-bit immediates and offsets */
        {"call", "lcall"}, /* far */
        {"jmp", "ljmp"},
        {"retf", "retfq"}, /* with REX.W */
        {"cbw", "cwde"},   /* in 16-bit code capstone takes the operand size the wrong way round */
        {"cwde", "cbw"},
        {"cwd", "cdq"},
        {"cdq", "cwd"},
        {"xchg", "nop"},    /* exchanges of AX with itself */
        {"jecxz", "jrcxz"}, /* capstone overlooks 67 among several prefixes */
        {"jecxz", "jcxz"},
        {"jcxz", "jecxz"},
        {"insd", "insw"}, /* REX.W goes before 66 */
        {"outsd", "outsw"},
        {"popfq", "popf"},
        {"pushfq", "pushf"},
        {"iretq", "iret"},
        {"tzcnt", "bsf"}, /* F3 not directly before the opcode, or 16-bit code */
        {"lzcnt", "bsr"},
        {"pause", "nop"},
        {"fxsave", "fxsave64"},
        {"fxrstor", "fxrstor64"},
        {"xsave", "xsave64"},
        {"xrstor", "xrstor64"},
        {"xsaveopt", "xsaveopt64"},
        {"xsavec", "xsavec64"},
        {"xsaves", "xsaves64"},
        {"xrstors", "xrstors64"},
        {"fstp", "fstpnce"}, /* aliases of the 8087 */
        {"fneni", "feni8087_nop"},
        {"fndisi", "fdisi8087_nop"},
        {"fnsetpm", "fsetpm"},
        {"movd", "movq"}, /* one form, 64 bits with REX.W */
        {"movq", "movd"},
        {"pause", "xchg"},  /* REX without B */
        {"movsw", "movsd"}, /* capstone forgets 66 when F2 or F3 follows */
        {"cmpsw", "cmpsd"},
        {"scasw", "scasd"},
        {"lodsw", "lodsd"},
        {"stosw", "stosd"},
        {"insw", "insd"},
        {"outsw", "outsd"},
        {"rdpid", "rdseed"}, /* F3 0F C7 /7 is younger than capstone 4 */
        {"clwb", "xsaveopt64"},
        {"wbnoinvd", "wbinvd"},
        {"nop", "endbr32"},
        {"nop", "endbr64"},
        {"vmovd", "vmovq"},
        {"vcvtpd2dq", "vcvtpd2dqx"}, /* memory operands of 128 bits */
        {"vcvttpd2dq", "vcvttpd2dqx"},
        {"vcvtpd2ps", "vcvtpd2psx"},
    };
    /* the predicates of CMPPS and its kin have names of their own there */
    size_t end = strlen(c->ours), their_end = strlen(c->theirs), vex = c->ours[0] == 'v';
    if (c->our_len == c->their_len && end == 5 + vex && !strncmp(c->ours + vex, "cmp", 3) && their_end > 5 + vex &&
        !strncmp(c->theirs, c->ours, 3 + vex) && !strcmp(c->ours + 3 + vex, c->theirs + their_end - 2))
        return true;
    /* RET imm16 with 66 and REX.W: capstone takes four bytes for the operand */
    if (!strcmp(c->ours, "ret") && !strcmp(c->theirs, "ret") && c->our_len + 2 == c->their_len)
        return true;
    if (!strcmp(c->ours, "ud1") && !strcmp(c->theirs, "ud2b")) /* capstone knows no ModRM byte there */
        return true;
    if (c->our_len != c->their_len)
        return false;
    /* AMD's processors make LOOPNE of LOOPE with F2, and LOOPE of LOOPNE with F3 */
    unsigned prefixes, op = opcode_at(c, &prefixes);
    if ((c->bytes[op] & 0xfe) == 0xe0 &&
        !strcmp(c->ours, prefixes & PRE_F2 && last_rep(c, op) == 0xf2 ? "loopne" : "loope") &&
        (prefixes & (PRE_F2 | PRE_F3)) && !strncmp(c->theirs, "loop", 4))
        return true;
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
        if (!strcmp(c->ours, names[k].ours) && !strcmp(c->theirs, names[k].theirs))
            return true;
    return false;
}

/** The same bytes without the prefixes in `drop` (PRE_*). */
static void without_prefixes(const struct Case *c, unsigned drop, uint8_t out[16]) {
    unsigned prefixes, op = opcode_at(c, &prefixes), n = 0;
    memset(out, 0, 16);
    for (unsigned k = 0; k < 15; k++) {
        uint8_t b = c->bytes[k];
        unsigned is = b == 0x66   ? PRE_66
                      : b == 0x67 ? PRE_67
                      : b == 0xf2 ? PRE_F2
                      : b == 0xf3 ? PRE_F3
                      : b == 0xf0 ? PRE_F0
                                  : 0;
        if (k >= op || !(is & drop))
            out[n++] = b;
    }
}

/**
 * capstone does not refuse LOCK everywhere where the processor does, nor LOCK, 66, F2 and F3 before VEX (SDM vol. 2,
 * 2.3.2 and 2.3.3): without them, the two must agree.
 */
static bool illegal_prefix(struct Run *r, const struct Mode *m, const struct Case *c) {
    unsigned prefixes, op = opcode_at(c, &prefixes);
    bool vex = (c->bytes[op] & 0xfe) == 0xc4;
    unsigned drop = vex ? PRE_F0 | PRE_66 | PRE_F2 | PRE_F3 : PRE_F0;
    if (!c->bad || !(prefixes & drop))
        return false;
    uint8_t bytes[16];
    without_prefixes(c, drop, bytes);
    struct Decoded d;
    char buf[32];
    struct Case without = examine(r, m, bytes, &d, buf, sizeof(buf));
    return agree(&without) || explain(r, m, &without);
}

/**
 * capstone goes astray when prefixes are many: it wants a mandatory prefix next to the opcode, knows none in 16-bit
 * code, mistakes 67 with REX.W for 66 ... So ask again about the plainest spelling of the instruction that we see, in
 * 32-bit mode for 16-bit code: then the two must agree.
 */
static bool plain_spelling_agrees(struct Run *r, const struct Mode *m, const struct Case *c) {
    if (c->bad)
        return false;
    unsigned prefixes, op = opcode_at(c, &prefixes), n = 0;
    bool rex = op && (c->bytes[op - 1] & 0xf0) == 0x40 && c->code64;
    const char *rule = x86_rows[c->d->row].opcode;
    bool np = !strncmp(rule, "np ", 3), p66 = !strncmp(rule, "66 ", 3), f3 = !strncmp(rule, "f3 ", 3),
         f2 = !strncmp(rule, "f2 ", 3);
    bool free66 = !np && !p66 && !f3 && !f2, code16 = (m->mode & MODE_CODE) == MODE_CODE16;
    bool offset = (c->bytes[op] & 0xfc) == 0xa0 || c->bytes[op] == 0xe3;
    uint8_t bytes[32] = {0}, rep = last_rep(c, op);
    if (prefixes & PRE_F0)
        bytes[n++] = 0xf0;
    if (c->code64 ? (prefixes & PRE_67) && offset
                  : (code16 && c->d->insn.asize == 1) || (!code16 && (prefixes & PRE_67)))
        bytes[n++] = 0x67;
    if (p66 || (free66 && (code16 ? !(prefixes & PRE_66) : (prefixes & PRE_66) != 0)))
        bytes[n++] = 0x66;
    if (f3 || f2)
        bytes[n++] = f3 ? 0xf3 : 0xf2;
    else if (c->d->insn.rep && rep)
        bytes[n++] = rep;
    if (rex)
        bytes[n++] = c->bytes[op - 1];
    memcpy(bytes + n, c->bytes + op, 15 - op);
    struct Decoded d;
    char buf[32];
    struct Case plain = examine(r, code16 ? &r->mode[1] : m, bytes, &d, buf, sizeof(buf));
    if (d.row != c->d->row || plain.our_len - n != c->our_len - (op - rex) - rex || memcmp(bytes, c->bytes, 15) == 0)
        return false;
    return agree(&plain) || other_name(&plain);
}

/**
 * capstone overlooks a prefix that makes an encoding invalid: F3 0F AE /7, F2 0F 38 F0; F3 goes before 66 as a
 * mandatory prefix; 67 with REX.W is no 66. Without that prefix, the two must agree.
 */
static bool invalid_by_prefix(struct Run *r, const struct Mode *m, const struct Case *c) {
    enum { REPS = PRE_F2 | PRE_F3 };
    static const unsigned drops[] = {REPS, PRE_66 | REPS, PRE_67, PRE_67 | REPS, PRE_67 | PRE_66 | REPS};
    unsigned prefixes, op = opcode_at(c, &prefixes);
    if (!c->bad || c->bytes[op] != 0x0f)
        return false;
    for (unsigned k = 0; k < sizeof(drops) / sizeof(drops[0]); k++) {
        if (!(prefixes & drops[k]))
            continue;
        uint8_t bytes[16];
        struct Decoded d;
        char buf[32];
        without_prefixes(c, drops[k], bytes);
        struct Case other = examine(r, m, bytes, &d, buf, sizeof(buf));
        if (agree(&other) || other_name(&other))
            return true;
    }
    return false;
}

/** Extensions that our table does not have (yet): capstone says to what group an instruction belongs. */
static bool beyond(struct Run *r, const struct Mode *m, const struct Case *c) {
    static const uint8_t groups[] = {
        X86_GRP_VM,  X86_GRP_3DNOW, X86_GRP_AVX512, X86_GRP_FMA4, X86_GRP_HLE, X86_GRP_RTM, X86_GRP_SSE4A, X86_GRP_TBM,
        X86_GRP_XOP, X86_GRP_CDI,   X86_GRP_ERI,    X86_GRP_PFI,  X86_GRP_VLX, X86_GRP_DQI, X86_GRP_BWI,
    };
    /* extensions without a group: SMX, SMM, VIA PadLock, SVM, SGX, 3DNow! */
    static const char *const names[] = {
        "getsec",  "rsm",     "xstore",  "xcryptecb", "xcryptcbc", "xcryptctr",   "xcryptcfb", "xcryptofb", "xsha1",
        "xsha256", "montmul", "femms",   "encls",     "enclu",     "skinit",      "clgi",      "stgi",      "vmrun",
        "vmload",  "vmsave",  "vmmcall", "invlpga",   "pcommit",   "prefetchwt1", "xtest",     NULL};
    if (!c->bad)
        return false;
    /* EVEX and XOP */
    unsigned prefixes, op = opcode_at(c, &prefixes);
    const uint8_t *b = c->bytes + op;
    if (b[0] == 0x62 || (b[0] == 0x8f && (b[1] & 0x38)))
        return true;
    int8_t *known = &r->beyond[c->id < sizeof(r->beyond) ? c->id : 0];
    if (*known == 0) {
        csh h;
        *known = is_one_of(c->theirs, names) ? 1 : -1;
        if (cs_open(CS_ARCH_X86, m->cs, &h) == CS_ERR_OK) {
            cs_insn *insn;
            cs_option(h, CS_OPT_DETAIL, CS_OPT_ON);
            if (cs_disasm(h, c->bytes, 15, 0x1000, 1, &insn) == 1) {
                for (unsigned k = 0; k < sizeof(groups); k++)
                    if (cs_insn_group(h, insn, groups[k]))
                        *known = 1;
                cs_free(insn, 1);
            }
            cs_close(&h);
        }
    }
    return *known > 0;
}

/** What a VEX encoding would be with W, or vvvv, changed: true when the two then agree. */
static bool agrees_with(struct Run *r, const struct Mode *m, const struct Case *c, unsigned at, uint8_t flip,
                        uint8_t set) {
    uint8_t bytes[16];
    struct Decoded d;
    char buf[32];
    memcpy(bytes, c->bytes, 15);
    bytes[15] = 0;
    bytes[at] = (uint8_t)((bytes[at] ^ flip) | set);
    struct Case other = examine(r, m, bytes, &d, buf, sizeof(buf));
    return !other.bad && (agree(&other) || other_name(&other)) && !strcmp(other.theirs, c->theirs);
}

/**
 * VEX encodings that raise #UD (vex-vs-host asks the processor), and which capstone accepts all the same: it ignores W
 * where the manuals give it a value, and the high bit of vvvv outside of 64-bit code even where there is no such
 * operand; it lets a gather's registers be the same
 * and its operand be without SIB, and knows VPEXTRQ and VPINSRQ in 32-bit code.
 */
static bool undefined_vex(struct Run *r, const struct Mode *m, const struct Case *c) {
    enum { W = 0x80, VVVV = 0x78 };
    unsigned prefixes, op = opcode_at(c, &prefixes);
    if (!c->bad || (c->bytes[op] != 0xc4 && c->bytes[op] != 0xc5))
        return false;
    unsigned at = op + (c->bytes[op] == 0xc4 ? 2 : 1);
    if (strstr(c->theirs, "gather") && c->bytes[op] == 0xc4) {
        const uint8_t *b = c->bytes + op;
        unsigned reg = (b[4] >> 3 & 7) | (~b[1] >> 4 & 8), index = (b[5] >> 3 & 7) | (~b[1] >> 3 & 8),
                 mask = ~b[2] >> 3 & 15, bits = c->code64 ? 15 : 7;
        if ((b[4] & 7) != 4 || reg == index || ((reg ^ mask) & bits) == 0 || ((index ^ mask) & bits) == 0 ||
            c->d->insn.asize == 1)
            return true;
    }
    if (!c->code64 && (!strcmp(c->theirs, "vpextrq") || !strcmp(c->theirs, "vpinsrq")))
        return true;
    return agrees_with(r, m, c, at, c->bytes[op] == 0xc4 ? W : 0, 0) ||
           (!c->code64 && agrees_with(r, m, c, at, 0, VVVV)) ||
           (!c->code64 && c->bytes[op] == 0xc4 && agrees_with(r, m, c, at, W, VVVV));
}

/** Encodings that only capstone accepts. */
static bool reserved(const struct Case *c) {
    unsigned prefixes, n = opcode_at(c, &prefixes);
    const uint8_t *b = c->bytes + n;
    if (!c->bad)
        return false;
    /* control registers 1, 5 to 7, 9 to 15 and debug registers 8 to 15 do not exist */
    if (b[0] == 0x0f && b[1] >= 0x20 && b[1] <= 0x23 && !strcmp(c->theirs, "mov"))
        return true;
    /* MOV cannot load CS, and segment registers 6 and 7 do not exist */
    if (b[0] == 0x8e && !strcmp(c->theirs, "mov"))
        return true;
    if (!c->code64 && !strcmp(c->theirs, "swapgs"))
        return true;
    return false;
}

/** Encodings that only we accept, as the processor does. */
static bool capstone_refuses(const struct Case *c) {
    static const char *const names[] = {
        "nop",      /* 0F 18 to 0F 1F: all of them are hints */
        "prefetch", /* reserved values of ModRM.reg prefetch like the first (APM vol. 3) */
        "ud0", "ud1", NULL};
    unsigned prefixes, n = opcode_at(c, &prefixes);
    const uint8_t *b = c->bytes + n;
    if (c->bad || *c->theirs)
        return false;
    if (is_one_of(c->ours, names))
        return true;
    /* younger than capstone 4 */
    static const char *const young[] = {"movdiri", "movdir64b", "serialize", "rdpkru", "wrpkru", NULL};
    if (is_one_of(c->ours, young))
        return true;
    /* the low bits of a fence's ModRM byte count for nothing */
    static const char *const fences[] = {"lfence", "mfence", "sfence", NULL};
    if (is_one_of(c->ours, fences))
        return true;
    /* REX.R with a segment register counts for nothing */
    if ((b[0] == 0x8c || b[0] == 0x8e) && (prefixes & PRE_REX))
        return true;
    /* LOCK MOV CR0 is AMD's MOV CR8 */
    if (b[0] == 0x0f && (b[1] == 0x20 || b[1] == 0x22) && (prefixes & PRE_F0))
        return true;
    /* F3 together with 66 */
    static const char *const counts[] = {"popcnt", "lzcnt", "tzcnt", NULL};
    if (is_one_of(c->ours, counts))
        return true;
    /* GFNI, AES and VPCLMULQDQ with 256 bits, and VBROADCASTI128, are unknown to capstone 4 */
    bool wide = strstr(x86_rows[c->d->row].opcode, "vex") && c->d->insn.vl;
    return !strncmp(c->ours, "gf2p8", 5) || !strncmp(c->ours, "vgf2p8", 6) ||
           (wide &&
            (!strcmp(c->ours, "vbroadcasti128") || !strncmp(c->ours, "vaes", 4) || !strcmp(c->ours, "vpclmulqdq")));
}

static bool explain(struct Run *r, const struct Mode *m, const struct Case *c) {
    return other_name(c) || illegal_prefix(r, m, c) || beyond(r, m, c) || reserved(c) || undefined_vex(r, m, c) ||
           capstone_refuses(c) || plain_spelling_agrees(r, m, c) || invalid_by_prefix(r, m, c);
}

#endif
