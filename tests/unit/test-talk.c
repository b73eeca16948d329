/* SPDX-License-Identifier: Apache-2.0 */
/* token-host/host-message and prompt/prompt: what the agent, token hosts and prompts say to each
 * other, and nothing but it. */
#include "token-host/host-message.h"
#include "prompt/prompt.h"
#include "talk.h"
#include "codec.h"

#define TEXT(string) CS_BYTES(string, sizeof(string) - 1)

static void sample_host_configure(struct cs_buf *buf)
{
    const struct cs_host_configure m = {.prompt_program = TEXT("/usr/libexec/prompt"),
        .pinentry = TEXT("/usr/bin/pinentry"),
        .prompt_timeout = 120,
        .n_sources = 2,
        .sources = {{.token = TEXT("corp"), .command = TEXT("/bin/get\0pin")},
            {.credential = TEXT("corp.pin")}}};

    cs_host_configure_put(buf, &m);
}

static const uint8_t source[CS_HOST_SOURCE_SIZE] = {0, 0xff, 7};

static void sample_host_login(struct cs_buf *buf)
{
    const struct cs_host_login_request m = {.slot = 7,
        .how = CS_HOST_LOGIN_FORCE,
        .on_request = 1,
        .program = TEXT("curl"),
        .key = TEXT("alice\xff"),
        .environment = {.n = 1, .entries = {{TEXT("TERM"), TEXT("xterm")}}},
        .by_serial = 1,
        .held = 1,
        .tried = CS_BYTES(source, sizeof(source))};

    cs_host_login_put(buf, &m);
}

static void sample_host_logout(struct cs_buf *buf)
{
    cs_host_logout_put(
        buf, &(struct cs_host_logout_request){.slot = 7, .hold = 1, .why = TEXT("locked")});
}

static void sample_host_sign(struct cs_buf *buf)
{
    const struct cs_host_sign_request m = {.slot = 7,
        .spki = TEXT("\x30\0"),
        .cka_id = TEXT("\1"),
        .scheme = 0x0403,
        .data = TEXT("digest\0"),
        .program = TEXT("curl"),
        .key = TEXT("alice"),
        .environment = {.n = 1, .entries = {{TEXT("DISPLAY"), TEXT(":0")}}},
        .by_serial = 1};

    cs_host_sign_put(buf, &m);
}

static void sample_host_failed(struct cs_buf *buf)
{
    cs_host_failed_put(
        buf, &(struct cs_host_failed){
                 .code = CS_ERR_PIN_INCORRECT, .ckr = 0xa0, .text = TEXT("the PIN was wrong")});
}

static void sample_host_refused(struct cs_buf *buf)
{
    cs_host_refused_put(buf,
        &(struct cs_host_refused){
            .slot = 7, .known = 1, .failed = {.code = CS_ERR_PIN_INCORRECT, .text = TEXT("no")}});
}

static void sample_host_tried(struct cs_buf *buf)
{
    cs_host_tried_put(
        buf, &(struct cs_host_tried){.slot = 7, .source = CS_BYTES(source, sizeof(source))});
}

static void sample_host_trouble(struct cs_buf *buf)
{
    cs_host_trouble_put(buf, &(struct cs_host_trouble){.text = TEXT("slot 1 is passed over")});
}

static void sample_host_ready(struct cs_buf *buf)
{
    cs_host_ready_put(
        buf, &(struct cs_host_ready){.manufacturer = TEXT("maker"), .description = TEXT("it")});
}

static void sample_host_token(struct cs_buf *buf)
{
    const struct cs_host_token m = {.slot = 7,
        .label = TEXT("corp\xff"),
        .manufacturer = TEXT("maker"),
        .model = TEXT("v2"),
        .serial = TEXT("17"),
        .flags = CS_TOKEN_INITIALIZED,
        .since = 1700000000,
        .why = TEXT("never unlocked")};

    cs_host_token_put(buf, &m);
}

static void sample_host_object(struct cs_buf *buf)
{
    const struct cs_host_object m = {.slot = 7,
        .object_class = CS_HOST_PRIVATE_KEY,
        .key_type = CS_KEY_ED448,
        .flags = CS_HOST_OBJECT_ALWAYS_AUTHENTICATE,
        .label = TEXT("alice\0"),
        .cka_id = TEXT("\1"),
        .value = TEXT("\x30\0")};

    cs_host_object_put(buf, &m);
}

static void sample_host_token_state(struct cs_buf *buf)
{
    cs_host_token_state_put(
        buf, &(struct cs_host_token_state){
                 .slot = 7, .flags = CS_TOKEN_UNLOCKED, .since = 1, .why = TEXT("x")});
}

static void sample_host_number(struct cs_buf *buf)
{
    cs_host_number_put(buf, 0x01020304);
}

static void sample_prompt_request(struct cs_buf *buf)
{
    const struct cs_prompt_request m = {.kind = CS_PROMPT_CONSENT,
        .flags = CS_PROMPT_SIGN_CSR | CS_PROMPT_SHOW,
        .timeout = 120,
        .min_len = 4,
        .max_len = 8,
        .pinentry = TEXT("/usr/bin/pinentry"),
        .token = TEXT("corp\xff"),
        .program = TEXT("curl"),
        .command = TEXT("curl https://x"),
        .certificate = TEXT("serial 7"),
        .key = TEXT("alice"),
        .host = TEXT("x"),
        .error = TEXT("the PIN was wrong"),
        .environment = {.n = 1, .entries = {{TEXT("DISPLAY"), TEXT(":0")}}}};

    cs_prompt_request_put(buf, &m);
}

