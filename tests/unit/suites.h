/* SPDX-License-Identifier: MIT */
/** The suites of the unit test program; main.c holds the table. */
#ifndef TWIN86_TESTS_UNIT_SUITES_H
#define TWIN86_TESTS_UNIT_SUITES_H

#include <check.h>
#include <stdbool.h>

/** For a suite that can't run some of its tests here: says so, and has them counted as skipped. */
void suite_skip(const char *what, unsigned tests, const char *reason);

/** Whether this host's KVM is kvm_pvm, which can't do all that others can (accel/kvm/caps.c). */
bool suite_on_pvm(void);

/** How often something random is done that is done n times: a quarter of it under TWIN86_TESTS=short, where every round
 *  takes long (sanitizers). */
unsigned suite_rounds(unsigned n);

/** NULL in a program that holds only some of them (unit-threads). */
#define SUITE __attribute__((weak)) Suite *

SUITE base_suite(void);
SUITE sandbox_suite(void);
SUITE region_suite(void);
SUITE bus_suite(void);
SUITE clock_suite(void);
SUITE block_suite(void);
SUITE fs9p_suite(void);
SUITE fs9p_hostile_suite(void);
SUITE drive_suite(void);
SUITE net_suite(void);
SUITE netdev_suite(void);
SUITE virtio_net_suite(void);
SUITE loop_suite(void);
SUITE accel_suite(void);
SUITE kvm_suite(void);
SUITE kvm_host_suite(void);
SUITE kvm_smp_suite(void);
SUITE handover_suite(void);
SUITE engines_suite(void);
SUITE contexts_suite(void);
SUITE assist_suite(void);
SUITE e820_suite(void);
SUITE elf_suite(void);
SUITE bzimage_suite(void);
SUITE multiboot_suite(void);
SUITE plan_suite(void);
SUITE pvh_suite(void);
SUITE firmware_suite(void);
SUITE pflash_suite(void);
SUITE shadow_suite(void);
SUITE smbios_suite(void);
SUITE mptable_suite(void);
SUITE fw_items_suite(void);

SUITE state_suite(void);
SUITE uart_suite(void);
SUITE vga_suite(void);
SUITE vga_picture_suite(void);
SUITE input_suite(void);
SUITE pic_suite(void);
SUITE pit_suite(void);
SUITE rtc_suite(void);
SUITE i8042_suite(void);
SUITE isa_ports_suite(void);
SUITE vcpu_suite(void);
SUITE exclusive_suite(void);
SUITE turns_suite(void);
SUITE vcpus_suite(void);
SUITE sleep_suite(void);
SUITE two_cpus_suite(void);
SUITE stops_suite(void);
SUITE gdb_suite(void);
SUITE cpuid_suite(void);
SUITE topology_suite(void);
SUITE vendor_suite(void);
SUITE machine_suite(void);
SUITE machine_state_suite(void);
SUITE state_stream_suite(void);
SUITE locked_suite(void);
SUITE state_engines_suite(void);

SUITE disas_suite(void);
SUITE trace_suite(void);
SUITE exits_suite(void);
SUITE guest_errors_suite(void);
SUITE symbols_suite(void);
SUITE monitor_suite(void);
SUITE session_suite(void);

/* tcg-lite: decoder and kernels */
SUITE decode_suite(void);
SUITE facts_suite(void);
SUITE kernels_suite(void);
SUITE cc_suite(void);
SUITE portable_suite(void);
SUITE avx_suite(void);
SUITE sse4_suite(void);
SUITE tcg_core_suite(void);
SUITE segment_suite(void);
SUITE deliver_suite(void);
SUITE debug_suite(void);
SUITE msr_suite(void);
SUITE kvm_pv_suite(void);
SUITE vmx_suite(void);
SUITE vmx_checks_suite(void);
SUITE system_fuzz_suite(void);

/* APICs, timers, ACPI, PCI, firmware configuration */
SUITE lapic_suite(void);
SUITE ioapic_suite(void);
SUITE hpet_suite(void);
SUITE acpi_pm_suite(void);
SUITE pci_suite(void);
SUITE piix4_pm_suite(void);
SUITE ide_suite(void);
SUITE fdc_suite(void);
SUITE dma_suite(void);
SUITE virtio_suite(void);
SUITE virtio_rng_suite(void);
SUITE virtio_input_suite(void);
SUITE virtio_serial_suite(void);
SUITE virtio_balloon_suite(void);
SUITE virtio_9p_suite(void);
SUITE folder_state_suite(void);
SUITE storage_suite(void);
SUITE e1000_suite(void);
SUITE links_net_suite(void);
SUITE e1000_rings_suite(void);
SUITE atapi_suite(void);
SUITE fw_cfg_suite(void);
SUITE acpi_tables_suite(void);

/* tcg-lite against the host CPU */
SUITE fp_suite(void);
SUITE jit_asm_suite(void);
SUITE jit_calls_suite(void);
SUITE jit_loops_suite(void);
SUITE links_suite(void);

/* Comparing engines */
SUITE lockstep_suite(void);
SUITE diff_suite(void);
SUITE host_suite(void);

#endif
