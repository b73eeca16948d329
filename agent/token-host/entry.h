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
/* Fills failure after the token refused the PIN that origin names, asks it for its counters, and
 * tells the agent. The PIN is remembered, as not to be sent again; NULL: it was entered on the
 * reader. */
int cs_entry_refused(struct cs_token *token, struct cs_secret *pin, CK_RV rv, const char *origin,
    struct cs_failure *failure);

/* Logs in, unless the token is open by now: then CKR_OK, too. A null PIN: it is entered on the
 * reader. source: the hash of where the PIN is from, if nobody entered it, else NULL.
 * CKR_FUNCTION_CANCELED if cancel was fired before. */
CK_RV cs_entry_send(struct cs_token *token, struct cs_secret *pin, const uint8_t *source,
    const struct cs_cancel *cancel);

/* Whether a new PIN is as long as the token wants it; 0: it does not say. */
bool cs_entry_fits(size_t len, uint32_t min, uint32_t max);

/* One question at a time for a token. CS_ERR_CANCELLED if cancel_fd is readable first. */
int cs_entry_begin_asking(struct cs_token *token, int cancel_fd);
void cs_entry_end_asking(struct cs_token *token);

#endif
