#!/bin/bash
# SPDX-License-Identifier: MIT
# Two busy vCPUs on one host CPU: what the host's scheduler has done, what the guest was told of it (tests/stress/busy16.S).
. "$(dirname "$0")/lib.sh"

command -v taskset > /dev/null || {
    skip 1 "scheduling: there is no taskset (package util-linux)"
    finish
}
core=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
taskset -p -c "$core" $$ > /dev/null
busy="-smp 2 -m 16 -bios tests/stress/busy16.rom -no-reboot"

# field CPU KEY: a number of the JSON's
field() { sed -n "s/.*{\"cpu\":$1,\"thread_id\".*\"$2\":\([0-9]*\)[,}].*/\1/p" "$tmp/json"; }

exits 0 $busy -cpu max,kvm=on -exit-stats "json,file=$tmp/json"
for cpu in 0 1; do
    # nothing else runs on that CPU in the worst case: then they have waited for each other
    for key in cpu_ns wait_ns involuntary exits steal_ns; do
        [ "$(field $cpu $key)" -gt 0 ] 2> /dev/null && ok || bad "CPU $cpu: $key is '$(field $cpu $key)': $(cat "$tmp/json")"
    done
    [ "$(field $cpu steal_ns)" -le "$(field $cpu wait_ns)" ] && ok || bad "CPU $cpu was told of more than there was"
    [ "$(field $cpu host_cpu)" = "$core" ] && ok || bad "CPU $cpu ran on $(field $cpu host_cpu), not $core"
done

# what the guest has read, in order of arrival, is no more than what was there in the end
[[ $out =~ ^"0: "([0-9]+)" ms stolen".*"1: "([0-9]+)" ms stolen" || $out =~ ^"1: "([0-9]+)" ms stolen".*"0: "([0-9]+)" ms stolen" ]] &&
    [ $((BASH_REMATCH[1] + BASH_REMATCH[2])) -le $((($(field 0 steal_ns) + $(field 1 steal_ns)) / 1000000)) ] && ok ||
    bad "the guest says '$out'"

# without the interface nobody is told; the table says so
exits 0 $busy -cpu max -exit-stats
says "0: 0 ms stolen"
says "CPUs on the host"
grep -Eq '^ +0 +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{3} .* - +[0-9]+ +[0-9]+$' "$tmp/err" && ok || bad "no line of CPU 0 in '$err'"
finish
