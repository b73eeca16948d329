/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. The first stage finds a key reference in PEM, asks the agent what it stands for and
 * passes on id and public key as DER of our own; the second makes a key of that. It takes two,
 * because OpenSSL's file store collects DER and decodes it later, with its own errors: so whatever
 * can fail has to fail in the first.
 *
 * Every key that the program reads comes by here, whosoever it is. To one that is not ours the
 * answer is 1 and no data, before anything is allocated and without asking the agent.
 */
#include "provider/decoder.h"
#include "base/cleanup.h"
#include "base/pem.h"
#include "provider/block.h"
#include "provider/param.h"
#include "provider/reference.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#define REFERENCE_MAX (64u * 1024u)

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

/* The URI in a PEM block, for free(); NULL when it is no reference. */
static char *reference_uri(struct cs_buf *base64)
{
    struct cs_buf CS_AUTO(cs_buf_deinit) der = CS_BUF_INIT(REFERENCE_MAX);
    struct cs_bytes uri;

    if (cs_pem_decode(&der, cs_buf_bytes(base64)) < 0 ||
        cs_pem_reference_get(cs_buf_bytes(&der), &uri) < 0)
        return NULL;
    return cs_bytes_dup(uri);
}

static int pass_on(const struct countersign_identity *identity, struct cs_queue *queue,
    OSSL_CALLBACK *callback, void *argument)
{
    struct cs_buf CS_AUTO(cs_buf_deinit) der = CS_BUF_INIT(REFERENCE_MAX);
    int object = OSSL_OBJECT_PKEY;
    struct cs_bytes spki;
    OSSL_PARAM params[4];

    spki.data = countersign_identity_spki(identity, &spki.len);
    cs_reference_put(&der, CS_BYTES(countersign_identity_id(identity), CS_ID_SIZE), spki);
    if (der.error)
        return cs_raise(queue, der.error, "%s", cs_error_text(der.error));
    params[0] = cs_param_of_int(OSSL_OBJECT_PARAM_TYPE, &object);
    params[1] = cs_param_of_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, CS_DECODER_STRUCTURE);
    params[2] = cs_param_of_bytes(OSSL_OBJECT_PARAM_DATA, cs_buf_bytes(&der));
    params[3] = (OSSL_PARAM)OSSL_PARAM_END;
    return callback(params, argument);
}

static int decode_pem(void *context, OSSL_CORE_BIO *bio, int selection, OSSL_CALLBACK *callback,
    void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    struct cs_provider *provider = context;
    struct cs_buf CS_AUTO(cs_buf_deinit) base64 = CS_BUF_INIT(REFERENCE_MAX);
    struct countersign_identity *CS_AUTO(countersign_identity_freep) identity = NULL;
    char *CS_AUTO(cs_freep) uri = NULL;
    int r;

    (void)passphrase;
    (void)passphrase_argument;
    if (!does_selection(context, selection))
        return 1;
    r = cs_block_read(source_gets, &(struct source){provider, bio}, &base64);
    if (r == 0)
        return 1;
    if (r > 0)
        uri = reference_uri(&base64);
    if (!uri)
        return cs_raise(&provider->queue, CS_ERR_INVALID,
            "the key reference is damaged: write it again with 'countersign pem'");
    identity = cs_reference_resolve(provider, uri, CS_EXPECT_KEY);
    return identity ? pass_on(identity, &provider->queue, callback, argument) : 0;
}

/* All that is in bio, if it begins like a reference of ours. */
static bool read_reference(struct cs_provider *provider, OSSL_CORE_BIO *bio, struct cs_buf *der)
{
    uint8_t chunk[1024];
    size_t n = 0;

    if (!provider->bio_read(bio, chunk, CS_REFERENCE_HEAD, &n) ||
        !cs_reference_looks_like(CS_BYTES(chunk, n)))
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
    struct cs_key *key;
    int ok, r;

    (void)passphrase;
    (void)passphrase_argument;
    if (!does_selection(context, selection) || !read_reference(provider, bio, &der))
        return 1;
    r = cs_reference_get(cs_buf_bytes(&der), &key);
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
