/* SPDX-License-Identifier: Apache-2.0 */
/* Plays the agent: starts the built token host and speaks host-message.h with it. */
#ifndef TESTS_TOKEN_HOST_H
#define TESTS_TOKEN_HOST_H

#include "token-host/host-message.h"
#include "base/wire.h"

#include <sys/types.h>

#define HOST_TOKENS_MAX 16
#define HOST_OBJECTS_MAX 64

struct host_object {
    uint8_t object_class, key_type;
    uint32_t flags;
    struct cs_bytes label, cka_id, value; /* owned */
};

struct host_token {
    uint32_t slot;
    uint32_t flags;
    uint64_t since;
    char label[64], why[256];
    unsigned reports; /* whole pictures so far */
    bool gone;
    struct host_object objects[HOST_OBJECTS_MAX];
    size_t n_objects;
};

struct host {
    pid_t pid;
    int fd;
    struct cs_buf in;
    uint32_t last_id;
    bool ready, scanned;
    struct host_token tokens[HOST_TOKENS_MAX];
    size_t n_tokens;
    char trouble[600];
    unsigned n_void; /* first pictures that were begun and given up */
};

/* The answer to a request. */
struct host_answer {
    uint16_t type;
    int code; /* of FAILED, else 0 */
    uint32_t ckr;
    char text[1200];
    uint8_t signature[1100];
    size_t signature_len;
};

/* Starts and configures a host (NULL: no prompt, no sources), and waits until it has scanned. */
void host_start(struct host *host, const char *module, const struct cs_host_configure *configure);
/* The same without waiting, and with --init-args. */
void host_spawn(struct host *host, const char *module, const char *init_args);
void host_configure(struct host *host, const struct cs_host_configure *configure);
void host_wait_scanned(struct host *host);
void host_wait_gone(struct host *host, const struct host_token *token);
void host_wait_unlocked(struct host *host, const struct host_token *token);
/* Closes the link; returns the host's wait status. */
int host_stop(struct host *host);
/* Waits for the end of the link and of the host; returns its wait status. */
int host_wait_end(struct host *host);

struct host_token *host_token(struct host *host, const char *label);
/* How many objects of a class the token has. */
size_t host_count(const struct host_token *token, uint8_t object_class);

/* Requests; each returns its id. Descriptors are taken. */
uint32_t host_ask_login(struct host *host, const struct cs_host_login_request *m, int fd);
uint32_t host_ask_pin_change(
    struct host *host, const struct cs_host_login_request *m, const int fds[2]);
uint32_t host_ask_sign(struct host *host, const struct cs_host_sign_request *m);
uint32_t host_ask(struct host *host, uint16_t type);
uint32_t host_ask_logout(struct host *host, const struct cs_host_logout_request *m);
void host_cancel(struct host *host, uint32_t id);
/* Reads until the answer to id has come; answers to others are an error. */
struct host_answer host_answer(struct host *host, uint32_t id);
/* The answer that nobody asked for, with id 0. */
struct host_answer host_first_answer(struct host *host);
/* The next answer, whoever asked. */
struct host_answer host_next_answer(struct host *host, uint32_t *idp);

/* Ask and answer in one. */
struct host_answer host_login(struct host *host, struct host_token *token, const char *pin);
struct host_answer host_login_auto(struct host *host, struct host_token *token, bool on_request);
struct host_answer host_logout(struct host *host, struct host_token *token, bool hold);
struct host_answer host_refresh(struct host *host);
struct host_answer host_sign(struct host *host, struct host_token *token, struct cs_bytes spki,
    struct cs_bytes id, uint16_t scheme, struct cs_bytes data);

/* A descriptor from which a PIN can be read. */
int host_pin_fd(const char *pin);

#endif
