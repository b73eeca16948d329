/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the socket's messages (PROTOCOL.md, "Messages"), for both sides. A struct borrows
 * what it points to. put writes a body inside a frame that the caller began; get reads a whole
 * body strictly: 0, or CS_ERR_PROTOCOL.
 */
#ifndef CS_BASE_MESSAGE_H
#define CS_BASE_MESSAGE_H

#include "base/buf.h"

#include <countersign/protocol.h>

/* What a client tells about the terminal and the display it runs at, for prompts. */
#define CS_ENVIRONMENT_MAX 16
struct cs_environment {
    uint32_t n;
    struct {
        struct cs_bytes name, value;
    } entries[CS_ENVIRONMENT_MAX];
};

struct cs_msg_hello {
    uint16_t min_version, max_version;
    struct cs_bytes
        program; /* how the client calls itself; for logs and prompts, never for a decision */
    struct cs_environment environment;
};

struct cs_msg_welcome {
    uint16_t version;
    struct cs_bytes agent; /* the agent's release */
};

struct cs_msg_error {
    int code; /* negative, of the catalogue */
    struct cs_bytes text;
};

/* An entry of TOKENS. */
struct cs_msg_token {
    struct cs_bytes uri;
    struct cs_bytes label, manufacturer, model, serial;
    struct cs_bytes module; /* the name of its module */
    uint32_t flags;         /* enum cs_token_flag */
    uint64_t since;         /* when it became locked or unlocked, seconds of Unix time; 0 unknown */
    struct cs_bytes why;    /* why it is locked, for people */
};

/* An entry of IDENTITIES. */
struct cs_msg_identity {
    struct cs_bytes id; /* CS_ID_SIZE bytes */
    struct cs_bytes uri;
    struct cs_bytes token; /* the URI of its token */
    struct cs_bytes label; /* CKA_LABEL as the token has it: any bytes */
    struct cs_bytes cka_id;
    uint8_t key_type; /* enum cs_key_type */
    uint32_t bits;
    struct cs_bytes group;   /* OpenSSL's name of the curve, empty for other keys */
    struct cs_bytes spki;    /* DER SubjectPublicKeyInfo */
    uint32_t flags;          /* enum cs_identity_flag */
    struct cs_bytes schemes; /* two bytes each, best first */
    uint32_t n_certificates;
    struct cs_bytes
        certificates; /* that many DER certificates, each with a u32 length; best first */
};

/* An entry of CERTIFICATES: one that belongs to no key here, such as a member of a chain. */
struct cs_msg_certificate {
    struct cs_bytes uri;
    struct cs_bytes token;
    struct cs_bytes label;
    struct cs_bytes cka_id;
    struct cs_bytes der;
};

/* The head of a page of TOKENS, IDENTITIES or CERTIFICATES; n entries follow it. */
struct cs_msg_page {
    uint64_t generation; /* changes whenever the agent's picture changes */
    uint32_t total;
    uint32_t n;
};

struct cs_msg_resolve {
    struct cs_bytes name; /* a pkcs11: URI, an id in hex (8 digits or more), or a label */
    uint8_t expect;       /* enum cs_expect */
};

struct cs_msg_resolved {
    bool has_identity;
    struct cs_msg_identity identity;
    uint32_t n_chain;
    struct cs_bytes chain; /* DER certificates as above, leaf first */
};

struct cs_msg_find {
    struct cs_bytes host;
    uint32_t n_issuers;
    struct cs_bytes issuers; /* that many DER names, each with a u32 length */
    struct cs_bytes schemes; /* two bytes each */
};

struct cs_msg_found {
    struct cs_bytes why;
    struct cs_msg_resolved resolved;
};

struct cs_msg_watching {
    uint64_t generation;
};

struct cs_msg_event {
    uint64_t generation;
    uint8_t kind; /* enum cs_event_kind */
    struct cs_bytes subject, text;
};

struct cs_msg_sign {
    struct cs_bytes id;
    uint16_t scheme;
    uint8_t input; /* enum cs_input */
    struct cs_bytes data;
};

struct cs_msg_signed {
    struct cs_bytes signature; /* as TLS carries it: ECDSA in DER */
};

/* Also the body of PIN_CHANGE. */
struct cs_msg_unlock {
    struct cs_bytes token; /* a URI, label or serial; empty: the one token there is to unlock */
    uint8_t how;           /* enum cs_unlock: bits */
};

struct cs_msg_lock {
    struct cs_bytes token; /* as above; empty: every token */
};

/* The reply to UNLOCK, LOCK and PIN_CHANGE. */
struct cs_msg_token_names {
    uint32_t n;
    struct cs_bytes labels; /* that many strings */
};

/* A module, in STATUS. */
struct cs_msg_module {
    struct cs_bytes name, path;
    struct cs_bytes state; /* "starting", "running", "failed" */
    uint32_t pid;          /* of its token host; 0 when there is none */
    uint32_t restarts;
    struct cs_bytes error; /* the last failure, for people; empty if none */
};

struct cs_msg_status {
    struct cs_bytes version;
    uint32_t pid;
    uint64_t started; /* seconds of Unix time */
    struct cs_bytes socket;
    uint32_t clients;
    uint64_t signatures;
    uint32_t n_modules; /* that many modules follow */
};

/* The head of POLICY's reply; that many rules follow it. */
struct cs_msg_policy {
    uint64_t loaded;       /* seconds of Unix time; 0: nothing yet */
    struct cs_bytes error; /* what is wrong in a file since then, or empty */
    uint32_t n_rules;
};

