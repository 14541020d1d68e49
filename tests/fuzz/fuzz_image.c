/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes qcow2: whatever the bytes of an image, and of the image behind it, opening must refuse them with one line, or
 * every operation must end, with data or with an error.
 *
 * With WITH_LIBFUZZER this is a libFuzzer target (see images.sh). Otherwise it is a plain program that mutates its own
 * seeds with a fixed random sequence, or replays the files it is given:
 *     fuzz_image [ROUNDS]        mutate the seeds
 *     fuzz_image --seeds DIR     write the seeds as files, for libFuzzer's corpus
 *     fuzz_image FILE...         replay
 *
 * An input's first 16 bytes choose what is done (see `operations`), the rest is the image.
 */
#include "block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HOW = 16, IMAGE_MOST = 1 << 20, IO_MOST = 256 * 1024, SPARSE_MOST = 64 << 20 };

static unsigned char buffer[IO_MOST];

static void give_up(const char *what) {
    fprintf(stderr, "fuzz_image: %s\n", what);
    abort();
}

static int memory_file(const void *data, size_t size, char path[40]) {
    int fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        give_up("no memory for an image");
    snprintf(path, 40, "/proc/self/fd/%d", fd);
    return fd;
}

/* An offset that is often near the beginning, the end, or a table's end. */
static uint64_t choose_offset(uint64_t size, unsigned char a, unsigned char b) {
    uint64_t parts = size / 256 * a + b * 512ull;
    return size == 0 ? 0 : a < 128 ? (a * 4096ull + b * 64ull) % size : parts % size;
}

static void operations(struct Block *b, const unsigned char *how) {
    for (int i = 0; i < 5; i++) {
        const unsigned char *h = how + 1 + 3 * i;
        enum BlockOp op = h[0] % BLOCK_OPS;
        uint64_t size = block_size(b), offset = choose_offset(size, h[1], h[2]),
                 bytes = (h[0] / BLOCK_OPS + 1ull) * 4096;
        /* Discards and zeroes may be large: what they cost must not depend on it. */
        if (op >= BLOCK_DISCARD && h[0] & 1)
            bytes *= 4096;
        else if (bytes > IO_MOST)
            bytes = IO_MOST;
        bytes = bytes < size - offset ? bytes : size - offset;
        int r = block_sync(b, op, offset, buffer, bytes);
        if (r > 0)
            give_up("a result above 0");
    }
}

static void use(struct Block *b, const unsigned char *how) {
    char why[BLOCK_WHY] = "";
    operations(b, how);
    uint64_t size = block_size(b);
    if (how[0] & 4 && !block_readonly(b) && size < SPARSE_MOST) {
        int r = block_resize(b, (size / 512 * (how[0] >> 4) / 5 + 1) * 512, why, sizeof(why));
        if (r != 0 && (why[0] == '\0' || strchr(why, '\n') != NULL))
            give_up("resizing has no line");
        operations(b, how);
    }
    struct BlockInfo info;
    for (unsigned depth = 0; block_info(b, depth, &info); depth++)
        if (depth > 1)
            give_up("more nodes than there are");
    block_close(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[BLOCK_WHY] = "", path[40], behind[40];
    struct Block *b = NULL;
    if (size <= HOW || size > IMAGE_MOST)
        return 0;
    int fd = memory_file(data + HOW, size - HOW, path), fd2 = memory_file(data + size / 2, size / 3, behind);
    struct BlockOptions backing = {.filename = behind, .format = "raw", .readonly = true};
    struct BlockOptions o = {.filename = path,
                             .format = "qcow2",
                             .readonly = data[0] & 1,
                             .no_backing = true,
                             .discard = BLOCK_DISCARD_UNMAP,
                             .backing = data[0] & 2 ? &backing : NULL};
    int r = block_open(&b, &o, NULL, why, sizeof(why));
    if (r != 0 && (r > 0 || why[0] == '\0' || strchr(why, '\n') != NULL))
        give_up("refused without a line");
    if (r == 0)
        use(b, data);
    close(fd);
    close(fd2);
    return 0;
}

#ifndef WITH_LIBFUZZER
/* ---- seeds ---- */

static void put(unsigned char *p, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0; value >>= 8)
        p[i] = (unsigned char)value;
}

