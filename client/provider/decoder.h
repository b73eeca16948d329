/* SPDX-License-Identifier: Apache-2.0 */
/* From PEM to a key: OSSL_OP_DECODER in two stages. */
#ifndef CS_PROVIDER_DECODER_H
#define CS_PROVIDER_DECODER_H

#include <openssl/core.h>

#define CS_DECODER_STRUCTURE "CountersignReference"

extern const OSSL_DISPATCH cs_decoder_pem_functions[];
extern const OSSL_DISPATCH cs_decoder_der_functions[];

#endif
