/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator whose memory is locked, left out of core dumps and wiped when freed, for libassuan.
 */
#ifndef CS_PROMPT_VAULT_H
#define CS_PROMPT_VAULT_H

#include <assuan.h>

extern struct assuan_malloc_hooks cs_vault_hooks;

#endif
