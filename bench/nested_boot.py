#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From process start to Debian's shell on KVM: twin86 -accel kvm and QEMU -accel kvm, in turn, on one complete KVM.

That KVM is nested: QEMU emulates (TCG) a machine with SVM, Debian's kernel with kvm-amd runs in it, and in that run
both programs with the same kernel and initramfs. Times are taken out here, when lines arrive on the emulated machine's
serial port, so that no clock in there has to be trusted. Beside them stands the processor time that the emulation took
meanwhile, which other programs on this host disturb less. Run it in the build folder.
"""
import argparse
import os
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOT = os.path.join(ROOT, "tests", "boot")
MODULES = ("irqbypass", "kvm", "kvm-amd")
# nohz=off: without a tick a guest may sleep for good on a processor that QEMU emulates (docs/kvm-run.md).
APPEND = "console=ttyS0 panic=-1 nohz=off WORK=none"
GUEST = "-m 256 -nographic -no-reboot -kernel vmlinuz -initrd initrd.gz -append \"%s\""
# What QEMU users type for the same: no network card and no display. microvm is QEMU's machine for fast starts.
QEMU = "qemu-system-x86_64 -L /t/roms -nic none -vga none -accel kvm"
COMMANDS = {
    "twin86-off": "twin86 -accel kvm -d stats",
    "qemu-off": QEMU + " -machine pc,kernel-irqchip=off",
    "twin86-on": "twin86 -accel kvm -machine pc,kernel-irqchip=on -d stats",
    "qemu-on": QEMU + " -machine pc,kernel-irqchip=on",
    "microvm-split": QEMU + " -machine microvm,kernel-irqchip=split,isa-serial=on",
    "microvm-on": QEMU + " -machine microvm,kernel-irqchip=on,isa-serial=on",
    "qemu-split": QEMU + " -machine pc,kernel-irqchip=split",
}
ROMS = ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-microvm.bin", "/usr/share/qemu/linuxboot_dma.bin",
        "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/pvh.bin")


def output(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **more).stdout


def add_program(root, path):
    """A program with the libraries it needs."""
    real = path if os.path.exists(path) else shutil.which(path) or path
    shutil.copy(real, os.path.join(root, "t", os.path.basename(path)))
    for line in output(["ldd", os.path.abspath(real)]).splitlines():
        lib = re.search(r"(\S*/\S+) \(0x", line)
        if lib:
            folder = "lib64" if "/ld-linux" in lib[1] else "lib"
            os.makedirs(os.path.join(root, folder), exist_ok=True)
            shutil.copy(lib[1], os.path.join(root, folder, os.path.basename(re.split(r"\s", line.strip())[0])))


def make_image(folder, guest, names, rounds, append):
    root = os.path.join(folder, "root")
    for d in ("bin", "dev", "proc", "sys", "tmp", "root", "lib", "t/roms"):
        os.makedirs(os.path.join(root, d))
    shutil.copy(os.path.join(guest, "busybox"), os.path.join(root, "bin"))
    for m in MODULES:
        shutil.copy(os.path.join(guest, "modules", m + ".ko"), os.path.join(root, "lib"))
    add_program(root, "twin86")
    if any(not n.startswith("twin86") for n in names):
        add_program(root, "qemu-system-x86_64")
        for rom in ROMS:
            shutil.copy(rom, os.path.join(root, "t/roms"))
    shutil.copy(os.path.join(guest, "vmlinuz"), os.path.join(root, "t"))
    subprocess.run([os.path.join(BOOT, "make-initramfs.sh"), os.path.join(guest, "busybox"),
                    os.path.join(BOOT, "init-bench"), os.path.join(root, "t/initrd.gz")], check=True)
    shutil.copy(os.path.join(ROOT, "bench", "init-nested-boot"), os.path.join(root, "init"))
    os.chmod(os.path.join(root, "init"), 0o755)
    with open(os.path.join(root, "t/commands"), "w") as f:
        f.writelines(f"{n} {COMMANDS[n]} {GUEST % append}\n" for n in names)
    with open(os.path.join(root, "t/rounds"), "w") as f:
        f.write(f"{rounds}\n")
    image = os.path.join(folder, "initrd.gz")
    subprocess.run(f"cd '{root}' && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > '{image}'", shell=True, check=True)
    return image


def lines(child, limit):
    """(time, line) as they arrive. A line may follow another one's unfinished end."""
    end, text = time.monotonic() + limit, b""
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
            raise TimeoutError(f"not done after {limit} s; last: {text[-300:]!r}")
        data = os.read(child.stdout.fileno(), 65536)
        now = time.monotonic()
        if not data:
            return
        text += data
        *whole, text = text.split(b"\n")
        for line in whole:
            yield now, line.decode(errors="replace").rstrip("\r")


