/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is asked about. */
#ifndef CS_AGENT_SUBJECT_H
#define CS_AGENT_SUBJECT_H

#include "base/cleanup.h"
#include "policy/program.h"

#include <countersign/protocol.h>
#include <stdbool.h>
#include <stdint.h>

/* Which of several certificates a server is to see. Its program is any: "*". */
#define CS_SUBJECT_SHOW "show"

struct cs_subject {
    const char *program; /* as rules name it; "": not established, so no yes is kept for it */
    const char *name;    /* of the program, for people */
    const char *label;   /* of the key, for people */
    const char *token;   /* its name, for people */
    const char *token_uri;
    const char *server;      /* "": not known */
    const char *certificate; /* in words, of SHOW; may be NULL */
    const char *what;        /* is to be signed: "tls", "csr", "digest" or "data"; or SHOW */
    uint8_t id[CS_ID_SIZE];
    struct cs_executable file; /* behind a path; zero of an app, and of what is not established */
};

/* A copy in one block, for free. NULL without memory. */
struct cs_subject *cs_subject_dup(const struct cs_subject *subject);

/* Whether a no about one holds for the other: the same program, in the same file, key, kind of
 * thing and server. */
bool cs_subject_equal(const struct cs_subject *a, const struct cs_subject *b);
/* Whether a yes does: the person was also shown the key and the token by the names that they have
 * now, or no name of the key. */
bool cs_subject_is_shown_as(const struct cs_subject *subject, const struct cs_subject *shown);

#endif
