/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The script: what countersign-fault.so is told to play.
 *
 * The module's control directory is named by $COUNTERSIGN_FAULT_DIR, or by "dir=PATH" as init
 * arguments (pReserved), which go before it. SoftHSM's path is $COUNTERSIGN_FAULT_MODULE, by
 * default Debian's. In the directory lie
 *   script      what to play; read at C_Initialize and again by the first call after it changed.
 *               Replace it by rename, not in place. No file: a module that only forwards and logs.
 *   log         a line per call, see log.c
 *   counters    what outlives a process: PIN tries used, how often rules fired; see counter.c
 *   keypad-ID   what a person types on slot ID's keypad, see keypad.c
 * A script with an error makes C_Initialize fail with CKR_GENERAL_ERROR, and so every later call
 * until it is mended; the log has a line !script that says where it is wrong.
 *
 * A line is a comment (#) or words with blanks between. In values, %XX is the byte of that number.
 *
 *   option no-locking       refuses CKF_OS_LOCKING_OK and mutexes with CKR_CANT_LOCK; implies the next
 *   option single-thread    two calls at a time are an error: a line !overlap in the log
 *   option no-wait          C_WaitForSlotEvent is CKR_FUNCTION_NOT_SUPPORTED
 *   option no-log           calls are not logged (soak tests)
 *   option boastful         C_GetSlotList and C_Sign say that they gave more than there was room for
 *
 *   slot ID [WORD | WORD=VALUE]...
 *       Without any such line the slots are SoftHSM's. With one, only those there are. In it lies:
 *     token=LABEL | serial=SERIAL | index=N    that token of SoftHSM's (N from 1)
 *     uninitialised                            SoftHSM's uninitialised token
 *     absent                                   nothing; the others may stand beside it
 *       A token that comes, goes or is another than before is an event; its old sessions and objects
 *       are dead and its login is lost. What is wrong with the slot:
 *     bad[=CKR]         it answers every call with CKR_DEVICE_ERROR, or that
 *     gone=CKR          what dead sessions answer: CKR_SESSION_HANDLE_INVALID, or that
 *     resume=N          another N than before: sessions and objects are dead, the login is lost
 *     logged-out=N      another N than before: the login is lost
 *     sessions=N        no more sessions than that: CKR_SESSION_COUNT
 *     fixed             not CKF_REMOVABLE_DEVICE
 *     terse             CKA_ALWAYS_AUTHENTICATE is CKR_ATTRIBUTE_TYPE_INVALID
 *     no-pss            CKM_RSA_PKCS_PSS is CKR_MECHANISM_INVALID
 *       Logins:
 *     open=PIN                  none is needed; PIN is SoftHSM's
 *     tries=N, so-tries=N       PIN tries. Wrong PINs are counted for the token in all processes:
 *                               COUNT_LOW after the first, FINAL_TRY at one left, LOCKED at none.
 *     keypad                    protected authentication path; keypad.c says how a PIN is typed
 *     keypad-delay=MS           ... and the reader thinks about it for so long
 *     keypad-timeout=MS         ... and gives up after that: CKR_FUNCTION_CANCELED
 *     always-authenticate[=LABEL]   CKA_ALWAYS_AUTHENTICATE on every private key, or those:
 *                               C_SignInit, C_Login(CKU_CONTEXT_SPECIFIC), C_Sign; any other call
 *                               on the session between them and it is CKR_USER_NOT_LOGGED_IN
 *     lax                       ... but C_GetAttributeValue may come there, as pkcs11-tool does
 *       What its token info says:
 *     label=, manufacturer=, model=, serial-number=    these bytes, padded with blanks
 *     flags=+NAME,-NAME...                             these flags, whatever is true
 *
 *   fail  FUNCTION CKR [LIMIT]...     answers with that code and does not call SoftHSM; an operation
 *                                     that the call would have ended has ended. CKR may be 0xNUMBER.
 *   delay FUNCTION MILLISECONDS [LIMIT]...
 *   hang  FUNCTION [LIMIT]...         until the script changes; then goes on
 *   crash FUNCTION, abort FUNCTION [LIMIT]...    SIGSEGV; SIGABRT
 *   exit  FUNCTION STATUS [LIMIT]...
 *       FUNCTION is a name such as C_Sign, or * for every one. A limit is
 *     at=N        from the N-th call on (1)
 *     every=N     each N-th call from there (1)
 *     times=N, once     so often, then never again
 *     slot=ID     on that slot and its sessions alone
 *     after       fail: SoftHSM is called first; only its answer is lost
 *     then=CKR    hang: answers so when it ends
 *     forever     hang: even when the script changes
 *     elder       in a process alone whose C_Initialize was before this version of the script
 *       Calls are counted from when this version of the script was first read, by all processes
 *       together. Delays add up; of the rest the first rule that applies is played.
 */
/* clang-format on */
#include "script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct fault_script *script;
    unsigned line;
    char *error;
    size_t error_size;
};

