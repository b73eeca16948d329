/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people say them. Numbers are rounded down: a certificate "in 1 day" has a whole day. */
#include "cli/when.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

void cs_when_span(char *text, size_t size, int64_t seconds)
{
    /* A unit serves until the next one counts at least two. */
    static const struct {
        int64_t below, unit;
        const char *name;
    } units[] = {
        {2 * MINUTE, 1, "second"},
        {2 * HOUR, MINUTE, "minute"},
        {2 * DAY, HOUR, "hour"},
        {60 * DAY, DAY, "day"},
        {730 * DAY, 365 * DAY / 12, "month"},
        {INT64_MAX, 365 * DAY, "year"},
    };
    size_t i = 0;
    int64_t n;

    while (seconds >= units[i].below && units[i].below != INT64_MAX)
        i++;
    n = seconds / units[i].unit;
    snprintf(text, size, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

void cs_when_relative(char *text, size_t size, int64_t when, int64_t now)
{
    char span[CS_WHEN_SIZE];

    cs_when_span(span, sizeof(span), when > now ? when - now : now - when);
    if (when == now)
        snprintf(text, size, "just now");
    else if (when > now)
        snprintf(text, size, "in %s", span);
    else
        snprintf(text, size, "%s ago", span);
}

/* Years beyond what time_t or the text can hold are a certificate's way to say never. */
static void finish(char *text, size_t size, bool good)
{
    if (!good)
        snprintf(text, size, "never");
}

void cs_when_date(char *text, size_t size, int64_t when)
{
    struct tm tm;

    finish(text, size,
        localtime_r(&(time_t){(time_t)when}, &tm) && strftime(text, size, "%Y-%m-%d", &tm) > 0);
}

void cs_when_minute(char *text, size_t size, int64_t when)
{
    struct tm tm;

    finish(text, size,
        localtime_r(&(time_t){(time_t)when}, &tm) &&
            strftime(text, size, "%Y-%m-%d %H:%M", &tm) > 0);
}

void cs_when_second(char *text, size_t size, int64_t when)
{
    struct tm tm;

    finish(text, size,
        localtime_r(&(time_t){(time_t)when}, &tm) &&
            strftime(text, size, "%Y-%m-%d %H:%M:%S", &tm) > 0);
}

void cs_when_utc(char *text, size_t size, int64_t when)
{
    struct tm tm;

    finish(text, size,
        gmtime_r(&(time_t){(time_t)when}, &tm) &&
            strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
}

void cs_when_validity(char *text, size_t size, int64_t not_before, int64_t not_after, int64_t now)
{
    const char *what = now < not_before  ? "not valid before"
                       : now > not_after ? "expired"
                                         : "expires";
    char relative[CS_WHEN_SIZE], date[CS_WHEN_SIZE];
    int64_t edge = now < not_before ? not_before : not_after;

    cs_when_relative(relative, sizeof(relative), edge, now);
    cs_when_date(date, sizeof(date), edge);
    if (now < not_before)
        snprintf(text, size, "%s %s (%s)", what, date, relative);
    else
        snprintf(text, size, "%s %s (%s)", what, relative, date);
}

void cs_when_expiry(char *text, size_t size, int64_t not_before, int64_t not_after, int64_t now)
{
    char relative[CS_WHEN_SIZE];

    cs_when_relative(relative, sizeof(relative), now < not_before ? not_before : not_after, now);
    if (now < not_before)
        snprintf(text, size, "not valid yet");
    else
        snprintf(text, size, "%s%s", now > not_after ? "expired " : "", relative);
}
