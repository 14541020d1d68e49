/* SPDX-License-Identifier: MIT */
/* Virtio over PCI and its block device, seen by a small driver: modern and old registers, rings, hostile ones too. */
#include "block/internal.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_pci.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/devices/ide_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 4 << 20, SECTORS = 2048, DEVFN = 4 * PCI_FUNCTIONS };
enum { BAR = 0xd0000000, OLD = 0xc000, MSIX = 0xd0010000, NOTIFY = BAR + 0x3000, CONFIG = BAR + 0x2000 };
/* Where the driver keeps things. */
enum { DESC = 0x10000, AVAIL = 0x12000, USED = 0x13000, HEADER = 0x20000, STATUS = 0x21000, DATA = 0x100000 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

static struct DeviceBench b;
static struct PciHost host;
static struct Region memory;
static struct VirtioPci pci;
static struct VirtioBlk blk;
static struct Block *block;
static struct WireLog pirq;
static unsigned messages, failures[BLOCK_ERROR_ENOSPC];
static uint32_t last_message;

static void on_message(void *opaque, uint64_t address, uint32_t data) {
    (void)opaque, (void)address;
    messages++;
    last_message = data;
}

static void on_failed(void *opaque, bool write, int error, enum BlockOnError action) {
    (void)opaque, (void)write, (void)error;
    failures[action]++;
}

static void cfg(unsigned reg, uint32_t value, unsigned size) { pci_config_write(&host, 0, DEVFN, reg, value, size); }
static uint64_t get(uint64_t at, unsigned size) { return bus_read_uint(b.bus, at, size); }
static void put(uint64_t at, uint64_t value, unsigned size) { bus_write_uint(b.bus, at, value, size); }

static void open_sized_blk(enum BlockOnError policy, uint64_t image_sectors) {
    static const struct VirtioBlkOps ops = {.failed = on_failed};
    static const struct VirtioPciId id = {"virtio-blk", 2, 0x010000};
    struct PciHostConfig config = {
        .mmio_base = 0xc0000000, .mmio_end = 0xfec00000, .pirq = wire_to(&pirq), .msi = on_message};
    memset(&pirq, 0, sizeof pirq);
    messages = 0;
    memset(failures, 0, sizeof(failures));
    bench_open(&b);
    ck_assert_int_eq(region_init_ram(&memory, "ram", RAM), 0);
    ck_assert_int_eq(bus_map(b.bus, 0, &memory), 0);
    pci_init(&host, b.bus, &config);
    block = ide_bench_image(image_sectors * 512, false);
    struct VirtioBlkConfig c = {
        .block = block, .queues = 2, .serial = "disk", .read_error = policy, .write_error = policy};
    virtio_pci_init(&pci, &id);
    ck_assert_int_eq(virtio_blk_init(&blk, &pci.pci, &c, &ops, NULL), 0);
    ck_assert_int_eq(virtio_pci_show(&pci, &blk.virtio, 3), 0);
    ck_assert_int_eq(pci_add_device(&host, &pci.pci, DEVFN / PCI_FUNCTIONS, 0), 0);
    virtio_pci_reset(&pci);
    cfg(PCI_BAR0, OLD, 4);
    cfg(PCI_BAR0 + 4, MSIX, 4);
    cfg(PCI_BAR0 + 16, BAR, 4);
    cfg(PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void open_blk(enum BlockOnError policy) { open_sized_blk(policy, SECTORS); }

static void done(void) {
    virtio_pci_reset(&pci);
    block_close(block);
    virtio_blk_destroy(&blk);
    bench_close(&b);
    region_destroy(&memory);
}

static void settle(void) { block_drain(block); }

/* As a driver of 1.0 does: status, features, one queue of 16 entries. */
static void start(uint64_t features) {
    put(BAR + 0x14, 0, 1);
    for (unsigned i = 0; i < 0x4000; i += 8)
        put(DESC + i, 0, 8);
    put(BAR + 0x14, 3, 1);
    put(BAR + 0x08, 0, 4);
    put(BAR + 0x0c, (uint32_t)features, 4);
    put(BAR + 0x08, 1, 4);
    put(BAR + 0x0c, features >> 32, 4);
    put(BAR + 0x14, 11, 1);
    ck_assert_uint_eq(get(BAR + 0x14, 1), 11);
    put(BAR + 0x16, 0, 2);
    put(BAR + 0x18, 16, 2);
    put(BAR + 0x20, DESC, 8);
    put(BAR + 0x28, AVAIL, 8);
    put(BAR + 0x30, USED, 8);
    put(BAR + 0x1c, 1, 2);
    put(BAR + 0x14, 15, 1);
}

static void descriptor(uint64_t table, unsigned n, uint64_t address, uint32_t length, unsigned flags, unsigned next) {
    put(table + 16 * n, address, 8);
    put(table + 16 * n + 8, length, 4);
    put(table + 16 * n + 12, flags, 2);
    put(table + 16 * n + 14, next, 2);
}

static void offer(unsigned head) {
    uint16_t index = get(AVAIL + 2, 2);
    put(AVAIL + 4 + 2 * (index % 16), head, 2);
    put(AVAIL + 2, (uint16_t)(index + 1), 2);
}

static void ring(void) {
    put(NOTIFY, 0, 2);
    settle();
}

static void header(uint32_t type, uint64_t sector) {
    put(HEADER, type, 4);
    put(HEADER + 4, 0, 4);
    put(HEADER + 8, sector, 8);
    put(STATUS, 0xee, 1);
}

/* A request of three descriptors; its result. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t bytes) {
    bool in = type == 0 || type == 8;
    header(type, sector);
    descriptor(DESC, 0, HEADER, 16, NEXT, bytes > 0 ? 1 : 2);
    descriptor(DESC, 1, DATA, bytes, NEXT | (in ? WRITE : 0), 2);
    descriptor(DESC, 2, STATUS, 1, WRITE, 0);
    offer(0);
    ring();
    return get(STATUS, 1);
}

static uint32_t image_word(uint64_t sector) {
    uint32_t v;
    ck_assert_int_eq(block_sync(block, BLOCK_READ, sector * 512, &v, 4), 0);
    return v;
}

#define V1 (VIRTIO_F_VERSION_1)

START_TEST(capabilities) {
    open_blk(BLOCK_ERROR_REPORT);
    ck_assert_uint_eq(pci_config_read(&host, 0, DEVFN, 0, 4), 0x10011af4);
    ck_assert_uint_eq(pci_config_read(&host, 0, DEVFN, PCI_SUBSYSTEM, 2), 2);
    unsigned seen = 0, access = 0;
    for (unsigned at = pci_config_read(&host, 0, DEVFN, PCI_CAPABILITIES, 1); at != 0;
         at = pci_config_read(&host, 0, DEVFN, at + 1, 1)) {
        if (pci_config_read(&host, 0, DEVFN, at, 1) != 9)
            continue;
        unsigned type = pci_config_read(&host, 0, DEVFN, at + 3, 1);
        seen |= 1 << type;
        access = type == 5 ? at : access;
    }
    ck_assert_uint_eq(seen, 0x3e);
    ck_assert_uint_eq(get(CONFIG, 8), SECTORS);
    ck_assert_uint_eq(get(CONFIG + 34, 2), 2);
    ck_assert_uint_eq(get(BAR + 0x12, 2), 2);
    /* the same through configuration space, where BARs are not decoded */
    cfg(PCI_COMMAND, 0, 2);
    cfg(access + 4, 4, 1);
    cfg(access + 8, 0x2000, 4);
    cfg(access + 12, 4, 4);
    ck_assert_uint_eq(pci_config_read(&host, 0, DEVFN, access + 16, 4), SECTORS);
    cfg(access + 8, 0x14, 4);
    cfg(access + 12, 1, 4);
    cfg(access + 16, 3, 4);
    ck_assert_uint_eq(blk.state.virtio.status, 3);
    cfg(access + 8, 0xffffffff, 4);
    cfg(access + 12, 4, 4);
    cfg(access + 16, 3, 4);
    cfg(access + 4, 1, 1);
    pci_config_read(&host, 0, DEVFN, access + 16, 4);
    done();
}
END_TEST

START_TEST(features) {
    open_blk(BLOCK_ERROR_REPORT);
    put(BAR + 0x00, 1, 4);
    ck_assert_uint_eq(get(BAR + 0x04, 4), 1);
    put(BAR + 0x00, 2, 4);
    ck_assert_uint_eq(get(BAR + 0x04, 4), 0);
    put(BAR + 0x14, 3, 1);
    put(BAR + 0x08, 0, 4);
    put(BAR + 0x0c, 1 << 5, 4); /* read-only: it is not */
    put(BAR + 0x14, 11, 1);
    ck_assert_uint_eq(get(BAR + 0x14, 1), 3); /* FEATURES_OK stays off */
    put(BAR + 0x0c, 1 << 9, 4);
    put(BAR + 0x14, 11, 1);
    ck_assert_uint_eq(get(BAR + 0x14, 1), 11);
    put(BAR + 0x0c, 0, 4); /* too late */
    ck_assert_uint_eq(blk.state.virtio.features, 1 << 9);
    done();
}
END_TEST

START_TEST(reads_and_writes) {
    open_blk(BLOCK_ERROR_REPORT);
    start(V1);
    ck_assert_uint_eq(request(0, 5, 1024), 0);
    ck_assert_uint_eq(get(DATA, 4), 5 * 128);
    ck_assert_uint_eq(get(DATA + 1020, 4), 7 * 128 - 1);
    ck_assert_uint_eq(get(USED + 2, 2), 1);
    ck_assert_uint_eq(get(USED + 8, 4), 1025);
    ck_assert(pirq.level);
    ck_assert_uint_eq(get(BAR + 0x1000, 1), 1);
    ck_assert(!pirq.level);
    put(DATA, 0x12345678, 4);
    ck_assert_uint_eq(request(1, 9, 512), 0);
    ck_assert_uint_eq(image_word(9), 0x12345678);
    ck_assert_uint_eq(get(USED + 4 + 8 + 4, 4), 1);
    ck_assert_uint_eq(request(0, 0, SECTORS * 512), 0); /* in several pieces */
    ck_assert_uint_eq(get(DATA + SECTORS * 512 - 4, 4), SECTORS * 128 - 1);
    ck_assert_uint_eq(request(4, 0, 0), 0); /* flush */
    ck_assert_uint_eq(request(8, 0, 20), 0);
    ck_assert_uint_eq(get(DATA, 4), 0x6b736964); /* "disk" */
    /* what can't be */
    ck_assert_uint_eq(request(0, SECTORS, 512), 1);
    ck_assert_uint_eq(request(0, UINT64_MAX - 1, 1024), 1);
    ck_assert_uint_eq(request(1, 0, 511), 1);
    ck_assert_uint_eq(request(99, 0, 512), 2);
    ck_assert_uint_eq(request(11, 0, 16), 2); /* no discard here */
    ck_assert_uint_eq(get(USED + 2, 2), 10);
    done();
}
END_TEST

static void note_code(void *opaque, uint64_t gpa, uint64_t size) {
    (void)size;
    if (gpa <= DATA + 4096 && DATA + 4096 < gpa + size)
        ++*(int *)opaque;
}

/* A read goes straight into the guest's RAM; engines hear of code that it replaces all the same. */
START_TEST(reads_replace_code) {
    int told = 0;
    open_blk(BLOCK_ERROR_REPORT);
    start(V1);
    ck_assert_int_eq(bus_add_listener(b.bus, &(struct BusListener){.code_written = note_code, .opaque = &told}), 0);
    memory.page_flags[DATA / 4096 + 1] |= PAGE_FLAG_CODE;
    ck_assert_uint_eq(request(0, 0, 4096), 0);
    ck_assert_int_eq(told, 0);
    ck_assert_uint_eq(request(0, 0, 8192), 0);
    ck_assert_int_eq(told, 1);
    ck_assert_ptr_null(blk.requests[0].piece); /* no buffer was needed */
    done();
}
END_TEST

START_TEST(write_zeroes) {
    open_blk(BLOCK_ERROR_REPORT);
    start(V1 | 1 << 14);
    put(DATA, 100, 8);
    put(DATA + 8, 3, 4);
    put(DATA + 12, 1, 4);
    ck_assert_uint_eq(request(13, 0, 16), 0);
    ck_assert_uint_eq(image_word(99), 99 * 128);
    ck_assert_uint_eq(image_word(100) | image_word(102), 0);
    ck_assert_uint_eq(image_word(103), 103 * 128);
    put(DATA + 8, UINT32_MAX, 4);
    ck_assert_uint_eq(request(13, 0, 16), 2);
    ck_assert_uint_eq(request(13, 0, 15), 1);
    done();
}
END_TEST

START_TEST(indirect_descriptors) {
    open_blk(BLOCK_ERROR_REPORT);
    start(V1 | VIRTIO_F_INDIRECT);
    uint64_t table = 0x30000;
    header(0, 3);
    descriptor(table, 0, HEADER, 16, NEXT, 1);
    descriptor(table, 1, DATA, 256, NEXT | WRITE, 2);
    descriptor(table, 2, DATA + 0x1000, 256, NEXT | WRITE, 3);
    descriptor(table, 3, STATUS, 1, WRITE, 0);
    descriptor(DESC, 5, table, 64, INDIRECT, 0);
    offer(5);
    ring();
    ck_assert_uint_eq(get(STATUS, 1), 0);
    ck_assert_uint_eq(get(DATA + 0x1000, 4), 3 * 128 + 64);
    ck_assert_uint_eq(get(USED + 4, 4), 5);
    done();
}
END_TEST

/* The guest hears when it has asked to, and the device says from where on. */
START_TEST(event_index) {
    open_blk(BLOCK_ERROR_REPORT);
    start(V1 | VIRTIO_F_EVENT_INDEX);
    put(AVAIL + 4 + 32, 2, 2); /* used_event: after the third */
    request(4, 0, 0);
    get(BAR + 0x1000, 1); /* the first comes in any case */
    ck_assert_uint_eq(get(USED + 4 + 8 * 16, 2), 1);
    request(4, 0, 0);
    ck_assert(!pirq.level);
    request(4, 0, 0);
    ck_assert(pirq.level);
    get(BAR + 0x1000, 1);
    request(4, 0, 0);
    ck_assert(!pirq.level);
    /* without it: by a flag */
    start(V1);
    put(AVAIL, 1, 2);
    request(4, 0, 0);
    ck_assert(!pirq.level);
    done();
}
END_TEST

START_TEST(message_signaled) {
    open_blk(BLOCK_ERROR_REPORT);
    put(MSIX + 16, 0xfee00000, 4);
    put(MSIX + 24, 0x41, 4);
    put(MSIX + 28, 0, 4);
    unsigned cap = pci.msix.offset;
    cfg(cap + 2, 0x8000, 2);
    start(V1);
    put(BAR + 0x16, 0, 2);
    put(BAR + 0x1a, 9, 2);
    ck_assert_uint_eq(get(BAR + 0x1a, 2), 0xffff); /* there are three */
    put(BAR + 0x1a, 1, 2);
    ck_assert_uint_eq(get(BAR + 0x1a, 2), 1);
    request(4, 0, 0);
    ck_assert_uint_eq(messages, 1);
    ck_assert_uint_eq(last_message, 0x41);
    ck_assert(!pirq.level);
    done();
}
END_TEST

/* Requests that identify the disk, which are done at once, or flushes, which are not. */
static void offer_some(uint32_t type, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t head = HEADER + 64 * i;
        put(head, type, 4);
        put(head + 8, 0, 8);
        descriptor(DESC, 3 * i, head, 16, NEXT, 3 * i + (type == 8 ? 1 : 2));
        descriptor(DESC, 3 * i + 1, DATA + 64 * i, 20, NEXT | WRITE, 3 * i + 2);
        descriptor(DESC, 3 * i + 2, head + 32, 1, WRITE, 0);
        offer(3 * i);
    }
}

static bool later(void *opaque) {
    ++*(int *)opaque;
    return true;
}

/* What is done together is told of by one interrupt; what is done at once when the owner wants it. */
START_TEST(requests_share_an_interrupt) {
    static const struct VirtioBlkOps waits = {.failed = on_failed, .tell_later = later};
    int asked = 0;
    open_blk(BLOCK_ERROR_REPORT);
    put(MSIX + 16, 0xfee00000, 4);
    put(MSIX + 24, 0x41, 4);
    put(MSIX + 28, 0, 4);
    cfg(pci.msix.offset + 2u, 0x8000, 2);
    start(V1);
    put(BAR + 0x16, 0, 2);
    put(BAR + 0x1a, 1, 2);
    offer_some(8, 5);
    ring();
    ck_assert_uint_eq(get(USED + 2, 2), 5);
    ck_assert_uint_eq(messages, 1);
    offer_some(4, 5);
    ring();
    ck_assert_uint_eq(get(USED + 2, 2), 10);
    ck_assert_uint_eq(messages, 2);
    blk.ops = &waits;
    blk.opaque = &asked;
    for (unsigned n = 0; n < 3; n++) {
        offer_some(8, 2);
        put(NOTIFY, 0, 2);
    }
    ck_assert_uint_eq(get(USED + 2, 2), 16); /* who polls sees them */
    ck_assert_uint_eq(messages, 2);
    ck_assert_int_eq(asked, 3);
    virtio_blk_tell(&blk);
    virtio_blk_tell(&blk);
    ck_assert_uint_eq(messages, 3);
    offer_some(4, 1);
    ring(); /* not at once, so it does not wait */
    ck_assert_uint_eq(messages, 4);
    done();
}
END_TEST

/* A driver from before 1.0: ports, one page number for a queue of the size that the device says. */
START_TEST(old_driver) {
    enum { PAGE = 0x40 };
    open_blk(BLOCK_ERROR_REPORT);
    bus_port_write(b.bus, OLD + 18, 3, 1);
    bus_port_write(b.bus, OLD + 4, 0, 4);
    bus_port_write(b.bus, OLD + 14, 0, 2);
    ck_assert_uint_eq(bus_port_read(b.bus, OLD + 12, 2), 256);
    bus_port_write(b.bus, OLD + 8, PAGE, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, OLD + 8, 4), PAGE);
    bus_port_write(b.bus, OLD + 18, 7, 1);
    ck_assert_uint_eq(bus_port_read(b.bus, OLD + 20, 4), SECTORS);
    uint64_t desc = PAGE * 4096, avail = desc + 4096, used = desc + 8192;
    header(0, 4);
    descriptor(desc, 0, HEADER, 16, NEXT, 1);
    descriptor(desc, 1, DATA, 512, NEXT | WRITE, 2);
    descriptor(desc, 2, STATUS, 1, WRITE, 0);
    put(avail + 4, 0, 2);
    put(avail + 2, 1, 2);
    bus_port_write(b.bus, OLD + 16, 0, 2);
    settle();
    ck_assert_uint_eq(get(STATUS, 1), 0);
    ck_assert_uint_eq(get(used + 2, 2), 1);
    ck_assert_uint_eq(get(DATA, 4), 4 * 128);
    ck_assert(pirq.level);
    ck_assert_uint_eq(bus_port_read(b.bus, OLD + 19, 1), 1);
    ck_assert(!pirq.level);
    bus_port_write(b.bus, OLD + 18, 0, 1);
    ck_assert_uint_eq(bus_port_read(b.bus, OLD + 8, 4), 0);
    done();
}
END_TEST

