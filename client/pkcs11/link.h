/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with the agent about its picture: asked and heard without ever waiting. */
#ifndef CS_PKCS11_LINK_H
#define CS_PKCS11_LINK_H

#include "base/own-fd.h"
#include "pkcs11/view.h"

#include <countersign/countersign.h>
#include <sys/un.h>

struct cs_link {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int path_error;
    struct cs_buf hello;
    struct cs_own_fd own; /* none: no agent */
    struct cs_buf in;
    uint32_t round;       /* of questions; an answer to an earlier round is dropped */
    struct cs_view *next; /* what is being told, NULL: nothing */
    bool stale;           /* something happened since this round began */
    bool slow;            /* the agent let somebody wait too long: do not wait again */
    bool proved;          /* it has told a whole picture */
    uint64_t generation;  /* of the last whole one */
    uint64_t retry;       /* not before this time, in milliseconds */
};

int cs_link_init(struct cs_link *link);
void cs_link_deinit(struct cs_link *link);

/* Dials if need be, takes in what came, asks on. *viewp is written when a whole picture arrived. */
void cs_link_poll(struct cs_link *link, struct cs_view **viewp);
bool cs_link_is_waiting(const struct cs_link *link);
/* A descriptor of the caller's own to poll, or -1. */
int cs_link_dup(const struct cs_link *link);

uint64_t cs_link_now(void); /* milliseconds */

#endif
