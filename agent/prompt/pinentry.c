/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with a pinentry. Called once by the prompt's main. libassuan runs on memory of
 * ours (vault) and reads through a function of ours, so that the PIN stays in locked memory and
 * every wait ends: at the deadline, at a signal, or when nobody wants the answer any more. The
 * PIN also passes the kernel's socket buffers, and the pinentry's own memory; those are not ours.
 */
#include "prompt/pinentry.h"
#include "base/clock.h"
#include "prompt/process.h"
#include "prompt/surroundings.h"
#include "prompt/vault.h"
#include "prompt/words.h"

#include <errno.h>
#include <gpg-error.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define OUR_ERRORS GPG_ERR_SOURCE_USER_1
#define GRACE_MS 2000 /* for a pinentry that does not keep the time it was told */
#define ASK_MAX 3     /* an empty answer asks again */
#define HEADING "Countersign"

struct talk {
    assuan_context_t assuan;
    struct cs_process process;
    struct cs_watch watch;
    long long deadline;
    int stopped;      /* why a wait was given up, CS_ERR_* */
    bool refused;     /* its last line was an error */
    bool repeated;    /* the pinentry saw to it that the PIN was entered twice */
    bool for_session; /* the consent is */
    bool gnome;       /* it is GNOME's, where the prompt is a heading */
    bool tells_apart; /* the button that means no from the one of a third answer */
    char path[PATH_MAX];
};

static int wait_for(const struct talk *talk, int fd)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
            {.fd = talk->watch.signals, .events = POLLIN}, {.fd = talk->watch.answer}};
        long long left = talk->deadline - cs_clock_ms();
        int n;

        if (left <= 0)
            return CS_ERR_TIMEOUT;
        n = poll(fds, 3, left > INT_MAX ? INT_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return CS_ERR_SYSTEM;
        if (n > 0 && (fds[1].revents || fds[2].revents))
            return CS_ERR_CANCELLED;
        if (n > 0 && fds[0].revents)
            return 0;
    }
}

static ssize_t watched_read(assuan_context_t assuan, assuan_fd_t fd, void *data, size_t size)
{
    struct talk *talk = assuan_get_pointer(assuan);

    talk->stopped = wait_for(talk, fd);
    if (talk->stopped == 0)
        return read(fd, data, size);
    errno = ECANCELED;
    return -1;
}

static struct assuan_system_hooks system_hooks = {ASSUAN_SYSTEM_HOOKS_VERSION, __assuan_usleep,
    __assuan_pipe, __assuan_close, watched_read, __assuan_write, __assuan_recvmsg, __assuan_sendmsg,
    __assuan_spawn, __assuan_waitpid, __assuan_socketpair, __assuan_socket, __assuan_connect};

/* An error that the pinentry itself answered, not one of the conversation. */
static bool is_answer(gpg_error_t error)
{
    return gpg_err_source(error) != OUR_ERRORS;
}

static unsigned int note_line(
    assuan_context_t assuan, void *data, int direction, const char *line, size_t len)
{
    struct talk *talk = data;

    (void)assuan;
    if (direction == 0)
        talk->refused = len >= 3 && memcmp(line, "ERR", 3) == 0;
    return 0;
}

/* What libassuan takes for a yes is none if it is an error without a number, or more than was asked
 * for. */
static gpg_error_t transact(struct talk *talk, const char *line,
    gpg_error_t (*data)(void *, const void *, size_t), void *data_arg,
    gpg_error_t (*status)(void *, const char *), void *status_arg)
{
    gpg_error_t error =
        assuan_transact(talk->assuan, line, data, data_arg, NULL, NULL, status, status_arg);

    if (!error && (talk->refused || assuan_pending_line(talk->assuan)))
        return gpg_err_make(OUR_ERRORS, GPG_ERR_INV_RESPONSE);
    return error;
}

static gpg_error_t connect_assuan(struct talk *talk)
{
    gpg_error_t error = assuan_new_ext(&talk->assuan, OUR_ERRORS, &cs_vault_hooks, NULL, NULL);

    if (error) {
        talk->assuan = NULL;
        return error;
    }
    assuan_set_flag(talk->assuan, ASSUAN_NO_LOGGING, 1);
    assuan_begin_confidential(talk->assuan);
    assuan_set_pointer(talk->assuan, talk);
    assuan_set_io_monitor(talk->assuan, note_line, talk);
    assuan_ctx_set_system_hooks(talk->assuan, &system_hooks);
    return assuan_socket_connect_fd(talk->assuan, talk->process.fd, 0);
}

