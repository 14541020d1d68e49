/* SPDX-License-Identifier: MIT */
/* The one list of differences between our decoder and capstone 4: see decode_capstone.c. */

static bool explain(const struct Case *c) { (void)c; return false; }
