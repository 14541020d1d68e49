/* SPDX-License-Identifier: MIT */
/* QMP's commands. */
#include "base/why.h"
#include "control/monitor/monitor.h"
#include "control/qmp/command.h"
#include "cpu/topology.h"
#include "machine/uuid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_object *qmp_fail(struct QmpCall *call, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(call->why, sizeof(call->why), 0, format, ap);
    va_end(ap);
    call->failed = true;
    return NULL;
}

const char *qmp_text(const struct QmpCall *call, const char *name) {
    struct json_object *o;
    bool there = call->arguments != NULL && json_object_object_get_ex(call->arguments, name, &o);
    return there && json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

static void put(struct json_object *object, const char *key, struct json_object *value) {
    json_object_object_add(object, key, value);
}

struct json_object *qmp_version(void) {
    struct json_object *version = json_object_new_object(), *numbers = json_object_new_object();
    unsigned major = 0, minor = 0, micro = 0;
    char package[40];
    sscanf(twin86_version(), "%u.%u.%u", &major, &minor, &micro);
    snprintf(package, sizeof(package), "twin86 %s", twin86_version());
    put(numbers, "micro", json_object_new_int((int)micro));
    put(numbers, "minor", json_object_new_int((int)minor));
    put(numbers, "major", json_object_new_int((int)major));
    put(version, "qemu", numbers);
    put(version, "package", json_object_new_string(package));
    return version;
}

/* ---- queries ---- */

static struct json_object *query_version(struct QmpCall *call) { return (void)call, qmp_version(); }
static struct json_object *query_name(struct QmpCall *call) {
    const struct Machine *m = session_machine(call->session);
    struct json_object *o = json_object_new_object();
    if (m->name != NULL)
        put(o, "name", json_object_new_string(m->name));
    return o;
}

static struct json_object *query_uuid(struct QmpCall *call) {
    const struct Machine *m = session_machine(call->session);
    struct json_object *o = json_object_new_object();
    char text[UUID_TEXT_SIZE];
    uuid_format(m->uuid, text);
    put(o, "UUID", json_object_new_string(text));
    return o;
}

static struct json_object *query_status(struct QmpCall *call) {
    struct json_object *o = json_object_new_object();
    const char *status = session_status(call->session);
    put(o, "running", json_object_new_boolean(strcmp(status, session_state_name(SESSION_RUNNING)) == 0));
    put(o, "status", json_object_new_string(status));
    return o;
}

/* Where processor `index` sits, as QEMU tells it of a PC: dies if there are several. */
static struct json_object *cpu_props(const struct CpuTopology *t, unsigned index) {
    struct json_object *props = json_object_new_object();
    struct CpuPlace place = cpu_topology_place(t, index);
    put(props, "core-id", json_object_new_int((int)place.core));
    put(props, "thread-id", json_object_new_int((int)place.thread));
    put(props, "socket-id", json_object_new_int((int)place.socket));
    if (t->dies > 1)
        put(props, "die-id", json_object_new_int((int)place.die));
    return props;
}

static struct json_object *cpu_path(unsigned index) {
    char path[32];
    snprintf(path, sizeof(path), "/machine/cpu[%u]", index);
    return json_object_new_string(path);
}

static struct json_object *describe_cpu(const struct CPUState *state) {
    struct json_object *cpu = json_object_new_object();
    put(cpu, "cpu-index", json_object_new_int((int)state->index));
    put(cpu, "qom-path", cpu_path(state->index));
    put(cpu, "thread-id", json_object_new_int(vcpu_thread_id(state)));
    put(cpu, "target", json_object_new_string("x86_64"));
    put(cpu, "props", cpu_props(&state->model.topology, state->index));
    return cpu;
}

static struct json_object *query_cpus_fast(struct QmpCall *call) {
    const struct Machine *m = session_machine(call->session);
    struct json_object *list = json_object_new_array();
    for (unsigned i = 0; i < m->cpu_count; i++)
        json_object_array_add(list, describe_cpu(machine_cpu(m, i)));
    return list;
}

/* Every place for a processor, those included where none is; what would go there. */
static struct json_object *query_hotpluggable_cpus(struct QmpCall *call) {
    const struct Machine *m = session_machine(call->session);
    const struct CpuModel *model = &machine_cpu(m, 0)->model;
    struct json_object *list = json_object_new_array();
    char type[64];
    snprintf(type, sizeof(type), "%s-x86_64-cpu", model->name);
    for (unsigned i = 0; i < m->config.max_cpus; i++) {
        struct json_object *o = json_object_new_object();
        put(o, "type", json_object_new_string(type));
        put(o, "vcpus-count", json_object_new_int(1));
        put(o, "props", cpu_props(&model->topology, i));
        if (i < m->cpu_count)
            put(o, "qom-path", cpu_path(i));
        json_object_array_add(list, o);
    }
    return list;
}

static struct json_object *query_current_machine(struct QmpCall *call) {
    const Twin86Config *config = &session_machine(call->session)->config;
    struct json_object *o = json_object_new_object();
    put(o, "wakeup-suspend-support", json_object_new_boolean(!config->no_acpi && !config->no_s3));
    return o;
}

static struct json_object *query_kvm(struct QmpCall *call) {
    struct json_object *o = json_object_new_object();
    const struct Machine *m = session_machine(call->session);
    char why[200];
    const struct AccelOps *kvm = accel_find("kvm");
    bool present = kvm != NULL && (kvm->probe == NULL || kvm->probe(why, sizeof(why)) == 0);
    put(o, "enabled", json_object_new_boolean(kvm != NULL && m->engine->accel.ops == kvm));
    put(o, "present", json_object_new_boolean(present));
    return o;
}

static struct json_object *query_commands(struct QmpCall *call) {
    struct json_object *list = json_object_new_array();
    (void)call;
    for (const struct QmpCommand *c = qmp_commands; c->name != NULL; c++) {
        struct json_object *o = json_object_new_object();
        put(o, "name", json_object_new_string(c->name));
        json_object_array_add(list, o);
    }
    return list;
}

/* ---- run control ---- */

static struct json_object *reset(struct QmpCall *call) { return session_reset(call->session), NULL; }
static struct json_object *powerdown(struct QmpCall *call) { return session_powerdown(call->session), NULL; }
static struct json_object *wakeup(struct QmpCall *call) {
    if (session_wakeup(call->session) != 0)
        return qmp_fail(call, "Unable to wake up: guest is not in suspended state");
    return NULL;
}
static struct json_object *nmi(struct QmpCall *call) { return session_nmi(call->session), NULL; }
static struct json_object *quit(struct QmpCall *call) { return call->quit = true, NULL; }

static struct json_object *stop(struct QmpCall *call) {
    char why[160];
    return session_stop(call->session, why, sizeof(why)) == 0 ? NULL : qmp_fail(call, "%s", why);
}

static struct json_object *cont(struct QmpCall *call) {
    char why[200];
    return session_cont(call->session, why, sizeof(why)) == 0 ? NULL : qmp_fail(call, "%s", why);
}

/* The index of argument `name` in the list; -1: not given; -2: failed, it is none of these. */
static int choice(struct QmpCall *call, const char *name, const char *const *list) {
    struct json_object *o;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, name, &o))
        return -1;
    for (int i = 0; json_object_is_type(o, json_type_string) && list[i] != NULL; i++)
        if (strcmp(json_object_get_string(o), list[i]) == 0)
            return i;
    qmp_fail(call, "Parameter '%s' does not accept this value", name);
    return -2;
}

