/* SPDX-License-Identifier: MIT */
/**
 * Where AMD's and Intel's processors do the same instruction in two ways: one table of rules, each with both. The CPU
 * model's vendor decides. What an instruction's row decides (does this encoding exist, which form has it) refers to the
 * rule from x86.tab, `amd=NAME` or `intel=NAME`; behaviour asks with cpu_as_intel, on slow paths and when decoding
 * only.
 */
#ifndef TWIN86_ISA_VENDOR_H
#define TWIN86_ISA_VENDOR_H

#include "isa/features.h"

/** The rules; vendor.c has what each vendor does, and the source. */
enum VendorRule {
    RULE_NONE, /* no rule: not to be asked */
    RULE_NEAR_BRANCH_66,
    RULE_FAR_POINTER_REX_W,
    RULE_SEGMENT_OFFSET_CANONICAL,
    RULE_SHA_ALIGNED,
    RULE_X87_POINTERS_SAVED,
    RULE_FAST_SYSTEM_CALLS,
    RULE_AC_VECTOR,
    RULE_AC_MOVDIR64B,
    RULE_AC_XSAVE,
    RULE_GATHER_FAULT,
    RULE_GATHER_TRAP,
    RULE_MASKMOVDQU_CR2,
    RULE_VMASKMOV,
    RULE_M80_STORE_PARTIAL,
    RULE_SAVE_AREA_ACCESS,
    RULE_VCVTPS2PH_FLAGS,
    RULE_X87_OPCODE,
    RULE_X87_DATA_POINTER,
    RULE_X87_FCS_FDS,
    RULE_X87_FIP_RESTORED,
    RULE_X87_STORE_UNMASKED,
    RULE_MMX_STORE_FAULT,
    RULE_XINUSE,
    RULE_SHLD_16,
    RULE_DOT_PRODUCT_NAN,
    RULE_LOOPCC_PREFIX,
    RULE_PAUSE_REX_B,
    RULE_PREFETCH_REGISTER,
    RULE_UNDEFINED_OPCODE_FETCH,
    RULE_MOVSXD_16,
    RULE_REP_TRAP_FLAGS,
    RULE_REP_ADDRESS_SIZE,
    RULE_CMPS_ORDER,
    RULE_XRSTOR_MXCSR,
    RULE_CALL_PUSHES_FIRST,
    RULE_IRET_AC,
    RULE_AC_BEFORE_CANONICAL,
    RULE_PUSH_SEGMENT_16,
    RULE_ARPL_READS_FIRST,
    RULE_PUSHA_POPA_PARTIAL,
    RULE_VEX_W1_IN_32_BIT_CODE,
    RULE_REP_TRAP_RF,
    RULE_BREAKPOINT_AFTER_MOV_SS,
    RULE_COUNT
};
_Static_assert(RULE_COUNT <= 64, "CpuModel.intel_rules holds a bit for each");

/** What a rule says, for people. */
struct VendorRuleText {
    const char *name;   /* as in x86.tab and in explanations: lower case, with hyphens */
    const char *amd;    /* what AMD's processors do */
    const char *intel;  /* what Intel's do */
    const char *source; /* SDM or APM section, or "measured" */
};

/** Texts by rule, RULE_NONE + 1 to RULE_COUNT - 1. */
extern const struct VendorRuleText vendor_rules[RULE_COUNT];

/** The rules in which a processor of this vendor does as Intel's, a bit each: CpuModel.intel_rules. */
uint64_t vendor_intel_rules(enum CpuVendor vendor);
/** The same of a model, whose features decide some of them. */
uint64_t vendor_model_rules(const struct CpuModel *m);

/** Whether the model does as Intel's processors do in this rule; otherwise it does as AMD's. */
static inline bool cpu_as_intel(const struct CpuModel *m, enum VendorRule rule) { return (m->intel_rules >> rule) & 1; }

#endif
