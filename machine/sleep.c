/* SPDX-License-Identifier: MIT */
/* S3: the guest sleeps, its vCPUs are held, time and devices go on; a wake event ends in a reset that is none for RAM.
 */
#include "base/bytes.h"
#include "machine/acpi/acpi_tables.h"
#include "machine/machine.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* By this byte of CMOS memory firmware sees that RAM holds a guest that sleeps; a battery would keep it. */
enum { CMOS_SHUTDOWN_STATUS = 0x0f, SHUTDOWN_S3 = 0xfe };

static void wake(void *opaque) { acpi_pm_wake(&((struct Machine *)opaque)->acpi_pm); }

int machine_init_sleep(struct Machine *m) {
    m->sleep_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop_work_init(&m->wake_work, wake, m);
    return m->sleep_fd < 0 ? -errno : 0;
}

bool machine_asleep(const struct Machine *m) { return atomic_load(&m->asleep); }

void machine_sleep_changed(struct Machine *m) {
    uint64_t one = 1;
    bool asleep = m->acpi_pm.state.sleep != ACPI_AWAKE;
    if (asleep == atomic_load(&m->asleep))
        return;
    atomic_store(&m->asleep, asleep);
    for (unsigned i = 0; i < m->cpu_count; i++)
        (asleep ? vcpu_hold : vcpu_release)(machine_cpu(m, i), VCPU_HELD_ASLEEP);
    while (write(m->sleep_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void machine_guest_sleep(void *opaque) {
    struct Machine *m = opaque;
    rtc_set_cmos(&m->rtc, CMOS_SHUTDOWN_STATUS, SHUTDOWN_S3);
    machine_sleep_changed(m);
}

void machine_guest_wake(void *opaque) { machine_request_reset(opaque); }

void machine_guest_hibernate(void *opaque) {
    news_plain(&((struct Machine *)opaque)->news, NEWS_HIBERNATED);
    machine_guest_poweroff(opaque);
}

bool machine_wake(struct Machine *m) {
    bool asleep = machine_asleep(m);
    if (asleep)
        loop_post(&m->loop, &m->wake_work);
    return asleep;
}

/* Where the guest wants to go on, in real mode, which sees the first MiB; 0: nowhere (ACPI 6.4, 5.2.10). */
static uint32_t waking_vector(struct Machine *m) {
    uint8_t bytes[4];
    if (m->boot.acpi_size == 0)
        return 0;
    bus_read(m->bus, m->boot.acpi_base + ACPI_FACS_WAKING_VECTOR, bytes, sizeof(bytes));
    uint32_t vector = get_le32(bytes);
    return vector < 0x100000 ? vector : 0;
}

/* What firmware does on its way to the guest (ACPI 6.4, 16.3.1). */
static void stand_in_for_firmware(struct Machine *m, uint32_t vector) {
    CPUX86State *env = &machine_cpu(m, 0)->env;
    machine_set_bios_devices(m);
    rtc_set_cmos(&m->rtc, CMOS_SHUTDOWN_STATUS, 0);
    env->seg[SEG_CS].selector = (uint16_t)(vector >> 4);
    env->seg[SEG_CS].base = vector & ~0xfu;
    env->rip = vector & 0xf;
}

bool machine_wake_up(struct Machine *m) {
    uint32_t vector = machine_runs_firmware(m) ? 0 : waking_vector(m);
    if (m->acpi_pm.state.sleep != ACPI_WAKING || (vector == 0 && !machine_runs_firmware(m)))
        return false;
    machine_wake_devices(m);
    firmware_reset(m, true);
    machine_reset_cpus(m);
    if (vector != 0)
        stand_in_for_firmware(m, vector);
    return true;
}
