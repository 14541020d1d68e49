#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's firmware: firmware.sh TWIN86 [ENGINE]. SeaBIOS to its boot menu, an option ROM of our own and a
# reset, a disk, GRUB's CD and floppy disk, memtest86+'s CD; OVMF to its shell from a ROM and from flash chips, whose variables stay.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
twin86=${1:-./twin86} engine=${2:-tcg-lite}
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

ok() { passed=$((passed + 1)) && echo "ok $*"; }
bad() {
    failed=$((failed + 1))
    echo "FAIL $*:"
    tail -c 3000 "$tmp/out" | tr -d '\0' | cat -v
    cat "$tmp/err"
}
skip() {
    skipped=$((skipped + 1))
    echo "SKIP $*"
}

# await SECONDS WORDS: they come up in $tmp/out before twin86 ends.
await() {
    local end=$((SECONDS + $1))
    until grep -a -q -e "$2" "$tmp/out"; do
        [ $SECONDS -lt $end ] && kill -0 "$booted" 2>/dev/null || break
        sleep 0.2
    done
    grep -a -q -e "$2" "$tmp/out"
}

# boot SECONDS WORDS ARGS...: until the words come up. What is typed comes from $tmp/keys, a FIFO that is open for
# writing as descriptor 7.
boot() {
    local seconds=$1 words=$2
    shift 2
    : >"$tmp/out"
    "$twin86" -accel "$engine" -nographic -timeout "$((seconds + 60))" "$@" <"$tmp/keys" >"$tmp/out" 2>"$tmp/err" &
    booted=$!
    await "$seconds" "$words"
}

finish_boot() {
    kill "$booted" 2>/dev/null
    wait "$booted" 2>/dev/null
}
mkfifo "$tmp/keys"
exec 7<>"$tmp/keys"


# ---- SeaBIOS ----

seabios_menu() {
    boot 60 "Press ESC for boot menu" -boot menu=on,splash-time=60000 &&
        ok "SeaBIOS $engine: menu is offered" || bad "menu"
    printf '\033' >&7
    await 30 "Select boot device" && ok "SeaBIOS $engine: boot menu" || bad "boot menu"
    finish_boot
}

seabios_without_disk() {
    boot 60 "No bootable device" -bios bios-256k.bin -uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 \
        -debugcon "file:$tmp/log" -global isa-debugcon.iobase=0x402 &&
        ok "SeaBIOS $engine: no bootable device" || bad "no bootable device"
    finish_boot
    for words in "DMA interface supported" "Moving pm_base to 0x600" "Copying SMBIOS" "Copying MPTABLE" \
        "table(50434146)="; do
        grep -a -q -F "$words" "$tmp/log" && ok "SeaBIOS $engine: $words" || bad "$words is not in the log"
    done
}

# The option ROM boots, resets the machine, boots again and ends twin86: exit code 63h.
seabios_option_rom() {
    [ -f tests/boot/option.rom ] || { skip "option ROM: it was not built"; return; }
    "$twin86" -accel "$engine" -nographic -timeout 60 -option-rom tests/boot/option.rom,bootindex=0 \
        -device isa-debug-exit </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
    count=$(grep -a -c "Booted from the option ROM" "$tmp/out")
    if [ $code = 99 ] && [ "$count" = 2 ] && grep -a -q "Once more" "$tmp/out"; then
        ok "SeaBIOS $engine: option ROM, booted twice by a warm reset"
    else
        bad "option ROM: exit code $code, $count times booted"
    fi
}

# A disk boots, reads itself by CHS and LBA, and writes: exit code 65h, and the image has changed.
seabios_disk() {
    [ -f tests/boot/disk.img ] || { skip "disk: it was not built"; return; }
    cp tests/boot/disk.img "$tmp/disk.img"
    truncate -s 8M "$tmp/disk.img"
    "$twin86" -accel "$engine" -nographic -timeout 60 -drive "file=$tmp/disk.img,format=raw" -device isa-debug-exit \
        </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
    if [ $code = 101 ] && [ "$(od -An -tx1 -j 1536 -N 2 "$tmp/disk.img")" = " 44 44" ]; then
        ok "SeaBIOS $engine: a disk boots, reads and writes"
    else
        bad "disk: exit code $code"
    fi
}

