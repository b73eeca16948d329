/* SPDX-License-Identifier: Apache-2.0 */
/* An agent whose keys lie in libcrypto: what the provider needs of one, without a token. */
#ifndef CS_TESTS_KEYRING_H
#define CS_TESTS_KEYRING_H

#include "../unit/fake-agent.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define KEYRING_MAX 7

struct keyring_entry {
    const char *name; /* resolved as pkcs11:object=NAME */
    enum cs_key_type type;
    const char *group;
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t *spki, *der;
    size_t spki_len, der_len;
    uint8_t id[CS_ID_SIZE];
};

struct keyring {
    struct fake_agent agent;
    struct keyring_entry entries[KEYRING_MAX];
    size_t n_entries;
    atomic_bool locked;
    atomic_int n_resolved, n_signed;
    atomic_int last_input, last_scheme;
};

/* Makes a key of every type, each with a certificate that it signed itself, and listens. */
void keyring_start(struct keyring *keyring);
void keyring_stop(struct keyring *keyring);

struct keyring_entry *keyring_find(struct keyring *keyring, const char *name);
/* Appends the PEM block that stands for the key, as 'countersign pem' writes it. */
void keyring_put_reference(struct cs_buf *pem, const struct keyring_entry *entry);

#endif
