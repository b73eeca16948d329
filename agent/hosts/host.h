/* SPDX-License-Identifier: Apache-2.0 */
/* A token host: the process that runs a module, and the agent's side of the talk with it. */
#ifndef CS_AGENT_HOST_H
#define CS_AGENT_HOST_H

#include "audit/audit.h"
#include "socket/channel.h"
#include "inventory/inventory.h"
#include "hosts/module.h"

struct cs_host;
struct cs_job;

/* An answer of a host. Borrowed until the return. */
struct cs_answer {
    int code;
    const char *text; /* a sentence, never NULL */
    struct cs_bytes signature;
};

typedef void cs_job_done(void *user, const struct cs_answer *answer);

enum cs_host_state {
    CS_HOST_STATE_STOPPED,
    CS_HOST_STATE_STARTING, /* not every token is reported yet */
    CS_HOST_STATE_RUNNING,
    CS_HOST_STATE_FAILED, /* waits to be started anew */
};

/* What all hosts have in common. */
struct cs_host_setting {
    uv_loop_t *loop;
    const char *program;
    const struct cs_config *config;
    const char *prompt_program;
    struct cs_inventory *inventory;
    struct cs_audit *audit;
    /* The host became running or failed, or stopped for good; or cs_host_is_troubled changed. */
    void (*changed)(void *user);
    void *user;
};

int cs_host_new(const struct cs_host_setting *setting, const struct cs_module *module,
    unsigned order, struct cs_host **hostp);
/* Only when it is stopped. */
void cs_host_free(struct cs_host *host);
void cs_host_start(struct cs_host *host);
/* Closes its socket, which ends it; kills it when that takes too long. */
void cs_host_stop(struct cs_host *host);
/* For a refresh, in a new process: some modules read their tokens only once, or find no way back to
 * what they have lost. One that failed is started at once; one that runs is not touched, and false
 * returned, if a login would be lost, or what it has shown or a refused PIN forgotten, somebody
 * waits for it, or it has hardly been started. */
bool cs_host_renew(struct cs_host *host);

enum cs_host_state cs_host_get_state(const struct cs_host *host);
/* What is known is all there is to know for now. */
bool cs_host_is_settled(const struct cs_host *host);
/* The sentence for what its end has spoiled. CS_ERR_MODULE_FAILED. */
int cs_host_say_failed(const struct cs_host *host, struct cs_fault *fault);
/* It ran, failed, and is soon to be back: a token that is missing may be one of its own. */
bool cs_host_is_awaited(const struct cs_host *host);
/* It is being started, or about to be, for cs_host_renew: a change is to come soon. */
bool cs_host_is_due(const struct cs_host *host);
/* It may be of a device that this machine has not, if not. */
bool cs_host_has_run(const struct cs_host *host);
/* It cannot use a token that is there. cs_host_describe says why. */
bool cs_host_is_troubled(const struct cs_host *host);
/* The token that has been silent for some seconds while it was to sign: it may want to be touched.
 * NULL: there is none. */
const struct cs_token *cs_host_silent_token(const struct cs_host *host);
const char *cs_host_name(const struct cs_host *host);
/* For STATUS. */
void cs_host_describe(const struct cs_host *host, struct cs_msg_module *m);

/* Asks; done comes later, from the loop, and always. Takes fd unless it is -1. A code less than 0
 * when it cannot be asked; then done never comes. */
struct cs_host_question {
    enum cs_host_message_type type;
    union {
        const struct cs_host_sign_request *sign;
        const struct cs_host_login_request *login;
        const struct cs_host_logout_request *logout;
    };
    int fd;
    const int *fds;       /* two in its place, or NULL; taken as well */
    uint64_t person_time; /* milliseconds that people may take, beyond what the module may */
    bool at_reader; /* a person may be at its reader's keypad: others of the host wait for them */
};
int cs_host_ask(struct cs_host *host, const struct cs_host_question *question, cs_job_done *done,
    void *user, struct cs_job **jobp);
/* What the host may not know of the token, for the login that it is to be asked. Borrowed until the
 * return. */
void cs_host_recall(
    struct cs_host *host, const struct cs_token *token, struct cs_host_login_request *m);
/* Gives the job up; its done never comes. */
void cs_job_abandon(struct cs_job *job);
/* Lets the job go on without us; its done never comes. */
void cs_job_forget(struct cs_job *job);
/* Asks the host to give the job up; its done still comes. */
void cs_job_cancel(struct cs_job *job);

#endif
