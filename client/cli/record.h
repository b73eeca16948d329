/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's record of uses, read from the oldest line on. */
#ifndef CS_CLI_RECORD_H
#define CS_CLI_RECORD_H

#include "base/cleanup.h"
#include "base/error.h"

#include <json-c/json_object.h>
#include <stdbool.h>

struct cs_record;

/* CS_ERR_NOT_FOUND when there is none yet, unless it is waited for. Needs no agent. */
int cs_record_new(struct cs_record **recordp, bool wait, struct cs_fault *fault);
void cs_record_free(struct cs_record *record);
CS_DEFINE_CLEANUP(struct cs_record *, cs_record_free);

/* The next line, for json_object_put; NULL when there is none for now. What is no JSON object, as
 * a line that a full disk cut short, is passed over. */
struct json_object *cs_record_next(struct cs_record *record);
/* Waits until there may be more, also when the file has been put aside and another begun. */
void cs_record_wait(struct cs_record *record);

#endif
