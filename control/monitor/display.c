/* SPDX-License-Identifier: MIT */
/* Commands about the display. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <string.h>

void monitor_screendump(struct Monitor *mon, char *args) {
    enum PictureFormat format = PICTURE_PPM;
    const char *file = NULL, *word;
    char why[300];
    bool chosen = false;
    while ((word = monitor_word(mon, &args)) != NULL) {
        if (strcmp(word, "-f") == 0) {
            if ((word = monitor_word(mon, &args)) == NULL || !picture_format(word, &format)) {
                fputs("-f needs a format: png or ppm\n", mon->out);
                return;
            }
            chosen = true;
        } else if (file == NULL) {
            file = word;
        } else {
            fprintf(mon->out, "'%.40s' is too much\n", word);
            return;
        }
    }
    if (file == NULL)
        fputs("screendump needs a file, such as: screendump screen.png -f png\n", mon->out);
    else if (display_dump(mon->m, NULL, file, chosen ? format : picture_format_of(file), why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}
