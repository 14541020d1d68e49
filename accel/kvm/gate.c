/* SPDX-License-Identifier: MIT */
/*
 * A gate before KVM_RUN, for changes of the VM that no vCPU in there may see half done. Unlike cpu_exclusive_begin it
 * does not wait for vCPUs to come to the end of what they are about, only for KVM to have let go of them; so it may be
 * closed within device code, with the machine lock held, for which other vCPUs may be waiting.
 */
#include "accel/kvm/kvm.h"

void kvm_gate_init(struct KvmGate *g) {
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->changed, NULL);
    atomic_init(&g->closed, false);
}

void kvm_gate_destroy(struct KvmGate *g) {
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->mutex);
}

/* in_run before looking at `closed`; kvm_gate_close does it the other way round, so one of them sees the other. A kick
 * that comes between here and KVM_RUN has set immediate_exit. */
void kvm_gate_enter(struct KvmVcpu *v) {
    struct KvmGate *g = &v->vm->gate;
    atomic_store(&v->in_run, true);
    if (!atomic_load(&g->closed))
        return;
    pthread_mutex_lock(&g->mutex);
    while (atomic_load(&g->closed)) {
        atomic_store(&v->in_run, false);
        pthread_cond_broadcast(&g->changed);
        pthread_cond_wait(&g->changed, &g->mutex);
    }
    atomic_store(&v->in_run, true);
    pthread_mutex_unlock(&g->mutex);
}

void kvm_gate_leave(struct KvmVcpu *v) {
    struct KvmGate *g = &v->vm->gate;
    atomic_store(&v->in_run, false);
    if (!atomic_load(&g->closed))
        return;
    pthread_mutex_lock(&g->mutex);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

static bool any_in_run(const struct KvmVm *vm) {
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        if (atomic_load(&vm->vcpu[i]->in_run))
            return true;
    return false;
}

void kvm_gate_close(struct KvmVm *vm) {
    struct KvmGate *g = &vm->gate;
    pthread_mutex_lock(&g->mutex);
    atomic_store(&g->closed, true);
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        if (atomic_load(&vm->vcpu[i]->in_run))
            kvm_kick_vcpu(vm->vcpu[i]);
    while (any_in_run(vm))
        pthread_cond_wait(&g->changed, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

void kvm_gate_open(struct KvmVm *vm) {
    struct KvmGate *g = &vm->gate;
    pthread_mutex_lock(&g->mutex);
    atomic_store(&g->closed, false);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}
