/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions: TF, breakpoint registers, DR6 and DR7; interrupt shadows after STI and MOV SS; NMI is not tested.
 */
#include "tests/guests/guest32.h"

#define TF 0x100
#define BS 0x4000
#define BD 0x2000
#define LOG 0x32000
#define LOG_RF (LOG+0x400)
#define RF 0x10000

test:
    call single_step
    call instruction_breakpoints
    call data_breakpoints
    call general_detect
    call traps
    call shadows
    ret

/* A hook that logs EIP and DR6 of every #DB; the interrupted program goes on. */
log_db:
    push %ebx
    mov log_next, %ebx
    mov caught_eip, %eax
    mov %eax, (%ebx)
    mov %dr6, %eax
    and $0xe00f, %eax
    mov %eax, 4(%ebx)
    mov 24+8(%esp), %eax
    and $RF, %eax
    mov %eax, LOG_RF-LOG(%ebx)
    addl $8, log_next
    xor %eax, %eax
    mov %eax, %dr6
    pop %ebx
    cmpl $0, set_rf
    je 1f
    orl $0x10000, 24+4(%esp) /* EFLAGS in the frame: hook's return address, DS, EAX, vector, error, EIP, CS, EFLAGS */
1:  ret
    .pushsection .data
    .balign 4
log_next: .long LOG
set_rf: .long 0
    .popsection

    .macro START_LOG
    movl $LOG, log_next
    movl $0, LOG
    movl $0, LOG+8
    movl $0, LOG+16
    movl $0, LOG+24
    movl $log_db, hook
    .endm

    .macro LOGGED name, index, label, dr6
    mov LOG+8*\index, %eax
    sub $\label, %eax
    EXPECT "\name: EIP", 0
    EXPECT_MEM "\name: DR6", LOG+8*\index+4, \dr6
    .endm

    .macro LOG_COUNT name, count
    mov log_next, %eax
    sub $LOG, %eax
    shr $3, %eax
    EXPECT "\name: number of #DB", \count
    movl $0, hook
    .endm

single_step:
    START_LOG
    pushf
    orl $TF, (%esp)
    popf
s1: nop
s2: mov $1, %eax
s3: pushf
s4: andl $~TF, (%esp)
s5: popf
s6: nop
    LOGGED "TF: after the instruction behind popf", 0, s2, BS
    LOGGED "TF: the next", 1, s3, BS
    LOGGED "TF: popf that clears TF traps once more", 4, s6, BS
    LOG_COUNT "TF", 5

    /* Every iteration of a REP is one step. */
    START_LOG
    mov $0x33000, %edi
    mov $3, %ecx
    pushf
    orl $TF, (%esp)
    popf
r1: rep stosb
r2: pushf
r3: andl $~TF, (%esp)
r4: popf
r5: LOGGED "TF and rep: first iteration", 0, r1, BS
    LOGGED "TF and rep: last iteration", 2, r2, BS
    xor %eax, %eax /* RF in the flags that a trap between two iterations pushes: Intel's processors have it set */
    cpuid
    xor %eax, %eax
    cmp $0x756e6547, %ebx /* "Genu" */
    jne 1f
    mov $RF, %eax
1:  xor LOG_RF, %eax
    EXPECT "TF and rep: RF after the first iteration", 0
    EXPECT_MEM "TF and rep: RF after the last", LOG_RF+16, 0
    LOG_COUNT "TF and rep", 6

    /* MOV SS holds the trap back until the next instruction has ended. */
    START_LOG
    mov %ss, %edx
    pushf
    orl $TF, (%esp)
    popf
m1: mov %dx, %ss
m2: nop
m3: pushf
    andl $~TF, (%esp)
    popf
    LOGGED "TF and mov ss", 0, m3, BS
    LOG_COUNT "TF and mov ss", 4

    /* INT n clears TF: the handler is not stepped; the step after IRET is. */
    GATE idt+0x50*8, SEL_CODE, 9f, 0x8e
    START_LOG
    pushf
    orl $TF, (%esp)
    popf
