/* SPDX-License-Identifier: Apache-2.0 */
/* What a server is called. */
#ifndef CS_PRELOAD_SERVER_H
#define CS_PRELOAD_SERVER_H

#include "preload/libssl.h"

#include <countersign/protocol.h>

#define CS_SERVER_NAME 64

/* The name that the program asked for; of a server without one, what tells it from others: sha256:
 * and the hash of its certificate. NULL: there is neither. */
const char *cs_server_name(const struct cs_libssl *openssl, SSL *ssl, char room[CS_SERVER_NAME]);

#endif
