#!/bin/sh
# SPDX-License-Identifier: MIT
# The kvm engine on a complete KVM: QEMU emulates a machine with SVM, Debian's kernel with kvm-amd runs in it, and the
# built twin86 runs in that: the embedded guest, the unit tests of the engine, pauses and machines by the hundred, the
# instruction tests, Debian to a shell, and hand-over. nested.sh [JOB...], in the build folder; jobs: embedded unit
# stress isa lockstep debian debian_irqchip handover moves (saved states, two CPUs; MOVES_ROUNDS times) exits gdb insn
# (diff insn in every CPU mode, INSN_CASES of each), insn_host (32- and 16-bit programs without KVM, ten times
# INSN_CASES, under Debian's generic kernel, for the cloud kernel has no 16-bit segments), and, not done by default:
# firmware (SeaBIOS and OVMF), disks (IDE, virtio, CD), debian_exits, the exit statistics of Debian's boot as JSON
# (NESTED_JSON=FILE keeps it), bench, what exits cost there (docs/exits.md; NESTED_JSON=FILE keeps it),
# debian_lockstep, and sti_hlt.
#
# Each emulated machine has one of the host's processors: on two, QEMU loses interrupts. And guests get nohz=off: QEMU's SVM loses
# STI's shadow (sti_hlt shows it, and fails). docs/kvm-run.md has both. Machines print a line every 10 seconds; should that
# not have been all, one that says nothing for a minute is begun anew, twice, and the output says so.
#
# SKIPs (exit code 77) where QEMU or the kernel packages can't be had.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# Each word a machine's jobs; the first two go at once where there are two processors.
if [ $# -gt 0 ]; then
    machines=$(echo "$*" | sed 's/debian_irqchip//g; s/\<gdb\>//g; s/insn_host//g; s/  */,/g; s/^,*//; s/,*$//')
    case " $* " in *" debian_irqchip "*) machines="$machines debian_irqchip" ;; esac
    case " $* " in *" gdb "*) machines="$machines gdb" ;; esac
    case " $* " in *" insn_host "*) machines="$machines insn_host" ;; esac
else
    machines="embedded,unit,stress,isa,lockstep,debian,exits handover,insn debian_irqchip gdb insn_host moves"
fi
jobs=$(echo "$machines" | tr ',' ' ')
seconds=${NESTED_SECONDS:-600}

skip() {
    echo "SKIP nested KVM: $*"
    exit 77
}

command -v qemu-system-x86_64 >/dev/null || skip "qemu-system-x86_64 is not installed (package qemu-system-x86)"
command -v cpio >/dev/null || skip "cpio is not installed"
guest=$("$srcdir/tests/boot/fetch-debian.sh" amd64 | tail -n 1)
[ -s "$guest/vmlinuz" ] || skip "no Debian kernel could be fetched"
case " $machines " in
*" insn_host "*) generic=$("$srcdir/tests/boot/fetch-debian.sh" generic | tail -n 1) ;;
esac
work=$(mktemp -d)
trap 'kill $(cat "$work"/pid.* 2>/dev/null) 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The modules of the very kernel that is cached.
modules=$("$srcdir/tests/boot/modules.sh" amd64 irqbypass kvm kvm-amd | tail -n 1)
[ -s "$modules/kvm-amd.ko" ] || skip "$modules"

# What the lists blame on QEMU must be QEMU's.
case " $jobs " in
*" isa "* | *" handover "*) "$srcdir/tests/kvm/isa-qemu.sh" || exit 1 ;;
esac

root=$work/root
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/etc" "$root/lib" "$root/t/tests/data" \
    "$root/t/tests/boot" "$root/t/tests/isa" "$root/t/tests/kvm" "$root/t/tests/stress" "$root/t/bench/guests"
cp "$guest/busybox" "$root/bin/busybox"
cp "$modules/irqbypass.ko" "$modules/kvm.ko" "$modules/kvm-amd.ko" "$root/lib/"
programs=twin86
for p in unit stress bench-exits; do
    [ -x "$p" ] && programs="$programs $p"
done
for p in $programs; do
    cp "$p" "$root/t/$p"
done
# shellcheck disable=SC2046
for lib in $(for p in $programs; do ldd "./$p"; done | awk '$2 == "=>" && $3 ~ /^\// { print $3 }
    $1 ~ /^\// { print $1 }' | sort -u); do
    case $lib in
    */ld-linux*) mkdir -p "$root/lib64" && cp -L "$lib" "$root/lib64/" ;;
    *) cp -L "$lib" "$root/lib/" ;;
    esac
done
cp "$srcdir/tests/data/embedded-guest.txt" "$root/t/tests/data/"
cp "$srcdir/tests/kvm/exits.sh" "$srcdir/tests/kvm/isa.sh" "$srcdir/tests/kvm/isa-qemu.txt" "$srcdir/tests/kvm/isa-svm.txt" "$root/t/tests/kvm/"
cp "$srcdir/tests/isa/model.sh" "$root/t/tests/isa/"
for t in ${ISA_TESTS:-"*"}; do
    cp tests/isa/$t.rom "$root/t/tests/isa/" 2>/dev/null
