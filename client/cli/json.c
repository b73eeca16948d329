/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON by json-c. What json-c writes is UTF-8 in which only strings go beyond ASCII, so the last
 * step spells those characters \uXXXX: the output is the same in every locale, and harmless when it
 * lands on a terminal.
 */
#include "cli/json.h"
#include "base/escape.h"
#include "base/hex.h"
#include "base/scheme.h"
#include "cli/when.h"
#include "cli/x509.h"

#include <string.h>

struct json_object *cs_json_text(struct cs_bytes text)
{
    struct cs_buf good = CS_BUF_INIT(SIZE_MAX / 2);
    struct json_object *string = NULL;

    for (size_t i = 0; i < text.len;) {
        size_t n = cs_bytes_utf8(CS_BYTES(text.data + i, text.len - i));

        if (n)
            cs_buf_put(&good, text.data + i, n);
        else
            cs_buf_put(&good, "\xef\xbf\xbd", 3);
        i += n ? n : 1;
    }
    if (!good.error && good.len <= INT32_MAX)
        string = json_object_new_string_len(good.len ? (const char *)good.data : "", (int)good.len);
    cs_buf_deinit(&good);
    return string;
}

struct json_object *cs_json_string(const char *text)
{
    return text ? cs_json_text(cs_bytes_of(text)) : NULL;
}

struct json_object *cs_json_time(int64_t when)
{
    char text[CS_WHEN_SIZE];

    if (when == 0)
        return NULL;
    cs_when_utc(text, sizeof(text), when);
    return json_object_new_string(text);
}

struct json_object *cs_json_hex(const uint8_t *data, size_t len)
{
    CS_AUTO(cs_freep) char *text = malloc(2 * len + 1);

    if (!text)
        return NULL;
    return json_object_new_string(cs_hex_write(data, len, text));
}

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    json_object_object_add(object, name, value);
}

struct json_object *cs_json_token(const struct countersign_token *token)
{
    struct json_object *object = json_object_new_object();
    unsigned flags = countersign_token_flags(token);
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{CS_TOKEN_LOGIN_REQUIRED, "login_required"}, {CS_TOKEN_HELD, "held"},
        {CS_TOKEN_PROTECTED_PATH, "pin_on_reader"}, {CS_TOKEN_PIN_COUNT_LOW, "pin_count_low"},
        {CS_TOKEN_PIN_FINAL_TRY, "pin_final_try"}, {CS_TOKEN_PIN_BLOCKED, "pin_blocked"}};

    add(object, "label", cs_json_string(countersign_token_label(token)));
    add(object, "state", cs_json_string(cs_token_state(token)));
    add(object, "since", cs_json_time((int64_t)countersign_token_since(token)));
    add(object, "why", cs_json_string(countersign_token_why(token)));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add(object, names[i].name, json_object_new_boolean((flags & names[i].flag) != 0));
    add(object, "uri", cs_json_string(countersign_token_uri(token)));
    add(object, "module", cs_json_string(countersign_token_module(token)));
    add(object, "manufacturer", cs_json_string(countersign_token_manufacturer(token)));
    add(object, "model", cs_json_string(countersign_token_model(token)));
    add(object, "serial", cs_json_string(countersign_token_serial(token)));
    return object;
}

struct json_object *cs_json_certificate(struct cs_bytes der)
{
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    struct json_object *object, *usages;

    if (cs_x509_new(&x509, der) < 0)
        return NULL;
    object = json_object_new_object();
    usages = json_object_new_array();
    add(object, "subject", cs_json_string(x509->subject));
    add(object, "issuer", cs_json_string(x509->issuer));
    add(object, "serial", cs_json_string(x509->serial));
    add(object, "not_before", cs_json_time(x509->not_before));
    add(object, "not_after", cs_json_time(x509->not_after));
    add(object, "names", cs_json_string(x509->names));
    for (size_t i = 0; i < x509->n_usages; i++)
        json_object_array_add(usages, cs_json_string(x509->usages[i]));
    add(object, "usages", x509->any_usage ? NULL : json_object_get(usages));
    json_object_put(usages);
    add(object, "sha256", cs_json_string(x509->sha256));
    return object;
}

