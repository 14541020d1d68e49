/* SPDX-License-Identifier: MIT */
/* Commands about the display. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

void monitor_screendump(struct Monitor *mon, char *args) {
    enum PictureFormat format = PICTURE_PPM;
    const char *file = NULL, *word;
    char why[300];
    bool chosen = false;
    while ((word = monitor_word(mon, &args)) != NULL) {
        if (strcmp(word, "-f") == 0) {
            if ((word = monitor_word(mon, &args)) == NULL || !picture_format(word, &format)) {
                fputs("-f needs a format: png or ppm\n", mon->out);
                return;
            }
            chosen = true;
        } else if (file == NULL) {
            file = word;
        } else {
            fprintf(mon->out, "'%.40s' is too much\n", word);
            return;
        }
    }
    if (file == NULL)
        fputs("screendump needs a file, such as: screendump screen.png -f png\n", mon->out);
    else if (display_dump(mon->m, NULL, file, chosen ? format : picture_format_of(file), why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

/* ---- hands ---- */

static const char no_room[] = "the guest takes no keys; it stands still, or does not read them\n";

/* "ctrl-alt-f1", or numbers "0x1d-0x38"; the minus key is called so. How many; 0 after saying what is wrong. */
static unsigned parse_keys(struct Monitor *mon, char *text, uint16_t *keys) {
    unsigned count = 0;
    for (char *name = text, *end; name != NULL; name = end) {
        end = strchr(name, '-');
        if (end != NULL)
            *end++ = '\0';
        char *rest;
        unsigned long number = strtoul(name, &rest, 0);
        bool numeric = strncmp(name, "0x", 2) == 0 && *rest == '\0' && number <= 0xff;
        uint16_t code =
            numeric ? input_key_number((unsigned)number) : input_key_code(strcmp(name, "<") == 0 ? "less" : name);
        if (code == 0) {
            fprintf(mon->out, "there is no key '%.20s'; names are QEMU's (a, ret, spc, ctrl, f1, pgup), joined by -\n",
                    name);
            return 0;
        }
        if (count == INPUT_KEYS_AT_ONCE) {
            fprintf(mon->out, "%d keys at once are the most\n", INPUT_KEYS_AT_ONCE);
            return 0;
        }
        keys[count++] = code;
    }
    return count;
}

/* A number that `word` is wholly; without a word *value stays. */
static bool parse_int(struct Monitor *mon, const char *word, long least, long most, long *value) {
    char *end;
    if (word == NULL)
        return true;
    *value = strtol(word, &end, 0);
    if (*end == '\0' && end != word && *value >= least && *value <= most)
        return true;
    fprintf(mon->out, "'%.20s' is no number from %ld to %ld\n", word, least, most);
    return false;
}

void monitor_sendkey(struct Monitor *mon, char *args) {
    uint16_t keys[INPUT_KEYS_AT_ONCE];
    char *names = monitor_word(mon, &args), *hold = monitor_word(mon, &args);
    long ms = INPUT_HOLD_MS;
    if (names == NULL) {
        fputs("sendkey needs keys, such as: sendkey ctrl-alt-delete\n", mon->out);
        return;
    }
    unsigned count = parse_keys(mon, names, keys);
    if (count != 0 && parse_int(mon, hold, 1, INPUT_HOLD_MOST_MS, &ms) && monitor_no_more(mon, args) &&
        input_press(mon->m, keys, count, (unsigned)ms) != 0)
        fputs(no_room, mon->out);
}

void monitor_mouse_move(struct Monitor *mon, char *args) {
    enum { COUNTS = 100000 };
    long by[3] = {0};
    struct InputEvent e[3];
    const char *x = monitor_word(mon, &args), *y = monitor_word(mon, &args), *z = monitor_word(mon, &args);
    if (y == NULL) {
        fputs("mouse_move needs dx and dy, such as: mouse_move 10 -5\n", mon->out);
        return;
    }
    if (!parse_int(mon, x, -COUNTS, COUNTS, &by[0]) || !parse_int(mon, y, -COUNTS, COUNTS, &by[1]) ||
        !parse_int(mon, z, -COUNTS, COUNTS, &by[2]) || !monitor_no_more(mon, args))
        return;
    for (unsigned i = 0; i < 3; i++)
        e[i] = (struct InputEvent){INPUT_MOVE, (uint16_t)i, (int32_t)by[i]};
    if (input_send(mon->m, e, 3) != 0)
        fputs(no_room, mon->out);
}

/* QEMU's bits: 1 left, 2 middle, 4 right. */
void monitor_mouse_button(struct Monitor *mon, char *args) {
    static const uint16_t of_bit[] = {PS2_LEFT, PS2_MIDDLE, PS2_RIGHT};
    const char *word = monitor_word(mon, &args);
    struct InputEvent e[3];
    long state = 0;
    if (word == NULL) {
        fputs("mouse_button needs what is down: 1 left + 2 middle + 4 right\n", mon->out);
        return;
    }
    if (!parse_int(mon, word, 0, 7, &state) || !monitor_no_more(mon, args))
        return;
    for (unsigned i = 0; i < 3; i++)
        e[i] = (struct InputEvent){INPUT_BUTTON, of_bit[i], (int32_t)(state >> i & 1)};
    if (input_send(mon->m, e, 3) != 0)
        fputs(no_room, mon->out);
}
