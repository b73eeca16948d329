/* SPDX-License-Identifier: Apache-2.0 */
/* What agent.c has for its transports, with a token host, a person and a clock that are ours. */
#include "fake-service.h"
#include "fake-clock.h"
#include "fake-host.h"
#include "fuzz.h"
#include "request/request.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* The first is the usual one: it asks nobody. */
static const char *const configurations[] = {
    "[agent]\nprompt = never\nwait-for-token = 1m\n"
    "[rule \"any\"]\nsign = tls, csr, digest\nrate = 1000/s\n",
    "[agent]\nwait-for-token = 2s\n[rule \"session\"]\nsign = tls, csr, digest\nconsent = "
    "session\n",
    "[agent]\nchoose = latest\n[host \"*.example\"]\nidentity = pkcs11:object=bob\n"
    "[rule \"always\"]\nsign = tls, csr, digest, data\nconsent = always\n",
    "[agent]\nprompt = never\n[rule \"few\"]\nsign = digest\nrate = 3/min\n",
};

static uv_loop_t loop;
static struct cs_service service;
static struct cs_host *host;
static struct cs_config *configs[N(configurations)];
static struct cs_config *denying;
static struct cs_fault mistake; /* why there is no other */
static bool disturbed;          /* the token is not what it was */

void fake_service_turn(void)
{
    cs_change_look(&service.change, &service.inventory, &service.watchers);
    cs_absent_look(&service.absent, &service.inventory);
}

/* As agent.c has it. */
static void on_hosts_changed(void *user)
{
    (void)user;
    cs_requests_look_again(&service);
}

static bool is_up(void)
{
    return cs_host_is_settled(host);
}

static void set_up(bool up)
{
    if (up == is_up())
        return;
    fake_host_set_up(host, up);
    on_hosts_changed(NULL);
}

/* Written long ago. */
static int make_file(const char *configuration, struct cs_places *places)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    int file = memfd_create("configuration", MFD_CLOEXEC);
    char path[64];

    FUZZ_CHECK(file >= 0 && fchmod(file, 0600) == 0);
    FUZZ_CHECK(write(file, configuration, strlen(configuration)) > 0);
    FUZZ_CHECK(futimens(file, long_ago) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    cs_places_find(places, NULL, path);
    return file;
}

static void load_configuration(const char *configuration, struct cs_config **configp)
{
    struct cs_fault fault = {0};
    struct cs_places places;
    int file = make_file(configuration, &places);

    FUZZ_CHECK(cs_config_load(&places, configp, &fault) == 0);
    close(file);
}

/* What the agent has that started on a mistake: it reads this file again at each request. */
static void make_mistake(void)
{
    struct cs_places *places = &service.rulebook.places;

    make_file("[agent]\npin-timeout = soon\n", places);
    FUZZ_CHECK(cs_config_load(places, &denying, &mistake) == CS_ERR_CONFIG);
    FUZZ_CHECK(cs_config_new_denying(&denying) == 0);
}

static void init(void)
{
    static struct cs_module module = {(char *)"made", (char *)"/made.so", NULL};
    struct cs_modules modules = {1, &module};
    const struct cs_host_setting setting = {
        .loop = &loop, .config = configs[0], .inventory = &service.inventory};

    service.loop = &loop;
    cs_rates_init(&service.rates);
    TAILQ_INIT(&service.requests);
    TAILQ_INIT(&service.logins);
    TAILQ_INIT(&service.watchers);
    service.consents = (struct cs_consents){.loop = &loop,
        .prompt_program = "/",
        .audit = &service.audit,
        .supervisor = &service.supervisor};
    cs_consents_start(&service.consents, &service.watchers);
    cs_inventory_init(&service.inventory);
    FUZZ_CHECK(cs_digest_init(&service.digest) == 0);
    cs_absent_init(&service.absent, &loop);
    cs_supervisor_init(&service.supervisor, &setting);
    service.supervisor.changed = on_hosts_changed;
    FUZZ_CHECK(cs_supervisor_start(&service.supervisor, &modules) == 0);
    host = service.supervisor.hosts[0];
    fake_service_configure(0);
}

