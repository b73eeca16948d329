/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for every message body: it comes back as it went, nothing shorter and nothing longer
 * is taken for it, and rubbish is refused or read as exactly what it would be written as.
 */
#ifndef CS_TEST_CODEC_H
#define CS_TEST_CODEC_H

#include "base/buf.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct codec {
    const char *name;
    void (*sample)(struct cs_buf *buf); /* puts a body with every field set */
    int (*recode)(struct cs_bytes body, struct cs_buf *again); /* gets a body, puts it again */
};

/* Defines recode_NAME for a type with put and get. */
#define CODEC_BODY(function, type)                                                                 \
    static int recode_##function(struct cs_bytes body, struct cs_buf *again)                       \
    {                                                                                              \
        struct type m = {0};                                                                       \
        int r = cs_##function##_get(body, &m);                                                     \
                                                                                                   \
        if (r == 0)                                                                                \
            cs_##function##_put(again, &m);                                                        \
        return r;                                                                                  \
    }                                                                                              \
    struct codec_swallow_semicolon

/* The same for a type that is read out of the middle of a body. */
#define CODEC_ENTRY(function, type)                                                                \
    static int recode_##function(struct cs_bytes body, struct cs_buf *again)                       \
    {                                                                                              \
        struct cs_reader reader = cs_reader_of(body);                                              \
        struct type m = {0};                                                                       \
        int r;                                                                                     \
                                                                                                   \
        cs_##function##_read(&reader, &m);                                                         \
        r = cs_reader_end(&reader);                                                                \
        if (r == 0)                                                                                \
            cs_##function##_put(again, &m);                                                        \
        return r;                                                                                  \
    }                                                                                              \
    struct codec_swallow_semicolon

#define CODEC(function)                                                                            \
    {                                                                                              \
#function, sample_##function, recode_##function                                            \
    }

/* The body lies at the very end of an allocation, so that a sanitizer sees a byte read too far. */
static inline int codec_recode(
    const struct codec *codec, struct cs_bytes body, struct cs_buf *again)
{
    uint8_t *exact = malloc(body.len ? body.len : 1);
    int r;

    assert_non_null(exact);
    if (body.len)
        memcpy(exact, body.data, body.len);
    cs_buf_reset(again);
    r = codec->recode(CS_BYTES(exact, body.len), again);
    free(exact);
    return r;
}

static inline void codec_check_whole(const struct codec *codec, struct cs_buf *body)
{
    struct cs_buf again = CS_BUF_INIT(1 << 20);

    assert_int_equal(body->error, 0);
    if (codec_recode(codec, cs_buf_bytes(body), &again) != 0)
        fail_msg("%s: its own sample is refused", codec->name);
    if (!cs_bytes_equal(cs_buf_bytes(body), cs_buf_bytes(&again)))
        fail_msg("%s: does not come back as it went", codec->name);
    for (size_t len = 0; len < body->len; len++)
        if (codec_recode(codec, CS_BYTES(body->data, len), &again) != CS_ERR_PROTOCOL)
            fail_msg("%s: taken at %zu of %zu bytes", codec->name, len, body->len);
    cs_buf_put_u8(body, 0);
    if (codec_recode(codec, cs_buf_bytes(body), &again) != CS_ERR_PROTOCOL)
        fail_msg("%s: taken with a byte too many", codec->name);
    body->len--;
    cs_buf_deinit(&again);
}

static inline void codec_check_rubbish(
    const struct codec *codec, struct cs_bytes rubbish, struct cs_buf *again)
{
    int r = codec_recode(codec, rubbish, again);

    if (r != 0 && r != CS_ERR_PROTOCOL)
        fail_msg("%s: rubbish gives %d", codec->name, r);
    if (r == 0 && !cs_bytes_equal(rubbish, cs_buf_bytes(again)))
        fail_msg("%s: two bodies for one message", codec->name);
}

/* A small generator, so that every run is the same. */
static inline uint32_t codec_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static inline void codec_check(const struct codec *codec)
{
    struct cs_buf body = CS_BUF_INIT(1 << 20), again = CS_BUF_INIT(1 << 20);
    uint8_t noise[128];

    codec->sample(&body);
    codec_check_whole(codec, &body);
    for (size_t i = 0; i < body.len * 8; i++) {
        body.data[i / 8] ^= (uint8_t)(1 << i % 8);
        codec_check_rubbish(codec, cs_buf_bytes(&body), &again);
        body.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (int round = 0; round < 4000; round++) {
        size_t len = codec_random() % sizeof(noise);

        /* Mostly small numbers: lengths that could be right reach further in. */
        for (size_t i = 0; i < len; i++)
            noise[i] = (uint8_t)(codec_random() % 3 ? codec_random() % 4 : codec_random());
        codec_check_rubbish(codec, CS_BYTES(noise, len), &again);
    }
    cs_buf_deinit(&body);
    cs_buf_deinit(&again);
}

#endif
