/* SPDX-License-Identifier: MIT */
/* Symbol tables. Nothing in the file is trusted. See symbols.h. */
#include "debug/symbols.h"

#include "memory/host_file.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 30, SYMBOLS_MAX = 1 << 24 };
/* A symbol without size names what follows for so many bytes at most. */
#define REACH (1ull << 20)

struct Symbol {
    uint64_t address, size; /* size 0: not known */
    uint32_t name;          /* offset into text */
    uint32_t order;
};

struct Symbols {
    struct Symbol *symbol; /* by address */
    size_t count, capacity;
    char *text;
    size_t used, room;
};

/* ---- collecting ---- */

static bool add(struct Symbols *s, uint64_t address, uint64_t size, const char *name, size_t length) {
    if (s->count == s->capacity) {
        size_t capacity = s->capacity != 0 ? 2 * s->capacity : 1024;
        struct Symbol *p = s->count < SYMBOLS_MAX ? realloc(s->symbol, capacity * sizeof(*p)) : NULL;
        if (p == NULL)
            return false;
        s->symbol = p;
        s->capacity = capacity;
    }
    if (s->room - s->used < length + 1) {
        size_t room = 2 * s->room + length + 1;
        char *p = room < UINT32_MAX ? realloc(s->text, room) : NULL;
        if (p == NULL)
            return false;
        s->text = p;
        s->room = room;
    }
    memcpy(s->text + s->used, name, length);
    s->text[s->used + length] = '\0';
    s->symbol[s->count] = (struct Symbol){address, size, (uint32_t)s->used, (uint32_t)s->count};
    s->count++;
    s->used += length + 1;
    return true;
}

static int compare(const void *a, const void *b) {
    const struct Symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- ELF ---- */

struct Bytes {
    const uint8_t *data;
    size_t size;
};

static bool copy_out(const struct Bytes *b, uint64_t at, void *out, size_t n) {
    if (at > b->size || b->size - at < n)
        return false;
    memcpy(out, b->data + at, n);
    return true;
}

/* What both classes of ELF have, widened. */
struct Section {
    uint32_t type, link;
    uint64_t offset, size, entry;
};

static bool section(const struct Bytes *b, bool wide, uint64_t at, struct Section *s) {
    Elf64_Shdr h64;
    Elf32_Shdr h32;
    if (wide) {
        if (!copy_out(b, at, &h64, sizeof(h64)))
            return false;
        *s = (struct Section){h64.sh_type, h64.sh_link, h64.sh_offset, h64.sh_size, h64.sh_entsize};
    } else {
        if (!copy_out(b, at, &h32, sizeof(h32)))
            return false;
        *s = (struct Section){h32.sh_type, h32.sh_link, h32.sh_offset, h32.sh_size, h32.sh_entsize};
    }
    return s->type == SHT_NOBITS || (s->offset <= b->size && s->size <= b->size - s->offset);
}

static bool add_elf_symbol(struct Symbols *s, const struct Bytes *b, bool wide, uint64_t at,
                           const struct Section *names) {
    Elf64_Sym y;
    Elf32_Sym y32;
    if (wide) {
        if (!copy_out(b, at, &y, sizeof(y)))
            return false;
    } else {
        if (!copy_out(b, at, &y32, sizeof(y32)))
            return false;
        y = (Elf64_Sym){y32.st_name, y32.st_info, y32.st_other, y32.st_shndx, y32.st_value, y32.st_size};
    }
    unsigned type = ELF64_ST_TYPE(y.st_info);
    if (y.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE || type == STT_TLS || y.st_name == 0)
        return true;
    if (y.st_name >= names->size)
        return false;
    const char *name = (const char *)b->data + names->offset + y.st_name;
    size_t length = strnlen(name, names->size - y.st_name);
    return length == 0 || add(s, y.st_value, y.st_size, name, length);
}

static bool parse_elf(struct Symbols *s, const struct Bytes *b) {
    Elf64_Ehdr h64;
    Elf32_Ehdr h32;
    bool wide = b->size > EI_DATA && b->data[EI_CLASS] == ELFCLASS64;
    if (!copy_out(b, 0, &h32, sizeof(h32)) || (wide && !copy_out(b, 0, &h64, sizeof(h64))) ||
        b->data[EI_DATA] != ELFDATA2LSB)
        return false;
    uint64_t table = wide ? h64.e_shoff : h32.e_shoff;
    unsigned count = wide ? h64.e_shnum : h32.e_shnum, step = wide ? h64.e_shentsize : h32.e_shentsize;
    if (table > b->size || (count != 0 && step < (wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr))))
        return false;
    for (unsigned i = 0; i < count; i++) {
        struct Section symbols, names;
        if (!section(b, wide, table + (uint64_t)i * step, &symbols))
            return false;
        if (symbols.type != SHT_SYMTAB)
            continue;
        size_t each = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
        if (symbols.link >= count || !section(b, wide, table + (uint64_t)symbols.link * step, &names) ||
            names.type == SHT_NOBITS || symbols.entry != each)
            return false;
        for (uint64_t k = 1; k < symbols.size / each; k++)
            if (!add_elf_symbol(s, b, wide, symbols.offset + k * each, &names))
                return false;
    }
    return true;
}

