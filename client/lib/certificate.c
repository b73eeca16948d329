/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that belongs to no key here: one block of memory, never changed once made. */
#include "lib/certificate.h"
#include "lib/pack.h"

struct countersign_certificate {
    struct cs_bytes uri, token, label, cka_id, der;
};

int cs_certificate_new(
    struct countersign_certificate **certificatep, const struct cs_msg_certificate *m)
{
    struct countersign_certificate *certificate;
    struct cs_pack pack;

    certificate = cs_pack_new(&pack, sizeof(*certificate),
        m->uri.len + m->token.len + m->label.len + m->cka_id.len + m->der.len + 5);
    if (!certificate)
        return CS_ERR_MEMORY;
    certificate->uri = cs_pack_bytes(&pack, m->uri);
    certificate->token = cs_pack_bytes(&pack, m->token);
    certificate->label = cs_pack_bytes(&pack, m->label);
    certificate->cka_id = cs_pack_bytes(&pack, m->cka_id);
    certificate->der = cs_pack_bytes(&pack, m->der);
    *certificatep = certificate;
    return 0;
}

static const uint8_t *lend(struct cs_bytes bytes, size_t *lenp)
{
    if (lenp)
        *lenp = bytes.len;
    return bytes.data;
}

const char *countersign_certificate_uri(const struct countersign_certificate *certificate)
{
    return (const char *)certificate->uri.data;
}

const char *countersign_certificate_token_uri(const struct countersign_certificate *certificate)
{
    return (const char *)certificate->token.data;
}

const char *countersign_certificate_label(
    const struct countersign_certificate *certificate, size_t *lenp)
{
    return (const char *)lend(certificate->label, lenp);
}

const uint8_t *countersign_certificate_cka_id(
    const struct countersign_certificate *certificate, size_t *lenp)
{
    return lend(certificate->cka_id, lenp);
}

const uint8_t *countersign_certificate_der(
    const struct countersign_certificate *certificate, size_t *lenp)
{
    return lend(certificate->der, lenp);
}
