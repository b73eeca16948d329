/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An identity: one block of memory with the object, its arrays, and copies of all fields behind
 * one another. It never changes once made, so threads may share it.
 */
#include "lib/identity.h"
#include "lib/client.h"
#include "lib/pack.h"

#include <string.h>

struct countersign_identity {
    const uint8_t *id; /* NULL: a chain alone */
    struct cs_bytes uri, token, label, cka_id, group, spki;
    const char *why; /* NULL: nobody was asked which one to present */
    int key_type;
    unsigned bits, flags;
    size_t n_certificates, n_chain, n_schemes;
    const uint8_t *schemes;         /* two bytes each, as on the wire */
    struct cs_bytes *chain;         /* behind the certificates */
    struct cs_bytes certificates[]; /* and then the pack */
};

static void pack_list(struct cs_pack *pack, struct cs_bytes *to, size_t n, struct cs_bytes encoded)
{
    struct cs_reader reader = cs_reader_of(encoded);

    for (size_t i = 0; i < n; i++)
        to[i] = cs_pack_bytes(pack, cs_get_bytes(&reader));
}

static void pack_key(
    struct countersign_identity *identity, struct cs_pack *pack, const struct cs_msg_identity *m)
{
    identity->id = cs_pack_bytes(pack, m->id).data;
    identity->uri = cs_pack_bytes(pack, m->uri);
    identity->token = cs_pack_bytes(pack, m->token);
    identity->label = cs_pack_bytes(pack, m->label);
    identity->cka_id = cs_pack_bytes(pack, m->cka_id);
    identity->group = cs_pack_bytes(pack, m->group);
    identity->spki = cs_pack_bytes(pack, m->spki);
    identity->schemes = cs_pack_bytes(pack, m->schemes).data;
    identity->key_type = m->key_type;
    identity->bits = m->bits;
    identity->flags = m->flags;
    identity->n_schemes = m->schemes.len / 2;
    pack_list(pack, identity->certificates, m->n_certificates, m->certificates);
}

/* What cs_msg_identity_read lent lies in one message, so its lengths cannot overflow. */
static size_t room_for(const struct cs_msg_identity *m)
{
    return m->id.len + m->uri.len + m->token.len + m->label.len + m->cka_id.len + m->group.len +
           m->spki.len + m->schemes.len + m->certificates.len + 9;
}

int cs_identity_new(struct countersign_identity **identityp, const struct cs_msg_resolved *m,
    const struct cs_bytes *why)
{
    const struct cs_msg_identity nothing = {0};
    const struct cs_msg_identity *key = m->has_identity ? &m->identity : &nothing;
    size_t n = (size_t)key->n_certificates + m->n_chain;
    struct countersign_identity *identity;
    struct cs_pack pack;

    identity = cs_pack_new(&pack, sizeof(*identity) + n * sizeof(struct cs_bytes),
        room_for(key) + m->chain.len + (why ? why->len + 1 : 0) + 1);
    if (!identity)
        return CS_ERR_MEMORY;
    identity->n_certificates = key->n_certificates;
    identity->n_chain = m->n_chain;
    identity->chain = identity->certificates + key->n_certificates;
    pack_key(identity, &pack, key);
    if (!m->has_identity)
        identity->id = NULL;
    pack_list(&pack, identity->chain, m->n_chain, m->chain);
    identity->why = why ? cs_pack_string(&pack, *why) : NULL;
    *identityp = identity;
    return 0;
}

void countersign_identity_free(struct countersign_identity *identity)
{
    free(identity);
}

int countersign_resolve(struct countersign_client *client, const char *name, int expect,
    struct countersign_identity **identityp, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    CS_AUTO(cs_freep) char *own = NULL;
    struct cs_msg_resolved resolved;
    struct cs_request request;
    struct cs_reply reply;
    int r;

    if (!name || !cs_bytes_is_string(cs_bytes_of(name)))
        return cs_fail(fault, CS_ERR_INVALID, "the name of a key must be UTF-8");
    if (expect < CS_EXPECT_ANY || expect > CS_EXPECT_CERTIFICATE)
        return cs_fail(fault, CS_ERR_INVALID, "%d is not an enum cs_expect", expect);
    r = cs_client_name(name, &own, fault);
    if (r < 0)
        return r;
    cs_request_init(&request, CS_MSG_RESOLVE);
    cs_msg_resolve_put(&request.frame,
        &(struct cs_msg_resolve){.name = cs_bytes_of(own), .expect = (uint8_t)expect});
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = cs_msg_resolved_get(reply.body, &resolved);
    if (r == 0)
        r = cs_identity_new(identityp, &resolved, NULL);
    return cs_client_end(client, &request, &reply, r, fault);
}

static const char *string(struct cs_bytes bytes)
{
    return (const char *)bytes.data;
}

static const uint8_t *lend(struct cs_bytes bytes, size_t *lenp)
{
    if (lenp)
        *lenp = bytes.len;
    return bytes.data;
}

const uint8_t *countersign_identity_id(const struct countersign_identity *identity)
{
    return identity->id;
}

const char *countersign_identity_uri(const struct countersign_identity *identity)
{
    return string(identity->uri);
}

const char *countersign_identity_token_uri(const struct countersign_identity *identity)
{
    return string(identity->token);
}

const char *countersign_identity_label(const struct countersign_identity *identity, size_t *lenp)
{
    return (const char *)lend(identity->label, lenp);
}

const uint8_t *countersign_identity_cka_id(
    const struct countersign_identity *identity, size_t *lenp)
{
    return lend(identity->cka_id, lenp);
}

int countersign_identity_key_type(const struct countersign_identity *identity)
{
    return identity->key_type;
}

unsigned countersign_identity_bits(const struct countersign_identity *identity)
{
    return identity->bits;
}

const char *countersign_identity_group(const struct countersign_identity *identity)
{
    return string(identity->group);
}

const uint8_t *countersign_identity_spki(const struct countersign_identity *identity, size_t *lenp)
{
    return lend(identity->spki, lenp);
}

unsigned countersign_identity_flags(const struct countersign_identity *identity)
{
    return identity->flags;
}

size_t countersign_identity_n_schemes(const struct countersign_identity *identity)
{
    return identity->n_schemes;
}

uint16_t countersign_identity_scheme(const struct countersign_identity *identity, size_t index)
{
    if (index >= identity->n_schemes)
        return 0;
    return (uint16_t)(identity->schemes[2 * index] << 8 | identity->schemes[2 * index + 1]);
}

size_t countersign_identity_n_certificates(const struct countersign_identity *identity)
{
    return identity->n_certificates;
}

const uint8_t *countersign_identity_certificate(
    const struct countersign_identity *identity, size_t index, size_t *lenp)
{
    if (index >= identity->n_certificates)
        return NULL;
    return lend(identity->certificates[index], lenp);
}

size_t countersign_identity_n_chain(const struct countersign_identity *identity)
{
    return identity->n_chain;
}

const uint8_t *countersign_identity_chain(
    const struct countersign_identity *identity, size_t index, size_t *lenp)
{
    if (index >= identity->n_chain)
        return NULL;
    return lend(identity->chain[index], lenp);
}

const char *countersign_identity_why(const struct countersign_identity *identity)
{
    return identity->why;
}
