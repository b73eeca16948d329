/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcountersign: ask the user's Countersign agent for identities and signatures.
 *
 * A client is a handle on the agent. Nothing is connected until the first question. Any number of
 * threads may use one client at once, and a child after fork may go on using it: it dials anew.
 * When the agent hangs up before it answers, because it is restarted, the question is repeated once
 * on a new connection; but an unlock whose descriptor has been sent is not. A call may last as long
 * as a person takes to enter a PIN; it never prints, prompts, raises SIGPIPE or touches a signal
 * handler. Only an agent of the caller's own user, or root's, is spoken to.
 *
 * Functions return 0, or a negative CS_ERR_* (error.h). Where a fault pointer is taken it may be
 * NULL; otherwise it receives the code and one sentence, in English, that says what to do next.
 * Out-parameters are written only on success. Strings are UTF-8.
 *
 * What a getter returns is borrowed from the object and lives as long as it.
 */
#ifndef COUNTERSIGN_COUNTERSIGN_H
#define COUNTERSIGN_COUNTERSIGN_H

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct countersign_client;
struct countersign_identity;
struct countersign_certificate;
struct countersign_token;
struct countersign_module;
struct countersign_list;
struct countersign_status;
struct countersign_policy;

struct countersign_fault {
    int code;
    char text[1024];
};

/*
 * program: how the caller calls itself in logs and prompts, or NULL for the name of the process.
 * The socket is $COUNTERSIGN_SOCKET, else $XDG_RUNTIME_DIR/countersign/agent.sock, else
 * /run/user/UID/countersign/agent.sock. The environment is read here, once: the socket, and the
 * terminal and display for prompts. free accepts NULL; no call may be under way.
 */
int countersign_client_new(struct countersign_client **clientp, const char *program);
void countersign_client_free(struct countersign_client *client);

/*
 * Finds the one thing that name stands for: a pkcs11: URI (RFC 7512), an id in hex (8 digits or
 * more), or the label of a key or certificate. expect is an enum cs_expect. The result is an
 * identity, with its own certificates in the order that suits name best, and a chain, leaf first,
 * of what may be sent to a server; or, where name is a certificate without a key, a chain alone
 * (countersign_identity_id is then NULL). An identity whose key has no certificate has no chain.
 * A person may be asked for a PIN, where name has a label that nothing shows: one locked token may
 * hide a private key that is called so. CS_ERR_NOT_FOUND, CS_ERR_AMBIGUOUS: the sentence lists the
 * candidates.
 */
int countersign_resolve(struct countersign_client *client, const char *name, int expect,
    struct countersign_identity **identityp, struct countersign_fault *fault);
void countersign_identity_free(struct countersign_identity *identity);

const uint8_t *countersign_identity_id(
    const struct countersign_identity *identity); /* CS_ID_SIZE bytes */
const char *countersign_identity_uri(const struct countersign_identity *identity);
const char *countersign_identity_token_uri(const struct countersign_identity *identity);
/* The label's bytes as the token has them, and a zero behind them. */
const char *countersign_identity_label(const struct countersign_identity *identity, size_t *lenp);
const uint8_t *countersign_identity_cka_id(
    const struct countersign_identity *identity, size_t *lenp);
int countersign_identity_key_type(
    const struct countersign_identity *identity); /* enum cs_key_type */
unsigned countersign_identity_bits(const struct countersign_identity *identity);
/* The curve as OpenSSL names it ("prime256v1"), empty for other keys. */
const char *countersign_identity_group(const struct countersign_identity *identity);
/* DER SubjectPublicKeyInfo, the curve by name. */
const uint8_t *countersign_identity_spki(const struct countersign_identity *identity, size_t *lenp);
unsigned countersign_identity_flags(
    const struct countersign_identity *identity); /* enum cs_identity_flag */
/* TLS SignatureSchemes the key can sign in, best first. */
size_t countersign_identity_n_schemes(const struct countersign_identity *identity);
uint16_t countersign_identity_scheme(const struct countersign_identity *identity, size_t index);
/* DER certificates of this key, best first. */
size_t countersign_identity_n_certificates(const struct countersign_identity *identity);
const uint8_t *countersign_identity_certificate(
    const struct countersign_identity *identity, size_t index, size_t *lenp);
