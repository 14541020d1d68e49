/* SPDX-License-Identifier: MIT */
/*
 * The table of vendor differences. docs/vendors.md shows it (a unit test compares). "measured" is: on an AMD processor
 * of family 1Ah (Zen 5), or on an Intel processor of the server line with AMX (CPUID signature A0671h in its guest).
 */
#include "isa/vendor.h"

const struct VendorRuleText vendor_rules[RULE_COUNT] = {
    [RULE_NEAR_BRANCH_66] =
        {
            "near-branch-66",
            "66 before a near JMP, CALL, Jcc, RET, LOOP or JCXZ of 64-bit code makes it 16 bits wide: rel16, RIP cut "
            "to 16 bits, 2 bytes pushed or popped",
            "66 is ignored there",
            "SDM vol. 2, 2.2.1.7; APM vol. 3, 1.2.2",
        },
    [RULE_FAR_POINTER_REX_W] =
        {
            "far-pointer-rex-w",
            "far JMP and CALL, LSS, LFS and LGS ignore REX.W for the size of the pointer: 4 + 2 bytes",
            "with REX.W the pointer has 8 + 2 bytes",
            "SDM vol. 2, JMP, LSS; APM vol. 3, JMP (Far), LSS",
        },
    [RULE_SEGMENT_OFFSET_CANONICAL] =
        {
            "segment-offset-canonical",
            "in 64-bit code with FS or GS the offset by itself has to be canonical, too",
            "only offset + base has to be",
            "SDM vol. 1, 3.3.7.1; measured",
        },
    [RULE_SHA_ALIGNED] =
        {
            "sha-aligned",
            "memory operands of SHA instructions may have any alignment",
            "they have to be 16-aligned, or #GP(0)",
            "SDM vol. 2, 2.4 (type 4); measured",
        },
    [RULE_X87_POINTERS_SAVED] =
        {
            "x87-pointers-saved",
            "FXSAVE, XSAVE and kin store FOP, FIP and FDP only while an unmasked x87 exception is pending",
            "they always store them",
            "SDM vol. 1, 10.5.1; APM vol. 2, 11.5.10",
        },
    [RULE_FAST_SYSTEM_CALLS] =
        {
            "fast-system-calls",
            "SYSCALL and SYSRET exist in compatibility mode, SYSENTER and SYSEXIT only outside of long mode "
            "(#UD in it)",
            "SYSCALL and SYSRET exist in 64-bit code only, SYSENTER and SYSEXIT in all protected modes; SYSRET and "
            "SYSEXIT check that RIP is canonical",
            "SDM vol. 2, SYSCALL, SYSENTER; APM vol. 3, SYSCALL, SYSENTER",
        },
    [RULE_AC_VECTOR] =
        {
            "ac-vector",
            "with alignment checks, memory operands of 16 and 32 bytes have to be 16-aligned, those of 8 "
            "bytes that hold half-precision floats 8-aligned",
            "they are not checked",
            "SDM vol. 3, 6.15 (table of alignments); measured",
        },
    [RULE_AC_MOVDIR64B] =
        {
            "ac-movdir64b",
            "with alignment checks, the source of MOVDIR64B has to be 16-aligned",
            "it is not checked",
            "measured",
        },
    [RULE_AC_XSAVE] =
        {
            "ac-xsave",
            "XSAVE, XRSTOR and kin at an address that is no multiple of 64: #GP(0)",
            "with alignment checks, #AC(0) if it is no multiple of 4",
            "SDM vol. 2, XSAVE (#AC may come for #GP); measured",
        },
    [RULE_GATHER_FAULT] =
        {
            "gather-fault",
            "a gather that faults leaves the masks of elements that are not done as they were, and upper "
            "halves too",
            "it has made them all ones or zeros by their sign and cleared the mask's upper half; the "
            "destination's is cleared with the first element that is loaded, by 128-bit forms",
            "SDM vol. 2, VPGATHERDD; measured",
        },
    [RULE_GATHER_TRAP] =
        {
            "gather-trap",
            "a trap that comes in place of a gather's fault, for the elements before, shows RF = 0",
            "it shows RF = 1",
            "SDM vol. 2, VPGATHERDD; measured",
        },
    [RULE_MASKMOVDQU_CR2] =
        {
            "maskmovdqu-cr2",
            "MASKMOVDQU looks at bytes 0 to 7 first",
            "at bytes 8 to 15 first",
            "measured",
        },
    [RULE_VMASKMOV] =
        {
            "vmaskmov",
            "VMASKMOV and VPMASKMOV look at one selected element after the other",
            "where selected elements lie in two pages, both have to be canonical, and a store's #PF of the second page "
            "is that of its last byte",
            "measured",
        },
    [RULE_M80_STORE_PARTIAL] =
        {
            "m80-store-partial",
            "FSTP m80 and FBSTP into two pages, or over a segment's limit, store all or nothing",
            "they have stored the low 8 bytes when the other two fault",
            "measured",
        },
    [RULE_SAVE_AREA_ACCESS] =
        {
            "save-area-access",
            "x87 environments, FXSAVE and XSAVE areas are accessed from the first byte up, as far as they "
            "are loaded or stored",
            "environments: the first byte's page, then the last byte. FXSAVE, FXRSTOR: byte 511, then "
            "byte 0. XSAVE and kin: the last byte that RFBM asks for, then byte 0, or MXCSR without x87; "
            "XRSTOR looks at XCOMP_BV before that",
            "SDM vol. 3, 4.7 (CR2 may be any byte's); measured",
        },
    [RULE_VCVTPS2PH_FLAGS] =
        {
            "vcvtps2ph-flags",
            "the destination's faults come before VCVTPS2PH computes",
            "MXCSR's flags and #XM come first",
            "SDM vol. 3, 6.9; measured",
        },
    [RULE_X87_OPCODE] =
        {
            "x87-opcode",
            "every x87 instruction but control instructions writes FOP",
            "only one that raises an unmasked exception does (since the Pentium 4)",
            "SDM vol. 1, 8.1.9.1; measured",
        },
    [RULE_X87_DATA_POINTER] =
        {
            "x87-data-pointer",
            "every x87 instruction with a memory operand writes FDP",
            "only one that raises an unmasked exception does",
            "SDM vol. 1, 8.1.8 (CPUID.7.EBX bit 6); measured",
        },
    [RULE_X87_FCS_FDS] =
        {
            "x87-fcs-fds",
            "FCS and FDS are kept",
            "they are always 0",
            "SDM vol. 1, 8.1.8 (CPUID.7.EBX bit 13); measured",
        },
    [RULE_X87_FIP_RESTORED] =
        {
            "x87-fip-restored",
            "FXRSTOR64 and XRSTOR64 keep all bits of FIP",
            "they sign-extend it from bit 56",
            "measured (on a processor with 57-bit linear addresses)",
        },
    [RULE_X87_STORE_UNMASKED] =
        {
            "x87-store-unmasked",
            "the faults of an x87 store's operand come before its unmasked exception",
            "memory is not looked at when an unmasked exception prevents the store",
            "SDM vol. 1, 8.6; measured",
        },
    [RULE_MMX_STORE_FAULT] =
        {
            "mmx-store-fault",
            "MOVD, MOVQ and MOVNTQ to memory that fault have changed nothing",
            "they have set TOP to 0",
            "SDM vol. 1, 9.5; measured",
        },
    [RULE_XINUSE] =
        {
            "xinuse",
            "a component of XSAVE's is in use when its values are not the initial ones",
            "when it was written since it was last initialised",
            "SDM vol. 1, 13.6; measured",
        },
    [RULE_SHLD_16] =
        {
            "shld-16",
            "SHLD and SHRD of words by 16 to 31 bits go on with the second operand",
            "they shift destination, source, destination as 48 bits",
            "SDM vol. 2, SHLD (undefined); measured",
        },
    [RULE_DOT_PRODUCT_NAN] =
        {
            "dot-product-nan",
            "DPPS and DPPD with more than one NaN: (p0 + p1) + (p2 + p3), the first NaN, in all lanes",
            "sums of neighbours are added in each lane's own order, so lanes get different NaNs",
            "measured",
        },
    [RULE_LOOPCC_PREFIX] =
        {
            "loopcc-prefix",
            "F2 or F3 before LOOPE and LOOPNE says the condition: F2 is LOOPNE, F3 LOOPE",
            "the prefixes are ignored there",
            "measured",
        },
    [RULE_PAUSE_REX_B] =
        {
            "pause-rex-b",
            "F3 90 with REX.B exchanges r8 and rAX",
            "it is PAUSE, and nothing is exchanged",
            "SDM vol. 2, PAUSE; measured",
        },
    [RULE_PREFETCH_REGISTER] =
        {
            "prefetch-register",
            "0F 0D with a register operand raises #UD",
            "it does nothing",
            "SDM vol. 2, table A-3; measured",
        },
    [RULE_UNDEFINED_OPCODE_FETCH] =
        {
            "undefined-opcode-fetch",
            "0F 39, 3B-3F, 7A, 7B, A6, A7, B9 and FF raise #UD as soon as their two bytes are there; 0F 0F and 0F "
            "78 have an immediate",
            "all of these and 0F 78 have a ModRM byte and no immediate, and when it can't be fetched it is #PF; 0F "
            "0F has nothing",
            "SDM vol. 2, UD; measured",
        },
    [RULE_MOVSXD_16] =
        {
            "movsxd-16",
            "MOVSXD with 66 reads a memory operand of 4 bytes",
            "it reads 2",
            "SDM vol. 2, MOVSXD; measured",
        },
    [RULE_REP_TRAP_FLAGS] =
        {
            "rep-trap-flags",
            "between two iterations of REP CMPS and SCAS a trap or interrupt finds the flags of the iteration",
            "it finds those from before the instruction",
            "SDM vol. 2, REP; measured",
        },
    [RULE_REP_ADDRESS_SIZE] =
        {
            "rep-address-size",
            "with 67 and a repeat prefix in 64-bit code no register changes before the first iteration is done",
            "RCX is cut to 32 bits at once, also when ECX is 0 or the first iteration faults, and so are RSI and "
            "RDI of MOVS and RDI of STOS",
            "measured",
        },
    [RULE_CMPS_ORDER] =
        {
            "cmps-order",
            "CMPS accesses [rSI] first",
            "CMPS accesses [rDI] first",
            "measured",
        },
    [RULE_XRSTOR_MXCSR] =
        {
            "xrstor-mxcsr",
            "XRSTOR has changed nothing when MXCSR's reserved bits raise #GP(0)",
            "of an area with compaction it has loaded the x87 and XMM registers, and set all components that are "
            "not in the area to their initial states, but loaded no other",
            "measured",
        },
    [RULE_CALL_PUSHES_FIRST] =
        {
            "call-pushes-first",
            "indirect CALL of 64-bit code to an address that is not canonical raises the push's fault, or #GP(0) "
            "with nothing written; CALL beyond CS.limit raises #GP(0) first",
            "the return address is written, also by far CALL, then #GP(0) comes; far CALL from compatibility mode to "
            "64-bit code pushes as 64-bit code does",
            "SDM vol. 2, CALL; measured",
        },
    [RULE_IRET_AC] =
        {
            "iret-ac",
            "IRET checks the alignment of its frame by the AC flag from before",
            "SS and RSP are read with the frame's AC in force",
            "measured",
        },
    [RULE_AC_BEFORE_CANONICAL] =
        {
            "ac-before-canonical",
            "a misaligned operand that begins at a canonical address and ends beyond raises #GP(0) or #SS(0)",
            "with alignment checks on it raises #AC(0)",
            "measured",
        },
    [RULE_PUSH_SEGMENT_16] =
        {
            "push-segment-16",
            "PUSH of a segment register with 32-bit operands writes 4 bytes",
            "it writes 2 of the 4, and the others stay as they are",
            "SDM vol. 2, PUSH; Intel's measured",
        },
    [RULE_ARPL_READS_FIRST] =
        {
            "arpl-reads-first",
            "the memory operand of ARPL counts as written from the start",
            "it is read, and written only if it changes",
            "SDM vol. 2, ARPL; Intel's measured",
        },
    [RULE_PUSHA_POPA_PARTIAL] =
        {
            "pusha-popa-partial",
            "PUSHA and POPA that fault have done nothing",
            "what came before the fault has been written to memory or loaded into registers, but for the stack "
            "pointer",
            "Intel's measured",
        },
    [RULE_VEX_W1_IN_32_BIT_CODE] =
        {
            "vex-w1-in-32-bit-code",
            "VPEXTRQ and VPINSRQ raise #UD outside of 64-bit mode",
            "VEX.W is ignored there: they are VPEXTRD and VPINSRD",
            "SDM vol. 2, PEXTRD, PINSRD; Intel's measured",
        },
    [RULE_REP_TRAP_RF] =
        {
            "rep-trap-rf",
            "traps and interrupts between two iterations of a repeated string instruction push RF = 0",
            "they push RF = 1",
            "SDM vol. 3, 18.3.1.1; measured",
        },
    [RULE_BREAKPOINT_AFTER_MOV_SS] =
        {
            "breakpoint-after-mov-ss",
            "an instruction breakpoint right behind MOV SS or POP SS strikes",
            "it does not: RF counts as set there",
            "SDM vol. 3, 6.8.3",
        },
};

uint64_t vendor_intel_rules(enum CpuVendor vendor) { return vendor == VENDOR_INTEL ? ~(uint64_t)0 : 0; }

static void set_rule(uint64_t *rules, enum VendorRule rule, bool on) {
    *rules = (*rules & ~(1ull << rule)) | (uint64_t)on << rule;
}

uint64_t vendor_model_rules(const struct CpuModel *m) {
    uint64_t rules = vendor_intel_rules(m->vendor);
    set_rule(&rules, RULE_X87_DATA_POINTER, cpu_has(m, CPUID_FDP_EXCPTN_ONLY));
    set_rule(&rules, RULE_X87_FCS_FDS, cpu_has(m, CPUID_ZERO_FCS_FDS));
    /* before the Pentium 4 FOP was always written (SDM vol. 1, 8.1.9.1) */
    set_rule(&rules, RULE_X87_OPCODE, m->vendor == VENDOR_INTEL && cpu_has(m, CPUID_SSE2));
    return rules;
}
