/* SPDX-License-Identifier: Apache-2.0 */
/* What a program is linked to, read from its file: it is never run. */
#ifndef CS_CLI_DOCTOR_ELF_H
#define CS_CLI_DOCTOR_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CS_ELF_NEEDED_MAX 128

struct cs_elf {
    size_t n_needed;
    char *needed[CS_ELF_NEEDED_MAX];
    char *path; /* RUNPATH, or the older RPATH; or NULL */
};

/* 0; CS_ERR_NOT_FOUND if the file cannot be read; CS_ERR_UNSUPPORTED if it is no ELF file of this
 * machine's kind; CS_ERR_INVALID if it is damaged. */
int cs_elf_read(struct cs_elf *elf, const char *file);
void cs_elf_deinit(struct cs_elf *elf);

/* Which of these texts the file has in it; marks ends with NULL. CS_ERR_NOT_FOUND as above. */
int cs_elf_search(const char *file, const char *const *marks, bool *found);

/* Where the loader finds a library that file needs; elf is that file's. False if nowhere. */
bool cs_elf_find(
    char path[PATH_MAX], const char *library, const char *file, const struct cs_elf *elf);

#endif
