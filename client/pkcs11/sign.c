/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature is one question to the agent, asked without the lock by a call that has taken the
 * operation out of its session: so the session is free at once, and whatever becomes of it or of
 * the module meanwhile does not matter. What the program gives goes to the agent as it is: a
 * message whenever we have it, a digest where the mechanism takes one. A message too long for a
 * frame is hashed here.
 */
#include "pkcs11/sign.h"
#include "base/der.h"
#include "base/error.h"
#include "base/sha2.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"

#include <errno.h>
#include <string.h>

#define MESSAGE_MAX (CS_FRAME_MAX - 1024u) /* leaves room for the other fields of the frame */
#define SIGNATURE_MAX 2048
#define SCHEMES_MAX 32 /* two bytes each */

struct cs_signing {
    const struct cs_mechanism *mechanism;
    enum cs_hash hash; /* NONE: the data tell, or there is none */
    uint8_t id[CS_ID_SIZE];
    int key_type;
    unsigned bits;
    uint8_t schemes[SCHEMES_MAX];
    size_t schemes_len;
    bool updated;
    struct cs_buf data;
    struct cs_sha2 sha2; /* of a message, as far as it came */
    bool hashed;         /* the message was too long to keep */
};

void cs_signing_free(struct cs_signing *signing)
{
    if (!signing)
        return;
    cs_buf_deinit(&signing->data);
    free(signing);
}

CS_DEFINE_CLEANUP(struct cs_signing *, cs_signing_free);

static size_t signature_size(const struct cs_signing *signing)
{
    switch (signing->key_type) {
    case CS_KEY_EC:
        return 2 * (((size_t)signing->bits + 7) / 8);
    case CS_KEY_ED25519:
        return 64;
    case CS_KEY_ED448:
        return 114;
    default:
        return ((size_t)signing->bits + 7) / 8;
    }
}

static int signing_new(struct cs_signing **signingp, const struct cs_mechanism *mechanism,
    enum cs_hash hash, const struct cs_msg_identity *identity)
{
    struct cs_signing *signing = calloc(1, sizeof(*signing));

    if (!signing)
        return CS_ERR_MEMORY;
    signing->mechanism = mechanism;
    signing->hash = hash;
    memcpy(signing->id, identity->id.data, sizeof(signing->id));
    signing->key_type = identity->key_type;
    signing->bits = identity->bits;
    signing->schemes_len =
        identity->schemes.len < SCHEMES_MAX ? identity->schemes.len : SCHEMES_MAX;
    memcpy(signing->schemes, identity->schemes.data, signing->schemes_len);
    signing->data = CS_BUF_INIT(MESSAGE_MAX);
    if (mechanism->kind == CS_MECHANISM_COMBINED && hash != CS_HASH_NONE)
        cs_sha2_init(&signing->sha2, hash);
    *signingp = signing;
    return 0;
}

static bool has_scheme(const struct cs_signing *signing, uint16_t code)
{
    for (size_t i = 0; i + 1 < signing->schemes_len; i += 2)
        if (signing->schemes[i] << 8 == (code & 0xff00) && signing->schemes[i + 1] == (code & 0xff))
            return true;
    return false;
}

/* The scheme for this hash, if the key can sign in it. */
static const struct cs_scheme *find_scheme(const struct cs_signing *signing, enum cs_hash hash)
{
    const struct cs_scheme *scheme =
        cs_mechanism_scheme(signing->mechanism, signing->key_type, hash);

    return scheme && has_scheme(signing, scheme->code) ? scheme : NULL;
}

/* Why this key and this mechanism do not go together, or CKR_OK. */
static CK_RV check_key(const struct cs_signing *signing, CK_KEY_TYPE key_type)
{
    const struct cs_mechanism *mechanism = signing->mechanism;
    bool told = signing->hash != CS_HASH_NONE || mechanism->kind == CS_MECHANISM_COMBINED;
    enum cs_hash hash = told ? signing->hash : CS_HASH_SHA256;

    if (mechanism->key_type != key_type)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!cs_mechanism_scheme(mechanism, signing->key_type, hash))
        return CKR_KEY_FUNCTION_NOT_PERMITTED; /* PKCS #1 padding by a key that is for PSS alone */
    if (told && !find_scheme(signing, hash))
        return CKR_KEY_SIZE_RANGE;
    return CKR_OK;
}

