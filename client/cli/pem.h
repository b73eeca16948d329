/* SPDX-License-Identifier: Apache-2.0 */
/* What a file that stands for a key holds. */
#ifndef CS_CLI_PEM_H
#define CS_CLI_PEM_H

#include "base/buf.h"

#include <countersign/countersign.h>
#include <countersign/protocol.h>

#define CS_PEM_MAX (2 * CS_FRAME_MAX)

/* Appends the reference to the key, its certificate and, unless no_chain, those of authorities. The
 * identity is one of countersign_resolve. */
int cs_pem_build(struct cs_buf *buf, const struct countersign_identity *identity, bool no_chain);

#endif
