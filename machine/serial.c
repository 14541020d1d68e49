/* SPDX-License-Identifier: MIT */
/* Host input on its way to the guest: COM1's queue and the power button. */
#include "machine/machine.h"

#include <string.h>

void serial_queue_init(struct SerialQueue *q) { pthread_mutex_init(&q->mutex, NULL); }

void machine_post_work(struct Machine *m) {
    if (m->config.icount)
        vcpu_request_work(machine_cpu(m, 0), machine_host_work, m);
    else
        main_loop_wake(&m->loop);
}

size_t machine_serial_input(struct Machine *m, const void *data, size_t size) {
    struct SerialQueue *q = &m->serial;
    const uint8_t *p = data;
    pthread_mutex_lock(&q->mutex);
    size_t room = SERIAL_QUEUE_SIZE - q->count, n = size < room ? size : room;
    for (size_t i = 0; i < n; i++)
        q->data[(q->head + q->count++) % SERIAL_QUEUE_SIZE] = p[i];
    pthread_mutex_unlock(&q->mutex);
    if (n > 0)
        machine_post_work(m);
    return n;
}

/* Give COM1 as much as it takes; it calls again (input_ready) when it has refused some. */
static void feed_com1(struct Machine *m) {
    struct SerialQueue *q = &m->serial;
    uint8_t buf[UART_FIFO_SIZE];
    for (;;) {
        size_t n = uart_can_receive(&m->com1);
        pthread_mutex_lock(&q->mutex);
        n = n < q->count ? n : q->count;
        n = n < sizeof(buf) ? n : sizeof(buf);
        for (size_t i = 0; i < n; i++)
            buf[i] = q->data[(q->head + i) % SERIAL_QUEUE_SIZE];
        q->head = (q->head + n) % SERIAL_QUEUE_SIZE;
        q->count -= n;
        pthread_mutex_unlock(&q->mutex);
        if (n == 0)
            return;
        uart_receive(&m->com1, buf, n);
    }
}

void machine_host_work(void *opaque) {
    struct Machine *m = opaque;
    feed_com1(m);
    if (atomic_exchange(&m->power_button, false))
        acpi_pm_power_button(&m->acpi_pm);
}
