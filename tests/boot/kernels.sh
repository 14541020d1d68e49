#!/bin/bash
# SPDX-License-Identifier: MIT
# Boots small kernels (tests/guests/kernel32.S, setup16.S) with modules, at once and after SeaBIOS, and hands over files
# that are none.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0
skipped=0

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAIL $*"
}

strip= # what SeaBIOS says is no output of the kernel's
after_bios() { # as boots
    if [ -z "$bios" ]; then
        skipped=$((skipped + 1))
        echo "SKIP $1: there is no SeaBIOS (Debian: seabios)"
        return
    fi
    strip='1,/Booting from/s/.*Booting from ROM\.*//; /SeaBIOS/d; /^$/d; s/code\.$/code/' boots "$@"
}
bios=
for dir in /usr/share/seabios /usr/share/qemu; do
    [ ! -r $dir/bios-256k.bin ] || bios=$dir/bios-256k.bin
done

boots() { # NAME EXPECTED ARGS...: exit code 1 (port f4h, value 0) and exactly these lines
    local name=$1 expected=$2 out code
    shift 2
    out=$(timeout 60 ./twin86 -device isa-debug-exit "$@" </dev/null 2>"$tmp/err" | tr -d '\r' | sed "$strip"
          exit "${PIPESTATUS[0]}")
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

bz=tests/boot/bzimage16
off="-machine kernel-firmware=off" on="-machine kernel-firmware=on"
plain="magic 2badb002
command line $mb
low memory 0009fc00
bss 00000000"
modules="magic 2badb002
command line $mb a b=c
module $tmp/one x y
contents first file
module $tmp/two,2
contents second,file
low memory 0009fc00
bss 00000000"
pvh_lines="magic 336ec578
command line root=none
module arg
contents first file
low memory 0009fc00
bss 00000000"
boots multiboot "$plain" -kernel $mb $off
boots "multiboot with modules" "$modules" -kernel $mb -append "a b=c" -initrd "$tmp/one x y,$tmp/two,,2" -m 4 $off
boots PVH "$pvh_lines" -kernel $pvh -append root=none -initrd "$tmp/one arg" -m 6G

# After SeaBIOS, with its memory map.
printf '07070-initrd' >"$tmp/initrd"
after_bios "multiboot after the BIOS" "$plain" -kernel $mb
after_bios "multiboot with modules after the BIOS" "$modules" -kernel $mb -append "a b=c" \
    -initrd "$tmp/one x y,$tmp/two,,2" -m 6G
after_bios "PVH after the BIOS" "$pvh_lines" -kernel $pvh -append root=none -initrd "$tmp/one arg" $on
after_bios "bzImage in real mode" "a command line
low memory 639
memory map
07070-
32-bit code" -kernel $bz -append "a command line" -initrd "$tmp/initrd" $on -m 8
[ -z "$bios" ] || after_bios "a BIOS that is named" "$plain" -kernel $mb -bios "$bios"

head -c 300 $mb >"$tmp/cut"
printf 'text' >"$tmp/text"
: >"$tmp/empty"
gzip -c $mb >"$tmp/zipped"
objcopy -O binary $mb "$tmp/flat" 2>/dev/null || cp "$tmp/text" "$tmp/flat"
head -c 65536 /dev/zero >"$tmp/zero.rom"
{ head -c 65520 /dev/zero && printf '0123456789abcdef'; } >"$tmp/rom"
{ head -c 40 /dev/zero && printf _FVH && tail -c +45 "$tmp/rom"; } >"$tmp/uefi"
refuses "$tmp/missing: can't open the kernel: No such file" -kernel "$tmp/missing"
refuses "$tmp/empty: is empty" -kernel "$tmp/empty"
refuses "$tmp/text: is no kernel" -kernel "$tmp/text"
refuses "$tmp/zipped: is gzip-compressed" -kernel "$tmp/zipped"
refuses "$tmp: is a directory" -kernel "$tmp"
refuses "$tmp/cut: " -kernel "$tmp/cut"
refuses "give it more" -kernel $mb -m 1 $off
refuses "4 MiB are the least" -kernel $mb -m 1 -bios "$tmp/rom"
refuses "which UEFI can't start" -kernel $mb -bios "$tmp/uefi"
refuses "use one of them" -kernel $mb -bios "$tmp/rom" $off
refuses "kernel-firmware=maybe is not supported" -kernel $mb -machine kernel-firmware=maybe
refuses "$tmp/missing: can't open the module" -kernel $mb -initrd "$tmp/missing"
refuses "$tmp/empty: is empty" -kernel $mb -initrd "$tmp/empty"
refuses "-initrd needs a -kernel" -initrd "$tmp/one"
refuses "-append needs a -kernel" -append quiet
refuses "$tmp/zero.rom: holds no code at the reset vector" -kernel $mb -bios "$tmp/zero.rom"
refuses "$tmp/zero.rom: holds no code at the reset vector" -bios "$tmp/zero.rom"
refuses "$tmp/text: 4 bytes are no size for a firmware ROM" -bios "$tmp/text"
refuses "$tmp/missing: can't open the firmware ROM" -bios "$tmp/missing"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
