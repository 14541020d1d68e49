/* SPDX-License-Identifier: MIT */
/* The gdb stub: packets, registers and commands, without gdb and without sockets. */
#include "control/gdb/gdb.h"
#include "tests/unit/control/session_bench.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- packets ---- */

static enum GdbInput feed(struct GdbIn *in, const char *text) {
    enum GdbInput last = GDB_INPUT_NONE;
    for (; *text != '\0'; text++)
        last = gdb_in_byte(in, (uint8_t)*text);
    return last;
}

START_TEST(packets_in) {
    struct GdbIn in = {0};
    ck_assert_int_eq(feed(&in, "+"), GDB_INPUT_ACK);
    ck_assert_int_eq(feed(&in, "-"), GDB_INPUT_NAK);
    ck_assert_int_eq(gdb_in_byte(&in, 3), GDB_INPUT_INTERRUPT);
    ck_assert_int_eq(feed(&in, "noise$g#67"), GDB_INPUT_PACKET);
    ck_assert_str_eq(in.data, "g");
    ck_assert_int_eq(feed(&in, "$g#68"), GDB_INPUT_BAD);
    ck_assert_int_eq(feed(&in, "$g#x7"), GDB_INPUT_BAD);
    ck_assert_int_eq(feed(&in, "$g#6x"), GDB_INPUT_BAD);
    ck_assert_int_eq(feed(&in, "$#00"), GDB_INPUT_PACKET);
    ck_assert_uint_eq(in.size, 0);
    ck_assert_int_eq(feed(&in, "$lost in the mid$g#67"), GDB_INPUT_PACKET);
    ck_assert_str_eq(in.data, "g");
    ck_assert_int_eq(feed(&in, "$X}\x03}]#b2"), GDB_INPUT_PACKET); /* '#' and '}' */
    ck_assert_uint_eq(in.size, 3);
    ck_assert_int_eq(memcmp(in.data, "X#}", 3), 0);
    ck_assert_int_eq(feed(&in, "$a}#de"), GDB_INPUT_BAD); /* the escape escapes nothing */
    gdb_in_byte(&in, '$');
    uint8_t sum = 0;
    for (unsigned k = 0; k < GDB_PACKET_MAX + 1; k++, sum += 'a')
        gdb_in_byte(&in, 'a');
    char end[4];
    snprintf(end, sizeof(end), "#%02x", sum);
    ck_assert_int_eq(feed(&in, end), GDB_INPUT_BAD); /* too long */
    ck_assert_int_eq(feed(&in, "$g#67"), GDB_INPUT_PACKET);
}
END_TEST

START_TEST(packets_out) {
    static struct GdbOut out;
    const char *packet;
    gdb_out_begin(&out);
    gdb_out_text(&out, "T05");
    gdb_out_number(&out, 0);
    gdb_out_number(&out, 0x1f0);
    gdb_out_hex(&out, "\x01\xfe", 2);
    gdb_out_binary(&out, "}#$*a", 5);
    size_t n = gdb_out_end(&out, &packet);
    ck_assert_uint_eq(n, 4 + 3 + 1 + 3 + 4 + 9);
    ck_assert_int_eq(memcmp(packet,
                            "$T0501f001fe}]}\x03}\x04}\x0a"
                            "a#",
                            n - 2),
                     0);
    struct GdbIn in = {0}; /* and it reads as it was meant */
    enum GdbInput last = GDB_INPUT_NONE;
    for (size_t i = 0; i < n; i++)
        last = gdb_in_byte(&in, (uint8_t)packet[i]);
    ck_assert_int_eq(last, GDB_INPUT_PACKET);
    ck_assert_int_eq(memcmp(in.data + 11, "}#$*a", 5), 0);
    gdb_out_begin(&out);
    for (unsigned k = 0; k < sizeof(out.data); k++)
        gdb_out_text(&out, "a");
    ck_assert_uint_eq(gdb_out_end(&out, &packet), 0);
}
END_TEST

START_TEST(numbers) {
    uint64_t v = 0;
    uint8_t b[2];
    const char *s = "ffffffffFFFFFFFF,", *bad = "11112222333344445", *none = ",", *odd = "abc";
    ck_assert(gdb_number(&s, &v) && v == UINT64_MAX && *s == ',');
    ck_assert(!gdb_number(&bad, &v) && !gdb_number(&none, &v));
    ck_assert(!gdb_bytes(&odd, b, 2));
    s = "0aF1";
    ck_assert(gdb_bytes(&s, b, 2) && b[0] == 0x0a && b[1] == 0xf1 && *s == '\0');
}
END_TEST

