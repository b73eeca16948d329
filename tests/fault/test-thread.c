/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, and modules that do not bear them. */
#include "raw.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 8
#define N_ROUNDS 20
#define N_SCRIPTS 8

static void test_locking_is_refused(void **state)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    (void)state;
    control_script("option no-locking\nslot 0 token=corp\n");
    assert_rv(raw->C_Initialize(&args), CKR_CANT_LOCK);
    args.flags = 0;
    assert_ok(raw->C_Initialize(&args));
    assert_ok(raw->C_Finalize(NULL));
    assert_ok(raw->C_Initialize(NULL));
    raw_enter(0);
    assert_int_equal(control_count("!overlap", NULL), 0);
}

static void *call_slowly(void *data)
{
    CK_TOKEN_INFO info;

    (void)data;
    raw->C_GetTokenInfo(0, &info);
    return NULL;
}

/* Two calls at a time. */
static void overlap(void)
{
    CK_TOKEN_INFO info;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, call_slowly, NULL), 0);
    control_wait(1, "@hang");
    assert_ok(raw->C_GetTokenInfo(0, &info));
    control_script("slot 0 token=corp\n");
    pthread_join(thread, NULL);
}

static void test_an_overlap_is_loud(void **state)
{
    (void)state;
    control_script("option single-thread\nslot 0 token=corp\nhang C_GetTokenInfo once\n");
    raw_initialize();
    overlap();
    assert_int_equal(
        control_count("!overlap function=C_GetTokenInfo other=C_GetTokenInfo", NULL), 1);
}

static void test_a_program_that_broke_its_word_is_told(void **state)
{
    (void)state;
    control_script("slot 0 token=corp\nhang C_GetTokenInfo once\n");
    assert_ok(raw->C_Initialize(NULL));
    overlap();
    assert_int_equal(control_count("!overlap", NULL), 1);
}

static void test_an_overlap_is_fine_with_locking(void **state)
{
    (void)state;
    control_script("slot 0 token=corp\nhang C_GetTokenInfo once\n");
    raw_initialize();
    overlap();
    assert_int_equal(control_count("!overlap", NULL), 0);
}

struct signer {
    pthread_t thread;
    CK_SLOT_ID slot;
    unsigned n_rounds; /* 0: until stopped */
    unsigned n_signed;
};
static atomic_bool stopped;

/* Whatever fails on the way, the session is closed and the next round begins. */
static void sign_once(struct signer *signer)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof(class)};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG found = 0;

    if (raw->C_OpenSession(signer->slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        return;
    raw_login(session, CKU_USER, SOFTHSM_PIN);
    if (raw->C_FindObjectsInit(session, &template, 1) == CKR_OK) {
        raw->C_FindObjects(session, &key, 1, &found);
        raw->C_FindObjectsFinal(session);
    }
    if (found && raw_sign_init(session, key) == CKR_OK)
        signer->n_signed += raw_sign(session) == CKR_OK;
    raw->C_CloseSession(session);
}

static void *sign_often(void *data)
{
    struct signer *signer = data;

    for (unsigned i = 0; signer->n_rounds ? i < signer->n_rounds : !stopped; i++)
        sign_once(signer);
    return NULL;
}

static void start(struct signer signers[N_THREADS], unsigned n_rounds)
{
    stopped = false;
    for (size_t i = 0; i < N_THREADS; i++) {
        signers[i] = (struct signer){.slot = i % 2, .n_rounds = n_rounds};
        assert_int_equal(pthread_create(&signers[i].thread, NULL, sign_often, &signers[i]), 0);
    }
}

static void join(struct signer signers[N_THREADS])
{
    stopped = true;
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(signers[i].thread, NULL), 0);
}

static void test_many_threads_sign(void **state)
{
    struct signer signers[N_THREADS];

    (void)state;
    control_script("slot 0 token=corp\nslot 1 token=home\n");
    raw_initialize();
    raw_enter(0); /* these keep the login */
    raw_enter(1);
    start(signers, N_ROUNDS);
    join(signers);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(signers[i].n_signed, N_ROUNDS);
    assert_int_equal(control_count("C_Sign ", "rv=CKR_OK", NULL), N_THREADS * N_ROUNDS);
}

static void test_many_threads_while_tokens_come_and_go(void **state)
{
    struct signer signers[N_THREADS];

    (void)state;
    control_script("slot 0 token=corp\nslot 1 token=home\n");
    raw_initialize();
    start(signers, 0);
    for (int i = 0; i < N_SCRIPTS; i++) {
        control_clear();
        control_script("slot 0 absent\nslot 1 token=home\ndelay C_Sign 1 every=5\n");
        control_wait(1, "@gone slot=0");
        control_wait(10, "C_Sign ");
        control_clear();
        control_script("slot 0 token=corp resume=%d\nslot 1 token=home resume=%d\n"
                       "fail C_Login CKR_DEVICE_ERROR every=3\n",
            i, i);
        control_wait(10, "C_Sign slot=0");
        assert_int_equal(control_count("!", NULL), 0);
    }
    join(signers);
}

static void use_in_child(void)
{
    CK_INFO info;

    if (raw->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED)
        _exit(1);
    raw_initialize();
    raw_enter(0);
    if (raw->C_Finalize(NULL) != CKR_OK)
        _exit(2);
}

static void test_a_child_initialises_for_itself(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    control_script("slot 0 token=corp\n");
    raw_initialize();
    session = raw_enter(0);
    assert_int_equal(raw_in_child(use_in_child), 0);
    assert_ok(raw_sign_init(session, raw_key(session, "corp")));
    assert_ok(raw_sign(session));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(locking_is_refused),
        TEST(an_overlap_is_loud),
        TEST(a_program_that_broke_its_word_is_told),
        TEST(an_overlap_is_fine_with_locking),
        TEST(many_threads_sign),
        TEST(many_threads_while_tokens_come_and_go),
        TEST(a_child_initialises_for_itself),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
