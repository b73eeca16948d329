/* SPDX-License-Identifier: Apache-2.0 */
/* Which identity to present to a server. Pure: the inventory and the criteria in, choices out. */
#ifndef CS_AGENT_CHOICE_H
#define CS_AGENT_CHOICE_H

#include "inventory/inventory.h"
#include "inventory/preference.h"

/* What a server asks of a client's certificate; what is empty does not matter. */
struct cs_criteria {
    struct cs_bytes host;
    uint32_t n_issuers;
    struct cs_bytes issuers;                /* that many DER names, each with a u32 length */
    struct cs_bytes schemes;                /* two bytes each */
    const struct cs_preference *preference; /* for this host, or NULL */
    bool chosen;                            /* a person said which */
};

struct cs_choice {
    const struct cs_identity *identity;
    const struct cs_object *certificate;
};

/* Fills the choices that suit, best first, and returns how many, at most max. */
size_t cs_choice_list(const struct cs_inventory *inventory, const struct cs_criteria *criteria,
    time_t now, struct cs_choice *choices, size_t max);

/* Leaves, of the choices as above, those that are different to a person, and returns how many: of
 * several for one key, or with the same subject and issuer, that is renewed, the first. */
size_t cs_choice_distinct(struct cs_choice *choices, size_t n);

/* CS_ERR_NOT_FOUND, and a sentence that says of the identities there are why they do not suit. */
int cs_choice_none(const struct cs_inventory *inventory, const struct cs_criteria *criteria,
    time_t now, struct cs_fault *fault);

/* A sentence that says why the first of n choices was taken. */
void cs_choice_explain(const struct cs_choice *choices, size_t n,
    const struct cs_criteria *criteria, char *text, size_t size);

#endif
