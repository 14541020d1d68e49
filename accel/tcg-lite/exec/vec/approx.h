/* SPDX-License-Identifier: MIT */
/**
 * RCPPS and RSQRTPS as one vendor's processors compute them, on any host. Results are approximations that each vendor
 * makes in a way of its own; to the bit, programs can tell (SDM vol. 2, RCPPS: only the error is bounded).
 */
#ifndef TWIN86_TCG_APPROX_H
#define TWIN86_TCG_APPROX_H

#include "accel/tcg-lite/exec/vec/kernels_vec_fp.h"
#include "cpu/cpuid.h"

enum Approx { APPROX_RCP, APPROX_RSQRT };

/** Whether the host's own instructions give what this vendor's processors give. */
bool approx_host_is(enum CpuVendor vendor);
/** The approximation of one float, given as its bits. MXCSR has no part in it, and no flag is raised. */
uint32_t approx_float(enum Approx what, uint32_t x, enum CpuVendor vendor);
/** Of each of four. */
V128 approx_floats(enum Approx what, V128 x, enum CpuVendor vendor);

#endif
