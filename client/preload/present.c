/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callback that OpenSSL runs when a server has sent a CertificateRequest and the program has
 * configured no certificate (SSL_CTX_set_client_cert_cb(3)). It asks the agent which identity
 * suits, loads its key through the provider, and hands both over. If anything fails the handshake
 * goes on without a certificate, as it would without us, and the host's error queue is as before.
 */
#include "preload/present.h"
#include "preload/choose.h"
#include "preload/credential.h"
#include "preload/server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define SIGALGS_MAX 64

/*
 * What an SSL_CTX has of ours. OpenSSL cannot be asked for its library context. The credential of
 * its first handshake is kept: making one costs more than all the rest here, and goes through locks
 * of OpenSSL's that a child forked meanwhile would find locked. It ends with the SSL_CTX, so before
 * the library context in which its key lives.
 */
struct place {
    OSSL_LIB_CTX *libctx;
    _Atomic(struct cs_credential *) kept;
};

/* The SSL_CTX that this thread is about to make. A preloaded library can have a fixed place for it;
 * any other is found by a function of the dynamic linker's, and we need libc alone. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    bool is;
    OSSL_LIB_CTX *libctx;
} expected;

/* Of ours in the extra data of an SSL_CTX; -1: there is none yet. */
static atomic_int place_index = -1;

/* The DER names of the issuers that the server accepts; an empty list means any. */
static int put_issuers(
    const struct cs_libssl *openssl, SSL *ssl, struct countersign_criteria *criteria)
{
    const STACK_OF(X509_NAME) *names = openssl->SSL_get0_peer_CA_list(ssl);
    int n = names ? openssl->OPENSSL_sk_num((const OPENSSL_STACK *)names) : 0;
    struct countersign_bytes *issuers;

    if (n <= 0)
        return 0;
    issuers = calloc((size_t)n, sizeof(*issuers));
    if (!issuers)
        return CS_ERR_MEMORY;
    criteria->issuers = issuers;
    for (int i = 0; i < n; i++) {
        const X509_NAME *name = openssl->OPENSSL_sk_value((const OPENSSL_STACK *)names, i);
        unsigned char *der = NULL;
        int len = openssl->i2d_X509_NAME(name, &der);

        if (len <= 0)
            continue;
        issuers[criteria->n_issuers++] = (struct countersign_bytes){der, (size_t)len};
    }
    return 0;
}

static void free_issuers(const struct cs_libssl *openssl, struct countersign_criteria *criteria)
{
    for (size_t i = 0; i < criteria->n_issuers; i++)
        openssl->CRYPTO_free((void *)criteria->issuers[i].data, __FILE__, __LINE__);
    free((void *)criteria->issuers);
}

/* The SignatureSchemes of the CertificateRequest. */
static size_t get_schemes(const struct cs_libssl *openssl, SSL *ssl, uint16_t *schemes)
{
    int n = openssl->SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL);
    size_t found = 0;

    for (int i = 0; i < n && found < SIGALGS_MAX; i++) {
        unsigned char signature = 0, hash = 0;

        if (openssl->SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &signature, &hash) > 0)
            schemes[found++] = (uint16_t)(hash << 8 | signature);
    }
    return found;
}

static int find_identity(
    const struct cs_libssl *openssl, SSL *ssl, struct countersign_identity **identityp)
{
    uint16_t schemes[SIGALGS_MAX];
    char server[CS_SERVER_NAME];
    struct countersign_criteria criteria = {
        .host = cs_server_name(openssl, ssl, server),
        .schemes = schemes,
        .n_schemes = get_schemes(openssl, ssl, schemes),
    };
    int r = put_issuers(openssl, ssl, &criteria);

    if (r == 0)
        r = cs_choose(&criteria, identityp);
    free_issuers(openssl, &criteria);
    return r;
}

/* The credential that the SSL_CTX keeps, or one that is to be freed: *ownp. */
static const struct cs_credential *get_credential(const struct cs_libssl *openssl,
    struct place *place, struct countersign_identity *identity, struct cs_credential **ownp)
{
    struct cs_credential *kept = place ? atomic_load(&place->kept) : NULL;
    struct cs_credential *made;

    if (kept && cs_credential_is(kept, identity)) {
        countersign_identity_free(identity);
        return kept;
    }
    made = cs_credential_new(openssl, place ? place->libctx : NULL, identity);
    if (made && place && !kept && atomic_compare_exchange_strong(&place->kept, &kept, made))
        return made;
    *ownp = made;
    return made;
}

static bool use(const struct cs_libssl *openssl, SSL *ssl, struct countersign_identity *identity,
    X509 **certificatep, EVP_PKEY **keyp)
{
    SSL_CTX *context = openssl->SSL_get_SSL_CTX(ssl);
    struct place *place = openssl->SSL_CTX_get_ex_data(context, atomic_load(&place_index));
    struct cs_credential *own = NULL;
    const struct cs_credential *credential = get_credential(openssl, place, identity, &own);
    bool done = credential && cs_credential_use(openssl, credential, ssl, certificatep, keyp);

    cs_credential_free(openssl, own);
    return done;
}

/* 1: here they are; 0: go on without a certificate. */
static int present(SSL *ssl, X509 **certificatep, EVP_PKEY **keyp)
{
    const struct cs_libssl *openssl = cs_libssl_served();
    struct countersign_identity *identity = NULL;
    int saved = errno;
    bool done = false;

    if (!openssl)
        return 0;
    openssl->ERR_set_mark();
    if (find_identity(openssl, ssl, &identity) == 0)
        done = use(openssl, ssl, identity, certificatep, keyp);
    openssl->ERR_pop_to_mark();
    errno = saved;
    return done;
}

/* OpenSSL calls it while it makes an SSL_CTX, for anybody (CRYPTO_get_ex_new_index(3)). What it
 * does to it after that leaves the callback alone. */
static void new_place(
    void *context, void *data, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
    const struct cs_libssl *openssl = cs_libssl_served();
    struct place *place;

    (void)data, (void)argl, (void)argp;
    if (!expected.is || !openssl || index != atomic_load(&place_index))
        return;
    expected.is = false;
    place = calloc(1, sizeof(*place));
    if (!place)
        return;
    place->libctx = expected.libctx;
    if (!openssl->CRYPTO_set_ex_data(all, index, place)) {
        free(place);
        return;
    }
    openssl->SSL_CTX_set_client_cert_cb(context, present);
    /* In TLS 1.3 a server asks for a certificate later, once it knows what is wanted, only of those
     * that offer it (RFC 8446, 4.2.6). */
    openssl->SSL_CTX_set_post_handshake_auth(context, 1);
}

static void free_place(
    void *context, void *data, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
    const struct cs_libssl *openssl = cs_libssl_served();
    struct place *place = data;

    (void)context, (void)all, (void)index, (void)argl, (void)argp;
    if (place && openssl)
        cs_credential_free(openssl, atomic_load(&place->kept));
    free(place);
}

void cs_present_expect(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx)
{
    int none = -1, made;

    expected.is = openssl;
    expected.libctx = libctx;
    if (!openssl || atomic_load(&place_index) >= 0)
        return;
    made = openssl->CRYPTO_get_ex_new_index(
        CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, new_place, NULL, free_place);
    if (made >= 0) /* if another thread was faster, this one stays unused */
        atomic_compare_exchange_strong(&place_index, &none, made);
}
