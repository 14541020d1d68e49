/* SPDX-License-Identifier: MIT */
/* -device virtio-balloon-pci, and what monitors ask of it. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void discard(void *opaque, uint64_t gpa, uint64_t size) {
    bus_discard(((struct Machine *)opaque)->bus, gpa, size);
}

static void ask_more(void *opaque) {
    struct Machine *m = opaque;
    loop_post(&m->loop, &m->virtio.balloon.more);
}

static void more(void *opaque) { virtio_balloon_continue(&((struct Machine *)opaque)->virtio.balloon.balloon); }

static void changed(void *opaque) { news_plain(&((struct Machine *)opaque)->news, NEWS_BALLOON); }

static void stats_came(void *opaque) { ((struct Machine *)opaque)->virtio.balloon.stats_at = time(NULL); }

static bool read_property(struct VirtioPlug *plug, struct VirtioBalloonConfig *c, const char *key, const char *value) {
    if (virtio_plug_property(plug, key, value))
        return true;
    if (value == NULL)
        return false;
    if (strcmp(key, "deflate-on-oom") == 0)
        return list_switch(value, &c->deflate_on_oom);
    return strcmp(key, "free-page-reporting") == 0 && list_switch(value, &c->reporting);
}

int virtio_add_balloon(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    static const struct VirtioBalloonOps ops = {discard, ask_more, changed, stats_came};
    static const struct VirtioPciId id = {"virtio-balloon-pci", VIRTIO_TYPE_BALLOON, 0x00ff00};
    struct VirtioBalloonDevice *d = &m->virtio.balloon;
    struct VirtioBalloonConfig config = {0};
    struct VirtioPlug plug = {0};
    char *key, *value;
    while (list_cut_property(&list, &key, &value))
        if (!read_property(&plug, &config, key, value))
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; deflate-on-oom=on|off, free-page-reporting=on|off, id=, "
                           "bus=pci.0, addr=2 to 1f and romfile=FILE are",
                           device, key, value != NULL ? value : "");
    if (d->plugged)
        return why_set(why, n, -EINVAL, "-device %s: there is one already, and a machine has one at most", device);
    if (plug.id != NULL && (d->id = strdup(plug.id)) == NULL)
        return why_errno(why, n, -ENOMEM, device);
    loop_work_init(&d->more, more, m);
    virtio_pci_init(&d->pci, &id);
    virtio_balloon_init(&d->balloon, &d->pci.pci, &config, &ops, m);
    int r = virtio_plug(m, &d->pci, &d->balloon.virtio, &plug, d->balloon.virtio.queues + 1, why, n);
    d->plugged = r == 0;
    return r;
}

/* ---- monitors ---- */

int virtio_balloon_target(struct Machine *m, uint64_t bytes, char *why, size_t n) {
    uint64_t ram = m->config.ram_size;
    if (!m->virtio.balloon.plugged)
        return why_set(why, n, -ENODEV, "there is no balloon; -device virtio-balloon-pci puts one in");
    if (bytes == 0)
        return why_set(why, n, -EINVAL, "a guest needs some RAM; the target is above 0");
    uint64_t pages = bytes < ram ? (ram - bytes) / VIRTIO_BALLOON_PAGE : 0; /* more than there is: all of it */
    virtio_balloon_set_pages(&m->virtio.balloon.balloon, pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX);
    return 0;
}

bool virtio_balloon_actual(const struct Machine *m, uint64_t *bytes) {
    uint64_t given = (uint64_t)m->virtio.balloon.balloon.state.actual * VIRTIO_BALLOON_PAGE, ram = m->config.ram_size;
    *bytes = given < ram ? ram - given : 0; /* whatever the driver writes */
    return m->virtio.balloon.plugged;
}
