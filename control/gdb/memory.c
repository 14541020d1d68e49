/* SPDX-License-Identifier: MIT */
/*
 * m, M, X: memory as the CPU addresses it now, or physical. RAM and ROM only: reading a device's registers may change
 * them, and gdb reads what it likes (a stack that is none, for example).
 */
#include "control/gdb/gdb.h"
#include "debug/peek.h"

#include <errno.h>
#include <string.h>

/* The memory at an address: how many bytes from there lie together, and where; 0: none. */
static size_t locate(struct Gdb *g, uint64_t address, bool write, uint64_t *phys) {
    struct CPUState *cpu = g->cpu;
    uint64_t offset, avail, room = 4096 - (address & 4095);
    *phys = address;
    if (!g->physical) {
        if (!x86_long_mode(&cpu->env) && address >> 32)
            return 0;
        if (!peek_translate(cpu, address, phys))
            return 0;
    }
    struct Region *r = bus_find(cpu->bus, *phys, &offset, &avail);
    if (r == NULL || r->host == NULL || (write && r->kind != REGION_RAM))
        return 0;
    return room < avail ? room : avail;
}

/* How much of it could be transferred. */
static size_t transfer(struct Gdb *g, uint64_t address, void *data, size_t n, bool write) {
    uint8_t *p = data;
    size_t done = 0;
    while (done < n) {
        uint64_t phys;
        size_t room = locate(g, address + done, write, &phys), part = n - done < room ? n - done : room;
        if (part == 0)
            break;
        if (write)
            bus_write(g->cpu->bus, phys, p + done, part);
        else
            bus_read(g->cpu->bus, phys, p + done, part);
        done += part;
    }
    return done;
}

/* "ADDRESS,LENGTH" */
static bool range(const char **args, uint64_t *address, uint64_t *length) {
    return gdb_number(args, address) && *(*args)++ == ',' && gdb_number(args, length);
}

static void read_memory(struct Gdb *g, const char *args) {
    uint64_t address, length;
    uint8_t data[GDB_PACKET_MAX / 2];
    if (!range(&args, &address, &length)) {
        gdb_error(g, EINVAL);
        return;
    }
    size_t n = transfer(g, address, data, length < sizeof(data) ? length : sizeof(data), false);
    if (n == 0 && length != 0) {
        gdb_error(g, EFAULT);
        return;
    }
    gdb_out_begin(&g->out);
    gdb_out_hex(&g->out, data, n);
    gdb_send(g);
}

static void finish_write(struct Gdb *g, uint64_t address, uint8_t *data, size_t n) {
    if (transfer(g, address, data, n, true) == n)
        gdb_reply(g, "OK");
    else
        gdb_error(g, EFAULT);
}

static void write_memory(struct Gdb *g, const char *args) {
    uint64_t address, length;
    uint8_t data[GDB_PACKET_MAX / 2];
    if (!range(&args, &address, &length) || *args++ != ':' || length > sizeof(data) ||
        !gdb_bytes(&args, data, length) || *args != '\0')
        gdb_error(g, EINVAL);
    else
        finish_write(g, address, data, length);
}

static void write_binary(struct Gdb *g, const char *args) {
    uint64_t address, length;
    if (!range(&args, &address, &length) || *args++ != ':' || length != (uint64_t)(g->in.data + g->in.size - args)) {
        gdb_error(g, EINVAL);
        return;
    }
    finish_write(g, address, (uint8_t *)(uintptr_t)args, length);
}

/* QEMU's: maintenance packet Qqemu.PhyMemMode:1 */
static void set_physical(struct Gdb *g, const char *args) {
    if (strcmp(args, "0") != 0 && strcmp(args, "1") != 0) {
        gdb_error(g, EINVAL);
        return;
    }
    g->physical = args[0] == '1';
    gdb_reply(g, "OK");
}

static void get_physical(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, g->physical ? "1" : "0");
}

const struct GdbCommand gdb_memory_commands[] = {
    {"m", read_memory},
    {"M", write_memory},
    {"X", write_binary},
    {"Qqemu.PhyMemMode:", set_physical},
    {"qqemu.PhyMemMode", get_physical},
    {NULL, NULL},
};
