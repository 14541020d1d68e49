/* SPDX-License-Identifier: MIT */
/* `twin86 doctor`, beside what engines say: what this host and this build have. */
#include "block/uring.h"
#include "machine/machine.h"
#include "net/user.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static void tell_processor(FILE *f) {
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "re");
    while (info != NULL && fgets(line, sizeof(line), info) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            fprintf(f, "processor:%s", strchr(line, ':') + 1);
            break;
        }
    if (info != NULL)
        fclose(info);
    struct utsname u;
    if (uname(&u) == 0)
        fprintf(f, "kernel: %s %s\n", u.sysname, u.release);
}

static void tell_sandbox(FILE *f) {
    char why[256];
    int r = sandbox_probe(why, sizeof(why));
    fprintf(f, "sandbox: %s%s\n", r == 0 ? "on by default, by seccomp filters (-sandbox)" : "off: ", r == 0 ? "" : why);
}

static void tell_uring(FILE *f) {
    int r = block_uring_probe();
    fprintf(f, "aio=io_uring: %s%s\n", r == 0 ? "usable" : "not usable: ", r == 0 ? "" : strerror(-r));
}

/* What configure found. */
#ifdef HAVE_JSON_C
#define JSON_C_THERE true
#else
#define JSON_C_THERE false
#endif
#ifdef HAVE_CAPSTONE
#define CAPSTONE_THERE true
#else
#define CAPSTONE_THERE false
#endif
#ifdef HAVE_ZLIB
#define ZLIB_THERE true
#else
#define ZLIB_THERE false
#endif
#ifdef HAVE_ZSTD
#define ZSTD_THERE true
#else
#define ZSTD_THERE false
#endif
#ifdef HAVE_LIBURING
#define LIBURING_THERE true
#else
#define LIBURING_THERE false
#endif
#ifdef HAVE_LIBNBD
#define LIBNBD_THERE true
#else
#define LIBNBD_THERE false
#endif

static void tell_libraries(FILE *f) {
    const struct {
        const char *name, *package, *gives;
        bool there;
    } libraries[] = {
        {"libseccomp", "libseccomp-dev", "the sandbox", sandbox_is_there()},
        {"libslirp", "libslirp-dev", "user networks", user_is_there()},
        {"libpng", "libpng-dev", "pictures of the screen as PNG", picture_png_is_there()},
        {"json-c", "libjson-c-dev", "QMP", JSON_C_THERE},
        {"capstone", "libcapstone-dev", "disassembly", CAPSTONE_THERE},
        {"zlib", "zlib1g-dev", "some compressed images", ZLIB_THERE},
        {"zstd", "libzstd-dev", "some compressed images", ZSTD_THERE},
        {"liburing", "liburing-dev", "aio=io_uring", LIBURING_THERE},
        {"libnbd", "libnbd-dev", "disks over NBD", LIBNBD_THERE},
    };
    enum { LIBRARIES = sizeof(libraries) / sizeof(libraries[0]) };
    fprintf(f, "libraries:");
    for (unsigned i = 0; i < LIBRARIES; i++)
        if (libraries[i].there)
            fprintf(f, " %s", libraries[i].name);
    fputc('\n', f);
    for (unsigned i = 0; i < LIBRARIES; i++)
        if (!libraries[i].there)
            fprintf(f, "  built without %s, so without %s; Debian's package %s brings it\n", libraries[i].name,
                    libraries[i].gives, libraries[i].package);
}

static void tell_firmware(FILE *f) {
    static const char *const names[] = {FIRMWARE_BIOS, "OVMF.fd", "OVMF_CODE_4M.fd"};
    struct Machine *none = calloc(1, sizeof(*none)); /* its configuration names no folders */
    char why[512];
    for (unsigned i = 0; none != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = firmware_find(none, names[i], why, sizeof(why));
        fprintf(f, "firmware %s: %s\n", names[i], path != NULL ? path : "not found; Debian's packages seabios, ovmf");
        free(path);
    }
    free(none);
}

void twin86_doctor_host(FILE *f) {
    tell_processor(f);
    tell_sandbox(f);
    tell_uring(f);
    tell_libraries(f);
    tell_firmware(f);
}
