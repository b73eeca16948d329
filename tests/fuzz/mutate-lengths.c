/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libFuzzer changes what has lengths in it: what is behind a length grows or shrinks, and the
 * length with it; frames are taken out, doubled and moved whole. Without it nearly every change of
 * size ends in a message that nobody reads to its end. A quarter of the changes is libFuzzer's own.
 */
#include "fuzz.h"

#include <countersign/protocol.h>
#include <stdbool.h>
#include <string.h>

#define GROWTH 40 /* at most, at once */
#define FRAMES_MAX 64

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

struct part {
    size_t at, len;
};

static size_t get_length(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static void put_length(uint8_t *at, size_t length)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(length >> (24 - 8 * i));
}

/* How many frames it is, 0 if it is not frames alone. */
static size_t find_frames(const uint8_t *data, size_t size, struct part frames[FRAMES_MAX])
{
    size_t n = 0, at = 0;

    while (at < size) {
        size_t left = size - at;

        if (n == FRAMES_MAX || left < CS_FRAME_HEADER ||
            get_length(data + at) > left - CS_FRAME_HEADER)
            return 0;
        frames[n] = (struct part){at, CS_FRAME_HEADER + get_length(data + at)};
        at += frames[n++].len;
    }
    return n;
}

/* Any four octets may be a length, if there is as much behind them. */
static bool find_length(const uint8_t *data, size_t size, unsigned int seed, struct part *content)
{
    for (unsigned int i = 0; i < 64 && size >= 4; i++) {
        size_t at = (seed + i) % (size - 3);
        size_t len = get_length(data + at);

        if (len > 0 && len <= size - at - 4) {
            *content = (struct part){at + 4, len};
            return true;
        }
    }
    return false;
}

static size_t resize(uint8_t *data, size_t size, size_t max, const struct part *content)
{
    struct part frames[FRAMES_MAX];
    size_t n = find_frames(data, size, frames);
    size_t after = content->at + content->len, room = max - (size - content->len), len;
    uint8_t *tail = malloc(size - after + 1);

    FUZZ_CHECK(tail);
    memcpy(tail, data + after, size - after);
    if (room > content->len + GROWTH)
        room = content->len + GROWTH;
    len = LLVMFuzzerMutate(data + content->at, content->len, room);
    memcpy(data + content->at + len, tail, size - after);
    free(tail);
    put_length(data + content->at - 4, len);
    for (size_t i = 0; i < n; i++)
        if (content->at >= frames[i].at + CS_FRAME_HEADER + 4 &&
            content->at < frames[i].at + frames[i].len)
            put_length(data + frames[i].at, frames[i].len - CS_FRAME_HEADER + len - content->len);
    return size - content->len + len;
}

/* Takes a frame out, or puts another one in front of it. */
static size_t rearrange(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
    struct part frames[FRAMES_MAX];
    size_t n = find_frames(data, size, frames);
    const struct part *here, *other;
    uint8_t *copy;

    if (n < 2)
        return LLVMFuzzerMutate(data, size, max);
    here = &frames[seed % n];
    other = &frames[seed / n % n];
    if (here == other || size + other->len > max) {
        memmove(data + here->at, data + here->at + here->len, size - here->at - here->len);
        return size - here->len;
    }
    copy = malloc(other->len);
    FUZZ_CHECK(copy);
    memcpy(copy, data + other->at, other->len);
    memmove(data + here->at + other->len, data + here->at, size - here->at);
    memcpy(data + here->at, copy, other->len);
    free(copy);
    return size + other->len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
    struct part content;

    if (seed % 4 == 1)
        return rearrange(data, size, max, seed / 4);
    if (seed % 4 > 1 && size <= max && find_length(data, size, seed / 4, &content))
        return resize(data, size, max, &content);
    return LLVMFuzzerMutate(data, size, max);
}
