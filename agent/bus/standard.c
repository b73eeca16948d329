/* SPDX-License-Identifier: Apache-2.0 */
/* What every object on a bus can do. The signatures are those of the D-Bus specification. */
#include "bus/standard.h"
#include "bus/definition.h"

#include <stdio.h>
#include <string.h>

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

static const char head[] = DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n";

static const char standard_xml[] =
    "  <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
    "    <method name=\"Introspect\">\n"
    "      <arg name=\"xml\" type=\"s\" direction=\"out\" />\n"
    "    </method>\n"
    "  </interface>\n"
    "  <interface name=\"org.freedesktop.DBus.Properties\">\n"
    "    <method name=\"Get\">\n"
    "      <arg name=\"interface\" type=\"s\" direction=\"in\" />\n"
    "      <arg name=\"property\" type=\"s\" direction=\"in\" />\n"
    "      <arg name=\"value\" type=\"v\" direction=\"out\" />\n"
    "    </method>\n"
    "    <method name=\"GetAll\">\n"
    "      <arg name=\"interface\" type=\"s\" direction=\"in\" />\n"
    "      <arg name=\"properties\" type=\"a{sv}\" direction=\"out\" />\n"
    "    </method>\n"
    "    <method name=\"Set\">\n"
    "      <arg name=\"interface\" type=\"s\" direction=\"in\" />\n"
    "      <arg name=\"property\" type=\"s\" direction=\"in\" />\n"
    "      <arg name=\"value\" type=\"v\" direction=\"in\" />\n"
    "    </method>\n"
    "    <signal name=\"PropertiesChanged\">\n"
    "      <arg name=\"interface\" type=\"s\" />\n"
    "      <arg name=\"changed\" type=\"a{sv}\" />\n"
    "      <arg name=\"invalidated\" type=\"as\" />\n"
    "    </signal>\n"
    "  </interface>\n";

static const char manager_xml[] =
    "  <interface name=\"" OBJECT_MANAGER "\">\n"
    "    <method name=\"GetManagedObjects\">\n"
    "      <arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\" />\n"
    "    </method>\n"
    "    <signal name=\"InterfacesAdded\">\n"
    "      <arg name=\"object\" type=\"o\" />\n"
    "      <arg name=\"interfaces\" type=\"a{sa{sv}}\" />\n"
    "    </signal>\n"
    "    <signal name=\"InterfacesRemoved\">\n"
    "      <arg name=\"object\" type=\"o\" />\n"
    "      <arg name=\"interfaces\" type=\"as\" />\n"
    "    </signal>\n"
    "  </interface>\n";

static void put(struct cs_buf *xml, const char *text)
{
    cs_buf_put(xml, text, strlen(text));
}

/* A child that lies right below path, once. */
static void put_child(struct cs_buf *xml, const char *path, const char *child)
{
    size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);
    char node[CS_BUS_PATH_MAX];
    int n;

    if (strncmp(child, path, len) != 0 || child[len] != '/')
        return;
    n = (int)strcspn(child + len + 1, "/");
    snprintf(node, sizeof(node), "  <node name=\"%.*s\" />\n", n, child + len + 1);
    cs_buf_put_u8(xml, 0);
    xml->len--; /* a zero behind the text, for strstr */
    if (!xml->error && !strstr((const char *)xml->data, node))
        put(xml, node);
}

static void put_children(struct cs_buf *xml, const struct cs_bus_place *place, const char *path)
{
    const struct cs_inventory *inventory = &place->service->inventory;
    char child[CS_BUS_PATH_MAX];

    put_child(xml, path, CS_BUS_ROOT);
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        cs_bus_token_path(inventory->tokens[i]->uri, child);
        put_child(xml, path, child);
    }
    for (size_t i = 0; i < inventory->n_identities; i++) {
        cs_bus_identity_path(inventory->identities[i]->key->id, child);
        put_child(xml, path, child);
    }
}

static void introspect(struct cs_bus_call *call)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf xml = CS_BUF_INIT(1024 * 1024);
    struct cs_bus_object object;
    const char *interface, *text;
    DBusMessage *answer;

    if (!cs_bus_call_object(call, &object))
        return;
    interface = cs_bus_object_interface(&object);
    put(&xml, head);
    put(&xml, standard_xml);
    if (object.kind == CS_BUS_AGENT)
        put(&xml, manager_xml);
    if (interface)
        put(&xml, cs_bus_interface_xml(interface));
    put_children(&xml, call->place, dbus_message_get_path(call->message));
    put(&xml, "</node>\n");
    cs_buf_put_u8(&xml, 0);
    answer = xml.error ? NULL : cs_bus_call_reply(call);
    text = (const char *)xml.data;
    if (answer)
        dbus_message_append_args(answer, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
    cs_bus_call_finish(call, answer);
}

/* Whether the object has the interface; an empty name means any (D-Bus specification). */
static bool check_interface(
    struct cs_bus_call *call, const struct cs_bus_object *object, const char *interface)
{
    const char *own = cs_bus_object_interface(object);

    if (!interface[0] || (own && strcmp(own, interface) == 0))
        return true;
    cs_bus_call_refuse(
        call, DBUS_ERROR_UNKNOWN_INTERFACE, "this object has no properties of that interface");
    return false;
}

