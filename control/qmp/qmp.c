/* SPDX-License-Identifier: MIT */
/* One QMP client: bytes to JSON values to commands, and events. See qmp.h. */
#include "control/qmp/qmp.h"
#include "control/qmp/command.h"
#include "control/qmp/quotes.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct Qmp {
    struct Session *session;
    struct SessionObserver observer;
    void (*write)(void *opaque, const void *data, size_t size);
    void *opaque;
    struct json_tokener *tokener;
    struct QmpQuotes quotes;
    size_t size;   /* bytes of the value that is being read; 0: none has begun */
    bool skip;     /* it was wrong: ignore the rest of the line */
    bool commands; /* capabilities are negotiated: commands may come, and events go */
};

/* ---- output ---- */

static void put(struct json_object *object, const char *key, struct json_object *value) {
    json_object_object_add(object, key, value);
}

/* Send it as a line, and free it. */
static void send_line(struct Qmp *q, struct json_object *o) {
    size_t n;
    const char *text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &n);
    char *line = text != NULL ? malloc(n + 2) : NULL;
    if (line != NULL) {
        memcpy(line, text, n);
        memcpy(line + n, "\r\n", 2);
        q->write(q->opaque, line, n + 2);
    }
    free(line);
    json_object_put(o);
}

static void send_error(struct Qmp *q, struct json_object *id, const char *class, const char *why) {
    struct json_object *o = json_object_new_object(), *error = json_object_new_object();
    put(error, "class", json_object_new_string(class));
    put(error, "desc", json_object_new_string(why));
    put(o, "error", error);
    if (id != NULL)
        put(o, "id", json_object_get(id));
    send_line(q, o);
}

static void send_return(struct Qmp *q, struct json_object *id, struct json_object *value) {
    struct json_object *o = json_object_new_object();
    put(o, "return", value != NULL ? value : json_object_new_object());
    if (id != NULL)
        put(o, "id", json_object_get(id));
    send_line(q, o);
}

static void send_greeting(struct Qmp *q) {
    struct json_object *o = json_object_new_object(), *greeting = json_object_new_object();
    put(greeting, "version", qmp_version());
    put(greeting, "capabilities", json_object_new_array());
    put(o, "QMP", greeting);
    send_line(q, o);
}

/* ---- events ---- */

static void send_event(struct Qmp *q, const char *name, struct json_object *data) {
    struct json_object *o = json_object_new_object(), *timestamp = json_object_new_object();
    struct timeval now;
    if (!q->commands) {
        json_object_put(o);
        json_object_put(timestamp);
        json_object_put(data);
        return;
    }
    gettimeofday(&now, NULL);
    put(timestamp, "seconds", json_object_new_int64(now.tv_sec));
    put(timestamp, "microseconds", json_object_new_int64(now.tv_usec));
    put(o, "timestamp", timestamp);
    put(o, "event", json_object_new_string(name));
    if (data != NULL)
        put(o, "data", data);
    send_line(q, o);
}

static struct json_object *cause(bool guest, const char *reason) {
    struct json_object *data = json_object_new_object();
    put(data, "guest", json_object_new_boolean(guest));
    put(data, "reason", json_object_new_string(reason));
    return data;
}

static struct json_object *io_error(const struct News *n) {
    struct json_object *data = json_object_new_object();
    put(data, "device", json_object_new_string(n->drive));
    if (n->node[0] != '\0')
        put(data, "node-name", json_object_new_string(n->node));
    put(data, "operation", json_object_new_string(n->write ? "write" : "read"));
    put(data, "action", json_object_new_string(word_name(block_write_error_words, (int)n->action)));
    put(data, "nospace", json_object_new_boolean(n->error == -ENOSPC));
    put(data, "reason", json_object_new_string(strerror(-n->error)));
    return data;
}

