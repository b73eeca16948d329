/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2, client CertificateVerify (RFC 5246, 7.4.8): the signature covers all handshake messages
 * from the ClientHello to the ClientKeyExchange, without record headers. They are parsed whole:
 *
 *   ClientHello ServerHello Certificate* CertificateStatus* ServerKeyExchange*
 *   CertificateRequest ServerHelloDone Certificate ClientKeyExchange          (* may be missing)
 *
 * A renegotiation (RFC 5746), by which some servers ask for a certificate once they know what is
 * wanted, is such a handshake, too. What came before cannot be seen: a server may have prepared a
 * connection of its own to another one so that it goes on from there (RFC 7627, 1), and then the
 * certificate is the other's. So it must bear the name of the server that the client wants, and the
 * extended master secret be there.
 *
 * Refused are TLS 1.3 (supported_versions in the ServerHello), a client Certificate that is not
 * this key's, a scheme that the server did not offer, and a ClientKeyExchange with more in it than
 * a key.
 */
#include "proof/proof.h"

#include <string.h>

enum handshake_type {
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    CERTIFICATE = 11,
    SERVER_KEY_EXCHANGE = 12,
    CERTIFICATE_REQUEST = 13,
    SERVER_HELLO_DONE = 14,
    CLIENT_KEY_EXCHANGE = 16,
    CERTIFICATE_STATUS = 22,
};

enum extension_type {
    SERVER_NAME = 0,
    EXTENDED_MASTER_SECRET = 23,
    SUPPORTED_VERSIONS = 43,
    RENEGOTIATION_INFO = 0xff01,
};

#define TLS_1_2 0x0303
#define RANDOM_SIZE 32
#define SESSION_ID_MAX 32
#define VERIFY_DATA_SIZE 12 /* of a Finished message */

static struct cs_bytes get_vector8(struct cs_reader *reader)
{
    return cs_get_raw(reader, cs_get_u8(reader));
}

static struct cs_bytes get_vector16(struct cs_reader *reader)
{
    return cs_get_raw(reader, cs_get_u16(reader));
}

static struct cs_bytes get_vector24(struct cs_reader *reader)
{
    size_t high = cs_get_u8(reader);

    return cs_get_raw(reader, high << 16 | cs_get_u16(reader));
}

static bool ended(const struct cs_reader *reader)
{
    return cs_reader_end(reader) == 0;
}

/* The body of the next message if it is of this type. */
static bool take(struct cs_reader *transcript, enum handshake_type type, struct cs_reader *body)
{
    struct cs_reader at = *transcript;
    uint8_t found = cs_get_u8(&at);
    struct cs_bytes bytes = get_vector24(&at);

    if (at.error || found != type)
        return false;
    *transcript = at;
    *body = cs_reader_of(bytes);
    return true;
}

static void skip_optional(struct cs_reader *transcript, enum handshake_type type)
{
    struct cs_reader body;

    take(transcript, type, &body);
}

/* server_name (RFC 6066, 3): a list of one host_name. */
static bool read_server_name(struct cs_bytes data, struct cs_bytes *name)
{
    struct cs_reader reader = cs_reader_of(data);
    struct cs_reader list = cs_reader_of(get_vector16(&reader));
    uint8_t type = cs_get_u8(&list);
    struct cs_bytes host = get_vector16(&list);

    if (!ended(&reader) || !ended(&list) || type != 0 || host.len == 0 || host.len > 255)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] <= ' ' || host.data[i] > '~')
            return false;
    *name = host;
    return true;
}

struct extensions {
    struct cs_bytes server_name;
    bool extended_master_secret;
    bool supported_versions;
    struct cs_bytes renegotiated; /* verify_data of the handshake before; empty in a first one */
};

/* RFC 5746, 3.2: a vector, of the client's, or of the client's and the server's. */
static bool read_renegotiation(struct cs_bytes data, bool client, struct cs_bytes *renegotiated)
{
    struct cs_reader reader = cs_reader_of(data);

    *renegotiated = get_vector8(&reader);
    return ended(&reader) &&
           (renegotiated->len == 0 || renegotiated->len == (client ? 1 : 2) * VERIFY_DATA_SIZE);
}

static bool read_extension(
    uint16_t type, struct cs_bytes data, bool client, struct extensions *found)
{
    switch (type) {
    case SERVER_NAME: /* a server only acknowledges it */
        return client ? read_server_name(data, &found->server_name) : data.len == 0;
    case EXTENDED_MASTER_SECRET:
        found->extended_master_secret = true;
        return data.len == 0;
    case SUPPORTED_VERSIONS:
        found->supported_versions = true;
        return true;
    case RENEGOTIATION_INFO:
        return read_renegotiation(data, client, &found->renegotiated);
    default:
        return true;
    }
}

/* Extensions to the end of a hello, each type once at most (RFC 5246, 7.4.1.4). */
static bool read_extensions(struct cs_reader *hello, bool client, struct extensions *found)
{
    uint8_t seen[65536 / 8] = {0};
    struct cs_reader list;

    if (hello->left == 0)
        return !hello->error;
    list = cs_reader_of(get_vector16(hello));
    if (!ended(hello))
        return false;
    while (list.left) {
        uint16_t type = cs_get_u16(&list);
        struct cs_bytes data = get_vector16(&list);

        if (list.error || seen[type / 8] & 1 << type % 8)
            return false;
        seen[type / 8] |= (uint8_t)(1 << type % 8);
        if (!read_extension(type, data, client, found))
            return false;
    }
    return true;
}