/* ---- hostile rings: the device wants a reset, and works again after one ---- */

static void loop_of_descriptors(void) { descriptor(DESC, 0, HEADER, 16, NEXT, 0), offer(0); }
static void head_beyond(void) { offer(16); }
static void next_beyond(void) { descriptor(DESC, 0, HEADER, 16, NEXT, 999), offer(0); }
static void too_many(void) { put(AVAIL + 2, 17, 2); }
static void wrong_order(void) {
    descriptor(DESC, 0, DATA, 16, NEXT | WRITE, 1);
    descriptor(DESC, 1, HEADER, 16, 0, 0);
    offer(0);
}
static void no_header(void) { descriptor(DESC, 0, STATUS, 1, WRITE, 0), offer(0); }
static void no_status(void) { descriptor(DESC, 0, HEADER, 16, 0, 0), offer(0); }
static void indirect_length(void) { descriptor(DESC, 0, 0x30000, 17, INDIRECT, 0), offer(0); }
static void indirect_in_indirect(void) {
    descriptor(0x30000, 0, 0x30000, 16, INDIRECT, 0);
    descriptor(DESC, 0, 0x30000, 16, INDIRECT, 0), offer(0);
}
static void indirect_and_next(void) { descriptor(DESC, 0, 0x30000, 16, INDIRECT | NEXT, 1), offer(0); }
static void table_nowhere(void) { descriptor(DESC, 0, BAR, 16, INDIRECT, 0), offer(0); }

