/* SPDX-License-Identifier: MIT */
/**
 * The signal that ends KVM_RUN. It is blocked in the vCPU's thread except within KVM_RUN, so it needs no handler and
 * the library leaves the process's signal handlers alone. (Apart from cpu/env.h: both define REG_R8.)
 */
#ifndef TWIN86_KVM_KICK_SIGNAL_H
#define TWIN86_KVM_KICK_SIGNAL_H

#include <pthread.h>

/** Block it in the calling thread. */
void kick_signal_block(void);
/** Throw away one that is pending in the calling thread, where it is blocked. */
void kick_signal_drain(void);
void kick_signal_send(pthread_t thread);
/** Let it through in the vCPU's KVM_RUN. 0 or -errno. */
int kick_signal_unblock_in_kvm_run(int vcpu_fd);

#endif
