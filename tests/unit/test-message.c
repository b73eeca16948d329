/* SPDX-License-Identifier: Apache-2.0 */
/* base/message: the bodies of PROTOCOL.md, to the byte, and nothing but them. */
#include "base/consent-message.h"
#include "base/message.h"
#include "base/error.h"
#include "base/wire.h"
#include "codec.h"

#include <countersign/protocol.h>

#define TEXT(string) CS_BYTES(string, sizeof(string) - 1)
#define INIT(string)                                                                               \
    {                                                                                              \
        (const uint8_t *)(string), sizeof(string) - 1                                              \
    }
#define ID_TEXT "0123456789abcdef0123456789ABCDEF"
#define ID TEXT(ID_TEXT)
/* "one", and an empty one, as entries of a list. */
#define TWO_ENTRIES_TEXT "\0\0\0\3one\0\0\0\0"
#define TWO_ENTRIES TEXT(TWO_ENTRIES_TEXT)

static const struct cs_msg_identity identity = {.id = INIT(ID_TEXT),
    .uri = INIT("pkcs11:object=alice"),
    .token = INIT("pkcs11:token=corp"),
    .label = INIT("al\0\xff"),
    .cka_id = INIT("\1\2"),
    .key_type = CS_KEY_EC,
    .bits = 256,
    .group = INIT("prime256v1"),
    .spki = INIT("\x30\0"),
    .flags = CS_IDENTITY_KEY_SEEN,
    .schemes = INIT("\4\3\5\3"),
    .n_certificates = 2,
    .certificates = INIT(TWO_ENTRIES_TEXT)};

static void sample_msg_hello(struct cs_buf *buf)
{
    const struct cs_msg_hello m = {.min_version = 1,
        .max_version = 2,
        .program = TEXT("curl"),
        .environment = {
            .n = 2, .entries = {{TEXT("TERM"), TEXT("xterm")}, {TEXT("LANG"), TEXT("")}}}};

    cs_msg_hello_put(buf, &m);
}

static void sample_msg_welcome(struct cs_buf *buf)
{
    cs_msg_welcome_put(buf, &(struct cs_msg_welcome){.version = 1, .agent = TEXT("0.1.0")});
}

static void sample_msg_error(struct cs_buf *buf)
{
    cs_msg_error_put(buf, &(struct cs_msg_error){.code = CS_ERR_LOCKED, .text = TEXT("unlock it")});
}

static void sample_msg_page(struct cs_buf *buf)
{
    /* A page alone may have no entries: their number is judged by the bytes that follow. */
    cs_msg_page_put(buf, &(struct cs_msg_page){.generation = UINT64_MAX, .total = 7, .n = 0});
}

static void sample_msg_token(struct cs_buf *buf)
{
    const struct cs_msg_token m = {.uri = TEXT("pkcs11:token=corp"),
        .label = TEXT("corp\xff"),
        .manufacturer = TEXT("maker"),
        .model = TEXT("v2"),
        .serial = TEXT("17"),
        .module = TEXT("softhsm"),
        .flags = CS_TOKEN_HELD | CS_TOKEN_INITIALIZED,
        .since = 1700000000,
        .why = TEXT("locked by 'countersign lock'")};

    cs_msg_token_put(buf, &m);
}

static void sample_msg_identity(struct cs_buf *buf)
{
    cs_msg_identity_put(buf, &identity);
}

static void sample_msg_certificate(struct cs_buf *buf)
{
    const struct cs_msg_certificate m = {.uri = TEXT("pkcs11:object=ca"),
        .token = TEXT("pkcs11:token=corp"),
        .label = TEXT("ca"),
        .cka_id = TEXT("\0"),
        .der = TEXT("\x30\0")};

    cs_msg_certificate_put(buf, &m);
}

static void sample_msg_resolve(struct cs_buf *buf)
{
    cs_msg_resolve_put(
        buf, &(struct cs_msg_resolve){.name = TEXT("alice"), .expect = CS_EXPECT_CERTIFICATE});
}

static void sample_msg_resolved(struct cs_buf *buf)
{
    cs_msg_resolved_put(
        buf, &(struct cs_msg_resolved){
                 .has_identity = true, .identity = identity, .n_chain = 2, .chain = TWO_ENTRIES});
}

static void sample_msg_find(struct cs_buf *buf)
{
    cs_msg_find_put(buf, &(struct cs_msg_find){.host = TEXT("api.corp.example"),
                             .n_issuers = 2,
                             .issuers = TWO_ENTRIES,
                             .schemes = TEXT("\4\3\10\4")});
}

static void sample_msg_found(struct cs_buf *buf)
{
    cs_msg_found_put(buf,
        &(struct cs_msg_found){.why = TEXT("the only one"),
            .resolved = {
                .has_identity = true, .identity = identity, .n_chain = 2, .chain = TWO_ENTRIES}});
}

