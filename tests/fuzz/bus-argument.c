/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libdbus would not let pass is not made: strings are UTF-8, paths are paths. What it lets
 * pass is: any depth, any length that an input can pay for, descriptors that are not the right
 * ones.
 */
#include "bus-argument.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH 6
#define DESCRIPTORS_MAX 16 /* in a message: the bus's own limit */
#define OCTETS_MAX (4 * 1024 * 1024)
#define N(list) (sizeof(list) / sizeof((list)[0]))

/* What the methods know, and what is nearly that. */
static const char *const words[] = {"", "uri", "host", "issuers", "schemes", "force", "environment",
    "alice", "pkcs11:object=alice", "pkcs11:token=corp;id=%01", "pkcs11:id=%0", "no such",
    "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "ed25519", "DISPLAY=:0", "GPG_TTY=/dev/pts/1",
    "=", "no equals sign", "Version", "Modules", "Locked", "PinTries", "Certificate", "Chain",
    "org.countersign.Agent1", "org.countersign.Token1", "org.countersign.Identity1",
    "api.corp.example", "\xc3\xa9\xf0\x9f\x94\x91", "\x7f\x01\n", "00000000"};

static const char *const signatures[] = {"", "s", "ss", "say", "a{sv}", "h", "ssv", "o", "v", "ay",
    "aay", "as", "b", "u", "t", "x", "a{sa{sv}}", "(ss)", "a(ssss)", "vv", "ah", "g", "d", "sas"};

static int n_descriptors;  /* of the message */
static size_t octets_left; /* of the input */

void bus_argument_begin(void)
{
    octets_left = OCTETS_MAX;
}

const char *bus_argument_string(struct fuzz_input *input, char out[256])
{
    uint8_t n = fuzz_next(input);

    if (n < 0xc0)
        return words[n % N(words)];
    n = n % 0x40;
    for (uint8_t i = 0; i < n; i++)
        out[i] = (char)fuzz_next(input);
    out[n] = '\0';
    return dbus_validate_utf8(out, NULL) ? out : "?";
}

void bus_argument_signature(struct fuzz_input *input, char out[DBUS_MAXIMUM_SIGNATURE_LENGTH + 1])
{
    static const char letters[] = "ybnqiuxtdsogvha(){}";
    uint8_t n = fuzz_next(input);

    if (n < 0xc0) {
        strcpy(out, signatures[n % N(signatures)]);
        return;
    }
    n = n % 0x20;
    for (uint8_t i = 0; i < n; i++)
        out[i] = letters[fuzz_next(input) % (sizeof(letters) - 1)];
    out[n] = '\0';
    if (!dbus_signature_validate(out, NULL))
        out[0] = '\0';
}

static void append_one(
    DBusMessageIter *to, DBusSignatureIter *types, struct fuzz_input *input, int depth);

static void append_descriptor(DBusMessageIter *to)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    FUZZ_CHECK(fd >= 0 && dbus_message_iter_append_basic(to, DBUS_TYPE_UNIX_FD, &fd));
    close(fd);
    n_descriptors++;
}

static void append_text(DBusMessageIter *to, int type, struct fuzz_input *input)
{
    char spelled[256];
    const char *string = bus_argument_string(input, spelled);

    if (type == DBUS_TYPE_OBJECT_PATH && !dbus_validate_path(string, NULL))
        string = "/";
    if (type == DBUS_TYPE_SIGNATURE && !dbus_signature_validate(string, NULL))
        string = "a{sv}";
    FUZZ_CHECK(dbus_message_iter_append_basic(to, type, &string));
}

static void append_basic(DBusMessageIter *to, int type, struct fuzz_input *input)
{
    DBusBasicValue value = {.u64 = 0};

    if (type == DBUS_TYPE_UNIX_FD) {
        append_descriptor(to);
    } else if (type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH ||
               type == DBUS_TYPE_SIGNATURE) {
        append_text(to, type, input);
    } else {
        for (size_t i = 0; i < sizeof(value.bytes) && type != DBUS_TYPE_BOOLEAN; i++)
            value.bytes[i] = i < 2 ? fuzz_next(input) : value.bytes[1];
        if (type == DBUS_TYPE_BOOLEAN)
            value.bool_val = fuzz_next(input) & 1;
        FUZZ_CHECK(dbus_message_iter_append_basic(to, type, &value));
    }
}

