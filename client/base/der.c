/* SPDX-License-Identifier: Apache-2.0 */
/* DER, strictly: definite, minimal lengths and one-byte tags, which is all that our formats use. */
#include "base/der.h"

#include <countersign/error.h>
#include <string.h>

static int get_length(struct cs_reader *reader, size_t *lengthp)
{
    uint8_t first = cs_get_u8(reader);
    size_t length = 0;

    if (first < 0x80) {
        *lengthp = first;
        return reader->error;
    }
    if (first == 0x80 || first > 0x84)
        return CS_ERR_PROTOCOL;
    for (uint8_t i = 0; i < (first & 0x7f); i++)
        length = length << 8 | cs_get_u8(reader);
    if (reader->error || length < 0x80 ||
        (first > 0x81 && length >> (8 * ((first & 0x7f) - 1)) == 0))
        return CS_ERR_PROTOCOL;
    *lengthp = length;
    return 0;
}

int cs_der_next(struct cs_bytes *input, struct cs_der *element)
{
    struct cs_reader reader = cs_reader_of(*input);
    struct cs_der found = {0};
    size_t length = 0;

    found.tag = cs_get_u8(&reader);
    if (reader.error || (found.tag & 0x1f) == 0x1f || get_length(&reader, &length) < 0)
        return CS_ERR_PROTOCOL;
    found.content = cs_get_raw(&reader, length);
    if (reader.error)
        return CS_ERR_PROTOCOL;
    found.whole = CS_BYTES(input->data, input->len - reader.left);
    *input = CS_BYTES(reader.data, reader.left);
    *element = found;
    return 0;
}

int cs_der_expect(struct cs_bytes *input, enum cs_der_tag tag, struct cs_bytes *content)
{
    struct cs_bytes rest = *input;
    struct cs_der element;
    int r = cs_der_next(&rest, &element);

    if (r < 0 || element.tag != tag)
        return CS_ERR_PROTOCOL;
    *input = rest;
    *content = element.content;
    return 0;
}

void cs_der_put(struct cs_buf *buf, enum cs_der_tag tag, struct cs_bytes content)
{
    size_t n = 0;

    cs_buf_put_u8(buf, (uint8_t)tag);
    if (content.len >= 0x80) {
        while (n < sizeof(content.len) && content.len >> (8 * n))
            n++;
        cs_buf_put_u8(buf, (uint8_t)(0x80 | n));
    }
    for (size_t i = n ? n : 1; i-- > 0;)
        cs_buf_put_u8(buf, (uint8_t)(content.len >> (8 * i)));
    cs_buf_put(buf, content.data, content.len);
}

int cs_der_spki_key(struct cs_bytes spki, struct cs_bytes *key)
{
    struct cs_bytes sequence, algorithm, bits;

    if (cs_der_expect(&spki, CS_DER_SEQUENCE, &sequence) < 0 || spki.len != 0 ||
        cs_der_expect(&sequence, CS_DER_SEQUENCE, &algorithm) < 0 ||
        cs_der_expect(&sequence, CS_DER_BIT_STRING, &bits) < 0 || sequence.len != 0)
        return CS_ERR_PROTOCOL;
    if (bits.len < 1 || bits.data[0] != 0)
        return CS_ERR_PROTOCOL;
    *key = CS_BYTES(bits.data + 1, bits.len - 1);
    return 0;
}

static int positive_integer(struct cs_bytes *input, struct cs_bytes *number)
{
    struct cs_bytes n;
    int r = cs_der_expect(input, CS_DER_INTEGER, &n);

    if (r < 0 || n.len == 0 || n.data[0] & 0x80)
        return CS_ERR_PROTOCOL;
    if (n.len > 1 && n.data[0] == 0) {
        n = CS_BYTES(n.data + 1, n.len - 1);
        if (!(n.data[0] & 0x80)) /* not the shortest form */
            return CS_ERR_PROTOCOL;
    }
    *number = n;
    return 0;
}

int cs_der_rsa_public_key(struct cs_bytes key, struct cs_bytes *n, struct cs_bytes *e)
{
    struct cs_bytes sequence, modulus, exponent;

    if (cs_der_expect(&key, CS_DER_SEQUENCE, &sequence) < 0 || key.len != 0 ||
        positive_integer(&sequence, &modulus) < 0 || positive_integer(&sequence, &exponent) < 0 ||
        sequence.len != 0)
        return CS_ERR_PROTOCOL;
    *n = modulus;
    *e = exponent;
    return 0;
}

/* Into width bytes, big-endian. */
static int put_number(struct cs_bytes number, uint8_t *at, size_t width)
{
    if (number.len > width)
        return CS_ERR_PROTOCOL;
    memset(at, 0, width - number.len);
    memcpy(at + width - number.len, number.data, number.len);
    return 0;
}

int cs_der_ecdsa_raw(struct cs_bytes der, uint8_t *raw, size_t width)
{
    struct cs_bytes sequence, r, s;

    if (cs_der_expect(&der, CS_DER_SEQUENCE, &sequence) < 0 || der.len != 0 ||
        positive_integer(&sequence, &r) < 0 || positive_integer(&sequence, &s) < 0 ||
        sequence.len != 0 || put_number(r, raw, width) < 0 || put_number(s, raw + width, width) < 0)
        return CS_ERR_PROTOCOL;
    return 0;
}
