/* SPDX-License-Identifier: MIT */
/* -drive and -blockdev as text. */
#include "block/options.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

static char why[BLOCK_WHY];

static struct Drive parsed(const char *text) {
    struct Drive d;
    int r = drive_parse(&d, text, why, sizeof(why));
    ck_assert_msg(r == 0, "%s: %s", text, why);
    return d;
}

static void refused(const char *text, const char *words) {
    struct Drive d;
    why[0] = '\0';
    ck_assert_int_eq(drive_parse(&d, text, why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, words) != NULL && strchr(why, '\n') == NULL, "%s: %s", text, why);
}

START_TEST(defaults_are_qemus) {
    struct Drive d = parsed("file=disk.img");
    ck_assert_str_eq(d.block.filename, "disk.img");
    ck_assert(d.block.format == NULL && d.id == NULL && d.block.node_name == NULL);
    ck_assert(d.interface == DRIVE_IF_DEFAULT && d.media == DRIVE_DISK && d.index == -1 && d.bus == -1 && d.unit == -1);
    ck_assert(d.werror == BLOCK_ERROR_ENOSPC && d.rerror == BLOCK_ERROR_REPORT);
    ck_assert(d.block.cache == BLOCK_CACHE_WRITEBACK && d.block.aio == BLOCK_AIO_THREADS);
    ck_assert(d.block.discard == BLOCK_DISCARD_IGNORE && d.block.detect_zeroes == BLOCK_DETECT_ZEROES_OFF);
    ck_assert(!d.block.readonly && !d.block.snapshot && d.block.locking == BLOCK_LOCKING_AUTO);
    drive_free(&d);
}
END_TEST

START_TEST(all_keys) {
    struct Drive d = parsed("file=a,,b=c.qcow2,format=qcow2,if=virtio,index=3,id=d0,node-name=n0,readonly=on,snapshot,"
                            "cache=none,aio=io_uring,discard=unmap,detect-zeroes=unmap,werror=stop,rerror=ignore,"
                            "media=disk,file.locking=off");
    ck_assert_str_eq(d.block.filename, "a,b=c.qcow2");
    ck_assert_str_eq(d.block.format, "qcow2");
    ck_assert_str_eq(d.id, "d0");
    ck_assert_str_eq(d.block.node_name, "n0");
    ck_assert(d.interface == DRIVE_IF_VIRTIO && d.index == 3 && d.block.readonly && d.block.snapshot);
    ck_assert(d.block.cache == BLOCK_CACHE_NONE && d.block.aio == BLOCK_AIO_IO_URING);
    ck_assert(d.block.discard == BLOCK_DISCARD_UNMAP && d.block.detect_zeroes == BLOCK_DETECT_ZEROES_UNMAP);
    ck_assert(d.werror == BLOCK_ERROR_STOP && d.rerror == BLOCK_ERROR_IGNORE && d.block.locking == BLOCK_LOCKING_OFF);
    drive_free(&d);
    d = parsed("file=x,readonly,nosnapshot,bus=1,unit=0,if=ide");
    ck_assert(d.block.readonly && !d.block.snapshot && d.bus == 1 && d.unit == 0);
    drive_free(&d);
}
END_TEST

START_TEST(caches) {
    static const struct {
        const char *text;
        enum BlockCacheMode cache;
    } row[] = {
        {"cache=writethrough", BLOCK_CACHE_WRITETHROUGH},
        {"cache=directsync", BLOCK_CACHE_DIRECTSYNC},
        {"cache=unsafe", BLOCK_CACHE_UNSAFE},
        {"cache.direct=on", BLOCK_CACHE_NONE},
        {"cache.direct=on,cache.writeback=off", BLOCK_CACHE_DIRECTSYNC},
        {"cache=none,cache.direct=off", BLOCK_CACHE_WRITEBACK},
        {"cache.no-flush=on", BLOCK_CACHE_UNSAFE},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        char text[100] = "file=x,";
        struct Drive d = parsed(strcat(text, row[i].text));
        ck_assert_msg(d.block.cache == row[i].cache, "%s", text);
        drive_free(&d);
    }
    refused("file=x,cache.direct=on,cache.no-flush=on", "cache.no-flush");
}
END_TEST

