/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as clients see them: decoded copies. */
#ifndef CS_LIB_TOKEN_H
#define CS_LIB_TOKEN_H

#include "base/message.h"

#include <countersign/countersign.h>

int cs_token_new(struct countersign_token **tokenp, const struct cs_msg_token *m);

#endif
