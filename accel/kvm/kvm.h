/* SPDX-License-Identifier: MIT */
/**
 * The kvm engine's own state and the functions its files offer each other. Private to accel/kvm.
 *
 * The interrupt controllers are the machine's own (devices/), so that every engine sees the same ones, and KVM knows
 * the processor only; unless Accel.irqchip asks for the kernel's. Reference: Documentation/virt/kvm/api.rst of the
 * Linux kernel.
 */
#ifndef TWIN86_KVM_KVM_H
#define TWIN86_KVM_KVM_H

#include "accel/follow.h"
#include "accel/irqchip.h"
#include "accel/kvm/engine.h"
#include "accel/look.h"
#include "memory/doorbell.h"

#include <linux/kvm.h>
#include <stdatomic.h>

/** What this host's KVM can do. */
struct KvmCaps {
    int slots;     /* memory slots of a VM */
    int run_bytes; /* size of the shared kvm_run area */
    bool readonly_mem, xsave, xcrs, debugregs, vcpu_events, user_space_msr, msr_filter, set_identity_map, set_tss;
    bool guest_debug, user_nmi, sregs2, tsc_deadline, adjust_clock, sync_regs, triple_fault, ioeventfd;
    unsigned vcpus, vcpu_ids;   /* how many a VM may have, and below what their APIC ids have to be */
    uint32_t guest_debug_flags; /* KVM_GUESTDBG_* that KVM knows; 0: too old to say */
};

/** A range of guest-physical memory that the guest reaches without an exit. size 0: the slot is free. */
struct KvmSlot {
    uint64_t gpa, size;
    uint8_t *host;
    uint8_t *page_flags; /* as in struct Region; NULL for ROM */
    bool readonly;
    bool log; /* KVM notes which pages the guest writes */
};

struct KvmVcpu;

enum { KVM_DEBUG_REGISTERS = 4 };
/** What stops a guest for a debugger on this host: debug registers, and INT3 in its code. */
enum { KVM_STOPS_BREAK = 1, KVM_STOPS_WATCH = 2, KVM_STOPS_INT3 = 4 };

/** A breakpoint in guest memory. */
struct KvmPatch {
    struct CpuPoint point;
    uint8_t *host; /* where INT3 stands now; NULL: nowhere */
    uint8_t byte;  /* that it hides */
};

/** How a debugger's points are spread over what the processor has. */
struct KvmDebug {
    struct kvm_guest_debug set;              /* as KVM has it */
    struct kvm_guest_debug wanted;           /* as it is to be; registers 0 to 3 and 7 */
    struct CpuPoint at[KVM_DEBUG_REGISTERS]; /* the point that each register is for */
    unsigned registers;                      /* in use */
    struct KvmPatch patch[CPU_POINTS];
    unsigned patches;
    uint8_t opcode; /* that stands there: INT3 or HLT */
};

enum { KVM_VCPUS_MAX = 256, KVM_BELLS_MAX = 128 };

/** A doorbell that KVM rings. */
struct KvmBell {
    uint64_t gpa;
    int fd;
};

/** Keeps vCPUs out of KVM_RUN (gate.c). */
struct KvmGate {
    pthread_mutex_t mutex; /* a leaf but for what kvm_kick_vcpu takes */
    pthread_cond_t changed;
    _Atomic bool closed; /* written under the mutex */
};

/** Times that all vCPUs of a VM have in common (time.c). */
struct KvmTime {
    pthread_mutex_t lock;  /* a leaf; guards this and all vCPUs' struct KvmTsc */
    bool sampled;          /* since kvm_settle_time was called, what follows: */
    uint64_t tsc_sample;   /* the host's TSC minus the clock's */
    uint64_t kvmclock;     /* KVM's clock minus the machine's */
    uint64_t sample_epoch; /* clock_epoch then */
    uint64_t placed;       /* env's kvm_clock_offset that KVM's clock follows */
    uint64_t epoch;        /* clock_epoch when it was made so */
    bool known;            /* it was */
};