/* ---- commands ---- */

struct Client {
    struct SessionBench b;
    struct Gdb *g;
    char text[70000]; /* what came, packets without frame joined by '|' */
    size_t used;
};

static void collect(void *opaque, const void *data, size_t size) {
    struct Client *c = opaque;
    const char *s = data;
    if (size == 1) /* '+', '-' */
        return;
    ck_assert(size >= 4 && s[0] == '$' && s[size - 3] == '#');
    ck_assert_uint_lt(c->used + size, sizeof(c->text));
    if (c->used > 0)
        c->text[c->used++] = '|';
    memcpy(c->text + c->used, s + 1, size - 4);
    c->used += size - 4;
    c->text[c->used] = '\0';
}

static struct Client *client_new(void) {
    struct Client *c = calloc(1, sizeof(*c));
    ck_assert_ptr_nonnull(c);
    session_bench_new(&c->b, true);
    SESSION_BENCH_CODE(&c->b, 0x40, 0x40, 0xa3, 0x00, 0x50, 0xeb, 0xf9); /* inc ax; inc ax; mov [5000h], ax; jmp back */
    c->g = calloc(1, sizeof(*c->g));
    ck_assert_int_eq(gdb_attach(c->g, c->b.s, NULL, collect, c), 0);
    return c;
}

static void client_free(struct Client *c) {
    gdb_detach(c->g);
    session_bench_free(&c->b);
    free(c->g);
    free(c);
}

/* Send it in a frame; the answer. */
static const char *ask(struct Client *c, const char *text) {
    static struct GdbOut out;
    const char *packet;
    c->used = 0;
    c->text[0] = '\0';
    gdb_out_begin(&out);
    gdb_out_binary(&out, text, strlen(text));
    size_t n = gdb_out_end(&out, &packet);
    gdb_input(c->g, (const uint8_t *)packet, n);
    return c->text;
}

/* Until the guest stands again; the answer. */
static const char *wait(struct Client *c) {
    for (unsigned k = 0; k < 100 && c->used == 0; k++)
        session_poll(c->b.s, 100000);
    return c->text;
}

#define IS(text, wanted) ck_assert_str_eq(text, wanted)

START_TEST(questions) {
    struct Client *c = client_new();
    ck_assert_ptr_nonnull(strstr(ask(c, "qSupported:swbreak+;hwbreak+;multiprocess+"), "PacketSize=4000"));
    IS(ask(c, "vMustReplyEmpty"), "");
    IS(ask(c, "?"), "T05thread:1;");
    IS(ask(c, "Hg0"), "OK");
    IS(ask(c, "Hc-1"), "OK");
    IS(ask(c, "Hg2"), "E03");
    IS(ask(c, "H"), "E03");
    IS(ask(c, "T1"), "OK");
    IS(ask(c, "qC"), "QC1");
    IS(ask(c, "qfThreadInfo"), "m1");
    IS(ask(c, "qsThreadInfo"), "l");
    IS(ask(c, "qThreadExtraInfo,1"), "4350552330");
    IS(ask(c, "qAttached"), "1");
    IS(ask(c, "vCont?"), "vCont;c;C;s;S;t");
    ask(c, "qRcmd,6e6f6e73656e7365");
    ck_assert_ptr_nonnull(strstr(c->text, "|OK"));
    IS(ask(c, "qRcmd,6"), "E22");
    IS(ask(c, "qXfer:features:read:nothing:0,10"), "E00");
    IS(ask(c, "qXfer:features:read:target.xml:0,zz"), "E22");
    ck_assert_ptr_nonnull(strstr(ask(c, "qXfer:features:read:target.xml:0,fff"), "<architecture>i8086</architecture>"));
    IS(ask(c, "qXfer:features:read:target.xml:fffffff,10"), "l");
    IS(ask(c, "QStartNoAckMode"), "OK");
    client_free(c);
}
END_TEST

