/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of tokens. Everything here was said by a token host and is judged: what does not parse
 * is no object of ours, and nothing worse. A parsed certificate takes ten times the room of its
 * bytes, and there may be thousands: what is asked for often is noted, and the rest is parsed again
 * when somebody wants it.
 */
#include "inventory/object.h"
#include "inventory/certificate.h"
#include "limit.h"

#include <countersign/error.h>
#include <openssl/x509v3.h>
#include <string.h>

static time_t time_of(const ASN1_TIME *at)
{
    struct tm tm;

    if (!ASN1_TIME_to_tm(at, &tm))
        return 0;
    return timegm(&tm);
}

/* OpenSSL keeps names as they were written. */
static struct cs_bytes name_in(struct cs_bytes der, const X509_NAME *name)
{
    const unsigned char *bytes;
    const uint8_t *at = NULL;
    size_t len = 0;

    if (X509_NAME_get0_der(name, &bytes, &len))
        at = memmem(der.data, der.len, bytes, len);
    return CS_BYTES(at, at ? len : 0);
}

static void read_names(struct cs_object *object, const X509 *x509)
{
    const X509_NAME *subject = X509_get_subject_name(x509), *issuer = X509_get_issuer_name(x509);

    object->subject = name_in(object->value, subject);
    object->issuer = name_in(object->value, issuer);
    object->self_issued = X509_NAME_cmp(subject, issuer) == 0;
}

/* In DER, which is how nearly every certificate writes it already. */
static int read_key(struct cs_object *object, const X509 *x509)
{
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &object->spki);
    const uint8_t *at;

    if (len <= 0)
        return CS_ERR_UNSUPPORTED;
    at = memmem(object->value.data, object->value.len, object->spki, (size_t)len);
    object->has_key =
        cs_key_parse(CS_BYTES(at ? at : object->spki, (size_t)len), &object->key) == 0;
    if (at || !object->has_key) {
        OPENSSL_free(object->spki);
        object->spki = NULL;
    }
    return 0;
}

static int parse_certificate(struct cs_object *object)
{
    CS_AUTO(X509_freep) X509 *x509 = NULL;
    int r;

    if (object->value.len > CS_LIMIT_CERTIFICATE)
        return CS_ERR_TOO_LARGE;
    x509 = cs_certificate_parse(object->value);
    if (!x509)
        return CS_ERR_UNSUPPORTED;
    r = read_key(object, x509);
    if (r < 0)
        return r;
    read_names(object, x509);
    object->not_before = time_of(X509_get0_notBefore(x509));
    object->not_after = time_of(X509_get0_notAfter(x509));
    /* Libcrypto takes keyAgreement, too, for a kind of client that is no more: what a card keeps
     * for encryption alone has it, and does not sign. */
    object->for_clients = X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0) == 1 &&
                          (X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) != 0;
    object->ca = X509_check_ca(x509) == 1;
    if (X509_check_ca(x509) != 0)
        object->authority = cs_steal(&x509);
    return 0;
}

static int parse_key(struct cs_object *object)
{
    if (object->key_type == 0)
        return CS_ERR_UNSUPPORTED;
    if (object->value.len == 0)
        return 0;
    object->has_key = cs_key_parse(object->value, &object->key) == 0;
    return 0;
}

/* In one piece with what it consists of. */
static struct cs_object *copy(const struct cs_host_object *report)
{
    size_t size = report->label.len + report->cka_id.len + report->value.len;
    struct cs_object *object = calloc(1, sizeof(*object) + size);
    uint8_t *at = object ? (uint8_t *)(object + 1) : NULL;

    if (!object)
        return NULL;
    object->class = (enum cs_host_object_class)report->object_class;
    object->key_type = report->key_type;
    object->flags = report->flags;
    object->label = cs_bytes_store(report->label, &at);
    object->cka_id = cs_bytes_store(report->cka_id, &at);
    object->value = cs_bytes_store(report->value, &at);
    return object;
}

int cs_object_new(const struct cs_host_object *report, struct cs_object **objectp)
{
    CS_AUTO(cs_object_freep) struct cs_object *object = NULL;
    int r;

    if (report->label.len > CS_LIMIT_OBJECT_NAME || report->cka_id.len > CS_LIMIT_OBJECT_NAME)
        return CS_ERR_TOO_LARGE;
    object = copy(report);
    if (!object)
        return CS_ERR_MEMORY;
    r = object->class == CS_HOST_CERTIFICATE ? parse_certificate(object) : parse_key(object);
    if (r < 0)
        return r;
    *objectp = cs_steal(&object);
    return 0;
}

void cs_object_free(struct cs_object *object)
{
    if (!object)
        return;
    OPENSSL_free(object->spki);
    X509_free(object->authority);
    free(object);
}

bool cs_object_is_better(const struct cs_object *a, const struct cs_object *b, time_t now)
{
    bool a_valid = a->not_before <= now && now <= a->not_after;
    bool b_valid = b->not_before <= now && now <= b->not_after;

    if (a_valid != b_valid)
        return a_valid;
    return a->not_after > b->not_after;
}