def cpu_time(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command, limit, log):
    """[(name, seconds to the shell, CPU seconds to the shell, seconds to the end, what it said)]"""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    results, name, began, up, cpu = [], None, 0.0, None, 0.0
    try:
        for now, line in lines(child, limit):
            print(f"{now:.3f} {line}", file=log, flush=True)
            note = re.search(r"bench: (begin|up|end|said|done) ?(.*)", line)
            if not note:
                continue
            if note[1] == "begin":
                name, began, up, cpu = note[2], now, None, cpu_time(child.pid)
            elif note[1] == "up":
                up, cpu = now - began, cpu_time(child.pid) - cpu
            elif note[1] == "end":
                code = note[2].split()[-1]
                if code != "0" or up is None:
                    raise RuntimeError(f"{name}: exit code {code}, shell {'reached' if up else 'not reached'}")
                results.append([name, up, cpu, now - began, ""])
                print(f"{name:14} shell {up:7.2f} s, {cpu:7.2f} s of CPU  end {now - began:7.2f} s", flush=True)
            elif note[1] == "said" and results:
                results[-1][4] += note[2] + "\n"
            elif note[1] == "done":
                return results
    finally:
        child.kill()
        child.wait()
    raise RuntimeError("the emulated machine ended too early")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=3, help="rounds (3)")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for all of it")
    parser.add_argument("--quiet", action="store_true", help="boot with 'quiet': few lines on the serial port")
    parser.add_argument("--icount", action="store_true", help="the emulated machine's time follows its instructions, so "
                        "that a loaded host makes no more timer ticks; compare CPU seconds then")
    parser.add_argument("--stats", action="store_true", help="show what twin86 -d stats says")
    parser.add_argument("--log", default=os.devnull, help="file for all lines of the serial port")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run: {' '.join(COMMANDS)} (the first four)")
    args = parser.parse_args()
    names = args.names or list(COMMANDS)[:4]
    for n in names:
        if n not in COMMANDS:
            sys.exit(f"unknown {n}; known are {' '.join(COMMANDS)}")
    guest = output([os.path.join(BOOT, "fetch-debian.sh"), "amd64"]).split("\n")[-2]
    if not os.path.exists(os.path.join(guest, "modules", "kvm-amd.ko")):
        sys.exit(f"{guest}/modules is missing; tests/kvm/nested.sh fetches it")
    with tempfile.TemporaryDirectory() as folder, open(args.log, "w") as log:
        image = make_image(folder, guest, names, args.n, APPEND + (" quiet" if args.quiet else ""))
        cpu = str(min(os.sched_getaffinity(0)))  # on two, QEMU loses interrupts: docs/kvm-run.md
        results = measure(["taskset", "-c", cpu, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,+svm,+npt",
                           "-m", "2048", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", os.path.join(guest, "vmlinuz"),
                           "-initrd", image, "-append", "console=ttyS0 quiet panic=-1 tsc=reliable"] +
                          (["-icount", "shift=1,sleep=off"] if args.icount else []), args.limit, log)
    print(f"\nmedian of {args.n}:")
    for n in names:
        runs = [r for r in results if r[0] == n]
        shell, cpu, end = (statistics.median(r[i] for r in runs) for i in (1, 2, 3))
        print(f"{n:14} shell {shell:7.2f} s, {cpu:7.2f} s of CPU  end {end:7.2f} s")
        if args.stats:
            print("".join(f"    {line}\n" for line in runs[-1][4].splitlines()), end="")


if __name__ == "__main__":
    main()
