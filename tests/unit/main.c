/* SPDX-License-Identifier: MIT */
/* Runs every suite of unit tests, or those named on the command line. */
#include "tests/unit/suites.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct SuiteEntry {
    const char *name;
    Suite *(*make)(void);
};

static const struct SuiteEntry suites[] = {
    {"base", base_suite},
    {"sandbox", sandbox_suite},
    {"region", region_suite},
    {"bus", bus_suite},
    {"clock", clock_suite},
    {"block", block_suite},
    {"fs9p", fs9p_suite},
    {"fs9p_hostile", fs9p_hostile_suite},
    {"drive", drive_suite},
    {"net", net_suite},
    {"netdev", netdev_suite},
    {"virtio_net", virtio_net_suite},
    {"loop", loop_suite},
    {"accel", accel_suite},
    {"kvm", kvm_suite},
    {"kvm-host", kvm_host_suite},
    {"kvm-smp", kvm_smp_suite},
    {"handover", handover_suite},
    {"engines", engines_suite},
    {"contexts", contexts_suite},
    {"assist", assist_suite},
    {"e820", e820_suite},
    {"elf", elf_suite},
    {"bzimage", bzimage_suite},
    {"multiboot", multiboot_suite},
    {"plan", plan_suite},
    {"pvh", pvh_suite},
    {"firmware", firmware_suite},
    {"pflash", pflash_suite},
    {"shadow", shadow_suite},
    {"smbios", smbios_suite},
    {"mptable", mptable_suite},
    {"fw_items", fw_items_suite},
    {"state", state_suite},
    {"uart", uart_suite},
    {"vga", vga_suite},
    {"vga_picture", vga_picture_suite},
    {"input", input_suite},
    {"pic", pic_suite},
    {"pit", pit_suite},
    {"rtc", rtc_suite},
    {"i8042", i8042_suite},
    {"isa_ports", isa_ports_suite},
    {"vcpu", vcpu_suite},
    {"exclusive", exclusive_suite},
    {"turns", turns_suite},
    {"vcpus", vcpus_suite},
    {"sleep", sleep_suite},
    {"two_cpus", two_cpus_suite},
    {"stops", stops_suite},
    {"gdb", gdb_suite},
    {"cpuid", cpuid_suite},
    {"topology", topology_suite},
    {"vendor", vendor_suite},
    {"machine", machine_suite},
    {"machine_state", machine_state_suite},
    {"state_stream", state_stream_suite},
    {"locked", locked_suite},
    {"state-engines", state_engines_suite},
    {"disas", disas_suite},
    {"trace", trace_suite},
    {"exits", exits_suite},
    {"guest_errors", guest_errors_suite},
    {"symbols", symbols_suite},
    {"session", session_suite},
    {"monitor", monitor_suite},
    {"decode", decode_suite},
    {"facts", facts_suite},
    {"kernels", kernels_suite},
    {"cc", cc_suite},
    {"portable", portable_suite},
    {"avx", avx_suite},
    {"sse4", sse4_suite},
    {"tcg_core", tcg_core_suite},
    {"segment", segment_suite},
    {"deliver", deliver_suite},
    {"debug", debug_suite},
    {"msr", msr_suite},
    {"kvm_pv", kvm_pv_suite},
    {"vmx", vmx_suite},
    {"vmx_checks", vmx_checks_suite},
    {"system_fuzz", system_fuzz_suite},
    {"lapic", lapic_suite},
    {"ioapic", ioapic_suite},
    {"hpet", hpet_suite},
    {"acpi_pm", acpi_pm_suite},
    {"pci", pci_suite},
    {"piix4_pm", piix4_pm_suite},
    {"ide", ide_suite},
    {"fdc", fdc_suite},
    {"dma", dma_suite},
    {"virtio", virtio_suite},
    {"virtio_rng", virtio_rng_suite},
    {"virtio_input", virtio_input_suite},
    {"virtio_serial", virtio_serial_suite},
    {"virtio_balloon", virtio_balloon_suite},
    {"virtio_9p", virtio_9p_suite},
    {"folder_state", folder_state_suite},
    {"storage", storage_suite},
    {"e1000", e1000_suite},
    {"links_net", links_net_suite},
    {"e1000_rings", e1000_rings_suite},
    {"atapi", atapi_suite},
    {"fw_cfg", fw_cfg_suite},
    {"acpi_tables", acpi_tables_suite},
    {"fp", fp_suite},
    {"jit_asm", jit_asm_suite},
    {"jit_calls", jit_calls_suite},
    {"jit_loops", jit_loops_suite},
    {"links", links_suite},
    {"lockstep", lockstep_suite},
    {"diff", diff_suite},
    {"host", host_suite},
    {NULL, NULL},
};

static unsigned skipped;

void suite_skip(const char *what, unsigned tests, const char *reason) {
    printf("SKIP %s: %s\n", what, reason);
    skipped += tests;
}

bool suite_on_pvm(void) { return access("/sys/module/kvm_pvm", F_OK) == 0; }

unsigned suite_rounds(unsigned n) {
    const char *tests = getenv("TWIN86_TESTS");
    return tests != NULL && strcmp(tests, "short") == 0 ? (n + 3) / 4 : n;
}

/** Named on the command line, or by check's own CK_RUN_SUITE: a suite that will not run is not made either, for what it
 *  can't run here would be counted. */
static bool wanted(const char *name, int argc, char **argv) {
    const char *only = getenv("CK_RUN_SUITE");
    if (only != NULL && *only != '\0' && strcmp(only, name) != 0)
        return false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name)) {
            return true;
        }
    }
    return argc < 2;
}

/** Run all and say how many passed. @return how many failed */
static int run_all(SRunner *runner) {
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    printf("%d passed, %d failed, %u skipped\n", run - failed, failed, skipped);
    return failed;
}

/** All tests in one process, a child, which takes two thirds of the time. What fails, crashes or hangs there fails for
 * good; each test in a process of its own then tells which one it was. */
static bool run_together(SRunner *runner) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(900);
        srunner_set_fork_status(runner, CK_NOFORK);
        int failed = run_all(runner);
        fflush(NULL);
        _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    setenv("CK_DEFAULT_TIMEOUT", "120", 0); /* seconds; for what hangs, not for what is slow on a busy host */
    SRunner *runner = srunner_create(NULL);
    unsigned chosen = 0;
    for (const struct SuiteEntry *s = suites; s->name; s++) {
        if (s->make != NULL && wanted(s->name, argc, argv)) {
            srunner_add_suite(runner, s->make());
            chosen++;
        }
    }
    if (!chosen) {
        fprintf(stderr, "unit: no suite of that name; there are:");
        for (const struct SuiteEntry *s = suites; s->name; s++) {
            if (s->make != NULL)
                fprintf(stderr, " %s", s->name);
        }
        fputc('\n', stderr);
        return 2;
    }
    bool choose = getenv("CK_FORK") == NULL;
    if (choose && run_together(runner))
        return EXIT_SUCCESS;
    if (choose)
        puts("unit: FAIL in one process (above); now each test in its own");
    int failed = run_all(runner);
    srunner_free(runner);
    return failed || choose ? EXIT_FAILURE : EXIT_SUCCESS;
}
