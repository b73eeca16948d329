/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the loader finds libraries: the paths in the file that needs one, LD_LIBRARY_PATH, the
 * cache that ldconfig(8) made of the system's folders, and the folders that are always searched.
 */
#include "cli/doctor/elf.h"
#include "base/cleanup.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CACHE "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"

/* Of glibc, since 2.2; described in its dl-cache.h. */
struct cache_header {
    char magic[20];
    uint32_t n;
    uint32_t strings_size;
    uint32_t unused[5];
};
struct cache_entry {
    int32_t flags;
    uint32_t name, path; /* from the header on */
    uint32_t os_version;
    uint64_t hardware;
};

static bool is_of_this_kind(const char *path)
{
    struct cs_elf elf;
    bool is = cs_elf_read(&elf, path) == 0;

    if (is)
        cs_elf_deinit(&elf);
    return is;
}

/* The cache's string at an offset, or "". */
static const char *string_at(const char *cache, size_t size, uint32_t offset)
{
    return offset < size && memchr(cache + offset, '\0', size - offset) ? cache + offset : "";
}

static bool search_cache(char path[PATH_MAX], const char *library, const char *cache, size_t size)
{
    struct cache_header header;

    if (size < sizeof(header))
        return false;
    memcpy(&header, cache, sizeof(header));
    if (memcmp(header.magic, CACHE_MAGIC, strlen(CACHE_MAGIC)) != 0 ||
        header.n > (size - sizeof(header)) / sizeof(struct cache_entry))
        return false;
    for (uint32_t i = 0; i < header.n; i++) {
        struct cache_entry entry;

        memcpy(&entry, cache + sizeof(header) + i * sizeof(entry), sizeof(entry));
        if (strcmp(string_at(cache, size, entry.name), library) != 0)
            continue;
        snprintf(path, PATH_MAX, "%s", string_at(cache, size, entry.path));
        if (is_of_this_kind(path))
            return true;
    }
    return false;
}

static bool find_in_cache(char path[PATH_MAX], const char *library)
{
    CS_AUTO(cs_closep) int fd = open(CACHE, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *cache;
    bool found;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
        return false;
    cache = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (cache == MAP_FAILED)
        return false;
    found = search_cache(path, library, cache, (size_t)st.st_size);
    munmap(cache, (size_t)st.st_size);
    return found;
}

/* One folder of a list, with $ORIGIN for that of the file. */
static void expand(char out[PATH_MAX], const char *folder, size_t len, const char *file)
{
    char copy[PATH_MAX], text[PATH_MAX];
    const char *origin, *rest = text;

    snprintf(copy, sizeof(copy), "%s", file);
    origin = dirname(copy);
    snprintf(text, sizeof(text), "%.*s", (int)len, folder);
    if (strncmp(rest, "$ORIGIN", 7) == 0)
        rest += 7;
    else if (strncmp(rest, "${ORIGIN}", 9) == 0)
        rest += 9;
    else
        origin = "";
    if (snprintf(out, PATH_MAX, "%s%s", origin, rest) >= PATH_MAX)
        out[0] = '\0';
}

static bool find_in_list(
    char path[PATH_MAX], const char *library, const char *list, const char *file)
{
    while (list && *list) {
        size_t len = strcspn(list, ":");
        char folder[PATH_MAX];

        expand(folder, list, len, file);
        if (len > 0 && snprintf(path, PATH_MAX, "%s/%s", folder, library) < PATH_MAX &&
            is_of_this_kind(path))
            return true;
        list += len + (list[len] == ':');
    }
    return false;
}

/* Where this program's own C library lies, the others do, too. */
static bool find_beside_libc(char path[PATH_MAX], const char *library)
{
    char folder[PATH_MAX];
    Dl_info info;

    if (dladdr((void *)(uintptr_t)&snprintf, &info) == 0 || !info.dli_fname)
        return false;
    snprintf(folder, sizeof(folder), "%s", info.dli_fname);
    return find_in_list(path, library, dirname(folder), "");
}

bool cs_elf_find(
    char path[PATH_MAX], const char *library, const char *file, const struct cs_elf *elf)
{
    if (strchr(library, '/')) {
        snprintf(path, PATH_MAX, "%s", library);
        return is_of_this_kind(path);
    }
    return find_in_list(path, library, elf->path, file) ||
           find_in_list(path, library, getenv("LD_LIBRARY_PATH"), file) ||
           find_in_cache(path, library) || find_beside_libc(path, library) ||
           find_in_list(path, library, "/lib64:/usr/lib64:/lib:/usr/lib", "");
}
