/* SPDX-License-Identifier: Apache-2.0 */
/* Key management: OSSL_OP_KEYMGMT, one table for all key types. */
#ifndef CS_PROVIDER_KEYMGMT_H
#define CS_PROVIDER_KEYMGMT_H

#include <openssl/core.h>

extern const OSSL_DISPATCH cs_keymgmt_functions[];

#endif
