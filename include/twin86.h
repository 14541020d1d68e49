/* SPDX-License-Identifier: MIT */
/**
 * libtwin86: a virtual x86 PC as a library. This is its public header, with twin86_cpu.h for who sets
 * CPUs up without a guest's help; cli/ and examples/ use nothing else.
 *
 * The usual order: twin86_config_init, twin86_create, twin86_load, twin86_run, twin86_destroy.
 *
 * Errors. Functions that can fail return 0 or a negative errno value. Those that take `why` write one line for the
 * person there (always terminated; `why` may be NULL if `why_size` is 0). The library never prints, never exits, has
 * no mutable globals, and any number of machines may live in one process.
 *
 * Threads. A machine owns a thread for each of its CPUs, and one that runs its event loop, which keeps the guest's time
 * and lets in what comes from the host. A session (below) has an event loop of its own in the thread that calls
 * twin86_session_poll: the guest's time depends on nobody's polling. Unless said otherwise a function may be called by
 * any thread, but not by two at once for the same machine. "Any thread, any time" means even that and from callbacks.
 * Callbacks are made from the machine's own threads with the machine's lock held: they must be short, must not wait for
 * anybody, and may only call functions marked "any time". "Stopped" means that the guest is not running: before
 * twin86_start, or after an event has been taken with twin86_wait or twin86_run, or after twin86_pause.
 *
 * Signals. The library installs no handlers but one of SIGSYS in twin86_sandbox_close, and its threads take no signals
 * that are sent to the process. Under the kvm engine the thread that executes the guest is called out of KVM_RUN by
 * SIGUSR1, which it takes itself; a program that uses SIGUSR1, too, should send it to one of its own threads.
 *
 * CPUs are numbered from 0; functions that take such a number return -EINVAL for one that the machine does not have.
 *
 * Units: sizes in bytes, times in nanoseconds unless named otherwise.
 */
#ifndef TWIN86_H
#define TWIN86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TWIN86_API __attribute__((visibility("default")))
#else
#define TWIN86_API
#endif

/** The most processors that a machine may have. */
#define TWIN86_CPUS_MAX 64

/** One virtual PC. */
typedef struct Twin86Machine Twin86Machine;

/** The library's version, such as "0.1.0". */
TWIN86_API const char *twin86_version(void);

/* ---- configuration ------------------------------------------------------------------------------------------- */

/** Bytes that the guest sent to a serial port or to the debug console, or lines of the trace. Any time rules of
 * callbacks apply. */
typedef void Twin86Output(void *opaque, const uint8_t *data, size_t size);

/** A flash chip for firmware. What the guest writes to it is in the file at once. */
typedef struct Twin86Flash {
    const char *file; /* its contents, a multiple of 4 KiB; NULL: there is no such chip */
    bool readonly;
} Twin86Flash;

/** Whether firmware runs first and starts the kernel of Twin86Guest, so that the kernel has its services. */
enum Twin86KernelFirmware {
    TWIN86_KERNEL_FIRMWARE_AUTO, /* if a firmware is given (Twin86Guest.bios, flash), and for multiboot kernels */
    TWIN86_KERNEL_FIRMWARE_ON,   /* always: the PC's BIOS if no other is given */
    TWIN86_KERNEL_FIRMWARE_OFF,  /* never: kernels start at once */
};

/** The display adapter. */
enum Twin86Vga {
    TWIN86_VGA_NONE,
    TWIN86_VGA_STD, /* Bochs' and QEMU's standard VGA */
};

