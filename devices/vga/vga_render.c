/* SPDX-License-Identifier: MIT */
/* What a monitor shows: lines one after the other, as the CRT controller counts them. */
#include "devices/vga/vga_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of a screen that nobody has set up. */
enum { IDLE_WIDTH = 640, IDLE_HEIGHT = 480, ROOM_BEHIND = 64 /* dots of a line that panning moves out of sight */ };
enum { CURSOR_FRAMES = 8, BLINK_FRAMES = 16 };

/* ---- colours ---- */

static uint32_t widen_6(uint8_t v) { return (uint32_t)((v << 2 | v >> 4) & 0xff); }

static uint32_t dac_colour(const struct VgaState *s, uint8_t index) {
    const uint8_t *c = s->dac[index & s->pel_mask];
    if (s->dispi[DISPI_ENABLE] & DISPI_8_BIT_DAC)
        return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
    return widen_6(c[0]) << 16 | widen_6(c[1]) << 8 | widen_6(c[2]);
}

/* The attribute controller: palette, and bits that its registers put above it. */
static uint8_t palette(const struct VgaState *s, unsigned value) {
    unsigned entry = s->attr[value & s->attr[ATTR_PLANES] & 0xf], select = s->attr[ATTR_COLOUR_SELECT];
    if ((s->attr[ATTR_MODE] & ATTR_P54) != 0)
        entry = (entry & 0xf) | (select & 3) << 4;
    return (uint8_t)((entry & 0x3f) | (select & 0xc) << 4);
}

static void make_colours(struct VgaPicture *p) {
    for (unsigned i = 0; i < VGA_DAC_ENTRIES; i++)
        p->colour[i] = dac_colour(p->s, (uint8_t)i);
    for (unsigned i = 0; i < 16; i++)
        p->attribute[i] = p->colour[palette(p->s, i)];
}

/* ---- lines ---- */

/* Dots by which the picture is moved to the left: with nine of them, 8 means none. */
static unsigned panning(const struct VgaPicture *p) {
    const struct VgaState *s = p->s;
    unsigned value = s->attr[ATTR_PANNING], doubled = p->raster.char_dots >= 16;
    if (vga_dispi_on(s))
        return 0;
    if (p->raster.char_dots >> doubled == 9)
        value = value >= 8 ? 0 : value + 1;
    else
        value &= s->attr[ATTR_MODE] & ATTR_8_BIT ? 6 : 7;
    return value << doubled;
}

static unsigned line_compare(const struct VgaState *s) {
    return s->crt[CRT_LINE_COMPARE] | (s->crt[CRT_OVERFLOW] >> 4 & 1u) << 8 | (s->crt[CRT_MAX_ROW] >> 6 & 1u) << 9;
}

/* The counters that lead from line to line. */
struct Beam {
    struct VgaLine line;
    unsigned row_address, step, last_row;
    bool doubled, second; /* lines are shown twice; this is the second time */
};

static struct Beam first_line(const struct VgaPicture *p) {
    const struct VgaState *s = p->s;
    struct Beam b = {.line.shift = panning(p)};
    if (vga_dispi_on(s)) {
        b.step = s->dispi[DISPI_VIRT_WIDTH] / 8u;
        b.row_address = s->dispi[DISPI_X_OFFSET] / 8u + s->dispi[DISPI_Y_OFFSET] * b.step;
        return b;
    }
    b.step = s->crt[CRT_OFFSET] * 2u;
    b.row_address = ((unsigned)s->crt[CRT_START_HIGH] << 8 | s->crt[CRT_START_LOW]) + (s->crt[CRT_PRESET_ROW] >> 5 & 3);
    b.last_row = s->crt[CRT_MAX_ROW] & 0x1f;
    b.line.row = s->crt[CRT_PRESET_ROW] & 0x1f;
    b.doubled = (s->crt[CRT_MAX_ROW] & MAX_ROW_DOUBLE_SCAN) != 0;
    return b;
}

static void next_line(struct Beam *b) {
    b->second = b->doubled && !b->second;
    if (b->second)
        return;
    if (b->line.row != b->last_row) {
        b->line.row = (b->line.row + 1) & 0x1f;
        return;
    }
    b->line.row = 0;
    b->row_address += b->step;
}

/* Below a split screen memory is shown from its beginning on. */
static void split(struct Beam *b, const struct VgaState *s) {
    b->row_address = b->line.row = 0;
    b->second = false;
    if ((s->attr[ATTR_MODE] & ATTR_SPLIT) != 0)
        b->line.shift = 0;
}

