#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's own programs in a guest with -cpu max: glibc's string functions, openssl, Python. What they print has to be
# what they print on the host.
#
# programs.sh KERNEL BUSYBOX TWIN86 [ARGS...]    CC makes the C program. Exit code 77: something is not there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/copy-programs.sh"
kernel=$1 busybox=$2
shift 2
for need in /usr/bin/openssl /usr/bin/python3 ldd cpio; do
    command -v "$need" >/dev/null || { echo "programs: SKIP: $need is not installed"; exit 77; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
work=$tmp/tree/programs
mkdir -p "$work" "$tmp"/tree/{bin,dev,proc,sys,tmp,etc}
# gcc, because of target_clones
gcc -O3 -o "$work/strings" "$here/programs/strings.c" -lm || { echo "programs: SKIP: gcc is not installed"; exit 77; }
cp "$here/programs/work.py" "$here/programs/run.sh" "$work"
head -c 300000 "$busybox" >"$work/data"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/rsa.pem" &&
    openssl genpkey -algorithm ed25519 -out "$work/ed.pem" &&
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.pem" &&
    openssl pkey -in "$work/ec.pem" -pubout -out "$work/ec.pub" &&
    openssl dgst -sha256 -sign "$work/ec.pem" -out "$work/ec.sig" "$work/data" || exit 2

copy_files "$tmp/tree" /usr/bin/openssl /usr/bin/python3
sh "$work/run.sh" "$work" >"$tmp/host.txt" 2>&1
(cd "$work" && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 work.py "$tmp/modules" >/dev/null)
mapfile -t modules <"$tmp/modules"
copy_files "$tmp/tree" "${modules[@]/*work.py/\/usr\/bin\/openssl}"
# shellcheck disable=SC2046
copy_files "$tmp/tree" $(libraries /usr/bin/openssl /usr/bin/python3 "$work/strings" $(grep '\.so' "$tmp/modules"))
/usr/bin/python3 -c 'import encodings, os; print(os.path.dirname(os.__file__))' >"$tmp/lib"
copy_files "$tmp/tree" "$(cat "$tmp/lib")"/encodings/*.py
cp "$busybox" "$tmp/tree/bin/busybox"
ln -s busybox "$tmp/tree/bin/sh"
cat >"$tmp/tree/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
echo BEGIN
sh /programs/run.sh /programs 2>&1
echo END
poweroff -f
INIT
chmod 755 "$tmp/tree/init" "$tmp/tree/bin/busybox"
(cd "$tmp/tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initramfs.gz"
timeout 600 "$@" -cpu max -m 1G -kernel "$kernel" -initrd "$tmp/initramfs.gz" -append "console=ttyS0 quiet" \
    -nographic -no-reboot </dev/null 2>"$tmp/err" | tr -d '\r' >"$tmp/console.txt"
code=${PIPESTATUS[0]}
sed -n '/^BEGIN$/,/^END$/p' "$tmp/console.txt" | sed '1d;$d' >"$tmp/guest.txt"
lines=$(wc -l <"$tmp/host.txt")
if [ "$code" -ne 0 ] || [ "$lines" -lt 60 ] || ! diff "$tmp/host.txt" "$tmp/guest.txt"; then
    echo "FAIL: the programs' lines differ (< host, > guest), or the guest ended with $code"
    tail -n 5 "$tmp/console.txt" "$tmp/err"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
echo "$lines passed, 0 failed, 0 skipped"
