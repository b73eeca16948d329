/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are made in the default library context, where the provider is never loaded. */
#include "keyring.h"
#include "../fixture/subject.h"

#include "base/error.h"
#include "base/pem.h"
#include "base/scheme.h"

#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "pkcs11:object="

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "keyring: %s failed\n", what);
        abort();
    }
}

static void certify(struct keyring_entry *entry)
{
    bool pure = entry->type == CS_KEY_ED25519 || entry->type == CS_KEY_ED448;
    X509 *certificate = X509_new();
    int len;

    check(set_subject(certificate, entry->name), "set_subject");
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, entry->key);
    check(X509_sign(certificate, entry->key, pure ? NULL : EVP_sha256()) > 0, "X509_sign");
    entry->certificate = certificate;
    len = i2d_X509(certificate, &entry->der);
    check(len > 0, "i2d_X509");
    entry->der_len = (size_t)len;
}

static void add(struct keyring *keyring, const char *name, enum cs_key_type type, const char *group)
{
    struct keyring_entry *entry = &keyring->entries[keyring->n_entries++];
    EVP_PKEY_CTX *ctx;
    int len;

    entry->name = name;
    entry->type = type;
    entry->group = group;
    switch (type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        ctx = EVP_PKEY_CTX_new_from_name(NULL, cs_key_type_name(type), NULL);
        check(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0 &&
                  EVP_PKEY_generate(ctx, &entry->key) > 0,
            name);
        EVP_PKEY_CTX_free(ctx);
        break;
    case CS_KEY_EC:
        entry->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
        break;
    case CS_KEY_ED25519:
    case CS_KEY_ED448:
        entry->key = EVP_PKEY_Q_keygen(NULL, NULL, cs_key_type_name(type));
        break;
    }
    check(entry->key, name);
    len = i2d_PUBKEY(entry->key, &entry->spki);
    check(len > 0, "i2d_PUBKEY");
    entry->spki_len = (size_t)len;
    SHA256(entry->spki, entry->spki_len, entry->id);
    certify(entry);
}

struct keyring_entry *keyring_find(struct keyring *keyring, const char *name)
{
    for (size_t i = 0; i < keyring->n_entries; i++)
        if (strcmp(keyring->entries[i].name, name) == 0)
            return &keyring->entries[i];
    return NULL;
}

void keyring_put_reference(struct cs_buf *pem, const struct keyring_entry *entry)
{
    struct cs_buf der = CS_BUF_INIT(4096);
    char uri[64];

    snprintf(uri, sizeof(uri), PREFIX "%s", entry->name);
    cs_pem_reference_put(&der, &(struct cs_pem_reference){
                                   .uri = cs_bytes_of(uri),
                                   .id = CS_BYTES(entry->id, CS_ID_SIZE),
                                   .spki = CS_BYTES(entry->spki, entry->spki_len),
                               });
    cs_pem_put(pem, CS_PEM_REFERENCE, cs_buf_bytes(&der));
    check(pem->error == 0, "a reference");
    cs_buf_deinit(&der);
}

static bool answer_resolve(struct keyring *keyring, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX), chain = CS_BUF_INIT(CS_FRAME_MAX);
    struct cs_msg_resolved resolved = {.has_identity = true, .n_chain = 1};
    struct keyring_entry *entry;
    struct cs_msg_resolve m;
    char name[128] = "", sentence[320];
    uint16_t codes[CS_SCHEMES_MAX];
    bool sent;

    check(cs_msg_resolve_get(frame->body, &m) == 0, "RESOLVE");
    keyring->n_resolved++;
    if (m.name.len > strlen(PREFIX) && m.name.len < sizeof(name))
        memcpy(name, m.name.data + strlen(PREFIX), m.name.len - strlen(PREFIX));
    name[strcspn(name, ";?")] = 0;
    entry = keyring_find(keyring, name);
    snprintf(sentence, sizeof(sentence), "no key is called '%s': %slook again", name,
        strlen(name) > 64
            ? "there are others, but none whose name would be as long as this one, and "
              "none that begins in the same way; so "
            : "");
    if (!entry)
        return fake_error(fd, frame->id, CS_ERR_NOT_FOUND, sentence);
    cs_buf_put_bytes(&chain, CS_BYTES(entry->der, entry->der_len));
    resolved.chain = cs_buf_bytes(&chain);
    cs_scheme_list(entry->type, 256, codes, 1);
    resolved.identity = (struct cs_msg_identity){
        .id = CS_BYTES(entry->id, sizeof(entry->id)),
        .uri = m.name,
        .token = cs_bytes_of("pkcs11:token=keyring"),
        .label = cs_bytes_of(entry->name),
        .key_type = (uint8_t)entry->type,
        .bits = (uint32_t)EVP_PKEY_get_bits(entry->key),
        .group = cs_bytes_of(entry->group ? entry->group : ""),
        .spki = CS_BYTES(entry->spki, entry->spki_len),
        .n_certificates = 1,
        .certificates = cs_buf_bytes(&chain),
    };
    if (m.expect == CS_EXPECT_CERTIFICATE && strcmp(name, "rsa") == 0)
        resolved.has_identity = false; /* as an agent answers that has the certificate alone */
    cs_msg_resolved_put(&body, &resolved);
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    cs_buf_deinit(&chain);
    return sent;
}

