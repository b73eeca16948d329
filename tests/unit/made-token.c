/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens made for tests. What cannot be made ends the test. */
#include "made-token.h"
#include "../fixture/subject.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

EVP_PKEY *make_key(const char *kind)
{
    EVP_PKEY *key = NULL;

    if (kind[0] == 'P')
        key = EVP_EC_gen(kind);
    else if (strcmp(kind, "RSA") == 0)
        key = EVP_RSA_gen(2048);
    else if (strcmp(kind, "RSA-PSS") == 0) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);

        assert_int_equal(EVP_PKEY_keygen_init(context), 1);
        assert_int_equal(EVP_PKEY_generate(context, &key), 1);
        EVP_PKEY_CTX_free(context);
    } else
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    assert_non_null(key);
    return key;
}

X509 *make_certificate(const struct made_certificate *wanted)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    EVP_PKEY *signer = wanted->issuer ? wanted->issuer_key : wanted->key;
    bool hashes = !EVP_PKEY_is_a(signer, "ED25519") && !EVP_PKEY_is_a(signer, "ED448");
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(
        NULL, NULL, NID_basic_constraints, wanted->ca ? "critical,CA:TRUE" : "CA:FALSE");

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    assert_true(set_subject(certificate, wanted->subject));
    X509_set_issuer_name(
        certificate, X509_get_subject_name(wanted->issuer ? wanted->issuer : certificate));
    X509_gmtime_adj(X509_getm_notBefore(certificate), (long)wanted->from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)wanted->to * DAY);
    X509_set_pubkey(certificate, wanted->key);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, signer, hashes ? EVP_sha256() : NULL) > 0);
    return certificate;
}

struct cs_token *make_token(const char *label, uint32_t slot, uint32_t flags)
{
    const struct cs_host_token report = {.slot = slot,
        .label = cs_bytes_of(label),
        .manufacturer = cs_bytes_of("Made"),
        .model = cs_bytes_of("Test"),
        .serial = cs_bytes_of(label[0] ? label : "0815"),
        .flags = flags};
    struct cs_token *token = NULL;

    assert_int_equal(cs_token_new(&report, &token), 0);
    token->module = "made";
    return token;
}

static void add(struct cs_token *token, struct cs_host_object report, const char *label,
    const char *id, struct cs_bytes value)
{
    report.slot = token->slot;
    report.label = cs_bytes_of(label);
    report.cka_id = cs_bytes_of(id);
    report.value = value;
    assert_int_equal(cs_token_add(token, &report), 0);
}

static uint8_t type_of(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return CS_KEY_EC;
    return EVP_PKEY_is_a(key, "ED25519") ? CS_KEY_ED25519 : CS_KEY_RSA;
}

static void add_key(struct cs_token *token, enum cs_host_object_class class, const char *label,
    const char *id, EVP_PKEY *key)
{
    const struct cs_host_object report = {
        .object_class = (uint8_t) class, .key_type = type_of(key)};
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    assert_true(len > 0);
    add(token, report, label, id, CS_BYTES(der, (size_t)len));
    OPENSSL_free(der);
}

void add_private(struct cs_token *token, const char *label, const char *id, EVP_PKEY *key)
{
    add_key(token, CS_HOST_PRIVATE_KEY, label, id, key);
}

void add_public(struct cs_token *token, const char *label, const char *id, EVP_PKEY *key)
{
    add_key(token, CS_HOST_PUBLIC_KEY, label, id, key);
}

void add_silent(struct cs_token *token, const char *label, const char *id, uint8_t key_type)
{
    const struct cs_host_object report = {
        .object_class = CS_HOST_PRIVATE_KEY, .key_type = key_type};

    add(token, report, label, id, (struct cs_bytes){0});
}

bool is_certificate(const struct cs_object *object, const X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    bool same = object && len > 0 && cs_bytes_equal(object->value, CS_BYTES(der, (size_t)len));

    OPENSSL_free(der);
    return same;
}

void add_certificate(struct cs_token *token, const char *label, const char *id, X509 *certificate)
{
    const struct cs_host_object report = {.object_class = CS_HOST_CERTIFICATE};
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    assert_true(len > 0);
    add(token, report, label, id, CS_BYTES(der, (size_t)len));
    OPENSSL_free(der);
}

void put_token(struct cs_inventory *inventory, struct cs_token *token)
{
    assert_int_equal(cs_token_complete(token), 0);
    assert_int_equal(cs_inventory_put(inventory, token), 0);
}
