/* SPDX-License-Identifier: MIT */
/*
 * Commands that move data, a sector at a time:
 *
 *     READ, READ TRACK:  find it -> FDC_MEDIUM -> to the host, by DMA or FDC_DATA_IN -> the next one
 *     VERIFY:            find it -> FDC_MEDIUM -> the next one
 *     WRITE, SCAN:       find it -> from the host, by DMA or FDC_DATA_OUT -> FDC_MEDIUM -> the next one
 *     FORMAT:            its ID from the host, by DMA or FDC_DATA_OUT -> find it -> FDC_MEDIUM -> the next one
 *
 * The end is where TC says so, at the last sector (EOT), or at an error.
 */
#include "devices/floppy/fdc_internal.h"

#include <string.h>

enum { MT = 0x80, SK = 0x20, SIZE_512 = 2, ID_BYTES = 4, MFM = 0x40, COUNTED = 0x80 /* VERIFY's EC */ };

static bool uses_dma(const struct Fdc *f) { return !(f->state.specified[1] & SPECIFY_NO_DMA); }

static bool is_scan(const struct FdcState *s) { return s->kind >= FDC_SCAN_EQUAL; }

static bool from_host(const struct FdcState *s) { return s->kind == FDC_WRITE || s->kind == FDC_FORMAT || is_scan(s); }

/* ---- the end ---- */

/* Seven bytes, and the interrupt. */
static void results(struct Fdc *f) {
    struct FdcState *s = &f->state;
    const uint8_t bytes[7] = {s->st[0] | s->side << HEAD_SHIFT | s->unit, s->st[1], s->st[2], s->c, s->h, s->r, s->n};
    memcpy(s->fifo, bytes, sizeof(bytes));
    fdc_result(f, sizeof(bytes));
    fdc_set_interrupt(f, true);
}

static void submit(struct Fdc *f, enum BlockOp op);
static void begin_sector(struct Fdc *f);

/* What was written is on the medium when the command ends: a floppy drive has no cache that a guest could flush. */
static void end(struct Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2) {
    struct FdcState *s = &f->state;
    struct FdcDrive *d = &f->drive[s->unit % FDC_DRIVES];
    s->st[0] |= st0;
    s->st[1] |= st1;
    s->st[2] |= st2;
    if (s->dirty && d->config.block != NULL && block_write_cache(d->config.block)) {
        s->flush = true;
        submit(f, BLOCK_FLUSH);
        return;
    }
    results(f);
}

static void fail(struct Fdc *f, uint8_t st1, uint8_t st2) { end(f, ST0_ABNORMAL, st1, st2); }

/* ---- sectors ---- */

/* The drive, if what turns in it can be read at this rate, on this side, where the heads are. */
static struct FdcDrive *readable_drive(struct Fdc *f) {
    struct FdcState *s = &f->state;
    struct FdcDrive *d = fdc_drive(f, s->unit);
    if (d == NULL || d->config.block == NULL || (s->dsr & 3) != d->medium.rate || s->side >= d->medium.heads)
        return NULL;
    const struct FdcDriveState *ds = fdc_state_of(f, d);
    bool between = ds->cylinder % d->medium.steps != 0;
    return between || ds->cylinder / d->medium.steps >= d->medium.cylinders ? NULL : d;
}

static uint8_t cylinder_of(struct Fdc *f, const struct FdcDrive *d) {
    return fdc_state_of(f, d)->cylinder / d->medium.steps;
}

static uint64_t offset_of(struct Fdc *f, const struct FdcDrive *d) {
    const struct FdcState *s = &f->state;
    uint64_t track = cylinder_of(f, d) * d->medium.heads + s->side;
    return (track * d->medium.sectors + s->r - 1) * FLOPPY_SECTOR;
}

/* The sector in hand is on the track; else the command has failed. What the image is too short for has no ID. */
static struct FdcDrive *find_sector(struct Fdc *f) {
    struct FdcState *s = &f->state;
    struct FdcDrive *d = readable_drive(f);
    if (d == NULL) {
        fail(f, ST1_NO_MARK, 0);
        return NULL;
    }
    if (s->c != cylinder_of(f, d)) {
        fail(f, ST1_NO_DATA, ST2_WRONG_CYLINDER);
        return NULL;
    }
    if (s->h != s->side || s->n != SIZE_512 || s->r == 0 || s->r > d->medium.sectors ||
        offset_of(f, d) + FLOPPY_SECTOR > block_size(d->config.block)) {
        fail(f, ST1_NO_DATA, 0);
        return NULL;
    }
    fdc_state_of(f, d)->sector = s->r;
    return d;
}