/** A vCPU's time stamp counter. */
struct KvmTsc {
    uint64_t kvm;                /* the guest's minus the host's, as KVM has it */
    uint64_t env;                /* env's tsc_offset, as last read from KVM or given to it */
    uint64_t kvmclock;           /* env's kvm_clock_offset, likewise */
    uint64_t placed, placed_kvm; /* `env` and `kvm` when it was last given to KVM */
    uint64_t epoch;              /* clock_epoch then */
    bool known;                  /* it was */
};

struct KvmVm {
    int dev_fd, fd; /* /dev/kvm, the VM */
    struct KvmCaps caps;
    struct Bus *bus;
    struct KvmSlot *slots;               /* caps.slots of them; changed with the machine lock held */
    struct KvmVcpu *vcpu[KVM_VCPUS_MAX]; /* by index; NULL: none */
    char map_error[128];                 /* a change of the memory map that KVM refused; told by the next exec */
    _Atomic bool map_failed;
    struct KvmBell bell[KVM_BELLS_MAX]; /* those that KVM has; machine lock */
    unsigned bells;
    bool irqchip;       /* the kernel's interrupt controllers */
    uint64_t irq_lines; /* levels of the lines into them; machine lock */
    bool stops_tried;
    uint8_t stops;              /* KVM_STOPS_*; 0 until tried */
    pthread_mutex_t patch_lock; /* a leaf; guards all vCPUs' patches, and the bytes that they stand for */
    bool assist;                /* let the software engine execute what KVM's emulator can't */
    struct KvmGate gate;
    struct KvmTime time;
    _Atomic bool ran; /* since kvm_settle was called, a vCPU has been in exec */
};

enum { KVM_MSR_LIST_MAX = 64, KVM_EXIT_KINDS = 48, KVM_STATS_PLACES = 32 };

/** How often a page or an MSR was accessed. */
struct KvmPlace {
    uint64_t at, count;
};

struct KvmStats {
    uint64_t exits[KVM_EXIT_KINDS]; /* by reason; the last one: of higher numbers */
    uint32_t *ports;                /* 65536 of them */
    struct KvmPlace mmio[KVM_STATS_PLACES], msr[KVM_STATS_PLACES];
};

struct KvmVcpu {
    struct KvmVm *vm;
    struct CPUState *cpu;
    int fd;
    struct kvm_run *run;
    struct kvm_cpuid2 *supported; /* KVM_GET_SUPPORTED_CPUID */

    /* Kicks: the signal is blocked in the vCPU's thread but within KVM_RUN, so no handler is needed. */
    pthread_mutex_t kick_lock; /* a leaf; guards the two that follow */
    bool in_exec;
    pthread_t thread;
    bool signal_ready; /* the thread that runs it has the signal blocked */

    uint64_t apic_base;  /* as KVM has it */
    uint8_t cr8;         /* as last given to KVM */
    _Atomic bool in_run; /* in KVM_RUN, or about to be: see gate.c */
    struct KvmTsc tsc;
    bool tsc_attribute; /* KVM tells and takes TSC offsets as such (Linux 5.16) */
    bool known;         /* got is what KVM has */
    CPUX86State got;    /* as read from KVM or given to it */
    bool regs_in_run;   /* run->s holds what KVM has, or will have with the next KVM_RUN */
    unsigned sync_runs; /* for so many more KVM_RUNs registers are asked for in run->s */
    bool triple_fault;  /* KVM has one waiting for the next KVM_RUN */
    uint32_t held_db;   /* debug trap that MOV SS holds back (DR6 bits): tcg-lite executes the instruction before it */
    bool stepping;      /* KVM stops after each instruction: a budget or a debugger wants that */
    struct KvmDebug debug;
    bool alone;      /* the other vCPUs are stopped until an instruction is done (patches.c) */
    bool io_pending; /* the last exit was an access; KVM finishes the instruction when it is entered again */
    uint64_t xcr0_supported;
    unsigned pkru_at;              /* where the host has PKRU in the standard format of an XSAVE area */
    uint8_t msr[KVM_MSR_LIST_MAX]; /* rows of the table in state.c that this KVM has */
    unsigned msr_count;

