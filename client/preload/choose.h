/* SPDX-License-Identifier: Apache-2.0 */
/* Which identity to present: the agent is asked. */
#ifndef CS_PRELOAD_CHOOSE_H
#define CS_PRELOAD_CHOOSE_H

#include <countersign/countersign.h>

/* Names the identity to present, whatever the server asks for; any ID of countersign(1). */
#define CS_PRELOAD_IDENTITY "COUNTERSIGN_IDENTITY"

/*
 * The identity that suits the criteria, or the one that COUNTERSIGN_IDENTITY names. It has a chain,
 * and its key can be used: if its token was locked, it has been unlocked, by a person perhaps.
 */
int cs_choose(const struct countersign_criteria *criteria, struct countersign_identity **identityp);

#endif
