/* SPDX-License-Identifier: MIT */
#include "devices/firmware/pflash.h"

#include <errno.h>
#include <string.h>

enum PflashRead { READ_ARRAY, READ_STATUS, READ_ID, READ_CFI, READ_MODES };
enum PflashStep {
    STEP_COMMAND,
    STEP_PROGRAM,       /* a byte to be programmed */
    STEP_ERASE_CONFIRM, /* D0h */
    STEP_LOCK_CONFIRM,  /* 01h, 2Fh or D0h */
    STEP_BUFFER_COUNT,
    STEP_BUFFER_DATA,
    STEP_BUFFER_CONFIRM, /* D0h */
    STEPS
};

/* Data sheet, "Command Bus-Cycle Definitions". */
enum {
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_READ_ID = 0x90,
    CMD_READ_CFI = 0x98,
    CMD_SUSPEND = 0xb0, /* nothing is ever under way */
    CMD_CONFIRM = 0xd0,
    CMD_BUFFER = 0xe8,
    CMD_READ_ARRAY = 0xff,
};

/* Status register. */
enum { SR_LOCKED = 1 << 1, SR_PROGRAM = 1 << 4, SR_ERASE = 1 << 5, SR_READY = 1 << 7 };

/* Identifier codes by the low byte of the address; what is not here reads 0, as "not locked" does. */
enum { ID_MANUFACTURER = 0x89, ID_DEVICE = 0x18 };

static uint8_t log2_ceil(uint32_t n) {
    uint8_t bits = 0;
    while (1ull << bits < n)
        bits++;
    return bits;
}

/* CFI query (JESD68): 'QRY', command set 0001h, timings, geometry with one region of equal blocks. */
static uint8_t cfi_byte(const struct Pflash *p, uint8_t index) {
    enum { FIRST = 0x10, GEOMETRY = 0x27 };
    static const uint8_t query[] = {
        'Q',  'R',  'Y', 0x01, 0x00, 0x31, 0x00, 0, 0, 0, 0, /* the primary table is at 31h; there is no other */
        0x45, 0x55,                                          /* Vcc 4.5 to 5.5 V */
        0,    0,                                             /* no Vpp pin */
        7,    7,    10,  0,                                  /* typical times: 2^n us, 2^n us, 2^n ms, - */
        4,    4,    4,   0,                                  /* at most 2^n times that */
    };
    const uint32_t blocks = p->size / PFLASH_BLOCK_SIZE - 1, units = PFLASH_BLOCK_SIZE / 256;
    const uint8_t geometry[] = {
        log2_ceil(p->size),
        0,
        0, /* x8 */
        log2_ceil(PFLASH_BUFFER_SIZE),
        0,
        1,
        blocks,
        blocks >> 8,
        units,
        units >> 8,
        'P',
        'R',
        'I',
        '1',
        '0',
    };
    if (index >= FIRST && index < FIRST + sizeof(query))
        return query[index - FIRST];
    return index >= GEOMETRY && index < GEOMETRY + sizeof(geometry) ? geometry[index - GEOMETRY] : 0;
}

static uint64_t flash_read(void *opaque, uint64_t offset, unsigned size) {
    const struct Pflash *p = opaque;
    uint8_t index = offset;
    (void)size;
    switch (p->state.read_mode) {
    case READ_ARRAY: return p->array.host[offset];
    case READ_ID: return index == 0 ? ID_MANUFACTURER : index == 1 ? ID_DEVICE : 0;
    case READ_CFI: return cfi_byte(p, index);
    default: return p->state.status;
    }
}

/* ---- reading the array is reading memory; everything else comes here ---- */

static void show(struct Pflash *p, enum PflashRead mode) {
    bool was_array = p->state.read_mode == READ_ARRAY, is_array = mode == READ_ARRAY;
    p->state.read_mode = mode;
    if (p->bus == NULL || was_array == is_array)
        return;
    bus_unmap(p->bus, is_array ? &p->commands : &p->array);
    bus_map(p->bus, p->base, is_array ? &p->array : &p->commands); /* out of host memory: it stays silent */
}

/* ---- programming and erasing ---- */

/* `failed`: the bit for it. */
static void finish(struct Pflash *p, uint32_t offset, uint32_t size, uint8_t failed) {
    int r = p->host.changed ? p->host.changed(p->host.opaque, offset, size) : 0;
    p->state.status |= SR_READY | (r == 0 ? 0 : failed);
}

