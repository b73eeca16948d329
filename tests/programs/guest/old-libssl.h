/* SPDX-License-Identifier: Apache-2.0 */
/* A libssl of another major version, as far as old-guest.c uses one. */
#ifndef CS_TESTS_OLD_LIBSSL_H
#define CS_TESTS_OLD_LIBSSL_H

#define OLD_MAGIC 11

struct old_context;

/* The preload library stands before this one. */
struct old_context *CTLOG_STORE_new_ex(const void *given, const char *more);

struct old_context *SSL_CTX_new(const void *given);
int old_magic(const struct old_context *context);

#endif
