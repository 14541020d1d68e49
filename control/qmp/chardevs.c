/* SPDX-License-Identifier: MIT */
/* QMP's commands about character devices. */
#include "base/why.h"
#include "control/qmp/base64.h"
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

struct json_object *qmp_query_chardev(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *list = json_object_new_array();
    char text[400];
    pthread_mutex_lock(&m->lock);
    for (const struct Chardev *c = m->chardevs.list; c != NULL; c = c->next) {
        struct json_object *o = json_object_new_object();
        chardev_describe(c, text, sizeof(text));
        json_object_object_add(o, "label", json_object_new_string(c->options.id));
        json_object_object_add(o, "filename", json_object_new_string(text));
        json_object_object_add(o, "frontend-open", json_object_new_boolean(c->attached));
        json_object_array_add(list, o);
    }
    pthread_mutex_unlock(&m->lock);
    return list;
}

/* ---- ringbufs ---- */

/* "utf8", the default, or "base64". */
static bool wants_base64(struct QmpCall *call, bool *base64) {
    const char *format = qmp_text(call, "format");
    *base64 = format != NULL && strcmp(format, "base64") == 0;
    if (format == NULL || *base64 || strcmp(format, "utf8") == 0)
        return true;
    qmp_fail(call, "Parameter 'format' does not accept that value; utf8 and base64 are");
    return false;
}

/* What is no UTF-8 becomes a replacement character, as json must be text. */
static struct json_object *as_text(const uint8_t *data, size_t n) {
    char *text = malloc(3 * n + 1), *to = text;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length(data + i, n - i);
        if (length == 0) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
            i++;
            continue;
        }
        memcpy(to, data + i, length);
        to += length;
        i += length;
    }
    struct json_object *o = json_object_new_string_len(text, (int)(to - text));
    free(text);
    return o;
}

struct json_object *qmp_ringbuf_read(struct QmpCall *call) {
    enum { MOST = 1 << 20 };
    struct Machine *m = session_machine(call->session);
    const char *id = qmp_text(call, "device");
    struct json_object *size, *answer;
    char why[300];
    bool base64;
    if (id == NULL)
        return qmp_fail(call, "Parameter 'device' is missing");
    if (!json_object_object_get_ex(call->arguments, "size", &size) || !json_object_is_type(size, json_type_int))
        return qmp_fail(call, "Parameter 'size' is missing, or no number");
    int64_t n = json_object_get_int64(size);
    if (n <= 0)
        return qmp_fail(call, "Parameter 'size' is above 0");
    if (!wants_base64(call, &base64))
        return NULL;
    n = n < MOST ? n : MOST;
    uint8_t *data = malloc((size_t)n);
    if (data == NULL)
        return qmp_fail(call, "out of memory");
    pthread_mutex_lock(&m->lock);
    long got = chardev_ring_read(m, id, data, (size_t)n, why, sizeof(why));
    pthread_mutex_unlock(&m->lock);
    answer = got < 0  ? qmp_fail(call, "%s", why)
             : base64 ? base64_encode(data, (size_t)got)
                      : as_text(data, (size_t)got);
    free(data);
    return answer;
}

struct json_object *qmp_ringbuf_write(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    const char *id = qmp_text(call, "device"), *text = qmp_text(call, "data");
    char why[300] = "data is no base64";
    bool base64;
    if (id == NULL || text == NULL)
        return qmp_fail(call, "Parameter '%s' is missing", id == NULL ? "device" : "data");
    if (!wants_base64(call, &base64))
        return NULL;
    size_t n = strlen(text);
    uint8_t *data = malloc(n + 1);
    if (data == NULL)
        return qmp_fail(call, "out of memory");
    if (base64)
        n = base64_decode(text, data);
    else
        memcpy(data, text, n);
    int r = -1;
    if (n != SIZE_MAX) {
        pthread_mutex_lock(&m->lock);
        r = chardev_ring_write(m, id, data, n, why, sizeof(why));
        pthread_mutex_unlock(&m->lock);
    }
    free(data);
    return r == 0 ? NULL : qmp_fail(call, "%s", why);
}

/* ---- coming and going ---- */

struct json_object *qmp_chardev_remove(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    const char *id = qmp_text(call, "id");
    char why[300];
    if (id == NULL)
        return qmp_fail(call, "Parameter 'id' is missing");
    pthread_mutex_lock(&m->lock);
    int r = chardev_remove(m, id, why, sizeof(why));
    pthread_mutex_unlock(&m->lock);
    return r == 0 ? NULL : qmp_fail(call, "%s", why);
}
