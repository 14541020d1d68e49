/* SPDX-License-Identifier: MIT */
/* The engines of this build, and the choice among them. */
#include "accel/registry.h"
#include "accel/kvm/engine.h"
#include "accel/tcg-lite/engine.h"
#include "base/why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifndef HAVE_KVM
/* The name is known, so that "kvm:tcg-lite" works with a build that lacks the engine. */
static int kvm_absent(char *why, size_t n) {
    snprintf(why, n, "this build does not have that engine");
    return -ENOTSUP;
}

const struct AccelOps kvm_ops = {.name = "kvm", .probe = kvm_absent};
#endif

const struct AccelOps *const accel_engines[] = {
    &tcg_lite_ops,
    &kvm_ops,
    NULL,
};

static const struct AccelOps *find(const struct AccelOps *const *engines, const char *name, size_t len) {
    for (; *engines; engines++)
        if (strlen((*engines)->name) == len && !memcmp((*engines)->name, name, len))
            return *engines;
    return NULL;
}

const struct AccelOps *accel_software(void) { return &tcg_lite_ops; }

const struct AccelOps *accel_find(const char *name) { return find(accel_engines, name, strlen(name)); }

/* One item of the list: "name" or "name,options". */
struct Item {
    const char *name, *options;
    size_t name_len, len;
};

static struct Item item_at(const char *s) {
    struct Item i = {.name = s, .len = strcspn(s, ":"), .name_len = strcspn(s, ":,")};
    i.options = i.name_len < i.len ? s + i.name_len + 1 : "";
    return i;
}

static int check_names(const struct AccelOps *const *engines, const char *list, char *why, size_t n) {
    for (const char *s = list;; s++) {
        struct Item i = item_at(s);
        if (!find(engines, i.name, i.name_len)) {
            why_add(why, n, "unknown engine '%.*s'; this build has:", (int)i.name_len, i.name);
            for (; *engines; engines++)
                why_add(why, n, " %s", (*engines)->name);
            return -EINVAL;
        }
        s += i.len;
        if (!*s)
            return 0;
    }
}

int accel_choose_from(const struct AccelOps *const *engines, const char *list, const struct AccelOps **chosen,
                      const char **options, char *why, size_t n) {
    if (n)
        why[0] = 0;
    int err = check_names(engines, list, why, n);
    if (err)
        return err;
    for (const char *s = list;; s++) {
        struct Item i = item_at(s);
        const struct AccelOps *ops = find(engines, i.name, i.name_len);
        char reason[256] = "";
        err = ops->probe ? ops->probe(reason, sizeof(reason)) : 0;
        if (!err) {
            *chosen = ops;
            *options = i.options;
            if (s != list)
                why_add(why, n, "; using %s", ops->name);
            return 0;
        }
        why_add(why, n, "%s%s: %s", s == list ? "" : "; ", ops->name, reason[0] ? reason : strerror(-err));
        s += i.len;
        if (!*s)
            return err;
    }
}

int accel_choose(const char *list, const struct AccelOps **chosen, const char **options, char *why, size_t n) {
    return accel_choose_from(accel_engines, list, chosen, options, why, n);
}
