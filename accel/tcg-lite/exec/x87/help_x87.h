/* SPDX-License-Identifier: MIT */
/** What help_x87.c offers help_xsave.c. */
#ifndef TWIN86_TCG_HELP_X87_H
#define TWIN86_TCG_HELP_X87_H

#include "accel/tcg-lite/run/tcg.h"

/** The state that FNINIT leaves. */
void x87_init(struct Tcg *t);

#endif
