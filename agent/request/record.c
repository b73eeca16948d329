/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down of a signature: one line in the log, one in the record. Never the bytes that
 * were signed. Called by sign.c, where a signature ends.
 */
#include "request/request-state.h"
#include "base/hex.h"
#include "base/log.h"
#include "text.h"

#include <countersign/error.h>
#include <stdio.h>

/* Then the digest that is signed is the very hash that the record has. */
static bool is_sha256(const struct cs_request *request)
{
    const struct cs_scheme *scheme = cs_scheme_by_code(request->scheme);

    return scheme && scheme->hash == CS_HASH_SHA256;
}

void cs_request_trace(
    struct cs_request *request, struct cs_bytes message, const struct cs_proof *proof)
{
    struct cs_traces *traces = &request->traces;
    struct cs_digest *digest = &request->service->digest;

    if (!request->service->audit.on)
        return;
    if (request->how == CS_INPUT_MESSAGE && !is_sha256(request))
        traces->has_message = cs_digest_make(digest, CS_HASH_SHA256, message, traces->message) == 0;
    if (proof->server_certificate.len > 0)
        traces->has_server =
            cs_digest_make(digest, CS_HASH_SHA256, proof->server_certificate, traces->server) == 0;
}

static void describe(const struct cs_request *request, const struct cs_identity *identity,
    const struct cs_scheme *scheme, int code, const char *text, char *line, size_t size)
{
    char id[17], label[CS_TEXT_MAX] = "";

    cs_hex_write(request->id, 8, id);
    if (identity)
        cs_text_clean(identity->source->label, label, sizeof(label));
    snprintf(line, size, "%s (pid %d) signs with %s '%s' on '%s', %s, %s%s%s: %s%s%s",
        cs_caller_name(request->caller), (int)request->caller->pid, id, label,
        identity ? identity->token->name : "", scheme ? scheme->name : "unknown scheme",
        cs_proof_name(request->proof), request->host[0] ? " to " : "", request->host,
        code < 0 ? "failed" : "allowed", code < 0 ? ", " : "", code < 0 ? text : "");
}

static void put_what(struct cs_audit *audit, const struct cs_request *request,
    const struct cs_identity *identity, const struct cs_scheme *scheme)
{
    const struct cs_traces *traces = &request->traces;

    cs_audit_put_hex(audit, "identity", CS_BYTES(request->id, CS_ID_SIZE));
    if (identity) {
        cs_audit_put(audit, "label", identity->source->label);
        cs_audit_put(audit, "token", cs_bytes_of(identity->token->name));
    }
    if (scheme)
        cs_audit_put(audit, "scheme", cs_bytes_of(scheme->name));
    cs_audit_put(audit, "proof", cs_bytes_of(cs_proof_name(request->proof)));
    cs_audit_put(audit, "server", cs_bytes_of(request->host));
    if (traces->has_server)
        cs_audit_put_hex(audit, "server_certificate", CS_BYTES(traces->server, 32));
    if (request->how == CS_INPUT_DIGEST)
        cs_audit_put_hex(audit, "digest", cs_buf_bytes(&request->data));
    else if (traces->has_message)
        cs_audit_put_hex(audit, "sha256", CS_BYTES(traces->message, 32));
    else if (is_sha256(request))
        cs_audit_put_hex(audit, "sha256", cs_buf_bytes(&request->data));
}

static bool is_proven(const struct cs_request *request)
{
    return request->proof != CS_PROOF_DIGEST && request->proof != CS_PROOF_DATA;
}

int cs_request_record(const struct cs_request *request, const struct cs_identity *identity,
    int code, const char *text, struct cs_fault *fault)
{
    const struct cs_scheme *scheme = cs_scheme_by_code(request->scheme);
    struct cs_audit *audit = &request->service->audit;
    char line[1400];

    if (code == 0 || code == CS_ERR_DENIED)
        cs_usage_count(&request->service->usage, cs_caller_name(request->caller),
            is_proven(request), code < 0);
    describe(request, identity, scheme, code, text, line, sizeof(line));
    cs_audit_begin(audit, "sign", request->caller);
    put_what(audit, request, identity, scheme);
    cs_audit_put_bool(audit, "allowed", code != CS_ERR_DENIED);
    cs_audit_put(audit, "rule", cs_bytes_of(request->rule));
    cs_audit_put(audit, "consent", cs_bytes_of(request->consented));
    cs_audit_put_outcome(audit, "signed", code, text);
    return cs_audit_end(audit, line, fault);
}
