/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing. libssl and most programs give the whole message in one call, and it goes to the agent as
 * it is; where it comes in pieces it is kept until the end, for this module cannot hash. A context
 * is used by one thread at a time, as OpenSSL prescribes. No round trip happens before the
 * signature itself, because libssl initialises contexts only to see whether that would work.
 */
#include "provider/signature.h"
#include "provider/param.h"
#include "provider/reference.h"
#include "provider/verify.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (CS_FRAME_MAX - 1024u) /* leaves room for the other fields of the frame */

static void *signature_new(void *context, const char *properties)
{
    struct cs_signature *signature = calloc(1, sizeof(*signature));

    (void)properties;
    if (!signature)
        return NULL;
    signature->provider = context;
    signature->message = CS_BUF_INIT(MESSAGE_MAX);
    return signature;
}

/*
 * Programs that show the last error alone (Python, Ruby) would show that of libssl, which says no
 * more than that there was one. It frees the context behind it, so here ours is put on top again.
 * Where it is not this very error that lies on top nothing is done: an error that was dealt with
 * must not come back.
 */
static void have_the_last_word(struct cs_signature *signature)
{
    struct cs_provider *provider = signature->provider;

    if (signature->error && provider->peek_last_error() == ERR_PACK(ERR_LIB_SSL, 0, ERR_R_EVP_LIB))
        cs_queue_raise_again(&provider->queue, signature->error);
}

static void signature_free(void *context)
{
    struct cs_signature *signature = context;

    have_the_last_word(signature);
    cs_key_unref(signature->key);
    cs_buf_deinit(&signature->message);
    free(signature);
}

static void *signature_dup(void *context)
{
    const struct cs_signature *signature = context;
    struct cs_signature *copy = malloc(sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *signature;
    copy->message = CS_BUF_INIT(MESSAGE_MAX);
    if (signature->message.len)
        cs_buf_put(&copy->message, signature->message.data, signature->message.len);
    if (copy->message.error) {
        cs_buf_deinit(&copy->message);
        free(copy);
        return NULL;
    }
    copy->message.error = signature->message.error;
    if (copy->key)
        cs_key_ref(copy->key);
    return copy;
}

/* Takes the key, if there is a new one, and puts every choice to its default. */
static int begin(struct cs_signature *signature, struct cs_key *key, bool digested)
{
    if (key) {
        cs_key_ref(key);
        cs_key_unref(signature->key);
        signature->key = key;
    }
    if (!signature->key || cs_key_is_empty(signature->key))
        return cs_raise(&signature->provider->queue, CS_ERR_INVALID, "no key to sign with");
    cs_buf_reset(&signature->message);
    signature->hash = signature->mgf_hash = CS_HASH_NONE;
    signature->salt = CS_SALT_DIGEST;
    signature->digested = digested;
    signature->padding = signature->key->type == CS_KEY_RSA       ? CS_PADDING_PKCS1
                         : signature->key->type == CS_KEY_RSA_PSS ? CS_PADDING_PSS
                                                                  : CS_PADDING_NONE;
    return 1;
}

static int digest_sign_init(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct cs_signature *signature = context;
    bool named = digest && *digest;

    if (!begin(signature, key, false))
        return 0;
    if (cs_key_is_pure(signature->key)) {
        if (named)
            return cs_raise(&signature->provider->queue, CS_ERR_INVALID,
                "%s takes no digest algorithm", cs_key_type(signature->key));
    } else if (!named) {
        signature->hash = CS_HASH_SHA256;
    } else if (!cs_signature_hash(cs_bytes_of(digest), &signature->hash)) {
        return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
            "Countersign does not sign with %s: use SHA-256, SHA-384 or SHA-512", digest);
    }
    return cs_signature_set_params(signature, params);
}

static int sign_init(void *context, void *key, const OSSL_PARAM params[])
{
    struct cs_signature *signature = context;

    if (!begin(signature, key, true))
        return 0;
    if (cs_key_is_pure(signature->key))
        return cs_raise(&signature->provider->queue, CS_ERR_UNSUPPORTED,
            "%s signs a message, not a digest", cs_key_type(signature->key));
    return cs_signature_set_params(signature, params);
}

/* Whether the URI of the reference stands for another key now. */
static bool is_another_now(struct cs_signature *signature)
{
    struct cs_provider *provider = signature->provider;
    struct countersign_identity *identity;
    const uint8_t *id;
    bool another;

    cs_queue_mark(&provider->queue);
    identity = cs_reference_resolve(provider, signature->key->uri, CS_EXPECT_KEY);
    cs_queue_pop(&provider->queue);
    id = identity ? countersign_identity_id(identity) : NULL;
    another = id && memcmp(id, signature->key->id, CS_ID_SIZE) != 0;
    countersign_identity_free(identity);
    return another;
}

/* The agent knows no key with this id. What its reference calls it tells more. */
static int say_unknown(struct cs_signature *signature, const struct countersign_fault *fault)
{
    struct cs_queue *queue = &signature->provider->queue;
    char name[128];

    cs_reference_name(signature->key->uri, name, sizeof(name));
    if (!name[0])
        return cs_raise_fault(queue, fault, CS_ERR_NOT_FOUND);
    if (is_another_now(signature))
        return cs_raise(queue, CS_ERR_NOT_FOUND,
            "the key of this file is gone, and %s is another one: write the file again with "
            "'countersign pem'",
            name);
    return cs_raise(queue, CS_ERR_NOT_FOUND, "%s; it was called %s", fault->text, name);
}

