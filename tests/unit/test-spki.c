/* SPDX-License-Identifier: Apache-2.0 */
/* base/spki, agent/inventory/key and certificate: what is said of keys without OpenSSL's decoders
 * is what OpenSSL says of them. */
#include "base/spki.h"
#include "base/der.h"
#include "inventory/certificate.h"
#include "inventory/key.h"
#include "made-token.h"

#include <countersign/error.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct made {
    uint8_t *der;
    size_t len;
};

static struct made spki_of(EVP_PKEY *pkey)
{
    struct made made = {0};
    int len = i2d_PUBKEY(pkey, &made.der);

    assert_true(len > 0);
    made.len = (size_t)len;
    EVP_PKEY_free(pkey);
    return made;
}

/* With a group or a number of bits, if it wants one. */
static EVP_PKEY *generate(const char *type, const char *group, int bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (group)
        assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, group), 1);
    if (bits)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* An EC key that writes its curve or its point in another way. */
static struct made written(const char *group, const char *parameter, const char *as)
{
    EVP_PKEY *pkey = generate("EC", group, 0);

    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, parameter, as), 1);
    return spki_of(pkey);
}

static EVP_PKEY *restricted_to_sha384(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pkey = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 48), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* What is known of a key that OpenSSL has decoded. */
static int decoded(struct cs_bytes spki, struct cs_key *key)
{
    static const char *const names[] = {[CS_KEY_RSA] = "RSA",
        [CS_KEY_RSA_PSS] = "RSA-PSS",
        [CS_KEY_EC] = "EC",
        [CS_KEY_ED25519] = "ED25519",
        [CS_KEY_ED448] = "ED448"};
    const uint8_t *at = spki.data;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    int r = CS_ERR_UNSUPPORTED;

    ERR_clear_error();
    *key = (struct cs_key){0};
    if (!pkey || at != spki.data + spki.len || cs_der_spki_key(spki, &key->point) < 0) {
        EVP_PKEY_free(pkey);
        return CS_ERR_PROTOCOL;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i] && EVP_PKEY_is_a(pkey, names[i])) {
            key->type = (enum cs_key_type)i;
            r = 0;
        }
    key->bits = (uint32_t)EVP_PKEY_get_bits(pkey);
    if (r == 0 && key->type == CS_KEY_EC &&
        !EVP_PKEY_get_group_name(pkey, key->group, sizeof(key->group), NULL))
        r = CS_ERR_UNSUPPORTED;
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return r;
}

static int assert_as_decoded(struct cs_bytes spki)
{
    struct cs_key expected, key;
    int r = cs_key_parse(spki, &key);

    assert_int_equal(r, decoded(spki, &expected));
    if (r < 0)
        return r;
    assert_int_equal(key.type, expected.type);
    assert_int_equal(key.bits, expected.bits);
    assert_string_equal(key.group, expected.group);
    assert_true(cs_bytes_equal(key.point, expected.point));
    assert_true(cs_bytes_equal(key.spki, spki));
    return 0;
}

/* With each bit ahead of the key's own numbers turned, with an octet less and with one more. */
static void assert_changes_as_decoded(struct cs_bytes spki)
{
    struct cs_bytes key;
    struct cs_spki parsed;
    size_t len = spki.len + 1, ahead;
    uint8_t *copy = malloc(len);

    assert_non_null(copy);
    memcpy(copy, spki.data, spki.len);
    copy[spki.len] = 0;
    assert_int_equal(cs_der_spki_key(spki, &key), 0);
    ahead = (size_t)(key.data - spki.data) + (key.data[0] == 0x30 ? 12 : 1);
    for (size_t bit = 0; bit < 8 * ahead; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_as_decoded(CS_BYTES(copy, spki.len));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut <= spki.len + 1; cut++)
        if (cut != spki.len) {
            assert_int_equal(cs_spki_parse(CS_BYTES(copy, cut), &parsed), CS_ERR_PROTOCOL);
            assert_int_equal(assert_as_decoded(CS_BYTES(copy, cut)), CS_ERR_PROTOCOL);
        }
    free(copy);
}

