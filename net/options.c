/* SPDX-License-Identifier: MIT */
/* Keys of host ends. See options.h. */
#include "net/options.h"
#include "base/lists.h"
#include "base/nearest.h"
#include "base/why.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct NetKey *find_key(const struct NetKey *keys, const char *name) {
    for (const struct NetKey *k = keys; k->name != NULL; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static int unknown(const struct NetKey *keys, const char *option, const char *name, char *why, size_t n) {
    struct Nearest near = {0};
    for (const struct NetKey *k = keys; k->name != NULL; k++)
        nearest_consider(&near, name, k->name);
    if (near.name == NULL)
        return why_set(why, n, -EINVAL, "%s: there is no '%s'; id= alone is there", option, name);
    return why_set(why, n, -EINVAL, "%s: there is no '%s'; the nearest is '%s'", option, name, near.name);
}

static bool is_switch(const struct NetKey *k) { return k->kind == NET_KEY_SWITCH || k->kind == NET_KEY_TRISTATE; }

static int set_switch(void *to, const struct NetKey *k, const char *option, const char *value, char *why, size_t n) {
    static const struct {
        const char *word;
        bool on;
    } words[] = {{"on", true},   {"yes", true}, {"true", true},   {"y", true},
                 {"off", false}, {"no", false}, {"false", false}, {"n", false}};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, value) != 0)
            continue;
        if (k->kind == NET_KEY_SWITCH)
            *(bool *)to = words[i].on;
        else
            *(int *)to = words[i].on;
        return 0;
    }
    return why_set(why, n, -EINVAL, "%s: %s=%s: say on or off", option, k->name, value);
}

static int set(const struct NetKey *k, void *options, const char *option, char *value, char *why, size_t n) {
    void *to = (char *)options + k->member;
    struct NetList *list = to;
    switch (k->kind) {
    case NET_KEY_TEXT: *(const char **)to = value; return 0;
    case NET_KEY_LIST:
        if (list->count == NET_LIST_MAX)
            return why_set(why, n, -EINVAL, "%s: %s= is given too often; %d times are the most", option, k->name,
                           NET_LIST_MAX);
        list->item[list->count++] = value;
        return 0;
    case NET_KEY_SWITCH:
    case NET_KEY_TRISTATE: return set_switch(to, k, option, value, why, n);
    case NET_KEY_NUMBER:
        if (list_number(value, k->most, to))
            return 0;
        return why_set(why, n, -EINVAL, "%s: %s=%s is not a number from 0 to %" PRIu64, option, k->name, value,
                       k->most);
    case NET_KEY_FIXED: break;
    }
    return strcmp(value, k->only) == 0 ? 0
                                       : why_set(why, n, -EINVAL, "%s: %s=%s is not supported; only %s=%s is", option,
                                                 k->name, value, k->name, k->only);
}

int net_set_key(const struct NetKey *keys, void *options, const char *option, const char *key, char *value, char *why,
                size_t n) {
    static char on[] = "on", off[] = "off";
    const struct NetKey *k = find_key(keys, key);
    if (k == NULL && value == NULL && strncmp(key, "no", 2) == 0) {
        k = find_key(keys, key + 2);
        if (k != NULL && is_switch(k))
            return set(k, options, option, off, why, n);
        k = NULL;
    }
    if (k == NULL)
        return unknown(keys, option, key, why, n);
    if (value == NULL && !is_switch(k))
        return why_set(why, n, -EINVAL, "%s: '%s' needs a value: %s=...", option, key, key);
    return set(k, options, option, value != NULL ? value : on, why, n);
}
