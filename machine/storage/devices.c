/* SPDX-License-Identifier: MIT */
/* -device: which there are. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUG_PROPERTIES "bus=pci.0,addr=SLOT,id=ID,romfile=FILE"
#define BLOCK_SIZES "physical_block_size=N"
#define ERRORS "rerror=report|ignore|stop"
#define DISK_ERRORS "write-cache=on|off|auto,werror=enospc|report|ignore|stop," ERRORS
#define IDE_PROPERTIES "drive=ID,bus=ide.0|ide.1,unit=0|1,id=ID,serial=TEXT,model=TEXT,ver=TEXT,bootindex=N"
#define VIRTIO_PROPERTIES                                                                                              \
    "drive=ID," PLUG_PROPERTIES ",bootindex=N,serial=TEXT,num-queues=1..8,logical_block_size=N," BLOCK_SIZES           \
    ",min_io_size=N,opt_io_size=N,discard_granularity=N,discard=on|off,write-zeroes=on|off," DISK_ERRORS
#define FLOPPY_PROPERTIES "drive=ID,unit=0|1,drive-type=auto|120|144|288,bus=floppy-bus.0,id=ID,bootindex=N"
#define PORT_PROPERTIES "chardev=ID,name=TEXT,nr=0..30,bus=CONTROLLER.0,id=ID"

static const struct Device {
    const char *name, *properties, *description;
    int (*add)(struct Machine *m, const char *device, char *list, char *why, size_t n);
} devices[] = {
    {"ide-hd", IDE_PROPERTIES "," BLOCK_SIZES "," DISK_ERRORS, "an ATA disk", storage_add_ide_device},
    {"ide-cd", IDE_PROPERTIES "," ERRORS, "an ATAPI CD-ROM; no drive=: empty", storage_add_ide_device},
    {"floppy", FLOPPY_PROPERTIES, "a floppy drive; no drive=: empty", storage_add_floppy_device},
    {"virtio-blk-pci", VIRTIO_PROPERTIES, "a virtio disk, transitional", storage_add_virtio_device},
    {"isa-serial", "chardev=ID,index=0..3,iobase=PORT,irq=N,id=ID", "a serial port, 16550A", serial_add_isa},
    {"isa-debugcon", "chardev=ID,iobase=0xe9,id=ID", "the debug console", debugcon_add},
    {"virtio-net-pci",
     NIC_PROPERTIES ",mq=on|off,vectors=N,host_mtu=N,csum=on|off,guest_csum=on|off,guest_tso4=on|off,guest_tso6=on|off,"
                    "guest_ecn=on|off,host_tso4=on|off,host_tso6=on|off,host_ecn=on|off,mrg_rxbuf=on|off,status=on|off,"
                    "ctrl_vq=on|off,ctrl_rx=on|off,ctrl_vlan=on|off,ctrl_rx_extra=on|off,ctrl_mac_addr=on|off,"
                    "ctrl_guest_offloads=on|off",
     "a network card", net_add_virtio},
    {"e1000", NIC_PROPERTIES, "a network card, 82540EM", net_add_e1000},
    {"VGA", "vgamem_mb=1..256,edid=on|off,xres=N,yres=N," PLUG_PROPERTIES, "a display adapter: the standard VGA",
     display_add_vga},
    {"virtio-rng-pci", "rng=ID,max-bytes=N,period=MS," PLUG_PROPERTIES, "random numbers of the host's", virtio_add_rng},
    {"virtio-serial-pci", "max_ports=1..31," PLUG_PROPERTIES, "a controller for the two that follow",
     virtio_add_serial},
    {"virtconsole", PORT_PROPERTIES, "a console, hvc0", virtio_add_port},
    {"virtserialport", PORT_PROPERTIES, "a port with a name", virtio_add_port},
    {"virtio-balloon-pci", "deflate-on-oom=on|off,free-page-reporting=on|off," PLUG_PROPERTIES,
     "gives guest memory back to the host", virtio_add_balloon},
    {"virtio-keyboard-pci", PLUG_PROPERTIES, "a keyboard", virtio_add_input},
    {"virtio-mouse-pci", PLUG_PROPERTIES, "a mouse", virtio_add_input},
    {"virtio-tablet-pci", PLUG_PROPERTIES, "a pointer with absolute positions", virtio_add_input},
    {"virtio-9p-pci", "fsdev=ID,mount_tag=TAG," PLUG_PROPERTIES, "a folder of the host's, by 9P", virtio_add_folder},
};
enum { DEVICES = sizeof(devices) / sizeof(devices[0]) };

const char *twin86_device_name(unsigned index) { return index < DEVICES ? devices[index].name : NULL; }
const char *twin86_device_properties(unsigned index) { return index < DEVICES ? devices[index].properties : NULL; }
const char *twin86_device_description(unsigned index) { return index < DEVICES ? devices[index].description : NULL; }

int storage_add_device(struct Machine *m, const char *text, char *why, size_t n) {
    char *copy = strdup(text), *list = copy;
    if (copy == NULL)
        return why_set(why, n, -EINVAL, "-device: out of memory");
    const char *name = list_cut(&list);
    int r = -ENODEV;
    for (unsigned i = 0; i < DEVICES && r == -ENODEV; i++)
        if (strcmp(devices[i].name, name) == 0)
            r = devices[i].add(m, name, list, why, n);
    if (r == -ENODEV)
        r = why_set(why, n, -EINVAL, "unknown device '%s'", name);
    free(copy);
    return r;
}
