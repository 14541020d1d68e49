/* SPDX-License-Identifier: MIT */
/* The command line: one table of options, named as QEMU names them. See options.h. */
#include "cli/terminal/screen.h"
#include "options_internal.h"
#include "values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool wrong(const struct Context *c, const char *format, ...) {
    va_list ap;
    int used = snprintf(c->why, c->n, "%s: ", c->name);
    va_start(ap, format);
    if (used >= 0 && (size_t)used < c->n)
        vsnprintf(c->why + used, c->n - used, format, ap);
    va_end(ap);
    return false;
}

/* ---- options ---- */

static bool set_kernel(struct Context *c, char *arg) { return c->o->guest.kernel = arg, true; }
static bool set_initrd(struct Context *c, char *arg) { return c->o->guest.initrd = arg, true; }
static bool set_append(struct Context *c, char *arg) { return c->o->guest.append = arg, true; }
static bool set_bios(struct Context *c, char *arg) { return c->o->guest.bios = arg, true; }
static bool set_log_file(struct Context *c, char *arg) { return c->o->log_file = arg, true; }
static bool set_help(struct Context *c, char *arg) { return (void)arg, c->o->action = ACTION_HELP, true; }
static bool set_version(struct Context *c, char *arg) { return (void)arg, c->o->action = ACTION_VERSION, true; }
static bool set_no_reboot(struct Context *c, char *arg) { return (void)arg, c->o->config.no_reboot = true; }
static bool set_no_shutdown(struct Context *c, char *arg) { return (void)arg, c->o->no_shutdown = true; }
static bool set_stopped(struct Context *c, char *arg) { return (void)arg, c->o->stopped = true; }
static bool set_no_hpet(struct Context *c, char *arg) { return (void)arg, c->o->config.no_hpet = true; }
static bool set_no_acpi(struct Context *c, char *arg) { return (void)arg, c->o->config.no_acpi = true; }
static bool set_no_defaults(struct Context *c, char *arg) { return (void)arg, c->o->no_defaults = true; }
static bool accept(struct Context *c, char *arg) { return (void)c, (void)arg, true; }

static bool set_memory(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    while (next_item(&list, &key, &value)) {
        if (value != NULL && strcmp(key, "size") != 0)
            return wrong(c, "'%s=' is not supported; use -m SIZE", key);
        const char *text = value != NULL ? value : key;
        uint64_t bytes;
        if (!parse_size(text, &bytes))
            return wrong(c, "'%s' is not a size; write 512M or 2G", text);
        if (bytes < 1u << 20)
            return wrong(c, "%s is too little RAM; give at least 1M (Linux needs 64M)", text);
        if (bytes > 1ull << 40)
            return wrong(c, "%s is too much RAM; 1T is the most", text);
        if (bytes % 4096 != 0)
            return wrong(c, "%s is not a multiple of 4K", text);
        c->o->config.ram_size = bytes;
    }
    return true;
}

static bool set_cpu(struct Context *c, char *arg) {
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0)
        c->o->action = ACTION_CPU;
    c->o->config.cpu = arg;
    return true;
}

/* A list of engines, in which "tcg", QEMU's name for execution in software, is tcg-lite. */
static bool choose_accel(struct Context *c, const char *list) {
    static const char alias[] = "tcg";
    char *text = c->o->accel;
    size_t used = 0, size = sizeof(c->o->accel);
    for (const char *item = list; item != NULL && used < size;) {
        size_t length = strcspn(item, ":"), name = strcspn(item, ":,");
        bool is_alias = name == strlen(alias) && memcmp(item, alias, name) == 0;
        used += (size_t)snprintf(text + used, size - used, "%s%.*s%s", is_alias ? "tcg-lite" : "",
                                 (int)(length - (is_alias ? name : 0)), item + (is_alias ? name : 0),
                                 item[length] == ':' ? ":" : "");
        item = item[length] == ':' ? item + length + 1 : NULL;
    }
    c->o->config.accel = text;
    return used < size || wrong(c, "the list of engines is too long");
}

static bool set_accel(struct Context *c, char *arg) {
    if (strcmp(arg, "help") == 0)
        c->o->action = ACTION_ACCEL;
    return choose_accel(c, arg);
}