/* The ID of the next one (table 5-2). False: the one in hand was the last. */
static bool advance(struct Fdc *f) {
    struct FdcState *s = &f->state;
    if (s->r != s->last) {
        s->r++;
        return true;
    }
    s->r = 1;
    if (s->multi)
        s->h ^= 1;
    if (s->multi && s->side == 0) {
        s->side = 1;
        return true;
    }
    s->c++;
    return false;
}

/* The controller looks for another sector on the cylinder, and there is none: the ID stays the last one's. Linux's
 * driver counts on that (drivers/block/floppy.c, rw_interrupt), the data sheet's table is about other ends. */
static void end_of_cylinder(struct Fdc *f, const struct FdcState *before) {
    struct FdcState *s = &f->state;
    s->c = before->c, s->h = before->h, s->r = before->r, s->side = before->side;
    fail(f, ST1_END_OF_CYLINDER, 0);
}

/* VERIFY and READ TRACK end by themselves; others end in an error where no TC comes, as without DMA it never does. */
static void sector_done(struct Fdc *f) {
    struct FdcState *s = &f->state, before = *s;
    bool counted = s->left > 0, more = advance(f);
    if (s->terminal || (counted && --s->left == 0))
        end(f, 0, 0, 0);
    else if (more)
        begin_sector(f);
    else if ((s->kind == FDC_VERIFY && !counted) || s->kind == FDC_READ_TRACK)
        end(f, 0, 0, 0);
    else
        end_of_cylinder(f, &before);
}

/* ---- the host's side ---- */

/* `n` bytes of data, all at once. False: it has failed. */
static bool move_by_dma(struct Fdc *f, size_t n, bool to_host) {
    struct FdcState *s = &f->state;
    bool gate = s->dor & DOR_DMAGATE;
    size_t moved = gate ? f->dma.move(f->dma.opaque, s->data, n, to_host, &s->terminal) : 0;
    if (moved < n && !to_host)
        memset(s->data + moved, 0, n - moved);
    if (moved == n || s->terminal)
        return true;
    fail(f, ST1_OVERRUN, 0);
    return false;
}

static void wait_for_host(struct Fdc *f, enum FdcPhase phase, unsigned n) {
    f->state.phase = phase;
    f->state.at = 0;
    f->state.end = (uint16_t)n;
    f->state.served = clock_now(f->clock);
    timer_arm(&f->timer, fdc_time_limit(&f->state));
    fdc_set_interrupt(f, true);
}

int64_t fdc_time_limit(const struct FdcState *s) {
    switch (s->phase) {
    case FDC_DATA_IN:
    case FDC_DATA_OUT: return clock_after(s->served, FDC_PATIENCE);
    case FDC_GAP: return clock_after(s->served, s->at < FDC_GAP_LOOKS ? FDC_GAP_MOST : FDC_GAP_TIME);
    default: return CLOCK_NEVER;
    }
}

static void host_has_given(struct Fdc *f);

void fdc_looked(struct Fdc *f) {
    struct FdcState *s = &f->state;
    if (s->phase != FDC_GAP || s->at == FDC_GAP_LOOKS || ++s->at < FDC_GAP_LOOKS)
        return;
    s->served = clock_now(f->clock);
    timer_arm(&f->timer, fdc_time_limit(s));
}

/* The medium goes on turning: what nobody fetches or brings is lost. So end transfers of drivers that move fewer
 * sectors than are left on the track, for no TC ends them. */
void fdc_time_is_up(void *opaque) {
    struct Fdc *f = opaque;
    int64_t due = fdc_time_limit(&f->state);
    if (clock_now(f->clock) < due) {
        timer_arm(&f->timer, due);
    } else if (f->state.phase == FDC_GAP) {
        f->state.phase = FDC_MEDIUM;
        from_host(&f->state) ? host_has_given(f) : sector_done(f);
    } else {
        fdc_set_interrupt(f, false);
        fail(f, ST1_OVERRUN, 0);
    }
}

/* `n` bytes are wanted. */
static void fetch(struct Fdc *f, unsigned n) {
    if (!uses_dma(f))
        wait_for_host(f, FDC_DATA_OUT, n);
    else if (move_by_dma(f, n, false))
        host_has_given(f);
}

static void give(struct Fdc *f) {
    if (!uses_dma(f))
        wait_for_host(f, FDC_DATA_IN, FLOPPY_SECTOR);
    else if (move_by_dma(f, FLOPPY_SECTOR, true))
        sector_done(f);
}

void fdc_data_ended(struct Fdc *f) {
    f->state.phase = FDC_GAP;
    f->state.at = 0;
    timer_arm(&f->timer, fdc_time_limit(&f->state));
    fdc_set_interrupt(f, false);
}

/* ---- the medium's side ---- */

static void completed(void *opaque, int result);

