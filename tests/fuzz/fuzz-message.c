/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/message, token-host/host-message, prompt: a body that is accepted is written back octet for
 * octet. The first octet of the input chooses the message.
 */
#include "fuzz.h"

#include "base/consent-message.h"
#include "base/message.h"
#include "prompt/prompt.h"
#include "token-host/host-message.h"

#include <countersign/error.h>

#define ROUND_TRIP(name, type)                                                                     \
    static int name(struct cs_bytes body, struct cs_buf *out)                                      \
    {                                                                                              \
        struct type m = {0};                                                                       \
        int r = name##_get(body, &m);                                                              \
        if (r == 0)                                                                                \
            name##_put(out, &m);                                                                   \
        return r;                                                                                  \
    }
#define ROUND_TRIP_NUMBER(name)                                                                    \
    static int name(struct cs_bytes body, struct cs_buf *out)                                      \
    {                                                                                              \
        uint32_t number = 0;                                                                       \
        int r = name##_get(body, &number);                                                         \
        if (r == 0)                                                                                \
            name##_put(out, number);                                                               \
        return r;                                                                                  \
    }
/* A page: its head, then its entries, out of one reader. */
#define ROUND_TRIP_PAGE(name)                                                                      \
    static int name##_page(struct cs_bytes body, struct cs_buf *out)                               \
    {                                                                                              \
        struct cs_reader reader = cs_reader_of(body);                                              \
        struct cs_msg_page page = {0};                                                             \
        cs_msg_page_read(&reader, &page);                                                          \
        cs_msg_page_put(out, &page);                                                               \
        for (uint32_t i = 0; i < page.n && !reader.error; i++) {                                   \
            struct name m = {0};                                                                   \
            name##_read(&reader, &m);                                                              \
            name##_put(out, &m);                                                                   \
        }                                                                                          \
        return cs_reader_end(&reader);                                                             \
    }

ROUND_TRIP(cs_msg_hello, cs_msg_hello)
ROUND_TRIP(cs_msg_welcome, cs_msg_welcome)
ROUND_TRIP(cs_msg_error, cs_msg_error)
ROUND_TRIP_NUMBER(cs_msg_first)
ROUND_TRIP_PAGE(cs_msg_token)
ROUND_TRIP_PAGE(cs_msg_identity)
ROUND_TRIP_PAGE(cs_msg_certificate)
ROUND_TRIP(cs_msg_resolve, cs_msg_resolve)
ROUND_TRIP(cs_msg_resolved, cs_msg_resolved)
ROUND_TRIP(cs_msg_sign, cs_msg_sign)
ROUND_TRIP(cs_msg_signed, cs_msg_signed)
ROUND_TRIP(cs_msg_unlock, cs_msg_unlock)
ROUND_TRIP(cs_msg_lock, cs_msg_lock)
ROUND_TRIP(cs_msg_token_names, cs_msg_token_names)
ROUND_TRIP(cs_host_configure, cs_host_configure)
ROUND_TRIP(cs_host_login, cs_host_login_request)
ROUND_TRIP(cs_host_logout, cs_host_logout_request)
ROUND_TRIP(cs_host_sign, cs_host_sign_request)
ROUND_TRIP(cs_host_failed, cs_host_failed)
ROUND_TRIP(cs_host_ready, cs_host_ready)
ROUND_TRIP(cs_host_token, cs_host_token)
ROUND_TRIP(cs_host_object, cs_host_object)
ROUND_TRIP(cs_host_token_state, cs_host_token_state)
ROUND_TRIP_NUMBER(cs_host_number)
ROUND_TRIP(cs_host_tried, cs_host_tried)
ROUND_TRIP(cs_host_trouble, cs_host_trouble)
ROUND_TRIP(cs_host_refused, cs_host_refused)
ROUND_TRIP(cs_prompt_request, cs_prompt_request)
ROUND_TRIP(cs_msg_find, cs_msg_find)
ROUND_TRIP(cs_msg_found, cs_msg_found)
ROUND_TRIP(cs_msg_watching, cs_msg_watching)
ROUND_TRIP(cs_msg_event, cs_msg_event)
ROUND_TRIP(cs_msg_policy_check, cs_msg_policy_check)
ROUND_TRIP(cs_msg_decision, cs_msg_decision)

