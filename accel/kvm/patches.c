/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints as bytes in the guest's memory (INT3 or HLT), which all vCPUs share: a byte stands there from the first
 * one that runs until the last one has left KVM_RUN. Who has to execute what such a byte hides does it alone: the
 * others are stopped, and for that moment memory is as the guest has it.
 */
#include "accel/kvm/kvm.h"
#include "cpu/exclusive.h"

static uint8_t look(const uint8_t *host) { return *(const volatile uint8_t *)host; }
static void store(uint8_t *host, uint8_t byte) { *(volatile uint8_t *)host = byte; }

/* Another breakpoint at this byte, of whatever vCPU; NULL: none. */
static struct KvmPatch *find_other(struct KvmVm *vm, const struct KvmPatch *self) {
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++) {
        struct KvmDebug *k = &vm->vcpu[i]->debug;
        for (unsigned n = 0; n < k->patches; n++)
            if (&k->patch[n] != self && k->patch[n].host == self->host)
                return &k->patch[n];
    }
    return NULL;
}

/* The guest has overwritten one, which is put there again. */
static void guest_has(struct KvmVm *vm, const uint8_t *host, uint8_t byte) {
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++) {
        struct KvmDebug *k = &vm->vcpu[i]->debug;
        for (unsigned n = 0; n < k->patches; n++)
            if (k->patch[n].host == host)
                k->patch[n].byte = byte;
    }
}

void kvm_patches_set(struct KvmVcpu *v, const struct KvmDebug *wanted) {
    struct KvmDebug *k = &v->debug;
    uint8_t *host[CPU_POINTS];
    if (wanted->patches == 0)
        return;
    for (unsigned i = 0; i < wanted->patches; i++)
        host[i] = kvm_byte_at(v->cpu, wanted->patch[i].point.address);
    pthread_mutex_lock(&v->vm->patch_lock);
    for (k->patches = 0; k->patches < wanted->patches; k->patches++) {
        struct KvmPatch *p = &k->patch[k->patches];
        *p = (struct KvmPatch){.point = wanted->patch[k->patches].point, .host = host[k->patches]};
        if (p->host == NULL)
            continue;
        const struct KvmPatch *other = find_other(v->vm, p);
        bool there = other != NULL && look(p->host) == wanted->opcode;
        p->byte = there ? other->byte : look(p->host);
        guest_has(v->vm, p->host, p->byte);
        store(p->host, wanted->opcode);
    }
    k->opcode = wanted->opcode;
    pthread_mutex_unlock(&v->vm->patch_lock);
}

/* What the guest itself has written there stays. */
static void put_back(const struct KvmPatch *p, uint8_t opcode) {
    if (p->host != NULL && look(p->host) == opcode)
        store(p->host, p->byte);
}

void kvm_patches_clear(struct KvmVcpu *v) {
    struct KvmDebug *k = &v->debug;
    if (k->patches == 0)
        return;
    pthread_mutex_lock(&v->vm->patch_lock);
    while (k->patches > 0) {
        struct KvmPatch *p = &k->patch[k->patches - 1];
        if (p->host != NULL && find_other(v->vm, p) == NULL)
            put_back(p, k->opcode);
        p->host = NULL;
        k->patches--;
    }
    pthread_mutex_unlock(&v->vm->patch_lock);
}

/* The world is stopped: a vCPU that waits for its turn within an instruction still has its bytes there. */
static void hide(struct KvmVm *vm) {
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        for (unsigned n = 0; n < vm->vcpu[i]->debug.patches; n++)
            put_back(&vm->vcpu[i]->debug.patch[n], vm->vcpu[i]->debug.opcode);
}

/* All bytes are read before the first is written: two breakpoints may be at one. */
static void show(struct KvmVm *vm) {
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++) {
            struct KvmDebug *k = &vm->vcpu[i]->debug;
            for (unsigned n = 0; n < k->patches; n++) {
                struct KvmPatch *p = &k->patch[n];
                if (p->host != NULL && pass == 0)
                    p->byte = look(p->host);
                else if (p->host != NULL)
                    store(p->host, k->opcode);
            }
        }
}

void kvm_patches_alone(struct KvmVcpu *v) {
    struct KvmDebug wanted;
    if (v->alone || cpu_is_alone(v->cpu))
        return;
    kvm_debug_allot(&wanted, &v->cpu->debug, true, v->vm->stops);
    if (wanted.patches == 0)
        return;
    cpu_exclusive_begin(v->cpu->group, v->cpu);
    hide(v->vm);
    v->alone = true;
}

void kvm_patches_together(struct KvmVcpu *v) {
    if (!v->alone)
        return;
    show(v->vm);
    v->alone = false;
    cpu_exclusive_end(v->cpu->group);
}
