/* SPDX-License-Identifier: Apache-2.0 */
/* client/lib: tokens, identities, certificates and status arrive whole, page by page, or not at
 * all. */
#include "fake-agent.h"

#include <countersign/countersign.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef"

struct fixture {
    struct fake_agent agent;
    struct countersign_client *client;
    struct countersign_fault fault;
    /* what the pages tell */
    uint64_t generation;
    uint32_t total, page;
    bool restless, stuck;
    /* instead of a right body */
    struct cs_bytes body;
};

static void put_list(struct cs_buf *buf, const char *a, const char *b)
{
    cs_buf_put_string(buf, a);
    cs_buf_put_string(buf, b);
}

static void put_identity(struct cs_buf *buf)
{
    struct cs_buf certificates = CS_BUF_INIT(64);

    put_list(&certificates, "leaf", "old leaf");
    cs_msg_identity_put(buf, &(struct cs_msg_identity){
                                 .id = cs_bytes_of(ID),
                                 .uri = cs_bytes_of("pkcs11:token=corp;id=%01"),
                                 .token = cs_bytes_of("pkcs11:token=corp"),
                                 .label = CS_BYTES("a\0b\xff", 4),
                                 .cka_id = CS_BYTES("\1", 1),
                                 .key_type = CS_KEY_EC,
                                 .bits = 256,
                                 .group = cs_bytes_of("prime256v1"),
                                 .spki = cs_bytes_of("spki"),
                                 .flags = CS_IDENTITY_KEY_SEEN,
                                 .schemes = CS_BYTES("\4\3\5\3", 4),
                                 .n_certificates = 2,
                                 .certificates = cs_buf_bytes(&certificates),
                             });
    cs_buf_deinit(&certificates);
}

static void put_token(struct cs_buf *buf, uint32_t number)
{
    char serial[2] = {(char)('A' + number), 0};

    cs_msg_token_put(buf, &(struct cs_msg_token){
                              .uri = cs_bytes_of("pkcs11:token=corp"),
                              .label = cs_bytes_of("corp"),
                              .manufacturer = cs_bytes_of("maker"),
                              .model = cs_bytes_of("v1"),
                              .serial = cs_bytes_of(serial),
                              .module = cs_bytes_of("soft"),
                              .flags = CS_TOKEN_LOGIN_REQUIRED,
                              .since = 0x100000001,
                              .why = cs_bytes_of("not unlocked yet"),
                          });
}

static void put_page(struct fixture *f, struct cs_buf *buf, const struct cs_frame *frame)
{
    uint32_t first, n;

    assert_int_equal(cs_msg_first_get(frame->body, &first), 0);
    if (f->restless || (first == 2 && f->generation == 1))
        f->generation++;
    n = first >= f->total || f->stuck ? 0 : f->total - first < f->page ? f->total - first : f->page;
    cs_msg_page_put(
        buf, &(struct cs_msg_page){.generation = f->generation, .total = f->total, .n = n});
    for (uint32_t i = 0; i < n; i++) {
        if (frame->type == CS_MSG_TOKENS)
            put_token(buf, first + i);
        else if (frame->type == CS_MSG_IDENTITIES)
            put_identity(buf);
        else
            cs_msg_certificate_put(
                buf, &(struct cs_msg_certificate){.uri = cs_bytes_of("pkcs11:object=ca"),
                         .token = cs_bytes_of("pkcs11:token=corp"),
                         .label = cs_bytes_of("ca"),
                         .cka_id = CS_BYTES("\2", 1),
                         .der = cs_bytes_of("der")});
    }
}

static void put_resolved(struct cs_buf *buf, const struct cs_frame *frame)
{
    struct cs_msg_resolve resolve;

    assert_int_equal(cs_msg_resolve_get(frame->body, &resolve), 0);
    cs_buf_put_u8(buf, resolve.expect != CS_EXPECT_CERTIFICATE);
    if (resolve.expect != CS_EXPECT_CERTIFICATE)
        put_identity(buf);
    cs_buf_put_u32(buf, 2);
    put_list(buf, "leaf", "ca");
}

