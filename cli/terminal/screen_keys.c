/* SPDX-License-Identifier: MIT */
/* Characters as keys of a US keyboard. */
#include "screen.h"

#include <ctype.h>
#include <string.h>

/* STROKE_MS: a PC's firmware keeps fifteen keys, and a boot loader is slow to take them. */
enum { STROKE_MS = 20, KEYS_AT_ONCE = 4, ESC = 0x1b, DELETE = 0x7f };

static const struct {
    char plain, shifted;
    const char *key;
} keys[] = {
    {'1', '!', "1"},
    {'2', '@', "2"},
    {'3', '#', "3"},
    {'4', '$', "4"},
    {'5', '%', "5"},
    {'6', '^', "6"},
    {'7', '&', "7"},
    {'8', '*', "8"},
    {'9', '(', "9"},
    {'0', ')', "0"},
    {'-', '_', "minus"},
    {'=', '+', "equal"},
    {'[', '{', "bracket_left"},
    {']', '}', "bracket_right"},
    {';', ':', "semicolon"},
    {'\'', '"', "apostrophe"},
    {'`', '~', "grave_accent"},
    {'\\', '|', "backslash"},
    {',', '<', "comma"},
    {'.', '>', "dot"},
    {'/', '?', "slash"},
    {' ', '\0', "spc"},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static const char letters[26][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
                                    "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"};

/* Those that have a key of their own, before the others as Ctrl and a letter. */
static struct Stroke control(int byte) {
    switch (byte) {
    case '\b':
    case DELETE: return (struct Stroke){"backspace", 0, byte};
    case '\t': return (struct Stroke){"tab", 0, byte};
    case '\n':
    case '\r': return (struct Stroke){"ret", 0, byte};
    case ESC: return (struct Stroke){"esc", 0, byte};
    case 0: return (struct Stroke){"spc", STROKE_CTRL, byte};
    default: break;
    }
    if (byte <= 26)
        return (struct Stroke){letters[byte - 1], STROKE_CTRL, byte};
    static const char *const others[] = {"backslash", "bracket_right", "6", "minus"}; /* 1Ch to 1Fh */
    return (struct Stroke){others[byte - 0x1c], STROKE_CTRL, byte};
}

struct Stroke stroke_of(int byte) {
    if (byte < 0 || byte > DELETE)
        return (struct Stroke){NULL, 0, -1};
    if (byte < ' ' || byte == DELETE)
        return control(byte);
    if (isalpha(byte))
        return (struct Stroke){letters[tolower(byte) - 'a'], isupper(byte) ? STROKE_SHIFT : 0, byte};
    for (unsigned i = 0; i < KEYS; i++)
        if (byte == keys[i].plain || byte == keys[i].shifted)
            return (struct Stroke){keys[i].key, byte == keys[i].plain ? 0 : STROKE_SHIFT, byte};
    return (struct Stroke){NULL, 0, byte};
}

int stroke_press(Twin86Machine *machine, const struct Stroke *stroke) {
    static const struct {
        unsigned modifier;
        const char *key;
    } modifiers[] = {{STROKE_CTRL, "ctrl"}, {STROKE_ALT, "alt"}, {STROKE_SHIFT, "shift"}};
    const char *pressed[KEYS_AT_ONCE];
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
        if (stroke->modifiers & modifiers[i].modifier)
            pressed[n++] = modifiers[i].key;
    pressed[n++] = stroke->key;
    return stroke->key == NULL ? 0 : twin86_press(machine, pressed, n, STROKE_MS);
}
