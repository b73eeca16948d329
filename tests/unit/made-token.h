/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens made for tests: keys, certificates, and what a token host would report of them. */
#ifndef CS_TEST_MADE_TOKEN_H
#define CS_TEST_MADE_TOKEN_H

#include "inventory/inventory.h"

#include <openssl/evp.h>

#define LOCKED (CS_TOKEN_INITIALIZED | CS_TOKEN_LOGIN_REQUIRED)
#define UNLOCKED (LOCKED | CS_TOKEN_UNLOCKED)
#define DAY 86400

/* kind: "P-256", "P-384", "P-521", "RSA", "RSA-PSS", "ED25519", "ED448". */
EVP_PKEY *make_key(const char *kind);

struct made_certificate {
    const char *subject;
    EVP_PKEY *key; /* whose public key is in it */
    X509 *issuer;  /* NULL: it signs itself */
    EVP_PKEY *issuer_key;
    bool ca;
    int from, to; /* days from now */
};
X509 *make_certificate(const struct made_certificate *wanted);
/* Whether the object is that certificate. */
bool is_certificate(const struct cs_object *object, const X509 *certificate);

/* To be filled with the functions below; tokens with one slot number replace each other. */
struct cs_token *make_token(const char *label, uint32_t slot, uint32_t flags);
void add_private(struct cs_token *token, const char *label, const char *id, EVP_PKEY *key);
/* One that does not tell its public key. */
void add_silent(struct cs_token *token, const char *label, const char *id, uint8_t key_type);
void add_public(struct cs_token *token, const char *label, const char *id, EVP_PKEY *key);
void add_certificate(struct cs_token *token, const char *label, const char *id, X509 *certificate);
/* Completes the token; it is the inventory's then. */
void put_token(struct cs_inventory *inventory, struct cs_token *token);

#endif