/** What kind of PC to make. Fill with twin86_config_init, then change what you like. Strings are copied. */
typedef struct Twin86Config {
    size_t struct_size;          /* set by twin86_config_init; lets the struct grow */
    uint64_t ram_size;           /* bytes, a multiple of 4096, at least 1 MiB; default 256 MiB */
    const char *cpu;             /* "MODEL[,+feature|-feature]..."; default, and NULL: "max" */
    const char *accel;           /* engines to try in order, such as "kvm:tcg-lite"; default, and NULL: "tcg-lite" */
    bool icount;                 /* time is a function of executed instructions, and a run repeatable; default off */
    unsigned icount_shift;       /* 0-10: each instruction, exception and interrupt takes 2^shift ns; default 0 */
    bool no_reboot;              /* a reset or triple fault ends the run instead of restarting the guest */
    int64_t rtc_start;           /* wall clock at the start, in seconds since 1970 UTC; INT64_MIN: the host's, and with
                                    icount 2026-01-01 */
    bool debug_exit;             /* put the isa-debug-exit device in */
    uint16_t debug_exit_port;    /* its first port; default F4h */
    uint16_t debug_exit_ports;   /* how many ports; 1-4, default 4 */
    bool debugcon;               /* put the debug console in */
    uint16_t debugcon_port;      /* its port; default E9h */
    Twin86Output *serial_output; /* COM1 (3F8h, IRQ 4); NULL: discarded */
    Twin86Output *debugcon_output; /* NULL: discarded */
    void *opaque;                  /* given to all outputs */
    const char *trace;             /* what to log while the guest runs: "exec,int", see twin86_trace_item_name; NULL:
                                      nothing */
    Twin86Output *trace_output;    /* lines of the log, many at a time; the machine's lock need not be held */
    bool handover;   /* make every engine that `accel` names, each of which must work here, and take out of
                        the CPU model what any of them can't give: the guest then can go from one to the
                        other (twin86_set_accel). It starts in the first. Default off */
    bool exit_stats; /* count what leaves the guest, see twin86_exit_stats; not together with handover; default off */
    unsigned trace_last; /* keep so many of the last instructions for twin86_crash_report; tcg-lite only; default 0 */
    const char *trace_filter; /* log the instructions in these ranges of addresses: "0x1000..0x1fff,0x3000+0x10"; NULL:
                                 all */
    const char *symbols;    /* path of an ELF file, or of what nm or System.map have, for names of addresses; NULL: what
                               the    kernel file has */
    bool kernel_irqchip;    /* the host kernel's PICs, I/O APIC and local APIC in place of the machine's; the
                               engine must be kvm; default off */
    bool pvpanic;           /* put in the device by which a guest's kernel tells that it has panicked */
    uint16_t pvpanic_port;  /* its port; default 505h */
    uint8_t pvpanic_events; /* what it takes: bit 0 panics, bit 1 panics of which a crash kernel takes care;
                               default 3 */
    bool pc_testdev;        /* put in QEMU's device for test suites; default off */
    const char *name;       /* what monitor and QMP call the machine; NULL: nothing */
    const uint8_t *uuid;    /* 16 bytes, as RFC 4122 writes them; NULL: it has none */
    bool no_hpet;           /* leave the HPET out; default off */
    bool no_acpi;           /* leave ACPI out: tables, timer, power button and soft-off; default off */
    enum Twin86KernelFirmware kernel_firmware; /* whether firmware runs before a kernel; default AUTO */
    bool no_s3;                                /* with ACPI, leave its sleep state S3 out; default off */
    unsigned cpus; /* processors, 1 to TWIN86_CPUS_MAX; 0: as many as max_cpus or the topology say; default 1 */
    /* Disks (docs/devices.md). Lists end with NULL, and may be NULL. */
    const char *const *drives;    /* "file=PATH,if=ide,..." */
    const char *const *blockdevs; /* "driver=qcow2,node-name=NODE,file.filename=PATH", or as JSON */
    const char *const *devices;   /* "ide-cd,drive=ID,...": an id of a drive's, or a blockdev's node-name */
    bool snapshot;                /* what the guest writes to any drive is forgotten at the end */
    /* What firmware finds (docs/firmware.md). Lists end with NULL, and may be NULL. */
    const char *const *firmware_dirs; /* folders in which firmware files are looked for first */
    const char *const *fw_cfg;        /* "name=opt/NAME,file=PATH" or "...,string=TEXT" */
    const char *const *smbios;        /* "type=1,manufacturer=TEXT,..." */
    const char *const *option_roms;   /* "PATH[,bootindex=N]" */
    const char *boot;                 /* "order=cd,menu=on,...": then firmware is what starts by default; or NULL */
    Twin86Flash flash[2];             /* chips that hold the firmware; the first ends at 4 GiB, the second below it */
    /* Character devices (docs/devices.md). Lists end with NULL, and may be NULL. */
    const char *const *chardevs; /* "socket,id=ID,path=PATH,server=on,..." */
    const char *const *serials;  /* COM1 to COM4: "stdio" (the program's serial_output and twin86_serial_input),
                                    "chardev:ID", "pty", "unix:PATH,server=on", ...; NULL: one, stdio */
    const char *debugcon_to;     /* the debug console's, as of serials; NULL: debugcon_output */
    const char *const *objects;  /* "rng-random,id=ID,...", which devices name */
    /* Networks (docs/network.md). Lists end with NULL, and may be NULL. */
    const char *const *netdevs; /* "user,id=ID,hostfwd=tcp::2222-:22,...", which cards name */
    const char *const *nics;    /* "user,model=virtio-net-pci,mac=ADDRESS,...": a card and its host end; or "none" */
    const char *const *nets;    /* "nic,model=..." and "user,...": one of each at most; or "none" */
    bool default_network;       /* where none of these lists has anything: as a nic "user", if that is there and time is
                                   not counted in instructions; default off */
    bool no_s4;                 /* with ACPI, leave its sleep state S4 out; default off */
    /* Folders that devices name (docs/shared-folders.md): "local,id=ID,path=FOLDER,security_model=none,..."; or NULL */
    const char *const *fsdevs;
    /* How processors sit in the board: of each in the next larger one. 0, the default: what follows from the others, as
     * with QEMU's -smp since 6.2 */
    unsigned max_cpus; /* those that the board has room for; they must be the product of what follows */
    unsigned sockets, dies, cores, threads;
    enum Twin86Vga vga; /* a display adapter in the first slot; `devices` may have one, too; default none */
    bool perf_map;      /* tell perf(1) of translated code, in /tmp/perf-PID.map; tcg-lite only; default off */
    bool jit_dump;      /* ... in jit-PID.dump in the current folder, for perf inject --jit; default off */
} Twin86Config;

/** Where output goes: serial_output, debugcon_output, trace_output. */
enum Twin86OutputKind { TWIN86_OUTPUT_SERIAL, TWIN86_OUTPUT_DEBUGCON, TWIN86_OUTPUT_TRACE };

/** Fill in the defaults. */
static inline void twin86_config_init(Twin86Config *config);
/** The same for the first `size` bytes: a program's struct is as long as its header has it, whatever the library's. */
TWIN86_API void twin86_config_init_size(Twin86Config *config, size_t size);
static inline void twin86_config_init(Twin86Config *config) { twin86_config_init_size(config, sizeof(*config)); }

/** Names for help texts: index 0, 1, ... until NULL. */
TWIN86_API const char *twin86_cpu_name(unsigned index);
TWIN86_API const char *twin86_cpu_feature_name(unsigned index);
TWIN86_API const char *twin86_accel_name(unsigned index);
/** Whether that engine can run here: 0, or -errno with the reason in `why`. */
TWIN86_API int twin86_accel_probe(unsigned index, char *why, size_t why_size);
/** Write what there is to know about that engine on this host, in lines for a person. Returns as twin86_accel_probe. */
TWIN86_API int twin86_doctor(unsigned index, FILE *f);
/** Write what this host and this build have beside engines: processor, sandbox, libraries, firmware. */
TWIN86_API void twin86_doctor_host(FILE *f);
/** What `twin86_cpu_name(index)` is, in a few words. */
TWIN86_API const char *twin86_cpu_description(unsigned index);

/** What the user has to know of character device 0, 1, ... of the machine: which terminal it is, that somebody is
 *  waited for; "" if there is nothing. False: there is no such device. */
TWIN86_API bool twin86_chardev_note(Twin86Machine *machine, unsigned index, char *text, size_t size);

/** What Twin86Config.devices may name: index 0, 1, ... until NULL; its properties, "drive=ID,unit=0|1"; what it is. */
TWIN86_API const char *twin86_device_name(unsigned index);
TWIN86_API const char *twin86_device_properties(unsigned index);
TWIN86_API const char *twin86_device_description(unsigned index);

