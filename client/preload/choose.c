/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload library's questions to the agent. OpenSSL has no way back from a certificate whose
 * key then does not sign: the handshake fails. So a locked token is unlocked before its certificate
 * is presented. That is done by a signature and not by UNLOCK, because a token that was locked on
 * purpose stays locked for programs until a person enters the PIN.
 *
 * There are no locks, because a child forked meanwhile would find them locked for ever.
 */
#include "preload/choose.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPACES "                " /* 16 */
#define CONTEXT "TLS 1.3, client CertificateVerify"
#define TRANSCRIPT_HASH 32

/* What a client of TLS 1.3 signs (RFC 8446, 4.4.3), so that what is decided about handshakes holds
 * for it; but of one whose hash is zero, which nobody has. */
static const char trial[64 + sizeof(CONTEXT) + TRANSCRIPT_HASH] =
    SPACES SPACES SPACES SPACES CONTEXT;

#define SIGNATURE_MAX 1024

struct agent {
    struct countersign_client *client;
    const char *identity; /* NULL: whichever suits */
};

static void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    countersign_client_free(agent->client);
    free((void *)agent->identity);
    free(agent);
}

static struct agent *agent_new(void)
{
    const char *identity = secure_getenv(CS_PRELOAD_IDENTITY);
    struct agent *agent = calloc(1, sizeof(*agent));

    if (agent && identity && *identity)
        agent->identity = strdup(identity);
    if (agent && countersign_client_new(&agent->client, NULL) == 0 &&
        (agent->identity || !identity || !*identity))
        return agent;
    agent_free(agent);
    return NULL;
}

/* One for the process; threads that race to make it agree on the first. */
static struct agent *get_agent(void)
{
    static _Atomic(struct agent *) only;
    struct agent *found = atomic_load(&only), *made;

    if (found)
        return found;
    made = agent_new();
    if (!made || atomic_compare_exchange_strong(&only, &found, made))
        return made;
    agent_free(made);
    return found;
}

static bool is_locked(const struct countersign_list *tokens, const char *uri)
{
    for (size_t i = 0; i < countersign_list_n(tokens); i++) {
        const struct countersign_token *token = countersign_list_token(tokens, i);
        unsigned flags = countersign_token_flags(token);

        if (strcmp(countersign_token_uri(token), uri) == 0)
            return flags & CS_TOKEN_LOGIN_REQUIRED && !(flags & CS_TOKEN_UNLOCKED);
    }
    return false;
}

/* A key that asks for a PIN at each signature would ask once more than needed. */
static int make_usable(const struct agent *agent, const struct countersign_identity *identity)
{
    struct countersign_list *tokens = NULL;
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    int r = countersign_list_tokens(agent->client, &tokens, NULL);
    bool locked = r == 0 && is_locked(tokens, countersign_identity_token_uri(identity));

    countersign_list_free(tokens);
    if (r < 0 || !locked ||
        countersign_identity_flags(identity) & CS_IDENTITY_ALWAYS_AUTHENTICATE ||
        countersign_identity_n_schemes(identity) == 0)
        return r;
    return countersign_sign(agent->client, countersign_identity_id(identity),
        countersign_identity_scheme(identity, 0), CS_INPUT_MESSAGE, trial, sizeof(trial), signature,
        &len, NULL);
}

int cs_choose(const struct countersign_criteria *criteria, struct countersign_identity **identityp)
{
    const struct agent *agent = get_agent();
    struct countersign_identity *identity = NULL;
    int r;

    if (!agent)
        return CS_ERR_MEMORY;
    if (agent->identity)
        r = countersign_resolve(agent->client, agent->identity, CS_EXPECT_KEY, &identity, NULL);
    else
        r = countersign_choose(agent->client, criteria, &identity, NULL);
    if (r == 0 &&
        (!countersign_identity_id(identity) || countersign_identity_n_chain(identity) == 0))
        r = CS_ERR_NOT_FOUND;
    if (r == 0)
        r = make_usable(agent, identity);
    if (r == 0)
        *identityp = identity;
    else
        countersign_identity_free(identity);
    return r;
}
