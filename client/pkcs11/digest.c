/* SPDX-License-Identifier: Apache-2.0 */
/* Digests are made here; the agent has no part in them. */
#include "pkcs11/digest.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"

#include <string.h>

CK_RV cs_digest_init(CK_SESSION_HANDLE handle, CK_MECHANISM *given)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    const struct cs_mechanism *mechanism;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!given && !session->digesting.active)
        return CKR_ARGUMENTS_BAD;
    if (!given) { /* version 3.0: ends the operation */
        session->digesting = (struct cs_digesting){0};
        return CKR_OK;
    }
    if (session->digesting.active)
        return CKR_OPERATION_ACTIVE;
    mechanism = cs_mechanism_find(given->mechanism);
    if (!mechanism || mechanism->kind != CS_MECHANISM_DIGEST)
        return CKR_MECHANISM_INVALID;
    if (given->ulParameterLen)
        return CKR_MECHANISM_PARAM_INVALID;
    session->digesting = (struct cs_digesting){.active = true};
    cs_sha2_init(&session->digesting.sha2, mechanism->hash);
    return CKR_OK;
}

/* The end of both ways: without room it tells how much is needed, and the operation goes on. */
static CK_RV finish(CK_SESSION_HANDLE handle, bool multipart, const void *data, CK_ULONG data_len,
    CK_BYTE *digest, CK_ULONG *digest_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    struct cs_digesting *digesting;
    CK_ULONG room, size;

    if (rv != CKR_OK)
        return rv;
    digesting = &session->digesting;
    if (!digesting->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (digesting->updated && !multipart)
        rv = CKR_OPERATION_ACTIVE;
    else if (!digest_len || (!data && data_len))
        rv = CKR_ARGUMENTS_BAD;
    if (rv != CKR_OK) {
        digesting->active = false;
        return rv;
    }
    size = cs_hash_size(digesting->sha2.hash);
    room = *digest_len;
    *digest_len = size;
    if (!digest)
        return CKR_OK;
    if (room < size)
        return CKR_BUFFER_TOO_SMALL;
    if (data_len)
        cs_sha2_update(&digesting->sha2, data, data_len);
    cs_sha2_final(&digesting->sha2, digest);
    digesting->active = false;
    return CKR_OK;
}

CK_RV cs_digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *digest,
    CK_ULONG *digest_len)
{
    return finish(handle, false, data, data_len, digest, digest_len);
}

CK_RV cs_digest_update(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!session->digesting.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (!part && part_len) {
        session->digesting.active = false;
        return CKR_ARGUMENTS_BAD;
    }
    if (part_len)
        cs_sha2_update(&session->digesting.sha2, part, part_len);
    session->digesting.updated = true;
    return CKR_OK;
}

CK_RV cs_digest_final(CK_SESSION_HANDLE handle, CK_BYTE *digest, CK_ULONG *digest_len)
{
    return finish(handle, true, NULL, 0, digest, digest_len);
}

CK_RV cs_get_operation_state(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG *state_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    CK_ULONG room;

    if (rv != CKR_OK)
        return rv;
    if (!state_len)
        return CKR_ARGUMENTS_BAD;
    if (session->signing)
        return CKR_STATE_UNSAVEABLE;
    if (!session->digesting.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    room = *state_len;
    *state_len = sizeof(session->digesting.sha2);
    if (!state)
        return CKR_OK;
    if (room < *state_len)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(state, &session->digesting.sha2, *state_len);
    return CKR_OK;
}

static bool is_digest_of_ours(enum cs_hash hash)
{
    return hash == CS_HASH_SHA256 || hash == CS_HASH_SHA384 || hash == CS_HASH_SHA512;
}

CK_RV cs_set_operation_state(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG state_len,
    CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    struct cs_sha2 sha2;

    if (rv != CKR_OK)
        return rv;
    if (!state)
        return CKR_ARGUMENTS_BAD;
    if (state_len != sizeof(sha2))
        return CKR_SAVED_STATE_INVALID;
    memcpy(&sha2, state, sizeof(sha2));
    if (!is_digest_of_ours(sha2.hash))
        return CKR_SAVED_STATE_INVALID;
    if (encryption_key || authentication_key)
        return CKR_KEY_NOT_NEEDED;
    if (session->signing)
        return CKR_OPERATION_ACTIVE;
    session->digesting = (struct cs_digesting){.active = true, .updated = sha2.len > 0};
    session->digesting.sha2 = sha2;
    return CKR_OK;
}
