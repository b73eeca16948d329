/* SPDX-License-Identifier: Apache-2.0 */
/* The HELLO frame that opens every connection of a client. */
#ifndef CS_LIB_HELLO_H
#define CS_LIB_HELLO_H

#include "base/buf.h"

#define CS_HELLO_ID 1

/* Appends the whole frame. program may be NULL: then it is the name of the process. */
int cs_hello_put(struct cs_buf *buf, const char *program);

#endif
