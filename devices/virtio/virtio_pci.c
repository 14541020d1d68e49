/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_pci.h"
#include "base/bytes.h"
#include "devices/virtio/virtio_pci_bell.h"

#include <errno.h>
#include <string.h>

enum { LEGACY_BAR = 0, MSIX_BAR = 1, MODERN_BAR = 4, BAR_SIZE = 0x4000 };
/* Where in BAR 4 the structures are. */
enum { AT_COMMON = 0x0000, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_NOTIFY = 0x3000, PART = 0x1000, NOTIFY_STEP = 4 };
/* Capability types (4.1.4). */
enum { CAP_VENDOR = 9, CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_ACCESS, CAP_SIZE = 16 };
/* Common configuration (4.1.4.3). */
enum {
    DEVICE_SELECT = 0x00,
    DEVICE_FEATURES = 0x04,
    DRIVER_SELECT = 0x08,
    DRIVER_FEATURES = 0x0c,
    CONFIG_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY = 0x1e,
    QUEUE_DESC = 0x20, /* 64 bits each, as two halves */
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    COMMON_SIZE = 0x38,
};
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

static struct VirtioQueueState *selected(struct VirtioPci *p) {
    unsigned n = p->state.queue_select;
    return n < p->virtio->queues ? &p->virtio->state->queue[n] : NULL;
}

/* ---- interrupts ---- */

static void interrupt(void *opaque, unsigned n) {
    struct VirtioPci *p = opaque;
    struct VirtioState *s = p->virtio->state;
    bool config = n == VIRTIO_QUEUES;
    if (pci_msix_enabled(&p->msix)) {
        pci_msix_send(&p->msix, config ? s->config_vector : s->queue[n].vector);
        return;
    }
    s->isr |= config ? ISR_CONFIG | ISR_QUEUE : ISR_QUEUE;
    pci_set_irq(&p->pci, true);
}

/* Reading it ends the interrupt. */
static uint8_t read_isr(struct VirtioPci *p) {
    uint8_t isr = p->virtio->state->isr;
    p->virtio->state->isr = 0;
    pci_set_irq(&p->pci, false);
    return isr;
}

/* A vector that there is, or none. */
static uint16_t vector(const struct VirtioPci *p, uint64_t value) {
    return value < p->msix.vectors ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

static void reset_device(struct VirtioPci *p) {
    virtio_reset(p->virtio);
    read_isr(p);
    p->state.device_select = p->state.driver_select = 0;
    p->state.queue_select = 0;
}

static void set_status(struct VirtioPci *p, uint8_t status) {
    if (status == 0)
        reset_device(p);
    else
        virtio_set_status(p->virtio, status);
}

/* ---- the device's own configuration ---- */

static uint64_t config_read(struct VirtioPci *p, uint64_t offset, unsigned size) {
    const struct Virtio *v = p->virtio;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)(offset + i < v->config_size ? v->config[offset + i] : 0) << 8 * i;
    return value;
}

static void config_write(struct VirtioPci *p, uint64_t offset, uint64_t value, unsigned size) {
    struct Virtio *v = p->virtio;
    if (offset + size > v->config_size || v->ops->config_written == NULL)
        return;
    for (unsigned i = 0; i < size; i++, value >>= 8)
        v->config[offset + i] = value & 0xff;
    v->ops->config_written(v->opaque, (unsigned)offset, size);
}

/* ---- registers in memory ---- */

static uint32_t half(uint64_t v, uint32_t select) { return select < 2 ? (uint32_t)(v >> 32 * select) : 0; }

/* Register by register, at its own width; all ones or zeroes for what is none. */
static uint64_t common_register(struct VirtioPci *p, unsigned at) {
    const struct VirtioState *s = p->virtio->state;
    const struct VirtioQueueState *q = selected(p), none = {0};
    unsigned n = p->state.queue_select;
    if (q == NULL)
        q = &none;
    switch (at) {
    case DEVICE_SELECT: return p->state.device_select;
    case DEVICE_FEATURES: return half(p->virtio->offered, p->state.device_select);
    case DRIVER_SELECT: return p->state.driver_select;
    case DRIVER_FEATURES: return half(s->features, p->state.driver_select);
    case CONFIG_VECTOR: return s->config_vector;
    case NUM_QUEUES: return p->virtio->queues;
    case DEVICE_STATUS: return s->status;
    case GENERATION: return s->generation;
    case QUEUE_SELECT: return n;
    case QUEUE_SIZE: return q->size;
    case QUEUE_VECTOR: return q == &none ? VIRTIO_NO_VECTOR : q->vector;
    case QUEUE_ENABLE: return q->enabled;
    case QUEUE_NOTIFY: return n;
    case QUEUE_DESC: return (uint32_t)q->descriptors;
    case QUEUE_DESC + 4: return q->descriptors >> 32;
    case QUEUE_DRIVER: return (uint32_t)q->available;
    case QUEUE_DRIVER + 4: return q->available >> 32;
    case QUEUE_DEVICE: return (uint32_t)q->used;
    case QUEUE_DEVICE + 4: return q->used >> 32;
    default: return 0;
    }
}