enum { SEEDS = 4, SEED_CLUSTER = 512, SEED_SIZE = HOW + 16 * SEED_CLUSTER };

/* Header, refcount table, block, L1, L2, and data: one of each kind of entry. */
static void make_seed(int number, unsigned char *seed) {
    unsigned char *p = seed + HOW, *l2 = p + 4 * SEED_CLUSTER;
    memset(seed, 0, SEED_SIZE);
    for (int i = 0; i < HOW; i++)
        seed[i] = (unsigned char)(i * 37 * (number + 1));
    memcpy(p, "QFI\xfb", 4);
    put(p + 4, number == 1 ? 2 : 3, 4);
    put(p + 20, 9, 4);
    put(p + 24, 48 * 1024, 8);
    put(p + 36, 2, 4);
    put(p + 40, 3 * SEED_CLUSTER, 8);
    put(p + 48, SEED_CLUSTER, 8);
    put(p + 56, 1, 4);
    put(p + 72, number == 2 ? 8 : 0, 8);
    put(p + 96, number == 3 ? 0 : 4, 4);
    put(p + 100, number == 2 ? 112 : 104, 4);
    p[104] = number == 2;
    put(p + SEED_CLUSTER, 2 * SEED_CLUSTER, 8);
    for (unsigned i = 0; i < 8; i++)
        if (number == 3)
            p[2 * SEED_CLUSTER] |= (unsigned char)(1 << i);
        else
            put(p + 2 * SEED_CLUSTER + 2 * i, 1, 2);
    put(p + 3 * SEED_CLUSTER, 4 * SEED_CLUSTER | 1ull << 63, 8);
    put(l2, 5 * SEED_CLUSTER | 1ull << 63, 8);
    put(l2 + 8, number == 1 ? 0 : 1, 8);
    put(l2 + 16, number == 1 ? 0 : 6 * SEED_CLUSTER | 1ull << 63 | 1, 8);
    put(l2 + 24, 7 * SEED_CLUSTER | 1ull << 62, 8);
    memcpy(p + 7 * SEED_CLUSTER, "\x63\x60\xa0\x3d\x00\x00", 6); /* deflate: zeroes, cut short */
}

static int write_seeds(const char *dir) {
    unsigned char seed[SEED_SIZE];
    for (int i = 0; i < SEEDS; i++) {
        char path[256];
        make_seed(i, seed);
        snprintf(path, sizeof(path), "%s/seed%d", dir, i);
        FILE *f = fopen(path, "wb");
        if (f == NULL || fwrite(seed, SEED_SIZE, 1, f) != 1 || fclose(f) != 0)
            return 1;
    }
    return 0;
}

static void mutate(unsigned long rounds) {
    unsigned char seed[SEED_SIZE];
    uint64_t state = 88172645463325252ull;
    for (unsigned long n = 0; n < rounds; n++) {
        make_seed((int)(n % SEEDS), seed);
        for (unsigned changes = 1 + n % 6; changes > 0; changes--) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            unsigned at = (unsigned)(state >> 32) % 4 == 0 ? (unsigned)(state % SEED_SIZE) : (unsigned)(state % 128);
            at = (unsigned)(state >> 36) % 8 == 0 ? HOW + 4 * SEED_CLUSTER + (unsigned)(state % 64) : at;
            seed[at] =
                (state >> 40) % 3 ? (unsigned char)(state >> 48) : (unsigned char)(seed[at] ^ 1u << (state >> 50) % 8);
        }
        LLVMFuzzerTestOneInput(seed, SEED_SIZE);
    }
}

static void replay(const char *path) {
    static unsigned char data[HOW + IMAGE_MOST];
    FILE *f = fopen(path, "rb");
    if (f != NULL) {
        LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), f));
        fclose(f);
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);
    if (argc > 1 && strspn(argv[1], "0123456789") != strlen(argv[1])) {
        for (int i = 1; i < argc; i++)
            replay(argv[i]);
        return 0;
    }
    mutate(argc > 1 ? strtoul(argv[1], NULL, 10) : 20000);
    printf("1 passed, 0 failed, 0 skipped\n");
    return 0;
}
#endif
