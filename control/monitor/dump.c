/* SPDX-License-Identifier: MIT */
/* dump-guest-memory: guest RAM and ROM and the CPUs' registers as an ELF core file. */
#include "control/monitor/command.h"
#include "control/monitor/core_notes.h"
#include "control/monitor/paging.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SEGMENTS_MAX = 1 << 20, BLOCKS_MAX = 256, PIECE = 65536 };

/* A range of guest-physical memory, and where it is in the file. */
struct Block {
    const struct Region *region;
    uint64_t phys, size, offset; /* offset: in the region */
    uint64_t file;
};

struct Segment {
    uint64_t linear, phys, size;
};

struct Dump {
    struct Machine *m;
    int fd;
    bool wide; /* ELF64 for x86-64; else ELF32 for i386 */
    struct Block block[BLOCKS_MAX];
    unsigned blocks;
    struct Segment *segment;
    size_t segments, room;
    int error; /* -errno */
    const struct CPUState *cpu; /* whose page tables -p means */
    uint8_t *notes;             /* of all CPUs: CORE_NOTES_MAX bytes for each */
};

/* ---- what there is ---- */

static void add_block(void *opaque, const struct BusMapping *m, uint64_t offset) {
    struct Dump *d = opaque;
    if (m->region->host == NULL)
        return;
    if (d->blocks == BLOCKS_MAX) {
        d->error = -E2BIG;
        return;
    }
    d->block[d->blocks++] = (struct Block){m->region, m->base, m->size, offset, 0};
}

static bool add_segment(struct Dump *d, uint64_t linear, uint64_t phys, uint64_t size) {
    struct Segment *last = d->segments > 0 ? &d->segment[d->segments - 1] : NULL;
    if (last != NULL && last->linear + last->size == linear && last->phys + last->size == phys) {
        last->size += size;
        return true;
    }
    if (d->segments == d->room) {
        size_t room = d->room * 2 + 64;
        struct Segment *s = room <= SEGMENTS_MAX ? realloc(d->segment, room * sizeof(*s)) : NULL;
        if (s == NULL) {
            d->error = room <= SEGMENTS_MAX ? -ENOMEM : -E2BIG;
            return false;
        }
        d->segment = s;
        d->room = room;
    }
    d->segment[d->segments++] = (struct Segment){linear, phys, size};
    return true;
}

/* What of the page is memory; devices are left out. */
static bool add_page(void *opaque, const struct GuestPage *p) {
    struct Dump *d = opaque;
    for (unsigned i = 0; i < d->blocks; i++) {
        const struct Block *b = &d->block[i];
        uint64_t from = p->phys > b->phys ? p->phys : b->phys;
        uint64_t end = p->phys + p->size < b->phys + b->size ? p->phys + p->size : b->phys + b->size;
        if (from < end && !add_segment(d, p->linear + (from - p->phys), from, end - from))
            return false;
    }
    return true;
}

static int collect(struct Dump *d, bool paging) {
    const CPUX86State *env = &d->cpu->env;
    bus_for_each(d->m->bus, add_block, d);
    uint64_t end = 0;
    for (unsigned i = 0; i < d->blocks; i++)
        end = d->block[i].phys + d->block[i].size;
    d->wide = end > 1ull << 32;
    for (unsigned i = 0; i < d->m->cpu_count; i++)
        d->wide |= x86_long_mode(&machine_cpu(d->m, i)->env);
    if (!paging || !(env->cr0 & CR0_PG)) {
        for (unsigned i = 0; i < d->blocks && d->error == 0; i++)
            add_segment(d, d->block[i].phys, d->block[i].phys, d->block[i].size);
    } else if (guest_pages(d->m, env, add_page, d) == PAGE_WALK_TOO_LONG) {
        d->error = -ELOOP;
    }
    return d->error;
}

/* ---- writing ---- */

