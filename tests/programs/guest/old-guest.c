/* SPDX-License-Identifier: Apache-2.0 */
/* A program of another major version of OpenSSL. */
#include "old-libssl.h"

int main(void)
{
    const struct old_context *context = SSL_CTX_new(0);

    return context && old_magic(context) == OLD_MAGIC ? 0 : 1;
}