static struct json_object *tray_moved(const struct News *n) {
    struct json_object *data = json_object_new_object();
    put(data, "device", json_object_new_string(n->drive));
    put(data, "id", json_object_new_string(n->device));
    put(data, "tray-open", json_object_new_boolean(n->open));
    return data;
}

static struct json_object *balloon_size(struct Machine *m) {
    struct json_object *data = json_object_new_object();
    uint64_t bytes;
    pthread_mutex_lock(&m->lock);
    virtio_balloon_actual(m, &bytes);
    pthread_mutex_unlock(&m->lock);
    put(data, "actual", json_object_new_int64((int64_t)bytes));
    return data;
}

static void on_news(void *opaque, const struct News *n) {
    switch (n->kind) {
    case NEWS_IO_ERROR: send_event(opaque, "BLOCK_IO_ERROR", io_error(n)); break;
    case NEWS_TRAY_MOVED: send_event(opaque, "DEVICE_TRAY_MOVED", tray_moved(n)); break;
    case NEWS_HIBERNATED: send_event(opaque, "SUSPEND_DISK", NULL); break;
    case NEWS_BALLOON:
        send_event(opaque, "BALLOON_CHANGE", balloon_size(session_machine(((struct Qmp *)opaque)->session)));
        break;
    }
}

static void on_stopped(void *opaque, const struct SessionStop *stop) {
    (void)stop;
    send_event(opaque, "STOP", NULL);
}
static void on_resumed(void *opaque) { send_event(opaque, "RESUME", NULL); }
static void on_suspended(void *opaque) { send_event(opaque, "SUSPEND", NULL); }
static void on_woken(void *opaque) { send_event(opaque, "WAKEUP", NULL); }
static void on_powerdown(void *opaque) { send_event(opaque, "POWERDOWN", NULL); }
static void on_reset(void *opaque, bool by_guest) {
    send_event(opaque, "RESET", cause(by_guest, by_guest ? "guest-reset" : "host-qmp-system-reset"));
}

static void on_panicked(void *opaque, const Twin86Event *event, enum Twin86PanicAction action) {
    static const char *const names[] = {
        [TWIN86_PANIC_SHUTDOWN] = "poweroff", [TWIN86_PANIC_PAUSE] = "pause", [TWIN86_PANIC_NONE] = "run"};
    struct json_object *data = json_object_new_object();
    bool crash_kernel = event->kind == TWIN86_EVENT_PANIC && !(event->value & PVPANIC_PANICKED);
    put(data, "action", json_object_new_string(names[action]));
    send_event(opaque, crash_kernel ? "GUEST_CRASHLOADED" : "GUEST_PANICKED", data);
}

static void on_shutdown(void *opaque, const Twin86Event *event) {
    const char *reason = "host-error";
    bool guest = true;
    switch (event->kind) {
    case TWIN86_EVENT_POWEROFF:
    case TWIN86_EVENT_DEBUG_EXIT: reason = "guest-shutdown"; break;
    case TWIN86_EVENT_RESET: reason = "guest-reset"; break;
    case TWIN86_EVENT_PANIC:
    case TWIN86_EVENT_TRIPLE_FAULT: reason = "guest-panic"; break;
    case TWIN86_EVENT_QUIT:
        reason = "host-qmp-quit";
        guest = false;
        break;
    default: guest = false; break;
    }
    send_event(opaque, "SHUTDOWN", cause(guest, reason));
}

/* ---- commands ---- */

static const struct QmpCommand *find(const char *name) {
    const struct QmpCommand *c = qmp_commands;
    while (c->name != NULL && strcmp(c->name, name) != 0)
        c++;
    return c->name != NULL ? c : NULL;
}

