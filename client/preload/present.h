/* SPDX-License-Identifier: Apache-2.0 */
/* Presenting an identity when a server asks for one. */
#ifndef CS_PRELOAD_PRESENT_H
#define CS_PRELOAD_PRESENT_H

#include "preload/libssl.h"

/*
 * This thread is about to make an SSL_CTX with this OpenSSL, in that library context: it shall
 * present an identity of the agent's if the host program gives it none. NULL for one of another
 * OpenSSL, which is left as it is.
 */
void cs_present_expect(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx);

#endif