static void (*const hostile[])(void) = {
    loop_of_descriptors, head_beyond,     next_beyond,          too_many,          wrong_order,   no_header,
    no_status,           indirect_length, indirect_in_indirect, indirect_and_next, table_nowhere,
};

static unsigned told;
static void tell(void *opaque, const char *device, const char *what, uint64_t value) {
    (void)opaque, (void)what, (void)value;
    ck_assert_str_eq(device, "virtio-blk");
    told++;
}

START_TEST(hostile_rings) {
    static const struct DeviceLog log = {.error = tell};
    open_blk(BLOCK_ERROR_REPORT);
    host.log = &log;
    told = 0;
    start(V1 | VIRTIO_F_INDIRECT);
    hostile[_i]();
    ring();
    ck_assert_uint_ge(told, 1); /* -d guest_errors */
    ck_assert_uint_eq(get(BAR + 0x14, 1), 15 | VIRTIO_NEEDS_RESET);
    ck_assert_uint_eq(request(4, 0, 0), 0xee); /* nothing more is done */
    start(V1);
    ck_assert_uint_eq(request(4, 0, 0), 0);
    done();
}
END_TEST

/* Rings in a device's registers or nowhere; data that are no memory. */
START_TEST(no_memory) {
    open_blk(BLOCK_ERROR_REPORT);
    start(V1);
    header(0, 0);
    descriptor(DESC, 0, HEADER, 16, NEXT, 1);
    descriptor(DESC, 1, BAR, 512, NEXT | WRITE, 2);
    descriptor(DESC, 2, STATUS, 1, WRITE, 0);
    offer(0);
    ring();
    ck_assert_uint_eq(get(STATUS, 1), 0); /* swallowed */
    ck_assert_uint_eq(get(BAR + 0x14, 1), 15);
    blk.state.virtio.queue[0].used = BAR;
    request(4, 0, 0);
    ck_assert_uint_eq(get(BAR + 0x14, 1), 15 | VIRTIO_NEEDS_RESET);
    start(V1);
    blk.state.virtio.queue[0].available = BAR;
    ring();
    ck_assert_uint_eq(get(BAR + 0x14, 1), 15 | VIRTIO_NEEDS_RESET);
    done();
}
END_TEST

