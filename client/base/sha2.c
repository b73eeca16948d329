/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-2 as FIPS 180-4 writes it. The two families differ in the width of a word, the rotations and
 * the number of rounds; the round constants of SHA-256 are the upper halves of SHA-512's.
 */
#include "base/sha2.h"

#include <string.h>

static const uint64_t round_constants[80] = {
    /* clang-format off */
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
    /* clang-format on */
};

static const uint64_t initial_256[8] = {
    /* clang-format off */
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    /* clang-format on */
};

static const uint64_t initial_384[8] = {
    /* clang-format off */
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
    /* clang-format on */
};

static const uint64_t initial_512[8] = {
    /* clang-format off */
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    /* clang-format on */
};

static size_t block_size(const struct cs_sha2 *sha2)
{
    return sha2->hash == CS_HASH_SHA256 ? 64 : 128;
}

static uint64_t get(const uint8_t *at, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

static void put(uint8_t *at, uint64_t value, size_t width)
{
    for (size_t i = width; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static uint32_t right32(uint64_t x, unsigned n)
{
    return (uint32_t)x >> n | (uint32_t)x << (32 - n);
}

static uint64_t right64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

/* What both families do with the words of a round: FIPS 180-4, 6.2.2 and 6.4.2, step 3. */
#define ROUND(word, s, sum0, sum1, add)                                                            \
    do {                                                                                           \
        word t1 = (word)(s[7] + (sum1) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + (add));                \
        word t2 = (word)((sum0) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])));                \
        memmove(s + 1, s, 7 * sizeof(s[0]));                                                       \
        s[4] += t1;                                                                                \
        s[0] = t1 + t2;                                                                            \
    } while (0)

static void compress_256(struct cs_sha2 *sha2, const uint8_t *block)
{
    uint32_t w[64], s[8];

    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)get(block + 4 * i, 4);
    for (size_t i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + (right32(a, 7) ^ right32(a, 18) ^ a >> 3) + w[i - 7] +
               (right32(b, 17) ^ right32(b, 19) ^ b >> 10);
    }
    for (size_t i = 0; i < 8; i++)
        s[i] = (uint32_t)sha2->state[i];
    for (size_t i = 0; i < 64; i++)
        ROUND(uint32_t, s, right32(s[0], 2) ^ right32(s[0], 13) ^ right32(s[0], 22),
            right32(s[4], 6) ^ right32(s[4], 11) ^ right32(s[4], 25),
            (uint32_t)(round_constants[i] >> 32) + w[i]);
    for (size_t i = 0; i < 8; i++)
        sha2->state[i] = (uint32_t)sha2->state[i] + s[i];
}

static void compress_512(struct cs_sha2 *sha2, const uint8_t *block)
{
    uint64_t w[80], s[8];

    for (size_t i = 0; i < 16; i++)
        w[i] = get(block + 8 * i, 8);
    for (size_t i = 16; i < 80; i++) {
        uint64_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + (right64(a, 1) ^ right64(a, 8) ^ a >> 7) + w[i - 7] +
               (right64(b, 19) ^ right64(b, 61) ^ b >> 6);
    }
    memcpy(s, sha2->state, sizeof(s));
    for (size_t i = 0; i < 80; i++)
        ROUND(uint64_t, s, right64(s[0], 28) ^ right64(s[0], 34) ^ right64(s[0], 39),
            right64(s[4], 14) ^ right64(s[4], 18) ^ right64(s[4], 41), round_constants[i] + w[i]);
    for (size_t i = 0; i < 8; i++)
        sha2->state[i] += s[i];
}

static void compress(struct cs_sha2 *sha2, const uint8_t *block)
{
    if (sha2->hash == CS_HASH_SHA256)
        compress_256(sha2, block);
    else
        compress_512(sha2, block);
}

void cs_sha2_init(struct cs_sha2 *sha2, enum cs_hash hash)
{
    const uint64_t *initial = hash == CS_HASH_SHA256   ? initial_256
                              : hash == CS_HASH_SHA384 ? initial_384
                                                       : initial_512;

    *sha2 = (struct cs_sha2){.hash = hash};
    memcpy(sha2->state, initial, sizeof(sha2->state));
}

void cs_sha2_update(struct cs_sha2 *sha2, const void *data, size_t len)
{
    const size_t size = block_size(sha2);
    size_t used = sha2->len % size;
    const uint8_t *at = data;

    sha2->len += len;
    while (len > 0) {
        size_t n = len < size - used ? len : size - used;

        if (n == size) {
            compress(sha2, at);
        } else {
            memcpy(sha2->block + used, at, n);
            if (used + n == size)
                compress(sha2, sha2->block);
        }
        used = (used + n) % size;
        at += n;
        len -= n;
    }
}

void cs_sha2_final(struct cs_sha2 *sha2, uint8_t *digest)
{
    const size_t size = block_size(sha2), width = size / 16;
    const uint64_t bits = sha2->len * 8;
    size_t used = sha2->len % size;

    sha2->block[used++] = 0x80;
    memset(sha2->block + used, 0, size - used);
    if (size - used < 2 * width) {
        compress(sha2, sha2->block);
        memset(sha2->block, 0, size);
    }
    put(sha2->block + size - 8, bits, 8);
    compress(sha2, sha2->block);
    for (size_t i = 0; i < cs_hash_size(sha2->hash) / width; i++)
        put(digest + i * width, sha2->state[i], width);
}
