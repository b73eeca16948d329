/* SPDX-License-Identifier: Apache-2.0 */
/* A signature may take as long as a person does, so it holds no lock; it holds this. */
#include "pkcs11/signer.h"

#include <stdlib.h>

int cs_signer_new(struct cs_signer **signerp)
{
    struct cs_signer *signer = calloc(1, sizeof(*signer));
    int r;

    if (!signer)
        return CS_ERR_MEMORY;
    r = countersign_client_new(&signer->client, NULL);
    if (r < 0) {
        free(signer);
        return r;
    }
    atomic_init(&signer->refs, 1);
    *signerp = signer;
    return 0;
}

struct cs_signer *cs_signer_ref(struct cs_signer *signer)
{
    atomic_fetch_add(&signer->refs, 1);
    return signer;
}

void cs_signer_unref(struct cs_signer *signer)
{
    if (!signer || atomic_fetch_sub(&signer->refs, 1) != 1)
        return;
    countersign_client_free(signer->client);
    free(signer);
}
