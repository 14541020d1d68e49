/* SPDX-License-Identifier: MIT */
#include "debug/perf_code.h"

#include "base/why.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NAME_SIZE = 160, PATH_SIZE = 64, MARKER_SIZE = 4096 };
enum { JITDUMP_MAGIC = 0x4a695444, JITDUMP_VERSION = 1, JIT_CODE_LOAD = 0 };

struct PerfCode {
    FILE *map, *dump; /* NULL: not wanted */
    void *marker;     /* the dump, mapped: by that perf learns its name */
    uint64_t index;   /* of the next code in the dump */
};

struct DumpHeader {
    uint32_t magic, version, total_size, elf_mach, pad, pid;
    uint64_t timestamp, flags;
};

struct DumpCode {
    uint32_t id, total_size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
}; /* then the name with its 0, and the code */

/* The clock of perf record -k mono. */
static uint64_t timestamp(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Nobody may have prepared a file or a link of that name, in /tmp of all places. */
static FILE *create(const char *path, const char *option, int *r, char *why, size_t n) {
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NONBLOCK, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f != NULL)
        return f;
    *r = why_set(why, n, -errno, "%s: %s can't be written: %s", option, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int begin_dump(struct PerfCode *p, char *why, size_t n) {
    const struct DumpHeader h = {.magic = JITDUMP_MAGIC,
                                 .version = JITDUMP_VERSION,
                                 .total_size = sizeof(h),
                                 .elf_mach = EM_X86_64,
                                 .pid = (uint32_t)getpid(),
                                 .timestamp = timestamp()};
    p->marker = mmap(NULL, MARKER_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(p->dump), 0);
    if (p->marker == MAP_FAILED)
        return why_errno(why, n, -errno, "-jitdump");
    fwrite(&h, sizeof(h), 1, p->dump);
    return 0;
}

struct PerfCode *perf_code_open(bool map, bool dump, int *r, char *why, size_t n) {
    struct PerfCode *p = calloc(1, sizeof(*p));
    char path[PATH_SIZE];
    if (p == NULL) {
        *r = why_errno(why, n, -ENOMEM, "-perfmap");
        return NULL;
    }
    p->marker = MAP_FAILED;
    *r = 0;
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    if (map)
        p->map = create(path, "-perfmap", r, why, n);
    snprintf(path, sizeof(path), "jit-%d.dump", (int)getpid());
    if (*r == 0 && dump && (p->dump = create(path, "-jitdump", r, why, n)) != NULL)
        *r = begin_dump(p, why, n);
    if (*r == 0)
        return p;
    perf_code_close(p);
    return NULL;
}

void perf_code_close(struct PerfCode *p) {
    if (p == NULL)
        return;
    if (p->marker != MAP_FAILED)
        munmap(p->marker, MARKER_SIZE);
    if (p->map != NULL)
        fclose(p->map);
    if (p->dump != NULL)
        fclose(p->dump);
    free(p);
}

static void put(struct PerfCode *p, const char *name, uint64_t address, const uint8_t *code, size_t size) {
    if (p->map != NULL)
        fprintf(p->map, "%" PRIx64 " %zx %s\n", address, size, name);
    if (p->dump == NULL)
        return;
    const struct DumpCode c = {.id = JIT_CODE_LOAD,
                               .total_size = (uint32_t)(sizeof(c) + strlen(name) + 1 + size),
                               .timestamp = timestamp(),
                               .pid = (uint32_t)getpid(),
                               .tid = (uint32_t)gettid(),
                               .vma = address,
                               .code_addr = address,
                               .code_size = size,
                               .code_index = p->index++};
    fwrite(&c, sizeof(c), 1, p->dump);
    fwrite(name, strlen(name) + 1, 1, p->dump);
    fwrite(code, size, 1, p->dump);
}

/* What follows one another is one function for perf; what is out of line is another. */
void perf_code_put(struct PerfCode *p, const struct Symbols *symbols, const struct CpuHostCode *part, unsigned n) {
    uint64_t offset;
    const char *symbol = symbols != NULL ? symbols_find(symbols, part[0].rip, &offset) : NULL;
    char name[NAME_SIZE];
    if (symbol != NULL)
        snprintf(name, sizeof(name), "%s", symbol);
    else
        snprintf(name, sizeof(name), "guest_%" PRIx64, part[0].rip);
    for (unsigned i = 0, next; i < n; i = next) {
        size_t size = part[i].size;
        for (next = i + 1; next < n && part[next].address == part[i].address + size; next++)
            size += part[next].size;
        put(p, name, part[i].address, part[i].code, size);
    }
}
