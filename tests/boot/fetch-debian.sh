#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetch a Debian kernel and static busybox for guests: fetch-debian.sh amd64|i386|generic|xen. amd64 is the cloud kernel,
# generic the one that also runs 16-bit programs and under Xen, xen is the hypervisor.
#
# Nothing is installed and apt's configuration and package lists on this machine are left as they are: apt works in a
# private folder, with the mirrors and keys of this machine. The result is cached; the last line printed is the folder,
# which holds vmlinuz, or xen (a multiboot kernel), busybox and versions.
set -eu
. "$(dirname "$0")/packages.sh"

arch=${1:-amd64}
name=$arch
case $arch in
amd64) kernel=linux-image-cloud-amd64 ;;
i386) kernel=linux-image-686 ;;
generic)
    arch=amd64
    kernel=linux-image-amd64
    ;;
xen)
    arch=amd64
    kernel=xen-hypervisor-4.17-amd64
    ;;
*)
    echo "usage: $0 amd64|i386|generic|xen" >&2
    exit 2
    ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/twin86
dir=$cache/$name
result=vmlinuz
[ "$name" != xen ] || result=xen
if [ -s "$dir/$result" ] && [ -s "$dir/busybox" ]; then
    echo "$dir"
    exit 0
fi

mkdir -p "$dir"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/root"
: > "$work/status"

debian_sources "$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")" "$work"

cat > "$work/apt.conf" <<CONF
APT::Architecture "$arch";
#clear APT::Architectures;
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::preferences "/dev/null";
CONF
APT_CONFIG=$work/apt.conf
export APT_CONFIG

echo "Fetching Debian's $kernel and busybox-static ($arch) into $dir" >&2
# A mirror that is being updated can lack one list; what the others name will do.
apt-get -q update >&2 || echo "$0: going on with the package lists that could be fetched" >&2
image=$kernel
[ "$name" = xen ] ||
    image=$(apt-cache show --no-all-versions "$kernel" | sed -n 's/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/\1/p')
if [ -z "$image" ]; then
    echo "$0: the mirror has no $kernel for $arch; see $work/sources.list for where it was looked for" >&2
    exit 1
fi
(cd "$work" && apt-get -q download "$image" busybox-static >&2)
for deb in "$work"/*.deb; do
    dpkg-deb -x "$deb" "$work/root"
    dpkg-deb -W --showformat '${Package} ${Version} ${Architecture}\n' "$deb"
done > "$work/versions"

# Moved into place one by one, complete, the kernel last.
mv "$work/versions" "$dir/versions"
cp "$work/root/bin/busybox" "$work/busybox" 2>/dev/null || cp "$work/root/usr/bin/busybox" "$work/busybox"
mv "$work/busybox" "$dir/busybox"
if [ "$name" = xen ]; then
    gunzip -c "$work"/root/boot/xen-*.gz > "$work/xen"
    mv "$work/xen" "$dir/xen"
else
    mv "$work"/root/boot/vmlinuz-* "$dir/vmlinuz"
fi
echo "$dir"
