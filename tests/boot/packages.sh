# SPDX-License-Identifier: MIT
# Sourced by start and check: `need_packages NAME...` installs the Debian packages that are missing.
need_packages() {
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo > /dev/null || {
            echo "$0: these Debian packages are missing; install them as root:$missing" >&2
            return 1
        }
    fi
    echo "Installing:$missing" >&2
    $as_root apt-get -q update || echo "$0: going on with the package lists that could be fetched" >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing
}

# What building takes. Debian 12's clang-19 makes the fastest engine (tail calls with a calling convention for them);
# where it can't be had, any clang or gcc will do.
build_packages="autoconf automake make pkg-config libc6-dev binutils"
compiler_package() {
    command -v clang-19 > /dev/null || need_packages clang-19 && return 0
    for compiler in clang gcc; do
        command -v "$compiler" > /dev/null && return 0
    done
    need_packages clang
}

# build SOURCE BUILDDIR: configure once and make. What configure found out stays in found.cache for builds with sanitizers
# (not as its own cache: what is installed later is to be found). A small shell makes make's many starts of one cheaper.
build() {
    [ -x "$1/configure" ] && [ "$1/configure" -nt "$1/configure.ac" ] || (cd "$1" && autoreconf -fi)
    mkdir -p "$2"
    [ -f "$2/Makefile" ] || (cd "$2" && rm -f config.cache && CONFIG_SHELL=/bin/sh "$1/configure" -C --silent && mv config.cache found.cache)
    make -C "$2" -s -j"$(nproc)"
}

# debian_sources RELEASE FOLDER: this machine's Debian mirrors of that release (bookworm, its updates and its security
# updates) into FOLDER/sources.list. A fresh machine has no lists yet and names none.
debian_sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)' \
        'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        awk -v r="$1" '$3 == "main" && index($2, r) == 1 && $2 !~ /backports/' | sort -u |
        while read -r uri suite component key; do
            case $key in
            /*) echo "deb [signed-by=$key] $uri $suite $component" ;;
            *) echo "deb $uri $suite $component" ;;
            esac
        done > "$2/sources.list"
    [ -s "$2/sources.list" ] ||
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $1 main" > "$2/sources.list"
}