static int ask(struct cs_signature *signature, enum cs_hash hash, struct cs_bytes data,
    unsigned char *out, size_t *lenp, size_t size)
{
    struct countersign_client *client;
    struct countersign_fault fault = {0};
    const struct cs_scheme *scheme;
    int saved = errno, r;

    scheme = cs_signature_scheme(signature, hash);
    client = scheme ? cs_provider_client(signature->provider) : NULL;
    if (!client)
        return 0;
    r = countersign_sign(client, signature->key->id, scheme->code,
        signature->digested ? CS_INPUT_DIGEST : CS_INPUT_MESSAGE, data.data, data.len, out, &size,
        &fault);
    errno = saved;
    if (r == CS_ERR_NOT_FOUND)
        return say_unknown(signature, &fault);
    if (r < 0)
        return cs_raise_fault(&signature->provider->queue, &fault, r);
    *lenp = size;
    return 1;
}

/* Everything ends here. Without room it tells how much is needed and asks nobody. */
static int sign(struct cs_signature *signature, enum cs_hash hash, struct cs_bytes data,
    unsigned char *out, size_t *lenp, size_t size)
{
    struct cs_provider *provider = signature->provider;
    int ok;

    if (!signature->key)
        return cs_raise(&provider->queue, CS_ERR_INVALID, "no key to sign with");
    if (!out) {
        *lenp = cs_key_signature_size(signature->key);
        return 1;
    }
    ok = ask(signature, hash, data, out, lenp, size);
    signature->error = ok || !provider->peek_last_error ? 0 : provider->peek_last_error();
    return ok;
}

static int digest_sign(void *context, unsigned char *out, size_t *lenp, size_t size,
    const unsigned char *data, size_t len)
{
    struct cs_signature *signature = context;

    return sign(signature, signature->hash, CS_BYTES(data, len), out, lenp, size);
}

/* Whether all pieces are here: a message that lost one is no longer the program's. */
static int is_whole(struct cs_signature *signature)
{
    const int error = signature->message.error;

    if (error == CS_ERR_TOO_LARGE)
        return cs_raise(&signature->provider->queue, CS_ERR_TOO_LARGE,
            "Countersign signs messages of up to %u bytes: sign the digest of a larger one",
            MESSAGE_MAX);
    if (error)
        return cs_raise(&signature->provider->queue, error, "%s", cs_error_text(error));
    return 1;
}

static int digest_sign_update(void *context, const unsigned char *data, size_t len)
{
    struct cs_signature *signature = context;

    cs_buf_put(&signature->message, data, len);
    return is_whole(signature);
}

static int digest_sign_final(void *context, unsigned char *out, size_t *lenp, size_t size)
{
    struct cs_signature *signature = context;
    int ok = is_whole(signature) &&
             sign(signature, signature->hash, cs_buf_bytes(&signature->message), out, lenp, size);

    if (ok && out)
        cs_buf_reset(&signature->message);
    return ok;
}

/* Where the program did not say which hash it used, its length tells; but in the padding of PKCS #1
 * v1.5 OpenSSL then signs the bytes themselves, and who verifies expects that. */
static int sign_digest(void *context, unsigned char *out, size_t *lenp, size_t size,
    const unsigned char *digest, size_t len)
{
    struct cs_signature *signature = context;
    enum cs_hash hash = signature->hash;

    if (out && hash == CS_HASH_NONE && signature->padding == CS_PADDING_PKCS1)
        return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
            "an RSA signature names its digest: set 'digest' to sha256, sha384 or sha512");
    if (hash == CS_HASH_NONE && (len == 32 || len == 48 || len == 64))
        hash = (enum cs_hash)(8 * len);
    if (out && (hash == CS_HASH_NONE || cs_hash_size(hash) != len))
        return cs_raise(&signature->provider->queue, CS_ERR_SCHEME,
            "Countersign signs digests by SHA-256, SHA-384 or SHA-512, not these %zu bytes", len);
    return sign(signature, hash, CS_BYTES(digest, len), out, lenp, size);
}

static int digest_verify(void *context, const unsigned char *value, size_t value_len,
    const unsigned char *data, size_t len)
{
    return cs_verify(context, CS_BYTES(data, len), CS_BYTES(value, value_len));
}

static int digest_verify_final(void *context, const unsigned char *value, size_t value_len)
{
    struct cs_signature *signature = context;

    return is_whole(signature) &&
           cs_verify(signature, cs_buf_bytes(&signature->message), CS_BYTES(value, value_len));
}

const OSSL_DISPATCH cs_signature_functions[] = {
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, signature_dup),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_sign_update),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
    /* It begins and goes on as a signature does. */
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, digest_sign_init),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, digest_sign_update),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, digest_verify_final),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, digest_verify),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_SIGN, sign_digest),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, cs_signature_set_params),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, cs_signature_settable),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, cs_signature_get_params),
    CS_FUNCTION(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, cs_signature_gettable),
    {0, NULL},
};