static CK_RV begin(const struct cs_module *module, struct cs_session *session,
    const CK_MECHANISM *given, CK_OBJECT_HANDLE key)
{
    const struct cs_mechanism *mechanism = cs_mechanism_find(given->mechanism);
    const struct cs_object *object = cs_module_object(module, session, key);
    CS_AUTO(cs_signing_freep) struct cs_signing *signing = NULL;
    enum cs_hash hash;
    CK_RV rv;

    if (!mechanism || mechanism->kind == CS_MECHANISM_DIGEST)
        return CKR_MECHANISM_INVALID;
    rv = cs_mechanism_check(mechanism, given, &hash);
    if (rv != CKR_OK)
        return rv;
    if (!object || object->class == CKO_CERTIFICATE || object->class == CKO_PROFILE)
        return CKR_KEY_HANDLE_INVALID;
    if (object->class != CKO_PRIVATE_KEY)
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (signing_new(&signing, mechanism, hash, object->identity) < 0)
        return CKR_HOST_MEMORY;
    rv = check_key(signing, cs_object_key_type(object));
    if (rv == CKR_OK)
        session->signing = cs_steal(&signing);
    return rv;
}

/* Version 3.0 has it that no mechanism ends the operation. */
CK_RV cs_sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, true, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!mechanism && !session->signing)
        return CKR_ARGUMENTS_BAD;
    if (mechanism && session->signing)
        return CKR_OPERATION_ACTIVE;
    if (mechanism)
        return begin(module, session, mechanism, key);
    cs_signing_free(session->signing);
    session->signing = NULL;
    return CKR_OK;
}

static CK_RV keep(struct cs_signing *signing, const void *part, size_t len)
{
    bool message = signing->mechanism->kind == CS_MECHANISM_COMBINED;

    if (message && signing->hash != CS_HASH_NONE) {
        cs_sha2_update(&signing->sha2, part, len);
        if (signing->hashed)
            return CKR_OK;
    }
    if (len)
        cs_buf_put(&signing->data, part, len);
    if (signing->data.error == CS_ERR_TOO_LARGE && message && signing->hash != CS_HASH_NONE) {
        cs_buf_deinit(&signing->data);
        signing->hashed = true;
    }
    return cs_error_ckr(signing->data.error);
}

/* RFC 8017, 9.2: DigestInfo up to the digest. Only the last octet of the OID and lengths differ. */
static enum cs_hash parse_digest_info(struct cs_bytes *data)
{
    static const uint8_t prefix[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static const enum cs_hash hashes[] = {CS_HASH_SHA256, CS_HASH_SHA384, CS_HASH_SHA512};

    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        uint8_t expected[sizeof(prefix)];
        size_t size = cs_hash_size(hashes[i]);

        memcpy(expected, prefix, sizeof(prefix));
        expected[1] = (uint8_t)(17 + size);
        expected[14] = (uint8_t)(1 + i);
        expected[18] = (uint8_t)size;
        if (data->len != sizeof(prefix) + size ||
            !cs_bytes_equal(
                CS_BYTES(data->data, sizeof(prefix)), CS_BYTES(expected, sizeof(prefix))))
            continue;
        *data = CS_BYTES(data->data + sizeof(prefix), size);
        return hashes[i];
    }
    return CS_HASH_NONE;
}

/* What a raw mechanism was given, as the digest it is. */
static CK_RV read_digest(
    const struct cs_signing *signing, struct cs_bytes *data, enum cs_hash *hashp)
{
    enum cs_hash hash = signing->hash;

    if (signing->mechanism->padding == CS_PADDING_PKCS1) {
        if (data->len > (signing->bits + 7) / 8 - 11)
            return CKR_DATA_LEN_RANGE;
        hash = parse_digest_info(data);
        if (hash == CS_HASH_NONE)
            return CKR_DATA_INVALID;
    } else if (hash == CS_HASH_NONE && (data->len == 32 || data->len == 48 || data->len == 64)) {
        hash = (enum cs_hash)(8 * data->len);
    }
    if (hash == CS_HASH_NONE || data->len != cs_hash_size(hash))
        return CKR_DATA_LEN_RANGE;
    *hashp = hash;
    return CKR_OK;
}