static void start(struct Fdc *f) {
    struct FdcState *s = &f->state;
    struct FdcDrive *d = &f->drive[s->unit % FDC_DRIVES];
    bool flush = f->op == BLOCK_FLUSH;
    if (f->op == BLOCK_WRITE)
        memcpy(f->sector, s->data, FLOPPY_SECTOR);
    f->iov = (struct iovec){f->sector, FLOPPY_SECTOR};
    f->request.op = f->op;
    f->request.flags = 0;
    f->request.offset = flush ? 0 : offset_of(f, d);
    f->request.bytes = flush ? 0 : FLOPPY_SECTOR;
    f->request.iov = &f->iov;
    f->request.niov = 1;
    f->request.done = completed;
    f->request.opaque = f;
    f->in_flight = d->config.block;
    block_submit(f->in_flight, &f->request);
}

/* What a reset has left in flight is waited for. */
static void submit(struct Fdc *f, enum BlockOp op) {
    f->state.phase = FDC_MEDIUM;
    f->op = op;
    f->deferred = f->in_flight != NULL;
    if (!f->deferred)
        start(f);
}

/* A sector or an ID has come from the host. */
static void host_has_given(struct Fdc *f) {
    struct FdcState *s = &f->state;
    if (s->kind == FDC_FORMAT) {
        uint8_t fill = s->fifo[5];
        s->c = s->data[0], s->h = s->data[1], s->r = s->data[2], s->n = s->data[3];
        memset(s->data, fill, sizeof(s->data));
    }
    if (find_sector(f) != NULL) /* once more: the disk may have been taken out meanwhile */
        submit(f, is_scan(s) ? BLOCK_READ : BLOCK_WRITE);
}

/* How the disk's sector compares with the host's: FFh of either matches anything. */
static int compare(const uint8_t *disk, const uint8_t *host) {
    for (unsigned i = 0; i < FLOPPY_SECTOR; i++)
        if (disk[i] != host[i] && disk[i] != 0xff && host[i] != 0xff)
            return disk[i] < host[i] ? -1 : 1;
    return 0;
}

static void scanned(struct Fdc *f) {
    struct FdcState *s = &f->state;
    int order = compare(f->sector, s->data);
    bool hit = order == 0 || (s->kind == FDC_SCAN_LOW && order < 0) || (s->kind == FDC_SCAN_HIGH && order > 0);
    uint8_t step = s->fifo[8];
    s->st[2] = order == 0 ? ST2_HIT : hit ? 0 : ST2_MISSED;
    if (hit) {
        end(f, 0, 0, 0);
        return;
    }
    if (s->r != s->last && step > 1 && s->r + step - 1 <= s->last)
        s->r += step - 1; /* STP: contiguous sectors or every second one */
    sector_done(f);
}

static void medium_answered(struct Fdc *f) {
    struct FdcState *s = &f->state;
    switch (s->kind) {
    case FDC_READ:
    case FDC_READ_TRACK:
        memcpy(s->data, f->sector, FLOPPY_SECTOR);
        give(f);
        break;
    case FDC_SCAN_EQUAL:
    case FDC_SCAN_LOW:
    case FDC_SCAN_HIGH: scanned(f); break;
    case FDC_WRITE:
    case FDC_FORMAT:
        s->dirty = true;
        sector_done(f);
        break;
    default: sector_done(f); break;
    }
}

static void medium_failed(struct Fdc *f) {
    if (f->op == BLOCK_READ)
        fail(f, ST1_DATA_ERROR, ST2_DATA_ERROR);
    else
        end(f, ST0_ABNORMAL | ST0_EQUIPMENT, 0, 0);
}

static void flushed(struct Fdc *f, bool well) {
    f->state.flush = f->state.dirty = false;
    if (!well)
        f->state.st[0] |= ST0_ABNORMAL | ST0_EQUIPMENT;
    results(f);
}

static void completed(void *opaque, int result) {
    struct Fdc *f = opaque;
    bool abandoned = f->abandoned, deferred = f->deferred;
    f->in_flight = NULL;
    f->abandoned = f->deferred = false;
    if (abandoned && deferred)
        start(f);
    else if (abandoned)
        ;
    else if (f->state.flush)
        flushed(f, result == 0);
    else if (result != 0)
        medium_failed(f);
    else
        medium_answered(f);
}

void fdc_abandon(struct Fdc *f) {
    f->abandoned = f->in_flight != NULL;
    f->deferred = false;
    f->state.flush = f->state.dirty = false;
    timer_cancel(&f->timer);
}

void fdc_cancel(struct Fdc *f) {
    if (f->in_flight != NULL)
        block_cancel(f->in_flight, &f->request);
    f->in_flight = NULL;
    f->abandoned = f->deferred = false;
    if (f->clock != NULL)
        timer_cancel(&f->timer);
}

/* ---- beginning ---- */

