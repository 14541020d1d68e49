/* SPDX-License-Identifier: MIT */
/*
 * Which thread may do which system call. A call that is in no row of a thread's is refused there.
 *
 * To add one: a row here, with the threads that need it and the narrowest tests that do. What a thread does by way of a
 * library (libc's malloc, libnbd, libslirp ...) counts, too. The session's thread needs all that threads need which it
 * starts while the guest runs (those of a disk that the monitor adds), for they inherit its filter: the unit tests say
 * so when a row forgets it.
 */
#include "sandbox/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#ifdef HAVE_KVM
#include <linux/kvm.h>
#endif

enum {
    MAIN = 1 << SANDBOX_MAIN,
    LOOP = 1 << SANDBOX_LOOP,
    KVM = 1 << SANDBOX_VCPU_KVM,
    VCPU = 1 << SANDBOX_VCPU | KVM,
    BLOCK = 1 << SANDBOX_BLOCK,
    RING = 1 << SANDBOX_RING,
    FOLDER = 1 << SANDBOX_FOLDER,
    TFTP = 1 << SANDBOX_TFTP,
    ALL = (1 << SANDBOX_THREADS) - 1,
    HOST = MAIN | LOOP, /* talk to the host */
    DISK = MAIN | BLOCK,
    POOL = DISK | FOLDER, /* work on files, and start threads */
    WORK = BLOCK | FOLDER,
    PORT = HOST | VCPU, /* run device models: what the guest sends leaves in the thread in which it has sent it */
};

/* Of an int the kernel sees 32 bits; the others of the register may be anything. */
#define IS(argument, v) {TEST_BITS, argument, 0xffffffff, (uint32_t)(v)}
#define BITS(argument, mask, v) {TEST_BITS, argument, mask, v}
#define WITHOUT(argument, mask) {TEST_BITS, argument, mask, 0}
#define OWN_PID(argument) {TEST_OWN_PID, argument, 0, 0}

enum {
    THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
    NEW_NAMESPACE =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
    SOCKET_KIND = 0xf,     /* SOCK_STREAM ..., without SOCK_CLOEXEC and SOCK_NONBLOCK */
    KVM_REQUESTS = 0xae00, /* KVMIO, in the bits that say whose a request is */
    REQUEST_OF = 0xff00,
    /* Newer C libraries take these; their names are in a header that does not go together with termios.h. */
    TCGETS_2 = (int)0x802c542a,
    TCSETS_2 = 0x402c542b,
    TCSETSW_2 = 0x402c542c,
    TCSETSF_2 = 0x402c542d,
    PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
};

