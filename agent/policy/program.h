/* SPDX-License-Identifier: Apache-2.0 */
/* A program that asks, as far as rules can name it. */
#ifndef CS_AGENT_PROGRAM_H
#define CS_AGENT_PROGRAM_H

#define CS_PROGRAM_PATH 1024
#define CS_PROGRAM_NAME 160

/* Each is "" where there is none, or it could not be established. */
struct cs_program {
    const char *doubt;          /* why path is "", and what to do; NULL when that is not known */
    char path[CS_PROGRAM_PATH]; /* of its executable, absolute, byte by byte as the kernel has it */
    char app[CS_PROGRAM_NAME];  /* "flatpak:ID" or "snap:NAME" */
    char unit[CS_PROGRAM_NAME]; /* the systemd unit: "backup.service" */
};

#endif
