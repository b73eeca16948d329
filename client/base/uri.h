/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11: URIs (RFC 7512), as far as whoever hands them on has to know them. */
#ifndef CS_BASE_URI_H
#define CS_BASE_URI_H

#include <stdbool.h>

#define CS_URI_SCHEME "pkcs11:"

/* Whether a name is taken for a URI. The case of its scheme does not matter (RFC 3986, 3.1). */
bool cs_uri_is(const char *name);

/* A copy without the query, which may hold a PIN, and without what else in it tells of a PIN;
 * of a name that is no URI, a copy. NULL: no memory. */
char *cs_uri_without_pin(const char *name);

#endif