/* As PKCS #11 has it: ECDSA is r and s behind one another. */
static CK_RV give(const struct cs_signing *signing, struct cs_bytes made, uint8_t *signature)
{
    size_t size = signature_size(signing);

    if (signing->key_type == CS_KEY_EC)
        return cs_error_ckr(cs_der_ecdsa_raw(made, signature, size / 2));
    if (made.len != size)
        return CKR_DEVICE_ERROR;
    memcpy(signature, made.data, size);
    return CKR_OK;
}

static CK_RV ask(
    struct cs_signer *signer, struct cs_signing *signing, struct cs_bytes data, uint8_t *signature)
{
    bool message = signing->mechanism->kind == CS_MECHANISM_COMBINED && !signing->hashed;
    uint8_t made[SIGNATURE_MAX], digest[CS_SHA2_MAX];
    const struct cs_scheme *scheme;
    enum cs_hash hash = signing->hash;
    size_t len = sizeof(made);
    int saved = errno, r;

    if (signing->hashed) {
        cs_sha2_final(&signing->sha2, digest);
        data = CS_BYTES(digest, cs_hash_size(hash));
    } else if (!message) {
        CK_RV rv = read_digest(signing, &data, &hash);

        if (rv != CKR_OK)
            return rv;
    }
    scheme = find_scheme(signing, hash);
    if (!scheme)
        return CKR_KEY_SIZE_RANGE;
    r = countersign_sign(signer->client, signing->id, scheme->code,
        message ? CS_INPUT_MESSAGE : CS_INPUT_DIGEST, data.data, data.len, made, &len, NULL);
    errno = saved;
    return r < 0 ? cs_error_ckr(r) : give(signing, CS_BYTES(made, len), signature);
}

/* The end of both ways: without room it tells how much is needed, and the operation goes on. */
static CK_RV finish(CK_SESSION_HANDLE handle, bool multipart, const void *data, size_t data_len,
    CK_BYTE *signature, CK_ULONG *signature_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CS_AUTO(cs_signing_freep) struct cs_signing *signing = NULL;
    struct cs_session *session;
    struct cs_signer *signer;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    CK_ULONG size, room;

    if (rv != CKR_OK)
        return rv;
    if (!session->signing)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (session->signing->updated && !multipart)
        rv = CKR_OPERATION_ACTIVE;
    else if (!signature_len || (!data && data_len))
        rv = CKR_ARGUMENTS_BAD;
    if (rv != CKR_OK) {
        signing = cs_steal(&session->signing);
        return rv;
    }
    size = signature_size(session->signing);
    room = *signature_len;
    *signature_len = size;
    if (!signature)
        return CKR_OK;
    if (room < size)
        return CKR_BUFFER_TOO_SMALL;
    signing = cs_steal(&session->signing);
    signer = cs_signer_ref(module->signer);
    cs_module_leavep(&module);

    if (!multipart && data_len > MESSAGE_MAX)
        rv = keep(signing, data, data_len);
    if (rv == CKR_OK)
        rv = ask(signer, signing,
            multipart ? cs_buf_bytes(&signing->data) : CS_BYTES(data, data_len), signature);
    cs_signer_unref(signer);
    return rv;
}

CK_RV cs_sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
    CK_ULONG *signature_len)
{
    return finish(handle, false, data, data_len, signature, signature_len);
}

CK_RV cs_sign_update(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!session->signing)
        return CKR_OPERATION_NOT_INITIALIZED;
    rv = !part && part_len ? CKR_ARGUMENTS_BAD : keep(session->signing, part, part_len);
    session->signing->updated = true;
    if (rv != CKR_OK) {
        cs_signing_free(session->signing);
        session->signing = NULL;
    }
    return rv;
}

CK_RV cs_sign_final(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *signature_len)
{
    return finish(handle, true, NULL, 0, signature, signature_len);
}
