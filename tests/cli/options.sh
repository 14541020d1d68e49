#!/bin/bash
# SPDX-License-Identifier: MIT
# Bad input gets one clear line and exit code 2; help fits a screen.
. "$(dirname "$0")/lib.sh"

refused "unknown option '-foo'" -foo
refused "unknown option '--foo=1'" --foo=1
refused "'disk.img' is not an option" disk.img
refused "-kernel: needs a FILE" -kernel
refused "-kernel: is empty" -kernel ""
refused "'12q' is not a size" -m 12q
refused "'-5' is not a size" -m -5
refused "is not a size" -m 1.5G
refused "is not a size" -m 99999999999999999999G
refused "is too little RAM" -m 64K
refused "is too much RAM" -m 2T
refused "more than this host's" -m 1T
refused "not a multiple of 4K" -m 1048577B
refused "'slots=' is not supported" -m size=1G,slots=2
refused "unknown CPU model 'foo'" -cpu foo
refused "unknown CPU feature 'foo'" -cpu max,+foo
refused "jit=on|off|eager" -accel tcg-lite,jit=yes
refused "jit=on|off|eager" -accel tcg-lite,jit
refused "jit-miss=on|off" -accel tcg-lite,jit-miss=1
refused "tb-size=MIB (1 to 4096)" -accel tcg-lite,tb-size=0
refused "tb-size=MIB (1 to 4096)" -accel tcg-lite,tb-size=4097
refused "tb-size=MIB (1 to 4096)" -accel tcg-lite,tb-size
refused "tb-size=MIB (1 to 4096)" -accel tcg-lite,tb-size=8M
refused "unknown option 'tb=1'" -accel tcg-lite,plain=off,tb=1
refused "which no engine implements" -cpu x86-64-v1,+la57
refused "unknown engine 'bochs'" -accel bochs
refused "unknown option" -accel tcg-lite,fast=1
refused "nonexistent.bin: there is no such firmware" -L /tmp -bios nonexistent.bin
refused "/nonexistent/b.bin: can't open the firmware" -bios /nonexistent/b.bin
refused "-boot: order=x is not right" -boot x
refused "-boot: 'colour' is not known" -boot menu=on -boot colour=red
refused "there are 2 flash chips at most" -pflash a -pflash b -pflash c
refused "flash chip 1 is given twice" -drive if=pflash,unit=1,file=a -drive if=pflash,unit=1,file=b
refused "unit=2 is not right" -drive if=pflash,unit=2,file=a
refused "readonly=maybe is not right" -drive if=pflash,file=a,readonly=maybe
refused "format=qcow2 is not supported for flash" -drive if=pflash,file=a,format=qcow2
refused "file= is missing" -drive if=pflash
refused "'cache=' is not known" -drive if=pflash,file=a,cache=none
refused "/nonexistent: can't open the flash chip's file" -pflash /nonexistent
refused "/nonexistent" -hda /nonexistent
refused "/nonexistent" -cdrom /nonexistent
refused "/nonexistent" -fda /nonexistent
refused "index=0 and 1" -drive if=floppy,index=2
refused "there is no drive" -device floppy,drive=x
refused "needs drive=ID" -device ide-hd
refused "there is no drive" -device virtio-blk-pci,drive=x
refused "node-name= is missing" -blockdev driver=file,filename=x
refused "driver 'qcow' is not supported; the nearest is 'qcow2'" -blockdev driver=qcow,node-name=a,file=b
refused "no 'nodename'; the nearest is 'node-name'" -blockdev driver=file,nodename=a
refused "JSON" -blockdev '{"driver": 1'
refused "/nonexistent" -blockdev driver=file,node-name=a,filename=/nonexistent
refused "not for -blockdev" -snapshot -blockdev driver=file,node-name=a,filename=/nonexistent
refused "one of file=PATH and string=TEXT" -fw_cfg opt/a
refused "type=N was to come first" -smbios manufacturer=x
refused "nonexistent.rom: there is no such firmware" -option-rom nonexistent.rom
refused "'isa-debugcon' is not known" -global isa-debugcon=1
refused "isa-debugcon.iobase=0x10000 is out of range" -global isa-debugcon.iobase=0x10000
refused "0 or 1 is" -global PIIX4_PM.disable_s4=x
refused "0 or 1 is" -global PIIX4_PM.disable_s3=2
refused "unknown machine 'vax'" -machine vax
refused "'usb' is not a machine property" -machine pc,usb=on
refused "kernel-irqchip=on needs -accel kvm" -machine pc,kernel-irqchip=on
refused "kernel-irqchip=split is not supported" -machine kernel-irqchip=split
refused "65 is too many; a machine has 1 to 64 processors" -smp 65
refused "maxcpus=2 is less than the 4 processors" -smp 4,maxcpus=2
refused "sockets=1, dies=1, cores=3 and threads=2 make 6 processors, and there is to be room for 8" -smp 8,cores=3,threads=2,sockets=1
refused "make 2 processors, and there is to be room for 1" -smp 1,cores=2,threads=1,sockets=1
refused "make 0 processors" -smp 2,sockets=4
refused "128 is too many" -smp sockets=2,cores=64
refused "no clusters of cores" -smp 4,clusters=2
refused "8 processors need local APICs" -smp 8 -cpu max,-apic
refused "'nodes' is not known" -smp 1,nodes=1
refused "'0' is no number of cores" -smp 1,cores=0
refused "'x' is no number of cpus" -smp x
refused "hpet=maybe is not supported" -machine hpet=maybe
refused "unknown engine 'tcgx'" -accel tcgx
refused "unknown engine 'none'" -machine accel=kvm:none
refused "is no UUID" -uuid 6ba7b810-9dad-11d1-80b4-00c04fd430cg
refused "is no UUID" -uuid 6ba7b8109dad-11d1-80b4-00c04fd430c8-
refused "is no UUID" -uuid 1
refused "'color' is not known" -name a,color=red
refused "'debug-threads' is not known" -name a,debug-threads=maybe
refused "unknown keyboard layout 'xx'" -k xx
refused "-object: 'secret' is not supported; rng-builtin, rng-random and filter-dump are" -object secret,id=s
refused "-object rng-builtin needs id=NAME" -object rng-builtin
refused "-object: there is a 'r' already" -object rng-builtin,id=r -object rng-builtin,id=r
refused "rng-random has" -object rng-builtin,id=r,filename=/dev/urandom
refused "has no property 'file'" -object rng-random,id=r,file=/dev/urandom
refused "/nonexistent: No such file" -object rng-random,id=r,filename=/nonexistent
refused "is no source that goes on" -object rng-random,id=r,filename="$0"
refused "rng-random makes runs differ" -icount shift=0 -object rng-random,id=r
refused "there is no -object 'r'" -device virtio-rng-pci,rng=r
refused "-fsdev: 'proxy' is not supported; local is" -fsdev proxy,id=f
refused "needs id=NAME" -fsdev local,path=/
refused "needs path=FOLDER" -fsdev local,id=f
refused "needs security_model=" -fsdev local,id=f,path=/
refused "security_model=maped-xattr is not right" -fsdev local,id=f,path=/,security_model=maped-xattr
refused "the nearest is mapped-xattr" -fsdev local,id=f,path=/,security_model=maped-xattr
refused "no 'securitymodel'; id=" -fsdev local,id=f,path=/,securitymodel=none
refused "the nearest is security_model" -fsdev local,id=f,path=/,securitymodel=none
refused "multidevs=warn is not right; it is remap or forbid" -fsdev local,id=f,path=/,security_model=none,multidevs=warn
refused "no 'writeout'" -fsdev local,id=f,path=/,security_model=none,writeout=immediate
refused "fmode=0888 is not right" -fsdev local,id=f,path=/,security_model=mapped,fmode=0888
refused "fmode= and dmode= are for" -fsdev local,id=f,path=/,security_model=none,fmode=0644
refused "readonly=yes is not right" -fsdev local,id=f,path=/,security_model=none,readonly=yes
refused "there is a 'f' already" -fsdev local,id=f,path=/,security_model=none -fsdev local,id=f,path=/,security_model=none
refused "needs fsdev=ID" -device virtio-9p-pci,mount_tag=t
refused "there is no -fsdev 'f'" -device virtio-9p-pci,fsdev=f,mount_tag=t
refused "has a device already" -fsdev local,id=f,path=/,security_model=none -device virtio-9p,fsdev=f,mount_tag=t -device virtio-9p,fsdev=f,mount_tag=u
refused "1 to 31 bytes are" -virtfs local,id=f,path=/,security_model=none,mount_tag=12345678901234567890123456789012
refused "-virtfs: needs mount_tag=TAG" -virtfs local,path=/,security_model=none
refused "/nonexistent: No such file" -virtfs local,path=/nonexistent,security_model=none,mount_tag=t
refused "Not a directory" -virtfs local,path=/dev/null,security_model=none,mount_tag=t
refused "max-bytes=0 is not right" -device virtio-rng-pci,max-bytes=0
refused "there is one already" -device virtio-rng-pci -device virtio-rng-pci
refused "slot 16 of pci.0 is taken" -device virtio-rng-pci,addr=10 -device virtio-balloon-pci,addr=0x10.0
refused "addr=20 is not right" -device virtio-rng-pci,addr=20
refused "deflate-on-oom=maybe is not right" -device virtio-balloon-pci,deflate-on-oom=maybe
refused "a machine has one at most" -device virtio-balloon-pci -device virtio-balloon-pci
refused "a machine has one at most" -device virtio-balloon -device virtio-balloon,id=b
refused "id= is not right; a name is" -serial pty,id=
refused "path= is not right" -chardev file,id=a,path=x,path=
refused "'telnet:x' is not supported; tcp: carries the same bytes" -serial telnet:x
refused "'vc' is not supported; there is no display" -serial vc
refused "'/dev/ttyS0' is not supported; a port of the host's" -serial /dev/ttyS0
refused "there is no -chardev with id=x" -serial chardev:x
refused "belongs to COM1 already" -chardev null,id=x -serial chardev:x -serial chardev:x
refused "stdio belongs to COM1 already" -serial stdio -serial stdio
refused "a PC has 4 serial ports" -serial null -serial null -serial null -serial null -serial null
refused "nobody answers at unix:/nonexistent" -serial unix:/nonexistent/socket
refused "needs id=NAME" -chardev null
refused "there is a 'x' already" -chardev null,id=x -chardev null,id=x
refused "-chardev: 'udp' is not supported; tcp: or -chardev socket" -chardev udp,id=x
refused "-chardev: 'spicevmc' is not supported; null, stdio, file, pipe" -chardev spicevmc,id=x
refused "there is no property 'tls-creds'" -chardev socket,id=x,path=/tmp/x,tls-creds=y
refused "there is no property 'path'; id=, logfile=, logappend=, mux= are there" -chardev null,id=x,path=y
refused "path= is missing" -chardev file,id=x
refused "a socket has path=, or host= and port=" -chardev socket,id=x
refused "a socket has path=, or host= and port=" -chardev socket,id=x,path=/tmp/x,port=5
refused "port=0 is not right" -chardev socket,id=x,port=0
refused "reconnect= is for one that connects" -chardev socket,id=x,path=/tmp/x,server=on,reconnect=1
refused "wait=on is for one that listens" -chardev socket,id=x,path=/tmp/x,wait=on
refused "size=1000 is not right; a power of two" -chardev ringbuf,id=x,size=1000
refused "mux=on is not right; on, of stdio alone" -chardev null,id=x,mux=on
refused "signal=on is not right; off: all keys" -chardev stdio,id=x,signal=on
refused "logfile=/nonexistent/log: No such file" -chardev null,id=x,logfile=/nonexistent/log
refused "neither /nonexistent/p.in and .out" -chardev pipe,id=x,path=/nonexistent/p
refused "-device isa-serial needs chardev=ID" -device isa-serial
refused "that index is taken" -chardev null,id=x -serial null -device isa-serial,chardev=x,index=0
refused "index=4 is not right" -chardev null,id=x -device isa-serial,chardev=x,index=4
refused "-device isa-debugcon needs chardev=ID" -device isa-debugcon
refused "is there already" -debugcon null -chardev null,id=x -device isa-debugcon,chardev=x
refused "needs a controller before it: -device virtio-serial-pci" -chardev null,id=x -device virtconsole,chardev=x
refused "nr=0 is a virtconsole's" -device virtio-serial-pci -device virtserialport,nr=0
refused "nr=1 is taken" -device virtio-serial-pci -device virtserialport,nr=1 -device virtserialport,nr=1
refused "the controller has 1 ports" -device virtio-serial-pci,max_ports=1 -device virtserialport
refused "max_ports=32 is not right" -device virtio-serial-pci,max_ports=32
refused "virtconsole needs chardev=ID" -device virtio-serial-pci -device virtconsole
refused "there are no parallel ports" -parallel file:/tmp/x
refused "'file:x' is not supported; stdio (of -monitor)" -qmp file:x
refused "the terminal has the monitor, not QMP" -chardev stdio,id=x -mon chardev=x,mode=control
refused "'mode=x' is not known" -mon chardev=x,mode=x
refused "there is no -chardev with id=x" -mon chardev=x
refused "a host end is for one machine" diff guest -serial pty
refused "'telnet:x' is not supported" -debugcon telnet:x
refused "curses, vnc=... and none are" -display gtk
if "$twin86" -display curses -version >/dev/null 2>&1; then
    refused "no terminal" -display curses
    refused "-nographic wants the terminal" -display curses -nographic
    refused "-serial stdio wants the terminal" -display curses -serial stdio
    refused "-monitor stdio wants the terminal" -display curses -monitor stdio
