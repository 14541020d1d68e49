/* SPDX-License-Identifier: MIT */
/* twin86_diff_guest: which way of lockstep, and the summary. See lockstep.h. */
#include "diff/diff.h"
#include "diff/guest/lockstep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVERY_PAIR = 1000000, EVERY_FOLLOW = 50000, LAST_DEFAULT = 20, LAST_MAX = 100000, ENGINES_MAX = 200 };

int64_t lock_now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* ---- machines ---- */

struct Machine *lock_machine_new(const struct LockConfig *c, const char *engine, bool icount, bool output,
                                 struct LockResult *r) {
    Twin86Config config = c->machine;
    config.accel = engine;
    config.icount = icount;
    config.no_reboot = true;
    config.kernel_irqchip = false;
    config.trace = NULL;
    config.trace_output = NULL;
    if (!output)
        config.serial_output = config.debugcon_output = NULL;
    size_t bytes = (sizeof(struct Machine) + 63) & ~(size_t)63;
    struct Machine *m = aligned_alloc(64, bytes);
    if (m == NULL) {
        r->error = -ENOMEM;
        snprintf(r->why, sizeof(r->why), "out of memory");
        return NULL;
    }
    memset(m, 0, bytes);
    char why[200] = "";
    if (machine_create(m, &config, why, sizeof(why)) == 0 && machine_load(m, c->guest, why, sizeof(why)) == 0)
        return m;
    r->error = -EINVAL;
    snprintf(r->why, sizeof(r->why), "%s", why);
    lock_machine_free(m);
    return NULL;
}

void lock_machine_free(struct Machine *m) {
    if (m == NULL)
        return;
    machine_destroy(m);
    free(m);
}

/* ---- engines ---- */

/* "tcg-lite,plain=on,kvm": items with an '=' belong to the engine before them. The text is cut in two. */
static int split_engines(char *text, const char *engine[2], char *why, size_t n) {
    unsigned count = 0;
    char *at = text;
    while (at != NULL) {
        char *comma = strchr(at, ',');
        size_t length = comma != NULL ? (size_t)(comma - at) : strlen(at);
        if (memchr(at, '=', length) == NULL) {
            if (count == 2 || length == 0)
                break;
            if (at != text)
                at[-1] = '\0';
            engine[count++] = at;
        }
        at = comma != NULL ? comma + 1 : NULL;
    }
    if (at == NULL && count == 2)
        return 0;
    snprintf(why, n, "engines: two are compared, as in tcg-lite,kvm or tcg-lite,tcg-lite,plain=on");
    return -EINVAL;
}

static bool is_tcg(const char *engine) {
    return strncmp(engine, "tcg-lite", 8) == 0 && (engine[8] == '\0' || engine[8] == ',');
}

/* ---- the whole ---- */

static void tell_end(const struct LockResult *r, FILE *f) {
    static const char *const ends[] = {
        [TWIN86_EVENT_POWEROFF] = "the guest powered off",
        [TWIN86_EVENT_RESET] = "the guest asked for a reset",
        [TWIN86_EVENT_DEBUG_EXIT] = "the guest wrote to isa-debug-exit",
        [TWIN86_EVENT_TRIPLE_FAULT] = "triple fault",
        [TWIN86_EVENT_PANIC] = "its kernel panicked",
        [TWIN86_EVENT_BUDGET] = "all that were asked for",
    };
    unsigned kind = r->end.kind;
    const char *how = r->timed_out                                                  ? "the time is up"
                      : kind < sizeof(ends) / sizeof(ends[0]) && ends[kind] != NULL ? ends[kind]
                                                                                    : "the run ended";
    fprintf(f, "no difference in %" PRIu64 " instructions (%s); RAM compared %" PRIu64 " times", r->instructions, how,
            r->compares);
    if (r->meetings != 0)
        fprintf(f, "; %" PRIu64 " steps compared, %" PRIu64 " returns", r->meetings, r->returns);
    if (r->given != 0)
        fprintf(f, "; %" PRIu64 " values given by the leader", r->given);
}

int twin86_diff_guest(const Twin86Config *config, const Twin86Guest *guest, const Twin86DiffGuest *options,
                      FILE *report, char *why, size_t n) {
    char engines[ENGINES_MAX];
    struct LockConfig c = {
        .machine = machine_whole_config(config),
        .guest = guest,
        .limit = options->instructions,
        .every = options->every,
        .history = options->last == 0         ? LAST_DEFAULT
                   : options->last > LAST_MAX ? LAST_MAX
                                              : options->last,
        .exits = options->exits,
        .timeout_ms = options->timeout_ms,
        .report = report,
    };
    struct LockResult result;
    snprintf(engines, sizeof(engines), "%s",
             options->engines != NULL ? options->engines : "tcg-lite,tcg-lite,plain=on");
    if (c.machine.cpus > 1) {
        snprintf(why, n, "engines are compared with one processor, not with %u", c.machine.cpus);
        return -EINVAL;
    }
    int e = split_engines(engines, c.engine, why, n);
    if (e != 0)
        return e;
    int64_t began = lock_now_ms();
    bool pair = is_tcg(c.engine[0]) && is_tcg(c.engine[1]) && !options->follow;
    if (!is_tcg(c.engine[0]) && is_tcg(c.engine[1])) { /* the software engine leads */
        const char *other = c.engine[0];
        c.engine[0] = c.engine[1];
        c.engine[1] = other;
    }
    if (!is_tcg(c.engine[0])) {
        snprintf(why, n, "engines: one of the two must be tcg-lite, which leads the other");
        return -EINVAL;
    }
    if (c.every == 0)
        c.every = pair ? EVERY_PAIR : EVERY_FOLLOW;
    char *cpu = diff_model_spec(c.machine.cpu);
    if (cpu == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    c.machine.cpu = cpu;
    (pair ? lock_run_pair : lock_run_follow)(&c, &result);
    free(cpu);
    if (result.outcome == LOCK_FAILED) {
        snprintf(why, n, "%s", result.why);
        return result.error;
    }
    if (result.outcome == LOCK_DIFFERENT)
        return 1;
    tell_end(&result, report);
    fprintf(report, "; %.1f s\n", (double)(lock_now_ms() - began) / 1000);
    if (result.timed_out) {
        snprintf(why, n, "the time is up");
        return -ETIMEDOUT;
    }
    return 0;
}
