/* SPDX-License-Identifier: MIT */
/** SHA-256 (FIPS 180-4), for state hashes. */
#ifndef TWIN86_MACHINE_SHA256_H
#define TWIN86_MACHINE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct Sha256 {
    uint32_t h[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
};

void sha256_init(struct Sha256 *s);
void sha256_update(struct Sha256 *s, const void *data, size_t size);
void sha256_final(struct Sha256 *s, uint8_t digest[32]);

#endif
