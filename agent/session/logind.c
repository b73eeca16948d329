/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logind, on the system bus. The machine does not go to sleep while the inhibitor is open, so it
 * is closed when every token is locked, and taken anew when the machine wakes. A screen lock of
 * another user's session is none of ours; when logind does not say whose it is we lock.
 */
#include "session/logind.h"
#include "session/lock.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <string.h>

#define WHY_SCREEN "the screen was locked"
#define WHY_SLEEP "the machine went to sleep"

static const struct cs_session_setting *setting_of(const struct cs_logind *logind)
{
    return &logind->service->config->session;
}

/* The inhibitor */

static void on_inhibitor(DBusPendingCall *call, void *user)
{
    struct cs_logind *logind = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);
    int fd = -1;

    logind->asked = false;
    if (reply && dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID)) {
        cs_closep(&logind->inhibitor);
        logind->inhibitor = fd;
    } else {
        cs_debug("logind does not let us delay sleep: %s", cs_dbus_error_name(reply));
    }
    if (reply)
        dbus_message_unref(reply);
}

static void take_inhibitor(struct cs_logind *logind)
{
    const char *what = "sleep", *who = "Countersign", *mode = "delay";
    const char *why = "Locks your tokens before the machine sleeps";
    DBusMessage *message;

    if (!setting_of(logind)->lock_on_sleep || logind->inhibitor >= 0 || logind->asked)
        return;
    message = dbus_message_new_method_call(CS_LOGIND, CS_LOGIND_PATH, CS_LOGIND_MANAGER, "Inhibit");
    if (!message || !dbus_message_append_args(message, DBUS_TYPE_STRING, &what, DBUS_TYPE_STRING,
                        &who, DBUS_TYPE_STRING, &why, DBUS_TYPE_STRING, &mode, DBUS_TYPE_INVALID))
        return;
    dbus_message_set_auto_start(message, FALSE);
    logind->asked = cs_dbus_call(&logind->bus, message, on_inhibitor, logind) != 0;
}

static void release_inhibitor(struct cs_logind *logind)
{
    cs_closep(&logind->inhibitor);
}

/* Sleep */

/* Which may be after it woke, and before it sleeps again: logind waits for some seconds alone. */
static void on_locked_for_sleep(void *user)
{
    struct cs_logind *logind = user;

    if (--logind->locking > 0)
        return;
    cs_debug("all tokens are locked: the machine may sleep");
    release_inhibitor(logind);
    if (!logind->asleep)
        take_inhibitor(logind);
}

static void take_sleep(struct cs_logind *logind, DBusMessage *message)
{
    dbus_bool_t begins;

    if (!dbus_message_get_args(message, NULL, DBUS_TYPE_BOOLEAN, &begins, DBUS_TYPE_INVALID))
        return;
    logind->asleep = begins;
    if (begins && setting_of(logind)->lock_on_sleep) {
        logind->locking++;
        cs_lock_all(logind->service, WHY_SLEEP, on_locked_for_sleep, logind);
    } else if (!begins) {
        take_inhibitor(logind);
        /* Tokens may have been pulled while nobody looked. */
        cs_supervisor_refresh(&logind->service->supervisor, false);
    }
}

/* Screen lock */

static bool is_other_user(DBusMessage *reply)
{
    DBusMessageIter args, variant, user;
    dbus_uint32_t uid;

    if (!reply || dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
        !dbus_message_has_signature(reply, "v"))
        return false;
    dbus_message_iter_init(reply, &args);
    dbus_message_iter_recurse(&args, &variant);
    if (dbus_message_iter_get_arg_type(&variant) != DBUS_TYPE_STRUCT)
        return false;
    dbus_message_iter_recurse(&variant, &user);
    if (dbus_message_iter_get_arg_type(&user) != DBUS_TYPE_UINT32)
        return false;
    dbus_message_iter_get_basic(&user, &uid);
    return uid != getuid();
}

