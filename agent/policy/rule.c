/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule: its settings as they are written, whom it fits, and how specific it is. What is wrong
 * in a setting is refused with its file and line, because a rule that silently means something else
 * than its writer thinks is worse than none. No I/O; used by policy.c.
 */
#include "policy/rule.h"
#include "base/duration.h"
#include "limit.h"

#include <countersign/error.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const char *const sign_names[] = {"tls", "csr", "digest", "data"};
static const char *const consent_names[] = {"never", "session", "always"};

#define N_SIGN (sizeof(sign_names) / sizeof(sign_names[0]))
#define N_CONSENT (sizeof(consent_names) / sizeof(consent_names[0]))

uint8_t cs_sign_of(enum cs_proof_kind proof)
{
    switch (proof) {
    case CS_PROOF_TLS13_CLIENT:
    case CS_PROOF_TLS12_CLIENT:
        return CS_SIGN_TLS;
    case CS_PROOF_CSR:
        return CS_SIGN_CSR;
    case CS_PROOF_DIGEST:
        return CS_SIGN_DIGEST;
    case CS_PROOF_DATA:
        break;
    }
    return CS_SIGN_DATA;
}

char *cs_sign_text(uint8_t sign, char out[CS_SIGN_TEXT])
{
    size_t len = 0;

    snprintf(out, CS_SIGN_TEXT, "none");
    for (size_t i = 0; i < N_SIGN; i++)
        if (sign & (1u << i))
            len += (size_t)snprintf(
                out + len, CS_SIGN_TEXT - len, "%s%s", len ? ", " : "", sign_names[i]);
    return out;
}

const char *cs_consent_name(enum cs_consent consent)
{
    return consent_names[consent];
}

char *cs_rule_where(const struct cs_rule *rule, char out[CS_RULE_WHERE])
{
    out[0] = '\0';
    if (rule->file)
        snprintf(out, CS_RULE_WHERE, "%s:%d", rule->file, rule->line);
    return out;
}

/* Lists */

static void list_deinit(struct cs_rule_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct cs_rule_list){0};
}

static int list_add(struct cs_rule_list *list, const char *item, size_t len)
{
    char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

    if (!items)
        return CS_ERR_MEMORY;
    list->items = items;
    items[list->n] = strndup(item, len);
    if (!items[list->n])
        return CS_ERR_MEMORY;
    list->n++;
    return 0;
}

/* The next item of a value, without the blanks around it; NULL at the end. */
static const char *next_item(const char **valuep, size_t *lenp)
{
    const char *item = *valuep + strspn(*valuep, ", ");

    *lenp = strcspn(item, ",");
    *valuep = item + *lenp;
    while (*lenp > 0 && item[*lenp - 1] == ' ')
        (*lenp)--;
    return *lenp ? item : NULL;
}

/* What a line adds, or, without goes_on, says anew. */
static int list_set(struct cs_rule_list *list, const struct cs_setting *at,
    const char *(*judge)(const char *item), const char *empty, struct cs_fault *fault)
{
    const char *value = at->value, *item;
    size_t len;

    if (!at->goes_on)
        list_deinit(list);
    while ((item = next_item(&value, &len))) {
        const char *mend;

        if (list->n >= CS_LIMIT_RULE_ITEMS)
            return cs_setting_refuse(at, fault, "the list is too long: write a second rule");
        if (list_add(list, item, len) < 0)
            return CS_ERR_MEMORY;
        mend = judge(list->items[list->n - 1]);
        if (mend)
            return cs_setting_refuse(at, fault, mend);
    }
    return list->n > 0 ? 0 : cs_setting_refuse(at, fault, empty);
}

/* Settings */

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_named(const char *item, const char *prefix)
{
    return has_prefix(item, prefix) && item[strlen(prefix)] != '\0';
}

static const char *judge_program(const char *item)
{
    if (item[0] == '/' || is_named(item, "flatpak:") || is_named(item, "snap:") ||
        is_named(item, "unit:"))
        return NULL;
    return "write absolute paths (with * and ? if need be), flatpak:ID, snap:NAME or unit:NAME";
}

static const char *judge_host(const char *item)
{
    if (strpbrk(item, "/ @"))
        return "write names of servers, such as api.corp.example or *.corp.example";
    return NULL;
}

static int set_identity(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    struct cs_pattern *key = NULL;
    struct cs_fault why = {0};
    char *copy;
    int r;

    if (!at->value[0])
        return cs_setting_refuse(at, fault, "write a pkcs11: URI, an id or a label");
    r = cs_pattern_new(at->value, &key, &why);
    if (r == CS_ERR_INVALID)
        return cs_setting_refuse(at, fault, why.text);
    if (r == 0 && !cs_pattern_is_plain(key)) {
        cs_pattern_free(key);
        return cs_setting_refuse(at, fault,
            "write no other attributes than token, manufacturer, model, serial, object, id and "
            "type behind pkcs11:");
    }
    copy = r == 0 ? strdup(at->value) : NULL;
    if (!copy) {
        cs_pattern_free(key);
        return CS_ERR_MEMORY;
    }
    cs_pattern_free(rule->key);
    free(rule->identity);
    rule->key = key;
    rule->identity = copy;
    return 0;
}

static int find_name(const char *const *names, size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0)
            return (int)i;
    return -1;
}

