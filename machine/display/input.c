/* SPDX-License-Identifier: MIT */
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

/* ---- into the devices ---- */

/* A report of a virtio device ends before the next stroke of a key or button, and with what is due. */
static void report(struct Machine *m, struct VirtioInput *v, bool stroke, uint16_t type, uint16_t code, int32_t value) {
    struct MachineInput *in = &m->input;
    if (in->reporting != NULL && (in->reporting != v || (stroke && in->struck))) {
        virtio_input_event(in->reporting, INPUT_EV_SYN, 0, 0);
        in->struck = false;
    }
    virtio_input_event(v, type, code, value);
    in->reporting = v;
    in->struck |= stroke;
}

static void end_report(struct MachineInput *in) {
    if (in->reporting != NULL)
        virtio_input_event(in->reporting, INPUT_EV_SYN, 0, 0);
    in->reporting = NULL;
    in->struck = false;
}

/* The tablet comes first: a guest that has one is shown where the pointer is, not how it moves. */
static struct VirtioInput *pointer(struct Machine *m) {
    struct VirtioInput *tablet = virtio_input_of(m, VIRTIO_TABLET);
    return tablet != NULL ? tablet : virtio_input_of(m, VIRTIO_MOUSE);
}

static void press_key(struct Machine *m, const struct InputEvent *e) {
    struct VirtioInput *v = virtio_input_of(m, VIRTIO_KEYBOARD);
    uint16_t number = virtio_input_key(e->code);
    if (v == NULL)
        i8042_key_event(&m->i8042, e->code, e->value != 0);
    else if (number != 0)
        report(m, v, true, INPUT_EV_KEY, number, e->value != 0);
}

static void press_button(struct Machine *m, const struct InputEvent *e) {
    static const uint16_t bits[] = {PS2_LEFT, PS2_RIGHT, PS2_MIDDLE, PS2_SIDE, PS2_EXTRA}; /* in Linux' order */
    struct MachineInput *in = &m->input;
    struct VirtioInput *v = pointer(m);
    in->buttons = (uint8_t)(e->value != 0 ? in->buttons | e->code : in->buttons & ~e->code);
    if (v == NULL)
        i8042_mouse_buttons(&m->i8042, in->buttons);
    for (unsigned i = 0; v != NULL && i < sizeof(bits) / sizeof(bits[0]); i++)
        if (e->code == bits[i])
            report(m, v, true, INPUT_EV_KEY, (uint16_t)(INPUT_BTN_LEFT + i), e->value != 0);
}

/* Movement is the mouse's, or the PS/2 one's beside a tablet alone; the wheel is the pointer's. */
static void move(struct Machine *m, const struct InputEvent *e) {
    struct VirtioInput *v = e->code == 2 ? pointer(m) : virtio_input_of(m, VIRTIO_MOUSE);
    if (v == NULL)
        i8042_mouse_move(&m->i8042, e->code == 0 ? e->value : 0, e->code == 1 ? -e->value : 0,
                         e->code == 2 ? e->value : 0);
    else if (e->code == 2)
        report(m, v, false, INPUT_EV_REL, INPUT_REL_WHEEL, -e->value);
    else
        report(m, v, false, INPUT_EV_REL, e->code, e->value);
}

static void place(struct Machine *m, const struct InputEvent *e) {
    struct VirtioInput *v = virtio_input_of(m, VIRTIO_TABLET);
    if (v != NULL)
        report(m, v, false, INPUT_EV_ABS, e->code, e->value);
}

static void happen(struct Machine *m, const struct InputEvent *e) {
    switch (e->kind) {
    case INPUT_KEY: press_key(m, e); break;
    case INPUT_BUTTON: press_button(m, e); break;
    case INPUT_MOVE: move(m, e); break;
    case INPUT_AT: place(m, e); break;
    default: break;
    }
}

static bool take(struct MachineInput *in, struct InputEvent *e) {
    pthread_mutex_lock(&in->mutex);
    bool there = in->count != 0;
    if (there) {
        *e = in->event[in->head];
        in->head = (in->head + 1) % INPUT_QUEUE;
        in->count--;
    }
    pthread_mutex_unlock(&in->mutex);
    return there;
}

/* All that is due: up to a wait. */
static void run(void *opaque) {
    struct Machine *m = opaque;
    struct MachineInput *in = &m->input;
    struct InputEvent e;
    while (!timer_armed(&in->wait) && take(in, &e)) {
        if (e.kind == INPUT_WAIT)
            timer_arm(&in->wait, clock_after(clock_now(m->clock), (int64_t)e.value * NS_PER_MS));
        else
            happen(m, &e);
    }
    end_report(in);
}

/* ---- from outside ---- */

int input_send(struct Machine *m, const struct InputEvent *e, unsigned count) {
    struct MachineInput *in = &m->input;
    pthread_mutex_lock(&in->mutex);
    bool room = count <= INPUT_QUEUE - in->count;
    for (unsigned i = 0; room && i < count; i++)
        in->event[(in->head + in->count++) % INPUT_QUEUE] = e[i];
    pthread_mutex_unlock(&in->mutex);
    if (room)
        loop_post(&m->loop, &in->work);
    return room ? 0 : -ENOSPC;
}

bool input_has_positions(struct Machine *m) {
    pthread_mutex_lock(&m->lock);
    bool there = virtio_input_of(m, VIRTIO_TABLET) != NULL;
    pthread_mutex_unlock(&m->lock);
    return there;
}

/* A pause at the end, so that what is pressed next is a stroke of its own. */
int input_press(struct Machine *m, const uint16_t *keys, unsigned count, unsigned ms) {
    struct InputEvent e[2 * INPUT_KEYS_AT_ONCE + 2];
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        e[n++] = (struct InputEvent){INPUT_KEY, keys[i], 1};
    e[n++] = (struct InputEvent){INPUT_WAIT, 0, (int32_t)ms};
    for (unsigned i = count; i-- > 0;)
        e[n++] = (struct InputEvent){INPUT_KEY, keys[i], 0};
    e[n++] = (struct InputEvent){INPUT_WAIT, 0, (int32_t)ms};
    return input_send(m, e, n);
}

/* ---- life ---- */

void input_init(struct Machine *m) {
    pthread_mutex_init(&m->input.mutex, NULL);
    loop_work_init(&m->input.work, run, m);
}

void input_wire(struct Machine *m) { timer_init(&m->input.wait, m->clock, run, m); }

void input_destroy(struct Machine *m) { pthread_mutex_destroy(&m->input.mutex); }

void input_clear(struct Machine *m) {
    struct MachineInput *in = &m->input;
    pthread_mutex_lock(&in->mutex);
    in->count = 0;
    pthread_mutex_unlock(&in->mutex);
    loop_cancel(&m->loop, &in->work);
    timer_cancel(&in->wait);
    in->buttons = m->i8042.state.mouse.buttons;
}
