/* SPDX-License-Identifier: MIT */
/** Names of addresses: from an ELF file's symbol table, or from text as nm and System.map have it. */
#ifndef TWIN86_DEBUG_SYMBOLS_H
#define TWIN86_DEBUG_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Symbols;

/**
 * Read the file. NULL with -errno in *r and one line in `why`: it can't be read, is neither of the two, is malformed,
 * or has no symbols. `elf_only`: a file that is no ELF, or has none, gives NULL and *r == 0.
 */
struct Symbols *symbols_load(const char *path, bool elf_only, int *r, char *why, size_t n);
/** The same from memory; `name` is for messages. */
struct Symbols *symbols_parse(const void *data, size_t size, const char *name, bool elf_only, int *r, char *why,
                              size_t n);
void symbols_free(struct Symbols *s);

/** The symbol at or before the address, unless it is known to end before it, and how far behind its start; else NULL.
 */
const char *symbols_find(const struct Symbols *s, uint64_t address, uint64_t *offset);
/** " <name+0x12>", or "" if there is none (or `s` is NULL). Returns `text`. */
const char *symbols_text(const struct Symbols *s, uint64_t address, char *text, size_t n);
/** The value of the symbol called `name`; false: there is none. */
bool symbols_value(const struct Symbols *s, const char *name, uint64_t *value);
size_t symbols_count(const struct Symbols *s);

#endif
