#!/bin/sh
# SPDX-License-Identifier: MIT
# The work itself, on the host and in the guest: run.sh FOLDER prints what has to be the same on both.
cd "$1" || exit 2
export OPENSSL_CONF=/dev/null PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
./strings
key=000102030405060708090a0b0c0d0e0f
for digest in md5 sha1 sha256 sha512 sha3-256 blake2b512 sm3; do
    /usr/bin/openssl dgst -$digest data 2>&1
done
for cipher in aes-128-cbc aes-256-cbc aes-128-ctr aes-256-ctr aes-128-ecb aes-256-cfb aes-192-ofb chacha20 camellia-128-cbc; do
    /usr/bin/openssl enc -$cipher -K $key$key -iv $key -in data -out out 2> err || cat err
    /usr/bin/openssl enc -d -$cipher -K $key$key -iv $key -in out -out back 2> err || cat err
    cmp data back
    echo "$cipher $(/usr/bin/openssl dgst -sha256 out)"
done
echo "gmac $(/usr/bin/openssl mac -macopt cipher:aes-128-gcm -macopt hexkey:$key -macopt hexiv:$key -in data GMAC)"
echo "cmac $(/usr/bin/openssl mac -macopt cipher:aes-128-cbc -macopt hexkey:$key -in data CMAC)"
echo "poly1305 $(/usr/bin/openssl mac -macopt hexkey:$key$key -in data POLY1305)"
echo "hmac $(/usr/bin/openssl mac -macopt digest:sha256 -macopt hexkey:$key -in data HMAC)"
for kind in rsa ed; do
    /usr/bin/openssl pkeyutl -sign -inkey $kind.pem -rawin -in data -out out.sig 2>&1
    /usr/bin/openssl pkeyutl -verify -inkey $kind.pem -rawin -in data -sigfile out.sig 2>&1
    echo "$kind $(/usr/bin/openssl dgst -sha256 out.sig)"
done
/usr/bin/openssl dgst -sha256 -verify ec.pub -signature ec.sig data 2>&1
/usr/bin/python3 work.py
