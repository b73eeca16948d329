/* SPDX-License-Identifier: Apache-2.0 */
/* PEM blocks. Writers: the command line. Readers: the provider's decoder. Nothing here is secret.
 */
#include "base/pem.h"
#include "base/der.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <string.h>

#define PKCS11_PROVIDER_VERSION "PKCS#11 Provider URI v1.0"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_quad(struct cs_buf *buf, const uint8_t *in, size_t n)
{
    uint32_t bits =
        (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

    for (size_t i = 0; i < 4; i++)
        cs_buf_put_u8(buf, i <= n ? (uint8_t)alphabet[bits >> (18 - 6 * i) & 63] : '=');
}

void cs_pem_put(struct cs_buf *buf, const char *label, struct cs_bytes der)
{
    const char *parts[] = {"-----BEGIN ", label, "-----\n", "-----END ", label, "-----\n"};

    for (size_t i = 0; i < 3; i++)
        cs_buf_put(buf, parts[i], strlen(parts[i]));
    for (size_t at = 0; at < der.len; at += 3) {
        put_quad(buf, der.data + at, der.len - at < 3 ? der.len - at : 3);
        if ((at + 3) % 48 == 0 || at + 3 >= der.len)
            cs_buf_put_u8(buf, '\n');
    }
    for (size_t i = 3; i < 6; i++)
        cs_buf_put(buf, parts[i], strlen(parts[i]));
}

int cs_pem_decode(struct cs_buf *buf, struct cs_bytes base64)
{
    uint32_t bits = 0;
    unsigned n = 0, padding = 0;

    for (size_t i = 0; i < base64.len; i++) {
        char c = (char)base64.data[i];
        const char *at;

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        at = c ? strchr(alphabet, c) : NULL;
        if (c == '=' && n % 4 >= 2)
            padding++;
        else if (!at || padding)
            return CS_ERR_PROTOCOL;
        bits = bits << 6 | (at ? (uint32_t)(at - alphabet) : 0);
        if (++n % 4 != 0)
            continue;
        for (unsigned b = 0; b < 3 - padding; b++)
            cs_buf_put_u8(buf, (uint8_t)(bits >> (16 - 8 * b)));
        if (padding && n % 4 == 0)
            padding = 4; /* nothing may follow */
        bits = 0;
    }
    if (n % 4 != 0 || buf->error)
        return buf->error ? buf->error : CS_ERR_PROTOCOL;
    return 0;
}

void cs_pem_reference_put(struct cs_buf *buf, const struct cs_pem_reference *reference)
{
    struct cs_buf body = CS_BUF_INIT(buf->max);
    bool whole = reference->id.len > 0;

    cs_der_put(&body, CS_DER_VISIBLE_STRING,
        cs_bytes_of(whole ? CS_PEM_REFERENCE_VERSION : CS_PEM_REFERENCE_VERSION_1));
    cs_der_put(&body, CS_DER_UTF8_STRING, reference->uri);
    if (whole) {
        cs_der_put(&body, CS_DER_OCTET_STRING, reference->id);
        cs_buf_put(&body, reference->spki.data, reference->spki.len);
    }
    if (body.error)
        buf->error = body.error;
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
}

static int get_key(struct cs_bytes *rest, struct cs_pem_reference *reference)
{
    struct cs_der spki;

    if (cs_der_expect(rest, CS_DER_OCTET_STRING, &reference->id) < 0 ||
        reference->id.len != CS_ID_SIZE || cs_der_next(rest, &spki) < 0 ||
        spki.tag != CS_DER_SEQUENCE)
        return CS_ERR_PROTOCOL;
    reference->spki = spki.whole;
    return 0;
}

int cs_pem_reference_get(struct cs_bytes der, struct cs_pem_reference *reference)
{
    struct cs_pem_reference found = {0};
    struct cs_bytes rest, version;

    if (cs_der_expect(&der, CS_DER_SEQUENCE, &rest) < 0 || der.len != 0 ||
        cs_der_expect(&rest, CS_DER_VISIBLE_STRING, &version) < 0 ||
        cs_der_expect(&rest, CS_DER_UTF8_STRING, &found.uri) < 0)
        return CS_ERR_PROTOCOL;
    if (found.uri.len == 0 || memchr(found.uri.data, 0, found.uri.len))
        return CS_ERR_PROTOCOL;
    if (cs_bytes_equal(version, cs_bytes_of(CS_PEM_REFERENCE_VERSION))) {
        if (get_key(&rest, &found) < 0)
            return CS_ERR_PROTOCOL;
    } else if (!cs_bytes_equal(version, cs_bytes_of(CS_PEM_REFERENCE_VERSION_1)) &&
               !cs_bytes_equal(version, cs_bytes_of(PKCS11_PROVIDER_VERSION))) {
        return CS_ERR_PROTOCOL;
    }
    if (rest.len != 0)
        return CS_ERR_PROTOCOL;
    *reference = found;
    return 0;
}
