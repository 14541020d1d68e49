/* SPDX-License-Identifier: MIT */
/** The header's fields. Private to this folder. */
#ifndef TWIN86_BLOCK_QCOW2_QCOW2_HEADER_H
#define TWIN86_BLOCK_QCOW2_QCOW2_HEADER_H

#include "block/qcow2/qcow2.h"

struct Qcow2Header {
    uint32_t version, cluster_bits, crypt, l1_size, table_clusters, snapshots, refcount_order, length, backing_length;
    uint64_t backing_offset, size, l1_offset, table_offset, snapshots_offset;
    uint64_t incompatible, autoclear;
    unsigned char compression;
};

/** Read and check it all: 0, or -errno and a line. `q` gets backing_name and backing_format. */
int qcow2_header_read(struct Qcow2 *q, struct Qcow2Header *h, const struct BlockOpening *open);

#endif
