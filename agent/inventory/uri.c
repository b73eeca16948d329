/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs11: URIs. p11-kit parses and escapes them. A PIN in a URI (pin-value, pin-source) is never
 * looked at; slots and libraries are no property of a key, so they decide nothing.
 */
#include "inventory/uri.h"

#include <string.h>

/* PKCS#11 pads with blanks and has no end mark. */
static void fill(unsigned char *field, size_t size, struct cs_bytes bytes)
{
    size_t n = bytes.len < size ? bytes.len : size;

    memset(field, ' ', size);
    if (n)
        memcpy(field, bytes.data, n);
}

static void fill_token(CK_TOKEN_INFO *info, const struct cs_token *token)
{
    fill(info->label, sizeof(info->label), token->label);
    fill(info->manufacturerID, sizeof(info->manufacturerID), token->manufacturer);
    fill(info->model, sizeof(info->model), token->model);
    fill(info->serialNumber, sizeof(info->serialNumber), token->serial);
}

/* A string of our own from p11-kit's. */
static char *format(P11KitUri *uri, P11KitUriType type)
{
    char *text = NULL;
    char *copy = NULL;

    if (p11_kit_uri_format(uri, type, &text) == P11_KIT_URI_OK)
        copy = strdup(text);
    free(text);
    return copy;
}

char *cs_uri_of_token(const struct cs_token *token)
{
    CS_AUTO(p11_kit_uri_freep) P11KitUri *uri = p11_kit_uri_new();

    if (!uri)
        return NULL;
    fill_token(p11_kit_uri_get_token_info(uri), token);
    return format(uri, P11_KIT_URI_FOR_TOKEN);
}

static void set_bytes(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, struct cs_bytes bytes)
{
    CK_ATTRIBUTE attribute = {type, (void *)bytes.data, bytes.len};

    if (bytes.len)
        p11_kit_uri_set_attribute(uri, &attribute);
}

char *cs_uri_of_object(
    const struct cs_token *token, struct cs_bytes label, struct cs_bytes cka_id, const char *type)
{
    CS_AUTO(p11_kit_uri_freep) P11KitUri *uri = p11_kit_uri_new();
    CK_OBJECT_CLASS class = strcmp(type, "cert") == 0 ? CKO_CERTIFICATE : CKO_PRIVATE_KEY;
    CK_ATTRIBUTE attribute = {CKA_CLASS, &class, sizeof(class)};

    if (!uri)
        return NULL;
    fill_token(p11_kit_uri_get_token_info(uri), token);
    set_bytes(uri, CKA_ID, cka_id);
    set_bytes(uri, CKA_LABEL, label);
    p11_kit_uri_set_attribute(uri, &attribute);
    return format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN);
}

int cs_uri_parse(const char *text, P11KitUri **urip, struct cs_fault *fault)
{
    CS_AUTO(p11_kit_uri_freep) P11KitUri *uri = p11_kit_uri_new();
    int r;

    if (!uri)
        return CS_ERR_MEMORY;
    r = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
    /* P11_KIT_URI_UNEXPECTED is lack of memory, but also an attribute's name that is not ASCII. */
    if (r != P11_KIT_URI_OK)
        return cs_fail(fault, CS_ERR_INVALID,
            "this is no pkcs11: URI as RFC 7512 wants it (%s): 'countersign list' shows those "
            "there are",
            r == P11_KIT_URI_BAD_ENCODING ? "bad percent encoding" : "bad syntax");
    *urip = cs_steal(&uri);
    return 0;
}

bool cs_uri_is_about_keys(P11KitUri *uri)
{
    CS_AUTO(p11_kit_uri_freep) P11KitUri *plain = p11_kit_uri_new();

    return plain && !p11_kit_uri_any_unrecognized(uri) &&
           p11_kit_uri_get_slot_id(uri) == p11_kit_uri_get_slot_id(plain) &&
           memcmp(p11_kit_uri_get_slot_info(uri), p11_kit_uri_get_slot_info(plain),
               sizeof(CK_SLOT_INFO)) == 0 &&
           memcmp(p11_kit_uri_get_module_info(uri), p11_kit_uri_get_module_info(plain),
               sizeof(CK_INFO)) == 0;
}

bool cs_uri_fits_token(P11KitUri *uri, const struct cs_token *token)
{
    CK_TOKEN_INFO info = {0};

    fill_token(&info, token);
    return p11_kit_uri_match_token_info(uri, &info) == 1;
}

static bool fits(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, struct cs_bytes bytes)
{
    const CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(uri, type);

    return !attribute || cs_bytes_equal(CS_BYTES(attribute->pValue, attribute->ulValueLen), bytes);
}

bool cs_uri_fits_id(P11KitUri *uri, struct cs_bytes cka_id)
{
    return fits(uri, CKA_ID, cka_id);
}

bool cs_uri_fits_label(P11KitUri *uri, struct cs_bytes label)
{
    return fits(uri, CKA_LABEL, label);
}

bool cs_uri_fits_object(P11KitUri *uri, const struct cs_object *object)
{
    return cs_uri_fits_label(uri, object->label) && cs_uri_fits_id(uri, object->cka_id);
}

bool cs_uri_has_label(P11KitUri *uri)
{
    return p11_kit_uri_get_attribute(uri, CKA_LABEL);
}

bool cs_uri_has_id(P11KitUri *uri)
{
    return p11_kit_uri_get_attribute(uri, CKA_ID);
}