/** Kinds of host ends for Twin86Config.netdevs: index 0, 1, ... until NULL; properties; what each is. */
TWIN86_API const char *twin86_netdev_name(unsigned index);
TWIN86_API const char *twin86_netdev_properties(unsigned index);
TWIN86_API const char *twin86_netdev_description(unsigned index);

/** What Twin86Config.trace may list, and what it logs, in a few words. */
TWIN86_API const char *twin86_trace_item_name(unsigned index);
TWIN86_API const char *twin86_trace_item_description(unsigned index);

/**
 * Make a machine, stopped at the reset vector with zeroed RAM. 0 and *machine, or -EINVAL (the configuration is wrong),
 * -ENOMEM, or what kept every engine from working (such as -ENOENT without /dev/kvm). On success `why` is "" or tells
 * why an engine earlier in the list was passed over.
 */
TWIN86_API int twin86_create(Twin86Machine **machine, const Twin86Config *config, char *why, size_t why_size);

/** Stop and free it. NULL is allowed. Not from callbacks. */
TWIN86_API void twin86_destroy(Twin86Machine *machine);

/** How many CPUs it has. Any thread, any time. */
TWIN86_API unsigned twin86_cpu_count(const Twin86Machine *machine);

/** The name of the engine in use. Any thread, any time. */
TWIN86_API const char *twin86_engine(const Twin86Machine *machine);

/**
 * Hand the guest over to another engine: it goes on there with the next twin86_start, and notices nothing but the pace.
 * `accel` as in Twin86Config: of several the first that works here. The engine in use: nothing happens. Stopped; not
 * from callbacks. May be called any number of times; engines once made are kept until the machine is destroyed.
 *
 * 0, or with one line in `why` -EBUSY (running), -EINVAL (unknown engine or option; or the guest has been promised CPU
 * features, or a rate of its time stamp counter, that this engine can't give: see Twin86Config.handover), or why the
 * engine can't work here. The guest then goes on in the engine that it has.
 */
TWIN86_API int twin86_set_accel(Twin86Machine *machine, const char *accel, char *why, size_t why_size);

/* ---- guests -------------------------------------------------------------------------------------------------- */

/** What to boot. All NULL: the firmware in flash, or the PC's BIOS when there is something that it would boot, or else
 *  the small guest that is embedded in the library. */
typedef struct Twin86Guest {
    const char *kernel; /* path of a bzImage, a multiboot ELF or an ELF with a PVH note: which one is detected */
    const char *initrd; /* path of an initial RAM disk (bzImage, PVH) or of modules, separated by commas (multiboot) */
    const char *append; /* the kernel's command line */
    const char *bios;   /* a firmware ROM, mapped to end at 4 GiB; its last 128 KiB show below 1 MiB, too. A path, or a
                           name in firmware_dirs or where Debian's packages put firmware. With a kernel: starts it */
} Twin86Guest;

/**
 * Load a guest and set the CPU up to start it. Stopped. 0, or -EINVAL, -ENOENT, ... with one line in `why` that names
 * the file, what is wrong and what would be right; nothing of the guest is loaded then. A later reset loads it anew.
 */
TWIN86_API int twin86_load(Twin86Machine *machine, const Twin86Guest *guest, char *why, size_t why_size);

/* ---- running ------------------------------------------------------------------------------------------------- */

enum Twin86EventKind {
    TWIN86_EVENT_NONE,
    TWIN86_EVENT_POWEROFF,     /* the guest switched the machine off */
    TWIN86_EVENT_RESET,        /* the guest reset the machine, and no_reboot is set */
    TWIN86_EVENT_DEBUG_EXIT,   /* the guest wrote v to isa-debug-exit: `value` is (v << 1) | 1 */
    TWIN86_EVENT_TRIPLE_FAULT, /* the guest's CPU shut down, and no_reboot is set: `message` says where and why */
    TWIN86_EVENT_ERROR,        /* the engine can't go on: `message` says why */
    TWIN86_EVENT_BUDGET,       /* the wanted number of instructions was executed */
    TWIN86_EVENT_DEBUG,        /* a breakpoint, watchpoint or single step */
    TWIN86_EVENT_QUIT,         /* twin86_quit was called */
    TWIN86_EVENT_STUCK,        /* sessions only: the thread that executes the guest has not come back when the session
                                  was to end. The guest is not stopped: see twin86_session_ended */
    TWIN86_EVENT_PANIC,        /* the guest told pvpanic that its kernel has panicked: `value` 1, or 2 when a crash
                                  kernel takes over. twin86_start lets it go on */
    TWIN86_EVENT_IO_ERROR,     /* a drive's image could not be read or written, and its rerror= or werror= says stop:
                                  `message` tells more. twin86_start tries it again */
};

typedef struct Twin86Event {
    enum Twin86EventKind kind;
    uint32_t value;
    char message[256]; /* one line for the person; "" when there is nothing to say */
    unsigned cpu;      /* that did it; 0 for what no CPU did */
} Twin86Event;

/** Let the guest run until an event, or until one of its CPUs has executed `instructions` (0: no limit); an exception
 *  or interrupt that is delivered takes the place of one, so that a guest comes to an end whose handlers do nothing but
 *  fault. Returns at once; -EBUSY when running. */
TWIN86_API int twin86_start(Twin86Machine *machine, uint64_t instructions);
/** Wait for an event and take it; the guest is stopped then. `timeout_ms` < 0: for ever. 0, or -ETIMEDOUT. */
TWIN86_API int twin86_wait(Twin86Machine *machine, int timeout_ms, Twin86Event *event);
/** twin86_start, then twin86_wait for ever. */
TWIN86_API int twin86_run(Twin86Machine *machine, uint64_t instructions, Twin86Event *event);
/** A descriptor that polls readable while an event waits to be taken. Owned by the machine; don't read from it. */
TWIN86_API int twin86_event_fd(const Twin86Machine *machine);

