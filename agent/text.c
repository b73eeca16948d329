/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes made fit for people. Labels, program names and module texts come from strangers; they go
 * to terminals, logs and prompts through here.
 */
#include "text.h"

/* The bytes of the printable character at the front, 0 if there is none. */
static size_t character(struct cs_bytes bytes)
{
    size_t n = cs_bytes_utf8(bytes);

    if (n == 1 && (bytes.data[0] < 0x20 || bytes.data[0] == 0x7f))
        return 0;
    if (n == 2 && bytes.data[0] == 0xc2 && bytes.data[1] < 0xa0)
        return 0; /* C1 control characters */
    return n;
}

char *cs_text_clean(struct cs_bytes bytes, char *out, size_t size)
{
    size_t at = 0;

    while (bytes.len > 0) {
        size_t n = character(bytes);
        size_t taken = n ? n : 1;

        if (at + taken >= size)
            break;
        for (size_t i = 0; i < taken; i++)
            out[at++] = n ? (char)bytes.data[i] : '?';
        bytes.data += taken;
        bytes.len -= taken;
    }
    out[at] = '\0';
    return out;
}

bool cs_text_is_clean(struct cs_bytes bytes)
{
    while (bytes.len > 0) {
        size_t n = character(bytes);

        if (n == 0)
            return false;
        bytes.data += n;
        bytes.len -= n;
    }
    return true;
}
