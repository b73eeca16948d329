/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of mechanisms. Every token has them all: what a key of it can do, its
 * CKA_ALLOWED_MECHANISMS tells. The combined ones hand the agent the message, so that it sees what
 * it signs; the digests are there because Java uses RSA-PSS only where it finds them.
 */
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"

#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

#define RAW CS_MECHANISM_RAW
#define COMBINED CS_MECHANISM_COMBINED
#define DIGEST CS_MECHANISM_DIGEST

static const struct cs_mechanism mechanisms[] = {
    {CKM_RSA_PKCS, RAW, CKK_RSA, CS_HASH_NONE, CS_PADDING_PKCS1},
    {CKM_SHA256_RSA_PKCS, COMBINED, CKK_RSA, CS_HASH_SHA256, CS_PADDING_PKCS1},
    {CKM_SHA384_RSA_PKCS, COMBINED, CKK_RSA, CS_HASH_SHA384, CS_PADDING_PKCS1},
    {CKM_SHA512_RSA_PKCS, COMBINED, CKK_RSA, CS_HASH_SHA512, CS_PADDING_PKCS1},
    {CKM_RSA_PKCS_PSS, RAW, CKK_RSA, CS_HASH_NONE, CS_PADDING_PSS},
    {CKM_SHA256_RSA_PKCS_PSS, COMBINED, CKK_RSA, CS_HASH_SHA256, CS_PADDING_PSS},
    {CKM_SHA384_RSA_PKCS_PSS, COMBINED, CKK_RSA, CS_HASH_SHA384, CS_PADDING_PSS},
    {CKM_SHA512_RSA_PKCS_PSS, COMBINED, CKK_RSA, CS_HASH_SHA512, CS_PADDING_PSS},
    {CKM_ECDSA, RAW, CKK_EC, CS_HASH_NONE, CS_PADDING_NONE},
    {CKM_ECDSA_SHA256, COMBINED, CKK_EC, CS_HASH_SHA256, CS_PADDING_NONE},
    {CKM_ECDSA_SHA384, COMBINED, CKK_EC, CS_HASH_SHA384, CS_PADDING_NONE},
    {CKM_ECDSA_SHA512, COMBINED, CKK_EC, CS_HASH_SHA512, CS_PADDING_NONE},
    {CKM_EDDSA, COMBINED, CKK_EC_EDWARDS, CS_HASH_NONE, CS_PADDING_NONE},
    {CKM_SHA256, DIGEST, 0, CS_HASH_SHA256, CS_PADDING_NONE},
    {CKM_SHA384, DIGEST, 0, CS_HASH_SHA384, CS_PADDING_NONE},
    {CKM_SHA512, DIGEST, 0, CS_HASH_SHA512, CS_PADDING_NONE},
};

#define N_MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

const struct cs_mechanism *cs_mechanism_find(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < N_MECHANISMS; i++)
        if (mechanisms[i].type == type)
            return &mechanisms[i];
    return NULL;
}

const struct cs_scheme *cs_mechanism_scheme(
    const struct cs_mechanism *mechanism, int key_type, enum cs_hash hash)
{
    return cs_scheme_for((enum cs_key_type)key_type, hash, mechanism->padding);
}

/* Whether an identity has a scheme for the mechanism, in any hash if it does not say. */
static bool suits(const struct cs_mechanism *mechanism, const struct cs_msg_identity *identity)
{
    for (size_t i = 0; i + 1 < identity->schemes.len; i += 2) {
        const uint8_t *at = identity->schemes.data + i;
        const struct cs_scheme *scheme = cs_scheme_by_code((uint16_t)(at[0] << 8 | at[1]));

        if (scheme && scheme->padding == mechanism->padding &&
            (mechanism->kind == RAW || mechanism->hash == scheme->hash))
            return true;
    }
    return false;
}

static CK_KEY_TYPE key_type_of(const struct cs_msg_identity *identity)
{
    const struct cs_object object = {.identity = identity};

    return cs_object_key_type(&object);
}