static void sample_msg_watching(struct cs_buf *buf)
{
    cs_msg_watching_put(buf, &(struct cs_msg_watching){.generation = 1ull << 50});
}

static void sample_msg_event(struct cs_buf *buf)
{
    cs_msg_event_put(buf, &(struct cs_msg_event){.generation = 1ull << 50,
                              .kind = CS_EVENT_TOKEN_LOCKED,
                              .subject = TEXT("pkcs11:token=corp"),
                              .text = TEXT("token 'corp' is locked")});
}

static void sample_msg_sign(struct cs_buf *buf)
{
    cs_msg_sign_put(
        buf, &(struct cs_msg_sign){
                 .id = ID, .scheme = 0x0403, .input = CS_INPUT_DIGEST, .data = TEXT("data\0")});
}

static void sample_msg_signed(struct cs_buf *buf)
{
    cs_msg_signed_put(buf, &(struct cs_msg_signed){.signature = TEXT("\x30\6\2\1\1\2\1\1")});
}

static void sample_msg_unlock(struct cs_buf *buf)
{
    cs_msg_unlock_put(buf, &(struct cs_msg_unlock){.token = TEXT("corp"), .how = CS_UNLOCK_FORCE});
}

static void sample_msg_lock(struct cs_buf *buf)
{
    cs_msg_lock_put(buf, &(struct cs_msg_lock){.token = TEXT("corp")});
}

static void sample_msg_token_names(struct cs_buf *buf)
{
    cs_msg_token_names_put(buf, &(struct cs_msg_token_names){.n = 2, .labels = TWO_ENTRIES});
}

static void sample_msg_consent(struct cs_buf *buf)
{
    cs_msg_consent_put(buf, &(struct cs_msg_consent){.number = 7,
                                .program = TEXT("/usr/bin/gnutls-cli"),
                                .id = TEXT(ID_TEXT),
                                .label = TEXT("alice"),
                                .token = TEXT("corp"),
                                .what = TEXT("digest"),
                                .server = TEXT("www.example.org"),
                                .since = 1700000000,
                                .uses = 3});
}

static void sample_msg_use(struct cs_buf *buf)
{
    cs_msg_use_put(buf,
        &(struct cs_msg_use){
            .program = TEXT("/usr/bin/curl"), .signatures = UINT64_MAX, .proven = 6, .denied = 2});
}

static void sample_msg_record(struct cs_buf *buf)
{
    cs_msg_record_put(buf, &(struct cs_msg_record){.on = true,
                               .path = TEXT("/var/log/audit.jsonl"),
                               .trouble = TEXT("no space"),
                               .lost = 4});
}

static void sample_msg_status(struct cs_buf *buf)
{
    const struct cs_msg_status m = {.version = TEXT("0.1.0"),
        .pid = 17,
        .started = 1700000000,
        .socket = TEXT("/run/user/1000/countersign/agent.sock"),
        .clients = 3,
        .signatures = 1ull << 40,
        .n_modules = 0};

    cs_msg_status_put(buf, &m);
}

static void sample_msg_module(struct cs_buf *buf)
{
    const struct cs_msg_module m = {.name = TEXT("softhsm"),
        .path = TEXT("/usr/lib/softhsm/libsofthsm2.so"),
        .state = TEXT("running"),
        .pid = 18,
        .restarts = 1,
        .error = TEXT("crashed")};

    cs_msg_module_put(buf, &m);
}

static void sample_msg_policy(struct cs_buf *buf)
{
    /* As with pages. */
    cs_msg_policy_put(buf,
        &(struct cs_msg_policy){.loaded = 1700000000, .error = TEXT("r.conf:1: no"), .n_rules = 0});
}

static void sample_msg_rule(struct cs_buf *buf)
{
    const struct cs_msg_rule m = {.name = TEXT("browsers"),
        .where = TEXT("/etc/countersign/r.conf:2"),
        .identity = TEXT("alice"),
        .program = TEXT("/usr/bin/curl, flatpak:x"),
        .hosts = TEXT("*.example"),
        .sign = TEXT("tls, digest"),
        .consent = TEXT("session"),
        .rate = TEXT("10 in 1 minute"),
        .flags = CS_RULE_FINAL,
        .keys = 2};

    cs_msg_rule_put(buf, &m);
}

static void sample_msg_policy_check(struct cs_buf *buf)
{
    cs_msg_policy_check_put(buf, &(struct cs_msg_policy_check){.identity = TEXT("alice"),
                                     .program = TEXT("/usr/bin/curl"),
                                     .proof = TEXT("tls12-client"),
                                     .host = TEXT("api.example")});
}

