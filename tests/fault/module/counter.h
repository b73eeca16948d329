/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a process and is shared by all: how often rules fired, PIN tries used. */
#ifndef FAULT_COUNTER_H
#define FAULT_COUNTER_H

#include "script.h"

#include <stdatomic.h>
#include <stdint.h>

/* Which version of the script: what stat says of the file; all zero: there is none. */
struct fault_version {
    uint64_t inode, seconds, nanoseconds, size;
};

struct fault_rule_count {
    _Atomic uint32_t seen, fired;
};

struct fault_tries {
    unsigned char serial[16];
    _Atomic uint32_t wrong_user, wrong_so;
};

#define FAULT_SALT_LEN 16
#define FAULT_TOKENS_MAX 32

/* The file. */
struct fault_counters {
    uint64_t magic;
    struct fault_version armed;
    unsigned char salt[FAULT_SALT_LEN];
    struct fault_tries tokens[FAULT_TOKENS_MAX];
    struct fault_rule_count rules[FAULT_RULES_MAX];
};

bool fault_counter_open(int dirfd);
/* Starts the rules' counts afresh unless they already belong to this version. */
void fault_counter_arm(const struct fault_version *version);
struct fault_rule_count *fault_counter_rule(size_t rule);
/* The token's count, made when it is new; NULL when there are too many tokens. */
struct fault_tries *fault_counter_tries(const unsigned char serial[16]);
/* Random bytes, the same for all processes. */
const unsigned char *fault_counter_salt(void);

#endif
