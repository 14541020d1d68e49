/* SPDX-License-Identifier: MIT */
/* QMP's commands about the display. */
#include "control/qmp/command.h"
#include "machine/machine.h"

struct json_object *qmp_screendump(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    const char *file = qmp_text(call, "filename"), *name = qmp_text(call, "format");
    enum PictureFormat format = PICTURE_PPM;
    struct json_object *head;
    char why[300] = "";
    if (file == NULL)
        return qmp_fail(call, "Parameter 'filename' is missing");
    if (name != NULL && !picture_format(name, &format))
        return qmp_fail(call, "Parameter 'format' does not accept value '%.40s'; ppm and png are right", name);
    if (json_object_object_get_ex(call->arguments, "head", &head) && json_object_get_int64(head) != 0)
        return qmp_fail(call, "Parameter 'head' expects 0: an adapter has one screen here");
    return display_dump(m, qmp_text(call, "device"), file, format, why, sizeof(why)) == 0 ? NULL
                                                                                          : qmp_fail(call, "%s", why);
}
