# SPDX-License-Identifier: MIT
# Sourced by make-image.sh and work.sh, as set-main.sh: programs that work with two threads or processes at once, for
# bench/parallel.py.
all="xz2 sort2 make2"
packages="bash coreutils sed xz-utils make gcc binutils"
cc1=(/usr/lib/gcc/x86_64-linux-gnu/*/cc1) # $cc1: the first, where there are several
programs="$cc1 xz sort make gcc as ld sed rm mkdir"
modules=""
scripts="tree.mk"
data="text lines program.c"
make_keys() { :; }

w_xz2() { head -c 2000000 text | /usr/bin/xz -T2 --block-size=128KiB -2 -c; }
w_sort2() {
    for i in 1 2 3 4; do /usr/bin/sed "s/^/$i/" lines; done > big
    /usr/bin/sort --parallel=2 -S 200M -k 4 big
}
w_make2() {
    /usr/bin/rm -rf tree && /usr/bin/mkdir tree || return
    for i in 1 2 3 4 5 6 7 8; do
        /usr/bin/sed "s/f\([0-9]\)/f${i}_\1/g" program.c > tree/part$i.c
    done
    /usr/bin/make -s -j2 -C tree -f ../tree.mk && cat tree/all.o
}