static void on_session_user(DBusPendingCall *call, void *user)
{
    struct cs_logind *logind = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);

    if (is_other_user(reply))
        cs_info("another user's screen was locked: ours are as they were");
    else
        cs_lock_all(logind->service, WHY_SCREEN, NULL, NULL);
    if (reply)
        dbus_message_unref(reply);
}

/* A session is locked: whose? */
static void take_lock(struct cs_logind *logind, DBusMessage *message)
{
    const char *interface = CS_LOGIND_SESSION, *property = "User";
    const char *path = dbus_message_get_path(message);
    DBusMessage *question;

    if (!setting_of(logind)->lock_on_screen_lock || !path)
        return;
    question = dbus_message_new_method_call(CS_LOGIND, path, DBUS_INTERFACE_PROPERTIES, "Get");
    if (question && dbus_message_append_args(question, DBUS_TYPE_STRING, &interface,
                        DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID))
        cs_dbus_call(&logind->bus, question, on_session_user, logind);
}

/* Whether LockedHint is among the properties that changed, and true. */
static bool says_locked(DBusMessage *message)
{
    DBusMessageIter args, array, entry, variant;

    if (!dbus_message_has_signature(message, "sa{sv}as"))
        return false;
    dbus_message_iter_init(message, &args);
    dbus_message_iter_next(&args);
    dbus_message_iter_recurse(&args, &array);
    for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&array)) {
        dbus_bool_t value = FALSE;
        const char *name;

        dbus_message_iter_recurse(&array, &entry);
        dbus_message_iter_get_basic(&entry, &name);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &variant);
        if (dbus_message_iter_get_arg_type(&variant) == DBUS_TYPE_BOOLEAN)
            dbus_message_iter_get_basic(&variant, &value);
        if (strcmp(name, "LockedHint") == 0 && value)
            return true;
    }
    return false;
}

static void on_signal(void *user, DBusMessage *message)
{
    struct cs_logind *logind = user;

    if (dbus_message_is_signal(message, CS_LOGIND_MANAGER, "PrepareForSleep"))
        take_sleep(logind, message);
    else if (dbus_message_is_signal(message, CS_LOGIND_SESSION, "Lock"))
        take_lock(logind, message);
    else if (dbus_message_is_signal(message, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged") &&
             says_locked(message))
        take_lock(logind, message);
    else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
        release_inhibitor(logind); /* it was of the logind before */
        take_inhibitor(logind);
    }
}

static void on_ready(void *user)
{
    struct cs_logind *logind = user;

    cs_dbus_match(
        &logind->bus, CS_LOGIND_RULE("interface='" CS_LOGIND_MANAGER "',member='PrepareForSleep'"));
    cs_dbus_match(&logind->bus, CS_LOGIND_RULE("interface='" CS_LOGIND_SESSION "',member='Lock'"));
    cs_dbus_match(
        &logind->bus, CS_LOGIND_RULE("interface='" DBUS_INTERFACE_PROPERTIES
                                     "',member='PropertiesChanged',arg0='" CS_LOGIND_SESSION "'"));
    cs_dbus_match(&logind->bus, "type='signal',sender='" DBUS_SERVICE_DBUS
                                "',member='NameOwnerChanged',arg0='" CS_LOGIND "'");
    take_inhibitor(logind);
}

static void on_lost(void *user)
{
    struct cs_logind *logind = user;

    logind->asked = false;
    logind->asleep = false;
    release_inhibitor(logind);
}

static const struct cs_dbus_events events = {
    .ready = on_ready, .signal = on_signal, .lost = on_lost};

void cs_logind_start(struct cs_logind *logind, struct cs_service *service)
{
    *logind = (struct cs_logind){.service = service, .inhibitor = -1};
    cs_dbus_start(&logind->bus, service->loop, DBUS_BUS_SYSTEM);
    cs_dbus_listen(&logind->bus, &logind->listener, &events, logind);
}

void cs_logind_configure(struct cs_logind *logind)
{
    take_inhibitor(logind);
}

void cs_logind_stop(struct cs_logind *logind)
{
    cs_dbus_stop(&logind->bus);
    release_inhibitor(logind);
}
