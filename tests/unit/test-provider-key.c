/* SPDX-License-Identifier: Apache-2.0 */
/* provider/key and provider/algid: libcrypto's own keys and signatures, as we see them. */
#include "provider/key.h"
#include "base/scheme.h"
#include "provider/algid.h"

#include <countersign/error.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t id[CS_ID_SIZE] = {1, 2, 3};

static int key_new(struct cs_key **keyp, struct cs_bytes spki)
{
    return cs_key_new(keyp, &(struct cs_pem_reference){.uri = cs_bytes_of("pkcs11:object=alice"),
                                .id = CS_BYTES(id, sizeof(id)),
                                .spki = spki});
}

static EVP_PKEY *make(const char *type, const char *group, unsigned bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (group)
        assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, group), 1);
    if (bits)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void check(const char *type, const char *group, unsigned bits)
{
    EVP_PKEY *theirs = make(type, group, bits);
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(theirs, &spki);
    struct cs_key *ours;

    assert_int_equal(key_new(&ours, CS_BYTES(spki, len)), 0);
    assert_string_equal(cs_key_type(ours), type);
    assert_int_equal(ours->bits, EVP_PKEY_get_bits(theirs));
    assert_int_equal(cs_key_security_bits(ours), EVP_PKEY_get_security_bits(theirs));
    assert_int_equal(cs_key_signature_size(ours), EVP_PKEY_get_size(theirs));
    assert_memory_equal(ours->id, id, sizeof(id));
    assert_string_equal(ours->uri, "pkcs11:object=alice");
    assert_false(cs_key_is_empty(ours));
    if (group)
        assert_string_equal(ours->group, group);
    cs_key_unref(cs_key_ref(ours));
    cs_key_unref(ours);
    for (int n = 0; n < len; n++)
        assert_int_equal(key_new(&ours, CS_BYTES(spki, n)), CS_ERR_PROTOCOL);
    OPENSSL_free(spki);
    EVP_PKEY_free(theirs);
}

static void test_keys_of_every_type(void **state)
{
    (void)state;
    check("EC", "prime256v1", 0);
    check("EC", "secp384r1", 0);
    check("EC", "secp521r1", 0);
    check("RSA", NULL, 1024);
    check("RSA", NULL, 2048);
    check("RSA", NULL, 3072);
    check("RSA-PSS", NULL, 2048);
    check("ED25519", NULL, 0);
    check("ED448", NULL, 0);
}

static void refuse(const char *type, const char *group)
{
    EVP_PKEY *theirs = make(type, group, 0);
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(theirs, &spki);
    struct cs_key *ours;

    assert_int_equal(key_new(&ours, CS_BYTES(spki, len)), CS_ERR_PROTOCOL);
    OPENSSL_free(spki);
    EVP_PKEY_free(theirs);
}

static void test_keys_that_we_do_not_know_are_refused(void **state)
{
    (void)state;
    refuse("EC", "secp256k1");
    refuse("X25519", NULL);
}

static void test_an_empty_key_is_harmless(void **state)
{
    struct cs_key *key = cs_key_new_empty();

    (void)state;
    assert_true(cs_key_is_empty(key));
    assert_string_equal(cs_key_type(key), "");
    assert_int_equal(cs_key_signature_size(key), 0);
    cs_key_unref(key);
    cs_key_unref(NULL);
}

static int signature_nid(uint16_t code, int *hash_nid)
{
    struct cs_buf der = CS_BUF_INIT(256);
    const unsigned char *at;
    X509_ALGOR *algorithm;
    int nid = NID_undef;

    cs_algid_put(&der, cs_scheme_by_code(code));
    at = der.data;
    algorithm = d2i_X509_ALGOR(NULL, &at, (long)der.len);
    assert_non_null(algorithm);
    assert_ptr_equal(at, der.data + der.len);
    nid = OBJ_obj2nid(algorithm->algorithm);
    *hash_nid = NID_undef;
    if (nid == NID_rsassaPss) {
        RSA_PSS_PARAMS *pss =
            ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);

        assert_non_null(pss);
        *hash_nid = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
        assert_int_equal(OBJ_obj2nid(pss->maskGenAlgorithm->algorithm), NID_mgf1);
        assert_int_equal(
            ASN1_INTEGER_get(pss->saltLength), EVP_MD_get_size(EVP_get_digestbynid(*hash_nid)));
        RSA_PSS_PARAMS_free(pss);
    }
    X509_ALGOR_free(algorithm);
    cs_buf_deinit(&der);
    return nid;
}

static void test_algorithm_identifiers(void **state)
{
    static const struct {
        uint16_t code;
        int nid, hash_nid;
    } expected[] = {
        {0x0401, NID_sha256WithRSAEncryption, NID_undef},
        {0x0501, NID_sha384WithRSAEncryption, NID_undef},
        {0x0601, NID_sha512WithRSAEncryption, NID_undef},
        {0x0804, NID_rsassaPss, NID_sha256},
        {0x0805, NID_rsassaPss, NID_sha384},
        {0x080b, NID_rsassaPss, NID_sha512},
        {0x0403, NID_ecdsa_with_SHA256, NID_undef},
        {0x0503, NID_ecdsa_with_SHA384, NID_undef},
        {0x0603, NID_ecdsa_with_SHA512, NID_undef},
        {0x0807, NID_ED25519, NID_undef},
        {0x0808, NID_ED448, NID_undef},
    };
    int hash_nid;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(signature_nid(expected[i].code, &hash_nid), expected[i].nid);
        assert_int_equal(hash_nid, expected[i].hash_nid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_every_type),
        cmocka_unit_test(test_keys_that_we_do_not_know_are_refused),
        cmocka_unit_test(test_an_empty_key_is_harmless),
        cmocka_unit_test(test_algorithm_identifiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
