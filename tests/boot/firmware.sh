#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's firmware: firmware.sh TWIN86 [ENGINE]. SeaBIOS to its boot menu, an option ROM of our own and a
# reset, a disk, GRUB's CD and floppy disk, memtest86+'s CD; OVMF to its shell from a ROM and from flash chips, whose variables stay.
# SLOW=N: N times as patient. GUEST=DIR: where vmlinuz and busybox of Debian are, else they are fetched.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
twin86=${1:-./twin86} engine=${2:-tcg-lite} slow=${SLOW:-1} limit=$((60 * ${SLOW:-1}))
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

# shows WORDS: they are in $tmp/out. SeaBIOS sends what has changed of a screen: the cursor's moves may come anywhere,
# and in place of blanks.
plain() { sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$tmp/out"; }
shows() { plain | grep -a -q -e "${1// / *}"; }

# await SECONDS WORDS: it shows them before twin86 ends.
await() {
    local end=$((SECONDS + $1 * slow))
    until shows "$2"; do
        [ $SECONDS -lt $end ] && kill -0 "$booted" 2>/dev/null || break
        sleep 0.2
    done
    shows "$2"
}

# boot SECONDS WORDS ARGS...: until the words come up. What is typed comes from $tmp/keys, a FIFO that is open for
# writing as descriptor 7.
boot() {
    local seconds=$1 words=$2
    shift 2
    : >"$tmp/out"
    "$twin86" -accel "$engine" -nographic -nic none -timeout "$(((seconds + 60) * slow))" "$@" <"$tmp/keys" \
        >"$tmp/out" 2>"$tmp/err" &
    booted=$!
    await "$seconds" "$words"
}

finish_boot() {
    kill "$booted" 2>/dev/null
    wait "$booted" 2>/dev/null
}
mkfifo "$tmp/keys"
exec 7<>"$tmp/keys"


# linux_by FIRMWARE OPTION...: Debian's kernel, which the firmware starts, finds its command line and its RAM disk.
linux_by() {
    local name=$1 guest
    shift
    guest=${GUEST:-$("$srcdir/tests/boot/fetch-debian.sh" amd64 2>/dev/null | tail -n 1)}
    [ -s "$guest/vmlinuz" ] || { skip "$name, -kernel: no Debian kernel could be fetched"; return; }
    printf '#!/bin/busybox sh\necho "init is up"\n' >"$tmp/init"
    "$srcdir/tests/boot/make-initramfs.sh" "$guest/busybox" "$tmp/init" "$tmp/initrd.gz"
    boot 120 "init is up" -kernel "$guest/vmlinuz" -initrd "$tmp/initrd.gz" -append "console=ttyS0 quiet" "$@" &&
        ok "$name $engine: starts Linux" || bad "$name, -kernel"
    finish_boot
}

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
    "$twin86" -accel "$engine" -nographic -nic none -timeout $limit -option-rom tests/boot/option.rom,bootindex=0 \
        -device isa-debug-exit </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
    count=$(plain | grep -a -c "Booted *from *the *option *ROM")
    if [ $code = 99 ] && [ "$count" = 2 ] && shows "Once more"; then
        ok "SeaBIOS $engine: option ROM, booted twice by a warm reset"
    else
        bad "option ROM: exit code $code, $count times booted"
    fi
}

# The same as the expansion ROM of a PCI device, which firmware finds by its BAR.
seabios_pci_rom() {
    [ -f tests/boot/pci-option.rom ] || { skip "PCI option ROM: it was not built"; return; }
    "$twin86" -accel "$engine" -nographic -nic none -timeout $limit -device virtio-rng-pci,romfile=tests/boot/pci-option.rom \
        -device isa-debug-exit </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
    if [ $code = 99 ] && [ "$(plain | grep -a -c "Booted *from *the *option *ROM")" = 2 ]; then
        ok "SeaBIOS $engine: a PCI device's option ROM boots"
    else
        bad "PCI option ROM: exit code $code"
    fi
}

# ends WHAT CODE ARGS...: of two systems the one runs that ends so: 101 is the disk of our own; 99 the option ROM.
ends() {
    local what=$1 want=$2
    shift 2
    cp tests/boot/disk.img "$tmp/disk.img"
    truncate -s 8M "$tmp/disk.img"
    "$twin86" -accel "$engine" -nographic -nic none -timeout $limit -device isa-debug-exit "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
    [ $code = "$want" ] && ok "SeaBIOS $engine: $what" || bad "$what: exit code $code"
}

