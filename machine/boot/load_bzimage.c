/* SPDX-License-Identifier: MIT */
#include "machine/boot/load_bzimage.h"

#include "base/bytes.h"
#include "machine/boot/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Offsets of the setup header, the same in the file and in boot_params. */
enum {
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_VID_MODE = 0x1fa,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP = 0x200, /* a short jump over the header: its displacement tells where the header ends */
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_LOADER_TYPE = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_HEAP_END_PTR = 0x224,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c, /* 2.03 */
    HDR_ALIGNMENT = 0x230,       /* 2.05 */
    HDR_RELOCATABLE = 0x234,     /* 2.05 */
    HDR_XLOADFLAGS = 0x236,      /* 2.12 */
    HDR_CMDLINE_SIZE = 0x238,    /* 2.06 */
    HDR_PREF_ADDRESS = 0x258,    /* 2.10 */
    HDR_INIT_SIZE = 0x260,       /* 2.10 */
    HDR_END_MIN = 0x22c,         /* protocol 2.02 */
    HDR_END_MAX = 0x290,         /* room for it in boot_params */
};

/* Offsets in boot_params. */
enum {
    BP_ACPI_RSDP = 0x070,
    BP_EXT_RAMDISK_IMAGE = 0x0c0,
    BP_EXT_RAMDISK_SIZE = 0x0c4,
    BP_E820_ENTRIES = 0x1e8,
    BP_E820_TABLE = 0x2d0,
    BP_E820_ENTRY_SIZE = 20,
    BP_SIZE = 4096,
};

enum {
    LOADFLAG_LOADED_HIGH = 1 << 0,
    LOADFLAG_CAN_USE_HEAP = 1 << 7,
    XLF_KERNEL_64 = 1 << 0,
    XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1,
    LOADER_UNDEFINED = 0xff,
    ENTRY64_OFFSET = 0x200,
};

/* Where things go in low memory: above the real-mode areas, below the EBDA. */
enum {
    AT_BOOT_PARAMS = 0x10000,
    AT_PAGE_TABLES = 0x11000, /* one PML4, one PDPT, four PDs */
    AT_GDT = 0x17000,
    AT_STACK_TOP = 0x1fff0,
    AT_CMDLINE = 0x20000,
    CMDLINE_ROOM = 0x10000,
};

/* After a BIOS the kernel begins in real mode: its setup code lies where the parameters would, below heap and stack. */
enum {
    REAL_SEGMENT = AT_BOOT_PARAMS >> 4,
    REAL_ENTRY = 0x20, /* paragraphs behind it: the setup code is entered at its second sector */
    REAL_HEAP_END = 0xe000,
    REAL_SETUP_MOST = 0x8000, /* as the protocol has it */
    HEAP_END_BIAS = 0x200,
};

/* The setup header, decoded. Fields that the protocol version lacks have the documented defaults. */
struct Setup {
    const uint8_t *file;
    uint16_t version;
    uint64_t setup_size; /* boot sector and real-mode code */
    uint64_t code_size;  /* the protected-mode kernel behind it */
    uint64_t header_end;
    uint64_t initrd_max; /* highest byte an initrd may occupy */
    uint64_t cmdline_max;
    uint64_t alignment;
    uint64_t pref_address, init_size;
    uint16_t xloadflags;
    bool relocatable;
    uint64_t load_addr;
};

bool bzimage_is(const void *data, size_t size) {
    const uint8_t *d = data;
    return size >= HDR_VERSION && get_le16(d + HDR_BOOT_FLAG) == 0xaa55 && memcmp(d + HDR_MAGIC, "HdrS", 4) == 0;
}

unsigned bzimage_bits(const void *data, size_t size) {
    const uint8_t *d = data;
    if (size < HDR_END_MAX || get_le16(d + HDR_VERSION) < 0x20c)
        return 32;
    return get_le16(d + HDR_XLOADFLAGS) & XLF_KERNEL_64 ? 64 : 32;
}

uint64_t bzimage_setup_size(const void *data, size_t size) {
    const uint8_t *d = data;
    uint64_t sectors = d[HDR_SETUP_SECTS] != 0 ? d[HDR_SETUP_SECTS] : 4, bytes = (sectors + 1) * 512;
    return bytes < size ? bytes : size;
}

