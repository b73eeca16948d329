/* SPDX-License-Identifier: Apache-2.0 */
/* What a client signs in TLS 1.3 with SHA-256: by default the agent signs nothing less. */
#ifndef CS_TESTS_BENCH_MESSAGE_H
#define CS_TESTS_BENCH_MESSAGE_H

#include <stdint.h>
#include <string.h>

#define MESSAGE_SIZE 130

static inline void message_make(uint8_t message[MESSAGE_SIZE])
{
    static const char context[] = "TLS 1.3, client CertificateVerify"; /* and its zero */

    memset(message, 0, MESSAGE_SIZE);
    memset(message, ' ', 64);
    memcpy(message + 64, context, sizeof(context));
}

#endif