static bool set_enable_kvm(struct Context *c, char *arg) { return (void)arg, c->o->config.accel = "kvm", true; }

/* Properties of -machine that are on or off. */
static const struct Switch {
    const char *name;
    bool inverse; /* the library's member is true for "off" */
    size_t member;
} machine_switches[] = {
    {"kernel-irqchip", false, offsetof(Twin86Config, kernel_irqchip)},
    {"kernel_irqchip", false, offsetof(Twin86Config, kernel_irqchip)},
    {"hpet", true, offsetof(Twin86Config, no_hpet)},
    {"acpi", true, offsetof(Twin86Config, no_acpi)},
};
enum { MACHINE_SWITCHES = sizeof(machine_switches) / sizeof(machine_switches[0]) };

static const struct Switch *find_switch(const char *name) {
    for (unsigned i = 0; i < MACHINE_SWITCHES; i++)
        if (strcmp(machine_switches[i].name, name) == 0)
            return &machine_switches[i];
    return NULL;
}

static bool set_switch(struct Context *c, const struct Switch *s, const char *value) {
    bool on;
    if (!parse_switch(value, &on))
        return wrong(c, "%s=%s is not supported; on and off are", s->name, value);
    *(bool *)((char *)&c->o->config + s->member) = on != s->inverse;
    return true;
}

static bool set_kernel_firmware(struct Context *c, const char *value) {
    bool on;
    if (!parse_switch(value, &on))
        return wrong(c, "kernel-firmware=%s is not supported; on and off are", value);
    c->o->config.kernel_firmware = on ? TWIN86_KERNEL_FIRMWARE_ON : TWIN86_KERNEL_FIRMWARE_OFF;
    return true;
}

static bool set_machine_type(struct Context *c, const char *type) {
    static const char *const known[] = {"twin86", "pc", "q35", NULL};
    if (strcmp(type, "help") == 0) {
        c->o->action = ACTION_MACHINE;
        return true;
    }
    for (unsigned i = 0; known[i] != NULL; i++)
        if (strcmp(known[i], type) == 0)
            return true;
    return wrong(c, "unknown machine '%s'; there is one, called twin86, pc or q35", type);
}

static bool set_machine(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    bool good = true;
    for (bool first = true; good && next_item(&list, &key, &value); first = false) {
        const struct Switch *s = find_switch(key);
        if (value != NULL && strcmp(key, "accel") == 0)
            good = choose_accel(c, value);
        else if (value != NULL && strcmp(key, "kernel-firmware") == 0)
            good = set_kernel_firmware(c, value);
        else if (value != NULL && s != NULL)
            good = set_switch(c, s, value);
        else if (value != NULL ? strcmp(key, "type") == 0 : first)
            good = set_machine_type(c, value != NULL ? value : key);
        else
            good = wrong(c,
                         "'%s' is not a machine property; type=, accel=, kernel-irqchip=, kernel-firmware=, hpet= and "
                         "acpi= are",
                         key);
    }
    return good;
}

/* Processors and how they sit in sockets; the library knows what follows from what. */
static bool set_smp(struct Context *c, char *arg) {
    static const char *const keys[] = {"cpus", "maxcpus", "sockets", "dies", "clusters", "cores", "threads"};
    enum { CLUSTERS = 4, KEYS = sizeof(keys) / sizeof(keys[0]) };
    uint64_t number[KEYS] = {0};
    char *key, *value, *list = arg;
    for (bool first = true; next_item(&list, &key, &value); first = false) {
        unsigned k = 0;
        while (k < KEYS && strcmp(keys[k], value != NULL ? key : first ? "cpus" : "") != 0)
            k++;
        if (k == KEYS)
            return wrong(c,
                         "'%s' is not known; a number, cpus=, maxcpus=, sockets=, dies=, clusters=, cores= and "
                         "threads= are",
                         key);
        const char *text = value != NULL ? value : key;
        if (!parse_number(text, 1u << 16, &number[k]) || number[k] == 0)
            return wrong(c, "'%s' is no number of %s; 1 to 64 are", text, keys[k]);
    }
    if (number[CLUSTERS] > 1)
        return wrong(c, "a PC has no clusters of cores; leave clusters= out, or use dies=");
    Twin86Config *config = &c->o->config;
    unsigned *const field[KEYS] = {&config->cpus, &config->max_cpus, &config->sockets, &config->dies,
                                   NULL,          &config->cores,    &config->threads};
    for (unsigned k = 0; k < KEYS; k++)
        if (field[k] != NULL)
            *field[k] = (unsigned)number[k];
    return true;
}

