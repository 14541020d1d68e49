/* SPDX-License-Identifier: MIT */
/* The sandbox: in a child, a thread of each kind is locked in as in a machine, and tries what it must not do. */
#include "block/block.h"
#include "block/uring.h"
#include "sandbox/filter.h"
#include "sandbox/refused.h"
#include "sandbox/rules.h"
#include "sandbox/sandbox.h"
#include "tests/unit/suites.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_KVM
#include <linux/kvm.h>
#endif
#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

enum {
    MAIN = 1 << SANDBOX_MAIN,
    LOOP = 1 << SANDBOX_LOOP,
    ALL = (1 << SANDBOX_THREADS) - 1,
    BLOCK = 1 << SANDBOX_BLOCK,
    FOLDER = 1 << SANDBOX_FOLDER,
    FILES = MAIN | FOLDER,
    WORKERS = ALL & ~MAIN & ~LOOP,
    PAGE = 4096,
};

/* System calls with arguments by which nothing comes of them where they are allowed, but another error than EPERM. */
static const struct Attempt {
    const char *name;
    unsigned refused; /* kinds of threads */
    unsigned works;   /* kinds where the error is none or another */
    long call, argument[6];
} attempts[] = {
    {"execve", ALL, 0, SYS_execve, {0}},
    {"execveat", ALL, 0, SYS_execveat, {-1}},
    {"fork", ALL, 0, SYS_fork, {0}},
    {"vfork", ALL, 0, SYS_vfork, {0}},
    {"clone of a process", ALL, 0, SYS_clone, {SIGCHLD}},
    {"clone into a new user namespace", ALL, 0, SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
    {"ptrace", ALL, 0, SYS_ptrace, {-1}},
    {"process_vm_readv", ALL, 0, SYS_process_vm_readv, {1}},
    {"process_vm_writev", ALL, 0, SYS_process_vm_writev, {1}},
    {"kill", ALL, 0, SYS_kill, {1, 0}},
    {"tgkill of another process", ALL, 0, SYS_tgkill, {1, 1, 0}},
    {"tgkill of us", 0, ALL, SYS_tgkill, {0, -1, 0}},
    {"mmap to execute", ALL, 0, SYS_mmap, {0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mprotect to execute", ALL, 0, SYS_mprotect, {0, PAGE, PROT_READ | PROT_EXEC}},
    {"mprotect with high bits", ALL, 0, SYS_mprotect, {0, PAGE, PROT_EXEC | 1l << 40}},
    {"pkey_mprotect", ALL, 0, SYS_pkey_mprotect, {0, PAGE, PROT_EXEC, -1}},
    {"mmap", 0, ALL, SYS_mmap, {0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mount", ALL, 0, SYS_mount, {0}},
    {"unshare", ALL, 0, SYS_unshare, {CLONE_NEWUSER}},
    {"setns", ALL, 0, SYS_setns, {-1}},
    {"chroot", ALL, 0, SYS_chroot, {0}},
    {"bpf", ALL, 0, SYS_bpf, {0}},
    {"perf_event_open", ALL, 0, SYS_perf_event_open, {0}},
    {"userfaultfd", ALL, 0, SYS_userfaultfd, {-1}},
    {"keyctl", ALL, 0, SYS_keyctl, {-1}},
    {"personality", ALL, 0, SYS_personality, {0xffffffff}},
    {"init_module", ALL, 0, SYS_init_module, {0}},
    {"setuid", ALL, 0, SYS_setuid, {-1}},
    {"setpriority", ALL, 0, SYS_setpriority, {-1}},
    {"prctl(PR_SET_DUMPABLE)", ALL, 0, SYS_prctl, {PR_SET_DUMPABLE, 3}},
    {"prlimit64 of another process", ALL, 0, SYS_prlimit64, {1, RLIMIT_CORE, 0, 0}},
    {"chmod to setuid", ALL, 0, SYS_chmod, {0, 04755}},
    {"chmod", ALL & ~MAIN, MAIN, SYS_chmod, {0, 0600}},
    {"open", ALL & ~MAIN, MAIN, SYS_open, {0, O_RDONLY}},
    {"openat to write", ALL & ~FILES, FILES, SYS_openat, {AT_FDCWD, 0, O_WRONLY}},
    {"openat2", ALL & ~FOLDER, FOLDER, SYS_openat2, {AT_FDCWD}},
    {"unlink", ALL & ~MAIN, MAIN, SYS_unlink, {0}},
    {"socket, raw", ALL, 0, SYS_socket, {AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1}},
    {"socket, packet", ALL, 0, SYS_socket, {AF_PACKET, SOCK_DGRAM, 0}},
    {"socket, vsock", ALL, 0, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"socket, netlink", WORKERS, 0, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
    {"socket, TCP", WORKERS, MAIN | LOOP, SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, -1}},
    {"socket, UDP with high bits", WORKERS, MAIN | LOOP, SYS_socket, {AF_INET6 | 1l << 32, SOCK_DGRAM, -1}},
    {"socket, local", WORKERS, MAIN | LOOP, SYS_socket, {AF_UNIX, SOCK_STREAM, -1}},
    {"connect", WORKERS, MAIN | LOOP, SYS_connect, {-1}},
    {"bind", WORKERS, MAIN | LOOP, SYS_bind, {-1}},
    {"ioctl(TIOCSTI)", ALL, 0, SYS_ioctl, {-1, TIOCSTI}},
    {"ioctl(TIOCSTI) with high bits", ALL, 0, SYS_ioctl, {-1, TIOCSTI | 1l << 32}},
    {"ioctl(TCGETS)", WORKERS, MAIN | LOOP, SYS_ioctl, {-1, TCGETS}},
    {"fcntl(F_SETOWN)", ALL, 0, SYS_fcntl, {-1, F_SETOWN}},
    {"io_uring_setup", ALL & ~MAIN, MAIN, SYS_io_uring_setup, {0}},
    {"io_uring_register", ALL & ~MAIN, MAIN, SYS_io_uring_register, {-1}},
    {"write", 0, ALL, SYS_write, {-1}},
    {"futex", 0, ALL, SYS_futex, {0}},
    {"fdatasync", ALL & ~MAIN & ~BLOCK & ~FOLDER, MAIN | BLOCK | FOLDER, SYS_fdatasync, {-1}},
    {"rt_sigaction", ALL & ~MAIN, MAIN, SYS_rt_sigaction, {-1}},
    {"a call that does not exist", ALL, 0, 9999, {0}},
#ifdef HAVE_KVM
    {"ioctl(KVM_RUN)", ALL & ~MAIN & ~(1 << SANDBOX_VCPU_KVM), 1 << SANDBOX_VCPU_KVM, SYS_ioctl, {-1, KVM_RUN}},
    {"ioctl(KVM_CREATE_VM)", ALL & ~MAIN, MAIN, SYS_ioctl, {-1, KVM_CREATE_VM}},
#endif
};
enum { ATTEMPTS = sizeof(attempts) / sizeof(attempts[0]) };

/* A thread that is there before the sandbox is closed. */
struct Inmate {
    struct Sandbox sandbox;
    enum SandboxThread kind;
    struct SandboxOptions options;
    int log[2];
    int error[ATTEMPTS];
    int entered;
};

static void try_all(struct Inmate *i) {
    pthread_setname_np(pthread_self(), "CPU 7");
    for (unsigned k = 0; k < ATTEMPTS; k++) {
        const long *a = attempts[k].argument;
        long first = strcmp(attempts[k].name, "tgkill of us") == 0 ? getpid() : a[0];
        errno = 0;
        i->error[k] = syscall(attempts[k].call, first, a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
    }
}

static void *inmate(void *opaque) {
    struct Inmate *i = opaque;
    bool inside = false;
    while (!atomic_load(&i->sandbox.closed))
        sched_yield();
    i->entered = sandbox_enter(&i->sandbox, i->kind, &inside);
    try_all(i);
    return NULL;
}

/* In a child that has nothing to lose: 0 when all is as the table says. */
static int visit(struct Inmate *i) {
    pthread_t thread;
    char why[256];
    i->options.log_fd = i->log[1];
    if (i->kind != SANDBOX_MAIN && pthread_create(&thread, NULL, inmate, i) != 0)
        return 100;
    if (sandbox_close(&i->sandbox, &i->options, why, sizeof(why)) != 0) {
        printf("%s\n", why);
        return 101;
    }
    if (i->kind == SANDBOX_MAIN)
        try_all(i);
    else
        pthread_join(thread, NULL);
    int bad = i->entered != 0;
    for (unsigned k = 0; k < ATTEMPTS; k++) {
        bool refused = i->error[k] == EPERM;
        if (refused ? (attempts[k].works >> i->kind & 1) != 0 : (attempts[k].refused >> i->kind & 1) != 0) {
            printf("thread of kind %d: %s: %s\n", (int)i->kind, attempts[k].name, strerror(i->error[k]));
            bad++;
        }
    }
    fflush(stdout);
    return bad;
}

static int run_child(int (*fn)(void *opaque), void *opaque) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(fn(opaque));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int visit_child(void *opaque) { return visit(opaque); }

static unsigned count_of(const char *text, const char *word) {
    unsigned n = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        n++;
    }
    return n;
}

START_TEST(forbidden_calls_fail_and_are_told_of) {
    static char text[65536];
    struct Inmate i = {.kind = (enum SandboxThread)_i};
    ck_assert_int_eq(pipe2(i.log, O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_eq(run_child(visit_child, &i), 0);
    ssize_t n = read(i.log[0], text, sizeof(text) - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_uint_eq(count_of(text, "twin86: sandbox: the thread 'CPU 7' tried the system call execve, "), 1);
    ck_assert_uint_eq(count_of(text, "the system call ptrace, "), 1);
    ck_assert_uint_eq(count_of(text, "the system call mprotect, "), 1); /* once, however often it is tried */
    ck_assert_uint_eq(count_of(text, "the system call 9999, "), 1);
    ck_assert_ptr_null(strstr(text, "the system call write, "));
    close(i.log[0]);
    close(i.log[1]);
}
END_TEST

/* ---- what is allowed on request ---- */

static int close_with(void *opaque) {
    struct Sandbox s = {0};
    char why[256];
    return sandbox_close(&s, opaque, why, sizeof(why));
}

static int spawns(void *opaque) {
    int status, r = close_with(opaque);
    pid_t pid = r == 0 ? fork() : -1;
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 7", NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
        return 1;
    /* but nothing dangerous */
    return (syscall(SYS_ptrace, -1, 0, 0, 0) == -1 && errno == EPERM) ? 0 : 2;
}

static int elevates(void *opaque) {
    int r = close_with(opaque);
    if (r != 0)
        return 1;
    return syscall(SYS_setuid, getuid()) == 0 && syscall(SYS_fork) < 0 ? 0 : 2;
}

static int controls(void *opaque) {
    int r = close_with(opaque);
    return r != 0 ? 1 : setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)) == 0 || errno != EPERM ? 0 : 2;
}

static int does_old_things(void *opaque) {
    int r = close_with(opaque);
    return r != 0 ? 1 : syscall(SYS_sysfs, 99) < 0 && errno != EPERM ? 0 : 2;
}

START_TEST(exceptions_are_made_on_request) {
    static const struct {
        int (*fn)(void *opaque);
        struct SandboxOptions options;
    } cases[] = {
        {spawns, {.spawn = true, .log_fd = -1}},
        {elevates, {.elevate_privileges = true, .log_fd = -1}},
        {controls, {.resource_control = true, .log_fd = -1}},
        {does_old_things, {.obsolete = true, .log_fd = -1}},
    };
    struct SandboxOptions none = {.log_fd = -1};
    ck_assert_int_eq(run_child(cases[_i].fn, (void *)&cases[_i].options), 0);
    ck_assert_int_ne(run_child(cases[_i].fn, &none), 0);
}
END_TEST

/* ---- user networks ---- */

static void *network_thread(void *opaque) {
    struct Inmate *i = opaque;
    char text[16];
    bool inside = false;
    while (!atomic_load(&i->sandbox.closed))
        sched_yield();
    if (sandbox_enter(&i->sandbox, i->kind, &inside) != 0)
        return NULL;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    i->error[0] = s >= 0 ? 0 : errno;
    for (unsigned k = 1; k < 3; k++) { /* again and again from its start */
        int fd = open("/etc/resolv.conf", O_RDONLY);
        i->error[k] = fd >= 0 && read(fd, text, 1) >= 0 ? 0 : errno;
    }
    i->error[3] = open("/etc/passwd", O_RDONLY) >= 0 ? 0 : errno; /* the TFTP server's */
    i->error[4] = open("/etc/resolv.conf", O_RDWR) >= 0 ? 0 : errno;
    return NULL;
}

static int use_network(void *opaque) {
    struct Inmate *i = opaque;
    pthread_t thread;
    char why[256];
    i->options.log_fd = -1;
    for (unsigned k = 0; k < 5; k++)
        i->error[k] = -1;
    if (pthread_create(&thread, NULL, network_thread, i) != 0 ||
        sandbox_close(&i->sandbox, &i->options, why, sizeof(why)) != 0)
        return 100;
    pthread_join(thread, NULL);
    int there = access("/etc/resolv.conf", R_OK) == 0 && i->options.user_network ? 0 : EPERM;
    return (i->error[0] != (i->options.user_network ? 0 : EPERM)) | (i->error[1] != there) << 1 |
           (i->error[2] != there) << 2 | (i->error[3] != (i->options.tftp ? 0 : EPERM)) << 3 |
           (i->error[4] != EPERM) << 4;
}

START_TEST(user_networks_work_in_vcpus_where_there_are_some) {
    struct Inmate i = {.kind = _i % 2 == 0 ? SANDBOX_VCPU : SANDBOX_VCPU_KVM,
                       .options = {.user_network = _i >= 2, .tftp = _i >= 4}};
    ck_assert_int_eq(run_child(use_network, &i), 0);
}
END_TEST

/* ---- 32-bit calls ---- */

static int call_32(void *opaque) {
    long r;
    if (close_with(opaque) != 0)
        return 1;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20l /* getpid there */) : "memory", "r8", "r9", "r10", "r11");
    return r == -ENOSYS ? 3 : 2;
}

START_TEST(a_32_bit_call_ends_the_process) {
    struct SandboxOptions o = {.log_fd = -1};
    int r = run_child(call_32, &o);
    ck_assert_msg(r == -SIGSYS || r == -SIGSEGV /* a kernel without them */, "%d", r);
}
END_TEST

/* ---- threads of disks ---- */

static bool status_says(const char *tid, const char *name) {
    char path[64 + 256], line[256], text[64] = "";
    bool named = false, inside = false;
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Name: %63[^\n]", text) == 1)
            named = strcmp(text, name) == 0;
        inside |= strncmp(line, "Seccomp:\t2", 10) == 0;
    }
    if (f != NULL)
        fclose(f);
    return named && inside;
}

static bool thread_is_inside(const char *name) {
    bool found = false;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        found |= status_says(e->d_name, name);
    if (d != NULL)
        closedir(d);
    return found;
}

/* Opened before the sandbox is closed (*opaque 0) or in it: work is done, by threads that are locked in. */
static int use_disk(void *opaque) {
    int kind = *(int *)opaque;
    struct Sandbox s = {0};
    struct SandboxOptions o = {.log_fd = STDOUT_FILENO};
    char path[] = "/tmp/twin86-sandbox-XXXXXX", why[512], data[PAGE] = "data", back[PAGE];
    int fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, 1 << 20) != 0)
        return 1;
    struct BlockOptions bo = {.filename = path, .format = "raw", .sandbox = &s};
    bo.aio = kind >= 2 ? BLOCK_AIO_IO_URING : BLOCK_AIO_THREADS;
    struct Block *b = NULL;
    if (kind % 2 == 0 && block_open(&b, &bo, NULL, why, sizeof(why)) != 0)
        return 2;
    if (sandbox_close(&s, &o, why, sizeof(why)) != 0)
        return 3;
    if (kind % 2 == 1 && block_open(&b, &bo, NULL, why, sizeof(why)) != 0)
        return printf("%s\n", why), fflush(stdout), 4;
    int bad = 0;
    for (unsigned k = 0; k < 64; k++) /* many, so that threads are made by threads */
        bad += block_sync(b, BLOCK_WRITE, k * PAGE, data, PAGE) != 0;
    bad += block_sync(b, BLOCK_FLUSH, 0, NULL, 0) != 0;
    bad += block_sync(b, BLOCK_READ, PAGE, back, PAGE) != 0 || memcmp(data, back, PAGE) != 0;
    bad += !thread_is_inside(kind >= 2 ? "disk ring" : "disk");
    bad += block_close(b) != 0;
    unlink(path);
    return bad == 0 ? 0 : 5;
}

START_TEST(disks_work_and_their_threads_are_inside) {
    if (_i >= 2 && block_uring_probe() != 0) {
        suite_skip("disks in the sandbox", 1, "no io_uring here");
        return;
    }
    ck_assert_int_eq(run_child(use_disk, &_i), 0);
}
END_TEST

#ifdef HAVE_LIBURING
static int result_of(struct io_uring *ring, void (*prepare)(struct io_uring_sqe *sqe)) {
    struct io_uring_cqe *cqe;
    prepare(io_uring_get_sqe(ring));
    ck_assert_int_eq(io_uring_submit_and_wait(ring, 1), 1);
    ck_assert_int_eq(io_uring_peek_cqe(ring, &cqe), 0);
    int result = cqe->res;
    io_uring_cqe_seen(ring, cqe);
    return result;
}

static void prepare_open(struct io_uring_sqe *sqe) { io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0); }
static void prepare_socket(struct io_uring_sqe *sqe) { io_uring_prep_connect(sqe, -1, NULL, 0); }
static void prepare_nop(struct io_uring_sqe *sqe) { io_uring_prep_nop(sqe); }