/* ---- text: "ffffffff81000000 T _text", "                 U elsewhere" ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Returns the line's end, or NULL if it is malformed (or memory is short). */
static const char *parse_line(struct Symbols *s, const char *p, const char *end) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (stop == NULL)
        stop = end;
    uint64_t address = 0;
    unsigned digits = 0;
    while (p < stop && is_blank(*p))
        p++;
    for (; p < stop && isxdigit((unsigned char)*p) && digits < 17; p++, digits++) {
        char c = (char)tolower((unsigned char)*p);
        address = address << 4 | (uint64_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
    }
    if (p == stop) /* an empty line */
        return digits == 0 ? stop : NULL;
    if (digits == 0) /* undefined symbols have no address */
        return p + 2 < stop && (*p == 'U' || *p == 'w' || *p == 'v') && is_blank(p[1]) ? stop : NULL;
    if (digits > 16 || stop - p < 4 || !is_blank(p[0]) || !isgraph((unsigned char)p[1]) || !is_blank(p[2]))
        return NULL;
    const char *name = p + 3;
    size_t length = 0;
    while (name + length < stop && isgraph((unsigned char)name[length]))
        length++;
    return length != 0 && add(s, address, 0, name, length) ? stop : NULL;
}

static bool parse_text(struct Symbols *s, const struct Bytes *b, unsigned *line) {
    const char *p = (const char *)b->data, *end = p + b->size;
    for (*line = 1; p < end; p++, ++*line)
        if ((p = parse_line(s, p, end)) == NULL || p == end)
            return p != NULL;
    return true;
}

/* ---- life ---- */

struct Symbols *symbols_parse(const void *data, size_t size, const char *name, bool elf_only, int *r, char *why,
                              size_t n) {
    const struct Bytes b = {data, size};
    bool elf = size > SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0, ok;
    unsigned line = 0;
    *r = 0;
    if (elf_only && !elf)
        return NULL;
    struct Symbols *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        *r = -ENOMEM;
        snprintf(why, n, "%s: out of memory", name);
        return NULL;
    }
    ok = elf ? parse_elf(s, &b) : parse_text(s, &b, &line);
    if (ok && s->count != 0) {
        qsort(s->symbol, s->count, sizeof(*s->symbol), compare);
        return s;
    }
    symbols_free(s);
    if (elf_only)
        return NULL;
    *r = -EINVAL;
    if (ok)
        snprintf(why, n, "-symbols: %s has no symbols%s", name, elf ? "; it may be stripped" : "");
    else if (elf)
        snprintf(why, n, "-symbols: the symbol table of %s is malformed", name);
    else
        snprintf(why, n,
                 "-symbols: line %u of %s is none of nm or System.map; 'ffffffff81000000 T name' would be right", line,
                 name);
    return NULL;
}

/* A kernel's own symbols may be looked for while it runs: nobody waits for a pipe then. */
struct Symbols *symbols_load(const char *path, bool elf_only, int *r, char *why, size_t n) {
    size_t size;
    uint8_t *data;
    *r = host_file_read(path, elf_only, FILE_MAX, &data, &size);
    if (*r != 0) {
        snprintf(why, n, "-symbols: %s can't be read: %s", path, strerror(-*r));
        *r = elf_only ? 0 : *r;
        return NULL;
    }
    struct Symbols *s = symbols_parse(data, size, path, elf_only, r, why, n);
    free(data);
    return s;
}

void symbols_free(struct Symbols *s) {
    if (s == NULL)
        return;
    free(s->symbol);
    free(s->text);
    free(s);
}

/* ---- looking up ---- */

const char *symbols_find(const struct Symbols *s, uint64_t address, uint64_t *offset) {
    size_t low = 0, high = s != NULL ? s->count : 0; /* the first symbol behind the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->symbol[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct Symbol *y = &s->symbol[low - 1];
    while (y > s->symbol && y[-1].address == y->address) /* of several the first one named */
        y--;
    *offset = address - y->address;
    if (*offset >= (y->size != 0 ? y->size : REACH) && *offset != 0)
        return NULL;
    return s->text + y->name;
}

const char *symbols_text(const struct Symbols *s, uint64_t address, char *text, size_t n) {
    uint64_t offset;
    const char *name = symbols_find(s, address, &offset);
    text[0] = '\0';
    if (name != NULL && offset != 0)
        snprintf(text, n, " <%.80s+0x%" PRIx64 ">", name, offset);
    else if (name != NULL)
        snprintf(text, n, " <%.80s>", name);
    return text;
}

bool symbols_value(const struct Symbols *s, const char *name, uint64_t *value) {
    for (size_t i = 0; s != NULL && i < s->count; i++)
        if (strcmp(s->text + s->symbol[i].name, name) == 0)
            return *value = s->symbol[i].address, true;
    return false;
}

size_t symbols_count(const struct Symbols *s) { return s != NULL ? s->count : 0; }
