/* SPDX-License-Identifier: MIT */
/* Virtio's console device: messages about ports, bytes in both directions, host ends that hold, states that go on. */
#include "base/bytes.h"
#include "devices/virtio/virtio_serial.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <stdlib.h>
#include <string.h>

enum { DATA = 0x400000, CONTROL_IN = 2, CONTROL_OUT = 3, RX1 = 4, TX1 = 5, QUEUES = 6 };
enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
#define MULTIPORT 2u

static struct VirtioBench b;
static struct VirtioSerial serial;
static struct VirtioSerialPort *console, *plain;
static uint8_t out[1 << 20];
static size_t out_count, out_room;
static unsigned ready, turns;

static void host_write(void *opaque, const uint8_t *data, size_t n) {
    (void)opaque;
    ck_assert_uint_le(out_count + n, sizeof out);
    memcpy(out + out_count, data, n);
    out_count += n;
}

static bool host_can_write(void *opaque) { return (void)opaque, out_count < out_room; }
static void host_input_ready(void *opaque) { (void)opaque, ready++; }
static void more(void *opaque) { (void)opaque, turns++; }

static void open_serial(void) {
    static const struct VirtioSerialOps ops = {more};
    static const struct VirtioPciId id = {"virtio-serial-pci", VIRTIO_TYPE_CONSOLE, 0x078000};
    struct CharBackend backend = {host_write, host_can_write, host_input_ready, NULL};
    out_count = ready = turns = 0;
    out_room = sizeof out;
    virtio_bench_open(&b, &id);
    virtio_serial_init(&serial, &b.pci.pci, 4, &ops, NULL);
    console = virtio_serial_add_port(&serial, 0, true, NULL, backend);
    plain = virtio_serial_add_port(&serial, 1, false, "org.example", backend);
    virtio_bench_show(&b, &serial.virtio);
}

static void buffer(unsigned n, unsigned i, uint64_t at, uint32_t bytes, bool write) {
    vb_descriptor(&b, n, i, at, bytes, write ? VB_WRITE : 0, 0);
    vb_offer(&b, n, i);
}

static void tell(uint32_t port, uint16_t event, uint16_t value) {
    uint64_t at = DATA + 0x1000;
    vb_put(&b, at, port, 4);
    vb_put(&b, at + 4, event, 2);
    vb_put(&b, at + 6, value, 2);
    buffer(CONTROL_OUT, 0, at, 8, false);
    ck_assert_int_eq(vb_used(&b, CONTROL_OUT), 0);
}

/* The next message of the device's is this one; its buffer goes back. */
static void hears(uint32_t port, uint16_t event, uint16_t value, unsigned i) {
    uint64_t at = DATA + 0x2000 + 0x100 * i;
    ck_assert_int_ge(vb_used(&b, CONTROL_IN), 8);
    ck_assert_uint_eq(vb_get(&b, at, 4), port);
    ck_assert_uint_eq(vb_get(&b, at + 4, 2), event);
    ck_assert_uint_eq(vb_get(&b, at + 6, 2), value);
}

static void listen(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        buffer(CONTROL_IN, i, DATA + 0x2000 + 0x100 * i, 0x100, true);
}

START_TEST(ports) {
    open_serial();
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10031af4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_SUBSYSTEM, 2), 3);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 4, 4), 4);
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x12, 2), 10);
    vb_start(&b, MULTIPORT, QUEUES);
    virtio_serial_opened(plain, true);
    tell(0xffffffff, DEVICE_READY, 1); /* before there is room for an answer */
    listen(8);
    hears(0, PORT_ADD, 1, 0);
    hears(1, PORT_ADD, 1, 1);
    ck_assert_int_eq(serial.state.port[1].pending & 1, 0);
    tell(0, PORT_READY, 1);
    tell(1, PORT_READY, 1);
    hears(1, PORT_OPEN, 1, 2); /* which waited since it was opened */
    hears(0, CONSOLE_PORT, 1, 3);
    hears(1, PORT_NAME, 1, 4);
    ck_assert_mem_eq(b.ram.host + DATA + 0x2408, "org.example", 11);
    hears(1, PORT_OPEN, 1, 5);
    virtio_serial_opened(plain, false);
    hears(1, PORT_OPEN, 0, 6);
    tell(3, PORT_READY, 1); /* none of these is there */
    tell(77, PORT_OPEN, 1);
    ck_assert_int_eq(vb_used(&b, CONTROL_IN), -1);
    virtio_bench_close(&b);
}
END_TEST

START_TEST(to_host) {
    open_serial();
    vb_start(&b, MULTIPORT, QUEUES);
    memcpy(b.ram.host + DATA, "hello, host", 11);
    vb_descriptor(&b, TX1, 0, DATA, 5, VB_NEXT, 1);
    vb_descriptor(&b, TX1, 1, DATA + 5, 6, 0, 0);
    vb_offer(&b, TX1, 0);
    ck_assert_int_eq(vb_used(&b, TX1), 0);
    ck_assert_uint_eq(out_count, 11);
    ck_assert_mem_eq(out, "hello, host", 11);
    ck_assert(b.pirq.level);
    vb_put(&b, VB_CONFIG + 8, 'X', 4); /* without a queue */
    ck_assert_uint_eq(out[11], 'X');
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 4, 4), 4);
    virtio_bench_close(&b);
}
END_TEST

