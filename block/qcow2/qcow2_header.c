/* SPDX-License-Identifier: MIT */
/* The header and its extensions: nothing in them is believed. See qcow2_header.h. */
#include "block/qcow2/qcow2_header.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER_2 = 72,  /* bytes of version 2 */
    HEADER_3 = 104, /* and of version 3 at least */
    CLUSTER_MOST = 2 << 20,
    L1_MOST = 32 << 20,   /* bytes, as QEMU */
    TABLE_MOST = 8 << 20, /* bytes, as QEMU */
    NAME_MOST = 1023,
    SNAPSHOTS_MOST = 65536,
    FORMAT_NAME = 0xe2792aca, /* types of extensions */
    FEATURE_NAMES = 0x6803f857,
};

struct Field {
    unsigned at, size;
    size_t member;
};

#define FIELD(offset, m) {offset, sizeof(((struct Qcow2Header *)0)->m), offsetof(struct Qcow2Header, m)}
static const struct Field fields[] = {
    FIELD(4, version),       FIELD(8, backing_offset),  FIELD(16, backing_length), FIELD(20, cluster_bits),
    FIELD(24, size),         FIELD(32, crypt),          FIELD(36, l1_size),        FIELD(40, l1_offset),
    FIELD(48, table_offset), FIELD(56, table_clusters), FIELD(60, snapshots),      FIELD(64, snapshots_offset),
    FIELD(72, incompatible), FIELD(88, autoclear),      FIELD(96, refcount_order), FIELD(100, length),
    FIELD(104, compression),
};
#undef FIELD

static void parse(const unsigned char *bytes, struct Qcow2Header *h) {
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct Field *f = &fields[i];
        uint64_t value = get_be(bytes + f->at, f->size);
        memcpy((char *)h + f->member, &value, f->size);
    }
    if (h->version >= 3)
        return;
    h->incompatible = h->autoclear = 0;
    h->refcount_order = 4;
    h->length = HEADER_2;
}

/* ---- checks ---- */

/* A table's place: whole clusters behind the header, within the file. */
static bool misplaced(const struct Qcow2Header *h, uint64_t file, uint64_t offset, uint64_t bytes) {
    uint64_t cluster = 1ull << h->cluster_bits;
    return (offset & (cluster - 1)) != 0 || offset < cluster || offset > file || bytes > file - offset;
}

static int check_sizes(const struct Qcow2 *q, const struct Qcow2Header *h, const struct BlockOpening *open) {
    const char *name = q->n.filename;
    if (h->version != 2 && h->version != 3)
        return block_refuse(open, -ENOTSUP, "'%s' is qcow2 version %u; 2 and 3 are supported", name, h->version);
    if (h->cluster_bits < 9 || h->cluster_bits > 21)
        return block_refuse(open, -EINVAL, "'%s': clusters of 2^%u bytes; qcow2 has 512 bytes to 2 MiB", name,
                            h->cluster_bits);
    if (h->crypt != 0)
        return block_refuse(open, -ENOTSUP,
                            "'%s' is encrypted (%s), which is not supported; decrypt it by qemu-img convert", name,
                            h->crypt == 1   ? "AES"
                            : h->crypt == 2 ? "LUKS"
                                            : "unknown method");
    if (h->version >= 3 && (h->length < HEADER_3 || h->length > 1u << h->cluster_bits || h->length % 8 != 0))
        return block_refuse(open, -EINVAL, "'%s': a header of %u bytes", name, h->length);
    if (h->refcount_order > 6)
        return block_refuse(open, -EINVAL, "'%s': reference counts of 2^%u bits; 64 are the most", name,
                            h->refcount_order);
    return 0;
}

static int check_tables(const struct Qcow2 *q, const struct Qcow2Header *h, const struct BlockOpening *open) {
    const char *name = q->n.filename;
    uint64_t file = (q->n.file->size + 511) & ~511ull, per_l1 = 2 * h->cluster_bits - 3;
    uint64_t needed = (h->size >> per_l1) + ((h->size & ((1ull << per_l1) - 1)) != 0);
    if (h->size > INT64_MAX / 2)
        return block_refuse(open, -EFBIG, "'%s': a disk of %llu bytes", name, (unsigned long long)h->size);
    if (h->l1_size * 8ull > L1_MOST || needed > h->l1_size)
        return block_refuse(open, -EINVAL, "'%s': an L1 table of %u entries for a disk of %llu bytes", name, h->l1_size,
                            (unsigned long long)h->size);
    if (h->l1_size > 0 && misplaced(h, file, h->l1_offset, h->l1_size * 8ull))
        return block_refuse(open, -EINVAL, "'%s': its L1 table is outside of the file or misplaced", name);
    if (((uint64_t)h->table_clusters << h->cluster_bits) > TABLE_MOST || h->table_clusters == 0 ||
        misplaced(h, file, h->table_offset, 8))
        return block_refuse(open, -EINVAL, "'%s': its refcount table is missing, too large or misplaced", name);
    if (h->snapshots > SNAPSHOTS_MOST ||
        (h->snapshots > 0 && misplaced(h, file, h->snapshots_offset, h->snapshots * 40ull)))
        return block_refuse(open, -EINVAL, "'%s': its snapshot table is too large or misplaced", name);
    return 0;
}

/* ---- features ---- */

