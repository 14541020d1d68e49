/* SPDX-License-Identifier: MIT */
/* Options about firmware. Lists are the library's to read. */
#include "options_internal.h"
#include "values.h"

#include <stdio.h>
#include <string.h>

static bool add(struct Context *c, const char *list[FIRMWARE_OPTIONS_MAX + 1], const char *const **config,
                const char *item) {
    unsigned i = 0;
    while (i < FIRMWARE_OPTIONS_MAX && list[i] != NULL)
        i++;
    if (i == FIRMWARE_OPTIONS_MAX)
        return wrong(c, "given too often; %d times are the most", FIRMWARE_OPTIONS_MAX);
    list[i] = item;
    *config = list;
    return true;
}

bool set_firmware_dir(struct Context *c, char *arg) {
    return add(c, c->o->firmware_dirs, &c->o->config.firmware_dirs, arg);
}

bool set_fw_cfg(struct Context *c, char *arg) { return add(c, c->o->fw_cfg, &c->o->config.fw_cfg, arg); }

bool set_smbios(struct Context *c, char *arg) { return add(c, c->o->smbios, &c->o->config.smbios, arg); }

bool set_option_rom(struct Context *c, char *arg) { return add(c, c->o->option_roms, &c->o->config.option_roms, arg); }

/* Several add up, the last one counts. */
bool set_boot(struct Context *c, char *arg) {
    size_t used = strlen(c->o->boot), room = sizeof(c->o->boot) - used;
    bool named = arg[strcspn(arg, ",=")] == '=';
    if ((size_t)snprintf(c->o->boot + used, room, "%s%s%s", used > 0 ? "," : "", named ? "" : "order=", arg) >= room)
        return wrong(c, "is too long");
    c->o->config.boot = c->o->boot;
    return true;
}

/* The chip of that number; -1: the first that is free. */
static bool add_flash(struct Context *c, const char *file, int unit, bool readonly) {
    enum { CHIPS = sizeof(c->o->config.flash) / sizeof(c->o->config.flash[0]) };
    Twin86Flash *flash = c->o->config.flash;
    for (int i = 0; i < CHIPS && unit < 0; i++)
        if (flash[i].file == NULL)
            unit = i;
    if (unit < 0)
        return wrong(c, "there are %d flash chips at most", CHIPS);
    if (flash[unit].file != NULL)
        return wrong(c, "flash chip %d is given twice", unit);
    flash[unit] = (Twin86Flash){.file = file, .readonly = readonly};
    return true;
}

bool set_pflash(struct Context *c, char *arg) { return add_flash(c, arg, -1, false); }

bool set_flash_drive(struct Context *c, char *arg) {
    const char *file = NULL, *format = "raw";
    char *key, *value, *list = arg;
    uint64_t unit = 0;
    bool readonly = false, has_unit = false;
    while (next_item(&list, &key, &value)) {
        if (value == NULL)
            return wrong(c, "'%s' is not known; if=pflash,format=raw,file=PATH[,unit=N][,readonly=on] is right", key);
        if (strcmp(key, "file") == 0)
            file = value;
        else if (strcmp(key, "format") == 0)
            format = value;
        else if (strcmp(key, "unit") == 0 || strcmp(key, "index") == 0)
            has_unit = parse_number(value, sizeof(c->o->config.flash) / sizeof(c->o->config.flash[0]) - 1, &unit);
        else if (strcmp(key, "readonly") != 0 && strcmp(key, "read-only") != 0 && strcmp(key, "id") != 0 &&
                 strcmp(key, "if") != 0)
            return wrong(c, "'%s=' is not known; if=, format=, file=, unit=, readonly= and id= are", key);
        else if (key[0] == 'r' && !parse_switch(value, &readonly))
            return wrong(c, "%s=%s is not right; on and off are", key, value);
        if ((key[0] == 'u' || strcmp(key, "index") == 0) && !has_unit)
            return wrong(c, "%s=%s is not right; flash chips are 0 and 1", key, value);
    }
    if (strcmp(format, "raw") != 0)
        return wrong(c, "format=%s is not supported for flash chips; raw is", format);
    if (file == NULL || file[0] == '\0')
        return wrong(c, "file= is missing");
    return add_flash(c, file, has_unit ? (int)unit : -1, readonly);
}

/* Properties of devices that are there without being asked for. */
bool set_global(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    uint64_t port;
    bool on;
    if (!next_item(&list, &key, &value) || value == NULL || list != NULL)
        return wrong(c, "DEVICE.PROPERTY=VALUE is right");
    if (strcmp(key, "isa-debugcon.iobase") == 0) {
        if (!parse_number(value, UINT16_MAX, &port))
            return wrong(c, "%s=%s is out of range; 0 to 0xffff are right", key, value);
        c->o->config.debugcon_port = (uint16_t)port;
        return true;
    }
    bool s3 = strcmp(key, "PIIX4_PM.disable_s3") == 0;
    if (!s3 && strcmp(key, "PIIX4_PM.disable_s4") != 0)
        return wrong(c, "'%s' is not known; isa-debugcon.iobase and PIIX4_PM.disable_s3, _s4 are", key);
    if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0)
        on = value[0] == '1';
    else if (!parse_switch(value, &on))
        return wrong(c, "%s=%s is not right; 0 or 1 is", key, value);
    *(s3 ? &c->o->config.no_s3 : &c->o->config.no_s4) = on;
    return true;
}
