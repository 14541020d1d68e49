/* SPDX-License-Identifier: MIT */
/* The memory map: mappings, the flattened view, lookup, listeners. */
#include "memory/bus_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_SIZE = 4096 };

void bus_lock_init(pthread_mutex_t *lock) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
}

struct Bus *bus_new(pthread_mutex_t *lock) {
    struct Bus *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return NULL;
    bus->lock = lock;
    bus->port_owner = calloc(PORT_COUNT, sizeof(*bus->port_owner));
    if (!bus->port_owner) {
        free(bus);
        return NULL;
    }
    atomic_init(&bus->a20, true);
    return bus;
}

void bus_free(struct Bus *bus) {
    if (!bus)
        return;
    for (struct View *v = atomic_load(&bus->view), *older; v; v = older) {
        older = v->older;
        free(v);
    }
    for (struct BusListener *l = atomic_load(&bus->listeners), *next; l; l = next) {
        next = l->next;
        free(l);
    }
    free(bus->mappings);
    free(bus->port_ranges);
    free(bus->port_owner);
    free(bus);
}

/* --- The flattened view ------------------------------------------------------------------------------------------- */

/* While a view is made: plain ranges, sorted and disjoint. */
struct FlatRange {
    uint64_t base, last, offset;
    struct Region *region;
};

struct Flat {
    struct FlatRange *range;
    size_t count;
};

static void flat_insert(struct Flat *f, size_t at, struct FlatRange r) {
    memmove(&f->range[at + 1], &f->range[at], (f->count - at) * sizeof(*f->range));
    f->range[at] = r;
    f->count++;
}

/* Lay `r` over what is there. Adds at most two ranges. */
static void flat_overlay(struct Flat *f, struct FlatRange r) {
    size_t i = 0;
    while (i < f->count && f->range[i].last < r.base)
        i++;
    if (i < f->count && f->range[i].base < r.base) { /* keep the front of the range that r begins in */
        struct FlatRange tail = f->range[i];
        f->range[i].last = r.base - 1;
        tail.offset += r.base - tail.base;
        tail.base = r.base;
        flat_insert(f, ++i, tail);
    }
    size_t end = i;
    while (end < f->count && f->range[end].last <= r.last)
        end++;
    memmove(&f->range[i], &f->range[end], (f->count - end) * sizeof(*f->range));
    f->count -= end - i;
    if (i < f->count && f->range[i].base <= r.last) { /* keep the back of the range that r ends in */
        f->range[i].offset += r.last + 1 - f->range[i].base;
        f->range[i].base = r.last + 1;
    }
    flat_insert(f, i, r);
}

static int view_reserve(struct Bus *bus, size_t count) {
    struct View *old = atomic_load_explicit(&bus->view, memory_order_relaxed);
    if (old && old->capacity >= count)
        return 0;
    size_t capacity = old ? old->capacity : 16;
    while (capacity < count)
        capacity *= 2;
    struct View *v = calloc(1, sizeof(*v) + capacity * sizeof(v->range[0]));
    if (!v)
        return -ENOMEM;
    v->older = old;
    v->capacity = capacity;
    /* Readers between here and the next publication must find the same ranges in the new array. */
    size_t n = atomic_load_explicit(&bus->range_count, memory_order_relaxed);
    for (size_t i = 0; i < n; i++) {
        atomic_init(&v->range[i].base, atomic_load(&old->range[i].base));
        atomic_init(&v->range[i].last, atomic_load(&old->range[i].last));
        atomic_init(&v->range[i].offset, atomic_load(&old->range[i].offset));
        atomic_init(&v->range[i].region, atomic_load(&old->range[i].region));
    }
    atomic_store_explicit(&bus->view, v, memory_order_release);
    return 0;
}