START_TEST(empty_drives) {
    struct Drive d = parsed("media=cdrom,if=ide,index=2");
    ck_assert(d.block.filename == NULL && d.media == DRIVE_CDROM && d.block.readonly);
    drive_free(&d);
    d = parsed("if=floppy");
    ck_assert(d.block.filename == NULL && !d.block.readonly);
    drive_free(&d);
    refused("if=virtio", "file= is missing");
}
END_TEST

START_TEST(refusals_name_the_nearest) {
    refused("file=x,cach=none", "the nearest is 'cache'");
    refused("file=x,if=scsi", "if=scsi is not supported");
    refused("file=x,aio=native", "aio=native is not supported");
    refused("file=x,format=vmdk", "'vmdk' is not supported");
    refused("file=x,format=qcow", "the nearest is 'qcow2'");
    refused("file=x,iops=100", "there is no 'iops'");
    refused("file=x,readonly=maybe", "on or off");
    refused("file=x,index=x", "not a number");
    refused("file=x,index=-1", "not a number");
    refused("file=x,index=1,bus=0", "excludes");
    refused("file=x,copy-on-read=on", "only copy-on-read=off");
    refused("file=x,rerror=enospc", "rerror=enospc");
    refused("file=x,id", "needs a value");
    refused("", "file= is missing");
    refused("{\"driver\": \"raw\"}", "JSON");
    refused("=", "there is no ''");
}
END_TEST

