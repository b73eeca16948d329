/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent and a token host say to each other, over a socketpair, in the frames of
 * base/wire.h. A host that runs is of the agent's version (talk.h); but the agent treats it as
 * untrusted, for it runs the vendor's code: it reads strictly, and a host that breaks the rules is
 * killed.
 *
 * The agent asks with a request id of its own choice and the host answers that id with DONE,
 * SIGNED or FAILED, in any order. The host reports on its own, with id 0, the messages from READY
 * to TROUBLE. If the module cannot be loaded the host sends FAILED with id 0, in place of
 * READY, and exits.
 */
#ifndef CS_TOKEN_HOST_MESSAGE_H
#define CS_TOKEN_HOST_MESSAGE_H

#include "base/message.h"

enum cs_host_message_type {
    /* agent to host */
    CS_HOST_CONFIGURE = 0x0101, /* first, once: how to log in. No answer. */
    CS_HOST_REFRESH = 0x0102, /* look again at slots, tokens and objects. DONE after the reports. */
    CS_HOST_SIGN = 0x0103,    /* SIGNED, or FAILED with CS_ERR_LOCKED if a login is needed first */
    CS_HOST_LOGIN = 0x0104,   /* DONE when logged in; a descriptor comes with CS_HOST_LOGIN_FD */
    CS_HOST_LOGOUT = 0x0105,  /* DONE when logged out */
    /* Give request `id` up: a prompt is closed, or a signature that has not begun not made, and
     * FAILED CANCELLED follows. Else it is answered as if this had not come. No answer of its own.
     */
    CS_HOST_CANCEL = 0x0106,
    /* DONE when the token has another PIN. A login request; with CS_HOST_LOGIN_FD two descriptors
     * come, of the present PIN and the new one. */
    CS_HOST_PIN_CHANGE = 0x0107,
    /* host to agent: answers */
    CS_HOST_DONE = 0x0181,
    CS_HOST_SIGNED = 0x0182,
    CS_HOST_FAILED = 0x0183,
    /* host to agent: reports */
    CS_HOST_READY = 0x0191,       /* the module is loaded and initialised */
    CS_HOST_SCANNED = 0x0192,     /* every slot there is at the start has been reported */
    CS_HOST_TOKEN_BEGIN = 0x0193, /* a token, new or changed; its OBJECTs follow */
    CS_HOST_OBJECT = 0x0194,
    CS_HOST_TOKEN_END = 0x0195,   /* its picture is whole and replaces the one before */
    CS_HOST_TOKEN_STATE = 0x0196, /* flags of a token changed, its objects did not */
    CS_HOST_TOKEN_GONE = 0x0197,  /* or was never whole: what was begun of it is void */
    CS_HOST_PIN_REFUSED = 0x0198, /* a token refused a PIN */
    CS_HOST_PIN_TRIED = 0x0199,   /* one that nobody entered is about to be sent to a token */
    CS_HOST_TROUBLE = 0x019a,     /* a token that is there cannot be used; or that this is over */
};

/* Where the PIN of matching tokens comes from when no person is to be asked. */
struct cs_host_pin_source {
    struct cs_bytes token; /* a URI, label or serial; empty: every token of the module */
    struct cs_bytes
        command; /* argv, each a string behind the other with a zero between; or empty */
    struct cs_bytes credential; /* a file's name in $CREDENTIALS_DIRECTORY; or empty */
};
#define CS_HOST_PIN_SOURCES_MAX 32

struct cs_host_configure {
    struct cs_bytes prompt_program; /* path of countersign-prompt; empty: never ask */
    struct cs_bytes pinentry;       /* path of the pinentry, empty: the usual one */
    uint32_t prompt_timeout;        /* seconds */
    uint32_t n_sources;
    struct cs_host_pin_source sources[CS_HOST_PIN_SOURCES_MAX];
};

/* How often a person is asked for one login, or one signature, before it fails: each question takes
 * the prompt's time. */
#define CS_HOST_ASK_MAX 3

/* FORCE may be added to FD. */
enum cs_host_login {
    CS_HOST_LOGIN_AUTO = 0, /* the configured source, else a prompt if the environment allows one */
    CS_HOST_LOGIN_FD = 1,   /* the descriptor that comes with the message */
    CS_HOST_LOGIN_FORCE = 2 /* also at CKF_USER_PIN_FINAL_TRY, and what was refused before */
};

struct cs_host_login_request {
    uint32_t slot;           /* the agent's name for the token, as TOKEN_BEGIN gave it */
    uint8_t how;             /* enum cs_host_login: bits */
    uint8_t on_request;      /* a person asked for it: ends CS_TOKEN_HELD */
    struct cs_bytes program; /* who asks, for the prompt */
    struct cs_bytes key;     /* the label of the key that it is for; empty: none in particular */
    struct cs_environment environment;
    uint8_t by_serial; /* the token's label is another's, too: sentences name its serial */
    /* From before the token was pulled and put back, or its module failed: */
    uint8_t held;          /* CS_TOKEN_HELD */
    struct cs_bytes tried; /* sources of PIN_TRIED, one behind the other: the token is not open */
};