/* DER certificates to send, leaf first; filled by countersign_resolve alone. */
size_t countersign_identity_n_chain(const struct countersign_identity *identity);
const uint8_t *countersign_identity_chain(
    const struct countersign_identity *identity, size_t index, size_t *lenp);

/* Borrowed bytes. */
struct countersign_bytes {
    const uint8_t *data;
    size_t len;
};

/* What a server asks of a client's certificate; NULL and 0 mean that it does not matter. */
struct countersign_criteria {
    const char *host;                        /* the server's name */
    const struct countersign_bytes *issuers; /* DER distinguished names it accepts */
    size_t n_issuers;
    const uint16_t *schemes; /* TLS SignatureSchemes it accepts */
    size_t n_schemes;
};

/*
 * Finds the identity to present to a server (PROTOCOL.md, FIND). The result has a chain; why is a
 * sentence that says why it was chosen, and NULL for identities that came otherwise.
 * CS_ERR_NOT_FOUND when none suits. Never asks for a PIN.
 */
int countersign_find(struct countersign_client *client, const struct countersign_criteria *criteria,
    struct countersign_identity **identityp, struct countersign_fault *fault);
/*
 * The same for a program that will present it (PROTOCOL.md, CHOOSE): where several suit, a person
 * may be asked which, once in a session, and for a PIN, where a locked token may hide the one that
 * the configuration names. CS_ERR_DENIED: none, by the person's choice.
 */
int countersign_choose(struct countersign_client *client,
    const struct countersign_criteria *criteria, struct countersign_identity **identityp,
    struct countersign_fault *fault);
const char *countersign_identity_why(const struct countersign_identity *identity);

/*
 * Signs with the identity of this id (CS_ID_SIZE bytes) in a TLS SignatureScheme. input is an
 * enum cs_input: give the message whenever you have it, for then the agent can see what it signs.
 * The signature is as TLS carries it (ECDSA: DER). *signature_lenp is the room in signature at the
 * call and the length after it; CS_ERR_TOO_LARGE when the room was too small. 1,024 bytes hold any
 * signature. A locked token is unlocked first, by a prompt where one is possible: CS_ERR_LOCKED,
 * CS_ERR_CANCELLED, CS_ERR_PIN_INCORRECT, CS_ERR_PIN_BLOCKED, CS_ERR_PIN_FINAL_TRY otherwise.
 */
int countersign_sign(struct countersign_client *client, const uint8_t *id, uint16_t scheme,
    int input, const void *data, size_t len, uint8_t *signature, size_t *signature_lenp,
    struct countersign_fault *fault);

/*
 * Unlocks the token that a URI, label or serial names; NULL: the one token that can be unlocked.
 * how is made of enum cs_unlock. With CS_UNLOCK_FD the token's own process reads the PIN from fd,
 * to its end (one line end at the end is dropped); the caller still owns fd. lock with NULL locks
 * every token. labels, if not NULL, receives the labels of the tokens it was about, for
 * countersign_list_free.
 */
int countersign_unlock(struct countersign_client *client, const char *token, int how, int fd,
    struct countersign_list **labelsp, struct countersign_fault *fault);
int countersign_lock(struct countersign_client *client, const char *token,
    struct countersign_list **labelsp, struct countersign_fault *fault);

/*
 * Gives a token another PIN; NULL: the one token there is. how is as above. By prompts, or
 * with CS_UNLOCK_FD the token's own process reads the present PIN from fd and the new one from
 * new_fd, as countersign_unlock does. CS_ERR_INVALID: the token does not take the new one.
 */
int countersign_change_pin(struct countersign_client *client, const char *token, int how, int fd,
    int new_fd, struct countersign_list **labelsp, struct countersign_fault *fault);

/* What there is, as one consistent picture each. Costs the token nothing. */
int countersign_list_tokens(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault);
int countersign_list_identities(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault);
/* Certificates that belong to no key here, such as members of chains. */
int countersign_list_certificates(struct countersign_client *client,
    struct countersign_list **listp, struct countersign_fault *fault);

