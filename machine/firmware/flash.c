/* SPDX-License-Identifier: MIT */
/*
 * Flash chips with the files that keep them (-drive if=pflash): the first ends at 4 GiB, the second below it. A file is
 * read as a whole; what the guest changes is written back at once, into the host's page cache.
 */
#include "base/why.h"
#include "machine/machine.h"
#include "memory/host_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLASH_MOST = 16 << 20 }; /* of both, as the area for firmware below 4 GiB is */

static int keep(void *opaque, uint32_t offset, uint32_t size) {
    const struct FlashChip *chip = opaque;
    const uint8_t *from = chip->device.array.host + offset;
    while (size > 0) {
        ssize_t n = pwrite(chip->fd, from, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n, offset += (uint32_t)n, size -= (uint32_t)n;
    }
    return 0;
}

/* Of one file there may be many readers or one writer, as QEMU locks its images: descriptors' locks. */
static int lock(int fd, bool readonly) {
    struct flock l = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &l) == 0 ? 0 : -errno;
}

static int open_file(struct FlashChip *chip, const Twin86Flash *f, char *why, size_t n) {
    int mode = f->readonly ? O_RDONLY : O_RDWR;
    chip->fd = open(f->file, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (chip->fd < 0) {
        int r = -errno;
        snprintf(why, n, "%s: can't open the flash chip's file%s: %s", f->file, f->readonly ? "" : " for writing",
                 strerror(-r));
        return r;
    }
    int r = lock(chip->fd, f->readonly);
    if (r == -EAGAIN || r == -EACCES)
        return why_set(why, n, r, "%s: is in use by another machine; give each its own copy, or readonly=on", f->file);
    return 0; /* a file system without locks will do */
}

static int create(struct FlashChip *chip, const Twin86Flash *f, char *why, size_t n) {
    uint8_t *data = NULL;
    size_t size = 0;
    int r = open_file(chip, f, why, n);
    if (r != 0)
        return r;
    r = host_file_read(f->file, true, FLASH_MOST, &data, &size);
    if (r != 0) {
        snprintf(why, n, "%s: can't read the flash chip's file: %s", f->file, strerror(-r));
        return r;
    }
    const struct PflashHost host = {.changed = keep, .opaque = chip};
    if (size == 0 || size % PFLASH_BLOCK_SIZE != 0)
        r = why_set(why, n, -EINVAL, "%s: is no flash chip's contents; a multiple of 4 KiB would be right", f->file);
    else if ((r = pflash_init(&chip->device, data, (uint32_t)size, f->readonly, &host)) != 0)
        why_errno(why, n, r, f->file);
    free(data);
    return r;
}

int firmware_create_flash(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    uint64_t end = HIGH_RAM_BASE;
    int r = 0;
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++)
        m->fw.flash[i].fd = -1;
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS && r == 0; i++) {
        const Twin86Flash *f = &config->flash[i];
        struct FlashChip *chip = &m->fw.flash[i];
        if (f->file == NULL)
            continue;
        if (i > 0 && config->flash[0].file == NULL)
            return why_set(why, n, -EINVAL, "%s: is the second flash chip, and there is no first; give it unit=0",
                           f->file);
        if ((r = create(chip, f, why, n)) != 0)
            break;
        end -= chip->device.size;
        if (HIGH_RAM_BASE - end > FLASH_MOST)
            return why_set(why, n, -EFBIG, "%s: does not fit; flash chips hold 16 MiB together at most", f->file);
        if ((r = pflash_map(&chip->device, m->bus, end)) != 0)
            why_errno(why, n, r, f->file);
    }
    return r;
}

void firmware_destroy_flash(struct Machine *m) {
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++) {
        struct FlashChip *chip = &m->fw.flash[i];
        if (chip->device.size == 0 && chip->fd <= 0)
            continue;
        pflash_destroy(&chip->device);
        if (chip->fd >= 0)
            close(chip->fd);
        chip->fd = -1;
    }
}
