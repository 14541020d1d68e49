/* SPDX-License-Identifier: MIT */
/* The state hash: SHA-256 over registers, RAM and device states, for tests of repeatability. */
#include "machine/machine.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define PAGE_SIZE 4096

static void put(struct Sha256 *s, uint64_t v) { sha256_update(s, &v, sizeof(v)); }

static void put_segment(struct Sha256 *s, const struct X86Segment *g) {
    put(s, g->selector);
    put(s, g->ar);
    put(s, g->limit);
    put(s, g->base);
}

/* The plain integer fields of env; whole-struct hashing would take in padding. */
#define ENV(f)                                                                                                         \
    { offsetof(CPUX86State, f), sizeof(((CPUX86State *)0)->f) }
static const struct {
    uint16_t offset, size;
} env_fields[] = {
    ENV(gpr),
    ENV(rip),
    ENV(rflags),
    ENV(gdt.base),
    ENV(gdt.limit),
    ENV(idt.base),
    ENV(idt.limit),
    ENV(cr0),
    ENV(cr2),
    ENV(cr3),
    ENV(cr4),
    ENV(pdpte),
    ENV(xcr0),
    ENV(xss),
    ENV(efer),
    ENV(dr),
    ENV(fcw),
    ENV(fsw),
    ENV(ftw),
    ENV(fop),
    ENV(fcs),
    ENV(fds),
    ENV(fip),
    ENV(fdp),
    ENV(mxcsr),
    ENV(vec),
    ENV(star),
    ENV(lstar),
    ENV(cstar),
    ENV(fmask),
    ENV(kernel_gs_base),
    ENV(sysenter_cs),
    ENV(sysenter_esp),
    ENV(sysenter_eip),
    ENV(pat),
    ENV(misc_enable),
    ENV(tsc_aux),
    ENV(tsc_adjust),
    ENV(spec_ctrl),
    ENV(debugctl),
    ENV(mcg_status),
    ENV(tsc_offset),
    ENV(mtrr_def_type),
    ENV(mtrr_fixed),
    ENV(mtrr_var),
    ENV(pkru),
    ENV(int_shadow),
    ENV(nmi_blocked),
    ENV(pending_db),
    ENV(exception.pending),
    ENV(exception.has_error),
    ENV(exception.vector),
    ENV(exception.error),
    ENV(interrupt.pending),
    ENV(interrupt.vector),
};
#undef ENV

static void put_env(struct Sha256 *s, const CPUX86State *env) {
    for (unsigned i = 0; i < sizeof(env_fields) / sizeof(env_fields[0]); i++)
        sha256_update(s, (const uint8_t *)env + env_fields[i].offset, env_fields[i].size);
    for (int i = 0; i < SEG_COUNT; i++)
        put_segment(s, &env->seg[i]);
    put_segment(s, &env->ldt);
    put_segment(s, &env->tr);
    for (int i = 0; i < 8; i++) {
        put(s, env->fpr[i].mantissa);
        put(s, env->fpr[i].sign_exp);
    }
}

/* Pages with something in them, each behind its number; pages that were never touched are skipped unread. */
static void put_ram(struct Sha256 *s, const struct Region *ram) {
    static const uint8_t zero[PAGE_SIZE];
    off_t at = 0;
    while ((at = lseek(ram->memfd, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(ram->memfd, at, SEEK_HOLE);
        for (at &= -PAGE_SIZE; at < end; at += PAGE_SIZE) {
            if (memcmp(ram->host + at, zero, PAGE_SIZE) == 0)
                continue;
            put(s, (uint64_t)at);
            sha256_update(s, ram->host + at, PAGE_SIZE);
        }
    }
}

#define STATE(device)                                                                                                  \
    { offsetof(struct Machine, device.state), sizeof(((struct Machine *)0)->device.state) }
static const struct {
    size_t offset, size;
} device_states[] = {
    STATE(pic),   STATE(pit),    STATE(rtc),  STATE(com1),    STATE(i8042), STATE(port92), STATE(dma),
    STATE(lapic), STATE(ioapic), STATE(hpet), STATE(acpi_pm), STATE(pci),   STATE(fw_cfg),
};
#undef STATE

/* The engine's own interrupt controllers. */
static void put_irqchip(struct Sha256 *s, struct Machine *m) {
    uint8_t state[8192];
    size_t n = m->cpu.accel->ops->irqchip->save(&m->cpu, state, sizeof(state));
    sha256_update(s, state, n < sizeof(state) ? n : sizeof(state));
}

void machine_hash(struct Machine *m, uint8_t digest[32]) {
    struct Sha256 s;
    sha256_init(&s);
    put_env(&s, &m->cpu.env);
    put(&s, m->cpu.insn_count);
    put(&s, m->cpu.halted);
    put(&s, m->cpu.random_count);
    put(&s, m->cpu.icount ? (uint64_t)clock_now(m->clock) : 0);
    put_ram(&s, &m->ram);
    for (unsigned i = 0; i < sizeof(device_states) / sizeof(device_states[0]); i++)
        sha256_update(&s, (const uint8_t *)m + device_states[i].offset, device_states[i].size);
    if (m->config.kernel_irqchip)
        put_irqchip(&s, m);
    sha256_final(&s, digest);
}