/*
 * Has the agent look at every slot and object anew: for keys and certificates that another program
 * wrote to a token. Returns when the lists tell of them.
 */
int countersign_refresh(struct countersign_client *client, struct countersign_fault *fault);

/*
 * Watching what happens. next waits for the next event; CS_ERR_CLOSED when the agent has ended, and
 * a new watch is to be made. Instead of waiting in it, poll the descriptor for input and call next
 * once, and again as long as has_more. A watch is for one thread.
 */
struct countersign_watch;
struct countersign_event {
    uint64_t generation; /* of the agent's picture after it */
    int kind;            /* enum cs_event_kind */
    char subject[4096];  /* URI of the token or identity, or "" */
    char text[4096];     /* what happened, for people */
};
int countersign_watch_new(struct countersign_client *client, struct countersign_watch **watchp,
    struct countersign_fault *fault);
void countersign_watch_free(struct countersign_watch *watch);
int countersign_watch_fd(const struct countersign_watch *watch);
bool countersign_watch_has_more(const struct countersign_watch *watch);
int countersign_watch_next(struct countersign_watch *watch, struct countersign_event *event,
    struct countersign_fault *fault);

/*
 * What a person has allowed for this session, asked by the agent. revoke ends the consent of this
 * number, or with 0 all of them, and tells how many that were unless n_revokedp is NULL; who needed
 * it is asked again. CS_ERR_NOT_FOUND.
 */
struct countersign_consent {
    uint32_t number;
    const char *program;
    uint8_t id[CS_ID_SIZE]; /* of the identity */
    const char *label;      /* of the identity, for people */
    const char *token;      /* its name, for people */
    const char *what;   /* may be signed: "tls", "csr", "digest" or "data"; or "show": be shown */
    const char *server; /* for this one alone; "" if it is not known */
    uint64_t since;     /* seconds of Unix time */
    uint64_t uses;      /* signatures after the one that was asked about */
};
int countersign_list_consents(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault);
int countersign_consent_revoke(struct countersign_client *client, uint32_t number,
    uint32_t *n_revokedp, struct countersign_fault *fault);

/* What each program has had signed since the agent started. */
struct countersign_use {
    const char *program; /* "others": those beyond the agent's limit */
    uint64_t signatures;
    uint64_t proven; /* of these: the agent could establish what the bytes were */
    uint64_t denied;
};
int countersign_list_uses(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault);

/* The record of uses, which is a file: its state. */
struct countersign_record {
    bool on;
    char path[4096];
    char trouble[1024]; /* why it cannot be written to; "" if it can */
    uint64_t lost;      /* lines that are missing since then */
};
int countersign_record_get(struct countersign_client *client, struct countersign_record *record,
    struct countersign_fault *fault);

size_t countersign_list_n(const struct countersign_list *list);
void countersign_list_free(struct countersign_list *list);
/* The entry of a list of that kind; NULL when the list is of another kind or shorter. */
const struct countersign_token *countersign_list_token(
    const struct countersign_list *list, size_t index);
const struct countersign_identity *countersign_list_identity(
    const struct countersign_list *list, size_t index);
const struct countersign_certificate *countersign_list_certificate(
    const struct countersign_list *list, size_t index);
const struct countersign_consent *countersign_list_consent(
    const struct countersign_list *list, size_t index);
const struct countersign_use *countersign_list_use(
    const struct countersign_list *list, size_t index);
const char *countersign_list_label(const struct countersign_list *list, size_t index);

const char *countersign_token_uri(const struct countersign_token *token);
/* The token's own strings, without the padding; bytes that are no UTF-8 are as the token has them.
 */
const char *countersign_token_label(const struct countersign_token *token);
const char *countersign_token_manufacturer(const struct countersign_token *token);
const char *countersign_token_model(const struct countersign_token *token);
const char *countersign_token_serial(const struct countersign_token *token);
const char *countersign_token_module(const struct countersign_token *token);
unsigned countersign_token_flags(const struct countersign_token *token); /* enum cs_token_flag */
uint64_t countersign_token_since(
    const struct countersign_token *token); /* seconds of Unix time, 0 unknown */
