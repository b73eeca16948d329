/* SPDX-License-Identifier: Apache-2.0 */
/* Modules pad their texts with blanks, as they should, or with NULs: here that ends. */
#include "token-host/token-info.h"
#include "prompt/words.h"

#include <stdio.h>
#include <string.h>

static void pad_with_blanks(CK_UTF8CHAR *field, size_t size)
{
    while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
        field[--size] = ' ';
}

CK_RV cs_token_info_get(struct cs_module *module, CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = CS_MODULE_CALL(module, C_GetTokenInfo(slot, info));

    if (rv != CKR_OK)
        return rv;
    pad_with_blanks(info->label, sizeof(info->label));
    pad_with_blanks(info->manufacturerID, sizeof(info->manufacturerID));
    pad_with_blanks(info->model, sizeof(info->model));
    pad_with_blanks(info->serialNumber, sizeof(info->serialNumber));
    return CKR_OK;
}

struct cs_bytes cs_token_info_text(const CK_UTF8CHAR *field, size_t size)
{
    while (size > 0 && field[size - 1] == ' ')
        size--;
    return CS_BYTES(field, size);
}

bool cs_token_info_is(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return memcmp(a->label, b->label, sizeof(a->label)) == 0 &&
           memcmp(a->manufacturerID, b->manufacturerID, sizeof(a->manufacturerID)) == 0 &&
           memcmp(a->model, b->model, sizeof(a->model)) == 0 &&
           memcmp(a->serialNumber, b->serialNumber, sizeof(a->serialNumber)) == 0;
}

/* With the word only if a shell takes it as it is. */
static void set_unlock(struct cs_token_words *words, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    bool simple = *word && *word != '-' && word[strspn(word, plain)] == '\0';

    snprintf(words->unlock, sizeof(words->unlock), "countersign unlock%s%s", simple ? " " : "",
        simple ? word : "");
}

void cs_token_info_words(
    const CK_TOKEN_INFO *info, struct cs_token_words *by_label, struct cs_token_words *by_serial)
{
    char label[72], serial[72];

    cs_words_clean(label, sizeof(label), CS_TOKEN_INFO_TEXT(info->label));
    cs_words_clean(serial, sizeof(serial), CS_TOKEN_INFO_TEXT(info->serialNumber));
    snprintf(by_label->name, sizeof(by_label->name), "%s", *label ? label : serial);
    set_unlock(by_label, by_label->name);
    *by_serial = *by_label;
    if (!*serial)
        return;
    snprintf(by_serial->name, sizeof(by_serial->name), "%s (serial %s)", label, serial);
    set_unlock(by_serial, serial);
}