/* Every argument is one that the command knows. */
static bool known_parameters(struct Qmp *q, const struct QmpCommand *c, struct json_object *id,
                             struct json_object *arguments) {
    struct json_object_iterator i, end;
    if (arguments == NULL)
        return true;
    end = json_object_iter_end(arguments);
    for (i = json_object_iter_begin(arguments); !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        const char *name = json_object_iter_peek_name(&i);
        bool known = false;
        for (unsigned k = 0; k < sizeof(c->parameters) / sizeof(c->parameters[0]) && c->parameters[k] != NULL; k++)
            known |= strcmp(c->parameters[k], name) == 0;
        if (!known) {
            char why[100];
            snprintf(why, sizeof(why), "Parameter '%.32s' is unexpected", name);
            send_error(q, id, "GenericError", why);
            return false;
        }
    }
    return true;
}

static void negotiate(struct Qmp *q, struct json_object *id, struct json_object *arguments) {
    struct json_object *enable;
    if (q->commands) {
        send_error(q, id, "CommandNotFound", "Capabilities negotiation is already complete, command ignored");
        return;
    }
    if (arguments != NULL && json_object_object_get_ex(arguments, "enable", &enable) &&
        !(json_object_is_type(enable, json_type_array) && json_object_array_length(enable) == 0)) {
        send_error(q, id, "GenericError", "Parameter 'enable' must be an empty list: there are no capabilities");
        return;
    }
    q->commands = true;
    send_return(q, id, NULL);
}

static void execute(struct Qmp *q, const char *name, struct json_object *id, struct json_object *arguments) {
    const struct QmpCommand *c = find(name);
    char why[200];
    if (!q->commands && (c == NULL || c->run != NULL)) {
        snprintf(why, sizeof(why), "Expecting capabilities negotiation with 'qmp_capabilities'");
        send_error(q, id, "CommandNotFound", why);
    } else if (c == NULL) {
        snprintf(why, sizeof(why), "The command %.64s has not been found", name);
        send_error(q, id, "CommandNotFound", why);
    } else if (known_parameters(q, c, id, arguments)) {
        if (c->run == NULL) {
            negotiate(q, id, arguments);
            return;
        }
        struct QmpCall call = {.session = q->session, .arguments = arguments};
        struct json_object *value = c->run(&call);
        if (call.failed)
            send_error(q, id, "GenericError", call.why);
        else
            send_return(q, id, value);
        if (call.quit)
            session_quit(q->session);
    }
}

/* json-c takes NaN and Infinity, which JSON has not, and an id would be echoed as such. */
static bool is_finite(struct json_object *o) {
    if (json_object_is_type(o, json_type_double))
        return isfinite(json_object_get_double(o));
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            if (!is_finite(json_object_array_get_idx(o, i)))
                return false;
    } else if (json_object_is_type(o, json_type_object)) {
        struct json_object_iterator i = json_object_iter_begin(o), end = json_object_iter_end(o);
        for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
            if (!is_finite(json_object_iter_peek_value(&i)))
                return false;
    }
    return true;
}

/* What is wrong with the outer object; NULL: nothing. */
static const char *check_request(struct json_object *request, char *why, size_t n) {
    struct json_object *execute = NULL, *arguments = NULL;
    if (!json_object_is_type(request, json_type_object))
        return "QMP input must be a JSON object";
    struct json_object_iterator i = json_object_iter_begin(request), end = json_object_iter_end(request);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        const char *name = json_object_iter_peek_name(&i);
        if (strcmp(name, "execute") != 0 && strcmp(name, "arguments") != 0 && strcmp(name, "id") != 0) {
            snprintf(why, n, "QMP input member '%.32s' is unexpected", name);
            return why;
        }
    }
    if (!json_object_object_get_ex(request, "execute", &execute))
        return "QMP input lacks member 'execute'";
    if (!json_object_is_type(execute, json_type_string))
        return "QMP input member 'execute' must be a string";
    if (json_object_object_get_ex(request, "arguments", &arguments) &&
        !json_object_is_type(arguments, json_type_object))
        return "QMP input member 'arguments' must be an object";
    return NULL;
}

