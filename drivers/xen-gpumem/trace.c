// SPDX-License-Identifier: GPL-2.0-only
/* The trace points' bodies: see trace.h. */
#define CREATE_TRACE_POINTS
#include "trace.h"
