/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is linked to no OpenSSL and finds every function by dlsym, in a libssl that is
 * opened with local scope, for preload.py.
 *
 *   local-guest PORT CA
 *
 * It prints the page of the server at 127.0.0.1. Before that it has libcrypto make it a
 * CTLOG_STORE, by a function that ends in a call of the one which the preload library stands
 * before.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/ct.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUNCTIONS(X)                                                                               \
    X(CTLOG_STORE_new)                                                                             \
    X(CTLOG_STORE_free)                                                                            \
    X(TLS_client_method)                                                                           \
    X(SSL_CTX_new)                                                                                 \
    X(SSL_CTX_set_verify)                                                                          \
    X(SSL_CTX_load_verify_file)                                                                    \
    X(SSL_CTX_free)                                                                                \
    X(SSL_new)                                                                                     \
    X(SSL_set_fd)                                                                                  \
    X(SSL_connect)                                                                                 \
    X(SSL_write)                                                                                   \
    X(SSL_read)                                                                                    \
    X(SSL_free)

static struct {
#define X(name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
} openssl;

static const struct {
    const char *name;
    void *place;
} functions[] = {
#define X(name) {#name, &openssl.name},
    FUNCTIONS(X)
#undef X
};

static int find_functions(void)
{
    void *library = dlopen("libssl.so." OPENSSL_MSTR(OPENSSL_SHLIB_VERSION), RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *function = library ? dlsym(library, functions[i].name) : NULL;

        if (!function)
            return 0;
        memcpy(functions[i].place, &function, sizeof(function));
    }
    return 1;
}

static int make_store(void)
{
    CTLOG_STORE *store = openssl.CTLOG_STORE_new();

    openssl.CTLOG_STORE_free(store);
    return store ? 1 : 0;
}

static int dial(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        perror("connect");
    return fd;
}

static int fetch(SSL *ssl, int fd)
{
    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    char text[4096];
    int n;

    if (!openssl.SSL_set_fd(ssl, fd) || openssl.SSL_connect(ssl) <= 0 ||
        openssl.SSL_write(ssl, get, sizeof(get) - 1) <= 0)
        return 0;
    while ((n = openssl.SSL_read(ssl, text, sizeof(text))) > 0)
        fwrite(text, 1, (size_t)n, stdout);
    return 1;
}

int main(int argc, char **argv)
{
    SSL_CTX *context;
    SSL *ssl;
    int fd, done;

    if (argc != 3 || !find_functions() || !make_store())
        return 2;
    context = openssl.SSL_CTX_new(openssl.TLS_client_method());
    if (!context || !openssl.SSL_CTX_load_verify_file(context, argv[2]))
        return 2;
    openssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    ssl = openssl.SSL_new(context);
    fd = dial(argv[1]);
    done = fetch(ssl, fd);
    close(fd);
    openssl.SSL_free(ssl);
    openssl.SSL_CTX_free(context);
    return done ? 0 : 1;
}
