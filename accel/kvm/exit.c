/* SPDX-License-Identifier: MIT */
/* What KVM_RUN comes back with. No ioctl here: see kvm_handle_exit's declaration. */
#include "accel/kvm/kvm.h"
#include "base/why.h"
#include "cpu/pagewalk.h"

#include <stdarg.h>
#include <string.h>

static const char *const names[] = {
    [KVM_EXIT_UNKNOWN] = "UNKNOWN",
    [KVM_EXIT_EXCEPTION] = "EXCEPTION",
    [KVM_EXIT_IO] = "IO",
    [KVM_EXIT_HYPERCALL] = "HYPERCALL",
    [KVM_EXIT_DEBUG] = "DEBUG",
    [KVM_EXIT_HLT] = "HLT",
    [KVM_EXIT_MMIO] = "MMIO",
    [KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
    [KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
    [KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
    [KVM_EXIT_INTR] = "INTR",
    [KVM_EXIT_SET_TPR] = "SET_TPR",
    [KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
    [KVM_EXIT_NMI] = "NMI",
    [KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
    [KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
    [KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
    [KVM_EXIT_HYPERV] = "HYPERV",
    [KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
    [KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
    [KVM_EXIT_DIRTY_RING_FULL] = "DIRTY_RING_FULL",
};

const char *kvm_exit_name(uint32_t reason) {
    const char *name = reason < sizeof(names) / sizeof(names[0]) ? names[reason] : NULL;
    return name != NULL ? name : "of an unknown kind";
}

/* ---- saying what went wrong ---- */

/* The byte at CS:RIP + i, without side effects. */
static bool code_byte(struct CPUState *cpu, unsigned i, uint8_t *byte) {
    const CPUX86State *env = &cpu->env;
    uint64_t offset = 0, avail = 0, linear = env->rip + i;
    struct WalkResult walk;
    if (!x86_code64(env))
        linear = (uint32_t)(linear + env->seg[SEG_CS].base);
    if (!x86_walk(env, &cpu->model, cpu->bus, linear, WALK_PEEK, &walk))
        return false;
    struct Region *r = bus_find(cpu->bus, walk.phys, &offset, &avail);
    if (r == NULL || r->host == NULL)
        return false;
    *byte = r->host[offset];
    return true;
}

unsigned kvm_code_bytes(struct CPUState *cpu, uint8_t bytes[KVM_CODE_BYTES]) {
    unsigned n = 0;
    while (n < KVM_CODE_BYTES && code_byte(cpu, n, &bytes[n]))
        n++;
    return n;
}

/* Where the guest was, behind the reason that is in cpu->error already. */
static void say_where(struct CPUState *cpu) {
    cpu_sync_state(cpu);
    const CPUX86State *env = &cpu->env;
    why_add(cpu->error, sizeof(cpu->error), "; at %04x:%llx, rflags %llx, cr0 %llx, efer %llx, bytes",
            env->seg[SEG_CS].selector, (unsigned long long)env->rip, (unsigned long long)env->rflags,
            (unsigned long long)env->cr0, (unsigned long long)env->efer);
    uint8_t bytes[KVM_CODE_BYTES];
    unsigned n = kvm_code_bytes(cpu, bytes);
    for (unsigned i = 0; i < n; i++)
        why_add(cpu->error, sizeof(cpu->error), " %02x", bytes[i]);
    if (n == 0)
        why_add(cpu->error, sizeof(cpu->error), " unreadable");
}

enum KvmAction kvm_fail(struct CPUState *cpu, enum VcpuExit *exit, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(cpu->error, sizeof(cpu->error), 0, format, ap);
    va_end(ap);
    say_where(cpu);
    *exit = VCPU_EXIT_ERROR;
    return KVM_ACTION_LEAVE;
}

/* ---- exits that have work in them ---- */

/* IN, OUT, and the string forms: `count` items for one port. */
static enum KvmAction handle_io(struct CPUState *cpu, struct kvm_run *run) {
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        uint32_t value = 0;
        if (run->io.direction == KVM_EXIT_IO_IN) {
            value = bus_port_read(cpu->bus, run->io.port, size);
            memcpy(data, &value, size);
        } else {
            memcpy(&value, data, size);
            bus_port_write(cpu->bus, run->io.port, value, size);
        }
    }
    return KVM_ACTION_RUN;
}

static enum KvmAction handle_mmio(struct CPUState *cpu, struct kvm_run *run) {
    uint64_t gpa = run->mmio.phys_addr & bus_a20_mask(cpu->bus);
    if (run->mmio.is_write)
        bus_write(cpu->bus, gpa, run->mmio.data, run->mmio.len);
    else
        bus_read(cpu->bus, gpa, run->mmio.data, run->mmio.len);
    return KVM_ACTION_RUN;
}

static bool apic_msr(uint32_t msr) { return (msr >= 0x800 && msr <= 0x8ff) || msr == 0x6e0; }

/* MSRs that KVM leaves to us: the local APIC's; the rest do not exist. */
static enum KvmAction handle_msr(struct CPUState *cpu, struct kvm_run *run, bool write) {
    const struct CpuApicOps *apic = cpu->apic;
    bool ok = false, base = write && run->msr.index == KVM_MSR_APIC_BASE;
    uint64_t value = run->msr.data;
    if (apic != NULL && (base || apic_msr(run->msr.index))) {
        pthread_mutex_lock(cpu->lock);
        if (base)
            ok = apic->set_base != NULL && value >> cpu->model.phys_bits == 0 &&
                 apic->set_base(cpu->apic_opaque, value);
        else if (write)
            ok = apic->write_msr != NULL && apic->write_msr(cpu->apic_opaque, run->msr.index, value);
        else
            ok = apic->read_msr != NULL && apic->read_msr(cpu->apic_opaque, run->msr.index, &value);
        pthread_mutex_unlock(cpu->lock);
    }
    if (ok && !write)
        run->msr.data = value;
    if (cpu->trace != NULL && cpu->trace->msr != NULL)
        cpu->trace->msr(cpu->trace->opaque, cpu, write, run->msr.index, value, ok);
    run->msr.error = !ok; /* #GP */
    return KVM_ACTION_RUN;
}

void kvm_move_apic(struct CPUState *cpu, uint64_t base) {
    const struct CpuApicOps *apic = cpu->apic;
    if (apic == NULL || apic->set_base == NULL || apic->set_base(cpu->apic_opaque, base))
        return;
    apic->set_base(cpu->apic_opaque, base & ~(uint64_t)(KVM_APIC_ENABLE | KVM_APIC_X2APIC));
    if ((base & KVM_APIC_X2APIC) != 0)
        apic->set_base(cpu->apic_opaque, base & ~(uint64_t)KVM_APIC_X2APIC);
    apic->set_base(cpu->apic_opaque, base);
}

static const char *internal_error_name(uint32_t suberror) {
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION: return "KVM can't emulate an instruction";
    case KVM_INTERNAL_ERROR_SIMUL_EX: return "two exceptions at once";
    case KVM_INTERNAL_ERROR_DELIVERY_EV: return "an exit in the midst of event delivery";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: return "an exit of the processor that KVM does not know";
    default: return "no known reason";
    }
}

static enum KvmAction handle_internal(struct CPUState *cpu, struct kvm_run *run, enum VcpuExit *exit) {
    if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
        return KVM_ACTION_ASSIST;
    return kvm_fail(cpu, exit, "kvm: internal error %u: %s (data %llx %llx)", run->internal.suberror,
                    internal_error_name(run->internal.suberror),
                    (unsigned long long)(run->internal.ndata > 0 ? run->internal.data[0] : 0),
                    (unsigned long long)(run->internal.ndata > 1 ? run->internal.data[1] : 0));
}

static enum KvmAction leave(enum VcpuExit *exit, enum VcpuExit why) {
    *exit = why;
    return KVM_ACTION_LEAVE;
}

enum KvmAction kvm_handle_exit(struct CPUState *cpu, struct kvm_run *run, enum VcpuExit *exit) {
    switch (run->exit_reason) {
    case KVM_EXIT_IO: return handle_io(cpu, run);
    case KVM_EXIT_MMIO: return handle_mmio(cpu, run);
    case KVM_EXIT_X86_RDMSR: return handle_msr(cpu, run, false);
    case KVM_EXIT_X86_WRMSR: return handle_msr(cpu, run, true);
    case KVM_EXIT_INTR:
    case KVM_EXIT_NMI: /* the host's own */
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR: /* the loop takes CR8 over after every exit */ return KVM_ACTION_RUN;
    case KVM_EXIT_HLT: return leave(exit, VCPU_EXIT_HALT);
    case KVM_EXIT_SHUTDOWN:
    case KVM_EXIT_SYSTEM_EVENT: /* only paravirtual interfaces make it; to the machine it is the same */
        return leave(exit, VCPU_EXIT_SHUTDOWN);
    case KVM_EXIT_DEBUG: return leave(exit, VCPU_EXIT_DEBUG);
    case KVM_EXIT_INTERNAL_ERROR: return handle_internal(cpu, run, exit);
    case KVM_EXIT_FAIL_ENTRY:
        return kvm_fail(cpu, exit, "kvm: the processor refuses to enter the guest, hardware reason %#llx",
                        (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_EXCEPTION:
        return kvm_fail(cpu, exit, "kvm: unexpected exception %u, error code %#x", run->ex.exception,
                        run->ex.error_code);
    case KVM_EXIT_UNKNOWN:
        return kvm_fail(cpu, exit, "kvm: an exit that KVM itself does not know, hardware reason %#llx",
                        (unsigned long long)run->hw.hardware_exit_reason);
    default:
        return kvm_fail(cpu, exit, "kvm: unexpected exit %u (%s)", run->exit_reason, kvm_exit_name(run->exit_reason));
    }
}
