/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys that OpenSSL reads from PEM files, each with a library context and a configuration
 * of its own, side by side in one process. With each key in turn:
 *
 *   bench-key sign ROUNDS CONF PEM [CONF PEM]…
 *       EVP_DigestSign of what a TLS 1.3 client signs
 *   bench-key handshake ROUNDS SERVER_PEM CONF PEM [CONF PEM]…
 *       a full TLS 1.3 handshake in memory, in which a client presents that key's certificate to
 *       a server whose key and certificate lie in SERVER_PEM
 *   bench-key load ROUNDS CLIENTS CONF PEM
 *       as sign, by a number of processes at once
 *
 * Prints for each key the median and the lower decile in nanoseconds; for load, signatures per
 * second of all processes together.
 */
#include "message.h"
#include "token.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS_MAX 8
#define WARM_UP 50
#define STEPS_MAX 16

struct credential {
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *client;
    uint64_t *took;
};

static BIO *open_file(const char *path)
{
    BIO *file = BIO_new_file(path, "r");

    if (!file)
        die(path);
    return file;
}

static void credential_init(struct credential *c, const char *conf, const char *pem)
{
    BIO *file = open_file(pem);

    *c = (struct credential){.libctx = OSSL_LIB_CTX_new()};
    if (!c->libctx || !OSSL_LIB_CTX_load_config(c->libctx, conf))
        die(conf);
    c->key = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, c->libctx, NULL);
    BIO_free(file);
    file = open_file(pem);
    c->certificate = X509_new_ex(c->libctx, NULL);
    if (!PEM_read_bio_X509(file, &c->certificate, NULL, NULL) || !c->key)
        die(pem);
    BIO_free(file);
}

static uint64_t sign(const struct credential *c)
{
    uint8_t message[MESSAGE_SIZE], signature[1024];
    size_t len = sizeof(signature);
    uint64_t start;
    EVP_MD_CTX *ctx;

    message_make(message);
    start = now();
    ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", c->libctx, NULL, c->key, NULL) <= 0 ||
        EVP_DigestSign(ctx, signature, &len, message, sizeof(message)) <= 0)
        die("cannot sign");
    start = now() - start;
    EVP_MD_CTX_free(ctx);
    return start;
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

static SSL_CTX *new_context(const struct credential *c, const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new_ex(c->libctx, NULL, method);

    if (!context || SSL_CTX_use_certificate(context, c->certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context, c->key) != 1)
        die("cannot use the key for TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    return context;
}

static uint64_t handshake(SSL_CTX *client_context, SSL_CTX *server_context)
{
    uint64_t start = now();
    SSL *client = SSL_new(client_context), *server = SSL_new(server_context);
    BIO *near, *far;

    if (!client || !server || !BIO_new_bio_pair(&near, 65536, &far, 65536))
        die("out of memory");
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0;
         i < STEPS_MAX && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    if (!SSL_is_init_finished(server) || !SSL_get0_peer_certificate(server))
        die("the handshake failed");
    SSL_free(client);
    SSL_free(server);
    return now() - start;
}

static void report(struct credential *c, size_t rounds)
{
    sort(c->took, rounds);
    printf("%ju %ju\n", (uintmax_t)c->took[rounds / 2], (uintmax_t)c->took[rounds / 10]);
}

/* server NULL: signatures alone. */
static void take_turns(struct credential *keys, size_t n, size_t rounds, SSL_CTX *server)
{
    for (size_t i = 0; i < n; i++) {
        keys[i].took = calloc(rounds, sizeof(uint64_t));
        if (!keys[i].took)
            die("out of memory");
        if (server)
            keys[i].client = new_context(&keys[i], TLS_client_method());
    }
    for (size_t round = 0; round < rounds + WARM_UP; round++)
        for (size_t i = 0; i < n; i++) {
            struct credential *c = &keys[(i + round) % n];
            uint64_t took = server ? handshake(c->client, server) : sign(c);

            if (round >= WARM_UP)
                c->took[round - WARM_UP] = took;
        }
    for (size_t i = 0; i < n; i++)
        report(&keys[i], rounds);
}

/* A child is ready when it has written a byte, and begins when it has read one. */
static void child(const char *conf, const char *pem, size_t rounds, int ready, int go)
{
    struct credential c;
    char byte = 0;

    credential_init(&c, conf, pem);
    for (size_t i = 0; i < WARM_UP; i++)
        sign(&c);
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(1);
    for (size_t i = 0; i < rounds; i++)
        sign(&c);
    _exit(0);
}

static void load(const char *conf, const char *pem, size_t rounds, size_t clients)
{
    int ready[2], go[2];
    char bytes[256] = {0};
    uint64_t start;

    if (clients == 0 || clients > sizeof(bytes) || pipe(ready) < 0 || pipe(go) < 0)
        die("no such number of clients");
    for (size_t i = 0; i < clients; i++)
        if (fork() == 0)
            child(conf, pem, rounds, ready[1], go[0]);
    for (size_t i = 0; i < clients; i++)
        if (read(ready[0], bytes, 1) != 1)
            die("a client ended");
    start = now();
    if (write(go[1], bytes, clients) != (ssize_t)clients)
        die("cannot start the clients");
    for (size_t i = 0; i < clients; i++) {
        int status;

        if (wait(&status) < 0 || status != 0)
            die("a client failed");
    }
    printf("%.0f\n", (double)(rounds * clients) * 1e9 / (double)(now() - start));
}

static size_t read_credentials(char **argv, int argc, struct credential *keys)
{
    size_t n = 0;

    if (argc < 2 || argc % 2 || argc / 2 > KEYS_MAX)
        die("usage: bench-key sign|handshake|load ROUNDS … CONF PEM");
    for (; argc > 0; argc -= 2, argv += 2)
        credential_init(&keys[n++], argv[0], argv[1]);
    return n;
}

int main(int argc, char **argv)
{
    static struct credential keys[KEYS_MAX], server;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

    if (rounds == 0)
        die("usage: bench-key sign|handshake|load ROUNDS … CONF PEM");
    if (strcmp(argv[1], "sign") == 0) {
        take_turns(keys, read_credentials(argv + 3, argc - 3, keys), rounds, NULL);
    } else if (strcmp(argv[1], "handshake") == 0 && argc > 3) {
        credential_init(&server, "/dev/null", argv[3]);
        take_turns(keys, read_credentials(argv + 4, argc - 4, keys), rounds,
            new_context(&server, TLS_server_method()));
    } else if (strcmp(argv[1], "load") == 0 && argc == 6) {
        load(argv[4], argv[5], rounds, strtoul(argv[3], NULL, 10));
    } else {
        die("usage: bench-key sign|handshake|load ROUNDS … CONF PEM");
    }
    return 0;
}
