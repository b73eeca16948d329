/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens for tests. Keys are made by OpenSSL and put on the token, so that a test can judge
 * signatures without asking the token for its public keys. All PKCS#11 calls happen in a child,
 * so that the test's own process never loads the module.
 */
#include "softhsm.h"
#include "../fixture/subject.h"
#include "base/cleanup.h"

#include <dlfcn.h>
#include <ftw.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SO_PIN "12345678"
#define DER_MAX 8192

static char folder[64];

/* In the child and in set-up nothing may go wrong unseen. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(99);                                                                             \
        }                                                                                          \
    } while (0)

void softhsm_begin(void)
{
    char path[128];
    FILE *conf;

    snprintf(folder, sizeof(folder), "/tmp/countersign-token-XXXXXX");
    MUST(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/tokens", folder);
    MUST(mkdir(path, 0700) == 0);
    snprintf(path, sizeof(path), "%s/softhsm2.conf", folder);
    conf = fopen(path, "we");
    MUST(conf);
    fprintf(conf, "directories.tokendir = %s/tokens\nobjectstore.backend = file\n", folder);
    fprintf(conf, "log.level = ERROR\nslots.removable = false\n");
    fclose(conf);
    setenv("SOFTHSM2_CONF", path, 1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void softhsm_end(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *softhsm_folder(void)
{
    return folder;
}

static CK_FUNCTION_LIST *load(void)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **);
    CK_FUNCTION_LIST *functions;
    void *handle = dlopen(SOFTHSM_MODULE, RTLD_NOW);
    void *symbol;

    MUST(handle);
    symbol = dlsym(handle, "C_GetFunctionList");
    MUST(symbol);
    memcpy(&get_function_list, &symbol, sizeof(symbol));
    MUST(get_function_list(&functions) == CKR_OK);
    MUST(functions->C_Initialize(NULL) == CKR_OK);
    return functions;
}

/* SoftHSM always has one slot more than tokens; a token that is made there gets another slot. */
static CK_SLOT_ID free_slot(CK_FUNCTION_LIST *f)
{
    CK_SLOT_ID ids[64];
    CK_ULONG n = 64;
    CK_TOKEN_INFO info;

    MUST(f->C_GetSlotList(CK_TRUE, ids, &n) == CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        MUST(f->C_GetTokenInfo(ids[i], &info) == CKR_OK);
        if (!(info.flags & CKF_TOKEN_INITIALIZED))
            return ids[i];
    }
    MUST(false); /* there is none */
    return 0;
}

static CK_SESSION_HANDLE init_token(CK_FUNCTION_LIST *f, const char *label)
{
    CK_SLOT_ID slot = free_slot(f);
    CK_SESSION_HANDLE session;
    CK_UTF8CHAR padded[32];

    memset(padded, ' ', sizeof(padded));
    memcpy(padded, label, strnlen(label, sizeof(padded)));
    MUST(f->C_InitToken(slot, (CK_UTF8CHAR *)SO_PIN, strlen(SO_PIN), padded) == CKR_OK);
    MUST(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) ==
         CKR_OK);
    MUST(f->C_Login(session, CKU_SO, (CK_UTF8CHAR *)SO_PIN, strlen(SO_PIN)) == CKR_OK);
    MUST(f->C_InitPIN(session, (CK_UTF8CHAR *)SOFTHSM_PIN, strlen(SOFTHSM_PIN)) == CKR_OK);
    MUST(f->C_Logout(session) == CKR_OK);
    MUST(f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)SOFTHSM_PIN, strlen(SOFTHSM_PIN)) == CKR_OK);
    return session;
}

/* A template that keeps the bytes of its values. */
struct template
{
    CK_ATTRIBUTE attrs[32];
    CK_ULONG n;
};

static void put(struct template *t, CK_ATTRIBUTE_TYPE type, const void *data, size_t len)
{
    void *copy = malloc(len + 1);

    MUST(copy && t->n < 32);
    if (len)
        memcpy(copy, data, len);
    t->attrs[t->n++] = (CK_ATTRIBUTE){type, copy, len};
}