/* EIP is linear; what a debugger may not change stays. */
START_TEST(registers) {
    struct Client *c = client_new();
    CPUX86State *env = &machine_cpu(c->b.m, 0)->env;
    ck_assert_int_eq(twin86_write_reg(c->b.machine, 0, TWIN86_CS, 0x7b0), 0);
    env->rip = 0x100;
    IS(ask(c, "p8"), "007c0000");
    IS(ask(c, "P8=037c0000"), "OK");
    ck_assert_uint_eq(env->rip, 0x103);
    IS(ask(c, "P8=00000900"), "E01"); /* beyond CS */
    IS(ask(c, "P0=78563412"), "OK");
    ck_assert_uint_eq(env->gpr[REG_AX], 0x12345678);
    IS(ask(c, "p0"), "78563412");
    IS(ask(c, "p1000"), "E22");
    IS(ask(c, "P0=12"), "E22");
    IS(ask(c, "P0"), "E22");
    size_t all = strlen(ask(c, "g"));
    char again[8192];
    ck_assert_uint_lt(all + 2, sizeof(again));
    again[0] = 'G';
    memcpy(again + 1, c->text, all + 1);
    env->gpr[REG_AX] = 1;
    IS(ask(c, again), "OK");
    ck_assert_uint_eq(env->gpr[REG_AX], 0x12345678);
    again[20] = '\0';
    IS(ask(c, again), "E22");
    client_free(c);
}
END_TEST

static unsigned total(const struct CPUState *cpu, enum GdbArch arch) {
    unsigned bytes = 0, count = gdb_register_count(cpu, arch);
    for (unsigned n = 0; n < count; n++)
        bytes += gdb_register_size(cpu, arch, n);
    return bytes;
}

START_TEST(long_mode_registers) {
    struct Client *c = client_new();
    struct CPUState *cpu = machine_cpu(c->b.m, 0);
    CPUX86State *env = &cpu->env;
    char why[100];
    uint8_t bytes[GDB_REGISTER_MAX];
    ck_assert_int_eq(cpu_model_parse(&cpu->model, "x86-64-v1", why, sizeof(why)), 0);
    ck_assert_uint_eq(gdb_register_count(cpu, GDB_I8086), 16 + 16 + 8 + 1 + 6 + 6);
    ck_assert_int_eq(cpu_model_parse(&cpu->model, "max", why, sizeof(why)), 0);
    ck_assert_uint_eq(gdb_register_count(cpu, GDB_X86_64), 24 + 16 + 17 + 16 + 2 + 1 + 6);
    ck_assert_uint_eq(total(cpu, GDB_X86_64), 17 * 8 + 7 * 4 + 80 + 32 + 256 + 4 + 256 + 9 * 8);
    ck_assert_int_eq(gdb_guest_arch(64, env), GDB_X86_64); /* a kernel of 64-bit code that begins in 16-bit mode: */
    ck_assert_int_eq(gdb_guest_arch(32, env), GDB_I386);
    ck_assert_int_eq(gdb_guest_arch(0, env), GDB_I8086);
    env->gpr[REG_BX] = 0x1122334455667788;
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 1, bytes), 8);
    ck_assert_mem_eq(bytes, "\x88\x77\x66\x55\0\0\0", 8); /* it can see the lower halves */
    ck_assert(gdb_register_set(cpu, GDB_X86_64, 1, (const uint8_t *)"\1\2\3\4\5\6\7\x8"));
    ck_assert_uint_eq(env->gpr[REG_BX], 0x1122334404030201);
    ck_assert(!gdb_register_set(cpu, GDB_X86_64, 8, (const uint8_t *)"\1\2\3\4\5\6\7\x8")); /* r8 */
    env->efer = EFER_LMA | EFER_LME;
    ck_assert_int_eq(gdb_arch(env), GDB_X86_64);
    ck_assert_int_eq(gdb_guest_arch(32, env), GDB_X86_64); /* such as a small loader around a 64-bit kernel */
    env->gpr[REG_BX] = 0x1122334455667788;
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 1, bytes), 8);
    ck_assert_int_eq(memcmp(bytes, &env->gpr[REG_BX], 8), 0);
    memset(bytes, 0x5a, sizeof(bytes));
    ck_assert(gdb_register_set(cpu, GDB_X86_64, 40 + 3, bytes)); /* xmm3 */
    ck_assert_int_eq(memcmp(env->vec[3].b, bytes, 16), 0);
    ck_assert(gdb_register_set(cpu, GDB_X86_64, 57 + 3, bytes)); /* ymm3h */
    ck_assert_int_eq(memcmp(env->vec[3].b + 16, bytes, 16), 0);
    env->cr3 = 0x1000;
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 57 + 16 + 3 + 2, bytes), 8);
    ck_assert_int_eq(memcmp(bytes, &env->cr3, 8), 0);
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 57 + 16 + 9, bytes), 0);
    /* x87: ST(i) turns with TOP, the tag word is whole */
    env->fsw = 7 << 11;
    env->ftw = 0x80;
    env->fpr[7] = (struct X87Reg){0x8000000000000000, 0x3fff};
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 24, bytes), 10);
    ck_assert_int_eq(memcmp(bytes, "\0\0\0\0\0\0\0\x80\xff\x3f", 10), 0);
    ck_assert_uint_eq(gdb_register_get(cpu, GDB_X86_64, 34, bytes), 4);
    ck_assert_int_eq(memcmp(bytes, "\xff\x3f\0\0", 4), 0);
    /* every description has as many registers as there are */
    for (unsigned arch = 0; arch < GDB_ARCHES; arch++) {
        char *xml = NULL;
        size_t size;
        FILE *f = open_memstream(&xml, &size);
        gdb_describe(cpu, (enum GdbArch)arch, f);
        fclose(f);
        unsigned n = 0;
        for (const char *s = xml; (s = strstr(s, "<reg ")) != NULL; s++)
            n++;
        ck_assert_uint_eq(n, gdb_register_count(cpu, (enum GdbArch)arch));
        free(xml);
    }
    env->efer = 0;
    client_free(c);
}
END_TEST

