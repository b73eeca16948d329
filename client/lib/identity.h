/* SPDX-License-Identifier: Apache-2.0 */
/* Identities as clients see them: decoded copies. */
#ifndef CS_LIB_IDENTITY_H
#define CS_LIB_IDENTITY_H

#include "base/message.h"

#include <countersign/countersign.h>

/* m->identity counts only with m->has_identity. why is NULL where nobody asked which to present. */
int cs_identity_new(struct countersign_identity **identityp, const struct cs_msg_resolved *m,
    const struct cs_bytes *why);

#endif
