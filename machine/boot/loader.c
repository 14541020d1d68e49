/* SPDX-License-Identifier: MIT */
#include "machine/boot/loader.h"

#include "base/bytes.h"
#include "base/why.h"
#include "machine/boot/elf.h"
#include "machine/boot/load_bzimage.h"
#include "machine/boot/load_firmware.h"
#include "machine/boot/load_multiboot.h"
#include "machine/boot/load_pvh.h"
#include "machine/boot/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

int loader_fail(struct Loader *l, const struct BootFile *file, int err, const char *format, ...) {
    va_list ap;
    bool named = file != NULL && file->name != NULL;
    why_set(l->why, l->why_size, 0, "%s%s", named ? file->name : "", named ? ": " : "");
    va_start(ap, format);
    why_addv(l->why, l->why_size, format, ap);
    va_end(ap);
    return err;
}

/* Below 1 MiB, where firmware would be if it ran: linkers put the file's headers there, a page below code at 1 MiB. The
 * first page holds the ACPI root pointer. */
static bool is_free_shadow(const struct Loader *l, uint64_t addr, uint64_t size) {
    uint64_t below = EXTENDED_MEMORY_BASE - addr;
    return l->plan == NULL && addr >= BIOS_AREA_BASE + 4096 && addr < EXTENDED_MEMORY_BASE &&
           (size <= below || e820_is_ram(&l->e820, EXTENDED_MEMORY_BASE, size - below));
}

static int check_ram(struct Loader *l, const struct BootFile *file, const char *what, uint64_t addr, uint64_t size) {
    bool free = e820_is_ram(&l->e820, addr, size) || is_free_shadow(l, addr, size);
    if (l->plan != NULL && free && (addr < PLAN_LOWEST || addr >= HIGH_RAM_BASE))
        return loader_fail(l, file, -ENOMEM,
                           "%s wants %" PRIx64 "h-%" PRIx64
                           "h, which the BIOS can't load; from %xh up to 4 GiB would be "
                           "right, or no BIOS (-machine kernel-firmware=off)",
                           what, addr, addr + size - 1, PLAN_LOWEST);
    if (free && bus_ram_ptr(l->bus, addr, size) != NULL)
        return 0;
    if (addr >= RAM_SIZE_MIN && (addr >= l->ram.below_4g || size > l->ram.below_4g - addr))
        return loader_fail(l, file, -ENOMEM,
                           "%s needs %" PRIu64 " KiB of memory at %" PRIx64 "h, and the guest has %" PRIu64
                           " MiB in all; give it more (-m)",
                           what, (size + 1023) / 1024, addr, l->in->ram_size >> 20);
    return loader_fail(l, file, -ENOMEM,
                       "%s wants %" PRIx64 "h-%" PRIx64 "h, which is not free for it; below %llxh and from 1 MiB up to "
                       "the ACPI tables at the end of memory would be right",
                       what, addr, addr + size - 1, EBDA_BASE);
}

static int write_down(struct Loader *l, uint64_t addr, const void *data, uint64_t size) {
    int r = plan_copy(l->plan, addr, data, size);
    return r != 0 ? loader_fail(l, NULL, r, "out of memory") : 0;
}

int loader_copy(struct Loader *l, const struct BootFile *file, const char *what, uint64_t addr, const void *data,
                uint64_t size) {
    int r = size == 0 ? 0 : check_ram(l, file, what, addr, size);

    if (r != 0 || size == 0)
        return r;
    if (l->plan != NULL)
        return write_down(l, addr, data, size);
    bus_write(l->bus, addr, data, size);
    return 0;
}

int loader_zero(struct Loader *l, const struct BootFile *file, const char *what, uint64_t addr, uint64_t size) {
    static const uint8_t zero[4096];
    int r = size == 0 ? 0 : check_ram(l, file, what, addr, size);

    if (r != 0 || size == 0)
        return r;
    if (l->plan != NULL)
        return write_down(l, addr, NULL, size);
    /* Only what is not zero yet: fresh memory shall stay untouched, since touching costs host memory. */
    for (uint64_t done = 0; done < size;) {
        uint64_t part = size - done < sizeof(zero) ? size - done : sizeof(zero);
        const void *host = bus_ram_ptr(l->bus, addr + done, part);

        if (host == NULL || memcmp(host, zero, part) != 0)
            bus_write(l->bus, addr + done, zero, part);
        done += part;
    }
    return 0;
}

