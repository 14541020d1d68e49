/* SPDX-License-Identifier: MIT */
/* g, G, p, P: registers. Z, z: breakpoints and watchpoints. */
#include "control/gdb/gdb.h"

#include <errno.h>
#include <string.h>

/* ---- registers ---- */

static void get_all(struct Gdb *g, const char *args) {
    uint8_t bytes[GDB_REGISTER_MAX];
    (void)args;
    gdb_out_begin(&g->out);
    unsigned count = gdb_register_count(g->cpu, g->arch);
    for (unsigned n = 0; n < count; n++)
        gdb_out_hex(&g->out, bytes, gdb_register_get(g->cpu, g->arch, n, bytes));
    gdb_send(g);
}

/* What can't be set stays: gdb sends all of them for the sake of one. */
static void set_all(struct Gdb *g, const char *args) {
    uint8_t bytes[GDB_REGISTER_MAX];
    unsigned count = gdb_register_count(g->cpu, g->arch);
    for (unsigned n = 0; n < count; n++) {
        if (!gdb_bytes(&args, bytes, gdb_register_size(g->cpu, g->arch, n))) {
            gdb_error(g, EINVAL);
            return;
        }
        gdb_register_set(g->cpu, g->arch, n, bytes);
    }
    gdb_reply(g, "OK");
}

static void get_one(struct Gdb *g, const char *args) {
    uint8_t bytes[GDB_REGISTER_MAX];
    uint64_t n;
    unsigned size = 0;
    if (gdb_number(&args, &n) && n < UINT32_MAX)
        size = gdb_register_get(g->cpu, g->arch, (unsigned)n, bytes);
    if (size == 0) {
        gdb_error(g, EINVAL);
        return;
    }
    gdb_out_begin(&g->out);
    gdb_out_hex(&g->out, bytes, size);
    gdb_send(g);
}

static void set_one(struct Gdb *g, const char *args) {
    uint8_t bytes[GDB_REGISTER_MAX];
    uint64_t n;
    bool ok = gdb_number(&args, &n) && n < UINT32_MAX && *args++ == '=';
    unsigned size = ok ? gdb_register_size(g->cpu, g->arch, (unsigned)n) : 0;
    if (size == 0 || !gdb_bytes(&args, bytes, size))
        gdb_error(g, EINVAL);
    else if (!gdb_register_set(g->cpu, g->arch, (unsigned)n, bytes))
        gdb_error(g, EPERM);
    else
        gdb_reply(g, "OK");
}

/* ---- breakpoints and watchpoints ---- */

/* "TYPE,ADDRESS,KIND", and conditions, which we have not said we know. */
static bool parse_point(const char *args, struct CpuPoint *p) {
    static const uint8_t kinds[] = {CPU_BREAKPOINT, CPU_BREAKPOINT, CPU_WATCH_WRITE, CPU_WATCH_READ, CPU_WATCH_ACCESS};
    uint64_t type, address, kind;
    if (!gdb_number(&args, &type) || type >= sizeof(kinds) || *args++ != ',' || !gdb_number(&args, &address) ||
        *args++ != ',' || !gdb_number(&args, &kind))
        return false;
    *p = (struct CpuPoint){.address = address, .kind = kinds[type], .hardware = type == 1};
    if (p->kind != CPU_BREAKPOINT)
        p->length = kind;
    return true;
}

static void insert(struct Gdb *g, const char *args) {
    struct CpuPoint p;
    char why[256] = "";
    int r = parse_point(args, &p) ? machine_insert_point(g->m, &p, why, sizeof(why)) : -EINVAL;
    if (r == 0) {
        gdb_reply(g, "OK");
    } else if (why[0] == '\0') {
        gdb_error(g, -r);
    } else { /* newer gdbs show it */
        gdb_out_begin(&g->out);
        gdb_out_text(&g->out, "E.");
        gdb_out_binary(&g->out, why, strlen(why));
        gdb_send(g);
    }
}

static void take_out(struct Gdb *g, const char *args) {
    struct CpuPoint p;
    if (!parse_point(args, &p)) {
        gdb_error(g, EINVAL);
        return;
    }
    machine_remove_point(g->m, &p); /* one that is not there is gone */
    gdb_reply(g, "OK");
}

const struct GdbCommand gdb_register_commands[] = {
    {"g", get_all}, {"G", set_all}, {"p", get_one}, {"P", set_one}, {"Z", insert}, {"z", take_out}, {NULL, NULL},
};
