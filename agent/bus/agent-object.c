/* SPDX-License-Identifier: Apache-2.0 */
/* org.countersign.Agent1: the handlers of the agent's own object. */
#include "bus/definition.h"
#include "bus/dictionary.h"
#include "inventory/choice.h"

#include <countersign/error.h>
#include <string.h>
#include <time.h>

#include "bus-definition.h" /* generated: the handlers */

#define CHOICES_MAX 64

static void dbus_freep(char **memory)
{
    dbus_free(*memory);
}

void cs_bus_agent_get_version(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *value)
{
    (void)object, (void)place;
    cs_bus_put_string(value, CS_VERSION);
}

void cs_bus_agent_get_socket(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *value)
{
    (void)object;
    cs_bus_put_string(value, place->socket_path);
}

void cs_bus_agent_get_modules(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *value)
{
    const struct cs_supervisor *supervisor = &place->service->supervisor;
    DBusMessageIter array, entry;

    (void)object;
    dbus_message_iter_open_container(value, DBUS_TYPE_ARRAY, "(ssss)", &array);
    for (size_t i = 0; i < supervisor->n_hosts; i++) {
        struct cs_msg_module m;

        cs_host_describe(supervisor->hosts[i], &m);
        dbus_message_iter_open_container(&array, DBUS_TYPE_STRUCT, NULL, &entry);
        cs_bus_put_text(&entry, m.name);
        cs_bus_put_text(&entry, m.path);
        cs_bus_put_text(&entry, m.state);
        cs_bus_put_text(&entry, m.error);
        dbus_message_iter_close_container(&array, &entry);
    }
    dbus_message_iter_close_container(value, &array);
}

static void on_resolved(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;
    char path[CS_BUS_PATH_MAX];
    const char *name = path;
    DBusMessage *answer;

    if (reply->code < 0) {
        cs_bus_call_done(call, reply);
        return;
    }
    call->request = NULL;
    cs_bus_identity_path(reply->match.identity->key->id, path);
    answer = cs_bus_call_reply(call);
    if (answer)
        dbus_message_append_args(answer, DBUS_TYPE_OBJECT_PATH, &name, DBUS_TYPE_INVALID);
    cs_bus_call_finish(call, answer);
}

void cs_bus_agent_resolve(struct cs_bus_call *call)
{
    struct cs_request *request = cs_bus_call_request(call, on_resolved);
    struct cs_msg_resolve m = {.expect = CS_EXPECT_KEY};
    const char *name;

    if (!request)
        return;
    dbus_message_get_args(call->message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
    m.name = cs_bytes_of(name);
    cs_request_resolve(request, &m);
}

/* What Find's dictionary holds; strings and names are borrowed from the message. */
struct criteria {
    const char *uri, *host;
    uint32_t n_issuers;
    struct cs_buf issuers, schemes;
};

static bool read_issuers(DBusMessageIter *variant, struct criteria *criteria)
{
    DBusMessageIter names, name;

    dbus_message_iter_recurse(variant, &names);
    for (; dbus_message_iter_get_arg_type(&names) == DBUS_TYPE_ARRAY;
         dbus_message_iter_next(&names)) {
        const uint8_t *der = NULL;
        int len = 0;

        dbus_message_iter_recurse(&names, &name);
        dbus_message_iter_get_fixed_array(&name, &der, &len);
        cs_buf_put_bytes(&criteria->issuers, CS_BYTES(der, (size_t)len));
        criteria->n_issuers++;
    }
    return !criteria->issuers.error;
}

static bool read_schemes(DBusMessageIter *variant, struct criteria *criteria)
{
    DBusMessageIter names;

    dbus_message_iter_recurse(variant, &names);
    for (; dbus_message_iter_get_arg_type(&names) == DBUS_TYPE_STRING;
         dbus_message_iter_next(&names)) {
        const struct cs_scheme *scheme;
        const char *name;

        dbus_message_iter_get_basic(&names, &name);
        scheme = cs_scheme_by_name(name);
        /* A server may well accept schemes that no key here can do. */
        cs_buf_put_u16(&criteria->schemes, scheme ? scheme->code : 0);
    }
    return !criteria->schemes.error;
}

/* One criterion; false if it is none of ours, or of another type. */
static bool take_criterion(void *user, const char *key, DBusMessageIter *variant)
{
    struct criteria *criteria = user;
    CS_AUTO(dbus_freep) char *type = dbus_message_iter_get_signature(variant);

    if (!type)
        return false;
    if (strcmp(key, "uri") == 0 && strcmp(type, "s") == 0)
        dbus_message_iter_get_basic(variant, &criteria->uri);
    else if (strcmp(key, "host") == 0 && strcmp(type, "s") == 0)
        dbus_message_iter_get_basic(variant, &criteria->host);
    else if (strcmp(key, "issuers") == 0 && strcmp(type, "aay") == 0)
        return read_issuers(variant, criteria);
    else if (strcmp(key, "schemes") == 0 && strcmp(type, "as") == 0)
        return read_schemes(variant, criteria);
    else
        return false;
    return true;
}

static void put_choices(
    struct cs_bus_call *call, const struct criteria *criteria, const struct cs_identity *only)
{
    const struct cs_service *service = call->place->service;
    const struct cs_criteria wanted = {
        .host = cs_bytes_of(criteria->host),
        .n_issuers = criteria->n_issuers,
        .issuers = cs_buf_bytes(&criteria->issuers),
        .schemes = cs_buf_bytes(&criteria->schemes),
        .preference =
            cs_preferences_find(&service->config->preferences, cs_bytes_of(criteria->host)),
    };
    struct cs_choice choices[CHOICES_MAX];
    DBusMessage *answer = cs_bus_call_reply(call);
    DBusMessageIter iter, array;
    size_t n;

    if (!answer) {
        cs_bus_call_finish(call, NULL);
        return;
    }
    n = cs_choice_list(&service->inventory, &wanted, time(NULL), choices, CHOICES_MAX);
    dbus_message_iter_init_append(answer, &iter);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "o", &array);
    for (size_t i = 0; i < n; i++) {
        char path[CS_BUS_PATH_MAX];
        const char *name = path;

        if (only && memcmp(only->key->id, choices[i].identity->key->id, CS_ID_SIZE) != 0)
            continue;
        cs_bus_identity_path(choices[i].identity->key->id, path);
        dbus_message_iter_append_basic(&array, DBUS_TYPE_OBJECT_PATH, &name);
    }
    dbus_message_iter_close_container(&iter, &array);
    cs_bus_call_finish(call, answer);
}

