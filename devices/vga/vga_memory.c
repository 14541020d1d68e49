/* SPDX-License-Identifier: MIT */
/*
 * Memory as the processor sees it at A0000h: through the graphics controller, byte by byte, or where that would change
 * nothing (chain-4 with plain writes, DISPI's banks) as memory itself, which costs no exit.
 */
#include "devices/vga/vga_internal.h"

#include "base/bytes.h"

enum { WINDOW = 0xa0000, PAGE_SIZE = 4096 };

/* The parts of A0000h-BFFFFh that register 6 of the graphics controller chooses from. */
static const struct {
    uint32_t base, size;
} maps[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};

static unsigned map_select(const struct VgaState *s) { return s->gfx[GFX_MISC] >> 2 & 3; }
static bool chained(const struct VgaState *s) { return (s->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN_4) != 0; }

/* ---- plain ---- */

/* Whether bytes pass the graphics controller as they are. */
static bool passes_unchanged(const struct VgaState *s) {
    return (s->misc & MISC_RAM) != 0 && s->seq[SEQ_MAP_MASK] == 0xf && s->gfx[GFX_ENABLE_SET] == 0 &&
           s->gfx[GFX_ROTATE] == 0 && s->gfx[GFX_MASK] == 0xff && (s->gfx[GFX_MODE] & 3) == 0 &&
           (s->gfx[GFX_MODE] & GFX_READ_MODE_1) == 0;
}

/* What memory is seen at A0000h without a detour: 0 bytes if none is. */
static uint64_t plain_part(const struct Vga *v, uint64_t *offset) {
    const struct VgaState *s = &v->state;
    uint64_t size = 0;
    *offset = 0;
    if (vga_dispi_packed(s)) {
        *offset = (uint64_t)s->dispi[DISPI_BANK] * DISPI_BANK_SIZE;
        size = DISPI_BANK_SIZE;
    } else if (!vga_dispi_on(s) && chained(s) && map_select(s) < 2 && passes_unchanged(s)) {
        size = maps[map_select(s)].size;
    }
    return range_within(*offset, size, v->memory.size) ? size : 0;
}

void vga_memory_mode_changed(struct Vga *v) {
    uint64_t offset, size = plain_part(v, &offset);
    if (v->bus == NULL || (size == v->plain_size && (size == 0 || offset == v->plain_offset)))
        return;
    if (v->plain_size != 0)
        bus_unmap(v->bus, &v->plain);
    bool mapped = size != 0 && bus_map_part(v->bus, WINDOW, &v->plain, offset, size) == 0;
    v->plain_offset = offset;
    v->plain_size = mapped ? size : 0; /* out of host memory: by way of the graphics controller */
}

/* ---- through the graphics controller ---- */

/* A byte of each plane's mask, for bits 0 to 3. */
static uint32_t spread(unsigned planes) {
    return (planes & 1 ? 0xffu : 0) | (planes & 2 ? 0xff00u : 0) | (planes & 4 ? 0xff0000u : 0) |
           (planes & 8 ? 0xff000000u : 0);
}

static uint32_t to_all(uint8_t byte) { return byte * 0x01010101u; }

/* What an access at `offset` of the window means: which double word, and which of its planes the processor's address
 * leaves it (0: all that registers name). False: nothing answers there. */
