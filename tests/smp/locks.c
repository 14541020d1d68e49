/* SPDX-License-Identifier: MIT */
/*
 * A ticket lock whose waiters PAUSE, taken by all processors in turn: what it guards is changed by one at a time. With
 * more processors than the host has, each waiter that is not asleep keeps the next owner from running; bench/locks.py
 * measures that.
 */
#include "guest.h"

static struct {
    volatile uint32_t next, serving;
    volatile uint64_t guarded[2]; /* equal whenever nobody holds the lock */
} lock __attribute__((aligned(LINE)));
static uint64_t each;

static void take_turns(unsigned cpu) {
    barrier(cpu_count);
    for (uint64_t i = 0; i < each; i++) {
        uint32_t ticket = __atomic_fetch_add(&lock.next, 1, __ATOMIC_ACQUIRE);
        for (uint64_t turn = 0; __atomic_load_n(&lock.serving, __ATOMIC_ACQUIRE) != ticket;)
            wait_turn(&turn, "a ticket lock");
        lock.guarded[0]++;
        if (lock.guarded[0] != lock.guarded[1] + 1)
            fail("processor %u is not alone in a lock", (uint64_t)cpu);
        lock.guarded[1]++;
        __atomic_store_n(&lock.serving, ticket + 1, __ATOMIC_RELEASE);
        for (unsigned n = 0; n < 50; n++)
            __asm__ volatile("");
    }
}

static void ticket_lock(uint64_t rounds) {
    each = (rounds + cpu_count - 1) / cpu_count;
    lock.guarded[0] = lock.guarded[1] = 0;
    say("lock: begin\n");
    on_cpus(cpu_count, take_turns);
    say("lock: end %u\n", lock.guarded[1]);
    if (lock.guarded[1] != each * cpu_count)
        fail("a lock was taken %u times, not %u", lock.guarded[1], each * cpu_count);
}

const struct Test lock_tests[] = {{"lock-ticket", ticket_lock, 20000, 1}, {0}};
