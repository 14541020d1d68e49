#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A tree like a kernel's sources through shared folders: tree.py FOLDER KERNEL FILES MIB TWIN86 [OPTION...]

The guest reads all of it from one folder and writes it into another, by tar; then both are the same: names, contents,
modes, times of files, links. FILES files have MIB MiB together. For folders.sh.
"""
import hashlib
import os
import random
import resource
import stat
import subprocess
import sys
import time

tmp, kernel, files, mib, *twin86 = sys.argv[1:]
LIMIT = 7200  # seconds
FILES_IN_FOLDER, SUBFOLDERS = 16, 8


def make(top, count, size):
    """Most files are small and a few are not; every twentieth is a link, every tenth a program."""
    rng = random.Random(86)
    weights = [rng.lognormvariate(0, 1.4) for _ in range(count)]
    scale = size / sum(weights)
    noise = rng.randbytes(1 << 20)
    folders = [top]
    for i in range(count):
        if i % FILES_IN_FOLDER == 0:
            folders.append(os.path.join(folders[len(folders) // SUBFOLDERS], f"folder{len(folders)}"))
            os.mkdir(folders[-1])
        path = os.path.join(folders[-1], f"file{i}.c")
        if i % 20 == 19:
            os.symlink(f"../file{i - 1}.c", path)
            continue
        with open(path, "wb") as f:
            left = int(weights[i] * scale)
            while left > 0:
                at = rng.randrange(len(noise) - 4096)
                left -= f.write(noise[at:at + min(left, len(noise) - at)])
        os.chmod(path, 0o755 if i % 10 == 0 else 0o644)
        os.utime(path, (1600000000 + i, 1600000000 + i))


def digest(top):
    """(SHA-256 of all that there is, files, bytes)"""
    whole, count, size = hashlib.sha256(), 0, 0
    for folder, names, leaves in os.walk(top):
        names.sort()
        for name in sorted(names + leaves):
            path = os.path.join(folder, name)
            s = os.lstat(path)
            what = [os.path.relpath(path, top), oct(s.st_mode)]
            if stat.S_ISREG(s.st_mode):
                count += 1
                size += s.st_size
                with open(path, "rb") as f:
                    what += [int(s.st_mtime), hashlib.sha256(f.read()).hexdigest()]
            elif stat.S_ISLNK(s.st_mode):
                what.append(os.readlink(path))
            whole.update(repr(what).encode())
    return whole.hexdigest(), count, size


def main():
    there, back = (os.path.join(tmp, name) for name in ("from", "to"))
    for folder in there, back:
        os.mkdir(folder)
    make(there, int(files), int(mib) << 20)
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    shares = [o for tag in ("from", "to") for o in
              ("-virtfs", f"local,path={os.path.join(tmp, tag)},mount_tag={tag},security_model=none")]
    p = subprocess.run(twin86 + ["-m", "512M", "-kernel", kernel, "-initrd", os.path.join(tmp, "initrd"), "-append",
                                 "console=ttyS0 quiet panic=-1 tree", "-nographic", "-no-reboot", "-timeout", str(LIMIT),
                                 *shares], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = p.stdout.decode(errors="replace")
    was, count, size = digest(there)
    good = p.returncode == 0 and "FAILED" not in text and "guest done" in text and digest(back)[0] == was
    seconds = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    print(f"{count} files, {size >> 20} MiB, in and out: {time.monotonic() - began:.1f} s, {seconds:.1f} CPU seconds")
    if not good:
        print(f"FAILED: what came back is not what went in: exit code {p.returncode}, {text[-1500:]}")
    print(f"{int(good)} passed, {int(not good)} failed, 0 skipped")
    return not good


sys.exit(main())
