/* SPDX-License-Identifier: MIT */
/* -device virtio-keyboard-pci, virtio-mouse-pci, virtio-tablet-pci. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

static const struct VirtioPciId ids[VIRTIO_INPUT_KINDS] = {
    [VIRTIO_KEYBOARD] = {"virtio-keyboard-pci", VIRTIO_TYPE_INPUT, 0x090000},
    [VIRTIO_MOUSE] = {"virtio-mouse-pci", VIRTIO_TYPE_INPUT, 0x090200},
    [VIRTIO_TABLET] = {"virtio-tablet-pci", VIRTIO_TYPE_INPUT, 0x098000},
};

int virtio_add_input(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct VirtioPlug plug = {0};
    char *key, *value;
    unsigned kind = 0;
    while (strcmp(ids[kind].name, device) != 0)
        kind++;
    struct VirtioInputDevice *d = &m->virtio.input[kind];
    while (list_cut_property(&list, &key, &value))
        if (!virtio_plug_property(&plug, key, value))
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; id=, bus=pci.0, addr=2 to 1f and romfile=FILE are", device,
                           key, value != NULL ? value : "");
    if (d->plugged)
        return why_set(why, n, -EINVAL, "-device %s: there is one already, and one is enough for any guest", device);
    virtio_pci_init(&d->pci, &ids[kind]);
    virtio_input_init(&d->input, &d->pci.pci, kind);
    int r = virtio_plug(m, &d->pci, &d->input.virtio, &plug, 3, why, n);
    d->plugged = r == 0;
    return r;
}

struct VirtioInput *virtio_input_of(struct Machine *m, enum VirtioInputKind kind) {
    struct VirtioInputDevice *d = &m->virtio.input[kind];
    return d->plugged && virtio_is_live(&d->input.virtio) ? &d->input : NULL;
}
