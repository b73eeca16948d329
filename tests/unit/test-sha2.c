/* SPDX-License-Identifier: Apache-2.0 */
/* base/sha2: the examples of NIST, and whatever OpenSSL says of other lengths, in pieces. */
#include "base/sha2.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    enum cs_hash hash;
    const char *message, *digest;
} examples[] = {
    {CS_HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CS_HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {CS_HASH_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {CS_HASH_SHA384, "abc",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
        "8086072ba1e7cc2358baeca134c825a7"},
    {CS_HASH_SHA512, "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void test_examples_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        char hex[2 * CS_SHA2_MAX + 1];
        uint8_t digest[CS_SHA2_MAX];
        struct cs_sha2 sha2;

        cs_sha2_init(&sha2, examples[i].hash);
        cs_sha2_update(&sha2, examples[i].message, strlen(examples[i].message));
        cs_sha2_final(&sha2, digest);
        for (size_t j = 0; j < cs_hash_size(examples[i].hash); j++)
            snprintf(hex + 2 * j, 3, "%02x", digest[j]);
        assert_string_equal(hex, examples[i].digest);
    }
}

static void compare(enum cs_hash hash, const EVP_MD *md, const uint8_t *data, size_t len)
{
    uint8_t ours[CS_SHA2_MAX], theirs[EVP_MAX_MD_SIZE];
    size_t cut = len ? (size_t)rand() % len : 0;
    struct cs_sha2 sha2;

    cs_sha2_init(&sha2, hash);
    cs_sha2_update(&sha2, data, cut);
    cs_sha2_update(&sha2, data + cut, len - cut);
    cs_sha2_final(&sha2, ours);
    assert_int_equal(EVP_Digest(data, len, theirs, NULL, md, NULL), 1);
    assert_memory_equal(ours, theirs, cs_hash_size(hash));
}

static void test_every_length_is_as_openssl_says(void **state)
{
    uint8_t data[600];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)rand();
    for (size_t len = 0; len <= sizeof(data); len++) {
        compare(CS_HASH_SHA256, EVP_sha256(), data, len);
        compare(CS_HASH_SHA384, EVP_sha384(), data, len);
        compare(CS_HASH_SHA512, EVP_sha512(), data, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_standard),
        cmocka_unit_test(test_every_length_is_as_openssl_says),
    };

    return cmocka_run_group_tests_name("sha2", tests, NULL, NULL);
}
