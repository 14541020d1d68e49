/* SPDX-License-Identifier: MIT */
/* PNG, by libpng. */
#include "display/picture.h"

#include "base/why.h"

#include <errno.h>
#include <png.h>
#include <string.h>

bool picture_png_is_there(void) { return true; }

/* libpng comes back from errors by longjmp: nothing that changes lives in this frame. */
static bool write_rows(png_structp png, png_infop info, const struct Surface *s, FILE *f) {
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_init_io(png, f);
    png_set_IHDR(png, info, s->width, s->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_set_bgr(png); /* 00RRGGBBh, little-endian */
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (uint32_t y = 0; y < s->height; y++)
        png_write_row(png, (png_const_bytep)surface_row(s, y));
    png_write_end(png, info);
    return true;
}

int picture_write_png(const struct Surface *s, FILE *f, char *why, size_t n) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    bool good = info != NULL && write_rows(png, info, s, f);
    png_destroy_write_struct(&png, &info);
    return good ? 0 : why_set(why, n, -EIO, "png: the picture could not be written");
}
