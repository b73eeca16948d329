/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client/pkcs11: a module whose agent is another's, and shows tokens, keys and certificates that
 * are none. Whatever it says, a program that looks at all of it, and signs with all of it, gets
 * codes, and values of the size that it was told. The input is what the agent says.
 */
#include "fuzz.h"

#include "fake-clock.h"
#include "fake-connect.h"
#include "pkcs11/entry.h"

#include <string.h>

#define SLOTS 4
#define OBJECTS 24
#define N(list) (sizeof(list) / sizeof((list)[0]))

static CK_FUNCTION_LIST *call;
static volatile unsigned seen; /* that what is read is not optimised away */

static void look_at(const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        seen += ((const uint8_t *)data)[i];
}

/* In room of just the size that is told. */
static void look_at_attribute(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE attribute = {type, NULL, 0};
    CK_ULONG len;

    if (call->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK)
        return;
    len = attribute.ulValueLen;
    FUZZ_CHECK(len != CK_UNAVAILABLE_INFORMATION);
    attribute.pValue = malloc(len ? len : 1);
    FUZZ_CHECK(attribute.pValue);
    FUZZ_CHECK(call->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK);
    FUZZ_CHECK(attribute.ulValueLen == len);
    look_at(attribute.pValue, len);
    free(attribute.pValue);
}

static void look_at_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_ID, CKA_SUBJECT,
        CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_KEY_TYPE, CKA_MODULUS, CKA_MODULUS_BITS,
        CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_START_DATE, CKA_END_DATE,
        CKA_ALLOWED_MECHANISMS, CKA_UNIQUE_ID, CKA_PUBLIC_KEY_INFO, CKA_TRUSTED,
        CKA_CERTIFICATE_CATEGORY, CKA_KEY_GEN_MECHANISM, CKA_CHECK_VALUE, CKA_ALWAYS_AUTHENTICATE};

    for (size_t i = 0; i < N(types); i++)
        look_at_attribute(session, object, types[i]);
}

static void sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_ECDSA, CKM_RSA_PKCS, CKM_EDDSA};
    CK_BYTE data[32] = {0};

    for (size_t i = 0; i < N(types); i++) {
        CK_MECHANISM mechanism = {types[i], NULL, 0};
        CK_ULONG len = 0;
        CK_BYTE *signature;

        if (call->C_SignInit(session, &mechanism, object) != CKR_OK ||
            call->C_Sign(session, data, sizeof(data), NULL, &len) != CKR_OK)
            continue;
        signature = malloc(len ? len : 1);
        FUZZ_CHECK(signature);
        if (call->C_Sign(session, data, sizeof(data), signature, &len) == CKR_OK)
            look_at(signature, len);
        free(signature);
    }
}

static void look_at_objects(CK_SLOT_ID slot)
{
    CK_OBJECT_HANDLE objects[OBJECTS];
    CK_SESSION_HANDLE session;
    CK_ULONG n = 0;

    if (call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        return;
    if (call->C_FindObjectsInit(session, NULL, 0) == CKR_OK) {
        call->C_FindObjects(session, objects, OBJECTS, &n);
        FUZZ_CHECK(n <= OBJECTS);
        call->C_FindObjectsFinal(session);
    }
    for (CK_ULONG i = 0; i < n; i++) {
        look_at_object(session, objects[i]);
        sign(session, objects[i]);
    }
    call->C_CloseSession(session);
}

static void look_at_slot(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;
    CK_ULONG n = 0;

    if (call->C_GetSlotInfo(slot, &info) == CKR_OK)
        look_at(&info, sizeof(info));
    if (call->C_GetTokenInfo(slot, &token) != CKR_OK)
        return;
    look_at(&token, sizeof(token));
    call->C_GetMechanismList(slot, NULL, &n);
    look_at_objects(slot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CK_SLOT_ID slots[SLOTS];
    CK_ULONG n = SLOTS;
    int open_before;

    if (!call) {
        setenv("COUNTERSIGN_SOCKET", "/made.sock", 1);
        FUZZ_CHECK(C_GetFunctionList(&call) == CKR_OK);
    }
    open_before = fuzz_count_descriptors();
    fake_connect_say(CS_BYTES(data, size));
    FUZZ_CHECK(call->C_Initialize(NULL) == CKR_OK);
    if (call->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK)
        for (CK_ULONG i = 0; i < n; i++)
            look_at_slot(slots[i]);
    FUZZ_CHECK(call->C_Finalize(NULL) == CKR_OK);
    fake_connect_close();
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
    return 0;
}
