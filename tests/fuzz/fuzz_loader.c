/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the boot loaders: whatever the bytes of a kernel, RAM disk or ROM are, boot_load() must either load them or
 * refuse them with one line of text.
 *
 * With WITH_LIBFUZZER this is a libFuzzer target (see loaders.sh). Otherwise it is a plain program that mutates its own
 * seeds with a fixed random sequence (so a failure can be repeated), or replays the files it is given:
 *     fuzz_loader [ROUNDS]        mutate the seeds, 200000 rounds unless told
 *     fuzz_loader --seeds DIR     write the seeds as files, for libFuzzer's corpus
 *     fuzz_loader FILE...         replay
 *
 * An input's first byte chooses what the rest is: bits 0-1: kernel, kernel with the RAM disk behind it, firmware,
 * kernel with two modules; bit 2: no long mode; bit 3: 4 MiB of memory instead of 32; bit 4: the kernel is to start
 * after firmware.
 */
#include "base/bytes.h"
#include "machine/boot/plan.h"
#include "tests/unit/machine/boot_images.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)
#define UNTOUCHED 0xdeadbeefdeadbeefull /* no loader can enter here */

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Region ram;
};

static struct Bench *bench(uint64_t size) {
    struct Bench *b = calloc(1, sizeof(*b));

    if (b != NULL)
        bus_lock_init(&b->lock);
    if (b == NULL || (b->bus = bus_new(&b->lock)) == NULL || region_init_ram(&b->ram, "ram", size) != 0 ||
        bus_map(b->bus, 0, &b->ram) != 0) {
        fprintf(stderr, "fuzz_loader: can't make the memory\n");
        exit(1);
    }
    return b;
}

static void check_result(int r, const char *why, const CPUX86State *env) {
    bool line = why[0] != '\0' && strchr(why, '\n') == NULL;

    if ((r == 0 && env->rip == UNTOUCHED) || (r != 0 && (env->rip != UNTOUCHED || !line || r > 0))) {
        fprintf(stderr, "fuzz_loader: result %d, message \"%s\", rip %llx\n", r, why, (unsigned long long)env->rip);
        abort();
    }
}

