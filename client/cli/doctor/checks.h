/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor looks at. */
#ifndef CS_CLI_DOCTOR_CHECKS_H
#define CS_CLI_DOCTOR_CHECKS_H

#include "cli/doctor/findings.h"

/* The socket, the agent behind it, its modules, tokens and identities. */
void cs_doctor_agent(struct cs_findings *findings, struct cs_cli *cli);
/* The agent's configuration: what is wrong in it, and where. */
void cs_doctor_config(struct cs_findings *findings);
/* The provider, and the configuration that tells OpenSSL of it. */
void cs_doctor_openssl(struct cs_findings *findings);
/* The way by which a program reaches the keys. CS_ERR_NOT_FOUND: there is no such program. */
int cs_doctor_program(struct cs_findings *findings, const char *name, struct cs_fault *fault);

#endif