static void view_publish(struct Bus *bus, const struct Flat *f) {
    struct View *v = atomic_load_explicit(&bus->view, memory_order_relaxed);
    uint64_t seq = atomic_load_explicit(&bus->sequence, memory_order_relaxed);
    /* Release stores keep the odd count before, and the even one after, all changes. */
    atomic_store_explicit(&bus->sequence, seq + 1, memory_order_release);
    for (size_t i = 0; i < f->count; i++) {
        atomic_store_explicit(&v->range[i].base, f->range[i].base, memory_order_release);
        atomic_store_explicit(&v->range[i].last, f->range[i].last, memory_order_release);
        atomic_store_explicit(&v->range[i].offset, f->range[i].offset, memory_order_release);
        atomic_store_explicit(&v->range[i].region, f->range[i].region, memory_order_release);
    }
    atomic_store_explicit(&bus->range_count, f->count, memory_order_release);
    atomic_store_explicit(&bus->sequence, seq + 2, memory_order_release);
}

/* Flatten the mappings and publish the result. Room for it was reserved, unless this fails with -ENOMEM. */
static int view_rebuild(struct Bus *bus) {
    struct Flat f = {.range = malloc((2 * bus->mapping_count + 1) * sizeof(*f.range))};
    if (!f.range)
        return -ENOMEM;
    for (size_t i = 0; i < bus->mapping_count; i++) {
        const struct Mapping *m = &bus->mappings[i];
        flat_overlay(&f, (struct FlatRange){m->base, m->base + (m->size - 1), m->offset, m->region});
    }
    int err = view_reserve(bus, f.count);
    if (!err)
        view_publish(bus, &f);
    free(f.range);
    return err;
}

/* --- Mapping ------------------------------------------------------------------------------------------------------ */

static bool mapping_valid(uint64_t base, const struct Region *r, uint64_t offset, uint64_t size) {
    if (size == 0 || size - 1 > UINT64_MAX - base || offset > r->size || size > r->size - offset)
        return false;
    return r->kind == REGION_MMIO || (base | offset | size) % PAGE_SIZE == 0;
}

static int map_locked(struct Bus *bus, const struct Mapping *m) {
    if (bus->mapping_count == bus->mapping_capacity) {
        size_t capacity = bus->mapping_capacity ? 2 * bus->mapping_capacity : 16;
        struct Mapping *p = realloc(bus->mappings, capacity * sizeof(*p));
        if (!p)
            return -ENOMEM;
        bus->mappings = p;
        bus->mapping_capacity = capacity;
    }
    bus->mappings[bus->mapping_count++] = *m;
    int err = view_rebuild(bus);
    if (err) {
        bus->mapping_count--;
        return err;
    }
    bus_announce_mapping(bus, m->base, m->size);
    return 0;
}

int bus_map_part(struct Bus *bus, uint64_t base, struct Region *region, uint64_t offset, uint64_t size) {
    if (!mapping_valid(base, region, offset, size))
        return -EINVAL;
    struct Mapping m = {.base = base, .size = size, .offset = offset, .region = region};
    pthread_mutex_lock(bus->lock);
    int err = map_locked(bus, &m);
    pthread_mutex_unlock(bus->lock);
    return err;
}

int bus_map(struct Bus *bus, uint64_t base, struct Region *region) {
    return bus_map_part(bus, base, region, 0, region->size);
}

/*
 * Without memory for a rebuild: hide the region in the view that is there. What it shadowed stays hidden until the next
 * change, but nobody reaches the region any more, which is what the caller relies on.
 */
static void view_hide(struct Bus *bus, const struct Region *region) {
    struct View *v = atomic_load(&bus->view);
    size_t n = atomic_load(&bus->range_count);
    for (size_t i = 0; i < n; i++)
        if (atomic_load(&v->range[i].region) == region)
            atomic_store(&v->range[i].region, NULL);
}