static void handle(struct Qmp *q, struct json_object *request) {
    struct json_object *name, *id = NULL, *arguments = NULL;
    char text[100];
    const char *wrong = check_request(request, text, sizeof(text));
    if (json_object_is_type(request, json_type_object)) {
        json_object_object_get_ex(request, "id", &id);
        json_object_object_get_ex(request, "arguments", &arguments);
    }
    if (!is_finite(request)) {
        send_error(q, NULL, "GenericError", "JSON parse error, numbers are finite");
        return;
    }
    if (wrong != NULL) {
        send_error(q, id, "GenericError", wrong);
        return;
    }
    json_object_object_get_ex(request, "execute", &name);
    execute(q, json_object_get_string(name), id, arguments);
}

/* ---- input ---- */

static void refuse(struct Qmp *q, const char *what, const char *detail) {
    char why[200];
    snprintf(why, sizeof(why), "%s%s", what, detail);
    json_tokener_reset(q->tokener);
    q->size = 0;
    q->skip = true;
    send_error(q, NULL, "GenericError", why);
}

/* Take bytes of a value; how many. */
static size_t parse(struct Qmp *q, const char *data, size_t size) {
    size_t room = QMP_INPUT_MAX - q->size, n = size < room ? size : room;
    struct json_object *request = json_tokener_parse_ex(q->tokener, data, (int)n);
    enum json_tokener_error e = json_tokener_get_error(q->tokener);
    size_t taken = json_tokener_get_parse_end(q->tokener);
    if (e == json_tokener_continue) {
        q->size += n;
        if (q->size == QMP_INPUT_MAX)
            refuse(q, "JSON parse error, ", "the value is too long");
        return n;
    }
    if (e != json_tokener_success) {
        json_object_put(request);
        refuse(q, "JSON parse error, ", json_tokener_error_desc(e));
        return taken;
    }
    q->size = 0;
    json_tokener_reset(q->tokener);
    handle(q, request);
    json_object_put(request);
    return taken;
}

/* Bytes in which strings have JSON's quotes. */
static void input(struct Qmp *q, const char *data, size_t size) {
    for (size_t i = 0; i < size;) {
        if (q->skip) {
            q->skip = data[i++] != '\n';
        } else if (q->size == 0 && isspace((unsigned char)data[i])) {
            i++;
        } else if (data[i] == '\0') {
            refuse(q, "JSON parse error, ", "a zero byte, or a line that ends within a string");
        } else {
            const char *zero = memchr(data + i, '\0', size - i);
            i += parse(q, data + i, zero != NULL ? (size_t)(zero - (data + i)) : size - i);
        }
    }
}

void qmp_input(struct Qmp *q, const uint8_t *data, size_t size) {
    char text[QMP_QUOTES_GROW * 1024];
    while (size > 0) {
        size_t n = size < 1024 ? size : 1024;
        input(q, text, qmp_quotes(&q->quotes, data, n, text));
        data += n;
        size -= n;
    }
}

struct Qmp *qmp_new(struct Session *s, void (*write)(void *opaque, const void *data, size_t size), void *opaque) {
    struct Qmp *q = calloc(1, sizeof(*q));
    if (q == NULL || (q->tokener = json_tokener_new_ex(QMP_DEPTH_MAX)) == NULL) {
        free(q);
        return NULL;
    }
    json_tokener_set_flags(q->tokener,
                           JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS | JSON_TOKENER_VALIDATE_UTF8);
    q->session = s;
    q->write = write;
    q->opaque = opaque;
    q->observer = (struct SessionObserver){
        .stopped = on_stopped,
        .resumed = on_resumed,
        .reset = on_reset,
        .suspended = on_suspended,
        .woken = on_woken,
        .news = on_news,
        .powerdown = on_powerdown,
        .panicked = on_panicked,
        .shutdown = on_shutdown,
        .opaque = q,
    };
    session_observe(s, &q->observer);
    send_greeting(q);
    return q;
}

void qmp_free(struct Qmp *q) {
    if (q == NULL)
        return;
    session_unobserve(q->session, &q->observer);
    json_tokener_free(q->tokener);
    free(q);
}
