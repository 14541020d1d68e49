/* SPDX-License-Identifier: MIT */
/* Bus mastering by tables of physical ranges (82371SB data sheet, 2.7; "Programming Interface for Bus Master IDE"). */
#include "base/bytes.h"
#include "devices/ide/ide_internal.h"

enum { REG_COMMAND = 0, REG_STATUS = 2, REG_TABLE = 4 };
enum { BM_START = 1, BM_TO_MEMORY = 8 };
enum { BM_ACTIVE = 1, BM_ERROR = 2, BM_INTERRUPT = 4, BM_DRIVES = 0x60 };
enum { ENTRY = 8, ENTRIES = 65536 / ENTRY }; /* a table lies within 64 KiB */
#define ENTRY_LAST (1u << 31)

bool ide_master_ready(const struct IdeChannel *c) {
    return c->state.master.status & BM_ACTIVE && c->state.master.command & BM_START && pci_is_master(c->pci);
}

/* ---- the table ---- */

static enum IdeMasterResult next_range(struct IdeChannel *c, struct IdeBusMasterState *m) {
    uint8_t entry[ENTRY];
    if (m->last || m->next == ENTRIES)
        return IDE_MASTER_SHORT;
    /* it wraps within its 64 KiB */
    uint32_t at = (m->table & 0xffff0000u) | ((m->table + ENTRY * (uint32_t)m->next) & 0xffff);
    if (!pci_dma_read(c->pci, at, entry, sizeof(entry)))
        return IDE_MASTER_ABORT;
    uint32_t count = get_le32(entry + 4);
    m->next++;
    m->address = get_le32(entry) & ~1u;
    m->left = count & 0xfffe;
    if (m->left == 0)
        m->left = 0x10000;
    m->last = count & ENTRY_LAST;
    return IDE_MASTER_DONE;
}

enum IdeMasterResult ide_master_move(struct IdeChannel *c, void *buf, size_t n, bool to_memory) {
    struct IdeBusMasterState m = c->state.master;
    uint8_t *p = buf;
    c->state.before = m;
    while (n > 0) {
        enum IdeMasterResult r = m.left == 0 ? next_range(c, &m) : IDE_MASTER_DONE;
        if (r != IDE_MASTER_DONE)
            return r;
        uint32_t take = n < m.left ? (uint32_t)n : m.left;
        bool good = to_memory ? pci_dma_write(c->pci, m.address, p, take) : pci_dma_read(c->pci, m.address, p, take);
        if (!good)
            return IDE_MASTER_ABORT;
        m.address += take;
        m.left -= take;
        p += take;
        n -= take;
    }
    c->state.master = m;
    return IDE_MASTER_DONE;
}

/* Active stays set when the table has more to give ("Programming Interface", 3.1). */
void ide_master_ended(struct IdeChannel *c) {
    struct IdeBusMasterState *m = &c->state.master;
    if (m->left == 0 && m->last)
        m->status &= ~BM_ACTIVE;
}

void ide_master_failed(struct IdeChannel *c, enum IdeMasterResult why) {
    struct IdeBusMasterState *m = &c->state.master;
    m->status &= ~BM_ACTIVE;
    if (why == IDE_MASTER_ABORT)
        m->status |= BM_ERROR;
    device_error(c->log, "IDE",
                 why == IDE_MASTER_ABORT ? "the table leads to what is no memory, channel"
                                         : "the table is shorter than the transfer, channel",
                 (uint64_t)(c - c->ide->channel));
}

/* ---- registers ---- */

static uint64_t master_read(void *opaque, uint64_t offset, unsigned size) {
    const struct IdeBusMasterState *m = &((struct IdeChannel *)opaque)->state.master;
    (void)size;
    switch (offset) {
    case REG_COMMAND: return m->command;
    case REG_STATUS: return m->status;
    case REG_TABLE:
    case REG_TABLE + 1:
    case REG_TABLE + 2:
    case REG_TABLE + 3: return m->table >> 8 * (offset - REG_TABLE) & 0xff;
    default: return 0;
    }
}

static void write_command(struct IdeChannel *c, uint8_t value) {
    struct IdeBusMasterState *m = &c->state.master;
    bool rises = value & BM_START && !(m->command & BM_START);
    m->command = value & (BM_START | BM_TO_MEMORY);
    if (!(value & BM_START))
        m->status &= ~BM_ACTIVE;
    if (!rises)
        return;
    m->left = m->next = 0;
    m->last = false;
    m->status |= BM_ACTIVE;
    ide_pump(c);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct IdeChannel *c = opaque;
    struct IdeBusMasterState *m = &c->state.master;
    unsigned shift = 8 * (offset & 3);
    (void)size;
    if (offset == REG_COMMAND)
        write_command(c, value);
    else if (offset == REG_STATUS)
        m->status = ((m->status & ~BM_DRIVES) | (value & BM_DRIVES)) & ~(value & (BM_ERROR | BM_INTERRUPT));
    else if (offset >= REG_TABLE)
        m->table = ((m->table & ~(0xffu << shift)) | (uint32_t)value << shift) & ~3u;
}

const struct IoOps ide_master_ops = {.read = master_read, .write = master_write, .min_size = 1, .max_size = 1};

void ide_master_changed(struct Ide *ide) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++)
        ide_pump(&ide->channel[i]);
}
