/* SPDX-License-Identifier: Apache-2.0 */
/* The plans of the targets. */
#ifndef CS_CLI_SETUP_TARGETS_H
#define CS_CLI_SETUP_TARGETS_H

#include "cli/setup/setup.h"

int cs_target_openssl(struct cs_setup *setup);
int cs_target_session(struct cs_setup *setup);
int cs_target_curl(struct cs_setup *setup);
int cs_target_git(struct cs_setup *setup);
int cs_target_wget(struct cs_setup *setup);
int cs_target_openconnect(struct cs_setup *setup);
int cs_target_python(struct cs_setup *setup);
int cs_target_node(struct cs_setup *setup);
int cs_target_nginx(struct cs_setup *setup);
int cs_target_psql(struct cs_setup *setup);
int cs_target_chromium(struct cs_setup *setup);
int cs_target_firefox(struct cs_setup *setup);
int cs_target_thunderbird(struct cs_setup *setup);
int cs_target_p11_kit(struct cs_setup *setup);
int cs_target_java(struct cs_setup *setup);
int cs_target_openvpn(struct cs_setup *setup);
int cs_target_ssh(struct cs_setup *setup);

#endif