/* A pinentry may refuse what it does not know: only a broken conversation is an error. */
static gpg_error_t tell(struct talk *talk, const char *command, const char *text)
{
    char line[ASSUAN_LINELENGTH - 1];
    gpg_error_t error;

    cs_words_line(line, sizeof(line), command, text);
    error = transact(talk, line, NULL, NULL, NULL, NULL);
    return error && !is_answer(error) ? error : 0;
}

/* Options are not unescaped at the other side; surroundings has no value with control characters.
 */
static gpg_error_t option(struct talk *talk, const char *name, const char *value)
{
    char line[ASSUAN_LINELENGTH - 1];
    gpg_error_t error;

    if (!value)
        return 0;
    if ((size_t)snprintf(line, sizeof(line), "OPTION %s%s%s", name, *value ? "=" : "", value) >=
        sizeof(line))
        return 0;
    error = transact(talk, line, NULL, NULL, NULL, NULL);
    return error && !is_answer(error) ? error : 0;
}

/* Those with three buttons. Of others a no can be what these answer when the third is pressed: so
 * it is with GNOME's, Trinity's, and many a script. */
static bool has_three_buttons(struct cs_bytes flavor)
{
    static const char *const names[] = {
        "curses", "tty", "gtk2", "qt", "qt4", "qt5", "qt6", "fltk", "efl"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (cs_bytes_equal(flavor, cs_bytes_of(names[i])))
            return true;
    return false;
}

/* Behind a colon stands what it has fallen back to, where there is no display. */
static gpg_error_t take_flavor(void *arg, const void *data, size_t len)
{
    const char *colon = memchr(data, ':', len);
    struct cs_bytes flavor = CS_BYTES(data, len);
    struct talk *talk = arg;

    if (colon)
        flavor = CS_BYTES(colon + 1, len - (size_t)(colon + 1 - (const char *)data));
    talk->gnome = cs_bytes_equal(flavor, cs_bytes_of("gnome3"));
    talk->tells_apart = has_three_buttons(flavor);
    return 0;
}

/* The pinentry may keep nothing: allow-external-password-cache and SETKEYINFO are not said. Nor is
 * the keyboard grabbed, which keeps no X client from listening: what somebody is typing elsewhere
 * would be a wrong PIN, and where a menu is open the grab fails, which GTK's calls a cancel. */
static gpg_error_t prepare(struct talk *talk, const struct cs_surroundings *s,
    const struct cs_words *words, uint32_t seconds)
{
    const struct {
        const char *name, *value;
    } options[] = {{"no-grab", ""}, {"ttyname", s->tty}, {"ttytype", s->tty ? s->term : NULL},
        {"display", s->display}, {"lc-ctype", s->lc_ctype}, {"lc-messages", s->lc_messages}};
    gpg_error_t error = 0;
    char timeout[16];

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !error; i++)
        error = option(talk, options[i].name, options[i].value);
    snprintf(timeout, sizeof(timeout), "%u", seconds);
    if (!error)
        error = tell(talk, "SETTIMEOUT", timeout);
    if (!error)
        error = tell(talk, "SETTITLE", HEADING);
    if (!error)
        error = tell(talk, "SETDESC", words->description);
    if (!error)
        error = tell(talk, "SETPROMPT", HEADING);
    if (!error)
        transact(talk, "GETINFO flavor", take_flavor, talk, NULL, NULL);
    return error;
}

static gpg_error_t take_status(void *arg, const char *line)
{
    struct talk *talk = arg;

    if (strcmp(line, "PIN_REPEATED") == 0)
        talk->repeated = true;
    return 0;
}

static gpg_error_t take_data(void *arg, const void *data, size_t len)
{
    struct cs_secret *pin = arg;
    size_t have = cs_secret_len(pin);

    if (len > CS_SECRET_MAX - have)
        return gpg_err_make(OUR_ERRORS, GPG_ERR_TOO_LARGE);
    if (len)
        memcpy(cs_secret_data(pin) + have, data, len);
    cs_secret_set_len(pin, have + len);
    return 0;
}

static gpg_error_t get_pin(
    struct talk *talk, const char *prompt, const char *what, struct cs_secret *pin)
{
    gpg_error_t error = 0;

    cs_secret_set_len(pin, 0);
    for (int i = 0; i < ASK_MAX && !error && cs_secret_len(pin) == 0; i++) {
        if (*what)
            error = tell(talk, "SETERROR", what);
        if (!error && !talk->gnome)
            error = tell(talk, "SETPROMPT", prompt);
        if (!error)
            error = transact(talk, "GETPIN", take_data, pin, take_status, talk);
        what = "No PIN was entered.";
    }
    if (!error && cs_secret_len(pin) == 0)
        return gpg_err_make(GPG_ERR_SOURCE_PINENTRY, GPG_ERR_CANCELED);
    return error;
}

