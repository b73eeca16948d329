/* SPDX-License-Identifier: Apache-2.0 */
/* Mechanisms: which there are, and what each means to the agent. */
#ifndef CS_PKCS11_MECHANISM_H
#define CS_PKCS11_MECHANISM_H

#include "base/message.h"
#include "base/scheme.h"
#include "pkcs11/cryptoki.h"

enum cs_mechanism_kind {
    CS_MECHANISM_RAW,      /* signs a hash that the program made */
    CS_MECHANISM_COMBINED, /* signs a message */
    CS_MECHANISM_DIGEST,
};

struct cs_mechanism {
    CK_MECHANISM_TYPE type;
    enum cs_mechanism_kind kind;
    CK_KEY_TYPE key_type;
    enum cs_hash hash; /* NONE: parameters or data tell, or there is none */
    enum cs_padding padding;
};

const struct cs_mechanism *cs_mechanism_find(CK_MECHANISM_TYPE type);
/* The signing mechanisms that a key allows; how many, at most max. */
size_t cs_mechanisms_of_key(
    const struct cs_msg_identity *identity, CK_MECHANISM_TYPE *list, size_t max);
/* Checks the parameters; *hashp is the mechanism's hash, or the one they tell. */
CK_RV cs_mechanism_check(
    const struct cs_mechanism *mechanism, const CK_MECHANISM *given, enum cs_hash *hashp);

/* The scheme that an identity signs in with this hash, or NULL. */
const struct cs_scheme *cs_mechanism_scheme(
    const struct cs_mechanism *mechanism, int key_type, enum cs_hash hash);

CK_RV cs_get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count);
CK_RV cs_get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);

#endif
