/* SPDX-License-Identifier: MIT */
/*
 * The table of vendor differences. docs/vendors.md shows it (a unit test compares). "measured" is: on an AMD processor
 * of family 1Ah (Zen 5), or on an Intel processor of the server line with AMX (CPUID signature A0671h in its guest).
 */
#include "cpu/vendor.h"

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
};

uint64_t vendor_intel_rules(enum CpuVendor vendor) { return vendor == VENDOR_INTEL ? ~(uint64_t)0 : 0; }
