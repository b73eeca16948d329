/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that was built and not installed uses what was built with it: nobody tests one build
 * with the provider of another.
 */
#include "cli/installed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *beside; /* from the folder of this program, in a build */
    const char *installed;
} parts[] = {
    [CS_PART_PROVIDER] = {"../provider/countersign.so", CS_MODULES_DIR "/countersign.so"},
    [CS_PART_PRELOAD] = {"../preload/libcountersign-preload.so",
        CS_PRELOAD_DIR "/libcountersign-preload.so"},
    [CS_PART_PKCS11] = {"../pkcs11/countersign-pkcs11.so", CS_PKCS11_DIR "/countersign-pkcs11.so"},
    [CS_PART_AGENT] = {"../../agent/countersign-agent", CS_BIN_DIR "/countersign-agent"},
};

static bool is_beside(char path[PATH_MAX], const char *beside)
{
    char self[PATH_MAX], joined[2 * PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (len <= 0)
        return false;
    self[len] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    snprintf(joined, sizeof(joined), "%s/%s", self, beside);
    return access(joined, R_OK) == 0 && realpath(joined, path);
}

bool cs_installed_path(char path[PATH_MAX], enum cs_part part)
{
    if (is_beside(path, parts[part].beside))
        return true;
    snprintf(path, PATH_MAX, "%s", parts[part].installed);
    return access(path, R_OK) == 0;
}

bool cs_installed_p11_kit(char path[PATH_MAX])
{
    static const char *const files[] = {
        CS_P11_KIT_DIR "/countersign.module", "/etc/pkcs11/modules/countersign.module"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, PATH_MAX, "%s", files[i]);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}