/* The guest's buffer waits where the host end has stopped, saved and restored, too. */
START_TEST(held) {
    uint8_t *saved;
    size_t n = state_size(&virtio_serial_state_table, 1);
    struct VirtioSerialState s = {0};
    char why[100];
    open_serial();
    vb_start(&b, MULTIPORT, QUEUES);
    for (unsigned i = 0; i < 20000; i++)
        b.ram.host[DATA + i] = (uint8_t)(i * 7);
    out_room = 5000;
    buffer(TX1, 0, DATA, 20000, false);
    ck_assert_int_eq(vb_used(&b, TX1), -1);
    ck_assert_uint_eq(out_count, 8192);
    saved = malloc(n);
    state_save(&virtio_serial_state_table, &serial.state, saved);
    ck_assert_int_eq(state_load(&virtio_serial_state_table, 1, saved, n, &s, why, sizeof why), 0);
    free(saved);
    memset(&serial.state, 0, sizeof serial.state);
    serial.state = s;
    virtio_serial_restored(&serial);
    ck_assert_uint_eq(out_count, 8192);
    out_room = sizeof out;
    virtio_serial_output_ready(plain);
    ck_assert_int_eq(vb_used(&b, TX1), 0);
    ck_assert_uint_eq(out_count, 20000);
    ck_assert_mem_eq(out, b.ram.host + DATA, 20000);
    virtio_bench_close(&b);
}
END_TEST

/* A buffer of more bytes than a turn moves. */
START_TEST(turns_end) {
    open_serial();
    vb_start(&b, MULTIPORT, QUEUES);
    buffer(TX1, 0, DATA, VIRTIO_SERIAL_TURN + 5, false);
    ck_assert_uint_eq(turns, 1);
    ck_assert_uint_eq(out_count, VIRTIO_SERIAL_TURN);
    vb_offer(&b, TX1, 0); /* the bell does not begin a turn of its own */
    ck_assert_uint_eq(out_count, VIRTIO_SERIAL_TURN);
    virtio_serial_continue(&serial);
    ck_assert_int_eq(vb_used(&b, TX1), 0);
    ck_assert_uint_eq(turns, 2);
    vb_put(&b, VB_BAR + 0x14, 0, 1);
    virtio_serial_continue(&serial); /* of a driver that has gone */
    ck_assert_uint_eq(turns, 2);
    virtio_bench_close(&b);
}
END_TEST

START_TEST(from_host) {
    open_serial();
    vb_start(&b, MULTIPORT, QUEUES);
    ready = 0;                                       /* every queue was looked at as the driver came */
    ck_assert_uint_eq(virtio_serial_room(plain), 0); /* nobody has it open */
    tell(1, PORT_OPEN, 1);
    ck_assert_uint_eq(ready, 1);
    ck_assert_uint_eq(virtio_serial_room(plain), 0); /* no buffer */
    buffer(RX1, 0, DATA, 0, true);
    buffer(RX1, 1, DATA, 10, true);
    buffer(RX1, 2, DATA + 0x100, 9000, true);
    ck_assert_uint_eq(ready, 4);
    ck_assert_uint_eq(virtio_serial_room(plain), 10);
    ck_assert_int_eq(vb_used(&b, RX1), 0);     /* one that holds nothing */
    struct VirtioSerialState s = serial.state; /* the buffer that is held goes along */
    memset(&serial.state, 0, sizeof serial.state);
    serial.state = s;
    virtio_serial_restored(&serial);
    virtio_serial_receive(plain, (const uint8_t *)"abc", 3);
    ck_assert_int_eq(vb_used(&b, RX1), 3);
    ck_assert_mem_eq(b.ram.host + DATA, "abc", 3);
    ck_assert_uint_eq(virtio_serial_room(plain), 4096);
    tell(1, PORT_OPEN, 0);
    ck_assert_uint_eq(virtio_serial_room(plain), 0);
    virtio_bench_close(&b);
}
END_TEST

/* A driver from before 1.0, without the multiport feature: one console. */
START_TEST(legacy) {
    open_serial();
    vb_start_legacy(&b, 0, 2);
    buffer(0, 0, DATA, 10, true);
    ck_assert_uint_eq(virtio_serial_room(console), 10);
    virtio_serial_receive(console, (const uint8_t *)"key", 3);
    ck_assert_int_eq(vb_used(&b, 0), 3);
    memcpy(b.ram.host + DATA, "shown", 5);
    buffer(1, 0, DATA, 5, false);
    ck_assert_int_eq(vb_used(&b, 1), 0);
    ck_assert_mem_eq(out, "shown", 5);
    virtio_serial_opened(console, true); /* there is nobody to be told */
    virtio_bench_close(&b);
}
END_TEST

Suite *virtio_serial_suite(void) {
    Suite *s = suite_create("virtio_serial");
    TCase *t = tcase_create("virtio_serial");
    tcase_add_test(t, ports);
    tcase_add_test(t, to_host);
    tcase_add_test(t, held);
    tcase_add_test(t, turns_end);
    tcase_add_test(t, from_host);
    tcase_add_test(t, legacy);
    suite_add_tcase(s, t);
    return s;
}