static struct json_object *set_action(struct QmpCall *call) {
    static const char *const reboots[] = {"reset", "shutdown", NULL}, *const shutdowns[] = {"poweroff", "pause", NULL},
                             *const panics[] = {"shutdown", "pause", "none", "exit-failure", NULL};
    static const enum Twin86PanicAction actions[] = {TWIN86_PANIC_SHUTDOWN, TWIN86_PANIC_PAUSE, TWIN86_PANIC_NONE,
                                                     TWIN86_PANIC_SHUTDOWN};
    int reboot = choice(call, "reboot", reboots), shutdown = choice(call, "shutdown", shutdowns);
    int panic = choice(call, "panic", panics);
    char why[160];
    if (call->failed)
        return NULL;
    if (reboot >= 0 && session_set_no_reboot(call->session, reboot == 1, why, sizeof(why)) != 0)
        return qmp_fail(call, "%s", why);
    if (shutdown >= 0)
        session_set_no_shutdown(call->session, shutdown == 1);
    if (panic >= 0)
        session_set_panic_action(call->session, actions[panic]);
    return NULL;
}

/* ---- the monitor's commands ---- */

/* As text must be in JSON: what is no UTF-8 (a name cut in the middle of a character) loses its high bytes. */
static void make_utf8(char *text) {
    const unsigned char *p = (const unsigned char *)text;
    while (*p != '\0') {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : *p >= 0xe0 && *p < 0xf0 ? 2 : *p < 0xf5 ? 3 : 9;
        bool good = more <= 3 && (*p < 0x80 || *p >= 0xc2);
        for (unsigned i = 1; good && i <= more; i++)
            good = (p[i] & 0xc0) == 0x80;
        if (!good)
            break;
        p += more + 1;
    }
    if (*p == '\0')
        return;
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
}

