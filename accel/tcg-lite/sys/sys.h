/* SPDX-License-Identifier: MIT */
/**
 * What the system instructions, event delivery and task switching share: descriptors, segment loads, stacks of other
 * privilege levels. Everything here may raise faults on behalf of t->insn.
 */
#ifndef TWIN86_TCG_SYS_H
#define TWIN86_TCG_SYS_H

#include "accel/tcg-lite/run/mem.h"
#include "accel/tcg-lite/sys/deliver.h"
#include "cpu/pagewalk.h"

/* ---- descriptors (descriptor.c) ---- */

/** System-descriptor types (SDM vol. 3, table 3-2). */
enum {
    DESC_TSS16 = 1,
    DESC_LDT = 2,
    DESC_TSS16_BUSY = 3,
    DESC_CALL16 = 4,
    DESC_TASK_GATE = 5,
    DESC_INT16 = 6,
    DESC_TRAP16 = 7,
    DESC_TSS = 9, /* 32-bit, or 64-bit in long mode; so the next ones */
    DESC_TSS_BUSY = 11,
    DESC_CALL = 12,
    DESC_INT = 14,
    DESC_TRAP = 15,
    DESC_TSS_BUSY_BIT = 2,
};

/** A descriptor as it was read from a table. */
struct Desc {
    uint64_t lo;
    uint64_t hi;     /* second half of 16-byte system descriptors in long mode, else 0 */
    uint64_t linear; /* where it stands */
};

/** Size of a far pointer's offset in memory. AMD's processors ignore REX.W: JMP, CALL (APM vol. 3, JMP (Far)); LFS, LGS
 *  and LSS, which load a 32-bit register then (APM vol. 3, LFS) (measured). What CALL pushes is of the operand size. */
static inline unsigned far_offset_size(const struct Tcg *t, const struct Insn *i) {
    return i->osize == 3 && !tcg_as_intel(t, RULE_FAR_POINTER_REX_W) ? 4 : 1u << i->osize;
}

static inline unsigned desc_type(uint64_t lo) { return (lo >> 40) & 15; }
static inline bool desc_s(uint64_t lo) { return (lo >> 44) & 1; }
static inline unsigned desc_dpl(uint64_t lo) { return (lo >> 45) & 3; }
static inline bool desc_present(uint64_t lo) { return (lo >> 47) & 1; }
static inline uint32_t desc_ar(uint64_t lo) { return (lo >> 40) & 0xf0ff; }
static inline uint64_t desc_base(uint64_t lo) { return ((lo >> 16) & 0xffffff) | (lo >> 56) << 24; }
static inline uint32_t desc_limit(uint64_t lo) {
    uint32_t limit = (lo & 0xffff) | ((lo >> 32) & 0xf0000);
    return (lo >> 55) & 1 ? limit << 12 | 0xfff : limit;
}
static inline bool desc_is_code(uint64_t lo) { return desc_s(lo) && (desc_type(lo) & AR_CODE); }
static inline bool desc_is_conforming(uint64_t lo) { return (desc_type(lo) & AR_CONFORMING) != 0; }
static inline bool desc_is_writable_data(uint64_t lo) {
    return desc_s(lo) && (desc_type(lo) & (AR_CODE | AR_WRITABLE)) == AR_WRITABLE;
}
static inline bool selector_null(uint16_t selector) { return (selector & ~3) == 0; }

/** Gates: target selector, 32-bit offset half. */
static inline uint16_t gate_selector(uint64_t lo) { return lo >> 16; }
static inline uint32_t gate_offset(uint64_t lo) { return (lo & 0xffff) | ((lo >> 32) & 0xffff0000); }

/** Read the descriptor that a selector names. False: it lies outside its table (or there is no LDT). */
bool desc_fetch(struct Tcg *t, uint16_t selector, struct Desc *d);
/** The same for system descriptors, which are 16 bytes long in long mode. False also when only half of it is there. */
bool desc_fetch_system(struct Tcg *t, uint16_t selector, struct Desc *d);
/** As desc_fetch, but outside the table is a fault whose code is the selector's with `ext`. */
void desc_require(struct Tcg *t, uint16_t selector, struct Desc *d, enum X86Vector vector, uint32_t ext);
/** Set the accessed bit in the table if it is clear. */
void desc_mark_accessed(struct Tcg *t, struct Desc *d);
/** Set or clear the busy bit of a TSS descriptor. True: it was clear. */
bool desc_set_busy(struct Tcg *t, struct Desc *d, bool busy);
/** The hidden part that loading `selector` with this descriptor gives. */
struct X86Segment desc_segment(uint16_t selector, const struct Desc *d);

_Noreturn static inline void selector_fault(struct Tcg *t, enum X86Vector vector, uint16_t selector, uint32_t ext) {
    tcg_fault_error(t, vector, (selector & 0xfffcu) | ext);
}

/* ---- segment registers (descriptor.c) ---- */

/** The null selector's effect on a data segment register. */
void segment_set_null(struct X86Segment *s, uint16_t selector);
/** Real-address and v8086 mode: base = selector * 16. v8086 also sets limit and rights. */
void segment_set_real(struct X86Segment *s, uint16_t selector, bool v8086);
/** Load ES, SS, DS, FS or GS in the current mode with all checks. The caller does tcg_update_mode. */
void segment_load(struct Tcg *t, unsigned seg, uint16_t selector);
/** SS for a switch to privilege `cpl`: checks it, marks it accessed, fills *s. `vector` is #TS or #GP. */
void stack_segment_check(struct Tcg *t, uint16_t selector, unsigned cpl, enum X86Vector vector, uint32_t ext,
                         struct X86Segment *s);
