#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian 12 from its disk (make-disk.sh), as a person lives with it: debian_disk.py [--long] DISK TWIN86 [OPTIONS]

GRUB, systemd, a login on the serial console, files that stay, a warm reboot, sleep in S3, the network (DHCP, a download
from the host, ssh from there; names and `apt-get update` where the host can), power off; through SeaBIOS from virtio and
from IDE, and through OVMF. --long: all of it from each. --only "OVMF, IDE": of these that one. --in-place:
DISK itself is written to, no copy. --limit: how many seconds each step may take. How long each part takes is printed;
the rest of the machine's options (-accel kvm) are passed on.
"""
import argparse
import hashlib
import http.server
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 600  # seconds; nothing that works takes so long, but in a machine that is emulated itself (--limit)
ROOT_PARTITION = 20480 * 512  # make-disk.sh
ESCAPES = re.compile(r"\x1b\[[?=0-9;]*[a-zA-Z]")  # of terminals
RECENT = 8192  # characters of the console among which is what was waited for
OVMF_FOLDER = "/usr/share/OVMF"

tmp = tempfile.mkdtemp()
passed = failed = skipped = 0


class Failure(Exception):
    pass


class Guest:
    """A twin86 that runs: its serial console and its QMP."""

    def __init__(self, program, *options):
        path = os.path.join(tmp, "qmp")
        command = [*program, "-m", "512M", "-nographic", "-qmp", f"unix:{path}", *options]
        self.seen = ""
        self.events = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.qmp = socket.socket(socket.AF_UNIX)
        while self.process.poll() is None:
            try:
                self.qmp.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.replies = self.qmp.makefile("rb")
        self.replies.readline()  # the greeting
        self.command("qmp_capabilities")

    def end(self):
        self.process.kill()
        self.process.wait()

    def command(self, name):
        """What QMP returns; events that come before are kept."""
        self.qmp.sendall(json.dumps({"execute": name}).encode())
        while True:
            reply = self.next_reply()
            if "event" not in reply:
                return reply

    def next_reply(self):
        line = self.replies.readline()
        if not line:
            raise Failure("QMP has closed")
        reply = json.loads(line)
        if "event" in reply:
            self.events.append(reply["event"])
        return reply

    def wait_event(self, name):
        self.qmp.settimeout(LIMIT)
        while name not in self.events:
            self.next_reply()
        self.events = self.events[self.events.index(name) + 1:]

    def expect(self, pattern, limit=None):
        """Wait until the console shows `pattern`; what comes after it is for the next."""
        end = time.monotonic() + (limit or LIMIT)
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            self.seen = self.seen[-RECENT:]
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"no {pattern!r} came")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failure(f"twin86 ended before {pattern!r} came")
            text = data.decode("utf-8", "replace").replace("\r", "")
            self.seen = ESCAPES.sub("", self.seen + text)  # a sequence may come in two parts
            if "Kernel panic" in self.seen:
                raise Failure("the guest's kernel panicked")

    def send(self, text):
        self.process.stdin.write(text.encode())

    def shell(self, command, answer):
        """A command whose output, not its echo, holds `answer`."""
        self.send(command + "; echo done:$?\n")
        text = self.expect(r"done:[0-9]+\n").string
        if not re.search(r"(?m)^" + answer, text):
            raise Failure(f"{command}: no {answer!r} came")
        self.expect(r"# ")

    def expect_awake(self):
        """Type until it is heard: what comes before the guest has its serial port again is lost."""
        self.wait_event("WAKEUP")
        end = time.monotonic() + LIMIT
        while True:
            self.send("\necho is awa''ke\n")
            try:
                self.expect(r"is awake\n(?s:.*)# ", 5)
                return
            except Failure:
                if time.monotonic() > end:
                    raise

    def log_in(self):
        self.expect(r"debian login: ")
        self.send("root\n")
        self.expect(r"Password: ")
        self.send("twin86\n")
        self.expect(r"root@debian:~# ")

    def wait_end(self):
        """The exit code."""
        end = time.monotonic() + LIMIT
        while select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            if not os.read(self.process.stdout.fileno(), 65536):
                return self.process.wait(60)
        raise Failure("twin86 does not end")


class Timer:
    """Prints how long parts take, and counts them."""

    def __init__(self, name):
        self.name = name
        self.began = time.monotonic()

    def done(self, what):
        global passed
        passed += 1
        now = time.monotonic()
        print(f"ok {self.name}: {what}, {now - self.began:.1f} s", flush=True)
        self.began = now


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
            print("SKIP names, apt-get update: this host can't resolve deb.debian.org")

    return part


def power_off(guest, timer):
    guest.send("poweroff\n")
    code = guest.wait_end()
    if code != 0:
        raise Failure(f"exit code {code} after poweroff")
    timer.done("poweroff")


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
    global failed
    guest = None
    timer = Timer(name)
    try:
        guest = Guest(program, *(o.replace("DISK", disk) for o in options))
        guest.log_in()
        timer.done("to the login")
        for part in parts:
            part(guest, timer)
        power_off(guest, timer)
        fsck(disk, timer)
    except (Failure, OSError) as e:
        failed += 1
        print(f"FAIL {name}: {e}")
        print("  | ".join(("\n" + guest.seen).splitlines(True)[-40:]) if guest else "")
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
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("disk")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main():
    global skipped, LIMIT
    args = arguments()
    LIMIT = args.limit
    everything = [lambda guest, timer: write_files(guest), reboot, sleep]
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
            skipped += 1
            print(f"SKIP {name}: there is no OVMF in {OVMF_FOLDER}")
            continue
        parts = everything if whole else []
        key = os.path.join(os.path.dirname(args.disk), "ssh-key")
        if whole and os.path.exists(key) and shutil.which("ssh"):
            port = free_port()
            options = [*options, "-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"]
            parts = [*parts, network(key, port)]
        elif whole:
            skipped += 1
            print(f"SKIP network of {name}: there is no {key}, or no ssh")
        disk = args.disk if args.in_place else copy_of(args.disk)
        live(name, args.program, disk, options + disks[interface], parts)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


try:
    sys.exit(main())
finally:
    shutil.rmtree(tmp)
