/* SPDX-License-Identifier: MIT */
/* The table of what `info` shows, and the short ones. */
#include "control/monitor/command.h"
#include "debug/cpu_dump.h"
#include "debug/sched_report.h"
#include "machine/uuid.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void info_registers(struct Monitor *mon, char *args) {
    char *word = monitor_word(mon, &args);
    bool all = word != NULL && strcmp(word, "-a") == 0;
    if (!monitor_no_more(mon, word == NULL || all ? args : word))
        return;
    for (unsigned i = all ? 0 : mon->cpu->index; i <= (all ? mon->m->cpu_count - 1 : mon->cpu->index); i++) {
        if (mon->m->cpu_count > 1)
            fprintf(mon->out, "CPU#%u\n", i);
        cpu_dump(&machine_cpu(mon->m, i)->env, mon->out);
        cpu_dump_fpu(&machine_cpu(mon->m, i)->env, mon->out);
    }
}

static const char *cpu_state(const struct CPUState *cpu) {
    if (cpu->shut_down)
        return " (shut down)";
    return cpu->wait_for_sipi ? " (waits for SIPI)" : cpu->halted ? " (halted)" : "";
}

/* Its threads, as the host's scheduler treats them. */
static void cpus_on_host(struct Monitor *mon) {
    struct VcpuSched *s = machine_sched(mon->m);
    if (s != NULL)
        sched_report_text(s, mon->m->cpu_count, machine_run_ns(mon->m), mon->out);
    else
        fputs("out of memory\n", mon->out);
    free(s);
}

static void info_cpus(struct Monitor *mon, char *args) {
    char *word = monitor_word(mon, &args);
    bool verbose = word != NULL && strcmp(word, "-v") == 0;
    if (!monitor_no_more(mon, word == NULL || verbose ? args : word))
        return;
    for (unsigned i = 0; i < mon->m->cpu_count; i++) {
        const struct CPUState *cpu = machine_cpu(mon->m, i);
        fprintf(mon->out, "%c CPU #%u: pc=0x%016" PRIx64 "%s thread_id=%d\n", cpu == mon->cpu ? '*' : ' ', i,
                cpu->env.rip, cpu_state(cpu), vcpu_thread_id(cpu));
    }
    if (verbose)
        cpus_on_host(mon);
}

static void info_status(struct Monitor *mon, char *args) {
    if (!monitor_no_more(mon, args))
        return;
    enum SessionState state = session_state(mon->session);
    bool asleep = state == SESSION_RUNNING && machine_asleep(mon->m);
    if (state == SESSION_RUNNING || state == SESSION_PAUSED)
        fprintf(mon->out, "VM status: %s\n", asleep ? "paused (suspended)" : session_state_name(state));
    else
        fprintf(mon->out, "VM status: paused (%s)\n", session_state_name(state));
    const struct SessionStop *stop = session_last_stop(mon->session);
    if (state != SESSION_RUNNING && stop->event != NULL && stop->event->message[0] != '\0')
        fprintf(mon->out, "%s\n", stop->event->message);
}

static void info_version(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args))
        fprintf(mon->out, "%s\n", twin86_version());
}

static void info_name(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args) && mon->m->name != NULL)
        fprintf(mon->out, "%s\n", mon->m->name);
}

static void info_uuid(struct Monitor *mon, char *args) {
    char text[UUID_TEXT_SIZE];
    if (!monitor_no_more(mon, args))
        return;
    uuid_format(mon->m->uuid, text);
    fprintf(mon->out, "%s\n", text);
}

static void info_jit(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args) && !machine_print_translator(mon->m, mon->out))
        fputs("-accel tcg-lite alone has a translator\n", mon->out);
}

static void info_exits(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args) && machine_print_exits(mon->m, false, mon->out) != 0)
        fputs("nothing is counted; start twin86 with -exit-stats\n", mon->out);
}

/* The last instructions: the latest 20, or as many as asked for. */
static void info_trace(struct Monitor *mon, char *args) {
    char *end = args;
    unsigned long count = args[0] != '\0' ? strtoul(args, &end, 0) : 20;
    if (*end != '\0' || args[0] == '-' || count == 0 || count > TRACE_LAST_MAX)
        fprintf(mon->out, "'%.40s' is no number of instructions; 1 to %d are\n", args, TRACE_LAST_MAX);
    else if (!machine_print_last(mon->m, mon->cpu->index, (unsigned)count, mon->out))
        fputs("no instructions are kept; start twin86 with -trace-last N (and -accel tcg-lite)\n", mon->out);
}