else
    refused "no ncurses" -display curses
fi
refused "'cirrus' is not supported; std and none are" -vga cirrus
refused "there is a display adapter already" -vga std -device VGA
refused "vgamem_mb=3 is not right" -device VGA,vgamem_mb=3
refused "vgamem_mb=512 is not right" -device VGA,vgamem_mb=512
refused "xres=5000 is not right" -device VGA,xres=5000
refused "shift must be 0 to 10" -icount 11
refused "shift=auto" -icount shift=auto
refused "'rr=' is not known" -icount rr=record
refused "'often' is not known" -accel kvm:tcg-lite -handover often
refused "every=0 is out of range" -accel kvm:tcg-lite -handover every=0
refused "names one engine" -handover -accel tcg-lite
refused "is no date" -rtc base=tomorrow
refused "is no date" -rtc base=2026-02-30
refused "'clock' is not supported" -rtc clock=vm
refused "unknown device 'rtl8139'" -device rtl8139
refused "no property 'foo'" -device isa-debug-exit,foo=1
refused "iosize=9 is out of range" -device isa-debug-exit,iosize=9
refused "no property 'iobase'" -device pvpanic,iobase=1
refused "ioport=0 is out of range" -device pvpanic,ioport=0
refused "pc-testdev has no property 'x'; it has none" -device pc-testdev,x=1
refused "events=4 is out of range" -device pvpanic,events=4
refused "panic=reset is not known; panic=shutdown|pause|none|exit-failure is right" -action panic=reset
refused "reboot= is not known; reboot=reset|shutdown" -action shutdown=pause,reboot
refused "'watchdog' is not known" -action watchdog=none
refused "unknown item 'foo'" -d stats,foo
refused "number of seconds" -timeout 0
refused "number of seconds" -timeout soon

