/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libassuan reads a PIN into line buffers inside its context. The context is allocated here, so
 * the buffers are as safe as a cs_secret. It makes few allocations, so each has pages of its own.
 */
#include "prompt/vault.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

union header {
    size_t size; /* of the mapping */
    max_align_t align;
};

static void *vault_malloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    union header *header;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + sizeof(*header) + page - 1) / page * page;
    header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (header == MAP_FAILED)
        return NULL;
    if (mlock(header, size) < 0)
        cs_log_errno(CS_LOG_WARNING, "cannot lock memory for a PIN (raise RLIMIT_MEMLOCK)");
    madvise(header, size, MADV_DONTDUMP);
    header->size = size;
    return header + 1;
}

static void vault_free(void *data)
{
    union header *header = data ? (union header *)data - 1 : NULL;
    size_t size;

    if (!header)
        return;
    size = header->size;
    cs_wipe(header, size);
    munmap(header, size);
}

static void *vault_realloc(void *data, size_t size)
{
    void *copy = vault_malloc(size);
    size_t room;

    if (!copy || !data)
        return copy;
    room = ((union header *)data - 1)->size - sizeof(union header);
    memcpy(copy, data, room < size ? room : size);
    vault_free(data);
    return copy;
}

struct assuan_malloc_hooks cs_vault_hooks = {vault_malloc, vault_realloc, vault_free};
