/* SPDX-License-Identifier: Apache-2.0 */
/* The list of findings, and how it is told. */
#include "cli/doctor/findings.h"
#include "base/cleanup.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdarg.h>
#include <string.h>

#define COLUMN 9 /* behind "warning" */

void cs_findings_deinit(struct cs_findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        free(findings->entries[i].text);
        free(findings->entries[i].mend);
    }
    free(findings->entries);
    *findings = (struct cs_findings){0};
}

static char *__attribute__((format(printf, 1, 0))) format_safely(const char *format, va_list args)
{
    CS_AUTO(cs_freep) char *text = NULL;

    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
        return NULL;
    }
    return cs_text_safe(cs_bytes_of(text));
}

void cs_find(struct cs_findings *findings, enum cs_severity severity, const char *area,
    const char *format, ...)
{
    struct cs_finding *grown =
        reallocarray(findings->entries, findings->n + 1, sizeof(*findings->entries));
    va_list args;

    if (!grown) {
        findings->error = CS_ERR_MEMORY;
        return;
    }
    findings->entries = grown;
    va_start(args, format);
    grown[findings->n] = (struct cs_finding){
        .severity = severity, .area = area, .text = format_safely(format, args)};
    va_end(args);
    if (grown[findings->n].text)
        findings->n++;
    else
        findings->error = CS_ERR_MEMORY;
}

void cs_mend(struct cs_findings *findings, const char *format, ...)
{
    va_list args;

    if (findings->n == 0)
        return;
    va_start(args, format);
    free(findings->entries[findings->n - 1].mend);
    findings->entries[findings->n - 1].mend = format_safely(format, args);
    va_end(args);
}

const char *cs_severity_name(enum cs_severity severity)
{
    static const char *const names[] = {"ok", "note", "warning", "error"};

    return names[severity];
}

enum cs_severity cs_findings_worst(const struct cs_findings *findings)
{
    enum cs_severity worst = CS_SEVERITY_OK;

    for (size_t i = 0; i < findings->n; i++)
        if (findings->entries[i].severity > worst)
            worst = findings->entries[i].severity;
    return worst;
}

static void print_summary(const struct cs_findings *findings, FILE *out)
{
    size_t counts[4] = {0};

    for (size_t i = 0; i < findings->n; i++)
        counts[findings->entries[i].severity]++;
    if (counts[CS_SEVERITY_ERROR] + counts[CS_SEVERITY_WARNING] == 0)
        fputs("\nAll is well.\n", out);
    else
        fprintf(out, "\n%zu error%s, %zu warning%s.\n", counts[CS_SEVERITY_ERROR],
            counts[CS_SEVERITY_ERROR] == 1 ? "" : "s", counts[CS_SEVERITY_WARNING],
            counts[CS_SEVERITY_WARNING] == 1 ? "" : "s");
}

void cs_findings_print(const struct cs_findings *findings, const struct cs_cli *cli)
{
    for (size_t i = 0; i < findings->n; i++) {
        const struct cs_finding *finding = &findings->entries[i];

        fprintf(cli->out, "%-*s", COLUMN, cs_severity_name(finding->severity));
        cs_text_fill(cli->out, finding->text, COLUMN, COLUMN, cli->width);
        if (!finding->mend)
            continue;
        fprintf(cli->out, "%*s-> ", COLUMN, "");
        cs_text_fill(cli->out, finding->mend, COLUMN + 3, COLUMN + 3, cli->width);
    }
    print_summary(findings, cli->out);
}

int cs_findings_print_json(const struct cs_findings *findings, const struct cs_cli *cli)
{
    struct json_object *object = json_object_new_object(), *array = json_object_new_array();

    for (size_t i = 0; i < findings->n; i++) {
        const struct cs_finding *finding = &findings->entries[i];
        struct json_object *entry = json_object_new_object();

        json_object_object_add(
            entry, "severity", cs_json_string(cs_severity_name(finding->severity)));
        json_object_object_add(entry, "area", cs_json_string(finding->area));
        json_object_object_add(entry, "text", cs_json_string(finding->text));
        json_object_object_add(entry, "mend", cs_json_string(finding->mend));
        json_object_array_add(array, entry);
    }
    json_object_object_add(
        object, "worst", cs_json_string(cs_severity_name(cs_findings_worst(findings))));
    json_object_object_add(object, "findings", array);
    return cs_json_print(object, cli->out);
}