if [ -w /dev/kvm ]; then
    refused "-d exec, in_asm, out_asm, regs, cpu and -perfmap, -jitdump: hardware does not show" -accel kvm -d exec
    refused "-d int: hardware delivers" -accel kvm -d int,stats
    refused "-icount needs -accel tcg-lite" -accel kvm -icount shift=0
else
    skip 3 "/dev/kvm can't be opened: what kvm refuses"
fi
refused "/nonexistent/vmlinuz" -kernel /nonexistent/vmlinuz
refused "$tmp" -kernel "$tmp"
: >"$tmp/empty"
refused "$tmp/empty" -kernel "$tmp/empty"
refused "$tmp/empty" -bios "$tmp/empty"
echo "not a kernel" >"$tmp/text"
refused "$tmp/text" -kernel "$tmp/text"
refused "$tmp/text" -bios "$tmp/text"
refused "-append" -append "console=ttyS0"
refused "-initrd" -initrd "$tmp/text"

rom "$tmp/exit.rom" "b003 e6f4 f4 ebfd"
refused "/nonexistent/log can't be written" -bios "$tmp/exit.rom" -serial file:/nonexistent/log
refused "/nonexistent/log can't be written" -bios "$tmp/exit.rom" -D /nonexistent/log

# What QEMU's users type: taken, and the guest runs.
for options in "-smp 1,cores=1,threads=1,sockets=1,dies=1,maxcpus=1 -no-user-config -nodefaults" "-no-hpet -no-acpi -k de-ch" \
    "-uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 -name guest=a,debug-threads=on" "-smp cpus=1 -accel tcg" \
    "-accel tcg,tb-size=16" "-machine pc,accel=tcg,hpet=off,acpi=off"; do
    # shellcheck disable=SC2086
    exits 7 -bios "$tmp/exit.rom" -device isa-debug-exit $options
