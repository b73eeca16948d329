/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What proof and policy add to a warm signature: examining the bytes, looking at the program again,
 * going through the rules. Prints median and lower decile of each step in nanoseconds.
 *
 * usage: bench-policy [ROUNDS]
 */
#include "message.h"
#include "policy/policy.h"
#include "socket/procfs.h"
#include "../unit/made-token.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <time.h>

#define BATCH 16 /* calls in one measurement: the clock takes its time, too */

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

struct stage {
    struct cs_inventory inventory;
    struct cs_procfs procfs;
    struct cs_policy plain, many;
    struct cs_proof_key key;
    uint8_t message[MESSAGE_SIZE];
    unsigned sum; /* so that nothing is optimised away */
};

static bool owns(const void *context, struct cs_bytes certificate)
{
    (void)context;
    (void)certificate;
    return false;
}

static void prove(struct stage *s)
{
    s->sum += cs_proof_of_message(CS_BYTES(s->message, MESSAGE_SIZE), &s->key).kind;
}

static void look(struct stage *s)
{
    s->sum += cs_procfs_look(&s->procfs);
    cs_procfs_describe(&s->procfs);
}

static void decide(struct stage *s, const struct cs_policy *policy)
{
    const struct cs_policy_facts facts = {.identity = s->inventory.identities[0],
        .program = &s->procfs.program,
        .proof = CS_PROOF_TLS13_CLIENT,
        .host = ""};

    s->sum += cs_policy_decide(policy, &facts).verdict;
}

static void decide_plain(struct stage *s)
{
    decide(s, &s->plain);
}

static void decide_many(struct stage *s)
{
    decide(s, &s->many);
}

static void all(struct stage *s)
{
    prove(s);
    look(s);
    decide(s, &s->many);
}

static void measure(struct stage *s, const char *name, void (*step)(struct stage *s), size_t rounds)
{
    uint64_t *values = calloc(rounds, sizeof(*values));

    if (!values)
        exit(1);
    for (size_t i = 0; i < rounds; i++) {
        uint64_t start = now();

        for (size_t k = 0; k < BATCH; k++)
            step(s);
        values[i] = (now() - start) / BATCH;
    }
    qsort(values, rounds, sizeof(*values), compare);
    printf(
        "%-34s %6ju %6ju\n", name, (uintmax_t)values[rounds / 2], (uintmax_t)values[rounds / 10]);
    free(values);
}

/* Twenty rules about other keys and programs, which all have to be passed over. */
static void write_rules(struct cs_policy *policy)
{
    cs_policy_init(policy);
    for (int i = 0; i < 20; i++) {
        char name[16], uri[64];
        const struct cs_setting settings[] = {
            {.file = "r.conf", .name = "sign", .value = "tls"},
            {.file = "r.conf",
                .name = "program",
                .value = i % 2 ? "/opt/*/bin/x, /usr/bin/y" : "/usr/bin/z"},
            {.file = "r.conf", .name = "identity", .value = uri},
        };

        snprintf(name, sizeof(name), "rule %d", i);
        snprintf(uri, sizeof(uri), "pkcs11:token=corp;object=key%d", i);
        for (int k = 0; k < 2 + i % 2; k++)
            if (cs_policy_take(policy, name, &settings[k], false, NULL) < 0)
                exit(1);
    }
    if (cs_policy_complete(policy, NULL) < 0)
        exit(1);
}

int main(int argc, char **argv)
{
    static struct stage s;
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    EVP_PKEY *key = make_key("P-256");
    struct cs_token *token = make_token("corp", 1, UNLOCKED);

    cs_inventory_init(&s.inventory);
    add_private(token, "alice", "\1", key);
    put_token(&s.inventory, token);
    s.key = (struct cs_proof_key){
        .spki = s.inventory.identities[0]->key->spki, .scheme = 0x0403, .owns = owns};
    message_make(s.message);
    cs_procfs_init(&s.procfs, pidfd_open(getppid(), 0), getppid());
    cs_policy_init(&s.plain);
    cs_policy_complete(&s.plain, NULL);
    write_rules(&s.many);
    printf("%-34s %6s %6s\n", "nanoseconds", "median", "decile");
    measure(&s, "proof of TLS 1.3", prove, rounds);
    measure(&s, "looking at the program", look, rounds);
    measure(&s, "policy, no rule", decide_plain, rounds);
    measure(&s, "policy, 20 rules", decide_many, rounds);
    measure(&s, "all of it, 20 rules", all, rounds);
    cs_policy_deinit(&s.plain);
    cs_policy_deinit(&s.many);
    cs_procfs_deinit(&s.procfs);
    cs_inventory_deinit(&s.inventory);
    EVP_PKEY_free(key);
    return s.sum == 0;
}
