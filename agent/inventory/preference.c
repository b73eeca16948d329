/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which identity a server is to see, as the configuration says it. It is about choosing alone: what
 * may be signed is for rules to say.
 */
#include "inventory/preference.h"
#include "limit.h"

#include <countersign/error.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX 256
#define NONE "none"

static void deinit(struct cs_preference *preference)
{
    free(preference->host);
    cs_pattern_free(preference->key);
    free(preference->where);
}

static int set(struct cs_preference *preference, const char *host, const struct cs_setting *at,
    struct cs_fault *fault)
{
    struct cs_fault why = {0};
    int r = 0;

    if (strcmp(at->value, NONE) != 0)
        r = at->value[0] ? cs_pattern_new(at->value, &preference->key, &why) : CS_ERR_INVALID;
    if (r == CS_ERR_INVALID)
        return cs_setting_refuse(
            at, fault, at->value[0] ? why.text : "write a pkcs11: URI, an id or a label, or " NONE);
    preference->host = strdup(host);
    if (asprintf(&preference->where, "%s:%d", at->file, at->line) < 0)
        preference->where = NULL;
    return r == 0 && preference->host && preference->where ? 0 : CS_ERR_MEMORY;
}

/* The place of a host: what an earlier file said is said anew. */
static struct cs_preference *place_of(struct cs_preferences *preferences, const char *host)
{
    struct cs_preference *items;

    for (size_t i = 0; i < preferences->n; i++)
        if (strcmp(preferences->items[i].host, host) == 0)
            return &preferences->items[i];
    items = reallocarray(preferences->items, preferences->n + 1, sizeof(*items));
    if (!items)
        return NULL;
    preferences->items = items;
    items[preferences->n] = (struct cs_preference){0};
    return &items[preferences->n++];
}

int cs_preferences_take(struct cs_preferences *preferences, const char *host,
    const struct cs_setting *at, bool administrator, struct cs_fault *fault)
{
    struct cs_preference made = {.administrator = administrator}, *place;
    int r;

    if (strcmp(at->name, "identity") != 0)
        return cs_setting_refuse(at, fault, "no such setting in [host]: there is identity");
    if (strlen(host) >= HOST_MAX || strpbrk(host, "/ @"))
        return cs_setting_refuse(
            at, fault, "[host] wants a server's name, such as api.corp.example or *.corp.example");
    if (preferences->n >= CS_LIMIT_RULES)
        return cs_setting_refuse(at, fault, "there are too many [host] sections");
    r = set(&made, host, at, fault);
    place = r == 0 ? place_of(preferences, host) : NULL;
    if (!place) {
        deinit(&made);
        return r < 0 ? r : CS_ERR_MEMORY;
    }
    deinit(place);
    *place = made;
    return 0;
}

void cs_preferences_keep_user(struct cs_preferences *preferences, struct cs_preferences *older)
{
    for (size_t i = 0; i < older->n; i++) {
        struct cs_preference *item = &older->items[i], *place = NULL;

        if (!item->administrator)
            place = place_of(preferences, item->host);
        if (place) {
            struct cs_preference newer = *place;

            *place = *item;
            *item = newer;
        }
    }
}

void cs_preferences_deinit(struct cs_preferences *preferences)
{
    for (size_t i = 0; i < preferences->n; i++)
        deinit(&preferences->items[i]);
    free(preferences->items);
    *preferences = (struct cs_preferences){0};
}

/* How specific a name is: SIZE_MAX without a wildcard. */
static size_t rank(const char *host)
{
    return strpbrk(host, "*?[") ? strlen(host) : SIZE_MAX;
}

const struct cs_preference *cs_preferences_find(
    const struct cs_preferences *preferences, struct cs_bytes host)
{
    const struct cs_preference *best = NULL;
    char name[HOST_MAX];

    if (host.len >= sizeof(name))
        return NULL;
    snprintf(name, sizeof(name), "%.*s", (int)host.len, (const char *)host.data);
    for (size_t i = 0; i < preferences->n; i++) {
        const struct cs_preference *item = &preferences->items[i];

        if (fnmatch(item->host, name, FNM_CASEFOLD) == 0 &&
            (!best || rank(item->host) >= rank(best->host)))
            best = item;
    }
    return best;
}
