/* SPDX-License-Identifier: MIT */
/** What qmp.c and the commands share. */
#ifndef TWIN86_DEBUG_QMP_COMMAND_H
#define TWIN86_DEBUG_QMP_COMMAND_H

#include "control/session/session.h"

#include <json-c/json.h>

/** One command that is being executed. */
struct QmpCall {
    struct Session *session;
    struct json_object *arguments; /* NULL: none were given */
    bool failed;
    char why[300]; /* failed: one line */
    bool quit;     /* end the session once the answer has been sent */
};

struct QmpCommand {
    const char *name;
    const char *parameters[5]; /* those it knows; NULL: no more */
    /** The value to return, NULL for {}; or with call->failed nothing. */
    struct json_object *(*run)(struct QmpCall *call);
};

/** Ended by an empty row. */
extern const struct QmpCommand qmp_commands[];

/** The command has failed, and why. Returns NULL, for its value. */
__attribute__((format(printf, 2, 3))) struct json_object *qmp_fail(struct QmpCall *call, const char *format, ...);
/** An argument that is a string; NULL: it is not there, or is none. Valid as long as the call. */
const char *qmp_text(const struct QmpCall *call, const char *name);

/** {"qemu": {"major": ...}, "package": ...}, of the greeting and query-version. */
struct json_object *qmp_version(void);

/* chardevs.c */
struct json_object *qmp_query_chardev(struct QmpCall *call);
struct json_object *qmp_ringbuf_read(struct QmpCall *call);
struct json_object *qmp_ringbuf_write(struct QmpCall *call);
struct json_object *qmp_chardev_remove(struct QmpCall *call);

/* chardev_add.c */
struct json_object *qmp_chardev_add(struct QmpCall *call);

/* balloon.c */
struct json_object *qmp_balloon(struct QmpCall *call);
struct json_object *qmp_query_balloon(struct QmpCall *call);
struct json_object *qmp_qom_get(struct QmpCall *call);

/* display.c */
struct json_object *qmp_screendump(struct QmpCall *call);

/* input.c */
struct json_object *qmp_send_key(struct QmpCall *call);
struct json_object *qmp_input_send_event(struct QmpCall *call);

/* vnc.c */
struct json_object *qmp_set_password(struct QmpCall *call);
struct json_object *qmp_expire_password(struct QmpCall *call);
struct json_object *qmp_change_vnc_password(struct QmpCall *call);
struct json_object *qmp_query_vnc(struct QmpCall *call);

/* network.c */
struct json_object *qmp_set_link(struct QmpCall *call);
struct json_object *qmp_query_rx_filter(struct QmpCall *call);

/* drives.c */
struct json_object *qmp_query_block(struct QmpCall *call);
struct json_object *qmp_query_blockstats(struct QmpCall *call);
struct json_object *qmp_query_named_block_nodes(struct QmpCall *call);
struct json_object *qmp_block_resize(struct QmpCall *call);
struct json_object *qmp_eject(struct QmpCall *call);
struct json_object *qmp_change_medium(struct QmpCall *call);

#endif