done
# kvm where it works, else software
exits 7 -bios "$tmp/exit.rom" -device isa-debug-exit -machine accel=kvm:tcg

refused "-monitor: 'nonsense' is not supported" -monitor nonsense
refused "-monitor: 'x' is not a port" -monitor tcp:localhost:x
refused "-monitor: the path of a unix socket" -monitor "unix:$(printf '%0120d' 0)"
refused "-monitor: 'telnet' is not known" -monitor "unix:$tmp/socket,telnet"
refused "-monitor: unix:/nonexistent/x can't be listened at" -monitor unix:/nonexistent/x,server,nowait
refused "is not a socket" -monitor "unix:$tmp/exit.rom"
refused "needs unix:PATH" -qmp
if grep -q "define HAVE_JSON_C" config.h; then
    refused "-qmp: 'stdio' is not supported" -qmp stdio
    refused "-qmp: '0' is not a port" -qmp tcp::0
else
    refused "this build has no QMP" -qmp "unix:$tmp/socket"
    skip 1 "-qmp: built without json-c"
fi

for help in --help -h -help; do
    exits 0 $help
    awk 'length > 80 { exit 1 }' "$tmp/out" && [ "$(wc -l <"$tmp/out")" -le 24 ] && ok || bad "$help does not fit a screen"
done
exits 0 --version
[[ $out == "twin86 "[0-9]* ]] && ok || bad "--version says '$out'"
for list in -cpu -accel -device -machine -M -d; do
    exits 0 $list help
    awk 'length > 80 { exit 1 }' "$tmp/out" && ok || bad "$list help is wider than 80 columns"
done
exits 0 -netdev help
says "hostfwd="
says "  tap,ifname"
exits 0 -netdev user,help
says "restrict=on|off"
grep -q ifname "$tmp/out" && bad "-netdev user,help tells of tap" || ok
exits 2 -netdev usr,help
exits 0 -cpu help
says x86-64-v1
finish
