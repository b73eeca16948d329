/* SPDX-License-Identifier: Apache-2.0 */
/* The provider context: all the state there is. One for each library context that loads us. */
#ifndef CS_PROVIDER_PROVIDER_H
#define CS_PROVIDER_PROVIDER_H

#include "provider/queue.h"

#include <openssl/core_dispatch.h>

#define CS_SIGNATURE_NAME "COUNTERSIGN"
#define CS_REFERENCE_NAME "COUNTERSIGN"

#define CS_FETCHERS 64 /* threads that may be at their first key in the same moment */

struct cs_provider {
    struct cs_queue queue;
    OSSL_FUNC_core_get_libctx_fn *get_libctx;
    OSSL_FUNC_BIO_read_ex_fn *bio_read;
    OSSL_FUNC_BIO_gets_fn *bio_gets;
    _Atomic(struct countersign_client *) client;
    /* Of OpenSSL's (fetch.c); NULL if they were not found. */
    void *(*keymgmt_fetch)(void *libctx, const char *algorithm, const char *properties);
    void (*keymgmt_free)(void *keymgmt);
    unsigned long (*peek_last_error)(void);
    atomic_bool fetched;                    /* other key managers stand before ours */
    atomic_uintptr_t fetching[CS_FETCHERS]; /* the threads that see to that; 0: free */
};

/* The connection to the agent, made at the first use. NULL when there is no memory, which is
 * raised. */
struct countersign_client *cs_provider_client(struct cs_provider *provider);

/* What the tables of our operations have in common. */
#define CS_FUNCTION(id, function)                                                                  \
    {                                                                                              \
        (id), (void (*)(void))(function)                                                           \
    }

#endif
