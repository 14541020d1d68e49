/* SPDX-License-Identifier: MIT */
/* Commands about character devices. */
#include "base/why.h"
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 400 };

void monitor_info_chardev(struct Monitor *mon, char *args) {
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    chardevs_print(mon->m, mon->out);
    pthread_mutex_unlock(&mon->m->lock);
}

/* As QEMU shows them: what is no text as \\ooo. */
static void print_bytes(FILE *f, const uint8_t *data, long n) {
    for (long i = 0; i < n; i++) {
        if (data[i] == '\\')
            fputs("\\\\", f);
        else if (data[i] == '\n' || data[i] == '\t' || isprint(data[i]))
            fputc(data[i], f);
        else
            fprintf(f, "\\%03o", data[i]);
    }
    fputc('\n', f);
}

void monitor_ringbuf_read(struct Monitor *mon, char *args) {
    enum { MOST = 1 << 20 };
    char why[WHY], *end = NULL;
    const char *id = monitor_word(mon, &args), *count = id != NULL ? monitor_word(mon, &args) : NULL;
    unsigned long size = count != NULL && isdigit((unsigned char)count[0]) ? strtoul(count, &end, 0) : 0;
    if (size == 0 || *end != '\0' || !monitor_no_more(mon, args)) {
        fputs("ringbuf_read needs a device and a number of bytes, such as: ringbuf_read log 4096\n", mon->out);
        return;
    }
    size = size < MOST ? size : MOST;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return;
    pthread_mutex_lock(&mon->m->lock);
    long n = chardev_ring_read(mon->m, id, data, size, why, sizeof(why));
    pthread_mutex_unlock(&mon->m->lock);
    if (n < 0)
        fprintf(mon->out, "%s\n", why);
    else
        print_bytes(mon->out, data, n);
    free(data);
}

void monitor_ringbuf_write(struct Monitor *mon, char *args) {
    char why[WHY];
    const char *id = monitor_word(mon, &args), *text = id != NULL ? monitor_word(mon, &args) : NULL;
    if (text == NULL || !monitor_no_more(mon, args)) {
        fputs("ringbuf_write needs a device and a word, such as: ringbuf_write log \"some text\"\n", mon->out);
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    if (chardev_ring_write(mon->m, id, (const uint8_t *)text, strlen(text), why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}

void monitor_chardev_add(struct Monitor *mon, char *args) {
    struct CharOptions o;
    struct Chardev *c;
    char why[WHY];
    int r = chardev_parse(&o, args, why, sizeof(why));
    pthread_mutex_lock(&mon->m->lock);
    if (r == 0)
        r = chardev_add(mon->m, &o, &c, why, sizeof(why));
    else
        chardev_options_free(&o);
    pthread_mutex_unlock(&mon->m->lock);
    if (r != 0)
        fprintf(mon->out, "%s\n", why);
}

void monitor_chardev_remove(struct Monitor *mon, char *args) {
    char why[WHY];
    const char *id = monitor_word(mon, &args);
    if (id == NULL || !monitor_no_more(mon, args)) {
        fputs("chardev-remove needs a device; info chardev lists them\n", mon->out);
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    if (chardev_remove(mon->m, id, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}