static int check_header(struct Loader *l, struct Setup *s) {
    const struct BootFile *k = &l->in->kernel;
    const uint8_t *d = s->file;

    if (k->size < HDR_END_MAX)
        return loader_fail(l, k, -EINVAL, "bzImage cut off within its header (%zu bytes); a whole file is needed",
                           k->size);
    s->version = get_le16(d + HDR_VERSION);
    if (s->version < 0x202)
        return loader_fail(l, k, -EINVAL, "Linux boot protocol %u.%02u is too old; 2.02 or later is needed",
                           s->version >> 8, s->version & 0xff);
    s->header_end = HDR_MAGIC + d[HDR_JUMP + 1];
    if (d[HDR_JUMP] != 0xeb || s->header_end < HDR_END_MIN || s->header_end > HDR_END_MAX)
        return loader_fail(l, k, -EINVAL,
                           "bzImage header has a wrong length (ends at %" PRIx64 "h); the file is "
                           "corrupted",
                           s->header_end);
    if (!(d[HDR_LOADFLAGS] & LOADFLAG_LOADED_HIGH))
        return loader_fail(l, k, -EINVAL, "is a zImage, which loads below 1 MiB; a bzImage would be right");
    return 0;
}

static int check_size(struct Loader *l, struct Setup *s) {
    const struct BootFile *k = &l->in->kernel;

    s->setup_size = bzimage_setup_size(s->file, k->size);
    /* Before 2.04 only the low half of syssize was defined. */
    uint32_t paragraphs = get_le32(s->file + HDR_SYSSIZE);
    if (s->version < 0x204)
        paragraphs &= 0xffff;
    uint64_t code_size = (uint64_t)paragraphs * 16;

    if (k->size <= s->setup_size || (s->version >= 0x204 && code_size > k->size - s->setup_size + 15))
        return loader_fail(l, k, -EINVAL,
                           "bzImage is cut off or its header is corrupted: it has %zu bytes, and the header promises "
                           "%" PRIu64,
                           k->size, s->setup_size + code_size);
    s->code_size = k->size - s->setup_size;
    if (s->version >= 0x204 && paragraphs == 0)
        return loader_fail(l, k, -EINVAL, "bzImage header says that the kernel has no code; the file is corrupted");
    return 0;
}

static int read_header(struct Loader *l, struct Setup *s) {
    const struct BootFile *k = &l->in->kernel;
    const uint8_t *d = k->data;

    *s = (struct Setup){.file = d, .initrd_max = 0x37ffffff, .cmdline_max = 255, .alignment = 1};
    int r = check_header(l, s);
    if (r == 0)
        r = check_size(l, s);
    if (r != 0)
        return r;

    if (s->version >= 0x203)
        s->initrd_max = get_le32(d + HDR_INITRD_ADDR_MAX);
    if (s->version >= 0x205 && d[HDR_RELOCATABLE] != 0) {
        s->relocatable = true;
        s->alignment = get_le32(d + HDR_ALIGNMENT);
        if (s->alignment == 0 || (s->alignment & (s->alignment - 1)) != 0)
            return loader_fail(l, k, -EINVAL,
                               "bzImage header wants an alignment of %" PRIx64 "h, no power of two; the "
                               "file is corrupted",
                               s->alignment);
    }
    if (s->version >= 0x206)
        s->cmdline_max = get_le32(d + HDR_CMDLINE_SIZE);
    if (s->version >= 0x20a) {
        s->pref_address = get_le64(d + HDR_PREF_ADDRESS);
        s->init_size = get_le32(d + HDR_INIT_SIZE);
    }
    if (s->version >= 0x20c)
        s->xloadflags = get_le16(d + HDR_XLOADFLAGS);
    return 0;
}

/* The kernel asks for init_size bytes from where it runs, which is its own size at least. */
static int choose_load_address(struct Loader *l, struct Setup *s) {
    uint64_t size = s->code_size > s->init_size ? s->code_size : s->init_size;
    uint64_t candidate[2] = {s->pref_address, align_up(EXTENDED_MEMORY_BASE, s->alignment)};

    for (unsigned i = 0; i < 2; i++) {
        bool wanted = i == 0 ? s->pref_address != 0 : s->relocatable || s->pref_address == 0;
        if (!wanted || candidate[i] < EXTENDED_MEMORY_BASE || candidate[i] >= UINT32_MAX)
            continue;
        if (e820_is_ram(&l->e820, candidate[i], size)) {
            s->load_addr = candidate[i];
            l->image_end = candidate[i] + size;
            return 0;
        }
    }
    return loader_fail(l, &l->in->kernel, -ENOMEM,
                       "this kernel needs %" PRIu64 " MiB of memory from address %" PRIx64 "h on to start, and the "
                       "guest has %" PRIu64 " MiB in all; give it more (-m)",
                       (size + 0xfffff) >> 20, candidate[s->pref_address == 0], l->in->ram_size >> 20);
}