i1: int $0x50
i2: nop
i3: pushf
    andl $~TF, (%esp)
    popf
    LOGGED "TF and int: steps after the instruction that follows", 0, i3, BS
    LOG_COUNT "TF and int", 4
    ret
9:  nop
    iret

instruction_breakpoints:
    START_LOG
    movl $1, set_rf
    mov $b1, %eax
    mov %eax, %dr0
    mov $0x1, %eax
    mov %eax, %dr7
    xor %ebx, %ebx
    mov $2, %ecx
b0: nop
b1: inc %ebx
    loop b0
    mov $0, %eax
    mov %eax, %dr7
    mov %ebx, %eax
    EXPECT "the instruction ran each time", 2
    LOGGED "execution breakpoint is a fault", 0, b1, 1
    LOGGED "and again", 1, b1, 1
    LOG_COUNT "execution breakpoint, RF set in the frame", 2
    movl $0, set_rf
    START_LOG
    mov $1f, %eax
    mov %eax, %dr3
    mov $1, %eax
1:  nop
    LOG_COUNT "not enabled", 0
    ret

data_breakpoints:
    START_LOG
    mov $0x33000, %eax
    mov %eax, %dr1
    mov $0x00d00004, %eax /* L1, write, 4 bytes */
    mov %eax, %dr7
d1: movl $5, 0x33000
d2: mov 0x33000, %eax
    movb $6, 0x33003
d3: movb $7, 0x33004
    movl $8, 0x32ffe
d4: nop
    xor %eax, %eax
    mov %eax, %dr7
    LOGGED "write breakpoint is a trap", 0, d2, 2
    LOGGED "write of a part", 1, d3, 2
    LOGGED "write that overlaps", 2, d4, 2
    LOG_COUNT "write breakpoint", 3
    START_LOG
    mov $0x33000, %eax
    mov %eax, %dr2
    mov $0x07000020, %eax /* G2; read or write, 2 bytes */
    mov %eax, %dr7
e1: mov 0x33000, %al
e2: mov %al, 0x33001
e3: mov 0x33002, %al
    push 0x33000
e4: pop %eax
    xor %eax, %eax
    mov %eax, %dr7
    LOGGED "read breakpoint", 0, e2, 4
    LOGGED "written", 1, e3, 4
    LOGGED "push from memory", 2, e4, 4
    LOG_COUNT "read/write breakpoint", 3

    /* REP stops after the iteration that hits. */
    START_LOG
    mov $0x33002, %eax
    mov %eax, %dr0
    mov $0x00010001, %eax
    mov %eax, %dr7
    mov $0x33000, %edi
    mov $8, %ecx
f1: rep stosb
f2: nop
    xor %eax, %eax
    mov %eax, %dr7
    LOGGED "rep stosb over a breakpoint", 0, f1, 1
    LOG_COUNT "rep stosb over a breakpoint", 1
    ret

general_detect:
    mov $0x2000, %eax
    mov %eax, %dr7
    TRY 1f
2:  mov %dr0, %eax
1:  CAUGHT "DR7.GD: access faults", 1, 0
    mov caught_eip, %eax
    sub $2b, %eax
    EXPECT "DR7.GD: EIP", 0
    mov %dr6, %eax
    and $0xe00f, %eax
    EXPECT "DR6.BD (and GD was cleared)", BD
    mov %dr7, %eax
    EXPECT "DR7 reads with bit 10 set", 0x400
    xor %eax, %eax
    mov %eax, %dr6
    mov %dr6, %eax
    EXPECT "DR6's fixed ones", 0xffff0ff0
    mov $0x12345678, %eax
    mov %eax, %dr1
    mov %dr5, %ebx /* with CR4.DE off: DR7 */
    mov %ebx, %eax
    EXPECT "dr5 is dr7", 0x400
    mov %cr4, %eax
    or $8, %eax
    mov %eax, %cr4
    FAULT "with CR4.DE it is #UD", 6, 0, mov %dr5, %eax
    mov %cr4, %eax
    and $~8, %eax
    mov %eax, %cr4
    ret

