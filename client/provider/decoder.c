/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. The first stage finds a key reference in PEM and passes it on as DER of our own; the
 * second makes a key of that. It takes two, because OpenSSL's file store collects DER and decodes
 * it later, with its own errors: so whatever can fail has to fail in the first.
 *
 * A whole reference has all that a key needs before it signs, and no agent is asked. What is wrong
 * (no agent, no such key, a locked token) comes up at the signature, whose error programs print;
 * when a file cannot be loaded many print a sentence of their own. For a reference that has a URI
 * alone the agent is asked, and answers with the rest.
 *
 * Every key that the program reads comes by here, whosoever it is. To one that is not ours the
 * answer is 1 and no data, before anything is allocated.
 */
#include "provider/decoder.h"
#include "base/cleanup.h"
#include "base/der.h"
#include "base/pem.h"
#include "provider/block.h"
#include "provider/param.h"
#include "provider/reference.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <string.h>

#define REFERENCE_MAX (64u * 1024u)
#define REFERENCE_HEAD 48 /* holds the version */

CS_DEFINE_CLEANUP(struct countersign_identity *, countersign_identity_free);

static void *decoder_new(void *context)
{
    return context;
}

static void decoder_free(void *decoder)
{
    (void)decoder;
}

static int does_selection(void *context, int selection)
{
    (void)context;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

struct source {
    struct cs_provider *provider;
    OSSL_CORE_BIO *bio;
};

static int source_gets(void *data, char *line, unsigned size)
{
    struct source *source = data;

    return source->provider->bio_gets(source->bio, line, (int)size);
}

static int say_damaged(struct cs_queue *queue)
{
    return cs_raise(queue, CS_ERR_INVALID,
        "the key reference is damaged: write it again with 'countersign pem'");
}

static int pass_on(struct cs_bytes der, OSSL_CALLBACK *callback, void *argument)
{
    int object = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        cs_param_of_int(OSSL_OBJECT_PARAM_TYPE, &object),
        cs_param_of_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, CS_DECODER_STRUCTURE),
        cs_param_of_bytes(OSSL_OBJECT_PARAM_DATA, der),
        OSSL_PARAM_END,
    };

    return callback(params, argument);
}

/* Puts the whole reference for one that has a URI alone. */
static int complete(
    struct cs_provider *provider, const struct cs_pem_reference *reference, struct cs_buf *der)
{
    struct countersign_identity *CS_AUTO(countersign_identity_freep) identity = NULL;
    char *CS_AUTO(cs_freep) uri = cs_bytes_dup(reference->uri);
    struct cs_pem_reference whole;

    if (uri)
        identity = cs_reference_resolve(provider, uri, CS_EXPECT_KEY);
    if (!identity)
        return 0;
    whole = cs_reference_of(identity);
    cs_pem_reference_put(der, &whole);
    if (der->error)
        return cs_raise(&provider->queue, der->error, "%s", cs_error_text(der->error));
    return 1;
}

/* The second stage makes it again; but there OpenSSL would say something else if that failed. */
static bool makes_a_key(const struct cs_pem_reference *reference)
{
    struct cs_key *key;

    if (cs_key_new(&key, reference) < 0)
        return false;
    cs_key_unref(key);
    return true;
}

static int decode_pem(void *context, OSSL_CORE_BIO *bio, int selection, OSSL_CALLBACK *callback,
    void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    struct cs_provider *provider = context;
    struct cs_buf CS_AUTO(cs_buf_deinit) base64 = CS_BUF_INIT(REFERENCE_MAX);
    struct cs_buf CS_AUTO(cs_buf_deinit) der = CS_BUF_INIT(REFERENCE_MAX);
    struct cs_buf CS_AUTO(cs_buf_deinit) whole = CS_BUF_INIT(REFERENCE_MAX);
    struct cs_pem_reference reference;
    int r;

    (void)passphrase;
    (void)passphrase_argument;
    if (!does_selection(context, selection))
        return 1;
    r = cs_block_read(source_gets, &(struct source){provider, bio}, &base64);
    if (r == 0)
        return 1;
    if (r < 0 || cs_pem_decode(&der, cs_buf_bytes(&base64)) < 0 ||
        cs_pem_reference_get(cs_buf_bytes(&der), &reference) < 0)
        return say_damaged(&provider->queue);
    if (reference.id.len == 0)
        return complete(provider, &reference, &whole) &&
               pass_on(cs_buf_bytes(&whole), callback, argument);
    if (!makes_a_key(&reference))
        return say_damaged(&provider->queue);
    return pass_on(cs_buf_bytes(&der), callback, argument);
}

