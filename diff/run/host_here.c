/* SPDX-License-Identifier: MIT */
#include "diff/run/host_here.h"

#include "diff/run/host_mail.h"
#include "diff/run/host_signal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct HostHere {
    struct HostMail mail;
    struct HostCases cases;
};

struct HostHere *host_here_open(void) {
    struct HostHere *h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED)
        return NULL;
    h->mail.frames = &h->cases;
    return diff_host_signals(&h->mail) ? h : NULL;
}

bool host_here_has_code32(void) { return diff_host_has_code32(); }

int host_here_map(uint64_t at, uint64_t size) {
    void *p = mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == (void *)(uintptr_t)at ? 0 : p == MAP_FAILED ? -errno : -EEXIST;
}

void host_here_run(struct HostHere *h, bool code32, const struct DiffState *in, struct DiffState *out) {
    static const struct HostSegments segments[2] = {
        {.selector = {[SEG_CS] = HOST_CS64, [SEG_SS] = HOST_DS}},
        {.selector = {HOST_DS, HOST_CS32, HOST_DS, HOST_DS, HOST_DS, HOST_DS}},
    };
    h->cases.segments[0] = segments[code32];
    memcpy(h->cases.in[0], in, sizeof(*in));
    h->cases.at = 0;
    h->cases.count = 1;
    diff_host_start();
    memcpy(out, h->cases.out[0], sizeof(*out));
    diff_state_finish(out);
}
