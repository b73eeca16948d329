/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are wrong, or in the wrong order, get the standard's code; what the module does not
 * offer says so; and the tables of both versions are whole. */
#include "caller.h"

#include "pkcs11/interface.h"

#include <dlfcn.h>

static void test_null_where_it_is_forbidden(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_ATTRIBUTE hollow = {CKA_LABEL, NULL, 4};
    CK_BYTE byte;
    CK_ULONG n = 1;

    (void)state;
    assert_int_equal(call->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetSlotList(CK_TRUE, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetSlotInfo(0, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetTokenInfo(0, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetMechanismList(0, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetMechanismInfo(0, CKM_ECDSA, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(
        call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetSessionInfo(session, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_Login(session, CKU_USER, NULL, 4), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_GetAttributeValue(session, key, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_FindObjectsInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_FindObjectsInit(session, &hollow, 1), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_FindObjects(session, NULL, 1, &n), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_FindObjects(session, &key, 1, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_SignInit(session, NULL, key), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_DigestInit(session, NULL), CKR_ARGUMENTS_BAD);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_Sign(session, NULL, 1, &byte, &n), CKR_ARGUMENTS_BAD);
    assert_int_equal(call->C_Sign(session, &byte, 1, &byte, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_SignUpdate(session, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_SignFinal(session, &byte, NULL), CKR_ARGUMENTS_BAD);
}

static void test_numbers_of_nothing(void **state)
{
    CK_SESSION_HANDLE session = caller_session(), other;
    CK_OBJECT_HANDLE certificate = caller_find(session, CKO_CERTIFICATE, "ec");
    CK_OBJECT_HANDLE public = caller_find(session, CKO_PUBLIC_KEY, "ec");
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM_INFO mechanism_info;
    CK_SESSION_INFO session_info;
    CK_TOKEN_INFO token_info;
    CK_SLOT_INFO slot_info;
    CK_ULONG n = 1;

    (void)state;
    assert_int_equal(call->C_GetSlotInfo(99, &slot_info), CKR_SLOT_ID_INVALID);
    assert_int_equal(call->C_GetTokenInfo(99, &token_info), CKR_SLOT_ID_INVALID);
    assert_int_equal(call->C_GetTokenInfo(1, &token_info), CKR_TOKEN_NOT_PRESENT);
    assert_int_equal(call->C_GetMechanismList(1, NULL, &n), CKR_TOKEN_NOT_PRESENT);
    assert_int_equal(
        call->C_GetMechanismInfo(0, CKM_AES_GCM, &mechanism_info), CKR_MECHANISM_INVALID);
    assert_int_equal(call->C_CloseAllSessions(99), CKR_SLOT_ID_INVALID);
    assert_int_equal(
        call->C_OpenSession(99, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_SLOT_ID_INVALID);
    assert_int_equal(
        call->C_OpenSession(0, 0, NULL, NULL, &other), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_int_equal(call->C_GetSessionInfo(0, &session_info), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(
        call->C_GetSessionInfo(session + 1, &session_info), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(call->C_GetAttributeValue(session, 0, NULL, 0), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(call->C_SignInit(session, &mechanism, 0), CKR_KEY_HANDLE_INVALID);
    assert_int_equal(call->C_SignInit(session, &mechanism, certificate), CKR_KEY_HANDLE_INVALID);
    assert_int_equal(call->C_SignInit(session, &mechanism, public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cabinet_put(&cabinet, 1, "second"); /* whose session does not reach the first's objects */
    assert_ok(call->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &other));
    assert_int_equal(
        call->C_GetAttributeValue(other, certificate, NULL, 0), CKR_OBJECT_HANDLE_INVALID);
}

static void test_calls_out_of_order(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec"), found;
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE bytes[64];
    CK_ULONG n = sizeof(bytes);

    (void)state;
    assert_int_equal(call->C_FindObjects(session, &found, 1, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_Sign(session, bytes, 32, bytes, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_SignUpdate(session, bytes, 1), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_SignFinal(session, bytes, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_DigestUpdate(session, bytes, 1), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(call->C_FindObjectsInit(session, NULL, 0));
    assert_int_equal(call->C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_SignInit(session, &mechanism, key), CKR_OPERATION_ACTIVE);
    assert_ok(call->C_SignInit(session, NULL, 0)); /* version 3.0: enough of it */
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_ok(call->C_CloseSession(session));
    assert_int_equal(call->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

/* What came in parts is not ended by C_Sign or C_Digest; but as PKCS #11 has it, they drop it. */
static void test_one_call_ends_no_parts(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_MECHANISM sign = {CKM_ECDSA_SHA256, NULL, 0}, digest = {CKM_SHA256, NULL, 0};
    CK_BYTE bytes[64] = {0};
    CK_ULONG n = sizeof(bytes);

    (void)state;
    caller_asked();
    assert_ok(call->C_SignInit(session, &sign, key));
    assert_ok(call->C_SignUpdate(session, bytes, 1));
    assert_int_equal(call->C_Sign(session, bytes, 1, bytes, &n), CKR_OPERATION_ACTIVE);
    assert_int_equal(call->C_SignFinal(session, bytes, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(call->C_DigestInit(session, &digest));
    assert_ok(call->C_DigestUpdate(session, bytes, 1));
    assert_int_equal(call->C_Digest(session, bytes, 1, bytes, &n), CKR_OPERATION_ACTIVE);
    assert_int_equal(call->C_DigestFinal(session, bytes, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(caller_asked(), 0);
}

static CK_STATE state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    assert_ok(call->C_GetSessionInfo(session, &info));
    return info.state;
}

static void test_a_login_is_remembered_and_nothing_else(void **state)
{
    CK_SESSION_HANDLE one = caller_session(), two;

    (void)state;
    assert_ok(call->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &two));
    caller_asked();
    assert_int_equal(state_of(one), CKS_RO_PUBLIC_SESSION);
    assert_int_equal(call->C_Logout(one), CKR_USER_NOT_LOGGED_IN);
    assert_ok(call->C_Login(one, CKU_USER, NULL, 0));
    assert_int_equal(call->C_Login(two, CKU_USER, (CK_BYTE *)"1", 1), CKR_USER_ALREADY_LOGGED_IN);
    assert_int_equal(state_of(one), CKS_RO_USER_FUNCTIONS);
    assert_int_equal(state_of(two), CKS_RW_USER_FUNCTIONS);
    assert_int_equal(
        call->C_Login(one, CKU_CONTEXT_SPECIFIC, NULL, 0), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(call->C_Login(one, CKU_SO, NULL, 0), CKR_USER_TYPE_INVALID);
    assert_ok(call->C_Logout(two));
    assert_int_equal(state_of(one), CKS_RO_PUBLIC_SESSION);
    assert_ok(call->C_Login(one, CKU_USER, NULL, 0));
    assert_ok(call->C_CloseAllSessions(0));
    one = caller_session();
    assert_int_equal(state_of(one), CKS_RO_PUBLIC_SESSION);
    assert_int_equal(caller_asked(), 0);
}

static void test_sessions_without_number(void **state)
{
    enum { N = 5000 };
    CK_SESSION_HANDLE *sessions = calloc(N, sizeof(*sessions));
    CK_TOKEN_INFO info;

    (void)state;
    for (size_t i = 0; i < N; i++)
        sessions[i] = caller_session();
    assert_ok(call->C_GetTokenInfo(0, &info));
    assert_int_equal(info.ulSessionCount, N);
    for (size_t i = 0; i < N; i += 2)
        assert_ok(call->C_CloseSession(sessions[i]));
    for (size_t i = 0; i < N; i += 2)
        assert_int_not_equal(caller_session(), sessions[i]);
    assert_ok(call->C_CloseAllSessions(0));
    assert_ok(call->C_GetTokenInfo(0, &info));
    assert_int_equal(info.ulSessionCount, 0);
    free(sessions);
}

static void test_what_is_not_offered_says_so(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE object;
    CK_BYTE byte;

    (void)state;
    assert_int_equal(call->C_VerifyInit(session, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_EncryptInit(session, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_DecryptInit(session, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(
        call->C_DeriveKey(session, &mechanism, 1, NULL, 0, &object), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_UnwrapKey(session, &mechanism, 1, &byte, 1, NULL, 0, &object),
        CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_CreateObject(session, NULL, 0, &object), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_DestroyObject(session, 1), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_SetPIN(session, &byte, 1, &byte, 1), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(call->C_GenerateRandom(session, &byte, 1), CKR_RANDOM_NO_RNG);
    assert_int_equal(call->C_SeedRandom(session, &byte, 1), CKR_RANDOM_NO_RNG);
    assert_int_equal(call->C_GetFunctionStatus(session), CKR_FUNCTION_NOT_PARALLEL);
    assert_int_equal(call->C_CancelFunction(session), CKR_FUNCTION_NOT_PARALLEL);
}

/* A version is two octets, then comes a pointer for every function. */
static void check_table(const void *table, size_t size, unsigned char major, unsigned char minor)
{
    void *const *entries = table;
    const CK_VERSION *version = table;

    assert_true(version->major == major && version->minor == minor);
    for (size_t i = 1; i < size / sizeof(*entries); i++)
        assert_non_null(entries[i]);
}

static void test_interfaces_as_nss_asks_for_them(void **state)
{
    CK_RV (*get)(CK_UTF8CHAR *, CK_VERSION *, struct cs_interface **, CK_FLAGS);
    CK_RV (*list)(struct cs_interface *, CK_ULONG *);
    CK_UTF8CHAR *name = (CK_UTF8CHAR *)"PKCS 11";
    CK_UTF8CHAR *vendor = (CK_UTF8CHAR *)"Vendor NSS FIPS Interface";
    struct cs_interface *interface, interfaces[2];
    struct cs_functions_3 *functions;
    CK_ULONG n = 1;
    CK_INFO info;

    (void)state;
    *(void **)&get = dlsym(module, "C_GetInterface");
    *(void **)&list = dlsym(module, "C_GetInterfaceList");
    assert_int_equal(get(name, NULL, &interface, 1), CKR_FUNCTION_FAILED); /* fork-safe */
    assert_int_equal(get(vendor, NULL, &interface, 0), CKR_FUNCTION_FAILED);
    assert_int_equal(get(name, &(CK_VERSION){2, 20}, &interface, 0), CKR_FUNCTION_FAILED);
    assert_int_equal(get(name, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_ok(get(name, &(CK_VERSION){2, 40}, &interface, 0));
    assert_ptr_equal(interface->functions, call);
    check_table(call, sizeof(*call), 2, 40);
    assert_ok(get(NULL, NULL, &interface, 0));
    check_table(interface->functions, sizeof(struct cs_functions_3), 3, 0);
    functions = interface->functions;
    assert_ok(functions->base.C_GetInfo(&info));
    assert_int_equal(info.cryptokiVersion.major, 3);
    assert_ok(functions->C_LoginUser(caller_session(), CKU_USER, NULL, 0, NULL, 0));
    assert_ok(functions->C_SessionCancel(caller_session(), CKF_SIGN | CKF_DIGEST));
    assert_int_equal(list(interfaces, &n), CKR_BUFFER_TOO_SMALL);
    assert_ok(list(interfaces, &n));
    assert_string_equal(interfaces[0].name, "PKCS 11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, caller_initialize, caller_unload)
        TEST(test_null_where_it_is_forbidden),
        TEST(test_numbers_of_nothing),
        TEST(test_calls_out_of_order),
        TEST(test_one_call_ends_no_parts),
        TEST(test_a_login_is_remembered_and_nothing_else),
        TEST(test_sessions_without_number),
        TEST(test_what_is_not_offered_says_so),
        TEST(test_interfaces_as_nss_asks_for_them),
    };

    return cmocka_run_group_tests_name(
        "pkcs11-misuse", tests, caller_start_cabinet, caller_stop_cabinet);
}
