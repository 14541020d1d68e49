/* SPDX-License-Identifier: MIT */
/**
 * Instructions that are procedures. Each has t->insn = i on entry; see README.md for what it may do.
 */
#ifndef TWIN86_TCG_HELPERS_H
#define TWIN86_TCG_HELPERS_H

#include "accel/tcg-lite/run/mem.h"

/* ---- system instructions (help_*.c, far.c, iret.c, msr.c) ----
 *
 * Beside each name: the rows it serves and their shape. "next" is help_next, "jump" help_jump, "-" plain help.
 * E/M operands: i->mem, i->rm, the memory operand through ea_offset and i->seg; segment, control and debug registers
 * are plain numbers in i->reg.
 */

/* clang-format off */

/* segment registers and tables */
void helper_mov_to_sreg(struct Tcg *t, const struct Insn *i);   /* 8e      MOV Sw,Ew   next */
void helper_mov_from_sreg(struct Tcg *t, const struct Insn *i); /* 8c      MOV Ev,Sw   -    */
void helper_push_es(struct Tcg *t, const struct Insn *i);       /* 06      PUSH ES     -    no64 */
void helper_push_cs(struct Tcg *t, const struct Insn *i);       /* 0e      PUSH CS     -    no64 */
void helper_push_ss(struct Tcg *t, const struct Insn *i);       /* 16      PUSH SS     -    no64 */
void helper_push_ds(struct Tcg *t, const struct Insn *i);       /* 1e      PUSH DS     -    no64 */
void helper_push_fs(struct Tcg *t, const struct Insn *i);       /* 0f a0   PUSH FS     -    d64 */
void helper_push_gs(struct Tcg *t, const struct Insn *i);       /* 0f a8   PUSH GS     -    d64 */
void helper_pop_es(struct Tcg *t, const struct Insn *i);        /* 07      POP ES      next no64 */
void helper_pop_ss(struct Tcg *t, const struct Insn *i);        /* 17      POP SS      next no64 */
void helper_pop_ds(struct Tcg *t, const struct Insn *i);        /* 1f      POP DS      next no64 */
void helper_pop_fs(struct Tcg *t, const struct Insn *i);        /* 0f a1   POP FS      next d64 */
void helper_pop_gs(struct Tcg *t, const struct Insn *i);        /* 0f a9   POP GS      next d64 */
void helper_les(struct Tcg *t, const struct Insn *i);           /* c4 mem  LES Gz,Mp   next no64 */
void helper_lds(struct Tcg *t, const struct Insn *i);           /* c5 mem  LDS Gz,Mp   next no64 */
void helper_lss(struct Tcg *t, const struct Insn *i);           /* 0f b2 mem  LSS Gv,Mp next */
void helper_lfs(struct Tcg *t, const struct Insn *i);           /* 0f b4 mem  LFS Gv,Mp next */
void helper_lgs(struct Tcg *t, const struct Insn *i);           /* 0f b5 mem  LGS Gv,Mp next */
void helper_lar(struct Tcg *t, const struct Insn *i);           /* 0f 02   LAR Gv,Ew   - prot w=z */
void helper_lsl(struct Tcg *t, const struct Insn *i);           /* 0f 03   LSL Gv,Ew   - prot w=z */
void helper_verr(struct Tcg *t, const struct Insn *i);          /* 0f 00 /4  VERR Ew   - prot w=z */
void helper_verw(struct Tcg *t, const struct Insn *i);          /* 0f 00 /5  VERW Ew   - prot w=z */
void helper_arpl(struct Tcg *t, const struct Insn *i);          /* 63      ARPL Ew,Gw  - prot no64 w=z */
void helper_sldt(struct Tcg *t, const struct Insn *i);          /* 0f 00 /0  SLDT Ev (memory: 16 bits)  - prot */
void helper_str(struct Tcg *t, const struct Insn *i);           /* 0f 00 /1  STR Ev   - prot */
void helper_lldt(struct Tcg *t, const struct Insn *i);          /* 0f 00 /2  LLDT Ew  - prot cpl0 */
void helper_ltr(struct Tcg *t, const struct Insn *i);           /* 0f 00 /3  LTR Ew   - prot cpl0 */
void helper_sgdt(struct Tcg *t, const struct Insn *i);          /* 0f 01 /0 mem  SGDT M  - */
void helper_sidt(struct Tcg *t, const struct Insn *i);          /* 0f 01 /1 mem  SIDT M  - */
void helper_lgdt(struct Tcg *t, const struct Insn *i);          /* 0f 01 /2 mem  LGDT M  - cpl0 */
void helper_lidt(struct Tcg *t, const struct Insn *i);          /* 0f 01 /3 mem  LIDT M  - cpl0 */
void helper_smsw(struct Tcg *t, const struct Insn *i);          /* 0f 01 /4  SMSW Ev (memory: 16 bits)  - */
void helper_lmsw(struct Tcg *t, const struct Insn *i);          /* 0f 01 /6  LMSW Ew  next cpl0 */

