/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firefox's policies.json: one member is merged into what the administrator has there. json-c
 * writes the whole anew, in its own layout, so the file as it was is kept beside it until the
 * undoing.
 */
#include "cli/setup/edit.h"
#include "base/cleanup.h"

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NAME "Countersign"
#define MODULE "countersign-pkcs11.so"

static const char *const place[] = {"policies", "SecurityDevices", "Add"};
#define N_PLACE (sizeof(place) / sizeof(place[0]))

static void putp(struct json_object **objectp)
{
    json_object_put(*objectp);
}

static int parse(struct json_object **rootp, const struct cs_file *file, struct cs_fault *fault)
{
    struct json_tokener *tokener = json_tokener_new();
    int line = 1;

    if (!tokener || file->len > INT_MAX - 1) {
        if (tokener)
            json_tokener_free(tokener);
        return CS_ERR_MEMORY;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    *rootp = json_tokener_parse_ex(tokener, file->data, (int)file->len + 1);
    for (size_t i = 0; !*rootp && i < json_tokener_get_parse_end(tokener) && i < file->len; i++)
        line += file->data[i] == '\n';
    json_tokener_free(tokener);
    if (json_object_is_type(*rootp, json_type_object))
        return 0;
    json_object_put(*rootp);
    *rootp = NULL;
    return cs_fail(fault, CS_ERR_INVALID,
        "%s:%d: this is not a JSON object, so Firefox does not read it either: mend it first",
        file->path, line);
}

/* The object that lists modules; made on the way, or NULL. */
static struct json_object *descend(struct json_object *at, bool make)
{
    for (size_t i = 0; i < N_PLACE && at; i++) {
        struct json_object *next = NULL;

        if (!json_object_object_get_ex(at, place[i], &next) && make) {
            next = json_object_new_object();
            json_object_object_add(at, place[i], next);
        }
        at = json_object_is_type(next, json_type_object) ? next : NULL;
    }
    return at;
}

static const char *listed(struct json_object *root)
{
    struct json_object *module = NULL, *list = descend(root, false);

    if (!list || !json_object_object_get_ex(list, NAME, &module))
        return NULL;
    return json_object_get_string(module);
}

static bool is_ours(const char *library)
{
    const char *slash = library ? strrchr(library, '/') : NULL;

    return slash && strcmp(slash + 1, MODULE) == 0;
}

static char *to_text(struct json_object *root)
{
    const char *text = json_object_to_json_string_ext(
        root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
    char *copy;

    return text && asprintf(&copy, "%s\n", text) >= 0 ? copy : NULL;
}

/* What the file becomes with the module in it; NULL as *textp if it has it. */
static int merge(
    char **textp, const struct cs_file *file, const char *library, struct cs_fault *fault)
{
    CS_AUTO(putp) struct json_object *root = NULL;
    struct json_object *list;
    const char *before;
    int r = 0;

    *textp = NULL;
    if (file->there)
        r = parse(&root, file, fault);
    else
        root = json_object_new_object();
    if (r < 0)
        return r;
    before = listed(root);
    if (before && strcmp(before, library) == 0)
        return 0;
    list = descend(root, true);
    if (!list || (before && !is_ours(before)))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s has something of its own at policies/SecurityDevices/Add"
            "%s: nothing is changed",
            file->path, before ? "/" NAME : "");
    json_object_object_add(list, NAME, json_object_new_string(library));
    *textp = to_text(root);
    return *textp ? 0 : CS_ERR_MEMORY;
}

static int apply(struct cs_edit *edit, struct cs_fault *fault)
{
    char *text;
    int r = merge(&text, &edit->before, edit->content, fault);

    return r < 0 || !text ? r : cs_edit_become(edit, text);
}

/* Whether file, with the module, is what lies there now. */
static bool was(const struct cs_edit *edit, const struct cs_file *file, const char *library)
{
    CS_AUTO(cs_freep) char *text = NULL;

    return merge(&text, file, library, NULL) == 0 && text && strcmp(text, edit->before.data) == 0;
}

static int undo_by_copy(struct cs_edit *edit, const char *library, bool *donep)
{
    CS_AUTO(cs_freep) char *path = NULL;
    struct cs_file saved = {0};
    int r = 0;

    *donep = false;
    if (asprintf(&path, "%s" CS_EDIT_SAVED_SUFFIX, edit->path) < 0)
        return CS_ERR_MEMORY;
    if (cs_file_read(&saved, path, NULL) < 0)
        return 0;
    *donep = was(edit, &saved, library);
    if (*donep && saved.there)
        r = cs_edit_become(edit, strdup(saved.data));
    else if (*donep)
        cs_edit_vanish(edit);
    cs_file_deinit(&saved);
    return r;
}

static int undo(struct cs_edit *edit, struct cs_fault *fault)
{
    CS_AUTO(putp) struct json_object *root = NULL;
    const char *library;
    bool done;
    int r = edit->before.there ? parse(&root, &edit->before, fault) : 0;

    library = root ? listed(root) : NULL;
    if (r < 0 || !is_ours(library))
        return r;
    r = undo_by_copy(edit, library, &done);
    if (r < 0 || done)
        return r;
    json_object_object_del(descend(root, false), NAME);
    return cs_edit_become(edit, to_text(root));
}

const struct cs_edit_kind cs_edit_policies = {.apply = apply, .undo = undo};

static int save(struct cs_edit *edit, struct cs_fault *fault)
{
    CS_AUTO(putp) struct json_object *root = NULL;
    struct cs_file policies = {0};
    int r;

    if (edit->before.there)
        return 0;
    r = cs_file_read(&policies, edit->content, fault);
    if (r == 0 && policies.there)
        r = parse(&root, &policies, fault);
    if (r == 0 && root && !listed(root))
        r = cs_edit_become(edit, strdup(policies.data));
    cs_file_deinit(&policies);
    return r;
}

static int forget(struct cs_edit *edit, struct cs_fault *fault)
{
    (void)fault;
    cs_edit_vanish(edit);
    return 0;
}

const struct cs_edit_kind cs_edit_saved = {.apply = save, .undo = forget};
