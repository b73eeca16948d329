/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects are told and kept longer than the request they came with. Used by grant.c, consent.c. */
#include "consent/subject.h"

#include <stddef.h>
#include <string.h>

static const size_t strings[] = {
    offsetof(struct cs_subject, program),
    offsetof(struct cs_subject, name),
    offsetof(struct cs_subject, label),
    offsetof(struct cs_subject, token),
    offsetof(struct cs_subject, token_uri),
    offsetof(struct cs_subject, server),
    offsetof(struct cs_subject, certificate),
    offsetof(struct cs_subject, what),
};
#define N_STRINGS (sizeof(strings) / sizeof(strings[0]))

static const char **string_at(struct cs_subject *subject, size_t i)
{
    return (const char **)(void *)((char *)subject + strings[i]);
}

struct cs_subject *cs_subject_dup(const struct cs_subject *subject)
{
    struct cs_subject copy = *subject, *kept;
    size_t size = sizeof(copy);
    char *at;

    if (!copy.certificate)
        copy.certificate = "";
    for (size_t i = 0; i < N_STRINGS; i++)
        size += strlen(*string_at(&copy, i)) + 1;
    kept = malloc(size);
    if (!kept)
        return NULL;
    at = (char *)(kept + 1);
    for (size_t i = 0; i < N_STRINGS; i++) {
        const char *text = *string_at(&copy, i);

        *string_at(&copy, i) = at;
        at = stpcpy(at, text) + 1;
    }
    *kept = copy;
    return kept;
}

bool cs_subject_equal(const struct cs_subject *a, const struct cs_subject *b)
{
    return strcmp(a->program, b->program) == 0 && cs_executable_equal(&a->file, &b->file) &&
           memcmp(a->id, b->id, CS_ID_SIZE) == 0 && strcmp(a->what, b->what) == 0 &&
           strcmp(a->server, b->server) == 0;
}

/* The id is the hash of a public key, which every module may say that it has the private key of. */
bool cs_subject_is_shown_as(const struct cs_subject *subject, const struct cs_subject *shown)
{
    return cs_subject_equal(subject, shown) && strcmp(subject->token_uri, shown->token_uri) == 0 &&
           (!shown->label[0] || strcmp(subject->label, shown->label) == 0);
}
