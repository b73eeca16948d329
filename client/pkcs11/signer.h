/* SPDX-License-Identifier: Apache-2.0 */
/* The client that signatures are asked through: shared by calls that outlive C_Finalize. */
#ifndef CS_PKCS11_SIGNER_H
#define CS_PKCS11_SIGNER_H

#include <countersign/countersign.h>
#include <stdatomic.h>

struct cs_signer {
    atomic_uint refs;
    struct countersign_client *client;
};

int cs_signer_new(struct cs_signer **signerp);
struct cs_signer *cs_signer_ref(struct cs_signer *signer);
void cs_signer_unref(struct cs_signer *signer);

#endif
