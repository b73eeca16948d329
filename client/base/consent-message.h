/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of CONSENTS, CONSENT_REVOKE, USES and RECORD (PROTOCOL.md), as message.h has the
 * others. */
#ifndef CS_BASE_CONSENT_MESSAGE_H
#define CS_BASE_CONSENT_MESSAGE_H

#include "base/buf.h"

/* An entry of CONSENTS. */
struct cs_msg_consent {
    uint32_t number;         /* for CONSENT_REVOKE; never 0 */
    struct cs_bytes program; /* who may */
    struct cs_bytes id;      /* of the key, CS_ID_SIZE bytes */
    struct cs_bytes label;   /* of the key, for people */
    struct cs_bytes token;   /* its name, for people */
    struct cs_bytes what;    /* may be signed: "tls", "csr", "digest", "data" */
    struct cs_bytes server;  /* for which server alone; empty: any, or not known */
    uint64_t since;          /* seconds of Unix time */
    uint64_t uses;           /* signatures after the first */
};

/* An entry of USES: what a program has had signed since the agent started. */
struct cs_msg_use {
    struct cs_bytes program;
    uint64_t signatures;
    uint64_t proven; /* of these: what the bytes are could be established */
    uint64_t denied;
};

struct cs_msg_record {
    bool on;
    struct cs_bytes path;
    struct cs_bytes trouble; /* why it cannot be written to; empty: it can */
    uint64_t lost;           /* lines since that is so */
};

/* Lists: a u32 count, then as many entries; cs_reader_end checks the whole. */
void cs_msg_consent_put(struct cs_buf *buf, const struct cs_msg_consent *m);
void cs_msg_consent_read(struct cs_reader *reader, struct cs_msg_consent *m);
void cs_msg_use_put(struct cs_buf *buf, const struct cs_msg_use *m);
void cs_msg_use_read(struct cs_reader *reader, struct cs_msg_use *m);
void cs_msg_record_put(struct cs_buf *buf, const struct cs_msg_record *m);
int cs_msg_record_get(struct cs_bytes body, struct cs_msg_record *m);
/* CONSENT_REVOKE: a consent's number, or 0. Its reply: how many were revoked. */
void cs_msg_number_put(struct cs_buf *buf, uint32_t number);
int cs_msg_number_get(struct cs_bytes body, uint32_t *numberp);

#endif