/** Stop the guest between two instructions and wait until it stands. No event comes of it; twin86_start continues.
 *  Stopped already: does nothing. Any thread, any time, but not from callbacks. When another thread starts the guest
 *  meanwhile, it may run again on return. */
TWIN86_API void twin86_pause(Twin86Machine *machine);
/** True while the guest runs (or sleeps in HLT). Any thread, any time. */
TWIN86_API bool twin86_running(const Twin86Machine *machine);
/** Reset the machine as its reset button does; a loaded guest starts anew. Any thread, any time. */
TWIN86_API void twin86_reset(Twin86Machine *machine);
/** As twin86_pause, but wait `timeout_ms` at most. 0, or -ETIMEDOUT: the thread that executes the guest has not come
 *  back (a hook does not return, or there is a fault in the library); it runs on. */
TWIN86_API int twin86_try_pause(Twin86Machine *machine, int timeout_ms);
/** End the run with TWIN86_EVENT_QUIT; stopped: the next one, as soon as it begins. Any thread, any time; not
 *  async-signal-safe. */
TWIN86_API void twin86_quit(Twin86Machine *machine);
/** Press the ACPI power button. Any thread, any time. */
TWIN86_API void twin86_power_button(Twin86Machine *machine);
/** Wake a guest that sleeps in ACPI's state S3; it sees the power button as the cause. 0, or -EALREADY: it does not
 * sleep. Any thread, any time. */
TWIN86_API int twin86_wakeup(Twin86Machine *machine);
/** True while the guest sleeps in S3; it counts as running. Any thread, any time. */
TWIN86_API bool twin86_asleep(const Twin86Machine *machine);

/* ---- sandbox ------------------------------------------------------------------------------------------------- */

/** What threads may do beyond what their work is known to need. Zero-initialise: nothing. (docs/security.md) */
typedef struct Twin86Sandbox {
    bool obsolete;           /* system calls that Linux keeps for old programs alone */
    bool elevate_privileges; /* become another user, in the calling thread and the event loop */
    bool spawn;              /* start programs there; then only what is dangerous is refused in these two */
    bool resource_control;   /* change priorities and CPU affinity there */
    int log_fd;              /* where a line goes for each system call that is refused; to be set, and kept open */
} Twin86Sandbox;

/** Whether there can be a sandbox here: 0, or one line in `why` and -ENOTSUP (built without libseccomp, or with
 *  sanitizers) or -ENOSYS (a kernel without seccomp filters). Any thread, any time. */
TWIN86_API int twin86_sandbox_probe(char *why, size_t why_size);
/**
 * Lock the calling thread, which shall be the one that runs the session, and all threads of the machine into seccomp
 * filters, for good: each may do the system calls that its work needs. Others fail with EPERM. Once, with files
 * opened and users changed, before the machine is started; threads that the caller starts afterwards inherit its
 * filter. Installs the process's handler of SIGSYS, by which refused calls are told of, and forbids the threads to
 * gain privileges by execve (PR_SET_NO_NEW_PRIVS). 0, or one line in `why` and -EBUSY (running, or closed already),
 * -EPERM (a network of the machine's starts programs, and `spawn` is off), as twin86_sandbox_probe, or -errno; then
 * nothing has been locked in.
 */
TWIN86_API int twin86_sandbox_close(Twin86Machine *machine, const Twin86Sandbox *sandbox, char *why, size_t why_size);

/* ---- sessions ------------------------------------------------------------------------------------------------ */

/**
 * A session is one machine with everybody who looks at it: the loop of the program's main thread, in which debuggers
 * and monitors are served, and through which the machine is started and stopped instead of by twin86_start, twin86_wait
 * and twin86_pause. All functions are for one thread, that which calls twin86_session_poll; handlers may call them.
 */
typedef struct Twin86Session Twin86Session;

/** For a stopped machine, which must outlive it. NULL when out of memory. */
TWIN86_API Twin86Session *twin86_session_new(Twin86Machine *machine);
/** Stop the guest, send all clients away. NULL is allowed. */
TWIN86_API void twin86_session_free(Twin86Session *session);

/** Begin: let the guest run, as soon as every client that is to be waited for has come; or with `stopped` leave it to
 *  them or to twin86_session_cont. */
TWIN86_API void twin86_session_start(Twin86Session *session, bool stopped);
/** What becomes of a guest that says by pvpanic that its kernel has panicked; QMP's GUEST_PANICKED tells it. */
enum Twin86PanicAction {
    TWIN86_PANIC_SHUTDOWN, /* the run is over (with no_shutdown as PAUSE); the default */
    TWIN86_PANIC_PAUSE,    /* it stands, and twin86_session_cont lets it go on */
    TWIN86_PANIC_NONE,     /* it goes on */
};
TWIN86_API void twin86_session_set_panic_action(Twin86Session *session, enum Twin86PanicAction action);
/** Keep the machine for a look, stopped, when its run is over, until somebody asks to quit; default off. */
TWIN86_API void twin86_session_set_no_shutdown(Twin86Session *session, bool on);
/** One round: wait until there is something to do, or for `timeout_us` (negative: for ever), and do it. */
TWIN86_API void twin86_session_poll(Twin86Session *session, int64_t timeout_us);
/** True when it is over; *event says why. The guest is stopped then, but for TWIN86_EVENT_STUCK: nothing can be done
 * with the machine any more, and twin86_destroy would wait for ever; a program had better end. */
TWIN86_API bool twin86_session_ended(const Twin86Session *session, Twin86Event *event);

/** What the machine is doing, as QMP calls it: "prelaunch", "running", "paused", "debug"; and with no_shutdown
 *  "shutdown", "guest-panicked" or "internal-error" when its run is over. */
TWIN86_API const char *twin86_session_state(const Twin86Session *session);
/** Why it stands, in one line: what the event that stopped it said, or "". Valid until it stops again. */
TWIN86_API const char *twin86_session_reason(const Twin86Session *session);
/** End it with TWIN86_EVENT_QUIT, or TWIN86_EVENT_STUCK if the guest can't be stopped; within a second. When it has
 * ended already, the event becomes that. */
