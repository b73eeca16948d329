/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenSSL provider: its entry point and its tables. The tables are constant and answer without
 * an agent, because OpenSSL asks once and remembers (fetch.c has the one exception). Nothing here
 * keeps state outside the context that OpenSSL hands back to us.
 */
#include "provider/provider.h"
#include "provider/decoder.h"
#include "provider/fetch.h"
#include "provider/keymgmt.h"
#include "provider/param.h"
#include "provider/signature.h"
#include "provider/store.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>

#define PROPERTIES "provider=countersign"

/* Key managers bear the names of their key types, because programs and libssl ask by them. */
static const OSSL_ALGORITHM keymgmts[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, cs_keymgmt_functions,
        "RSA keys held by the Countersign agent"},
    {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", PROPERTIES, cs_keymgmt_functions,
        "RSA-PSS keys held by the Countersign agent"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, cs_keymgmt_functions,
        "EC keys held by the Countersign agent"},
    {"ED25519:1.3.101.112", PROPERTIES, cs_keymgmt_functions,
        "Ed25519 keys held by the Countersign agent"},
    {"ED448:1.3.101.113", PROPERTIES, cs_keymgmt_functions,
        "Ed448 keys held by the Countersign agent"},
    {CS_REFERENCE_NAME, PROPERTIES, cs_keymgmt_functions,
        "whatever a Countersign key reference stands for"},
    {NULL, NULL, NULL, NULL},
};

/* The signature has a name of its own, so that nobody gets it for a key that is not ours. */
static const OSSL_ALGORITHM signatures[] = {
    {CS_SIGNATURE_NAME, PROPERTIES, cs_signature_functions,
        "signatures by keys that the Countersign agent holds"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM decoders[] = {
    {"DER", PROPERTIES ",input=pem", cs_decoder_pem_functions, "Countersign key references"},
    {CS_REFERENCE_NAME, PROPERTIES ",input=der,structure=" CS_DECODER_STRUCTURE,
        cs_decoder_der_functions, "Countersign key references"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM stores[] = {
    {"pkcs11", PROPERTIES, cs_store_functions, "keys and certificates by PKCS#11 URI"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query_operation(void *context, int operation, int *no_cache)
{
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        if (cs_fetch_others_first(context))
            return keymgmts;
        *no_cache = 1;
        return NULL;
    case OSSL_OP_SIGNATURE:
        return signatures;
    case OSSL_OP_DECODER:
        return decoders;
    case OSSL_OP_STORE:
        return stores;
    }
    return NULL;
}

static const OSSL_PARAM *gettable_params(void *context)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_BUILDINFO, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, sizeof(int)),
        OSSL_PARAM_END,
    };

    (void)context;
    return params;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    (void)context;
    return cs_param_set_string(
               cs_param_find_mutable(params, OSSL_PROV_PARAM_NAME), "Countersign provider") &&
           cs_param_set_string(
               cs_param_find_mutable(params, OSSL_PROV_PARAM_VERSION), CS_VERSION) &&
           cs_param_set_string(
               cs_param_find_mutable(params, OSSL_PROV_PARAM_BUILDINFO), CS_VERSION) &&
           cs_param_set_int(cs_param_find_mutable(params, OSSL_PROV_PARAM_STATUS), 1);
}

static const OSSL_ITEM *get_reason_strings(void *context)
{
    const struct cs_provider *provider = context;

    return provider->queue.reasons;
}

static void teardown(void *context)
{
    struct cs_provider *provider = context;

    countersign_client_free(atomic_load(&provider->client));
    free(provider);
}

static const OSSL_DISPATCH provider_functions[] = {
    CS_FUNCTION(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    CS_FUNCTION(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_params),
    CS_FUNCTION(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
    CS_FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
    CS_FUNCTION(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, get_reason_strings),
    {0, NULL},
};

struct countersign_client *cs_provider_client(struct cs_provider *provider)
{
    struct countersign_client *client = atomic_load(&provider->client), *none = NULL;
    int r;

    if (client)
        return client;
    r = countersign_client_new(&client, NULL);
    if (r < 0) {
        cs_raise(&provider->queue, r, "%s", cs_error_text(r));
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&provider->client, &none, client)) {
        countersign_client_free(client);
        client = none;
    }
    return client;
}

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle,
    const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context)
{
    struct cs_provider *provider = calloc(1, sizeof(*provider));

    if (!provider)
        return 0;
    cs_queue_init(&provider->queue, handle, in);
    for (; in->function_id; in++)
        switch (in->function_id) {
        case OSSL_FUNC_CORE_GET_LIBCTX:
            provider->get_libctx = OSSL_FUNC_core_get_libctx(in);
            break;
        case OSSL_FUNC_BIO_READ_EX:
            provider->bio_read = OSSL_FUNC_BIO_read_ex(in);
            break;
        case OSSL_FUNC_BIO_GETS:
            provider->bio_gets = OSSL_FUNC_BIO_gets(in);
            break;
        }
    if (!provider->bio_read || !provider->bio_gets) {
        free(provider);
        return 0;
    }
    cs_fetch_init(provider);
    *out = provider_functions;
    *context = provider;
    return 1;
}
