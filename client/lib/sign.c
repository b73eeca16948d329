/* SPDX-License-Identifier: Apache-2.0 */
/* One signature: the message or its digest goes to the agent, nothing is kept. */
#include "base/message.h"
#include "lib/client.h"

#include <string.h>

static int take_signature(
    struct cs_bytes body, uint8_t *signature, size_t *signature_lenp, struct cs_fault *fault)
{
    struct cs_msg_signed m;

    if (cs_msg_signed_get(body, &m) < 0 || m.signature.len == 0)
        return CS_ERR_PROTOCOL;
    if (m.signature.len > *signature_lenp)
        return cs_fail(fault, CS_ERR_TOO_LARGE,
            "the signature has %zu bytes, the program left room for %zu", m.signature.len,
            *signature_lenp);
    memcpy(signature, m.signature.data, m.signature.len);
    *signature_lenp = m.signature.len;
    return 0;
}

int countersign_sign(struct countersign_client *client, const uint8_t *id, uint16_t scheme,
    int input, const void *data, size_t len, uint8_t *signature, size_t *signature_lenp,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    int r;

    if (!id || input < CS_INPUT_MESSAGE || input > CS_INPUT_DIGEST)
        return cs_fail(fault, CS_ERR_INVALID, "a signature needs an identity and an enum cs_input");
    cs_request_init(&request, CS_MSG_SIGN);
    cs_msg_sign_put(&request.frame, &(struct cs_msg_sign){
                                        .id = CS_BYTES(id, CS_ID_SIZE),
                                        .scheme = scheme,
                                        .input = (uint8_t)input,
                                        .data = CS_BYTES(data, len),
                                    });
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = take_signature(reply.body, signature, signature_lenp, fault);
    return cs_client_end(client, &request, &reply, r, fault);
}
