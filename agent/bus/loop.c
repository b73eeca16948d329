/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdbus on libuv. libdbus hands out watches, two for the same descriptor, while libuv wants one
 * poll handle a descriptor: a `socket` joins them. Messages are dispatched one a turn of the loop,
 * from an idle handle, so that a flood on the bus leaves room for the agent's socket.
 *
 * Invariant: every handle lives until its close callback; nothing of libdbus is called after
 * detach.
 */
#include "bus/loop.h"
#include "base/log.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define WATCHES_PER_SOCKET 4

struct socket {
    uv_poll_t poll;
    int fd; /* our own duplicate: libdbus may close its descriptor before our handle is closed */
    int watched;
    DBusWatch *watches[WATCHES_PER_SOCKET];
    struct cs_bus_loop *loop;
    struct socket *next;
};

struct timer {
    uv_timer_t timer;
    DBusTimeout *timeout;
};

struct cs_bus_loop {
    uv_loop_t *uv;
    uv_idle_t idle;
    DBusConnection *connection;
    struct socket *sockets;
};

static void dispatch(uv_idle_t *idle)
{
    struct cs_bus_loop *loop = idle->data;

    /* A handler may drop the last other reference, or detach: hold on to both for this turn. */
    DBusConnection *connection = dbus_connection_ref(loop->connection);

    if (dbus_connection_dispatch(connection) == DBUS_DISPATCH_COMPLETE &&
        !uv_is_closing((uv_handle_t *)idle))
        uv_idle_stop(idle);
    dbus_connection_unref(connection);
}

static void dispatch_status(DBusConnection *connection, DBusDispatchStatus status, void *data)
{
    struct cs_bus_loop *loop = data;

    (void)connection;
    if (status == DBUS_DISPATCH_DATA_REMAINS)
        uv_idle_start(&loop->idle, dispatch);
}

static unsigned int wanted_flags(const struct socket *socket)
{
    unsigned int flags = 0;

    for (size_t i = 0; i < WATCHES_PER_SOCKET; i++)
        if (socket->watches[i] && dbus_watch_get_enabled(socket->watches[i]))
            flags |= dbus_watch_get_flags(socket->watches[i]);
    return flags;
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct socket *socket = poll->data;
    unsigned int flags = 0;

    if (events & UV_READABLE)
        flags |= DBUS_WATCH_READABLE;
    if (events & UV_WRITABLE)
        flags |= DBUS_WATCH_WRITABLE;
    if (status < 0)
        flags |= DBUS_WATCH_ERROR;
    for (size_t i = 0; i < WATCHES_PER_SOCKET; i++) {
        DBusWatch *watch = socket->watches[i]; /* may have been removed by the one before */

        if (watch && dbus_watch_get_enabled(watch) &&
            (dbus_watch_get_flags(watch) | DBUS_WATCH_ERROR) & flags)
            dbus_watch_handle(watch, flags & (dbus_watch_get_flags(watch) | DBUS_WATCH_ERROR));
    }
}

static void update(struct socket *socket)
{
    unsigned int flags = wanted_flags(socket);
    int events = 0;

    if (flags & DBUS_WATCH_READABLE)
        events |= UV_READABLE;
    if (flags & DBUS_WATCH_WRITABLE)
        events |= UV_WRITABLE;
    if (events == socket->watched)
        return;
    socket->watched = events;
    if (events)
        uv_poll_start(&socket->poll, events, ready);
    else
        uv_poll_stop(&socket->poll);
}

static void socket_closed(uv_handle_t *handle)
{
    struct socket *socket = handle->data;

    close(socket->fd);
    free(socket);
}

static void close_socket(struct socket *socket)
{
    struct socket **at = &socket->loop->sockets;

    while (*at != socket)
        at = &(*at)->next;
    *at = socket->next;
    for (size_t i = 0; i < WATCHES_PER_SOCKET; i++)
        socket->watches[i] = NULL;
    uv_close((uv_handle_t *)&socket->poll, socket_closed);
}

/* libdbus gives all watches of one descriptor the same number; find the socket by one of them. */
static struct socket *socket_of(struct cs_bus_loop *loop, DBusWatch *watch)
{
    for (struct socket *s = loop->sockets; s; s = s->next)
        for (size_t i = 0; i < WATCHES_PER_SOCKET; i++)
            if (s->watches[i] &&
                dbus_watch_get_unix_fd(s->watches[i]) == dbus_watch_get_unix_fd(watch))
                return s;
    return NULL;
}

