/* SPDX-License-Identifier: Apache-2.0 */
/* What a dialog says, and how it is carried to a pinentry. */
#ifndef CS_PROMPT_WORDS_H
#define CS_PROMPT_WORDS_H

#include "prompt/prompt.h"

struct cs_words {
    char description[896];
    char error[200]; /* empty: nothing went wrong */
};

/* Text that came from elsewhere, as one harmless line of UTF-8 in size bytes: what is no UTF-8, a
 * control character or one that turns the direction of writing becomes '?', and what is too long
 * ends in "...". */
void cs_words_clean(char *line, size_t size, struct cs_bytes text);

void cs_words_for(struct cs_words *words, const struct cs_prompt_request *request);

/* "command text" as an Assuan line of at most size - 1 bytes: percent, controls escaped; cut
 * between characters when it is too long. */
void cs_words_line(char *line, size_t size, const char *command, const char *text);

#endif