void bus_unmap(struct Bus *bus, struct Region *region) {
    pthread_mutex_lock(bus->lock);
    uint64_t first = UINT64_MAX, last = 0;
    size_t kept = 0;
    for (size_t i = 0; i < bus->mapping_count; i++) {
        struct Mapping m = bus->mappings[i];
        if (m.region != region) {
            bus->mappings[kept++] = m;
            continue;
        }
        first = m.base < first ? m.base : first;
        last = m.base + (m.size - 1) > last ? m.base + (m.size - 1) : last;
    }
    if (kept != bus->mapping_count) {
        bus->mapping_count = kept;
        if (view_rebuild(bus) < 0)
            view_hide(bus, region);
        bus_announce_mapping(bus, first, last - first == UINT64_MAX ? UINT64_MAX : last - first + 1);
    }
    pthread_mutex_unlock(bus->lock);
}

/* --- Lookup ------------------------------------------------------------------------------------------------------- */

/* The index of the first range that ends at or after gpa, or n. */
static size_t first_ending_at(const struct View *v, size_t n, uint64_t gpa) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (atomic_load_explicit(&v->range[mid].last, memory_order_acquire) < gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool holds(const struct Range *r, uint64_t gpa) {
    return atomic_load_explicit(&r->base, memory_order_acquire) <= gpa &&
           gpa <= atomic_load_explicit(&r->last, memory_order_acquire);
}

/** `guess` is a range to look at first; set to the one found if it is RAM. */
static struct Region *view_find(const struct View *v, size_t n, _Atomic size_t *guess, uint64_t gpa, uint64_t *offset,
                                uint64_t *avail) {
    size_t g = atomic_load_explicit(guess, memory_order_relaxed);
    size_t i = g < n && holds(&v->range[g], gpa) ? g : first_ending_at(v, n, gpa);
    *offset = 0;
    if (i == n) {
        *avail = gpa ? UINT64_MAX - gpa + 1 : UINT64_MAX;
        return NULL;
    }
    const struct Range *r = &v->range[i];
    uint64_t base = atomic_load_explicit(&r->base, memory_order_acquire);
    if (gpa < base) {
        *avail = base - gpa;
        return NULL;
    }
    uint64_t last = atomic_load_explicit(&r->last, memory_order_acquire);
    *offset = gpa - base + atomic_load_explicit(&r->offset, memory_order_acquire);
    *avail = last - gpa == UINT64_MAX ? UINT64_MAX : last - gpa + 1;
    struct Region *region = atomic_load_explicit(&r->region, memory_order_acquire);
    if (i != g && region && region->kind == REGION_RAM)
        atomic_store_explicit(guess, i, memory_order_relaxed);
    return region;
}

struct Region *bus_find(struct Bus *bus, uint64_t gpa, uint64_t *offset, uint64_t *avail) {
    for (;;) {
        uint64_t seq = atomic_load_explicit(&bus->sequence, memory_order_acquire);
        const struct View *v = atomic_load_explicit(&bus->view, memory_order_acquire);
        size_t n = atomic_load_explicit(&bus->range_count, memory_order_acquire);
        /* The count may belong to a newer, larger array than the one just loaded. */
        if (seq % 2 == 0 && (!v || n <= v->capacity)) {
            struct Region *r = view_find(v, v ? n : 0, &bus->last_ram, gpa, offset, avail);
            /* Acquire loads above keep this one last. */
            if (atomic_load_explicit(&bus->sequence, memory_order_relaxed) == seq)
                return r;
        }
    }
}

void bus_for_each(struct Bus *bus, void (*fn)(void *opaque, const struct BusMapping *m, uint64_t offset),
                  void *opaque) {
    const struct View *v = atomic_load(&bus->view);
    size_t n = atomic_load(&bus->range_count);
    for (size_t i = 0; i < n; i++) {
        const struct Range *r = &v->range[i];
        struct BusMapping m = {
            .base = atomic_load(&r->base),
            .size = atomic_load(&r->last) - atomic_load(&r->base) + 1,
            .region = atomic_load(&r->region),
        };
        if (m.region)
            fn(opaque, &m, atomic_load(&r->offset));
    }
}

void *bus_ram_ptr(struct Bus *bus, uint64_t gpa, size_t len) {
    uint64_t offset, avail;
    struct Region *r = bus_find(bus, gpa, &offset, &avail);
    return r && r->kind == REGION_RAM && avail >= len ? r->host + offset : NULL;
}

/* --- Listeners, A20, dirty logging -------------------------------------------------------------------------------- */

int bus_add_listener(struct Bus *bus, const struct BusListener *listener) {
    struct BusListener *l = malloc(sizeof(*l));
    if (!l)
        return -ENOMEM;
    *l = *listener;
    pthread_mutex_lock(bus->lock);
    l->next = atomic_load(&bus->listeners);
    atomic_store(&bus->listeners, l);
    pthread_mutex_unlock(bus->lock);
    return 0;
}

void bus_remove_listeners(struct Bus *bus, void *opaque) {
    pthread_mutex_lock(bus->lock);
    struct BusListener *kept = NULL;
    for (struct BusListener *l = atomic_load(&bus->listeners), *next; l; l = next) {
        next = l->next;
        if (l->opaque == opaque) {
            free(l);
        } else {
            l->next = kept;
            kept = l;
        }
    }
    atomic_store(&bus->listeners, kept);
    pthread_mutex_unlock(bus->lock);
}

void bus_set_tap(struct Bus *bus, const struct BusTap *tap) { bus->tap = tap; }

void bus_set_before(struct Bus *bus, void (*fn)(void *opaque), void *opaque) {
    bus->before = fn;
    bus->before_opaque = opaque;
}

void bus_announce_mapping(struct Bus *bus, uint64_t gpa, uint64_t size) {
    for (struct BusListener *l = atomic_load(&bus->listeners); l; l = l->next)
        if (l->mapping_changed)
            l->mapping_changed(l->opaque, gpa, size);
}

void bus_announce_code(struct Bus *bus, uint64_t gpa, uint64_t size) {
    for (struct BusListener *l = atomic_load(&bus->listeners); l; l = l->next)
        if (l->code_written)
            l->code_written(l->opaque, gpa, size);
}

void bus_announce_code_begins(struct Bus *bus, uint64_t gpa) {
    for (struct BusListener *l = atomic_load(&bus->listeners); l; l = l->next)
        if (l->code_begins)
            l->code_begins(l->opaque, gpa);
}

bool bus_announce_code_stored(struct Bus *bus, uint64_t gpa, uint64_t size) {
    bool left = false;
    for (struct BusListener *l = atomic_load(&bus->listeners); l; l = l->next)
        if (l->code_stored)
            left |= l->code_stored(l->opaque, gpa, size);
    return left;
}

void bus_set_a20(struct Bus *bus, bool enabled) {
    if (atomic_exchange(&bus->a20, enabled) != enabled)
        bus_announce_mapping(bus, 0, UINT64_MAX);
}

bool bus_a20(const struct Bus *bus) { return atomic_load_explicit(&bus->a20, memory_order_relaxed); }

uint64_t bus_a20_mask(const struct Bus *bus) { return bus_a20(bus) ? UINT64_MAX : ~(1ull << 20); }

void bus_set_dirty_logging(struct Bus *bus, bool enabled) {
    pthread_mutex_lock(bus->lock);
    if (atomic_exchange(&bus->dirty_logging, enabled) != enabled)
        bus_announce_mapping(bus, 0, UINT64_MAX);
    pthread_mutex_unlock(bus->lock);
}

void bus_sync_dirty(struct Bus *bus) {
    pthread_mutex_lock(bus->lock);
    for (struct BusListener *l = atomic_load(&bus->listeners); l; l = l->next)
        if (l->sync_dirty)
            l->sync_dirty(l->opaque);
    pthread_mutex_unlock(bus->lock);
}

bool bus_dirty_logging(const struct Bus *bus) {
    return atomic_load_explicit(&bus->dirty_logging, memory_order_relaxed);
}