TWIN86_API void twin86_session_quit(Twin86Session *session);
/** Stop the guest; nothing happens if it is stopped. 0, or -ETIMEDOUT: it does not answer, and goes on. */
TWIN86_API int twin86_session_stop(Twin86Session *session);
/** Let it go on. 0, or -EPERM with one line in `why`: its run is over. */
TWIN86_API int twin86_session_cont(Twin86Session *session, char *why, size_t why_size);
/** As twin86_set_accel; a running guest goes on by itself. */
TWIN86_API int twin86_session_set_accel(Twin86Session *session, const char *accel, char *why, size_t why_size);

/** Called in twin86_session_poll when there is something to read (or an end of file, or an error): `revents` as poll(2)
 *  gives them. It may call twin86_session_watch. */
typedef void Twin86FdHandler(void *opaque, int fd, short revents);
/** Wait for `fd`, too, while `readable`; a later call for the same descriptor changes that. A plain file is always
 *  readable. 0 or -errno. */
TWIN86_API int twin86_session_watch(Twin86Session *session, int fd, bool readable, Twin86FdHandler *handler,
                                    void *opaque);
/** The same for `events` of poll(2): POLLIN, POLLOUT, or 0 for nothing for now. */
TWIN86_API int twin86_session_watch_for(Twin86Session *session, int fd, short events, Twin86FdHandler *handler,
                                        void *opaque);
/** Wait for `fd` no more. Before it is closed. */
TWIN86_API void twin86_session_unwatch(Twin86Session *session, int fd);

/* ---- debugging ----------------------------------------------------------------------------------------------- */

enum Twin86PointKind {
    TWIN86_BREAKPOINT,   /* before the instruction at `address` is executed */
    TWIN86_WATCH_WRITE,  /* after an access that writes any of the bytes */
    TWIN86_WATCH_READ,   /* after one that reads any of them; the kvm engine stops after writes, too */
    TWIN86_WATCH_ACCESS, /* either */
};

/** Where to stop. */
typedef struct Twin86Point {
    enum Twin86PointKind kind;
    uint64_t address; /* linear; in real mode segment * 16 + offset */
    uint64_t length;  /* watchpoints: bytes. tcg-lite takes any; kvm has four debug registers of 1, 2, 4 or 8 aligned
                         bytes, for watchpoints and the first breakpoints */
} Twin86Point;

/**
 * Stop there from now on, with TWIN86_EVENT_DEBUG; one that is there already is left as it is. A breakpoint of which
 * such an event has told is passed over by the next run. The guest does not notice (docs/debugging.md: but for some
 * corners with kvm). Stopped. 0, or with one line in `why` -EBUSY (running), -EINVAL (no such kind, no length), -ENOSPC
 * (more than 64, or than the engine has), -EFAULT (kvm: it would have to go into memory that is not mapped now),
 * -ENOTSUP (this host's KVM).
 */
TWIN86_API int twin86_point_insert(Twin86Machine *machine, const Twin86Point *point, char *why, size_t why_size);
/** Stop there no more. Stopped. 0, -EBUSY, or -ENOENT. */
TWIN86_API int twin86_point_remove(Twin86Machine *machine, const Twin86Point *point);
/**
 * Let one CPU execute one instruction, or deliver the one exception that it raises, or one repetition of a string
 * instruction, while the others stand still; then comes TWIN86_EVENT_DEBUG. Interrupts wait meanwhile, but for one that
 * ends HLT. Returns at once; -EBUSY when running.
 */
TWIN86_API int twin86_step(Twin86Machine *machine, unsigned cpu);

/** What the last TWIN86_EVENT_DEBUG was about, which says in `cpu` whose it is. */
typedef struct Twin86Stop {
    bool step;         /* twin86_step is done; else: */
    Twin86Point point; /* this one was met */
    uint64_t address;  /* linear: of the instruction, or of the first watched byte that was accessed */
} Twin86Stop;

/** Stopped. 0, -EBUSY, or -ENOENT when the last run ended otherwise. */
TWIN86_API int twin86_debug_stop(Twin86Machine *machine, unsigned cpu, Twin86Stop *stop);

/**
 * Run one line of the monitor (docs/monitor.md), such as "info registers"; what it has to say goes to `out`, as lines.
 * The mistakes in it are no errors of this function. *cpu is the number of the CPU that the line looks at, which the
 * monitor's command `cpu` changes; NULL, or a CPU that there is not: the first.
 */
TWIN86_API void twin86_monitor(Twin86Session *session, unsigned *cpu, const char *line, FILE *out);
/** Call `fn` for every word that could be in the place of the last one in `line`. */
TWIN86_API void twin86_monitor_complete(const char *line, void (*fn)(void *opaque, const char *word), void *opaque);

/**
 * Serve monitors, or QMP, where `where` says: "tcp:[HOST]:PORT" (HOST: loopback) or "unix:PATH" (mode 0600), with
 * ",server" behind it when the guest is not to start before a first client has come, with ",server,nowait" when it is.
 * Until the session ends. 0, or -errno with one line in `why`; QMP gives -ENOSYS in a build without json-c.
 */
TWIN86_API int twin86_serve_monitor(Twin86Session *session, const char *where, char *why, size_t why_size);
TWIN86_API int twin86_serve_qmp(Twin86Session *session, const char *where, char *why, size_t why_size);
/** Serve VNC viewers at "[HOST]:DISPLAY" (HOST: loopback) or "unix:PATH" (docs/display.md). The same, but before the
 * guest starts; -ENOTSUP in a build without libvncserver. */
TWIN86_API int twin86_serve_vnc(Twin86Session *session, const char *where, char *why, size_t why_size);
/** The same for gdb, one at a time; behind `where` may stand ",arch=i8086|i386|i386:x86-64", as what the CPU is
 * described instead of by its mode when gdb connects (docs/debugging.md). */
TWIN86_API int twin86_serve_gdb(Twin86Session *session, const char *where, char *why, size_t why_size);

/* ---- output that nobody takes --------------------------------------------------------------------------------- */

