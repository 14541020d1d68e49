#!/bin/bash
# SPDX-License-Identifier: MIT
# twin86 diff guest: its options, and runs that end without a difference.
. "$(dirname "$0")/lib.sh"

exits 2 diff
says "Usage: twin86 diff SUBCOMMAND"
exits 2 diff bochs
says "unknown subcommand 'bochs'"
exits 0 diff --help
says "guest"
exits 0 diff guest --help
says "--engines A,B"
refused "--engines needs a value" diff guest --engines
refused "'0' is not a number from 1" diff guest --every 0
refused "'-1' is not a number from 1" diff guest --instructions -1
refused "'x' is not a number from 1" diff guest --last x
refused "two are compared" diff guest --engines tcg-lite
refused "one of the two must be tcg-lite" diff guest --engines kvm,kvm
refused "unknown option 'fast=1'" diff guest --engines tcg-lite,tcg-lite,fast=1
refused "unknown engine 'bochs'" diff guest --engines tcg-lite,tcg-lite:bochs
refused "unknown option '-foo'" diff guest -foo
refused "No such file" diff guest -kernel /nonexistent

exits 0 diff guest --every 500
says "no difference in"
says "the guest powered off"
exits 0 diff guest --instructions 1000
says "no difference in 1000 instructions (all that were asked for); RAM compared 1 times"
exits 0 diff guest -serial stdio
says "Good night"
rom "$tmp/loop.rom" "40 eb fd" # inc ax; jmp
exits 8 diff guest -bios "$tmp/loop.rom" -timeout 0.5
says "the time is up"
finish
