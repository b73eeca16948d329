/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of Countersign lie that other programs load. */
#ifndef CS_CLI_INSTALLED_H
#define CS_CLI_INSTALLED_H

#include <limits.h>
#include <stdbool.h>

enum cs_part { CS_PART_PROVIDER, CS_PART_PRELOAD, CS_PART_PKCS11, CS_PART_AGENT };

/*
 * The absolute path of a part: in a build that is not installed, the one beside this program; else
 * the one that was installed. False if there is no file at that path.
 */
bool cs_installed_path(char path[PATH_MAX], enum cs_part part);
/* The file by which p11-kit knows the module, for every user; false if there is none. */
bool cs_installed_p11_kit(char path[PATH_MAX]);

#endif
