/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and identities as the agent sees them now, and what is said of them. */
#ifndef CS_CLI_PICTURE_H
#define CS_CLI_PICTURE_H

#include "cli/cli.h"

struct cs_picture {
    struct countersign_list *tokens, *identities;
    const struct countersign_identity **sorted; /* the identities, by token, label and id */
    size_t n_identities;
};

int cs_picture_get(struct cs_picture *picture, struct cs_cli *cli);
void cs_picture_deinit(struct cs_picture *picture);

/* The token of this URI, or NULL. */
const struct countersign_token *cs_picture_token(const struct cs_picture *picture, const char *uri);
/* How many hex digits tell the identities apart: 8 at least. */
size_t cs_picture_digits(const struct cs_picture *picture);

#define CS_ID_HEX (2 * CS_ID_SIZE + 1)
/* The id in hex; text has CS_ID_HEX bytes. */
void cs_identity_hex(char *text, const struct countersign_identity *identity);
/* "EC P-256", "RSA 2048", "Ed25519". */
void cs_identity_key(char *text, size_t size, const struct countersign_identity *identity);

/* "unlocked", "locked", "blocked", "open" (needs no PIN), "empty" (not initialised), "gone" (NULL).
 */
const char *cs_token_state(const struct countersign_token *token);
/* Why it is as it is, and what to beware of; empty if there is nothing to say. */
void cs_token_note(char *text, size_t size, const struct countersign_token *token);

#endif
