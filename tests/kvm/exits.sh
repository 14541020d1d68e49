#!/bin/sh
# SPDX-License-Identifier: MIT
# Exit statistics of the built-in guest on both engines: each port and each address of a device must have been read and
# written as often on one as on the other; but for the 8259's EOIs, of which there are as many as ticks of a timer come.
# exits.sh [PROGRAM]; SKIPs (77) without a usable KVM.
twin86=${1:-./twin86}
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT

"$twin86" doctor | grep -q '^kvm: usable' || {
    echo "SKIP exit statistics on both engines: $("$twin86" doctor | grep '^kvm:')"
    exit 77
}

# accesses FILE: "port 0x3f8 write 933" ...; a row of the file is a line
accesses() {
    sed -n 's/.*"kind":"\(port\)","place":"\(0x[0-9a-f]*\)","direction":"\([a-z]*\)".*"count":\([0-9]*\),.*/\1 \2 \3 \4/p
        s/.*"kind":"\(address\)","place":"\(0x[0-9a-f]*\)","direction":"\([a-z]*\)".*"count":\([0-9]*\),.*/\1 \2 \3 \4/p' "$1" |
        awk '{ sum[$1 " " $2 " " $3] += $4 } END { for (k in sum) print k, k == "port 0x20 write" ? "some" : sum[k] }' | sort
}

# compare NAME EXIT-CODE OPTION...
compare() {
    name=$1 expected=$2
    shift 2
    for engine in tcg-lite kvm; do
        timeout 100 "$twin86" -accel $engine "$@" -exit-stats "json,file=$tmp/$engine.json" -timeout 90 </dev/null \
            >"$tmp/out" 2>"$tmp/err"
        code=$?
        if [ $code -ne "$expected" ]; then
            echo "FAIL exit statistics: $name on $engine: exit code $code"
            cat "$tmp/out" "$tmp/err"
            exit 1
        fi
        accesses "$tmp/$engine.json" >"$tmp/$engine"
    done
    rows=$(wc -l <"$tmp/kvm")
    total=$(awk '{ n += $4 } END { print n }' "$tmp/kvm")
    if [ "$rows" -lt 9 ] || ! cmp -s "$tmp/tcg-lite" "$tmp/kvm"; then
        echo "FAIL exit statistics: $name: the engines differ in accesses to devices ('<': tcg-lite, '>': kvm)"
        diff "$tmp/tcg-lite" "$tmp/kvm"
        exit 1
    fi
    said="$said; $name: $rows ports and addresses, $total accesses"
}

# A few instructions in real mode, which run on every KVM: IN 61h, OUT 80h, IN 3FDh, 50 times; a read, a write and an
# increment at A0000h and behind it, 20 times; REP OUTSB, REP INSB; FILD of A0020h, which KVM can't emulate; OUT F4h, 3.
code='\271\062\000\344\141\346\200\272\375\003\354\342\366\270\000\240\216\330\061\300\216\300\271\024\000\240\000\000'
code=$code'\243\002\000\376\006\020\000\342\364\272\200\000\271\014\000\061\366\277\000\006\006\037\363\156\272\141\000\271'
code=$code'\011\000\363\154\270\000\240\216\330\333\343\333\006\040\000\260\003\346\364\364'
{
    head -c $((0xff00)) /dev/zero
    # shellcheck disable=SC2059
    printf "$code"
    head -c $((0xf0 - ${#code} / 4)) /dev/zero
    printf '\351\015\377'
    head -c 13 /dev/zero
} >"$tmp/accesses.rom"

compare "some instructions" 7 -bios "$tmp/accesses.rom" -device isa-debug-exit
if [ -d /sys/module/kvm_pvm ]; then
    said="$said; the built-in guest: not compared, for on kvm_pvm SYSCALL goes wrong"
else
    compare "the built-in guest" 0
fi
echo "exit statistics: tcg-lite and kvm agree$said"
