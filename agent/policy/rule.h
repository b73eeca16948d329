/* SPDX-License-Identifier: Apache-2.0 */
/* A rule: whom it is about, and what such a program may have signed. */
#ifndef CS_AGENT_RULE_H
#define CS_AGENT_RULE_H

#include "config/settings.h"
#include "inventory/pattern.h"
#include "policy/program.h"
#include "proof/proof.h"

/* What may be signed: bits of one octet. */
enum cs_sign {
    CS_SIGN_TLS = 1 << 0,
    CS_SIGN_CSR = 1 << 1,
    CS_SIGN_DIGEST = 1 << 2,
    CS_SIGN_DATA = 1 << 3,
    CS_SIGN_ALL = CS_SIGN_TLS | CS_SIGN_CSR | CS_SIGN_DIGEST | CS_SIGN_DATA,
};

/* When a person is asked first. */
enum cs_consent {
    CS_CONSENT_NEVER,
    CS_CONSENT_SESSION, /* the answer can hold for the session */
    CS_CONSENT_ALWAYS,
};

/* A setting that is a list, with commas between. */
struct cs_rule_list {
    size_t n;
    char **items;
};

struct cs_rule {
    char *name;
    char *file; /* of its first setting, and its line; NULL: built in */
    int line;
    size_t order;       /* among all rules; the later ones count more */
    bool administrator; /* out of the administrator's directory */
    bool final;
    bool says_sign; /* a rule has to */
    uint8_t about;  /* CS_SIGN_*: it decides on these; all but for built-in rules */
    uint8_t sign;   /* CS_SIGN_*: it allows these */
    enum cs_consent consent;
    char *identity; /* as written; NULL: any */
    struct cs_pattern *key;
    struct cs_rule_list programs; /* empty: any */
    struct cs_rule_list hosts;    /* empty: any */
    uint32_t rate;                /* signatures in a period, of each program; 0: no limit */
    uint64_t period;              /* in milliseconds */
};

/* The bit of enum cs_sign that a proof needs. */
uint8_t cs_sign_of(enum cs_proof_kind proof);
/* "tls, csr", "none". Returns out. */
#define CS_SIGN_TEXT 32
char *cs_sign_text(uint8_t sign, char out[CS_SIGN_TEXT]);
const char *cs_consent_name(enum cs_consent consent);
/* "file:line", "" for a built-in rule. Returns out. */
#define CS_RULE_WHERE 4200
char *cs_rule_where(const struct cs_rule *rule, char out[CS_RULE_WHERE]);

/* Takes one setting; CS_ERR_CONFIG with a sentence. */
int cs_rule_set(struct cs_rule *rule, const struct cs_setting *at, struct cs_fault *fault);
void cs_rule_deinit(struct cs_rule *rule);

/* Whether a program, or a server's name, is one of the list's. */
bool cs_rule_fits_program(const struct cs_rule *rule, const struct cs_program *program);
bool cs_rule_fits_host(const struct cs_rule *rule, const char *host);
/* Which of two rules is tried first: less than 0 for a. */
int cs_rule_compare(const struct cs_rule *a, const struct cs_rule *b);

#endif
