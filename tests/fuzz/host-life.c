/* SPDX-License-Identifier: Apache-2.0 */
/* A host that broke a rule is given up with a sentence, one that broke none is not. */
#include "host-life.h"
#include "base/log.h"
#include "fake-clock.h"
#include "fuzz.h"
#include "token-host/host-message.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define TURNS 10000

struct host_life host_life;
static int open_before; /* descriptors */

bool host_life_is_up(void)
{
    enum cs_host_state state = cs_host_get_state(host_life.host);

    return state == CS_HOST_STATE_STARTING || state == CS_HOST_STATE_RUNNING;
}

void host_life_judge(enum host_verdict verdict)
{
    if (host_life.verdict == HOST_FINE)
        host_life.verdict = verdict;
}

/* What must be so at any time */

static void on_log(enum cs_log_level level, const char *line)
{
    (void)level;
    FUZZ_CHECK(line[0] && cs_text_is_clean(cs_bytes_of(line)));
}

void host_life_check(void)
{
    enum cs_host_state state = cs_host_get_state(host_life.host);
    struct cs_msg_module m;

    cs_host_describe(host_life.host, &m);
    FUZZ_CHECK(cs_text_is_clean(m.error));
    FUZZ_CHECK((m.pid == 0) == !fake_process.alive);
    FUZZ_CHECK(host_life_is_up() || host_life.inventory.n_tokens == 0);
    FUZZ_CHECK(state != CS_HOST_STATE_FAILED || m.error.len > 0);
    FUZZ_CHECK(state != CS_HOST_STATE_FAILED || !fake_process.alive || fake_process.killed ||
               host_life.renewing);
    FUZZ_CHECK(host_life.verdict != HOST_BROKEN || !host_life_is_up());
    if (host_life.verdict == HOST_FINE && fake_process.alive)
        FUZZ_CHECK(state == (host_life.scanned ? CS_HOST_STATE_RUNNING : CS_HOST_STATE_STARTING));
}

static void look_for_new_life(void)
{
    if (host_life.number == fake_process.lives)
        return;
    host_life.number = fake_process.lives;
    host_life.verdict = HOST_FINE;
    host_life.loaded = host_life.scanned = host_life.reported = host_life.renewing = false;
}

static void turn(void)
{
    uv_run(&host_life.loop, UV_RUN_NOWAIT);
    look_for_new_life();
}

void host_life_settle(void)
{
    int unread, rest = 3;

    for (unsigned turns = 0; rest > 0; turns++) {
        FUZZ_CHECK(turns < TURNS);
        rest--;
        turn();
        if (fake_process_listen() ||
            (fake_process.fd >= 0 && ioctl(fake_process.fd, SIOCOUTQ, &unread) == 0 && unread > 0 &&
                host_life_is_up()))
            rest = 3;
    }
    host_life_check();
}

void host_life_wait(unsigned n)
{
    host_life_judge(HOST_ANY);
    fake_clock_advance(n);
    for (int i = 0; i < 3; i++)
        turn();
}

/* What it says */

void host_life_say_octets(struct cs_bytes octets, size_t n_fds)
{
    if (!fake_process_say_octets(octets, n_fds))
        host_life_judge(HOST_ANY);
}

void host_life_say(uint16_t type, uint32_t id, struct cs_bytes body, size_t n_fds)
{
    if (!fake_process_say(type, id, body, n_fds))
        host_life_judge(HOST_ANY);
}

void host_life_say_token(uint32_t slot, bool whole)
{
    const struct cs_host_token token = {
        .slot = slot, .label = cs_bytes_of("corp"), .serial = cs_bytes_of("0123")};
    struct cs_buf body = CS_BUF_INIT(1024);

    cs_host_token_put(&body, &token);
    host_life_say(CS_HOST_TOKEN_BEGIN, 0, cs_buf_bytes(&body), 0);
    cs_buf_reset(&body);
    cs_host_number_put(&body, slot);
    if (whole)
        host_life_say(CS_HOST_TOKEN_END, 0, cs_buf_bytes(&body), 0);
    cs_buf_deinit(&body);
}

/* From its start to its end */

static void start_loop(void)
{
    static uv_async_t first; /* with it the loop gets a descriptor for all that come later */
    static bool started;

    if (started)
        return;
    started = true;
    FUZZ_CHECK(uv_loop_init(&host_life.loop) == 0);
    FUZZ_CHECK(uv_async_init(&host_life.loop, &first, NULL) == 0);
    uv_close((uv_handle_t *)&first, NULL);
    uv_run(&host_life.loop, UV_RUN_NOWAIT);
    cs_log_init(on_log, CS_LOG_DEBUG);
}

void host_life_begin(void (*changed)(void *user))
{
    static struct cs_audit audit;
    static struct cs_config config = {.module_timeout = HOST_TIMEOUT * 1000u};
    static const struct cs_module module = {(char *)"made", (char *)"/made.so", NULL};
    static struct cs_host_setting setting = {.loop = &host_life.loop,
        .program = "/",
        .config = &config,
        .prompt_program = "/",
        .inventory = &host_life.inventory,
        .audit = &audit};

    start_loop();
    open_before = fuzz_count_descriptors();
    setting.changed = changed;
    fake_process = (struct fake_process){.fd = -1};
    host_life.stopping = false;
    host_life.number = 0;
    cs_inventory_init(&host_life.inventory);
    FUZZ_CHECK(cs_host_new(&setting, &module, 0, &host_life.host) == 0);
    cs_host_start(host_life.host);
    look_for_new_life();
}

/* It ends by itself, or is killed a while later. */
void host_life_renew(void)
{
    bool was_up = host_life_is_up();

    if (!cs_host_renew(host_life.host))
        return;
    host_life_judge(HOST_ANY);
    host_life.renewing |= was_up; /* unless it was being renewed already */
}

void host_life_stop(void)
{
    host_life.verdict = HOST_ANY;
    host_life.stopping = true;
    cs_host_stop(host_life.host);
}

void host_life_end(void)
{
    fake_process.stubborn = false;
    if (fake_process.killed)
        fake_process_end(-9);
    host_life_stop();
    for (int i = 0; cs_host_get_state(host_life.host) != CS_HOST_STATE_STOPPED; i++) {
        FUZZ_CHECK(i < 6);
        host_life_wait(1);
    }
    host_life_check();
    FUZZ_CHECK(!fake_process.alive && host_life.inventory.n_tokens == 0);
    cs_host_free(host_life.host);
    turn();
    turn();
    FUZZ_CHECK(!uv_loop_alive(&host_life.loop));
    fake_process_hang_up();
    cs_inventory_deinit(&host_life.inventory);
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
}
