/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C_SignInit and C_Sign of a P-256 key through a PKCS#11 module, by a number of threads with a
 * session each. Prints the median and the lower decile in nanoseconds, and signatures per second of
 * all threads together.
 *
 * usage: bench-module MODULE TOKEN PIN KEY_ID_HEX ROUNDS THREADS      (PIN may be empty)
 */
#include "token.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WARM_UP 50
#define THREADS_MAX 64

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    size_t rounds;
    uint64_t *took;
};

static uint64_t sign(const struct worker *w)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1}, signature[256];
    CK_ULONG len = sizeof(signature);
    uint64_t start = now();

    if (w->f->C_SignInit(w->session, &mechanism, w->key) != CKR_OK ||
        w->f->C_Sign(w->session, digest, sizeof(digest), signature, &len) != CKR_OK)
        die("cannot sign");
    return now() - start;
}

static void *work(void *user)
{
    struct worker *w = user;

    for (size_t i = 0; i < WARM_UP; i++)
        sign(w);
    pthread_barrier_wait(w->start);
    for (size_t i = 0; i < w->rounds; i++)
        w->took[i] = sign(w);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    pthread_barrier_t start;
    CK_FUNCTION_LIST *f;
    size_t rounds, threads;
    uint64_t *took, begun;

    if (argc != 7)
        die("usage: bench-module MODULE TOKEN PIN KEY_ID_HEX ROUNDS THREADS");
    rounds = strtoul(argv[5], NULL, 10);
    threads = strtoul(argv[6], NULL, 10);
    if (threads == 0 || threads > THREADS_MAX || rounds == 0)
        die("no such number of rounds or threads");
    took = calloc(rounds * threads, sizeof(*took));
    pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
    f = module_load(argv[1]);
    for (size_t i = 0; i < threads; i++) {
        struct worker *w = &workers[i];

        *w = (struct worker){.start = &start, .f = f, .rounds = rounds, .took = took + i * rounds};
        w->session = token_open(f, argv[2], 0);
        token_login(f, w->session, argv[3]);
        w->key = token_find_key(f, w->session, argv[4]);
        if (!took || pthread_create(&w->thread, NULL, work, w) != 0)
            die("out of memory");
    }
    pthread_barrier_wait(&start);
    begun = now();
    for (size_t i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    begun = now() - begun;
    sort(took, rounds * threads);
    printf("%ju %ju %.0f\n", (uintmax_t)took[rounds * threads / 2],
        (uintmax_t)took[rounds * threads / 10], (double)(rounds * threads) * 1e9 / (double)begun);
    fflush(stdout);
    _exit(0); /* SoftHSM does not survive its own unloading */
}
