/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's sessions that a person sits at: graphical ones, and those at a terminal of a seat.
 * ssh, cron and the user's services have sessions as well, or none: their end is not that of a
 * person's presence, and they do not prolong it.
 *
 * A session that is closing has ended, although logind removes it only when its last process is
 * gone, which may be never. logind sends no signal for that. But it writes its files anew, which is
 * how sd_login_monitor_new(3) learns of it too: whatever happens there, the sessions are asked for
 * again. What the files say is logind's own affair.
 *
 * What is known outlives logind and the bus: a session that ended meanwhile is missed in the list
 * that comes then. Wired by desktop.c.
 */
#include "session/presence.h"
#include "bus/dictionary.h"
#include "session/lock.h"
#include "session/logind.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <string.h>

#define FILES "/run/systemd/sessions"

struct cs_presence_session {
    TAILQ_ENTRY(cs_presence_session) link;
    char id[];
};

/* A session as its properties have it; borrowed from the message. */
struct description {
    const char *id, *class, *type, *seat, *state;
};

/* A session as the list has it, likewise. */
struct listed {
    const char *id, *path;
    dbus_uint32_t uid;
};

/* Who sits there */

static struct cs_presence_session *find(const struct cs_presence *presence, const char *id)
{
    struct cs_presence_session *session;

    TAILQ_FOREACH(session, &presence->sessions, link)
    if (strcmp(session->id, id) == 0)
        break;
    return session;
}

static void begin(struct cs_presence *presence, const char *id)
{
    size_t size = strlen(id) + 1;
    struct cs_presence_session *session = malloc(sizeof(*session) + size);

    if (!session) {
        cs_error("out of memory: the end of session %s will lock nothing", id);
        return;
    }
    memcpy(session->id, id, size);
    TAILQ_INSERT_TAIL(&presence->sessions, session, link);
    cs_debug("you sit at session %s", id);
}

static void forget(struct cs_presence *presence, struct cs_presence_session *session)
{
    TAILQ_REMOVE(&presence->sessions, session, link);
    free(session);
}

static void end(struct cs_presence *presence, struct cs_presence_session *session)
{
    cs_debug("session %s ended", session->id);
    forget(presence, session);
    if (TAILQ_EMPTY(&presence->sessions) && presence->service->config->session.lock_on_logout)
        cs_lock_all(presence->service, CS_WHY_SESSION, NULL, NULL);
}

static void note(struct cs_presence *presence, const char *id, bool sits)
{
    struct cs_presence_session *session = find(presence, id);

    if (sits && !session)
        begin(presence, id);
    else if (!sits && session)
        end(presence, session);
}

static bool is_graphical(const char *type)
{
    return strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0 || strcmp(type, "mir") == 0;
}

/* "user" has kin: user-early, user-light. Others are greeters, lock screens, managers, cron. */
static bool sits_at(const struct description *session)
{
    return strncmp(session->class, "user", 4) == 0 &&
           (session->class[4] == '\0' || session->class[4] == '-') &&
           (is_graphical(session->type) ||
               (strcmp(session->type, "tty") == 0 && session->seat[0])) &&
           strcmp(session->state, "closing") != 0;
}

/* What logind says */

static bool take_property(void *user, const char *key, DBusMessageIter *value)
{
    struct description *session = user;
    const char **field = strcmp(key, "Id") == 0      ? &session->id
                         : strcmp(key, "Class") == 0 ? &session->class
                         : strcmp(key, "Type") == 0  ? &session->type
                         : strcmp(key, "State") == 0 ? &session->state
                         : strcmp(key, "Seat") == 0  ? &session->seat
                                                     : NULL;
    DBusMessageIter seat;

    if (field == &session->seat && dbus_message_iter_get_arg_type(value) == DBUS_TYPE_STRUCT) {
        dbus_message_iter_recurse(value, &seat);
        value = &seat;
    }
    if (field && dbus_message_iter_get_arg_type(value) == DBUS_TYPE_STRING)
        dbus_message_iter_get_basic(value, field);
    return true;
}

static bool is_answer(DBusMessage *reply, const char *signature)
{
    return reply && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
           dbus_message_has_signature(reply, signature);
}

/* No answer: it was removed since, and there is a signal that says so. */
static void on_description(DBusPendingCall *call, void *user)
{
    struct description session = {"", "", "", "", ""};
    DBusMessage *reply = dbus_pending_call_steal_reply(call);

    if (is_answer(reply, "a{sv}")) {
        cs_bus_dictionary_read(reply, take_property, &session);
        note(user, session.id, sits_at(&session));
    }
    if (reply)
        dbus_message_unref(reply);
}

static void ask_for(struct cs_presence *presence, const char *path)
{
    const char *interface = CS_LOGIND_SESSION;
    DBusMessage *question =
        dbus_message_new_method_call(CS_LOGIND, path, DBUS_INTERFACE_PROPERTIES, "GetAll");

    if (!question ||
        !dbus_message_append_args(question, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID))
        return;
    dbus_message_set_auto_start(question, FALSE);
    cs_dbus_call(presence->bus, question, on_description, presence);
}

/* Reads one and goes on to the next. */
static bool read_listed(DBusMessageIter *list, struct listed *listed)
{
    DBusMessageIter entry;

    if (dbus_message_iter_get_arg_type(list) != DBUS_TYPE_STRUCT)
        return false;
    dbus_message_iter_recurse(list, &entry);
    dbus_message_iter_get_basic(&entry, &listed->id);
    dbus_message_iter_next(&entry);
    dbus_message_iter_get_basic(&entry, &listed->uid);
    dbus_message_iter_next(&entry); /* the user's name */
    dbus_message_iter_next(&entry); /* the seat */
    dbus_message_iter_next(&entry);
    dbus_message_iter_get_basic(&entry, &listed->path);
    dbus_message_iter_next(list);
    return true;
}

