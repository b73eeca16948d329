/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving names and handing keys out, for the decoder and the store. */
#include "provider/reference.h"
#include "base/der.h"
#include "provider/fetch.h"
#include "provider/param.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <string.h>

#define VERSION "Countersign Resolved Key v1"

void cs_reference_put(struct cs_buf *buf, struct cs_bytes id, struct cs_bytes spki)
{
    struct cs_buf body = CS_BUF_INIT(buf->max);

    cs_der_put(&body, CS_DER_VISIBLE_STRING, cs_bytes_of(VERSION));
    cs_der_put(&body, CS_DER_OCTET_STRING, id);
    cs_buf_put(&body, spki.data, spki.len);
    if (body.error)
        buf->error = body.error;
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
}

bool cs_reference_looks_like(struct cs_bytes head)
{
    return head.len > 2 && head.data[0] == CS_DER_SEQUENCE &&
           memmem(head.data, head.len, VERSION, strlen(VERSION));
}

int cs_reference_get(struct cs_bytes der, struct cs_key **keyp)
{
    struct cs_bytes sequence, version, id;

    if (cs_der_expect(&der, CS_DER_SEQUENCE, &sequence) < 0 || der.len != 0 ||
        cs_der_expect(&sequence, CS_DER_VISIBLE_STRING, &version) < 0 ||
        cs_der_expect(&sequence, CS_DER_OCTET_STRING, &id) < 0)
        return CS_ERR_PROTOCOL;
    if (!cs_bytes_equal(version, cs_bytes_of(VERSION)) || id.len != CS_ID_SIZE)
        return CS_ERR_PROTOCOL;
    return cs_key_new(keyp, id.data, sequence);
}

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