/* Formats that the kernel can unpack or mount as an initial RAM disk. */
static bool is_initrd(const uint8_t *d, size_t size) {
    static const struct {
        const char *magic;
        uint8_t size;
        uint16_t offset;
    } known[] = {
        {"07070", 5, 0},            /* cpio: newc, crc, odc */
        {"\x1f\x8b", 2, 0},         /* gzip */
        {"\x1f\x9e", 2, 0},         /* gzip, old */
        {"\x42\x5a\x68", 3, 0},     /* bzip2 */
        {"\x5d\x00\x00", 3, 0},     /* lzma */
        {"\xfd\x37\x7a\x58", 4, 0}, /* xz */
        {"\x89\x4c\x5a\x4f", 4, 0}, /* lzo */
        {"\x02\x21\x4c\x18", 4, 0}, /* lz4 */
        {"\x04\x22\x4d\x18", 4, 0}, /* lz4 frame */
        {"\x28\xb5\x2f\xfd", 4, 0}, /* zstd */
        {"-rom1fs-", 8, 0},
        {"hsqs", 4, 0},
        {"\x45\x3d\xcd\x28", 4, 0}, /* cramfs */
        {"\x53\xef", 2, 0x438},     /* ext2 */
        {"\x7f\x13", 2, 0x410},     /* minix */
    };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (range_within(known[i].offset, known[i].size, size) &&
            memcmp(d + known[i].offset, known[i].magic, known[i].size) == 0)
            return true;
    }
    return false;
}

static int check_initrd(struct Loader *l, const struct BootFile *f) {
    if (l->in->module_count > 1)
        return loader_fail(l, f, -EINVAL, "Linux takes one initial RAM disk, and %u were given; join them with cat",
                           l->in->module_count);
    if (f->size == 0)
        return loader_fail(l, f, -EINVAL, "is empty; a cpio archive, compressed or not, is needed");
    if (!is_initrd(f->data, f->size))
        return loader_fail(l, f, -EINVAL,
                           "is no initial RAM disk; a cpio archive (gzip, xz, zstd, lz4... compressed "
                           "or not) or a file system image would be right");
    return 0;
}

static int load_initrd(struct Loader *l, const struct Setup *s, bool entry64, uint8_t *params) {
    const struct BootFile *f = &l->in->module[0];
    if (l->in->module_count == 0)
        return 0;
    int r = check_initrd(l, f);
    if (r != 0)
        return r;

    uint64_t addr = e820_find_top(&l->e820, f->size, l->image_end, s->initrd_max + 1);
    if (addr == 0 && entry64 && (s->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G))
        addr = e820_find_top(&l->e820, f->size, l->image_end, UINT64_MAX);
    if (addr == 0)
        return loader_fail(l, f, -ENOMEM,
                           "%zu KiB do not fit into memory beside the kernel (%" PRIu64 " MiB in all, "
                           "initial RAM disk below %" PRIx64 "h); give the guest more (-m)",
                           f->size / 1024, l->in->ram_size >> 20, s->initrd_max + 1);
    put_le32(params + HDR_RAMDISK_IMAGE, (uint32_t)addr);
    put_le32(params + HDR_RAMDISK_SIZE, (uint32_t)f->size);
    put_le32(params + BP_EXT_RAMDISK_IMAGE, (uint32_t)(addr >> 32));
    put_le32(params + BP_EXT_RAMDISK_SIZE, (uint32_t)((uint64_t)f->size >> 32));
    return loader_copy(l, f, "the initial RAM disk", addr, f->data, f->size);
}

static int load_cmdline(struct Loader *l, const struct Setup *s, uint8_t *params) {
    const char *cmdline = l->in->cmdline != NULL ? l->in->cmdline : "";
    size_t length = strlen(cmdline);
    uint64_t max = s->cmdline_max < CMDLINE_ROOM ? s->cmdline_max : CMDLINE_ROOM - 1;

    if (length > max)
        return loader_fail(l, &l->in->kernel, -EINVAL,
                           "the command line has %zu bytes, and this kernel takes %" PRIu64 " at most; shorten -append",
                           length, max);
    put_le32(params + HDR_CMD_LINE_PTR, AT_CMDLINE);
    return loader_copy(l, &l->in->kernel, "the command line", AT_CMDLINE, cmdline, length + 1);
}

static void fill_params(struct Loader *l, const struct Setup *s, uint8_t *params) {
    memcpy(params + HDR_SETUP_SECTS, s->file + HDR_SETUP_SECTS, s->header_end - HDR_SETUP_SECTS);
    params[HDR_LOADER_TYPE] = LOADER_UNDEFINED;
    put_le16(params + HDR_VID_MODE, 0xffff); /* "normal" */
    put_le64(params + BP_ACPI_RSDP, l->in->rsdp);
    params[BP_E820_ENTRIES] = (uint8_t)l->e820.count;
    for (unsigned i = 0; i < l->e820.count; i++) {
        uint8_t *e = params + BP_E820_TABLE + i * BP_E820_ENTRY_SIZE;
        put_le64(e, l->e820.entry[i].addr);
        put_le64(e + 8, l->e820.entry[i].size);
        put_le32(e + 16, l->e820.entry[i].type);
    }
}