/* A write to a chip that may not be written, which looks as if its blocks were locked. */
static bool refuse(struct Pflash *p, uint8_t failed) {
    if (p->readonly)
        p->state.status |= SR_READY | SR_LOCKED | failed;
    return p->readonly;
}

static void erase(struct Pflash *p, uint32_t offset) {
    offset -= offset % PFLASH_BLOCK_SIZE;
    if (refuse(p, SR_ERASE))
        return;
    memset(p->array.host + offset, 0xff, PFLASH_BLOCK_SIZE);
    finish(p, offset, PFLASH_BLOCK_SIZE, SR_ERASE);
}

/* Programming clears bits; only erasing sets them. */
static void program(struct Pflash *p, uint32_t offset, uint8_t value) {
    if (refuse(p, SR_PROGRAM))
        return;
    p->array.host[offset] &= value;
    finish(p, offset, 1, SR_PROGRAM);
}

static void program_buffer(struct Pflash *p) {
    struct PflashState *s = &p->state;
    if (refuse(p, SR_PROGRAM))
        return;
    for (unsigned i = 0; i < PFLASH_BUFFER_SIZE; i++)
        if (s->filled[i])
            p->array.host[s->at + i] &= s->data[i];
    finish(p, s->at, PFLASH_BUFFER_SIZE, SR_PROGRAM);
}

/* The second cycle was not what the first one asks for. */
static void wrong_sequence(struct Pflash *p, uint8_t value) {
    device_error(p->log, "flash", "a command that is not confirmed, but followed by", value);
    p->state.status |= SR_READY | SR_PROGRAM | SR_ERASE;
}

/* ---- commands ---- */

static void begin_buffer(struct Pflash *p, uint32_t offset) {
    struct PflashState *s = &p->state;
    s->at = offset - offset % PFLASH_BUFFER_SIZE;
    memset(s->filled, 0, sizeof(s->filled));
    s->status |= SR_READY; /* the buffer is free */
    s->step = STEP_BUFFER_COUNT;
}

static const struct {
    uint8_t command, read_mode, step;
} commands[] = {
    {CMD_PROGRAM, READ_STATUS, STEP_PROGRAM},
    {CMD_PROGRAM_ALT, READ_STATUS, STEP_PROGRAM},
    {CMD_ERASE, READ_STATUS, STEP_ERASE_CONFIRM},
    {CMD_LOCK, READ_STATUS, STEP_LOCK_CONFIRM},
    {CMD_READ_STATUS, READ_STATUS, STEP_COMMAND},
    {CMD_READ_ID, READ_ID, STEP_COMMAND},
    {CMD_READ_CFI, READ_CFI, STEP_COMMAND},
    {CMD_READ_ARRAY, READ_ARRAY, STEP_COMMAND},
    {CMD_CLEAR_STATUS, READ_ARRAY, STEP_COMMAND},
    {CMD_BUFFER, READ_STATUS, STEP_BUFFER_COUNT},
    {CMD_SUSPEND, READ_STATUS, STEP_COMMAND},
    {CMD_CONFIRM, READ_STATUS, STEP_COMMAND},
    {0x00, READ_ARRAY, STEP_COMMAND}, /* no command of the data sheet's; drivers leave others by it */
};

static void first_cycle(struct Pflash *p, uint32_t offset, uint8_t value) {
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].command != value)
            continue;
        p->state.step = commands[i].step;
        if (value == CMD_CLEAR_STATUS)
            p->state.status = 0;
        if (value == CMD_BUFFER)
            begin_buffer(p, offset);
        show(p, commands[i].read_mode);
        return;
    }
    device_error(p->log, "flash", "there is no command", value);
    show(p, READ_ARRAY);
}

static void buffer_data(struct Pflash *p, uint32_t offset, uint8_t value) {
    struct PflashState *s = &p->state;
    if (offset - offset % PFLASH_BUFFER_SIZE != s->at) {
        wrong_sequence(p, value);
        s->step = STEP_COMMAND;
        s->left = 0;
        return;
    }
    s->data[offset - s->at] = value;
    s->filled[offset - s->at] = 1;
    if (--s->left == 0)
        s->step = STEP_BUFFER_CONFIRM;
}

