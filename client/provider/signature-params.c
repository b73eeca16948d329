/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choices of a signature: digest, RSA padding, salt. OpenSSL passes the same one as a number
 * here and as a word there. What TLS has no SignatureScheme for is refused, with the reason, when
 * it is known: the salt must be as long as the digest and MGF1 must use the same digest.
 */
#include "provider/algid.h"
#include "provider/param.h"
#include "provider/signature.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RSA_PKCS1_PADDING and RSA_PKCS1_PSS_PADDING of openssl/rsa.h */
enum { PAD_PKCS1 = 1, PAD_PSS = 6 };

#define ALGORITHM_ID_MAX 128

static bool is(struct cs_bytes word, const char *name)
{
    return word.len == strlen(name) && strncasecmp((const char *)word.data, name, word.len) == 0;
}

bool cs_signature_hash(struct cs_bytes name, enum cs_hash *hashp)
{
    static const struct {
        const char *name;
        enum cs_hash hash;
    } names[] = {
        {"SHA256", CS_HASH_SHA256},
        {"SHA2-256", CS_HASH_SHA256},
        {"SHA-256", CS_HASH_SHA256},
        {"2.16.840.1.101.3.4.2.1", CS_HASH_SHA256},
        {"SHA384", CS_HASH_SHA384},
        {"SHA2-384", CS_HASH_SHA384},
        {"SHA-384", CS_HASH_SHA384},
        {"2.16.840.1.101.3.4.2.2", CS_HASH_SHA384},
        {"SHA512", CS_HASH_SHA512},
        {"SHA2-512", CS_HASH_SHA512},
        {"SHA-512", CS_HASH_SHA512},
        {"2.16.840.1.101.3.4.2.3", CS_HASH_SHA512},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is(name, names[i].name)) {
            *hashp = names[i].hash;
            return true;
        }
    return false;
}

static bool salt_fits(const struct cs_signature *signature, enum cs_hash hash)
{
    int size = (int)cs_hash_size(hash);
    int max = (int)((signature->key->bits + 6) / 8) - size - 2;

    return signature->salt == CS_SALT_DIGEST || signature->salt == CS_SALT_AUTO ||
           signature->salt == CS_SALT_AUTO_DIGEST_MAX || signature->salt == size ||
           (signature->salt == CS_SALT_MAX && max == size);
}

const struct cs_scheme *cs_signature_scheme(const struct cs_signature *signature, enum cs_hash hash)
{
    const struct cs_scheme *scheme = cs_scheme_for(signature->key->type, hash, signature->padding);
    struct cs_queue *queue = &signature->provider->queue;

    if (!scheme || !cs_scheme_fits(scheme, signature->key->type, signature->key->bits)) {
        cs_raise(queue, CS_ERR_SCHEME, "this %s key of %u bits cannot sign that way",
            cs_key_type(signature->key), signature->key->bits);
        return NULL;
    }
    if (scheme->padding != CS_PADDING_PSS)
        return scheme;
    if (!salt_fits(signature, hash)) {
        cs_raise(queue, CS_ERR_SCHEME,
            "Countersign makes RSA-PSS signatures with a salt as long as the digest alone: set "
            "rsa_pss_saltlen to 'digest'");
        return NULL;
    }
    if (signature->mgf_hash != CS_HASH_NONE && signature->mgf_hash != hash) {
        cs_raise(queue, CS_ERR_SCHEME,
            "Countersign makes RSA-PSS signatures with one digest alone: set rsa_mgf1_md to it");
        return NULL;
    }
    return scheme;
}

static bool set_digest(struct cs_signature *signature, const OSSL_PARAM *param)
{
    enum cs_hash hash = CS_HASH_NONE;
    struct cs_bytes name;

    if (!cs_param_get_string(param, &name))
        return false;
    if (cs_key_is_pure(signature->key))
        return name.len == 0;
    if (!cs_signature_hash(name, &hash))
        return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
            "Countersign does not sign with %.*s: use SHA-256, SHA-384 or SHA-512", (int)name.len,
            (const char *)name.data);
    /* What is being signed was announced with its digest. */
    if (!signature->digested && hash != signature->hash)
        return cs_raise(&signature->provider->queue, CS_ERR_INVALID,
            "the digest cannot be changed while a message is signed");
    signature->hash = hash;
    return true;
}

static bool set_padding(struct cs_signature *signature, const OSSL_PARAM *param)
{
    enum cs_key_type type = signature->key->type;
    struct cs_bytes word;
    int number = 0;

    if (!cs_key_is_rsa(signature->key))
        return false;
    if (cs_param_get_string(param, &word))
        number = is(word, "pkcs1") ? PAD_PKCS1 : is(word, "pss") ? PAD_PSS : 0;
    else if (!cs_param_get_int(param, &number))
        return false;
    if (number == PAD_PSS)
        signature->padding = CS_PADDING_PSS;
    else if (number == PAD_PKCS1 && type == CS_KEY_RSA)
        signature->padding = CS_PADDING_PKCS1;
    else
        return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
            type == CS_KEY_RSA
                ? "Countersign signs with the RSA paddings PKCS #1 v1.5 and PSS alone"
                : "an RSA-PSS key signs with the padding PSS alone");
    return true;
}

