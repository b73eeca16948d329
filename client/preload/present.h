/* SPDX-License-Identifier: Apache-2.0 */
/* Presenting an identity when a server asks for one. */
#ifndef CS_PRELOAD_PRESENT_H
#define CS_PRELOAD_PRESENT_H

#include "preload/libssl.h"

/*
 * Makes an SSL_CTX present an identity of the agent's if the host program gives it none. libctx is
 * the library context the SSL_CTX was made in. Does nothing if there is a callback already.
 */
void cs_present_install(const struct cs_libssl *openssl, SSL_CTX *context, OSSL_LIB_CTX *libctx);

#endif
