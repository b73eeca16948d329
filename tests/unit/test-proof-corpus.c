/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/proof on handshakes of real clients, and on near misses of them: tests/fuzz/seeds/proof, as
 * tests/fuzz/record-handshakes.py wrote it.
 */
#include "proof/proof.h"

#include <dirent.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SEEDS CS_SOURCE_ROOT "/tests/fuzz/seeds/proof/"

static const struct expected {
    const char *seed;
    const char *server_name;
    size_t n_issuers;
    bool extended_master_secret;
} handshakes[] = {
    {"tls12-boringssl-ec", "localhost", 1, true},
    {"tls12-boringssl-rsa", "localhost", 1, true},
    {"tls12-gnutls-ec", "localhost", 1, true},
    {"tls12-gnutls-rsa", "localhost", 1, true},
    {"tls12-nss-ec", "localhost", 1, true},
    {"tls12-nss-rsa", "localhost", 1, true},
    {"tls12-openssl-ec", "localhost", 1, true},
    {"tls12-openssl-many-issuers", "localhost", 21, true},
    {"tls12-openssl-no-ems", "", 1, false},
    {"tls12-openssl-rsa", "localhost", 1, true},
    {"tls12-openssl-rsa-key-exchange", "localhost", 1, true},
    {"tls12-renegotiation", "localhost", 1, true},
};

/* A seed: scheme, key and message, as the fuzz target reads it. */
struct seed {
    uint8_t data[16384];
    struct cs_proof_key key;
    struct cs_bytes message;
};

/* Asked of OpenSSL, not of the parser: a certificate is the key's own if it holds its public key.
 */
static bool owns(const void *context, struct cs_bytes certificate)
{
    const struct seed *seed = context;
    const uint8_t *at = certificate.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate.len);
    uint8_t *spki = NULL;
    int len = x509 ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki) : 0;
    bool same = len > 0 && cs_bytes_equal(CS_BYTES(spki, (size_t)len), seed->key.spki);

    OPENSSL_free(spki);
    X509_free(x509);
    return same;
}

static bool names(struct cs_bytes certificate, struct cs_bytes server)
{
    const uint8_t *at = certificate.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate.len);
    bool named = X509_check_host(x509, (const char *)server.data, server.len, 0, NULL) == 1;

    X509_free(x509);
    return named;
}

static void seed_read(struct seed *seed, const char *name)
{
    char path[512];
    struct cs_reader reader;
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), SEEDS "%s", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(seed->data, 1, sizeof(seed->data), file);
    fclose(file);
    reader = cs_reader_of(CS_BYTES(seed->data, len));
    seed->key = (struct cs_proof_key){.owns = owns, .context = seed, .names = names};
    seed->key.scheme = cs_get_u16(&reader);
    seed->key.spki = cs_get_bytes(&reader);
    seed->message = cs_get_raw(&reader, reader.left);
    assert_int_equal(reader.error, 0);
}

static size_t count_names(struct cs_bytes issuers)
{
    struct cs_reader reader = cs_reader_of(issuers);
    size_t n = 0;

    for (; reader.left; n++)
        cs_get_raw(&reader, cs_get_u16(&reader));
    return n;
}

static void test_handshakes_of_real_clients_are_proven(void **state)
{
    static struct seed seed;

    (void)state;
    for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++) {
        const struct expected *e = &handshakes[i];
        struct cs_proof proof;

        seed_read(&seed, e->seed);
        proof = cs_proof_of_message(seed.message, &seed.key);
        if (proof.kind != CS_PROOF_TLS12_CLIENT)
            fail_msg("%s is %s", e->seed, cs_proof_name(proof.kind));
        assert_true(cs_bytes_equal(proof.server_name, cs_bytes_of(e->server_name)));
        assert_int_equal(count_names(proof.issuers), e->n_issuers);
        assert_int_equal(proof.extended_master_secret, e->extended_master_secret);
        assert_true(proof.server_certificate.len > 0);
    }
}

static void test_a_byte_less_or_more_proves_nothing(void **state)
{
    static struct seed seed;

    (void)state;
    for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++) {
        seed_read(&seed, handshakes[i].seed);
        for (size_t len = 0; len < seed.message.len; len++)
            assert_int_equal(cs_proof_of_message(CS_BYTES(seed.message.data, len), &seed.key).kind,
                CS_PROOF_DATA);
        assert_int_equal(
            cs_proof_of_message(CS_BYTES(seed.message.data, seed.message.len + 1), &seed.key).kind,
            CS_PROOF_DATA);
    }
}

static void test_near_misses_prove_nothing(void **state)
{
    static struct seed seed;
    DIR *directory = opendir(SEEDS);
    struct dirent *entry;
    int n = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        struct cs_proof proof;

        if (strncmp(entry->d_name, "miss-", 5) != 0)
            continue;
        seed_read(&seed, entry->d_name);
        proof = cs_proof_of_message(seed.message, &seed.key);
        if (proof.kind != CS_PROOF_DATA)
            fail_msg("%s is %s", entry->d_name, cs_proof_name(proof.kind));
        n++;
    }
    closedir(directory);
    assert_true(n >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes_of_real_clients_are_proven),
        cmocka_unit_test(test_a_byte_less_or_more_proves_nothing),
        cmocka_unit_test(test_near_misses_prove_nothing),
    };

    return cmocka_run_group_tests_name("proof-corpus", tests, NULL, NULL);
}
