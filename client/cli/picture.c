/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and identities, and the words for them. Nothing here is safe for a terminal yet. */
#include "cli/picture.h"
#include "base/hex.h"
#include "base/scheme.h"

#include <stdlib.h>
#include <string.h>

static const char *token_label(
    const struct cs_picture *picture, const struct countersign_identity *identity)
{
    const struct countersign_token *token =
        cs_picture_token(picture, countersign_identity_token_uri(identity));

    return token ? countersign_token_label(token) : "";
}

static int compare(const void *left, const void *right, void *picture)
{
    const struct countersign_identity *a = *(const struct countersign_identity *const *)left;
    const struct countersign_identity *b = *(const struct countersign_identity *const *)right;
    int order = strcmp(token_label(picture, a), token_label(picture, b));

    if (order == 0)
        order = strcmp(countersign_identity_label(a, NULL), countersign_identity_label(b, NULL));
    if (order == 0)
        order = memcmp(countersign_identity_id(a), countersign_identity_id(b), CS_ID_SIZE);
    return order;
}

/* The agent's order follows what happens on the tokens; a person looks for the same place. */
static int sort(struct cs_picture *picture)
{
    size_t n = countersign_list_n(picture->identities);

    picture->sorted = calloc(n + 1, sizeof(*picture->sorted));
    if (!picture->sorted)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        picture->sorted[i] = countersign_list_identity(picture->identities, i);
    picture->n_identities = n;
    qsort_r(picture->sorted, n, sizeof(*picture->sorted), compare, picture);
    return 0;
}

int cs_picture_get(struct cs_picture *picture, struct cs_cli *cli)
{
    struct cs_picture got = {0};
    int r;

    r = countersign_list_tokens(cli->client, &got.tokens, &cli->fault);
    if (r == 0)
        r = countersign_list_identities(cli->client, &got.identities, &cli->fault);
    if (r == 0)
        r = sort(&got);
    if (r < 0) {
        cs_picture_deinit(&got);
        return r;
    }
    *picture = got;
    return 0;
}

void cs_picture_deinit(struct cs_picture *picture)
{
    free(picture->sorted);
    countersign_list_free(picture->tokens);
    countersign_list_free(picture->identities);
    *picture = (struct cs_picture){0};
}

const struct countersign_token *cs_picture_token(const struct cs_picture *picture, const char *uri)
{
    const struct countersign_token *token;

    for (size_t i = 0; (token = countersign_list_token(picture->tokens, i)); i++)
        if (strcmp(countersign_token_uri(token), uri) == 0)
            return token;
    return NULL;
}

/* Digits that two ids have in common; the same key on two tokens has the same id. */
static size_t common(const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < CS_ID_SIZE; i++)
        if (a[i] != b[i])
            return 2 * i + ((a[i] ^ b[i]) < 0x10);
    return 0;
}

size_t cs_picture_digits(const struct cs_picture *picture)
{
    size_t digits = 8;

    for (size_t i = 0; i < picture->n_identities; i++)
        for (size_t j = i + 1; j < picture->n_identities; j++) {
            size_t same = common(countersign_identity_id(picture->sorted[i]),
                countersign_identity_id(picture->sorted[j]));

            digits = same >= digits ? same + 1 : digits;
        }
    return digits;
}

void cs_identity_hex(char *text, const struct countersign_identity *identity)
{
    cs_hex_write(countersign_identity_id(identity), CS_ID_SIZE, text);
}

static const char *curve(const char *group)
{
    static const char *const names[][2] = {
        {"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(group, names[i][0]) == 0)
            return names[i][1];
    return group;
}

void cs_identity_key(char *text, size_t size, const struct countersign_identity *identity)
{
    int type = countersign_identity_key_type(identity);
    const char *name = cs_key_type_name((enum cs_key_type)type);

    if (type == CS_KEY_EC)
        snprintf(text, size, "%s %s", name, curve(countersign_identity_group(identity)));
    else if (type == CS_KEY_RSA || type == CS_KEY_RSA_PSS)
        snprintf(text, size, "%s %u", name, countersign_identity_bits(identity));
    else
        snprintf(text, size, "%s", name);
}

const char *cs_token_state(const struct countersign_token *token)
{
    unsigned flags;

    if (!token)
        return "gone";
    flags = countersign_token_flags(token);
    if (!(flags & CS_TOKEN_LOGIN_REQUIRED))
        return "open";
    if (flags & CS_TOKEN_UNLOCKED)
        return "unlocked";
    return flags & CS_TOKEN_PIN_BLOCKED ? "blocked" : "locked";
}

void cs_token_note(char *text, size_t size, const struct countersign_token *token)
{
    static const struct {
        unsigned flag;
        const char *words;
    } warnings[] = {
        {CS_TOKEN_PIN_BLOCKED, "its PIN is blocked: its administrator can set a new one"},
        {CS_TOKEN_PIN_FINAL_TRY, "one more wrong PIN blocks it"},
        {CS_TOKEN_PIN_COUNT_LOW, "a wrong PIN was entered before"},
    };
    unsigned flags = countersign_token_flags(token);
    bool locked = !(flags & CS_TOKEN_UNLOCKED);
    const char *why = locked ? countersign_token_why(token) : "";
    int n = snprintf(text, size, "%s", why);

    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
        if (flags & warnings[i].flag) {
            snprintf(text + n, size - (size_t)n, "%s%s", n > 0 ? "; " : "", warnings[i].words);
            return;
        }
}
