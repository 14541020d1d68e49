/* SPDX-License-Identifier: MIT */
/** The command line, parsed. */
#ifndef TWIN86_CLI_OPTIONS_H
#define TWIN86_CLI_OPTIONS_H

#include <twin86.h>

/** twin86's own exit codes are even, so that they never meet isa-debug-exit's odd ones. */
enum ExitCode {
    EXIT_OK = 0,        /* the guest powered off or asked for a reset with -no-reboot; Ctrl-A X; help and version */
    EXIT_BAD_USAGE = 2, /* the command line or a file named on it is wrong */
    EXIT_CRASHED = 4,   /* triple fault with -no-reboot; a panic that pvpanic was told of */
    EXIT_INTERNAL = 6,  /* twin86 could not go on */
    EXIT_TIMEOUT = 8,   /* -timeout reached */
};

enum SinkKind { SINK_STDIO, SINK_FILE, SINK_NULL };

struct SinkOption {
    enum SinkKind kind;
    const char *path;
};

/** Where a monitor, QMP or gdb is served: -monitor, -mon, -qmp, -gdb. */
struct ServerOption {
    const char *option, *where;
    int (*serve)(Twin86Session *session, const char *where, char *why, size_t why_size);
};

/** -sandbox, -runas, -chroot. */
struct ConfineOptions {
    bool off, asked; /* -sandbox off; on */
    Twin86Sandbox sandbox;
    const char *run_as, *root; /* NULL: stay as we are */
};

enum { SERIALS_MAX = 4, SERVERS_MAX = 8, DISK_OPTIONS_MAX = 32, FIRMWARE_OPTIONS_MAX = 64 };

/** What to do instead of running a guest. */
enum Action {
    ACTION_RUN,
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_CPU,
    ACTION_ACCEL,
    ACTION_DOCTOR,
    ACTION_DEVICE,
    ACTION_NETDEV,
    ACTION_MACHINE,
    ACTION_LOG
};

struct Options {
    Twin86Config config;
    Twin86Guest guest;
    enum Action action;
    const char *help_kind; /* of ACTION_NETDEV: which; NULL: all */
    struct SinkOption serial, debugcon;
    bool serial_given;
    const char *serials[SERIALS_MAX + 1]; /* config.serials points here where the library has the host ends */
    unsigned serial_count;
    const char *chardevs[DISK_OPTIONS_MAX + 1];
    struct ServerOption server[SERVERS_MAX];
    unsigned servers;
    struct ConfineOptions confine;
    bool monitor_here;               /* -monitor stdio */
    bool stopped;                    /* -S */
    bool no_shutdown;                /* -no-shutdown */
    enum Twin86PanicAction on_panic; /* -action panic= */
    bool log_stats, log_hash;
    char trace[128];                                     /* the library's items of -d; config.trace points here */
    char accel[512];                                     /* config.accel points here once an engine was named */
    uint8_t uuid[16];                                    /* config.uuid points here */
    const char *firmware_dirs[FIRMWARE_OPTIONS_MAX + 1]; /* those of config point here, once there is one */
    const char *fw_cfg[FIRMWARE_OPTIONS_MAX + 1];
    const char *smbios[FIRMWARE_OPTIONS_MAX + 1];
    const char *option_roms[FIRMWARE_OPTIONS_MAX + 1];
    const char *drives[DISK_OPTIONS_MAX + 1];
    const char *blockdevs[DISK_OPTIONS_MAX + 1];
    const char *devices[DISK_OPTIONS_MAX + 1];
    const char *objects[DISK_OPTIONS_MAX + 1];
    const char *netdevs[DISK_OPTIONS_MAX + 1];
    const char *nics[DISK_OPTIONS_MAX + 1];
    const char *nets[DISK_OPTIONS_MAX + 1];
    bool no_defaults;            /* -nodefaults */
    bool no_graphics, vga_given; /* -nographic; -vga */
    bool curses;                 /* -display curses */
    const char *fsdevs[DISK_OPTIONS_MAX + 1];
    char boot[512];           /* config.boot points here, once one was given */
    const char *process_name; /* NULL: the program's own */
    const char *log_file;
    bool exit_json;        /* -exit-stats json */
    const char *exit_file; /* -exit-stats file=: NULL: where the log goes */
    int64_t timeout_ms;    /* -1: none */
    uint64_t handover_us;  /* 0: only when asked */
};

/** Fill `o` from the command line. False: `why` says in one line what is wrong and what would be right. */
bool options_parse(struct Options *o, int argc, char **argv, char *why, size_t n);

/** It was asked for a network, which is not there by default. */
bool options_ask_for_network(const struct Options *o);

/** Print what -help, -version and the `help` arguments ask for. `kind` is Options.help_kind. */
void options_print(enum Action action, const char *kind);

#endif
