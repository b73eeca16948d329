/* SPDX-License-Identifier: Apache-2.0 */
/* OSSL_STORE by PKCS#11 URIs: OSSL_OP_STORE. */
#ifndef CS_PROVIDER_STORE_H
#define CS_PROVIDER_STORE_H

#include <openssl/core.h>

extern const OSSL_DISPATCH cs_store_functions[];

#endif
