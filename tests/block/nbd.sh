#!/bin/bash
# SPDX-License-Identifier: MIT
# Disks over NBD, served by qemu-nbd.
. "${srcdir:-.}/tests/block/lib.sh"
command -v qemu-nbd > /dev/null || { echo "SKIP: qemu-nbd is missing (Debian package: qemu-utils)"; exit 77; }
grep -q 'define HAVE_LIBNBD 1' config.h 2> /dev/null || { echo "SKIP: built without libnbd"; exit 77; }

# serve FILE OPTIONS...: at $work/socket
serve() {
    file=$1
    shift
    qemu-nbd -t -k "$work/socket" "$@" "$file" &
    server=$!
    for _ in $(seq 100); do [ -S "$work/socket" ] && break; sleep 0.1; done
}
stop() {
    kill $server
    wait $server 2> /dev/null
    rm -f "$work/socket"
}

truncate -s 16M "$work/disk" "$work/model"
serve "$work/disk" -f raw -e 8 --discard=unmap
ok "raw" "$tool" random "nbd:unix:$work/socket" "$work/model" 1 200 format=raw,discard=unmap
ok "raw, by URI" "$tool" random "nbd+unix:///?socket=$work/socket" "$work/model" 2 200 format=raw,discard=unmap
stop
ok "raw: the same" cmp "$work/disk" "$work/model"
serve "$work/disk" -f raw -e 1 -x name
ok "one connection" "$tool" random "nbd:unix:$work/socket:exportname=name" "$work/model" 3 200 format=raw
refused "another name" "nbd" "$tool" copy "nbd:unix:$work/socket:exportname=other" "$work/copy"
stop
ok "one connection: the same" cmp "$work/disk" "$work/model"
serve "$work/disk" -f raw -r
refused "a readonly disk" "read-only" "$tool" random "nbd:unix:$work/socket" "$work/model" 4 1 format=raw
ok "a readonly disk" "$tool" copy "nbd:unix:$work/socket" "$work/copy" readonly=on
ok "a readonly disk: the same" cmp "$work/copy" "$work/model"
stop

# A server behind an overlay, and one with a qcow2 image in it
serve "$work/disk" -f raw -r -e 8
qemu-img create -q -f qcow2 -F raw -b "nbd:unix:$work/socket" "$work/overlay"
ok "an overlay" "$tool" random "$work/overlay" "$work/model" 5 200
ok "an overlay: compare" qemu-img compare -q -f qcow2 -F raw "$work/overlay" "$work/model"
stop
refused "no server" "socket" "$tool" copy "nbd:unix:$work/socket" "$work/copy"
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(4)
time.sleep(60)' "$work/silent" &
silent=$!
while [ ! -S "$work/silent" ]; do sleep 0.1; done
refused "a silent server" "says nothing" "$tool" copy "nbd:unix:$work/silent" "$work/copy"
kill $silent
refused "no name" "no NBD server" "$tool" copy nbd: "$work/copy"
finish