void fake_service_configure(uint8_t which)
{
    const struct cs_environment display = {
        .n = 1, .entries = {{cs_bytes_of("DISPLAY"), cs_bytes_of(":0")}}};
    bool lacking = which >> 4 == 0xb;
    struct cs_config *config = lacking ? denying : configs[which % N(configs)];

    service.config = config;
    service.rulebook.config = config;
    service.rulebook.lacking = lacking;
    snprintf(service.rulebook.error, sizeof(service.rulebook.error), "%s",
        lacking ? cs_fault_text(&mistake, CS_ERR_CONFIG) : "");
    service.consents.config = config;
    service.consents.display = which < 0xc0 ? display : (struct cs_environment){0};
}

void fake_service_wait(unsigned seconds)
{
    fake_clock_advance(seconds);
    for (int i = 0; i < 3; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        fake_service_turn();
    }
}

/* Of a seed of fuzz-report. Its certificates issue no others, and so are parsed at once. */
struct picture {
    const char *path;
    uint8_t frames[4096];
    size_t size;
};

static void put_token(struct picture *picture)
{
    if (picture->size == 0) {
        FILE *file = fopen(picture->path, "rb");

        FUZZ_CHECK(file);
        picture->size = fread(picture->frames, 1, sizeof(picture->frames), file);
        fclose(file);
        FUZZ_CHECK(picture->size > 0 && picture->size < sizeof(picture->frames));
    }
    fake_host_report(host, CS_BYTES(picture->frames, picture->size));
    FUZZ_CHECK(service.inventory.n_tokens == 1);
}

static void put_usual_token(void)
{
    static struct picture picture = {.path = CS_SOURCE_ROOT "/tests/fuzz/seeds/report/leaf"};

    put_token(&picture);
}

/* With another's key beside it, which wants its PIN each time. */
static void put_fuller_token(void)
{
    static struct picture picture = {.path = CS_SOURCE_ROOT "/tests/fuzz/seeds/report/two-leaves"};

    put_token(&picture);
}

/* It shows nothing while it is locked. */
static void put_secretive_token(void)
{
    static struct picture picture = {.path = CS_SOURCE_ROOT "/tests/fuzz/seeds/report/secretive"};

    put_token(&picture);
}

/* TOKEN_STATE, or without one TOKEN_GONE, of the token if it is there. */
static void report(const struct cs_host_token_state *state)
{
    struct cs_buf frame = CS_BUF_INIT(256);
    size_t at;

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
    static const uint32_t states[] = {0x41, 0x43, 0x00, 0xffffffff, 0x45};

    disturbed = true;
    what %= 12;
    if (what >= 10)
        set_up(what == 11);
    else if (!is_up())
        return;
    else if (what == 0)
        report(NULL);
    else if (what < 3)
        put_usual_token();
    else if (what == 3)
        put_fuller_token();
    else if (what == 9)
        put_secretive_token();
    else
        report(&(struct cs_host_token_state){.slot = 1, .flags = states[what - 4], .since = 1});
}

void fake_service_recover(void)
{
    set_up(true);
}

size_t fake_service_count_waiting(void)
{
    const struct cs_absent_waiter *waiter;
    size_t n = 0;

    TAILQ_FOREACH(waiter, &service.absent.waiters, link)
    n++;
    return n;
}

/* But for what is only counted or looked up: the names of programs, and tokens that were here. */
bool fake_service_mend(void)
{
    bool was_disturbed = disturbed;

    cs_grants_deinit(&service.consents.grants);
    cs_grants_init(&service.consents.grants);
    service.consents.unanswered = 0;
    cs_rates_deinit(&service.rates);
    cs_rates_init(&service.rates);
    fake_service_configure(0);
    if (disturbed) {
        report(NULL);
        put_usual_token();
    }
    disturbed = false;
    return was_disturbed;
}

struct cs_service *fake_service_start(void)
{
    for (size_t i = 0; i < N(configs); i++)
        load_configuration(configurations[i], &configs[i]);
    make_mistake();
    FUZZ_CHECK(uv_loop_init(&loop) == 0);
    init();
    put_fuller_token(); /* all that ever is there was there before */
    fake_service_turn();
    put_usual_token();
    return &service;
}
