/* SPDX-License-Identifier: Apache-2.0 */
/* A token host on countersign-fault.so. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

struct softhsm_key rig_key, rig_home_key;

const struct cs_host_configure rig_by_command = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0001234", 12}}}};
const struct cs_host_configure rig_by_wrong_command = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0009999", 12}}}};

int rig_set_up(void **state)
{
    struct softhsm_object object, home;

    (void)state;
    softhsm_begin();
    control_begin(softhsm_folder());
    rig_key = softhsm_key_new("EC-P-256");
    rig_home_key = softhsm_key_new("EC-P-256");
    object = SOFTHSM_ROW(&rig_key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    home = SOFTHSM_ROW(&rig_home_key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    softhsm_add_token("corp", &object, 1);
    softhsm_add_token("home", &home, 1);
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    softhsm_key_free(&rig_key);
    softhsm_key_free(&rig_home_key);
    softhsm_end();
    return 0;
}

int rig_fresh(void **state)
{
    (void)state;
    control_clear();
    control_forgive();
    return 0;
}

struct host_token *rig_start(
    struct host *host, const char *script, const struct cs_host_configure *configure)
{
    control_script("%s\n", script);
    host_start(host, FAULT_MODULE, configure);
    return host_token(host, "corp");
}

struct host_token *rig_start_unlocked(struct host *host, const char *script)
{
    struct host_token *token = rig_start(host, script, &rig_by_command);

    assert_int_equal(host_login_auto(host, token, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(host, token, &rig_key, ID).text, "");
    return token;
}

void rig_end(struct host *host)
{
    assert_int_equal(host_stop(host), 0);
    assert_int_equal(control_count(" !", NULL), 0);
}

void rig_sign_all(struct host *host, const char *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t id;

        assert_string_equal(host_next_answer(host, &id).text, expected);
    }
}

void rig_ask_signatures(struct host *host, const struct host_token *token, size_t n)
{
    const struct softhsm_key *its = strcmp(token->label, "home") == 0 ? &rig_home_key : &rig_key;
    struct cs_bytes spki = softhsm_spki(its);
    uint8_t digest[32] = {3};
    struct cs_host_sign_request m = {.slot = token->slot,
        .spki = spki,
        .cka_id = ID,
        .scheme = 0x0403,
        .data = CS_BYTES(digest, sizeof(digest))};

    for (size_t i = 0; i < n; i++)
        host_ask_sign(host, &m);
    OPENSSL_free((void *)spki.data);
}

const char *rig_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", softhsm_folder(), name);
    return path;
}

void rig_write(const char *name, const char *content)
{
    FILE *file = fopen(rig_path(name), "we");
    int r;

    assert_non_null(file);
    fputs(content, file);
    r = fclose(file);
    assert_int_equal(r, 0);
}