/* Where a register begins that byte `at` is in: those of one, two and four bytes. */
static unsigned register_at(unsigned at) {
    if (at < CONFIG_VECTOR || at >= QUEUE_DESC)
        return at & ~3u;
    return at == DEVICE_STATUS || at == GENERATION ? at : at & ~1u;
}

static uint64_t common_read(struct VirtioPci *p, unsigned at, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size && at + i < COMMON_SIZE; i++) {
        unsigned reg = register_at(at + i);
        value |= (common_register(p, reg) >> 8 * (at + i - reg) & 0xff) << 8 * i;
    }
    return value;
}

static void put_half(uint64_t *v, bool high, uint32_t value) {
    *v = high ? (*v & UINT32_MAX) | (uint64_t)value << 32 : (*v & ~(uint64_t)UINT32_MAX) | value;
}

static void driver_features(struct VirtioPci *p, uint32_t value) {
    uint64_t features = p->virtio->state->features;
    if (p->state.driver_select > 1)
        return;
    put_half(&features, p->state.driver_select == 1, value);
    virtio_set_features(p->virtio, features);
}

/* A queue's registers are for before it is enabled (4.1.4.3.2). */
static void queue_write(struct VirtioQueueState *q, unsigned at, uint32_t value) {
    switch (at) {
    case QUEUE_SIZE:
        if (value != 0 && (value & (value - 1)) == 0 && value <= VIRTIO_QUEUE_SIZE)
            q->size = value;
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4: put_half(&q->descriptors, at & 4, value); break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4: put_half(&q->available, at & 4, value); break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4: put_half(&q->used, at & 4, value); break;
    case QUEUE_ENABLE: q->enabled = value == 1; break;
    }
}

static void common_write(struct VirtioPci *p, unsigned at, uint32_t value) {
    struct VirtioQueueState *q = selected(p);
    switch (at) {
    case DEVICE_SELECT: p->state.device_select = value; break;
    case DRIVER_SELECT: p->state.driver_select = value; break;
    case DRIVER_FEATURES: driver_features(p, value); break;
    case CONFIG_VECTOR: p->virtio->state->config_vector = vector(p, value); break;
    case DEVICE_STATUS: set_status(p, value & 0xff); break;
    case QUEUE_SELECT: p->state.queue_select = value; break;
    case QUEUE_VECTOR:
        if (q != NULL)
            q->vector = vector(p, value);
        break;
    default:
        if (q != NULL && !q->enabled)
            queue_write(q, at, value);
    }
}

static uint64_t modern_read(void *opaque, uint64_t offset, unsigned size) {
    struct VirtioPci *p = opaque;
    switch (offset / PART * PART) {
    case AT_COMMON: return common_read(p, (unsigned)offset, size);
    case AT_ISR: return offset == AT_ISR ? read_isr(p) : 0;
    case AT_DEVICE: return config_read(p, offset - AT_DEVICE, size);
    default: return 0;
    }
}

static void modern_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct VirtioPci *p = opaque;
    switch (offset / PART * PART) {
    case AT_COMMON: common_write(p, (unsigned)offset, (uint32_t)value); break;
    case AT_DEVICE: config_write(p, offset - AT_DEVICE, value, size); break;
    case AT_NOTIFY: virtio_notify(p->virtio, (unsigned)(offset - AT_NOTIFY) / NOTIFY_STEP); break;
    }
}

static const struct IoOps modern_ops = {.read = modern_read, .write = modern_write, .min_size = 1, .max_size = 4};

/* ---- registers as before 1.0 (4.1.4.10) ---- */

enum {
    OLD_DEVICE_FEATURES = 0,
    OLD_DRIVER_FEATURES = 4,
    OLD_QUEUE_PAGE = 8,
    OLD_QUEUE_SIZE = 12,
    OLD_QUEUE_SELECT = 14,
    OLD_NOTIFY = 16,
    OLD_STATUS = 18,
    OLD_ISR = 19,
    OLD_CONFIG_VECTOR = 20, /* with MSI-X on; else the device's configuration begins here */
    OLD_QUEUE_VECTOR = 22,
    OLD_END = 24,
    OLD_PORTS = 128,
};

