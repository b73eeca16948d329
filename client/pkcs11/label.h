/* SPDX-License-Identifier: Apache-2.0 */
/* Labels that tell things apart, whatever a token says. */
#ifndef CS_PKCS11_LABEL_H
#define CS_PKCS11_LABEL_H

#include "pkcs11/memory.h"

struct cs_label_entry {
    uint64_t hash;
    unsigned n; /* how often it was wanted; 0: the entry is free */
};

/* Those given already, none at the start. Their memory is the caller's, and what is given, too. */
struct cs_labels {
    struct cs_memory **memory;
    struct cs_label_entry *entries; /* room of them, a power of two; half of them are free */
    size_t n, room;
};

/* The label wanted, or with " (2)" and so on behind it; at most max bytes, if max is not 0. */
int cs_labels_give(
    struct cs_labels *labels, struct cs_bytes wanted, size_t max, struct cs_bytes *given);

/* A set of names that may come more than once: counts one, and says how often it came. */
int cs_labels_count(struct cs_labels *labels, struct cs_bytes name);
unsigned cs_labels_n(const struct cs_labels *labels, struct cs_bytes name);

/* A copy without control characters and what is no UTF-8, and, unless they may stay, colons. */
struct cs_bytes cs_label_clean(struct cs_memory **memory, struct cs_bytes raw, bool colons);

#endif
