#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's side of network.sh: network.py FOLDER KERNEL MODEL TWIN86 [OPTION...]"""
import hashlib
import http.server
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

tmp, kernel, model, *twin86 = sys.argv[1:]
passed = failed = 0
data = random.Random(86).randbytes(3_000_000)
digest = hashlib.sha256(data).hexdigest()


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}: {seen}")


def path(name):
    return os.path.join(tmp, name)


def connect(name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(240)
    while True:
        try:
            s.connect(path(name))
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            if p.poll() is not None:
                sys.exit(f"twin86 has ended: {p.communicate()}")
            time.sleep(0.05)


def guest(line):
    """Run a line of shell in the guest: what it prints, and its exit code."""
    shell.write(line + "\n")
    shell.flush()
    said = []
    while not re.fullmatch(r"\[\d+\]", said[-1] if said else ""):
        said.append(shell.readline().rstrip("\r\n"))
    return "\n".join(said[:-1]), int(said[-1][1:-1])


def qmp(command, **arguments):
    monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    monitor.flush()
    while True:
        answer = json.loads(monitor.readline())
        if "event" not in answer:
            return answer.get("return", answer.get("error"))


def hmp(line):
    return qmp("human-monitor-command", **{"command-line": line})


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *unused):
        pass


def listener():
    s = socket.create_server(("127.0.0.1", 0))
    s.settimeout(30)
    return s, s.getsockname()[1]


def receive(s, to):
    c, _ = s.accept()
    h, n = hashlib.sha256(), 0
    while part := c.recv(1 << 16):
        h.update(part)
        n += len(part)
    to.append((h.hexdigest(), n))


def forwarded(guest_port):
    """The host's port that leads there, as `info usernet` has it."""
    m = re.search(rf"TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +(\d+) +[\d.]+ +{guest_port} ", hmp("info usernet"))
    return int(m[1]) if m else 0


