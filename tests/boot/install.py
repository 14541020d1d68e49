#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debian-installer installs Debian 12 from the network onto an empty qcow2 image, which then boots to a login.

install.py [--engine NAME=COMMAND]... [--interface virtio|ide] [--card MODEL] [--log FOLDER] TWIN86 [OPTIONS]

The installer is Debian's package debian-installer-12-netboot-amd64, answered by preseed.cfg. It installs from the mirror
that this machine's apt has, by its proxy if it has one; not every mirror has the installer's own packages. --engine:
other machines that do it afterwards, QEMU say, for the time. Each part's seconds, and the process's CPU seconds, are
printed.
"""
import argparse
import collections
import gzip
import lzma
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from guest import Failure, Guest, Report, Timer

HERE = os.path.dirname(os.path.abspath(__file__))
NETBOOT = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"
GATEWAY = "10.0.2.2"  # what libslirp shows of the host's loopback
SIZE = "3G"
STAGES = [  # what the installer's titles say, in turn; the last is what precedes the machine's end
    ("the installer's parts", "Starting up the partitioner|Partitions formatting"),
    ("partitions", "Installing the base system"),
    ("the base system", "Configuring apt"),
    ("packages", "Installing (the )?GRUB boot loader"),
    ("GRUB", "Finishing the installation"),
]
QUESTION = "Prompt: '.' for help"  # one that preseed.cfg does not answer


def apt_mirror():
    """(URL of a mirror with bookworm's main, proxy or ""): of this machine's apt."""
    with tempfile.TemporaryDirectory() as folder:
        script = f". {shlex.quote(HERE)}/packages.sh; debian_sources bookworm {folder}; cat {folder}/sources.list"
        lines = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    url = next(u for u, suite in re.findall(r"(\S+) (\S+) main", lines) if suite == "bookworm")
    script = "eval $(apt-config shell P Acquire::http::Proxy); echo ${P:-${http_proxy:-}}"
    proxy = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    return url.rstrip("/"), as_guest_sees(proxy) if proxy and proxy != "DIRECT" else ""


def as_guest_sees(url):
    """The same with the host's loopback by the name under which the guest finds it."""
    return re.sub(r"//(localhost|127\.[0-9.]+|\[::1\])(?=[:/]|$)", f"//{GATEWAY}", url)


def make_initrd(path, words):
    """The installer's initramfs, and behind it an archive with the answers."""
    with open(os.path.join(HERE, "preseed.cfg")) as f:
        answers = re.sub(r"@(\w+)@", lambda m: words[m[1]], f.read())
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "preseed.cfg"), "w") as f:
            f.write(answers)
        archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], input=b"preseed.cfg\n", cwd=folder,
                                 stdout=subprocess.PIPE, check=True).stdout
    with open(os.path.join(NETBOOT, "initrd.gz"), "rb") as f, open(path, "wb") as out:
        shutil.copyfileobj(f, out)
        out.write(gzip.compress(archive))


