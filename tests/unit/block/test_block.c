/* SPDX-License-Identifier: MIT */
/* Blocks as device models see them, with raw files behind. */
#include "tests/unit/block/block_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum { MIB = 1 << 20 };

static struct BenchFile file;

static void setup(void) { bench_file(&file, MIB); }
static void teardown(void) { bench_remove(&file); }

static void count_up(void *opaque) { atomic_fetch_add((_Atomic int *)opaque, 1); }
static void keep(void *opaque, int result) { *(int *)opaque = result; }

START_TEST(reads_what_was_written) {
    static const enum BlockCacheMode caches[] = {BLOCK_CACHE_WRITEBACK, BLOCK_CACHE_NONE, BLOCK_CACHE_WRITETHROUGH,
                                             BLOCK_CACHE_DIRECTSYNC, BLOCK_CACHE_UNSAFE};
    char data[3000], back[3002], disk[MIB];
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw", .cache = caches[_i]);

    ck_assert_uint_eq(block_size(b), MIB);
    ck_assert(block_write_cache(b) == (_i == 0 || _i == 1 || _i == 4));
    bench_fill(data, 0x5a, sizeof(data));
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 4000 + 77, data, sizeof(data)), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 4000 + 76, back, sizeof(back)), 0);
    ck_assert(back[0] == 0 && back[3001] == 0 && bench_is(back + 1, 0x5a, 3000));
    ck_assert_int_eq(block_close(b), 0);
    ck_assert_int_eq(pread(file.fd, disk, MIB, 0), MIB);
    ck_assert(bench_is(disk, 0, 4077) && bench_is(disk + 4077, 0x5a, 3000) && bench_is(disk + 7077, 0, MIB - 7077));
}
END_TEST

START_TEST(completions_come_by_wake_and_complete) {
    _Atomic int woken = 0;
    struct BlockHost host = {count_up, (void *)&woken};
    enum { N = 100 };
    static char memory[N][4096];
    static struct BlockRequest r[N];
    struct iovec iov[N];
    int result[N];
    struct Block *b = bench_open(&(struct BlockOptions){.filename = file.path, .format = "raw"}, &host);

    for (int i = 0; i < N; i++) {
        bench_fill(memory[i], i, 4096);
        iov[i] = (struct iovec){memory[i], 4096};
        result[i] = 1;
        r[i] = (struct BlockRequest){.op = BLOCK_WRITE,
                                     .offset = (uint64_t)i * 8192,
                                     .bytes = 4096,
                                     .iov = &iov[i],
                                     .niov = 1,
                                     .done = keep,
                                     .opaque = &result[i]};
        block_submit(b, &r[i]);
        ck_assert_int_eq(result[i], 1);
    }
    ck_assert_uint_eq(block_in_flight(b), N);
    while (block_in_flight(b) > 0) {
        while (atomic_load(&woken) == 0)
            ;
        atomic_store(&woken, 0);
        block_complete(b);
    }
    for (int i = 0; i < N; i++) {
        char back[4096];
        ck_assert_int_eq(result[i], 0);
        ck_assert_int_eq(block_sync(b, BLOCK_READ, (uint64_t)i * 8192, back, 4096), 0);
        ck_assert(bench_is(back, i, 4096));
    }
    struct BlockStats stats;
    block_stats(b, &stats);
    ck_assert_uint_eq(stats.op[BLOCK_WRITE].operations, N);
    ck_assert_uint_eq(stats.op[BLOCK_WRITE].bytes, N * 4096);
    ck_assert_uint_eq(stats.op[BLOCK_READ].operations, N);
    ck_assert_uint_eq(stats.highest_offset, (N - 1) * 8192 + 4096);
    block_close(b);
}
END_TEST

static const struct {
    enum BlockAio aio;
    enum BlockCacheMode cache;
} plugged[] = {{BLOCK_AIO_THREADS, BLOCK_CACHE_WRITEBACK},
               {BLOCK_AIO_IO_URING, BLOCK_CACHE_WRITEBACK},
               {BLOCK_AIO_IO_URING, BLOCK_CACHE_NONE}};

/* Reads of what the host has in memory are done when the plug goes, and nobody is woken; others come later, all of
 * them. */