/* A plan has its steps in the memory that there is, or there is a line that says why not. */
static void make_plan(const struct BootInput *in, struct Bus *bus) {
    struct BootPlan plan;
    char why[256];
    if (plan_init(&plan) != 0)
        return;
    plan_add_source(&plan, 1, in->kernel.data, in->kernel.size);
    int r = boot_plan(in, bus, &plan, why, sizeof(why));
    bool good = r == 0 || (r < 0 && why[0] != '\0' && strchr(why, '\n') == NULL);
    for (size_t i = 0; i < plan.steps; i++) {
        const uint8_t *step = plan.bytes + PLAN_STEPS_AT + i * STEP_SIZE;
        uint64_t to = get_le32(step + STEP_TO), size = get_le32(step + STEP_LENGTH);
        good = good && to >= PLAN_LOWEST && to + size <= in->ram_size;
    }
    if (!good) {
        fprintf(stderr, "fuzz_loader: plan: result %d, message \"%s\"\n", r, why);
        abort();
    }
    plan_free(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *large, *small;
    struct BootInput in = {.cmdline = "fuzz"};
    CPUX86State env = {.rip = UNTOUCHED};
    char why[256];

    if (large == NULL) {
        large = bench(32 * MIB);
        small = bench(4 * MIB);
    }
    if (size == 0)
        return 0;
    uint8_t how = data[0];
    struct BootFile file = {.name = "file", .data = data + 1, .size = size - 1, .args = "args"};
    struct Bench *b = how & 8 ? small : large;

    in.ram_size = b->ram.size;
    in.long_mode = !(how & 4);
    in.acpi_base = in.ram_size - ACPI_AREA_SIZE;
    in.acpi_size = ACPI_AREA_SIZE;
    switch (how & 3) {
    case 2: in.firmware = file; break;
    case 3:
        in.module[1] = in.module[0] = file;
        in.module_count = 2;
        in.kernel = file;
        break;
    case 1:
        in.module[0] = file;
        in.module[0].data = data + 1 + (size - 1) / 2;
        in.module[0].size = size - 1 - (size - 1) / 2;
        in.module_count = 1;
        in.kernel = file;
        break;
    default: in.kernel = file;
    }
    if (how & 16 && in.kernel.name != NULL) {
        make_plan(&in, b->bus);
        return 0;
    }
    int r = boot_load(&in, b->bus, &env, why, sizeof(why));
    if (in.firmware.name == NULL)
        check_result(r, why, &env);
    return 0;
}

#ifndef WITH_LIBFUZZER
/* ---- The plain program ---- */

enum { SEED_COUNT = 16, MUTATED_MAX = 1 << 17 };

static struct Image prefixed(uint8_t how, struct Image image) {
    struct Image i = {malloc(image.size + 1), image.size + 1};

    if (i.data == NULL)
        exit(1);
    i.data[0] = how;
    memcpy(i.data + 1, image.data, image.size);
    free(image.data);
    return i;
}

static void make_seeds(struct Image seed[SEED_COUNT]) {
    unsigned n = 0;

    seed[n++] = prefixed(0, image_bzimage(true, 4096));
    seed[n++] = prefixed(4, image_bzimage(false, 4096));
    seed[n++] = prefixed(1, image_bzimage(true, 4096));
    memcpy(seed[n - 1].data + 1 + (seed[n - 1].size - 1) / 2, "070701", 6);
    seed[n++] = prefixed(8, image_bzimage(true, 1024));
    seed[n++] = prefixed(0, image_elf(false, true, false, 2 * MIB, 0xc0200000));
    seed[n++] = prefixed(3, image_elf(false, true, false, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(0, image_elf(true, true, false, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(0, image_elf(false, false, true, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(3, image_elf(true, false, true, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(0, image_multiboot_flat(MIB));
    seed[n++] = prefixed(3, image_multiboot_flat(2 * MIB));
    seed[n++] = prefixed(2, image_firmware());
    seed[n++] = prefixed(16, image_bzimage(true, 4096));
    seed[n++] = prefixed(19, image_elf(true, true, false, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(16 + 8, image_elf(false, false, true, 2 * MIB, 2 * MIB));
    seed[n++] = prefixed(16, image_multiboot_flat(2 * MIB));
}

/* xorshift64*: the same sequence everywhere. */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* Headers lie in the first KiB: most changes go there. Interesting values are those at the edges of ranges. */
static void mutate(uint8_t *data, size_t *size, uint64_t *rng) {
    static const uint64_t edge[] = {0,
                                    1,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xfffffff0,
                                    0xffffffff,
                                    0x7fffffffffffffff,
                                    UINT64_MAX - 4095,
                                    UINT64_MAX};
    unsigned count = 1 + next_random(rng) % 4;

    while (count-- > 0 && *size > 0) {
        uint64_t r = next_random(rng);
        size_t at = (r >> 8) % (r & 1 && *size > 1024 ? 1024 : *size);
        unsigned width = 1u << (r >> 4) % 4;
        uint64_t value = r & 2 ? edge[next_random(rng) % (sizeof(edge) / sizeof(edge[0]))] : next_random(rng);

        if (*size - at >= width)
            memcpy(data + at, &value, width);
        if (r % 64 == 5)
            *size = at;
    }
}

static int run_mutations(unsigned long rounds) {
    struct Image seed[SEED_COUNT];
    uint64_t rng = 0x7477696e38366c64;

    make_seeds(seed);
    for (unsigned long i = 0; i < rounds; i++) {
        const struct Image *s = &seed[i % SEED_COUNT];
        size_t size = s->size;
        /* An exact copy, so that memory checkers see a read one byte too far. */
        uint8_t *data = malloc(size);

        if (data == NULL)
            return 1;
        memcpy(data, s->data, size);
        mutate(data, &size, &rng);
        uint8_t *exact = realloc(data, size != 0 ? size : 1);
        LLVMFuzzerTestOneInput(exact != NULL ? exact : data, size);
        free(exact != NULL ? exact : data);
    }
    for (unsigned i = 0; i < SEED_COUNT; i++)
        free(seed[i].data);
    printf("fuzz_loader: %lu inputs\n1 passed, 0 failed, 0 skipped\n", rounds);
    return 0;
}

static int write_seeds(const char *dir) {
    struct Image seed[SEED_COUNT];

    make_seeds(seed);
    for (unsigned i = 0; i < SEED_COUNT; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/seed-%02u", dir, i);
        FILE *f = fopen(path, "wb");
        if (f == NULL || fwrite(seed[i].data, 1, seed[i].size, f) != seed[i].size || fclose(f) != 0) {
            perror(path);
            return 1;
        }
        free(seed[i].data);
    }
    return 0;
}

static int replay(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(MUTATED_MAX);

    if (f == NULL || data == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, MUTATED_MAX, f);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv) {
    char *end;

    if (argc == 1)
        return run_mutations(200000);
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);
    unsigned long rounds = strtoul(argv[1], &end, 10);
    if (argc == 2 && *end == '\0')
        return run_mutations(rounds);
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0)
            return 1;
    }
    return 0;
}
#endif