static bool set_name(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    bool on;
    for (bool first = true; next_item(&list, &key, &value); first = false) {
        if (value == NULL ? first : strcmp(key, "guest") == 0)
            c->o->config.name = value != NULL ? value : key;
        else if (value != NULL && strcmp(key, "process") == 0)
            c->o->process_name = value;
        else if (value != NULL && strcmp(key, "debug-threads") == 0 && parse_switch(value, &on))
            ; /* threads have names in any case */
        else
            return wrong(c, "'%s' is not known; NAME, guest=NAME, process=NAME and debug-threads=on|off are", key);
    }
    return true;
}

static bool set_uuid(struct Context *c, char *arg) {
    c->o->config.uuid = c->o->uuid;
    return parse_uuid(arg, c->o->uuid) || wrong(c,
                                                "'%s' is no UUID; 32 hexadecimal digits as 8-4-4-4-12 are, such as "
                                                "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                                                arg);
}

/* The keyboard's layout, for viewers that have characters where the guest wants keys. There is none yet. */
static bool set_layout(struct Context *c, char *arg) {
    static const char *const known[] = {"ar", "bepo",  "cz", "da", "de",    "de-ch", "en-gb", "en-us", "es",
                                        "et", "fi",    "fo", "fr", "fr-be", "fr-ca", "fr-ch", "hr",    "hu",
                                        "is", "it",    "ja", "lt", "lv",    "mk",    "nl",    "no",    "pl",
                                        "pt", "pt-br", "ru", "sl", "sv",    "th",    "tr"};
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i], arg) == 0)
            return true;
    return wrong(c, "unknown keyboard layout '%s'; such as en-us, de or fr-ch are known", arg);
}

static bool is_none(const char *arg) { return strcmp(arg, "none") == 0 || strcmp(arg, "null") == 0; }

static bool set_gdb(struct Context *c, char *arg) { return is_none(arg) || add_server(c, arg, twin86_serve_gdb); }

static bool set_gdb_default(struct Context *c, char *arg) { return (void)arg, set_gdb(c, "tcp::1234"); }

/* Things that twin86 does not have; hands type the option to switch them off. */
static bool set_display(struct Context *c, char *arg) {
    if (strncmp(arg, "vnc=", 4) == 0)
        return add_server(c, arg + 4, twin86_serve_vnc);
    c->o->curses = strcmp(arg, "curses") == 0;
    if (c->o->curses && !screen_is_there())
        return wrong(c, "this build has no ncurses (libncurses-dev), so no curses; none is there");
    return c->o->curses || strcmp(arg, "none") == 0 ||
           wrong(c, "'%s' is not supported; curses, vnc=... and none are", arg);
}

static bool set_vnc(struct Context *c, char *arg) { return is_none(arg) || add_server(c, arg, twin86_serve_vnc); }

static bool set_no_graphics(struct Context *c, char *arg) { return (void)arg, c->o->no_graphics = true; }

static bool set_vga(struct Context *c, char *arg) {
    bool std = strcmp(arg, "std") == 0;
    c->o->vga_given = true;
    c->o->config.vga = std ? TWIN86_VGA_STD : TWIN86_VGA_NONE;
    return std || strcmp(arg, "none") == 0 || wrong(c, "'%s' is not supported; std and none are", arg);
}

static bool set_icount(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    c->o->config.icount = true;
    while (next_item(&list, &key, &value)) {
        const char *text = value != NULL ? value : key;
        uint64_t shift;
        if (value != NULL && (strcmp(key, "sleep") == 0 || strcmp(key, "align") == 0)) {
            if (strcmp(value, "off") != 0)
                return wrong(c, "%s=%s is not supported; time never waits for the host's", key, value);
            continue;
        }
        if (value != NULL && strcmp(key, "shift") != 0)
            return wrong(c, "'%s=' is not known; use shift=N", key);
        if (strcmp(text, "auto") == 0)
            return wrong(c, "shift=auto would make runs differ; give shift=0 to shift=10");
        if (!parse_number(text, 10, &shift))
            return wrong(c, "shift must be 0 to 10 (an instruction takes 2^shift ns), not '%s'", text);
        c->o->config.icount_shift = (unsigned)shift;
    }
    return true;
}

