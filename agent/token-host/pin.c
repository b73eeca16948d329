/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets PINs. Invariant: a PIN is in a cs_secret or nowhere, and one that the token refused leaves
 * this module only by force. Called by login, sign-pin and pin-change, on threads that may wait.
 *
 * A token may refuse a right PIN, or a refused one may become right, and nothing but a person's
 * word for it tells: modules that forget CKF_USER_PIN_COUNT_LOW when a card is read again are
 * common, and a descriptor is a script's as often as a person's. So the flags set nothing back.
 */
#include "token-host/pin.h"
#include "base/log.h"
#include "base/sha2.h"
#include "prompt/ask.h"
#include "token-host/child.h"
#include "token-host/entry.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FD_TIMEOUT_MS 30000
#define COMMAND_TIMEOUT_MS 60000
#define ARGV_MAX 64
#define DEFAULT_CREDENTIAL "countersign.pin"

bool cs_pin_is_line(struct cs_secret *pin)
{
    return !memchr(cs_secret_data(pin), '\0', cs_secret_len(pin)) &&
           !memchr(cs_secret_data(pin), '\n', cs_secret_len(pin));
}

/* A PIN that a token cannot have: none at all, or one the module would take for something else. */
static int check_pin(
    struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure)
{
    if (cs_secret_len(pin) == 0)
        return cs_fail(&failure->fault, CS_ERR_LOCKED, "token '%s': %s is empty",
            cs_token_name(request->token), request->origin);
    /* A descriptor of something else, most likely; it would cost a try. */
    if (!cs_pin_is_line(pin))
        return cs_fail(&failure->fault, CS_ERR_PIN_INCORRECT,
            "token '%s': %s is more than a line of text, and was not sent",
            cs_token_name(request->token), request->origin);
    if (request->resend)
        return 0;
    return cs_entry_check_pin(request->token, pin, request->origin, failure);
}

int cs_pin_read(
    struct cs_pin_request *request, int fd, struct cs_secret *pin, struct cs_failure *failure)
{
    int r = cs_secret_read(pin, fd, request->cancel_fd, FD_TIMEOUT_MS);

    snprintf(request->origin, sizeof(request->origin), "the PIN");
    if (r == CS_ERR_TOO_LARGE)
        return cs_fail(&failure->fault, CS_ERR_PIN_INCORRECT,
            "token '%s': the PIN is longer than %d bytes", cs_token_name(request->token),
            CS_SECRET_MAX);
    if (r < 0)
        return cs_fail(&failure->fault, r, "token '%s': no PIN came through the descriptor: %s",
            cs_token_name(request->token),
            r == CS_ERR_SYSTEM ? "it cannot be read" : cs_error_text(r));
    return check_pin(request, pin, failure);
}

/* A command comes as strings with a zero between. */
static int split_command(struct cs_bytes command, char *copy, char **argv)
{
    size_t n = 0, at = 0;

    memcpy(copy, command.data, command.len);
    copy[command.len] = '\0';
    while (at < command.len && n < ARGV_MAX) {
        argv[n++] = copy + at;
        at += strlen(copy + at) + 1;
    }
    argv[n] = NULL;
    return n > 0 && at >= command.len ? 0 : CS_ERR_CONFIG;
}

static bool was_tried(const struct cs_pin_request *request)
{
    for (size_t at = 0; at + CS_HOST_SOURCE_SIZE <= request->tried.len; at += CS_HOST_SOURCE_SIZE)
        if (memcmp(request->tried.data + at, request->source, CS_HOST_SOURCE_SIZE) == 0)
            return true;
    return false;
}

/* Before its PIN is got; CS_ERR_LOCKED if that is not to be sent again by itself. */
static int begin_source(
    struct cs_pin_request *request, struct cs_bytes state, struct cs_failure *failure)
{
    struct cs_sha2 sha2;

    cs_sha2_init(&sha2, CS_HASH_SHA256);
    cs_sha2_update(&sha2, state.data, state.len);
    cs_sha2_final(&sha2, request->source);
    request->unasked = true;
    if (!was_tried(request))
        return 0;
    return cs_fail(&failure->fault, CS_ERR_LOCKED,
        "token '%s': %s was sent to it before its module failed, and is not sent again by itself",
        cs_token_name(request->token), request->origin);
}

static int run_command(struct cs_pin_request *request, struct cs_bytes command,
    struct cs_secret *pin, struct cs_failure *failure)
{
    CS_AUTO(cs_freep) char *copy = malloc(command.len + 1);
    char *argv[ARGV_MAX + 1];
    struct cs_fault fault = {0};
    int r;

