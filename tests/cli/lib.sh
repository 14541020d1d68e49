# SPDX-License-Identifier: MIT
# Shared by the command-line tests: run in the build tree, count, report.
twin86=${TWIN86:-./twin86}
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}

# rom FILE HEX: a 64 KiB firmware whose code HEX lies at F000:FF00; the reset vector jumps there.
rom() {
    local code=$(sed 's/../\\x&/g' <<<"${2// /}")
    {
        head -c $((0xff00)) /dev/zero
        printf "$code"
        head -c $((0xf0 - ${#code} / 4)) /dev/zero
        printf '\xe9\x0d\xff'
        head -c 13 /dev/zero
    } >"$1"
}

# run ARGS...: stdout in $out, stderr in $err, exit code in $rc
run() {
    timeout 60 "$twin86" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    rc=$?
    out=$(tr -d '\0' <"$tmp/out") err=$(cat "$tmp/err")
}

# refused WORDS ARGS...: exit code 2, nothing on stdout, one line on stderr that contains WORDS
refused() {
    local words=$1
    shift
    run "$@"
    if [ $rc = 2 ] && [ -z "$out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [[ $err == "twin86: "*"$words"* ]]; then
        ok
    else
        bad "twin86 $* -> rc $rc, '$out', '$err'; wanted one line with '$words'"
    fi
}

# exits CODE ARGS...
exits() {
    local want=$1
    shift
    run "$@"
    [ $rc = "$want" ] && ok || bad "twin86 $* -> rc $rc, wanted $want; '$out' '$err'"
}

# says WORDS: in the last run's output or errors
says() { [[ $out$err == *"$1"* ]] && ok || bad "'$1' is not in '$out' '$err'"; }

# skip COUNT WHY
skip() {
    skipped=$((skipped + $1))
    echo "SKIP $2"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    exit $((failed > 0))
}
