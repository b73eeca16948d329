/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of OpenSSL: what one says of providers, and one that adds ours to it. */
#ifndef CS_CLI_SETUP_OPENSSL_CONF_H
#define CS_CLI_SETUP_OPENSSL_CONF_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

/* $OPENSSL_CONF, made absolute, else the one of this OpenSSL. There need not be such a file. */
void cs_openssl_conf_path(char path[PATH_MAX], bool *from_environmentp);
void cs_openssl_conf_default(char path[PATH_MAX]);

struct cs_openssl_conf {
    bool active;           /* our provider is activated, */
    bool default_active;   /* and so is OpenSSL's own, */
    bool for_node;         /* also for node */
    char module[PATH_MAX]; /* of ours; "" if it is found by its name */
};

/* CS_ERR_NOT_FOUND without such a file, CS_ERR_CONFIG with file and line. */
int cs_openssl_conf_read(struct cs_openssl_conf *conf, const char *path, struct cs_fault *fault);

/* A configuration that includes the one at base, if there is one, and activates the provider at
 * this path beside those that are active in it. To be freed. */
int cs_openssl_conf_extend(
    char **textp, const char *base, const char *provider, struct cs_fault *fault);

#endif
