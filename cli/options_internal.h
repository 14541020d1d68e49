/* SPDX-License-Identifier: MIT */
/** What the files of options share: each has functions for rows of the table in options.c. */
#ifndef TWIN86_CLI_OPTIONS_INTERNAL_H
#define TWIN86_CLI_OPTIONS_INTERNAL_H

#include "options.h"

/** What an option's function gets. */
struct Context {
    struct Options *o;
    const char *name; /* as typed */
    char *why;
    size_t n;
};

/** Say what is wrong, behind the option's name. Always false. */
bool wrong(const struct Context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* options_firmware.c */
bool set_firmware_dir(struct Context *c, char *arg);
bool set_fw_cfg(struct Context *c, char *arg);
bool set_smbios(struct Context *c, char *arg);
bool set_option_rom(struct Context *c, char *arg);
bool set_boot(struct Context *c, char *arg);
bool set_flash_drive(struct Context *c, char *arg);
bool set_pflash(struct Context *c, char *arg);
bool set_global(struct Context *c, char *arg);

/* options_chardev.c */
typedef int ServeFunction(Twin86Session *session, const char *where, char *why, size_t why_size);
bool set_serial(struct Context *c, char *arg);
bool set_debugcon(struct Context *c, char *arg);
bool set_chardev(struct Context *c, char *arg);
bool set_parallel(struct Context *c, char *arg);
bool set_monitor(struct Context *c, char *arg);
bool set_qmp(struct Context *c, char *arg);
bool set_mon(struct Context *c, char *arg);
/** Somebody who is served at `where`. False with a message. */
bool add_server(struct Context *c, const char *where, ServeFunction *serve);
/** All options are read: who talks to the terminal. False with `why`. */
bool settle_chardevs(struct Options *o, char *why, size_t n);

/* options_folders.c */
bool set_fsdev(struct Context *c, char *arg);
bool set_virtfs(struct Context *c, char *arg);

/* confine.c */
bool set_sandbox(struct Context *c, char *arg);
bool set_run_as(struct Context *c, char *arg);
bool set_root(struct Context *c, char *arg);

/* options_disks.c */
bool set_drive(struct Context *c, char *arg);
bool set_blockdev(struct Context *c, char *arg);
bool set_disk(struct Context *c, char *arg); /* -hda to -hdd, -cdrom */
bool set_object(struct Context *c, char *arg);
bool set_netdev(struct Context *c, char *arg);
bool set_nic(struct Context *c, char *arg);
bool set_net(struct Context *c, char *arg);
/** Append to a list of the configuration's. False with a message: it is full. */
bool add_to_list(struct Context *c, const char *list[DISK_OPTIONS_MAX + 1], const char *item);
bool set_snapshot(struct Context *c, char *arg);
/** A device of the library's: "ide-cd,drive=ID". False with a message, or, if *unknown, without one. */
bool add_device(struct Context *c, const char *name, const char *arg, bool *unknown);

#endif
