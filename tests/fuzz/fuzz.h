/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target offers, to libFuzzer or to replay.c, and how it says that a promise broke.
 */
#ifndef CS_TESTS_FUZZ_H
#define CS_TESTS_FUZZ_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FUZZ_DESCRIPTORS 256 /* no target has as many */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input that is a row of choices, octet by octet; zeros come after its end. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t fuzz_next(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

#define FUZZ_CHECK(promise)                                                                        \
    do {                                                                                           \
        if (!(promise)) {                                                                          \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* How many descriptors are open: more than before when one was lost. */
static inline int fuzz_count_descriptors(void)
{
    struct pollfd all[FUZZ_DESCRIPTORS];
    int n = 0;

    for (int fd = 0; fd < FUZZ_DESCRIPTORS; fd++)
        all[fd] = (struct pollfd){.fd = fd};
    FUZZ_CHECK(poll(all, FUZZ_DESCRIPTORS, 0) >= 0);
    for (int fd = 0; fd < FUZZ_DESCRIPTORS; fd++)
        n += !(all[fd].revents & POLLNVAL);
    return n;
}

#endif
