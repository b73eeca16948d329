/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the provider have in common. */
#include "guest.h"

#include "base/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct keyring keyring;
const char guest_message[] = "what is to be signed";

int guest_start_keyring(void **state)
{
    (void)state;
    keyring_start(&keyring);
    return 0;
}

int guest_stop_keyring(void **state)
{
    (void)state;
    keyring_stop(&keyring);
    return 0;
}

int guest_setup(void **state)
{
    struct guest *f = calloc(1, sizeof(*f));

    keyring.locked = false;
    keyring.n_resolved = keyring.n_signed = 0;
    f->libctx = OSSL_LIB_CTX_new();
    assert_int_equal(OSSL_PROVIDER_set_default_search_path(f->libctx, PROVIDER_DIRECTORY), 1);
    f->usual = OSSL_PROVIDER_load(f->libctx, "default");
    f->ours = OSSL_PROVIDER_load(f->libctx, "countersign");
    assert_non_null(f->usual);
    assert_non_null(f->ours);
    ERR_clear_error();
    *state = f;
    return 0;
}

int guest_teardown(void **state)
{
    struct guest *f = *state;

    OSSL_PROVIDER_unload(f->ours);
    OSSL_PROVIDER_unload(f->usual);
    OSSL_LIB_CTX_free(f->libctx);
    free(f);
    return 0;
}

void guest_put_uri(struct cs_buf *pem, const char *label, const char *uri)
{
    struct cs_buf der = CS_BUF_INIT(4096);

    cs_pem_reference_put(&der, &(struct cs_pem_reference){.uri = cs_bytes_of(uri)});
    cs_pem_put(pem, label, cs_buf_bytes(&der));
    assert_int_equal(pem->error, 0);
    cs_buf_deinit(&der);
}

EVP_PKEY *guest_read_pem(struct guest *f, const struct cs_buf *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, f->libctx, NULL);

    BIO_free(bio);
    return key;
}

EVP_PKEY *guest_load_reference(struct guest *f, const char *name)
{
    struct cs_buf pem = CS_BUF_INIT(4096);
    EVP_PKEY *key;

    keyring_put_reference(&pem, keyring_find(&keyring, name));
    key = guest_read_pem(f, &pem);
    cs_buf_deinit(&pem);
    return key;
}

EVP_PKEY *guest_load_uri_reference(struct guest *f, const char *name)
{
    struct cs_buf pem = CS_BUF_INIT(4096);
    EVP_PKEY *key;
    char uri[64];

    snprintf(uri, sizeof(uri), "pkcs11:object=%s", name);
    guest_put_uri(&pem, CS_PEM_REFERENCE, uri);
    key = guest_read_pem(f, &pem);
    cs_buf_deinit(&pem);
    return key;
}

OSSL_STORE_CTX *guest_open_store(struct guest *f, const char *uri, int expect)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, f->libctx, NULL, NULL, NULL, NULL, NULL, NULL);

    assert_non_null(store);
    if (expect)
        assert_int_equal(OSSL_STORE_expect(store, expect), 1);
    return store;
}

EVP_PKEY *guest_load_uri(struct guest *f, const char *uri)
{
    OSSL_STORE_CTX *store = guest_open_store(f, uri, OSSL_STORE_INFO_PKEY);
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    EVP_PKEY *key = info ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;

    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

/* The verification is libcrypto's own, with the key that the keyring made. */
bool guest_verifies(const struct keyring_entry *entry, const char *digest, bool pss,
    const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    bool good = EVP_DigestVerifyInit_ex(md, &ctx, digest, NULL, NULL, entry->key, NULL) > 0;

    if (pss)
        good = good && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
    good = good && EVP_DigestVerify(md, signature, len, (const unsigned char *)guest_message,
                       sizeof(guest_message)) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

size_t guest_digest_sign(struct guest *f, EVP_PKEY *key, const char *digest, bool pss,
    unsigned char *signature, size_t size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    size_t needed = 0;
    bool good = EVP_DigestSignInit_ex(md, &ctx, digest, f->libctx, NULL, key, NULL) > 0;

    if (pss)
        good = good && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
    good = good && EVP_DigestSign(md, NULL, &needed, (const unsigned char *)guest_message,
                       sizeof(guest_message)) > 0;
    assert_true(!good || (needed > 0 && needed <= size));
    good = good && EVP_DigestSign(md, signature, &size, (const unsigned char *)guest_message,
                       sizeof(guest_message)) > 0;
    EVP_MD_CTX_free(md);
    return good ? size : 0;
}

const char *guest_digest_for(const struct keyring_entry *entry)
{
    return entry->type == CS_KEY_ED25519 || entry->type == CS_KEY_ED448 ? NULL : "SHA256";
}

bool guest_signs(struct guest *f, EVP_PKEY *key, const struct keyring_entry *entry)
{
    unsigned char signature[1024];
    size_t len = guest_digest_sign(f, key, guest_digest_for(entry), entry->type == CS_KEY_RSA_PSS,
        signature, sizeof(signature));

    return len && guest_verifies(entry, guest_digest_for(entry), entry->type == CS_KEY_RSA_PSS,
                      signature, len);
}

bool guest_queue_says(const char *sentence)
{
    const char *data;
    bool found = false;
    unsigned long error;
    char line[1024];
    int flags;

    while ((error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        ERR_error_string_n(error, line, sizeof(line));
        found = found || strstr(line, sentence) || (data && strstr(data, sentence));
    }
    return found;
}

/* What curl prints. */
bool guest_first_error_says(const char *sentence)
{
    char line[256];

    ERR_error_string_n(ERR_get_error(), line, sizeof(line));
    ERR_clear_error();
    return strstr(line, sentence) != NULL;
}
