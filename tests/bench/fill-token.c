/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many identities on a token, made in one process: P-256 keys that are generated there, each with a
 * certificate of the authority whose files are given. Identity n has the label "id-N" and as CKA_ID
 * four octets, big-endian. Prints the ids in hex, a line each.
 *
 * usage: fill-token MODULE TOKEN PIN CA_CERTIFICATE CA_KEY COUNT
 */
#include "token.h"
#include "../fixture/subject.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINT_MAX 80 /* an OCTET STRING of an uncompressed point */
#define DER_MAX 4096

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

struct target {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
};

/* CKA_ID and CKA_LABEL of one identity. */
struct name {
    uint8_t id[4];
    char label[32];
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static CK_OBJECT_HANDLE generate(const struct target *t, struct name *name)
{
    static uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG label_len = strlen(name->label);
    CK_ATTRIBUTE public[] = {
        {CKA_EC_PARAMS, p256, sizeof(p256)},
        {CKA_TOKEN, &yes, 1},
        {CKA_VERIFY, &yes, 1},
        {CKA_ID, name->id, sizeof(name->id)},
        {CKA_LABEL, name->label, label_len},
    };
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &yes, 1},
        {CKA_SENSITIVE, &yes, 1},
        {CKA_EXTRACTABLE, &no, 1},
        {CKA_SIGN, &yes, 1},
        {CKA_ID, name->id, sizeof(name->id)},
        {CKA_LABEL, name->label, label_len},
    };
    CK_OBJECT_HANDLE public_key, private_key;

    if (t->f->C_GenerateKeyPair(t->session, &mechanism, public, sizeof(public) / sizeof(public[0]),
            private, sizeof(private) / sizeof(private[0]), &public_key, &private_key) != CKR_OK)
        die("C_GenerateKeyPair");
    return public_key;
}

static EVP_PKEY *read_key(const struct target *t, CK_OBJECT_HANDLE handle)
{
    uint8_t point[POINT_MAX];
    CK_ATTRIBUTE wanted = {CKA_EC_POINT, point, sizeof(point)};
    char group[] = "prime256v1";
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (t->f->C_GetAttributeValue(t->session, handle, &wanted, 1) != CKR_OK ||
        wanted.ulValueLen != 67)
        die("CKA_EC_POINT");
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point + 2, 65),
        OSSL_PARAM_construct_end(),
    };

    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        die("cannot read the public key");
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    if (!extension || !X509_add_ext(certificate, extension, -1))
        die("cannot add an extension");
    X509_EXTENSION_free(extension);
}

static X509 *certify(const struct authority *ca, EVP_PKEY *key, const struct name *name, long n)
{
    X509 *certificate = X509_new();

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 100000 + n);
    if (!set_subject(certificate, name->label))
        die("cannot name the certificate's subject");
    X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate));
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 24 * 3600); /* no warnings of it */
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, NID_ext_key_usage, "clientAuth");
    if (X509_sign(certificate, ca->key, EVP_sha256()) <= 0)
        die("cannot sign the certificate");
    return certificate;
}

static void store(const struct target *t, struct name *name, X509 *certificate)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    uint8_t der[DER_MAX], subject[DER_MAX];
    unsigned char *at = der, *subject_at = subject;
    int len = i2d_X509(certificate, NULL);
    CK_OBJECT_HANDLE handle;

    if (len <= 0 || len > DER_MAX)
        die("the certificate is too large");
    i2d_X509(certificate, &at);
    CK_ATTRIBUTE object[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_CERTIFICATE_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &no, 1},
        {CKA_ID, name->id, sizeof(name->id)},
        {CKA_LABEL, name->label, strlen(name->label)},
        {CKA_SUBJECT, subject,
            (CK_ULONG)i2d_X509_NAME(X509_get_subject_name(certificate), &subject_at)},
        {CKA_VALUE, der, (CK_ULONG)len},
    };

    if (t->f->C_CreateObject(t->session, object, sizeof(object) / sizeof(object[0]), &handle) !=
        CKR_OK)
        die("C_CreateObject");
}

static void make_identity(const struct target *t, const struct authority *ca, long n)
{
    struct name name = {
        .id = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
    EVP_PKEY *key;
    X509 *certificate;

    snprintf(name.label, sizeof(name.label), "id-%ld", n);
    key = read_key(t, generate(t, &name));
    certificate = certify(ca, key, &name, n);
    store(t, &name, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    printf("%02x%02x%02x%02x\n", name.id[0], name.id[1], name.id[2], name.id[3]);
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "re");

    if (!file)
        die(path);
    return file;
}

int main(int argc, char **argv)
{
    struct authority ca;
    struct target target;
    FILE *file;

    if (argc != 7)
        die("usage: fill-token MODULE TOKEN PIN CA_CERTIFICATE CA_KEY COUNT");
    file = open_file(argv[4]);
    ca.certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = open_file(argv[5]);
    ca.key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (!ca.certificate || !ca.key)
        die("cannot read the authority's files");
    target.f = module_load(argv[1]);
    target.session = token_open(target.f, argv[2], CKF_RW_SESSION);
    token_login(target.f, target.session, argv[3]);
    for (long n = 1; n <= strtol(argv[6], NULL, 10); n++)
        make_identity(&target, &ca, n);
    fflush(stdout);
    _exit(0); /* SoftHSM does not survive its own unloading */
}
