/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings of JSON. What stands in them comes from strangers: whatever it is, the result is one line
 * of ASCII that every parser reads. Used by the agent's audit and the command line. And markup, for
 * notices.
 */
#include "base/escape.h"

#include <string.h>
#include "base/hex.h"

static void put_unit(struct cs_buf *buf, unsigned unit)
{
    const uint8_t bytes[] = {(uint8_t)(unit >> 8), (uint8_t)unit};
    char text[] = "\\u0000";

    cs_hex_write(bytes, sizeof(bytes), text + 2);
    cs_buf_put(buf, text, sizeof(text) - 1);
}

void cs_escape_character(struct cs_buf *buf, uint32_t character)
{
    if (character > 0xffff) {
        put_unit(buf, 0xd7c0 + (character >> 10));
        put_unit(buf, 0xdc00 | (character & 0x3ff));
    } else {
        put_unit(buf, character);
    }
}

/* How many bytes at the front stand for themselves. */
static size_t plain(struct cs_bytes text)
{
    size_t n = 0;

    while (n < text.len && text.data[n] >= 0x20 && text.data[n] < 0x7f && text.data[n] != '"' &&
           text.data[n] != '\\')
        n++;
    return n;
}

void cs_escape_string(struct cs_buf *buf, struct cs_bytes text)
{
    cs_buf_put_u8(buf, '"');
    while (text.len > 0) {
        size_t n = plain(text);
        uint32_t c = 0xfffd;

        if (n > 0) {
            cs_buf_put(buf, text.data, n);
        } else if (*text.data == '"' || *text.data == '\\') {
            n = 1;
            cs_buf_put_u8(buf, '\\');
            cs_buf_put_u8(buf, *text.data);
        } else {
            n = cs_bytes_character(text, &c);
            n = n ? n : 1;
            cs_escape_character(buf, c);
        }
        text = CS_BYTES(text.data + n, text.len - n);
    }
    cs_buf_put_u8(buf, '"');
}

void cs_escape_hex(struct cs_buf *buf, struct cs_bytes bytes)
{
    uint8_t *out = cs_buf_extend(buf, 2 * bytes.len + 1);

    if (!out)
        return;
    cs_hex_write(bytes.data, bytes.len, (char *)out);
    buf->len--; /* its zero */
}

void cs_escape_markup(const char *text, char *out, size_t size)
{
    struct cs_bytes rest = cs_bytes_of(text);
    size_t len = 0;

    while (rest.len > 0) {
        size_t taken = cs_bytes_utf8(rest), n;
        struct cs_bytes put = taken ? CS_BYTES(rest.data, taken) : cs_bytes_of("?");

        if (*rest.data == '&')
            put = cs_bytes_of("&amp;");
        else if (*rest.data == '<')
            put = cs_bytes_of("&lt;");
        else if (*rest.data == '>')
            put = cs_bytes_of("&gt;");
        if (len + put.len >= size)
            break;
        memcpy(out + len, put.data, put.len);
        len += put.len;
        n = taken ? taken : 1;
        rest = CS_BYTES(rest.data + n, rest.len - n);
    }
    out[len] = '\0';
}