# GRUB from a CD (El Torito), to its menu and command line.
seabios_cd() {
    local iso=/usr/lib/grub-rescue/grub-rescue-cdrom.iso
    [ -r $iso ] || { skip "CD: there is no $iso (Debian: grub-rescue-pc)"; return; }
    boot 90 "GNU GRUB" -drive "file=$iso,media=cdrom,format=raw,readonly=on" -boot d &&
        ok "SeaBIOS $engine: GRUB from a CD" || bad CD
    printf c >&7
    await 30 "grub>" && ok "SeaBIOS $engine: GRUB reads keys" || bad "GRUB's command line"
    finish_boot
}

# GRUB from a floppy disk, whose image is shorter than the disk; a guest's disk is never written to.
seabios_floppy() {
    local image=/usr/lib/grub-rescue/grub-rescue-floppy.img
    [ -r $image ] || { skip "floppy: there is no $image (Debian: grub-rescue-pc)"; return; }
    boot 90 "GNU GRUB" -drive "if=floppy,file=$image,format=raw,readonly=on" &&
        ok "SeaBIOS $engine: GRUB from a floppy disk" || bad floppy
    printf c >&7
    await 30 "grub>" && ok "SeaBIOS $engine: GRUB's command line from a floppy disk" || bad "GRUB's command line"
    printf 'ls\r' >&7
    await 30 "(fd0)" && ok "SeaBIOS $engine: GRUB lists the floppy disk" || bad "GRUB's ls"
    finish_boot
}

# Without a display what it shows is in the log of accesses: a test is on its way, over all of memory.
seabios_memtest() {
    local iso=/usr/lib/memtest86+/memtest86+x64.iso end=$((SECONDS + 90))
    [ -r $iso ] || { skip "memtest86+: there is no $iso (Debian: memtest86+)"; return; }
    : >"$tmp/mmio"
    boot 60 "Booting from DVD/CD" -m 64M -drive "file=$iso,media=cdrom,format=raw,readonly=on" -boot d \
        -d mmio -D "$tmp/mmio" || bad "memtest86+ does not boot"
    until python3 "$srcdir/tests/boot/screen.py" "$tmp/mmio" >"$tmp/screen" &&
        grep -q "Testing: .*MB" "$tmp/screen" && grep -q "Test #[1-9]" "$tmp/screen"; do
        [ $SECONDS -lt $end ] && kill -0 "$booted" 2>/dev/null || break
        sleep 0.5
    done
    finish_boot
    if grep -q "Test #[1-9]" "$tmp/screen" && grep -q "Errors: 0" "$tmp/screen"; then
        ok "SeaBIOS $engine: memtest86+ tests memory:$(sed -n 's/.*│ *Test #/ #/p' "$tmp/screen")"
    else
        cat "$tmp/screen"
        bad "memtest86+ tests nothing"
    fi
}

if [ -r /usr/share/seabios/bios-256k.bin ]; then
    seabios_menu
    seabios_without_disk
    seabios_option_rom
    seabios_disk
    seabios_cd
    seabios_floppy
    seabios_memtest
else
    skip "SeaBIOS: there is no /usr/share/seabios/bios-256k.bin (Debian: seabios)"
fi

# ---- OVMF ----

ovmf_rom() {
    boot 120 "UEFI Interactive Shell" -m 256M -bios OVMF.fd && ok "OVMF $engine: shell" || bad "OVMF from a ROM"
    finish_boot
}

# With what it stored the first time the second start differs: the shell sets a variable, and shows it after a reset.
ovmf_flash() {
    local flash="-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd"
    flash="$flash -drive if=pflash,format=raw,file=$tmp/vars.fd"
    cp /usr/share/OVMF/OVMF_VARS.fd "$tmp/vars.fd"
    printf '\r' >&7
    boot 120 "Shell>" -m 256M $flash && ok "OVMF $engine: shell, from flash" || bad "OVMF from flash"
    printf 'set kept there-it-is\r' >&7
    await 20 there-it-is
    printf 'reset -s\r' >&7
    wait "$booted" && ok "OVMF $engine: soft-off by the shell" || bad "reset -s"
    cmp -s "$tmp/vars.fd" /usr/share/OVMF/OVMF_VARS.fd && bad "nothing was written" ||
        ok "OVMF $engine: variables are written"
    printf '\r' >&7
    boot 120 "Shell>" -m 256M $flash || bad "OVMF again"
    printf 'set kept\r' >&7
    await 20 there-it-is && ok "OVMF $engine: variables stay" || bad "the variable is gone"
    finish_boot
}

if [ -r /usr/share/ovmf/OVMF.fd ] && [ -r /usr/share/OVMF/OVMF_CODE.fd ]; then
    ovmf_rom
    ovmf_flash
else
    skip "OVMF: there is no /usr/share/ovmf/OVMF.fd (Debian: ovmf)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
