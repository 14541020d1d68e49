/* SPDX-License-Identifier: MIT */
/** The suites of the unit test program; main.c holds the table. */
#ifndef TWIN86_TESTS_UNIT_SUITES_H
#define TWIN86_TESTS_UNIT_SUITES_H

#include <check.h>

/** For a suite that can't run some of its tests here: says so, and has them counted as skipped. */
void suite_skip(const char *what, unsigned tests, const char *reason);

Suite *base_suite(void);
Suite *sandbox_suite(void);
Suite *region_suite(void);
Suite *bus_suite(void);
Suite *clock_suite(void);
Suite *block_suite(void);
Suite *fs9p_suite(void);
Suite *fs9p_hostile_suite(void);
Suite *drive_suite(void);
Suite *net_suite(void);
Suite *netdev_suite(void);
Suite *virtio_net_suite(void);
Suite *loop_suite(void);
Suite *accel_suite(void);
Suite *kvm_suite(void);
Suite *kvm_host_suite(void);
Suite *kvm_smp_suite(void);
Suite *handover_suite(void);
Suite *engines_suite(void);
Suite *assist_suite(void);
Suite *e820_suite(void);
Suite *elf_suite(void);
Suite *bzimage_suite(void);
Suite *multiboot_suite(void);
Suite *plan_suite(void);
Suite *pvh_suite(void);
Suite *firmware_suite(void);
Suite *pflash_suite(void);
Suite *shadow_suite(void);
Suite *smbios_suite(void);
Suite *fw_items_suite(void);

Suite *state_suite(void);
Suite *uart_suite(void);
Suite *pic_suite(void);
Suite *pit_suite(void);
Suite *rtc_suite(void);
Suite *i8042_suite(void);
Suite *isa_ports_suite(void);
Suite *vcpu_suite(void);
Suite *exclusive_suite(void);
Suite *turns_suite(void);
Suite *vcpus_suite(void);
Suite *sleep_suite(void);
Suite *two_cpus_suite(void);
Suite *stops_suite(void);
Suite *gdb_suite(void);
Suite *cpuid_suite(void);
Suite *topology_suite(void);
Suite *vendor_suite(void);
Suite *machine_suite(void);
Suite *machine_state_suite(void);
Suite *state_stream_suite(void);
Suite *locked_suite(void);
Suite *state_engines_suite(void);

Suite *disas_suite(void);
Suite *trace_suite(void);
Suite *exits_suite(void);
Suite *guest_errors_suite(void);
Suite *symbols_suite(void);
Suite *monitor_suite(void);
Suite *session_suite(void);

/* tcg-lite: decoder and kernels */
Suite *decode_suite(void);
Suite *facts_suite(void);
Suite *kernels_suite(void);
Suite *cc_suite(void);
Suite *portable_suite(void);
Suite *avx_suite(void);
Suite *sse4_suite(void);
Suite *tcg_core_suite(void);
Suite *segment_suite(void);
Suite *deliver_suite(void);
Suite *debug_suite(void);
Suite *msr_suite(void);
Suite *kvm_pv_suite(void);
Suite *system_fuzz_suite(void);

/* APICs, timers, ACPI, PCI, firmware configuration */
Suite *lapic_suite(void);
Suite *ioapic_suite(void);
Suite *hpet_suite(void);
Suite *acpi_pm_suite(void);
Suite *pci_suite(void);
Suite *piix4_pm_suite(void);
Suite *ide_suite(void);
Suite *fdc_suite(void);
Suite *dma_suite(void);
Suite *virtio_suite(void);
Suite *virtio_rng_suite(void);
Suite *virtio_serial_suite(void);
Suite *virtio_balloon_suite(void);
Suite *virtio_9p_suite(void);
Suite *folder_state_suite(void);
Suite *storage_suite(void);
Suite *e1000_suite(void);
Suite *links_net_suite(void);
Suite *e1000_rings_suite(void);
Suite *atapi_suite(void);
Suite *fw_cfg_suite(void);
Suite *acpi_tables_suite(void);

/* tcg-lite against the host CPU */
Suite *fp_suite(void);
Suite *fuse_suite(void);
Suite *links_suite(void);

/* Comparing engines */
Suite *lockstep_suite(void);
Suite *diff_suite(void);
Suite *host_suite(void);

#endif