static bool locate(const struct Vga *v, uint64_t offset, bool odd_even, uint64_t *word, unsigned *planes) {
    const struct VgaState *s = &v->state;
    unsigned map = map_select(s);
    if ((s->misc & MISC_RAM) == 0 || offset < maps[map].base || offset - maps[map].base >= maps[map].size)
        return false;
    uint64_t n = offset - maps[map].base, limit = VGA_PLANE_SIZE;
    if (vga_dispi_on(s)) {
        n += (uint64_t)s->dispi[DISPI_BANK] * DISPI_BANK_SIZE;
        limit = v->memory.size / VGA_PLANES;
    }
    *planes = 0;
    if (chained(s)) {
        *planes = 1u << (n & 3);
        n >>= 2;
    } else if (odd_even) {
        *planes = n & 1 ? 0xa : 0x5;
        n >>= 1;
    }
    *word = vga_dispi_on(s) ? n : n & (VGA_PLANE_SIZE - 1);
    return *word < limit;
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size) {
    struct Vga *v = opaque;
    struct VgaState *s = &v->state;
    uint64_t word;
    unsigned planes;
    (void)size;
    if (!locate(v, offset, (s->gfx[GFX_MODE] & GFX_ODD_EVEN) != 0, &word, &planes))
        return 0xff;
    s->latch = get_le32(v->memory.host + 4 * word);
    if (s->gfx[GFX_MODE] & GFX_READ_MODE_1) {
        uint32_t differ = (s->latch ^ spread(s->gfx[GFX_COMPARE])) & spread(s->gfx[GFX_CARE]);
        differ |= differ >> 16;
        return (uint8_t)~(differ | differ >> 8);
    }
    unsigned plane = s->gfx[GFX_READ_MAP];
    if (chained(s))
        plane = (unsigned)offset & 3;
    else if (planes != 0)
        plane = (plane & 2) | (offset & 1);
    return (uint8_t)(s->latch >> 8 * plane);
}

static uint8_t rotated(const struct VgaState *s, uint8_t value) {
    unsigned n = s->gfx[GFX_ROTATE] & 7;
    return (uint8_t)(value >> n | value << (8 - n));
}

static uint32_t combine(const struct VgaState *s, uint32_t value) {
    switch (s->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1: return value & s->latch;
    case 2: return value | s->latch;
    case 3: return value ^ s->latch;
    default: return value;
    }
}

/* What a write of `value` puts into all four planes. */
static uint32_t written(const struct VgaState *s, uint8_t value) {
    uint32_t mask = to_all(s->gfx[GFX_MASK]), set = spread(s->gfx[GFX_SET_RESET]);
    uint32_t enable = spread(s->gfx[GFX_ENABLE_SET]), data;
    switch (s->gfx[GFX_MODE] & 3) {
    case 0: data = (to_all(rotated(s, value)) & ~enable) | (set & enable); break;
    case 1: return s->latch;
    case 2: data = spread(value & 0xf); break;
    default:
        mask &= to_all(rotated(s, value));
        data = set;
        break;
    }
    return (combine(s, data) & mask) | (s->latch & ~mask);
}

/* Memory changed beside the bus: whoever has code of it, or logs writes, hears of it. */
static void note_written(struct Vga *v, uint64_t offset, unsigned n) {
    uint8_t *flags = &v->memory.page_flags[offset / PAGE_SIZE];
    const struct PciWindow *bar = &v->pci.window[0];
    bool logs = bus_dirty_logging(v->bus);
    if (logs)
        __atomic_fetch_or(flags, PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
    if ((__atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_FLAG_CODE) != 0 && bar->mapped)
        bus_ram_written(v->bus, bar->mapped_at + offset, n);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Vga *v = opaque;
    struct VgaState *s = &v->state;
    uint64_t word;
    unsigned planes;
    (void)size;
    if (!locate(v, offset, (s->seq[SEQ_MEMORY_MODE] & MEMORY_NOT_ODD_EVEN) == 0, &word, &planes))
        return;
    uint32_t mask = spread(s->seq[SEQ_MAP_MASK] & (planes != 0 ? planes : 0xf));
    uint8_t *at = v->memory.host + 4 * word;
    put_le32(at, (get_le32(at) & ~mask) | (written(s, (uint8_t)value) & mask));
    note_written(v, 4 * word, 4);
}

/* The bus of the processor is wider, the VGA's is not: bytes come one after the other. */
const struct IoOps vga_window_ops = {.read = window_read, .write = window_write, .min_size = 1, .max_size = 1};
