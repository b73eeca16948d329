/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuers: out of certificate files, or out of names that were typed. How a name's strings are
 * encoded does not matter, because the agent compares names as X.509 says.
 */
#include "cli/issuers.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

CS_DEFINE_CLEANUP(X509_NAME *, X509_NAME_free);
CS_DEFINE_CLEANUP(BIO *, BIO_free_all);

static int add(struct cs_issuers *issuers, const X509_NAME *name)
{
    struct countersign_bytes *names =
        realloc(issuers->names, (issuers->n + 1) * sizeof(*issuers->names));
    unsigned char *der = NULL;
    int len;

    if (!names)
        return CS_ERR_MEMORY;
    issuers->names = names;
    len = i2d_X509_NAME(name, &der);
    if (len < 0)
        return CS_ERR_MEMORY;
    names[issuers->n++] = (struct countersign_bytes){der, (size_t)len};
    return 0;
}

static int add_file(struct cs_issuers *issuers, const char *path, struct cs_fault *fault)
{
    CS_AUTO(BIO_free_allp) BIO *file = BIO_new_file(path, "rb");
    size_t before = issuers->n;
    X509 *certificate;
    int r = 0;

    if (!file)
        return cs_fail(fault, CS_ERR_INVALID, "cannot read '%s'", path);
    certificate = d2i_X509_bio(file, NULL);
    if (!certificate && BIO_reset(file) == 0)
        certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    while (certificate && r == 0) {
        r = add(issuers, X509_get_subject_name(certificate));
        X509_free(certificate);
        certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    }
    X509_free(certificate);
    if (r == 0 && issuers->n == before)
        return cs_fail(fault, CS_ERR_INVALID, "there is no certificate in '%s'", path);
    return cs_trace(r);
}

/* Moves over "TYPE=value", to the comma or the end, and puts it before what the name has: RFC 2253
 * writes names back to front. A backslash takes the special meaning from the next character. */
static bool take_part(X509_NAME *name, const char **atp)
{
    const char *at = *atp + strspn(*atp, " ");
    size_t type_len = strcspn(at, "=,+"), len = 0;
    CS_AUTO(cs_freep) char *type = strndup(at, type_len);
    CS_AUTO(cs_freep) char *value = calloc(1, strlen(at) + 1);

    if (!type || !value || at[type_len] != '=')
        return false;
    at += type_len + 1;
    while (*at && *at != ',' && *at != '+') {
        if (*at == '\\' && at[1])
            at++;
        value[len++] = *at++;
    }
    *atp = at;
    return *at != '+' && len > 0 &&
           X509_NAME_add_entry_by_txt(
               name, type, MBSTRING_UTF8, (const unsigned char *)value, (int)len, 0, 0) == 1;
}

static int add_name(struct cs_issuers *issuers, const char *text, struct cs_fault *fault)
{
    CS_AUTO(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    const char *at = text;

    if (!name)
        return CS_ERR_MEMORY;
    while (take_part(name, &at)) {
        if (!*at)
            return cs_trace(add(issuers, name));
        at++;
    }
    return cs_fail(fault, CS_ERR_INVALID,
        "'%s' is neither a file nor a distinguished name such as 'CN=Office CA,O=Corp'", text);
}

int cs_issuers_add(struct cs_issuers *issuers, const char *text, struct cs_fault *fault)
{
    return access(text, F_OK) == 0 ? add_file(issuers, text, fault)
                                   : add_name(issuers, text, fault);
}

void cs_issuers_deinit(struct cs_issuers *issuers)
{
    for (size_t i = 0; i < issuers->n; i++)
        OPENSSL_free((void *)issuers->names[i].data);
    free(issuers->names);
    *issuers = (struct cs_issuers){0};
}
