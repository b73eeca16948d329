/* SPDX-License-Identifier: Apache-2.0 */
/* An upgrade replaces our programs while some of them run, and old and new may not understand each
 * other: the agent speaks with its token hosts and with the prompt in words of one version. */
#ifndef CS_BASE_RENEWED_H
#define CS_BASE_RENEWED_H

/* The end of a sentence about a program of ours that is of another version than this one. */
#define CS_RENEWED_HINT                                                                            \
    "; Countersign was renewed since the agent started: restart it with 'systemctl --user "        \
    "restart countersign-agent.service' or as it was started"

/* The end of a sentence about another program of ours that made no sense: that hint if this one was
 * replaced on disk since it started; otherwise "". */
const char *cs_renewed_hint(void);

#endif
