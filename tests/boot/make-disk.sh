#!/bin/sh
# SPDX-License-Identifier: MIT
# Make a disk with Debian 12 (systemd, GRUB, ext4; root's password is "twin86"): make-disk.sh [--kernel cloud|generic]
# [FILE|--made]
#
# The same disk boots by a BIOS and by UEFI, from virtio and from IDE; its console is the first serial port. It is made of
# Debian's packages by mmdebstrap and mke2fs, without a loop device or a mount of its own; as root, also in a container, or
# as anybody, where Linux gives user namespaces. It is cached: the last line printed is the disk's path, of a sparse raw
# image. FILE: a copy, unless that is there already. It has a network by DHCP, and an SSH server for whoever has the key
# in ssh-key beside the cached disk; FILE.ssh says that a copy knows it. --made: nothing is made, and the exit code is 1 without a disk.
# --kernel generic: Debian's kernel for all machines, which has drivers that the cloud's (the default) has not, as the e1000's.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$here/packages.sh"

suite=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/twin86/disk
disk=$cache/debian-12.raw
made=$cache/recipe
kernel=linux-image-cloud-amd64
if [ "${1:-}" = --kernel ]; then
    case $2 in
    cloud) ;;
    generic)
        kernel=linux-image-amd64
        disk=$cache/debian-12-generic.raw
        made=$cache/recipe-generic
        ;;
    *)
        echo "$0: --kernel $2: there are cloud and generic" >&2
        exit 2
        ;;
    esac
    shift 2
fi
recipe=$(cat "$0" "$here/packages.sh" | sha256sum | cut -d ' ' -f 1)

# copy FROM TO: whole or not at all.
copy() {
    [ -s "$2" ] || { cp --sparse=always --reflink=auto "$1" "$2.part" && : > "$2.ssh" && mv "$2.part" "$2"; }
    echo "$2"
}

if [ -n "${1:-}" ] && [ -s "$1" ]; then
    echo "$1"
    exit 0
fi
if [ -s "$disk" ] && [ "$(cat "$made" 2>/dev/null)" = "$recipe" ]; then
    [ "${1:-}" != --made ] || set --
    copy "$disk" "${1:-$disk}"
    exit 0
fi
[ "${1:-}" != --made ] || exit 1

need_packages mmdebstrap fdisk e2fsprogs mtools grub-common grub-pc-bin grub-efi-amd64-bin fakeroot openssh-client >&2
[ "$(id -u)" -eq 0 ] || need_packages uidmap >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/make.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# ---- what is on it ----

# Sectors. The first partition holds GRUB for a BIOS, which is loaded from its beginning; the second is for UEFI.
size_mib=2048
bios=2048 bios_size=2048
esp=4096 esp_size=16384
root=$((esp + esp_size)) root_size=$((size_mib * 2048 - esp - esp_size - 2048))
root_uuid=$(cat /proc/sys/kernel/random/uuid)
esp_id=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ' | tr a-f A-F)

# As many packages as a small server has.
packages="systemd-sysv,dbus,udev,kmod,util-linux,login,passwd,e2fsprogs,init,procps,less,nano,iproute2"
packages="$packages,$kernel,initramfs-tools,zstd,apt,systemd-resolved,openssh-server,ca-certificates"
[ -s "$cache/ssh-key" ] || ssh-keygen -q -t ed25519 -N '' -C twin86 -f "$cache/ssh-key" >&2

mkdir "$work/files"
cat > "$work/files/fstab" <<FSTAB
UUID=$root_uuid / ext4 errors=remount-ro 0 1
UUID=$(echo "$esp_id" | sed 's/^..../&-/') /boot/efi vfat noauto,umask=0077 0 0
FSTAB

# What GRUB's two forms have built in: find the disk. The rest is in its file.
cat > "$work/files/early.cfg" <<EARLY
search.fs_uuid $root_uuid root
set prefix=(\$root)/boot/grub
EARLY

cat > "$work/files/grub.cfg" <<GRUB
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=1
menuentry "Debian GNU/Linux 12" {
    linux /vmlinuz root=UUID=$root_uuid ro console=ttyS0,115200 quiet
    initrd /initrd.img
}
menuentry "Debian GNU/Linux 12 (what the kernel says is shown; a shell alone)" {
    linux /vmlinuz root=UUID=$root_uuid ro console=ttyS0,115200 single
    initrd /initrd.img
}
GRUB

cp "$cache/ssh-key.pub" "$work/files/authorized_keys"
printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' > "$work/files/ether.network"
# where systemd-resolved writes what DHCP said
echo 'L+ /etc/resolv.conf - - - - ../run/systemd/resolve/stub-resolv.conf' > "$work/files/resolv.conf"