static void put_status(struct cs_buf *buf)
{
    cs_msg_status_put(buf, &(struct cs_msg_status){.version = cs_bytes_of("9.9"),
                               .pid = 77,
                               .started = 0x100000002,
                               .socket = cs_bytes_of("/run/x"),
                               .clients = 3,
                               .signatures = 0x100000003,
                               .n_modules = 2});
    for (int i = 0; i < 2; i++)
        cs_msg_module_put(buf, &(struct cs_msg_module){.name = cs_bytes_of(i ? "b" : "a"),
                                   .path = cs_bytes_of("/x.so"),
                                   .state = cs_bytes_of("failed"),
                                   .pid = 5,
                                   .restarts = 6,
                                   .error = cs_bytes_of("it crashed")});
}

static bool tell(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct fixture *f = agent->data;
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);
    bool sent;

    if (f->body.data)
        return fake_reply(fd, frame, f->body);
    if (frame->type == CS_MSG_STATUS)
        put_status(&body);
    else if (frame->type == CS_MSG_RESOLVE)
        put_resolved(&body, frame);
    else
        put_page(f, &body, frame);
    assert_int_equal(body.error, 0);
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fake_agent_start(&f->agent, tell, f);
    assert_int_equal(countersign_client_new(&f->client, NULL), 0);
    f->total = 5;
    f->page = 2;
    f->generation = 5;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    countersign_client_free(f->client);
    fake_agent_stop(&f->agent);
    fake_agent_remove(&f->agent);
    free(f);
    return 0;
}

static void check_identity(const struct countersign_identity *identity)
{
    size_t len;

    assert_memory_equal(countersign_identity_id(identity), ID, CS_ID_SIZE);
    assert_string_equal(countersign_identity_uri(identity), "pkcs11:token=corp;id=%01");
    assert_string_equal(countersign_identity_token_uri(identity), "pkcs11:token=corp");
    assert_memory_equal(countersign_identity_label(identity, &len), "a\0b\xff\0", 5);
    assert_int_equal(len, 4);
    assert_memory_equal(countersign_identity_cka_id(identity, &len), "\1", 2);
    assert_int_equal(len, 1);
    assert_int_equal(countersign_identity_key_type(identity), CS_KEY_EC);
    assert_int_equal(countersign_identity_bits(identity), 256);
    assert_string_equal(countersign_identity_group(identity), "prime256v1");
    assert_memory_equal(countersign_identity_spki(identity, &len), "spki", len);
    assert_int_equal(countersign_identity_flags(identity), CS_IDENTITY_KEY_SEEN);
    assert_int_equal(countersign_identity_n_schemes(identity), 2);
    assert_int_equal(countersign_identity_scheme(identity, 1), 0x0503);
    assert_int_equal(countersign_identity_scheme(identity, 2), 0);
    assert_int_equal(countersign_identity_n_certificates(identity), 2);
    assert_memory_equal(countersign_identity_certificate(identity, 1, &len), "old leaf", 8);
    assert_int_equal(len, 8);
    assert_null(countersign_identity_certificate(identity, 2, NULL));
}

static void test_an_identity_arrives_whole(void **state)
{
    struct fixture *f = *state;
    struct countersign_identity *identity;
    size_t len;

    assert_int_equal(countersign_resolve(f->client, "x", CS_EXPECT_ANY, &identity, &f->fault), 0);
    check_identity(identity);
    assert_int_equal(countersign_identity_n_chain(identity), 2);
    assert_memory_equal(countersign_identity_chain(identity, 1, &len), "ca", 2);
    assert_int_equal(len, 2);
    assert_null(countersign_identity_chain(identity, 2, NULL));
    countersign_identity_free(identity);
}

