/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor found, each with the command that mends it. */
#ifndef CS_CLI_DOCTOR_FINDINGS_H
#define CS_CLI_DOCTOR_FINDINGS_H

#include "cli/cli.h"

enum cs_severity {
    CS_SEVERITY_OK,
    CS_SEVERITY_NOTE,    /* to know */
    CS_SEVERITY_WARNING, /* works, but not for long, or not for all */
    CS_SEVERITY_ERROR,   /* does not work */
};

struct cs_finding {
    enum cs_severity severity;
    const char *area; /* one word */
    char *text;
    char *mend; /* a command, or what to do; or NULL */
};

struct cs_findings {
    struct cs_finding *entries;
    size_t n;
    int error; /* CS_ERR_MEMORY: some are not there */
};

void cs_findings_deinit(struct cs_findings *findings);

/* cs_find adds one, cs_mend says what mends the last. */
void cs_find(struct cs_findings *findings, enum cs_severity severity, const char *area,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void cs_mend(struct cs_findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *cs_severity_name(enum cs_severity severity);
enum cs_severity cs_findings_worst(const struct cs_findings *findings);
void cs_findings_print(const struct cs_findings *findings, const struct cs_cli *cli);
int cs_findings_print_json(const struct cs_findings *findings, const struct cs_cli *cli);

#endif
