/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the agent. Times are in milliseconds. */
#ifndef CS_AGENT_LIMIT_H
#define CS_AGENT_LIMIT_H

/* Clients */
#define CS_LIMIT_CLIENTS 1024
#define CS_LIMIT_CLIENTS_REFUSED 64 /* that are being told so */
#define CS_LIMIT_REFUSED_TIME 2000
#define CS_LIMIT_DESCRIPTORS 4096 /* RLIMIT_NOFILE is raised to this */
#define CS_LIMIT_REQUESTS_PER_CLIENT 64
#define CS_LIMIT_REQUESTS 4096
#define CS_LIMIT_PINS_HANDED_OVER 8                /* awaited for one token at a time */
#define CS_LIMIT_OUTPUT_PAUSE (64u * 1024u)        /* reads nothing while more waits to be sent */
#define CS_LIMIT_OUTPUT (8u * 1024u * 1024u)       /* closes the connection beyond it */
#define CS_LIMIT_HOST_OUTPUT (64u * 1024u * 1024u) /* as above, to a token host */
#define CS_LIMIT_DESCRIPTORS_WAITING 4             /* received and not yet claimed by a frame */
#define CS_LIMIT_HELLO_TIME 10000
#define CS_LIMIT_PROGRAM_NAME 64
#define CS_LIMIT_ENVIRONMENT                                                                       \
    (8u * 1024u) /* of variables for prompts: requests to hosts have them */

/* Token hosts */
#define CS_LIMIT_MODULES 64
#define CS_LIMIT_TOKENS_PER_HOST 256
#define CS_LIMIT_OBJECTS_PER_TOKEN 4096
#define CS_LIMIT_TOKEN_BYTES (16u * 1024u * 1024u) /* of the objects of one token */
#define CS_LIMIT_OBJECTS_PER_HOST 16384            /* of all its tokens; what is more is left out */
#define CS_LIMIT_HOST_BYTES (32u * 1024u * 1024u)  /* of these */
#define CS_LIMIT_OBJECT_NAME 1024                  /* a label or a CKA_ID */
#define CS_LIMIT_CERTIFICATE (64u * 1024u)
#define CS_LIMIT_CERTIFICATES_PER_KEY 16
#define CS_LIMIT_CHAIN 10
#define CS_LIMIT_BUNDLE 64 /* certificates of the configuration */
#define CS_LIMIT_BUNDLE_FILE (1024 * 1024)
#define CS_LIMIT_FIRST_SCAN_TIME 10000 /* clients wait so long for the hosts at the start */
#define CS_LIMIT_MODULE_TIME_MIN 1000
#define CS_LIMIT_MODULE_TIME_MAX 3600000
#define CS_LIMIT_SILENCE_TIME 3000  /* of a token that may want to be touched */
#define CS_LIMIT_JOB_TIME_FACTOR 10 /* a job that others overtake may take so many times that */
#define CS_LIMIT_RESTART_DELAY_FIRST 100
#define CS_LIMIT_RESTART_DELAY_SECOND 1000
#define CS_LIMIT_RESTART_DELAY_MAX 60000
#define CS_LIMIT_RESTART_DELAY_NEW_MAX 3600000 /* of one that never ran */
#define CS_LIMIT_HOST_HEALTHY_TIME 60000       /* after it the next restart is quick again */
#define CS_LIMIT_HOST_RENEW_TIME 2000          /* after a start, and its end, none for a refresh */
#define CS_LIMIT_HOST_EXIT_TIME 1000           /* to end after it has closed its socket itself */
#define CS_LIMIT_HOST_STOP_TIME 3000 /* to end at the end of its socket, before it is killed */

/* Policy */
#define CS_LIMIT_KEPT (64u * 1024u)               /* of a message while its token is waited for */
#define CS_LIMIT_KEPT_LARGE (16u * 1024u * 1024u) /* of all messages that are larger, under way */
#define CS_LIMIT_RULES 1024
#define CS_LIMIT_RULE_ITEMS 256 /* programs or hosts of one rule */
#define CS_LIMIT_RULE_NAME 128  /* as it is shown */
#define CS_LIMIT_RATE 1000000   /* signatures in a period */
#define CS_LIMIT_RATES 256      /* pairs of rule and program that are counted */

/* Consent */
#define CS_LIMIT_CONSENTS 32             /* questions that wait for a person */
#define CS_LIMIT_GRANTS 256              /* answers that are remembered */
#define CS_LIMIT_REFUSAL_TIME 60000      /* a no holds for so long: Firefox tries again and again */
#define CS_LIMIT_UNANSWERED_TIME 3600000 /* which certificate to show is not asked again */

/* The record of uses */
#define CS_LIMIT_PROGRAMS_COUNTED 256
#define CS_LIMIT_AUDIT_FILE (4u * 1024u * 1024u) /* then a new one is begun */

/* Sentences */
#define CS_LIMIT_CANDIDATES 8 /* listed when a name is unknown or ambiguous */

#endif