static struct json_object *certificates(const struct countersign_identity *identity, size_t n,
    const uint8_t *(*at)(const struct countersign_identity *, size_t, size_t *))
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < n; i++) {
        size_t len;
        const uint8_t *der = at(identity, i, &len);

        json_object_array_add(array, cs_json_certificate(CS_BYTES(der, len)));
    }
    return array;
}

static struct json_object *schemes(const struct countersign_identity *identity)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < countersign_identity_n_schemes(identity); i++) {
        uint16_t code = countersign_identity_scheme(identity, i);
        const struct cs_scheme *scheme = cs_scheme_by_code(code);
        char number[8];

        snprintf(number, sizeof(number), "0x%04x", code);
        json_object_array_add(array, cs_json_string(scheme ? scheme->name : number));
    }
    return array;
}

static void add_key(struct json_object *object, const struct countersign_identity *identity)
{
    const char *group = countersign_identity_group(identity);
    enum cs_key_type type = (enum cs_key_type)countersign_identity_key_type(identity);
    unsigned flags = countersign_identity_flags(identity);

    add(object, "key_type", cs_json_string(cs_key_type_name(type)));
    add(object, "bits", json_object_new_int64(countersign_identity_bits(identity)));
    add(object, "group", *group ? cs_json_string(group) : NULL);
    add(object, "schemes", schemes(identity));
    add(object, "key_seen", json_object_new_boolean((flags & CS_IDENTITY_KEY_SEEN) != 0));
    add(object, "always_authenticate",
        json_object_new_boolean((flags & CS_IDENTITY_ALWAYS_AUTHENTICATE) != 0));
}

struct json_object *cs_json_identity(
    const struct countersign_identity *identity, const struct countersign_token *token)
{
    struct json_object *object = json_object_new_object();
    size_t len;
    const uint8_t *bytes = countersign_identity_id(identity);

    add(object, "id", bytes ? cs_json_hex(bytes, CS_ID_SIZE) : NULL);
    bytes = (const uint8_t *)countersign_identity_label(identity, &len);
    add(object, "label", cs_json_text(CS_BYTES(bytes, len)));
    add(object, "label_hex", cs_json_hex(bytes, len));
    bytes = countersign_identity_cka_id(identity, &len);
    add(object, "cka_id", cs_json_hex(bytes, len));
    add(object, "uri", cs_json_string(countersign_identity_uri(identity)));
    add(object, "token_uri", cs_json_string(countersign_identity_token_uri(identity)));
    add(object, "token", token ? cs_json_string(countersign_token_label(token)) : NULL);
    add(object, "state", cs_json_string(cs_token_state(token)));
    add_key(object, identity);
    add(object, "certificates",
        certificates(identity, countersign_identity_n_certificates(identity),
            countersign_identity_certificate));
    if (countersign_identity_n_chain(identity) > 0)
        add(object, "chain",
            certificates(
                identity, countersign_identity_n_chain(identity), countersign_identity_chain));
    return object;
}

struct json_object *cs_json_labels(const struct countersign_list *labels)
{
    struct json_object *array = json_object_new_array();
    const char *label;

    for (size_t i = 0; (label = countersign_list_label(labels, i)); i++)
        json_object_array_add(array, cs_json_string(label));
    return array;
}

/* What is beyond ASCII stands in strings alone. */
static void put_ascii(struct cs_buf *ascii, const char *text)
{
    for (size_t n; *text; text += n) {
        uint32_t c = (uint8_t)*text;

        n = cs_bytes_character(CS_BYTES(text, strnlen(text, 4)), &c);
        n = n ? n : 1;
        if (c < 0x7f)
            cs_buf_put_u8(ascii, (uint8_t)c);
        else
            cs_escape_character(ascii, c);
    }
    cs_buf_put_u8(ascii, '\n');
}

static int print(struct json_object *object, int flags, FILE *out)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf ascii = CS_BUF_INIT(SIZE_MAX / 2);
    const char *text =
        json_object_to_json_string_ext(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (object && text)
        put_ascii(&ascii, text);
    json_object_put(object);
    if (!ascii.len || ascii.error) {
        cs_cli_say("out of memory");
        return CS_EXIT_FAILURE;
    }
    fwrite(ascii.data, 1, ascii.len, out);
    return CS_EXIT_OK;
}

int cs_json_print(struct json_object *object, FILE *out)
{
    return print(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, out);
}

int cs_json_print_line(struct json_object *object, FILE *out)
{
    return print(object, JSON_C_TO_STRING_PLAIN, out);
}
