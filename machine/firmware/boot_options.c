/* SPDX-License-Identifier: MIT */
/* -boot, as QEMU has it. */
#include "base/lists.h"
#include "machine/firmware/firmware.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_letters(char to[FIRMWARE_BOOT_DEVICES + 1], const char *letters) {
    size_t n = strlen(letters);
    if (n == 0 || n > FIRMWARE_BOOT_DEVICES || strspn(letters, "abcdn") != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strchr(letters + i + 1, letters[i]) != NULL)
            return false;
    memcpy(to, letters, n + 1);
    return true;
}

/* False: that is no right value, *wanted are; or NULL: there is no such option. */
static bool set_option(struct BootOptions *o, const char *key, const char *value, const char **wanted) {
    uint64_t number;
    *wanted = "a, b (floppy), c (disk), d (CD) and n (network), each once, three at most";
    if (strcmp(key, "order") == 0)
        return set_letters(o->order, value);
    if (strcmp(key, "once") == 0)
        return set_letters(o->once, value);
    *wanted = "on or off";
    if (strcmp(key, "menu") == 0)
        return list_switch(value, &o->menu);
    if (strcmp(key, "strict") == 0)
        return list_switch(value, &o->strict);
    *wanted = "0 to 65535 milliseconds";
    if (strcmp(key, "splash-time") == 0) {
        bool good = list_number(value, 0xffff, &number);
        o->splash_ms = good ? (int64_t)number : -1;
        return good;
    }
    if (strcmp(key, "reboot-timeout") == 0) {
        bool good = strcmp(value, "-1") == 0 || list_number(value, 0xffff, &number);
        o->retry_ms = good && value[0] != '-' ? (int64_t)number : -1;
        return good;
    }
    *wanted = NULL;
    return false;
}

static int parse(struct BootOptions *o, char *list, char *why, size_t n) {
    char *key, *value;
    for (bool first = true; list_cut_property(&list, &key, &value); first = false) {
        const char *wanted;
        if (value == NULL && first)
            value = key, key = (char *)"order";
        if (value != NULL && set_option(o, key, value, &wanted))
            continue;
        if (strcmp(key, "splash") == 0)
            snprintf(why, n, "-boot: splash= needs a display, and there is none yet");
        else if (value == NULL || wanted == NULL)
            snprintf(why, n,
                     "-boot: '%s' is not known; order=, once=, menu=, strict=, splash-time= and reboot-timeout= are",
                     key);
        else
            snprintf(why, n, "-boot: %s=%s is not right; %s are", key, value, wanted);
        return -EINVAL;
    }
    return 0;
}

int boot_options_parse(struct BootOptions *o, const char *text, char *why, size_t n) {
    char *list = strdup(text);
    int r = list == NULL ? -ENOMEM : parse(o, list, why, n);
    if (r == -ENOMEM)
        snprintf(why, n, "-boot: out of memory");
    free(list);
    return r;
}