/**
 * Say that this output can't be taken for now, or can again: outputs must not wait for their readers. COM1's
 * transmitter then keeps what the guest sends, and the guest waits as for a slow line. The debug console and the trace
 * have no way to let a guest wait, and with icount a run would not repeat: there the guest stands still between two
 * instructions, can be paused, and its time goes on (with icount: stands). Output still comes after this: of COM1
 * nothing, else what the instructions under way say, and up to 64 KiB of the trace. Any thread, any time.
 */
TWIN86_API void twin86_hold_output(Twin86Machine *machine, enum Twin86OutputKind kind, bool held);

/* ---- serial port --------------------------------------------------------------------------------------------- */

enum { TWIN86_SCREEN_CELLS = 16384 };

/** A text mode's screen, see twin86_screen. */
typedef struct Twin86Screen {
    unsigned columns, rows;             /* 0: no text is shown, but graphics or nothing */
    int cursor;                         /* the cell that it is in; -1: none is shown */
    bool blinks;                        /* bit 15 of a cell: it blinks; else: its background is bright */
    uint16_t cell[TWIN86_SCREEN_CELLS]; /* row after row: the character in code page 437, VGA's attribute << 8 */
} Twin86Screen;

/** What the display adapter shows, in characters. 0; -ENODEV: there is none; -ENOMEM. Any thread. */
TWIN86_API int twin86_screen(Twin86Machine *machine, Twin86Screen *screen);
/** Press these keys together and release them `ms` later, after those before; so long nothing else is pressed. Names as
 *  QEMU's: "a", "ret", "ctrl". 0; -EINVAL: there is no such key; -ENOSPC: try again later. Any thread. */
TWIN86_API int twin86_press(Twin86Machine *machine, const char *const *keys, unsigned count, unsigned ms);

/** Give bytes to COM1's receiver. They are queued (up to 64 KiB) until the guest takes them. Returns how many were
 *  taken. Any thread, any time. */
TWIN86_API size_t twin86_serial_input(Twin86Machine *machine, const void *data, size_t size);

/* ---- registers and memory ------------------------------------------------------------------------------------ */

enum Twin86Reg {
    TWIN86_RAX,
    TWIN86_RCX,
    TWIN86_RDX,
    TWIN86_RBX,
    TWIN86_RSP,
    TWIN86_RBP,
    TWIN86_RSI,
    TWIN86_RDI,
    TWIN86_R8,
    TWIN86_R9,
    TWIN86_R10,
    TWIN86_R11,
    TWIN86_R12,
    TWIN86_R13,
    TWIN86_R14,
    TWIN86_R15,
    TWIN86_RIP,
    TWIN86_RFLAGS,
    TWIN86_ES,
    TWIN86_CS,
    TWIN86_SS,
    TWIN86_DS,
    TWIN86_FS,
    TWIN86_GS, /* selectors; writable in real mode only */
    TWIN86_ES_BASE,
    TWIN86_CS_BASE,
    TWIN86_SS_BASE,
    TWIN86_DS_BASE,
    TWIN86_FS_BASE,
    TWIN86_GS_BASE,
    TWIN86_GDT_BASE,
    TWIN86_GDT_LIMIT,
    TWIN86_IDT_BASE,
    TWIN86_IDT_LIMIT,
    TWIN86_CR0,
    TWIN86_CR2,
    TWIN86_CR3,
    TWIN86_CR4,
    TWIN86_EFER, /* read-only, but for CR2 */
    TWIN86_DR0,
    TWIN86_DR1,
    TWIN86_DR2,
    TWIN86_DR3,
    TWIN86_DR6,
    TWIN86_DR7, /* read-only */
    TWIN86_KERNEL_GS_BASE,
    TWIN86_MXCSR,
    TWIN86_FCW,
    TWIN86_FSW,
    TWIN86_REG_COUNT
};

/** "rax", "cs", "cs.base", "gdt.limit", "cr0", ...; NULL beyond the end. */
TWIN86_API const char *twin86_reg_name(enum Twin86Reg reg);
/** The register of that name (lower case), or TWIN86_REG_COUNT. */
TWIN86_API enum Twin86Reg twin86_reg_by_name(const char *name);
/** Stopped. 0, -EBUSY when running, -EINVAL for no such register. */
TWIN86_API int twin86_read_reg(Twin86Machine *machine, unsigned cpu, enum Twin86Reg reg, uint64_t *value);
/** Stopped. As twin86_read_reg; -EPERM when the register can't be written (now, or at all). */
TWIN86_API int twin86_write_reg(Twin86Machine *machine, unsigned cpu, enum Twin86Reg reg, uint64_t value);
/** Registers as text for a person: some 20 lines, and with `fpu` x87 and SSE in 13 more. As snprintf: the length of the
 *  whole text, of which what fits in `size` is stored and terminated. Stopped. -EBUSY when running, -ENOMEM. */
TWIN86_API int twin86_dump_registers(Twin86Machine *machine, unsigned cpu, bool fpu, char *text, size_t size);
/** XMM0-XMM15. Stopped. */
TWIN86_API int twin86_read_xmm(Twin86Machine *machine, unsigned cpu, unsigned index, uint8_t value[16]);

/** Guest-physical memory as the guest's CPUs see it, devices included; holes read as FFh. Any thread, any time. */
TWIN86_API void twin86_read_memory(Twin86Machine *machine, uint64_t gpa, void *data, size_t size);
TWIN86_API void twin86_write_memory(Twin86Machine *machine, uint64_t gpa, const void *data, size_t size);
/** Memory by linear address, through the page tables that are in force on that CPU; privilege is ignored and nothing is
 * marked accessed or dirty. Stopped. 0, -EBUSY, or -EFAULT: not mapped; what lies before the hole has been transferred.
 */
TWIN86_API int twin86_read_virtual(Twin86Machine *machine, unsigned cpu, uint64_t address, void *data, size_t size);
TWIN86_API int twin86_write_virtual(Twin86Machine *machine, unsigned cpu, uint64_t address, const void *data,
                                    size_t size);

/* ---- hooks --------------------------------------------------------------------------------------------------- */

#define TWIN86_NO_CPU (~0u)