    struct KvmStats stats;
    bool observed;   /* somebody wants to know the RIP of each exit: registers are asked for in run->s */
    bool completing; /* KVM is entered only to finish an instruction */
    void *tcg;       /* the software engine's vCPU, made for the first assist */
};

/** Does anybody want to know where exits come from? When made, and whenever state is put: it may have changed. */
static inline void kvm_look_for_observers(struct KvmVcpu *v) {
    const struct CPUState *cpu = v->cpu;
    v->observed = v->vm->caps.sync_regs && (cpu->exits != NULL || (cpu->trace != NULL && cpu->trace->accesses));
}

/* ---- caps.c ---- */

/** AccelOps.probe. */
int kvm_probe(char *why, size_t n);
/** Open /dev/kvm and look at what it offers. A file descriptor, or -errno with the remedy in `why`. */
int kvm_open(struct KvmCaps *caps, char *why, size_t n);

/** AccelOps. */
void kvm_doctor(FILE *f);
void kvm_caveat(char *buf, size_t n);

/* ---- vm.c ---- */

/** Make the VM; `vm->bus` is set. 0 or -errno with `why` filled. */
int kvm_vm_init(struct KvmVm *vm, char *why, size_t n);
void kvm_vm_destroy(struct KvmVm *vm);
/** With our local APICs: let each write to IA32_APIC_BASE come to us, where KVM can. */
void kvm_show_apic_base(struct KvmVm *vm);

/* ---- slots.c ---- */

/** Listen to the bus. vm->bus and the caps are set. 0 or -errno. */
int kvm_slots_init(struct KvmVm *vm);
/** Safe when kvm_slots_init was not called. */
void kvm_slots_destroy(struct KvmVm *vm);
/** Make KVM's slots follow the bus. Machine lock held. */
void kvm_vm_update_slots(struct KvmVm *vm);
/** The guest's page tables were changed by somebody else: translations made before are void. Machine lock held. */
void kvm_vm_forget_translations(struct KvmVm *vm);
/** The slots that the bus's map asks for, without any KVM. Returns how many; those beyond `max` are not stored. */
unsigned kvm_wanted_slots(struct Bus *bus, bool readonly_mem, struct KvmSlot *slot, unsigned max);

/* ---- irqchip.c ---- */

/** Make the kernel's interrupt controllers. Before any vCPU. 0 or -errno with `why` filled. */
int kvm_irqchip_create(struct KvmVm *vm, char *why, size_t n);
extern const struct AccelIrqchipOps kvm_irqchip_ops;
/** For CPUState.apic while the controllers are the kernel's; the opaque is the struct KvmVcpu. */
extern const struct CpuApicOps kvm_apic_ops;
/** The local APIC as after power-up, and of the bootstrap processor as PC firmware leaves it. */
void kvm_lapic_reset_state(struct kvm_lapic_state *s, uint8_t id, bool bootstrap);

/* ---- cpuid.c ---- */

/**
 * Take out of cpu->model what this KVM can't give. The names of what was taken out are put into `dropped`, separated by
 * blanks. 0 or -errno.
 */
int kvm_fit_model(struct KvmVcpu *v, char *dropped, size_t n);
/** Tell KVM the model. 0 or -errno. */
int kvm_set_cpuid(struct KvmVcpu *v);
/** The register (0 EAX ... 3 EDX) of a leaf in KVM's list, or 0. */
uint32_t kvm_supported(const struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf, unsigned reg);
/** The largest CPUID table that is offered to KVM. */
enum { KVM_CPUID_ENTRIES = 128 };
/** The model's CPUID table. Returns the number of entries written. */
unsigned kvm_cpuid_table(const struct CpuModel *model, unsigned apic_id, struct kvm_cpuid_entry2 *entry, unsigned max);