const struct SandboxRule sandbox_rules[] = {
    /* Memory: nothing that can be executed. */
    {SCMP_SYS(mmap), ALL, 0, {WITHOUT(2, PROT_EXEC)}},
    {SCMP_SYS(mprotect), ALL, 0, {WITHOUT(2, PROT_EXEC)}},
    {SCMP_SYS(munmap), ALL, 0, {{0}}},
    {SCMP_SYS(mremap), ALL, 0, {{0}}},
    {SCMP_SYS(madvise), ALL, 0, {{0}}},
    {SCMP_SYS(brk), ALL, 0, {{0}}},
    {SCMP_SYS(memfd_create), MAIN, 0, {{0}}},

    /* Waiting, time, and what a thread knows of itself. */
    {SCMP_SYS(futex), ALL, 0, {{0}}},
    {SCMP_SYS(clock_gettime), ALL, 0, {{0}}},
    {SCMP_SYS(clock_getres), ALL, 0, {{0}}},
    {SCMP_SYS(clock_nanosleep), ALL, 0, {{0}}},
    {SCMP_SYS(nanosleep), ALL, 0, {{0}}},
    {SCMP_SYS(gettimeofday), ALL, 0, {{0}}},
    {SCMP_SYS(time), ALL, 0, {{0}}},
    {SCMP_SYS(sched_yield), ALL, 0, {{0}}},
    {SCMP_SYS(sched_getaffinity), ALL, 0, {{0}}}, /* malloc: for how many threads to have arenas */
    {SCMP_SYS(getcpu), ALL, 0, {{0}}},
    {SCMP_SYS(getpid), ALL, 0, {{0}}},
    {SCMP_SYS(gettid), ALL, 0, {{0}}},
    {SCMP_SYS(getrandom), ALL, 0, {{0}}},
    {SCMP_SYS(getrusage), HOST, 0, {{0}}},
    {SCMP_SYS(sysinfo), HOST, 0, {{0}}},
    {SCMP_SYS(uname), HOST, 0, {{0}}},
    {SCMP_SYS(getuid), HOST, 0, {{0}}},
    {SCMP_SYS(geteuid), HOST, 0, {{0}}},
    {SCMP_SYS(getgid), HOST, 0, {{0}}},
    {SCMP_SYS(getegid), HOST, 0, {{0}}},
    {SCMP_SYS(getppid), HOST, 0, {{0}}},
    {SCMP_SYS(getpgrp), HOST, 0, {{0}}},                                /* whether the terminal is ours */
    {SCMP_SYS(prlimit64), HOST, 0, {IS(0, 0), BITS(2, UINT64_MAX, 0)}}, /* asks, changes nothing */
    {SCMP_SYS(getrlimit), HOST, 0, {{0}}},
    {SCMP_SYS(prctl), ALL, 0, {IS(0, PR_GET_NAME)}},
    {SCMP_SYS(prctl), ALL, 0, {IS(0, PR_SET_NAME)}},
    {SCMP_SYS(prctl), ALL, EINVAL, {IS(0, 0x53564d41)}}, /* PR_SET_VMA: libc names its memory where it can */

    /* Threads. A filter can only be made narrower. */
    {SCMP_SYS(clone), POOL, 0, {BITS(0, THREAD_FLAGS | NEW_NAMESPACE, THREAD_FLAGS)}},
    {SCMP_SYS(clone3), POOL, ENOSYS, {{0}}}, /* its flags are where no filter sees them; libc then takes clone */
    {SCMP_SYS(set_robust_list), POOL, 0, {{0}}},
    {SCMP_SYS(rseq), POOL, 0, {{0}}},
    {SCMP_SYS(set_tid_address), POOL, 0, {{0}}},
    {SCMP_SYS(prctl), MAIN, 0, {IS(0, PR_SET_NO_NEW_PRIVS)}},
    {SCMP_SYS(seccomp), MAIN, 0, {IS(0, SECCOMP_SET_MODE_FILTER)}},
    {SCMP_SYS(exit), ALL, 0, {{0}}},
    {SCMP_SYS(exit_group), ALL, 0, {{0}}},

    /* Signals, to ourselves alone. */
    {SCMP_SYS(tgkill), ALL, 0, {OWN_PID(0)}},
    {SCMP_SYS(rt_sigprocmask), ALL, 0, {{0}}},
    {SCMP_SYS(rt_sigreturn), ALL, 0, {{0}}},
    {SCMP_SYS(restart_syscall), ALL, 0, {{0}}},
    {SCMP_SYS(sigaltstack), ALL, 0, {{0}}},
    {SCMP_SYS(rt_sigtimedwait), MAIN | KVM, 0, {{0}}}, /* a kick out of KVM_RUN that came too late */
    {SCMP_SYS(rt_sigpending), MAIN | KVM, 0, {{0}}},
    {SCMP_SYS(rt_sigaction), MAIN, 0, {{0}}},
    {SCMP_SYS(setitimer), MAIN, 0, {{0}}},

    /* Descriptors that are there already. */
    {SCMP_SYS(read), ALL, 0, {{0}}},
    {SCMP_SYS(write), ALL, 0, {{0}}},
    {SCMP_SYS(readv), ALL, 0, {{0}}},
    {SCMP_SYS(writev), ALL, 0, {{0}}},
    {SCMP_SYS(close), ALL, 0, {{0}}},
    {SCMP_SYS(pread64), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(preadv), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(preadv2), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(pwrite64), PORT | WORK, 0, {{0}}}, /* from a vCPU: flash chips */
    {SCMP_SYS(pwritev), POOL, 0, {{0}}},
    {SCMP_SYS(pwritev2), POOL, 0, {{0}}},
    {SCMP_SYS(lseek), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(fstat), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(newfstatat), VCPU | BLOCK, 0, {BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)}}, /* libc's fstat */
    {SCMP_SYS(fsync), POOL, 0, {{0}}},
    {SCMP_SYS(fdatasync), POOL, 0, {{0}}},
    {SCMP_SYS(fallocate), DISK, 0, {{0}}},
    {SCMP_SYS(fallocate), LOOP | VCPU, 0, {IS(1, PUNCH)}}, /* RAM that the balloon gives back */
    {SCMP_SYS(ftruncate), POOL, 0, {{0}}},
    {SCMP_SYS(fcntl), PORT | WORK, 0, {IS(1, F_GETFL)}},
    {SCMP_SYS(fcntl), PORT, 0, {IS(1, F_SETFL)}},
    {SCMP_SYS(fcntl), PORT | WORK, 0, {IS(1, F_GETFD)}},
    {SCMP_SYS(fcntl), HOST, 0, {IS(1, F_SETFD)}},
    {SCMP_SYS(fcntl), HOST | FOLDER, 0, {IS(1, F_DUPFD_CLOEXEC)}},
    {SCMP_SYS(fcntl), HOST, 0, {IS(1, F_DUPFD)}},
    {SCMP_SYS(fcntl), DISK, 0, {IS(1, F_OFD_SETLK)}},
    {SCMP_SYS(fcntl), DISK, 0, {IS(1, F_OFD_GETLK)}},
    {SCMP_SYS(fcntl), MAIN, 0, {IS(1, F_GETPIPE_SZ)}},
    {SCMP_SYS(fcntl), MAIN, 0, {IS(1, F_SETPIPE_SZ)}},
    {SCMP_SYS(dup), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(dup2), MAIN, 0, {{0}}},
    {SCMP_SYS(dup3), MAIN, 0, {{0}}},
    {SCMP_SYS(pipe2), HOST, 0, {{0}}},

    /* The event loops. */
    {SCMP_SYS(epoll_wait), HOST, 0, {{0}}},
    {SCMP_SYS(epoll_pwait), HOST, 0, {{0}}},
    {SCMP_SYS(epoll_ctl), PORT, 0, {{0}}},
    {SCMP_SYS(epoll_create1), MAIN, 0, {{0}}},
    {SCMP_SYS(timerfd_settime), PORT, 0, {{0}}},
    {SCMP_SYS(timerfd_gettime), PORT, 0, {{0}}},
    {SCMP_SYS(timerfd_create), MAIN, 0, {{0}}},
    {SCMP_SYS(eventfd2), PORT, 0, {{0}}},
    {SCMP_SYS(signalfd4), MAIN, 0, {{0}}},
    {SCMP_SYS(poll), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(ppoll), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(select), HOST, 0, {{0}}},
    {SCMP_SYS(pselect6), HOST, 0, {{0}}},

    /* io_uring: what a ring may do is settled when it is made (block/uring.c), for filters don't see it. */
    {SCMP_SYS(io_uring_enter), PORT | BLOCK | RING, 0, {{0}}},
    {SCMP_SYS(io_uring_setup), MAIN, 0, {{0}}},
    {SCMP_SYS(io_uring_register), MAIN, 0, {{0}}},

    /* Sockets: local ones, TCP and UDP, no raw ones. libc asks the kernel by a netlink socket which addresses there
     * are, and does without. */
    {SCMP_SYS(socket), HOST, 0, {IS(0, AF_UNIX)}},
    {SCMP_SYS(socket), HOST, 0, {IS(0, AF_INET), BITS(1, SOCKET_KIND, SOCK_STREAM)}},
    {SCMP_SYS(socket), HOST, 0, {IS(0, AF_INET), BITS(1, SOCKET_KIND, SOCK_DGRAM)}},
    {SCMP_SYS(socket), HOST, 0, {IS(0, AF_INET6), BITS(1, SOCKET_KIND, SOCK_STREAM)}},
    {SCMP_SYS(socket), HOST, 0, {IS(0, AF_INET6), BITS(1, SOCKET_KIND, SOCK_DGRAM)}},
    {SCMP_SYS(socket), HOST, EAFNOSUPPORT, {IS(0, AF_NETLINK)}},
    {SCMP_SYS(socketpair), HOST, 0, {IS(0, AF_UNIX)}},
    {SCMP_SYS(connect), HOST, 0, {{0}}},
    {SCMP_SYS(bind), HOST, 0, {{0}}},
    {SCMP_SYS(listen), HOST, 0, {{0}}},
    {SCMP_SYS(accept4), HOST, 0, {{0}}},
    {SCMP_SYS(accept), HOST, 0, {{0}}},
    {SCMP_SYS(getsockname), HOST, 0, {{0}}},
    {SCMP_SYS(getpeername), HOST, 0, {{0}}},
    {SCMP_SYS(getsockopt), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(setsockopt), HOST | BLOCK, 0, {{0}}},
    {SCMP_SYS(shutdown), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(sendto), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(sendmsg), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(sendmmsg), HOST, 0, {{0}}},
    {SCMP_SYS(recvfrom), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(recvmsg), PORT | WORK, 0, {{0}}},
    {SCMP_SYS(recvmmsg), HOST, 0, {{0}}},

    /* Files by name: the monitor opens images, writes dumps, makes sockets. malloc would like to know how the host
     * overcommits memory, and does without. */
    {SCMP_SYS(openat), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(open), MAIN, 0, {{0}}},
    {SCMP_SYS(openat), TFTP, 0, {IS(2, O_RDONLY)}},
    {SCMP_SYS(openat), BLOCK | RING | LOOP | VCPU, EACCES, {IS(2, O_RDONLY | O_CLOEXEC)}},
    {SCMP_SYS(newfstatat), HOST | FOLDER, 0, {{0}}}, /* libslirp: whether resolv.conf has changed */
    {SCMP_SYS(stat), MAIN, 0, {{0}}},
    {SCMP_SYS(lstat), MAIN, 0, {{0}}},
    {SCMP_SYS(statx), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(statfs), MAIN, 0, {{0}}},
    {SCMP_SYS(fstatfs), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(access), MAIN, 0, {{0}}},
    {SCMP_SYS(faccessat), MAIN, 0, {{0}}},
    {SCMP_SYS(faccessat2), MAIN, 0, {{0}}},
    {SCMP_SYS(readlink), MAIN, 0, {{0}}},
    {SCMP_SYS(readlinkat), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(getdents64), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(getcwd), MAIN, 0, {{0}}},
    {SCMP_SYS(unlink), MAIN, 0, {{0}}},
    {SCMP_SYS(unlinkat), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(rename), MAIN, 0, {{0}}},
    {SCMP_SYS(renameat), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(renameat2), MAIN | FOLDER, 0, {{0}}},
    {SCMP_SYS(chmod), MAIN, 0, {WITHOUT(1, 07000)}}, /* of a socket; no setuid */
    {SCMP_SYS(fchmod), MAIN, 0, {WITHOUT(1, 07000)}},
    {SCMP_SYS(umask), MAIN, 0, {{0}}},
    {SCMP_SYS(flock), MAIN | FOLDER, 0, {{0}}},

    /* In a shared folder: what leads out of it is fs9p's to refuse, for filters see no names. */
    {SCMP_SYS(openat2), FOLDER, 0, {{0}}},
    {SCMP_SYS(linkat), FOLDER, 0, {{0}}},
    {SCMP_SYS(symlinkat), FOLDER, 0, {{0}}},
    {SCMP_SYS(mkdirat), FOLDER, 0, {{0}}},
    {SCMP_SYS(mknodat), FOLDER, 0, {{0}}},
    {SCMP_SYS(fchown), FOLDER, 0, {{0}}},
    {SCMP_SYS(fchownat), FOLDER, 0, {{0}}},
    {SCMP_SYS(fchmod), FOLDER, 0, {{0}}},
    {SCMP_SYS(fchmodat), FOLDER, 0, {{0}}},
    {SCMP_SYS(utimensat), FOLDER, 0, {{0}}},
    {SCMP_SYS(fgetxattr), FOLDER, 0, {{0}}},
    {SCMP_SYS(fsetxattr), FOLDER, 0, {{0}}},
    {SCMP_SYS(flistxattr), FOLDER, 0, {{0}}},
    {SCMP_SYS(fremovexattr), FOLDER, 0, {{0}}},
    {SCMP_SYS(umask), FOLDER, 0, {{0}}},

    /* Terminals, block devices, tap. TIOCSTI, which types for the user, is not among them. */
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCGETS)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETS)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETSW)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETSF)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCGETS_2)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETS_2)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETSW_2)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, TCSETSF_2)}},
    {SCMP_SYS(ioctl), MAIN, 0, {IS(1, TIOCGWINSZ)}},
    {SCMP_SYS(ioctl), MAIN, 0, {IS(1, TIOCGPGRP)}},
    {SCMP_SYS(ioctl), MAIN, 0, {IS(1, TIOCGPTN)}},
    {SCMP_SYS(ioctl), MAIN, 0, {IS(1, TIOCSPTLCK)}},
    {SCMP_SYS(ioctl), MAIN, 0, {IS(1, TIOCGPTPEER)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, FIONREAD)}},
    {SCMP_SYS(ioctl), HOST, 0, {IS(1, FIONBIO)}},
    {SCMP_SYS(ioctl), DISK, 0, {IS(1, BLKGETSIZE64)}},
    {SCMP_SYS(ioctl), DISK, 0, {IS(1, BLKSSZGET)}},
    {SCMP_SYS(ioctl), DISK, 0, {IS(1, BLKPBSZGET)}},
    {SCMP_SYS(ioctl), DISK, 0, {IS(1, BLKDISCARD)}},
    {SCMP_SYS(ioctl), DISK, 0, {IS(1, BLKZEROOUT)}},
    {SCMP_SYS(ioctl), PORT, 0, {IS(1, TUNSETOFFLOAD)}}, /* as the guest's driver wants it */
    {SCMP_SYS(ioctl), PORT, 0, {IS(1, TUNSETVNETHDRSZ)}},
    {SCMP_SYS(ioctl), PORT, 0, {IS(1, TUNSETQUEUE)}},