# What is booted is not what would be without the options.
seabios_order() {
    local floppy=/usr/lib/grub-rescue/grub-rescue-floppy.img
    [ -f tests/boot/pci-option.rom ] && [ -f tests/boot/disk.img ] || { skip "boot order: no guests were built"; return; }
    local disk="-drive if=none,id=d,format=raw,file=$tmp/disk.img" rom="-device virtio-rng-pci,romfile=tests/boot/pci-option.rom"
    ends "-boot order=n: the ROM before the disk" 99 $rom -hda "$tmp/disk.img" -boot order=nc
    ends "-boot order=c: the disk before the ROM" 101 $rom -hda "$tmp/disk.img" -boot order=cn
    ends "-boot once=n: the ROM, and after its reset the disk" 101 $rom -hda "$tmp/disk.img" -boot order=cn,once=n
    shows "Booted from the option ROM" || bad "once="
    [ -r $floppy ] || { skip "bootindex=: there is no $floppy (Debian: grub-rescue-pc)"; return; }
    floppy="-drive if=none,id=f,format=raw,readonly=on,file=$floppy"
    for disk_device in ide-hd,bus=ide.1,unit=1 virtio-blk-pci,addr=0x11; do
        ends "bootindex= of $disk_device" 101 $floppy -device floppy,drive=f,bootindex=4 $disk \
            -device "$disk_device,drive=d,bootindex=2" -boot order=a
    done
    boot 60 "GNU GRUB" $floppy -device floppy,drive=f,bootindex=1 $disk -device ide-hd,drive=d,bootindex=2 -boot order=c &&
        ok "SeaBIOS $engine: bootindex= of a floppy drive" || bad "bootindex= of a floppy drive"
    finish_boot
    boot 60 "No bootable device" -hda "$tmp/disk.img" -boot strict=on &&
        ok "SeaBIOS $engine: strict=on boots nothing without bootindex=" || bad "strict=on"
    finish_boot
    # by a key in the menu, which comes over the serial line
    boot 60 "Press ESC for boot menu" -boot menu=on,splash-time=60000 -hda "$tmp/disk.img" $floppy -device floppy,drive=f
    printf '\033' >&7
    await 30 "[0-9]. Floppy" || bad "the menu lists no floppy disk"
    printf '%s' "$(plain | sed -n 's/.*\([0-9]\)\. *Floppy.*/\1/p' | tail -n 1)" >&7
    await 60 "GNU GRUB" && ok "SeaBIOS $engine: the menu boots what is chosen" || bad "the menu's choice"
    finish_boot
}

# A disk boots, reads itself by CHS and LBA, and writes: exit code 65h, and the image has changed.
seabios_disk() {
    [ -f tests/boot/disk.img ] || { skip "disk: it was not built"; return; }
    cp tests/boot/disk.img "$tmp/disk.img"
    truncate -s 8M "$tmp/disk.img"
    "$twin86" -accel "$engine" -nographic -nic none -timeout $limit -drive "file=$tmp/disk.img,format=raw" -device isa-debug-exit \
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

# Without a display what it shows is in text memory: a test is on its way, over all of memory.
seabios_memtest() {
    local iso=/usr/lib/memtest86+/memtest86+x64.iso end=$((SECONDS + 90 * slow))
    [ -r $iso ] || { skip "memtest86+: there is no $iso (Debian: memtest86+)"; return; }
    boot 60 "Booting from DVD/CD" -m 64M -drive "file=$iso,media=cdrom,format=raw,readonly=on" -boot d \
        -monitor "unix:$tmp/monitor,server,nowait" || bad "memtest86+ does not boot"
    until python3 "$srcdir/tests/boot/screen.py" "$tmp/monitor" 2>/dev/null >"$tmp/screen" &&
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
    seabios_pci_rom
    seabios_order
    seabios_disk
    seabios_cd
    linux_by SeaBIOS -m 256M -machine kernel-firmware=on
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
    linux_by OVMF -m 256M -bios OVMF.fd
    ovmf_flash
else
    skip "OVMF: there is no /usr/share/ovmf/OVMF.fd (Debian: ovmf)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
