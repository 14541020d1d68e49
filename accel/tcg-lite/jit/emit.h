/* SPDX-License-Identifier: MIT */
/**
 * A block on its way into host code. Private to jit/.
 *
 * In generated code:
 *   RBP   struct Tcg, RSP   struct Frame
 *   R14 (ADDR), R15 (TEMP)  free within an instruction
 *   guest RAX RCX RDX RBX RSI RDI R8-R11 are in the same host registers, RSP in R12, RBP in R13, R12-R15 in the frame
 * Guest flags are in t->cc, but for what struct Pending says; see flags.c.
 */
#ifndef TWIN86_TCG_JIT_EMIT_H
#define TWIN86_TCG_JIT_EMIT_H

#include "accel/tcg-lite/jit/asm.h"
#include "accel/tcg-lite/jit/code.h"
#include "accel/tcg-lite/jit/jit.h"
#include "accel/tcg-lite/run/functions.h"

enum { ADDR = R14, TEMP = R15, TCG = RBP, FRAME = RSP };

enum { LOOKS = 4, NO_LOOK = LOOKS };
enum { LOOKUP_SIZES = 8 }; /* of operands: operand.c has the list */
enum { FLAG_STUBS = 4 };   /* CMP, TEST, ADD, SUB */

/** The host's stack while generated code runs. */
struct Frame {
    uint64_t gpr[4];  /* the guest's R12 to R15 */
    uint64_t kept[2]; /* operands that struct Pending names: KEPT_A, KEPT_B */
    uint64_t rip;     /* env->rip: of the running block's first instruction */
    CPUX86State *env;
    uint64_t save[3]; /* within an instruction */
    uint64_t result;  /* of what was called */
    uint64_t scratch[3];
    uint64_t adx[2];      /* PENDING_ADX: the lowest bytes are CF and OF */
    uint64_t look[LOOKS]; /* host addresses of parts of pages; 0: not known (looks.c) */
};
/** What guest_rm knows beside general registers. */
enum { KEPT_A = 16 * 8, KEPT_B = 17 * 8 };
_Static_assert(offsetof(struct Frame, kept) - offsetof(struct Frame, gpr) == KEPT_A - 12 * 8, "guest_rm");
#define AT_FRAME(field) rm_mem(FRAME, (int32_t)offsetof(struct Frame, field))
#define AT_TCG(field) rm_mem(TCG, (int32_t)offsetof(struct Tcg, field))

/** Where an instruction's code begins; how the interpreter enters it in the midst of a block. */
struct JitEntry {
    uint32_t code;   /* bytes into JitCode; 0: it has none, the interpreter executes it */
    int32_t fn;      /* its exec function, in whose place the way in is: bytes from exec_behind */
    uint16_t row;    /* struct Decoded's */
    bool host_flags; /* it expects the guest's flags in the host's */
};
struct JitBlock {
    const uint8_t *stale;    /* where those are sent who come to the block once it has become stale */
    struct JitEntry entry[]; /* one an instruction, and one for what is behind the last one */
};

typedef const struct Insn *(*JitEnter)(struct Tcg *t, CPUX86State *env, const void *code, uint64_t flags);

struct Emit;
struct Jit {
    struct JitCode code;
    size_t fixed;                /* bytes of `code` that are not of blocks */
    JitEnter enter[2];           /* [1]: with flags for the host */
    const uint8_t *no_code;      /* Block.code of blocks without: leaves to the interpreter */
    const uint8_t *leave;        /* TEMP: the struct Insn to go on with */
    const uint8_t *leave_stored; /* ... with the registers in env already */
    const uint8_t *call_exec;    /* call.c */
    const uint8_t *follow;       /* TEMP: the link whose jump leads nowhere; goes on through it */
    const uint8_t *leave_at;     /* jumped to; pushed: a number, TEMP: the struct Insn from which it counts */
    /* called, by access and size (operand.c): ADDR becomes a host address, or the return is to five bytes further on */
    const uint8_t *lookup[2][LOOKUP_SIZES], *second[2][LOOKUP_SIZES];
    const uint8_t *flags_of[FLAG_STUBS][4]; /* called, by operation and log2 of the bytes (flags.c) */
    const uint8_t *vec_move[2][2];          /* called, ADDR: a set; [wide][store] */
    const uint8_t *find;         /* called, ADDR: a RIP. ADDR = the block there, or NULL */
    const uint8_t *save_flags, *load_flags, *inc_flags, *div_flags, *count_flags, *adx_flags; /* flags.c */
    struct Emit *emit;                                                                        /* the block at work */
    uint64_t hot;     /* entries before a block is translated */
    unsigned run_min; /* instructions with host code in a row that are worth the way in and out */
    bool is_full;     /* and that was said */
    uint64_t blocks, insns, called, left, bytes, full;
    uint64_t followed, found; /* by chain.c */
    uint64_t ns;              /* of the host, spent translating */
    uint64_t *miss; /* by row: how often such an instruction was executed for which there is no host code; or NULL */
};