static bool set_handover(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    c->o->config.handover = true;
    while (next_item(&list, &key, &value)) {
        if (value == NULL || strcmp(key, "every") != 0)
            return wrong(c, "'%s' is not known; use every=MILLISECONDS or every=50us", key);
        size_t n = strlen(value);
        bool micro = n > 2 && strcmp(value + n - 2, "us") == 0;
        if (micro)
            value[n - 2] = '\0';
        if (!parse_number(value, 1000000, &c->o->handover_us) || c->o->handover_us == 0)
            return wrong(c, "every=%s is out of range; 1 to 1000000 (milliseconds, or with us microseconds) is right",
                         value);
        c->o->handover_us *= micro ? 1 : 1000;
    }
    return true;
}

static bool set_rtc(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    while (next_item(&list, &key, &value)) {
        int64_t *start = &c->o->config.rtc_start;
        time_t now = time(NULL);
        struct tm local;
        if (value == NULL || strcmp(key, "base") != 0)
            return wrong(c, "'%s' is not supported; use base=utc, base=localtime or base=DATE", key);
        if (strcmp(value, "utc") == 0)
            *start = INT64_MIN;
        else if (strcmp(value, "localtime") == 0)
            *start = now + (localtime_r(&now, &local) != NULL ? local.tm_gmtoff : 0);
        else if (!parse_date(value, start))
            return wrong(c, "'%s' is no date; write 2026-01-31 or 2026-01-31T12:00:00", value);
    }
    return true;
}

static void add_debug_exit(Twin86Config *config) { config->debug_exit = true; }
static void set_exit_port(Twin86Config *config, uint64_t v) { config->debug_exit_port = (uint16_t)v; }
static void set_exit_ports(Twin86Config *config, uint64_t v) { config->debug_exit_ports = (uint16_t)v; }
static void add_pvpanic(Twin86Config *config) { config->pvpanic = true; }
static void add_testdev(Twin86Config *config) { config->pc_testdev = true; }
static void set_panic_port(Twin86Config *config, uint64_t v) { config->pvpanic_port = (uint16_t)v; }
static void set_panic_events(Twin86Config *config, uint64_t v) { config->pvpanic_events = (uint8_t)v; }

struct Property {
    const char *name;
    uint64_t least, most;
    const char *range; /* in words */
    void (*set)(Twin86Config *config, uint64_t v);
};

/* What -device adds to the machine. */
static const struct {
    const char *name;
    void (*add)(Twin86Config *config);
    struct Property property[2];
} optional_devices[] = {
    {"isa-debug-exit",
     add_debug_exit,
     {{"iobase", 0, 0xfffc, "ports end at 0xfffc", set_exit_port},
      {"iosize", 1, 4, "1 to 4 are right", set_exit_ports}}},
    {"pvpanic",
     add_pvpanic,
     {{"ioport", 1, 0xffff, "1 to 0xffff are right", set_panic_port},
      {"events", 1, 3, "1 to 3 are right", set_panic_events}}},
    {"pc-testdev", add_testdev, {{0}}},
};
enum { OPTIONAL_DEVICES = sizeof(optional_devices) / sizeof(optional_devices[0]) };

static bool set_properties(struct Context *c, const char *device, const struct Property p[2], char *list) {
    char *key, *value;
    uint64_t v;
    while (next_item(&list, &key, &value)) {
        if (p[0].name == NULL)
            return wrong(c, "%s has no property '%s'; it has none at all", device, key);
        const struct Property *known = strcmp(key, p[0].name) == 0 ? &p[0] : &p[1];
        if (value == NULL || strcmp(key, known->name) != 0)
            return wrong(c, "%s has no property '%s'; %s= and %s= exist", device, key, p[0].name, p[1].name);
        if (!parse_number(value, known->most, &v) || v < known->least)
            return wrong(c, "%s=%s is out of range; %s", key, value, known->range);
        known->set(&c->o->config, v);
    }
    return true;
}

