# SPDX-License-Identifier: MIT
# Sourced by make-image.sh and work.sh: the set that the project measures itself by.
#
# packages, programs, modules (Python's), scripts (of this folder), data (data.py's), make_keys FOLDER: what the guest gets.
# all: the workloads; w_NAME runs one, in the folder that has all that.
all="md5sum sha256sum gzip xz sort awk loop fork py-recursion py-float py-dict perl-hash sqlite bc aes sha rsa"
packages="bash dash coreutils gzip xz-utils mawk python3 perl-base sqlite3 bc openssl"
programs="md5sum sha256sum gzip xz sort true dash mawk python3 perl sqlite3 bc openssl"
modules="math"
scripts="work.sql hash.pl recursion.py float.py dict.py"
data="text small lines"
make_keys() { openssl genrsa -out "$1/rsa.pem" 2048 && openssl rsa -in "$1/rsa.pem" -pubout -out "$1/rsa.pub"; }

w_md5sum() { /usr/bin/md5sum text text text text text text text text text text text text text text text text; }
w_sha256sum() { /usr/bin/sha256sum text text text; }
w_gzip() { /usr/bin/gzip -n -9 -c text; }
w_xz() { head -c 500000 text | /usr/bin/xz -T1 -6 -c; }
w_sort() { /usr/bin/sort --parallel=1 lines | tail -n 1000 && /usr/bin/sort --parallel=1 -n -k 2 lines | tail -n 1000; }
w_awk() { /usr/bin/mawk '{ n[$3] += $1; s += $1 * $2; if (/7[0-9]*3/) m++ } END { for (k in n) t += n[k] % 7; print s, t, m }' lines; }
w_loop() { /usr/bin/dash -c 'i=0; s=0; while [ $i -lt 40000 ]; do i=$((i + 1)); s=$(((s * 31 + i) % 65537)); done; echo $s'; }
w_fork() { for ((i = 0; i < 200; i++)); do /usr/bin/true && echo "$i"; done; }
w_py-recursion() { $python recursion.py; }
w_py-float() { $python float.py; }
w_py-dict() { head -n 20000 lines | $python dict.py; }
w_perl-hash() { head -n 12000 lines | /usr/bin/perl hash.pl; }
w_sqlite() { /usr/bin/sqlite3 -batch :memory: < work.sql; }
w_bc() { echo 'scale=1000; 4*a(1); sqrt(2)' | /usr/bin/bc -l -q; }
w_aes() { for mode in cbc ctr; do /usr/bin/openssl enc -aes-256-$mode -K $key$key -iv $key -in text | tail -c 4096; done; }
w_sha() { for digest in sha1 sha256 sha512; do /usr/bin/openssl dgst -$digest -r text text; done; }
w_rsa() {
    for ((i = 0; i < 4; i++)); do
        /usr/bin/openssl dgst -sha256 -sign rsa.pem -out signed small && tail -c 64 signed || return
        /usr/bin/openssl dgst -sha256 -verify rsa.pub -signature signed small || return
    done
    /usr/bin/openssl rsa -check -noout -in rsa.pem
}