int loader_reserve(struct Loader *l, const struct BootFile *file, const char *what, uint64_t size, uint64_t align,
                   uint64_t *addr) {
    if (l->cursor == 0)
        l->cursor = l->image_end > EXTENDED_MEMORY_BASE ? l->image_end : EXTENDED_MEMORY_BASE;

    uint64_t at = align_up(l->cursor, align);
    if (at + size > HIGH_RAM_BASE)
        return loader_fail(l, file, -ENOMEM, "%s does not fit behind the kernel, below 4 GiB", what);
    int r = size == 0 ? 0 : check_ram(l, file, what, at, size);
    if (r != 0)
        return r;
    *addr = at;
    l->cursor = at + size;
    return 0;
}

int loader_place(struct Loader *l, const struct BootFile *file, const char *what, const void *data, uint64_t size,
                 uint64_t align, uint64_t *addr) {
    int r = loader_reserve(l, file, what, size, align, addr);
    return r != 0 ? r : loader_copy(l, file, what, *addr, data, size);
}

static void set_segment(struct X86Segment *s, uint16_t selector, uint32_t ar, uint32_t limit) {
    *s = (struct X86Segment){.selector = selector, .ar = ar, .limit = limit, .base = 0};
}

static void enter_flat(struct Loader *l, uint64_t entry, uint64_t gdt_base, uint32_t code_size_bit) {
    CPUX86State *env = &l->env;
    const uint32_t common = AR_P | AR_S | AR_G | AR_ACCESSED;

    set_segment(&env->seg[SEG_CS], BOOT_CS, common | AR_CODE | AR_READABLE | code_size_bit, UINT32_MAX);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        if (i != SEG_CS)
            set_segment(&env->seg[i], BOOT_DS, common | AR_WRITABLE | AR_DB, UINT32_MAX);
    }
    set_segment(&env->tr, BOOT_TSS, AR_P | 0xb /* busy 32-bit TSS */, 0x67);
    set_segment(&env->ldt, 0, AR_UNUSABLE, 0);
    env->gdt = (struct X86Table){.base = gdt_base, .limit = BOOT_GDT_SIZE - 1};
    env->idt = (struct X86Table){.base = 0, .limit = 0}; /* nobody may take an interrupt before loading his own */
    memset(env->gpr, 0, sizeof(env->gpr));
    env->rip = entry;
    env->rflags = FLAG_ONE;
    env->cr0 = CR0_PE | CR0_ET;
    env->cr3 = env->cr4 = env->efer = 0;
}

void loader_enter32(struct Loader *l, uint32_t entry, uint64_t gdt_base) { enter_flat(l, entry, gdt_base, AR_DB); }

void loader_enter64(struct Loader *l, uint64_t entry, uint64_t gdt_base, uint64_t cr3) {
    enter_flat(l, entry, gdt_base, AR_L);
    l->env.cr0 |= CR0_PG;
    l->env.cr3 = cr3;
    l->env.cr4 = CR4_PAE;
    l->env.efer = EFER_LME | EFER_LMA;
}

void loader_fill_gdt(uint8_t gdt[BOOT_GDT_SIZE], bool code64) {
    memset(gdt, 0, BOOT_GDT_SIZE);
    put_le64(gdt + BOOT_CS, code64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff);
    put_le64(gdt + BOOT_DS, 0x00cf93000000ffff);
    put_le64(gdt + BOOT_TSS, 0x00008b0000000067); /* base 0, limit 67h, busy: what TR holds at entry */
}

int loader_load_elf(struct Loader *l, const struct BootFile *file, const struct Elf *elf) {
    char why[160];
    bool any = false;

    for (unsigned i = 0; i < elf->phnum; i++) {
        struct ElfSegment seg;
        if (elf_segment(elf, i, &seg, why, sizeof(why)) != 0)
            return loader_fail(l, file, -EINVAL, "%s", why);
        if (seg.type != ELF_PT_LOAD || seg.memsz == 0)
            continue;

        /* The sum first: filesz alone may fit where memsz does not. */
        int r = check_ram(l, file, "an ELF segment", seg.paddr, seg.memsz);
        if (r == 0)
            r = loader_copy(l, file, "an ELF segment", seg.paddr, elf->data + seg.offset, seg.filesz);
        if (r == 0)
            r = loader_zero(l, file, "an ELF segment", seg.paddr + seg.filesz, seg.memsz - seg.filesz);
        if (r != 0)
            return r;
        any = true;
        if (seg.paddr + seg.memsz > l->image_end)
            l->image_end = seg.paddr + seg.memsz;
    }
    if (!any)
        return loader_fail(l, file, -EINVAL, "ELF file has nothing to load; a linked kernel is needed");
    return 0;
}