/* The 64-bit entry wants memory mapped one to one: 4 GiB in 2 MiB pages. */
static int write_page_tables(struct Loader *l) {
    enum { PAGE = 4096, COUNT = 6, PRESENT_WRITABLE = 3, LARGE = 0x80 };
    uint8_t table[COUNT * PAGE] = {0};

    put_le64(table, (AT_PAGE_TABLES + PAGE) | PRESENT_WRITABLE);
    for (unsigned i = 0; i < 4; i++)
        put_le64(table + PAGE + i * 8, (AT_PAGE_TABLES + (2 + i) * PAGE) | PRESENT_WRITABLE);
    for (uint64_t i = 0; i < 4 * 512; i++)
        put_le64(table + 2 * PAGE + i * 8, i << 21 | LARGE | PRESENT_WRITABLE);
    return loader_copy(l, &l->in->kernel, "the first page tables", AT_PAGE_TABLES, table, sizeof(table));
}

/* Where the kernel enters with long mode or protected mode at once, its parameters made here. */
static int start_protected(struct Loader *l, const struct Setup *s, bool entry64, const uint8_t params[BP_SIZE]) {
    const struct BootFile *k = &l->in->kernel;
    uint8_t gdt[BOOT_GDT_SIZE];
    int r = loader_copy(l, k, "the boot parameters", AT_BOOT_PARAMS, params, BP_SIZE);

    loader_fill_gdt(gdt, entry64);
    if (r != 0 || (r = loader_copy(l, k, "the first GDT", AT_GDT, gdt, sizeof(gdt))) != 0 ||
        (entry64 && (r = write_page_tables(l)) != 0))
        return r;
    if (entry64)
        loader_enter64(l, s->load_addr + ENTRY64_OFFSET, AT_GDT, AT_PAGE_TABLES);
    else
        loader_enter32(l, (uint32_t)s->load_addr, AT_GDT);
    l->env.gpr[REG_SI] = AT_BOOT_PARAMS;
    l->env.gpr[REG_SP] = AT_STACK_TOP;
    return 0;
}

/* Where a BIOS runs: the kernel's own real-mode code asks it. Of `params` the header is of interest. */
static int start_real(struct Loader *l, const struct Setup *s, uint8_t params[BP_SIZE]) {
    const struct BootFile *k = &l->in->kernel;

    if (s->setup_size > REAL_SETUP_MOST)
        return loader_fail(l, k, -EINVAL, "bzImage has %" PRIu64 " bytes of real-mode code; %d are the most",
                           s->setup_size, REAL_SETUP_MOST);
    params[HDR_LOADFLAGS] |= LOADFLAG_CAN_USE_HEAP;
    put_le16(params + HDR_HEAP_END_PTR, REAL_HEAP_END - HEAP_END_BIAS);
    put_le32(params + HDR_CODE32_START, (uint32_t)s->load_addr);
    int r = loader_copy(l, k, "the setup code", AT_BOOT_PARAMS, s->file, s->setup_size);
    if (r == 0)
        r = loader_copy(l, k, "the setup header", AT_BOOT_PARAMS + HDR_SETUP_SECTS, params + HDR_SETUP_SECTS,
                        s->header_end - HDR_SETUP_SECTS);
    plan_set(l->plan, PLAN_MODE, PLAN_REAL);
    plan_set(l->plan, PLAN_ENTRY, (uint32_t)(REAL_SEGMENT + REAL_ENTRY) << 16);
    plan_set(l->plan, PLAN_STACK, (uint32_t)REAL_SEGMENT << 16 | REAL_HEAP_END);
    return r;
}

int bzimage_load(struct Loader *l) {
    const struct BootFile *k = &l->in->kernel;
    uint8_t params[BP_SIZE] = {0};
    struct Setup s;

    int r = read_header(l, &s);
    if (r != 0)
        return r;
    bool entry64 = (s.xloadflags & XLF_KERNEL_64) != 0;
    if (entry64 && !l->in->long_mode)
        return loader_fail(l, k, -EINVAL,
                           "is a 64-bit kernel, and this CPU model is 32-bit; choose another -cpu or a "
                           "32-bit kernel");
    if (entry64 && s.code_size <= ENTRY64_OFFSET)
        return loader_fail(l, k, -EINVAL, "bzImage is too short for its 64-bit entry; the file is corrupted");

    fill_params(l, &s, params);
    if ((r = choose_load_address(l, &s)) != 0 || (r = load_cmdline(l, &s, params)) != 0 ||
        (r = load_initrd(l, &s, entry64 && l->plan == NULL, params)) != 0 ||
        (r = loader_copy(l, k, "the kernel", s.load_addr, s.file + s.setup_size, s.code_size)) != 0)
        return r;
    return l->plan != NULL ? start_real(l, &s, params) : start_protected(l, &s, entry64, params);
}