static unsigned old_config(const struct VirtioPci *p) {
    return pci_msix_enabled(&p->msix) ? OLD_END : OLD_CONFIG_VECTOR;
}

static uint64_t legacy_read(void *opaque, uint64_t offset, unsigned size) {
    struct VirtioPci *p = opaque;
    const struct VirtioQueueState *q = selected(p);
    if (offset >= old_config(p))
        return config_read(p, offset - old_config(p), size);
    switch (offset) {
    case OLD_DEVICE_FEATURES: return (uint32_t)p->virtio->offered;
    case OLD_DRIVER_FEATURES: return (uint32_t)p->virtio->state->features;
    case OLD_QUEUE_PAGE: return q != NULL && q->enabled ? q->descriptors >> 12 : 0;
    case OLD_QUEUE_SIZE: return q != NULL ? q->size : 0;
    case OLD_QUEUE_SELECT: return p->state.queue_select;
    case OLD_STATUS: return p->virtio->state->status;
    case OLD_ISR: return read_isr(p);
    case OLD_CONFIG_VECTOR: return p->virtio->state->config_vector;
    case OLD_QUEUE_VECTOR: return q != NULL ? q->vector : VIRTIO_NO_VECTOR;
    default: return 0;
    }
}

static void legacy_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct VirtioPci *p = opaque;
    struct VirtioQueueState *q = selected(p);
    if (offset >= old_config(p)) {
        config_write(p, offset - old_config(p), value, size);
        return;
    }
    switch (offset) {
    case OLD_DRIVER_FEATURES: virtio_set_features(p->virtio, (uint32_t)value & p->virtio->offered); break;
    case OLD_QUEUE_PAGE:
        if (q != NULL)
            virtio_place_legacy(q, (uint32_t)value);
        if (value == 0 && p->state.queue_select == 0 && q != NULL) /* how drivers reset it before there was a status */
            reset_device(p);
        break;
    case OLD_QUEUE_SELECT: p->state.queue_select = value; break;
    case OLD_NOTIFY: virtio_notify(p->virtio, (unsigned)value); break;
    case OLD_STATUS: set_status(p, value & 0xff); break;
    case OLD_CONFIG_VECTOR: p->virtio->state->config_vector = vector(p, value); break;
    case OLD_QUEUE_VECTOR:
        if (q != NULL)
            q->vector = vector(p, value);
        break;
    }
}

static const struct IoOps legacy_ops = {.read = legacy_read, .write = legacy_write, .min_size = 1, .max_size = 4};

/* ---- registers through configuration space (4.1.4.9) ---- */

enum { ACCESS_BAR = 4, ACCESS_OFFSET = 8, ACCESS_LENGTH = 12, ACCESS_DATA = 16, ACCESS_SIZE = 20 };

/* Offset and length as the driver has set them; 0: they can't be. */
static unsigned access_length(const struct VirtioPci *p, uint32_t *offset) {
    const uint8_t *cap = p->state.pci.config + p->access;
    uint32_t length = get_le32(cap + ACCESS_LENGTH);
    *offset = get_le32(cap + ACCESS_OFFSET);
    bool good = cap[ACCESS_BAR] == MODERN_BAR && (length == 1 || length == 2 || length == 4) && *offset % length == 0 &&
                *offset < BAR_SIZE;
    return good ? length : 0;
}

static bool reaches_data(const struct VirtioPci *p, unsigned offset, unsigned size) {
    unsigned data = p->access + ACCESS_DATA;
    return offset < data + 4 && data < offset + size;
}

static void config_reading(struct PciDevice *dev, unsigned offset, unsigned size) {
    struct VirtioPci *p = dev->opaque;
    uint32_t at;
    unsigned length = reaches_data(p, offset, size) ? access_length(p, &at) : 0;
    if (length != 0)
        put_le32(dev->state->config + p->access + ACCESS_DATA, (uint32_t)modern_read(p, at, length));
}

static void config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    struct VirtioPci *p = dev->opaque;
    uint32_t at;
    unsigned length = reaches_data(p, offset, size) ? access_length(p, &at) : 0;
    uint64_t mask = (1ull << 8 * length) - 1;
    if (length != 0)
        modern_write(p, at, get_le32(dev->state->config + p->access + ACCESS_DATA) & mask, length);
}

/* ---- life ---- */

static int add_capability(struct VirtioPci *p, uint8_t type, uint32_t offset, uint32_t length, unsigned size) {
    int at = pci_device_add_capability(&p->pci, CAP_VENDOR, size);
    if (at < 0)
        return at;
    uint8_t *cap = p->pci.initial + at;
    cap[2] = size;
    cap[3] = type;
    cap[4] = MODERN_BAR;
    put_le32(cap + 8, offset);
    put_le32(cap + 12, length);
    if (type == CAP_NOTIFY)
        put_le32(cap + 16, NOTIFY_STEP);
    return at;
}

