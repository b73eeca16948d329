/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates. When OpenSSL parses one it decodes the public key at once, and before 3.5 most of
 * the time goes into the search for who could: ten times what the rest of the certificate takes. So
 * those that issue no others are left in a library context in which nobody can. A provider of our
 * own lends it the digests of OpenSSL's, which X509_check_ca and others need; X509_verify takes the
 * rest from where the issuer's key comes from. Used by object.c and whoever wants more than that
 * keeps.
 */
#include "inventory/certificate.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>

static OSSL_PROVIDER *lender;
static OSSL_LIB_CTX *digests_only;

static const OSSL_ALGORITHM *query(void *lenders, int operation, int *no_cache)
{
    (void)lenders;
    if (operation != OSSL_OP_DIGEST)
        return NULL;
    return OSSL_PROVIDER_query_operation(lender, operation, no_cache);
}

static int init_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

    (void)handle;
    (void)in;
    *out = functions;
    /* For the lender's algorithms, which take it for their own. */
    *context = OSSL_PROVIDER_get0_provider_ctx(lender);
    return 1;
}

static OSSL_LIB_CTX *make_context(void)
{
    OSSL_LIB_CTX *lenders = OSSL_LIB_CTX_new(), *context = OSSL_LIB_CTX_new();

    lender = lenders ? OSSL_PROVIDER_load(lenders, "default") : NULL;
    if (lender && context && OSSL_PROVIDER_add_builtin(context, "digests", init_provider) &&
        OSSL_PROVIDER_load(context, "digests"))
        return context;
    OSSL_LIB_CTX_free(context);
    OSSL_LIB_CTX_free(lenders);
    return NULL;
}

static X509 *parse(struct cs_bytes der, OSSL_LIB_CTX *context)
{
    const unsigned char *at = der.data;
    X509 *certificate = X509_new_ex(context, NULL);

    if (certificate && d2i_X509(&certificate, &at, (long)der.len) && at == der.data + der.len)
        return certificate;
    X509_free(certificate);
    ERR_clear_error();
    return NULL;
}

X509 *cs_certificate_parse(struct cs_bytes der)
{
    X509 *certificate;

    /* Made once, for the life of the process. Without it the usual one serves, only slower. */
    if (!digests_only)
        digests_only = make_context();
    certificate = parse(der, digests_only);
    if (!certificate || X509_check_ca(certificate) == 0)
        return certificate;
    X509_free(certificate);
    return parse(der, NULL);
}

X509_NAME *cs_certificate_name_parse(struct cs_bytes der)
{
    const unsigned char *at = der.data;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.len);

    ERR_clear_error();
    return name;
}

bool cs_certificate_names_equal(struct cs_bytes a, struct cs_bytes b)
{
    CS_AUTO(X509_NAME_freep) X509_NAME *x = NULL;
    CS_AUTO(X509_NAME_freep) X509_NAME *y = NULL;

    if (cs_bytes_equal(a, b))
        return true;
    x = cs_certificate_name_parse(a);
    y = cs_certificate_name_parse(b);
    return x && y && X509_NAME_cmp(x, y) == 0;
}
