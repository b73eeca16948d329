/* SPDX-License-Identifier: Apache-2.0 */
/* INI files, read with inih, line numbers kept: our own configuration and p11-kit's. */
#ifndef CS_AGENT_SETTINGS_H
#define CS_AGENT_SETTINGS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/stat.h>

struct cs_setting {
    const char *file;
    int line;
    const char *section; /* as between the brackets; "" before the first header */
    const char *name;    /* NULL: a section without any; line is that of its header */
    const char *value;
    bool goes_on; /* more of the value of the setting before this one */
};

/* 0, or an error whose sentence names file and line; that ends the reading. */
typedef int cs_settings_handler(
    void *user, const struct cs_setting *setting, struct cs_fault *fault);

/* Hands every setting of the file over, and every section that has none. A missing file is
 * CS_ERR_NOT_FOUND, others are CS_ERR_CONFIG with a sentence. */
int cs_settings_read(
    const char *path, cs_settings_handler *handler, void *user, struct cs_fault *fault);

/* CS_ERR_CONFIG: names file, line, setting and value, and says how to mend it. */
int cs_setting_refuse(const struct cs_setting *at, struct cs_fault *fault, const char *mend);

/* CS_ERR_CONFIG: says why a file or directory cannot be read; errno has it. */
int cs_settings_refuse_unreadable(const char *path, struct cs_fault *fault);

/* CS_ERR_CONFIG if the file belongs to another user, or everybody may write to it: a configuration
 * names code that is loaded, programs that are run, and who the user is. name: of the file in the
 * sentence. */
int cs_settings_check_owner(
    const char *name, const char *path, const struct stat *st, struct cs_fault *fault);

/* "yes", "true", "on", "no" ...; CS_ERR_INVALID. */
int cs_settings_boolean(const char *value, bool *valuep);

#endif
