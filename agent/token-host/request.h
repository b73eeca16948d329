/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent asks, handed to who does it. */
#ifndef CS_TOKEN_HOST_REQUEST_H
#define CS_TOKEN_HOST_REQUEST_H

#include "token-host/host.h"

/* The first job: loads the module, tells the agent, and scans. Ends the process if it fails. */
int cs_request_boot(struct cs_host *host);
/* A frame of the agent's. CS_ERR_PROTOCOL if it is none that a host can get. */
int cs_request_handle(struct cs_host *host, const struct cs_frame *frame);

#endif
