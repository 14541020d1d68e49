/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/run/liveness.h"

#include <stdlib.h>
#include <string.h>

/** Instructions that can't fault in their register form. All others are taken to show the flags to a fault handler. */
static const char *const harmless[] = {
    "ADC",    "ADD",   "AND",     "BSF",  "BSR", "BSWAP", "BT",  "BTC",  "BTR",  "BTS",  "CBW", "CDQ",
    "CDQE",   "CMP",   "CMPXCHG", "CQO",  "CWD", "CWDE",  "DEC", "IMUL", "INC",  "LEA",  "MOV", "MOVSX",
    "MOVSXD", "MOVZX", "MUL",     "NEG",  "NOP", "NOT",   "OR",  "RCL",  "RCR",  "ROL",  "ROR", "SAL",
    "SAR",    "SBB",   "SHL",     "SHLD", "SHR", "SHRD",  "SUB", "TEST", "XADD", "XCHG", "XOR",
};

static bool is_harmless_name(const char *name) {
    if (strncmp(name, "CMOV", 4) == 0 || strncmp(name, "SET", 3) == 0)
        return true;
    for (unsigned k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++) {
        if (strcmp(name, harmless[k]) == 0)
            return true;
    }
    return false;
}

bool *liveness_classify(void) {
    bool *harmless_rows = calloc(x86_row_count, sizeof(bool));
    for (unsigned k = 0; harmless_rows != NULL && k < x86_row_count; k++) {
        const struct X86Row *row = &x86_rows[k];
        /* MOV has forms with segment, control and debug registers, and moffs */
        bool special = strpbrk(row->operands, "SCDO") != NULL && strncmp(row->mnemonic, "MOV", 3) == 0;
        harmless_rows[k] = !special && is_harmless_name(row->mnemonic);
    }
    return harmless_rows;
}

void liveness_pick(struct Decoded *d, unsigned n, const bool *harmless_rows) {
    uint8_t live = FB_ALL;
    for (unsigned k = n; k-- > 0;) {
        if (d[k].flow)
            live = FB_ALL;
        if (((d[k].flags_written | d[k].flags_maybe) & live) == 0)
            d[k].insn.fn = d[k].fn_no_flags;
        live = (uint8_t)((live & ~d[k].flags_written) | d[k].flags_read);
        if (d[k].insn.mem || !harmless_rows[d[k].row]) /* a fault comes before its own flags */
            live = FB_ALL;
    }
}