/** A null SS that carries privilege `cpl` (long mode). */
struct X86Segment stack_segment_null(unsigned cpl);
/** After a return to an outer level: data segments that are too privileged become null (SDM vol. 3, 5.8.6). */
void segments_drop_privileged(struct Tcg *t, unsigned cpl);

/** What a code-segment descriptor must be when nothing but a branch to it happens: type, L and D, P. Raises
 *  #GP(selector) or #NP(selector). `privileged_ok` is the result of the caller's DPL rule. */
void code_segment_check(struct Tcg *t, uint16_t selector, const struct Desc *d, bool privilege_ok, uint32_t ext);
/** Will this descriptor make the CPU run 64-bit code? */
static inline bool desc_code64(const struct Tcg *t, const struct Desc *d) {
    return x86_long_mode(t->env) && ((d->lo >> 53) & 1);
}
/** RIP must lie within the new code segment, or be canonical; else #GP(0 | ext). */
void code_offset_check(struct Tcg *t, const struct Desc *d, uint64_t rip, uint32_t ext);
/** Load CS (marks it accessed) with RPL = cpl. */
void code_segment_load(struct Tcg *t, uint16_t selector, struct Desc *d, unsigned cpl);

/* ---- stacks (descriptor.c) ---- */

/** A stack that is being pushed on before it becomes the current one. */
struct PushStack {
    struct X86Segment ss;
    uint64_t sp;
    bool flat64;    /* 64-bit: no segment */
    bool user;      /* accesses count as CPL 3's */
    bool aligned;   /* ... and their alignment is checked if CPL 3 asks for it */
    uint32_t error; /* code of the #SS when it overflows */
};

/** The current stack; `code64`: it will be pushed on as 64-bit code's. */
void push_stack_current(const struct Tcg *t, struct PushStack *p, uint32_t ext);
/** The stack that the TSS names for privilege `cpl`, checked (#TS, #SS). `target64`: switching to 64-bit code. */
void push_stack_from_tss(struct Tcg *t, struct PushStack *p, unsigned cpl, uint32_t ext);
void push_value(struct Tcg *t, struct PushStack *p, unsigned size, uint64_t value);
/** The new RSP: the part beyond the stack's width comes from the register. */
uint64_t push_stack_sp(const struct Tcg *t, const struct PushStack *p);

/** Read the current stack `offset` bytes above SP, without moving SP. */
uint64_t stack_peek(struct Tcg *t, unsigned offset, unsigned size);
/** SP as the current stack width makes it after adding n. */
uint64_t stack_moved(const struct Tcg *t, uint64_t n);

/* ---- what RETF and IRET share (far.c) ---- */

/** Read and check the descriptor of the code segment to return to: #GP, #NP. */
void return_code_check(struct Tcg *t, uint16_t selector, struct Desc *d);
/** Check the SS to return to at privilege `cpl`; null is allowed for 64-bit code below CPL 3. */
void return_stack_check(struct Tcg *t, uint16_t selector, const struct Desc *code, unsigned cpl, struct X86Segment *ss);
/** RSP as the stack returned to makes it of the popped value. */
uint64_t return_sp(const struct Tcg *t, const struct Desc *code, const struct X86Segment *ss, uint64_t sp);

/* ---- model-specific registers (msr.c) ---- */

/** False: #GP(0). CPL is the caller's to check. */
bool msr_read(struct Tcg *t, uint32_t msr, uint64_t *v);
bool msr_write(struct Tcg *t, uint32_t msr, uint64_t v);

/* ---- control transfers (deliver.c, far.c, task.c) ---- */

/** tcg_deliver with an explicit return RIP, for INT n and friends while t->insn is set. */
void deliver_event(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error,
                   uint64_t return_rip);

enum TaskSwitch { TASK_JMP, TASK_CALL, TASK_IRET, TASK_EVENT };

/** Why a task is left, and what is saved of it. */
struct TaskSource {
    enum TaskSwitch how;
    uint64_t rip, flags; /* saved in the old TSS */
    bool has_error;      /* an exception: its code goes on the new task's stack */
    uint32_t error;
    uint32_t ext; /* EXT bit of error codes */
};

/**
 * Switch to the task of a TSS descriptor that the caller has found acceptable in type and privilege. Faults before the
 * switch are t->insn's; those after it the new task's.
 */
void task_switch(struct Tcg *t, const struct TaskSource *from, uint16_t selector, struct Desc *tss);
/** The same through a task gate. */
void task_switch_gate(struct Tcg *t, const struct TaskSource *from, uint64_t gate);

/** The 16-, 32- or 64-bit operand of an E operand that is read. */
uint64_t operand_read(struct Tcg *t, const struct Insn *i, unsigned bits);
/** Write an E operand: registers in the operand size, memory as 16 bits (SLDT, STR, SMSW, MOV from Sreg). */
void operand_write_word(struct Tcg *t, const struct Insn *i, uint64_t value);

/** #GP(0) unless CPL is 0: for rows whose mode bits can't say it. */
static inline void require_cpl0(struct Tcg *t) {
    if (x86_cpl(t->env) != 0)
        tcg_fault_error(t, VEC_GP, 0);
}

#endif
