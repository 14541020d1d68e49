/* SPDX-License-Identifier: MIT */
/** The software engine, for the registry. */
#ifndef TWIN86_TCG_ENGINE_H
#define TWIN86_TCG_ENGINE_H

#include "accel/accel.h"

extern const struct AccelOps tcg_lite_ops;

#endif
