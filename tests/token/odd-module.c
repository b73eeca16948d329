/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that wraps SoftHSM and plays what SoftHSM cannot: readers with a keypad, PIN
 * counters, keys that want their PIN every time, slots that fail, tokens that are pulled out.
 * $ODD says in words what it plays; files in $ODD_FOLDER are looked at on every call, so that a
 * test can change things while a host runs:
 *   gone     there is no token in any slot
 *   fail     holds a code in hex, which the next C_SignInit returns; then the file is gone
 *   logins   a line is added for each C_Login
 *   hang     C_Sign does not return
 *   boast    C_GetSlotList and C_Sign say that they have given more than there was room for
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIN "1234"
#define SLOT_WITHOUT_INFO 9999
#define SLOT_WITHOUT_SESSIONS 9998
#define BOAST 1000000

static CK_FUNCTION_LIST *real, odd;
static unsigned n_sessions, n_inside;

/* Of a key that wants its PIN every time: the session, and whether the next call must be ... */
static CK_SESSION_HANDLE pending;
static enum { NOTHING, WANTS_PIN, WANTS_SIGN } next_call;

static bool plays(const char *word)
{
    const char *words = getenv("ODD");
    const char *at = words ? strstr(words, word) : NULL;

    return at != NULL;
}

static const char *file(const char *name)
{
    static __thread char path[512];

    snprintf(path, sizeof(path), "%s/%s", getenv("ODD_FOLDER"), name);
    return path;
}

static bool exists(const char *name)
{
    return access(file(name), F_OK) == 0;
}

static CK_RV odd_initialize(void *args)
{
    CK_C_INITIALIZE_ARGS *given = args;

    if (plays("cant-lock") && given && (given->flags & CKF_OS_LOCKING_OK))
        return CKR_CANT_LOCK;
    if (plays("wants-args") && !(given && given->pReserved && strcmp(given->pReserved, "odd") == 0))
        return CKR_ARGUMENTS_BAD;
    if (given && given->pReserved) {
        CK_C_INITIALIZE_ARGS without = *given;

        without.pReserved = NULL;
        return real->C_Initialize(&without);
    }
    return real->C_Initialize(args);
}

static CK_RV odd_get_slot_list(CK_BBOOL present, CK_SLOT_ID *ids, CK_ULONG *n)
{
    CK_ULONG room = *n;
    CK_RV rv;

    if (exists("gone")) {
        *n = 0;
        return CKR_OK;
    }
    rv = real->C_GetSlotList(present, ids, n);
    if (rv == CKR_OK && exists("boast"))
        *n = BOAST;
    if (rv != CKR_OK || !plays("bad-slot"))
        return rv;
    /* The bad ones come first: who gives up at them sees no other. */
    if (ids && *n + 2 <= room) {
        memmove(ids + 2, ids, *n * sizeof(*ids));
        ids[0] = SLOT_WITHOUT_INFO;
        ids[1] = SLOT_WITHOUT_SESSIONS;
    }
    *n += 2;
    return CKR_OK;
}

static void set_flags(CK_TOKEN_INFO *info)
{
    if (plays("no-login"))
        info->flags &= ~CKF_LOGIN_REQUIRED;
    if (plays("reader"))
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (plays("low"))
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (plays("final"))
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (plays("blocked"))
        info->flags |= CKF_USER_PIN_LOCKED;
}

static CK_RV odd_get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv;

    if (slot == SLOT_WITHOUT_INFO)
        return CKR_DEVICE_ERROR;
    if (slot == SLOT_WITHOUT_SESSIONS) {
        memset(info, ' ', sizeof(*info));
        info->flags = CKF_TOKEN_INITIALIZED;
        return CKR_OK;
    }
    if (exists("gone"))
        return CKR_TOKEN_NOT_PRESENT;
    rv = real->C_GetTokenInfo(slot, info);
    if (rv == CKR_OK)
        set_flags(info);
    return rv;
}

static CK_RV odd_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
    CK_SESSION_HANDLE *session)
{
    CK_RV rv;

    if (slot == SLOT_WITHOUT_SESSIONS)
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (exists("gone"))
        return CKR_TOKEN_NOT_PRESENT;
    if (plays("two-sessions") && __atomic_load_n(&n_sessions, __ATOMIC_SEQ_CST) >= 2)
        return CKR_SESSION_COUNT;
    rv = real->C_OpenSession(slot, flags, application, notify, session);
    if (rv == CKR_OK && plays("no-login"))
        real->C_Login(*session, CKU_USER, (CK_UTF8CHAR *)PIN, strlen(PIN));
    if (rv == CKR_OK)
        __atomic_add_fetch(&n_sessions, 1, __ATOMIC_SEQ_CST);
    return rv;
}

