/* SPDX-License-Identifier: MIT */
/* A stream of sections. See state_file.h. */
#include "machine/state_file.h"
#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 16 };

static const char magic[16] = "twin86 state 1\n";

struct SectionHead {
    uint64_t size; /* UINT64_MAX: open */
    uint32_t instance, version;
    uint8_t name[NAME_SIZE]; /* the rest is zeros */
};

static const struct StateTable head_table = {
    .name = "section",
    .size = sizeof(struct SectionHead),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(SectionHead, size),
            STATE_FIELD(SectionHead, instance),
            STATE_FIELD(SectionHead, version),
            STATE_ARRAY(SectionHead, name),
            {0},
        },
};

enum { HEAD_SIZE = sizeof(struct SectionHead) }; /* no padding, so it is what is saved, too */

int state_file_fail(struct StateFile *s, int r, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(s->why, s->why_size, r, format, ap);
    va_end(ap);
    return r;
}

int state_file_write(struct StateFile *s, const void *data, size_t n) {
    errno = 0;
    if (fwrite(data, 1, n, s->f) == n)
        return 0;
    int r = errno != 0 ? -errno : -EIO;
    return state_file_fail(s, r, "the state can't be written: %s", strerror(-r));
}

int state_file_read(struct StateFile *s, void *data, size_t n) {
    errno = 0;
    if (fread(data, 1, n, s->f) == n)
        return 0;
    if (!ferror(s->f))
        return state_file_fail(s, -EINVAL, "the state ends too early");
    int r = errno != 0 ? -errno : -EIO;
    return state_file_fail(s, r, "the state can't be read: %s", strerror(-r));
}

int state_file_begin(struct StateFile *s) { return state_file_write(s, magic, sizeof(magic)); }

int state_file_expect_begin(struct StateFile *s) {
    char found[sizeof(magic)];
    int r = state_file_read(s, found, sizeof(found));
    if (r == 0 && memcmp(found, magic, sizeof(magic)) != 0)
        r = state_file_fail(s, -EINVAL, "this is no state of a machine that twin86 has saved");
    return r;
}

int state_file_section(struct StateFile *s, const char *name, unsigned instance, unsigned version, int64_t size) {
    struct SectionHead head = {.size = (uint64_t)size, .instance = instance, .version = version};
    uint8_t bytes[HEAD_SIZE];
    strncpy((char *)head.name, name, NAME_SIZE - 1);
    state_save(&head_table, &head, bytes);
    return state_file_write(s, bytes, sizeof(bytes));
}

/* A name from a stream, for the person. */
static void printable(char *text, const uint8_t *name) {
    for (unsigned i = 0; i < NAME_SIZE; i++)
        text[i] = name[i] == 0 || (name[i] > ' ' && name[i] < 0x7f) ? (char)name[i] : '?';
    text[NAME_SIZE - 1] = '\0';
}

int state_file_expect(struct StateFile *s, const char *name, unsigned instance, unsigned version, int64_t max,
                      unsigned *found_version, int64_t *size) {
    struct SectionHead head;
    uint8_t bytes[HEAD_SIZE];
    char found[NAME_SIZE], wanted[NAME_SIZE] = {0};
    int r = state_file_read(s, bytes, sizeof(bytes));
    if (r == 0)
        r = state_load(&head_table, 1, bytes, sizeof(bytes), &head, s->why, s->why_size);
    if (r != 0)
        return r;
    strncpy(wanted, name, NAME_SIZE - 1);
    printable(found, head.name);
    if (memcmp(head.name, wanted, NAME_SIZE) != 0)
        return state_file_fail(s, -EINVAL, "the state has '%s' where '%s' should be", found, name);
    if (head.instance != instance)
        return state_file_fail(s, -EINVAL, "the state has number %u of '%s' where %u should be", head.instance, name,
                               instance);
    if (head.version == 0 || head.version > version)
        return state_file_fail(s, -EINVAL, "%s: the state is of version %u; versions 1 to %u are known", name,
                               head.version, version);
    *found_version = head.version;
    *size = (int64_t)head.size;
    if (max == STATE_SIZE_OPEN ? *size != STATE_SIZE_OPEN : *size < 0 || *size > max)
        return state_file_fail(s, -EINVAL, "%s: no size that it can have", name);
    return 0;
}

int state_file_put(struct StateFile *s, const char *name, unsigned instance, const struct StateTable *t,
                   const void *state) {
    size_t n = state_size(t, t->version);
    uint8_t *bytes = malloc(n);
    if (bytes == NULL)
        return state_file_fail(s, -ENOMEM, "%s: %s", name, strerror(ENOMEM));
    state_save(t, state, bytes);
    int r = state_file_section(s, name, instance, t->version, (int64_t)n);
    if (r == 0)
        r = state_file_write(s, bytes, n);
    free(bytes);
    return r;
}

int state_file_get(struct StateFile *s, const char *name, unsigned instance, const struct StateTable *t, void *state) {
    unsigned version;
    int64_t size, max = (int64_t)state_size(t, t->version);
    int r = state_file_expect(s, name, instance, t->version, max, &version, &size);
    if (r != 0)
        return r;
    uint8_t *bytes = malloc((size_t)size + 1);
    if (bytes == NULL)
        return state_file_fail(s, -ENOMEM, "%s: %s", name, strerror(ENOMEM));
    r = state_file_read(s, bytes, (size_t)size);
    if (r == 0)
        r = state_load(t, version, bytes, (size_t)size, state, s->why, s->why_size);
    free(bytes);
    return r;
}
