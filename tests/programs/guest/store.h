/* SPDX-License-Identifier: Apache-2.0 */
/* A library above libssl that makes a CTLOG_STORE itself, before anybody makes an SSL_CTX. */
#ifndef STORE_H
#define STORE_H

int store_is_made(void);

#endif