/* Whether these first bytes can be the beginning of a whole reference. */
static bool looks_like_one(struct cs_bytes head)
{
    return head.len > 2 && head.data[0] == CS_DER_SEQUENCE &&
           memmem(head.data, head.len, CS_PEM_REFERENCE_VERSION, strlen(CS_PEM_REFERENCE_VERSION));
}

/* All that is in bio, if it begins like a reference of ours. */
static bool read_reference(struct cs_provider *provider, OSSL_CORE_BIO *bio, struct cs_buf *der)
{
    uint8_t chunk[1024];
    size_t n = 0;

    if (!provider->bio_read(bio, chunk, REFERENCE_HEAD, &n) || !looks_like_one(CS_BYTES(chunk, n)))
        return false;
    do
        cs_buf_put(der, chunk, n);
    while (!der->error && provider->bio_read(bio, chunk, sizeof(chunk), &n) && n > 0);
    return !der->error;
}

static int decode_der(void *context, OSSL_CORE_BIO *bio, int selection, OSSL_CALLBACK *callback,
    void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    struct cs_provider *provider = context;
    struct cs_buf CS_AUTO(cs_buf_deinit) der = CS_BUF_INIT(REFERENCE_MAX);
    struct cs_pem_reference reference;
    struct cs_key *key;
    int ok, r;

    (void)passphrase;
    (void)passphrase_argument;
    if (!does_selection(context, selection) || !read_reference(provider, bio, &der) ||
        cs_pem_reference_get(cs_buf_bytes(&der), &reference) < 0)
        return 1;
    r = cs_key_new(&key, &reference);
    if (r < 0)
        return cs_raise(&provider->queue, r, "the agent sent a public key that is none");
    ok = cs_reference_hand_out(provider, key, callback, argument);
    cs_key_unref(key);
    return ok;
}

/* OpenSSL 3.0 calls this without looking whether it is there. Our keys have nothing to export that
 * would make a private key elsewhere. */
static int export_object(
    void *context, const void *reference, size_t size, OSSL_CALLBACK *callback, void *argument)
{
    (void)reference;
    (void)size;
    (void)callback;
    (void)argument;
    return cs_raise(&((struct cs_provider *)context)->queue, CS_ERR_UNSUPPORTED,
        "a key that the agent holds cannot move to another provider");
}

const OSSL_DISPATCH cs_decoder_pem_functions[] = {
    CS_FUNCTION(OSSL_FUNC_DECODER_NEWCTX, decoder_new),
    CS_FUNCTION(OSSL_FUNC_DECODER_FREECTX, decoder_free),
    CS_FUNCTION(OSSL_FUNC_DECODER_DOES_SELECTION, does_selection),
    CS_FUNCTION(OSSL_FUNC_DECODER_DECODE, decode_pem),
    {0, NULL},
};

const OSSL_DISPATCH cs_decoder_der_functions[] = {
    CS_FUNCTION(OSSL_FUNC_DECODER_NEWCTX, decoder_new),
    CS_FUNCTION(OSSL_FUNC_DECODER_FREECTX, decoder_free),
    CS_FUNCTION(OSSL_FUNC_DECODER_DOES_SELECTION, does_selection),
    CS_FUNCTION(OSSL_FUNC_DECODER_DECODE, decode_der),
    CS_FUNCTION(OSSL_FUNC_DECODER_EXPORT_OBJECT, export_object),
    {0, NULL},
};
