/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search is done when it begins, so what happens to the picture meanwhile does not matter. A
 * class we do not have is no error: browsers look for trust objects all the time.
 */
#include "pkcs11/find.h"
#include "pkcs11/attribute.h"
#include "pkcs11/module.h"

void cs_search_end(struct cs_search *search)
{
    free(search->found);
    *search = (struct cs_search){0};
}

static bool matches(const struct cs_object *object, const CK_ATTRIBUTE *template, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        struct cs_attribute attribute;

        if (cs_attribute_get(object, template[i].type, &attribute) != CKR_OK ||
            !cs_bytes_equal(attribute.value, CS_BYTES(template[i].pValue, template[i].ulValueLen)))
            return false;
    }
    return true;
}

static bool is_bad(const CK_ATTRIBUTE *template, CK_ULONG count)
{
    if (!template && count)
        return true;
    for (CK_ULONG i = 0; i < count; i++)
        if (!template[i].pValue && template[i].ulValueLen)
            return true;
    return false;
}

static CK_RV search_begin(struct cs_search *search, const struct cs_view_token *token,
    const CK_ATTRIBUTE *template, CK_ULONG count)
{
    search->found = calloc(token->n_objects ? token->n_objects : 1, sizeof(search->found[0]));
    if (!search->found)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < token->n_objects; i++)
        if (matches(&token->objects[i], template, count))
            search->found[search->n++] = token->objects[i].handle;
    search->active = true;
    return CKR_OK;
}

CK_RV cs_find_objects_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, true, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (is_bad(template, count))
        return CKR_ARGUMENTS_BAD;
    if (session->search.active)
        return CKR_OPERATION_ACTIVE;
    return search_begin(
        &session->search, cs_slot_get(module, session->slot)->token, template, count);
}

CK_RV cs_find_objects(
    CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    struct cs_search *search;
    CK_ULONG n = 0;

    if (rv != CKR_OK)
        return rv;
    if (!count || (!objects && max))
        return CKR_ARGUMENTS_BAD;
    search = &session->search;
    if (!search->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    while (n < max && search->at < search->n)
        objects[n++] = search->found[search->at++];
    *count = n;
    return CKR_OK;
}

CK_RV cs_find_objects_final(CK_SESSION_HANDLE handle)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (!session->search.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    cs_search_end(&session->search);
    return CKR_OK;
}
