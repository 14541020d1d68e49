/* SPDX-License-Identifier: MIT */
/* What -help, -version and `help` arguments print. The help fits a screen of 24 lines and 80 columns. */
#include "options.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: twin86 [options]      without a guest, the built-in demonstration boots\n"
                           "       twin86 doctor         what works here; also diff --help, exits --help\n"
                           "  -kernel FILE     bzImage, multiboot or PVH kernel     -bios FILE  firmware ROM\n"
                           "  -initrd FILE     initial RAM disk, or modules         -append STR command line\n"
                           "  -boot order=cd,menu=on  by SeaBIOS   -pflash FILE  flash   -L DIR  firmware's\n"
                           "Machine\n"
                           "  -m SIZE          RAM, such as 512M or 6G (256M)       -smp N      processors\n"
                           "  -cpu MODEL[,+FEATURE|-FEATURE]...                     -cpu help   lists\n"
                           "  -accel A[:B...]  engines to try in order (tcg-lite)   -accel help lists\n"
                           "  -hda F.. -cdrom F -fda F, -drive file=F,OPTION.. -blockdev OPTION..  -snapshot\n"
                           "  -device DEVICE   (help lists) -object rng-builtin,id=I  -virtfs local,path=D..\n"
                           "  -nic user,hostfwd=tcp::2222-:22   network (default: user)   -nic none  without\n"
                           "  -icount shift=N  repeats   -rtc base=DATE   -vga std|none  -display curses\n"
                           "  -machine pc[,kernel-irqchip=on] (with kvm)    -handover [every=MS]  of engines\n"
                           "Host\n"
                           "  -serial stdio|pty|unix:P|file:F|null..  COM1 to COM4   -chardev KIND,id=I,..\n"
                           "  -no-reboot       a reset ends it  -no-shutdown keeps it  -action panic=A,..\n"
                           "  -timeout SECONDS give up after  -exit-stats [json][,file=F]  -sandbox on|off\n"
                           "  -d ITEM[,ITEM].. log int, exec, stats... (-d help)    -D FILE     where to\n"
                           "  -gdb W, -monitor W, -qmp W   W: unix:PATH, tcp::PORT    -vnc :0   -S  not yet\n"
                           "  -h, --help  this text  --version  -s  -gdb tcp::1234  -trace-last N -symbols F\n"
                           "Keys: Ctrl-A X quits, Ctrl-A C monitor, Ctrl-A E next engine, Ctrl-A H help.\n"
                           "Exit codes: 0 guest powered off or Ctrl-A X, 2 bad usage, 4 crash (-no-reboot)\n"
                           "or panic, 6 internal error, 8 -timeout; isa-debug-exit: v << 1 | 1. man twin86\n";

static void print_cpus(void) {
    puts("CPU models:");
    for (unsigned i = 0; twin86_cpu_name(i) != NULL; i++)
        printf("  %-14s %s\n", twin86_cpu_name(i), twin86_cpu_description(i));
    puts("Features (+NAME adds, -NAME takes away; also vendor=GenuineIntel|AuthenticAMD):");
    size_t column = 0;
    for (unsigned i = 0; twin86_cpu_feature_name(i) != NULL; i++) {
        const char *name = twin86_cpu_feature_name(i);
        if (column + strlen(name) + 1 > 78) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%s", column == 0 ? "  " : " ", name);
    }
    putchar('\n');
}

/* "NAME,PROPERTY=VALUE,...", cut at commas to fit a screen. */
static void print_device(const char *name, const char *properties, const char *description) {
    size_t column = (size_t)printf("  %s", name);
    while (*properties != '\0') {
        size_t n = strcspn(properties, ",");
        if (column + n + 2 > 79)
            column = (size_t)printf(",\n    ") - 2;
        else
            column += (size_t)printf(",");
        column += (size_t)printf("%.*s", (int)n, properties);
        properties += n + (properties[n] == ',');
    }
    printf("\n%40s%s\n", "", description);
}

static void print_accels(void) {
    char why[128];
    puts("Engines:");
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++) {
        bool works = twin86_accel_probe(i, why, sizeof(why)) == 0;
        why[strcspn(why, ";")] = '\0'; /* what to do about it is doctor's */
        printf("  %-10s %s\n", twin86_accel_name(i), works ? "works here" : why);
    }
}

static void print_doctor(void) {
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++)
        twin86_doctor(i, stdout);
    twin86_doctor_host(stdout);
}

static void print_log_items(void) {
    puts("Log items, joined by commas:");
    for (unsigned i = 0; twin86_trace_item_name(i) != NULL; i++)
        printf("  %-10s %s\n", twin86_trace_item_name(i), twin86_trace_item_description(i));
    puts("  stats      at the end: executed instructions, MIPS, time\n"
         "  hash       at the end: SHA-256 over registers, RAM and devices\n"
         "They go to standard error, or to the file that -D names.");
}

/* All kinds, or that one. */
static void print_netdevs(const char *kind) {
    puts("Host ends of networks; each takes id=NAME and queues=N:");
    for (unsigned i = 0; twin86_netdev_name(i) != NULL; i++)
        if (kind == NULL || strcmp(kind, twin86_netdev_name(i)) == 0)
            print_device(twin86_netdev_name(i), twin86_netdev_properties(i), twin86_netdev_description(i));
}

void options_print(enum Action action, const char *kind) {
    switch (action) {
    case ACTION_RUN: break;
    case ACTION_HELP: fputs(help, stdout); break;
    case ACTION_VERSION: printf("twin86 %s\n", twin86_version()); break;
    case ACTION_CPU: print_cpus(); break;
    case ACTION_ACCEL: print_accels(); break;
    case ACTION_DOCTOR: print_doctor(); break;
    case ACTION_DEVICE:
        puts("Devices:\n  isa-debug-exit,iobase=0xf4,iosize=4   writing V ends with code (V << 1) | 1\n"
             "  pvpanic,ioport=0x505,events=3         by which the guest tells of its panics\n"
             "  pc-testdev                            QEMU's, for test suites of kernels");
        for (unsigned i = 0; twin86_device_name(i) != NULL; i++)
            print_device(twin86_device_name(i), twin86_device_properties(i), twin86_device_description(i));
        break;
    case ACTION_NETDEV: print_netdevs(kind); break;
    case ACTION_MACHINE:
        puts("Machines:\n  twin86   a PC with ISA devices, APICs, ACPI, PCI (also called pc, q35)\n"
             "  hpet=on|off, acpi=on|off   what is left out when off (on)\n"
             "  kernel-irqchip=on|off  -accel kvm: interrupt controllers in the kernel (off)\n"
             "  kernel-firmware=on|off  -kernel starts after a BIOS (multiboot kernels do)");
        break;
    case ACTION_LOG: print_log_items(); break;
    }
}