static void sample_msg_decision(struct cs_buf *buf)
{
    cs_msg_decision_put(buf, &(struct cs_msg_decision){.verdict = CS_VERDICT_ASK,
                                 .rule = TEXT("r"),
                                 .where = TEXT("r.conf:1"),
                                 .text = TEXT("because")});
}

CODEC_BODY(msg_hello, cs_msg_hello);
CODEC_BODY(msg_welcome, cs_msg_welcome);
CODEC_BODY(msg_error, cs_msg_error);
CODEC_ENTRY(msg_page, cs_msg_page);
CODEC_ENTRY(msg_token, cs_msg_token);
CODEC_ENTRY(msg_identity, cs_msg_identity);
CODEC_ENTRY(msg_certificate, cs_msg_certificate);
CODEC_BODY(msg_resolve, cs_msg_resolve);
CODEC_BODY(msg_resolved, cs_msg_resolved);
CODEC_BODY(msg_find, cs_msg_find);
CODEC_BODY(msg_found, cs_msg_found);
CODEC_BODY(msg_watching, cs_msg_watching);
CODEC_BODY(msg_event, cs_msg_event);
CODEC_BODY(msg_sign, cs_msg_sign);
CODEC_BODY(msg_signed, cs_msg_signed);
CODEC_BODY(msg_unlock, cs_msg_unlock);
CODEC_BODY(msg_lock, cs_msg_lock);
CODEC_BODY(msg_token_names, cs_msg_token_names);
CODEC_ENTRY(msg_status, cs_msg_status);
CODEC_ENTRY(msg_module, cs_msg_module);
CODEC_ENTRY(msg_policy, cs_msg_policy);
CODEC_ENTRY(msg_rule, cs_msg_rule);
CODEC_BODY(msg_policy_check, cs_msg_policy_check);
CODEC_BODY(msg_decision, cs_msg_decision);
CODEC_ENTRY(msg_consent, cs_msg_consent);
CODEC_ENTRY(msg_use, cs_msg_use);
CODEC_BODY(msg_record, cs_msg_record);

static void test_every_body_comes_back_and_nothing_else_does(void **state)
{
    const struct codec codecs[] = {CODEC(msg_hello), CODEC(msg_welcome), CODEC(msg_error),
        CODEC(msg_page), CODEC(msg_token), CODEC(msg_identity), CODEC(msg_certificate),
        CODEC(msg_resolve), CODEC(msg_resolved), CODEC(msg_find), CODEC(msg_found),
        CODEC(msg_watching), CODEC(msg_event), CODEC(msg_sign), CODEC(msg_signed),
        CODEC(msg_unlock), CODEC(msg_lock), CODEC(msg_token_names), CODEC(msg_status),
        CODEC(msg_module), CODEC(msg_policy), CODEC(msg_rule), CODEC(msg_policy_check),
        CODEC(msg_decision), CODEC(msg_consent), CODEC(msg_use), CODEC(msg_record)};

    (void)state;
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
        codec_check(&codecs[i]);
}

static void expect_frame(struct cs_buf *buf, size_t offset, struct cs_bytes expected)
{
    assert_int_equal(cs_frame_end(buf, offset), 0);
    assert_true(cs_bytes_equal(cs_buf_bytes(buf), expected));
    cs_buf_reset(buf);
}

/* Section 5 of PROTOCOL.md, and a SIGN by hand. */
static void test_the_bytes_are_those_of_the_protocol_text(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(4096);
    size_t frame = cs_frame_begin(&buf, CS_MSG_HELLO, 1);

    (void)state;
    cs_msg_hello_put(
        &buf, &(struct cs_msg_hello){.min_version = 1, .max_version = 1, .program = TEXT("x")});
    expect_frame(&buf, frame, TEXT("\0\0\0\x0d\0\1\0\0\0\0\0\1\0\1\0\1\0\0\0\1x\0\0\0\0"));
    frame = cs_frame_begin(&buf, CS_MSG_HELLO | CS_MSG_REPLY, 1);
    sample_msg_welcome(&buf);
    expect_frame(&buf, frame,
        TEXT("\0\0\0\x0b\x80\1\0\0\0\0\0\1\0\1\0\0\0\5"
             "0.1.0"));
    frame = cs_frame_begin(&buf, CS_MSG_SIGN, 0x01020304);
    sample_msg_sign(&buf);
    expect_frame(&buf, frame,
        TEXT("\0\0\0\x30\0\6\0\0\1\2\3\4\0\0\0\x20"
             "0123456789abcdef0123456789ABCDEF"
             "\4\3\1\0\0\0\5"
             "data\0"));
    frame = cs_frame_begin(&buf, CS_MSG_ERROR, 0);
    sample_msg_error(&buf);
    expect_frame(&buf, frame, TEXT("\0\0\0\x0f\xff\xff\0\0\0\0\0\0\0\x0d\0\0\0\x09unlock it"));
    cs_buf_deinit(&buf);
}