/* Long ones are of one octet: what they are is of no account, how long they are is. */
static void append_octets(DBusMessageIter *to, struct fuzz_input *input)
{
    static const int lengths[] = {20, 32, 48, 64, 255, 4096, 65536, 1024 * 1024, 1024 * 1024 + 1};
    uint8_t n = fuzz_next(input), octet = fuzz_next(input);
    int len = n < 0x60 ? n : n < 0xf0 ? 32 : lengths[n % N(lengths)];
    uint8_t *data;

    if ((size_t)len > octets_left)
        len = 0;
    octets_left -= (size_t)len;
    data = malloc((size_t)len + 1);
    FUZZ_CHECK(data);
    memset(data, octet, (size_t)len);
    for (int i = 0; n < 0x40 && i < len; i++)
        data[i] = fuzz_next(input);
    FUZZ_CHECK(
        dbus_message_iter_append_fixed_array(to, DBUS_TYPE_BYTE, (const uint8_t **)&data, len));
    free(data);
}

static void append_array(
    DBusMessageIter *to, DBusSignatureIter *types, struct fuzz_input *input, int depth)
{
    DBusSignatureIter element;
    DBusMessageIter inner;
    char *signature;
    uint8_t n;

    dbus_signature_iter_recurse(types, &element);
    signature = dbus_signature_iter_get_signature(&element);
    FUZZ_CHECK(dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, signature, &inner));
    if (dbus_signature_iter_get_current_type(&element) == DBUS_TYPE_BYTE) {
        append_octets(&inner, input);
    } else {
        n = fuzz_next(input);
        for (uint8_t i = 0; i < n % 8 || (n == 0xff && i < 20); i++)
            append_one(&inner, &element, input, depth + 1);
    }
    dbus_free(signature);
    FUZZ_CHECK(dbus_message_iter_close_container(to, &inner));
}

static void append_variant(DBusMessageIter *to, struct fuzz_input *input, int depth)
{
    char signature[DBUS_MAXIMUM_SIGNATURE_LENGTH + 1];
    DBusSignatureIter types;
    DBusMessageIter inner;

    bus_argument_signature(input, signature);
    if (depth > DEPTH || !dbus_signature_validate_single(signature, NULL))
        strcpy(signature, "s");
    dbus_signature_iter_init(&types, signature);
    FUZZ_CHECK(dbus_message_iter_open_container(to, DBUS_TYPE_VARIANT, signature, &inner));
    append_one(&inner, &types, input, depth + 1);
    FUZZ_CHECK(dbus_message_iter_close_container(to, &inner));
}

static void append_group(
    DBusMessageIter *to, DBusSignatureIter *types, int type, struct fuzz_input *input, int depth)
{
    DBusSignatureIter members;
    DBusMessageIter inner;

    dbus_signature_iter_recurse(types, &members);
    FUZZ_CHECK(dbus_message_iter_open_container(to, type, NULL, &inner));
    do
        append_one(&inner, &members, input, depth + 1);
    while (dbus_signature_iter_next(&members));
    FUZZ_CHECK(dbus_message_iter_close_container(to, &inner));
}

/* One complete type. */
static void append_one(
    DBusMessageIter *to, DBusSignatureIter *types, struct fuzz_input *input, int depth)
{
    int type = dbus_signature_iter_get_current_type(types);

    if (type == DBUS_TYPE_ARRAY)
        append_array(to, types, input, depth);
    else if (type == DBUS_TYPE_VARIANT)
        append_variant(to, input, depth);
    else if (type == DBUS_TYPE_STRUCT || type == DBUS_TYPE_DICT_ENTRY)
        append_group(to, types, type, input, depth);
    else
        append_basic(to, type, input);
}

bool bus_argument_append(DBusMessage *message, const char *signature, struct fuzz_input *input)
{
    DBusSignatureIter types;
    DBusMessageIter to;

    n_descriptors = 0;
    if (!signature[0])
        return true;
    dbus_message_iter_init_append(message, &to);
    dbus_signature_iter_init(&types, signature);
    do
        append_one(&to, &types, input, 0);
    while (dbus_signature_iter_next(&types));
    return n_descriptors <= DESCRIPTORS_MAX;
}
