/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given back all at once. */
#ifndef CS_PKCS11_MEMORY_H
#define CS_PKCS11_MEMORY_H

#include "base/buf.h"

struct cs_memory;

/* Zeroed, or NULL. */
void *cs_memory_take(struct cs_memory **memory, size_t size);
/* A copy; its data is NULL when there is no memory. */
struct cs_bytes cs_memory_copy(struct cs_memory **memory, struct cs_bytes bytes);
void cs_memory_free(struct cs_memory **memory);

#endif
