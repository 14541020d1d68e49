/* SPDX-License-Identifier: MIT */
/* Saving and restoring a machine. See state.h. */
#include "machine/state.h"
#include "machine/state_file.h"

#include <errno.h>

/* With the lock held a machine that stands still goes on doing so. What is on its way between the guest and images is
 * finished first: it is in no state. */
static int hold(struct StateFile *s, struct Machine *m) {
    pthread_mutex_lock(&m->lock);
    if (!machine_running(m)) {
        machine_sync_state(m);
        storage_drain(m);
        virtio_folders_drain(m);
        return 0;
    }
    pthread_mutex_unlock(&m->lock);
    return state_file_fail(s, -EBUSY, "the machine is running");
}

int machine_save(struct Machine *m, FILE *f, char *why, size_t n) {
    struct StateFile s = {f, why, n};
    int r = hold(&s, m);
    if (r != 0)
        return r;
    r = state_file_begin(&s);
    if (r == 0 && (r = state_put_devices(&s, m)) == 0 && (r = state_put_identity(&s, m)) == 0 &&
        (r = state_put_parts(&s, m)) == 0)
        r = state_put_ram(&s, m);
    pthread_mutex_unlock(&m->lock);
    return r;
}

/* RAM is no one's now: begin anew. */
static void give_up(struct Machine *m) {
    char unused[200];
    machine_reset(m, unused, sizeof(unused));
    machine_post(m, CPU_EVENT_CODE | CPU_EVENT_MAP);
}

int machine_restore(struct Machine *m, FILE *f, char *why, size_t n) {
    struct StateFile s = {f, why, n};
    struct SavedMachine *saved = NULL;
    bool touched = false;
    int r = hold(&s, m);
    if (r != 0)
        return r;
    r = state_file_expect_begin(&s);
    if (r == 0 && (r = state_expect_devices(&s, m)) == 0 && (r = state_expect_identity(&s, m)) == 0 &&
        (r = state_get_parts(&s, m, &saved)) == 0 && (r = state_get_ram(&s, m, &touched)) == 0)
        r = state_apply_parts(&s, m, saved);
    if (r != 0 && touched)
        give_up(m);
    state_free_parts(saved);
    pthread_mutex_unlock(&m->lock);
    return r;
}
