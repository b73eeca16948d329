/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys as a token tells them. */
#ifndef CS_TOKEN_HOST_OBJECT_H
#define CS_TOKEN_HOST_OBJECT_H

#include "token-host/host-message.h"
#include "token-host/module.h"

#define CS_OBJECT_VALUE_MAX (64u * 1024u)
#define CS_OBJECT_NAME_MAX 4096u
#define CS_OBJECTS_MAX 4096u

struct cs_object {
    CK_OBJECT_HANDLE handle; /* CK_INVALID_HANDLE: seen before a logout */
    uint8_t object_class;    /* enum cs_host_object_class */
    uint8_t key_type;
    uint32_t flags;
    struct cs_bytes label, cka_id, value; /* in store */
    uint8_t *store;
};

struct cs_objects {
    struct cs_object *items;
    size_t n;
};

void cs_objects_deinit(struct cs_objects *objects);
/* Puts a copy in. */
int cs_objects_store(struct cs_objects *objects, const struct cs_object *borrowed);

/* Told of each object as soon as it has been read. */
typedef void cs_object_found(void *user, const struct cs_object *object);

/* Reads all through the session. Objects that cannot be read, twice where that may help, or are too
 * large are left out with a warning that names the token; but where none can be read it is the
 * module that fails, as with any other failure: that is returned. */
CK_RV cs_objects_read(struct cs_module *module, CK_SESSION_HANDLE session, const char *token,
    cs_object_found *found, void *user, struct cs_objects *objects);

/* Whether both look alike from outside: the same but for handles. */
bool cs_objects_equal(const struct cs_objects *a, const struct cs_objects *b);
/* Whether a handle means the same in both. */
bool cs_objects_same_handles(const struct cs_objects *a, const struct cs_objects *b);

/* Copies the private keys of old that are not among objects into it, without their handles. */
int cs_objects_keep_private(struct cs_objects *objects, const struct cs_objects *old);
/* Takes the handles off private keys: after a logout they are void. */
void cs_objects_forget_private(struct cs_objects *objects);

#endif
