/* SPDX-License-Identifier: MIT */
/**
 * Booting: from a kernel, initial RAM disk and command line, or a firmware ROM, to a machine ready to execute its
 * first instruction.
 *
 * Use: boot_open() once reads the files and finds out what they are. boot_map_firmware() once, after RAM is mapped,
 * maps a firmware ROM. boot_load() after every machine reset (cpu_reset done, RAM mapped, ACPI tables written) puts
 * the images into RAM and sets the bootstrap processor's registers.
 *
 * Every failure returns -errno (-EINVAL, -ENOMEM, -ENOENT...) and one line for the person:
 * "FILE: what is wrong; what would be right". Images are untrusted bytes; nothing is assumed about them.
 */
#ifndef TWIN86_MACHINE_BOOT_H
#define TWIN86_MACHINE_BOOT_H

#include "cpu/env.h"
#include "machine/boot/e820.h"
#include "memory/bus.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What `-kernel` or `-bios` turned out to be. */
enum BootKind {
    BOOT_UNKNOWN,
    BOOT_BZIMAGE,
    BOOT_MULTIBOOT,
    BOOT_PVH,
    BOOT_FIRMWARE,
};

enum {
    BOOT_MODULE_MAX = 32,
    BOOT_ROM_MAX = 16 << 20, /* bytes of a firmware ROM */
};

/** One file's bytes. `data` is not owned when the caller made the struct by hand (tests, fuzzers). */
struct BootFile {
    const char *name; /* for messages; NULL: no such file */
    const void *data;
    size_t size;
    const char *args; /* module command line ("" if none); initrd and modules only */
};

/** Everything a loader needs. Zero-initialise, then fill what applies. */
struct BootInput {
    /* files: filled by boot_open, or by hand */
    struct BootFile kernel;                  /* -kernel */
    struct BootFile firmware;                /* -bios, or the embedded guest */
    struct BootFile module[BOOT_MODULE_MAX]; /* -initrd: [0] is the initial RAM disk; multiboot and PVH take several */
    unsigned module_count;
    const char *cmdline; /* -append; NULL means "" */

    bool after_firmware; /* the kernel is started by the firmware: see boot_plan */

    /* the machine */
    uint64_t ram_size;             /* bytes; must be mapped as ram_layout(ram_size) says */
    uint64_t acpi_base, acpi_size; /* ACPI tables within low RAM (see ram_acpi_base); size 0: none */
    uint64_t rsdp;                 /* guest-physical address of the RSDP; 0: none */
    bool long_mode;                /* the CPU model has CPUID LM */

    void *owned; /* boot_open's */
};

/**
 * Read the files named on the command line. Any name may be NULL. `initrd` is one file name for Linux and
 * "file args,file2 args" for multiboot and PVH kernels (a doubled comma stands for one comma). `append` without
 * `kernel`, `initrd` without `kernel`, and `kernel` with `bios` are refused, and so are files that are too large for
 * what they are: modules together for `ram_size`. With all NULL the result is empty (the caller then uses the embedded
 * guest, see boot_use_embedded). Strings must outlive `in`. Returns 0 or -errno.
 */
int boot_open(struct BootInput *in, uint64_t ram_size, const char *kernel, const char *initrd, const char *append,
              const char *bios, char *why, size_t n);
/** Free what boot_open read. Safe on a zeroed struct. */
void boot_close(struct BootInput *in);

/** Make the embedded guest the firmware of `in`. */
void boot_use_embedded(struct BootInput *in);

/** What `in` holds, by content. BOOT_UNKNOWN, with `why` filled, if it is nothing that can be booted. */
enum BootKind boot_kind(const struct BootInput *in, char *why, size_t n);
/** "Linux bzImage", "multiboot kernel"... */
const char *boot_kind_name(enum BootKind kind);

/** Whether the kernel is made of 64-bit or of 32-bit code, by its ELF class or, of a bzImage, by its entry points,
 * whatever mode it begins in; 0: there is none, or it does not tell. */
unsigned boot_kernel_bits(const struct BootInput *in);

/**
 * With a firmware: make *rom and map it so that it ends at 4 GiB. The caller keeps *rom as long as the bus and
 * destroys it with region_destroy. Without a firmware: does nothing (*rom zeroed, region_destroy not needed).
 */
int boot_map_firmware(const struct BootInput *in, struct Bus *bus, struct Region *rom, char *why, size_t n);

/**
 * Put images into RAM and set `env` (fresh from cpu_reset) for the first instruction. With a firmware: leaves `env` at
 * the reset vector. Returns 0 or -errno; on failure RAM may have been written, `env` not.
 */
int boot_load(const struct BootInput *in, struct Bus *bus, CPUX86State *env, char *why, size_t n);

/** As boot_kind, of the kernel alone. There is one. */
enum BootKind boot_kernel_kind(const struct BootInput *in, char *why, size_t n);

/**
 * With in->after_firmware: write down in `plan` (plan_init done, its sources told) how the kernel is put into RAM and
 * started; nothing is put there. 0 or -errno.
 */
struct BootPlan;
int boot_plan(const struct BootInput *in, struct Bus *bus, struct BootPlan *plan, char *why, size_t n);

/** Read the firmware ROM that is to start the kernel. 0 or -errno. */
int boot_add_firmware(struct BootInput *in, const char *bios, char *why, size_t n);

/** The guest built into the binary (machine/guest/): a 64 KiB firmware image. */
extern const unsigned char embedded_guest[];
extern const size_t embedded_guest_size;

#endif
