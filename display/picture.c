/* SPDX-License-Identifier: MIT */
/* Portable pixmaps: netpbm's ppm(5), "P6". */
#include "display/picture.h"

#include "base/why.h"
#include "base/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool picture_format(const char *name, enum PictureFormat *format) {
    static const struct Word formats[] = {{"ppm", PICTURE_PPM}, {"png", PICTURE_PNG}, {0}};
    const struct Word *w = word_find(formats, name);
    if (w != NULL)
        *format = (enum PictureFormat)w->value;
    return w != NULL;
}

enum PictureFormat picture_format_of(const char *file) {
    const char *dot = strrchr(file, '.');
    return dot != NULL && strcmp(dot, ".png") == 0 ? PICTURE_PNG : PICTURE_PPM;
}

static int write_ppm(const struct Surface *s, FILE *f, char *why, size_t n) {
    uint8_t *row = malloc((size_t)s->width * 3);
    if (row == NULL)
        return why_errno(why, n, -ENOMEM, "ppm");
    bool good = fprintf(f, "P6\n%u %u\n255\n", s->width, s->height) > 0;
    for (uint32_t y = 0; good && y < s->height; y++) {
        const uint32_t *pixel = surface_row(s, y);
        for (uint32_t x = 0; x < s->width; x++) {
            row[3 * x] = (uint8_t)(pixel[x] >> 16);
            row[3 * x + 1] = (uint8_t)(pixel[x] >> 8);
            row[3 * x + 2] = (uint8_t)pixel[x];
        }
        good = fwrite(row, 3, s->width, f) == s->width;
    }
    free(row);
    return good ? 0 : why_errno(why, n, -errno, "ppm");
}

int picture_write(const struct Surface *s, enum PictureFormat format, FILE *f, char *why, size_t n) {
    return format == PICTURE_PNG ? picture_write_png(s, f, why, n) : write_ppm(s, f, why, n);
}