enum word_kind {
    WORD_FLAG,
    WORD_NUMBER,
    WORD_TEXT,
    WORD_RV,
    WORD_ONCE,
    WORD_BAD,
    WORD_ALWAYS,
    WORD_FLAGS,
};

struct word {
    const char *name;
    enum word_kind kind;
    size_t offset;
};

#define OPTION(word, member)                                                                       \
    {                                                                                              \
        word, WORD_FLAG, offsetof(struct fault_script, member)                                     \
    }
static const struct word options[] = {
    OPTION("no-locking", no_locking),
    OPTION("single-thread", single_thread),
    OPTION("no-wait", no_wait),
    OPTION("no-log", no_log),
    OPTION("boastful", boastful),
    {0},
};

#define SLOT(word, kind, member)                                                                   \
    {                                                                                              \
        word, kind, offsetof(struct fault_spec, member)                                            \
    }
static const struct word slot_words[] = {
    SLOT("token", WORD_TEXT, token),
    SLOT("serial", WORD_TEXT, serial),
    SLOT("index", WORD_NUMBER, index),
    SLOT("uninitialised", WORD_FLAG, uninitialised),
    SLOT("absent", WORD_FLAG, absent),
    SLOT("bad", WORD_BAD, bad),
    SLOT("gone", WORD_RV, gone),
    SLOT("resume", WORD_NUMBER, resume),
    SLOT("logged-out", WORD_NUMBER, logged_out),
    SLOT("sessions", WORD_NUMBER, sessions),
    SLOT("fixed", WORD_FLAG, fixed),
    SLOT("terse", WORD_FLAG, terse),
    SLOT("no-pss", WORD_FLAG, no_pss),
    SLOT("open", WORD_TEXT, open),
    SLOT("tries", WORD_NUMBER, tries),
    SLOT("so-tries", WORD_NUMBER, so_tries),
    SLOT("keypad", WORD_FLAG, keypad),
    SLOT("keypad-delay", WORD_NUMBER, keypad_delay),
    SLOT("keypad-timeout", WORD_NUMBER, keypad_timeout),
    SLOT("always-authenticate", WORD_ALWAYS, always_authenticate),
    SLOT("lax", WORD_FLAG, lax),
    SLOT("label", WORD_TEXT, label),
    SLOT("manufacturer", WORD_TEXT, manufacturer),
    SLOT("model", WORD_TEXT, model),
    SLOT("serial-number", WORD_TEXT, serial_number),
    SLOT("flags", WORD_FLAGS, set_flags),
    {0},
};

#define LIMIT(word, kind, member)                                                                  \
    {                                                                                              \
        word, kind, offsetof(struct fault_rule, member)                                            \
    }
static const struct word limits[] = {
    LIMIT("at", WORD_NUMBER, at),
    LIMIT("every", WORD_NUMBER, every),
    LIMIT("times", WORD_NUMBER, times),
    LIMIT("once", WORD_ONCE, times),
    LIMIT("slot", WORD_NUMBER, slot),
    LIMIT("after", WORD_FLAG, after),
    LIMIT("then", WORD_RV, rv),
    LIMIT("forever", WORD_FLAG, forever),
    LIMIT("elder", WORD_FLAG, elder),
    {0},
};

static const struct {
    const char *name;
    enum fault_action action;
    bool has_argument;
} actions[] = {
    {"fail", FAULT_FAIL, true},
    {"delay", FAULT_DELAY, true},
    {"hang", FAULT_HANG, false},
    {"crash", FAULT_CRASH, false},
    {"abort", FAULT_ABORT, false},
    {"exit", FAULT_EXIT, true},
};

