/* SPDX-License-Identifier: Apache-2.0 */
/* An object of a token, as its host reported it: a certificate or a key. */
#ifndef CS_AGENT_OBJECT_H
#define CS_AGENT_OBJECT_H

#include "inventory/key.h"
#include "base/cleanup.h"
#include "token-host/host-message.h"

#include <openssl/x509.h>
#include <time.h>

struct cs_object {
    enum cs_host_object_class class;
    uint8_t key_type; /* enum cs_key_type, as the host says; 0 for certificates */
    uint32_t flags;   /* enum cs_host_object_flag */
    struct cs_bytes label, cka_id, value;
    bool has_key; /* the public key is known */
    struct cs_key key;
    /* of certificates */
    struct cs_bytes subject, issuer; /* DER, in value */
    X509 *authority;                 /* itself, if it may issue others: chains need it parsed */
    unsigned char *spki;             /* the key's, where the certificate writes it otherwise */
    bool ca;
    bool self_issued;
    bool for_clients; /* of TLS */
    bool of_identity; /* it belongs to one of its token's */
    bool filed;       /* it lies in a file: then it goes by the names of its key */
    time_t not_before, not_after;
};

/* CS_ERR_UNSUPPORTED for an object that is of no use to us, CS_ERR_TOO_LARGE. */
int cs_object_new(const struct cs_host_object *report, struct cs_object **objectp);
void cs_object_free(struct cs_object *object);
CS_DEFINE_CLEANUP(struct cs_object *, cs_object_free);

/* Whether certificate a is better than b: valid now, then valid for longer. */
bool cs_object_is_better(const struct cs_object *a, const struct cs_object *b, time_t now);

#endif
