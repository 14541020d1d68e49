# SPDX-License-Identifier: MIT
# Sourced by scripts that put the host's programs into an initramfs.

# copy_files TREE FILE...: with the folders above them; what is there already stays.
copy_files() {
    copy_tree=$1
    shift
    for f in "$@"; do
        [ -e "$copy_tree$f" ] && continue
        mkdir -p "$copy_tree$(dirname "$f")"
        cp -L "$f" "$copy_tree$f" || return
    done
}

# libraries FILE...: what the dynamic loader would load for them.
libraries() {
    for f in "$@"; do
        ldd "$f" 2>/dev/null | grep -o '/[^ )]*'
    done | sort -u
}