static struct socket *new_socket(struct cs_bus_loop *loop, int fd)
{
    struct socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return NULL;
    socket->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* token hosts must not inherit it */
    socket->loop = loop;
    if (socket->fd < 0 || uv_poll_init(loop->uv, &socket->poll, socket->fd) < 0) {
        if (socket->fd >= 0)
            close(socket->fd);
        free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    socket->next = loop->sockets;
    loop->sockets = socket;
    return socket;
}

static dbus_bool_t add_watch(DBusWatch *watch, void *data)
{
    struct cs_bus_loop *loop = data;
    struct socket *socket = socket_of(loop, watch);

    if (!socket)
        socket = new_socket(loop, dbus_watch_get_unix_fd(watch));
    if (!socket)
        return FALSE;
    for (size_t i = 0; i < WATCHES_PER_SOCKET; i++)
        if (!socket->watches[i]) {
            socket->watches[i] = watch;
            update(socket);
            return TRUE;
        }
    return FALSE;
}

static void remove_watch(DBusWatch *watch, void *data)
{
    struct cs_bus_loop *loop = data;

    for (struct socket *s = loop->sockets; s; s = s->next) {
        size_t left = 0, found = 0;

        for (size_t i = 0; i < WATCHES_PER_SOCKET; i++) {
            if (s->watches[i] == watch) {
                s->watches[i] = NULL;
                found++;
            }
            left += s->watches[i] != NULL;
        }
        if (!found)
            continue;
        if (left)
            update(s);
        else
            close_socket(s);
        return;
    }
}

static void toggle_watch(DBusWatch *watch, void *data)
{
    struct socket *socket = socket_of(data, watch);

    if (socket)
        update(socket);
}

static void expired(uv_timer_t *timer)
{
    struct timer *t = timer->data;

    if (t->timeout)
        dbus_timeout_handle(t->timeout);
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void toggle_timeout(DBusTimeout *timeout, void *data)
{
    struct timer *timer = dbus_timeout_get_data(timeout);
    int interval = dbus_timeout_get_interval(timeout);

    (void)data;
    if (!timer)
        return;
    if (dbus_timeout_get_enabled(timeout))
        uv_timer_start(&timer->timer, expired, (uint64_t)interval, (uint64_t)interval);
    else
        uv_timer_stop(&timer->timer);
}

static dbus_bool_t add_timeout(DBusTimeout *timeout, void *data)
{
    struct cs_bus_loop *loop = data;
    struct timer *timer = calloc(1, sizeof(*timer));

    if (!timer)
        return FALSE;
    uv_timer_init(loop->uv, &timer->timer);
    timer->timer.data = timer;
    timer->timeout = timeout;
    dbus_timeout_set_data(timeout, timer, NULL);
    toggle_timeout(timeout, loop);
    return TRUE;
}

static void remove_timeout(DBusTimeout *timeout, void *data)
{
    struct timer *timer = dbus_timeout_get_data(timeout);

    (void)data;
    if (!timer)
        return;
    timer->timeout = NULL;
    dbus_timeout_set_data(timeout, NULL, NULL);
    uv_close((uv_handle_t *)&timer->timer, timer_closed);
}

static void loop_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int cs_bus_loop_attach(uv_loop_t *uv, DBusConnection *connection, struct cs_bus_loop **loopp)
{
    struct cs_bus_loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return CS_ERR_MEMORY;
    loop->uv = uv;
    loop->connection = dbus_connection_ref(connection);
    uv_idle_init(uv, &loop->idle);
    loop->idle.data = loop;
    if (!dbus_connection_set_watch_functions(
            connection, add_watch, remove_watch, toggle_watch, loop, NULL) ||
        !dbus_connection_set_timeout_functions(
            connection, add_timeout, remove_timeout, toggle_timeout, loop, NULL)) {
        cs_bus_loop_detach(loop);
        return CS_ERR_MEMORY;
    }
    dbus_connection_set_dispatch_status_function(connection, dispatch_status, loop, NULL);
    if (dbus_connection_get_dispatch_status(connection) == DBUS_DISPATCH_DATA_REMAINS)
        uv_idle_start(&loop->idle, dispatch);
    *loopp = loop;
    return 0;
}

void cs_bus_loop_detach(struct cs_bus_loop *loop)
{
    if (!loop)
        return;
    dbus_connection_set_dispatch_status_function(loop->connection, NULL, NULL, NULL);
    dbus_connection_set_watch_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
    dbus_connection_set_timeout_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
    while (loop->sockets)
        close_socket(loop->sockets);
    dbus_connection_unref(loop->connection);
    loop->connection = NULL;
    uv_close((uv_handle_t *)&loop->idle, loop_closed);
}
