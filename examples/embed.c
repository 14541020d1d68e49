/* SPDX-License-Identifier: MIT */
/* Embedding libtwin86: six instructions of guest code, a port that the host answers, and the result in a register. */
#include <twin86.h>

#include <stdio.h>
#include <string.h>

/* IN from port 80h gives 6; OUT prints. */
static uint64_t port_read(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)size;
    return 6;
}

static void port_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)cpu, (void)offset, (void)size;
    printf("the guest says %u\n", (unsigned)value);
    twin86_quit(*(Twin86Machine **)opaque);
}

int main(void) {
    /* in al,80h / mov bl,7 / mul bl / out 80h,al / hlt / jmp to the hlt */
    static const uint8_t code[] = {0xe4, 0x80, 0xb3, 0x07, 0xf6, 0xe3, 0xe6, 0x80, 0xf4, 0xeb, 0xfd};
    Twin86Machine *machine = NULL;
    Twin86Hook hook = {port_read, port_write, &machine};
    Twin86Config config;
    Twin86Event event;
    uint64_t ax = 0;
    char why[256];

    twin86_config_init(&config);
    config.ram_size = 1 << 20;
    if (twin86_create(&machine, &config, why, sizeof(why)) != 0) {
        fprintf(stderr, "embed: %s\n", why);
        return 1;
    }
    twin86_hook_ports(machine, 0x80, 1, &hook);
    twin86_write_memory(machine, 0x7c00, code, sizeof(code));
    twin86_write_reg(machine, 0, TWIN86_CS, 0); /* real mode: 0000:7C00 */
    twin86_write_reg(machine, 0, TWIN86_RIP, 0x7c00);
    twin86_run(machine, 0, &event);
    twin86_read_reg(machine, 0, TWIN86_RAX, &ax);
    printf("AX is %u, event %d\n", (unsigned)ax, (int)event.kind);
    twin86_destroy(machine);
    return ax == 42 && event.kind == TWIN86_EVENT_QUIT ? 0 : 1;
}
