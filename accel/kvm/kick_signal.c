/* SPDX-License-Identifier: MIT */
#include "accel/kvm/kick_signal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define KICK_SIGNAL SIGUSR1

enum { KERNEL_SIGSET_SIZE = 8 };

static sigset_t just_it(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    return set;
}

void kick_signal_block(void) {
    sigset_t set = just_it();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void kick_signal_drain(void) {
    static const struct timespec now = {0};
    sigset_t set = just_it();
    while (sigtimedwait(&set, NULL, &now) > 0 || errno == EINTR)
        ;
}

void kick_signal_send(pthread_t thread) { pthread_kill(thread, KICK_SIGNAL); }

int kick_signal_unblock_in_kvm_run(int vcpu_fd) {
    union {
        struct kvm_signal_mask head;
        uint8_t bytes[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_SIZE];
    } mask = {.head = {.len = KERNEL_SIGSET_SIZE}};
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    sigdelset(&set, KICK_SIGNAL);
    memcpy(mask.head.sigset, &set, KERNEL_SIGSET_SIZE);
    return ioctl(vcpu_fd, KVM_SET_SIGNAL_MASK, &mask) < 0 ? -errno : 0;
}
