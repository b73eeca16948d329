/* SPDX-License-Identifier: Apache-2.0 */
/* Raw PKCS#11 calls to countersign-fault.so. */
#include "raw.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = RAW_TOKENS;
#define N_TOKENS (sizeof(names) / sizeof(names[0]))

CK_FUNCTION_LIST *raw;

static void add_token(const char *name)
{
    struct softhsm_key key = softhsm_key_new("EC-P-256");
    struct softhsm_key rsa = softhsm_key_new("RSA-2048");
    struct softhsm_object objects[] = {
        {.key = &key, .parts = SOFTHSM_ALL, .label = cs_bytes_of(name), .id = cs_bytes_of(name)},
        {.key = &rsa, .parts = SOFTHSM_ALL, .label = cs_bytes_of("rsa"), .id = cs_bytes_of("rsa")},
    };

    softhsm_add_token(name, objects, strcmp(name, "spare") == 0 ? 2 : 1);
    softhsm_key_free(&key);
    softhsm_key_free(&rsa);
}

static void load(void)
{
    CK_C_GetFunctionList get_list;
    void *library = dlopen(FAULT_MODULE, RTLD_NOW);

    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    assert_non_null(library);
    *(void **)&get_list = dlsym(library, "C_GetFunctionList");
    assert_non_null(get_list);
    assert_ok(get_list(&raw));
}

int raw_set_up(void **state)
{
    (void)state;
    softhsm_begin();
    control_begin(softhsm_folder());
    for (size_t i = 0; i < N_TOKENS; i++)
        add_token(names[i]);
    load();
    return 0;
}

int raw_tear_down(void **state)
{
    (void)state;
    softhsm_end();
    return 0;
}

int raw_fresh(void **state)
{
    (void)state;
    control_script("%s", "");
    control_clear();
    control_forgive();
    return 0;
}

int raw_over(void **state)
{
    (void)state;
    /* A script that is wrong would keep the module from ending. */
    control_script("%s", "");
    raw->C_Finalize(NULL);
    return 0;
}

void raw_initialize(void)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    assert_ok(raw->C_Initialize(&args));
}

CK_SESSION_HANDLE raw_open(CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session;

    assert_ok(raw->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    return session;
}

CK_RV raw_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
    return raw->C_Login(session, user, (CK_UTF8CHAR *)pin, pin ? strlen(pin) : 0);
}

CK_SESSION_HANDLE raw_enter(CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session = raw_open(slot);

    assert_ok(raw_login(session, CKU_USER, SOFTHSM_PIN));
    return session;
}

CK_OBJECT_HANDLE raw_key(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, (void *)label, strlen(label)}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG n = 0;

    assert_ok(raw->C_FindObjectsInit(session, template, 2));
    assert_ok(raw->C_FindObjects(session, &key, 1, &n));
    assert_ok(raw->C_FindObjectsFinal(session));
    return n ? key : CK_INVALID_HANDLE;
}

CK_RV raw_sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};

    return raw->C_SignInit(session, &mechanism, key);
}

CK_RV raw_sign(CK_SESSION_HANDLE session)
{
    CK_BYTE digest[32] = {1}, signature[256];
    CK_ULONG len = sizeof(signature);

    return raw->C_Sign(session, digest, sizeof(digest), signature, &len);
}

CK_FLAGS raw_token_flags(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;

    assert_ok(raw->C_GetTokenInfo(slot, &info));
    return info.flags;
}

int raw_in_child(void (*run)(void))
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* What a sanitizer would make of it is not the point. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        alarm(60);
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}