/* ---- memory map ---- */

static void print_mapping(void *opaque, const struct BusMapping *m, uint64_t offset) {
    static const char *const kinds[] = {[REGION_RAM] = "ram", [REGION_ROM] = "rom", [REGION_MMIO] = "i/o"};
    struct Monitor *mon = opaque;
    fprintf(mon->out, "  %016" PRIx64 "-%016" PRIx64 " (prio 0, %s): %s", m->base, m->base + m->size - 1,
            kinds[m->region->kind], m->region->name);
    if (offset != 0)
        fprintf(mon->out, " @%016" PRIx64, offset);
    fputc('\n', mon->out);
}

static void print_ports(void *opaque, uint16_t first, uint16_t last, const char *name) {
    struct Monitor *mon = opaque;
    fprintf(mon->out, "  %016x-%016x (prio 0, i/o): %s\n", first, last, name);
}

static void info_mtree(struct Monitor *mon, char *args) {
    if (!monitor_no_more(mon, args))
        return;
    fputs("address-space: memory\n", mon->out);
    bus_for_each(mon->m->bus, print_mapping, mon);
    fputs("\naddress-space: I/O\n", mon->out);
    bus_for_each_ports(mon->m->bus, print_ports, mon);
}

const struct MonitorCommand monitor_infos[] = {
    {"registers", NULL, "[-a]", "all registers of this CPU; -a: of all CPUs", COMMAND_LOOKS, info_registers},
    {"mem", NULL, "", "linear memory that is mapped, by rights", COMMAND_LOOKS, monitor_info_mem},
    {"tlb", NULL, "", "every page that is mapped: linear, physical, flags", COMMAND_LOOKS, monitor_info_tlb},
    {"mtree", NULL, "", "physical memory and ports", COMMAND_LOOKS, info_mtree},
    {"pic", NULL, "", "the 8259s", COMMAND_LOOKS, monitor_info_pic},
    {"lapic", NULL, "[APIC-ID]", "the local APIC of this CPU, or of the one with that id", COMMAND_LOOKS,
     monitor_info_lapic},
    {"ioapic", NULL, "", "the I/O APIC", COMMAND_LOOKS, monitor_info_ioapic},
    {"irq", NULL, "", "where each interrupt line leads, and its level", COMMAND_LOOKS, monitor_info_irq},
    {"exits", NULL, "", "what has left the guest, or would under hardware virtualization", COMMAND_LOOKS, info_exits},
    {"jit", NULL, "", "what the translator has made, and what it took", COMMAND_LOOKS, info_jit},
    {"trace", NULL, "[N]", "the last instructions of this CPU", COMMAND_LOOKS, info_trace},
    {"block", NULL, "[-v] [DRIVE]", "drives and what is in them; -v: the images", COMMAND_LOOKS, monitor_info_block},
    {"blockstats", NULL, "", "what drives have read and written", COMMAND_LOOKS, monitor_info_blockstats},
    {"chardev", NULL, "", "host ends of serial ports, consoles and monitors", 0, monitor_info_chardev},
    {"balloon", NULL, "", "how much RAM the guest has, and what it says of it", 0, monitor_info_balloon},
    {"network", NULL, "", "cards and what they lead to", 0, monitor_info_network},
    {"usernet", NULL, "", "connections and forwarded ports of -netdev user", 0, monitor_info_usernet},
    {"vnc", NULL, "", "where viewers are served by VNC, and who looks", 0, monitor_info_vnc},
    {"cpus", NULL, "[-v]", "the CPUs; * is the one that is looked at; -v: what the host's scheduler does with them",
     COMMAND_LOOKS, info_cpus},
    {"status", NULL, "", "whether the guest runs, and why not", 0, info_status},
    {"version", NULL, "", "of twin86", 0, info_version},
    {"name", NULL, "", "what -name called the machine", 0, info_name},
    {"uuid", NULL, "", "what -uuid gave it", 0, info_uuid},
    {0},
};
