/* SPDX-License-Identifier: Apache-2.0 */
/* The question which identity to present to a server. */
#include "lib/client.h"
#include "lib/identity.h"

#include <string.h>

static void put_issuers(struct cs_buf *issuers, const struct countersign_criteria *criteria)
{
    for (size_t i = 0; i < criteria->n_issuers; i++)
        cs_buf_put_bytes(issuers, CS_BYTES(criteria->issuers[i].data, criteria->issuers[i].len));
}

static void put_schemes(struct cs_buf *schemes, const struct countersign_criteria *criteria)
{
    for (size_t i = 0; i < criteria->n_schemes; i++)
        cs_buf_put_u16(schemes, criteria->schemes[i]);
}

static void put_criteria(struct cs_buf *frame, const struct countersign_criteria *criteria)
{
    struct cs_buf issuers = CS_BUF_INIT(CS_FRAME_MAX);
    struct cs_buf schemes = CS_BUF_INIT(CS_FRAME_MAX);

    put_issuers(&issuers, criteria);
    put_schemes(&schemes, criteria);
    if (issuers.error || schemes.error)
        frame->error = issuers.error ? issuers.error : schemes.error;
    cs_msg_find_put(frame, &(struct cs_msg_find){
                               .host = cs_bytes_of(criteria->host),
                               .n_issuers = (uint32_t)criteria->n_issuers,
                               .issuers = cs_buf_bytes(&issuers),
                               .schemes = cs_buf_bytes(&schemes),
                           });
    cs_buf_deinit(&issuers);
    cs_buf_deinit(&schemes);
}

static int find(struct countersign_client *client, uint16_t type,
    const struct countersign_criteria *criteria, struct countersign_identity **identityp,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_msg_found found;
    struct cs_request request;
    struct cs_reply reply;
    int r;

    if (criteria->host && !cs_bytes_is_string(cs_bytes_of(criteria->host)))
        return cs_fail(fault, CS_ERR_INVALID, "the name of a server must be UTF-8");
    cs_request_init(&request, type);
    put_criteria(&request.frame, criteria);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = cs_msg_found_get(reply.body, &found);
    if (r == 0 && (!found.resolved.has_identity || found.resolved.n_chain == 0))
        r = CS_ERR_PROTOCOL;
    if (r == 0)
        r = cs_identity_new(identityp, &found.resolved, &found.why);
    return cs_client_end(client, &request, &reply, r, fault);
}

int countersign_find(struct countersign_client *client, const struct countersign_criteria *criteria,
    struct countersign_identity **identityp, struct countersign_fault *fault)
{
    return find(client, CS_MSG_FIND, criteria, identityp, fault);
}

int countersign_choose(struct countersign_client *client,
    const struct countersign_criteria *criteria, struct countersign_identity **identityp,
    struct countersign_fault *fault)
{
    int r = find(client, CS_MSG_CHOOSE, criteria, identityp, fault);

    /* An agent from before a package was renewed goes on until the session ends. */
    return r == CS_ERR_UNSUPPORTED ? countersign_find(client, criteria, identityp, fault) : r;
}
