#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's side of folders.sh: folders.py FOLDER KERNEL TWIN86 [OPTION...]"""
import hashlib
import os
import stat
import struct
import subprocess
import sys

tmp, kernel, *twin86 = sys.argv[1:]
SECRET = "of the host alone"
passed = failed = 0


def check(what, good, seen=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what} {seen}")


def path(*names):
    return os.path.join(tmp, "shares", *names)


def put(text, *names):
    with open(path(*names), "w") as f:
        f.write(text)


def get(*names):
    try:
        with open(path(*names), "rb") as f:
            return f.read()
    except OSError:
        return b"nothing"


def has_xattrs(where):
    try:
        os.setxattr(where, "user.test", b"1")
        os.removexattr(where, "user.test")
        return True
    except OSError:
        return False


models = {"xattr": "mapped-xattr", "file": "mapped-file", "none": "none"}
os.makedirs(path("outside"))
put(SECRET, "outside", "secret")
for name in models:
    os.mkdir(path(name))
    put("of the host\n", name, "from-host")
os.symlink("../outside/secret", path("none", "host-link"))
os.symlink("../outside", path("none", "host-dir"))
if not has_xattrs(path("xattr")):
    models["xattr"] = "mapped-file"
    print("SKIP mapped-xattr: this file system has no extended attributes")

args = twin86 + ["-m", "256M", "-kernel", kernel, "-initrd", os.path.join(tmp, "initrd"), "-append",
                 "console=ttyS0 quiet panic=-1", "-nographic", "-no-reboot", "-timeout", "300",
                 "-fsdev", f"local,id=f,path={path('file')},security_model={models['file']}",
                 "-device", "virtio-9p-pci,fsdev=f,mount_tag=file",
                 "-virtfs", f"local,path={path('xattr')},mount_tag=xattr,security_model={models['xattr']},id=x",
                 "-virtfs", f"local,path={path('none')},mount_tag=none,security_model=none",
                 "-virtfs", f"local,path={path('none')},mount_tag=readonly,security_model=none,readonly=on"]
p = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
text = p.stdout.decode(errors="replace").replace("\r", "")
lines = text.splitlines()
for line in lines:
    if line.startswith("ok "):
        passed += 1
    elif "FAILED" in line:
        check(f"in the guest: {line}", False)
check("the guest comes to its end", "guest done" in lines and p.returncode == 0, (p.returncode, text[-1500:]))
if "guest done" in lines and failed == 0:
    check("nothing has happened outside", os.listdir(path("outside")) == ["secret"] and get("outside", "secret").decode() == SECRET)
    for name in models:
        check(f"{name}: data", hashlib.sha256(get(name, "big")).hexdigest() == get(name, "big.sum").decode().strip())
        check(f"{name}: renamed", get(name, "dir", "two") == b"one" and not os.path.exists(path(name, "one")))
        check(f"{name}: link", os.path.exists(path(name, "three")) and os.stat(path(name, "three")).st_nlink == 2)
        check(f"{name}: folder", os.path.isdir(path(name, "dir", "deeper")))
    check("none: a real link", os.readlink(path("none", "dir", "out")) == "../../../outside/secret")
    check("none: a real fifo", stat.S_ISFIFO(os.stat(path("none", "fifo")).st_mode))
    for name in ("xattr", "file"):
        check(f"{name}: a link is a file", get(name, "dir", "out") == b"../../../outside/secret" and
              not os.path.islink(path(name, "dir", "out")))
        st = os.stat(path(name, "three"))
        check(f"{name}: owner and mode of the host's", st.st_uid == os.getuid() and stat.S_IMODE(st.st_mode) == 0o600)
    if models["xattr"] == "mapped-xattr":
        number = {key: struct.unpack("<I", os.getxattr(path("xattr", "three"), f"user.virtfs.{key}"))[0]
                  for key in ("uid", "gid", "mode")}
        check("xattr: as QEMU has them", number == {"uid": 12, "gid": 34, "mode": stat.S_IFREG | 0o4751}, number)
    note = get("file", ".virtfs_metadata", "three").decode()
    check("file: as QEMU has them", f"virtfs.uid=12\nvirtfs.gid=34\nvirtfs.mode={stat.S_IFREG | 0o4751}\n" in note, note)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
