/* SPDX-License-Identifier: MIT */
/* RAM in a saved state: for each page that is not all zero its place and its bytes, in ascending order. See state.h. */
#include "machine/machine.h"
#include "machine/state_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { PAGE_SIZE = 4096, VERSION = 1 };
#define NO_MORE UINT64_MAX

static const char section[] = "ram";
static const uint8_t zero[PAGE_SIZE];

struct PageHead {
    uint64_t at; /* offset in the RAM region; NO_MORE ends the section */
};

static const struct StateTable page_table = {
    .name = "ram",
    .size = sizeof(struct PageHead),
    .version = VERSION,
    .field = (const struct StateField[]){STATE_FIELD(PageHead, at), {0}},
};

static int put_head(struct StateFile *s, uint64_t at) {
    struct PageHead head = {at};
    uint8_t bytes[sizeof(head)];
    state_save(&page_table, &head, bytes);
    return state_file_write(s, bytes, sizeof(bytes));
}

/* RAM, and an adapter's memory if there is one: section 0 and 1. The last one's region is NULL. */
enum { MEMORIES = 3 };

static void list_memories(struct Machine *m, struct Region *list[MEMORIES]) {
    list[0] = &m->ram;
    list[1] = m->display.plugged ? &m->display.vga.memory : NULL;
    list[2] = NULL;
}

static int put_memory(struct StateFile *s, unsigned instance, const struct Region *ram) {
    int r = state_file_section(s, section, instance, VERSION, STATE_SIZE_OPEN);
    for (uint64_t at = 0, end; r == 0 && region_next_touched(ram, &at, &end); at = end) {
        for (; r == 0 && at < end; at += PAGE_SIZE) {
            if (memcmp(ram->host + at, zero, PAGE_SIZE) == 0)
                continue;
            r = put_head(s, at);
            if (r == 0)
                r = state_file_write(s, ram->host + at, PAGE_SIZE);
        }
    }
    return r == 0 ? put_head(s, NO_MORE) : r;
}

int state_put_ram(struct StateFile *s, struct Machine *m) {
    struct Region *memory[MEMORIES];
    int r = 0;
    list_memories(m, memory);
    for (unsigned i = 0; r == 0 && memory[i] != NULL; i++)
        r = put_memory(s, i, memory[i]);
    return r;
}

/* Who logs writes finds every page that may have changed. */
static void mark(struct Machine *m, struct Region *ram, uint64_t at) {
    if (bus_dirty_logging(m->bus))
        __atomic_fetch_or(&ram->page_flags[at / PAGE_SIZE], PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
}

/* Pages that nobody has touched are not touched here. */
static void clear(struct Machine *m, struct Region *ram) {
    for (uint64_t at = 0, end; region_next_touched(ram, &at, &end); at = end) {
        for (; at < end; at += PAGE_SIZE) {
            if (memcmp(ram->host + at, zero, PAGE_SIZE) == 0)
                continue;
            memset(ram->host + at, 0, PAGE_SIZE);
            mark(m, ram, at);
        }
    }
}

static int get_pages(struct StateFile *s, struct Machine *m, struct Region *ram) {
    uint64_t next = 0; /* ascending: so the stream comes to an end */
    for (;;) {
        struct PageHead head;
        uint8_t bytes[sizeof(head)];
        int r = state_file_read(s, bytes, sizeof(bytes));
        if (r == 0)
            r = state_load(&page_table, VERSION, bytes, sizeof(bytes), &head, s->why, s->why_size);
        if (r != 0 || head.at == NO_MORE)
            return r;
        if (head.at % PAGE_SIZE != 0 || head.at < next || head.at >= ram->size)
            return state_file_fail(s, -EINVAL, "ram: no page can be at %" PRIx64 "h here", head.at);
        if ((r = state_file_read(s, ram->host + head.at, PAGE_SIZE)) != 0)
            return r;
        mark(m, ram, head.at);
        next = head.at + PAGE_SIZE;
    }
}

static int get_memory(struct StateFile *s, struct Machine *m, unsigned instance, struct Region *ram, bool *touched) {
    unsigned version;
    int64_t size;
    int r = state_file_expect(s, section, instance, VERSION, STATE_SIZE_OPEN, &version, &size);
    if (r != 0)
        return r;
    *touched = true;
    clear(m, ram);
    return get_pages(s, m, ram);
}

int state_get_ram(struct StateFile *s, struct Machine *m, bool *touched) {
    struct Region *memory[MEMORIES];
    int r = 0;
    *touched = false;
    list_memories(m, memory);
    for (unsigned i = 0; r == 0 && memory[i] != NULL; i++)
        r = get_memory(s, m, i, memory[i], touched);
    return r;
}