static bool read_client_hello(struct cs_reader *body, struct extensions *found)
{
    uint16_t version = cs_get_u16(body);
    struct cs_bytes session, suites, compression;

    cs_get_raw(body, RANDOM_SIZE);
    session = get_vector8(body);
    suites = get_vector16(body);
    compression = get_vector8(body);
    if (body->error || version != TLS_1_2 || session.len > SESSION_ID_MAX)
        return false;
    if (suites.len < 2 || suites.len % 2 || compression.len == 0)
        return false;
    return read_extensions(body, true, found);
}

static bool read_server_hello(struct cs_reader *body, struct extensions *found)
{
    uint16_t version = cs_get_u16(body);
    struct cs_bytes session;

    cs_get_raw(body, RANDOM_SIZE);
    session = get_vector8(body);
    cs_get_u16(body); /* cipher suite */
    cs_get_u8(body);  /* compression */
    if (body->error || version != TLS_1_2 || session.len > SESSION_ID_MAX)
        return false;
    return read_extensions(body, false, found);
}

/* A Certificate message: its first certificate, empty if there is none. */
static bool read_certificates(struct cs_reader *body, struct cs_bytes *first)
{
    struct cs_reader list = cs_reader_of(get_vector24(body));
    bool any = false;

    if (!ended(body))
        return false;
    while (list.left) {
        struct cs_bytes certificate = get_vector24(&list);

        if (list.error || certificate.len == 0)
            return false;
        if (!any)
            *first = certificate;
        any = true;
    }
    return true;
}

static bool offers(struct cs_bytes schemes, uint16_t scheme)
{
    for (size_t i = 0; i + 1 < schemes.len; i += 2)
        if ((schemes.data[i] << 8 | schemes.data[i + 1]) == scheme)
            return true;
    return false;
}

static bool read_certificate_request(
    struct cs_reader *body, uint16_t scheme, struct cs_bytes *issuers)
{
    struct cs_bytes types = get_vector8(body);
    struct cs_bytes schemes = get_vector16(body);
    struct cs_bytes names = get_vector16(body);
    struct cs_reader list = cs_reader_of(names);

    if (!ended(body) || types.len == 0 || schemes.len == 0 || schemes.len % 2)
        return false;
    while (list.left)
        if (get_vector16(&list).len == 0)
            return false;
    if (list.error || !offers(schemes, scheme))
        return false;
    *issuers = names;
    return true;
}

/* Both continue the same handshake, or none. */
static bool continues(const struct extensions *client, const struct extensions *server)
{
    if (client->renegotiated.len == 0)
        return server->renegotiated.len == 0;
    return server->renegotiated.len > 0 &&
           memcmp(client->renegotiated.data, server->renegotiated.data, VERIFY_DATA_SIZE) == 0 &&
           client->extended_master_secret && server->extended_master_secret;
}

/* What the server says, from its hello to its ServerHelloDone. */
static bool read_server(struct cs_reader *transcript, uint16_t scheme,
    const struct extensions *client, struct cs_proof *proof)
{
    struct extensions found = {0};
    struct cs_reader body;

    if (!take(transcript, SERVER_HELLO, &body) || !read_server_hello(&body, &found))
        return false;
    if (found.supported_versions || !continues(client, &found))
        return false;
    proof->extended_master_secret = client->extended_master_secret && found.extended_master_secret;
    if (take(transcript, CERTIFICATE, &body) &&
        !read_certificates(&body, &proof->server_certificate))
        return false;
    skip_optional(transcript, CERTIFICATE_STATUS);
    skip_optional(transcript, SERVER_KEY_EXCHANGE);
    if (!take(transcript, CERTIFICATE_REQUEST, &body) ||
        !read_certificate_request(&body, scheme, &proof->issuers))
        return false;
    return take(transcript, SERVER_HELLO_DONE, &body) && body.left == 0;
}

/* The secret under the server's RSA key, or a public key of finite fields, or of a curve: one
 * vector and nothing behind it, where other things could be hidden. */
static bool read_key_exchange(const struct cs_reader *body)
{
    struct cs_reader curve = *body, other = *body;

    return (get_vector8(&curve).len > 0 && ended(&curve)) ||
           (get_vector16(&other).len > 0 && ended(&other));
}

static bool is_with_whom_it_names(const struct cs_proof *proof, const struct cs_proof_key *key)
{
    return proof->server_name.len > 0 && proof->server_certificate.len > 0 &&
           key->names(proof->server_certificate, proof->server_name);
}

bool cs_proof_tls12(struct cs_bytes message, const struct cs_proof_key *key, struct cs_proof *proof)
{
    struct cs_reader transcript = cs_reader_of(message);
    struct cs_proof made = {.kind = CS_PROOF_TLS12_CLIENT};
    struct cs_bytes own = {0};
    struct extensions found = {0};
    struct cs_reader body;

    if (!take(&transcript, CLIENT_HELLO, &body) || !read_client_hello(&body, &found))
        return false;
    made.server_name = found.server_name;
    if (!read_server(&transcript, key->scheme, &found, &made))
        return false;
    if (found.renegotiated.len > 0 && !is_with_whom_it_names(&made, key))
        return false;
    if (!take(&transcript, CERTIFICATE, &body) || !read_certificates(&body, &own))
        return false;
    if (own.len == 0 || !key->owns(key->context, own))
        return false;
    if (!take(&transcript, CLIENT_KEY_EXCHANGE, &body) || !read_key_exchange(&body) ||
        !ended(&transcript))
        return false;
    *proof = made;
    return true;
}
