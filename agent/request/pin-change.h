/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of PINs under way, as far as a lock concerns them. */
#ifndef CS_AGENT_REQUEST_PIN_CHANGE_H
#define CS_AGENT_REQUEST_PIN_CHANGE_H

#include "service.h"

bool cs_pin_change_is_under_way(const struct cs_service *service, const struct cs_token *token);
/* The token is being locked. */
void cs_pin_change_cancel(struct cs_service *service, const struct cs_token *token);

#endif
