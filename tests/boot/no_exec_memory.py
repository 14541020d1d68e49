#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a program that may not make memory executable by mprotect (x86-64's system call 10), as on hosts that refuse it."""
import ctypes
import os
import struct
import sys

LOAD, IF_EQUAL, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF
NUMBER, THIRD_ARGUMENT = 0, 32  # where struct seccomp_data has them
MPROTECT, PROT_EXEC, EPERM, ALLOWED = 10, 4, 0x00050001, 0x7FFF0000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2

code = b"".join(struct.pack("HBBI", *i) for i in (
    (LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 3, MPROTECT), (LOAD, 0, 0, THIRD_ARGUMENT), (IF_ANY_BIT, 0, 1, PROT_EXEC),
    (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOWED)))
room = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(room))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
    sys.exit(77)
os.execvp(sys.argv[1], sys.argv[1:])
