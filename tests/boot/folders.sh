#!/bin/bash
# SPDX-License-Identifier: MIT
# Folders of the host's in Debian's kernel, by its 9p modules: folders.sh [--tree FILES MIB] TWIN86 [OPTION...]
# --tree: a tree of so many files goes in and out (tree.py)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
skip() {
    echo "SKIP folders: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
command -v cpio >/dev/null && command -v python3 >/dev/null || skip "no cpio or python3"
guest=$("$here/fetch-debian.sh" generic | tail -n 1) || skip "no kernel to boot" # the cloud kernel has no 9p
modules=$("$here/modules.sh" generic virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci netfs fscache \
    9pnet 9p 9pnet_virtio | tail -n 1) || skip "$modules"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules" "$tree/mnt"
cp "$guest/busybox" "$tree/bin/busybox"
cp "$here/init-folders" "$tree/init"
for m in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci netfs fscache 9pnet 9p 9pnet_virtio; do
    cp "$modules/$m.ko" "$tree/modules/"
done
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initrd"
if [ "$1" = --tree ]; then
    shift
    python3 "$here/tree.py" "$tmp" "$guest/vmlinuz" "$@"
else
    python3 "$here/folders.py" "$tmp" "$guest/vmlinuz" "$@"
fi