const char *countersign_token_why(
    const struct countersign_token *token); /* why it is locked, or "" */

const char *countersign_certificate_uri(const struct countersign_certificate *certificate);
const char *countersign_certificate_token_uri(const struct countersign_certificate *certificate);
const char *countersign_certificate_label(
    const struct countersign_certificate *certificate, size_t *lenp);
const uint8_t *countersign_certificate_cka_id(
    const struct countersign_certificate *certificate, size_t *lenp);
const uint8_t *countersign_certificate_der(
    const struct countersign_certificate *certificate, size_t *lenp);

/* The agent itself. */
int countersign_status_get(struct countersign_client *client, struct countersign_status **statusp,
    struct countersign_fault *fault);
void countersign_status_free(struct countersign_status *status);
const char *countersign_status_version(const struct countersign_status *status);
unsigned countersign_status_pid(const struct countersign_status *status);
uint64_t countersign_status_started(const struct countersign_status *status);
const char *countersign_status_socket(const struct countersign_status *status);
unsigned countersign_status_clients(const struct countersign_status *status);
uint64_t countersign_status_signatures(const struct countersign_status *status);
size_t countersign_status_n_modules(const struct countersign_status *status);
const struct countersign_module *countersign_status_module(
    const struct countersign_status *status, size_t index);
const char *countersign_module_name(const struct countersign_module *module);
const char *countersign_module_path(const struct countersign_module *module);
const char *countersign_module_state(
    const struct countersign_module *module); /* starting, running, failed */
unsigned countersign_module_pid(const struct countersign_module *module); /* 0: no process */
unsigned countersign_module_restarts(const struct countersign_module *module);
const char *countersign_module_error(
    const struct countersign_module *module); /* its last failure; of one that runs, what is left
                                                 out of what it shows; or "" */

/*
 * Who may have what signed: the rules in force, in the order in which they are tried; the first
 * that fits decides. error is what is wrong in a file since they were read, or "".
 */
struct countersign_rule {
    const char *name;
    const char *where;    /* "file:line", "" for what is built in */
    const char *identity; /* whom it is about, as written, "" for any */
    const char *program;
    const char *hosts;
    const char *sign; /* "tls, csr, digest, data", or "none" */
    const char *consent;
    const char *rate; /* "10 in 1 minute", "" for no limit */
    unsigned flags;   /* enum cs_rule_flag */
    unsigned keys;    /* how many identities that are here now it is about */
};
int countersign_policy_get(struct countersign_client *client, struct countersign_policy **policyp,
    struct countersign_fault *fault);
void countersign_policy_free(struct countersign_policy *policy);
/* Unix time; 0: the agent could read no configuration yet, and allows nothing. */
uint64_t countersign_policy_loaded(const struct countersign_policy *policy);
const char *countersign_policy_error(const struct countersign_policy *policy);
size_t countersign_policy_n_rules(const struct countersign_policy *policy);
const struct countersign_rule *countersign_policy_rule(
    const struct countersign_policy *policy, size_t index);

/*
 * What would be decided about a signature (PROTOCOL.md, POLICY_CHECK); nothing is signed and nobody
 * asked. CS_ERR_NOT_FOUND, CS_ERR_AMBIGUOUS, CS_ERR_INVALID.
 */
struct countersign_policy_question {
    const char *identity; /* as countersign_resolve takes it */
    const char *program;  /* its path, "flatpak:ID" ...; NULL: unknown */
    const char *proof;    /* "tls", "tls12-client", "csr", "digest", "data" */
    const char *host;     /* NULL: unknown */
};
struct countersign_decision {
    int verdict; /* enum cs_verdict */
    char rule[512];
    char where[4608];
    char text[1024]; /* one sentence: what, why, and what would allow it */
};
int countersign_policy_check(struct countersign_client *client,
    const struct countersign_policy_question *question, struct countersign_decision *decision,
    struct countersign_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