/** What answers an access of a CPU, or of a debugger or device: TWIN86_NO_CPU; `offset` is relative to the hook's
 * start, `size` 1, 2 or 4 (MMIO: also 8). */
typedef struct Twin86Hook {
    uint64_t (*read)(void *opaque, unsigned cpu, uint64_t offset, unsigned size);              /* NULL: all ones */
    void (*write)(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size); /* NULL: ignored */
    void *opaque;
} Twin86Hook;

/** Answer IN and OUT on [port, port + count), in front of whatever was there. Stopped. 0, -EINVAL, -EBUSY, -ENOMEM. */
TWIN86_API int twin86_hook_ports(Twin86Machine *machine, uint16_t port, unsigned count, const Twin86Hook *hook);
/** Answer accesses to [gpa, gpa + size), in front of whatever was there. Stopped. */
TWIN86_API int twin86_hook_mmio(Twin86Machine *machine, uint64_t gpa, uint64_t size, const Twin86Hook *hook);

/* ---- looking ------------------------------------------------------------------------------------------------- */

typedef struct Twin86Stats {
    uint64_t instructions; /* executed by the guest since the machine was made, as of the last stop; those that hardware
                              executed only if they were limited in number (twin86_start): else it does not count */
    uint64_t guest_ns;     /* the guest's own time */
    uint64_t run_ns;       /* host time spent running, sleep in HLT included */
    uint64_t cpu_ns;       /* host CPU time of the threads that execute the guest */
    uint64_t resets;       /* how often the machine was reset since it was made */
    uint64_t handovers;    /* how often the guest went from one engine to another */
} Twin86Stats;

/** Any thread; exact when stopped. */
TWIN86_API void twin86_stats(Twin86Machine *machine, Twin86Stats *stats);

/** One CPU: where it sits in the board, and what the host's scheduler has made of the thread that executes it
 *  (docs/vcpu-scheduling.md). Times and counts are since the machine was made; -1: this host does not tell, or nobody
 *  has counted. */
typedef struct Twin86CpuStats {
    unsigned socket, die, core, thread; /* each within the one before */
    uint32_t apic_id;                   /* the initial one */
    int thread_id;                      /* on the host, as gettid gives it */
    int host_cpu;                       /* on which it runs, or ran last */
    int64_t cpu_ns;                     /* host CPU time */
    int64_t wait_ns;                    /* ready to run, and waiting for a host CPU */
    int64_t halted_ns;                  /* slept because the guest did */
    int64_t steal_ns;                   /* of wait_ns the part that the guest was told, if it asks; -1 while it runs */
    int64_t voluntary_switches;         /* to another thread because it slept */
    int64_t involuntary_switches;       /* because its time was over, or another thread was more urgent */
    int64_t migrations;                 /* from one host CPU to another */
    int64_t exits;                      /* left the guest; tcg-lite: would have, counted with exit_stats alone */
} Twin86CpuStats;

/** 0 or -EINVAL. Any thread, but not from callbacks. */
TWIN86_API int twin86_cpu_stats(Twin86Machine *machine, unsigned cpu, Twin86CpuStats *stats);
/** What the machine's engines have counted, as lines "ENGINE: ..."; "" if nothing or when running. */
TWIN86_API void twin86_engine_stats(Twin86Machine *machine, char *buf, size_t size);

/** How many instructions tcg-lite has executed because the engine in use could not, and in `buf` which ones were the
 * most frequent: "FADD 12, FLD 3, 5 others"; "" when there were none or when running. */
TWIN86_API uint64_t twin86_assists(Twin86Machine *machine, char *buf, size_t size);

/** SHA-256 over registers, RAM and the devices' states. Two runs of one guest with icount give the same. Stopped. 0 or
 *  -EBUSY. */
TWIN86_API int twin86_state_hash(Twin86Machine *machine, uint8_t hash[32]);

/* ---- after a crash, and exit statistics ---------------------------------------------------------------------- */

/** Write what is known of a guest that crashed or stands: the exceptions that led there, registers, the instruction at
 *  RIP, the last instructions (Twin86Config.trace_last), with symbols. Stopped. 0 or -EBUSY. */
TWIN86_API int twin86_crash_report(Twin86Machine *machine, FILE *f);

/** The last instructions of one CPU alone, at most `count` of Twin86Config.trace_last. Stopped. 0, -EBUSY, or -ENODATA:
 * none are kept, or this engine does not see them. */
TWIN86_API int twin86_trace_last(Twin86Machine *machine, unsigned cpu, unsigned count, FILE *f);

enum Twin86ExitFormat {
    TWIN86_EXITS_TEXT, /* tables for a person: docs/exit-statistics.md */
    TWIN86_EXITS_JSON, /* all rows, for twin86_exits_compare and other programs */
};

/** Write what has left the guest so far, or would have. Any thread, but not from callbacks. 0, -ENODATA
 *  (Twin86Config.exit_stats is off), -ENOMEM. */
TWIN86_API int twin86_exit_stats(Twin86Machine *machine, enum Twin86ExitFormat format, FILE *f);

/** Two files of exit statistics, as JSON. */
typedef struct Twin86ExitsCompare {
    const char *file[2];
    bool rip; /* a line for each RIP, rather than for each port, address, MSR ... */
    bool all; /* also what is rare */
} Twin86ExitsCompare;

/** Write them side by side. 0, or with one line in `why` -EINVAL, -ENOENT ... (a file can't be read, or is none of
 * these) or -ENOTSUP (built without a JSON library). */
TWIN86_API int twin86_exits_compare(const Twin86ExitsCompare *options, FILE *f, char *why, size_t why_size);

/* ---- comparing engines --------------------------------------------------------------------------------------- */

/** How to run a guest on two engines at once. Zero-initialise, then change what you like. */
typedef struct Twin86DiffGuest {
    const char *engines;   /* two of them, "tcg-lite,kvm"; items with '=' are options of the engine before them. NULL:
                              "tcg-lite,tcg-lite,plain=on": the software engine's fast paths against its plain ones */
    uint64_t instructions; /* how many; 0: until the guest ends */
    uint64_t every;        /* compare all of RAM after so many; 0: a million, with a follower 50,000 */
    unsigned last;         /* how many instructions to show where they differ; 0: 20 */
    bool exits;            /* with a follower: compare where the leader meets devices, events and the like, and each
                              instruction only where that shows a difference */
    bool follow;           /* two tcg-lite: compare after each instruction, the second following the first */
    int timeout_ms;        /* give up after that; -1: never */
} Twin86DiffGuest;

