/* SPDX-License-Identifier: Apache-2.0 */
/* org.countersign.Token1: the handlers of tokens. */
#include "bus/definition.h"
#include "bus/dictionary.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <string.h>

#include "bus-definition.h" /* generated: the handlers */

#define GETTER(name)                                                                               \
    void cs_bus_token_get_##name(const struct cs_bus_object *object,                               \
        const struct cs_bus_place *place, DBusMessageIter *value)

GETTER(uri)
{
    (void)place;
    cs_bus_put_string(value, object->token->uri);
}

GETTER(label)
{
    (void)place;
    cs_bus_put_text(value, object->token->label);
}

GETTER(manufacturer)
{
    (void)place;
    cs_bus_put_text(value, object->token->manufacturer);
}

GETTER(model)
{
    (void)place;
    cs_bus_put_text(value, object->token->model);
}

GETTER(serial)
{
    (void)place;
    cs_bus_put_text(value, object->token->serial);
}

GETTER(module)
{
    (void)place;
    cs_bus_put_string(value, object->token->module);
}

GETTER(present)
{
    (void)place;
    cs_bus_put_bool(value, object->token != NULL);
}

GETTER(locked)
{
    (void)place;
    cs_bus_put_bool(value, cs_token_is_locked(object->token));
}

GETTER(locked_reason)
{
    (void)place;
    cs_bus_put_string(value, cs_token_is_locked(object->token) ? object->token->why : "");
}

GETTER(state_since)
{
    dbus_uint64_t since = cs_token_since(object->token);

    (void)place;
    dbus_message_iter_append_basic(value, DBUS_TYPE_UINT64, &since);
}

GETTER(pin_tries)
{
    uint32_t flags = object->token->flags;

    (void)place;
    cs_bus_put_string(value, flags & CS_TOKEN_PIN_BLOCKED     ? "blocked"
                             : flags & CS_TOKEN_PIN_FINAL_TRY ? "final"
                             : flags & CS_TOKEN_PIN_COUNT_LOW ? "low"
                                                              : "ok");
}

GETTER(keypad)
{
    (void)place;
    cs_bus_put_bool(value, object->token->flags & CS_TOKEN_PROTECTED_PATH);
}

static bool read_environment(DBusMessageIter *variant, struct cs_environment *environment)
{
    DBusMessageIter array;

    dbus_message_iter_recurse(variant, &array);
    for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING;
         dbus_message_iter_next(&array)) {
        const char *assignment, *equals;

        dbus_message_iter_get_basic(&array, &assignment);
        equals = strchr(assignment, '=');
        if (!equals || environment->n == CS_ENVIRONMENT_MAX)
            return false;
        environment->entries[environment->n].name =
            CS_BYTES(assignment, (size_t)(equals - assignment));
        environment->entries[environment->n++].value = cs_bytes_of(equals + 1);
    }
    return true;
}

struct options {
    bool force;
    struct cs_environment environment;
};

static bool take_option(void *user, const char *key, DBusMessageIter *variant)
{
    struct options *options = user;
    int type = dbus_message_iter_get_arg_type(variant);
    dbus_bool_t force;

    if (strcmp(key, "force") == 0 && type == DBUS_TYPE_BOOLEAN) {
        dbus_message_iter_get_basic(variant, &force);
        options->force = force;
        return true;
    }
    return strcmp(key, "environment") == 0 && type == DBUS_TYPE_ARRAY &&
           dbus_message_iter_get_element_type(variant) == DBUS_TYPE_STRING &&
           read_environment(variant, &options->environment);
}

static void unlock(struct cs_bus_call *call, uint8_t how, int fd)
{
    CS_AUTO(cs_closep) int owned = fd;
    struct cs_msg_unlock m = {.how = how};
    struct cs_bus_object object;
    struct cs_request *request;

    if (!cs_bus_call_object(call, &object))
        return;
    m.token = cs_bytes_of(object.token->uri);
    request = cs_bus_call_request(call, cs_bus_call_done);
    if (request)
        cs_request_unlock(request, &m, cs_steal_fd(&owned));
}

void cs_bus_token_unlock(struct cs_bus_call *call)
{
    struct options options = {0};

    if (!cs_bus_dictionary_read(call->message, take_option, &options)) {
        cs_bus_call_fail(call, CS_ERR_INVALID,
            "an option is not known or of the wrong type: there are force (b) and environment "
            "(as, NAME=value, 16 at most)");
        return;
    }
    if (options.environment.n > 0)
        cs_caller_introduce(&call->sender->caller, (struct cs_bytes){0}, &options.environment);
    unlock(call, options.force ? CS_UNLOCK_FORCE : CS_UNLOCK_ASK, -1);
}

void cs_bus_token_unlock_with_pin(struct cs_bus_call *call)
{
    int fd = -1;

    dbus_message_get_args(call->message, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
    unlock(call, CS_UNLOCK_FD, fd);
}

void cs_bus_token_lock(struct cs_bus_call *call)
{
    struct cs_bus_object object;
    struct cs_msg_lock m = {0};
    struct cs_request *request;

    if (!cs_bus_call_object(call, &object))
        return;
    m.token = cs_bytes_of(object.token->uri);
    request = cs_bus_call_request(call, cs_bus_call_done);
    if (request)
        cs_request_lock(request, &m);
}
