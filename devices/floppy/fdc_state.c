/* SPDX-License-Identifier: MIT */
/* Saved states, and which of them can't be. */
#include "devices/floppy/fdc_internal.h"

#include <stddef.h>

static const struct StateTable drive_table = {
    .name = "floppy drive",
    .size = sizeof(struct FdcDriveState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(FdcDriveState, cylinder),
            STATE_FIELD(FdcDriveState, sector),
            STATE_FIELD(FdcDriveState, changed),
            {0},
        },
};

static const char *check(const void *state) {
    const struct FdcState *s = state;
    bool data = s->phase == FDC_DATA_IN || s->phase == FDC_DATA_OUT;
    if (s->phase == FDC_MEDIUM || s->flush)
        return "something is in flight";
    if (s->phase == FDC_COMMAND && s->at > 0 && s->at >= fdc_command_length(s->fifo[0]))
        return "a command has too many bytes";
    if (s->phase == FDC_RESULT && (s->at >= s->end || s->end > FDC_FIFO))
        return "a result is longer than the FIFO";
    if (data && (s->at >= s->end || s->end > FLOPPY_SECTOR))
        return "the FIFO is beyond the data";
    return NULL;
}

const struct StateTable fdc_state_table = {
    .name = "fdc",
    .size = sizeof(struct FdcState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(FdcState, drive, &drive_table),
            STATE_FIELD(FdcState, dor),
            STATE_FIELD(FdcState, tdr),
            STATE_FIELD(FdcState, dsr),
            STATE_FIELD(FdcState, seeking, .max = 15),
            STATE_FIELD(FdcState, interrupt),
            STATE_ARRAY(FdcState, pcn),
            STATE_ARRAY(FdcState, sense),
            STATE_FIELD(FdcState, sensible, .max = 15),
            STATE_ARRAY(FdcState, specified),
            STATE_FIELD(FdcState, configuration),
            STATE_FIELD(FdcState, precompensation),
            STATE_FIELD(FdcState, perpendicular),
            STATE_FIELD(FdcState, locked),
            STATE_FIELD(FdcState, sectors),
            STATE_FIELD(FdcState, phase, .max = FDC_PHASES - 1),
            STATE_ARRAY(FdcState, fifo),
            STATE_FIELD(FdcState, kind, .max = FDC_TRANSFERS - 1),
            STATE_FIELD(FdcState, unit, .max = FDC_UNITS - 1),
            STATE_FIELD(FdcState, side, .max = 1),
            STATE_FIELD(FdcState, c),
            STATE_FIELD(FdcState, h),
            STATE_FIELD(FdcState, r),
            STATE_FIELD(FdcState, n),
            STATE_FIELD(FdcState, last),
            STATE_FIELD(FdcState, left),
            STATE_ARRAY(FdcState, st),
            STATE_FIELD(FdcState, multi),
            STATE_FIELD(FdcState, dirty),
            STATE_FIELD(FdcState, terminal),
            STATE_FIELD(FdcState, flush),
            STATE_FIELD(FdcState, at),
            STATE_FIELD(FdcState, end),
            STATE_ARRAY(FdcState, data),
            STATE_FIELD(FdcState, served),
            {0},
        },
};
