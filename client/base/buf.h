/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of messages: a growing buffer to write, a cursor to read, both with a sticky
 * error. */
#ifndef CS_BASE_BUF_H
#define CS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes. */
struct cs_bytes {
    const uint8_t *data;
    size_t len;
};

#define CS_BYTES(pointer, length) ((struct cs_bytes){(const uint8_t *)(pointer), (length)})
struct cs_bytes cs_bytes_of(const char *string);
bool cs_bytes_equal(struct cs_bytes a, struct cs_bytes b);
/* An order of bytes, in which the shorter ones come first: less than, equal to or more than 0. */
int cs_bytes_compare(struct cs_bytes a, struct cs_bytes b);
/* How many bytes the UTF-8 character at the front takes; 0 if it is none. */
size_t cs_bytes_utf8(struct cs_bytes bytes);
/* The same, and which character it is. */
size_t cs_bytes_character(struct cs_bytes bytes, uint32_t *characterp);
/* Whether all of it is UTF-8 without zeros: a string of the protocol. */
bool cs_bytes_is_string(struct cs_bytes bytes);
/* A copy with a zero behind it; NULL when there is no memory. */
char *cs_bytes_dup(struct cs_bytes bytes);
/* A copy in the room at *atp, which then is what is behind it. */
struct cs_bytes cs_bytes_store(struct cs_bytes bytes, uint8_t **atp);

/* The first failed put sets error; later puts do nothing. Check once, at the end. */
struct cs_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* no growth beyond it */
    int error;
};

#define CS_BUF_INIT(limit) ((struct cs_buf){.max = (limit)})
/* In an array of the caller's: for what must be said even when there is no memory. Not to be
 * deinitialised. */
#define CS_BUF_IN(array)                                                                           \
    ((struct cs_buf){.data = (array), .cap = sizeof(array), .max = sizeof(array)})
void cs_buf_deinit(struct cs_buf *buf);
void cs_buf_reset(struct cs_buf *buf);
struct cs_bytes cs_buf_bytes(const struct cs_buf *buf);

/* Room for len bytes at the end, or NULL; the bytes count at once. */
uint8_t *cs_buf_extend(struct cs_buf *buf, size_t len);
/* Drops len bytes at the front. */
void cs_buf_consume(struct cs_buf *buf, size_t len);

void cs_buf_put(struct cs_buf *buf, const void *data, size_t len);
void cs_buf_put_u8(struct cs_buf *buf, uint8_t value);
void cs_buf_put_u16(struct cs_buf *buf, uint16_t value);
void cs_buf_put_u32(struct cs_buf *buf, uint32_t value);
void cs_buf_put_u64(struct cs_buf *buf, uint64_t value);
/* A u32 length and the bytes. */
void cs_buf_put_bytes(struct cs_buf *buf, struct cs_bytes bytes);
void cs_buf_put_string(struct cs_buf *buf, const char *string);
/* Overwrites four bytes at offset; for lengths and counts that are known later. */
void cs_buf_set_u32(struct cs_buf *buf, size_t offset, uint32_t value);

/* The first failed get sets error; later gets give zero and empty. Check once, with cs_reader_end.
 */
struct cs_reader {
    const uint8_t *data;
    size_t left;
    int error;
};

struct cs_reader cs_reader_of(struct cs_bytes bytes);
uint8_t cs_get_u8(struct cs_reader *reader);
uint16_t cs_get_u16(struct cs_reader *reader);
uint32_t cs_get_u32(struct cs_reader *reader);
uint64_t cs_get_u64(struct cs_reader *reader);
struct cs_bytes cs_get_raw(struct cs_reader *reader, size_t len);
struct cs_bytes cs_get_bytes(struct cs_reader *reader);
/* As bytes, but valid UTF-8 without zeros. */
struct cs_bytes cs_get_string(struct cs_reader *reader);
/* A count of entries that take at least `least` bytes each: more than could be there is an error.
 */
uint32_t cs_get_count(struct cs_reader *reader, size_t least);
/* 0, or the sticky error; a byte left over is CS_ERR_PROTOCOL. */
int cs_reader_end(const struct cs_reader *reader);

#endif
