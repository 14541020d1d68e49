/* SPDX-License-Identifier: MIT */
/**
 * Kernels of FMA: a is the destination's old value, b and c the sources in the order of the instruction, which is the
 * host's own: 132 is a * c + b, 213 is b * a + c, 231 is b * c + a.
 */
#ifndef TWIN86_TCG_KERNELS_FMA_H
#define TWIN86_TCG_KERNELS_FMA_H

#include "accel/tcg-lite/exec/portable/kernels_portable_fma.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

/** `masks` are MXCSR's masks: with all of them, which is a constant, it is the host's instruction, else exact flags of
 *  unmasked overflow and underflow are wanted. */
typedef V128 (*VecFma)(V128 a, V128 b, V128 c, uint32_t masks);

/* X, Y and Z are the operands of x * y + z, for the portable version. */
#define VEC_FMA(NAME, INSN, X, Y, Z, KIND, LANES)                                                                      \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b, V128 c, uint32_t masks) {                                                  \
        if (masks != MXCSR_MASKS || UNLIKELY(!host_has(HOST_FMA)))                                                     \
            return portable_fma(a, X, Y, Z, KIND, LANES, masks);                                                       \
        __asm__ volatile(INSN " %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));                                               \
        return a;                                                                                                      \
    }

VEC_FMA(kernel_fmadd132ps, "vfmadd132ps", a, c, b, FMA_ADD, FMA_PS)
VEC_FMA(kernel_fmadd132pd, "vfmadd132pd", a, c, b, FMA_ADD, FMA_PD)
VEC_FMA(kernel_fmadd132ss, "vfmadd132ss", a, c, b, FMA_ADD, FMA_SS)
VEC_FMA(kernel_fmadd132sd, "vfmadd132sd", a, c, b, FMA_ADD, FMA_SD)
VEC_FMA(kernel_fmsub132ps, "vfmsub132ps", a, c, b, FMA_SUB, FMA_PS)
VEC_FMA(kernel_fmsub132pd, "vfmsub132pd", a, c, b, FMA_SUB, FMA_PD)
VEC_FMA(kernel_fmsub132ss, "vfmsub132ss", a, c, b, FMA_SUB, FMA_SS)
VEC_FMA(kernel_fmsub132sd, "vfmsub132sd", a, c, b, FMA_SUB, FMA_SD)
VEC_FMA(kernel_fnmadd132ps, "vfnmadd132ps", a, c, b, FMA_NADD, FMA_PS)
VEC_FMA(kernel_fnmadd132pd, "vfnmadd132pd", a, c, b, FMA_NADD, FMA_PD)
VEC_FMA(kernel_fnmadd132ss, "vfnmadd132ss", a, c, b, FMA_NADD, FMA_SS)
VEC_FMA(kernel_fnmadd132sd, "vfnmadd132sd", a, c, b, FMA_NADD, FMA_SD)
VEC_FMA(kernel_fnmsub132ps, "vfnmsub132ps", a, c, b, FMA_NSUB, FMA_PS)
VEC_FMA(kernel_fnmsub132pd, "vfnmsub132pd", a, c, b, FMA_NSUB, FMA_PD)
VEC_FMA(kernel_fnmsub132ss, "vfnmsub132ss", a, c, b, FMA_NSUB, FMA_SS)
VEC_FMA(kernel_fnmsub132sd, "vfnmsub132sd", a, c, b, FMA_NSUB, FMA_SD)
VEC_FMA(kernel_fmaddsub132ps, "vfmaddsub132ps", a, c, b, FMA_ADDSUB, FMA_PS)
VEC_FMA(kernel_fmaddsub132pd, "vfmaddsub132pd", a, c, b, FMA_ADDSUB, FMA_PD)
VEC_FMA(kernel_fmsubadd132ps, "vfmsubadd132ps", a, c, b, FMA_SUBADD, FMA_PS)
VEC_FMA(kernel_fmsubadd132pd, "vfmsubadd132pd", a, c, b, FMA_SUBADD, FMA_PD)
VEC_FMA(kernel_fmadd213ps, "vfmadd213ps", b, a, c, FMA_ADD, FMA_PS)
VEC_FMA(kernel_fmadd213pd, "vfmadd213pd", b, a, c, FMA_ADD, FMA_PD)
VEC_FMA(kernel_fmadd213ss, "vfmadd213ss", b, a, c, FMA_ADD, FMA_SS)
VEC_FMA(kernel_fmadd213sd, "vfmadd213sd", b, a, c, FMA_ADD, FMA_SD)
VEC_FMA(kernel_fmsub213ps, "vfmsub213ps", b, a, c, FMA_SUB, FMA_PS)
VEC_FMA(kernel_fmsub213pd, "vfmsub213pd", b, a, c, FMA_SUB, FMA_PD)
VEC_FMA(kernel_fmsub213ss, "vfmsub213ss", b, a, c, FMA_SUB, FMA_SS)
VEC_FMA(kernel_fmsub213sd, "vfmsub213sd", b, a, c, FMA_SUB, FMA_SD)
VEC_FMA(kernel_fnmadd213ps, "vfnmadd213ps", b, a, c, FMA_NADD, FMA_PS)
VEC_FMA(kernel_fnmadd213pd, "vfnmadd213pd", b, a, c, FMA_NADD, FMA_PD)
VEC_FMA(kernel_fnmadd213ss, "vfnmadd213ss", b, a, c, FMA_NADD, FMA_SS)
VEC_FMA(kernel_fnmadd213sd, "vfnmadd213sd", b, a, c, FMA_NADD, FMA_SD)
VEC_FMA(kernel_fnmsub213ps, "vfnmsub213ps", b, a, c, FMA_NSUB, FMA_PS)
VEC_FMA(kernel_fnmsub213pd, "vfnmsub213pd", b, a, c, FMA_NSUB, FMA_PD)
VEC_FMA(kernel_fnmsub213ss, "vfnmsub213ss", b, a, c, FMA_NSUB, FMA_SS)
VEC_FMA(kernel_fnmsub213sd, "vfnmsub213sd", b, a, c, FMA_NSUB, FMA_SD)
VEC_FMA(kernel_fmaddsub213ps, "vfmaddsub213ps", b, a, c, FMA_ADDSUB, FMA_PS)
VEC_FMA(kernel_fmaddsub213pd, "vfmaddsub213pd", b, a, c, FMA_ADDSUB, FMA_PD)
VEC_FMA(kernel_fmsubadd213ps, "vfmsubadd213ps", b, a, c, FMA_SUBADD, FMA_PS)
VEC_FMA(kernel_fmsubadd213pd, "vfmsubadd213pd", b, a, c, FMA_SUBADD, FMA_PD)
VEC_FMA(kernel_fmadd231ps, "vfmadd231ps", b, c, a, FMA_ADD, FMA_PS)
VEC_FMA(kernel_fmadd231pd, "vfmadd231pd", b, c, a, FMA_ADD, FMA_PD)
VEC_FMA(kernel_fmadd231ss, "vfmadd231ss", b, c, a, FMA_ADD, FMA_SS)
VEC_FMA(kernel_fmadd231sd, "vfmadd231sd", b, c, a, FMA_ADD, FMA_SD)
VEC_FMA(kernel_fmsub231ps, "vfmsub231ps", b, c, a, FMA_SUB, FMA_PS)
VEC_FMA(kernel_fmsub231pd, "vfmsub231pd", b, c, a, FMA_SUB, FMA_PD)
VEC_FMA(kernel_fmsub231ss, "vfmsub231ss", b, c, a, FMA_SUB, FMA_SS)
VEC_FMA(kernel_fmsub231sd, "vfmsub231sd", b, c, a, FMA_SUB, FMA_SD)
VEC_FMA(kernel_fnmadd231ps, "vfnmadd231ps", b, c, a, FMA_NADD, FMA_PS)
VEC_FMA(kernel_fnmadd231pd, "vfnmadd231pd", b, c, a, FMA_NADD, FMA_PD)
VEC_FMA(kernel_fnmadd231ss, "vfnmadd231ss", b, c, a, FMA_NADD, FMA_SS)
VEC_FMA(kernel_fnmadd231sd, "vfnmadd231sd", b, c, a, FMA_NADD, FMA_SD)
VEC_FMA(kernel_fnmsub231ps, "vfnmsub231ps", b, c, a, FMA_NSUB, FMA_PS)
VEC_FMA(kernel_fnmsub231pd, "vfnmsub231pd", b, c, a, FMA_NSUB, FMA_PD)
VEC_FMA(kernel_fnmsub231ss, "vfnmsub231ss", b, c, a, FMA_NSUB, FMA_SS)
VEC_FMA(kernel_fnmsub231sd, "vfnmsub231sd", b, c, a, FMA_NSUB, FMA_SD)
VEC_FMA(kernel_fmaddsub231ps, "vfmaddsub231ps", b, c, a, FMA_ADDSUB, FMA_PS)
VEC_FMA(kernel_fmaddsub231pd, "vfmaddsub231pd", b, c, a, FMA_ADDSUB, FMA_PD)
VEC_FMA(kernel_fmsubadd231ps, "vfmsubadd231ps", b, c, a, FMA_SUBADD, FMA_PS)
VEC_FMA(kernel_fmsubadd231pd, "vfmsubadd231pd", b, c, a, FMA_SUBADD, FMA_PD)

#endif
