/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of tokens. Everything here was said by a token host and is judged: what does not parse
 * is no object of ours, and nothing worse.
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

static int parse_certificate(struct cs_object *object)
{
    unsigned char *spki = NULL;
    int len;

    if (object->value.len > CS_LIMIT_CERTIFICATE)
        return CS_ERR_TOO_LARGE;
    object->x509 = cs_certificate_parse(object->value);
    if (!object->x509)
        return CS_ERR_UNSUPPORTED;
    object->ca = X509_check_ca(object->x509) == 1;
    object->self_issued =
        X509_NAME_cmp(X509_get_subject_name(object->x509), X509_get_issuer_name(object->x509)) == 0;
    object->not_before = time_of(X509_get0_notBefore(object->x509));
    object->not_after = time_of(X509_get0_notAfter(object->x509));
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(object->x509), &spki);
    if (len <= 0)
        return CS_ERR_UNSUPPORTED;
    object->has_key = cs_key_parse(CS_BYTES(spki, (size_t)len), &object->key) == 0;
    if (!object->has_key)
        OPENSSL_free(spki);
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

static int copy_bytes(struct cs_bytes from, struct cs_bytes *to)
{
    char *copy = cs_bytes_dup(from);

    if (!copy)
        return CS_ERR_MEMORY;
    *to = CS_BYTES(copy, from.len);
    return 0;
}

int cs_object_new(const struct cs_host_object *report, struct cs_object **objectp)
{
    CS_AUTO(cs_object_freep) struct cs_object *object = NULL;
    int r;

    if (report->label.len > CS_LIMIT_OBJECT_NAME || report->cka_id.len > CS_LIMIT_OBJECT_NAME)
        return CS_ERR_TOO_LARGE;
    object = calloc(1, sizeof(*object));
    if (!object || copy_bytes(report->label, &object->label) < 0 ||
        copy_bytes(report->cka_id, &object->cka_id) < 0 ||
        copy_bytes(report->value, &object->value) < 0)
        return CS_ERR_MEMORY;
    object->class = (enum cs_host_object_class)report->object_class;
    object->key_type = report->key_type;
    object->flags = report->flags;
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
    if (object->x509 && object->has_key)
        OPENSSL_free((void *)object->key.spki.data);
    X509_free(object->x509);
    free((void *)object->label.data);
    free((void *)object->cka_id.data);
    free((void *)object->value.data);
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