CODEC_BODY(host_configure, cs_host_configure);
CODEC_BODY(host_login, cs_host_login_request);
CODEC_BODY(host_logout, cs_host_logout_request);
CODEC_BODY(host_sign, cs_host_sign_request);
CODEC_BODY(host_failed, cs_host_failed);
CODEC_BODY(host_refused, cs_host_refused);
CODEC_BODY(host_tried, cs_host_tried);
CODEC_BODY(host_trouble, cs_host_trouble);
CODEC_BODY(host_ready, cs_host_ready);
CODEC_BODY(host_token, cs_host_token);
CODEC_BODY(host_object, cs_host_object);
CODEC_BODY(host_token_state, cs_host_token_state);
CODEC_BODY(prompt_request, cs_prompt_request);

static int recode_host_number(struct cs_bytes body, struct cs_buf *again)
{
    uint32_t number = 0;
    int r = cs_host_number_get(body, &number);

    if (r == 0)
        cs_host_number_put(again, number);
    return r;
}

static const struct codec codecs[] = {CODEC(host_configure), CODEC(host_login), CODEC(host_logout),
    CODEC(host_sign), CODEC(host_failed), CODEC(host_refused), CODEC(host_tried),
    CODEC(host_trouble), CODEC(host_ready), CODEC(host_token), CODEC(host_object),
    CODEC(host_token_state), CODEC(host_number), CODEC(prompt_request)};
#define N_CODECS (sizeof(codecs) / sizeof(codecs[0]))

static void test_every_body_comes_back_and_nothing_else_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CODECS; i++)
        codec_check(&codecs[i]);
}

/* Guards against a change that leaves talk.h as it is: FNV-1a of the samples, of one version. */
static void test_another_form_is_another_version(void **state)
{
    const char *version = "5";
    const uint32_t sum_of_version = 0x459575e1;
    struct cs_buf buf = CS_BUF_INIT(1 << 20);
    uint32_t sum = 2166136261u;

    (void)state;
    for (size_t i = 0; i < N_CODECS; i++)
        codecs[i].sample(&buf);
    assert_int_equal(buf.error, 0);
    for (size_t i = 0; i < buf.len; i++)
        sum = (sum ^ buf.data[i]) * 16777619u;
    cs_buf_deinit(&buf);
    assert_string_equal(CS_TALK_VERSION, version);
    if (sum != sum_of_version)
        fail_msg("a message has another form: raise CS_TALK_VERSION, write it and %#x here", sum);
}

static void test_fields_out_of_their_range(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(8192), again = CS_BUF_INIT(8192);
    const struct cs_host_object objects[] = {{.object_class = 0},
        {.object_class = CS_HOST_PRIVATE_KEY + 1},
        {.object_class = CS_HOST_PUBLIC_KEY, .key_type = CS_KEY_ED448 + 1}};
    struct cs_host_configure full = {.n_sources = CS_HOST_PIN_SOURCES_MAX};

    (void)state;
    cs_host_login_put(&buf, &(struct cs_host_login_request){.how = 4});
    assert_int_equal(recode_host_login(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_login_put(&buf, &(struct cs_host_login_request){.on_request = 2});
    assert_int_equal(recode_host_login(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_login_put(&buf, &(struct cs_host_login_request){.by_serial = 2});
    assert_int_equal(recode_host_login(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_login_put(&buf, &(struct cs_host_login_request){.held = 2});
    assert_int_equal(recode_host_login(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_tried_put(&buf, &(struct cs_host_tried){.slot = 1});
    assert_int_equal(recode_host_tried(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_sign_put(&buf, &(struct cs_host_sign_request){.by_serial = 2});
    assert_int_equal(recode_host_sign(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_logout_put(&buf, &(struct cs_host_logout_request){.hold = 2});
    assert_int_equal(recode_host_logout(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_refused_put(
        &buf, &(struct cs_host_refused){.known = 2, .failed = {.code = CS_ERR_PIN_INCORRECT}});
    assert_int_equal(recode_host_refused(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_reset(&buf);
    cs_host_failed_put(&buf, &(struct cs_host_failed){.code = 0});
    assert_int_equal(recode_host_failed(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        cs_buf_reset(&buf);
        cs_host_object_put(&buf, &objects[i]);
        assert_int_equal(recode_host_object(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    }
    cs_buf_reset(&buf);
    cs_host_configure_put(&buf, &full);
    assert_int_equal(recode_host_configure(cs_buf_bytes(&buf), &again), 0);
    cs_buf_set_u32(&buf, 12, CS_HOST_PIN_SOURCES_MAX + 1);
    for (int i = 0; i < 3; i++)
        cs_buf_put_u32(&buf, 0);
    assert_int_equal(recode_host_configure(cs_buf_bytes(&buf), &again), CS_ERR_PROTOCOL);
    cs_buf_deinit(&buf);
    cs_buf_deinit(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_body_comes_back_and_nothing_else_does),
        cmocka_unit_test(test_another_form_is_another_version),
        cmocka_unit_test(test_fields_out_of_their_range),
    };

    return cmocka_run_group_tests_name("talk", tests, NULL, NULL);
}
