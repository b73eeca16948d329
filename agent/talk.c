/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"
#include "base/renewed.h"

#include <stdio.h>
#include <string.h>

bool cs_talk_is_ours(const char *program, const char *version)
{
    if (strcmp(version, CS_TALK_VERSION) == 0)
        return true;
    fprintf(stderr, "%s: what started this is of another version%s\n", program, CS_RENEWED_HINT);
    return false;
}
