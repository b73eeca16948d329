/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in and out of messages. All integers are big-endian. Every message of the socket and of
 * the token hosts passes through here, and nothing else looks at raw offsets. Nothing secret does:
 * PINs live in cs_secret alone.
 */
#include "base/buf.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

struct cs_bytes cs_bytes_of(const char *string)
{
    return CS_BYTES(string, string ? strlen(string) : 0);
}

bool cs_bytes_equal(struct cs_bytes a, struct cs_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int cs_bytes_compare(struct cs_bytes a, struct cs_bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

/* RFC 3629: no surrogates, nothing overlong. */
size_t cs_bytes_utf8(struct cs_bytes bytes)
{
    const uint8_t *p = bytes.data;
    size_t n = bytes.len == 0 ? 0
               : p[0] < 0x80  ? 1
               : p[0] < 0xc2  ? 0
               : p[0] < 0xe0  ? 2
               : p[0] < 0xf0  ? 3
               : p[0] < 0xf5  ? 4
                              : 0;

    if (n == 0 || n > bytes.len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
        return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

size_t cs_bytes_character(struct cs_bytes bytes, uint32_t *characterp)
{
    size_t n = cs_bytes_utf8(bytes);
    uint32_t c;

    if (n == 0)
        return 0;
    c = n == 1 ? bytes.data[0] : bytes.data[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (bytes.data[i] & 0x3f);
    *characterp = c;
    return n;
}

bool cs_bytes_is_string(struct cs_bytes bytes)
{
    for (size_t i = 0; i < bytes.len;) {
        size_t n = bytes.data[i] ? cs_bytes_utf8(CS_BYTES(bytes.data + i, bytes.len - i)) : 0;

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

char *cs_bytes_dup(struct cs_bytes bytes)
{
    char *copy = malloc(bytes.len + 1);

    if (!copy)
        return NULL;
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    copy[bytes.len] = '\0';
    return copy;
}

struct cs_bytes cs_bytes_store(struct cs_bytes bytes, uint8_t **atp)
{
    struct cs_bytes copy = CS_BYTES(*atp, bytes.len);

    if (bytes.len)
        memcpy(*atp, bytes.data, bytes.len);
    *atp += bytes.len;
    return copy;
}

void cs_buf_deinit(struct cs_buf *buf)
{
    free(buf->data);
    *buf = CS_BUF_INIT(buf->max);
}

void cs_buf_reset(struct cs_buf *buf)
{
    buf->len = 0;
    buf->error = 0;
}

struct cs_bytes cs_buf_bytes(const struct cs_buf *buf)
{
    return CS_BYTES(buf->data, buf->len);
}

static int reserve(struct cs_buf *buf, size_t len)
{
    size_t cap = buf->cap ? buf->cap : 256;
    uint8_t *data;

    if (len > buf->max || buf->len > buf->max - len)
        return CS_ERR_TOO_LARGE;
    if (buf->len + len <= buf->cap)
        return 0;
    while (cap < buf->len + len)
        cap *= 2;
    data = realloc(buf->data, cap);
    if (!data)
        return CS_ERR_MEMORY;
    buf->data = data;
    buf->cap = cap;
    return 0;
}

uint8_t *cs_buf_extend(struct cs_buf *buf, size_t len)
{
    uint8_t *at;

    if (!buf->error)
        buf->error = reserve(buf, len);
    if (buf->error)
        return NULL;
    at = buf->data ? buf->data + buf->len : NULL; /* nothing put into nothing has no address */
    buf->len += len;
    return at;
}

void cs_buf_consume(struct cs_buf *buf, size_t len)
{
    if (len > buf->len)
        len = buf->len;
    buf->len -= len;
    if (buf->len)
        memmove(buf->data, buf->data + len, buf->len);
}

void cs_buf_put(struct cs_buf *buf, const void *data, size_t len)
{
    uint8_t *at = cs_buf_extend(buf, len);

    if (at && len)
        memcpy(at, data, len);
}

static void put_number(struct cs_buf *buf, uint64_t value, size_t size)
{
    uint8_t *at = cs_buf_extend(buf, size);

    for (size_t i = 0; at && i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

void cs_buf_put_u8(struct cs_buf *buf, uint8_t value)
{
    put_number(buf, value, 1);
}

void cs_buf_put_u16(struct cs_buf *buf, uint16_t value)
{
    put_number(buf, value, 2);
}

void cs_buf_put_u32(struct cs_buf *buf, uint32_t value)
{
    put_number(buf, value, 4);
}

void cs_buf_put_u64(struct cs_buf *buf, uint64_t value)
{
    put_number(buf, value, 8);
}

void cs_buf_put_bytes(struct cs_buf *buf, struct cs_bytes bytes)
{
    if (bytes.len > UINT32_MAX) {
        buf->error = CS_ERR_TOO_LARGE;
        return;
    }
    cs_buf_put_u32(buf, (uint32_t)bytes.len);
    cs_buf_put(buf, bytes.data, bytes.len);
}

void cs_buf_put_string(struct cs_buf *buf, const char *string)
{
    cs_buf_put_bytes(buf, cs_bytes_of(string));
}

void cs_buf_set_u32(struct cs_buf *buf, size_t offset, uint32_t value)
{
    if (buf->error || buf->len < 4 || offset > buf->len - 4)
        return;
    for (size_t i = 0; i < 4; i++)
        buf->data[offset + i] = (uint8_t)(value >> (8 * (3 - i)));
}

struct cs_reader cs_reader_of(struct cs_bytes bytes)
{
    return (struct cs_reader){.data = bytes.data, .left = bytes.len};
}

struct cs_bytes cs_get_raw(struct cs_reader *reader, size_t len)
{
    struct cs_bytes raw = {0};

    if (!reader->error && len > reader->left)
        reader->error = CS_ERR_PROTOCOL;
    if (reader->error)
        return raw;
    raw = CS_BYTES(reader->data, len);
    if (len)
        reader->data += len;
    reader->left -= len;
    return raw;
}

static uint64_t get_number(struct cs_reader *reader, size_t size)
{
    struct cs_bytes raw = cs_get_raw(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; i < raw.len; i++)
        value = value << 8 | raw.data[i];
    return value;
}

uint8_t cs_get_u8(struct cs_reader *reader)
{
    return (uint8_t)get_number(reader, 1);
}

uint16_t cs_get_u16(struct cs_reader *reader)
{
    return (uint16_t)get_number(reader, 2);
}

uint32_t cs_get_u32(struct cs_reader *reader)
{
    return (uint32_t)get_number(reader, 4);
}

uint64_t cs_get_u64(struct cs_reader *reader)
{
    return get_number(reader, 8);
}

struct cs_bytes cs_get_bytes(struct cs_reader *reader)
{
    return cs_get_raw(reader, cs_get_u32(reader));
}

struct cs_bytes cs_get_string(struct cs_reader *reader)
{
    struct cs_bytes string = cs_get_bytes(reader);

    if (cs_bytes_is_string(string))
        return string;
    reader->error = CS_ERR_PROTOCOL;
    return (struct cs_bytes){0};
}

uint32_t cs_get_count(struct cs_reader *reader, size_t least)
{
    uint32_t count = cs_get_u32(reader);

    if (!reader->error && least && count > reader->left / least)
        reader->error = CS_ERR_PROTOCOL;
    return reader->error ? 0 : count;
}

int cs_reader_end(const struct cs_reader *reader)
{
    if (reader->error)
        return reader->error;
    return reader->left ? CS_ERR_PROTOCOL : 0;
}