static bool wrong(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(struct parser *parser, const char *format, ...)
{
    va_list args;
    int n;

    n = snprintf(parser->error, parser->error_size, "line %u: ", parser->line);
    va_start(args, format);
    vsnprintf(parser->error + n, parser->error_size - (size_t)n, format, args);
    va_end(args);
    return false;
}

static bool read_number(struct parser *parser, const char *digits, CK_ULONG *numberp)
{
    char *end;
    CK_ULONG number;

    errno = 0;
    number = strtoul(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end || errno)
        return wrong(parser, "\"%s\" is no number", digits);
    *numberp = number;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool read_text(struct parser *parser, const char *value, struct fault_text *text)
{
    text->set = true;
    text->len = 0;
    for (const char *p = value; *p; p++) {
        int byte = (unsigned char)*p;

        if (text->len == sizeof(text->data))
            return wrong(parser, "\"%s\" is too long", value);
        if (*p == '%') {
            if (hex_digit(p[1]) < 0 || hex_digit(p[2]) < 0)
                return wrong(parser, "\"%s\": two hexadecimal digits belong behind %%", value);
            byte = hex_digit(p[1]) << 4 | hex_digit(p[2]);
            p += 2;
        }
        text->data[text->len++] = (unsigned char)byte;
    }
    return true;
}

static bool read_rv(struct parser *parser, const char *name, CK_RV *rvp)
{
    return fault_rv_by_name(name, rvp) || wrong(parser, "\"%s\" is no CKR_ name", name);
}

static bool read_flags(struct parser *parser, char *value, struct fault_spec *spec)
{
    char *rest;

    for (char *name = strtok_r(value, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        CK_FLAGS flag;

        if ((*name != '+' && *name != '-') || !fault_flag_by_name(name + 1, &flag))
            return wrong(parser, "\"%s\" is no +FLAG or -FLAG of a token", name);
        if (*name == '+')
            spec->set_flags |= flag;
        else
            spec->clear_flags |= flag;
    }
    return true;
}

static bool read_always(struct parser *parser, const char *value, struct fault_spec *spec)
{
    if (!value) {
        spec->always_authenticate = true;
        return true;
    }
    if (spec->n_labels == FAULT_LABELS_MAX)
        return wrong(parser, "too many labels");
    return read_text(parser, value, &spec->labels[spec->n_labels++]);
}

static bool set_word(struct parser *parser, const struct word *word, char *value, void *object)
{
    void *member = (char *)object + word->offset;
    bool wants_value = word->kind != WORD_FLAG && word->kind != WORD_ONCE;

    if (wants_value && !value && word->kind != WORD_BAD && word->kind != WORD_ALWAYS)
        return wrong(parser, "%s needs a value", word->name);
    if (!wants_value && value)
        return wrong(parser, "%s takes no value", word->name);
    switch (word->kind) {
    case WORD_FLAG:
        *(bool *)member = true;
        return true;
    case WORD_ONCE:
        *(CK_ULONG *)member = 1;
        return true;
    case WORD_NUMBER:
        return read_number(parser, value, member);
    case WORD_TEXT:
        return read_text(parser, value, member);
    case WORD_RV:
        return read_rv(parser, value, member);
    case WORD_BAD:
        *(CK_RV *)member = CKR_DEVICE_ERROR;
        return !value || read_rv(parser, value, member);
    case WORD_ALWAYS:
        return read_always(parser, value, object);
    case WORD_FLAGS:
        return read_flags(parser, value, object);
    }
    return false;
}

/* The words that are left on the line. */
static bool read_words(struct parser *parser, char **rest, const struct word *table, void *object)
{
    char *text;

    while ((text = strtok_r(NULL, " \t", rest))) {
        char *value = strchr(text, '=');
        const struct word *word = table;

        if (value)
            *value++ = '\0';
        while (word->name && strcmp(word->name, text) != 0)
            word++;
        if (!word->name)
            return wrong(parser, "\"%s\" is not known here", text);
        if (!set_word(parser, word, value, object))
            return false;
    }
    return true;
}

static bool read_slot(struct parser *parser, char **rest)
{
    struct fault_script *script = parser->script;
    struct fault_spec *spec = &script->slots[script->n_slots];
    const char *id = strtok_r(NULL, " \t", rest);
    int n_tokens;

    if (script->n_slots == FAULT_SLOTS_MAX)
        return wrong(parser, "too many slots");
    spec->gone = CKR_SESSION_HANDLE_INVALID;
    if (!id)
        return wrong(parser, "a slot needs a number");
    if (!read_number(parser, id, &spec->id) || !read_words(parser, rest, slot_words, spec))
        return false;
    for (size_t i = 0; i < script->n_slots; i++) {
        if (script->slots[i].id == spec->id)
            return wrong(parser, "slot %lu is there twice", spec->id);
    }
    n_tokens = spec->token.set + spec->serial.set + (spec->index != 0) + spec->uninitialised;
    if (n_tokens > 1 || (n_tokens == 0 && !spec->absent && !spec->bad))
        return wrong(
            parser, "a slot needs one of token=, serial=, index=, uninitialised, absent, bad");
    script->n_slots++;
    return true;
}

static bool check_rule(struct parser *parser, const struct fault_rule *rule)
{
    if (!rule->at || !rule->every)
        return wrong(parser, "at and every count from 1");
    if (rule->after && rule->action != FAULT_FAIL)
        return wrong(parser, "after belongs to fail");
    if (rule->forever && rule->action != FAULT_HANG)
        return wrong(parser, "forever belongs to hang");
    if (rule->rv != CKR_OK && rule->action != FAULT_FAIL && rule->action != FAULT_HANG)
        return wrong(parser, "then belongs to hang");
    if (rule->action == FAULT_FAIL && rule->rv == CKR_OK)
        return wrong(parser, "CKR_OK is no failure");
    if (rule->function == FAULT_C_GetFunctionList)
        return wrong(parser, "C_GetFunctionList is never disturbed");
    return true;
}

static bool read_rule(
    struct parser *parser, enum fault_action action, bool has_argument, char **rest)
{
    struct fault_script *script = parser->script;
    struct fault_rule *rule = &script->rules[script->n_rules];
    const char *function = strtok_r(NULL, " \t", rest);
    const char *argument = has_argument ? strtok_r(NULL, " \t", rest) : NULL;

    if (script->n_rules == FAULT_RULES_MAX)
        return wrong(parser, "too many rules");
    *rule = (struct fault_rule){.action = action, .at = 1, .every = 1, .slot = (CK_SLOT_ID)-1};
    if (!function || !fault_function_by_name(function, &rule->function))
        return wrong(parser, "\"%s\" is no function", function ? function : "");
    if (has_argument && !argument)
        return wrong(parser, "the rule needs a value behind its function");
    if (action == FAULT_FAIL ? !read_rv(parser, argument, &rule->rv)
                             : argument && !read_number(parser, argument, &rule->value))
        return false;
    if (!read_words(parser, rest, limits, rule))
        return false;
    rule->has_slot = rule->slot != (CK_SLOT_ID)-1;
    if (!check_rule(parser, rule))
        return false;
    script->n_rules++;
    return true;
}

static bool read_option(struct parser *parser, char **rest)
{
    const char *start = *rest;

    if (start[strspn(start, " \t")] == '\0')
        return wrong(parser, "an option needs a name");
    return read_words(parser, rest, options, parser->script);
}

static bool read_line(struct parser *parser, char *line)
{
    char *rest = NULL;
    const char *first = strtok_r(line, " \t", &rest);

    if (!first || *first == '#')
        return true;
    if (strcmp(first, "option") == 0)
        return read_option(parser, &rest);
    if (strcmp(first, "slot") == 0)
        return read_slot(parser, &rest);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(first, actions[i].name) == 0)
            return read_rule(parser, actions[i].action, actions[i].has_argument, &rest);
    }
    return wrong(parser, "\"%s\" is no directive", first);
}

bool fault_script_parse(char *text, struct fault_script *script, char *error, size_t error_size)
{
    struct parser parser = {.script = script, .error = error, .error_size = error_size};

    while (text) {
        char *line = strsep(&text, "\n");

        parser.line++;
        if (!read_line(&parser, line))
            return false;
    }
    if (script->no_locking)
        script->single_thread = true;
    return true;
}
