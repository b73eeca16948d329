/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths of time in the configuration and in sentences. */
#include "base/duration.h"

#include <countersign/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest first. */
static const struct {
    const char *suffix, *name;
    uint64_t milliseconds;
} units[] = {
    {"d", "day", 24ull * 60 * 60 * 1000},
    {"h", "hour", 60ull * 60 * 1000},
    {"m", "minute", 60ull * 1000},
    {"s", "second", 1000},
    {"ms", "millisecond", 1},
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

int cs_duration_parse(const char *text, uint64_t *millisecondsp)
{
    unsigned long long n;
    char *end;

    if (strcmp(text, "none") == 0) {
        *millisecondsp = 0;
        return 0;
    }
    if (!isdigit((unsigned char)text[0]))
        return CS_ERR_INVALID;
    n = strtoull(text, &end, 10);
    end += strspn(end, " ");
    for (size_t i = 0; i < N_UNITS; i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        if (n > CS_DURATION_MAX / units[i].milliseconds)
            return CS_ERR_INVALID;
        *millisecondsp = n * units[i].milliseconds;
        return 0;
    }
    if (n > 0 || *end)
        return CS_ERR_INVALID;
    *millisecondsp = 0;
    return 0;
}

const char *cs_duration_text(uint64_t milliseconds, char *out, size_t size)
{
    size_t i = 0;

    while (i + 1 < N_UNITS && (milliseconds == 0 || milliseconds % units[i].milliseconds != 0))
        i++;
    snprintf(out, size, "%llu %s%s", (unsigned long long)(milliseconds / units[i].milliseconds),
        units[i].name, milliseconds == units[i].milliseconds ? "" : "s");
    return out;
}