/* Before a PIN of the configuration goes to a token, which may be more than its module survives. */
struct cs_host_tried {
    uint32_t slot;
    struct cs_bytes source; /* a hash of where the PIN is from and its state, not of the PIN */
};
#define CS_HOST_SOURCE_SIZE 32
#define CS_HOST_TRIED_MAX 8 /* sources that are remembered of a token */

struct cs_host_logout_request {
    uint32_t slot;
    uint8_t hold;        /* locked on purpose: sets CS_TOKEN_HELD */
    struct cs_bytes why; /* for people */
};

/* The key to sign with, named by what is known of it before a login; the host remembers the handle.
 */
struct cs_host_sign_request {
    uint32_t slot;
    struct cs_bytes
        spki; /* DER; the host pairs it with a private key once: by value, else by CKA_ID */
    struct cs_bytes cka_id;
    uint16_t scheme;
    struct cs_bytes data; /* the digest, or the message for Ed25519 and Ed448 */
    /* For the prompt, as in a login; empty if the key is not known to want its PIN each time. */
    struct cs_bytes program, key;
    struct cs_environment environment;
    uint8_t by_serial; /* as in a login */
};

struct cs_host_failed {
    int code;
    uint32_t ckr; /* what the module returned; 0 if it was not that */
    struct cs_bytes text;
};

struct cs_host_refused {
    uint32_t slot;
    uint8_t known; /* the host has the PIN in mind, and does not send it again */
    struct cs_host_failed failed;
};

struct cs_host_trouble {
    struct cs_bytes text; /* a string: which, and why; empty: there is none any more */
};

struct cs_host_ready {
    struct cs_bytes manufacturer, description;
};

struct cs_host_token {
    uint32_t slot; /* a number that the host never uses again for another token */
    struct cs_bytes label, manufacturer, model, serial; /* without padding, any bytes */
    uint32_t flags;                                     /* enum cs_token_flag */
    uint64_t since;      /* nanoseconds of Unix time: no two changes of a token have the same */
    struct cs_bytes why; /* string */
};

enum cs_host_object_class {
    CS_HOST_CERTIFICATE = 1, /* value: DER X.509 */
    CS_HOST_PUBLIC_KEY = 2,  /* value: DER SubjectPublicKeyInfo */
    CS_HOST_PRIVATE_KEY =
        3, /* value: DER SubjectPublicKeyInfo where the token tells it, else empty */
};

enum cs_host_object_flag {
    CS_HOST_OBJECT_ALWAYS_AUTHENTICATE = 1 << 0,
};

struct cs_host_object {
    uint32_t slot;
    uint8_t object_class; /* enum cs_host_object_class */
    uint8_t key_type;     /* enum cs_key_type of keys, 0 for certificates */
    uint32_t flags;       /* enum cs_host_object_flag */
    struct cs_bytes label, cka_id, value;
};

struct cs_host_token_state {
    uint32_t slot;
    uint32_t flags;
    uint64_t since;      /* as in TOKEN_BEGIN */
    struct cs_bytes why; /* string */
};

void cs_host_configure_put(struct cs_buf *buf, const struct cs_host_configure *m);
int cs_host_configure_get(struct cs_bytes body, struct cs_host_configure *m);
void cs_host_login_put(struct cs_buf *buf, const struct cs_host_login_request *m);
int cs_host_login_get(struct cs_bytes body, struct cs_host_login_request *m);
void cs_host_tried_put(struct cs_buf *buf, const struct cs_host_tried *m);
int cs_host_tried_get(struct cs_bytes body, struct cs_host_tried *m);
void cs_host_logout_put(struct cs_buf *buf, const struct cs_host_logout_request *m);
int cs_host_logout_get(struct cs_bytes body, struct cs_host_logout_request *m);
void cs_host_sign_put(struct cs_buf *buf, const struct cs_host_sign_request *m);
int cs_host_sign_get(struct cs_bytes body, struct cs_host_sign_request *m);
void cs_host_failed_put(struct cs_buf *buf, const struct cs_host_failed *m);
int cs_host_failed_get(struct cs_bytes body, struct cs_host_failed *m);
void cs_host_refused_put(struct cs_buf *buf, const struct cs_host_refused *m);
int cs_host_refused_get(struct cs_bytes body, struct cs_host_refused *m);
void cs_host_trouble_put(struct cs_buf *buf, const struct cs_host_trouble *m);
int cs_host_trouble_get(struct cs_bytes body, struct cs_host_trouble *m);
void cs_host_ready_put(struct cs_buf *buf, const struct cs_host_ready *m);
int cs_host_ready_get(struct cs_bytes body, struct cs_host_ready *m);
void cs_host_token_put(struct cs_buf *buf, const struct cs_host_token *m);
int cs_host_token_get(struct cs_bytes body, struct cs_host_token *m);
void cs_host_object_put(struct cs_buf *buf, const struct cs_host_object *m);
int cs_host_object_get(struct cs_bytes body, struct cs_host_object *m);
void cs_host_token_state_put(struct cs_buf *buf, const struct cs_host_token_state *m);
int cs_host_token_state_get(struct cs_bytes body, struct cs_host_token_state *m);
/* TOKEN_END and TOKEN_GONE: the slot alone. CANCEL: the request's id alone. SIGNED: cs_msg_signed.
 */
void cs_host_number_put(struct cs_buf *buf, uint32_t number);
int cs_host_number_get(struct cs_bytes body, uint32_t *numberp);

#endif
