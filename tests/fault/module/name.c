/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of functions, return values and flags, both ways: for the script, which is read, and the
 * log, which is written. Constant tables, no state.
 */
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const functions[] = {
#define X(name) #name,
    FAULT_FUNCTIONS(X)
#undef X
};

struct value {
    const char *name;
    CK_ULONG value;
};

#define V(name)                                                                                    \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct value values[] = {
    V(CKR_ACTION_PROHIBITED),
    V(CKR_ARGUMENTS_BAD),
    V(CKR_ATTRIBUTE_READ_ONLY),
    V(CKR_ATTRIBUTE_SENSITIVE),
    V(CKR_ATTRIBUTE_TYPE_INVALID),
    V(CKR_ATTRIBUTE_VALUE_INVALID),
    V(CKR_BUFFER_TOO_SMALL),
    V(CKR_CANCEL),
    V(CKR_CANT_LOCK),
    V(CKR_CRYPTOKI_ALREADY_INITIALIZED),
    V(CKR_CRYPTOKI_NOT_INITIALIZED),
    V(CKR_CURVE_NOT_SUPPORTED),
    V(CKR_DATA_INVALID),
    V(CKR_DATA_LEN_RANGE),
    V(CKR_DEVICE_ERROR),
    V(CKR_DEVICE_MEMORY),
    V(CKR_DEVICE_REMOVED),
    V(CKR_DOMAIN_PARAMS_INVALID),
    V(CKR_ENCRYPTED_DATA_INVALID),
    V(CKR_ENCRYPTED_DATA_LEN_RANGE),
    V(CKR_EXCEEDED_MAX_ITERATIONS),
    V(CKR_FIPS_SELF_TEST_FAILED),
    V(CKR_FUNCTION_CANCELED),
    V(CKR_FUNCTION_FAILED),
    V(CKR_FUNCTION_NOT_PARALLEL),
    V(CKR_FUNCTION_NOT_SUPPORTED),
    V(CKR_FUNCTION_REJECTED),
    V(CKR_GENERAL_ERROR),
    V(CKR_HOST_MEMORY),
    V(CKR_INFORMATION_SENSITIVE),
    V(CKR_KEY_CHANGED),
    V(CKR_KEY_FUNCTION_NOT_PERMITTED),
    V(CKR_KEY_HANDLE_INVALID),
    V(CKR_KEY_INDIGESTIBLE),
    V(CKR_KEY_NEEDED),
    V(CKR_KEY_NOT_NEEDED),
    V(CKR_KEY_NOT_WRAPPABLE),
    V(CKR_KEY_SIZE_RANGE),
    V(CKR_KEY_TYPE_INCONSISTENT),
    V(CKR_KEY_UNEXTRACTABLE),
    V(CKR_LIBRARY_LOAD_FAILED),
    V(CKR_MECHANISM_INVALID),
    V(CKR_MECHANISM_PARAM_INVALID),
    V(CKR_MUTEX_BAD),
    V(CKR_MUTEX_NOT_LOCKED),
    V(CKR_NEED_TO_CREATE_THREADS),
    V(CKR_NEW_PIN_MODE),
    V(CKR_NEXT_OTP),
    V(CKR_NO_EVENT),
    V(CKR_OBJECT_HANDLE_INVALID),
    V(CKR_OK),
    V(CKR_OPERATION_ACTIVE),
    V(CKR_OPERATION_NOT_INITIALIZED),
    V(CKR_PIN_EXPIRED),
    V(CKR_PIN_INCORRECT),
    V(CKR_PIN_INVALID),
    V(CKR_PIN_LEN_RANGE),
    V(CKR_PIN_LOCKED),
    V(CKR_PIN_TOO_WEAK),
    V(CKR_PUBLIC_KEY_INVALID),
    V(CKR_RANDOM_NO_RNG),
    V(CKR_RANDOM_SEED_NOT_SUPPORTED),
    V(CKR_SAVED_STATE_INVALID),
    V(CKR_SESSION_CLOSED),
    V(CKR_SESSION_COUNT),
    V(CKR_SESSION_EXISTS),
    V(CKR_SESSION_HANDLE_INVALID),
    V(CKR_SESSION_PARALLEL_NOT_SUPPORTED),
    V(CKR_SESSION_READ_ONLY),
    V(CKR_SESSION_READ_ONLY_EXISTS),
    V(CKR_SESSION_READ_WRITE_SO_EXISTS),
    V(CKR_SIGNATURE_INVALID),
    V(CKR_SIGNATURE_LEN_RANGE),
    V(CKR_SLOT_ID_INVALID),
    V(CKR_STATE_UNSAVEABLE),
    V(CKR_TEMPLATE_INCOMPLETE),
    V(CKR_TEMPLATE_INCONSISTENT),
    V(CKR_TOKEN_NOT_PRESENT),
    V(CKR_TOKEN_NOT_RECOGNIZED),
    V(CKR_TOKEN_WRITE_PROTECTED),
    V(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
    V(CKR_UNWRAPPING_KEY_SIZE_RANGE),
    V(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
    V(CKR_USER_ALREADY_LOGGED_IN),
    V(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    V(CKR_USER_NOT_LOGGED_IN),
    V(CKR_USER_PIN_NOT_INITIALIZED),
    V(CKR_USER_TOO_MANY_TYPES),
    V(CKR_USER_TYPE_INVALID),
    V(CKR_WRAPPED_KEY_INVALID),
    V(CKR_WRAPPED_KEY_LEN_RANGE),
    V(CKR_WRAPPING_KEY_HANDLE_INVALID),
    V(CKR_WRAPPING_KEY_SIZE_RANGE),
    V(CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
};
#undef V

#define V(name)                                                                                    \
    {                                                                                              \
#name, CKF_##name                                                                          \
    }
static const struct value flags[] = {
    V(RNG),
    V(WRITE_PROTECTED),
    V(LOGIN_REQUIRED),
    V(USER_PIN_INITIALIZED),
    V(RESTORE_KEY_NOT_NEEDED),
    V(CLOCK_ON_TOKEN),
    V(PROTECTED_AUTHENTICATION_PATH),
    V(DUAL_CRYPTO_OPERATIONS),
    V(TOKEN_INITIALIZED),
    V(SECONDARY_AUTHENTICATION),
    V(USER_PIN_COUNT_LOW),
    V(USER_PIN_FINAL_TRY),
    V(USER_PIN_LOCKED),
    V(USER_PIN_TO_BE_CHANGED),
    V(SO_PIN_COUNT_LOW),
    V(SO_PIN_FINAL_TRY),
    V(SO_PIN_LOCKED),
    V(SO_PIN_TO_BE_CHANGED),
};
#undef V

static bool value_by_name(
    const struct value *table, size_t n_values, const char *name, CK_ULONG *valuep)
{
    for (size_t i = 0; i < n_values; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *valuep = table[i].value;
            return true;
        }
    }
    return false;
}

const char *fault_function_name(enum fault_function function)
{
    return function < FAULT_N_FUNCTIONS ? functions[function] : "*";
}

bool fault_function_by_name(const char *name, enum fault_function *functionp)
{
    if (strcmp(name, "*") == 0) {
        *functionp = FAULT_EVERY_FUNCTION;
        return true;
    }
    for (unsigned i = 0; i < FAULT_N_FUNCTIONS; i++) {
        if (strcmp(functions[i], name) == 0) {
            *functionp = (enum fault_function)i;
            return true;
        }
    }
    return false;
}

const char *fault_rv_name(CK_RV rv)
{
    static __thread char digits[24];

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (values[i].value == rv)
            return values[i].name;
    }
    snprintf(digits, sizeof(digits), "0x%lx", rv);
    return digits;
}

bool fault_rv_by_name(const char *name, CK_RV *rvp)
{
    char *end;
    CK_RV rv;

    if (strncmp(name, "0x", 2) != 0)
        return value_by_name(values, sizeof(values) / sizeof(values[0]), name, rvp);
    rv = strtoul(name + 2, &end, 16);
    if (end == name + 2 || *end)
        return false;
    *rvp = rv;
    return true;
}

bool fault_flag_by_name(const char *name, CK_FLAGS *flagp)
{
    if (strncmp(name, "CKF_", 4) == 0)
        name += 4;
    return value_by_name(flags, sizeof(flags) / sizeof(flags[0]), name, flagp);
}
