# SPDX-License-Identifier: MIT
# Sourced by make-image.sh and work.sh, as set-main.sh: what else people run. Nothing of it was known when the set
# main's sequences were chosen.
all="bzip2 zstd unzstd gcc lua luajit gawk sed grep perl-regex py-json jq bash lame sox webp chacha ed25519"
packages="bash coreutils bzip2 zstd gcc lua5.4 luajit gawk sed grep perl-base python3 jq lame sox webp openssl"
cc1=(/usr/lib/gcc/x86_64-linux-gnu/*/cc1) # $cc1: the first, where there are several
programs="$cc1 bzip2 zstd lua5.4 luajit gawk sed grep perl python3 jq lame sox cwebp openssl"
modules="json re"
scripts="mix.lua regex.pl objects.py"
data="text small lines sound.wav picture program.c"
make_keys() { openssl genpkey -algorithm ed25519 -out "$1/ed25519.pem"; }

w_bzip2() { head -c 1500000 text | /usr/bin/bzip2 -9 -c; }
w_zstd() { /usr/bin/zstd -q --single-thread -9 -c text; }
w_unzstd() { /usr/bin/zstd -q --single-thread -1 -c text > packed && for ((i = 0; i < 8; i++)); do /usr/bin/zstd -q -d -c packed; done; }
w_gcc() { "$cc1" -quiet -ffreestanding -O2 -o - program.c; }
w_lua() { /usr/bin/lua5.4 mix.lua 2; }
w_luajit() { /usr/bin/luajit mix.lua 8; }
w_gawk() { /usr/bin/gawk '{ n[$3] = n[$3] substr($4, 1, 2); s += sqrt($1) * log($2 + 1) } END { for (k in n) t += length(n[k]); print s, t }' lines; }
w_sed() { /usr/bin/sed -E 's/([0-9]+) ([0-9]+)/\2 \1/; s/[a-f]+/<&>/g; /77/d' lines | tail -n 2000; }
w_grep() { for word in 'ta.*oi' '(eta|oin)+s' '^[a-m].*r[^a-e]t$'; do /usr/bin/grep -c -E "$word" text; done; /usr/bin/grep -c -i 'NET.*IO.*H' text; }
w_perl-regex() { /usr/bin/perl regex.pl 10000 < text; }
w_py-json() { $python objects.py < lines; }
w_jq() { head -n 8000 lines | /usr/bin/jq -R -c 'split(" ") | {a: (.[0] | tonumber), b: .[2]} | select(.a % 3 == 0)'; }
w_bash() { /bin/bash -c 'declare -A n; for ((i = 0; i < 12000; i++)); do k=$((i * i % 97)); n[$k]+=x; s=${n[$k]/xx/y}; done; echo ${#n[@]} $s'; }
w_lame() { /usr/bin/lame --quiet -b 128 sound.wav -; }
w_sox() { /usr/bin/sox -V1 -D sound.wav -t raw - rate 48000 reverb 30 equalizer 900 1q 4; }
w_webp() { /usr/bin/cwebp -quiet -s 640 480 -q 75 -m 4 picture -o -; }
w_chacha() { for ((i = 0; i < 8; i++)); do /usr/bin/openssl enc -chacha20 -K $key$key -iv $key -in text | tail -c 4096; done; }
w_ed25519() { for ((i = 0; i < 20; i++)); do /usr/bin/openssl pkeyutl -sign -rawin -inkey ed25519.pem -in small; done; }
