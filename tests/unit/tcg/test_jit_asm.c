/* SPDX-License-Identifier: MIT */
/* Host instructions as bytes: compared with what GNU as makes of the text, for each way to encode an operand. */
#include "accel/tcg-lite/jit/asm.h"
#include "tests/unit/suites.h"

#include <check.h>

static struct Asm a;
static uint8_t buf[64];

static void begin(void) { a = (struct Asm){.p = buf, .end = buf + sizeof(buf)}; }

#define EXPECT(call, ...)                                                                                              \
    do {                                                                                                               \
        static const uint8_t bytes_[] = {__VA_ARGS__};                                                                 \
        begin();                                                                                                       \
        call;                                                                                                          \
        ck_assert_msg(!a.bad, "%s", #call);                                                                            \
        ck_assert_msg(a.p - buf == sizeof(bytes_) && !memcmp(buf, bytes_, sizeof(bytes_)), "%s", #call);               \
    } while (0)

START_TEST(operands) {
    EXPECT(asm_load(&a, 32, R14, rm_reg(R9)), 0x45, 0x8b, 0xf1);
    EXPECT(asm_store(&a, 8, rm_mem(R13, 0x7f), RBP), 0x41, 0x88, 0x6d, 0x7f);
    EXPECT(asm_alu(&a, ALU_ADD, 64, R15, rm_sib(R12, RDI, 3, 0)), 0x4d, 0x03, 0x3c, 0xfc);
    EXPECT(asm_lea(&a, R12, rm_mem(R12, -8)), 0x4d, 0x8d, 0x64, 0x24, 0xf8);
    EXPECT(asm_lea(&a, RAX, rm_sib(NO_REG, R9, 2, 0x12345678)), 0x4a, 0x8d, 0x04, 0x8d, 0x78, 0x56, 0x34, 0x12);
    EXPECT(asm_jmp_rm(&a, rm_mem(R14, 0)), 0x41, 0xff, 0x26);
}
END_TEST

START_TEST(immediates) {
    EXPECT(asm_alu_imm(&a, ALU_CMP, 64, rm_reg(R14), -1), 0x49, 0x83, 0xfe, 0xff);
    EXPECT(asm_alu_imm(&a, ALU_CMP, 16, rm_mem(RSP, 0x80), 0x1234), 0x66, 0x81, 0xbc, 0x24, 0x80, 0, 0, 0, 0x34, 0x12);
    EXPECT(asm_alu_imm(&a, ALU_AND, 32, rm_reg(R15), 0x1ffe0), 0x41, 0x81, 0xe7, 0xe0, 0xff, 0x01, 0);
    EXPECT(asm_shift(&a, 5, 64, R15, 7), 0x49, 0xc1, 0xef, 0x07);
    EXPECT(asm_const(&a, R15, UINT32_MAX), 0x41, 0xbf, 0xff, 0xff, 0xff, 0xff);
    EXPECT(asm_const(&a, RCX, (uint64_t)-2), 0x48, 0xc7, 0xc1, 0xfe, 0xff, 0xff, 0xff);
    EXPECT(asm_const(&a, RCX, 0x100000000), 0x48, 0xb9, 0, 0, 0, 0, 1, 0, 0, 0);
}
END_TEST

/* MOVZX ECX, AH; MOVUPS; BSWAP. */
START_TEST(any_opcode) {
    const struct HostOp movzx = {.map = OP_0F, .opcode = 0xb6, .byte_rm = true};
    EXPECT(asm_op(&a, movzx, RCX, rm_reg(HOST_HIGH + 0)), 0x0f, 0xb6, 0xcc);
    EXPECT(asm_op(&a, movzx, RCX, rm_reg(RSP)), 0x40, 0x0f, 0xb6, 0xcc);
    EXPECT(asm_op(&a, (struct HostOp){.map = OP_0F, .opcode = 0x10}, 9, rm_mem(R15, 0x1a0)), 0x45, 0x0f, 0x10, 0x8f,
           0xa0, 0x01, 0, 0);
    EXPECT(asm_op(&a, (struct HostOp){.prefix = 0xf2, .map = OP_0F, .opcode = 0x58}, 3, rm_mem(R14, 0)), 0xf2, 0x41,
           0x0f, 0x58, 0x1e);
    EXPECT(asm_opreg(&a, (struct HostOp){.map = OP_0F, .opcode = 0xc8, .wide = true}, R11), 0x49, 0x0f, 0xcb);
}
END_TEST

/* VPADDD; VMOVUPS; MULX; RORX: both lengths of VEX, each of its bits. */
START_TEST(vex) {
    const struct HostVex vpaddd = {.prefix = 0x66, .map = OP_0F, .opcode = 0xfe, .l = true};
    EXPECT(asm_vex(&a, vpaddd, 1, 2, rm_reg(3)), 0xc5, 0xed, 0xfe, 0xcb);
    EXPECT(asm_vex(&a, vpaddd, 9, 15, rm_reg(3)), 0xc5, 0x05, 0xfe, 0xcb);
    EXPECT(asm_vex(&a, vpaddd, 1, 2, rm_mem(R14, 0)), 0xc4, 0xc1, 0x6d, 0xfe, 0x0e);
    const struct HostVex vmovups = {.map = OP_0F, .opcode = 0x10};
    EXPECT(asm_vex(&a, vmovups, 0, VEX_NO_REG, rm_sib(RAX, R9, 3, 0x20)), 0xc4, 0xa1, 0x78, 0x10, 0x44, 0xc8, 0x20);
    const struct HostVex mulx = {.prefix = 0xf2, .map = OP_0F38, .opcode = 0xf6, .wide = true};
    EXPECT(asm_vex(&a, mulx, RAX, R12, rm_reg(RCX)), 0xc4, 0xe2, 0x9b, 0xf6, 0xc1);
    const struct HostVex rorx = {.prefix = 0xf2, .map = OP_0F3A, .opcode = 0xf0};
    EXPECT((asm_vex(&a, rorx, R10, VEX_NO_REG, rm_reg(R11)), asm_8(&a, 7)), 0xc4, 0x43, 0x7b, 0xf0, 0xd3, 0x07);
    begin();
    asm_vex(&a, mulx, RAX, R12, rm_reg(HOST_HIGH));
    ck_assert(a.bad);
}
END_TEST

/* AH to DH beside a register that needs REX; AH where the operand is not of 8 bits; no room. */
START_TEST(refused) {
    const struct HostOp movzx = {.map = OP_0F, .opcode = 0xb6, .byte_rm = true};
    begin();
    asm_op(&a, movzx, R9, rm_reg(HOST_HIGH + 1));
    ck_assert(a.bad);
    begin();
    asm_load(&a, 64, RAX, rm_reg(HOST_HIGH));
    ck_assert(a.bad);
    begin();
    a.end = buf + 4;
    asm_const(&a, RCX, 0x100000000);
    ck_assert(a.bad);
    ck_assert(a.p <= a.end);
}
END_TEST

START_TEST(jumps) {
    begin();
    uint8_t *over = asm_jcc(&a, COND_NE);
    asm_8(&a, 0x90);
    asm_here(&a, over);
    asm_jmp_to(&a, buf);
    static const uint8_t bytes[] = {0x0f, 0x85, 1, 0, 0, 0, 0x90, 0xe9, 0xf4, 0xff, 0xff, 0xff};
    ck_assert_mem_eq(buf, bytes, sizeof(bytes));
}
END_TEST

Suite *jit_asm_suite(void) {
    Suite *s = suite_create("jit_asm");
    TCase *t = tcase_create("bytes");
    tcase_add_test(t, operands);
    tcase_add_test(t, immediates);
    tcase_add_test(t, any_opcode);
    tcase_add_test(t, vex);
    tcase_add_test(t, refused);
    tcase_add_test(t, jumps);
    suite_add_tcase(s, t);
    return s;
}
