/* SPDX-License-Identifier: MIT */
/* Host input on its way to the guest, all of it by work posted to the loop: the program's bytes, the buttons; and what
 * the guest feels of output that the host does not take. */
#include "machine/machine.h"

#include <string.h>

size_t machine_serial_input(struct Machine *m, const void *data, size_t size) {
    struct SerialQueue *q = &m->serial;
    const uint8_t *p = data;
    pthread_mutex_lock(&q->mutex);
    size_t room = SERIAL_QUEUE_SIZE - q->count, n = size < room ? size : room;
    for (size_t i = 0; i < n; i++)
        q->data[(q->head + q->count++) % SERIAL_QUEUE_SIZE] = p[i];
    pthread_mutex_unlock(&q->mutex);
    if (n > 0)
        loop_post(&m->loop, &m->serial_work);
    return n;
}

void machine_feed_serial(struct Machine *m) {
    struct SerialQueue *q = &m->serial;
    uint8_t buf[256];
    while (q->front != NULL) {
        const struct CharFrontend *f = &q->front->front;
        size_t n = f->room(f->opaque);
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
        f->receive(f->opaque, buf, n);
    }
}

static void feed(void *opaque) { machine_feed_serial(opaque); }

/* ---- output that is held ---- */

/* A serial port's transmitter waits, as for a slow line, while the rest of the guest goes on. What has no way to let
 * the guest wait (and with CLOCK_ICOUNT serial ports, too, or a run would not repeat) holds the vCPUs. */
static bool holds_vcpus(const struct Machine *m, enum Twin86OutputKind kind) {
    return kind != TWIN86_OUTPUT_SERIAL || m->config.icount;
}

bool machine_serial_can_write(const struct Machine *m) {
    return m->config.icount || (atomic_load(&m->held) & 1u << TWIN86_OUTPUT_SERIAL) == 0;
}

static void output_ready(void *opaque) {
    struct Machine *m = opaque;
    for (struct Chardev *c = m->chardevs.list; c != NULL; c = c->next)
        if (c->options.kind == CHAR_STDIO && c->front.output_ready != NULL)
            c->front.output_ready(c->front.opaque);
}

void machine_hold_output(struct Machine *m, enum Twin86OutputKind kind, bool on) {
    unsigned bit = 1u << kind;
    if (on)
        atomic_fetch_or(&m->held, bit);
    else
        atomic_fetch_and(&m->held, ~bit);
    for (unsigned i = 0; i < m->cpu_count && holds_vcpus(m, kind); i++)
        (on ? vcpu_hold : vcpu_release)(machine_cpu(m, i), bit);
    if (!on)
        loop_post(&m->loop, &m->output_work);
}

/* ---- buttons ---- */

static void press_power(void *opaque) { acpi_pm_power_button(&((struct Machine *)opaque)->acpi_pm); }

static void press_nmi(void *opaque) {
    struct Machine *m = opaque;
    if (m->config.kernel_irqchip || !cpu_has(&machine_cpu(m, 0)->model, CPUID_APIC)) {
        machine_post(m, CPU_EVENT_NMI);
        return;
    }
    for (unsigned i = 0; i < m->cpu_count; i++) {
        lapic_set_lint(&m->cpus[i].lapic, 1, true);
        lapic_set_lint(&m->cpus[i].lapic, 1, false);
    }
}

void machine_press_power(struct Machine *m) { loop_post(&m->loop, &m->power_work); }

/* Parked, whoever steps next finds it there; running, nobody waits here for device code that holds the lock. */
void machine_press_nmi(struct Machine *m) {
    if (machine_running(m)) {
        loop_post(&m->loop, &m->nmi_work);
        return;
    }
    pthread_mutex_lock(&m->lock);
    press_nmi(m);
    pthread_mutex_unlock(&m->lock);
}

void machine_init_input(struct Machine *m) {
    pthread_mutex_init(&m->serial.mutex, NULL);
    input_init(m);
    loop_work_init(&m->serial_work, feed, m);
    loop_work_init(&m->power_work, press_power, m);
    loop_work_init(&m->nmi_work, press_nmi, m);
    loop_work_init(&m->output_work, output_ready, m);
}
