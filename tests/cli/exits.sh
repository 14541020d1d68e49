#!/bin/bash
# SPDX-License-Identifier: MIT
# -exit-stats and `twin86 exits`: what is counted for a few instructions, the formats, and files that are none.
. "$(dirname "$0")/lib.sh"

exit_device="-device isa-debug-exit"
# real mode: CPUID leaf 0; 3 OUT 80h; CLI; PUSHF; RDMSR 10h (passes), RDMSR 1Bh (exits); read and write A0000h; OUT F4h, 3
rom "$tmp/mix.rom" "6631c0 0fa2 e680 e680 e680 fa 9c b91000 66b910000000 0f32 66b91b000000 0f32 b800a0 8ed8 a00000 a20000 b003 e6f4 f4"

# row REGEX COUNT: the JSON has one line that matches, with this count
row() {
    local lines=$(grep -cE "$1" "$tmp/json")
    [ "$lines" = 1 ] && grep -E "$1" "$tmp/json" | grep -q "\"count\":$2," && ok || bad "$lines rows '$1', wanted one with count $2"
}

exits 7 -bios "$tmp/mix.rom" $exit_device -exit-stats "json,file=$tmp/json"
[ -z "$err" ] && ok || bad "-exit-stats file= prints '$err'"
row '"name":"CPUID","reason":10,"kind":"leaf","place":"0x0"' 1
grep -c '"reason":30,"kind":"port","place":"0x80","direction":"write"' "$tmp/json" | grep -qx 3 && ok || bad "three RIPs of OUT 80h"
row '"class":"privileged","name":"CLI","reason":null,"kind":null,"place":null,"direction":null' 1
row '"class":"sensitive","name":"PUSHF"' 1
row '"class":"sensitive","name":"MOV","reason":null' 1
row '"class":"privileged","name":"RDMSR","reason":31,"kind":"msr","place":"0x10","direction":"read"' 1
row '"class":"exit","name":"RDMSR","reason":31,"kind":"msr","place":"0x1b","direction":"read"' 1
row '"reason":49,"kind":"address","place":"0xa0000","direction":"read"' 1
row '"reason":49,"kind":"address","place":"0xa0000","direction":"write"' 1
row '"place":"0xf4","direction":"write"' 1
grep -q '"rip":"0xff05"' "$tmp/json" && ok || bad "no RIP"

exits 7 -bios "$tmp/mix.rom" $exit_device -exit-stats
says "Exit statistics of tcg-lite: what would exit under KVM on VT-x"
says "30 I/O instruction"
says "out port 80"
says "Sensitive instructions"
exits 7 -bios "$tmp/mix.rom" $exit_device -exit-stats=json -D "$tmp/log"
grep -q '"format":"twin86-exits"' "$tmp/log" && ok || bad "-exit-stats=json into -D's file"
exits 7 -bios "$tmp/mix.rom" $exit_device -D "$tmp/log"
[ ! -s "$tmp/log" ] && ok || bad "statistics without -exit-stats"
refused "'xml' is not known" -exit-stats xml
refused "'file' is not known" -exit-stats file=
refused "can't be written" -exit-stats file=/nonexistent/x
refused "don't go together" -exit-stats -accel tcg-lite:kvm -handover

# side by side
if "$twin86" exits "$tmp/json" "$tmp/json" 2>&1 | grep -q "without json-c"; then
    skip 8 "twin86 exits: built without json-c"
else
    exits 7 -bios "$tmp/mix.rom" $exit_device -exit-stats "json,file=$tmp/b"
    exits 0 exits "$tmp/json" "$tmp/b"
    [[ $out == *"10 CPUID"*"out port 80"*" 3 "*"|"*" 3 "*" 1.000"* ]] && ok || bad "exits: $out"
    [[ $out != *ff05* ]] && ok || bad "RIPs without --rip"
    exits 0 exits --rip --all "$tmp/json" "$tmp/b"
    [[ $out == *ff05* ]] && ok || bad "no RIPs with --rip: $out"
    exits 0 exits --help
    refused "needs two files" exits "$tmp/json"
    refused "a third" exits "$tmp/json" "$tmp/b" "$tmp/b"
    refused "unknown option" exits --what "$tmp/json" "$tmp/b"
    refused "can't be read" exits "$tmp/json" "$tmp/nothing"
    for text in '' '{' '[]' 'null' '{"format":"twin86-exits"}' '{"format":"twin86-exits","version":2}' "$(head -c 700 "$tmp/json")" \
        "$(sed 's/"count":1,/"count":-1,/' "$tmp/json")" "$(sed 's/"rows":\[/"rows":[7,/' "$tmp/json")" \
        "$(sed 's/"place":"0x/"place":"zz/' "$tmp/json")" "$(sed 's/"class":"exit"/"class":"exits"/' "$tmp/json")"; do
        printf '%s' "$text" >"$tmp/bad"
        refused "exit statistics" exits "$tmp/json" "$tmp/bad"
    done
fi
finish