static bool set_device(struct Context *c, char *arg) {
    size_t length = strcspn(arg, ",");
    char name[64];
    bool unknown = false;
    snprintf(name, sizeof(name), "%.*s", (int)length, arg);
    if (strcmp(name, "help") == 0 || strcmp(name, "?") == 0 || strcmp(arg + length, ",help") == 0)
        return c->o->action = ACTION_DEVICE, true;
    for (unsigned k = 0; k < OPTIONAL_DEVICES; k++) {
        if (strcmp(name, optional_devices[k].name) != 0)
            continue;
        optional_devices[k].add(&c->o->config);
        return set_properties(c, name, optional_devices[k].property, arg[length] != '\0' ? arg + length + 1 : NULL);
    }
    return add_device(c, name, arg, &unknown) ||
           (unknown && wrong(c, "unknown device '%s'; -device help lists what there is", name));
}

/* The index of `value` in the list; -1 and a message that names them all. */
static int choose(struct Context *c, const char *key, const char *value, const char *const *list) {
    char names[100] = "";
    for (int i = 0; list[i] != NULL; i++) {
        if (value != NULL && strcmp(list[i], value) == 0)
            return i;
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? "|" : "", list[i]);
    }
    wrong(c, "%s=%s is not known; %s=%s is right", key, value != NULL ? value : "", key, names);
    return -1;
}

/* What is done upon what the guest does. */
static bool set_action(struct Context *c, char *arg) {
    static const char *const reboots[] = {"reset", "shutdown", NULL}, *const shutdowns[] = {"poweroff", "pause", NULL},
                             *const panics[] = {"shutdown", "pause", "none", "exit-failure", NULL};
    struct Options *o = c->o;
    char *key, *value, *list = arg;
    int v = 0;
    while (v >= 0 && next_item(&list, &key, &value)) {
        if (strcmp(key, "reboot") == 0)
            o->config.no_reboot = (v = choose(c, key, value, reboots)) == 1;
        else if (strcmp(key, "shutdown") == 0)
            o->no_shutdown = (v = choose(c, key, value, shutdowns)) == 1;
        else if (strcmp(key, "panic") == 0)
            o->on_panic = (v = choose(c, key, value, panics)) == 1 ? TWIN86_PANIC_PAUSE
                          : v == 2                                 ? TWIN86_PANIC_NONE
                                   : TWIN86_PANIC_SHUTDOWN; /* twin86's exit code is not 0 then anyway */
        else
            return wrong(c, "'%s' is not known; reboot=, shutdown= and panic= are", key);
    }
    return v >= 0;
}

/* An item that the library logs while the guest runs. */
static bool add_trace_item(struct Context *c, const char *name) {
    char *trace = c->o->trace;
    unsigned i = 0;
    while (twin86_trace_item_name(i) != NULL && strcmp(twin86_trace_item_name(i), name) != 0)
        i++;
    if (twin86_trace_item_name(i) == NULL)
        return wrong(c, "unknown item '%s'; -d help lists what there is", name);
    size_t used = strlen(trace);
    if (used + strlen(name) + 2 > sizeof(c->o->trace))
        return wrong(c, "too many items");
    snprintf(trace + used, sizeof(c->o->trace) - used, "%s%s", used > 0 ? "," : "", name);
    c->o->config.trace = trace;
    return true;
}

static bool set_log(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    while (next_item(&list, &key, &value)) {
        if (strcmp(key, "help") == 0 || strcmp(key, "?") == 0)
            c->o->action = ACTION_LOG;
        else if (strcmp(key, "stats") == 0)
            c->o->log_stats = true;
        else if (strcmp(key, "hash") == 0)
            c->o->log_hash = true;
        else if (!add_trace_item(c, key))
            return false;
    }
    return true;
}

static bool set_filter(struct Context *c, char *arg) { return c->o->config.trace_filter = arg, true; }
static bool set_symbols(struct Context *c, char *arg) { return c->o->config.symbols = arg, true; }

static bool set_perf_map(struct Context *c, char *arg) { return (void)arg, c->o->config.perf_map = true; }
static bool set_jit_dump(struct Context *c, char *arg) { return (void)arg, c->o->config.jit_dump = true; }

