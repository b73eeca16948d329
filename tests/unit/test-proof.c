/* SPDX-License-Identifier: Apache-2.0 */
/* agent/proof: real handshakes and requests are recognised, and near misses of them are not. */
#include "proof/proof.h"
#include "../fixture/subject.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define ECDSA_SHA256 0x0403

/* A key with a self-signed certificate, in OpenSSL's form and in DER. */
struct party {
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t *der, *spki;
    size_t der_len, spki_len;
};

struct world {
    struct party client, server, stranger;
    struct cs_buf transcript; /* of a TLS 1.2 handshake, up to the client's CertificateVerify */
    bool done;
};

static void party_init(struct party *p, const char *name)
{
    p->key = EVP_EC_gen("P-256");
    p->certificate = X509_new();
    X509_set_version(p->certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(p->certificate), 1);
    assert_true(set_subject(p->certificate, name));
    X509_set_issuer_name(p->certificate, X509_get_subject_name(p->certificate));
    X509_gmtime_adj(X509_getm_notBefore(p->certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(p->certificate), 3600);
    X509_set_pubkey(p->certificate, p->key);
    assert_true(X509_sign(p->certificate, p->key, EVP_sha256()) > 0);
    p->der_len = (size_t)i2d_X509(p->certificate, &p->der);
    p->spki_len = (size_t)i2d_PUBKEY(p->key, &p->spki);
}

static void party_deinit(struct party *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
    OPENSSL_free(p->der);
    OPENSSL_free(p->spki);
}

static bool owns(const void *context, struct cs_bytes certificate)
{
    const struct party *p = context;

    return cs_bytes_equal(certificate, CS_BYTES(p->der, p->der_len));
}

static struct cs_proof_key key_of(const struct party *p)
{
    return (struct cs_proof_key){
        .spki = CS_BYTES(p->spki, p->spki_len), .scheme = ECDSA_SHA256, .owns = owns, .context = p};
}

/* Handshake messages as both sides say them; the CertificateVerify (15) ends the transcript. */
static void record(
    int write, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
    struct world *w = arg;

    (void)write, (void)version, (void)ssl;
    if (type != SSL3_RT_HANDSHAKE || w->done)
        return;
    if (((const uint8_t *)data)[0] == 15)
        w->done = true;
    else
        cs_buf_put(&w->transcript, data, len);
}

static int accept_any(int ok, X509_STORE_CTX *context)
{
    (void)ok, (void)context;
    return 1;
}

static SSL *new_end(const struct party *p, const SSL_METHOD *method, int version)
{
    SSL_CTX *context = SSL_CTX_new(method);
    SSL *ssl;

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    assert_int_equal(SSL_CTX_use_certificate(context, p->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, p->key), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
    ssl = SSL_new(context);
    SSL_CTX_free(context);
    return ssl;
}

static void handshake(struct world *w, int version)
{
    SSL *client = new_end(&w->client, TLS_client_method(), version);
    SSL *server = new_end(&w->server, TLS_server_method(), version);
    BIO *a, *b;

    BIO_new_bio_pair(&a, 65536, &b, 65536);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_add_client_CA(server, w->client.certificate);
    SSL_set_tlsext_host_name(client, "api.corp.example");
    SSL_set_msg_callback(client, record);
    SSL_set_msg_callback_arg(client, w);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    SSL_free(client);
    SSL_free(server);
}

static int setup(void **state)
{
    static struct world w;

    w = (struct world){.transcript = CS_BUF_INIT(65536)};
    party_init(&w.client, "alice");
    party_init(&w.server, "api.corp.example");
    party_init(&w.stranger, "mallory");
    handshake(&w, TLS1_2_VERSION);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    party_deinit(&w->client);
    party_deinit(&w->server);
    party_deinit(&w->stranger);
    cs_buf_deinit(&w->transcript);
    return 0;
}

static enum cs_proof_kind kind_of(struct cs_bytes message, const struct party *p)
{
    struct cs_proof_key key = key_of(p);

    return cs_proof_of_message(message, &key).kind;
}

static void test_a_tls12_handshake_is_proven_and_tells_the_server(void **state)
{
    struct world *w = *state;
    struct cs_proof_key key = key_of(&w->client);
    struct cs_proof proof = cs_proof_of_message(cs_buf_bytes(&w->transcript), &key);

    assert_int_equal(proof.kind, CS_PROOF_TLS12_CLIENT);
    assert_true(cs_bytes_equal(proof.server_name, cs_bytes_of("api.corp.example")));
    assert_true(
        cs_bytes_equal(proof.server_certificate, CS_BYTES(w->server.der, w->server.der_len)));
    assert_true(proof.issuers.len > 2);
    assert_true(proof.extended_master_secret);
}

static void test_a_tls12_handshake_of_another_client_is_not(void **state)
{
    struct world *w = *state;

    assert_int_equal(kind_of(cs_buf_bytes(&w->transcript), &w->stranger), CS_PROOF_DATA);
}

static void test_a_scheme_the_server_did_not_offer_is_not(void **state)
{
    struct world *w = *state;
    struct cs_proof_key key = key_of(&w->client);

    key.scheme = 0x0203; /* ecdsa_sha1 */
    assert_int_equal(cs_proof_of_message(cs_buf_bytes(&w->transcript), &key).kind, CS_PROOF_DATA);
}

static void test_every_truncation_and_a_trailing_byte_is_not(void **state)
{
    struct world *w = *state;
    struct cs_bytes whole = cs_buf_bytes(&w->transcript);

    for (size_t n = 0; n < whole.len; n++)
        assert_int_equal(kind_of(CS_BYTES(whole.data, n), &w->client), CS_PROOF_DATA);
    cs_buf_put_u8(&w->transcript, 0);
    assert_int_equal(kind_of(cs_buf_bytes(&w->transcript), &w->client), CS_PROOF_DATA);
    w->transcript.len--;
}

/* A document may be hidden behind the client's key: the lengths of the message are right. */
static void test_more_than_a_key_in_the_key_exchange_is_not(void **state)
{
    struct world *w = *state;
    size_t at = w->transcript.len - 4 - 1 - 65; /* header, length, a point on P-256 */

    if (w->transcript.data[w->transcript.len - 33] == 32)
        at = w->transcript.len - 4 - 1 - 32; /* X25519 */
    assert_int_equal(w->transcript.data[at], 16);
    for (const char *c = "a document"; *c; c++)
        cs_buf_put_u8(&w->transcript, (uint8_t)*c);
    w->transcript.data[at + 3] += (uint8_t)strlen("a document");
    assert_int_equal(kind_of(cs_buf_bytes(&w->transcript), &w->client), CS_PROOF_DATA);
    w->transcript.data[at + 3] -= (uint8_t)strlen("a document");
    w->transcript.len -= strlen("a document");
    assert_int_equal(kind_of(cs_buf_bytes(&w->transcript), &w->client), CS_PROOF_TLS12_CLIENT);
}

/* Whatever byte is changed: never a crash, never another kind of proof. */
static void test_changed_bytes_do_no_harm(void **state)
{
    struct world *w = *state;
    struct cs_bytes whole = cs_buf_bytes(&w->transcript);

    for (size_t i = 0; i < whole.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            enum cs_proof_kind kind;

            w->transcript.data[i] ^= (uint8_t)(1 << bit);
            kind = kind_of(whole, &w->client);
            assert_true(kind == CS_PROOF_DATA || kind == CS_PROOF_TLS12_CLIENT);
            w->transcript.data[i] ^= (uint8_t)(1 << bit);
        }
}

static void test_a_tls13_transcript_itself_is_not(void **state)
{
    struct world *w = *state;
    struct world other = {
        .client = w->client, .server = w->server, .transcript = CS_BUF_INIT(65536)};

    handshake(&other, TLS1_3_VERSION);
    assert_true(other.transcript.len > 0);
    assert_int_equal(kind_of(cs_buf_bytes(&other.transcript), &w->client), CS_PROOF_DATA);
    cs_buf_deinit(&other.transcript);
}

static enum cs_proof_kind tls13(const char *context, size_t context_len, size_t spaces, size_t hash)
{
    uint8_t message[256];

    memset(message, ' ', spaces);
    memcpy(message + spaces, context, context_len);
    memset(message + spaces + context_len, 0xab, hash);
    return cs_proof_of_message(
        CS_BYTES(message, spaces + context_len + hash), &(struct cs_proof_key){0})
        .kind;
}

static void test_tls13_client_and_its_near_misses(void **state)
{
    static const char client[] = "TLS 1.3, client CertificateVerify";
    static const char server[] = "TLS 1.3, server CertificateVerify";

    (void)state;
    assert_int_equal(tls13(client, sizeof(client), 64, 32), CS_PROOF_TLS13_CLIENT);
    assert_int_equal(tls13(client, sizeof(client), 64, 48), CS_PROOF_TLS13_CLIENT);
    assert_int_equal(tls13(server, sizeof(server), 64, 32), CS_PROOF_DATA);
    assert_int_equal(tls13(client, sizeof(client), 63, 32), CS_PROOF_DATA);
    assert_int_equal(tls13(client, sizeof(client), 65, 32), CS_PROOF_DATA);
    assert_int_equal(tls13(client, sizeof(client), 64, 31), CS_PROOF_DATA);
    assert_int_equal(tls13(client, sizeof(client), 64, 33), CS_PROOF_DATA);
    assert_int_equal(tls13(client, sizeof(client), 64, 49), CS_PROOF_DATA);
    assert_int_equal(
        tls13(client, sizeof(client) - 1, 64, 33), CS_PROOF_DATA); /* 0xab for the zero */
    assert_int_equal(tls13("a document that begins with spaces", 34, 64, 32), CS_PROOF_DATA);
}

static void test_a_csr_for_this_key_and_not_for_another(void **state)
{
    struct world *w = *state;
    X509_REQ *request = X509_REQ_new();
    uint8_t *der = NULL;
    size_t len;

    X509_REQ_set_subject_name(request, X509_get_subject_name(w->client.certificate));
    X509_REQ_set_pubkey(request, w->client.key);
    assert_true(X509_REQ_sign(request, w->client.key, EVP_sha256()) > 0);
    len = (size_t)i2d_re_X509_REQ_tbs(request, &der);
    assert_int_equal(kind_of(CS_BYTES(der, len), &w->client), CS_PROOF_CSR);
    assert_int_equal(kind_of(CS_BYTES(der, len), &w->stranger), CS_PROOF_DATA);
    assert_int_equal(kind_of(CS_BYTES(der, len - 1), &w->client), CS_PROOF_DATA);
    OPENSSL_free(der);
    X509_REQ_free(request);
}

/* A certificate to be signed is a document like any other, of whatever version. */
static void test_a_certificate_is_not(void **state)
{
    struct world *w = *state;
    uint8_t *der = NULL;
    size_t len;

    X509_set_version(w->client.certificate, 0);
    ASN1_INTEGER_set(X509_get_serialNumber(w->client.certificate), 0);
    X509_sign(w->client.certificate, w->client.key, EVP_sha256());
    len = (size_t)i2d_re_X509_tbs(w->client.certificate, &der);
    assert_int_equal(kind_of(CS_BYTES(der, len), &w->client), CS_PROOF_DATA);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tls12_handshake_is_proven_and_tells_the_server),
        cmocka_unit_test(test_a_tls12_handshake_of_another_client_is_not),
        cmocka_unit_test(test_a_scheme_the_server_did_not_offer_is_not),
        cmocka_unit_test(test_every_truncation_and_a_trailing_byte_is_not),
        cmocka_unit_test(test_more_than_a_key_in_the_key_exchange_is_not),
        cmocka_unit_test(test_changed_bytes_do_no_harm),
        cmocka_unit_test(test_a_tls13_transcript_itself_is_not),
        cmocka_unit_test(test_tls13_client_and_its_near_misses),
        cmocka_unit_test(test_a_csr_for_this_key_and_not_for_another),
        cmocka_unit_test(test_a_certificate_is_not),
    };

    return cmocka_run_group_tests_name("proof", tests, setup, teardown);
}
