/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people say them. */
#ifndef CS_CLI_WHEN_H
#define CS_CLI_WHEN_H

#include <stddef.h>
#include <stdint.h>

#define CS_WHEN_SIZE 96

/* "23 days"; the unit is the one in which the number is best remembered. */
void cs_when_span(char *text, size_t size, int64_t seconds);
/* "3 hours ago", "just now"; "in 3 hours" if it is to come. */
void cs_when_relative(char *text, size_t size, int64_t time, int64_t now);
/* "2026-12-16", "2026-12-16 14:30", "2026-12-16 14:30:00", here; and in UTC for programs,
 * "2026-12-16T13:30:00Z". */
void cs_when_date(char *text, size_t size, int64_t time);
void cs_when_minute(char *text, size_t size, int64_t time);
void cs_when_second(char *text, size_t size, int64_t time);
void cs_when_utc(char *text, size_t size, int64_t time);
/* "expires in 23 days (2026-12-16)", "expired 3 days ago (2026-11-20)",
 * "not valid before 2027-01-01 (in 39 days)". */
void cs_when_validity(char *text, size_t size, int64_t not_before, int64_t not_after, int64_t now);
/* The same in a column whose title is "EXPIRES": "in 23 days", "expired 3 days ago". */
void cs_when_expiry(char *text, size_t size, int64_t not_before, int64_t not_after, int64_t now);

#endif