/* far transfers and interrupts */
void helper_jmp_far_imm(struct Tcg *t, const struct Insn *i);   /* ea       JMP Ap     jump no64 */
void helper_jmp_far_mem(struct Tcg *t, const struct Insn *i);   /* ff /5 mem  JMP Mp   jump */
void helper_call_far_imm(struct Tcg *t, const struct Insn *i);  /* 9a       CALL Ap    jump no64 */
void helper_call_far_mem(struct Tcg *t, const struct Insn *i);  /* ff /3 mem  CALL Mp  jump */
void helper_retf(struct Tcg *t, const struct Insn *i);          /* cb       RETF       jump */
void helper_retf_imm(struct Tcg *t, const struct Insn *i);      /* ca       RETF Iw    jump */
void helper_iret(struct Tcg *t, const struct Insn *i);          /* cf       IRET       jump */
void helper_int_n(struct Tcg *t, const struct Insn *i);         /* cd       INT Ib     jump */
void helper_int3(struct Tcg *t, const struct Insn *i);          /* cc       INT3       jump */
void helper_into(struct Tcg *t, const struct Insn *i);          /* ce       INTO       jump no64 r=o */
void helper_int1(struct Tcg *t, const struct Insn *i);          /* f1       INT1       jump */
void helper_bound(struct Tcg *t, const struct Insn *i);         /* 62 mem   BOUND Gv,Ma  - no64 */
void helper_syscall(struct Tcg *t, const struct Insn *i);       /* 0f 05    SYSCALL    jump cpuid=syscall */
void helper_sysret(struct Tcg *t, const struct Insn *i);        /* 0f 07    SYSRET     jump cpuid=syscall */
void helper_sysenter(struct Tcg *t, const struct Insn *i);      /* 0f 34    SYSENTER   jump cpuid=sep */
void helper_sysexit(struct Tcg *t, const struct Insn *i);       /* 0f 35    SYSEXIT    jump cpuid=sep */

/* flags, halting, identification, time */
void helper_cli(struct Tcg *t, const struct Insn *i);           /* fa       CLI        - */
void helper_sti(struct Tcg *t, const struct Insn *i);           /* fb       STI        next */
void helper_pushf(struct Tcg *t, const struct Insn *i);         /* 9c       PUSHF      - d64 r=oszapc */
void helper_popf(struct Tcg *t, const struct Insn *i);          /* 9d       POPF       next d64 w=oszapc */
void helper_stac(struct Tcg *t, const struct Insn *i); /* np 0f 01 cb STAC   next cpuid=smap (CPL: the helper) */
void helper_clac(struct Tcg *t, const struct Insn *i); /* np 0f 01 ca CLAC   next cpuid=smap (CPL: the helper) */
void helper_hlt(struct Tcg *t, const struct Insn *i);           /* f4       HLT        next cpl0 */
void helper_monitor(struct Tcg *t, const struct Insn *i); /* 0f 01 c8 MONITOR - cpuid=monitor (CPL: the helper) */
void helper_mwait(struct Tcg *t, const struct Insn *i); /* 0f 01 c9 MWAIT next cpuid=monitor (CPL: the helper) */
void helper_pause(struct Tcg *t, const struct Insn *i);         /* f3 90    PAUSE      next */
void helper_cpuid(struct Tcg *t, const struct Insn *i);         /* 0f a2    CPUID      - */
void helper_rdtsc(struct Tcg *t, const struct Insn *i);         /* 0f 31    RDTSC      - cpuid=tsc */
void helper_rdtscp(struct Tcg *t, const struct Insn *i);        /* 0f 01 f9 RDTSCP     - cpuid=rdtscp */
void helper_rdpid(struct Tcg *t, const struct Insn *i);         /* f3 0f c7 /7 reg  RDPID R  - cpuid=rdpid */
void helper_rdpmc(struct Tcg *t, const struct Insn *i);         /* 0f 33    RDPMC      - */

