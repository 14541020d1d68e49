#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's kernel looked at from outside: gdb stops in a function, watches a word, steps, and opens a core file of the
# guest; pvpanic tells of its panic.
#
# debug.sh ARCH TWIN86 [ARGS...]    Exit code 77: something is not there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arch=$1
shift
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'kill $pid 2>/dev/null; rm -rf "$tmp"' EXIT
pid=
guest=$("$here/fetch-debian.sh" "$arch" | tail -n 1)
[ -s "$guest/vmlinuz" ] || { echo "SKIP: no kernel could be fetched"; exit 77; }

# expect FILE PATTERN...: lines in that order
expect() {
    local file=$1 at=1 p found
    shift
    for p; do
        found=$(tail -n +$at "$file" | grep -a -n -m 1 -E -- "$p" | cut -d: -f1)
        if [ -z "$found" ]; then
            failed=$((failed + 1))
            echo "FAILED: no '$p' behind line $at of:"
            tail -n 60 "$file"
            return 1
        fi
        at=$((at + found))
    done
    passed=$((passed + 1))
}

gdb_session() {
    "$here/make-initramfs.sh" "$guest/busybox" "$here/../kvm/init-gdb" "$tmp/gdb.gz"
    timeout 120 "$@" -cpu max -m 128M -kernel "$guest/vmlinuz" -initrd "$tmp/gdb.gz" -append "console=ttyS0 quiet nokaslr" \
        -serial "file:$tmp/serial" -gdb "unix:$tmp/gdb.socket" </dev/null 2>"$tmp/err" &
    pid=$!
    for _ in $(seq 600); do
        grep -a -q '^READY' "$tmp/serial" 2>/dev/null && break
        sleep 0.1
    done
    symbol() { tr -d '\r' <"$tmp/serial" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
    cat >"$tmp/commands" <<END
set pagination off
set confirm off
set width 0
target remote $tmp/gdb.socket
break *$(symbol ksys_write)
continue
info registers cs cr3 efer
x/s \$rsi
p \$ymm0
stepi
stepi
delete
watch *(long*)$(symbol jiffies_64)
continue
delete
monitor dump-guest-memory -p $tmp/core
monitor dump-guest-memory $tmp/core.physical
printf "LIVE %lx %lx %lx\n", \$rip, \$rsp, *(long*)\$rsp
x/6i \$pc
detach
END
    timeout 60 gdb -nx -batch -x "$tmp/commands" >"$tmp/live" 2>&1 </dev/null
    expect "$tmp/live" '^Breakpoint 1, 0xffffffff' '^cs  *0x10 ' '^cr3  *0x[1-9a-f]' 'LME LMA' '"[0-9.-]*-cloud-' '^\$1 = \{' \
        '^0xffffffff.* in' 'Hardware watchpoint 2' '^Old value = [0-9]' '^New value = [0-9]' '^LIVE ffffffff' '^=> 0xffffffff' 'detached'
    local lines=$(wc -l <"$tmp/serial")
    for _ in $(seq 100); do # it goes on
        [ "$(wc -l <"$tmp/serial")" -gt "$lines" ] && break
        sleep 0.1
    done
    [ "$(wc -l <"$tmp/serial")" -gt "$lines" ] && passed=$((passed + 1)) ||
        { failed=$((failed + 1)); echo "FAILED: the guest did not go on after gdb"; }
    kill $pid
    wait $pid 2>/dev/null
    pid=
    # What gdb sees in the core file is what it saw in the guest.
    timeout 60 gdb -nx -batch -ex 'set width 0' -ex "core-file $tmp/core" -ex 'printf "LIVE %lx %lx %lx\n", $rip, $rsp, *(long*)$rsp' \
        -ex 'x/6i $pc' >"$tmp/dead" 2>&1 </dev/null
    sed -n '/^LIVE/,/detached/p' "$tmp/live" | grep -v -e detached -e '^\[' >"$tmp/want"
    sed -n '/^LIVE/,$p' "$tmp/dead" >"$tmp/is"
    if [ -s "$tmp/want" ] && diff "$tmp/want" "$tmp/is"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: the core file is not what was seen: $(cat "$tmp/dead")"
    fi
    readelf -lnW "$tmp/core.physical" 2>&1 | cut -c -100 >"$tmp/elf" # RAM below the display's window, and from text memory on
    expect "$tmp/elf" 'LOAD .* 0x0000000000000000 0x0000000000000000 0x0*a0000 ' 'LOAD .* 0x00000000000b8000 0x00000000000b8000 0x7f48000 ' 'CORE .*NT_PRSTATUS' 'QEMU'
}

panic() {
    local modules
    modules=$("$here/modules.sh" "$arch" pvpanic pvpanic-mmio | tail -n 1)
    if [ ! -s "$modules/pvpanic-mmio.ko" ]; then
        skipped=$((skipped + 1))
        echo "SKIP pvpanic: $modules"
        return
    fi
    mkdir -p "$tmp"/tree/{bin,proc,dev}
    cp "$guest/busybox" "$tmp/tree/bin/"
    cp "$modules/pvpanic.ko" "$modules/pvpanic-mmio.ko" "$tmp/tree/"
    cat >"$tmp/tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox insmod /pvpanic.ko
/bin/busybox insmod /pvpanic-mmio.ko
echo c >/proc/sysrq-trigger
INIT
    chmod 755 "$tmp/tree/init" "$tmp/tree/bin/busybox"
    (cd "$tmp/tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/panic.gz"
    timeout 120 "$@" -m 128M -kernel "$guest/vmlinuz" -initrd "$tmp/panic.gz" -append "console=ttyS0 quiet" -device pvpanic \
        -trace-last 5 -serial "file:$tmp/serial" </dev/null 2>"$tmp/err"
    [ $? = 4 ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAILED: exit code"; }
    expect "$tmp/serial" 'Kernel panic - not syncing: sysrq triggered crash'
    expect "$tmp/err" 'the guest crashed: its kernel says so \(pvpanic\)' '^RIP=ffffffff' 'CR3=' '  out dx, al'
}

if command -v gdb >/dev/null && command -v readelf >/dev/null; then
    gdb_session "$@"
else
    skipped=$((skipped + 4))
    echo "SKIP: gdb or readelf is not installed"
fi
panic "$@"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
