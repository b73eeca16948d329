/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/proof: what is one step from a proof and is none. A message is written as text: octets in
 * hex, 'words', r for 32 octets of a random, and {N ...} for what has its length before it in N
 * octets.
 */
#include "proof/proof.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ECDSA_SHA256 0x0403

static const char *write_items(struct cs_buf *buf, const char *text);

static const char *write_vector(struct cs_buf *buf, const char *text)
{
    size_t size = (size_t)(*text - '0'), at = buf->len, len;

    for (size_t i = 0; i < size; i++)
        cs_buf_put_u8(buf, 0);
    text = write_items(buf, text + 1);
    assert_int_equal(*text, '}');
    len = buf->len - at - size;
    for (size_t i = 0; i < size; i++)
        buf->data[at + i] = (uint8_t)(len >> (8 * (size - 1 - i)));
    return text + 1;
}

static const char *write_word(struct cs_buf *buf, const char *text)
{
    const char *end = strchr(text, '\'');

    assert_non_null(end);
    cs_buf_put(buf, text, (size_t)(end - text));
    return end + 1;
}

static const char *write_octet(struct cs_buf *buf, const char *text)
{
    unsigned octet;

    assert_int_equal(sscanf(text, "%2x", &octet), 1);
    cs_buf_put_u8(buf, (uint8_t)octet);
    return text + 2;
}

static const char *write_items(struct cs_buf *buf, const char *text)
{
    while (*text && *text != '}') {
        if (*text == ' ')
            text++;
        else if (*text == '{')
            text = write_vector(buf, text + 1);
        else if (*text == '\'')
            text = write_word(buf, text + 1);
        else if (*text == 'r' && text++)
            for (int i = 0; i < 32; i++)
                cs_buf_put_u8(buf, 0xaa);
        else
            text = write_octet(buf, text);
    }
    return text;
}

/* It says yes to no certificate at all, so that the parser is what says no. */
static bool owns(const void *context, struct cs_bytes certificate)
{
    (void)context;
    return certificate.len == 0 || cs_bytes_equal(certificate, cs_bytes_of("mine"));
}

static bool names(struct cs_bytes certificate, struct cs_bytes server)
{
    return cs_bytes_equal(certificate, cs_bytes_of("its leaf")) &&
           cs_bytes_equal(server, cs_bytes_of("api.corp.example"));
}

/* TLS 1.2 */

enum part { HELLO, SERVER, CERTIFICATE, STATUS, EXCHANGE, REQUEST, DONE, OWN, KEY, N_PARTS };

#define NAME "0000 {2 {2 00 {2 'api.corp.example'}}}"
#define MASTER "0017 {2}"
#define FIRST "ff01 {2 {1}}"
#define AGAIN "ff01 {2 {1 'of a client.'}}"
#define AGAIN_TOO "ff01 {2 {1 'of a client.of a server.'}}"
#define CLIENT_SAYS(extensions) "01 {3 0303 r {1} {2 c02b} {1 00} {2 " extensions "}}"
#define SERVER_SAYS(extensions) "02 {3 0303 r {1} c02b 00 {2 " extensions "}}"

static const char *const handshake[N_PARTS] = {
    [HELLO] = CLIENT_SAYS(NAME MASTER FIRST),
    [SERVER] = SERVER_SAYS("0000 {2}" MASTER FIRST),
    [CERTIFICATE] = "0b {3 {3 {3 'its leaf'} {3 'its issuer'}}}",
    [STATUS] = "",
    [EXCHANGE] = "0c {3 'a point'}",
    [REQUEST] = "0d {3 {1 40} {2 0804 0403} {2 {2 'issuer'}}}",
    [DONE] = "0e {3}",
    [OWN] = "0b {3 {3 {3 'mine'} {3 'my issuer'}}}",
    [KEY] = "10 {3 {1 'point'}}",
};

static struct cs_proof prove_parts(const char *const parts[N_PARTS], struct cs_buf *buf)
{
    const struct cs_proof_key key = {.scheme = ECDSA_SHA256, .owns = owns, .names = names};