static void flash_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Pflash *p = opaque;
    struct PflashState *s = &p->state;
    enum PflashStep step = s->step;
    (void)size;
    if (step != STEP_BUFFER_DATA)
        s->step = STEP_COMMAND;
    switch (step) {
    case STEP_PROGRAM: program(p, offset, value); break;
    case STEP_BUFFER_COUNT: /* one less than there are to be */
        s->left = (uint8_t)value + 1;
        s->step = STEP_BUFFER_DATA;
        break;
    case STEP_BUFFER_DATA: buffer_data(p, offset, value); break;
    case STEP_LOCK_CONFIRM: /* there are no locks; 01h, 2Fh and D0h are done at once */ s->status |= SR_READY; break;
    case STEP_ERASE_CONFIRM:
    case STEP_BUFFER_CONFIRM:
        if (value != CMD_CONFIRM)
            wrong_sequence(p, value);
        else if (step == STEP_ERASE_CONFIRM)
            erase(p, offset);
        else
            program_buffer(p);
        break;
    default: first_cycle(p, offset, value);
    }
}

static const struct IoOps flash_ops = {.read = flash_read, .write = flash_write, .min_size = 1, .max_size = 1};

/* ---- life ---- */

int pflash_init(struct Pflash *p, const void *contents, uint32_t size, bool readonly, const struct PflashHost *host) {
    enum { SIZE_MAX_BYTES = 16 << 20 };
    memset(p, 0, sizeof(*p));
    if (size == 0 || size % PFLASH_BLOCK_SIZE != 0 || size > SIZE_MAX_BYTES)
        return -EINVAL;
    p->size = size;
    p->readonly = readonly;
    if (host)
        p->host = *host;
    p->state.status = SR_READY;
    region_init_mmio(&p->commands, "flash", size, &flash_ops, p);
    int r = region_init_rom(&p->array, "flash", contents, size, size);
    p->array.ops = &flash_ops;
    p->array.opaque = p;
    return r;
}

void pflash_destroy(struct Pflash *p) {
    if (p->bus != NULL) {
        bus_unmap(p->bus, &p->array);
        bus_unmap(p->bus, &p->commands);
    }
    if (p->array.host != NULL)
        region_destroy(&p->array);
    memset(p, 0, sizeof(*p));
}

void pflash_reset(struct Pflash *p) {
    show(p, READ_ARRAY);
    memset(&p->state, 0, sizeof(p->state));
    p->state.status = SR_READY;
}

int pflash_map(struct Pflash *p, struct Bus *bus, uint64_t base) {
    p->bus = bus;
    p->base = base;
    return bus_map(bus, base, p->state.read_mode == READ_ARRAY ? &p->array : &p->commands);
}

/* ---- saved state ---- */

static const char *check_state(const void *state) {
    const struct PflashState *s = state;
    if (s->step == STEP_BUFFER_DATA ? s->left == 0 || s->left > PFLASH_BUFFER_SIZE : s->left != 0)
        return "the flash's write buffer can't be filled so far";
    return s->at % PFLASH_BUFFER_SIZE != 0 ? "the flash's write buffer can't lie there" : NULL;
}

const struct StateTable pflash_state_table = {
    .name = "pflash",
    .size = sizeof(struct PflashState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(PflashState, at),
            STATE_FIELD(PflashState, left, .max = PFLASH_BUFFER_SIZE),
            STATE_FIELD(PflashState, read_mode, .max = READ_MODES - 1),
            STATE_FIELD(PflashState, step, .max = STEPS - 1),
            STATE_FIELD(PflashState, status),
            STATE_PADDING(PflashState, unused),
            STATE_ARRAY(PflashState, data),
            STATE_ARRAY(PflashState, filled, .max = 1),
            {0},
        },
    .check = check_state,
};

void pflash_restored(struct Pflash *p) {
    if (p->bus == NULL)
        return;
    if (p->state.at >= p->size) { /* of a larger chip */
        p->state.at = p->state.left = 0;
        p->state.step = STEP_COMMAND;
    }
    bool is_array = p->state.read_mode == READ_ARRAY;
    bus_unmap(p->bus, &p->array);
    bus_unmap(p->bus, &p->commands);
    bus_map(p->bus, p->base, is_array ? &p->array : &p->commands);
}
