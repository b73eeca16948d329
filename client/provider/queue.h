/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's error queue, where the host program looks for what went wrong. */
#ifndef CS_PROVIDER_QUEUE_H
#define CS_PROVIDER_QUEUE_H

#include "base/error.h"

#include <countersign/countersign.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <stdatomic.h>

#define CS_QUEUE_TEXTS 16
/* curl shows an error as bare numbers when it does not fit, with what OpenSSL puts before it, into
 * 256 octets less, in some releases, the name and version of OpenSSL. */
#define CS_QUEUE_TEXT_SIZE 200

/* Sentences that became reasons: written once, never changed. */
struct cs_queue_text {
    atomic_int state;
    char text[CS_QUEUE_TEXT_SIZE];
};

struct cs_queue {
    const OSSL_CORE_HANDLE *handle;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_core_set_error_mark_fn *set_mark;
    OSSL_FUNC_core_pop_error_to_mark_fn *pop_to_mark;
    OSSL_ITEM reasons[-CS_ERR_CLOSED + CS_QUEUE_TEXTS + 1];
    struct cs_queue_text texts[CS_QUEUE_TEXTS];
};

void cs_queue_init(struct cs_queue *queue, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in);

/* What is raised between the two is forgotten. */
void cs_queue_mark(struct cs_queue *queue);
void cs_queue_pop(struct cs_queue *queue);

/* Raise with the sentence given, or with that of a fault, or with the catalogue's. Return 0, as
 * OpenSSL's functions do when they fail. */
#define cs_raise(queue, code, ...)                                                                 \
    cs_queue_raise((queue), __FILE__, __LINE__, __func__, (code), __VA_ARGS__)
#define cs_raise_fault(queue, fault, code)                                                         \
    cs_raise((queue), (code), "%s",                                                                \
        cs_fault_text((const struct cs_fault *)(const void *)(fault), (code)))

int cs_queue_raise(struct cs_queue *queue, const char *file, int line, const char *function,
    int code, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Raises what was raised once, by the number that it has in OpenSSL's queue. */
void cs_queue_raise_again(struct cs_queue *queue, unsigned long error);

#endif