done
cp tests/stress/*.rom "$root/t/tests/stress/" 2>/dev/null
cp tests/kvm/*.rom "$root/t/tests/kvm/" 2>/dev/null
cp bench/guests/*.rom "$root/t/bench/guests/" 2>/dev/null
for f in /usr/share/seabios/bios-256k.bin /usr/share/ovmf/OVMF.fd tests/boot/option.rom tests/boot/disk.img; do
    cp $f "$root/t/tests/boot/" 2>/dev/null
done
case " $jobs " in
*" gdb "*)
    "$srcdir/tests/boot/make-initramfs.sh" "$guest/busybox" "$srcdir/tests/kvm/init-gdb" "$root/t/initrd-gdb.gz"
    cp "$guest/vmlinuz" "$root/t/vmlinuz"
    command -v gdb > /dev/null || skip "gdb is not installed"
    ;;
esac
case " $jobs " in
*" debian"* | *" handover "*)
    "$srcdir/tests/boot/make-initramfs.sh" "$guest/busybox" "$srcdir/tests/kvm/init-inner" "$root/t/initrd.gz"
    cp "$guest/vmlinuz" "$root/t/vmlinuz"
    ;;
esac
# A guest that reads a disk and a CD, writes, reboots and reads that back (tests/boot/init-disk), and what it should find.
disk_files() {
    tree=$work/tree
    PATH=$PATH:/usr/sbin:/sbin
    for tool in mke2fs genisoimage; do
        command -v $tool > /dev/null || skip "$tool is not installed (packages e2fsprogs, genisoimage)"
    done
    drivers=$("$srcdir/tests/boot/modules.sh" amd64 scsi_common scsi_mod libata cdrom sd_mod sr_mod ata_piix isofs \
        virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk | tail -n 1)
    mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules" "$work/files"
    cp "$guest/busybox" "$tree/bin/busybox"
    cp "$srcdir/tests/boot/init-disk" "$tree/init"
    cp "$drivers"/*.ko "$tree/modules/" || skip "$drivers"
    chmod 755 "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 > "$root/t/initrd-disk.gz"
    seq 1 100000 > "$work/files/from-host"
    truncate -s 16M "$root/t/files.img"
    mke2fs -q -t ext4 -d "$work/files" "$root/t/files.img"
    genisoimage -quiet -R -o "$root/t/files.iso" "$work/files"
    sum=$(sha256sum "$work/files/from-host" | cut -d ' ' -f 1)
    printf 'disk %s\ncd %s\nwritten %s\nwrite cache\n' "$sum" "$sum" "$(seq 1 400000 | sha256sum | cut -d ' ' -f 1)" \
        > "$root/t/disk-lines"
    cp "$guest/vmlinuz" "$root/t/vmlinuz"
}
case " $jobs " in
*" disks "*) disk_files ;;
esac
cp "$srcdir/tests/kvm/init-nested" "$root/init"
echo "${INSN_CASES:-500}" > "$root/t/insn-cases"
echo "${MOVES_ROUNDS:-1}" > "$root/t/moves-rounds"
echo "${LOCKSTEP_ARGS:---instructions 1000000}" > "$root/t/lockstep-args"
chmod 755 "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 > "$work/initrd.gz"

# gdb runs out here and talks through the second serial port to the stub in there: real gdb, with guests on real KVM.
# gdb_session NAME READY PATTERN... with gdb's commands as standard input
gdb_session() {
    name=$1 ready=$2
    shift 2
    for _ in $(seq 240); do
        grep -a -q "^$ready" "$work/raw.gdb" 2>/dev/null && break
        sleep 1
    done
    {
        printf 'set pagination off\nset confirm off\nset width 0\nset remotetimeout 30\n'
        echo "target remote $work/gdb.socket"
        # shellcheck disable=SC2046
        sed "$(tr -d '\r' < "$work/raw.gdb" | awk '$3 == "ksys_write" { print "s/KSYS_WRITE/0x" $1 "/" }')
s/LONG_MODE/0x$long_mode/"
    } > "$work/gdb.commands"
    timeout 150 gdb -nx -batch -x "$work/gdb.commands" > "$work/gdb.log" 2>&1 < /dev/null
    verdict=ok
    for pattern; do
        grep -q "$pattern" "$work/gdb.log" || verdict="FAIL no '$pattern':"
    done
    echo "$verdict gdb on kvm: $name"
    sed 's/^/  /' "$work/gdb.log"
}
drive_gdb() {
    long_mode=$(nm machine/guest/guest.elf | awk '$3 == "long_mode" { print substr($1, 9) }')
    gdb_session "real mode from the first instruction" "GDB REAL" '^=> 0xfffffff0:.*ljmp' '^Breakpoint 1, 0x000f1000' \
        '^0x000f1002' "^Breakpoint 2, 0x$long_mode" <<'END'
x/i $pc
break *0xf1000
continue
x/2i $pc
info registers cs eip cs_base cr0
stepi
stepi
break *LONG_MODE
continue
monitor info status
kill
END
    gdb_session "a kernel's function" "GDB KERNEL" '^Breakpoint 1, 0xffffffff' '^cr3  *0x[1-9a-f]' '^$1 = {' \
        '^New value' '^Temporary breakpoint 3, 0xffffffff' <<'END'
break *KSYS_WRITE
continue
x/3i $pc
info registers rdi rdx cs rip cr3
x/s $rsi
print $ymm0.v4_int64
delete
set can-use-hw-watchpoints 0
watch *(long*)($rsp-8)
continue
x/i $pc
delete
tbreak *KSYS_WRITE
continue
stepi
stepi
kill
END
}

# emulate JOB,JOB... CPU: run them in an emulated machine, in the background. Its serial line goes to raw.JOB,JOB...
emulate() {
    rm -f "$work/ended.$1"
    serial="-serial stdio"
    kernel=$guest/vmlinuz append=
    if [ "$1" = insn_host ]; then
        # QEMU 7.2 adds DS.base to addresses with a DS prefix in 64-bit code, which Linux puts in LOCK's place on one
        # processor, and far returns read the stack as the supervisor, which SMAP forbids.
        append="noreplace-smp clearcpuid=smap"
        [ ! -s "${generic:-/none}/vmlinuz" ] || kernel=$generic/vmlinuz
    fi
    [ "$1" != gdb ] || serial="-chardev socket,id=gdb,path=$work/gdb.socket,server=on,wait=off -serial stdio -serial chardev:gdb"
    {
        # shellcheck disable=SC2086
        timeout "$seconds" taskset -c "$2" qemu-system-x86_64 -accel tcg -cpu max,+svm,+npt -m 2048 -nographic -no-reboot -nodefaults \
            $serial -kernel "$kernel" -initrd "$work/initrd.gz" \
            -append "console=ttyS0 quiet panic=-1 tsc=reliable $append jobs=$1" < /dev/null > "$work/raw.$1" &
        echo $! > "$work/pid.$1"
        wait $!
        : > "$work/ended.$1"
    } &
}

# Wait for its end. False: it was ended, because it stood still.
alive() {
    size=-1 still=0
    while [ ! -e "$work/ended.$1" ]; do
        sleep 1
        before=$size size=$(wc -c < "$work/raw.$1") still=$((still + 1))
        [ "$size" = "$before" ] || still=0
        if [ $still -ge 60 ]; then
            kill "$(cat "$work/pid.$1")"
            return 1
        fi
    done
}

# machine JOB,JOB... CPU
machine() {
    for try in 1 2 3; do
        : > "$work/raw.$1"
        emulate "$1" "$2"
        emulation=$!
        if [ "$1" = gdb ]; then
            drive_gdb > "$work/gdb.verdict" &
            gdb_pid=$!
        fi
        alive "$1" && break
        echo "  $1: the emulated machine stood still (run $try)" >> "$work/still.$1"
        wait $emulation
        [ "$1" != gdb ] || kill $gdb_pid
    done
    tr -d '\r' < "$work/raw.$1" > "$work/log.$1"
    if [ "$1" = gdb ]; then
        wait $gdb_pid
        cat "$work/gdb.verdict" >> "$work/log.gdb"
    fi
}

cpus=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
first=${cpus%%[,-]*} last=${cpus##*[,-]}
# shellcheck disable=SC2086
set -- $machines
if [ "$first" != "$last" ] && [ $# -gt 1 ]; then
    machine "$1" "$first" &
    machine "$2" "$last"
    wait
    shift 2
fi
for m; do
    machine "$m" "$first"
done
ended=true
for m in $machines; do
    cat "$work/log.$m" >> "$work/log"
    cat "$work/still.$m" 2>/dev/null
    grep -a -E '(^| )(ok|FAIL|SKIP) |^ ' "$work/log.$m"
    grep -a -q '^NESTED DONE' "$work/log.$m" && continue
    echo "FAIL nested KVM: $m: it did not come to its end within $seconds s; its last lines:"
    tail -n 30 "$work/log.$m"
    ended=false
done
passed=$(grep -a -c '^ok ' "$work/log")
failed=$(grep -a -c '^FAIL ' "$work/log")
skipped=$(grep -a -c '^SKIP ' "$work/log")
$ended || failed=$((failed + 1))
echo "$passed passed, $failed failed, $skipped skipped"
[ -z "${NESTED_JSON:-}" ] || sed -n 's/^JSON //p' "$work/log" > "$NESTED_JSON"
[ -z "${NESTED_LOG:-}" ] || cp "$work/log" "$NESTED_LOG"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
