/* SPDX-License-Identifier: Apache-2.0 */
/* agent/config, agent/policy: any file gives a whole configuration, which decides on anything, or a
 * sentence that names the file. */
#include "fuzz.h"

#include "config/config.h"
#include "fake-service.h"
#include "policy/description.h"

#include <countersign/protocol.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A token host's frame can be made of whatever is accepted. */
static void check_use(const struct cs_config *config)
{
    struct cs_buf frame = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);

    for (size_t i = 0; i < config->n_modules; i++)
        FUZZ_CHECK(config->modules[i].name && config->modules[i].path);
    for (size_t i = 0; i < config->n_tokens; i++)
        FUZZ_CHECK(config->tokens[i].name);
    for (size_t i = 0; i < config->policy.n_rules; i++)
        FUZZ_CHECK(config->policy.rules[i].says_sign && !config->policy.rules[i].final);
    FUZZ_CHECK(cs_config_put(config, "/usr/libexec/countersign/countersign-prompt", &frame) == 0);
    cs_buf_deinit(&frame);
}

static void check_decision(const struct cs_policy *policy, const struct cs_policy_facts *facts)
{
    struct cs_decision decision = cs_policy_decide(policy, facts);
    char text[CS_DECISION_TEXT];

    FUZZ_CHECK(decision.rule && decision.verdict <= CS_VERDICT_DENY);
    FUZZ_CHECK(cs_decision_explain(&decision, facts, text)[0]);
    cs_decision_limit(&decision, UINT32_MAX);
    FUZZ_CHECK(!decision.rule->rate || decision.verdict == CS_VERDICT_DENY);
}

static void check_policy(const struct cs_config *config, const struct cs_inventory *inventory)
{
    static const struct cs_program programs[] = {{.path = "/usr/bin/curl", .unit = "c@d.service"},
        {.doubt = "it has ended", .app = "flatpak:org.mozilla.firefox"}};
    static const char *const hosts[] = {"", "api.corp.example"};
    struct cs_buf rules = CS_BUF_INIT(CS_FRAME_MAX);

    for (int i = 0; i < 4 * CS_PROOF_CSR + 4; i++)
        check_decision(
            &config->policy, &(const struct cs_policy_facts){.identity = inventory->identities[0],
                                 .program = &programs[i & 1],
                                 .program_name = "a program",
                                 .proof = (enum cs_proof_kind)(i / 4),
                                 .host = hosts[i >> 1 & 1]});
    for (size_t i = 0; i < 2; i++)
        cs_preferences_find(&config->preferences, cs_bytes_of(hosts[i]));
    cs_policy_put_rules(&config->policy, inventory, &rules);
    FUZZ_CHECK(rules.error == 0);
    cs_buf_deinit(&rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cs_service *service;
    static int file = -1;
    static char path[64];
    struct cs_config *config = NULL;
    struct cs_places places;
    struct cs_fault fault = {0};
    int r;

    if (file < 0) {
        service = fake_service_start();
        file = memfd_create("configuration", MFD_CLOEXEC);
        /* Everyone may write a new one, and such a file would not be read at all. */
        FUZZ_CHECK(file >= 0 && fchmod(file, 0600) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    FUZZ_CHECK(ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
    cs_places_find(&places, NULL, path);
    r = cs_config_load(&places, &config, &fault);
    if (r == 0) {
        check_use(config);
        check_policy(config, &service->inventory);
    } else {
        FUZZ_CHECK(!config && fault.text[0]);
    }
    cs_config_free(config);
    return 0;
}