/** How the guest's flags follow from registers, so that t->cc need not have them (flags.c). */
struct Pending {
    enum {
        PENDING_NONE,
        PENDING_ADD,
        PENDING_SUB,
        PENDING_CMP,
        PENDING_TEST,
        PENDING_LOGIC,
        PENDING_INC,
        PENDING_DEC,
        PENDING_ADX /* CF and OF, those in `a` (FB_*), are in the frame, all others in t->cc */
    } kind;
    uint8_t bits;
    bool is_imm;
    uint8_t a;   /* the result, or the first operand: a byte offset of a guest register, or KEPT_A */
    uint8_t b;   /* the second one: likewise, or KEPT_B */
    int32_t imm; /* instead of b */
};

/** What generated code returns: the struct Insn to go on with; with this bit set it is one that has host code, but this
 *  time its exec function has to execute it. */
enum { LEAVE_BAIL = 1 };

enum { OUT_MAX = 512 };

/** Code out of line: how it is reached, and what it does. */
struct Out {
    uint8_t *jump;
    enum { OUT_BAIL, OUT_MISS, OUT_LOOK, OUT_TAKEN, OUT_LINK, OUT_FIND, OUT_EDGE } kind;
    unsigned k;
    struct Pending pending;
    struct BlockLink *link;
    int64_t delta;
    int32_t beyond;      /* OUT_LOOK: ADDR is so many bytes below the operand */
    const uint8_t *back; /* where the main way goes on */
    uint16_t vec_dirty;
    uint8_t size; /* of an access */
    bool again;   /* OUT_TAKEN: to Emit.rounds, whose state this is; OUT_EDGE: from there */
    bool write;
    uint8_t base; /* OUT_LOOK: ... at this register, plus `delta` */
    uint8_t look; /* the look that has failed, or NO_LOOK */
};

struct Emit;
struct EmitInsn;
/** False: this instruction has no host code after all; what was emitted is forgotten. */
typedef bool (*EmitFn)(struct Emit *e, const struct EmitInsn *x);

/** An instruction, and what the translator has found out about it. */
struct EmitInsn {
    struct TcgDecoded d;
    const struct Insn *i; /* the block's */
    uint8_t need;         /* FB_* that somebody may look at behind it */
    uint8_t mandatory;    /* F2, F3, or 0 */
    bool osize;           /* there is a prefix 66 */
    uint8_t rex;          /* or 0 */
    uint8_t map, opcode, modrm;
    bool vex;
    const uint8_t *imm; /* the immediate's bytes */
    uint8_t imm_len;
    uint16_t vec_have; /* vector registers that must be in the host's before it */
    struct Pending in; /* Emit.pending before it */
    const uint8_t *at; /* where its code begins, as it is written */
    EmitFn emitter;    /* NULL: none, its exec function is called */
};

/** Where bytes at a base register are in the host (looks.c): Frame.look has the address of those at `lo`. */
struct Look {
    bool known, write;
    uint8_t base;
    int32_t lo, hi; /* from what the register has now */
};

/** What holds at a place in the code. */
struct EmitState {
    uint8_t *p;
    struct Pending pending;
    uint8_t host;
    bool plain;
    uint16_t vec_have, vec_dirty;
    struct Look look[LOOKS];
};

