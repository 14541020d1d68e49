/* SPDX-License-Identifier: MIT */
/* Commands about networks. */
#include "control/monitor/command.h"
#include "machine/machine.h"

#include <string.h>

enum { WHY = 400 };

static void print_with(struct Monitor *mon, char *args, void (*print)(const struct Machine *m, FILE *f)) {
    if (!monitor_no_more(mon, args))
        return;
    pthread_mutex_lock(&mon->m->lock);
    print(mon->m, mon->out);
    pthread_mutex_unlock(&mon->m->lock);
}

void monitor_info_network(struct Monitor *mon, char *args) { print_with(mon, args, net_print); }
void monitor_info_usernet(struct Monitor *mon, char *args) { print_with(mon, args, net_print_usernet); }

void monitor_set_link(struct Monitor *mon, char *args) {
    char why[WHY];
    const char *name = monitor_word(mon, &args), *on = name != NULL ? monitor_word(mon, &args) : NULL;
    bool up = on != NULL && strcmp(on, "on") == 0;
    if (on == NULL || (!up && strcmp(on, "off") != 0) || !monitor_no_more(mon, args)) {
        fputs("set_link needs a card or a netdev and on or off, such as: set_link virtio-net-pci.0 off\n", mon->out);
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    if (net_switch_link(mon->m, name, up, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}

typedef int Forward(struct Machine *m, const char *id, const char *rule, char *why, size_t n);

/* "[NETDEV] RULE" */
static void forward(struct Monitor *mon, char *args, Forward *fn, const char *usage) {
    char why[WHY];
    const char *first = monitor_word(mon, &args), *second = first != NULL ? monitor_word(mon, &args) : NULL;
    if (first == NULL || !monitor_no_more(mon, args)) {
        fprintf(mon->out, "%s\n", usage);
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    if (fn(mon->m, second != NULL ? first : NULL, second != NULL ? second : first, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    pthread_mutex_unlock(&mon->m->lock);
}

void monitor_hostfwd_add(struct Monitor *mon, char *args) {
    forward(mon, args, net_add_forward, "hostfwd_add needs a rule, such as: hostfwd_add tcp::2222-:22");
}

void monitor_hostfwd_remove(struct Monitor *mon, char *args) {
    forward(mon, args, net_remove_forward,
            "hostfwd_remove needs the host's side of a rule, such as: hostfwd_remove tcp::2222");
}
