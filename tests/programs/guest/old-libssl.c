/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for a libssl of another major version: the same names, other things behind them. */
#include "old-libssl.h"

struct old_context {
    int magic;
};

static struct old_context only = {OLD_MAGIC};
static const int method = OLD_MAGIC;

const void *TLS_client_method(void)
{
    return &method;
}

struct old_context *SSL_CTX_new(const void *given)
{
    return given == &method ? &only : 0;
}

int old_magic(const struct old_context *context)
{
    return context->magic;
}
