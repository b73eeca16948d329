/* SPDX-License-Identifier: Apache-2.0 */
/* The version of what the agent, its token hosts and prompts say to each other. */
#ifndef CS_AGENT_TALK_H
#define CS_AGENT_TALK_H

#include <stdbool.h>

/*
 * They come from one build, but an upgrade replaces them under a running agent. So each is started
 * with --talk and this, and one of another version ends with CS_EXIT_USAGE before it reads a
 * message: who started it says so. Goes up by one when a message of token-host/host-message.h or
 * prompt/prompt.h has another form or meaning, or the command line of either program.
 */
#define CS_TALK_VERSION "5"

/* Whether a program that was started with this understands who did so; if not, that is said on
 * standard error. */
bool cs_talk_is_ours(const char *program, const char *version);

#endif