static bool set_trace_last(struct Context *c, char *arg) {
    uint64_t n;
    if (!parse_number(arg, 1000000, &n) || n == 0)
        return wrong(c, "'%s' is no number of instructions; 1 to 1000000 is right", arg);
    c->o->config.trace_last = (unsigned)n;
    return true;
}

static bool set_exit_stats(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    c->o->config.exit_stats = true;
    while (next_item(&list, &key, &value)) {
        if (value != NULL && strcmp(key, "file") == 0 && value[0] != '\0')
            c->o->exit_file = value;
        else if (value == NULL && (strcmp(key, "json") == 0 || strcmp(key, "text") == 0))
            c->o->exit_json = key[0] == 'j';
        else
            return wrong(c, "'%s' is not known; use json or text, and file=PATH", key);
    }
    return true;
}

static bool set_timeout(struct Context *c, char *arg) {
    char *end;
    double seconds = strtod(arg, &end);
    if (!isdigit((unsigned char)arg[0]) || *end != '\0' || !(seconds > 0 && seconds <= 1e6))
        return wrong(c, "'%s' is not a number of seconds above 0", arg);
    c->o->timeout_ms = (int64_t)(seconds * 1000 + 0.999);
    return true;
}

enum Argument { ARG_NONE, ARG_NEEDED, ARG_OPTIONAL };

