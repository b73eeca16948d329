/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HELLO: how the program calls itself, and the terminal and display it runs at. The environment is
 * read once, when the client is made, for a program may change its own under other threads' feet.
 * What would not be a string of the protocol is left out: it must not cost us the connection.
 */
#include "lib/hello.h"
#include "base/message.h"
#include "base/runtime.h"
#include "base/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX 255
#define VALUE_MAX 4096

static struct cs_bytes program_name(const char *program)
{
    struct cs_bytes name = cs_bytes_of(program ? program : program_invocation_short_name);

    return name.len <= PROGRAM_MAX && cs_bytes_is_string(name) ? name : cs_bytes_of("?");
}

int cs_hello_put(struct cs_buf *buf, const char *program)
{
    struct cs_msg_hello hello = {
        .min_version = CS_PROTOCOL_VERSION,
        .max_version = CS_PROTOCOL_VERSION,
        .program = program_name(program),
    };
    struct cs_environment *environment = &hello.environment;
    size_t offset;

    for (const char *const *name = cs_runtime_prompt_variables; *name; name++) {
        struct cs_bytes value = cs_bytes_of(secure_getenv(*name));

        if (environment->n == CS_ENVIRONMENT_MAX)
            break;
        if (value.len == 0 || value.len > VALUE_MAX || !cs_bytes_is_string(value))
            continue;
        environment->entries[environment->n].name = cs_bytes_of(*name);
        environment->entries[environment->n++].value = value;
    }
    offset = cs_frame_begin(buf, CS_MSG_HELLO, CS_HELLO_ID);
    cs_msg_hello_put(buf, &hello);
    return cs_frame_end(buf, offset);
}
