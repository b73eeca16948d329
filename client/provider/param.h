/* SPDX-License-Identifier: Apache-2.0 */
/* OSSL_PARAM (openssl/core.h) without libcrypto. */
#ifndef CS_PROVIDER_PARAM_H
#define CS_PROVIDER_PARAM_H

#include "base/buf.h"

#include <openssl/core.h>

/* The parameter of this name, or NULL. */
const OSSL_PARAM *cs_param_find(const OSSL_PARAM *params, const char *name);
OSSL_PARAM *cs_param_find_mutable(OSSL_PARAM *params, const char *name);

/* False when the parameter is of another kind, or does not fit. */
bool cs_param_get_int(const OSSL_PARAM *param, int *valuep);
bool cs_param_get_string(const OSSL_PARAM *param, struct cs_bytes *stringp);

/* Answers what the caller asked for: a NULL param is fine, one without room receives the size. */
bool cs_param_set_int(OSSL_PARAM *param, int value);
bool cs_param_set_string(OSSL_PARAM *param, const char *value);
bool cs_param_set_bytes(OSSL_PARAM *param, struct cs_bytes value);
/* A number in big-endian bytes, for a parameter in the machine's order. */
bool cs_param_set_number(OSSL_PARAM *param, struct cs_bytes value);
/* The same in place: an array of bytes, most significant first, becomes a native integer. */
void cs_param_native_number(uint8_t *number, size_t len);

/* Parameters that we hand out; what they point to is borrowed. */
OSSL_PARAM cs_param_of_int(const char *name, int *value);
OSSL_PARAM cs_param_of_string(const char *name, const char *value);
OSSL_PARAM cs_param_of_bytes(const char *name, struct cs_bytes value);
OSSL_PARAM cs_param_of_number(const char *name, uint8_t *native, size_t len);

#endif
