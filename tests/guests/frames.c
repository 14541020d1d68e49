/* SPDX-License-Identifier: MIT */
/*
 * A guest of one page for tests of networks: it drives an e1000 by polling,
 * says hello to everybody until it has heard somebody who has heard it, prints
 * whom, and ends through port f4h: exit code 3; 5: nobody was there for 20
 * seconds; 7: there is no card. Before it ends it sends 2,000 long frames if
 * its command line has the word "flood", and waits for as many.
 *
 * Compiled for 32 bits, freestanding; starts as a PVH kernel.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

__asm__(".section .note.pvh, \"a\", @note\n"
        ".long 4, 4, 18\n"
        ".asciz \"Xen\"\n"
        ".long start\n"
        ".text\n"
        ".globl start\n"
        "start: mov $stack_top, %esp\n"
        "push %ebx\n"
        "call run\n"
        "1: hlt\n"
        "jmp 1b\n"
        ".bss\n"
        ".balign 16\n"
        ".skip 16384\n"
        "stack_top:\n"
        ".text\n");

enum { RING = 32, BAR = 0xe0000000, FLOOD = 2000, LONG = 1514, SHORT = 60 };
enum {
  CTRL = 0,
  STATUS = 8,
  RCTL = 0x100,
  TCTL = 0x400,
  RDBAL = 0x2800,
  TDBAL = 0x3800,
  RAL = 0x5400
};

struct Descriptor {
  u32 address, zero;
  u16 length, checksum;
  u8 status, errors;
  u16 special;
};

static struct Descriptor rx[RING] __attribute__((aligned(128))),
    tx[RING] __attribute__((aligned(128)));
static u8 buffer[RING][2048], frame[RING][2048];
static u32 rx_next, tx_next;

static inline void out8(u16 port, u8 v) {
  __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void out32(u16 port, u32 v) {
  __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline u32 in32(u16 port) {
  u32 v;
  __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
  return v;
}
static inline u64 tsc(void) { return __builtin_ia32_rdtsc(); }

static u32 pci(u32 slot, u32 reg) {
  out32(0xcf8, 0x80000000 | slot << 11 | reg);
  return in32(0xcfc);
}
static void set_pci(u32 slot, u32 reg, u32 v) {
  out32(0xcf8, 0x80000000 | slot << 11 | reg);
  out32(0xcfc, v);
}

static volatile u32 *reg(u32 offset) { return (volatile u32 *)(BAR + offset); }

static void print(const char *s) {
  while (*s)
    out8(0x3f8, *s++);
}
static void print_byte(u8 v) {
  out8(0x3f8, "0123456789abcdef"[v >> 4]);
  out8(0x3f8, "0123456789abcdef"[v & 15]);
}
static void print_number(u32 v) {
  if (v >= 10)
    print_number(v / 10);
  out8(0x3f8, '0' + v % 10);
}
static void end(u8 code) {
  out8(0xf4, code);
  for (;;)
    __asm__ volatile("hlt");
}

static void start_card(void) {
  u32 slot = 0;
  while (slot < 32 && pci(slot, 0) != 0x100e8086)
    slot++;
  if (slot == 32)
    end(3);
  set_pci(slot, 0x10, BAR);
  set_pci(slot, 4, 6);
  *reg(CTRL) = *reg(CTRL) | 0x40;
  for (u32 i = 0; i < RING; i++)
    rx[i].address = (u32)buffer[i], tx[i].address = (u32)frame[i];
  *reg(TDBAL) = (u32)tx;
  *reg(TDBAL + 8) = sizeof(tx);
  *reg(TCTL) = 0xa;
  *reg(RDBAL) = (u32)rx;
  *reg(RDBAL + 8) = sizeof(rx);
  *reg(RDBAL + 0x18) = RING - 1;
  *reg(RCTL) = 0x04008002;
}

static u32 heard, answered, many, wrong;
static u8 whom[6];

static void look(const u8 *f, u32 length) {
  if (f[12] != 0x88 || f[13] != 0xb5)
    return;
  for (u32 i = 15; i < length; i++)
    wrong += f[i] != (u8)(i + length);
  if (f[14] == 2) {
    many++;
    return;
  }
  heard = 1;
  answered |= f[14] == 1;
  for (u32 i = 0; i < 6; i++)
    whom[i] = f[6 + i];
}

static void receive(void) {
  volatile struct Descriptor *d = &rx[rx_next];
  while (d->status & 1) {
    look(buffer[rx_next], d->length);
    d->status = 0;
    *reg(RDBAL + 0x18) = rx_next;
    rx_next = (rx_next + 1) % RING;
    d = &rx[rx_next];
  }
}

/* `kind`: 0 hello, 1 I have heard you, 2 one of many. */
static void send(u8 kind, u32 length) {
  volatile struct Descriptor *d = &tx[tx_next],
                             *last = &tx[(tx_next + 1) % RING];
  u8 *f = frame[tx_next];
  u32 low = *reg(RAL), high = *reg(RAL + 4);
  /* The one behind it has been used, and is not done yet: a ring whose tail
   * comes to its head would be empty. */
  while (last->checksum != 0 && !(last->status & 1))
    receive();
  for (u32 i = 0; i < 6; i++)
    f[i] = 0xff, f[6 + i] = i < 4 ? low >> 8 * i : high >> 8 * (i - 4);
  f[12] = 0x88, f[13] = 0xb5,
  f[14] = kind; /* an EtherType for experiments (IEEE 802) */
  for (u32 i = 15; i < length; i++)
    f[i] = (u8)(i + length);
  d->status = 0;
  d->errors = 0;
  d->length = length;
  d->checksum = 0x0b00; /* EOP, IFCS, RS */
  tx_next = (tx_next + 1) % RING;
  *reg(TDBAL + 0x18) = tx_next;
}

static int has_word(const char *text, const char *word) {
  for (; *text; text++) {
    u32 i = 0;
    while (word[i] && text[i] == word[i])
      i++;
    if (!word[i])
      return 1;
  }
  return 0;
}

static void tell(void) {
  print("heard ");
  for (u32 i = 0; i < 6; i++)
    print_byte(whom[i]);
  print(" many ");
  print_number(many);
  print(" wrong ");
  print_number(wrong);
  print("\n");
}

void run(const u32 *info);
void run(const u32 *info) {
  int flood = has_word((const char *)info[6], "flood");
  start_card();
  u64 begin = tsc(), next = 0;
  u32 sent = flood ? 0 : FLOOD;
  while (!answered || (flood && many < FLOOD)) {
    receive();
    if (heard && sent < FLOOD) {
      send(2, LONG);
      sent++;
    } else if (tsc() >= next) { /* the TSC counts ns */
      send(heard, SHORT);
      next = tsc() + 5000000;
    }
    if (tsc() - begin > 20000000000ull) {
      tell();
      end(2);
    }
  }
  while (sent < FLOOD) {
    receive();
    send(2, LONG);
    sent++;
  }
  for (u32 i = 0; i < 3; i++)
    send(1, SHORT);
  tell();
  if (flood) /* what is on its way would be lost with this machine */
    for (begin = tsc(); tsc() - begin < 500000000;)
      receive();
  end(1);
}
