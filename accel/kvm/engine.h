/* SPDX-License-Identifier: MIT */
/** The engine on KVM, for the registry. */
#ifndef TWIN86_KVM_ENGINE_H
#define TWIN86_KVM_ENGINE_H

#include "accel/accel.h"

extern const struct AccelOps kvm_ops;

#endif
