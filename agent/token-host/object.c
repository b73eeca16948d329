/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a token's objects: one search for each class and one call for an object, two for keys that
 * are not all alike, unless the module balks at an attribute; then one call for each attribute.
 * There is no search for all classes at once: only a call for each object would tell which it is
 * of, and what else is on a token may be more than what we want. An object that fails is asked for
 * once more at the end, unless no time will mend that. libp11's own reading is not used, see
 * module.c. Called by a token when it appears, at refreshes and logins.
 */
#include "token-host/object.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "token-host/public-key.h"

#include <countersign/error.h>
#include <string.h>
#include <time.h>

#define ABSENT CK_UNAVAILABLE_INFORMATION
#define UNKNOWN CK_UNAVAILABLE_INFORMATION /* no key was read yet */
#define UNLIKE (UNKNOWN - 1)               /* the keys are not all alike */
#define FIND_BATCH 64
#define ATTRIBUTES_MAX 7
#define SECOND_TRY_NS 100000000 /* after so long */

/* The objects of a class that are still to be read. */
struct unread {
    CK_OBJECT_CLASS ck_class;
    CK_OBJECT_HANDLE *handles;
    size_t n;
};

/* One scan of a token, and its buffers. */
struct scan {
    struct cs_module *module;
    CK_SESSION_HANDLE session;
    const char *token;
    cs_object_found *found;
    void *user;
    struct cs_objects *objects;
    bool too_large;     /* an attribute of the object at hand was */
    CK_RV failure;      /* of an object that could not be read; rather one that may pass */
    CK_KEY_TYPE likely; /* of the keys of this class, or UNKNOWN, or UNLIKE */
    CK_ULONG number;
    CK_BBOOL flag;
    uint8_t label[CS_OBJECT_NAME_MAX], cka_id[CS_OBJECT_NAME_MAX];
    uint8_t value[CS_OBJECT_VALUE_MAX], more[CS_OBJECT_NAME_MAX];
};

static bool is_partial(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
           rv == CKR_BUFFER_TOO_SMALL;
}

/* Modules differ in what they leave behind when one attribute fails, so then each is asked for
 * alone. What cannot be had gets the length ABSENT. */
static CK_RV get_each(struct scan *scan, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, CK_ULONG n,
    const CK_ULONG *room)
{
    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV rv;

        attrs[i].ulValueLen = room[i];
        rv = CS_MODULE_CALL(scan->module, C_GetAttributeValue(scan->session, object, &attrs[i], 1));
        if (rv != CKR_OK && !is_partial(rv))
            return rv;
        if (rv != CKR_OK)
            attrs[i].ulValueLen = ABSENT;
        if (rv == CKR_BUFFER_TOO_SMALL)
            scan->too_large = true;
    }
    return CKR_OK;
}

static CK_RV get(struct scan *scan, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
    CK_ULONG room[ATTRIBUTES_MAX];
    CK_RV rv;

    scan->too_large = false;
    for (CK_ULONG i = 0; i < n; i++)
        room[i] = attrs[i].ulValueLen;
    rv = CS_MODULE_CALL(scan->module, C_GetAttributeValue(scan->session, object, attrs, n));
    if (is_partial(rv))
        rv = get_each(scan, object, attrs, n, room);
    for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
        if (attrs[i].ulValueLen != ABSENT && attrs[i].ulValueLen > room[i])
            attrs[i].ulValueLen = ABSENT;
    return rv;
}

static struct cs_bytes bytes_of(const CK_ATTRIBUTE *attr)
{
    if (attr->ulValueLen == ABSENT)
        return (struct cs_bytes){0};
    return CS_BYTES(attr->pValue, attr->ulValueLen);
}

static void warn_left_out(const struct scan *scan, const char *what, const char *why)
{
    cs_warn("token '%s': %s was left out: %s", scan->token, what, why);
}

static CK_RV store(struct scan *scan, const struct cs_object *object)
{
    if (cs_objects_store(scan->objects, object) < 0)
        return CKR_HOST_MEMORY;
    scan->found(scan->user, object);
    return CKR_OK;
}

