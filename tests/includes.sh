#!/bin/sh
# SPDX-License-Identifier: MIT
# Lower layers never include upper ones, rooms that are private stay so, no folder or file grows beyond what one can
# take in. docs/architecture.md, "The house", has the same table in words.
set -eu
cd "${srcdir:-.}"
passed=0
failed=0

# FOLDER: what its sources may include, as beginnings of paths. A folder that is not in this list is refused.
layers='
base: base/
sandbox: sandbox/ base/
isa: isa/ base/
memory: memory/ base/
devices: devices/ block/ fs9p/ net/ display/ memory/ base/
block: block/ sandbox/ base/
fs9p: fs9p/ sandbox/ base/
net: net/ sandbox/ base/
display: display/ base/
cpu: cpu/ accel/accel.h devices/clock.h isa/ memory/ base/
accel: accel/ cpu/ isa/ memory/ base/
debug: debug/ accel/ cpu/ devices/ isa/ memory/ base/
machine: machine/ include/twin86.h include/twin86_cpu.h debug/ accel/ cpu/ devices/ block/ fs9p/ net/ display/ isa/ memory/ sandbox/ base/
control: control/ include/twin86.h machine/ debug/ accel/ cpu/ devices/ block/ fs9p/ net/ display/ isa/ memory/ base/
diff: diff/ include/twin86.h machine/ debug/ accel/ cpu/ devices/ isa/ memory/ base/
cli: cli/ twin86.h
examples: twin86.h twin86_cpu.h
'
# PREFIX: private; who may include what begins so, beside itself.
private='
accel/tcg-lite/engine.h: accel/registry.c
accel/tcg-lite/: isa/none
accel/kvm/engine.h: accel/registry.c
accel/kvm/kvm.h: diff/run/runner_kvm.c
sandbox/sandbox.h: sandbox/ block/ fs9p/ net/ machine/
sandbox/: sandbox/
accel/kvm/: isa/none
isa/gen/: accel/tcg-lite/gen/
isa/x86_ids.h: diff/ accel/tcg-lite/jit/
fs9p/internal.h: fs9p/
'

# "FILE HEADER" for each #include with quotes; a header without a folder is in the file's own, or the public one.
includes() {
    find base sandbox isa memory devices block fs9p net display cpu accel debug machine control diff cli examples \
        -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
        sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file" | while read -r header; do
            case $header in
            */* | twin86.h | twin86_cpu.h) echo "$file $header" ;;
            *) echo "$file ${file%/*}/$header" ;;
            esac
        done
    done
}

check() {
    awk -v layers="$layers" -v private="$private" '
    BEGIN {
        split(layers, line, "\n")
        for (k in line) if (split(line[k], part, ": ") == 2) may[part[1]] = part[2]
        n = split(private, line, "\n")
        for (k = 1; k <= n; k++) if (split(line[k], part, ": ") == 2) { secret[++count] = part[1]; known[count] = part[2] }
    }
    function begins(s, list,   w, k, n) {
        n = split(list, w, " ")
        for (k = 1; k <= n; k++) if (index(s, w[k]) == 1) return 1
        return 0
    }
    function room(path,   part) { split(path, part, "/"); return part[1] "/" part[2] "/" }
    {
        top = $1; sub("/.*", "", top)
        if (!(top in may)) { print $1 ": a folder without a layer: " top; next }
        if (!begins($2, may[top])) { print $1 ": must not include " $2; next }
        for (k = 1; k <= count; k++)
            if (index($2, secret[k]) == 1) {
                if (room($1) != room(secret[k]) && !begins($1, known[k]))
                    print $1 ": " $2 " is private to " room(secret[k])
                break
            }
    }'
}

# expect NAME FOUND: nothing was found.
expect() {
    if [ -z "$2" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1:"
        echo "$2"
    fi
}

# wrong FILE HEADER: the test itself must refuse this.
wrong() {
    if [ -n "$(echo "$1 $2" | check)" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL: this should be refused: $1 includes $2"
    fi
}

expect "layers" "$(includes | check)"
wrong base/why.c memory/bus.h
wrong isa/decode.c cpu/env.h
wrong memory/bus.c devices/irq.h
wrong devices/uart.c machine/machine.h
wrong devices/virtio/virtio_9p.c fs9p/internal.h
wrong cpu/vcpu.c accel/tcg-lite/run/tcg.h
wrong accel/kvm/step.c accel/tcg-lite/run/tcg.h
wrong debug/trace.c machine/machine.h
wrong machine/api.c control/session/session.h
wrong machine/api.c accel/tcg-lite/engine.h
wrong diff/compare.c accel/tcg-lite/run/mem.h
wrong block/queue.c sandbox/rules.h
wrong control/gdb/gdb.c diff/diff.h
wrong cli/main.c machine/machine.h
wrong attic/old.c isa/isa.h

# How much is in a room: sources of a folder, lines of a file.
crowded=$(find base sandbox isa memory devices block fs9p net display cpu accel debug machine control diff cli examples tests \
    -name '*.[ch]' 2>/dev/null | sed 's#/[^/]*$##' | sort | uniq -c | awk '$1 > 34 { print $2 ": " $1 " sources; 34 are enough" }')
expect "folders" "$crowded"
long=$(find base sandbox isa memory devices block fs9p net display cpu accel debug machine control diff cli examples include tests \
    -name '*.[ch]' -exec wc -l {} + 2>/dev/null | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines; 800 are enough" }')
expect "files" "$long"
wide=$(find . -name build -prune -o -name '*.[chS]' \
    -exec env LC_ALL=C awk '{ gsub(/[\200-\277]/, "") } length > 120 { print FILENAME ":" FNR ": wider than 120 columns" }' {} +)
expect "columns" "$wide"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
