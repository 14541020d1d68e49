/* SPDX-License-Identifier: MIT */
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

/* ---- into the devices ---- */

static void press_button(struct Machine *m, const struct InputEvent *e) {
    struct MachineInput *in = &m->input;
    in->buttons = (uint8_t)(e->value != 0 ? in->buttons | e->code : in->buttons & ~e->code);
    i8042_mouse_buttons(&m->i8042, in->buttons);
}

static void happen(struct Machine *m, const struct InputEvent *e) {
    switch (e->kind) {
    case INPUT_KEY: i8042_key_event(&m->i8042, e->code, e->value != 0); break;
    case INPUT_BUTTON: press_button(m, e); break;
    case INPUT_MOVE:
        i8042_mouse_move(&m->i8042, e->code == 0 ? e->value : 0, e->code == 1 ? -e->value : 0,
                         e->code == 2 ? e->value : 0);
        break;
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
