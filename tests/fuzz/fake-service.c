/* SPDX-License-Identifier: Apache-2.0 */
/* What agent.c has for its transports, with a token host that is ours. It asks nobody: signatures
 * of anything but bare data are allowed. */
#include "fake-service.h"
#include "fake-host.h"
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char configuration[] = "[agent]\nprompt = never\nwait-for-token = 1m\n"
                                    "[rule \"any\"]\nsign = tls, csr, digest\nrate = 1000/s\n";

static uv_loop_t loop;
static struct cs_service service;
static struct cs_host *host;
static bool disturbed; /* the token is not what it was */

void fake_service_turn(void)
{
    cs_change_look(&service.change, &service.inventory, &service.watchers);
    cs_absent_look(&service.absent, &service.inventory);
}

static void on_hosts_changed(void *user)
{
    (void)user;
}

static void load_configuration(struct cs_config **configp)
{
    int file = memfd_create("configuration", MFD_CLOEXEC);
    struct cs_fault fault = {0};
    struct cs_places places;
    char path[64];

    FUZZ_CHECK(file >= 0 && fchmod(file, 0600) == 0);
    FUZZ_CHECK(write(file, configuration, strlen(configuration)) > 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    cs_places_find(&places, NULL, path);
    FUZZ_CHECK(cs_config_load(&places, configp, &fault) == 0);
    close(file);
}

static void init(struct cs_config *config)
{
    static struct cs_module module = {(char *)"made", (char *)"/made.so", NULL};
    struct cs_modules modules = {1, &module};
    const struct cs_host_setting setting = {
        .loop = &loop, .config = config, .inventory = &service.inventory};

    service.loop = &loop;
    service.config = config;
    service.rulebook.config = config;
    cs_rates_init(&service.rates);
    TAILQ_INIT(&service.requests);
    TAILQ_INIT(&service.logins);
    TAILQ_INIT(&service.watchers);
    service.consents = (struct cs_consents){
        .loop = &loop, .prompt_program = "/", .config = config, .audit = &service.audit};
    cs_consents_start(&service.consents, &service.watchers);
    cs_inventory_init(&service.inventory);
    FUZZ_CHECK(cs_digest_init(&service.digest) == 0);
    cs_absent_init(&service.absent, &loop);
    cs_supervisor_init(&service.supervisor, &setting, &modules);
    service.supervisor.changed = on_hosts_changed;
    FUZZ_CHECK(cs_supervisor_start(&service.supervisor) == 0);
    host = service.supervisor.hosts[0];
}

/* The token of a seed of fuzz-report: its certificate issues no others, and so is parsed at once.
 */
static void put_token(void)
{
    static uint8_t frames[16384];
    static size_t size;

    if (size == 0) {
        FILE *file = fopen(CS_SOURCE_ROOT "/tests/fuzz/seeds/report/leaf", "rb");

        FUZZ_CHECK(file);
        size = fread(frames, 1, sizeof(frames), file);
        fclose(file);
        FUZZ_CHECK(size > 0);
    }
    fake_host_report(host, CS_BYTES(frames, size));
    FUZZ_CHECK(service.inventory.n_tokens == 1 && service.inventory.n_identities == 1);
}

/* TOKEN_STATE, or without one TOKEN_GONE, of the token if it is there. */
static void report(const struct cs_host_token_state *state)
{
    struct cs_buf frame = CS_BUF_INIT(256);
    size_t at;

    disturbed = true;
    if (service.inventory.n_tokens == 0)
        return;
    at = cs_frame_begin(&frame, state ? CS_HOST_TOKEN_STATE : CS_HOST_TOKEN_GONE, 0);
    if (state)
        cs_host_token_state_put(&frame, state);
    else
        cs_host_number_put(&frame, service.inventory.tokens[0]->slot);
    FUZZ_CHECK(cs_frame_end(&frame, at) == 0);
    fake_host_report(host, cs_buf_bytes(&frame));
    cs_buf_deinit(&frame);
}

void fake_service_disturb(uint8_t what)
{
    static const uint32_t states[] = {0x41, 0x43, 0x00, 0xffffffff};

    if (what % 8 == 0)
        report(NULL);
    else if (what % 8 < 4)
        put_token();
    else
        report(&(struct cs_host_token_state){.slot = 1, .flags = states[what % 4], .since = 1});
}

size_t fake_service_count_waiting(void)
{
    const struct cs_absent_waiter *waiter;
    size_t n = 0;

    TAILQ_FOREACH(waiter, &service.absent.waiters, link)
    n++;
    return n;
}

bool fake_service_mend_token(void)
{
    bool was_disturbed = disturbed;

    if (disturbed) {
        report(NULL);
        put_token();
    }
    disturbed = false;
    return was_disturbed;
}

struct cs_service *fake_service_start(void)
{
    struct cs_config *config = NULL;

    load_configuration(&config);
    FUZZ_CHECK(uv_loop_init(&loop) == 0);
    init(config);
    put_token();
    return &service;
}
