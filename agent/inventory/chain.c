/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains. Issuers are looked for among the certificates of all tokens and the configuration's
 * bundle. The root is left out: who trusts it has it (RFC 8446, 4.4.2). Called when a name
 * is resolved and when an identity is chosen for a server.
 */
#include "inventory/chain.h"
#include "inventory/certificate.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool issued(const struct cs_object *issuer, const struct cs_object *subject)
{
    CS_AUTO(X509_freep) X509 *x509 = cs_certificate_parse(subject->value);
    bool ok = x509 && X509_check_issued(issuer->authority, x509) == X509_V_OK &&
              X509_verify(x509, X509_get0_pubkey(issuer->authority)) == 1;

    ERR_clear_error();
    return ok;
}

struct search {
    const struct cs_object *subject;
    X509_NAME *issuer; /* its name, once there is somebody who may bear it */
    time_t now;
    const struct cs_object *best;
};

static void look_at(struct search *search, const struct cs_object *object)
{
    if (!object->authority)
        return;
    if (!search->issuer)
        search->issuer = cs_certificate_name_parse(search->subject->issuer);
    if (search->issuer &&
        X509_NAME_cmp(X509_get_subject_name(object->authority), search->issuer) == 0 &&
        (!search->best || cs_object_is_better(object, search->best, search->now)) &&
        issued(object, search->subject))
        search->best = object;
}

static const struct cs_object *find_issuer(
    const struct cs_inventory *inventory, const struct cs_object *subject, time_t now)
{
    const struct cs_bundle *bundle = inventory->bundle;
    struct search search = {.subject = subject, .now = now};

    for (size_t i = 0; i < inventory->n_tokens; i++)
        for (size_t j = 0; j < inventory->tokens[i]->n_objects; j++)
            look_at(&search, inventory->tokens[i]->objects[j]);
    for (size_t i = 0; bundle && i < bundle->n; i++)
        look_at(&search, bundle->items[i]);
    X509_NAME_free(search.issuer);
    return search.best;
}

/* Authorities that certify one another lead in a circle. */
static bool has_subject(const struct cs_object *const *chain, size_t n, struct cs_bytes name)
{
    for (size_t i = 0; i < n; i++)
        if (cs_bytes_equal(chain[i]->subject, name))
            return true;
    return false;
}

size_t cs_chain_build(const struct cs_inventory *inventory, const struct cs_object *leaf,
    time_t now, const struct cs_object **chain, size_t max)
{
    const struct cs_object *at = leaf;
    size_t n = 0;

    while (at && n < max) {
        if (n > 0 && at->self_issued)
            break;
        chain[n++] = at;
        at = at->self_issued || has_subject(chain, n, at->issuer) ? NULL
                                                                  : find_issuer(inventory, at, now);
    }
    return n;
}

uint32_t cs_chain_put(const struct cs_inventory *inventory, const struct cs_object *leaf,
    time_t now, struct cs_buf *buf)
{
    const struct cs_object *chain[CS_LIMIT_CHAIN] = {NULL};
    size_t n = cs_chain_build(inventory, leaf, now, chain, CS_LIMIT_CHAIN);

    for (size_t i = 0; i < n; i++)
        cs_buf_put_bytes(buf, chain[i]->value);
    return (uint32_t)n;
}
