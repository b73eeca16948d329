/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key manager. A key comes by reference from our decoder or store and by no other way: nothing
 * is generated or imported, so that no key that is not ours can come to us. What leaves is the
 * public half. An export that asks for the private half as well succeeds with the public one,
 * because libcrypto compares keys that way; nobody can sign with the result, for the name of our
 * signature algorithm is ours alone.
 */
#include "provider/keymgmt.h"
#include "provider/key.h"
#include "provider/param.h"
#include "provider/provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#define NUMBER_MAX 2048 /* bytes of a modulus, see key.c */

static void *keymgmt_load(const void *reference, size_t size)
{
    struct cs_key **handed = (struct cs_key **)reference;
    struct cs_key *key;

    if (!handed || size != sizeof(*handed))
        return NULL;
    key = *handed;
    *handed = NULL;
    return key;
}

/* libcrypto compares two keys by moving one of them to the other's manager, and finds the right way
 * when this one refuses. Without `new` it would leave an error behind even then. */
static void *keymgmt_new(void *context)
{
    (void)context;
    return cs_key_new_empty();
}

static int keymgmt_import(void *key, int selection, const OSSL_PARAM params[])
{
    (void)key;
    (void)selection;
    (void)params;
    return 0;
}

static const OSSL_PARAM *keymgmt_import_types(int selection)
{
    (void)selection;
    return NULL;
}

static void keymgmt_free(void *key)
{
    cs_key_unref(key);
}

static void *keymgmt_dup(const void *key, int selection)
{
    (void)selection; /* a key never changes, so all its copies are one */
    return cs_key_ref((struct cs_key *)key);
}

static int keymgmt_has(const void *key, int selection)
{
    (void)selection; /* both halves, and whatever parameters there are */
    return key && !cs_key_is_empty(key);
}

static int keymgmt_match(const void *data1, const void *data2, int selection)
{
    const struct cs_key *key1 = data1, *key2 = data2;

    if (cs_key_is_empty(key1) || key1->type != key2->type)
        return 0;
    if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
        return cs_bytes_equal(key1->spki, key2->spki);
    return key1->group == key2->group;
}

static const OSSL_PARAM *keymgmt_gettable(void *context)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    return params;
}

static int get_digests(const struct cs_key *key, OSSL_PARAM params[])
{
    if (cs_key_is_pure(key))
        return cs_param_set_string(
            cs_param_find_mutable(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST), "");
    return cs_param_set_string(
        cs_param_find_mutable(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST), "SHA256");
}

static int get_public(const struct cs_key *key, OSSL_PARAM params[])
{
    if (cs_key_is_rsa(key))
        return cs_param_set_number(cs_param_find_mutable(params, OSSL_PKEY_PARAM_RSA_N), key->n) &&
               cs_param_set_number(cs_param_find_mutable(params, OSSL_PKEY_PARAM_RSA_E), key->e);
    if (key->group &&
        !cs_param_set_string(cs_param_find_mutable(params, OSSL_PKEY_PARAM_GROUP_NAME), key->group))
        return 0;
    return cs_param_set_bytes(
               cs_param_find_mutable(params, OSSL_PKEY_PARAM_PUB_KEY), key->encoded) &&
           cs_param_set_bytes(
               cs_param_find_mutable(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY), key->encoded);
}

static int keymgmt_get_params(void *data, OSSL_PARAM params[])
{
    const struct cs_key *key = data;

    if (cs_key_is_empty(key))
        return 0;
    return cs_param_set_int(cs_param_find_mutable(params, OSSL_PKEY_PARAM_BITS), (int)key->bits) &&
           cs_param_set_int(cs_param_find_mutable(params, OSSL_PKEY_PARAM_SECURITY_BITS),
               (int)cs_key_security_bits(key)) &&
           cs_param_set_int(cs_param_find_mutable(params, OSSL_PKEY_PARAM_MAX_SIZE),
               (int)cs_key_signature_size(key)) &&
           get_digests(key, params) && get_public(key, params);
}

static const OSSL_PARAM *keymgmt_export_types(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & (OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS)
               ? params
               : NULL;
}

static int export_rsa(const struct cs_key *key, OSSL_CALLBACK *callback, void *argument)
{
    uint8_t n[NUMBER_MAX], e[NUMBER_MAX];
    const OSSL_PARAM params[] = {
        cs_param_of_number(OSSL_PKEY_PARAM_RSA_N, n, key->n.len),
        cs_param_of_number(OSSL_PKEY_PARAM_RSA_E, e, key->e.len),
        OSSL_PARAM_END,
    };

    memcpy(n, key->n.data, key->n.len);
    memcpy(e, key->e.data, key->e.len);
    cs_param_native_number(n, key->n.len);
    cs_param_native_number(e, key->e.len);
    return callback(params, argument);
}

static int keymgmt_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument)
{
    const struct cs_key *key = data;
    OSSL_PARAM params[3], *param = params;

    if (cs_key_is_empty(key) ||
        !(selection & (OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS)))
        return 0;
    if (cs_key_is_rsa(key))
        return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? export_rsa(key, callback, argument) : 0;
    if (key->group)
        *param++ = cs_param_of_string(OSSL_PKEY_PARAM_GROUP_NAME, key->group);
    if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
        *param++ = cs_param_of_bytes(OSSL_PKEY_PARAM_PUB_KEY, key->encoded);
    *param = (OSSL_PARAM)OSSL_PARAM_END;
    return callback(params, argument);
}

static const char *keymgmt_query_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? CS_SIGNATURE_NAME : NULL;
}

const OSSL_DISPATCH cs_keymgmt_functions[] = {
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, keymgmt_import),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, keymgmt_import_types),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_FREE, keymgmt_free),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_DUP, keymgmt_dup),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_HAS, keymgmt_has),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, keymgmt_match),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, keymgmt_get_params),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, keymgmt_gettable),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, keymgmt_export),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, keymgmt_export_types),
    CS_FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, keymgmt_query_operation_name),
    {0, NULL},
};
