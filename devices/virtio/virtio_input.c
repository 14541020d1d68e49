/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_input.h"
#include "base/bytes.h"
#include "devices/input/i8042.h"

#include <string.h>

enum { EVENTS = 0, STATUS = 1, QUEUES = 2, EVENT_BYTES = 8, REPORT_MOST = 8 };

/* Configuration space (5.8.4). */
enum { SELECT = 0, SUBSELECT = 1, SIZE = 2, DATA = 8, DATA_BYTES = VIRTIO_INPUT_CONFIG - DATA };
enum { ID_NAME = 1, ID_SERIAL, ID_DEVICE, PROPERTIES = 0x10, EVENT_BITS, ABSOLUTE };

/* ---- what each kind is ---- */

/* Bits first to last of an event type. */
struct Bits {
    uint8_t type;
    uint16_t first, last;
};

static const struct Kind {
    const char *name;
    uint16_t product;
    struct Bits bits[5];
} kinds[VIRTIO_INPUT_KINDS] = {
    [VIRTIO_KEYBOARD] = {"twin86 virtio keyboard",
                         1,
                         {{INPUT_EV_KEY, 1, 127}, {INPUT_EV_LED, 0, 2}, {INPUT_EV_REP, 0, 1}}},
    [VIRTIO_MOUSE] = {"twin86 virtio mouse",
                      2,
                      {{INPUT_EV_KEY, INPUT_BTN_LEFT, INPUT_BTN_LEFT + 4},
                       {INPUT_EV_REL, INPUT_REL_X, INPUT_REL_Y},
                       {INPUT_EV_REL, INPUT_REL_WHEEL, INPUT_REL_WHEEL}}},
    [VIRTIO_TABLET] = {"twin86 virtio tablet",
                       3,
                       {{INPUT_EV_KEY, INPUT_BTN_LEFT, INPUT_BTN_LEFT + 4},
                        {INPUT_EV_ABS, 0, 1},
                        {INPUT_EV_REL, INPUT_REL_WHEEL, INPUT_REL_WHEEL}}},
};

/* Keys with the prefix E0, whose numbers are no function of their codes. The others have those of scan code set 1. */
static const struct {
    uint8_t code, number;
} extended[] = {{0x10, 165}, {0x19, 163}, {0x1c, 96},  {0x1d, 97},  {0x20, 113}, {0x21, 140}, {0x22, 164},
                {0x24, 166}, {0x2e, 114}, {0x30, 115}, {0x32, 172}, {0x35, 98},  {0x37, 99},  {0x38, 100},
                {0x47, 102}, {0x48, 103}, {0x49, 104}, {0x4b, 105}, {0x4d, 106}, {0x4f, 107}, {0x50, 108},
                {0x51, 109}, {0x52, 110}, {0x53, 111}, {0x5b, 125}, {0x5c, 126}, {0x5d, 127}, {0x5e, 116}};

uint16_t virtio_input_key(uint16_t code) {
    enum { LAST = 0x58, PAUSE = 119 };
    if (code == KEY_PAUSE)
        return PAUSE;
    if (code <= LAST)
        return code;
    for (unsigned i = 0; code >> 8 == 0xe0 && i < sizeof(extended) / sizeof(extended[0]); i++)
        if (extended[i].code == (code & 0xff))
            return extended[i].number <= 127 ? extended[i].number : 0;
    return 0;
}

/* ---- configuration ---- */

static unsigned put_text(uint8_t *to, const char *text) {
    size_t n = strlen(text);
    memcpy(to, text, n);
    return (unsigned)n;
}

/* The bits of an event type: as many bytes as hold the last one. */
static unsigned put_bits(const struct Kind *kind, uint8_t type, uint8_t *to) {
    unsigned bytes = 0;
    for (unsigned i = 0; i < sizeof(kind->bits) / sizeof(kind->bits[0]); i++)
        for (unsigned bit = kind->bits[i].first; kind->bits[i].type == type && bit <= kind->bits[i].last; bit++) {
            to[bit / 8] |= (uint8_t)(1 << bit % 8);
            bytes = bit / 8 + 1 > bytes ? bit / 8 + 1 : bytes;
        }
    return type != 0 ? bytes : 0;
}

static unsigned put_answer(const struct VirtioInput *v, uint8_t *to) {
    enum { BUS_VIRTUAL = 6, VENDOR = 0x1af4, VERSION = 1, LIMITS = 20, IDS = 8 };
    const struct Kind *kind = &kinds[v->kind];
    uint8_t sub = v->state.subselect;
    switch (v->state.select) {
    case ID_NAME: return sub == 0 ? put_text(to, kind->name) : 0;
    case ID_DEVICE:
        put_le16(to, BUS_VIRTUAL);
        put_le16(to + 2, VENDOR);
        put_le16(to + 4, kind->product);
        put_le16(to + 6, VERSION);
        return sub == 0 ? IDS : 0;
    case EVENT_BITS: return put_bits(kind, sub, to);
    case ABSOLUTE: put_le32(to + 4, VIRTIO_TABLET_MOST); return v->kind == VIRTIO_TABLET && sub <= 1 ? LIMITS : 0;
    default: return 0; /* ID_SERIAL, PROPERTIES: none */
    }
}

static void answer(struct VirtioInput *v) {
    memset(v->config, 0, sizeof(v->config));
    v->config[SELECT] = v->state.select;
    v->config[SUBSELECT] = v->state.subselect;
    unsigned n = put_answer(v, v->config + DATA);
    memset(v->config + DATA + n, 0, DATA_BYTES - n);
    v->config[SIZE] = (uint8_t)n;
}

