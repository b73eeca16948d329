/* SPDX-License-Identifier: Apache-2.0 */
/* Consents that end, and the record. Lists of consents and uses are in list.c. */
#include "base/consent-message.h"
#include "lib/client.h"

#include <stdio.h>

int countersign_consent_revoke(struct countersign_client *client, uint32_t number,
    uint32_t *n_revokedp, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    uint32_t n;
    int r;

    cs_request_init(&request, CS_MSG_CONSENT_REVOKE);
    cs_msg_number_put(&request.frame, number);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = cs_msg_number_get(reply.body, &n);
    if (r == 0 && n_revokedp)
        *n_revokedp = n;
    return cs_client_end(client, &request, &reply, r, fault);
}

static int take_record(struct cs_bytes body, struct countersign_record *record)
{
    struct cs_msg_record m;
    int r = cs_msg_record_get(body, &m);

    if (r < 0)
        return r;
    if (m.path.len >= sizeof(record->path) || m.trouble.len >= sizeof(record->trouble))
        return CS_ERR_PROTOCOL;
    record->on = m.on;
    snprintf(
        record->path, sizeof(record->path), "%.*s", (int)m.path.len, (const char *)m.path.data);
    snprintf(record->trouble, sizeof(record->trouble), "%.*s", (int)m.trouble.len,
        (const char *)m.trouble.data);
    record->lost = m.lost;
    return 0;
}

int countersign_record_get(struct countersign_client *client, struct countersign_record *record,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, CS_MSG_RECORD);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = take_record(reply.body, record);
    return cs_client_end(client, &request, &reply, r, fault);
}