    cs_buf_reset(buf);
    for (enum part i = 0; i < N_PARTS; i++)
        assert_int_equal(*write_items(buf, parts[i]), '\0');
    assert_int_equal(buf->error, 0);
    return cs_proof_of_message(cs_buf_bytes(buf), &key);
}

/* The handshake with one part said otherwise. */
static struct cs_proof prove(enum part part, const char *otherwise, struct cs_buf *buf)
{
    const char *parts[N_PARTS];

    memcpy(parts, handshake, sizeof(parts));
    if (part < N_PARTS)
        parts[part] = otherwise;
    return prove_parts(parts, buf);
}

static void test_handshakes(void **state)
{
    static const struct {
        enum part part;
        const char *otherwise;
    } rows[] = {
        {N_PARTS, NULL},
        {HELLO, "01 {3 0303 r {1} {2 c02b} {1 00}}"},
        {HELLO, CLIENT_SAYS("002b {2 {1 0304 0303}}")},
        {HELLO, "01 {3 0303 r {1 r} {2 c02b} {1 00}}"},
        {SERVER, "02 {3 0303 r {1 r} c02b 00}"},
        {CERTIFICATE, ""},
        {STATUS, "16 {3 'a status'}"},
        {EXCHANGE, ""},
        {REQUEST, "0d {3 {1 01 40} {2 0403} {2}}"},
        {KEY, "10 {3 {2 'a secret under a key of RSA'}}"},
    };
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(65536);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (prove(rows[i].part, rows[i].otherwise, &buf).kind != CS_PROOF_TLS12_CLIENT)
            fail_msg("%s is no proof", rows[i].otherwise);
}

static void test_what_a_handshake_tells(void **state)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(65536);
    struct cs_proof proof = prove(N_PARTS, NULL, &buf);

    (void)state;
    assert_true(cs_bytes_equal(proof.server_name, cs_bytes_of("api.corp.example")));
    assert_true(cs_bytes_equal(proof.server_certificate, cs_bytes_of("its leaf")));
    assert_true(cs_bytes_equal(proof.issuers, CS_BYTES("\0\6issuer", 8)));
    assert_true(proof.extended_master_secret);
    assert_false(prove(HELLO, CLIENT_SAYS(NAME FIRST), &buf).extended_master_secret);
    assert_false(prove(SERVER, SERVER_SAYS(FIRST), &buf).extended_master_secret);
}