/* The argument cpu-index, of a CPU that there is; without it the first. */
static unsigned cpu_index(struct QmpCall *call) {
    unsigned count = session_machine(call->session)->cpu_count;
    struct json_object *o;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "cpu-index", &o))
        return 0;
    int64_t index = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : -1;
    if (index >= 0 && index < count)
        return (unsigned)index;
    qmp_fail(call, "Parameter 'cpu-index' expects a CPU number from 0 to %u", count - 1);
    return 0;
}

static struct json_object *human_monitor_command(struct QmpCall *call) {
    struct json_object *line;
    unsigned cpu = cpu_index(call);
    char *text;
    if (call->failed)
        return NULL;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "command-line", &line))
        return qmp_fail(call, "Parameter 'command-line' is missing");
    if (!json_object_is_type(line, json_type_string))
        return qmp_fail(call, "Parameter 'command-line' must be a string");
    if (monitor_run_text(call->session, &cpu, json_object_get_string(line), &text) < 0)
        return qmp_fail(call, "out of memory");
    make_utf8(text);
    struct json_object *answer = json_object_new_string(text);
    free(text);
    return answer;
}

const struct QmpCommand qmp_commands[] = {
    {"qmp_capabilities", {"enable"}, NULL}, /* qmp.c's */
    {"query-status", {0}, query_status},
    {"query-cpus-fast", {0}, query_cpus_fast},
    {"query-hotpluggable-cpus", {0}, query_hotpluggable_cpus},
    {"query-current-machine", {0}, query_current_machine},
    {"query-version", {0}, query_version},
    {"query-commands", {0}, query_commands},
    {"query-name", {0}, query_name},
    {"query-uuid", {0}, query_uuid},
    {"query-kvm", {0}, query_kvm},
    {"query-block", {0}, qmp_query_block},
    {"query-blockstats", {"query-nodes"}, qmp_query_blockstats},
    {"query-named-block-nodes", {"flat"}, qmp_query_named_block_nodes},
    {"block_resize", {"device", "node-name", "size"}, qmp_block_resize},
    {"query-chardev", {0}, qmp_query_chardev},
    {"ringbuf-read", {"device", "size", "format"}, qmp_ringbuf_read},
    {"ringbuf-write", {"device", "data", "format"}, qmp_ringbuf_write},
    {"chardev-add", {"id", "backend"}, qmp_chardev_add},
    {"chardev-remove", {"id"}, qmp_chardev_remove},
    {"balloon", {"value"}, qmp_balloon},
    {"query-balloon", {0}, qmp_query_balloon},
    {"screendump", {"filename", "device", "head", "format"}, qmp_screendump},
    {"send-key", {"keys", "hold-time"}, qmp_send_key},
    {"input-send-event", {"device", "head", "events"}, qmp_input_send_event},
    {"set_password", {"protocol", "password", "connected"}, qmp_set_password},
    {"expire_password", {"protocol", "time"}, qmp_expire_password},
    {"change-vnc-password", {"password"}, qmp_change_vnc_password},
    {"query-vnc", {0}, qmp_query_vnc},
    {"set_link", {"name", "up"}, qmp_set_link},
    {"query-rx-filter", {"name"}, qmp_query_rx_filter},
    {"qom-get", {"path", "property"}, qmp_qom_get},
    {"eject", {"device", "id", "force"}, qmp_eject},
    {"blockdev-change-medium", {"device", "id", "filename", "format", "force"}, qmp_change_medium},
    {"stop", {0}, stop},
    {"cont", {0}, cont},
    {"system_reset", {0}, reset},
    {"system_powerdown", {0}, powerdown},
    {"system_wakeup", {0}, wakeup},
    {"inject-nmi", {0}, nmi},
    {"set-action", {"reboot", "shutdown", "panic"}, set_action},
    {"human-monitor-command", {"command-line", "cpu-index"}, human_monitor_command},
    {"quit", {0}, quit},
    {0},
};