struct Emit {
    struct Tcg *t;
    struct Jit *jit;
    struct Block *b;
    struct Asm a;
    unsigned n, k; /* instructions; the one being translated */
    struct Pending pending;
    bool failed;                  /* the block gets no code */
    bool spoilt;                  /* `pending` is of no use behind this instruction */
    bool plain;                   /* t->cc has CF as a bit, and SF in its result */
    uint8_t host;                 /* FB_* that the host's flags have */
    uint8_t *loop;                /* the block's own entry */
    struct {
        uint8_t *at; /* NULL: none */
        unsigned k;
        struct Pending pending;
        uint16_t vec_dirty;
    } last_bail;        /* the way out that was emitted last */
    uint8_t *bail_tail; /* the end of all of them */
    /* A branch to the block's own begin (loop.c): */
    struct {
        bool known;
        unsigned k, out;               /* its instruction, its Out */
        struct EmitState taken, after; /* where it is taken, where it is not */
    } own;
    uint8_t *often_end;      /* of the first round */
    struct EmitState rounds; /* p: where the code of the second round and those after it begins; NULL: nowhere */
    uint16_t vec_have, vec_dirty; /* vector registers that the host's have; and env->vec not */
    bool vec_wide;                /* that is with their upper halves */
    struct Look look[LOOKS];
    unsigned next_look;
    uint32_t written; /* general registers that the instruction writes */
    unsigned outs;
    struct JitBlock *entries;
    /* not cleared: */
    struct EmitInsn insn[BLOCK_MAX_INSNS];
    struct Out out[OUT_MAX];
    uint8_t bytes[BLOCK_MAX_INSNS * 15 + 16];
};

/** The emitter of an instruction, by its opcode; NULL: none. */
EmitFn emit_find(const struct EmitInsn *x);
/** The driver's own: the exec function is called (call.c). */
bool emit_call_exec(struct Emit *e, const struct EmitInsn *x);
/** That would do: it leads to the next instruction, unless it faults. */
bool emit_may_call(const struct EmitInsn *x);
/** Code that counts it as one without host code, if anybody wants to know. Takes TEMP and the host's flags. */
void emit_count_miss(struct Emit *e, const struct EmitInsn *x);
/** In the place of the exec functions behind called ones, where there is no way into host code. */
EXEC_FN exec_behind(CPUX86State *env, const struct Insn *i, struct Tcg *t);
static inline ExecFn entry_fn(const struct JitEntry *entry) {
    ExecFn fn = exec_behind;
    uintptr_t at;
    memcpy(&at, &fn, sizeof(at));
    at += (uintptr_t)(intptr_t)entry->fn;
    memcpy(&fn, &at, sizeof(fn));
    return fn;
}
/** False: that is too far away. */
static inline bool entry_set_fn(struct JitEntry *entry, ExecFn fn) {
    ExecFn from = exec_behind;
    uintptr_t at, base;
    memcpy(&at, &fn, sizeof(at));
    memcpy(&base, &from, sizeof(base));
    entry->fn = (int32_t)(intptr_t)(at - base);
    return (uintptr_t)(intptr_t)entry->fn == at - base;
}
/** CpuTrace.translated, of the block at work, whose code ends at `often_end`; that out of line begins at `seldom`. */
void jit_show(const struct Emit *e, const uint8_t *often_end, const uint8_t *seldom);
/** exec_jit or exec_behind is there. */
bool jit_may_go_on(const struct Insn *i);
/** It reads or writes the stack. */
bool emit_uses_stack(EmitFn fn);

/* ---- operands (operand.c) ---- */

/** A general register, by byte offset: host register, or the frame. */
struct HostRm guest_rm(unsigned off);
static inline bool guest_in_frame(unsigned off) { return off >= 12 * 8; }
/** A host register that has the guest's: its own, or `scratch`, which is loaded. */
unsigned guest_read(struct Emit *e, unsigned off, unsigned scratch);
/** ... where it may be written; then guest_written. */
unsigned guest_target(unsigned off, unsigned scratch);
void guest_written(struct Emit *e, unsigned off, unsigned bits, unsigned reg);
/** Before an operation of `bits` bits changes it: where it is, `scratch` if that is a copy of what the frame has. Then
 *  guest_put_back. All stores to the frame are of 64 bits: a load of what two stores have written waits until they are
 *  done. */
unsigned guest_fetch(struct Emit *e, unsigned off, unsigned bits, unsigned scratch);
void guest_put_back(struct Emit *e, unsigned off, unsigned reg);

