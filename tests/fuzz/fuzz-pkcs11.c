/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client/pkcs11: calls in any order with any arguments, and an agent that hangs up, pulls tokens
 * and refuses, get a code and never more. Each octet of the input chooses a call or an argument.
 */
#include "fuzz.h"

#include "../pkcs11/cabinet.h"
#include "pkcs11/entry.h"

#include <string.h>

#define HANDLES 4
#define N(list) (sizeof(list) / sizeof((list)[0]))

static struct cabinet cabinet;
static CK_FUNCTION_LIST *call;
static CK_SESSION_HANDLE sessions[HANDLES];
static CK_OBJECT_HANDLE objects[HANDLES];

/* Mostly numbers that exist. */
static CK_ULONG number(struct fuzz_input *input)
{
    static const CK_ULONG odd[] = {0, 1, 255, 4096, CK_UNAVAILABLE_INFORMATION, 0x7fffffff};
    uint8_t n = fuzz_next(input);

    return n < 8 ? n : odd[n % N(odd)];
}

static CK_SESSION_HANDLE session(struct fuzz_input *input)
{
    uint8_t n = fuzz_next(input);

    return n > 250 ? n : sessions[n % HANDLES];
}

static CK_OBJECT_HANDLE object(struct fuzz_input *input)
{
    uint8_t n = fuzz_next(input);

    return n > 250 ? n : objects[n % HANDLES];
}

static CK_ATTRIBUTE_TYPE attribute_type(struct fuzz_input *input)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_TOKEN, CKA_LABEL, CKA_VALUE, CKA_ID,
        CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_KEY_TYPE, CKA_MODULUS, CKA_EC_PARAMS,
        CKA_EC_POINT, CKA_START_DATE, CKA_ALLOWED_MECHANISMS, CKA_UNIQUE_ID, CKA_PROFILE_ID,
        CKA_PUBLIC_KEY_INFO, CKA_PRIVATE_EXPONENT, CKA_MODULUS_BITS, CKA_END_DATE, CKA_TRUSTED};
    uint8_t n = fuzz_next(input);

    if (n < N(types))
        return types[n];
    return n < 0xf0 ? n : (CK_ATTRIBUTE_TYPE)(n & 0xf) << 8 | fuzz_next(input);
}

/* Buffers of just the size that is told, so that an octet too far is seen. */
struct attributes {
    CK_ATTRIBUTE list[3];
    CK_ULONG n;
};

static void attributes_init(struct attributes *attributes, struct fuzz_input *input)
{
    attributes->n = fuzz_next(input) % 4;
    for (CK_ULONG i = 0; i < attributes->n; i++) {
        CK_ATTRIBUTE *attribute = &attributes->list[i];
        CK_ULONG len = fuzz_next(input);

        *attribute = (CK_ATTRIBUTE){attribute_type(input), NULL, len};
        if (len == 255)
            continue; /* no buffer, but a length */
        attribute->pValue = malloc(len ? len : 1);
        FUZZ_CHECK(attribute->pValue);
        memset(attribute->pValue, 0, len);
        for (CK_ULONG j = 0; j < len && j < 8; j++)
            ((uint8_t *)attribute->pValue)[j] = j == 0 ? fuzz_next(input) : 0;
    }
}

static void attributes_deinit(struct attributes *attributes)
{
    for (CK_ULONG i = 0; i < attributes->n; i++)
        free(attributes->list[i].pValue);
}

static void get_attributes(struct fuzz_input *input)
{
    CK_SESSION_HANDLE of = session(input);
    CK_OBJECT_HANDLE at = object(input);
    struct attributes attributes;

    attributes_init(&attributes, input);
    call->C_GetAttributeValue(
        of, at, fuzz_next(input) > 250 ? NULL : attributes.list, attributes.n);
    attributes_deinit(&attributes);
}

static void find(struct fuzz_input *input)
{
    CK_SESSION_HANDLE in = session(input);
    struct attributes attributes;

    attributes_init(&attributes, input);
    call->C_FindObjectsInit(in, fuzz_next(input) > 250 ? NULL : attributes.list, attributes.n);
    attributes_deinit(&attributes);
}

static void find_next(struct fuzz_input *input)
{
    CK_OBJECT_HANDLE found[3] = {0};
    CK_SESSION_HANDLE in = session(input);
    uint8_t max = fuzz_next(input);
    CK_ULONG n = 0;

    if (call->C_FindObjects(in, max > 250 ? NULL : found, max % 4, max == 250 ? NULL : &n) ==
        CKR_OK) {
        FUZZ_CHECK(n <= max % 4u);
        if (n > 0)
            objects[max % HANDLES] = found[n - 1];
    }
}