static void test_a_chain_alone_has_no_key(void **state)
{
    struct fixture *f = *state;
    struct countersign_identity *identity;
    size_t len;

    assert_int_equal(
        countersign_resolve(f->client, "x", CS_EXPECT_CERTIFICATE, &identity, &f->fault), 0);
    assert_null(countersign_identity_id(identity));
    assert_string_equal(countersign_identity_uri(identity), "");
    assert_string_equal(countersign_identity_label(identity, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(countersign_identity_n_schemes(identity), 0);
    assert_int_equal(countersign_identity_n_certificates(identity), 0);
    assert_int_equal(countersign_identity_n_chain(identity), 2);
    assert_memory_equal(countersign_identity_chain(identity, 0, &len), "leaf", 4);
    countersign_identity_free(identity);
}

static void test_lists_are_put_together_from_pages(void **state)
{
    struct fixture *f = *state;
    struct countersign_list *list;
    const struct countersign_token *token;
    size_t len;

    assert_int_equal(countersign_list_tokens(f->client, &list, NULL), 0);
    assert_int_equal(countersign_list_n(list), 5);
    token = countersign_list_token(list, 4);
    assert_string_equal(countersign_token_serial(token), "E");
    assert_string_equal(countersign_token_label(token), "corp");
    assert_string_equal(countersign_token_manufacturer(token), "maker");
    assert_string_equal(countersign_token_model(token), "v1");
    assert_string_equal(countersign_token_module(token), "soft");
    assert_string_equal(countersign_token_uri(token), "pkcs11:token=corp");
    assert_string_equal(countersign_token_why(token), "not unlocked yet");
    assert_int_equal(countersign_token_flags(token), CS_TOKEN_LOGIN_REQUIRED);
    assert_true(countersign_token_since(token) == 0x100000001);
    assert_null(countersign_list_identity(list, 0));
    assert_null(countersign_list_token(list, 5));
    countersign_list_free(list);

    assert_int_equal(countersign_list_identities(f->client, &list, NULL), 0);
    assert_int_equal(countersign_list_n(list), 5);
    check_identity(countersign_list_identity(list, 4));
    assert_int_equal(countersign_identity_n_chain(countersign_list_identity(list, 0)), 0);
    countersign_list_free(list);

    assert_int_equal(countersign_list_certificates(f->client, &list, NULL), 0);
    assert_string_equal(
        countersign_certificate_uri(countersign_list_certificate(list, 4)), "pkcs11:object=ca");
    assert_memory_equal(
        countersign_certificate_der(countersign_list_certificate(list, 4), &len), "der", 3);
    assert_int_equal(len, 3);
    countersign_list_free(list);
}

static void test_an_empty_list_is_a_list(void **state)
{
    struct fixture *f = *state;
    struct countersign_list *list;

    f->total = 0;
    assert_int_equal(countersign_list_tokens(f->client, &list, NULL), 0);
    assert_int_equal(countersign_list_n(list), 0);
    countersign_list_free(list);
}

static void test_a_change_between_pages_begins_the_list_again(void **state)
{
    struct fixture *f = *state;
    struct countersign_list *list;

    f->generation = 1;
    assert_int_equal(countersign_list_tokens(f->client, &list, NULL), 0);
    assert_int_equal(countersign_list_n(list), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(countersign_token_serial(countersign_list_token(list, i))[0], 'A' + i);
    assert_int_equal(f->generation, 2);
    countersign_list_free(list);
}

static void test_an_agent_without_end_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct countersign_list *list;

    f->restless = true;
    assert_int_equal(countersign_list_tokens(f->client, &list, &f->fault), CS_ERR_BUSY);
    f->restless = false;
    f->stuck = true;
    assert_int_equal(countersign_list_tokens(f->client, &list, &f->fault), CS_ERR_PROTOCOL);
    f->total = 2000000;
    assert_int_equal(countersign_list_tokens(f->client, &list, &f->fault), CS_ERR_TOO_LARGE);
    assert_true(f->fault.text[0]);
}

static void test_status_arrives_whole(void **state)
{
    struct fixture *f = *state;
    struct countersign_status *status;
    const struct countersign_module *module;

    assert_int_equal(countersign_status_get(f->client, &status, NULL), 0);
    assert_string_equal(countersign_status_version(status), "9.9");
    assert_string_equal(countersign_status_socket(status), "/run/x");
    assert_int_equal(countersign_status_pid(status), 77);
    assert_int_equal(countersign_status_clients(status), 3);
    assert_true(countersign_status_started(status) == 0x100000002);
    assert_true(countersign_status_signatures(status) == 0x100000003);
    assert_int_equal(countersign_status_n_modules(status), 2);
    module = countersign_status_module(status, 1);
    assert_string_equal(countersign_module_name(module), "b");
    assert_string_equal(countersign_module_path(module), "/x.so");
    assert_string_equal(countersign_module_state(module), "failed");
    assert_string_equal(countersign_module_error(module), "it crashed");
    assert_int_equal(countersign_module_pid(module), 5);
    assert_int_equal(countersign_module_restarts(module), 6);
    assert_null(countersign_status_module(status, 2));
    countersign_status_free(status);
}

typedef int (*question)(struct fixture *f);

static int ask_status(struct fixture *f)
{
    struct countersign_status *status = NULL;

    return countersign_status_get(f->client, &status, &f->fault);
}

static int ask_tokens(struct fixture *f)
{
    struct countersign_list *list = NULL;

    return countersign_list_tokens(f->client, &list, &f->fault);
}

static int ask_identities(struct fixture *f)
{
    struct countersign_list *list = NULL;

    return countersign_list_identities(f->client, &list, &f->fault);
}

static int ask_resolve(struct fixture *f)
{
    struct countersign_identity *identity = NULL;

    return countersign_resolve(f->client, "x", CS_EXPECT_ANY, &identity, &f->fault);
}

static int ask_lock(struct fixture *f)
{
    struct countersign_list *list = NULL;

    return countersign_lock(f->client, NULL, &list, &f->fault);
}

/* Every right body, cut at every length, with a byte more, and counts that promise too much. */
static void test_mangled_bodies_are_refused(void **state)
{
    struct fixture *f = *state;
    const question questions[] = {ask_status, ask_tokens, ask_identities, ask_resolve, ask_lock};

    for (size_t q = 0; q < sizeof(questions) / sizeof(questions[0]); q++) {
        struct cs_buf body = CS_BUF_INIT(4096);
        struct cs_frame frame = {
            .type = q == 1 ? CS_MSG_TOKENS : CS_MSG_IDENTITIES, .body = CS_BYTES("\0\0\0", 4)};

        f->total = 2;
        f->generation = 5;
        if (q == 0) {
            put_status(&body);
        } else if (q < 3) {
            put_page(f, &body, &frame);
        } else if (q == 3) {
            cs_buf_put_u8(&body, 1);
            put_identity(&body);
            cs_buf_put_u32(&body, 2);
            put_list(&body, "leaf", "ca");
        } else {
            cs_buf_put_u32(&body, 2);
            put_list(&body, "corp", "home");
        }
        cs_buf_put_u8(&body, 0);
        for (size_t len = 0; len <= body.len; len++) {
            f->body = CS_BYTES(body.data, len);
            if (len == body.len - 1)
                continue;
            memset(&f->fault, 'x', sizeof(f->fault));
            assert_int_equal(questions[q](f), CS_ERR_PROTOCOL);
            assert_int_equal(f->fault.code, CS_ERR_PROTOCOL);
            countersign_client_free(f->client);
            assert_int_equal(countersign_client_new(&f->client, NULL), 0);
            if (f->agent.n_connections > 50) {
                fake_agent_stop(&f->agent);
                fake_agent_restart(&f->agent);
            }
        }
        cs_buf_deinit(&body);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_identity_arrives_whole),
        TEST(test_a_chain_alone_has_no_key),
        TEST(test_lists_are_put_together_from_pages),
        TEST(test_an_empty_list_is_a_list),
        TEST(test_a_change_between_pages_begins_the_list_again),
        TEST(test_an_agent_without_end_is_given_up),
        TEST(test_status_arrives_whole),
        TEST(test_mangled_bodies_are_refused),
    };

    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
