/* SPDX-License-Identifier: MIT */
/* Reading the files that -kernel, -initrd and -bios name. */
#include "base/why.h"
#include "machine/boot/boot.h"

#include "base/lists.h"
#include "memory/host_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An ELF kernel may have far more debugging information than code. */
#define KERNEL_FILE_MAX (1ull << 30)

/* What boot_open allocated: everything in one chain, so that boot_close is one loop. */
struct Owned {
    struct Owned *next;
    void *memory;
};

static int own(struct BootInput *in, void *memory) {
    struct Owned *o = malloc(sizeof(*o));

    if (o == NULL) {
        free(memory);
        return -ENOMEM;
    }
    *o = (struct Owned){in->owned, memory};
    in->owned = o;
    return 0;
}

void boot_close(struct BootInput *in) {
    for (struct Owned *o = in->owned; o != NULL;) {
        struct Owned *next = o->next;
        free(o->memory);
        free(o);
        o = next;
    }
    *in = (struct BootInput){0};
}

/* A file of more than `most` bytes is refused before it has been read: it may have no end (/dev/zero). */
static int read_file(struct BootInput *in, struct BootFile *file, const char *name, const char *what, uint64_t most,
                     char *why, size_t n) {
    uint8_t *data;
    size_t size;
    int r = host_file_read(name, false, most, &data, &size);
    if (r == 0)
        r = own(in, data);
    switch (r) {
    case 0: break;
    case -EISDIR: return why_set(why, n, r, "%s: is a directory; the %s must be a file", name, what);
    case -ETIMEDOUT:
        return why_set(why, n, r, "%s: can't read the %s: nobody has written to this pipe for %d s", name, what,
                       HOST_FILE_WAIT_MS / 1000);
    case -EFBIG:
        return why_set(why, n, r, "%s: is too large; the %s can have %llu bytes here", name, what,
                       (unsigned long long)most);
    default: return why_set(why, n, r, "%s: can't open the %s: %s", name, what, strerror(-r));
    }
    if (size == 0)
        return why_set(why, n, -EINVAL, "%s: is empty; the %s must have contents", name, what);
    *file = (struct BootFile){.name = name, .data = data, .size = size, .args = ""};
    return 0;
}

/* Together they have to fit in RAM. */
static int open_modules(struct BootInput *in, const char *initrd, uint64_t room, char *why, size_t n) {
    char *list = strdup(initrd);

    if (list == NULL || own(in, list) != 0)
        return why_set(why, n, -ENOMEM, "out of memory");
    while (list != NULL) {
        char *name = list_cut(&list);
        char *space = strchr(name, ' ');
        char *args = "";

        if (in->module_count == BOOT_MODULE_MAX)
            return why_set(why, n, -EINVAL, "-initrd: more than %d modules", BOOT_MODULE_MAX);
        if (space != NULL) {
            *space = '\0';
            args = space + 1;
        }
        if (name[0] == '\0')
            return why_set(why, n, -EINVAL, "-initrd %s: a file name is missing; \"file args,file2\" would be right",
                           initrd);
        int r = read_file(in, &in->module[in->module_count], name, "module", room, why, n);
        if (r != 0)
            return r;
        room -= in->module[in->module_count].size;
        in->module[in->module_count++].args = args;
    }
    return 0;
}

int boot_add_firmware(struct BootInput *in, const char *bios, char *why, size_t n) {
    in->after_firmware = in->kernel.name != NULL;
    int r = read_file(in, &in->firmware, bios, "firmware ROM", BOOT_ROM_MAX, why, n);
    return r == 0 && boot_kind(in, why, n) == BOOT_UNKNOWN ? -EINVAL : r;
}

static int open_files(struct BootInput *in, uint64_t ram_size, const char *kernel, const char *initrd,
                      const char *append, const char *bios, char *why, size_t n) {
    if (kernel == NULL && initrd != NULL)
        return why_set(why, n, -EINVAL, "%s: -initrd needs a -kernel that takes it", initrd);
    if (kernel == NULL && append != NULL)
        return why_set(why, n, -EINVAL, "-append needs a -kernel that takes it");
    in->cmdline = append;
    if (kernel == NULL)
        return bios != NULL ? boot_add_firmware(in, bios, why, n) : 0;

    uint64_t most = ram_size > KERNEL_FILE_MAX ? ram_size : KERNEL_FILE_MAX;
    int r = read_file(in, &in->kernel, kernel, "kernel", most, why, n);
    if (r != 0)
        return r;
    enum BootKind kind = boot_kernel_kind(in, why, n);
    if (kind == BOOT_UNKNOWN)
        return -EINVAL;
    if (initrd != NULL && kind != BOOT_BZIMAGE)
        r = open_modules(in, initrd, ram_size, why, n);
    else if (initrd != NULL) {
        in->module_count = 1;
        r = read_file(in, &in->module[0], initrd, "initial RAM disk", ram_size, why, n);
    }
    return r == 0 && bios != NULL ? boot_add_firmware(in, bios, why, n) : r;
}

int boot_open(struct BootInput *in, uint64_t ram_size, const char *kernel, const char *initrd, const char *append,
              const char *bios, char *why, size_t n) {
    *in = (struct BootInput){0};
    int r = open_files(in, ram_size, kernel, initrd, append, bios, why, n);
    if (r != 0)
        boot_close(in);
    return r;
}

void boot_use_embedded(struct BootInput *in) {
    in->firmware = (struct BootFile){.name = "embedded guest", .data = embedded_guest, .size = embedded_guest_size};
}