    if (!copy)
        return CS_ERR_MEMORY;
    r = split_command(command, copy, argv);
    if (r < 0)
        return cs_fail(&failure->fault, r, "token '%s': its pin-command has too many arguments",
            cs_token_name(request->token));
    r = cs_child_read_pin(argv, request->cancel_fd, COMMAND_TIMEOUT_MS, pin, &fault);
    if (r < 0)
        return cs_fail(&failure->fault, r, "token '%s' is locked: %s",
            cs_token_name(request->token), cs_fault_text(&fault, r));
    return check_pin(request, pin, failure);
}

static int from_command(struct cs_pin_request *request, struct cs_bytes command,
    struct cs_secret *pin, struct cs_failure *failure)
{
    const char *program = (const char *)command.data;
    int r;

    snprintf(request->origin, sizeof(request->origin), "the PIN from the command %.*s",
        (int)strnlen(program, command.len), program);
    r = begin_source(request, command, failure);
    return r < 0 ? r : run_command(request, command, pin, failure);
}

/* A name, not a path: credentials lie in one folder. */
static int open_credential(const char *name)
{
    const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    int n;

    if (!folder || !*name || strchr(name, '/') || strcmp(name, "..") == 0) {
        errno = ENOENT;
        return -1;
    }
    n = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* A file that is written, or put in the place of another, has another PIN as far as we know. */
static int begin_credential(
    struct cs_pin_request *request, int fd, const char *name, struct cs_failure *failure)
{
    char state[4096];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return CS_ERR_SYSTEM;
    snprintf(state, sizeof(state), "%ju %ju %jd.%09ld %s", (uintmax_t)st.st_dev,
        (uintmax_t)st.st_ino, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, name);
    return begin_source(request, cs_bytes_of(state), failure);
}

static int from_credential(struct cs_pin_request *request, const char *name, struct cs_secret *pin,
    struct cs_failure *failure)
{
    CS_AUTO(cs_closep) int fd = open_credential(name);
    int r;

    snprintf(request->origin, sizeof(request->origin), "the PIN from the credential %s", name);
    if (fd < 0)
        return cs_fail(&failure->fault, CS_ERR_LOCKED,
            "token '%s' is locked: the credential %s in $CREDENTIALS_DIRECTORY cannot be read: %s",
            cs_token_name(request->token), name, strerrordesc_np(errno));
    r = begin_credential(request, fd, name, failure);
    if (r == CS_ERR_LOCKED)
        return r;
    if (r == 0)
        r = cs_secret_read(pin, fd, request->cancel_fd, FD_TIMEOUT_MS);
    if (r < 0)
        return cs_fail(&failure->fault, CS_ERR_LOCKED,
            "token '%s' is locked: the credential %s cannot be read: %s",
            cs_token_name(request->token), name, cs_error_text(r));
    return check_pin(request, pin, failure);
}

static int from_source(struct cs_pin_request *request, const struct cs_host_pin_source *source,
    struct cs_secret *pin, struct cs_failure *failure)
{
    CS_AUTO(cs_freep) char *name = NULL;

    if (source->command.len)
        return from_command(request, source->command, pin, failure);
    if (source->credential.len == 0)
        return CS_ERR_NOT_FOUND;
    name = cs_bytes_dup(source->credential);
    return name ? from_credential(request, name, pin, failure) : CS_ERR_MEMORY;
}

/* A service that got a PIN from its manager needs no configuration for it. */
static int from_default_credential(
    struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure)
{
    int fd = open_credential(DEFAULT_CREDENTIAL);

    if (fd < 0)
        return CS_ERR_NOT_FOUND;
    close(fd);
    return from_credential(request, DEFAULT_CREDENTIAL, pin, failure);
}

static int from_sources(
    struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure)
{
    const struct cs_host_pin_source *source;
    int r = CS_ERR_NOT_FOUND;
    uint32_t i = 0;

    while ((source = cs_configuration_source(request->configuration, &request->token->info, &i))) {
        int r2 = from_source(request, source, pin, failure);

        if (r2 == 0 || r2 == CS_ERR_CANCELLED)
            return r2;
        if (r2 != CS_ERR_NOT_FOUND)
            r = r2;
    }
    if (request->configuration->m.n_sources == 0)
        r = from_default_credential(request, pin, failure);
    return r;
}

static int ask_person(struct cs_pin_request *request, struct cs_prompt_request *question,
    struct cs_secret *pin, struct cs_failure *failure)
{
    const struct cs_host_configure *configuration = &request->configuration->m;
    CS_AUTO(cs_freep) char *program = cs_bytes_dup(configuration->prompt_program);

    if (!program)
        return CS_ERR_MEMORY;
    question->flags = request->purpose;
    question->timeout = configuration->prompt_timeout;
    question->pinentry = configuration->pinentry;
    question->token = cs_bytes_of(cs_token_name(request->token));
    question->program = request->asker->program;
    question->key = request->asker->key;
    question->error = cs_bytes_of(request->error);
    question->environment = request->asker->environment;
    if (question->kind == CS_PROMPT_PIN && (request->flags & CKF_USER_PIN_COUNT_LOW))
        question->flags |= CS_PROMPT_COUNT_LOW;
    if (question->kind == CS_PROMPT_PIN && (request->flags & CKF_USER_PIN_FINAL_TRY))
        question->flags |= CS_PROMPT_FINAL_TRY;
    request->asked++;
    return cs_ask_pin(program, question, request->cancel_fd, pin, &failure->fault);
}

/* Who enters what was refused before is told so, and the token is not bothered. */
static int from_person(
    struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure)
{
    struct cs_prompt_request question = {.kind = CS_PROMPT_PIN};
    int r = cs_entry_begin_asking(request->token, request->cancel_fd);

    if (r < 0)
        return r;
    snprintf(request->origin, sizeof(request->origin), "the PIN");
    request->unasked = false;
    do {
        r = ask_person(request, &question, pin, failure);
        if (r == 0)
            r = check_pin(request, pin, failure);
        snprintf(request->error, sizeof(request->error),
            "This PIN was refused before and is not sent again: if it is right now, use --force.");
    } while (r == CS_ERR_PIN_INCORRECT && request->asked < CS_HOST_ASK_MAX);
    cs_entry_end_asking(request->token);
    return r;
}

int cs_pin_get_new(struct cs_pin_request *request, uint32_t min, uint32_t max,
    struct cs_secret *pin, struct cs_failure *failure)
{
    struct cs_prompt_request question = {.kind = CS_PROMPT_NEW_PIN, .min_len = min, .max_len = max};
    int r = cs_entry_begin_asking(request->token, request->cancel_fd);

    if (r < 0)
        return r;
    request->asked = 0;
    request->error[0] = '\0';
    do {
        r = ask_person(request, &question, pin, failure);
        if (r == 0 && cs_entry_fits(cs_secret_len(pin), min, max))
            break;
        if (r == 0)
            r = cs_fail(&failure->fault, CS_ERR_INVALID,
                "token '%s': a PIN has %u to %u characters there", cs_token_name(request->token),
                min, max);
        snprintf(
            request->error, sizeof(request->error), "It must have %u to %u characters.", min, max);
    } while (r == CS_ERR_INVALID && request->asked < CS_HOST_ASK_MAX);
    cs_entry_end_asking(request->token);
    return r;
}

bool cs_pin_may_ask_again(struct cs_pin_request *request, CK_RV rv)
{
    struct cs_token *token = request->token;

    if (request->asked == 0 || request->asked >= CS_HOST_ASK_MAX)
        return false;
    pthread_mutex_lock(&token->lock);
    request->flags = token->info.flags;
    pthread_mutex_unlock(&token->lock);
    if (request->flags & CKF_USER_PIN_LOCKED)
        return false;
    if ((request->flags & CKF_USER_PIN_FINAL_TRY) && !request->force)
        return false;
    /* What was configured was tried, and who was just told is not to send it again. */
    request->automatic = false;
    request->resend = false;
    if (rv == CKR_PIN_INCORRECT)
        snprintf(request->error, sizeof(request->error), "The PIN was wrong. Try again.");
    else
        snprintf(
            request->error, sizeof(request->error), "The token refused it: %s.", cs_ckr_text(rv));
    return true;
}

int cs_pin_get(struct cs_pin_request *request, struct cs_secret *pin, struct cs_failure *failure)
{
    bool person = request->asker && request->configuration->m.prompt_program.len > 0;
    struct cs_failure asking = {0};
    int r = CS_ERR_NOT_FOUND, r2;

    if (request->automatic)
        r = from_sources(request, pin, failure);
    if (r == 0 || r == CS_ERR_CANCELLED)
        return r;
    if (!person && r == CS_ERR_NOT_FOUND && request->purpose == CS_PROMPT_FOR_SIGNATURE)
        return cs_fail(&failure->fault, CS_ERR_LOCKED,
            "this key wants the PIN of token '%s' for every signature, and nobody can be asked for "
            "it: configure where the PIN comes from",
            cs_token_name(request->token));
    if (!person && r == CS_ERR_NOT_FOUND)
        return cs_fail(&failure->fault, CS_ERR_LOCKED,
            "token '%s' is locked and nobody can be asked for its PIN: run '%s --pin-fd N', or "
            "configure where the PIN comes from",
            cs_token_name(request->token), cs_token_unlock(request->token));
    if (!person)
        return r;
    if (r != CS_ERR_NOT_FOUND)
        cs_warn("%s", cs_fault_text(&failure->fault, r));
    r2 = from_person(request, pin, &asking);
    /* Where nobody could be asked, what was wrong with the configured source says more. */
    if (r2 == CS_ERR_LOCKED && r != CS_ERR_NOT_FOUND)
        return r;
    *failure = asking;
    return r2;
}