static int set_sign(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    const char *value = at->value, *item;
    unsigned sign = at->goes_on ? rule->sign : 0;
    bool none = false, some = sign != 0;
    size_t len;

    while ((item = next_item(&value, &len))) {
        int bit = find_name(sign_names, N_SIGN, item, len);

        if (bit >= 0)
            sign |= 1u << bit;
        else if (len == 4 && strncmp(item, "none", 4) == 0)
            none = true;
        else
            return cs_setting_refuse(at, fault, "write tls, csr, digest, data, or none");
        some |= bit >= 0;
    }
    if (none == some)
        return cs_setting_refuse(
            at, fault, none ? "none stands alone" : "write tls, csr, digest, data, or none");
    rule->sign = (uint8_t)sign;
    rule->says_sign = true;
    return 0;
}

static int set_consent(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    int consent = find_name(consent_names, N_CONSENT, at->value, strlen(at->value));

    if (consent < 0)
        return cs_setting_refuse(at, fault, "write never, session or always");
    rule->consent = (enum cs_consent)consent;
    return 0;
}

/* 10/min, 3/s, 100/h, 5/30s. */
static int set_rate(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    static const char mend[] = "write a number and a time, such as 10/min, 100/h or 3/10s";
    uint64_t period = 0;
    unsigned long rate;
    char time[32], *end;

    rate = strtoul(at->value, &end, 10);
    if (at->value[0] < '0' || at->value[0] > '9' || rate < 1 || rate > CS_LIMIT_RATE ||
        *end++ != '/')
        return cs_setting_refuse(at, fault, mend);
    end += strspn(end, " ");
    if (strcmp(end, "min") == 0)
        end = (char *)"m";
    snprintf(time, sizeof(time), "%s%s", *end >= '0' && *end <= '9' ? "" : "1", end);
    if (cs_duration_parse(time, &period) < 0 || period == 0)
        return cs_setting_refuse(at, fault, mend);
    rule->rate = (uint32_t)rate;
    rule->period = period;
    return 0;
}

static int set_final(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    if (cs_settings_boolean(at->value, &rule->final) < 0)
        return cs_setting_refuse(at, fault, "write yes or no");
    if (rule->final && !rule->administrator)
        return cs_setting_refuse(
            at, fault, "only a rule in the administrator's directory can be final: leave it out");
    return 0;
}

int cs_rule_set(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault)
{
    if (strcmp(at->name, "program") == 0)
        return list_set(&rule->programs, at, judge_program,
            "write the programs it is about, or leave this out for all", fault);
    if (strcmp(at->name, "hosts") == 0)
        return list_set(&rule->hosts, at, judge_host,
            "write the servers it is about, or leave this out for all", fault);
    if (strcmp(at->name, "sign") == 0)
        return set_sign(rule, at, fault);
    if (at->goes_on)
        return cs_setting_refuse(at, fault, "only program, hosts and sign go on in the next line");
    if (strcmp(at->name, "identity") == 0)
        return set_identity(rule, at, fault);
    if (strcmp(at->name, "consent") == 0)
        return set_consent(rule, at, fault);
    if (strcmp(at->name, "rate") == 0)
        return set_rate(rule, at, fault);
    if (strcmp(at->name, "final") == 0)
        return set_final(rule, at, fault);
    return cs_setting_refuse(at, fault,
        "no such setting in [rule]: there are identity, program, hosts, sign, consent, rate and "
        "final");
}

void cs_rule_deinit(struct cs_rule *rule)
{
    free(rule->name);
    free(rule->file);
    free(rule->identity);
    cs_pattern_free(rule->key);
    list_deinit(&rule->programs);
    list_deinit(&rule->hosts);
    *rule = (struct cs_rule){0};
}

/* Whom it fits */

static bool is_glob(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

bool cs_rule_fits_program(const struct cs_rule *rule, const struct cs_program *program)
{
    for (size_t i = 0; i < rule->programs.n; i++) {
        const char *item = rule->programs.items[i];

        if (item[0] == '/') {
            if (is_glob(item) ? fnmatch(item, program->path, FNM_PATHNAME | FNM_PERIOD) == 0
                              : strcmp(item, program->path) == 0)
                return true;
        } else if (has_prefix(item, "unit:")) {
            if (program->unit[0] && fnmatch(item + strlen("unit:"), program->unit, 0) == 0)
                return true;
        } else if (fnmatch(item, program->app, 0) == 0) {
            return true;
        }
    }
    return rule->programs.n == 0;
}

bool cs_rule_fits_host(const struct cs_rule *rule, const char *host)
{
    for (size_t i = 0; i < rule->hosts.n; i++)
        if (host[0] && fnmatch(rule->hosts.items[i], host, FNM_CASEFOLD) == 0)
            return true;
    return rule->hosts.n == 0;
}

/* How specific it is */

/* 0: says nothing of it; 1: one of its words has a wildcard; 2: names each. */
static int list_rank(const struct cs_rule_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (is_glob(list->items[i]))
            return 1;
    return list->n > 0 ? 2 : 0;
}

static int key_rank(const struct cs_rule *rule)
{
    if (!rule->key)
        return 0;
    return cs_pattern_names_key(rule->key) ? 2 : 1;
}

int cs_rule_compare(const struct cs_rule *a, const struct cs_rule *b)
{
    if (a->final != b->final)
        return a->final ? -1 : 1;
    if (!a->file && !b->file)
        return a->order < b->order ? -1 : 1; /* as the table has them */
    if (!a->file || !b->file)
        return a->file ? -1 : 1;
    if (key_rank(a) != key_rank(b))
        return key_rank(b) - key_rank(a);
    if (list_rank(&a->programs) != list_rank(&b->programs))
        return list_rank(&b->programs) - list_rank(&a->programs);
    if (list_rank(&a->hosts) != list_rank(&b->hosts))
        return list_rank(&b->hosts) - list_rank(&a->hosts);
    return a->order > b->order ? -1 : 1;
}
