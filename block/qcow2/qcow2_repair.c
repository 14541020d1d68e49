/* SPDX-License-Identifier: MIT */
#include "block/qcow2/qcow2.h"
#include <stdio.h>
int qcow2_repair(struct Qcow2 *q, char *why, size_t n) {
    snprintf(why, n, "'%s' was not closed, and its reference counts may be wrong; repair it: qemu-img check -r all",
             q->n.filename);
    return -EACCES;
}
