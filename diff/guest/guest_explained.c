/* SPDX-License-Identifier: MIT */
#include "diff/guest/guest_explained.h"
#include "isa/x86_ids.h"

#define ALL UINT64_MAX

const struct ExplainedInsn explained_insns[] = {
    {"kvm", ID_SYSCALL, 0, true, "QEMU 7.2's emulation, under the nested KVM, clears the arithmetic flags"},
};
const unsigned explained_insn_count = sizeof(explained_insns) / sizeof(explained_insns[0]);

const struct ExplainedField explained_fields[] = {
    {NULL, "tsc_offset", ALL, "how far the TSC is from each side's own clock"},
    {NULL, "tsc_adjust", ALL, "follows writes of the TSC, which is not compared"},
    {"kvm", "kvm_clock_offset", ALL, "how far kvmclock, which KVM alone has, is from the side's own clock"},
    {"kvm", "rflags", FLAG_RF,
     "RF lives until the next instruction is done; tcg-lite keeps it only where an instruction breakpoint could "
     "strike"},
    {"kvm", "pdpte0", ALL, "KVM_GET_SREGS has no PDPTEs; wrong ones show in what the guest reads through them"},
    {"kvm", "pdpte1", ALL, "as pdpte0"},
    {"kvm", "pdpte2", ALL, "as pdpte0"},
    {"kvm", "pdpte3", ALL, "as pdpte0"},
    {"kvm", "int_shadow", ALL, "SVM has one kind of shadow, and stopping the processor ends it"},
    {"kvm", "pending_db", ALL, "KVM keeps it elsewhere; the trap itself is seen"},
    {"kvm", "exc.pending", ALL, "KVM says what it has injected, not what waits"},
    {"kvm", "exc.vector", ALL, "as exc.pending"},
    {"kvm", "exc.has_error", ALL, "as exc.pending"},
    {"kvm", "exc.error", ALL, "as exc.pending"},
    {"kvm", "intr.pending", ALL, "as exc.pending"},
    {"kvm", "intr.vector", ALL, "as exc.pending"},
};
const unsigned explained_field_count = sizeof(explained_fields) / sizeof(explained_fields[0]);

/* Limit and rights of a segment register that holds a null selector say nothing but the DPL, which in SS is the CPL:
 * every use is refused, or in 64-bit mode does not look at them (SDM vol. 3, 3.4.2 and 25.4.1). QEMU's IRETQ makes a
 * null SS look like flat data. The base is compared. */
static void level_segment(const struct X86Segment *leader, struct X86Segment *follower) {
    bool null = (leader->selector & ~3u) == 0 && (follower->selector & ~3u) == 0;
    if ((leader->ar & AR_UNUSABLE) == 0 || !(null || (follower->ar & AR_UNUSABLE)))
        return;
    if (((leader->ar ^ follower->ar) & AR_DPL) == 0) {
        follower->limit = leader->limit;
        follower->ar = leader->ar;
    }
}

/* Loading CS marks its descriptor accessed (SDM vol. 3, 3.4.5.1). QEMU's emulation forgets that in far returns. */
static void level_accessed(const struct X86Segment *leader, struct X86Segment *follower) {
    if ((leader->ar ^ follower->ar) == AR_ACCESSED && (leader->ar & (AR_S | AR_CODE)) == (AR_S | AR_CODE))
        follower->ar |= AR_ACCESSED;
}

static bool is_accessed_descriptor(uint64_t leader, uint64_t differs) {
    const uint64_t accessed = 1ull << 40, code = 1ull << 43, s = 1ull << 44, present = 1ull << 47;
    return differs == accessed && (leader & (accessed | code | s | present)) == (accessed | code | s | present);
}

void explained_level(const CPUX86State *leader, CPUX86State *follower) {
    level_accessed(&leader->seg[SEG_CS], &follower->seg[SEG_CS]);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        level_segment(&leader->seg[i], &follower->seg[i]);
    level_segment(&leader->ldt, &follower->ldt);
}

/* Accessed and dirty bits of page tables: processors that keep translations set them at different times, and may set
 * accessed bits for what they only tried (SDM vol. 3, 4.8). */
bool explained_word(uint64_t leader, uint64_t follower) {
    const uint64_t present = 1, accessed = 1 << 5, dirty = 1 << 6;
    uint64_t differs = leader ^ follower;
    if ((differs & ~(accessed | dirty)) == 0)
        return (leader & present) != 0;
    if (is_accessed_descriptor(leader, differs))
        return true;
    const uint64_t both = (accessed | dirty) << 32; /* two entries of 4 bytes */
    return (differs & ~(accessed | dirty | both)) == 0 && (leader & present) != 0 && (leader >> 32 & present) != 0;
}

/* RF is set in the image of RFLAGS that a fault pushes (SDM vol. 3, 18.3.1.1); QEMU's emulation of a processor, under
 * the nested KVM, leaves it clear. */
bool explained_frame_word(uint64_t leader, uint64_t follower) {
    uint64_t differs = leader ^ follower;
    return differs == FLAG_RF || differs == (uint64_t)FLAG_RF << 32;
}