struct cs_msg_rule {
    struct cs_bytes name;
    struct cs_bytes where;                    /* "file:line", empty for what is built in */
    struct cs_bytes identity, program, hosts; /* as written, empty: any */
    struct cs_bytes sign, consent, rate;
    uint32_t flags; /* enum cs_rule_flag */
    uint32_t keys;  /* identities it is about now */
};

struct cs_msg_policy_check {
    struct cs_bytes identity, program, proof, host;
};

/* The reply to POLICY_CHECK. */
struct cs_msg_decision {
    uint8_t verdict; /* enum cs_verdict */
    struct cs_bytes rule, where;
    struct cs_bytes text; /* a sentence */
};

void cs_msg_hello_put(struct cs_buf *buf, const struct cs_msg_hello *m);
int cs_msg_hello_get(struct cs_bytes body, struct cs_msg_hello *m);
void cs_msg_welcome_put(struct cs_buf *buf, const struct cs_msg_welcome *m);
int cs_msg_welcome_get(struct cs_bytes body, struct cs_msg_welcome *m);
void cs_msg_error_put(struct cs_buf *buf, const struct cs_msg_error *m);
int cs_msg_error_get(struct cs_bytes body, struct cs_msg_error *m);

/* The request for a page: the index of its first entry. */
void cs_msg_first_put(struct cs_buf *buf, uint32_t first);
int cs_msg_first_get(struct cs_bytes body, uint32_t *firstp);

/* Pages: the head, then entry by entry from one reader; cs_reader_end checks the whole. */
void cs_msg_page_put(struct cs_buf *buf, const struct cs_msg_page *m);
void cs_msg_page_read(struct cs_reader *reader, struct cs_msg_page *m);
void cs_msg_token_put(struct cs_buf *buf, const struct cs_msg_token *m);
void cs_msg_token_read(struct cs_reader *reader, struct cs_msg_token *m);
void cs_msg_identity_put(struct cs_buf *buf, const struct cs_msg_identity *m);
void cs_msg_identity_read(struct cs_reader *reader, struct cs_msg_identity *m);
void cs_msg_certificate_put(struct cs_buf *buf, const struct cs_msg_certificate *m);
void cs_msg_certificate_read(struct cs_reader *reader, struct cs_msg_certificate *m);

void cs_msg_resolve_put(struct cs_buf *buf, const struct cs_msg_resolve *m);
int cs_msg_resolve_get(struct cs_bytes body, struct cs_msg_resolve *m);
void cs_msg_resolved_put(struct cs_buf *buf, const struct cs_msg_resolved *m);
int cs_msg_resolved_get(struct cs_bytes body, struct cs_msg_resolved *m);
void cs_msg_sign_put(struct cs_buf *buf, const struct cs_msg_sign *m);
int cs_msg_sign_get(struct cs_bytes body, struct cs_msg_sign *m);
void cs_msg_signed_put(struct cs_buf *buf, const struct cs_msg_signed *m);
int cs_msg_signed_get(struct cs_bytes body, struct cs_msg_signed *m);
void cs_msg_unlock_put(struct cs_buf *buf, const struct cs_msg_unlock *m);
int cs_msg_unlock_get(struct cs_bytes body, struct cs_msg_unlock *m);
void cs_msg_lock_put(struct cs_buf *buf, const struct cs_msg_lock *m);
int cs_msg_lock_get(struct cs_bytes body, struct cs_msg_lock *m);
void cs_msg_token_names_put(struct cs_buf *buf, const struct cs_msg_token_names *m);
int cs_msg_token_names_get(struct cs_bytes body, struct cs_msg_token_names *m);
void cs_msg_status_put(struct cs_buf *buf, const struct cs_msg_status *m);
void cs_msg_status_read(struct cs_reader *reader, struct cs_msg_status *m);
void cs_msg_module_put(struct cs_buf *buf, const struct cs_msg_module *m);
void cs_msg_module_read(struct cs_reader *reader, struct cs_msg_module *m);

void cs_msg_find_put(struct cs_buf *buf, const struct cs_msg_find *m);
int cs_msg_find_get(struct cs_bytes body, struct cs_msg_find *m);
void cs_msg_found_put(struct cs_buf *buf, const struct cs_msg_found *m);
int cs_msg_found_get(struct cs_bytes body, struct cs_msg_found *m);

void cs_msg_watching_put(struct cs_buf *buf, const struct cs_msg_watching *m);
int cs_msg_watching_get(struct cs_bytes body, struct cs_msg_watching *m);
void cs_msg_event_put(struct cs_buf *buf, const struct cs_msg_event *m);
int cs_msg_event_get(struct cs_bytes body, struct cs_msg_event *m);

void cs_msg_policy_put(struct cs_buf *buf, const struct cs_msg_policy *m);
void cs_msg_policy_read(struct cs_reader *reader, struct cs_msg_policy *m);
void cs_msg_rule_put(struct cs_buf *buf, const struct cs_msg_rule *m);
void cs_msg_rule_read(struct cs_reader *reader, struct cs_msg_rule *m);
void cs_msg_policy_check_put(struct cs_buf *buf, const struct cs_msg_policy_check *m);
int cs_msg_policy_check_get(struct cs_bytes body, struct cs_msg_policy_check *m);
void cs_msg_decision_put(struct cs_buf *buf, const struct cs_msg_decision *m);
int cs_msg_decision_get(struct cs_bytes body, struct cs_msg_decision *m);

/* Environments travel in HELLO and in the agent's messages to its token hosts. */
void cs_environment_put(struct cs_buf *buf, const struct cs_environment *environment);
void cs_environment_read(struct cs_reader *reader, struct cs_environment *environment);

#endif
