/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature and what it consists of, in turns within one process: SoftHSM's own C_SignInit and
 * C_Sign (both), and C_Sign alone (sign); an exchange of the same bytes between two processes over
 * a Unix socket (trip); the same with C_SignInit and C_Sign in the other process (remote), which is
 * the least that any signer in a process of its own costs; the same by way of a third that does
 * nothing but pass it on (relay), the least for an agent with its modules in another process; and
 * EVP_DigestSign through the provider, the agent and its token host (provider). Prints the median
 * and the lower decile of each in nanoseconds, for tests/bench/run to make ratios of; the decile is
 * what an undisturbed machine does.
 *
 * An exchange that is answered at once finds a processor that has not gone to sleep; who waits for
 * a signature does not. So remote less both is a round trip as a signature meets it.
 *
 * usage: bench-signature MODULE TOKEN PIN KEY_ID_HEX OPENSSL_CNF URI ROUNDS
 */
#include "message.h"
#include "token.h"

#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_SIZE 200 /* a SIGN with it, and its reply, in octets */
#define REPLY_SIZE 90
#define WARM_UP 200

static void report(const char *name, uint64_t *values, size_t n)
{
    sort(values, n);
    printf("%s %ju %ju\n", name, (uintmax_t)values[n / 2], (uintmax_t)values[n / 10]);
}

/* The token in this process. */
struct direct {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
};

static void direct_init(
    struct direct *d, const char *module, const char *token, const char *pin, const char *id_hex)
{
    d->f = module_load(module);
    d->session = token_open(d->f, token, 0);
    token_login(d->f, d->session, pin);
    d->key = token_find_key(d->f, d->session, id_hex);
}

/* Gives the time of C_Sign alone in signp, and of C_SignInit and C_Sign in bothp. */
static void direct_sign(struct direct *d, uint64_t *signp, uint64_t *bothp)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    uint8_t digest[32] = {1}, signature[256];
    CK_ULONG len = sizeof(signature);
    uint64_t start = now(), middle;

    if (d->f->C_SignInit(d->session, &mechanism, d->key) != CKR_OK)
        die("C_SignInit");
    middle = now();
    if (d->f->C_Sign(d->session, digest, sizeof(digest), signature, &len) != CKR_OK)
        die("C_Sign");
    *bothp = now() - start;
    *signp = now() - middle;
}

static bool exchange(int fd)
{
    char buf[REQUEST_SIZE] = {0};

    return send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == (ssize_t)sizeof(buf) &&
           recv(fd, buf, REPLY_SIZE, MSG_WAITALL) == REPLY_SIZE;
}

static uint64_t echo(int fd)
{
    uint64_t start = now();

    if (!exchange(fd))
        die("the round trip broke");
    return now() - start;
}

/* What the other process of a round trip does before it answers. */
struct duty {
    int next;               /* asks there; -1: nobody */
    const char *const *key; /* signs with it: MODULE TOKEN PIN KEY_ID_HEX; NULL: nothing */
};

static _Noreturn void serve(int fd, const struct duty *duty)
{
    struct direct direct;
    uint64_t ignored;
    char buf[REQUEST_SIZE];

    if (duty->key)
        direct_init(&direct, duty->key[0], duty->key[1], duty->key[2], duty->key[3]);
    while (recv(fd, buf, sizeof(buf), MSG_WAITALL) == (ssize_t)sizeof(buf)) {
        if (duty->next >= 0 && !exchange(duty->next))
            break;
        if (duty->key)
            direct_sign(&direct, &ignored, &ignored);
        if (send(fd, buf, REPLY_SIZE, MSG_NOSIGNAL) != REPLY_SIZE)
            break;
    }
    _exit(0);
}

static int serve_start(const struct duty *duty)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    switch (fork()) {
    case -1:
        die("fork");
    case 0:
        close(pair[0]);
        serve(pair[1], duty);
    default:
        close(pair[1]);
        if (duty->next >= 0)
            close(duty->next);
        echo(pair[0]); /* it has come so far: SoftHSM does not bear to be opened twice at once */
        return pair[0];
    }
}

/* The provider, in a library context of its own: SoftHSM uses the default one. */
static EVP_PKEY *provider_key(OSSL_LIB_CTX *libctx, const char *conf, const char *uri)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key = NULL;

    if (!OSSL_LIB_CTX_load_config(libctx, conf))
        die("cannot read the configuration");
    store = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
    if (!store || !OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
        die("cannot open the URI");
    info = OSSL_STORE_load(store);
    if (info)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    if (!key)
        die("no key at the URI");
    return key;
}

static uint64_t provider_sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
    uint8_t message[MESSAGE_SIZE], signature[256];
    size_t len = sizeof(signature);
    uint64_t start, took;
    EVP_MD_CTX *ctx;

    message_make(message);
    start = now();
    ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", libctx, NULL, key, NULL) <= 0 ||
        EVP_DigestSign(ctx, signature, &len, message, sizeof(message)) <= 0)
        die("cannot sign through the provider");
    took = now() - start;
    EVP_MD_CTX_free(ctx);
    return took;
}

static uint64_t *values_new(size_t n)
{
    uint64_t *values = calloc(n, sizeof(*values));

    if (!values)
        die("out of memory");
    return values;
}

int main(int argc, char **argv)
{
    struct direct direct;
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *key;
    uint64_t *sign, *both, *trip, *remote, *relay, *provider, ignored;
    size_t rounds;
    int near, signer, far;

    if (argc != 8)
        die("usage: bench-signature MODULE TOKEN PIN KEY_ID_HEX OPENSSL_CNF URI ROUNDS");
    rounds = strtoul(argv[7], NULL, 10);
    /* First: the children are to be small, and SoftHSM does not survive a fork. */
    near = serve_start(&(struct duty){.next = -1});
    signer = serve_start(&(struct duty){.next = -1, .key = (const char *const *)argv + 1});
    far = serve_start(&(struct duty){
        .next = serve_start(&(struct duty){.next = -1, .key = (const char *const *)argv + 1})});
    direct_init(&direct, argv[1], argv[2], argv[3], argv[4]);
    libctx = OSSL_LIB_CTX_new();
    key = provider_key(libctx, argv[5], argv[6]);
    sign = values_new(rounds);
    both = values_new(rounds);
    trip = values_new(rounds);
    remote = values_new(rounds);
    relay = values_new(rounds);
    provider = values_new(rounds);
    for (size_t i = 0; i < WARM_UP; i++) {
        direct_sign(&direct, &ignored, &ignored);
        echo(near);
        echo(signer);
        echo(far);
        provider_sign(libctx, key);
    }
    for (size_t i = 0; i < rounds; i++) {
        direct_sign(&direct, &sign[i], &both[i]);
        trip[i] = echo(near);
        remote[i] = echo(signer);
        relay[i] = echo(far);
        provider[i] = provider_sign(libctx, key);
    }
    report("sign", sign, rounds);
    report("both", both, rounds);
    report("trip", trip, rounds);
    report("remote", remote, rounds);
    report("relay", relay, rounds);
    report("provider", provider, rounds);
    fflush(stdout);
    _exit(0); /* SoftHSM does not survive its own unloading */
}