/* A parameter in memory of just the size that is told. */
static void *parameter(struct fuzz_input *input, uint8_t shape, CK_ULONG *lenp)
{
    static const CK_ULONG hashes[] = {CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA_1, CKM_MD5};
    static const CK_ULONG masks[] = {CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512, 0};
    CK_RSA_PKCS_PSS_PARAMS params = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    void *copy;

    *lenp = shape & 2 ? sizeof(params) : 0;
    if (shape & 4)
        params.sLen = number(input);
    if (shape & 8)
        params.hashAlg = hashes[fuzz_next(input) % N(hashes)];
    if (shape & 16)
        params.mgf = masks[fuzz_next(input) % N(masks)];
    if (shape & 32)
        *lenp = fuzz_next(input) % (sizeof(params) + 1);
    if (!(shape & 1))
        return NULL;
    copy = malloc(*lenp ? *lenp : 1);
    FUZZ_CHECK(copy);
    memcpy(copy, &params, *lenp);
    return copy;
}

static const CK_MECHANISM_TYPE mechanisms[] = {CKM_ECDSA, CKM_ECDSA_SHA256, CKM_EDDSA, CKM_RSA_PKCS,
    CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA512,
    CKM_SHA_1, CKM_ECDSA_SHA384, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS, CKM_RSA_X_509,
    CKM_AES_GCM, CKM_VENDOR_DEFINED};

static void begin(struct fuzz_input *input, bool digest)
{
    CK_MECHANISM mechanism = {mechanisms[fuzz_next(input) % N(mechanisms)], NULL, 0};
    CK_SESSION_HANDLE in = session(input);
    CK_OBJECT_HANDLE key = object(input);
    uint8_t shape = fuzz_next(input);

    mechanism.pParameter = parameter(input, shape, &mechanism.ulParameterLen);
    if (digest)
        call->C_DigestInit(in, shape > 250 ? NULL : &mechanism);
    else
        call->C_SignInit(in, shape > 250 ? NULL : &mechanism, key);
    free(mechanism.pParameter);
}

static void whole(struct fuzz_input *input, CK_C_Sign function)
{
    CK_SESSION_HANDLE in = session(input);
    CK_ULONG len = fuzz_next(input), room = 2 * (CK_ULONG)fuzz_next(input);
    uint8_t *data = calloc(1, len ? len : 1), *out = malloc(room ? room : 1);
    uint8_t shape = fuzz_next(input);

    FUZZ_CHECK(data && out);
    function(in, shape & 1 && len ? data : NULL, len, shape & 2 ? out : NULL,
        shape > 250 ? NULL : &room);
    free(data);
    free(out);
}

static void part(struct fuzz_input *input, CK_C_SignUpdate function)
{
    CK_SESSION_HANDLE in = session(input);
    CK_ULONG len = fuzz_next(input);
    uint8_t *data = calloc(1, len ? len : 1);

    FUZZ_CHECK(data);
    function(in, fuzz_next(input) > 250 ? NULL : data, len);
    free(data);
}

static void final(struct fuzz_input *input, CK_C_SignFinal function)
{
    CK_SESSION_HANDLE in = session(input);
    CK_ULONG room = 2 * (CK_ULONG)fuzz_next(input);
    uint8_t *out = malloc(room ? room : 1);
    uint8_t shape = fuzz_next(input);

    FUZZ_CHECK(out);
    function(in, shape & 1 ? out : NULL, shape > 250 ? NULL : &room);
    free(out);
}

static void look(struct fuzz_input *input)
{
    CK_SLOT_ID list[8], slot = number(input);
    CK_ULONG n = number(input) % 9;
    CK_MECHANISM_TYPE list_of_mechanisms[32];
    CK_MECHANISM_INFO mechanism;
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;

    call->C_GetSlotList(fuzz_next(input) & 1, n ? list : NULL, &n);
    call->C_GetSlotInfo(slot, &info);
    call->C_GetTokenInfo(slot, &token);
    n = number(input) % 33;
    call->C_GetMechanismList(slot, n ? list_of_mechanisms : NULL, &n);
    call->C_GetMechanismInfo(slot, mechanisms[number(input) % N(mechanisms)], &mechanism);
    call->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
}

static void sessions_call(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input);
    CK_SESSION_HANDLE in = session(input);
    CK_SESSION_INFO info;

    switch (what % 7) {
    case 0:
    case 1:
        call->C_OpenSession(number(input) % 4, what > 250 ? 0 : CKF_SERIAL_SESSION | (what & 2),
            NULL, NULL, &sessions[what % HANDLES]);
        break;
    case 2:
        call->C_CloseSession(in);
        break;
    case 3:
        call->C_CloseAllSessions(number(input));
        break;
    case 4:
        call->C_GetSessionInfo(in, &info);
        break;
    case 5:
        call->C_Login(in, number(input), NULL, number(input));
        break;
    case 6:
        call->C_Logout(in);
        break;
    }
}