static void draw_lines(const struct VgaPicture *p, struct Surface *out, uint32_t *dots) {
    const struct VgaState *s = p->s;
    bool graphics = vga_dispi_on(s) || (s->gfx[GFX_MISC] & GFX_GRAPHICS) != 0, can_split = !vga_dispi_on(s);
    struct Beam b = first_line(p);
    for (unsigned y = 0; y < p->raster.lines_shown; y++) {
        b.line.address = b.row_address;
        if (graphics)
            vga_graphics_line(p, &b.line, dots);
        else
            vga_text_line(p, &b.line, dots);
        surface_put_row(out, y, dots + b.line.shift);
        if (can_split && y == line_compare(s))
            split(&b, s);
        else
            next_line(&b);
    }
}

/* ---- characters ---- */

/* A row of characters begins where the row scan counter does, or at the top of the screen. */
static void collect_rows(const struct VgaPicture *p, struct VgaText *t) {
    struct Beam b = first_line(p);
    for (unsigned y = 0; y < p->raster.lines_shown && (t->rows + 1) * t->columns <= VGA_TEXT_CELLS; y++) {
        b.line.address = b.row_address;
        if (!b.second && (b.line.row == 0 || y == 0)) {
            unsigned first = t->rows++ * t->columns;
            int cursor = vga_text_cells(p, &b.line, t->columns, t->cell + first);
            t->cursor = cursor >= 0 ? (int)first + cursor : t->cursor;
        }
        if (y == line_compare(p->s))
            split(&b, p->s);
        else
            next_line(&b);
    }
}

/* ---- pictures ---- */

static void draw_packed(const struct VgaPicture *p, struct Surface *out, uint32_t *dots) {
    for (unsigned y = 0; y < p->raster.lines_shown; y++) {
        vga_packed_line(p, y, dots);
        surface_put_row(out, y, dots);
    }
}

static void draw_nothing(const struct VgaPicture *p, struct Surface *out, uint32_t *dots) {
    memset(dots, 0, p->raster.dots_shown * sizeof(*dots));
    for (unsigned y = 0; y < p->raster.lines_shown; y++)
        surface_put_row(out, y, dots);
}

static bool is_dark(const struct VgaState *s) {
    bool off = (s->seq[SEQ_CLOCKING] & CLOCKING_SCREEN_OFF) != 0 && !vga_dispi_on(s);
    return off || (s->attr_index & ATTR_SCREEN_ON) == 0;
}

static struct VgaPicture describe(struct Vga *v) {
    const struct VgaState *s = &v->state;
    uint64_t frames = vga_frames(s, clock_now(v->clock));
    struct VgaPicture p = {
        .s = s,
        .memory = v->memory.host,
        .memory_size = (uint32_t)v->memory.size,
        .address_mask = vga_dispi_on(s) ? (uint32_t)(v->memory.size / VGA_PLANES - 1) : VGA_PLANE_SIZE - 1,
        .raster = vga_raster(s),
        .cursor_on = (frames & CURSOR_FRAMES) == 0,
        .blink_off = (frames & BLINK_FRAMES) != 0,
    };
    make_colours(&p);
    return p;
}

int vga_render(struct Vga *v, struct Surface *out) {
    struct VgaPicture p = describe(v);
    bool set_up = vga_dispi_on(p.s) || p.s->crt[CRT_H_DISPLAY_END] != 0;
    if (!set_up) {
        p.raster.dots_shown = IDLE_WIDTH;
        p.raster.lines_shown = IDLE_HEIGHT;
    }
    uint32_t *dots = malloc((p.raster.dots_shown + ROOM_BEHIND) * sizeof(*dots));
    int r = dots == NULL ? -ENOMEM : surface_resize(out, p.raster.dots_shown, p.raster.lines_shown);
    if (r != 0) {
        free(dots);
        return r;
    }
    if (!set_up || is_dark(p.s))
        draw_nothing(&p, out, dots);
    else if (vga_dispi_packed(p.s))
        draw_packed(&p, out, dots);
    else
        draw_lines(&p, out, dots);
    free(dots);
    return 0;
}

void vga_text_screen(struct Vga *v, struct VgaText *t) {
    struct VgaPicture p = describe(v);
    bool graphics = vga_dispi_on(p.s) || (p.s->gfx[GFX_MISC] & GFX_GRAPHICS) != 0;
    t->columns = t->rows = 0;
    t->cursor = -1;
    t->blinks = (p.s->attr[ATTR_MODE] & ATTR_BLINK) != 0;
    if (graphics || p.s->crt[CRT_H_DISPLAY_END] == 0 || is_dark(p.s))
        return;
    t->columns = p.raster.dots_shown / p.raster.char_dots;
    collect_rows(&p, t);
}
