/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancelling is a descriptor that becomes readable, so that it can be waited for together with a
 * prompt or a command. Fired by the agent's CANCEL, by a logout, when the token has gone, and for
 * all when the agent goes.
 */
#include "token-host/cancel.h"

#include <countersign/error.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

void cs_cancels_init(struct cs_cancels *cancels)
{
    cancels->first = NULL;
    pthread_mutex_init(&cancels->lock, NULL);
}

int cs_cancel_begin(
    struct cs_cancels *cancels, struct cs_cancel *cancel, const struct cs_token *token, uint32_t id)
{
    cancel->id = id;
    cancel->token = token;
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->fd < 0)
        return CS_ERR_SYSTEM;
    pthread_mutex_lock(&cancels->lock);
    cancel->next = cancels->first;
    cancels->first = cancel;
    pthread_mutex_unlock(&cancels->lock);
    return 0;
}

void cs_cancel_end(struct cs_cancels *cancels, struct cs_cancel *cancel)
{
    struct cs_cancel **p = &cancels->first;

    pthread_mutex_lock(&cancels->lock);
    while (*p && *p != cancel)
        p = &(*p)->next;
    if (*p)
        *p = cancel->next;
    pthread_mutex_unlock(&cancels->lock);
    close(cancel->fd);
}

void cs_cancel_fire(struct cs_cancel *cancel)
{
    uint64_t one = 1;
    /* It can only fail when it has been fired very often. */
    ssize_t n = write(cancel->fd, &one, sizeof(one));

    (void)n;
}

bool cs_cancel_fired(const struct cs_cancel *cancel)
{
    struct pollfd pfd = {.fd = cancel->fd, .events = POLLIN};

    return poll(&pfd, 1, 0) == 1;
}

bool cs_cancel_request(struct cs_cancels *cancels, uint32_t id)
{
    bool found = false;

    pthread_mutex_lock(&cancels->lock);
    for (struct cs_cancel *cancel = cancels->first; cancel; cancel = cancel->next)
        if (cancel->id == id && id != 0) {
            cs_cancel_fire(cancel);
            found = true;
        }
    pthread_mutex_unlock(&cancels->lock);
    return found;
}

void cs_cancel_token(struct cs_cancels *cancels, const struct cs_token *token)
{
    pthread_mutex_lock(&cancels->lock);
    for (struct cs_cancel *cancel = cancels->first; cancel; cancel = cancel->next)
        if (cancel->token == token)
            cs_cancel_fire(cancel);
    pthread_mutex_unlock(&cancels->lock);
}

void cs_cancel_all(struct cs_cancels *cancels)
{
    pthread_mutex_lock(&cancels->lock);
    for (struct cs_cancel *cancel = cancels->first; cancel; cancel = cancel->next)
        cs_cancel_fire(cancel);
    pthread_mutex_unlock(&cancels->lock);
}