static void pad(EVP_PKEY_CTX *ctx, const struct cs_scheme *scheme)
{
    if (scheme->padding == CS_PADDING_PSS)
        check(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0,
            "PSS");
}

static size_t sign(const struct keyring_entry *entry, const struct cs_scheme *scheme,
    const struct cs_msg_sign *m, unsigned char *out, size_t size)
{
    const char *digest = cs_hash_name(scheme->hash);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    bool good;

    if (m->input == CS_INPUT_DIGEST) {
        ctx = EVP_PKEY_CTX_new(entry->key, NULL);
        good = EVP_PKEY_sign_init(ctx) > 0;
        pad(ctx, scheme);
        good = good && EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(digest)) > 0 &&
               EVP_PKEY_sign(ctx, out, &size, m->data.data, m->data.len) > 0;
        EVP_PKEY_CTX_free(ctx);
    } else {
        good = EVP_DigestSignInit_ex(md, &ctx, digest, NULL, NULL, entry->key, NULL) > 0;
        pad(ctx, scheme);
        good = good && EVP_DigestSign(md, out, &size, m->data.data, m->data.len) > 0;
    }
    EVP_MD_CTX_free(md);
    return good ? size : 0;
}

static bool answer_sign(struct keyring *keyring, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);
    struct keyring_entry *entry = NULL;
    const struct cs_scheme *scheme;
    unsigned char signature[1024];
    struct cs_msg_sign m;
    size_t len;
    bool sent;

    check(cs_msg_sign_get(frame->body, &m) == 0, "SIGN");
    keyring->n_signed++;
    keyring->last_input = m.input;
    keyring->last_scheme = m.scheme;
    if (keyring->locked)
        return fake_error(fd, frame->id, CS_ERR_LOCKED,
            "token 'keyring' is locked: run 'countersign unlock keyring'");
    for (size_t i = 0; i < keyring->n_entries; i++)
        if (cs_bytes_equal(m.id, CS_BYTES(keyring->entries[i].id, CS_ID_SIZE)))
            entry = &keyring->entries[i];
    scheme = cs_scheme_by_code(m.scheme);
    if (!entry)
        return fake_error(fd, frame->id, CS_ERR_NOT_FOUND, "no such key: look again");
    if (!scheme || scheme->key_type != entry->type)
        return fake_error(fd, frame->id, CS_ERR_SCHEME, "no such key, or not in that scheme");
    len = sign(entry, scheme, &m, signature, sizeof(signature));
    if (len == 0)
        return fake_error(fd, frame->id, CS_ERR_TOKEN_FAILED, "libcrypto does not sign that");
    cs_msg_signed_put(&body, &(struct cs_msg_signed){.signature = CS_BYTES(signature, len)});
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static bool answer(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct keyring *keyring = agent->data;

    switch (frame->type) {
    case CS_MSG_HELLO:
        return fake_welcome(fd, frame);
    case CS_MSG_RESOLVE:
        return answer_resolve(keyring, fd, frame);
    case CS_MSG_SIGN:
        return answer_sign(keyring, fd, frame);
    }
    return fake_error(fd, frame->id, CS_ERR_UNSUPPORTED, "a keyring resolves and signs");
}

void keyring_start(struct keyring *keyring)
{
    /* The keys of the agent come from no provider of ours, whatever the environment says. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    memset(keyring, 0, sizeof(*keyring));
    add(keyring, "ec", CS_KEY_EC, "prime256v1");
    add(keyring, "ec384", CS_KEY_EC, "secp384r1");
    add(keyring, "ec521", CS_KEY_EC, "secp521r1");
    add(keyring, "rsa", CS_KEY_RSA, NULL);
    add(keyring, "rsa-pss", CS_KEY_RSA_PSS, NULL);
    add(keyring, "ed25519", CS_KEY_ED25519, NULL);
    add(keyring, "ed448", CS_KEY_ED448, NULL);
    fake_agent_start(&keyring->agent, answer, keyring);
}

void keyring_stop(struct keyring *keyring)
{
    fake_agent_stop(&keyring->agent);
    fake_agent_remove(&keyring->agent);
    for (size_t i = 0; i < keyring->n_entries; i++) {
        EVP_PKEY_free(keyring->entries[i].key);
        X509_free(keyring->entries[i].certificate);
        OPENSSL_free(keyring->entries[i].spki);
        OPENSSL_free(keyring->entries[i].der);
    }
}
