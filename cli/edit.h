/* SPDX-License-Identifier: MIT */
/**
 * Lines typed at the monitor's prompt on the terminal. With libedit: editing, history and completion by Tab; without
 * it, or where input is no terminal: plain lines.
 */
#ifndef TWIN86_CLI_EDIT_H
#define TWIN86_CLI_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Edit;

/** `raw`: input comes from a terminal in raw mode, so that what is typed must be shown. NULL when out of memory. */
struct Edit *edit_new(bool raw);
void edit_free(struct Edit *e);

/** Show the prompt, and from now on what is typed. */
void edit_begin(struct Edit *e);
/** No longer. What was typed so far is gone. */
void edit_end(struct Edit *e);
/** A byte was typed; `more` are known to follow it at once. The finished line, without its end, valid until the next
 *  call; or NULL. After a line edit_end has been called. */
const char *edit_byte(struct Edit *e, uint8_t byte, const uint8_t *more, size_t more_count, size_t *more_taken);

#endif