START_TEST(more_than_there_are_requests) {
    open_blk(BLOCK_ERROR_REPORT);
    put(BAR + 0x14, 0, 1);
    start(V1);
    /* 256 entries, a request each of one descriptor pair */
    put(BAR + 0x14, 0, 1);
    put(BAR + 0x14, 3, 1);
    put(BAR + 0x08, 1, 4);
    put(BAR + 0x0c, 1, 4);
    put(BAR + 0x14, 11, 1);
    put(BAR + 0x20, DESC, 8);
    put(BAR + 0x28, AVAIL, 8);
    put(BAR + 0x30, USED, 8);
    put(BAR + 0x1c, 1, 2);
    put(BAR + 0x14, 15, 1);
    header(4, 0);
    for (unsigned i = 0; i < 128; i++) {
        descriptor(DESC, 2 * i, HEADER, 16, NEXT, 2 * i + 1);
        descriptor(DESC, 2 * i + 1, STATUS, 1, WRITE, 0);
        put(AVAIL + 4 + 2 * i, 2 * i, 2);
    }
    put(USED + 2, 0, 2);
    put(AVAIL, 0, 2);
    put(AVAIL + 2, 128, 2);
    ring();
    ck_assert_uint_eq(get(USED + 2, 2), 128);
    done();
}
END_TEST

