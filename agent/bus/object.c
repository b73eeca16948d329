/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and properties. Nothing is kept: an object is looked up in the inventory whenever it is
 * asked for, so the bus never shows what is no longer there.
 */
#include "bus/object.h"
#include "base/hex.h"
#include "bus/definition.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define TOKENS CS_BUS_ROOT "/token"
#define IDENTITIES CS_BUS_ROOT "/identity"

void cs_bus_token_path(const char *uri, char *path)
{
    uint8_t hash[32] = {0};
    char hex[2 * 8 + 1];

    EVP_Digest(uri, strlen(uri), hash, NULL, EVP_sha256(), NULL);
    snprintf(path, CS_BUS_PATH_MAX, TOKENS "/%s", cs_hex_write(hash, 8, hex));
}

void cs_bus_identity_path(const uint8_t *id, char *path)
{
    char hex[2 * CS_ID_SIZE + 1];

    snprintf(path, CS_BUS_PATH_MAX, IDENTITIES "/%s", cs_hex_write(id, CS_ID_SIZE, hex));
}

static bool find_token(
    const struct cs_inventory *inventory, const char *path, struct cs_bus_object *object)
{
    char own[CS_BUS_PATH_MAX];

    for (size_t i = 0; i < inventory->n_tokens; i++) {
        cs_bus_token_path(inventory->tokens[i]->uri, own);
        if (strcmp(path, own) == 0) {
            *object = (struct cs_bus_object){.kind = CS_BUS_TOKEN, .token = inventory->tokens[i]};
            return true;
        }
    }
    return false;
}

static bool find_identity(
    const struct cs_inventory *inventory, const char *path, struct cs_bus_object *object)
{
    char own[CS_BUS_PATH_MAX];

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const uint8_t *id = inventory->identities[i]->key->id;

        cs_bus_identity_path(id, own);
        if (strcmp(path, own) == 0) {
            *object = (struct cs_bus_object){.kind = CS_BUS_IDENTITY,
                .identity = cs_inventory_identity(inventory, CS_BYTES(id, CS_ID_SIZE))};
            return true;
        }
    }
    return false;
}

/* "/", "/org", "/org/countersign" and the two folders. */
static bool is_branch(const char *path)
{
    size_t len = strlen(path);

    if (strcmp(path, TOKENS) == 0 || strcmp(path, IDENTITIES) == 0 || strcmp(path, "/") == 0)
        return true;
    return len < strlen(CS_BUS_ROOT) && strncmp(path, CS_BUS_ROOT, len) == 0 &&
           CS_BUS_ROOT[len] == '/';
}

bool cs_bus_object_find(
    const struct cs_bus_place *place, const char *path, struct cs_bus_object *object)
{
    if (strcmp(path, CS_BUS_ROOT) == 0)
        *object = (struct cs_bus_object){.kind = CS_BUS_AGENT};
    else if (is_branch(path))
        *object = (struct cs_bus_object){.kind = CS_BUS_BRANCH};
    else
        return find_token(&place->service->inventory, path, object) ||
               find_identity(&place->service->inventory, path, object);
    return true;
}

const char *cs_bus_object_interface(const struct cs_bus_object *object)
{
    switch (object->kind) {
    case CS_BUS_AGENT:
        return "org.countersign.Agent1";
    case CS_BUS_TOKEN:
        return "org.countersign.Token1";
    case CS_BUS_IDENTITY:
        return "org.countersign.Identity1";
    case CS_BUS_BRANCH:
        break;
    }
    return NULL;
}

void cs_bus_put_text(DBusMessageIter *iter, struct cs_bytes text)
{
    char *clean = malloc(4 * text.len + 1);
    const char *string = clean ? cs_text_clean(text, clean, 4 * text.len + 1) : "";

    dbus_message_iter_append_basic(iter, DBUS_TYPE_STRING, &string);
    free(clean);
}

void cs_bus_put_string(DBusMessageIter *iter, const char *string)
{
    cs_bus_put_text(iter, cs_bytes_of(string));
}

void cs_bus_put_bytes(DBusMessageIter *iter, struct cs_bytes bytes)
{
    const uint8_t *data = bytes.data;
    DBusMessageIter array;

    dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "y", &array);
    if (bytes.len)
        dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_BYTE, &data, (int)bytes.len);
    dbus_message_iter_close_container(iter, &array);
}

void cs_bus_put_bool(DBusMessageIter *iter, bool value)
{
    dbus_bool_t wide = value;

    dbus_message_iter_append_basic(iter, DBUS_TYPE_BOOLEAN, &wide);
}

void cs_bus_put_property(const struct cs_bus_object *object, const struct cs_bus_place *place,
    const struct cs_bus_property *property, DBusMessageIter *dictionary)
{
    DBusMessageIter entry, variant;

    dbus_message_iter_open_container(dictionary, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &property->name);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, property->type, &variant);
    property->get(object, place, &variant);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(dictionary, &entry);
}

void cs_bus_put_properties(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *iter)
{
    const char *interface = cs_bus_object_interface(object);
    const struct cs_bus_property *property;
    DBusMessageIter dictionary;

    dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &dictionary);
    for (size_t i = 0; interface && (property = cs_bus_property_at(interface, i)); i++)
        cs_bus_put_property(object, place, property, &dictionary);
    dbus_message_iter_close_container(iter, &dictionary);
}

void cs_bus_put_interfaces(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *iter)
{
    const char *interface = cs_bus_object_interface(object);
    DBusMessageIter interfaces, entry;

    dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sa{sv}}", &interfaces);
    dbus_message_iter_open_container(&interfaces, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &interface);
    cs_bus_put_properties(object, place, &entry);
    dbus_message_iter_close_container(&interfaces, &entry);
    dbus_message_iter_close_container(iter, &interfaces);
}