static CK_RV odd_get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    return exists("gone") ? CKR_DEVICE_REMOVED : real->C_GetSessionInfo(session, info);
}

static CK_RV odd_get_attribute_value(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
    CK_RV rv = real->C_GetAttributeValue(session, object, attrs, n);

    for (CK_ULONG i = 0; plays("always") && i < n; i++)
        if (attrs[i].type == CKA_ALWAYS_AUTHENTICATE && attrs[i].ulValueLen == 1)
            *(CK_BBOOL *)attrs[i].pValue = CK_TRUE;
    if (plays("terse"))
        for (CK_ULONG i = 0; i < n; i++)
            if (attrs[i].type == CKA_ALWAYS_AUTHENTICATE)
                return CKR_ATTRIBUTE_TYPE_INVALID;
    return rv;
}

static CK_RV odd_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    FILE *log = fopen(file("logins"), "ae");

    if (log) {
        fprintf(log, "%lu\n", user);
        fclose(log);
    }
    if (plays("reader")) {
        if (pin || len)
            return CKR_ARGUMENTS_BAD;
        pin = (CK_UTF8CHAR *)PIN;
        len = strlen(PIN);
    }
    if (user != CKU_CONTEXT_SPECIFIC)
        return real->C_Login(session, user, pin, len);
    if (next_call != WANTS_PIN || session != pending)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (len != strlen(PIN) || memcmp(pin, PIN, len) != 0)
        return CKR_PIN_INCORRECT;
    next_call = WANTS_SIGN;
    return CKR_OK;
}

static CK_RV planned_failure(void)
{
    unsigned long code = 0;
    FILE *plan = fopen(file("fail"), "re");

    if (!plan)
        return CKR_OK;
    if (fscanf(plan, "%lx", &code) != 1)
        code = CKR_GENERAL_ERROR;
    fclose(plan);
    unlink(file("fail"));
    return code;
}

/* Whoever does not lock is found out: it is not alone in here. */
static CK_RV enter(void)
{
    if (__atomic_add_fetch(&n_inside, 1, __ATOMIC_SEQ_CST) > 1 && plays("cant-lock"))
        return CKR_MUTEX_BAD;
    if (plays("cant-lock"))
        usleep(2000);
    return CKR_OK;
}

static void leave(void)
{
    __atomic_sub_fetch(&n_inside, 1, __ATOMIC_SEQ_CST);
}

static CK_RV odd_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = exists("gone") ? CKR_DEVICE_REMOVED : planned_failure();

    if (rv != CKR_OK)
        return rv;
    if (plays("always") && next_call != NOTHING)
        return CKR_OPERATION_ACTIVE;
    rv = enter();
    if (rv == CKR_OK)
        rv = real->C_SignInit(session, mechanism, key);
    leave();
    if (rv == CKR_OK && plays("always")) {
        pending = session;
        next_call = WANTS_PIN;
    }
    return rv;
}

static CK_RV odd_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
    CK_ULONG *signature_len)
{
    bool always = plays("always"), allowed = !always || next_call == WANTS_SIGN;
    CK_RV rv = enter();

    while (exists("hang"))
        usleep(10000);
    if (always)
        next_call = NOTHING;
    if (rv == CKR_OK)
        rv = real->C_Sign(session, data, len, signature, signature_len);
    if (rv == CKR_OK && exists("boast"))
        *signature_len = BOAST;
    leave();
    return allowed ? rv : CKR_USER_NOT_LOGGED_IN;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **);
    void *handle = dlopen(SOFTHSM_MODULE, RTLD_NOW);
    void *symbol = handle ? dlsym(handle, "C_GetFunctionList") : NULL;
    CK_RV rv;

    if (!symbol)
        return CKR_GENERAL_ERROR;
    memcpy(&get_function_list, &symbol, sizeof(symbol));
    rv = get_function_list(&real);
    if (rv != CKR_OK)
        return rv;
    odd = *real;
    odd.C_Initialize = odd_initialize;
    odd.C_GetSlotList = odd_get_slot_list;
    odd.C_GetTokenInfo = odd_get_token_info;
    odd.C_OpenSession = odd_open_session;
    odd.C_GetSessionInfo = odd_get_session_info;
    odd.C_GetAttributeValue = odd_get_attribute_value;
    odd.C_Login = odd_login;
    odd.C_SignInit = odd_sign_init;
    odd.C_Sign = odd_sign;
    odd.C_GetFunctionList = C_GetFunctionList;
    *list = &odd;
    return CKR_OK;
}
