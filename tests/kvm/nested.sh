#!/bin/sh
# SPDX-License-Identifier: MIT
# The kvm engine on a complete KVM: QEMU emulates a machine with SVM, Debian's kernel with kvm-amd runs in it, and the
# built twin86 runs in that: the embedded guest, the unit tests of the engine, pauses and machines by the hundred, the
# instruction tests, Debian to a shell, and hand-over. nested.sh [JOB...], in the build folder; jobs: embedded unit
# isa lockstep debian debian_irqchip handover exits gdb insn (diff insn in every CPU mode, INSN_CASES of each),
# smp_irqchip (Debian on four processors, each of which goes and comes back SMP_ROUNDS times, kernel-irqchip=on), litmus
# (tests/smp but for its test atomic), and, not done by default: stress, litmus_atomic (the test left out), smp (kernel-irqchip=off), smp_handover (both engines in turn), smp_gaps (four with
# a gap in their APIC ids), smp_64 (either with both kinds of interrupt controllers), moves (saved states, two CPUs;
# MOVES_ROUNDS times), insn_host (32- and 16-bit programs without KVM, ten times INSN_CASES, under Debian's generic
# kernel, for the cloud kernel has no 16-bit segments), firmware (all of tests/boot/firmware.sh), disks (small ones by
# SeaBIOS, Debian's kernel on IDE, virtio, CD), debian_disk (Debian 12 lives on its disk; that is eight jobs,
# disk_CHIP_FIRMWARE_INTERFACE, with kernel-irqchip=CHIP), debian_exits, the exit statistics of Debian's boot as JSON,
# scheduling (two busy vCPUs on the one processor), bench, what exits cost there (docs/exits.md; NESTED_JSON=FILE keeps either's figures), bench_interrupts, what raising
# interrupts costs, debian_lockstep, sti_hlt.
#
# Each emulated machine has one of the host's processors: on two, QEMU loses interrupts; there are as many at once as
# there are processors, two at most. And guests get nohz=off: QEMU's SVM loses STI's shadow (sti_hlt shows it, and
# fails). docs/kvm-run.md has both. Machines print a line every 10 seconds; should that not have been all, one that says
# nothing for a minute is begun anew, twice, and the output says so; as is one whose QEMU ends in an assertion of its
# own, which is a SKIP in the end.
#
# SKIPs (exit code 77) where QEMU or the kernel packages can't be had.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# Each word a machine's jobs; two go at once where there are two processors.
machines="embedded,unit,isa,lockstep,debian,exits handover,insn debian_irqchip gdb smp_irqchip litmus"
if [ $# -gt 0 ]; then
    together= machines=
    for job; do
        case $job in
        debian_irqchip | gdb | insn_host | smp_irqchip | disk_*) machines="$machines $job" ;;
        debian_disk)
            for disk in SeaBIOS_virtio SeaBIOS_IDE OVMF_virtio OVMF_IDE; do
                machines="$machines disk_off_$disk disk_on_$disk"
            done
            ;;
        *) together=$together${together:+,}$job ;;
        esac
    done
    machines="$together $machines"
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
for p in unit stress bench-exits bench-interrupts; do
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
mkdir -p "$root/t/tests/smp"
cp "$srcdir/tests/smp/run.sh" tests/smp/smp.elf "$root/t/tests/smp/" 2>/dev/null
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
*" debian"* | *" handover "* | *" smp"*)
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
. "$srcdir/tests/boot/copy-programs.sh"
# put_programs FILE...: of this host, with their libraries
put_programs() {
    for p; do
        cp -L "$p" "$root/bin/"
        # shellcheck disable=SC2046
        cp -L $(libraries "$p") "$root/lib/"
    done
}
# Firmware, and Python with what the tests that are written in it import.
firmware_files() {
    for f in seabios/bios-256k.bin ovmf/OVMF.fd OVMF/OVMF_CODE.fd OVMF/OVMF_VARS.fd; do
        f=/usr/share/$f
        [ ! -r $f ] || copy_files "$root" $f
    done
    python=/usr/bin/python3 # Debian's own
    [ -x $python ] || skip "python3 is not installed"
    put_programs $python
    $python -c 'import encodings, os, sys, argparse, json, re, select, shutil, socket, subprocess, tempfile, time
for m in list(sys.modules.values()): print(getattr(m, "__file__", None) or "")' | grep . > "$work/python"
    # shellcheck disable=SC2046
    copy_files "$root" $(cat "$work/python") "$($python -c 'import encodings; print(encodings.__path__[0])')"/*.py
    # shellcheck disable=SC2046
    cp -L $(libraries $(grep '\.so$' "$work/python")) "$root/lib/"
}
case " $jobs " in
*" firmware "*)
    firmware_files
    put_programs /bin/bash "$(command -v cpio)"
    for f in /usr/lib/grub-rescue/grub-rescue-cdrom.iso /usr/lib/grub-rescue/grub-rescue-floppy.img \
        /usr/lib/memtest86+/memtest86+x64.iso; do
        [ ! -r $f ] || copy_files "$root" $f
    done
    mkdir -p "$root/t/guest"
    cp "$guest/vmlinuz" "$guest/busybox" "$root/t/guest/"
    cp "$srcdir/tests/boot/firmware.sh" "$srcdir/tests/boot/make-initramfs.sh" "$srcdir/tests/boot/screen.py" \
        tests/boot/pci-option.rom "$root/t/tests/boot/"
    ;;
esac
# Debian's disk, which the emulated machine has as its own; GRUB there gives Linux nohz=off.
debian_files() {
    PATH=$PATH:/usr/sbin:/sbin
    template=$("$srcdir/tests/boot/make-disk.sh" | tail -n 1)
    [ -s "$template" ] || skip "Debian's disk could not be made"
    for tool in debugfs e2fsck; do
        command -v $tool > /dev/null || skip "$tool is not installed (package e2fsprogs)"
    done
    cp --sparse=always --reflink=auto "$template" "$work/disk.raw"
    sector=$(sed -n 's/^ROOT_PARTITION = \([0-9]*\) \* 512.*/\1/p' "$srcdir/tests/boot/debian_disk.py")
    partition="$work/disk.raw?offset=$((sector * 512))"
    debugfs -R "cat /boot/grub/grub.cfg" "$partition" 2> /dev/null |
        sed 's/ro console/ro nohz=off console/' > "$work/grub.cfg"
    printf 'cd /boot/grub\nrm grub.cfg\nwrite %s grub.cfg\n' "$work/grub.cfg" |
        debugfs -w -f - "$partition" > "$work/debugfs" 2>&1
    debugfs -R "cat /boot/grub/grub.cfg" "$partition" 2> /dev/null | grep -q nohz=off || {
        cat "$work/debugfs"
        echo "FAIL nested KVM: GRUB's file on Debian's disk can't be changed"
        exit 1
    }
    drivers=$("$srcdir/tests/boot/modules.sh" amd64 $disk_modules | tail -n 1)
    [ -s "$drivers/virtio_blk.ko" ] || skip "$drivers"
    for m in $disk_modules; do
        cp "$drivers/$m.ko" "$root/lib/"
    done
    echo "$disk_modules" > "$root/t/disk-modules"
    cp "$srcdir/tests/boot/debian_disk.py" "$srcdir/tests/boot/guest.py" "$root/t/tests/boot/"
    firmware_files
    put_programs "$(command -v e2fsck)"
}
disk_modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk"
case " $jobs " in
*" disk_"*) debian_files ;;
esac
cp "$srcdir/tests/kvm/init-nested" "$root/init"
echo "${INSN_CASES:-500}" > "$root/t/insn-cases"
echo "${MOVES_ROUNDS:-1}" > "$root/t/moves-rounds"
echo "${SMP_ROUNDS:-1}" > "$root/t/smp-rounds"
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
    kernel=$guest/vmlinuz append= disk= limit=$seconds
    case $1 in
    disk_*)
        disk="-drive file=$work/disk.raw,format=raw,if=virtio,snapshot=on"
        limit=${NESTED_SECONDS:-7200}
        ;;
    *smp*) limit=${NESTED_SECONDS:-3600} ;;
    esac
    if [ "$1" = insn_host ]; then
        # QEMU 7.2 adds DS.base to addresses with a DS prefix in 64-bit code, which Linux puts in LOCK's place on one
        # processor, and far returns read the stack as the supervisor, which SMAP forbids.
        append="noreplace-smp clearcpuid=smap"
        [ ! -s "${generic:-/none}/vmlinuz" ] || kernel=$generic/vmlinuz
    fi
    [ "$1" != gdb ] || serial="-chardev socket,id=gdb,path=$work/gdb.socket,server=on,wait=off -serial stdio -serial chardev:gdb"
    {
        # shellcheck disable=SC2086
        timeout "$limit" taskset -c "$2" qemu-system-x86_64 -accel tcg -cpu max,+svm,+npt -m 2048 -nographic \
            -no-reboot -nodefaults $serial $disk -kernel "$kernel" -initrd "$work/initrd.gz" \
            -append "console=ttyS0 quiet panic=-1 tsc=reliable $append jobs=$1" \
            < /dev/null > "$work/raw.$1" 2> "$work/qemu.$1" &
        echo $! > "$work/pid.$1"
        wait $!
        : > "$work/ended.$1"
    } &
}

