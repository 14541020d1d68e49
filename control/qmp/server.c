/* SPDX-License-Identifier: MIT */
/* QMP on sockets. */
#include "control/qmp/qmp.h"
#include "control/session/clients.h"

static void client_write(void *opaque, const void *data, size_t size) { stream_write(opaque, data, size); }

static void *on_open(struct Session *s, struct Stream *stream) { return qmp_new(s, client_write, stream); }
static void on_data(void *client, const uint8_t *data, size_t size) { qmp_input(client, data, size); }
static void on_close(void *client) { qmp_free(client); }

int qmp_serve(struct Session *s, const char *spec, char *why, size_t n) {
    static const struct ClientOps ops = {.most = QMP_CLIENTS_MAX, .open = on_open, .data = on_data, .close = on_close};
    return clients_serve(s, spec, &ops, why, n);
}
