/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that use libssl in unusual ways, for preload.py.
 *
 *   guest WAY PORT CA [CERTIFICATE KEY]
 *
 * It prints the page of the server at 127.0.0.1, and whether our provider has come into the default
 * library context. With the way "callback" it meets no server: it calls what OpenSSL would call.
 */
#include "other-provider.h"
#include "store.h"

#include <errno.h>
#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_THREADS 8
#define N_VISITS 10

static const char *certificate, *key;
static bool asked;

/* A program's own way of presenting nothing. */
static int present_nothing(SSL *ssl, X509 **certificatep, EVP_PKEY **keyp)
{
    (void)ssl, (void)certificatep, (void)keyp;
    asked = true;
    return 0;
}

/* A program's own way of presenting its key, once a server asks. */
static int use_own(SSL *ssl, void *argument)
{
    (void)argument;
    asked = true;
    return SSL_use_certificate_chain_file(ssl, certificate) &&
           SSL_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM);
}

static SSL_CTX *make(const char *way, OSSL_LIB_CTX *libctx)
{
    SSL_CTX *context;

    if (strcmp(way, "beside") == 0 && !other_provider_load(libctx))
        return NULL;
    if (strcmp(way, "libctx") == 0 || strcmp(way, "beside") == 0)
        return SSL_CTX_new_ex(libctx, NULL, TLS_client_method());
    context = SSL_CTX_new(TLS_client_method());
    if (context && strcmp(way, "client-cert-cb") == 0)
        SSL_CTX_set_client_cert_cb(context, present_nothing);
    if (context && strcmp(way, "cert-cb") == 0)
        SSL_CTX_set_cert_cb(context, use_own, NULL);
    return context;
}

/* What has extra data of that kind and is no SSL_CTX. */
static int is_left_alone(void)
{
    static const char before[8192];
    static __thread char other[sizeof(before)];
    CRYPTO_EX_DATA data;

    if (!CRYPTO_new_ex_data(CRYPTO_EX_INDEX_SSL_CTX, other, &data))
        return 0;
    CRYPTO_free_ex_data(CRYPTO_EX_INDEX_SSL_CTX, other, &data);
    return memcmp(other, before, sizeof(before)) == 0;
}

/* Whoever is called leaves errno and the error queue as they are. */
static int call_back(SSL_CTX *context)
{
    int (*present)(SSL *, X509 **, EVP_PKEY **) = SSL_CTX_get_client_cert_cb(context);
    SSL *ssl = SSL_new(context);
    X509 *shown = NULL;
    EVP_PKEY *its = NULL;
    CTLOG_STORE *store;
    int presented;

    ERR_clear_error();
    errno = E2BIG;
    store = CTLOG_STORE_new_ex(NULL, NULL);
    presented = store && present && errno == E2BIG ? present(ssl, &shown, &its) : -1;
    if (errno == E2BIG && ERR_peek_error() == 0 && presented >= 0)
        puts(presented ? "presented" : "nothing");
    CTLOG_STORE_free(store);
    X509_free(shown);
    EVP_PKEY_free(its);
    SSL_free(ssl);
    return 1;
}

static int fetch(SSL_CTX *context, const char *port)
{
    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    char text[4096];
    BIO *bio = BIO_new_ssl_connect(context);
    SSL *ssl = NULL;
    int n;

    BIO_get_ssl(bio, &ssl);
    SSL_set_tlsext_host_name(ssl, "localhost");
    BIO_set_conn_hostname(bio, "127.0.0.1");
    BIO_set_conn_port(bio, port);
    if (BIO_write(bio, get, sizeof(get) - 1) <= 0) {
        BIO_free_all(bio);
        return 0;
    }
    while ((n = BIO_read(bio, text, sizeof(text))) > 0)
        fwrite(text, 1, (size_t)n, stdout);
    BIO_free_all(bio);
    return 1;
}

static int visit(char **argv)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    SSL_CTX *context = make(argv[1], libctx);
    int done = 0;

    if (context && strcmp(argv[1], "callback") == 0) {
        done = call_back(context);
    } else if (context && is_left_alone()) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        done = SSL_CTX_load_verify_file(context, argv[3]) && fetch(context, argv[2]);
    }
    SSL_CTX_free(context);
    OSSL_LIB_CTX_free(libctx);
    return done;
}

static void *visit_often(void *argv)
{
    for (int i = 0; i < N_VISITS; i++)
        if (!visit(argv))
            return argv;
    return NULL;
}

/* Every thread makes contexts of its own. */
static int visit_in_threads(char **argv)
{
    pthread_t threads[N_THREADS];
    int done = 1;

    for (size_t i = 0; i < N_THREADS; i++)
        if (pthread_create(&threads[i], NULL, visit_often, argv) != 0)
            return 0;
    for (size_t i = 0; i < N_THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        done = done && !failed;
    }
    return done;
}

int main(int argc, char **argv)
{
    int done;

    if (argc < 4 || !store_is_made())
        return 2;
    certificate = argc > 5 ? argv[4] : NULL;
    key = argc > 5 ? argv[5] : NULL;
    done = strcmp(argv[1], "threads") == 0 ? visit_in_threads(argv) : visit(argv);
    if (asked)
        puts("asked");
    if (OSSL_PROVIDER_available(NULL, "countersign"))
        puts("by default");
    return done ? 0 : 1;
}