#ifdef HAVE_KVM
    /* The session's thread may make machines; the others work on the one that there is. */
    {SCMP_SYS(ioctl), MAIN, 0, {BITS(1, REQUEST_OF, KVM_REQUESTS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_RUN)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_REGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_REGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_SREGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_SREGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_SREGS2)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_SREGS2)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_XSAVE)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_XSAVE)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_XCRS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_XCRS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_MSRS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_MSRS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_DEBUGREGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_DEBUGREGS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_VCPU_EVENTS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_VCPU_EVENTS)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_MP_STATE)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_MP_STATE)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_LAPIC)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_LAPIC)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_TSC_KHZ)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_GET_DEVICE_ATTR)}}, /* TSC offsets */
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_DEVICE_ATTR)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_CPUID2)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_GUEST_DEBUG)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_SET_SIGNAL_MASK)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_INTERRUPT)}},
    {SCMP_SYS(ioctl), KVM, 0, {IS(1, KVM_NMI)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_GET_CLOCK)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_SET_CLOCK)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_IRQ_LINE)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_SIGNAL_MSI)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_GET_IRQCHIP)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_SET_IRQCHIP)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_SET_GSI_ROUTING)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_IRQFD)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_IOEVENTFD)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_GET_DIRTY_LOG)}},
    {SCMP_SYS(ioctl), KVM | LOOP, 0, {IS(1, KVM_SET_USER_MEMORY_REGION)}},