size_t cs_mechanisms_of_key(
    const struct cs_msg_identity *identity, CK_MECHANISM_TYPE *list, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < N_MECHANISMS && n < max; i++)
        if (mechanisms[i].kind != DIGEST && mechanisms[i].key_type == key_type_of(identity) &&
            suits(&mechanisms[i], identity))
            list[n++] = mechanisms[i].type;
    return n;
}

static const struct {
    CK_MECHANISM_TYPE digest;
    CK_ULONG mgf;
    enum cs_hash hash;
} pss_hashes[] = {
    {CKM_SHA256, CKG_MGF1_SHA256, CS_HASH_SHA256},
    {CKM_SHA384, CKG_MGF1_SHA384, CS_HASH_SHA384},
    {CKM_SHA512, CKG_MGF1_SHA512, CS_HASH_SHA512},
};

/* As in TLS: one hash for everything, and a salt as long as it. */
static CK_RV check_pss(
    const struct cs_mechanism *mechanism, const CK_MECHANISM *given, enum cs_hash *hashp)
{
    const CK_RSA_PKCS_PSS_PARAMS *params = given->pParameter;

    if (!params || given->ulParameterLen != sizeof(*params))
        return CKR_MECHANISM_PARAM_INVALID;
    for (size_t i = 0; i < sizeof(pss_hashes) / sizeof(pss_hashes[0]); i++) {
        enum cs_hash hash = pss_hashes[i].hash;

        if (params->hashAlg != pss_hashes[i].digest || params->mgf != pss_hashes[i].mgf ||
            params->sLen != cs_hash_size(hash) ||
            (mechanism->hash != CS_HASH_NONE && mechanism->hash != hash))
            continue;
        *hashp = hash;
        return CKR_OK;
    }
    return CKR_MECHANISM_PARAM_INVALID;
}

/* Neither the prehashed variants nor contexts: TLS has none. */
static CK_RV check_eddsa(const CK_MECHANISM *given)
{
    const struct cs_eddsa_params *params = given->pParameter;

    if (!params && given->ulParameterLen == 0)
        return CKR_OK;
    if (!params || given->ulParameterLen != sizeof(*params) || params->prehash ||
        params->context_len)
        return CKR_MECHANISM_PARAM_INVALID;
    return CKR_OK;
}

CK_RV cs_mechanism_check(
    const struct cs_mechanism *mechanism, const CK_MECHANISM *given, enum cs_hash *hashp)
{
    *hashp = mechanism->hash;
    if (mechanism->padding == CS_PADDING_PSS)
        return check_pss(mechanism, given, hashp);
    if (mechanism->type == CKM_EDDSA)
        return check_eddsa(given);
    return given->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

CK_RV cs_get_mechanism_list(CK_SLOT_ID slot_id, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    struct cs_slot *slot;
    CK_ULONG room;

    if (rv != CKR_OK)
        return rv;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    rv = cs_slot_with_token(module, slot_id, &slot);
    if (rv != CKR_OK)
        return rv;
    room = *count;
    *count = N_MECHANISMS;
    if (!list)
        return CKR_OK;
    if (room < N_MECHANISMS)
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < N_MECHANISMS; i++)
        list[i] = mechanisms[i].type;
    return CKR_OK;
}

CK_RV cs_get_mechanism_info(CK_SLOT_ID slot_id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    const struct cs_mechanism *mechanism = cs_mechanism_find(type);
    struct cs_slot *slot;

    if (rv != CKR_OK)
        return rv;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    rv = cs_slot_with_token(module, slot_id, &slot);
    if (rv != CKR_OK)
        return rv;
    if (!mechanism)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){.flags = CKF_SIGN};
    if (mechanism->kind == DIGEST) {
        info->flags = CKF_DIGEST;
    } else if (mechanism->key_type == CKK_RSA) {
        info->ulMinKeySize = 1024;
        info->ulMaxKeySize = 16384;
    } else {
        info->ulMinKeySize = mechanism->key_type == CKK_EC ? 256 : 255;
        info->ulMaxKeySize = mechanism->key_type == CKK_EC ? 521 : 448;
        info->flags |= EC_FLAGS;
    }
    return CKR_OK;
}
