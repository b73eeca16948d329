/* SPDX-License-Identifier: Apache-2.0 */
/* SoftHSM in a fresh folder, with tokens and objects made through its function list. */
#ifndef TESTS_TOKEN_SOFTHSM_H
#define TESTS_TOKEN_SOFTHSM_H

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#define SOFTHSM_PIN "1234"

/* A key pair that both OpenSSL and a token know. */
struct softhsm_key {
    EVP_PKEY *key;
    X509 *certificate; /* its own, or NULL */
};

enum softhsm_parts {
    SOFTHSM_PRIVATE = 1,
    SOFTHSM_PUBLIC = 2,
    SOFTHSM_CERTIFICATE = 4,
    SOFTHSM_ALL = 7,
};

/* One row: what of a key lies on the token, and under which names. */
struct softhsm_object {
    const struct softhsm_key *key;
    unsigned parts;
    struct cs_bytes label, id;
    struct cs_bytes value; /* in place of the certificate's own DER, if not empty */
};

#define SOFTHSM_ROW(of, what, name, number)                                                        \
    ((struct softhsm_object){.key = (of), .parts = (what), .label = (name), .id = (number)})

/* A new folder, which SOFTHSM2_CONF names from now on. */
void softhsm_begin(void);
/* Removes it. */
void softhsm_end(void);
/* The folder; put other files of the test there. */
const char *softhsm_folder(void);

/* A token with the user PIN SOFTHSM_PIN and these objects; works in a process of its own. */
void softhsm_add_token(const char *label, const struct softhsm_object *objects, size_t n);

/* type: "RSA-2048", "EC-P-256", "ED25519", "ED448" ... With a self-signed certificate. */
struct softhsm_key softhsm_key_new(const char *type);
void softhsm_key_free(struct softhsm_key *key);
/* DER SubjectPublicKeyInfo; the caller frees .data. */
struct cs_bytes softhsm_spki(const struct softhsm_key *key);

#endif
