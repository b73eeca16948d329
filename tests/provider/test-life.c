/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, forks, agents that come and go. */
#include "guest.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N_THREADS 8
#define N_ROUNDS 100 /* of two signatures */
#define N_CHILDREN 10

struct worker {
    struct guest *guest;
    EVP_PKEY *key;
    int n_good;
    pthread_t thread;
};

static void *work(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < N_ROUNDS; i++) {
        EVP_PKEY *own = guest_load_reference(worker->guest, "ec");

        worker->n_good += guest_signs(worker->guest, worker->key, keyring_find(&keyring, "rsa")) &&
                          own && guest_signs(worker->guest, own, keyring_find(&keyring, "ec"));
        EVP_PKEY_free(own);
    }
    return NULL;
}

static void start_workers(struct worker *workers, struct guest *f, EVP_PKEY *key)
{
    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.guest = f, .key = key};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static void join_workers(struct worker *workers)
{
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].n_good, N_ROUNDS);
    }
}

static void test_threads_share_a_key(void **state)
{
    struct worker workers[N_THREADS];
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "rsa");

    start_workers(workers, f, key);
    join_workers(workers);
    EVP_PKEY_free(key);
}

/* The parent verifies: in a child OpenSSL's own locks may be held for ever by a thread that is not
 * there. */
static void assert_child_signs(struct guest *f, EVP_PKEY *key)
{
    const struct keyring_entry *entry = keyring_find(&keyring, "rsa");
    unsigned char signature[1024];
    size_t len = 0;
    int status, pipes[2];
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        alarm(20); /* a deadlock is a failure, not a hang */
        len =
            guest_digest_sign(f, key, guest_digest_for(entry), false, signature, sizeof(signature));
        _exit(len && write(pipes[1], signature, len) == (ssize_t)len ? 0 : 1);
    }
    close(pipes[1]);
    while ((n = read(pipes[0], signature + len, sizeof(signature) - len)) > 0)
        len += (size_t)n;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(guest_verifies(entry, guest_digest_for(entry), false, signature, len));
}

static void test_a_child_signs_with_its_parents_key(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "rsa");

    assert_true(guest_signs(f, key, keyring_find(&keyring, "rsa")));
    for (int i = 0; i < 4; i++)
        assert_child_signs(f, key);
    assert_true(guest_signs(f, key, keyring_find(&keyring, "rsa")));
    EVP_PKEY_free(key);
}

static void test_children_of_busy_threads_sign(void **state)
{
    struct worker workers[N_THREADS];
    struct guest *f = *state;
    EVP_PKEY *key;

#ifdef __SANITIZE_ADDRESS__
    /* No skip(), which cmocka before 2.0 spells in a way that meson takes for a failure. */
    print_message("# SKIP: AddressSanitizer's allocator does not survive a fork beside threads\n");
    return;
#endif
    key = guest_load_reference(f, "rsa");
    assert_true(guest_signs(f, key, keyring_find(&keyring, "rsa")));
    start_workers(workers, f, key);
    for (int i = 0; i < N_CHILDREN; i++)
        assert_child_signs(f, key);
    join_workers(workers);
    EVP_PKEY_free(key);
}

static void test_a_locked_token_is_told_in_the_agents_words(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");

    keyring.locked = true;
    for (int i = 0; i < 40; i++) { /* more often than there are places for sentences */
        assert_false(guest_signs(f, key, keyring_find(&keyring, "ec")));
        assert_true(guest_first_error_says("token 'keyring' is locked: run 'countersign unlock"));
    }
    keyring.locked = false;
    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    EVP_PKEY_free(key);
}

static void test_an_agent_that_restarts_goes_unnoticed(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");

    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    fake_agent_stop(&keyring.agent);
    fake_agent_restart(&keyring.agent);
    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
}

static void test_without_an_agent_it_fails_at_once(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");

    fake_agent_stop(&keyring.agent);
    assert_false(guest_signs(f, key, keyring_find(&keyring, "ec")));
    assert_true(guest_first_error_says("agent"));
    assert_null(guest_load_uri_reference(f, "ec"));
    assert_true(guest_first_error_says("agent"));
    assert_null(guest_load_uri(f, "pkcs11:object=ec"));
    assert_true(guest_first_error_says("agent"));
    fake_agent_restart(&keyring.agent);
    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    EVP_PKEY_free(key);
}

static void test_a_key_outlives_the_unloading(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");

    OSSL_PROVIDER_unload(f->ours);
    f->ours = OSSL_PROVIDER_load(f->libctx, "countersign");
    assert_non_null(f->ours);
    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    EVP_PKEY_free(key);
}

/* Two threads that need key managers at the same moment, in a context where ours were loaded first:
 * the second comes while the first, on our behalf, has a provider in between look for its own. */
struct rush {
    OSSL_LIB_CTX *libctx;
    atomic_int n_asked; /* the provider in between */
    atomic_int n_made;  /* keys */
};

static struct rush rush;

static void *make_a_key(void *data)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(rush.libctx, NULL, "EC", "P-256");

    (void)data;
    if (key)
        atomic_fetch_add(&rush.n_made, 1);
    EVP_PKEY_free(key);
    return NULL;
}

static const OSSL_ALGORITHM *query_dawdler(void *context, int operation, int *no_cache)
{
    pthread_t second;

    (void)context;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT && atomic_fetch_add(&rush.n_asked, 1) == 0) {
        assert_int_equal(pthread_create(&second, NULL, make_a_key, NULL), 0);
        pthread_join(second, NULL);
    }
    return NULL;
}

static int init_dawdler(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_dawdler},
        {0, NULL},
    };

    (void)in;
    *context = (void *)handle;
    *out = functions;
    return 1;
}

static void test_threads_in_a_rush_get_openssls_own_keys(void **state)
{
    /* OpenSSL asks them in the order of loading, or of their names. */
    const char *const names[] = {"countersign", "dawdler", "default"};
    OSSL_PROVIDER *providers[3];

    (void)state;
    rush = (struct rush){.libctx = OSSL_LIB_CTX_new()};
    assert_int_equal(OSSL_PROVIDER_set_default_search_path(rush.libctx, PROVIDER_DIRECTORY), 1);
    assert_int_equal(OSSL_PROVIDER_add_builtin(rush.libctx, names[1], init_dawdler), 1);
    for (size_t i = 0; i < 3; i++) {
        providers[i] = OSSL_PROVIDER_load(rush.libctx, names[i]);
        assert_non_null(providers[i]);
    }
    make_a_key(NULL);
    assert_true(rush.n_asked > 1);
    make_a_key(NULL);
    assert_int_equal(rush.n_made, 3);
    for (size_t i = 0; i < 3; i++)
        OSSL_PROVIDER_unload(providers[i]);
    OSSL_LIB_CTX_free(rush.libctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(test_threads_share_a_key),
        GUEST_TEST(test_a_child_signs_with_its_parents_key),
        GUEST_TEST(test_children_of_busy_threads_sign),
        GUEST_TEST(test_a_locked_token_is_told_in_the_agents_words),
        GUEST_TEST(test_an_agent_that_restarts_goes_unnoticed),
        GUEST_TEST(test_without_an_agent_it_fails_at_once),
        GUEST_TEST(test_a_key_outlives_the_unloading),
        GUEST_TEST(test_threads_in_a_rush_get_openssls_own_keys),
    };

    return cmocka_run_group_tests(tests, guest_start_keyring, guest_stop_keyring);
}