static void begin_sector(struct Fdc *f) {
    struct FdcState *s = &f->state;
    s->phase = FDC_MEDIUM;
    if (s->kind == FDC_FORMAT)
        fetch(f, ID_BYTES);
    else if (find_sector(f) == NULL)
        ;
    else if (from_host(s))
        fetch(f, FLOPPY_SECTOR);
    else
        submit(f, BLOCK_READ);
}

/* The command's second byte, and nothing of the last one. */
static void begin(struct Fdc *f, enum FdcTransfer kind) {
    struct FdcState *s = &f->state;
    s->kind = kind;
    s->unit = s->fifo[1] & UNIT_MASK;
    s->side = s->fifo[1] >> HEAD_SHIFT & 1;
    memset(s->st, 0, sizeof(s->st));
    s->multi = s->dirty = s->terminal = s->flush = false;
    s->left = 0;
}

/* ID, EOT and counts. */
static void take_parameters(struct FdcState *s) {
    const uint8_t *p = s->fifo;
    if (s->kind == FDC_FORMAT) {
        s->n = p[2];
        s->sectors = s->left = p[3];
        s->last = 0;
        return;
    }
    s->c = p[2], s->h = p[3], s->r = p[4], s->n = p[5];
    s->sectors = s->last = p[6];
    s->multi = s->kind != FDC_READ_TRACK && (p[0] & MT);
    s->left = s->kind == FDC_VERIFY && (p[1] & COUNTED) ? p[8] : 0;
}

static bool is_protected(struct Fdc *f) {
    struct FdcDrive *d = fdc_drive(f, f->state.unit);
    bool writes = f->state.kind == FDC_WRITE || f->state.kind == FDC_FORMAT;
    return writes && d != NULL && d->config.block != NULL && block_readonly(d->config.block);
}

/* From the index hole on, whatever IDs come: those that were asked for are only compared. */
static void begin_track(struct Fdc *f) {
    struct FdcState *s = &f->state;
    struct FdcDrive *d = readable_drive(f);
    uint8_t here = d != NULL ? cylinder_of(f, d) : s->c;
    if (s->c != here || s->h != s->side || s->n != SIZE_512 || s->r > s->last)
        s->st[1] |= ST1_NO_DATA;
    s->c = here;
    s->h = s->side;
    s->n = SIZE_512;
    s->r = 1;
}

void fdc_transfer(struct Fdc *f, enum FdcTransfer kind) {
    struct FdcState *s = &f->state;
    begin(f, kind);
    take_parameters(s);
    if ((s->configuration & CONFIGURE_IMPLIED_SEEK) && kind != FDC_FORMAT) {
        fdc_step_to(f, s->unit, s->c);
        s->st[0] = ST0_SEEK_END;
    }
    if (!(s->fifo[0] & MFM)) {
        fail(f, ST1_NO_MARK, 0);
    } else if (is_protected(f)) {
        fail(f, ST1_NOT_WRITABLE, 0);
    } else if (kind == FDC_FORMAT && s->left == 0) {
        end(f, 0, 0, 0);
    } else {
        if (kind == FDC_READ_TRACK)
            begin_track(f);
        begin_sector(f);
    }
}

/* Every sector here has the mark of normal data: with SK it is passed over, else read as the last one (table 5-3). */
void fdc_read_deleted(struct Fdc *f) {
    struct FdcState *s = &f->state;
    begin(f, FDC_READ);
    take_parameters(s);
    if (!(s->fifo[0] & MFM)) {
        fail(f, ST1_NO_MARK, 0);
        return;
    }
    if (find_sector(f) == NULL)
        return;
    s->st[2] = ST2_MARK;
    s->left = 1;
    if (s->fifo[0] & SK)
        end(f, 0, 0, 0);
    else
        submit(f, BLOCK_READ);
}

/* An image has no room for the mark of deleted data, so this one can't be written. */
void fdc_write_deleted(struct Fdc *f) {
    begin(f, FDC_WRITE);
    take_parameters(&f->state);
    device_error(f->log, "FDC", "deleted data can't be written to an image, sector", f->state.r);
    if (find_sector(f) != NULL)
        fail(f, ST1_NOT_WRITABLE, 0);
}

void fdc_read_id(struct Fdc *f) {
    struct FdcState *s = &f->state;
    begin(f, FDC_READ);
    struct FdcDrive *d = readable_drive(f);
    if (d == NULL || !(s->fifo[0] & MFM)) {
        fail(f, ST1_NO_MARK, 0);
        return;
    }
    struct FdcDriveState *ds = fdc_state_of(f, d);
    ds->sector = ds->sector % d->medium.sectors + 1;
    s->c = cylinder_of(f, d);
    s->h = s->side;
    s->r = ds->sector;
    s->n = SIZE_512;
    end(f, 0, 0, 0);
}
