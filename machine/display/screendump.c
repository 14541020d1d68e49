/* SPDX-License-Identifier: MIT */
/* What is to be seen, into a file. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int display_update(struct Machine *m, char *why, size_t n) {
    if (!m->display.plugged)
        return why_set(why, n, -ENODEV, "there is no display adapter; -vga std puts one in");
    int r = vga_render(&m->display.vga, &m->display.surface);
    return r == 0 ? 0 : why_errno(why, n, r, "the screen could not be drawn");
}

/* The machine goes on while the file is written: that is done from a copy. */
static int copy_screen(struct Machine *m, struct Surface *copy, char *why, size_t n) {
    pthread_mutex_lock(&m->lock);
    int r = display_update(m, why, n);
    const struct Surface *s = &m->display.surface;
    if (r == 0 && (r = surface_resize(copy, s->width, s->height)) != 0)
        why_errno(why, n, r, "the screen");
    if (r == 0)
        memcpy(copy->pixels, s->pixels, (size_t)s->width * s->height * sizeof(*s->pixels));
    pthread_mutex_unlock(&m->lock);
    return r;
}

/* A FIFO that nobody reads, or a device, would hold everybody up. */
static FILE *open_picture(const char *path, char *why, size_t n) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = regular ? fdopen(fd, "wb") : NULL;
    if (f != NULL)
        return f;
    why_set(why, n, -errno, "%s: %s", path, fd >= 0 && !regular ? "is no file" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

int display_dump(struct Machine *m, const char *device, const char *path, enum PictureFormat format, char *why,
                 size_t n) {
    struct Surface copy = {0};
    if (device != NULL && device[0] != '\0' && (m->display.id[0] == '\0' || strcmp(device, m->display.id) != 0))
        return why_set(why, n, -ENODEV, "there is no display adapter '%s'", device);
    int r = copy_screen(m, &copy, why, n);
    FILE *f = r == 0 ? open_picture(path, why, n) : NULL;
    if (r == 0 && f == NULL)
        r = -EIO;
    if (f != NULL && (r = picture_write(&copy, format, f, why, n)) == 0 && fflush(f) != 0)
        r = why_set(why, n, -errno, "%s: %s", path, strerror(errno));
    if (f != NULL)
        fclose(f);
    surface_free(&copy);
    return r;
}
