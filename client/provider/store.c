/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store. Opening it does nothing; the first load asks the agent, when the program has had the
 * time to say what it expects. It then gives the key, unless certificates are wanted, and the
 * certificates, leaf first, unless a key is.
 */
#include "provider/store.h"
#include "base/uri.h"
#include "provider/param.h"
#include "provider/reference.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/* OSSL_STORE_INFO_* of openssl/store.h, as `expect` carries them. */
enum { EXPECT_ANY = 0, EXPECT_PUBLIC = 3, EXPECT_KEY = 4, EXPECT_CERTIFICATE = 5 };

struct cs_store {
    struct cs_provider *provider;
    char *uri; /* without its query */
    int expect;
    bool opened, ended;
    bool key_due, public;
    size_t next, n_certificates;
    struct countersign_identity *identity;
};

static void *store_open(void *context, const char *uri)
{
    struct cs_store *store;

    if (!cs_uri_is(uri))
        return NULL;
    store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->provider = context;
    store->uri = cs_uri_without_pin(uri);
    if (!store->uri) {
        free(store);
        return NULL;
    }
    return store;
}

static int store_close(void *context)
{
    struct cs_store *store = context;

    countersign_identity_free(store->identity);
    free(store->uri);
    free(store);
    return 1;
}

static const OSSL_PARAM *store_settable(void *context)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    return params;
}

static int store_set_params(void *context, const OSSL_PARAM params[])
{
    struct cs_store *store = context;
    const OSSL_PARAM *expect = cs_param_find(params, OSSL_STORE_PARAM_EXPECT);

    return !expect || cs_param_get_int(expect, &store->expect);
}

/* The value of the path attribute `type` (RFC 7512, 2.3). */
static struct cs_bytes uri_type(const char *uri)
{
    const char *at = uri + strlen(CS_URI_SCHEME);

    for (;;) {
        size_t len = strcspn(at, ";");

        if (len > 5 && strncmp(at, "type=", 5) == 0)
            return CS_BYTES(at + 5, len - 5);
        if (!at[len])
            return CS_BYTES(NULL, 0);
        at += len + 1;
    }
}

/* What the program expects, else what the URI says. */
static int expectation(const struct cs_store *store)
{
    struct cs_bytes type = uri_type(store->uri);

    if (store->expect != EXPECT_ANY)
        return store->expect;
    if (cs_bytes_equal(type, cs_bytes_of("cert")))
        return EXPECT_CERTIFICATE;
    if (cs_bytes_equal(type, cs_bytes_of("private")))
        return EXPECT_KEY;
    if (cs_bytes_equal(type, cs_bytes_of("public")))
        return EXPECT_PUBLIC;
    return EXPECT_ANY;
}

static int resolve(struct cs_store *store)
{
    int expect = CS_EXPECT_ANY;

    switch (expectation(store)) {
    case EXPECT_ANY:
        break;
    case EXPECT_PUBLIC:
        store->public = true;
        expect = CS_EXPECT_KEY;
        break;
    case EXPECT_KEY:
        expect = CS_EXPECT_KEY;
        break;
    case EXPECT_CERTIFICATE:
        expect = CS_EXPECT_CERTIFICATE;
        break;
    default: /* revocation lists and the like: there are none, and that is no error */
        return 0;
    }
    store->identity = cs_reference_resolve(store->provider, store->uri, expect);
    if (!store->identity)
        return 0;
    if (expect != CS_EXPECT_CERTIFICATE)
        store->key_due = countersign_identity_id(store->identity) != NULL;
    if (expect != CS_EXPECT_KEY)
        store->n_certificates = countersign_identity_n_chain(store->identity);
    if (!store->key_due && store->n_certificates == 0)
        return cs_raise(&store->provider->queue, CS_ERR_NOT_FOUND, "%s has no %s", store->uri,
            expect == CS_EXPECT_KEY ? "private key" : "certificate");
    return 1;
}

/* A public key as bytes: OpenSSL makes a key of its own of it, and a store that expects one gets no
 * other. */
static int give_public_key(struct cs_bytes spki, OSSL_CALLBACK *callback, void *argument)
{
    int object = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        cs_param_of_int(OSSL_OBJECT_PARAM_TYPE, &object),
        cs_param_of_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, "SubjectPublicKeyInfo"),
        cs_param_of_bytes(OSSL_OBJECT_PARAM_DATA, spki),
        OSSL_PARAM_END,
    };

    return callback(params, argument);
}

static int give_key(struct cs_store *store, OSSL_CALLBACK *callback, void *argument)
{
    const struct cs_pem_reference reference = cs_reference_of(store->identity);
    struct cs_key *key;
    int ok, r;

    if (store->public)
        return give_public_key(reference.spki, callback, argument);
    r = cs_key_new(&key, &reference);
    if (r < 0)
        return cs_raise(&store->provider->queue, r, "the agent sent a public key that is none");
    ok = cs_reference_hand_out(store->provider, key, callback, argument);
    cs_key_unref(key);
    return ok;
}

static int give_certificate(struct cs_store *store, OSSL_CALLBACK *callback, void *argument)
{
    int object = OSSL_OBJECT_CERT;
    struct cs_bytes der;
    OSSL_PARAM params[3];

    der.data = countersign_identity_chain(store->identity, store->next++, &der.len);
    params[0] = cs_param_of_int(OSSL_OBJECT_PARAM_TYPE, &object);
    params[1] = cs_param_of_bytes(OSSL_OBJECT_PARAM_DATA, der);
    params[2] = (OSSL_PARAM)OSSL_PARAM_END;
    return callback(params, argument);
}

static int store_load(void *context, OSSL_CALLBACK *callback, void *argument,
    OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    struct cs_store *store = context;
    int ok = 0;

    (void)passphrase;
    (void)passphrase_argument;
    if (!store->opened) {
        store->opened = true;
        if (!resolve(store)) {
            store->ended = true;
            return 0;
        }
    }
    if (store->key_due) {
        store->key_due = false;
        ok = give_key(store, callback, argument);
    } else if (store->next < store->n_certificates) {
        ok = give_certificate(store, callback, argument);
    }
    store->ended = store->next >= store->n_certificates;
    return ok;
}

static int store_eof(void *context)
{
    const struct cs_store *store = context;

    return store->ended;
}

const OSSL_DISPATCH cs_store_functions[] = {
    CS_FUNCTION(OSSL_FUNC_STORE_OPEN, store_open),
    CS_FUNCTION(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, store_settable),
    CS_FUNCTION(OSSL_FUNC_STORE_SET_CTX_PARAMS, store_set_params),
    CS_FUNCTION(OSSL_FUNC_STORE_LOAD, store_load),
    CS_FUNCTION(OSSL_FUNC_STORE_EOF, store_eof),
    CS_FUNCTION(OSSL_FUNC_STORE_CLOSE, store_close),
    {0, NULL},
};
