/* SPDX-License-Identifier: MIT */
/**
 * Networks of a machine: host ends (-netdev, net/netdev.h) and the cards that they lead to. docs/network.md is about
 * the options.
 *
 * A card is a device model (devices/virtio/virtio_net.h) with a struct Nic, which has what all cards have: its end of
 * the link, the door by which packets enter the guest, its address, its name. To add a model: a file here that reads
 * its properties with nic_property, makes its Nic with nic_init and puts it in with nic_plug; its row in the list of
 * devices (machine/storage/devices.c) and, for -nic, in `models` (nic_options.c); its states in machine/hash.c; and
 * what machine_reset_devices and machine_restored_devices have to do (net_reset, net_restored).
 *
 * All functions but those of creation and destruction: machine lock held.
 */
#ifndef TWIN86_MACHINE_NET_H
#define TWIN86_MACHINE_NET_H

#include "devices/net/e1000.h"
#include "devices/virtio/virtio_net.h"
#include "include/twin86.h"
#include "machine/loop.h"
#include "machine/virtio/virtio.h"
#include "net/dump.h"
#include "net/netdev.h"

#include <stdio.h>

struct Machine;

enum { MAC_SIZE = 6 };
/** "52:54:00:12:34:56". */
struct MacText {
    char text[3 * MAC_SIZE];
};
struct MacText mac_text(const uint8_t mac[MAC_SIZE]);

/** What every card has. */
struct Nic {
    struct NetEnd end; /* its name is `name` */
    struct Nic *next;  /* in the order in which they were put in */
    struct NetDoor door;
    struct LoopWork flush; /* packets wait behind the door */
    struct Machine *machine;
    const char *model; /* "virtio-net-pci" */
    char name[64];     /* its id, or "MODEL.N" */
    uint8_t mac[MAC_SIZE];
};

/** Properties that all cards have. */
struct NicProperties {
    struct VirtioPlug plug; /* id=, bus=, addr=, romfile= */
    const char *netdev;     /* NULL: nothing at the other end */
    bool has_mac;
    uint8_t mac[MAC_SIZE];
    uint64_t bootindex; /* UINT64_MAX: none */
};
#define NIC_PROPERTIES "netdev=ID,mac=ADDRESS,bootindex=N,id=ID,romfile=FILE,bus=pci.0,addr=SLOT"

/** A virtio network card; plugged: it is there. */
struct VirtioNic {
    struct Nic nic;
    struct VirtioPci pci;
    struct VirtioNet net;
    struct LoopWork more;
    bool plugged;
};

/** An 82540EM; plugged: it is there. */
struct E1000Nic {
    struct Nic nic;
    struct E1000 card;
    struct LoopWork more;
    bool plugged;
};

enum { NET_CARDS = 4 /* of each model */ };

struct MachineNet {
    struct Netdev *netdevs; /* in the order in which they were opened */
    struct Nic *nics;
    struct VirtioNic virtio[NET_CARDS];
    struct E1000Nic e1000[NET_CARDS];
    struct NetDump *dumps;
};

/** Open what -netdev, -nic and -net name. Before devices are put in. 0 or -errno with `why`. */
int net_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** Put in the cards of -nic and -net, and of the default network. After -device's. 0 or -errno with `why`. */
int net_create_cards(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** The machine's loop serves host ends from now on. 0 or -errno with `why`. */
int net_start(struct Machine *m, char *why, size_t n);
/** The machine's threads have ended. */
void net_destroy(struct Machine *m);
void net_reset(struct Machine *m);
void net_restored(struct Machine *m);

/** Open one more. `id` as netdev_open has it. 0 or -errno with `why`. */
int net_open(struct Machine *m, const char *option, const char *text, const char *id, struct Netdev **d, char *why,
             size_t n);
struct Netdev *net_find_netdev(const struct Machine *m, const char *id);
/** A card or a host end of that name. NULL: there is none. */
struct NetEnd *net_find_end(const struct Machine *m, const char *name);

/* ---- those who look (look.c) ---- */

/** `info network` and `info usernet`. */
void net_print(const struct Machine *m, FILE *f);
void net_print_usernet(const struct Machine *m, FILE *f);
/** set_link: of a card or a host end. 0 or -ENOENT with `why`. */
int net_switch_link(struct Machine *m, const char *name, bool up, char *why, size_t n);
/** hostfwd_add, hostfwd_remove; `id` NULL: of the first -netdev user. 0 or -errno with `why`. */
int net_add_forward(struct Machine *m, const char *id, const char *rule, char *why, size_t n);
int net_remove_forward(struct Machine *m, const char *id, const char *rule, char *why, size_t n);

/* ---- cards (nic.c) ---- */

void nic_begin_properties(struct NicProperties *p);
/** One of those that all cards have: true if it was and is right. */
bool nic_property(struct NicProperties *p, const char *key, const char *value);
/** Make the card's end: find its host end, give it a name and an address. `model` is as -device has it and lives on. 0
 *  or -errno with `why`. */
int nic_init(struct Machine *m, struct Nic *nic, const char *model, const struct NicProperties *p,
             const struct NetOps *ops, void *opaque, char *why, size_t n);
/** Put the function into its slot, with a ROM to boot from: romfile=, else `rom` of ipxe-qemu where that is installed.
 * 0 or -errno with `why`. */
int nic_plug(struct Machine *m, struct Nic *nic, struct PciDevice *pci, const struct NicProperties *p, const char *rom,
             char *why, size_t n);

/** -device virtio-net-pci: `list` is what follows the name, and may be cut up. 0 or -errno with `why`. */
int net_add_virtio(struct Machine *m, const char *device, char *list, char *why, size_t n);

/* ---- e1000.c ---- */

/** -device e1000. */
int net_add_e1000(struct Machine *m, const char *device, char *list, char *why, size_t n);
void net_e1000_reset(struct Machine *m);
void net_e1000_restored(struct Machine *m);
void net_e1000_set_log(struct Machine *m, const struct DeviceLog *log);

/* ---- dumps.c ---- */

/** What follows -object is a filter-dump. */
bool net_is_dump(const char *object);
/** Those of the configuration; host ends are there. 0 or -errno with `why`. */
int net_create_dumps(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void net_destroy_dumps(struct Machine *m);

#endif
