#!/bin/bash
# SPDX-License-Identifier: MIT
# Virtio's smaller devices with Debian's kernel and drivers: random numbers, a console, a named port, the balloon, input.
# virtio.sh ARCH TWIN86 [OPTION...]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
arch=$1
shift
command -v cpio >/dev/null && command -v python3 >/dev/null || { echo "SKIP virtio: no cpio or python3"; exit 77; }
guest=$("$here/fetch-debian.sh" "$arch" | tail -n 1) || { echo "SKIP virtio: no kernel to boot"; exit 77; }
modules=$("$here/modules.sh" "$arch" virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio-rng \
    virtio_console virtio_balloon virtio_input evdev | tail -n 1) || { echo "SKIP virtio: $modules"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules"
cp "$guest/busybox" "$tree/bin/busybox"
cp "$here/init-virtio" "$tree/init"
cp "$modules"/*.ko "$tree/modules/"
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initrd"
python3 "$here/virtio.py" "$tmp" "$guest/vmlinuz" "$@"