START_TEST(memory) {
    struct Client *c = client_new();
    IS(ask(c, "m7c00,4"), "4040a300");
    IS(ask(c, "M6000,3:0a0b0c"), "OK");
    IS(ask(c, "m6000,4"), "0a0b0c00");
    IS(ask(c, "X6001,2:#}"), "OK");
    IS(ask(c, "m6000,4"), "0a237d00");
    IS(ask(c, "X6001,0:"), "OK");
    IS(ask(c, "X6001,3:ab"), "E22");
    IS(ask(c, "M6000,2:0a"), "E22");
    IS(ask(c, "M6000,1:0a0b"), "E22");
    IS(ask(c, "Mffff0000,1:00"), "E14"); /* ROM */
    IS(ask(c, "m100000000,1"), "E14");
    IS(ask(c, "mfee00020,4"), "E14"); /* a device */
    IS(ask(c, "m3ffffe,4"), "0000");  /* the end of RAM */
    IS(ask(c, "m"), "E22");
    IS(ask(c, "m1"), "E22");
    ck_assert_uint_eq(strlen(ask(c, "m0,ffffffffffffffff")), GDB_PACKET_MAX);
    IS(ask(c, "qqemu.PhyMemMode"), "0");
    IS(ask(c, "Qqemu.PhyMemMode:1"), "OK");
    IS(ask(c, "m7c00,1"), "40");
    IS(ask(c, "Qqemu.PhyMemMode:x"), "E22");
    client_free(c);
}
END_TEST

START_TEST(stops) {
    struct Client *c = client_new();
    ask(c, "qSupported:swbreak+;hwbreak+");
    IS(ask(c, "Z0,7c01,1"), "OK");
    IS(ask(c, "Z0,7c01,1"), "OK");
    ask(c, "vCont;c:1");
    IS(wait(c), "T05thread:1;swbreak:;");
    IS(ask(c, "p0"), "01000000");
    IS(ask(c, "z0,7c01,1"), "OK");
    IS(ask(c, "z0,7c01,1"), "OK");
    IS(ask(c, "Z1,7c02,1"), "OK");
    ask(c, "c");
    IS(wait(c), "T05thread:1;hwbreak:;");
    ask(c, "z1,7c02,1");
    ask(c, "vCont;s:1;c");
    IS(wait(c), "T05thread:1;");
    IS(ask(c, "p8"), "057c0000");
    IS(ask(c, "Z2,5000,2"), "OK");
    ask(c, "C05");
    IS(wait(c), "T05thread:1;watch:5000;");
    IS(ask(c, "?"), "T05thread:1;watch:5000;");
    IS(ask(c, "p8"), "057c0000");
    IS(ask(c, "z2,5000,2"), "OK");
    ask(c, "s7c00");
    IS(wait(c), "T05thread:1;");
    IS(ask(c, "p8"), "017c0000");
    ask(c, "c");
    gdb_input(c->g, (const uint8_t *)"\x03", 1);
    IS(wait(c), "T02thread:1;");
    gdb_input(c->g, (const uint8_t *)"\x03\x03", 2); /* it stands already */
    IS(ask(c, "Z9,0,1"), "E22");
    IS(ask(c, "Z0,7c00"), "E22");
    ask(c, "Z2,7c00,0");
    ck_assert_int_eq(c->text[0], 'E');
    IS(ask(c, "vCont"), "E22");
    IS(ask(c, "vCont;x"), "E22");
    IS(ask(c, "vCont;c:7"), "E22");
    client_free(c);
}
END_TEST

