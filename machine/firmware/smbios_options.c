/* SPDX-License-Identifier: MIT */
/* The properties of -smbios, named as QEMU names them. */
#include "base/lists.h"
#include "machine/firmware/smbios_values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum Kind { TEXT, SWITCH, RELEASE, UUID, NUMBER16, NUMBER64 };

static const struct {
    uint8_t type, kind;
    const char *name;
} properties[] = {
    [SMBIOS_BIOS_VENDOR] = {0, TEXT, "vendor"},
    [SMBIOS_BIOS_VERSION] = {0, TEXT, "version"},
    [SMBIOS_BIOS_DATE] = {0, TEXT, "date"},
    [SMBIOS_BIOS_RELEASE] = {0, RELEASE, "release"},
    [SMBIOS_BIOS_UEFI] = {0, SWITCH, "uefi"},
    [SMBIOS_SYSTEM_MANUFACTURER] = {1, TEXT, "manufacturer"},
    [SMBIOS_SYSTEM_PRODUCT] = {1, TEXT, "product"},
    [SMBIOS_SYSTEM_VERSION] = {1, TEXT, "version"},
    [SMBIOS_SYSTEM_SERIAL] = {1, TEXT, "serial"},
    [SMBIOS_SYSTEM_UUID] = {1, UUID, "uuid"},
    [SMBIOS_SYSTEM_SKU] = {1, TEXT, "sku"},
    [SMBIOS_SYSTEM_FAMILY] = {1, TEXT, "family"},
    [SMBIOS_CHASSIS_MANUFACTURER] = {3, TEXT, "manufacturer"},
    [SMBIOS_CHASSIS_VERSION] = {3, TEXT, "version"},
    [SMBIOS_CHASSIS_SERIAL] = {3, TEXT, "serial"},
    [SMBIOS_CHASSIS_ASSET] = {3, TEXT, "asset"},
    [SMBIOS_CHASSIS_SKU] = {3, TEXT, "sku"},
    [SMBIOS_CPU_SOCKET] = {4, TEXT, "sock_pfx"},
    [SMBIOS_CPU_MANUFACTURER] = {4, TEXT, "manufacturer"},
    [SMBIOS_CPU_VERSION] = {4, TEXT, "version"},
    [SMBIOS_CPU_SERIAL] = {4, TEXT, "serial"},
    [SMBIOS_CPU_ASSET] = {4, TEXT, "asset"},
    [SMBIOS_CPU_PART] = {4, TEXT, "part"},
    [SMBIOS_CPU_MAX_SPEED] = {4, NUMBER16, "max-speed"},
    [SMBIOS_CPU_SPEED] = {4, NUMBER16, "current-speed"},
    [SMBIOS_CPU_ID] = {4, NUMBER64, "processor-id"},
    [SMBIOS_DIMM_LOCATOR] = {17, TEXT, "loc_pfx"},
    [SMBIOS_DIMM_BANK] = {17, TEXT, "bank"},
    [SMBIOS_DIMM_MANUFACTURER] = {17, TEXT, "manufacturer"},
    [SMBIOS_DIMM_SERIAL] = {17, TEXT, "serial"},
    [SMBIOS_DIMM_ASSET] = {17, TEXT, "asset"},
    [SMBIOS_DIMM_PART] = {17, TEXT, "part"},
    [SMBIOS_DIMM_SPEED] = {17, NUMBER16, "speed"},
};
enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };
_Static_assert((int)PROPERTIES == (int)SMBIOS_PROPERTIES && PROPERTIES <= SMBIOS_VALUES, "room for all");

bool smbios_release(const char *text, uint8_t *major, uint8_t *minor) {
    unsigned a, b;
    int end = 0;
    if (sscanf(text, "%3u.%3u%n", &a, &b, &end) != 2 || text[end] != '\0' || a > 255 || b > 255)
        return false;
    *major = (uint8_t)a;
    *minor = (uint8_t)b;
    return true;
}

static bool is_right(enum Kind kind, const char *text) {
    uint8_t bytes[16];
    uint64_t number;
    bool on;
    switch (kind) {
    case SWITCH: return list_switch(text, &on);
    case RELEASE: return smbios_release(text, &bytes[0], &bytes[1]);
    case UUID: return uuid_parse(text, bytes);
    case NUMBER16: return list_number(text, UINT16_MAX, &number);
    case NUMBER64: return list_number(text, UINT64_MAX, &number);
    default: return true;
    }
}

static int set_property(struct SmbiosOptions *o, unsigned type, const char *key, const char *value, char *why,
                        size_t n) {
    static const char *const wanted[] = {
        "",           "on or off", "MAJOR.MINOR, each at most 255", "a UUID, 8-4-4-4-12 hexadecimal digits",
        "0 to 65535", "a number",
    };
    unsigned i = 0;
    while (i < PROPERTIES && (properties[i].type != type || strcmp(properties[i].name, key) != 0))
        i++;
    if (i == PROPERTIES || value == NULL) {
        snprintf(why, n, "-smbios: type=%u has no property '%s'%s", type, key,
                 i < PROPERTIES ? " without a value" : "; see twin86's manual page for those that it has");
        return -EINVAL;
    }
    if (!is_right(properties[i].kind, value)) {
        snprintf(why, n, "-smbios: %s=%s is not right; %s is", key, value, wanted[properties[i].kind]);
        return -EINVAL;
    }
    char *copy = strdup(value);
    if (copy == NULL)
        return -ENOMEM;
    free(o->value[i]);
    o->value[i] = copy;
    return 0;
}

static bool is_type(unsigned type) {
    for (unsigned i = 0; i < PROPERTIES; i++)
        if (properties[i].type == type)
            return true;
    return false;
}

static int parse(struct SmbiosOptions *o, char *list, char *why, size_t n) {
    char *key, *value;
    uint64_t type;
    if (!list_cut_property(&list, &key, &value) || strcmp(key, "type") != 0 || value == NULL ||
        !list_number(value, 127, &type)) {
        snprintf(why, n, "-smbios: '%s' where type=N was to come first%s", key,
                 strcmp(key, "file") == 0 ? "; tables from files are not supported" : "");
        return -EINVAL;
    }
    if (!is_type((unsigned)type)) {
        snprintf(why, n, "-smbios: type=%s can't be changed; types 0, 1, 3, 4 and 17 can", value);
        return -EINVAL;
    }
    int r = 0;
    while (r == 0 && list_cut_property(&list, &key, &value))
        r = set_property(o, (unsigned)type, key, value, why, n);
    if (r == 0)
        o->types |= 1u << type;
    return r;
}

int smbios_parse(struct SmbiosOptions *o, const char *text, char *why, size_t n) {
    char *list = strdup(text);
    int r = list == NULL ? -ENOMEM : parse(o, list, why, n);
    if (r == -ENOMEM)
        snprintf(why, n, "-smbios: out of memory");
    free(list);
    return r;
}

void smbios_free(struct SmbiosOptions *o) {
    for (unsigned i = 0; i < SMBIOS_VALUES; i++)
        free(o->value[i]);
    *o = (struct SmbiosOptions){0};
}
