/* SPDX-License-Identifier: MIT */
/* X11's keysyms (RFC 6143, 7.5.4), and which key of a keyboard en-us makes each. */
#include "control/vnc/vnc.h"
#include "machine/machine.h"

/* Keys that make two characters: by itself and with shift, which viewers send as a key of its own. */
static const struct Pair {
    char plain, shifted;
    const char *name;
} pairs[] = {
    {'1', '!', "1"},         {'2', '@', "2"},
    {'3', '#', "3"},         {'4', '$', "4"},
    {'5', '%', "5"},         {'6', '^', "6"},
    {'7', '&', "7"},         {'8', '*', "8"},
    {'9', '(', "9"},         {'0', ')', "0"},
    {'-', '_', "minus"},     {'=', '+', "equal"},
    {' ', ' ', "spc"},       {'[', '{', "bracket_left"},
    {';', ':', "semicolon"}, {']', '}', "bracket_right"},
    {',', '<', "comma"},     {'\'', '"', "apostrophe"},
    {'.', '>', "dot"},       {'`', '~', "grave_accent"},
    {'/', '?', "slash"},     {'\\', '|', "backslash"},
};

static const struct Named {
    uint16_t keysym;
    const char *name;
} named[] = {
    {0xff08, "backspace"},   {0xff09, "tab"},        {0xff0d, "ret"},         {0xff13, "pause"},
    {0xff14, "scroll_lock"}, {0xff1b, "esc"},        {0xff50, "home"},        {0xff51, "left"},
    {0xff52, "up"},          {0xff53, "right"},      {0xff54, "down"},        {0xff55, "pgup"},
    {0xff56, "pgdn"},        {0xff57, "end"},        {0xff61, "print"},       {0xff63, "insert"},
    {0xff67, "menu"},        {0xff7f, "num_lock"},   {0xff8d, "kp_enter"},    {0xff95, "kp_7"},
    {0xff96, "kp_4"},        {0xff97, "kp_8"},       {0xff98, "kp_6"},        {0xff99, "kp_2"},
    {0xff9a, "kp_9"},        {0xff9b, "kp_3"},       {0xff9c, "kp_1"},        {0xff9d, "kp_5"},
    {0xff9e, "kp_0"},        {0xff9f, "kp_decimal"}, {0xffaa, "kp_multiply"}, {0xffab, "kp_add"},
    {0xffad, "kp_subtract"}, {0xffae, "kp_decimal"}, {0xffaf, "kp_divide"},   {0xffe1, "shift"},
    {0xffe2, "shift_r"},     {0xffe3, "ctrl"},       {0xffe4, "ctrl_r"},      {0xffe5, "caps_lock"},
    {0xffe7, "meta_l"},      {0xffe8, "meta_r"},     {0xffe9, "alt"},         {0xffea, "alt_r"},
    {0xffeb, "meta_l"},      {0xffec, "meta_r"},     {0xffff, "delete"},      {0xfe03, "alt_r"},
    {0xfe20, "tab"},
};

static uint16_t of_character(char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return input_key_code((const char[]){(char)(c | 0x20), '\0'});
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (c == pairs[i].plain || c == pairs[i].shifted)
            return input_key_code(pairs[i].name);
    return 0;
}

static uint16_t numbered(const char *prefix, uint32_t number) {
    char name[16];
    snprintf(name, sizeof(name), "%s%u", prefix, number);
    return input_key_code(name);
}

uint16_t vnc_key_of(uint32_t keysym) {
    enum { F1 = 0xffbe, F12 = 0xffc9, KP_0 = 0xffb0, KP_9 = 0xffb9 };
    if (keysym >= ' ' && keysym <= '~')
        return of_character((char)keysym);
    if (keysym >= F1 && keysym <= F12)
        return numbered("f", keysym - F1 + 1);
    if (keysym >= KP_0 && keysym <= KP_9)
        return numbered("kp_", keysym - KP_0);
    for (unsigned i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (keysym == named[i].keysym)
            return input_key_code(named[i].name);
    return 0;
}
