/* SPDX-License-Identifier: Apache-2.0 */
/* Digests are made here; the agent has no part in them. */
#include "pkcs11/digest.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"

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

/* Without room it tells how much is needed, and the operation goes on. */
static CK_RV finish(struct cs_digesting *digesting, const void *data, CK_ULONG data_len,
    CK_BYTE *digest, CK_ULONG *digest_len)
{
    CK_ULONG room, size = cs_hash_size(digesting->sha2.hash);

    if (!digest_len || (!data && data_len)) {
        digesting->active = false;
        return CKR_ARGUMENTS_BAD;
    }
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
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!session->digesting.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (session->digesting.updated)
        return CKR_OPERATION_ACTIVE;
    return finish(&session->digesting, data, data_len, digest, digest_len);
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
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!session->digesting.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    return finish(&session->digesting, NULL, 0, digest, digest_len);
}
