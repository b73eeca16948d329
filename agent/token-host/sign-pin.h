/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN of a signature with a key that wants it each time. */
#ifndef CS_TOKEN_HOST_SIGN_PIN_H
#define CS_TOKEN_HOST_SIGN_PIN_H

#include "token-host/pin.h"

struct cs_sign_pin {
    bool ready;     /* got, or to be entered on the reader */
    bool at_reader; /* no secret, then */
    struct cs_secret *secret;
    struct cs_host_login_request asker; /* borrows from body, or from the request to sign */
    /* sign-pin.c's */
    bool begun;
    CK_RV refused; /* the token's last word on it */
    struct cs_pin_request request;
    struct cs_buf body;
};

void cs_sign_pin_deinit(struct cs_sign_pin *pin);

/* May wait for a person. m must stay as long as pin. */
int cs_sign_pin_get(struct cs_sign_pin *pin, const struct cs_host *host, struct cs_token *token,
    const struct cs_host_sign_request *m, int cancel_fd, struct cs_failure *failure);
/* Whether it may still go to the token, whose `calls` are held, so that no other PIN does. */
int cs_sign_pin_allow(
    const struct cs_sign_pin *pin, struct cs_token *token, struct cs_failure *failure);
/* What came of it, with the calls still held. */
void cs_sign_pin_note(const struct cs_sign_pin *pin, struct cs_token *token, CK_RV rv);
/* The token refused it; fills failure. */
int cs_sign_pin_refused(
    struct cs_sign_pin *pin, struct cs_token *token, CK_RV rv, struct cs_failure *failure);
/* After that: whether it can be got again. */
bool cs_sign_pin_may_ask_again(struct cs_sign_pin *pin);

#endif