# Only the drivers of this machine's disks in the initramfs: it is small and soon unpacked.
printf '%s\n' MODULES=list COMPRESS=zstd FSTYPE=ext4 > "$work/files/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk ata_piix sd_mod ext4 crc32c_generic > "$work/files/modules"

# In the chroot, $1, before all packages but the essential ones are there; and when all are.
cat > "$work/files/before" <<'BEFORE'
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
cp files/initramfs.conf "$1/etc/initramfs-tools/conf.d/twin86.conf"
cp files/modules "$1/usr/share/initramfs-tools/modules.d/twin86"
cp files/fstab "$1/etc/fstab"
BEFORE
cat > "$work/files/after" <<'AFTER'
mkdir -p "$1/boot/grub" "$1/boot/efi"
cp files/grub.cfg "$1/boot/grub/grub.cfg"
# a busy host may be slow
mkdir -p "$1/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=15min\nDefaultDeviceTimeoutSec=15min\n' > "$1/etc/systemd/system.conf.d/patience.conf"
echo debian > "$1/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 debian\n' > "$1/etc/hosts"
echo root:twin86 | chroot "$1" chpasswd
cp files/ether.network "$1/etc/systemd/network/"
cp files/resolv.conf "$1/etc/tmpfiles.d/"
mkdir -p -m 700 "$1/root/.ssh"
cp files/authorized_keys "$1/root/.ssh/"
chroot "$1" systemctl -q enable systemd-networkd systemd-resolved ssh
chroot "$1" systemctl -q disable systemd-networkd-wait-online
chroot "$1" systemctl -q disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
# the first boot is to be like all others
rm -f "$1/etc/machine-id"
chroot "$1" systemd-machine-id-setup > /dev/null 2>&1
chroot "$1" update-initramfs -c -k all
ln -sf "boot/$(cd "$1/boot" && ls initrd.img-*)" "$1/initrd.img"
AFTER

echo "Making Debian's disk $disk; this takes some minutes" >&2
debian_sources $suite "$work"
# The initramfs is made once, at the end. The language of all is C, and manuals and translations are left out.
(
    cd "$work"
    INITRD=No LC_ALL=C mmdebstrap --variant=minbase --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        --essential-hook='sh -e files/before "$1"' --customize-hook='sh -e files/after "$1"' \
        $suite root.tar sources.list
) >&2

# ---- the disk ----

truncate -s "${size_mib}M" "$work/disk.raw"
sfdisk --quiet --no-reread "$work/disk.raw" >&2 <<PARTITIONS
label: gpt
start=$bios, size=$bios_size, type=21686148-6449-6E6F-744E-656564454649, name=BIOS
start=$esp, size=$esp_size, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=EFI
start=$root, size=$root_size, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
PARTITIONS

# A file system out of a folder, in which all belongs to whom it should: to root, or to what fakeroot says.
cat > "$work/mkroot" <<'MKROOT'
mkdir tree
tar -C tree -xf root.tar --exclude=./dev/\* --exclude=./proc/\* --exclude=./sys/\*
mke2fs -q -t ext4 -L root -U "$1" -m 1 -N 65536 -J size=32 -E "offset=$2,lazy_itable_init=0,nodiscard" -d tree disk.raw "$3"
rm -rf tree
MKROOT
as_owner=
[ "$(id -u)" -eq 0 ] || as_owner=fakeroot
(cd "$work" && $as_owner sh -e mkroot "$root_uuid" $((root * 512)) $((root_size / 2))k) >&2

common="part_gpt ext2 search_fs_uuid normal linux serial terminal echo configfile test sleep reboot halt"
grub-mkimage -O i386-pc -p /boot/grub -c "$work/files/early.cfg" -o "$work/core.img" biosdisk $common
grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/files/early.cfg" -o "$work/bootx64.efi" fat $common

# The boot sector loads the first sector of the core from the sector that is written at 5Ch; and that one the rest, from
# the sector at 1F4h of it (GRUB's boot.S and diskboot.S).
patch() { # FILE OFFSET NUMBER, which takes four bytes
    printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($3 & 255)) $(($3 >> 8 & 255)) $(($3 >> 16 & 255)) $(($3 >> 24 & 255)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
dd if=/usr/lib/grub/i386-pc/boot.img of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
patch "$work/disk.raw" $((0x5c)) $bios
patch "$work/core.img" $((0x1f4)) $((bios + 1))
dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=$bios conv=notrunc status=none

export MTOOLS_SKIP_CHECK=1
at=$work/disk.raw@@$((esp * 512))
mformat -i "$at" -T $esp_size -N "$esp_id" -v EFI ::
mmd -i "$at" ::/EFI ::/EFI/BOOT
mcopy -i "$at" "$work/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

cp --sparse=always "$work/disk.raw" "$work/sparse.raw"
mv "$work/sparse.raw" "$disk"
echo "$recipe" > "$made"
copy "$disk" "${1:-$disk}"
