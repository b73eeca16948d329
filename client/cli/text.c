/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels come from tokens, subjects from certificates, sentences from an agent: none of them is
 * believed. Whatever reaches the terminal in tables and errors passes cs_text_safe; after it, text
 * is printable UTF-8 in one line, which the other functions here rely on. Widths are wcwidth's, in
 * the locale that main has set.
 */
#include "cli/text.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define LINE_MIN 20
#define ESCAPED_MAX 11 /* of a character: \U0010ffff; of a byte: \xff */

static bool locale_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Characters without a look of their own that change the look of others. */
static bool deceives(uint32_t c)
{
    return c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static bool shows(uint32_t c, bool utf8)
{
    if (c < 0x80)
        return c >= 0x20 && c < 0x7f;
    return utf8 && wcwidth((wchar_t)c) >= 0 && !deceives(c);
}

char *cs_text_safe(struct cs_bytes text)
{
    bool utf8 = locale_is_utf8();
    char *safe = malloc(text.len * ESCAPED_MAX + 1);
    char *out = safe;

    if (!safe)
        return NULL;
    for (size_t i = 0; i < text.len;) {
        uint32_t c = text.data[i];
        size_t n = cs_bytes_character(CS_BYTES(text.data + i, text.len - i), &c);

        if (n && shows(c, utf8))
            out = mempcpy(out, text.data + i, n);
        else if (n <= 1)
            out += sprintf(out, "\\x%02x", (unsigned)c);
        else
            out += sprintf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
        i += n ? n : 1;
    }
    *out = '\0';
    return safe;
}

char *cs_text_quoted(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./,:@%+";
    char *quoted = malloc(4 * strlen(text) + 3);
    char *out = quoted;

    if (!quoted)
        return NULL;
    if (*text && !text[strspn(text, plain)]) {
        strcpy(quoted, text);
        return quoted;
    }
    *out++ = '\'';
    for (; *text; text++)
        out = *text == '\'' ? mempcpy(out, "'\\''", 4) : mempcpy(out, text, 1);
    strcpy(out, "'");
    return quoted;
}

/* The bytes of the first character, and its width. */
static size_t first(const char *text, size_t *widthp)
{
    uint32_t c = 0;
    size_t n = cs_bytes_character(CS_BYTES(text, strnlen(text, 4)), &c);
    int width = n > 1 ? wcwidth((wchar_t)c) : 1;

    *widthp = width > 0 ? (size_t)width : 0;
    return n ? n : 1;
}

size_t cs_text_width(const char *text)
{
    size_t width = 0, w;

    for (; *text; text += first(text, &w), width += w)
        ;
    return width;
}

/* How many bytes at the front fit into width. */
static size_t head(const char *text, size_t width)
{
    size_t at = 0, w;

    while (text[at]) {
        size_t n = first(text + at, &w);

        if (w > width)
            break;
        width -= w;
        at += n;
    }
    return at;
}

char *cs_text_cut(const char *text, size_t width, enum cs_cut cut)
{
    const char *dots = locale_is_utf8() ? "…" : "...";
    size_t whole = cs_text_width(text), dots_width = cs_text_width(dots), from, front;
    char *copy;

    if (cut == CS_CUT_NEVER || whole <= width)
        return strdup(text);
    if (width <= dots_width)
        return strndup(dots, head(dots, width));
    width -= dots_width;
    front = cut == CS_CUT_END ? width : (width + 1) / 2;
    /* The tail begins behind what must go: round up, a wide character may straddle the edge. */
    from = head(text, whole - (width - front));
    if (cs_text_width(text + from) > width - front) {
        size_t w;

        from += first(text + from, &w);
    }
    if (asprintf(&copy, "%.*s%s%s", (int)head(text, front), text, dots, text + from) < 0)
        return NULL;
    return copy;
}

/* The first line of a paragraph: whole words, or one that is too long for any line. */
static size_t line_of(const char *text, size_t room)
{
    size_t n = head(text, room);

    if (!text[n] || text[n] == ' ')
        return n;
    for (size_t i = n; i > 0; i--)
        if (text[i - 1] == ' ')
            return i - 1;
    return strcspn(text, " ");
}

void cs_text_fill(FILE *out, const char *text, size_t at, size_t indent, size_t width)
{
    size_t room = width > indent + LINE_MIN ? width - indent : LINE_MIN;

    do {
        size_t n, shown;

        text += strspn(text, " ");
        n = shown = line_of(text, room);
        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        fprintf(out, "%*s%.*s\n", (int)(indent - at), "", (int)shown, text);
        text += n;
        at = 0;
    } while (text[strspn(text, " ")]);
}