# Wait for its end. False, and why: it was ended, because it stood still; or QEMU has ended itself.
alive() {
    size=-1 still=0
    while [ ! -e "$work/ended.$1" ]; do
        sleep 1
        before=$size size=$(wc -c < "$work/raw.$1") still=$((still + 1))
        [ "$size" = "$before" ] || still=0
        if [ $still -ge 60 ]; then
            kill "$(cat "$work/pid.$1")"
            echo "the emulated machine stood still" > "$work/why.$1"
            return 1
        fi
    done
    grep 'assertion failed' "$work/qemu.$1" > "$work/why.$1" || return 0
    return 1
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
        echo "  $1: $(cat "$work/why.$1") (run $try)" >> "$work/still.$1"
        wait $emulation
        [ "$1" != gdb ] || kill $gdb_pid
    done
    cat "$work/raw.$1" "$work/qemu.$1" | tr -d '\r' > "$work/log.$1"
    if [ "$1" = gdb ]; then
        wait $gdb_pid
        cat "$work/gdb.verdict" >> "$work/log.gdb"
    fi
}

# run_free CPU: the machines that nobody else has begun.
run_free() {
    for m in $machines; do
        ! mkdir "$work/begun.$m" 2> /dev/null || machine "$m" "$1"
    done
}

cpus=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
first=${cpus%%[,-]*} last=${cpus##*[,-]}
[ "$first" = "$last" ] || run_free "$last" &
run_free "$first"
wait
ended=true
for m in $machines; do
    if grep -q 'assertion failed' "$work/why.$m" 2>/dev/null; then
        echo "SKIP $m: QEMU aborted three times: docs/kvm-run.md" > "$work/log.$m"
        echo "NESTED DONE" >> "$work/log.$m"
    fi
    cat "$work/log.$m" >> "$work/log"
    cat "$work/still.$m" 2>/dev/null
    grep -a -E '(^| )(ok|FAIL|SKIP) |^ ' "$work/log.$m"
    grep -a -q '^NESTED DONE' "$work/log.$m" && continue
    echo "FAIL nested KVM: $m: it did not come to its end in time; its last lines:"
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
