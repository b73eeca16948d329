/* SPDX-License-Identifier: Apache-2.0 */
/* org.countersign.Identity1: the handlers of identities. */
#include "bus/definition.h"
#include "inventory/certificate.h"
#include "inventory/chain.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <countersign/error.h>
#include <openssl/bio.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus-definition.h" /* generated: the handlers */

#define GETTER(name)                                                                               \
    void cs_bus_identity_get_##name(const struct cs_bus_object *object,                            \
        const struct cs_bus_place *place, DBusMessageIter *value)

static const struct cs_object *best(const struct cs_bus_object *object)
{
    return cs_identity_best(object->identity, time(NULL));
}

GETTER(id)
{
    char hex[2 * CS_ID_SIZE + 1];

    (void)place;
    cs_bus_put_string(value, cs_hex_write(object->identity->key->id, CS_ID_SIZE, hex));
}

GETTER(uri)
{
    (void)place;
    cs_bus_put_string(value, object->identity->uri);
}

GETTER(token)
{
    char path[CS_BUS_PATH_MAX];
    const char *name = path;

    (void)place;
    cs_bus_token_path(object->identity->token->uri, path);
    dbus_message_iter_append_basic(value, DBUS_TYPE_OBJECT_PATH, &name);
}

GETTER(label)
{
    (void)place;
    cs_bus_put_text(value, object->identity->source->label);
}

GETTER(key_type)
{
    (void)place;
    cs_bus_put_string(value, cs_key_type_name(object->identity->key->type));
}

GETTER(bits)
{
    dbus_uint32_t bits = object->identity->key->bits;

    (void)place;
    dbus_message_iter_append_basic(value, DBUS_TYPE_UINT32, &bits);
}

GETTER(schemes)
{
    const struct cs_identity *identity = object->identity;
    DBusMessageIter array;

    (void)place;
    dbus_message_iter_open_container(value, DBUS_TYPE_ARRAY, "s", &array);
    for (size_t i = 0; i < identity->n_schemes; i++)
        cs_bus_put_string(&array, cs_scheme_by_code(identity->schemes[i])->name);
    dbus_message_iter_close_container(value, &array);
}

GETTER(public_key)
{
    (void)place;
    cs_bus_put_bytes(value, object->identity->key->spki);
}

GETTER(certificate)
{
    const struct cs_object *certificate = best(object);

    (void)place;
    cs_bus_put_bytes(value, certificate ? certificate->value : (struct cs_bytes){0});
}

GETTER(chain)
{
    const struct cs_object *chain[CS_LIMIT_CHAIN] = {NULL};
    const struct cs_object *leaf = best(object);
    DBusMessageIter array;
    size_t n = 0;

    if (leaf)
        n = cs_chain_build(&place->service->inventory, leaf, time(NULL), chain, CS_LIMIT_CHAIN);
    dbus_message_iter_open_container(value, DBUS_TYPE_ARRAY, "ay", &array);
    for (size_t i = 0; i < n; i++)
        cs_bus_put_bytes(&array, chain[i]->value);
    dbus_message_iter_close_container(value, &array);
}

static void put_name(DBusMessageIter *value, struct cs_bytes der)
{
    CS_AUTO(X509_NAME_freep) X509_NAME *name = der.len ? cs_certificate_name_parse(der) : NULL;
    BIO *bio = name ? BIO_new(BIO_s_mem()) : NULL;
    char *text = NULL;
    long len = 0;

    if (bio && X509_NAME_print_ex(
                   bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_get_mem_data(bio, &text);
    cs_bus_put_text(value, CS_BYTES(text, len > 0 ? (size_t)len : 0));
    BIO_free(bio);
}

GETTER(subject)
{
    const struct cs_object *certificate = best(object);

    (void)place;
    put_name(value, certificate ? certificate->subject : (struct cs_bytes){0});
}

GETTER(issuer)
{
    const struct cs_object *certificate = best(object);

    (void)place;
    put_name(value, certificate ? certificate->issuer : (struct cs_bytes){0});
}

static void put_time(DBusMessageIter *value, time_t time)
{
    dbus_int64_t seconds = time;

    dbus_message_iter_append_basic(value, DBUS_TYPE_INT64, &seconds);
}

GETTER(not_before)
{
    const struct cs_object *certificate = best(object);

    (void)place;
    put_time(value, certificate ? certificate->not_before : 0);
}

GETTER(not_after)
{
    const struct cs_object *certificate = best(object);

    (void)place;
    put_time(value, certificate ? certificate->not_after : 0);
}

static void on_signed(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;
    DBusMessage *answer;
    DBusMessageIter iter;

    call->request = NULL;
    if (reply->code < 0) {
        cs_bus_call_fail(call, reply->code, reply->text);
        return;
    }
    answer = cs_bus_call_reply(call);
    if (answer) {
        dbus_message_iter_init_append(answer, &iter);
        cs_bus_put_bytes(&iter, reply->signature);
    }
    cs_bus_call_finish(call, answer);
}

static void sign(struct cs_bus_call *call, enum cs_input input)
{
    struct cs_msg_sign m = {.input = (uint8_t)input};
    const struct cs_scheme *scheme;
    struct cs_bus_object object;
    struct cs_request *request;
    const char *name;
    const uint8_t *data = NULL;
    int len = 0;

    if (!cs_bus_call_object(call, &object))
        return;
    dbus_message_get_args(call->message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_ARRAY,
        DBUS_TYPE_BYTE, &data, &len, DBUS_TYPE_INVALID);
    scheme = cs_scheme_by_name(name);
    if (!scheme) {
        cs_bus_call_fail(call, CS_ERR_SCHEME,
            "this is not the name of a TLS SignatureScheme: the property Schemes lists what the "
            "key can do");
        return;
    }
    if (len > (int)CS_FRAME_MAX) {
        cs_bus_call_fail(call, CS_ERR_TOO_LARGE, "a message may have 1,048,576 bytes at most");
        return;
    }
    request = cs_bus_call_request(call, on_signed);
    if (!request)
        return;
    m.id = CS_BYTES(object.identity->key->id, CS_ID_SIZE);
    m.scheme = scheme->code;
    m.data = CS_BYTES(data, (size_t)len);
    cs_request_sign(request, &m);
}

void cs_bus_identity_sign(struct cs_bus_call *call)
{
    sign(call, CS_INPUT_MESSAGE);
}

void cs_bus_identity_sign_digest(struct cs_bus_call *call)
{
    sign(call, CS_INPUT_DIGEST);
}
