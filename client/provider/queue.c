/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors for the host program. An entry of OpenSSL's queue has a reason, whose text is looked up by
 * number, and data, which is free text; many programs (curl, node) print the reason alone. So that
 * they print our sentence, a sentence gets a reason number of its own: the numbers and the places
 * of their texts are handed to OpenSSL at the start, and a place is filled when its sentence is
 * first said. A place that is filled never changes, so that any thread may print it at any time.
 * When all are taken, the reason is the catalogue's and the sentence goes into the data; so does a
 * long sentence, of which the reason has the beginning.
 */
#include "provider/queue.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EMPTY, BUSY, READY };

#define ELLIPSIS "..."
#define TEXT_REASON 64 /* the number of the first sentence; below are the catalogue's codes */

_Static_assert(-CS_ERR_CLOSED < TEXT_REASON, "the catalogue's codes stay below the sentences");
_Static_assert(sizeof(struct cs_fault) == sizeof(struct countersign_fault), "one fault, two names");

static void init_reasons(struct cs_queue *queue)
{
    OSSL_ITEM *item = queue->reasons;

    for (int code = 1; code <= -CS_ERR_CLOSED; code++)
        *item++ = (OSSL_ITEM){(unsigned)code, (void *)cs_error_text(-code)};
    for (unsigned i = 0; i < CS_QUEUE_TEXTS; i++)
        *item++ = (OSSL_ITEM){TEXT_REASON + i, queue->texts[i].text};
    *item = (OSSL_ITEM){0, NULL};
}

void cs_queue_init(struct cs_queue *queue, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    queue->handle = handle;
    for (; in->function_id; in++)
        switch (in->function_id) {
        case OSSL_FUNC_CORE_NEW_ERROR:
            queue->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            queue->set_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            queue->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_MARK:
            queue->set_mark = OSSL_FUNC_core_set_error_mark(in);
            break;
        case OSSL_FUNC_CORE_POP_ERROR_TO_MARK:
            queue->pop_to_mark = OSSL_FUNC_core_pop_error_to_mark(in);
            break;
        }
    init_reasons(queue);
}

void cs_queue_mark(struct cs_queue *queue)
{
    if (queue->set_mark && queue->pop_to_mark)
        queue->set_mark(queue->handle);
}

void cs_queue_pop(struct cs_queue *queue)
{
    if (queue->set_mark && queue->pop_to_mark)
        queue->pop_to_mark(queue->handle);
}

/* A long one is cut between two characters. */
static void put_text(struct cs_queue_text *place, const char *sentence)
{
    size_t len = strlen(sentence), cut = sizeof(place->text) - sizeof(ELLIPSIS);

    if (len < sizeof(place->text)) {
        memcpy(place->text, sentence, len);
        return;
    }
    while (cut > 0 && ((unsigned char)sentence[cut] & 0xc0) == 0x80)
        cut--;
    memcpy(place->text, sentence, cut);
    memcpy(place->text + cut, ELLIPSIS, sizeof(ELLIPSIS));
}

/* Whether the place has the sentence, or as much of it as would fit. */
static bool has_text(const struct cs_queue_text *place, const char *sentence)
{
    struct cs_queue_text cut = {0};

    put_text(&cut, sentence);
    return strcmp(place->text, cut.text) == 0;
}

/* The number of a sentence, or 0 when there is no place for it. No lock: a thread that finds a
 * place being written takes the next one. */
static unsigned text_reason(struct cs_queue *queue, const char *sentence)
{
    for (unsigned i = 0; i < CS_QUEUE_TEXTS; i++) {
        struct cs_queue_text *place = &queue->texts[i];
        int state = atomic_load_explicit(&place->state, memory_order_acquire);

        if (state == EMPTY && atomic_compare_exchange_strong(&place->state, &state, BUSY)) {
            put_text(place, sentence);
            atomic_store_explicit(&place->state, READY, memory_order_release);
            return TEXT_REASON + i;
        }
        if (state == READY && has_text(place, sentence))
            return TEXT_REASON + i;
    }
    return 0;
}

static void set_error(struct cs_queue *queue, unsigned reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    queue->vset_error(queue->handle, reason, format, args);
    va_end(args);
}

int cs_queue_raise(struct cs_queue *queue, const char *file, int line, const char *function,
    int code, const char *format, ...)
{
    char sentence[sizeof(((struct cs_fault *)0)->text)];
    unsigned reason;
    va_list args;

    if (!queue->new_error || !queue->vset_error)
        return 0;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    reason = text_reason(queue, sentence);
    queue->new_error(queue->handle);
    if (queue->set_debug)
        queue->set_debug(queue->handle, file, line, function);
    if (reason && strlen(sentence) < CS_QUEUE_TEXT_SIZE)
        set_error(queue, reason, NULL);
    else
        set_error(queue, reason ? reason : cs_error_to_wire(code), "%s", sentence);
    return 0;
}

void cs_queue_raise_again(struct cs_queue *queue, unsigned long error)
{
    if (!queue->new_error || !queue->vset_error)
        return;
    queue->new_error(queue->handle);
    set_error(queue, (unsigned)ERR_GET_REASON(error), NULL);
}
