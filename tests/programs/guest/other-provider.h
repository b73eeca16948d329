/* SPDX-License-Identifier: Apache-2.0 */
/* A provider of somebody else's that takes pkcs11: URIs, too, and has nothing. */
#ifndef OTHER_PROVIDER_H
#define OTHER_PROVIDER_H

#include <openssl/types.h>

/* Into this library context; true when it is there. */
int other_provider_load(OSSL_LIB_CTX *libctx);

#endif