START_TEST(a_ring_is_no_way_around) {
    struct io_uring ring;
    int r = block_uring_make_ring(&ring);
    if (r != 0) {
        suite_skip("what a ring may do", 1, strerror(-r));
        return;
    }
    ck_assert_int_eq(result_of(&ring, prepare_nop), 0);
    ck_assert_int_eq(result_of(&ring, prepare_open), -EACCES);
    ck_assert_int_eq(result_of(&ring, prepare_socket), -EACCES);
    ck_assert_int_lt(syscall(SYS_io_uring_register, ring.ring_fd, IORING_REGISTER_FILES, &ring.ring_fd, 1), 0);
    ck_assert_int_eq(errno, EACCES);
    io_uring_queue_exit(&ring);
}
END_TEST
#endif

/* ---- the table ---- */

/* What threads are that the session's thread starts inherits its filter: it must not lack anything of theirs. */
START_TEST(the_session_may_what_its_threads_may) {
    for (unsigned i = 0; i < sandbox_rule_count; i++) {
        const struct SandboxRule *r = &sandbox_rules[i];
        bool covered = (r->threads & (BLOCK | 1 << SANDBOX_RING)) == 0 || r->error != 0;
        for (unsigned k = 0; k < sandbox_rule_count && !covered; k++) {
            const struct SandboxRule *of = &sandbox_rules[k];
            covered = of->call == r->call && (of->threads & MAIN) != 0 && of->error == 0 &&
                      (of->test[0].kind == TEST_NONE || memcmp(of->test, r->test, sizeof(r->test)) == 0);
        }
        ck_assert_msg(covered, "the row of %s for threads %x", sandbox_call_name(r->call), r->threads);
    }
}
END_TEST

