#!/bin/sh
# SPDX-License-Identifier: MIT
# x86gen refuses tables that contradict themselves, with file, line and reason. Run in the build folder.
set -eu
src=${srcdir:-.}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/shapes_t.h" <<'END'
void op_r(int); void op_m(int); void kernel_add(int); void helper_cli(int);
END
mkdir -p "$dir/out/isa" "$dir/out/accel/tcg-lite/exec"
cases=0
failed=0

# try EXPECTED-MESSAGE (or "ok") ROW...
try() {
    want=$1
    shift
    { echo "%unit t"; for row; do echo "$row"; done; } > "$dir/t.tab"
    cases=$((cases + 1))
    if ./x86gen "$dir/t.tab" "$dir" "$dir/out" > "$dir/log" 2>&1; then
        got=ok
    else
        got=$(cat "$dir/log")
    fi
    case $got in
    *"$want"*) ;;
    *) echo "x86gen.sh: for '$*' wanted '$want', got: $got"; failed=$((failed + 1)) ;;
    esac
}

try ok "01 ADD Ev,Gv op add w=oszapc" "fa CLI - help cli"
try "t.tab:3: error: ADC Ev,Gv (01) collides with line 2" "01 ADD Ev,Gv op add" "01 ADC Ev,Gv op add"
try "collides with line 2" "80 /1 ADD Eb,Ib op add" "80 mem SUB Eb,Ib op add"
try "collides with line 2" "40+r INC Zv op add" "43 DEC Zv op add" "43 NEG Zv op add"
try ok "90+r XCHG Zv,rAX op add" "90 NOP - op add norexb" "f3 90 PAUSE - op add norexb"
try ok "63 ARPL Ew,Gw op add no64" "63 MOVSXD Gv,Ed op add only64"
try "has no ModRM byte, unlike line 2" "80 ADD Eb,Ib op add" "f3 80 SUB AL,Ib op add"
try "unknown operand 'Tv'" "01 ADD Tv,Gv op add"
try "unknown operand 'Evv'" "01 ADD Evv,Gv op add"
try "unknown attribute 'fast'" "01 ADD Ev,Gv op add fast"
try "unknown flag 'x'" "01 ADD Ev,Gv op add w=x"
try "no header has kernel_sub()" "01 SUB Ev,Gv op sub"
try "no header has swap_r()" "01 SUB Ev,Gv swap add"
try "no header has op_l()" "01 ADD Ev,Gv op add lock"
try "no header has helper_sti()" "fb STI - help sti"
try "lock on a row without memory operand" "01 ADD Rv,Gv op add lock"
try "contradict each other" "01 reg ADD Mv,Gv op add"
try "is no opcode byte or rule" "0g ADD Ev,Gv op add"
try "no opcode byte" "0f ADD Ev,Gv op add"
try "a row needs opcode, mnemonic" "01 ADD Ev,Gv op"
try ok "01 ADD Ev,Gv op add amd=some-rule" "01 ADC Ev,Gv op add intel=some-rule"
try ok "01 ADD Ev,Gv op add amd=some-rule" "01 ADC Ev,Gv op add"
try "collides with line 2" "01 ADD Ev,Gv op add amd=some-rule" "01 ADC Ev,Gv op add amd=some-rule"
try "collides with line 2" "01 ADD Ev,Gv op add amd=some-rule" "01 ADC Ev,Gv op add intel=other-rule"
try "names no vendor rule" "01 ADD Ev,Gv op add amd="
try "names no vendor rule" "01 ADD Ev,Gv op add intel=Some_Rule"
try "one vendor rule" "01 ADD Ev,Gv op add amd=a intel=b"
try "cannot be together" "01 ADD Iz,Iz op add"

if ./x86gen "$src/isa/x86.tab" "$src/accel/tcg-lite" "$dir/out" > "$dir/log" 2>&1; then :; else
    cat "$dir/log"
    failed=$((failed + 1))
fi
echo "$((cases + 1 - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