/* ---- state.c ---- */

void kvm_get_state(struct CPUState *cpu); /* AccelOps */
int kvm_put_state(struct CPUState *cpu);
/** The same for state that came from KVM and of which one instruction was executed: registers may go with the next
 *  KVM_RUN, which then fails if KVM refuses them. */
int kvm_put_state_soon(struct CPUState *cpu);
/** Give KVM what kvm_put_state_soon has left to the next KVM_RUN. 0, or -errno with cpu->error. */
int kvm_flush_regs(struct KvmVcpu *v);
/** AccelOps.settle. */
void kvm_settle(struct Accel *accel);
#define MSR_TSC_DEADLINE 0x6e0u
/** KVM_GET_MSRS or KVM_SET_MSRS of one. False: KVM refuses. */
bool kvm_one_msr(struct KvmVcpu *v, unsigned long request, uint32_t msr, uint64_t *value);
/** Find out which MSRs this KVM has. */
void kvm_probe_msrs(struct KvmVcpu *v);
/** What KVM_GET_MP_STATE gives, and KVM_SET_MP_STATE gets; with the kernel's local APIC. */
void kvm_mp_state_to_cpu(uint32_t mp_state, struct CPUState *cpu);
uint32_t kvm_mp_state_from_cpu(const struct CPUState *cpu);

/* The conversions, without any KVM. sregs: but for apic_base and cr8, which are the local APIC's. events: but for a
 * debug trap that waits behind MOV SS, which KVM can't be given. */
void kvm_regs_from_env(struct kvm_regs *r, const CPUX86State *env);
void kvm_regs_to_env(const struct kvm_regs *r, CPUX86State *env);
void kvm_sregs_from_env(struct kvm_sregs *s, const CPUX86State *env);
void kvm_sregs_to_env(const struct kvm_sregs *s, CPUX86State *env);
/** With PAE paging: the same, and the page-directory pointers of env, which memory may no longer hold. */
void kvm_sregs2_from(struct kvm_sregs2 *two, const struct kvm_sregs *s, const CPUX86State *env);
/** `components`: of XCR0, what the host can save; `pkru_at`: where it has PKRU. */
void kvm_xsave_from_env(struct kvm_xsave *x, const CPUX86State *env, uint64_t components, unsigned pkru_at);
void kvm_xsave_to_env(const struct kvm_xsave *x, CPUX86State *env, unsigned pkru_at);
void kvm_events_from_env(struct kvm_vcpu_events *e, const CPUX86State *env);
void kvm_events_to_env(const struct kvm_vcpu_events *e, CPUX86State *env);
/** The debug trap that MOV SS holds back, or 0. */
uint32_t kvm_held_db(const CPUX86State *env);
/** Take out an NMI that KVM was given but has not delivered. False: there is none. */
bool kvm_events_take_nmi(struct kvm_vcpu_events *e);

/* ---- time.c ---- */

void kvm_time_init(struct KvmTime *t);
void kvm_time_destroy(struct KvmTime *t);
/** Whether KVM knows TSC offsets. When the vCPU is made. */
void kvm_probe_tsc(struct KvmVcpu *v);
/** TSC and kvmclock into env. */
void kvm_get_time(struct KvmVcpu *v);
/** And from there into KVM, where somebody has changed them, or the clock has stood still. Before the first KVM_RUN
 *  after a pause, too: then they go on where they stood. */
void kvm_put_time(struct KvmVcpu *v);
/** Of vCPUs whose TSCs are the same in KVM, env is to say so, though each was read at another time; and kvmclock is
 *  one. All vCPUs stand, and their env is up to date. No KVM is asked. */
void kvm_settle_time(struct KvmVm *vm);
/** The offset in KVM that env's `wanted` means: that of a vCPU which was given the same in this epoch (*shared), else
 *  what follows from `sample`. vm->time.lock held; no KVM is asked. */
