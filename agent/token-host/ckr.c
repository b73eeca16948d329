/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of CKR codes (PKCS #11 v3.0, section 5.2). Every code stands here on purpose; the
 * rest of the host asks this table and compares no codes but the few that steer it.
 */
#include "token-host/ckr.h"

#include <countersign/error.h>

enum nature {
    PLAIN,
    STALE,   /* a handle died: reopen and retry once */
    REFUSED, /* a PIN was looked at and is wrong */
    PASSING, /* it may be over in a moment */
};

struct row {
    CK_RV rv;
    const char *name;
    int code;
    enum nature nature;
    const char *text;
};

#define ROW(rv, code, nature, text)                                                                \
    {                                                                                              \
        rv, #rv, code, nature, text                                                                \
    }

/* Codes that the header of an older p11-kit lacks. */
#define NEWER(number, name, code, nature, text)                                                    \
    {                                                                                              \
        number, name, code, nature, text                                                           \
    }

/* Arguments and states that only a fault of ours, or of the module, can bring about. */
#define MISUSE "the module refused the call; please report this with the name of the module"

/* clang-format off */
static const struct row table[] = {
    ROW(CKR_CANCEL, CS_ERR_CANCELLED, PLAIN, "cancelled at the token"),
    ROW(CKR_HOST_MEMORY, CS_ERR_MEMORY, PLAIN, "the module is out of memory"),
    ROW(CKR_SLOT_ID_INVALID, CS_ERR_TOKEN_ABSENT, PLAIN, "its slot is gone: insert the token again"),
    ROW(CKR_GENERAL_ERROR, CS_ERR_TOKEN_FAILED, PASSING, "the module failed and does not say why"),
    ROW(CKR_FUNCTION_FAILED, CS_ERR_TOKEN_FAILED, PASSING, "the token could not do it and does not say why"),
    ROW(CKR_ARGUMENTS_BAD, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_NO_EVENT, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_NEED_TO_CREATE_THREADS, CS_ERR_MODULE_FAILED, PLAIN, "the module must create threads and may not"),
    ROW(CKR_CANT_LOCK, CS_ERR_MODULE_FAILED, PLAIN, "the module cannot be used from several threads"),
    ROW(CKR_ATTRIBUTE_READ_ONLY, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_ATTRIBUTE_SENSITIVE, CS_ERR_TOKEN_FAILED, PLAIN, "the token does not reveal this attribute"),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, "the token does not know this attribute"),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_ACTION_PROHIBITED, CS_ERR_TOKEN_FAILED, PLAIN, "the token forbids it"),
    ROW(CKR_DATA_INVALID, CS_ERR_SCHEME, PLAIN, "the token does not sign data of this form with this key"),
    ROW(CKR_DATA_LEN_RANGE, CS_ERR_SCHEME, PLAIN, "the token does not sign data of this length with this key"),
    ROW(CKR_DEVICE_ERROR, CS_ERR_TOKEN_FAILED, STALE, "the device failed: pull the token out and insert it again"),
    ROW(CKR_DEVICE_MEMORY, CS_ERR_TOKEN_FAILED, PASSING, "the device is out of memory"),
    ROW(CKR_DEVICE_REMOVED, CS_ERR_TOKEN_ABSENT, STALE, "the token was pulled out: insert it"),
    ROW(CKR_ENCRYPTED_DATA_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_FUNCTION_CANCELED, CS_ERR_CANCELLED, PLAIN, "cancelled at the token"),
    ROW(CKR_FUNCTION_NOT_PARALLEL, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, CS_ERR_UNSUPPORTED, PLAIN, "the module lacks a function that is needed"),
    ROW(CKR_KEY_HANDLE_INVALID, CS_ERR_NOT_FOUND, STALE, "the key is not on the token any more"),
    ROW(CKR_KEY_SIZE_RANGE, CS_ERR_SCHEME, PLAIN, "the token does not sign with keys of this size"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, CS_ERR_SCHEME, PLAIN, "the key is not of the type that the scheme needs"),
    ROW(CKR_KEY_NOT_NEEDED, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_KEY_CHANGED, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_KEY_NEEDED, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_KEY_INDIGESTIBLE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, CS_ERR_SCHEME, PLAIN, "the token does not allow this key to sign (CKA_SIGN)"),
    ROW(CKR_KEY_NOT_WRAPPABLE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_KEY_UNEXTRACTABLE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_MECHANISM_INVALID, CS_ERR_SCHEME, PLAIN, "the token does not know the mechanism that the scheme needs"),
    ROW(CKR_MECHANISM_PARAM_INVALID, CS_ERR_SCHEME, PLAIN, "the token does not know the parameters that the scheme needs"),
    ROW(CKR_OBJECT_HANDLE_INVALID, CS_ERR_NOT_FOUND, STALE, "the object is not on the token any more"),
    ROW(CKR_OPERATION_ACTIVE, CS_ERR_TOKEN_FAILED, STALE, "another operation is active in the session"),
    ROW(CKR_OPERATION_NOT_INITIALIZED, CS_ERR_TOKEN_FAILED, STALE, "the operation was lost"),
    ROW(CKR_PIN_INCORRECT, CS_ERR_PIN_INCORRECT, REFUSED, "the PIN is wrong"),
    ROW(CKR_PIN_INVALID, CS_ERR_PIN_INCORRECT, REFUSED, "the PIN has characters that the token does not take"),
    ROW(CKR_PIN_LEN_RANGE, CS_ERR_PIN_INCORRECT, REFUSED, "the PIN is too short or too long"),
    ROW(CKR_PIN_EXPIRED, CS_ERR_TOKEN_FAILED, PLAIN, "the PIN has expired: change it with 'countersign pin change'"),
    ROW(CKR_PIN_LOCKED, CS_ERR_PIN_BLOCKED, PLAIN, "the PIN is blocked: unblock it with the PUK or ask the token's administrator"),
    ROW(CKR_SESSION_CLOSED, CS_ERR_TOKEN_FAILED, STALE, "the session was closed"),
    ROW(CKR_SESSION_COUNT, CS_ERR_BUSY, PLAIN, "the token has no session left: close other programs that use it"),
    ROW(CKR_SESSION_HANDLE_INVALID, CS_ERR_TOKEN_FAILED, STALE, "the session was lost"),
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_SESSION_READ_ONLY, CS_ERR_TOKEN_FAILED, PLAIN, "the token asks for a session that may write"),
    ROW(CKR_SESSION_EXISTS, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_SESSION_READ_ONLY_EXISTS, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, CS_ERR_TOKEN_FAILED, PLAIN, "the security officer is logged in: log out there first"),
    ROW(CKR_SIGNATURE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_SIGNATURE_LEN_RANGE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_TEMPLATE_INCOMPLETE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_TEMPLATE_INCONSISTENT, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_TOKEN_NOT_PRESENT, CS_ERR_TOKEN_ABSENT, STALE, "the token is not there: insert it"),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, CS_ERR_TOKEN_FAILED, PLAIN, "the token is not initialised, or not one that the module knows"),
    ROW(CKR_TOKEN_WRITE_PROTECTED, CS_ERR_TOKEN_FAILED, PLAIN, "the token is write protected"),
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_USER_ALREADY_LOGGED_IN, CS_ERR_TOKEN_FAILED, PLAIN, "it is unlocked already"),
    ROW(CKR_USER_NOT_LOGGED_IN, CS_ERR_LOCKED, PLAIN, "it is locked: unlock it with 'countersign unlock'"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, CS_ERR_TOKEN_FAILED, PLAIN, "it has no user PIN yet: set one with the token's own tool"),
    ROW(CKR_USER_TYPE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, "it does not take a user's PIN"),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CS_ERR_TOKEN_FAILED, PLAIN, "another user of the token is logged in: log out there first"),
    ROW(CKR_USER_TOO_MANY_TYPES, CS_ERR_TOKEN_FAILED, PLAIN, "too many users of the token are logged in: log out there first"),
    ROW(CKR_WRAPPED_KEY_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_WRAPPING_KEY_SIZE_RANGE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_RANDOM_SEED_NOT_SUPPORTED, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_RANDOM_NO_RNG, CS_ERR_TOKEN_FAILED, PLAIN, "the token has no source of random numbers"),
    ROW(CKR_DOMAIN_PARAMS_INVALID, CS_ERR_SCHEME, PLAIN, "the token does not know the curve of this key"),
    ROW(CKR_CURVE_NOT_SUPPORTED, CS_ERR_SCHEME, PLAIN, "the token does not know the curve of this key"),
    ROW(CKR_BUFFER_TOO_SMALL, CS_ERR_TOO_LARGE, PLAIN, "the token's answer is larger than the limit"),
    ROW(CKR_SAVED_STATE_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_INFORMATION_SENSITIVE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_STATE_UNSAVEABLE, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, CS_ERR_MODULE_FAILED, PLAIN, "the module lost its state"),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, CS_ERR_MODULE_FAILED, PLAIN, "the module is initialised already"),
    ROW(CKR_MUTEX_BAD, CS_ERR_MODULE_FAILED, PLAIN, "the module's locks are broken"),
    ROW(CKR_MUTEX_NOT_LOCKED, CS_ERR_MODULE_FAILED, PLAIN, "the module's locks are broken"),
    ROW(CKR_NEW_PIN_MODE, CS_ERR_TOKEN_FAILED, PLAIN, "the token wants a new PIN: set one with 'countersign pin change'"),
    ROW(CKR_NEXT_OTP, CS_ERR_TOKEN_FAILED, PLAIN, "the token wants another one-time password"),
    ROW(CKR_EXCEEDED_MAX_ITERATIONS, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_FIPS_SELF_TEST_FAILED, CS_ERR_MODULE_FAILED, PLAIN, "the module failed its self-test"),
    ROW(CKR_LIBRARY_LOAD_FAILED, CS_ERR_MODULE_FAILED, PLAIN, "the module could not load a library it needs"),
    ROW(CKR_PIN_TOO_WEAK, CS_ERR_TOKEN_FAILED, PLAIN, "the PIN is too weak: change it with 'countersign pin change'"),
    ROW(CKR_PUBLIC_KEY_INVALID, CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    ROW(CKR_FUNCTION_REJECTED, CS_ERR_CANCELLED, PLAIN, "it was refused at the token"),
    NEWER(0x42, "CKR_AEAD_DECRYPT_FAILED", CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    NEWER(0x201, "CKR_TOKEN_RESOURCE_EXCEEDED", CS_ERR_BUSY, PASSING, "the token has too much to do: try again later"),
    NEWER(0x202, "CKR_OPERATION_CANCEL_FAILED", CS_ERR_TOKEN_FAILED, STALE, "an operation could not be cancelled"),
    NEWER(0x203, "CKR_KEY_EXHAUSTED", CS_ERR_TOKEN_FAILED, PLAIN, "the key may sign no more: it has been used as often as it allows"),
    NEWER(0x204, "CKR_PENDING", CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    NEWER(0x205, "CKR_SESSION_ASYNC_NOT_SUPPORTED", CS_ERR_TOKEN_FAILED, PLAIN, MISUSE),
    NEWER(0x206, "CKR_SEED_RANDOM_REQUIRED", CS_ERR_TOKEN_FAILED, PLAIN, "the token's source of random numbers wants a seed"),
    NEWER(0x207, "CKR_OPERATION_NOT_VALIDATED", CS_ERR_SCHEME, PLAIN, "the token's validated mode does not allow this signature"),
    NEWER(0x208, "CKR_TOKEN_NOT_INITIALIZED", CS_ERR_TOKEN_FAILED, PLAIN, "the token is not initialised"),
    NEWER(0x209, "CKR_PARAMETER_SET_NOT_SUPPORTED", CS_ERR_SCHEME, PLAIN, "the token does not know the parameters of this key"),
    ROW(CKR_VENDOR_DEFINED, CS_ERR_TOKEN_FAILED, PASSING, "the vendor's module reports a failure of its own"),
};
/* clang-format on */

#define N_ROWS (sizeof(table) / sizeof(table[0]))

static const struct row unknown = {
    0, "an unknown code", CS_ERR_TOKEN_FAILED, PASSING, "the module reports a failure of its own"};

static const struct row *find(CK_RV rv)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (table[i].rv == rv)
            return &table[i];
    return rv >= CKR_VENDOR_DEFINED ? find(CKR_VENDOR_DEFINED) : &unknown;
}

const char *cs_ckr_name(CK_RV rv)
{
    return rv == CKR_OK ? "CKR_OK" : find(rv)->name;
}

int cs_ckr_code(CK_RV rv)
{
    return rv == CKR_OK ? 0 : find(rv)->code;
}

const char *cs_ckr_text(CK_RV rv)
{
    return rv == CKR_OK ? "success" : find(rv)->text;
}

bool cs_ckr_is_stale(CK_RV rv)
{
    return rv != CKR_OK && find(rv)->nature == STALE;
}

bool cs_ckr_is_refused(CK_RV rv)
{
    return rv != CKR_OK && find(rv)->nature == REFUSED;
}

bool cs_ckr_is_passing(CK_RV rv)
{
    return rv != CKR_OK && find(rv)->nature == PASSING;
}

bool cs_ckr_is_breakdown(CK_RV rv)
{
    const struct row *row = find(rv);

    return rv != CKR_OK && row->code != CS_ERR_TOKEN_ABSENT && row->code != CS_ERR_BUSY &&
           (row->nature == PASSING || row->nature == STALE || row->code == CS_ERR_MODULE_FAILED);
}

int cs_ckr_fail(struct cs_failure *failure, CK_RV rv, const char *token)
{
    const struct row *row = find(rv);

    failure->rv = rv;
    return cs_fail(&failure->fault, row->code, "token '%s': %s (%s, 0x%lx)", token, row->text,
        row->name, (unsigned long)rv);
}
