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
 * EVP_KEYMGMT_fetch, and what else is called here by name, is found at run time in the very
 * libcrypto that loaded us, for this module links none and a process may hold several, one of them
 * inside the program itself. Where it is not to be found, nothing is done, and the order in
 * openssl.cnf decides.
 */
#include "provider/fetch.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

/* A loaded object: its name, and the segment with a certain address in it. */
struct object {
    uintptr_t address, low, high;
    const char *name;
};

static int holds_address(struct dl_phdr_info *info, size_t size, void *data)
{
    struct object *object = data;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t low = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t high = low + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type != PT_LOAD || object->address < low ||
            object->address >= high)
            continue;
        object->low = low;
        object->high = high;
        object->name = info->dlpi_name;
        return 1;
    }
    return 0;
}

/* A function of the object, whose code lies in one segment; NULL for another object's. */
static void *function_of(const struct object *object, void *handle, const char *name)
{
    void *symbol = handle ? dlsym(handle, name) : NULL;

    return (uintptr_t)symbol >= object->low && (uintptr_t)symbol < object->high ? symbol : NULL;
}

static void find_functions(struct cs_provider *provider)
{
    /* Any function of the core tells which object the core is. (dladdr would, too, but it looks at
     * all symbols on the way.) */
    struct object object = {.address = (uintptr_t)provider->get_libctx};
    void *handle, *fetch, *release, *peek;

    if (!dl_iterate_phdr(holds_address, &object))
        return;
    if (object.name && *object.name)
        handle = dlopen(object.name, RTLD_LAZY | RTLD_NOLOAD);
    else /* the program itself */
        handle = dlopen(NULL, RTLD_LAZY);
    fetch = function_of(&object, handle, "EVP_KEYMGMT_fetch");
    release = function_of(&object, handle, "EVP_KEYMGMT_free");
    peek = function_of(&object, handle, "ERR_peek_last_error");
    memcpy(&provider->peek_last_error, &peek, sizeof(peek));
    if (fetch && release) {
        memcpy(&provider->keymgmt_fetch, &fetch, sizeof(fetch));
        memcpy(&provider->keymgmt_free, &release, sizeof(release));
    }
    if (handle)
        dlclose(handle);
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

bool cs_fetch_others_first(struct cs_provider *provider)
{
    uintptr_t self = (uintptr_t)pthread_self(), nobody = 0;

    if (!provider->get_libctx || atomic_load(&provider->fetched))
        return true;
    /* A second thread that asks at the same moment is answered at once: waiting here could be
     * waiting for itself. */
    if (!atomic_compare_exchange_strong(&provider->fetching, &nobody, self))
        return nobody != self;
    if (!atomic_load(&provider->fetched)) {
        find_functions(provider);
        fetch_each(provider);
        atomic_store(&provider->fetched, true);
    }
    atomic_store(&provider->fetching, 0);
    return true;
}

void cs_fetch_again(struct cs_provider *provider)
{
    if (atomic_load(&provider->fetched))
        fetch_each(provider);
}
