#!/bin/bash
# SPDX-License-Identifier: MIT
# The workloads of bench/programs.py, on the host and in a guest: work.sh FOLDER [NAME...]    FOLDER has what data.py made,
# and as set.sh one of the sets: "all" names its workloads, w_NAME runs one.
#
# For each it prints "bench: begin NAME TIME", "bench: sum NAME HASH" over what the programs wrote, "bench: end NAME TIME";
# TIME is the guest's clock in microseconds (with twin86 -icount shift=0: thousands of instructions). Sizes: one to four
# seconds each for an interpreter that does 600 million instructions a second.
#
# With BENCH_CPU=FILE, which is scratch, "bench: cpu NAME MS", too: what the programs took, as this system counts it.
set -u
cd "$1" || exit 2
shift
export LC_ALL=C TZ=UTC PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PERL_HASH_SEED=0 OPENSSL_CONF=/dev/null
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PERL5LIB GZIP XZ_OPT BC_ENV_ARGS OPENSSL_ia32cap
python="/usr/bin/python3 -S"
key=000102030405060708090a0b0c0d0e0f
. ./set.sh

# Milliseconds of CPU time of all processes that have ended, to `ms`. (A subshell's `times` would be its own.)
children_ms() {
    local t
    ms=0
    times > "$BENCH_CPU"
    for t in $(tail -n 1 "$BENCH_CPU"); do
        t=${t//[.s]/} # 1m02345
        ms=$((ms + ${t%m*} * 60000 + 10#${t#*m}))
    done
}

names=${*:-$all}
cat text lines > /dev/null
for name in ${names//,/ }; do
    declare -F "w_$name" > /dev/null || { echo "bench: there is no workload $name; there are: $all"; exit 2; }
    [ -z "${BENCH_CPU:-}" ] || { children_ms && before=$ms; }
    echo "bench: begin $name ${EPOCHREALTIME/./}"
    sum=$(set -o pipefail; "w_$name" 2> err | /usr/bin/md5sum) || { cat err; sum=failed; }
    now=${EPOCHREALTIME/./}
    echo "bench: sum $name ${sum%% *}"
    echo "bench: end $name $now"
    [ -z "${BENCH_CPU:-}" ] || { children_ms && echo "bench: cpu $name $((ms - before))"; }
done