static bool set_salt(struct cs_signature *signature, const OSSL_PARAM *param)
{
    struct cs_bytes word;
    char digits[16], *end;
    long number;

    if (cs_param_get_int(param, &signature->salt))
        return signature->salt >= CS_SALT_AUTO_DIGEST_MAX;
    if (!cs_param_get_string(param, &word))
        return false;
    if (is(word, "digest")) {
        signature->salt = CS_SALT_DIGEST;
    } else if (is(word, "max")) {
        signature->salt = CS_SALT_MAX;
    } else if (is(word, "auto")) {
        signature->salt = CS_SALT_AUTO;
    } else if (is(word, "auto-digestmax")) {
        signature->salt = CS_SALT_AUTO_DIGEST_MAX;
    } else {
        snprintf(digits, sizeof(digits), "%.*s", (int)word.len, (const char *)word.data);
        number = strtol(digits, &end, 10);
        if (*end || end == digits || number < CS_SALT_AUTO_DIGEST_MAX || number > 1024)
            return false;
        signature->salt = (int)number;
    }
    return true;
}

static bool set_mgf_digest(struct cs_signature *signature, const OSSL_PARAM *param)
{
    struct cs_bytes name;

    return cs_param_get_string(param, &name) && cs_signature_hash(name, &signature->mgf_hash);
}

/* RFC 8032, 5.1: prehashed, or with a context, a signature is another one. TLS has neither. */
static bool refuse_variant(struct cs_signature *signature)
{
    return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
        "Countersign signs with %s itself, neither prehashed nor with a context",
        cs_key_type(signature->key));
}

static bool set_instance(struct cs_signature *signature, const OSSL_PARAM *param)
{
    struct cs_bytes name;

    return !cs_key_is_pure(signature->key) ||
           (cs_param_get_string(param, &name) && is(name, cs_key_type(signature->key))) ||
           refuse_variant(signature);
}

static bool set_context(struct cs_signature *signature, const OSSL_PARAM *param)
{
    return !cs_key_is_pure(signature->key) || param->data_size == 0 || refuse_variant(signature);
}

int cs_signature_set_params(void *context, const OSSL_PARAM params[])
{
    static const struct {
        const char *name;
        bool (*set)(struct cs_signature *signature, const OSSL_PARAM *param);
    } setters[] = {
        {OSSL_SIGNATURE_PARAM_DIGEST, set_digest},
        {OSSL_SIGNATURE_PARAM_PAD_MODE, set_padding},
        {OSSL_SIGNATURE_PARAM_PSS_SALTLEN, set_salt},
        {OSSL_SIGNATURE_PARAM_MGF1_DIGEST, set_mgf_digest},
        {"instance", set_instance}, /* this and the next: from OpenSSL 3.2 on */
        {"context-string", set_context},
    };
    struct cs_signature *signature = context;

    if (!params || !params->key)
        return 1;
    if (!signature->key)
        return 0;
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        const OSSL_PARAM *param = cs_param_find(params, setters[i].name);

        if (param && !setters[i].set(signature, param))
            return 0;
    }
    return 1;
}

static bool get_algorithm_id(const struct cs_signature *signature, OSSL_PARAM *param)
{
    struct cs_buf der = CS_BUF_INIT(ALGORITHM_ID_MAX);
    const struct cs_scheme *scheme;
    bool ok;

    if (!param)
        return true;
    scheme = cs_signature_scheme(signature, signature->hash);
    if (!scheme)
        return false;
    cs_algid_put(&der, scheme);
    ok = !der.error && cs_param_set_bytes(param, cs_buf_bytes(&der));
    cs_buf_deinit(&der);
    return ok;
}

static bool get_word_or_number(OSSL_PARAM *param, const char *word, int number)
{
    char digits[16];

    if (!param)
        return true;
    if (param->data_type == OSSL_PARAM_INTEGER || param->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
        return cs_param_set_int(param, number);
    snprintf(digits, sizeof(digits), "%d", number);
    return cs_param_set_string(param, word ? word : digits);
}

static const char *salt_word(int salt)
{
    switch (salt) {
    case CS_SALT_DIGEST:
        return "digest";
    case CS_SALT_AUTO:
        return "auto";
    case CS_SALT_MAX:
        return "max";
    case CS_SALT_AUTO_DIGEST_MAX:
        return "auto-digestmax";
    }
    return NULL;
}

static bool get_rsa_params(const struct cs_signature *signature, OSSL_PARAM params[])
{
    bool pss = signature->padding == CS_PADDING_PSS;
    enum cs_hash mgf = signature->mgf_hash == CS_HASH_NONE ? signature->hash : signature->mgf_hash;

    return get_word_or_number(cs_param_find_mutable(params, OSSL_SIGNATURE_PARAM_PAD_MODE),
               pss ? "pss" : "pkcs1", pss ? PAD_PSS : PAD_PKCS1) &&
           get_word_or_number(cs_param_find_mutable(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN),
               salt_word(signature->salt), signature->salt) &&
           (mgf == CS_HASH_NONE ||
               cs_param_set_string(cs_param_find_mutable(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST),
                   cs_hash_name(mgf)));
}

int cs_signature_get_params(void *context, OSSL_PARAM params[])
{
    const struct cs_signature *signature = context;
    const char *digest = cs_hash_name(signature->hash);

    if (!signature->key)
        return 0;
    if (cs_key_is_rsa(signature->key) && !get_rsa_params(signature, params))
        return 0;
    return get_algorithm_id(
               signature, cs_param_find_mutable(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) &&
           cs_param_set_string(
               cs_param_find_mutable(params, OSSL_SIGNATURE_PARAM_DIGEST), digest ? digest : "");
}

/* pad-mode and saltlen are taken as numbers and as words; a table can name one kind. */
const OSSL_PARAM *cs_signature_settable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return params;
}

const OSSL_PARAM *cs_signature_gettable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return params;
}