START_TEST(plugged_requests_go_together) {
    enum { N = 40, SIZE = 4096 };
    static char memory[N][SIZE] __attribute__((aligned(4096)));
    static struct BlockRequest r[N];
    _Atomic int woken = 0, batches = 0;
    struct BlockHost host = {count_up, (void *)&woken};
    struct BlockOptions o = {
        .filename = file.path, .format = "raw", .cache = plugged[_i].cache, .aio = plugged[_i].aio};
    struct iovec iov[N];
    int result[N];
    char why[BLOCK_WHY];
    struct Block *b;
    if (block_open(&b, &o, &host, why, sizeof(why)) != 0) {
        printf("SKIP plugged_requests_go_together, %d: %s\n", _i, why); /* io_uring is not everywhere */
        return;
    }
    block_set_completed(b, count_up, (void *)&batches);
    block_plug(b);
    for (int i = 0; i < N; i++) {
        iov[i] = (struct iovec){memory[i], SIZE};
        result[i] = 1;
        r[i] = (struct BlockRequest){.op = BLOCK_READ,
                                     .offset = (uint64_t)i * SIZE,
                                     .bytes = SIZE,
                                     .iov = &iov[i],
                                     .niov = 1,
                                     .done = keep,
                                     .opaque = &result[i]};
        block_submit(b, &r[i]);
        ck_assert_int_eq(result[i], 1);
    }
    int woken_so_far = atomic_load(&woken);
    block_unplug(b);
    char byte;
    struct iovec one = {&byte, 1};
    if (plugged[_i].cache == BLOCK_CACHE_WRITEBACK && preadv2(file.fd, &one, 1, 0, RWF_NOWAIT) == 1) {
        ck_assert_int_eq(woken_so_far, 0);
        ck_assert_uint_eq(block_in_flight(b), 0);
        ck_assert_int_eq(batches, 1);
    }
    block_drain(b);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(result[i], 0);
    ck_assert_int_ge(batches, 1);
    block_close(b);
}
END_TEST

START_TEST(cancelled_requests_are_silent) {
    static char memory[64][4096];
    static struct BlockRequest r[64];
    struct iovec iov[64];
    int result[64];
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw");
    for (int i = 0; i < 64; i++) {
        iov[i] = (struct iovec){memory[i], 4096};
        result[i] = 1;
        r[i] = (struct BlockRequest){.op = i % 2 ? BLOCK_WRITE : BLOCK_READ,
                                     .offset = (uint64_t)i * 4096,
                                     .bytes = 4096,
                                     .iov = &iov[i],
                                     .niov = 1,
                                     .done = keep,
                                     .opaque = &result[i]};
        block_submit(b, &r[i]);
    }
    for (int i = 0; i < 64; i += 3)
        block_cancel(b, &r[i]);
    block_cancel(b, &r[0]); /* is not the block's any more */
    block_drain(b);
    ck_assert_uint_eq(block_in_flight(b), 0);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(result[i], i % 3 == 0 ? 1 : 0);
    block_close(b);
}
END_TEST

/* The block's descriptor of the test's file, which is one more than the test's own. */
static int descriptor_of_block(void) {
    char link[64], path[128];
    for (int fd = 3; fd < 1024; fd++) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (fd == file.fd || n < 0)
            continue;
        path[n] = '\0';
        if (strcmp(path, file.path) == 0)
            return fd;
    }
    return -1;
}

/* What the kernel could not write it may have dropped: a flush that succeeds later would be a lie, and so would be that
 * anything written then has followed what is lost. */
START_TEST(failed_flushes_stay_failed) {
    char sector[512] = {1};
    int ends[2];
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw");
    int fd = descriptor_of_block(), good = dup(fd);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, sector, 512), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    ck_assert_int_eq(dup2(ends[1], fd), fd); /* which fdatasync refuses */
    ck_assert_int_eq(block_sync(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
    ck_assert_int_eq(dup2(good, fd), fd);
    ck_assert_int_eq(block_sync(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 512, sector, 512), -EIO);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 0, sector, 512), 0);
    ck_assert_int_eq(sector[0], 1);
    block_close(b);
    close(good);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(bounds_and_memory_are_checked) {
    char buffer[512];
    struct iovec iov = {buffer, 100};
    int result = 1;
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw");
    ck_assert_int_eq(block_sync(b, BLOCK_READ, MIB - 511, buffer, 512), -EINVAL);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, UINT64_MAX - 511, buffer, 512), -EINVAL);
    ck_assert_int_eq(block_sync(b, BLOCK_DISCARD, 512, NULL, UINT64_MAX - 100), -EINVAL);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE_ZEROES, MIB, NULL, 1), -EINVAL);
    ck_assert_int_eq(block_sync(b, (enum BlockOp)77, 0, NULL, 1), -EINVAL);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, MIB, buffer, 0), 0);
    struct BlockRequest r = {.op = BLOCK_WRITE, .bytes = 512, .iov = &iov, .niov = 1, .done = keep, .opaque = &result};
    block_submit(b, &r);
    block_drain(b);
    ck_assert_int_eq(result, -EINVAL);
    block_close(b);
}
END_TEST

START_TEST(readonly_refuses_writes) {
    char buffer[512] = {1};
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw", .readonly = true);
    ck_assert(block_readonly(b));
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, buffer, 512), -EROFS);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE_ZEROES, 0, NULL, 512), -EROFS);
    ck_assert_int_eq(block_sync(b, BLOCK_DISCARD, 0, NULL, 512), -EROFS);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 0, buffer, 512), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    ck_assert(bench_is(buffer, 0, 512));
    block_close(b);
}
END_TEST