/* Reads the criteria where they still lie, in the message. */
static void find(struct cs_bus_call *call)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf issuers = CS_BUF_INIT(CS_FRAME_MAX);
    CS_AUTO(cs_buf_deinit) struct cs_buf schemes = CS_BUF_INIT(CS_FRAME_MAX);
    struct criteria criteria = {.issuers = issuers, .schemes = schemes};
    struct cs_name_match match = {0};
    struct cs_fault fault = {0};
    bool read = cs_bus_dictionary_read(call->message, take_criterion, &criteria);
    int r = 0;

    issuers = criteria.issuers;
    schemes = criteria.schemes;
    if (!read)
        r = cs_fail(&fault, CS_ERR_INVALID,
            "a criterion is not known or of the wrong type: there are uri (s), issuers (aay), "
            "schemes (as) and host (s)");
    else if (criteria.uri)
        r = cs_name_resolve(&call->place->service->inventory, criteria.uri, CS_EXPECT_KEY,
            time(NULL), &match, &fault);
    if (r < 0)
        cs_bus_call_fail(call, r, fault.text);
    else
        put_choices(call, &criteria, match.identity);
}

static void on_ready_to_find(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;

    if (reply->code < 0) {
        cs_bus_call_done(call, reply);
        return;
    }
    call->request = NULL;
    find(call);
}

void cs_bus_agent_find(struct cs_bus_call *call)
{
    struct cs_request *request = cs_bus_call_request(call, on_ready_to_find);

    if (request)
        cs_request_inventory(request);
}

static void on_locked(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;
    DBusMessage *answer;
    DBusMessageIter iter, array;

    if (reply->code < 0) {
        cs_bus_call_done(call, reply);
        return;
    }
    call->request = NULL;
    answer = cs_bus_call_reply(call);
    if (answer) {
        dbus_message_iter_init_append(answer, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "o", &array);
        for (size_t i = 0; i < call->n_tokens; i++) {
            const char *path = call->tokens + i * CS_BUS_PATH_MAX;

            dbus_message_iter_append_basic(&array, DBUS_TYPE_OBJECT_PATH, &path);
        }
        dbus_message_iter_close_container(&iter, &array);
    }
    cs_bus_call_finish(call, answer);
}

/* The tokens that are unlocked now are those that the answer will name; not those without a PIN. */
static bool note_unlocked(struct cs_bus_call *call)
{
    const struct cs_inventory *inventory = &call->place->service->inventory;

    call->tokens = calloc(inventory->n_tokens + 1, CS_BUS_PATH_MAX);
    if (!call->tokens)
        return false;
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        const struct cs_token *token = inventory->tokens[i];

        if ((token->flags & CS_TOKEN_LOGIN_REQUIRED) && !cs_token_is_locked(token))
            cs_bus_token_path(token->uri, call->tokens + call->n_tokens++ * CS_BUS_PATH_MAX);
    }
    return true;
}

void cs_bus_agent_lock(struct cs_bus_call *call)
{
    const struct cs_msg_lock m = {0};
    struct cs_request *request;

    if (!note_unlocked(call)) {
        cs_bus_call_fail(call, CS_ERR_MEMORY, NULL);
        return;
    }
    request = cs_bus_call_request(call, on_locked);
    if (request)
        cs_request_lock(request, &m);
}

void cs_bus_agent_refresh(struct cs_bus_call *call)
{
    struct cs_request *request = cs_bus_call_request(call, cs_bus_call_done);

    if (request)
        cs_request_refresh(request);
}
