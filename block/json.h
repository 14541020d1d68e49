/* SPDX-License-Identifier: MIT */
/** -blockdev's JSON form as the other one. Private to block/. */
#ifndef TWIN86_BLOCK_JSON_H
#define TWIN86_BLOCK_JSON_H

#include <stddef.h>

/**
 * {"driver": "raw", "file": {"filename": "x,y"}} as "driver=raw,file.filename=x,,y" in *text, which is for free(). 0,
 * or -EINVAL, -ENOMEM, -ENOTSUP (built without a JSON library) with a line.
 */
int block_json_flatten(const char *json, char **text, char *why, size_t n);

#endif
