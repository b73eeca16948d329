/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving names and handing keys out, for the decoder and the store. */
#include "provider/reference.h"
#include "provider/fetch.h"
#include "provider/param.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

struct countersign_identity *cs_reference_resolve(
    struct cs_provider *provider, const char *name, int expect)
{
    struct countersign_client *client = cs_provider_client(provider);
    struct countersign_identity *identity;
    struct countersign_fault fault = {0};
    int saved = errno, r;

    if (!client)
        return NULL;
    r = countersign_resolve(client, name, expect, &identity, &fault);
    errno = saved; /* Python takes a failure with errno set for one of the file's */
    if (r < 0) {
        cs_raise_fault(&provider->queue, &fault, r);
        return NULL;
    }
    return identity;
}

struct cs_pem_reference cs_reference_of(const struct countersign_identity *identity)
{
    struct cs_pem_reference reference = {
        .uri = cs_bytes_of(countersign_identity_uri(identity)),
        .id = CS_BYTES(countersign_identity_id(identity), CS_ID_SIZE),
    };

    reference.spki.data = countersign_identity_spki(identity, &reference.spki.len);
    return reference;
}

void cs_reference_name(const char *uri, char *name, size_t size)
{
    static const char *const attributes[] = {"token=", "object="};
    size_t used = 0;

    *name = '\0';
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        const char *at = strstr(uri, attributes[i]);
        int n = at ? (int)strcspn(at, ";?") : 0;

        if (!at || at == uri || (at[-1] != ':' && at[-1] != ';') || used + (size_t)n + 2 > size)
            continue;
        used += (size_t)snprintf(name + used, size - used, "%s%.*s", used ? ";" : "", n, at);
    }
}

int cs_reference_hand_out(
    struct cs_provider *provider, struct cs_key *key, OSSL_CALLBACK *callback, void *argument)
{
    struct cs_key *handed = cs_key_ref(key);
    int object = OSSL_OBJECT_PKEY, ok;
    const OSSL_PARAM params[] = {
        cs_param_of_int(OSSL_OBJECT_PARAM_TYPE, &object),
        cs_param_of_string(OSSL_OBJECT_PARAM_DATA_TYPE, cs_key_type(key)),
        /* The reference is the address of a pointer; the key manager takes it and leaves NULL. */
        cs_param_of_bytes(OSSL_OBJECT_PARAM_REFERENCE, CS_BYTES(&handed, sizeof(handed))),
        OSSL_PARAM_END,
    };

    cs_fetch_again(provider);
    ok = callback(params, argument);
    cs_key_unref(handed);
    return ok;
}