/* Requests of the block layer that a guest's request of so many 2 MiB segments and `rest` bytes becomes. */
static unsigned transfers(uint32_t type, unsigned segments, uint32_t rest) {
    enum { SEGMENT = 2 << 20 };
    enum BlockOp op = type == 0 ? BLOCK_READ : BLOCK_WRITE;
    unsigned last = segments + (rest != 0) + 1;
    struct BlockStats before, after;
    header(type, 0);
    descriptor(DESC, 0, HEADER, 16, NEXT, 1);
    for (unsigned i = 1; i < last; i++)
        descriptor(DESC, i, DATA, i <= segments ? SEGMENT : rest, NEXT | (type == 0 ? WRITE : 0), i + 1);
    descriptor(DESC, last, STATUS, 1, WRITE, 0);
    block_stats(block, &before);
    offer(0);
    ring();
    block_stats(block, &after);
    ck_assert_uint_eq(get(STATUS, 1), 0);
    ck_assert_uint_eq(after.op[op].bytes - before.op[op].bytes, segments * SEGMENT + rest);
    return (unsigned)(after.op[op].operations - before.op[op].operations);
}

/* Between the image and the guest's memory at once, but not so much that a reset would wait for long. */
START_TEST(whole_requests) {
    enum { MIB_SECTORS = 2048 };
    open_sized_blk(BLOCK_ERROR_REPORT, 16 * MIB_SECTORS + 1);
    start(V1);
    ck_assert_uint_eq(transfers(0, 0, 512), 1);
    ck_assert_uint_eq(transfers(0, 8, 0), 1);
    ck_assert_uint_eq(get(DATA, 4), 14 * MIB_SECTORS * 128); /* of the last segment, all are at one place */
    ck_assert_uint_eq(transfers(0, 8, 512), 129);
    ck_assert_uint_eq(get(DATA, 4), 16 * MIB_SECTORS * 128);
    put(DATA, 0x11223344, 4);
    put(DATA + (2 << 20) - 4, 0x55667788, 4);
    ck_assert_uint_eq(transfers(1, 8, 0), 1);
    ck_assert_uint_eq(transfers(1, 8, 512), 129);
    ck_assert_uint_eq(image_word(14 * MIB_SECTORS), 0x11223344);
    uint8_t sector[512];
    ck_assert_int_eq(block_sync(block, BLOCK_READ, (16 * MIB_SECTORS - 1) * 512, sector, 512), 0);
    ck_assert_mem_eq(sector + 508, "\x88\x77\x66\x55", 4);
    done();
}
END_TEST

