/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIN belongs into the query, as pin-value or pin-source. What older software writes, in the path
 * or as pinfile, p11-kit and others take as well, so it is found in the wild.
 */
#include "base/uri.h"

#include <string.h>
#include <strings.h>

bool cs_uri_is(const char *name)
{
    return strncasecmp(name, CS_URI_SCHEME, strlen(CS_URI_SCHEME)) == 0;
}

/* No other attribute begins so. p11-kit skips white space. */
static bool is_pin(const char *attribute)
{
    return strncasecmp(attribute + strspn(attribute, " \t\r\n\f\v"), "pin", 3) == 0;
}

char *cs_uri_without_pin(const char *name)
{
    char *copy = strdup(name), *to, *at;
    bool first = true;

    if (!copy || !cs_uri_is(copy))
        return copy;
    to = at = copy + strlen(CS_URI_SCHEME);
    at[strcspn(at, "?")] = '\0';
    while (at) {
        char *attribute = strsep(&at, ";");
        size_t len = strlen(attribute);

        if (is_pin(attribute))
            continue;
        if (!first)
            *to++ = ';';
        first = false;
        memmove(to, attribute, len);
        to += len;
    }
    *to = '\0';
    return copy;
}