static bool is_same(struct cs_secret *a, struct cs_secret *b)
{
    return cs_secret_len(a) == cs_secret_len(b) &&
           memcmp(cs_secret_data(a), cs_secret_data(b), cs_secret_len(a)) == 0;
}

/* Twice, in one dialog if the pinentry has it, else in two. */
static gpg_error_t get_new_pin(struct talk *talk, const char *what, struct cs_secret *pin)
{
    CS_AUTO(cs_secret_freep) struct cs_secret *again = NULL;
    gpg_error_t error = 0;

    if (cs_secret_new(&again) < 0)
        return gpg_err_make(OUR_ERRORS, GPG_ERR_ENOMEM);
    for (int i = 0; i < ASK_MAX && !error; i++) {
        talk->repeated = false;
        error = tell(talk, "SETREPEAT", "Repeat it:");
        if (!error)
            error = tell(talk, "SETREPEATERROR", "The two are not the same.");
        if (!error)
            error = get_pin(talk, "New PIN:", what, pin);
        if (!error && !talk->repeated)
            error = get_pin(talk, "Repeat the new PIN:", "", again);
        if (!error && (talk->repeated || is_same(pin, again)))
            return 0;
        what = "The two are not the same.";
    }
    return error ? error : gpg_err_make(GPG_ERR_SOURCE_PINENTRY, GPG_ERR_CANCELED);
}

/* A dialog with one button, which says no; it is taken away when the PIN has been entered. */
static gpg_error_t show_notice(struct talk *talk)
{
    gpg_error_t error = tell(talk, "SETOK", "Cancel");

    if (!error)
        error = transact(talk, "CONFIRM --one-button", NULL, NULL, NULL, NULL);
    return error ? error : gpg_err_make(GPG_ERR_SOURCE_PINENTRY, GPG_ERR_CANCELED);
}

static gpg_error_t confirm(struct talk *talk, const char *yes, const char *other, const char *no)
{
    gpg_error_t error = tell(talk, "SETOK", yes);

    if (!error && *other)
        error = tell(talk, "SETNOTOK", other);
    if (!error)
        error = tell(talk, "SETCANCEL", no);
    return error ? error : transact(talk, "CONFIRM", NULL, NULL, NULL, NULL);
}

static bool is_no(gpg_error_t error)
{
    return is_answer(error) && (gpg_err_code(error) == GPG_ERR_CANCELED ||
                                   gpg_err_code(error) == GPG_ERR_FULLY_CANCELED ||
                                   gpg_err_code(error) == GPG_ERR_NOT_CONFIRMED);
}

/* Closing the dialog is a no, so "No" is the button that cancels. Where a third button is not told
 * from that one, a second dialog asks for how long. */
static gpg_error_t get_consent(struct talk *talk, uint32_t flags)
{
    const char *once = "_Once", *session = "This _session", *no = "_No";
    gpg_error_t error;

    if (flags & (CS_PROMPT_EACH_TIME | CS_PROMPT_SHOW)) {
        error = confirm(talk, "_Yes", "", no);
        talk->for_session = !error && flags & CS_PROMPT_SHOW;
        return error;
    }
    if (talk->tells_apart) {
        error = confirm(talk, once, session, no);
        talk->for_session = is_answer(error) && gpg_err_code(error) == GPG_ERR_NOT_CONFIRMED;
        return talk->for_session ? 0 : error;
    }
    error = confirm(talk, "_Yes", "", no);
    if (!error)
        error = tell(talk, "SETDESC", "For how long?");
    if (error)
        return error;
    error = confirm(talk, session, "", once);
    talk->for_session = !error;
    return is_no(error) ? 0 : error;
}

static gpg_error_t ask(struct talk *talk, const struct cs_prompt_request *request,
    const struct cs_words *words, struct cs_secret *pin)
{
    switch (request->kind) {
    case CS_PROMPT_KEYPAD:
        return show_notice(talk);
    case CS_PROMPT_CONSENT:
        return get_consent(talk, request->flags);
    case CS_PROMPT_NEW_PIN:
        return get_new_pin(talk, words->error, pin);
    default:
        return get_pin(talk, "PIN:", words->error, pin);
    }
}

