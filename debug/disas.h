/* SPDX-License-Identifier: MIT */
/**
 * Disassembly of guest code, in the SDM's (Intel's) syntax, by capstone. In a build without capstone everything works
 * but the text: lines then show bytes only.
 */
#ifndef TWIN86_DEBUG_DISAS_H
#define TWIN86_DEBUG_DISAS_H

#include "cpu/cpu.h"

/** A disassembler; no thread may use it while another does. */
struct Disas;

/** Size of code: of operands and addresses without prefixes. */
enum DisasMode { DISAS_16, DISAS_32, DISAS_64 };

enum { DISAS_MAX_INSN = 15 };

/** One instruction. */
struct DisasLine {
    uint64_t address; /* offset in the code segment, as RIP */
    uint8_t size;     /* bytes; 0 when none could be read */
    uint8_t bytes[DISAS_MAX_INSN];
    char text[200]; /* "mov eax, ebx"; "(bad)"; "(unreadable)"; "" without capstone */
};

/** NULL when out of memory. */
struct Disas *disas_new(void);
void disas_free(struct Disas *d);

/** True if this build can do more than print bytes. */
bool disas_has_text(void);

/** By CS.L and CS.D. */
enum DisasMode disas_mode(const CPUX86State *env);

/**
 * Disassemble the first instruction in `n` bytes that start at `address`. Fills *line and returns line->size, which is
 * 0 only for n = 0. Undecodable bytes give "(bad)" and one byte; without capstone, up to 8 bytes.
 */
unsigned disas_bytes(struct Disas *d, enum DisasMode mode, uint64_t address, const uint8_t *bytes, size_t n,
                     struct DisasLine *line);

/** The same at CS:rip in guest memory, in the CPU's mode. In the vCPU's thread, or stopped; env up to date. */
unsigned disas_at(struct Disas *d, struct CPUState *cpu, uint64_t rip, struct DisasLine *line);

#endif
