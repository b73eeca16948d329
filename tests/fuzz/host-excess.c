/* SPDX-License-Identifier: Apache-2.0 */
/* As little of it as breaks the rule: what is said more often than that is said in no time. */
#include "host-excess.h"
#include "host-life.h"
#include "limit.h"
#include "token-host/host-message.h"

static void say_too_long(void)
{
    static const uint8_t header[CS_FRAME_HEADER] = {0xff, 0xff, 0xff, 0xff};

    host_life_say_octets(CS_BYTES(header, sizeof(header)), 0);
}

/* A message that there is not, as long as may be. */
static void say_unknown(void)
{
    static uint8_t frame[CS_FRAME_HEADER + CS_FRAME_MAX] = {0, CS_FRAME_MAX >> 16};
    const size_t step = 64 * 1024;

    for (size_t at = 0; at < sizeof(frame); at += step) {
        size_t left = sizeof(frame) - at;

        host_life_say_octets(CS_BYTES(frame + at, left < step ? left : step), 0);
        host_life_settle();
    }
}

/* Few of them whole: each of these is compared with all that there are. */
static void report_tokens(uint32_t n_whole)
{
    for (uint32_t slot = 0; slot <= CS_LIMIT_TOKENS_PER_HOST; slot++) {
        host_life_say_token(slot + 100, slot < n_whole);
        if (slot % 64 == 63)
            host_life_settle();
    }
}

static void report_objects(void)
{
    const struct cs_host_object object = {
        .slot = 100, .object_class = CS_HOST_PRIVATE_KEY, .key_type = CS_KEY_EC};
    struct cs_buf body = CS_BUF_INIT(4096);

    host_life_say_token(100, false);
    cs_host_object_put(&body, &object);
    for (size_t i = 0; i <= CS_LIMIT_OBJECTS_PER_TOKEN; i++) {
        host_life_say(CS_HOST_OBJECT, 0, cs_buf_bytes(&body), 0);
        if (i % 64 == 63)
            host_life_settle();
    }
    cs_buf_deinit(&body);
}

void host_excess(uint8_t how)
{
    host_life_settle();
    if (host_life.verdict != HOST_FINE || !host_life_is_up())
        return;
    host_life.verdict = HOST_ANY; /* meanwhile */
    if (how % 8 == 0)
        say_too_long();
    else if (how % 8 == 1)
        say_unknown();
    else if (how % 8 == 2)
        report_objects();
    else
        report_tokens(how % 16);
    host_life.verdict = HOST_BROKEN;
}
