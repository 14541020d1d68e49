/* SPDX-License-Identifier: MIT */
/** base/lists.h, by the name that it had. */
#include "base/lists.h"
