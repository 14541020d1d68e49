/* SPDX-License-Identifier: MIT */
/* What there is to say about drives, in QEMU's form: `info block`, `info blockstats`. */
#include "machine/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *storage_node_name(const struct StorageDrive *d, unsigned depth, bool file, char name[STORAGE_NODE_NAME]) {
    struct BlockInfo info;
    bool there = file ? block_file_info(d->block, depth, &info) : block_info(d->block, depth, &info);
    if (there && info.node_name != NULL)
        return info.node_name;
    int used = snprintf(name, STORAGE_NODE_NAME, "#%s", d->id);
    if (depth > 0)
        used += snprintf(name + used, STORAGE_NODE_NAME - (size_t)used, "-backing%u", depth);
    if (file)
        snprintf(name + used, STORAGE_NODE_NAME - (size_t)used, "-file");
    return name;
}

/* ---- info block ---- */

static void print_image(const struct StorageDrive *d, FILE *f) {
    char name[STORAGE_NODE_NAME];
    struct BlockInfo info;
    if (d->block == NULL || !block_info(d->block, 0, &info)) {
        fprintf(f, "%s: [not inserted]\n", d->id);
        return;
    }
    fprintf(f, d->node != NULL ? "%s" : "%s (%s)", d->id, storage_node_name(d, 0, false, name));
    fprintf(f, ": %s (%s%s)\n", info.filename, info.format, info.readonly ? ", read-only" : "");
}

static void print_place(const struct Machine *m, const struct StorageDrive *d, FILE *f) {
    const char *id = d->device != NULL ? d->device : "";
    if (d->device == NULL)
        return;
    fprintf(f, "    Attached to:      %s%s", id, id[0] != '\0' ? " " : "");
    if (d->floppy)
        fprintf(f, "(floppy-bus.0, unit %u, %s)\n", d->place, floppy_type_name(m->fdc.drive[d->place].config.type));
    else if (d->virtio)
        fprintf(f, "(virtio-blk-pci, slot %u)\n", d->slot);
    else
        fprintf(f, "(ide.%u, unit %u)\n", d->channel, d->place);
    if (!d->cdrom)
        return;
    const struct IdeDriveState *s = &m->piix3_ide.ide.channel[d->channel].state.drive[d->place];
    fprintf(f, "    Removable device: %slocked, tray %s\n", s->locked ? "" : "not ", s->tray_open ? "open" : "closed");
}

static void print_modes(const struct StorageDrive *d, FILE *f) {
    struct BlockInfo info;
    unsigned depth = 0;
    block_info(d->block, 0, &info);
    fprintf(f, "    Cache mode:       %s%s%s\n", block_write_cache(d->block) ? "writeback" : "writethrough",
            info.direct ? ", direct" : "", info.no_flush ? ", ignore flushes" : "");
    while (block_info(d->block, depth + 1, &info))
        depth++;
    if (depth > 0 && block_info(d->block, 1, &info))
        fprintf(f, "    Backing file:     %s (chain depth: %u)\n", info.filename, depth);
    enum BlockDetectZeroes zeroes = block_detect_zeroes(d->block);
    if (zeroes != BLOCK_DETECT_ZEROES_OFF)
        fprintf(f, "    Detect zeroes:    %s\n", word_name(block_detect_zeroes_words, (int)zeroes));
}

/* Of -v: each image of the chain. */
static void print_chain(const struct StorageDrive *d, FILE *f) {
    struct BlockInfo info;
    fputs("\nImages:\n", f);
    for (unsigned depth = 0; block_info(d->block, depth, &info); depth++) {
        fprintf(f, "image: %s\nfile format: %s\nvirtual size: %" PRIu64 " bytes\ndisk size: %" PRIu64 " bytes\n",
                info.filename, info.format, info.size, info.allocated);
        if (info.cluster != 0)
            fprintf(f, "cluster_size: %u\n", info.cluster);
        if (info.dirty)
            fputs("cleanly shut down: no\n", f);
        if (info.corrupt)
            fputs("corrupt: true\n", f);
        if (info.backing_filename != NULL)
            fprintf(f, "backing file: %s\n", info.backing_filename);
    }
}

static void print_error(const struct StorageDrive *d, FILE *f) {
    if (d->last_error != 0)
        fprintf(f, "    I/O status:       %s failed: %s\n", d->last_was_write ? "writing" : "reading",
                strerror(-d->last_error));
}

bool storage_print(struct Machine *m, const char *id, bool verbose, FILE *f) {
    const struct StorageDrive *only = id != NULL ? storage_find(m, id) : NULL;
    if (id != NULL && only == NULL)
        return false;
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next) {
        if (only != NULL && d != only)
            continue;
        print_image(d, f);
        print_place(m, d, f);
        print_error(d, f);
        if (d->block != NULL)
            print_modes(d, f);
        if (d->block != NULL && verbose)
            print_chain(d, f);
    }
    if (m->storage.drives == NULL)
        fputs("this machine has no disks\n", f);
    return true;
}

/* ---- info blockstats ---- */

void storage_print_stats(const struct Machine *m, FILE *f) {
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next) {
        struct BlockStats s = {0};
        if (d->block != NULL)
            block_stats(d->block, &s);
        fprintf(f,
                "%s: rd_bytes=%" PRIu64 " wr_bytes=%" PRIu64 " rd_operations=%" PRIu64 " wr_operations=%" PRIu64
                " flush_operations=%" PRIu64 " wr_total_time_ns=%" PRIu64 " rd_total_time_ns=%" PRIu64
                " flush_total_time_ns=%" PRIu64 " rd_merged=0 wr_merged=0\n",
                d->id, s.op[BLOCK_READ].bytes, s.op[BLOCK_WRITE].bytes, s.op[BLOCK_READ].operations,
                s.op[BLOCK_WRITE].operations, s.op[BLOCK_FLUSH].operations, s.op[BLOCK_WRITE].total_ns,
                s.op[BLOCK_READ].total_ns, s.op[BLOCK_FLUSH].total_ns);
    }
}