static void put_number(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG number)
{
    put(t, type, &number, sizeof(number));
}

static void put_flag(struct template *t, CK_ATTRIBUTE_TYPE type, CK_BBOOL flag)
{
    put(t, type, &flag, sizeof(flag));
}

static void put_bn(struct template *t, CK_ATTRIBUTE_TYPE type, EVP_PKEY *key, const char *name)
{
    uint8_t bytes[1024] = {0};
    BIGNUM *bn = NULL;

    MUST(EVP_PKEY_get_bn_param(key, name, &bn));
    put(t, type, bytes, (size_t)BN_bn2bin(bn, bytes));
    BN_free(bn);
}

static void put_octet_string(
    struct template *t, CK_ATTRIBUTE_TYPE type, const uint8_t *data, size_t len)
{
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    uint8_t der[DER_MAX] = {0}, *p = der;

    MUST(ASN1_OCTET_STRING_set(string, data, (int)len));
    put(t, type, der, (size_t)i2d_ASN1_OCTET_STRING(string, &p));
    ASN1_OCTET_STRING_free(string);
}

static void put_rsa(struct template *t, EVP_PKEY *key, bool private)
{
    put_bn(t, CKA_MODULUS, key, OSSL_PKEY_PARAM_RSA_N);
    put_bn(t, CKA_PUBLIC_EXPONENT, key, OSSL_PKEY_PARAM_RSA_E);
    if (!private) {
        return;
    }
    put_bn(t, CKA_PRIVATE_EXPONENT, key, OSSL_PKEY_PARAM_RSA_D);
    put_bn(t, CKA_PRIME_1, key, OSSL_PKEY_PARAM_RSA_FACTOR1);
    put_bn(t, CKA_PRIME_2, key, OSSL_PKEY_PARAM_RSA_FACTOR2);
    put_bn(t, CKA_EXPONENT_1, key, OSSL_PKEY_PARAM_RSA_EXPONENT1);
    put_bn(t, CKA_EXPONENT_2, key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
    put_bn(t, CKA_COEFFICIENT, key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
}

static void put_curve(struct template *t, int nid)
{
    uint8_t der[64] = {0}, *p = der;

    put(t, CKA_EC_PARAMS, der, (size_t)i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &p));
}

static void put_ec(struct template *t, EVP_PKEY *key, bool private)
{
    uint8_t point[256];
    char group[64];
    size_t len;

    MUST(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL));
    put_curve(t, OBJ_txt2nid(group));
    if (private) {
        put_bn(t, CKA_VALUE, key, OSSL_PKEY_PARAM_PRIV_KEY);
        return;
    }
    MUST(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len));
    put_octet_string(t, CKA_EC_POINT, point, len);
}

/* SoftHSM names Edwards curves by a PrintableString. */
static void put_edwards(struct template *t, EVP_PKEY *key, bool private)
{
    const char *name = EVP_PKEY_is_a(key, "ED25519") ? "edwards25519" : "edwards448";
    uint8_t raw[64], params[32] = {0x13, (uint8_t)strlen(name)};
    size_t len = sizeof(raw);

    memcpy(params + 2, name, strlen(name));
    put(t, CKA_EC_PARAMS, params, 2 + strlen(name));
    if (private) {
        MUST(EVP_PKEY_get_raw_private_key(key, raw, &len));
        put(t, CKA_VALUE, raw, len);
    } else {
        MUST(EVP_PKEY_get_raw_public_key(key, raw, &len));
        put_octet_string(t, CKA_EC_POINT, raw, len);
    }
}

static void put_key(struct template *t, EVP_PKEY *key, bool private)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        put_number(t, CKA_KEY_TYPE, CKK_RSA);
        put_rsa(t, key, private);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        put_number(t, CKA_KEY_TYPE, CKK_EC);
        put_ec(t, key, private);
    } else {
        put_number(t, CKA_KEY_TYPE, CKK_EC_EDWARDS);
        put_edwards(t, key, private);
    }
}

