/* SPDX-License-Identifier: MIT */
/* Where firmware files are: as they are named, in the folders of -L, or where Debian's packages put them. */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *in_folder(const char *dir, size_t length, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%.*s/%s", (int)length, dir, name) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

char *firmware_find(const struct Machine *m, const char *name, char *why, size_t n) {
    char *path = access(name, F_OK) == 0 ? strdup(name) : NULL;
    bool plain = strchr(name, '/') == NULL;
    for (char **dir = m->fw.dirs; plain && path == NULL && dir != NULL && *dir != NULL; dir++)
        path = in_folder(*dir, strlen(*dir), name);
    for (const char *dir = TWIN86_FIRMWARE_PATH; plain && path == NULL && *dir != '\0';) {
        size_t length = strcspn(dir, ":");
        path = in_folder(dir, length, name);
        dir += length + (dir[length] == ':');
    }
    if (path == NULL && !plain)
        snprintf(why, n, "%s: can't open the firmware ROM: %s", name, strerror(errno));
    else if (path == NULL)
        snprintf(why, n,
                 "%s: there is no such firmware, neither here nor in the folders of -L nor in " TWIN86_FIRMWARE_PATH
                 "; Debian has it in the packages seabios and ovmf",
                 name);
    return path;
}