/* form_known: no need to ask OpenSSL. */
static void check(struct made made, int expected, bool form_known)
{
    struct cs_bytes spki = CS_BYTES(made.der, made.len);
    struct cs_spki parsed;

    assert_int_equal(assert_as_decoded(spki), expected);
    assert_int_equal(cs_spki_parse(spki, &parsed), form_known ? 0 : CS_ERR_PROTOCOL);
    assert_changes_as_decoded(spki);
    OPENSSL_free(made.der);
}

static void test_usual_keys_are_what_openssl_says(void **state)
{
    (void)state;
    check(spki_of(generate("EC", "P-256", 0)), 0, true);
    check(spki_of(generate("EC", "P-384", 0)), 0, true);
    check(spki_of(generate("EC", "P-521", 0)), 0, true);
    check(spki_of(generate("RSA", NULL, 1023)), 0, true);
    check(spki_of(generate("RSA", NULL, 2048)), 0, true);
    check(spki_of(generate("ED25519", NULL, 0)), 0, true);
    check(spki_of(generate("ED448", NULL, 0)), 0, true);
}

static void test_odd_keys_are_what_openssl_says(void **state)
{
    (void)state;
    check(written("P-256", OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 0, true);
    check(written("P-256", OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "hybrid"), 0, false);
    check(spki_of(generate("EC", "secp256k1", 0)), 0, false);
    check(spki_of(generate("EC", "brainpoolP256r1", 0)), 0, false);
    check(spki_of(generate("RSA-PSS", NULL, 1024)), 0, true);
    check(spki_of(restricted_to_sha384()), 0, true);
    check(spki_of(generate("X25519", NULL, 0)), CS_ERR_UNSUPPORTED, false);
}

/* An RSA key whose modulus is written with the octets at the start of a number of 64 more. */
static struct made rsa(struct cs_bytes start)
{
    static const uint8_t algorithm[] = {
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    struct cs_buf n = CS_BUF_INIT(128), key = CS_BUF_INIT(256), bits = CS_BUF_INIT(256);
    struct cs_buf body = CS_BUF_INIT(256), spki = CS_BUF_INIT(256);
    struct made made;

    cs_buf_put(&n, start.data, start.len);
    for (size_t i = 1; i < 64; i++)
        cs_buf_put_u8(&n, 0x5b);
    cs_der_put(&key, CS_DER_INTEGER, cs_buf_bytes(&n));
    cs_der_put(&key, CS_DER_INTEGER, CS_BYTES("\x03", 1));
    cs_buf_put_u8(&bits, 0);
    cs_der_put(&bits, CS_DER_SEQUENCE, cs_buf_bytes(&key));
    cs_der_put(&body, CS_DER_SEQUENCE, CS_BYTES(algorithm, sizeof(algorithm)));
    cs_der_put(&body, CS_DER_BIT_STRING, cs_buf_bytes(&bits));
    cs_der_put(&spki, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    made = (struct made){OPENSSL_memdup(spki.data, spki.len), spki.len};
    assert_non_null(made.der);
    cs_buf_deinit(&n);
    cs_buf_deinit(&key);
    cs_buf_deinit(&bits);
    cs_buf_deinit(&body);
    cs_buf_deinit(&spki);
    return made;
}

/* Whether OpenSSL takes it depends on its version. */
static void check_left_to_openssl(struct made made)
{
    struct cs_spki parsed;

    assert_int_equal(cs_spki_parse(CS_BYTES(made.der, made.len), &parsed), CS_ERR_PROTOCOL);
    assert_as_decoded(CS_BYTES(made.der, made.len));
    OPENSSL_free(made.der);
}

static void test_explicit_parameters_are_left_to_openssl(void **state)
{
    (void)state;
    check_left_to_openssl(
        written("P-256", OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT));
}

static void test_a_modulus_is_positive_and_not_short(void **state)
{
    (void)state;
    check(rsa(CS_BYTES("\0\x80", 2)), 0, true);
    check(rsa(CS_BYTES("\0\x7f", 2)), 0, false);     /* not the shortest form */
    check_left_to_openssl(rsa(CS_BYTES("\x80", 1))); /* negative: not for 4.0 */
    check(rsa(CS_BYTES("\x3f", 1)), 0, false);       /* 510 bits */
}

static struct cs_bytes der_of(X509 *certificate, uint8_t **derp)
{
    int len = i2d_X509(certificate, derp);

    assert_true(len > 0);
    return CS_BYTES(*derp, (size_t)len);
}

static X509 *reparse(X509 *certificate)
{
    uint8_t *der = NULL;
    X509 *copy = cs_certificate_parse(der_of(certificate, &der));

    assert_non_null(copy);
    OPENSSL_free(der);
    return copy;
}

static void test_certificates_are_verified_with_keys_of_every_kind(void **state)
{
    static const char *const kinds[] = {"P-256", "P-521", "RSA", "RSA-PSS", "ED25519", "ED448"};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        EVP_PKEY *root_key = make_key(kinds[i]), *key = make_key("P-256");
        X509 *root = make_certificate(&(const struct made_certificate){
            .subject = "CA", .key = root_key, .ca = true, .from = -1, .to = 30});
        X509 *leaf = make_certificate(&(const struct made_certificate){.subject = "alice",
            .key = key,
            .issuer = root,
            .issuer_key = root_key,
            .from = -1,
            .to = 30});
        X509 *issuer = reparse(root), *subject = reparse(leaf);

        assert_int_equal(X509_check_issued(issuer, subject), X509_V_OK);
        assert_int_equal(X509_verify(subject, X509_get0_pubkey(issuer)), 1);
        assert_int_not_equal(X509_verify(subject, key), 1);
        EVP_PKEY_free(root_key);
        EVP_PKEY_free(key);
        X509_free(issuer);
        X509_free(subject);
        X509_free(leaf);
        X509_free(root);
    }
    ERR_clear_error();
}

static void test_a_certificate_says_all_but_its_key(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *leaf = make_certificate(
        &(const struct made_certificate){.subject = "alice", .key = key, .from = -1, .to = 30});
    X509 *copy = reparse(leaf);

    (void)state;
    assert_null(X509_get0_pubkey(copy)); /* or it has cost what is to be saved */
    ERR_clear_error();
    assert_int_equal(X509_check_ca(copy), 0);
    assert_int_equal(X509_check_purpose(copy, X509_PURPOSE_SSL_CLIENT, 0), 1);
    assert_int_equal(X509_check_purpose(copy, X509_PURPOSE_SSL_CLIENT, 1), 0);
    assert_int_equal(X509_cmp(copy, leaf), 0);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(copy), X509_get_subject_name(leaf)), 0);
    X509_free(copy);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

static void test_what_is_no_certificate_is_refused(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *certificate = make_certificate(
        &(const struct made_certificate){.subject = "alice", .key = key, .from = -1, .to = 30});
    uint8_t *der = NULL, *longer;
    struct cs_bytes whole = der_of(certificate, &der);

    (void)state;
    longer = calloc(1, whole.len + 1);
    assert_non_null(longer);
    memcpy(longer, whole.data, whole.len);
    for (size_t len = 0; len < whole.len; len++)
        assert_null(cs_certificate_parse(CS_BYTES(longer, len)));
    assert_null(cs_certificate_parse(CS_BYTES(longer, whole.len + 1)));
    assert_int_equal(ERR_peek_error(), 0);
    free(longer);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_keys_are_what_openssl_says),
        cmocka_unit_test(test_odd_keys_are_what_openssl_says),
        cmocka_unit_test(test_explicit_parameters_are_left_to_openssl),
        cmocka_unit_test(test_a_modulus_is_positive_and_not_short),
        cmocka_unit_test(test_certificates_are_verified_with_keys_of_every_kind),
        cmocka_unit_test(test_a_certificate_says_all_but_its_key),
        cmocka_unit_test(test_what_is_no_certificate_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
