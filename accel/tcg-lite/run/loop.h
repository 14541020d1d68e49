/* SPDX-License-Identifier: MIT */
/**
 * The engine's exec() and step().
 */
#ifndef TWIN86_TCG_LOOP_H
#define TWIN86_TCG_LOOP_H

#include "accel/tcg-lite/run/tcg.h"

/** AccelOps.exec. */
enum VcpuExit tcg_exec(struct CPUState *cpu);
/** AccelOps.step (step.c). */
enum VcpuExit tcg_step(struct CPUState *cpu, const struct AccelStep *s);

#endif