/* What a pinentry answers when it cannot open the terminal or display it was told of. */
static bool is_nowhere(gpg_error_t error)
{
    switch (gpg_err_code(error)) {
    case GPG_ERR_ENOTTY:
    case GPG_ERR_ENXIO:
    case GPG_ERR_ENODEV:
    case GPG_ERR_ENOENT:
    case GPG_ERR_EACCES:
    case GPG_ERR_EPERM:
    case GPG_ERR_EIO:
        return is_answer(error);
    default:
        return false;
    }
}

static enum cs_prompt_verdict judge(
    const struct talk *talk, gpg_error_t error, const char *ended, struct cs_fault *fault)
{
    char text[100] = "";

    if (talk->stopped)
        return talk->stopped == CS_ERR_TIMEOUT ? CS_PROMPT_TIMED_OUT : CS_PROMPT_CANCELLED;
    if (is_answer(error) && gpg_err_code(error) == GPG_ERR_TIMEOUT)
        return CS_PROMPT_TIMED_OUT;
    if (is_no(error))
        return CS_PROMPT_CANCELLED;
    gpg_strerror_r(error, text, sizeof(text));
    if (is_nowhere(error)) {
        cs_fail(fault, CS_ERR_LOCKED,
            "pinentry '%.200s' cannot use this terminal or display: %s; where there is Wayland and "
            "no X write pinentry = /usr/bin/pinentry-gnome3 or /usr/bin/pinentry-qt in the [agent] "
            "section of ~/.config/countersign/agent.conf, and restart the agent",
            talk->path, text);
        return CS_PROMPT_IMPOSSIBLE;
    }
    if (gpg_err_code(error) == GPG_ERR_TOO_LARGE && !is_answer(error))
        cs_fail(fault, CS_ERR_TOO_LARGE, "a PIN has at most %d bytes", CS_SECRET_MAX);
    else if (*ended && !is_answer(error))
        cs_fail(fault, CS_ERR_LOCKED,
            "pinentry '%.200s' ended without an answer (%s); try another one as 'pinentry' in the "
            "[agent] section",
            talk->path, ended);
    else
        cs_fail(fault, CS_ERR_LOCKED,
            "pinentry '%.200s' did not do its work: %s; try another one as 'pinentry' in the "
            "[agent] section",
            talk->path, text);
    return CS_PROMPT_FAILED;
}

static enum cs_prompt_verdict converse(struct talk *talk, const struct cs_prompt_request *request,
    const struct cs_surroundings *surroundings, struct cs_secret *pin, struct cs_fault *fault)
{
    uint32_t seconds = request->timeout ? request->timeout : CS_PROMPT_TIMEOUT_DEFAULT;
    struct cs_words words;
    char ended[40];
    gpg_error_t error;

    talk->deadline = cs_clock_ms() + 1000LL * seconds + GRACE_MS;
    cs_words_for(&words, request);
    error = connect_assuan(talk);
    if (!error)
        error = prepare(talk, surroundings, &words, seconds);
    if (!error)
        error = ask(talk, request, &words, pin);
    /* Says BYE and closes the socket, whether or not the two ever met. */
    if (talk->assuan)
        assuan_release(talk->assuan);
    cs_process_end(&talk->process, !talk->stopped, ended, sizeof(ended));
    if (!error)
        return talk->for_session ? CS_PROMPT_OK_FOR_SESSION : CS_PROMPT_OK;
    cs_secret_set_len(pin, 0);
    return judge(talk, error, ended, fault);
}

enum cs_prompt_verdict cs_pinentry_ask(const struct cs_prompt_request *request,
    const struct cs_watch *watch, struct cs_secret *pin, struct cs_fault *fault)
{
    struct talk talk = {.watch = *watch};
    enum cs_prompt_verdict verdict = CS_PROMPT_FAILED;
    CS_AUTO(cs_freep) char *name = cs_bytes_dup(request->pinentry);
    struct cs_surroundings surroundings;
    int r = cs_surroundings_init(&surroundings, request);

    if (r == CS_ERR_LOCKED)
        return CS_PROMPT_IMPOSSIBLE;
    if (r == 0 && name)
        r = cs_process_find(talk.path, sizeof(talk.path), name, fault);
    if (r == 0 && name)
        r = cs_process_start(&talk.process, talk.path, surroundings.environment, fault);
    if (r == 0 && name)
        verdict = converse(&talk, request, &surroundings, pin, fault);
    else if (!fault->text[0])
        cs_fail(fault, r, "%s", cs_error_text(r ? r : CS_ERR_MEMORY));
    cs_surroundings_deinit(&surroundings);
    return verdict;
}
