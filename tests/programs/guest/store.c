/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <openssl/ct.h>
#include <openssl/ssl.h>

int store_is_made(void)
{
    CTLOG_STORE *store = CTLOG_STORE_new_ex(NULL, NULL);

    CTLOG_STORE_free(store);
    return store && TLS_client_method();
}
