/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL does not hand to a provider is found by name, at run time, in the very libcrypto
 * that loaded us: this module links none, and a process may hold several, one of them inside the
 * program itself. Called by fetch.c and verify.c, which do without where it is not to be found.
 */
#include "provider/core.h"

#include <dlfcn.h>
#include <link.h>

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

void cs_core_find(
    const struct cs_provider *provider, const char *const names[], size_t n, void *found[])
{
    /* Any function of the core tells which object the core is. (dladdr would, too, but it looks at
     * all symbols on the way.) */
    struct object object = {.address = (uintptr_t)provider->get_libctx};
    void *handle = NULL;

    if (provider->get_libctx && dl_iterate_phdr(holds_address, &object))
        handle = object.name && *object.name ? dlopen(object.name, RTLD_LAZY | RTLD_NOLOAD)
                                             : dlopen(NULL, RTLD_LAZY); /* the program itself */
    for (size_t i = 0; i < n; i++)
        found[i] = function_of(&object, handle, names[i]);
    if (handle)
        dlclose(handle);
}