/** The offset of the memory operand in `reg`, without segment base. Flags stay. */
void emit_offset(struct Emit *e, const struct EmitInsn *x, unsigned reg);
/** ADDR: linear address -> host address of so many bytes, or leave to the interpreter. Takes TEMP and the flags. */
void emit_lookup(struct Emit *e, unsigned size, bool write);
/** Out of line: the TLB's other place is looked at before leaving. */
void emit_miss(struct Emit *e, const struct Out *o);
/** The index of that size in Jit.lookup, or LOOKUP_SIZES. */
unsigned lookup_index(unsigned size);
void operand_make(struct Jit *j, struct Asm *a);
/** Where that fails, to an Out of this kind. */
struct Out *emit_lookup_or(struct Emit *e, unsigned size, bool write, int kind);
/** The memory operand, at some displacement from ADDR. */
struct HostRm emit_memory(struct Emit *e, const struct EmitInsn *x, unsigned size, bool write);
/** The same, and ADDR has its host address. */
struct HostRm emit_memory_at(struct Emit *e, const struct EmitInsn *x, unsigned size, bool write);

/** Leave to the interpreter, which executes instruction k, if `cond`; or always. */
void emit_bail(struct Emit *e, unsigned cond);
void emit_bail_always(struct Emit *e);
/** Leave if ADDR is no multiple of `size`, a power of two. */
void emit_bail_unaligned(struct Emit *e, unsigned size);
/** Out of line: that. */
void emit_bail_here(struct Emit *e, const struct Out *o);
/** The same way out is there already: its jump leads there. */
bool emit_bailed(struct Emit *e, const struct Out *o);
struct Out *emit_out(struct Emit *e, uint8_t *jump, int kind);

/* ---- loop.c ---- */

struct EmitState emit_state(const struct Emit *e);
/** In a block that branches to its own begin: code for the rounds after the first one, between which flags and vector
 *  registers stay where they are. */
void emit_rounds(struct Emit *e);
/** Behind emission of branch k to the block's own begin, whose way out is `out` (or NULL). */
void own_branch(struct Emit *e, const struct Out *out);
/** Before it: the state is that at the begin of the rounds. */
bool own_branch_fits(const struct Emit *e, const struct EmitInsn *x);
/** As tcg_enter. */
void emit_entry(struct Emit *e);

/* ---- looks.c ---- */

/** *rm: `size` bytes at a base register plus disp, at some displacement from ADDR, if other instructions of the block
 *  are near enough that one look into the TLB does for all. Takes the flags. */
bool look_shared(struct Emit *e, unsigned base, int32_t disp, unsigned size, bool write, struct HostRm *rm);
/** Out of line: look for these bytes alone. */
void look_slow(struct Emit *e, const struct Out *o);
/** Behind an instruction: what is still known? */
void look_after(struct Emit *e, const struct EmitInsn *x);

/* ---- flags (flags.c) ---- */

/** Before an instruction that writes these general registers (a set), and the flags that its row says: keep what would
 *  get lost. */
void flags_before(struct Emit *e, const struct EmitInsn *x, uint32_t writes);
/** Before ADCX, ADOX: PENDING_ADX, with this flag. Takes ADDR, TEMP. */
void flags_split(struct Emit *e, uint8_t flag);
/** A flag of PENDING_ADX to the host's, or back. Loading takes TEMP. */
void flags_split_load(struct Emit *e, uint8_t flag);
void flags_split_store(struct Emit *e, uint8_t flag);
/** The host's flags get what the guest's have of `wanted`. Takes TEMP. */
void flags_load(struct Emit *e, uint8_t wanted);
/** The pending ones go to t->cc. Takes ADDR; the host's flags stay. */
void flags_flush(struct Emit *e, const struct Pending *p);
/** The same in less code, for ways that are seldom gone. Takes ADDR, TEMP and the host's flags. */
void flags_flush_seldom(struct Emit *e, const struct Pending *p);
bool flags_same_pending(const struct Pending *p, const struct Pending *q);
/** Behind an instruction that has left `host` in the host's flags and whose flags follow from p. */
void flags_pending(struct Emit *e, const struct EmitInsn *x, struct Pending p, uint8_t host);
/** Behind one whose flags are all in the host's, and nowhere else. Takes ADDR, TEMP. */
void flags_generic(struct Emit *e, const struct EmitInsn *x);
/** In a way into the midst of a block: what `p` has kept follows from t->cc. Takes ADDR, TEMP. */
void flags_rebuild(struct Emit *e, const struct Pending *p);
static inline bool flags_are_kept(const struct Pending *p) {
    return p->kind != PENDING_NONE && (p->a == KEPT_A || (!p->is_imm && p->b == KEPT_B));
}
/** Behind an ALU operation that has left its flags in the host's: to t->cc. `result` and `src` are host registers. */
void flags_stored(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, unsigned result, bool is_imm,
                  unsigned src, int32_t imm);
