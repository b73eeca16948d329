/* SPDX-License-Identifier: Apache-2.0 */
/* What a token says of itself (CK_TOKEN_INFO), and what sentences call it for that. */
#ifndef CS_TOKEN_HOST_TOKEN_INFO_H
#define CS_TOKEN_HOST_TOKEN_INFO_H

#include "token-host/module.h"
#include "base/buf.h"

/* C_GetTokenInfo, with its texts padded with blanks, as PKCS#11 wants them. */
CK_RV cs_token_info_get(struct cs_module *module, CK_SLOT_ID slot, CK_TOKEN_INFO *info);

/* A padded text without what pads it. Borrowed from field. */
struct cs_bytes cs_token_info_text(const CK_UTF8CHAR *field, size_t size);
#define CS_TOKEN_INFO_TEXT(field) cs_token_info_text(field, sizeof(field))

/* Whether both are about one token. */
bool cs_token_info_is(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b);

struct cs_token_words {
    char name[160];   /* harmless */
    char unlock[184]; /* the command that unlocks it */
};

/* What its label is enough for, and for when that does not tell it from others. */
void cs_token_info_words(
    const CK_TOKEN_INFO *info, struct cs_token_words *by_label, struct cs_token_words *by_serial);

#endif
