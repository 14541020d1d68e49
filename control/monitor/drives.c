/* SPDX-License-Identifier: MIT */
/* Commands about drives. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <string.h>

void monitor_info_block(struct Monitor *mon, char *args) {
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    storage_print(mon->m, mon->out);
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
    pthread_mutex_lock(&mon->m->lock);
    if (storage_eject(mon->m, id, force, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
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
    pthread_mutex_lock(&mon->m->lock);
    if (storage_change(mon->m, id, file, format, force, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}