static void test_near_misses_of_a_handshake(void **state)
{
    static const struct {
        enum part part;
        const char *otherwise;
    } rows[] = {
        {HELLO, ""},
        {HELLO, "01 {3 0302 r {1} {2 c02b} {1 00}}"},
        {HELLO, "01 {3 0304 r {1} {2 c02b} {1 00}}"},
        {HELLO, "01 {3 0303 r {1 r aa} {2 c02b} {1 00}}"},
        {HELLO, "01 {3 0303 r {1} {2} {1 00}}"},
        {HELLO, "01 {3 0303 r {1} {2 c02b c0} {1 00}}"},
        {HELLO, "01 {3 0303 r {1} {2 c02b} {1}}"},
        {HELLO, "01 {3 0303 r {1} {2 c02b} {1 00} {2} 00}"},
        {HELLO, CLIENT_SAYS(FIRST FIRST)},
        {HELLO, CLIENT_SAYS(MASTER AGAIN)},
        {HELLO, CLIENT_SAYS("ff01 {2 00 00}")},
        {HELLO, CLIENT_SAYS("ff01 {2}")},
        {HELLO, CLIENT_SAYS("0017 {2 00}")},
        {HELLO, CLIENT_SAYS("0017")},
        {HELLO, CLIENT_SAYS("0000 {2}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 01 {2 'a'}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a'} 00 {2 'b'}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a'}} 00}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a b'}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a' 0a}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a' 7f}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 'a' c3a4}}}")},
        {HELLO, CLIENT_SAYS("0000 {2 {2 00 {2 rrrrrrrr}}}")},
        {SERVER, ""},
        {SERVER, "02 {3 0302 r {1} c02b 00}"},
        {SERVER, "02 {3 0304 r {1} c02b 00}"},
        {SERVER, "02 {3 0303 r {1 r aa} c02b 00}"},
        {SERVER, "02 {3 0303 r {1} c02b 00 {2} 00}"},
        {SERVER, SERVER_SAYS("0000 {2 00}")},
        {SERVER, SERVER_SAYS("002b {2 0304}")},
        {SERVER, SERVER_SAYS(MASTER AGAIN_TOO)},
        {SERVER, SERVER_SAYS(MASTER MASTER)},
        {CERTIFICATE, "0b {3 {3 {3 'its leaf'}} 00}"},
        {CERTIFICATE, "0b {3 {3 {3 'its leaf'} {3}}}"},
        {CERTIFICATE, "0b {3 {3 {3 'its leaf'} 00}}"},
        {CERTIFICATE, "0c {3 'a point'}"},
        {STATUS, "04 {3 'a ticket'}"},
        {REQUEST, ""},
        {REQUEST, "0d {3 {1} {2 0403} {2}}"},
        {REQUEST, "0d {3 {1 40} {2} {2}}"},
        {REQUEST, "0d {3 {1 40} {2 0804} {2}}"},
        {REQUEST, "0d {3 {1 40} {2 0403 04} {2}}"},
        {REQUEST, "0d {3 {1 40} {2 0504 0301} {2}}"},
        {REQUEST, "0d {3 {1 40} {2 0403} {2 {2}}}"},
        {REQUEST, "0d {3 {1 40} {2 0403} {2 0002 'a'}}"},
        {REQUEST, "0d {3 {1 40} {2 0403} {2} 00}"},
        {DONE, ""},
        {DONE, "0e {3 'a document'}"},
        {DONE, "0e {3} 0e {3}"},
        {OWN, ""},
        {OWN, "0b {3 {3}}"},
        {OWN, "0b {3 {3 {3 'another'}}}"},
        {OWN, "0b {3 {3 {3 'another'} {3 'mine'}}}"},
        {OWN, "0b {3 {3 {3 'mine'}} 'a document'}"},
        {KEY, ""},
        {KEY, "10 {3}"},
        {KEY, "10 {3 {1}}"},
        {KEY, "10 {3 {2}}"},
        {KEY, "10 {3 {1 'point'} 'a document'}"},
        {KEY, "10 {3 {2 'secret'} 'a document'}"},
        {KEY, "10 {3 {1 'point'}} 'a document'"},
        {KEY, "10 {3 {1 'point'}} 0f {3 'a signature'}"},
    };
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(65536);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (prove(rows[i].part, rows[i].otherwise, &buf).kind != CS_PROOF_DATA)
            fail_msg("with '%s' as its part %d it is a proof", rows[i].otherwise, rows[i].part);
}

/* A server that wants a certificate after all: both go on from the handshake before. */
static void test_a_renegotiation(void **state)
{
    static const struct {
        const char *hello, *server;
        enum cs_proof_kind kind;
    } rows[] = {
        {CLIENT_SAYS(NAME MASTER AGAIN), SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_TLS12_CLIENT},
        {CLIENT_SAYS(NAME AGAIN), SERVER_SAYS(AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER AGAIN), SERVER_SAYS(AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME AGAIN), SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER AGAIN), SERVER_SAYS(MASTER), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER), SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER AGAIN), SERVER_SAYS(MASTER AGAIN), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER AGAIN_TOO), SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER AGAIN),
            SERVER_SAYS(MASTER "ff01 {2 {1 'of another..of a server.'}}"), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER "ff01 {2 {1 'of a client'}}"),
            SERVER_SAYS(MASTER "ff01 {2 {1 'of a clientof a server'}}"), CS_PROOF_DATA},
        {CLIENT_SAYS(NAME MASTER "ff01 {2 {1 'of a client.'} 00}"), SERVER_SAYS(MASTER AGAIN_TOO),
            CS_PROOF_DATA},
        {CLIENT_SAYS(MASTER AGAIN), SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_DATA},
        {CLIENT_SAYS("0000 {2 {2 00 {2 'api.evil.example'}}}" MASTER AGAIN),
            SERVER_SAYS(MASTER AGAIN_TOO), CS_PROOF_DATA},
    };
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(65536);
    const char *parts[N_PARTS];

    (void)state;
    memcpy(parts, handshake, sizeof(parts));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        parts[HELLO] = rows[i].hello;
        parts[SERVER] = rows[i].server;
        if (prove_parts(parts, &buf).kind != rows[i].kind)
            fail_msg("row %zu is %s", i, rows[i].kind == CS_PROOF_DATA ? "a proof" : "none");
    }
    parts[HELLO] = rows[0].hello;
    parts[SERVER] = rows[0].server;
    parts[CERTIFICATE] = "";
    assert_int_equal(prove_parts(parts, &buf).kind, CS_PROOF_DATA);
}

