#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian 12 from its disk (make-disk.sh), as a person lives with it: debian_disk.py [--long] DISK TWIN86 [OPTIONS]

GRUB, systemd, a login on the serial console, files that stay, a warm reboot, sleep in S3, the network (DHCP, a download
from the host, ssh from there; names and `apt-get update` where the host can), power off; through SeaBIOS from virtio and
from IDE, and through OVMF. --long: all of it from each. --only "OVMF, IDE": of these that one. --in-place:
DISK itself is written to, no copy. --card e1000: the network card. --limit: how many seconds each step may take. How
long each part takes is printed; the rest of the machine's options (-accel kvm) are passed on.
"""
import argparse
import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from guest import Failure, Guest, Report, Timer

LIMIT = 600  # seconds; nothing that works takes so long, but in a machine that is emulated itself (--limit)
ROOT_PARTITION = 20480 * 512  # make-disk.sh
OVMF_FOLDER = "/usr/share/OVMF"

tmp = tempfile.mkdtemp()
report = Report()


def write_files(guest):
    guest.shell("seq 1 300000 > /root/written; sync; sha256sum < /root/written", WRITTEN)


WRITTEN = "a036031249164ec858e23450a91585ae"


def reboot(guest, timer):
    guest.send("reboot\n")
    guest.log_in()
    timer.done("reboot to the login")
    guest.shell("sha256sum < /root/written", WRITTEN)
    guest.shell("systemctl is-system-running --wait; systemctl --failed --no-legend | wc -l", "0")
    timer.done("what was written is there, and no unit has failed")


def sleep(guest, timer):
    """Woken by the monitor, then by the RTC's alarm; what ran goes on."""
    guest.shell("sleep 1000 & echo $! > /run/sleeper", "")
    guest.send("systemctl suspend\n")
    guest.wait_event("SUSPEND")
    timer.done("systemctl suspend")
    if guest.command("query-status")["return"] != {"running": False, "status": "suspended"}:
        raise Failure("query-status does not say that it is suspended")
    guest.command("system_wakeup")
    guest.expect_awake()
    guest.shell("kill -0 $(cat /run/sleeper) && sha256sum < /root/written", WRITTEN)
    timer.done("woken by system_wakeup")
    guest.send("rtcwake -m mem -s 3\n")
    guest.wait_event("SUSPEND")
    guest.expect_awake()
    guest.shell("kill -0 $(cat /run/sleeper) && dd if=/root/written bs=64k iflag=direct status=none | sha256sum", WRITTEN)
    timer.done("rtcwake, woken by the alarm")


class Download(http.server.BaseHTTPRequestHandler):
    """Any path is these bytes."""
    data = bytes(range(256)) * 4096

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def host_resolves(name):
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False


def network(key, port):
    """The part that uses it; `port` of the host leads to the guest's SSH server, which knows `key`."""

    def part(guest, timer):
        guest.shell("for i in $(seq 600); do networkctl status | grep -q routable && break; sleep 1; done; "
                    "ip -4 -o addr; ip route", "default via 10.0.2.2")
        guest.shell("resolvectl dns", r".*10\.0\.2\.3")
        timer.done("address, route and name server by DHCP")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Download)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://10.0.2.2:{server.server_address[1]}/file"
        guest.shell(f"/usr/lib/apt/apt-helper download-file {url} /tmp/file; sha256sum < /tmp/file",
                    hashlib.sha256(Download.data).hexdigest())
        server.shutdown()
        timer.done("a download from the host")
        result = subprocess.run(["ssh", "-i", key, "-p", str(port), "-o", f"UserKnownHostsFile={tmp}/known-hosts",
                                 "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "root@127.0.0.1",
                                 "sha256sum /tmp/file"], capture_output=True, text=True, timeout=LIMIT)
        if hashlib.sha256(Download.data).hexdigest() not in result.stdout:
            raise Failure("ssh: " + result.stdout + result.stderr)
        timer.done("a command by ssh from the host")
        if host_resolves("deb.debian.org"):
            guest.shell("getent hosts deb.debian.org", "[0-9a-f]+[.:]")
            guest.shell("apt-get -q update; echo ended:$?", "ended:0")
            timer.done("names, and apt-get update")
        else:
            report.skip("names, apt-get update", "this host can't resolve deb.debian.org")

    return part


def fsck(disk, timer):
    program = shutil.which("e2fsck", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    result = subprocess.run([program, "-fn", f"{disk}?offset={ROOT_PARTITION}"], capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure("e2fsck: " + result.stdout + result.stderr)
    timer.done("the file system is whole")


def copy_of(template):
    disk = os.path.join(tmp, "disk.raw")
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", template, disk], check=True)
    return disk


def live(name, program, disk, options, parts):
    """Boot the disk, do `parts`, power it off. `options`: twin86's, with DISK for the disk's path."""
    guest = None
    timer = Timer(report, name)
    try:
        guest = Guest(program, "-m", "512M", *(o.replace("DISK", disk) for o in options), limit=LIMIT)
        guest.log_in()
        timer.done("to the login")
        for part in parts:
            part(guest, timer)
        guest.power_off()
        timer.done("poweroff")
        fsck(disk, timer)
    except (Failure, OSError) as e:
        report.fail(name, e, guest)
    finally:
        if guest:
            guest.end()


def ovmf_options():
    """OVMF from flash, with variables of its own; None where it is not installed."""
    code = os.path.join(OVMF_FOLDER, "OVMF_CODE.fd")
    if not os.path.exists(code):
        return None
    shutil.copy(os.path.join(OVMF_FOLDER, "OVMF_VARS.fd"), os.path.join(tmp, "vars.fd"))
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,file={tmp}/vars.fd"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=("SeaBIOS, virtio", "SeaBIOS, IDE", "OVMF, virtio", "OVMF, IDE"))
    parser.add_argument("--card", default="virtio-net-pci")
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("disk")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    return parser.parse_args()


def network_options(args):
    """twin86's options for a network, and the part that uses it; none where what it takes is missing."""
    key = os.path.join(os.path.dirname(args.disk), "ssh-key")
    if not os.path.exists(key) or not shutil.which("ssh"):
        report.skip("network", f"there is no {key}, or no ssh")
        return [], []
    port = free_port()
    return ["-nic", f"user,model={args.card},hostfwd=tcp:127.0.0.1:{port}-:22"], [network(key, port)]


def main():
    global LIMIT
    args = arguments()
    LIMIT = args.limit
    disks = {"virtio": ["-drive", "file=DISK,format=raw,if=virtio"], "IDE": ["-hda", "DISK"]}
    # True: all parts; else only to the login
    plan = {"SeaBIOS, virtio": True, "SeaBIOS, IDE": args.long, "OVMF, virtio": args.long}
    if args.long or args.only:
        plan["OVMF, IDE"] = args.long
    for name, whole in plan.items():
        firmware, interface = name.split(", ")
        if args.only not in (None, name):
            continue
        options = ovmf_options() if firmware == "OVMF" else []
        if options is None:
            report.skip(name, f"there is no OVMF in {OVMF_FOLDER}")
            continue
        options = options + disks[interface]
        parts = []
        if whole:
            card, use = network_options(args)
            options = options + card
            parts = [lambda guest, timer: write_files(guest), reboot, sleep, *use]
        disk = args.disk if args.in_place else copy_of(args.disk)
        live(name, args.program, disk, options, parts)
    return report.end()


try:
    sys.exit(main())
finally:
    shutil.rmtree(tmp)
