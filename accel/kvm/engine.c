/* SPDX-License-Identifier: MIT */
/* kvm behind the engine interface: options and life-cycle. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse(struct KvmVm *vm, const char *options, char *why, size_t n) {
    vm->assist = true;
    for (const char *s = options; *s != '\0' && *s != ':';) {
        int len = (int)strcspn(s, ",:");
        if (len == 9 && memcmp(s, "assist=on", 9) == 0) {
            vm->assist = true;
        } else if (len == 10 && memcmp(s, "assist=off", 10) == 0) {
            vm->assist = false;
        } else {
            snprintf(why, n, "-accel kvm: unknown option '%.*s'; there is assist=on|off", len, s);
            return -EINVAL;
        }
        s += len;
        if (*s == ',')
            s++;
    }
    return 0;
}

static void init_locks(struct KvmVm *vm) {
    pthread_mutex_init(&vm->patch_lock, NULL);
    kvm_gate_init(&vm->gate);
    kvm_time_init(&vm->time);
}

static void destroy_locks(struct KvmVm *vm) {
    kvm_time_destroy(&vm->time);
    kvm_gate_destroy(&vm->gate);
    pthread_mutex_destroy(&vm->patch_lock);
}

static int init(struct Accel *accel, char *why, size_t n) {
    struct KvmVm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL) {
        snprintf(why, n, "kvm: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    vm->bus = accel->bus;
    init_locks(vm);
    int r = parse(vm, accel->options, why, n);
    if (r == 0) {
        char reason[256];
        r = kvm_vm_init(vm, reason, sizeof(reason));
        if (r == 0 && accel->irqchip && (r = kvm_irqchip_create(vm, reason, sizeof(reason))) != 0)
            kvm_vm_destroy(vm);
        if (r == 0 && !accel->irqchip)
            kvm_show_apic_base(vm);
        if (r != 0)
            snprintf(why, n, "kvm: %s", reason);
    }
    if (r != 0) {
        destroy_locks(vm);
        free(vm);
        return r;
    }
    accel->data = vm;
    pthread_mutex_lock(accel->lock);
    kvm_vm_update_slots(vm);
    if (vm->caps.ioeventfd)
        bus_want_doorbells(vm->bus);
    kvm_vm_update_bells(vm);
    pthread_mutex_unlock(accel->lock);
    return 0;
}

static void destroy(struct Accel *accel) {
    struct KvmVm *vm = accel->data;
    kvm_vm_destroy(vm);
    destroy_locks(vm);
    free(vm);
    accel->data = NULL;
}

static const struct AccelFollowOps follow = {.step = kvm_step};

static const struct AccelLookOps look = {
    .doctor = kvm_doctor,
    .caveat = kvm_caveat,
    .describe = kvm_describe,
    .check_points = kvm_check_points,
    .kernel_exits = kvm_kernel_exits,
    .halted_ns = kvm_halted_ns,
};

const struct AccelOps kvm_ops = {
    .name = "kvm",
    .probe = kvm_probe,
    .init = init,
    .destroy = destroy,
    .vcpu_init = kvm_vcpu_init,
    .set_model = kvm_set_model,
    .vcpu_destroy = kvm_vcpu_destroy,
    .exec = kvm_exec,
    .kick = kvm_kick,
    .get_state = kvm_get_state,
    .put_state = kvm_put_state,
    .settle = kvm_settle,
    .follow = &follow,
    .look = &look,
    .irqchip = &kvm_irqchip_ops,
};