static DBusMessageIter list_of(DBusMessage *reply)
{
    DBusMessageIter args, list;

    dbus_message_iter_init(reply, &args);
    dbus_message_iter_recurse(&args, &list);
    return list;
}

static bool is_listed(DBusMessage *reply, const char *id)
{
    DBusMessageIter list = list_of(reply);
    struct listed listed;

    while (read_listed(&list, &listed))
        if (listed.uid == getuid() && strcmp(listed.id, id) == 0)
            return true;
    return false;
}

static void end_unlisted(struct cs_presence *presence, DBusMessage *reply)
{
    struct cs_presence_session *session, *next;

    for (session = TAILQ_FIRST(&presence->sessions); session; session = next) {
        next = TAILQ_NEXT(session, link);
        if (!is_listed(reply, session->id))
            end(presence, session);
    }
}

static void ask_for_listed(struct cs_presence *presence, DBusMessage *reply, bool known)
{
    DBusMessageIter list = list_of(reply);
    struct listed listed;

    while (read_listed(&list, &listed))
        if (listed.uid == getuid() && (find(presence, listed.id) != NULL) == known)
            ask_for(presence, listed.path);
}

static void look(struct cs_presence *presence);

static void on_list(DBusPendingCall *call, void *user)
{
    struct cs_presence *presence = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);

    presence->asked = false;
    presence->told = is_answer(reply, "a(susso)");
    if (presence->told) {
        end_unlisted(presence, reply);
        /* Those before first: who logs out and in again was gone in between. */
        ask_for_listed(presence, reply, true);
        ask_for_listed(presence, reply, false);
    } else {
        cs_debug("logind does not list the sessions: %s", cs_dbus_error_name(reply));
    }
    if (reply)
        dbus_message_unref(reply);
    if (presence->again)
        look(presence);
}

/* Asks for all anew, and once more if something happens before the answer: that may be older. */
static void look(struct cs_presence *presence)
{
    DBusMessage *question;

    presence->again = presence->asked;
    if (presence->asked)
        return;
    question =
        dbus_message_new_method_call(CS_LOGIND, CS_LOGIND_PATH, CS_LOGIND_MANAGER, "ListSessions");
    if (question)
        dbus_message_set_auto_start(question, FALSE);
    presence->asked = cs_dbus_call(presence->bus, question, on_list, presence) != 0;
}

/* What happens */

static void on_files(uv_fs_event_t *files, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    if (status == 0)
        look(files->data);
}

/* The directory may be there only since logind is. */
static void watch_files(struct cs_presence *presence)
{
    int r;

    uv_fs_event_stop(&presence->files);
    r = uv_fs_event_start(&presence->files, on_files, FILES, 0);
    if (r < 0 && r != UV_ENOENT)
        cs_warn("cannot watch %s: %s; while programs of a session go on its end may go unnoticed",
            FILES, uv_strerror(r));
}

static void begin_anew(struct cs_presence *presence)
{
    presence->told = false;
    watch_files(presence);
    look(presence);
}

static void on_ready(void *user)
{
    struct cs_presence *presence = user;

    cs_dbus_match(
        presence->bus, CS_LOGIND_RULE("interface='" CS_LOGIND_MANAGER "',member='SessionNew'"));
    cs_dbus_match(
        presence->bus, CS_LOGIND_RULE("interface='" CS_LOGIND_MANAGER "',member='SessionRemoved'"));
    begin_anew(presence);
}

static void on_signal(void *user, DBusMessage *message)
{
    struct cs_presence *presence = user;
    const char *id, *path;

    if (dbus_message_is_signal(message, CS_LOGIND_MANAGER, "SessionRemoved")) {
        if (dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &id, DBUS_TYPE_OBJECT_PATH,
                &path, DBUS_TYPE_INVALID))
            note(presence, id, false);
    } else if (dbus_message_is_signal(message, CS_LOGIND_MANAGER, "SessionNew")) {
        look(presence);
    } else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
        begin_anew(presence);
    }
}

static void on_lost(void *user)
{
    struct cs_presence *presence = user;

    presence->told = false;
    presence->asked = false;
}

static const struct cs_dbus_events events = {
    .ready = on_ready, .signal = on_signal, .lost = on_lost};

void cs_presence_start(
    struct cs_presence *presence, struct cs_service *service, struct cs_dbus *bus)
{
    *presence = (struct cs_presence){.service = service, .bus = bus};
    TAILQ_INIT(&presence->sessions);
    uv_fs_event_init(service->loop, &presence->files);
    presence->files.data = presence;
    cs_dbus_listen(bus, &presence->listener, &events, presence);
}

void cs_presence_stop(struct cs_presence *presence)
{
    struct cs_presence_session *session, *next;

    cs_dbus_ignore(presence->bus, &presence->listener);
    uv_close((uv_handle_t *)&presence->files, NULL);
    for (session = TAILQ_FIRST(&presence->sessions); session; session = next) {
        next = TAILQ_NEXT(session, link);
        forget(presence, session);
    }
}

bool cs_presence_is_known(const struct cs_presence *presence)
{
    return presence->told && !TAILQ_EMPTY(&presence->sessions);
}
