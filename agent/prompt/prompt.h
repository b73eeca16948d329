/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said to countersign-prompt, a process per question, started with the version of who asks
 * (talk.h). It reads one request from standard input to its end, asks, and writes one answer to
 * standard output: a verdict (u8), and behind CS_PROMPT_OK the PIN's bytes to the end, behind any
 * other a sentence for people, or nothing. It exits with status 0 when the answer is whole. Who
 * starts it uses prompt/ask.h.
 */
#ifndef CS_PROMPT_PROMPT_H
#define CS_PROMPT_PROMPT_H

#include "base/message.h"

#define CS_PROMPT_REQUEST_MAX (64u * 1024u)
#define CS_PROMPT_TIMEOUT_DEFAULT 120 /* seconds, when a request says 0 */
#define CS_PROMPT_TIMEOUT_MAX 86400

enum cs_prompt_kind {
    CS_PROMPT_PIN = 1,     /* the PIN of a token */
    CS_PROMPT_KEYPAD = 2,  /* a notice that the PIN is to be entered on the reader. It stays until
                              it is taken away; OK without a PIN when the person puts it away */
    CS_PROMPT_NEW_PIN = 3, /* a new PIN for it, entered twice */
    CS_PROMPT_CONSENT = 4, /* whether a program may sign: OK once, OK_FOR_SESSION, or else not */
};

enum cs_prompt_flag {
    CS_PROMPT_COUNT_LOW = 1 << 0, /* a wrong PIN has been entered since the last right one */
    CS_PROMPT_FINAL_TRY = 1 << 1, /* one more wrong PIN blocks the token */
    /* What for, if not to unlock the token: */
    CS_PROMPT_FOR_SIGNATURE = 1 << 2, /* one signature with a key that asks each time */
    CS_PROMPT_FOR_CHANGE = 1 << 3,    /* to change it */
    /* What is to be signed, of CONSENT; one of them: */
    CS_PROMPT_SIGN_TLS = 1 << 4,    /* a TLS client's handshake */
    CS_PROMPT_SIGN_CSR = 1 << 5,    /* a certificate request for the key */
    CS_PROMPT_SIGN_DIGEST = 1 << 6, /* a hash: nobody knows of what */
    CS_PROMPT_SIGN_DATA = 1 << 7,   /* something else */
    CS_PROMPT_EACH_TIME = 1 << 8,   /* an answer for the session is none */
    CS_PROMPT_SHOW = 1 << 9,        /* not whether it may sign, but whether the server is to see the
                                       certificate and not another; for the session */
    CS_PROMPT_ELSEWHERE = 1 << 10,  /* the session's display comes before what the environment says,
                                       which is the word of the program in question */
};

enum cs_prompt_verdict {
    CS_PROMPT_OK = 0,
    CS_PROMPT_CANCELLED = 1,  /* the person closed the dialog, or went on with nothing entered */
    CS_PROMPT_FAILED = 2,     /* the pinentry is missing or broken; the sentence names it */
    CS_PROMPT_TIMED_OUT = 3,  /* nobody answered */
    CS_PROMPT_IMPOSSIBLE = 4, /* there is no terminal and no display to ask at */
    CS_PROMPT_OK_FOR_SESSION = 5, /* of CONSENT: yes, and not to be asked again */
};

/* Texts may hold any bytes: they are made harmless before they are shown. */
struct cs_prompt_request {
    uint8_t kind;     /* enum cs_prompt_kind */
    uint32_t flags;   /* enum cs_prompt_flag */
    uint32_t timeout; /* seconds for the person */
    uint32_t min_len; /* of a new PIN; 0: not known */
    uint32_t max_len;
    struct cs_bytes pinentry;    /* string: its path; empty: the usual one */
    struct cs_bytes token;       /* the token's label */
    struct cs_bytes program;     /* who asks; empty: not known */
    struct cs_bytes command;     /* how that was started, of CONSENT; empty: not known */
    struct cs_bytes certificate; /* of SHOW: what tells it from others */
    struct cs_bytes key;         /* the key or certificate to be used; empty: not known */
    struct cs_bytes host;        /* the server it is for, of CONSENT; empty: not known */
    struct cs_bytes error;       /* what was wrong with the last try; empty: this is the first */
    struct cs_environment
        environment; /* of the client; names that are not for prompts are ignored */
};

void cs_prompt_request_put(struct cs_buf *buf, const struct cs_prompt_request *m);
/* 0, or CS_ERR_PROTOCOL. */
int cs_prompt_request_get(struct cs_bytes body, struct cs_prompt_request *m);

#endif
