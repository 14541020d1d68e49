/* SPDX-License-Identifier: MIT */
/* Commands about drives. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void monitor_info_block(struct Monitor *mon, char *args) {
    const char *id = monitor_word(mon, &args);
    bool verbose = id != NULL && strcmp(id, "-v") == 0;
    if (verbose)
        id = monitor_word(mon, &args);
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    if (!storage_print(mon->m, id, verbose, mon->out))
        fprintf(mon->out, "there is no drive '%s'; info block lists them\n", id);
    pthread_mutex_unlock(&mon->m->lock);
}

void monitor_info_blockstats(struct Monitor *mon, char *args) {
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    storage_print_stats(mon->m, mon->out);
    pthread_mutex_unlock(&mon->m->lock);
}

/* "-f", if it is there, and the drive. NULL: something is missing, which was said. */
static const char *drive_of(struct Monitor *mon, char **args, bool *force, const char *usage) {
    const char *word = monitor_word(mon, args);
    *force = word != NULL && strcmp(word, "-f") == 0;
    if (*force)
        word = monitor_word(mon, args);
    if (word == NULL)
        fprintf(mon->out, "%s\n", usage);
    return word;
}

void monitor_eject(struct Monitor *mon, char *args) {
    char why[BLOCK_WHY];
    bool force;
    const char *id = drive_of(mon, &args, &force, "eject needs a drive; info block lists them");
    if (id == NULL || !monitor_no_more(mon, args))
        return;
    struct Block *medium;
    pthread_mutex_lock(&mon->m->lock);
    int r = storage_eject(mon->m, id, force, &medium, why, sizeof(why));
    pthread_mutex_unlock(&mon->m->lock);
    block_close(medium);
    if (r != 0)
        fprintf(mon->out, "%s\n", why);
}

void monitor_change(struct Monitor *mon, char *args) {
    static const char usage[] = "change needs a drive and a file, such as: change ide1-cd0 /tmp/other.iso";
    char why[BLOCK_WHY];
    bool force;
    const char *id = drive_of(mon, &args, &force, usage);
    const char *file = id != NULL ? monitor_word(mon, &args) : NULL;
    if (id != NULL && file == NULL)
        fprintf(mon->out, "%s\n", usage);
    if (file == NULL)
        return;
    const char *format = monitor_word(mon, &args);
    if (!monitor_no_more(mon, args))
        return;
    struct Block *medium;
    int r = storage_open_medium(mon->m, id, file, format, &medium, why, sizeof(why));
    if (r == 0 && (r = session_hold(mon->session, why, sizeof(why))) == 0) {
        pthread_mutex_lock(&mon->m->lock);
        r = storage_change(mon->m, id, &medium, force, why, sizeof(why));
        pthread_mutex_unlock(&mon->m->lock);
        session_release(mon->session);
    }
    block_close(medium);
    if (r != 0)
        fprintf(mon->out, "%s\n", why);
}

/* "20G", "512" (MiB, as QEMU has it), "4096B". */
static bool read_size(const char *word, uint64_t *size) {
    static const char units[] = "BKMGT";
    char *end;
    errno = 0;
    uint64_t number = strtoull(word, &end, 10);
    const char *unit = strchr(units, *end != '\0' ? *end & ~0x20 : 'M');
    if (end == word || word[0] == '-' || errno != 0 || unit == NULL || (*end != '\0' && end[1] != '\0'))
        return false;
    unsigned shift = 10 * (unsigned)(unit - units);
    *size = number << shift;
    return *size >> shift == number;
}

void monitor_block_resize(struct Monitor *mon, char *args) {
    char why[BLOCK_WHY];
    uint64_t size;
    const char *id = monitor_word(mon, &args), *word = id != NULL ? monitor_word(mon, &args) : NULL;
    if (word == NULL || !read_size(word, &size)) {
        fputs("block_resize needs a drive and a size, such as: block_resize virtio0 20G\n", mon->out);
        return;
    }
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    if (storage_resize(mon->m, id, size, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}

static void commit(struct Monitor *mon, const char *id) {
    char why[BLOCK_WHY];
    if (storage_commit(mon->m, id, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

/* "all": those that have a backing file. */
void monitor_commit(struct Monitor *mon, char *args) {
    struct BlockInfo info;
    const char *id = monitor_word(mon, &args);
    if (id == NULL)
        fputs("commit needs a drive, or all\n", mon->out);
    if (id == NULL || !monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    if (strcmp(id, "all") != 0)
        commit(mon, id);
    else
        for (struct StorageDrive *d = mon->m->storage.drives; d != NULL; d = d->next)
            if (d->block != NULL && block_info(d->block, 1, &info))
                commit(mon, d->id);
    pthread_mutex_unlock(&mon->m->lock);
}
