/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the VGA, and keyboard and mouse: whatever a guest writes to registers and memory, and whatever a saved state
 * says, nothing outside of video memory is read or written, and there is always a picture.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations. Video memory is on the heap here, where the
 * address sanitizer sees its ends.
 */
#include "devices/input/i8042.h"
#include "devices/vga/vga.h"
#include "tests/fuzz/input.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAR_0 0xe0000000
#define BAR_2 0xf0000000

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
    struct Vga vga;
    struct I8042 kbc;
    struct Surface screen;
    struct VgaText text;
};

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_vga: %s\n", what);
    abort();
}

static struct Bench *bench(void) {
    struct VgaConfig config = {.memory_mib = 1};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    b->clock = clock_new(CLOCK_ICOUNT);
    demand(vga_init(&b->vga, b->clock, &config) == 0, "no VGA");
    b->vga.memory.host = b->vga.plain.host = calloc(1, b->vga.memory.size);
    demand(b->vga.memory.host != NULL && vga_map(&b->vga, b->bus) == 0, "no ports");
    demand(bus_map(b->bus, BAR_0, &b->vga.memory) == 0 && bus_map(b->bus, BAR_2, &b->vga.registers) == 0, "no BARs");
    i8042_init(&b->kbc, b->clock, (struct IrqWire){0}, (struct IrqWire){0}, (struct I8042Lines){0});
    demand(i8042_map(&b->kbc, b->bus, 0x60) == 0, "no ports");
    return b;
}

/* A screen of 16 million dots takes as long as thousands of operations. */
static void look(struct Bench *b) {
    const struct VgaState *s = &b->vga.state;
    if ((s->dispi[4] & 1) != 0 && (uint32_t)s->dispi[1] * s->dispi[2] > 1 << 20)
        return;
    demand(vga_render(&b->vga, &b->screen) == 0, "no picture");
    vga_text_screen(&b->vga, &b->text);
    demand(b->screen.width != 0 && b->screen.height != 0, "a picture of no size");
}

static void index_register(struct Bench *b, struct Input *in) {
    static const uint16_t ports[] = {0x3c4, 0x3ce, 0x3d4, 0x3b4};
    uint16_t port = ports[input_byte(in) & 3];
    bus_port_write(b->bus, port, (uint32_t)input_number(in, 2), 2);
}

static void dispi(struct Bench *b, struct Input *in) {
    bus_port_write(b->bus, 0x1ce, input_byte(in) % 12, 2);
    bus_port_write(b->bus, 0x1cf, (uint32_t)input_number(in, 2), 2);
}

static void memory(struct Bench *b, struct Input *in) {
    unsigned what = input_byte(in), size = 1u << (what & 3);
    uint64_t at = what & 4 ? BAR_2 + (input_number(in, 2) & 0xfff) : 0xa0000 + (input_number(in, 3) & 0x1ffff);
    if (what & 8)
        bus_write_uint(b->bus, at, input_number(in, size), size);
    else
        bus_read_uint(b->bus, at, size);
}

/* Any saved state is refused, or works. */
static void restore(const struct StateTable *t, struct Input *in, void *state, void *changed) {
    size_t n = state_size(t, t->version);
    static uint8_t bytes[8192];
    char why[200];
    demand(n <= sizeof bytes, "a larger state");
    state_save(t, state, bytes);
    for (unsigned i = input_byte(in) % 16; i > 0; i--)
        bytes[input_number(in, 2) % n] = input_byte(in);
    if (state_load(t, t->version, bytes, n, changed, why, sizeof why) == 0)
        memcpy(state, changed, t->size);
}

static void restore_any(struct Bench *b, struct Input *in) {
    if (input_byte(in) & 1) {
        struct VgaState changed = b->vga.state;
        restore(&vga_state_table, in, &b->vga.state, &changed);
        vga_restored(&b->vga);
    } else {
        struct I8042State changed = b->kbc.state;
        restore(&i8042_state_table, in, &b->kbc.state, &changed);
        i8042_restored(&b->kbc);
    }
}

static void keyboard(struct Bench *b, struct Input *in) {
    uint8_t what = input_byte(in);
    switch (what & 7) {
    case 0:
    case 1: bus_port_write(b->bus, what & 8 ? 0x60 : 0x64, input_byte(in), 1); break;
    case 2: bus_port_read(b->bus, what & 8 ? 0x60 : 0x64, 1); break;
    case 3: i8042_key_event(&b->kbc, (unsigned)input_number(in, 2), what & 8); break;
    case 4:
        i8042_mouse_move(&b->kbc, (int)input_number(in, 4), (int)input_number(in, 4), (int)input_number(in, 4));
        break;
    case 5: i8042_mouse_buttons(&b->kbc, input_byte(in)); break;
    default:
        clock_advance_to(b->clock, clock_now(b->clock) + (int64_t)input_number(in, 4));
        clock_run(b->clock);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *b;
    struct Input in = {data, size};
    unsigned looks = 0;
    if (b == NULL)
        b = bench();
    vga_reset(&b->vga);
    i8042_reset(&b->kbc);
    while (in.left > 0) {
        switch (input_byte(&in) % 8) {
        case 0: index_register(b, &in); break;
        case 1: bus_port_write(b->bus, 0x3b0 + input_byte(&in) % 0x30, input_byte(&in), 1); break;
        case 2: bus_port_read(b->bus, 0x3b0 + input_byte(&in) % 0x30, 1); break;
        case 3: dispi(b, &in); break;
        case 4: memory(b, &in); break;
        case 5: keyboard(b, &in); break;
        case 6: restore_any(b, &in); break;
        case 7:
            if (looks++ < 4)
                look(b);
            break;
        }
    }
    look(b);
    return 0;
}