/* control, debug and model-specific registers, translation caches */
void helper_mov_to_cr(struct Tcg *t, const struct Insn *i); /* 0f 22 MOV Cd,Rd  next cpl0 (always register form) */
void helper_mov_from_cr(struct Tcg *t, const struct Insn *i);   /* 0f 20    MOV Rd,Cd  - cpl0 */
void helper_mov_to_dr(struct Tcg *t, const struct Insn *i);     /* 0f 23    MOV Dd,Rd  next cpl0 */
void helper_mov_from_dr(struct Tcg *t, const struct Insn *i);   /* 0f 21    MOV Rd,Dd  - cpl0 */
void helper_clts(struct Tcg *t, const struct Insn *i);          /* 0f 06    CLTS       next cpl0 */
void helper_rdmsr(struct Tcg *t, const struct Insn *i);         /* 0f 32    RDMSR      - cpl0 cpuid=msr */
void helper_wrmsr(struct Tcg *t, const struct Insn *i);         /* 0f 30    WRMSR      next cpl0 cpuid=msr */
void helper_invlpg(struct Tcg *t, const struct Insn *i);        /* 0f 01 /7 mem  INVLPG M  next cpl0 */
void helper_invpcid(struct Tcg *t, const struct Insn *i); /* 66 0f 38 82 mem INVPCID Gy,Mdq  next cpl0 cpuid=invpcid */
void helper_invd(struct Tcg *t, const struct Insn *i);          /* 0f 08    INVD       - cpl0 */
void helper_wbinvd(struct Tcg *t, const struct Insn *i);        /* 0f 09    WBINVD     - cpl0 */
void helper_vmcall(struct Tcg *t, const struct Insn *i);        /* 0f 01 c1 VMCALL     - */
void helper_vmxoff(struct Tcg *t, const struct Insn *i);        /* 0f 01 c4 VMXOFF    next cpuid=vmx (CPL: helper) */
void helper_vmxon(struct Tcg *t, const struct Insn *i);         /* f3 0f c7 /6 mem VMXON Mq  next; so the rest */
void helper_vmclear(struct Tcg *t, const struct Insn *i);       /* 66 0f c7 /6 mem VMCLEAR Mq  - */
void helper_vmptrld(struct Tcg *t, const struct Insn *i);       /* np 0f c7 /6 mem VMPTRLD Mq  - */
void helper_vmptrst(struct Tcg *t, const struct Insn *i);       /* np 0f c7 /7 mem VMPTRST Mq  - */
void helper_vmread(struct Tcg *t, const struct Insn *i);        /* np 0f 78 VMREAD Ey,Gy   - */
void helper_vmwrite(struct Tcg *t, const struct Insn *i);       /* np 0f 79 VMWRITE Gy,Ey  - */
void helper_vmmcall(struct Tcg *t, const struct Insn *i);       /* 0f 01 d9 VMMCALL    - */
void helper_swapgs(struct Tcg *t, const struct Insn *i);        /* 0f 01 f8 SWAPGS     - only64 cpl0 */
void helper_xgetbv(struct Tcg *t, const struct Insn *i); /* np 0f 01 d0 XGETBV  - cpuid=xsave (OSXSAVE: the helper) */
void helper_xsetbv(struct Tcg *t, const struct Insn *i); /* np 0f 01 d1 XSETBV next cpuid=xsave (OSXSAVE, CPL) */
void helper_rdpkru(struct Tcg *t, const struct Insn *i);        /* np 0f 01 ee RDPKRU  - cpuid=pku */
void helper_wrpkru(struct Tcg *t, const struct Insn *i);        /* np 0f 01 ef WRPKRU  - cpuid=pku */
void helper_rdrand(struct Tcg *t, const struct Insn *i);        /* 0f c7 /6, /7 reg RDRAND, RDSEED Rv  - w=oszapc */
void helper_movdir64b(struct Tcg *t, const struct Insn *i);     /* 66 0f 38 f8 mem MOVDIR64B Gy,M  - cpuid=movdir64b */
void helper_rdfsbase(struct Tcg *t, const struct Insn *i); /* f3 0f ae /0 reg RDFSBASE Ry  - only64 cpuid=fsgsbase */
void helper_rdgsbase(struct Tcg *t, const struct Insn *i);      /* f3 0f ae /1 reg */
void helper_wrfsbase(struct Tcg *t, const struct Insn *i);      /* f3 0f ae /2 reg */
void helper_wrgsbase(struct Tcg *t, const struct Insn *i);      /* f3 0f ae /3 reg */