#endif
};
const unsigned sandbox_rule_count = sizeof(sandbox_rules) / sizeof(sandbox_rules[0]);

/* ---- groups with a switch ---- */

static const int obsolete[] = {SCMP_SYS(_sysctl), SCMP_SYS(create_module),   SCMP_SYS(get_kernel_syms),
                               SCMP_SYS(sysfs),   SCMP_SYS(query_module),    SCMP_SYS(uselib),
                               SCMP_SYS(ustat),   SCMP_SYS(nfsservctl),      SCMP_SYS(modify_ldt),
                               SCMP_SYS(vserver), SCMP_SYS(remap_file_pages)};
static const int privileges[] = {SCMP_SYS(setuid),    SCMP_SYS(setgid),    SCMP_SYS(setreuid), SCMP_SYS(setregid),
                                 SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
                                 SCMP_SYS(setgroups), SCMP_SYS(capset)};
static const int spawning[] = {SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execve), SCMP_SYS(execveat)};
static const int resources[] = {SCMP_SYS(setpriority),   SCMP_SYS(sched_setparam),    SCMP_SYS(sched_setscheduler),
                                SCMP_SYS(sched_setattr), SCMP_SYS(sched_setaffinity), SCMP_SYS(ioprio_set),
                                SCMP_SYS(mbind),         SCMP_SYS(set_mempolicy),     SCMP_SYS(migrate_pages),
                                SCMP_SYS(move_pages)};
/* What neither we nor a program that we start has any business with. */
static const int never[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(acct),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(syslog),
    SCMP_SYS(quotactl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(vhangup),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(personality),
};

#define CALLS(list) list, sizeof(list) / sizeof(list[0])
const struct SandboxGroup sandbox_groups[] = {
    {offsetof(struct SandboxOptions, obsolete), CALLS(obsolete)},
    {offsetof(struct SandboxOptions, elevate_privileges), CALLS(privileges)},
    {offsetof(struct SandboxOptions, spawn), CALLS(spawning)},
    {offsetof(struct SandboxOptions, resource_control), CALLS(resources)},
    {-1, CALLS(never)},
};
const unsigned sandbox_group_count = sizeof(sandbox_groups) / sizeof(sandbox_groups[0]);
