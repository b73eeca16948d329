/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of a PIN: whether it may be tried, what a refusal means, and whose turn it is to ask.
 */
#ifndef CS_TOKEN_HOST_ENTRY_H
#define CS_TOKEN_HOST_ENTRY_H

#include "base/secret.h"
#include "token-host/cancel.h"
#include "token-host/token.h"

/* CS_ERR_PIN_BLOCKED; CS_ERR_PIN_FINAL_TRY unless by force. */
int cs_entry_check(
    const struct cs_token *token, CK_FLAGS flags, bool force, struct cs_failure *failure);
/* CS_ERR_PIN_INCORRECT for one that the token has refused. origin names it. */
int cs_entry_check_pin(
    struct cs_token *token, struct cs_secret *pin, const char *origin, struct cs_failure *failure);

/* What is to go to a token. */
struct cs_entry {
    struct cs_token *token;
    struct cs_secret *pin; /* NULL: it is entered on the reader */
    const char *origin;    /* of the PIN, for sentences */
    bool force;            /* the last try may be used */
    bool resend;           /* what was refused may be sent again */
    const uint8_t *source; /* the hash of where it is from, if nobody entered it, or NULL */
    const struct cs_cancel *cancel; /* gives it up, until it goes */
};

/* Both checks again, right before it goes: many may have been got at the same time, while the token
 * had tries enough and none was refused. From here to cs_entry_note no other PIN may go to the
 * token, and its `calls` are held. Empties failure first. */
int cs_entry_allow(const struct cs_entry *entry, struct cs_failure *failure);
/* What the token made of it: a PIN that it refused is remembered, as not to be sent again. */
void cs_entry_note(const struct cs_entry *entry, CK_RV rv);

/* Fills failure after the token refused the PIN that origin names, asks it for its counters, and
 * tells the agent. pin is NULL if it was entered on the reader. */
int cs_entry_refused(struct cs_token *token, struct cs_secret *pin, CK_RV rv, const char *origin,
    struct cs_failure *failure);

/* Logs in, unless the token is open by now: then *rvp is CKR_OK, too. CKR_FUNCTION_CANCELED if
 * cancel was fired before. Less than 0 if the PIN may not go to the token any more. */
int cs_entry_send(const struct cs_entry *entry, CK_RV *rvp, struct cs_failure *failure);

/* Whether a new PIN is as long as the token wants it; 0: it does not say. */
bool cs_entry_fits(size_t len, uint32_t min, uint32_t max);

/* One question at a time for a token. CS_ERR_CANCELLED if cancel_fd is readable first. */
int cs_entry_begin_asking(struct cs_token *token, int cancel_fd);
void cs_entry_end_asking(struct cs_token *token);

#endif
