/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying with the public half of a key of ours. */
#ifndef CS_PROVIDER_VERIFY_H
#define CS_PROVIDER_VERIFY_H

#include "provider/signature.h"

/* 1 if it is the message's signature by the key and the choices of the context; 0 if not, or if it
 * cannot be told, which is raised. */
int cs_verify(const struct cs_signature *signature, struct cs_bytes message, struct cs_bytes value);

#endif