/* ---- What is it? ---- */

const char *boot_kind_name(enum BootKind kind) {
    static const char *const name[] = {
        [BOOT_UNKNOWN] = "unknown",      [BOOT_BZIMAGE] = "Linux bzImage", [BOOT_MULTIBOOT] = "multiboot kernel",
        [BOOT_PVH] = "PVH kernel (ELF)", [BOOT_FIRMWARE] = "firmware ROM",
    };
    return name[kind];
}

/* What files that are not kernels look like, to tell the person what he gave. */
static const struct {
    const char *magic;
    uint16_t size, offset;
    const char *message;
} not_kernels[] = {
    {"\x1f\x8b", 2, 0, "is gzip-compressed; unpack it first (or did you mean -initrd?)"},
    {"\xfd"
     "7zXZ",
     5, 0, "is xz-compressed; unpack it first (or did you mean -initrd?)"},
    {"\x28\xb5\x2f\xfd", 4, 0, "is zstd-compressed; unpack it first (or did you mean -initrd?)"},
    {"BZh", 3, 0, "is bzip2-compressed; unpack it first (or did you mean -initrd?)"},
    {"07070", 5, 0, "is a cpio archive, not a kernel; did you mean -initrd?"},
    {"!<arch>\n", 8, 0, "is an archive (a .deb or a library), not a kernel; unpack it first"},
    {"#!", 2, 0, "is a script, not a kernel"},
    {"QFI\xfb", 4, 0, "is a qcow2 disk image, not a kernel"},
    {"\x55\xaa", 2, 510, "is a boot sector or disk image, not a kernel"},
};

static enum BootKind explain_unknown(struct Loader *l, const struct BootFile *k) {
    char why[200];
    if (multiboot_explain(k->data, k->size, why, sizeof(why))) {
        loader_fail(l, k, 0, "%s", why);
        return BOOT_UNKNOWN;
    }
    for (unsigned i = 0; i < sizeof(not_kernels) / sizeof(not_kernels[0]); i++) {
        if (range_within(not_kernels[i].offset, not_kernels[i].size, k->size) &&
            memcmp((const uint8_t *)k->data + not_kernels[i].offset, not_kernels[i].magic, not_kernels[i].size) == 0) {
            loader_fail(l, k, 0, "%s", not_kernels[i].message);
            return BOOT_UNKNOWN;
        }
    }
    loader_fail(l, k, 0,
                "is no kernel that is known here; a Linux bzImage, a multiboot kernel or an ELF kernel with a "
                "PVH note would be right");
    return BOOT_UNKNOWN;
}

static enum BootKind kernel_kind(struct Loader *l, const struct BootFile *k) {
    char why[160];
    struct Elf elf;
    uint32_t entry;

    if (k->size == 0) {
        loader_fail(l, k, 0, "is empty; a kernel image is needed");
        return BOOT_UNKNOWN;
    }
    if (bzimage_is(k->data, k->size))
        return BOOT_BZIMAGE;
    if (multiboot_is(k->data, k->size))
        return BOOT_MULTIBOOT;
    if (!elf_is(k->data, k->size))
        return explain_unknown(l, k);
    if (elf_open(&elf, k->data, k->size, why, sizeof(why)) != 0) {
        loader_fail(l, k, 0, "%s", why);
        return BOOT_UNKNOWN;
    }
    if (pvh_entry(&elf, &entry))
        return BOOT_PVH;
    if (multiboot_explain(k->data, k->size, why, sizeof(why)))
        return loader_fail(l, k, 0, "%s", why), BOOT_UNKNOWN;
    loader_fail(l, k, 0,
                "is an ELF file with neither a multiboot header in its first 8 KiB nor a PVH note; one of "
                "them must say how to start it (for Linux give the bzImage)");
    return BOOT_UNKNOWN;
}

static enum BootKind input_kind(struct Loader *l) {
    const struct BootInput *in = l->in;

    if (in->firmware.name != NULL && in->kernel.name != NULL && !in->after_firmware) {
        loader_fail(l, &in->kernel, 0, "a kernel and a firmware were both given; use -kernel or -bios");
        return BOOT_UNKNOWN;
    }
    if (in->firmware.name != NULL)
        return firmware_check(l) == 0 ? BOOT_FIRMWARE : BOOT_UNKNOWN;
    if (in->kernel.name != NULL)
        return kernel_kind(l, &in->kernel);
    loader_fail(l, NULL, 0, "nothing to boot; give -kernel or -bios");
    return BOOT_UNKNOWN;
}