uint64_t kvm_place_tsc(const struct KvmVm *vm, uint64_t wanted, uint64_t epoch, uint64_t sample, bool *shared);

/* ---- gate.c ---- */

void kvm_gate_init(struct KvmGate *g);
void kvm_gate_destroy(struct KvmGate *g);
/** Around the ioctl KVM_RUN, in the vCPU's thread: wait while the gate is closed. No lock held. */
void kvm_gate_enter(struct KvmVcpu *v);
void kvm_gate_leave(struct KvmVcpu *v);
/** No vCPU is in KVM_RUN from here to kvm_gate_open; nothing else keeps them from what they do. Machine lock held, so
 *  that there is one at a time; not in KVM_RUN. */
void kvm_gate_close(struct KvmVm *vm);
void kvm_gate_open(struct KvmVm *vm);

/* ---- exit.c ---- */

enum KvmAction {
    KVM_ACTION_RUN,    /* handled: KVM_RUN again */
    KVM_ACTION_ASSIST, /* KVM can't execute the instruction at CS:RIP */
    KVM_ACTION_LEAVE,  /* exec returns *exit */
};

/**
 * Handle what KVM_RUN came back with: a function of the exit and the bus, so that tests can feed it. vCPU thread, lock
 * not held. With KVM_ACTION_LEAVE *exit is set, with VCPU_EXIT_ERROR also cpu->error.
 */
enum KvmAction kvm_handle_exit(struct CPUState *cpu, struct kvm_run *run, enum VcpuExit *exit);

/** IA32_APIC_BASE and bits of it (SDM vol. 3, 11.12.1). */
enum { KVM_MSR_APIC_BASE = 0x1b, KVM_APIC_X2APIC = 1 << 10, KVM_APIC_ENABLE = 1 << 11 };
/** The guest has made IA32_APIC_BASE that, in one write or in more than one: our local APIC goes the way that is legal
 *  (11.12.5). Machine lock. */
void kvm_move_apic(struct CPUState *cpu, uint64_t base);