static const struct OptionRow {
    const char *name;
    enum Argument argument;
    const char *what; /* names the argument in messages */
    bool (*set)(struct Context *c, char *arg);
} rows[] = {
    {"kernel", ARG_NEEDED, "a FILE", set_kernel},
    {"initrd", ARG_NEEDED, "a FILE", set_initrd},
    {"append", ARG_NEEDED, "a command line", set_append},
    {"bios", ARG_NEEDED, "a FILE", set_bios},
    {"L", ARG_NEEDED, "a folder with firmware", set_firmware_dir},
    {"boot", ARG_NEEDED, "order=LETTERS, menu=on, ...", set_boot},
    {"drive", ARG_NEEDED, "file=PATH,if=ide|virtio|floppy|none|pflash,...", set_drive},
    {"blockdev", ARG_NEEDED, "driver=DRIVER,node-name=NAME,...", set_blockdev},
    {"hda", ARG_NEEDED, "a FILE", set_disk},
    {"hdb", ARG_NEEDED, "a FILE", set_disk},
    {"hdc", ARG_NEEDED, "a FILE", set_disk},
    {"hdd", ARG_NEEDED, "a FILE", set_disk},
    {"cdrom", ARG_NEEDED, "a FILE", set_disk},
    {"fda", ARG_NEEDED, "a FILE", set_disk},
    {"fdb", ARG_NEEDED, "a FILE", set_disk},
    {"snapshot", ARG_NONE, NULL, set_snapshot},
    {"pflash", ARG_NEEDED, "a FILE", set_pflash},
    {"fw_cfg", ARG_NEEDED, "name=opt/NAME and file=PATH or string=TEXT", set_fw_cfg},
    {"smbios", ARG_NEEDED, "type=N and what it says", set_smbios},
    {"option-rom", ARG_NEEDED, "a FILE", set_option_rom},
    {"m", ARG_NEEDED, "a size, such as 512M", set_memory},
    {"cpu", ARG_NEEDED, "a model; -cpu help lists them", set_cpu},
    {"accel", ARG_NEEDED, "an engine; -accel help lists them", set_accel},
    {"enable-kvm", ARG_NONE, NULL, set_enable_kvm},
    {"handover", ARG_OPTIONAL, "every=MILLISECONDS", set_handover},
    {"machine", ARG_NEEDED, "a machine; -machine help lists them", set_machine},
    {"M", ARG_NEEDED, "a machine; -M help lists them", set_machine},
    {"smp", ARG_NEEDED, "a number of processors", set_smp},
    {"serial", ARG_NEEDED, "stdio, file:PATH, null, pty, unix:PATH, tcp:HOST:PORT or chardev:ID", set_serial},
    {"chardev", ARG_NEEDED, "a kind and id=", set_chardev},
    {"mon", ARG_NEEDED, "chardev=ID", set_mon},
    {"debugcon", ARG_NEEDED, "stdio, file:PATH, null, chardev:ID or what -serial takes", set_debugcon},
    {"nographic", ARG_NONE, NULL, set_no_graphics},
    {"display", ARG_NEEDED, "curses, vnc=... or none", set_display},
    {"vnc", ARG_NEEDED, "[HOST]:DISPLAY, unix:PATH or none", set_vnc},
    {"vga", ARG_NEEDED, "std or none", set_vga},
    {"monitor", ARG_NEEDED, "stdio, unix:PATH, tcp:[HOST]:PORT, chardev:ID, pty or none", set_monitor},
    {"gdb", ARG_NEEDED, "tcp:[HOST]:PORT, unix:PATH or none", set_gdb},
    {"s", ARG_NONE, NULL, set_gdb_default},
    {"qmp", ARG_NEEDED, "unix:PATH, tcp:[HOST]:PORT, chardev:ID or pty", set_qmp},
    {"parallel", ARG_NEEDED, "none", set_parallel},
    {"netdev", ARG_NEEDED, "a kind and id=; -netdev help lists kinds", set_netdev},
    {"net", ARG_NEEDED, "nic, user or none", set_net},
    {"nic", ARG_NEEDED, "user,hostfwd=..., or none", set_nic},
    {"nodefaults", ARG_NONE, NULL, set_no_defaults},
    {"no-user-config", ARG_NONE, NULL, accept},
    {"no-hpet", ARG_NONE, NULL, set_no_hpet},
    {"no-acpi", ARG_NONE, NULL, set_no_acpi},
    {"k", ARG_NEEDED, "a keyboard layout, such as en-us", set_layout},
    {"no-reboot", ARG_NONE, NULL, set_no_reboot},
    {"no-shutdown", ARG_NONE, NULL, set_no_shutdown},
    {"action", ARG_NEEDED, "reboot=, shutdown= or panic=", set_action},
    {"S", ARG_NONE, NULL, set_stopped},
    {"icount", ARG_OPTIONAL, "shift=N", set_icount},
    {"rtc", ARG_NEEDED, "base=utc|localtime|DATE", set_rtc},
    {"global", ARG_NEEDED, "DEVICE.PROPERTY=VALUE", set_global},
    {"device", ARG_NEEDED, "a device; -device help lists them", set_device},
    {"fsdev", ARG_NEEDED, "local,id=ID,path=FOLDER,security_model=MODEL", set_fsdev},
    {"virtfs", ARG_NEEDED, "local,path=FOLDER,mount_tag=TAG,security_model=MODEL", set_virtfs},
    {"object", ARG_NEEDED, "rng-builtin or rng-random, and id=", set_object},
    {"d", ARG_NEEDED, "items; -d help lists them", set_log},
    {"D", ARG_NEEDED, "a FILE", set_log_file},
    {"dfilter", ARG_NEEDED, "ranges of addresses, such as 0x1000+0x100,0x8000..0x8fff", set_filter},
    {"perfmap", ARG_NONE, NULL, set_perf_map},
    {"jitdump", ARG_NONE, NULL, set_jit_dump},
    {"trace-last", ARG_NEEDED, "a number of instructions", set_trace_last},
    {"symbols", ARG_NEEDED, "a FILE: ELF, or text as of nm or System.map", set_symbols},
    {"exit-stats", ARG_OPTIONAL, "json, text, file=PATH", set_exit_stats},
    {"timeout", ARG_NEEDED, "SECONDS", set_timeout},
    {"sandbox", ARG_NEEDED, "on or off", set_sandbox},
    {"runas", ARG_NEEDED, "a USER or UID:GID", set_run_as},
    {"chroot", ARG_NEEDED, "a FOLDER", set_root},
    {"name", ARG_NEEDED, "a name", set_name},
    {"uuid", ARG_NEEDED, "a UUID", set_uuid},
    {"h", ARG_NONE, NULL, set_help},
    {"help", ARG_NONE, NULL, set_help},
    {"version", ARG_NONE, NULL, set_version},
    {"V", ARG_NONE, NULL, set_version},
};

