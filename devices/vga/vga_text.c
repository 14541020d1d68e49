/* SPDX-License-Identifier: MIT */
/* Text: planes 0 and 1 hold characters and attributes, plane 2 the fonts. */
#include "devices/vga/vga_internal.h"

enum { FONT_ROWS = 32, LINE_GRAPHICS_FIRST = 0xc0, LINE_GRAPHICS_LAST = 0xdf };
enum { ATTRIBUTE_BLINK = 0x80, ATTRIBUTE_FONT_A = 0x08, ATTRIBUTE_UNDERLINE = 0x01, ATTRIBUTE_UNDERLINE_BITS = 0x77 };

/* Where in plane 2 the fonts are: character map select, bits 5, 3, 2 (A) and 4, 1, 0 (B). */
static unsigned font_base(unsigned select) { return (select & 3) * 0x4000 + (select >> 2 & 1) * 0x2000; }

struct Fonts {
    const uint8_t *a, *b; /* row of character 0, in plane 2 */
};

static struct Fonts find_fonts(const struct VgaPicture *p, unsigned row) {
    unsigned select = p->s->seq[SEQ_FONT];
    unsigned a = font_base((select >> 2 & 3) | (select >> 5 & 1) << 2);
    unsigned b = font_base((select & 3) | (select >> 4 & 1) << 2);
    return (struct Fonts){p->memory + 4 * (a + row) + 2, p->memory + 4 * (b + row) + 2};
}

/* Whether the cursor's lines are in this row: a start behind the end shows none. */
static bool cursor_in_row(const struct VgaPicture *p, unsigned row) {
    unsigned start = p->s->crt[CRT_CURSOR_START], end = p->s->crt[CRT_CURSOR_END] & 0x1f;
    return p->cursor_on && (start & CURSOR_OFF) == 0 && row >= (start & 0x1f) && row <= end;
}

static unsigned cursor_address(const struct VgaState *s) {
    unsigned skew = s->crt[CRT_CURSOR_END] >> 5 & 3;
    return ((unsigned)s->crt[CRT_CURSOR_HIGH] << 8 | s->crt[CRT_CURSOR_LOW]) + skew;
}

/* Nine dots from the left, bit 8 first: the ninth is a ninth column of line graphics, or empty. */
static unsigned glyph_dots(const struct VgaPicture *p, uint8_t character, uint8_t bits) {
    bool extend = (p->s->attr[ATTR_MODE] & ATTR_LINE_GRAPHICS) != 0 && character >= LINE_GRAPHICS_FIRST &&
                  character <= LINE_GRAPHICS_LAST;
    return (unsigned)bits << 1 | (extend ? bits & 1 : 0);
}

static uint32_t *put_dots(uint32_t *out, unsigned dots, unsigned count, unsigned twice, uint32_t fore, uint32_t back) {
    for (unsigned i = 0; i < count; i++) {
        uint32_t colour = dots >> (8 - i) & 1 ? fore : back;
        for (unsigned k = 0; k < twice; k++)
            *out++ = colour;
    }
    return out;
}

static bool underlined(const struct VgaPicture *p, uint8_t attribute, unsigned row) {
    return row == (p->s->crt[CRT_UNDERLINE] & 0x1f) && (attribute & ATTRIBUTE_UNDERLINE_BITS) == ATTRIBUTE_UNDERLINE;
}

void vga_text_line(const struct VgaPicture *p, const struct VgaLine *line, uint32_t *out) {
    const struct VgaState *s = p->s;
    struct Fonts font = find_fonts(p, line->row & (FONT_ROWS - 1));
    bool cursor_row = cursor_in_row(p, line->row), blinks = (s->attr[ATTR_MODE] & ATTR_BLINK) != 0;
    unsigned cursor = cursor_address(s), twice = p->raster.char_dots / 8, width = p->raster.char_dots / twice;
    unsigned count = p->raster.dots_shown / p->raster.char_dots + 1;
    for (unsigned i = 0; i < count; i++) {
        uint32_t word = vga_planes(p, line->address + i);
        uint8_t character = (uint8_t)word, attribute = (uint8_t)(word >> 8);
        const uint8_t *glyph = attribute & ATTRIBUTE_FONT_A ? font.a : font.b;
        unsigned dots = glyph_dots(p, character, glyph[4 * character * FONT_ROWS]);
        unsigned back = attribute >> 4;
        if (blinks) {
            back &= 7;
            dots = (attribute & ATTRIBUTE_BLINK) != 0 && p->blink_off ? 0 : dots;
        }
        if (underlined(p, attribute, line->row) || (cursor_row && ((line->address + i) & 0xffff) == (cursor & 0xffff)))
            dots = 0x1ff;
        out = put_dots(out, dots, width, twice, p->attribute[attribute & 0xf], p->attribute[back]);
    }
}

int vga_text_cells(const struct VgaPicture *p, const struct VgaLine *line, unsigned count, uint16_t *out) {
    bool shown = (p->s->crt[CRT_CURSOR_START] & CURSOR_OFF) == 0 &&
                 (p->s->crt[CRT_CURSOR_START] & 0x1f) <= (p->s->crt[CRT_CURSOR_END] & 0x1f);
    unsigned cursor = cursor_address(p->s);
    int at = -1;
    for (unsigned i = 0; i < count; i++) {
        out[i] = (uint16_t)vga_planes(p, line->address + i);
        if (shown && ((line->address + i) & 0xffff) == (cursor & 0xffff))
            at = (int)i;
    }
    return at;
}
