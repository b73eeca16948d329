/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PIN comes from: a descriptor, a command, a credential file, or a person. */
#ifndef CS_TOKEN_HOST_PIN_H
#define CS_TOKEN_HOST_PIN_H

#include "base/secret.h"
#include "token-host/host.h"

struct cs_pin_request {
    const struct cs_configuration *configuration;
    struct cs_token *token;
    const struct cs_host_login_request *asker; /* whom to ask; NULL: nobody */
    CK_FLAGS flags;                            /* of the token */
    bool automatic;                            /* a command or credential will do */
    bool force;                                /* the last try may be used */
    bool resend;                               /* a PIN that was refused may be sent again */
    uint32_t purpose;                          /* CS_PROMPT_FOR_... */
    struct cs_bytes tried;                     /* sources that are passed over: a LOGIN's */
    int cancel_fd;
    unsigned asked;   /* how often a person was asked */
    char error[120];  /* what was wrong with what they entered */
    char origin[160]; /* out: "the PIN from ...", for sentences */
    bool unasked;     /* out: it is of a source, whose hash is: */
    uint8_t source[CS_HOST_SOURCE_SIZE];
};

/*
 * The PIN for a token, from its configured sources in turn, else from a person. A PIN that the
 * token refused before is not taken. CS_ERR_LOCKED: nobody to ask; CS_ERR_PIN_INCORRECT: only a
 * refused one; CS_ERR_CANCELLED, CS_ERR_TIMEOUT.
 */
int cs_pin_get(struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure);
/* After the token refused the PIN with rv: whether it came from a person, and they may try again.
 * If so the request is ready for it. */
bool cs_pin_may_ask_again(struct cs_pin_request *request, CK_RV rv);
/* The same from a descriptor. */
int cs_pin_read(
    struct cs_pin_request *request, int fd, struct cs_secret *pin, struct cs_failure *failure);

/* A new PIN from a person, who enters it twice. min and max: how long the token wants it, 0 if it
 * does not say. CS_ERR_INVALID: they could not be brought to it. */
int cs_pin_get_new(struct cs_pin_request *request, uint32_t min, uint32_t max,
    struct cs_secret *pin, struct cs_failure *failure);

/* Whether it can be entered: there is no zero in it and no line end. */
bool cs_pin_is_line(struct cs_secret *pin);

#endif
