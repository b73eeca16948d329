/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for a libssl of another major version: the same names, other things behind them. */
#include "old-libssl.h"

#include <string.h>

struct old_context {
    int magic;
};

static struct old_context only = {OLD_MAGIC};

struct old_context *CTLOG_STORE_new_ex(const void *given, const char *more)
{
    return given == &only && strcmp(more, "old") == 0 ? &only : 0;
}

struct old_context *SSL_CTX_new(const void *given)
{
    return given ? 0 : CTLOG_STORE_new_ex(&only, "old");
}

int old_magic(const struct old_context *context)
{
    return context->magic;
}
