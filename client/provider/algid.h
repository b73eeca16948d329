/* SPDX-License-Identifier: Apache-2.0 */
/* AlgorithmIdentifiers of signatures, for certificates and requests. */
#ifndef CS_PROVIDER_ALGID_H
#define CS_PROVIDER_ALGID_H

#include "base/buf.h"
#include "base/scheme.h"

/* Appends the DER of the AlgorithmIdentifier for what the scheme signs. */
void cs_algid_put(struct cs_buf *buf, const struct cs_scheme *scheme);

#endif