class Syslog(threading.Thread):
    """What the installer writes into its log, which it also sends to a port of ours; to a file, and the last of it."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.path = path
        self.recent = collections.deque(maxlen=12)
        self.start()

    def run(self):
        with open(self.path, "w") as f:
            while True:
                line = re.sub(r"^<\d+>", "", self.socket.recv(65536).decode("utf-8", "replace")).rstrip()
                self.recent.append(line)
                f.write(line + "\n")
                f.flush()


# What the installer can't do without, which its index names, but not every mirror has.
NEEDED = ("debootstrap-udeb", "partman-base", "apt-setup-udeb", "grub-installer", "finish-install")


def fetch(url, path):
    """By apt, as it is set up here. False: it could not be had."""
    return subprocess.run(["/usr/lib/apt/apt-helper", "download-file", url, path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def missing_part(mirror):
    """What of NEEDED this mirror does not have; None: it has all."""
    with tempfile.TemporaryDirectory() as folder:
        index = os.path.join(folder, "Packages.xz")
        url = f"{mirror}/dists/bookworm/main/debian-installer/binary-amd64/Packages.xz"
        if not fetch(url, index):
            return url
        with lzma.open(index, "rt") as f:
            paths = dict(re.findall(r"(?m)^Package: (\S+)$(?s:.*?)^Filename: (\S+)$", f.read()))
        for name in NEEDED:
            if name not in paths or not fetch(f"{mirror}/{paths[name]}", os.path.join(folder, "udeb")):
                return paths.get(name, name)
    return None


def cpu_seconds(guest):
    with open(f"/proc/{guest.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended(guest, timer, began):
    """The machine ends by itself."""
    cpu = cpu_seconds(guest)
    code = guest.wait_end()
    if code != 0:
        raise Failure(f"exit code {code} after the installation")
    timer.done(f"the end, after {time.monotonic() - began:.0f} s and some {cpu:.0f} CPU seconds in all")


def installer(guest, timer):
    began = time.monotonic()
    for what, sign in STAGES:
        if guest.expect(f"{sign}|{QUESTION}")[0].startswith("Prompt"):
            raise Failure(f"{what}: the installer asks: {' '.join(guest.before.split())[-400:]}")
        timer.done(what)
    ended(guest, timer, began)


def live(guest, timer):
    guest.log_in()
    timer.done("what was installed boots to a login")
    guest.shell("dpkg --audit && findmnt -n -o FSTYPE / && cat /etc/debian_version", "12")
    guest.power_off()
    timer.done("all packages are configured; power off")


def run(report, name, command, options, part, log, syslog):
    guest = None
    try:
        guest = Guest(command, *options, limit=3600, log=log + ".console")
        part(guest, Timer(report, name))
        return True
    except (Failure, OSError) as e:
        report.fail(name, e, guest)
        print("\n".join(["The installer's log:", *syslog.recent]))
        return False
    finally:
        if guest:
            guest.end()


def boot_installer(folder, words, syslog):
    """Options of the machine that installs."""
    initrd = os.path.join(folder, "initrd.gz")
    make_initrd(initrd, words)
    return ["-kernel", os.path.join(NETBOOT, "linux"), "-initrd", initrd, "-append",
            f"auto=true priority=critical DEBIAN_FRONTEND=text log_host={GATEWAY} log_port={syslog.port} "
            "console=ttyS0 --- console=ttyS0"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--interface", default="virtio", choices=("virtio", "ide"))
    parser.add_argument("--card", default="virtio-net-pci")
    parser.add_argument("--folder", default="/var/tmp", help="where the images are made")
    parser.add_argument("--log", metavar="FOLDER", help="where what the consoles say is kept")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main():
    args = arguments()
    report = Report()
    mirror, proxy = apt_mirror()
    there = os.path.exists(os.path.join(NETBOOT, "linux"))
    missing = missing_part(mirror) if there else "package debian-installer-12-netboot-amd64"
    if missing:
        report.skip("debian-installer", f"{mirror} has no {missing}" if there else f"there is no {missing}")
        return report.end()
    url = urllib.parse.urlsplit(as_guest_sees(mirror))
    words = {"protocol": url.scheme, "host": url.netloc, "directory": url.path.rstrip("/"), "proxy": proxy,
             "disk": "/dev/vda" if args.interface == "virtio" else "/dev/sda",
             "kernel": "linux-image-cloud-amd64" if args.interface == "virtio" else "linux-image-amd64"}
    engines = {"twin86": args.program, **{n: shlex.split(c) for n, c in (e.split("=", 1) for e in args.engine)}}
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="twin86-install-") as folder:
        for name, command in engines.items():
            disk = os.path.join(folder, f"{name}.qcow2")
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, SIZE], check=True)
            options = ["-m", "1G", "-drive", f"file={disk},format=qcow2,if={args.interface},cache=unsafe",
                       "-nic", f"user,model={args.card}"]
            log = os.path.join(args.log or folder, f"install-{name}")
            syslog = Syslog(log + ".syslog")
            if run(report, name, command, options + boot_installer(folder, words, syslog), installer, log, syslog):
                run(report, name, command, options, live, log, syslog)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