static void put_certificate(struct template *t, X509 *x509, struct cs_bytes value)
{
    uint8_t der[DER_MAX] = {0}, *p = der;

    put_number(t, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (value.len)
        put(t, CKA_VALUE, value.data, value.len);
    else
        put(t, CKA_VALUE, der, (size_t)i2d_X509(x509, &p));
    p = der;
    put(t, CKA_SUBJECT, der, (size_t)i2d_X509_NAME(X509_get_subject_name(x509), &p));
}

static void create(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
    const struct softhsm_object *object, CK_OBJECT_CLASS ck_class)
{
    struct template t = {.n = 0};
    CK_OBJECT_HANDLE handle;
    CK_RV rv;

    put_number(&t, CKA_CLASS, ck_class);
    put_flag(&t, CKA_TOKEN, CK_TRUE);
    put_flag(&t, CKA_PRIVATE, ck_class == CKO_PRIVATE_KEY);
    put(&t, CKA_LABEL, object->label.data, object->label.len);
    put(&t, CKA_ID, object->id.data, object->id.len);
    if (ck_class == CKO_CERTIFICATE) {
        put_certificate(&t, object->key->certificate, object->value);
    } else {
        put_key(&t, object->key->key, ck_class == CKO_PRIVATE_KEY);
        put_flag(&t, ck_class == CKO_PRIVATE_KEY ? CKA_SIGN : CKA_VERIFY, CK_TRUE);
    }
    rv = f->C_CreateObject(session, t.attrs, t.n, &handle);
    if (rv != CKR_OK)
        fprintf(stderr, "C_CreateObject: 0x%lx\n", rv);
    MUST(rv == CKR_OK);
    for (CK_ULONG i = 0; i < t.n; i++)
        free(t.attrs[i].pValue);
}

static void make_token(const char *label, const struct softhsm_object *objects, size_t n)
{
    CK_FUNCTION_LIST *f = load();
    CK_SESSION_HANDLE session = init_token(f, label);

    for (size_t i = 0; i < n; i++) {
        if (objects[i].parts & SOFTHSM_PRIVATE)
            create(f, session, &objects[i], CKO_PRIVATE_KEY);
        if (objects[i].parts & SOFTHSM_PUBLIC)
            create(f, session, &objects[i], CKO_PUBLIC_KEY);
        if (objects[i].parts & SOFTHSM_CERTIFICATE)
            create(f, session, &objects[i], CKO_CERTIFICATE);
    }
    MUST(f->C_Finalize(NULL) == CKR_OK);
}

void softhsm_add_token(const char *label, const struct softhsm_object *objects, size_t n)
{
    pid_t pid = fork();
    int status;

    MUST(pid >= 0);
    if (pid == 0) {
        make_token(label, objects, n);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    MUST(status == 0);
}

static EVP_PKEY *generate(const char *type)
{
    if (strncmp(type, "RSA-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 4));
    if (strncmp(type, "EC-", 3) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type + 3);
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static X509 *self_sign(EVP_PKEY *key, const char *name)
{
    bool edwards = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    X509 *x509 = X509_new();

    MUST(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    MUST(set_subject(x509, name));
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    MUST(X509_set_pubkey(x509, key));
    MUST(X509_sign(x509, key, edwards ? NULL : EVP_sha256()));
    return x509;
}

struct softhsm_key softhsm_key_new(const char *type)
{
    struct softhsm_key key = {.key = generate(type)};

    MUST(key.key);
    key.certificate = self_sign(key.key, type);
    return key;
}

void softhsm_key_free(struct softhsm_key *key)
{
    EVP_PKEY_free(key->key);
    X509_free(key->certificate);
    *key = (struct softhsm_key){0};
}

struct cs_bytes softhsm_spki(const struct softhsm_key *key)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key->key, &der);

    MUST(len > 0);
    return CS_BYTES(der, (size_t)len);
}
