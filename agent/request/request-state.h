/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a request, for the files that carry requests out: sign.c, resolve.c … */
#ifndef CS_AGENT_REQUEST_STATE_H
#define CS_AGENT_REQUEST_STATE_H

#include "inventory/absent.h"
#include "inventory/choice.h"
#include "request/login.h"
#include "proof/proof.h"
#include "request/request.h"

/* What one host does of a request. */
struct cs_part {
    struct cs_request *request;
    struct cs_host *host;
    struct cs_job *job; /* NULL when it is done */
    bool lost;          /* the host has ended before it was done */
};

/* What is left of the bytes for the record. */
struct cs_traces {
    uint8_t message[32]; /* their SHA-256, unless data has it, or a digest is all that came */
    uint8_t server[32];  /* SHA-256 of the server's certificate, if the proof tells */
    bool has_message, has_server;
};

struct cs_request {
    TAILQ_ENTRY(cs_request) link;
    struct cs_service *service;
    struct cs_caller *caller;
    cs_request_reply *reply;
    void *user;
    /* Goes on with the request when hosts have settled; NULL when it does not wait for that. */
    void (*settled)(struct cs_request *request);
    /* What is under way for it; at most one of them. */
    struct cs_job *job;
    struct cs_login_waiter login;
    char *name;  /* of RESOLVE, UNLOCK, LOCK and PIN_CHANGE */
    uint8_t how; /* of UNLOCK and PIN_CHANGE; of SIGN its enum cs_input, of RESOLVE its cs_expect */
    int fd;
    int new_fd; /* of PIN_CHANGE: where the new PIN comes from; fd is where the present one does */
    bool changes_pin;     /* of the token asked, which is being asked */
    bool displaced;       /* its PINs were awaited so long that others take its place */
    bool given_up;        /* the token was locked */
    struct cs_buf labels; /* of the tokens concerned, as they travel */
    uint32_t n_labels;
    struct cs_part *parts; /* of what is asked of several hosts */
    size_t n_parts;
    void (*parts_done)(struct cs_request *request);
    /* of FIND and CHOOSE; its fields lie in data */
    struct cs_criteria criteria;
    bool presents; /* CHOOSE: its caller presents what it is told */
    bool may_ask;
    uint8_t refused[CS_LIMIT_CANDIDATES][CS_ID_SIZE]; /* the person wants to show another */
    size_t n_refused;
    bool chosen; /* id is the one to show */
    /* of SIGN; of CHOOSE the one that is asked about */
    uint8_t id[CS_ID_SIZE];
    enum cs_proof_kind proof;
    char host[CS_TEXT_MAX]; /* the server, if the proof tells; else "" */
    struct cs_traces traces;
    uint16_t scheme;
    bool examined;                 /* data is what is to be signed; before that, what came */
    bool decided;                  /* it has been counted for its rule's rate */
    char rule[CS_LIMIT_RULE_NAME]; /* that decided, by its name; "" before that */
    struct cs_consent_waiter consent;
    const char *consented; /* by which answer, for people; NULL: none was needed */
    bool consented_before; /* by one that was there already, and may end while this waits */
    struct cs_subject *consented_to;
    struct cs_executable consented_file; /* of a program that nobody can name, too */
    bool logged_in;                      /* a login was made for it; another would not help */
    /* Looks again after that. */
    void (*look_again)(struct cs_request *request);
    struct cs_buf data;
    struct cs_absent_waiter absent;
    const struct cs_host *asked_host; /* of the token that was asked last */
    uint32_t asked;                   /* its slot */
    const struct cs_host *gone_host;  /* of one that was found gone, and is not asked again */
    uint32_t gone;                    /* its slot */
    unsigned n_left;                  /* how often one that was asked was found gone then */
    uint64_t patience; /* waits for the token until then, on the loop's clock; 0: has not waited */
};

/* Ends it with the reply; the request is gone after it. */
void cs_request_finish(struct cs_request *request, const struct cs_reply *reply);
/* For replies that name the tokens concerned. */
void cs_request_add_label(struct cs_request *request, const struct cs_token *token);
void cs_request_finish_labels(struct cs_request *request);
/* The same if code is 0, else it fails with the sentence. */
void cs_request_end(struct cs_request *request, int code, const char *text);
/* After its reply, which has gone by request->reply. */
void cs_request_free(struct cs_request *request);
void cs_request_fail(struct cs_request *request, int code, const struct cs_fault *fault);
/* Calls go_on at once if all hosts have settled, else when they have. */
void cs_request_when_settled(struct cs_request *request, void (*go_on)(struct cs_request *request));
/* What it wants is not there: true if a host that failed may have it and is awaited; go_on is then
 * called when that has changed. */
bool cs_request_await_hosts(struct cs_request *request, void (*go_on)(struct cs_request *request));
/* Keeps a name to look for. False: there is no memory, and the request has failed. */
bool cs_request_take_name(struct cs_request *request, struct cs_bytes name);
/* Both, one after the other. */
void cs_request_name(
    struct cs_request *request, struct cs_bytes name, void (*go_on)(struct cs_request *request));

/* Of record.c. Hashes what the record tells of a message and of the certificate in its proof. */
void cs_request_trace(
    struct cs_request *request, struct cs_bytes message, const struct cs_proof *proof);
/* The log line and the record of how a signature ended: code, and the sentence if it is an error.
 * identity is NULL where it is not known. CS_ERR_DENIED if the signature must not be handed out,
 * because that could not be recorded. */
int cs_request_record(const struct cs_request *request, const struct cs_identity *identity,
    int code, const char *text, struct cs_fault *fault);

/* Logs in for the request, whose login.key says for which key, if that is known. done comes later,
 * unless the code returned is less than 0. */
int cs_request_log_in(struct cs_request *request, const struct cs_token *token,
    void (*done)(struct cs_login_waiter *waiter, int code, const char *text));
/* Unlocks the token, unless none of its keys may sign for the caller, and calls go_on when that has
 * gone well or ill: what it hid may show then. */
void cs_request_unlock_to_look(struct cs_request *request, const struct cs_token *token,
    void (*go_on)(struct cs_request *request));

/* Of decide.c. 0 if it may sign, else why not; or LATER: a person is asked, and request->consent
 * is told; or UNLOCKED: which rule decides is known when the key's token is unlocked. */
#define CS_DECIDE_LATER 1
#define CS_DECIDE_UNLOCKED 2
int cs_request_decide(
    struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault);
/* The sentence for one that had no consent. CS_ERR_DENIED. */
int cs_request_refuse(struct cs_request *request, const struct cs_identity *identity,
    const char *why, struct cs_fault *fault);

/* Of parts.c. Room for n parts, and what comes when all of them are done, or lost with their hosts.
 */
int cs_request_split(
    struct cs_request *request, size_t n, void (*parts_done)(struct cs_request *request));
/* Asks the host for one part of the request. */
int cs_request_ask_part(
    struct cs_request *request, struct cs_host *host, const struct cs_host_question *question);
/* Its part is done when it runs again. */
void cs_request_lose_part(struct cs_request *request, struct cs_host *host);
/* After the last part was asked for: goes on if all are done, or fails with r. */
void cs_request_join(struct cs_request *request, int r, const struct cs_fault *fault);
/* Nobody waits for the parts any more; what was begun goes on. */
void cs_request_leave_parts(struct cs_request *request);

#endif