/* TLS 1.3 */

static void test_near_misses_of_what_a_tls13_client_signs(void **state)
{
    const struct cs_proof_key key = {.owns = owns};
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(256);

    (void)state;
    for (int i = 0; i < 64; i++)
        cs_buf_put_u8(&buf, ' ');
    write_items(&buf, "'TLS 1.3, client CertificateVerify' 00 r");
    assert_int_equal(cs_proof_of_message(cs_buf_bytes(&buf), &key).kind, CS_PROOF_TLS13_CLIENT);
    for (size_t i = 0; i < buf.len - 32; i++) {
        buf.data[i] ^= 1;
        assert_int_equal(cs_proof_of_message(cs_buf_bytes(&buf), &key).kind, CS_PROOF_DATA);
        buf.data[i] ^= 1;
    }
}

/* Certificate requests */

#define SUBJECT "30 {1 31 {1 30 {1 06 {1 550403} 0c {1 'alice'}}}}"
#define SPKI "30 {1 'a key'}"

static enum cs_proof_kind kind_of_request(const char *text)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf spki = CS_BUF_INIT(256);
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(256);
    struct cs_proof_key key = {.owns = owns};

    write_items(&spki, SPKI);
    key.spki = cs_buf_bytes(&spki);
    assert_int_equal(*write_items(&buf, text), '\0');
    return cs_proof_of_message(cs_buf_bytes(&buf), &key).kind;
}

static void test_near_misses_of_a_request(void **state)
{
    static const char *const rows[] = {
        "30 {1 020100" SUBJECT SPKI "a0 {1}} 00",
        "30 {1 020101" SUBJECT SPKI "a0 {1}}",
        "30 {1 02020000" SUBJECT SPKI "a0 {1}}",
        "30 {1 020100" SUBJECT "30 {1 'another'} a0 {1}}",
        "30 {1 020100" SUBJECT SPKI "a1 {1}}",
        "30 {1 020100" SUBJECT SPKI "a0 {1} a1 {1}}",
        "30 {1 020100" SUBJECT SPKI "}",
        "30 {1 020100 30 {1 06 {1 550403}}" SPKI "a0 {1}}",
        "30 {1 020100 31 {1 31 {1}}" SPKI "a0 {1}}",
        "30 {1 020100 30 {1 31}" SPKI "a0 {1}}",
        "30 {1" SUBJECT SPKI "a0 {1}}",
        "31 {1 020100" SUBJECT SPKI "a0 {1}}",
    };

    (void)state;
    assert_int_equal(kind_of_request("30 {1 020100" SUBJECT SPKI "a0 {1}}"), CS_PROOF_CSR);
    assert_int_equal(kind_of_request("30 {1 020100 30 {1}" SPKI "a0 {1 'more'}}"), CS_PROOF_CSR);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (kind_of_request(rows[i]) != CS_PROOF_DATA)
            fail_msg("'%s' is a request", rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_what_a_handshake_tells),
        cmocka_unit_test(test_near_misses_of_a_handshake),
        cmocka_unit_test(test_a_renegotiation),
        cmocka_unit_test(test_near_misses_of_what_a_tls13_client_signs),
        cmocka_unit_test(test_near_misses_of_a_request),
    };

    return cmocka_run_group_tests_name("proof-near-miss", tests, NULL, NULL);
}