START_TEST(filters_are_short) {
    struct SandboxOptions o = {0};
    struct SandboxProgram *p;
    ck_assert_int_eq(sandbox_compile((enum SandboxThread)_i, &o, &p), 0);
    ck_assert_uint_gt(p->count, 20);
    ck_assert_uint_lt(p->count, 2000); /* the kernel takes 4096 */
    free(p);
}
END_TEST

Suite *sandbox_suite(void) {
    Suite *s = suite_create("sandbox");
    TCase *t = tcase_create("sandbox");
    char why[256];
    tcase_add_test(t, the_session_may_what_its_threads_may);
#ifdef HAVE_LIBURING
    tcase_add_test(t, a_ring_is_no_way_around);
#endif
    tcase_add_loop_test(t, filters_are_short, 0, SANDBOX_THREADS);
    if (sandbox_probe(why, sizeof(why)) != 0) {
        suite_skip("the sandbox", 4, why);
    } else {
        tcase_add_loop_test(t, forbidden_calls_fail_and_are_told_of, 0, SANDBOX_THREADS);
        tcase_add_loop_test(t, exceptions_are_made_on_request, 0, 4);
        tcase_add_loop_test(t, user_networks_work_in_vcpus_where_there_are_some, 0, 6);
        tcase_add_test(t, a_32_bit_call_ends_the_process);
        tcase_add_loop_test(t, disks_work_and_their_threads_are_inside, 0, 4);
    }
    suite_add_tcase(s, t);
    return s;
}