/* A state that was saved, and perhaps spoilt since. */
static void restore(struct fuzz_input *input)
{
    CK_SESSION_HANDLE from = session(input), to = session(input);
    CK_ULONG len = 2 * (CK_ULONG)fuzz_next(input), room = len;
    uint8_t *state = calloc(1, len ? len : 1);
    uint8_t shape = fuzz_next(input);

    FUZZ_CHECK(state);
    call->C_GetOperationState(from, shape & 1 ? NULL : state, shape > 250 ? NULL : &room);
    for (uint8_t i = 0; len > 0 && i < shape / 16; i++)
        state[fuzz_next(input) % len] = fuzz_next(input);
    call->C_SetOperationState(
        to, shape == 250 ? NULL : state, room < len ? room : len, shape & 2, shape & 4);
    free(state);
}

/* What tells of the module, and what of version 3 is there. */
static void look_at_module(struct fuzz_input *input)
{
    static const char *const names[] = {"PKCS 11", "Vendor", ""};
    uint8_t shape = fuzz_next(input);
    CK_VERSION version = {fuzz_next(input), fuzz_next(input)};
    CK_ULONG n = shape % 4;
    struct cs_interface list[3], *interface = NULL;
    CK_INFO info;

    call->C_GetInfo(shape > 250 ? NULL : &info);
    C_GetInterfaceList(shape & 4 ? list : NULL, shape > 250 ? NULL : &n);
    if (C_GetInterface(shape & 8 ? (CK_UTF8CHAR *)names[shape % 3] : NULL,
            shape & 16 ? &version : NULL, &interface, shape & 32) == CKR_OK)
        FUZZ_CHECK(interface && interface->functions);
    if (C_GetInterface(NULL, NULL, &interface, 0) == CKR_OK)
        ((struct cs_functions_3 *)interface->functions)
            ->C_SessionCancel(session(input), number(input) << 8 | number(input));
}

/* What becomes of the agent meanwhile. */
static bool disturbed;

/* It waits for ever for a program that hears of everything and never looks; a real one hangs up. */
static void put(size_t at, const char *label)
{
    static unsigned n;
    CK_ULONG n_slots;

    cabinet_put(&cabinet, at, label);
    if (++n % 64 == 0)
        call->C_GetSlotList(CK_FALSE, NULL, &n_slots);
}

static void agent(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input);

    disturbed = true;
    if (what % 4 == 0)
        cabinet.keyring.locked = what & 4;
    else
        put(what % 2, what & 8 ? "corp" : NULL);
}

static void one(struct fuzz_input *input)
{
    switch (fuzz_next(input) % 18) {
    case 0:
        look(input);
        break;
    case 1:
    case 2:
        sessions_call(input);
        break;
    case 3:
        find(input);
        break;
    case 4:
        find_next(input);
        break;
    case 5:
        call->C_FindObjectsFinal(session(input));
        break;
    case 6:
        get_attributes(input);
        break;
    case 7:
        begin(input, false);
        break;
    case 8:
        whole(input, call->C_Sign);
        break;
    case 9:
        part(input, call->C_SignUpdate);
        break;
    case 10:
        final(input, call->C_SignFinal);
        break;
    case 11:
        begin(input, true);
        break;
    case 12:
        whole(input, call->C_Digest);
        break;
    case 13:
        part(input, call->C_DigestUpdate);
        break;
    case 14:
        final(input, call->C_DigestFinal);
        break;
    case 15:
        agent(input);
        break;
    case 16:
        restore(input);
        break;
    case 17:
        look_at_module(input);
        break;
    }
}

static void finish(void)
{
    call->C_Finalize(NULL);
    cabinet_stop(&cabinet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};

    if (!call) {
        cabinet_start(&cabinet);
        FUZZ_CHECK(C_GetFunctionList(&call) == CKR_OK);
        FUZZ_CHECK(call->C_Initialize(NULL) == CKR_OK);
        FUZZ_CHECK(atexit(finish) == 0);
    }
    memset(sessions, 0, sizeof(sessions));
    memset(objects, 0, sizeof(objects));
    while (input.left > 0)
        one(&input);
    for (CK_SLOT_ID slot = 0; slot < 4; slot++)
        call->C_CloseAllSessions(slot);
    if (disturbed) {
        cabinet.keyring.locked = false;
        put(1, NULL);
        put(0, "corp");
        disturbed = false;
    }
    return 0;
}