/* A request behind one that an error has stopped waits in the ring; a restored machine finds it there. */
START_TEST(rings_after_a_restore) {
    open_blk(BLOCK_ERROR_STOP);
    start(V1);
    block->root->no_write = -ENOSPC;
    ck_assert_uint_eq(request(1, 50, 512), 0xee);
    descriptor(DESC, 4, HEADER + 16, 16, NEXT, 5);
    descriptor(DESC, 5, DATA + 512, 20, NEXT | WRITE, 6);
    descriptor(DESC, 6, STATUS + 1, 1, WRITE, 0);
    put(HEADER + 16, 8, 4); /* the disk's id */
    put(STATUS + 1, 0xee, 1);
    offer(4);
    ring();
    ck_assert_uint_eq(get(STATUS + 1, 1), 0xee);
    blk.starved = false; /* as in a machine that has just been made */
    virtio_blk_restored(&blk);
    block->root->no_write = 0;
    virtio_blk_resume(&blk);
    settle();
    ck_assert_uint_eq(get(STATUS, 1), 0);
    ck_assert_uint_eq(get(STATUS + 1, 1), 0);
    ck_assert_uint_eq(get(DATA + 512, 4), 0x6b736964); /* "disk" */
    done();
}
END_TEST

START_TEST(stopped_requests) {
    open_blk(BLOCK_ERROR_STOP);
    start(V1);
    block->root->no_write = -ENOSPC;
    put(DATA, 0x11223344, 4);
    ck_assert_uint_eq(request(1, 50, 512), 0xee);
    ck_assert_uint_eq(failures[BLOCK_ERROR_STOP], 1);
    /* saved, and restored by another machine */
    size_t n = state_size(&virtio_blk_state_table, 1);
    uint8_t *bytes = malloc(n);
    struct VirtioBlkState s;
    char why[200];
    state_save(&virtio_blk_state_table, &blk.state, bytes);
    ck_assert_int_eq(state_load(&virtio_blk_state_table, 1, bytes, n, &s, why, sizeof why), 0);
    free(bytes);
    blk.state = s;
    virtio_blk_restored(&blk);
    block->root->no_write = 0;
    virtio_blk_resume(&blk);
    settle();
    ck_assert_uint_eq(get(STATUS, 1), 0);
    ck_assert_uint_eq(image_word(50), 0x11223344);
    ck_assert_uint_eq(blk.state.stopped_count, 0);
    done();
}
END_TEST

Suite *virtio_suite(void) {
    Suite *s = suite_create("virtio");
    TCase *t = tcase_create("virtio");
    tcase_add_test(t, capabilities);
    tcase_add_test(t, features);
    tcase_add_test(t, reads_and_writes);
    tcase_add_test(t, reads_replace_code);
    tcase_add_test(t, write_zeroes);
    tcase_add_test(t, indirect_descriptors);
    tcase_add_test(t, event_index);
    tcase_add_test(t, message_signaled);
    tcase_add_test(t, requests_share_an_interrupt);
    tcase_add_test(t, old_driver);
    tcase_add_loop_test(t, hostile_rings, 0, sizeof(hostile) / sizeof(hostile[0]));
    tcase_add_test(t, no_memory);
    tcase_add_test(t, more_than_there_are_requests);
    tcase_add_test(t, stopped_requests);
    tcase_add_test(t, whole_requests);
    tcase_add_test(t, rings_after_a_restore);
    suite_add_tcase(s, t);
    return s;
}