static void loader_init(struct Loader *l, const struct BootInput *in, char *why, size_t n) {
    *l = (struct Loader){.in = in, .why = why, .why_size = n};
    if (n > 0)
        why[0] = '\0';
}

enum BootKind boot_kind(const struct BootInput *in, char *why, size_t n) {
    struct Loader l;

    loader_init(&l, in, why, n);
    return input_kind(&l);
}

enum BootKind boot_kernel_kind(const struct BootInput *in, char *why, size_t n) {
    struct Loader l;

    loader_init(&l, in, why, n);
    return kernel_kind(&l, &in->kernel);
}

unsigned boot_kernel_bits(const struct BootInput *in) {
    const struct BootFile *k = &in->kernel;
    char why[160];
    struct Elf elf;
    if (k->name == NULL)
        return 0;
    if (bzimage_is(k->data, k->size))
        return bzimage_bits(k->data, k->size);
    if (!elf_is(k->data, k->size) || elf_open(&elf, k->data, k->size, why, sizeof(why)) != 0)
        return 0;
    return elf.is64 ? 64 : 32;
}

int boot_map_firmware(const struct BootInput *in, struct Bus *bus, struct Region *rom, char *why, size_t n) {
    struct Loader l;

    memset(rom, 0, sizeof(*rom));
    loader_init(&l, in, why, n);
    l.bus = bus;
    return in->firmware.name == NULL ? 0 : firmware_map(&l, rom);
}

static int (*const load[])(struct Loader *) = {
    [BOOT_BZIMAGE] = bzimage_load,
    [BOOT_MULTIBOOT] = multiboot_load,
    [BOOT_PVH] = pvh_load,
    [BOOT_FIRMWARE] = firmware_load,
};

int boot_load(const struct BootInput *in, struct Bus *bus, CPUX86State *env, char *why, size_t n) {
    struct Loader l;

    loader_init(&l, in, why, n);
    l.bus = bus;
    l.env = *env;
    l.ram = ram_layout(in->ram_size);
    if (in->ram_size < RAM_SIZE_MIN)
        return loader_fail(&l, NULL, -EINVAL, "%" PRIu64 " KiB of memory are too little; 1 MiB is the least",
                           in->ram_size >> 10);
    e820_build(&l.e820, &l.ram, in->acpi_base, in->acpi_size);

    enum BootKind kind = input_kind(&l);
    if (kind == BOOT_UNKNOWN)
        return -EINVAL;
    int r = load[kind](&l);
    if (r == 0) {
        bus_set_a20(bus, true); /* every boot protocol here wants it, and the reset vector lies in odd megabytes */
        *env = l.env;
    }
    return r;
}

/* The loader's registers, for the ROM. A kernel that begins in real mode sets its entry itself (load_bzimage.c). */
static void write_down_entry(struct Loader *l) {
    const CPUX86State *env = &l->env;
    if (!(env->cr0 & CR0_PE))
        return;
    plan_set(l->plan, PLAN_MODE, PLAN_FLAT);
    plan_set(l->plan, PLAN_ENTRY, (uint32_t)env->rip);
    plan_set(l->plan, PLAN_EAX, (uint32_t)env->gpr[REG_AX]);
    plan_set(l->plan, PLAN_EBX, (uint32_t)env->gpr[REG_BX]);
    plan_set(l->plan, PLAN_GDTR, (uint32_t)env->gdt.limit | (uint32_t)env->gdt.base << 16);
    plan_set(l->plan, PLAN_GDTR + 4, (uint32_t)(env->gdt.base >> 16));
}

int boot_plan(const struct BootInput *in, struct Bus *bus, struct BootPlan *plan, char *why, size_t n) {
    struct Loader l;

    loader_init(&l, in, why, n);
    l.bus = bus;
    l.plan = plan;
    l.ram = ram_layout(in->ram_size);
    uint64_t low = l.ram.below_4g;
    if (low < 4 * EXTENDED_MEMORY_BASE)
        return loader_fail(&l, &in->kernel, -ENOMEM,
                           "%" PRIu64 " MiB of memory are too little to start a kernel after the BIOS; 4 MiB are the "
                           "least (-m)",
                           in->ram_size >> 20);
    e820_build(&l.e820, &l.ram, low - FIRMWARE_AREA_SIZE, FIRMWARE_AREA_SIZE);
    enum BootKind kind = kernel_kind(&l, &in->kernel);
    int r = kind == BOOT_UNKNOWN ? -EINVAL : load[kind](&l);
    if (r == 0)
        write_down_entry(&l);
    return r;
}
