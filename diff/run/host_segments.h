/* SPDX-License-Identifier: MIT */
/** Segments of a case as Linux gives them to a program. */
#ifndef TWIN86_DIFF_HOST_SEGMENTS_H
#define TWIN86_DIFF_HOST_SEGMENTS_H

#include "cpu/env.h"
#include "diff/run/host_mail.h"

#include <stdio.h>

/** 0, or -EINVAL with one line in `why`: no program can have such segments. */
int diff_host_segments(const struct X86Segment seg[SEG_COUNT], struct HostSegments *out, char *why, size_t n);

#endif
