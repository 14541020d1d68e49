/* SPDX-License-Identifier: MIT */
/**
 * Intel 82540EM: a gigabit network controller on PCI, 8086:100E. Written from Intel's "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual" (317453-005, revision 3.8), which comments here call "the manual";
 * numbers are its sections.
 *
 * What there is: the registers, through memory and through the I/O BAR; a serial EEPROM of 64 words behind EERD and
 * EECD; the PHY behind MDIC; a ring for each direction with legacy, context and data descriptors, checksums, TCP
 * segmentation and VLAN tags; the filters; interrupts and what moderates them; statistics. What is not: flow control
 * (no PAUSE frame comes over a network that is none), wake-up, management, and the diagnostic views of the FIFOs.
 *
 * Nothing that a guest writes is believed: rings are walked a bounded way at a time, and memory is reached by bus
 * mastering, so never anything but RAM.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_NET_E1000_H
#define TWIN86_DEVICES_NET_E1000_H

#include "devices/clock.h"
#include "devices/pci/pci_dma.h"
#include "devices/state.h"
#include "net/net.h"

enum {
    E1000_WORDS = 64,         /* of the EEPROM */
    E1000_FRAME = 16384,      /* bytes, the most of a frame (3.2.2, 13.7.15) */
    E1000_FRAME_MOST = 16288, /* that is sent, a VLAN tag excepted (3.3.3) */
    E1000_HEADER = 256,       /* the most of a prototype header: HDRLEN has 8 bits */
    E1000_TURN_FRAMES = 64,   /* in one turn frames are sent, */
    E1000_TURN_DESCRIPTORS = 256,
    E1000_TURN_BYTES = 1 << 18,
};

/** Registers that are a word each; those with arrays have members of their own. */
enum E1000Register {
    E1000_NONE,
    E1000_CTRL,
    E1000_STATUS,
    E1000_EECD,
    E1000_EERD,
    E1000_CTRL_EXT,
    E1000_FLA,
    E1000_MDIC,
    E1000_FCAL,
    E1000_FCAH,
    E1000_FCT,
    E1000_VET,
    E1000_ICR,
    E1000_ITR,
    E1000_ICS,
    E1000_IMS,
    E1000_IMC,
    E1000_RCTL,
    E1000_FCTTV,
    E1000_TXCW,
    E1000_RXCW,
    E1000_TCTL,
    E1000_TIPG,
    E1000_AIT,
    E1000_LEDCTL,
    E1000_PBA,
    E1000_FCRTL,
    E1000_FCRTH,
    E1000_RDBAL,
    E1000_RDBAH,
    E1000_RDLEN,
    E1000_RDH,
    E1000_RDT,
    E1000_RDTR,
    E1000_RXDCTL,
    E1000_RADV,
    E1000_RSRPD,
    E1000_TXDMAC,
    E1000_TDBAL,
    E1000_TDBAH,
    E1000_TDLEN,
    E1000_TDH,
    E1000_TDT,
    E1000_TIDV,
    E1000_TXDCTL,
    E1000_TADV,
    E1000_TSPMT,
    E1000_RXCSUM,
    E1000_WUC,
    E1000_WUFC,
    E1000_WUS,
    E1000_MANC,
    E1000_REGISTERS,
};

/** What a context descriptor says (3.3.6). */
struct E1000Context {
    uint8_t ipcss, ipcso, tucss, tucso;
    uint16_t ipcse, tucse;
    uint32_t payload; /* PAYLEN */
    uint16_t mss;
    uint8_t header, command;
};

/** The frame that is being put together. */
struct E1000Transmit {
    struct E1000Context context[2]; /* of checksums; of segmentation */
    uint32_t done;                  /* bytes of the descriptor at the head that have been taken */
    uint32_t length;                /* of `frame` */
    uint32_t sent;                  /* of a segmentation's payload */
    uint16_t segments;              /* that have gone */
    uint16_t tag;
    uint8_t options; /* POPTS of the first descriptor */
    bool inside;     /* a packet has begun, */
    bool segmented, tagged, bad;
    uint8_t unused[3];
    uint8_t header[E1000_HEADER];
    uint8_t frame[E1000_FRAME];
};

/** The EEPROM's serial interface: a 93C46 (5.3, and Microchip's data sheet of that). */
struct E1000Microwire {
    uint32_t in;  /* bits since the start bit, it included */
    uint8_t bits; /* how many; 0: no start bit yet */
    uint8_t left; /* of `out` */
    uint16_t out;
    uint8_t next; /* word that is read after it */
    bool enabled; /* for writing */
    bool reading;
    uint8_t unused;
};

struct E1000State {
    struct PciDeviceState pci;
    uint32_t reg[E1000_REGISTERS];
    uint32_t io_address;
    uint32_t receive_address[32]; /* RAL, RAH in turn */
    uint32_t multicast[128];
    uint32_t vlan[128];
    uint32_t statistics[64]; /* from 4000h on */
    uint16_t phy[32];
    uint16_t eeprom[E1000_WORDS];
    struct E1000Microwire wire;
    uint8_t unused_2[4];
    int64_t last_interrupt;                    /* clock; negative: none yet */
    int64_t receive_delay, receive_absolute;   /* when RXT0 is due; CLOCK_NEVER */
    int64_t transmit_delay, transmit_absolute; /* TXDW */
    bool asserted;                             /* INTA# */
    bool link;                                 /* the cable */
    uint8_t unused[6];
    struct E1000Transmit transmit;
};

struct E1000Config {
    uint8_t mac[6];
    struct NetEnd *end;         /* of the link; made with e1000_net_ops and the struct E1000 as `opaque` */
    void (*more)(void *opaque); /* have e1000_continue called soon, as posted work */
    void *opaque;
};

struct E1000 {
    struct E1000State state;
    struct PciDevice pci;
    struct Region region;
    struct Clock *clock;
    struct Timer throttle, receive, transmit;
    struct NetEnd *end;
    void (*more)(void *opaque);
    void *opaque;
    const struct DeviceLog *log; /* NULL: nobody looks */
    uint32_t crc[8][256];
    uint8_t received[E1000_FRAME]; /* while it is looked at */
    bool sending;                  /* in a turn */
    bool full;                     /* a frame has been refused */
};

extern const struct NetOps e1000_net_ops;
/** Make it, with that address in its EEPROM. Then pci_add_device(..., &e->pci, ...). */
void e1000_init(struct E1000 *e, struct Clock *clock, const struct E1000Config *config);
/** To its power-up state, but for the EEPROM; pci_reset was called. */
void e1000_reset(struct E1000 *e);
/** Its state was restored. */
void e1000_restored(struct E1000 *e);
extern const struct StateTable e1000_state_table;

/** Go on with frames to send. */
void e1000_continue(struct E1000 *e);

#endif