/** Behind INC, DEC with the result in a host register, when t->cc has the others: CF stays. */
void flags_counted(struct Emit *e, unsigned bits, unsigned result, bool dec);
/** None that somebody needs was written, but the host's are no longer the guest's. */
void flags_lost(struct Emit *e);
/** Behind BT: CF is the host's, the others stay. Takes ADDR, TEMP. */
void flags_carry(struct Emit *e, const struct EmitInsn *x);
/** Behind a multiplication: CF and OF are the host's, the others stay. Takes ADDR, TEMP. */
void flags_product(struct Emit *e, const struct EmitInsn *x);
/** Behind ROL, ROR by any count but 0. Takes ADDR, TEMP. */
void flags_rotated(struct Emit *e, const struct EmitInsn *x, unsigned bits, struct HostRm result, bool left);
/** t->cc has them all, by the work of something called. */
void flags_in_cc(struct Emit *e);
void flags_shifted(struct Emit *e, unsigned kind, unsigned bits);
/** At the end of a block: t->cc has them. */
void flags_finish(struct Emit *e);
/** Some flag that x writes will be looked at. */
static inline bool flags_wanted(const struct EmitInsn *x) {
    return ((x->d.isa.flags_written | x->d.isa.flags_maybe) & x->need) != 0;
}
/** C's part of load_flags: the flags as an image. */
uint64_t jit_flags_image(const struct Tcg *t);

/* ---- emit_vec.c ---- */

/** env->vec gets those in the set, or gives them. Takes TEMP. */
void vec_move(struct Emit *e, uint16_t which, bool store);
/** The same in less code. Takes ADDR, TEMP and the host's flags. */
void vec_move_seldom(struct Emit *e, uint16_t which, bool store);
void vec_make(struct Jit *j, struct Asm *a);
/** Behind the last use of vector registers on a way out. */
void vec_end(struct Emit *e);
/** env->vec has them all, the host's may change. Takes TEMP. */
void vec_sync(struct Emit *e);

/* ---- emit_flow.c ---- */

/** The way to the block's own link [0] behind its last instruction. */
void emit_falls(struct Emit *e);
void emit_taken(struct Emit *e, const struct Out *o);
void emit_link_slow(struct Emit *e, const struct Out *o);
void emit_find_slow(struct Emit *e, const struct Out *o);

/* ---- chain.c ---- */

/** The ways out of e, which has got its place, are those of its block's links. */
void chain_install(struct Emit *e);
/** Who comes to b by its code is sent away. */
void chain_cut(const struct Jit *j, const struct Block *b);
/** C's part of `follow`: where the link leads, if that is found without a fault and nothing is due. */
struct Block *chain_follow(struct Tcg *t, uint64_t rip, struct BlockLink *link);
/** C's part of `find`. */
struct Block *chain_find(struct Tcg *t, uint64_t rip);

/* ---- world.c ---- */

/** Call fn(t, ADDR, TEMP) of C from generated code, which called here: nothing changes but the vector registers, and
 *  RAX, which is in the frame's `result`. */
void world_call_c(struct Asm *a, const void *fn);

/** The code that is there once: ways in and out. */
void world_make(struct Jit *j, struct Asm *a);
void flags_make(struct Jit *j, struct Asm *a);
void call_make(struct Jit *j, struct Asm *a);
/** All guest registers, from env, or to it, with the frame `above` bytes above RSP. Flags stay. Loading takes env in
 *  ADDR, and TEMP; storing takes ADDR and RAX. */
void world_load_registers(struct Asm *a, int32_t above);
void world_store_registers(struct Asm *a, int32_t above);

#endif