static const struct cs_bus_property *find_property(struct cs_bus_call *call,
    const struct cs_bus_object *object, const char *interface, const char *name)
{
    const char *own = cs_bus_object_interface(object);
    const struct cs_bus_property *property;

    if (!check_interface(call, object, interface))
        return NULL;
    property = own ? cs_bus_property_find(own, name) : NULL;
    if (!property)
        cs_bus_call_refuse(
            call, DBUS_ERROR_UNKNOWN_PROPERTY, "this object has no property of that name");
    return property;
}

static void get(struct cs_bus_call *call)
{
    const struct cs_bus_property *property;
    struct cs_bus_object object;
    const char *interface, *name;
    DBusMessageIter iter, variant;
    DBusMessage *answer;

    if (!cs_bus_call_object(call, &object))
        return;
    dbus_message_get_args(call->message, NULL, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING,
        &name, DBUS_TYPE_INVALID);
    property = find_property(call, &object, interface, name);
    if (!property)
        return;
    answer = cs_bus_call_reply(call);
    if (answer) {
        dbus_message_iter_init_append(answer, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_VARIANT, property->type, &variant);
        property->get(&object, call->place, &variant);
        dbus_message_iter_close_container(&iter, &variant);
    }
    cs_bus_call_finish(call, answer);
}

static void get_all(struct cs_bus_call *call)
{
    struct cs_bus_object object;
    const char *interface;
    DBusMessageIter iter;
    DBusMessage *answer;

    if (!cs_bus_call_object(call, &object))
        return;
    dbus_message_get_args(call->message, NULL, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID);
    if (!check_interface(call, &object, interface))
        return;
    answer = cs_bus_call_reply(call);
    if (answer) {
        dbus_message_iter_init_append(answer, &iter);
        cs_bus_put_properties(&object, call->place, &iter);
    }
    cs_bus_call_finish(call, answer);
}

static void set(struct cs_bus_call *call)
{
    struct cs_bus_object object;
    const char *interface, *name;
    DBusMessageIter iter;

    if (!cs_bus_call_object(call, &object))
        return;
    dbus_message_iter_init(call->message, &iter);
    dbus_message_iter_get_basic(&iter, &interface);
    dbus_message_iter_next(&iter);
    dbus_message_iter_get_basic(&iter, &name);
    if (find_property(call, &object, interface, name))
        cs_bus_call_refuse(call, DBUS_ERROR_PROPERTY_READ_ONLY, "this property is read-only");
}

static void put_object(const struct cs_bus_object *object, const struct cs_bus_place *place,
    const char *path, DBusMessageIter *objects)
{
    DBusMessageIter entry;

    dbus_message_iter_open_container(objects, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_OBJECT_PATH, &path);
    cs_bus_put_interfaces(object, place, &entry);
    dbus_message_iter_close_container(objects, &entry);
}

static bool is_first_of_its_path(const struct cs_inventory *inventory, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (memcmp(inventory->identities[i]->key->id, inventory->identities[index]->key->id,
                CS_ID_SIZE) == 0)
            return false;
    return true;
}

static void put_objects(const struct cs_bus_place *place, DBusMessageIter *iter)
{
    const struct cs_inventory *inventory = &place->service->inventory;
    struct cs_bus_object object;
    char path[CS_BUS_PATH_MAX];
    DBusMessageIter objects;

    dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &objects);
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        cs_bus_token_path(inventory->tokens[i]->uri, path);
        if (cs_bus_object_find(place, path, &object) && object.token == inventory->tokens[i])
            put_object(&object, place, path, &objects);
    }
    for (size_t i = 0; i < inventory->n_identities; i++) {
        if (!is_first_of_its_path(inventory, i))
            continue;
        cs_bus_identity_path(inventory->identities[i]->key->id, path);
        if (cs_bus_object_find(place, path, &object))
            put_object(&object, place, path, &objects);
    }
    dbus_message_iter_close_container(iter, &objects);
}

static void on_settled(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;
    DBusMessage *answer = cs_bus_call_reply(call);
    DBusMessageIter iter;

    (void)reply;
    call->request = NULL;
    if (answer) {
        dbus_message_iter_init_append(answer, &iter);
        put_objects(call->place, &iter);
    }
    cs_bus_call_finish(call, answer);
}

/* Who asks at the start waits for the tokens, as at the socket. */
static void get_managed_objects(struct cs_bus_call *call)
{
    struct cs_request *request = cs_bus_call_request(call, on_settled);

    if (request)
        cs_request_inventory(request);
}

static const struct cs_bus_standard methods[] = {
    {DBUS_INTERFACE_INTROSPECTABLE, "Introspect", "", introspect},
    {DBUS_INTERFACE_PROPERTIES, "Get", "ss", get},
    {DBUS_INTERFACE_PROPERTIES, "GetAll", "s", get_all},
    {DBUS_INTERFACE_PROPERTIES, "Set", "ssv", set},
    {OBJECT_MANAGER, "GetManagedObjects", "", get_managed_objects},
};

const struct cs_bus_standard *cs_bus_standard_find(
    const struct cs_bus_object *object, const char *interface, const char *member)
{
    if (strcmp(interface, OBJECT_MANAGER) == 0 && object->kind != CS_BUS_AGENT)
        return NULL;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].interface, interface) == 0 && strcmp(methods[i].member, member) == 0)
            return &methods[i];
    return NULL;
}
