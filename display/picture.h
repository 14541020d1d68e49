/* SPDX-License-Identifier: MIT */
/** Picture files. */
#ifndef TWIN86_DISPLAY_PICTURE_H
#define TWIN86_DISPLAY_PICTURE_H

#include "display/surface.h"

#include <stddef.h>
#include <stdio.h>

enum PictureFormat { PICTURE_PPM, PICTURE_PNG };

/** "ppm" or "png". False: there is no such format. */
bool picture_format(const char *name, enum PictureFormat *format);
/** Of a file name: PNG if it ends in .png, else PPM. */
enum PictureFormat picture_format_of(const char *file);
/** Write the surface, which has a size, to `f`. 0, or -errno with one line in `why`: -ENOTSUP without libpng. */
int picture_write(const struct Surface *s, enum PictureFormat format, FILE *f, char *why, size_t n);

/** picture_png.c. Whether there is libpng; as picture_write. */
bool picture_png_is_there(void);
int picture_write_png(const struct Surface *s, FILE *f, char *why, size_t n);

#endif