START_TEST(nodes_of_blockdev) {
    static const char *const text[] = {
        "driver=file,node-name=f0,filename=top.qcow2,cache.direct=on,aio=io_uring",
        "driver=qcow2,node-name=top,file=f0,backing=mid,discard=unmap",
        "driver=qcow2,node-name=mid,file.driver=file,file.filename=mid.qcow2,read-only=on,backing=",
        "driver=raw,node-name=lost,file=nobody",
        "driver=qcow2,node-name=loop,file.filename=x,backing=loop",
        "driver=nbd,node-name=net,server.type=unix,server.path=/run/s,export=e",
    };
    struct Blockdev dev[6];
    struct BlockOptions o, backing[6];
    for (int i = 0; i < 6; i++)
        ck_assert_msg(blockdev_parse(&dev[i], text[i], why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(blockdev_resolve(dev, 6, "top", &o, backing, why, sizeof(why)), 0);
    ck_assert_str_eq(o.filename, "top.qcow2");
    ck_assert(strcmp(o.format, "qcow2") == 0 && o.cache == BLOCK_CACHE_NONE && o.aio == BLOCK_AIO_IO_URING);
    ck_assert(o.discard == BLOCK_DISCARD_UNMAP && o.backing == &backing[0] && !o.no_backing);
    ck_assert_str_eq(backing[0].filename, "mid.qcow2");
    ck_assert(backing[0].readonly && backing[0].no_backing && backing[0].backing == NULL);
    ck_assert_int_eq(blockdev_resolve(dev, 6, "lost", &o, backing, why, sizeof(why)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "'nobody'"));
    ck_assert_int_eq(blockdev_resolve(dev, 6, "loop", &o, backing, why, sizeof(why)), -ELOOP);
    ck_assert_int_eq(blockdev_resolve(dev, 6, "none", &o, backing, why, sizeof(why)), -ENOENT);
    ck_assert_int_eq(blockdev_resolve(dev, 6, "net", &o, backing, why, sizeof(why)), 0);
    ck_assert_str_eq(o.filename, "nbd:unix:/run/s:exportname=e");
    ck_assert_str_eq(o.format, "raw");
    for (int i = 0; i < 6; i++)
        blockdev_free(&dev[i]);
}
END_TEST

#ifdef HAVE_JSON_C
START_TEST(blockdev_as_json) {
    struct Blockdev d;
    struct BlockOptions o, backing[1];
    int r = blockdev_parse(&d,
                           "{\"driver\": \"qcow2\", \"node-name\": \"a\", \"discard\": \"unmap\", \"read-only\": true,"
                           "\"cache\": {\"direct\": true, \"no-flush\": false}, \"backing\": null,"
                           "\"file\": {\"driver\": \"file\", \"filename\": \"x,y=z\", \"node-name\": \"af\"}}",
                           why, sizeof(why));
    ck_assert_msg(r == 0, "%s", why);
    ck_assert_int_eq(blockdev_resolve(&d, 1, "a", &o, backing, why, sizeof(why)), 0);
    ck_assert_str_eq(o.filename, "x,y=z");
    ck_assert_str_eq(o.file_node_name, "af");
    ck_assert(strcmp(o.format, "qcow2") == 0 && o.cache == BLOCK_CACHE_NONE && o.readonly && o.no_backing);
    ck_assert_int_eq(o.discard, BLOCK_DISCARD_UNMAP);
    blockdev_free(&d);
}
END_TEST
#endif

START_TEST(blockdev_of_a_file) {
    struct Blockdev d;
    struct BlockOptions o, backing[1];
    ck_assert_int_eq(blockdev_parse(&d,
                                    "driver=raw,node-name=a,discard=unmap,cache.direct=on,file.driver=nbd,"
                                    "file.server.host=h,file.server.port=1,file.cache.direct=off,file.discard=ignore",
                                    why, sizeof(why)),
                     0);
    ck_assert_int_eq(blockdev_resolve(&d, 1, "a", &o, backing, why, sizeof(why)), 0);
    ck_assert_str_eq(o.filename, "nbd:h:1:exportname=");
    ck_assert(o.cache == BLOCK_CACHE_WRITEBACK && o.discard == BLOCK_DISCARD_IGNORE);
    blockdev_free(&d);
}
END_TEST

START_TEST(blockdev_refusals) {
    static const char *const row[][2] = {
        {"node-name=a,filename=x", "driver= is missing"},
        {"driver=file,filename=x", "node-name= is missing"},
        {"driver=qcow2,node-name=a", "needs either"},
        {"driver=file,node-name=a", "needs filename"},
        {"driver=qcow2,node-name=a,file=b,file.filename=c", "needs either"},
        {"driver=vdi,node-name=a,file=b", "'vdi'"},
        {"driver=nbd,node-name=a", "server.path"},
        {"driver=raw,node-name=a,file=f,if=ide", "no 'if'"},
        {"driver=raw,node-name=a,filename=x", "driver=raw is a format"},
        {"driver=file,node-name=a,file.filename=x", "stands on nothing"},
        {"driver=file,node-name=a,filename=x,export=e", "are for nbd"},
        {"driver=raw,node-name=a,file=f,backing=b", "driver=raw has no backing"},
        {"driver=nbd,node-name=a,server.type=vsock,server.path=x", "server.type=vsock"},
        {"driver=nbd,node-name=a,server.type=inet,server.path=x", "server.host=HOST"},
        {"{\"driver\": \"raw\"", "no JSON object"},
        {"{\"driver\": \"raw\", \"node-name\": \"a\", \"file\": [1]}", "file is a list"},
        {"{\"driver\": \"raw\", \"node-name\": \"a\", \"file\": {\"file\": {\"filename\": \"x\"}}}",
         "'file.file.filename'"},
    };
    struct Blockdev d;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        ck_assert_int_eq(blockdev_parse(&d, row[i][0], why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, row[i][1]) != NULL, "%s: %s", row[i][0], why);
    }
}
END_TEST

Suite *drive_suite(void) {
    Suite *s = suite_create("drive");
    TCase *tc = tcase_create("drive");
    tcase_add_test(tc, defaults_are_qemus);
    tcase_add_test(tc, all_keys);
    tcase_add_test(tc, caches);
    tcase_add_test(tc, empty_drives);
    tcase_add_test(tc, refusals_name_the_nearest);
    tcase_add_test(tc, nodes_of_blockdev);
#ifdef HAVE_JSON_C
    tcase_add_test(tc, blockdev_as_json);
#endif
    tcase_add_test(tc, blockdev_of_a_file);
    tcase_add_test(tc, blockdev_refusals);
    suite_add_tcase(s, tc);
    return s;
}