static CK_RV read_certificate(struct scan *scan, CK_OBJECT_HANDLE handle)
{
    CK_ATTRIBUTE attrs[] = {{CKA_LABEL, scan->label, sizeof(scan->label)},
        {CKA_ID, scan->cka_id, sizeof(scan->cka_id)}, {CKA_VALUE, scan->value, sizeof(scan->value)},
        {CKA_CERTIFICATE_TYPE, &scan->number, sizeof(scan->number)}};
    struct cs_object object = {.handle = handle, .object_class = CS_HOST_CERTIFICATE};
    CK_RV rv = get(scan, handle, attrs, 4);

    if (rv != CKR_OK)
        return rv;
    if (scan->too_large)
        warn_left_out(scan, "a certificate", "larger than 64 KiB");
    if (attrs[3].ulValueLen == sizeof(scan->number) && scan->number != CKC_X_509)
        return CKR_OK;
    object.label = bytes_of(&attrs[0]);
    object.cka_id = bytes_of(&attrs[1]);
    object.value = bytes_of(&attrs[2]);
    if (scan->too_large || object.value.len == 0)
        return CKR_OK;
    return store(scan, &object);
}

static void put_key(struct cs_buf *spki, struct cs_object *object, EVP_PKEY *key)
{
    if (!key || !cs_public_key_type(key) || cs_public_key_put(spki, key) < 0)
        return;
    object->key_type = cs_public_key_type(key);
}

/* What tells the public key behind a key of this type, public or private; 0 for a type that is none
 * of ours. A private EC key need not tell its point; newer modules tell CKA_PUBLIC_KEY_INFO. */
static CK_ULONG value_attributes(
    struct scan *scan, CK_KEY_TYPE type, uint8_t object_class, CK_ATTRIBUTE *attrs)
{
    CK_ULONG half = sizeof(scan->value) / 2;

    switch (type) {
    case CKK_RSA:
        attrs[0] = (CK_ATTRIBUTE){CKA_MODULUS, scan->value, sizeof(scan->value)};
        attrs[1] = (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, scan->more, sizeof(scan->more)};
        return 2;
    case CKK_EC:
    case CKK_EC_EDWARDS:
        attrs[0] = (CK_ATTRIBUTE){CKA_EC_PARAMS, scan->more, sizeof(scan->more)};
        attrs[1] = (CK_ATTRIBUTE){CKA_EC_POINT, scan->value, half};
        attrs[2] = (CK_ATTRIBUTE){CKA_PUBLIC_KEY_INFO, scan->value + half, half};
        return object_class == CS_HOST_PUBLIC_KEY ? 2 : 3;
    default:
        return 0;
    }
}

static CK_ULONG name_attributes(struct scan *scan, uint8_t object_class, CK_ATTRIBUTE *attrs)
{
    attrs[0] = (CK_ATTRIBUTE){CKA_KEY_TYPE, &scan->number, sizeof(scan->number)};
    attrs[1] = (CK_ATTRIBUTE){CKA_LABEL, scan->label, sizeof(scan->label)};
    attrs[2] = (CK_ATTRIBUTE){CKA_ID, scan->cka_id, sizeof(scan->cka_id)};
    attrs[3] = (CK_ATTRIBUTE){CKA_ALWAYS_AUTHENTICATE, &scan->flag, sizeof(scan->flag)};
    return object_class == CS_HOST_PRIVATE_KEY ? 4 : 3;
}

/* All at once, for a key of the type that the one before had: false if it was not so simple. */
static bool get_alike(
    struct scan *scan, CK_OBJECT_HANDLE handle, uint8_t object_class, CK_ATTRIBUTE *attrs)
{
    CK_ULONG names = name_attributes(scan, object_class, attrs), n, room[ATTRIBUTES_MAX];
    bool whole;

    n = names + value_attributes(scan, scan->likely, object_class, attrs + names);
    if (n == names)
        return false;
    for (CK_ULONG i = 0; i < n; i++)
        room[i] = attrs[i].ulValueLen;
    whole = CS_MODULE_CALL(scan->module, C_GetAttributeValue(scan->session, handle, attrs, n)) ==
                CKR_OK &&
            attrs[0].ulValueLen == room[0] && scan->number == scan->likely;
    for (CK_ULONG i = 0; whole && i < n; i++)
        whole = attrs[i].ulValueLen <= room[i];
    return whole;
}

/* Its names, its type, and then what such a key has. */
static CK_RV get_in_turn(
    struct scan *scan, CK_OBJECT_HANDLE handle, uint8_t object_class, CK_ATTRIBUTE *attrs)
{
    CK_ULONG names = name_attributes(scan, object_class, attrs), values;
    CK_RV rv = get(scan, handle, attrs, names);
    bool too_large = scan->too_large;