/* ports */
void helper_in_imm(struct Tcg *t, const struct Insn *i);        /* e4, e5   IN AL,Ib / eAX,Ib    next io */
void helper_in_dx(struct Tcg *t, const struct Insn *i);         /* ec, ed   IN AL,DX / eAX,DX    next io */
void helper_out_imm(struct Tcg *t, const struct Insn *i);       /* e6, e7   OUT Ib,AL / Ib,eAX   next io */
void helper_out_dx(struct Tcg *t, const struct Insn *i);        /* ee, ef   OUT DX,AL / DX,eAX   next io */
void helper_ins(struct Tcg *t, const struct Insn *i); /* 6c, 6d INSB, INSW/INSD jump io rep (resumes at itself) */
void helper_outs(struct Tcg *t, const struct Insn *i);          /* 6e, 6f   OUTSB, OUTSW/OUTSD   jump io rep */

/* ---- floating point (help_x87.c, help_xsave.c, help_maskmov.c) ---- */

/* x87 control: plain help. WAIT is there too. */
void helper_fwait(struct Tcg *t, const struct Insn *i);
void helper_x87_obsolete(struct Tcg *t, const struct Insn *i);
void helper_fldcw(struct Tcg *t, const struct Insn *i);
void helper_fnstcw(struct Tcg *t, const struct Insn *i);
void helper_fnstsw(struct Tcg *t, const struct Insn *i);
void helper_fnclex(struct Tcg *t, const struct Insn *i);
void helper_fninit(struct Tcg *t, const struct Insn *i);
void helper_fldenv(struct Tcg *t, const struct Insn *i);
void helper_fnstenv(struct Tcg *t, const struct Insn *i);
void helper_fnsave(struct Tcg *t, const struct Insn *i);
void helper_frstor(struct Tcg *t, const struct Insn *i);
void helper_emms(struct Tcg *t, const struct Insn *i);

/* State images; those that load MXCSR are help_next, because its masks are a matter of decoding. */
void helper_ldmxcsr(struct Tcg *t, const struct Insn *i);
void helper_stmxcsr(struct Tcg *t, const struct Insn *i);
void helper_fxsave(struct Tcg *t, const struct Insn *i);
void helper_fxrstor(struct Tcg *t, const struct Insn *i);
void helper_xsave(struct Tcg *t, const struct Insn *i);
void helper_xsaveopt(struct Tcg *t, const struct Insn *i);
void helper_xsavec(struct Tcg *t, const struct Insn *i);
void helper_xsaves(struct Tcg *t, const struct Insn *i);
void helper_xrstor(struct Tcg *t, const struct Insn *i);
void helper_xrstors(struct Tcg *t, const struct Insn *i);

/** Components of the processor's extended state that are in use; MXCSR counts as SSE's (SDM vol. 1, 13.6). */
uint64_t tcg_xinuse(const struct Tcg *t);

/* Stores under a mask: plain help. */
void helper_maskmovq(struct Tcg *t, const struct Insn *i);
void helper_maskmovdqu(struct Tcg *t, const struct Insn *i);

/* VEX: moves under a mask, and gathers, by the sizes of index and element (d: 32, q: 64 bits). Plain help. */
void helper_maskload32(struct Tcg *t, const struct Insn *i);
void helper_maskload64(struct Tcg *t, const struct Insn *i);
void helper_maskstore32(struct Tcg *t, const struct Insn *i);
void helper_maskstore64(struct Tcg *t, const struct Insn *i);
void helper_gather_dd(struct Tcg *t, const struct Insn *i);
void helper_gather_dq(struct Tcg *t, const struct Insn *i);
void helper_gather_qd(struct Tcg *t, const struct Insn *i);
void helper_gather_qq(struct Tcg *t, const struct Insn *i);

/* clang-format on */

#endif
