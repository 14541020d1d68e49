#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Networks: iperf3 and ab in a guest against the host, under twin86 and QEMU's TCG in turn, with the same kernel and options.

Prints medians of the process's CPU seconds (all threads) for 1 GiB from the guest, 1 GiB to it, and 10,000 small HTTP
requests, all through libslirp, and the first engine's ratio to the others. docs/performance.md explains the table;
bench/network/init has the jobs.
"""
import argparse
import asyncio
import os
import socket
import subprocess
import sys
import threading
import time

from guest_run import Failed, add_options, debian, engine_commands, run, run_in_turn, table, tools_image

GIB = (1 << 30) - (8 << 20)  # of which the last may not have been counted
LEAST = {"up": GIB, "down": GIB, "http": 10000}  # what the guest must have done, by job
BODY = b"twin86\n" * 16


class Reply(asyncio.Protocol):
    """The same bytes for whatever is asked, once a connection."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if data.endswith(b"\r\n\r\n"):
            head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(BODY)}\r\n\r\n"
            self.transport.write(head.encode() + BODY)
            self.transport.close()


def serve_http():
    """The port of a server in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Reply, "127.0.0.1", 0, backlog=128))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return server.sockets[0].getsockname()[1]


def serve_iperf():
    """The process and port of iperf3's server."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(["iperf3", "-s", "-p", str(port)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    sys.exit("iperf3 -s does not run")


def guest_options(args, iperf, http):
    guest = debian()
    options = f",{args.device}" if args.device else ""
    return ["-m", "512M", "-nographic", "-no-reboot", "-kernel", os.path.join(guest, "vmlinuz"),
            "-initrd", tools_image(guest, "network"), "-netdev", "user,id=net",
            "-device", f"virtio-net-pci,netdev=net,romfile={options}",
            "-append", f"console=ttyS0 quiet panic=-1 JOBS={args.only} IPERF={iperf} HTTP={http}"]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_options(p, LEAST)
    p.add_argument("--device", default="", help="more for -device virtio-net-pci, such as mrg_rxbuf=off")
    args = p.parse_args()
    jobs = args.only.split(",")
    rest = guest_options(args, 0, 0)  # makes sure that iperf3 is there
    server, iperf = serve_iperf()
    rest[-1] = rest[-1].replace("IPERF=0 HTTP=0", f"IPERF={iperf} HTTP={serve_http()}")

    def one(command):
        result = run(command + rest, args.limit)
        for job in jobs:
            if int(result.sums.get(job) or 0) < LEAST[job]:
                raise Failed(f"{job}: the guest did {result.sums.get(job) or 'nothing'} of {LEAST[job]}")
        return result

    try:
        times = run_in_turn(engine_commands(args), args.rounds, jobs, one)
    finally:
        server.kill()
    print(f"virtio-net, -netdev user{', ' + args.device if args.device else ''}; medians of {args.rounds}")
    table(times, jobs)


if __name__ == "__main__":
    main()
