/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of ELF as tells which libraries a file wants. Nothing in the file is believed: every
 * offset is checked against what could be read. ld.so --list would say the same, and would run the
 * loader that the file names.
 */
#include "cli/doctor/elf.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADERS_MAX 256
#define DYNAMIC_MAX 4096
#define STRINGS_MAX (16 * 1024 * 1024)

static bool read_at(int fd, void *data, size_t len, uint64_t offset)
{
    uint8_t *at = data;

    while (len > 0) {
        ssize_t n = offset <= INT64_MAX ? pread(fd, at, len, (off_t)offset) : -1;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

struct reading {
    int fd;
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[HEADERS_MAX];
    ElfW(Dyn) dynamic[DYNAMIC_MAX];
    size_t n_dynamic;
    char *strings;
    size_t n_strings;
};

static int read_headers(struct reading *reading)
{
    const ElfW(Ehdr) *header = &reading->header;

    if (!read_at(reading->fd, &reading->header, sizeof(reading->header), 0) ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return CS_ERR_UNSUPPORTED;
    if (header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header->e_ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
        return CS_ERR_UNSUPPORTED;
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phnum > HEADERS_MAX ||
        !read_at(
            reading->fd, reading->segments, header->e_phnum * sizeof(ElfW(Phdr)), header->e_phoff))
        return CS_ERR_INVALID;
    return 0;
}

static const ElfW(Phdr) * segment_of_type(const struct reading *reading, uint32_t type)
{
    for (size_t i = 0; i < reading->header.e_phnum; i++)
        if (reading->segments[i].p_type == type)
            return &reading->segments[i];
    return NULL;
}

/* Where in the file an address is. */
static bool offset_of(const struct reading *reading, uint64_t address, uint64_t *offset)
{
    for (size_t i = 0; i < reading->header.e_phnum; i++) {
        const ElfW(Phdr) *segment = &reading->segments[i];

        if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            address - segment->p_vaddr >= segment->p_filesz)
            continue;
        return !__builtin_add_overflow(segment->p_offset, address - segment->p_vaddr, offset);
    }
    return false;
}

/* No dynamic segment is no mistake: the program is static. */
static int read_dynamic(struct reading *reading)
{
    const ElfW(Phdr) *segment = segment_of_type(reading, PT_DYNAMIC);
    uint64_t address = 0, size = 0, offset;
    size_t n;

    if (!segment)
        return 0;
    n = segment->p_filesz / sizeof(ElfW(Dyn));
    if (n > DYNAMIC_MAX ||
        !read_at(reading->fd, reading->dynamic, n * sizeof(ElfW(Dyn)), segment->p_offset))
        return CS_ERR_INVALID;
    for (size_t i = 0; i < n && reading->dynamic[i].d_tag != DT_NULL; i++) {
        if (reading->dynamic[i].d_tag == DT_STRTAB)
            address = reading->dynamic[i].d_un.d_ptr;
        if (reading->dynamic[i].d_tag == DT_STRSZ)
            size = reading->dynamic[i].d_un.d_val;
        reading->n_dynamic = i + 1;
    }
    if (size == 0 || size > STRINGS_MAX || !offset_of(reading, address, &offset))
        return CS_ERR_INVALID;
    reading->strings = malloc(size + 1);
    if (!reading->strings || !read_at(reading->fd, reading->strings, size, offset))
        return CS_ERR_INVALID;
    reading->strings[size] = '\0';
    reading->n_strings = size;
    return 0;
}

static int take_strings(struct cs_elf *elf, const struct reading *reading)
{
    for (size_t i = 0; i < reading->n_dynamic; i++) {
        const ElfW(Dyn) *entry = &reading->dynamic[i];
        bool needed = entry->d_tag == DT_NEEDED;
        bool path = entry->d_tag == DT_RUNPATH || (entry->d_tag == DT_RPATH && !elf->path);
        char *text;

        if ((!needed && !path) || (needed && elf->n_needed == CS_ELF_NEEDED_MAX))
            continue;
        if (entry->d_un.d_val >= reading->n_strings)
            return CS_ERR_INVALID;
        text = strdup(reading->strings + entry->d_un.d_val);
        if (!text)
            return CS_ERR_MEMORY;
        if (needed) {
            elf->needed[elf->n_needed++] = text;
        } else {
            free(elf->path);
            elf->path = text;
        }
    }
    return 0;
}

int cs_elf_read(struct cs_elf *elf, const char *file)
{
    CS_AUTO(cs_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    CS_AUTO(cs_freep) struct reading *reading = calloc(1, sizeof(*reading));
    struct stat st;
    int r;

    *elf = (struct cs_elf){0};
    if (!reading)
        return CS_ERR_MEMORY;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return CS_ERR_NOT_FOUND;
    reading->fd = fd;
    r = read_headers(reading);
    if (r == 0)
        r = read_dynamic(reading);
    if (r == 0)
        r = take_strings(elf, reading);
    free(reading->strings);
    if (r < 0)
        cs_elf_deinit(elf);
    return r;
}

void cs_elf_deinit(struct cs_elf *elf)
{
    for (size_t i = 0; i < elf->n_needed; i++)
        free(elf->needed[i]);
    free(elf->path);
    *elf = (struct cs_elf){0};
}

int cs_elf_search(const char *file, const char *const *marks, bool *found)
{
    enum { CHUNK = 1 << 20, OVERLAP = 64 };
    CS_AUTO(cs_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    CS_AUTO(cs_freep) char *data = malloc(CHUNK + OVERLAP);
    size_t kept = 0;
    ssize_t n;

    if (!data)
        return CS_ERR_MEMORY;
    if (fd < 0)
        return CS_ERR_NOT_FOUND;
    while ((n = read(fd, data + kept, CHUNK)) > 0) {
        size_t len = kept + (size_t)n;

        for (size_t i = 0; marks[i]; i++)
            found[i] = found[i] || memmem(data, len, marks[i], strlen(marks[i]));
        kept = len < OVERLAP ? len : OVERLAP;
        memmove(data, data + len - kept, kept);
    }
    return 0;
}
