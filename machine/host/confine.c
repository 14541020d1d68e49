/* SPDX-License-Identifier: MIT */
/* The machine's threads in the sandbox (sandbox/sandbox.h). */
#include "base/why.h"
#include "machine/machine.h"
#include "net/user.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum SandboxThread machine_sandbox_for(const char *accel) {
    enum SandboxThread kind = SANDBOX_VCPU;
    for (const char *item = accel; item != NULL; item = strchr(item, ':')) {
        char name[32];
        item += *item == ':';
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(item, ":,"), item);
        const struct AccelOps *ops = accel_find(name);
        if (ops != NULL && !ops->software)
            kind = SANDBOX_VCPU_KVM;
    }
    return kind;
}

bool machine_sandbox_allows(const struct Machine *m, const struct AccelOps *ops, char *why, size_t n) {
    bool allowed = !atomic_load(&m->sandbox.closed) || ops->software || m->vcpu_sandbox == SANDBOX_VCPU_KVM;
    if (!allowed)
        why_set(why, n, 0, "the sandbox was closed for engines in software alone; name %s in -accel from the start",
                ops->name);
    return allowed;
}

/* What libslirp's networks add. */
static int add_networks(const struct Machine *m, struct SandboxOptions *o, char *why, size_t n) {
    for (const struct Netdev *d = m->net.netdevs; d != NULL; d = d->next) {
        struct UserNeeds needs = user_is(d) ? user_needs(d) : (struct UserNeeds){0};
        o->user_network |= user_is(d);
        o->tftp |= needs.files;
        if (needs.programs && !o->spawn)
            return why_set(why, n, -EPERM,
                           "the network '%s' starts programs (guestfwd=...-cmd:), which takes spawn=allow", d->id);
    }
    return 0;
}

int machine_confine(struct Machine *m, const struct SandboxOptions *o, char *why, size_t n) {
    if (machine_running(m))
        return why_set(why, n, -EBUSY, "the guest is running; stop it first");
    if (atomic_load(&m->sandbox.closed))
        return why_set(why, n, -EBUSY, "the sandbox is closed already");
    sandbox_set_failed(&m->sandbox, machine_sandbox_failed, m);
    struct SandboxOptions whole = *o;
    int r = add_networks(m, &whole, why, n);
    return r != 0 ? r : sandbox_close(&m->sandbox, &whole, why, n);
}