/* Its breakpoints go with the client; the guest goes on after D, and stands still after a broken connection. */
START_TEST(coming_and_going) {
    struct Client *c = client_new();
    IS(ask(c, "Z0,7c01,1"), "OK");
    IS(ask(c, "D"), "OK");
    ck_assert_uint_eq(machine_cpu(c->b.m, 0)->debug.count, 0);
    ck_assert_int_eq(session_state(c->b.s), SESSION_RUNNING);
    IS(ask(c, "g"), ""); /* it has gone */
    *c->g = (struct Gdb){0};
    ck_assert_int_eq(gdb_attach(c->g, c->b.s, NULL, collect, c), 0);
    ck_assert_int_eq(session_state(c->b.s), SESSION_PAUSED);
    IS(ask(c, "?"), "T05thread:1;");
    ask(c, "Z0,7c01,1");
    gdb_detach(c->g);
    ck_assert_int_eq(session_state(c->b.s), SESSION_PAUSED);
    *c->g = (struct Gdb){0};
    ck_assert_int_eq(gdb_attach(c->g, c->b.s, NULL, collect, c), 0);
    ask(c, "k");
    Twin86Event e;
    ck_assert(session_ended(c->b.s, &e));
    client_free(c);
}
END_TEST

/* What gdb was told when it came is not what the CPU does later: it says so, once. */
START_TEST(modes) {
    struct Client *c = client_new();
    CPUX86State *env = &machine_cpu(c->b.m, 0)->env;
    ask(c, "s");
    IS(wait(c), "T05thread:1;");
    env->seg[SEG_CS].ar |= AR_DB;
    cpu_state_changed(machine_cpu(c->b.m, 0));
    ask(c, "s");
    wait(c);
    ck_assert_int_eq(c->text[0], 'O');
    ck_assert_ptr_nonnull(strstr(c->text, "|T05thread:1;"));
    ask(c, "s");
    IS(wait(c), "T05thread:1;");
    client_free(c);
}
END_TEST

/* Nothing that a client sends ends in anything but an answer. */
START_TEST(malformed) {
    static const char *const starts[] = {"m",
                                         "M",
                                         "X",
                                         "G",
                                         "P",
                                         "p",
                                         "Z",
                                         "z",
                                         "vCont",
                                         "H",
                                         "T",
                                         "qXfer:features:read:",
                                         "qRcmd,",
                                         "C",
                                         "S",
                                         "Qqemu.sstep=",
                                         "qThreadExtraInfo",
                                         "v",
                                         "q",
                                         "Q",
                                         "_",
                                         ""};
    static const char *const rests[] = {"",
                                        ",",
                                        ",,",
                                        ":",
                                        ";",
                                        "=",
                                        "0",
                                        "0,",
                                        "0,0",
                                        "0,0:",
                                        "ffffffffffffffff,1",
                                        "1,ffffffffffffffff",
                                        "0,ffffffffffffffff:",
                                        "0=",
                                        "-1",
                                        ";;",
                                        ";c;",
                                        ";c:",
                                        ";s:;",
                                        "\x80\xff",
                                        "0,1,2,3,4",
                                        "target.xml:",
                                        "target.xml:0",
                                        "0123456789abcdef0"};
    struct Client *c = client_new();
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (unsigned k = 0; k < sizeof(rests) / sizeof(rests[0]); k++) {
            char text[64];
            snprintf(text, sizeof(text), "%s%s", starts[i], rests[k]);
            ask(c, text);
            if (c->g->awaiting) {
                gdb_input(c->g, (const uint8_t *)"\x03", 1);
                wait(c);
            }
        }
    }
    ck_assert_str_eq(ask(c, "qC"), "QC1");
    client_free(c);
}
END_TEST

Suite *gdb_suite(void) {
    Suite *s = suite_create("gdb");
    TCase *c = tcase_create("gdb");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, packets_in);
    tcase_add_test(c, packets_out);
    tcase_add_test(c, numbers);
    tcase_add_test(c, questions);
    tcase_add_test(c, registers);
    tcase_add_test(c, long_mode_registers);
    tcase_add_test(c, memory);
    tcase_add_test(c, stops);
    tcase_add_test(c, coming_and_going);
    tcase_add_test(c, modes);
    tcase_add_test(c, malformed);
    suite_add_tcase(s, c);
    return s;
}
