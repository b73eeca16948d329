/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's configuration for a program of `countersign run`. */
#ifndef CS_CLI_RUN_CONF_H
#define CS_CLI_RUN_CONF_H

#include "base/error.h"

/*
 * Makes $OPENSSL_CONF name a file that includes what was in force and activates the provider; does
 * nothing if that is active already.
 */
int cs_run_conf_set(struct cs_fault *fault);

#endif