    if (rv != CKR_OK)
        return rv;
    if (attrs[0].ulValueLen != sizeof(scan->number))
        scan->number = ABSENT;
    values = value_attributes(scan, scan->number, object_class, attrs + names);
    if (values && !too_large)
        rv = get(scan, handle, attrs + names, values);
    scan->too_large = too_large;
    return rv;
}

/* Keys of a token are mostly alike. Where they are not no second try is made: every call may go to
 * a machine far away. */
static CK_RV get_key(
    struct scan *scan, CK_OBJECT_HANDLE handle, uint8_t object_class, CK_ATTRIBUTE *attrs)
{
    CK_RV rv;

    scan->too_large = false;
    if (scan->likely != UNLIKE && get_alike(scan, handle, object_class, attrs))
        return CKR_OK;
    rv = get_in_turn(scan, handle, object_class, attrs);
    if (rv == CKR_OK)
        scan->likely = scan->likely == UNKNOWN ? scan->number : UNLIKE;
    return rv;
}

static void put_rsa(struct cs_buf *spki, struct cs_object *object, const CK_ATTRIBUTE *attrs)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *key = NULL;

    object->key_type = CS_KEY_RSA;
    key = cs_public_key_of_rsa(bytes_of(&attrs[0]), bytes_of(&attrs[1]));
    put_key(spki, object, key);
}

static void put_ec(struct cs_buf *spki, struct cs_object *object, const CK_ATTRIBUTE *attrs)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *key = NULL;

    object->key_type = cs_public_key_type_of_ec_params(bytes_of(&attrs[0]));
    if (cs_public_key_put_point(spki, bytes_of(&attrs[0]), bytes_of(&attrs[1])) == 0)
        return;
    key = cs_public_key_of_ec(bytes_of(&attrs[0]), bytes_of(&attrs[1]));
    if (!key && object->object_class == CS_HOST_PRIVATE_KEY)
        key = cs_public_key_of_spki(bytes_of(&attrs[2]));
    put_key(spki, object, key);
}

/* attrs: the values alone. */
static CK_RV store_key(struct scan *scan, struct cs_object *object, const CK_ATTRIBUTE *attrs)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf spki = CS_BUF_INIT(CS_OBJECT_VALUE_MAX);

    switch (scan->number) {
    case CKK_RSA:
        put_rsa(&spki, object, attrs);
        break;
    case CKK_EC:
    case CKK_EC_EDWARDS:
        put_ec(&spki, object, attrs);
        break;
    default:
        return CKR_OK;
    }
    if (spki.error == CS_ERR_MEMORY)
        return CKR_HOST_MEMORY;
    if (spki.error == 0)
        object->value = cs_buf_bytes(&spki);
    /* A public key that cannot be told helps nobody. */
    if (object->object_class == CS_HOST_PUBLIC_KEY && object->value.len == 0)
        return CKR_OK;
    return store(scan, object);
}

static CK_RV read_key(struct scan *scan, CK_OBJECT_HANDLE handle, uint8_t object_class)
{
    bool private = object_class == CS_HOST_PRIVATE_KEY;
    struct cs_object object = {.handle = handle, .object_class = object_class};
    CK_ATTRIBUTE attrs[ATTRIBUTES_MAX];
    CK_RV rv = get_key(scan, handle, object_class, attrs);

    if (rv != CKR_OK)
        return rv;
    if (scan->too_large) {
        warn_left_out(scan, "a key", "its label or id is larger than 4 KiB");
        return CKR_OK;
    }
    object.label = bytes_of(&attrs[1]);
    object.cka_id = bytes_of(&attrs[2]);
    if (private && attrs[3].ulValueLen == sizeof(scan->flag) && scan->flag)
        object.flags |= CS_HOST_OBJECT_ALWAYS_AUTHENTICATE;
    return store_key(scan, &object, attrs + (private ? 4 : 3));
}

static CK_RV read_object(struct scan *scan, CK_OBJECT_HANDLE handle, CK_OBJECT_CLASS ck_class)
{
    if (ck_class == CKO_CERTIFICATE)
        return read_certificate(scan, handle);
    return read_key(
        scan, handle, ck_class == CKO_PUBLIC_KEY ? CS_HOST_PUBLIC_KEY : CS_HOST_PRIVATE_KEY);
}