/* PROTOCOL.md has the order of the fields; put and get could be wrong together. */
static void test_the_order_of_an_identitys_fields(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(4096);
    struct cs_reader reader;

    (void)state;
    cs_msg_identity_put(&buf, &identity);
    reader = cs_reader_of(cs_buf_bytes(&buf));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.id));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.uri));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.token));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.label));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.cka_id));
    assert_int_equal(cs_get_u8(&reader), identity.key_type);
    assert_int_equal(cs_get_u32(&reader), identity.bits);
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.group));
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.spki));
    assert_int_equal(cs_get_u32(&reader), identity.flags);
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), identity.schemes));
    assert_int_equal(cs_get_u32(&reader), 2);
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), TEXT("one")));
    assert_int_equal(cs_get_bytes(&reader).len, 0);
    assert_int_equal(cs_reader_end(&reader), 0);
    cs_buf_deinit(&buf);
}

static void test_a_page_with_its_entries(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(4096);
    struct cs_msg_page page;
    struct cs_reader reader;

    (void)state;
    cs_msg_page_put(&buf, &(struct cs_msg_page){.generation = 5, .total = 9, .n = 2});
    cs_msg_identity_put(&buf, &identity);
    cs_msg_identity_put(&buf, &identity);
    reader = cs_reader_of(cs_buf_bytes(&buf));
    cs_msg_page_read(&reader, &page);
    assert_int_equal(page.generation, 5);
    assert_int_equal(page.total, 9);
    assert_int_equal(page.n, 2);
    for (uint32_t i = 0; i < page.n; i++) {
        struct cs_msg_identity m;

        cs_msg_identity_read(&reader, &m);
        assert_true(cs_bytes_equal(m.certificates, identity.certificates));
        assert_int_equal(m.bits, 256);
    }
    assert_int_equal(cs_reader_end(&reader), 0);
    cs_buf_deinit(&buf);
}

static void test_fields_out_of_their_range(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(8192), again = CS_BUF_INIT(8192);
    struct cs_msg_identity m = identity;
    struct cs_msg_hello hello = {.environment.n = CS_ENVIRONMENT_MAX};

    (void)state;
    cs_msg_resolve_put(&buf, &(struct cs_msg_resolve){.expect = 3});
    assert_int_equal(recode_msg_resolve(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_msg_unlock_put(&buf, &(struct cs_msg_unlock){.how = 4});
    assert_int_equal(recode_msg_unlock(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_msg_sign_put(&buf, &(struct cs_msg_sign){.id = ID, .input = 2});
    assert_int_equal(recode_msg_sign(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_msg_sign_put(&buf, &(struct cs_msg_sign){.id = TEXT("short")});
    assert_int_equal(recode_msg_sign(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_msg_error_put(&buf, &(struct cs_msg_error){.code = 0});
    assert_int_equal(recode_msg_error(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    m.schemes = TEXT("odd");
    cs_msg_identity_put(&buf, &m);
    assert_int_equal(recode_msg_identity(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_msg_hello_put(&buf, &hello);
    assert_int_equal(recode_msg_hello(cs_buf_bytes(&buf), &again), 0);
    buf.data[11]++; /* one variable more, and room for it */
    cs_buf_put_u64(&buf, 0);
    assert_int_equal(recode_msg_hello(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_deinit(&buf);
    cs_buf_deinit(&again);
}

static void test_a_code_of_a_newer_agent_is_read(void **state)
{
    struct cs_msg_error m;

    (void)state;
    assert_int_equal(cs_msg_error_get(TEXT("\xff\xff\0\0\0\0"), &m), 0);
    assert_int_equal(m.code, -65535);
    assert_string_equal(cs_error_text(m.code), "unknown error");
}

static void test_the_request_for_a_page(void **state)
{
    uint32_t first;

    (void)state;
    assert_int_equal(cs_msg_first_get(TEXT("\1\2\3\4"), &first), 0);
    assert_int_equal(first, 0x01020304);
    assert_int_equal(cs_msg_first_get(TEXT("\1\2\3"), &first), CS_ERR_PROTOCOL);
    assert_int_equal(cs_msg_first_get(TEXT("\1\2\3\4\5"), &first), CS_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_body_comes_back_and_nothing_else_does),
        cmocka_unit_test(test_the_bytes_are_those_of_the_protocol_text),
        cmocka_unit_test(test_the_order_of_an_identitys_fields),
        cmocka_unit_test(test_a_page_with_its_entries),
        cmocka_unit_test(test_fields_out_of_their_range),
        cmocka_unit_test(test_a_code_of_a_newer_agent_is_read),
        cmocka_unit_test(test_the_request_for_a_page),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
