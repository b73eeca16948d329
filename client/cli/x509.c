/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, read with libcrypto. They come from tokens and are not verified here: this shows
 * what they say. Names are printed with control characters escaped by OpenSSL itself.
 */
#include "cli/x509.h"
#include "base/hex.h"

#include <countersign/error.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

CS_DEFINE_CLEANUP(X509 *, X509_free);
CS_DEFINE_CLEANUP(BIO *, BIO_free_all);
CS_DEFINE_CLEANUP(BIGNUM *, BN_free);
CS_DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free);

void cs_x509_free(struct cs_x509 *x509)
{
    if (!x509)
        return;
    free(x509->subject);
    free(x509->issuer);
    free(x509->serial);
    free(x509->names);
    free(x509);
}

static char *bio_string(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    return len < 0 ? NULL : cs_bytes_dup(CS_BYTES(data, (size_t)len));
}

static char *name_string(const X509_NAME *name)
{
    CS_AUTO(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

    if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
        return NULL;
    return bio_string(bio);
}

static char *serial_string(const X509 *certificate)
{
    CS_AUTO(BN_freep)
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    char *copy = hex ? strdup(hex) : NULL;

    OPENSSL_free(hex);
    return copy;
}

static char *alternative_names(const X509 *certificate)
{
    CS_AUTO(GENERAL_NAMES_freep)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    CS_AUTO(BIO_free_allp) BIO *bio = names ? BIO_new(BIO_s_mem()) : NULL;

    for (int i = 0; bio && i < sk_GENERAL_NAME_num(names); i++) {
        if (i > 0)
            BIO_puts(bio, ", ");
        GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
    }
    return bio ? bio_string(bio) : NULL;
}

static int64_t seconds(const ASN1_TIME *when)
{
    struct tm tm;

    return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void usages(struct cs_x509 *x509, X509 *certificate)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } key_usages[] = {{KU_DIGITAL_SIGNATURE, "digitalSignature"},
        {KU_NON_REPUDIATION, "nonRepudiation"}, {KU_KEY_ENCIPHERMENT, "keyEncipherment"},
        {KU_DATA_ENCIPHERMENT, "dataEncipherment"}, {KU_KEY_AGREEMENT, "keyAgreement"},
        {KU_KEY_CERT_SIGN, "keyCertSign"}, {KU_CRL_SIGN, "cRLSign"}},
      extended[] = {{XKU_SSL_CLIENT, "clientAuth"}, {XKU_SSL_SERVER, "serverAuth"},
          {XKU_SMIME, "emailProtection"}, {XKU_CODE_SIGN, "codeSigning"},
          {XKU_OCSP_SIGN, "OCSPSigning"}, {XKU_TIMESTAMP, "timeStamping"},
          {XKU_ANYEKU, "anyExtendedKeyUsage"}};
    uint32_t flags = X509_get_extension_flags(certificate);
    uint32_t usage = X509_get_key_usage(certificate);
    uint32_t extended_usage = X509_get_extended_key_usage(certificate);

    x509->any_usage = !(flags & (EXFLAG_KUSAGE | EXFLAG_XKUSAGE));
    x509->self_signed = flags & EXFLAG_SS;
    for (size_t i = 0; flags & EXFLAG_KUSAGE && i < sizeof(key_usages) / sizeof(key_usages[0]); i++)
        if (usage & key_usages[i].bit)
            x509->usages[x509->n_usages++] = key_usages[i].name;
    for (size_t i = 0; flags & EXFLAG_XKUSAGE && i < sizeof(extended) / sizeof(extended[0]); i++)
        if (extended_usage & extended[i].bit)
            x509->usages[x509->n_usages++] = extended[i].name;
}

static int fingerprint(struct cs_x509 *x509, struct cs_bytes der)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len;

    if (EVP_Q_digest(NULL, "SHA256", NULL, der.data, der.len, digest, &len) != 1)
        return CS_ERR_MEMORY;
    cs_hex_write(digest, 32, x509->sha256);
    return 0;
}

int cs_x509_new(struct cs_x509 **x509p, struct cs_bytes der)
{
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    CS_AUTO(X509_freep) X509 *certificate = NULL;
    const unsigned char *at = der.data;

    certificate = d2i_X509(NULL, &at, (long)der.len);
    if (!certificate || at != der.data + der.len)
        return CS_ERR_INVALID;
    x509 = calloc(1, sizeof(*x509));
    if (!x509 || fingerprint(x509, der) < 0)
        return CS_ERR_MEMORY;
    x509->subject = name_string(X509_get_subject_name(certificate));
    x509->issuer = name_string(X509_get_issuer_name(certificate));
    x509->serial = serial_string(certificate);
    x509->names = alternative_names(certificate);
    if (!x509->subject || !x509->issuer || !x509->serial)
        return CS_ERR_MEMORY;
    x509->not_before = seconds(X509_get0_notBefore(certificate));
    x509->not_after = seconds(X509_get0_notAfter(certificate));
    usages(x509, certificate);
    *x509p = cs_steal(&x509);
    return 0;
}