/* One object that cannot be read must not hide the others; a session that died must show. Those
 * that could not be read stay in the list. */
static CK_RV read_objects(struct scan *scan, struct unread *unread)
{
    size_t n = unread->n;

    unread->n = 0;
    scan->likely = UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        CK_RV rv = read_object(scan, unread->handles[i], unread->ck_class);

        if (cs_ckr_is_stale(rv) || rv == CKR_HOST_MEMORY)
            return rv;
        if (rv == CKR_OK)
            continue;
        if (!cs_ckr_is_passing(scan->failure))
            scan->failure = rv;
        unread->handles[unread->n++] = unread->handles[i];
    }
    return CKR_OK;
}

/* All handles first: some modules take no other call while a search is active. */
static CK_RV find(struct scan *scan, struct unread *unread)
{
    CK_ATTRIBUTE template = {CKA_CLASS, &unread->ck_class, sizeof(unread->ck_class)};
    CK_ULONG count = 0;
    size_t n = 0;
    CK_RV rv;

    rv = CS_MODULE_CALL(scan->module, C_FindObjectsInit(scan->session, &template, 1));
    if (rv != CKR_OK)
        return rv;
    do {
        CK_ULONG room = CS_OBJECTS_MAX - n < FIND_BATCH ? CS_OBJECTS_MAX - n : FIND_BATCH;

        rv = CS_MODULE_CALL(
            scan->module, C_FindObjects(scan->session, unread->handles + n, room, &count));
        if (rv == CKR_OK)
            n += count < room ? count : room;
    } while (rv == CKR_OK && count > 0 && n < CS_OBJECTS_MAX);
    CS_MODULE_CALL(scan->module, C_FindObjectsFinal(scan->session));
    if (n == CS_OBJECTS_MAX)
        warn_left_out(scan, "some object", "there are too many");
    unread->n = n;
    return rv;
}

static CK_RV read_class(struct scan *scan, struct unread *unread)
{
    CK_RV rv;

    unread->handles = calloc(CS_OBJECTS_MAX, sizeof(*unread->handles));
    if (!unread->handles)
        return CKR_HOST_MEMORY;
    rv = find(scan, unread);
    return rv == CKR_OK ? read_objects(scan, unread) : rv;
}

static CK_RV read_again(struct scan *scan, struct unread *unread, size_t n)
{
    const struct timespec pause = {.tv_nsec = SECOND_TRY_NS};
    bool may_pass = cs_ckr_is_passing(scan->failure);
    CK_RV rv = CKR_OK;

    if (may_pass)
        nanosleep(&pause, NULL);
    for (size_t i = 0; may_pass && rv == CKR_OK && i < n; i++)
        rv = read_objects(scan, &unread[i]);
    for (size_t i = 0; rv == CKR_OK && i < n; i++)
        for (size_t j = 0; j < unread[i].n; j++)
            warn_left_out(scan, "an object", cs_ckr_name(scan->failure));
    return rv;
}

static CK_RV read_all(struct scan *scan)
{
    struct unread unread[] = {
        {.ck_class = CKO_CERTIFICATE}, {.ck_class = CKO_PUBLIC_KEY}, {.ck_class = CKO_PRIVATE_KEY}};
    size_t n = sizeof(unread) / sizeof(unread[0]);
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < n; i++)
        rv = read_class(scan, &unread[i]);
    if (rv == CKR_OK && scan->failure != CKR_OK)
        rv = read_again(scan, unread, n);
    if (rv == CKR_OK && scan->objects->n == 0 && unread[0].n + unread[1].n + unread[2].n > 0)
        rv = scan->failure;
    for (size_t i = 0; i < n; i++)
        free(unread[i].handles);
    return rv;
}

CK_RV cs_objects_read(struct cs_module *module, CK_SESSION_HANDLE session, const char *token,
    cs_object_found *found, void *user, struct cs_objects *objects)
{
    CS_AUTO(cs_freep) struct scan *scan = malloc(sizeof(*scan));
    struct cs_objects list = {0};
    CK_RV rv;

    if (!scan)
        return CKR_HOST_MEMORY;
    scan->module = module;
    scan->session = session;
    scan->token = token;
    scan->found = found;
    scan->user = user;
    scan->objects = &list;
    scan->failure = CKR_OK;
    rv = read_all(scan);
    if (rv == CKR_OK)
        *objects = list;
    else
        cs_objects_deinit(&list);
    return rv;
}