def start_network_boot():
    """iPXE fetches a program by TFTP, which writes to the serial port and then 10h to isa-debug-exit."""
    rom = {"virtio-net-pci": "virtio"}.get(model, model)
    if not all(map(os.path.exists, (f"/usr/lib/ipxe/qemu/efi-{rom}.rom", "/usr/share/seabios/bios-256k.bin"))):
        return None
    with open(path("tftp/nbp"), "wb") as f:
        f.write(bytes.fromhex("31c00e1fe800005e83c616baf803ac84c07403eeebf8b010baf400eef40d0a4e42502052554e530d0a00"))
    return subprocess.Popen(twin86 + ["-m", "64M", "-boot", "n", "-nic",
                                      f"user,model={model},tftp={path('tftp')},bootfile=nbp", "-device", "isa-debug-exit", "-timeout", "120", "-serial", f"file:{path('ipxe')}"],
                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


os.mkdir(path("tftp"))
with open(path("tftp/hello"), "w") as f:
    f.write("by TFTP\n" * 500)
ipxe = start_network_boot()
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
threading.Thread(target=web.serve_forever, daemon=True).start()
p = subprocess.Popen(
    twin86 + ["-m", "192M", "-kernel", kernel, "-initrd", path("initrd"), "-append", "console=ttyS0 quiet panic=-1",
              "-serial", f"file:{path('serial')}", "-serial", f"unix:{path('shell')},server,nowait",
              "-qmp", f"unix:{path('qmp')},server,nowait",
              "-nic", f"user,id=n0,model={model},hostfwd=tcp:127.0.0.1:0-:7777,hostname=guest86,domainname=example.org,"
                      f"dnssearch=a.example,dnssearch=b.example,tftp={path('tftp')},bootfile=/hello,"
                      f"guestfwd=tcp:10.0.2.100:99-cmd:echo from a command"],
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    monitor = connect("qmp").makefile("rw")
    monitor.readline()
    qmp("qmp_capabilities")
    shell = connect("shell").makefile("rw")
    check("the guest is up", shell.readline().strip() == "ready")

    said, code = guest("ip link set eth0 up && udhcpc -i eth0 -q -n -f -s /lease && cat /tmp/lease")
    lease = said.split("\n")[-1]
    check("DHCP", code == 0 and lease.startswith("10.0.2.15/24 router=10.0.2.2 dns=10.0.2.3 domain=example.org ") or
          lease.startswith("10.0.2.15/255.255.255.0 router=10.0.2.2 dns=10.0.2.3 domain=example.org "), said)
    if failed:
        sys.exit("without an address there is nothing more to test")
    check("DHCP tells names", "hostname=guest86" in lease and "boot=/hello" in lease, lease)
    said, _ = guest("cat /sys/class/net/eth0/address")
    check("the address", said == "52:54:00:12:34:56", said)
    said, _ = guest(f"wget -q -O - http://10.0.2.2:{web.server_port}/ | sha256sum")
    check("a download", said.startswith(digest), said)

    s, port = listener()
    got = []
    t = threading.Thread(target=receive, args=(s, got))
    t.start()
    said, code = guest(f"wget -q -O /tmp/file http://10.0.2.2:{web.server_port}/ && nc 10.0.2.2 {port} </tmp/file")
    t.join(40)
    check("an upload", got == [(digest, len(data))], (said, code, got))

    guest("(while true; do nc -l -p 7777 </tmp/file; done) >/dev/null 2>&1 & sleep 0.3")
    port = forwarded(7777)
    check("a forwarded port", port != 0, hmp("info usernet"))
    got = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port), 30) as c:
        while part := c.recv(1 << 16):
            got.update(part)
    check("what comes through it", got.hexdigest() == digest)
    answer = hmp("hostfwd_add tcp:127.0.0.1:0-:7778")
    check("hostfwd_add", answer == "" and forwarded(7778) != 0, answer)
    port = forwarded(7778)
    answer = hmp(f"hostfwd_remove n0 tcp:127.0.0.1:{port}")
    check("hostfwd_remove", answer == "" and forwarded(7778) == 0, answer)
    check("which was not there", "no forwarding" in hmp("hostfwd_remove tcp::1"))
    check("a rule that is not right", "is not right" in hmp("hostfwd_add tcp:2222"))

    said, _ = guest("tftp -g -r hello -l /tmp/hello 10.0.2.2 && wc -c </tmp/hello")
    check("TFTP", said == str(8 * 500), said)
    said, _ = guest("nc 10.0.2.100 99 </dev/null")
    check("guestfwd", said == "from a command", said)
    # An address may be used a second after the card is up, and the router's prefix comes when it likes.
    said, _ = guest("n=0; until ip -6 address show dev eth0 | grep -q fec0: && ping6 -c 1 -w 5 -I eth0 fe80::2 >/dev/null 2>&1"
                    " || [ $n = 150 ]; do sleep 0.1; n=$((n + 1)); done; ip -6 address show dev eth0; echo tries $n")
    check("IPv6", "fec0::5054:ff:fe12:3456" in said and "tries 150" not in said, said)

    said = hmp("info network")
    check("info network", f"model={model},macaddr=52:54:00:12:34:56" in said and
          "n0: index=0,type=user,net=10.0.2.0,restrict=off" in said, said)
    name = said.split(":")[0]
    check("set_link", qmp("set_link", name="n0", up=False) == {} and qmp("set_link", name="none", up=True) != {})
    # Linux' driver of the e1000 looks every two seconds.
    until = "n=0; until [ $(cat /sys/class/net/eth0/carrier) = {} ] || [ $n = 50 ]; do sleep 0.1; n=$((n + 1)); done; " \
            "cat /sys/class/net/eth0/carrier; "
    said, _ = guest(until.format(0) + "wget -q -T 1 -O - http://10.0.2.2:1/")
    check("the cable is out", said.startswith("0"), said)
    check("set_link", hmp("set_link n0 on") == "")
    said, _ = guest(until.format(1) + f"wget -q -O - http://10.0.2.2:{web.server_port}/ | sha256sum")
    check("the cable is in", said == f"1\n{digest}  -", said)
    if model == "virtio-net-pci":
        said = qmp("query-rx-filter", name=name)
        check("query-rx-filter", len(said) == 1 and said[0]["main-mac"] == "52:54:00:12:34:56" and not said[0]["promiscuous"] and
              "33:33:00:00:00:01" in said[0]["multicast-table"], said)
    shell.write("poweroff -f\n")
    shell.flush()
    p.wait(60)
    check("twin86 ends", p.returncode == 0, p.communicate())
    if ipxe is not None:
        code = ipxe.wait(150)
        with open(path("ipxe"), errors="replace") as f:
            said = f.read()
        check("boot from the network", code == 33 and "NBP RUNS" in said, (code, said[-500:]))
    else:
        print("SKIP boot from the network: no SeaBIOS or no iPXE for this card")
finally:
    if ipxe is not None and ipxe.poll() is None:
        ipxe.kill()
    if p.poll() is None:
        p.kill()
        print(p.communicate())
    with open(path("serial"), errors="replace") as f:
        log = f.read()
    if failed or "FAILED" in log:
        print(log[-3000:])
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed != 0)
