/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our key managers must be called RSA, EC and so on, and to whoever asks for such a name without a
 * preference OpenSSL gives the one that it came to know first. Ours can neither generate nor import
 * keys: with ours first, key exchange and the reading of certificates end in the whole process.
 *
 * The order is that of loading, and not every program loads the default provider before us (curl's
 * --key-type PROV does not). So when OpenSSL is about to take our key managers in, it is made to
 * take in everybody else's: by fetching them, which it does by asking each provider in turn, us
 * too, and this question within the question gets the answer "nothing, and do not remember it".
 *
 * OpenSSL 3.0 also remembers what it fetched, and mistakes the answer to "EC, from this provider"
 * for the answer to "EC", unless it had asked for the latter before. So before the first question
 * for ours, which a key of ours brings about, each name is fetched once more.
 *
 * Where EVP_KEYMGMT_fetch is not to be found (core.c), nothing is done, and the order in
 * openssl.cnf decides.
 */
#include "provider/fetch.h"
#include "provider/core.h"

#include <pthread.h>
#include <string.h>

void cs_fetch_init(struct cs_provider *provider)
{
    static const char *const names[] = {
        "EVP_KEYMGMT_fetch", "EVP_KEYMGMT_free", "ERR_peek_last_error"};
    void *found[3];

    cs_core_find(provider, names, 3, found);
    memcpy(&provider->peek_last_error, &found[2], sizeof(found[2]));
    if (found[0] && found[1]) {
        memcpy(&provider->keymgmt_fetch, &found[0], sizeof(found[0]));
        memcpy(&provider->keymgmt_free, &found[1], sizeof(found[1]));
    }
}

static void fetch_each(struct cs_provider *provider)
{
    static const char *const names[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};
    void *libctx = provider->get_libctx(provider->queue.handle);

    if (!provider->keymgmt_fetch || !provider->keymgmt_free)
        return;
    cs_queue_mark(&provider->queue);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        void *keymgmt = provider->keymgmt_fetch(libctx, names[i], NULL);

        if (keymgmt)
            provider->keymgmt_free(keymgmt);
    }
    cs_queue_pop(&provider->queue); /* that there are no others is no error */
}

/* Notes that this thread fetches. Where there is no room for it, NULL. */
static atomic_uintptr_t *take_place(struct cs_provider *provider, uintptr_t self)
{
    for (size_t i = 0; i < CS_FETCHERS; i++) {
        uintptr_t nobody = 0;

        if (atomic_compare_exchange_strong(&provider->fetching[i], &nobody, self))
            return &provider->fetching[i];
    }
    return NULL;
}

static bool is_fetching(const struct cs_provider *provider, uintptr_t self)
{
    for (size_t i = 0; i < CS_FETCHERS; i++)
        if (atomic_load(&provider->fetching[i]) == self)
            return true;
    return false;
}

/* Each thread that asks before the others are in takes them in itself: an answer at once would put
 * ours first, and waiting for another thread could be waiting for itself. */
bool cs_fetch_others_first(struct cs_provider *provider)
{
    uintptr_t self = (uintptr_t)pthread_self();
    atomic_uintptr_t *place;

    if (!provider->get_libctx || atomic_load(&provider->fetched))
        return true;
    if (is_fetching(provider, self))
        return false;
    place = take_place(provider, self);
    if (!place)
        return true;
    fetch_each(provider);
    atomic_store(&provider->fetched, true);
    atomic_store(place, 0);
    return true;
}

void cs_fetch_again(struct cs_provider *provider)
{
    if (atomic_load(&provider->fetched))
        fetch_each(provider);
}