traps:
    TRY 1f
    int3
1:  CAUGHT "int3", 3, 0
    mov caught_eip, %eax
    sub $1b, %eax
    EXPECT "int3 is a trap", 0
    TRY 1f
    mov $0x7fffffff, %eax
    add $1, %eax
    into
1:  CAUGHT "into", 4, 0
    TRY 1f
    .byte 0xf1
1:  CAUGHT "icebp", 1, 0
    mov caught_eip, %eax
    sub $1b, %eax
    EXPECT "icebp is a trap", 0
    mov %dr6, %eax
    and $0xe00f, %eax
    EXPECT "icebp sets nothing in DR6", 0
    mov $11, %ecx
    FAULT "bound", 5, 0, bound %ecx, bounds
    mov %cr0, %eax
    or $8, %eax
    mov %eax, %cr0
    FAULT "CR0.TS: x87", 7, 0, fnop
    mov %cr0, %eax
    and $~8, %eax
    or $4, %eax
    mov %eax, %cr0
    FAULT "CR0.EM: x87", 7, 0, fnop
    mov %cr0, %eax
    and $~4, %eax
    mov %eax, %cr0
    ret
    .pushsection .data
    .balign 4
bounds: .long 0, 10
    .popsection

/* The PIT's interrupt is made to wait at the 8259 while IF is off; then IF goes on in different ways. */
shadows:
    mov $0xfee00350, %ebx
    movl $0x700, (%ebx) /* LINT0: ExtINT */
    movl $0x1ff, -0x260(%ebx) /* spurious vector register: enable */
    mov $0x11, %al
    out %al, $0x20
    mov $0x60, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21

    call make_pending
    TRY 1f
    sti
    nop
2:  nop
    nop
1:  cli
    CAUGHT "interrupt after sti", 0x60, 0
    mov caught_eip, %eax
    sub $2b, %eax
    EXPECT "sti: one instruction later", 0
    call end_interrupt

    call make_pending
    TRY 1f
    sti
    cli
    nop
    nop
1:  CAUGHT "sti, cli: no window", NONE, 0

    mov %ss, %edx
    TRY 1f
    sti
    mov %dx, %ss /* executed in the shadow of STI; MOV SS makes one of its own only after another instruction */
    nop
    nop
1:  cli
    CAUGHT "sti, mov ss", 0x60, 0
    call end_interrupt

    call make_pending
    TRY 1f
    pushf
    orl $0x200, (%esp)
    popf
2:  nop
    nop
1:  cli
    CAUGHT "popf sets IF", 0x60, 0
    mov caught_eip, %eax
    sub $2b, %eax
    EXPECT "popf: at once", 0
    call end_interrupt

    call make_pending
    TRY 1f
    sti
    hlt
2:  nop
1:  cli
    CAUGHT "sti, hlt", 0x60, 0
    mov caught_eip, %eax
    sub $2b, %eax
    EXPECT "sti, hlt: wakes behind hlt", 0
    call end_interrupt
    mov $0xff, %al
    out %al, $0x21
    ret

/* Channel 0, mode 0: the output goes high once, soon. Wait until the 8259's request register has it. */
make_pending:
    mov $0x30, %al
    out %al, $0x43
    mov $50, %al
    out %al, $0x40
    xor %al, %al
    out %al, $0x40
1:  mov $0x0a, %al
    out %al, $0x20
    in $0x20, %al
    test $1, %al
    jz 1b
    ret
end_interrupt:
    mov $0x20, %al
    out %al, $0x20
    ret

    .section .note.GNU-stack, "", @progbits