/* The name of an incompatible feature: from the file's own table, where it has one. */
static void feature_name(const unsigned char *names, uint32_t bytes, unsigned bit, char out[47]) {
    strcpy(out, "unknown");
    for (; bytes >= 48; names += 48, bytes -= 48)
        if (names[0] == 0 && names[1] == bit) {
            memcpy(out, names + 2, 46);
            out[46] = '\0';
        }
    for (char *p = out; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

static int check_features(const struct Qcow2 *q, const struct Qcow2Header *h, const unsigned char *names,
                          uint32_t bytes, const struct BlockOpening *open) {
    const char *name = q->n.filename;
    uint64_t rest = h->incompatible & ~(uint64_t)(QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION);
    if (rest & QCOW2_EXTERNAL)
        return block_refuse(open, -ENOTSUP,
                            "'%s' keeps its data in an external file (data_file), which is not supported", name);
    if (rest & QCOW2_EXTENDED_L2)
        return block_refuse(open, -ENOTSUP,
                            "'%s' has subclusters (extended_l2=on), which are not supported; convert it by qemu-img",
                            name);
    if (rest != 0) {
        char feature[47];
        unsigned bit = (unsigned)__builtin_ctzll(rest);
        feature_name(names, bytes, bit, feature);
        return block_refuse(open, -ENOTSUP, "'%s' has the incompatible feature '%s' (bit %u), which is not supported",
                            name, feature, bit);
    }
    if (h->incompatible & QCOW2_COMPRESSION && (h->length <= HEADER_3 || h->compression > 1))
        return block_refuse(open, -ENOTSUP, "'%s': compression type %u is not supported; zlib and zstd are", name,
                            h->compression);
    if (h->incompatible & QCOW2_CORRUPT && !q->n.readonly)
        return block_refuse(open, -EACCES,
                            "'%s' is marked as corrupt; open it readonly, or repair it: qemu-img check -r all", name);
    return 0;
}

/* ---- extensions and the backing file's name ---- */

static int read_name(struct Qcow2 *q, const struct Qcow2Header *h, const struct BlockOpening *open) {
    char name[NAME_MOST + 1] = "";
    if (h->backing_offset == 0 || h->backing_length == 0)
        return 0;
    if (h->backing_length > NAME_MOST || h->backing_offset < h->length ||
        h->backing_offset > (1ull << h->cluster_bits) - h->backing_length)
        return block_refuse(open, -EINVAL, "'%s': the name of its backing file is too long or misplaced",
                            q->n.filename);
    int r = block_node_read(q->n.file, h->backing_offset, name, h->backing_length);
    if (r != 0)
        return block_refuse(open, r, "'%s' can't be read", q->n.filename);
    q->backing_name = strdup(name);
    return q->backing_name != NULL ? 0 : block_refuse(open, -ENOMEM, "out of memory");
}

static int read_extensions(struct Qcow2 *q, const struct Qcow2Header *h, const unsigned char *p, uint64_t bytes,
                           const unsigned char **names, uint32_t *names_bytes, const struct BlockOpening *open) {
    for (uint64_t at = 0; bytes - at >= 8;) {
        uint32_t type = get_be32(p + at), len = get_be32(p + at + 4);
        at += 8;
        if (type == 0)
            return 0;
        if (len > bytes - at)
            return block_refuse(open, -EINVAL, "'%s': a header extension goes beyond the header", q->n.filename);
        if (type == FORMAT_NAME && q->backing_format != NULL)
            return block_refuse(open, -EINVAL, "'%s': it names its backing file's format twice", q->n.filename);
        if (type == FORMAT_NAME && len > 0 && len < 16 &&
            (q->backing_format = strndup((const char *)p + at, len)) == NULL)
            return block_refuse(open, -ENOMEM, "out of memory");
        if (type == FORMAT_NAME && len >= 16)
            return block_refuse(open, -EINVAL, "'%s': the name of its backing file's format is too long",
                                q->n.filename);
        if (type == FEATURE_NAMES) {
            *names = p + at;
            *names_bytes = len;
        }
        at += (len + 7ull) & ~7ull;
        if (at > bytes)
            break;
    }
    (void)h;
    return 0;
}

static int read_rest(struct Qcow2 *q, struct Qcow2Header *h, const struct BlockOpening *open) {
    uint64_t cluster = 1ull << h->cluster_bits;
    uint64_t end = h->backing_offset > h->length && h->backing_offset < cluster ? h->backing_offset : cluster;
    unsigned char *p = malloc(end - h->length + 1);
    const unsigned char *names = NULL;
    uint32_t names_bytes = 0;
    int r = p != NULL ? block_node_read(q->n.file, h->length, p, end - h->length) : -ENOMEM;
    if (r != 0)
        r = block_refuse(open, r, "'%s': its header can't be read", q->n.filename);
    if (r == 0)
        r = read_extensions(q, h, p, end - h->length, &names, &names_bytes, open);
    if (r == 0)
        r = check_features(q, h, names, names_bytes, open);
    free(p);
    return r == 0 ? read_name(q, h, open) : r;
}

int qcow2_header_read(struct Qcow2 *q, struct Qcow2Header *h, const struct BlockOpening *open) {
    unsigned char bytes[112];
    int r = block_node_read(q->n.file, 0, bytes, sizeof(bytes));
    if (r != 0)
        return block_refuse(open, r, "'%s' can't be read", q->n.filename);
    if (memcmp(bytes, "QFI\xfb", 4) != 0)
        return block_refuse(open, -EINVAL, "'%s' is not a qcow2 image", q->n.filename);
    *h = (struct Qcow2Header){0};
    parse(bytes, h);
    r = check_sizes(q, h, open);
    if (r == 0)
        r = read_rest(q, h, open);
    return r == 0 ? check_tables(q, h, open) : r;
}