static const struct OptionRow *find_row(const char *name) {
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Nothing of that is for the guest that is built in. */
static bool has_guest(const struct Options *o) {
    return o->guest.kernel != NULL || o->guest.bios != NULL || o->config.boot != NULL ||
           o->config.option_roms != NULL || o->config.flash[0].file != NULL || o->config.drives != NULL ||
           o->config.blockdevs != NULL;
}

static bool has_device(const struct Options *o, const char *name) {
    size_t n = strlen(name);
    for (const char *const *d = o->devices; *d != NULL; d++)
        if (strncmp(*d, name, n) == 0 && ((*d)[n] == '\0' || (*d)[n] == ','))
            return true;
    return false;
}

/* Firmware has a display adapter unless somebody says otherwise; kernels that start without it get none. */
static void settle_vga(struct Options *o) {
    bool firmware = o->guest.kernel == NULL || o->guest.bios != NULL || o->config.flash[0].file != NULL ||
                    o->config.kernel_firmware == TWIN86_KERNEL_FIRMWARE_ON;
    if (!o->vga_given && !o->no_graphics && !o->no_defaults && has_guest(o) && firmware && !has_device(o, "VGA"))
        o->config.vga = TWIN86_VGA_STD;
}

/* -display curses has the terminal for itself. */
static bool settle_terminal(struct Options *o, char *why, size_t n) {
    const char *other = o->no_graphics ? "-nographic" : o->monitor_here ? "-monitor stdio" : NULL;
    if (!o->curses)
        return true;
    if (o->config.debugcon && o->config.debugcon_to == NULL && o->debugcon.kind == SINK_STDIO)
        other = "-debugcon stdio";
    if (o->serial_given && o->serial.kind == SINK_STDIO)
        other = "-serial stdio";
    if (other != NULL) {
        snprintf(why, n, "-display curses: %s wants the terminal, too", other);
        return false;
    }
    if (o->serial.kind == SINK_STDIO)
        o->serial.kind = SINK_NULL;
    return true;
}

/* What only the whole command line can show. */
static bool check(struct Options *o, char *why, size_t n) {
    if (o->config.handover && strchr(o->config.accel, ':') == NULL) {
        snprintf(why, n, "-handover: '-accel %s' names one engine; name those to change between, such as kvm:tcg-lite",
                 o->config.accel);
        return false;
    }
    settle_vga(o);
    if (!has_guest(o))
        o->config.debug_exit = true; /* by which the guest that is built in says that something went wrong */
    else
        o->config.default_network = !o->no_defaults; /* for which that guest has no driver */
    return settle_chardevs(o, why, n) && settle_terminal(o, why, n);
}

bool options_parse(struct Options *o, int argc, char **argv, char *why, size_t n) {
    *o = (struct Options){.timeout_ms = -1};
    twin86_config_init(&o->config);
    if (argc == 2 && strcmp(argv[1], "doctor") == 0) {
        o->action = ACTION_DOCTOR;
        return true;
    }
    for (int i = 1; i < argc; i++) {
        struct Context c = {o, argv[i], why, n};
        const char *name = argv[i];
        if (name[0] != '-' || name[1] == '\0') {
            snprintf(why, n, "'%s' is not an option; a kernel is given as -kernel FILE", name);
            return false;
        }
        name += name[1] == '-' ? 2 : 1;
        const struct OptionRow *row = find_row(name);
        char *joined = NULL; /* "-exit-stats=json" */
        if (row == NULL && (joined = strchr(argv[i], '=')) != NULL) {
            *joined = '\0';
            row = find_row(name);
            *joined = '=';
            if (row != NULL && row->argument == ARG_NONE)
                row = NULL;
        }
        if (row == NULL) {
            snprintf(why, n, "unknown option '%s'; twin86 --help lists what there is", argv[i]);
            return false;
        }
        bool more = i + 1 < argc;
        char *arg = NULL;
        if (joined != NULL) {
            *joined = '\0'; /* c.name is the option's own */
            arg = joined + 1;
        } else if (row->argument == ARG_NEEDED || (row->argument == ARG_OPTIONAL && more && argv[i + 1][0] != '-')) {
            arg = more ? argv[++i] : NULL;
        }
        if (row->argument == ARG_NEEDED && arg == NULL)
            return wrong(&c, "needs %s", row->what);
        if (arg != NULL && arg[0] == '\0' && row->set != set_append)
            return wrong(&c, "is empty; it needs %s", row->what);
        if (!row->set(&c, arg))
            return false;
        if (o->action != ACTION_RUN)
            return true;
    }
    return check(o, why, n);
}
