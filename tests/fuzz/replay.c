/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target in the normal suite: gives it each file of a directory, whole, cut off
 * at every length, and with every octet changed. A broken promise aborts, as under libFuzzer.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define SEED_MAX (64u * 1024u)

/* In memory of just this size, so that a byte too far is seen. */
static void give(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    FUZZ_CHECK(copy);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(uint8_t *seed, size_t size)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    size_t step = 1 + size / 1024; /* a long seed: not at every octet */

    give(seed, size);
    for (size_t at = 0; at < size; at += step) {
        give(seed, at);
        for (size_t i = 0; i < sizeof(changes); i++) {
            seed[at] ^= changes[i];
            give(seed, size);
            seed[at] ^= changes[i];
        }
    }
}

static size_t read_seed(const char *directory, const char *name, uint8_t *seed)
{
    char path[4096];
    size_t size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "rb");
    FUZZ_CHECK(file);
    size = fread(seed, 1, SEED_MAX, file);
    fclose(file);
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t seed[SEED_MAX];
    struct dirent **entries;
    int n, count = 0;

    FUZZ_CHECK(argc == 2);
    n = scandir(argv[1], &entries, NULL, alphasort);
    FUZZ_CHECK(n > 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            replay(seed, read_seed(argv[1], entries[i]->d_name, seed));
            printf("ok %d - %s\n", ++count, entries[i]->d_name);
            fflush(stdout);
        }
        free(entries[i]);
    }
    free(entries);
    FUZZ_CHECK(count > 0);
    printf("1..%d\n", count);
    return 0;
}
