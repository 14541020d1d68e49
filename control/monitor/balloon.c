/* SPDX-License-Identifier: MIT */
/* Commands about the balloon. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MIB = 1 << 20 };

/* What the guest said last; the next look has what it says now. */
static void print_stats(struct Monitor *mon, struct VirtioBalloon *b) {
    for (unsigned i = 0; i < VIRTIO_BALLOON_STATS; i++)
        if ((b->state.stats_known >> i & 1) != 0)
            fprintf(mon->out, "  %s=%" PRIu64 "\n", virtio_balloon_stat_names[i], b->state.stat[i]);
    virtio_balloon_ask_stats(b);
}

void monitor_info_balloon(struct Monitor *mon, char *args) {
    uint64_t bytes;
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    if (virtio_balloon_actual(mon->m, &bytes)) {
        fprintf(mon->out, "balloon: actual=%" PRIu64 "\n", bytes / MIB);
        print_stats(mon, &mon->m->virtio.balloon.balloon);
    } else {
        fputs("there is no balloon; -device virtio-balloon-pci puts one in\n", mon->out);
    }
    pthread_mutex_unlock(&mon->m->lock);
}

void monitor_balloon(struct Monitor *mon, char *args) {
    char why[160], *end;
    errno = 0;
    uint64_t mib = strtoull(args, &end, 0);
    if (args[0] < '0' || args[0] > '9' || *end != '\0' || errno != 0 || mib > UINT64_MAX / MIB) {
        fprintf(mon->out, "balloon needs a number of MiB that the guest shall have, such as: balloon 128\n");
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    if (virtio_balloon_target(mon->m, mib * MIB, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}
