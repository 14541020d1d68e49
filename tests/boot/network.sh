#!/bin/bash
# SPDX-License-Identifier: MIT
# A network card with Debian's kernel and driver, and libslirp behind it: DHCP, TCP both ways, forwarded ports, cables.
# network.sh ARCH MODEL TWIN86 [OPTION...]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
arch=$1
model=$2
shift 2
case $model in
virtio-net-pci) drivers="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net" ;;
*) drivers=$model ;;
esac
command -v cpio >/dev/null && command -v python3 >/dev/null || { echo "SKIP network: no cpio or python3"; exit 77; }
guest=$("$here/fetch-debian.sh" "$arch" | tail -n 1) || { echo "SKIP network: no kernel to boot"; exit 77; }
modules=$("$here/modules.sh" "$arch" $drivers | tail -n 1) || { echo "SKIP network: $modules"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules" "$tree/tmp"
cp "$guest/busybox" "$tree/bin/busybox"
cp "$here/init-network" "$tree/init"
cp "$here/lease" "$tree/lease"
for m in $drivers; do
    cp "$modules/$m.ko" "$tree/modules/"
    echo "$m"
done >"$tree/modules/list"
chmod 755 "$tree/init" "$tree/lease" "$tree/bin/busybox"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initrd"
python3 "$here/network.py" "$tmp" "$guest/vmlinuz" "$model" "$@"