/** Give up: the reason in words, then where the guest is and its bytes there, in cpu->error. */
enum KvmAction kvm_fail(struct CPUState *cpu, enum VcpuExit *exit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum { KVM_CODE_BYTES = 15 };
/** The bytes at CS:RIP, without side effects: how many could be read. env is up to date. */
unsigned kvm_code_bytes(struct CPUState *cpu, uint8_t bytes[KVM_CODE_BYTES]);
/** The exit's name, as in linux/kvm.h but without KVM_EXIT_. */
const char *kvm_exit_name(uint32_t reason);

/* ---- run.c ---- */

enum VcpuExit kvm_exec(struct CPUState *cpu); /* AccelOps */
/** KVM_RUN, as ioctl: every one is made here. */
int kvm_run_vcpu(struct KvmVcpu *v);
void kvm_kick(struct CPUState *cpu); /* AccelOps */
/** Let KVM_RUN, if it is under way or about to be, come back. Any thread. */
void kvm_kick_vcpu(struct KvmVcpu *v);
/** Around KVM_RUNs: between them a kick ends KVM_RUN. */
void kvm_enter(struct KvmVcpu *v);
void kvm_leave(struct KvmVcpu *v);

/* ---- step.c ---- */

enum VcpuExit kvm_step(struct CPUState *cpu, const struct AccelStep *s); /* AccelOps */
/** The byte of RAM or ROM at a linear address; NULL: there is none. env is up to date. */
uint8_t *kvm_byte_at(struct CPUState *cpu, uint64_t linear);

/* ---- debug.c ---- */

/** AccelOps. */
int kvm_check_points(struct CPUState *cpu, const void *engine, const struct CpuDebug *d, char *why, size_t n);
/** Spread the points (with or without breakpoints) in k, for a host that can do `stops`;
 *  no KVM is asked. False: not all found room. */
bool kvm_debug_allot(struct KvmDebug *k, const struct CpuDebug *d, bool breakpoints, unsigned stops);
/** Tell KVM what to stop at, and put INT3 where it is needed; before KVM_RUNs, and when cpu->debug.first has changed.
 * 0, or -errno with cpu->error. */
int kvm_debug_arm(struct KvmVcpu *v);
/** Guest memory is as the guest has it again. After KVM_RUNs. */
void kvm_debug_disarm(struct KvmVcpu *v);
/** KVM_SET_GUEST_DEBUG, whatever was set before. */
void kvm_debug_force(struct KvmVcpu *v, const struct kvm_guest_debug *debug);
/** The run's first instruction is one for the software engine. */
bool kvm_debug_assists(struct KvmVcpu *v, uint32_t events);
/** KVM_EXIT_DEBUG. ASSIST: the guest's own INT3. */
enum KvmAction kvm_debug_exit(struct KvmVcpu *v, enum VcpuExit *exit);
/** KVM_EXIT_HLT: the guest's own, with LEAVE; or a breakpoint, with *exit changed. */
enum KvmAction kvm_debug_halted(struct KvmVcpu *v, enum VcpuExit *exit);
/** An instruction is done, and steps were wanted. */
enum KvmAction kvm_debug_stepped(struct KvmVcpu *v, enum VcpuExit *exit);

/* ---- doorbells.c ---- */

/** Those of the bus that are mapped, at most `max`. Machine lock held. */
unsigned kvm_wanted_bells(struct Bus *bus, struct KvmBell *bell, unsigned max);
/** KVM has those. Machine lock held. */
void kvm_vm_update_bells(struct KvmVm *vm);

/* ---- patches.c ---- */

/** The breakpoints in guest memory that `wanted` has: in v->debug, and there. env is up to date. */
void kvm_patches_set(struct KvmVcpu *v, const struct KvmDebug *wanted);
/** No more in v->debug; nor there, but for other vCPUs'. */
void kvm_patches_clear(struct KvmVcpu *v);
/** What breakpoints in guest memory hide is to be executed: until kvm_patches_together other vCPUs stand, and there are
 *  none of theirs. In exec; v's own are cleared. */
void kvm_patches_alone(struct KvmVcpu *v);
void kvm_patches_together(struct KvmVcpu *v);

/* ---- stops.c ---- */

/** KVM_STOPS_*, tried once, in VMs made for it. */
unsigned kvm_stops(struct KvmVm *vm);

/* ---- stats.c ---- */

int kvm_stats_init(struct KvmStats *s); /* 0, or -1: no memory */
void kvm_stats_destroy(struct KvmStats *s);
void kvm_stats_exit(struct KvmStats *s, const struct kvm_run *run);
/** The KVM_RUN that came back on the account of its reason, until exits_end. */
void kvm_count_exit(struct CPUState *cpu, const struct kvm_run *run);
/** AccelLookOps.halted_ns. */
int64_t kvm_halted_ns(const void *engine);
/** AccelLookOps.kernel_exits: KVM's own counters of this vCPU. */
void kvm_kernel_exits(const void *engine, void (*fn)(void *opaque, const char *name, int reason, uint64_t count),
                      void *opaque);
/** AccelLookOps.describe: exits by reason, and where the accesses went. */
void kvm_describe(const void *engine, char *buf, size_t n);

/* ---- assist.c ---- */

/** Let the software engine execute one instruction. */
enum KvmAction kvm_assist(struct CPUState *cpu, enum VcpuExit *exit);
void kvm_assist_destroy(struct KvmVcpu *v);

/* ---- vcpu.c ---- */

int kvm_vcpu_init(struct CPUState *cpu, struct Accel *accel); /* AccelOps */
int kvm_set_model(struct CPUState *cpu);
void kvm_vcpu_destroy(struct CPUState *cpu);

#endif
