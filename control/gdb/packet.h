/* SPDX-License-Identifier: MIT */
/**
 * Packets of gdb's remote serial protocol (gdb's manual, appendix E): $data#checksum, with '}' as escape. Bytes in,
 * bytes out; nothing here knows what they mean.
 */
#ifndef TWIN86_DEBUG_GDB_PACKET_H
#define TWIN86_DEBUG_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GDB_PACKET_MAX = 0x4000 }; /* bytes of data, as qSupported tells gdb */

/** What a byte of input completed. */
enum GdbInput {
    GDB_INPUT_NONE,
    GDB_INPUT_PACKET,    /* in->data */
    GDB_INPUT_BAD,       /* a packet whose checksum is wrong, or that is too long: ask for it again */
    GDB_INPUT_ACK,       /* '+' */
    GDB_INPUT_NAK,       /* '-': send the last packet again */
    GDB_INPUT_INTERRUPT, /* Ctrl-C */
};

/** Zero-initialise. */
struct GdbIn {
    uint8_t state, sum, given; /* given: the checksum's digits so far */
    bool escaped, too_long;
    size_t size;
    char data[GDB_PACKET_MAX + 1]; /* of the last packet, escapes resolved, `size` bytes and a NUL */
};

/** Take one byte. */
enum GdbInput gdb_in_byte(struct GdbIn *in, uint8_t byte);

/** A packet being made. What does not fit makes it `lost`: then it must not be sent. */
struct GdbOut {
    size_t size;
    bool lost;
    char data[2 * GDB_PACKET_MAX + 64];
};

/** Begin one. */
void gdb_out_begin(struct GdbOut *out);
void gdb_out_text(struct GdbOut *out, const char *text);
void gdb_out_number(struct GdbOut *out, uint64_t v); /* hexadecimal, no leading zeros */
/** Bytes as pairs of hexadecimal digits. */
void gdb_out_hex(struct GdbOut *out, const void *bytes, size_t n);
/** Bytes as they are, but for those that must be escaped. */
void gdb_out_binary(struct GdbOut *out, const void *bytes, size_t n);
/** Put the frame around it: *packet has so many bytes, valid until the next begins; 0 when it was lost. */
size_t gdb_out_end(struct GdbOut *out, const char **packet);

/** A number in hexadecimal at *text, at most 16 digits; *text is moved behind it. False: there is none. */
bool gdb_number(const char **text, uint64_t *v);
/** Pairs of hexadecimal digits into n bytes; *text is moved behind them. False: they are not there. */
bool gdb_bytes(const char **text, void *bytes, size_t n);

#endif