START_TEST(a_probed_raw_image_stays_raw) {
    char header[512] = "QFI\xfb\0\0\0\3", back[512];
    struct Block *b = BENCH_OPEN(.filename = file.path);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, header, 512), -EPERM);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, header + 8, 504), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 512, header, 512), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 0, back, 512), 0);
    ck_assert(bench_is(back, 0, 512));
    block_close(b);
    b = BENCH_OPEN(.filename = file.path, .format = "raw");
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, header, 512), 0);
    block_close(b);
}
END_TEST

START_TEST(zeroes_and_discards) {
    static char data[MIB], back[MIB];
    bench_fill(data, 0x77, MIB);
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw", .discard = BLOCK_DISCARD_UNMAP,
                                 .detect_zeroes = (enum BlockDetectZeroes)_i);
    ck_assert(block_discards(b));
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 0, data, MIB), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE_ZEROES, 1000, NULL, 300000), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_DISCARD, 512 * 1024, NULL, 65536), 0);
    bench_fill(data, 0, 65536);
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 768 * 1024, data, 65536), 0);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 0, back, MIB), 0);
    ck_assert(bench_is(back, 0x77, 1000) && bench_is(back + 1000, 0, 300000) &&
              bench_is(back + 301000, 0x77, 512 * 1024 - 301000));
    ck_assert(bench_is(back + 576 * 1024, 0x77, 192 * 1024) && bench_is(back + 768 * 1024, 0, 65536) &&
              bench_is(back + 832 * 1024, 0x77, 192 * 1024));
    block_close(b);
}
END_TEST

START_TEST(two_writers_are_refused) {
    struct BlockOptions rw = {.filename = file.path, .format = "raw"}, ro = rw, off = rw;
    ro.readonly = true;
    off.locking = BLOCK_LOCKING_OFF;
    struct Block *b = bench_open(&rw, NULL);
    bench_refused(&rw, -EAGAIN, "in use");
    bench_refused(&ro, -EAGAIN, "in use");
    block_close(bench_open(&off, NULL));
    block_close(b);
    b = bench_open(&ro, NULL);
    struct Block *second = bench_open(&ro, NULL);
    bench_refused(&rw, -EAGAIN, "in use");
    block_close(second);
    block_close(b);
    block_close(bench_open(&rw, NULL));
}
END_TEST

START_TEST(odd_sizes_are_rounded_up) {
    char buffer[1024];
    ck_assert_int_eq(ftruncate(file.fd, 1000), 0);
    bench_fill(buffer, 9, 1000);
    ck_assert_int_eq(pwrite(file.fd, buffer, 1000, 0), 1000);
    struct Block *b = BENCH_OPEN(.filename = file.path, .format = "raw");
    ck_assert_uint_eq(block_size(b), 1024);
    ck_assert_int_eq(block_sync(b, BLOCK_READ, 0, buffer, 1024), 0);
    ck_assert(bench_is(buffer, 9, 1000) && bench_is(buffer + 1000, 0, 24));
    ck_assert_int_eq(block_sync(b, BLOCK_WRITE, 512, buffer, 512), 0);
    char why[BLOCK_WHY];
    ck_assert_int_eq(block_resize(b, 4096, why, sizeof(why)), 0);
    ck_assert_uint_eq(block_size(b), 4096);
    ck_assert_int_eq(block_resize(b, 4097, why, sizeof(why)), -EINVAL);
    block_close(b);
}
END_TEST

START_TEST(what_can_not_be_opened_says_why) {
    bench_refused(&(struct BlockOptions){.filename = "/nonexistent/disk"}, -ENOENT, "/nonexistent/disk");
    bench_refused(&(struct BlockOptions){.filename = "/"}, -EISDIR, "'/'");
    bench_refused(&(struct BlockOptions){.filename = "/dev/null"}, -ENOTBLK, "neither");
    bench_refused(&(struct BlockOptions){.filename = file.path, .format = "vmdk"}, -ENOTSUP, "vmdk");
    ck_assert_int_eq(pwrite(file.fd, "vhdxfile", 8, 0), 8);
    bench_refused(&(struct BlockOptions){.filename = file.path}, -ENOTSUP, "vhdx");
}
END_TEST

Suite *block_suite(void) {
    Suite *s = suite_create("block");
    TCase *tc = tcase_create("raw");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, reads_what_was_written, 0, 5);
    tcase_add_test(tc, completions_come_by_wake_and_complete);
    tcase_add_loop_test(tc, plugged_requests_go_together, 0, sizeof(plugged) / sizeof(plugged[0]));
    tcase_add_test(tc, cancelled_requests_are_silent);
    tcase_add_test(tc, failed_flushes_stay_failed);
    tcase_add_test(tc, bounds_and_memory_are_checked);
    tcase_add_test(tc, readonly_refuses_writes);
    tcase_add_test(tc, a_probed_raw_image_stays_raw);
    tcase_add_loop_test(tc, zeroes_and_discards, 0, 3);
    tcase_add_test(tc, two_writers_are_refused);
    tcase_add_test(tc, odd_sizes_are_rounded_up);
    tcase_add_test(tc, what_can_not_be_opened_says_why);
    suite_add_tcase(s, tc);
    return s;
}
