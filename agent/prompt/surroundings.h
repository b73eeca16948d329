/* SPDX-License-Identifier: Apache-2.0 */
/* Where the person is: the terminal and the display of the client, as the request tells them. */
#ifndef CS_PROMPT_SURROUNDINGS_H
#define CS_PROMPT_SURROUNDINGS_H

#include "prompt/prompt.h"

struct cs_surroundings {
    char **environment; /* for the pinentry, NULL at its end */
    /* Borrowed from environment; NULL where there is none. */
    const char *tty, *term, *display, *wayland, *lc_ctype, *lc_messages;
};

/* The address of the client's session bus, if it is one to connect to: a socket. NULL, or owned. */
char *cs_surroundings_bus(const struct cs_prompt_request *request);

/* CS_ERR_LOCKED: neither a terminal nor a display. CS_ERR_MEMORY. */
int cs_surroundings_init(
    struct cs_surroundings *surroundings, const struct cs_prompt_request *request);
void cs_surroundings_deinit(struct cs_surroundings *surroundings);

#endif
