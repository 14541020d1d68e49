/* SPDX-License-Identifier: MIT */
/* Commands about viewers by VNC. */
#include "control/vnc/vnc.h"
#include "control/monitor/command.h"

#include <stdio.h>
#include <string.h>

enum { WHY = 200 };

static void print_place(FILE *f, const struct VncPlace *p) {
    bool v6 = strcmp(p->family, "ipv6") == 0;
    fprintf(f, "%s%s%s%s%s (%s)\n", v6 ? "[" : "", p->host, v6 ? "]" : "", p->service[0] != '\0' ? ":" : "", p->service,
            p->family);
}

void monitor_info_vnc(struct Monitor *mon, char *args) {
    struct VncStatus status;
    if (!monitor_no_more(mon, args))
        return;
    if (!vnc_status(mon->session, &status)) {
        fputs("Server: disabled\n", mon->out);
        return;
    }
    fputs("Server: ", mon->out);
    print_place(mon->out, &status.where);
    fprintf(mon->out, "  Auth: %s\n", status.password ? "vnc" : "none");
    for (unsigned i = 0; i < status.viewers; i++) {
        fputs("Client: ", mon->out);
        print_place(mon->out, &status.viewer[i]);
    }
}

typedef int Set(struct Session *s, const char *value, char *why, size_t n);

/* "vnc VALUE" */
static void set(struct Monitor *mon, char *args, Set *fn, const char *usage) {
    char why[WHY];
    const char *protocol = monitor_word(mon, &args), *value = protocol != NULL ? monitor_word(mon, &args) : NULL;
    if (value == NULL || strcmp(protocol, "vnc") != 0 || !monitor_no_more(mon, args))
        fprintf(mon->out, "%s\n", usage);
    else if (fn(mon->session, value, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

void monitor_set_password(struct Monitor *mon, char *args) {
    set(mon, args, vnc_set_password, "set_password needs vnc and a password, such as: set_password vnc secret");
}

void monitor_expire_password(struct Monitor *mon, char *args) {
    set(mon, args, vnc_expire_password,
        "expire_password needs vnc and now, never, +SECONDS or a time, such as: expire_password vnc +60");
}
