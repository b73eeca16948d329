/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OSSL_PARAM by hand, for everything in this folder. A parameter is trusted to point where it says:
 * it comes from the libcrypto that loaded us.
 */
#include "provider/param.h"

#include <openssl/params.h>
#include <limits.h>
#include <string.h>

#define BIG_ENDIAN_HOST (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

const OSSL_PARAM *cs_param_find(const OSSL_PARAM *params, const char *name)
{
    for (; params && params->key; params++)
        if (strcmp(params->key, name) == 0)
            return params;
    return NULL;
}

OSSL_PARAM *cs_param_find_mutable(OSSL_PARAM *params, const char *name)
{
    for (; params && params->key; params++)
        if (strcmp(params->key, name) == 0)
            return params;
    return NULL;
}

bool cs_param_get_int(const OSSL_PARAM *param, int *valuep)
{
    int64_t wide;
    int32_t narrow;

    if (!param->data ||
        (param->data_type != OSSL_PARAM_INTEGER && param->data_type != OSSL_PARAM_UNSIGNED_INTEGER))
        return false;
    if (param->data_size == sizeof(narrow)) {
        memcpy(&narrow, param->data, sizeof(narrow));
        wide = narrow;
    } else if (param->data_size == sizeof(wide)) {
        memcpy(&wide, param->data, sizeof(wide));
    } else {
        return false;
    }
    if (wide < INT_MIN || wide > INT_MAX)
        return false;
    if (param->data_type == OSSL_PARAM_UNSIGNED_INTEGER && wide < 0)
        return false;
    *valuep = (int)wide;
    return true;
}

bool cs_param_get_string(const OSSL_PARAM *param, struct cs_bytes *stringp)
{
    const char *string;

    if (param->data_type == OSSL_PARAM_UTF8_PTR && param->data)
        memcpy(&string, param->data, sizeof(string));
    else if (param->data_type == OSSL_PARAM_UTF8_STRING)
        string = param->data;
    else
        return false;
    if (!string)
        return false;
    *stringp = CS_BYTES(string, strnlen(string, param->data_size));
    return true;
}

static bool set_octets(OSSL_PARAM *param, const void *value, size_t len, size_t with_end)
{
    param->return_size = len;
    if (!param->data)
        return true;
    if (param->data_size < len)
        return false;
    if (len)
        memcpy(param->data, value, len);
    if (with_end && param->data_size > len)
        ((char *)param->data)[len] = 0;
    return true;
}

static bool set_pointer(OSSL_PARAM *param, const void *value, size_t len)
{
    param->return_size = len;
    if (param->data)
        memcpy(param->data, &value, sizeof(value));
    return true;
}

bool cs_param_set_string(OSSL_PARAM *param, const char *value)
{
    if (!param)
        return true;
    if (param->data_type == OSSL_PARAM_UTF8_PTR)
        return set_pointer(param, value, strlen(value));
    return param->data_type == OSSL_PARAM_UTF8_STRING &&
           set_octets(param, value, strlen(value), true);
}

bool cs_param_set_bytes(OSSL_PARAM *param, struct cs_bytes value)
{
    if (!param)
        return true;
    if (param->data_type == OSSL_PARAM_OCTET_PTR)
        return set_pointer(param, value.data, value.len);
    return param->data_type == OSSL_PARAM_OCTET_STRING &&
           set_octets(param, value.data, value.len, false);
}

void cs_param_native_number(uint8_t *number, size_t len)
{
    if (BIG_ENDIAN_HOST)
        return;
    for (size_t i = 0; i < len / 2; i++) {
        uint8_t byte = number[i];

        number[i] = number[len - 1 - i];
        number[len - 1 - i] = byte;
    }
}

bool cs_param_set_number(OSSL_PARAM *param, struct cs_bytes value)
{
    uint8_t *data;

    if (!param)
        return true;
    if (param->data_type != OSSL_PARAM_UNSIGNED_INTEGER && param->data_type != OSSL_PARAM_INTEGER)
        return false;
    /* A signed integer needs a sign bit in front of a set one. */
    param->return_size =
        value.len + (param->data_type == OSSL_PARAM_INTEGER && value.len && value.data[0] & 0x80);
    if (!param->data)
        return true;
    if (param->data_size < param->return_size)
        return false;
    data = param->data;
    memset(data, 0, param->data_size);
    memcpy(data + param->data_size - value.len, value.data, value.len);
    cs_param_native_number(data, param->data_size);
    param->return_size = param->data_size;
    return true;
}

bool cs_param_set_int(OSSL_PARAM *param, int value)
{
    uint8_t bytes[sizeof(value)];
    size_t skip = 0;

    if (!param)
        return true;
    if (value < 0) {
        int64_t wide = value;

        if (param->data_type != OSSL_PARAM_INTEGER)
            return false;
        if (param->data && param->data_size == sizeof(wide))
            return set_octets(param, &wide, sizeof(wide), false);
        return set_octets(param, &value, sizeof(value), false);
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((unsigned)value >> (8 * (sizeof(bytes) - 1 - i)));
    /* Callers who ask for the size expect that of an int. */
    if (!param->data) {
        param->return_size = sizeof(value);
        return true;
    }
    while (skip < sizeof(bytes) - 1 && bytes[skip] == 0)
        skip++;
    return cs_param_set_number(param, CS_BYTES(bytes + skip, sizeof(bytes) - skip));
}

OSSL_PARAM cs_param_of_int(const char *name, int *value)
{
    return (OSSL_PARAM){name, OSSL_PARAM_INTEGER, value, sizeof(*value), OSSL_PARAM_UNMODIFIED};
}

OSSL_PARAM cs_param_of_string(const char *name, const char *value)
{
    return (OSSL_PARAM){
        name, OSSL_PARAM_UTF8_STRING, (void *)value, strlen(value), OSSL_PARAM_UNMODIFIED};
}

OSSL_PARAM cs_param_of_bytes(const char *name, struct cs_bytes value)
{
    return (OSSL_PARAM){
        name, OSSL_PARAM_OCTET_STRING, (void *)value.data, value.len, OSSL_PARAM_UNMODIFIED};
}

OSSL_PARAM cs_param_of_number(const char *name, uint8_t *native, size_t len)
{
    return (OSSL_PARAM){name, OSSL_PARAM_UNSIGNED_INTEGER, native, len, OSSL_PARAM_UNMODIFIED};
}
