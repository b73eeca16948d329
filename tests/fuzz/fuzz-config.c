/* SPDX-License-Identifier: Apache-2.0 */
/* agent/config: any file gives a whole configuration, or a sentence that names the file. */
#include "fuzz.h"

#include "config/config.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    struct cs_config *config = NULL;
    struct cs_places places;
    struct cs_fault fault = {0};
    int r;

    if (file < 0) {
        file = memfd_create("configuration", MFD_CLOEXEC);
        /* Everyone may write a new one, and such a file would not be read at all. */
        FUZZ_CHECK(file >= 0 && fchmod(file, 0600) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    FUZZ_CHECK(ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
    cs_places_find(&places, NULL, path);
    r = cs_config_load(&places, &config, &fault);
    if (r == 0)
        check_use(config);
    else
        FUZZ_CHECK(!config && fault.text[0]);
    cs_config_free(config);
    return 0;
}
