/* SPDX-License-Identifier: MIT */
/** Registers by number and name, for the public interface. */
#ifndef TWIN86_MACHINE_REGS_H
#define TWIN86_MACHINE_REGS_H

#include "cpu/env.h"
#include "include/twin86.h"

const char *reg_name(enum Twin86Reg reg);
enum Twin86Reg reg_by_name(const char *name);
/** 0 or -EINVAL. */
int reg_read(const CPUX86State *env, enum Twin86Reg reg, uint64_t *value);
/** 0, -EINVAL, or -EPERM: read-only, or a selector outside real mode. */
int reg_write(CPUX86State *env, enum Twin86Reg reg, uint64_t value);

#endif
