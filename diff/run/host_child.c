/* SPDX-License-Identifier: MIT */
#include "diff/run/host_child.h"

#include "diff/run/host_signal.h"
#include "diff/run/stub_layout.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A case takes microseconds; one that takes so long of the processor, or sleeps so often when it is looked at, does not
 * end. Linux makes those sleep that meet split locks on Intel's processors, and lets them try again for ever. */
enum { LOOK_MS = 25, STUCK_MS = 250, STUCK_ASLEEP = 40, BATCH_MS = 60000 /* of the processor, for any batch */ };

/* ---- in the child ---- */

static bool map_page(int fd, uint64_t linear, uint64_t phys, size_t size, int prot) {
    void *at = (void *)(uintptr_t)linear;
    return mmap(at, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, (off_t)phys) == at;
}

static int protection(const struct DiffPage *p) {
    if (p->linear == STUB_BASE)
        return PROT_READ | PROT_EXEC;
    if (!(p->attr & DIFF_PAGE_USER) || (p->attr & DIFF_PAGE_HOLE))
        return PROT_NONE;
    return PROT_READ | (p->attr & DIFF_PAGE_WRITE ? PROT_WRITE : 0) | (p->attr & DIFF_PAGE_NX ? 0 : PROT_EXEC);
}

/** Pages that follow one another are one mapping. */
static bool map_space(const struct DiffSpace *s, bool stub) {
    for (unsigned k = 0, n; k < s->pages; k += n) {
        int prot = protection(&s->page[k]);
        for (n = 1; k + n < s->pages; n++)
            if (s->page[k + n].linear != s->page[k].linear + n * 4096ull || protection(&s->page[k + n]) != prot)
                break;
        if (!map_page(s->ram.memfd, s->page[k].linear, k * 4096ull, n * 4096ull, prot))
            return false;
    }
    return !stub || map_page(s->ram.memfd, DIFF_SYS + DIFF_SYS_STACK, s->sys_phys + DIFF_SYS_STACK, 4096,
                    PROT_READ | PROT_WRITE);
}

/** What the system must have for these cases. */
static char look(const struct HostMail *mail) {
    if (mail->frames != NULL && !diff_host_has_code32())
        return HOST_NO_CODE32;
    return mail->frames != NULL && !diff_host_has_local() ? HOST_NO_LOCAL : HOST_READY;
}

_Noreturn static void child_main(const struct DiffSpace *s, struct HostMail *mail, int fd) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    char told = look(mail), word;
    bool ok = told == HOST_READY && map_space(s, mail->frames == NULL) && diff_host_alone() &&
              diff_host_signals(mail) && diff_host_bases() && syscall(SYS_arch_prctl, ARCH_GET_FS, &mail->fs) == 0 &&
              diff_host_lock();
    if (told == HOST_READY && !ok)
        told = HOST_FAILED;
    while (diff_host_write(fd, &told, 1) == 1 && ok && diff_host_read(fd, &word, 1) == 1)
        told = (char)diff_host_start();
    if (!ok)
        _exit(1);
    diff_host_exit(0);
}

/* ---- in the parent ---- */

/** Nanoseconds of processor time. */
static int64_t time_used(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/** Whether it neither runs nor would like to. */
static bool asleep(pid_t pid) {
    char path[40], text[256];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *state = strrchr(text, ')'); /* "PID (NAME) STATE ..." */
    return state != NULL && state[1] != '\0' && state[2] != 'R';
}

/** Its next word; 0: there is none within LOOK_MS; -1: nor will there be. */
static int hear(struct HostChild *c) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char word;
    int n = poll(&p, 1, LOOK_MS);
    if (n == 0 || (n < 0 && errno == EINTR))
        return 0;
    return n > 0 && read(c->fd, &word, 1) == 1 ? word : -1;
}

/** Wait for its next word, while *progress tells that it goes on; 0: it does not. */
static int wait_for(struct HostChild *c, const volatile uint32_t *progress) {
    uint32_t last = *progress;
    const int64_t began = time_used(c->pid);
    int64_t since = began;
    unsigned sleeps = 0;
    int word;
    while ((word = hear(c)) == 0) {
        uint32_t now = *progress;
        int64_t used = time_used(c->pid);
        if (now != last && used - began < BATCH_MS * 1000000ll) {
            last = now;
            since = used;
            sleeps = 0;
            continue;
        }
        sleeps += asleep(c->pid);
        if (used - since > STUCK_MS * 1000000ll || sleeps > STUCK_ASLEEP)
            return 0;
    }
    return word;
}

void host_child_stop(struct HostChild *c) {
    if (c->fd >= 0)
        close(c->fd);
    if (c->pid > 0)
        diff_host_end(c->pid);
    c->fd = -1;
    c->pid = 0;
}

/** Its first word: a process that is being made may sleep, but not for ever. */
static int first_word(struct HostChild *c) {
    int word = 0;
    for (unsigned looks = 0; word == 0 && looks < 60000 / LOOK_MS; looks++)
        word = hear(c);
    return word;
}

static int refused(int word, char *why, size_t n) {
    if (word == HOST_NO_CODE32)
        return snprintf(why, n, "host: this kernel runs no 32-bit code (it has no code segment 23h for programs)"),
               -ENOTSUP;
    if (word == HOST_NO_LOCAL)
        return snprintf(why, n, "host: this kernel gives programs no segments of their own (modify_ldt)"), -ENOTSUP;
    return snprintf(why, n,
                    "host: a process for the cases can't be had: it finds no room at their addresses, or may not use "
                    "seccomp or RDFSBASE"),
           -EIO;
}

int host_child_start(struct HostChild *c, const struct DiffSpace *space, struct HostMail *mail, char *why, size_t n) {
    int pair[2];
    *c = (struct HostChild){.space = space, .mail = mail, .fd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return snprintf(why, n, "host: %s", strerror(errno)), -errno;
    c->pid = fork();
    if (c->pid == 0) {
        close(pair[0]);
        child_main(space, mail, pair[1]);
    }
    close(pair[1]);
    c->fd = pair[0];
    int word = c->pid > 0 ? first_word(c) : 0;
    if (word == HOST_READY)
        return 0;
    host_child_stop(c);
    return refused(word, why, n);
}

enum HostEnd host_child_run(struct HostChild *c, const volatile uint32_t *progress) {
    char go = 'g';
    int word = send(c->fd, &go, 1, MSG_NOSIGNAL) == 1 ? wait_for(c, progress) : -1;
    if (word == HOST_DONE)
        return HOST_END_DONE;
    if (word == HOST_LOST || word == HOST_REFUSED)
        return word == HOST_LOST ? HOST_END_LOST : HOST_END_REFUSED;
    host_child_stop(c);
    return word == 0 ? HOST_END_STUCK : HOST_END_DIED;
}
