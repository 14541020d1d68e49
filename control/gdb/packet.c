/* SPDX-License-Identifier: MIT */
/* Framing, checksums, escapes. See packet.h. */
#include "control/gdb/packet.h"

#include <string.h>

enum { STATE_IDLE, STATE_DATA, STATE_SUM_HIGH, STATE_SUM_LOW };

static int digit(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- in ---- */

static void begin(struct GdbIn *in) {
    in->state = STATE_DATA;
    in->sum = 0;
    in->size = 0;
    in->escaped = in->too_long = false;
}

static enum GdbInput idle(struct GdbIn *in, uint8_t c) {
    switch (c) {
    case '$': begin(in); return GDB_INPUT_NONE;
    case '+': return GDB_INPUT_ACK;
    case '-': return GDB_INPUT_NAK;
    case 3: return GDB_INPUT_INTERRUPT;
    default: return GDB_INPUT_NONE; /* noise between packets */
    }
}

static void take(struct GdbIn *in, uint8_t c) {
    in->sum += c;
    if (c == '}' && !in->escaped) {
        in->escaped = true;
        return;
    }
    if (in->size == GDB_PACKET_MAX)
        in->too_long = true;
    else
        in->data[in->size++] = (char)(in->escaped ? c ^ 0x20 : c);
    in->escaped = false;
}

static enum GdbInput end(struct GdbIn *in, uint8_t c) {
    int low = digit(c);
    in->state = STATE_IDLE;
    in->data[in->size] = '\0';
    bool good = low >= 0 && in->given != 0xff && (in->given << 4 | low) == in->sum && !in->too_long && !in->escaped;
    return good ? GDB_INPUT_PACKET : GDB_INPUT_BAD;
}

enum GdbInput gdb_in_byte(struct GdbIn *in, uint8_t c) {
    switch (in->state) {
    case STATE_DATA:
        if (c == '$') /* the rest of the last one was lost */
            begin(in);
        else if (c == '#')
            in->state = STATE_SUM_HIGH;
        else
            take(in, c);
        return GDB_INPUT_NONE;
    case STATE_SUM_HIGH:
        in->given = digit(c) < 0 ? 0xff : (uint8_t)digit(c);
        in->state = STATE_SUM_LOW;
        return GDB_INPUT_NONE;
    case STATE_SUM_LOW: return end(in, c);
    default: return idle(in, c);
    }
}

/* ---- out ---- */

static const char digits[] = "0123456789abcdef";

static void put(struct GdbOut *out, char c) {
    if (out->size + 4 > sizeof(out->data)) /* room for the checksum stays */
        out->lost = true;
    else
        out->data[out->size++] = c;
}

void gdb_out_begin(struct GdbOut *out) {
    out->size = 0;
    out->lost = false;
    put(out, '$');
}

void gdb_out_text(struct GdbOut *out, const char *text) {
    while (*text != '\0')
        put(out, *text++);
}

void gdb_out_number(struct GdbOut *out, uint64_t v) {
    unsigned shift = 60;
    while (shift > 0 && v >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        put(out, digits[v >> shift & 15]);
        if (shift == 0)
            return;
    }
}

void gdb_out_hex(struct GdbOut *out, const void *bytes, size_t n) {
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        put(out, digits[b[i] >> 4]);
        put(out, digits[b[i] & 15]);
    }
}

void gdb_out_binary(struct GdbOut *out, const void *bytes, size_t n) {
    const char *b = bytes;
    for (size_t i = 0; i < n; i++) {
        bool special = b[i] == '$' || b[i] == '#' || b[i] == '}' || b[i] == '*';
        if (special)
            put(out, '}');
        put(out, special ? (char)(b[i] ^ 0x20) : b[i]);
    }
}

size_t gdb_out_end(struct GdbOut *out, const char **packet) {
    uint8_t sum = 0;
    *packet = out->data;
    if (out->lost)
        return 0;
    for (size_t i = 1; i < out->size; i++)
        sum += (uint8_t)out->data[i];
    out->data[out->size++] = '#';
    out->data[out->size++] = digits[sum >> 4];
    out->data[out->size++] = digits[sum & 15];
    return out->size;
}

/* ---- what packets hold ---- */

bool gdb_number(const char **text, uint64_t *v) {
    const char *s = *text;
    uint64_t n = 0;
    for (; digit((uint8_t)*s) >= 0; s++)
        n = n << 4 | (uint64_t)digit((uint8_t)*s);
    if (s == *text || s - *text > 16)
        return false;
    *v = n;
    *text = s;
    return true;
}

bool gdb_bytes(const char **text, void *bytes, size_t n) {
    uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++, *text += 2) {
        int high = digit((uint8_t)(*text)[0]);
        int low = high < 0 ? -1 : digit((uint8_t)(*text)[1]);
        if (low < 0)
            return false;
        b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
