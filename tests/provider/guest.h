/* SPDX-License-Identifier: Apache-2.0 */
/* A library context with the provider in it, and an agent that holds the same keys. */
#ifndef CS_TESTS_GUEST_H
#define CS_TESTS_GUEST_H

#include "keyring.h"

#include <openssl/store.h>

extern struct keyring keyring;
extern const char guest_message[21];

struct guest {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *usual, *ours;
};

/* For cmocka: the group's and each test's. */
int guest_start_keyring(void **state);
int guest_stop_keyring(void **state);
int guest_setup(void **state);
int guest_teardown(void **state);
#define GUEST_TEST(function) cmocka_unit_test_setup_teardown(function, guest_setup, guest_teardown)

/* A reference that has a URI alone. */
void guest_put_uri(struct cs_buf *pem, const char *label, const char *uri);
EVP_PKEY *guest_read_pem(struct guest *f, const struct cs_buf *pem);
/* By a whole reference to a key of the keyring, and by one that has its URI alone. */
EVP_PKEY *guest_load_reference(struct guest *f, const char *name);
EVP_PKEY *guest_load_uri_reference(struct guest *f, const char *name);
OSSL_STORE_CTX *guest_open_store(struct guest *f, const char *uri, int expect);
EVP_PKEY *guest_load_uri(struct guest *f, const char *uri);

/* The length of a signature of guest_message, or 0. */
size_t guest_digest_sign(struct guest *f, EVP_PKEY *key, const char *digest, bool pss,
    unsigned char *signature, size_t size);
/* The verification is libcrypto's own, with the key that the keyring made. */
bool guest_verifies(const struct keyring_entry *entry, const char *digest, bool pss,
    const unsigned char *signature, size_t len);
const char *guest_digest_for(const struct keyring_entry *entry);
/* Signs and verifies in the way that suits the key. */
bool guest_signs(struct guest *f, EVP_PKEY *key, const struct keyring_entry *entry);

/* Empty the error queue: whether the sentence stands anywhere, or where curl looks. */
bool guest_queue_says(const char *sentence);
bool guest_first_error_says(const char *sentence);

#endif
