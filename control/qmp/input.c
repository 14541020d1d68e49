/* SPDX-License-Identifier: MIT */
/* QMP's commands for keys and the mouse. */
#include "base/words.h"
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <string.h>

enum { EVENTS_MOST = 256 };

static const char *text_of(struct json_object *o, const char *name) {
    struct json_object *v;
    bool there = json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string);
    return there ? json_object_get_string(v) : NULL;
}

static bool int_of(struct json_object *o, const char *name, int64_t least, int64_t most, int64_t *value) {
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_int))
        return false;
    *value = json_object_get_int64(v);
    return *value >= least && *value <= most;
}

/* A KeyValue: {"type": "qcode", "data": "a"} or {"type": "number", "data": 30}. 0 after saying what is wrong. */
static uint16_t key_of(struct QmpCall *call, struct json_object *o) {
    const char *type = text_of(o, "type"), *name = text_of(o, "data");
    int64_t number;
    uint16_t code = 0;
    if (type != NULL && strcmp(type, "qcode") == 0 && name != NULL)
        code = input_key_code(name);
    else if (type != NULL && strcmp(type, "number") == 0 && int_of(o, "data", 1, 0xff, &number))
        code = input_key_number((unsigned)number);
    if (code == 0)
        qmp_fail(call,
                 "a key is {\"type\": \"qcode\", \"data\": NAME} or {\"type\": \"number\", \"data\": N}, not %.80s",
                 json_object_to_json_string(o));
    return code;
}

static struct json_object *sent(struct QmpCall *call, int r) {
    return r == 0 ? NULL : qmp_fail(call, "the guest takes no input; it stands still, or does not read it");
}

struct json_object *qmp_send_key(struct QmpCall *call) {
    struct json_object *list, *hold;
    uint16_t keys[INPUT_KEYS_AT_ONCE];
    int64_t ms = INPUT_HOLD_MS;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "keys", &list) ||
        !json_object_is_type(list, json_type_array))
        return qmp_fail(call, "Parameter 'keys' expects an array");
    size_t count = json_object_array_length(list);
    if (count == 0 || count > INPUT_KEYS_AT_ONCE)
        return qmp_fail(call, "Parameter 'keys' expects 1 to %d of them", INPUT_KEYS_AT_ONCE);
    for (size_t i = 0; i < count; i++)
        if ((keys[i] = key_of(call, json_object_array_get_idx(list, i))) == 0)
            return NULL;
    if (json_object_object_get_ex(call->arguments, "hold-time", &hold) &&
        !int_of(call->arguments, "hold-time", 1, INPUT_HOLD_MOST_MS, &ms))
        return qmp_fail(call, "Parameter 'hold-time' expects 1 to %d ms", INPUT_HOLD_MOST_MS);
    return sent(call, input_press(session_machine(call->session), keys, (unsigned)count, (unsigned)ms));
}

/* ---- input-send-event ---- */

static const struct Word buttons[] = {{"left", PS2_LEFT}, {"right", PS2_RIGHT}, {"middle", PS2_MIDDLE},
                                      {"side", PS2_SIDE}, {"extra", PS2_EXTRA}, {0}};
static const struct Word axes[] = {{"x", 0}, {"y", 1}, {0}};

static bool is_down(struct json_object *data) {
    struct json_object *down;
    return json_object_object_get_ex(data, "down", &down) && json_object_get_boolean(down);
}

static bool key_event(struct QmpCall *call, struct json_object *data, struct InputEvent *e) {
    struct json_object *key;
    if (!json_object_object_get_ex(data, "key", &key))
        return qmp_fail(call, "a key event has \"key\""), false;
    *e = (struct InputEvent){INPUT_KEY, key_of(call, key), is_down(data)};
    return e->code != 0;
}

/* A wheel is turned by a press of "wheel-up" or "wheel-down"; their releases mean nothing. */
static bool button_event(struct QmpCall *call, struct json_object *data, struct InputEvent *e) {
    const char *name = text_of(data, "button");
    const struct Word *w = name != NULL ? word_find(buttons, name) : NULL;
    bool up = name != NULL && strcmp(name, "wheel-up") == 0, down = name != NULL && strcmp(name, "wheel-down") == 0;
    if (w != NULL)
        *e = (struct InputEvent){INPUT_BUTTON, (uint16_t)w->value, is_down(data)};
    else if (up || down)
        *e = (struct InputEvent){INPUT_MOVE, 2, !is_down(data) ? 0 : up ? -1 : 1};
    else
        qmp_fail(call, "there is no button '%.20s'; left, right, middle, side, extra, wheel-up, wheel-down are",
                 name != NULL ? name : "");
    return !call->failed;
}

static bool move_event(struct QmpCall *call, struct json_object *data, struct InputEvent *e) {
    enum { COUNTS = 100000 };
    const char *axis = text_of(data, "axis");
    const struct Word *w = axis != NULL ? word_find(axes, axis) : NULL;
    int64_t value;
    if (w == NULL || !int_of(data, "value", -COUNTS, COUNTS, &value))
        return qmp_fail(call, "a movement is {\"axis\": \"x\" or \"y\", \"value\": -%d to %d}", COUNTS, COUNTS), false;
    *e = (struct InputEvent){INPUT_MOVE, (uint16_t)w->value, (int32_t)value};
    return true;
}

static bool absolute_event(struct QmpCall *call, struct json_object *data, struct InputEvent *e) {
    const char *axis = text_of(data, "axis");
    const struct Word *w = axis != NULL ? word_find(axes, axis) : NULL;
    int64_t value;
    if (!input_has_positions(session_machine(call->session)))
        return qmp_fail(call, "there is no pointer with absolute positions (-device virtio-tablet-pci), or the guest "
                              "has no driver on it; \"rel\" moves the mouse"),
               false;
    if (w == NULL || !int_of(data, "value", 0, INPUT_AT_MOST, &value))
        return qmp_fail(call, "a position is {\"axis\": \"x\" or \"y\", \"value\": 0 to %d}", INPUT_AT_MOST), false;
    *e = (struct InputEvent){INPUT_AT, (uint16_t)w->value, (int32_t)value};
    return true;
}

static bool one_event(struct QmpCall *call, struct json_object *o, struct InputEvent *e) {
    static const struct {
        const char *type;
        bool (*make)(struct QmpCall *call, struct json_object *data, struct InputEvent *e);
    } kinds[] = {{"key", key_event}, {"btn", button_event}, {"rel", move_event}, {"abs", absolute_event}};
    const char *type = text_of(o, "type");
    struct json_object *data;
    bool whole = type != NULL && json_object_object_get_ex(o, "data", &data);
    for (unsigned i = 0; whole && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].make(call, data, e);
    return qmp_fail(call, "an event is {\"type\": \"key\", \"btn\", \"rel\" or \"abs\", \"data\": {...}}"), false;
}

struct json_object *qmp_input_send_event(struct QmpCall *call) {
    struct InputEvent e[EVENTS_MOST];
    struct json_object *list;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "events", &list) ||
        !json_object_is_type(list, json_type_array))
        return qmp_fail(call, "Parameter 'events' expects an array");
    size_t count = json_object_array_length(list);
    if (count > EVENTS_MOST)
        return qmp_fail(call, "Parameter 'events' expects %d of them at most", EVENTS_MOST);
    for (size_t i = 0; i < count; i++)
        if (!one_event(call, json_object_array_get_idx(list, i), &e[i]))
            return NULL;
    return sent(call, input_send(session_machine(call->session), e, (unsigned)count));
}
