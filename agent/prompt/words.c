/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the dialogs. Labels come from tokens and names from programs, so nothing of them is
 * believed: they cannot add a line to the dialog or end a command. Called by the prompt for the
 * dialog and by cs_ask_pin for its sentences.
 */
#include "prompt/words.h"

#include <stdio.h>
#include <string.h>

/* Code points that change how the text around them looks, beside the control characters. */
static bool deceives(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* A percent sign takes the room that it takes when it is carried: a name of many must not push what
 * stands behind it out of the dialog. */
void cs_words_clean(char *line, size_t size, struct cs_bytes text)
{
    static const char dots[] = "...";
    size_t len = 0, fits = 0; /* fits: where the dots would go */
    size_t more = 0;          /* of percent signs */

    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        size_t n = cs_bytes_character(CS_BYTES(text.data + i, text.len - i), &c);
        bool good = n > 0 && !deceives(c);
        size_t out = good ? n : 1;

        more += c == '%' ? 2 : 0;
        if (len + more + out >= size) {
            snprintf(line + fits, size - fits, "%s", dots);
            return;
        }
        if (good)
            memcpy(line + len, text.data + i, n);
        else
            line[len] = '?';
        len += out;
        i += n ? n : 1;
        if (len + more + sizeof(dots) <= size)
            fits = len;
    }
    line[len] = '\0';
}

/* The first line: what to do. */
static void say_task(
    char *line, size_t size, const char *token, const struct cs_prompt_request *request)
{
    bool change = request->flags & CS_PROMPT_FOR_CHANGE;

    if (request->kind == CS_PROMPT_NEW_PIN && request->max_len)
        snprintf(line, size, "Choose a new PIN of %u to %u characters for token '%s'.",
            request->min_len, request->max_len, token);
    else if (request->kind == CS_PROMPT_NEW_PIN)
        snprintf(line, size, "Choose a new PIN for token '%s'.", token);
    else if (request->kind == CS_PROMPT_KEYPAD && change)
        snprintf(line, size,
            "Change the PIN of token '%s' on the keypad of its reader: the present PIN first, then "
            "the new one.",
            token);
    else if (request->kind == CS_PROMPT_KEYPAD)
        snprintf(line, size, "Enter the PIN of token '%s' on the keypad of its reader.", token);
    else if (change)
        snprintf(line, size, "Enter the present PIN of token '%s', to change it.", token);
    else if (request->flags & CS_PROMPT_FOR_SIGNATURE)
        snprintf(line, size,
            "Enter the PIN of token '%s' to sign once: this key asks for it each time.", token);
    else
        snprintf(line, size, "Enter the PIN of token '%s'.", token);
}

static const char *purpose(uint32_t flags)
{
    if (flags & CS_PROMPT_SIGN_CSR)
        return "a certificate request for this key";
    if (flags & CS_PROMPT_SIGN_DIGEST)
        return "not known (it hands over a hash alone)";
    if (flags & CS_PROMPT_SIGN_DATA)
        return "data that is no login to a server, such as a mail or a document";
    return "a login to a server whose name is not known";
}

/* How a server is called; one without a name is told by its certificate. */
static const char *which_server(const char *host)
{
    return !*host ? "a server whose name is not known"
           : strncmp(host, CS_HOST_BY_CERTIFICATE, strlen(CS_HOST_BY_CERTIFICATE)) == 0
               ? "a server without a name, with the certificate "
               : "the server ";
}

/* The question which certificate: this one or another. */
static void say_show(struct cs_words *words, const struct cs_prompt_request *request)
{
    char token[72], key[96], program[128], certificate[256], host[128];

    cs_words_clean(token, sizeof(token), request->token);
    cs_words_clean(key, sizeof(key), request->key);
    cs_words_clean(program, sizeof(program), request->program);
    cs_words_clean(certificate, sizeof(certificate), request->certificate);
    cs_words_clean(host, sizeof(host), request->host);
    snprintf(words->description, sizeof(words->description),
        "Several of your certificates suit %s%s. Show it this one?\n\nKey: %s on token %s\n"
        "Certificate: %s\nAsked by: %s",
        which_server(host), host, key, token, certificate, program);
}

/* The question of a consent: who, with what, for what. Of an interpreter, only the way it was
 * started tells which script it runs. */
static void say_consent(struct cs_words *words, const struct cs_prompt_request *request)
{
    char token[72], key[96], program[200], command[128], host[128];

    cs_words_clean(token, sizeof(token), request->token);
    cs_words_clean(key, sizeof(key), request->key);
    cs_words_clean(program, sizeof(program), request->program);
    cs_words_clean(command, sizeof(command), request->command);
    cs_words_clean(host, sizeof(host), request->host);
    snprintf(words->description, sizeof(words->description),
        "May this program sign with your key '%s' on token '%s'?\n\nProgram: %s%s%s\nFor: %s%s",
        key, token, program, *command ? "\nStarted as: " : "", command,
        *host ? "a login to the server " : purpose(request->flags), host);
}

void cs_words_for(struct cs_words *words, const struct cs_prompt_request *request)
{
    char token[72], key[96], program[128], task[240];
    const char *warning = "";

    words->error[0] = '\0';
    if (request->kind == CS_PROMPT_CONSENT) {
        (request->flags & CS_PROMPT_SHOW ? say_show : say_consent)(words, request);
        return;
    }
    cs_words_clean(token, sizeof(token), request->token);
    cs_words_clean(key, sizeof(key), request->key);
    cs_words_clean(program, sizeof(program), request->program);
    cs_words_clean(words->error, sizeof(words->error), request->error);
    say_task(task, sizeof(task), token, request);
    if (request->flags & CS_PROMPT_FINAL_TRY)
        warning = "\n\nThis is the last try: one more wrong PIN blocks the token.";
    else if (request->flags & CS_PROMPT_COUNT_LOW)
        warning = "\n\nA wrong PIN was entered before. Few tries are left: more wrong ones block "
                  "the token.";
    snprintf(words->description, sizeof(words->description), "%s%s%s%s%s%s%s", task,
        *key || *program ? "\n" : "", *key ? "\nKey: " : "", key, *program ? "\nAsked by: " : "",
        program, warning);
}

void cs_words_line(char *line, size_t size, const char *command, const char *text)
{
    struct cs_bytes rest = cs_bytes_of(text);
    size_t len = (size_t)snprintf(line, size, "%s ", command);

    while (rest.len) {
        size_t n = cs_bytes_utf8(rest);
        bool plain = *rest.data >= 0x20 && *rest.data != '%' && *rest.data != 0x7f;
        size_t out = plain ? (n ? n : 1) : 3;

        if (len + out >= size)
            break;
        if (plain)
            memcpy(line + len, rest.data, out);
        else
            snprintf(line + len, 4, "%%%02X", *rest.data);
        len += out;
        rest = CS_BYTES(rest.data + (n ? n : 1), rest.len - (n ? n : 1));
    }
    line[len] = '\0';
}
