/* SPDX-License-Identifier: MIT */
/* What is on the screen, in characters, and keys: for who shows it in a terminal. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(TWIN86_SCREEN_CELLS == (int)VGA_TEXT_CELLS, "Twin86Screen");

int twin86_screen(Twin86Machine *machine, Twin86Screen *screen) {
    struct Machine *m = machine_of(machine);
    struct VgaText *t = malloc(sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    pthread_mutex_lock(&m->lock);
    int r = m->display.plugged ? 0 : -ENODEV;
    if (r == 0)
        vga_text_screen(&m->display.vga, t);
    pthread_mutex_unlock(&m->lock);
    if (r == 0) {
        screen->columns = t->columns;
        screen->rows = t->rows;
        screen->cursor = t->cursor;
        screen->blinks = t->blinks;
        memcpy(screen->cell, t->cell, (size_t)t->columns * t->rows * sizeof(t->cell[0]));
    }
    free(t);
    return r;
}

int twin86_press(Twin86Machine *machine, const char *const *keys, unsigned count, unsigned ms) {
    uint16_t codes[INPUT_KEYS_AT_ONCE];
    if (count > INPUT_KEYS_AT_ONCE || ms > INPUT_HOLD_MOST_MS)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++)
        if ((codes[i] = input_key_code(keys[i])) == 0)
            return -EINVAL;
    return input_press(machine_of(machine), codes, count, ms);
}