ROUND_TRIP(cs_msg_record, cs_msg_record)

/* Of CONSENTS and USES, an entry. */
static int cs_msg_consent(struct cs_bytes body, struct cs_buf *out)
{
    struct cs_reader reader = cs_reader_of(body);
    struct cs_msg_consent m = {0};

    cs_msg_consent_read(&reader, &m);
    cs_msg_consent_put(out, &m);
    return cs_reader_end(&reader);
}

static int cs_msg_use(struct cs_bytes body, struct cs_buf *out)
{
    struct cs_reader reader = cs_reader_of(body);
    struct cs_msg_use m = {0};

    cs_msg_use_read(&reader, &m);
    cs_msg_use_put(out, &m);
    return cs_reader_end(&reader);
}

/* STATUS: its head, then its modules. */
static int cs_msg_status(struct cs_bytes body, struct cs_buf *out)
{
    struct cs_reader reader = cs_reader_of(body);
    struct cs_msg_status status = {0};

    cs_msg_status_read(&reader, &status);
    cs_msg_status_put(out, &status);
    for (uint32_t i = 0; i < status.n_modules && !reader.error; i++) {
        struct cs_msg_module m = {0};

        cs_msg_module_read(&reader, &m);
        cs_msg_module_put(out, &m);
    }
    return cs_reader_end(&reader);
}

/* POLICY: its head, then its rules. */
static int cs_msg_policy(struct cs_bytes body, struct cs_buf *out)
{
    struct cs_reader reader = cs_reader_of(body);
    struct cs_msg_policy policy = {0};

    cs_msg_policy_read(&reader, &policy);
    cs_msg_policy_put(out, &policy);
    for (uint32_t i = 0; i < policy.n_rules && !reader.error; i++) {
        struct cs_msg_rule m = {0};

        cs_msg_rule_read(&reader, &m);
        cs_msg_rule_put(out, &m);
    }
    return cs_reader_end(&reader);
}

/* The order is that of make-seeds.py: add at the end. */
static int (*const messages[])(struct cs_bytes body, struct cs_buf *out) = {
    cs_msg_hello,
    cs_msg_welcome,
    cs_msg_error,
    cs_msg_first,
    cs_msg_token_page,
    cs_msg_identity_page,
    cs_msg_certificate_page,
    cs_msg_resolve,
    cs_msg_resolved,
    cs_msg_sign,
    cs_msg_signed,
    cs_msg_unlock,
    cs_msg_lock,
    cs_msg_token_names,
    cs_msg_status,
    cs_host_configure,
    cs_host_login,
    cs_host_logout,
    cs_host_sign,
    cs_host_failed,
    cs_host_ready,
    cs_host_token,
    cs_host_object,
    cs_host_token_state,
    cs_host_number,
    cs_prompt_request,
    cs_msg_find,
    cs_msg_found,
    cs_msg_watching,
    cs_msg_event,
    cs_msg_policy,
    cs_msg_policy_check,
    cs_msg_decision,
    cs_msg_record,
    cs_msg_consent,
    cs_msg_use,
    cs_host_tried,
    cs_host_trouble,
    cs_host_refused,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_buf out = CS_BUF_INIT(2 * size + 1024);
    struct cs_bytes body;
    int r;

    if (size == 0 || data[0] >= sizeof(messages) / sizeof(messages[0]))
        return 0;
    body = CS_BYTES(data + 1, size - 1);
    r = messages[data[0]](body, &out);
    FUZZ_CHECK(r == 0 || r == CS_ERR_PROTOCOL);
    if (r == 0) {
        FUZZ_CHECK(out.error == 0);
        FUZZ_CHECK(cs_bytes_equal(cs_buf_bytes(&out), body));
    }
    cs_buf_deinit(&out);
    return 0;
}
