#!/bin/bash
# SPDX-License-Identifier: MIT
# Boots small multiboot and PVH kernels (tests/guests/kernel32.S) with modules, and hands over files that are none.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAIL $*"
}

boots() { # NAME EXPECTED ARGS...: exit code 1 (port f4h, value 0) and exactly these lines
    local name=$1 expected=$2 out code
    shift 2
    out=$(timeout 60 ./twin86 -device isa-debug-exit "$@" </dev/null 2>"$tmp/err" | tr -d '\r'; exit "${PIPESTATUS[0]}")
    code=$?
    if [ "$code" -eq 1 ] && [ "$out" = "$expected" ]; then
        ok
    else
        bad "$name: exit code $code"
        diff <(echo "$expected") <(echo "$out")
        cat "$tmp/err"
    fi
}

refuses() { # WORDS ARGS...: exit code 2 and one line on stderr with these words
    local words=$1
    shift
    timeout 60 ./twin86 "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
    local code=$?
    if [ "$code" -eq 2 ] && [ "$(wc -l <"$tmp/err")" -eq 1 ] && [ ! -s "$tmp/out" ] && grep -qF -- "$words" "$tmp/err"; then
        ok
    else
        bad "$*: exit code $code, expected \"$words\", got: $(cat "$tmp/err")"
    fi
}

printf 'first file\0' >"$tmp/one"
printf 'second,file\0' >"$tmp/two,2"
mb=tests/boot/multiboot.elf
pvh=tests/boot/pvh.elf

boots multiboot "magic 2badb002
command line $mb
low memory 0009fc00
bss 00000000" -kernel $mb
boots "multiboot with modules" "magic 2badb002
command line $mb a b=c
module $tmp/one x y
contents first file
module $tmp/two,2
contents second,file
low memory 0009fc00
bss 00000000" -kernel $mb -append "a b=c" -initrd "$tmp/one x y,$tmp/two,,2" -m 4
boots PVH "magic 336ec578
command line root=none
module arg
contents first file
low memory 0009fc00
bss 00000000" -kernel $pvh -append root=none -initrd "$tmp/one arg" -m 6G

head -c 300 $mb >"$tmp/cut"
printf 'text' >"$tmp/text"
: >"$tmp/empty"
gzip -c $mb >"$tmp/zipped"
objcopy -O binary $mb "$tmp/flat" 2>/dev/null || cp "$tmp/text" "$tmp/flat"
head -c 65536 /dev/zero >"$tmp/zero.rom"
refuses "$tmp/missing: can't open the kernel: No such file" -kernel "$tmp/missing"
refuses "$tmp/empty: is empty" -kernel "$tmp/empty"
refuses "$tmp/text: is no kernel" -kernel "$tmp/text"
refuses "$tmp/zipped: is gzip-compressed" -kernel "$tmp/zipped"
refuses "$tmp: is a directory" -kernel "$tmp"
refuses "$tmp/cut: " -kernel "$tmp/cut"
refuses "give it more" -kernel $mb -m 1
refuses "$tmp/missing: can't open the module" -kernel $mb -initrd "$tmp/missing"
refuses "$tmp/empty: is empty" -kernel $mb -initrd "$tmp/empty"
refuses "-initrd needs a -kernel" -initrd "$tmp/one"
refuses "-append needs a -kernel" -append quiet
refuses "use one of them" -kernel $mb -bios "$tmp/zero.rom"
refuses "$tmp/zero.rom: holds no code at the reset vector" -bios "$tmp/zero.rom"
refuses "$tmp/text: 4 bytes are no size for a firmware ROM" -bios "$tmp/text"
refuses "$tmp/missing: can't open the firmware ROM" -bios "$tmp/missing"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
