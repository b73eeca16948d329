/* SPDX-License-Identifier: Apache-2.0 */
/* base/wire: frames come back whole, piecemeal input waits, broken framing is refused. */
#include "base/wire.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_a_frame_comes_back_at_its_last_byte_and_not_before(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    struct cs_frame frame;
    size_t size = 0;

    (void)state;
    cs_buf_put_string(&buf, "x"); /* frames may begin anywhere */
    cs_buf_reset(&buf);
    size_t at = cs_frame_begin(&buf, CS_MSG_SIGN, 7);
    cs_buf_put_string(&buf, "body");
    assert_int_equal(cs_frame_end(&buf, at), 0);
    for (size_t n = 0; n < buf.len; n++)
        assert_int_equal(cs_frame_parse(CS_BYTES(buf.data, n), &frame, &size), 0);
    assert_int_equal(cs_frame_parse(cs_buf_bytes(&buf), &frame, &size), 1);
    assert_int_equal(size, buf.len);
    assert_int_equal(frame.type, CS_MSG_SIGN);
    assert_int_equal(frame.id, 7);
    assert_int_equal(frame.body.len, 8);
    cs_buf_deinit(&buf);
}

static void test_a_length_over_the_limit_is_refused_at_the_header(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    struct cs_frame frame;
    size_t size;

    (void)state;
    cs_frame_begin(&buf, CS_MSG_HELLO, 1);
    cs_buf_set_u32(&buf, 0, CS_FRAME_MAX + 1);
    assert_int_equal(cs_frame_parse(cs_buf_bytes(&buf), &frame, &size), CS_ERR_TOO_LARGE);
    cs_buf_set_u32(&buf, 0, CS_FRAME_MAX);
    assert_int_equal(cs_frame_parse(cs_buf_bytes(&buf), &frame, &size), 0);
    cs_buf_deinit(&buf);
}

static void test_flags_must_be_zero(void **state)
{
    const uint8_t bytes[CS_FRAME_HEADER] = {0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1};
    struct cs_frame frame;
    size_t size;

    (void)state;
    assert_int_equal(
        cs_frame_parse(CS_BYTES(bytes, sizeof(bytes)), &frame, &size), CS_ERR_PROTOCOL);
}

static void test_a_frame_that_did_not_fit_leaves_the_buffer_good(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(40);
    size_t at;

    (void)state;
    at = cs_frame_begin(&buf, CS_MSG_HELLO, 1);
    assert_int_equal(cs_frame_end(&buf, at), 0);
    at = cs_frame_begin(&buf, CS_MSG_HELLO, 2);
    cs_buf_put_string(&buf, "far too long for forty bytes in all");
    assert_int_equal(cs_frame_end(&buf, at), CS_ERR_TOO_LARGE);
    assert_int_equal(buf.len, CS_FRAME_HEADER);
    assert_int_equal(buf.error, 0);
    cs_buf_deinit(&buf);
}

static void test_a_frame_has_a_limit_whatever_its_buffer_has(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX + 1);
    size_t at = cs_frame_begin(&buf, CS_MSG_HELLO, 1);

    (void)state;
    cs_buf_extend(&buf, CS_FRAME_MAX);
    assert_int_equal(cs_frame_end(&buf, at), 0);
    cs_buf_put_u8(&buf, 0);
    assert_int_equal(buf.error, 0);
    assert_int_equal(cs_frame_end(&buf, at), CS_ERR_TOO_LARGE);
    assert_int_equal(buf.len, 0);
    cs_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_comes_back_at_its_last_byte_and_not_before),
        cmocka_unit_test(test_a_length_over_the_limit_is_refused_at_the_header),
        cmocka_unit_test(test_flags_must_be_zero),
        cmocka_unit_test(test_a_frame_that_did_not_fit_leaves_the_buffer_good),
        cmocka_unit_test(test_a_frame_has_a_limit_whatever_its_buffer_has),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