/**
 * Run a guest on two engines in lockstep, from the same state, comparing registers, RAM and devices; find the first
 * instruction after which they differ, and tell about it in `report`. `config->accel`, `icount`, `no_reboot` and
 * `trace` are not looked at, and `config->cpu` without vendor= has the host's vendor; what the guest prints comes once.
 * 0: no difference; 1: there is one; -EINVAL, -EIO, ...: it could not be done, `why` says why; -ETIMEDOUT: no
 * difference until the time was up.
 */
TWIN86_API int twin86_diff_guest(const Twin86Config *config, const Twin86Guest *guest, const Twin86DiffGuest *options,
                                 FILE *report, char *why, size_t why_size);

/** How to run single instructions on two engines. Zero-initialise, then change what you like. */
typedef struct Twin86DiffInsn {
    const char *cpu;     /* as Twin86Config.cpu, "max,vendor=GenuineIntel"; without vendor= the host's; what the host's
                            processor lacks is taken out; NULL: "max" */
    const char *forms;   /* which: patterns of mnemonics ("PADD*") and "cpuid=FEATURE", joined by commas; NULL: all */
    const char *engines; /* two, joined by a comma: "tcg-lite", "host" (this processor, in a process; modes long,
                            compat32 and compat16 at CPL 3), "kvm" (the same through KVM), "plain" (tcg-lite with
                            plain=on); NULL: "tcg-lite,host" or, in other modes, "tcg-lite,kvm" */
    uint64_t cases;      /* at least so many; to be set */
    uint64_t seed;       /* the same cases come of the same seed */
    const char *mode;    /* "real", "v86", "pm16", "pm32", "compat16", "compat32", "long"; NULL: "long" */
    int cpl;             /* 3, or 0: the privilege level, where the mode leaves a choice; to be set */
    unsigned length;     /* instructions of a case, at most 8; 0: 1 */
    bool undefined;      /* flags that the SDM leaves undefined count, too */
    bool coverage;       /* print what was run of each form */
    const char *html;    /* with coverage: write it to this file instead, as a page; NULL: print it */
    bool shrink;         /* reduce differing cases to what matters */
    const char *save;    /* folder for the files of differing cases; NULL: none are written */
    const char *record;  /* a file for cases with what the second engine made of them, reduced; NULL: none */
    uint64_t each;       /* of each form so many that complete are recorded, and half as many that fault; 0: all */
    unsigned shard, shards; /* run the shard-th (from 1) of so many parts of the run; 0, 0: all of it */
    const char *report;     /* a file for twin86_diff_merge; NULL: none */
} Twin86DiffInsn;

/** Run it; the report goes to `out`. 0: nothing differs but what is explained; 1: something differs; or -errno with one
 *  line in `why`: -EINVAL for wrong options, else an engine can't be had or could not go on. */
TWIN86_API int twin86_diff_insn(const Twin86DiffInsn *options, FILE *out, char *why, size_t why_size);

/** Reports of shards of one run of twin86_diff_insn. */
typedef struct Twin86DiffMerge {
    const char *const *file;
    unsigned files;
    bool coverage;      /* as in Twin86DiffInsn */
    const char *html;   /* as there */
    const char *report; /* all of them in one file, which can be merged with others; NULL: none */
} Twin86DiffMerge;

/** Tell of them as of one run. 0: nothing differs but what is explained; 1: something differs, or a shard is missing;
 *  -errno with one line in `why`: -EINVAL for files that are malformed or no parts of one run. */
TWIN86_API int twin86_diff_merge(const Twin86DiffMerge *options, FILE *out, char *why, size_t why_size);

/** MOO files, in which the SingleStepTests project keeps what an 8088, 80286 or 80386 did with single instructions. */
typedef struct Twin86DiffImport {
    const char *const *file;
    unsigned files;
    const char *cpu; /* the model that the cases shall name, as Twin86Config.cpu; NULL: none */
} Twin86DiffImport;

/** Write their tests as cases (docs/diff-cases.md) to `out`, and what there is to say of each file to `log`. 0, or
 *  -errno with one line in `why`: -EINVAL for a file that can't be read or is damaged; what came before is written. */
TWIN86_API int twin86_diff_import(const Twin86DiffImport *options, FILE *out, FILE *log, char *why, size_t why_size);

/** Files of cases (docs/diff-cases.md) whose expectations tcg-lite shall meet. */
typedef struct Twin86DiffVectors {
    const char *const *file;
    unsigned files;
    const char *cpu;  /* as Twin86Config.cpu, whatever the files say; NULL: the model that a file or case names, else
                         "max" */
    const char *only; /* patterns of names of cases ("loopcc*"), joined by commas; NULL: all */
    uint64_t show;    /* so many failures are shown, the others only counted; to be set */
} Twin86DiffVectors;

/** Run them. 0: all expectations are met; 1: some are not; -EINVAL for a file that can't be read or is malformed. */
TWIN86_API int twin86_diff_vectors(const Twin86DiffVectors *options, FILE *report, char *why, size_t why_size);

/** Files of cases, on two engines. */
typedef struct Twin86DiffReplay {
    const char *const *file;
    unsigned files;
    const char *cpu, *only; /* as in Twin86DiffVectors; what the host's processor lacks is taken out of the model */
    const char *engines;    /* as in Twin86DiffInsn; the first is tcg-lite */
    bool shrink;            /* reduce those that differ, and print them */
    const char *record;     /* as in Twin86DiffInsn: all of them */
} Twin86DiffReplay;

/** Run them. As twin86_diff_insn. */
TWIN86_API int twin86_diff_replay(const Twin86DiffReplay *options, FILE *report, char *why, size_t why_size);

#ifdef __cplusplus
}
#endif
#endif
