/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is written whole or not at all. */
#ifndef CS_CLI_PEM_FILE_H
#define CS_CLI_PEM_FILE_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Puts content at path, mode 0600, by a new file in the same directory and a rename. A file that is
 * there already gives way if it is a key reference of ours with no private key in it, or with
 * force; a symbolic link only with force, and it is the link that is replaced. Anything else that
 * is no regular file never does.
 */
int cs_pem_file_write(
    const char *path, struct cs_bytes content, bool force, struct cs_fault *fault);

#endif