static void config_written(void *opaque, unsigned offset, unsigned size) {
    struct VirtioInput *v = opaque;
    (void)offset, (void)size;
    v->state.select = v->config[SELECT];
    v->state.subselect = v->config[SUBSELECT];
    answer(v);
}

/* ---- events ---- */

/* How many of those that wait make up the first report, or as much of it as is given at once. 0: it has no end yet. */
static unsigned first_report(const struct VirtioInputState *s) {
    for (unsigned i = 0; i < s->count; i++)
        if (s->waiting[(s->first + i) % VIRTIO_INPUT_WAITING].type == INPUT_EV_SYN || i + 1 == REPORT_MOST)
            return i + 1;
    return 0;
}

static void drop(struct VirtioInputState *s, unsigned n) {
    s->first = (s->first + n) % VIRTIO_INPUT_WAITING;
    s->count -= n;
}

/* A whole report, or nothing. */
static bool give_report(struct VirtioInput *v, unsigned events) {
    struct VirtioBuffer b[REPORT_MOST];
    struct VirtioInputState *s = &v->state;
    for (unsigned i = 0; i < events; i++)
        if (!virtio_take(&v->virtio, EVENTS, &b[i])) {
            if (virtio_is_live(&v->virtio))
                virtio_untake(&v->virtio, EVENTS, i);
            return false;
        }
    for (unsigned i = 0; i < events; i++) {
        const struct VirtioInputEvent *e = &s->waiting[(s->first + i) % VIRTIO_INPUT_WAITING];
        uint8_t bytes[EVENT_BYTES];
        put_le16(bytes, e->type);
        put_le16(bytes + 2, e->code);
        put_le32(bytes + 4, e->value);
        size_t n = b[i].writable_bytes < sizeof(bytes) ? (size_t)b[i].writable_bytes : sizeof(bytes);
        virtio_write(&v->virtio, &b[i], 0, bytes, n);
        virtio_give(&v->virtio, EVENTS, &b[i], (uint32_t)n);
    }
    drop(s, events);
    return true;
}

static void serve(struct VirtioInput *v) {
    bool given = false;
    for (unsigned n; virtio_is_live(&v->virtio) && (n = first_report(&v->state)) != 0 && give_report(v, n);)
        given = true;
    if (given)
        virtio_tell(&v->virtio, EVENTS);
}

void virtio_input_event(struct VirtioInput *v, uint16_t type, uint16_t code, int32_t value) {
    struct VirtioInputState *s = &v->state;
    if (!virtio_is_live(&v->virtio))
        return;
    if (s->count == VIRTIO_INPUT_WAITING) {
        unsigned n = first_report(s);
        drop(s, n != 0 ? n : s->count);
    }
    s->waiting[(s->first + s->count++) % VIRTIO_INPUT_WAITING] = (struct VirtioInputEvent){type, code, (uint32_t)value};
    if (type == INPUT_EV_SYN)
        serve(v);
}

/* What the guest says of its LEDs is heard, and comes to nothing. Bounded by what the driver can have put in. */
static void take_status(struct VirtioInput *v) {
    struct VirtioBuffer b;
    unsigned n = 0;
    for (; n < VIRTIO_QUEUE_SIZE && virtio_take(&v->virtio, STATUS, &b); n++)
        virtio_give(&v->virtio, STATUS, &b, 0);
    if (n > 0)
        virtio_tell(&v->virtio, STATUS);
}

static void notified(void *opaque, unsigned n) {
    if (n == EVENTS)
        serve(opaque);
    else
        take_status(opaque);
}

/* ---- life ---- */

static void reset(void *opaque) {
    struct VirtioInput *v = opaque;
    v->state.first = v->state.count = 0;
    v->state.select = v->state.subselect = 0;
    answer(v);
}

void virtio_input_restored(struct VirtioInput *v) {
    answer(v);
    serve(v);
}

void virtio_input_init(struct VirtioInput *v, struct PciDevice *pci, enum VirtioInputKind kind) {
    static const struct VirtioDeviceOps ops = {notified, reset, config_written};
    memset(v, 0, sizeof(*v));
    v->kind = kind;
    v->virtio = (struct Virtio){
        .state = &v->state.virtio,
        .pci = pci,
        .ops = &ops,
        .opaque = v,
        .offered = VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX | VIRTIO_F_VERSION_1,
        .queues = QUEUES,
        .config = v->config,
        .config_size = sizeof(v->config),
    };
    answer(v);
}

static const char *check(const void *state) {
    const struct VirtioInputState *s = state;
    if (s->first >= VIRTIO_INPUT_WAITING || s->count > VIRTIO_INPUT_WAITING)
        return "more input waits than there is room for";
    return virtio_check(&s->virtio);
}

static const struct StateTable event_table = {
    .name = "virtio_input_event",
    .size = sizeof(struct VirtioInputEvent),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(VirtioInputEvent, type),
            STATE_FIELD(VirtioInputEvent, code),
            STATE_FIELD(VirtioInputEvent, value),
            {0},
        },
};

const struct StateTable virtio_input_state_table = {
    .name = "virtio_input",
    .size = sizeof(struct VirtioInputState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioInputState, virtio, &virtio_state_table),
            STATE_FIELD(VirtioInputState, first),
            STATE_FIELD(VirtioInputState, count),
            STATE_ARRAY_WITHIN(VirtioInputState, waiting, &event_table),
            STATE_FIELD(VirtioInputState, select),
            STATE_FIELD(VirtioInputState, subselect),
            STATE_PADDING(VirtioInputState, unused),
            {0},
        },
};