static int add_capabilities(struct VirtioPci *p) {
    const struct {
        uint8_t type;
        uint32_t offset, length;
        unsigned size;
    } list[] = {
        {CAP_COMMON, AT_COMMON, COMMON_SIZE, CAP_SIZE},
        {CAP_ISR, AT_ISR, 1, CAP_SIZE},
        {CAP_DEVICE, AT_DEVICE, p->virtio->config_size, CAP_SIZE},
        {CAP_NOTIFY, AT_NOTIFY, NOTIFY_STEP * p->virtio->queues, CAP_SIZE + 4},
        {CAP_ACCESS, 0, 0, ACCESS_SIZE},
    };
    int at = 0;
    for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]) && at >= 0; i++)
        if (list[i].type != CAP_DEVICE || list[i].length > 0) /* of a device that has none there is no capability */
            at = add_capability(p, list[i].type, list[i].offset, list[i].length, list[i].size);
    if (at < 0)
        return at;
    p->access = at;
    p->pci.initial[at + ACCESS_BAR] = 0;
    p->pci.writable[at + ACCESS_BAR] = 0xff;
    memset(p->pci.writable + at + ACCESS_OFFSET, 0xff, 12); /* and length and data */
    return 0;
}

void virtio_pci_init(struct VirtioPci *p, const struct VirtioPciId *id) {
    enum { VENDOR = 0x1af4, PIN_A = 1 };
    static const uint16_t transitional[] = {
        /* 4.1.2.1 */
        [VIRTIO_TYPE_NET] = 0x1000,     [VIRTIO_TYPE_BLOCK] = 0x1001,   [VIRTIO_TYPE_CONSOLE] = 0x1003,
        [VIRTIO_TYPE_ENTROPY] = 0x1005, [VIRTIO_TYPE_BALLOON] = 0x1002, [VIRTIO_TYPE_9P] = 0x1009,
    };
    enum { MODERN = 0x1040, OLDER_TYPES = sizeof(transitional) / sizeof(transitional[0]) };
    memset(p, 0, sizeof *p);
    p->modern = id->type >= OLDER_TYPES || transitional[id->type] == 0;
    uint16_t device = p->modern ? MODERN + id->type : transitional[id->type];
    pci_device_init(&p->pci, &p->state.pci, id->name, VENDOR, device, id->class_code, p->modern);
    pci_device_set_subsystem(&p->pci, VENDOR, p->modern ? device : id->type);
    pci_device_set_pin(&p->pci, PIN_A);
    p->pci.opaque = p;
    p->pci.config_reading = config_reading;
    p->pci.config_written = config_written;
}

int virtio_pci_show(struct VirtioPci *p, struct Virtio *v, unsigned vectors) {
    p->virtio = v;
    v->interrupt = interrupt;
    v->transport = p;
    region_init_mmio(&p->region, p->pci.name, BAR_SIZE, &modern_ops, p);
    int r = p->modern ? 0 : pci_device_add_io_bar(&p->pci, LEGACY_BAR, OLD_PORTS, &legacy_ops, p);
    if (r == 0)
        r = pci_msix_init(&p->msix, &p->state.msix, &p->pci, vectors, MSIX_BAR);
    if (r == 0)
        r = pci_device_add_bar(&p->pci, MODERN_BAR, &p->region, PCI_BAR_64 | PCI_BAR_PREFETCH);
    return r == 0 ? add_capabilities(p) : r;
}

struct VirtioPci *virtio_pci_of(const struct PciDevice *dev) {
    struct VirtioPci *p = dev != NULL && dev->config_written == config_written ? dev->opaque : NULL;
    return p != NULL && p->virtio != NULL ? p : NULL;
}

uint64_t virtio_pci_bell(unsigned n) { return AT_NOTIFY + n * NOTIFY_STEP; }

void virtio_pci_reset(struct VirtioPci *p) {
    pci_msix_reset(&p->msix);
    reset_device(p);
}

const struct StateTable virtio_pci_state_table = {
    .name = "virtio_pci",
    .size = sizeof(struct VirtioPciState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioPciState, pci, &pci_device_state_table),
            STATE_PADDING(VirtioPciState, unused_2),
            STATE_WITHIN(VirtioPciState, msix, &pci_msix_state_table),
            STATE_FIELD(VirtioPciState, device_select),
            STATE_FIELD(VirtioPciState, driver_select),
            STATE_FIELD(VirtioPciState, queue_select),
            STATE_PADDING(VirtioPciState, unused),
            {0},
        },
};
