/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the host's OpenSSL. A caller's address tells which of several libraries it lies in,
 * however the library came: linked, by dlopen with local scope (Python, Perl, PHP), or as a copy of
 * some plug-in's own. Nothing is ever loaded that was not there.
 *
 * There are no locks, because a child forked meanwhile would find them locked for ever. The table
 * is published once, whole, and only read from then on.
 */
#include "preload/libssl.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(name) {#name, offsetof(struct cs_libssl, name)},
    CS_LIBSSL_FUNCTIONS(X) CS_LIBCRYPTO_FUNCTIONS(X)
#undef X
};

#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static _Atomic(struct cs_libssl *) served;

/* NULL for the program itself, whose OpenSSL does not come here, and for what is in no library. */
static const struct link_map *object_of(const void *address)
{
    Dl_info info;
    void *extra = NULL;
    const struct link_map *object;

    if (!address || !dladdr1(address, &info, &extra, RTLD_DL_LINKMAP))
        return NULL;
    object = extra;
    return object && object->l_name && *object->l_name ? object : NULL;
}

static void *open_loaded(const char *name)
{
    return dlopen(name, RTLD_NOLOAD | RTLD_LAZY | RTLD_LOCAL);
}

/* Object pointers become function pointers by memcpy, for ISO C knows no such cast. */
static bool find_in(void *library, const char *name, void *functionp)
{
    void *function = dlsym(library, name);

    memcpy(functionp, &function, sizeof(function));
    return function;
}

/*
 * The libcrypto that the library's calls go to: mostly the one that came with it. But as for the
 * dynamic linker one that the whole program has is first, if it has the names in that version.
 * NULL if there is none, as for another preload library, which has our one name alone.
 */
static void *open_libcrypto(void *library)
{
    static const char name[] = "CTLOG_STORE_free";
    static const char *const versions[] = {"OPENSSL_3.0.0", "OPENSSL_4.0.0"};
    const void *its = dlsym(library, name), *meant = its, *of_all;
    const struct link_map *object;

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (its && dlvsym(library, name, versions[i]) == its &&
            (of_all = dlvsym(RTLD_DEFAULT, name, versions[i])))
            meant = of_all;
    object = object_of(meant);
    return object ? open_loaded(object->l_name) : NULL;
}

/* Lets go of it; the host's own reference keeps it. */
static void close_loaded(void *library)
{
    if (library)
        dlclose(library);
}

static bool find_original(const char *library_name, void *functionp)
{
    void *library = open_loaded(library_name);
    void *libcrypto = library ? open_libcrypto(library) : NULL;
    bool found = libcrypto && find_in(libcrypto, "CTLOG_STORE_new_ex", functionp);

    close_loaded(libcrypto);
    close_loaded(library);
    return found;
}

/*
 * Up to OpenSSL 3.5 libcrypto's functions come here too when they call each other. If that was
 * their last act, the address is the one they return to, which may be anybody's (libffi's).
 */
cs_libssl_store_new *cs_libssl_original(const void *caller)
{
    const struct link_map *object = object_of(caller);
    cs_libssl_store_new *function = NULL;

    if (!(object && find_original(object->l_name, &function)) &&
        !find_in(RTLD_NEXT, "CTLOG_STORE_new_ex", &function))
        find_original("libcrypto.so.3", &function);
    return function;
}

/* Whether the library is a libssl itself, and does not only depend on one. */
static bool is_libssl(void *library, const struct link_map *object)
{
    return object_of(dlsym(library, "SSL_CTX_new_ex")) == object;
}

static struct cs_libssl *make(const struct link_map *object)
{
    void *library = open_loaded(object->l_name);
    struct cs_libssl *table = library ? calloc(1, sizeof(*table)) : NULL;
    void *libcrypto = table && is_libssl(library, object) ? open_libcrypto(library) : NULL;
    bool whole = libcrypto;

    for (size_t i = 0; whole && i < N_FUNCTIONS; i++) {
        void *place = (char *)table + functions[i].offset;

        whole = find_in(libcrypto, functions[i].name, place) ||
                find_in(library, functions[i].name, place);
    }
    if (whole) {
        table->object = object;
        return table; /* and the libraries stay open */
    }
    free(table);
    close_loaded(libcrypto);
    close_loaded(library);
    return NULL;
}

const struct cs_libssl *cs_libssl_of(const void *caller)
{
    const struct link_map *object = object_of(caller);
    struct cs_libssl *found = atomic_load(&served);
    struct cs_libssl *made;

    if (!object)
        return NULL;
    if (!found) {
        made = make(object);
        if (made && atomic_compare_exchange_strong(&served, &found, made))
            found = made;
        else
            free(made); /* another thread was faster, and found is what it made */
    }
    return found && found->object == object ? found : NULL;
}

const struct cs_libssl *cs_libssl_served(void)
{
    return atomic_load(&served);
}
