/* SPDX-License-Identifier: MIT */
/**
 * Lines typed at the monitor's prompt on the terminal: editing, history and completion by Tab; where there is no
 * terminal, plain lines. Takes one byte at a time, never waits, and leaves the terminal's settings alone.
 */
#ifndef TWIN86_CLI_EDIT_H
#define TWIN86_CLI_EDIT_H

#include "cli/output.h"

#include <stdbool.h>
#include <stdint.h>

struct Edit;

/** What could be in the place of the last word of `line`: calls `fn` for each. */
typedef void EditCompletions(const char *line, void (*fn)(void *opaque, const char *word), void *opaque);

/** What is typed is shown at `out`. `raw`: input comes from a terminal in raw mode, so that this must be done; `keys`:
 * it also understands the escape sequences of a VT100 and sends them. NULL when out of memory. */
struct Edit *edit_new(struct Output *out, bool raw, bool keys, EditCompletions *completions);
void edit_free(struct Edit *e);

/** Show the prompt, and from now on what is typed. */
void edit_begin(struct Edit *e);
/** No longer. What was typed so far is gone. */
void edit_end(struct Edit *e);
/** Show it anew: the terminal has changed its size. */
void edit_show(struct Edit *e);
/** A byte was typed. The finished line, without its end, valid until the next call; or NULL. After a line edit_begin
 *  begins the next. */
const char *edit_byte(struct Edit *e, uint8_t byte);

#endif
