#!/bin/bash
# SPDX-License-Identifier: MIT
# The workloads of bench/programs.py, on the host and in a guest: work.sh FOLDER [NAME...]    FOLDER has what data.py made.
#
# For each it prints "bench: begin NAME TIME", "bench: sum NAME HASH" over what the programs wrote, "bench: end NAME TIME";
# TIME is the guest's clock in microseconds (with twin86 -icount shift=0: thousands of instructions). Sizes: one to four
# seconds each for an interpreter that does 600 million instructions a second.
set -u
cd "$1" || exit 2
shift
export LC_ALL=C TZ=UTC PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PERL_HASH_SEED=0 OPENSSL_CONF=/dev/null
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PERL5LIB GZIP XZ_OPT BC_ENV_ARGS OPENSSL_ia32cap
python="/usr/bin/python3 -S"
key=000102030405060708090a0b0c0d0e0f

w_md5sum() { /usr/bin/md5sum text text text text text text text text text text text text text text text text; }
w_sha256sum() { /usr/bin/sha256sum text text text; }
w_gzip() { /usr/bin/gzip -n -9 -c text; }
w_xz() { head -c 500000 text | /usr/bin/xz -T1 -6 -c; }
w_sort() { /usr/bin/sort --parallel=1 lines | tail -n 1000 && /usr/bin/sort --parallel=1 -n -k 2 lines | tail -n 1000; }
w_awk() { awk '{ n[$3] += $1; s += $1 * $2; if (/7[0-9]*3/) m++ } END { for (k in n) t += n[k] % 7; print s, t, m }' lines; }
w_loop() { /bin/dash -c 'i=0; s=0; while [ $i -lt 40000 ]; do i=$((i + 1)); s=$(((s * 31 + i) % 65537)); done; echo $s'; }
w_fork() { for ((i = 0; i < 200; i++)); do /bin/true && echo "$i"; done; }
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

all="md5sum sha256sum gzip xz sort awk loop fork py-recursion py-float py-dict perl-hash sqlite bc aes sha rsa"
names=${*:-$all}
cat text lines > /dev/null
for name in ${names//,/ }; do
    declare -F "w_$name" > /dev/null || { echo "bench: there is no workload $name; there are: $all"; exit 2; }
    echo "bench: begin $name ${EPOCHREALTIME/./}"
    sum=$(set -o pipefail; "w_$name" 2> err | /usr/bin/md5sum) || { cat err; sum=failed; }
    now=${EPOCHREALTIME/./}
    echo "bench: sum $name ${sum%% *}"
    echo "bench: end $name $now"
done