static int write_at(int fd, const void *data, size_t size, uint64_t at) {
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = pwrite(fd, p, size < 1 << 30 ? size : 1 << 30, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        p += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* Without pieces that are all zeros: the file has holes for them. */
static int write_sparse(int fd, const uint8_t *data, uint64_t size, uint64_t at) {
    static const uint8_t zeros[PIECE];
    for (uint64_t done = 0; done < size; done += PIECE) {
        size_t n = size - done < PIECE ? size - done : PIECE;
        int e = memcmp(data + done, zeros, n) == 0 ? 0 : write_at(fd, data + done, n, at + done);
        if (e != 0)
            return e;
    }
    return 0;
}

/* What was never touched stays so, in the file as in the host's memory. */
static int write_block(const struct Dump *d, const struct Block *b) {
    const struct Region *r = b->region;
    uint64_t at = b->offset, end = b->offset + b->size;
    while (at < end) {
        uint64_t from = at, to = end;
        if (r->kind == REGION_RAM && (!region_next_touched(r, &from, &to) || from >= end))
            return 0;
        from = from > at ? from : at;
        to = to < end ? to : end;
        int e = write_sparse(d->fd, r->host + from, to - from, b->file + (from - b->offset));
        if (e != 0)
            return e;
        at = to;
    }
    return 0;
}

static uint64_t file_offset(const struct Dump *d, uint64_t phys) {
    for (unsigned i = 0; i < d->blocks; i++)
        if (phys - d->block[i].phys < d->block[i].size)
            return d->block[i].file + (phys - d->block[i].phys);
    return 0;
}

/* Program header `i`: the notes, then the segments. */
static int write_program_header(const struct Dump *d, const Elf64_Phdr *p, uint64_t at) {
    if (d->wide)
        return write_at(d->fd, p, sizeof(*p), at);
    Elf32_Phdr narrow = {
        .p_type = p->p_type,
        .p_offset = (Elf32_Off)p->p_offset,
        .p_vaddr = (Elf32_Addr)p->p_vaddr,
        .p_paddr = (Elf32_Addr)p->p_paddr,
        .p_filesz = (Elf32_Word)p->p_filesz,
        .p_memsz = (Elf32_Word)p->p_memsz,
        .p_flags = p->p_flags,
        .p_align = (Elf32_Word)p->p_align,
    };
    return write_at(d->fd, &narrow, sizeof(narrow), at);
}

static void identify(unsigned char *ident, unsigned char class) {
    memcpy(ident, ELFMAG, SELFMAG);
    ident[EI_CLASS] = class;
    ident[EI_DATA] = ELFDATA2LSB;
    ident[EI_VERSION] = EV_CURRENT;
}

/* The file's header; with more program headers than it can count, the number is in section header 0 (PN_XNUM). */
static int write_header64(const struct Dump *d, uint64_t sections) {
    size_t count = d->segments + 1;
    Elf64_Ehdr h = {
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(h),
        .e_ehsize = sizeof(h),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = count < PN_XNUM ? (Elf64_Half)count : PN_XNUM,
    };
    identify(h.e_ident, ELFCLASS64);
    if (count < PN_XNUM)
        return write_at(d->fd, &h, sizeof(h), 0);
    Elf64_Shdr s = {.sh_info = (Elf64_Word)count};
    h.e_shoff = sections;
    h.e_shentsize = sizeof(s);
    h.e_shnum = 1;
    int e = write_at(d->fd, &h, sizeof(h), 0);
    return e != 0 ? e : write_at(d->fd, &s, sizeof(s), sections);
}

static int write_header32(const struct Dump *d, uint64_t sections) {
    size_t count = d->segments + 1;
    Elf32_Ehdr h = {
        .e_type = ET_CORE,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(h),
        .e_ehsize = sizeof(h),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = count < PN_XNUM ? (Elf32_Half)count : PN_XNUM,
    };
    identify(h.e_ident, ELFCLASS32);
    if (count < PN_XNUM)
        return write_at(d->fd, &h, sizeof(h), 0);
    Elf32_Shdr s = {.sh_info = (Elf32_Word)count};
    h.e_shoff = (Elf32_Off)sections;
    h.e_shentsize = sizeof(s);
    h.e_shnum = 1;
    int e = write_at(d->fd, &h, sizeof(h), 0);
    return e != 0 ? e : write_at(d->fd, &s, sizeof(s), sections);
}

static int write_headers(struct Dump *d) {
    size_t header = d->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    size_t entry = d->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    uint64_t sections = header + (d->segments + 1) * entry, notes = sections + sizeof(Elf64_Shdr);
    size_t notes_size = 0;
    for (unsigned i = 0; i < d->m->cpu_count; i++)
        notes_size += core_notes(&machine_cpu(d->m, i)->env, i, d->wide, d->notes + notes_size);
    uint64_t at = (notes + notes_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    for (unsigned i = 0; i < d->blocks; i++) {
        d->block[i].file = at;
        at += d->block[i].size;
    }
    int e = ftruncate(d->fd, (off_t)at) == 0 ? 0 : -errno;
    if (e == 0)
        e = d->wide ? write_header64(d, sections) : write_header32(d, sections);
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_size};
    if (e == 0)
        e = write_program_header(d, &note, header);
    for (size_t i = 0; i < d->segments && e == 0; i++) {
        const struct Segment *s = &d->segment[i];
        Elf64_Phdr load = {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_W | PF_X,
            .p_offset = file_offset(d, s->phys),
            .p_vaddr = s->linear,
            .p_paddr = s->phys,
            .p_filesz = s->size,
            .p_memsz = s->size,
        };
        e = write_program_header(d, &load, header + (i + 1) * entry);
    }
    return e != 0 ? e : write_at(d->fd, d->notes, notes_size, notes);
}

static int write_dump(struct Dump *d) {
    int e = write_headers(d);
    for (unsigned i = 0; i < d->blocks && e == 0; i++)
        e = write_block(d, &d->block[i]);
    return e;
}

/* ---- the command ---- */

static void dump_to(struct Monitor *mon, struct Dump *d, const char *path, bool paging) {
    int e = collect(d, paging);
    if (e != 0) {
        fprintf(mon->out, "nothing was dumped: %s\n",
                e == -ELOOP ? "the page tables contain themselves; leave -p away" : strerror(-e));
        return;
    }
    d->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;
    if (d->fd < 0 || fstat(d->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fprintf(mon->out, "%s can't be written: %s\n", path, d->fd < 0 ? strerror(errno) : "it is no plain file");
        if (d->fd >= 0)
            close(d->fd);
        return;
    }
    e = write_dump(d);
    if (close(d->fd) != 0 && e == 0)
        e = -errno;
    if (e == 0)
        return;
    unlink(path);
    fprintf(mon->out, "%s could not be written in full: %s\n", path, strerror(-e));
}

void monitor_dump_guest_memory(struct Monitor *mon, char *args) {
    bool paging = false;
    char *word = monitor_word(mon, &args);
    if (word != NULL && strcmp(word, "-p") == 0) {
        paging = true;
        word = monitor_word(mon, &args);
    }
    if (word == NULL || word[0] == '-' || word[0] == '\0') {
        fputs("usage: dump-guest-memory [-p] FILE\n", mon->out);
        return;
    }
    if (strncmp(word, "file:", 5) == 0) /* as in QMP */
        word += 5;
    if (!monitor_no_more(mon, args))
        return;
    struct Dump *d = calloc(1, sizeof(*d));
    uint8_t *notes = malloc((size_t)mon->m->cpu_count * CORE_NOTES_MAX);
    if (d != NULL && notes != NULL) {
        d->m = mon->m;
        d->cpu = mon->cpu;
        d->notes = notes;
        dump_to(mon, d, word, paging);
        free(d->segment);
    } else {
        fputs("out of memory\n", mon->out);
    }
    free(notes);
    free(d);
}
